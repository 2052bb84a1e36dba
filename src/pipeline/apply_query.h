/*-------------------------------------------------------------------------
 *
 * apply_query.h
 *	  From changed inputs to a changed target, a way for each mode.
 *
 * All of these run as the pipeline's owner, under the run's snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_APPLY_QUERY_H
#define DP_PIPELINE_APPLY_QUERY_H

#include "pipeline/pipeline.h"
#include "pipeline/time.h"
#include "pipeline/writer.h"

typedef struct DpApply
{
	DpPipeline *pipeline;
	QueryEnvironment *env;
	DpDerive   *derive;			/* knows the changed inputs */
	DpTime	   *time;			/* NULL: event time does not matter */
	DpWriteCounts counts;
	const char *unknown;		/* why everything had to be compared; NULL: it had not */
} DpApply;

/* Rows of the query over what is new go to the end of the target. */
extern void dp_apply_append(DpApply *apply);

/* Compute the touched keys afresh and bring them to the target. */
extern void dp_apply_touched(DpApply *apply);

/* Compute everything and bring what differs to the target. */
extern void dp_apply_full(DpApply *apply);

/*
 * Modes upsert and scd2: rows of the query over what is new (afresh: over
 * everything) are events for the rule.
 */
extern void dp_apply_events(DpApply *apply, bool afresh);

/*
 * The same for aggregates that are kept by adding and taking away
 * (pipeline->additive), with their state in a table beside the target.
 */
extern void dp_apply_additive(DpApply *apply, bool afresh);

/* Its groups that the changes touch are computed afresh: they were added before. */
extern void dp_apply_again(DpApply *apply);

/* The rule that a live run follows, in words. */
extern const char *dp_apply_rule(const DpPipeline *pipeline);

/* ---- pieces of these ---- */
extern DpWriter *dp_apply_open(DpApply *apply);
extern void dp_apply_close(DpApply *apply, DpWriter *writer);
extern void dp_apply_put(DpWriter *writer, TupleDesc desc, DpRows *rows);

/* The same for rows of the target: those that its row rules leave out are removed. */
extern void dp_apply_put_judged(DpApply *apply, DpWriter *writer, DpRows *rows);

/* Remove the rows whose keys a query names, in the order of the result's columns. */
extern void dp_apply_remove(DpApply *apply, DpWriter *writer, const char *query);

/* Make the target hold just these rows. */
extern void dp_apply_wanted(DpApply *apply, DpRows *wanted);

/* Columns of the inputs that the mode needs besides those of the query, before deltas are read. */
extern void dp_apply_note_columns(DpPipeline *pipeline);

/* What the target shall hold: rows with the result's columns. */
extern DpRows *dp_wanted_rows(DpApply *apply);

/* "a", "b": columns of the result, or its keys. */
extern char *dp_result_columns(const DpPipeline *pipeline, bool keys_only);

/* The result's columns in the target, which may have more. */
extern char *dp_target_text(const DpPipeline *pipeline);

#endif							/* DP_PIPELINE_APPLY_QUERY_H */
