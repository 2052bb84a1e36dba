/*-------------------------------------------------------------------------
 *
 * client_sql.c
 *	  Reading registries from SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "registry/source_int.h"

extern PGDLLEXPORT Datum dp_fetch_schema(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_fetch_schema);

static const char *const answer_names[] = {
	[DP_SCHEMA_FOUND] = "found",
	[DP_SCHEMA_ASKED] = "asked",
	[DP_SCHEMA_UNKNOWN] = "unknown",
	[DP_SCHEMA_UNUSABLE] = "unusable"
};

/* fetch_schema(registry, by_id, by_guid, by_subject, timeout_ms) */
Datum
dp_fetch_schema(PG_FUNCTION_ARGS)
{
	char	   *registry = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			timeout_ms = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4);
	DpSchemaSource *source = dp_schema_source_open(registry, GetUserId(), CurrentMemoryContext);
	const DpRegisteredSchema *schema = NULL;
	DpSchemaAnswer answer;
	const DpError *error;
	Datum		values[6];
	bool		nulls[6] = {false, true, true, true, true, true};
	TupleDesc	desc;
	Datum		result;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!PG_ARGISNULL(3))
	{
		schema = dp_schema_source_latest(source, text_to_cstring(PG_GETARG_TEXT_PP(3)), timeout_ms);
		answer = schema ? DP_SCHEMA_FOUND : DP_SCHEMA_UNKNOWN;
	}
	else
	{
		DpSchemaKey key = {0};

		key.framing = PG_ARGISNULL(1) ? DP_FRAMING_HEADER : DP_FRAMING_PREFIX;
		if (!PG_ARGISNULL(1))
			key.id = PG_GETARG_INT32(1);
		else if (!PG_ARGISNULL(2))
			key.guid = *PG_GETARG_UUID_P(2);
		answer = dp_schema_source_fetch(source, &key, timeout_ms, &schema);
	}

	values[0] = CStringGetTextDatum(answer_names[answer]);
	if (schema)
	{
		values[1] = Int32GetDatum(schema->id);
		values[2] = UUIDPGetDatum(&schema->guid);
		values[3] = CStringGetTextDatum(schema->kind->name);
		values[4] = CStringGetTextDatum(schema->text);
		nulls[1] = schema->id == 0;
		nulls[2] = nulls[3] = nulls[4] = false;
	}
	error = dp_schema_source_error(source);
	if ((answer == DP_SCHEMA_UNUSABLE || answer == DP_SCHEMA_ASKED) && error)
	{
		values[5] = CStringGetTextDatum(psprintf("%s%s%s", error->message,
												 error->detail[0] ? ": " : "", error->detail));
		nulls[5] = false;
	}
	result = HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
	dp_schema_source_close(source);
	PG_RETURN_DATUM(result);
}
