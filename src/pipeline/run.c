/*-------------------------------------------------------------------------
 *
 * run.c
 *	  One run of a pipeline: deltas in, target changed, frontiers moved.
 *
 * Everything happens under one snapshot and in one transaction.  What is ours
 * (logs, ledger, frontiers, the run's record) is read and written with the
 * extension's rights; the query and the writes to the target with the
 * owner's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "common/statement.h"
#include "lineage/observe.h"
#include "pipeline/apply_query.h"
#include "pipeline/care.h"
#include "pipeline/internal.h"
#include "pipeline/rebuild.h"
#include "pipeline/rules.h"

typedef struct InputDelta
{
	DpInput    *input;
	DpDelta    *delta;
	char	   *bronze_frontier;	/* what to store; NULL: not bronze */
	int64		nread;			/* new rows, those too that turn out to be late */
} InputDelta;

static List *read_deltas(DpPipeline *pipeline, bool where_they_stand, DpRun *run);
static void advance(DpPipeline *pipeline, List *deltas, bool full);
static List *identity_of(const DpInput *input, const DpDelta *delta);
static void observe_times(DpPipeline *pipeline, DpTime *time, List *deltas, DpRun *run);
static void apply_deltas(DpPipeline *pipeline, List *deltas, DpTime *time, DpRun *run);
static void store_run(DpPipeline *pipeline, DpRun *run, TimestampTz started);

/* The name under which a pipeline reads change logs. */
char *
dp_pipeline_reader(const DpPipeline *pipeline)
{
	return pipeline->name;
}

void
dp_pipeline_run(DpPipeline *pipeline, DpRunKind kind, DpRun *run)
{
	TimestampTz started = GetCurrentTimestamp();
	instr_time	begin;
	instr_time	end;
	List	   *deltas = NIL;
	ListCell   *lc;
	DpTime	   *time;
	DpRoleScope scope;
	DpRebuild  *chunk = NULL;
	int			observed;

	memset(run, 0, sizeof(DpRun));
	run->kind = kind;
	if (!OidIsValid(pipeline->target))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("target %s of pipeline \"%s\" does not exist", pipeline->target_name, pipeline->name),
				 errhint("Make it again and call dataplat.reset_pipeline(%s).", quote_literal_cstr(pipeline->name))));

	INSTR_TIME_SET_CURRENT(begin);
	observed = dp_observe_pause();
	PushActiveSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();

	if (!pipeline->filled)
		run->reason = "first run";
	else if (pipeline->rebuild_reason != NULL)
		run->reason = pipeline->rebuild_reason;
	if (run->reason != NULL)
		run->kind = DP_RUN_FULL;
	else if (pipeline->rebuilding && kind == DP_RUN_LIVE)
		dp_rebuild_load(pipeline, run, &chunk);

	dp_apply_note_columns(pipeline);
	time = dp_time_load(pipeline);
	if (time && dp_time_leaves_out(time))
		pipeline->additive = NULL;
	dp_platform_enter(&scope);
	/* Late rows are taken out of the stores. */
	deltas = read_deltas(pipeline, time == NULL, run);
	dp_role_leave(&scope);
	if (time)
		observe_times(pipeline, time, deltas, run);

	run->nothing_new = run->kind == DP_RUN_LIVE && run->rows_in == 0 && !run->moved &&
		!(time && dp_time_has_closing(time));
	if (!run->nothing_new)
	{
		dp_enter_owner(pipeline, &scope);
		pipeline->rules = dp_rules_load(pipeline, run->kind);
		if (run->rows_in > 0 || chunk == NULL || time)
			apply_deltas(pipeline, deltas, time, run);
		dp_role_leave(&scope);
	}
	if (chunk != NULL && run->kind != DP_RUN_FULL)
	{
		if (pipeline->rules != NULL)
			dp_rules_again(pipeline->rules);
		dp_rebuild_run(pipeline, chunk, time, run);
	}
	if (pipeline->rules != NULL)
		dp_rules_check(pipeline->rules);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	run->exec_ms = INSTR_TIME_GET_MILLISEC(end);

	/* What the run wrote itself is part of its frontier: a pipeline may read its own upstream's rows of this transaction. */
	dp_platform_enter(&scope);
	if (!pipeline->undone)
		dp_pipeline_check_fuse(pipeline, run);
	advance(pipeline, deltas, run->kind == DP_RUN_FULL);
	if (!run->nothing_new)
		store_run(pipeline, run, started);
	if (pipeline->rules != NULL)
		dp_rules_store(pipeline->rules, run, started);
	pipeline->rules = NULL;
	if (time)
		run->closes_at = dp_time_next_close(time);
	if (chunk != NULL || run->kind == DP_RUN_FULL)
		dp_rebuild_store(pipeline, chunk, run);
	dp_role_leave(&scope);
	PopActiveSnapshot();
	dp_observe_resume(observed);
	foreach(lc, deltas)
	{
		dp_changelog_free(((InputDelta *) lfirst(lc))->delta);
	}
}

/*
 * Deltas of all inputs that count.  A full run does not need them, but an
 * input whose log cannot tell makes a live run a full one.
 */
static List *
read_deltas(DpPipeline *pipeline, bool where_they_stand, DpRun *run)
{
	List	   *deltas = NIL;
	ListCell   *lc;

	if (run->kind == DP_RUN_FULL)
		return NIL;
	foreach(lc, pipeline->inputs)
	{
		DpInput    *input = lfirst(lc);
		InputDelta *one;

		if (input->role == DP_INPUT_LOOKUP)
			continue;
		one = palloc0(sizeof(InputDelta));
		one->input = input;
		if (input->role == DP_INPUT_BRONZE)
			one->delta = dp_bronze_read(input, dp_query_input(pipeline->query, input->relid), where_they_stand,
										&one->bronze_frontier);
		else
			one->delta = dp_changelog_read(input->relid, dp_pipeline_reader(pipeline), where_they_stand);
		if (one->delta->quiet)
		{
			dp_changelog_free(one->delta);
			continue;
		}
		if (one->delta->reset != NULL && run->kind != DP_RUN_FULL)
		{
			run->kind = DP_RUN_FULL;
			run->reason = one->delta->reset;
		}
		one->nread = one->delta->nnew;
		run->rows_in += one->delta->nnew + one->delta->nold;
		/* Images that cancel out may stand for rows that moved to another partition. */
		run->moved |= pipeline->mode == DP_MODE_FULL && one->bronze_frontier == NULL;
		if (one->bronze_frontier != NULL && strstr(one->bronze_frontier, "\"pending\": []") == NULL)
			run->more = true;
		deltas = lappend(deltas, one);
	}
	return deltas;
}

/* Frontiers move to what this run has seen. */
static void
advance(DpPipeline *pipeline, List *deltas, bool full)
{
	ListCell   *lc;

	foreach(lc, deltas)
	{
		InputDelta *one = lfirst(lc);

		if (one->bronze_frontier == NULL)
			dp_changelog_advance(one->input->relid, dp_pipeline_reader(pipeline));
		else if (!full && one->nread > 0)
			dp_bronze_advance(pipeline->name, one->input, one->bronze_frontier);
	}
	if (!full)
		return;
	foreach(lc, pipeline->inputs)
	{
		DpInput    *input = lfirst(lc);

		if (input->role == DP_INPUT_BRONZE)
			dp_bronze_advance(pipeline->name, input, dp_bronze_frontier_now(input));
		else if (input->role == DP_INPUT_TABLE)
			dp_changelog_advance(input->relid, dp_pipeline_reader(pipeline));
	}
}

/* One of the new rows, in a virtual slot; false when there is none. */
static bool
first_row(const DpDelta *delta, TupleTableSlot *slot)
{
	TupleTableSlot *stored;
	bool		found;

	ExecClearTuple(slot);
	if (delta->source != NULL)
	{
		void	   *cursor = delta->source->begin(delta->source);

		found = delta->source->next(cursor, slot->tts_values, slot->tts_isnull);
		if (found)
		{
			ExecStoreVirtualTuple(slot);
			ExecMaterializeSlot(slot);
		}
		delta->source->end(cursor);
		return found;
	}
	stored = MakeSingleTupleTableSlot(delta->desc, &TTSOpsMinimalTuple);
	tuplestore_rescan(delta->new_rows);
	found = tuplestore_gettupleslot(delta->new_rows, true, false, stored);
	if (found)
		ExecCopySlot(slot, stored);
	ExecDropSingleTupleTableSlot(stored);
	return found;
}

/*
 * Columns that tell the rows of an input apart and that its images have; NIL
 * when there are none.  For bronze the batch will do: all rows of a new batch
 * are new.
 */
static List *
identity_of(const DpInput *input, const DpDelta *delta)
{
	Relation	relation;
	Bitmapset  *key;
	List	   *identity = NIL;
	TupleTableSlot *slot;
	int			member = -1;

	if (input->role == DP_INPUT_BRONZE)
		return list_make1_int(get_attnum(input->relid, "_batch_id"));
	relation = table_open(input->relid, AccessShareLock);
	key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	table_close(relation, NoLock);
	while ((member = bms_next_member(key, member)) >= 0)
		identity = lappend_int(identity, member + FirstLowInvalidHeapAttributeNumber);

	/* A key that came after the log was made is NULL in its images. */
	slot = MakeSingleTupleTableSlot(delta->desc, &TTSOpsVirtual);
	if (first_row(delta, slot))
	{
		ListCell   *lc;

		foreach(lc, identity)
		{
			if (slot_attisnull(slot, lfirst_int(lc)))
			{
				identity = NIL;
				break;
			}
		}
	}
	ExecDropSingleTupleTableSlot(slot);
	return identity;
}

/* Watermarks first: late rows leave the deltas, and windows may close. */
static void
observe_times(DpPipeline *pipeline, DpTime *time, List *deltas, DpRun *run)
{
	ListCell   *lc;

	if (run->kind != DP_RUN_FULL)
	{
		foreach(lc, deltas)
			dp_time_observe(time, ((InputDelta *) lfirst(lc))->delta);
	}
	else
	{
		foreach(lc, pipeline->inputs)
			dp_time_observe_table(time, ((DpInput *) lfirst(lc))->relid);
	}
	dp_time_advance(time, run);
}

static void
apply_deltas(DpPipeline *pipeline, List *deltas, DpTime *time, DpRun *run)
{
	DpApply		apply = {0};
	DpQuery    *query = pipeline->query;
	ListCell   *lc;

	/* Where new rows are all that is read, those that are late have left them. */
	if (time && (run->kind == DP_RUN_FULL || pipeline->mode == DP_MODE_AGGREGATE || pipeline->mode == DP_MODE_FULL))
		pipeline->query = dp_time_query(time, query);
	apply.pipeline = pipeline;
	apply.time = time;
	apply.env = create_queryEnv();
	apply.derive = dp_derive_new(pipeline->query, apply.env);
	foreach(lc, deltas)
	{
		InputDelta *one = lfirst(lc);
		DpDelta    *delta = one->delta;

		/* In a history an old image is no event. */
		dp_derive_change(apply.derive, delta->relid, delta->desc, delta->old_rows,
						 pipeline->mode == DP_MODE_SCD2 ? 0 : delta->nold,
						 delta->new_rows, delta->source, delta->nnew, identity_of(one->input, delta));
	}
	if (pipeline->mode == DP_MODE_UPSERT || pipeline->mode == DP_MODE_SCD2)
		dp_apply_events(&apply, run->kind == DP_RUN_FULL);
	else if (pipeline->additive != NULL)
		dp_apply_additive(&apply, run->kind == DP_RUN_FULL);
	else if (run->kind == DP_RUN_FULL || pipeline->mode == DP_MODE_FULL)
		dp_apply_full(&apply);
	else if (pipeline->mode == DP_MODE_APPEND)
		dp_apply_append(&apply);
	else
		dp_apply_touched(&apply);
	if (apply.unknown != NULL && run->reason == NULL)
		run->reason = apply.unknown;
	run->rows_inserted = apply.counts.inserted;
	run->rows_updated = apply.counts.updated;
	run->rows_deleted = apply.counts.deleted;
	pipeline->query = query;
}

static void
store_run(DpPipeline *pipeline, DpRun *run, TimestampTz started)
{
	static const char *const kinds[] = {"live", "full", "backfill", "rebuild"};
	Oid			types[12] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, FLOAT8OID, INT8OID,
	INT8OID, INT8OID};
	Datum		values[12];
	char		nulls[12] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', 'n'};
	bool		isnull;

	values[0] = CStringGetTextDatum(pipeline->name);
	values[1] = CStringGetTextDatum(kinds[run->kind]);
	values[2] = TimestampTzGetDatum(started);
	values[3] = Int64GetDatum(run->rows_in);
	values[4] = Int64GetDatum(run->rows_inserted);
	values[5] = Int64GetDatum(run->rows_updated);
	values[6] = Int64GetDatum(run->rows_deleted);
	values[7] = run->reason ? CStringGetTextDatum(run->reason) : (Datum) 0;
	nulls[7] = run->reason ? ' ' : 'n';
	values[8] = Float8GetDatum(run->exec_ms);
	values[9] = Int64GetDatum(run->rows_late);
	values[10] = Int64GetDatum(0);
	values[11] = (Datum) 0;
	if (pipeline->rules != NULL)
	{
		run->rows_quarantined = dp_rules_quarantined(pipeline->rules);
		run->run_id = dp_rules_run_id(pipeline->rules);
		values[10] = Int64GetDatum(run->rows_quarantined);
		values[11] = Int64GetDatum(run->run_id);
		nulls[11] = run->run_id == 0 ? 'n' : ' ';
	}
	SPI_connect();
	dp_statement_execute("INSERT INTO dataplat.pipeline_run (pipeline, kind, state, started_at, finished_at, rows_in,"
						  " rows_inserted, rows_updated, rows_deleted, reason, exec_ms, rows_late, rows_quarantined, run_id)"
						  " VALUES ($1, $2, 'succeeded', $3, pg_catalog.clock_timestamp(), $4, $5, $6, $7, $8, $9, $10, $11,"
						  " coalesce($12, pg_catalog.nextval('dataplat.pipeline_run_run_id_seq')))"
						  " RETURNING run_id", 12, types, values, nulls, false, 0);
	run->run_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	types[1] = INT8OID;
	values[1] = Int64GetDatum(run->run_id);
	dp_statement_execute("UPDATE dataplat_internal.pipeline_state AS s SET filled = true, rebuild_reason = NULL,"
						  " last_run_id = $2, last_success_at = pg_catalog.clock_timestamp(), consecutive_failures = 0"
						  " WHERE s.pipeline = $1", 2, types, values, NULL, false, 0);
	SPI_finish();
	pipeline->filled = true;
	pipeline->rebuild_reason = NULL;
}
