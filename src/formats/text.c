/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Is this run of bytes text that PostgreSQL would store?
 *
 * Nearly every message is ASCII, so sixteen bytes are tested at once and only
 * what is not plain goes through the table of Unicode's well-formed sequences.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "formats/text.h"

#define CHUNK 16				/* bytes of one vector */

/* Are all sixteen bytes ASCII and none of them NUL? */
static inline bool
chunk_is_plain(const char *s)
{
#ifdef __SSE2__
	__m128i		v = _mm_loadu_si128((const __m128i *) s);
	__m128i		zero = _mm_cmpeq_epi8(v, _mm_setzero_si128());

	return _mm_movemask_epi8(_mm_or_si128(v, zero)) == 0;
#else
	for (int i = 0; i < CHUNK; i++)
	{
		if ((signed char) s[i] <= 0)
			return false;
	}
	return true;
#endif
}

static inline bool
is_continuation(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

/* Bytes of the well-formed character at s, or 0. */
static inline int
character_length(const unsigned char *s, size_t left)
{
	unsigned char c = s[0];

	if (c < 0x80)
		return c != 0;
	if (c < 0xC2)
		return 0;
	if (c < 0xE0)
		return left >= 2 && is_continuation(s[1]) ? 2 : 0;
	if (c < 0xF0)
	{
		if (left < 3 || !is_continuation(s[1]) || !is_continuation(s[2]))
			return 0;
		if (c == 0xE0 && s[1] < 0xA0)
			return 0;			/* overlong */
		if (c == 0xED && s[1] > 0x9F)
			return 0;			/* a surrogate */
		return 3;
	}
	if (c > 0xF4 || left < 4 || !is_continuation(s[1]) ||
		!is_continuation(s[2]) || !is_continuation(s[3]))
		return 0;
	if (c == 0xF0 && s[1] < 0x90)
		return 0;				/* overlong */
	if (c == 0xF4 && s[1] > 0x8F)
		return 0;				/* past U+10FFFF */
	return 4;
}

bool
dp_utf8_verify(const char *s, size_t len, size_t *badpos)
{
	size_t		i = 0;

	for (;;)
	{
		size_t		stop;

		while (len - i >= CHUNK && chunk_is_plain(s + i))
			i += CHUNK;
		if (i >= len)
			return true;
		/* The rest is shorter than a vector: look back over what is known. */
		if (len - i < CHUNK && len >= CHUNK && chunk_is_plain(s + len - CHUNK))
			return true;
		stop = len - i > CHUNK ? i + CHUNK : len;
		while (i < stop)
		{
			int			n = character_length((const unsigned char *) s + i, len - i);

			if (n == 0)
			{
				if (badpos)
					*badpos = i;
				return false;
			}
			i += n;
		}
		if (i >= len)
			return true;
	}
}

size_t
dp_utf8_length(const char *s, size_t len)
{
	size_t		n = 0;

	for (size_t i = 0; i < len; i++)
		n += !is_continuation(s[i]);
	return n;
}

size_t
dp_utf8_prefix(const char *s, size_t len, size_t nchars)
{
	size_t		i = 0;

	while (i < len && nchars > 0)
	{
		i++;
		while (i < len && is_continuation(s[i]))
			i++;
		nchars--;
	}
	return i;
}
