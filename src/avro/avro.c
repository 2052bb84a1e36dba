/*-------------------------------------------------------------------------
 *
 * avro.c
 *	  Avro, as a kind of schema.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/model.h"

static const char *
full_name(const DpSchema *schema, const DpMessagePath *path)
{
	return dp_avro_schema(schema)->root->name.full;
}

const DpSchemaKind dp_avro_kind = {
	.type = DP_SCHEMA_AVRO,
	.name = "AVRO",
	.parse = dp_avro_parse,
	.free = dp_avro_free,
	.print = dp_avro_print,
	.diff = dp_avro_diff,
	.fields = dp_avro_fields,
	.full_name = full_name,
	.reader = dp_avro_reader,
	.encode = dp_avro_encode
};
