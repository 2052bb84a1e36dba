/*-------------------------------------------------------------------------
 *
 * jsonschema_sql.c
 *	  Validation as a SQL function.
 *
 * A schema is compiled once for a call site and kept while it stays the same,
 * so checking the rows of a table costs one compilation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "formats/sql.h"
#include "jsonschema/jsonschema.h"

#define VIOLATION_COLUMNS 3

PG_FUNCTION_INFO_V1(dp_json_schema_validate);

extern PGDLLEXPORT Datum dp_json_schema_validate(PG_FUNCTION_ARGS);

/* The schema of a call site. */
typedef struct CallSite
{
	Jsonb	   *schema_arg;		/* what it was made of */
	Jsonb	   *refs_arg;
	DpSchema   *schema;
} CallSite;

static void
free_schema(void *arg)
{
	CallSite   *site = arg;

	if (site->schema != NULL)
		dp_jsonschema_kind.free(site->schema);
}

pg_noreturn static void
throw_error(const DpError *err)
{
	/* Most often the server wants to throw an error of its own. */
	if (strcmp(err->sqlstate, DP_SQLSTATE_INTERRUPTED) == 0)
		CHECK_FOR_INTERRUPTS();
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(err->sqlstate[0], err->sqlstate[1], err->sqlstate[2],
								   err->sqlstate[3], err->sqlstate[4])),
			 errmsg("%s", err->message),
			 err->detail[0] ? errdetail("%s", err->detail) : 0));
}

static bool
same_jsonb(const Jsonb *a, const Jsonb *b)
{
	return a != NULL && VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static Jsonb *
keep_jsonb(MemoryContext context, const Jsonb *jsonb)
{
	Jsonb	   *copy = MemoryContextAlloc(context, VARSIZE(jsonb));

	memcpy(copy, jsonb, VARSIZE(jsonb));
	return copy;
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
site_of_call(FunctionCallInfo fcinfo, Jsonb *schema, Jsonb *refs)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	CallSite   *site = flinfo->fn_extra;
	DpSchemaRef *references;
	DpSchema   *parsed;
	DpError		err = {0};
	char	   *text;
	int			nrefs;

	if (site == NULL)
	{
		MemoryContextCallback *callback = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(*callback));

		site = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(CallSite));
		callback->func = free_schema;
		callback->arg = site;
		MemoryContextRegisterResetCallback(flinfo->fn_mcxt, callback);
		flinfo->fn_extra = site;
	}
	if (same_jsonb(site->schema_arg, schema) && same_jsonb(site->refs_arg, refs))
		return site;

	references = read_references(refs, &nrefs);
	text = JsonbToCString(NULL, &schema->root, VARSIZE(schema));
	parsed = dp_jsonschema_kind.parse(text, strlen(text), references, nrefs, &err);
	if (parsed == NULL)
		throw_error(&err);
	free_schema(site);
	site->schema = parsed;
	if (site->schema_arg)
		pfree(site->schema_arg);
	if (site->refs_arg)
		pfree(site->refs_arg);
	site->refs_arg = NULL;
	site->schema_arg = keep_jsonb(flinfo->fn_mcxt, schema);
	site->refs_arg = keep_jsonb(flinfo->fn_mcxt, refs);
	return site;
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

/* Arguments: data, schema, refs, check_formats. */
Datum
dp_json_schema_validate(PG_FUNCTION_ARGS)
{
	Jsonb	   *data = PG_GETARG_JSONB_P(0);
	CallSite   *site = site_of_call(fcinfo, PG_GETARG_JSONB_P(1), PG_GETARG_JSONB_P(2));
	DpError		err = {0};

	InitMaterializedSRF(fcinfo, 0);
	if (!dp_jsonschema_validate(site->schema, (const char *) data, PG_GETARG_BOOL(3),
								put_violation, fcinfo->resultinfo, &err))
		throw_error(&err);
	return (Datum) 0;
}
