/*-------------------------------------------------------------------------
 *
 * requeue.c
 *	  dataplat_internal.requeue_row(): a repaired row goes to its target.
 *
 * It is judged by the rules of the target as every row is, and written the
 * way the pipeline writes: as an event where rows are events, else under its
 * key or at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "common/inject.h"
#include "pipeline/apply.h"
#include "pipeline/internal.h"
#include "pipeline/rules.h"
#include "quality/rows.h"

PG_FUNCTION_INFO_V1(dp_requeue_row);

extern PGDLLEXPORT Datum dp_requeue_row(PG_FUNCTION_ARGS);

static bool
are_events(const DpPipeline *pipeline)
{
	return pipeline->mode == DP_MODE_UPSERT || pipeline->mode == DP_MODE_SCD2;
}

/* The result's columns; of an event its ordinal, too. */
static TupleDesc
row_desc(const DpPipeline *pipeline)
{
	TupleDesc	result = pipeline->query->desc;
	TupleDesc	desc;

	if (!are_events(pipeline))
		return result;
	desc = CreateTemplateTupleDesc(result->natts + 1);
	for (int i = 1; i <= result->natts; i++)
		TupleDescCopyEntry(desc, i, result, i);
	TupleDescInitEntry(desc, result->natts + 1, "ordinal", INT8OID, -1, 0);
	return desc;
}

static AttrNumber *
key_numbers(const DpPipeline *pipeline)
{
	AttrNumber *keys = palloc(sizeof(AttrNumber) * (list_length(pipeline->key_columns) + 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, pipeline->key_columns)
		keys[n++] = (AttrNumber) (lfirst_int(lc) + 1);
	return keys;
}

/* What is still wrong with it; (Datum) 0: nothing. */
static Datum
reasons_of(DpPipeline *pipeline, TupleTableSlot *row)
{
	DpRowRules *rules = dp_row_rules_open(pipeline->target, row->tts_tupleDescriptor,
										  list_length(pipeline->key_columns), key_numbers(pipeline));
	MinimalTuple tuple = ExecCopySlotMinimalTuple(row);
	List	   *breaches = rules == NULL ? NIL : dp_row_rules_judge(rules, 1, &tuple);
	const DpRowBreach *breach = breaches == NIL ? NULL : linitial(breaches);

	if (breach == NULL || (breach->verdict == DP_ROW_KEEP && breach->fails == 0))
		return (Datum) 0;
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(breach->reasons));
}

static void
write_row(DpPipeline *pipeline, TupleTableSlot *row)
{
	DpWriteCounts counts = {0};
	TupleDesc	desc = row->tts_tupleDescriptor;
	int			nkeys = list_length(pipeline->key_columns);

	if (are_events(pipeline))
	{
		Tuplestorestate *rows = tuplestore_begin_heap(true, false, work_mem);

		tuplestore_puttupleslot(rows, row);
		if (pipeline->mode == DP_MODE_UPSERT)
			dp_apply_upsert(pipeline, desc, rows, false, &counts);
		else
			dp_apply_scd2(pipeline, desc, rows, 1, false, &counts);
		tuplestore_end(rows);
	}
	else
	{
		bool		keyed = nkeys > 0 && pipeline->mode != DP_MODE_APPEND;
		DpWriter   *writer = dp_writer_open(pipeline->target, desc, keyed ? nkeys : 0, key_numbers(pipeline));

		if (keyed)
			dp_writer_put(writer, row);
		else
			dp_writer_append(writer, row);
		dp_writer_close(writer, &counts);
	}
}

/* requeue_row(pipeline, repaired) returns NULL when it is written, else text[] of why not */
Datum
dp_requeue_row(PG_FUNCTION_ARGS)
{
	DpPipeline *pipeline = dp_pipeline_take(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char	   *repaired = DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(1)));
	DpRoleScope scope;
	TupleTableSlot *row;
	TupleDesc	desc;
	Datum		reasons;

	if (!OidIsValid(pipeline->target))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("target %s of pipeline \"%s\" does not exist", pipeline->target_name, pipeline->name)));
	PushActiveSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
	dp_enter_owner(pipeline, &scope);
	desc = row_desc(pipeline);
	row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	dp_repaired_row(desc, NULL, repaired, row);
	if (are_events(pipeline))
	{
		/* Of two events that claim one moment a person's is the later one. */
		row->tts_values[desc->natts - 1] = Int64GetDatum(PG_INT64_MAX);
		row->tts_isnull[desc->natts - 1] = false;
	}
	reasons = reasons_of(pipeline, row);
	if (reasons == (Datum) 0)
		write_row(pipeline, row);
	DP_INJECT("q3");
	dp_role_leave(&scope);
	PopActiveSnapshot();
	if (reasons == (Datum) 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(reasons);
}
