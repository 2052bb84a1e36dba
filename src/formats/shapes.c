/*-------------------------------------------------------------------------
 *
 * shapes.c
 *	  The key sequences of objects seen before, and their sorted form.
 *
 * The tree is bounded in keys and bytes.  When it is full, new sequences take
 * the slow way; when that happens often, the tree is emptied between two
 * messages, so that it follows a topic whose messages changed while hostile
 * keys cannot make it grow or churn.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/jsonb.h"

#include "formats/shapes.h"

/* The server's qsort has a quadratic worst case; the C library's has not. */
#undef qsort

bool
dp_shapes_init(DpShapes *shapes)
{
	memset(shapes, 0, sizeof(*shapes));
	shapes->items = calloc(DP_SHAPE_MAX_NODES, sizeof(DpShape));
	shapes->buckets = calloc(DP_SHAPE_BUCKETS, sizeof(uint32));
	shapes->len = DP_SHAPE_ROOT + 1;
	return shapes->items != NULL && shapes->buckets != NULL;
}

void
dp_layout_free(DpShapeLayout *layout)
{
	if (layout == NULL)
		return;
	free(layout->section);
	free(layout->members);
	free(layout);
}

static void
forget(DpShapes *shapes)
{
	if (shapes->items == NULL)
		return;
	for (uint32 i = DP_SHAPE_ROOT; i < shapes->len; i++)
	{
		free(shapes->items[i].key);
		dp_layout_free(shapes->items[i].layout);
	}
}

void
dp_shapes_free(DpShapes *shapes)
{
	forget(shapes);
	free(shapes->items);
	free(shapes->buckets);
	memset(shapes, 0, sizeof(*shapes));
}

void
dp_shapes_refresh(DpShapes *shapes)
{
	if (shapes->misses < DP_SHAPE_MAX_MISSES)
		return;
	forget(shapes);
	memset(shapes->items, 0, shapes->len * sizeof(DpShape));
	memset(shapes->buckets, 0, DP_SHAPE_BUCKETS * sizeof(uint32));
	shapes->len = DP_SHAPE_ROOT + 1;
	shapes->bytes = 0;
	shapes->misses = 0;
}

/* FNV-1a; the number of entries is bounded, so collisions cost little. */
static uint32
hash_key(uint32 from, const char *key, uint32 keylen)
{
	uint32		h = 2166136261u ^ (from * 2654435761u);

	for (uint32 i = 0; i < keylen; i++)
		h = (h ^ (unsigned char) key[i]) * 16777619u;
	return h ^ (h >> 15);
}

static uint32
add_key(DpShapes *shapes, uint32 from, uint32 hash, const char *key, uint32 keylen)
{
	uint32		id = shapes->len;
	DpShape    *shape = &shapes->items[id];
	uint32		headlen = Min(keylen + 1, DP_SHAPE_INLINE);

	shape->key = malloc(keylen + 1);
	if (shape->key == NULL)
		return DP_SHAPE_NONE;
	memcpy(shape->key, key, keylen);
	shape->key[keylen] = '"';
	shape->keylen = keylen;
	memcpy(shape->head, shape->key, headlen);
	shape->headmask = (1u << headlen) - 1;
	shape->nkeys = shapes->items[from].nkeys + 1;
	shape->parent = from;
	shape->predicted = DP_SHAPE_NONE;
	shape->hash = hash;
	shape->chain = shapes->buckets[hash & (DP_SHAPE_BUCKETS - 1)];
	shapes->buckets[hash & (DP_SHAPE_BUCKETS - 1)] = id;
	shapes->len++;
	return id;
}

uint32
dp_shapes_step(DpShapes *shapes, uint32 from, const char *key, uint32 keylen)
{
	uint32		hash;
	uint32		id;

	if (keylen > DP_SHAPE_MAX_KEY || shapes->items[from].nkeys >= DP_SHAPE_MAX_KEYS)
		return DP_SHAPE_NONE;
	hash = hash_key(from, key, keylen);
	for (id = shapes->buckets[hash & (DP_SHAPE_BUCKETS - 1)]; id != DP_SHAPE_NONE;
		 id = shapes->items[id].chain)
	{
		DpShape    *shape = &shapes->items[id];

		if (shape->hash == hash && shape->parent == from &&
			shape->keylen == keylen && memcmp(shape->key, key, keylen) == 0)
			break;
	}
	if (id == DP_SHAPE_NONE && shapes->len < DP_SHAPE_MAX_NODES)
		id = add_key(shapes, from, hash, key, keylen);
	if (id == DP_SHAPE_NONE)
		shapes->misses++;
	else
		shapes->items[from].predicted = id;
	return id;
}

/* Of equal keys the last comes first. */
static int
compare_sort_keys(const void *a, const void *b)
{
	const DpSortKey *ka = a;
	const DpSortKey *kb = b;
	int			cmp = dp_key_compare(ka->key, ka->len, kb->key, kb->len);

	if (cmp != 0)
		return cmp;
	return ka->member > kb->member ? -1 : 1;
}

/* Fill JEntries and bytes from the sorted keys, skipping those that lost. */
static void
fill_layout(DpShapeLayout *layout, const DpSortKey *sorted, uint32 nkeys)
{
	uint32		total = 0;
	uint32		n = 0;

	for (uint32 i = 0; i < nkeys; i++)
	{
		JEntry		entry;

		if (i > 0 && dp_key_compare(sorted[i].key, sorted[i].len,
									sorted[i - 1].key, sorted[i - 1].len) == 0)
			continue;
		memcpy(layout->keys + total, sorted[i].key, sorted[i].len);
		total += sorted[i].len;
		entry = n % JB_OFFSET_STRIDE == 0 ? (total | JENTRY_HAS_OFF) : sorted[i].len;
		memcpy(layout->section + n * sizeof(JEntry), &entry, sizeof(JEntry));
		layout->members[n++] = sorted[i].member;
	}
	layout->npairs = n;
	layout->nduplicates = nkeys - n;
	layout->section_bytes = n * sizeof(JEntry);
	layout->keys_bytes = total;
}

DpShapeLayout *
dp_layout_build(DpSortKey *keys, uint32 nkeys)
{
	DpShapeLayout *layout = calloc(1, sizeof(*layout));
	size_t		keys_bytes = 0;

	if (layout == NULL)
		return NULL;
	for (uint32 i = 0; i < nkeys; i++)
		keys_bytes += keys[i].len;
	layout->section = malloc(nkeys * sizeof(JEntry) + keys_bytes + 1);
	layout->members = malloc((nkeys + 1) * sizeof(uint32));
	if (layout->section == NULL || layout->members == NULL)
	{
		dp_layout_free(layout);
		return NULL;
	}
	layout->keys = layout->section + nkeys * sizeof(JEntry);
	qsort(keys, nkeys, sizeof(DpSortKey), compare_sort_keys);
	fill_layout(layout, keys, nkeys);
	return layout;
}

const DpShapeLayout *
dp_shapes_make_layout(DpShapes *shapes, uint32 id)
{
	uint32		nkeys = shapes->items[id].nkeys;
	DpSortKey	keys[DP_SHAPE_MAX_KEYS];
	DpShapeLayout *layout;
	size_t		bytes = sizeof(*layout);
	uint32		at = id;

	for (uint32 i = nkeys; i > 0; i--)
	{
		DpShape    *shape = &shapes->items[at];

		keys[i - 1].key = shape->key;
		keys[i - 1].len = shape->keylen;
		keys[i - 1].member = i - 1;
		bytes += shape->keylen + sizeof(JEntry) + sizeof(uint32);
		at = shape->parent;
	}
	if (shapes->bytes + bytes > DP_SHAPE_MAX_BYTES)
	{
		shapes->misses++;
		return NULL;
	}
	layout = dp_layout_build(keys, nkeys);
	if (layout == NULL)
		return NULL;
	shapes->items[id].layout = layout;
	shapes->bytes += bytes;
	return layout;
}
