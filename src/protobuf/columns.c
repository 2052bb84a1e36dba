/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  A message to the values of typed columns.
 *
 * A column of the type that its field asks for gets its value without a
 * detour; any other gets the value's text, which the column's type reads or
 * refuses as it does in JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "common/shortest_dec.h"
#include "datatype/timestamp.h"
#include "utils/memutils.h"

#include "common/compat.h"
#include "formats/numbers.h"
#include "formats/path.h"
#include "formats/text.h"
#include "protobuf/reader.h"

#define UNIX_TO_POSTGRES_SECONDS INT64CONST(946684800)	/* 1970 to 2000 */
#define NANOS_PER_MICRO 1000

static void
set_label(DpColumn *column, const char *name)
{
	uint32		shown = Min(strlen(name), DP_LABEL_SHOWN);

	while (shown > 0 && (name[shown] & 0xC0) == 0x80)
		shown--;				/* never half a character */
	memcpy(column->shown, name, shown);
	column->shown[shown] = '\0';
}

/* A field by the name that was declared, or else by its name in JSON. */
static const DpPbCode *
code_by_name(const DpPbCodeMessage *m, const char *name)
{
	size_t		len = strlen(name);

	for (uint32 i = 0; i < m->ncodes; i++)
	{
		if (m->codes[i].namelen == len && memcmp(m->codes[i].name, name, len) == 0)
			return &m->codes[i];
	}
	for (uint32 i = 0; i < m->ncodes; i++)
	{
		if (m->codes[i].keylen == len && memcmp(m->codes[i].key, name, len) == 0)
			return &m->codes[i];
	}
	return NULL;
}

/* The scope of a field of a scope; DP_PB_NONE: no memory. */
static uint32
find_scope(DpPbReader *r, uint32 parent, const DpPbCode *code)
{
	const DpPbScope *around = &r->scopes[parent];
	uint32		slot = code - around->m->codes;
	DpPbScope  *scope;

	for (uint32 i = 1; i < r->nscopes; i++)
	{
		if (r->scopes[i].parent == parent && r->scopes[i].slot == slot)
			return i;
	}
	scope = realloc(r->scopes, (r->nscopes + 1) * sizeof(*scope));
	if (scope == NULL)
		return DP_PB_NONE;
	r->scopes = scope;
	around = &r->scopes[parent];
	scope += r->nscopes++;
	memset(scope, 0, sizeof(*scope));
	scope->m = &r->program->messages[code->message];
	scope->parent = parent;
	scope->slot = slot;
	scope->pathlen = around->pathlen + code->keylen + 1;
	scope->path = malloc(scope->pathlen);
	scope->has_column = calloc(scope->m->ncodes + 1, sizeof(bool));
	if (scope->path == NULL || scope->has_column == NULL)
		return DP_PB_NONE;
	if (around->pathlen > 0)
		memcpy(scope->path, around->path, around->pathlen);
	memcpy(scope->path + around->pathlen, code->key, code->keylen);
	scope->path[scope->pathlen - 1] = '.';
	around->has_column[slot] = true;
	return r->nscopes - 1;
}

/* Find what a column's field or path names; nothing when there is none.  False: no memory. */
static bool
find_field(DpPbReader *r, DpPbColumn *column, const char *field)
{
	char	   *name = strdup(field);
	char	   *at = name;
	const DpPbCode *code = code_by_name(r->scopes[0].m, field);
	bool		good = name != NULL;

	for (int level = 0; good && code == NULL && level <= DP_PATH_MAX_LEVELS; level++)
	{
		char	   *dot = strchr(at, '.');

		if (dot != NULL)
			*dot = '\0';
		code = code_by_name(r->scopes[column->scope].m, at);
		if (dot == NULL || code == NULL)
			break;
		at = dot + 1;
		if (code->message == DP_PB_NONE || code->repeated || code->is_map)
		{
			code = NULL;
			break;
		}
		column->scope = find_scope(r, column->scope, code);
		good = column->scope != DP_PB_NONE;
		code = NULL;
	}
	free(name);
	if (good && code != NULL)
	{
		column->code = code;
		column->slot = code - r->scopes[column->scope].m->codes;
		r->scopes[column->scope].has_column[column->slot] = true;
	}
	return good;
}

/* Which scopes have a column as a whole, which no other column's value may be cut out of. */
static void
note_wholes(DpPbReader *r)
{
	for (uint32 i = 1; i < r->nscopes; i++)
	{
		DpPbScope  *scope = &r->scopes[i];

		scope->whole = r->scopes[scope->parent].whole;
		for (int c = 0; c < r->ncolumns; c++)
			scope->whole |= r->columns[c].code != NULL && r->columns[c].scope == scope->parent &&
				r->columns[c].slot == scope->slot;
	}
}

bool
dp_pb_bind_columns(DpPbReader *r, const DpReaderOptions *options)
{
	const DpPbCodeMessage *m = &r->program->messages[0];

	r->columns = calloc(options->ncolumns, sizeof(DpPbColumn));
	r->scopes = calloc(1, sizeof(DpPbScope));
	if (r->columns == NULL || r->scopes == NULL)
		return dp_pb_no_memory(r->err);
	r->nscopes = 1;
	r->scopes[0].m = m;
	r->scopes[0].has_column = calloc(m->ncodes + 1, sizeof(bool));
	if (r->scopes[0].has_column == NULL)
		return dp_pb_no_memory(r->err);
	r->ncolumns = options->ncolumns;
	r->rescue = options->rescue;
	for (int i = 0; i < r->ncolumns; i++)
	{
		const DpColumnSpec *spec = &options->columns[i];
		DpPbColumn *column = &r->columns[i];

		column->column.type = spec->type;
		column->column.typmod = spec->typmod;
		column->column.not_null = spec->not_null;
		if (spec->field == NULL)
			continue;
		set_label(&column->column, spec->field);
		if (!find_field(r, column, spec->field))
			return dp_pb_no_memory(r->err);
	}
	note_wholes(r);
	return true;
}

/* ------------------------------------------------------------------- jsonb */

/* What was pushed as a jsonb Datum. */
static bool
take_jsonb(DpPbReader *r, DpColumnValue *out)
{
	size_t		len;
	const char *jsonb = dp_jsonb_write(r->d, &r->d->stack.items[0], &len, r->err);
	char	   *copy;

	if (jsonb == NULL)
		return false;
	copy = dp_arena_alloc(&r->arena, len);
	if (copy == NULL)
		return dp_pb_no_memory(r->err);
	memcpy(copy, jsonb, len);
	out->value = PointerGetDatum(copy);
	return true;
}

static void
begin_nodes(DpPbReader *r)
{
	r->d->stack.len = 0;
	r->d->tape.len = 0;
	r->d->number_bytes = 0;
}

/* ----------------------------------------------------------------- scalars */

bool
dp_pb_from_text(DpPbReader *r, const DpPbColumn *c, const char *text, size_t len, DpColumnValue *out)
{
	DpValueContext ctx = {r->d, &r->arena, text};
	char	   *copy = dp_arena_alloc(&r->arena, len + 2);

	if (copy == NULL)
		return dp_pb_no_memory(r->err);
	memcpy(copy + 1, text, len);
	copy[len + 1] = '\0';
	ctx.base = copy;
	if (dp_value_from_text(&ctx, &c->column, copy + 1, len, true, out, r->err))
		return true;
	r->err->position = DP_NO_POSITION;
	return false;
}

/*
 * A field of a message that is read once becomes a short varlena where it
 * stands: the last byte of its length, which has been read, becomes the header.
 * What lies deeper may be read again for another column.
 */
static bool
put_string(DpPbReader *r, const DpPbColumn *c, const DpPbCode *code, const DpPbRaw *value,
		   DpColumnValue *out)
{
	char	   *copy;

	if (value->len > 0 && !dp_pb_verify_text(r, c->code->name, c->code->namelen, value->u.ptr,
											 value->len))
		return false;
	if (c->column.type != TEXTOID && c->column.type != BYTEAOID)
		return dp_pb_from_text(r, c, value->u.ptr, value->len, out);
	if (likely(code == c->code && !r->scopes[c->scope].whole && value->len > 0 && value->len + VARHDRSZ_SHORT <= VARATT_SHORT_MAX))
	{
		char	   *header = (char *) value->u.ptr - 1;

		SET_VARSIZE_SHORT(header, value->len + VARHDRSZ_SHORT);
		out->value = PointerGetDatum(header);
		return true;
	}
	copy = dp_arena_alloc(&r->arena, VARHDRSZ + value->len);
	if (copy == NULL)
		return dp_pb_no_memory(r->err);
	SET_VARSIZE(copy, VARHDRSZ + value->len);
	if (value->len > 0)
		memcpy(VARDATA(copy), value->u.ptr, value->len);
	out->value = PointerGetDatum(copy);
	return true;
}

/* Bytes that the type of the column takes as they are. */
static bool
put_varlena(DpPbReader *r, const char *bytes, size_t len, DpColumnValue *out)
{
	char	   *copy = dp_arena_alloc(&r->arena, VARHDRSZ + len);

	if (copy == NULL)
		return dp_pb_no_memory(r->err);
	SET_VARSIZE(copy, VARHDRSZ + len);
	if (len > 0)
		memcpy(VARDATA(copy), bytes, len);
	out->value = PointerGetDatum(copy);
	return true;
}

static bool
put_bytes(DpPbReader *r, const DpPbColumn *c, const DpPbRaw *value, DpColumnValue *out)
{
	char	   *text;

	if (c->column.type == BYTEAOID)
		return put_varlena(r, value->u.ptr, value->len, out);
	text = dp_pb_spell(r, ((size_t) value->len + 2) / 3 * 4);
	if (text == NULL)
		return false;
	return dp_pb_from_text(r, c, text, dp_pb_put_base64(text, value->u.ptr, value->len), out);
}

static bool
put_signed(DpPbReader *r, const DpPbColumn *c, int64 value, DpColumnValue *out)
{
	char		text[DP_PB_SPELLED];

	switch (c->column.type)
	{
		case INT8OID:
			out->value = Int64GetDatum(value);
			return true;
		case INT4OID:
			if (value != (int32) value)
				break;
			out->value = Int32GetDatum((int32) value);
			return true;
		case FLOAT8OID:
			out->value = Float8GetDatum((double) value);
			return true;
		default:
			break;
	}
	return dp_pb_from_text(r, c, text, dp_pb_put_integer(text, value) - text, out);
}

static bool
put_unsigned(DpPbReader *r, const DpPbColumn *c, uint64 value, DpColumnValue *out)
{
	char		text[DP_PB_SPELLED];

	if (value <= PG_INT64_MAX)
		return put_signed(r, c, value, out);
	return dp_pb_from_text(r, c, text, dp_pb_put_unsigned(text, value) - text, out);
}

static bool
put_float(DpPbReader *r, const DpPbColumn *c, double value, bool single, DpColumnValue *out)
{
	char		text[DP_PB_SPELLED];
	int			len;

	if (c->column.type == FLOAT8OID)
	{
		out->value = Float8GetDatum(value);
		return true;
	}
	if (c->column.type == FLOAT4OID && single)
	{
		out->value = Float4GetDatum((float) value);
		return true;
	}
	if (isnan(value))
		return dp_pb_from_text(r, c, "NaN", 3, out);
	if (isinf(value))
		return value > 0 ? dp_pb_from_text(r, c, "Infinity", 8, out) :
			dp_pb_from_text(r, c, "-Infinity", 9, out);
	len = single ? float_to_shortest_decimal_bufn((float) value, text) :
		double_to_shortest_decimal_bufn(value, text);
	return dp_pb_from_text(r, c, text, len, out);
}

static bool
put_enum(DpPbReader *r, const DpPbColumn *c, const DpPbCode *code, int32 number,
		 DpColumnValue *out)
{
	const DpPbCodeValue *value;

	if (c->column.type == INT4OID || c->column.type == INT8OID || c->column.type == INT2OID)
		return put_signed(r, c, number, out);
	value = dp_pb_code_value(&r->program->enums[code->enumeration], number);
	if (value == NULL)
		return put_signed(r, c, number, out);
	if (c->column.type == TEXTOID)
		return put_varlena(r, value->name, value->len, out);
	return dp_pb_from_text(r, c, value->name, value->len, out);
}

static bool
put_scalar(DpPbReader *r, const DpPbColumn *c, const DpPbCode *code, const DpPbRaw *value,
		   DpColumnValue *out)
{
	double		number;
	float		single;
	uint32		half = (uint32) value->u.bits;

	switch ((DpPbType) code->type)
	{
		case DP_PB_DOUBLE:
			memcpy(&number, &value->u.bits, sizeof(number));
			return put_float(r, c, number, false, out);
		case DP_PB_FLOAT:
			memcpy(&single, &half, sizeof(single));
			return put_float(r, c, single, true, out);
		case DP_PB_UINT64:
		case DP_PB_FIXED64:
			return put_unsigned(r, c, value->u.bits, out);
		case DP_PB_BOOL:
			if (c->column.type != BOOLOID)
				return value->u.bits ? dp_pb_from_text(r, c, "true", 4, out) :
					dp_pb_from_text(r, c, "false", 5, out);
			out->value = BoolGetDatum(value->u.bits != 0);
			return true;
		case DP_PB_STRING:
			return put_string(r, c, code, value, out);
		case DP_PB_BYTES:
			return put_bytes(r, c, value, out);
		case DP_PB_ENUM:
			return put_enum(r, c, code, (int32) value->u.bits, out);
		default:
			return put_signed(r, c, (int64) value->u.bits, out);
	}
}

/* --------------------------------------------------------------- messages */

static inline int64
number_at(const DpPbReader *r, uint32 base, int i)
{
	return r->slots[base + i].count > 0 ? (int64) r->slots[base + i].value.u.bits : 0;
}

static bool
put_timestamp(DpPbReader *r, const DpPbColumn *c, uint32 base, DpColumnValue *out)
{
	int64		seconds = number_at(r, base, 0);
	int32		nanos = (int32) number_at(r, base, 1);
	char		text[DP_PB_SPELLED];

	if (!dp_pb_is_timestamp(seconds, nanos))
		return dp_error_set(r->err, DP_PB_BAD, DP_NO_POSITION,
							"timestamp of field \"%s\" is out of range", c->column.shown);
	if (c->column.type == TIMESTAMPTZOID && c->column.typmod < 0)
	{
		out->value = Int64GetDatum((seconds - UNIX_TO_POSTGRES_SECONDS) * USECS_PER_SEC +
								   nanos / NANOS_PER_MICRO);
		return true;
	}
	return dp_pb_from_text(r, c, text, dp_pb_spell_timestamp(text, seconds, nanos), out);
}

static bool
put_duration(DpPbReader *r, const DpPbColumn *c, uint32 base, DpColumnValue *out)
{
	int64		seconds = number_at(r, base, 0);
	int32		nanos = (int32) number_at(r, base, 1);
	char		text[DP_PB_SPELLED];
	int			len = dp_pb_spell_duration(text, seconds, nanos);

	if (len == 0)
		return dp_error_set(r->err, DP_PB_BAD, DP_NO_POSITION,
							"duration of field \"%s\" is out of range", c->column.shown);
	if (c->column.type == INTERVALOID && c->column.typmod < 0)
	{
		Interval   *interval = dp_arena_alloc(&r->arena, sizeof(*interval));

		if (interval == NULL)
			return dp_pb_no_memory(r->err);
		memset(interval, 0, sizeof(*interval));
		interval->time = seconds * USECS_PER_SEC + nanos / NANOS_PER_MICRO;
		out->value = PointerGetDatum(interval);
		return true;
	}
	return dp_pb_from_text(r, c, text, len, out);
}

static bool
put_decimal(DpPbReader *r, const DpPbColumn *c, uint32 base, DpColumnValue *out)
{
	DpPbRaw		unscaled = r->slots[base].value;
	size_t		len;
	char	   *text;

	if (r->slots[base].count == 0)
		unscaled.len = 0;
	text = dp_pb_spell_decimal(r, &unscaled, (int32) number_at(r, base, 2), &len);
	return text != NULL && dp_pb_from_text(r, c, text, len, out);
}

static char *
put_two(char *to, int value)
{
	*to++ = '0' + value / 10;
	*to++ = '0' + value % 10;
	return to;
}

static bool
put_date(DpPbReader *r, const DpPbColumn *c, uint32 base, DpColumnValue *out)
{
	int64		year = number_at(r, base, 0);
	int64		month = number_at(r, base, 1);
	int64		day = number_at(r, base, 2);
	char		text[DP_PB_SPELLED];
	char	   *to = text;

	/* A year, or a year and a month, is no day. */
	if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31)
		return dp_error_set(r->err, DP_PB_BAD, DP_NO_POSITION,
							"date of field \"%s\" is no day", c->column.shown);
	to = put_two(put_two(to, year / 100), year % 100);
	*to++ = '-';
	to = put_two(to, month);
	*to++ = '-';
	to = put_two(to, day);
	return dp_pb_from_text(r, c, text, to - text, out);
}

static bool
put_time_of_day(DpPbReader *r, const DpPbColumn *c, uint32 base, DpColumnValue *out)
{
	int64		part[4];
	char		text[DP_PB_SPELLED];
	char	   *to = text;
	static const int64 max[4] = {24, 59, 60, 999999999};

	for (int i = 0; i < 4; i++)
	{
		part[i] = number_at(r, base, i);
		if (part[i] < 0 || part[i] > max[i])
			return dp_error_set(r->err, DP_PB_BAD, DP_NO_POSITION,
								"time of field \"%s\" is out of range", c->column.shown);
	}
	for (int i = 0; i < 3; i++)
	{
		to = put_two(to, part[i]);
		*to++ = i < 2 ? ':' : '.';
	}
	for (int64 unit = 100000; unit > 0; unit /= 10)
		*to++ = '0' + part[3] / NANOS_PER_MICRO / unit % 10;
	return dp_pb_from_text(r, c, text, to - text, out);
}

static bool
put_wrapped(DpPbReader *r, const DpPbColumn *c, const DpPbCode *code, uint32 base,
			DpColumnValue *out)
{
	DpPbRaw		value = r->slots[base].value;

	if (r->slots[base].count == 0)
	{
		value.u.bits = 0;
		value.len = 0;
		if (code->wire == DP_PB_WIRE_BYTES)
			value.u.ptr = r->d->text.data;
	}
	return put_scalar(r, c, code, &value, out);
}

/* A column of another type than jsonb for a message: its plain value, or its JSON. */
static bool
put_message(DpPbReader *r, const DpPbColumn *c, const DpPbSlot *slot, DpColumnValue *out)
{
	const DpPbCodeMessage *m = &r->program->messages[c->code->message];
	uint32		nslots = r->nslots;
	uint32		base;
	bool		good;

	if (!dp_pb_slots(r, m, &base))
		return false;
	for (uint32 i = slot->head; i != DP_PB_NONE; i = r->elements[i].next)
	{
		DpPbRaw		piece = r->elements[i].value;

		if (!dp_pb_read_fields(r, m, base, piece.u.ptr, piece.u.ptr + piece.len))
			return false;
	}
	switch (m->well_known)
	{
		case DP_PB_TIMESTAMP:
			good = put_timestamp(r, c, base, out);
			break;
		case DP_PB_DURATION:
			good = put_duration(r, c, base, out);
			break;
		case DP_PB_WRAPPER:
		case DP_PB_GOOGLE_DECIMAL:
			good = put_wrapped(r, c, &m->codes[0], base, out);
			break;
		case DP_PB_DECIMAL:
			good = put_decimal(r, c, base, out);
			break;
		case DP_PB_DATE:
			good = put_date(r, c, base, out);
			break;
		case DP_PB_TIME_OF_DAY:
			good = put_time_of_day(r, c, base, out);
			break;
		default:
			begin_nodes(r);
			good = dp_pb_push_slots(r, m, base);
			if (good && r->d->stack.items[0].kind == DP_NODE_STRING)
				good = dp_pb_from_text(r, c, r->d->stack.items[0].u.ptr, r->d->stack.items[0].len, out);
			else if (good)
				good = dp_pb_put_json_text(r, c, out);
			break;
	}
	r->nslots = nslots;
	return good;
}

/* ----------------------------------------------------------------- columns */

/* A column of a type that holds JSON. */
static bool
put_json(DpPbReader *r, const DpPbColumn *c, const DpPbSlot *slot, DpColumnValue *out)
{
	begin_nodes(r);
	if (!dp_pb_push_slot(r, c->code, slot))
		return false;
	return c->column.type == JSONBOID ? take_jsonb(r, out) : dp_pb_put_json_text(r, c, out);
}

static bool
fill_column(DpPbReader *r, const DpPbColumn *c, DpColumnValue *out)
{
	DpPbSlot	slot;

	memset(out, 0, sizeof(*out));
	out->isnull = true;
	if (c->code == NULL || r->scopes[c->scope].base == DP_PB_NONE)
		return true;
	slot = r->slots[r->scopes[c->scope].base + c->slot];
	if (slot.count == 0)
	{
		if (c->code->presence)
			return true;
		slot.value.len = 0;
		slot.value.u.bits = 0;
		if (c->code->wire == DP_PB_WIRE_BYTES)
			slot.value.u.ptr = r->d->text.data;
	}
	out->isnull = false;
	if (c->column.type == JSONBOID || c->column.type == JSONOID ||
		c->code->is_map || c->code->repeated)
		return put_json(r, c, &slot, out);
	if (c->code->message != DP_PB_NONE)
		return put_message(r, c, &slot, out);
	return put_scalar(r, c, c->code, &slot.value, out);
}

/* ------------------------------------------------------------------ rescue */

static bool
push_unknown(DpPbReader *r, const DpPbUnknown *u, uint32 *shape)
{
	const DpPbScope *scope = &r->scopes[u->scope];
	char	   *key = dp_pb_spell(r, scope->pathlen + DP_PB_SPELLED);
	DpPbCode	code = {.message = DP_PB_NONE, .enumeration = DP_PB_NONE};

	if (key == NULL)
		return false;
	if (scope->pathlen > 0)
		memcpy(key, scope->path, scope->pathlen);
	if (!dp_pb_push_key(r, key, dp_pb_put_unsigned(key + scope->pathlen, u->number) - key, shape))
		return false;
	code.type = u->wire == DP_PB_WIRE_BYTES || u->wire == DP_PB_WIRE_START ? DP_PB_BYTES :
		u->wire == DP_PB_WIRE_32 ? DP_PB_FIXED32 : DP_PB_FIXED64;
	return dp_pb_push_scalar(r, &code, &u->value);
}

/* The key of a field: its JSON name, inside of others with the way to it. */
static bool
push_field_key(DpPbReader *r, const DpPbScope *scope, const DpPbCode *code, uint32 *shape)
{
	uint32		len = scope->pathlen + code->keylen;
	char	   *key;

	if (scope->pathlen == 0)
		return dp_pb_push_key(r, code->key, code->keylen, shape);
	key = dp_pb_spell(r, len);
	if (key == NULL)
		return false;
	memcpy(key, scope->path, scope->pathlen);
	memcpy(key + scope->pathlen, code->key, code->keylen);
	return dp_pb_push_key(r, key, len, shape);
}

/* Fields of a message that have no column. */
static bool
rescue_scope(DpPbReader *r, const DpPbScope *scope, uint32 *shape)
{
	const DpPbCodeMessage *m = scope->m;

	for (uint32 i = 0; i < m->ncodes; i++)
	{
		DpPbSlot	slot = r->slots[scope->base + i];

		if (slot.count == 0 || scope->has_column[i])
			continue;
		if (!push_field_key(r, scope, &m->codes[i], shape) ||
			!dp_pb_push_slot(r, &m->codes[i], &slot))
			return false;
	}
	return true;
}

/* An object of the fields without a column; of unknown ones the number is the key. */
static bool
fill_rescue(DpPbReader *r, DpColumnValue *out)
{
	uint32		shape = DP_SHAPE_ROOT;

	begin_nodes(r);
	memset(out, 0, sizeof(*out));
	for (uint32 i = 0; i < r->nscopes; i++)
	{
		if (r->scopes[i].base != DP_PB_NONE && !r->scopes[i].whole && !rescue_scope(r, &r->scopes[i], &shape))
			return false;
	}
	for (uint32 i = 0; i < r->nunknowns; i++)
	{
		if (!push_unknown(r, &r->unknowns[i], &shape))
			return false;
	}
	out->isnull = r->d->stack.len == 0;
	if (out->isnull)
		return true;
	if (!dp_nodes_close(r->d, 0, DP_NODE_OBJECT, shape))
		return dp_pb_no_memory(r->err);
	return take_jsonb(r, out);
}

static bool
check_required(DpPbReader *r, const DpPbCodeMessage *m, uint32 base)
{
	for (uint32 i = 0; m->any_required && i < m->ncodes; i++)
	{
		if (m->codes[i].required && r->slots[base + i].count == 0)
			return dp_error_set(r->err, DP_PB_BAD, DP_NO_POSITION,
								"required field \"%.*s\" is missing",
								(int) Min(m->codes[i].namelen, DP_LABEL_SHOWN), m->codes[i].name);
	}
	return true;
}

/* A message inside of one whose slots are filled. */
static bool
read_scope(DpPbReader *r, uint32 i)
{
	DpPbScope  *scope = &r->scopes[i];
	const DpPbScope *around = &r->scopes[scope->parent];
	uint32		nunknowns = r->nunknowns;
	DpPbSlot	slot;

	scope->base = DP_PB_NONE;
	if (around->base == DP_PB_NONE || r->slots[around->base + scope->slot].count == 0)
		return true;
	if (!dp_pb_slots(r, scope->m, &scope->base))
		return false;
	slot = r->slots[around->base + scope->slot];
	for (uint32 e = slot.head; e != DP_PB_NONE; e = r->elements[e].next)
	{
		DpPbRaw		piece = r->elements[e].value;

		if (!dp_pb_read_fields(r, scope->m, scope->base, piece.u.ptr, piece.u.ptr + piece.len))
			return false;
	}
	for (uint32 u = nunknowns; u < r->nunknowns; u++)
		r->unknowns[u].scope = i;
	return check_required(r, scope->m, scope->base);
}

bool
dp_pb_to_columns(DpMessageReader *self, const char *src, size_t len, DpColumnValue *values,
				 DpError *err)
{
	DpPbReader *r = (DpPbReader *) self;
	DpPbScope  *root = r->scopes;
	bool		good;

	if (!dp_pb_load(r, src, len, err) || !dp_pb_slots(r, root->m, &root->base))
		return false;
	r->depth = 1;
	r->keep_unknown = r->rescue;
	good = dp_pb_read_fields(r, root->m, root->base, r->d->text.data, r->d->text.data + len) &&
		check_required(r, root->m, root->base);
	for (uint32 u = 0; u < r->nunknowns; u++)
		r->unknowns[u].scope = 0;
	for (uint32 i = 1; good && i < r->nscopes; i++)
		good = read_scope(r, i);
	r->keep_unknown = false;
	if (!good)
		return false;
	for (int i = 0; i < r->ncolumns; i++)
	{
		const DpPbColumn *c = &r->columns[i];

		if (!fill_column(r, c, &values[i]))
			return false;
		if (values[i].isnull && c->column.not_null)
			return dp_error_set(err, "23502", DP_NO_POSITION,
								"field \"%s\" is null or missing, which its column forbids",
								c->column.shown);
	}
	return !r->rescue || fill_rescue(r, &values[r->ncolumns]);
}
