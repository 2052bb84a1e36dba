/*-------------------------------------------------------------------------
 *
 * try.c
 *	  Decode messages as a source would, and store nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "common/attempt.h"
#include "common/role.h"
#include "ingest/ingest.h"
#include "ingest/session.h"
#include "ingest/store.h"

PG_FUNCTION_INFO_V1(dp_test_source);

/*
 * A formed row of the target as a jsonb object, NULLs left out.  As the owner:
 * output functions and casts to json may be the user's code.
 */
static Datum
row_as_jsonb(DpSource *s, HeapTuple tuple)
{
	MemoryContext context = CurrentMemoryContext;
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);
	Datum		result = (Datum) 0;
	bool		isnull;
	DpRoleScope scope;

	dp_role_enter(s->owner, NULL, &scope);
	tuplestore_puttuple(store, tuple);
	enr->md.name = "dataplat_row";
	enr->md.reliddesc = s->target->relid;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = 1;
	enr->reldata = store;
	SPI_connect();
	if (SPI_register_relation(enr) != SPI_OK_REL_REGISTER ||
		SPI_execute("SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.to_jsonb(r.*)) - '_batch_id' - '_ingested_at'"
					" FROM dataplat_row AS r", true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not show a row");
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
	{
		MemoryContext spi = MemoryContextSwitchTo(context);

		result = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	dp_role_leave(&scope);
	tuplestore_end(store);
	return isnull ? (Datum) 0 : result;
}

static void
put_try(ReturnSetInfo *rsinfo, DpSource *s, DpBatch *batch, int record,
		HeapTuple tuple, const DpFailure *failure)
{
	const DpRecord *r = &batch->records[record];
	const DpTopicPartition *tp = dp_decoder_partition(batch->decoder, r->tp);
	Datum		values[7];
	bool		nulls[7] = {0};

	values[0] = CStringGetTextDatum(tp->topic);
	values[1] = Int32GetDatum(tp->partition);
	values[2] = Int64GetDatum(r->offset);
	values[3] = BoolGetDatum(failure == NULL);
	nulls[4] = nulls[5] = nulls[6] = true;
	if (failure)
	{
		values[5] = CStringGetTextDatum(failure->error.sqlstate);
		values[6] = CStringGetTextDatum(psprintf("%s: %s", dp_stage_name(failure->stage), failure->error.message));
		nulls[5] = nulls[6] = false;
	}
	else if (tuple)
	{
		values[4] = row_as_jsonb(s, tuple);
		nulls[4] = values[4] == (Datum) 0;
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

typedef struct Decoding
{
	DpBatch    *batch;
	DpRow	   *row;
	DpFailure	failure;
	bool		ok;
} Decoding;

static void
decode_deferred(void *arg)
{
	Decoding   *d = arg;
	DpRecord   *r = &d->batch->records[d->row->record];

	d->ok = dp_decode(d->batch->decoder, d->batch, r, dp_decoder_partition(d->batch->decoder, r->tp)->topic,
					  true, &d->row->tuple, &d->failure.stage, &d->failure.error) == DP_DECODED_ROW;
}

/* Show a row whose columns need the server's input functions, or what these say. */
static void
put_deferred_try(ReturnSetInfo *rsinfo, DpSource *s, DpBatch *batch, DpRow *row)
{
	Decoding	d = {.batch = batch,.row = row,.failure = {.record = row->record}};
	ErrorData  *error = dp_attempt(decode_deferred, &d);

	if (error != NULL)
	{
		if (!dp_is_data_error(error->sqlerrcode))
			ReThrowError(error);
		d.failure.stage = DP_STAGE_INSERT;
		dp_error_set(&d.failure.error, unpack_sql_state(error->sqlerrcode), DP_NO_POSITION, "%s", error->message);
	}
	put_try(rsinfo, s, batch, row->record, d.ok ? &row->tuple : NULL, d.ok ? NULL : &d.failure);
}

/* (source, rows) -> setof (topic, partition, message_offset, ok, contents, sqlstate, message) */
PGDLLEXPORT Datum
dp_test_source(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			want = Max(PG_GETARG_INT32(1), 0);
	Oid			save_userid;
	int			save_context;
	DpSource   *s;
	DpConsumer *consumer;
	DpBatch    *batch;
	DpTopicInfo *topics;
	DpTopicPartition *from,
			   *end;
	int			ntopics,
				n,
				open;
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), DP_READ_TIMEOUT_MS);

	InitMaterializedSRF(fcinfo, 0);
	dp_enter_source(name, &save_userid, &save_context);
	s = dp_source_load(name);
	s->schema_mode = DP_SCHEMAS_LOOK;
	s->batch_rows = Max(Min(want, s->batch_rows), 1) * 2 + 100;
	consumer = dp_consumer_create(s->settings, "dataplat-test", DP_SESSION_FETCH_MEMORY);
	topics = dp_find_topics(dp_consumer_client(consumer), s->server, s->topic, &ntopics);
	from = dp_resolve_position(dp_consumer_client(consumer), topics, ntopics, "earliest", NULL, &n);
	end = dp_resolve_position(dp_consumer_client(consumer), topics, ntopics, "latest", NULL, &n);
	for (int i = 0; i < n; i++)
		from[i].offset = Max(from[i].offset, end[i].offset - want);
	batch = dp_batch_create(s, n);
	dp_decoder_set_topics(batch->decoder, from, n);
	for (int i = 0; i < n; i++)
		batch->parts[i].next = from[i].offset;
	dp_batch_reset(batch, 0);
	dp_consumer_assign(consumer, from, n);
	open = n;
	while (open > 0 && batch->nrecords < want)
	{
		DpRecord	r;

		if (dp_consumer_poll(consumer, &r, 1) == 0)
		{
			if (!dp_wait_for_messages(consumer, deadline))
				break;
			continue;
		}
		if (r.kind != DP_RECORD_MESSAGE)
		{
			open -= r.kind == DP_RECORD_EOF;
			dp_consumer_release(&r, 1);
			continue;
		}
		batch->records[batch->nrecords] = r;
		(void) dp_batch_add(batch, batch->nrecords++);
	}
	for (int i = 0; i < batch->nrows; i++)
	{
		DpRow	   *row = &batch->rows[i];

		if (row->tuple.t_data)
			put_try(rsinfo, s, batch, row->record, &row->tuple, NULL);
		else
			put_deferred_try(rsinfo, s, batch, row);
	}
	for (int i = 0; i < batch->nfailures; i++)
		put_try(rsinfo, s, batch, batch->failures[i].record, NULL, &batch->failures[i]);
	dp_batch_free(batch);
	dp_consumer_destroy(consumer);
	dp_leave_source(save_userid, save_context);
	return (Datum) 0;
}
