/*-------------------------------------------------------------------------
 *
 * condition.c
 *	  Is this SQL a condition over a dataset, and harmless?
 *
 * Conditions are put into larger statements in parentheses, so a text that is
 * more than one expression is refused; so is one that could have effects or
 * answers that differ from call to call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "common/role.h"
#include "quality/quality.h"

extern PGDLLEXPORT Datum dp_check_condition(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_check_condition);

static void require_expression(const char *condition);
static Query *analyze(const char *statement, const char *search_path);

/*
 * dataplat_internal.check_condition(dataset text, search_path text, condition text)
 *
 * Fails on what is no expression, is no boolean, or is volatile.  That a name
 * in it does not exist is an error of its own SQLSTATE, which the caller may
 * forgive: what is not there today may be tomorrow.
 */
Datum
dp_check_condition(PG_FUNCTION_ARGS)
{
	char	   *dataset = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *search_path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *condition = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Query	   *query;
	Node	   *expression;

	require_expression(condition);
	query = analyze(psprintf("SELECT (%s\n) FROM %s", condition, dataset), search_path);
	expression = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
	if (exprType(expression) != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a boolean expression", condition)));
	if (query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not an expression over one row", condition)));
	if (contain_volatile_functions(expression))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is volatile", condition),
				 errdetail("Its result may change from call to call, or it has effects.")));
	PG_RETURN_VOID();
}

/* One expression, and nothing after it. */
static void
require_expression(const char *condition)
{
	List	   *parsed = raw_parser(condition, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select = castNode(SelectStmt, linitial_node(RawStmt, parsed)->stmt);

	if (list_length(select->targetList) != 1 || select->fromClause != NIL ||
		select->whereClause != NULL || select->groupClause != NIL ||
		select->havingClause != NULL || select->windowClause != NIL ||
		select->sortClause != NIL || select->limitCount != NULL ||
		select->limitOffset != NULL || select->lockingClause != NIL ||
		select->distinctClause != NIL || select->op != SETOP_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\"%s\" is not one SQL expression", condition)));
}

static Query *
analyze(const char *statement, const char *search_path)
{
	int			nestlevel = NewGUCNestLevel();
	List	   *parsed = pg_parse_query(statement);
	Query	   *query;

	if (list_length(parsed) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the condition is more than one statement")));
	dp_role_set("search_path", search_path);
	query = parse_analyze_fixedparams(linitial_node(RawStmt, parsed), statement, NULL, 0, NULL);
	AtEOXact_GUC(false, nestlevel);
	return query;
}
