/*-------------------------------------------------------------------------
 *
 * fields.c
 *	  The columns that messages of a schema make.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/model.h"
#include "formats/field_walk.h"

/* The C library's: this file must link without the server. */
#undef snprintf

#define TYPMOD_MAX_PRECISION 1000 /* of numeric(p, s) */
#define TYPE_CHARS 32

static const char *
logical_column(const DpAvroType *type, char *room)
{
	switch (type->logical)
	{
		case DP_LOGICAL_NONE:
			break;
		case DP_LOGICAL_DECIMAL:
			if (type->precision > TYPMOD_MAX_PRECISION)
				return "numeric";
			snprintf(room, TYPE_CHARS, "numeric(%d,%d)", type->precision, type->scale);
			return room;
		case DP_LOGICAL_UUID:
			return "uuid";
		case DP_LOGICAL_DATE:
			return "date";
		case DP_LOGICAL_TIME_MILLIS:
		case DP_LOGICAL_TIME_MICROS:
			return "time without time zone";
		case DP_LOGICAL_TIMESTAMP_MILLIS:
		case DP_LOGICAL_TIMESTAMP_MICROS:
		case DP_LOGICAL_TIMESTAMP_NANOS:
			return "timestamp with time zone";
		case DP_LOGICAL_LOCAL_MILLIS:
		case DP_LOGICAL_LOCAL_MICROS:
		case DP_LOGICAL_LOCAL_NANOS:
			return "timestamp without time zone";
		case DP_LOGICAL_DURATION:
			return "interval";
	}
	return NULL;
}

static const char *
column_of(const DpAvroType *type, char *room)
{
	const char *logical = logical_column(type, room);

	if (logical != NULL)
		return logical;
	switch (type->tag)
	{
		case DP_AVRO_BOOLEAN:
			return "boolean";
		case DP_AVRO_INT:
			return "integer";
		case DP_AVRO_LONG:
			return "bigint";
		case DP_AVRO_FLOAT:
			return "real";
		case DP_AVRO_DOUBLE:
			return "double precision";
		case DP_AVRO_BYTES:
		case DP_AVRO_FIXED:
			return "bytea";
		case DP_AVRO_STRING:
		case DP_AVRO_ENUM:
			return "text";
		default:
			return "jsonb";
	}
}

/* The only branch of a union that is not null, or the type itself. */
static const DpAvroType *
strip_null(const DpAvroType *type, bool *nullable)
{
	const DpAvroType *only = NULL;
	int			n = 0;

	*nullable = type->tag == DP_AVRO_NULL;
	if (type->tag != DP_AVRO_UNION)
		return type;
	for (int i = 0; i < type->nbranches; i++)
	{
		if (type->branches[i]->tag == DP_AVRO_NULL)
			*nullable = true;
		else
		{
			only = type->branches[i];
			n++;
		}
	}
	return n == 1 ? only : type;
}

/* May this field's columns be those of the record that it is? */
static bool
is_taken_apart(const DpFieldWalk *w, const DpAvroType *type)
{
	return type->tag == DP_AVRO_RECORD && type->nfields > 0 && dp_field_walk_may_open(w, type);
}

static void
tell_field(DpFieldWalk *w, const DpAvroField *field, const DpAvroType *type, bool nullable)
{
	char		room[TYPE_CHARS];
	DpSchemaField out = {.name = field->name,.nullable = nullable,.has_default = field->fallback != NULL};

	out.pg_type = column_of(type, room);
	/* Zero bytes of a schema's text are no UTF-8 (tree.c). */
	out.doc = field->doc != NULL && strchr(field->doc, '\xC0') == NULL ? field->doc : NULL;
	dp_field_walk_tell(w, &out);
}

static void
tell_record(DpFieldWalk *w, const DpAvroType *record, bool nullable_record)
{
	dp_field_walk_open(w, record);
	for (int i = 0; !w->stopped && i < record->nfields; i++)
	{
		const DpAvroField *field = &record->fields[i];
		bool		nullable;
		const DpAvroType *type = strip_null(field->type, &nullable);
		size_t		above = dp_field_walk_down(w, field->name, strlen(field->name));

		if (is_taken_apart(w, type))
			tell_record(w, type, nullable_record || nullable);
		else
			tell_field(w, field, type, nullable_record || nullable);
		dp_field_walk_up(w, above);
	}
	dp_field_walk_close(w);
}

bool
dp_avro_fields(const DpSchema *schema, const DpMessagePath *path, int levels, DpSchemaFieldSink sink,
			   void *arg, DpError *err)
{
	const DpAvroType *root = dp_avro_schema(schema)->root;
	DpFieldWalk w;
	bool		nullable;

	root = strip_null(root, &nullable);
	if (root->tag != DP_AVRO_RECORD)
		return dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
							"schema is not a record, so it has no fields");
	dp_field_walk_begin(&w, levels, sink, arg);
	tell_record(&w, root, false);
	return dp_field_walk_end(&w, err);
}
