/*-------------------------------------------------------------------------
 *
 * listen_sql.c
 *	  dataplat_internal.web_addresses(): what dataplat.web_listen names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "web/listen.h"
#include "web/settings.h"

extern PGDLLEXPORT Datum dp_web_addresses(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_web_addresses);

Datum
dp_web_addresses(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	foreach(lc, dp_listen_databases(dp_web_listen, dp_web_database))
	{
		Datum		values[1];
		bool		nulls[1] = {false};

		values[0] = CStringGetTextDatum(lfirst(lc));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
