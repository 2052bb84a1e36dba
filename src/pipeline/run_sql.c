/*-------------------------------------------------------------------------
 *
 * run_sql.c
 *	  Runs and checks as SQL functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "common/statement.h"
#include "pipeline/apply_query.h"
#include "pipeline/internal.h"

PG_FUNCTION_INFO_V1(dp_run_pipeline);
PG_FUNCTION_INFO_V1(dp_verify_pipeline);

extern PGDLLEXPORT Datum dp_run_pipeline(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_verify_pipeline(PG_FUNCTION_ARGS);

/* The run's record; of a run that had nothing to do, one without a number. */
static Datum
run_record(FunctionCallInfo fcinfo, const DpPipeline *pipeline, const DpRun *run)
{
	TupleDesc	desc;
	Oid			types[7] = {INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID};
	Datum		values[7];
	char		nulls[7] = {' ', ' ', ' ', ' ', ' ', ' ', ' '};
	bool		isnull;
	Datum		record;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "run_pipeline must return a row");
	values[0] = Int64GetDatum(run->run_id);
	nulls[0] = run->run_id == 0 ? 'n' : ' ';
	values[1] = CStringGetTextDatum(pipeline->name);
	values[2] = Int64GetDatum(run->rows_in);
	values[3] = Int64GetDatum(run->rows_inserted);
	values[4] = Int64GetDatum(run->rows_updated);
	values[5] = Int64GetDatum(run->rows_deleted);
	values[6] = CStringGetTextDatum(run->kind == DP_RUN_FULL ? "full" : "live");
	SPI_connect();
	dp_statement_execute("SELECT coalesce((SELECT r FROM dataplat.pipeline_run AS r WHERE r.run_id = $1),"
						  " ROW(NULL, $2, $7, 'succeeded', pg_catalog.now(), pg_catalog.now(), $3, $4, $5, $6, 0, 0, NULL, NULL, NULL, NULL, NULL)"
						  "::dataplat.pipeline_run)", 7, types, values, nulls, false, 1);
	record = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	record = SPI_datumTransfer(record, false, -1);
	SPI_finish();
	return record;
}

/*
 * run_pipeline(name, kind, commit) returns dataplat.pipeline_run
 *
 * With commit false all is undone but the answer.
 */
Datum
dp_run_pipeline(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool		keep = PG_GETARG_BOOL(2);
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	DpPipeline *pipeline;
	DpRun		run;
	Datum		record;

	if (strcmp(kind, "live") != 0 && strcmp(kind, "full") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid kind of run \"%s\"", kind),
				 errhint("Allowed: live, full.")));
	pipeline = dp_pipeline_take(name);
	if (!keep)
		BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	dp_pipeline_run(pipeline, strcmp(kind, "full") == 0 ? DP_RUN_FULL : DP_RUN_LIVE, &run);
	record = run_record(fcinfo, pipeline, &run);
	if (!keep)
	{
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_RETURN_DATUM(record);
}

/* verify_pipeline(name) returns (missing, extra, different) */
Datum
dp_verify_pipeline(PG_FUNCTION_ARGS)
{
	DpPipeline *pipeline = dp_pipeline_load(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	DpRoleScope scope;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	int64		counts[3];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "verify_pipeline must return a row");
	if (!OidIsValid(pipeline->target))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("target %s of pipeline \"%s\" does not exist", pipeline->target_name, pipeline->name)));
	if (pipeline->mode == DP_MODE_UPSERT || pipeline->mode == DP_MODE_SCD2)
		dp_compare_events(pipeline, counts);
	else
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		UpdateActiveSnapshotCommandId();
		dp_enter_owner(pipeline, &scope);
		dp_compare_target(pipeline, counts);
		dp_role_leave(&scope);
		PopActiveSnapshot();
	}
	for (int i = 0; i < 3; i++)
		values[i] = Int64GetDatum(counts[i]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
