/*-------------------------------------------------------------------------
 *
 * instance.h
 *	  A jsonb read without the server, and its numbers compared exactly.
 *
 * The layout is the server's (utils/jsonb.h, formats/numeric.h).  Whoever hands
 * a jsonb in vouches for it: it comes from the server or from our own writer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_INSTANCE_H
#define DP_JSONSCHEMA_INSTANCE_H

#include "postgres.h"

#include "formats/schema.h"
#include "jsonschema/value.h"

/* One value inside a jsonb. */
typedef struct DpJsInst
{
	DpJsKind	kind;
	uint32		len;			/* bytes of a string, elements, members */
	const char *ptr;			/* string, numeric, or container header */
} DpJsInst;

/* Magnitude: digits[0..n) in base 10000, the first one times 10000^weight. */
typedef struct DpJsNumber
{
	bool		negative;
	int			weight;
	int			n;				/* without zeros on either side; 0 is zero */
	const int16 *digits;
} DpJsNumber;

extern DpJsInst dp_js_root(const char *jsonb);
extern DpJsInst dp_js_element(const DpJsInst *array, uint32 i);

/* Members are in jsonb's order: by length of the key, then by bytes. */
extern DpJsInst dp_js_key(const DpJsInst *object, uint32 i);
extern DpJsInst dp_js_member(const DpJsInst *object, uint32 i);

/* The place of a key, or -1. */
extern int64 dp_js_find(const DpJsInst *object, const char *key, uint32 len);

extern bool dp_js_inst_equal(const DpJsInst *a, const DpJsInst *b);
extern uint64 dp_js_inst_hash(const DpJsInst *v);

/* The JSON text, appended. */
extern void dp_js_inst_print(const DpJsInst *v, DpBuf *out);

extern DpJsNumber dp_js_number(const DpJsInst *v);
extern bool dp_js_number_is_integer(const DpJsNumber *a);

/* Digits behind the point, as spelled: 1.0 has one. */
extern int	dp_js_number_scale(const DpJsInst *v);

extern int	dp_js_number_compare(const DpJsNumber *a, const DpJsNumber *b);

/* 1 or 0; -1 when interrupted or out of memory.  Zero divides nothing but zero. */
extern int	dp_js_number_divisible(const DpJsNumber *a, const DpJsNumber *by, DpError *err);

/* An integer from 0 on, cut to UINT32_MAX. */
extern uint32 dp_js_number_count(const DpJsNumber *a);

/* A value of a schema as an instance that lives in the arena; false and *err. */
extern bool dp_js_freeze(DpArena *arena, DpJsonDecoder *d, const DpJsValue *value, DpJsInst *out,
						 DpError *err);

#endif							/* DP_JSONSCHEMA_INSTANCE_H */
