/*-------------------------------------------------------------------------
 *
 * kind.c
 *	  JSON Schema as one of the languages that schemas are written in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "jsonschema/check.h"
#include "jsonschema/kind.h"

static DpSchema *
parse(const char *text, size_t len, const DpSchemaRef *refs, int nrefs, DpError *err)
{
	DpJsProgram *program = dp_js_program_build(text, len, refs, nrefs, DP_JS_DEFAULT_DRAFT,
											   false, err);

	return program == NULL ? NULL : &program->base;
}

static void
release(DpSchema *schema)
{
	dp_js_program_release((DpJsProgram *) schema);
}

static bool
print(const DpSchema *schema, bool normalize, DpBuf *out, DpError *err)
{
	dp_js_value_print(((const DpJsProgram *) schema)->document, normalize, out);
	return out->oom ? dp_out_of_memory(err) : true;
}

static const char *
full_name(const DpSchema *schema, const DpMessagePath *path)
{
	return dp_js_get_string(((const DpJsProgram *) schema)->document, "title");
}

bool
dp_jsonschema_validate(const DpSchema *schema, const char *jsonb, bool formats,
					   DpJsViolationSink sink, void *arg, DpError *err)
{
	DpJsonbItem v = dp_jsonb_root(jsonb);

	return dp_js_validate(((const DpJsProgram *) schema)->root, &v, formats, sink, arg, err);
}

const DpSchemaKind dp_jsonschema_kind = {
	.type = DP_SCHEMA_JSON,
	.name = "JSON",
	.parse = parse,
	.free = release,
	.print = print,
	.diff = dp_js_diff,
	.fields = dp_js_fields,
	.full_name = full_name,
	.reader = dp_js_reader,
	.encode = dp_js_encode,
};
