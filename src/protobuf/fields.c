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

#include "formats/path.h"
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

/* A walk through messages inside messages. */
typedef struct Walk
{
	DpSchemaFieldSink sink;
	void	   *arg;
	DpError    *err;
	int			levels;
	DpBuf		path;
	const DpPbMessage *open[DP_PATH_MAX_LEVELS + 1];	/* messages that we are in */
	int			nopen;
	bool		stopped;
} Walk;

/* May this field's columns be those of the message that it is? */
static bool
is_taken_apart(const Walk *w, const DpPbField *field)
{
	if (field->message == NULL || field->is_map || field->label == DP_PB_REPEATED ||
		field->message->well_known != DP_PB_ORDINARY || field->message->fields == NULL ||
		w->nopen > w->levels)
		return false;
	for (int i = 0; i < w->nopen; i++)
	{
		if (w->open[i] == field->message)
			return false;
	}
	return true;
}

static bool
tell_message(Walk *w, const DpPbMessage *message, bool nullable_message)
{
	size_t		above = w->path.len;
	bool		good = true;

	w->open[w->nopen++] = message;
	for (const DpPbField *f = message->fields; good && !w->stopped && f != NULL; f = f->next)
	{
		bool		nullable = nullable_message || (f->presence && f->label != DP_PB_REQUIRED);
		DpSchemaField field = {.name = f->name,.pg_type = dp_pb_column_type(f),.nullable = nullable};

		if (w->levels > 0 && !dp_path_add(&w->path, f->name, strlen(f->name)))
			return dp_pb_no_memory(w->err);
		if (is_taken_apart(w, f))
			good = tell_message(w, f->message, nullable);
		else
		{
			if (w->levels > 0)
			{
				field.name = w->path.data;
				field.is_path = w->nopen > 1;
			}
			field.has_default = f->label != DP_PB_REQUIRED;
			w->stopped = !w->sink(w->arg, &field);
		}
		dp_path_end(&w->path, above);
	}
	w->nopen--;
	return good;
}

bool
dp_pb_fields(const DpSchema *schema, const DpMessagePath *path, int levels, DpSchemaFieldSink sink,
			 void *arg, DpError *err)
{
	const DpPbMessage *message = dp_pb_message_at((const DpPbSchema *) schema, path, err);
	Walk		w = {.sink = sink,.arg = arg,.err = err,.levels = Min(levels, DP_PATH_MAX_LEVELS)};
	bool		good;

	if (message == NULL)
		return false;
	good = tell_message(&w, message, false);
	dp_buf_free(&w.path);
	return good;
}
