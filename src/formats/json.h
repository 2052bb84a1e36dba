/*-------------------------------------------------------------------------
 *
 * json.h
 *	  JSON text to the bytes of a jsonb, as jsonb_in would make them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_JSON_H
#define DP_FORMATS_JSON_H

#include "postgres.h"

#include "common/error.h"

/* The limits when none are given, and the highest that can be asked for. */
#define DP_JSON_MAX_DEPTH 512
#define DP_JSON_MAX_DEPTH_CEILING 4096	/* the writer recurses: 1 MB of stack */
#define DP_JSON_MAX_EXPONENT 1000
#define DP_JSON_MAX_EXPONENT_CEILING 100000
#define DP_JSON_MAX_DIGITS 10000
#define DP_JSON_MAX_DIGITS_CEILING 1000000
#define DP_JSON_MAX_BYTES ((size_t) 256 * 1024 * 1024)
#define DP_JSON_MAX_BYTES_CEILING ((size_t) 0x3fffffff) /* MaxAllocSize */

/* How many values or containers are taken between two questions about interrupts. */
#define DP_JSON_INTERRUPT_EVERY 65536

/* Zero means the value named above. */
typedef struct DpJsonLimits
{
	int			max_depth;		/* containers inside each other */
	int			max_exponent;	/* of a number, either sign */
	int			max_digits;		/* of one number */
	size_t		max_bytes;		/* of a message */

	/*
	 * \u0000 is a zero byte of its string.  What comes out is no jsonb for the
	 * server then, only for readers that count bytes.
	 */
	bool		zero_bytes;

	/* Give up with 57014 when dp_schema_interrupted() says so. */
	bool		interruptible;
} DpJsonLimits;

typedef struct DpJsonDecoder DpJsonDecoder;

/* NULL limits means all defaults; NULL is returned when memory ran out. */
extern DpJsonDecoder *dp_json_decoder_create(const DpJsonLimits *limits);
extern void dp_json_decoder_destroy(DpJsonDecoder *d);

/*
 * A whole jsonb varlena (four byte header), 8-byte aligned, valid until the
 * next call on this decoder; or NULL and *err.
 */
extern const char *dp_json_to_jsonb(DpJsonDecoder *d, const char *src,
									size_t len, size_t *outlen, DpError *err);

/* How many members were dropped since creation because a later one won. */
extern uint64 dp_json_duplicate_keys(DpJsonDecoder *d);

#endif							/* DP_FORMATS_JSON_H */
