/*-------------------------------------------------------------------------
 *
 * rules.c
 *	  Row rules of a target inside the runs that write it.
 *
 * Rows are kept until some hundreds are there, then judged together.  In a
 * live run over new rows of append-only inputs, and over events, each row is
 * a new one and what is bad is put aside.  Everywhere else a row may have
 * been judged in an earlier run: an entry of the quarantine that holds just
 * this row stands for it, and says what became of it.
 *
 * Entries whose key the run has met with another row are past (superseded).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "common/inject.h"
#include "common/statement.h"
#include "pipeline/apply_int.h"
#include "pipeline/internal.h"
#include "pipeline/rules.h"
#include "quality/rows.h"

/* More open entries than these are not watched by a live run; a full run goes through them. */
#define WATCHED_ENTRIES 100000

#define FIND_QUERY \
	"SELECT q.quarantine_id, q.state, q.repaired::pg_catalog.text FROM dataplat.quarantine AS q" \
	" WHERE q.dataset = $1 AND q.object_kind = 'pipeline' AND q.object = $2 AND (q.state <> 'superseded' OR $4)" \
	" AND pg_catalog.jsonb_hash(q.original) = pg_catalog.jsonb_hash($3) AND q.original = $3 ORDER BY q.quarantine_id"

#define OPEN_QUERY \
	"SELECT q.quarantine_id, q.row_key, CASE WHEN $3 IS NOT NULL THEN q.original ->> $3 END FROM dataplat.quarantine AS q" \
	" WHERE q.dataset = $1 AND q.object_kind = 'pipeline' AND q.object = $2 AND q.state IN ('quarantined', 'repaired')" \
	" AND q.row_key IS NOT NULL LIMIT 100001"

#define SUPERSEDE_QUERY \
	"UPDATE dataplat.quarantine AS q SET state = 'superseded', changed_at = pg_catalog.now(), changed_by = NULL" \
	" WHERE q.quarantine_id = ANY ($1) AND q.state IN ('quarantined', 'repaired')"

#define SUPERSEDE_REST_QUERY \
	"UPDATE dataplat.quarantine AS q SET state = 'superseded', changed_at = pg_catalog.now(), changed_by = NULL" \
	" WHERE q.dataset = $2 AND q.object_kind = 'pipeline' AND q.object = $3 AND q.state IN ('quarantined', 'repaired')" \
	" AND q.run_id IS DISTINCT FROM $4 AND NOT q.quarantine_id = ANY ($1)"

/* An entry of the quarantine, open when the run began. */
typedef struct Watched
{
	uint32		hash;
	int64		id;
	Jsonb	   *key;
	Datum		sequence;
	bool		no_sequence;
	bool		past;
	int			next;			/* with the same hash; -1: none */
} Watched;

typedef struct WatchedHash
{
	uint32		hash;
	int			first;
} WatchedHash;

struct DpRules
{
	MemoryContext context;
	DpPipeline *pipeline;
	DpRunKind	kind;
	DpRowRules *rows;			/* those that count; NULL: not opened yet */
	TupleDesc	desc;
	bool		again;
	int64		run_id;
	int64		quarantined;

	/* entries that stand for rows of this run, and of this pass over them: HTABs of int64 */
	HTAB	   *met;
	HTAB	   *taken;

	/* open entries by key */
	bool		watching;
	Watched    *watched;
	int			nwatched;
	HTAB	   *by_key;
	AttrNumber	sequence;		/* column of the rows; 0: none */
	TypeCacheEntry *sequence_type;
};

struct DpSieve
{
	DpRules    *rules;
	DpRowRules *rows;
	bool		silent;
	DpSieveTake keep;
	DpSieveTake leave_out;
	void	   *arg;
	TupleDesc	desc;
	DpCondition *deletes;		/* events for which it holds are not judged */
	AttrNumber	partial;		/* nor are events that carry a part of their columns; 0: none do */
	TupleTableSlot *slot;
	MemoryContext chunk;
	int			n;
	int			njudged;
	MinimalTuple tuples[DP_ROWS_AT_A_TIME];
	MinimalTuple judged[DP_ROWS_AT_A_TIME];
	int			place[DP_ROWS_AT_A_TIME];	/* of judged ones, among all */
};

/* What a failed run found, until its record is written in another transaction. */
static char *failed_pipeline = NULL;
static char *failed_dataset = NULL;
static char *failed_results = NULL;

static void flush(DpSieve *sieve);
static void watch(DpRules *rules);

static bool
are_events(const DpPipeline *pipeline)
{
	return pipeline->mode == DP_MODE_UPSERT || pipeline->mode == DP_MODE_SCD2;
}

DpRules *
dp_rules_load(DpPipeline *pipeline, DpRunKind kind)
{
	DpRules    *rules;

	if (!dp_row_rules_any(pipeline->target))
		return NULL;
	rules = palloc0(sizeof(DpRules));
	rules->context = CurrentMemoryContext;
	rules->pipeline = pipeline;
	rules->kind = kind;
	rules->again = kind != DP_RUN_LIVE || !(are_events(pipeline) || pipeline->mode == DP_MODE_APPEND);
	return rules;
}

/* A chunk of a rebuild may judge rows again that the changes before it have judged. */
void
dp_rules_again(DpRules *rules)
{
	rules->again = true;
	if (rules->taken != NULL)
		hash_destroy(rules->taken);
	rules->taken = NULL;
}

static DpRowRules *
open_rows(const DpRules *rules, TupleDesc desc)
{
	const DpPipeline *pipeline = rules->pipeline;
	AttrNumber *keys = palloc(sizeof(AttrNumber) * (list_length(pipeline->key_columns) + 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, pipeline->key_columns)
		keys[n++] = (AttrNumber) (lfirst_int(lc) + 1);
	return dp_row_rules_open(pipeline->target, desc, n, keys);
}

/* Rows of this shape are going to be judged. */
static void
begin(DpRules *rules, TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(rules->context);

	rules->desc = CreateTupleDescCopy(desc);
	rules->rows = open_rows(rules, desc);
	watch(rules);
	MemoryContextSwitchTo(old);
}

/* ---- the sieve ---- */

/* Events that delete write no row, and of a part of a row nobody can tell. */
static void
find_exempt(DpSieve *sieve)
{
	DpPipeline *pipeline = sieve->rules->pipeline;

	if (!are_events(pipeline))
		return;
	for (int i = 0; i < sieve->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(sieve->desc, i);

		if (att->atttypid == TEXTARRAYOID && strcmp(NameStr(att->attname), DP_KEEP_COLUMN) == 0)
			sieve->partial = i + 1;
		if (att->atttypid == BOOLOID && strcmp(NameStr(att->attname), DP_DELETE_COLUMN) == 0 && pipeline->delete_when == NULL)
			sieve->deletes = dp_condition_make("delete_when", DP_DELETE_COLUMN, sieve->desc);
	}
	if (pipeline->delete_when != NULL)
		sieve->deletes = dp_condition_make("delete_when", pipeline->delete_when, sieve->desc);
}

DpSieve *
dp_sieve_open(DpRules *rules, TupleDesc desc, DpSieveTake keep, DpSieveTake leave_out, void *arg, bool silent)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "dataplat sieve", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	DpSieve    *sieve;

	if (!silent && rules->rows == NULL)
		begin(rules, desc);
	old = MemoryContextSwitchTo(context);
	sieve = palloc0(sizeof(DpSieve));
	sieve->rules = rules;
	sieve->rows = silent ? open_rows(rules, desc) : rules->rows;
	sieve->silent = silent;
	sieve->keep = keep;
	sieve->leave_out = leave_out;
	sieve->arg = arg;
	sieve->desc = desc;
	sieve->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	sieve->chunk = AllocSetContextCreate(context, "dataplat sieve rows", ALLOCSET_DEFAULT_SIZES);
	find_exempt(sieve);
	MemoryContextSwitchTo(old);
	return sieve;
}

static bool
is_exempt(DpSieve *sieve, TupleTableSlot *row)
{
	bool		isnull;

	if (sieve->deletes != NULL && dp_condition_holds(sieve->deletes, row))
		return true;
	if (sieve->partial == 0)
		return false;
	(void) slot_getattr(row, sieve->partial, &isnull);
	return !isnull;
}

void
dp_sieve_put(void *arg, TupleTableSlot *row)
{
	DpSieve    *sieve = arg;
	MemoryContext old = MemoryContextSwitchTo(sieve->chunk);

	sieve->tuples[sieve->n] = ExecCopySlotMinimalTuple(row);
	MemoryContextSwitchTo(old);
	if (!is_exempt(sieve, row))
	{
		sieve->judged[sieve->njudged] = sieve->tuples[sieve->n];
		sieve->place[sieve->njudged++] = sieve->n;
	}
	if (++sieve->n == DP_ROWS_AT_A_TIME)
		flush(sieve);
}

void
dp_sieve_close(DpSieve *sieve)
{
	if (sieve->n > 0)
		flush(sieve);
	ExecDropSingleTupleTableSlot(sieve->slot);
	if (sieve->silent)
		dp_row_rules_close(sieve->rows);
	MemoryContextDelete(GetMemoryChunkContext(sieve));
}

/* ---- entries that stand for a row ---- */

static bool
enter(DpRules *rules, HTAB **table, int64 id)
{
	bool		found;

	if (*table == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(int64), .entrysize = sizeof(int64), .hcxt = rules->context};

		*table = hash_create("dataplat quarantined rows", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	(void) hash_search(*table, &id, HASH_ENTER, &found);
	return !found;
}

/* False when the entry stands for another row of this pass. */
static bool
meet(DpRules *rules, int64 id)
{
	(void) enter(rules, &rules->met, id);
	return enter(rules, &rules->taken, id);
}

/* Is there an entry for just this row?  Its repaired form is then in *repaired when it was requeued. */
static bool
find_entry(DpSieve *sieve, TupleTableSlot *row, char **repaired)
{
	Oid			types[4] = {TEXTOID, TEXTOID, JSONBOID, BOOLOID};
	Datum		values[4];
	MemoryContext context = CurrentMemoryContext;
	bool		found = false;
	DpRoleScope scope;

	*repaired = NULL;
	values[0] = CStringGetTextDatum(dp_row_rules_dataset(sieve->rows));
	values[1] = CStringGetTextDatum(sieve->rules->pipeline->name);
	values[2] = dp_row_rules_contents(sieve->rows, row);
	/* An event is in the input still when a later one has come; a row that is bad once more is another. */
	values[3] = BoolGetDatum(are_events(sieve->rules->pipeline));
	dp_platform_enter(&scope);
	SPI_connect();
	if (dp_statement_execute(FIND_QUERY, 4, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look into the quarantine");
	for (uint64 i = 0; i < SPI_processed && !found; i++)
	{
		bool		isnull;
		char	   *text;

		found = meet(sieve->rules, DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)));
		if (!found || strcmp(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2), "requeued") != 0)
			continue;
		text = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3);
		if (text != NULL)
			*repaired = MemoryContextStrdup(context, text);
	}
	SPI_finish();
	dp_role_leave(&scope);
	return found;
}

/* The row that a person wrote in its place, read with the owner's rights. */
static void
keep_repaired(DpSieve *sieve, TupleTableSlot *row, const char *repaired)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(sieve->desc, &TTSOpsVirtual);

	dp_repaired_row(sieve->desc, row, repaired, slot);
	sieve->keep(sieve->arg, slot);
	ExecDropSingleTupleTableSlot(slot);
}

static int64
take_run_id(DpRules *rules)
{
	if (rules->run_id == 0)
	{
		DpRoleScope scope;

		dp_platform_enter(&scope);
		rules->run_id = DatumGetInt64(DirectFunctionCall1(nextval_oid,
														  ObjectIdGetDatum(get_relname_relid("pipeline_run_run_id_seq", get_namespace_oid("dataplat", false)))));
		dp_role_leave(&scope);
	}
	return rules->run_id;
}

static void
put_aside(DpSieve *sieve, TupleTableSlot *row, const DpRowBreach *breach)
{
	DpRowOrigin origin = {.object_kind = "pipeline", .object = sieve->rules->pipeline->name,
		.run_id = take_run_id(sieve->rules)};

	(void) meet(sieve->rules, dp_row_rules_put_aside(sieve->rows, row, breach, &origin));
	DP_INJECT("q5");
}

static void
take_bad(DpSieve *sieve, TupleTableSlot *row, const DpRowBreach *breach)
{
	char	   *repaired = NULL;
	bool		known = false;

	if (breach->verdict == DP_ROW_QUARANTINE && (sieve->silent || sieve->rules->again))
		known = find_entry(sieve, row, &repaired);
	if (repaired != NULL)
	{
		if (!sieve->silent)
			dp_rules_touch(sieve->rules, row);
		keep_repaired(sieve, row, repaired);
		return;
	}
	if (!sieve->silent)
	{
		dp_rules_touch(sieve->rules, row);
		if (breach->verdict == DP_ROW_QUARANTINE)
			sieve->rules->quarantined++;
		if (breach->verdict == DP_ROW_QUARANTINE && !known)
			put_aside(sieve, row, breach);
	}
	if (sieve->leave_out != NULL)
		sieve->leave_out(sieve->arg, row);
}

static void
flush(DpSieve *sieve)
{
	List	   *breaches = dp_row_rules_judge(sieve->rows, sieve->njudged, sieve->judged);
	ListCell   *next = list_head(breaches);
	bool		watching = !sieve->silent && sieve->rules->watching;

	for (int i = 0; i < sieve->n; i++)
	{
		const DpRowBreach *breach = next == NULL ? NULL : lfirst(next);

		ExecStoreMinimalTuple(sieve->tuples[i], sieve->slot, false);
		if (breach != NULL && sieve->place[breach->row] == i)
		{
			next = lnext(breaches, next);
			if (breach->verdict != DP_ROW_KEEP)
			{
				take_bad(sieve, sieve->slot, breach);
				continue;
			}
		}
		if (watching)
			dp_rules_touch(sieve->rules, sieve->slot);
		sieve->keep(sieve->arg, sieve->slot);
	}
	ExecClearTuple(sieve->slot);
	sieve->n = sieve->njudged = 0;
	MemoryContextReset(sieve->chunk);
}

/* ---- all of some rows ---- */

static void
keep_in_store(void *store, TupleTableSlot *row)
{
	tuplestore_puttupleslot(store, row);
}

/* The store stays the one it is: it may have a name already. */
void
dp_rules_filter(DpRules *rules, DpRows *rows, bool silent)
{
	Tuplestorestate *kept = tuplestore_begin_heap(false, false, work_mem);
	DpSieve    *sieve = dp_sieve_open(rules, rows->desc, keep_in_store, NULL, kept, silent);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(rows->desc, &TTSOpsMinimalTuple);

	tuplestore_rescan(rows->store);
	while (tuplestore_gettupleslot(rows->store, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		dp_sieve_put(sieve, slot);
	}
	ExecClearTuple(slot);
	dp_sieve_close(sieve);
	tuplestore_clear(rows->store);
	while (tuplestore_gettupleslot(kept, true, false, slot))
		tuplestore_puttupleslot(rows->store, slot);
	rows->n = tuplestore_tuple_count(kept);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(kept);
}

/* ---- open entries by key ---- */

static void
find_sequence(DpRules *rules)
{
	List	   *names = dp_text_items(rules->pipeline->sequence_by);

	if (!are_events(rules->pipeline) || names == NIL)
		return;
	rules->sequence = dp_events_column(rules->desc, linitial(names));
	rules->sequence_type = lookup_type_cache(TupleDescAttr(rules->desc, rules->sequence - 1)->atttypid,
											 TYPECACHE_CMP_PROC_FINFO);
}

static void
watch_entry(DpRules *rules, HeapTuple row, TupleDesc desc)
{
	Watched    *one = &rules->watched[rules->nwatched];
	bool		isnull;
	bool		found;
	char	   *sequence = SPI_getvalue(row, desc, 3);
	WatchedHash *head;
	MemoryContext old = MemoryContextSwitchTo(rules->context);

	one->id = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
	one->key = DatumGetJsonbPCopy(SPI_getbinval(row, desc, 2, &isnull));
	one->hash = DatumGetUInt32(DirectFunctionCall1(jsonb_hash, JsonbPGetDatum(one->key)));
	one->no_sequence = sequence == NULL;
	one->past = false;
	if (sequence != NULL)
		one->sequence = CStringGetDatum(pstrdup(sequence));	/* until it is read with the owner's rights */
	head = hash_search(rules->by_key, &one->hash, HASH_ENTER, &found);
	one->next = found ? head->first : -1;
	head->first = rules->nwatched++;
	MemoryContextSwitchTo(old);
}

static void
read_sequences(DpRules *rules)
{
	Form_pg_attribute att = TupleDescAttr(rules->desc, rules->sequence - 1);
	Oid			input;
	Oid			param;

	getTypeInputInfo(att->atttypid, &input, &param);
	for (int i = 0; i < rules->nwatched; i++)
	{
		if (!rules->watched[i].no_sequence)
			rules->watched[i].sequence = OidInputFunctionCall(input, DatumGetCString(rules->watched[i].sequence),
															  param, att->atttypmod);
	}
}

/*
 * Which keys have open entries.  Not in a history, where each event stands
 * for itself, and not where everything is computed: what nobody meets is past.
 */
static void
watch(DpRules *rules)
{
	DpPipeline *pipeline = rules->pipeline;
	Oid			types[3] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3];
	char		nulls[4] = "   ";
	HASHCTL		control = {.keysize = sizeof(uint32), .entrysize = sizeof(WatchedHash), .hcxt = rules->context};
	DpRoleScope scope;

	if (pipeline->key_columns == NIL || pipeline->mode == DP_MODE_SCD2 || pipeline->mode == DP_MODE_APPEND ||
		rules->kind == DP_RUN_FULL)
		return;
	find_sequence(rules);
	values[0] = CStringGetTextDatum(dp_row_rules_dataset(rules->rows));
	values[1] = CStringGetTextDatum(pipeline->name);
	values[2] = (Datum) 0;
	nulls[2] = 'n';
	if (rules->sequence > 0)
	{
		values[2] = CStringGetTextDatum(NameStr(TupleDescAttr(rules->desc, rules->sequence - 1)->attname));
		nulls[2] = ' ';
	}
	dp_platform_enter(&scope);
	SPI_connect();
	if (dp_statement_execute(OPEN_QUERY, 3, types, values, nulls, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the quarantine");
	if (SPI_processed > 0 && SPI_processed <= WATCHED_ENTRIES)
	{
		rules->watching = true;
		rules->watched = MemoryContextAlloc(rules->context, sizeof(Watched) * SPI_processed);
		rules->by_key = hash_create("dataplat quarantined keys", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		for (uint64 i = 0; i < SPI_processed; i++)
			watch_entry(rules, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	}
	SPI_finish();
	dp_role_leave(&scope);
	if (rules->watching && rules->sequence > 0)
		read_sequences(rules);
}

/* Did the event happen before that of the entry? */
static bool
is_older(DpRules *rules, TupleTableSlot *row, const Watched *one)
{
	Datum		value;
	bool		isnull;

	if (rules->sequence == 0 || one->no_sequence)
		return false;
	value = slot_getattr(row, rules->sequence, &isnull);
	return isnull ||
		DatumGetInt32(FunctionCall2Coll(&rules->sequence_type->cmp_proc_finfo,
										TupleDescAttr(rules->desc, rules->sequence - 1)->attcollation,
										value, one->sequence)) < 0;
}

void
dp_rules_touch(DpRules *rules, TupleTableSlot *row)
{
	bool		isnull;
	Jsonb	   *key;
	uint32		hash;
	WatchedHash *head;

	/* The first thing that a run does may be to remove rows. */
	if (rules->rows == NULL && !are_events(rules->pipeline))
		begin(rules, row->tts_tupleDescriptor);
	if (!rules->watching)
		return;
	key = DatumGetJsonbP(dp_row_rules_key(rules->rows, row, &isnull));
	hash = DatumGetUInt32(DirectFunctionCall1(jsonb_hash, JsonbPGetDatum(key)));
	head = hash_search(rules->by_key, &hash, HASH_FIND, NULL);
	for (int i = head == NULL ? -1 : head->first; i >= 0; i = rules->watched[i].next)
	{
		Watched    *one = &rules->watched[i];

		if (!one->past && compareJsonbContainers(&one->key->root, &key->root) == 0 && !is_older(rules, row, one))
			one->past = true;
	}
}

/* ---- the end of the run ---- */

static char *
keep_for_record(const char *text)
{
	return MemoryContextStrdup(TopMemoryContext, text);
}

static void
forget_failed(void)
{
	if (failed_pipeline == NULL)
		return;
	pfree(failed_pipeline);
	pfree(failed_dataset);
	pfree(failed_results);
	failed_pipeline = NULL;
}

void
dp_rules_check(DpRules *rules)
{
	if (rules->rows == NULL || rules->pipeline->undone || dp_row_rules_failure(rules->rows) == NULL)
		return;
	forget_failed();
	failed_dataset = keep_for_record(dp_row_rules_dataset(rules->rows));
	failed_results = keep_for_record(dp_row_rules_results(rules->rows));
	failed_pipeline = keep_for_record(rules->pipeline->name);
	dp_row_rules_check(rules->rows);
}

void
dp_rules_store_failed(const char *pipeline, int64 run_id, TimestampTz started)
{
	DpRowOrigin origin = {.object_kind = "pipeline", .object = pipeline, .run_id = run_id};

	if (failed_pipeline != NULL && strcmp(failed_pipeline, pipeline) == 0)
		dp_row_results_store(failed_dataset, failed_results, "pipeline", &origin, started);
	DP_INJECT("q6");
	forget_failed();
}

int64
dp_rules_run_id(const DpRules *rules)
{
	return rules->run_id;
}

int64
dp_rules_quarantined(const DpRules *rules)
{
	return rules->quarantined;
}

static Datum
past_entries(DpRules *rules, bool rest)
{
	Datum	   *ids = palloc(sizeof(Datum) * (rules->nwatched + (rules->met ? hash_get_num_entries(rules->met) : 0) + 1));
	int			n = 0;

	if (rest)
	{
		HASH_SEQ_STATUS scan;
		int64	   *id;

		if (rules->met != NULL)
		{
			hash_seq_init(&scan, rules->met);
			while ((id = hash_seq_search(&scan)) != NULL)
				ids[n++] = Int64GetDatum(*id);
		}
	}
	else
	{
		for (int i = 0; i < rules->nwatched; i++)
			if (rules->watched[i].past &&
				(rules->met == NULL || hash_search(rules->met, &rules->watched[i].id, HASH_FIND, NULL) == NULL))
				ids[n++] = Int64GetDatum(rules->watched[i].id);
	}
	if (n == 0 && !rest)
		return (Datum) 0;
	return PointerGetDatum(construct_array(ids, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
supersede(DpRules *rules, const DpRun *run)
{
	bool		rest = run->kind == DP_RUN_FULL || rules->pipeline->mode == DP_MODE_FULL;
	Oid			types[4] = {INT8ARRAYOID, TEXTOID, TEXTOID, INT8OID};
	Datum		values[4] = {past_entries(rules, rest)};

	if (values[0] == (Datum) 0)
		return;
	values[1] = CStringGetTextDatum(dp_row_rules_dataset(rules->rows));
	values[2] = CStringGetTextDatum(rules->pipeline->name);
	values[3] = Int64GetDatum(run->run_id);
	SPI_connect();
	if (dp_statement_execute(rest ? SUPERSEDE_REST_QUERY : SUPERSEDE_QUERY, rest ? 4 : 1, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not let quarantined rows pass");
	SPI_finish();
}

void
dp_rules_store(DpRules *rules, const DpRun *run, TimestampTz started)
{
	DpRowOrigin origin = {.object_kind = "pipeline", .object = rules->pipeline->name, .run_id = run->run_id};

	if (rules->rows == NULL)
		rules->rows = open_rows(rules, rules->pipeline->query->desc);
	DP_INJECT("q1");
	supersede(rules, run);
	dp_row_rules_store(rules->rows, "pipeline", &origin, started);
	DP_INJECT("q2");
}
