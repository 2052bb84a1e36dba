/*-------------------------------------------------------------------------
 *
 * trace.c
 *	  Which rows of the inputs a row of the result is made of.
 *
 * Nothing is stored for this.  The query's own FROM and WHERE are run for the
 * row's key, with the rows of the base relations in the place of the result;
 * a subquery in FROM is followed the same way, by the rows of it that were
 * met.  Subqueries in expressions decide whether and what, but are not
 * followed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/derive.h"

typedef struct Trace
{
	DpDerive   *derive;
	int			max_rows;		/* of each relation at each place */
	DpTraceRow	found;
	void	   *arg;
} Trace;

static void trace_query(Trace *trace, Query *query, List *columns, DpRows *keys);

static DpRows *
distinct_limited(Trace *trace, DpRows *rows)
{
	DpRows	   *result = dp_rows_new(trace->derive->env, rows->desc);
	DestReceiver *dest = dp_rows_receiver(result);

	dp_rows_name(rows);
	result->n = (int64) dp_query_run_text(psprintf("SELECT DISTINCT * FROM %s LIMIT %d", rows->name, trace->max_rows),
										  trace->derive->env, dest);
	dest->rDestroy(dest);
	dp_rows_free(rows);
	dp_rows_name(result);
	return result;
}

/* Values of "exprs" over the FROM of a level, for its rows with these keys. */
static DpRows *
values_of(Trace *trace, Query *level, List *exprs, TupleDesc desc, List *columns, DpRows *keys)
{
	DpRows	   *rows = dp_rows_new(trace->derive->env, desc);
	DestReceiver *dest = dp_rows_receiver(rows);
	List	   *key_exprs = NIL;
	List	   *places = NIL;
	ListCell   *lc;
	int			place = 0;

	/* Only what can be said of a row before grouping tells rows apart here. */
	foreach(lc, columns)
	{
		Node	   *expr = (Node *) dp_tree_column(level, lfirst_int(lc))->expr;

		if (!contain_agg_clause(expr) && !contain_window_function(expr) && !expression_returns_set(expr))
		{
			key_exprs = lappend(key_exprs, expr);
			places = lappend_int(places, place);
		}
		place++;
	}
	rows->n = dp_run_for_keys(trace->derive, level, exprs, key_exprs, places, keys, dest);
	dest->rDestroy(dest);
	return rows;
}

static void
trace_relation(Trace *trace, Query *level, int rtindex, RangeTblEntry *rte, List *columns, DpRows *keys)
{
	Var		   *whole = makeWholeRowVar(rte, rtindex, 0, false);
	Node	   *expr = (Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(whole), InvalidOid, InvalidOid,
											 COERCE_EXPLICIT_CALL);
	TupleDesc	desc = CreateTemplateTupleDesc(1);
	DpRows	   *rows;
	TupleTableSlot *slot;

	TupleDescInitEntry(desc, 1, "c1", JSONBOID, -1, 0);
	rows = distinct_limited(trace, values_of(trace, level, list_make1(expr), desc, columns, keys));
	slot = MakeSingleTupleTableSlot(rows->desc, &TTSOpsMinimalTuple);
	tuplestore_rescan(rows->store);
	while (tuplestore_gettupleslot(rows->store, true, false, slot))
	{
		slot_getallattrs(slot);
		/* An outer join that found nothing. */
		if (!slot->tts_isnull[0])
			trace->found(trace->arg, rte->relid, slot->tts_values[0]);
	}
	ExecDropSingleTupleTableSlot(slot);
	dp_rows_free(rows);
}

/* Columns of a subquery that can be compared, and the rows of it that were met. */
static void
trace_subquery(Trace *trace, Query *level, int rtindex, RangeTblEntry *rte, List *columns, DpRows *keys)
{
	List	   *exprs = NIL;
	List	   *inner = NIL;
	TupleDesc	desc;
	int			place = 0;
	int			n = 0;
	ListCell   *lc;
	DpRows	   *rows;

	desc = CreateTemplateTupleDesc(ExecCleanTargetListLength(rte->subquery->targetList));
	foreach(lc, rte->subquery->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Var		   *var;

		if (tle->resjunk)
			continue;
		var = makeVarFromTargetEntry(rtindex, tle);
		var->varattno = ++place;
		if (!OidIsValid(lookup_type_cache(var->vartype, TYPECACHE_EQ_OPR)->eq_opr) ||
			!OidIsValid(lookup_type_cache(var->vartype, TYPECACHE_LT_OPR)->lt_opr))
			continue;
		exprs = lappend(exprs, var);
		inner = lappend_int(inner, place - 1);
		TupleDescInitEntry(desc, ++n, NULL, var->vartype, var->vartypmod, 0);
		TupleDescInitEntryCollation(desc, n, var->varcollid);
	}
	if (exprs == NIL)
		return;
	desc->natts = n;
	rows = distinct_limited(trace, values_of(trace, level, exprs, desc, columns, keys));
	if (rows->n > 0)
		trace_query(trace, rte->subquery, inner, rows);
	dp_rows_free(rows);
}

static void
trace_query(Trace *trace, Query *query, List *columns, DpRows *keys)
{
	List	   *leaves;
	ListCell   *lc;

	if (query->setOperations != NULL)
	{
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_SUBQUERY && rte->subquery != NULL)
				trace_query(trace, rte->subquery, columns, keys);
		}
		return;
	}
	leaves = dp_tree_leaves(query);
	foreach(lc, leaves)
	{
		RangeTblEntry *rte = rt_fetch(lfirst_int(lc), query->rtable);

		if (rte->rtekind == RTE_RELATION)
			trace_relation(trace, query, lfirst_int(lc), rte, columns, keys);
		else if (rte->rtekind == RTE_SUBQUERY && !rte->lateral)
			trace_subquery(trace, query, lfirst_int(lc), rte, columns, keys);
	}
}

void
dp_derive_trace(DpDerive *derive, List *columns, DpRows *keys, int max_rows,
				DpTraceRow found, void *arg)
{
	Trace		trace = {derive, max_rows, found, arg};

	trace_query(&trace, derive->query->tree, columns, keys);
}
