/*-------------------------------------------------------------------------
 *
 * tree.h
 *	  The JSON text of a schema as a tree.
 *
 * The text is parsed by the parser of room formats; the tree is a copy that
 * lives as long as its arena.  Strings end in a NUL, which is not counted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_TREE_H
#define DP_AVRO_TREE_H

#include "postgres.h"

#include "common/buf.h"
#include "common/error.h"
#include "formats/values.h"

/* A type takes up to three containers: { "fields": [ { "type": ... */
#define DP_AVRO_TREE_DEPTH (3 * DP_SCHEMA_MAX_DEPTH)

typedef enum DpAvroTreeKind
{
	DP_TREE_NULL,
	DP_TREE_FALSE,
	DP_TREE_TRUE,
	DP_TREE_STRING,
	DP_TREE_NUMBER,				/* text as spelled */
	DP_TREE_ARRAY,
	DP_TREE_OBJECT
} DpAvroTreeKind;

typedef struct DpAvroTree
{
	DpAvroTreeKind kind;
	uint32		len;			/* bytes of text; elements; members */
	const char *text;
	struct DpAvroTree *items;	/* elements, or the members' values */
	const char **keys;			/* of an object; of duplicates the last is there */
} DpAvroTree;

/* NULL and *err when the text is no JSON. */
extern const DpAvroTree *dp_avro_tree_parse(const char *text, size_t len, DpArena *arena,
											DpError *err);

/* The value of a member, or NULL. */
extern const DpAvroTree *dp_avro_tree_get(const DpAvroTree *object, const char *key);

/* As compact JSON; members sorted by name at all depths with "sorted". */
extern bool dp_avro_tree_print(const DpAvroTree *tree, bool sorted, DpBuf *out);

/* A JSON string. */
extern void dp_avro_put_string(DpBuf *out, const char *s, size_t len);

static inline void
dp_avro_put(DpBuf *out, const char *s)
{
	dp_buf_append(out, s, strlen(s));
}

#endif							/* DP_AVRO_TREE_H */
