/*-------------------------------------------------------------------------
 *
 * query_sql.c
 *	  The rows of a query run as pipelines run theirs, for tests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "common/compat.h"
#include "query/tree.h"

PG_FUNCTION_INFO_V1(dp_query_rows);

PGDLLEXPORT Datum dp_query_rows(PG_FUNCTION_ARGS);

/*
 * dataplat_internal.query_rows(query text)
 */
Datum
dp_query_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *statement = dp_statement_text(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	DestReceiver *dest = CreateTuplestoreDestReceiver();

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	SetTuplestoreDestReceiverParams(dest, result->setResult, CurrentMemoryContext, false, NULL, NULL);
	(void) dp_query_run_text(psprintf("SELECT q::pg_catalog.text FROM (%s) AS q", statement), create_queryEnv(), dest);
	dest->rDestroy(dest);
	PG_RETURN_NULL();
}
