/*-------------------------------------------------------------------------
 *
 * columns_statement.c
 *	  Statements: what they hold, and what they write.
 *
 * Utility statements carry their query analysed but not rewritten (CREATE
 * TABLE AS), as the parser left it (CREATE VIEW, COPY), or only by name
 * (REFRESH, EXECUTE).  All of them end as a rewritten tree here, on a copy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/prepare.h"
#include "common/compat.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "rewrite/prs2lock.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "lineage/columns_int.h"

/* How a statement is to be read. */
typedef struct Reading
{
	const char *text;
	bool		stop_at_views;
	bool		check_rights;
} Reading;

static DpLineage *of_query(Query *query, const Reading *reading);

/* ---- rights ---- */

static bool
rights_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		dp_check_rights((Query *) node);
		return query_tree_walker((Query *) node, rights_walker, context, 0);
	}
	return expression_tree_walker(node, rights_walker, context);
}

static void
check_right(Oid relid, AclMode mode)
{
	AclResult	result = pg_class_aclcheck(relid, GetUserId(), mode);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, get_relkind_objtype(get_rel_relkind(relid)), get_rel_name(relid));
}

/* ---- queries ---- */

static const char **
column_names(List *targets, List *names, int ncolumns)
{
	const char **result = palloc0(Max(ncolumns, 1) * sizeof(char *));
	ListCell   *lc;
	int			i = 0;

	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk)
			continue;
		result[tle->resno - 1] = i < list_length(names) ? strVal(list_nth(names, i)) :
			tle->resname ? tle->resname : "?column?";
		i++;
	}
	return result;
}

/* A rewritten query; "names" may name the columns of its result. */
static DpLineage *
of_rewritten(Query *query, List *names, const Reading *reading)
{
	DpWalk		walk = {0};
	DpLineage  *lineage = NULL;
	DpQueryFlow *flow;
	List	   *targets = query->commandType == CMD_SELECT ? query->targetList : query->returningList;

	if (query->commandType == CMD_NOTHING)
		return NULL;
	if (reading->check_rights)
		(void) rights_walker((Node *) query, NULL);
	walk.stop_at_views = reading->stop_at_views;
	flow = dp_flow_query(&walk, query, NIL);
	if (query->commandType == CMD_SELECT || targets != NIL)
	{
		lineage = palloc0(sizeof(DpLineage));
		lineage->sources = dp_flow_sources(flow->columns, column_names(targets, names, flow->ncolumns),
										   flow->ncolumns, flow);
	}
	/* What the statement itself writes was noted last, its WITH items before. */
	if (query->commandType != CMD_SELECT && walk.written != NIL)
	{
		DpLineage  *main = llast(walk.written);

		walk.written = list_delete_last(walk.written);
		if (lineage)
			walk.written = lappend(walk.written, lineage);
		lineage = main;
	}
	if (lineage)
		lineage->more = walk.written;
	return lineage;
}

/* Rules can make several statements of one, or none. */
static DpLineage *
of_rewritten_list(List *queries, List *names, const Reading *reading)
{
	DpLineage  *first = NULL;
	ListCell   *lc;

	foreach(lc, queries)
	{
		Query	   *query = lfirst_node(Query, lc);
		DpLineage  *lineage = query->commandType == CMD_UTILITY ? NULL : of_rewritten(query, names, reading);

		if (lineage == NULL)
			continue;
		if (first == NULL)
			first = lineage;
		else
		{
			first->more = list_concat(lappend(first->more, lineage), lineage->more);
			lineage->more = NIL;
		}
	}
	return first;
}

/* An analysed query that the rewriter has not seen. */
static DpLineage *
of_analysed(Query *query, List *names, const Reading *reading)
{
	if (query->commandType == CMD_UTILITY)
		return of_query(query, reading);
	return of_rewritten_list(QueryRewrite(copyObject(query)), names, reading);
}

/* A query as the parser left it. */
static DpLineage *
of_raw(Node *stmt, List *names, const Reading *reading)
{
	RawStmt    *raw = makeNode(RawStmt);

	if (stmt == NULL)
		return NULL;
	if (IsA(stmt, Query))
		return of_analysed((Query *) stmt, names, reading);
	raw->stmt = copyObject(stmt);
	return of_rewritten_list(pg_analyze_and_rewrite_fixedparams(raw, reading->text, NULL, 0, NULL), names, reading);
}

/* ---- utility statements ---- */

static const char *
name_of_new(RangeVar *name)
{
	const char *schema = name->schemaname;

	if (name->relpersistence == RELPERSISTENCE_TEMP)
		schema = "pg_temp";
	else if (schema == NULL)
		schema = get_namespace_name(RangeVarGetCreationNamespace(name));
	return quote_qualified_identifier(schema, name->relname);
}

static DpLineage *
as_made(DpLineage *lineage, RangeVar *name)
{
	if (lineage)
		lineage->target_name = name_of_new(name);
	return lineage;
}

static DpLineage *
of_execute(ExecuteStmt *stmt, List *names, const Reading *reading)
{
	PreparedStatement *prepared = FetchPreparedStatement(stmt->name, false);

	if (prepared == NULL || !prepared->plansource->is_valid)
		return NULL;
	return of_rewritten_list(copyObject(prepared->plansource->query_list), names, reading);
}

static DpLineage *
of_create_as(CreateTableAsStmt *stmt, const Reading *reading)
{
	Query	   *query = castNode(Query, stmt->query);
	DpLineage  *lineage;

	if (query->commandType == CMD_UTILITY && IsA(query->utilityStmt, ExecuteStmt))
		lineage = of_execute((ExecuteStmt *) query->utilityStmt, stmt->into->colNames, reading);
	else
		lineage = of_analysed(query, stmt->into->colNames, reading);
	return as_made(lineage, stmt->into->rel);
}

/* What a materialized view is filled with stands in its rule. */
static DpLineage *
of_refresh(RefreshMatViewStmt *stmt, const Reading *reading)
{
	Oid			relid = RangeVarGetRelid(stmt->relation, AccessShareLock, false);
	Relation	rel;
	Query	   *query = NULL;
	Reading		inner = *reading;
	DpLineage  *lineage;

	if (reading->check_rights)
		check_right(relid, ACL_SELECT);
	rel = table_open(relid, NoLock);
	if (rel->rd_rules != NULL && rel->rd_rules->numLocks == 1 &&
		rel->rd_rules->rules[0]->event == CMD_SELECT && list_length(rel->rd_rules->rules[0]->actions) == 1)
		query = copyObject(linitial_node(Query, rel->rd_rules->rules[0]->actions));
	table_close(rel, NoLock);
	if (query == NULL)
		return NULL;
	AcquireRewriteLocks(query, true, false);
	/* It runs with the rights of its owner. */
	inner.check_rights = false;
	lineage = of_rewritten_list(QueryRewrite(query), NIL, &inner);
	if (lineage)
		lineage->target = relid;
	return lineage;
}

static void
copied_column(DpLineage *lineage, int output, const char *name, Oid relid, AttrNumber attno, const char *other)
{
	DpLineageSource *source = palloc0(sizeof(DpLineageSource));

	source->output = output;
	source->output_name = name;
	source->relid = relid;
	source->attno = attno;
	source->other = other;
	source->kind = DP_LINEAGE_IDENTITY;
	lineage->sources = lappend(lineage->sources, source);
}

/* COPY of a table: columns by name, or all that are not generated. */
static DpLineage *
of_copy_table(CopyStmt *stmt, const char *file, const Reading *reading)
{
	Oid			relid = RangeVarGetRelid(stmt->relation, AccessShareLock, false);
	DpLineage  *lineage = palloc0(sizeof(DpLineage));
	AttrNumber	natts = dp_lineage_width(relid);
	int			output = 0;

	if (reading->check_rights)
		check_right(relid, stmt->is_from ? ACL_INSERT : ACL_SELECT);
	if (stmt->is_from)
		lineage->target = relid;
	else
		lineage->target_name = file;
	for (AttrNumber attno = 1; attno <= natts; attno++)
	{
		char	   *name = dp_lineage_column_name(relid, attno);

		if (name == NULL || get_attgenerated(relid, attno) != '\0' ||
			(stmt->attlist != NIL && !list_member(stmt->attlist, makeString(name))))
			continue;
		output++;
		if (!stmt->is_from)
			copied_column(lineage, output, name, relid, attno, NULL);
		else if (file)
			copied_column(lineage, attno, name, InvalidOid, 0, file);
	}
	if (stmt->whereClause)
		lineage->more = NIL;	/* it sees the columns of the file only */
	return lineage;
}

static DpLineage *
of_copy(CopyStmt *stmt, const Reading *reading)
{
	const char *file = stmt->filename == NULL ? NULL :
		psprintf("%s:%s", stmt->is_program ? "program" : "file", stmt->filename);
	DpLineage  *lineage;

	if (stmt->relation)
		return of_copy_table(stmt, file, reading);
	lineage = of_raw(stmt->query, NIL, reading);
	if (lineage && lineage->target == InvalidOid)
		lineage->target_name = file;
	return lineage;
}

static DpLineage *
of_utility(Node *stmt, const Reading *reading)
{
	switch (nodeTag(stmt))
	{
		case T_CreateTableAsStmt:
			return of_create_as((CreateTableAsStmt *) stmt, reading);
		case T_ViewStmt:
			return as_made(of_raw(((ViewStmt *) stmt)->query, ((ViewStmt *) stmt)->aliases, reading),
						   ((ViewStmt *) stmt)->view);
		case T_RefreshMatViewStmt:
			return of_refresh((RefreshMatViewStmt *) stmt, reading);
		case T_DeclareCursorStmt:
			return of_raw(((DeclareCursorStmt *) stmt)->query, NIL, reading);
		case T_ExplainStmt:
			return of_raw(((ExplainStmt *) stmt)->query, NIL, reading);
		case T_PrepareStmt:
			return of_raw(((PrepareStmt *) stmt)->query, NIL, reading);
		case T_ExecuteStmt:
			return of_execute((ExecuteStmt *) stmt, NIL, reading);
		case T_CopyStmt:
			return of_copy((CopyStmt *) stmt, reading);
		default:
			return NULL;
	}
}

static DpLineage *
of_query(Query *query, const Reading *reading)
{
	if (query->commandType == CMD_UTILITY)
		return query->utilityStmt ? of_utility(query->utilityStmt, reading) : NULL;
	return of_rewritten(query, NIL, reading);
}

DpLineage *
dp_lineage_of_statement(Query *tree, const char *text, bool stop_at_views)
{
	Reading		reading = {text ? text : "", stop_at_views, false};

	return of_query(tree, &reading);
}

List *
dp_lineage_of_text(const char *text, bool stop_at_views, bool check_rights)
{
	Reading		reading = {text, stop_at_views, check_rights};
	List	   *result = NIL;
	ListCell   *raw;

	foreach(raw, pg_parse_query(text))
	{
		Oid		   *types = NULL;
		int			ntypes = 0;
		List	   *trees = pg_analyze_and_rewrite_varparams(lfirst_node(RawStmt, raw), text, &types, &ntypes, NULL);

		if (list_length(trees) == 1 && linitial_node(Query, trees)->commandType == CMD_UTILITY)
			result = lappend(result, of_query(linitial_node(Query, trees), &reading));
		else
			result = lappend(result, of_rewritten_list(trees, NIL, &reading));
	}
	return result;
}
