/*-------------------------------------------------------------------------
 *
 * numbers.c
 *	  Text to integers, floats, booleans and uuids, as the server reads them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <errno.h>
#include <math.h>

#include "formats/numbers.h"

/* A mantissa up to here and a power of ten up to there are exact. */
#define FLOAT8_EXACT_MANTISSA (UINT64CONST(1) << 53)
#define FLOAT4_EXACT_MANTISSA (UINT64CONST(1) << 24)
#define FLOAT4_EXACT_SCALE 10
#define POWERS 19

static const uint64 power10[POWERS] = {
	1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
	UINT64CONST(10000000000), UINT64CONST(100000000000),
	UINT64CONST(1000000000000), UINT64CONST(10000000000000),
	UINT64CONST(100000000000000), UINT64CONST(1000000000000000),
	UINT64CONST(10000000000000000), UINT64CONST(100000000000000000),
	UINT64CONST(1000000000000000000)
};

/* What isspace() says in the C locale. */
static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
trim(const char **s, size_t *len)
{
	while (*len > 0 && is_space(**s))
	{
		(*s)++;
		(*len)--;
	}
	while (*len > 0 && is_space((*s)[*len - 1]))
		(*len)--;
}

DpNumberVerdict
dp_integer_parse(const char *s, size_t len, uint64 *magnitude, bool *negative)
{
	bool		overflow = false;
	size_t		i;

	trim(&s, &len);
	*magnitude = 0;
	*negative = len > 0 && *s == '-';
	if (len > 0 && (*s == '-' || *s == '+'))
	{
		s++;
		len--;
	}
	if (len == 0 || !dp_is_digit(*s))
		return DP_NUMBER_BAD;
	for (i = 0; i < len && dp_is_digit(s[i]); i++)
	{
		overflow = overflow || *magnitude > (PG_UINT64_MAX - 9) / 10;
		*magnitude = *magnitude * 10 + (s[i] - '0');
	}
	if (i == len)
		return overflow ? DP_NUMBER_RANGE : DP_NUMBER_GOOD;

	/* Newer servers know 0x2a and 1_000. */
	if (s[i] == '_' || (*s == '0' && i == 1 && strchr("xXoObB", s[1])))
		return DP_NUMBER_UNKNOWN;
	return DP_NUMBER_BAD;
}

/* Is s a case-blind beginning of the word, at least "min" characters? */
static bool
abbreviates(const char *s, size_t len, const char *word, size_t min)
{
	if (len < min || len > strlen(word))
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if ((s[i] | 0x20) != word[i])
			return false;
	}
	return true;
}

bool
dp_bool_parse(const char *s, size_t len, bool *value)
{
	trim(&s, &len);
	*value = abbreviates(s, len, "true", 1) || abbreviates(s, len, "yes", 1) ||
		abbreviates(s, len, "on", 2) || (len == 1 && *s == '1');
	return *value || abbreviates(s, len, "false", 1) ||
		abbreviates(s, len, "no", 1) || abbreviates(s, len, "off", 2) ||
		(len == 1 && *s == '0');
}

static inline int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
dp_uuid_parse(const char *s, size_t len, unsigned char *uuid)
{
	if (len != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-')
		return false;
	for (int i = 0; i < DP_UUID_BYTES; i++)
	{
		int			high;
		int			low;

		if (*s == '-')
			s++;
		high = hex_digit(s[0]);
		low = hex_digit(s[1]);
		if (high < 0 || low < 0)
			return false;
		uuid[i] = high << 4 | low;
		s += 2;
	}
	return true;
}

bool
dp_float8_parse(const char *s, const DpScannedNumber *small, double *value)
{
	if (small && small->mantissa <= FLOAT8_EXACT_MANTISSA)
	{
		*value = (double) small->mantissa;
		if (small->scale > 0)
			*value /= (double) power10[small->scale];
		if (small->negative)
			*value = -*value;
		return true;
	}
	errno = 0;
	*value = strtod(s, NULL);
	return errno != ERANGE || (*value != 0 && !isinf(*value));
}

bool
dp_float4_parse(const char *s, const DpScannedNumber *small, float *value)
{
	if (small && small->mantissa <= FLOAT4_EXACT_MANTISSA &&
		small->scale <= FLOAT4_EXACT_SCALE)
	{
		*value = (float) small->mantissa;
		if (small->scale > 0)
			*value /= (float) power10[small->scale];
		if (small->negative)
			*value = -*value;
		return true;
	}
	errno = 0;
	*value = strtof(s, NULL);
	return errno != ERANGE || (*value != 0 && !isinf(*value));
}

int
dp_typmod_precision(int32 typmod)
{
	return ((typmod - VARHDRSZ) >> 16) & 0xffff;
}

/* Eleven bits, signed since version 15. */
int
dp_typmod_scale(int32 typmod)
{
	return (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
}

bool
dp_numeric_apply_small(DpScannedNumber *number, int32 typmod)
{
	int			precision;
	int			scale;
	int			more;

	if (typmod < (int32) VARHDRSZ)
		return true;
	precision = dp_typmod_precision(typmod);
	scale = dp_typmod_scale(typmod);
	more = scale - number->scale;
	if (more < 0 || scale > DP_DECIMAL_SMALL_DIGITS - 2)
		return false;
	if (number->mantissa >= power10[DP_DECIMAL_SMALL_DIGITS - 2 - more])
		return false;
	if (precision < POWERS &&
		number->mantissa * power10[more] >= power10[precision])
		return false;
	number->mantissa *= power10[more];
	number->scale = scale;
	return true;
}
