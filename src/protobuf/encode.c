/*-------------------------------------------------------------------------
 *
 * encode.c
 *	  jsonb to the wire format.
 *
 * Takes what ProtoJSON lets parsers take: numbers as strings, enums by name
 * or number, both alphabets of base64, a field by either of its names, null
 * for a field that is not there.  Fields are written by number, so one value
 * has one encoding.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "formats/numbers.h"
#include "formats/text.h"
#include "protobuf/encoder.h"

#define MAX_SHOWN 60			/* bytes of a name in messages */
#define CHECK_EVERY 65536		/* values between two looks for interrupts */

bool
dp_pb_encode_fail(DpPbEncoder *e, const DpPbCode *code, const char *what)
{
	if (code == NULL)
		return dp_error_set(e->err, DP_SQLSTATE_BAD_MESSAGE, DP_NO_POSITION, "message %s", what);
	return dp_error_set(e->err, DP_SQLSTATE_BAD_MESSAGE, DP_NO_POSITION,
						"value of field \"%.*s\" %s", (int) Min(code->namelen, MAX_SHOWN),
						code->name, what);
}

bool
dp_pb_encode_deeper(DpPbEncoder *e)
{
	if (++e->depth > DP_MESSAGE_MAX_DEPTH)
		return dp_error_set(e->err, "54001", DP_NO_POSITION,
							"message is nested deeper than the limit of %d levels",
							DP_MESSAGE_MAX_DEPTH);
	return true;
}

size_t
dp_pb_open(DpPbEncoder *e, int32 number)
{
	dp_pb_put_tag(e->out, number, DP_PB_WIRE_BYTES);
	return e->out->len;
}

bool
dp_pb_close(DpPbEncoder *e, size_t start)
{
	DpBuf	   *out = e->out;
	size_t		len = out->len - start;
	size_t		n = 1;

	for (size_t rest = len; rest >= 0x80; rest >>= 7)
		n++;
	if (out->oom || !dp_buf_reserve(out, n))
		return dp_pb_no_memory(e->err);
	memmove(out->data + start + n, out->data + start, len);
	out->len = start;
	dp_pb_put_varint(out, len);
	out->len = start + n + len;
	return true;
}

/* ----------------------------------------------------------------- numbers */

/* The number or the string as text with a NUL behind it; NULL when it is neither. */
static const char *
number_text(DpPbEncoder *e, const DpJsonbItem *json)
{
	if (json->kind == DP_JSONB_NUMBER)
		return dp_jsonb_number_text(json, &e->number) ? e->number.data : NULL;
	if (json->kind != DP_JSONB_STRING)
		return NULL;
	dp_buf_reset(&e->number);
	dp_buf_append(&e->number, json->ptr, json->len);
	dp_buf_append(&e->number, "", 1);
	return e->number.oom ? NULL : e->number.data;
}

/* Is the text a number of JSON? */
static bool
is_number(const char *p)
{
	p += *p == '-';
	if (*p == '0')
		p++;
	else if (*p >= '1' && *p <= '9')
	{
		while (dp_is_digit(*p))
			p++;
	}
	else
		return false;
	if (*p == '.')
	{
		if (!dp_is_digit(*++p))
			return false;
		while (dp_is_digit(*p))
			p++;
	}
	if (*p == 'e' || *p == 'E')
	{
		p++;
		p += *p == '+' || *p == '-';
		if (!dp_is_digit(*p))
			return false;
		while (dp_is_digit(*p))
			p++;
	}
	return *p == '\0';
}

/* A whole number; "1.0" and "1e3" are such, too. */
static bool
parse_whole(const char *text, bool *negative, uint64 *magnitude)
{
	const char *p = text;
	double		v;

	if (!is_number(text))
		return false;
	*negative = *p == '-';
	p += *negative;
	*magnitude = 0;
	for (; dp_is_digit(*p); p++)
	{
		if (*magnitude > (PG_UINT64_MAX - (*p - '0')) / 10)
			return false;
		*magnitude = *magnitude * 10 + (*p - '0');
	}
	if (*p == '.')
	{
		const char *q = p + 1;

		while (*q == '0')
			q++;
		if (*q == '\0')
			return true;
	}
	if (*p == '\0')
		return true;
	if (!dp_float8_parse(text, NULL, &v) || v != floor(v) || fabs(v) > 9007199254740992.0)
		return false;
	*magnitude = (uint64) fabs(v);
	return true;
}

static bool
encode_integer(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json, uint64 *bits)
{
	const char *text = number_text(e, json);
	bool		wide = code->type == DP_PB_INT64 || code->type == DP_PB_SINT64 ||
		code->type == DP_PB_SFIXED64 || code->type == DP_PB_UINT64 || code->type == DP_PB_FIXED64;
	bool		is_unsigned = code->type == DP_PB_UINT64 || code->type == DP_PB_FIXED64 ||
		code->type == DP_PB_UINT32 || code->type == DP_PB_FIXED32;
	bool		negative;
	uint64		magnitude;
	uint64		max;

	if (text == NULL || !parse_whole(text, &negative, &magnitude))
		return dp_pb_encode_fail(e, code, "is no integer");
	if (is_unsigned)
		max = negative ? 0 : wide ? PG_UINT64_MAX : PG_UINT32_MAX;
	else
		max = (wide ? PG_INT64_MAX : PG_INT32_MAX) + (uint64) negative;
	if (magnitude > max)
		return dp_pb_encode_fail(e, code, "is out of range");
	*bits = negative ? 0 - magnitude : magnitude;
	return true;
}

static bool
encode_float(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json, uint64 *bits)
{
	const char *text = number_text(e, json);
	double		v;

	if (text == NULL)
		return dp_pb_encode_fail(e, code, "is no number");
	if (json->kind == DP_JSONB_STRING && strcmp(text, "NaN") == 0)
		v = NAN;
	else if (json->kind == DP_JSONB_STRING && strcmp(text, "Infinity") == 0)
		v = INFINITY;
	else if (json->kind == DP_JSONB_STRING && strcmp(text, "-Infinity") == 0)
		v = -INFINITY;
	else if (!is_number(text))
		return dp_pb_encode_fail(e, code, "is no number");
	else if (!dp_float8_parse(text, NULL, &v))
		return dp_pb_encode_fail(e, code, "is out of range");
	if (code->type == DP_PB_FLOAT)
	{
		float		f = isfinite(v) && fabs(v) > FLT_MAX ?
			(fabs(v) < FLT_MAX * (1 + FLT_EPSILON / 4) ? copysign(FLT_MAX, v) : INFINITY) : v;
		uint32		half;

		if (isfinite(v) && !isfinite(f))
			return dp_pb_encode_fail(e, code, "is out of range");
		memcpy(&half, &f, sizeof(half));
		*bits = half;
	}
	else
		memcpy(bits, &v, sizeof(v));
	return true;
}

static bool
encode_enum(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json, uint64 *bits)
{
	const DpPbCodeEnum *en = &e->program->enums[code->enumeration];
	DpPbCode	number = *code;

	if (json->kind == DP_JSONB_NULL && en->is_null)
	{
		*bits = 0;
		return true;
	}
	if (json->kind == DP_JSONB_STRING)
	{
		for (uint32 i = 0; i < en->nvalues; i++)
		{
			if (en->values[i].len == json->len &&
				memcmp(en->values[i].name, json->ptr, json->len) == 0)
			{
				*bits = (uint64) (int64) en->values[i].number;
				return true;
			}
		}
		return dp_pb_encode_fail(e, code, "is no value of its enum");
	}
	number.type = DP_PB_INT32;
	return encode_integer(e, &number, json, bits);
}

static bool
encode_bool(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json, uint64 *bits)
{
	if (json->kind != DP_JSONB_TRUE && json->kind != DP_JSONB_FALSE)
		return dp_pb_encode_fail(e, code, "is no boolean");
	*bits = json->kind == DP_JSONB_TRUE;
	return true;
}

static bool
encode_bits(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json, uint64 *bits)
{
	switch ((DpPbType) code->type)
	{
		case DP_PB_DOUBLE:
		case DP_PB_FLOAT:
			return encode_float(e, code, json, bits);
		case DP_PB_BOOL:
			return encode_bool(e, code, json, bits);
		case DP_PB_ENUM:
			return encode_enum(e, code, json, bits);
		default:
			return encode_integer(e, code, json, bits);
	}
}

static void
put_bits(DpPbEncoder *e, const DpPbCode *code, uint64 bits)
{
	if (code->wire == DP_PB_WIRE_64)
		dp_pb_put_fixed(e->out, bits, 8);
	else if (code->wire == DP_PB_WIRE_32)
		dp_pb_put_fixed(e->out, bits, 4);
	else if (code->type == DP_PB_SINT32)
		dp_pb_put_varint(e->out, (uint32) dp_pb_zigzag((int64) bits));
	else if (code->type == DP_PB_SINT64)
		dp_pb_put_varint(e->out, dp_pb_zigzag((int64) bits));
	else
		dp_pb_put_varint(e->out, bits);
}

/* ------------------------------------------------------------------ values */

static bool
encode_string(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json)
{
	DpBuf		bytes = {0};
	bool		good = true;

	if (json->kind != DP_JSONB_STRING)
		return dp_pb_encode_fail(e, code, "is no string");
	if (code->type == DP_PB_STRING)
	{
		if (json->len > 0 || code->presence || code->repeated)
			dp_pb_put_bytes(e->out, code->number, json->ptr, json->len);
		return true;
	}
	if (!dp_pb_base64_decode(json->ptr, json->len, &bytes))
		good = dp_pb_encode_fail(e, code, "is no base64");
	else if (bytes.len > 0 || code->presence || code->repeated)
		dp_pb_put_bytes(e->out, code->number, bytes.data, bytes.len);
	dp_buf_free(&bytes);
	return good;
}

/* A message as a field: with its length before it, or as a group. */
static bool
encode_inner(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json)
{
	const DpPbCodeMessage *m = &e->program->messages[code->message];
	size_t		start;

	if (code->type == DP_PB_GROUP)
	{
		dp_pb_put_tag(e->out, code->number, DP_PB_WIRE_START);
		if (!dp_pb_encode_message(e, m, json, code))
			return false;
		dp_pb_put_tag(e->out, code->number, DP_PB_WIRE_END);
		return true;
	}
	start = dp_pb_open(e, code->number);
	return dp_pb_encode_message(e, m, json, code) && dp_pb_close(e, start);
}

static bool
encode_value(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json)
{
	uint64		bits;

	if (++e->nvalues % CHECK_EVERY == 0 && dp_pb_interrupted(e->err))
		return false;
	if (code->message != DP_PB_NONE)
		return encode_inner(e, code, json);
	if (code->wire == DP_PB_WIRE_BYTES)
		return encode_string(e, code, json);
	if (!encode_bits(e, code, json, &bits))
		return false;
	if (bits != 0 || code->presence || code->repeated)
	{
		dp_pb_put_tag(e->out, code->number, code->wire);
		put_bits(e, code, bits);
	}
	return true;
}

/* Does null stand for a value of the field, and not for its absence? */
static bool
takes_null(const DpPbEncoder *e, const DpPbCode *code)
{
	if (code->message != DP_PB_NONE)
		return e->program->messages[code->message].well_known == DP_PB_VALUE && !code->is_map;
	return code->enumeration != DP_PB_NONE && e->program->enums[code->enumeration].is_null;
}

static bool
encode_array(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json)
{
	DpJsonbWalk walk;
	size_t		start = 0;

	if (json->kind != DP_JSONB_ARRAY)
		return dp_pb_encode_fail(e, code, "is no array");
	if (json->len == 0)
		return true;
	if (code->packed)
		start = dp_pb_open(e, code->number);
	walk = dp_jsonb_walk(json);
	for (uint32 i = 0; i < json->len; i++)
	{
		DpJsonbItem element = dp_jsonb_next(&walk);
		uint64		bits;

		if (element.kind == DP_JSONB_NULL && !takes_null(e, code))
			return dp_pb_encode_fail(e, code, "contains null");
		if (!code->packed)
		{
			if (!encode_value(e, code, &element))
				return false;
			continue;
		}
		if (!encode_bits(e, code, &element, &bits))
			return false;
		put_bits(e, code, bits);
	}
	return !code->packed || dp_pb_close(e, start);
}

/* The key of a map from its spelling in JSON. */
static bool
encode_key(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json)
{
	DpJsonbItem key = *json;

	if (code->type == DP_PB_BOOL)
	{
		if (key.len == 4 && memcmp(key.ptr, "true", 4) == 0)
			key.kind = DP_JSONB_TRUE;
		else if (key.len == 5 && memcmp(key.ptr, "false", 5) == 0)
			key.kind = DP_JSONB_FALSE;
	}
	return encode_value(e, code, &key);
}

static bool
encode_map(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json)
{
	const DpPbCode *codes = e->program->messages[code->message].codes;
	DpJsonbWalk keys;
	DpJsonbWalk values;

	if (json->kind != DP_JSONB_OBJECT)
		return dp_pb_encode_fail(e, code, "is no object");
	keys = dp_jsonb_walk(json);
	values = dp_jsonb_walk_values(json);
	for (uint32 i = 0; i < json->len; i++)
	{
		DpJsonbItem key = dp_jsonb_next(&keys);
		DpJsonbItem value = dp_jsonb_next(&values);
		size_t		start = dp_pb_open(e, code->number);

		if (value.kind == DP_JSONB_NULL && !takes_null(e, &codes[1]))
			return dp_pb_encode_fail(e, code, "contains null");
		if (!encode_key(e, &codes[0], &key) || !encode_value(e, &codes[1], &value) ||
			!dp_pb_close(e, start))
			return false;
	}
	return true;
}

bool
dp_pb_encode_field(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json)
{
	if (json->kind == DP_JSONB_NULL && (!takes_null(e, code) || code->repeated))
		return true;
	if (code->is_map)
		return encode_map(e, code, json);
	if (code->repeated)
		return encode_array(e, code, json);
	return encode_value(e, code, json);
}

/* ---------------------------------------------------------------- messages */

static uint32
hash_name(const char *name, uint32 len)
{
	uint32		h = 2166136261u;

	for (uint32 i = 0; i < len; i++)
		h = (h ^ (unsigned char) name[i]) * 16777619u;
	return h ^ (h >> 15);
}

static bool
is_named(const DpPbCode *code, const char *name, uint32 len)
{
	return (code->keylen == len && memcmp(code->key, name, len) == 0) ||
		(code->namelen == len && memcmp(code->name, name, len) == 0);
}

/* Both names of all fields; the table is twice as large as it must be. */
static bool
index_names(DpPbCodeMessage *m)
{
	uint32		nbuckets = 8;

	while (nbuckets < 4 * m->ncodes)
		nbuckets *= 2;
	m->by_name = calloc(nbuckets, sizeof(uint32));
	if (m->by_name == NULL)
		return false;
	m->nbuckets = nbuckets;
	for (uint32 pass = 0; pass < 2; pass++)
	{
		for (uint32 i = 0; i < m->ncodes; i++)
		{
			const char *name = pass == 0 ? m->codes[i].key : m->codes[i].name;
			uint32		len = pass == 0 ? m->codes[i].keylen : m->codes[i].namelen;
			uint32		at = hash_name(name, len) & (nbuckets - 1);

			while (m->by_name[at] != 0)
				at = (at + 1) & (nbuckets - 1);
			m->by_name[at] = i + 1;
		}
	}
	return true;
}

/* A field by either of its names; NULL when there is none. */
static const DpPbCode *
find_field(const DpPbCodeMessage *m, const char *name, uint32 len)
{
	uint32		at = hash_name(name, len) & (m->nbuckets - 1);

	for (; m->by_name[at] != 0; at = (at + 1) & (m->nbuckets - 1))
	{
		const DpPbCode *code = &m->codes[m->by_name[at] - 1];

		if (is_named(code, name, len))
			return code;
	}
	return NULL;
}

/* Put the members of an object where the fields they name are. */
static bool
sort_members(DpPbEncoder *e, const DpPbCodeMessage *m, const DpJsonbItem *json, const char *skip,
			 DpJsonbItem *members)
{
	DpJsonbWalk keys = dp_jsonb_walk(json);
	DpJsonbWalk values = dp_jsonb_walk_values(json);

	for (uint32 i = 0; i < json->len; i++)
	{
		DpJsonbItem key = dp_jsonb_next(&keys);
		DpJsonbItem value = dp_jsonb_next(&values);
		const DpPbCode *code;

		if (skip != NULL && key.len == strlen(skip) && memcmp(key.ptr, skip, key.len) == 0)
			continue;
		code = find_field(m, key.ptr, key.len);
		if (code == NULL)
		{
			int			shown = dp_utf8_prefix(key.ptr, key.len, MAX_SHOWN / 4);

			return dp_error_set(e->err, DP_SQLSTATE_BAD_MESSAGE, DP_NO_POSITION,
								"message \"%.60s\" has no field \"%.*s\"", m->full_name,
								shown, key.ptr);
		}
		if (members[code - m->codes].ptr != NULL)
			return dp_pb_encode_fail(e, code, "is given by both names");
		members[code - m->codes] = value;
	}
	return true;
}

static bool
write_members(DpPbEncoder *e, const DpPbCodeMessage *m, uint32 base)
{
	uint32	   *chosen = NULL;
	bool		good = true;

	if (m->noneofs > 0)
	{
		chosen = calloc(m->noneofs, sizeof(uint32));
		if (chosen == NULL)
			return dp_pb_no_memory(e->err);
	}
	for (uint32 i = 0; good && i < m->ncodes; i++)
	{
		const DpPbCode *code = &m->codes[i];
		DpJsonbItem value = e->members[base + i];

		if (value.ptr == NULL || (value.kind == DP_JSONB_NULL && !takes_null(e, code)))
		{
			if (code->required)
				good = dp_pb_encode_fail(e, code, "is required");
			continue;
		}
		if (code->oneof >= 0 && chosen[code->oneof]++ > 0)
			good = dp_pb_encode_fail(e, code, "and another of its oneof are both given");
		if (good)
			good = dp_pb_encode_field(e, code, &value);
	}
	free(chosen);
	return good;
}

bool
dp_pb_encode_members(DpPbEncoder *e, const DpPbCodeMessage *m, const DpJsonbItem *json,
					 const char *skip, const DpPbCode *at)
{
	uint32		base = e->nmembers;
	bool		good;

	if (json->kind != DP_JSONB_OBJECT)
		return dp_pb_encode_fail(e, at, "is no object");
	if (m->by_name == NULL && !index_names((DpPbCodeMessage *) m))
		return dp_pb_no_memory(e->err);
	if (e->members_cap - base < m->ncodes)
	{
		uint32		cap = Max(2 * e->members_cap, base + m->ncodes);
		DpJsonbItem *members = realloc(e->members, cap * sizeof(DpJsonbItem));

		if (members == NULL)
			return dp_pb_no_memory(e->err);
		e->members = members;
		e->members_cap = cap;
	}
	e->nmembers += m->ncodes;
	if (m->ncodes > 0)
		memset(e->members + base, 0, m->ncodes * sizeof(DpJsonbItem));
	good = sort_members(e, m, json, skip, e->members + base) && write_members(e, m, base);
	e->nmembers = base;
	return good;
}

bool
dp_pb_encode_message(DpPbEncoder *e, const DpPbCodeMessage *m, const DpJsonbItem *json,
					 const DpPbCode *at)
{
	bool		good;

	if (!dp_pb_encode_deeper(e))
		return false;
	if (m->well_known != DP_PB_ORDINARY && m->well_known < DP_PB_DECIMAL)
		good = dp_pb_encode_special(e, m, json, at);
	else
		good = dp_pb_encode_members(e, m, json, NULL, at);
	e->depth--;
	return good;
}

/*
 * The program is kept with the schema, which else does not change: encoding
 * belongs to one thread.
 */
bool
dp_pb_encode(const DpSchema *base, const DpMessagePath *path, const char *jsonb, DpBuf *out,
			 DpError *err)
{
	DpPbSchema *schema = (DpPbSchema *) base;
	const DpPbMessage *root = dp_pb_message_at(schema, path, err);
	DpPbEncoder e = {NULL, out};
	DpJsonbItem json = dp_jsonb_root(jsonb);
	bool		good;

	if (root == NULL)
		return false;
	if (schema->encoder_root != root)
	{
		DpPbProgram *program = dp_pb_compile(schema, root, err);

		if (program == NULL)
			return false;
		dp_pb_program_free(schema->encoder);
		schema->encoder = program;
		schema->encoder_root = root;
	}
	e.program = schema->encoder;
	e.err = err;
	good = dp_pb_encode_message(&e, &e.program->messages[0], &json, NULL);
	if (good && out->oom)
		good = dp_pb_no_memory(err);
	free(e.members);
	dp_buf_free(&e.number);
	return good;
}
