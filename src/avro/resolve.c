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

