/*-------------------------------------------------------------------------
 *
 * fields.c
 *	  The columns that messages of a schema make.
 *
 * The top-level properties, with those of the schemas that the root refers to
 * or combines by allOf.  A type is what the keyword "type" says, alone or
 * beside null; "format" makes strings dates, times and uuids.  Anything that
 * is not one scalar type is jsonb.  With levels, an object that says its
 * properties is taken apart, with what it refers to or combines, in its place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/field_walk.h"
#include "jsonschema/kind.h"

#define MAX_HOPS 32				/* references and combinations on the way to a type */
#define MAX_PARTS 256			/* schemas that one object is made of */

typedef struct FormatType
{
	const char *format;
	const char *pg_type;
} FormatType;

static const FormatType format_types[] = {
	{"date-time", "timestamp with time zone"},
	{"date", "date"},
	{"duration", "interval"},
	{"uuid", "uuid"},
	{"ipv4", "inet"},
	{"ipv6", "inet"},
};

/* What a property may be, gathered from all that is said of it. */
typedef struct Shape
{
	uint16		types;			/* 0: anything */
	const char *format;
	const char *doc;
	bool		has_default;
	bool		jsonb;			/* more than one alternative */
} Shape;

static uint16
type_of(const DpJsonbItem *v)
{
	switch (v->kind)
	{
		case DP_JSONB_NULL:
			return DP_JS_TYPE_NULL;
		case DP_JSONB_FALSE:
		case DP_JSONB_TRUE:
			return DP_JS_TYPE_BOOLEAN;
		case DP_JSONB_NUMBER:
			return DP_JS_TYPE_NUMBER;
		case DP_JSONB_STRING:
			return DP_JS_TYPE_STRING;
		case DP_JSONB_ARRAY:
			return DP_JS_TYPE_ARRAY;
		case DP_JSONB_OBJECT:
			break;
	}
	return DP_JS_TYPE_OBJECT;
}

static void gather(const DpJsSchema *s, Shape *shape, int hops);

/* Alternatives that all say null but one are that one, and null. */
static void
gather_alternatives(const DpJsSchemas *list, Shape *shape, int hops)
{
	const DpJsSchema *only = NULL;
	uint32		others = 0;
	bool		null = false;

	for (uint32 i = 0; i < list->n; i++)
	{
		if (list->items[i]->types == DP_JS_TYPE_NULL)
			null = true;
		else
		{
			only = list->items[i];
			others++;
		}
	}
	if (others == 1)
	{
		gather(only, shape, hops);
		if (null && shape->types != 0)
			shape->types |= DP_JS_TYPE_NULL;
	}
	else if (others > 1)
		shape->jsonb = true;
	else if (null)
		shape->types = DP_JS_TYPE_NULL;
}

static void
gather(const DpJsSchema *s, Shape *shape, int hops)
{
	const char *doc = dp_js_get_string(s->source, "description");
	uint16		types = s->types;

	if (hops > MAX_HOPS)
		return;
	if (shape->doc == NULL)
		shape->doc = doc ? doc : dp_js_get_string(s->source, "title");
	shape->has_default |= dp_js_get(s->source, "default") != NULL;
	if (shape->format == NULL)
		shape->format = s->format;
	if (types == 0)
	{
		for (uint32 i = 0; i < s->nenum; i++)
			types |= type_of(&s->enumeration[i]);
		if (s->constant != NULL)
			types |= type_of(s->constant);
	}
	if (types != 0)
		shape->types = shape->types ? shape->types & types : types;
	if (s->target != NULL)
		gather(s->target, shape, hops + 1);
	for (uint32 i = 0; i < s->all_of.n && hops + i < MAX_HOPS; i++)
		gather(s->all_of.items[i], shape, hops + 1 + i);
	gather_alternatives(&s->any_of, shape, hops + 1);
	gather_alternatives(&s->one_of, shape, hops + 1);
}

static const char *
pg_type_of(const Shape *shape)
{
	if (shape->jsonb)
		return "jsonb";
	switch (shape->types & ~DP_JS_TYPE_NULL)
	{
		case DP_JS_TYPE_BOOLEAN:
			return "boolean";
		case DP_JS_TYPE_INTEGER:
			return "bigint";
		case DP_JS_TYPE_NUMBER:
		case DP_JS_TYPE_NUMBER | DP_JS_TYPE_INTEGER:
			return "numeric";
		case DP_JS_TYPE_STRING:
			for (int i = 0; shape->format != NULL && i < lengthof(format_types); i++)
			{
				if (strcmp(shape->format, format_types[i].format) == 0)
					return format_types[i].pg_type;
			}
			return "text";
		default:
			return "jsonb";
	}
}

/* One object on the walk, which many schemas may be parts of. */
typedef struct Fields
{
	DpFieldWalk *walk;
	const struct Fields *above; /* of the object around this one */
	bool		nullable;		/* the object may be missing */
	const DpJsSchema *now;		/* whose properties are being told */
	const DpJsSchema *told[MAX_HOPS];	/* whose properties were told */
	int			ntold;
} Fields;

static void tell(Fields *fields, const DpJsSchema *root, const DpJsSchema *s, int hops);

/* Null or one other schema: the other one; else NULL. */
static const DpJsSchema *
only_alternative(const DpJsSchemas *list)
{
	const DpJsSchema *only = NULL;

	for (uint32 i = 0; i < list->n; i++)
	{
		if (list->items[i]->types == DP_JS_TYPE_NULL)
			continue;
		if (only != NULL)
			return NULL;
		only = list->items[i];
	}
	return only;
}

/*
 * Are we in one of the schemas that this one is made of, or are these too many
 * to tell?  *any: one of them has properties.
 */
static bool
is_open(const Fields *fields, const DpJsSchema *s, bool *any, int *parts, int hops)
{
	const DpJsValue *properties = dp_js_get(s->source, "properties");

	if (hops > MAX_HOPS || ++*parts > MAX_PARTS)
		return true;
	*any |= properties != NULL && properties->kind == DP_JSONB_OBJECT && properties->len > 0;
	for (const Fields *f = fields; f != NULL; f = f->above)
	{
		if (f->now == s)
			return true;
		for (int i = 0; i < f->ntold; i++)
		{
			if (f->told[i] == s)
				return true;
		}
	}
	if (s->target != NULL && is_open(fields, s->target, any, parts, hops + 1))
		return true;
	for (uint32 i = 0; i < s->all_of.n; i++)
	{
		if (is_open(fields, s->all_of.items[i], any, parts, hops + 1))
			return true;
	}
	return (only_alternative(&s->any_of) != NULL && is_open(fields, only_alternative(&s->any_of), any, parts, hops + 1)) ||
		(only_alternative(&s->one_of) != NULL && is_open(fields, only_alternative(&s->one_of), any, parts, hops + 1));
}

/* May this property's columns be those of the object that it is? */
static bool
is_taken_apart(const Fields *fields, const DpJsSchema *property, const Shape *shape)
{
	bool		any = false;
	int			parts = 0;

	return dp_field_walk_may_open(fields->walk, property) && !shape->jsonb &&
		(shape->types & ~DP_JS_TYPE_NULL) == DP_JS_TYPE_OBJECT &&
		!is_open(fields, property, &any, &parts, 0) && any;
}

static void
tell_object(DpFieldWalk *walk, const Fields *above, const DpJsSchema *object, bool nullable)
{
	Fields		fields = {.walk = walk,.above = above,.nullable = nullable};

	dp_field_walk_open(walk, object);
	tell(&fields, object, object, 0);
	dp_field_walk_close(walk);
}

static bool
is_required(const DpJsSchema *s, const char *key, uint32 len, int hops)
{
	if (hops > MAX_HOPS)
		return false;
	if (dp_js_requires(s, key, len))
		return true;
	if (s->target != NULL && is_required(s->target, key, len, hops + 1))
		return true;
	for (uint32 i = 0; i < s->all_of.n && hops + i < MAX_HOPS; i++)
	{
		if (is_required(s->all_of.items[i], key, len, hops + 1 + i))
			return true;
	}
	return false;
}

/* Was this name told by a schema before this one? */
static bool
told_before(const Fields *fields, const char *key, uint32 len)
{
	for (int i = 0; i < fields->ntold; i++)
	{
		const DpJsValue *properties = dp_js_get(fields->told[i]->source, "properties");

		if (dp_js_get_len(properties, key, len) != NULL)
			return true;
	}
	return false;
}

static void
tell_properties(Fields *fields, const DpJsSchema *root, const DpJsSchema *s)
{
	const DpJsValue *object = dp_js_get(s->source, "properties");

	fields->now = s;
	for (uint32 i = 0; object != NULL && object->kind == DP_JSONB_OBJECT && i < object->len; i++)
	{
		const DpJsMember *member = &object->u.members[i];
		const DpJsSchema *property = member->value.schema;
		Shape		shape = {0};
		DpSchemaField field;
		size_t		above;

		/* No column has such a name: it stays with what has no column. */
		if (dp_js_has_zero_byte(member->key, member->keylen))
			continue;
		if (fields->walk->stopped || property == NULL ||
			told_before(fields, member->key, member->keylen))
			continue;
		gather(property, &shape, 0);
		field.name = member->key;
		field.pg_type = pg_type_of(&shape);
		field.nullable = fields->nullable || shape.types == 0 || (shape.types & DP_JS_TYPE_NULL) ||
			!is_required(root, member->key, member->keylen, 0);
		field.has_default = shape.has_default;
		field.doc = shape.doc;
		above = dp_field_walk_down(fields->walk, member->key, member->keylen);
		if (is_taken_apart(fields, property, &shape))
			tell_object(fields->walk, fields, property, field.nullable);
		else
			dp_field_walk_tell(fields->walk, &field);
		dp_field_walk_up(fields->walk, above);
	}
}

static void
tell(Fields *fields, const DpJsSchema *root, const DpJsSchema *s, int hops)
{
	if (hops > MAX_HOPS || fields->ntold == MAX_HOPS || fields->walk->stopped)
		return;
	tell_properties(fields, root, s);
	fields->told[fields->ntold++] = s;
	if (s->target != NULL)
		tell(fields, root, s->target, hops + 1);
	for (uint32 i = 0; i < s->all_of.n; i++)
		tell(fields, root, s->all_of.items[i], hops + 1);
	if (fields->above != NULL && only_alternative(&s->any_of) != NULL)
		tell(fields, root, only_alternative(&s->any_of), hops + 1);
	if (fields->above != NULL && only_alternative(&s->one_of) != NULL)
		tell(fields, root, only_alternative(&s->one_of), hops + 1);
}

bool
dp_js_fields(const DpSchema *schema, const DpMessagePath *path, int levels, DpSchemaFieldSink sink,
			 void *arg, DpError *err)
{
	const DpJsProgram *program = (const DpJsProgram *) schema;
	DpFieldWalk walk;

	dp_field_walk_begin(&walk, levels, sink, arg);
	tell_object(&walk, NULL, program->root, false);
	return dp_field_walk_end(&walk, err);
}
