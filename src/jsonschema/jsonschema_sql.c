/*-------------------------------------------------------------------------
 *
 * jsonschema_sql.c
 *	  Validation as a SQL function.
 *
 * A schema is compiled once for a call site and kept while it stays the same,
 * so checking the rows of a table costs one compilation.
 *
 * Data and schema come as jsonb or as JSON's text.  The text is read by our own
 * decoder to the form of a jsonb that no SQL sees, so it may hold \u0000.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "formats/sql.h"
#include "jsonschema/jsonschema.h"

#define VIOLATION_COLUMNS 3

PG_FUNCTION_INFO_V1(dp_json_schema_validate);
PG_FUNCTION_INFO_V1(dp_json_schema_validate_text);
PG_FUNCTION_INFO_V1(dp_json_schema_read);

extern PGDLLEXPORT Datum dp_json_schema_validate(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_json_schema_validate_text(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_json_schema_read(PG_FUNCTION_ARGS);

/* The schema of a call site. */
typedef struct CallSite
{
	struct varlena *schema_arg; /* what it was made of: jsonb or text */
	struct varlena *refs_arg;
	DpSchema   *schema;
	DpJsonDecoder *d;			/* of calls with text */
} CallSite;

static void
free_schema(CallSite *site)
{
	if (site->schema != NULL)
		dp_jsonschema_kind.free(site->schema);
	site->schema = NULL;
}

static void
free_site(void *arg)
{
	CallSite   *site = arg;

	free_schema(site);
	dp_json_decoder_destroy(site->d);
}

pg_noreturn static void
throw_error(const DpError *err)
{
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(err->sqlstate[0], err->sqlstate[1], err->sqlstate[2],
								   err->sqlstate[3], err->sqlstate[4])),
			 errmsg("%s", err->message),
			 err->detail[0] ? errdetail("%s", err->detail) : 0));
}

/*
 * After an error: true when the engine only made way for an interrupt, which is
 * served now and may throw; then the call is to be made again.
 */
static bool
made_way(const DpError *err)
{
	if (strcmp(err->sqlstate, DP_SQLSTATE_INTERRUPTED) != 0)
		return false;
	CHECK_FOR_INTERRUPTS();
	return true;
}

static DpSchema *
parse_schema(const char *written, size_t len, const DpSchemaRef *refs, int nrefs)
{
	DpError		err = {0};
	DpSchema   *schema;

	do
	{
		schema = dp_jsonschema_kind.parse(written, len, refs, nrefs, &err);
	} while (schema == NULL && made_way(&err));
	if (schema == NULL)
		throw_error(&err);
	return schema;
}

static bool
same_argument(const struct varlena *a, const struct varlena *b)
{
	return a != NULL && VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static struct varlena *
keep_argument(MemoryContext context, const struct varlena *argument)
{
	struct varlena *copy = MemoryContextAlloc(context, VARSIZE(argument));

	memcpy(copy, argument, VARSIZE(argument));
	return copy;
}

/* The form of a jsonb, valid until the next call; "argument" is what it is called. */
static const char *
read_text(CallSite *site, const struct varlena *json, const char *argument)
{
	static const DpJsonLimits limits = {
		.max_depth = DP_JSON_MAX_DEPTH_CEILING,
		.max_exponent = DP_JSON_MAX_EXPONENT_CEILING,
		.max_digits = DP_JSON_MAX_DIGITS_CEILING,
		.zero_bytes = true,
		.interruptible = true
	};
	DpError		err = {0};
	const char *jsonb;
	size_t		size;

	if (site->d == NULL)
		site->d = dp_json_decoder_create(&limits);
	if (site->d == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	do
	{
		jsonb = dp_json_to_jsonb(site->d, VARDATA(json), VARSIZE(json) - VARHDRSZ, &size, &err);
	} while (jsonb == NULL && made_way(&err));
	if (jsonb == NULL)
	{
		if (err.position != DP_NO_POSITION)
			snprintf(err.detail, sizeof(err.detail), "At byte %zu of the argument \"%s\".",
					 err.position, argument);
		throw_error(&err);
	}
	return jsonb;
}

/* A text member of an element of "refs". */
static char *
reference_member(JsonbContainer *element, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *v = getKeyJsonValueFromContainer(element, key, strlen(key), &buffer);

	if (v == NULL || v->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reference has no \"%s\"", key),
				 errhint("References are an array of {\"name\": ..., \"schema\": ...}, each before those that use it.")));
	return pnstrdup(v->val.string.val, v->val.string.len);
}

/* The schemas that may be referred to: [{"name": uri, "schema": object or text}]. */
static DpSchemaRef *
read_references(Jsonb *refs, int *n)
{
	DpSchemaRef *result;

	if (!JB_ROOT_IS_ARRAY(refs) || JB_ROOT_IS_SCALAR(refs))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("references are not an array")));
	*n = JB_ROOT_COUNT(refs);
	result = palloc0(Max(*n, 1) * sizeof(DpSchemaRef));
	for (int i = 0; i < *n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(&refs->root, i);
		JsonbValue	buffer;
		JsonbValue *schema;

		if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("reference number %d is not an object", i + 1)));
		result[i].name = reference_member(element->val.binary.data, "name");
		schema = getKeyJsonValueFromContainer(element->val.binary.data, "schema", 6, &buffer);
		if (schema != NULL && schema->type == jbvBinary)
			result[i].text = JsonbToCString(NULL, schema->val.binary.data, schema->val.binary.len);
		else
			result[i].text = reference_member(element->val.binary.data, "schema");
		result[i].len = strlen(result[i].text);
	}
	return result;
}

static CallSite *
site_of_call(FmgrInfo *flinfo)
{
	CallSite   *site = flinfo->fn_extra;
	MemoryContextCallback *callback;

	if (site != NULL)
		return site;
	callback = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(*callback));
	site = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(CallSite));
	callback->func = free_site;
	callback->arg = site;
	MemoryContextRegisterResetCallback(flinfo->fn_mcxt, callback);
	flinfo->fn_extra = site;
	return site;
}

/* Have the site's schema be of these arguments. */
static void
take_schema(CallSite *site, MemoryContext context, struct varlena *schema, bool as_text, Jsonb *refs)
{
	DpSchemaRef *references;
	DpSchema   *parsed;
	int			nrefs;

	if (same_argument(site->schema_arg, schema) &&
		same_argument(site->refs_arg, (struct varlena *) refs))
		return;
	references = read_references(refs, &nrefs);
	if (as_text)
	{
		/* No JSON is another error than no schema. */
		read_text(site, schema, "schema");
		parsed = parse_schema(VARDATA(schema), VARSIZE(schema) - VARHDRSZ, references, nrefs);
	}
	else
	{
		char	   *text = JsonbToCString(NULL, &((Jsonb *) schema)->root, VARSIZE(schema));

		parsed = parse_schema(text, strlen(text), references, nrefs);
	}
	free_schema(site);
	site->schema = parsed;
	if (site->schema_arg)
		pfree(site->schema_arg);
	if (site->refs_arg)
		pfree(site->refs_arg);
	site->schema_arg = site->refs_arg = NULL;
	site->schema_arg = keep_argument(context, schema);
	site->refs_arg = keep_argument(context, (struct varlena *) refs);
}

static bool
put_violation(void *arg, const DpJsViolation *violation)
{
	ReturnSetInfo *result = arg;
	Datum		values[VIOLATION_COLUMNS];
	bool		nulls[VIOLATION_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(violation->path);
	values[1] = CStringGetTextDatum(violation->keyword);
	values[2] = CStringGetTextDatum(violation->message);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return true;
}

static Datum
validate(FunctionCallInfo fcinfo, const CallSite *site, const char *jsonb, bool formats)
{
	DpError		err = {0};

	InitMaterializedSRF(fcinfo, 0);
	while (!dp_jsonschema_validate(site->schema, jsonb, formats, put_violation, fcinfo->resultinfo,
								   &err))
	{
		if (!made_way(&err))
			throw_error(&err);
		tuplestore_clear(((ReturnSetInfo *) fcinfo->resultinfo)->setResult);
	}
	return (Datum) 0;
}

/* Arguments: data, schema, refs, check_formats. */
Datum
dp_json_schema_validate(PG_FUNCTION_ARGS)
{
	CallSite   *site = site_of_call(fcinfo->flinfo);

	take_schema(site, fcinfo->flinfo->fn_mcxt, (struct varlena *) PG_GETARG_JSONB_P(1), false,
				PG_GETARG_JSONB_P(2));
	return validate(fcinfo, site, (const char *) PG_GETARG_JSONB_P(0), PG_GETARG_BOOL(3));
}

/* The same; data and schema are text. */
Datum
dp_json_schema_validate_text(PG_FUNCTION_ARGS)
{
	CallSite   *site = site_of_call(fcinfo->flinfo);

	take_schema(site, fcinfo->flinfo->fn_mcxt, (struct varlena *) PG_GETARG_TEXT_P(1), true,
				PG_GETARG_JSONB_P(2));
	return validate(fcinfo, site, read_text(site, (struct varlena *) PG_GETARG_TEXT_P(0), "data"),
					PG_GETARG_BOOL(3));
}

/* A message's values as text: one for each field, then the rest as jsonb. */
static Datum
read_columns(DpMessageReader *reader, const char *src, size_t len, int n)
{
	DpColumnValue *values = palloc0((n + 1) * sizeof(DpColumnValue));
	Datum	   *texts = palloc0((n + 1) * sizeof(Datum));
	bool	   *nulls = palloc0((n + 1) * sizeof(bool));
	DpError		err = {0};
	int			dims = n + 1;
	int			lower = 1;

	while (!reader->to_columns(reader, src, len, values, &err))
	{
		if (!made_way(&err))
			throw_error(&err);
	}
	for (int i = 0; i <= n; i++)
	{
		nulls[i] = values[i].isnull;
		if (nulls[i])
			continue;
		if (i == n)
			texts[i] = CStringGetTextDatum(JsonbToCString(NULL, &DatumGetJsonbP(values[i].value)->root,
														  VARSIZE(DatumGetPointer(values[i].value))));
		else if (values[i].deferred)
			texts[i] = PointerGetDatum(cstring_to_text_with_len(values[i].text, values[i].textlen));
		else
			texts[i] = values[i].value;
	}
	return PointerGetDatum(construct_md_array(texts, nulls, 1, &dims, &lower, TEXTOID, -1, false,
											  TYPALIGN_INT));
}

static void
free_reader(void *reader)
{
	((DpMessageReader *) reader)->free(reader);
}

/* Arguments: payload, schema, fields (columns of type text); as ingest reads a message. */
Datum
dp_json_schema_read(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	char	   *written = text_to_cstring(PG_GETARG_TEXT_PP(1));
	MemoryContextCallback *callback = palloc0(sizeof(*callback));
	DpReaderOptions options = {0};
	DpColumnSpec *columns;
	DpMessageReader *reader;
	DpSchema   *schema;
	DpError		err = {0};
	Datum	   *fields;
	bool	   *nulls;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT,
					  &fields, &nulls, &options.ncolumns);
	columns = palloc0(Max(options.ncolumns, 1) * sizeof(DpColumnSpec));
	for (int i = 0; i < options.ncolumns; i++)
	{
		columns[i].field = TextDatumGetCString(fields[i]);
		columns[i].csv_index = -1;
		columns[i].type = TEXTOID;
		columns[i].typmod = -1;
	}
	options.columns = columns;
	options.rescue = true;
	schema = parse_schema(written, strlen(written), NULL, 0);
	reader = dp_jsonschema_kind.reader(schema, &options, &err);
	dp_jsonschema_kind.free(schema);	/* a reader does not need it */
	if (reader == NULL)
		throw_error(&err);
	callback->func = free_reader;
	callback->arg = reader;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	PG_RETURN_DATUM(read_columns(reader, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload),
								 options.ncolumns));
}
