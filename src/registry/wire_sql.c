/*-------------------------------------------------------------------------
 *
 * wire_sql.c
 *	  The framing of messages as SQL functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "common/compat.h"
#include "registry/registry.h"
#include "registry/wire.h"

extern PGDLLEXPORT Datum dp_wire_decode(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_wire_encode(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_wire_decode);
PG_FUNCTION_INFO_V1(dp_wire_encode);

static const char *const framing_names[] = {"none", "prefix", "header", "single_object"};

static bytea *
make_bytea(const char *data, size_t len)
{
	return (bytea *) cstring_to_text_with_len(data, len);
}

static JsonbValue *
string_member(JsonbContainer *object, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, name, strlen(name), NULL);

	return value && value->type == jbvString ? value : NULL;
}

bytea *
dp_wire_header(Jsonb *headers, const char *name)
{
	JsonbValue *found = NULL;
	bool		base64 = false;

	if (!JB_ROOT_IS_ARRAY(headers))
		return NULL;
	for (uint32 i = 0; i < JB_ROOT_COUNT(headers); i++)
	{
		JsonbValue *header = getIthJsonbValueFromContainer(&headers->root, i);
		JsonbValue *key,
				   *value;

		if (header->type != jbvBinary || !JsonContainerIsObject(header->val.binary.data))
			continue;
		key = string_member(header->val.binary.data, "key");
		if (key == NULL || key->val.string.len != strlen(name) ||
			memcmp(key->val.string.val, name, key->val.string.len) != 0)
			continue;
		value = string_member(header->val.binary.data, "base64");
		base64 = value != NULL;
		found = value ? value : string_member(header->val.binary.data, "value");
	}
	if (found == NULL)
		return NULL;
	if (base64)
		return DatumGetByteaPP(DirectFunctionCall2(binary_decode,
												   PointerGetDatum(cstring_to_text_with_len(found->val.string.val, found->val.string.len)),
												   CStringGetTextDatum("base64")));
	return make_bytea(found->val.string.val, found->val.string.len);
}

/* (message, headers, protobuf) -> (framing, schema_id, guid, fingerprint, message_indexes, body) */
Datum
dp_wire_decode(PG_FUNCTION_ARGS)
{
	bytea	   *message;
	bytea	   *header = PG_ARGISNULL(1) ? NULL : dp_wire_header(PG_GETARG_JSONB_P(1), "__value_schema_id");
	bool		protobuf = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	DpWireMessage wire;
	DpError		err;
	TupleDesc	desc;
	Datum		values[6] = {0};
	bool		nulls[6] = {false, true, true, true, true, false};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	message = PG_GETARG_BYTEA_PP(0);
	if (!dp_wire_parse(VARDATA_ANY(message), VARSIZE_ANY_EXHDR(message),
					   header ? VARDATA_ANY(header) : NULL, header ? VARSIZE_ANY_EXHDR(header) : 0,
					   protobuf, &wire, &err))
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE(err.sqlstate[0], err.sqlstate[1], err.sqlstate[2], err.sqlstate[3], err.sqlstate[4])),
				 errmsg("%s", err.message),
				 err.position != DP_NO_POSITION ? errdetail("At byte %zu of the message.", err.position) : 0));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = CStringGetTextDatum(framing_names[wire.framing]);
	nulls[1] = wire.framing != DP_FRAMING_PREFIX;
	values[1] = Int32GetDatum(wire.schema_id);
	nulls[2] = wire.framing != DP_FRAMING_HEADER;
	values[2] = UUIDPGetDatum(&wire.guid);
	nulls[3] = wire.framing != DP_FRAMING_SINGLE_OBJECT;
	if (!nulls[3])
	{
		char		bytes[8];

		/* as avro_fingerprint() shows it: most significant byte first */
		for (int i = 0; i < 8; i++)
			bytes[i] = (char) (wire.fingerprint >> (8 * (7 - i)));
		values[3] = PointerGetDatum(make_bytea(bytes, 8));
	}
	nulls[4] = wire.nindexes == 0;
	if (wire.nindexes > 0)
	{
		Datum		elems[DP_MAX_MESSAGE_INDEXES];

		for (int i = 0; i < wire.nindexes; i++)
			elems[i] = Int32GetDatum(wire.indexes[i]);
		values[4] = PointerGetDatum(construct_array(elems, wire.nindexes, INT4OID, 4, true, TYPALIGN_INT));
	}
	values[5] = PointerGetDatum(make_bytea(wire.body, wire.len));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

static void
put_index_array(DpBuf *out, ArrayType *array)
{
	Datum	   *elems;
	bool	   *isnull;
	int			n;
	int			indexes[DP_MAX_MESSAGE_INDEXES];

	deconstruct_array(array, INT4OID, 4, true, TYPALIGN_INT, &elems, &isnull, &n);
	if (n > DP_MAX_MESSAGE_INDEXES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a message has at most %d message indexes", DP_MAX_MESSAGE_INDEXES)));
	for (int i = 0; i < n; i++)
	{
		if (isnull[i] || DatumGetInt32(elems[i]) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("message indexes must not be null or negative")));
		indexes[i] = DatumGetInt32(elems[i]);
	}
	dp_wire_put_indexes(out, indexes, n);
}

static uint64
read_fingerprint(bytea *b)
{
	const unsigned char *p = (const unsigned char *) VARDATA_ANY(b);
	uint64		fingerprint = 0;

	if (VARSIZE_ANY_EXHDR(b) != 8)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a fingerprint has 8 bytes"),
				 errhint("dataplat.avro_fingerprint(schema, 'CRC-64-AVRO') makes it.")));
	for (int i = 0; i < 8; i++)
		fingerprint = fingerprint << 8 | p[i];
	return fingerprint;
}

/* (body, schema_id, message_indexes, fingerprint) -> message */
Datum
dp_wire_encode(PG_FUNCTION_ARGS)
{
	DpBuf		out = {0};
	bytea	   *body;
	bytea	   *result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("schema_id and fingerprint cannot both be given")));
	body = PG_GETARG_BYTEA_PP(0);
	if (!PG_ARGISNULL(3))
		dp_wire_put_single_object(&out, read_fingerprint(PG_GETARG_BYTEA_PP(3)));
	else if (!PG_ARGISNULL(1) && PG_GETARG_INT32(1) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid schema id %d", PG_GETARG_INT32(1)),
				 errhint("Ids of schemas begin at 1.")));
	else if (!PG_ARGISNULL(1))
		dp_wire_put_prefix(&out, PG_GETARG_INT32(1));
	if (!PG_ARGISNULL(2))
		put_index_array(&out, PG_GETARG_ARRAYTYPE_P(2));
	dp_buf_append(&out, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body));
	if (out.oom)
	{
		dp_buf_free(&out);
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	result = make_bytea(out.data ? out.data : "", out.len);
	dp_buf_free(&out);
	PG_RETURN_BYTEA_P(result);
}
