/*-------------------------------------------------------------------------
 *
 * json_text.c
 *	  Nodes as JSON text, for columns of another type than jsonb; and decimals.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdio.h>

#include "protobuf/reader.h"

/* The C library's. */
#undef snprintf

#define MAX_DECIMAL_BYTES 4096	/* of the unscaled value: some 9800 digits */
#define MAX_DECIMAL_SCALE 16383 /* of a numeric */

static void
put_quoted(DpBuf *out, const char *text, uint32 len)
{
	dp_buf_append(out, "\"", 1);
	for (uint32 i = 0; i < len; i++)
	{
		unsigned char c = text[i];
		char		spelled[8];

		if (c == '"' || c == '\\')
		{
			spelled[0] = '\\';
			spelled[1] = c;
			dp_buf_append(out, spelled, 2);
		}
		else if (c < ' ')
			dp_buf_append(out, spelled, snprintf(spelled, sizeof(spelled), "\\u%04x", c));
		else
			dp_buf_append(out, text + i, 1);
	}
	dp_buf_append(out, "\"", 1);
}

/* Recursion is bounded by the depth of messages. */
static void
put_node(const DpJsonDecoder *d, DpBuf *out, const DpNode *node)
{
	char		number[DP_PB_SPELLED];
	const DpNode *children = d->tape.items + node->u.c.first;

	switch ((DpNodeKind) node->kind)
	{
		case DP_NODE_NULL:
			dp_buf_append(out, "null", 4);
			break;
		case DP_NODE_FALSE:
			dp_buf_append(out, "false", 5);
			break;
		case DP_NODE_TRUE:
			dp_buf_append(out, "true", 4);
			break;
		case DP_NODE_STRING:
			put_quoted(out, node->u.ptr, node->len);
			break;
		case DP_NODE_SMALL:
			dp_buf_append(out, "-", node->negative);
			dp_buf_append(out, number, dp_pb_put_unsigned(number, node->u.mantissa) - number);
			break;
		case DP_NODE_NUMBER:
			dp_buf_append(out, node->u.ptr, node->len);
			break;
		case DP_NODE_ARRAY:
			dp_buf_append(out, "[", 1);
			for (uint32 i = 0; i < node->len; i++)
			{
				dp_buf_append(out, ", ", i > 0 ? 2 : 0);
				put_node(d, out, &children[i]);
			}
			dp_buf_append(out, "]", 1);
			break;
		case DP_NODE_OBJECT:
			dp_buf_append(out, "{", 1);
			for (uint32 i = 0; i < node->len; i++)
			{
				dp_buf_append(out, ", ", i > 0 ? 2 : 0);
				put_node(d, out, &children[2 * i]);
				dp_buf_append(out, ": ", 2);
				put_node(d, out, &children[2 * i + 1]);
			}
			dp_buf_append(out, "}", 1);
			break;
	}
}

bool
dp_pb_put_json_text(DpPbReader *r, const DpPbColumn *c, DpColumnValue *out)
{
	DpBuf		text = {0};
	bool		good;

	put_node(r->d, &text, &r->d->stack.items[0]);
	good = !text.oom ? dp_pb_from_text(r, c, text.data, text.len, out) : dp_pb_no_memory(r->err);
	dp_buf_free(&text);
	return good;
}

/*
 * A two's complement number, highest byte first, to decimal digits: divide by
 * 10^9 again and again.  Returns the digits in "to", lowest first.
 */
static size_t
digits_of(unsigned char *bytes, size_t n, char *to)
{
	size_t		len = 0;
	size_t		first = 0;

	while (first < n)
	{
		uint64		rest = 0;

		for (size_t i = first; i < n; i++)
		{
			rest = rest << 8 | bytes[i];
			bytes[i] = rest / 1000000000;
			rest %= 1000000000;
		}
		for (int i = 0; i < 9; i++)
		{
			to[len++] = '0' + rest % 10;
			rest /= 10;
		}
		while (first < n && bytes[first] == 0)
			first++;
	}
	while (len > 0 && to[len - 1] == '0')
		len--;
	return len;
}

char *
dp_pb_spell_decimal(DpPbReader *r, const DpPbRaw *unscaled, int32 scale, size_t *len)
{
	unsigned char bytes[MAX_DECIMAL_BYTES];
	size_t		n = unscaled->len;
	bool		negative = n > 0 && (unscaled->u.ptr[0] & 0x80) != 0;
	char	   *digits;
	char	   *text;
	char	   *to;
	size_t		ndigits;

	if (n > MAX_DECIMAL_BYTES || scale > MAX_DECIMAL_SCALE || scale < -MAX_DECIMAL_SCALE)
	{
		dp_error_set(r->err, "22003", DP_NO_POSITION, "decimal is out of range");
		return NULL;
	}
	if (n > 0)
		memcpy(bytes, unscaled->u.ptr, n);
	if (negative)
	{
		int			carry = 1;

		for (size_t i = n; i-- > 0;)
		{
			carry += (unsigned char) ~bytes[i];
			bytes[i] = carry;
			carry >>= 8;
		}
	}
	digits = dp_pb_spell(r, n * 3 + 9);
	text = dp_pb_spell(r, n * 3 + 16 + (scale < 0 ? -scale : scale));
	if (digits == NULL || text == NULL)
		return NULL;
	ndigits = digits_of(bytes, n, digits);
	to = text;
	if (negative)
		*to++ = '-';
	if (scale < 0 && ndigits > 0)
	{
		while (ndigits > 0)
			*to++ = digits[--ndigits];
		memset(to, '0', -scale);
		to += -scale;
	}
	else
	{
		size_t		places = Max(scale, 0);

		if (ndigits <= places)
			*to++ = '0';
		while (ndigits > places)
			*to++ = digits[--ndigits];
		if (places > 0)
			*to++ = '.';
		for (; places > 0; places--)
			*to++ = places <= ndigits ? digits[places - 1] : '0';
	}
	*len = to - text;
	return text;
}
