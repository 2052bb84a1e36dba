/*-------------------------------------------------------------------------
 *
 * parse_options.c
 *	  Options, enums and services in the text of a .proto file.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/parse.h"

static bool parse_value(DpPbLexer *lex, DpPbValue *value);

bool
dp_pb_deeper(DpPbLexer *lex)
{
	if (++lex->depth > DP_SCHEMA_MAX_DEPTH)
		return dp_error_set(lex->err, DP_SQLSTATE_LIMIT, lex->place.offset,
							"schema is nested deeper than the limit of %d levels",
							DP_SCHEMA_MAX_DEPTH);
	return true;
}

/* A member's name: a word, or an extension or a type in brackets. */
static const char *
take_member_name(DpPbLexer *lex)
{
	const char *start = lex->token;
	const char *name;

	if (lex->kind == DP_PB_WORD || lex->kind == DP_PB_NUMBER)
	{
		name = dp_pb_copy(lex->schema, lex->token, lex->len, lex->err);
		return name != NULL && dp_pb_next(lex) ? name : NULL;
	}
	if (!dp_pb_at_sign(lex, '['))
	{
		dp_pb_fail(lex, NULL, "name of a member expected");
		return NULL;
	}
	while (!dp_pb_at_sign(lex, ']'))
	{
		if (lex->kind == DP_PB_END)
		{
			dp_pb_fail(lex, NULL, "\"]\" expected");
			return NULL;
		}
		if (!dp_pb_next(lex))
			return NULL;
	}
	name = dp_pb_copy(lex->schema, start, lex->token + 1 - start, lex->err);
	return name != NULL && dp_pb_next(lex) ? name : NULL;
}

/* Members up to the closing sign, which is taken. */
static bool
parse_members(DpPbLexer *lex, char close, DpPbValue *value)
{
	value->kind = DP_PB_VALUE_MAP;
	if (!dp_pb_deeper(lex))
		return false;
	while (!dp_pb_at_sign(lex, close))
	{
		DpPbMember *member = dp_pb_new(lex->schema, sizeof(*member), lex->err);

		if (member == NULL || (member->name = take_member_name(lex)) == NULL)
			return false;
		if (dp_pb_at_sign(lex, ':'))
		{
			if (!dp_pb_next(lex))
				return false;
		}
		else if (!dp_pb_at_sign(lex, '{') && !dp_pb_at_sign(lex, '<'))
			return dp_pb_fail(lex, NULL, "\":\" expected");
		if (!parse_value(lex, &member->value))
			return false;
		DP_PB_PUSH(value->members, member);
		if ((dp_pb_at_sign(lex, ',') || dp_pb_at_sign(lex, ';')) && !dp_pb_next(lex))
			return false;
	}
	value->members = dp_pb_reversed(value->members);
	lex->depth--;
	return dp_pb_next(lex);
}

static bool
parse_items(DpPbLexer *lex, DpPbValue *value)
{
	value->kind = DP_PB_VALUE_LIST;
	if (!dp_pb_deeper(lex))
		return false;
	while (!dp_pb_at_sign(lex, ']'))
	{
		DpPbMember *item = dp_pb_new(lex->schema, sizeof(*item), lex->err);

		if (item == NULL || !parse_value(lex, &item->value))
			return false;
		DP_PB_PUSH(value->members, item);
		if (dp_pb_at_sign(lex, ','))
		{
			if (!dp_pb_next(lex))
				return false;
		}
		else if (!dp_pb_at_sign(lex, ']'))
			return dp_pb_fail(lex, NULL, "\",\" or \"]\" expected");
	}
	value->members = dp_pb_reversed(value->members);
	lex->depth--;
	return dp_pb_next(lex);
}

/* A number or a word, with its sign. */
static bool
parse_plain(DpPbLexer *lex, DpPbValue *value)
{
	bool		minus = dp_pb_at_sign(lex, '-');
	char	   *text;

	if ((minus || dp_pb_at_sign(lex, '+')) && !dp_pb_next(lex))
		return false;
	if (lex->kind != DP_PB_NUMBER && lex->kind != DP_PB_WORD)
		return dp_pb_fail(lex, NULL, "value expected");
	value->kind = lex->kind == DP_PB_NUMBER ? DP_PB_VALUE_NUMBER : DP_PB_VALUE_WORD;
	value->len = lex->len + minus;
	text = dp_arena_alloc(&lex->schema->arena, value->len + 1);
	if (text == NULL)
		return dp_pb_no_memory(lex->err);
	text[0] = '-';
	memcpy(text + minus, lex->token, lex->len);
	text[value->len] = '\0';
	value->text = text;
	return dp_pb_next(lex);
}

static bool
parse_value(DpPbLexer *lex, DpPbValue *value)
{
	if (lex->kind == DP_PB_STRING_TOKEN)
	{
		value->kind = DP_PB_VALUE_STRING;
		return dp_pb_take_string(lex, &value->text, &value->len);
	}
	if (dp_pb_at_sign(lex, '{'))
		return dp_pb_next(lex) && parse_members(lex, '}', value);
	if (dp_pb_at_sign(lex, '<'))
		return dp_pb_next(lex) && parse_members(lex, '>', value);
	if (dp_pb_at_sign(lex, '['))
		return dp_pb_next(lex) && parse_items(lex, value);
	return parse_plain(lex, value);
}

/* What follows the first part of an option's name: ".a.(b.c)" */
static bool
parse_rest_of_name(DpPbLexer *lex, DpPbOption *option)
{
	DpPbLexer	parts = *lex;
	const char *end = lex->token;
	char	   *to;

	while ((lex->kind == DP_PB_WORD && *lex->token == '.') || dp_pb_at_sign(lex, '.'))
	{
		if (dp_pb_at_sign(lex, '.'))
		{
			bool		parenthesized;

			if (!dp_pb_next(lex))
				return false;
			parenthesized = dp_pb_at_sign(lex, '(');
			if (parenthesized && !dp_pb_next(lex))
				return false;
			if (lex->kind != DP_PB_WORD || (*lex->token == '.' && !parenthesized))
				return dp_pb_fail(lex, NULL, "name of an option expected");
			if (parenthesized && !dp_pb_next(lex))
				return false;
			if (parenthesized && !dp_pb_at_sign(lex, ')'))
				return dp_pb_fail(lex, NULL, "\")\" expected");
		}
		end = lex->token + lex->len;
		if (!dp_pb_next(lex))
			return false;
	}
	if (end == parts.token)
		return true;
	to = dp_pb_copy(lex->schema, parts.token, end - parts.token, lex->err);
	if (to == NULL)
		return false;
	option->rest = to + (*parts.token == '.');

	/* Once more, because blanks and comments may stand between the parts. */
	while (parts.token < end)
	{
		memcpy(to, parts.token, parts.len);
		to += parts.len;
		if (!dp_pb_next(&parts))
			return false;
	}
	*to = '\0';
	return true;
}

/* "name = value", added in front of the list. */
static bool
parse_assignment(DpPbLexer *lex, DpPbOption **list)
{
	DpPbOption *option = dp_pb_new(lex->schema, sizeof(*option), lex->err);

	if (option == NULL)
		return false;
	option->parenthesized = dp_pb_at_sign(lex, '(');
	if (option->parenthesized && !dp_pb_next(lex))
		return false;
	option->name = dp_pb_take_word(lex, "name of an option");
	if (option->name == NULL ||
		(option->parenthesized && !dp_pb_expect(lex, ')')) ||
		!parse_rest_of_name(lex, option) || !dp_pb_expect(lex, '=') ||
		!parse_value(lex, &option->value))
		return false;
	DP_PB_PUSH(*list, option);
	return true;
}

bool
dp_pb_parse_option(DpPbLexer *lex, DpPbOption **list)
{
	return parse_assignment(lex, list) && dp_pb_expect(lex, ';');
}

bool
dp_pb_parse_options(DpPbLexer *lex, DpPbOption **list)
{
	if (!dp_pb_at_sign(lex, '['))
		return true;
	do
	{
		if (!dp_pb_next(lex) || !parse_assignment(lex, list))
			return false;
	} while (dp_pb_at_sign(lex, ','));
	*list = dp_pb_reversed(*list);
	return dp_pb_expect(lex, ']');
}

/* "5", "5 to 10", "5 to max" or a name. */
static bool
parse_range(DpPbLexer *lex, DpPbRange *range, bool names, int64 min, int64 max)
{
	DpPbPlace	place = lex->place;
	int64		first;
	int64		last;

	if (names && lex->kind == DP_PB_STRING_TOKEN)
	{
		uint32		len;

		return dp_pb_take_string(lex, &range->name, &len);
	}
	if (names && lex->kind == DP_PB_WORD)
		return (range->name = dp_pb_take_name(lex, "name")) != NULL;
	if (!dp_pb_take_integer(lex, "number", min < 0, max, &first))
		return false;
	last = first;
	if (dp_pb_at_word(lex, "to"))
	{
		if (!dp_pb_next(lex))
			return false;
		if (dp_pb_at_word(lex, "max"))
		{
			last = max;
			if (!dp_pb_next(lex))
				return false;
		}
		else if (!dp_pb_take_integer(lex, "number or \"max\"", min < 0, max, &last))
			return false;
	}
	if (first < min || last < first)
		return dp_pb_fail(lex, &place, "invalid range of numbers");
	range->first = first;
	range->last = last;
	return true;
}

DpPbRanges *
dp_pb_parse_ranges(DpPbLexer *lex, bool names, int64 min, int64 max)
{
	DpPbRanges *ranges = dp_pb_new(lex->schema, sizeof(*ranges), lex->err);

	for (;;)
	{
		DpPbRange  *range;

		if (ranges == NULL || !dp_pb_next(lex))
			return NULL;
		range = dp_pb_new(lex->schema, sizeof(*range), lex->err);
		if (range == NULL || !parse_range(lex, range, names, min, max))
			return NULL;
		DP_PB_PUSH(ranges->ranges, range);
		if (!dp_pb_at_sign(lex, ','))
			break;
	}
	ranges->ranges = dp_pb_reversed(ranges->ranges);
	if (!dp_pb_parse_options(lex, &ranges->options) || !dp_pb_expect(lex, ';'))
		return NULL;
	return ranges;
}

static bool
parse_enum_value(DpPbLexer *lex, DpPbEnum *e)
{
	DpPbEnumValue *value = dp_pb_new(lex->schema, sizeof(*value), lex->err);
	int64		number;

	if (value == NULL ||
		(value->name = dp_pb_take_name(lex, "name of an enum value")) == NULL ||
		!dp_pb_expect(lex, '=') ||
		!dp_pb_take_integer(lex, "number of an enum value", true, PG_INT32_MAX, &number) ||
		!dp_pb_parse_options(lex, &value->options))
		return false;
	value->number = number;
	DP_PB_PUSH(e->values, value);
	return dp_pb_expect(lex, ';');
}

DpPbEnum *
dp_pb_parse_enum(DpPbLexer *lex, DpPbFile *file)
{
	DpPbEnum   *e = dp_pb_new(lex->schema, sizeof(*e), lex->err);

	if (e == NULL || (e->name = dp_pb_take_name(lex, "name of an enum")) == NULL)
		return NULL;
	e->file = file;
	if (!dp_pb_expect(lex, '{'))
		return NULL;
	while (!dp_pb_at_sign(lex, '}'))
	{
		bool		good;

		if (dp_pb_at_sign(lex, ';'))
			good = dp_pb_next(lex);
		else if (dp_pb_at_word(lex, "option"))
			good = dp_pb_next(lex) && dp_pb_parse_option(lex, &e->options);
		else if (dp_pb_at_word(lex, "reserved"))
		{
			DpPbRanges *ranges = dp_pb_parse_ranges(lex, true, PG_INT32_MIN, PG_INT32_MAX);

			good = ranges != NULL;
			if (good)
				DP_PB_PUSH(e->reserved, ranges);
		}
		else
			good = parse_enum_value(lex, e);
		if (!good)
			return NULL;
	}
	if (e->values == NULL)
	{
		dp_pb_fail(lex, NULL, "enum \"%.60s\" has no values", e->name);
		return NULL;
	}
	e->values = dp_pb_reversed(e->values);
	e->options = dp_pb_reversed(e->options);
	e->reserved = dp_pb_reversed(e->reserved);
	return dp_pb_next(lex) ? e : NULL;
}

/* "(stream Type)" */
static bool
parse_rpc_type(DpPbLexer *lex, const char **type, bool *stream)
{
	if (!dp_pb_expect(lex, '('))
		return false;
	*type = dp_pb_take_word(lex, "type of a message");
	if (*type == NULL)
		return false;
	if (strcmp(*type, "stream") == 0 && lex->kind == DP_PB_WORD)
	{
		*stream = true;
		*type = dp_pb_take_word(lex, "type of a message");
		if (*type == NULL)
			return false;
	}
	return dp_pb_expect(lex, ')');
}

static bool
parse_rpc(DpPbLexer *lex, DpPbService *service)
{
	DpPbRpc    *rpc = dp_pb_new(lex->schema, sizeof(*rpc), lex->err);

	if (rpc == NULL || (rpc->name = dp_pb_take_name(lex, "name of a method")) == NULL ||
		!parse_rpc_type(lex, &rpc->input, &rpc->input_stream))
		return false;
	if (!dp_pb_at_word(lex, "returns"))
		return dp_pb_fail(lex, NULL, "\"returns\" expected");
	if (!dp_pb_next(lex) || !parse_rpc_type(lex, &rpc->output, &rpc->output_stream))
		return false;
	DP_PB_PUSH(service->rpcs, rpc);
	if (dp_pb_at_sign(lex, ';'))
		return dp_pb_next(lex);
	if (!dp_pb_expect(lex, '{'))
		return false;
	while (!dp_pb_at_sign(lex, '}'))
	{
		if (dp_pb_at_sign(lex, ';'))
		{
			if (!dp_pb_next(lex))
				return false;
			continue;
		}
		if (!dp_pb_at_word(lex, "option"))
			return dp_pb_fail(lex, NULL, "\"option\" or \"}\" expected");
		if (!dp_pb_next(lex) || !dp_pb_parse_option(lex, &rpc->options))
			return false;
	}
	rpc->options = dp_pb_reversed(rpc->options);
	return dp_pb_next(lex);
}

DpPbService *
dp_pb_parse_service(DpPbLexer *lex)
{
	DpPbService *service = dp_pb_new(lex->schema, sizeof(*service), lex->err);

	if (service == NULL ||
		(service->name = dp_pb_take_name(lex, "name of a service")) == NULL ||
		!dp_pb_expect(lex, '{'))
		return NULL;
	while (!dp_pb_at_sign(lex, '}'))
	{
		bool		good;

		if (dp_pb_at_sign(lex, ';'))
			good = dp_pb_next(lex);
		else if (dp_pb_at_word(lex, "option"))
			good = dp_pb_next(lex) && dp_pb_parse_option(lex, &service->options);
		else if (dp_pb_at_word(lex, "rpc"))
			good = dp_pb_next(lex) && parse_rpc(lex, service);
		else
			good = dp_pb_fail(lex, NULL, "\"rpc\", \"option\" or \"}\" expected");
		if (!good)
			return NULL;
	}
	service->options = dp_pb_reversed(service->options);
	service->rpcs = dp_pb_reversed(service->rpcs);
	return dp_pb_next(lex) ? service : NULL;
}
