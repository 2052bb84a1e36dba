/*-------------------------------------------------------------------------
 *
 * trace.c
 *	  Rows of the inputs behind a row of the target, as an SQL function.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "pipeline/apply_query.h"
#include "pipeline/internal.h"

PG_FUNCTION_INFO_V1(dp_trace_inputs);

extern PGDLLEXPORT Datum dp_trace_inputs(PG_FUNCTION_ARGS);

static void
put_row(void *arg, Oid relid, Datum row)
{
	ReturnSetInfo *rsinfo = arg;
	Datum		values[2] = {ObjectIdGetDatum(relid), row};
	bool		nulls[2] = {false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* The key as one row of the result's types; *columns: their places. */
static DpRows *
key_row(const DpPipeline *pipeline, const char *key, QueryEnvironment *env, List **columns)
{
	TupleDesc	result = pipeline->query->desc;
	TupleDesc	desc = CreateTemplateTupleDesc(list_length(pipeline->key_columns));
	StringInfoData text;
	DpRows	   *rows;
	DestReceiver *dest;
	ListCell   *lc;
	int			n = 0;

	initStringInfo(&text);
	appendStringInfoString(&text, "SELECT ");
	foreach(lc, pipeline->key_columns)
	{
		Form_pg_attribute attr = TupleDescAttr(result, lfirst_int(lc));

		appendStringInfo(&text, "%s(k.j ->> %s)::%s", n > 0 ? ", " : "", quote_literal_cstr(NameStr(attr->attname)),
						 format_type_extended(attr->atttypid, attr->atttypmod,
											  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		TupleDescCopyEntry(desc, ++n, result, lfirst_int(lc) + 1);
	}
	appendStringInfo(&text, " FROM (SELECT %s::pg_catalog.jsonb) AS k (j)", quote_literal_cstr(key));
	*columns = pipeline->key_columns;
	rows = dp_rows_new(env, desc);
	dest = dp_rows_receiver(rows);
	rows->n = n == 0 ? 0 : (int64) dp_query_run_text(text.data, env, dest);
	dest->rDestroy(dest);
	dp_rows_name(rows);
	return rows;
}

/* trace_inputs(pipeline text, key jsonb, max_rows int) returns (relation oid, contents jsonb) */
Datum
dp_trace_inputs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	DpPipeline *pipeline = dp_pipeline_load(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char	   *key = JsonbToCString(NULL, &PG_GETARG_JSONB_P(1)->root, -1);
	int			max_rows = PG_GETARG_INT32(2);
	QueryEnvironment *env = create_queryEnv();
	DpRoleScope scope;
	List	   *columns;
	DpRows	   *keys;

	InitMaterializedSRF(fcinfo, 0);
	PushActiveSnapshot(GetTransactionSnapshot());
	dp_enter_owner(pipeline, &scope);
	keys = key_row(pipeline, key, env, &columns);
	dp_derive_trace(dp_derive_new(pipeline->query, env), columns, keys, max_rows, put_row, rsinfo);
	dp_role_leave(&scope);
	PopActiveSnapshot();
	return (Datum) 0;
}
