/*-------------------------------------------------------------------------
 *
 * keys.c
 *	  Which columns of a result tell its rows apart, read off the query.
 *
 * GROUP BY: what it groups by.  DISTINCT, and set operations without ALL: all
 * columns.  A join: the keys of everything in FROM together, a base table's
 * being its primary key.  All of them must be columns of the result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/rel.h"

#include "query/tree.h"

static bool keys_of(const Query *query, List **columns);

/* The place (from 0) of an expression among the columns of the result, or -1. */
static int
place_of(const Query *query, Node *expr)
{
	int			place = 0;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk)
			continue;
		if (equal(tle->expr, expr))
			return place;
		place++;
	}
	return -1;
}

static bool
add_places(const Query *query, List *exprs, List **columns)
{
	ListCell   *lc;

	foreach(lc, exprs)
	{
		int			place = place_of(query, lfirst(lc));

		if (place < 0)
			return false;
		*columns = list_append_unique_int(*columns, place);
	}
	return true;
}

static void
all_columns(const Query *query, List **columns)
{
	int			n = ExecCleanTargetListLength(query->targetList);

	for (int i = 0; i < n; i++)
		*columns = list_append_unique_int(*columns, i);
}

/* A column of an entry of FROM, as a column of the result. */
static bool
add_column(const Query *query, int rtindex, AttrNumber attno, List **columns)
{
	int			place = 0;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Var		   *var = (Var *) tle->expr;

		if (tle->resjunk)
			continue;
		if (IsA(var, Var) && var->varno == rtindex && var->varattno == attno && var->varlevelsup == 0)
		{
			*columns = list_append_unique_int(*columns, place);
			return true;
		}
		place++;
	}
	return false;
}

static bool
add_primary_key(const Query *query, int rtindex, Oid relid, List **columns)
{
	Relation	relation = table_open(relid, AccessShareLock);
	Bitmapset  *key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	int			member = -1;

	table_close(relation, NoLock);
	if (bms_is_empty(key))
		return false;
	while ((member = bms_next_member(key, member)) >= 0)
	{
		if (!add_column(query, rtindex, member + FirstLowInvalidHeapAttributeNumber, columns))
			return false;
	}
	return true;
}

static bool
keys_of_from(const Query *query, Node *node, List **columns)
{
	ListCell   *lc;

	if (IsA(node, FromExpr))
	{
		foreach(lc, ((FromExpr *) node)->fromlist)
		{
			if (!keys_of_from(query, lfirst(lc), columns))
				return false;
		}
		return true;
	}
	if (IsA(node, JoinExpr))
		return keys_of_from(query, ((JoinExpr *) node)->larg, columns) &&
			keys_of_from(query, ((JoinExpr *) node)->rarg, columns);
	if (IsA(node, RangeTblRef))
	{
		int			rtindex = ((RangeTblRef *) node)->rtindex;
		RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);
		List	   *inner = NIL;

		if (rte->rtekind == RTE_RELATION)
			return add_primary_key(query, rtindex, rte->relid, columns);
		if (rte->rtekind != RTE_SUBQUERY || !keys_of(rte->subquery, &inner))
			return false;
		foreach(lc, inner)
		{
			if (!add_column(query, rtindex, lfirst_int(lc) + 1, columns))
				return false;
		}
		return true;
	}
	return false;
}

/* Does a function of the target list, other than what is grouped by, return a set? */
static bool
sets_beside_groups(const Query *query)
{
	List	   *groups = get_sortgrouplist_exprs(query->groupClause, query->targetList);
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		if (expression_returns_set(expr) && !list_member(groups, expr))
			return true;
	}
	return false;
}

static bool
keys_of(const Query *query, List **columns)
{
	if (query->setOperations != NULL)
	{
		if (((SetOperationStmt *) query->setOperations)->all)
			return false;
		all_columns(query, columns);
		return true;
	}
	if (query->distinctClause != NIL)
		return add_places(query, get_sortgrouplist_exprs(query->distinctClause, query->targetList), columns);
	if (sets_beside_groups(query))
		return false;
	if (query->groupClause != NIL && query->groupingSets == NIL)
		return add_places(query, get_sortgrouplist_exprs(query->groupClause, query->targetList), columns);
	if (dp_tree_has_group(query))
		return query->groupingSets == NIL;	/* one row: nothing is needed */
	if (query->jointree->fromlist == NIL)
		return true;
	return keys_of_from(query, (Node *) query->jointree, columns);
}

bool
dp_query_keys(const DpQuery *query, List **columns)
{
	*columns = NIL;
	return keys_of(query->tree, columns);
}
