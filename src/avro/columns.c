/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  A message to the values of typed columns.
 *
 * What is no plain Datum is written into the cells, one value behind the other:
 * there is room for all of them before the first is read.  A field of another
 * type than its column becomes nodes, as for jsonb, and those its value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "datatype/timestamp.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "avro/scalar.h"
#include "avro/wire.h"
#include "common/compat.h"
#include "formats/decimal.h"
#include "formats/numbers.h"

/* Milliseconds that are in range whatever the time zone, with room on both sides. */
#define PLAIN_MILLIS_FROM INT64CONST(-100000000000000)
#define PLAIN_MILLIS_TO INT64CONST(8000000000000000)

#define MAX_VARLENA (MaxAllocSize - VARHDRSZ)

/* A message that is being read to columns. */
typedef struct Run
{
	DpAvroReader *r;
	const char *start;
	const char *end;
	bool		has_nodes;		/* or had some */
	bool		any_null;		/* a value is null, or may be */
	DpError    *err;
} Run;

/* ----------------------------------------------------------------- cells */

/*
 * Make the cells as large as this message needs, and as small again after one
 * that was unusual.  What comes next and is no longer than r->cells_len needs
 * no look at all.
 */
static bool
make_cells(DpAvroReader *r, size_t len, DpError *err)
{
	size_t		max = r->d->limits.max_bytes;

	r->cells_len = -1;
	if (len > max)
		return dp_avro_too_long(r, err);
	if (r->cells.cap > DP_SCRATCH_KEEP)
		dp_buf_free(&r->cells);
	if (!dp_buf_reserve(&r->cells, len + r->cells_room))
		return dp_out_of_memory(err);
	if (r->cells.cap <= DP_SCRATCH_KEEP)
		r->cells_len = Min(r->cells.cap - r->cells_room, max);
	return true;
}

/* Where cells are aligned at all they are aligned as the longest type. */
static inline char *
align(char *cell, size_t to)
{
	return (char *) TYPEALIGN(to, cell);
}

/* "len" bytes behind a header, whichever is short enough; the bytes come later. */
static inline char *
begin_varlena(char *cell, size_t len, Datum *out)
{
	if (likely(len + VARHDRSZ_SHORT <= VARATT_SHORT_MAX))
	{
		SET_VARSIZE_SHORT(cell, len + VARHDRSZ_SHORT);
		*out = PointerGetDatum(cell);
		return cell + VARHDRSZ_SHORT;
	}
	cell = align(cell, sizeof(int32));
	SET_VARSIZE(cell, len + VARHDRSZ);
	*out = PointerGetDatum(cell);
	return cell + VARHDRSZ;
}

/* ---------------------------------------------------------------- errors */

static bool
out_of_range(const Run *run, const DpAvroColumnIns *ins, const char *sqlstate, const char *p)
{
	return dp_error_set(run->err, sqlstate, p - run->start,
						"value of field \"%s\" is out of range for its column",
						run->r->columns[ins->column].shown);
}

static bool
bad_text(const Run *run, const char *s, size_t len)
{
	size_t		bad = 0;

	(void) dp_utf8_verify(s, len, &bad);
	return dp_error_set(run->err, "22021", s + bad - run->start,
						s[bad] == '\0' ? "text contains a zero byte" : "text is not valid UTF-8");
}

/* ----------------------------------------------------------- other code */

/* Nodes may be made: forget those of the last message. */
static void
begin_nodes(Run *run)
{
	if (!run->has_nodes)
		dp_avro_begin(run->r, run->start, run->end - run->start);
	run->has_nodes = true;
}

/* A scalar that is not plain to the value of its only column. */
static bool
through_node(Run *run, const DpAvroColumnIns *ins, const DpNode *node, DpColumnValue *out)
{
	DpAvroReader *r = run->r;

	out->isnull = false;
	out->deferred = false;
	return dp_avro_node_to_column(r, &r->columns[ins->column], node, out, run->err);
}

static bool
fill_columns(Run *run, const DpAvroColumnIns *ins, DpColumnValue *values)
{
	DpAvroReader *r = run->r;
	DpNode		node = r->d->stack.items[--r->d->stack.len];

	for (int i = ins->column; i >= 0; i = r->columns[i].next_same)
	{
		values[i].isnull = true;
		values[i].deferred = false;
		if (!dp_avro_node_to_column(r, &r->columns[i], &node, &values[i], run->err))
			return false;
	}
	return true;
}

/* A field by the code for nodes; behind it, or NULL. */
static const char *
run_code(Run *run, const DpAvroColumnIns *ins, const char *p, DpColumnValue *values)
{
	DpAvroReader *r = run->r;

	run->any_null = true;
	begin_nodes(run);
	/* names are no part of the message, by whose length the result is bounded */
	if (ins->op == DP_COLUMN_RESCUE)
		r->d->number_bytes += ins->arg;
	r->at = p;
	if (!dp_avro_run(r, ins->code, run->err))
		return NULL;
	if (ins->column >= 0 && !fill_columns(run, ins, values))
		return NULL;
	return r->at;
}

/* ---------------------------------------------------------------- values */

/* Returns where the next cell may begin, or NULL. */
static char *
decimal_cell(Run *run, const DpAvroColumnIns *ins, const char *s, size_t len, char *cell,
			 DpColumnValue *out)
{
	static const int64 power10[] = {
		1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
		INT64CONST(10000000000), INT64CONST(100000000000), INT64CONST(1000000000000),
		INT64CONST(10000000000000), INT64CONST(100000000000000), INT64CONST(1000000000000000),
		INT64CONST(10000000000000000)
	};
	DpNode		node;
	int64		v = 0;

	dp_avro_trim_number(&s, &len);
	if (len > 0 && len <= sizeof(v))
		v = (int64) pg_bswap64(dp_avro_word(s, run->end)) >> (64 - 8 * len);
	if (len <= sizeof(v) && v < power10[16] && v > -power10[16])
	{
		if (ins->precision != 0 && ins->precision < lengthof(power10) &&
			(v >= power10[ins->precision] || v <= -power10[ins->precision]))
		{
			out_of_range(run, ins, "22003", s);
			return NULL;
		}
		out->value = PointerGetDatum(cell);
		out->isnull = false;
		out->deferred = false;
		return cell + dp_decimal_pack_small(v < 0 ? 0 - (uint64) v : (uint64) v, ins->scale, v < 0, cell);
	}
	begin_nodes(run);
	return dp_avro_node_bytes(run->r, &node, DP_LOGICAL_DECIMAL, ins->scale, s, len, run->err) &&
		through_node(run, ins, &node, out) ? cell : NULL;
}

/* A string for a column of uuid that is not spelled as usual: the type's input function decides. */
static bool
odd_uuid(Run *run, const DpAvroColumnIns *ins, const char *s, size_t len, DpColumnValue *out)
{
	DpNode		node = {.kind = DP_NODE_STRING,.len = len,.u = {.ptr = s}};

	if (!dp_utf8_verify(s, len, NULL))
		return bad_text(run, s, len);
	begin_nodes(run);
	return through_node(run, ins, &node, out);
}

static inline uint32
low_first(const char *s)
{
	const unsigned char *u = (const unsigned char *) s;

	return u[0] | u[1] << 8 | u[2] << 16 | (uint32) u[3] << 24;
}

/* Months, days and milliseconds. */
static bool
interval_cell(Run *run, const DpAvroColumnIns *ins, const char *s, char *cell)
{
	Interval   *interval = (Interval *) cell;

	if (low_first(s) > PG_INT32_MAX || low_first(s + 4) > PG_INT32_MAX)
		return out_of_range(run, ins, "22008", s);
	interval->month = low_first(s);
	interval->day = low_first(s + 4);
	interval->time = (int64) low_first(s + 8) * 1000;
	return true;
}

static inline bool
timestamp_value(const DpAvroColumnIns *ins, int64 v, int64 *micros)
{
	if (likely(ins->form == DP_LOGICAL_TIMESTAMP_MILLIS && v > PLAIN_MILLIS_FROM && v < PLAIN_MILLIS_TO))
	{
		*micros = v * 1000 - DP_EPOCH_MICROS;
		return true;
	}
	return dp_avro_micros(ins->form, v, micros);
}

/* ------------------------------------------------------------- a message */

#ifdef HAVE_COMPUTED_GOTO
#define BEGIN() goto *go[ins->op]
#define CASE(name) case_##name:
#define GO_ON() \
	do { \
		ins++; \
		goto *go[ins->op]; \
	} while (0)
#define END_CASES()
#else
#define BEGIN() \
	begin: \
	switch ((DpAvroColumnOp) ins->op) \
	{
#define CASE(name) case DP_COLUMN_##name:
#define GO_ON() \
	do { \
		ins++; \
		goto begin; \
	} while (0)
#define END_CASES() \
	} \
	pg_unreachable()
#endif

#define BAD(message) \
	do { \
		why = (message); \
		goto bad; \
	} while (0)

#define GET_LONG() \
	do { \
		next = dp_avro_get_long(p, end, &v); \
		if (unlikely(next == NULL)) \
			goto bad_integer; \
		p = next; \
	} while (0)

/* Of a field that the writer has as int. */
#define GET_INTEGER() \
	do { \
		GET_LONG(); \
		if (unlikely(ins->is_int && v != (int32) v)) \
			goto bad_integer; \
	} while (0)

#define GET_LENGTH() \
	do { \
		next = dp_avro_get_count(p, end, &n); \
		if (unlikely(next == NULL || n > end - next)) \
			BAD("a length is negative or more than what is left"); \
		p = next; \
	} while (0)

#define GET_SYMBOL() \
	do { \
		next = dp_avro_get_count(p, end, &n); \
		if (unlikely(next == NULL || n >= ins->arg)) \
			BAD("an enum has no symbol of this number"); \
		p = next; \
	} while (0)

/* Of a size that is known, and at most DP_AVRO_MIN_BYTES. */
#define NEED(size) \
	do { \
		if (unlikely(p > end - (size))) \
			BAD("the message ends inside a value"); \
	} while (0)

#define NEED_MANY(size) \
	do { \
		if (unlikely(end - p < (ptrdiff_t) (size))) \
			BAD("the message ends inside a value"); \
	} while (0)

#define OUT ((DpColumnValue *) ((char *) values + ins->place))

#define FILL(datum) \
	do { \
		DpColumnValue *out = OUT; \
\
		out->value = (datum); \
		out->isnull = false; \
		out->deferred = false; \
	} while (0)

/*
 * Execute the code of a message.  Everything that changes from field to field
 * stays in registers, as values are stored between any two bytes that are
 * read; so this is one function, however long.  Each operation jumps to the
 * next one's.
 */
static pg_noinline bool
run_columns(Run *run, const DpAvroColumnIns *ins, const char *p, DpColumnValue *values)
{
#ifdef HAVE_COMPUTED_GOTO
	/* in the order of DpAvroColumnOp */
	static const void *const go[] = {
		&&case_END, &&case_NODE, &&case_SKIP, &&case_RESCUE, &&case_PEEK,
		&&case_OPTIONAL, &&case_SKIP_OPTIONAL, &&case_ENTER,
		&&case_SKIP_BOOLEAN, &&case_SKIP_INTEGER, &&case_SKIP_BYTES, &&case_SKIP_FIXED, &&case_SKIP_ENUM,
		&&case_BOOLEAN, &&case_INT2, &&case_INT4, &&case_INT8, &&case_INT_INT8, &&case_INTEGER_FLOAT8,
		&&case_NUMERIC, &&case_DATE, &&case_TIME, &&case_TIMESTAMP,
		&&case_FLOAT4, &&case_FLOAT_FLOAT8, &&case_FLOAT8,
		&&case_TEXT, &&case_TEXT_UUID, &&case_BYTEA, &&case_FIXED_BYTEA,
		&&case_DECIMAL, &&case_FIXED_DECIMAL, &&case_UUID, &&case_INTERVAL, &&case_ENUM
	};
#endif
	const char *end = run->end;
	char	   *cell = run->r->cells.data;
	const char *next;
	const char *why;
	int64		micros;
	Datum		datum;
	int64		v;
	size_t		n;

#ifdef HAVE_COMPUTED_GOTO
	StaticAssertStmt(lengthof(go) == DP_COLUMN_ENUM + 1, "an operation has no label");
#endif
	BEGIN();
	CASE(END)
		if (likely(p == end))
			return true;
		return dp_error_set(run->err, DP_SQLSTATE_BAD_MESSAGE, p - run->start,
							"%zu bytes follow the Avro value", (size_t) (end - p));
	CASE(NODE)
	CASE(SKIP)
	CASE(RESCUE)
		p = run_code(run, ins, p, values);
		if (unlikely(p == NULL))
			return false;
		GO_ON();
	CASE(PEEK)
		if (run_code(run, ins, p, values) == NULL)
			return false;
		GO_ON();

	CASE(ENTER)
		GET_LONG();
		if (unlikely(v < 0 || v > 1))
			BAD("a union has no branch of this number");
		if (v == ins->form)
		{
			run->any_null = true;
			ins += ins->arg;
		}
		GO_ON();
	CASE(OPTIONAL)
		NEED(1);
		if ((unsigned char) *p == ins->null_byte)
		{
			DpColumnValue *out = OUT;

			out->isnull = true;
			out->deferred = false;
			run->any_null = true;
			p++;
			ins++;
			GO_ON();
		}
		if (likely(((unsigned char) *p ^ ins->null_byte) == 2))
		{
			p++;
			GO_ON();
		}
		goto other_branch;
	CASE(SKIP_OPTIONAL)
		NEED(1);
		if ((unsigned char) *p == ins->null_byte)
		{
			p++;
			ins++;
			GO_ON();
		}
		if (likely(((unsigned char) *p ^ ins->null_byte) == 2))
		{
			p++;
			GO_ON();
		}
other_branch:
		/* a number of more than one byte, or none that a branch has: other code has to tell */
		p = run_code(run, ins, p, values);
		if (p == NULL)
			return false;
		ins++;
		GO_ON();

	CASE(SKIP_BOOLEAN)
		NEED(1);
		if (unlikely((unsigned char) *p > 1))
			BAD("a boolean is neither 0 nor 1");
		p++;
		GO_ON();
	CASE(SKIP_INTEGER)
		GET_INTEGER();
		GO_ON();
	CASE(SKIP_BYTES)
		GET_LENGTH();
		p += n;
		GO_ON();
	CASE(SKIP_FIXED)
		NEED_MANY(ins->arg);
		p += ins->arg;
		GO_ON();
	CASE(SKIP_ENUM)
		GET_SYMBOL();
		GO_ON();

	CASE(BOOLEAN)
		NEED(1);
		if (unlikely((unsigned char) *p > 1))
			BAD("a boolean is neither 0 nor 1");
		FILL(BoolGetDatum(*p != 0));
		p++;
		GO_ON();
	CASE(INT2)
		GET_LONG();
		if (unlikely(v != (int16) v))
			goto too_large;
		FILL(Int16GetDatum((int16) v));
		GO_ON();
	CASE(INT4)
		GET_LONG();
		if (unlikely(v != (int32) v))
			goto too_large;
		FILL(Int32GetDatum((int32) v));
		GO_ON();
	CASE(INT8)
		GET_LONG();
		FILL(Int64GetDatum(v));
		GO_ON();
	CASE(INT_INT8)
		GET_INTEGER();
		FILL(Int64GetDatum(v));
		GO_ON();
	CASE(INTEGER_FLOAT8)
		GET_INTEGER();
		FILL(Float8GetDatum((float8) v));
		GO_ON();
	CASE(NUMERIC)
		GET_INTEGER();
		cell = align(cell, sizeof(int32));
		FILL(PointerGetDatum(cell));
		cell += dp_decimal_pack_small(v < 0 ? 0 - (uint64) v : (uint64) v, 0, v < 0, cell);
		GO_ON();
	CASE(DATE)
		GET_INTEGER();
		v -= DP_EPOCH_DAYS;
		if (unlikely(!IS_VALID_DATE(v)))
			goto not_that_time;
		FILL(Int32GetDatum((int32) v));
		GO_ON();
	CASE(TIME)
		GET_INTEGER();
		if (unlikely(!dp_avro_micros(ins->form, v, &micros)))
			goto not_that_time;
		FILL(Int64GetDatum(micros));
		GO_ON();
	CASE(TIMESTAMP)
		GET_INTEGER();
		if (unlikely(!timestamp_value(ins, v, &micros)))
			goto not_that_time;
		FILL(Int64GetDatum(micros));
		GO_ON();

	CASE(FLOAT4)
		NEED(sizeof(float4));
		FILL(dp_avro_float4(p));
		p += sizeof(float4);
		GO_ON();
	CASE(FLOAT_FLOAT8)
		NEED(sizeof(float4));
		FILL(Float8GetDatum((float8) DatumGetFloat4(dp_avro_float4(p))));
		p += sizeof(float4);
		GO_ON();
	CASE(FLOAT8)
		NEED(sizeof(float8));
		FILL(dp_avro_float8(p));
		p += sizeof(float8);
		GO_ON();

	CASE(TEXT)
		GET_LENGTH();
		if (unlikely(n > MAX_VARLENA))
			goto too_long;
		cell = begin_varlena(cell, n, &datum);
		FILL(datum);
		if (unlikely(!dp_avro_copy_text(p, n, end, cell)) && !dp_utf8_verify(p, n, NULL))
			return bad_text(run, p, n);
		cell += n;
		p += n;
		GO_ON();
	CASE(TEXT_UUID)
		GET_LENGTH();
		if (likely(dp_uuid_parse(p, n, (unsigned char *) cell)))
		{
			FILL(PointerGetDatum(cell));
			cell += DP_UUID_BYTES;
		}
		else if (!odd_uuid(run, ins, p, n, OUT))
			return false;
		p += n;
		GO_ON();
	CASE(BYTEA)
		GET_LENGTH();
		goto bytes;
	CASE(FIXED_BYTEA)
		NEED_MANY(ins->arg);
		n = ins->arg;
bytes:
		if (unlikely(n > MAX_VARLENA))
			goto too_long;
		cell = begin_varlena(cell, n, &datum);
		FILL(datum);
		(void) dp_avro_copy_text(p, n, end, cell);
		cell += n;
		p += n;
		GO_ON();
	CASE(DECIMAL)
		GET_LENGTH();
		goto decimal;
	CASE(FIXED_DECIMAL)
		NEED_MANY(ins->arg);
		n = ins->arg;
decimal:
		cell = decimal_cell(run, ins, p, n, align(cell, sizeof(int32)), OUT);
		if (unlikely(cell == NULL))
			return false;
		p += n;
		GO_ON();
	CASE(UUID)
		NEED_MANY(DP_UUID_BYTES);
		memcpy(cell, p, DP_UUID_BYTES);
		FILL(PointerGetDatum(cell));
		cell += DP_UUID_BYTES;
		p += DP_UUID_BYTES;
		GO_ON();
	CASE(INTERVAL)
		NEED_MANY(DP_AVRO_DURATION_BYTES);
		cell = align(cell, sizeof(int64));
		if (unlikely(!interval_cell(run, ins, p, cell)))
			return false;
		FILL(PointerGetDatum(cell));
		cell += sizeof(Interval);
		p += DP_AVRO_DURATION_BYTES;
		GO_ON();
	CASE(ENUM)
		GET_SYMBOL();
		datum = PointerGetDatum(((char *const *) ins->data)[n]);
		if (unlikely(datum == (Datum) 0))
			BAD("the reader's enum does not have the symbol, and no default");
		FILL(datum);
		GO_ON();
	END_CASES();

too_large:
	if (ins->is_int && v != (int32) v)
		goto bad_integer;
	return out_of_range(run, ins, "22003", p);
not_that_time:
	return out_of_range(run, ins, "22008", p);
too_long:
	return dp_error_set(run->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION, "string is too long");
bad_integer:
	why = "an integer is cut off or too long";
bad:
	return dp_error_set(run->err, DP_SQLSTATE_BAD_MESSAGE, p - run->start, "invalid Avro message: %s", why);
}

/* Which of the root's branches the message is; *p moves behind its number. */
static const DpAvroColumnCode *
find_root(const Run *run, const char **p)
{
	const DpAvroReader *r = run->r;
	const DpAvroColumnCode *code = r->roots;

	if (r->root_is_union)
	{
		int64		v;

		*p = dp_avro_get_long(*p, run->end, &v);
		if (*p == NULL || v < 0 || v >= r->nroots)
		{
			dp_error_set(run->err, DP_SQLSTATE_BAD_MESSAGE, 0,
						 "invalid Avro message: a union has no branch of this number");
			return NULL;
		}
		code += v;
	}
	if (likely(code->failure == NULL))
		return code;
	dp_error_set(run->err, DP_SQLSTATE_BAD_MESSAGE, 0, "%s", code->failure);
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
	return dp_avro_node_to_jsonb(r, &r->d->stack.items[0], out, err);
}

static bool
check_nulls(const DpAvroReader *r, const DpColumnValue *values, DpError *err)
{
	for (int i = 0; i < r->ncolumns; i++)
	{
		if (values[i].isnull && r->columns[i].not_null)
			return dp_error_set(err, "23502", DP_NO_POSITION,
								"field \"%s\" is null or missing, which its column forbids",
								r->columns[i].shown);
	}
	return true;
}

bool
dp_avro_to_columns(DpMessageReader *self, const char *src, size_t len, DpColumnValue *values,
				   DpError *err)
{
	DpAvroReader *r = (DpAvroReader *) self;
	char		padded[DP_AVRO_PADDED];
	const DpAvroColumnCode *code;
	Run			run;

	if (unlikely((int64) len > r->cells_len) && !make_cells(r, len, err))
		return false;
	if (unlikely(len < DP_AVRO_MIN_BYTES))
		src = dp_avro_pad(padded, src, len);
	run = (Run) {.r = r,.start = src,.end = src + len,.err = err};
	code = find_root(&run, &src);
	if (unlikely(code == NULL))
		return false;
	if (!code->simple)
	{
		memcpy(values, r->nulls, (r->ncolumns + r->rescue) * sizeof(DpColumnValue));
		run.any_null = true;
	}
	if (!run_columns(&run, r->column_code + code->start, src, values))
		return false;
	if (r->rescue && run.has_nodes && !write_rescue(r, &values[r->ncolumns], err))
		return false;
	return !(r->any_not_null && run.any_null) || check_nulls(r, values, err);
}
