/*-------------------------------------------------------------------------
 *
 * writer.h
 *	  Bring rows to a target table: insert, update what differs, delete.
 *
 * Plain heap tables are written below the executor (index probe, buffered
 * multi-insert, HOT updates, change log fed by hand); anything with triggers,
 * generated columns, row security, foreign keys pointing at it or partitions
 * goes through SQL.  The writer chooses, with the rights of the current user,
 * who must be the pipeline's owner.
 *
 * A row whose supplied columns have the same bytes as what is there is left
 * alone.  Somebody else who changes the same rows meanwhile: error 40001, the
 * run starts again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_WRITER_H
#define DP_PIPELINE_WRITER_H

#include "access/attnum.h"
#include "executor/tuptable.h"

typedef struct DpWriter DpWriter;

typedef struct DpWriteCounts
{
	int64		inserted;
	int64		updated;
	int64		deleted;
	int64		unchanged;
	int64		late;			/* of the rules in apply.h: came after a newer row of the key */
} DpWriteCounts;

/*
 * Open a target for writing.  "row" describes the rows to come; its columns
 * are matched with the target's by name, a target column without one keeps
 * its default.  "keys" are column numbers of "row"; none: only
 * dp_writer_append may be used.  Errors: 42501, 42703, 42804 (columns that do
 * not fit, all of them in the detail), 0A000 (row security).
 */
extern DpWriter *dp_writer_open(Oid target, TupleDesc row, int nkeys, const AttrNumber *keys);

/*
 * What the row of this key shall be.  Rows that come in the order of their
 * keys are written faster, because what they need is in the caches.  Two rows of
 * one key in one run: error 21000 that names the key.
 */
extern void dp_writer_put(DpWriter *writer, TupleTableSlot *row);

/*
 * The same, but the old row is asked first.  "decide" sees the row that is
 * there (NULL: none) and the row to come, both in the target's columns; it
 * may change the values of columns of the new row that are not its key.
 * When rows are written through SQL it is called as late as dp_writer_close.
 */
typedef enum DpVerdict
{
	DP_VERDICT_PUT,
	DP_VERDICT_REMOVE,
	DP_VERDICT_KEEP				/* leave what is there */
} DpVerdict;

typedef DpVerdict (*DpWriterDecide) (void *arg, TupleTableSlot *old_row,
									 TupleTableSlot *new_row, int64 tag);

extern void dp_writer_decide_by(DpWriter *writer, DpWriterDecide decide, void *arg);
extern void dp_writer_offer(DpWriter *writer, TupleTableSlot *row, int64 tag);

/* The row of this key shall not be there; "row" is read in its key columns only. */
extern void dp_writer_remove(DpWriter *writer, TupleTableSlot *row);

/*
 * Remove every row whose key nobody put or offered: what was put is all
 * there is.  To be called once, after the last row.
 */
extern void dp_writer_remove_rest(DpWriter *writer);

/* One more row, whatever is there. */
extern void dp_writer_append(DpWriter *writer, TupleTableSlot *row);

/* Why the target is written through SQL, in words; NULL when it is not. */
extern const char *dp_writer_sql_reason(DpWriter *writer);

/* Write what is buffered, make it visible to later commands of this transaction, give back everything. */
extern void dp_writer_close(DpWriter *writer, DpWriteCounts *counts);

#endif							/* DP_PIPELINE_WRITER_H */
