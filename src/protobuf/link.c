/*-------------------------------------------------------------------------
 *
 * link.c
 *	  Give every name in a schema its type.
 *
 * Names of the schema itself go first, so that a file among the references
 * cannot take one over.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/lex.h"

typedef struct WellKnownName
{
	const char *name;
	DpPbWellKnown kind;
} WellKnownName;

static const WellKnownName well_known[] = {
	{"google.protobuf.Timestamp", DP_PB_TIMESTAMP},
	{"google.protobuf.Duration", DP_PB_DURATION},
	{"google.protobuf.Struct", DP_PB_STRUCT},
	{"google.protobuf.Value", DP_PB_VALUE},
	{"google.protobuf.ListValue", DP_PB_LIST_VALUE},
	{"google.protobuf.DoubleValue", DP_PB_WRAPPER},
	{"google.protobuf.FloatValue", DP_PB_WRAPPER},
	{"google.protobuf.Int64Value", DP_PB_WRAPPER},
	{"google.protobuf.UInt64Value", DP_PB_WRAPPER},
	{"google.protobuf.Int32Value", DP_PB_WRAPPER},
	{"google.protobuf.UInt32Value", DP_PB_WRAPPER},
	{"google.protobuf.BoolValue", DP_PB_WRAPPER},
	{"google.protobuf.StringValue", DP_PB_WRAPPER},
	{"google.protobuf.BytesValue", DP_PB_WRAPPER},
	{"google.protobuf.Any", DP_PB_ANY},
	{"google.protobuf.FieldMask", DP_PB_FIELD_MASK},
	{"confluent.type.Decimal", DP_PB_DECIMAL},
	{"google.type.Decimal", DP_PB_GOOGLE_DECIMAL},
	{"google.type.Date", DP_PB_DATE},
	{"google.type.TimeOfDay", DP_PB_TIME_OF_DAY},
};

typedef struct Linker
{
	DpPbSchema *schema;
	DpPbFile   *file;
	DpError    *err;
} Linker;

static bool
say_twice(Linker *l, const char *name)
{
	return dp_error_set(l->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
						"\"%.100s\" is declared twice", name);
}

static bool
declare(Linker *l, const char *full_name, DpPbMessage *message, DpPbEnum *e)
{
	bool		known;

	if (full_name == NULL || !dp_pb_declare(l->schema, full_name, message, e, &known, l->err))
		return false;
	if (known && l->file == l->schema->root)
		return say_twice(l, full_name);
	return true;
}

static bool
declare_enums(Linker *l, DpPbEnum *e, const char *scope)
{
	for (; e != NULL; e = e->next)
	{
		e->full_name = dp_pb_join(l->schema, scope, e->name, l->err);
		e->closed = !dp_pb_is_proto3(l->file);
		e->id = l->schema->nenums++;
		if (!declare(l, e->full_name, NULL, e))
			return false;
	}
	return true;
}

/* Recursion is bounded by DP_SCHEMA_MAX_DEPTH, which the parser keeps. */
static bool
declare_messages(Linker *l, DpPbMessage *message, const char *scope)
{
	for (; message != NULL; message = message->next)
	{
		const DpPbOption *entry = dp_pb_option(message->options, "map_entry");

		message->full_name = dp_pb_join(l->schema, scope, message->name, l->err);
		if (!declare(l, message->full_name, message, NULL) ||
			!declare_messages(l, message->messages, message->full_name) ||
			!declare_enums(l, message->enums, message->full_name))
			return false;
		message->id = l->schema->nmessages++;
		message->is_map_entry = entry != NULL && strcmp(entry->value.text ?
														entry->value.text : "", "true") == 0;
		for (int i = 0; i < (int) lengthof(well_known); i++)
		{
			if (strcmp(message->full_name, well_known[i].name) == 0)
				message->well_known = well_known[i].kind;
		}
	}
	return true;
}

/* An import that nobody gave us, for the message of what then is missing. */
static const char *
missing_import(const DpPbSchema *schema)
{
	for (const DpPbFile *file = schema->files; file != NULL; file = file->next)
	{
		for (const DpPbImport *import = file->imports; import != NULL; import = import->next)
		{
			const DpPbFile *f = schema->files;

			while (f != NULL && (f->path == NULL || strcmp(f->path, import->path) != 0))
				f = f->next;
			if (f == NULL)
				return import->path;
		}
	}
	return NULL;
}

static bool
unknown_type(Linker *l, const char *name, const DpPbPlace *place)
{
	const char *import = missing_import(l->schema);

	dp_pb_fail_at(l->file->path, place, l->err, "type \"%.70s\" is not known", name);
	if (import != NULL && strlen(import) < 150)
	{
		memcpy(l->err->detail, "Import \"", 8);
		memcpy(l->err->detail + 8, import, strlen(import));
		memcpy(l->err->detail + 8 + strlen(import), "\" is not among the references.", 31);
	}
	return false;
}

static bool
is_packable(const DpPbField *field)
{
	return field->label == DP_PB_REPEATED && !field->is_map &&
		!dp_pb_is_message(field->type) && field->type != DP_PB_STRING &&
		field->type != DP_PB_BYTES;
}

/* What follows from label, type and syntax. */
static void
set_traits(Linker *l, DpPbField *field)
{
	const DpPbOption *packed = dp_pb_option(field->options, "packed");

	if (is_packable(field))
	{
		field->packed = dp_pb_is_proto3(l->file);
		if (packed != NULL && packed->value.text != NULL)
			field->packed = strcmp(packed->value.text, "true") == 0;
	}
	if (field->is_map || field->label == DP_PB_REPEATED)
		field->presence = false;
	else
		field->presence = !dp_pb_is_proto3(l->file) || field->label == DP_PB_OPTIONAL ||
			field->oneof != NULL || dp_pb_is_message(field->type);
}

/* Is the name of a group's field what text would make of the message's name? */
static bool
is_lower_of(const char *lower, const char *name)
{
	for (; *lower != '\0' && *lower == pg_ascii_tolower((unsigned char) *name); lower++)
		name++;
	return *lower == *name;
}

/*
 * A descriptor may name any message as the body of a group.  In text a group
 * declares its message on the spot; any other has no text, and one that holds
 * itself would be printed without end.
 */
static bool
link_group(Linker *l, const DpPbField *field, DpPbMessage *message, const char *scope)
{
	const char *own = dp_pb_join(l->schema, scope, message->name, l->err);

	if (own == NULL)
		return false;
	if (dp_pb_is_proto3(l->file))
		return dp_pb_fail_at(l->file->path, &field->place, l->err, "proto3 has no groups");
	if (message->is_group || message->file != l->file ||
		strcmp(message->full_name, own) != 0 || !is_lower_of(field->name, message->name))
		return dp_pb_fail_at(l->file->path, &field->place, l->err,
							 "group \"%.60s\" has no message of its own", field->name);
	message->is_group = true;
	return true;
}

/* The normal form says map<k, v>, so nothing else may need the entry. */
static bool
may_hold_entry(const DpPbField *field, bool extension)
{
	return field->label == DP_PB_REPEATED && field->type == DP_PB_MESSAGE &&
		!field->map_syntax && !extension;
}

static bool
link_field(Linker *l, DpPbField *field, const char *scope, bool extension)
{
	if (field->type_name != NULL && field->message == NULL)
	{
		const DpPbSymbol *symbol = dp_pb_resolve(l->schema, scope, field->type_name);

		if (symbol == NULL)
			return unknown_type(l, field->type_name, &field->place);
		field->message = symbol->message;
		field->enumeration = symbol->enumeration;
		if (field->type == DP_PB_GROUP && symbol->message != NULL &&
			!link_group(l, field, symbol->message, scope))
			return false;
		if (field->type == DP_PB_NAMED)
			field->type = symbol->message != NULL ? DP_PB_MESSAGE : DP_PB_ENUM;
		if ((field->type == DP_PB_ENUM) != (symbol->enumeration != NULL))
			return unknown_type(l, field->type_name, &field->place);
	}
	if (field->json_option != NULL)
		field->json_name = field->json_option->value.text;
	else
		field->json_name = dp_pb_json_name(l->schema, field->name, l->err);
	if (field->json_name == NULL)
		return false;
	if (field->message != NULL && field->message->is_map_entry)
	{
		if (!may_hold_entry(field, extension))
			return dp_pb_fail_at(l->file->path, &field->place, l->err,
								 "map entry \"%.60s\" can only be the entry of a map",
								 field->message->name);
		field->entry = field->message;
	}
	set_traits(l, field);
	return true;
}

static bool
link_fields(Linker *l, DpPbField *field, const char *scope, bool extension)
{
	for (; field != NULL; field = field->next)
	{
		if (!link_field(l, field, scope, extension) || dp_pb_interrupted(l->err))
			return false;
	}
	return true;
}

static bool
link_extends(Linker *l, DpPbExtend *extend, const char *scope)
{
	for (; extend != NULL; extend = extend->next)
	{
		const DpPbSymbol *symbol = dp_pb_resolve(l->schema, scope, extend->extendee);

		if (symbol == NULL || symbol->message == NULL)
			return unknown_type(l, extend->extendee, &extend->place);
		if (symbol->message->is_map_entry)
			return dp_pb_fail_at(l->file->path, &extend->place, l->err,
								 "map entry \"%.60s\" cannot be extended",
								 symbol->message->name);
		if (!link_fields(l, extend->fields, scope, true))
			return false;
		for (DpPbField *field = extend->fields; field != NULL; field = field->next)
		{
			DpPbExtensionField *known = dp_pb_new(l->schema, sizeof(*known), l->err);

			if (known == NULL)
				return false;
			field->full_name = dp_pb_join(l->schema, scope, field->name, l->err);
			if (field->full_name == NULL)
				return false;
			known->field = field;
			known->next = symbol->message->known_extensions;
			symbol->message->known_extensions = known;

			/* An extension is there or not, whatever its file's syntax. */
			field->presence = field->label != DP_PB_REPEATED;
		}
	}
	return true;
}

static bool
link_messages(Linker *l, DpPbMessage *message)
{
	for (; message != NULL; message = message->next)
	{
		int			n = 0;

		/* A descriptor may have left holes among the indexes. */
		for (DpPbOneof *oneof = message->oneofs; oneof != NULL; oneof = oneof->next)
			oneof->index = n++;
		if (!link_fields(l, message->fields, message->full_name, false) ||
			!link_extends(l, message->extends, message->full_name) ||
			!link_messages(l, message->messages) || dp_pb_interrupted(l->err))
			return false;
	}
	return true;
}

/* Fields whose type is a declared map entry are maps; all names are linked now. */
static bool
link_entries(Linker *l, DpPbMessage *message)
{
	for (; message != NULL; message = message->next)
	{
		if (message->is_map_entry && (message->messages != NULL || message->enums != NULL ||
									  message->extends != NULL))
			return dp_pb_fail_at(l->file->path, NULL, l->err,
								 "map entry \"%.60s\" declares something", message->name);
		for (DpPbField *field = message->fields; field != NULL; field = field->next)
		{
			const DpPbField *key = NULL;
			const DpPbField *value = NULL;

			if (field->entry == NULL)
				continue;
			for (const DpPbField *f = field->entry->fields; f != NULL; f = f->next)
			{
				if (f->number == 1)
					key = f;
				else if (f->number == 2)
					value = f;
			}
			if (key == NULL || value == NULL || key->entry != NULL || value->entry != NULL ||
				key->label == DP_PB_REPEATED || value->label == DP_PB_REPEATED ||
				key->type == DP_PB_DOUBLE || key->type == DP_PB_FLOAT ||
				key->type == DP_PB_BYTES || key->type == DP_PB_ENUM ||
				dp_pb_is_message(key->type))
				return dp_pb_fail_at(l->file->path, &field->place, l->err,
									 "\"%.60s\" is not a map entry", field->entry->name);
			field->is_map = true;
			field->packed = false;
			field->key_type = key->type;
			field->type = value->type;
			field->message = value->message;
			field->enumeration = value->enumeration;
		}
		if (!link_entries(l, message->messages))
			return false;
	}
	return true;
}

bool
dp_pb_link(DpPbSchema *schema, DpError *err)
{
	Linker		l = {schema, NULL, err};

	for (l.file = schema->files; l.file != NULL; l.file = l.file->next)
	{
		if (!declare_messages(&l, l.file->messages, l.file->package) ||
			!declare_enums(&l, l.file->enums, l.file->package))
			return false;
	}
	for (l.file = schema->files; l.file != NULL; l.file = l.file->next)
	{
		if (!link_messages(&l, l.file->messages) ||
			!link_extends(&l, l.file->extends, l.file->package))
			return false;
	}
	for (l.file = schema->files; l.file != NULL; l.file = l.file->next)
	{
		if (!link_entries(&l, l.file->messages))
			return false;
	}
	return true;
}
