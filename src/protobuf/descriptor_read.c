/*-------------------------------------------------------------------------
 *
 * descriptor_read.c
 *	  The bytes of a FileDescriptorProto to the tree of a .proto file.
 *
 * Clients that have no .proto text at hand register these.  Map entries stay
 * messages of their own, as the descriptor has them, because its index paths
 * count them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "formats/text.h"
#include "protobuf/descriptor.h"
#include "protobuf/lex.h"
#include "protobuf/parse.h"

/* ------------------------------------------------------------------ fields */

typedef struct RawField
{
	DpPbField  *field;
	const char *extendee;
	int64		oneof;			/* -1: none */
	bool		optional3;
	const char *json_name;
	const char *default_text;
} RawField;

/* The default as an option; of bytes the text is escaped. */
static bool
set_default(DpPbSource *s, DpPbField *field, const char *text)
{
	DpPbOption *option = dp_pb_new(s->schema, sizeof(*option), s->err);
	DpPbValue  *value;

	if (option == NULL)
		return false;
	value = &option->value;
	option->name = "default";
	if (field->type == DP_PB_STRING)
		dp_pb_set_word(value, DP_PB_VALUE_STRING, text);
	else if (field->type == DP_PB_BYTES)
	{
		value->kind = DP_PB_VALUE_STRING;
		if (!dp_pb_unescape(s->schema, text, strlen(text), &value->text, &value->len, s->err))
			return false;
	}
	else
		dp_pb_set_word(value, field->type == DP_PB_BOOL || field->type == DP_PB_ENUM ?
				 DP_PB_VALUE_WORD : DP_PB_VALUE_NUMBER, text);
	for (const char *p = text; value->kind != DP_PB_VALUE_STRING && *p != '\0'; p++)
	{
		if (strchr("+-._", *p) == NULL && !(*p >= '0' && *p <= '9') &&
			!((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z'))
			return dp_pb_broken(s);
	}
	field->default_value = option;
	return true;
}

static bool
set_json_name(DpPbSource *s, DpPbField *field, const char *json_name)
{
	DpPbOption *option;
	const char *made = dp_pb_json_name(s->schema, field->name, s->err);

	if (made == NULL)
		return false;
	if (strcmp(made, json_name) == 0)
		return true;
	option = dp_pb_new(s->schema, sizeof(*option), s->err);
	if (option == NULL)
		return false;
	option->name = "json_name";
	dp_pb_set_word(&option->value, DP_PB_VALUE_STRING, json_name);
	field->json_option = option;
	return true;
}

static bool
read_field_part(DpPbSource *s, RawField *raw, const DpPbPart *part)
{
	DpPbField  *field = raw->field;

	switch (part->number)
	{
		case 1:
			return (field->name = dp_pb_part_name(s, part, false)) != NULL;
		case 2:
			return (raw->extendee = dp_pb_part_name(s, part, true)) != NULL;
		case 3:
			field->number = (int32) part->bits;
			return true;
		case 4:
			field->label = part->bits == 2 ? DP_PB_REQUIRED : part->bits == 3 ?
				DP_PB_REPEATED : DP_PB_OPTIONAL;
			return true;
		case 5:
			if (part->bits < DP_PB_DOUBLE || part->bits > DP_PB_SINT64)
				return dp_pb_broken(s);
			field->type = part->bits;
			return true;
		case 6:
			return (field->type_name = dp_pb_part_name(s, part, true)) != NULL;
		case 7:
			return (raw->default_text = dp_pb_part_text(s, part)) != NULL;
		case 8:
			return dp_pb_read_options(s, part, DP_PB_OPTIONS_OF_FIELD, &field->options);
		case 9:
			raw->oneof = (int32) part->bits;
			return true;
		case 10:
			return (raw->json_name = dp_pb_part_text(s, part)) != NULL;
		case 17:
			raw->optional3 = part->bits != 0;
			return true;
		default:
			return true;
	}
}

static bool
read_field(DpPbSource *s, const DpPbPart *in, RawField *raw)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	DpPbField  *field = dp_pb_new(s->schema, sizeof(*field), s->err);
	bool		named;

	memset(raw, 0, sizeof(*raw));
	raw->field = field;
	raw->oneof = -1;
	if (field == NULL)
		return false;
	while (dp_pb_next_field(&part))
	{
		if (!read_field_part(s, raw, &part))
			return false;
	}
	named = field->type == DP_PB_MESSAGE || field->type == DP_PB_ENUM ||
		field->type == DP_PB_GROUP || field->type == DP_PB_NAMED;
	if (!dp_pb_at_end(&part) || in->data == NULL || field->name == NULL || field->number < 1 ||
		field->number > DP_PB_MAX_NUMBER || named != (field->type_name != NULL))
		return dp_pb_broken(s);
	if (field->type == DP_PB_MESSAGE || field->type == DP_PB_ENUM)
		field->type = DP_PB_NAMED;	/* linking tells, and checks */
	if (field->label == DP_PB_OPTIONAL &&
		((raw->oneof >= 0 && !raw->optional3) ||
		 (dp_pb_is_proto3(s->file) && !raw->optional3)))
		field->label = DP_PB_NO_LABEL;
	if (raw->default_text != NULL && !set_default(s, field, raw->default_text))
		return false;
	return raw->json_name == NULL || set_json_name(s, field, raw->json_name);
}

/* An extension: those of one message side by side go into one "extend". */
static bool
read_extension(DpPbSource *s, const DpPbPart *in, DpPbExtend **list)
{
	RawField	raw;
	DpPbExtend *extend = *list;

	if (!read_field(s, in, &raw))
		return false;
	if (raw.extendee == NULL)
		return dp_pb_broken(s);
	if (extend == NULL || strcmp(extend->extendee, raw.extendee) != 0)
	{
		extend = dp_pb_new(s->schema, sizeof(*extend), s->err);
		if (extend == NULL)
			return false;
		extend->extendee = raw.extendee;
		DP_PB_PUSH(*list, extend);
	}
	DP_PB_PUSH(extend->fields, raw.field);
	return true;
}

static DpPbExtend *
reversed_extends(DpPbExtend *list)
{
	for (DpPbExtend *extend = list; extend != NULL; extend = extend->next)
		extend->fields = dp_pb_reversed(extend->fields);
	return dp_pb_reversed(list);
}

/* ------------------------------------------------------- enums and services */

static bool
read_enum_value(DpPbSource *s, const DpPbPart *in, DpPbEnum *e)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	DpPbEnumValue *value = dp_pb_new(s->schema, sizeof(*value), s->err);

	if (value == NULL)
		return false;
	while (dp_pb_next_field(&part))
	{
		bool		good = true;

		if (part.number == 1)
			good = (value->name = dp_pb_part_name(s, &part, false)) != NULL;
		else if (part.number == 2)
			value->number = (int32) part.bits;
		else if (part.number == 3)
			good = dp_pb_read_options(s, &part, DP_PB_OPTIONS_OF_ENUM_VALUE, &value->options);
		if (!good)
			return false;
	}
	if (!dp_pb_at_end(&part) || in->data == NULL || value->name == NULL)
		return dp_pb_broken(s);
	DP_PB_PUSH(e->values, value);
	return true;
}

static bool
read_enum(DpPbSource *s, const DpPbPart *in, DpPbEnum **list)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	DpPbEnum   *e = dp_pb_new(s->schema, sizeof(*e), s->err);

	if (e == NULL)
		return false;
	e->file = s->file;
	while (dp_pb_next_field(&part))
	{
		bool		good = true;

		if (part.number == 1)
			good = (e->name = dp_pb_part_name(s, &part, false)) != NULL;
		else if (part.number == 2)
			good = read_enum_value(s, &part, e);
		else if (part.number == 3)
			good = dp_pb_read_options(s, &part, DP_PB_OPTIONS_OF_ENUM, &e->options);
		else if (part.number == 4)
			good = dp_pb_read_range(s, &part, false, &e->reserved);
		else if (part.number == 5)
			good = dp_pb_read_reserved_name(s, &part, &e->reserved);
		if (!good)
			return false;
	}
	if (!dp_pb_at_end(&part) || in->data == NULL || e->name == NULL || e->values == NULL)
		return dp_pb_broken(s);
	e->values = dp_pb_reversed(e->values);
	e->reserved = dp_pb_reversed(e->reserved);
	DP_PB_PUSH(*list, e);
	return true;
}

static bool
read_rpc(DpPbSource *s, const DpPbPart *in, DpPbService *service)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	DpPbRpc    *rpc = dp_pb_new(s->schema, sizeof(*rpc), s->err);

	if (rpc == NULL)
		return false;
	while (dp_pb_next_field(&part))
	{
		bool		good = true;

		if (part.number == 1)
			good = (rpc->name = dp_pb_part_name(s, &part, false)) != NULL;
		else if (part.number == 2)
			good = (rpc->input = dp_pb_part_name(s, &part, true)) != NULL;
		else if (part.number == 3)
			good = (rpc->output = dp_pb_part_name(s, &part, true)) != NULL;
		else if (part.number == 4)
			good = dp_pb_read_options(s, &part, DP_PB_OPTIONS_OF_METHOD, &rpc->options);
		else if (part.number == 5)
			rpc->input_stream = part.bits != 0;
		else if (part.number == 6)
			rpc->output_stream = part.bits != 0;
		if (!good)
			return false;
	}
	if (!dp_pb_at_end(&part) || in->data == NULL || rpc->name == NULL || rpc->input == NULL ||
		rpc->output == NULL)
		return dp_pb_broken(s);
	DP_PB_PUSH(service->rpcs, rpc);
	return true;
}

static bool
read_service(DpPbSource *s, const DpPbPart *in, DpPbService **list)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	DpPbService *service = dp_pb_new(s->schema, sizeof(*service), s->err);

	if (service == NULL)
		return false;
	while (dp_pb_next_field(&part))
	{
		bool		good = true;

		if (part.number == 1)
			good = (service->name = dp_pb_part_name(s, &part, false)) != NULL;
		else if (part.number == 2)
			good = read_rpc(s, &part, service);
		else if (part.number == 3)
			good = dp_pb_read_options(s, &part, DP_PB_OPTIONS_OF_SERVICE, &service->options);
		if (!good)
			return false;
	}
	if (!dp_pb_at_end(&part) || in->data == NULL || service->name == NULL)
		return dp_pb_broken(s);
	service->rpcs = dp_pb_reversed(service->rpcs);
	DP_PB_PUSH(*list, service);
	return true;
}

/* ---------------------------------------------------------------- messages */

static bool
read_oneof(DpPbSource *s, const DpPbPart *in, DpPbMessage *message)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	DpPbOneof  *oneof = dp_pb_new(s->schema, sizeof(*oneof), s->err);

	if (oneof == NULL)
		return false;
	while (dp_pb_next_field(&part))
	{
		if (part.number == 1 && (oneof->name = dp_pb_part_name(s, &part, false)) == NULL)
			return false;
	}
	if (!dp_pb_at_end(&part) || in->data == NULL || oneof->name == NULL)
		return dp_pb_broken(s);
	oneof->index = message->oneofs != NULL ? message->oneofs->index + 1 : 0;
	DP_PB_PUSH(message->oneofs, oneof);
	return true;
}

/*
 * Fields come after all oneofs are known.  A oneof that stands for "optional"
 * goes away.
 */
static bool
read_message_fields(DpPbSource *s, const DpPbPart *in, DpPbMessage *message)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	int			n = message->oneofs != NULL ? message->oneofs->index + 1 : 0;
	DpPbOneof **oneofs = calloc(n + 1, sizeof(*oneofs));
	bool		good = oneofs != NULL || dp_pb_no_memory(s->err);

	for (DpPbOneof *o = message->oneofs; good && o != NULL; o = o->next)
		oneofs[o->index] = o;
	while (good && dp_pb_next_field(&part))
	{
		RawField	raw;

		if (part.number != 2)
			continue;
		good = read_field(s, &part, &raw);
		if (good && raw.oneof >= n)
			good = dp_pb_broken(s);
		if (!good)
			break;
		if (raw.oneof >= 0 && raw.optional3)
			oneofs[raw.oneof]->name = NULL;
		else if (raw.oneof >= 0)
			raw.field->oneof = oneofs[raw.oneof];
		DP_PB_PUSH(message->fields, raw.field);
	}
	free(oneofs);
	for (DpPbOneof **link = &message->oneofs; *link != NULL;)
	{
		if ((*link)->name == NULL)
			*link = (*link)->next;
		else
			link = &(*link)->next;
	}
	for (DpPbField *f = message->fields; f != NULL; f = f->next)
	{
		if (f->oneof != NULL && f->oneof->name == NULL)
			f->oneof = NULL;
	}
	message->fields = dp_pb_reversed(message->fields);
	return good;
}

static bool read_message(DpPbSource *s, const DpPbPart *in, DpPbMessage *parent, DpPbMessage **list);

static bool
read_message_part(DpPbSource *s, DpPbMessage *message, const DpPbPart *part)
{
	switch (part->number)
	{
		case 1:
			return (message->name = dp_pb_part_name(s, part, false)) != NULL;
		case 3:
			return read_message(s, part, message, &message->messages);
		case 4:
			return read_enum(s, part, &message->enums);
		case 5:
			return dp_pb_read_range(s, part, true, &message->extensions);
		case 6:
			return read_extension(s, part, &message->extends);
		case 7:
			return dp_pb_read_options(s, part, DP_PB_OPTIONS_OF_MESSAGE, &message->options);
		case 8:
			return read_oneof(s, part, message);
		case 9:
			return dp_pb_read_range(s, part, true, &message->reserved);
		case 10:
			return dp_pb_read_reserved_name(s, part, &message->reserved);
		default:
			return true;
	}
}

static bool
read_message(DpPbSource *s, const DpPbPart *in, DpPbMessage *parent, DpPbMessage **list)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	DpPbMessage *message = dp_pb_new(s->schema, sizeof(*message), s->err);

	if (message == NULL)
		return false;
	if (++s->depth > DP_SCHEMA_MAX_DEPTH)
		return dp_error_set(s->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"schema is nested deeper than the limit of %d levels",
							DP_SCHEMA_MAX_DEPTH);
	message->file = s->file;
	message->parent = parent;
	while (dp_pb_next_field(&part))
	{
		if (!read_message_part(s, message, &part))
			return false;
	}
	if (!dp_pb_at_end(&part) || in->data == NULL || message->name == NULL)
		return dp_pb_broken(s);
	if (!read_message_fields(s, in, message))
		return false;
	message->messages = dp_pb_reversed(message->messages);
	message->enums = dp_pb_reversed(message->enums);
	message->extensions = dp_pb_reversed(message->extensions);
	message->reserved = dp_pb_reversed(message->reserved);
	message->oneofs = dp_pb_reversed(message->oneofs);
	message->extends = reversed_extends(message->extends);
	DP_PB_PUSH(*list, message);
	s->depth--;
	return !dp_pb_interrupted(s->err);
}

/* ------------------------------------------------------------------- files */

static bool
read_import(DpPbSource *s, const DpPbPart *part)
{
	DpPbImport *import = dp_pb_new(s->schema, sizeof(*import), s->err);

	if (import == NULL || (import->path = dp_pb_part_text(s, part)) == NULL)
		return false;
	DP_PB_PUSH(s->file->imports, import);
	return true;
}

/* What must be known before the rest: syntax and imports. */
static bool
read_head(DpPbSource *s, const DpPbPart *in)
{
	DpPbFile   *file = s->file;
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	uint64		n = 0;

	file->syntax = DP_PB_PROTO2;
	while (dp_pb_next_field(&part))
	{
		if (part.number == 2 && part.len > 0 &&
			(file->package = dp_pb_part_name(s, &part, true)) == NULL)
			return false;
		if (part.number == 2 && part.len > 0 && *file->package == '.')
			return dp_pb_broken(s);
		if (part.number == 3 && !read_import(s, &part))
			return false;
		n += part.number == 3;
		if (part.number == 12 && part.len == 6 && memcmp(part.data, "proto3", 6) == 0)
			file->syntax = DP_PB_PROTO3;
		if (part.number == 14 || (part.number == 12 && part.len == 8))
			return dp_error_set(s->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
								"editions are not supported, only proto2 and proto3");
	}
	if (!dp_pb_at_end(&part))
		return dp_pb_broken(s);
	file->imports = dp_pb_reversed(file->imports);
	part = dp_pb_part_of(in->data, in->len);
	while (dp_pb_next_field(&part))
	{
		DpPbImport *import = file->imports;

		if ((part.number != 10 && part.number != 11) || part.wire != DP_PB_WIRE_VARINT)
			continue;
		for (uint64 i = 0; import != NULL && i < Min(part.bits, n); i++)
			import = import->next;
		if (import != NULL && part.number == 10)
			import->is_public = true;
		else if (import != NULL)
			import->is_weak = true;
	}
	return true;
}

static bool
read_body(DpPbSource *s, const DpPbPart *in)
{
	DpPbFile   *file = s->file;
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	bool		good = true;

	while (good && dp_pb_next_field(&part))
	{
		if (part.number == 4)
			good = read_message(s, &part, NULL, &file->messages);
		else if (part.number == 5)
			good = read_enum(s, &part, &file->enums);
		else if (part.number == 6)
			good = read_service(s, &part, &file->services);
		else if (part.number == 7)
			good = read_extension(s, &part, &file->extends);
		else if (part.number == 8)
			good = dp_pb_read_options(s, &part, DP_PB_OPTIONS_OF_FILE, &file->options);
	}
	file->messages = dp_pb_reversed(file->messages);
	file->enums = dp_pb_reversed(file->enums);
	file->services = dp_pb_reversed(file->services);
	file->extends = reversed_extends(file->extends);
	return good;
}

/* One file; its own name is its path when none is given. */
static DpPbFile *
read_file(DpPbSource *s, const char *path, const DpPbPart *in, bool own_name)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);

	s->file = dp_pb_new(s->schema, sizeof(DpPbFile), s->err);
	if (s->file == NULL)
		return NULL;
	s->file->path = path;
	while (own_name && dp_pb_next_field(&part))
	{
		if (part.number == 1 && (s->file->path = dp_pb_part_text(s, &part)) == NULL)
			return NULL;
	}
	return read_head(s, in) && read_body(s, in) ? s->file : NULL;
}

/* A set begins with a file, which begins with its name; a file with its name itself. */
static bool
is_set(const DpPbPart *in)
{
	DpPbPart		part = dp_pb_part_of(in->data, in->len);
	size_t		bad;

	while (dp_pb_next_field(&part))
	{
		if (part.number != 1 || part.data == NULL)
			return false;
		if (part.len > 0 && dp_utf8_verify(part.data, part.len, &bad) && part.data[0] != '\n')
			return false;
	}
	return dp_pb_at_end(&part) && in->len > 0;
}

DpPbFile *
dp_pb_read_descriptor(DpPbSchema *schema, const char *path, const char *bytes, size_t len,
					  DpError *err)
{
	DpPbSource		s = {schema};
	char	   *copy = dp_arena_alloc(&schema->arena, len + DP_TEXT_PADDING);
	DpPbPart		all;
	DpPbPart		part;
	DpPbFile   *others = NULL;
	DpPbFile   *file = NULL;

	s.err = err;
	if (copy == NULL)
	{
		dp_pb_no_memory(err);
		return NULL;
	}
	if (len > 0)
		memcpy(copy, bytes, len);
	memset(copy + len, 0, DP_TEXT_PADDING);
	all = dp_pb_part_of(copy, len);
	all.data = copy;
	all.len = len;
	if (!is_set(&all))
	{
		file = read_file(&s, path, &all, false);
		if (file != NULL && file->messages == NULL && file->enums == NULL &&
			file->extends == NULL && file->services == NULL && file->imports == NULL)
		{
			dp_pb_broken(&s);
			return NULL;
		}
		return file;
	}

	/* The last file is the schema, the others are what it imports. */
	part = dp_pb_part_of(copy, len);
	while (dp_pb_next_field(&part))
	{
		bool		last = dp_pb_at_end(&part);

		file = read_file(&s, path, &part, !last);
		if (file == NULL)
			return NULL;
		if (!last)
			DP_PB_PUSH(others, file);
	}
	file->next = others;
	return file;
}
