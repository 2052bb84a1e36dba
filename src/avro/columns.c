/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  A message to the values of typed columns.
 *
 * A string in front of which its length takes a byte becomes a short varlena
 * where it stands: the header is as long as the length was.  The message is a
 * copy of ours, and that length has been read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "datatype/timestamp.h"
#include "utils/date.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "avro/scalar.h"
#include "avro/tree.h"
#include "avro/wire.h"
#include "formats/decimal.h"
#include "formats/numbers.h"

/* ------------------------------------------------ nodes to other columns */

/* A node as JSON text.  Recursion is bounded by the frames that made it. */
static bool
put_json(DpAvroReader *r, const DpNode *node, DpBuf *out, DpError *err)
{
	const DpNode *child;
	size_t		len;
	char	   *text;

	switch ((DpNodeKind) node->kind)
	{
		case DP_NODE_NULL:
			dp_avro_put(out, "null");
			return true;
		case DP_NODE_STRING:
			dp_avro_put_string(out, node->u.ptr, node->len);
			return true;
		case DP_NODE_ARRAY:
			child = r->d->tape.items + node->u.c.first;
			dp_avro_put(out, "[");
			for (uint32 i = 0; i < node->len; i++)
			{
				if (i > 0)
					dp_avro_put(out, ",");
				if (!put_json(r, &child[i], out, err))
					return false;
			}
			dp_avro_put(out, "]");
			return true;
		case DP_NODE_OBJECT:
			child = r->d->tape.items + node->u.c.first;
			dp_avro_put(out, "{");
			for (uint32 i = 0; i < node->len; i++)
			{
				if (i > 0)
					dp_avro_put(out, ",");
				dp_avro_put_string(out, child[2 * i].u.ptr, child[2 * i].len);
				dp_avro_put(out, ":");
				if (!put_json(r, &child[2 * i + 1], out, err))
					return false;
			}
			dp_avro_put(out, "}");
			return true;
		default:
			break;
	}
	text = dp_avro_node_text(r, node, &len, err);
	if (text == NULL)
		return false;
	dp_buf_append(out, text, len);
	return true;
}

/* JSON text in the arena, with a byte of headroom and a NUL behind it. */
static char *
json_text(DpAvroReader *r, const DpNode *node, size_t *len, DpError *err)
{
	DpBuf		buf = {0};
	char	   *copy = NULL;

	if (put_json(r, node, &buf, err))
	{
		copy = buf.oom ? NULL : dp_arena_alloc(&r->values, buf.len + 2 + DP_TEXT_PADDING);
		if (copy == NULL)
			dp_out_of_memory(err);
		else
		{
			memcpy(copy + 1, buf.data, buf.len);
			memset(copy + 1 + buf.len, 0, 1 + DP_TEXT_PADDING);
			*len = buf.len;
		}
	}
	dp_buf_free(&buf);
	return copy ? copy + 1 : NULL;
}

static bool
node_to_jsonb(DpAvroReader *r, const DpNode *node, DpColumnValue *out, DpError *err)
{
	size_t		len;
	const char *jsonb = dp_jsonb_write(r->d, node, &len, err);
	char	   *copy;

	if (jsonb == NULL)
		return false;
	copy = dp_arena_alloc(&r->values, len);
	if (copy == NULL)
		return dp_out_of_memory(err);
	memcpy(copy, jsonb, len);
	out->value = PointerGetDatum(copy);
	out->isnull = false;
	out->deferred = false;
	return true;
}

/* A number for a date or time is one that no spelling could tell. */
static bool
is_time_type(Oid type)
{
	return type == DATEOID || type == TIMEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID;
}

static bool
node_to_column(DpAvroReader *r, const DpColumn *col, const DpNode *node, DpColumnValue *out,
			   DpError *err)
{
	DpValueContext ctx = {r->d, &r->values, NULL};
	bool		json = col->type == JSONOID || node->kind == DP_NODE_ARRAY || node->kind == DP_NODE_OBJECT;
	char	   *text;
	size_t		len;

	if (node->kind == DP_NODE_NULL)
		return true;
	if (col->type == JSONBOID)
		return node_to_jsonb(r, node, out, err);
	if (node->kind == DP_NODE_SMALL && is_time_type(col->type))
		return dp_error_set(err, "22008", DP_NO_POSITION, "value of field \"%s\" is out of range for its column",
							col->shown);
	text = json ? json_text(r, node, &len, err) : dp_avro_node_text(r, node, &len, err);
	if (text == NULL)
		return false;
	ctx.base = text;
	if (dp_value_from_text(&ctx, col, text, len, true, out, err))
		return true;
	err->position = DP_NO_POSITION;
	return false;
}

static bool
run_node(DpAvroReader *r, const DpAvroColumnIns *ins, DpColumnValue *values, DpError *err)
{
	DpNode		node;

	if (!dp_avro_run(r, ins->code, err))
		return false;
	node = r->d->stack.items[--r->d->stack.len];
	for (int i = ins->column; i >= 0; i = r->columns[i].next_same)
	{
		if (!node_to_column(r, &r->columns[i], &node, &values[i], err))
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------- datums */

static bool
make_varlena(DpAvroReader *r, const char *s, size_t len, DpColumnValue *out, DpError *err)
{
	char	   *copy;

	if (len > MaxAllocSize - VARHDRSZ)
		return dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION, "string is too long");
	copy = dp_arena_alloc(&r->values, VARHDRSZ + len);
	if (copy == NULL)
		return dp_out_of_memory(err);
	SET_VARSIZE(copy, VARHDRSZ + len);
	memcpy(VARDATA(copy), s, len);
	out->value = PointerGetDatum(copy);
	return true;
}

/* A string of the message, whose length stood before it. */
static inline bool
string_datum(DpAvroReader *r, const char *s, size_t len, DpColumnValue *out, DpError *err)
{
	char	   *header = (char *) s - 1;

	if (unlikely(len + VARHDRSZ_SHORT > VARATT_SHORT_MAX))
		return make_varlena(r, s, len, out, err);
	SET_VARSIZE_SHORT(header, len + VARHDRSZ_SHORT);
	out->value = PointerGetDatum(header);
	return true;
}

static bool
out_of_range(const DpAvroReader *r, const DpAvroColumnIns *ins, const char *sqlstate, const char *p,
			 DpError *err)
{
	return dp_error_set(err, sqlstate, p - r->start,
						"value of field \"%s\" is out of range for its column",
						r->columns[ins->column].shown);
}

static bool
numeric_datum(DpAvroReader *r, int64 v, int scale, DpColumnValue *out, DpError *err)
{
	char	   *room = dp_arena_alloc(&r->values, DP_DECIMAL_SMALL_BYTES);

	if (room == NULL)
		return dp_out_of_memory(err);
	dp_decimal_pack_small(v < 0 ? 0 - (uint64) v : (uint64) v, scale, v < 0, room);
	out->value = PointerGetDatum(room);
	return true;
}

static bool
decimal_datum(DpAvroReader *r, const DpAvroColumnIns *ins, const char *s, size_t len,
			  DpColumnValue *out, DpError *err)
{
	static const int64 power10[] = {
		1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
		INT64CONST(10000000000), INT64CONST(100000000000), INT64CONST(1000000000000),
		INT64CONST(10000000000000), INT64CONST(100000000000000), INT64CONST(1000000000000000),
		INT64CONST(10000000000000000)
	};
	DpNode		node;
	int64		v;

	if (dp_avro_small_decimal(s, len, &v) && v < power10[16] && v > -power10[16])
	{
		if (ins->precision != 0 && ins->precision < lengthof(power10) &&
			(v >= power10[ins->precision] || v <= -power10[ins->precision]))
			return out_of_range(r, ins, "22003", s, err);
		return numeric_datum(r, v, ins->scale, out, err);
	}
	return dp_avro_node_bytes(r, &node, DP_LOGICAL_DECIMAL, ins->scale, s, len, err) &&
		node_to_column(r, &r->columns[ins->column], &node, out, err);
}

static bool
uuid_datum(DpAvroReader *r, const char *s, DpColumnValue *out, DpError *err)
{
	char	   *room = dp_arena_alloc(&r->values, DP_UUID_BYTES);

	if (room == NULL)
		return dp_out_of_memory(err);
	memcpy(room, s, DP_UUID_BYTES);
	out->value = PointerGetDatum(room);
	return true;
}

/* A uuid spelled in a string, or whatever it is, for the type's input function. */
static bool
text_uuid_datum(DpAvroReader *r, const DpAvroColumnIns *ins, const char *s, size_t len,
				DpColumnValue *out, DpError *err)
{
	unsigned char uuid[DP_UUID_BYTES];
	DpNode		node = {.kind = DP_NODE_STRING,.len = len,.u = {.ptr = s}};

	if (dp_uuid_parse(s, len, uuid))
		return uuid_datum(r, (const char *) uuid, out, err);
	return node_to_column(r, &r->columns[ins->column], &node, out, err);
}

static inline uint32
low_first(const char *s)
{
	const unsigned char *u = (const unsigned char *) s;

	return u[0] | u[1] << 8 | u[2] << 16 | (uint32) u[3] << 24;
}

static bool
interval_datum(DpAvroReader *r, const DpAvroColumnIns *ins, const char *s, DpColumnValue *out,
			   DpError *err)
{
	Interval   *interval = dp_arena_alloc(&r->values, sizeof(Interval));

	if (interval == NULL)
		return dp_out_of_memory(err);
	if (low_first(s) > PG_INT32_MAX || low_first(s + 4) > PG_INT32_MAX)
		return out_of_range(r, ins, "22008", s, err);
	interval->month = low_first(s);
	interval->day = low_first(s + 4);
	interval->time = (int64) low_first(s + 8) * 1000;
	out->value = PointerGetDatum(interval);
	return true;
}

/* ------------------------------------------------------------- a message */

static inline bool
time_datum(DpAvroReader *r, const DpAvroColumnIns *ins, int64 v, const char *p, DpColumnValue *out,
		   DpError *err)
{
	int64		micros;

	if (ins->op == DP_COLUMN_DATE)
	{
		v -= DP_EPOCH_DAYS;
		if (!IS_VALID_DATE(v))
			return out_of_range(r, ins, "22008", p, err);
		out->value = Int32GetDatum((int32) v);
		return true;
	}
	if (!dp_avro_micros(ins->form, v, &micros))
		return out_of_range(r, ins, "22008", p, err);
	out->value = Int64GetDatum(micros);
	return true;
}

static inline bool
integer_datum(DpAvroReader *r, const DpAvroColumnIns *ins, int64 v, const char *p,
			  DpColumnValue *out, DpError *err)
{
	switch (ins->op)
	{
		case DP_COLUMN_INT2:
			if (v != (int16) v)
				return out_of_range(r, ins, "22003", p, err);
			out->value = Int16GetDatum((int16) v);
			return true;
		case DP_COLUMN_INT4:
			if (v != (int32) v)
				return out_of_range(r, ins, "22003", p, err);
			out->value = Int32GetDatum((int32) v);
			return true;
		case DP_COLUMN_INT8:
			out->value = Int64GetDatum(v);
			return true;
		default:
			return numeric_datum(r, v, 0, out, err);
	}
}

static bool
fixed_datum(DpAvroReader *r, const DpAvroColumnIns *ins, const char *s, DpColumnValue *out,
			DpError *err)
{
	switch ((DpAvroColumnOp) ins->op)
	{
		case DP_COLUMN_FIXED_BYTEA:
			return make_varlena(r, s, ins->arg, out, err);
		case DP_COLUMN_FIXED_DECIMAL:
			return decimal_datum(r, ins, s, ins->arg, out, err);
		case DP_COLUMN_UUID:
			return uuid_datum(r, s, out, err);
		default:
			return interval_datum(r, ins, s, out, err);
	}
}

/* Which branch of an optional field comes; behind its number, or NULL. */
static inline const char *
get_branch(const char *p, const char *end, int64 *branch)
{
	p = dp_avro_get_long(p, branch);
	return unlikely(p == NULL || p > end || *branch < 0 || *branch > 1) ? NULL : p;
}

/* A length and what is so long; behind the length, or NULL. */
static inline const char *
get_length(const char *p, const char *end, int64 *len)
{
	p = dp_avro_get_long(p, len);
	return unlikely(p == NULL || p > end || *len < 0 || *len > end - p) ? NULL : p;
}

static bool
bad_text(const DpAvroReader *r, const char *s, size_t len, DpError *err)
{
	size_t		bad = 0;

	(void) dp_utf8_verify(s, len, &bad);
	return dp_error_set(err, "22021", s + bad - r->start,
						s[bad] == '\0' ? "text contains a zero byte" : "text is not valid UTF-8");
}

/*
 * One field to its only column.  Returns where it ends, or NULL with *why or
 * *err.  The place in the message stays in a register: values are stored
 * between any two bytes that are read.
 */
static inline const char *
read_field(DpAvroReader *r, const DpAvroColumnIns *ins, const char *p, const char *end,
		   DpColumnValue *out, const char **why, DpError *err)
{
	int64		v = 0;
	float		f;
	double		d;
	bool		done;

	out->deferred = false;
	if (ins->null_branch >= 0)
	{
		p = get_branch(p, end, &v);
		if (unlikely(p == NULL))
		{
			*why = "a union has no branch of this number";
			return NULL;
		}
		if (v == ins->null_branch)
		{
			out->isnull = true;
			return p;
		}
	}
	out->isnull = false;
	switch ((DpAvroColumnOp) ins->op)
	{
		case DP_COLUMN_INT2:
		case DP_COLUMN_INT4:
		case DP_COLUMN_INT8:
		case DP_COLUMN_NUMERIC:
		case DP_COLUMN_DATE:
		case DP_COLUMN_TIME:
		case DP_COLUMN_TIMESTAMP:
			p = dp_avro_get_long(p, &v);
			if (unlikely(p == NULL || p > end || (ins->is_int && v != (int32) v)))
			{
				*why = "an integer is cut off or too long";
				return NULL;
			}
			if (likely(ins->op == DP_COLUMN_INT8))
			{
				out->value = Int64GetDatum(v);
				return p;
			}
			done = ins->op >= DP_COLUMN_DATE ? time_datum(r, ins, v, p, out, err) :
				integer_datum(r, ins, v, p, out, err);
			return done ? p : NULL;
		case DP_COLUMN_TEXT:
			p = get_length(p, end, &v);
			if (unlikely(p == NULL))
				break;
			if (unlikely(!dp_avro_text_is_good(p, v)))
				done = bad_text(r, p, v, err);
			else
				done = string_datum(r, p, v, out, err);
			return done ? p + v : NULL;
		case DP_COLUMN_BYTEA:
			p = get_length(p, end, &v);
			if (unlikely(p == NULL))
				break;
			return string_datum(r, p, v, out, err) ? p + v : NULL;
		case DP_COLUMN_TEXT_UUID:
			p = get_length(p, end, &v);
			if (unlikely(p == NULL))
				break;
			if (unlikely(!dp_avro_text_is_good(p, v)))
				done = bad_text(r, p, v, err);
			else
				done = text_uuid_datum(r, ins, p, v, out, err);
			return done ? p + v : NULL;
		case DP_COLUMN_DECIMAL:
			p = get_length(p, end, &v);
			if (unlikely(p == NULL))
				break;
			return decimal_datum(r, ins, p, v, out, err) ? p + v : NULL;
		case DP_COLUMN_ENUM:
			p = dp_avro_get_long(p, &v);
			if (unlikely(p == NULL || p > end || v < 0 || v >= ins->arg))
			{
				*why = "an enum has no symbol of this number";
				return NULL;
			}
			out->value = PointerGetDatum(((char *const *) ins->data)[v]);
			*why = "the reader's enum does not have the symbol, and no default";
			return out->value != (Datum) 0 ? p : NULL;
		case DP_COLUMN_BOOLEAN:
			if (unlikely(p >= end || (unsigned char) *p > 1))
			{
				*why = p >= end ? "the message ends inside a value" : "a boolean is neither 0 nor 1";
				return NULL;
			}
			out->value = BoolGetDatum(*p == 1);
			return p + 1;
		case DP_COLUMN_FLOAT4:
		case DP_COLUMN_FLOAT_FLOAT8:
			*why = "the message ends inside a value";
			if (unlikely(end - p < (ptrdiff_t) sizeof(f)))
				return NULL;
			memcpy(&f, p, sizeof(f));
			out->value = ins->op == DP_COLUMN_FLOAT4 ? Float4GetDatum(f) : Float8GetDatum((double) f);
			return p + sizeof(f);
		case DP_COLUMN_FLOAT8:
			*why = "the message ends inside a value";
			if (unlikely(end - p < (ptrdiff_t) sizeof(d)))
				return NULL;
			memcpy(&d, p, sizeof(d));
			out->value = Float8GetDatum(d);
			return p + sizeof(d);
		case DP_COLUMN_FIXED_BYTEA:
		case DP_COLUMN_FIXED_DECIMAL:
		case DP_COLUMN_UUID:
		case DP_COLUMN_INTERVAL:
			*why = "the message ends inside a value";
			if (unlikely(end - p < (int64) ins->arg))
				return NULL;
			return fixed_datum(r, ins, p, out, err) ? p + ins->arg : NULL;
		default:
			return NULL;
	}
	*why = "a length is negative or more than what is left";
	return NULL;
}

static bool
run_columns(DpAvroReader *r, const DpAvroColumnCode *code, DpColumnValue *values, DpError *err)
{
	const char *end = r->end;
	const char *p = r->at;

	err->sqlstate[0] = '\0';
	for (uint32 i = code->start; i < code->start + code->n; i++)
	{
		const DpAvroColumnIns *ins = &r->column_code[i];
		const char *why = NULL;
		const char *next;

		if (likely(ins->op > DP_COLUMN_RESCUE))
		{
			next = read_field(r, ins, p, end, &values[ins->column], &why, err);
			if (unlikely(next == NULL))
			{
				if (err->sqlstate[0] != '\0')
					return false;
				return dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, p - r->start,
									"invalid Avro message: %s", why);
			}
			p = next;
			continue;
		}
		r->at = p;
		if (!(ins->op == DP_COLUMN_NODE ? run_node(r, ins, values, err) :
			  dp_avro_run(r, ins->code, err)))
			return false;
		err->sqlstate[0] = '\0';
		p = r->at;
	}
	r->at = p;
	return true;
}

/* Which of the root's branches the message is; moves behind its number. */
static const DpAvroColumnCode *
find_root(DpAvroReader *r, DpError *err)
{
	const DpAvroColumnCode *code = r->roots;

	if (r->root_is_union)
	{
		int64		v;
		const char *p = dp_avro_get_long(r->at, &v);

		if (p == NULL || p > r->end || v < 0 || v >= r->nroots)
		{
			dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, 0,
						 "invalid Avro message: a union has no branch of this number");
			return NULL;
		}
		r->at = p;
		code += v;
	}
	if (code->failure == NULL)
		return code;
	dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, 0, "%s", code->failure);
	return NULL;
}

/* Members without a column, as an object. */
static bool
write_rescue(DpAvroReader *r, DpColumnValue *out, DpError *err)
{
	if (r->d->stack.len == 0)
		return true;
	if (!dp_nodes_close(r->d, 0, DP_NODE_OBJECT, DP_SHAPE_NONE))
		return dp_out_of_memory(err);
	return node_to_jsonb(r, &r->d->stack.items[0], out, err);
}

bool
dp_avro_to_columns(DpMessageReader *self, const char *src, size_t len, DpColumnValue *values,
				   DpError *err)
{
	DpAvroReader *r = (DpAvroReader *) self;
	const DpAvroColumnCode *code;

	if (r->roots[0].simple && !r->root_is_union)
	{
		if (!dp_avro_begin_simple(r, src, len, err))
			return false;
	}
	else
	{
		memcpy(values, r->nulls, (r->ncolumns + r->rescue) * sizeof(DpColumnValue));
		if (!dp_avro_begin(r, src, len, err))
			return false;
	}
	code = find_root(r, err);
	if (code == NULL || !run_columns(r, code, values, err) || !dp_avro_finish(r, err))
		return false;
	if (r->rescue && !write_rescue(r, &values[r->ncolumns], err))
		return false;
	for (int i = 0; r->any_not_null && i < r->ncolumns; i++)
	{
		if (values[i].isnull && r->columns[i].not_null)
			return dp_error_set(err, "23502", DP_NO_POSITION,
								"field \"%s\" is null or missing, which its column forbids",
								r->columns[i].shown);
	}
	return true;
}
