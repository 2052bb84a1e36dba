/*-------------------------------------------------------------------------
 *
 * containers.c
 *	  The keywords of arrays and objects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "formats/shapes.h"
#include "jsonschema/check.h"

#define ALSO(call) \
	do { \
		int			verdict_ = (call); \
		if (verdict_ < 0) \
			return -1; \
		if (verdict_ == 0) \
		{ \
			if (c->quiet > 0) \
				return 0; \
			result = 0; \
		} \
	} while (0)

/* --------------------------------------------------------------- arrays */

static int
check_element(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *array, uint32 i)
{
	DpJsonbItem v = dp_jsonb_element(array, i);
	size_t		before = dp_js_check_down_index(c, i);
	int			result = dp_js_check(c, s, &v, NULL);

	c->path.len = before;
	return result;
}

/*
 * Elements go into a hash table by their value; those that meet there are
 * compared.  Places are counted from one, zero is free.
 */
static int
find_equal(DpJsCheck *c, const DpJsonbItem *array, uint32 *table, uint64 mask, uint32 *first,
		   uint32 *second)
{
	for (uint32 i = 0; i < array->len; i++)
	{
		DpJsonbItem v = dp_jsonb_element(array, i);
		uint64		b = dp_js_inst_hash(&v) & mask;

		for (; table[b] != 0; b = (b + 1) & mask)
		{
			DpJsonbItem other = dp_jsonb_element(array, table[b] - 1);

			if (dp_js_inst_equal(&v, &other))
			{
				*first = table[b] - 1;
				*second = i;
				return 1;
			}
			if (!dp_js_check_go_on(c, 1))
				return -1;
		}
		table[b] = i + 1;
		if (!dp_js_check_go_on(c, 1))
			return -1;
	}
	return 0;
}

static int
check_unique(DpJsCheck *c, const DpJsonbItem *array)
{
	uint64		size = 16;
	uint32	   *table;
	uint32		first;
	uint32		second;
	int			found;

	while (size < 2 * (uint64) array->len)
		size *= 2;
	table = calloc(size, sizeof(uint32));
	if (table == NULL)
	{
		dp_out_of_memory(c->err);
		return -1;
	}
	found = find_equal(c, array, table, size - 1, &first, &second);
	free(table);
	if (found <= 0)
		return found < 0 ? -1 : 1;
	return dp_js_check_failed(c, "uniqueItems", "must have no equal items, but %u and %u are",
							  first, second);
}

static int
check_contains(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *array, DpJsMarks *marks)
{
	bool		counts = s->resource->draft == DP_JS_DRAFT2020;
	uint32		found = 0;

	for (uint32 i = 0; i < array->len; i++)
	{
		DpJsonbItem v = dp_jsonb_element(array, i);
		int			verdict = dp_js_check_quiet(c, s->contains, &v, NULL);

		if (verdict < 0)
			return -1;
		found += verdict;
		if (verdict && counts)
			dp_js_mark(c, marks, i);
		if (marks == NULL && found >= s->min_contains && s->max_contains == DP_JS_NO_LIMIT)
			break;
	}
	if (found < s->min_contains)
		return dp_js_check_failed(c, s->min_contains == 1 ? "contains" : "minContains",
								  "must contain at least %u items that match the schema given",
								  s->min_contains);
	if (found > s->max_contains)
		return dp_js_check_failed(c, "maxContains",
								  "must contain at most %u items that match the schema given",
								  s->max_contains);
	return 1;
}

int
dp_js_check_array(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *array, DpJsMarks *marks)
{
	int			result = 1;

	if (array->len < s->min_items)
		ALSO(dp_js_check_failed(c, "minItems", "must have at least %u items", s->min_items));
	if (array->len > s->max_items)
		ALSO(dp_js_check_failed(c, "maxItems", "must have at most %u items", s->max_items));
	if (s->unique_items)
		ALSO(check_unique(c, array));
	for (uint32 i = 0; i < array->len; i++)
	{
		const DpJsSchema *item = i < s->prefix.n ? s->prefix.items[i] : s->items;

		if (item == NULL)
			break;
		dp_js_mark(c, marks, i);
		ALSO(check_element(c, item, array, i));
	}
	if (s->contains != NULL)
		ALSO(check_contains(c, s, array, marks));
	return result;
}

int
dp_js_check_unevaluated_items(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *array,
							  DpJsMarks *marks)
{
	int			result = 1;

	for (uint32 i = 0; i < array->len; i++)
	{
		if (dp_js_is_marked(c, marks, i))
			continue;
		dp_js_mark(c, marks, i);
		ALSO(check_element(c, s->unevaluated_items, array, i));
	}
	return result;
}

/* -------------------------------------------------------------- objects */

static int
check_member(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *object, uint32 i,
			 const DpJsonbItem *key, const char *keyword)
{
	DpJsonbItem v = dp_jsonb_value(object, i);
	size_t		before = dp_js_check_down(c, key->ptr, key->len);
	int			result;

	if (s->never)
		result = dp_js_check_failed(c, keyword, "property is not allowed");
	else
		result = dp_js_check(c, s, &v, NULL);
	c->path.len = before;
	return result;
}

/*
 * Every member by the schemas of its name.  Members and properties are in the
 * same order, so both lists are walked once.
 */
static int
check_members(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *object, DpJsMarks *marks)
{
	uint32		next = 0;
	int			result = 1;

	if (s->nproperties == 0 && s->npatterns == 0 && s->additional == NULL)
		return 1;
	for (uint32 i = 0; i < object->len; i++)
	{
		DpJsonbItem key = dp_jsonb_key(object, i);
		bool		known = false;
		int			order = 1;

		while (next < s->nproperties &&
			   (order = dp_key_compare(key.ptr, key.len, s->properties[next].key,
									   s->properties[next].len)) > 0)
			next++;
		if (next < s->nproperties && order == 0)
		{
			known = true;
			ALSO(check_member(c, s->properties[next].schema, object, i, &key, "properties"));
		}
		for (uint32 k = 0; k < s->npatterns; k++)
		{
			int			matches = dp_js_regex_match(s->patterns[k].regex, key.ptr, key.len, c->err);

			if (matches < 0 || !dp_js_check_go_on(c, 1))
				return -1;
			if (matches == 0)
				continue;
			known = true;
			ALSO(check_member(c, s->patterns[k].schema, object, i, &key, "patternProperties"));
		}
		if (!known && s->additional != NULL)
		{
			known = true;
			ALSO(check_member(c, s->additional, object, i, &key, "additionalProperties"));
		}
		if (known)
			dp_js_mark(c, marks, i);
	}
	return result;
}

static int
check_names(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *object)
{
	int			result = 1;

	for (uint32 i = 0; s->property_names != NULL && i < object->len; i++)
	{
		DpJsonbItem key = dp_jsonb_key(object, i);
		int			verdict = dp_js_check_quiet(c, s->property_names, &key, NULL);
		size_t		before;

		if (verdict == 0)
		{
			before = dp_js_check_down(c, key.ptr, key.len);
			verdict = dp_js_check_failed(c, "propertyNames", "property has a name that is not allowed");
			c->path.len = before;
		}
		ALSO(verdict);
	}
	return result;
}

static int
check_needs(DpJsCheck *c, const DpJsonbItem *object, const DpJsValue *names, uint32 n,
			const char *keyword)
{
	int			result = 1;

	if (!dp_js_check_go_on(c, n))
		return -1;
	for (uint32 i = 0; i < n; i++)
	{
		if (names[i].kind == DP_JSONB_STRING && !dp_jsonb_has(object, names[i].u.text, names[i].len))
			ALSO(dp_js_check_failed(c, keyword, "property \"%s\" is missing",
									dp_js_check_show_string(c, names[i].u.text, names[i].len)));
	}
	return result;
}

/* In place: the marks of a dependent schema count like those of allOf. */
static int
check_dependents(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *object, DpJsMarks *marks)
{
	int			result = 1;

	if (!dp_js_check_go_on(c, s->ndependents))
		return -1;
	for (uint32 k = 0; k < s->ndependents; k++)
	{
		const DpJsProperty *dependent = &s->dependents[k];
		bool		old = s->resource->draft <= DP_JS_DRAFT7;
		DpJsMarks	own;
		int			verdict;

		if (!dp_jsonb_has(object, dependent->key, dependent->len))
			continue;
		ALSO(check_needs(c, object, dependent->needs, dependent->nneeds,
						 old ? "dependencies" : "dependentRequired"));
		if (dependent->schema == NULL)
			continue;
		if (marks != NULL && !dp_js_marks_begin(c, object, &own))
			return -1;
		verdict = dp_js_check(c, dependent->schema, object, marks ? &own : NULL);
		if (marks != NULL)
			dp_js_marks_end(c, &own, marks, verdict == 1);
		ALSO(verdict);
	}
	return result;
}

int
dp_js_check_object(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *object, DpJsMarks *marks)
{
	int			result = 1;

	ALSO(check_needs(c, object, s->required, s->nrequired, "required"));
	if (object->len < s->min_properties)
		ALSO(dp_js_check_failed(c, "minProperties", "must have at least %u properties", s->min_properties));
	if (object->len > s->max_properties)
		ALSO(dp_js_check_failed(c, "maxProperties", "must have at most %u properties", s->max_properties));
	ALSO(check_members(c, s, object, marks));
	ALSO(check_names(c, s, object));
	ALSO(check_dependents(c, s, object, marks));
	return result;
}

int
dp_js_check_unevaluated_properties(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *object,
								   DpJsMarks *marks)
{
	int			result = 1;

	for (uint32 i = 0; i < object->len; i++)
	{
		DpJsonbItem key;

		if (dp_js_is_marked(c, marks, i))
			continue;
		key = dp_jsonb_key(object, i);
		dp_js_mark(c, marks, i);
		ALSO(check_member(c, s->unevaluated_properties, object, i, &key, "unevaluatedProperties"));
	}
	return result;
}
