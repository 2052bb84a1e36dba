/*-------------------------------------------------------------------------
 *
 * produce.c
 *	  dataplat.produce and dataplat.produce_many.
 *
 * Whoever has USAGE on the server may write to Kafka through it: that is
 * checked when the settings are loaded, not by rights on the function.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/base64.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "kafka/errors.h"
#include "kafka/producer.h"

/* Bounds of the timeout argument, milliseconds. */
#define TIMEOUT_MIN 100
#define TIMEOUT_MAX (10 * 60 * 1000)

/* The broker may number partitions up to this. */
#define PARTITION_MAX 1000000

extern PGDLLEXPORT Datum dp_produce(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_produce_json(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_produce_many(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_produce);
PG_FUNCTION_INFO_V1(dp_produce_json);
PG_FUNCTION_INFO_V1(dp_produce_many);

/* Arguments that all forms have, by position. */
#define ARG_SERVER 0
#define ARG_TOPIC 1
#define ARG_VALUE 2
#define ARG_KEY 3
#define ARG_PARTITION 4
#define ARG_HEADERS 5
#define ARG_TIMEOUT 6

static char *
required_text(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

static int
timeout_argument(FunctionCallInfo fcinfo, int arg)
{
	Interval   *interval;
	double		ms;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("timeout must not be null")));
	interval = PG_GETARG_INTERVAL_P(arg);
	ms = interval->time / 1000.0 + interval->day * (double) SECS_PER_DAY * 1000.0 +
		interval->month * 30.0 * SECS_PER_DAY * 1000.0;
	if (ms < TIMEOUT_MIN || ms > TIMEOUT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout must be from 100 milliseconds to 10 minutes")));
	return (int) ms;
}

static int
partition_argument(FunctionCallInfo fcinfo)
{
	int			partition;

	if (PG_ARGISNULL(ARG_PARTITION))
		return DP_ANY_PARTITION;
	partition = PG_GETARG_INT32(ARG_PARTITION);
	if (partition < 0 || partition > PARTITION_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid partition %d", partition),
				 errhint("Partitions are numbered from 0; NULL lets the key choose.")));
	return partition;
}

/* ---------------------------------------------------------------------
 * Headers
 * ---------------------------------------------------------------------
 */

static void
bad_headers(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid headers"),
			 errdetail("%s", detail),
			 errhint("Use {\"name\": \"value\"}, or [{\"key\": \"name\", \"value\": \"text\"}, {\"key\": \"name\", \"base64\": \"...\"}]; a null value is allowed.")));
}

static void
decode_base64(DpProduceHeader *header, const JsonbValue *value)
{
	int			room = pg_b64_dec_len(value->val.string.len);
	char	   *bytes = palloc(room + 1);
	int			len;

	len = pg_b64_decode(value->val.string.val, value->val.string.len, (void *) bytes,
						room);
	if (len < 0)
		bad_headers("The value of \"base64\" is not valid base64.");
	header->value = bytes;
	header->size = len;
}

static void
set_header_value(DpProduceHeader *header, const JsonbValue *value)
{
	if (value->type == jbvString)
	{
		header->value = pnstrdup(value->val.string.val, value->val.string.len);
		header->size = value->val.string.len;
	}
	else if (value->type != jbvNull)
		bad_headers("The value of a header must be a string or null.");
}

/* One element of the array form. */
static void
parse_header_object(JsonbContainer *object, DpProduceHeader *header)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *field = NULL;
	int			values = 0;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			field = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
		{
			if (strcmp(field, "key") == 0 && value.type == jbvString)
				header->name = pnstrdup(value.val.string.val,
										value.val.string.len);
			else if (strcmp(field, "key") == 0)
				bad_headers("The key of a header must be a string.");
			else if (strcmp(field, "value") == 0)
			{
				set_header_value(header, &value);
				values++;
			}
			else if (strcmp(field, "base64") == 0 && value.type == jbvString)
			{
				decode_base64(header, &value);
				values++;
			}
			else if (strcmp(field, "base64") == 0)
				bad_headers("The value of \"base64\" must be a string.");
			else
				bad_headers(psprintf("A header has no field \"%s\".", field));
		}
	}
	if (header->name == NULL)
		bad_headers("A header has no \"key\".");
	if (values > 1)
		bad_headers("A header has both \"value\" and \"base64\".");
}

/* Both forms: an object of names and values, and the array of _headers. */
static void
parse_headers(Jsonb *jsonb, DpProduceRecord *record)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;
	DpProduceHeader *headers;
	int			n = 0;

	if (JB_ROOT_IS_SCALAR(jsonb) ||
		(!JB_ROOT_IS_OBJECT(jsonb) && !JB_ROOT_IS_ARRAY(jsonb)))
		bad_headers("Headers must be a JSON object or array.");

	headers = palloc0(sizeof(DpProduceHeader) * (JB_ROOT_COUNT(jsonb) + 1));
	it = JsonbIteratorInit(&jsonb->root);
	(void) JsonbIteratorNext(&it, &value, false);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			headers[n].name = pnstrdup(value.val.string.val,
									   value.val.string.len);
		else if (token == WJB_VALUE)
			set_header_value(&headers[n++], &value);
		else if (token == WJB_ELEM)
		{
			if (value.type != jbvBinary ||
				!JsonContainerIsObject(value.val.binary.data))
				bad_headers("Each element of the array must be an object.");
			parse_header_object(value.val.binary.data, &headers[n++]);
		}
	}
	record->headers = headers;
	record->nheaders = n;
}

/* ---------------------------------------------------------------------
 * produce
 * ---------------------------------------------------------------------
 */

static void
raise_refused(const DpKafkaSettings *settings, const char *topic, int code,
			  int refused, int total)
{
	const DpKafkaErrorInfo *info = dp_kafka_error_info(code);

	ereport(ERROR,
			(errcode(info->sqlerrcode),
			 errmsg("could not produce to topic \"%s\" of server \"%s\"",
					topic, settings->server),
			 total == 1 ? errdetail("%s", info->reason) :
			 errdetail("%s The other %d of %d messages are stored.",
					   info->reason, total - refused, total),
			 info->hint ? errhint("%s", info->hint) : 0));
}

static Datum
produce_one(FunctionCallInfo fcinfo, const char *value, size_t len)
{
	char	   *server = required_text(fcinfo, ARG_SERVER, "server");
	char	   *topic = required_text(fcinfo, ARG_TOPIC, "topic");
	int			timeout_ms = timeout_argument(fcinfo, ARG_TIMEOUT);
	DpKafkaSettings *settings;
	DpProduceRecord record;
	DpProduceResult result;
	TupleDesc	tupdesc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	memset(&record, 0, sizeof(record));
	record.value = value;
	record.len = len;
	record.partition = partition_argument(fcinfo);
	if (!PG_ARGISNULL(ARG_KEY))
	{
		struct varlena *key = PG_GETARG_VARLENA_PP(ARG_KEY);

		record.key = VARDATA_ANY(key);
		record.keylen = VARSIZE_ANY_EXHDR(key);
	}
	if (!PG_ARGISNULL(ARG_HEADERS))
		parse_headers(PG_GETARG_JSONB_P(ARG_HEADERS), &record);

	settings = dp_kafka_settings_load(server, GetUserId());
	dp_producer_send(settings, topic, &record, 1, &result, timeout_ms);
	if (result.error != 0)
		raise_refused(settings, topic, result.error, 1, 1);

	values[0] = Int32GetDatum(result.partition);
	values[1] = Int64GetDatum(result.offset);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  values, nulls)));
}

/* produce with a text or bytea value: the bytes are the same */
Datum
dp_produce(PG_FUNCTION_ARGS)
{
	struct varlena *value;

	if (PG_ARGISNULL(ARG_VALUE))
		return produce_one(fcinfo, NULL, 0);
	value = PG_GETARG_VARLENA_PP(ARG_VALUE);
	return produce_one(fcinfo, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

Datum
dp_produce_json(PG_FUNCTION_ARGS)
{
	Jsonb	   *jsonb;
	char	   *text;

	if (PG_ARGISNULL(ARG_VALUE))
		return produce_one(fcinfo, NULL, 0);
	jsonb = PG_GETARG_JSONB_P(ARG_VALUE);
	text = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
	return produce_one(fcinfo, text, strlen(text));
}

/* ---------------------------------------------------------------------
 * produce_many
 * ---------------------------------------------------------------------
 */

/* Elements of a one-dimensional array of text, bytea or jsonb. */
static Datum *
array_elements(FunctionCallInfo fcinfo, int arg, const char *name,
			   bool **nulls, int *n)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(arg);
	Datum	   *elements;
	int16		typlen;
	bool		typbyval;
	char		typalign;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must be a one-dimensional array", name)));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &typlen, &typbyval, &typalign);
	deconstruct_array(array, ARR_ELEMTYPE(array), typlen, typbyval, typalign,
					  &elements, nulls, n);
	return elements;
}

static void
check_same_length(const char *name, int n, int expected)
{
	if (n != expected)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s has %d elements, but there are %d messages",
						name, n, expected)));
}

static void
fill_values(FunctionCallInfo fcinfo, DpProduceRecord *records,
			const Datum *elements, const bool *nulls, int n)
{
	Oid			type = ARR_ELEMTYPE(PG_GETARG_ARRAYTYPE_P(ARG_VALUE));
	int			partition = partition_argument(fcinfo);

	for (int i = 0; i < n; i++)
	{
		records[i].partition = partition;
		if (nulls[i])
			continue;
		if (type == JSONBOID)
		{
			Jsonb	   *jsonb = DatumGetJsonbP(elements[i]);
			char	   *text = JsonbToCString(NULL, &jsonb->root,
											  VARSIZE(jsonb));

			records[i].value = text;
			records[i].len = strlen(text);
		}
		else
		{
			struct varlena *value = PG_DETOAST_DATUM_PACKED(elements[i]);

			records[i].value = VARDATA_ANY(value);
			records[i].len = VARSIZE_ANY_EXHDR(value);
		}
	}
}

static DpProduceRecord *
collect_records(FunctionCallInfo fcinfo, int *n)
{
	DpProduceRecord *records;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	elements = array_elements(fcinfo, ARG_VALUE, "payloads", &nulls, n);
	records = palloc_extended(sizeof(DpProduceRecord) * (*n + 1),
							  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	fill_values(fcinfo, records, elements, nulls, *n);

	if (!PG_ARGISNULL(ARG_KEY))
	{
		elements = array_elements(fcinfo, ARG_KEY, "keys", &nulls, &count);
		check_same_length("keys", count, *n);
		for (int i = 0; i < count; i++)
		{
			struct varlena *key;

			if (nulls[i])
				continue;
			key = PG_DETOAST_DATUM_PACKED(elements[i]);
			records[i].key = VARDATA_ANY(key);
			records[i].keylen = VARSIZE_ANY_EXHDR(key);
		}
	}
	if (!PG_ARGISNULL(ARG_HEADERS))
	{
		elements = array_elements(fcinfo, ARG_HEADERS, "headers", &nulls,
								  &count);
		check_same_length("headers", count, *n);
		for (int i = 0; i < count; i++)
			if (!nulls[i])
				parse_headers(DatumGetJsonbP(elements[i]), &records[i]);
	}
	return records;
}

static int
compare_results(const void *a, const void *b)
{
	const DpProduceResult *x = a;
	const DpProduceResult *y = b;

	if (x->partition != y->partition)
		return x->partition < y->partition ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return 0;
}

/* One row a partition: messages, first and last offset. */
static void
return_summary(FunctionCallInfo fcinfo, DpProduceResult *results, int n)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			first = 0;

	InitMaterializedSRF(fcinfo, 0);
	qsort(results, n, sizeof(DpProduceResult), compare_results);
	for (int i = 1; i <= n; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		if (i < n && results[i].partition == results[first].partition)
			continue;
		values[0] = Int32GetDatum(results[first].partition);
		values[1] = Int64GetDatum((int64) (i - first));
		values[2] = Int64GetDatum(results[first].offset);
		values[3] = Int64GetDatum(results[i - 1].offset);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		first = i;
	}
}

Datum
dp_produce_many(PG_FUNCTION_ARGS)
{
	char	   *server = required_text(fcinfo, ARG_SERVER, "server");
	char	   *topic = required_text(fcinfo, ARG_TOPIC, "topic");
	int			timeout_ms = timeout_argument(fcinfo, ARG_TIMEOUT);
	DpKafkaSettings *settings;
	DpProduceRecord *records;
	DpProduceResult *results;
	int			n = 0;
	int			refused = 0;
	int			code = 0;

	settings = dp_kafka_settings_load(server, GetUserId());
	if (PG_ARGISNULL(ARG_VALUE))
	{
		/* array_agg() over no rows */
		return_summary(fcinfo, NULL, 0);
		return (Datum) 0;
	}
	records = collect_records(fcinfo, &n);
	results = palloc_extended(sizeof(DpProduceResult) * (n + 1),
							  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (n > 0)
		dp_producer_send(settings, topic, records, n, results, timeout_ms);
	for (int i = 0; i < n; i++)
	{
		if (results[i].error == 0)
			continue;
		refused++;
		code = results[i].error;
	}
	if (refused > 0)
		raise_refused(settings, topic, code, refused, n);
	return_summary(fcinfo, results, n);
	return (Datum) 0;
}
