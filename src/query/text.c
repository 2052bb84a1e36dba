/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Pieces of SQL that we write ourselves, and running trees.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "query/tree.h"

void
dp_say_where(void *text)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(text);
	}
}

char *
dp_relation_text(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

char *
dp_type_text(Oid type, int32 typmod)
{
	return format_type_extended(type, typmod,
								FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

char *
dp_collation_text(Oid collation)
{
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;
	char	   *result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	result = quote_qualified_identifier(get_namespace_name(form->collnamespace), NameStr(form->collname));
	ReleaseSysCache(tuple);
	return result;
}

Oid
dp_operator_namespace(Oid op)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(op));
	Oid			namespace;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", op);
	namespace = ((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace;
	ReleaseSysCache(tuple);
	return namespace;
}

Query *
dp_tree_parse(const char *text, QueryEnvironment *env)
{
	List	   *raw = pg_parse_query(text);
	List	   *trees;

	Assert(list_length(raw) == 1);
	trees = pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, raw), text, NULL, 0, env);
	Assert(list_length(trees) == 1);
	return linitial_node(Query, trees);
}

/* Who wants to see plans. */
static DpPlans *plans = NULL;

DpPlans *
dp_query_explain(DpPlans *wanted)
{
	DpPlans    *before = plans;

	plans = wanted;
	return before;
}

void
dp_query_title(const char *title)
{
	if (plans != NULL)
	{
		plans->title = title;
		plans->nth = 0;
	}
}

static void
explain_query(QueryDesc *desc)
{
	ExplainState *es = NewExplainState();

	es->analyze = plans->analyze;
	es->buffers = plans->analyze;
	es->timing = plans->analyze;
	es->costs = !plans->analyze;
	ExplainBeginOutput(es);
	ExplainPrintPlan(es, desc);
	ExplainEndOutput(es);
	appendStringInfo(plans->text, "-- %s", plans->title ? plans->title : "query");
	if (++plans->nth > 1)
		appendStringInfo(plans->text, " (%d)", plans->nth);
	appendStringInfo(plans->text, "\n%s\n", es->str->data);
}

uint64
dp_query_run(Query *tree, const char *text, QueryEnvironment *env, DestReceiver *dest)
{
	PlannedStmt *plan = pg_plan_query(tree, text, CURSOR_OPT_PARALLEL_OK, NULL);
	QueryDesc  *desc;
	uint64		rows = 0;
	bool		run = plans == NULL || plans->analyze;

	dp_plan_prepare(plan, env);
	/* What this transaction wrote so far counts. */
	CommandCounterIncrement();
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	desc = CreateQueryDesc(plan, text, GetActiveSnapshot(), InvalidSnapshot, dest, NULL, env,
						   run && plans != NULL ? INSTRUMENT_ALL : 0);
	ExecutorStart(desc, run ? 0 : EXEC_FLAG_EXPLAIN_ONLY);
	if (run)
	{
		dp_executor_run(desc, ForwardScanDirection, 0);
		ExecutorFinish(desc);
		rows = desc->estate->es_processed;
	}
	if (plans != NULL)
		explain_query(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();
	return rows;
}

uint64
dp_query_run_text(const char *text, QueryEnvironment *env, DestReceiver *dest)
{
	return dp_query_run(dp_tree_parse(text, env), text, env, dest);
}

void
dp_query_name_rows(QueryEnvironment *env, const char *name, TupleDesc desc,
				   Tuplestorestate *rows, double nrows)
{
	EphemeralNamedRelation relation = palloc0(sizeof(EphemeralNamedRelationData));

	relation->md.name = pstrdup(name);
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = nrows;
	relation->reldata = rows;
	register_ENR(env, relation);
}

DpRows *
dp_rows_new(QueryEnvironment *env, TupleDesc like)
{
	DpRows	   *rows = dp_rows_like(env, like);

	for (int i = 0; i < rows->desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(rows->desc, i);

		snprintf(NameStr(attr->attname), NAMEDATALEN, "c%d", i + 1);
	}
	return rows;
}

DpRows *
dp_rows_like(QueryEnvironment *env, TupleDesc desc)
{
	static uint64 counter = 0;
	DpRows	   *rows = palloc0(sizeof(DpRows));

	rows->env = env;
	rows->name = psprintf("dataplat_rows_" UINT64_FORMAT, ++counter);
	rows->desc = CreateTupleDescCopy(desc);
	rows->store = tuplestore_begin_heap(true, false, work_mem);
	return rows;
}

DestReceiver *
dp_rows_receiver(DpRows *rows)
{
	DestReceiver *dest;

	if (rows->to != NULL)
		return rows->to;
	dest = CreateTuplestoreDestReceiver();

	SetTuplestoreDestReceiverParams(dest, rows->store, CurrentMemoryContext, false, NULL, NULL);
	return dest;
}

/* No more rows will come: let queries name them. */
void
dp_rows_name(DpRows *rows)
{
	dp_query_name_rows(rows->env, rows->name, rows->desc, rows->store, (double) Max(rows->n, 1));
}

void
dp_rows_free(DpRows *rows)
{
	if (get_ENR(rows->env, rows->name) != NULL)
		unregister_ENR(rows->env, rows->name);
	tuplestore_end(rows->store);
	FreeTupleDesc(rows->desc);
	pfree(rows);
}

/* left = right, by an operator of a type's own */
Node *
dp_equality(Oid op, Node *left, Node *right, Oid collation)
{
	Expr	   *expr = make_opclause(op, BOOLOID, false, (Expr *) left, (Expr *) right, InvalidOid, collation);

	set_opfuncid((OpExpr *) expr);
	return (Node *) expr;
}
