/*-------------------------------------------------------------------------
 *
 * value.c
 *	  The text of a schema as a tree that keeps the order of its keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "formats/scan.h"
#include "formats/schema.h"
#include "jsonschema/value.h"

/* The C library's: this file must link without the server. */
#undef snprintf
#undef qsort

char *
dp_js_copy(DpArena *arena, const char *s, size_t len)
{
	char	   *copy = dp_arena_alloc(arena, len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

/* A small number as it would be spelled: mantissa / 10^scale. */
static int
spell_small(const DpNode *node, char *out, size_t size)
{
	char		digits[32];
	int			n = snprintf(digits, sizeof(digits), "%0*llu", node->scale + 1,
							 (unsigned long long) node->u.mantissa);
	int			whole = n - node->scale;

	if (node->scale == 0)
		return snprintf(out, size, "%s%s", node->negative ? "-" : "", digits);
	return snprintf(out, size, "%s%.*s.%s", node->negative ? "-" : "", whole, digits,
					digits + whole);
}

static bool
take_text(DpArena *arena, DpJsValue *value, DpJsonbKind kind, const char *s, size_t len)
{
	value->kind = kind;
	value->len = len;
	value->u.text = dp_js_copy(arena, s, len);
	return value->u.text != NULL;
}

static int
compare_members(const void *a, const void *b)
{
	const DpJsMember *x = *(const DpJsMember *const *) a;
	const DpJsMember *y = *(const DpJsMember *const *) b;
	int			order = memcmp(x->key, y->key, Min(x->keylen, y->keylen));

	if (order == 0)
		order = x->keylen < y->keylen ? -1 : x->keylen > y->keylen;

	/* Of the same name, the one that came later stays later. */
	return order != 0 ? order : x < y ? -1 : 1;
}

/* A key that stands there again takes the place of the first one and the value of the last. */
static bool
drop_duplicates(DpArena *arena, DpJsValue *object)
{
	DpJsMember *members = object->u.members;
	DpJsMember **sorted = dp_arena_alloc(arena, Max(object->len, 1) * sizeof(DpJsMember *));
	DpJsMember *first = members;
	uint32		n = 0;

	if (sorted == NULL)
		return false;
	for (uint32 i = 0; i < object->len; i++)
		sorted[i] = &members[i];
	qsort(sorted, object->len, sizeof(DpJsMember *), compare_members);
	for (uint32 i = 0; i < object->len; i++)
	{
		if (i == 0 || !dp_js_same(sorted[i]->key, sorted[i]->keylen, first->key, first->keylen))
			first = sorted[i];
		else
		{
			first->value = sorted[i]->value;
			sorted[i]->key = NULL;
		}
	}
	for (uint32 i = 0; i < object->len; i++)
	{
		if (members[i].key != NULL)
			members[n++] = members[i];
	}
	object->len = n;
	return true;
}

/* Recursion is bounded by DP_SCHEMA_MAX_DEPTH. */
static bool
take_node(DpArena *arena, const DpJsonDecoder *d, const DpNode *node, DpJsValue *value)
{
	const DpNode *children = NULL;
	char		small[64];

	memset(value, 0, sizeof(*value));
	if (node->kind == DP_NODE_ARRAY || node->kind == DP_NODE_OBJECT)
		children = d->tape.items + node->u.c.first;
	switch ((DpNodeKind) node->kind)
	{
		case DP_NODE_NULL:
			value->kind = DP_JSONB_NULL;
			return true;
		case DP_NODE_FALSE:
			value->kind = DP_JSONB_FALSE;
			return true;
		case DP_NODE_TRUE:
			value->kind = DP_JSONB_TRUE;
			return true;
		case DP_NODE_STRING:
			return take_text(arena, value, DP_JSONB_STRING, node->u.ptr, node->len);
		case DP_NODE_SMALL:
			return take_text(arena, value, DP_JSONB_NUMBER, small,
							 spell_small(node, small, sizeof(small)));
		case DP_NODE_NUMBER:
			return take_text(arena, value, DP_JSONB_NUMBER, node->u.ptr, node->len);
		case DP_NODE_ARRAY:
			value->kind = DP_JSONB_ARRAY;
			value->len = node->len;
			value->u.elements = dp_arena_alloc(arena, Max(node->len, 1) * sizeof(DpJsValue));
			if (value->u.elements == NULL)
				return false;
			for (uint32 i = 0; i < node->len; i++)
			{
				if (!take_node(arena, d, &children[i], &value->u.elements[i]))
					return false;
			}
			return true;
		case DP_NODE_OBJECT:
			value->kind = DP_JSONB_OBJECT;
			value->len = node->len;
			value->u.members = dp_arena_alloc(arena, Max(node->len, 1) * sizeof(DpJsMember));
			if (value->u.members == NULL)
				return false;
			for (uint32 i = 0; i < node->len; i++)
			{
				DpJsMember *member = &value->u.members[i];

				member->keylen = children[2 * i].len;
				member->key = dp_js_copy(arena, children[2 * i].u.ptr, member->keylen);
				if (member->key == NULL ||
					!take_node(arena, d, &children[2 * i + 1], &member->value))
					return false;
			}
			return drop_duplicates(arena, value);
	}
	return false;
}

DpJsValue *
dp_js_value_parse(DpArena *arena, const char *text, size_t len, DpError *err)
{
	DpJsonLimits limits = {DP_SCHEMA_MAX_DEPTH, 0, 0, DP_SCHEMA_MAX_BYTES, true};
	DpJsonDecoder *d = dp_json_decoder_create(&limits);
	DpJsValue  *root = dp_arena_alloc(arena, sizeof(DpJsValue));
	char	   *p;

	if (d == NULL || root == NULL)
	{
		dp_out_of_memory(err);
		root = NULL;
	}
	else if (!dp_nodes_load(d, text, len, err))
		root = NULL;
	else
	{
		p = d->text.data;
		if (!dp_json_parse_value(d, &p, err))
			root = NULL;
		else if (p = dp_scan_blanks(p), p != d->text.data + len)
		{
			dp_error_set(err, "22P02", p - d->text.data,
						 "invalid JSON: something follows the value");
			root = NULL;
		}
		else if (!take_node(arena, d, &d->stack.items[d->stack.len - 1], root))
		{
			dp_out_of_memory(err);
			root = NULL;
		}
	}
	dp_json_decoder_destroy(d);
	return root;
}

void
dp_js_print_string(const char *s, size_t len, DpBuf *out)
{
	static const char *const short_escapes = "btnvfr";
	size_t		start = 0;

	dp_buf_append(out, "\"", 1);
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = s[i];
		char		escape[8];
		int			n;

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		if (c == '"' || c == '\\')
			n = snprintf(escape, sizeof(escape), "\\%c", c);
		else if (c >= '\b' && c <= '\r' && c != '\v')
			n = snprintf(escape, sizeof(escape), "\\%c", short_escapes[c - '\b']);
		else
			n = snprintf(escape, sizeof(escape), "\\u%04x", c);
		dp_buf_append(out, s + start, i - start);
		dp_buf_append(out, escape, n);
		start = i + 1;
	}
	dp_buf_append(out, s + start, len - start);
	dp_buf_append(out, "\"", 1);
}

static void
print_members(const DpJsValue *value, bool sorted, DpBuf *out)
{
	const DpJsMember **order = malloc(Max(value->len, 1) * sizeof(*order));

	if (order == NULL)
	{
		out->oom = true;
		return;
	}
	for (uint32 i = 0; i < value->len; i++)
		order[i] = &value->u.members[i];
	if (sorted)
		qsort(order, value->len, sizeof(*order), compare_members);
	for (uint32 i = 0; i < value->len; i++)
	{
		if (i > 0)
			dp_buf_append(out, ",", 1);
		dp_js_print_string(order[i]->key, order[i]->keylen, out);
		dp_buf_append(out, ":", 1);
		dp_js_value_print(&order[i]->value, sorted, out);
	}
	free(order);
}

void
dp_js_value_print(const DpJsValue *value, bool sorted, DpBuf *out)
{
	switch (value->kind)
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
			dp_buf_append(out, value->u.text, value->len);
			break;
		case DP_JSONB_STRING:
			dp_js_print_string(value->u.text, value->len, out);
			break;
		case DP_JSONB_ARRAY:
			dp_buf_append(out, "[", 1);
			for (uint32 i = 0; i < value->len; i++)
			{
				if (i > 0)
					dp_buf_append(out, ",", 1);
				dp_js_value_print(&value->u.elements[i], sorted, out);
			}
			dp_buf_append(out, "]", 1);
			break;
		case DP_JSONB_OBJECT:
			dp_buf_append(out, "{", 1);
			print_members(value, sorted, out);
			dp_buf_append(out, "}", 1);
			break;
	}
}

DpJsValue *
dp_js_get_len(const DpJsValue *object, const char *key, size_t len)
{
	if (object == NULL || object->kind != DP_JSONB_OBJECT)
		return NULL;
	for (uint32 i = 0; i < object->len; i++)
	{
		DpJsMember *member = &object->u.members[i];

		if (dp_js_same(member->key, member->keylen, key, len))
			return &member->value;
	}
	return NULL;
}

DpJsValue *
dp_js_get(const DpJsValue *object, const char *key)
{
	return dp_js_get_len(object, key, strlen(key));
}

const char *
dp_js_get_string(const DpJsValue *object, const char *key)
{
	const DpJsValue *value = dp_js_get(object, key);

	if (value == NULL || value->kind != DP_JSONB_STRING || dp_js_has_zero_byte(value->u.text, value->len))
		return NULL;
	return value->u.text;
}

bool
dp_js_same(const char *a, size_t alen, const char *b, size_t blen)
{
	return alen == blen && memcmp(a, b, alen) == 0;
}

bool
dp_js_is(const DpJsValue *string, const char *text)
{
	return string != NULL && string->kind == DP_JSONB_STRING &&
		dp_js_same(string->u.text, string->len, text, strlen(text));
}
