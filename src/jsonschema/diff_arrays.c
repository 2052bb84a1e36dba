/*-------------------------------------------------------------------------
 *
 * diff_arrays.c
 *	  What a newer schema changes about arrays and combinations.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "jsonschema/compare.h"

/* The C library's: this file must link without the server. */
#undef snprintf

/* What a schema says of items, in the words of the older drafts. */
typedef struct Items
{
	const DpJsSchema *all;		/* of every item */
	const DpJsSchemas *each;	/* of the first ones */
	const DpJsSchema *more;		/* of those after them */
	const DpJsSchema *unevaluated;
	bool		closed;			/* no more than those */
} Items;

static const DpJsSchema *
schema_at(const DpJsSchema *s, const char *keyword)
{
	const DpJsValue *value = dp_js_get(s->source, keyword);

	return value == NULL ? NULL : value->schema;
}

static Items
items_of(const DpJsSchema *s)
{
	const DpJsSchema *all = schema_at(s, "items");
	const DpJsSchema *more = schema_at(s, "additionalItems");
	Items		items = {NULL, &s->prefix, NULL, s->unevaluated_items, false};

	if (s->resource->draft == DP_JS_DRAFT2020)
	{
		/* What "items" says of all, or of the rest; a boolean only opens or closes. */
		items.closed = all != NULL && all->never;
		if (all != NULL && all->source->kind == DP_JSONB_OBJECT)
		{
			if (s->prefix.n == 0)
				items.all = all;
			else
				items.more = all;
		}
		return items;
	}
	items.all = all;
	items.closed = more != NULL && more->never;
	if (more != NULL && more->source->kind == DP_JSONB_OBJECT)
		items.more = more;
	return items;
}

static bool
is_empty(DpJsCompare *c, const DpJsSchema *s)
{
	DpJsModel  *model = dp_js_model_of(&c->models, s);

	if (model == NULL)
		return dp_js_compare_oom(c);
	return dp_js_model_is_empty(model);
}

static bool
is_open(DpJsCompare *c, const Items *items)
{
	return !items->closed && items->more == NULL &&
		(items->unevaluated == NULL || is_empty(c, items->unevaluated));
}

static const DpJsSchema *
partially_open(DpJsCompare *c, const Items *items)
{
	if (items->more != NULL)
		return items->more;
	if (!items->closed && items->unevaluated != NULL && !items->unevaluated->never &&
		!is_empty(c, items->unevaluated))
		return items->unevaluated;
	return NULL;
}

/* Compare in this place, and say by which difference it went. */
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
compare_item_removed(DpJsCompare *c, const DpJsSchema *item, const Items *new)
{
	const DpJsSchema *instead;

	if (is_open(c, new))
		dp_js_compare_add(c, DP_JS_D_ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL);
	else if ((instead = partially_open(c, new)) != NULL)
		compare_covered(c, item, instead,
						DP_JS_D_ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
						DP_JS_D_ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL);
	else
		dp_js_compare_add(c, item->never ?
						  DP_JS_D_ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL :
						  DP_JS_D_ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL);
}

static void
compare_item_added(DpJsCompare *c, const Items *old, const DpJsSchema *item)
{
	const DpJsSchema *before;

	if (is_open(c, old))
		dp_js_compare_add(c, is_empty(c, item) ?
						  DP_JS_D_ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL :
						  DP_JS_D_ITEM_ADDED_TO_OPEN_CONTENT_MODEL);
	else if ((before = partially_open(c, old)) != NULL)
		compare_covered(c, before, item,
						DP_JS_D_ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
						DP_JS_D_ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL);
	else
		dp_js_compare_add(c, DP_JS_D_ITEM_ADDED_TO_CLOSED_CONTENT_MODEL);
}

static void
compare_each_item(DpJsCompare *c, const Items *old, const Items *new)
{
	uint32		n = Max(old->each->n, new->each->n);
	char		step[32];

	for (uint32 i = 0; i < n && !c->failed; i++)
	{
		size_t		before;

		snprintf(step, sizeof(step), "items/%u", i);
		before = dp_js_compare_down(c, step);
		if (i >= new->each->n)
			compare_item_removed(c, old->each->items[i], new);
		else if (i >= old->each->n)
			compare_item_added(c, old, new->each->items[i]);
		else
			dp_js_compare(c, old->each->items[i], new->each->items[i]);
		c->path.len = before;
	}
}

static void
compare_more_items(DpJsCompare *c, const Items *old, const Items *new)
{
	size_t		before = dp_js_compare_down(c, "additionalItems");

	if (old->closed != new->closed)
		dp_js_compare_add(c, old->closed ? DP_JS_D_ADDITIONAL_ITEMS_ADDED :
						  DP_JS_D_ADDITIONAL_ITEMS_REMOVED);
	else if (old->more == NULL && new->more != NULL)
		dp_js_compare_add(c, DP_JS_D_ADDITIONAL_ITEMS_NARROWED);
	else if (old->more != NULL && new->more == NULL)
		dp_js_compare_add(c, DP_JS_D_ADDITIONAL_ITEMS_EXTENDED);
	else
		dp_js_compare(c, old->more, new->more);
	c->path.len = before;
}

/* A count that may be absent, zero or not. */
static uint32
count_or_absent(const DpJsSchema *s, const char *keyword, uint32 count)
{
	return dp_js_get(s->source, keyword) == NULL ? DP_JS_NO_LIMIT : count;
}

void
dp_js_compare_arrays(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new)
{
	Items		a = items_of(old);
	Items		b = items_of(new);
	size_t		before = dp_js_compare_down(c, "items");

	dp_js_compare(c, a.all, b.all);
	c->path.len = before;
	compare_each_item(c, &a, &b);
	compare_more_items(c, &a, &b);
	dp_js_compare_unevaluated(c, "unevaluatedItems", a.unevaluated, b.unevaluated,
							  DP_JS_D_UNEVALUATED_ITEMS_ADDED);
	dp_js_compare_count(c, "maxItems", old->max_items, new->max_items, DP_JS_NO_LIMIT,
						DP_JS_D_MAX_ITEMS_ADDED);
	dp_js_compare_count(c, "minItems", count_or_absent(old, "minItems", old->min_items),
						count_or_absent(new, "minItems", new->min_items), DP_JS_NO_LIMIT,
						DP_JS_D_MIN_ITEMS_ADDED);
	if (old->unique_items != new->unique_items)
		dp_js_compare_add_at(c, "uniqueItems", old->unique_items ? DP_JS_D_UNIQUE_ITEMS_REMOVED :
							 DP_JS_D_UNIQUE_ITEMS_ADDED);
	dp_js_compare_count(c, "maxContains", old->max_contains, new->max_contains, DP_JS_NO_LIMIT,
						DP_JS_D_MAX_CONTAINS_ADDED);
	dp_js_compare_count(c, "minContains", count_or_absent(old, "minContains", old->min_contains),
						count_or_absent(new, "minContains", new->min_contains), DP_JS_NO_LIMIT,
						DP_JS_D_MIN_CONTAINS_ADDED);
}

/* --------------------------------------------------------- combinations */

/* Which parts of two combinations go together. */
typedef struct Matching
{
	uint32		nold;
	uint32		nnew;
	DpJsModel **old;
	DpJsModel **new;
	uint32	   *index;			/* of an old part in its list */
	int64	   *new_of;			/* of an old part, or -1 */
	int64	   *old_of;
	bool	   *seen;
} Matching;

/* The parts of a combination; equal texts count once. */
static uint32
distinct_parts(DpJsCompare *c, DpJsModel *combined, DpJsModel **parts, uint32 *index)
{
	uint32		n = 0;

	for (uint32 i = 0; i < combined->nparts && dp_js_compare_may_go_on(c, n); i++)
	{
		DpJsModel  *part = dp_js_model_part(&c->models, combined, i);
		bool		known = false;

		if (part == NULL)
		{
			dp_js_compare_oom(c);
			return 0;
		}
		for (uint32 k = 0; k < n && !known; k++)
			known = parts[k] == part || dp_js_model_same_text(parts[k], part);
		if (known)
			continue;
		if (index != NULL)
			index[n] = n;
		parts[n++] = part;
	}
	return n;
}

static bool
goes_together(DpJsCompare *c, const Matching *m, uint32 i, uint32 k)
{
	return (dp_js_compare_judge(c, m->old[i], m->new[k]) & DP_JS_PAIR_INCOMPATIBLE) == 0;
}

/* Find a new part for old part i, moving others if that helps. */
static bool
augment(DpJsCompare *c, Matching *m, uint32 i, int depth)
{
	if (depth > DP_JS_COMPARE_MAX_DEPTH / 4)
		return false;
	for (uint32 k = 0; k < m->nnew && !c->failed; k++)
	{
		if (m->seen[k] || !goes_together(c, m, i, k))
			continue;
		m->seen[k] = true;
		if (m->old_of[k] < 0 || augment(c, m, m->old_of[k], depth + 1))
		{
			m->old_of[k] = i;
			m->new_of[i] = k;
			return true;
		}
	}
	return false;
}

/* As many old parts as possible with a new part each; returns how many. */
static uint32
match(DpJsCompare *c, Matching *m)
{
	uint32		matched = 0;

	for (uint32 i = 0; i < m->nold; i++)
		m->new_of[i] = -1;
	for (uint32 k = 0; k < m->nnew; k++)
		m->old_of[k] = -1;

	/* What is the same goes together, wherever it stands. */
	for (uint32 i = 0; i < m->nold && dp_js_compare_may_go_on(c, m->nnew); i++)
	{
		for (uint32 k = 0; k < m->nnew && m->new_of[i] < 0; k++)
		{
			if (m->old_of[k] < 0 && dp_js_model_same_text(m->old[i], m->new[k]) &&
				goes_together(c, m, i, k))
			{
				m->new_of[i] = k;
				m->old_of[k] = i;
				matched++;
			}
		}
	}
	for (uint32 i = 0; i < m->nold && !c->failed; i++)
	{
		if (m->new_of[i] >= 0)
			continue;
		memset(m->seen, 0, m->nnew * sizeof(bool));
		matched += augment(c, m, i, 0);
	}
	return matched;
}

static void
compare_parts(DpJsCompare *c, DpJsModel *old, DpJsModel *new, Matching *m)
{
	static const char *const names[] = {"allOf", "anyOf", "oneOf"};
	uint32		matched;
	char		step[32];

	m->nold = distinct_parts(c, old, m->old, m->index);
	m->nnew = distinct_parts(c, new, m->new, NULL);
	if (m->nold < m->nnew)
		dp_js_compare_add(c, new->criterion == DP_JS_ALL_OF ? DP_JS_D_PRODUCT_TYPE_EXTENDED :
						  DP_JS_D_SUM_TYPE_EXTENDED);
	else if (m->nold > m->nnew)
		dp_js_compare_add(c, old->criterion == DP_JS_ALL_OF ? DP_JS_D_PRODUCT_TYPE_NARROWED :
						  DP_JS_D_SUM_TYPE_NARROWED);
	matched = match(c, m);
	for (uint32 i = 0; i < m->nold && !c->failed; i++)
	{
		size_t		before;

		if (m->new_of[i] < 0)
			continue;
		snprintf(step, sizeof(step), "%s/%u", names[old->criterion], m->index[i]);
		before = dp_js_compare_down(c, step);
		dp_js_compare_models(c, m->old[i], m->new[m->new_of[i]]);
		c->path.len = before;
	}
	if (matched < Min(m->nold, m->nnew))
		dp_js_compare_add(c, DP_JS_D_COMBINED_TYPE_SUBSCHEMAS_CHANGED);
}

void
dp_js_compare_combined(DpJsCompare *c, DpJsModel *old, DpJsModel *new)
{
	Matching	m = {0};

	if (old->criterion != new->criterion)
	{
		bool		one = old->nparts == 1;

		if (new->criterion != DP_JS_ANY_OF && !(one && new->nparts == 1) &&
			!(one && new->criterion == DP_JS_ONE_OF) &&
			!(new->nparts == 1 && old->criterion == DP_JS_ALL_OF))
		{
			dp_js_compare_add(c, DP_JS_D_COMBINED_TYPE_CHANGED);
			return;
		}
		dp_js_compare_add(c, DP_JS_D_COMBINED_TYPE_EXTENDED);
	}
	m.old = malloc(Max(old->nparts, 1) * sizeof(DpJsModel *));
	m.new = malloc(Max(new->nparts, 1) * sizeof(DpJsModel *));
	m.index = malloc(Max(old->nparts, 1) * sizeof(uint32));
	m.new_of = malloc(Max(old->nparts, 1) * sizeof(int64));
	m.old_of = malloc(Max(new->nparts, 1) * sizeof(int64));
	m.seen = malloc(Max(new->nparts, 1) * sizeof(bool));
	if (m.old && m.new && m.index && m.new_of && m.old_of && m.seen)
		compare_parts(c, old, new, &m);
	else
		dp_js_compare_oom(c);
	free(m.old);
	free(m.new);
	free(m.index);
	free(m.new_of);
	free(m.old_of);
	free(m.seen);
}
