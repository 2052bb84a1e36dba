/*-------------------------------------------------------------------------
 *
 * columns_value.c
 *	  Where the value of an expression comes from.
 *
 * A walk down from the expression carries the kind of the steps so far, and
 * ends at columns of relations.  What only decides which value it will be (the
 * condition of a CASE, the order of a window) keeps the INDIRECT kind from
 * there on.  Casts that nobody wrote do not change a value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "common/compat.h"
#include "lineage/columns_int.h"

static bool value_walker(Node *node, void *context);

void
dp_flow_value(Node *node, DpValue value)
{
	(void) value_walker(node, &value);
}

/* A part of an expression, one step further away. */
static void
step_to(Node *node, const DpValue *value, DpLineageKind step)
{
	DpValue		next = *value;

	next.kind = dp_lineage_merge(value->kind, step);
	(void) value_walker(node, &next);
}

static bool
step_into(Node *node, const DpValue *value, DpLineageKind step)
{
	DpValue		next = *value;

	next.kind = dp_lineage_merge(value->kind, step);
	return expression_tree_walker(node, value_walker, &next);
}

/* ---- columns ---- */

/* The value moved to the query that is "levels" further out. */
static DpValue
outwards(const DpValue *value, int levels)
{
	DpValue		outer = *value;

	if (levels > 0)
		outer.stack = list_copy_tail(value->stack, levels);
	return outer;
}

static void
add_relation_column(Oid relid, AttrNumber attno, const DpValue *value)
{
	AttrNumber	natts;

	if (attno != 0)
	{
		dp_flow_add(value->into, relid, attno, NULL, value->kind, value->masking);
		return;
	}
	/* A row is made of its columns, without the dropped ones. */
	natts = dp_lineage_width(relid);
	for (attno = 1; attno <= natts; attno++)
	{
		if (dp_lineage_column_name(relid, attno) != NULL)
			dp_flow_add(value->into, relid, attno, NULL,
						dp_lineage_merge(value->kind, DP_LINEAGE_TRANSFORMATION), value->masking);
	}
}

static void
add_query_column(DpQueryFlow *flow, AttrNumber attno, const DpValue *value)
{
	ListCell   *lc;

	if (attno > 0)
		dp_flow_add_all(value->into, dp_flow_column(flow, attno), value->kind, value->masking);
	else if (attno == 0)
	{
		foreach(lc, flow->query->commandType == CMD_SELECT ? flow->query->targetList : flow->query->returningList)
		{
			TargetEntry *tle = lfirst_node(TargetEntry, lc);

			if (!tle->resjunk)
				dp_flow_add_all(value->into, dp_flow_column(flow, tle->resno),
								dp_lineage_merge(value->kind, DP_LINEAGE_TRANSFORMATION), value->masking);
		}
	}
}

/* What USING merges of both sides is the value of either. */
static void
add_join_column(RangeTblEntry *rte, AttrNumber attno, const DpValue *value)
{
	Node	   *alias;
	ListCell   *lc;

	if (attno == 0)
	{
		foreach(lc, rte->joinaliasvars)
			step_to(lfirst(lc), value, DP_LINEAGE_TRANSFORMATION);
		return;
	}
	if (attno < 0 || attno > list_length(rte->joinaliasvars))
		return;
	alias = list_nth(rte->joinaliasvars, attno - 1);
	if (alias && IsA(alias, CoalesceExpr) && attno <= rte->joinmergedcols)
	{
		foreach(lc, ((CoalesceExpr *) alias)->args)
			step_to(lfirst(lc), value, DP_LINEAGE_IDENTITY);
	}
	else
		step_to(alias, value, DP_LINEAGE_IDENTITY);
}

static void
add_values_column(RangeTblEntry *rte, AttrNumber attno, const DpValue *value)
{
	ListCell   *lc;

	foreach(lc, rte->values_lists)
	{
		List	   *row = lfirst_node(List, lc);

		if (attno == 0)
			step_to((Node *) row, value, DP_LINEAGE_TRANSFORMATION);
		else if (attno > 0 && attno <= list_length(row))
			step_to(list_nth(row, attno - 1), value, DP_LINEAGE_IDENTITY);
	}
}

/* A function as a source. */
static void
add_function(Oid funcid, const DpValue *value)
{
	dp_flow_add(value->into, InvalidOid, 0,
				psprintf("function:%s", quote_qualified_identifier(get_namespace_name(get_func_namespace(funcid)),
																   get_func_name(funcid))),
				dp_lineage_merge(value->kind, DP_LINEAGE_TRANSFORMATION), value->masking);
}

/* May a function that stands in an expression have read tables?  Those in C, and the immutable ones, are computing. */
static bool
may_read(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	bool		result = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

		result = proc->pronamespace != PG_CATALOG_NAMESPACE && proc->provolatile != PROVOLATILE_IMMUTABLE &&
			proc->prolang != INTERNALlanguageId && proc->prolang != ClanguageId;
		ReleaseSysCache(tuple);
	}
	return result;
}

/* The arguments of a function in FROM, and the function itself unless the server brings it. */
void
dp_flow_function_args(RangeTblFunction *function, DpValue value)
{
	Node	   *call = function->funcexpr;

	if (call && IsA(call, FuncExpr) && get_func_namespace(((FuncExpr *) call)->funcid) != PG_CATALOG_NAMESPACE)
		add_function(((FuncExpr *) call)->funcid, &value);
	step_to(call, &value, DP_LINEAGE_TRANSFORMATION);
}

/* Of ROWS FROM the function that yields the column; none yields the ordinality. */
static void
add_function_column(RangeTblEntry *rte, AttrNumber attno, const DpValue *value)
{
	ListCell   *lc;
	int			before = 0;

	foreach(lc, rte->functions)
	{
		RangeTblFunction *function = lfirst_node(RangeTblFunction, lc);

		if (attno == 0 || (attno > before && attno <= before + function->funccolcount))
			dp_flow_function_args(function, *value);
		before += function->funccolcount;
	}
}

static void
add_tablefunc_column(TableFunc *tablefunc, AttrNumber attno, const DpValue *value)
{
	if (attno > 0 && attno - 1 == tablefunc->ordinalitycol)
		return;
	step_to(tablefunc->docexpr, value, DP_LINEAGE_TRANSFORMATION);
	step_to(tablefunc->rowexpr, value, DP_LINEAGE_TRANSFORMATION);
	step_to((Node *) tablefunc->ns_uris, value, DP_LINEAGE_TRANSFORMATION);
	if (attno == 0)
	{
		step_to((Node *) tablefunc->colexprs, value, DP_LINEAGE_TRANSFORMATION);
		step_to((Node *) tablefunc->coldefexprs, value, DP_LINEAGE_TRANSFORMATION);
		return;
	}
	if (attno <= list_length(tablefunc->colexprs))
		step_to(list_nth(tablefunc->colexprs, attno - 1), value, DP_LINEAGE_TRANSFORMATION);
	if (attno <= list_length(tablefunc->coldefexprs))
		step_to(list_nth(tablefunc->coldefexprs, attno - 1), value, DP_LINEAGE_TRANSFORMATION);
}

/* ON CONFLICT's "excluded" is the row that was to be inserted. */
static void
add_excluded_column(Query *query, AttrNumber attno, const DpValue *value)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && (attno == 0 || tle->resno == attno))
			step_to((Node *) tle->expr, value, attno == 0 ? DP_LINEAGE_TRANSFORMATION : DP_LINEAGE_IDENTITY);
	}
}

/* A column of an entry of the innermost query of the value's stack. */
void
dp_flow_var(int varno, AttrNumber attno, DpValue value)
{
	Query	   *query = linitial_node(Query, value.stack);
	RangeTblEntry *rte;

	if (varno <= 0 || varno > list_length(query->rtable))
		return;
	rte = rt_fetch(varno, query->rtable);
	if (query->onConflict && varno == query->onConflict->exclRelIndex)
	{
		add_excluded_column(query, attno, &value);
		return;
	}
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			if (rte->relkind == RELKIND_VIEW && !value.walk->stop_at_views && varno != query->resultRelation)
				add_query_column(dp_flow_view(value.walk, rte->relid), attno, &value);
			else
				add_relation_column(rte->relid, attno, &value);
			break;
		case RTE_SUBQUERY:
			if (OidIsValid(rte->relid) && value.walk->stop_at_views)
				add_relation_column(rte->relid, attno, &value);
			else
				add_query_column(dp_flow_query(value.walk, rte->subquery, value.stack), attno, &value);
			break;
		case RTE_JOIN:
			add_join_column(rte, attno, &value);
			break;
		case RTE_CTE:
			{
				DpQueryFlow *flow = dp_flow_cte(value.walk, rte, value.stack);

				if (flow)
					add_query_column(flow, attno, &value);
			}
			break;
		case RTE_VALUES:
			add_values_column(rte, attno, &value);
			break;
		case RTE_FUNCTION:
			add_function_column(rte, attno, &value);
			break;
		case RTE_TABLEFUNC:
			add_tablefunc_column(rte->tablefunc, attno, &value);
			break;
		case RTE_NAMEDTUPLESTORE:
			dp_flow_add(value.into, InvalidOid, 0, psprintf("tuplestore:%s", rte->enrname), value.kind,
						value.masking);
			break;
		default:
			step_to(dp_rte_group_expr(rte, attno), &value, DP_LINEAGE_IDENTITY);
			break;
	}
}

/* ---- expressions with parts of several kinds ---- */

/* Functions whose result does not show what went in. */
static bool
is_hash(Oid funcid)
{
	static const char *const names[] = {"md5", "sha224", "sha256", "sha384", "sha512", "digest", "hmac", "crypt",
		"hashtext", "hashtextextended", "hash_record", "hash_record_extended", "hash_array", "hash_array_extended",
	"hashint4", "hashint8", "hashint4extended", "hashint8extended", "hash_numeric", "hash_numeric_extended"};
	const char *name = get_func_name(funcid);

	for (int i = 0; name != NULL && i < lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static void
case_value(CaseExpr *expr, const DpValue *value)
{
	ListCell   *lc;

	step_to((Node *) expr->arg, value, DP_LINEAGE_CONDITIONAL);
	foreach(lc, expr->args)
	{
		CaseWhen   *when = lfirst_node(CaseWhen, lc);

		step_to((Node *) when->expr, value, DP_LINEAGE_CONDITIONAL);
		step_to((Node *) when->result, value, DP_LINEAGE_TRANSFORMATION);
	}
	step_to((Node *) expr->defresult, value, DP_LINEAGE_TRANSFORMATION);
}

/* Each value may be taken, and all but the last decide which one. */
static void
coalesce_value(CoalesceExpr *expr, const DpValue *value)
{
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		step_to(lfirst(lc), value, DP_LINEAGE_TRANSFORMATION);
		if (lnext(expr->args, lc) != NULL)
			step_to(lfirst(lc), value, DP_LINEAGE_CONDITIONAL);
	}
}

static void
nullif_value(NullIfExpr *expr, const DpValue *value)
{
	step_to(linitial(expr->args), value, DP_LINEAGE_TRANSFORMATION);
	step_to((Node *) expr->args, value, DP_LINEAGE_CONDITIONAL);
}

/* count(*) sees the rows of all relations in FROM and no column of them. */
static void
count_rows(int levelsup, const DpValue *value)
{
	Query	   *query = list_nth_node(Query, value->stack, levelsup);
	DpLineageKind kind = dp_lineage_merge(value->kind, DP_LINEAGE_AGGREGATION);
	ListCell   *known;
	ListCell   *read;

	foreach(known, value->walk->known)
	{
		DpQueryFlow *flow = lfirst(known);

		if (flow->query != query)
			continue;
		foreach(read, flow->reads)
			dp_flow_add(value->into, ((DpFlow *) lfirst(read))->relid, 0, ((DpFlow *) lfirst(read))->other, kind, true);
	}
}

static void
aggregate_value(Aggref *agg, const DpValue *value)
{
	DpValue		counted = *value;
	ListCell   *lc;

	counted.masking = value->masking || agg->aggfnoid == F_COUNT_ANY;
	foreach(lc, agg->args)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		step_to((Node *) tle->expr, &counted, tle->resjunk ? DP_LINEAGE_SORT : DP_LINEAGE_AGGREGATION);
	}
	foreach(lc, agg->aggorder)
	{
		TargetEntry *tle = get_sortgroupclause_tle(lfirst_node(SortGroupClause, lc), agg->args);

		if (agg->aggkind == 'n')
			step_to((Node *) tle->expr, value, DP_LINEAGE_SORT);
	}
	step_to((Node *) agg->aggdirectargs, value, DP_LINEAGE_AGGREGATION);
	step_to((Node *) agg->aggfilter, value, DP_LINEAGE_CONDITIONAL);
	if (agg->aggstar)
		count_rows(agg->agglevelsup, value);
}

static void
window_value(WindowFunc *func, const DpValue *value)
{
	Query	   *query = linitial_node(Query, value->stack);
	DpValue		counted = *value;
	ListCell   *lc;

	counted.masking = value->masking || func->winfnoid == F_COUNT_ANY;
	step_to((Node *) func->args, &counted, DP_LINEAGE_AGGREGATION);
	step_to((Node *) func->aggfilter, value, DP_LINEAGE_CONDITIONAL);
	if (func->winfnoid == F_COUNT_)
		count_rows(0, value);
	foreach(lc, query->windowClause)
	{
		WindowClause *window = lfirst_node(WindowClause, lc);
		ListCell   *key;

		if (window->winref != func->winref)
			continue;
		foreach(key, window->partitionClause)
			step_to((Node *) get_sortgroupclause_tle(lfirst(key), query->targetList)->expr, value, DP_LINEAGE_WINDOW);
		foreach(key, window->orderClause)
			step_to((Node *) get_sortgroupclause_tle(lfirst(key), query->targetList)->expr, value, DP_LINEAGE_WINDOW);
		step_to(window->startOffset, value, DP_LINEAGE_WINDOW);
		step_to(window->endOffset, value, DP_LINEAGE_WINDOW);
	}
}

/* ---- subqueries in expressions ---- */

/* All that decides about the subquery's rows decides about the value. */
static void
sublink_rows(DpQueryFlow *inner, const DpValue *value)
{
	dp_flow_add_all(value->into, inner->rows, value->kind, value->masking);
	dp_flow_add_all(&value->flow->touches, inner->reads, DP_LINEAGE_FILTER, false);
	dp_flow_add_all(&value->flow->touches, inner->touches, DP_LINEAGE_FILTER, false);
}

static void
sublink_value(SubLink *link, const DpValue *value)
{
	DpQueryFlow *inner = dp_flow_query(value->walk, castNode(Query, link->subselect), value->stack);
	DpLineageKind step = link->subLinkType == EXPR_SUBLINK ? DP_LINEAGE_IDENTITY : DP_LINEAGE_TRANSFORMATION;
	ListCell   *lc;

	sublink_rows(inner, value);
	/* EXISTS looks at no column; those of a multiple assignment are taken one by one. */
	if (link->subLinkType == EXISTS_SUBLINK || link->subLinkType == MULTIEXPR_SUBLINK)
		return;
	step_to(link->testexpr, value, DP_LINEAGE_TRANSFORMATION);
	foreach(lc, inner->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			dp_flow_add_all(value->into, dp_flow_column(inner, tle->resno), dp_lineage_merge(value->kind, step),
							value->masking);
	}
}

/* SET (a, b) = (SELECT ...): the subquery stands in a junk entry of the target list. */
static void
multiple_assignment(Param *param, const DpValue *value)
{
	Query	   *query = linitial_node(Query, value->stack);
	List	   *lists[2] = {query->targetList, query->onConflict ? query->onConflict->onConflictSet : NIL};
	ListCell   *lc;

	for (int i = 0; i < lengthof(lists); i++)
	{
		foreach(lc, lists[i])
		{
			SubLink    *link = (SubLink *) lfirst_node(TargetEntry, lc)->expr;
			DpQueryFlow *inner;

			if (link == NULL || !IsA(link, SubLink) || link->subLinkType != MULTIEXPR_SUBLINK ||
				link->subLinkId != (param->paramid >> 16))
				continue;
			inner = dp_flow_query(value->walk, castNode(Query, link->subselect), value->stack);
			sublink_rows(inner, value);
			dp_flow_add_all(value->into, dp_flow_column(inner, param->paramid & 0xFFFF), value->kind, value->masking);
		}
	}
}

/* ---- the walk ---- */

/* A cast that stands nowhere in the text. */
static bool
is_implicit(Node *node)
{
	switch (nodeTag(node))
	{
		case T_FuncExpr:
			return ((FuncExpr *) node)->funcformat == COERCE_IMPLICIT_CAST;
		case T_CoerceViaIO:
			return ((CoerceViaIO *) node)->coerceformat == COERCE_IMPLICIT_CAST;
		case T_ArrayCoerceExpr:
			return ((ArrayCoerceExpr *) node)->coerceformat == COERCE_IMPLICIT_CAST;
		case T_CoerceToDomain:
			return ((CoerceToDomain *) node)->coercionformat == COERCE_IMPLICIT_CAST;
		default:
			return IsA(node, RelabelType) || IsA(node, CollateExpr) || IsA(node, ConvertRowtypeExpr);
	}
}

/* One column of a row is taken: (t).a is a column like t.a. */
static bool
field_walker(FieldSelect *select, DpValue *value)
{
	Node	   *arg = (Node *) select->arg;

	if (IsA(arg, Var) && ((Var *) arg)->varattno == 0)
	{
		dp_flow_var(((Var *) arg)->varno, select->fieldnum, outwards(value, ((Var *) arg)->varlevelsup));
		return false;
	}
	if (IsA(arg, RowExpr) && select->fieldnum <= list_length(((RowExpr *) arg)->args))
		return value_walker(list_nth(((RowExpr *) arg)->args, select->fieldnum - 1), value);
	return step_into((Node *) select, value, DP_LINEAGE_TRANSFORMATION);
}

static bool
value_walker(Node *node, void *context)
{
	DpValue    *value = context;
	DpValue		hashed;

	if (node == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Var:
			dp_flow_var(((Var *) node)->varno, ((Var *) node)->varattno,
						outwards(value, ((Var *) node)->varlevelsup));
			return false;
		case T_Param:
			if (((Param *) node)->paramkind == PARAM_MULTIEXPR)
				multiple_assignment((Param *) node, value);
			return false;
		case T_List:
		case T_TargetEntry:
			return expression_tree_walker(node, value_walker, value);
		case T_FieldSelect:
			return field_walker((FieldSelect *) node, value);
		case T_CaseExpr:
			case_value((CaseExpr *) node, value);
			return false;
		case T_CoalesceExpr:
			coalesce_value((CoalesceExpr *) node, value);
			return false;
		case T_NullIfExpr:
			nullif_value((NullIfExpr *) node, value);
			return false;
		case T_Aggref:
			aggregate_value((Aggref *) node, value);
			return false;
		case T_WindowFunc:
			window_value((WindowFunc *) node, value);
			return false;
		case T_GroupingFunc:
			step_to((Node *) ((GroupingFunc *) node)->args, value, DP_LINEAGE_GROUP_BY);
			return false;
		case T_SubLink:
			sublink_value((SubLink *) node, value);
			return false;
		default:
			break;
	}
	if (is_implicit(node))
		return step_into(node, value, DP_LINEAGE_IDENTITY);
	hashed = *value;
	if (IsA(node, FuncExpr) && is_hash(((FuncExpr *) node)->funcid))
		hashed.masking = true;
	if (IsA(node, FuncExpr) && may_read(((FuncExpr *) node)->funcid))
		add_function(((FuncExpr *) node)->funcid, value);
	return step_into(node, &hashed, DP_LINEAGE_TRANSFORMATION);
}
