/*-------------------------------------------------------------------------
 *
 * care.h
 *	  What is done when a run fails: retry, give up for a while, stop.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_CARE_H
#define DP_PIPELINE_CARE_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "pipeline/pipeline.h"

/* dataplat.pipeline.retry, with its defaults. */
typedef struct DpRetry
{
	int			max_attempts;	/* then the circuit opens */
	int64		initial_ms;		/* first wait; it grows by "backoff" */
	int64		max_ms;			/* the longest one, and that of an open circuit */
	double		backoff;
} DpRetry;

/* NULL: the defaults.  What cannot be read is a default, too. */
extern void dp_retry_read(const Jsonb *json, DpRetry *retry);

/* Why a run failed, as far as it tells what to do. */
typedef enum DpTrouble
{
	DP_TROUBLE_SERVER,			/* waiting helps: locks, disk, conflicts */
	DP_TROUBLE_DATA,			/* waiting helps only when the data changes */
	DP_TROUBLE_DEFINITION,		/* an input or a right is gone: somebody must look */
	DP_TROUBLE_FUSE				/* the run would have changed too much */
} DpTrouble;

/* What dp_pipeline_check_fuse throws: 54DP1. */
#define DP_ERRCODE_FUSE MAKE_SQLSTATE('5','4','D','P','1')

extern DpTrouble dp_trouble_of(int sqlerrcode);

/* A run that failed, in plain memory of the caller. */
typedef struct DpFailedRun
{
	const char *pipeline;
	const DpRetry *retry;
	int			failures;		/* before this one */
	DpRun		run;
	TimestampTz started_at;
	ErrorData  *error;
	TimestampTz next_run_at;	/* set by dp_care_record */
} DpFailedRun;

/*
 * Store the run and what follows from it, and log what is new about it.  In
 * a transaction with a snapshot, after the failed one was rolled back.
 */
extern void dp_care_record(DpFailedRun *failed);

/*
 * The ceilings of dataplat.pipeline.fuse: an error when the run passes one,
 * so that it is rolled back.  Called by the run, with the rights of the
 * extension's owner, before it is stored.
 */
extern void dp_pipeline_check_fuse(const DpPipeline *pipeline, const DpRun *run);

#endif							/* DP_PIPELINE_CARE_H */
