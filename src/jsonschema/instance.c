/*-------------------------------------------------------------------------
 *
 * instance.c
 *	  A jsonb read without the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/jsonb.h"

#include "formats/nodes.h"
#include "formats/shapes.h"
#include "jsonschema/instance.h"

static inline uint32
header_of(const char *container)
{
	uint32		header;

	memcpy(&header, container, sizeof(header));
	return header;
}

static inline JEntry
entry_of(const char *container, uint32 i)
{
	JEntry		entry;

	memcpy(&entry, container + sizeof(uint32) + i * sizeof(JEntry), sizeof(entry));
	return entry;
}

/* Where child i begins, from the first byte of data: every 32nd entry knows. */
static uint32
child_offset(const char *container, uint32 i)
{
	uint32		offset = 0;

	while (i-- > 0)
	{
		JEntry		entry = entry_of(container, i);

		offset += JBE_OFFLENFLD(entry);
		if (JBE_HAS_OFF(entry))
			break;
	}
	return offset;
}

static DpJsInst
container_at(const char *ptr)
{
	uint32		header = header_of(ptr);
	DpJsInst	v = {(header & JB_FOBJECT) ? DP_JS_OBJECT : DP_JS_ARRAY, header & JB_CMASK, ptr};

	return v;
}

/* Child i of a container of n entries. */
static DpJsInst
child(const char *container, uint32 n, uint32 i)
{
	const char *data = container + sizeof(uint32) + (size_t) n * sizeof(JEntry);
	JEntry		entry = entry_of(container, i);
	uint32		offset = child_offset(container, i);
	DpJsInst	v = {DP_JS_NULL, 0, NULL};

	switch (entry & JENTRY_TYPEMASK)
	{
		case JENTRY_ISSTRING:
			v.kind = DP_JS_STRING;
			v.ptr = data + offset;
			v.len = JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) - offset : JBE_OFFLENFLD(entry);
			break;
		case JENTRY_ISNUMERIC:
			v.kind = DP_JS_NUMBER;
			v.ptr = data + INTALIGN(offset);
			break;
		case JENTRY_ISBOOL_FALSE:
			v.kind = DP_JS_FALSE;
			break;
		case JENTRY_ISBOOL_TRUE:
			v.kind = DP_JS_TRUE;
			break;
		case JENTRY_ISCONTAINER:
			v = container_at(data + INTALIGN(offset));
			break;
		default:
			break;
	}
	return v;
}

DpJsInst
dp_js_root(const char *jsonb)
{
	const char *container = jsonb + VARHDRSZ;

	if (header_of(container) & JB_FSCALAR)
		return child(container, 1, 0);
	return container_at(container);
}

DpJsInst
dp_js_element(const DpJsInst *array, uint32 i)
{
	return child(array->ptr, array->len, i);
}

DpJsInst
dp_js_key(const DpJsInst *object, uint32 i)
{
	return child(object->ptr, 2 * object->len, i);
}

DpJsInst
dp_js_member(const DpJsInst *object, uint32 i)
{
	return child(object->ptr, 2 * object->len, object->len + i);
}

int64
dp_js_find(const DpJsInst *object, const char *key, uint32 len)
{
	uint32		low = 0;
	uint32		high = object->len;

	while (low < high)
	{
		uint32		mid = low + (high - low) / 2;
		DpJsInst	k = dp_js_key(object, mid);
		int			order = dp_key_compare(key, len, k.ptr, k.len);

		if (order == 0)
			return mid;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return -1;
}

bool
dp_js_inst_equal(const DpJsInst *a, const DpJsInst *b)
{
	DpJsNumber	x;
	DpJsNumber	y;

	if (a->kind != b->kind)
		return false;
	switch (a->kind)
	{
		case DP_JS_NULL:
		case DP_JS_FALSE:
		case DP_JS_TRUE:
			return true;
		case DP_JS_NUMBER:
			x = dp_js_number(a);
			y = dp_js_number(b);
			return dp_js_number_compare(&x, &y) == 0;
		case DP_JS_STRING:
			return a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
		case DP_JS_ARRAY:
		case DP_JS_OBJECT:
			break;
	}
	if (a->len != b->len)
		return false;
	for (uint32 i = 0; i < a->len; i++)
	{
		DpJsInst	left;
		DpJsInst	right;

		if (a->kind == DP_JS_OBJECT)
		{
			left = dp_js_key(a, i);
			right = dp_js_key(b, i);
			if (!dp_js_inst_equal(&left, &right))
				return false;
			left = dp_js_member(a, i);
			right = dp_js_member(b, i);
		}
		else
		{
			left = dp_js_element(a, i);
			right = dp_js_element(b, i);
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
hash_value(uint64 h, const DpJsInst *v)
{
	DpJsNumber	number;

	h = (h ^ v->kind) * UINT64CONST(1099511628211);
	switch (v->kind)
	{
		case DP_JS_NUMBER:
			number = dp_js_number(v);
			h = hash_bytes(h, &number.negative, sizeof(number.negative));
			h = hash_bytes(h, &number.weight, sizeof(number.weight));
			return hash_bytes(h, number.digits, number.n * sizeof(int16));
		case DP_JS_STRING:
			return hash_bytes(h, v->ptr, v->len);
		case DP_JS_ARRAY:
		case DP_JS_OBJECT:
			for (uint32 i = 0; i < v->len; i++)
			{
				DpJsInst	part;

				if (v->kind == DP_JS_OBJECT)
				{
					part = dp_js_key(v, i);
					h = hash_bytes(h, part.ptr, part.len);
					part = dp_js_member(v, i);
				}
				else
					part = dp_js_element(v, i);
				h = hash_value(h, &part);
			}
			return h;
		default:
			return h;
	}
}

uint64
dp_js_inst_hash(const DpJsInst *v)
{
	uint64		h = hash_value(UINT64CONST(14695981039346656037), v);

	return h ^ (h >> 29);
}

bool
dp_js_freeze(DpArena *arena, DpJsonDecoder *d, const DpJsValue *value, DpJsInst *out, DpError *err)
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
		*out = dp_js_root(copy);
	}
	else if (jsonb != NULL)
		dp_out_of_memory(err);
	dp_buf_free(&text);
	return copy != NULL;
}
