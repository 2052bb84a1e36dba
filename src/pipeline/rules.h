/*-------------------------------------------------------------------------
 *
 * rules.h
 *	  Row rules of a target inside the runs that write it.
 *
 * The target is to be the query's result without the rows that a rule drops
 * or quarantines.  So every row that goes to it passes a sieve; where rows are
 * events, the events do, and a bad one counts as if it had not come.
 *
 * A quarantined row that was repaired and requeued is an override: as long as
 * the query yields just the row that was put aside, the repaired one stands
 * in its place, in whatever run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_RULES_H
#define DP_PIPELINE_RULES_H

#include "executor/tuptable.h"

#include "pipeline/apply_query.h"
#include "pipeline/pipeline.h"

typedef struct DpRules DpRules;
typedef struct DpSieve DpSieve;

/* What becomes of a row. */
typedef void (*DpSieveTake) (void *arg, TupleTableSlot *row);

/* For one run; NULL: the target has no row rules. */
extern DpRules *dp_rules_load(DpPipeline *pipeline, DpRunKind kind);

/* Rows of this run may have been judged before: nothing is put aside twice. */
extern void dp_rules_again(DpRules *rules);

/*
 * Rows of shape "desc" go to "keep" or, without, to "leave_out" (NULL:
 * nowhere).  Silent: nothing is counted and nothing is put aside.
 */
extern DpSieve *dp_sieve_open(DpRules *rules, TupleDesc desc, DpSieveTake keep, DpSieveTake leave_out,
							  void *arg, bool silent);
extern void dp_sieve_put(void *sieve, TupleTableSlot *row);
extern void dp_sieve_close(DpSieve *sieve);

/* Leave out of "rows" what the rules leave out. */
extern void dp_rules_filter(DpRules *rules, DpRows *rows, bool silent);

/* A row of this key is gone from the result: what stood aside for it is past. */
extern void dp_rules_touch(DpRules *rules, TupleTableSlot *row);

/* Error 23514 when rules say that the run must fail. */
extern void dp_rules_check(DpRules *rules);

/* The number of the run when one was taken ahead; 0: none. */
extern int64 dp_rules_run_id(const DpRules *rules);
extern int64 dp_rules_quarantined(const DpRules *rules);

/* Store results, and let pass what is past; as the extension. */
extern void dp_rules_store(DpRules *rules, const DpRun *run, TimestampTz started);

/* The results of the run that failed last, beside its record. */
extern void dp_rules_store_failed(const char *pipeline, int64 run_id, TimestampTz started);

/* A row as a person repaired it: "repaired" is jsonb as text; what it does not name is as in "row" (NULL: NULL). */
extern void dp_repaired_row(TupleDesc desc, TupleTableSlot *row, const char *repaired, TupleTableSlot *slot);

#endif							/* DP_PIPELINE_RULES_H */
