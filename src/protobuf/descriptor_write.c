/*-------------------------------------------------------------------------
 *
 * descriptor_write.c
 *	  A schema as the bytes of a FileDescriptorProto.
 *
 * What protoc would make of the text: the entry messages of maps and the
 * oneofs that stand for "optional" are added behind what was declared, so
 * that index paths stay.  Custom options are left out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/known_options.h"
#include "protobuf/wire.h"

#define FILE_NAME "default"		/* as Confluent's registry names it */

typedef struct Target
{
	const DpPbSchema *schema;
	DpError    *err;
} Target;

static bool put_message(Target *t, DpBuf *out, int32 number, const DpPbMessage *message);

static void
put_text(DpBuf *out, int32 number, const char *text)
{
	dp_pb_put_bytes(out, number, text, strlen(text));
}

static void
put_int(DpBuf *out, int32 number, int64 value)
{
	dp_pb_put_tag(out, number, DP_PB_WIRE_VARINT);
	dp_pb_put_varint(out, (uint64) value);
}

/* A finished part as a field of another; frees it. */
static void
put_part(DpBuf *out, int32 number, DpBuf *part)
{
	if (part->oom)
		out->oom = true;
	else
		dp_pb_put_bytes(out, number, part->data, part->len);
	dp_buf_free(part);
}

static void
put_name(DpBuf *out, int32 number, const char *full_name)
{
	size_t		len = strlen(full_name);

	dp_pb_put_tag(out, number, DP_PB_WIRE_BYTES);
	dp_pb_put_varint(out, len + 1);
	dp_buf_append(out, ".", 1);
	dp_buf_append(out, full_name, len);
}

/* -------------------------------------------------------------- options */

static void
put_options(DpBuf *out, int32 number, DpPbOptionsOf of, const DpPbOption *options)
{
	DpBuf		part = {0};

	if (options == NULL)
		return;
	for (; options != NULL; options = options->next)
	{
		const DpPbKnownOption *known = options->parenthesized || options->rest != NULL ? NULL :
			dp_pb_known_option(of, options->name);
		const DpPbValue *value = &options->value;

		if (known == NULL || value->text == NULL)
			continue;
		if (known->type == DP_PB_STRING)
			dp_pb_put_bytes(&part, known->number, value->text, value->len);
		else if (known->type == DP_PB_BOOL)
			put_int(&part, known->number, strcmp(value->text, "true") == 0);
		for (int i = 0; known->type == DP_PB_ENUM && i < (int) lengthof(known->words); i++)
		{
			if (known->words[i] != NULL && strcmp(known->words[i], value->text) == 0)
				put_int(&part, known->number, i);
		}
	}
	put_part(out, number, &part);
}

/* ------------------------------------------------------------------ fields */

/* Bytes are escaped as in C; numbers are decimal. */
static void
put_default(DpBuf *out, const DpPbField *field)
{
	const DpPbValue *value = &field->default_value->value;
	DpBuf		text = {0};
	int64		number;

	if (value->text == NULL)
		return;
	if (field->type == DP_PB_BYTES)
	{
		for (uint32 i = 0; i < value->len; i++)
		{
			unsigned char c = value->text[i];
			char		octal[4] = {'\\', '0' + (c >> 6), '0' + ((c >> 3) & 7), '0' + (c & 7)};

			if (c >= ' ' && c < 0x7F && c != '\\' && c != '"' && c != '\'')
				dp_buf_append(&text, value->text + i, 1);
			else
				dp_buf_append(&text, octal, 4);
		}
	}
	else if (value->kind == DP_PB_VALUE_NUMBER && field->type != DP_PB_DOUBLE &&
			 field->type != DP_PB_FLOAT && dp_pb_number(value->text, value->len, &number))
	{
		char		digits[24];
		int			n = sizeof(digits);
		uint64		rest = number < 0 ? 0 - (uint64) number : (uint64) number;

		do
		{
			digits[--n] = '0' + rest % 10;
			rest /= 10;
		} while (rest != 0);
		if (number < 0)
			digits[--n] = '-';
		dp_buf_append(&text, digits + n, sizeof(digits) - n);
	}
	else
		dp_buf_append(&text, value->text, value->len);
	put_part(out, 7, &text);
}

/* "XyzEntry" of a map field "x_yz". */
static void
append_entry_name(DpBuf *out, const char *field_name)
{
	bool		up = true;

	for (const char *p = field_name; *p != '\0'; p++)
	{
		char		c = up && *p >= 'a' && *p <= 'z' ? *p - ('a' - 'A') : *p;

		up = *p == '_';
		if (!up)
			dp_buf_append(out, &c, 1);
	}
	dp_buf_append(out, "Entry", 5);
}

static void
put_type(DpBuf *out, int type, const DpPbMessage *message, const DpPbEnum *e)
{
	put_int(out, 5, type);
	if (message != NULL)
		put_name(out, 6, message->full_name);
	else if (e != NULL)
		put_name(out, 6, e->full_name);
}

/* "oneof": the index in the descriptor, or -1. */
static void
put_field(Target *t, DpBuf *out, int32 number, const DpPbField *field, const char *scope,
		  const char *extendee, int oneof, bool optional3)
{
	DpBuf		part = {0};

	put_text(&part, 1, field->name);
	if (extendee != NULL)
		put_name(&part, 2, extendee);
	put_int(&part, 3, field->number);
	put_int(&part, 4, field->is_map || field->label == DP_PB_REPEATED ? 3 :
			field->label == DP_PB_REQUIRED ? 2 : 1);
	if (field->map_syntax)
	{
		DpBuf		name = {0};

		dp_buf_append(&name, ".", 1);
		dp_buf_append(&name, scope, strlen(scope));
		dp_buf_append(&name, ".", 1);
		append_entry_name(&name, field->name);
		put_int(&part, 5, DP_PB_MESSAGE);
		put_part(&part, 6, &name);
	}
	else if (field->entry != NULL)
		put_type(&part, DP_PB_MESSAGE, field->entry, NULL);
	else
		put_type(&part, field->type, field->message, field->enumeration);
	if (field->default_value != NULL)
		put_default(&part, field);
	put_options(&part, 8, DP_PB_OPTIONS_OF_FIELD, field->options);
	if (oneof >= 0)
		put_int(&part, 9, oneof);
	put_text(&part, 10, field->json_name);
	if (optional3)
		put_int(&part, 17, 1);
	put_part(out, number, &part);
}

static void
put_extends(Target *t, DpBuf *out, int32 number, const DpPbExtend *extend, const char *scope)
{
	for (; extend != NULL; extend = extend->next)
	{
		const DpPbSymbol *symbol = dp_pb_resolve(t->schema, scope, extend->extendee);

		for (const DpPbField *f = extend->fields; symbol != NULL && f != NULL; f = f->next)
			put_field(t, out, number, f, scope, symbol->full_name, -1, false);
	}
}

/* The entry message of a map that has none declared. */
static void
put_entry(DpBuf *out, const DpPbField *field)
{
	DpBuf		part = {0};
	DpBuf		name = {0};

	append_entry_name(&name, field->name);
	put_part(&part, 1, &name);
	for (int i = 0; i < 2; i++)
	{
		DpBuf		inner = {0};

		put_text(&inner, 1, i == 0 ? "key" : "value");
		put_int(&inner, 3, i + 1);
		put_int(&inner, 4, 1);
		if (i == 0)
			put_type(&inner, field->key_type, NULL, NULL);
		else
			put_type(&inner, field->type, field->message, field->enumeration);
		put_text(&inner, 10, i == 0 ? "key" : "value");
		put_part(&part, 2, &inner);
	}
	{
		DpBuf		options = {0};

		put_int(&options, 7, 1);
		put_part(&part, 7, &options);
	}
	put_part(out, 3, &part);
}

/* ---------------------------------------------------------- ranges and enums */

static void
put_ranges(DpBuf *out, int32 number, int32 names, const DpPbRanges *ranges, bool exclusive)
{
	for (; ranges != NULL; ranges = ranges->next)
	{
		for (const DpPbRange *range = ranges->ranges; range != NULL; range = range->next)
		{
			DpBuf		part = {0};

			if (range->name != NULL)
			{
				put_text(out, names, range->name);
				continue;
			}
			put_int(&part, 1, range->first);
			put_int(&part, 2, (int64) range->last + exclusive);
			put_part(out, number, &part);
		}
	}
}

static void
put_enum(DpBuf *out, int32 number, const DpPbEnum *e)
{
	DpBuf		part = {0};

	put_text(&part, 1, e->name);
	for (const DpPbEnumValue *value = e->values; value != NULL; value = value->next)
	{
		DpBuf		inner = {0};

		put_text(&inner, 1, value->name);
		put_int(&inner, 2, value->number);
		put_options(&inner, 3, DP_PB_OPTIONS_OF_ENUM_VALUE, value->options);
		put_part(&part, 2, &inner);
	}
	put_options(&part, 3, DP_PB_OPTIONS_OF_ENUM, e->options);
	put_ranges(&part, 4, 5, e->reserved, false);
	put_part(out, number, &part);
}

/* ---------------------------------------------------------------- messages */

static bool
is_optional3(const DpPbField *field, const DpPbFile *file)
{
	return dp_pb_is_proto3(file) && field->label == DP_PB_OPTIONAL;
}

static void
put_oneof(DpBuf *out, const char *prefix, const char *name)
{
	DpBuf		part = {0};
	DpBuf		text = {0};

	dp_buf_append(&text, prefix, strlen(prefix));
	dp_buf_append(&text, name, strlen(name));
	put_part(&part, 1, &text);
	put_part(out, 8, &part);
}

static void
put_fields(Target *t, DpBuf *out, const DpPbMessage *message)
{
	int			n = 0;

	for (const DpPbOneof *o = message->oneofs; o != NULL; o = o->next)
		n++;
	for (const DpPbField *f = message->fields; f != NULL; f = f->next)
	{
		int			oneof = -1;

		if (is_optional3(f, message->file))
			oneof = n++;
		else if (f->oneof != NULL)
			oneof = f->oneof->index;
		put_field(t, out, 2, f, message->full_name, NULL, oneof, is_optional3(f, message->file));
	}
	for (const DpPbOneof *o = message->oneofs; o != NULL; o = o->next)
		put_oneof(out, "", o->name);
	for (const DpPbField *f = message->fields; f != NULL; f = f->next)
	{
		if (is_optional3(f, message->file))
			put_oneof(out, "_", f->name);
	}
}

/* Those of groups come last: index paths do not count them. */
static bool
put_messages(Target *t, DpBuf *out, int32 number, const DpPbMessage *list)
{
	for (int groups = 0; groups < 2; groups++)
	{
		for (const DpPbMessage *m = list; m != NULL; m = m->next)
		{
			if (m->is_group == groups && !put_message(t, out, number, m))
				return false;
		}
	}
	return true;
}

static bool
put_message(Target *t, DpBuf *out, int32 number, const DpPbMessage *message)
{
	DpBuf		part = {0};
	bool		good;

	put_text(&part, 1, message->name);
	put_fields(t, &part, message);
	good = put_messages(t, &part, 3, message->messages);
	for (const DpPbField *f = message->fields; f != NULL; f = f->next)
	{
		if (f->map_syntax)
			put_entry(&part, f);
	}
	for (const DpPbEnum *e = message->enums; e != NULL; e = e->next)
		put_enum(&part, 4, e);
	put_ranges(&part, 5, 0, message->extensions, true);
	put_extends(t, &part, 6, message->extends, message->full_name);
	put_options(&part, 7, DP_PB_OPTIONS_OF_MESSAGE, message->options);
	put_ranges(&part, 9, 10, message->reserved, true);
	put_part(out, number, &part);
	return good && !dp_pb_interrupted(t->err);
}

/* ------------------------------------------------------------------- files */

static void
put_rpc_type(Target *t, DpBuf *out, int32 number, const char *type)
{
	const DpPbSymbol *symbol = dp_pb_resolve(t->schema, t->schema->root->package, type);

	if (symbol != NULL)
		put_name(out, number, symbol->full_name);
	else
		put_text(out, number, type);
}

static void
put_service(Target *t, DpBuf *out, const DpPbService *service)
{
	DpBuf		part = {0};

	put_text(&part, 1, service->name);
	for (const DpPbRpc *rpc = service->rpcs; rpc != NULL; rpc = rpc->next)
	{
		DpBuf		inner = {0};

		put_text(&inner, 1, rpc->name);
		put_rpc_type(t, &inner, 2, rpc->input);
		put_rpc_type(t, &inner, 3, rpc->output);
		put_options(&inner, 4, DP_PB_OPTIONS_OF_METHOD, rpc->options);
		if (rpc->input_stream)
			put_int(&inner, 5, 1);
		if (rpc->output_stream)
			put_int(&inner, 6, 1);
		put_part(&part, 2, &inner);
	}
	put_options(&part, 3, DP_PB_OPTIONS_OF_SERVICE, service->options);
	put_part(out, 6, &part);
}

bool
dp_pb_write_descriptor(const DpPbSchema *schema, DpBuf *out, DpError *err)
{
	Target		t = {schema, err};
	const DpPbFile *file = schema->root;
	bool		good;
	int			n = 0;

	put_text(out, 1, FILE_NAME);
	if (file->package != NULL)
		put_text(out, 2, file->package);
	for (const DpPbImport *import = file->imports; import != NULL; import = import->next)
		put_text(out, 3, import->path);
	good = put_messages(&t, out, 4, file->messages);
	for (const DpPbEnum *e = file->enums; e != NULL; e = e->next)
		put_enum(out, 5, e);
	for (const DpPbService *s = file->services; s != NULL; s = s->next)
		put_service(&t, out, s);
	put_extends(&t, out, 7, file->extends, file->package != NULL ? file->package : "");
	put_options(out, 8, DP_PB_OPTIONS_OF_FILE, file->options);
	for (const DpPbImport *import = file->imports; import != NULL; import = import->next, n++)
	{
		if (import->is_public || import->is_weak)
			put_int(out, import->is_public ? 10 : 11, n);
	}
	if (dp_pb_is_proto3(file))
		put_text(out, 12, "proto3");
	if (good && out->oom)
		return dp_pb_no_memory(err);
	return good;
}
