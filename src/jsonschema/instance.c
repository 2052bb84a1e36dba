/*-------------------------------------------------------------------------
 *
 * instance.c
 *	  Values of a jsonb compared and hashed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "jsonschema/instance.h"

bool
dp_js_inst_equal(const DpJsonbItem *a, const DpJsonbItem *b)
{
	DpJsNumber	x;
	DpJsNumber	y;

	if (a->kind != b->kind)
		return false;
	switch (a->kind)
	{
		case DP_JSONB_NULL:
		case DP_JSONB_FALSE:
		case DP_JSONB_TRUE:
			return true;
		case DP_JSONB_NUMBER:
			x = dp_js_number(a);
			y = dp_js_number(b);
			return dp_js_number_compare(&x, &y) == 0;
		case DP_JSONB_STRING:
			return a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
		case DP_JSONB_ARRAY:
		case DP_JSONB_OBJECT:
			break;
	}
	if (a->len != b->len)
		return false;
	for (uint32 i = 0; i < a->len; i++)
	{
		DpJsonbItem left;
		DpJsonbItem right;

		if (a->kind == DP_JSONB_OBJECT)
		{
			left = dp_jsonb_key(a, i);
			right = dp_jsonb_key(b, i);
			if (!dp_js_inst_equal(&left, &right))
				return false;
			left = dp_jsonb_value(a, i);
			right = dp_jsonb_value(b, i);
		}
		else
		{
			left = dp_jsonb_element(a, i);
			right = dp_jsonb_element(b, i);
		}
		if (!dp_js_inst_equal(&left, &right))
			return false;
	}
	return true;
}

static inline uint64
hash_bytes(uint64 h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64CONST(1099511628211);
	return h;
}

/* Values that are equal have the same hash. */
static uint64
hash_value(uint64 h, const DpJsonbItem *v)
{
	DpJsNumber	number;

	h = (h ^ v->kind) * UINT64CONST(1099511628211);
	switch (v->kind)
	{
		case DP_JSONB_NUMBER:
			number = dp_js_number(v);
			h = hash_bytes(h, &number.negative, sizeof(number.negative));
			h = hash_bytes(h, &number.weight, sizeof(number.weight));
			return hash_bytes(h, number.digits, number.n * sizeof(int16));
		case DP_JSONB_STRING:
			return hash_bytes(h, v->ptr, v->len);
		case DP_JSONB_ARRAY:
		case DP_JSONB_OBJECT:
			for (uint32 i = 0; i < v->len; i++)
			{
				DpJsonbItem part;

				if (v->kind == DP_JSONB_OBJECT)
				{
					part = dp_jsonb_key(v, i);
					h = hash_bytes(h, part.ptr, part.len);
					part = dp_jsonb_value(v, i);
				}
				else
					part = dp_jsonb_element(v, i);
				h = hash_value(h, &part);
			}
			return h;
		default:
			return h;
	}
}

uint64
dp_js_inst_hash(const DpJsonbItem *v)
{
	uint64		h = hash_value(UINT64CONST(14695981039346656037), v);

	return h ^ (h >> 29);
}

bool
dp_js_freeze(DpArena *arena, DpJsonDecoder *d, const DpJsValue *value, DpJsonbItem *out, DpError *err)
{
	DpBuf		text = {0};
	const char *jsonb = NULL;
	char	   *copy;
	size_t		len;

	dp_js_value_print(value, false, &text);
	if (text.oom)
		dp_out_of_memory(err);
	else
		jsonb = dp_json_to_jsonb(d, text.data, text.len, &len, err);
	copy = jsonb == NULL ? NULL : dp_arena_alloc(arena, len);
	if (copy != NULL)
	{
		memcpy(copy, jsonb, len);
		*out = dp_jsonb_root(copy);
	}
	else if (jsonb != NULL)
		dp_out_of_memory(err);
	dp_buf_free(&text);
	return copy != NULL;
}
