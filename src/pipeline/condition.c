/*-------------------------------------------------------------------------
 *
 * condition.c
 *	  A condition that a user wrote over the columns of a result.
 *
 * The text is analysed as the one column of a SELECT from rows of that shape,
 * so that it means what it would mean in the user's query, and then taken
 * out of the tree.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/queryenvironment.h"

#include "pipeline/apply_int.h"
#include "pipeline/internal.h"

#define ROWS_NAME "dataplat_rows"
#define SELECT_FORMAT "SELECT (%s\n) IS TRUE FROM " ROWS_NAME

PG_FUNCTION_INFO_V1(dp_check_delete_when);

extern PGDLLEXPORT Datum dp_check_delete_when(PG_FUNCTION_ARGS);

static Query *
analyze(const char *what, const char *text, TupleDesc desc)
{
	char	   *select = psprintf(SELECT_FORMAT, text);
	ErrorContextCallback callback = {.callback = dp_say_where, .arg = select};
	List	   *parsed;
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	QueryEnvironment *env = create_queryEnv();
	Query	   *query;

	enr->md.name = ROWS_NAME;
	enr->md.tupdesc = desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	register_ENR(env, enr);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	parsed = raw_parser(select, RAW_PARSE_DEFAULT);
	if (list_length(parsed) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("%s is not one condition", what)));
	query = parse_analyze_fixedparams(linitial(parsed), select, NULL, 0, env);
	error_context_stack = callback.previous;
	if (query->commandType != CMD_SELECT || list_length(query->targetList) != 1 ||
		list_length(query->rtable) != 1 || query->setOperations ||
		query->jointree->quals || query->sortClause || query->limitCount ||
		query->hasSubLinks || query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s can only be a condition over the columns of the result", what),
				 errdetail("Subqueries, aggregates and functions that return sets have no place in it."),
				 errhint("Compute the value in the query, as a column.")));
	return query;
}

/* check_delete_when(owner, search_path, query, condition) */
Datum
dp_check_delete_when(PG_FUNCTION_ARGS)
{
	DpPipeline	pipeline = {0};
	DpRoleScope scope;
	char	   *condition = text_to_cstring(PG_GETARG_TEXT_PP(3));
	DpQuery    *query;
	TargetEntry *entry;

	pipeline.owner = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	pipeline.search_path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	dp_enter_owner(&pipeline, &scope);
	query = dp_query_analyze(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	entry = linitial_node(TargetEntry, analyze("delete_when", condition, query->desc)->targetList);
	dp_expr_check_steady((Node *) entry->expr, psprintf(SELECT_FORMAT, condition), "delete_when");
	dp_role_leave(&scope);
	PG_RETURN_VOID();
}

DpCondition *
dp_condition_make(const char *what, const char *text, TupleDesc desc)
{
	DpCondition *condition = palloc0(sizeof(DpCondition));
	Query	   *query = analyze(what, text, desc);
	TargetEntry *entry = linitial_node(TargetEntry, query->targetList);
	Bitmapset  *offset = NULL;
	int			at = -1;

	pull_varattnos((Node *) entry->expr, 1, &offset);
	while ((at = bms_next_member(offset, at)) >= 0)
	{
		int			attno = at + FirstLowInvalidHeapAttributeNumber;

		/* a whole row reads all of them */
		if (attno == 0)
			condition->columns = bms_add_range(condition->columns, 1, desc->natts);
		else if (attno > 0)
			condition->columns = bms_add_member(condition->columns, attno);
	}
	condition->expr = ExecInitExpr(expression_planner(entry->expr), NULL);
	condition->econtext = CreateStandaloneExprContext();
	return condition;
}

bool
dp_condition_holds(DpCondition *condition, TupleTableSlot *row)
{
	bool		isnull;
	bool		holds;

	ResetExprContext(condition->econtext);
	condition->econtext->ecxt_scantuple = row;
	holds = DatumGetBool(ExecEvalExprSwitchContext(condition->expr, condition->econtext, &isnull));
	return holds && !isnull;
}
