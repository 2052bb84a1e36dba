/*-------------------------------------------------------------------------
 *
 * wire.h
 *	  The words of Avro's binary encoding.
 *
 * Messages are padded with zero bytes, at which every integer ends, so an
 * integer is read first and its place looked at afterwards.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_WIRE_H
#define DP_AVRO_WIRE_H

#include "postgres.h"

#include "port/pg_bitutils.h"

#define DP_AVRO_LONG_BYTES 10	/* of the longest integer */

extern const char *dp_avro_get_long_slow(const char *p, int64 *v);

/* Where the integer at p ends, or NULL when it is none. */
static inline const char *
dp_avro_get_long(const char *p, int64 *v)
{
	uint64		n = (unsigned char) p[0];

	if (likely(n < 0x80))
	{
		*v = (int64) (n >> 1) ^ -(int64) (n & 1);
		return p + 1;
	}
	n = (n & 0x7F) | (uint64) (unsigned char) p[1] << 7;
	if (likely(n < 0x80 << 7))
	{
		*v = (int64) (n >> 1) ^ -(int64) (n & 1);
		return p + 2;
	}
#ifndef WORDS_BIGENDIAN
	{
		uint64		stop;

		/* up to eight bytes at once: seven bits of each, moved together in pairs */
		memcpy(&n, p, sizeof(n));
		stop = ~n & UINT64CONST(0x8080808080808080);
		if (likely(stop != 0))
		{
			n &= (stop ^ (stop - 1)) & UINT64CONST(0x7f7f7f7f7f7f7f7f);
			n = (n & UINT64CONST(0x007f007f007f007f)) | (n & UINT64CONST(0x7f007f007f007f00)) >> 1;
			n = (n & UINT64CONST(0x00003fff00003fff)) | (n & UINT64CONST(0x3fff00003fff0000)) >> 2;
			n = (n & UINT64CONST(0x0fffffff)) | (n & UINT64CONST(0x0fffffff00000000)) >> 4;
			*v = (int64) (n >> 1) ^ -(int64) (n & 1);
			return p + (pg_rightmost_one_pos64(stop) >> 3) + 1;
		}
	}
#endif
	return dp_avro_get_long_slow(p, v);
}

#endif							/* DP_AVRO_WIRE_H */
