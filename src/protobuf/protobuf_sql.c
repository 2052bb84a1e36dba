/*-------------------------------------------------------------------------
 *
 * protobuf_sql.c
 *	  Protobuf as SQL functions.
 *
 * A call site keeps the schema it parsed last and its reader, for as long as
 * the next call names the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "catalog/pg_type.h"

#include "common/compat.h"
#include "formats/sql.h"
#include "protobuf/protobuf.h"

PG_FUNCTION_INFO_V1(dp_protobuf_decode_sql);
PG_FUNCTION_INFO_V1(dp_protobuf_encode_sql);
PG_FUNCTION_INFO_V1(dp_protobuf_print_sql);
PG_FUNCTION_INFO_V1(dp_protobuf_serialized_sql);
PG_FUNCTION_INFO_V1(dp_protobuf_diff_sql);
PG_FUNCTION_INFO_V1(dp_protobuf_fields_sql);
PG_FUNCTION_INFO_V1(dp_protobuf_columns_sql);
PG_FUNCTION_INFO_V1(dp_bench_protobuf);

extern PGDLLEXPORT Datum dp_protobuf_decode_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_protobuf_encode_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_protobuf_print_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_protobuf_serialized_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_protobuf_diff_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_protobuf_fields_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_protobuf_columns_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_bench_protobuf(PG_FUNCTION_ARGS);

#define MAX_MESSAGE_PATH 32		/* messages inside each other */

/* What malloc gave, freed with the memory context it hangs on. */
typedef struct Owned
{
	DpSchema   *schema;
	DpMessageReader *reader;
	DpBuf		out;
	MemoryContextCallback callback;
} Owned;

/* A call site's own. */
typedef struct Cache
{
	MemoryContext context;		/* of all below; reset when another schema comes */
	Owned	   *owned;
	text	   *schema;
	text	   *message;
	Jsonb	   *refs;
	int			indexes[MAX_MESSAGE_PATH];
	DpMessagePath path;
} Cache;

static void
free_owned(void *arg)
{
	Owned	   *owned = arg;

	if (owned->reader != NULL)
		owned->reader->free(owned->reader);
	if (owned->schema != NULL)
		dp_protobuf_kind.free(owned->schema);
	dp_buf_free(&owned->out);
}

static Owned *
new_owned(void)
{
	Owned	   *owned = palloc0(sizeof(*owned));

	owned->callback.func = free_owned;
	owned->callback.arg = owned;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &owned->callback);
	return owned;
}

/* Raise the error, unless it was an interrupt that is served here. */
static void
raise_or_retry(const DpError *err)
{
	if (strcmp(err->sqlstate, DP_SQLSTATE_INTERRUPTED) == 0)
	{
		CHECK_FOR_INTERRUPTS();
		return;
	}
	if (err->detail[0] == '\0')
		dp_sql_raise(err);
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(err->sqlstate[0], err->sqlstate[1], err->sqlstate[2],
								   err->sqlstate[3], err->sqlstate[4])),
			 errmsg("%s", err->message), errdetail("%s", err->detail)));
}

/* A text member of one of the references. */
static char *
ref_member(JsonbContainer *ref, const char *key, int *len)
{
	JsonbValue	room;
	JsonbValue *value = getKeyJsonValueFromContainer(ref, key, strlen(key), &room);

	if (value == NULL || value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("references must be an array of objects with \"name\" and \"schema\"")));
	*len = value->val.string.len;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static DpSchemaRef *
refs_of(Jsonb *refs, int *n)
{
	uint32		count = JB_ROOT_COUNT(refs);
	DpSchemaRef *result = palloc0(Max(count, 1) * sizeof(DpSchemaRef));

	if (!JB_ROOT_IS_ARRAY(refs) || JB_ROOT_IS_SCALAR(refs))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("references must be an array of objects with \"name\" and \"schema\"")));
	for (uint32 i = 0; i < count; i++)
	{
		JsonbValue *ref = getIthJsonbValueFromContainer(&refs->root, i);
		int			len;

		if (ref->type != jbvBinary || !JsonContainerIsObject(ref->val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("references must be an array of objects with \"name\" and \"schema\"")));
		result[i].name = ref_member(ref->val.binary.data, "name", &len);
		result[i].text = ref_member(ref->val.binary.data, "schema", &len);
		result[i].len = len;
	}
	*n = count;
	return result;
}

static DpSchema *
parse_schema(text *schema, Jsonb *refs)
{
	int			nrefs;
	DpSchemaRef *list = refs_of(refs, &nrefs);
	DpError		err;

	for (;;)
	{
		DpSchema   *result;

		err.detail[0] = '\0';
		result = dp_protobuf_kind.parse(VARDATA_ANY(schema), VARSIZE_ANY_EXHDR(schema),
										list, nrefs, &err);
		if (result != NULL)
			return result;
		raise_or_retry(&err);
	}
}

static bool
same(const void *a, const void *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static void *
keep(const void *varlena)
{
	void	   *copy = palloc(VARSIZE_ANY(varlena));

	memcpy(copy, varlena, VARSIZE_ANY(varlena));
	return copy;
}

static void
find_message(DpSchema *schema, const char *name, int *indexes, DpMessagePath *path)
{
	path->indexes = indexes;
	path->n = dp_protobuf_find_message(schema, name, indexes, MAX_MESSAGE_PATH);
	if (path->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("schema declares no message \"%s\"", name)));
}

/* The schema of the last call, or a new one parsed. */
static Cache *
cache_of(FunctionCallInfo fcinfo, text *schema, text *message, Jsonb *refs)
{
	Cache	   *cache = fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(*cache));
		cache->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "dataplat protobuf schema",
											   ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	if (cache->owned != NULL && same(cache->schema, schema) && same(cache->message, message) &&
		same(cache->refs, refs))
		return cache;
	cache->owned = NULL;
	MemoryContextReset(cache->context);
	old = MemoryContextSwitchTo(cache->context);
	cache->schema = keep(schema);
	cache->message = keep(message);
	cache->refs = keep(refs);
	{
		Owned	   *owned = new_owned();

		owned->schema = parse_schema(schema, refs);
		find_message(owned->schema, text_to_cstring(message), cache->indexes, &cache->path);
		cache->owned = owned;
	}
	MemoryContextSwitchTo(old);
	return cache;
}

static void
make_reader(Cache *cache, DpReaderOptions *options)
{
	DpError		err;

	options->path = cache->path;
	while (cache->owned->reader == NULL)
	{
		cache->owned->reader = dp_protobuf_kind.reader(cache->owned->schema, options, &err);
		if (cache->owned->reader == NULL)
			raise_or_retry(&err);
	}
}

Datum
dp_protobuf_decode_sql(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	Cache	   *cache = cache_of(fcinfo, PG_GETARG_TEXT_PP(1), PG_GETARG_TEXT_PP(2),
								 PG_GETARG_JSONB_P(3));
	DpReaderOptions options = {0};
	DpMessageReader *reader;
	DpError		err;

	make_reader(cache, &options);
	reader = cache->owned->reader;
	for (;;)
	{
		size_t		len;
		const char *jsonb;

		err.detail[0] = '\0';
		jsonb = reader->to_jsonb(reader, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload),
								 &len, &err);
		if (jsonb != NULL)
			return dp_sql_copy(jsonb, len, &err);
		if (strcmp(err.sqlstate, DP_SQLSTATE_INTERRUPTED) != 0)
			dp_sql_raise(&err);
		CHECK_FOR_INTERRUPTS();
	}
}

Datum
dp_protobuf_encode_sql(PG_FUNCTION_ARGS)
{
	Jsonb	   *data = PG_GETARG_JSONB_P(0);
	Cache	   *cache = cache_of(fcinfo, PG_GETARG_TEXT_PP(1), PG_GETARG_TEXT_PP(2),
								 PG_GETARG_JSONB_P(3));
	DpBuf	   *out = &cache->owned->out;
	DpError		err;
	bytea	   *result;

	do
	{
		dp_buf_reset(out);
		err.detail[0] = '\0';
		if (dp_protobuf_kind.encode(cache->owned->schema, &cache->path, (const char *) data,
									out, &err))
			break;
		raise_or_retry(&err);
	} while (true);
	if (out->len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("message is too long")));
	result = palloc(VARHDRSZ + out->len);
	SET_VARSIZE(result, VARHDRSZ + out->len);
	if (out->len > 0)
		memcpy(VARDATA(result), out->data, out->len);
	PG_RETURN_BYTEA_P(result);
}

Datum
dp_protobuf_print_sql(PG_FUNCTION_ARGS)
{
	Owned	   *owned = new_owned();
	DpError		err;

	owned->schema = parse_schema(PG_GETARG_TEXT_PP(0), PG_GETARG_JSONB_P(2));
	if (!dp_protobuf_kind.print(owned->schema, PG_GETARG_BOOL(1), &owned->out, &err))
		dp_sql_raise(&err);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(owned->out.data, owned->out.len));
}

Datum
dp_protobuf_serialized_sql(PG_FUNCTION_ARGS)
{
	Owned	   *owned = new_owned();
	DpError		err;

	owned->schema = parse_schema(PG_GETARG_TEXT_PP(0), PG_GETARG_JSONB_P(1));
	if (!dp_protobuf_serialized(owned->schema, &owned->out, &err))
		dp_sql_raise(&err);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(owned->out.data, owned->out.len));
}

static bool
put_difference(void *arg, const DpDifference *difference)
{
	ReturnSetInfo *result = arg;
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(difference->type);
	values[1] = CStringGetTextDatum(difference->path);
	values[2] = CStringGetTextDatum(difference->message);
	values[3] = BoolGetDatum(difference->compatible);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return true;
}

Datum
dp_protobuf_diff_sql(PG_FUNCTION_ARGS)
{
	Owned	   *old = new_owned();
	Owned	   *new = new_owned();
	DpError		err;

	InitMaterializedSRF(fcinfo, 0);
	old->schema = parse_schema(PG_GETARG_TEXT_PP(0), PG_GETARG_JSONB_P(2));
	new->schema = parse_schema(PG_GETARG_TEXT_PP(1), PG_GETARG_JSONB_P(3));
	if (!dp_protobuf_kind.diff(old->schema, new->schema, false, put_difference,
							   fcinfo->resultinfo, &err))
		raise_or_retry(&err);
	return (Datum) 0;
}

static bool
put_field(void *arg, const DpSchemaField *field)
{
	ReturnSetInfo *result = arg;
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(field->name);
	values[1] = CStringGetTextDatum(field->pg_type);
	values[2] = BoolGetDatum(field->nullable);
	values[3] = BoolGetDatum(field->has_default);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return true;
}

Datum
dp_protobuf_fields_sql(PG_FUNCTION_ARGS)
{
	Owned	   *owned = new_owned();
	DpMessagePath path = {0};
	int			indexes[MAX_MESSAGE_PATH];
	DpError		err;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		return (Datum) 0;
	owned->schema = parse_schema(PG_GETARG_TEXT_PP(0), PG_GETARG_JSONB_P(2));
	if (!PG_ARGISNULL(1))
		find_message(owned->schema, text_to_cstring(PG_GETARG_TEXT_PP(1)), indexes, &path);
	if (!dp_protobuf_kind.fields(owned->schema, &path, 0, put_field, fcinfo->resultinfo, &err))
		dp_sql_raise(&err);
	return (Datum) 0;
}

/* Specs from field and type names. */
static DpColumnSpec *
make_specs(ArrayType *fields, ArrayType *types, int *n)
{
	Datum	   *names;
	Datum	   *type_names;
	bool	   *nulls;
	int			ntypes;
	DpColumnSpec *specs;

	deconstruct_array(fields, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, n);
	deconstruct_array(types, TEXTOID, -1, false, TYPALIGN_INT, &type_names, &nulls, &ntypes);
	if (*n != ntypes)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("columns need as many types as fields")));
	specs = palloc0(Max(*n, 1) * sizeof(DpColumnSpec));
	for (int i = 0; i < *n; i++)
	{
		specs[i].field = TextDatumGetCString(names[i]);
		specs[i].csv_index = -1;

		/* 0 is "not missing_ok" up to 15 and "no error context" after. */
		parseTypeString(TextDatumGetCString(type_names[i]), &specs[i].type, &specs[i].typmod, 0);
	}
	return specs;
}

/* A decoded value as text, marked when it was left to the input function. */
static Datum
value_as_text(Oid type, int32 typmod, const DpColumnValue *value)
{
	Datum		datum = value->value;
	Oid			function;
	Oid			ioparam;
	bool		isvarlena;

	if (value->deferred)
	{
		getTypeInputInfo(type, &function, &ioparam);
		datum = OidInputFunctionCall(function, unconstify(char *, value->text), ioparam, typmod);
	}
	getTypeOutputInfo(type, &function, &isvarlena);
	return CStringGetTextDatum(psprintf("%s%s", value->deferred ? "~" : "",
										OidOutputFunctionCall(function, datum)));
}

/* Arguments: payload, schema, message, refs, fields text[], types text[], rescue. */
Datum
dp_protobuf_columns_sql(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	Cache	   *cache = cache_of(fcinfo, PG_GETARG_TEXT_PP(1), PG_GETARG_TEXT_PP(2),
								 PG_GETARG_JSONB_P(3));
	DpReaderOptions options = {0};
	DpColumnSpec *specs = make_specs(PG_GETARG_ARRAYTYPE_P(4), PG_GETARG_ARRAYTYPE_P(5),
									 &options.ncolumns);
	DpColumnValue *values;
	DpMessageReader *reader;
	Datum	   *texts;
	bool	   *nulls;
	DpError		err;
	int			n;
	int			lower = 1;

	options.columns = specs;
	options.rescue = PG_GETARG_BOOL(6);
	if (cache->owned->reader != NULL)
		cache->owned->reader->free(cache->owned->reader);
	cache->owned->reader = NULL;
	make_reader(cache, &options);
	reader = cache->owned->reader;
	n = options.ncolumns + options.rescue;
	values = palloc0(Max(n, 1) * sizeof(DpColumnValue));
	texts = palloc0(Max(n, 1) * sizeof(Datum));
	nulls = palloc0(Max(n, 1) * sizeof(bool));
	err.detail[0] = '\0';
	while (!reader->to_columns(reader, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload),
							   values, &err))
		raise_or_retry(&err);
	for (int i = 0; i < n; i++)
	{
		nulls[i] = values[i].isnull;
		if (!nulls[i])
			texts[i] = value_as_text(i < options.ncolumns ? specs[i].type : JSONBOID,
									 i < options.ncolumns ? specs[i].typmod : -1, &values[i]);
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(texts, nulls, 1, &n, &lower, TEXTOID, -1, false,
											 TYPALIGN_INT));
}

/* Nanoseconds to decode one message, to jsonb or to columns. */
Datum
dp_bench_protobuf(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	Jsonb	   *refs = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("[]")));
	Cache	   *cache = cache_of(fcinfo, PG_GETARG_TEXT_PP(1), PG_GETARG_TEXT_PP(2), refs);
	int			loops = PG_GETARG_INT32(3);
	DpReaderOptions options = {0};
	DpColumnValue *values;
	DpMessageReader *reader;
	instr_time	start;
	instr_time	end;

	options.columns = make_specs(PG_GETARG_ARRAYTYPE_P(4), PG_GETARG_ARRAYTYPE_P(5),
								 &options.ncolumns);
	if (cache->owned->reader != NULL)
		cache->owned->reader->free(cache->owned->reader);
	cache->owned->reader = NULL;
	make_reader(cache, &options);
	reader = cache->owned->reader;
	values = palloc0(Max(options.ncolumns, 1) * sizeof(DpColumnValue));
	INSTR_TIME_SET_CURRENT(start);
	for (int i = 0; i < loops; i++)
	{
		DpError		err;
		size_t		len;
		bool		good;

		CHECK_FOR_INTERRUPTS();
		if (options.ncolumns > 0)
			good = reader->to_columns(reader, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload),
									  values, &err);
		else
			good = reader->to_jsonb(reader, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload),
									&len, &err) != NULL;
		if (!good)
			dp_sql_raise(&err);
	}
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	PG_RETURN_FLOAT8(INSTR_TIME_GET_DOUBLE(end) * 1e9 / Max(loops, 1));
}
