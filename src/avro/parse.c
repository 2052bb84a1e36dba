/*-------------------------------------------------------------------------
 *
 * parse.c
 *	  The text of an Avro schema to types.
 *
 * What the specification forbids is refused, with the place in the DETAIL.
 * Attributes without a meaning are kept for printing; a logical type that does
 * not fit its type is such an attribute, and the type is read as it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "avro/names.h"
#include "formats/nodes.h"

/* The C library's: this file must link without the server. */
#undef snprintf
#undef vsnprintf

#define PRIMITIVES (DP_AVRO_STRING + 1)
#define NUMERIC_SCALE_MAX 16383 /* that a numeric can show */
#define FIXED_MAX_BYTES 0x3fffffff	/* no value of PostgreSQL is larger */

typedef struct Parser
{
	DpAvroSchema *schema;
	DpArena    *arena;
	DpAvroTable names;			/* full name to DpAvroType */
	const DpAvroType *primitives[PRIMITIVES];
	DpAvroType **records;		/* those whose defaults are still to be checked */
	int			nrecords;
	int			maxrecords;
	int			depth;
	bool		referenced;		/* this text is another schema's */
	uint32		work;			/* to ask for interrupts now and then */
	DpError    *err;
} Parser;

static const char *const tag_names[] = {
	"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"fixed", "enum", "record", "array", "map", "union"
};

static const DpAvroType *parse_type(Parser *p, const DpAvroTree *tree, const char *space);

const char *
dp_avro_tag_name(DpAvroTag tag)
{
	return tag_names[tag];
}

static bool invalid(Parser *p, const char *fmt,...) __attribute__((format(printf, 2, 3)));

static bool
invalid(Parser *p, const char *fmt,...)
{
	char		text[sizeof(p->err->message)];
	va_list		ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return dp_error_set(p->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION, "%s", text);
}

/* Say where, unless someone deeper has. */
static void
tell_place(Parser *p, const char *kind, const char *name, const char *record)
{
	if (p->err->detail[0] == '\0')
		snprintf(p->err->detail, sizeof(p->err->detail), "In %s \"%.60s\"%s%.80s%s.", kind, name,
				 record ? " of record \"" : "", record ? record : "", record ? "\"" : "");
}

static void *
take(Parser *p, size_t n, size_t size)
{
	void	   *room = dp_arena_alloc(p->arena, Max(n, 1) * size);

	if (room == NULL)
		dp_out_of_memory(p->err);
	else
		memset(room, 0, Max(n, 1) * size);
	return room;
}

static bool
go_on(Parser *p)
{
	if ((++p->work & 0xFF) != 0 || dp_schema_interrupted == NULL || !dp_schema_interrupted())
		return true;
	return dp_error_set(p->err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
}

static DpAvroType *
new_type(Parser *p, DpAvroTag tag)
{
	DpAvroSchema *s = p->schema;
	DpAvroType *type = take(p, 1, sizeof(DpAvroType));

	if (type == NULL || !go_on(p))
		return NULL;
	if (s->ntypes == s->maxtypes)
	{
		int			more = s->maxtypes ? 2 * s->maxtypes : 32;
		const DpAvroType **types = realloc(s->types, more * sizeof(DpAvroType *));

		if (types == NULL)
		{
			dp_out_of_memory(p->err);
			return NULL;
		}
		s->types = types;
		s->maxtypes = more;
	}
	type->tag = tag;
	type->id = s->ntypes;
	s->types[s->ntypes++] = type;
	type->referenced = p->referenced;
	type->symbol_default = -1;
	return type;
}

/* ------------------------------------------------------------ attributes */

static const char *
get_text(const DpAvroTree *object, const char *key)
{
	const DpAvroTree *value = dp_avro_tree_get(object, key);

	return value != NULL && value->kind == DP_TREE_STRING ? value->text : NULL;
}

/* An integer of at most nine digits. */
static bool
get_small(const DpAvroTree *object, const char *key, int *out)
{
	const DpAvroTree *value = dp_avro_tree_get(object, key);
	bool		negative;

	if (value == NULL || value->kind != DP_TREE_NUMBER)
		return false;
	negative = value->text[0] == '-';
	if (value->len - negative > 10 ||
		strspn(value->text + negative, "0123456789") != value->len - negative)
		return false;
	if (atoll(value->text) != (int) atoll(value->text))
		return false;
	*out = atoi(value->text);
	return true;
}

static bool
is_one_of(const char *key, const char *const *words)
{
	for (; *words; words++)
	{
		if (strcmp(key, *words) == 0)
			return true;
	}
	return false;
}

static bool
keep_props(Parser *p, const DpAvroTree *object, const char *const *reserved, DpAvroProps *out)
{
	out->items = NULL;
	out->n = 0;
	for (uint32 i = 0; i < object->len; i++)
	{
		if (is_one_of(object->keys[i], reserved))
			continue;
		if (out->items == NULL)
			out->items = take(p, object->len, sizeof(DpAvroProp));
		if (out->items == NULL)
			return false;
		out->items[out->n++] = (DpAvroProp) {object->keys[i], &object->items[i]};
	}
	return true;
}

static bool
keep_type_props(Parser *p, const DpAvroTree *object, DpAvroType *type)
{
	static const char *const reserved[] = {
		"type", "name", "namespace", "doc", "aliases", "fields", "symbols", "items", "values",
		"size", NULL
	};
	static const char *const of_enum[] = {
		"type", "name", "namespace", "doc", "aliases", "fields", "symbols", "items", "values",
		"size", "default", NULL
	};

	return keep_props(p, object, type->tag == DP_AVRO_ENUM ? of_enum : reserved, &type->props);
}

/* An array of strings, or nothing when there is no such attribute. */
static bool
get_strings(Parser *p, const DpAvroTree *object, const char *key, const char ***out, int *n)
{
	const DpAvroTree *value = dp_avro_tree_get(object, key);

	*n = 0;
	if (value == NULL)
		return true;
	if (value->kind != DP_TREE_ARRAY)
		return invalid(p, "\"%s\" is not an array", key);
	*out = take(p, value->len, sizeof(char *));
	if (*out == NULL)
		return false;
	for (uint32 i = 0; i < value->len; i++)
	{
		if (value->items[i].kind != DP_TREE_STRING)
			return invalid(p, "\"%s\" has an element that is not a string", key);
		(*out)[(*n)++] = value->items[i].text;
	}
	return true;
}

/* ---------------------------------------------------------- logical types */

/* Digits that n bytes of two's complement can always hold. */
static int
digits_of_bytes(uint32 n)
{
	double		digits = floor((8.0 * n - 1) * 0.30102999566398119521);

	return digits > PG_INT32_MAX ? PG_INT32_MAX : (int) digits;
}

static void
set_decimal(const DpAvroTree *object, DpAvroType *type)
{
	int			precision;
	int			scale = 0;

	if (type->tag != DP_AVRO_BYTES && type->tag != DP_AVRO_FIXED)
		return;
	if (!get_small(object, "precision", &precision) || precision <= 0)
		return;
	if (dp_avro_tree_get(object, "scale") != NULL && !get_small(object, "scale", &scale))
		return;
	if (scale < 0 || scale > precision || scale > NUMERIC_SCALE_MAX)
		return;
	if (type->tag == DP_AVRO_FIXED && precision > digits_of_bytes(type->size))
		return;
	type->logical = DP_LOGICAL_DECIMAL;
	type->precision = precision;
	type->scale = scale;
}

static void
set_logical(const DpAvroTree *object, DpAvroType *type)
{
	static const struct
	{
		const char *name;
		DpAvroTag	tag;
		uint32		size;
		DpAvroLogical logical;
	}			known[] = {
		{"uuid", DP_AVRO_STRING, 0, DP_LOGICAL_UUID},
		{"uuid", DP_AVRO_FIXED, DP_AVRO_UUID_BYTES, DP_LOGICAL_UUID},
		{"date", DP_AVRO_INT, 0, DP_LOGICAL_DATE},
		{"time-millis", DP_AVRO_INT, 0, DP_LOGICAL_TIME_MILLIS},
		{"time-micros", DP_AVRO_LONG, 0, DP_LOGICAL_TIME_MICROS},
		{"timestamp-millis", DP_AVRO_LONG, 0, DP_LOGICAL_TIMESTAMP_MILLIS},
		{"timestamp-micros", DP_AVRO_LONG, 0, DP_LOGICAL_TIMESTAMP_MICROS},
		{"timestamp-nanos", DP_AVRO_LONG, 0, DP_LOGICAL_TIMESTAMP_NANOS},
		{"local-timestamp-millis", DP_AVRO_LONG, 0, DP_LOGICAL_LOCAL_MILLIS},
		{"local-timestamp-micros", DP_AVRO_LONG, 0, DP_LOGICAL_LOCAL_MICROS},
		{"local-timestamp-nanos", DP_AVRO_LONG, 0, DP_LOGICAL_LOCAL_NANOS},
		{"duration", DP_AVRO_FIXED, DP_AVRO_DURATION_BYTES, DP_LOGICAL_DURATION},
	};
	const char *name = get_text(object, "logicalType");

	if (name == NULL)
		return;
	if (strcmp(name, "decimal") == 0)
		set_decimal(object, type);
	for (int i = 0; i < lengthof(known); i++)
	{
		if (type->tag == known[i].tag && strcmp(name, known[i].name) == 0 &&
			(type->tag != DP_AVRO_FIXED || type->size == known[i].size))
			type->logical = known[i].logical;
	}
}

/* ------------------------------------------------------------ named types */

static bool
read_aliases(Parser *p, const DpAvroTree *object, DpAvroType *type)
{
	const char **names;

	if (!get_strings(p, object, "aliases", &names, &type->naliases))
		return false;
	if (type->naliases == 0)
		return true;
	type->aliases = take(p, type->naliases, sizeof(DpAvroName));
	if (type->aliases == NULL)
		return false;
	for (int i = 0; i < type->naliases; i++)
	{
		if (!dp_avro_make_name(p->arena, names[i], type->name.space, &type->aliases[i], p->err))
			return false;
	}
	return true;
}

/* Name, namespace, doc and aliases; the name is known from here on. */
static bool
name_type(Parser *p, const DpAvroTree *object, const char *space, DpAvroType *type)
{
	const char *name = get_text(object, "name");
	const DpAvroTree *own = dp_avro_tree_get(object, "namespace");

	if (name == NULL)
		return invalid(p, "type \"%s\" has no name", dp_avro_tag_name(type->tag));
	if (own != NULL && own->kind != DP_TREE_STRING && own->kind != DP_TREE_NULL)
		return invalid(p, "\"namespace\" is not a string");
	if (own != NULL && own->kind == DP_TREE_STRING)
		space = own->text;
	/* A dot in front: no namespace. */
	if (name[0] == '.' && strchr(name + 1, '.') == NULL)
	{
		name++;
		space = "";
	}
	if (!dp_avro_make_name(p->arena, name, space, &type->name, p->err))
		return false;
	for (int i = 0; i < lengthof(tag_names); i++)
	{
		if (i < PRIMITIVES && strcmp(type->name.full, tag_names[i]) == 0)
			return invalid(p, "a type cannot be named \"%s\"", type->name.full);
	}
	if (dp_avro_table_get(&p->names, type->name.full) != NULL)
		return invalid(p, "type \"%.100s\" is defined twice", type->name.full);
	if (!dp_avro_table_put(&p->names, type->name.full, type))
		return dp_out_of_memory(p->err);
	type->doc = get_text(object, "doc");
	return read_aliases(p, object, type);
}

static bool
read_field(Parser *p, const DpAvroTree *object, const DpAvroType *record, DpAvroField *field)
{
	static const char *const reserved[] = {
		"name", "type", "doc", "default", "order", "aliases", NULL
	};
	const DpAvroTree *type;
	const DpAvroTree *order;

	if (object->kind != DP_TREE_OBJECT)
		return invalid(p, "a field is not an object");
	field->name = get_text(object, "name");
	if (field->name == NULL)
		return invalid(p, "a field has no name");
	if (!dp_avro_is_name(field->name))
		return invalid(p, "\"%.60s\" is not a legal Avro name", field->name);
	type = dp_avro_tree_get(object, "type");
	if (type == NULL)
		return invalid(p, "field \"%.60s\" has no type", field->name);
	field->type = parse_type(p, type, record->name.space);
	if (field->type == NULL)
		return false;
	field->doc = get_text(object, "doc");
	field->fallback = dp_avro_tree_get(object, "default");
	order = dp_avro_tree_get(object, "order");
	if (order != NULL && order->kind == DP_TREE_STRING)
	{
		static const char *const orders[] = {"ascending", "descending", "ignore", NULL};

		if (!is_one_of(order->text, orders))
			return invalid(p, "\"order\" must be ascending, descending or ignore");
		if (strcmp(order->text, "ascending") != 0)
			field->order = order->text;
	}
	return get_strings(p, object, "aliases", &field->aliases, &field->naliases) &&
		keep_props(p, object, reserved, &field->props);
}

/* Remember a record, to look at the defaults when all types are known. */
static bool
note_record(Parser *p, DpAvroType *type)
{
	if (p->nrecords == p->maxrecords)
	{
		int			more = p->maxrecords ? 2 * p->maxrecords : 16;
		DpAvroType **records = realloc(p->records, more * sizeof(DpAvroType *));

		if (records == NULL)
			return dp_out_of_memory(p->err);
		p->records = records;
		p->maxrecords = more;
	}
	p->records[p->nrecords++] = type;
	return true;
}

static bool
read_fields(Parser *p, const DpAvroTree *object, DpAvroType *type)
{
	const DpAvroTree *fields = dp_avro_tree_get(object, "fields");
	DpAvroTable seen = {0};

	if (fields == NULL || fields->kind != DP_TREE_ARRAY)
		return invalid(p, "record has no array of fields");
	if (!note_record(p, type))
		return false;
	type->fields = take(p, fields->len, sizeof(DpAvroField));
	if (type->fields == NULL)
		return false;
	for (uint32 i = 0; i < fields->len; i++)
	{
		DpAvroField *field = &type->fields[i];
		bool		good = read_field(p, &fields->items[i], type, field);

		if (good && dp_avro_table_get(&seen, field->name) != NULL)
			good = invalid(p, "record has two fields named \"%.60s\"", field->name);
		if (good && !dp_avro_table_put(&seen, field->name, field))
			good = dp_out_of_memory(p->err);
		if (!good)
		{
			if (field->name != NULL)
				tell_place(p, "field", field->name, type->name.full);
			dp_avro_table_free(&seen);
			return false;
		}
		type->nfields++;
	}
	dp_avro_table_free(&seen);
	return true;
}

static bool
check_symbols(Parser *p, DpAvroType *type, DpAvroTable *seen)
{
	for (int i = 0; i < type->nsymbols; i++)
	{
		if (!dp_avro_is_name(type->symbols[i]))
			return invalid(p, "\"%.60s\" is not a legal enum symbol", type->symbols[i]);
		if (dp_avro_table_get(seen, type->symbols[i]) != NULL)
			return invalid(p, "enum has symbol \"%.60s\" twice", type->symbols[i]);
		if (!dp_avro_table_put(seen, type->symbols[i], &type->symbols[i]))
			return dp_out_of_memory(p->err);
	}
	return true;
}

static bool
read_symbols(Parser *p, const DpAvroTree *object, DpAvroType *type)
{
	const DpAvroTree *fallback = dp_avro_tree_get(object, "default");
	DpAvroTable seen = {0};
	bool		good;

	if (dp_avro_tree_get(object, "symbols") == NULL)
		return invalid(p, "enum has no symbols");
	if (!get_strings(p, object, "symbols", &type->symbols, &type->nsymbols))
		return false;
	good = check_symbols(p, type, &seen);
	if (good && fallback != NULL && fallback->kind != DP_TREE_NULL)
	{
		const char *const *symbol = fallback->kind == DP_TREE_STRING ?
			dp_avro_table_get(&seen, fallback->text) : NULL;

		if (symbol == NULL)
			good = invalid(p, "default of an enum must be one of its symbols");
		else
			type->symbol_default = symbol - (const char *const *) type->symbols;
	}
	dp_avro_table_free(&seen);
	return good;
}

static bool
read_size(Parser *p, const DpAvroTree *object, DpAvroType *type)
{
	int			size;

	if (!get_small(object, "size", &size))
		return invalid(p, "fixed has no size");
	if (size < 0 || size > FIXED_MAX_BYTES)
		return invalid(p, "size of a fixed is out of range: %d", size);
	type->size = size;
	return true;
}

static const DpAvroType *
parse_named(Parser *p, const DpAvroTree *object, DpAvroTag tag, bool is_error, const char *space)
{
	DpAvroType *type = new_type(p, tag);
	bool		good;

	if (type == NULL)
		return NULL;
	type->is_error = is_error;
	if (!name_type(p, object, space, type))
	{
		if (type->name.full != NULL)
			tell_place(p, dp_avro_tag_name(tag), type->name.full, NULL);
		return NULL;
	}
	if (tag == DP_AVRO_RECORD)
		good = read_fields(p, object, type);
	else if (tag == DP_AVRO_ENUM)
		good = read_symbols(p, object, type);
	else
		good = read_size(p, object, type);
	if (!good || !keep_type_props(p, object, type))
	{
		tell_place(p, dp_avro_tag_name(tag), type->name.full, NULL);
		return NULL;
	}
	set_logical(object, type);
	return type;
}

/* ------------------------------------------------------------ other types */

static const DpAvroType *
parse_items(Parser *p, const DpAvroTree *object, DpAvroTag tag, const char *space)
{
	const char *key = tag == DP_AVRO_ARRAY ? "items" : "values";
	const DpAvroTree *items = dp_avro_tree_get(object, key);
	DpAvroType *type = new_type(p, tag);

	if (type == NULL)
		return NULL;
	if (items == NULL)
	{
		invalid(p, "type \"%s\" has no \"%s\"", dp_avro_tag_name(tag), key);
		return NULL;
	}
	type->items = parse_type(p, items, space);
	return type->items != NULL && keep_type_props(p, object, type) ? type : NULL;
}

static bool
read_branches(Parser *p, const DpAvroTree *array, const char *space, DpAvroType *type,
			  DpAvroTable *seen)
{
	for (uint32 i = 0; i < array->len; i++)
	{
		const DpAvroType *branch = parse_type(p, &array->items[i], space);

		if (branch == NULL)
			return false;
		if (branch->tag == DP_AVRO_UNION)
			return invalid(p, "a union is a branch of a union");
		if (dp_avro_table_get(seen, dp_avro_branch_name(branch)) != NULL)
			return invalid(p, "union has branch \"%.80s\" twice", dp_avro_branch_name(branch));
		if (!dp_avro_table_put(seen, dp_avro_branch_name(branch), branch))
			return dp_out_of_memory(p->err);
		type->branches[type->nbranches++] = branch;
	}
	return true;
}

static const DpAvroType *
parse_union(Parser *p, const DpAvroTree *array, const char *space)
{
	DpAvroType *type = new_type(p, DP_AVRO_UNION);
	DpAvroTable seen = {0};
	bool		good;

	if (type == NULL)
		return NULL;
	type->branches = take(p, array->len, sizeof(DpAvroType *));
	good = type->branches != NULL && read_branches(p, array, space, type, &seen);
	dp_avro_table_free(&seen);
	return good ? type : NULL;
}

/* A type that was defined before, in the namespace or without one. */
static const DpAvroType *
find_name(Parser *p, const char *name, const char *space)
{
	DpError		ignored;
	DpAvroName	full;
	const DpAvroType *type;

	if (!dp_avro_make_name(p->arena, name, space, &full, &ignored))
		return NULL;
	type = dp_avro_table_get(&p->names, full.full);
	if (type == NULL)
		type = dp_avro_table_get(&p->names, name);
	return type;
}

static const DpAvroType *
find_type(Parser *p, const char *name, const char *space)
{
	const DpAvroType *type;

	for (int i = 0; i < PRIMITIVES; i++)
	{
		if (strcmp(name, tag_names[i]) == 0)
			return p->primitives[i];
	}
	type = find_name(p, name, space);
	if (type == NULL)
		invalid(p, "type \"%.80s\" is not defined", name);
	return type;
}

/* A primitive type with attributes. */
static const DpAvroType *
parse_primitive(Parser *p, const DpAvroTree *object, const DpAvroType *plain)
{
	DpAvroType *type;

	if (object->len == 1)
		return plain;
	type = new_type(p, plain->tag);
	if (type == NULL || !keep_type_props(p, object, type))
		return NULL;
	set_logical(object, type);
	return type->props.n > 0 ? type : plain;
}

static const DpAvroType *
parse_object(Parser *p, const DpAvroTree *object, const char *space)
{
	const DpAvroTree *what = dp_avro_tree_get(object, "type");
	const DpAvroType *type;

	if (what == NULL)
	{
		invalid(p, "an object that should be a type has no \"type\"");
		return NULL;
	}
	if (what->kind != DP_TREE_STRING)
		return parse_type(p, what, space);
	if (strcmp(what->text, "record") == 0 || strcmp(what->text, "error") == 0)
		return parse_named(p, object, DP_AVRO_RECORD, what->text[0] == 'e', space);
	if (strcmp(what->text, "enum") == 0)
		return parse_named(p, object, DP_AVRO_ENUM, false, space);
	if (strcmp(what->text, "fixed") == 0)
		return parse_named(p, object, DP_AVRO_FIXED, false, space);
	if (strcmp(what->text, "array") == 0)
		return parse_items(p, object, DP_AVRO_ARRAY, space);
	if (strcmp(what->text, "map") == 0)
		return parse_items(p, object, DP_AVRO_MAP, space);
	type = find_type(p, what->text, space);
	return type != NULL && type->tag < PRIMITIVES ? parse_primitive(p, object, type) : type;
}

static const DpAvroType *
parse_type(Parser *p, const DpAvroTree *tree, const char *space)
{
	const DpAvroType *type = NULL;

	if (p->depth >= DP_SCHEMA_MAX_DEPTH)
	{
		dp_error_set(p->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
					 "schema is nested deeper than the limit of %d levels", DP_SCHEMA_MAX_DEPTH);
		return NULL;
	}
	p->depth++;
	if (tree->kind == DP_TREE_STRING)
		type = find_type(p, tree->text, space);
	else if (tree->kind == DP_TREE_ARRAY)
		type = parse_union(p, tree, space);
	else if (tree->kind == DP_TREE_OBJECT)
		type = parse_object(p, tree, space);
	else
		invalid(p, "a type must be a string, an object or an array");
	p->depth--;
	return type;
}

/* --------------------------------------------------------------- a schema */

static bool
check_defaults(Parser *p)
{
	for (int i = 0; i < p->nrecords; i++)
	{
		const DpAvroType *record = p->records[i];

		for (int f = 0; f < record->nfields; f++)
		{
			const DpAvroField *field = &record->fields[f];

			if (!go_on(p))
				return false;
			if (field->fallback != NULL && !dp_avro_default_fits(field->type, field->fallback))
			{
				invalid(p, "default of field \"%.60s\" is not a value of its type", field->name);
				tell_place(p, "field", field->name, record->name.full);
				return false;
			}
		}
	}
	p->nrecords = 0;
	return true;
}

static const DpAvroType *
parse_text(Parser *p, const char *text, size_t len)
{
	const DpAvroTree *tree = dp_avro_tree_parse(text, len, p->arena, p->err);
	const DpAvroType *type;

	if (tree == NULL)
		return NULL;
	p->depth = 0;
	type = parse_type(p, tree, "");
	return type != NULL && check_defaults(p) ? type : NULL;
}

static bool
parse_all(Parser *p, const char *text, size_t len, const DpSchemaRef *refs, int nrefs)
{
	for (int i = 0; i < PRIMITIVES; i++)
	{
		p->primitives[i] = new_type(p, i);
		if (p->primitives[i] == NULL)
			return false;
	}
	for (int i = 0; i < nrefs; i++)
	{
		p->referenced = true;
		if (parse_text(p, refs[i].text, refs[i].len) == NULL)
		{
			if (refs[i].name != NULL)
				tell_place(p, "reference", refs[i].name, NULL);
			return false;
		}
	}
	p->referenced = false;
	p->schema->root = parse_text(p, text, len);
	return p->schema->root != NULL;
}

DpSchema *
dp_avro_parse(const char *text, size_t len, const DpSchemaRef *refs, int nrefs, DpError *err)
{
	DpAvroSchema *schema = calloc(1, sizeof(*schema));
	Parser		p = {.schema = schema,.err = err};
	bool		good;

	if (schema == NULL)
	{
		dp_out_of_memory(err);
		return NULL;
	}
	schema->base.kind = &dp_avro_kind;
	p.arena = &schema->arena;
	err->detail[0] = '\0';
	good = parse_all(&p, text, len, refs, nrefs);
	dp_avro_table_free(&p.names);
	free(p.records);
	if (good)
		return &schema->base;
	dp_avro_free(&schema->base);
	return NULL;
}

void
dp_avro_free(DpSchema *schema)
{
	DpAvroSchema *s = (DpAvroSchema *) schema;

	if (s == NULL)
		return;
	dp_arena_free(&s->arena);
	free(s->types);
	free(s);
}
