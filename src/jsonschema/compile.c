/*-------------------------------------------------------------------------
 *
 * compile.c
 *	  The keywords of a schema, draft by draft.
 *
 * What a keyword may hold is the metaschema's to check; a value of another
 * type is taken for an absent keyword here, so that a schema with an unknown
 * metaschema, or none that checks, does no harm.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "formats/shapes.h"
#include "jsonschema/program.h"

#undef qsort

#define INTERRUPT_EVERY 4096	/* values of an enumeration */

typedef struct TypeName
{
	const char *name;
	uint16		bit;
} TypeName;

static const TypeName type_names[] = {
	{"null", DP_JS_TYPE_NULL},
	{"boolean", DP_JS_TYPE_BOOLEAN},
	{"integer", DP_JS_TYPE_INTEGER},
	{"number", DP_JS_TYPE_NUMBER},
	{"string", DP_JS_TYPE_STRING},
	{"array", DP_JS_TYPE_ARRAY},
	{"object", DP_JS_TYPE_OBJECT},
};

static void *
allocate(DpJsBuild *build, size_t size)
{
	void	   *result = dp_arena_alloc(&build->program->arena, size);

	if (result == NULL)
		dp_out_of_memory(build->err);
	else
		memset(result, 0, size);
	return result;
}

static DpJsValue *
get_kind(const DpJsSchema *s, const char *key, DpJsonbKind kind)
{
	DpJsValue  *value = dp_js_get(s->source, key);

	return value != NULL && value->kind == kind ? value : NULL;
}

static bool
is_schema(const DpJsValue *value)
{
	return value->kind == DP_JSONB_OBJECT || value->kind == DP_JSONB_TRUE || value->kind == DP_JSONB_FALSE;
}

/* A keyword that holds one schema. */
static bool
take_schema(DpJsBuild *build, DpJsSchema *s, const char *key, DpJsSchema **out)
{
	DpJsValue  *value = dp_js_get(s->source, key);

	if (value == NULL || !is_schema(value))
		return true;
	*out = dp_js_compile(build, value, s->resource);
	return *out != NULL;
}

/* A keyword that holds an array of schemas. */
static bool
take_schemas(DpJsBuild *build, DpJsSchema *s, const char *key, DpJsSchemas *out)
{
	DpJsValue  *value = get_kind(s, key, DP_JSONB_ARRAY);

	if (value == NULL)
		return true;
	out->items = allocate(build, Max(value->len, 1) * sizeof(DpJsSchema *));
	if (out->items == NULL)
		return false;
	for (uint32 i = 0; i < value->len; i++)
	{
		if (!is_schema(&value->u.elements[i]))
			continue;
		out->items[out->n] = dp_js_compile(build, &value->u.elements[i], s->resource);
		if (out->items[out->n] == NULL)
			return false;
		out->n++;
	}
	return true;
}

static bool
take_value(DpJsBuild *build, DpJsSchema *s, const char *key, bool number, DpJsonbItem **out)
{
	DpJsValue  *value = dp_js_get(s->source, key);

	if (value == NULL || (number && value->kind != DP_JSONB_NUMBER))
		return true;
	*out = allocate(build, sizeof(DpJsonbItem));
	return *out != NULL && dp_js_freeze(&build->program->arena, build->d, value, *out, build->err);
}

static bool
take_count(DpJsBuild *build, DpJsSchema *s, const char *key, uint32 *out)
{
	DpJsonbItem *value = NULL;
	DpJsNumber	number;

	if (!take_value(build, s, key, true, &value))
		return false;
	if (value != NULL)
	{
		number = dp_js_number(value);
		*out = dp_js_number_count(&number);
	}
	return true;
}

static bool
take_regex(DpJsBuild *build, DpJsSchema *s, const char *key, DpJsRegex **out)
{
	DpJsValue  *value = get_kind(s, key, DP_JSONB_STRING);

	if (value == NULL)
		return true;
	*out = dp_js_regex(build, value->u.text, value->len);
	return *out != NULL;
}

static void
take_types(DpJsSchema *s)
{
	const DpJsValue *value = dp_js_get(s->source, "type");
	uint32		n = 1;

	if (value != NULL && value->kind == DP_JSONB_ARRAY)
	{
		n = value->len;
		value = value->u.elements;
	}
	for (uint32 i = 0; value != NULL && i < n; i++)
	{
		for (int k = 0; k < lengthof(type_names); k++)
		{
			if (dp_js_is(&value[i], type_names[k].name))
				s->types |= type_names[k].bit;
		}
	}
}

static bool
take_any(DpJsBuild *build, DpJsSchema *s, DpJsDraft draft)
{
	DpJsValue  *values = get_kind(s, "enum", DP_JSONB_ARRAY);

	take_types(s);
	if (values != NULL)
	{
		s->enumeration = allocate(build, Max(values->len, 1) * sizeof(DpJsonbItem));
		if (s->enumeration == NULL)
			return false;
		for (s->nenum = 0; s->nenum < values->len; s->nenum++)
		{
			if (s->nenum % INTERRUPT_EVERY == INTERRUPT_EVERY - 1 &&
				dp_schema_interrupted && dp_schema_interrupted())
				return dp_error_set(build->err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
			if (!dp_js_freeze(&build->program->arena, build->d, &values->u.elements[s->nenum],
							  &s->enumeration[s->nenum], build->err))
				return false;
		}
	}
	if (draft >= DP_JS_DRAFT6 && !take_value(build, s, "const", false, &s->constant))
		return false;
	s->format = dp_js_get_string(s->source, "format");
	return true;
}

static bool
take_numbers(DpJsBuild *build, DpJsSchema *s, DpJsDraft draft)
{
	if (!take_value(build, s, "minimum", true, &s->minimum) ||
		!take_value(build, s, "maximum", true, &s->maximum) ||
		!take_value(build, s, "multipleOf", true, &s->multiple_of))
		return false;
	if (draft > DP_JS_DRAFT4)
		return take_value(build, s, "exclusiveMinimum", true, &s->exclusive_minimum) &&
			take_value(build, s, "exclusiveMaximum", true, &s->exclusive_maximum);

	/* In draft 4 these two are flags of the others. */
	if (get_kind(s, "exclusiveMinimum", DP_JSONB_TRUE))
	{
		s->exclusive_minimum = s->minimum;
		s->minimum = NULL;
	}
	if (get_kind(s, "exclusiveMaximum", DP_JSONB_TRUE))
	{
		s->exclusive_maximum = s->maximum;
		s->maximum = NULL;
	}
	return true;
}

static bool
take_sizes(DpJsBuild *build, DpJsSchema *s, DpJsDraft draft)
{
	s->unique_items = get_kind(s, "uniqueItems", DP_JSONB_TRUE) != NULL;
	if (draft >= DP_JS_DRAFT2019 &&
		(!take_count(build, s, "minContains", &s->min_contains) ||
		 !take_count(build, s, "maxContains", &s->max_contains)))
		return false;
	return take_count(build, s, "minLength", &s->min_length) &&
		take_count(build, s, "maxLength", &s->max_length) &&
		take_regex(build, s, "pattern", &s->pattern) &&
		take_count(build, s, "minItems", &s->min_items) &&
		take_count(build, s, "maxItems", &s->max_items) &&
		take_count(build, s, "minProperties", &s->min_properties) &&
		take_count(build, s, "maxProperties", &s->max_properties);
}

static bool
take_combinations(DpJsBuild *build, DpJsSchema *s, DpJsDraft draft)
{
	if (draft >= DP_JS_DRAFT7 &&
		(!take_schema(build, s, "if", &s->condition) ||
		 !take_schema(build, s, "then", &s->consequence) ||
		 !take_schema(build, s, "else", &s->alternative)))
		return false;
	return take_schemas(build, s, "allOf", &s->all_of) &&
		take_schemas(build, s, "anyOf", &s->any_of) &&
		take_schemas(build, s, "oneOf", &s->one_of) &&
		take_schema(build, s, "not", &s->negated);
}

static bool
take_arrays(DpJsBuild *build, DpJsSchema *s, DpJsDraft draft)
{
	if (draft == DP_JS_DRAFT2020)
	{
		if (!take_schemas(build, s, "prefixItems", &s->prefix) ||
			!take_schema(build, s, "items", &s->items))
			return false;
	}
	else if (get_kind(s, "items", DP_JSONB_ARRAY))
	{
		if (!take_schemas(build, s, "items", &s->prefix) ||
			!take_schema(build, s, "additionalItems", &s->items))
			return false;
	}
	else
	{
		DpJsSchema *ignored = NULL;

		if (!take_schema(build, s, "items", &s->items) ||
			!take_schema(build, s, "additionalItems", &ignored))
			return false;
	}
	if (draft >= DP_JS_DRAFT6 && !take_schema(build, s, "contains", &s->contains))
		return false;
	if (draft >= DP_JS_DRAFT2019)
	{
		if (!take_schema(build, s, "unevaluatedItems", &s->unevaluated_items))
			return false;
		build->program->unevaluated |= s->unevaluated_items != NULL;
	}
	return true;
}

static int
compare_properties(const void *a, const void *b)
{
	const DpJsProperty *x = a;
	const DpJsProperty *y = b;

	return dp_key_compare(x->key, x->len, y->key, y->len);
}

bool
dp_js_requires(const DpJsSchema *s, const char *key, size_t len)
{
	for (uint32 i = 0; i < s->nrequired; i++)
	{
		if (s->required[i].kind == DP_JSONB_STRING &&
			dp_js_same(s->required[i].u.text, s->required[i].len, key, len))
			return true;
	}
	return false;
}

static bool
take_properties(DpJsBuild *build, DpJsSchema *s)
{
	DpJsValue  *object = get_kind(s, "properties", DP_JSONB_OBJECT);

	if (object == NULL)
		return true;
	s->properties = allocate(build, Max(object->len, 1) * sizeof(DpJsProperty));
	if (s->properties == NULL)
		return false;
	for (uint32 i = 0; i < object->len; i++)
	{
		DpJsMember *member = &object->u.members[i];
		DpJsProperty *property = &s->properties[s->nproperties];

		if (!is_schema(&member->value))
			continue;
		property->key = member->key;
		property->len = member->keylen;
		property->schema = dp_js_compile(build, &member->value, s->resource);
		if (property->schema == NULL)
			return false;
		s->nproperties++;
	}
	qsort(s->properties, s->nproperties, sizeof(DpJsProperty), compare_properties);
	return true;
}

static bool
take_patterns(DpJsBuild *build, DpJsSchema *s)
{
	DpJsValue  *object = get_kind(s, "patternProperties", DP_JSONB_OBJECT);

	if (object == NULL)
		return true;
	s->patterns = allocate(build, Max(object->len, 1) * sizeof(DpJsPattern));
	if (s->patterns == NULL)
		return false;
	for (uint32 i = 0; i < object->len; i++)
	{
		DpJsMember *member = &object->u.members[i];
		DpJsPattern *pattern = &s->patterns[s->npatterns];

		if (!is_schema(&member->value))
			continue;
		pattern->regex = dp_js_regex(build, member->key, member->keylen);
		pattern->schema = pattern->regex == NULL ? NULL :
			dp_js_compile(build, &member->value, s->resource);
		if (pattern->schema == NULL)
			return false;
		s->npatterns++;
	}
	return true;
}

/* "dependencies" until 2019, which split it in two; either form of each. */
static bool
take_dependents(DpJsBuild *build, DpJsSchema *s, DpJsDraft draft)
{
	static const char *const keywords[] = {"dependencies", "dependentRequired", "dependentSchemas"};
	uint32		room = 0;

	for (int k = 0; k < lengthof(keywords); k++)
	{
		DpJsValue  *object = get_kind(s, keywords[k], DP_JSONB_OBJECT);

		room += object ? object->len : 0;
	}
	if (room == 0)
		return true;
	s->dependents = allocate(build, room * sizeof(DpJsProperty));
	if (s->dependents == NULL)
		return false;
	for (int k = 0; k < lengthof(keywords); k++)
	{
		DpJsValue  *object = get_kind(s, keywords[k], DP_JSONB_OBJECT);

		if (object == NULL || (k > 0 && draft < DP_JS_DRAFT2019))
			continue;
		for (uint32 i = 0; i < object->len; i++)
		{
			DpJsMember *member = &object->u.members[i];
			DpJsProperty *dependent = &s->dependents[s->ndependents];

			dependent->key = member->key;
			dependent->len = member->keylen;
			if (member->value.kind == DP_JSONB_ARRAY && k != 2)
			{
				dependent->nneeds = member->value.len;
				dependent->needs = member->value.u.elements;
			}
			else if (is_schema(&member->value) && k != 1)
			{
				dependent->schema = dp_js_compile(build, &member->value, s->resource);
				if (dependent->schema == NULL)
					return false;
			}
			s->ndependents++;
		}
	}
	return true;
}

static bool
take_objects(DpJsBuild *build, DpJsSchema *s, DpJsDraft draft)
{
	DpJsValue  *required = get_kind(s, "required", DP_JSONB_ARRAY);

	if (required != NULL)
	{
		s->nrequired = required->len;
		s->required = required->u.elements;
	}
	if (!take_properties(build, s) || !take_patterns(build, s) ||
		!take_dependents(build, s, draft) ||
		!take_schema(build, s, "additionalProperties", &s->additional))
		return false;
	if (draft >= DP_JS_DRAFT6 && !take_schema(build, s, "propertyNames", &s->property_names))
		return false;
	if (draft >= DP_JS_DRAFT2019)
	{
		if (!take_schema(build, s, "unevaluatedProperties", &s->unevaluated_properties))
			return false;
		build->program->unevaluated |= s->unevaluated_properties != NULL;
	}
	return true;
}

/* Schemas that only wait to be referred to. */
static bool
take_definitions(DpJsBuild *build, DpJsSchema *s)
{
	static const char *const keywords[] = {"$defs", "definitions"};

	for (int k = 0; k < lengthof(keywords); k++)
	{
		DpJsValue  *object = get_kind(s, keywords[k], DP_JSONB_OBJECT);

		for (uint32 i = 0; object != NULL && i < object->len; i++)
		{
			DpJsValue  *value = &object->u.members[i].value;

			if (is_schema(value) && dp_js_compile(build, value, s->resource) == NULL)
				return false;
		}
	}
	return true;
}

static void
take_references(DpJsBuild *build, DpJsSchema *s, DpJsDraft draft)
{
	s->ref = dp_js_get_string(s->source, "$ref");
	s->ref_only = s->ref != NULL && draft <= DP_JS_DRAFT7;
	if (draft == DP_JS_DRAFT2020)
		s->dynamic_ref = dp_js_get_string(s->source, "$dynamicRef");
	else if (draft == DP_JS_DRAFT2019)
	{
		s->dynamic_ref = dp_js_get_string(s->source, "$recursiveRef");
		s->recursive_ref = s->dynamic_ref != NULL;
	}
	if (s->ref != NULL || s->dynamic_ref != NULL)
	{
		s->next_unbound = build->program->unbound;
		build->program->unbound = s;
	}
}

static bool
add_anchor(DpJsBuild *build, DpJsSchema *s, const char *name, bool dynamic)
{
	DpJsAnchor *anchor = allocate(build, sizeof(DpJsAnchor));

	if (anchor == NULL)
		return false;
	anchor->name = name;
	anchor->dynamic = dynamic;
	anchor->schema = s;
	anchor->next = s->resource->anchors;
	s->resource->anchors = anchor;
	return true;
}

static DpJsResource *
add_resource(DpJsBuild *build, const char *uri, DpJsValue *root, DpJsDraft draft)
{
	DpJsProgram *program = build->program;
	DpJsResource *resource = allocate(build, sizeof(DpJsResource));
	size_t		len = strcspn(uri, "#");

	if (resource == NULL)
		return NULL;
	resource->uri = dp_js_copy(&program->arena, uri, len);
	if (resource->uri == NULL)
	{
		dp_out_of_memory(build->err);
		return NULL;
	}
	resource->root = root;
	resource->draft = draft;
	*program->resources_end = resource;
	program->resources_end = &resource->next;
	return resource;
}

DpJsDraft
dp_js_draft_of(const DpJsValue *document, DpJsDraft otherwise)
{
	const char *uri = dp_js_get_string(document, "$schema");
	size_t		len;

	if (uri == NULL)
		return otherwise;
	len = strcspn(uri, "#");
	for (DpJsDraft draft = DP_JS_DRAFT4; draft <= DP_JS_DRAFT2020; draft++)
	{
		const char *known = strchr(dp_js_metaschema_uri(draft), ':');
		const char *asked = strchr(uri, ':');

		/* http and https mean the same here. */
		if (asked != NULL && strncmp(uri, "http", 4) == 0 &&
			strlen(known) == len - (asked - uri) && strncmp(asked, known, strlen(known)) == 0)
			return draft;
	}
	return otherwise;
}

/* No URI and no anchor has a zero byte, which their strings end at. */
static bool
names_are_whole(DpJsBuild *build, const DpJsSchema *s)
{
	static const char *const keywords[] = {
		"$ref", "$id", "$schema", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef"
	};

	for (int i = 0; i < lengthof(keywords); i++)
	{
		DpJsValue  *value = get_kind(s, keywords[i], DP_JSONB_STRING);

		if (value != NULL && dp_js_has_zero_byte(value->u.text, value->len))
			return dp_error_set(build->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
								"\"%s\" of a JSON Schema cannot hold \\u0000", keywords[i]);
	}
	return true;
}

/* The identifier and anchors of a schema: it may begin a resource of its own. */
static bool
identify(DpJsBuild *build, DpJsSchema *s)
{
	DpJsProgram *program = build->program;
	DpJsDraft	draft = dp_js_draft_of(s->source, s->resource->draft);
	const char *id = dp_js_get_string(s->source, DP_JS_ID(draft));
	const char *anchor;
	DpJsResource *outer;
	char	   *uri;

	if (draft <= DP_JS_DRAFT7 && dp_js_get_string(s->source, "$ref") != NULL &&
		s->resource->root != s->source)
		return true;
	if (id != NULL && id[0] == '#' && draft <= DP_JS_DRAFT7)
		return id[1] == '\0' || add_anchor(build, s, id + 1, false);
	if (id != NULL && id[0] != '\0')
	{
		if (s->resource->root == s->source)
		{
			uri = dp_js_uri_resolve(&program->arena, s->resource->uri, id);
			if (uri == NULL)
				return dp_out_of_memory(build->err);
			uri[strcspn(uri, "#")] = '\0';
			s->resource->uri = uri;
		}
		else
		{
			uri = dp_js_uri_resolve(&program->arena, s->resource->uri, id);
			if (uri == NULL)
				return dp_out_of_memory(build->err);
			outer = s->resource;
			s->resource = add_resource(build, uri, s->source, draft);
			if (s->resource == NULL)
				return false;
			s->resource->schema = s;
			if (dp_js_get(s->source, "$schema") == NULL)
			{
				s->resource->no_validation = outer->no_validation;
				s->resource->format_counts = outer->format_counts;
			}
		}
		if (draft <= DP_JS_DRAFT7 && strchr(id, '#') && strchr(id, '#')[1] != '\0' &&
			!add_anchor(build, s, strchr(id, '#') + 1, false))
			return false;
	}
	if (draft >= DP_JS_DRAFT2019)
	{
		anchor = dp_js_get_string(s->source, "$anchor");
		if (anchor != NULL && !add_anchor(build, s, anchor, false))
			return false;
	}
	if (draft == DP_JS_DRAFT2020)
	{
		anchor = dp_js_get_string(s->source, "$dynamicAnchor");
		if (anchor != NULL && !add_anchor(build, s, anchor, true))
			return false;
	}
	if (draft == DP_JS_DRAFT2019 && s->resource->root == s->source)
		s->resource->recursive = get_kind(s, "$recursiveAnchor", DP_JSONB_TRUE) != NULL;
	return true;
}

DpJsSchema *
dp_js_compile(DpJsBuild *build, DpJsValue *value, DpJsResource *resource)
{
	DpJsSchema *s = value->schema;
	DpJsDraft	draft;
	bool		done;

	if (s != NULL)
		return s;
	if (++build->depth > DP_SCHEMA_MAX_DEPTH)
	{
		dp_error_set(build->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
					 "JSON Schema is nested deeper than %d levels", DP_SCHEMA_MAX_DEPTH);
		return NULL;
	}
	if (++build->program->nschemas > DP_JS_MAX_SCHEMAS)
	{
		dp_error_set(build->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
					 "JSON Schema consists of more than %d schemas", DP_JS_MAX_SCHEMAS);
		return NULL;
	}
	s = allocate(build, sizeof(DpJsSchema));
	if (s == NULL)
		return NULL;
	value->schema = s;
	s->source = value;
	s->resource = resource;
	s->never = value->kind == DP_JSONB_FALSE;
	s->max_length = s->max_items = s->max_properties = s->max_contains = DP_JS_NO_LIMIT;
	s->min_contains = 1;
	if (resource->schema == NULL && resource->root == value)
		resource->schema = s;
	if (value->kind == DP_JSONB_OBJECT)
	{
		if (!names_are_whole(build, s) || !identify(build, s))
			return NULL;
		draft = s->resource->draft;
		take_references(build, s, draft);
		done = take_definitions(build, s) && take_combinations(build, s, draft) &&
			take_arrays(build, s, draft) && take_objects(build, s, draft);
		if (done && !s->resource->no_validation)
			done = take_any(build, s, draft) && take_numbers(build, s, draft) &&
				take_sizes(build, s, draft);
		if (s->resource->format_counts)
			s->format = dp_js_get_string(s->source, "format");
		if (!done)
			return NULL;
	}
	build->depth--;
	return s;
}

/* Does a list of vocabularies have the one whose URI ends so? */
static bool
has_vocabulary(const DpJsValue *list, const char *name)
{
	size_t		len = strlen(name);

	for (uint32 i = 0; i < list->len; i++)
	{
		const DpJsMember *member = &list->u.members[i];

		if (member->keylen >= len &&
			memcmp(member->key + member->keylen - len, name, len) == 0)
			return true;
	}
	return false;
}

/* What the vocabularies of its metaschema make of a document. */
static void
take_vocabularies(DpJsResource *resource, const DpJsResource *meta)
{
	const DpJsValue *list = dp_js_get(meta->root, "$vocabulary");

	if (list == NULL || list->kind != DP_JSONB_OBJECT)
		return;
	resource->no_validation = !has_vocabulary(list, "/vocab/validation");
	resource->format_counts = has_vocabulary(list, "/vocab/format-assertion");
}

/* The metaschema of one's own that a document names, if it came along. */
static DpJsResource *
own_metaschema(DpJsBuild *build, const DpJsValue *root)
{
	const char *uri = dp_js_get_string(root, "$schema");

	if (uri == NULL || build->program->npending == 0 ||
		dp_js_metaschema(uri, strcspn(uri, "#")) != NULL)
		return NULL;
	for (int i = 0; i < build->program->npending; i++)
	{
		if (strncmp(build->program->pending[i].uri, uri, strcspn(uri, "#")) == 0)
			return dp_js_find_or_load(build, uri, strcspn(uri, "#"));
	}
	return NULL;
}

DpJsResource *
dp_js_add_document(DpJsBuild *build, DpJsValue *root, const char *uri)
{
	DpJsResource *meta;
	DpJsResource *resource;

	/* It says by its own $schema what draft it stands for. */
	build->err->sqlstate[0] = '\0';
	meta = own_metaschema(build, root);
	if (build->err->sqlstate[0] != '\0')
		return NULL;
	resource = add_resource(build, uri, root,
							dp_js_draft_of(root, meta != NULL ? meta->draft : build->program->draft));
	if (resource == NULL)
		return NULL;
	if (meta != NULL)
		take_vocabularies(resource, meta);
	if (dp_js_compile(build, root, resource) == NULL)
		return NULL;

	/* Its own identifier does not take away the name it was registered by. */
	if (uri[0] != '\0' && strcmp(resource->uri, uri) != 0)
	{
		DpJsResource *other = add_resource(build, uri, root, resource->draft);

		if (other == NULL)
			return NULL;
		other->alias = resource;
	}
	return resource;
}
