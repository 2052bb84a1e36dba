/*-------------------------------------------------------------------------
 *
 * rows.h
 *	  Rules over single rows, looked at where rows are written.
 *
 * A run or a batch opens the rules of its target for rows of one shape,
 * judges the rows some hundreds at a time, does with each what the verdict
 * says, and stores what came of it in its own transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUALITY_ROWS_H
#define DP_QUALITY_ROWS_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "executor/tuptable.h"
#include "nodes/pg_list.h"

typedef struct DpRowRules DpRowRules;

typedef enum DpRowVerdict
{
	DP_ROW_KEEP,
	DP_ROW_DROP,
	DP_ROW_QUARANTINE
} DpRowVerdict;

/* What is wrong with a row. */
typedef struct DpRowBreach
{
	int			row;
	DpRowVerdict verdict;
	int			fails;			/* a rule with action fail, from 1; 0: none */
	Datum		expectations;	/* bigint[]: all rules that it breaks */
	Datum		reasons;		/* text[]: their names, and the errors of those that had any */
} DpRowBreach;

/* Where a row comes from, and what names it; members may be missing. */
typedef struct DpRowOrigin
{
	const char *object_kind;	/* pipeline, source */
	const char *object;
	int64		run_id;			/* 0: none */
	int64		batch_id;
	const char *topic;			/* NULL: none, and nor are the next two */
	int32		partition;
	int64		offset;
} DpRowOrigin;

/* Rows that are judged at a time. */
#define DP_ROWS_AT_A_TIME 1000

/* Has a table rules that runs and batches look at? */
extern bool dp_row_rules_any(Oid dataset);

/*
 * The rules of a table that runs and batches look at, for rows of this shape,
 * whose columns are the table's by their names; keys are columns of the row.
 * NULL: there are none, which costs next to nothing.  Lives in a child of
 * CurrentMemoryContext.
 */
extern DpRowRules *dp_row_rules_open(Oid dataset, TupleDesc row, int nkeys, const AttrNumber *keys);

/*
 * Judge rows and count.  Returns what is wrong, in the order of the rows, with
 * those that break nothing left out; holds until the next call.  Rows are all
 * minimal tuples, or all heap tuples.
 */
extern List *dp_row_rules_judge(DpRowRules *rules, int n, const MinimalTuple *rows);
extern List *dp_row_rules_judge_heap(DpRowRules *rules, int n, const HeapTuple *rows);

/* The row's contents by its columns' names, and its key; jsonb, until the next key or call of judge. */
extern Datum dp_row_rules_contents(DpRowRules *rules, TupleTableSlot *row);
extern Datum dp_row_rules_key(DpRowRules *rules, TupleTableSlot *row, bool *isnull);

/* Put a row into dataplat.quarantine; returns its entry, 0 when an older one is left as it is. */
extern int64 dp_row_rules_put_aside(DpRowRules *rules, TupleTableSlot *row, const DpRowBreach *breach,
								   const DpRowOrigin *origin);

/* Counts as they are, to come back to when a part of the rows is judged again. */
extern void *dp_row_rules_mark(DpRowRules *rules);
extern void dp_row_rules_reset(DpRowRules *rules, void *mark);

/* Store a validation and a result for each rule. */
extern void dp_row_rules_store(DpRowRules *rules, const char *trigger, const DpRowOrigin *origin,
							   TimestampTz started_at);

/*
 * What is to be stored, as text of jsonb, for who stores it in another
 * transaction with dp_row_results_store.
 */
extern char *dp_row_rules_results(DpRowRules *rules);
extern void dp_row_results_store(const char *dataset, const char *results, const char *trigger,
								 const DpRowOrigin *origin, TimestampTz started_at);
extern const char *dp_row_rules_dataset(DpRowRules *rules);

/* Error 23514 that names them, when rules with action fail have failed. */
extern void dp_row_rules_check(DpRowRules *rules);

/* The same in words, palloc'd; NULL: none has. */
extern char *dp_row_rules_failure(DpRowRules *rules);
extern void dp_row_rules_close(DpRowRules *rules);

#endif							/* DP_QUALITY_ROWS_H */
