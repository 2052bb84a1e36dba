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
#include "formats/numeric.h"
#include "jsonschema/instance.h"

#define INTERRUPT_EVERY 1024	/* digits of a long division */
#define SHORT_DIVISOR 4			/* digits of one that fits into a machine word */

DpJsNumber
dp_js_number(const DpJsonbItem *v)
{
	DpNumeric	number = dp_numeric_read(v->ptr);
	DpJsNumber	a = {number.negative, number.weight, number.ngroups, number.groups};

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
dp_js_number_scale(const DpJsonbItem *v)
{
	return dp_numeric_read(v->ptr).dscale;
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
		count = count * DP_NBASE + (i < a->n ? a->digits[i] : 0);
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
 * The remainder of an integer of "len" digits by one of at most SHORT_DIVISOR.
 */
static int
divisible_short(const DpJsNumber *a, int len, uint64 by)
{
	unsigned __int128 rest = 0;

	for (int i = 0; i < len; i++)
	{
		rest = (rest * DP_NBASE + digit_at(a, i)) % by;
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
	double		top = by[0] * (double) DP_NBASE + by[1];
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
		q = (int64) ((((double) rest[0] * DP_NBASE + rest[1]) * DP_NBASE + rest[2]) / (top + 1));
		for (;;)
		{
			int			k = 0;

			carry = 0;
			for (int j = m; j >= 0; j--)
			{
				int64		d = rest[j] - carry - (j > 0 ? q * by[j - 1] : 0);

				carry = d < 0 ? (-d + DP_NBASE - 1) / DP_NBASE : 0;
				rest[j] = d + carry * DP_NBASE;
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
	if (m <= SHORT_DIVISOR)
	{
		uint64		divisor = 0;

		for (int i = 0; i < m; i++)
			divisor = divisor * DP_NBASE + digit_at(by, i);
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

void
dp_js_inst_print(const DpJsonbItem *v, DpBuf *out)
{
	DpJsonbItem part;

	switch (v->kind)
	{
		case DP_JSONB_NULL:
			dp_buf_append(out, "null", 4);
			break;
		case DP_JSONB_FALSE:
			dp_buf_append(out, "false", 5);
			break;
		case DP_JSONB_TRUE:
			dp_buf_append(out, "true", 4);
			break;
		case DP_JSONB_NUMBER:
			dp_numeric_text(v->ptr, out);
			break;
		case DP_JSONB_STRING:
			dp_js_print_string(v->ptr, v->len, out);
			break;
		case DP_JSONB_ARRAY:
			dp_buf_append(out, "[", 1);
			for (uint32 i = 0; i < v->len; i++)
			{
				if (i > 0)
					dp_buf_append(out, ",", 1);
				part = dp_jsonb_element(v, i);
				dp_js_inst_print(&part, out);
			}
			dp_buf_append(out, "]", 1);
			break;
		case DP_JSONB_OBJECT:
			dp_buf_append(out, "{", 1);
			for (uint32 i = 0; i < v->len; i++)
			{
				if (i > 0)
					dp_buf_append(out, ",", 1);
				part = dp_jsonb_key(v, i);
				dp_js_print_string(part.ptr, part.len, out);
				dp_buf_append(out, ":", 1);
				part = dp_jsonb_value(v, i);
				dp_js_inst_print(&part, out);
			}
			dp_buf_append(out, "}", 1);
			break;
	}
}
