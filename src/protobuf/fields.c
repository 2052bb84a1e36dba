/*-------------------------------------------------------------------------
 *
 * fields.c
 *	  The columns that the messages of a type make.
 *
 * A field without presence is never null: what was not sent is zero, as
 * Protobuf has it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/field_walk.h"
#include "protobuf/model.h"

static const char *
scalar_column_type(int type)
{
	switch ((DpPbType) type)
	{
		case DP_PB_DOUBLE:
			return "double precision";
		case DP_PB_FLOAT:
			return "real";
		case DP_PB_INT64:
		case DP_PB_SINT64:
		case DP_PB_SFIXED64:
		case DP_PB_UINT32:
		case DP_PB_FIXED32:
			return "bigint";
		case DP_PB_UINT64:
		case DP_PB_FIXED64:
			return "numeric(20,0)";
		case DP_PB_INT32:
		case DP_PB_SINT32:
		case DP_PB_SFIXED32:
			return "integer";
		case DP_PB_BOOL:
			return "boolean";
		case DP_PB_STRING:
		case DP_PB_ENUM:
			return "text";
		case DP_PB_BYTES:
			return "bytea";
		case DP_PB_NAMED:
		case DP_PB_GROUP:
		case DP_PB_MESSAGE:
			break;
	}
	return "jsonb";
}

static const char *
message_column_type(const DpPbMessage *message)
{
	switch (message->well_known)
	{
		case DP_PB_TIMESTAMP:
			return "timestamp with time zone";
		case DP_PB_DURATION:
			return "interval";
		case DP_PB_WRAPPER:
			return message->fields != NULL ? scalar_column_type(message->fields->type) : "jsonb";
		case DP_PB_FIELD_MASK:
			return "text";
		case DP_PB_DECIMAL:
		case DP_PB_GOOGLE_DECIMAL:
			return "numeric";
		case DP_PB_DATE:
			return "date";
		case DP_PB_TIME_OF_DAY:
			return "time without time zone";
		default:
			return "jsonb";
	}
}

const char *
dp_pb_column_type(const DpPbField *field)
{
	if (field->is_map || field->label == DP_PB_REPEATED)
		return "jsonb";
	if (field->message != NULL)
		return message_column_type(field->message);
	return scalar_column_type(field->type);
}

/* May this field's columns be those of the message that it is? */
static bool
is_taken_apart(const DpFieldWalk *w, const DpPbField *field)
{
	return field->message != NULL && !field->is_map && field->label != DP_PB_REPEATED &&
		field->message->well_known == DP_PB_ORDINARY && field->message->fields != NULL &&
		dp_field_walk_may_open(w, field->message);
}

static void
tell_message(DpFieldWalk *w, const DpPbMessage *message, bool nullable_message)
{
	dp_field_walk_open(w, message);
	for (const DpPbField *f = message->fields; !w->stopped && f != NULL; f = f->next)
	{
		bool		nullable = nullable_message || (f->presence && f->label != DP_PB_REQUIRED);
		DpSchemaField field = {
			.name = f->name,.pg_type = dp_pb_column_type(f),.nullable = nullable,.has_default = f->label != DP_PB_REQUIRED
		};
		size_t		above = dp_field_walk_down(w, f->name, strlen(f->name));

		if (is_taken_apart(w, f))
			tell_message(w, f->message, nullable);
		else
			dp_field_walk_tell(w, &field);
		dp_field_walk_up(w, above);
	}
	dp_field_walk_close(w);
}

bool
dp_pb_fields(const DpSchema *schema, const DpMessagePath *path, int levels, DpSchemaFieldSink sink,
			 void *arg, DpError *err)
{
	const DpPbMessage *message = dp_pb_message_at((const DpPbSchema *) schema, path, err);
	DpFieldWalk w;

	if (message == NULL)
		return false;
	dp_field_walk_begin(&w, levels, sink, arg);
	tell_message(&w, message, false);
	return dp_field_walk_end(&w, err);
}
