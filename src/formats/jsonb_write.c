/*-------------------------------------------------------------------------
 *
 * jsonb_write.c
 *	  A tree of nodes to the bytes of a jsonb.
 *
 * The layout is the server's (utils/jsonb.h): a container is a header, one
 * JEntry per child, then the children; every 32nd entry holds an offset
 * instead of a length; numerics and containers start 4-aligned, the padding
 * counting as theirs.  The whole buffer is reserved from an upper bound, so
 * nothing is checked while writing, and a result that turns out too large for
 * a jsonb is noted and refused at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "utils/jsonb.h"

#include "formats/decimal.h"
#include "formats/nodes.h"
#include "formats/scan.h"

/*
 * What one node can take besides its string bytes: a JEntry, padding, and a
 * container header or a small number.
 */
#define NODE_BYTES (sizeof(JEntry) + 3 + DP_DECIMAL_SMALL_BYTES)

/* Varlena header, root container header and entry, slack of vector copies. */
#define ROOT_BYTES 64

#define SHORT_STRING 16			/* copied as one vector */

typedef struct Writer
{
	DpJsonDecoder *d;
	char	   *at;
	bool		too_large;
	bool		oom;
	bool		interrupted;	/* and *err is set; what is written does not matter any more */
	uint32		containers;
	DpError    *err;
} Writer;

static JEntry put_container(Writer *w, const DpNode *node);

static inline void
put_uint32(Writer *w, uint32 v)
{
	memcpy(w->at, &v, sizeof(v));
	w->at += sizeof(v);
}

/* The buffer is 8-aligned, so addresses are aligned as offsets are. */
static inline uint32
put_padding(Writer *w)
{
	uint32		pad = -(uintptr_t) w->at & (sizeof(uint32) - 1);

	memset(w->at, 0, sizeof(uint32));
	w->at += pad;
	return pad;
}

static inline void
put_bytes(Writer *w, const char *s, uint32 len)
{
#ifdef __SSE2__
	if (len <= SHORT_STRING)
		_mm_storeu_si128((__m128i *) w->at, _mm_loadu_si128((const __m128i *) s));
	else
#endif
		memcpy(w->at, s, len);
	w->at += len;
}

static JEntry
put_number(Writer *w, const DpNode *node)
{
	char	   *start = w->at;

	put_padding(w);
	if (node->kind == DP_NODE_SMALL)
		w->at += dp_decimal_pack_small(node->u.mantissa, node->scale,
									   node->negative, w->at);
	else
	{
		DpDecimal	dec;

		dp_scan_decimal(node->u.ptr, &dec);
		w->at += dp_decimal_pack(&dec, w->at);
	}
	return JENTRY_ISNUMERIC | (uint32) (w->at - start);
}

static inline JEntry
put_value(Writer *w, const DpNode *node)
{
	switch ((DpNodeKind) node->kind)
	{
		case DP_NODE_STRING:
			put_bytes(w, node->u.ptr, node->len);
			return JENTRY_ISSTRING | node->len;
		case DP_NODE_SMALL:
		case DP_NODE_NUMBER:
			return put_number(w, node);
		case DP_NODE_NULL:
			return JENTRY_ISNULL;
		case DP_NODE_FALSE:
			return JENTRY_ISBOOL_FALSE;
		case DP_NODE_TRUE:
			return JENTRY_ISBOOL_TRUE;
		case DP_NODE_ARRAY:
		case DP_NODE_OBJECT:
			break;
	}
	return put_container(w, node);
}

/* Write child number i of its container and its entry; adds to *total. */
static inline void
put_child(Writer *w, const DpNode *node, char *entries, uint32 i, size_t *total)
{
	JEntry		entry = put_value(w, node);

	*total += JBE_OFFLENFLD(entry);
	if (i % JB_OFFSET_STRIDE == 0)
		entry = (entry & JENTRY_TYPEMASK) | (*total & JENTRY_OFFLENMASK) |
			JENTRY_HAS_OFF;
	memcpy(entries + i * sizeof(JEntry), &entry, sizeof(JEntry));
}

static bool
must_stop(Writer *w)
{
	if (w->d->limits.interruptible && !w->interrupted)
		w->interrupted = dp_json_interrupted(w->err);
	return w->interrupted;
}

static void
put_array(Writer *w, const DpNode *node)
{
	const DpNode *elements = w->d->tape.items + node->u.c.first;
	size_t		total = 0;
	char	   *entries;

	put_uint32(w, node->len | JB_FARRAY);
	entries = w->at;
	w->at += (size_t) node->len * sizeof(JEntry);
	for (uint32 i = 0; i < node->len; i++)
	{
		put_child(w, &elements[i], entries, i, &total);
		if (unlikely(i % DP_JSON_INTERRUPT_EVERY == DP_JSON_INTERRUPT_EVERY - 1) && must_stop(w))
			break;
	}
}

/* The sorted form of an object that is in no shape. */
static DpShapeLayout *
sort_members(Writer *w, const DpNode *members, uint32 n)
{
	DpSortKey  *keys = malloc(Max(n, 1) * sizeof(DpSortKey));
	DpShapeLayout *layout;

	if (keys == NULL)
		return NULL;
	for (uint32 i = 0; i < n; i++)
	{
		keys[i].key = members[2 * i].u.ptr;
		keys[i].len = members[2 * i].len;
		keys[i].member = i;
	}
	layout = dp_layout_build(keys, n);
	free(keys);
	return layout;
}

static void
put_object(Writer *w, const DpNode *node)
{
	const DpNode *members = w->d->tape.items + node->u.c.first;
	const DpShapeLayout *layout = NULL;
	DpShapeLayout *own = NULL;
	size_t		total;
	char	   *entries;

	if (node->u.c.shape != DP_SHAPE_NONE)
		layout = dp_shapes_layout(&w->d->shapes, node->u.c.shape);
	if (layout == NULL)
		layout = own = sort_members(w, members, node->len);
	if (layout == NULL)
	{
		w->oom = true;
		return;
	}

	w->d->duplicate_keys += layout->nduplicates;
	put_uint32(w, layout->npairs | JB_FOBJECT);
	entries = w->at;
	memcpy(w->at, layout->section, layout->section_bytes);
	w->at += 2 * (size_t) layout->section_bytes;
	memcpy(w->at, layout->keys, layout->keys_bytes);
	w->at += layout->keys_bytes;
	total = layout->keys_bytes;
	for (uint32 i = 0; i < layout->npairs; i++)
		put_child(w, &members[2 * layout->members[i] + 1], entries,
				  layout->npairs + i, &total);
	dp_layout_free(own);
}

/* Recursion is bounded by DP_JSON_MAX_DEPTH_CEILING. */
static JEntry
put_container(Writer *w, const DpNode *node)
{
	char	   *start = w->at;
	size_t		size;

	if (unlikely(++w->containers % DP_JSON_INTERRUPT_EVERY == 0))
		must_stop(w);
	if (unlikely(w->interrupted))
		return JENTRY_ISNULL;
	put_padding(w);
	if (node->kind == DP_NODE_ARRAY)
		put_array(w, node);
	else
		put_object(w, node);
	size = w->at - start;
	if (size > JENTRY_OFFLENMASK)
		w->too_large = true;
	return JENTRY_ISCONTAINER | (size & JENTRY_OFFLENMASK);
}

const char *
dp_jsonb_write(DpJsonDecoder *d, const DpNode *root, size_t *outlen, DpError *err)
{
	size_t		nodes = (size_t) d->stack.len + d->tape.len;
	Writer		w = {d, .err = err};

	dp_buf_reset(&d->out);
	if (!dp_buf_reserve(&d->out, ROOT_BYTES + nodes * NODE_BYTES + d->text.len +
						d->number_bytes))
	{
		dp_out_of_memory(err);
		return NULL;
	}
	w.at = d->out.data + VARHDRSZ;
	if (root->kind == DP_NODE_ARRAY || root->kind == DP_NODE_OBJECT)
		put_container(&w, root);
	else
	{
		char	   *entry;
		size_t		total = 0;

		put_uint32(&w, 1 | JB_FARRAY | JB_FSCALAR);
		entry = w.at;
		w.at += sizeof(JEntry);
		put_child(&w, root, entry, 0, &total);
		if (total + 2 * sizeof(uint32) > JENTRY_OFFLENMASK)
			w.too_large = true;
	}
	if (w.interrupted)
		return NULL;
	if (w.oom)
	{
		dp_out_of_memory(err);
		return NULL;
	}
	d->out.len = w.at - d->out.data;
	if (w.too_large)
	{
		dp_error_set(err, "54000", DP_NO_POSITION,
					 "value is too large for a jsonb (maximum %u bytes)",
					 (unsigned) JENTRY_OFFLENMASK);
		return NULL;
	}
	SET_VARSIZE(d->out.data, d->out.len);
	*outlen = d->out.len;
	return d->out.data;
}
