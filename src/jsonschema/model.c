/*-------------------------------------------------------------------------
 *
 * model.c
 *	  A schema as classes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/schema.h"
#include "jsonschema/model.h"

#define FIRST_BUCKETS 256		/* a power of two */
#define MAX_HOPS 100			/* references that refer to references */
#define MAX_CLASSES 16			/* parts that one schema can fall into */

static const char *const array_keywords[] = {
	"items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains",
	"prefixItems", "minContains", "maxContains", "unevaluatedItems", NULL
};
static const char *const object_keywords[] = {
	"properties", "required", "minProperties", "maxProperties", "dependencies",
	"patternProperties", "additionalProperties", "propertyNames", "dependentRequired",
	"dependentSchemas", "unevaluatedProperties", NULL
};
static const char *const number_keywords[] = {
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", NULL
};
static const char *const string_keywords[] = {"minLength", "maxLength", "pattern", NULL};

static DpJsModel *
new_model(DpJsModels *models, DpJsClass class, const DpJsSchema *s)
{
	DpJsModel  *model = dp_arena_alloc(&models->arena, sizeof(DpJsModel));

	if (model == NULL)
	{
		models->oom = true;
		return NULL;
	}
	memset(model, 0, sizeof(*model));
	model->class = class;
	model->s = s;
	return model;
}

static bool
has_any(const DpJsSchema *s, const char *const *keywords)
{
	for (; *keywords != NULL; keywords++)
	{
		if (dp_js_get(s->source, *keywords) != NULL)
			return true;
	}
	return false;
}

/* The class of one bit of "type". */
static DpJsModel *
model_of_type(DpJsModels *models, const DpJsSchema *s, uint16 type)
{
	static const struct
	{
		uint16		type;
		DpJsClass	class;
	}			classes[] = {
		{DP_JS_TYPE_NULL, DP_JS_CLASS_NULL},
		{DP_JS_TYPE_BOOLEAN, DP_JS_CLASS_BOOLEAN},
		{DP_JS_TYPE_INTEGER, DP_JS_CLASS_NUMBER},
		{DP_JS_TYPE_NUMBER, DP_JS_CLASS_NUMBER},
		{DP_JS_TYPE_STRING, DP_JS_CLASS_STRING},
		{DP_JS_TYPE_ARRAY, DP_JS_CLASS_ARRAY},
		{DP_JS_TYPE_OBJECT, DP_JS_CLASS_OBJECT},
	};
	DpJsModel  *model = NULL;

	for (int i = 0; i < lengthof(classes); i++)
	{
		if (classes[i].type == type)
			model = new_model(models, classes[i].class, s);
	}
	if (model != NULL)
		model->integer = type == DP_JS_TYPE_INTEGER;
	return model;
}

/* "type": a list is a choice between its members, in the order of the text. */
static DpJsModel *
model_of_types(DpJsModels *models, const DpJsSchema *s)
{
	static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
	const DpJsValue *value = dp_js_get(s->source, "type");
	DpJsModel  *choice;

	if (value->kind != DP_JSONB_ARRAY)
		return model_of_type(models, s, s->types);
	choice = new_model(models, DP_JS_CLASS_COMBINED, s);
	if (choice == NULL)
		return NULL;
	choice->criterion = DP_JS_ANY_OF;
	choice->parts = dp_arena_alloc(&models->arena, Max(value->len, 1) * sizeof(DpJsModel *));
	for (uint32 i = 0; choice->parts != NULL && i < value->len; i++)
	{
		for (int k = 0; k < lengthof(names); k++)
		{
			if (dp_js_is(&value->u.elements[i], names[k]))
				choice->parts[choice->nparts++] = model_of_type(models, s, 1 << k);
		}
	}
	return choice->parts == NULL ? NULL : choice;
}

static DpJsModel *
model_of_list(DpJsModels *models, const DpJsSchema *s, const DpJsSchemas *list,
			  DpJsCriterion criterion)
{
	DpJsModel  *model = new_model(models, DP_JS_CLASS_COMBINED, s);

	if (model == NULL)
		return NULL;
	model->criterion = criterion;
	model->nparts = list->n;
	model->list = unconstify(DpJsSchemas *, list);
	return model;
}

/* Is the class of these keywords there already, by "type"? */
static bool
covered(DpJsModel *const *parts, int n, DpJsClass class, bool old)
{
	for (int i = 0; i < n; i++)
	{
		if (parts[i] == NULL)
			continue;
		if (parts[i]->class == class)
			return true;

		/* Up to draft 7 the members of a list of types have their keywords. */
		if (old && parts[i]->class == DP_JS_CLASS_COMBINED && parts[i]->list == NULL &&
			covered(parts[i]->parts, parts[i]->nparts, class, old))
			return true;
	}
	return false;
}

/* Combinations go first, as in Confluent's: their paths count so. */
static void
combined_first(DpJsModel **parts, int n)
{
	DpJsModel  *sorted[MAX_CLASSES];
	int			k = 0;

	for (int i = 0; i < n; i++)
	{
		if (parts[i] != NULL && parts[i]->class == DP_JS_CLASS_COMBINED)
			sorted[k++] = parts[i];
	}
	for (int i = 0; i < n; i++)
	{
		if (parts[i] == NULL || parts[i]->class != DP_JS_CLASS_COMBINED)
			sorted[k++] = parts[i];
	}
	memcpy(parts, sorted, n * sizeof(DpJsModel *));
}

/* All classes that the keywords of a schema fall into; returns how many. */
static int
classes_of(DpJsModels *models, const DpJsSchema *s, DpJsModel **parts)
{
	bool		old = s->resource->draft <= DP_JS_DRAFT7;
	int			n = 0;

	if (s->target != NULL)
		parts[n++] = new_model(models, DP_JS_CLASS_REFERENCE, s->target);
	if (s->enumeration != NULL)
		parts[n++] = new_model(models, DP_JS_CLASS_ENUM, s);
	if (s->all_of.n > 0)
		parts[n++] = model_of_list(models, s, &s->all_of, DP_JS_ALL_OF);
	if (s->any_of.n > 0)
		parts[n++] = model_of_list(models, s, &s->any_of, DP_JS_ANY_OF);
	if (s->one_of.n > 0)
		parts[n++] = model_of_list(models, s, &s->one_of, DP_JS_ONE_OF);
	if (s->negated != NULL)
		parts[n++] = new_model(models, DP_JS_CLASS_NOT, s);
	if (s->constant != NULL)
		parts[n++] = new_model(models, DP_JS_CLASS_CONST, s);
	if (s->types != 0)
		parts[n++] = model_of_types(models, s);
	if (has_any(s, array_keywords) && !covered(parts, n, DP_JS_CLASS_ARRAY, old))
		parts[n++] = new_model(models, DP_JS_CLASS_ARRAY, s);
	if (has_any(s, object_keywords) && !covered(parts, n, DP_JS_CLASS_OBJECT, old))
		parts[n++] = new_model(models, DP_JS_CLASS_OBJECT, s);
	if (has_any(s, number_keywords) && !covered(parts, n, DP_JS_CLASS_NUMBER, old))
		parts[n++] = new_model(models, DP_JS_CLASS_NUMBER, s);
	if ((has_any(s, string_keywords) || (old && s->format != NULL)) &&
		!covered(parts, n, DP_JS_CLASS_STRING, old))
		parts[n++] = new_model(models, DP_JS_CLASS_STRING, s);
	if (s->condition != NULL || s->consequence != NULL || s->alternative != NULL)
		parts[n++] = new_model(models, DP_JS_CLASS_CONDITION, s);
	combined_first(parts, n);
	return n;
}

/* Does nothing in the schema count but its reference? */
static bool
only_refers(const DpJsSchema *s)
{
	return s->target != NULL &&
		(s->ref_only ||
		 (s->enumeration == NULL && s->constant == NULL && s->types == 0 && s->negated == NULL &&
		  s->all_of.n == 0 && s->any_of.n == 0 && s->one_of.n == 0 && s->condition == NULL &&
		  s->consequence == NULL && s->alternative == NULL && !has_any(s, array_keywords) &&
		  !has_any(s, object_keywords) && !has_any(s, number_keywords) &&
		  !has_any(s, string_keywords)));
}

static DpJsModel *
make_model(DpJsModels *models, const DpJsSchema *s)
{
	DpJsModel  *parts[MAX_CLASSES];
	DpJsModel  *model;
	int			n;

	if (s->never)
		return new_model(models, DP_JS_CLASS_FALSE, s);
	if (s->source->kind == DP_JSONB_TRUE)
		return new_model(models, DP_JS_CLASS_TRUE, s);
	n = classes_of(models, s, parts);
	if (n == 0)
		return new_model(models, DP_JS_CLASS_EMPTY, s);
	if (n == 1 && parts[0] != NULL && parts[0]->class == DP_JS_CLASS_REFERENCE)
		return new_model(models, DP_JS_CLASS_EMPTY, s);	/* too many hops */
	if (n == 1)
		return parts[0];
	model = new_model(models, DP_JS_CLASS_COMBINED, s);
	if (model == NULL)
		return NULL;
	model->criterion = DP_JS_ALL_OF;
	model->nparts = n;
	model->parts = dp_arena_alloc(&models->arena, n * sizeof(DpJsModel *));
	if (model->parts == NULL)
	{
		models->oom = true;
		return NULL;
	}
	memcpy(model->parts, parts, n * sizeof(DpJsModel *));
	return model;
}

static inline uint32
bucket_of(const DpJsModels *models, const DpJsSchema *s)
{
	uint64		h = (uint64) (uintptr_t) s * UINT64CONST(0x9E3779B97F4A7C15);

	return (h >> 32) & (models->nbuckets - 1);
}

static bool
grow_buckets(DpJsModels *models)
{
	DpJsModel **old = models->buckets;
	uint32		nold = models->nbuckets;

	if (models->n * 2 < nold)
		return true;
	models->nbuckets = nold ? nold * 2 : FIRST_BUCKETS;
	models->buckets = calloc(models->nbuckets, sizeof(DpJsModel *));
	if (models->buckets == NULL)
	{
		models->buckets = old;
		models->nbuckets = nold;
		models->oom = true;
		return false;
	}
	for (uint32 i = 0; i < nold; i++)
	{
		if (old[i] != NULL)
		{
			uint32		b = bucket_of(models, old[i]->s);

			while (models->buckets[b] != NULL)
				b = (b + 1) & (models->nbuckets - 1);
			models->buckets[b] = old[i];
		}
	}
	free(old);
	return true;
}

DpJsModel *
dp_js_model_of(DpJsModels *models, const DpJsSchema *s)
{
	DpJsModel  *model;
	uint32		b;

	for (int hops = 0; only_refers(s) && hops < MAX_HOPS; hops++)
		s = s->target;
	if (!grow_buckets(models))
		return NULL;
	for (b = bucket_of(models, s); models->buckets[b] != NULL; b = (b + 1) & (models->nbuckets - 1))
	{
		if (models->buckets[b]->s == s)
			return models->buckets[b];
	}

	model = make_model(models, s);
	if (model == NULL)
		return NULL;
	model->whole = true;
	models->buckets[b] = model;
	models->n++;
	return model;
}

DpJsModel *
dp_js_model_part(DpJsModels *models, DpJsModel *combined, uint32 i)
{
	if (combined->list != NULL)
		return dp_js_model_of(models, combined->list->items[i]);
	if (combined->parts[i] == NULL)
		models->oom = true;
	else if (combined->parts[i]->class == DP_JS_CLASS_REFERENCE)
		return dp_js_model_of(models, combined->parts[i]->s);
	return combined->parts[i];
}

/* ----------------------------------------------------------------- texts */

static uint64
mix(uint64 h, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char) s[i]) * UINT64CONST(1099511628211);
	h ^= h >> 31;
	return h * UINT64CONST(0xBF58476D1CE4E5B9);
}

/* Of a text, whatever the order of its keys. */
static uint64
hash_text(const DpJsValue *value, uint64 seed)
{
	uint64		h = mix(seed, (const char *) &value->kind, sizeof(value->kind));
	uint64		sum = 0;

	switch (value->kind)
	{
		case DP_JSONB_NUMBER:
		case DP_JSONB_STRING:
			return mix(h, value->u.text, value->len);
		case DP_JSONB_ARRAY:
			for (uint32 i = 0; i < value->len; i++)
			{
				uint64		part = hash_text(&value->u.elements[i], seed);

				h = mix(h, (const char *) &part, sizeof(part));
			}
			return h;
		case DP_JSONB_OBJECT:
			for (uint32 i = 0; i < value->len; i++)
			{
				const DpJsMember *member = &value->u.members[i];
				uint64		part = hash_text(&member->value, seed);

				sum += mix(mix(seed, member->key, member->keylen), (const char *) &part, sizeof(part));
			}
			return mix(h, (const char *) &sum, sizeof(sum));
		default:
			return h;
	}
}

bool
dp_js_model_same_text(DpJsModel *a, DpJsModel *b)
{
	DpJsModel  *both[] = {a, b};

	if (a->class != b->class || a->integer != b->integer || a->whole != b->whole)
		return false;
	for (int i = 0; i < 2; i++)
	{
		if (both[i]->hashed)
			continue;
		both[i]->hash[0] = hash_text(both[i]->s->source, UINT64CONST(14695981039346656037));
		both[i]->hash[1] = hash_text(both[i]->s->source, UINT64CONST(0x2545F4914F6CDD1D));
		both[i]->hashed = true;
	}
	return a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1];
}

void
dp_js_models_free(DpJsModels *models)
{
	dp_arena_free(&models->arena);
	free(models->buckets);
}
