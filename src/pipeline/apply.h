/*-------------------------------------------------------------------------
 *
 * apply.h
 *	  Rules that bring events to a target, where the order of arrival is not
 *	  the order of what happened.
 *
 * Input of both rules: the rows of the pipeline's query over new events, one
 * by one or in a tuplestore; "desc" has the columns of the result and one more at the
 * end, an int8 that says which row came later.  They run with the rights of
 * the current user, who must be the pipeline's owner.
 *
 * afresh: the rows are all events there are; what is in the target (and in
 * the rule's own table beside it) is made to say just that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_APPLY_H
#define DP_PIPELINE_APPLY_H

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "utils/tuplestore.h"

#include "pipeline/pipeline.h"
#include "pipeline/writer.h"

/*
 * Columns of the result that no target has: an array of names of columns
 * whose value the event does not carry, so that the old one stays; and, where
 * there is no delete_when, whether the event deletes.
 */
#define DP_KEEP_COLUMN "_keep"
#define DP_DELETE_COLUMN "_delete"

/*
 * One row a key: the event with the greatest sequence, and among equals the
 * one that came last.  An event for which delete_when holds takes the row
 * away and leaves a tombstone.
 */
typedef struct DpUpsert DpUpsert;

extern DpUpsert *dp_upsert_begin(DpPipeline *pipeline, TupleDesc desc, bool afresh, DpWriteCounts *counts);
extern void dp_upsert_add(DpUpsert *upsert, TupleTableSlot *row);
extern void dp_upsert_end(DpUpsert *upsert);	/* writes them */
extern void dp_apply_upsert(DpPipeline *pipeline, TupleDesc desc, Tuplestorestate *rows,
							bool afresh, DpWriteCounts *counts);

/* All versions of a key, each with the range in which it was valid. */
extern void dp_apply_scd2(DpPipeline *pipeline, TupleDesc desc, Tuplestorestate *rows,
						  int64 nrows, bool afresh, DpWriteCounts *counts);

/* Drop what the rules keep beside the target of a pipeline; as the extension's owner. */
extern void dp_apply_forget(int32 pipeline_id);

#endif							/* DP_PIPELINE_APPLY_H */
