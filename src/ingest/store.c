/*-------------------------------------------------------------------------
 *
 * store.c
 *	  The ingest transaction: rows, dead letters, offsets and ledger at once.
 *
 * (unnest of several arrays is a piece of grammar and cannot be qualified; the
 * search path is empty.)  Order within the transaction, with the names of the points where tests kill
 * the worker:
 *
 *	 begin -> K4 -> rows, judged by the rules of the target -> K5 -> dead
 *	 letters -> K6 -> offsets by compare-and-swap -> K7 -> ledger and results
 *	 of the rules -> K8, K9 -> commit -> K10
 *
 * Whatever happens before the commit leaves nothing behind; whatever happens
 * after it finds the offsets moved.  The offsets move only if they stand where
 * the batch began and still belong to this worker's epoch: anything else means
 * that somebody else moved them, and the batch is thrown away.
 *
 * When the server refuses a row (a constraint, an input function, a trigger),
 * the whole transaction is rolled back and done again with savepoints around
 * halves of the batch until the bad rows stand alone; good batches never pay
 * for a savepoint.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "common/attempt.h"
#include "common/inject.h"
#include "ingest/breadcrumb.h"
#include "ingest/gate.h"
#include "ingest/store.h"

/* Of a message over the size limit this much is kept. */
#define DP_OVERSIZE_HEAD (64 * 1024)

#define OFFSETS_QUERY \
	"UPDATE dataplat_internal.source_offset AS o" \
	" SET next_offset = u.next, rows = o.rows + u.rows, dead_letters = o.dead_letters + u.dead," \
	" filtered = o.filtered + u.filtered, quarantined = o.quarantined + u.quarantined, gaps = o.gaps + u.gaps, bytes = o.bytes + u.bytes," \
	" anchor_offset = COALESCE(u.anchor_offset, o.anchor_offset)," \
	" anchor_timestamp = CASE WHEN u.anchor_offset IS NULL THEN o.anchor_timestamp ELSE u.anchor_ts END," \
	" anchor_crc = CASE WHEN u.anchor_offset IS NULL THEN o.anchor_crc ELSE u.anchor_crc END," \
	" last_timestamp = COALESCE(u.max_ts, o.last_timestamp), updated_at = pg_catalog.now()" \
	" FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]," \
	" $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::timestamptz[])" \
	" AS u(topic, partition, base, next, rows, dead, filtered, quarantined, gaps, bytes, anchor_offset, anchor_ts, anchor_crc, max_ts)" \
	" WHERE o.source = $1 AND o.topic = u.topic AND o.partition = u.partition" \
	" AND o.next_offset = u.base AND o.owner_epoch = $16"
#define OFFSETS_NARGS 16

#define LEDGER_QUERY \
	"INSERT INTO dataplat.batch (batch_id, source, topic, partition, from_offset, to_offset, rows, dead_letters," \
	" filtered, quarantined, gaps, bytes, min_timestamp, max_timestamp, kind, generation, leaf, first_block, last_block)" \
	" SELECT $16, $1, u.topic, u.partition, u.base, u.next, u.rows, u.dead, u.filtered, u.quarantined, u.gaps, u.bytes," \
	" u.min_ts, u.max_ts, $17, u.generation, $18, $19, $20" \
	" FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]," \
	" $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::int[], $13::bigint[], $14::timestamptz[], $15::timestamptz[])" \
	" AS u(topic, partition, base, next, rows, dead, filtered, quarantined, gaps, bytes, generation, spare, min_ts, max_ts)"
#define LEDGER_NARGS 20

/* A message that is read again has its letter already, and its place may be another message's by now. */
#define SAME_MESSAGE "(d.key, d.value) IS NOT DISTINCT FROM (EXCLUDED.key, EXCLUDED.value)"
#define DEAD_LETTER_QUERY \
	"INSERT INTO dataplat.dead_letter AS d (source, topic, partition, message_offset, message_timestamp, key, value," \
	" headers, stage, sqlstate, message, detail, fingerprint, value_bytes, truncated, batch_id, schema_id)" \
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)" \
	" ON CONFLICT (source, topic, partition, message_offset, message_timestamp) DO UPDATE" \
	" SET attempts = d.attempts + 1, state = 'open', stage = EXCLUDED.stage, sqlstate = EXCLUDED.sqlstate," \
	" message = EXCLUDED.message, detail = EXCLUDED.detail, fingerprint = EXCLUDED.fingerprint," \
	" key = EXCLUDED.key, value = EXCLUDED.value, headers = EXCLUDED.headers, value_bytes = EXCLUDED.value_bytes," \
	" truncated = EXCLUDED.truncated, schema_id = EXCLUDED.schema_id," \
	" fixed_value = CASE WHEN " SAME_MESSAGE " THEN d.fixed_value END," \
	" batch_id = EXCLUDED.batch_id, resolved_at = NULL, resolved_by = NULL, resolved_batch_id = NULL, reason = NULL"
#define DEAD_LETTER_NARGS 17

/* Parts and failures as one attempt changes them; the batch stays as it was. */
typedef struct Attempt
{
	DpStore    *store;
	DpGate	   *gate;			/* NULL: the target has no row rules */
	DpBatchPart *parts;
	int			nfailures;		/* of the batch, before the attempt */
	DpWriteResult written;
	bool		no_partition;
} Attempt;

bool
dp_is_data_error(int sqlerrcode)
{
	int			class = ERRCODE_TO_CATEGORY(sqlerrcode);

	return class == ERRCODE_DATA_EXCEPTION ||
		class == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED ||
		sqlerrcode == ERRCODE_STATEMENT_TOO_COMPLEX ||
		sqlerrcode == ERRCODE_UNTRANSLATABLE_CHARACTER ||
		sqlerrcode == ERRCODE_RAISE_EXCEPTION;
}

/* A row without a partition is the table's trouble, not the row's. */
static bool
is_missing_partition(const ErrorData *edata)
{
	return edata->sqlerrcode == ERRCODE_CHECK_VIOLATION && edata->constraint_name == NULL;
}

char *
dp_failure_fingerprint(const char *stage, const char *sqlstate, const char *message)
{
	char	   *text = psprintf("%s|%s|%s", stage, sqlstate, message);
	char	   *to = text;
	uint64		hash;

	/* runs of digits count as one sign: positions and values differ */
	for (char *from = text + strlen(stage) + 7; *from; from++)
	{
		if (*from >= '0' && *from <= '9')
		{
			if (to > text && to[-1] == '#')
				continue;
			*to++ = '#';
		}
		else
			*to++ = *from;
	}
	hash = hash_bytes_extended((unsigned char *) text, to - text, 0);
	hash = hash ^ hash_bytes_extended((unsigned char *) stage, strlen(stage), hash) ^
		hash_bytes_extended((unsigned char *) sqlstate, strlen(sqlstate), 1);
	return psprintf("%016llx", (unsigned long long) hash);
}

static SPIPlanPtr
keep_plan(SPIPlanPtr *plan, const char *sql, int nargs, const Oid *types)
{
	if (*plan == NULL)
	{
		SPIPlanPtr	p = SPI_prepare(sql, nargs, (Oid *) types);

		if (p == NULL || SPI_keepplan(p) != 0)
			elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
		*plan = p;
	}
	return *plan;
}

/*-------------------------------------------------------------------------
 * Rows
 *-------------------------------------------------------------------------
 */

/* Decode a row whose columns need input functions; throws what they throw. */
static void
form_deferred(DpBatch *batch, DpRow *row)
{
	DpRecord   *r = &batch->records[row->record];
	DpStage		stage;
	DpError		error;

	if (dp_decode(batch->decoder, batch, r, dp_decoder_partition(batch->decoder, r->tp)->topic,
				  true, &row->tuple, &stage, &error) != DP_DECODED_ROW)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE(error.sqlstate[0], error.sqlstate[1], error.sqlstate[2],
									   error.sqlstate[3], error.sqlstate[4])),
				 errmsg("%s", error.message)));
}

static void
insert_rows(Attempt *a, int lo, int hi)
{
	DpBatch    *batch = a->store->batch;
	HeapTuple  *tuples = palloc(sizeof(HeapTuple) * (hi - lo));
	int			n = hi - lo;

	for (int i = lo; i < hi; i++)
	{
		DpRow	   *row = &batch->rows[i];
		HeapTupleData formed;

		if (row->tuple.t_data == NULL)
		{
			/* kept out of the row: the memory may belong to a savepoint */
			DpRow		copy = *row;

			form_deferred(batch, &copy);
			formed = copy.tuple;
			tuples[i - lo] = palloc(sizeof(HeapTupleData));
			*tuples[i - lo] = formed;
		}
		else
			tuples[i - lo] = &row->tuple;
	}
	if (a->gate != NULL)
		n = dp_gate_pass(a->gate, lo, tuples, n);
	if (!dp_target_insert(a->store->source->target, tuples, n,
						  batch->ingested_at, &a->written))
		a->no_partition = true;
	pfree(tuples);
}

/* The server refused this row: a dead letter, in this attempt. */
static void
refuse_row(Attempt *a, int row, const ErrorData *edata)
{
	DpBatch    *batch = a->store->batch;
	int			record = batch->rows[row].record;
	DpBatchPart *part = &a->parts[batch->records[record].tp];
	DpError		error;

	part->rows--;
	if (a->store->source->on_error == DP_ON_ERROR_SKIP)
	{
		part->filtered++;
		return;
	}
	part->dead_letters++;
	a->store->refused++;
	dp_error_set(&error, unpack_sql_state(edata->sqlerrcode), DP_NO_POSITION, "%s", edata->message);
	if (edata->constraint_name)
		snprintf(error.detail, sizeof(error.detail), "Constraint \"%s\".", edata->constraint_name);
	else if (edata->column_name)
		snprintf(error.detail, sizeof(error.detail), "Column \"%s\".", edata->column_name);
	dp_batch_add_failure(batch, record, DP_STAGE_INSERT, batch->rows[row].schema_id, &error);
}

typedef struct Span
{
	Attempt    *attempt;
	int			lo;
	int			hi;
} Span;

static void
insert_span(void *arg)
{
	Span	   *span = arg;

	insert_rows(span->attempt, span->lo, span->hi);
}

static void
insert_bisecting(Attempt *a, int lo, int hi)
{
	Span		span = {a, lo, hi};
	void	   *mark;
	ErrorData  *edata;

	if (lo >= hi || a->no_partition)
		return;
	mark = a->gate ? dp_gate_mark(a->gate) : NULL;
	edata = dp_attempt(insert_span, &span);
	if (edata == NULL)
		return;
	if (!dp_is_data_error(edata->sqlerrcode) || is_missing_partition(edata))
		ReThrowError(edata);
	if (a->gate)
		dp_gate_back(a->gate, mark, lo, hi);
	if (hi - lo == 1)
		refuse_row(a, lo, edata);
	else
	{
		insert_bisecting(a, lo, lo + (hi - lo) / 2);
		insert_bisecting(a, lo + (hi - lo) / 2, hi);
	}
}

/*-------------------------------------------------------------------------
 * Dead letters
 *-------------------------------------------------------------------------
 */
static void
store_dead_letter(DpStore *store, const DpFailure *f)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[DEAD_LETTER_NARGS] = {
		TEXTOID, TEXTOID, INT4OID, INT8OID, TIMESTAMPTZOID, BYTEAOID, BYTEAOID, JSONBOID,
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, BOOLOID, INT8OID, INT4OID
	};
	DpBatch    *batch = store->batch;
	DpRecord   *r = &batch->records[f->record];
	const DpTopicPartition *tp = dp_decoder_partition(batch->decoder, r->tp);
	const char *stage = dp_stage_name(f->stage);
	bool		truncated = f->stage == DP_STAGE_SIZE && r->len > DP_OVERSIZE_HEAD;
	Datum		values[DEAD_LETTER_NARGS];
	char		nulls[DEAD_LETTER_NARGS + 1];
	TimestampTz ts;
	const char *detail = f->error.detail;

	memset(nulls, ' ', sizeof(nulls));
	values[0] = CStringGetTextDatum(store->source->name);
	values[1] = CStringGetTextDatum(tp->topic);
	values[2] = Int32GetDatum(tp->partition);
	values[3] = Int64GetDatum(r->offset);
	if (dp_timestamp_from_ms(r->timestamp, &ts))
		values[4] = TimestampTzGetDatum(ts);
	else
		nulls[4] = 'n';
	if (r->key)
		values[5] = PointerGetDatum(cstring_to_text_with_len(r->key, r->keylen));
	else
		nulls[5] = 'n';
	if (r->value)
		values[6] = PointerGetDatum(cstring_to_text_with_len(r->value,
															 truncated ? DP_OVERSIZE_HEAD : r->len));
	else
		nulls[6] = 'n';
	values[7] = dp_decode_headers(batch->decoder, r);
	if (values[7] == (Datum) 0)
		nulls[7] = 'n';
	values[8] = CStringGetTextDatum(stage);
	values[9] = CStringGetTextDatum(f->error.sqlstate);
	values[10] = CStringGetTextDatum(f->error.message);
	if (detail[0] == '\0' && f->error.position != DP_NO_POSITION)
		detail = psprintf("At byte %zu of the %s.", f->error.position, stage);
	if (detail[0])
		values[11] = CStringGetTextDatum(detail);
	else
		nulls[11] = 'n';
	values[12] = CStringGetTextDatum(dp_failure_fingerprint(stage, f->error.sqlstate, f->error.message));
	values[13] = Int64GetDatum((int64) r->len);
	values[14] = BoolGetDatum(truncated);
	values[15] = Int64GetDatum(batch->batch_id);
	values[16] = Int32GetDatum(f->schema_id);
	if (f->schema_id == 0)
		nulls[16] = 'n';
	if (SPI_execute_plan(keep_plan(&plan, DEAD_LETTER_QUERY, DEAD_LETTER_NARGS, types),
						 values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not store a dead letter");
}

/*-------------------------------------------------------------------------
 * Offsets and ledger
 *-------------------------------------------------------------------------
 */

/* Arrays with one element for each touched part. */
typedef struct PartArrays
{
	int			n;
	Datum	   *topic;
	Datum	   *partition;
	Datum	   *generation;
	Datum	   *numbers[11];	/* by NUM_... */
	bool	   *no_anchor;
	Datum	   *min_ts;
	Datum	   *max_ts;
	bool	   *no_ts;
} PartArrays;

enum
{
	NUM_BASE, NUM_NEXT, NUM_ROWS, NUM_DEAD, NUM_FILTERED, NUM_QUARANTINED, NUM_GAPS, NUM_BYTES,
	NUM_ANCHOR_OFFSET, NUM_ANCHOR_TS, NUM_ANCHOR_CRC, NUM_COUNT
};

static void
collect_parts(Attempt *a, PartArrays *out)
{
	DpBatch    *batch = a->store->batch;
	int			max = batch->nparts;

	out->n = 0;
	out->topic = palloc(sizeof(Datum) * max);
	out->partition = palloc(sizeof(Datum) * max);
	out->generation = palloc(sizeof(Datum) * max);
	for (int i = 0; i < NUM_COUNT; i++)
		out->numbers[i] = palloc(sizeof(Datum) * max);
	out->no_anchor = palloc(max);
	out->no_ts = palloc(max);
	out->min_ts = palloc0(sizeof(Datum) * max);
	out->max_ts = palloc0(sizeof(Datum) * max);
	for (int i = 0; i < max; i++)
	{
		const DpBatchPart *p = &a->parts[i];
		const DpTopicPartition *tp = dp_decoder_partition(batch->decoder, i);
		int			n = out->n;
		TimestampTz min,
					maxts;

		if (!p->touched)
			continue;
		out->topic[n] = CStringGetTextDatum(tp->topic);
		out->partition[n] = Int32GetDatum(tp->partition);
		out->generation[n] = Int32GetDatum(a->store->generations ? a->store->generations[i] : 1);
		out->numbers[NUM_BASE][n] = Int64GetDatum(p->from);
		out->numbers[NUM_NEXT][n] = Int64GetDatum(p->next);
		out->numbers[NUM_ROWS][n] = Int64GetDatum(p->rows);
		out->numbers[NUM_DEAD][n] = Int64GetDatum(p->dead_letters);
		out->numbers[NUM_FILTERED][n] = Int64GetDatum(p->filtered);
		out->numbers[NUM_QUARANTINED][n] = Int64GetDatum(p->quarantined);
		out->numbers[NUM_GAPS][n] = Int64GetDatum(p->gaps);
		out->numbers[NUM_BYTES][n] = Int64GetDatum(p->bytes);
		out->no_anchor[n] = batch->anchors[i].offset < 0;
		out->numbers[NUM_ANCHOR_OFFSET][n] = Int64GetDatum(batch->anchors[i].offset);
		out->numbers[NUM_ANCHOR_TS][n] = Int64GetDatum(batch->anchors[i].timestamp);
		out->numbers[NUM_ANCHOR_CRC][n] = Int64GetDatum((int64) batch->anchors[i].crc);
		out->no_ts[n] = !(dp_timestamp_from_ms(p->min_timestamp, &min) &&
						  dp_timestamp_from_ms(p->max_timestamp, &maxts));
		if (!out->no_ts[n])
		{
			out->min_ts[n] = TimestampTzGetDatum(min);
			out->max_ts[n] = TimestampTzGetDatum(maxts);
		}
		out->n++;
	}
}

static Datum
make_array(Datum *elems, bool *nulls, int n, Oid type)
{
	int			dims[1] = {n};
	int			lbs[1] = {1};
	int16		len = type == TEXTOID ? -1 : type == INT4OID ? 4 : 8;
	char		align = type == TEXTOID || type == INT4OID ? TYPALIGN_INT : TYPALIGN_DOUBLE;

	return PointerGetDatum(construct_md_array(elems, nulls, 1, dims, lbs, type, len,
											  len > 0, align));
}

/* Compare and swap; false when a row was not where we left it. */
static bool
move_offsets(Attempt *a, PartArrays *p)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[OFFSETS_NARGS] = {
		TEXTOID, TEXTARRAYOID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
		INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
		TIMESTAMPTZARRAYOID, INT8OID
	};
	Datum		values[OFFSETS_NARGS];

	values[0] = CStringGetTextDatum(a->store->source->name);
	values[1] = make_array(p->topic, NULL, p->n, TEXTOID);
	values[2] = make_array(p->partition, NULL, p->n, INT4OID);
	for (int i = 0; i < NUM_COUNT; i++)
		values[3 + i] = make_array(p->numbers[i], i >= NUM_ANCHOR_OFFSET ? p->no_anchor : NULL,
								   p->n, INT8OID);
	values[14] = make_array(p->max_ts, p->no_ts, p->n, TIMESTAMPTZOID);
	values[15] = Int64GetDatum(a->store->owner_epoch);
	if (SPI_execute_plan(keep_plan(&plan, OFFSETS_QUERY, OFFSETS_NARGS, types),
						 values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not move offsets");
	return SPI_processed == (uint64) p->n;
}

static void
write_ledger(Attempt *a, PartArrays *p)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[LEDGER_NARGS] = {
		TEXTOID, TEXTARRAYOID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
		INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT8ARRAYOID,
		TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, INT8OID, TEXTOID, TEXTOID, INT8OID, INT8OID
	};
	Datum		values[LEDGER_NARGS];
	char		nulls[LEDGER_NARGS + 1];
	bool		placed = a->written.leaf != NULL && a->written.first_block != InvalidBlockNumber;

	memset(nulls, ' ', sizeof(nulls));
	values[0] = CStringGetTextDatum(a->store->source->name);
	values[1] = make_array(p->topic, NULL, p->n, TEXTOID);
	values[2] = make_array(p->partition, NULL, p->n, INT4OID);
	for (int i = NUM_BASE; i <= NUM_BYTES; i++)
		values[3 + i] = make_array(p->numbers[i], NULL, p->n, INT8OID);
	values[11] = make_array(p->generation, NULL, p->n, INT4OID);
	values[12] = make_array(p->numbers[NUM_BASE], NULL, p->n, INT8OID);
	values[13] = make_array(p->min_ts, p->no_ts, p->n, TIMESTAMPTZOID);
	values[14] = make_array(p->max_ts, p->no_ts, p->n, TIMESTAMPTZOID);
	values[15] = Int64GetDatum(a->store->batch->batch_id);
	values[16] = CStringGetTextDatum(a->store->kind);
	values[17] = values[18] = values[19] = (Datum) 0;
	if (placed)
	{
		values[17] = CStringGetTextDatum(a->written.leaf);
		values[18] = Int64GetDatum((int64) a->written.first_block);
		values[19] = Int64GetDatum((int64) a->written.last_block);
	}
	else
		nulls[17] = nulls[18] = nulls[19] = 'n';
	if (SPI_execute_plan(keep_plan(&plan, LEDGER_QUERY, LEDGER_NARGS, types),
						 values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write the ledger");
}

static int64
take_batch_id(void)
{
	static Oid	sequence = InvalidOid;

	if (!OidIsValid(sequence))
	{
		if (SPI_execute("SELECT 'dataplat_internal.batch_id_seq'::pg_catalog.regclass::pg_catalog.oid",
						true, 1) != SPI_OK_SELECT || SPI_processed != 1)
			elog(ERROR, "could not find the batch id sequence");
		sequence = (Oid) strtoul(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), NULL, 10);
	}
	return nextval_internal(sequence, false);
}

/* Do rules stop the batch?  If not, its rows are accounted for by what the rules say of them. */
static bool
stopped_at_gate(Attempt *a)
{
	DpStore    *store = a->store;
	MemoryContext old;

	if (store->batch->nrows > 0)
	{
		old = MemoryContextSwitchTo(store->batch->scratch);
		store->message = dp_gate_failure(a->gate, &store->rules_failed);
		MemoryContextSwitchTo(old);
		if (store->message != NULL)
		{
			strlcpy(store->sqlstate, unpack_sql_state(ERRCODE_CHECK_VIOLATION), sizeof(store->sqlstate));
			return true;
		}
	}
	dp_gate_account(a->gate, a->parts);
	return false;
}

DpStoreResult
dp_store_in_transaction(DpStore *store)
{
	DpBatch    *batch = store->batch;
	Attempt		a = {0};
	PartArrays	arrays;

	a.store = store;
	a.nfailures = batch->nfailures;
	a.parts = palloc(sizeof(DpBatchPart) * Max(batch->nparts, 1));
	memcpy(a.parts, batch->parts, sizeof(DpBatchPart) * batch->nparts);
	a.written.first_block = a.written.last_block = InvalidBlockNumber;
	store->refused = 0;

	DP_INJECT("k4");
	a.gate = dp_gate_open(store->source, batch);
	if (batch->nrows > 0)
	{
		DpRecord   *first = &batch->records[batch->rows[0].record];

		dp_breadcrumb_inserting(first->tp, first->offset, batch->nrecords);
		if (store->bisect)
			insert_bisecting(&a, 0, batch->nrows);
		else
			insert_rows(&a, 0, batch->nrows);
	}
	DP_INJECT("k5");
	if (a.no_partition)
		return DP_STORE_NO_PARTITION;
	if (a.gate && stopped_at_gate(&a))
		return DP_STORE_RULES_FAILED;

	SPI_connect();
	for (int i = 0; i < batch->nfailures; i++)
		store_dead_letter(store, &batch->failures[i]);
	DP_INJECT("k6");
	collect_parts(&a, &arrays);
	if (arrays.n > 0)
	{
		if (strcmp(store->kind, "live") == 0 && !move_offsets(&a, &arrays))
		{
			SPI_finish();
			return DP_STORE_FENCED;
		}
		DP_INJECT("k7");
		write_ledger(&a, &arrays);
		if (a.gate)
			dp_gate_store(a.gate);
	}
	DP_INJECT("k8");
	dp_gate_close(a.gate);
	store->next_batch_id = take_batch_id();
	SPI_finish();
	dp_breadcrumb_clear();
	return DP_STORE_DONE;
}

static DpStoreResult
classify(DpStore *store, ErrorData *edata)
{
	int			class = ERRCODE_TO_CATEGORY(edata->sqlerrcode);

	strlcpy(store->sqlstate, unpack_sql_state(edata->sqlerrcode), sizeof(store->sqlstate));
	store->message = edata->message;
	store->detail = edata->detail;
	if (is_missing_partition(edata))
		return DP_STORE_NO_PARTITION;
	/* the messages are read again, into rows for the table as it is now */
	if (edata->sqlerrcode == DP_ERRCODE_TARGET_CHANGED)
		return DP_STORE_FENCED;
	if (class == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION ||
		class == ERRCODE_FEATURE_NOT_SUPPORTED)
		return DP_STORE_TARGET_ERROR;
	return DP_STORE_SERVER_ERROR;
}

/* One try; returns the error, in the batch's scratch, or NULL and *result. */
static ErrorData *
try_to_store(DpStore *store, DpStoreResult *result)
{
	MemoryContext context = CurrentMemoryContext;
	int			nfailures = store->batch->nfailures;
	ErrorData  *volatile edata = NULL;

	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		*result = dp_store_in_transaction(store);
		PopActiveSnapshot();
		DP_INJECT("k9");
		if (*result == DP_STORE_DONE)
			CommitTransactionCommand();
		else
			AbortCurrentTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(store->batch->scratch);
		edata = CopyErrorData();
		FlushErrorState();
		AbortOutOfAnyTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	dp_breadcrumb_clear();
	DP_INJECT("k10");

	/* an attempt's own failures do not outlive it */
	if (edata != NULL || *result != DP_STORE_DONE)
		store->batch->nfailures = nfailures;
	return edata;
}

DpStoreResult
dp_store_batch(DpStore *store)
{
	DpStoreResult result = DP_STORE_SERVER_ERROR;
	ErrorData  *edata;

	store->bisect = false;
	edata = try_to_store(store, &result);
	if (edata && dp_is_data_error(edata->sqlerrcode) && !is_missing_partition(edata))
	{
		store->bisect = true;
		edata = try_to_store(store, &result);
	}
	return edata ? classify(store, edata) : result;
}
