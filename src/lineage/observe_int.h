/*-------------------------------------------------------------------------
 *
 * observe_int.h
 *	  What is noted of a statement, from the hooks to the end of its transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_LINEAGE_OBSERVE_INT_H
#define DP_LINEAGE_OBSERVE_INT_H

#include "executor/execdesc.h"
#include "portability/instr_time.h"
#include "utils/timestamp.h"

#include "lineage/columns.h"

/* An edge by oids, with the names of the time for what is gone when it is written. */
typedef struct DpObservedEdge
{
	Oid			target;			/* InvalidOid: target_name only */
	const char *target_name;
	int			output;			/* 0: the whole */
	const char *output_name;
	Oid			source;
	AttrNumber	attno;
	const char *source_name;
	const char *source_column;
	DpLineageKind kind;
	bool		masking;
} DpObservedEdge;

typedef enum DpObservedState
{
	DP_OBSERVED_RUNNING,
	DP_OBSERVED_DONE,
	DP_OBSERVED_FAILED,
	DP_OBSERVED_ROLLED_BACK
} DpObservedState;

typedef struct DpObserved
{
	QueryDesc  *desc;			/* while it runs; NULL: a utility statement */
	uint64		key;			/* hash of the text and the place in it */
	SubTransactionId subid;
	DpObservedState state;
	int			sqlstate;
	const char *run_id;			/* NULL: none */
	const char *job;
	const char *command;
	const char *text;
	Oid			target;			/* of the statement itself */
	const char *target_name;
	List	   *edges;			/* DpObservedEdge, of all that it writes */
	int64		calls;
	int64		rows;
	double		ms;
	instr_time	start;
	TimestampTz at;
} DpObserved;

/* Notes live here until they are written. */
extern MemoryContext dp_observed_context(void);

/* The lineage of a query that was analysed, views kept as nodes; NULL: none, or it cannot be told. */
extern DpLineage *dp_observed_analyse(Query *query, const char *text);

/* Keep it (a copy) until its statement runs; ask for it then. */
extern void dp_observed_remember(uint64 key, DpLineage *lineage);
extern DpLineage *dp_observed_recall(uint64 key);

/* Tables of the platform and of the server are no datasets. */
extern bool dp_observed_is_internal(Oid relid);

/* Edges between datasets of all that a lineage writes, in the current memory context. */
extern List *dp_observed_edges(DpLineage *lineage);

/*
 * Write the notes in the current transaction, under the names that things have
 * now.  Nothing goes wrong for the caller; false: not written.
 */
extern bool dp_observed_write(List *notes);

/* Its setting, and the chore that forgets what is old. */
extern void dp_observed_record_init(void);

/*
 * Run it in a subtransaction of its own; what goes wrong there goes no further.
 * Unless what it did is to be kept, nothing stays of it, no lock either.
 */
extern bool dp_observed_guarded(void (*work) (void *), void *arg, bool keep);

#endif							/* DP_LINEAGE_OBSERVE_INT_H */
