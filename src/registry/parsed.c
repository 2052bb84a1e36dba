/*-------------------------------------------------------------------------
 *
 * parsed.c
 *	  Schemas that SQL functions of the registry have parsed.
 *
 * The languages know nothing of the server: what they make is malloc'ed, and
 * freed here by the memory context, whatever is thrown in between.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "registry/parsed.h"
#include "registry/registry.h"

static void
free_schema(void *arg)
{
	DpSchema   *schema = arg;

	schema->kind->free(schema);
}

static void
free_buffer(void *arg)
{
	dp_buf_free(arg);
}

static void
free_with_context(void (*function) (void *), void *arg)
{
	MemoryContextCallback *callback = palloc0(sizeof(*callback));

	callback->func = function;
	callback->arg = arg;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
}

const DpSchemaKind *
dp_parsed_kind(text *name)
{
	const char *str = text_to_cstring(name);
	const DpSchemaKind *kind = dp_schema_kind(str);

	if (kind == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid schema type \"%.50s\"", str),
				 errdetail_internal("error_code=42201"),
				 errhint("Allowed are AVRO, JSON and PROTOBUF.")));
	return kind;
}

bool
dp_parsed_again(const DpError *err)
{
	if (strcmp(err->sqlstate, DP_SQLSTATE_INTERRUPTED) == 0)
	{
		CHECK_FOR_INTERRUPTS();
		return true;
	}
	if (strcmp(err->sqlstate, DP_SQLSTATE_INVALID_SCHEMA) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid schema: %s", err->message),
				 err->position != DP_NO_POSITION && err->detail[0] != '\0' ?
				 errdetail_internal("error_code=42201\n%s At byte %zu.", err->detail, err->position) :
				 err->position != DP_NO_POSITION ?
				 errdetail_internal("error_code=42201\nAt byte %zu.", err->position) :
				 err->detail[0] != '\0' ?
				 errdetail_internal("error_code=42201\n%s", err->detail) :
				 errdetail_internal("error_code=42201")));
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(err->sqlstate[0], err->sqlstate[1], err->sqlstate[2],
								   err->sqlstate[3], err->sqlstate[4])),
			 errmsg("%s", err->message),
			 errdetail_internal("error_code=%s",
								strcmp(err->sqlstate, DP_SQLSTATE_LIMIT) == 0 ? "42209" : "42201")));
}

/* The array's elements as strings of the current context. */
static int
text_elements(Datum array, text ***elements)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &n);
	*elements = palloc0(sizeof(text *) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("name or text of a reference cannot be null")));
		(*elements)[i] = DatumGetTextPP(values[i]);
	}
	return n;
}

DpSchema *
dp_parsed_schema(const DpSchemaKind *kind, text *schema, Datum names, Datum texts)
{
	text	  **ref_names;
	text	  **ref_texts;
	int			n = text_elements(names, &ref_names);
	DpSchemaRef *refs;
	DpSchema   *parsed;
	DpError		err;

	if (text_elements(texts, &ref_texts) != n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("references need as many texts as names")));
	refs = palloc0(sizeof(DpSchemaRef) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		refs[i].name = text_to_cstring(ref_names[i]);
		refs[i].text = VARDATA_ANY(ref_texts[i]);
		refs[i].len = VARSIZE_ANY_EXHDR(ref_texts[i]);
	}

	do
	{
		memset(&err, 0, sizeof(err));
		parsed = kind->parse(VARDATA_ANY(schema), VARSIZE_ANY_EXHDR(schema), refs, n, &err);
	} while (parsed == NULL && dp_parsed_again(&err));

	free_with_context(free_schema, parsed);
	return parsed;
}

DpBuf *
dp_parsed_buffer(void)
{
	DpBuf	   *buf = palloc0(sizeof(*buf));

	free_with_context(free_buffer, buf);
	return buf;
}
