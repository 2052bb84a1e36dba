/*-------------------------------------------------------------------------
 *
 * analyze.c
 *	  From a text to a tree in which every relation that is read stands plain.
 *
 * The rewriter turns views into subqueries; common table expressions that are
 * not recursive become subqueries here, so that whoever walks the tree meets
 * base relations and subqueries only.  References to the columns of a join
 * are resolved to the columns of its sides, and GROUPING SETS become a UNION
 * ALL of plain GROUP BYs, which is what they mean.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "tcop/tcopprot.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "query/tree.h"

typedef struct CteContext
{
	const char *name;
	Query	   *query;
	int			levels;			/* how deep below the query that has the WITH */
} CteContext;

typedef struct InputContext
{
	DpQuery    *query;
	List	   *parents;		/* Query: the innermost first */
} InputContext;

static Query *parse_select(const char *text);
static bool inline_cte_walker(Node *node, CteContext *context);
static bool inputs_walker(Node *node, InputContext *context);
static bool function_checker(Oid function, void *context);
static bool functions_walker(Node *node, DpQuery *query);
static bool volatile_checker(Oid function, void *context);
static bool volatile_walker(Node *node, Oid *found);
static bool normalize_walker(Node *node, void *context);

DpQuery *
dp_query_analyze(const char *text)
{
	DpQuery    *query = palloc0(sizeof(DpQuery));
	InputContext context = {query, NIL};

	query->text = pstrdup(text);
	query->tree = parse_select(query->text);
	query->desc = ExecCleanTypeFromTL(query->tree->targetList);
	dp_tree_inline_ctes(query->tree);
	dp_tree_drop_order(query->tree);
	(void) normalize_walker((Node *) query->tree, NULL);
	(void) inputs_walker((Node *) query->tree, &context);
	(void) functions_walker((Node *) query->tree, query);
	return query;
}

void
dp_expr_check_steady(Node *expr, const char *text, const char *what)
{
	DpQuery		query = {.text = text};
	Oid			found = InvalidOid;

	if (volatile_walker(expr, &found))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s calls the volatile function %s", what, get_func_name(found)),
				 errhint("It would say something else each time; take the value from a column.")));
	(void) functions_walker(expr, &query);
	if (query.time_dependent)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s depends on the time at which it runs", what),
				 errhint("Compare with a column of the data.")));
}

char *
dp_query_volatile_function(const DpQuery *query)
{
	Oid			found = InvalidOid;

	(void) volatile_walker((Node *) query->tree, &found);
	return OidIsValid(found) ? get_func_name(found) : NULL;
}

const DpQueryInput *
dp_query_input(const DpQuery *query, Oid relid)
{
	ListCell   *lc;

	foreach(lc, query->inputs)
	{
		DpQueryInput *input = lfirst(lc);

		if (input->relid == relid)
			return input;
	}
	return NULL;
}

char *
dp_statement_text(const char *text)
{
	RawStmt    *stmt = linitial_node(RawStmt, pg_parse_query(text));

	return stmt->stmt_len > 0 ? pnstrdup(text + stmt->stmt_location, stmt->stmt_len) :
		pstrdup(text + stmt->stmt_location);
}

Node *
dp_query_from_column(DpQuery *query, Oid relid, AttrNumber attno)
{
	List	   *leaves = dp_tree_leaves(query->tree);
	ListCell   *lc;

	foreach(lc, leaves)
	{
		RangeTblEntry *rte = rt_fetch(lfirst_int(lc), query->tree->rtable);
		DpQueryInput *input;
		Oid			type;
		int32		typmod;
		Oid			collation;

		if (rte->rtekind != RTE_RELATION || rte->relid != relid)
			continue;
		input = unconstify(DpQueryInput *, dp_query_input(query, relid));
		input->columns = bms_add_member(input->columns, attno - FirstLowInvalidHeapAttributeNumber);
		get_atttypetypmodcoll(relid, attno, &type, &typmod, &collation);
		dp_rte_select_column(query->tree, rte, attno);
		return (Node *) makeVar(lfirst_int(lc), attno, type, typmod, collation, 0);
	}
	return NULL;
}

static Query *
parse_select(const char *text)
{
	ErrorContextCallback callback = {.callback = dp_say_where, .arg = unconstify(char *, text)};
	List	   *raw;
	List	   *trees;
	Query	   *tree;

	callback.previous = error_context_stack;
	error_context_stack = &callback;
	raw = pg_parse_query(text);
	if (list_length(raw) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a pipeline's query must be one SELECT"),
				 errdetail("The text holds %d statements.", list_length(raw))));
	trees = pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, raw), text, NULL, 0, NULL);
	error_context_stack = callback.previous;
	tree = list_length(trees) == 1 ? linitial_node(Query, trees) : NULL;
	if (tree == NULL || tree->commandType != CMD_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a pipeline's query must be one SELECT"),
				 errhint("The pipeline itself writes the rows to its target.")));
	if (tree->hasModifyingCTE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a pipeline's query must not write"),
				 errdetail("It has a WITH item that changes data.")));
	if (tree->rowMarks != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a pipeline's query must not lock rows"),
				 errhint("Leave out FOR UPDATE or FOR SHARE.")));
	return tree;
}

/*
 * Put each plain WITH item where it is used.  A recursive one stays.
 */
void
dp_tree_inline_ctes(Query *tree)
{
	List	   *kept = NIL;
	ListCell   *lc;

	foreach(lc, tree->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);
		CteContext	context = {cte->ctename, (Query *) cte->ctequery, -1};

		if (cte->cterecursive || !IsA(cte->ctequery, Query))
		{
			kept = lappend(kept, cte);
			continue;
		}
		(void) inline_cte_walker((Node *) tree, &context);
	}
	/* Items that only recursive ones use stand in those as subqueries now. */
	tree->cteList = kept;
}

static bool
inline_cte_walker(Node *node, CteContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		bool		result;

		context->levels++;
		result = query_tree_walker(query, inline_cte_walker, context, QTW_EXAMINE_RTES_AFTER);
		context->levels--;
		return result;
	}
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_CTE && !rte->self_reference &&
			(int) rte->ctelevelsup == context->levels &&
			strcmp(rte->ctename, context->name) == 0)
		{
			Query	   *copy = copyObject(context->query);

			IncrementVarSublevelsUp((Node *) copy, context->levels, 1);
			rte->rtekind = RTE_SUBQUERY;
			rte->subquery = copy;
			rte->security_barrier = false;
			rte->ctename = NULL;
			rte->ctelevelsup = 0;
			rte->self_reference = false;
			rte->coltypes = NIL;
			rte->coltypmods = NIL;
			rte->colcollations = NIL;
		}
		return false;
	}
	return expression_tree_walker(node, inline_cte_walker, context);
}

/* Bring each query of the tree into the shape that the derivations expect, the innermost first. */
static bool
normalize_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		dp_tree_inline_ctes(query);
		(void) query_tree_walker(query, normalize_walker, context, 0);
		dp_tree_normalize(query);
		return false;
	}
	return expression_tree_walker(node, normalize_walker, context);
}

static DpQueryInput *
note_input(DpQuery *query, RangeTblEntry *rte)
{
	DpQueryInput *input = unconstify(DpQueryInput *, dp_query_input(query, rte->relid));

	if (input == NULL)
	{
		input = palloc0(sizeof(DpQueryInput));
		input->relid = rte->relid;
		input->relkind = rte->relkind;
		query->inputs = lappend(query->inputs, input);
	}
	if (!rte->inh)
		input->only = true;
	if (rte->tablesample != NULL)
		input->sampled = true;
	/* Not hasRowSecurity: it says that policies would apply to somebody else, too. */
	if (rte->securityQuals != NIL)
		query->row_security = true;
	return input;
}

static void
note_column(DpQueryInput *input, AttrNumber attno)
{
	if (attno < 0)
		input->system_columns = true;
	else if (attno == 0)
		input->whole_row = true;
	input->columns = bms_add_member(input->columns, attno - FirstLowInvalidHeapAttributeNumber);
}

/*
 * Collect the relations that are really read (a rewritten view leaves entries
 * behind that no FROM names) and the columns that are used of each.
 */
static bool
inputs_walker(Node *node, InputContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		Query	   *query = list_nth_node(Query, context->parents, var->varlevelsup);
		RangeTblEntry *rte = rt_fetch(var->varno, query->rtable);

		if (rte->rtekind == RTE_RELATION)
			note_column(note_input(context->query, rte), var->varattno);
		return false;
	}
	if (IsA(node, RangeTblRef))
	{
		Query	   *query = linitial_node(Query, context->parents);
		RangeTblEntry *rte = rt_fetch(((RangeTblRef *) node)->rtindex, query->rtable);

		if (rte->rtekind == RTE_RELATION)
			(void) note_input(context->query, rte);
		return false;
	}
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		context->parents = lcons(query, context->parents);
		(void) query_tree_walker(query, inputs_walker, context, QTW_IGNORE_JOINALIASES);
		context->parents = list_delete_first(context->parents);
		return false;
	}
	return expression_tree_walker(node, inputs_walker, context);
}

static bool
function_checker(Oid function, void *context)
{
	DpQuery    *query = context;

	query->functions = list_append_unique_oid(query->functions, function);
	if (function == F_NOW || function == F_TRANSACTION_TIMESTAMP || function == F_STATEMENT_TIMESTAMP ||
		function == F_AGE_TIMESTAMP || function == F_AGE_TIMESTAMPTZ)
		query->time_dependent = true;
	return false;
}

/* Is it a date or a time, or are there some in it? */
static bool
is_moment(Oid type)
{
	char		category;
	bool		preferred;

	if (OidIsValid(get_element_type(type)))
		type = get_element_type(type);
	if (OidIsValid(get_range_subtype(type)))
		type = get_range_subtype(type);
	get_type_category_preferred(getBaseType(type), &category, &preferred);
	return category == TYPCATEGORY_DATETIME;
}

/*
 * 'now', 'today' and their like become the time at which the text is parsed.
 * A constant of the text says where it stands there; one of a view does not,
 * and is what it was when the view was made.
 */
static bool
is_present(const Const *constant, const char *text)
{
	static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};
	const char *from;

	if (constant->location < 0 || constant->location >= (int) strlen(text) || constant->constisnull ||
		text[constant->location] != '\'' || !is_moment(constant->consttype))
		return false;
	for (from = text + constant->location + 1; *from != '\0' && *from != '\''; from++)
	{
		for (int i = 0; i < (int) lengthof(words); i++)
		{
			if (pg_strncasecmp(from, words[i], strlen(words[i])) == 0)
				return true;
		}
	}
	return false;
}

static bool
functions_walker(Node *node, DpQuery *query)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const) && is_present((Const *) node, query->text))
		query->time_dependent = true;
	(void) check_functions_in_node(node, function_checker, query);
	if (IsA(node, SQLValueFunction))
		query->time_dependent = true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, functions_walker, query, 0);
	return expression_tree_walker(node, functions_walker, query);
}

static bool
volatile_checker(Oid function, void *context)
{
	if (func_volatile(function) != PROVOLATILE_VOLATILE)
		return false;
	*(Oid *) context = function;
	return true;
}

static bool
volatile_walker(Node *node, Oid *found)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, volatile_checker, found))
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, volatile_walker, found, 0);
	return expression_tree_walker(node, volatile_walker, found);
}
