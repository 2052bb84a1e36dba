/*-------------------------------------------------------------------------
 *
 * emit.c
 *	  From the slots of a message to nodes, by the rules of ProtoJSON.
 *
 * 64 bit integers are strings, bytes are base64, enums their names; a field
 * without presence that is zero, and an empty list or map, are left out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"

#include "formats/text.h"
#include "protobuf/reader.h"

#define SPELL_BLOCK 16384		/* bytes of the arena taken at once */
#define SPELL_PADDING 16		/* that a short copy may read behind a string */
#define EXACT_DOUBLE 9007199254740992.0 /* 2^53: whole numbers below are spelled in full */
#define EXACT_FLOAT 16777216.0	/* 2^24 */
#define MAX_SHOWN 60			/* bytes of a field's name in messages */

char *
dp_pb_spell(DpPbReader *r, size_t len)
{
	char	   *result;

	len += SPELL_PADDING;
	if ((size_t) (r->spell_end - r->spell_at) < len)
	{
		size_t		block = Max(len, SPELL_BLOCK);

		r->spell_at = dp_arena_alloc(&r->arena, block);
		if (r->spell_at == NULL)
		{
			r->spell_end = NULL;
			dp_pb_no_memory(r->err);
			return NULL;
		}
		r->spell_end = r->spell_at + block;
	}
	result = r->spell_at;
	r->spell_at += len - SPELL_PADDING;
	return result;
}

char *
dp_pb_put_unsigned(char *to, uint64 value)
{
	char		digits[20];
	int			n = 0;

	do
	{
		digits[n++] = '0' + value % 10;
		value /= 10;
	} while (value != 0);
	while (n > 0)
		*to++ = digits[--n];
	return to;
}

char *
dp_pb_put_integer(char *to, int64 value)
{
	if (value >= 0)
		return dp_pb_put_unsigned(to, value);
	*to++ = '-';
	return dp_pb_put_unsigned(to, 0 - (uint64) value);
}

size_t
dp_pb_put_base64(char *to, const char *bytes, size_t len)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *u = (const unsigned char *) bytes;
	char	   *start = to;

	for (; len >= 3; len -= 3, u += 3)
	{
		uint32		v = (uint32) u[0] << 16 | (uint32) u[1] << 8 | u[2];

		*to++ = alphabet[v >> 18];
		*to++ = alphabet[(v >> 12) & 63];
		*to++ = alphabet[(v >> 6) & 63];
		*to++ = alphabet[v & 63];
	}
	if (len > 0)
	{
		uint32		v = (uint32) u[0] << 16 | (len > 1 ? (uint32) u[1] << 8 : 0);

		*to++ = alphabet[v >> 18];
		*to++ = alphabet[(v >> 12) & 63];
		*to++ = len > 1 ? alphabet[(v >> 6) & 63] : '=';
		*to++ = '=';
	}
	return to - start;
}

/* ------------------------------------------------------------------ leaves */

/* A string that lies outside of the text. */
bool
dp_pb_push_string(DpPbReader *r, const char *text, size_t len)
{
	DpNode	   *node = dp_pb_node(r);

	if (node == NULL)
		return false;
	node->kind = DP_NODE_STRING;
	node->len = len;
	node->u.ptr = text;
	r->d->number_bytes += len;
	return true;
}

static bool
push_simple(DpPbReader *r, DpNodeKind kind)
{
	DpNode	   *node = dp_pb_node(r);

	if (node == NULL)
		return false;
	node->kind = kind;
	return true;
}

static bool
push_integer(DpPbReader *r, int64 value)
{
	DpNode	   *node = dp_pb_node(r);

	if (node == NULL)
		return false;
	node->kind = DP_NODE_SMALL;
	node->negative = value < 0;
	node->scale = 0;
	node->u.mantissa = value < 0 ? -value : value;
	return true;
}

static bool
push_quoted_integer(DpPbReader *r, uint64 bits, bool is_signed)
{
	char	   *text = dp_pb_spell(r, DP_PB_SPELLED);
	char	   *end;

	if (text == NULL)
		return false;
	end = is_signed ? dp_pb_put_integer(text, (int64) bits) : dp_pb_put_unsigned(text, bits);
	return dp_pb_push_string(r, text, end - text);
}

/* A number as the server's own shortest spelling of it. */
static bool
push_float(DpPbReader *r, double value, bool single)
{
	DpNode	   *node;
	char	   *text;

	if (isnan(value))
		return dp_pb_push_string(r, "NaN             ", 3);
	if (isinf(value))
		return value > 0 ? dp_pb_push_string(r, "Infinity        ", 8) :
			dp_pb_push_string(r, "-Infinity       ", 9);
	if (fabs(value) < (single ? EXACT_FLOAT : EXACT_DOUBLE) && value == (double) (int64) value)
		return push_integer(r, (int64) value);
	text = dp_pb_spell(r, DP_PB_SPELLED);
	node = dp_pb_node(r);
	if (text == NULL || node == NULL)
		return false;
	node->kind = DP_NODE_NUMBER;
	node->len = single ? float_to_shortest_decimal_bufn((float) value, text) :
		double_to_shortest_decimal_bufn(value, text);

	/* What takes the number apart stops at a NUL. */
	text[node->len] = '\0';
	node->u.ptr = text;
	r->d->number_bytes += DP_PB_SPELLED;
	return true;
}

bool
dp_pb_verify_text(DpPbReader *r, const char *name, uint32 namelen, const char *text, size_t len)
{
	size_t		bad;

	if (dp_utf8_verify(text, len, &bad))
		return true;
	return dp_error_set(r->err, text[bad] == '\0' ? "22P05" : "22021",
						dp_pb_position(r, text + bad), text[bad] == '\0' ?
						"field \"%.*s\" contains a zero byte, which no text can hold" :
						"field \"%.*s\" is not valid UTF-8",
						(int) Min(namelen, MAX_SHOWN), name);
}

static bool
push_text(DpPbReader *r, const DpPbCode *code, const DpPbRaw *value)
{
	DpNode	   *node;

	if (!dp_pb_verify_text(r, code->name, code->namelen, value->u.ptr, value->len))
		return false;
	node = dp_pb_node(r);
	if (node == NULL)
		return false;
	node->kind = DP_NODE_STRING;
	node->len = value->len;
	node->u.ptr = value->u.ptr;
	return true;
}

static bool
push_bytes(DpPbReader *r, const DpPbRaw *value)
{
	size_t		len = ((size_t) value->len + 2) / 3 * 4;
	char	   *text = dp_pb_spell(r, len);

	if (text == NULL)
		return false;
	return dp_pb_push_string(r, text, dp_pb_put_base64(text, value->u.ptr, value->len));
}

static bool
push_enum(DpPbReader *r, const DpPbCode *code, int32 number)
{
	const DpPbCodeEnum *e = &r->program->enums[code->enumeration];
	const DpPbCodeValue *value;

	if (e->is_null)
		return push_simple(r, DP_NODE_NULL);
	value = dp_pb_code_value(e, number);
	if (value == NULL)
		return push_integer(r, number);
	return dp_pb_push_string(r, value->name, value->len);
}

static inline double
double_of(uint64 bits)
{
	double		v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline float
float_of(uint64 bits)
{
	uint32		half = (uint32) bits;
	float		v;

	memcpy(&v, &half, sizeof(v));
	return v;
}

bool
dp_pb_push_scalar(DpPbReader *r, const DpPbCode *code, const DpPbRaw *value)
{
	switch ((DpPbType) code->type)
	{
		case DP_PB_DOUBLE:
			return push_float(r, double_of(value->u.bits), false);
		case DP_PB_FLOAT:
			return push_float(r, float_of(value->u.bits), true);
		case DP_PB_INT64:
		case DP_PB_SINT64:
		case DP_PB_SFIXED64:
			return push_quoted_integer(r, value->u.bits, true);
		case DP_PB_UINT64:
		case DP_PB_FIXED64:
			return push_quoted_integer(r, value->u.bits, false);
		case DP_PB_INT32:
		case DP_PB_SINT32:
		case DP_PB_SFIXED32:
		case DP_PB_UINT32:
		case DP_PB_FIXED32:
			return push_integer(r, (int64) value->u.bits);
		case DP_PB_BOOL:
			return push_simple(r, value->u.bits ? DP_NODE_TRUE : DP_NODE_FALSE);
		case DP_PB_ENUM:
			return push_enum(r, code, (int32) value->u.bits);
		case DP_PB_STRING:
			return push_text(r, code, value);
		case DP_PB_BYTES:
			return push_bytes(r, value);
		case DP_PB_NAMED:
		case DP_PB_GROUP:
		case DP_PB_MESSAGE:
			break;
	}
	return dp_pb_push_span(r, &r->program->messages[code->message], value->u.ptr, value->len);
}

bool
dp_pb_push_key(DpPbReader *r, const char *key, uint32 len, uint32 *shape)
{
	DpShapes   *shapes = &r->d->shapes;

	if (*shape != DP_SHAPE_NONE)
	{
		uint32		guess = shapes->items[*shape].predicted;

		if (guess == DP_SHAPE_NONE || shapes->items[guess].keylen != len ||
			memcmp(shapes->items[guess].key, key, len) != 0)
			guess = dp_shapes_step(shapes, *shape, key, len);
		*shape = guess;
	}
	return dp_pb_push_string(r, key, len);
}

/* -------------------------------------------------------------- containers */

/* Numbers side by side, each a node. */
static bool
push_packed(DpPbReader *r, const DpPbCode *code, const DpPbRaw *run)
{
	const char *p = run->u.ptr;
	const char *end = p + run->len;

	while (p < end)
	{
		const char *next;
		DpPbRaw		value = {.len = DP_PB_NOT_PACKED};

		next = dp_pb_read_number(r, code, p, end, &value.u.bits);
		if (next == NULL || !dp_pb_count(r))
			return false;
		p = next;
		if (code->closed && code->enumeration != DP_PB_NONE &&
			dp_pb_code_value(&r->program->enums[code->enumeration],
							 (int32) value.u.bits) == NULL)
		{
			r->nunknown++;
			continue;
		}
		if (!dp_pb_push_scalar(r, code, &value))
			return false;
	}
	return true;
}

static bool
push_array(DpPbReader *r, const DpPbCode *code, const DpPbSlot *slot)
{
	uint32		base = r->d->stack.len;
	uint32		next = slot->count > 0 ? slot->head : DP_PB_NONE;

	while (next != DP_PB_NONE)
	{
		DpPbElement element = r->elements[next];
		bool		good = code->packable && element.value.len != DP_PB_NOT_PACKED ?
			push_packed(r, code, &element.value) :
			dp_pb_push_scalar(r, code, &element.value);

		if (!good)
			return false;
		next = element.next;
	}
	if (!dp_nodes_close(r->d, base, DP_NODE_ARRAY, DP_SHAPE_NONE))
		return dp_pb_no_memory(r->err);
	return true;
}

/* The key of a map entry, which JSON spells as a string. */
static bool
push_map_key(DpPbReader *r, const DpPbCode *code, const DpPbSlot *slot, uint32 *shape)
{
	DpPbRaw		key = slot->value;
	char	   *text;
	char	   *end;

	if (slot->count == 0)
	{
		key.u.bits = 0;
		key.len = 0;
	}
	if (code->type == DP_PB_STRING)
	{
		if (slot->count == 0)
			return dp_pb_push_key(r, "                ", 0, shape);
		return dp_pb_verify_text(r, "key", 3, key.u.ptr, key.len) &&
			dp_pb_push_key(r, key.u.ptr, key.len, shape);
	}
	text = dp_pb_spell(r, DP_PB_SPELLED);
	if (text == NULL)
		return false;
	if (code->type == DP_PB_BOOL)
		end = text + strlen(strcpy(text, key.u.bits ? "true" : "false"));
	else if (code->type == DP_PB_UINT64 || code->type == DP_PB_FIXED64)
		end = dp_pb_put_unsigned(text, key.u.bits);
	else
		end = dp_pb_put_integer(text, (int64) key.u.bits);
	return dp_pb_push_key(r, text, end - text, shape);
}

/* One entry; an unknown number of a closed enum takes the whole entry away. */
static bool
push_entry(DpPbReader *r, const DpPbCodeMessage *m, const DpPbRaw *piece, uint32 *shape)
{
	uint64		unknown = r->nunknown;
	uint32		elements = r->nelements;
	uint32		base;
	const DpPbCode *code = &m->codes[1];
	DpPbSlot	none = {.count = 0};
	bool		good;

	if (!dp_pb_slots(r, m, &base) ||
		!dp_pb_read_fields(r, m, base, piece->u.ptr, piece->u.ptr + piece->len))
		return false;
	if (code->closed && r->slots[base + 1].count == 0 && r->nunknown != unknown)
		good = true;
	else
	{
		DpPbSlot	value = r->slots[base + 1];

		if (!push_map_key(r, &m->codes[0], &r->slots[base], shape))
			return false;
		if (value.count > 0)
			good = dp_pb_push_slot(r, code, &value);
		else if (code->message != DP_PB_NONE)
			good = dp_pb_push_span(r, &r->program->messages[code->message],
								   r->d->text.data, 0);
		else
		{
			none.value.u.ptr = code->wire == DP_PB_WIRE_BYTES ? r->d->text.data : NULL;
			good = dp_pb_push_scalar(r, code, &none.value);
		}
	}
	r->nslots = base;
	r->nelements = elements;
	return good;
}

static bool
push_map(DpPbReader *r, const DpPbCode *code, const DpPbSlot *slot)
{
	uint32		base = r->d->stack.len;
	uint32		next = slot->count > 0 ? slot->head : DP_PB_NONE;
	uint32		shape = DP_SHAPE_ROOT;

	if (r->depth >= r->max_depth)
		return dp_error_set(r->err, "54001", DP_NO_POSITION,
							"message is nested deeper than the limit of %d levels",
							r->max_depth);
	r->depth++;
	while (next != DP_PB_NONE)
	{
		DpPbElement element = r->elements[next];

		if (!push_entry(r, &r->program->messages[code->message], &element.value, &shape))
			return false;
		next = element.next;
	}
	r->depth--;
	if (!dp_nodes_close(r->d, base, DP_NODE_OBJECT, shape))
		return dp_pb_no_memory(r->err);
	return true;
}

bool
dp_pb_push_slot(DpPbReader *r, const DpPbCode *code, const DpPbSlot *slot)
{
	if (code->is_map)
		return push_map(r, code, slot);
	if (code->repeated)
		return push_array(r, code, slot);
	if (code->message != DP_PB_NONE)
		return dp_pb_push_message(r, code->message, slot->head);
	return dp_pb_push_scalar(r, code, &slot->value);
}

/* Is it left out, as it is what one would assume? */
static inline bool
is_default(const DpPbCode *code, const DpPbSlot *slot)
{
	if (code->presence || code->repeated || code->is_map)
		return false;
	return code->wire == DP_PB_WIRE_BYTES ? slot->value.len == 0 : slot->value.u.bits == 0;
}

/* An array of packed runs can turn out to be empty. */
static inline bool
is_empty_array(const DpPbReader *r, const DpPbCode *code)
{
	const DpNode *node = &r->d->stack.items[r->d->stack.len - 1];

	return code->packable && node->len == 0;
}

bool
dp_pb_push_members(DpPbReader *r, const DpPbCodeMessage *m, uint32 base, uint32 *shape)
{
	for (uint32 i = 0; i < m->ncodes; i++)
	{
		const DpPbCode *code = &m->codes[i];
		DpPbSlot	slot = r->slots[base + i];
		uint32		before;

		if (slot.count == 0)
		{
			if (unlikely(code->required))
				return dp_error_set(r->err, DP_PB_BAD, DP_NO_POSITION,
									"required field \"%.*s\" is missing",
									(int) Min(code->namelen, MAX_SHOWN), code->name);
			continue;
		}
		if (is_default(code, &slot))
			continue;
		before = *shape;
		if (!dp_pb_push_key(r, code->key, code->keylen, shape) ||
			!dp_pb_push_slot(r, code, &slot))
			return false;
		if (unlikely(code->packable && is_empty_array(r, code)))
		{
			r->d->stack.len -= 2;
			*shape = before;
		}
	}
	return true;
}

bool
dp_pb_push_slots(DpPbReader *r, const DpPbCodeMessage *m, uint32 base)
{
	uint32		stack = r->d->stack.len;
	uint32		shape = DP_SHAPE_ROOT;

	if (m->well_known != DP_PB_ORDINARY && m->well_known < DP_PB_DECIMAL)
		return dp_pb_push_special(r, m, base);
	if (!dp_pb_push_members(r, m, base, &shape))
		return false;
	if (!dp_nodes_close(r->d, stack, DP_NODE_OBJECT, shape))
		return dp_pb_no_memory(r->err);
	return true;
}

static bool
too_deep(DpPbReader *r)
{
	return dp_error_set(r->err, "54001", DP_NO_POSITION,
						"message is nested deeper than the limit of %d levels", r->max_depth);
}

bool
dp_pb_push_message(DpPbReader *r, uint32 message, uint32 piece)
{
	const DpPbCodeMessage *m = &r->program->messages[message];
	uint32		elements = r->nelements;
	uint32		base;

	if (r->depth >= r->max_depth)
		return too_deep(r);
	r->depth++;
	if (!dp_pb_slots(r, m, &base))
		return false;
	while (piece != DP_PB_NONE)
	{
		DpPbElement element = r->elements[piece];

		if (!dp_pb_read_fields(r, m, base, element.value.u.ptr,
							   element.value.u.ptr + element.value.len))
			return false;
		piece = element.next;
	}
	if (!dp_pb_push_slots(r, m, base))
		return false;
	r->nslots = base;
	r->nelements = elements;
	r->depth--;
	return true;
}

bool
dp_pb_push_span(DpPbReader *r, const DpPbCodeMessage *m, const char *p, size_t len)
{
	uint32		elements = r->nelements;
	uint32		base;

	if (r->depth >= r->max_depth)
		return too_deep(r);
	r->depth++;
	if (!dp_pb_slots(r, m, &base) ||
		!dp_pb_read_fields(r, m, base, p, p + len) ||
		!dp_pb_push_slots(r, m, base))
		return false;
	r->nslots = base;
	r->nelements = elements;
	r->depth--;
	return true;
}
