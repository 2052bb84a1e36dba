/*-------------------------------------------------------------------------
 *
 * linear.c
 *	  Queries whose changes are the query over the changes.
 *
 * When one relation changed, which stands once in FROM and not on a nullable
 * side of an outer join, select, join and filter take each of its rows by
 * itself: what was there, less the query over the old images, plus the query
 * over the new ones, is what is there.  Nothing need be joined back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/rel.h"

#include "query/derive.h"

/* Is the leaf on a side of an outer join that may be NULL? */
static bool
is_nullable(Node *node, int leaf, bool nullable)
{
	ListCell   *lc;

	if (IsA(node, RangeTblRef))
		return nullable && ((RangeTblRef *) node)->rtindex == leaf;
	if (IsA(node, FromExpr))
	{
		foreach(lc, ((FromExpr *) node)->fromlist)
		{
			if (is_nullable(lfirst(lc), leaf, nullable))
				return true;
		}
		return false;
	}
	else
	{
		JoinExpr   *join = castNode(JoinExpr, node);

		return is_nullable(join->larg, leaf, nullable || join->jointype == JOIN_RIGHT || join->jointype == JOIN_FULL) ||
			is_nullable(join->rarg, leaf, nullable || join->jointype == JOIN_LEFT || join->jointype == JOIN_FULL);
	}
}

int
dp_linear_leaf(DpDerive *derive, const Query *tree)
{
	int			leaf = 0;
	ListCell   *lc;

	if (list_length(derive->changes) != 1 || dp_changed_sublinks(derive, tree) != NIL)
		return 0;
	foreach(lc, dp_tree_leaves(tree))
	{
		RangeTblEntry *rte = rt_fetch(lfirst_int(lc), tree->rtable);

		if (rte->rtekind == RTE_RELATION ? dp_find_change(derive, rte->relid) == NULL :
			!dp_tree_changed(derive, (Node *) rte->subquery) && !dp_tree_changed(derive, (Node *) rte->functions) &&
			!dp_tree_changed(derive, (Node *) rte->tablefunc) && !dp_tree_changed(derive, (Node *) rte->values_lists))
			continue;
		if (leaf != 0 || rte->rtekind != RTE_RELATION)
			return 0;
		leaf = lfirst_int(lc);
	}
	return leaf != 0 && !is_nullable((Node *) tree->jointree, leaf, false) ? leaf : 0;
}

bool
dp_derive_only_new(const DpDerive *derive)
{
	ListCell   *lc;

	foreach(lc, derive->changes)
	{
		if (((DpChange *) lfirst(lc))->nold > 0)
			return false;
	}
	return true;
}

/* Are the images told apart by the primary key of the relation? */
static bool
has_primary_key(const DpChange *change)
{
	Relation	relation = table_open(change->relid, AccessShareLock);
	Bitmapset  *key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	Bitmapset  *identity = NULL;
	ListCell   *lc;

	table_close(relation, NoLock);
	foreach(lc, change->identity)
		identity = bms_add_member(identity, lfirst_int(lc) - FirstLowInvalidHeapAttributeNumber);
	return !bms_is_empty(key) && bms_equal(key, identity);
}

/* Is a column of the leaf among these columns of the result? */
static bool
is_among(const Query *tree, List *columns, int leaf, AttrNumber attno)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		Var		   *var = (Var *) dp_tree_column(tree, lfirst_int(lc))->expr;

		if (IsA(var, Var) && var->varno == leaf && var->varattno == attno && var->varlevelsup == 0)
			return true;
	}
	return false;
}

bool
dp_derive_is_linear(DpDerive *derive, List *columns)
{
	const Query *tree = derive->query->tree;
	const DpChange *change;
	int			leaf;
	ListCell   *lc;

	if (!dp_tree_is_plain(tree) || tree->cteList != NIL)
		return false;
	leaf = dp_linear_leaf(derive, tree);
	if (leaf == 0)
		return false;
	change = dp_find_change(derive, rt_fetch(leaf, tree->rtable)->relid);
	if (!has_primary_key(change))
		return false;
	foreach(lc, change->identity)
	{
		if (!is_among(tree, columns, leaf, lfirst_int(lc)))
			return false;
	}
	return true;
}

static uint64
run_over(DpDerive *derive, DpForm form, List *columns, DestReceiver *dest)
{
	Query	   *tree = copyObject(derive->query->tree);
	List	   *targets = NIL;
	ListCell   *lc;

	foreach(lc, columns)
	{
		TargetEntry *tle = copyObject(dp_tree_column(tree, lfirst_int(lc)));

		targets = lappend(targets, tle);
		tle->resno = list_length(targets);
	}
	if (targets != NIL)
	{
		tree->targetList = targets;
		tree->hasTargetSRFs = expression_returns_set((Node *) targets);
	}
	(void) dp_substitute(derive, tree, rt_fetch(dp_linear_leaf(derive, tree), tree->rtable), form);
	return dp_query_run(tree, derive->query->text, derive->env, dest);
}

uint64
dp_derive_linear_new(DpDerive *derive, DestReceiver *dest)
{
	return run_over(derive, DP_FORM_NEW, NIL, dest);
}

DpRows *
dp_derive_linear_old_keys(DpDerive *derive, List *columns)
{
	TupleDesc	desc = CreateTemplateTupleDesc(list_length(columns));
	DpRows	   *keys;
	DestReceiver *dest;
	ListCell   *lc;
	int			n = 0;

	foreach(lc, columns)
		TupleDescCopyEntry(desc, ++n, derive->query->desc, lfirst_int(lc) + 1);
	keys = dp_rows_new(derive->env, desc);
	dest = dp_rows_receiver(keys);
	keys->n = (int64) run_over(derive, DP_FORM_OLD, columns, dest);
	dest->rDestroy(dest);
	dp_rows_name(keys);
	return keys;
}
