/*-------------------------------------------------------------------------
 *
 * decode.c
 *	  One message to one row.
 *
 * The formats room turns bytes into values and never throws; this file knows
 * which bytes go to which column of the target and forms the tuple.  Columns
 * whose types the fast path does not know are deferred: the message is
 * decoded once more inside the transaction, where an input function may run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "common/role.h"
#include "formats/csv.h"
#include "formats/headers.h"
#include "formats/json.h"
#include "formats/text.h"
#include "ingest/array_text.h"
#include "ingest/batch.h"
#include "ingest/envelope.h"
#include "ingest/schemas.h"
#include "registry/wire.h"
#include "storage/form.h"

/* More headers than this make a dead letter. */
#define DP_MAX_HEADERS 1000

struct DpDecoder
{
	MemoryContext context;
	DpSource   *source;
	DpTarget   *target;
	DpJsonDecoder *value_json;
	DpJsonDecoder *key_json;
	DpJsonDecoder *headers_json;
	DpColumnProgram *program;
	DpColumnValue *columns;
	DpSchemas  *schemas;		/* NULL: the messages have none */
	DpEnvelope *envelope;
	int32		schema_id;		/* of the value decoded last; 0 none */
	DpFormer   *former;
	DpCell	   *cells;
	DpHeader   *headers;
	DpRecordHeader *record_headers;
	int			npartitions;
	DpTopicPartition *partitions;
	Datum	   *topic_datums;
	Datum		headers_given;	/* instead of the record's own */
};

static DpJsonDecoder *
make_json_decoder(DpSource *source)
{
	DpJsonLimits limits = {0};
	DpJsonDecoder *d;

	limits.max_depth = dp_max_json_depth;
	limits.max_exponent = dp_max_json_exponent;
	d = dp_json_decoder_create(&limits);
	if (d == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return d;
}

static void
decoder_reset_callback(void *arg)
{
	DpDecoder  *d = arg;

	if (d->value_json)
		dp_json_decoder_destroy(d->value_json);
	if (d->key_json)
		dp_json_decoder_destroy(d->key_json);
	if (d->headers_json)
		dp_json_decoder_destroy(d->headers_json);
	if (d->program)
		dp_columns_free(d->program);
}

DpDecoder *
dp_decoder_create(DpSource *source)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dataplat decoder",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	DpDecoder  *d = palloc0(sizeof(DpDecoder));
	int			natts = source->target->desc->natts;

	d->context = context;
	d->source = source;
	d->target = source->target;
	callback->func = decoder_reset_callback;
	callback->arg = d;
	MemoryContextRegisterResetCallback(context, callback);
	d->value_json = make_json_decoder(source);
	d->key_json = make_json_decoder(source);
	d->headers_json = make_json_decoder(source);
	if (source->typed)
	{
		DpJsonLimits limits = {0};

		limits.max_depth = dp_max_json_depth;
		limits.max_exponent = dp_max_json_exponent;
		d->program = dp_columns_compile(source->columns, source->ncolumns, &limits);
		if (d->program == NULL)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		/* one more for the fields without a column */
		d->columns = palloc0(sizeof(DpColumnValue) * (source->ncolumns + 1));
	}
	d->schemas = dp_schemas_open(source);
	d->envelope = dp_envelope_create();
	d->former = dp_former_create(d->target->desc);
	d->cells = palloc0(sizeof(DpCell) * natts);
	for (int i = 0; i < natts; i++)
	{
		d->cells[i].isnull = true;
		d->cells[i].raw = DP_NOT_RAW;
	}
	d->headers = palloc(sizeof(DpHeader) * DP_MAX_HEADERS);
	d->record_headers = palloc(sizeof(DpRecordHeader) * DP_MAX_HEADERS);
	MemoryContextSwitchTo(old);
	return d;
}

void
dp_decoder_free(DpDecoder *decoder)
{
	MemoryContextDelete(decoder->context);
}

void
dp_decoder_set_headers(DpDecoder *decoder, Datum headers)
{
	decoder->headers_given = headers;
}

void
dp_decoder_set_topics(DpDecoder *decoder, const DpTopicPartition *partitions, int n)
{
	MemoryContext old = MemoryContextSwitchTo(decoder->context);

	decoder->npartitions = n;
	decoder->partitions = palloc(sizeof(DpTopicPartition) * Max(n, 1));
	decoder->topic_datums = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		decoder->partitions[i] = partitions[i];
		decoder->partitions[i].topic = pstrdup(partitions[i].topic);
		decoder->topic_datums[i] = CStringGetTextDatum(partitions[i].topic);
	}
	MemoryContextSwitchTo(old);
}

const DpTopicPartition *
dp_decoder_partition(DpDecoder *decoder, int tp)
{
	return &decoder->partitions[tp];
}

static inline void
set_raw(DpDecoder *d, DpField field, Datum value, int64 raw)
{
	int			attno = d->target->attno[field];

	if (attno > 0)
	{
		DpCell	   *cell = &d->cells[attno - 1];

		cell->value = value;
		cell->raw = raw;
		cell->isnull = false;
	}
}

static inline void
set_value(DpDecoder *d, DpField field, Datum value)
{
	set_raw(d, field, value, DP_NOT_RAW);
}

static inline void
set_null(DpDecoder *d, DpField field)
{
	int			attno = d->target->attno[field];

	if (attno > 0)
		d->cells[attno - 1].isnull = true;
}

/* Bytes to one value by a format that makes one; false and an error if they cannot be. */
static bool
decode_single(DpDecoder *d, DpJsonDecoder *json, DpFormat format, DpField field,
			  const char *data, size_t len, DpError *error)
{
	const char *jb;
	size_t		outlen;
	size_t		bad;
	bool		named;

	switch (format)
	{
		case DP_FORMAT_JSON:
			jb = dp_json_to_jsonb(json, data, len, &outlen, error);
			if (jb == NULL)
				return false;
			set_value(d, field, PointerGetDatum(jb));
			return true;
		case DP_FORMAT_CSV:
			/* the header is that of the value, if that is CSV as well */
			named = field == DP_FIELD_VALUE || d->source->format != DP_FORMAT_CSV;
			jb = dp_csv_to_jsonb(json, data, len, &d->source->csv,
								 named ? (const char *const *) d->source->csv_header : NULL,
								 d->source->ncsv_header, &outlen, error);
			if (jb == NULL)
				return false;
			set_value(d, field, PointerGetDatum(jb));
			return true;
		case DP_FORMAT_TEXT:
			if (!dp_utf8_verify(data, len, &bad))
				return dp_error_set(error, "22021", bad, "the bytes are not UTF-8 text");
			/* FALLTHROUGH */
		case DP_FORMAT_BYTES:
			set_raw(d, field, PointerGetDatum(data), len);
			return true;
		case DP_FORMAT_AVRO:
		case DP_FORMAT_PROTOBUF:
			break;				/* read by their plan */
	}
	return false;
}

/*
 * A text (NULL: no value) by the input function of its column's type.
 *
 * As the owner: the input function of a domain or of a type of the user's own
 * is the user's code.  An error leaves it to the (sub)transaction's end to
 * switch back.
 */
static Datum
convert_deferred(DpDecoder *d, int column, const char *given)
{
	DpColumnSpec *spec = &d->source->columns[column];
	Oid			element = get_base_element_type(spec->type);
	char	   *text = NULL;
	Oid			input,
				ioparam;
	DpRoleScope scope;
	Datum		value;

	if (given && OidIsValid(element))
		text = dp_array_from_json(given, element == JSONOID || element == JSONBOID);
	if (given && text == NULL)
		text = pstrdup(given);
	dp_role_enter(d->target->owner, NULL, &scope);
	getTypeInputInfo(spec->type, &input, &ioparam);
	value = OidInputFunctionCall(input, text, ioparam, spec->typmod);
	dp_role_leave(&scope);
	return value;
}

/* The value that was decoded stands in an envelope: take it out, look at it. */
static bool
open_envelope(DpDecoder *d, DpError *error)
{
	int			attno = d->target->attno[DP_FIELD_VALUE];
	const char *jb;

	if (attno == 0)
		return true;
	jb = dp_envelope_open(d->envelope, DatumGetPointer(d->cells[attno - 1].value), error);
	if (jb == NULL)
		return false;
	set_value(d, DP_FIELD_VALUE, PointerGetDatum(jb));
	return true;
}

/* What to_columns() filled goes to the cells; false when it needs a transaction. */
static bool
take_columns(DpDecoder *d, bool in_transaction)
{
	DpSource   *s = d->source;

	for (int i = 0; i < s->ncolumns; i++)
	{
		DpCell	   *cell = &d->cells[s->column_attno[i] - 1];

		cell->value = d->columns[i].value;
		cell->isnull = d->columns[i].isnull && !d->columns[i].deferred;
		if (!d->columns[i].deferred && !(cell->isnull && s->column_judges_null[i]))
			continue;
		if (!in_transaction)
			return false;
		cell->value = convert_deferred(d, i, cell->isnull ? NULL : d->columns[i].text);
	}
	return true;
}

static void
set_no_columns(DpDecoder *d)
{
	for (int i = 0; d->source->typed && i < d->source->ncolumns; i++)
		d->cells[d->source->column_attno[i] - 1].isnull = true;
	set_null(d, DP_FIELD_VALUE);
	set_null(d, DP_FIELD_RESCUED);
}

/*
 * A value without a registered schema.  A document comes first: an envelope
 * may have to be taken off before there are columns.
 */
static DpDecodeResult
decode_plain_value(DpDecoder *d, const DpRecord *r, bool in_transaction, DpError *error)
{
	DpSource   *s = d->source;
	const char *value = r->value;
	size_t		len = r->len;

	if (s->debezium && s->format == DP_FORMAT_JSON && s->typed &&
		!dp_envelope_open_text(d->envelope, d->value_json, &value, &len, error))
		return DP_DECODED_FAILED;
	if (s->typed)
	{
		bool		ok = s->format == DP_FORMAT_CSV
			? dp_csv_to_columns(d->program, value, len, &s->csv, d->columns, error)
			: dp_json_to_columns(d->program, value, len, d->columns, error);

		if (!ok)
			return DP_DECODED_FAILED;
		if (!take_columns(d, in_transaction))
			return DP_DECODED_DEFERRED;
		set_null(d, DP_FIELD_RESCUED);
	}
	if (s->document)
	{
		if (!decode_single(d, d->value_json, s->format, DP_FIELD_VALUE, value, len, error))
			return DP_DECODED_FAILED;
		if (s->debezium && !open_envelope(d, error))
			return DP_DECODED_FAILED;
	}
	return DP_DECODED_ROW;
}

/* The record's headers in the form that the formats room takes; returns how many it has. */
static int
read_headers(DpDecoder *d, const DpRecord *r)
{
	int			n = dp_record_headers(r, d->record_headers, DP_MAX_HEADERS);

	for (int i = 0; i < Min(n, DP_MAX_HEADERS); i++)
	{
		d->headers[i].name = d->record_headers[i].name;
		d->headers[i].value = d->record_headers[i].value;
		d->headers[i].size = d->record_headers[i].size;
	}
	return n;
}

Datum
dp_decode_headers(DpDecoder *d, const DpRecord *r)
{
	int			n = read_headers(d, r);
	size_t		outlen;
	DpError		error;
	const char *jb;

	if (n == 0 || n > DP_MAX_HEADERS)
		return (Datum) 0;
	jb = dp_headers_to_jsonb(d->headers_json, d->headers, n, &outlen, &error);
	return jb ? PointerGetDatum(jb) : (Datum) 0;
}

static bool
decode_header_column(DpDecoder *d, const DpRecord *r, DpError *error)
{
	int			n;
	size_t		outlen;
	const char *jb;

	if (d->target->attno[DP_FIELD_HEADERS] == 0)
		return true;
	if (d->headers_given != (Datum) 0)
	{
		set_value(d, DP_FIELD_HEADERS, d->headers_given);
		return true;
	}
	n = read_headers(d, r);
	if (n == 0)
	{
		set_null(d, DP_FIELD_HEADERS);
		return true;
	}
	if (n > DP_MAX_HEADERS)
		return dp_error_set(error, "54000", DP_NO_POSITION,
							"the message has more than %d headers", DP_MAX_HEADERS);
	jb = dp_headers_to_jsonb(d->headers_json, d->headers, n, &outlen, error);
	if (jb == NULL)
		return false;
	set_value(d, DP_FIELD_HEADERS, PointerGetDatum(jb));
	return true;
}

static void
set_metadata(DpDecoder *d, DpBatch *batch, const DpRecord *r)
{
	TimestampTz ts;

	set_value(d, DP_FIELD_TOPIC, d->topic_datums[r->tp]);
	set_value(d, DP_FIELD_PARTITION, Int32GetDatum(d->partitions[r->tp].partition));
	set_value(d, DP_FIELD_OFFSET, Int64GetDatum(r->offset));
	if (dp_timestamp_from_ms(r->timestamp, &ts))
		set_value(d, DP_FIELD_TIMESTAMP, TimestampTzGetDatum(ts));
	else
		set_null(d, DP_FIELD_TIMESTAMP);
	set_value(d, DP_FIELD_BATCH_ID, Int64GetDatum(batch->batch_id));
	set_value(d, DP_FIELD_INGESTED_AT, TimestampTzGetDatum(batch->ingested_at));
	set_value(d, DP_FIELD_TOMBSTONE, BoolGetDatum(r->value == NULL));
	if (d->target->attno[DP_FIELD_RAW] > 0)
	{
		if (r->value)
			set_raw(d, DP_FIELD_RAW, PointerGetDatum(r->value), r->len);
		else
			set_null(d, DP_FIELD_RAW);
	}
	if (d->target->attno[DP_FIELD_RAW_KEY] > 0)
	{
		if (r->key)
			set_raw(d, DP_FIELD_RAW_KEY, PointerGetDatum(r->key), r->keylen);
		else
			set_null(d, DP_FIELD_RAW_KEY);
	}
}

/* An input function may have returned something that must be flattened. */
static void
flatten_values(DpDecoder *d)
{
	TupleDesc	desc = d->target->desc;

	for (int i = 0; i < desc->natts; i++)
		if (!d->cells[i].isnull && d->cells[i].raw == DP_NOT_RAW && TupleDescAttr(desc, i)->attlen == -1)
			d->cells[i].value = PointerGetDatum(PG_DETOAST_DATUM(d->cells[i].value));
}

/* Lay values out as a heap tuple in the batch's arena. */
static void
form_tuple(DpDecoder *d, DpBatch *batch, HeapTuple tuple)
{
	Size		bound = dp_former_bound(d->former, d->cells);

	if (bound == 0)
	{
		flatten_values(d);
		bound = dp_former_bound(d->former, d->cells);
	}
	dp_former_fill(d->former, d->cells, dp_batch_alloc(batch, bound), tuple);
	dp_batch_give_back(batch, bound, tuple->t_len);
}

/* The header that names the schema, if the message has one. */
static const char *
schema_header(DpDecoder *d, const DpRecord *r, DpSide side, size_t *len)
{
	const char *name = dp_schema_header_name(side);
	const char *found = NULL;
	int			n;

	*len = 0;
	if (d->headers_given != (Datum) 0)
	{
		bytea	   *bytes = dp_wire_header(DatumGetJsonbP(d->headers_given), name);

		if (bytes == NULL)
			return NULL;
		*len = VARSIZE_ANY_EXHDR(bytes);
		return VARDATA_ANY(bytes);
	}
	if (r->handle == NULL)
		return NULL;
	n = dp_record_headers(r, d->record_headers, DP_MAX_HEADERS);
	for (int i = 0; i < Min(n, DP_MAX_HEADERS); i++)
		if (strcmp(d->record_headers[i].name, name) == 0 && d->record_headers[i].value)
		{
			found = d->record_headers[i].value;
			*len = d->record_headers[i].size;
		}
	return found;
}

/* The plan for one side of a message; DP_DECODED_ROW with *plan NULL: it has no schema. */
static DpDecodeResult
find_plan(DpDecoder *d, const DpRecord *r, DpSide side, DpWireMessage *wire, DpPlan **plan,
		  DpStage *stage, DpError *error)
{
	size_t		headerlen;
	const char *header = schema_header(d, r, side, &headerlen);

	*plan = NULL;
	switch (dp_schemas_find(d->schemas, side, side == DP_SIDE_KEY ? r->key : r->value,
							side == DP_SIDE_KEY ? r->keylen : r->len,
							header, headerlen, wire, plan, error))
	{
		case DP_FOUND_PLAN:
			if (side == DP_SIDE_VALUE)
				d->schema_id = (*plan)->schema->id;
			return DP_DECODED_ROW;
		case DP_FOUND_NOTHING:
			return DP_DECODED_ROW;
		case DP_FOUND_WAIT:
			return DP_DECODED_WAITING;
		case DP_FOUND_UNKNOWN:
			*stage = DP_STAGE_SCHEMA;
			break;
		case DP_FOUND_ERROR:
			break;
	}
	if (side == DP_SIDE_VALUE && wire->framing == DP_FRAMING_PREFIX)
		d->schema_id = wire->schema_id;
	return DP_DECODED_FAILED;
}

static DpDecodeResult
decode_key(DpDecoder *d, const DpRecord *r, DpStage *stage, DpError *error)
{
	DpWireMessage wire;
	DpPlan	   *plan = NULL;
	const char *jb;

	if (dp_schemas_reads(d->schemas, DP_SIDE_KEY))
	{
		DpDecodeResult rc = find_plan(d, r, DP_SIDE_KEY, &wire, &plan, stage, error);

		if (rc != DP_DECODED_ROW)
			return rc;
	}
	if (plan == NULL)
		return decode_single(d, d->key_json, d->source->key_format, DP_FIELD_KEY, r->key, r->keylen, error)
			? DP_DECODED_ROW : DP_DECODED_FAILED;
	jb = dp_plan_to_jsonb(plan, wire.body, wire.len, error);
	if (jb == NULL)
		return DP_DECODED_FAILED;
	dp_drift_count_document(plan, jb);
	set_value(d, DP_FIELD_KEY, PointerGetDatum(jb));
	return DP_DECODED_ROW;
}

/* A value that its schema reads: columns, then the document. */
static DpDecodeResult
decode_by_plan(DpDecoder *d, DpPlan *plan, const DpWireMessage *wire, bool in_transaction,
			   DpError *error)
{
	DpSource   *s = d->source;
	const char *jb;

	if (s->typed)
	{
		bool		rescues = d->target->attno[DP_FIELD_RESCUED] > 0;
		DpColumnValue *rescued = &d->columns[s->ncolumns];

		rescued->isnull = true;
		if (!dp_plan_to_columns(plan, wire->body, wire->len, d->columns, error))
			return DP_DECODED_FAILED;
		if (!take_columns(d, in_transaction))
			return DP_DECODED_DEFERRED;
		if (rescues && !rescued->isnull)
			set_value(d, DP_FIELD_RESCUED, rescued->value);
		else
			set_null(d, DP_FIELD_RESCUED);
		dp_drift_count_columns(plan, d->columns, rescues && !rescued->isnull);
	}
	if (s->document)
	{
		jb = dp_plan_to_jsonb(plan, wire->body, wire->len, error);
		if (jb == NULL)
			return DP_DECODED_FAILED;
		if (!s->typed)
			dp_drift_count_document(plan, jb);
		set_value(d, DP_FIELD_VALUE, PointerGetDatum(jb));
		if (s->debezium && !open_envelope(d, error))
			return DP_DECODED_FAILED;
	}
	return DP_DECODED_ROW;
}

static DpDecodeResult
decode_value(DpDecoder *d, const DpRecord *r, bool in_transaction, DpStage *stage, DpError *error)
{
	DpWireMessage wire;
	DpPlan	   *plan = NULL;
	DpDecodeResult rc;

	d->schema_id = 0;
	set_null(d, DP_FIELD_SCHEMA_ID);
	if (r->value == NULL)
	{
		set_no_columns(d);
		return DP_DECODED_ROW;
	}
	if (dp_schemas_reads(d->schemas, DP_SIDE_VALUE))
	{
		rc = find_plan(d, r, DP_SIDE_VALUE, &wire, &plan, stage, error);
		if (rc != DP_DECODED_ROW)
			return rc;
	}
	if (plan == NULL)
		return decode_plain_value(d, r, in_transaction, error);
	set_value(d, DP_FIELD_SCHEMA_ID, Int32GetDatum(d->schema_id));
	error->position = DP_NO_POSITION;
	rc = decode_by_plan(d, plan, &wire, in_transaction, error);
	if (rc == DP_DECODED_FAILED && error->position != DP_NO_POSITION)
		error->position += wire.body - r->value;	/* of the message, not of the body */
	return rc;
}

int32
dp_decoder_schema_id(const DpDecoder *decoder)
{
	return decoder->schema_id;
}

DpSchemas *
dp_decoder_schemas(const DpDecoder *decoder)
{
	return decoder->schemas;
}

int64
dp_decoder_duplicate_keys(DpDecoder *decoder)
{
	return (int64) dp_json_duplicate_keys(decoder->value_json);
}

DpDecodeResult
dp_decode(DpDecoder *d, DpBatch *batch, const DpRecord *r, const char *topic,
		  bool in_transaction, HeapTuple tuple, DpStage *stage, DpError *error)
{
	DpSource   *s = d->source;
	DpDecodeResult rc;

	d->schema_id = 0;
	*stage = DP_STAGE_SIZE;
	if (r->len + r->keylen > (size_t) dp_max_message_bytes * 1024)
	{
		dp_error_set(error, "54000", DP_NO_POSITION,
					 "the message has %zu bytes, the limit is %zu", r->len + r->keylen,
					 (size_t) dp_max_message_bytes * 1024);
		return DP_DECODED_FAILED;
	}
	if (r->value == NULL && s->drop_tombstones)
		return DP_DECODED_FILTERED;

	*stage = DP_STAGE_KEY;
	if (r->key == NULL && s->upsert)
	{
		dp_error_set(error, "23502", DP_NO_POSITION, "a message of an upsert stream needs a key");
		return DP_DECODED_FAILED;
	}
	if (r->key == NULL || d->target->attno[DP_FIELD_KEY] == 0)
		set_null(d, DP_FIELD_KEY);
	else if ((rc = decode_key(d, r, stage, error)) != DP_DECODED_ROW)
		return rc;

	*stage = DP_STAGE_HEADERS;
	if (!decode_header_column(d, r, error))
		return DP_DECODED_FAILED;

	*stage = DP_STAGE_VALUE;
	rc = decode_value(d, r, in_transaction, stage, error);
	if (rc != DP_DECODED_ROW)
		return rc;
	set_metadata(d, batch, r);
	form_tuple(d, batch, tuple);
	return DP_DECODED_ROW;
}
