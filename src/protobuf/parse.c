/*-------------------------------------------------------------------------
 *
 * parse.c
 *	  The text of a .proto file to its tree.
 *
 * Accepts what protoc accepts of proto2 and proto3, and what Confluent's
 * registry accepts beyond it: fields of proto2 without a label, numbers that
 * are used twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/parse.h"

/* Where a field stands. */
typedef struct Scope
{
	DpPbFile   *file;
	DpPbMessage *message;		/* NULL in a file */
	DpPbOneof  *oneof;
	bool		extend;
} Scope;

static bool parse_message_body(DpPbLexer *lex, DpPbMessage *message);
static bool parse_extend(DpPbLexer *lex, Scope scope, DpPbExtend **list);

static DpPbMessage *
new_message(DpPbLexer *lex, DpPbFile *file, DpPbMessage *parent, const char *name)
{
	DpPbMessage *message = dp_pb_new(lex->schema, sizeof(*message), lex->err);

	if (message != NULL)
	{
		message->name = name;
		message->file = file;
		message->parent = parent;
	}
	return message;
}

/* Take "default" and "json_name" out of the options of a field. */
static void
take_special_options(DpPbField *field)
{
	DpPbOption **link = &field->options;

	while (*link != NULL)
	{
		DpPbOption *option = *link;
		bool		plain = !option->parenthesized && option->rest == NULL;

		if (plain && strcmp(option->name, "default") == 0)
			field->default_value = option;
		else if (plain && strcmp(option->name, "json_name") == 0 &&
				 option->value.kind == DP_PB_VALUE_STRING)
			field->json_option = option;
		else
		{
			link = &option->next;
			continue;
		}
		*link = option->next;
	}
}

/* "name = 5 [options]" or, of a group, up to its brace. */
static bool
parse_name_and_number(DpPbLexer *lex, DpPbField *field)
{
	int64		number;
	DpPbPlace	place;

	field->place = lex->place;
	field->name = dp_pb_take_name(lex, "name of a field");
	if (field->name == NULL || !dp_pb_expect(lex, '='))
		return false;
	place = lex->place;
	if (!dp_pb_take_integer(lex, "number of a field", true, DP_PB_MAX_NUMBER, &number))
		return false;
	if (number < 1)
		return dp_pb_fail(lex, &place, "number of a field must be positive");
	field->number = number;
	if (!dp_pb_parse_options(lex, &field->options))
		return false;
	take_special_options(field);
	return true;
}

/* A group is a message and a field in one; "group" has been taken. */
static bool
parse_group(DpPbLexer *lex, Scope scope, DpPbField *field)
{
	DpPbMessage *group;
	char	   *lower;

	if (!parse_name_and_number(lex, field))
		return false;
	group = new_message(lex, scope.file, scope.message, field->name);
	lower = dp_pb_copy(lex->schema, field->name, strlen(field->name), lex->err);
	if (group == NULL || lower == NULL)
		return false;
	group->is_group = true;
	for (char *p = lower; *p != '\0'; p++)
	{
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	}
	field->type = DP_PB_GROUP;
	field->type_name = group->name;
	field->name = lower;
	field->message = group;
	if (scope.message != NULL)
		DP_PB_PUSH(scope.message->messages, group);
	else
		DP_PB_PUSH(scope.file->messages, group);
	return dp_pb_expect(lex, '{') && parse_message_body(lex, group);
}

/* "<key, value>", behind the word "map". */
static bool
parse_map_type(DpPbLexer *lex, DpPbField *field)
{
	DpPbPlace	place;
	const char *key;
	const char *value;

	if (!dp_pb_expect(lex, '<'))
		return false;
	place = lex->place;
	key = dp_pb_take_word(lex, "type of a map's keys");
	if (key == NULL)
		return false;
	field->key_type = dp_pb_type_of_word(key, strlen(key));
	if (field->key_type == DP_PB_NAMED || field->key_type == DP_PB_DOUBLE ||
		field->key_type == DP_PB_FLOAT || field->key_type == DP_PB_BYTES)
		return dp_pb_fail(lex, &place, "type \"%.60s\" cannot be the key of a map", key);
	if (!dp_pb_expect(lex, ','))
		return false;
	value = dp_pb_take_word(lex, "type of a map's values");
	if (value == NULL || !dp_pb_expect(lex, '>'))
		return false;
	field->is_map = field->map_syntax = true;
	field->type = dp_pb_type_of_word(value, strlen(value));
	if (field->type == DP_PB_NAMED)
		field->type_name = value;
	return true;
}

static DpPbLabel
take_label(DpPbLexer *lex)
{
	if (dp_pb_at_word(lex, "optional"))
		return DP_PB_OPTIONAL;
	if (dp_pb_at_word(lex, "required"))
		return DP_PB_REQUIRED;
	if (dp_pb_at_word(lex, "repeated"))
		return DP_PB_REPEATED;
	return DP_PB_NO_LABEL;
}

/* A whole field, added in front of the list. */
static bool
parse_field(DpPbLexer *lex, Scope scope, DpPbField **list)
{
	DpPbField  *field = dp_pb_new(lex->schema, sizeof(*field), lex->err);
	DpPbPlace	place = lex->place;
	const char *type;

	if (field == NULL)
		return false;
	field->oneof = scope.oneof;
	field->label = take_label(lex);
	if (field->label != DP_PB_NO_LABEL)
	{
		if (scope.oneof != NULL)
			return dp_pb_fail(lex, NULL, "a field of a oneof has no label");
		if (field->label == DP_PB_REQUIRED && dp_pb_is_proto3(scope.file))
			return dp_pb_fail(lex, NULL, "proto3 has no required fields");
		if (!dp_pb_next(lex))
			return false;
	}
	type = dp_pb_take_word(lex, "type of a field");
	if (type == NULL)
		return false;
	if (strcmp(type, "group") == 0 && lex->kind == DP_PB_WORD)
	{
		if (dp_pb_is_proto3(scope.file))
			return dp_pb_fail(lex, &place, "proto3 has no groups");
		if (!parse_group(lex, scope, field))
			return false;
		DP_PB_PUSH(*list, field);
		return true;
	}
	if (strcmp(type, "map") == 0 && dp_pb_at_sign(lex, '<'))
	{
		if (field->label != DP_PB_NO_LABEL || scope.oneof != NULL || scope.extend)
			return dp_pb_fail(lex, &place, "a map has no label, and is no oneof or extension");
		if (!parse_map_type(lex, field))
			return false;
	}
	else
	{
		field->type = dp_pb_type_of_word(type, strlen(type));
		if (field->type == DP_PB_NAMED)
			field->type_name = type;
	}
	if (!parse_name_and_number(lex, field))
		return false;
	DP_PB_PUSH(*list, field);
	return dp_pb_expect(lex, ';');
}

static bool
parse_oneof(DpPbLexer *lex, DpPbMessage *message)
{
	DpPbOneof  *oneof = dp_pb_new(lex->schema, sizeof(*oneof), lex->err);
	Scope		scope = {message->file, message, oneof, false};

	if (oneof == NULL || (oneof->name = dp_pb_take_name(lex, "name of a oneof")) == NULL)
		return false;
	oneof->index = message->oneofs != NULL ? message->oneofs->index + 1 : 0;
	DP_PB_PUSH(message->oneofs, oneof);
	if (!dp_pb_expect(lex, '{'))
		return false;
	while (!dp_pb_at_sign(lex, '}'))
	{
		bool		good;

		if (dp_pb_at_sign(lex, ';'))
			good = dp_pb_next(lex);
		else if (dp_pb_at_word(lex, "option"))
			good = dp_pb_next(lex) && dp_pb_parse_option(lex, &oneof->options);
		else
			good = parse_field(lex, scope, &message->fields);
		if (!good)
			return false;
	}
	oneof->options = dp_pb_reversed(oneof->options);
	return dp_pb_next(lex);
}

static DpPbMessage *
parse_message(DpPbLexer *lex, DpPbFile *file, DpPbMessage *parent)
{
	const char *name = dp_pb_take_name(lex, "name of a message");
	DpPbMessage *message;

	if (name == NULL)
		return NULL;
	message = new_message(lex, file, parent, name);
	if (message == NULL || !dp_pb_expect(lex, '{') || !parse_message_body(lex, message))
		return NULL;
	return message;
}

/*
 * Is the word the keyword of a statement, and not the type of a field?  Only a
 * look behind it tells: a field goes on with its name and an equals sign.
 */
static bool
statement(DpPbLexer *lex, const char *word)
{
	DpPbLexer	ahead;
	DpError		ignored;

	if (!dp_pb_at_word(lex, word))
		return false;
	ahead = *lex;
	ahead.err = &ignored;
	if (!dp_pb_next(&ahead) || ahead.kind != DP_PB_WORD)
		return true;
	return !dp_pb_next(&ahead) || !dp_pb_at_sign(&ahead, '=') || strcmp(word, "option") == 0;
}

static bool
parse_ranges_into(DpPbLexer *lex, DpPbRanges **list, bool names)
{
	DpPbRanges *ranges = dp_pb_parse_ranges(lex, names, 1, DP_PB_MAX_NUMBER);

	if (ranges == NULL)
		return false;
	DP_PB_PUSH(*list, ranges);
	return true;
}

static bool
parse_message_statement(DpPbLexer *lex, DpPbMessage *message)
{
	Scope		scope = {message->file, message, NULL, false};

	if (dp_pb_at_sign(lex, ';'))
		return dp_pb_next(lex);
	if (statement(lex, "option"))
		return dp_pb_next(lex) && dp_pb_parse_option(lex, &message->options);
	if (statement(lex, "message"))
	{
		DpPbMessage *inner = dp_pb_next(lex) ?
			parse_message(lex, message->file, message) : NULL;

		if (inner == NULL)
			return false;
		DP_PB_PUSH(message->messages, inner);
		return true;
	}
	if (statement(lex, "enum"))
	{
		DpPbEnum   *inner = dp_pb_next(lex) ? dp_pb_parse_enum(lex, message->file) : NULL;

		if (inner == NULL)
			return false;
		DP_PB_PUSH(message->enums, inner);
		return true;
	}
	if (statement(lex, "oneof"))
		return dp_pb_next(lex) && parse_oneof(lex, message);
	if (statement(lex, "reserved"))
		return parse_ranges_into(lex, &message->reserved, true);
	if (statement(lex, "extensions"))
		return parse_ranges_into(lex, &message->extensions, false);
	if (statement(lex, "extend"))
		return parse_extend(lex, scope, &message->extends);
	return parse_field(lex, scope, &message->fields);
}

/* Up to the closing brace, which is taken. */
static bool
parse_message_body(DpPbLexer *lex, DpPbMessage *message)
{
	if (!dp_pb_deeper(lex))
		return false;
	while (!dp_pb_at_sign(lex, '}'))
	{
		if (!parse_message_statement(lex, message))
			return false;
	}
	lex->depth--;
	message->fields = dp_pb_reversed(message->fields);
	message->oneofs = dp_pb_reversed(message->oneofs);
	message->messages = dp_pb_reversed(message->messages);
	message->enums = dp_pb_reversed(message->enums);
	message->reserved = dp_pb_reversed(message->reserved);
	message->extensions = dp_pb_reversed(message->extensions);
	message->extends = dp_pb_reversed(message->extends);
	message->options = dp_pb_reversed(message->options);
	return dp_pb_next(lex);
}

/* At the word "extend". */
static bool
parse_extend(DpPbLexer *lex, Scope scope, DpPbExtend **list)
{
	DpPbExtend *extend = dp_pb_new(lex->schema, sizeof(*extend), lex->err);

	if (extend == NULL)
		return false;
	scope.extend = true;
	extend->place = lex->place;
	if (!dp_pb_next(lex) ||
		(extend->extendee = dp_pb_take_word(lex, "type of a message")) == NULL ||
		!dp_pb_expect(lex, '{'))
		return false;
	while (!dp_pb_at_sign(lex, '}'))
	{
		if (dp_pb_at_sign(lex, ';') ? !dp_pb_next(lex) :
			!parse_field(lex, scope, &extend->fields))
			return false;
	}
	extend->fields = dp_pb_reversed(extend->fields);
	DP_PB_PUSH(*list, extend);
	return dp_pb_next(lex);
}

/* At the word "syntax" or "edition". */
static bool
parse_syntax(DpPbLexer *lex, DpPbFile *file)
{
	DpPbPlace	place = lex->place;
	const char *name;
	uint32		len;

	if (dp_pb_at_word(lex, "edition"))
		return dp_pb_fail(lex, NULL, "editions are not supported, only proto2 and proto3");
	if (!dp_pb_next(lex) || !dp_pb_expect(lex, '='))
		return false;
	place = lex->place;
	if (!dp_pb_take_string(lex, &name, &len))
		return false;
	if (strcmp(name, "proto2") == 0)
		file->syntax = DP_PB_PROTO2;
	else if (strcmp(name, "proto3") == 0)
		file->syntax = DP_PB_PROTO3;
	else
		return dp_pb_fail(lex, &place, "syntax must be \"proto2\" or \"proto3\"");
	return dp_pb_expect(lex, ';');
}

/* At the word "import". */
static bool
parse_import(DpPbLexer *lex, DpPbFile *file)
{
	DpPbImport *import = dp_pb_new(lex->schema, sizeof(*import), lex->err);
	uint32		len;

	if (import == NULL || !dp_pb_next(lex))
		return false;
	import->is_public = dp_pb_at_word(lex, "public");
	import->is_weak = dp_pb_at_word(lex, "weak");
	if ((import->is_public || import->is_weak) && !dp_pb_next(lex))
		return false;
	if (!dp_pb_take_string(lex, &import->path, &len))
		return false;
	DP_PB_PUSH(file->imports, import);
	return dp_pb_expect(lex, ';');
}

static bool
parse_file_statement(DpPbLexer *lex, DpPbFile *file)
{
	Scope		scope = {file, NULL, NULL, false};
	DpPbMessage *message;
	DpPbEnum   *e;
	DpPbService *service;

	if (dp_pb_at_sign(lex, ';'))
		return dp_pb_next(lex);
	if (dp_pb_at_word(lex, "import"))
		return parse_import(lex, file);
	if (dp_pb_at_word(lex, "package"))
	{
		if (file->package != NULL)
			return dp_pb_fail(lex, NULL, "a second package");
		if (!dp_pb_next(lex))
			return false;
		if (lex->kind == DP_PB_WORD && *lex->token == '.')
			return dp_pb_fail(lex, NULL, "name of a package expected, without a dot in front");
		return
			(file->package = dp_pb_take_word(lex, "name of a package")) != NULL &&
			dp_pb_expect(lex, ';');
	}
	if (dp_pb_at_word(lex, "option"))
		return dp_pb_next(lex) && dp_pb_parse_option(lex, &file->options);
	if (dp_pb_at_word(lex, "message"))
	{
		message = dp_pb_next(lex) ? parse_message(lex, file, NULL) : NULL;
		if (message == NULL)
			return false;
		DP_PB_PUSH(file->messages, message);
		return true;
	}
	if (dp_pb_at_word(lex, "enum"))
	{
		e = dp_pb_next(lex) ? dp_pb_parse_enum(lex, file) : NULL;
		if (e == NULL)
			return false;
		DP_PB_PUSH(file->enums, e);
		return true;
	}
	if (dp_pb_at_word(lex, "service"))
	{
		service = dp_pb_next(lex) ? dp_pb_parse_service(lex) : NULL;
		if (service == NULL)
			return false;
		DP_PB_PUSH(file->services, service);
		return true;
	}
	if (dp_pb_at_word(lex, "extend"))
		return parse_extend(lex, scope, &file->extends);
	return dp_pb_fail(lex, NULL, "statement expected");
}

DpPbFile *
dp_pb_parse_file(DpPbSchema *schema, const char *path, const char *text, size_t len,
				 DpError *err)
{
	DpPbLexer	lex = {schema, path, text, text + len, text, text, 1};
	DpPbFile   *file = dp_pb_new(schema, sizeof(*file), err);

	if (file == NULL)
		return NULL;
	lex.err = err;
	file->path = path;
	if (!dp_pb_next(&lex))
		return NULL;
	if ((dp_pb_at_word(&lex, "syntax") || dp_pb_at_word(&lex, "edition")) &&
		!parse_syntax(&lex, file))
		return NULL;
	while (lex.kind != DP_PB_END)
	{
		if (!parse_file_statement(&lex, file) || dp_pb_interrupted(err))
			return NULL;
	}
	file->imports = dp_pb_reversed(file->imports);
	file->options = dp_pb_reversed(file->options);
	file->messages = dp_pb_reversed(file->messages);
	file->enums = dp_pb_reversed(file->enums);
	file->extends = dp_pb_reversed(file->extends);
	file->services = dp_pb_reversed(file->services);
	return file;
}
