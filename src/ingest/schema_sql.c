/*-------------------------------------------------------------------------
 *
 * schema_sql.c
 *	  What create_source wants to know: the fields of a subject, and how deep
 *	  they may lie.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "common/compat.h"
#include "formats/path.h"
#include "ingest/schemas.h"

extern PGDLLEXPORT Datum dp_subject_fields(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_max_nested_levels(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_subject_fields);
PG_FUNCTION_INFO_V1(dp_max_nested_levels);

/* A registry may take so long to answer, milliseconds. */
#define DP_SUBJECT_ANSWER_MS 5000

static int
read_indexes(ArrayType *array, int *indexes)
{
	Datum	   *elems;
	int			n;

	deconstruct_array(array, INT4OID, 4, true, TYPALIGN_INT, &elems, NULL, &n);
	n = Min(n, DP_MAX_MESSAGE_INDEXES);
	for (int i = 0; i < n; i++)
		indexes[i] = DatumGetInt32(elems[i]);
	return n;
}

/*
 * (registry, role, subject, message_indexes, levels) -> (schema_id, guid, schema_type,
 * full_name, fields) of its latest version; NULLs when there is none.
 */
Datum
dp_subject_fields(PG_FUNCTION_ARGS)
{
	char	   *registry = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			indexes[DP_MAX_MESSAGE_INDEXES];
	DpMessagePath path = {indexes, 0};
	DpSchemaSource *source;
	const DpRegisteredSchema *schema;
	const char *full_name;
	TupleDesc	desc;
	DpError		error;
	Datum		values[5] = {0};
	bool		nulls[5] = {true, true, true, true, true};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!PG_ARGISNULL(3))
		path.n = read_indexes(PG_GETARG_ARRAYTYPE_P(3), indexes);
	source = dp_schema_source_open(registry, get_role_oid(NameStr(*PG_GETARG_NAME(1)), false),
								   CurrentMemoryContext);
	schema = dp_schema_source_latest(source, text_to_cstring(PG_GETARG_TEXT_PP(2)), DP_SUBJECT_ANSWER_MS);
	if (schema)
	{
		memset(nulls, 0, sizeof(nulls));
		values[0] = Int32GetDatum(schema->id);
		values[1] = UUIDPGetDatum(&schema->guid);
		values[2] = CStringGetTextDatum(schema->kind->name);
		full_name = schema->kind->full_name(schema->schema, &path);
		nulls[3] = full_name == NULL;
		values[3] = CStringGetTextDatum(full_name ? full_name : "");
		values[4] = dp_schema_fields(schema->kind, schema->schema, &path, PG_GETARG_INT32(4), &error);
		if (values[4] == (Datum) 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot tell the fields of subject \"%s\": %s",
							text_to_cstring(PG_GETARG_TEXT_PP(2)), error.message)));
	}
	values[0] = HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
	dp_schema_source_close(source);
	return values[0];
}

Datum
dp_max_nested_levels(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(DP_PATH_MAX_LEVELS);
}
