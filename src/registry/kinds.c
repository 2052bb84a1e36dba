/*-------------------------------------------------------------------------
 *
 * kinds.c
 *	  The schema languages, by name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/avro.h"
#include "jsonschema/jsonschema.h"
#include "protobuf/protobuf.h"
#include "registry/registry.h"

const DpSchemaKind *
dp_schema_kind_of(DpSchemaType type)
{
	switch (type)
	{
		case DP_SCHEMA_AVRO:
			return &dp_avro_kind;
		case DP_SCHEMA_PROTOBUF:
			return &dp_protobuf_kind;
		case DP_SCHEMA_JSON:
			return &dp_jsonschema_kind;
	}
	return NULL;
}

const DpSchemaKind *
dp_schema_kind(const char *name)
{
	if (pg_strcasecmp(name, "AVRO") == 0)
		return dp_schema_kind_of(DP_SCHEMA_AVRO);
	if (pg_strcasecmp(name, "PROTOBUF") == 0)
		return dp_schema_kind_of(DP_SCHEMA_PROTOBUF);
	if (pg_strcasecmp(name, "JSON") == 0)
		return dp_schema_kind_of(DP_SCHEMA_JSON);
	return NULL;
}
