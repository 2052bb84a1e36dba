/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  Compare the target with the query computed afresh.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/typcache.h"

#include "pipeline/apply_query.h"
#include "pipeline/internal.h"
#include "pipeline/rules.h"

/* The result's columns; those whose type has no equality as text. */
static char *
comparable_columns(const DpPipeline *pipeline)
{
	TupleDesc	desc = pipeline->query->desc;
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		TypeCacheEntry *type = lookup_type_cache(attr->atttypid, TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR);

		appendStringInfo(&text, "%s%s%s", i > 0 ? ", " : "", quote_identifier(NameStr(attr->attname)),
						 OidIsValid(type->eq_opr) && OidIsValid(type->lt_opr) ? "" : "::pg_catalog.text");
	}
	return text.data;
}

static int64
count_of(DpApply *apply, const char *query)
{
	TupleDesc	desc = CreateTemplateTupleDesc(1);
	TupleTableSlot *slot;
	DpRows	   *rows;
	DestReceiver *dest;
	bool		isnull;
	int64		count;

	TupleDescInitEntry(desc, 1, "n", INT8OID, -1, 0);
	rows = dp_rows_new(apply->env, desc);
	dest = dp_rows_receiver(rows);
	(void) dp_query_run_text(psprintf("SELECT pg_catalog.count(*) FROM (%s) AS q", query), apply->env, dest);
	dest->rDestroy(dest);
	slot = MakeSingleTupleTableSlot(rows->desc, &TTSOpsMinimalTuple);
	if (!tuplestore_gettupleslot(rows->store, true, false, slot))
		elog(ERROR, "count returned no row");
	count = DatumGetInt64(slot_getattr(slot, 1, &isnull));
	ExecDropSingleTupleTableSlot(slot);
	dp_rows_free(rows);
	return count;
}

/*
 * Where events make the target, what a run over all of them would change is
 * the difference; it is undone.
 */
void
dp_compare_events(DpPipeline *pipeline, int64 *counts)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	DpRun		run;

	(void) dp_pipeline_lock(pipeline->id, true);
	pipeline->undone = true;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	dp_pipeline_run(pipeline, DP_RUN_FULL, &run);
	counts[0] = run.rows_inserted;
	counts[1] = run.rows_deleted;
	counts[2] = run.rows_updated;
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

/* missing, extra, different; as the owner, under the active snapshot */
void
dp_compare_target(DpPipeline *pipeline, int64 *counts)
{
	DpApply		apply = {0};
	DpRows	   *wanted;
	DpRules    *rules;
	char	   *columns = comparable_columns(pipeline);
	char	   *keys = dp_result_columns(pipeline, true);
	char	   *target = dp_target_text(pipeline);
	int64		unlike;

	apply.pipeline = pipeline;
	apply.env = create_queryEnv();
	apply.time = dp_time_load(pipeline);
	if (apply.time)
		pipeline->query = dp_time_query(apply.time, pipeline->query);
	wanted = dp_wanted_rows(&apply);
	rules = dp_rules_load(pipeline, DP_RUN_FULL);
	if (rules != NULL)
		dp_rules_filter(rules, wanted, true);
	if (pipeline->key_columns == NIL)
	{
		counts[0] = count_of(&apply, psprintf("SELECT %s FROM %s EXCEPT ALL SELECT %s FROM %s",
											  columns, wanted->name, columns, target));
		counts[1] = count_of(&apply, psprintf("SELECT %s FROM %s EXCEPT ALL SELECT %s FROM %s",
											  columns, target, columns, wanted->name));
		counts[2] = 0;
		return;
	}
	counts[0] = count_of(&apply, psprintf("SELECT %s FROM %s EXCEPT ALL SELECT %s FROM %s",
										  keys, wanted->name, keys, target));
	counts[1] = count_of(&apply, psprintf("SELECT %s FROM %s EXCEPT ALL SELECT %s FROM %s",
										  keys, target, keys, wanted->name));
	unlike = count_of(&apply, psprintf("SELECT %s FROM %s EXCEPT ALL SELECT %s FROM %s",
									   columns, wanted->name, columns, target));
	counts[2] = Max(unlike - counts[0], 0);
}
