/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  The text by which a schema is the same as another, other forms of it, and
 *	  its fields.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "avro/avro.h"
#include "protobuf/protobuf.h"
#include "registry/parsed.h"
#include "registry/registry.h"

PG_FUNCTION_INFO_V1(dp_registry_print_schema);
PG_FUNCTION_INFO_V1(dp_registry_schema_fields);
PG_FUNCTION_INFO_V1(dp_registry_schema_in_format);

extern PGDLLEXPORT Datum dp_registry_print_schema(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_registry_schema_fields(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_registry_schema_in_format(PG_FUNCTION_ARGS);

/* print_schema(schema_type text, schema text, ref_names text[], ref_texts text[], normalize boolean) */
Datum
dp_registry_print_schema(PG_FUNCTION_ARGS)
{
	const DpSchemaKind *kind = dp_parsed_kind(PG_GETARG_TEXT_PP(0));
	DpSchema   *schema = dp_parsed_schema(kind, PG_GETARG_TEXT_PP(1), PG_GETARG_DATUM(2),
										  PG_GETARG_DATUM(3));
	DpBuf	   *out = dp_parsed_buffer();
	DpError		err;

	for (;;)
	{
		dp_buf_reset(out);
		memset(&err, 0, sizeof(err));
		if (kind->print(schema, PG_GETARG_BOOL(4), out, &err))
			break;
		dp_parsed_again(&err);
	}
	if (out->oom)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out->data, out->len));
}

typedef struct FieldRows
{
	ReturnSetInfo *rsinfo;
} FieldRows;

static bool
put_field(void *arg, const DpSchemaField *field)
{
	FieldRows  *rows = arg;
	Datum		values[5];
	bool		nulls[5] = {false, false, false, false, false};

	values[0] = CStringGetTextDatum(field->name);
	values[1] = CStringGetTextDatum(field->pg_type);
	values[2] = BoolGetDatum(field->nullable);
	values[3] = BoolGetDatum(field->has_default);
	nulls[4] = field->doc == NULL;
	if (!nulls[4])
		values[4] = CStringGetTextDatum(field->doc);
	tuplestore_putvalues(rows->rsinfo->setResult, rows->rsinfo->setDesc, values, nulls);
	return true;
}

/* schema_fields(schema_type text, schema text, ref_names text[], ref_texts text[]) */
Datum
dp_registry_schema_fields(PG_FUNCTION_ARGS)
{
	const DpSchemaKind *kind = dp_parsed_kind(PG_GETARG_TEXT_PP(0));
	DpSchema   *schema = dp_parsed_schema(kind, PG_GETARG_TEXT_PP(1), PG_GETARG_DATUM(2),
										  PG_GETARG_DATUM(3));
	FieldRows	rows = {(ReturnSetInfo *) fcinfo->resultinfo};
	DpMessagePath path = {NULL, 0};
	DpError		err;

	InitMaterializedSRF(fcinfo, 0);
	for (;;)
	{
		memset(&err, 0, sizeof(err));
		tuplestore_clear(rows.rsinfo->setResult);
		if (kind->fields(schema, &path, 0, put_field, &rows, &err))
			break;
		dp_parsed_again(&err);
	}
	return (Datum) 0;
}

/* Forms that clients can ask for with "format=..."; those of other languages and unknown ones do nothing. */
static const struct
{
	DpSchemaType type;
	const char *name;
	bool		(*write) (const DpSchema *schema, DpBuf *out, DpError *err);
}			formats[] = {
	{DP_SCHEMA_AVRO, "resolved", dp_avro_resolved},
	{DP_SCHEMA_PROTOBUF, "serialized", dp_protobuf_serialized},
	{DP_SCHEMA_PROTOBUF, "ignore_extensions", dp_protobuf_without_extensions}
};

/* schema_in_format(schema_type text, schema text, ref_names text[], ref_texts text[], format text) */
Datum
dp_registry_schema_in_format(PG_FUNCTION_ARGS)
{
	const DpSchemaKind *kind = dp_parsed_kind(PG_GETARG_TEXT_PP(0));
	const char *format = text_to_cstring(PG_GETARG_TEXT_PP(4));
	DpSchema   *schema;
	DpBuf	   *out;
	DpError		err;
	int			f = 0;

	while (f < lengthof(formats) &&
		   (formats[f].type != kind->type || strcmp(formats[f].name, format) != 0))
		f++;
	if (f == lengthof(formats))
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	schema = dp_parsed_schema(kind, PG_GETARG_TEXT_PP(1), PG_GETARG_DATUM(2), PG_GETARG_DATUM(3));
	out = dp_parsed_buffer();
	for (;;)
	{
		dp_buf_reset(out);
		memset(&err, 0, sizeof(err));
		if (formats[f].write(schema, out, &err))
			break;
		dp_parsed_again(&err);
	}
	if (out->oom)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out->data, out->len));
}
