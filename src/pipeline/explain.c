/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  How a pipeline is kept up to date, and what its next run would do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "pipeline/apply_query.h"
#include "pipeline/internal.h"

/* What is planned for when nothing is run: so many touched keys. */
#define SAMPLE_KEYS 100

PG_FUNCTION_INFO_V1(dp_explain_pipeline);

extern PGDLLEXPORT Datum dp_explain_pipeline(PG_FUNCTION_ARGS);

const char *
dp_apply_rule(const DpPipeline *pipeline)
{
	switch (pipeline->mode)
	{
		case DP_MODE_APPEND:
			return "append: the query over the new rows goes to the end of the target";
		case DP_MODE_UPSERT:
			return "upsert: of the query over the new rows, the greatest sequence of each key wins";
		case DP_MODE_SCD2:
			return "scd2: the query over the new rows opens and closes versions";
		case DP_MODE_AGGREGATE:
			if (pipeline->additive == NULL)
				return "touched keys: the keys that a change touches are computed again";
			return pipeline->additive->has_extremes ?
				"additive: the delta is added to the parts of its groups; a group that loses rows is computed again" :
				"additive: the delta is added to the parts of its groups, or taken away";
		case DP_MODE_FULL:
			return "full: everything is computed and compared with the target";
		case DP_MODE_VIEW:
			return "view: computed when it is read";
	}
	return NULL;
}

static void
put_line(ReturnSetInfo *rsinfo, const char *text)
{
	Datum		value = CStringGetTextDatum(text);
	bool		isnull = false;

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
}

static void
put_lines(ReturnSetInfo *rsinfo, char *text)
{
	char	   *end;

	for (; (end = strchr(text, '\n')) != NULL; text = end + 1)
	{
		*end = '\0';
		put_line(rsinfo, text);
	}
	if (*text != '\0')
		put_line(rsinfo, text);
}

static void
describe(ReturnSetInfo *rsinfo, const DpPipeline *pipeline)
{
	static const char *const roles[] = {"bronze, by the ledger", "by its change log", "a lookup: its changes do not count"};
	const char *obstacle = dp_query_obstacle(pipeline->query);
	ListCell   *lc;

	put_line(rsinfo, psprintf("pipeline %s -> %s", pipeline->name, pipeline->target_name));
	put_line(rsinfo, psprintf("rule: %s", dp_apply_rule(pipeline)));
	if (pipeline->mode == DP_MODE_FULL && obstacle != NULL)
		put_line(rsinfo, psprintf("why not incremental: %s", obstacle));
	if (pipeline->key_columns != NIL)
		put_line(rsinfo, psprintf("keys: %s", dp_result_columns(pipeline, true)));
	foreach(lc, pipeline->inputs)
	{
		DpInput    *input = lfirst(lc);

		put_line(rsinfo, psprintf("input: %s (%s)", input->name, roles[input->role]));
	}
	if (!pipeline->filled || pipeline->rebuild_reason != NULL)
		put_line(rsinfo, psprintf("next run: full (%s)", pipeline->rebuild_reason ? pipeline->rebuild_reason : "first run"));
}

/* Plans of a run over the next delta, which is undone. */
static void
explain_run(DpPipeline *pipeline, DpPlans *plans, DpRun *run)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	DpPlans    *before = dp_query_explain(plans);

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		dp_pipeline_run(pipeline, DP_RUN_LIVE, run);
	}
	PG_FINALLY();
	{
		dp_query_explain(before);
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

/* The plan of the query for some keys, or of all of it. */
static void
explain_query(DpPipeline *pipeline, DpPlans *plans)
{
	QueryEnvironment *env = create_queryEnv();
	DpDerive   *derive = dp_derive_new(pipeline->query, env);
	DestReceiver *dest = None_Receiver;
	DpPlans    *before;
	DpRoleScope scope;

	PushActiveSnapshot(GetTransactionSnapshot());
	dp_enter_owner(pipeline, &scope);
	before = dp_query_explain(plans);
	PG_TRY();
	{
		if (pipeline->mode == DP_MODE_AGGREGATE && pipeline->key_columns != NIL)
		{
			plans->title = psprintf("the query for %d touched keys", SAMPLE_KEYS);
			dp_derive_sample(derive, pipeline->key_columns, SAMPLE_KEYS, dest);
		}
		else
		{
			plans->title = "the query";
			(void) dp_query_run(copyObject(pipeline->query->tree), pipeline->query->text, env, dest);
		}
	}
	PG_FINALLY();
	{
		dp_query_explain(before);
	}
	PG_END_TRY();
	dp_role_leave(&scope);
	PopActiveSnapshot();
}

/* explain_pipeline(name text, execute boolean) returns setof text */
Datum
dp_explain_pipeline(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		execute = PG_GETARG_BOOL(1);
	DpPipeline *pipeline = execute ? dp_pipeline_take(name) : dp_pipeline_load(name);
	StringInfoData text;
	DpPlans		plans = {&text, execute, NULL, 0};
	DpRun		run;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	initStringInfo(&text);
	describe(rsinfo, pipeline);
	if (execute)
	{
		explain_run(pipeline, &plans, &run);
		put_line(rsinfo, psprintf("a run now (undone): %s, %lld changed rows in, %lld inserted, %lld updated, %lld deleted, %.1f ms",
								  run.nothing_new ? "nothing new" : run.kind == DP_RUN_FULL ? "full" : "live",
								  (long long) run.rows_in, (long long) run.rows_inserted, (long long) run.rows_updated,
								  (long long) run.rows_deleted, run.exec_ms));
		if (run.reason != NULL)
			put_line(rsinfo, psprintf("everything was compared: %s", run.reason));
	}
	/* With nothing new there was nothing to plan. */
	if (pipeline->mode != DP_MODE_VIEW && (!execute || run.nothing_new))
	{
		plans.analyze = false;
		explain_query(pipeline, &plans);
	}
	put_lines(rsinfo, text.data);
	return (Datum) 0;
}
