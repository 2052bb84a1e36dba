/*-------------------------------------------------------------------------
 *
 * compile.c
 *	  A writer's and a reader's schema to the code that reads messages.
 *
 * Nothing recurses: code that lies apart is put on a list and written when the
 * code before it is whole.  A pair of records is compiled once, however often
 * it is mentioned, so the program is never larger than the pairs of types.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/compile.h"
#include "avro/wire.h"

/* The C library's: this file must link without the server. */
#undef snprintf
#undef vsnprintf

#define FIRST_CODE 64
#define MAX_CODE (1024 * 1024)	/* instructions */
#define MAX_CONSTANTS (16 * 1024 * 1024)	/* bytes of all defaults */
#define FIRST_SLOTS 16			/* a power of two */

void *
dp_avro_take(DpAvroCompiler *c, size_t size)
{
	char	   *room = dp_arena_alloc(&c->r->arena, size + DP_TEXT_PADDING);

	if (room == NULL)
	{
		dp_out_of_memory(c->err);
		return NULL;
	}
	memset(room + size, 0, DP_TEXT_PADDING);
	return room;
}

bool
dp_avro_string_node(DpAvroCompiler *c, const char *s, DpNode *node)
{
	size_t		len = strlen(s);
	char	   *copy = dp_avro_take(c, len);

	if (copy == NULL)
		return false;
	memcpy(copy, s, len);
	memset(node, 0, sizeof(*node));
	node->kind = DP_NODE_STRING;
	node->len = len;
	node->u.ptr = copy;
	return true;
}

DpAvroIns *
dp_avro_emit(DpAvroCompiler *c, DpAvroOp op)
{
	DpAvroReader *r = c->r;
	DpAvroIns  *ins;

	if (r->ncode == r->maxcode)
	{
		uint32		more = r->maxcode ? 2 * r->maxcode : FIRST_CODE;
		DpAvroIns  *code;

		if (r->ncode >= MAX_CODE)
		{
			dp_error_set(c->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
						 "schemas need more than %d instructions to read", MAX_CODE);
			return NULL;
		}
		code = realloc(r->code, more * sizeof(DpAvroIns));
		if (code == NULL)
		{
			dp_out_of_memory(c->err);
			return NULL;
		}
		r->code = code;
		r->maxcode = more;
	}
	if ((++c->work & 0xFF) == 0 && dp_schema_interrupted != NULL && dp_schema_interrupted())
	{
		dp_error_set(c->err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
		return NULL;
	}
	ins = &r->code[r->ncode++];
	memset(ins, 0, sizeof(*ins));
	ins->op = op;
	return ins;
}

static bool
later(DpAvroCompiler *c, DpAvroPending pending)
{
	if (c->npending == c->maxpending)
	{
		uint32		more = c->maxpending ? 2 * c->maxpending : FIRST_CODE;
		DpAvroPending *grown = realloc(c->pending, more * sizeof(DpAvroPending));

		if (grown == NULL)
			return dp_out_of_memory(c->err);
		c->pending = grown;
		c->maxpending = more;
	}
	c->pending[c->npending++] = pending;
	return true;
}

static bool emit_fail(DpAvroCompiler *c, const DpNode *key, bool certain, const char *fmt,...) __attribute__((format(printf, 4, 5)));

/* A message that comes here cannot be read; if all do, there is no reader at all. */
static bool
emit_fail(DpAvroCompiler *c, const DpNode *key, bool certain, const char *fmt,...)
{
	char		text[sizeof(c->err->message)];
	DpNode		node;
	DpAvroIns  *ins;
	va_list		ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (certain)
		return dp_error_set(c->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION, "%s", text);
	if (!dp_avro_string_node(c, text, &node) || (ins = dp_avro_emit(c, DP_OP_FAIL)) == NULL)
		return false;
	ins->key = key;
	ins->data = node.u.ptr;
	return true;
}

/* ---------------------------------------------------------------- records */

static uint32
pair_slot(const DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader)
{
	uint32		h = (uint32) writer->id * 2654435761u ^ (reader ? (uint32) reader->id + 1 : 0) * 40503u;

	h = (h ^ (h >> 15)) & (c->nslots - 1);
	while (c->slots[h].writer != NULL &&
		   (c->slots[h].writer != writer || c->slots[h].reader != reader))
		h = (h + 1) & (c->nslots - 1);
	return h;
}

static bool
grow_slots(DpAvroCompiler *c)
{
	DpAvroCompiler bigger = *c;

	bigger.nslots = c->nslots ? 2 * c->nslots : FIRST_SLOTS;
	bigger.slots = calloc(bigger.nslots, sizeof(DpAvroPairSlot));
	if (bigger.slots == NULL)
		return dp_out_of_memory(c->err);
	for (uint32 i = 0; i < c->nslots; i++)
	{
		if (c->slots[i].writer != NULL)
			bigger.slots[pair_slot(&bigger, c->slots[i].writer, c->slots[i].reader)] = c->slots[i];
	}
	free(c->slots);
	c->slots = bigger.slots;
	c->nslots = bigger.nslots;
	return true;
}

static bool
new_record(DpAvroCompiler *c, uint32 *out)
{
	DpAvroReader *r = c->r;

	if (r->nrecords == r->maxrecords)
	{
		uint32		more = r->maxrecords ? 2 * r->maxrecords : 8;
		DpAvroRecord *records = realloc(r->records, more * sizeof(DpAvroRecord));

		if (records == NULL)
			return dp_out_of_memory(c->err);
		r->records = records;
		r->maxrecords = more;
	}
	memset(&r->records[r->nrecords], 0, sizeof(DpAvroRecord));
	*out = r->nrecords++;
	return true;
}

/* The record of a pair of types, whose code may still be pending. */
static bool
find_record(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader, bool certain,
			uint32 *out)
{
	DpAvroPairSlot *slot;

	if (2 * (c->nused + 1) > c->nslots && !grow_slots(c))
		return false;
	slot = &c->slots[pair_slot(c, writer, reader)];
	if (slot->writer != NULL)
	{
		*out = slot->record;
		return true;
	}
	if (!new_record(c, out))
		return false;
	*slot = (DpAvroPairSlot) {writer, reader, *out};
	c->nused++;
	return later(c, (DpAvroPending) {DP_PENDING_RECORD, writer, reader, *out, 0, certain});
}

/* Reader's fields without a namesake take what their aliases name. */
static void
match_aliases(const DpAvroType *writer, const DpAvroType *reader, const DpAvroTable *names,
			  int *target)
{
	for (int i = 0; i < reader->nfields; i++)
	{
		const DpAvroField *field = &reader->fields[i];

		if (dp_avro_table_get(names, field->name) != NULL)
			continue;
		for (int a = 0; a < field->naliases; a++)
		{
			const DpAvroField *from = dp_avro_table_get(names, field->aliases[a]);

			if (from != NULL && target[from - writer->fields] < 0)
			{
				target[from - writer->fields] = i;
				break;
			}
		}
	}
}

int *
dp_avro_match_fields(const DpAvroType *writer, const DpAvroType *reader, DpError *err)
{
	int		   *target = malloc(Max(writer->nfields, 1) * sizeof(int));
	DpAvroTable names = {0};
	bool		good = target != NULL;

	for (int i = 0; good && i < writer->nfields; i++)
	{
		target[i] = -1;
		good = dp_avro_table_put(&names, writer->fields[i].name, &writer->fields[i]);
	}
	for (int i = 0; good && i < reader->nfields; i++)
	{
		const DpAvroField *from = dp_avro_table_get(&names, reader->fields[i].name);

		if (from != NULL)
			target[from - writer->fields] = i;
	}
	if (good)
		match_aliases(writer, reader, &names, target);
	dp_avro_table_free(&names);
	if (good)
		return target;
	free(target);
	dp_out_of_memory(err);
	return NULL;
}

bool
dp_avro_emit_default(DpAvroCompiler *c, const DpAvroField *field, const DpNode *key)
{
	DpBuf		bytes = {0};
	DpAvroConstant *constant;
	char	   *copy;
	uint32		at = c->r->ncode;
	DpAvroIns  *ins;
	bool		good;

	if (field->fallback->kind == DP_TREE_NULL)
	{
		ins = dp_avro_emit(c, DP_OP_NULL);
		if (ins != NULL)
			ins->key = key;
		return ins != NULL;
	}
	good = dp_avro_encode_default(field->type, field->fallback, &bytes, c->err);
	c->constant_bytes += bytes.len;
	if (good && c->constant_bytes > MAX_CONSTANTS)
		good = dp_error_set(c->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"defaults of the schema take more than %d bytes", MAX_CONSTANTS);
	constant = good ? dp_avro_take(c, sizeof(*constant)) : NULL;
	copy = good ? dp_avro_take(c, DP_AVRO_MIN_BYTES + bytes.len) : NULL;
	ins = good ? dp_avro_emit(c, DP_OP_DEFAULT) : NULL;
	if (constant != NULL && copy != NULL && ins != NULL)
	{
		memset(copy, 0, DP_AVRO_MIN_BYTES);
		if (bytes.len > 0)
			memcpy(copy + DP_AVRO_MIN_BYTES, bytes.data, bytes.len);
		constant->bytes = copy + DP_AVRO_MIN_BYTES;
		constant->len = bytes.len;
		ins->key = key;
		ins->data = constant;
	}
	else
		good = false;
	dp_buf_free(&bytes);
	return good && later(c, (DpAvroPending) {DP_PENDING_DEFAULT, field->type, field->type, at, 0, false});
}

/* Reader's fields that the writer does not have. */
static bool
emit_defaults(DpAvroCompiler *c, const DpAvroType *reader, const int *target, int nwriter,
			  DpNode *keys, int nkeys, bool certain)
{
	bool	   *filled = calloc(Max(reader->nfields, 1), sizeof(bool));
	bool		good = true;

	if (filled == NULL)
		return dp_out_of_memory(c->err);
	for (int i = 0; i < nwriter; i++)
	{
		if (target[i] >= 0)
			filled[target[i]] = true;
	}
	for (int i = 0; good && i < reader->nfields; i++)
	{
		const DpAvroField *field = &reader->fields[i];

		if (filled[i])
			continue;
		good = dp_avro_string_node(c, field->name, &keys[nkeys]);
		if (good && field->fallback == NULL)
			good = emit_fail(c, &keys[nkeys], certain,
							 "the writer has no field \"%.60s\" and the reader no default for it",
							 field->name);
		else if (good)
			good = dp_avro_emit_default(c, field, &keys[nkeys]);
		nkeys++;
	}
	free(filled);
	return good;
}

static bool
emit_fields(DpAvroCompiler *c, const DpAvroPending *item, const int *target)
{
	const DpAvroType *writer = item->writer;
	const DpAvroType *reader = item->reader;
	DpNode	   *keys = dp_avro_take(c, reader->nfields * sizeof(DpNode));
	int			nkeys = 0;

	if (keys == NULL)
		return false;
	c->r->records[item->patch].nfields = reader->nfields;
	c->r->records[item->patch].keys = keys;
	for (int i = 0; i < writer->nfields; i++)
	{
		const DpAvroField *to = target[i] >= 0 ? &reader->fields[target[i]] : NULL;
		const DpNode *key = NULL;

		if (to != NULL)
		{
			key = &keys[nkeys++];
			if (!dp_avro_string_node(c, to->name, (DpNode *) key))
				return false;
		}
		if (!dp_avro_emit_value(c, writer->fields[i].type, to ? to->type : NULL, key, item->certain))
			return false;
	}
	return emit_defaults(c, reader, target, writer->nfields, keys, nkeys, item->certain) &&
		dp_avro_emit(c, DP_OP_END_RECORD) != NULL;
}

static bool
emit_record(DpAvroCompiler *c, const DpAvroPending *item)
{
	const DpAvroType *writer = item->writer;
	int		   *target;
	bool		good;

	c->r->records[item->patch].start = c->r->ncode;
	if (item->reader == NULL)
	{
		for (int i = 0; i < writer->nfields; i++)
		{
			if (!dp_avro_emit_value(c, writer->fields[i].type, NULL, NULL, false))
				return false;
		}
		return dp_avro_emit(c, DP_OP_END_SKIP) != NULL;
	}
	target = dp_avro_match_fields(writer, item->reader, c->err);
	if (target == NULL)
		return false;
	good = emit_fields(c, item, target);
	free(target);
	return good;
}

/* ----------------------------------------------------------------- values */

static bool
emit_items(DpAvroCompiler *c, DpAvroOp op, const DpAvroType *writer, const DpAvroType *reader,
		   const DpNode *key)
{
	uint32		at = c->r->ncode;
	DpAvroIns  *ins = dp_avro_emit(c, op);

	if (ins == NULL)
		return false;
	ins->key = key;
	return later(c, (DpAvroPending) {DP_PENDING_ELEMENT, writer->items, reader ? reader->items : NULL, at, 0, false});
}

static bool
emit_enum(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader, const DpNode *key)
{
	DpNode	   *nodes = dp_avro_take(c, writer->nsymbols * sizeof(DpNode));
	DpAvroTable known = {0};
	DpAvroIns  *ins;
	bool		good = nodes != NULL;

	for (int i = 0; good && i < reader->nsymbols; i++)
	{
		if (!dp_avro_table_put(&known, reader->symbols[i], reader->symbols[i]))
			good = dp_out_of_memory(c->err);
	}
	for (int i = 0; good && i < writer->nsymbols; i++)
	{
		const char *symbol = dp_avro_table_get(&known, writer->symbols[i]);

		if (symbol == NULL && reader->symbol_default >= 0)
			symbol = reader->symbols[reader->symbol_default];
		good = dp_avro_string_node(c, symbol ? symbol : "", &nodes[i]);
		if (symbol == NULL)
			nodes[i].kind = DP_NODE_NO_SYMBOL;
	}
	dp_avro_table_free(&known);
	if (!good || (ins = dp_avro_emit(c, DP_OP_ENUM)) == NULL)
		return false;
	ins->key = key;
	ins->arg = writer->nsymbols;
	ins->data = nodes;
	return true;
}

static bool
emit_skip(DpAvroCompiler *c, const DpAvroType *writer)
{
	DpAvroIns  *ins = NULL;
	uint32		record;

	switch (writer->tag)
	{
		case DP_AVRO_NULL:
			return true;
		case DP_AVRO_BOOLEAN:
			return dp_avro_emit(c, DP_OP_SKIP_BOOLEAN) != NULL;
		case DP_AVRO_INT:
			return dp_avro_emit(c, DP_OP_SKIP_INT) != NULL;
		case DP_AVRO_LONG:
			return dp_avro_emit(c, DP_OP_SKIP_LONG) != NULL;
		case DP_AVRO_BYTES:
		case DP_AVRO_STRING:
			return dp_avro_emit(c, DP_OP_SKIP_BYTES) != NULL;
		case DP_AVRO_FLOAT:
		case DP_AVRO_DOUBLE:
		case DP_AVRO_FIXED:
			ins = dp_avro_emit(c, DP_OP_SKIP_FIXED);
			if (ins != NULL)
				ins->arg = writer->tag == DP_AVRO_FLOAT ? sizeof(float) :
					writer->tag == DP_AVRO_DOUBLE ? sizeof(double) : writer->size;
			return ins != NULL;
		case DP_AVRO_ENUM:
			ins = dp_avro_emit(c, DP_OP_SKIP_ENUM);
			if (ins != NULL)
				ins->arg = writer->nsymbols;
			return ins != NULL;
		case DP_AVRO_RECORD:
			if (!find_record(c, writer, NULL, false, &record) ||
				(ins = dp_avro_emit(c, DP_OP_SKIP_RECORD)) == NULL)
				return false;
			ins->arg = record;
			return true;
		case DP_AVRO_ARRAY:
			return emit_items(c, DP_OP_SKIP_ARRAY, writer, NULL, NULL);
		case DP_AVRO_MAP:
			return emit_items(c, DP_OP_SKIP_MAP, writer, NULL, NULL);
		case DP_AVRO_UNION:
			break;
	}
	return false;
}

/* The operation that reads a scalar; false when the types do not go together. */
static bool
scalar_op(const DpAvroType *writer, const DpAvroType *reader, DpAvroIns *ins)
{
	ins->form = DP_LOGICAL_NONE;
	switch (writer->tag)
	{
		case DP_AVRO_NULL:
			ins->op = DP_OP_NULL;
			return reader->tag == DP_AVRO_NULL;
		case DP_AVRO_BOOLEAN:
			ins->op = DP_OP_BOOLEAN;
			return reader->tag == DP_AVRO_BOOLEAN;
		case DP_AVRO_INT:
		case DP_AVRO_LONG:
			ins->op = writer->tag == DP_AVRO_INT ? DP_OP_INT : DP_OP_LONG;
			if (reader->tag == DP_AVRO_FLOAT)
			{
				ins->arg = writer->tag == DP_AVRO_INT;
				ins->op = DP_OP_INT_FLOAT;
			}
			else if (reader->tag == DP_AVRO_DOUBLE)
				ins->op = writer->tag == DP_AVRO_INT ? DP_OP_INT : DP_OP_LONG_DOUBLE;
			else
			{
				ins->form = dp_avro_resolve_form(writer, reader);
				if (ins->form != DP_LOGICAL_NONE)
					ins->op = writer->tag == DP_AVRO_INT ? DP_OP_INT_FORM : DP_OP_LONG_FORM;
			}
			return reader->tag == writer->tag || dp_avro_is_promoted(reader->tag, writer->tag);
		case DP_AVRO_FLOAT:
			ins->op = reader->tag == DP_AVRO_FLOAT ? DP_OP_FLOAT : DP_OP_FLOAT_DOUBLE;
			return reader->tag == DP_AVRO_FLOAT || reader->tag == DP_AVRO_DOUBLE;
		case DP_AVRO_DOUBLE:
			ins->op = DP_OP_DOUBLE;
			return reader->tag == DP_AVRO_DOUBLE;
		case DP_AVRO_STRING:
		case DP_AVRO_BYTES:
			ins->op = reader->tag == DP_AVRO_STRING ? DP_OP_STRING : DP_OP_BYTES;
			if (reader->tag == DP_AVRO_BYTES)
			{
				ins->form = reader->logical;
				ins->scale = reader->scale;
			}
			return (reader->tag == DP_AVRO_STRING || reader->tag == DP_AVRO_BYTES) &&
				dp_avro_types_match(writer, reader);
		case DP_AVRO_FIXED:
			ins->op = DP_OP_FIXED;
			ins->form = reader->logical;
			ins->scale = reader->scale;
			ins->arg = writer->size;
			return dp_avro_types_match(writer, reader);
		default:
			return false;
	}
}

static bool
emit_mismatch(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader,
			  const DpNode *key, bool certain)
{
	if (writer->logical == DP_LOGICAL_DECIMAL && reader->logical == DP_LOGICAL_DECIMAL &&
		writer->tag == reader->tag && (writer->precision != reader->precision || writer->scale != reader->scale))
		return emit_fail(c, key, certain,
						 "the reader's decimal(%d,%d) cannot read the writer's decimal(%d,%d)",
						 reader->precision, reader->scale, writer->precision, writer->scale);
	return emit_fail(c, key, certain, "the reader's type \"%.55s\" cannot read the writer's \"%.55s\"",
					 dp_avro_branch_name(reader), dp_avro_branch_name(writer));
}

/* Neither is a union. */
static bool
emit_plain(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader, const DpNode *key,
		   bool certain)
{
	DpAvroIns	scalar = {0};
	DpAvroIns  *ins;
	uint32		record;

	if (writer->tag < DP_AVRO_ENUM)
	{
		if (!scalar_op(writer, reader, &scalar))
			return emit_mismatch(c, writer, reader, key, certain);
		ins = dp_avro_emit(c, scalar.op);
		if (ins == NULL)
			return false;
		*ins = scalar;
		ins->key = key;
		return true;
	}
	if (writer->tag != reader->tag || !dp_avro_types_match(writer, reader))
		return emit_mismatch(c, writer, reader, key, certain);
	switch (writer->tag)
	{
		case DP_AVRO_ENUM:
			return emit_enum(c, writer, reader, key);
		case DP_AVRO_ARRAY:
			return emit_items(c, DP_OP_ARRAY, writer, reader, key);
		case DP_AVRO_MAP:
			return emit_items(c, DP_OP_MAP, writer, reader, key);
		default:
			break;
	}
	if (!find_record(c, writer, reader, certain, &record) ||
		(ins = dp_avro_emit(c, DP_OP_RECORD)) == NULL)
		return false;
	ins->key = key;
	ins->arg = record;
	return true;
}

/* A value that is written as {"name of its branch": value}. */
static bool
emit_wrapped(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *branch,
			 const DpNode *key, bool certain)
{
	DpNode	   *name = dp_avro_take(c, sizeof(DpNode));
	uint32		record;
	DpAvroIns  *ins;

	if (name == NULL || !dp_avro_string_node(c, dp_avro_branch_name(branch), name) ||
		!new_record(c, &record))
		return false;
	c->r->records[record].nfields = 1;
	c->r->records[record].keys = name;
	ins = dp_avro_emit(c, DP_OP_WRAP);
	if (ins == NULL)
		return false;
	ins->key = key;
	ins->arg = record;
	return emit_plain(c, writer, branch, name, certain) && dp_avro_emit(c, DP_OP_END_WRAP) != NULL;
}

/* A writer's type that is no union, for any reader's. */
static bool
emit_branch(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader,
			const DpNode *key, bool certain)
{
	int			i;

	if (reader == NULL)
		return emit_skip(c, writer);
	if (reader->tag != DP_AVRO_UNION)
		return emit_plain(c, writer, reader, key, certain);
	i = dp_avro_best_branch(writer, reader);
	if (i < 0)
		return emit_fail(c, key, certain, "the reader's union has no branch for the writer's \"%.80s\"",
						 dp_avro_branch_name(writer));
	if (dp_avro_branch_is_wrapped(reader, i))
		return emit_wrapped(c, writer, reader->branches[i], key, certain);
	return emit_plain(c, writer, reader->branches[i], key, certain);
}

/* Null or one other type, the usual union. */
static bool
emit_optional(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader,
			  const DpNode *key, int null_branch)
{
	uint32		at = c->r->ncode;
	DpAvroIns  *ins = dp_avro_emit(c, reader ? DP_OP_OPTIONAL : DP_OP_SKIP_OPTIONAL);

	if (ins == NULL)
		return false;
	ins->key = key;
	ins->form = null_branch;
	if (!emit_branch(c, writer->branches[1 - null_branch], reader, NULL, false))
		return false;
	c->r->code[at].arg = c->r->ncode;
	return true;
}

static bool
takes_null(const DpAvroType *reader)
{
	if (reader->tag == DP_AVRO_NULL)
		return true;
	for (int i = 0; i < reader->nbranches; i++)
	{
		if (reader->branches[i]->tag == DP_AVRO_NULL)
			return true;
	}
	return false;
}

static bool
emit_union(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader, const DpNode *key)
{
	uint32		at = c->r->ncode;
	uint32	   *targets;
	DpAvroIns  *ins;

	for (int i = 0; writer->nbranches == 2 && i < 2; i++)
	{
		if (writer->branches[i]->tag == DP_AVRO_NULL && (reader == NULL || takes_null(reader)))
			return emit_optional(c, writer, reader, key, i);
	}
	targets = dp_avro_take(c, writer->nbranches * sizeof(uint32));
	ins = dp_avro_emit(c, DP_OP_UNION);
	if (targets == NULL || ins == NULL)
		return false;
	ins->key = key;
	ins->arg = writer->nbranches;
	ins->data = targets;
	for (int i = 0; i < writer->nbranches; i++)
	{
		if (!later(c, (DpAvroPending) {DP_PENDING_BRANCH, writer->branches[i], reader, at, i, false}))
			return false;
	}
	return true;
}

bool
dp_avro_emit_value(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader,
				   const DpNode *key, bool certain)
{
	if (writer->tag == DP_AVRO_UNION)
		return emit_union(c, writer, reader, key);
	return emit_branch(c, writer, reader, key, certain);
}

/* ---------------------------------------------------------------- the rest */

static bool
emit_apart(DpAvroCompiler *c, const DpAvroPending *item)
{
	uint32		start = c->r->ncode;
	DpAvroIns  *ins;

	switch (item->kind)
	{
		case DP_PENDING_RECORD:
			return emit_record(c, item);
		case DP_PENDING_ELEMENT:
			c->r->code[item->patch].arg = start;
			return dp_avro_emit_value(c, item->writer, item->reader, NULL, false) &&
				dp_avro_emit(c, DP_OP_NEXT) != NULL;
		case DP_PENDING_DEFAULT:
			c->r->code[item->patch].arg = start;
			return dp_avro_emit_value(c, item->writer, item->reader, NULL, false) &&
				dp_avro_emit(c, DP_OP_END_DEFAULT) != NULL;
		case DP_PENDING_BRANCH:
			((uint32 *) c->r->code[item->patch].data)[item->number] = start;
			if (!emit_branch(c, item->writer, item->reader, NULL, false) ||
				(ins = dp_avro_emit(c, DP_OP_GOTO)) == NULL)
				return false;
			ins->arg = item->patch + 1;
			return true;
	}
	return false;
}

bool
dp_avro_emit_pending(DpAvroCompiler *c)
{
	while (c->ndone < c->npending)
	{
		/* a copy: the list may move */
		DpAvroPending item = c->pending[c->ndone++];

		if (!emit_apart(c, &item))
			return false;
	}
	return true;
}

void
dp_avro_compiler_free(DpAvroCompiler *c)
{
	free(c->pending);
	free(c->slots);
	dp_buf_free(&c->path);
}

bool
dp_avro_compile(DpAvroReader *r, const DpAvroSchema *writer, const DpAvroSchema *reader, DpError *err)
{
	DpAvroCompiler c = {.r = r,.err = err};
	bool		good;

	good = dp_avro_emit_value(&c, writer->root, reader->root, NULL, true) &&
		dp_avro_emit(&c, DP_OP_STOP) != NULL && dp_avro_emit_pending(&c);
	dp_avro_compiler_free(&c);
	return good;
}
