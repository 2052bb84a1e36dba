/*-------------------------------------------------------------------------
 *
 * declared.c
 *	  Lineage of what is written down: views, functions, and queries that
 *	  others keep as text.
 *
 * Everything is read as it would be when it runs: a query as its owner, in
 * its own search_path; the body of a function in that of the function.
 * Views are sources like tables, because they are nodes of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/functions.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "rewrite/prs2lock.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "common/role.h"
#include "lineage/columns.h"

PG_FUNCTION_INFO_V1(dp_view_lineage);
PG_FUNCTION_INFO_V1(dp_function_lineage);
PG_FUNCTION_INFO_V1(dp_query_lineage);

extern PGDLLEXPORT Datum dp_view_lineage(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_function_lineage(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_query_lineage(PG_FUNCTION_ARGS);

/* As in type lineage_fact. */
enum
{
	FACT_JOB,
	FACT_OUTPUT_NODE,
	FACT_OUTPUT_COLUMN,
	FACT_INPUT_NODE,
	FACT_INPUT_COLUMN,
	FACT_TYPE,
	FACT_SUBTYPE,
	FACT_MASKING,
	FACT_DESCRIPTION,
	FACT_ATTS
};

static Query *rule_of_view(Relation view);
static List *lineage_of_function(HeapTuple tuple);
static void set_search_path_of(HeapTuple tuple);
static List *queries_of_body(HeapTuple tuple);
static List *queries_of_source(HeapTuple tuple);
static void put_facts(ReturnSetInfo *rsinfo, const char *job, const char *output, Oid columns_of, const DpLineage *lineage);

static void
set_text(Datum *values, bool *nulls, int att, const char *text)
{
	nulls[att] = text == NULL;
	values[att] = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

/* view_lineage(job text, relation oid) returns setof lineage_fact */
Datum
dp_view_lineage(PG_FUNCTION_ARGS)
{
	char	   *job = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			relid = PG_GETARG_OID(1);
	Relation	view;
	Query	   *query;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	view = try_relation_open(relid, AccessShareLock);
	if (view == NULL)
		return (Datum) 0;
	query = rule_of_view(view);
	if (query != NULL)
		put_facts((ReturnSetInfo *) fcinfo->resultinfo, job, dp_lineage_relation_name(relid), relid,
				  dp_lineage_of_statement(query, NULL, true));
	relation_close(view, AccessShareLock);
	return (Datum) 0;
}

/* The SELECT of a view or materialized view. */
static Query *
rule_of_view(Relation view)
{
	RuleLock   *rules = view->rd_rules;

	for (int i = 0; rules != NULL && i < rules->numLocks; i++)
		if (rules->rules[i]->event == CMD_SELECT && list_length(rules->rules[i]->actions) == 1)
			return copyObject(linitial_node(Query, rules->rules[i]->actions));
	return NULL;
}

/* function_lineage(job text, function oid) returns setof lineage_fact */
Datum
dp_function_lineage(PG_FUNCTION_ARGS)
{
	char	   *job = text_to_cstring(PG_GETARG_TEXT_PP(0));
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(PG_GETARG_OID(1)));
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (!HeapTupleIsValid(tuple))
		return (Datum) 0;
	foreach(lc, lineage_of_function(tuple))
		put_facts((ReturnSetInfo *) fcinfo->resultinfo, job, job, InvalidOid, lfirst(lc));
	ReleaseSysCache(tuple);
	return (Datum) 0;
}

/*
 * Of the statements of a function in SQL.  A SELECT counts only as the last
 * one, where it is the result.
 */
static List *
lineage_of_function(HeapTuple tuple)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
	List	   *result = NIL;
	List	   *queries;
	ListCell   *lc;
	bool		isnull;
	DpRoleScope scope;

	dp_role_enter(proc->proowner, NULL, &scope);
	set_search_path_of(tuple);
	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	queries = isnull ? queries_of_source(tuple) : queries_of_body(tuple);
	foreach(lc, queries)
	{
		Query	   *query = lfirst(lc);
		DpLineage  *lineage = dp_lineage_of_statement(query, NULL, true);

		if (lineage == NULL ||
			(query->commandType == CMD_SELECT && (lc != list_tail(queries) || proc->prorettype == VOIDOID) && lineage->more == NIL))
			continue;
		result = lappend(result, lineage);
	}
	dp_role_leave(&scope);
	return result;
}

/*
 * Of a function's settings, the one that decides what its names mean.  Without
 * it that is the caller's, whom nobody knows: then what the database says to
 * all, and beside the function.
 */
static void
set_search_path_of(HeapTuple tuple)
{
	static const char key[] = "search_path=";
	bool		isnull;
	Datum		settings = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &isnull);
	const char *usual = GetConfigOptionResetString("search_path");
	const char *schema = quote_identifier(get_namespace_name(((Form_pg_proc) GETSTRUCT(tuple))->pronamespace));
	Datum	   *items;
	int			nitems;

	dp_role_set("search_path", usual == NULL || *usual == '\0' ? schema : psprintf("%s, %s", usual, schema));
	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(settings), TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &nitems);
	for (int i = 0; i < nitems; i++)
	{
		char	   *item = TextDatumGetCString(items[i]);

		if (strncmp(item, key, strlen(key)) == 0)
			dp_role_set("search_path", item + strlen(key));
	}
}

/* BEGIN ATOMIC, or RETURN: kept as trees. */
static List *
queries_of_body(HeapTuple tuple)
{
	bool		isnull;
	Datum		body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	Node	   *tree = stringToNode(TextDatumGetCString(body));

	return IsA(tree, List) ? linitial_node(List, (List *) tree) : list_make1(tree);
}

/* A body that is text. */
static List *
queries_of_source(HeapTuple tuple)
{
	bool		isnull;
	char	   *source = TextDatumGetCString(SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull));
	SQLFunctionParseInfoPtr info = prepare_sql_fn_parse_info(tuple, NULL, InvalidOid);
	List	   *queries = NIL;
	ListCell   *lc;

	foreach(lc, pg_parse_query(source))
	{
		RawStmt    *raw = lfirst_node(RawStmt, lc);

		queries = lappend(queries, parse_analyze_withcb(raw, source, (ParserSetupHook) sql_fn_parser_setup, info, NULL));
	}
	return queries;
}

/*
 * query_lineage(job text, output text, owner name, search_path text, query text)
 * returns setof lineage_fact
 */
Datum
dp_query_lineage(PG_FUNCTION_ARGS)
{
	char	   *job = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *output = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			owner = get_role_oid(NameStr(*PG_GETARG_NAME(2)), false);
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(3));
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(4));
	List	   *lineages;
	ListCell   *lc;
	DpRoleScope scope;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	dp_role_enter(owner, path, &scope);
	lineages = dp_lineage_of_text(query, true, true);
	dp_role_leave(&scope);

	foreach(lc, lineages)
		if (lfirst(lc) != NULL)
			put_facts((ReturnSetInfo *) fcinfo->resultinfo, job, output, InvalidOid, lfirst(lc));
	return (Datum) 0;
}

/* Name of a column, also of a system column. */
static const char *
input_column(const DpLineageSource *source)
{
	if (!OidIsValid(source->relid) || source->attno == 0)
		return NULL;
	return get_attname(source->relid, source->attno, true);
}

/*
 * The edges of a statement.  What it returns goes to "output"; its columns
 * have the names of those of a relation where that is known.
 */
static void
put_facts(ReturnSetInfo *rsinfo, const char *job, const char *output, Oid columns_of, const DpLineage *lineage)
{
	Datum		values[FACT_ATTS] = {0};
	bool		nulls[FACT_ATTS] = {false};
	ListCell   *lc;

	if (lineage == NULL)
		return;
	if (OidIsValid(lineage->target))
		output = dp_lineage_node_of(lineage->target);
	else if (lineage->target_name != NULL)
		output = lineage->target_name;
	set_text(values, nulls, FACT_JOB, job);
	set_text(values, nulls, FACT_OUTPUT_NODE, output);
	nulls[FACT_DESCRIPTION] = true;

	foreach(lc, lineage->sources)
	{
		const DpLineageSource *source = lfirst(lc);
		const char *name = source->output_name;

		if (OidIsValid(columns_of) && source->output > 0)
			name = get_attname(columns_of, source->output, true);
		set_text(values, nulls, FACT_OUTPUT_COLUMN, source->output == 0 ? NULL : name);
		set_text(values, nulls, FACT_INPUT_NODE, OidIsValid(source->relid) ? dp_lineage_node_of(source->relid) : source->other);
		set_text(values, nulls, FACT_INPUT_COLUMN, input_column(source));
		set_text(values, nulls, FACT_TYPE, dp_lineage_type(source->kind));
		set_text(values, nulls, FACT_SUBTYPE, dp_lineage_subtype(source->kind));
		values[FACT_MASKING] = BoolGetDatum(source->masking);
		if (nulls[FACT_INPUT_NODE])
			continue;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	foreach(lc, lineage->more)
		put_facts(rsinfo, job, output, InvalidOid, lfirst(lc));
}
