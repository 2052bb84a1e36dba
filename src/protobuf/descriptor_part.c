/*-------------------------------------------------------------------------
 *
 * descriptor_part.c
 *	  Fields, names and options in the bytes of a descriptor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/text.h"
#include "protobuf/descriptor.h"
#include "protobuf/lex.h"
#include "protobuf/parse.h"

bool
dp_pb_broken(DpPbSource *s)
{
	return dp_error_set(s->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
						"schema is no valid FileDescriptorProto");
}

DpPbPart
dp_pb_part_of(const char *data, size_t len)
{
	/* A field without a length has no data; what it should hold is missed later. */
	const char *start = data != NULL ? data : "";
	DpPbPart	part = {start, start + len};

	return part;
}

/* Go to the next field; false at the end, and on broken bytes with the end not reached. */
bool
dp_pb_next_field(DpPbPart *part)
{
	uint64		tag;
	const char *p = part->p;

	if (p >= part->end)
		return false;
	part->data = NULL;
	part->len = 0;
	part->bits = 0;
	p = dp_pb_varint_in(p, part->end, &tag);
	if (p == NULL || tag >> 3 == 0)
		return false;
	part->number = tag >> 3;
	part->wire = tag & 7;
	switch (part->wire)
	{
		case DP_PB_WIRE_VARINT:
			p = dp_pb_varint_in(p, part->end, &part->bits);
			break;
		case DP_PB_WIRE_64:
			p = part->end - p >= 8 ? p + 8 : NULL;
			break;
		case DP_PB_WIRE_32:
			p = part->end - p >= 4 ? p + 4 : NULL;
			break;
		case DP_PB_WIRE_BYTES:
			p = dp_pb_varint_in(p, part->end, &tag);
			if (p == NULL || tag > (size_t) (part->end - p))
				return false;
			part->data = p;
			part->len = tag;
			p += tag;
			break;
		default:
			return false;
	}
	if (p == NULL)
		return false;
	part->p = p;
	return true;
}

bool
dp_pb_at_end(const DpPbPart *part)
{
	return part->p == part->end;
}

/* Text of the field; NULL and the error when it is none. */
const char *
dp_pb_part_text(DpPbSource *s, const DpPbPart *part)
{
	if (part->data == NULL || !dp_utf8_verify(part->data, part->len, NULL))
	{
		dp_pb_broken(s);
		return NULL;
	}
	return dp_pb_copy(s->schema, part->data, part->len, s->err);
}

/* A name, with dots when "dotted". */
const char *
dp_pb_part_name(DpPbSource *s, const DpPbPart *part, bool dotted)
{
	bool		start = true;

	for (size_t i = 0; i < part->len; i++)
	{
		char		c = part->data[i];
		bool		letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (c == '.' && dotted && (i == 0 || !start))
			start = true;
		else if (letter || (!start && c >= '0' && c <= '9'))
			start = false;
		else
		{
			dp_pb_broken(s);
			return NULL;
		}
	}
	if (part->data == NULL || start)
	{
		dp_pb_broken(s);
		return NULL;
	}
	return dp_pb_copy(s->schema, part->data, part->len, s->err);
}

void
dp_pb_set_word(DpPbValue *value, DpPbValueKind kind, const char *text)
{
	value->kind = kind;
	value->text = text;
	value->len = strlen(text);
}

/* -------------------------------------------------------------- options */

bool
dp_pb_read_options(DpPbSource *s, const DpPbPart *in, DpPbOptionsOf of, DpPbOption **list)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);

	if (in->data == NULL)
		return dp_pb_broken(s);
	while (dp_pb_next_field(&part))
	{
		const DpPbKnownOption *known = dp_pb_known_option_number(of, part.number);
		DpPbOption *option;

		if (known == NULL || (part.data != NULL) != (known->type == DP_PB_STRING))
			continue;
		option = dp_pb_new(s->schema, sizeof(*option), s->err);
		if (option == NULL)
			return false;
		option->name = known->name;
		if (known->type == DP_PB_STRING)
		{
			const char *text = dp_pb_part_text(s, &part);

			if (text == NULL)
				return false;
			dp_pb_set_word(&option->value, DP_PB_VALUE_STRING, text);
		}
		else if (known->type == DP_PB_BOOL)
			dp_pb_set_word(&option->value, DP_PB_VALUE_WORD, part.bits ? "true" : "false");
		else if (part.bits < lengthof(known->words) && known->words[part.bits] != NULL)
			dp_pb_set_word(&option->value, DP_PB_VALUE_WORD, known->words[part.bits]);
		else
			continue;
		DP_PB_PUSH(*list, option);
	}
	*list = dp_pb_reversed(*list);
	return dp_pb_at_end(&part) || dp_pb_broken(s);
}

/* "1 to 5", whose end the descriptor may count in or not. */
bool
dp_pb_read_range(DpPbSource *s, const DpPbPart *in, bool exclusive, DpPbRanges **list)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	DpPbRanges *ranges = dp_pb_new(s->schema, sizeof(*ranges), s->err);
	DpPbRange  *range = dp_pb_new(s->schema, sizeof(*range), s->err);
	int64		end = 0;

	if (ranges == NULL || range == NULL)
		return false;
	while (dp_pb_next_field(&part))
	{
		if (part.number == 1)
			range->first = (int32) part.bits;
		else if (part.number == 2)
			end = (int32) part.bits;
	}
	end -= exclusive;
	if (!dp_pb_at_end(&part) || in->data == NULL || end < range->first)
		return dp_pb_broken(s);
	range->last = (int32) end;
	ranges->ranges = range;
	DP_PB_PUSH(*list, ranges);
	return true;
}

bool
dp_pb_read_reserved_name(DpPbSource *s, const DpPbPart *in, DpPbRanges **list)
{
	DpPbRanges *ranges = dp_pb_new(s->schema, sizeof(*ranges), s->err);
	DpPbRange  *range = dp_pb_new(s->schema, sizeof(*range), s->err);

	if (ranges == NULL || range == NULL || (range->name = dp_pb_part_name(s, in, false)) == NULL)
		return false;
	ranges->ranges = range;
	DP_PB_PUSH(*list, ranges);
	return true;
}
