/*-------------------------------------------------------------------------
 *
 * diff.c
 *	  What a newer schema changes, by the rules of Confluent's registry.
 *
 * Schemas may be recursive, so pairs of models are compared at most once a
 * round, taking a pair that is still open for as good as it was found so far;
 * rounds follow until no pair gets worse.  What is left is the best verdict
 * that contradicts nothing, and a cycle can hide no incompatibility.  Only
 * then are differences told, and never below a pair that has none: so a
 * union of unions costs pairs, not paths.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "jsonschema/compare.h"
#include "jsonschema/kind.h"

#define FIRST_BUCKETS 256		/* a power of two */
#define INTERRUPT_EVERY 1024	/* steps */
#define MAX_SENTENCE 600
#define MAX_PATH 200			/* bytes of a path that a sentence shows */

bool
dp_js_compare_oom(DpJsCompare *c)
{
	if (!c->failed)
		dp_out_of_memory(c->err);
	c->failed = true;
	return false;
}

static bool
give_up(DpJsCompare *c, const char *sqlstate, const char *message)
{
	if (!c->failed)
		dp_error_set(c->err, sqlstate, DP_NO_POSITION, "%s", message);
	c->failed = true;
	return false;
}

/* ---------------------------------------------------------------- paths */

size_t
dp_js_compare_down(DpJsCompare *c, const char *step)
{
	size_t		before = c->path.len;

	if (!c->telling)
		return before;
	if (before > 2)
		dp_buf_append(&c->path, "/", 1);
	dp_buf_append(&c->path, step, strlen(step));
	return before;
}

void
dp_js_compare_add(DpJsCompare *c, DpJsDifference type)
{
	char		sentence[MAX_SENTENCE];
	char		shown[MAX_PATH + 1];
	DpDifference difference = {dp_js_difference_name(type)};
	size_t		n;

	difference.compatible = dp_js_difference_compatible(type, c->lenient);
	c->bits |= DP_JS_PAIR_DIFFERS | (difference.compatible ? 0 : DP_JS_PAIR_INCOMPATIBLE);
	if (!c->telling || c->failed || c->stopped)
		return;
	dp_buf_append(&c->path, "", 1);
	if (c->path.oom)
	{
		dp_js_compare_oom(c);
		return;
	}
	c->path.len--;
	n = Min(c->path.len, MAX_PATH);
	while (n > 0 && n < c->path.len && (c->path.data[n] & 0xC0) == 0x80)
		n--;					/* never half a character */
	memcpy(shown, c->path.data, n);
	shown[n] = '\0';
	dp_js_difference_describe(type, shown, sentence, sizeof(sentence));
	difference.path = c->path.data;
	difference.message = sentence;
	c->told++;
	c->stopped = !c->sink(c->arg, &difference);
}

void
dp_js_compare_add_at(DpJsCompare *c, const char *step, DpJsDifference type)
{
	size_t		before = dp_js_compare_down(c, step);

	dp_js_compare_add(c, type);
	c->path.len = before;
}

void
dp_js_compare_count(DpJsCompare *c, const char *keyword, uint32 old, uint32 new, uint32 absent,
					DpJsDifference added)
{
	if (old == new)
		return;
	if (old == absent)
		dp_js_compare_add_at(c, keyword, added);
	else if (new == absent)
		dp_js_compare_add_at(c, keyword, added + 1);
	else
		dp_js_compare_add_at(c, keyword, old < new ? added + 2 : added + 3);
}

/* ---------------------------------------------------------------- pairs */

static inline uint32
bucket_of(const DpJsCompare *c, const DpJsModel *old, const DpJsModel *new)
{
	uint64		h = (uint64) (uintptr_t) old * UINT64CONST(0x9E3779B97F4A7C15) +
		(uint64) (uintptr_t) new;

	h *= UINT64CONST(0xBF58476D1CE4E5B9);
	return (h >> 32) & (c->nbuckets - 1);
}

static DpJsPair *
slot_of(const DpJsCompare *c, const DpJsModel *old, const DpJsModel *new)
{
	uint32		b = bucket_of(c, old, new);

	while (c->pairs[b].old != NULL && (c->pairs[b].old != old || c->pairs[b].new != new))
		b = (b + 1) & (c->nbuckets - 1);
	return &c->pairs[b];
}

static bool
grow_pairs(DpJsCompare *c)
{
	DpJsPair   *before = c->pairs;
	uint32		nbefore = c->nbuckets;

	if (c->npairs * 2 < nbefore)
		return true;
	c->nbuckets = nbefore ? nbefore * 2 : FIRST_BUCKETS;
	c->pairs = calloc(c->nbuckets, sizeof(DpJsPair));
	if (c->pairs == NULL)
	{
		c->pairs = before;
		c->nbuckets = nbefore;
		return dp_js_compare_oom(c);
	}
	for (uint32 i = 0; i < nbefore; i++)
	{
		if (before[i].old != NULL)
			*slot_of(c, before[i].old, before[i].new) = before[i];
	}
	free(before);
	return true;
}

/* The pair, made if it is new; NULL and the error.  Valid until the next call. */
static DpJsPair *
find_pair(DpJsCompare *c, const DpJsModel *old, const DpJsModel *new)
{
	DpJsPair   *pair;

	if (!grow_pairs(c))
		return NULL;
	pair = slot_of(c, old, new);
	if (pair->old == NULL)
	{
		if (++c->npairs > DP_JS_COMPARE_MAX_PAIRS)
		{
			give_up(c, DP_SQLSTATE_LIMIT, "JSON Schemas have too many alternatives to compare");
			return NULL;
		}
		pair->old = old;
		pair->new = new;
	}
	return pair;
}

bool
dp_js_compare_may_go_on(DpJsCompare *c, uint32 steps)
{
	if (c->failed || c->stopped)
		return false;
	c->steps += 1 + steps;
	if (c->steps / INTERRUPT_EVERY != c->asked && dp_schema_interrupted && dp_schema_interrupted())
		return give_up(c, DP_SQLSTATE_INTERRUPTED, "interrupted");
	c->asked = c->steps / INTERRUPT_EVERY;
	if (c->steps > DP_JS_COMPARE_MAX_STEPS)
		return give_up(c, DP_SQLSTATE_LIMIT, "JSON Schemas take too many steps to compare");
	if (c->depth > DP_JS_COMPARE_MAX_DEPTH)
		return give_up(c, DP_SQLSTATE_LIMIT, "JSON Schemas are nested too deep to compare");
	return true;
}

/* -------------------------------------------------------------- classes */

static bool
same_string(const DpJsSchema *old, const DpJsSchema *new, const char *oldkey, const char *newkey)
{
	const DpJsValue *a = dp_js_get(old->source, oldkey);
	const DpJsValue *b = dp_js_get(new->source, newkey);
	bool		is_a = a != NULL && a->kind == DP_JSONB_STRING;
	bool		is_b = b != NULL && b->kind == DP_JSONB_STRING;

	return is_a == is_b && (!is_a || dp_js_same(a->u.text, a->len, b->u.text, b->len));
}

static bool
same_default(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	const DpJsValue *a = dp_js_get(old->source, "default");
	const DpJsValue *b = dp_js_get(new->source, "default");
	DpBuf		texts[2] = {{0}, {0}};
	bool		same;

	if (a == NULL || b == NULL)
		return a == b;
	dp_js_value_print(a, true, &texts[0]);
	dp_js_value_print(b, true, &texts[1]);
	if (texts[0].oom || texts[1].oom)
		dp_js_compare_oom(c);
	same = texts[0].len == texts[1].len && memcmp(texts[0].data, texts[1].data, texts[0].len) == 0;
	dp_buf_free(&texts[0]);
	dp_buf_free(&texts[1]);
	return same;
}

static void
compare_notes(DpJsCompare *c, const DpJsModel *old, const DpJsModel *new)
{
	const DpJsSchema *a = old->s;
	const DpJsSchema *b = new->s;

	/* Parts of a schema that falls into several have no notes of their own. */
	if (!old->whole && !new->whole)
		return;
	if (!same_string(a, b, DP_JS_ID(a->resource->draft), DP_JS_ID(b->resource->draft)))
		dp_js_compare_add(c, DP_JS_D_ID_CHANGED);
	if (!same_string(a, b, "title", "title"))
		dp_js_compare_add(c, DP_JS_D_TITLE_CHANGED);
	if (!same_string(a, b, "description", "description"))
		dp_js_compare_add(c, DP_JS_D_DESCRIPTION_CHANGED);
	if (!same_default(c, a, b))
		dp_js_compare_add(c, DP_JS_D_DEFAULT_CHANGED);
}

static void
compare_strings(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	bool		oldmin = dp_js_get(old->source, "minLength") != NULL;
	bool		newmin = dp_js_get(new->source, "minLength") != NULL;

	dp_js_compare_count(c, "maxLength", old->max_length, new->max_length, DP_JS_NO_LIMIT,
						DP_JS_D_MAX_LENGTH_ADDED);
	dp_js_compare_count(c, "minLength", oldmin ? old->min_length : DP_JS_NO_LIMIT,
						newmin ? new->min_length : DP_JS_NO_LIMIT, DP_JS_NO_LIMIT,
						DP_JS_D_MIN_LENGTH_ADDED);
	if (old->pattern == NULL && new->pattern != NULL)
		dp_js_compare_add_at(c, "pattern", DP_JS_D_PATTERN_ADDED);
	else if (old->pattern != NULL && new->pattern == NULL)
		dp_js_compare_add_at(c, "pattern", DP_JS_D_PATTERN_REMOVED);
	else if (old->pattern != NULL &&
			 !dp_js_same(old->pattern->pattern, old->pattern->len, new->pattern->pattern, new->pattern->len))
		dp_js_compare_add_at(c, "pattern", DP_JS_D_PATTERN_CHANGED);
}

/* "added" is the first of ADDED, REMOVED, INCREASED, DECREASED. */
static void
compare_limit(DpJsCompare *c, const char *keyword, const DpJsonbItem *old, const DpJsonbItem *new,
			  DpJsDifference added)
{
	DpJsNumber	a;
	DpJsNumber	b;
	int			order;

	if (old == NULL || new == NULL)
	{
		if (old != new)
			dp_js_compare_add_at(c, keyword, old == NULL ? added : added + 1);
		return;
	}
	a = dp_js_number(old);
	b = dp_js_number(new);
	order = dp_js_number_compare(&a, &b);
	if (order != 0)
		dp_js_compare_add_at(c, keyword, order < 0 ? added + 2 : added + 3);
}

static void
compare_multiples(DpJsCompare *c, const DpJsonbItem *old, const DpJsonbItem *new)
{
	DpJsNumber	a;
	DpJsNumber	b;
	int			divides;

	if (old == NULL || new == NULL)
	{
		if (old != new)
			dp_js_compare_add_at(c, "multipleOf", old == NULL ? DP_JS_D_MULTIPLE_OF_ADDED :
								 DP_JS_D_MULTIPLE_OF_REMOVED);
		return;
	}
	a = dp_js_number(old);
	b = dp_js_number(new);
	if (dp_js_number_compare(&a, &b) == 0)
		return;
	divides = dp_js_number_divisible(&b, &a, c->err);
	if (divides == 1)
	{
		dp_js_compare_add_at(c, "multipleOf", DP_JS_D_MULTIPLE_OF_EXPANDED);
		return;
	}
	if (divides == 0)
		divides = dp_js_number_divisible(&a, &b, c->err);
	if (divides < 0)
		c->failed = true;
	else
		dp_js_compare_add_at(c, "multipleOf", divides ? DP_JS_D_MULTIPLE_OF_REDUCED :
							 DP_JS_D_MULTIPLE_OF_CHANGED);
}

/* In draft 4 a limit stays where it is, exclusive or not. */
static const DpJsonbItem *
limit_of(const DpJsSchema *s, const DpJsonbItem *limit, const DpJsonbItem *exclusive, bool exclusively)
{
	if (s->resource->draft != DP_JS_DRAFT4)
		return exclusively ? exclusive : limit;
	return exclusively ? NULL : limit != NULL ? limit : exclusive;
}

static void
compare_numbers(DpJsCompare *c, const DpJsModel *old, const DpJsModel *new)
{
	const DpJsSchema *a = old->s;
	const DpJsSchema *b = new->s;

	compare_limit(c, "maximum", limit_of(a, a->maximum, a->exclusive_maximum, false),
				  limit_of(b, b->maximum, b->exclusive_maximum, false), DP_JS_D_MAXIMUM_ADDED);
	compare_limit(c, "minimum", limit_of(a, a->minimum, a->exclusive_minimum, false),
				  limit_of(b, b->minimum, b->exclusive_minimum, false), DP_JS_D_MINIMUM_ADDED);
	compare_limit(c, "exclusiveMaximum", limit_of(a, NULL, a->exclusive_maximum, true),
				  limit_of(b, NULL, b->exclusive_maximum, true), DP_JS_D_EXCLUSIVE_MAXIMUM_ADDED);
	compare_limit(c, "exclusiveMinimum", limit_of(a, NULL, a->exclusive_minimum, true),
				  limit_of(b, NULL, b->exclusive_minimum, true), DP_JS_D_EXCLUSIVE_MINIMUM_ADDED);
	compare_multiples(c, a->multiple_of, b->multiple_of);
	if (old->integer != new->integer)
		dp_js_compare_add(c, old->integer ? DP_JS_D_TYPE_EXTENDED : DP_JS_D_TYPE_NARROWED);
}

/* Is each value of "a" one of those of "b"? */
static bool
is_subset(DpJsCompare *c, const DpJsSchema *a, const DpJsSchema *b)
{
	for (uint32 i = 0; i < a->nenum; i++)
	{
		bool		found = false;

		for (uint32 k = 0; k < b->nenum && !found; k++)
			found = dp_js_inst_equal(&a->enumeration[i], &b->enumeration[k]);
		if (!found || !dp_js_compare_may_go_on(c, b->nenum))
			return false;
	}
	return true;
}

static void
compare_enums(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	bool		extends = is_subset(c, old, new);
	bool		narrows = is_subset(c, new, old);

	if (extends && narrows)
		return;
	dp_js_compare_add_at(c, "enum", extends ? DP_JS_D_ENUM_ARRAY_EXTENDED :
						 narrows ? DP_JS_D_ENUM_ARRAY_NARROWED : DP_JS_D_ENUM_ARRAY_CHANGED);
}

/* What must not match may match less: the other way round. */
static void
compare_nots(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	DpJsModel  *a = dp_js_model_of(&c->models, old->negated);
	DpJsModel  *b = dp_js_model_of(&c->models, new->negated);
	uint8		bits;

	if (a == NULL || b == NULL)
	{
		dp_js_compare_oom(c);
		return;
	}
	bits = dp_js_compare_judge(c, b, a);
	dp_js_compare_add_at(c, "not", bits & DP_JS_PAIR_INCOMPATIBLE ?
						 DP_JS_D_NOT_TYPE_EXTENDED : DP_JS_D_NOT_TYPE_NARROWED);
}

static void
compare_same_class(DpJsCompare *c, DpJsModel *old, DpJsModel *new)
{
	compare_notes(c, old, new);
	switch (old->class)
	{
		case DP_JS_CLASS_STRING:
			compare_strings(c, old->s, new->s);
			break;
		case DP_JS_CLASS_NUMBER:
			compare_numbers(c, old, new);
			break;
		case DP_JS_CLASS_ENUM:
			compare_enums(c, old->s, new->s);
			break;
		case DP_JS_CLASS_CONST:
			if (!dp_js_inst_equal(old->s->constant, new->s->constant))
				dp_js_compare_add_at(c, "const", DP_JS_D_ENUM_ARRAY_CHANGED);
			break;
		case DP_JS_CLASS_NOT:
			compare_nots(c, old->s, new->s);
			break;
		case DP_JS_CLASS_ARRAY:
			dp_js_compare_arrays(c, old->s, new->s);
			break;
		case DP_JS_CLASS_OBJECT:
			dp_js_compare_objects(c, old->s, new->s);
			break;
		case DP_JS_CLASS_COMBINED:
			dp_js_compare_combined(c, old, new);
			break;
		default:
			break;
	}
}

/* ------------------------------------------------------------- the walk */

/* Take the differences of a part over, if it is compatible. */
static bool
take_if_compatible(DpJsCompare *c, DpJsModel *old, DpJsModel *new, DpJsDifference also, bool tell_also)
{
	if (old == NULL || new == NULL)
		return dp_js_compare_oom(c);
	if (dp_js_compare_judge(c, old, new) & DP_JS_PAIR_INCOMPATIBLE)
		return false;
	dp_js_compare_models(c, old, new);
	if (tell_also)
		dp_js_compare_add(c, also);
	return true;
}

/* Something that is no combination became one, or the other way round. */
static bool
compare_with_combined(DpJsCompare *c, DpJsModel *old, DpJsModel *new)
{
	if (new->class == DP_JS_CLASS_COMBINED && old->class != DP_JS_CLASS_COMBINED)
	{
		bool		single = new->nparts == 1;

		for (uint32 i = 0; (single || new->criterion != DP_JS_ALL_OF) && i < new->nparts; i++)
		{
			if (take_if_compatible(c, old, dp_js_model_part(&c->models, new, i),
								   DP_JS_D_SUM_TYPE_EXTENDED, !single))
				return true;
		}
	}
	if (old->class == DP_JS_CLASS_COMBINED && new->class != DP_JS_CLASS_COMBINED)
	{
		bool		single = old->nparts == 1;

		for (uint32 i = 0; (single || old->criterion == DP_JS_ALL_OF) && i < old->nparts; i++)
		{
			if (take_if_compatible(c, dp_js_model_part(&c->models, old, i), new,
								   DP_JS_D_PRODUCT_TYPE_NARROWED, !single))
				return true;
		}
	}
	return false;
}

static bool
connect_bytes(const DpJsModel *model)
{
	const char *type = dp_js_get_string(model->s->source, "connect.type");

	return type != NULL && strcmp(type, "bytes") == 0;
}

/* Everything that differs between two models, once. */
static void
walk(DpJsCompare *c, DpJsModel *old, DpJsModel *new)
{
	if (compare_with_combined(c, old, new))
		return;
	if (old->class != new->class)
	{
		if (old->class == DP_JS_CLASS_FALSE || dp_js_model_is_empty(new))
			return;

		/* Kafka Connect writes decimals either as text or as numbers. */
		if (connect_bytes(old) && connect_bytes(new))
			return;
		dp_js_compare_add(c, DP_JS_D_TYPE_CHANGED);
		return;
	}
	compare_same_class(c, old, new);
}

uint8
dp_js_compare_judge(DpJsCompare *c, DpJsModel *old, DpJsModel *new)
{
	DpJsPair   *pair;
	uint8		outer = c->bits;
	bool		telling = c->telling;
	uint8		bits;

	if (!dp_js_compare_may_go_on(c, 0))
		return 0;
	pair = find_pair(c, old, new);
	if (pair == NULL)
		return 0;

	/* After the last round all pairs that matter are known. */
	if (pair->round == c->round || (telling && pair->round > 0))
		return pair->bits;
	pair->round = c->round;
	c->bits = 0;
	c->telling = false;
	c->depth++;
	walk(c, old, new);
	c->depth--;
	c->telling = telling;
	bits = c->bits;
	c->bits = outer;
	if (c->failed)
		return 0;
	pair = find_pair(c, old, new);
	if (pair == NULL)
		return 0;
	if ((pair->bits | bits) != pair->bits)
	{
		pair->bits |= bits;
		c->changed = true;
	}
	return pair->bits;
}

void
dp_js_compare_models(DpJsCompare *c, DpJsModel *old, DpJsModel *new)
{
	uint8		bits = dp_js_compare_judge(c, old, new);
	DpJsPair   *pair;

	c->bits |= bits & (DP_JS_PAIR_DIFFERS | DP_JS_PAIR_INCOMPATIBLE);
	if (!c->telling || (bits & DP_JS_PAIR_DIFFERS) == 0 || (bits & DP_JS_PAIR_OPEN) || !dp_js_compare_may_go_on(c, 0))
		return;
	if (c->told > DP_JS_COMPARE_MAX_TOLD && (bits & DP_JS_PAIR_TOLD))
		return;
	pair = find_pair(c, old, new);
	if (pair == NULL)
		return;
	pair->bits |= DP_JS_PAIR_OPEN | DP_JS_PAIR_TOLD;
	c->depth++;
	walk(c, old, new);
	c->depth--;
	pair = find_pair(c, old, new);
	if (pair != NULL)
		pair->bits &= ~DP_JS_PAIR_OPEN;
}

void
dp_js_compare(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	DpJsModel  *a;
	DpJsModel  *b;

	if (old == NULL || new == NULL)
	{
		if (old != new)
			dp_js_compare_add(c, old == NULL ? DP_JS_D_SCHEMA_ADDED : DP_JS_D_SCHEMA_REMOVED);
		return;
	}
	a = dp_js_model_of(&c->models, old);
	b = dp_js_model_of(&c->models, new);
	if (a == NULL || b == NULL)
		dp_js_compare_oom(c);
	else
		dp_js_compare_models(c, a, b);
}

bool
dp_js_diff(const DpSchema *old, const DpSchema *new, bool lenient, DpDifferenceSink sink,
		   void *arg, DpError *err)
{
	DpJsCompare c = {sink, arg, err, lenient};
	const DpJsSchema *a = ((const DpJsProgram *) old)->root;
	const DpJsSchema *b = ((const DpJsProgram *) new)->root;

	err->detail[0] = '\0';
	do
	{
		c.changed = false;
		c.round++;
		dp_js_compare(&c, a, b);
	} while (c.changed && !c.failed);
	c.telling = true;
	dp_buf_append(&c.path, "#/", 2);
	if (c.path.oom)
		dp_js_compare_oom(&c);
	if (!c.failed)
		dp_js_compare(&c, a, b);
	dp_buf_free(&c.path);
	free(c.pairs);
	dp_js_models_free(&c.models);
	return !c.failed;
}
