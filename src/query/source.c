/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Rows that a query reads where they stand, without a copy of them first.
 *
 * To parser and planner a source is a named tuplestore.  Once the plan is
 * made, each scan of it becomes a custom scan that pulls the rows from the
 * source, with the same columns, filter and result.  A scan has a cursor of its
 * own, so a query may name a source more than once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"

#include "query/field.h"
#include "query/tree.h"

/* Names in an environment are ours, so this one tells what stands behind it. */
#define SOURCE_PREFIX "dataplat_source_"

typedef struct SourceRelation
{
	EphemeralNamedRelationData enr;
	const DpRowSource *source;
} SourceRelation;

typedef struct SourceScan
{
	CustomScanState css;
	const DpRowSource *source;
	void	   *cursor;
} SourceScan;

/* What is done to the nodes of a plan. */
typedef struct PlanContext
{
	QueryEnvironment *env;
	Oid			field_function;
	List	   *documents;
} PlanContext;

static Plan *read_sources(Plan *plan, PlanContext *context);
static Node *create_scan(CustomScan *scan);
static void begin_scan(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_scan(CustomScanState *node);
static void end_scan(CustomScanState *node);
static void rescan(CustomScanState *node);

static const CustomScanMethods scan_methods = {
	.CustomName = "dataplat changed rows",
	.CreateCustomScanState = create_scan
};

static const CustomExecMethods exec_methods = {
	.CustomName = "dataplat changed rows",
	.BeginCustomScan = begin_scan,
	.ExecCustomScan = exec_scan,
	.EndCustomScan = end_scan,
	.ReScanCustomScan = rescan
};

char *
dp_query_name_source(QueryEnvironment *env, Oid relid, TupleDesc desc, const DpRowSource *source, double nrows)
{
	SourceRelation *relation = palloc0(sizeof(SourceRelation));

	relation->enr.md.name = psprintf(SOURCE_PREFIX "%u", relid);
	relation->enr.md.reliddesc = InvalidOid;
	relation->enr.md.tupdesc = desc;
	relation->enr.md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->enr.md.enrtuples = nrows;
	relation->source = source;
	register_ENR(env, &relation->enr);
	return relation->enr.md.name;
}

static const SourceRelation *
find_source(QueryEnvironment *env, const char *name)
{
	if (env == NULL || strncmp(name, SOURCE_PREFIX, strlen(SOURCE_PREFIX)) != 0)
		return NULL;
	return (const SourceRelation *) get_ENR(env, name);
}

/* ---- plans ---- */

/* Columns of the scanned rows are those of custom_scan_tlist. */
static Node *
index_var_mutator(Node *node, Index *scanrelid)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == (int) *scanrelid)
	{
		Var		   *var = copyObject((Var *) node);

		if (var->varattno <= 0)
			elog(ERROR, "a source of rows has no column %d", var->varattno);
		var->varno = INDEX_VAR;
		return (Node *) var;
	}
	return expression_tree_mutator(node, index_var_mutator, scanrelid);
}

static List *
all_columns(Index scanrelid, TupleDesc desc)
{
	List	   *targets = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		Expr	   *expr = attr->attisdropped ?
			(Expr *) makeNullConst(INT4OID, -1, InvalidOid) :
			(Expr *) makeVar(scanrelid, i + 1, attr->atttypid, attr->atttypmod, attr->attcollation, 0);

		targets = lappend(targets, makeTargetEntry(expr, i + 1, NULL, false));
	}
	return targets;
}

static Plan *
source_scan(NamedTuplestoreScan *from, const SourceRelation *relation)
{
	CustomScan *scan = makeNode(CustomScan);
	Index		scanrelid = from->scan.scanrelid;

	scan->scan.plan = from->scan.plan;
	scan->scan.plan.type = T_CustomScan;
	scan->scan.plan.targetlist = (List *) index_var_mutator((Node *) from->scan.plan.targetlist, &scanrelid);
	scan->scan.plan.qual = (List *) index_var_mutator((Node *) from->scan.plan.qual, &scanrelid);
	scan->scan.scanrelid = 0;
	scan->custom_scan_tlist = all_columns(scanrelid, relation->enr.md.tupdesc);
	scan->custom_relids = bms_make_singleton(scanrelid);
	scan->custom_private = list_make1(makeString(relation->enr.md.name));
	scan->methods = &scan_methods;
	return (Plan *) scan;
}

static void
replace_each(List *plans, PlanContext *context)
{
	ListCell   *lc;

	foreach(lc, plans)
		lfirst(lc) = read_sources(lfirst(lc), context);
}

static Plan *
read_sources(Plan *plan, PlanContext *context)
{
	if (plan == NULL)
		return NULL;
	if (OidIsValid(context->field_function))
		dp_plan_read_fields(plan, context->field_function, &context->documents);
	switch (nodeTag(plan))
	{
		case T_NamedTuplestoreScan:
			{
				const SourceRelation *relation = find_source(context->env, ((NamedTuplestoreScan *) plan)->enrname);

				return relation ? source_scan((NamedTuplestoreScan *) plan, relation) : plan;
			}
		case T_SubqueryScan:
			((SubqueryScan *) plan)->subplan = read_sources(((SubqueryScan *) plan)->subplan, context);
			break;
		case T_Append:
			replace_each(((Append *) plan)->appendplans, context);
			break;
		case T_MergeAppend:
			replace_each(((MergeAppend *) plan)->mergeplans, context);
			break;
		case T_CustomScan:
			replace_each(((CustomScan *) plan)->custom_plans, context);
			break;
		default:
			break;
	}
	plan->lefttree = read_sources(plan->lefttree, context);
	plan->righttree = read_sources(plan->righttree, context);
	return plan;
}

/* Let the plan, which is changed in place, read sources where it names them, and fields of documents our way. */
void
dp_plan_prepare(PlannedStmt *stmt, QueryEnvironment *env)
{
	PlanContext context = {env, dp_field_function(), NIL};

	stmt->planTree = read_sources(stmt->planTree, &context);
	replace_each(stmt->subplans, &context);
}

/* ---- execution ---- */

static Node *
create_scan(CustomScan *scan)
{
	SourceScan *state = palloc0(sizeof(SourceScan));

	NodeSetTag(state, T_CustomScanState);
	state->css.methods = &exec_methods;
	return (Node *) state;
}

static void
begin_scan(CustomScanState *node, EState *estate, int eflags)
{
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;

	((SourceScan *) node)->source = find_source(estate->es_queryEnv, strVal(linitial(scan->custom_private)))->source;
}

static TupleTableSlot *
next_row(ScanState *node)
{
	SourceScan *state = (SourceScan *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;
	MemoryContext old;
	bool		found;

	ExecClearTuple(slot);
	if (state->cursor == NULL)
	{
		old = MemoryContextSwitchTo(node->ps.state->es_query_cxt);
		state->cursor = state->source->begin(state->source);
		MemoryContextSwitchTo(old);
	}
	old = MemoryContextSwitchTo(node->ps.ps_ExprContext->ecxt_per_tuple_memory);
	found = state->source->next(state->cursor, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(old);
	return found ? ExecStoreVirtualTuple(slot) : slot;
}

static bool
recheck_row(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
exec_scan(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck_row);
}

static void
end_cursor(SourceScan *state)
{
	if (state->cursor != NULL)
		state->source->end(state->cursor);
	state->cursor = NULL;
}

static void
end_scan(CustomScanState *node)
{
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	end_cursor((SourceScan *) node);
}

static void
rescan(CustomScanState *node)
{
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	end_cursor((SourceScan *) node);
	ExecScanReScan(&node->ss);
}

/* All its rows in a tuplestore. */
void
dp_source_store(const DpRowSource *source, TupleDesc desc, Tuplestorestate *store)
{
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "dataplat source row", ALLOCSET_DEFAULT_SIZES);
	void	   *cursor = source->begin(source);
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);

	for (;;)
	{
		MemoryContext old = MemoryContextSwitchTo(row);
		bool		found = source->next(cursor, values, nulls);

		if (found)
			tuplestore_putvalues(store, desc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
		if (!found)
			break;
	}
	source->end(cursor);
	MemoryContextDelete(row);
}
