/*-------------------------------------------------------------------------
 *
 * event_time.c
 *	  Read off a query where its rows have their event time and their window.
 *
 * A column of the result is followed down through subqueries and functions of
 * windows to one relation: what is found there is an expression over that
 * relation's rows, which a run evaluates on the new ones.  In the same way a
 * column that is the start of a window tells how long the window is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "parser/parse_relation.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "pipeline/internal.h"
#include "pipeline/time_int.h"
#include "query/tree.h"

/* What a function says about windows. */
typedef enum WindowFunction
{
	NO_WINDOW,
	TUMBLE,
	TUMBLE_END,
	WINDOW_RANGE,				/* tumble_range, hop_range, session_range */
	HOP,
	SESSION_START,
	SESSION_END,
	DATE_TRUNC,
	DATE_BIN
} WindowFunction;

/* Column "column" of a subquery in place of references to it. */
typedef struct SubstituteContext
{
	int			varno;
	List	   *exprs;			/* by column */
} SubstituteContext;

static List *all_arguments(const FuncExpr *call);
static WindowFunction window_function(Node *node, List **args);
static Node *trace(const Query **query, Node *node);
static bool collect(const Query *query, Node *node, List **found);
static bool collect_union(const Query *query, Node *setop, int column, List **found);
static DpEventInput *make_input(Oid relid, Node *expr);
static List *inputs_of_column(const DpQuery *query, const DpTimeSettings *settings, const List *lookups);
static TargetEntry *result_column(const DpQuery *query, const char *name);
static DpEndKind end_kind(const Query *query, Node *node, DpWindowRule *rule);
static bool rule_of_call(WindowFunction function, List *args, DpWindowRule *rule);
static bool rule_of_date_trunc(List *args, DpWindowRule *rule);

/* ------------------------------------------------------------ event times */

List *
dp_event_inputs(const DpQuery *query, const DpTimeSettings *settings, const List *keys,
				const List *lookups)
{
	List	   *found = NIL;
	List	   *inputs;
	ListCell   *lc;
	Oid			relid = settings->relation ? dp_relation_by_name(settings->relation) : InvalidOid;

	if (settings->relation && dp_query_input(query, relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("relation \"%s\" of event_time is not read by the query", settings->relation)));

	if (settings->expression)
	{
		Query	   *tree;
		const DpQueryInput *only = list_length(query->inputs) == 1 ? linitial(query->inputs) : NULL;

		if (!OidIsValid(relid) && only == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("event_time needs the relation that its expression is about")));
		tree = dp_tree_parse(psprintf("SELECT %s FROM %s", settings->expression,
									  dp_relation_text(OidIsValid(relid) ? relid : only->relid)), NULL);
		if (list_length(tree->targetList) != 1 || tree->hasAggs || tree->hasWindowFuncs || tree->hasSubLinks ||
			!collect(tree, (Node *) linitial_node(TargetEntry, tree->targetList)->expr, &found))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("expression of event_time must be made of columns of one row")));
		return found;
	}

	if (settings->column)
	{
		inputs = inputs_of_column(query, settings, lookups);
		if (inputs != NIL)
			return inputs;
		if (!collect(query->tree, (Node *) result_column(query, settings->column)->expr, &found))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" of event_time cannot be followed to one input", settings->column),
					 errhint("Name the \"relation\" and its \"column\", or an \"expression\" over its columns.")));
		return found;
	}

	/* A window among the keys says it by itself. */
	foreach(lc, keys)
	{
		const Query *level = query->tree;
		Node	   *node = (Node *) result_column(query, lfirst(lc))->expr;
		List	   *args;

		if (query->tree->setOperations == NULL &&
			window_function(trace(&level, node), &args) != NO_WINDOW &&
			collect(query->tree, node, &found))
			return found;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("event_time does not say which column it is"),
			 errhint("For example {\"column\": \"updated_at\"}.")));
}

/* The inputs that have the named column themselves. */
static List *
inputs_of_column(const DpQuery *query, const DpTimeSettings *settings, const List *lookups)
{
	Oid			relid = settings->relation ? dp_relation_by_name(settings->relation) : InvalidOid;
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, query->inputs)
	{
		const DpQueryInput *input = lfirst(lc);
		AttrNumber	attno = get_attnum(input->relid, settings->column);
		Oid			type;
		int32		typmod;
		Oid			collation;

		if (attno <= 0 || (OidIsValid(relid) ? input->relid != relid : list_member_oid(lookups, input->relid)))
			continue;
		get_atttypetypmodcoll(input->relid, attno, &type, &typmod, &collation);
		result = lappend(result, make_input(input->relid,
											(Node *) makeVar(1, attno, type, typmod, collation, 0)));
	}
	return result;
}

static DpEventInput *
make_input(Oid relid, Node *expr)
{
	DpEventInput *input = palloc0(sizeof(DpEventInput));
	Oid			type = exprType(expr);

	input->relid = relid;
	input->relation = dp_relation_text(relid);
	input->time = type == TIMESTAMPTZOID ? expr :
		coerce_to_target_type(NULL, expr, type, TIMESTAMPTZOID, -1, COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
	if (input->time == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("event time of %s has type %s", input->relation, format_type_be(type)),
				 errhint("Cast it to timestamptz.")));
	if (contain_volatile_functions(input->time))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("event time of %s is volatile", input->relation)));
	input->partition = get_attnum(relid, "_partition");
	input->offset = get_attnum(relid, "_offset");
	input->topic = get_attnum(relid, "_topic");
	if (input->partition <= 0 || input->offset <= 0 ||
		get_atttype(relid, input->partition) != INT4OID || get_atttype(relid, input->offset) != INT8OID)
		input->partition = input->offset = 0;
	if (input->partition == 0 || input->topic <= 0 || get_atttype(relid, input->topic) != TEXTOID)
		input->topic = 0;
	return input;
}

static TargetEntry *
result_column(const DpQuery *query, const char *name)
{
	ListCell   *lc;

	foreach(lc, query->tree->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!entry->resjunk && strcmp(entry->resname, name) == 0)
			return entry;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("\"%s\" of event_time is neither a column of an input nor of the result", name),
			 errhint("Name a column, or write an expression: event_time => '{\"relation\": \"...\", \"expression\": \"...\"}'.")));
}

/* ------------------------------------------------------------ following columns */

/* With those that were left out, and constants computed. */
static List *
all_arguments(const FuncExpr *call)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(call->funcid));
	List	   *args;
	ListCell   *lc;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", call->funcid);
	args = expand_function_arguments(copyObject(call->args), false, call->funcresulttype, tuple);
	ReleaseSysCache(tuple);
	foreach(lc, args)
		lfirst(lc) = eval_const_expressions(NULL, lfirst(lc));
	return args;
}

static WindowFunction
window_function(Node *node, List **args)
{
	static const struct
	{
		const char *name;
		WindowFunction function;
	}			ours[] = {
		{"tumble", TUMBLE}, {"tumble_end", TUMBLE_END}, {"tumble_range", WINDOW_RANGE},
		{"hop", HOP}, {"hop_range", WINDOW_RANGE},
		{"session_start", SESSION_START}, {"session_end", SESSION_END}, {"session_range", WINDOW_RANGE}
	};
	Oid			function;
	char	   *namespace;
	char	   *name;

	if (node != NULL && IsA(node, FuncExpr))
	{
		function = ((FuncExpr *) node)->funcid;
		*args = all_arguments((FuncExpr *) node);
	}
	else if (node != NULL && IsA(node, WindowFunc))
	{
		function = ((WindowFunc *) node)->winfnoid;
		*args = ((WindowFunc *) node)->args;
	}
	else
		return NO_WINDOW;

	namespace = get_namespace_name(get_func_namespace(function));
	name = get_func_name(function);
	if (namespace == NULL || name == NULL)
		return NO_WINDOW;
	if (strcmp(namespace, "dataplat") == 0)
	{
		for (int i = 0; i < (int) lengthof(ours); i++)
		{
			if (strcmp(ours[i].name, name) == 0)
				return ours[i].function;
		}
	}
	if (strcmp(namespace, "pg_catalog") == 0 && exprType(node) == TIMESTAMPTZOID)
	{
		if (strcmp(name, "date_trunc") == 0)
			return DATE_TRUNC;
		if (strcmp(name, "date_bin") == 0)
			return DATE_BIN;
	}
	return NO_WINDOW;
}

/* The argument that is the time. */
static Node *
time_argument(WindowFunction function, List *args)
{
	return function == DATE_TRUNC || function == DATE_BIN ? lsecond(args) : linitial(args);
}

/* What a column is computed by, past subqueries, min() and max(). */
static Node *
trace(const Query **query, Node *node)
{
	for (;;)
	{
		if (node == NULL)
			return NULL;
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, Aggref) && list_length(((Aggref *) node)->args) == 1 &&
				 (strcmp(get_func_name(((Aggref *) node)->aggfnoid), "max") == 0 ||
				  strcmp(get_func_name(((Aggref *) node)->aggfnoid), "min") == 0))
			node = (Node *) linitial_node(TargetEntry, ((Aggref *) node)->args)->expr;
		else if (IsA(node, Var) && ((Var *) node)->varlevelsup == 0)
		{
			Var		   *var = (Var *) node;
			RangeTblEntry *rte = rt_fetch(var->varno, (*query)->rtable);

			if (var->varattno <= 0)
				return node;
			if (rte->rtekind == RTE_SUBQUERY && rte->subquery->setOperations == NULL)
			{
				TargetEntry *entry = get_tle_by_resno(rte->subquery->targetList, var->varattno);

				*query = rte->subquery;
				node = entry ? (Node *) entry->expr : NULL;
			}
			else if (rte->rtekind == RTE_FUNCTION && list_length(rte->functions) == 1 && var->varattno == 1)
				node = linitial_node(RangeTblFunction, rte->functions)->funcexpr;
			else
				return node;
		}
		else
			return node;
	}
}

static Node *
substitute(Node *node, SubstituteContext *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == context->varno && ((Var *) node)->varlevelsup == 0)
		return copyObject(list_nth(context->exprs, ((Var *) node)->varattno - 1));
	return expression_tree_mutator(node, substitute, (void *) context);
}

/*
 * The expressions over base relations that a node of a query stands for: one,
 * or one for each branch of a UNION.  False: it is none.
 */
static bool
collect(const Query *query, Node *node, List **found)
{
	for (;;)
	{
		SubstituteContext context = {0, NIL};
		WindowFunction function;
		RangeTblEntry *rte;
		List	   *args;
		ListCell   *lc;

		if (query->setOperations != NULL)
			return IsA(node, Var) && collect_union(query, query->setOperations, ((Var *) node)->varattno, found);
		node = trace(&query, node);
		function = window_function(node, &args);
		if (function != NO_WINDOW)
		{
			node = time_argument(function, args);
			continue;
		}
		if (node == NULL || checkExprHasSubLink(node) || contain_agg_clause(node) || contain_window_function(node))
			return false;
		foreach(lc, pull_var_clause(node, PVC_RECURSE_PLACEHOLDERS))
		{
			Var		   *var = lfirst_node(Var, lc);

			if (var->varattno <= 0 || (context.varno != 0 && var->varno != context.varno))
				return false;
			context.varno = var->varno;
		}
		if (context.varno == 0 || contain_vars_of_level(node, 1))
			return false;

		rte = rt_fetch(context.varno, query->rtable);
		if (rte->rtekind == RTE_RELATION)
		{
			node = copyObject(node);
			ChangeVarNodes(node, context.varno, 1, 0);
			*found = lappend(*found, make_input(rte->relid, node));
			return true;
		}
		if (rte->rtekind == RTE_SUBQUERY)
		{
			if (rte->subquery->setOperations != NULL)
				return IsA(node, Var) &&
					collect_union(rte->subquery, rte->subquery->setOperations, ((Var *) node)->varattno, found);
			foreach(lc, rte->subquery->targetList)
				context.exprs = lappend(context.exprs, lfirst_node(TargetEntry, lc)->expr);
			query = rte->subquery;
		}
		else if (rte->rtekind == RTE_FUNCTION && list_length(rte->functions) == 1 && IsA(node, Var))
			context.exprs = list_make1(linitial_node(RangeTblFunction, rte->functions)->funcexpr);
		else
			return false;
		node = substitute(node, &context);
	}
}

static bool
collect_union(const Query *query, Node *setop, int column, List **found)
{
	if (IsA(setop, SetOperationStmt))
		return collect_union(query, ((SetOperationStmt *) setop)->larg, column, found) &&
			collect_union(query, ((SetOperationStmt *) setop)->rarg, column, found);
	else
	{
		RangeTblEntry *rte = rt_fetch(castNode(RangeTblRef, setop)->rtindex, query->rtable);
		TargetEntry *entry = get_tle_by_resno(rte->subquery->targetList, column);

		return entry != NULL && collect(rte->subquery, (Node *) entry->expr, found);
	}
}

/* ------------------------------------------------------------ ends of windows */

void
dp_window_end(const DpQuery *query, const DpTimeSettings *settings, const List *keys, DpWindowEnd *end)
{
	List	   *names = NIL;
	ListCell   *lc;

	/* The keys first: then rows of open windows need not be computed. */
	if (settings->window_end)
		names = list_make1(settings->window_end);
	else
	{
		names = list_copy(keys);
		foreach(lc, query->tree->targetList)
		{
			if (!lfirst_node(TargetEntry, lc)->resjunk)
				names = lappend(names, lfirst_node(TargetEntry, lc)->resname);
		}
	}

	foreach(lc, names)
	{
		TargetEntry *entry = result_column(query, lfirst(lc));
		Oid			type = exprType((Node *) entry->expr);
		ListCell   *key;
		int			n = 0;

		end->kind = end_kind(query->tree, (Node *) entry->expr, &end->rule);
		if (end->kind == DP_END_NONE && settings->window_end)
		{
			end->kind = type == TIMESTAMPTZOID ? DP_END_VALUE : type == TSTZRANGEOID ? DP_END_RANGE : DP_END_NONE;
			if (end->kind == DP_END_NONE)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("window_end \"%s\" of event_time has type %s", settings->window_end,
								format_type_be(type)),
						 errhint("It must be a timestamptz or a tstzrange.")));
		}
		if (end->kind == DP_END_NONE)
			continue;
		end->column = entry->resno;
		end->key = 0;
		foreach(key, keys)
		{
			n++;
			if (strcmp(lfirst(key), entry->resname) == 0)
				end->key = n;
		}
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("emit close needs to know when a window ends"),
			 errhint("Group by dataplat.tumble() or date_trunc(), or name the column: event_time => '{\"window_end\": \"...\"}'.")));
}

static DpEndKind
end_kind(const Query *query, Node *node, DpWindowRule *rule)
{
	List	   *args = NIL;
	WindowFunction function;

	if (query->setOperations != NULL)
		return DP_END_NONE;
	node = trace(&query, node);
	function = window_function(node, &args);
	switch (function)
	{
		case TUMBLE:
		case DATE_TRUNC:
		case DATE_BIN:
			return rule_of_call(function, args, rule) ? DP_END_TUMBLE : DP_END_NONE;
		case HOP:
			return rule_of_call(function, args, rule) ? DP_END_HOP : DP_END_NONE;
		case TUMBLE_END:
		case SESSION_END:
			return DP_END_VALUE;
		case WINDOW_RANGE:
			return DP_END_RANGE;
		default:
			break;
	}
	/* upper() of a window */
	if (node != NULL && IsA(node, FuncExpr) && list_length(((FuncExpr *) node)->args) == 1 &&
		strcmp(get_func_name(((FuncExpr *) node)->funcid), "upper") == 0 &&
		end_kind(query, linitial(((FuncExpr *) node)->args), rule) == DP_END_RANGE)
		return DP_END_VALUE;
	return DP_END_NONE;
}

/* False when an argument is not the same for all rows. */
static bool
rule_of_call(WindowFunction function, List *args, DpWindowRule *rule)
{
	/* Where size, origin and zone are; -1: nowhere. */
	int			size = function == DATE_BIN ? 0 : 1;
	int			origin = function == TUMBLE ? 2 : function == HOP ? 3 : 2;
	int			zone = function == TUMBLE ? 3 : function == HOP ? 4 : -1;
	TimestampTz origin_value = 0;
	Const	   *c;

	if (function == DATE_TRUNC)
		return rule_of_date_trunc(args, rule);
	for (int i = 0; i < list_length(args); i++)
	{
		if (i != (function == DATE_BIN ? 1 : 0) && !IsA(list_nth(args, i), Const))
			return false;
	}
	c = list_nth_node(Const, args, size);
	if (c->constisnull || (zone >= 0 && list_nth_node(Const, args, zone)->constisnull))
		return false;
	if (!list_nth_node(Const, args, origin)->constisnull)
		origin_value = DatumGetTimestampTz(list_nth_node(Const, args, origin)->constvalue);
	dp_window_rule_init(rule, DatumGetIntervalP(c->constvalue),
						list_nth_node(Const, args, origin)->constisnull ? NULL : &origin_value,
						zone < 0 ? "UTC" : TextDatumGetCString(list_nth_node(Const, args, zone)->constvalue));
	return true;
}

static bool
rule_of_date_trunc(List *args, DpWindowRule *rule)
{
	static const struct
	{
		const char *name;
		Interval	size;
	}			units[] = {
		{"second", {.time = USECS_PER_SEC}}, {"minute", {.time = USECS_PER_MINUTE}},
		{"hour", {.time = USECS_PER_HOUR}}, {"day", {.day = 1}}, {"week", {.day = 7}},
		{"month", {.month = 1}}, {"quarter", {.month = 3}}, {"year", {.month = 12}}
	};
	Const	   *unit = (Const *) linitial(args);
	Const	   *zone = list_length(args) > 2 ? lthird(args) : NULL;
	char	   *name;

	if (!IsA(unit, Const) || unit->constisnull || (zone && (!IsA(zone, Const) || zone->constisnull)))
		return false;
	name = TextDatumGetCString(unit->constvalue);
	for (int i = 0; i < (int) lengthof(units); i++)
	{
		if (pg_strcasecmp(units[i].name, name) != 0)
			continue;
		dp_window_rule_init(rule, &units[i].size, NULL,
							zone ? TextDatumGetCString(zone->constvalue) : pg_get_timezone_name(session_timezone));
		return true;
	}
	return false;
}

TimestampTz
dp_window_end_of(const DpWindowEnd *end, Datum value, bool isnull)
{
	TimestampTz start;

	if (isnull || end->kind == DP_END_NONE)
		return DT_NOBEGIN;
	if (end->kind == DP_END_RANGE)
	{
		RangeBound	lower;
		RangeBound	upper;
		bool		empty;

		range_deserialize(lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO), DatumGetRangeTypeP(value),
						  &lower, &upper, &empty);
		return empty ? DT_NOBEGIN : upper.infinite ? DT_NOEND : DatumGetTimestampTz(upper.val);
	}
	start = DatumGetTimestampTz(value);
	if (end->kind == DP_END_VALUE || TIMESTAMP_NOT_FINITE(start))
		return start;
	if (end->kind == DP_END_HOP)
		return dp_window_add(&end->rule, start);
	return dp_window_start(&end->rule, dp_window_number(&end->rule, start) + 1);
}

void
dp_event_time_is_captured(const DpQuery *query, const DpEventInput *input)
{
	const DpQueryInput *used = dp_query_input(query, input->relid);
	Bitmapset  *columns = NULL;

	pull_varattnos(input->time, 1, &columns);
	if (used == NULL || (!used->whole_row && !bms_is_subset(columns, used->columns)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("event time of %s is not used in the query", input->relation),
				 errdetail("Changes of columns that the query does not use are not captured."),
				 errhint("Select the column, or compare with it.")));
}
