/*-------------------------------------------------------------------------
 *
 * tree.c
 *	  The JSON text of a schema as a tree.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/tree.h"
#include "formats/nodes.h"
#include "formats/schema.h"

/* The C library's: this file must link without the server. */
#undef snprintf
#undef qsort

/*
 * A zero byte in a default is spelled \u0000, which the parser refuses as no
 * text of PostgreSQL can hold it.  It passes the parser as U+FFFF, which is no
 * character, and is C0 80 in the tree.
 */
#define ZERO_ESCAPE "\\u0000"
#define ZERO_CHARACTER "\xEF\xBF\xBF"
#define ZERO_CHARACTER_BYTES 3

#define NUMBER_CHARS 40			/* a small number, spelled */

/* Give the parser what it takes; same length. */
static void
hide_zeros(char *text, size_t len)
{
	char	   *p = text;

	while ((p = memchr(p, '\\', text + len - p)) != NULL)
	{
		if (text + len - p >= strlen(ZERO_ESCAPE) && memcmp(p, ZERO_ESCAPE, strlen(ZERO_ESCAPE)) == 0)
			memcpy(p, "\\uFFFF", strlen(ZERO_ESCAPE));
		if (text + len - p < 2)
			break;
		p += 2;
	}
}

/* Zeros as the tree has them. */
static uint32
show_zeros(char *s, uint32 len)
{
	char	   *p = s;
	char	   *to;

	while ((p = strstr(p, ZERO_CHARACTER)) != NULL)
	{
		to = p;
		*to++ = '\xC0';
		*to++ = '\x80';
		memmove(to, p + ZERO_CHARACTER_BYTES, s + len + 1 - (p + ZERO_CHARACTER_BYTES));
		len--;
		p = to;
	}
	return len;
}

static char *
copy_string(DpArena *arena, const char *s, uint32 len)
{
	char	   *copy = dp_arena_alloc(arena, (size_t) len + 1);

	if (copy != NULL)
	{
		memcpy(copy, s, len);
		copy[len] = '\0';
	}
	return copy;
}

/* A number that the parser took apart, spelled as it came. */
static const char *
spell_small(DpArena *arena, const DpNode *node, uint32 *len)
{
	char		digits[NUMBER_CHARS];
	char		text[2 * NUMBER_CHARS];
	int			n = snprintf(digits, sizeof(digits), "%0*llu", node->scale + 1,
							 (unsigned long long) node->u.mantissa);
	int			whole = n - node->scale;

	n = snprintf(text, sizeof(text), "%s%.*s%s%s", node->negative ? "-" : "", whole, digits,
				 node->scale > 0 ? "." : "", digits + whole);
	*len = n;
	return copy_string(arena, text, n);
}

static bool copy_node(const DpJsonDecoder *d, const DpNode *node, DpArena *arena, DpAvroTree *out);

/* Members of an object: the last of equal names stays, in the place of the first. */
static bool
copy_members(const DpJsonDecoder *d, const DpNode *node, DpArena *arena, DpAvroTree *out)
{
	const DpNode *member = d->tape.items + node->u.c.first;
	uint32		n = node->len;
	uint32		used = 0;

	out->keys = dp_arena_alloc(arena, Max(n, 1) * sizeof(char *));
	if (out->keys == NULL)
		return false;
	for (uint32 i = 0; i < n; i++, member += 2)
	{
		const char *key = copy_string(arena, member[0].u.ptr, member[0].len);
		uint32		at = used;

		if (key == NULL)
			return false;
		/* Only small objects are searched: large ones are maps in defaults. */
		for (uint32 k = 0; n <= DP_SHAPE_MAX_KEYS && k < used; k++)
		{
			if (strcmp(out->keys[k], key) == 0)
				at = k;
		}
		out->keys[at] = key;
		if (!copy_node(d, &member[1], arena, &out->items[at]))
			return false;
		used = Max(used, at + 1);
	}
	out->len = used;
	return true;
}

/* Recursion is bounded by the depth the parser accepts. */
static bool
copy_node(const DpJsonDecoder *d, const DpNode *node, DpArena *arena, DpAvroTree *out)
{
	memset(out, 0, sizeof(*out));
	switch ((DpNodeKind) node->kind)
	{
		case DP_NODE_NULL:
			out->kind = DP_TREE_NULL;
			return true;
		case DP_NODE_FALSE:
			out->kind = DP_TREE_FALSE;
			return true;
		case DP_NODE_TRUE:
			out->kind = DP_TREE_TRUE;
			return true;
		case DP_NODE_STRING:
		case DP_NODE_NUMBER:
			out->kind = node->kind == DP_NODE_STRING ? DP_TREE_STRING : DP_TREE_NUMBER;
			out->len = node->len;
			out->text = copy_string(arena, node->u.ptr, node->len);
			if (out->text == NULL)
				return false;
			out->len = show_zeros((char *) out->text, out->len);
			return true;
		case DP_NODE_SMALL:
			out->kind = DP_TREE_NUMBER;
			out->text = spell_small(arena, node, &out->len);
			return out->text != NULL;
		case DP_NODE_ARRAY:
		case DP_NODE_OBJECT:
			break;
	}
	out->kind = node->kind == DP_NODE_ARRAY ? DP_TREE_ARRAY : DP_TREE_OBJECT;
	out->len = node->len;
	out->items = dp_arena_alloc(arena, Max(node->len, 1) * sizeof(DpAvroTree));
	if (out->items == NULL)
		return false;
	if (node->kind == DP_NODE_OBJECT)
		return copy_members(d, node, arena, out);
	for (uint32 i = 0; i < node->len; i++)
	{
		if (!copy_node(d, d->tape.items + node->u.c.first + i, arena, &out->items[i]))
			return false;
	}
	return true;
}

static const DpAvroTree *
parse(DpJsonDecoder *d, const char *text, size_t len, DpArena *arena, DpError *err)
{
	DpAvroTree *tree;
	char	   *p;

	if (!dp_nodes_load(d, text, len, err))
		return NULL;
	hide_zeros(d->text.data, len);
	p = d->text.data;
	if (!dp_json_parse_value(d, &p, err))
		return NULL;
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	if (p != d->text.data + len)
	{
		dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, p - d->text.data,
					 "invalid JSON: something follows the value");
		return NULL;
	}
	tree = dp_arena_alloc(arena, sizeof(*tree));
	if (tree == NULL || !copy_node(d, &d->stack.items[d->stack.len - 1], arena, tree))
	{
		dp_out_of_memory(err);
		return NULL;
	}
	return tree;
}

const DpAvroTree *
dp_avro_tree_parse(const char *text, size_t len, DpArena *arena, DpError *err)
{
	DpJsonLimits limits = {.max_depth = DP_AVRO_TREE_DEPTH,.max_bytes = DP_SCHEMA_MAX_BYTES};
	DpJsonDecoder *d = dp_json_decoder_create(&limits);
	const DpAvroTree *tree;

	if (d == NULL)
	{
		dp_out_of_memory(err);
		return NULL;
	}
	tree = parse(d, text, len, arena, err);
	dp_json_decoder_destroy(d);
	if (tree == NULL && strcmp(err->sqlstate, "22P02") == 0)
		memcpy(err->sqlstate, DP_SQLSTATE_INVALID_SCHEMA, sizeof(err->sqlstate));
	return tree;
}

const DpAvroTree *
dp_avro_tree_get(const DpAvroTree *object, const char *key)
{
	if (object->kind != DP_TREE_OBJECT)
		return NULL;
	for (uint32 i = 0; i < object->len; i++)
	{
		if (strcmp(object->keys[i], key) == 0)
			return &object->items[i];
	}
	return NULL;
}

void
dp_avro_put_string(DpBuf *out, const char *s, size_t len)
{
	const char *plain = s;
	const char *end = s + len;

	dp_buf_append(out, "\"", 1);
	for (; s < end; s++)
	{
		char		escape[8];
		const char *with = escape;

		if ((unsigned char) *s >= 0x20 && *s != '"' && *s != '\\' && *s != '\xC0')
			continue;
		switch (*s)
		{
			case '\xC0':
				with = ZERO_ESCAPE;
				dp_buf_append(out, plain, s - plain);
				plain = ++s;	/* its second byte */
				break;
			case '"':
				with = "\\\"";
				break;
			case '\\':
				with = "\\\\";
				break;
			case '\n':
				with = "\\n";
				break;
			case '\r':
				with = "\\r";
				break;
			case '\t':
				with = "\\t";
				break;
			case '\b':
				with = "\\b";
				break;
			case '\f':
				with = "\\f";
				break;
			default:
				snprintf(escape, sizeof(escape), "\\u%04X", (unsigned char) *s);
		}
		dp_buf_append(out, plain, s - plain);
		dp_avro_put(out, with);
		plain = s + 1;
	}
	dp_buf_append(out, plain, end - plain);
	dp_buf_append(out, "\"", 1);
}

typedef struct Member
{
	const char *key;
	const DpAvroTree *value;
} Member;

static int
compare_members(const void *a, const void *b)
{
	return strcmp(((const Member *) a)->key, ((const Member *) b)->key);
}

static bool
print_members(const DpAvroTree *tree, bool sorted, DpBuf *out)
{
	Member	   *members = malloc(Max(tree->len, 1) * sizeof(Member));

	if (members == NULL)
		return false;
	for (uint32 i = 0; i < tree->len; i++)
		members[i] = (Member) {tree->keys[i], &tree->items[i]};
	if (sorted)
		qsort(members, tree->len, sizeof(Member), compare_members);
	for (uint32 i = 0; i < tree->len; i++)
	{
		if (i > 0)
			dp_avro_put(out, ",");
		dp_avro_put_string(out, members[i].key, strlen(members[i].key));
		dp_avro_put(out, ":");
		if (!dp_avro_tree_print(members[i].value, sorted, out))
			break;
	}
	free(members);
	return !out->oom;
}

bool
dp_avro_tree_print(const DpAvroTree *tree, bool sorted, DpBuf *out)
{
	switch (tree->kind)
	{
		case DP_TREE_NULL:
			dp_avro_put(out, "null");
			break;
		case DP_TREE_FALSE:
			dp_avro_put(out, "false");
			break;
		case DP_TREE_TRUE:
			dp_avro_put(out, "true");
			break;
		case DP_TREE_STRING:
			dp_avro_put_string(out, tree->text, tree->len);
			break;
		case DP_TREE_NUMBER:
			dp_buf_append(out, tree->text, tree->len);
			break;
		case DP_TREE_ARRAY:
			dp_avro_put(out, "[");
			for (uint32 i = 0; i < tree->len; i++)
			{
				if (i > 0)
					dp_avro_put(out, ",");
				if (!dp_avro_tree_print(&tree->items[i], sorted, out))
					return false;
			}
			dp_avro_put(out, "]");
			break;
		case DP_TREE_OBJECT:
			dp_avro_put(out, "{");
			if (!print_members(tree, sorted, out))
				return false;
			dp_avro_put(out, "}");
			break;
	}
	return !out->oom;
}
