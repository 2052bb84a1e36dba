/*-------------------------------------------------------------------------
 *
 * instance.h
 *	  Values of a jsonb compared, hashed and printed; its numbers exactly.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_INSTANCE_H
#define DP_JSONSCHEMA_INSTANCE_H

#include "postgres.h"

#include "formats/jsonb_read.h"
#include "formats/schema.h"
#include "jsonschema/value.h"

/* Magnitude: digits[0..n) in base 10000, the first one times 10000^weight. */
typedef struct DpJsNumber
{
	bool		negative;
	int			weight;
	int			n;				/* without zeros on either side; 0 is zero */
	const int16 *digits;
} DpJsNumber;

extern bool dp_js_inst_equal(const DpJsonbItem *a, const DpJsonbItem *b);
extern uint64 dp_js_inst_hash(const DpJsonbItem *v);

/* The JSON text, appended. */
extern void dp_js_inst_print(const DpJsonbItem *v, DpBuf *out);

extern DpJsNumber dp_js_number(const DpJsonbItem *v);
extern bool dp_js_number_is_integer(const DpJsNumber *a);

/* Digits behind the point, as spelled: 1.0 has one. */
extern int	dp_js_number_scale(const DpJsonbItem *v);

extern int	dp_js_number_compare(const DpJsNumber *a, const DpJsNumber *b);

/* 1 or 0; -1 when interrupted or out of memory.  Zero divides nothing but zero. */
extern int	dp_js_number_divisible(const DpJsNumber *a, const DpJsNumber *by, DpError *err);

/* An integer from 0 on, cut to UINT32_MAX. */
extern uint32 dp_js_number_count(const DpJsNumber *a);

/* A value of a schema as an instance that lives in the arena; false and *err. */
extern bool dp_js_freeze(DpArena *arena, DpJsonDecoder *d, const DpJsValue *value, DpJsonbItem *out,
						 DpError *err);

#endif							/* DP_JSONSCHEMA_INSTANCE_H */
