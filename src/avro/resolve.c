/*-------------------------------------------------------------------------
 *
 * resolve.c
 *	  Which of a writer's types and fields go with which of a reader's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/program.h"

bool
dp_avro_is_promoted(DpAvroTag reader, DpAvroTag writer)
{
	switch (reader)
	{
		case DP_AVRO_LONG:
			return writer == DP_AVRO_INT;
		case DP_AVRO_FLOAT:
			return writer == DP_AVRO_INT || writer == DP_AVRO_LONG;
		case DP_AVRO_DOUBLE:
			return writer == DP_AVRO_INT || writer == DP_AVRO_LONG || writer == DP_AVRO_FLOAT;
		case DP_AVRO_BYTES:
			return writer == DP_AVRO_STRING;
		case DP_AVRO_STRING:
			return writer == DP_AVRO_BYTES;
		default:
			return false;
	}
}

bool
dp_avro_names_match(const DpAvroType *reader, const DpAvroType *writer)
{
	if (strcmp(reader->name.simple, writer->name.simple) == 0)
		return true;
	for (int i = 0; i < reader->naliases; i++)
	{
		if (strcmp(reader->aliases[i].full, writer->name.full) == 0)
			return true;
	}
	return false;
}

static const DpAvroField *
field_named(const DpAvroType *record, const char *name)
{
	for (int i = 0; i < record->nfields; i++)
	{
		if (strcmp(record->fields[i].name, name) == 0)
			return &record->fields[i];
	}
	return NULL;
}

const DpAvroField *
dp_avro_writer_field(const DpAvroType *writer, const DpAvroField *field)
{
	const DpAvroField *found = field_named(writer, field->name);

	for (int i = 0; found == NULL && i < field->naliases; i++)
		found = field_named(writer, field->aliases[i]);
	return found;
}

/* Reader and writer of the same class of logical types? */
static int
class_of(DpAvroLogical form)
{
	switch (form)
	{
		case DP_LOGICAL_TIME_MILLIS:
		case DP_LOGICAL_TIME_MICROS:
			return 1;
		case DP_LOGICAL_TIMESTAMP_MILLIS:
		case DP_LOGICAL_TIMESTAMP_MICROS:
		case DP_LOGICAL_TIMESTAMP_NANOS:
			return 2;
		case DP_LOGICAL_LOCAL_MILLIS:
		case DP_LOGICAL_LOCAL_MICROS:
		case DP_LOGICAL_LOCAL_NANOS:
			return 3;
		default:
			return 0;
	}
}

/* The reader says what it is, and the writer in which unit. */
DpAvroLogical
dp_avro_resolve_form(const DpAvroType *writer, const DpAvroType *reader)
{
	if (class_of(reader->logical) != 0 && class_of(reader->logical) == class_of(writer->logical))
		return writer->logical;
	return reader->logical;
}

/* Decimals are the same type only with the same precision and scale. */
static bool
decimals_match(const DpAvroType *writer, const DpAvroType *reader)
{
	if (writer->logical != DP_LOGICAL_DECIMAL || reader->logical != DP_LOGICAL_DECIMAL)
		return true;
	return writer->precision == reader->precision && writer->scale == reader->scale;
}

bool
dp_avro_types_match(const DpAvroType *writer, const DpAvroType *reader)
{
	if (writer == reader || writer->tag == DP_AVRO_UNION || reader->tag == DP_AVRO_UNION)
		return true;
	if (writer->tag != reader->tag)
		return dp_avro_is_promoted(reader->tag, writer->tag);
	switch (writer->tag)
	{
		case DP_AVRO_BYTES:
			return decimals_match(writer, reader);
		case DP_AVRO_FIXED:
			return writer->size == reader->size && dp_avro_names_match(reader, writer) &&
				decimals_match(writer, reader);
		case DP_AVRO_ENUM:
		case DP_AVRO_RECORD:
			return dp_avro_names_match(reader, writer);
		case DP_AVRO_ARRAY:
		case DP_AVRO_MAP:
			return dp_avro_types_match(writer->items, reader->items);
		default:
			return true;
	}
}

/*
 * The branch of a reader's union for a value of this type: the same full name
 * or primitive type before one that only matches, and that before promotions.
 */
int
dp_avro_best_branch(const DpAvroType *writer, const DpAvroType *reader)
{
	int			best = -1;
	int			best_rank = 0;

	for (int i = 0; i < reader->nbranches; i++)
	{
		const DpAvroType *branch = reader->branches[i];
		int			rank = 1;

		if (!dp_avro_types_match(writer, branch))
			continue;
		if (branch->tag == writer->tag)
			rank = !dp_avro_is_named(branch) || strcmp(branch->name.full, writer->name.full) == 0 ? 3 : 2;
		if (rank > best_rank)
		{
			best = i;
			best_rank = rank;
		}
	}
	return best;
}

DpAvroJsonClass
dp_avro_json_class(const DpAvroType *type)
{
	switch (type->tag)
	{
		case DP_AVRO_NULL:
			return DP_CLASS_NULL;
		case DP_AVRO_BOOLEAN:
			return DP_CLASS_BOOLEAN;
		case DP_AVRO_INT:
		case DP_AVRO_LONG:
		case DP_AVRO_FLOAT:
		case DP_AVRO_DOUBLE:
			return type->logical == DP_LOGICAL_NONE ? DP_CLASS_NUMBER : DP_CLASS_STRING;
		case DP_AVRO_BYTES:
		case DP_AVRO_FIXED:
			return type->logical == DP_LOGICAL_DECIMAL ? DP_CLASS_NUMBER : DP_CLASS_STRING;
		case DP_AVRO_STRING:
		case DP_AVRO_ENUM:
			return DP_CLASS_STRING;
		case DP_AVRO_ARRAY:
			return DP_CLASS_ARRAY;
		default:
			return DP_CLASS_OBJECT;
	}
}

bool
dp_avro_branch_is_wrapped(const DpAvroType *type, int branch)
{
	int			count[DP_CLASS_OBJECT + 1] = {0};
	bool		any = false;
	DpAvroJsonClass mine = dp_avro_json_class(type->branches[branch]);

	for (int i = 0; i < type->nbranches; i++)
		any |= ++count[dp_avro_json_class(type->branches[i])] > 1;
	/* An object could be taken for a wrapped value. */
	return count[mine] > 1 || (any && mine == DP_CLASS_OBJECT);
}
