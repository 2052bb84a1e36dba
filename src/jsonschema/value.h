/*-------------------------------------------------------------------------
 *
 * value.h
 *	  The text of a schema as a tree that keeps the order of its keys.
 *
 * A jsonb would lose that order and the places that JSON pointers name, so
 * schemas have a tree of their own; what they are compared with is jsonb.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_VALUE_H
#define DP_JSONSCHEMA_VALUE_H

#include "postgres.h"

#include "common/buf.h"
#include "common/error.h"
#include "formats/jsonb_read.h"
#include "formats/values.h"

typedef struct DpJsValue DpJsValue;
typedef struct DpJsMember DpJsMember;

struct DpJsValue
{
	DpJsonbKind kind;
	uint32		len;			/* bytes of text, elements, members */
	union
	{
		const char *text;		/* string, or number as spelled; NUL-terminated, \u0000 is a NUL too */
		DpJsValue  *elements;
		DpJsMember *members;	/* in the order of the text */
	}			u;
	struct DpJsSchema *schema;	/* what was compiled of it */
};

struct DpJsMember
{
	const char *key;			/* NUL-terminated */
	uint32		keylen;
	DpJsValue	value;
};

/* NULL and *err when the text is no JSON, or deeper than a schema may be. */
extern DpJsValue *dp_js_value_parse(DpArena *arena, const char *text, size_t len,
									DpError *err);

/* As compact JSON; "sorted" orders keys by their bytes. */
extern void dp_js_value_print(const DpJsValue *value, bool sorted, DpBuf *out);

/* A string as JSON, with its quotes. */
extern void dp_js_print_string(const char *s, size_t len, DpBuf *out);

/* The last member of this name, or NULL; NULL, too, when this is no object. */
extern DpJsValue *dp_js_get(const DpJsValue *object, const char *key);
extern DpJsValue *dp_js_get_len(const DpJsValue *object, const char *key, size_t len);

/* The same, when it is a string, and one without zero bytes. */
extern const char *dp_js_get_string(const DpJsValue *object, const char *key);

/* The same bytes? */
extern bool dp_js_same(const char *a, size_t alen, const char *b, size_t blen);

extern bool dp_js_is(const DpJsValue *string, const char *text);

/* A string of JSON may hold \u0000, which C's strings end at. */
static inline bool
dp_js_has_zero_byte(const char *s, size_t len)
{
	return memchr(s, '\0', len) != NULL;
}

/* Copy bytes and end them with a NUL; NULL when memory ran out. */
extern char *dp_js_copy(DpArena *arena, const char *s, size_t len);

#endif							/* DP_JSONSCHEMA_VALUE_H */
