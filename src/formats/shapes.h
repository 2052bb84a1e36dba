/*-------------------------------------------------------------------------
 *
 * shapes.h
 *	  The key sequences of objects seen before, and their sorted form.
 *
 * Messages of one topic look alike.  A shape is a node in a tree of keys: the
 * path from the root spells the keys of an object in the order they came.
 * Following the path costs one comparison a key, and its end knows the jsonb
 * key section ready made and which member goes where.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_SHAPES_H
#define DP_FORMATS_SHAPES_H

#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define DP_SHAPE_NONE 0			/* the object is not in the tree */
#define DP_SHAPE_ROOT 1			/* no key yet */

#define DP_SHAPE_MAX_NODES 4096 /* keys the tree may hold */
#define DP_SHAPE_MAX_KEY 255	/* bytes of a key in the tree */
#define DP_SHAPE_MAX_KEYS 512	/* members of an object in the tree */
#define DP_SHAPE_MAX_BYTES (4 * 1024 * 1024)	/* all key sections together */
#define DP_SHAPE_MAX_MISSES 65536	/* unknown keys met before starting over */
#define DP_SHAPE_BUCKETS 4096	/* a power of two */
#define DP_SHAPE_INLINE 16		/* key and quote compared as one vector */


/* The sorted form of a shape, made when an object first ends there. */
typedef struct DpShapeLayout
{
	uint32		npairs;			/* without duplicates */
	uint32		nduplicates;
	uint32		section_bytes;	/* JEntries of the keys */
	uint32		keys_bytes;		/* the keys themselves, after them */
	char	   *section;
	char	   *keys;
	uint32	   *members;		/* sorted position to member that won */
} DpShapeLayout;

typedef struct DpSortKey
{
	const char *key;
	uint32		len;
	uint32		member;			/* its place in the input */
} DpSortKey;

typedef struct DpShape
{
	char		head[DP_SHAPE_INLINE];	/* start of key and closing quote */
	uint32		parent;
	uint32		predicted;		/* the key that followed last time */
	uint32		chain;			/* next in the same bucket */
	uint32		hash;
	uint16		keylen;
	uint16		nkeys;			/* up to and including this one */
	uint16		headmask;		/* bits of head in use */
	char	   *key;			/* key and closing quote */
	DpShapeLayout *layout;
} DpShape;

typedef struct DpShapes
{
	DpShape    *items;			/* [0] is not used, [1] the root */
	uint32		len;
	uint32	   *buckets;
	size_t		bytes;			/* held by layouts */
	uint32		misses;
} DpShapes;

extern bool dp_shapes_init(DpShapes *shapes);
extern void dp_shapes_free(DpShapes *shapes);

/* Start over if too much of what comes is unknown; only between messages. */
extern void dp_shapes_refresh(DpShapes *shapes);

/* The shape after one more key, or DP_SHAPE_NONE when the tree is full. */
extern uint32 dp_shapes_step(DpShapes *shapes, uint32 from, const char *key,
							 uint32 keylen);

/* The sorted form, or NULL when there is no room to make it. */
extern const DpShapeLayout *dp_shapes_make_layout(DpShapes *shapes, uint32 shape);

static inline const DpShapeLayout *
dp_shapes_layout(DpShapes *shapes, uint32 shape)
{
	const DpShapeLayout *layout = shapes->items[shape].layout;

	return layout ? layout : dp_shapes_make_layout(shapes, shape);
}

/* Does the text at p continue with this key and its closing quote? */
static inline bool
dp_shape_key_is(const DpShape *shape, const char *p)
{
#ifdef __SSE2__
	__m128i		head = _mm_loadu_si128((const __m128i *) shape->head);
	__m128i		text = _mm_loadu_si128((const __m128i *) p);

	if ((~_mm_movemask_epi8(_mm_cmpeq_epi8(head, text)) & shape->headmask) != 0)
		return false;
	if (shape->keylen < DP_SHAPE_INLINE)
		return true;
#endif

	/*
	 * Text ends in a NUL, which no key holds, but memcmp may look further:
	 * compare as strings.
	 */
	return strncmp(shape->key, p, shape->keylen + 1) == 0;
}

/* The shape after the key at p, if it is the one that came last time, or DP_SHAPE_NONE. */
static inline uint32
dp_shapes_predicted(const DpShapes *shapes, uint32 from, const char *p)
{
	uint32		guess = shapes->items[from].predicted;

	return guess != DP_SHAPE_NONE && dp_shape_key_is(&shapes->items[guess], p)
		? guess : DP_SHAPE_NONE;
}

/*
 * The sorted form of any object; sorts "keys" as a side effect.  NULL when
 * memory ran out.
 */
extern DpShapeLayout *dp_layout_build(DpSortKey *keys, uint32 nkeys);
extern void dp_layout_free(DpShapeLayout *layout);

/* jsonb's order of keys: by length, then by bytes. */
static inline int
dp_key_compare(const char *a, uint32 alen, const char *b, uint32 blen)
{
	if (alen != blen)
		return alen < blen ? -1 : 1;
	return memcmp(a, b, alen);
}

#endif							/* DP_FORMATS_SHAPES_H */
