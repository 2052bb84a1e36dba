/*-------------------------------------------------------------------------
 *
 * columns_query.c
 *	  Where the columns and the rows of a query come from.
 *
 * Each query of the tree is read once and remembered, so that WITH items that
 * stand on each other's shoulders cost no more than their sum.  A recursive
 * item is read again until nothing is added: there is only a finite number of
 * sources.  Only what FROM reaches counts; a rewritten view leaves entries in
 * the range table that nobody reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/rel.h"

#include "common/compat.h"
#include "lineage/columns_int.h"

static void read_query(DpWalk *walk, DpQueryFlow *flow, List *stack);
static void from_item(Node *node, DpValue rows);

void
dp_flow_grow(DpQueryFlow *flow, int ncolumns)
{
	if (ncolumns <= flow->ncolumns)
		return;
	if (flow->columns == NULL)
		flow->columns = palloc0(ncolumns * sizeof(List *));
	else
	{
		flow->columns = repalloc(flow->columns, ncolumns * sizeof(List *));
		memset(flow->columns + flow->ncolumns, 0, (ncolumns - flow->ncolumns) * sizeof(List *));
	}
	flow->ncolumns = ncolumns;
}

List *
dp_flow_column(DpQueryFlow *flow, AttrNumber attno)
{
	return attno > 0 && attno <= flow->ncolumns ? flow->columns[attno - 1] : NIL;
}

static DpQueryFlow *
known(DpWalk *walk, Query *query, Oid view)
{
	ListCell   *lc;

	foreach(lc, walk->known)
	{
		DpQueryFlow *flow = lfirst(lc);

		if (OidIsValid(view) ? flow->view == view : flow->query == query)
			return flow;
	}
	return NULL;
}

static DpQueryFlow *
remember(DpWalk *walk, Query *query, Oid view)
{
	DpQueryFlow *flow = palloc0(sizeof(DpQueryFlow));

	flow->query = query;
	flow->view = view;
	walk->known = lappend(walk->known, flow);
	return flow;
}

DpQueryFlow *
dp_flow_query(DpWalk *walk, Query *query, List *parents)
{
	DpQueryFlow *flow = known(walk, query, InvalidOid);

	if (flow == NULL)
	{
		CHECK_FOR_INTERRUPTS();
		check_stack_depth();
		flow = remember(walk, query, InvalidOid);
		read_query(walk, flow, lcons(query, list_copy(parents)));
	}
	return flow;
}

/* A view in a tree that was not rewritten. */
DpQueryFlow *
dp_flow_view(DpWalk *walk, Oid view)
{
	DpQueryFlow *flow = known(walk, NULL, view);

	if (flow == NULL)
	{
		Relation	rel = table_open(view, AccessShareLock);
		Query	   *query = copyObject(get_view_query(rel));

		table_close(rel, NoLock);
		check_stack_depth();
		flow = remember(walk, query, view);
		read_query(walk, flow, list_make1(query));
	}
	return flow;
}

static int
size_of(DpQueryFlow *flow)
{
	int			size = list_length(flow->rows) + list_length(flow->reads) + list_length(flow->touches);

	for (int i = 0; i < flow->ncolumns; i++)
		size += list_length(flow->columns[i]);
	return size;
}

/* Read a recursive WITH item until it says nothing new; what it holds is read again with it. */
static DpQueryFlow *
recursive_query(DpWalk *walk, Query *query, List *parents)
{
	DpQueryFlow *flow = remember(walk, query, InvalidOid);
	int			before = list_length(walk->known);
	int			size;

	do
	{
		CHECK_FOR_INTERRUPTS();
		walk->known = list_truncate(walk->known, before);
		size = size_of(flow);
		read_query(walk, flow, lcons(query, list_copy(parents)));
	} while (size_of(flow) > size);
	return flow;
}

/* SEARCH and CYCLE add columns made of those that they name; the rewriter has yet to write them down. */
static void
add_search_columns(DpQueryFlow *flow, CommonTableExpr *cte)
{
	int			written = list_length(((Query *) cte->ctequery)->targetList);
	int			ncolumns = list_length(cte->ctecolnames);

	if ((cte->search_clause == NULL && cte->cycle_clause == NULL) || ncolumns <= written)
		return;
	dp_flow_grow(flow, ncolumns);
	for (int i = written; i < ncolumns; i++)
	{
		for (int j = 0; j < written; j++)
			dp_flow_add_all(&flow->columns[i], flow->columns[j], DP_LINEAGE_TRANSFORMATION, false);
	}
}

DpQueryFlow *
dp_flow_cte(DpWalk *walk, RangeTblEntry *rte, List *stack)
{
	List	   *parents = list_copy_tail(stack, rte->ctelevelsup);
	ListCell   *lc;

	if (parents == NIL)
		return NULL;
	foreach(lc, linitial_node(Query, parents)->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);
		Query	   *query = (Query *) cte->ctequery;
		DpQueryFlow *flow;

		if (strcmp(cte->ctename, rte->ctename) != 0 || !IsA(query, Query))
			continue;
		flow = known(walk, query, InvalidOid);
		if (flow == NULL && cte->cterecursive)
			flow = recursive_query(walk, query, parents);
		else if (flow == NULL)
			flow = dp_flow_query(walk, query, parents);
		add_search_columns(flow, cte);
		return flow;
	}
	return NULL;
}

/* ---- FROM ---- */

/* The rows of a subquery are rows of ours. */
static void
from_query(DpQueryFlow *inner, DpValue rows)
{
	dp_flow_add_all(rows.into, inner->rows, DP_LINEAGE_IDENTITY, false);
	dp_flow_add_all(&rows.flow->reads, inner->reads, DP_LINEAGE_FILTER, false);
	dp_flow_add_all(&rows.flow->touches, inner->touches, DP_LINEAGE_FILTER, false);
}

static void
step_rows(Node *node, DpValue rows, DpLineageKind kind)
{
	rows.kind = kind;
	dp_flow_value(node, rows);
}

static void
from_relation(RangeTblEntry *rte, DpValue rows)
{
	if (rte->relkind == RELKIND_VIEW && !rows.walk->stop_at_views)
		from_query(dp_flow_view(rows.walk, rte->relid), rows);
	else
		dp_flow_add(&rows.flow->reads, rte->relid, 0, NULL, DP_LINEAGE_FILTER, false);
	step_rows((Node *) rte->securityQuals, rows, DP_LINEAGE_FILTER);
	if (rte->tablesample)
	{
		step_rows((Node *) rte->tablesample->args, rows, DP_LINEAGE_FILTER);
		step_rows((Node *) rte->tablesample->repeatable, rows, DP_LINEAGE_FILTER);
	}
}

/* How many rows a function returns is decided by its arguments. */
static void
from_functions(RangeTblEntry *rte, DpValue rows)
{
	ListCell   *lc;

	rows.kind = DP_LINEAGE_JOIN;
	foreach(lc, rte->functions)
		dp_flow_function_args(lfirst_node(RangeTblFunction, lc), rows);
}

static void
from_entry(int rtindex, DpValue rows)
{
	Query	   *query = linitial_node(Query, rows.stack);
	RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			if (rtindex != query->resultRelation)
				from_relation(rte, rows);
			break;
		case RTE_SUBQUERY:
			if (OidIsValid(rte->relid) && rows.walk->stop_at_views)
				dp_flow_add(&rows.flow->reads, rte->relid, 0, NULL, DP_LINEAGE_FILTER, false);
			else
				from_query(dp_flow_query(rows.walk, rte->subquery, rows.stack), rows);
			step_rows((Node *) rte->securityQuals, rows, DP_LINEAGE_FILTER);
			break;
		case RTE_CTE:
			{
				DpQueryFlow *inner = dp_flow_cte(rows.walk, rte, rows.stack);

				if (inner && inner != rows.flow)
					from_query(inner, rows);
			}
			break;
		case RTE_FUNCTION:
			from_functions(rte, rows);
			break;
		case RTE_TABLEFUNC:
			step_rows(rte->tablefunc->docexpr, rows, DP_LINEAGE_JOIN);
			step_rows(rte->tablefunc->rowexpr, rows, DP_LINEAGE_JOIN);
			break;
		case RTE_NAMEDTUPLESTORE:
			dp_flow_add(&rows.flow->reads, InvalidOid, 0, psprintf("tuplestore:%s", rte->enrname),
						DP_LINEAGE_FILTER, false);
			break;
		default:
			break;
	}
}

/* A condition that compares columns of two relations joins them, wherever it stands. */
static void
conditions(Node *quals, DpValue rows, DpLineageKind kind)
{
	ListCell   *lc;

	if (quals == NULL)
		return;
	foreach(lc, IsA(quals, List) ? (List *) quals : make_ands_implicit((Expr *) quals))
	{
		Node	   *qual = lfirst(lc);
		bool		joins = IsA(qual, OpExpr) && bms_membership(pull_varnos(NULL, qual)) == BMS_MULTIPLE;

		step_rows(qual, rows, joins ? DP_LINEAGE_JOIN : kind);
	}
}

static void
from_item(Node *node, DpValue rows)
{
	ListCell   *lc;

	if (node == NULL)
		return;
	check_stack_depth();
	if (IsA(node, RangeTblRef))
		from_entry(((RangeTblRef *) node)->rtindex, rows);
	else if (IsA(node, JoinExpr))
	{
		from_item(((JoinExpr *) node)->larg, rows);
		from_item(((JoinExpr *) node)->rarg, rows);
		step_rows(((JoinExpr *) node)->quals, rows, DP_LINEAGE_JOIN);
	}
	else if (IsA(node, FromExpr))
	{
		Query	   *query = linitial_node(Query, rows.stack);

		foreach(lc, ((FromExpr *) node)->fromlist)
			from_item(lfirst(lc), rows);
		conditions(((FromExpr *) node)->quals, rows,
				   query->commandType == CMD_MERGE ? DP_LINEAGE_JOIN : DP_LINEAGE_FILTER);
	}
}

/* ---- set operations ---- */

/*
 * Columns are those of all members, by place.  What EXCEPT takes away only
 * decides which rows stay; without ALL rows are compared column by column.
 */
static void
set_member(Node *node, DpValue rows, bool taken_away)
{
	if (IsA(node, RangeTblRef))
	{
		Query	   *query = linitial_node(Query, rows.stack);
		RangeTblEntry *rte = rt_fetch(((RangeTblRef *) node)->rtindex, query->rtable);
		DpQueryFlow *inner = dp_flow_query(rows.walk, rte->subquery, rows.stack);

		from_query(inner, rows);
		for (int i = 0; i < rows.flow->ncolumns; i++)
		{
			if (taken_away)
				dp_flow_add_all(rows.into, dp_flow_column(inner, i + 1), DP_LINEAGE_FILTER, false);
			else
				dp_flow_add_all(&rows.flow->columns[i], dp_flow_column(inner, i + 1), DP_LINEAGE_IDENTITY, false);
		}
	}
	else
	{
		SetOperationStmt *op = castNode(SetOperationStmt, node);

		check_stack_depth();
		set_member(op->larg, rows, taken_away);
		set_member(op->rarg, rows, taken_away || op->op == SETOP_EXCEPT);
	}
}

static bool
compares_rows(Node *node)
{
	SetOperationStmt *op = (SetOperationStmt *) node;

	return IsA(node, SetOperationStmt) &&
		(!op->all || op->op != SETOP_UNION || compares_rows(op->larg) || compares_rows(op->rarg));
}

static void
set_operation(DpValue rows)
{
	Query	   *query = linitial_node(Query, rows.stack);

	dp_flow_grow(rows.flow, list_length(query->targetList));
	set_member(query->setOperations, rows, false);
	if (compares_rows(query->setOperations))
	{
		for (int i = 0; i < rows.flow->ncolumns; i++)
			dp_flow_add_all(rows.into, rows.flow->columns[i], DP_LINEAGE_GROUP_BY, false);
	}
}

/* ---- the query ---- */

static void
columns_of(List *targets, DpQueryFlow *flow, DpValue value)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		dp_flow_grow(flow, tle->resno);
		value.into = &flow->columns[tle->resno - 1];
		dp_flow_value((Node *) tle->expr, value);
	}
}

/* GROUP BY, DISTINCT, ORDER BY name entries of the target list. */
static void
named_columns(List *clauses, DpValue rows, DpLineageKind kind)
{
	ListCell   *lc;
	Query	   *query = linitial_node(Query, rows.stack);

	foreach(lc, clauses)
	{
		TargetEntry *tle = get_sortgroupclause_tle(lfirst_node(SortGroupClause, lc), query->targetList);

		dp_flow_add_all(rows.into, dp_flow_column(rows.flow, tle->resno), kind, false);
	}
}

static void
read_query(DpWalk *walk, DpQueryFlow *flow, List *stack)
{
	Query	   *query = linitial_node(Query, stack);
	DpValue		value = {walk, stack, flow, DP_LINEAGE_IDENTITY, false, NULL};
	DpValue		rows = {walk, stack, flow, DP_LINEAGE_FILTER, false, &flow->rows};
	ListCell   *lc;

	/* A WITH item that writes is done whether or not somebody reads it. */
	foreach(lc, query->cteList)
	{
		Query	   *item = (Query *) lfirst_node(CommonTableExpr, lc)->ctequery;

		if (IsA(item, Query) && item->commandType != CMD_SELECT)
			(void) dp_flow_query(walk, item, stack);
	}
	from_item((Node *) query->jointree, rows);
	step_rows(dp_merge_condition(query), rows, DP_LINEAGE_JOIN);
	if (query->setOperations)
		set_operation(rows);
	else if (query->commandType == CMD_SELECT)
	{
		columns_of(query->targetList, flow, value);
		named_columns(query->groupClause, rows, DP_LINEAGE_GROUP_BY);
		step_rows(query->havingQual, rows, DP_LINEAGE_FILTER);
	}
	else
	{
		columns_of(query->returningList, flow, value);
		dp_flow_write(walk, flow, stack);
	}
	if (query->commandType == CMD_SELECT)
	{
		named_columns(query->distinctClause, rows, DP_LINEAGE_GROUP_BY);
		named_columns(query->sortClause, rows, DP_LINEAGE_SORT);
		step_rows(query->limitOffset, rows, DP_LINEAGE_FILTER);
		step_rows(query->limitCount, rows, DP_LINEAGE_FILTER);
	}
}
