/*-------------------------------------------------------------------------
 *
 * time_sql.c
 *	  What was read off a query about time, for the checks at creation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/ruleutils.h"

#include "pipeline/internal.h"
#include "pipeline/time_int.h"

PG_FUNCTION_INFO_V1(dp_resolve_event_time);

extern PGDLLEXPORT Datum dp_resolve_event_time(PG_FUNCTION_ARGS);

static char *text_of(FunctionCallInfo fcinfo, int n);
static char *result_json(const List *inputs, const DpWindowEnd *end, TupleDesc desc);

/*
 * resolve_event_time(owner, search_path, time_zone, query, keys, lookups,
 * event_column, expression, relation, window_end, closes) returns jsonb
 *
 * {"inputs": [{"relation", "expression", "partitions"}], "window_end": {"column", "of_key"}}
 */
Datum
dp_resolve_event_time(PG_FUNCTION_ARGS)
{
	DpPipeline	pipeline = {0};
	DpTimeSettings settings = {0};
	DpWindowEnd end = {0};
	DpQuery    *query;
	List	   *keys;
	List	   *lookups = NIL;
	List	   *inputs;
	ListCell   *lc;
	DpRoleScope scope;
	char	   *json;

	pipeline.owner = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	pipeline.search_path = text_of(fcinfo, 1);
	pipeline.time_zone = text_of(fcinfo, 2);
	keys = dp_text_list(PG_ARGISNULL(4) ? (Datum) 0 : PG_GETARG_DATUM(4), PG_ARGISNULL(4));
	settings.column = text_of(fcinfo, 6);
	settings.expression = text_of(fcinfo, 7);
	settings.relation = text_of(fcinfo, 8);
	settings.window_end = text_of(fcinfo, 9);
	settings.closes = !PG_ARGISNULL(10) && PG_GETARG_BOOL(10);

	dp_enter_owner(&pipeline, &scope);
	query = dp_query_analyze(text_of(fcinfo, 3));
	foreach(lc, dp_text_list(PG_ARGISNULL(5) ? (Datum) 0 : PG_GETARG_DATUM(5), PG_ARGISNULL(5)))
		lookups = lappend_oid(lookups, dp_relation_by_name(lfirst(lc)));
	inputs = dp_event_inputs(query, &settings, keys, lookups);
	foreach(lc, inputs)
	{
		const DpEventInput *input = lfirst(lc);

		if (!dp_is_bronze(input->relid))
			dp_event_time_is_captured(query, input);
	}
	if (settings.closes)
		dp_window_end(query, &settings, keys, &end);
	json = result_json(inputs, &end, query->desc);
	dp_role_leave(&scope);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
}

static char *
text_of(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static char *
result_json(const List *inputs, const DpWindowEnd *end, TupleDesc desc)
{
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"inputs\": [");
	foreach(lc, inputs)
	{
		const DpEventInput *input = lfirst(lc);

		appendStringInfoString(&out, foreach_current_index(lc) > 0 ? ", {\"relation\": " : "{\"relation\": ");
		escape_json(&out, input->relation);
		appendStringInfoString(&out, ", \"expression\": ");
		escape_json(&out, deparse_expression(input->time, deparse_context_for("r", input->relid), false, false));
		appendStringInfo(&out, ", \"partitions\": %s}", input->partition != 0 ? "true" : "false");
	}
	appendStringInfoString(&out, "], \"window_end\": ");
	if (end->kind == DP_END_NONE)
		appendStringInfoString(&out, "null}");
	else
	{
		appendStringInfoString(&out, "{\"column\": ");
		escape_json(&out, NameStr(TupleDescAttr(desc, end->column - 1)->attname));
		appendStringInfo(&out, ", \"of_key\": %s}}", end->key > 0 ? "true" : "false");
	}
	return out.data;
}
