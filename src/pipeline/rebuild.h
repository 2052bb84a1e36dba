/*-------------------------------------------------------------------------
 *
 * rebuild.h
 *	  Computing a pipeline again, a chunk a run, beside its deltas.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_REBUILD_H
#define DP_PIPELINE_REBUILD_H

#include "pipeline/pipeline.h"
#include "pipeline/time.h"

typedef struct DpRebuild DpRebuild;

extern void dp_rebuild_init(void);

/* What the next chunk is; run->kind says rebuild or backfill from then on. */
extern void dp_rebuild_load(DpPipeline *pipeline, DpRun *run, DpRebuild **chunk);

/* Compute it, after the delta, under the same snapshot. */
extern void dp_rebuild_run(DpPipeline *pipeline, DpRebuild *chunk, DpTime *time, DpRun *run);

/* Move the cursor, or forget the rebuild: it is done, or (NULL) a full run did it. */
extern void dp_rebuild_store(DpPipeline *pipeline, DpRebuild *chunk, DpRun *run);

#endif							/* DP_PIPELINE_REBUILD_H */
