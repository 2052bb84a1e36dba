/*-------------------------------------------------------------------------
 *
 * varint.h
 *	  Integers of seven bits a byte, eight bytes at once.
 *
 * Avro and Protobuf both write them: lowest bits first, and the last byte is
 * the one without the highest bit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_VARINT_H
#define DP_COMMON_VARINT_H

#include "postgres.h"

#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"

#define DP_VARINT_BYTES 10		/* of the longest one that has 64 bits */
#define DP_VARINT_HIGH UINT64CONST(0x8080808080808080)

/* Eight bytes, the first one lowest. */
static inline uint64
dp_varint_load(const char *p)
{
	uint64		n;

	memcpy(&n, p, sizeof(n));
#ifdef WORDS_BIGENDIAN
	n = pg_bswap64(n);
#endif
	return n;
}

/* A bit for each of the eight bytes at which an integer ends. */
static inline uint64
dp_varint_stops(uint64 n)
{
	return ~n & DP_VARINT_HIGH;
}

/* How many bytes the integer has, when there is a stop. */
static inline int
dp_varint_size(uint64 stops)
{
	return (pg_rightmost_one_pos64(stops) >> 3) + 1;
}

/* Its value: the seven bits of each byte, moved together in pairs. */
static inline uint64
dp_varint_value(uint64 n, uint64 stops)
{
	n &= (stops ^ (stops - 1)) & ~DP_VARINT_HIGH;
	n = (n & UINT64CONST(0x007f007f007f007f)) | (n & UINT64CONST(0x7f007f007f007f00)) >> 1;
	n = (n & UINT64CONST(0x00003fff00003fff)) | (n & UINT64CONST(0x3fff00003fff0000)) >> 2;
	return (n & UINT64CONST(0x0fffffff)) | (n & UINT64CONST(0x0fffffff00000000)) >> 4;
}

/* Signed ones take turns: 0, -1, 1, -2, ... */
static inline int64
dp_varint_signed(uint64 n)
{
	return (int64) (n >> 1) ^ -(int64) (n & 1);
}

#endif							/* DP_COMMON_VARINT_H */
