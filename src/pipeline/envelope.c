/*-------------------------------------------------------------------------
 *
 * envelope.c
 *	  What a message of a change stream says about a row.
 *
 * Debezium sends {before, after, op, source, ts_ms}, perhaps inside
 * {schema, payload}, and after a delete a message without value; the upsert
 * convention is the row, or no value for a delete, with the key beside it.
 * Both become: the row, is it deleted, and which columns it does not carry
 * (large values that PostgreSQL did not log because they had not changed).
 *
 * What is no change of a row (heartbeats, messages of the decoder) is no row;
 * what is one that cannot be followed (TRUNCATE) is an error, because to skip
 * it would leave the table wrong in silence.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "common/compat.h"
#include "formats/sql.h"

extern PGDLLEXPORT Datum dp_debezium_event(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_upsert_event(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_debezium_time(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_debezium_event);
PG_FUNCTION_INFO_V1(dp_upsert_event);
PG_FUNCTION_INFO_V1(dp_debezium_time);

/*
 * Numbers for points of time come in milli-, micro- or nanoseconds, and only
 * the schema that connectors rarely send along says which.  Their size does:
 * below the first limit lie the milliseconds up to the year 2286.
 */
#define MILLIS_LIMIT INT64CONST(10000000000000)
#define MICROS_LIMIT INT64CONST(10000000000000000)

typedef struct Event
{
	Jsonb	   *row;			/* NULL: no row */
	bool		deleted;
	List	   *missing;		/* char *: columns that it does not carry */
	bool		has_time;
	TimestampTz time;
} Event;

static JsonbValue *
member(JsonbContainer *object, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, name, strlen(name), NULL);

	return value && value->type != jbvNull ? value : NULL;
}

/* A member that is an object; NULL when it is none. */
static JsonbValue *
member_object(JsonbContainer *object, const char *name)
{
	JsonbValue *value = member(object, name);

	if (value && value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
		return value;
	return NULL;
}

/* A schema and no payload, or an empty one: what a converter made of nothing. */
static bool
is_wrapped_nothing(JsonbContainer *object)
{
	JsonbValue *payload = getKeyJsonValueFromContainer(object, "payload", strlen("payload"), NULL);

	return member(object, "schema") || (payload && payload->type == jbvNull);
}

/* {"schema", "payload"}, with the schema that a converter had, or null. */
static bool
has_schema(JsonbContainer *object)
{
	JsonbValue *schema = getKeyJsonValueFromContainer(object, "schema", strlen("schema"), NULL);

	return schema && (schema->type == jbvNull || member_object(object, "schema"));
}

static int64
member_int64(JsonbContainer *object, const char *name, int64 otherwise)
{
	JsonbValue *value = object ? member(object, name) : NULL;

	if (value == NULL || value->type != jbvNumeric)
		return otherwise;
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric)));
}

static TimestampTz
time_of_micros(int64 micros)
{
	return micros - (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

/* ------------------------------------------------------------------- keys */

/* A text as jsonb; NULL when it is none. */
static Jsonb *
parse(FunctionCallInfo fcinfo, text *json)
{
	DpError		err;
	size_t		len;
	const char *jsonb = dp_json_to_jsonb(dp_sql_decoder(fcinfo), VARDATA_ANY(json), VARSIZE_ANY_EXHDR(json), &len, &err);

	return jsonb ? DatumGetJsonbP(dp_sql_copy(jsonb, len, &err)) : NULL;
}

/*
 * The row that a message's key makes: an object is one (within "payload"
 * perhaps), anything else is the value of the only key column.  NULL when
 * there is no key, or no way to tell its columns.
 */
static Jsonb *
row_of_key(FunctionCallInfo fcinfo, text *key, ArrayType *names)
{
	char	   *string = key ? text_to_cstring(key) : NULL;
	char		first = string ? string[strspn(string, " \t\r\n")] : '\0';
	Jsonb	   *parsed = first == '{' || first == '"' ? parse(fcinfo, key) : NULL;
	Datum	   *elems;
	int			n = 0;
	JsonbParseState *state = NULL;
	JsonbValue	name = {.type = jbvString};
	JsonbValue	value = {.type = jbvString};

	if (string == NULL)
		return NULL;
	if (parsed && JB_ROOT_IS_OBJECT(parsed))
	{
		JsonbValue *payload = member_object(&parsed->root, "payload");

		return payload && has_schema(&parsed->root) ? JsonbValueToJsonb(payload) : parsed;
	}
	if (names)
		deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elems, NULL, &n);
	if (n != 1)
		return NULL;
	/* a key that was stored as jsonb comes with its quotes */
	if (parsed)
		value = *getIthJsonbValueFromContainer(&parsed->root, 0);
	else
	{
		value.val.string.val = string;
		value.val.string.len = strlen(string);
	}
	name.val.string.val = VARDATA_ANY(DatumGetTextPP(elems[0]));
	name.val.string.len = VARSIZE_ANY_EXHDR(DatumGetTextPP(elems[0]));
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	(void) pushJsonbValue(&state, WJB_KEY, &name);
	(void) pushJsonbValue(&state, WJB_VALUE, &value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static bool
is_nothing(Jsonb *value)
{
	JsonbValue	scalar;

	return value == NULL ||
		(JB_ROOT_IS_SCALAR(value) && JsonbExtractScalar(&value->root, &scalar) && scalar.type == jbvNull);
}

/* --------------------------------------------------------------- Debezium */

static bool
is_string(JsonbValue *value, const char *string, int length)
{
	return value->type == jbvString && value->val.string.len == length &&
		memcmp(value->val.string.val, string, length) == 0;
}

/* Is it the placeholder: itself, as bytes in base64, or alone in an array? */
static bool
is_placeholder(JsonbValue *value, const char *placeholder, const char *base64)
{
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data) &&
		JsonContainerSize(value->val.binary.data) == 1)
		value = getIthJsonbValueFromContainer(value->val.binary.data, 0);
	return is_string(value, placeholder, strlen(placeholder)) ||
		is_string(value, base64, strlen(base64));
}

static char *
encode_base64(const char *bytes)
{
	text	   *encoded = DatumGetTextPP(DirectFunctionCall2(binary_encode,
															 PointerGetDatum(cstring_to_text(bytes)),
															 CStringGetTextDatum("base64")));

	return text_to_cstring(encoded);
}

/* The row after the change; placeholders are missing columns, NULL in the row. */
static void
take_after(Event *event, JsonbValue *after, const char *placeholder)
{
	char	   *base64 = encode_base64(placeholder);
	JsonbIterator *it = JsonbIteratorInit(after->val.binary.data);
	JsonbParseState *state = NULL;
	JsonbValue	name,
				value;
	JsonbValue	null = {.type = jbvNull};

	(void) JsonbIteratorNext(&it, &name, true);
	while (JsonbIteratorNext(&it, &name, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		if (is_placeholder(&value, placeholder, base64))
			event->missing = lappend(event->missing,
									 pnstrdup(name.val.string.val, name.val.string.len));
	}
	if (event->missing == NIL)
	{
		event->row = JsonbValueToJsonb(after);
		return;
	}
	it = JsonbIteratorInit(after->val.binary.data);
	(void) JsonbIteratorNext(&it, &name, true);
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	while (JsonbIteratorNext(&it, &name, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		(void) pushJsonbValue(&state, WJB_KEY, &name);
		(void) pushJsonbValue(&state, WJB_VALUE,
							  is_placeholder(&value, placeholder, base64) ? &null : &value);
	}
	event->row = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

pg_noreturn static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 errhint("%s", hint)));
}

static void
read_change(FunctionCallInfo fcinfo, Event *event, JsonbContainer *change, text *key, const char *placeholder)
{
	JsonbValue *op = member(change, "op");
	JsonbValue *source = member_object(change, "source");
	JsonbValue *after = member_object(change, "after");
	JsonbValue *before = member_object(change, "before");
	int64		millis = member_int64(change, "ts_ms", PG_INT64_MIN);

	if (op == NULL || op->type != jbvString || op->val.string.len != 1)
		refuse("the message is not a change event of Debezium",
			   "It has no \"op\". Leave other messages out with WHERE, or read rows that a transformation has flattened with envelope => 'upsert'.");
	if (source)
		millis = member_int64(source->val.binary.data, "ts_ms", millis);
	event->has_time = millis != PG_INT64_MIN;
	event->time = event->has_time ? time_of_micros(millis * 1000) : 0;
	switch (op->val.string.val[0])
	{
		case 'c':
		case 'r':
		case 'u':
			if (after == NULL)
				refuse("a change event of Debezium has no \"after\"",
					   "Only deletes may lack it; see whether a transformation of the connector removes it.");
			take_after(event, after, placeholder);
			break;
		case 'd':
			event->deleted = true;
			event->row = before ? JsonbValueToJsonb(before) : row_of_key(fcinfo, key, NULL);
			if (event->row == NULL)
				refuse("a delete event of Debezium says neither what was there nor its key",
					   "Let the source keep the key of messages, or give the table a replica identity.");
			break;
		case 'm':
			break;
		case 't':
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the change stream says that the table it comes from was truncated, which rows cannot follow"),
					 errhint("Leave truncates out with WHERE value ->> 'op' <> 't' and take a new snapshot of the table.")));
			break;
		default:
			refuse("a change event of Debezium has an unknown \"op\"",
				   "Known are c, r, u, d, m and t.");
	}
}

static Datum
make_result(FunctionCallInfo fcinfo, Event *event)
{
	TupleDesc	desc;
	Datum		values[4] = {0};
	bool		nulls[4] = {false};
	Datum	   *names;
	int			n = 0;
	ListCell   *lc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	names = palloc(sizeof(Datum) * (list_length(event->missing) + 1));
	foreach(lc, event->missing)
		names[n++] = CStringGetTextDatum(lfirst(lc));
	nulls[0] = event->row == NULL;
	values[0] = event->row ? JsonbPGetDatum(event->row) : (Datum) 0;
	nulls[1] = event->row == NULL;
	values[1] = BoolGetDatum(event->deleted);
	nulls[2] = n == 0;
	values[2] = n > 0 ? PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT)) : (Datum) 0;
	nulls[3] = !event->has_time;
	values[3] = TimestampTzGetDatum(event->time);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* debezium_event(value jsonb, key text, unavailable text) -> (row_data, deleted, missing, changed_at) */
Datum
dp_debezium_event(PG_FUNCTION_ARGS)
{
	Jsonb	   *value = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	text	   *key = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	Event		event = {0};
	JsonbValue *payload;

	if (PG_ARGISNULL(2))
		PG_RETURN_NULL();
	if (!is_nothing(value) && !JB_ROOT_IS_OBJECT(value))
		refuse("the message is not a change event of Debezium", "It is no JSON object.");
	if (!is_nothing(value))
	{
		payload = member(&value->root, "op") ? NULL : member_object(&value->root, "payload");
		if (payload || member(&value->root, "op") || !is_wrapped_nothing(&value->root))
		{
			read_change(fcinfo, &event, payload ? payload->val.binary.data : &value->root, key,
						text_to_cstring(PG_GETARG_TEXT_PP(2)));
			return make_result(fcinfo, &event);
		}
	}
	/* no value, or a schema without payload: the tombstone after a delete */
	event.deleted = true;
	event.row = row_of_key(fcinfo, key, NULL);
	return make_result(fcinfo, &event);
}

/* upsert_event(value jsonb, key text, keys text[]) -> (row_data, deleted, missing, changed_at) */
Datum
dp_upsert_event(PG_FUNCTION_ARGS)
{
	Jsonb	   *value = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	text	   *key = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	ArrayType  *names = PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2);
	Event		event = {.deleted = is_nothing(value)};
	Datum	   *elems;
	int			n = 0;

	if (event.deleted)
	{
		event.row = row_of_key(fcinfo, key, names);
		return make_result(fcinfo, &event);
	}
	if (!JB_ROOT_IS_OBJECT(value))
		refuse("the message is not a row", "It is no JSON object.");
	event.row = value;
	if (names)
		deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elems, NULL, &n);
	for (int i = 0; i < n; i++)
		if (member(&value->root, TextDatumGetCString(elems[i])) == NULL)
		{
			Jsonb	   *from_key = row_of_key(fcinfo, key, names);

			if (from_key)
				event.row = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(value),
															   JsonbPGetDatum(from_key)));
			break;
		}
	return make_result(fcinfo, &event);
}

/* debezium_time(value jsonb) -> timestamptz */
Datum
dp_debezium_time(PG_FUNCTION_ARGS)
{
	Jsonb	   *value = PG_GETARG_JSONB_P(0);
	JsonbValue	scalar;
	int64		number;

	if (!JB_ROOT_IS_SCALAR(value) || !JsonbExtractScalar(&value->root, &scalar))
		refuse("a point of time is neither a number nor a string", "Look at the message in the bronze table.");
	switch (scalar.type)
	{
		case jbvNull:
			PG_RETURN_NULL();
		case jbvString:
			return DirectFunctionCall3(timestamptz_in,
									   CStringGetDatum(pnstrdup(scalar.val.string.val, scalar.val.string.len)),
									   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
		case jbvNumeric:
			break;
		default:
			refuse("a point of time is neither a number nor a string", "Look at the message in the bronze table.");
	}
	number = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(scalar.val.numeric)));
	if (number > -MILLIS_LIMIT && number < MILLIS_LIMIT)
		number *= 1000;
	else if (number <= -MICROS_LIMIT || number >= MICROS_LIMIT)
		number /= 1000;
	PG_RETURN_TIMESTAMPTZ(time_of_micros(number));
}
