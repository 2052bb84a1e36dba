/*-------------------------------------------------------------------------
 *
 * apply_query.c
 *	  From changed inputs to a changed target: append, touched keys, full.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "pipeline/apply.h"
#include "pipeline/apply_query.h"
#include "pipeline/internal.h"
#include "pipeline/rules.h"

static void append_rows(DpApply *apply, DpRows *rows);
static void replace_multiset(DpApply *apply, DpRows *wanted);

char *
dp_result_columns(const DpPipeline *pipeline, bool keys_only)
{
	TupleDesc	desc = pipeline->query->desc;
	StringInfoData text;
	const char *comma = "";

	initStringInfo(&text);
	for (int i = 0; i < desc->natts; i++)
	{
		if (keys_only && !list_member_int(pipeline->key_columns, i))
			continue;
		appendStringInfo(&text, "%s%s", comma, quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
		comma = ", ";
	}
	return text.data;
}

char *
dp_target_text(const DpPipeline *pipeline)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(pipeline->target)),
									  get_rel_name(pipeline->target));
}

/* The keys among the columns of rows that hold only them (c1, c2, ... in the order of key_columns). */
static char *
key_rows_columns(const DpPipeline *pipeline)
{
	StringInfoData text;
	const char *comma = "";
	TupleDesc	desc = pipeline->query->desc;

	initStringInfo(&text);
	for (int i = 0; i < desc->natts; i++)
	{
		int			place = 0;
		ListCell   *lc;

		foreach(lc, pipeline->key_columns)
		{
			place++;
			if (lfirst_int(lc) != i)
				continue;
			appendStringInfo(&text, "%sc%d", comma, place);
			comma = ", ";
		}
	}
	return text.data;
}

DpWriter *
dp_apply_open(DpApply *apply)
{
	DpPipeline *pipeline = apply->pipeline;
	AttrNumber *keys = palloc(sizeof(AttrNumber) * (list_length(pipeline->key_columns) + 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, pipeline->key_columns)
		keys[n++] = (AttrNumber) (lfirst_int(lc) + 1);
	return dp_writer_open(pipeline->target, pipeline->query->desc, n, keys);
}

void
dp_apply_close(DpApply *apply, DpWriter *writer)
{
	DpWriteCounts counts = {0};

	dp_writer_close(writer, &counts);
	apply->counts.inserted += counts.inserted;
	apply->counts.updated += counts.updated;
	apply->counts.deleted += counts.deleted;
	apply->counts.unchanged += counts.unchanged;
}

void
dp_apply_put(DpWriter *writer, TupleDesc desc, DpRows *rows)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	tuplestore_rescan(rows->store);
	while (tuplestore_gettupleslot(rows->store, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		dp_writer_put(writer, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* ---- what row rules let through, and what they do not ---- */

static void
put_row(void *writer, TupleTableSlot *row)
{
	dp_writer_put(writer, row);
}

static void
remove_row(void *writer, TupleTableSlot *row)
{
	dp_writer_remove(writer, row);
}

static void
append_row(void *writer, TupleTableSlot *row)
{
	dp_writer_append(writer, row);
}

static void
add_event(void *upsert, TupleTableSlot *row)
{
	dp_upsert_add(upsert, row);
}

static void
store_event(void *rows, TupleTableSlot *row)
{
	tuplestore_puttupleslot(((DpRows *) rows)->store, row);
}

void
dp_apply_put_judged(DpApply *apply, DpWriter *writer, DpRows *rows)
{
	TupleDesc	desc = apply->pipeline->query->desc;
	TupleTableSlot *slot;
	DpSieve    *sieve;

	if (apply->pipeline->rules == NULL)
	{
		dp_apply_put(writer, desc, rows);
		return;
	}
	sieve = dp_sieve_open(apply->pipeline->rules, desc, put_row, remove_row, writer, false);
	slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	tuplestore_rescan(rows->store);
	while (tuplestore_gettupleslot(rows->store, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		dp_sieve_put(sieve, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
	dp_sieve_close(sieve);
}

void
dp_apply_remove(DpApply *apply, DpWriter *writer, const char *query)
{
	TupleDesc	desc = apply->pipeline->query->desc;
	TupleDesc	key_desc = CreateTemplateTupleDesc(list_length(apply->pipeline->key_columns));
	TupleTableSlot *slot;
	TupleTableSlot *row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	DpRows	   *gone;
	DestReceiver *dest;
	int			n = 0;
	int		   *place = palloc(sizeof(int) * desc->natts);

	for (int i = 0; i < desc->natts; i++)
	{
		if (!list_member_int(apply->pipeline->key_columns, i))
			continue;
		TupleDescCopyEntry(key_desc, n + 1, desc, i + 1);
		place[n++] = i;
	}
	gone = dp_rows_new(apply->env, key_desc);
	dest = dp_rows_receiver(gone);
	gone->n = (int64) dp_query_run_text(query, apply->env, dest);
	dest->rDestroy(dest);

	slot = MakeSingleTupleTableSlot(gone->desc, &TTSOpsMinimalTuple);
	tuplestore_rescan(gone->store);
	while (tuplestore_gettupleslot(gone->store, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		ExecClearTuple(row);
		memset(row->tts_isnull, true, desc->natts);
		for (int i = 0; i < n; i++)
		{
			row->tts_values[place[i]] = slot->tts_values[i];
			row->tts_isnull[place[i]] = slot->tts_isnull[i];
		}
		ExecStoreVirtualTuple(row);
		dp_writer_remove(writer, row);
		if (apply->pipeline->rules != NULL)
			dp_rules_touch(apply->pipeline->rules, row);
	}
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(row);
	dp_rows_free(gone);
}

/* ---- rows that go from a query to where they are used, as they come ---- */

typedef void (*TakeRow) (void *taker, TupleTableSlot *row);

typedef struct RowReceiver
{
	DestReceiver pub;
	void	   *taker;
	TakeRow		take;
} RowReceiver;

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;

	receiver->take(receiver->taker, slot);
	return true;
}

static void
receive_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
receive_shutdown(DestReceiver *self)
{
}

static DestReceiver *
row_receiver(void *taker, TakeRow take)
{
	RowReceiver *receiver = palloc0(sizeof(RowReceiver));

	receiver->pub.receiveSlot = receive_row;
	receiver->pub.rStartup = receive_startup;
	receiver->pub.rShutdown = receive_shutdown;
	receiver->pub.rDestroy = receive_shutdown;
	receiver->pub.mydest = DestNone;
	receiver->taker = taker;
	receiver->take = take;
	return &receiver->pub;
}

/* Rows go to "take", past the target's row rules where there are any; the sieve is then in *sieve. */
static DestReceiver *
judged_receiver(DpApply *apply, TupleDesc desc, TakeRow take, TakeRow leave_out, void *taker, DpSieve **sieve)
{
	*sieve = NULL;
	if (apply->pipeline->rules == NULL)
		return row_receiver(taker, take);
	*sieve = dp_sieve_open(apply->pipeline->rules, desc, take, leave_out, taker, false);
	return row_receiver(*sieve, dp_sieve_put);
}

void
dp_apply_append(DpApply *apply)
{
	DpPipeline *pipeline = apply->pipeline;
	DpRows	   *rows = dp_rows_like(apply->env, pipeline->query->desc);
	DpWriter   *writer = NULL;
	DpSieve    *sieve = NULL;
	int64		n;

	dp_query_title("the query over new rows");
	/* Not while it reads the target itself, as a lookup. */
	if (dp_query_input(pipeline->query, pipeline->target) == NULL)
	{
		writer = dp_writer_open(pipeline->target, pipeline->query->desc, 0, NULL);
		rows->to = judged_receiver(apply, rows->desc, append_row, NULL, writer, &sieve);
	}
	n = dp_derive_new_rows(apply->derive, NIL, rows);
	if (sieve != NULL)
		dp_sieve_close(sieve);
	if (writer != NULL)
		dp_apply_close(apply, writer);
	if (n < 0)
	{
		/* Rows that were written already are compared with all others. */
		apply->unknown = dp_derive_unknown(apply->derive);
		dp_apply_full(apply);
		return;
	}
	if (writer == NULL)
	{
		if (pipeline->rules != NULL)
			dp_rules_filter(pipeline->rules, rows, false);
		append_rows(apply, rows);
	}
	dp_rows_free(rows);
}

/*
 * What tells which of two events came later: the offset, when the query reads
 * bronze directly; else all came at once.
 */
static Node *
ordinal_expr(DpPipeline *pipeline)
{
	ListCell   *lc;

	foreach(lc, pipeline->inputs)
	{
		DpInput    *input = lfirst(lc);
		AttrNumber	attno = get_attnum(input->relid, "_offset");
		Node	   *expr;

		if (input->role != DP_INPUT_BRONZE || attno == InvalidAttrNumber)
			continue;
		expr = dp_query_from_column(pipeline->query, input->relid, attno);
		if (expr != NULL)
			return expr;
	}
	return (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false, FLOAT8PASSBYVAL);
}

void
dp_apply_note_columns(DpPipeline *pipeline)
{
	if (pipeline->mode == DP_MODE_UPSERT || pipeline->mode == DP_MODE_SCD2)
		(void) ordinal_expr(pipeline);
}

static TupleDesc
event_desc(const DpPipeline *pipeline)
{
	TupleDesc	result = pipeline->query->desc;
	TupleDesc	desc = CreateTemplateTupleDesc(result->natts + 1);

	for (int i = 1; i <= result->natts; i++)
		TupleDescCopyEntry(desc, i, result, i);
	TupleDescInitEntry(desc, result->natts + 1, "ordinal", INT8OID, -1, 0);
	return desc;
}

/*
 * Over a table that changes, the rows that are there now are not all events
 * that there were: history must not be computed from them alone.
 */
static bool
keeps_history(const DpPipeline *pipeline)
{
	ListCell   *lc;

	foreach(lc, pipeline->inputs)
	{
		if (((DpInput *) lfirst(lc))->role == DP_INPUT_TABLE)
			return pipeline->filled;
	}
	return false;
}

void
dp_apply_events(DpApply *apply, bool afresh)
{
	DpPipeline *pipeline = apply->pipeline;
	DpRows	   *rows = dp_rows_like(apply->env, event_desc(pipeline));
	List	   *extra = list_make1(ordinal_expr(pipeline));
	DpUpsert   *upsert = NULL;
	DpSieve    *sieve = NULL;

	if (pipeline->mode == DP_MODE_UPSERT)
	{
		upsert = dp_upsert_begin(pipeline, rows->desc, afresh, &apply->counts);
		rows->to = judged_receiver(apply, rows->desc, add_event, NULL, upsert, &sieve);
	}
	else if (pipeline->rules != NULL)
		rows->to = judged_receiver(apply, rows->desc, store_event, NULL, rows, &sieve);
	if (afresh)
		(void) dp_derive_all_rows(apply->derive, extra, rows);
	else if (dp_derive_new_rows(apply->derive, extra, rows) < 0)
	{
		apply->unknown = dp_derive_unknown(apply->derive);
		if (pipeline->rules != NULL)
			dp_rules_again(pipeline->rules);
		(void) dp_derive_all_rows(apply->derive, extra, rows);
	}
	if (sieve != NULL)
		dp_sieve_close(sieve);
	if (upsert != NULL)
		dp_upsert_end(upsert);
	else
		dp_apply_scd2(pipeline, rows->desc, rows->store, tuplestore_tuple_count(rows->store), afresh && !keeps_history(pipeline), &apply->counts);
	dp_rows_free(rows);
}

/*
 * The query over the changes of the one input that changed: its rows are
 * those of the touched keys.
 */
static void
apply_linear(DpApply *apply)
{
	DpPipeline *pipeline = apply->pipeline;
	DpWriter   *writer;
	DpRows	   *rows;
	DpRows	   *keys;
	DestReceiver *dest;

	dp_query_title("the query over the new images");
	/* A query that reads the target (as a lookup) must not meet what it has just written. */
	if (dp_derive_only_new(apply->derive) && dp_query_input(pipeline->query, pipeline->target) == NULL)
	{
		DpSieve    *sieve;

		writer = dp_apply_open(apply);
		(void) dp_derive_linear_new(apply->derive, judged_receiver(apply, pipeline->query->desc, put_row, remove_row, writer, &sieve));
		if (sieve != NULL)
			dp_sieve_close(sieve);
		dp_apply_close(apply, writer);
		return;
	}
	rows = dp_rows_like(apply->env, pipeline->query->desc);
	dest = dp_rows_receiver(rows);
	rows->n = (int64) dp_derive_linear_new(apply->derive, dest);
	dest->rDestroy(dest);
	dp_rows_name(rows);
	dp_query_title("keys of the query over the old images");
	keys = dp_derive_linear_old_keys(apply->derive, pipeline->key_columns);

	writer = dp_apply_open(apply);
	if (keys->n > 0)
	{
		dp_query_title("which keys are gone");
		dp_apply_remove(apply, writer, psprintf("SELECT %s FROM %s EXCEPT SELECT %s FROM %s",
												key_rows_columns(pipeline), keys->name,
												dp_result_columns(pipeline, true), rows->name));
	}
	dp_apply_put_judged(apply, writer, rows);
	dp_apply_close(apply, writer);
	dp_rows_free(rows);
	dp_rows_free(keys);
}

void
dp_apply_touched(DpApply *apply)
{
	DpPipeline *pipeline = apply->pipeline;
	DpRows	   *keys;
	DpRows	   *rows;
	DpWriter   *writer;
	DestReceiver *dest;

	if (apply->time == NULL && dp_derive_is_linear(apply->derive, pipeline->key_columns))
	{
		apply_linear(apply);
		return;
	}
	dp_query_title("which keys are touched");
	keys = dp_derive_touched(apply->derive, pipeline->key_columns);
	if (keys == NULL)
	{
		apply->unknown = dp_derive_unknown(apply->derive);
		dp_apply_full(apply);
		return;
	}
	if (apply->time)
		keys = dp_time_settle_keys(apply->time, keys);
	if (keys->n == 0)
	{
		if (apply->time)
			dp_time_finish(apply->time, false);
		return;
	}
	rows = dp_rows_like(apply->env, pipeline->query->desc);
	dest = dp_rows_receiver(rows);
	dp_query_title("the query for the touched keys");
	rows->n = (int64) dp_derive_restricted(apply->derive, pipeline->key_columns, keys, dest);
	dest->rDestroy(dest);
	if (apply->time)
	{
		dp_time_filter_rows(apply->time, rows);
		dp_time_finish(apply->time, false);
	}
	dp_rows_name(rows);

	dp_query_title("which keys are gone");
	writer = dp_apply_open(apply);
	/* As many rows as keys: none is gone, or a key comes twice, which the writer will not bear. */
	if (rows->n != keys->n)
		dp_apply_remove(apply, writer, psprintf("SELECT %s FROM %s EXCEPT SELECT %s FROM %s",
												key_rows_columns(pipeline), keys->name,
												dp_result_columns(pipeline, true), rows->name));
	dp_apply_put_judged(apply, writer, rows);
	dp_apply_close(apply, writer);
	dp_rows_free(rows);
	dp_rows_free(keys);
}

DpRows *
dp_wanted_rows(DpApply *apply)
{
	DpQuery    *query = apply->pipeline->query;
	DpRows	   *rows = dp_rows_like(apply->env, query->desc);
	DestReceiver *dest = dp_rows_receiver(rows);

	dp_query_title("the query, all of it");
	rows->n = (int64) dp_query_run(copyObject(query->tree), query->text, apply->env, dest);
	dest->rDestroy(dest);
	if (apply->time)
		dp_time_filter_rows(apply->time, rows);
	dp_rows_name(rows);
	return rows;
}

void
dp_apply_full(DpApply *apply)
{
	DpRows	   *wanted = dp_wanted_rows(apply);

	if (apply->time)
		dp_time_finish(apply->time, true);
	dp_apply_wanted(apply, wanted);
	dp_rows_free(wanted);
}

void
dp_apply_wanted(DpApply *apply, DpRows *wanted)
{
	DpPipeline *pipeline = apply->pipeline;

	if (pipeline->key_columns == NIL)
		replace_multiset(apply, wanted);
	else
	{
		DpWriter   *writer = dp_apply_open(apply);
		char	   *keys = dp_result_columns(pipeline, true);

		dp_apply_remove(apply, writer, psprintf("SELECT %s FROM %s EXCEPT SELECT %s FROM %s",
											keys, dp_target_text(pipeline), keys, wanted->name));
		dp_apply_put_judged(apply, writer, wanted);
		dp_apply_close(apply, writer);
	}
}

/* ---- targets without a key ---- */

static bool
rows_compare(TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		TypeCacheEntry *type = lookup_type_cache(TupleDescAttr(desc, i)->atttypid,
												 TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR);

		if (!OidIsValid(type->eq_opr) || !OidIsValid(type->lt_opr))
			return false;
	}
	return true;
}

static DpRows *
rows_of(DpApply *apply, const char *query)
{
	DpRows	   *rows = dp_rows_like(apply->env, apply->pipeline->query->desc);
	DestReceiver *dest = dp_rows_receiver(rows);

	rows->n = (int64) dp_query_run_text(query, apply->env, dest);
	dest->rDestroy(dest);
	dp_rows_name(rows);
	return rows;
}

/* Delete as many rows like each of these as there are of it. */
static int64
delete_like(DpApply *apply, DpRows *rows, const char *columns)
{
	EphemeralNamedRelation relation;
	int64		deleted;

	SPI_connect();
	relation = get_ENR(apply->env, rows->name);
	if (SPI_register_relation(relation) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not name the rows to delete");
	if (SPI_execute(psprintf("WITH excess AS MATERIALIZED (SELECT ROW(%s) AS r, pg_catalog.count(*) AS n FROM %s GROUP BY 1),"
							 " numbered AS MATERIALIZED (SELECT t.ctid AS id, t.tableoid AS leaf, ROW(%s) AS r,"
							 " pg_catalog.row_number() OVER (PARTITION BY ROW(%s)) AS nth FROM %s AS t)"
							 " DELETE FROM %s AS t USING numbered, excess WHERE numbered.r = excess.r AND numbered.nth <= excess.n"
							 " AND t.ctid = numbered.id AND t.tableoid = numbered.leaf",
							 columns, rows->name, columns, columns, dp_target_text(apply->pipeline),
							 dp_target_text(apply->pipeline)), false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not delete rows");
	deleted = (int64) SPI_processed;
	SPI_finish();
	return deleted;
}

static void
append_rows(DpApply *apply, DpRows *rows)
{
	TupleDesc	desc = apply->pipeline->query->desc;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	DpWriter   *writer = dp_writer_open(apply->pipeline->target, desc, 0, NULL);

	tuplestore_rescan(rows->store);
	while (tuplestore_gettupleslot(rows->store, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		dp_writer_append(writer, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
	dp_apply_close(apply, writer);
}

/* Make the target hold these rows, as a multiset, touching only what differs. */
static void
replace_multiset(DpApply *apply, DpRows *wanted)
{
	char	   *columns = dp_result_columns(apply->pipeline, false);
	char	   *target = dp_target_text(apply->pipeline);
	DpRows	   *missing;
	DpRows	   *extra;

	if (apply->pipeline->rules != NULL)
		dp_rules_filter(apply->pipeline->rules, wanted, false);
	if (!rows_compare(apply->pipeline->query->desc))
	{
		SPI_connect();
		SPI_execute(psprintf("DELETE FROM %s", target), false, 0);
		apply->counts.deleted += (int64) SPI_processed;
		SPI_finish();
		append_rows(apply, wanted);
		return;
	}
	missing = rows_of(apply, psprintf("SELECT %s FROM %s EXCEPT ALL SELECT %s FROM %s",
									  columns, wanted->name, columns, target));
	extra = rows_of(apply, psprintf("SELECT %s FROM %s EXCEPT ALL SELECT %s FROM %s",
									columns, target, columns, wanted->name));
	if (extra->n > 0)
		apply->counts.deleted += delete_like(apply, extra, columns);
	if (missing->n > 0)
		append_rows(apply, missing);
	dp_rows_free(missing);
	dp_rows_free(extra);
}
