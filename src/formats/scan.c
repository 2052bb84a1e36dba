/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  The words of JSON: strings with escapes, numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/jsonb.h"

#include "formats/scan.h"

#define BAD_JSON "22P02"
#define HEX_DIGITS 4			/* of a \u escape */
#define ESCAPE_BYTES 6			/* a whole \u escape */

/* Four hexadecimal digits, or -1. */
static int
hex4(const char *p)
{
	int			v = 0;

	for (int i = 0; i < HEX_DIGITS; i++)
	{
		char		c = p[i];

		if (dp_is_digit(c))
			v = v * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v * 16 + ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

static char *
put_utf8(char *out, int c)
{
	if (c < 0x80)
		*out++ = c;
	else if (c < 0x800)
	{
		*out++ = 0xC0 | (c >> 6);
		*out++ = 0x80 | (c & 0x3F);
	}
	else if (c < 0x10000)
	{
		*out++ = 0xE0 | (c >> 12);
		*out++ = 0x80 | ((c >> 6) & 0x3F);
		*out++ = 0x80 | (c & 0x3F);
	}
	else
	{
		*out++ = 0xF0 | (c >> 18);
		*out++ = 0x80 | ((c >> 12) & 0x3F);
		*out++ = 0x80 | ((c >> 6) & 0x3F);
		*out++ = 0x80 | (c & 0x3F);
	}
	return out;
}

/* The character that the \u escape at p (its backslash) spells, or -1. */
static int
unicode_escape(const char *p, const char *base, bool zero_bytes, int *used, DpError *err)
{
	int			c = hex4(p + 2);
	int			low;

	*used = ESCAPE_BYTES;
	if (c < 0)
	{
		dp_error_set(err, BAD_JSON, p - base,
					 "invalid JSON: \\u must be followed by four hexadecimal digits");
		return -1;
	}
	if (c == 0 && !zero_bytes)
	{
		dp_error_set(err, "22P05", p - base, "\\u0000 cannot be converted to text");
		return -1;
	}
	if (c < 0xD800 || c > 0xDFFF)
		return c;
	low = c < 0xDC00 && p[ESCAPE_BYTES] == '\\' && p[ESCAPE_BYTES + 1] == 'u' ?
		hex4(p + ESCAPE_BYTES + 2) : -1;
	if (low < 0xDC00 || low > 0xDFFF)
	{
		dp_error_set(err, BAD_JSON, p - base,
					 "invalid JSON: a Unicode surrogate is not part of a pair");
		return -1;
	}
	*used = 2 * ESCAPE_BYTES;
	return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
}

/* The character that the escape at p spells, or -1. */
static int
read_escape(const char *p, const char *base, bool zero_bytes, int *used, DpError *err)
{
	*used = 2;
	switch (p[1])
	{
		case '"':
		case '\\':
		case '/':
			return p[1];
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		case 'u':
			return unicode_escape(p, base, zero_bytes, used, err);
		default:
			dp_error_set(err, BAD_JSON, p - base, "invalid JSON: unknown escape sequence");
			return -1;
	}
}

static char *
bad_character(const char *p, const char *base, DpError *err)
{
	if (*p == '\0')
		dp_error_set(err, BAD_JSON, p - base, "invalid JSON: unterminated string");
	else
		dp_error_set(err, BAD_JSON, p - base,
					 "invalid JSON: control character in a string must be escaped");
	return NULL;
}

static inline char *
check_string_length(char *end, const char *start, const char *base, size_t len,
					DpError *err)
{
	if (likely(len <= JENTRY_OFFLENMASK))
		return end;
	dp_error_set(err, "54000", start - base,
				 "string is too long for a jsonb (maximum %u bytes)",
				 (unsigned) JENTRY_OFFLENMASK);
	return NULL;
}

char *
dp_scan_string(char *p, const char *base, bool zero_bytes, size_t *len, DpError *err)
{
	char	   *start = p;
	char	   *out;

	p = dp_scan_plain(p);
	out = p;
	while (*p == '\\')
	{
		int			used;
		int			c = read_escape(p, base, zero_bytes, &used, err);
		char	   *next;

		if (c < 0)
			return NULL;
		out = put_utf8(out, c);
		p += used;
		next = dp_scan_plain(p);
		memmove(out, p, next - p);
		out += next - p;
		p = next;
	}
	if (*p != '"')
		return bad_character(p, base, err);
	*len = out - start;
	return check_string_length(p + 1, start, base, *len, err);
}

char *
dp_scan_string_check(char *p, const char *base, bool *escaped, DpError *err)
{
	char	   *start = p;

	*escaped = false;
	p = dp_scan_plain(p);
	while (*p == '\\')
	{
		int			used;

		if (read_escape(p, base, false, &used, err) < 0)
			return NULL;
		*escaped = true;
		p = dp_scan_plain(p + used);
	}
	if (*p != '"')
		return bad_character(p, base, err);
	return check_string_length(p + 1, start, base, p - start, err);
}

static char *
bad_number(const char *p, const char *base, DpError *err)
{
	dp_error_set(err, BAD_JSON, p - base, "invalid JSON: a number needs a digit here");
	return NULL;
}

/* Limits of numbers that are not small. */
static bool
check_number(const char *start, const char *base, const DpJsonLimits *limits,
			 DpError *err)
{
	DpDecimal	dec;

	dp_scan_decimal(start, &dec);
	if (dec.nwhole + dec.nfraction > limits->max_digits)
		return dp_error_set(err, "22003", start - base,
							"number has more than %d digits", limits->max_digits);
	if (abs(dec.exponent) > limits->max_exponent)
		return dp_error_set(err, "22003", start - base,
							"exponent of a number is beyond the limit of %d",
							limits->max_exponent);
	if (!dp_decimal_fits(&dec))
		return dp_error_set(err, "22003", start - base,
							"number is out of the range of type numeric");
	return true;
}

char *
dp_scan_number(char *p, const char *base, const DpJsonLimits *limits,
			   DpScannedNumber *number, DpError *err)
{
	char	   *start = p;
	char	   *digits;
	uint64		mantissa = 0;
	int64		ndigits;
	size_t		scale = 0;

	number->negative = *p == '-';
	p += number->negative;
	digits = p;
	if (*p == '0')
		p++;
	else
	{
		while (dp_is_digit(*p))
			mantissa = mantissa * 10 + (*p++ - '0');
		if (p == digits)
			return bad_number(p, base, err);
	}
	ndigits = p - digits;
	number->integral = true;
	if (*p == '.')
	{
		digits = ++p;
		while (dp_is_digit(*p))
			mantissa = mantissa * 10 + (*p++ - '0');
		if (p == digits)
			return bad_number(p, base, err);
		scale = p - digits;
		ndigits += scale;
		number->integral = false;
	}
	number->mantissa = mantissa;
	number->scale = scale;
	number->small = ndigits <= DP_DECIMAL_SMALL_DIGITS &&
		(ndigits <= DP_DECIMAL_SMALL_DIGITS - 2 || scale % 4 == 0);
	if ((*p | 0x20) == 'e')
	{
		p++;
		if (*p == '+' || *p == '-')
			p++;
		digits = p;
		while (dp_is_digit(*p))
			p++;
		if (p == digits)
			return bad_number(p, base, err);
		number->small = false;
		number->integral = false;
	}
	if (unlikely(!number->small) && !check_number(start, base, limits, err))
		return NULL;
	return p;
}

const char *
dp_scan_decimal(const char *p, DpDecimal *dec)
{
	const char *start;
	bool		negative;
	int64		exponent = 0;

	dec->negative = *p == '-';
	p += dec->negative;
	dec->whole = p;
	while (dp_is_digit(*p))
		p++;
	dec->nwhole = p - dec->whole;
	start = p;
	if (*p == '.')
	{
		start = ++p;
		while (dp_is_digit(*p))
			p++;
	}
	dec->fraction = start;
	dec->nfraction = p - start;
	dec->exponent = 0;
	if ((*p | 0x20) != 'e')
		return p;
	p++;
	negative = *p == '-';
	if (*p == '+' || *p == '-')
		p++;
	for (; dp_is_digit(*p); p++)
	{
		/* Beyond any limit is far enough. */
		if (exponent <= DP_JSON_MAX_EXPONENT_CEILING)
			exponent = exponent * 10 + (*p - '0');
	}
	dec->exponent = negative ? -exponent : exponent;
	return p;
}
