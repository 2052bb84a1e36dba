/*-------------------------------------------------------------------------
 *
 * joins.c
 *	  By which columns a change of one relation reaches rows of another.
 *
 * When rows of a relation change, those that join them are looked up; without
 * an index on the column that means reading the other relation whole.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "query/tree.h"

typedef struct JoinContext
{
	List	   *levels;			/* Query: the innermost first */
	List	   *joins;			/* DpQueryJoin */
} JoinContext;

static bool joins_walker(Node *node, JoinContext *context);

List *
dp_query_joins(const DpQuery *query)
{
	JoinContext context = {NIL, NIL};

	(void) joins_walker((Node *) query->tree, &context);
	return context.joins;
}

/* The relation's column that an expression is, through subqueries; false: it is none. */
static bool
base_column(Node *expr, List *levels, Oid *relid, AttrNumber *attno)
{
	while (expr && IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	while (expr && IsA(expr, Var))
	{
		Var		   *var = (Var *) expr;
		Query	   *level;
		RangeTblEntry *rte;
		TargetEntry *entry;

		if (var->varlevelsup >= list_length(levels) || var->varattno <= 0)
			return false;
		level = list_nth(levels, var->varlevelsup);
		rte = rt_fetch(var->varno, level->rtable);
		if (rte->rtekind == RTE_RELATION)
		{
			*relid = rte->relid;
			*attno = var->varattno;
			return true;
		}
		/* A group's column is that of its rows; other computed ones are not looked up by. */
		if (rte->rtekind != RTE_SUBQUERY || rte->subquery->setOperations != NULL)
			return false;
		entry = get_tle_by_resno(rte->subquery->targetList, var->varattno);
		if (entry == NULL)
			return false;
		expr = (Node *) entry->expr;
		levels = list_make1(rte->subquery);
	}
	return false;
}

static void
note(JoinContext *context, Oid relid, AttrNumber attno, Oid other)
{
	DpQueryJoin *join;
	ListCell   *lc;

	foreach(lc, context->joins)
	{
		join = lfirst(lc);
		if (join->relid == relid && join->attno == attno && join->other == other)
			return;
	}
	join = palloc0(sizeof(DpQueryJoin));
	join->relid = relid;
	join->attno = attno;
	join->other = other;
	context->joins = lappend(context->joins, join);
}

static bool
joins_walker(Node *node, JoinContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
	{
		OpExpr	   *op = (OpExpr *) node;
		Oid			relids[2];
		AttrNumber	attnos[2];

		if (op_mergejoinable(op->opno, exprType(linitial(op->args))) &&
			base_column(linitial(op->args), context->levels, &relids[0], &attnos[0]) &&
			base_column(lsecond(op->args), context->levels, &relids[1], &attnos[1]))
		{
			note(context, relids[0], attnos[0], relids[1]);
			note(context, relids[1], attnos[1], relids[0]);
		}
	}
	if (IsA(node, Query))
	{
		context->levels = lcons(node, context->levels);
		(void) query_tree_walker((Query *) node, joins_walker, context, QTW_IGNORE_JOINALIASES);
		context->levels = list_delete_first(context->levels);
		return false;
	}
	return expression_tree_walker(node, joins_walker, context);
}
