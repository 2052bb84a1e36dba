/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  The workers that run pipelines: job kind "pipeline".
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_WORKER_H
#define DP_PIPELINE_WORKER_H

/* From _PG_init: settings, shared memory, the job kind. */
extern void dp_pipeline_worker_init(void);

#endif							/* DP_PIPELINE_WORKER_H */
