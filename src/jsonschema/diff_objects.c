/*-------------------------------------------------------------------------
 *
 * diff_objects.c
 *	  What a newer schema changes about objects.
 *
 * Whether a property may come or go depends on what a schema allows besides
 * its properties: anything (an open content model), nothing (closed), or what
 * another schema says (partially open).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/shapes.h"
#include "jsonschema/compare.h"

#define STRINGS_A_STEP 64		/* short strings compared in the time of a step */

static bool
is_empty(DpJsCompare *c, const DpJsSchema *s)
{
	DpJsModel  *model = dp_js_model_of(&c->models, s);

	if (model == NULL)
		return dp_js_compare_oom(c);
	return dp_js_model_is_empty(model);
}

static const DpJsSchema *
property_of(const DpJsSchema *s, const char *key, uint32 len)
{
	uint32		low = 0;
	uint32		high = s->nproperties;

	while (low < high)
	{
		uint32		mid = low + (high - low) / 2;
		const DpJsProperty *property = &s->properties[mid];
		int			order = dp_key_compare(key, len, property->key, property->len);

		if (order == 0)
			return property->schema;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static bool
has_default(const DpJsSchema *s)
{
	return dp_js_get(s->source, "default") != NULL;
}

/* The schema of other properties; NULL when that is just allowed or forbidden. */
static const DpJsSchema *
schema_of_others(const DpJsSchema *s)
{
	return s->additional != NULL && s->additional->source->kind == DP_JSONB_OBJECT ?
		s->additional : NULL;
}

static bool
permits_others(const DpJsSchema *s)
{
	return s->additional == NULL || !s->additional->never;
}

static bool
is_open(DpJsCompare *c, const DpJsSchema *s)
{
	return s->npatterns == 0 && s->additional == NULL ? s->unevaluated_properties == NULL ||
		is_empty(c, s->unevaluated_properties) :
		s->npatterns == 0 && permits_others(s) && schema_of_others(s) == NULL;
}

/* What a property must match that is none of "properties"; NULL and the error, or NULL. */
static const DpJsSchema *
partially_open(DpJsCompare *c, const DpJsSchema *s, const char *key, uint32 len)
{
	for (uint32 i = 0; i < s->npatterns; i++)
	{
		int			matches = dp_js_regex_match(s->patterns[i].regex, key, len, c->err);

		if (matches < 0)
		{
			c->failed = true;
			return NULL;
		}
		if (matches == 1)
			return s->patterns[i].schema;
	}
	if (schema_of_others(s) != NULL)
		return schema_of_others(s);
	if (s->additional == NULL && s->unevaluated_properties != NULL &&
		!s->unevaluated_properties->never && !is_empty(c, s->unevaluated_properties))
		return s->unevaluated_properties;
	return NULL;
}

/* Compare two schemas in this place, and say by which difference it went. */
static void
compare_covered(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new,
				DpJsDifference covered, DpJsDifference otherwise)
{
	DpJsModel  *a = dp_js_model_of(&c->models, old);
	DpJsModel  *b = dp_js_model_of(&c->models, new);

	if (a == NULL || b == NULL)
	{
		dp_js_compare_oom(c);
		return;
	}
	dp_js_compare_models(c, a, b);
	dp_js_compare_add(c, dp_js_compare_judge(c, a, b) & DP_JS_PAIR_INCOMPATIBLE ?
					  otherwise : covered);
}

static void
compare_removed(DpJsCompare *c, const DpJsSchema *new, const DpJsSchema *property,
				const char *key, uint32 len)
{
	const DpJsSchema *instead;

	if (is_open(c, new))
	{
		dp_js_compare_add(c, DP_JS_D_PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL);
		return;
	}
	instead = partially_open(c, new, key, len);
	if (instead != NULL)
		compare_covered(c, property, instead,
						DP_JS_D_PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
						DP_JS_D_PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL);
	else
		dp_js_compare_add(c, property->never ?
						  DP_JS_D_PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL :
						  DP_JS_D_PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL);
}

static void
compare_added(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new,
			  const DpJsSchema *property, const char *key, uint32 len)
{
	bool		required = dp_js_requires(new, key, len);
	const DpJsSchema *before;

	if (is_open(c, old))
	{
		if (is_empty(c, property))
			dp_js_compare_add(c, DP_JS_D_PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL);
		else if (!required)
			dp_js_compare_add(c, DP_JS_D_OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL);
		else
			dp_js_compare_add(c, has_default(property) ?
							  DP_JS_D_REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL :
							  DP_JS_D_REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL);
		return;
	}
	before = partially_open(c, old, key, len);
	if (before != NULL)
		compare_covered(c, before, property,
						DP_JS_D_PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
						DP_JS_D_PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL);
	if (!required)
		dp_js_compare_add(c, DP_JS_D_OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL);
	else
		dp_js_compare_add(c, has_default(property) ?
						  DP_JS_D_REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL :
						  DP_JS_D_REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL);
}

/* The properties in the order of the text; false at the end. */
static bool
next_property(const DpJsSchema *s, uint32 *i, const DpJsMember **member)
{
	const DpJsValue *properties = dp_js_get(s->source, "properties");

	while (properties != NULL && properties->kind == DP_JSONB_OBJECT && *i < properties->len)
	{
		*member = &properties->u.members[(*i)++];
		if ((*member)->value.schema != NULL)
			return true;
	}
	return false;
}

/* Looking for a name in "required" takes time. */
static bool
goes_on(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	return dp_js_compare_may_go_on(c, (old->nrequired + new->nrequired) / STRINGS_A_STEP);
}

static void
compare_required(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	size_t		before = dp_js_compare_down(c, "required");
	const DpJsMember *member;

	for (uint32 i = 0; next_property(old, &i, &member) && goes_on(c, old, new);)
	{
		const DpJsSchema *property = property_of(new, member->key, member->keylen);
		bool		was = dp_js_requires(old, member->key, member->keylen);
		bool		is = dp_js_requires(new, member->key, member->keylen);

		if (property == NULL || was == is)
			continue;
		dp_js_compare_add_at(c, member->key, was ? DP_JS_D_REQUIRED_ATTRIBUTE_REMOVED :
							 has_default(property) ? DP_JS_D_REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED :
							 DP_JS_D_REQUIRED_ATTRIBUTE_ADDED);
	}
	c->path.len = before;
}

static void
compare_properties(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	size_t		before = dp_js_compare_down(c, "properties");
	const DpJsMember *member;

	for (uint32 i = 0; next_property(old, &i, &member) && goes_on(c, old, new);)
	{
		const DpJsSchema *property = property_of(new, member->key, member->keylen);
		size_t		here = dp_js_compare_down(c, member->key);

		if (property != NULL)
			dp_js_compare(c, member->value.schema, property);
		else
			compare_removed(c, new, member->value.schema, member->key, member->keylen);
		c->path.len = here;
	}
	for (uint32 i = 0; next_property(new, &i, &member) && goes_on(c, old, new);)
	{
		size_t		here = dp_js_compare_down(c, member->key);

		if (property_of(old, member->key, member->keylen) == NULL)
			compare_added(c, old, new, member->value.schema, member->key, member->keylen);
		c->path.len = here;
	}
	c->path.len = before;
}

/* What depends on a property: names (needs) or a schema; NULL. */
static const DpJsProperty *
dependent_of(const DpJsSchema *s, const DpJsProperty *like)
{
	for (uint32 i = 0; i < s->ndependents; i++)
	{
		const DpJsProperty *d = &s->dependents[i];

		if (d->len == like->len && memcmp(d->key, like->key, d->len) == 0 &&
			(d->schema != NULL) == (like->schema != NULL))
			return d;
	}
	return NULL;
}

static bool
needs_all_of(const DpJsProperty *a, const DpJsProperty *b)
{
	for (uint32 i = 0; i < b->nneeds; i++)
	{
		bool		found = false;

		for (uint32 k = 0; k < a->nneeds && !found; k++)
			found = a->needs[k].kind == DP_JSONB_STRING && b->needs[i].kind == DP_JSONB_STRING &&
				dp_js_same(a->needs[k].u.text, a->needs[k].len, b->needs[i].u.text, b->needs[i].len);
		if (!found)
			return false;
	}
	return true;
}

static void
compare_dependent(DpJsCompare *c, const DpJsProperty *old, const DpJsProperty *new)
{
	size_t		before = dp_js_compare_down(c, old ? old->key : new->key);
	bool		schema = old ? old->schema != NULL : new->schema != NULL;

	if (new == NULL)
		dp_js_compare_add(c, schema ? DP_JS_D_DEPENDENCY_SCHEMA_REMOVED : DP_JS_D_DEPENDENCY_ARRAY_REMOVED);
	else if (old == NULL)
		dp_js_compare_add(c, schema ? DP_JS_D_DEPENDENCY_SCHEMA_ADDED : DP_JS_D_DEPENDENCY_ARRAY_ADDED);
	else if (schema)
		dp_js_compare(c, old->schema, new->schema);
	else
	{
		bool		extends = needs_all_of(new, old);
		bool		narrows = needs_all_of(old, new);

		if (!extends || !narrows)
			dp_js_compare_add(c, extends ? DP_JS_D_DEPENDENCY_ARRAY_EXTENDED :
							  narrows ? DP_JS_D_DEPENDENCY_ARRAY_NARROWED :
							  DP_JS_D_DEPENDENCY_ARRAY_CHANGED);
	}
	c->path.len = before;
}

static void
compare_dependents(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	size_t		before = dp_js_compare_down(c, "dependencies");

	/* Arrays first, then schemas. */
	for (int schemas = 0; schemas < 2; schemas++)
	{
		for (uint32 i = 0; i < old->ndependents &&
			 dp_js_compare_may_go_on(c, new->ndependents / STRINGS_A_STEP); i++)
		{
			if ((old->dependents[i].schema != NULL) == schemas)
				compare_dependent(c, &old->dependents[i], dependent_of(new, &old->dependents[i]));
		}
		for (uint32 i = 0; i < new->ndependents &&
			 dp_js_compare_may_go_on(c, old->ndependents / STRINGS_A_STEP); i++)
		{
			if ((new->dependents[i].schema != NULL) == schemas &&
				dependent_of(old, &new->dependents[i]) == NULL)
				compare_dependent(c, NULL, &new->dependents[i]);
		}
	}
	c->path.len = before;
}

static void
compare_additional(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	size_t		before = dp_js_compare_down(c, "additionalProperties");
	const DpJsSchema *a = schema_of_others(old);
	const DpJsSchema *b = schema_of_others(new);

	if (permits_others(old) != permits_others(new))
		dp_js_compare_add(c, permits_others(new) ? DP_JS_D_ADDITIONAL_PROPERTIES_ADDED :
						  DP_JS_D_ADDITIONAL_PROPERTIES_REMOVED);
	else if (a == NULL && b != NULL)
		dp_js_compare_add(c, DP_JS_D_ADDITIONAL_PROPERTIES_NARROWED);
	else if (a != NULL && b == NULL)
		dp_js_compare_add(c, DP_JS_D_ADDITIONAL_PROPERTIES_EXTENDED);
	else
		dp_js_compare(c, a, b);
	c->path.len = before;
}

void
dp_js_compare_unevaluated(DpJsCompare *c, const char *keyword, const DpJsSchema *old,
						  const DpJsSchema *new, DpJsDifference added)
{
	size_t		before = dp_js_compare_down(c, keyword);
	DpJsDifference removed = added + 1;
	DpJsDifference extended = added + 2;
	DpJsDifference narrowed = added + 3;

	if (old == NULL && new == NULL)
		 /* nothing is said */ ;
	else if (old == NULL)
		dp_js_compare_add(c, new->never ? removed : narrowed);
	else if (new == NULL)
		dp_js_compare_add(c, old->never ? added : extended);
	else if (old->never != new->never)
		dp_js_compare_add(c, old->never ? added : removed);
	else if (is_empty(c, old) != is_empty(c, new))
		dp_js_compare_add(c, is_empty(c, old) ? narrowed : extended);
	else
		dp_js_compare(c, old, new);
	c->path.len = before;
}

/* A count that may be absent, zero or not. */
static uint32
count_or_absent(const DpJsSchema *s, const char *keyword, uint32 count)
{
	return dp_js_get(s->source, keyword) == NULL ? DP_JS_NO_LIMIT : count;
}

void
dp_js_compare_objects(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	compare_required(c, old, new);
	compare_properties(c, old, new);
	compare_dependents(c, old, new);
	compare_additional(c, old, new);
	dp_js_compare_unevaluated(c, "unevaluatedProperties", old->unevaluated_properties,
							  new->unevaluated_properties, DP_JS_D_UNEVALUATED_PROPERTIES_ADDED);
	dp_js_compare_count(c, "maxProperties", old->max_properties, new->max_properties,
						DP_JS_NO_LIMIT, DP_JS_D_MAX_PROPERTIES_ADDED);
	dp_js_compare_count(c, "minProperties",
						count_or_absent(old, "minProperties", old->min_properties),
						count_or_absent(new, "minProperties", new->min_properties),
						DP_JS_NO_LIMIT, DP_JS_D_MIN_PROPERTIES_ADDED);
}
