/*-------------------------------------------------------------------------
 *
 * rebuild.c
 *	  Computing a pipeline again, a chunk a run, beside its deltas.
 *
 * There is no second table and no swap.  A chunk is a part of the target: a
 * range of its first key, or what some batches of bronze say.  It is computed
 * afresh under the snapshot to which the run has just brought the deltas, and
 * the rows that differ are written.  So at every commit the target is what
 * the frontiers say, apart from what the rebuild is there to mend, readers
 * never meet a missing or half-full table, views, grants and change logs of
 * the target stay as they are, and a chunk that dies with its worker is
 * simply computed again: the cursor commits with the chunk.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pipeline/apply_query.h"
#include "pipeline/internal.h"
#include "pipeline/rebuild.h"
#include "pipeline/rules.h"

struct DpRebuild
{
	bool		by_keys;
	char	   *cursor;			/* positions as text; NULL: from the start, to the end */
	char	   *to;
	int64		last_batch;
	int64		rows_done;
	int			rate;			/* rows a second; 0: as fast as it goes */
	/* of this chunk */
	char	   *end;			/* the next cursor; NULL: nothing is left */
	int64		rows;
};

static int	chunk_rows = 200000;

static void run_keys(DpPipeline *pipeline, DpRebuild *chunk, DpApply *apply);
static void run_batches(DpPipeline *pipeline, DpRebuild *chunk, DpApply *apply);

void
dp_rebuild_init(void)
{
	DefineCustomIntVariable("dataplat.rebuild_chunk_rows",
							"Rows of one chunk of a rebuild or a backfill.",
							"Each chunk is a transaction; deltas are applied between them.",
							&chunk_rows, 200000, 1, INT_MAX,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
}

void
dp_rebuild_load(DpPipeline *pipeline, DpRun *run, DpRebuild **chunk)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(pipeline->name)};
	MemoryContext context = CurrentMemoryContext;
	DpRoleScope scope;

	*chunk = NULL;
	dp_platform_enter(&scope);
	SPI_connect();
	SPI_execute_with_args("SELECT b.kind, b.chunks, coalesce(b.cursor, b.from_position), b.to_position, b.last_batch,"
						  " b.rows_done, b.rate FROM dataplat_internal.pipeline_rebuild AS b WHERE b.pipeline = $1",
						  1, types, values, NULL, true, 1);
	if (SPI_processed == 1)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		DpRebuild  *one = MemoryContextAllocZero(context, sizeof(DpRebuild));
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		isnull;

		run->kind = strcmp(SPI_getvalue(row, desc, 1), "backfill") == 0 ? DP_RUN_BACKFILL : DP_RUN_REBUILD;
		one->by_keys = run->kind == DP_RUN_REBUILD ? pipeline->mode == DP_MODE_AGGREGATE :
			strcmp(SPI_getvalue(row, desc, 2), "keys") == 0;
		one->cursor = SPI_getvalue(row, desc, 3);
		one->to = SPI_getvalue(row, desc, 4);
		one->last_batch = DatumGetInt64(SPI_getbinval(row, desc, 5, &isnull));
		one->rows_done = DatumGetInt64(SPI_getbinval(row, desc, 6, &isnull));
		one->rate = DatumGetInt32(SPI_getbinval(row, desc, 7, &isnull));
		if (isnull)
			one->rate = 0;
		if (one->cursor)
			one->cursor = MemoryContextStrdup(context, one->cursor);
		if (one->to)
			one->to = MemoryContextStrdup(context, one->to);
		MemoryContextSwitchTo(old);
		*chunk = one;
	}
	SPI_finish();
	dp_role_leave(&scope);
	if (*chunk != NULL && (*chunk)->by_keys && pipeline->additive != NULL)
	{
		/* Few groups, many rows: one pass over the inputs costs what one chunk would. */
		run->kind = DP_RUN_FULL;
		run->reason = "rebuild";
		*chunk = NULL;
	}
}

void
dp_rebuild_run(DpPipeline *pipeline, DpRebuild *chunk, DpTime *time, DpRun *run)
{
	DpApply		apply = {0};
	DpQuery    *query = pipeline->query;
	DpRoleScope scope;

	apply.pipeline = pipeline;
	apply.time = time;
	apply.env = create_queryEnv();
	dp_enter_owner(pipeline, &scope);
	if (time)
		pipeline->query = dp_time_query(time, query);
	if (chunk->by_keys)
		run_keys(pipeline, chunk, &apply);
	else
		run_batches(pipeline, chunk, &apply);
	pipeline->query = query;
	dp_role_leave(&scope);
	run->rows_in += chunk->rows;
	run->rows_inserted += apply.counts.inserted;
	run->rows_updated += apply.counts.updated;
	run->rows_deleted += apply.counts.deleted;
	run->chunks_left = chunk->end != NULL;
	if (chunk->rate > 0 && chunk->end != NULL)
		run->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), chunk->rows * 1000 / chunk->rate);
}

void
dp_rebuild_store(DpPipeline *pipeline, DpRebuild *chunk, DpRun *run)
{
	Oid			types[3] = {TEXTOID, TEXTOID, INT8OID};
	Datum		values[3] = {CStringGetTextDatum(pipeline->name)};

	SPI_connect();
	if (chunk == NULL || chunk->end == NULL || run->kind == DP_RUN_FULL)
		SPI_execute_with_args("DELETE FROM dataplat_internal.pipeline_rebuild AS b WHERE b.pipeline = $1",
							  1, types, values, NULL, false, 0);
	else
	{
		values[1] = CStringGetTextDatum(chunk->end);
		values[2] = Int64GetDatum(chunk->rows_done + chunk->rows);
		SPI_execute_with_args("UPDATE dataplat_internal.pipeline_rebuild AS b SET cursor = $2, rows_done = $3"
							  " WHERE b.pipeline = $1", 3, types, values, NULL, false, 0);
	}
	SPI_finish();
}

/* ---- a range of the first key ---- */

/* One value as text from a query of ours over the target; NULL: no row. */
static char *
one_value(const char *query)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *value = NULL;

	SPI_connect();
	SPI_execute(query, true, 1);
	if (SPI_processed == 1)
	{
		value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		if (value != NULL)
			value = MemoryContextStrdup(context, value);
	}
	SPI_finish();
	return value;
}

/* " WHERE k > 'from' AND k <= 'to'", or nothing */
static char *
range_text(const char *column, const char *type, const char *from, const char *to)
{
	StringInfoData text;

	initStringInfo(&text);
	if (from != NULL && to == NULL)
		appendStringInfo(&text, " WHERE (%s > %s::%s OR %s IS NULL)", column, quote_literal_cstr(from), type, column);
	else if (from != NULL)
		appendStringInfo(&text, " WHERE %s > %s::%s AND %s <= %s::%s", column, quote_literal_cstr(from), type,
						 column, quote_literal_cstr(to), type);
	else if (to != NULL)
		appendStringInfo(&text, " WHERE %s <= %s::%s", column, quote_literal_cstr(to), type);
	return text.data;
}

static void
run_keys(DpPipeline *pipeline, DpRebuild *chunk, DpApply *apply)
{
	int			first = linitial_int(pipeline->key_columns);
	Form_pg_attribute attr = TupleDescAttr(pipeline->query->desc, first);
	const char *column = quote_identifier(NameStr(attr->attname));
	char	   *type = format_type_extended(attr->atttypid, attr->atttypmod,
											FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
	char	   *keys = dp_result_columns(pipeline, true);
	char	   *target = dp_target_text(pipeline);
	char	   *range;
	char	   *boundary;
	DpRows	   *wanted;
	DpWriter   *writer;
	DestReceiver *dest;

	boundary = one_value(psprintf("SELECT %s FROM %s%s ORDER BY %s OFFSET %d LIMIT 1", column, target,
										 range_text(column, type, chunk->cursor, chunk->to), column, chunk_rows));
	chunk->end = boundary;
	if (boundary == NULL)
		boundary = chunk->to;
	range = range_text(column, type, chunk->cursor, boundary);

	apply->derive = dp_derive_new(pipeline->query, apply->env);
	wanted = dp_rows_like(apply->env, pipeline->query->desc);
	dest = dp_rows_receiver(wanted);
	wanted->n = (int64) dp_derive_range(apply->derive, first, chunk->cursor, boundary, dest);
	dest->rDestroy(dest);
	chunk->rows = wanted->n;
	if (apply->time)
	{
		dp_time_filter_rows(apply->time, wanted);
		dp_time_finish(apply->time, false);
	}
	dp_rows_name(wanted);

	writer = dp_apply_open(apply);
	dp_apply_remove(apply, writer, psprintf("SELECT %s FROM %s%s EXCEPT SELECT %s FROM %s",
											keys, target, range, keys, wanted->name));
	dp_apply_put_judged(apply, writer, wanted);
	dp_apply_close(apply, writer);
	dp_rows_free(wanted);
}

/* ---- some batches of bronze ---- */

/* The frontier of a reader that has seen everything but the next batches; NULL: there are none. */
static char *
next_batches(DpInput *input, DpRebuild *chunk)
{
	Oid			types[4] = {OIDOID, INT8OID, INT8OID, INT8OID};
	Datum		values[4] = {ObjectIdGetDatum(input->relid),
		Int64GetDatum(chunk->cursor ? pg_strtoint64(chunk->cursor) : 0),
	Int64GetDatum(chunk->last_batch), Int64GetDatum(chunk_rows)};
	MemoryContext context = CurrentMemoryContext;
	DpRoleScope scope;
	char	   *frontier = NULL;

	dp_platform_enter(&scope);
	SPI_connect();
	SPI_execute_with_args("SELECT n.frontier::text, n.last::text FROM dataplat_internal.rebuild_batches($1, $2, $3, $4) AS n",
						  4, types, values, NULL, true, 1);
	if (SPI_processed == 1)
	{
		frontier = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		chunk->end = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
		if (frontier != NULL)
			frontier = MemoryContextStrdup(context, frontier);
		if (chunk->end != NULL)
			chunk->end = MemoryContextStrdup(context, chunk->end);
	}
	SPI_finish();
	dp_role_leave(&scope);
	return chunk->end != NULL ? frontier : NULL;
}

/* After a rebuild: rows of the target whose key no event has. */
static void
remove_strays(DpPipeline *pipeline, DpApply *apply)
{
	DpRows	   *wanted = dp_wanted_rows(apply);
	DpWriter   *writer;
	char	   *keys = dp_result_columns(pipeline, true);

	if (pipeline->rules != NULL)
		dp_rules_filter(pipeline->rules, wanted, true);
	writer = dp_apply_open(apply);
	dp_apply_remove(apply, writer, psprintf("SELECT %s FROM %s EXCEPT SELECT %s FROM %s",
											keys, dp_target_text(pipeline), keys, wanted->name));
	dp_apply_close(apply, writer);
	dp_rows_free(wanted);
}

static void
run_batches(DpPipeline *pipeline, DpRebuild *chunk, DpApply *apply)
{
	DpInput    *input = NULL;
	DpInput		once;
	DpDelta    *delta;
	DpRoleScope scope;
	ListCell   *lc;
	char	   *frontier;
	char	   *unused;

	foreach(lc, pipeline->inputs)
	{
		if (((DpInput *) lfirst(lc))->role == DP_INPUT_BRONZE)
		{
			input = lfirst(lc);
			break;
		}
	}
	frontier = input != NULL ? next_batches(input, chunk) : NULL;
	apply->derive = dp_derive_new(pipeline->query, apply->env);
	if (frontier == NULL)
	{
		if (pipeline->mode == DP_MODE_UPSERT && chunk->to == NULL)
			remove_strays(pipeline, apply);
		return;
	}
	once = *input;
	once.bronze_frontier = frontier;
	dp_platform_enter(&scope);
	delta = dp_bronze_read(&once, dp_query_input(pipeline->query, input->relid), false, &unused);
	dp_role_leave(&scope);
	chunk->rows = delta->nnew;
	dp_derive_change(apply->derive, delta->relid, delta->desc, delta->old_rows, 0, delta->new_rows, delta->source, delta->nnew,
					 list_make1_int(get_attnum(input->relid, "_batch_id")));
	if (pipeline->mode == DP_MODE_UPSERT || pipeline->mode == DP_MODE_SCD2)
		dp_apply_events(apply, false);
	else if (pipeline->additive != NULL)
		dp_apply_again(apply);
	else
		dp_apply_touched(apply);
}
