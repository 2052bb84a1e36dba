/*-------------------------------------------------------------------------
 *
 * dead_letter.c
 *	  Make a row of a dead letter, by the code path of live messages.
 *
 * The message comes from dataplat.dead_letter instead of librdkafka; from
 * there on it is decoded and inserted as if it had just been polled, in a
 * savepoint of the caller's transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "common/attempt.h"
#include "ingest/ingest.h"
#include "ingest/session.h"
#include "ingest/store.h"

PG_FUNCTION_INFO_V1(dp_store_dead_letter);

/* A message as it lies in dataplat.dead_letter. */
typedef struct StoredMessage
{
	char	   *source;
	DpTopicPartition tp;
	DpRecord	record;
	Datum		headers;
	bool		truncated;
} StoredMessage;

static const char *
copy_bytea(HeapTuple row, TupleDesc desc, int col, size_t *len, MemoryContext context)
{
	bool		isnull;
	Datum		d = SPI_getbinval(row, desc, col, &isnull);
	bytea	   *b;
	char	   *copy;

	*len = 0;
	if (isnull)
		return NULL;
	b = DatumGetByteaPP(d);
	*len = VARSIZE_ANY_EXHDR(b);
	copy = MemoryContextAllocHuge(context, *len + 1);
	memcpy(copy, VARDATA_ANY(b), *len);
	return copy;
}

static void
load_dead_letter(int64 id, StoredMessage *m)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			type = INT8OID;
	Datum		arg = Int64GetDatum(id);
	HeapTuple	row;
	TupleDesc	desc;
	bool		isnull;
	Datum		d;

	memset(m, 0, sizeof(*m));
	SPI_connect();
	SPI_execute_with_args("SELECT d.source, d.topic, d.partition, d.message_offset,"
						  " (pg_catalog.extract('epoch', d.message_timestamp) * 1000)::bigint, d.key,"
						  " COALESCE(d.fixed_value, d.value), d.headers, d.truncated AND d.fixed_value IS NULL"
						  " FROM dataplat.dead_letter AS d WHERE d.dead_letter_id = $1",
						  1, &type, &arg, NULL, false, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("dead letter " INT64_FORMAT " does not exist", id)));
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	m->source = MemoryContextStrdup(context, SPI_getvalue(row, desc, 1));
	m->tp.topic = MemoryContextStrdup(context, SPI_getvalue(row, desc, 2));
	m->tp.partition = DatumGetInt32(SPI_getbinval(row, desc, 3, &isnull));
	m->record.offset = DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull));
	d = SPI_getbinval(row, desc, 5, &isnull);
	m->record.timestamp = isnull ? -1 : DatumGetInt64(d);
	m->record.key = copy_bytea(row, desc, 6, &m->record.keylen, context);
	m->record.value = copy_bytea(row, desc, 7, &m->record.len, context);
	d = SPI_getbinval(row, desc, 8, &isnull);
	if (!isnull)
	{
		MemoryContext spi = MemoryContextSwitchTo(context);

		m->headers = PointerGetDatum(PG_DETOAST_DATUM_COPY(d));
		MemoryContextSwitchTo(spi);
	}
	m->truncated = DatumGetBool(SPI_getbinval(row, desc, 9, &isnull));
	SPI_finish();
}

/* Names of rules, and what went wrong with those that could not be evaluated. */
static char *
refusal_in_words(Datum reasons)
{
	StringInfoData words;
	Datum	   *items;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(reasons), TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &n);
	initStringInfo(&words);
	appendStringInfoString(&words, "the row breaks rules of its table: ");
	for (int i = 0; i < n; i++)
		appendStringInfo(&words, "%s%s", i > 0 ? ", " : "", TextDatumGetCString(items[i]));
	return words.data;
}

/* By the rules of the table: NULL when the row may be written. */
static char *
refuse_by_rules(DpSource *s, HeapTuple tuple, char **results)
{
	DpGate	   *gate = dp_gate_open(s, NULL);
	Datum		reasons;

	*results = NULL;
	if (gate == NULL)
		return NULL;
	reasons = dp_gate_refusal(gate, tuple);
	if (reasons == (Datum) 0)
		*results = dp_gate_results(gate);
	dp_gate_close(gate);
	return reasons == (Datum) 0 ? NULL : refusal_in_words(reasons);
}

/* Decode and insert; returns why not, or NULL.  Throws what is not about the row. */
static char *
try_message(DpSource *s, DpBatch *batch, const char *topic, char **results)
{
	char	   *why;
	DpStage		stage;
	DpError		error;
	DpRow	   *row = &batch->rows[0];
	HeapTuple	tuple = &row->tuple;
	DpWriteResult written = {NULL, InvalidBlockNumber, InvalidBlockNumber};

	switch (dp_decode(batch->decoder, batch, &batch->records[0], topic, true,
					  tuple, &stage, &error))
	{
		case DP_DECODED_ROW:
			if (batch->records[0].value != NULL && (why = refuse_by_rules(s, tuple, results)) != NULL)
				return why;
			if (!dp_target_insert(s->target, &tuple, 1, batch->ingested_at, &written))
				return "the target has no partition for the present";
			return NULL;
		case DP_DECODED_FAILED:
			return psprintf("%s: %s", dp_stage_name(stage), error.message);
		default:
			return "the source filters the message out";
	}
}

typedef struct Trial
{
	DpSource   *source;
	DpBatch    *batch;
	const char *topic;
	char	  **results;
	char	   *why;
} Trial;

static void
try_one(void *arg)
{
	Trial	   *trial = arg;

	trial->why = try_message(trial->source, trial->batch, trial->topic, trial->results);
}

/* try_message() in a savepoint, so that a refused row leaves nothing. */
static char *
try_message_in_savepoint(DpSource *s, DpBatch *batch, const char *topic, char **results)
{
	Trial		trial = {s, batch, topic, results, NULL};
	ErrorData  *error = dp_attempt(try_one, &trial);

	if (error == NULL)
		return trial.why;
	if (!dp_is_data_error(error->sqlerrcode))
		ReThrowError(error);
	return error->message;
}

static char *
store_message(StoredMessage *m, int64 batch_id, char **results)
{
	DpSource   *s = dp_source_load(m->source);
	DpBatch    *batch;
	char	   *why;

	s->batch_rows = 1;
	s->schema_mode = DP_SCHEMAS_LOOK;
	batch = dp_batch_create(s, 1);
	dp_decoder_set_topics(batch->decoder, &m->tp, 1);
	dp_decoder_set_headers(batch->decoder, m->headers);
	batch->parts[0].next = m->record.offset;
	dp_batch_reset(batch, batch_id);
	batch->ingested_at = GetCurrentTimestamp();
	m->record.kind = DP_RECORD_MESSAGE;
	batch->records[0] = m->record;
	why = try_message_in_savepoint(s, batch, m->tp.topic, results);
	dp_batch_free(batch);
	dp_source_free(s);
	return why;
}

static Datum
answer(FunctionCallInfo fcinfo, const char *why, const char *results)
{
	TupleDesc	desc;
	Datum		values[2] = {0};
	bool		nulls[2] = {why == NULL, results == NULL};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (why)
		values[0] = CStringGetTextDatum(why);
	if (results)
		values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(results));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * (dead_letter_id, batch_id) -> (why, results).  "why" is NULL when the message
 * is a row now; "results" are what came of row rules then.  The live code path:
 * same decoder, same rules, same insert.
 */
PGDLLEXPORT Datum
dp_store_dead_letter(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);
	StoredMessage m;
	Oid			save_userid;
	int			save_context;
	char	   *results = NULL;
	char	   *why;

	GetUserIdAndSecContext(&save_userid, &save_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, save_context | SECURITY_LOCAL_USERID_CHANGE);
	load_dead_letter(id, &m);
	SetUserIdAndSecContext(save_userid, save_context);
	dp_enter_source(m.source, &save_userid, &save_context);
	if (m.truncated)
		why = "only the head of the message was kept; give it a value with fix_dead_letter(), or replay_source() its offset";
	else
		why = store_message(&m, PG_GETARG_INT64(1), &results);
	dp_leave_source(save_userid, save_context);
	return answer(fcinfo, why, why == NULL ? results : NULL);
}
