/*-------------------------------------------------------------------------
 *
 * decimal.c
 *	  From a spelled number to the bytes of a PostgreSQL numeric.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/compat.h"
#include "formats/decimal.h"
#include "formats/numeric.h"

static const uint64 padding[DP_DEC_DIGITS] = {1, 10, 100, 1000};

static inline int
weight_of(int dweight)
{
	if (dweight >= 0)
		return dweight / DP_DEC_DIGITS;
	return -((-dweight - 1) / DP_DEC_DIGITS + 1);
}

/* Digit k of the spelling, counted from the left. */
static inline int
digit_at(const DpDecimal *dec, int k)
{
	return (k < dec->nwhole ? dec->whole[k] : dec->fraction[k - dec->nwhole]) - '0';
}

/* Leave zeros on both sides out of [*first, *last). */
static void
trim_zeros(const DpDecimal *dec, int *first, int *last)
{
	*first = 0;
	*last = dec->nwhole + dec->nfraction;
	while (*first < *last && digit_at(dec, *first) == 0)
		(*first)++;
	while (*last > *first && digit_at(dec, *last - 1) == 0)
		(*last)--;
}

int
dp_decimal_scale(const DpDecimal *dec)
{
	int			scale = dec->nfraction - dec->exponent;

	return scale > 0 ? scale : 0;
}

bool
dp_decimal_fits(const DpDecimal *dec)
{
	int			first;
	int			last;
	int			weight;

	if (dp_decimal_scale(dec) > DP_NUMERIC_DSCALE_MASK)
		return false;
	trim_zeros(dec, &first, &last);
	if (first == last)
		return true;
	weight = weight_of(dec->nwhole - 1 - first + dec->exponent);
	return weight >= PG_INT16_MIN && weight <= PG_INT16_MAX;
}

size_t
dp_decimal_bound(const DpDecimal *dec)
{
	return VARHDRSZ + 2 * sizeof(uint16) +
		((dec->nwhole + dec->nfraction) / DP_DEC_DIGITS + 2) * sizeof(uint16);
}

/* Write both headers; returns where the digits go. */
static inline uint16 *
put_header(char *out, int weight, int dscale, bool negative)
{
	uint16	   *words = (uint16 *) (out + VARHDRSZ);

	if (dscale <= DP_NUMERIC_SHORT_DSCALE_MAX &&
		weight <= DP_NUMERIC_SHORT_WEIGHT_MAX && weight >= DP_NUMERIC_SHORT_WEIGHT_MIN)
	{
		*words++ = DP_NUMERIC_SHORT | (negative ? DP_NUMERIC_SHORT_NEG : 0) |
			(dscale << DP_NUMERIC_SHORT_DSCALE_SHIFT) |
			(weight < 0 ? DP_NUMERIC_SHORT_WEIGHT_SIGN : 0) |
			(weight & DP_NUMERIC_SHORT_WEIGHT_MASK);
	}
	else
	{
		*words++ = (negative ? DP_NUMERIC_NEG : 0) | (dscale & DP_NUMERIC_DSCALE_MASK);
		*words++ = (uint16) (int16) weight;
	}
	return words;
}

static inline size_t
put_size(char *out, uint16 *end)
{
	size_t		size = (char *) end - out;

	SET_VARSIZE(out, size);
	return size;
}

size_t
dp_decimal_pack_scaled(const DpDecimal *dec, int dscale, char *out)
{
	int			first;
	int			last;
	int			dweight;
	int			weight;
	int			column;
	int			group = 0;
	uint16	   *words;

	trim_zeros(dec, &first, &last);
	if (first == last)
		return put_size(out, put_header(out, 0, dscale, false));

	dweight = dec->nwhole - 1 - first + dec->exponent;
	weight = weight_of(dweight);
	words = put_header(out, weight, dscale, dec->negative);

	/* The first digit may stand inside its base-10000 digit. */
	column = (weight + 1) * DP_DEC_DIGITS - (dweight + 1);
	for (int k = first; k < last; k++)
	{
		group = group * 10 + digit_at(dec, k);
		if (++column == DP_DEC_DIGITS)
		{
			*words++ = group;
			group = 0;
			column = 0;
		}
	}
	if (column > 0)
		*words++ = group * padding[DP_DEC_DIGITS - column];
	return put_size(out, words);
}

size_t
dp_decimal_pack(const DpDecimal *dec, char *out)
{
	return dp_decimal_pack_scaled(dec, dp_decimal_scale(dec), out);
}

size_t
dp_decimal_pack_small(uint64 mantissa, int scale, bool negative, char *out)
{
	uint16		groups[6];		/* lowest first */
	int			high = 0;
	int			low = 0;
	uint16	   *words;

	mantissa *= padding[(-scale) & (DP_DEC_DIGITS - 1)];
	if (mantissa < DP_NBASE * DP_NBASE && mantissa != 0)
	{
		/* nearly all have one group or two */
		uint32		n = (uint32) mantissa;
		uint32		upper = n / DP_NBASE;

		words = put_header(out, (upper != 0) - (scale + DP_DEC_DIGITS - 1) / DP_DEC_DIGITS, scale, negative);
		n -= upper * DP_NBASE;
		if (upper != 0)
			*words++ = upper;
		if (n != 0)
			*words++ = n;
		return put_size(out, words);
	}
	if (mantissa < (uint64) DP_NBASE * DP_NBASE * DP_NBASE * DP_NBASE && mantissa != 0)
	{
		uint32		upper = (uint32) (mantissa / (DP_NBASE * DP_NBASE));
		uint32		lower = (uint32) (mantissa - (uint64) upper * (DP_NBASE * DP_NBASE));
		uint32		group = upper / DP_NBASE;

		words = put_header(out, 2 + (group != 0) - (scale + DP_DEC_DIGITS - 1) / DP_DEC_DIGITS, scale, negative);
		if (group != 0)
			*words++ = group;
		*words++ = upper - group * DP_NBASE;
		group = lower / DP_NBASE;
		*words++ = group;
		*words++ = lower - group * DP_NBASE;
		while (words[-1] == 0)
			words--;
		return put_size(out, words);
	}
	while (mantissa != 0)
	{
		uint64		rest = mantissa / DP_NBASE;

		groups[high++] = mantissa - rest * DP_NBASE;
		mantissa = rest;
	}
	if (high == 0)
		return put_size(out, put_header(out, 0, scale, false));
	while (groups[low] == 0)
		low++;

	words = put_header(out, high - 1 - (scale + DP_DEC_DIGITS - 1) / DP_DEC_DIGITS,
					   scale, negative);
	while (high > low)
		*words++ = groups[--high];
	return put_size(out, words);
}

bool
dp_decimal_round(DpDecimal *dec, int precision, int scale, char *digits)
{
	int			total = dec->nwhole + dec->nfraction;
	int			dweight = dec->nwhole - 1 + dec->exponent;
	int			keep = dweight + scale + 1;
	int			first;
	int			last;

	if (keep < total)
	{
		bool		up;

		/* One more digit on the left takes the carry. */
		digits[0] = '0';
		up = keep >= 0 && digit_at(dec, keep) >= 5;
		if (keep < 0)
			keep = 0;
		for (int k = 0; k < keep; k++)
			digits[k + 1] = '0' + digit_at(dec, k);
		for (int k = keep; up; k--)
		{
			up = digits[k] == '9';
			digits[k] = up ? '0' : digits[k] + 1;
		}
		dec->whole = digits;
		dec->nwhole = keep + 1;
		dec->fraction = digits;
		dec->nfraction = 0;
		dec->exponent = dweight - keep + 1;
	}

	trim_zeros(dec, &first, &last);
	return first == last ||
		dec->nwhole - first + dec->exponent <= precision - scale;
}
