/*-------------------------------------------------------------------------
 *
 * print.c
 *	  A schema as text, laid out as Confluent's registry prints it.
 *
 * Two schemas are the same when this text is: comments and blanks are gone,
 * the order of what is declared stays.  The normal form sorts what has no
 * order and spells every type by its full name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/print.h"

static void print_body(DpPbPrinter *p, const DpPbMessage *message);

/* ----------------------------------------------------------------- fields */

/* A type by its full name in the normal form, else as it was spelled. */
static void
put_type(DpPbPrinter *p, int type, const char *spelled, const DpPbMessage *message,
		 const DpPbEnum *e)
{
	const char *word = dp_pb_type_word(type);

	if (word != NULL)
		dp_pb_put(p, word);
	else if (p->normalize && (message != NULL || e != NULL))
	{
		dp_pb_put(p, ".");
		dp_pb_put(p, message != NULL ? message->full_name : e->full_name);
	}
	else
		dp_pb_put(p, spelled);
}

static void
put_field_type(DpPbPrinter *p, const DpPbField *field)
{
	if (field->map_syntax || (field->entry != NULL && p->normalize))
	{
		dp_pb_put(p, "map<");
		dp_pb_put(p, dp_pb_type_word(field->key_type));
		dp_pb_put(p, ", ");
		put_type(p, field->type, field->type_name, field->message, field->enumeration);
		dp_pb_put(p, ">");
	}
	else if (field->entry != NULL)
		dp_pb_put(p, field->type_name);
	else
		put_type(p, field->type, field->type_name, field->message, field->enumeration);
}

static void
print_field(DpPbPrinter *p, const DpPbField *field)
{
	static const char *const labels[] = {"", "optional ", "required ", "repeated "};
	DpPbItems		options = {0};
	bool		group = field->type == DP_PB_GROUP && field->message != NULL &&
		field->message->is_group;

	dp_pb_put_indent(p);
	if (!(field->is_map && p->normalize))
		dp_pb_put(p, labels[field->label]);
	if (group)
	{
		dp_pb_put(p, "group ");
		dp_pb_put(p, field->message->name);
	}
	else
	{
		put_field_type(p, field);
		dp_pb_put(p, " ");
		dp_pb_put(p, field->name);
	}
	dp_pb_put(p, " = ");
	dp_pb_put_number(p, field->number);
	dp_pb_collect_options(p, field->options, &options);
	if (field->default_value != NULL)
		dp_pb_add_item(&options, field->default_value, p->normalize ? "default" : NULL, 0, 0);
	if (field->json_option != NULL)
		dp_pb_add_item(&options, field->json_option, p->normalize ? "json_name" : NULL, 0, 0);
	dp_pb_print_option_list(p, &options);
	if (group)
	{
		dp_pb_put(p, " {");
		print_body(p, field->message);
		dp_pb_put_close(p, "}\n");
	}
	else
		dp_pb_put(p, ";\n");
}

/* ---------------------------------------------------------------- reserved */

static void
put_range(DpPbPrinter *p, const DpPbRange *range, bool say_max)
{
	if (range->name != NULL)
	{
		dp_pb_put(p, "\"");
		dp_pb_put(p, range->name);
		dp_pb_put(p, "\"");
		return;
	}
	dp_pb_put_number(p, range->first);
	if (range->last == range->first)
		return;
	dp_pb_put(p, " to ");
	if (say_max && range->last == DP_PB_MAX_NUMBER)
		dp_pb_put(p, "max");
	else
		dp_pb_put_number(p, range->last);
}

static void
print_ranges(DpPbPrinter *p, const char *word, const DpPbRanges *ranges, bool say_max)
{
	for (; ranges != NULL; ranges = ranges->next)
	{
		DpPbItems		options = {0};

		dp_pb_put_indent(p);
		dp_pb_put(p, word);
		for (const DpPbRange *range = ranges->ranges; range != NULL; range = range->next)
		{
			dp_pb_put(p, range == ranges->ranges ? " " : ", ");
			put_range(p, range, say_max);
		}
		dp_pb_collect_options(p, ranges->options, &options);
		dp_pb_print_option_list(p, &options);
		dp_pb_put(p, ";\n");
	}
}

/* Each by itself: numbers in order, then names. */
static void
print_reserved(DpPbPrinter *p, const DpPbRanges *ranges)
{
	DpPbItems		items = {0};

	if (!p->normalize)
	{
		print_ranges(p, "reserved", ranges, false);
		return;
	}
	for (; ranges != NULL; ranges = ranges->next)
	{
		for (const DpPbRange *range = ranges->ranges; range != NULL; range = range->next)
			dp_pb_add_item(&items, range, range->name,
					 range->name != NULL ? PG_INT64_MAX : range->first, range->last);
	}
	dp_pb_sort_items(p, &items);
	for (uint32 i = 0; i < items.len; i++)
	{
		dp_pb_put_indent(p);
		dp_pb_put(p, "reserved ");
		put_range(p, items.items[i].thing, false);
		dp_pb_put(p, ";\n");
	}
	free(items.items);
}

/* ------------------------------------------------------------ enum, extend */

static void
print_enum(DpPbPrinter *p, const DpPbEnum *e)
{
	DpPbItems		items = {0};

	dp_pb_put_indent(p);
	dp_pb_put(p, "enum ");
	dp_pb_put(p, e->name);
	dp_pb_put(p, " {\n");
	p->indent++;
	print_reserved(p, e->reserved);
	dp_pb_print_option_statements(p, e->options);
	for (const DpPbEnumValue *value = e->values; value != NULL; value = value->next)
		dp_pb_add_item(&items, value, p->normalize ? value->name : NULL,
				 p->normalize ? value->number : 0, 0);
	dp_pb_sort_items(p, &items);
	for (uint32 i = 0; i < items.len; i++)
	{
		const DpPbEnumValue *value = items.items[i].thing;
		DpPbItems		options = {0};

		dp_pb_put_indent(p);
		dp_pb_put(p, value->name);
		dp_pb_put(p, " = ");
		dp_pb_put_number(p, value->number);
		dp_pb_collect_options(p, value->options, &options);
		dp_pb_print_option_list(p, &options);
		dp_pb_put(p, ";\n");
	}
	free(items.items);
	p->indent--;
	dp_pb_put_indent(p);
	dp_pb_put(p, "}\n");
}

static void
print_extends(DpPbPrinter *p, const DpPbExtend *extend)
{
	for (; extend != NULL; extend = extend->next)
	{
		dp_pb_put_indent(p);
		dp_pb_put(p, "extend ");
		dp_pb_put(p, extend->extendee);
		dp_pb_put(p, " {\n");
		p->indent++;
		for (const DpPbField *field = extend->fields; field != NULL; field = field->next)
			print_field(p, field);
		p->indent--;
		dp_pb_put_indent(p);
		dp_pb_put(p, "}\n");
	}
}

/* ---------------------------------------------------------------- messages */

/* Fields in order: plain ones, groups, then those of each oneof. */
static void
collect_fields(DpPbPrinter *p, const DpPbMessage *message, DpPbItems *fields)
{
	for (const DpPbField *field = message->fields; field != NULL; field = field->next)
	{
		int64		part = field->oneof != NULL ? field->oneof->index + 2 :
			field->type == DP_PB_GROUP ? 1 : 0;

		dp_pb_add_item(fields, field, NULL, part, p->normalize ? field->number : 0);
	}
	dp_pb_sort_items(p, fields);
}

static const DpPbField *
field_at(const DpPbItems *fields, uint32 i)
{
	return i < fields->len ? fields->items[i].thing : NULL;
}

/* The fields of one part; returns where the next begins. */
static uint32
print_part(DpPbPrinter *p, const DpPbItems *fields, uint32 i, int64 part)
{
	for (; i < fields->len && fields->items[i].first == part; i++)
		print_field(p, field_at(fields, i));
	return i;
}

static void
print_oneof(DpPbPrinter *p, const DpPbOneof *oneof, const DpPbItems *fields, uint32 from)
{
	dp_pb_put_indent(p);
	dp_pb_put(p, "oneof ");
	dp_pb_put(p, oneof->name);
	dp_pb_put(p, " {");
	if (dp_pb_has_options(p, oneof->options))
	{
		dp_pb_begin_section(p);
		dp_pb_print_option_statements(p, oneof->options);
		dp_pb_end_section(p);
	}
	if (from < fields->len)
	{
		dp_pb_begin_section(p);
		print_part(p, fields, from, oneof->index + 2);
		dp_pb_end_section(p);
	}
	dp_pb_put_close(p, "}\n");
}

/* In the normal form by the number of the first field, and without empty ones. */
static void
print_oneofs(DpPbPrinter *p, const DpPbMessage *message, const DpPbItems *fields, uint32 i)
{
	DpPbItems		oneofs = {0};

	for (const DpPbOneof *oneof = message->oneofs; oneof != NULL; oneof = oneof->next)
	{
		const DpPbField *field;

		while (i < fields->len && fields->items[i].first < oneof->index + 2)
			i++;
		field = field_at(fields, i);
		if (field != NULL && field->oneof == oneof)
			dp_pb_add_item(&oneofs, oneof, NULL, p->normalize ? field->number : oneof->index, i);
		else if (!p->normalize)
			dp_pb_add_item(&oneofs, oneof, NULL, oneof->index, fields->len);
	}
	dp_pb_sort_items(p, &oneofs);
	if (oneofs.len > 0)
	{
		dp_pb_begin_section(p);
		for (uint32 k = 0; k < oneofs.len; k++)
			print_oneof(p, oneofs.items[k].thing, fields, oneofs.items[k].second);
		dp_pb_end_section(p);
	}
	free(oneofs.items);
}

static void
print_message(DpPbPrinter *p, const DpPbMessage *message)
{
	dp_pb_put_indent(p);
	dp_pb_put(p, "message ");
	dp_pb_put(p, message->name);
	dp_pb_put(p, " {");
	print_body(p, message);
	dp_pb_put_close(p, "}\n");
}

static bool
is_printed(const DpPbPrinter *p, const DpPbMessage *message)
{
	return !message->is_group && !(p->normalize && message->is_map_entry);
}

static void
print_nested(DpPbPrinter *p, const DpPbMessage *messages, const DpPbEnum *enums)
{
	for (; messages != NULL; messages = messages->next)
	{
		if (is_printed(p, messages))
			print_message(p, messages);
	}
	for (; enums != NULL; enums = enums->next)
		print_enum(p, enums);
}

/* Is there something for print_nested to print? */
static bool
has_nested(const DpPbPrinter *p, const DpPbMessage *messages, const DpPbEnum *enums)
{
	while (messages != NULL && !is_printed(p, messages))
		messages = messages->next;
	return messages != NULL || enums != NULL;
}

/* Fields, groups and oneofs, in this order. */
static void
print_fields(DpPbPrinter *p, const DpPbMessage *message)
{
	DpPbItems		fields = {0};
	uint32		groups = 0;
	uint32		oneofs;

	collect_fields(p, message, &fields);
	while (groups < fields.len && fields.items[groups].first == 0)
		groups++;
	for (oneofs = groups; oneofs < fields.len && fields.items[oneofs].first == 1;)
		oneofs++;
	if (groups > 0)
	{
		dp_pb_begin_section(p);
		print_part(p, &fields, 0, 0);
		dp_pb_end_section(p);
	}
	print_oneofs(p, message, &fields, oneofs);
	if (oneofs > groups)
	{
		dp_pb_begin_section(p);
		print_part(p, &fields, groups, 1);
		dp_pb_end_section(p);
	}
	free(fields.items);
}

/* What stands between the braces of a message; begins behind the first one. */
static void
print_body(DpPbPrinter *p, const DpPbMessage *message)
{
	if (message->reserved != NULL)
	{
		dp_pb_begin_section(p);
		print_reserved(p, message->reserved);
		dp_pb_end_section(p);
	}
	if (dp_pb_has_options(p, message->options))
	{
		dp_pb_begin_section(p);
		dp_pb_print_option_statements(p, message->options);
		dp_pb_end_section(p);
	}
	print_fields(p, message);
	if (message->extensions != NULL && !p->plain)
	{
		dp_pb_begin_section(p);
		print_ranges(p, "extensions", message->extensions, true);
		dp_pb_end_section(p);
	}
	if (message->extends != NULL && !p->plain)
	{
		dp_pb_begin_section(p);
		print_extends(p, message->extends);
		dp_pb_end_section(p);
	}
	if (has_nested(p, message->messages, message->enums))
	{
		dp_pb_begin_section(p);
		print_nested(p, message->messages, message->enums);
		dp_pb_end_section(p);
	}
}

/* ---------------------------------------------------------- services, files */

/* The type of a method, resolved in the normal form. */
static void
put_rpc_type(DpPbPrinter *p, const char *type, bool stream)
{
	const DpPbSymbol *symbol = NULL;

	dp_pb_put(p, stream ? "(stream " : "(");
	if (p->normalize)
		symbol = dp_pb_resolve(p->schema, p->schema->root->package, type);
	if (symbol != NULL)
		dp_pb_put(p, ".");
	dp_pb_put(p, symbol != NULL ? symbol->full_name : type);
	dp_pb_put(p, ")");
}

static void
print_service(DpPbPrinter *p, const DpPbService *service)
{
	dp_pb_put(p, "service ");
	dp_pb_put(p, service->name);
	dp_pb_put(p, " {");
	if (dp_pb_has_options(p, service->options))
	{
		dp_pb_begin_section(p);
		dp_pb_print_option_statements(p, service->options);
		dp_pb_end_section(p);
	}
	if (service->rpcs != NULL)
	{
		dp_pb_begin_section(p);
		for (const DpPbRpc *rpc = service->rpcs; rpc != NULL; rpc = rpc->next)
		{
			dp_pb_put_indent(p);
			dp_pb_put(p, "rpc ");
			dp_pb_put(p, rpc->name);
			dp_pb_put(p, " ");
			put_rpc_type(p, rpc->input, rpc->input_stream);
			dp_pb_put(p, " returns ");
			put_rpc_type(p, rpc->output, rpc->output_stream);
			if (dp_pb_has_options(p, rpc->options))
			{
				dp_pb_put(p, " {\n");
				p->indent++;
				dp_pb_print_option_statements(p, rpc->options);
				p->indent--;
				dp_pb_put_close(p, "}");
			}
			dp_pb_put(p, ";\n");
		}
		dp_pb_end_section(p);
	}
	dp_pb_put(p, "}\n");
}

static void
print_imports(DpPbPrinter *p, const DpPbImport *import, bool is_public)
{
	DpPbItems		items = {0};
	const char *before = NULL;

	for (; import != NULL; import = import->next)
	{
		if (import->is_public == is_public)
			dp_pb_add_item(&items, import, p->normalize ? import->path : NULL, 0, 0);
	}
	dp_pb_sort_items(p, &items);
	for (uint32 i = 0; i < items.len; i++)
	{
		import = items.items[i].thing;
		if (p->normalize && before != NULL && strcmp(before, import->path) == 0)
			continue;
		before = import->path;
		dp_pb_put(p, import->is_public ? "import public " : import->is_weak ? "import weak " : "import ");
		dp_pb_put_string(p, import->path, strlen(import->path));
		dp_pb_put(p, ";\n");
	}
	free(items.items);
}

static void
print_file(DpPbPrinter *p, const DpPbFile *file)
{
	if (file->syntax != DP_PB_NO_SYNTAX)
		dp_pb_put(p, dp_pb_is_proto3(file) ? "syntax = \"proto3\";\n" : "syntax = \"proto2\";\n");
	if (file->package != NULL)
	{
		dp_pb_put(p, "package ");
		dp_pb_put(p, file->package);
		dp_pb_put(p, ";\n");
	}
	if (file->imports != NULL)
	{
		dp_pb_put(p, "\n");
		print_imports(p, file->imports, false);
		print_imports(p, file->imports, true);
	}
	if (dp_pb_has_options(p, file->options))
	{
		dp_pb_put(p, "\n");
		dp_pb_print_option_statements(p, file->options);
	}
	if (file->messages != NULL || file->enums != NULL)
	{
		dp_pb_put(p, "\n");
		print_nested(p, file->messages, file->enums);
	}
	if (file->extends != NULL && !p->plain)
	{
		dp_pb_put(p, "\n");
		print_extends(p, file->extends);
	}
	if (file->services != NULL)
		dp_pb_put(p, "\n");
	for (const DpPbService *service = file->services; service != NULL; service = service->next)
		print_service(p, service);
}

bool
dp_pb_print(const DpPbSchema *schema, bool normalize, DpBuf *out, DpError *err)
{
	DpPbPrinter		p = {.schema = schema, .out = out, .normalize = normalize};

	print_file(&p, schema->root);
	if (out->oom)
		return dp_pb_no_memory(err);
	return true;
}

bool
dp_pb_print_plain(const DpPbSchema *schema, DpBuf *out, DpError *err)
{
	DpPbPrinter		p = {.schema = schema, .out = out, .plain = true};

	print_file(&p, schema->root);
	if (out->oom)
		return dp_pb_no_memory(err);
	return true;
}
