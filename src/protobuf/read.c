/*-------------------------------------------------------------------------
 *
 * read.c
 *	  From wire format to the slots of a message.
 *
 * What the schema does not know, and what has another wire type than it says,
 * is skipped, as the official parsers do; what no message can hold is an
 * error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/reader.h"

const char *
dp_pb_long_varint(const char *p, uint64 *value)
{
	uint64		v = 0;

	for (int i = 0; i < DP_PB_MAX_VARINT; i++)
	{
		uint64		byte = (unsigned char) p[i];

		v |= (byte & 0x7F) << (7 * i);
		if (byte < 0x80)
		{
			*value = v;
			return p + i + 1;
		}
	}
	return NULL;
}

static bool
truncated(DpPbReader *r, const char *p)
{
	return dp_error_set(r->err, DP_PB_BAD, dp_pb_position(r, p),
						"message ends in the middle of a field");
}

static bool
bad_varint(DpPbReader *r, const char *p, const char *end)
{
	if (end - p < DP_PB_MAX_VARINT)
		return truncated(r, p);
	return dp_error_set(r->err, DP_PB_BAD, dp_pb_position(r, p),
						"varint is longer than %d bytes", DP_PB_MAX_VARINT);
}

bool
dp_pb_count_values(DpPbReader *r, uint32 n)
{
	if (n > DP_MESSAGE_MAX_ITEMS || (r->nvalues += n) > DP_MESSAGE_MAX_ITEMS)
		return dp_error_set(r->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"message has more than %d values", DP_MESSAGE_MAX_ITEMS);
	if (r->nvalues >= r->next_check)
	{
		r->next_check = r->nvalues + DP_PB_CHECK_EVERY;
		return !dp_pb_interrupted(r->err);
	}
	return true;
}

bool
dp_pb_slots(DpPbReader *r, const DpPbCodeMessage *m, uint32 *base)
{
	uint32		n = m->ncodes + m->noneofs;

	if (r->slots_cap - r->nslots < n)
	{
		uint64		cap = Max(r->slots_cap, 64);
		DpPbSlot   *slots;

		while (cap < (uint64) r->nslots + n)
			cap *= 2;
		slots = cap > PG_INT32_MAX ? NULL : realloc(r->slots, cap * sizeof(DpPbSlot));
		if (slots == NULL)
			return dp_pb_no_memory(r->err);
		r->slots = slots;
		r->slots_cap = cap;
	}
	*base = r->nslots;
	r->nslots += n;
	for (uint32 i = 0; i < n; i++)
		r->slots[*base + i].count = 0;

	/* Many fields in many small messages take time, too. */
	return n < 256 || dp_pb_count_values(r, n / 64);
}

/* Add to the chain of a slot. */
static bool
chain(DpPbReader *r, DpPbSlot *slot, DpPbRaw value)
{
	DpPbElement *element;

	if (unlikely(r->nelements == r->elements_cap))
	{
		uint32		cap = r->elements_cap ? r->elements_cap * 2 : 256;
		DpPbElement *elements = realloc(r->elements, cap * sizeof(DpPbElement));

		if (elements == NULL)
			return dp_pb_no_memory(r->err);
		r->elements = elements;
		r->elements_cap = cap;
	}
	element = &r->elements[r->nelements];
	element->value = value;
	element->next = DP_PB_NONE;
	if (slot->count++ == 0)
		slot->head = r->nelements;
	else
		r->elements[slot->tail].next = r->nelements;
	slot->tail = r->nelements++;
	return dp_pb_count(r);
}

/*
 * Skip the rest of a group that the schema does not know; p is behind its
 * start tag.  Returns what follows its end tag, or NULL.
 */
static const char *
skip_group(DpPbReader *r, const char *p, const char *end, int32 number, const char **content_end)
{
	int			open = 0;

	r->groups[open++] = number;
	while (open > 0)
	{
		const char *start = p;
		uint64		tag;
		uint64		len;

		if (p >= end)
		{
			truncated(r, p);
			return NULL;
		}
		p = dp_pb_varint_in(p, end, &tag);
		if (p == NULL || tag > PG_UINT32_MAX || tag >> 3 == 0)
		{
			dp_error_set(r->err, DP_PB_BAD, dp_pb_position(r, start), "invalid tag of a field");
			return NULL;
		}
		switch (tag & 7)
		{
			case DP_PB_WIRE_VARINT:
				p = dp_pb_varint_in(p, end, &len);
				if (p == NULL)
				{
					bad_varint(r, start, end);
					return NULL;
				}
				break;
			case DP_PB_WIRE_64:
				p += 8;
				break;
			case DP_PB_WIRE_32:
				p += 4;
				break;
			case DP_PB_WIRE_BYTES:
				p = dp_pb_varint_in(p, end, &len);
				if (p == NULL || len > (size_t) (end - p))
				{
					truncated(r, start);
					return NULL;
				}
				p += len;
				break;
			case DP_PB_WIRE_START:
				if (r->depth + open >= r->max_depth)
				{
					dp_error_set(r->err, "54001", dp_pb_position(r, start),
								 "message is nested deeper than the limit of %d levels",
								 r->max_depth);
					return NULL;
				}
				r->groups[open++] = tag >> 3;
				break;
			case DP_PB_WIRE_END:
				if (r->groups[--open] != (int32) (tag >> 3))
				{
					dp_error_set(r->err, DP_PB_BAD, dp_pb_position(r, start),
								 "end of a group that was not begun");
					return NULL;
				}
				*content_end = start;
				break;
			default:
				dp_error_set(r->err, DP_PB_BAD, dp_pb_position(r, start),
							 "invalid wire type");
				return NULL;
		}
		if (p > end)
		{
			truncated(r, start);
			return NULL;
		}
		if (!dp_pb_count(r))
			return NULL;
	}
	return p;
}

/* A field that the schema does not know, kept if someone wants it. */
static bool
unknown(DpPbReader *r, int32 number, DpPbWire wire, DpPbRaw value)
{
	DpPbUnknown *u;

	r->nunknown++;
	if (!r->keep_unknown)
		return true;
	if (r->nunknowns == r->unknowns_cap)
	{
		uint32		cap = r->unknowns_cap ? r->unknowns_cap * 2 : 16;

		u = realloc(r->unknowns, cap * sizeof(*u));
		if (u == NULL)
			return dp_pb_no_memory(r->err);
		r->unknowns = u;
		r->unknowns_cap = cap;
	}
	u = &r->unknowns[r->nunknowns++];
	u->number = number;
	u->wire = wire;
	u->value = value;
	return true;
}

/* A varint as the bits of its type; 32 bit types drop the upper half. */
static inline uint64
bits_of_varint(int type, uint64 v)
{
	switch (type)
	{
		case DP_PB_INT32:
		case DP_PB_ENUM:
			return (uint64) (int64) (int32) v;
		case DP_PB_UINT32:
			return (uint32) v;
		case DP_PB_SINT32:
			return (uint64) (int64) (int32) dp_pb_unzigzag((uint32) v);
		case DP_PB_SINT64:
			return (uint64) dp_pb_unzigzag(v);
		case DP_PB_BOOL:
			return v != 0;
		default:
			return v;
	}
}

const char *
dp_pb_read_number(DpPbReader *r, const DpPbCode *code, const char *p, const char *end, uint64 *bits)
{
	const char *start = p;

	switch (code->wire)
	{
		case DP_PB_WIRE_VARINT:
			p = dp_pb_varint_in(p, end, bits);
			if (unlikely(p == NULL))
			{
				bad_varint(r, start, end);
				return NULL;
			}
			*bits = bits_of_varint(code->type, *bits);
			return p;
		case DP_PB_WIRE_64:
			*bits = dp_pb_fixed64(p);
			p += 8;
			break;
		default:
			*bits = dp_pb_fixed32(p);
			if (code->type == DP_PB_SFIXED32)
				*bits = (uint64) (int64) (int32) *bits;
			p += 4;
			break;
	}
	if (p <= end)
		return p;
	truncated(r, start);
	return NULL;
}

/* Is the number one that an enum does not have, and the enum closed? */
static inline bool
is_foreign(const DpPbReader *r, const DpPbCode *code, uint64 bits)
{
	return code->closed && code->enumeration != DP_PB_NONE &&
		dp_pb_code_value(&r->program->enums[code->enumeration], (int32) bits) == NULL;
}

/* A field of a oneof was sent: the one that was there is gone. */
static inline void
choose(DpPbReader *r, const DpPbCodeMessage *m, uint32 base, const DpPbCode *code)
{
	DpPbSlot   *choice = &r->slots[base + m->ncodes + code->oneof];
	uint32		i = code - m->codes;

	if (choice->count != 0 && choice->head != i)
		r->slots[base + choice->head].count = 0;
	choice->count = 1;
	choice->head = i;
}

static inline bool
set(DpPbReader *r, const DpPbCodeMessage *m, uint32 base, const DpPbCode *code, DpPbRaw value)
{
	DpPbSlot   *slot = &r->slots[base + (code - m->codes)];

	if (code->oneof >= 0)
		choose(r, m, base, code);
	if (code->repeated || code->message != DP_PB_NONE)
		return chain(r, slot, value);
	slot->value = value;
	slot->count = 1;
	return dp_pb_count(r);
}

/* Wrong or unknown: skip by what the wire type says.  Returns the end, or NULL. */
static const char *
skip_field(DpPbReader *r, const char *p, const char *end, int32 number, DpPbWire wire)
{
	const char *start = p;
	const char *content_end;
	DpPbRaw		value = {.len = 0};

	switch (wire)
	{
		case DP_PB_WIRE_VARINT:
			p = dp_pb_varint_in(p, end, &value.u.bits);
			if (p == NULL)
			{
				bad_varint(r, start, end);
				return NULL;
			}
			break;
		case DP_PB_WIRE_64:
			value.u.bits = dp_pb_fixed64(p);
			p += 8;
			break;
		case DP_PB_WIRE_32:
			value.u.bits = dp_pb_fixed32(p);
			p += 4;
			break;
		case DP_PB_WIRE_BYTES:
			p = dp_pb_varint_in(p, end, &value.u.bits);
			if (p == NULL || value.u.bits > (size_t) (end - p))
			{
				truncated(r, start);
				return NULL;
			}
			value.len = value.u.bits;
			value.u.ptr = p;
			p += value.len;
			break;
		case DP_PB_WIRE_START:
			value.u.ptr = p;
			p = skip_group(r, p, end, number, &content_end);
			if (p == NULL)
				return NULL;
			value.len = content_end - value.u.ptr;
			break;
		default:
			dp_error_set(r->err, DP_PB_BAD, dp_pb_position(r, start),
						 wire == DP_PB_WIRE_END ? "end of a group that was not begun" :
						 "invalid wire type");
			return NULL;
	}
	if (p > end)
	{
		truncated(r, start);
		return NULL;
	}
	return unknown(r, number, wire, value) && dp_pb_count(r) ? p : NULL;
}

/* A field with a length: text, bytes, a message, or numbers side by side. */
static const char *
read_bytes(DpPbReader *r, const DpPbCodeMessage *m, uint32 base, const DpPbCode *code,
		   const char *p, const char *end)
{
	const char *start = p;
	uint64		len;
	DpPbRaw		value;

	p = dp_pb_varint_in(p, end, &len);
	if (unlikely(p == NULL || len > (size_t) (end - p)))
	{
		truncated(r, start);
		return NULL;
	}
	value.u.ptr = p;
	value.len = len;
	if (!set(r, m, base, code, value))
		return NULL;
	return p + len;
}

bool
dp_pb_read_fields(DpPbReader *r, const DpPbCodeMessage *m, uint32 base, const char *p,
				  const char *end)
{
	while (p < end)
	{
		const char *start = p;
		uint64		tag;
		DpPbWire	wire;
		const DpPbCode *code;
		const char *content_end;
		DpPbRaw		value;

		p = dp_pb_varint_in(p, end, &tag);
		if (unlikely(p == NULL || tag > PG_UINT32_MAX || tag >> 3 == 0))
			return dp_error_set(r->err, DP_PB_BAD, dp_pb_position(r, start),
								"invalid tag of a field");
		wire = tag & 7;
		code = dp_pb_code(m, tag >> 3);
		if (unlikely(code == NULL))
			p = skip_field(r, p, end, tag >> 3, wire);
		else if (wire == DP_PB_WIRE_BYTES && (code->wire == DP_PB_WIRE_BYTES || code->packable))
			p = read_bytes(r, m, base, code, p, end);
		else if (wire != code->wire)
			p = skip_field(r, p, end, tag >> 3, wire);
		else if (wire == DP_PB_WIRE_START)
		{
			value.u.ptr = p;
			p = skip_group(r, p, end, code->number, &content_end);
			if (p != NULL)
			{
				value.len = content_end - value.u.ptr;
				if (!set(r, m, base, code, value))
					return false;
			}
		}
		else
		{
			p = dp_pb_read_number(r, code, p, end, &value.u.bits);
			if (p == NULL)
				return false;
			value.len = DP_PB_NOT_PACKED;
			if (unlikely(is_foreign(r, code, value.u.bits)))
			{
				if (!unknown(r, code->number, wire, value))
					return false;
			}
			else if (!set(r, m, base, code, value))
				return false;
		}
		if (unlikely(p == NULL))
			return false;
	}
	return true;
}
