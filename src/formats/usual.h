/*-------------------------------------------------------------------------
 *
 * usual.h
 *	  The spellings of values that nearly every message has.
 *
 * One look decides: a string without escapes, a number of few digits, true,
 * false, an ISO timestamp.  All else, right or wrong, is left to values.c,
 * which comes to the same value by the long way; so nothing here fails, and
 * nothing is written before it is certain.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_USUAL_H
#define DP_FORMATS_USUAL_H

#include "postgres.h"

#include "common/compat.h"
#include "formats/numbers.h"
#include "formats/scan.h"
#include "formats/values.h"

#define DP_USUAL_DIGITS 16		/* of a number, so that its mantissa is small */

/* A number without exponent and of few digits; its end, or NULL. */
static inline char *
dp_usual_number(char *p, DpScannedNumber *number)
{
	char	   *digits;
	uint64		mantissa = 0;
	size_t		ndigits;

	number->negative = *p == '-';
	p += number->negative;
	digits = p;
	while (dp_is_digit(*p))
		mantissa = mantissa * 10 + (*p++ - '0');
	ndigits = p - digits;
	if (ndigits == 0 || (ndigits > 1 && *digits == '0'))
		return NULL;
	number->scale = 0;
	number->integral = *p != '.';
	if (!number->integral)
	{
		digits = ++p;
		while (dp_is_digit(*p))
			mantissa = mantissa * 10 + (*p++ - '0');
		number->scale = p - digits;
		if (number->scale == 0)
			return NULL;
	}
	if (ndigits + number->scale > DP_USUAL_DIGITS || (*p | 0x20) == 'e')
		return NULL;
	number->mantissa = mantissa;
	number->small = true;
	return p;
}

/* The closing quote of a string without escapes that begins at p, or NULL. */
static inline char *
dp_usual_string(char *p)
{
	p = dp_scan_plain(p);
	return *p == '"' ? p : NULL;
}

static inline char *
dp_usual_integer(const DpColumn *col, char *p, DpColumnValue *out)
{
	DpScannedNumber number;
	char	   *end = dp_usual_number(p, &number);
	int64		value;

	if (end == NULL || !number.integral)
		return NULL;
	value = number.negative ? -(int64) number.mantissa : (int64) number.mantissa;
	if (col->usual == DP_USUAL_INT8)
		out->value = Int64GetDatum(value);
	else if (value == (int32) value)
		out->value = Int32GetDatum((int32) value);
	else
		return NULL;
	return end;
}

/*
 * The value at p, if its spelling is the usual one of the column's type;
 * returns where the text goes on.  NULL: ask dp_value_from_json.
 */
static inline char *
dp_value_usual(const DpValueContext *ctx, const DpColumn *col, char *p,
			   DpColumnValue *out)
{
	DpScannedNumber number;
	char	   *end = NULL;

	switch (col->usual)
	{
		case DP_USUAL_TEXT:
			if (*p != '"' || (end = dp_usual_string(p + 1)) == NULL ||
				end - p > VARATT_SHORT_MAX)
				return NULL;
			/* the opening quote is one byte, as the header of a short varlena */
			SET_VARSIZE_SHORT(p, end - p);
			out->value = PointerGetDatum(p);
			end++;
			break;
		case DP_USUAL_INT4:
		case DP_USUAL_INT8:
			end = dp_usual_integer(col, p, out);
			break;
		case DP_USUAL_NUMERIC:
			end = dp_usual_number(p, &number);
			if (end != NULL)
			{
				char	   *room = dp_arena_alloc(ctx->arena, DP_DECIMAL_SMALL_BYTES);

				if (room == NULL)
					return NULL;
				dp_decimal_pack_small(number.mantissa, number.scale, number.negative, room);
				out->value = PointerGetDatum(room);
			}
			break;
		case DP_USUAL_FLOAT8:
			end = dp_usual_number(p, &number);
			if (end != NULL)
			{
				double		v;

				if (!dp_float8_parse(p, &number, &v))
					return NULL;
				out->value = Float8GetDatum(v);
			}
			break;
		case DP_USUAL_BOOL:
			if (memcmp(p, "true", 4) == 0)
				end = p + 4;
			else if (memcmp(p, "false", 5) == 0)
				end = p + 5;
			out->value = BoolGetDatum(*p == 't');
			break;
		case DP_USUAL_TIMESTAMP:
			{
				int64		micros;

				if (*p != '"' || (end = dp_usual_string(p + 1)) == NULL ||
					!dp_parse_timestamp(p + 1, end - p - 1, col->typmod,
										col->type == TIMESTAMPTZOID, &micros))
					return NULL;
				out->value = Int64GetDatum(micros);
				end++;
			}
			break;
		case DP_USUAL_NONE:
			break;
	}
	if (end != NULL)
		out->isnull = out->deferred = false;
	return end;
}

#endif							/* DP_FORMATS_USUAL_H */
