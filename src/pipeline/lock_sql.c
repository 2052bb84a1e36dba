/*-------------------------------------------------------------------------
 *
 * lock_sql.c
 *	  Keep runs of a pipeline away while SQL changes it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "pipeline/pipeline.h"

extern PGDLLEXPORT Datum dp_lock_pipeline(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_lock_pipeline);

/* lock_pipeline(id): a run that is under way ends first. */
Datum
dp_lock_pipeline(PG_FUNCTION_ARGS)
{
	(void) dp_pipeline_lock(PG_GETARG_INT32(0), true);
	PG_RETURN_VOID();
}
