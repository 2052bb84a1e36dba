/*-------------------------------------------------------------------------
 *
 * nodes.h
 *	  The flat tree between a parser and the jsonb writer.
 *
 * A parser pushes nodes on a stack; when a container ends, its children move
 * to the tape as one contiguous run and one node stands for them.  So the
 * writer can visit the members of an object in sorted order without links.
 *
 * Everything a node points to lies in DpJsonDecoder.text, which is padded:
 * DP_TEXT_PADDING bytes past any string may be read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_NODES_H
#define DP_FORMATS_NODES_H

#include "postgres.h"

#include "common/buf.h"
#include "common/error.h"
#include "formats/json.h"
#include "formats/shapes.h"

#define DP_TEXT_PADDING 64		/* readable NUL bytes after the text */

typedef enum DpNodeKind
{
	DP_NODE_NULL,
	DP_NODE_FALSE,
	DP_NODE_TRUE,
	DP_NODE_STRING,				/* ptr, len */
	DP_NODE_SMALL,				/* a number: mantissa, scale, negative */
	DP_NODE_NUMBER,				/* a number as spelled: ptr, len */
	DP_NODE_ARRAY,				/* len elements from first */
	DP_NODE_OBJECT				/* len members: key, value, key, value */
} DpNodeKind;

typedef struct DpNode
{
	uint8		kind;			/* DpNodeKind */
	bool		negative;
	uint16		scale;
	uint32		len;
	union
	{
		const char *ptr;
		uint64		mantissa;
		struct
		{
			uint32		first;	/* index into the tape */
			uint32		shape;	/* of an object, or DP_SHAPE_NONE */
		}			c;
	}			u;
} DpNode;

typedef struct DpNodes
{
	DpNode	   *items;
	uint32		len;
	uint32		cap;
} DpNodes;

/* A container whose end has not come yet. */
typedef struct DpFrame
{
	uint32		base;			/* its first child on the stack */
	uint32		shape;
	bool		is_object;
} DpFrame;

struct DpJsonDecoder
{
	DpJsonLimits limits;
	DpBuf		text;			/* padded copy; strings are unescaped in place */
	DpNodes		stack;
	DpNodes		tape;
	DpFrame    *frames;			/* limits.max_depth + 1 of them */
	int			base_depth;		/* containers around the values that are parsed */
	DpShapes	shapes;
	DpBuf		out;
	size_t		number_bytes;	/* bound of what the long numbers need */
	uint64		duplicate_keys;
};

/* Keep at most this much scratch memory from one message to the next. */
#define DP_SCRATCH_KEEP (1024 * 1024)

/* Start a message: forget all nodes, and give back unusual amounts of memory. */
extern void dp_nodes_begin(DpJsonDecoder *d);

/* Copy and verify the text of a message. */
extern bool dp_nodes_load(DpJsonDecoder *d, const char *src, size_t len,
						  DpError *err);

extern bool dp_nodes_grow(DpNodes *nodes, uint32 more);

/* A free node at the end, or NULL when memory ran out. */
static inline DpNode *
dp_nodes_push(DpNodes *nodes)
{
	if (unlikely(nodes->len == nodes->cap) && !dp_nodes_grow(nodes, 1))
		return NULL;
	return &nodes->items[nodes->len++];
}

/*
 * Replace the stack from "base" on by one container node; false when memory
 * ran out.
 */
extern bool dp_nodes_close(DpJsonDecoder *d, uint32 base, DpNodeKind kind,
						   uint32 shape);

/* Shorthand for the error that has no other name. */
extern bool dp_out_of_memory(DpError *err);

/*
 * Write the root node as a whole jsonb varlena into d->out.  Fails only for
 * size or memory.
 */
extern const char *dp_jsonb_write(DpJsonDecoder *d, const DpNode *root,
								  size_t *outlen, DpError *err);

/*
 * Parse one JSON value at *pp inside d->text, leaving *pp after it and its
 * node as the top of the stack.
 */
extern bool dp_json_parse_value(DpJsonDecoder *d, char **pp, DpError *err);

/* Shall it stop?  Then *err says so. */
extern bool dp_json_interrupted(DpError *err);

/*
 * The key at p, after its opening quote, of an object at *shape: moves *shape
 * on and returns where the text continues, or NULL.
 */
extern char *dp_json_parse_key(DpJsonDecoder *d, uint32 *shape, char *p,
							   uint32 *keylen, DpError *err);

/*
 * Check the value at p without changing the text or making nodes; returns its
 * end, or NULL.  Positions count from "base".
 */
extern char *dp_json_skip_value(DpJsonDecoder *d, char *p, const char *base,
								DpError *err);

/* "A <what> expected" as an error at p. */
extern bool dp_json_expected(const char *p, const char *base, const char *what,
							 DpError *err);

#endif							/* DP_FORMATS_NODES_H */
