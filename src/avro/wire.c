/*-------------------------------------------------------------------------
 *
 * wire.c
 *	  The words of Avro's binary encoding that are not read at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/wire.h"

const char *
dp_avro_get_long_slow(const char *p, const char *end, int64 *v)
{
	uint64		n = 0;

	for (int i = 0; i < DP_VARINT_BYTES && p + i < end; i++)
	{
		uint64		byte = (unsigned char) p[i];

		n |= (byte & 0x7F) << 7 * i;
		if (byte < 0x80)
		{
			if (i == DP_VARINT_BYTES - 1 && byte > 1)
				return NULL;
			*v = dp_varint_signed(n);
			return p + i + 1;
		}
	}
	return NULL;
}

/* In two words, of which the second may begin inside the first. */
bool
dp_avro_copy_short(const char *p, size_t len, const char *end, char *out)
{
	uint64		a;
	uint64		b;

	if (len == 0)
		return true;
	a = dp_avro_word(p, end);
	dp_avro_put_word(out, a);
	if (len <= 8)
		return dp_avro_word_is_plain(a, len);
	b = dp_avro_word(p + len - 8, end);
	dp_avro_put_word(out + len - 8, b);
	return dp_avro_word_is_plain(a, 8) && dp_avro_word_is_plain(b, 8);
}

bool
dp_avro_short_is_good(const char *p, size_t len, const char *end)
{
	char		copy[16];

	return dp_avro_copy_short(p, len, end, copy) || dp_utf8_verify(p, len, NULL);
}

#ifdef __SSE2__

/* 33 to 64 bytes. */
static inline unsigned
copy_piece(const char *p, size_t len, char *out)
{
	__m128i		a = dp_avro_load(p);
	__m128i		b = dp_avro_load(p + 16);
	__m128i		c = dp_avro_load(p + len - 32);
	__m128i		d = dp_avro_load(p + len - 16);

	dp_avro_store(out, a);
	dp_avro_store(out + 16, b);
	dp_avro_store(out + len - 32, c);
	dp_avro_store(out + len - 16, d);
	return dp_avro_odd(a, b) | dp_avro_odd(c, d);
}

bool
dp_avro_copy_long(const char *p, size_t len, char *out)
{
	unsigned	odd = 0;

	for (; len > 64; p += 64, out += 64, len -= 64)
		odd |= copy_piece(p, 64, out);
	if (len > 32)
		odd |= copy_piece(p, len, out);
	else						/* the last 64, of which some were copied before */
		odd |= copy_piece(p + len - 64, 64, out + len - 64);
	return odd == 0;
}

#endif
