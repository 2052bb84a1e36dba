/*-------------------------------------------------------------------------
 *
 * wire.h
 *	  The words of Avro's binary encoding.
 *
 * A message is read where it lies.  Nobody padded it, and what follows may
 * belong to nobody.  So that eight bytes can still be read at once, what begins
 * near the end is taken out of the last eight: whoever hands bytes to the
 * decoder sees to it that DP_AVRO_MIN_BYTES in front of the end are readable.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_WIRE_H
#define DP_AVRO_WIRE_H

#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/varint.h"
#include "formats/text.h"

#define DP_AVRO_MIN_BYTES 8			/* readable in front of every end */
#define DP_AVRO_PADDED (2 * DP_AVRO_MIN_BYTES)
#define DP_AVRO_TEXT_SLACK 16		/* bytes that a copied text may write behind its own */

#define DP_AVRO_ONES UINT64CONST(0x0101010101010101)

/* A copy of less than that many bytes behind others; "room" must live as long as the message. */
static inline const char *
dp_avro_pad(char room[DP_AVRO_PADDED], const char *src, size_t len)
{
	memset(room, 0, DP_AVRO_PADDED);
	if (len > 0)
		memcpy(room + DP_AVRO_MIN_BYTES, src, len);
	return room + DP_AVRO_MIN_BYTES;
}

/* The eight bytes at p, which is in front of the end; zeros for what lies behind it. */
static inline uint64
dp_avro_word(const char *p, const char *end)
{
	if (unlikely(p > end - 8))
		return dp_varint_load(end - 8) >> (64 - 8 * (end - p));
	return dp_varint_load(p);
}

static inline void
dp_avro_put_word(char *out, uint64 n)
{
#ifdef WORDS_BIGENDIAN
	n = pg_bswap64(n);
#endif
	memcpy(out, &n, sizeof(n));
}

extern const char *dp_avro_get_long_slow(const char *p, const char *end, int64 *v);

/* Where the integer at p ends, or NULL when it is none or is cut off. */
static inline const char *
dp_avro_get_long(const char *p, const char *end, int64 *v)
{
	uint64		n;
	uint64		stops;

	if (unlikely(p >= end))
		return NULL;
	n = (unsigned char) *p;
	if (likely(n < 0x80))
	{
		*v = dp_varint_signed(n);
		return p + 1;
	}
	n = dp_avro_word(p, end);
	stops = dp_varint_stops(n);
	if ((stops & 0x8000) != 0)
	{
		n = (n & 0x7F) | (n >> 1 & 0x3F80);
		p += 2;
	}
	else if (likely(stops != 0))
	{
		n = dp_varint_value(n, stops);
		p += dp_varint_size(stops);
	}
	else
	{
		int64		slow = 0;	/* so that *v need have no address */

		p = dp_avro_get_long_slow(p, end, &slow);
		*v = slow;
		return p;
	}
	*v = dp_varint_signed(n);
	/* the zeros behind the end stop, too */
	return likely(p <= end) ? p : NULL;
}

/* The same for one that is never negative. */
static inline const char *
dp_avro_get_count(const char *p, const char *end, size_t *n)
{
	int64		v;

	if (unlikely(p >= end))
		return NULL;
	*n = (unsigned char) *p;
	if (likely(*n < 0x80))
	{
		if (unlikely(*n & 1))
			return NULL;
		*n >>= 1;
		return p + 1;
	}
	p = dp_avro_get_long(p, end, &v);
	if (unlikely(p == NULL || v < 0))
		return NULL;
	*n = v;
	return p;
}

/* Why was there no integer at p: the message ends too early? */
static inline bool
dp_avro_is_cut_off(const char *p, const char *end)
{
	return end - p < DP_VARINT_BYTES;
}

/* Datums of floats, which are their bits. */
static inline Datum
dp_avro_float4(const char *p)
{
	uint32		n;

	memcpy(&n, p, sizeof(n));
#ifdef WORDS_BIGENDIAN
	n = pg_bswap32(n);
#endif
	return Int32GetDatum((int32) n);
}

static inline Datum
dp_avro_float8(const char *p)
{
	uint64		n;

	memcpy(&n, p, sizeof(n));
#ifdef WORDS_BIGENDIAN
	n = pg_bswap64(n);
#endif
	return UInt64GetDatum(n);
}

#ifdef __SSE2__

/* Bits of the bytes that are zero or not ASCII, in either vector. */
static inline unsigned
dp_avro_odd(__m128i a, __m128i b)
{
	__m128i		zero = _mm_cmpeq_epi8(_mm_min_epu8(a, b), _mm_setzero_si128());

	return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), zero));
}

static inline __m128i
dp_avro_load(const char *p)
{
	return _mm_loadu_si128((const __m128i *) p);
}

static inline void
dp_avro_store(char *out, __m128i v)
{
	_mm_storeu_si128((__m128i *) out, v);
}

#endif

/* Are these eight bytes, or the first "len" of them, ASCII without zero bytes? */
static inline bool
dp_avro_word_is_plain(uint64 n, size_t len)
{
	return ((n | (n - DP_AVRO_ONES)) & DP_VARINT_HIGH) << (64 - 8 * len) == 0;
}

/* Up to 16 bytes, of which none behind the end is touched. */
extern bool dp_avro_copy_short(const char *p, size_t len, const char *end, char *out);

/* More than 32 bytes. */
extern bool dp_avro_copy_long(const char *p, size_t len, char *out);

/*
 * Copy a text to where DP_AVRO_TEXT_SLACK bytes more can be written.  True when it
 * is ASCII without zero bytes, as nearly all are; else the caller has to look.
 */
static inline bool
dp_avro_copy_text(const char *p, size_t len, const char *end, char *out)
{
#ifdef __SSE2__
	if (likely(len <= 16))
	{
		__m128i		v;

		if (unlikely(end - p < 16))
			return dp_avro_copy_short(p, len, end, out);
		v = dp_avro_load(p);
		dp_avro_store(out, v);
		return (dp_avro_odd(v, v) & ((1u << len) - 1)) == 0;
	}
	if (likely(len <= 32))
	{
		__m128i		a = dp_avro_load(p);
		__m128i		b = dp_avro_load(p + len - 16);

		dp_avro_store(out, a);
		dp_avro_store(out + len - 16, b);
		return dp_avro_odd(a, b) == 0;
	}
	return dp_avro_copy_long(p, len, out);
#else
	memcpy(out, p, len);
	return false;
#endif
}

extern bool dp_avro_short_is_good(const char *p, size_t len, const char *end);

/* UTF-8 without zero bytes? */
static inline bool
dp_avro_text_is_good(const char *p, size_t len, const char *end)
{
#ifdef __SSE2__
	if (likely(len <= 16))
	{
		__m128i		v;

		if (unlikely(end - p < 16))
			return dp_avro_short_is_good(p, len, end);
		v = dp_avro_load(p);
		if (likely((dp_avro_odd(v, v) & ((1u << len) - 1)) == 0))
			return true;
	}
	else if (likely(len <= 32) && likely(dp_avro_odd(dp_avro_load(p), dp_avro_load(p + len - 16)) == 0))
		return true;
#endif
	return dp_utf8_verify(p, len, NULL);
}

#endif							/* DP_AVRO_WIRE_H */
