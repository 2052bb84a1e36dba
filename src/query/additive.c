/*-------------------------------------------------------------------------
 *
 * additive.c
 *	  Aggregates that can be kept by adding and taking away.
 *
 * A grouped query is split in two: parts (counts, sums, smallest and largest
 * values by group), which are kept, and a final expression over them for each
 * column.  What is added or removed changes counts and sums exactly, in
 * integers and numeric; floats are left to the general rule, because their
 * sum depends on the order.  A smallest or largest value can take in new rows;
 * when a row leaves its group, the group is computed again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/derive.h"

typedef struct FinalContext
{
	const DpAdditive *additive;
	List	   *groups;			/* expressions */
	bool		failed;
} FinalContext;

/* What an aggregate is made of. */
typedef enum Recipe
{
	RECIPE_NONE,
	RECIPE_COUNT,
	RECIPE_SUM,
	RECIPE_AVG,
	RECIPE_MIN,
	RECIPE_MAX
} Recipe;

static Recipe
recipe_of(const Aggref *agg)
{
	char	   *name;
	Oid			type;

	if (get_func_namespace(agg->aggfnoid) != PG_CATALOG_NAMESPACE || agg->aggkind != 'n' ||
		agg->aggdistinct != NIL || agg->aggorder != NIL || agg->aggdirectargs != NIL)
		return RECIPE_NONE;
	name = get_func_name(agg->aggfnoid);
	if (strcmp(name, "count") == 0)
		return RECIPE_COUNT;
	if (list_length(agg->args) != 1)
		return RECIPE_NONE;
	type = exprType((Node *) linitial_node(TargetEntry, agg->args)->expr);
	if (strcmp(name, "sum") == 0 || strcmp(name, "avg") == 0)
	{
		if (type != INT2OID && type != INT4OID && type != INT8OID && type != NUMERICOID)
			return RECIPE_NONE;
		return name[0] == 's' ? RECIPE_SUM : RECIPE_AVG;
	}
	if (strcmp(name, "min") == 0 || strcmp(name, "bool_and") == 0 || strcmp(name, "every") == 0)
		return RECIPE_MIN;
	if (strcmp(name, "max") == 0 || strcmp(name, "bool_or") == 0)
		return RECIPE_MAX;
	return RECIPE_NONE;
}

/* ---- parts ---- */

static Aggref *
count_part(const Aggref *like)
{
	Aggref	   *count = like != NULL ? copyObject(unconstify(Aggref *, like)) : makeNode(Aggref);

	count->aggfnoid = like != NULL ? F_COUNT_ANY : F_COUNT_;
	count->aggtype = INT8OID;
	count->aggcollid = InvalidOid;
	count->inputcollid = InvalidOid;
	count->aggtranstype = InvalidOid;
	if (like == NULL)
	{
		count->aggstar = true;
		count->aggkind = 'n';
		count->aggsplit = AGGSPLIT_SIMPLE;
		count->aggno = -1;
		count->aggtransno = -1;
		count->location = -1;
	}
	return count;
}

static Aggref *
sum_part(const Aggref *like)
{
	Aggref	   *sum = copyObject(unconstify(Aggref *, like));

	switch (exprType((Node *) linitial_node(TargetEntry, like->args)->expr))
	{
		case INT2OID:
			sum->aggfnoid = F_SUM_INT2;
			sum->aggtype = INT8OID;
			break;
		case INT4OID:
			sum->aggfnoid = F_SUM_INT4;
			sum->aggtype = INT8OID;
			break;
		case INT8OID:
			sum->aggfnoid = F_SUM_INT8;
			sum->aggtype = NUMERICOID;
			break;
		default:
			sum->aggfnoid = F_SUM_NUMERIC;
			sum->aggtype = NUMERICOID;
	}
	sum->aggcollid = InvalidOid;
	sum->aggtranstype = InvalidOid;
	return sum;
}

/* The part's place (from 0); it is added when it is not there. */
static int
part_place(DpAdditive *additive, Aggref *part, DpPartKind kind)
{
	int			place = 0;
	ListCell   *lc;

	foreach(lc, additive->parts)
	{
		if (equal(lfirst(lc), part))
			return place;
		place++;
	}
	additive->parts = lappend(additive->parts, part);
	additive->kinds = lappend_int(additive->kinds, kind);
	if (kind == DP_PART_MIN || kind == DP_PART_MAX)
		additive->has_extremes = true;
	return place;
}

static Var *
part_var(const DpAdditive *additive, int place)
{
	Aggref	   *part = list_nth_node(Aggref, additive->parts, place);

	return makeVar(1, additive->ngroups + place + 1, part->aggtype, -1, part->aggcollid, 0);
}

static Node *
numeric_of(Node *expr)
{
	return coerce_to_target_type(NULL, expr, exprType(expr), NUMERICOID, -1,
								 COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
}

/* The aggregate over its parts; NULL when it is none of ours. */
static Node *
final_of(DpAdditive *additive, const Aggref *agg)
{
	Recipe		recipe = recipe_of(agg);
	int			count;
	int			sum;
	CaseWhen   *when;
	CaseExpr   *choice;
	Expr	   *zero;

	switch (recipe)
	{
		case RECIPE_NONE:
			return NULL;
		case RECIPE_COUNT:
			return (Node *) part_var(additive, part_place(additive, agg->aggstar && agg->aggfilter == NULL ?
														  count_part(NULL) : copyObject(unconstify(Aggref *, agg)),
														  DP_PART_SUM));
		case RECIPE_MIN:
		case RECIPE_MAX:
			return (Node *) part_var(additive, part_place(additive, copyObject(unconstify(Aggref *, agg)),
														  recipe == RECIPE_MIN ? DP_PART_MIN : DP_PART_MAX));
		case RECIPE_SUM:
		case RECIPE_AVG:
			break;
	}
	count = part_place(additive, count_part(agg), DP_PART_SUM);
	sum = part_place(additive, sum_part(agg), DP_PART_SUM);
	zero = make_opclause(lookup_type_cache(INT8OID, TYPECACHE_EQ_OPR)->eq_opr, BOOLOID, false, (Expr *) part_var(additive, count),
						 (Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false, FLOAT8PASSBYVAL),
						 InvalidOid, InvalidOid);
	set_opfuncid((OpExpr *) zero);
	when = makeNode(CaseWhen);
	when->expr = zero;
	when->result = (Expr *) makeNullConst(agg->aggtype, -1, InvalidOid);
	when->location = -1;
	choice = makeNode(CaseExpr);
	choice->casetype = agg->aggtype;
	choice->args = list_make1(when);
	choice->location = -1;
	if (recipe == RECIPE_SUM)
		choice->defresult = (Expr *) part_var(additive, sum);
	else
		choice->defresult = (Expr *) makeFuncExpr(F_NUMERIC_DIV, NUMERICOID,
												  list_make2(numeric_of((Node *) part_var(additive, sum)),
															 numeric_of((Node *) part_var(additive, count))),
												  InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	return (Node *) choice;
}

/* ---- digits of numeric sums ---- */

/*
 * The sum of 1.50 and 2 has two digits after the point, and keeps them when
 * the 1.50 is taken away, unlike a sum of what is left.  The two are equal, so
 * this matters only where the result tells them apart: by a text of it, say,
 * or by a quotient, which has as many digits as its operands.  (It has at
 * least so many of its own, while it is less than 10^12.)
 */
#define DIGITS_OF_QUOTIENT 8

typedef struct ScaleContext
{
	DpAdditive *additive;
	int			shown;			/* digits beyond which those of an argument show; -1: never */
} ScaleContext;

static bool scale_walker(Node *node, ScaleContext *context);

/* Does the value of the function depend on the values of its arguments only? */
static bool
by_value_only(Oid function)
{
	switch (function)
	{
		case F_NUMERIC_ADD:
		case F_NUMERIC_SUB:
		case F_NUMERIC_MUL:
		case F_NUMERIC_UMINUS:
		case F_NUMERIC_UPLUS:
		case F_NUMERIC_ABS:
		case F_ABS_NUMERIC:
		case F_NUMERIC_EQ:
		case F_NUMERIC_NE:
		case F_NUMERIC_LT:
		case F_NUMERIC_LE:
		case F_NUMERIC_GT:
		case F_NUMERIC_GE:
		case F_ROUND_NUMERIC_INT4:
		case F_ROUND_NUMERIC:
		case F_TRUNC_NUMERIC_INT4:
		case F_TRUNC_NUMERIC:
		case F_CEIL_NUMERIC:
		case F_FLOOR_NUMERIC:
		case F_NUMERIC_NUMERIC_INT4:
		case F_INT8_NUMERIC:
		case F_INT4_NUMERIC:
		case F_FLOAT8_NUMERIC:
			return true;
		default:
			return false;
	}
}

static bool
scale_children(Node *node, ScaleContext *context, int shown)
{
	int			before = context->shown;

	context->shown = shown;
	(void) expression_tree_walker(node, scale_walker, context);
	context->shown = before;
	return false;
}

/* Where digits show in one place they show: the fewest count. */
static void
note_scale(DpAdditive *additive, int place, int shown)
{
	ListCell   *lc = list_nth_cell(additive->scales, place);

	if (shown >= 0 && (lfirst_int(lc) < 0 || shown < lfirst_int(lc)))
		lfirst_int(lc) = shown;
}

static bool
scale_walker(Node *node, ScaleContext *context)
{
	Oid			function;

	if (node == NULL)
		return false;
	if (IsA(node, Aggref))
	{
		Recipe		recipe = recipe_of((Aggref *) node);
		Node	   *arg;

		if (recipe != RECIPE_SUM && recipe != RECIPE_AVG)
			return false;
		arg = (Node *) linitial_node(TargetEntry, ((Aggref *) node)->args)->expr;
		/* All values of numeric(10,2) have two digits. */
		if (exprType(arg) == NUMERICOID && exprTypmod(arg) < 0)
			note_scale(context->additive, part_place(context->additive, sum_part((Aggref *) node), DP_PART_SUM),
					   recipe == RECIPE_AVG ? DIGITS_OF_QUOTIENT : context->shown);
		return false;
	}
	switch (nodeTag(node))
	{
		case T_List:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_BoolExpr:
			return scale_children(node, context, context->shown);
		case T_OpExpr:
		case T_NullIfExpr:
		case T_DistinctExpr:
			function = get_opcode(((OpExpr *) node)->opno);
			break;
		case T_FuncExpr:
			function = ((FuncExpr *) node)->funcid;
			break;
		default:
			function = InvalidOid;
	}
	if (function == F_NUMERIC_DIV)
		return scale_children(node, context, context->shown == 0 ? 0 : DIGITS_OF_QUOTIENT);
	return scale_children(node, context, by_value_only(function) ? context->shown : 0);
}

/* ---- the final expressions ---- */

static Node *
final_mutator(Node *node, FinalContext *context)
{
	ListCell   *lc;
	int			place = 0;

	if (node == NULL || context->failed)
		return NULL;
	foreach(lc, context->groups)
	{
		Node	   *group = lfirst(lc);

		place++;
		if (equal(node, group))
			return (Node *) makeVar(1, place, exprType(group), exprTypmod(group), exprCollation(group), 0);
	}
	if (IsA(node, Aggref))
	{
		Node	   *final = ((Aggref *) node)->agglevelsup == 0 ?
			final_of(unconstify(DpAdditive *, context->additive), (Aggref *) node) : NULL;

		if (final == NULL)
			context->failed = true;
		return final;
	}
	if (IsA(node, Var) || IsA(node, SubLink) || IsA(node, GroupingFunc))
	{
		context->failed = true;
		return NULL;
	}
	return expression_tree_mutator(node, final_mutator, context);
}

/* Are the keys just what is grouped by?  *places: the groups' columns in the result. */
static bool
groups_are_keys(const Query *query, List *groups, List *columns, List **places)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		Node	   *expr = (Node *) dp_tree_column(query, lfirst_int(lc))->expr;

		if (!list_member(groups, expr))
			return false;
	}
	foreach(lc, groups)
	{
		ListCell   *column;

		foreach(column, columns)
		{
			if (equal(dp_tree_column(query, lfirst_int(column))->expr, lfirst(lc)))
				break;
		}
		if (column == NULL)
			return false;
		*places = lappend_int(*places, lfirst_int(column));
	}
	return true;
}

DpAdditive *
dp_query_additive(const DpQuery *query, List *columns)
{
	Query	   *tree = query->tree;
	DpAdditive *additive = palloc0(sizeof(DpAdditive));
	FinalContext context = {additive, NIL, false};
	ScaleContext scale = {additive, -1};
	List	   *targets = NIL;
	ListCell   *lc;

	if (tree->setOperations != NULL || !tree->hasAggs || tree->windowClause != NIL ||
		tree->distinctClause != NIL || tree->limitCount != NULL || tree->limitOffset != NULL ||
		tree->groupingSets != NIL || tree->cteList != NIL || tree->hasTargetSRFs)
		return NULL;
	context.groups = get_sortgrouplist_exprs(tree->groupClause, tree->targetList);
	if (!groups_are_keys(tree, context.groups, columns, &additive->columns))
		return NULL;
	if (context.groups == NIL)
	{
		/* One group, which has a number so that its state can be found. */
		additive->one_row = true;
		context.groups = list_make1(makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(0), false, true));
	}
	additive->ngroups = list_length(context.groups);
	(void) part_place(additive, count_part(NULL), DP_PART_SUM);
	foreach(lc, tree->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *final;

		if (tle->resjunk)
			continue;
		final = final_mutator((Node *) tle->expr, &context);
		if (context.failed)
			return NULL;
		additive->finals = lappend(additive->finals,
								   makeTargetEntry((Expr *) final, list_length(additive->finals) + 1, tle->resname, false));
	}
	additive->having = final_mutator(tree->havingQual, &context);
	if (context.failed)
		return NULL;

	foreach(lc, additive->parts)
		additive->scales = lappend_int(additive->scales, -1);
	foreach(lc, tree->targetList)
		(void) scale_walker((Node *) lfirst_node(TargetEntry, lc)->expr, &scale);
	(void) scale_walker(tree->havingQual, &scale);

	/* The query of the parts: the groups, then the parts. */
	additive->tree = copyObject(tree);
	additive->tree->havingQual = NULL;
	foreach(lc, additive->one_row ? context.groups : NIL)
		targets = lappend(targets, makeTargetEntry(copyObject(lfirst(lc)), 1, pstrdup("c1"), false));
	foreach(lc, additive->tree->groupClause)
	{
		Index		ref = lfirst_node(SortGroupClause, lc)->tleSortGroupRef;
		TargetEntry *tle = copyObject(get_sortgroupref_tle(ref, tree->targetList));

		targets = lappend(targets, tle);
		tle->resno = list_length(targets);
		tle->resname = psprintf("c%d", tle->resno);
		tle->resjunk = false;
	}
	foreach(lc, additive->parts)
	{
		int			resno = list_length(targets) + 1;

		targets = lappend(targets, makeTargetEntry(copyObject(lfirst(lc)), resno, psprintf("c%d", resno), false));
	}
	additive->tree->targetList = targets;
	additive->desc = ExecCleanTypeFromTL(targets);
	return additive;
}

/* ---- deltas ---- */

static void
append_list(StringInfo out, int from, int to, const char *format)
{
	for (int i = from; i <= to; i++)
	{
		if (i > from || out->data[out->len - 1] != ' ')
			appendStringInfoString(out, ", ");
		appendStringInfo(out, format, i);
	}
}

/* new - old, by group: one row a group, with a last column "rows left it". */
static char *
difference_text(const DpAdditive *additive, const DpRows *new_rows, const DpRows *old_rows)
{
	StringInfoData out;
	int			column = additive->ngroups;
	ListCell   *lc;
	ListCell   *kind;

	initStringInfo(&out);
	appendStringInfoString(&out, "SELECT ");
	append_list(&out, 1, additive->ngroups, "c%d");
	forboth(lc, additive->parts, kind, additive->kinds)
	{
		const Aggref *part = lfirst_node(Aggref, lc);
		const char *type = dp_type_text(part->aggtype, -1);

		column++;
		if (lfirst_int(kind) == DP_PART_SUM)
			appendStringInfo(&out, ", pg_catalog.sum(c%d)::%s", column, type);
		else					/* There is one row of each side at most. */
			appendStringInfo(&out, ", pg_catalog.%s(c%d) FILTER (WHERE NOT gone)::%s",
							 quote_identifier(get_func_name(part->aggfnoid)), column, type);
	}
	appendStringInfo(&out, ", pg_catalog.bool_or(gone) FROM (SELECT *, false AS gone FROM %s UNION ALL SELECT ",
					 new_rows->name);
	append_list(&out, 1, additive->ngroups, "c%d");
	column = additive->ngroups;
	foreach(kind, additive->kinds)
	{
		column++;
		appendStringInfo(&out, lfirst_int(kind) == DP_PART_SUM ? ", - c%d" : ", c%d", column);
	}
	appendStringInfo(&out, ", true FROM %s) AS d GROUP BY ", old_rows->name);
	append_list(&out, 1, additive->ngroups, "c%d");
	return out.data;
}

/*
 * Let the groups come in the order of the first thing they are grouped by: who
 * looks for them in an index meets neighbours.  Not where that asks the locale.
 */
static void
order_groups(Query *tree)
{
	SortGroupClause *first = tree->groupClause != NIL ? linitial_node(SortGroupClause, tree->groupClause) : NULL;

	if (first != NULL && OidIsValid(first->sortop) &&
		!OidIsValid(exprCollation((Node *) get_sortgroupclause_tle(first, tree->targetList)->expr)))
		tree->sortClause = list_make1(copyObject(first));
}

/* The parts over a form of the leaf; rows with a column more than the parts get false in it. */
static void
fill_parts(DpDerive *derive, const DpAdditive *additive, int leaf, DpForm form, DpRows *rows)
{
	Query	   *tree = copyObject(additive->tree);
	DestReceiver *dest = dp_rows_receiver(rows);

	(void) dp_substitute(derive, tree, rt_fetch(leaf, tree->rtable), form);
	order_groups(tree);
	if (rows->desc->natts > additive->desc->natts)
		tree->targetList = lappend(tree->targetList,
								   makeTargetEntry((Expr *) makeBoolConst(false, false), rows->desc->natts,
												   pstrdup("gone"), false));
	rows->n = (int64) dp_query_run(tree, derive->query->text, derive->env, dest);
	dest->rDestroy(dest);
}

static DpRows *
parts_over(DpDerive *derive, const DpAdditive *additive, int leaf, DpForm form)
{
	DpRows	   *rows = dp_rows_new(derive->env, additive->desc);

	fill_parts(derive, additive, leaf, form, rows);
	dp_rows_name(rows);
	return rows;
}

DpRows *
dp_additive_delta(DpDerive *derive, const DpAdditive *additive)
{
	int			leaf = dp_linear_leaf(derive, additive->tree);
	DpRows	   *new_rows;
	DpRows	   *old_rows;
	DpRows	   *rows;
	TupleDesc	desc;
	DestReceiver *dest;

	if (leaf == 0)
		return NULL;
	desc = CreateTemplateTupleDesc(additive->desc->natts + 1);
	for (int i = 1; i <= additive->desc->natts; i++)
		TupleDescCopyEntry(desc, i, additive->desc, i);
	TupleDescInitEntry(desc, desc->natts, "gone", BOOLOID, -1, 0);
	rows = dp_rows_new(derive->env, desc);
	if (dp_derive_only_new(derive))
	{
		fill_parts(derive, additive, leaf, DP_FORM_NEW, rows);
		return rows;
	}
	new_rows = parts_over(derive, additive, leaf, DP_FORM_NEW);
	old_rows = parts_over(derive, additive, leaf, DP_FORM_OLD);
	dest = dp_rows_receiver(rows);
	rows->n = (int64) dp_query_run_text(difference_text(additive, new_rows, old_rows), derive->env, dest);
	dest->rDestroy(dest);
	dp_rows_free(new_rows);
	dp_rows_free(old_rows);
	return rows;
}

DpRows *
dp_additive_parts(DpDerive *derive, const DpAdditive *additive, DpRows *groups)
{
	DpRows	   *rows = dp_rows_new(derive->env, additive->desc);
	DestReceiver *dest = dp_rows_receiver(rows);
	List	   *columns = NIL;

	for (int i = 0; i < additive->ngroups; i++)
		columns = lappend_int(columns, i);
	if (groups == NULL || additive->one_row)
		rows->n = (int64) dp_query_run(copyObject(additive->tree), derive->query->text, derive->env, dest);
	else
		rows->n = (int64) dp_run_restricted(derive, additive->tree, NIL, columns, groups, dest);
	dest->rDestroy(dest);
	return rows;
}

DpRows *
dp_additive_final(DpDerive *derive, const DpAdditive *additive, const DpRows *states)
{
	DpRows	   *rows = dp_rows_like(derive->env, derive->query->desc);
	Query	   *tree = dp_tree_parse(psprintf("SELECT * FROM %s", states->name), derive->env);
	DestReceiver *dest = dp_rows_receiver(rows);

	tree->targetList = copyObject(additive->finals);
	tree->jointree->quals = copyObject(additive->having);
	rows->n = (int64) dp_query_run(tree, derive->query->text, derive->env, dest);
	dest->rDestroy(dest);
	dp_rows_name(rows);
	return rows;
}
