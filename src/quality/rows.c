/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  The rules of a table, made ready for rows of one shape.
 *
 * Conditions were written over the columns of the table; the rows to come
 * have some of these columns, in another order and perhaps of types that are
 * cast when they are written.  So each column in a condition is replaced by
 * what the table would get: the row's value cast, else the column's default.
 *
 * All rules of one owner become one list of conditions, of which each holds
 * for a row that is as expected.  Most rows are, and cost that one list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "common/role.h"
#include "quality/plain_regex.h"
#include "quality/rows_int.h"

/* A function takes 100 arguments, two for each column of an object. */
#define COLUMNS_OF_OBJECT 45

typedef struct Columns
{
	Relation	relation;
	TupleDesc	row;
	Node	  **values;			/* by column of the table; NULL: not made yet */
} Columns;

static Node *put_values(Node *node, Columns *columns);

/* ---- from columns of the table to columns of the row ---- */

static AttrNumber
column_of_row(TupleDesc row, const char *name)
{
	for (int i = 0; i < row->natts; i++)
		if (!TupleDescAttr(row, i)->attisdropped && strcmp(NameStr(TupleDescAttr(row, i)->attname), name) == 0)
			return i + 1;
	return InvalidAttrNumber;
}

/* What a column of the table will hold. */
static Node *
value_of(Columns *columns, AttrNumber attno)
{
	Form_pg_attribute to = TupleDescAttr(RelationGetDescr(columns->relation), attno - 1);
	AttrNumber	from = column_of_row(columns->row, NameStr(to->attname));
	Node	   *value = NULL;

	if (columns->values[attno - 1] != NULL)
		return copyObject(columns->values[attno - 1]);
	if (from != InvalidAttrNumber && !to->attgenerated)
	{
		Form_pg_attribute att = TupleDescAttr(columns->row, from - 1);

		value = coerce_to_target_type(NULL, (Node *) makeVar(1, from, att->atttypid, att->atttypmod, att->attcollation, 0),
									  att->atttypid, to->atttypid, to->atttypmod,
									  COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	}
	else
	{
		value = build_column_default(columns->relation, attno);
		if (value != NULL && to->attgenerated)
			value = put_values(value, columns);
	}
	if (value == NULL)
		value = (Node *) makeNullConst(to->atttypid, to->atttypmod, to->attcollation);
	columns->values[attno - 1] = value;
	return copyObject(value);
}

static Node *
put_values_mutator(Node *node, void *arg)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varlevelsup == 0)
		return value_of(arg, ((Var *) node)->varattno);
	return expression_tree_mutator(node, put_values_mutator, arg);
}

static Node *
put_values(Node *node, Columns *columns)
{
	return put_values_mutator(node, columns);
}

static Expr *
plan(Expr *expr, Columns *columns)
{
	return expression_planner((Expr *) put_values((Node *) expr, columns));
}

static void
fold(void *arg)
{
	Expr	  **expr = arg;
	PlannerGlobal glob = {.type = T_PlannerGlobal};
	PlannerInfo root = {.type = T_PlannerInfo, .glob = &glob};

	*expr = (Expr *) estimate_expression_value(&root, (Node *) *expr);
}

/*
 * What is the same all through a run, as now() + interval '1 day', becomes its
 * value.  Where that cannot be had, the expression fails row by row as it is.
 */
static Expr *
with_constants(Expr *expr)
{
	if (contain_mutable_functions((Node *) expr) && !contain_volatile_functions((Node *) expr))
		(void) dp_row_attempt(fold, &expr);
	return expr;
}

static ExprState *
init(Expr *expr)
{
	return ExecInitExpr(expr, NULL);
}

/* ---- the conditions of one owner ---- */

/* Is a condition NULL wherever this column is? */
static bool
is_null_with(Node *condition, Expr *column)
{
	ListCell   *lc;

	if (!IsA(condition, BoolExpr))
		return !contain_nonstrict_functions(condition) && list_member(pull_var_clause(condition, 0), column);
	foreach(lc, ((BoolExpr *) condition)->args)
	{
		if (!is_null_with(lfirst(lc), column))
			return false;
	}
	return true;
}

/* Need nobody ask whether a row is left alone, because what is expected of it is NULL then, and not false? */
static bool
is_ignored_anyway(const Expr *ignored, Expr *expected)
{
	const NullTest *test = (const NullTest *) ignored;

	return IsA(ignored, NullTest) && test->nulltesttype == IS_NULL && !test->argisrow && IsA(test->arg, Var) &&
		is_null_with((Node *) expected, test->arg);
}

/* Holds for a row that the rule has nothing to say about but that it is good. */
static Expr *
good_condition(const DpRowRule *rule)
{
	Expr	   *expected = copyObject(rule->expected_expr);
	Expr	   *ignored = copyObject(rule->ignored_expr);

	if (rule->nulls == DP_NULL_PASS)
	{
		BooleanTest *test = makeNode(BooleanTest);

		test->arg = expected;
		test->booltesttype = IS_NOT_FALSE;
		test->location = -1;
		if (is_ignored_anyway(ignored, expected))
			return (Expr *) test;
		return makeBoolExpr(OR_EXPR, list_make2(ignored, test), -1);
	}
	return makeBoolExpr(AND_EXPR, list_make2(makeBoolExpr(NOT_EXPR, list_make1(ignored), -1), expected), -1);
}

static void
open_simple(DpRuleGroup *group, DpOpenRule *open, Columns *columns, List **quals)
{
	const DpRowRule *rule = open->rule;
	Expr	   *good;

	open->ignored = init(plan(rule->ignored_expr, columns));
	open->expected = init(plan(rule->expected_expr, columns));
	open->element = init(plan(rule->element_expr, columns));
	if (rule->filter_expr != NULL)
	{
		/* How many rows the filter lets through has to be counted. */
		open->filter = init(plan(rule->filter_expr, columns));
		group->apart = lappend(group->apart, open);
		return;
	}
	good = dp_plain_regex(with_constants(plan(good_condition(rule), columns)));
	group->together = lappend(group->together, open);
	*quals = list_concat_unique(*quals, make_ands_implicit(good));
}

/* The rows of the run under the names of the table's columns. */
static char *
rows_as_table(Columns *columns)
{
	TupleDesc	table = RelationGetDescr(columns->relation);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "(SELECT r.\"dataplat place\"");
	for (int i = 0; i < table->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table, i);
		const char *name = quote_identifier(NameStr(att->attname));
		char	   *type;

		if (att->attisdropped)
			continue;
		type = format_type_extended(att->atttypid, att->atttypmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
		if (column_of_row(columns->row, NameStr(att->attname)) != InvalidAttrNumber)
			appendStringInfo(&text, ", r.%s::%s AS %s", name, type, name);
		else
			appendStringInfo(&text, ", NULL::%s AS %s", type, name);
	}
	appendStringInfoString(&text, " FROM dataplat_judged AS r)");
	return text.data;
}

static void
open_query(DpRuleGroup *group, DpOpenRule *open, Columns *columns)
{
	const DpRowRule *rule = open->rule;

	open->query = psprintf("SELECT dataplat_rows.\"dataplat place\", (%s\n) IS TRUE, (%s\n) IS TRUE, (%s\n), pg_catalog.to_jsonb((%s\n))"
						   " FROM %s AS dataplat_rows",
						   rule->filter ? rule->filter : "true", rule->ignored ? rule->ignored : "false", rule->expected,
						   rule->element ? rule->element : "NULL::pg_catalog.text", rows_as_table(columns));
	group->asked = lappend(group->asked, open);
}

typedef struct Opening
{
	DpRowRules *rules;
	DpRuleGroup *group;
	const char *owner;
	Columns    *columns;
	DpOpenRule *one;			/* NULL: all rules of the owner */
	List	   *quals;
} Opening;

static void
open_rules(void *arg)
{
	Opening    *job = arg;

	/* As when they are judged: what is computed once, now, does not write, either. */
	XactReadOnly = true;
	for (int i = 0; i < job->rules->n; i++)
	{
		DpOpenRule *open = &job->rules->rules[i];

		if (open->rule->problem != NULL || strcmp(open->rule->owner_name, job->owner) != 0 || (job->one && job->one != open))
			continue;
		if (open->rule->by_query)
			open_query(job->group, open, job->columns);
		else
			open_simple(job->group, open, job->columns, &job->quals);
	}
}

/*
 * A rule may be such that it cannot even be begun with, because its owner may
 * not call a function or 1/0 is no number: that is its own affair.
 */
static void
open_group(DpRowRules *rules, DpRuleGroup *group, const char *owner, Columns *columns)
{
	Opening		job = {rules, group, owner, columns, NULL, NIL};
	DpRoleScope scope;

	dp_role_enter(group->owner, rules->search_path, &scope);
	if (dp_row_attempt(open_rules, &job) != NULL)
	{
		job.quals = group->together = group->apart = group->asked = NIL;
		for (int i = 0; i < rules->n; i++)
		{
			char	   *problem;

			job.one = &rules->rules[i];
			problem = dp_row_attempt(open_rules, &job);
			if (problem == NULL)
				continue;
			job.one->rule->problem = problem;
			dp_row_rules_note_error(job.one, problem);
		}
	}
	group->quals = ExecInitQual(job.quals, NULL);
	dp_role_leave(&scope);
}

static void
open_groups(DpRowRules *rules, Columns *columns)
{
	for (int i = 0; i < rules->n; i++)
	{
		const DpRowRule *rule = rules->rules[i].rule;
		Oid			owner;
		bool		met = false;
		ListCell   *lc;

		if (rule->problem != NULL)
			continue;
		owner = get_role_oid(rule->owner_name, false);
		foreach(lc, rules->groups)
			met |= ((DpRuleGroup *) lfirst(lc))->owner == owner;
		if (!met)
		{
			DpRuleGroup *group = palloc0(sizeof(DpRuleGroup));

			group->owner = owner;
			rules->groups = lappend(rules->groups, group);
			open_group(rules, group, rule->owner_name, columns);
		}
	}
}

/* ---- a row as jsonb ---- */

static ExprState *
object_of(List *names, TupleDesc row)
{
	StringInfoData text;
	Query	   *query;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoString(&text, "pg_catalog.jsonb_build_object(");
	foreach(lc, names)
	{
		int			n = foreach_current_index(lc);

		if (n > 0 && n % COLUMNS_OF_OBJECT == 0)
			appendStringInfoString(&text, ") OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(");
		appendStringInfo(&text, "%s%s, %s", n % COLUMNS_OF_OBJECT == 0 ? "" : ", ",
						 quote_literal_cstr(lfirst(lc)), quote_identifier(lfirst(lc)));
	}
	appendStringInfoChar(&text, ')');
	query = dp_row_rules_analyze(text.data, row);
	return init(expression_planner(linitial_node(TargetEntry, query->targetList)->expr));
}

static void
open_contents(DpRowRules *rules, TupleDesc table, int nkeys, const AttrNumber *keys)
{
	List	   *names = NIL;
	List	   *key_names = NIL;

	for (int i = 0; i < table->natts; i++)
	{
		char	   *name = NameStr(TupleDescAttr(table, i)->attname);

		if (!TupleDescAttr(table, i)->attisdropped && column_of_row(rules->desc, name) != InvalidAttrNumber)
			names = lappend(names, pstrdup(name));
	}
	rules->contents = object_of(names, rules->desc);
	for (int i = 0; i < nkeys; i++)
		key_names = lappend(key_names, NameStr(TupleDescAttr(rules->desc, keys[i] - 1)->attname));
	if (nkeys > 0)
		rules->key = object_of(key_names, rules->desc);
}

static void
copy_rules(DpRowRules *rules, List *remembered)
{
	ListCell   *lc;

	rules->n = list_length(remembered);
	rules->rules = palloc0(sizeof(DpOpenRule) * rules->n);
	foreach(lc, remembered)
	{
		const DpRowRule *from = lfirst(lc);
		DpRowRule  *rule = palloc(sizeof(DpRowRule));
		DpOpenRule *open = &rules->rules[foreach_current_index(lc)];

		*rule = *from;
		rule->name = pstrdup(from->name);
		rule->owner_name = pstrdup(from->owner_name);
		rule->problem = from->problem ? pstrdup(from->problem) : NULL;
		open->rule = rule;
		open->place = foreach_current_index(lc);
		if (rule->problem != NULL)
			dp_row_rules_note_error(open, rule->problem);
	}
}

bool
dp_row_rules_any(Oid dataset)
{
	return dp_row_rules_load(dataset) != NIL;
}

DpRowRules *
dp_row_rules_open(Oid dataset, TupleDesc row, int nkeys, const AttrNumber *keys)
{
	List	   *remembered = dp_row_rules_load(dataset);
	MemoryContext context;
	MemoryContext old;
	DpRowRules *rules;
	Columns		columns;

	if (remembered == NIL)
		return NULL;
	context = AllocSetContextCreate(CurrentMemoryContext, "dataplat row rules", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	rules = palloc0(sizeof(DpRowRules));
	rules->context = context;
	rules->chunk = AllocSetContextCreate(context, "dataplat judged rows", ALLOCSET_DEFAULT_SIZES);
	rules->dataset = dataset;
	rules->search_path = dp_row_search_path(dataset);
	rules->desc = CreateTupleDescCopy(row);
	copy_rules(rules, remembered);

	columns.relation = table_open(dataset, AccessShareLock);
	columns.row = rules->desc;
	columns.values = palloc0(sizeof(Node *) * RelationGetDescr(columns.relation)->natts);
	rules->dataset_name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(columns.relation)),
													 RelationGetRelationName(columns.relation));
	open_groups(rules, &columns);
	open_contents(rules, RelationGetDescr(columns.relation), nkeys, keys);
	table_close(columns.relation, NoLock);
	rules->econtext = CreateStandaloneExprContext();
	rules->minimal = MakeSingleTupleTableSlot(rules->desc, &TTSOpsMinimalTuple);
	rules->heap = MakeSingleTupleTableSlot(rules->desc, &TTSOpsHeapTuple);
	MemoryContextSwitchTo(old);
	return rules;
}

void
dp_row_rules_close(DpRowRules *rules)
{
	FreeExprContext(rules->econtext, true);
	ExecDropSingleTupleTableSlot(rules->minimal);
	ExecDropSingleTupleTableSlot(rules->heap);
	MemoryContextDelete(rules->context);
}

const char *
dp_row_rules_dataset(DpRowRules *rules)
{
	return rules->dataset_name;
}
