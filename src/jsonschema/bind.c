/*-------------------------------------------------------------------------
 *
 * bind.c
 *	  References to the schemas they mean.
 *
 * A reference is resolved against the resource it stands in, and looked for
 * in the resources of the program, then in the metaschemas that are built in.
 * That is all: no file and no network is ever asked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "jsonschema/program.h"

/* The C library's: this file must link without the server. */
#undef snprintf

DpJsResource *
dp_js_find_resource(const DpJsProgram *program, const char *uri, size_t len)
{
	for (DpJsResource *r = program->resources; r != NULL; r = r->next)
	{
		if (strlen(r->uri) == len && memcmp(r->uri, uri, len) == 0)
			return r->alias ? r->alias : r;
	}
	return NULL;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo percent and, for pointers, tilde escapes in place; returns the length. */
static size_t
unescape(char *s, size_t len, bool tilde)
{
	size_t		out = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (!tilde && s[i] == '%' && i + 2 < len && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0)
		{
			s[out++] = hex(s[i + 1]) * 16 + hex(s[i + 2]);
			i += 2;
		}
		else if (tilde && s[i] == '~' && i + 1 < len && (s[i + 1] == '0' || s[i + 1] == '1'))
			s[out++] = s[++i] == '0' ? '~' : '/';
		else
			s[out++] = s[i];
	}
	s[out] = '\0';
	return out;
}

/* One step of a pointer. */
static DpJsValue *
step(DpJsValue *value, const char *token, size_t len)
{
	uint64		index = 0;

	if (value->kind == DP_JSONB_OBJECT)
		return dp_js_get_len(value, token, len);
	if (value->kind != DP_JSONB_ARRAY || len == 0 || len > 9 || (len > 1 && token[0] == '0'))
		return NULL;
	for (size_t i = 0; i < len; i++)
	{
		if (token[i] < '0' || token[i] > '9')
			return NULL;
		index = index * 10 + (token[i] - '0');
	}
	return index < value->len ? &value->u.elements[index] : NULL;
}

/*
 * Follow a JSON pointer from the root of a resource.  A place that no keyword
 * leads to becomes a schema now; identifiers on the way count.
 */
static DpJsSchema *
follow_pointer(DpJsBuild *build, DpJsResource *resource, char *pointer, const char *end)
{
	DpJsValue  *value = resource->root;

	while (pointer < end && *pointer == '/')
	{
		char	   *token = pointer + 1;
		char	   *next = memchr(token, '/', end - token);
		size_t		len = (next ? next : end) - token;
		char		after = token[len];

		pointer = token + len;
		len = unescape(token, len, true);
		value = step(value, token, len);
		*pointer = after;
		if (value == NULL)
			return NULL;
		if (value->schema != NULL)
			resource = value->schema->resource;
	}
	if (pointer < end || (value->kind != DP_JSONB_OBJECT && value->kind != DP_JSONB_TRUE &&
							 value->kind != DP_JSONB_FALSE))
		return NULL;
	return dp_js_compile(build, value, resource);
}

/* Read a document that waits; false and the build's error. */
static bool
take_pending(DpJsBuild *build, DpJsPending *pending)
{
	int			depth = build->depth;
	DpJsValue  *root;

	if (pending->taken)
		return true;
	pending->taken = true;
	root = dp_js_read_document(build, pending->text, pending->len, build->program->draft);
	build->depth = 0;
	if (root == NULL || dp_js_add_document(build, root, pending->uri) == NULL)
		return false;
	build->depth = depth;
	return true;
}

static DpJsResource *
load_metaschema(DpJsBuild *build, const char *text, const char *uri, size_t len)
{
	DpJsProgram *program = build->program;
	DpJsValue  *root = dp_js_value_parse(&program->arena, text, strlen(text), build->err);
	char	   *copy = dp_js_copy(&program->arena, uri, len);

	if (root == NULL || copy == NULL)
		return NULL;
	return dp_js_add_document(build, root, copy);
}

/*
 * Of the program, then of what came along, by the name that it is referred to
 * by; then built in; then by the identifiers inside all that came along.
 */
DpJsResource *
dp_js_find_or_load(DpJsBuild *build, const char *uri, size_t len)
{
	DpJsProgram *program = build->program;
	DpJsResource *resource = dp_js_find_resource(program, uri, len);
	const char *text;
	bool		more = false;

	if (resource != NULL)
		return resource;
	for (int i = 0; i < program->npending; i++)
	{
		DpJsPending *pending = &program->pending[i];

		more |= !pending->taken;
		if (!pending->taken && strlen(pending->uri) == len && memcmp(pending->uri, uri, len) == 0)
			return take_pending(build, pending) ? dp_js_find_resource(program, uri, len) : NULL;
	}
	text = dp_js_metaschema(uri, len);
	if (text != NULL)
		return load_metaschema(build, text, uri, len);
	for (int i = 0; i < program->npending; i++)
	{
		if (!take_pending(build, &program->pending[i]))
			return NULL;
	}
	return more ? dp_js_find_resource(program, uri, len) : NULL;
}

/* The schema that "ref" means, seen from "from"; NULL and the build's error. */
static DpJsSchema *
find_schema(DpJsBuild *build, const DpJsSchema *from, const char *ref, DpJsAnchor **anchor)
{
	DpJsProgram *program = build->program;
	char	   *uri = dp_js_uri_resolve(&program->arena, from->resource->uri, ref);
	size_t		len;
	DpJsResource *resource;
	DpJsSchema *found = NULL;

	*anchor = NULL;
	if (uri == NULL)
	{
		dp_out_of_memory(build->err);
		return NULL;
	}
	len = strcspn(uri, "#");
	build->err->sqlstate[0] = '\0';
	/* What stands in a resource without a name of its own means that resource. */
	resource = ref[0] == '#' || ref[0] == '\0' ? from->resource : dp_js_find_or_load(build, uri, len);
	if (resource == NULL && build->err->sqlstate[0] == '\0')
		resource = dp_js_find_or_load(build, ref, strcspn(ref, "#"));
	if (resource == NULL && build->err->sqlstate[0] == '\0')
	{
		dp_error_set(build->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
					 "JSON Schema refers to \"%.80s\", which is not registered", ref);
		snprintf(build->err->detail, sizeof(build->err->detail),
				 "Schemas that others refer to are given as references; nothing is fetched from the network.");
	}
	if (resource == NULL)
		return NULL;
	if (uri[len] == '\0' || uri[len + 1] == '\0')
		found = resource->schema;
	else
	{
		char	   *fragment = uri + len + 1;

		len = unescape(fragment, strlen(fragment), false);
		if (fragment[0] == '/')
			found = follow_pointer(build, resource, fragment, fragment + len);
		else
		{
			for (DpJsAnchor *a = resource->anchors; a != NULL && found == NULL; a = a->next)
			{
				if (dp_js_same(a->name, strlen(a->name), fragment, len))
				{
					*anchor = a;
					found = a->schema;
				}
			}
		}
	}
	if (found == NULL && build->err->sqlstate[0] == '\0')
		dp_error_set(build->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
					 "JSON Schema refers to \"%.80s\", which is not there", ref);
	return found;
}

bool
dp_js_bind(DpJsBuild *build)
{
	DpJsProgram *program = build->program;

	while (program->unbound != NULL)
	{
		DpJsSchema *s = program->unbound;
		DpJsAnchor *anchor;

		program->unbound = s->next_unbound;
		build->depth = 0;
		if (dp_schema_interrupted && dp_schema_interrupted())
			return dp_error_set(build->err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
		if (s->ref != NULL)
		{
			s->target = find_schema(build, s, s->ref, &anchor);
			if (s->target == NULL)
				return false;
		}
		if (s->dynamic_ref != NULL)
		{
			s->dynamic_target = find_schema(build, s, s->dynamic_ref, &anchor);
			if (s->dynamic_target == NULL)
				return false;
			if (anchor != NULL && anchor->dynamic)
				s->dynamic_name = anchor->name;
		}
	}
	return true;
}
