/*-------------------------------------------------------------------------
 *
 * jsonb_read.h
 *	  The bytes of a jsonb, without the server.
 *
 * The server's own iterator allocates and throws, which engines that are
 * fuzzed alone must not.  Whoever hands a jsonb in vouches for it: it comes from
 * the server or from our own writer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_JSONB_READ_H
#define DP_FORMATS_JSONB_READ_H

#include "postgres.h"

#include "common/buf.h"

typedef enum DpJsonbKind
{
	DP_JSONB_NULL,
	DP_JSONB_FALSE,
	DP_JSONB_TRUE,
	DP_JSONB_NUMBER,
	DP_JSONB_STRING,
	DP_JSONB_ARRAY,
	DP_JSONB_OBJECT
} DpJsonbKind;

/* Points into the jsonb. */
typedef struct DpJsonbItem
{
	DpJsonbKind kind;
	uint32		len;			/* bytes of a string; elements; members */
	const char *ptr;			/* of a string, a numeric, a container */
} DpJsonbItem;

/* The root of a whole jsonb varlena that is not compressed. */
extern DpJsonbItem dp_jsonb_root(const char *jsonb);

/* Element i of an array. */
extern DpJsonbItem dp_jsonb_element(const DpJsonbItem *array, uint32 i);

/* Key and value of member i, in jsonb's order. */
extern DpJsonbItem dp_jsonb_key(const DpJsonbItem *object, uint32 i);
extern DpJsonbItem dp_jsonb_value(const DpJsonbItem *object, uint32 i);

/* Where we are among the children of a container. */
typedef struct DpJsonbWalk
{
	const char *container;
	const char *data;			/* the children */
	uint32		i;
	uint32		offset;			/* of child i */
} DpJsonbWalk;

/*
 * All children one after the other, which is quicker than by their numbers: of
 * an array; of an object its keys and then its values.  Nobody tells the end.
 */
extern DpJsonbWalk dp_jsonb_walk(const DpJsonbItem *container);
extern DpJsonbItem dp_jsonb_next(DpJsonbWalk *walk);

/* A walk that begins at the first value of an object. */
extern DpJsonbWalk dp_jsonb_walk_values(const DpJsonbItem *object);

/* Is there a member of this name? */
extern bool dp_jsonb_has(const DpJsonbItem *object, const char *key, uint32 keylen);

/* The member of this name; false when there is none. */
extern bool dp_jsonb_find(const DpJsonbItem *object, const char *key, uint32 keylen,
						  DpJsonbItem *out);

/* A number spelled in full, without exponent; a NUL behind it is not counted.  False: no memory. */
extern bool dp_jsonb_number_text(const DpJsonbItem *number, DpBuf *text);

#endif							/* DP_FORMATS_JSONB_READ_H */
