/*-------------------------------------------------------------------------
 *
 * time.h
 *	  Event time in a run: watermarks, late rows, windows held back.
 *
 * A run asks in this order:
 *
 *	  time = dp_time_load(pipeline);				before deltas are read
 *	  dp_time_observe(time, delta);					each delta, before it is used
 *	  dp_time_observe_table(time, relid);			instead, when all is computed afresh
 *	  dp_time_advance(time, run);
 *	  if (no delta and !dp_time_has_closing(time))	nothing to do
 *	  query = dp_time_query(time, query);			wherever present rows are read
 *	  keys = dp_time_settle_keys(time, keys);		touched keys
 *	  dp_time_filter_rows(time, rows);				what was computed
 *	  dp_time_finish(time, everything);
 *
 * Each function steps to the rights that it needs by itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_TIME_H
#define DP_PIPELINE_TIME_H

#include "changelog/changelog.h"
#include "pipeline/pipeline.h"

typedef struct DpTime DpTime;

extern void dp_time_init(void);

/*
 * NULL: the pipeline says nothing about time.  Adds the columns that it needs
 * of bronze inputs to what pipeline->query says is used.
 */
extern DpTime *dp_time_load(const DpPipeline *pipeline);

/* May rows of the inputs or of the result be left out?  Then states that are kept by adding would not be those of the query. */
extern bool dp_time_leaves_out(const DpTime *time);

/*
 * Take the event times of an input's new rows.  Rows that are late, and are
 * not to be merged, leave delta->new_rows.
 */
extern void dp_time_observe(DpTime *time, DpDelta *delta);
extern void dp_time_observe_table(DpTime *time, Oid relid);

/* Store what was observed and move the watermark; run->rows_late is counted up. */
extern void dp_time_advance(DpTime *time, DpRun *run);

/* Have windows that were held back closed?  They are work even without a delta. */
extern bool dp_time_has_closing(const DpTime *time);

/*
 * The query without the rows that came too late: what the target holds.  The
 * same when there are none; a changed copy otherwise.
 */
extern DpQuery *dp_time_query(DpTime *time, DpQuery *query);

/*
 * With emit => close; otherwise these do nothing.
 *
 * settle_keys: touched keys (the columns of pipeline->keys in their order) of
 * windows that are open are noted and left out, keys of windows that have
 * just closed come in.  Frees "keys".
 *
 * filter_rows: rows of the result that may not be in the target yet are noted
 * and left out: they are to be treated as if the query had not returned them.
 * Before dp_rows_name.
 *
 * finish: store what was noted; "everything": the whole result was filtered,
 * so nothing else is held back.  Without it nothing has happened.
 */
extern DpRows *dp_time_settle_keys(DpTime *time, DpRows *keys);
extern void dp_time_filter_rows(DpTime *time, DpRows *rows);
extern void dp_time_finish(DpTime *time, bool everything);

/* When a window that is held back closes although no row comes; 0: none does. */
extern TimestampTz dp_time_next_close(const DpTime *time);
#endif							/* DP_PIPELINE_TIME_H */
