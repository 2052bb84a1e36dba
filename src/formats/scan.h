/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  The words of JSON: blanks, strings, numbers.
 *
 * All of these work on padded, verified text that ends in NUL bytes: a NUL is
 * never part of a value, so it stops every loop.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_SCAN_H
#define DP_FORMATS_SCAN_H

#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/error.h"
#include "formats/decimal.h"
#include "formats/json.h"

/* Skip what JSON calls whitespace. */
static inline char *
dp_scan_blanks(char *p)
{
	while (unlikely((unsigned char) *p <= ' ') &&
		   (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static inline bool
dp_is_digit(char c)
{
	return (unsigned) (c - '0') < 10;
}

/* The first quote, backslash or control character from p on. */
static inline char *
dp_scan_plain(char *p)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i control = _mm_set1_epi8(0x1F);

	for (;; p += 16)
	{
		__m128i		v = _mm_loadu_si128((const __m128i *) p);
		__m128i		hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote),
													_mm_cmpeq_epi8(v, backslash)),
									   _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
		int			mask = _mm_movemask_epi8(hit);

		if (mask != 0)
			return p + __builtin_ctz(mask);
	}
#else
	while (*p != '"' && *p != '\\' && (unsigned char) *p > 0x1F)
		p++;
	return p;
#endif
}

/*
 * A string whose first character is at p.  Returns where the text after the
 * closing quote starts, or NULL; *len is the unescaped length.  Escapes are
 * replaced in place, \u0000 too when "zero_bytes" allows it.  "base" is where
 * positions are counted from.
 */
extern char *dp_scan_string(char *p, const char *base, bool zero_bytes, size_t *len,
							DpError *err);

/* The same without writing: only checks.  *escaped tells whether there are any. */
extern char *dp_scan_string_check(char *p, const char *base, bool *escaped,
								  DpError *err);

/*
 * A number at p.  Returns its end, or NULL.  When it has no exponent and at
 * most 18 digits *small is set and mantissa, scale and negative are the value;
 * otherwise it is within the limits and dp_scan_decimal takes it apart.
 */
typedef struct DpScannedNumber
{
	uint64		mantissa;
	int			scale;
	bool		negative;
	bool		small;
	bool		integral;		/* spelled without point and exponent */
} DpScannedNumber;

extern char *dp_scan_number(char *p, const char *base, const DpJsonLimits *limits,
							DpScannedNumber *number, DpError *err);

/* Take apart a number that dp_scan_number accepted; returns its end. */
extern const char *dp_scan_decimal(const char *p, DpDecimal *dec);

/* "true", "false" or "null" at p: the length, or 0. */
static inline int
dp_scan_literal(const char *p)
{
	if (memcmp(p, "true", 4) == 0 || memcmp(p, "null", 4) == 0)
		return 4;
	return memcmp(p, "false", 5) == 0 ? 5 : 0;
}

#endif							/* DP_FORMATS_SCAN_H */
