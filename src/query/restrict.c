/*-------------------------------------------------------------------------
 *
 * restrict.c
 *	  A query for certain keys only, the restriction as deep as it may go.
 *
 * "column IN (SELECT ... FROM keys)" becomes a semijoin in the WHERE of the
 * level, where the planner can use an index; below set operations it goes
 * into each arm, and below a column that comes from a grouped subquery it is
 * repeated in there.  Keys compare as IS NOT DISTINCT FROM does: the keys are
 * taken by which of their columns are NULL, and those columns are tested with
 * IS NULL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/derive.h"

/* Keys that have NULLs in the same columns; or a range of one column. */
typedef struct KeySet
{
	Bitmapset  *nulls;			/* columns (from 0) that are NULL */
	DpRows	   *rows;			/* NULL: a range */
	const char *from;
	const char *to;
} KeySet;

static void restrict_query(DpDerive *derive, Query *query, List *columns, const KeySet *set);
static bool can_restrict(const Query *query, List *exprs);

/* ---- keys by their NULLs ---- */

static KeySet *
key_set_for(DpDerive *derive, List **sets, TupleTableSlot *slot, TupleDesc desc)
{
	Bitmapset  *nulls = NULL;
	KeySet	   *set;
	ListCell   *lc;

	for (int i = 0; i < desc->natts; i++)
	{
		if (slot->tts_isnull[i])
			nulls = bms_add_member(nulls, i);
	}
	foreach(lc, *sets)
	{
		set = lfirst(lc);
		if (bms_equal(set->nulls, nulls))
			return set;
	}
	set = palloc0(sizeof(KeySet));
	set->nulls = nulls;
	set->rows = dp_rows_new(derive->env, desc);
	*sets = lappend(*sets, set);
	return set;
}

static List *
split_keys(DpDerive *derive, DpRows *keys)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(keys->desc, &TTSOpsMinimalTuple);
	List	   *sets = NIL;
	ListCell   *lc;

	tuplestore_rescan(keys->store);
	while (tuplestore_gettupleslot(keys->store, true, false, slot))
	{
		KeySet	   *set;

		slot_getallattrs(slot);
		set = key_set_for(derive, &sets, slot, keys->desc);
		tuplestore_puttupleslot(set->rows->store, slot);
		set->rows->n++;
	}
	ExecDropSingleTupleTableSlot(slot);
	foreach(lc, sets)
		dp_rows_name(((KeySet *) lfirst(lc))->rows);
	return sets;
}

/* ---- one restriction ---- */

/* The columns that are not NULL in the set. */
static char *
present_columns(const KeySet *set)
{
	StringInfoData text;
	const char *comma = "";

	initStringInfo(&text);
	for (int i = 0; i < set->rows->desc->natts; i++)
	{
		if (bms_is_member(i, set->nulls))
			continue;
		appendStringInfo(&text, "%sc%d", comma, i + 1);
		comma = ", ";
	}
	return text.data;
}

static Node *
null_test(Node *expr)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = (Expr *) copyObject(expr);
	test->nulltesttype = IS_NULL;
	test->argisrow = false;
	test->location = -1;
	return (Node *) test;
}

static Node *
bound(Node *expr, int strategy, const char *value)
{
	Oid			type = exprType(expr);
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
	Oid			op = get_opfamily_member(entry->btree_opf, entry->btree_opintype, entry->btree_opintype, strategy);
	Oid			input;
	Oid			ioparam;

	getTypeInputInfo(type, &input, &ioparam);
	return dp_equality(op, copyObject(expr),
					   (Node *) makeConst(type, -1, exprCollation(expr), get_typlen(type),
										  OidInputFunctionCall(input, unconstify(char *, value), ioparam, -1),
										  false, get_typbyval(type)), exprCollation(expr));
}

/* from < expr <= to */
static Node *
range_condition(Node *expr, const KeySet *set)
{
	List	   *conditions = NIL;

	if (set->from != NULL)
		conditions = lappend(conditions, bound(expr, BTGreaterStrategyNumber, set->from));
	if (set->to != NULL)
		conditions = lappend(conditions, bound(expr, BTLessEqualStrategyNumber, set->to));
	if (set->from != NULL && set->to == NULL)
		return (Node *) makeBoolExpr(OR_EXPR, lappend(conditions, null_test(expr)), -1);
	return conditions == NIL ? NULL : (Node *) make_ands_explicit(conditions);
}

/* (exprs) is one of the set's keys */
static Node *
key_condition(DpDerive *derive, List *exprs, const KeySet *set)
{
	List	   *conditions = NIL;
	List	   *equal = NIL;
	ListCell   *lc;
	int			column = 0;

	if (set->rows == NULL)
		return range_condition(linitial(exprs), set);
	foreach(lc, exprs)
	{
		Form_pg_attribute attr = TupleDescAttr(set->rows->desc, column);
		Node	   *expr = lfirst(lc);

		if (bms_is_member(column, set->nulls))
			conditions = lappend(conditions, null_test(expr));
		else
		{
			Param	   *param = makeNode(Param);
			TypeCacheEntry *type = lookup_type_cache(attr->atttypid, TYPECACHE_EQ_OPR);
			Node	   *left = coerce_to_target_type(NULL, copyObject(expr), exprType(expr), type->type_id, -1,
													 COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
			Oid			opinput = type->type_id;

			if (exprType(expr) != type->type_id)
			{
				exprSetInputCollation(left, exprCollation(expr));
				exprSetCollation(left, attr->attcollation);
			}

			param->paramkind = PARAM_SUBLINK;
			param->paramid = list_length(equal) + 1;
			param->paramtype = opinput;
			param->paramtypmod = attr->atttypmod;
			param->paramcollid = attr->attcollation;
			param->location = -1;
			equal = lappend(equal, dp_equality(type->eq_opr, left, (Node *) param, exprCollation(left)));
		}
		column++;
	}
	if (equal != NIL)
	{
		SubLink    *link = makeNode(SubLink);

		link->subLinkType = ANY_SUBLINK;
		link->testexpr = (Node *) make_ands_explicit(equal);
		link->operName = list_make1(makeString(pstrdup("=")));
		link->subselect = (Node *) dp_tree_parse(psprintf("SELECT %s FROM %s", present_columns(set), set->rows->name),
												 derive->env);
		link->location = -1;
		conditions = lcons(link, conditions);
	}
	return conditions == NIL ? NULL : (Node *) make_ands_explicit(conditions);
}

static void
add_condition(Query *query, Node *condition)
{
	if (condition == NULL)
		return;
	query->jointree->quals = make_and_qual(query->jointree->quals, condition);
	query->hasSubLinks |= checkExprHasSubLink(condition);
}

/*
 * Where all key columns are plain columns of subqueries in FROM, the
 * subquery may be restricted as well; the condition above stays, so this
 * only saves work.  A column at a time: what is restricted to the values of
 * one column is a superset.
 */
static void
restrict_below(DpDerive *derive, Query *query, List *exprs, const KeySet *set)
{
	ListCell   *lc;
	int			column = -1;

	foreach(lc, exprs)
	{
		Var		   *var = (Var *) lfirst(lc);
		RangeTblEntry *rte;
		KeySet		one = {0};
		List	   *inner;

		column++;
		if (set->rows == NULL)
			return;
		if (!IsA(var, Var) || var->varlevelsup != 0 || var->varattno <= 0 ||
			bms_is_member(column, set->nulls))
			continue;
		rte = rt_fetch(var->varno, query->rtable);
		if (rte->rtekind != RTE_SUBQUERY || rte->lateral || dp_tree_is_plain(rte->subquery))
			continue;
		inner = list_make1_int(var->varattno - 1);
		if (rte->subquery->setOperations == NULL &&
			!can_restrict(rte->subquery, list_make1(dp_tree_column(rte->subquery, var->varattno - 1)->expr)))
			continue;
		one.rows = palloc0(sizeof(DpRows));
		*one.rows = *set->rows;
		one.rows->desc = CreateTemplateTupleDesc(1);
		TupleDescCopyEntry(one.rows->desc, 1, set->rows->desc, column + 1);
		one.rows->name = psprintf("(SELECT DISTINCT c%d AS c1 FROM %s) AS k", column + 1, set->rows->name);
		restrict_query(derive, rte->subquery, inner, &one);
	}
}

/* ---- levels ---- */

/* May a condition on these expressions of the level stand in its WHERE? */
static bool
can_restrict(const Query *query, List *exprs)
{
	ListCell   *lc;
	List	   *needed = NIL;

	if (query->limitCount != NULL || query->limitOffset != NULL ||
		query->cteList != NIL || query->groupingSets != NIL ||
		(query->hasAggs && query->groupClause == NIL))
		return false;
	foreach(lc, exprs)
	{
		Node	   *expr = lfirst(lc);

		if (contain_agg_clause(expr) || contain_window_function(expr) || expression_returns_set(expr))
			return false;
	}
	foreach(lc, query->windowClause)
	{
		List	   *partition = get_sortgrouplist_exprs(lfirst_node(WindowClause, lc)->partitionClause,
														query->targetList);

		if (list_difference(exprs, partition) != NIL)
			return false;
	}
	if (query->hasDistinctOn)
		needed = get_sortgrouplist_exprs(query->distinctClause, query->targetList);
	return needed == NIL || list_difference(exprs, needed) == NIL;
}

/* Put the query into a FROM and the condition above it. */
static void
wrap(DpDerive *derive, Query *query, List *columns, const KeySet *set)
{
	Query	   *inner = palloc(sizeof(Query));
	Query	   *outer;
	RangeTblEntry *rte;
	List	   *exprs = NIL;
	ListCell   *lc;

	*inner = *query;
	IncrementVarSublevelsUp((Node *) inner, 1, 1);
	outer = makeNode(Query);
	outer->commandType = CMD_SELECT;
	outer->canSetTag = query->canSetTag;
	rte = makeNode(RangeTblEntry);
	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = inner;
	rte->eref = makeAlias("q", NIL);
	rte->inFromCl = true;
	outer->rtable = list_make1(rte);
	foreach(lc, inner->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Var		   *var;

		if (tle->resjunk)
			continue;
		rte->eref->colnames = lappend(rte->eref->colnames, makeString(pstrdup(tle->resname ? tle->resname : "c")));
		var = makeVarFromTargetEntry(1, tle);
		outer->targetList = lappend(outer->targetList,
									makeTargetEntry((Expr *) var, list_length(outer->targetList) + 1,
													tle->resname, false));
	}
	outer->jointree = makeFromExpr(list_make1(makeNode(RangeTblRef)), NULL);
	((RangeTblRef *) linitial(outer->jointree->fromlist))->rtindex = 1;
	foreach(lc, columns)
		exprs = lappend(exprs, dp_tree_column(outer, lfirst_int(lc))->expr);
	add_condition(outer, key_condition(derive, exprs, set));
	*query = *outer;
}

/* Restrict the query, which is changed in place, by columns of its result. */
static void
restrict_query(DpDerive *derive, Query *query, List *columns, const KeySet *set)
{
	List	   *exprs = NIL;
	ListCell   *lc;

	if (query->setOperations != NULL && query->limitCount == NULL &&
		query->limitOffset == NULL && query->cteList == NIL)
	{
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_SUBQUERY)
				restrict_query(derive, rte->subquery, columns, set);
		}
		return;
	}
	foreach(lc, columns)
		exprs = lappend(exprs, dp_tree_column(query, lfirst_int(lc))->expr);
	if (query->setOperations != NULL || !can_restrict(query, exprs))
	{
		wrap(derive, query, columns, set);
		return;
	}
	restrict_below(derive, query, exprs, set);
	add_condition(query, key_condition(derive, exprs, set));
}

/* Only some columns of the result. */
static Query *
only_columns(Query *query, List *columns)
{
	Query	   *outer;
	KeySet		none = {0};
	List	   *targets = NIL;
	ListCell   *lc;
	DpRows		rows = {0};

	rows.desc = CreateTemplateTupleDesc(0);
	none.rows = &rows;
	wrap(NULL, query, NIL, &none);
	outer = query;
	foreach(lc, columns)
	{
		TargetEntry *tle = copyObject(dp_tree_column(outer, lfirst_int(lc)));

		targets = lappend(targets, tle);
		tle->resno = list_length(targets);
	}
	outer->targetList = targets;
	return outer;
}

/*
 * With "exprs" the keys are values of these expressions over the FROM of the
 * level, and of the result only "columns" (NIL: all) are sent; without, the
 * keys are those of "columns" of the result, and all of it is sent.
 */
uint64
dp_run_restricted(DpDerive *derive, const Query *query, List *exprs, List *columns,
				  DpRows *keys, DestReceiver *dest)
{
	List	   *sets = split_keys(derive, keys);
	uint64		n = 0;
	ListCell   *lc;

	if (keys->desc->natts == 0)
		return dp_query_run(copyObject(unconstify(Query *, query)), derive->query->text, derive->env, dest);
	foreach(lc, sets)
	{
		KeySet	   *set = lfirst(lc);
		Query	   *copy = copyObject(unconstify(Query *, query));

		if (exprs != NIL)
		{
			List	   *own = copyObject(exprs);

			restrict_below(derive, copy, own, set);
			add_condition(copy, key_condition(derive, own, set));
			if (columns != NIL)
				copy = only_columns(copy, columns);
		}
		else
			restrict_query(derive, copy, columns, set);
		n += dp_query_run(copy, derive->query->text, derive->env, dest);
		dp_rows_free(set->rows);
	}
	return n;
}

int64
dp_run_for_keys(DpDerive *derive, const Query *level, List *exprs, List *key_exprs, List *places,
				DpRows *keys, DestReceiver *dest)
{
	DpRows	   *some = keys;
	List	   *sets;
	int64		n = 0;
	ListCell   *lc;

	if (key_exprs == NIL)
		return (int64) dp_query_run(dp_term(derive, level, 0, NULL, exprs), derive->query->text, derive->env, dest);
	if (list_length(places) < keys->desc->natts)
	{
		TupleDesc	desc = CreateTemplateTupleDesc(list_length(places));
		StringInfoData text;
		DestReceiver *into;
		int			column = 0;

		initStringInfo(&text);
		foreach(lc, places)
		{
			TupleDescCopyEntry(desc, ++column, keys->desc, lfirst_int(lc) + 1);
			appendStringInfo(&text, "%sc%d", column > 1 ? ", " : "", lfirst_int(lc) + 1);
		}
		some = dp_rows_new(derive->env, desc);
		into = dp_rows_receiver(some);
		some->n = (int64) dp_query_run_text(psprintf("SELECT DISTINCT %s FROM %s", text.data, keys->name),
											derive->env, into);
		into->rDestroy(into);
	}
	sets = split_keys(derive, some);
	foreach(lc, sets)
	{
		KeySet	   *set = lfirst(lc);

		n += (int64) dp_query_run(dp_term(derive, level, 0, key_condition(derive, key_exprs, set), exprs),
								  derive->query->text, derive->env, dest);
		dp_rows_free(set->rows);
	}
	return n;
}

uint64
dp_derive_range(DpDerive *derive, int column, const char *from, const char *to, DestReceiver *dest)
{
	KeySet		set = {NULL, NULL, from, to};
	Query	   *copy = copyObject(derive->query->tree);

	if (from != NULL || to != NULL)
		restrict_query(derive, copy, list_make1_int(column), &set);
	return dp_query_run(copy, derive->query->text, derive->env, dest);
}

/* For the plan only: as if the keys had no NULLs. */
void
dp_plan_restricted(DpDerive *derive, const Query *query, List *columns, DpRows *keys, DestReceiver *dest)
{
	KeySet		set = {NULL, keys, NULL, NULL};
	Query	   *copy = copyObject(unconstify(Query *, query));

	dp_rows_name(keys);
	restrict_query(derive, copy, columns, &set);
	(void) dp_query_run(copy, derive->query->text, derive->env, dest);
}
