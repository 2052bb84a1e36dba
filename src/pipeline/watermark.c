/*-------------------------------------------------------------------------
 *
 * watermark.c
 *	  How far event time has come, from the rows that a run reads.
 *
 * A run observes its new rows partition by partition; the sums go to a table,
 * and SQL (pipeline_time.sql) says where that puts the watermark.  All of it
 * commits with the run, so a run that fails has not moved it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/timestamp.h"

#include "common/statement.h"
#include "pipeline/internal.h"
#include "pipeline/time_int.h"
#include "query/tree.h"

/* A test's idea of what time it is; clock_now() in pipeline_time.sql reads it. */
static char *test_clock;

static bool load_settings(DpTime *time);
static void need_columns(DpTime *time);
static DpInputRole role_of(const DpPipeline *pipeline, Oid relid);
static List *lookup_oids(const DpPipeline *pipeline);
static DpPartitionTimes *partition_of(DpEventInput *input, const char *name);
static char *partition_name(const DpEventInput *input, TupleTableSlot *row);
static void observe_row(DpTime *time, DpEventInput *input, DpPartitionTimes *partition, TimestampTz at, bool late);

void
dp_time_init(void)
{
	DefineCustomStringVariable("dataplat.test_clock",
							   "Time that event time is compared with, for tests; empty: the clock.",
							   NULL, &test_clock, "", PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
}

DpTime *
dp_time_load(const DpPipeline *pipeline)
{
	DpTime	   *time = palloc0(sizeof(DpTime));
	DpRoleScope scope;
	bool		applies;

	time->pipeline = pipeline;
	time->context = CurrentMemoryContext;
	dp_platform_enter(&scope);
	applies = load_settings(time);
	dp_role_leave(&scope);
	if (!applies)
		return NULL;

	dp_enter_owner(pipeline, &scope);
	time->inputs = dp_event_inputs(pipeline->query, &time->settings, pipeline->keys, lookup_oids(pipeline));
	if (time->settings.closes)
		dp_window_end(pipeline->query, &time->settings, pipeline->keys, &time->end);
	dp_role_leave(&scope);
	need_columns(time);
	return time;
}

/* Deltas must have the columns from which event time and place are told. */
static void
need_columns(DpTime *time)
{
	ListCell   *lc;

	foreach(lc, time->inputs)
	{
		DpEventInput *input = lfirst(lc);
		DpQueryInput *used = unconstify(DpQueryInput *, dp_query_input(time->pipeline->query, input->relid));
		DpInputRole role = role_of(time->pipeline, input->relid);
		Bitmapset  *columns = NULL;

		pull_varattnos(input->time, 1, &columns);
		if (role != DP_INPUT_BRONZE)
		{
			input->topic = input->partition = input->offset = 0;
			if (time->settings.keeps_late)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("late rows of %s cannot be left out", input->relation),
						 errdetail("It is not the table of a source: its rows can change, and have no place in Kafka that names them."),
						 errhint("Let late rows merge, or keep them out of the pipeline that reads bronze.")));
			dp_event_time_is_captured(time->pipeline->query, input);
			continue;
		}
		if (input->partition != 0)
		{
			columns = bms_add_member(columns, input->partition - FirstLowInvalidHeapAttributeNumber);
			columns = bms_add_member(columns, input->offset - FirstLowInvalidHeapAttributeNumber);
		}
		if (input->topic != 0)
			columns = bms_add_member(columns, input->topic - FirstLowInvalidHeapAttributeNumber);
		used->columns = bms_union(used->columns, columns);
		used->whole_row |= time->settings.side_table;
	}
}

void
dp_time_observe(DpTime *time, DpDelta *delta)
{
	DpEventInput *input = dp_event_input(time, delta->relid);
	Tuplestorestate *kept = NULL;
	EState	   *estate;
	ExprContext *econtext;
	ExprState  *expr;
	TupleTableSlot *row;
	TimestampTz late_before;
	DpPartitionTimes *partition = NULL;
	DpRoleScope scope;

	if (input == NULL || delta->new_rows == NULL)
		return;
	late_before = TIMESTAMP_NOT_FINITE(time->began) ? time->began : dp_time_after(time->began, -time->settings.grace);
	if (time->settings.keeps_late)
		kept = tuplestore_begin_heap(true, false, work_mem);

	dp_enter_owner(time->pipeline, &scope);
	estate = CreateExecutorState();
	econtext = GetPerTupleExprContext(estate);
	expr = ExecPrepareExpr((Expr *) copyObject(input->time), estate);
	row = MakeSingleTupleTableSlot(delta->desc, &TTSOpsMinimalTuple);
	econtext->ecxt_scantuple = row;
	tuplestore_rescan(delta->new_rows);
	while (tuplestore_gettupleslot(delta->new_rows, true, false, row))
	{
		bool		isnull;
		bool		late;
		TimestampTz at = DatumGetTimestampTz(ExecEvalExprSwitchContext(expr, econtext, &isnull));
		char	   *name = partition_name(input, row);

		if (partition == NULL || strcmp(partition->name, name) != 0)
			partition = partition_of(input, name);
		pfree(name);
		late = !isnull && at < late_before;
		observe_row(time, input, partition, isnull ? DT_NOBEGIN : at, late);
		if (kept != NULL && late)
			dp_late_note(time, input, row, at);
		else if (kept != NULL)
			tuplestore_puttupleslot(kept, row);
		ResetExprContext(econtext);
		CHECK_FOR_INTERRUPTS();
	}
	ExecDropSingleTupleTableSlot(row);
	FreeExecutorState(estate);
	dp_role_leave(&scope);

	if (kept != NULL)
	{
		tuplestore_end(delta->new_rows);
		delta->nnew = tuplestore_tuple_count(kept);
		delta->new_rows = kept;
	}
	tuplestore_rescan(delta->new_rows);
}

/* Nothing in a table that is read whole is late: the result has it all. */
void
dp_time_observe_table(DpTime *time, Oid relid)
{
	DpEventInput *input = dp_event_input(time, relid);
	char	   *expr;
	char	   *name;
	DpRoleScope scope;
	MemoryContext old;

	if (input == NULL)
		return;
	dp_enter_owner(time->pipeline, &scope);
	expr = deparse_expression(input->time, deparse_context_for("r", relid), true, false);
	name = input->partition == 0 ? "''" : input->topic == 0 ? "r._partition::pg_catalog.text" :
		"pg_catalog.concat(r._topic, '/', r._partition)";
	SPI_connect();
	SPI_execute(psprintf("SELECT %s, pg_catalog.max(%s) FILTER (WHERE (%s) <= %s), pg_catalog.count(*) FILTER (WHERE (%s) > %s)"
						 " FROM %s AS r GROUP BY 1 ORDER BY 1",
						 name, expr, expr, quote_literal_cstr(timestamptz_to_str(dp_time_after(time->clock, time->settings.max_future))),
						 expr, quote_literal_cstr(timestamptz_to_str(dp_time_after(time->clock, time->settings.max_future))),
						 dp_relation_text(relid)), true, 0);
	old = MemoryContextSwitchTo(time->context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		DpPartitionTimes *partition = partition_of(input, SPI_getvalue(row, desc, 1));
		bool		isnull;
		Datum		latest = SPI_getbinval(row, desc, 2, &isnull);

		if (!isnull)
			partition->latest = Max(partition->latest, DatumGetTimestampTz(latest));
		partition->future += DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull));
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	dp_role_leave(&scope);
}

void
dp_time_advance(DpTime *time, DpRun *run)
{
	Oid			types[7] = {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT8OID, BOOLOID};
	Datum		values[7] = {CStringGetTextDatum(time->pipeline->name)};
	char		nulls[7] = {' ', ' ', ' ', ' ', ' ', ' ', ' '};
	ListCell   *lc;
	ListCell   *cell;
	bool		isnull;
	Datum		moved;
	DpRoleScope scope;

	dp_late_store(time);
	dp_platform_enter(&scope);
	SPI_connect();
	foreach(lc, time->inputs)
	{
		DpEventInput *input = lfirst(lc);

		values[1] = CStringGetTextDatum(input->relation);
		foreach(cell, input->partitions)
		{
			DpPartitionTimes *partition = lfirst(cell);

			values[2] = CStringGetTextDatum(partition->name);
			values[3] = TimestampTzGetDatum(partition->latest);
			nulls[3] = partition->latest == DT_NOBEGIN ? 'n' : ' ';
			values[4] = Int64GetDatum(partition->future);
			values[5] = Int64GetDatum(partition->late);
			values[6] = BoolGetDatum(run->kind == DP_RUN_FULL);
			SPI_execute_with_args("SELECT dataplat_internal.note_event_times($1, $2, $3, $4, $5, $6, $7)",
								  7, types, values, nulls, false, 0);
			run->rows_late += partition->late;
		}
		input->partitions = NIL;
	}
	SPI_execute_with_args("SELECT dataplat_internal.advance_watermark($1)", 1, types, values, NULL, false, 1);
	moved = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	time->watermark = isnull ? DT_NOBEGIN : DatumGetTimestampTz(moved);
	if (time->settings.closes)
	{
		values[1] = TimestampTzGetDatum(time->watermark);
		types[1] = TIMESTAMPTZOID;
		SPI_execute_with_args("SELECT FROM dataplat_internal.pipeline_open_window AS o WHERE o.pipeline = $1 AND o.closes_at <= $2 LIMIT 1",
							  2, types, values, NULL, false, 1);
		time->has_closing = SPI_processed > 0;
	}
	SPI_finish();
	dp_role_leave(&scope);
}

bool
dp_time_leaves_out(const DpTime *time)
{
	return time->settings.keeps_late || time->settings.closes;
}

bool
dp_time_has_closing(const DpTime *time)
{
	return time->has_closing;
}

/* False: the pipeline says nothing about time. */
static bool
load_settings(DpTime *time)
{
	DpTimeSettings *s = &time->settings;
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(time->pipeline->name)};
	MemoryContext old;
	HeapTuple	row;
	TupleDesc	desc;
	bool		isnull;
	Datum		value;
	char	   *late;

	SPI_connect();
	dp_statement_execute("SELECT e.event_column, e.expression, e.relation, e.window_end, e.late, e.closes, e.grace_us, e.future_us,"
						  " c.watermark, dataplat_internal.clock_now(),"
						  " EXISTS (SELECT FROM dataplat_internal.pipeline_late_row AS l WHERE l.pipeline = p.name)"
						  " FROM dataplat.pipeline AS p"
						  " CROSS JOIN LATERAL dataplat_internal.event_time_settings(p.event_time, p.grace, p.emit) AS e"
						  " LEFT JOIN dataplat_internal.pipeline_clock AS c ON c.pipeline = p.name"
						  " WHERE p.name = $1 AND (p.event_time IS NOT NULL OR p.emit = 'close')",
						  1, types, values, NULL, false, 1);
	if (SPI_processed == 0)
	{
		SPI_finish();
		return false;
	}
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	old = MemoryContextSwitchTo(time->context);
	s->column = SPI_getvalue(row, desc, 1);
	s->expression = SPI_getvalue(row, desc, 2);
	s->relation = SPI_getvalue(row, desc, 3);
	s->window_end = SPI_getvalue(row, desc, 4);
	late = SPI_getvalue(row, desc, 5);
	MemoryContextSwitchTo(old);
	s->keeps_late = strcmp(late, "merge") != 0;
	s->side_table = strcmp(late, "side_table") == 0;
	s->closes = DatumGetBool(SPI_getbinval(row, desc, 6, &isnull));
	s->grace = DatumGetInt64(SPI_getbinval(row, desc, 7, &isnull));
	s->max_future = DatumGetInt64(SPI_getbinval(row, desc, 8, &isnull));
	value = SPI_getbinval(row, desc, 9, &isnull);
	time->began = time->watermark = isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
	time->clock = DatumGetTimestampTz(SPI_getbinval(row, desc, 10, &isnull));
	time->has_late_rows = DatumGetBool(SPI_getbinval(row, desc, 11, &isnull)) && s->keeps_late;
	SPI_finish();
	return true;
}

static DpInputRole
role_of(const DpPipeline *pipeline, Oid relid)
{
	ListCell   *lc;

	foreach(lc, pipeline->inputs)
	{
		const DpInput *input = lfirst(lc);

		if (input->relid == relid)
			return input->role;
	}
	return DP_INPUT_TABLE;
}

static List *
lookup_oids(const DpPipeline *pipeline)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, pipeline->inputs)
	{
		const DpInput *input = lfirst(lc);

		if (input->role == DP_INPUT_LOOKUP)
			result = lappend_oid(result, input->relid);
	}
	return result;
}

DpEventInput *
dp_event_input(const DpTime *time, Oid relid)
{
	ListCell   *lc;

	foreach(lc, time->inputs)
	{
		if (((DpEventInput *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	}
	return NULL;
}

static DpPartitionTimes *
partition_of(DpEventInput *input, const char *name)
{
	DpPartitionTimes *partition;
	ListCell   *lc;

	foreach(lc, input->partitions)
	{
		if (strcmp(((DpPartitionTimes *) lfirst(lc))->name, name) == 0)
			return lfirst(lc);
	}
	partition = palloc0(sizeof(DpPartitionTimes));
	partition->name = pstrdup(name);
	partition->latest = DT_NOBEGIN;
	input->partitions = lappend(input->partitions, partition);
	return partition;
}

static char *
partition_name(const DpEventInput *input, TupleTableSlot *row)
{
	bool		isnull;
	Datum		partition;
	Datum		topic;

	if (input->partition == 0)
		return pstrdup("");
	partition = slot_getattr(row, input->partition, &isnull);
	if (isnull)
		return pstrdup("");
	if (input->topic == 0)
		return psprintf("%d", DatumGetInt32(partition));
	topic = slot_getattr(row, input->topic, &isnull);
	return psprintf("%s/%d", isnull ? "" : TextDatumGetCString(topic), DatumGetInt32(partition));
}

static void
observe_row(DpTime *time, DpEventInput *input, DpPartitionTimes *partition, TimestampTz at, bool late)
{
	if (late)
		partition->late++;
	if (at > dp_time_after(time->clock, time->settings.max_future))
		partition->future++;
	else
		partition->latest = Max(partition->latest, at);
}

TimestampTz
dp_time_after(TimestampTz at, int64 usecs)
{
	TimestampTz result;

	if (TIMESTAMP_NOT_FINITE(at))
		return at;
	if (pg_add_s64_overflow(at, usecs, &result) || !IS_VALID_TIMESTAMP(result))
		return usecs > 0 ? DT_NOEND : DT_NOBEGIN;
	return result;
}
