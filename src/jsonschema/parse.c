/*-------------------------------------------------------------------------
 *
 * parse.c
 *	  From the text of a schema, and of those it refers to, to a program.
 *
 * A schema is checked by the metaschema of its draft before it is compiled,
 * so that what is wrong is told with its place.  The metaschemas themselves
 * are compiled once and kept as long as the process lives.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "jsonschema/check.h"
#include "jsonschema/kind.h"

/* The C library's: this file must link without the server. */
#undef snprintf

const DpJsRegexEngine *dp_jsonschema_regex = NULL;

static DpJsProgram *metaprograms[DP_JS_DRAFT2020 + 1];

DpJsRegex *
dp_js_regex(DpJsBuild *build, const char *pattern, size_t len)
{
	DpJsProgram *program = build->program;
	DpJsRegex  *regex;
	int			n = 0;

	for (regex = program->regexes; regex != NULL; regex = regex->next, n++)
	{
		if (regex->len == len && memcmp(regex->pattern, pattern, len) == 0)
			return regex;
	}
	if (n >= DP_JS_MAX_PATTERNS)
	{
		dp_error_set(build->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
					 "JSON Schema has more than %d different patterns", DP_JS_MAX_PATTERNS);
		return NULL;
	}
	regex = dp_arena_alloc(&program->arena, sizeof(DpJsRegex));
	if (regex == NULL)
	{
		dp_out_of_memory(build->err);
		return NULL;
	}
	regex->pattern = pattern;
	regex->len = len;
	regex->compiled = NULL;
	regex->next = program->regexes;
	program->regexes = regex;

	/* Of a metaschema, they wait until they are needed. */
	if (dp_jsonschema_regex != NULL && !program->bare)
	{
		regex->compiled = dp_jsonschema_regex->compile(pattern, len, build->err);
		if (regex->compiled == NULL)
			return NULL;
	}
	return regex;
}

int
dp_js_regex_match(DpJsRegex *regex, const char *s, size_t len, DpError *err)
{
	if (dp_jsonschema_regex == NULL)
		return 1;
	if (regex->compiled == NULL)
		regex->compiled = dp_jsonschema_regex->compile(regex->pattern, regex->len, err);
	if (regex->compiled == NULL)
		return -1;
	return dp_jsonschema_regex->match(regex->compiled, s, len, err);
}

void
dp_js_program_release(DpJsProgram *program)
{
	if (program == NULL || --program->users > 0)
		return;
	for (DpJsRegex *regex = program->regexes; regex != NULL; regex = regex->next)
	{
		if (regex->compiled != NULL)
			dp_jsonschema_regex->free(regex->compiled);
	}
	dp_arena_free(&program->arena);
	free(program);
}

/* What a reader of this error needs to know is that the text is no schema. */
static void
blame_text(DpError *err)
{
	if (strncmp(err->sqlstate, "22", 2) == 0)
		strcpy(err->sqlstate, DP_SQLSTATE_INVALID_SCHEMA);
}

static bool
keep_violation(void *arg, const DpJsViolation *violation)
{
	DpError    *err = arg;

	dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
				 "invalid JSON Schema: \"%.60s\" %.60s",
				 violation->path[0] ? violation->path : "/", violation->message);
	snprintf(err->detail, sizeof(err->detail), "The keyword of the metaschema is \"%s\".",
			 violation->keyword);
	return false;
}

/* The metaschema of a draft, compiled. */
static DpJsProgram *
metaprogram(DpJsDraft draft, DpError *err)
{
	const char *uri = dp_js_metaschema_uri(draft);
	const char *text = dp_js_metaschema(uri, strlen(uri));

	if (metaprograms[draft] == NULL)
		metaprograms[draft] = dp_js_program_build(text, strlen(text), NULL, 0, draft, true, err);
	return metaprograms[draft];
}

static bool
check_by_metaschema(const DpJsValue *document, DpJsDraft draft, const char *text, size_t len,
					DpError *err)
{
	DpJsProgram *meta = metaprogram(draft, err);
	DpJsonLimits limits = {DP_SCHEMA_MAX_DEPTH, 0, 0, DP_SCHEMA_MAX_BYTES, true};
	DpJsonDecoder *d;
	DpError		violation = {0};
	const char *jsonb;
	bool		done;
	DpJsonbItem v;
	size_t		size;

	if (meta == NULL)
		return false;
	d = dp_json_decoder_create(&limits);
	if (d == NULL)
		return dp_out_of_memory(err);
	jsonb = dp_json_to_jsonb(d, text, len, &size, err);
	done = jsonb != NULL;
	if (done)
	{
		v = dp_jsonb_root(jsonb);
		done = dp_js_validate(meta->root, &v, false, keep_violation, &violation, err);
	}
	dp_json_decoder_destroy(d);
	if (done && violation.sqlstate[0] != '\0')
	{
		*err = violation;
		return false;
	}
	return done;
}

DpJsValue *
dp_js_read_document(DpJsBuild *build, const char *text, size_t len, DpJsDraft otherwise)
{
	DpJsProgram *program = build->program;
	DpJsValue  *root = dp_js_value_parse(&program->arena, text, len, build->err);

	if (root == NULL)
		return NULL;
	if (root->kind != DP_JSONB_OBJECT && root->kind != DP_JSONB_TRUE && root->kind != DP_JSONB_FALSE)
	{
		dp_error_set(build->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
					 "JSON Schema is neither an object nor a boolean");
		return NULL;
	}
	if (!program->bare && root->kind == DP_JSONB_OBJECT &&
		!check_by_metaschema(root, dp_js_draft_of(root, otherwise), text, len, build->err))
		return NULL;
	return root;
}

/* The documents that the schema may refer to wait under the names it calls them. */
static bool
take_references(DpJsBuild *build, const char *base, const DpSchemaRef *refs, int nrefs)
{
	DpJsProgram *program = build->program;

	program->pending = dp_arena_alloc(&program->arena, Max(nrefs, 1) * sizeof(DpJsPending));
	if (program->pending == NULL)
		return dp_out_of_memory(build->err);
	for (int i = 0; i < nrefs; i++)
	{
		DpJsPending *pending = &program->pending[i];
		char	   *uri = dp_js_uri_resolve(&program->arena, base, refs[i].name);

		if (uri == NULL)
			return dp_out_of_memory(build->err);
		uri[strcspn(uri, "#")] = '\0';
		pending->uri = uri;
		pending->text = refs[i].text;
		pending->len = refs[i].len;
		pending->taken = false;
	}
	program->npending = nrefs;
	return true;
}

static bool
build_program(DpJsBuild *build, const char *text, size_t len, const DpSchemaRef *refs, int nrefs)
{
	DpJsProgram *program = build->program;
	DpJsValue  *root = dp_js_read_document(build, text, len, program->draft);
	const char *base;
	DpJsResource *resource;

	if (root == NULL)
		return false;
	program->draft = dp_js_draft_of(root, program->draft);
	program->document = root;
	base = dp_js_get_string(root, DP_JS_ID(program->draft));
	if (!take_references(build, base ? base : "", refs, nrefs))
		return false;
	build->depth = 0;
	resource = dp_js_add_document(build, root, "");
	if (resource == NULL || !dp_js_bind(build))
		return false;
	program->root = resource->schema;
	program->pending = NULL;
	program->npending = 0;
	return true;
}

DpJsProgram *
dp_js_program_build(const char *text, size_t len, const DpSchemaRef *refs, int nrefs,
					DpJsDraft draft, bool bare, DpError *err)
{
	DpJsProgram *program = calloc(1, sizeof(DpJsProgram));
	static const DpJsonLimits limits = {.zero_bytes = true};
	DpJsBuild	build = {program, err, dp_json_decoder_create(&limits)};
	bool		done;

	if (program == NULL || build.d == NULL)
	{
		dp_json_decoder_destroy(build.d);
		free(program);
		dp_out_of_memory(err);
		return NULL;
	}
	program->base.kind = &dp_jsonschema_kind;
	program->users = 1;
	program->draft = draft;
	program->bare = bare;
	program->resources_end = &program->resources;
	err->detail[0] = '\0';
	done = build_program(&build, text, len, refs, nrefs);
	dp_json_decoder_destroy(build.d);
	if (done)
		return program;
	blame_text(err);
	dp_js_program_release(program);
	return NULL;
}
