/*-------------------------------------------------------------------------
 *
 * number.c
 *	  The numbers of a jsonb, compared and divided exactly.
 *
 * A numeric is digits in base 10000; what is asked here never needs more than
 * those digits, so nothing is ever rounded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/compat.h"
#include "formats/nodes.h"
#include "jsonschema/instance.h"

/* As in the server's numeric.c. */
#define NBASE 10000
#define DEC_DIGITS 4
#define NUMERIC_SIGN_MASK 0xC000
#define NUMERIC_NEG 0x4000
#define NUMERIC_SHORT 0x8000
#define NUMERIC_SPECIAL 0xC000
#define NUMERIC_SHORT_NEG 0x2000
#define NUMERIC_SHORT_DSCALE_SHIFT 7
#define NUMERIC_SHORT_DSCALE_MASK 0x1F80
#define NUMERIC_SHORT_WEIGHT_SIGN 0x0040
#define NUMERIC_SHORT_WEIGHT_MASK 0x003F
#define NUMERIC_DSCALE_MASK 0x3FFF

#define INTERRUPT_EVERY 1024	/* digits of a long division */

DpJsNumber
dp_js_number(const DpJsInst *v)
{
	const uint16 *words = (const uint16 *) (v->ptr + VARHDRSZ);
	int			nwords = (VARSIZE(v->ptr) - VARHDRSZ) / sizeof(uint16);
	uint16		header = words[0];
	DpJsNumber	a = {false, 0, 0, (const int16 *) words};

	if ((header & NUMERIC_SIGN_MASK) == NUMERIC_SPECIAL)
		return a;				/* no JSON number is NaN or infinite */
	if (header & NUMERIC_SHORT)
	{
		a.negative = (header & NUMERIC_SHORT_NEG) != 0;
		a.weight = header & NUMERIC_SHORT_WEIGHT_MASK;
		if (header & NUMERIC_SHORT_WEIGHT_SIGN)
			a.weight |= ~NUMERIC_SHORT_WEIGHT_MASK;
		a.digits = (const int16 *) (words + 1);
		a.n = nwords - 1;
	}
	else
	{
		a.negative = (header & NUMERIC_NEG) != 0;
		a.weight = (int16) words[1];
		a.digits = (const int16 *) (words + 2);
		a.n = nwords - 2;
	}
	while (a.n > 0 && a.digits[a.n - 1] == 0)
		a.n--;
	while (a.n > 0 && a.digits[0] == 0)
	{
		a.digits++;
		a.n--;
		a.weight--;
	}
	if (a.n == 0)
	{
		a.negative = false;
		a.weight = 0;
	}
	return a;
}

bool
dp_js_number_is_integer(const DpJsNumber *a)
{
	return a->n - 1 <= a->weight;
}

int
dp_js_number_scale(const DpJsInst *v)
{
	uint16		header = *(const uint16 *) (v->ptr + VARHDRSZ);

	if ((header & NUMERIC_SIGN_MASK) == NUMERIC_SPECIAL)
		return 0;
	if (header & NUMERIC_SHORT)
		return (header & NUMERIC_SHORT_DSCALE_MASK) >> NUMERIC_SHORT_DSCALE_SHIFT;
	return header & NUMERIC_DSCALE_MASK;
}

static int
compare_magnitude(const DpJsNumber *a, const DpJsNumber *b)
{
	int			n = Min(a->n, b->n);

	if (a->n == 0 || b->n == 0)
		return (a->n != 0) - (b->n != 0);
	if (a->weight != b->weight)
		return a->weight < b->weight ? -1 : 1;
	for (int i = 0; i < n; i++)
	{
		if (a->digits[i] != b->digits[i])
			return a->digits[i] < b->digits[i] ? -1 : 1;
	}
	return a->n == b->n ? 0 : a->n < b->n ? -1 : 1;
}

int
dp_js_number_compare(const DpJsNumber *a, const DpJsNumber *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? -compare_magnitude(a, b) : compare_magnitude(a, b);
}

uint32
dp_js_number_count(const DpJsNumber *a)
{
	uint64		count = 0;

	if (a->negative)
		return 0;
	for (int i = 0; i <= a->weight; i++)
	{
		count = count * NBASE + (i < a->n ? a->digits[i] : 0);
		if (count > PG_UINT32_MAX)
			return PG_UINT32_MAX;
	}
	return count;
}

/* Digit i of the integer a * 10000^shift, from the left. */
static inline int
digit_at(const DpJsNumber *a, int i)
{
	return i < a->n ? a->digits[i] : 0;
}

/*
 * The remainder of an integer of "len" digits by one of m <= 4 digits: all in
 * one machine word.
 */
static int
divisible_short(const DpJsNumber *a, int len, uint64 by)
{
	unsigned __int128 rest = 0;

	for (int i = 0; i < len; i++)
	{
		rest = (rest * NBASE + digit_at(a, i)) % by;
		if (i >= a->n && rest == 0)
			return 1;			/* only zeros follow */
	}
	return rest == 0;
}

/*
 * The same by a divisor of m digits: school division, of which only the
 * remainder is kept.  rest has one digit more than the divisor.
 */
static int
divisible_long(const DpJsNumber *a, int len, const int16 *by, int m, DpError *err)
{
	int32	   *rest = calloc(m + 1, sizeof(int32));
	double		top = by[0] * (double) NBASE + by[1];
	bool		zero = true;

	if (rest == NULL)
	{
		dp_out_of_memory(err);
		return -1;
	}
	for (int i = 0; i < len; i++)
	{
		int64		q;
		int64		carry = 0;

		if (i % INTERRUPT_EVERY == 0 && dp_schema_interrupted && dp_schema_interrupted())
		{
			free(rest);
			dp_error_set(err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
			return -1;
		}
		memmove(rest, rest + 1, m * sizeof(int32));
		rest[m] = digit_at(a, i);

		/* At most one too small; then the divisor is taken off once more. */
		q = (int64) ((((double) rest[0] * NBASE + rest[1]) * NBASE + rest[2]) / (top + 1));
		for (;;)
		{
			int			k = 0;

			carry = 0;
			for (int j = m; j >= 0; j--)
			{
				int64		d = rest[j] - carry - (j > 0 ? q * by[j - 1] : 0);

				carry = d < 0 ? (-d + NBASE - 1) / NBASE : 0;
				rest[j] = d + carry * NBASE;
			}
			if (rest[0] == 0)
			{
				while (k < m && rest[k + 1] == by[k])
					k++;
				if (k < m && rest[k + 1] < by[k])
					break;
			}
			q = 1;
		}
	}
	for (int j = 0; j <= m; j++)
		zero &= rest[j] == 0;
	free(rest);
	return zero;
}

/*
 * Both are made integers by the same power of 10000.
 */
int
dp_js_number_divisible(const DpJsNumber *a, const DpJsNumber *by, DpError *err)
{
	int			fraction = Max(0, Max(a->n - 1 - a->weight, by->n - 1 - by->weight));
	int			len = a->weight + 1 + fraction;
	int			m = by->weight + 1 + fraction;
	int			zeros;
	int			result;
	int16	   *digits;

	if (a->n == 0)
		return 1;
	if (by->n == 0)
		return 0;

	/* Zeros at the end of the divisor must be in the dividend; then both lose them. */
	zeros = m - by->n;
	if (zeros > 0)
	{
		if (len - a->n < zeros)
			return 0;
		len -= zeros;
		m -= zeros;
	}
	if (m <= DEC_DIGITS)
	{
		uint64		divisor = 0;

		for (int i = 0; i < m; i++)
			divisor = divisor * NBASE + digit_at(by, i);
		return divisible_short(a, len, divisor);
	}
	digits = malloc(m * sizeof(int16));
	if (digits == NULL)
	{
		dp_out_of_memory(err);
		return -1;
	}
	for (int i = 0; i < m; i++)
		digits[i] = digit_at(by, i);
	result = divisible_long(a, len, digits, m, err);
	free(digits);
	return result;
}

/* The text of a number, appended: digits, a point where it belongs, more digits. */
static void
print_number(const DpJsInst *v, DpBuf *out)
{
	const uint16 *words = (const uint16 *) (v->ptr + VARHDRSZ);
	DpJsNumber	a = dp_js_number(v);
	int			dscale = (words[0] & NUMERIC_SHORT) ?
		(words[0] & NUMERIC_SHORT_DSCALE_MASK) >> NUMERIC_SHORT_DSCALE_SHIFT :
		words[0] & NUMERIC_DSCALE_MASK;
	char		four[DEC_DIGITS + 1];
	int			from = 0;

	if (a.negative)
		dp_buf_append(out, "-", 1);
	if (a.n == 0 || a.weight < 0)
		dp_buf_append(out, "0", 1);
	for (int i = 0; a.n > 0 && i <= a.weight; i++)
	{
		int			d = digit_at(&a, i);

		for (int k = DEC_DIGITS - 1; k >= 0; k--, d /= 10)
			four[k] = '0' + d % 10;
		from = 0;
		while (i == 0 && from < DEC_DIGITS - 1 && four[from] == '0')
			from++;
		dp_buf_append(out, four + from, DEC_DIGITS - from);
	}
	if (dscale > 0)
		dp_buf_append(out, ".", 1);
	for (int left = dscale, place = -1; left > 0; left -= DEC_DIGITS, place--)
	{
		int			i = a.weight - place;
		int			d = a.n > 0 && i >= 0 ? digit_at(&a, i) : 0;

		for (int k = DEC_DIGITS - 1; k >= 0; k--, d /= 10)
			four[k] = '0' + d % 10;
		dp_buf_append(out, four, Min(left, DEC_DIGITS));
	}
}

void
dp_js_inst_print(const DpJsInst *v, DpBuf *out)
{
	DpJsInst	part;

	switch (v->kind)
	{
		case DP_JS_NULL:
			dp_buf_append(out, "null", 4);
			break;
		case DP_JS_FALSE:
			dp_buf_append(out, "false", 5);
			break;
		case DP_JS_TRUE:
			dp_buf_append(out, "true", 4);
			break;
		case DP_JS_NUMBER:
			print_number(v, out);
			break;
		case DP_JS_STRING:
			dp_js_print_string(v->ptr, v->len, out);
			break;
		case DP_JS_ARRAY:
			dp_buf_append(out, "[", 1);
			for (uint32 i = 0; i < v->len; i++)
			{
				if (i > 0)
					dp_buf_append(out, ",", 1);
				part = dp_js_element(v, i);
				dp_js_inst_print(&part, out);
			}
			dp_buf_append(out, "]", 1);
			break;
		case DP_JS_OBJECT:
			dp_buf_append(out, "{", 1);
			for (uint32 i = 0; i < v->len; i++)
			{
				if (i > 0)
					dp_buf_append(out, ",", 1);
				part = dp_js_key(v, i);
				dp_js_print_string(part.ptr, part.len, out);
				dp_buf_append(out, ":", 1);
				part = dp_js_member(v, i);
				dp_js_inst_print(&part, out);
			}
			dp_buf_append(out, "}", 1);
			break;
	}
}
