/*-------------------------------------------------------------------------
 *
 * derive.c
 *	  Which rows of a query may have changed: the rule of touched keys.
 *
 * A plain level (select, join, filter) has the images that its terms give.
 * A level that groups, removes duplicates by some columns or has windows has
 * touched groups: those of the images before it.  Its own images are its rows
 * for these groups, computed over the past and over the present.  Set
 * operations have the images of their arms.
 *
 * Where a change may concern every row (an average over all of a table that
 * every row is compared with) the answer is "any": the caller compares
 * everything.  So an answer is never too small.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
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

#include "query/derive.h"

typedef struct Images
{
	Query	   *query;
	DpRows	   *rows;			/* NULL: cannot be told */
} Images;

static bool project(DpDerive *derive, const Query *level, List *exprs, DpRows *into);
static List *level_columns(const Query *level, List *columns);

DpDerive *
dp_derive_new(const DpQuery *query, QueryEnvironment *env)
{
	DpDerive   *derive = palloc0(sizeof(DpDerive));

	derive->query = query;
	derive->env = env;
	return derive;
}

void
dp_derive_change(DpDerive *derive, Oid relid, TupleDesc desc,
				 Tuplestorestate *old_rows, int64 nold,
				 Tuplestorestate *new_rows, const DpRowSource *new_source, int64 nnew, List *identity)
{
	DpChange   *change;

	if (nold == 0 && nnew == 0)
		return;
	change = palloc0(sizeof(DpChange));
	change->relid = relid;
	change->desc = desc;
	change->nold = nold;
	change->nnew = nnew;
	change->identity = identity;
	change->old_name = psprintf("dataplat_old_%u", relid);
	if (new_source != NULL)
		change->new_name = dp_query_name_source(derive->env, relid, desc, new_source, Max(nnew, 1));
	else
	{
		change->new_name = psprintf("dataplat_new_%u", relid);
		dp_query_name_rows(derive->env, change->new_name, desc, new_rows, Max(nnew, 1));
	}
	if (old_rows != NULL)
		dp_query_name_rows(derive->env, change->old_name, desc, old_rows, Max(nold, 1));
	derive->changes = lappend(derive->changes, change);
}

const char *
dp_derive_unknown(const DpDerive *derive)
{
	return derive->unknown;
}

/* A row type for expressions. */
static TupleDesc
exprs_desc(List *exprs)
{
	TupleDesc	desc = CreateTemplateTupleDesc(list_length(exprs));
	ListCell   *lc;
	int			attno = 0;

	foreach(lc, exprs)
	{
		Node	   *expr = lfirst(lc);

		attno++;
		TupleDescInitEntry(desc, attno, NULL, exprType(expr), exprTypmod(expr), 0);
		TupleDescInitEntryCollation(desc, attno, exprCollation(expr));
	}
	return desc;
}

static bool
equal_types(TupleDesc a, TupleDesc b)
{
	for (int i = 0; i < a->natts; i++)
	{
		if (TupleDescAttr(a, i)->atttypid != TupleDescAttr(b, i)->atttypid)
			return false;
	}
	return true;
}

static bool
give_up(DpDerive *derive, const char *why)
{
	if (derive->unknown == NULL)
		derive->unknown = why;
	return false;
}

static void
run_into(DpDerive *derive, Query *query, DpRows *into)
{
	DestReceiver *dest = dp_rows_receiver(into);

	into->n += (int64) dp_query_run(query, derive->query->text, derive->env, dest);
	dest->rDestroy(dest);
}

/* Each row once. */
static DpRows *
distinct(DpDerive *derive, DpRows *rows)
{
	DpRows	   *result = dp_rows_new(derive->env, rows->desc);

	dp_rows_name(rows);
	if (rows->desc->natts == 0)
		result->n = Min(rows->n, 1);
	else
		run_into(derive, dp_tree_parse(psprintf("SELECT DISTINCT * FROM %s", rows->name), derive->env), result);
	dp_rows_free(rows);
	dp_rows_name(result);
	return result;
}

/* ---- terms of the subqueries in expressions ---- */

static Node *
exists_over(Query *query)
{
	SubLink    *link = makeNode(SubLink);

	link->subLinkType = EXISTS_SUBLINK;
	link->subselect = (Node *) query;
	link->location = -1;
	return (Node *) link;
}

/*
 * The rows of a level that match what changed in a subquery that does not
 * look at them: by the operator for IN and its like; any row for the others.
 */
static bool
project_plain_sublink(DpDerive *derive, const Query *level, SubLink *link, List *exprs, DpRows *into)
{
	DpRows	   *images = dp_images(derive, (Query *) link->subselect);
	SubLink    *copy;
	BooleanTest *test;

	if (images == NULL)
		return false;
	if (images->n == 0)
		return true;
	if (link->subLinkType != ANY_SUBLINK && link->subLinkType != ALL_SUBLINK)
		return give_up(derive, "a subquery that concerns every row changed");

	copy = copyObject(link);
	copy->subselect = (Node *) dp_tree_parse(psprintf("SELECT * FROM %s", images->name), derive->env);
	test = makeNode(BooleanTest);
	test->arg = (Expr *) copy;
	test->booltesttype = link->subLinkType == ANY_SUBLINK ? IS_NOT_FALSE : IS_NOT_TRUE;
	test->location = -1;
	run_into(derive, dp_term(derive, level, 0, (Node *) test, exprs), into);
	return derive->unknown == NULL;
}

/* The rows of a level that match a change in a subquery that looks at them. */
static bool
project_correlated_sublink(DpDerive *derive, const Query *level, SubLink *link, List *exprs, DpRows *into)
{
	Query	   *inner = (Query *) link->subselect;
	List	   *one = list_make1(makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(1), false, true));
	ListCell   *lc;

	if (inner->setOperations != NULL || inner->cteList != NIL || dp_changed_sublinks(derive, inner) != NIL)
		return give_up(derive, "a subquery inside a correlated subquery changed");
	foreach(lc, dp_changed_leaves(derive, inner))
	{
		Query	   *term = dp_term(derive, inner, lfirst_int(lc), NULL, one);

		if (derive->unknown != NULL)
			return false;
		run_into(derive, dp_term(derive, level, 0, exists_over(term), exprs), into);
	}
	return derive->unknown == NULL;
}

static bool
project_sublinks(DpDerive *derive, const Query *level, List *exprs, DpRows *into)
{
	ListCell   *lc;

	foreach(lc, dp_changed_sublinks(derive, level))
	{
		SubLink    *link = lfirst_node(SubLink, lc);

		if (contain_aggs_of_level((Node *) link, 0) || contain_window_function(link->testexpr) ||
			expression_returns_set(link->testexpr))
			return give_up(derive, "a subquery that looks at an aggregate, a window or a set changed");
		if (contain_vars_of_level(link->subselect, 1))
		{
			if (!project_correlated_sublink(derive, level, link, exprs, into))
				return false;
		}
		else if (contain_vars_of_level(link->subselect, 2))
			return give_up(derive, "a subquery that looks two levels up changed");
		else if (!project_plain_sublink(derive, level, link, exprs, into))
			return false;
	}
	return true;
}

/*
 * Values of "exprs" (over the FROM of the level) for the rows before grouping
 * that may have changed.  False: cannot be told.
 */
static bool
project(DpDerive *derive, const Query *level, List *exprs, DpRows *into)
{
	List	   *leaves = dp_changed_leaves(derive, level);
	ListCell   *lc;

	if (derive->unknown != NULL)
		return false;
	foreach(lc, exprs)
	{
		if (dp_tree_changed(derive, lfirst(lc)))
			return give_up(derive, "a subquery in a column that tells rows apart changed");
	}
	foreach(lc, leaves)
	{
		Query	   *term = dp_term(derive, level, lfirst_int(lc), NULL, exprs);

		if (derive->unknown != NULL)
			return false;
		run_into(derive, term, into);
	}
	return project_sublinks(derive, level, exprs, into);
}

/* ---- levels ---- */

/* Expressions that every window of the level is partitioned by, and that DISTINCT ON names, where there is one. */
static List *
common_partition(const Query *level)
{
	List	   *common = NIL;
	bool		first = true;
	ListCell   *lc;

	if (level->hasDistinctOn)
	{
		common = get_sortgrouplist_exprs(level->distinctClause, level->targetList);
		first = false;
	}

	foreach(lc, level->windowClause)
	{
		List	   *exprs = get_sortgrouplist_exprs(lfirst_node(WindowClause, lc)->partitionClause,
													level->targetList);

		common = first ? exprs : list_intersection(common, exprs);
		first = false;
	}
	return common;
}

/*
 * What tells apart the groups of rows of a level that change together: NIL
 * when the level has no such thing (plain, DISTINCT) or one group only.
 */
static List *
group_exprs(const Query *level)
{
	if (level->windowClause != NIL || level->hasDistinctOn)
		return common_partition(level);
	if (level->groupClause != NIL)
		return get_sortgrouplist_exprs(level->groupClause, level->targetList);
	return NIL;
}

static bool
has_groups(const Query *level)
{
	return level->windowClause != NIL || dp_tree_has_group(level) || level->hasDistinctOn;
}

static bool
is_scalar(Node *expr)
{
	return !contain_agg_clause(expr) && !contain_window_function(expr) &&
		!expression_returns_set(expr);
}

static bool
all_scalar(List *exprs)
{
	ListCell   *lc;

	foreach(lc, exprs)
	{
		if (!is_scalar(lfirst(lc)))
			return false;
	}
	return true;
}

static const char *
level_obstacle(const Query *level)
{
	ListCell   *lc;

	if (level->limitCount != NULL || level->limitOffset != NULL)
		return "LIMIT and OFFSET depend on all rows";
	if (level->cteList != NIL)
		return "WITH RECURSIVE depends on all rows";
	if (level->groupingSets != NIL && list_length(level->groupClause) > 0)
		return "GROUPING SETS beside windows or DISTINCT";
	if (level->windowClause != NIL || level->hasDistinctOn)
	{
		List	   *partition = common_partition(level);

		if (partition == NIL)
			return level->hasDistinctOn ? "DISTINCT ON by other columns than its windows depends on all rows" :
				"a window that is not partitioned depends on all rows";
		if (!all_scalar(partition))
			return level->hasDistinctOn ? "DISTINCT ON an aggregate, a window or a set depends on all rows" :
				"a window is partitioned by an aggregate";
		if (dp_tree_has_group(level) && level->groupClause == NIL)
			return "a window over one group";
	}
	foreach(lc, level->rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_CTE)
			return "WITH RECURSIVE depends on all rows";
	}
	return NULL;
}

/* Rows of a level that has groups, for the touched groups, past and present. */
static bool
project_groups(DpDerive *derive, Query *level, List *columns, DpRows *into)
{
	List	   *groups = group_exprs(level);
	DpRows	   *touched = dp_rows_new(derive->env, exprs_desc(groups));
	Query	   *past;
	DestReceiver *dest;

	if (expression_returns_set((Node *) groups))
		return give_up(derive, "groups of what a function returns as a set changed");
	if (!project(derive, level, groups, touched))
		return false;
	touched = distinct(derive, touched);
	if (touched->n == 0)
	{
		dp_rows_free(touched);
		return true;
	}
	past = dp_past_tree(derive, level);
	if (past == NULL)
		return give_up(derive, "rows of a table without a key cannot be compared by their columns");

	dest = dp_rows_receiver(into);
	into->n += (int64) dp_run_restricted(derive, level, groups, columns, touched, dest);
	/* The expressions hold good in the copy: no column moved. */
	into->n += (int64) dp_run_restricted(derive, past, groups, columns, touched, dest);
	dest->rDestroy(dest);
	dp_rows_free(touched);
	return true;
}

typedef bool (*ProjectArm) (DpDerive *derive, Query *arm, List *columns, DpRows *into);

/*
 * One arm of a set operation, whose columns may have other types than those
 * of the result.
 */
static bool
project_arm(DpDerive *derive, Query *arm, List *columns, DpRows *into, ProjectArm project_it)
{
	TupleDesc	desc = exprs_desc(level_columns(arm, columns));
	StringInfoData text;
	DpRows	   *rows;
	bool		told;

	if (equal_types(desc, into->desc))
		return project_it(derive, arm, columns, into);
	rows = dp_rows_new(derive->env, desc);
	told = project_it(derive, arm, columns, rows);
	dp_rows_name(rows);
	initStringInfo(&text);
	for (int i = 0; i < desc->natts; i++)
		appendStringInfo(&text, "%sc%d::%s", i > 0 ? ", " : "SELECT ", i + 1, dp_type_text(TupleDescAttr(into->desc, i)->atttypid, -1));
	appendStringInfo(&text, " FROM %s", rows->name);
	if (told)
		run_into(derive, dp_tree_parse(text.data, derive->env), into);
	dp_rows_free(rows);
	return told;
}

/* Images of the columns (int, from 0; NIL: all) of a query; false: cannot be told. */
static bool
project_query(DpDerive *derive, Query *query, List *columns, DpRows *into)
{
	const char *obstacle = level_obstacle(query);

	if (obstacle != NULL)
		return give_up(derive, obstacle);
	if (query->setOperations != NULL)
	{
		ListCell   *lc;

		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind != RTE_SUBQUERY || rte->subquery == NULL)
				continue;
			if (dp_tree_changed(derive, (Node *) rte->subquery) &&
				!project_arm(derive, rte->subquery, columns, into, project_query))
				return false;
		}
		return true;
	}
	if (has_groups(query))
		return project_groups(derive, query, columns, into);
	return project(derive, query, level_columns(query, columns), into);
}

/* Expressions of columns of a level. */
static List *
level_columns(const Query *level, List *columns)
{
	List	   *exprs = NIL;
	ListCell   *lc;

	if (columns == NIL)
	{
		foreach(lc, level->targetList)
		{
			if (!lfirst_node(TargetEntry, lc)->resjunk)
				exprs = lappend(exprs, lfirst_node(TargetEntry, lc)->expr);
		}
		return exprs;
	}
	foreach(lc, columns)
		exprs = lappend(exprs, dp_tree_column(level, lfirst_int(lc))->expr);
	return exprs;
}

DpRows *
dp_images(DpDerive *derive, Query *query)
{
	Images	   *images;
	ListCell   *lc;

	foreach(lc, derive->images)
	{
		images = lfirst(lc);
		if (images->query == query)
			return images->rows;
	}
	images = palloc0(sizeof(Images));
	images->query = query;
	images->rows = dp_rows_new(derive->env, ExecCleanTypeFromTL(query->targetList));
	if (project_query(derive, query, NIL, images->rows))
		dp_rows_name(images->rows);
	else
		images->rows = NULL;
	derive->images = lappend(derive->images, images);
	return images->rows;
}

/* ---- the top ---- */

/*
 * Can the keys be read off the rows before grouping?  They can when they are
 * made of what the rows are grouped by.
 */
static bool
keys_before_groups(const Query *query, List *exprs)
{
	ListCell   *lc;

	if (query->windowClause != NIL || query->hasDistinctOn || query->groupClause == NIL)
		return false;
	foreach(lc, exprs)
	{
		if (contain_agg_clause(lfirst(lc)))
			return false;
	}
	/* Sets go in step: all of them, or none. */
	if (!expression_returns_set((Node *) exprs))
		return true;
	foreach(lc, query->targetList)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		if (expression_returns_set(expr) && !list_member(exprs, expr))
			return false;
	}
	return true;
}

static bool
touched_keys(DpDerive *derive, Query *query, List *columns, DpRows *into)
{
	List	   *exprs;
	const char *obstacle = level_obstacle(query);

	if (obstacle != NULL)
		return give_up(derive, obstacle);
	if (query->setOperations != NULL)
	{
		ListCell   *lc;

		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_SUBQUERY && dp_tree_changed(derive, (Node *) rte->subquery) &&
				!project_arm(derive, rte->subquery, columns, into, touched_keys))
				return false;
		}
		return true;
	}
	exprs = level_columns(query, columns);
	if (keys_before_groups(query, exprs))
		return project(derive, query, exprs, into);
	if (has_groups(query) && group_exprs(query) == NIL)
	{
		/* One group: it is touched or not. */
		DpRows	   *some = dp_rows_new(derive->env, CreateTemplateTupleDesc(0));
		bool		told = project(derive, query, NIL, some);

		return told && some->n > 0 ? give_up(derive, "the only group changed") : told;
	}
	return project_query(derive, query, columns, into);
}

DpRows *
dp_derive_touched(DpDerive *derive, List *columns)
{
	List	   *exprs = NIL;
	ListCell   *lc;
	DpRows	   *keys;

	foreach(lc, columns)
		exprs = lappend(exprs, dp_tree_column(derive->query->tree, lfirst_int(lc))->expr);
	keys = dp_rows_new(derive->env, exprs_desc(exprs));
	derive->unknown = NULL;
	if (derive->changes != NIL && !touched_keys(derive, derive->query->tree, columns, keys))
		return NULL;
	return distinct(derive, keys);
}

uint64
dp_derive_restricted(DpDerive *derive, List *columns, DpRows *keys, DestReceiver *dest)
{
	Query	   *tree = derive->query->tree;

	return dp_run_restricted(derive, tree, NIL, columns, keys, dest);
}

void
dp_derive_sample(DpDerive *derive, List *columns, int nkeys, DestReceiver *dest)
{
	List	   *exprs = NIL;
	ListCell   *lc;
	DpRows	   *keys;

	foreach(lc, columns)
		exprs = lappend(exprs, dp_tree_column(derive->query->tree, lfirst_int(lc))->expr);
	keys = dp_rows_new(derive->env, exprs_desc(exprs));
	keys->n = nkeys;
	dp_plan_restricted(derive, derive->query->tree, columns, keys, dest);
}

int64
dp_derive_new_rows(DpDerive *derive, List *extra, DpRows *into)
{
	Query	   *tree = derive->query->tree;
	List	   *exprs = list_concat_copy(level_columns(tree, NIL), extra);

	derive->unknown = NULL;
	if (!dp_tree_is_plain(tree) || !project(derive, tree, exprs, into))
		return -1;
	return into->n;
}

int64
dp_derive_all_rows(DpDerive *derive, List *extra, DpRows *into)
{
	Query	   *tree = copyObject(derive->query->tree);
	ListCell   *lc;

	Assert(dp_tree_is_plain(tree));
	foreach(lc, extra)
		tree->targetList = lappend(tree->targetList,
								   makeTargetEntry(copyObject(lfirst(lc)), list_length(tree->targetList) + 1,
												   pstrdup("extra"), false));
	run_into(derive, tree, into);
	return into->n;
}

/* ---- judged without data ---- */

static bool
obstacle_walker(Node *node, const char **obstacle)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
	{
		/* A subquery in an expression may have LIMIT and its like when it looks at the row. */
		if (contain_vars_of_level(((SubLink *) node)->subselect, 1))
			return false;
		return expression_tree_walker(node, obstacle_walker, obstacle);
	}
	if (IsA(node, Query))
	{
		*obstacle = level_obstacle((Query *) node);
		return *obstacle != NULL ||
			query_tree_walker((Query *) node, obstacle_walker, obstacle, 0);
	}
	if (IsA(node, RangeTblEntry))
		return false;
	return expression_tree_walker(node, obstacle_walker, obstacle);
}

const char *
dp_query_obstacle(const DpQuery *query)
{
	const char *obstacle = NULL;
	ListCell   *lc;

	(void) obstacle_walker((Node *) query->tree, &obstacle);
	foreach(lc, query->inputs)
	{
		DpQueryInput *input = lfirst(lc);

		if (input->sampled)
			return "TABLESAMPLE reads other rows each time";
		if (input->system_columns)
			return "system columns are not kept in old images";
	}
	return obstacle;
}
