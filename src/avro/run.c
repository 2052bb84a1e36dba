/*-------------------------------------------------------------------------
 *
 * run.c
 *	  Execute a program: the bytes of a message to nodes.
 *
 * No recursion: what lies apart is entered through frames, whose number is
 * the limit of depth.  The number of values is limited by the length of the
 * message, so that a few bytes which say "a billion nulls" cost nothing.  Room
 * for nodes is made where a container begins, so that pushing one is a store.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/jsonb.h"

#include "avro/scalar.h"
#include "avro/wire.h"

/* Values that a message may have: some for nothing, and more for each byte. */
#define FREE_ITEMS (1024 * 1024)
#define ITEMS_PER_BYTE 64

#define INTERRUPT_ITEMS 65536
#define LONG_BYTES (1024 * 1024)	/* a string that counts for its length, too */
#define MAX_EXTRA_BYTES JENTRY_OFFLENMASK	/* of names and spelled values: no jsonb is larger */
#define SHORT_TEXT 16			/* the jsonb writer reads as much of a string */
#define ROOM 4					/* nodes of a value with its key, and of what follows */

/* Find the records' shapes in the tree, or make them. */
static void
bake(DpAvroReader *r)
{
	DpShapes   *shapes = &r->d->shapes;

	for (uint32 i = 0; i < r->nrecords; i++)
	{
		DpAvroRecord *record = &r->records[i];
		const DpShapeLayout *layout;

		record->shape = DP_SHAPE_ROOT;
		record->keys_bytes = 0;
		for (uint32 k = 0; k < record->nfields; k++)
		{
			const DpNode *key = &record->keys[k];

			record->keys_bytes += key->len;
			if (record->shape != DP_SHAPE_NONE)
				record->shape = dp_shapes_step(shapes, record->shape, key->u.ptr, key->len);
		}
		if (record->shape == DP_SHAPE_NONE)
			continue;
		layout = dp_shapes_layout(shapes, record->shape);
		if (layout == NULL)
			record->shape = DP_SHAPE_NONE;
	}
}

/* Forget the last message. */
static void
prepare(DpAvroReader *r)
{
	DpShapes   *shapes = &r->d->shapes;
	bool		stale = shapes->len <= DP_SHAPE_ROOT + 1 || shapes->misses >= DP_SHAPE_MAX_MISSES;

	dp_nodes_begin(r->d);
	dp_arena_reset(&r->values);
	if (stale)
		bake(r);
}

void
dp_avro_begin(DpAvroReader *r, const char *src, size_t len)
{
	prepare(r);
	r->d->text.len = len;		/* bounds the result */
	r->start = r->at = src;
	r->end = src + len;
	r->items = Min(DP_MESSAGE_MAX_ITEMS, FREE_ITEMS + (int64) len * ITEMS_PER_BYTE);
	r->tick = 0;
}

bool
dp_avro_too_long(const DpAvroReader *r, DpError *err)
{
	return dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
						"message is longer than the limit of %zu bytes", r->d->limits.max_bytes);
}

bool
dp_avro_finish(const DpAvroReader *r, DpError *err)
{
	if (r->at == r->end)
		return true;
	return dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, r->at - r->start,
						"%zu bytes follow the Avro value", (size_t) (r->end - r->at));
}

/* Take n values from what is allowed; asks for interrupts now and then. */
static inline bool
count_items(DpAvroReader *r, int64 n, DpError *err)
{
	if (unlikely(n > r->items))
		return dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"message of %zu bytes has too many values", r->d->text.len);
	r->items -= n;
	r->tick += n;
	if (unlikely(r->tick >= INTERRUPT_ITEMS))
	{
		r->tick = 0;
		if (dp_schema_interrupted != NULL && dp_schema_interrupted())
			return dp_error_set(err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
	}
	return true;
}

/* A long string takes its time. */
static bool
check_long(DpAvroReader *r, size_t len, DpError *err)
{
	if (len > JENTRY_OFFLENMASK)
		return dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"string is too large for a jsonb (maximum %u bytes)",
							(unsigned) JENTRY_OFFLENMASK);
	r->tick = INTERRUPT_ITEMS;
	return count_items(r, 0, err);
}

/* A text near the end, where more than it can be read; NULL when memory ran out. */
static const char *
short_text(DpAvroReader *r, const char *p, size_t len)
{
	char	   *copy = dp_arena_alloc(&r->values, SHORT_TEXT);

	if (copy != NULL)
		memcpy(copy, p, len);
	return copy;
}

/* What a loop needs besides the reader; "why" is told when it gives up. */
#define BAD(message) \
	do { \
		why = (message); \
		goto bad; \
	} while (0)

#define GET_LONG(v) \
	do { \
		const char *next_p = dp_avro_get_long(p, end, &(v)); \
\
		if (unlikely(next_p == NULL)) \
			goto bad_integer; \
		p = next_p; \
	} while (0)

#define GET_INT(v) \
	do { \
		GET_LONG(v); \
		if (unlikely((v) != (int32) (v))) \
			BAD("an integer does not fit 32 bits"); \
	} while (0)

/* The length of what follows, which must be there. */
#define GET_LENGTH(v) \
	do { \
		GET_LONG(v); \
		if (unlikely((v) < 0 || (v) > end - p)) \
			BAD("a length is negative or more than what is left"); \
		if (unlikely((v) > LONG_BYTES) && !check_long(r, v, err)) \
			goto failed; \
	} while (0)

/* A text of "v" bytes as a node.  Whoever copies it may read 16 bytes. */
#define PUSH_TEXT() \
	do { \
		if (unlikely(!dp_avro_text_is_good(p, v, end))) \
			goto bad_text; \
		top->kind = DP_NODE_STRING; \
		top->len = v; \
		top->u.ptr = p; \
		if (unlikely(end - p < SHORT_TEXT) && \
			(top->u.ptr = short_text(r, p, v)) == NULL) \
			goto no_memory; \
		top++; \
	} while (0)

#define NEED(n) \
	do { \
		if (unlikely((int64) (n) > end - p)) \
			BAD("the message ends inside a value"); \
	} while (0)

#define PUSH_KEY() \
	do { \
		if (ip->key != NULL) \
			*top++ = *ip->key; \
	} while (0)

#define MAKE_ROOM(n) \
	do { \
		if (unlikely(limit - top < (int64) (n))) \
		{ \
			d->stack.len = top - d->stack.items; \
			if (!dp_nodes_grow(&d->stack, (n))) \
				goto no_memory; \
			top = d->stack.items + d->stack.len; \
			limit = d->stack.items + d->stack.cap; \
		} \
	} while (0)

/* Enter code; the frame above the last one, whose depth is checked. */
#define OPEN_FRAME(opener) \
	do { \
		if (unlikely(++frame == last_frame)) \
			goto too_deep; \
		frame->op = (opener); \
		frame->ret = ip - code + 1; \
		frame->base = top - d->stack.items; \
	} while (0)

/* Replace the nodes from base on by one container. */
static inline DpNode *
close_nodes(DpJsonDecoder *d, uint32 base, DpNode *top, DpNodeKind kind, uint32 shape)
{
	DpNode	   *node = d->stack.items + base;
	uint32		n = top - node;
	uint32		first = d->tape.len;

	if (d->tape.cap - first < Max(n, 1) && !dp_nodes_grow(&d->tape, Max(n, 1)))
		return NULL;
	memcpy(d->tape.items + first, node, n * sizeof(DpNode));
	d->tape.len += n;
	node->kind = kind;
	node->negative = false;
	node->scale = 0;
	node->len = kind == DP_NODE_OBJECT ? n / 2 : n;
	node->u.c.first = first;
	node->u.c.shape = shape;
	return node + 1;
}

bool
dp_avro_run(DpAvroReader *r, uint32 pc, DpError *err)
{
	DpJsonDecoder *d = r->d;
	const DpAvroIns *code = r->code;
	const DpAvroIns *ip = code + pc;
	const char *p = r->at;
	const char *end = r->end;
	DpAvroFrame *frame = r->frames;
	DpAvroFrame *last_frame = r->frames + d->limits.max_depth + 1;
	DpNode	   *top = d->stack.items ? d->stack.items + d->stack.len : NULL;
	DpNode	   *limit = d->stack.items ? d->stack.items + d->stack.cap : NULL;
	static const DpAvroIns next = {DP_OP_NEXT};
	const char *why;
	int64		v;

	/* a pointer to start from */
	if (unlikely(d->stack.items == NULL))
	{
		if (!dp_nodes_grow(&d->stack, ROOM))
			return dp_out_of_memory(err);
		top = d->stack.items;
		limit = top + d->stack.cap;
	}
	MAKE_ROOM(ROOM);
	for (;;)
	{
		switch ((DpAvroOp) ip->op)
		{
			case DP_OP_NULL:
				PUSH_KEY();
				(top++)->kind = DP_NODE_NULL;
				ip++;
				continue;
			case DP_OP_BOOLEAN:
				PUSH_KEY();
				NEED(1);
				if (unlikely((unsigned char) *p > 1))
					BAD("a boolean is neither 0 nor 1");
				(top++)->kind = *p++ ? DP_NODE_TRUE : DP_NODE_FALSE;
				ip++;
				continue;
			case DP_OP_INT:
				PUSH_KEY();
				GET_INT(v);
				dp_avro_node_integer(top++, v);
				ip++;
				continue;
			case DP_OP_LONG:
				PUSH_KEY();
				GET_LONG(v);
				dp_avro_node_integer(top++, v);
				ip++;
				continue;
			case DP_OP_INT_FORM:
			case DP_OP_LONG_FORM:
				PUSH_KEY();
				if (ip->op == DP_OP_INT_FORM)
					GET_INT(v);
				else
					GET_LONG(v);
				if (!dp_avro_node_form(r, top++, ip->form, v, err))
					goto failed;
				ip++;
				continue;
			case DP_OP_INT_FLOAT:
				PUSH_KEY();
				if (ip->arg)
					GET_INT(v);
				else
					GET_LONG(v);
				if (!dp_avro_node_float(r, top++, (float) v, err))
					goto failed;
				ip++;
				continue;
			case DP_OP_LONG_DOUBLE:
				PUSH_KEY();
				GET_LONG(v);
				if (!dp_avro_node_double(r, top++, (double) v, err))
					goto failed;
				ip++;
				continue;
			case DP_OP_FLOAT:
			case DP_OP_FLOAT_DOUBLE:
				{
					float		f;
					bool		good;

					PUSH_KEY();
					NEED(sizeof(f));
					memcpy(&f, p, sizeof(f));
					good = ip->op == DP_OP_FLOAT ? dp_avro_node_float(r, top, f, err) :
						dp_avro_node_double(r, top, f, err);
					if (!good)
						goto failed;
					top++;
					p += sizeof(f);
					ip++;
					continue;
				}
			case DP_OP_DOUBLE:
				{
					double		f;

					PUSH_KEY();
					NEED(sizeof(f));
					memcpy(&f, p, sizeof(f));
					if (!dp_avro_node_double(r, top++, f, err))
						goto failed;
					p += sizeof(f);
					ip++;
					continue;
				}
			case DP_OP_STRING:
				PUSH_KEY();
				GET_LENGTH(v);
				PUSH_TEXT();
				p += v;
				ip++;
				continue;
			case DP_OP_BYTES:
				PUSH_KEY();
				GET_LENGTH(v);
				if (!dp_avro_node_bytes(r, top++, ip->form, ip->scale, p, v, err))
					goto failed;
				p += v;
				ip++;
				continue;
			case DP_OP_FIXED:
				PUSH_KEY();
				NEED(ip->arg);
				if (!dp_avro_node_bytes(r, top++, ip->form, ip->scale, p, ip->arg, err))
					goto failed;
				p += ip->arg;
				ip++;
				continue;
			case DP_OP_ENUM:
				PUSH_KEY();
				GET_LONG(v);
				if (unlikely(v < 0 || v >= ip->arg))
					BAD("an enum has no symbol of this number");
				*top = ((const DpNode *) ip->data)[v];
				if (unlikely(top->kind == DP_NODE_NO_SYMBOL))
					BAD("the reader's enum does not have the symbol, and no default");
				d->number_bytes += top->len;
				top++;
				ip++;
				continue;

			case DP_OP_OPTIONAL:
				PUSH_KEY();
				GET_LONG(v);
				if (unlikely(v < 0 || v > 1))
					BAD("a union has no branch of this number");
				if (v == ip->form)
				{
					(top++)->kind = DP_NODE_NULL;
					ip = code + ip->arg;
				}
				else
					ip++;
				continue;
			case DP_OP_UNION:
				PUSH_KEY();
				GET_LONG(v);
				if (unlikely(v < 0 || v >= ip->arg))
					BAD("a union has no branch of this number");
				ip = code + ((const uint32 *) ip->data)[v];
				continue;
			case DP_OP_RECORD:
				{
					const DpAvroRecord *record = &r->records[ip->arg];

					PUSH_KEY();
					OPEN_FRAME(DP_OP_RECORD);
					frame->shape = record->shape;
					if (!count_items(r, record->nfields + 1, err))
						goto failed;
					d->number_bytes += record->keys_bytes;
					if (unlikely(d->number_bytes > MAX_EXTRA_BYTES))
						goto too_large;
					MAKE_ROOM(2 * (int64) record->nfields + ROOM);
					ip = code + record->start;
					continue;
				}
			case DP_OP_END_RECORD:
			case DP_OP_END_WRAP:
				top = close_nodes(d, frame->base, top, DP_NODE_OBJECT, frame->shape);
				if (unlikely(top == NULL))
					goto no_memory;
				limit = d->stack.items + d->stack.cap;
				ip = ip->op == DP_OP_END_RECORD ? code + frame->ret : ip + 1;
				frame--;
				continue;
			case DP_OP_WRAP:
				{
					const DpAvroRecord *record = &r->records[ip->arg];

					PUSH_KEY();
					OPEN_FRAME(DP_OP_WRAP);
					frame->shape = record->shape;
					d->number_bytes += record->keys_bytes;
					MAKE_ROOM(ROOM);
					ip++;
					continue;
				}
			case DP_OP_ARRAY:
			case DP_OP_MAP:
			case DP_OP_SKIP_ARRAY:
			case DP_OP_SKIP_MAP:
				PUSH_KEY();
				OPEN_FRAME(ip->op);
				frame->start = ip->arg;
				frame->shape = DP_SHAPE_ROOT;
				frame->left = 1;	/* as behind an element */
				/* FALLTHROUGH */
			case DP_OP_NEXT:
				if (unlikely(d->number_bytes > MAX_EXTRA_BYTES))
					goto too_large;
				if (--frame->left == 0)
				{
					GET_LONG(v);
					if (v < 0)
					{
						int64		size;

						if (v == PG_INT64_MIN)
							BAD("the number of elements is out of range");
						v = -v;
						GET_LENGTH(size);
						if (frame->op >= DP_OP_SKIP_OPTIONAL)
						{
							p += size;
							frame->left = 1;
							ip = &next;
							continue;
						}
					}
					if (v == 0)
					{
						ip = code + frame->ret;
						if (frame->op == DP_OP_ARRAY || frame->op == DP_OP_MAP)
						{
							top = close_nodes(d, frame->base, top,
											  frame->op == DP_OP_MAP ? DP_NODE_OBJECT : DP_NODE_ARRAY,
											  frame->shape);
							if (unlikely(top == NULL))
								goto no_memory;
						}
						frame--;
						continue;
					}
					if (!count_items(r, v, err))
						goto failed;
					frame->left = v;
				}
				MAKE_ROOM(ROOM);
				if (frame->op == DP_OP_MAP)
				{
					GET_LENGTH(v);
					PUSH_TEXT();
					if (frame->shape != DP_SHAPE_NONE)
						frame->shape = dp_shapes_step(&d->shapes, frame->shape, p, v);
					p += v;
				}
				else if (frame->op == DP_OP_SKIP_MAP)
				{
					GET_LENGTH(v);
					p += v;
				}
				ip = code + frame->start;
				continue;
			case DP_OP_GOTO:
				ip = code + ip->arg;
				continue;
			case DP_OP_DEFAULT:
				{
					const DpAvroConstant *constant = ip->data;

					PUSH_KEY();
					OPEN_FRAME(DP_OP_DEFAULT);
					MAKE_ROOM(ROOM);
					d->number_bytes += constant->len;
					frame->at = p;
					frame->end = end;
					p = constant->bytes;
					end = p + constant->len;
					ip = code + ip->arg;
					continue;
				}
			case DP_OP_END_DEFAULT:
				p = frame->at;
				end = frame->end;
				ip = code + frame->ret;
				frame--;
				continue;
			case DP_OP_STOP:
				r->at = p;
				d->stack.len = top - d->stack.items;
				return true;
			case DP_OP_FAIL:
				BAD((const char *) ip->data);

			case DP_OP_SKIP_OPTIONAL:
				GET_LONG(v);
				if (unlikely(v < 0 || v > 1))
					BAD("a union has no branch of this number");
				ip = v == ip->form ? code + ip->arg : ip + 1;
				continue;
			case DP_OP_SKIP_BOOLEAN:
				NEED(1);
				if (unlikely((unsigned char) *p > 1))
					BAD("a boolean is neither 0 nor 1");
				p++;
				ip++;
				continue;
			case DP_OP_SKIP_INT:
				GET_INT(v);
				ip++;
				continue;
			case DP_OP_SKIP_LONG:
				GET_LONG(v);
				ip++;
				continue;
			case DP_OP_SKIP_BYTES:
				GET_LENGTH(v);
				p += v;
				ip++;
				continue;
			case DP_OP_SKIP_FIXED:
				NEED(ip->arg);
				p += ip->arg;
				ip++;
				continue;
			case DP_OP_SKIP_ENUM:
				GET_LONG(v);
				if (unlikely(v < 0 || v >= ip->arg))
					BAD("an enum has no symbol of this number");
				ip++;
				continue;
			case DP_OP_SKIP_RECORD:
				OPEN_FRAME(DP_OP_SKIP_RECORD);
				if (!count_items(r, 1, err))
					goto failed;
				ip = code + r->records[ip->arg].start;
				continue;
			case DP_OP_END_SKIP:
				ip = code + frame->ret;
				frame--;
				continue;
		}
	}

bad_text:
	{
		size_t		at = 0;

		(void) dp_utf8_verify(p, v, &at);
		return dp_error_set(err, "22021", end == r->end ? (size_t) (p + at - r->start) : DP_NO_POSITION,
							p[at] == '\0' ? "text contains a zero byte" : "text is not valid UTF-8");
	}
bad_integer:
	why = "an integer is cut off or longer than 64 bits";
	p = dp_avro_is_cut_off(p, end) ? end : NULL;
bad:
	return dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE,
						p != NULL && end == r->end ? (size_t) (p - r->start) : DP_NO_POSITION,
						"invalid Avro message: %s", why);
too_deep:
	return dp_error_set(err, "54001", end == r->end ? (size_t) (p - r->start) : DP_NO_POSITION,
						"message is nested deeper than the limit of %d levels", d->limits.max_depth);
too_large:
	return dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
						"value is too large for a jsonb (maximum %u bytes)", (unsigned) JENTRY_OFFLENMASK);
no_memory:
	return dp_out_of_memory(err);
failed:
	return false;
}
