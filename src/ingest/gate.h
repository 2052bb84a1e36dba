/*-------------------------------------------------------------------------
 *
 * gate.h
 *	  Row rules of a bronze table, looked at before a batch is written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_GATE_H
#define DP_INGEST_GATE_H

#include "access/htup.h"
#include "datatype/timestamp.h"

#include "ingest/batch.h"
#include "ingest/source.h"

typedef struct DpGate DpGate;

/* What outlives a batch that rules have stopped. */
typedef struct DpGateFailure
{
	char	   *dataset;
	char	   *results;		/* for dp_row_results_store */
	TimestampTz started_at;
} DpGateFailure;

/*
 * The rules of the source's target, for one transaction; NULL: there are none,
 * which costs next to nothing.  "batch" is NULL where single rows are judged.
 */
extern DpGate *dp_gate_open(DpSource *source, DpBatch *batch);

/*
 * Judge the tuples of rows from "first" on, and put aside what is to be put
 * aside.  The tuples that may be written are moved to the front; returns how
 * many.
 */
extern int	dp_gate_pass(DpGate *gate, int first, HeapTuple *tuples, int n);

/* Judged rows from lo to hi are to be judged again: their savepoint was rolled back. */
extern void *dp_gate_mark(DpGate *gate);
extern void dp_gate_back(DpGate *gate, void *mark, int lo, int hi);

/* Why rules stop the batch, palloc'd; NULL: they do not. */
extern char *dp_gate_failure(DpGate *gate, DpGateFailure *failure);

/* Rows that do not come to the table are no rows of their partitions. */
extern void dp_gate_account(const DpGate *gate, DpBatchPart *parts);

/* Store the validation of the batch and a result for each rule. */
extern void dp_gate_store(DpGate *gate);

/* One row: what is wrong with it, text[]; (Datum) 0 when it may be written. */
extern Datum dp_gate_refusal(DpGate *gate, HeapTuple tuple);

/* And what came of the rules for those that were judged, as text of jsonb. */
extern char *dp_gate_results(DpGate *gate);

/* NULL is closed already. */
extern void dp_gate_close(DpGate *gate);

#endif							/* DP_INGEST_GATE_H */
