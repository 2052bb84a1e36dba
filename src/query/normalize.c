/*-------------------------------------------------------------------------
 *
 * normalize.c
 *	  One level of a Query tree in the shape that the derivations expect.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_agg.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"

#include "query/tree.h"

/* CUBE over eight columns is the most that becomes a UNION ALL. */
#define MAX_GROUPING_SETS 256

typedef struct GroupingContext
{
	List	   *absent;			/* grouping expressions that the set leaves out */
	List	   *present;		/* and those that it has */
	List	   *set;			/* sort-group references that it has */
	int			levels;			/* how deep in subqueries of expressions */
} GroupingContext;

static void flatten_joins(Query *query);
static void expand_sets(Query *query);
static Query *one_set(const Query *query, List *set, List *every);
static Node *grouping_mutator(Node *node, GroupingContext *context);

void
dp_tree_normalize(Query *query)
{
	dp_flatten_group_exprs(query);
	if (query->setOperations == NULL)
		flatten_joins(query);
	if (query->groupingSets != NIL && query->setOperations == NULL &&
		query->windowClause == NIL && query->distinctClause == NIL &&
		query->limitCount == NULL && query->limitOffset == NULL)
		expand_sets(query);
}

bool
dp_tree_has_group(const Query *query)
{
	return query->groupClause != NIL || query->groupingSets != NIL ||
		query->hasAggs || query->havingQual != NULL;
}

bool
dp_tree_is_plain(const Query *query)
{
	return query->setOperations == NULL && !dp_tree_has_group(query) &&
		query->windowClause == NIL && query->distinctClause == NIL &&
		query->limitCount == NULL && query->limitOffset == NULL;
}

bool
dp_query_is_plain(const DpQuery *query)
{
	return dp_tree_is_plain(query->tree);
}

bool
dp_query_is_one_row(const DpQuery *query)
{
	const Query *tree = query->tree;

	return tree->setOperations == NULL && dp_tree_has_group(tree) && tree->groupClause == NIL &&
		list_length(tree->groupingSets) <= 1;
}

/* The n-th column (from 0) of the result. */
TargetEntry *
dp_tree_column(const Query *query, int column)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && column-- == 0)
			return tle;
	}
	elog(ERROR, "query has no such column");
}

/* Columns of a join become columns of its sides. */
static void
flatten_joins(Query *query)
{
	ListCell   *lc;

	query->targetList = (List *) dp_flatten_join_alias_vars(query, (Node *) query->targetList);
	query->havingQual = dp_flatten_join_alias_vars(query, query->havingQual);
	query->jointree = (FromExpr *) dp_flatten_join_alias_vars(query, (Node *) query->jointree);
	foreach(lc, query->windowClause)
	{
		WindowClause *window = lfirst_node(WindowClause, lc);

		window->startOffset = dp_flatten_join_alias_vars(query, window->startOffset);
		window->endOffset = dp_flatten_join_alias_vars(query, window->endOffset);
	}
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY && rte->lateral)
			rte->subquery = (Query *) dp_flatten_join_alias_vars(query, (Node *) rte->subquery);
		else if (rte->rtekind == RTE_FUNCTION)
			rte->functions = (List *) dp_flatten_join_alias_vars(query, (Node *) rte->functions);
		else if (rte->rtekind == RTE_TABLEFUNC)
			rte->tablefunc = (TableFunc *) dp_flatten_join_alias_vars(query, (Node *) rte->tablefunc);
		else if (rte->rtekind == RTE_VALUES)
			rte->values_lists = (List *) dp_flatten_join_alias_vars(query, (Node *) rte->values_lists);
	}
}

static bool
is_referenced(const Query *query, Index ref)
{
	ListCell   *lc;

	if (ref == 0)
		return false;
	if (get_sortgroupref_clause_noerr(ref, query->groupClause) != NULL ||
		get_sortgroupref_clause_noerr(ref, query->distinctClause) != NULL ||
		get_sortgroupref_clause_noerr(ref, query->sortClause) != NULL)
		return true;
	foreach(lc, query->windowClause)
	{
		WindowClause *window = lfirst_node(WindowClause, lc);

		if (get_sortgroupref_clause_noerr(ref, window->partitionClause) != NULL ||
			get_sortgroupref_clause_noerr(ref, window->orderClause) != NULL)
			return true;
	}
	return false;
}

/*
 * A table has no order: at the top ORDER BY means something only beside LIMIT
 * and DISTINCT ON.  (Below, an ARRAY() or an aggregate may look at it.)
 */
void
dp_tree_drop_order(Query *query)
{
	List	   *kept = NIL;
	ListCell   *lc;

	if (query->limitCount != NULL || query->limitOffset != NULL || query->hasDistinctOn)
		return;
	query->sortClause = NIL;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk && !is_referenced(query, tle->ressortgroupref))
			continue;
		kept = lappend(kept, tle);
		tle->resno = list_length(kept);
	}
	query->targetList = kept;
}

/* A set operation of n queries with the columns of "like", its arms empty shells. */
static Query *
union_shell(const Query *like, int n)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	for (int i = 0; i < n; i++)
	{
		const char *comma = "";

		appendStringInfoString(&text, i > 0 ? " UNION ALL SELECT " : "SELECT ");
		foreach(lc, like->targetList)
		{
			TargetEntry *tle = lfirst_node(TargetEntry, lc);

			if (tle->resjunk)
				continue;
			appendStringInfo(&text, "%sNULL::%s AS %s", comma,
							 dp_type_text(exprType((Node *) tle->expr), exprTypmod((Node *) tle->expr)),
							 quote_identifier(tle->resname));
			comma = ", ";
		}
	}
	return dp_tree_parse(text.data, NULL);
}

/* GROUP BY GROUPING SETS (a, b, ...) = GROUP BY a UNION ALL GROUP BY b ... */
static void
expand_sets(Query *query)
{
	List	   *sets = expand_grouping_sets(query->groupingSets, query->groupDistinct, MAX_GROUPING_SETS);
	List	   *every = NIL;
	Query	   *shell;
	ListCell   *lc;
	int			arm = 0;

	foreach(lc, query->groupClause)
		every = lappend_int(every, lfirst_node(SortGroupClause, lc)->tleSortGroupRef);
	if (list_length(sets) == 1)
	{
		*query = *one_set(query, linitial(sets), every);
		return;
	}

	shell = union_shell(query, list_length(sets));
	foreach(lc, shell->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		rte->subquery = one_set(query, list_nth(sets, arm++), every);
		IncrementVarSublevelsUp((Node *) rte->subquery, 1, 1);
	}
	*query = *shell;
}

/* The same query with one grouping set. */
static Query *
one_set(const Query *query, List *set, List *every)
{
	Query	   *copy = copyObject(unconstify(Query *, query));
	GroupingContext context = {NIL, NIL, set, 0};
	List	   *clauses = NIL;
	List	   *targets = NIL;
	ListCell   *lc;

	foreach(lc, every)
	{
		Index		ref = lfirst_int(lc);
		Expr	   *expr = get_sortgroupref_tle(ref, query->targetList)->expr;

		if (list_member_int(set, ref))
		{
			clauses = lappend(clauses, get_sortgroupref_clause(ref, copy->groupClause));
			context.present = lappend(context.present, expr);
		}
		else if (!IsA(expr, Const))
			context.absent = lappend(context.absent, expr);
	}
	copy->groupClause = clauses;
	copy->groupDistinct = false;
	copy->sortClause = NIL;
	copy->groupingSets = clauses != NIL ? NIL :
		list_make1(makeGroupingSet(GROUPING_SET_EMPTY, NIL, -1));
	foreach(lc, copy->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		bool		absent = list_member_int(every, tle->ressortgroupref) &&
			!list_member_int(set, tle->ressortgroupref);

		if (absent && tle->resjunk)
			continue;
		if (absent)
		{
			tle->ressortgroupref = 0;
			tle->expr = (Expr *) makeNullConst(exprType((Node *) tle->expr), exprTypmod((Node *) tle->expr),
											   exprCollation((Node *) tle->expr));
		}
		else if (tle->ressortgroupref == 0)
			tle->expr = (Expr *) grouping_mutator((Node *) tle->expr, &context);
		targets = lappend(targets, tle);
		tle->resno = list_length(targets);
	}
	copy->targetList = targets;
	copy->havingQual = grouping_mutator(copy->havingQual, &context);
	return copy;
}

/* Is it one of these, seen from so many levels farther down? */
static bool
is_one_of(Node *node, List *exprs, int levels)
{
	Var		   *var;

	if (levels == 0)
		return list_member(exprs, node);
	/* In a subquery PostgreSQL takes columns of the groups, and no expressions. */
	if (!IsA(node, Var) || (int) ((Var *) node)->varlevelsup != levels)
		return false;
	var = copyObject((Var *) node);
	var->varlevelsup = 0;
	return list_member(exprs, var);
}

/* Outside of aggregates, what the set leaves out is NULL, and GROUPING() is known. */
static Node *
grouping_mutator(Node *node, GroupingContext *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
	{
		Node	   *result;

		context->levels++;
		result = (Node *) query_tree_mutator((Query *) node, grouping_mutator, context, 0);
		context->levels--;
		return result;
	}
	if (is_one_of(node, context->present, context->levels) ||
		(IsA(node, Aggref) && (int) ((Aggref *) node)->agglevelsup == context->levels))
		return (Node *) copyObject(node);
	if (is_one_of(node, context->absent, context->levels))
		return (Node *) makeNullConst(exprType(node), exprTypmod(node), exprCollation(node));
	if (IsA(node, GroupingFunc) && (int) ((GroupingFunc *) node)->agglevelsup == context->levels)
	{
		int			bits = 0;
		ListCell   *lc;

		foreach(lc, ((GroupingFunc *) node)->refs)
			bits = bits << 1 | !list_member_int(context->set, lfirst_int(lc));
		return (Node *) makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(bits), false, true);
	}
	return expression_tree_mutator(node, grouping_mutator, context);
}
