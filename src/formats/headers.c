/*-------------------------------------------------------------------------
 *
 * headers.c
 *	  The headers of a message as a jsonb array.
 *
 * Kafka headers are an ordered list that may repeat names and hold any bytes,
 * so an object would lose some of them.  Names and values are laid out in the
 * decoder's text buffer first, because nodes point there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/headers.h"
#include "formats/nodes.h"
#include "formats/text.h"

#define MEMBER_NAMES (strlen("key") + strlen("base64"))	/* bytes in the text */

static const char base64_digits[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static inline size_t
base64_length(size_t n)
{
	return (n + 2) / 3 * 4;
}

static void
put_base64(char *out, const unsigned char *s, size_t n)
{
	for (; n > 0; out += 4)
	{
		size_t		take = Min(n, 3);
		uint32		bits = s[0] << 16;

		if (take > 1)
			bits |= s[1] << 8;
		if (take > 2)
			bits |= s[2];
		out[0] = base64_digits[bits >> 18];
		out[1] = base64_digits[(bits >> 12) & 63];
		out[2] = take > 1 ? base64_digits[(bits >> 6) & 63] : '=';
		out[3] = take > 2 ? base64_digits[bits & 63] : '=';
		s += take;
		n -= take;
	}
}

/* Room for all headers, so that the buffer never moves under the nodes. */
static bool
reserve_text(DpJsonDecoder *d, const DpHeader *headers, int n, DpError *err)
{
	size_t		bytes = 0;

	for (int i = 0; i < n; i++)
	{
		size_t		namelen = strlen(headers[i].name);

		if (headers[i].size > d->limits.max_bytes ||
			bytes + namelen > d->limits.max_bytes)
			return dp_error_set(err, "54000", DP_NO_POSITION,
								"headers are longer than the limit of %zu bytes",
								d->limits.max_bytes);
		bytes += namelen + MEMBER_NAMES;
		if (headers[i].value)
			bytes += base64_length(headers[i].size);
	}
	if (bytes > d->limits.max_bytes)
		return dp_error_set(err, "54000", DP_NO_POSITION,
							"headers are longer than the limit of %zu bytes",
							d->limits.max_bytes);
	if (!dp_buf_reserve(&d->text, bytes + DP_TEXT_PADDING))
		return dp_out_of_memory(err);
	return true;
}

/* A string node whose bytes go to the text buffer, or base64 of them. */
static bool
push_string(DpJsonDecoder *d, const char *s, size_t len, bool encode)
{
	DpNode	   *node = dp_nodes_push(&d->stack);
	size_t		outlen = encode ? base64_length(len) : len;
	char	   *out = d->text.data + d->text.len;

	if (node == NULL)
		return false;
	if (encode)
		put_base64(out, (const unsigned char *) s, len);
	else if (len > 0)
		memcpy(out, s, len);
	d->text.len += outlen;
	node->kind = DP_NODE_STRING;
	node->len = outlen;
	node->u.ptr = out;
	return true;
}

/* The key node of a member, and the shape after it. */
static bool
push_key(DpJsonDecoder *d, const char *key, uint32 *shape)
{
	*shape = *shape == DP_SHAPE_NONE ? DP_SHAPE_NONE :
		dp_shapes_step(&d->shapes, *shape, key, strlen(key));
	return push_string(d, key, strlen(key), false);
}

static bool
push_header(DpJsonDecoder *d, const DpHeader *header)
{
	uint32		base = d->stack.len;
	uint32		shape = DP_SHAPE_ROOT;
	bool		binary;

	if (!push_key(d, "key", &shape) ||
		!push_string(d, header->name, strlen(header->name), false))
		return false;
	binary = header->value && !dp_utf8_verify(header->value, header->size, NULL);
	if (!push_key(d, binary ? "base64" : "value", &shape))
		return false;
	if (header->value)
	{
		if (!push_string(d, header->value, header->size, binary))
			return false;
	}
	else
	{
		DpNode	   *node = dp_nodes_push(&d->stack);

		if (node == NULL)
			return false;
		node->kind = DP_NODE_NULL;
	}
	return dp_nodes_close(d, base, DP_NODE_OBJECT, shape);
}

const char *
dp_headers_to_jsonb(DpJsonDecoder *d, const DpHeader *headers, int n,
					size_t *outlen, DpError *err)
{
	*outlen = 0;
	err->sqlstate[0] = '\0';
	if (n == 0)
		return NULL;
	dp_nodes_begin(d);
	if (!reserve_text(d, headers, n, err))
		return NULL;
	for (int i = 0; i < n; i++)
	{
		if (!dp_utf8_verify(headers[i].name, strlen(headers[i].name), NULL))
		{
			dp_error_set(err, "22021", DP_NO_POSITION,
						 "name of header %d is not valid UTF-8", i + 1);
			return NULL;
		}
		if (!push_header(d, &headers[i]))
		{
			dp_out_of_memory(err);
			return NULL;
		}
	}
	if (!dp_nodes_close(d, 0, DP_NODE_ARRAY, DP_SHAPE_NONE))
	{
		dp_out_of_memory(err);
		return NULL;
	}
	return dp_jsonb_write(d, &d->stack.items[0], outlen, err);
}
