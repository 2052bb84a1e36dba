/*-------------------------------------------------------------------------
 *
 * nodes.c
 *	  The memory of the flat tree between a parser and the jsonb writer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "formats/text.h"

#define NODES_FIRST 256			/* nodes a fresh array has room for */

bool
dp_out_of_memory(DpError *err)
{
	return dp_error_set(err, "53200", DP_NO_POSITION, "out of memory");
}

bool
dp_nodes_grow(DpNodes *nodes, uint32 more)
{
	uint64		cap = nodes->cap ? nodes->cap : NODES_FIRST;
	DpNode	   *items;

	while (cap < (uint64) nodes->len + more)
		cap *= 2;
	if (cap == nodes->cap)
		return true;
	if (cap > PG_UINT32_MAX)
		return false;
	items = realloc(nodes->items, cap * sizeof(DpNode));
	if (items == NULL)
		return false;
	nodes->items = items;
	nodes->cap = cap;
	return true;
}

static void
nodes_begin(DpNodes *nodes)
{
	nodes->len = 0;
	if (nodes->cap > DP_SCRATCH_KEEP / sizeof(DpNode))
	{
		free(nodes->items);
		nodes->items = NULL;
		nodes->cap = 0;
	}
}

static void
buf_begin(DpBuf *buf)
{
	if (buf->cap > DP_SCRATCH_KEEP)
		dp_buf_free(buf);
	dp_buf_reset(buf);
}

void
dp_nodes_begin(DpJsonDecoder *d)
{
	nodes_begin(&d->stack);
	nodes_begin(&d->tape);
	buf_begin(&d->text);
	buf_begin(&d->out);
	d->number_bytes = 0;
	dp_shapes_refresh(&d->shapes);
}

bool
dp_nodes_load(DpJsonDecoder *d, const char *src, size_t len, DpError *err)
{
	size_t		bad;

	dp_nodes_begin(d);
	if (len > d->limits.max_bytes)
		return dp_error_set(err, "54000", DP_NO_POSITION,
							"message is longer than the limit of %zu bytes",
							d->limits.max_bytes);
	if (!dp_buf_reserve(&d->text, len + DP_TEXT_PADDING))
		return dp_out_of_memory(err);
	if (len > 0)
		memcpy(d->text.data, src, len);
	memset(d->text.data + len, 0, DP_TEXT_PADDING);
	d->text.len = len;
	if (dp_utf8_verify(d->text.data, len, &bad))
		return true;
	if (d->text.data[bad] == '\0')
		return dp_error_set(err, "22021", bad, "text contains a zero byte");
	return dp_error_set(err, "22021", bad, "text is not valid UTF-8");
}

bool
dp_nodes_close(DpJsonDecoder *d, uint32 base, DpNodeKind kind, uint32 shape)
{
	uint32		n = d->stack.len - base;
	uint32		first = d->tape.len;
	DpNode	   *node;

	/* An empty container, too, points into the tape. */
	if (d->tape.cap - first < Max(n, 1) && !dp_nodes_grow(&d->tape, Max(n, 1)))
		return false;
	if (n > 0)
		memcpy(d->tape.items + first, d->stack.items + base, n * sizeof(DpNode));
	d->tape.len += n;
	d->stack.len = base;
	node = dp_nodes_push(&d->stack);
	if (node == NULL)
		return false;
	node->kind = kind;
	node->negative = false;
	node->scale = 0;
	node->len = kind == DP_NODE_OBJECT ? n / 2 : n;
	node->u.c.first = first;
	node->u.c.shape = shape;
	return true;
}
