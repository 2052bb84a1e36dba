/*-------------------------------------------------------------------------
 *
 * tree.h
 *	  What the files of the room do to Query trees.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUERY_TREE_H
#define DP_QUERY_TREE_H

#include "common/compat.h"
#include "query/query.h"

/* ---- analyze.c ---- */
extern void dp_tree_inline_ctes(Query *tree);

/* ---- normalize.c ---- */

/*
 * One level: columns of joins resolved, GROUPING SETS as UNION ALL.
 */
extern void dp_tree_normalize(Query *query);
extern void dp_tree_drop_order(Query *query);

/* ---- text.c ---- */

/* Parse SQL that we wrote ourselves; it may name relations of env. */
extern Query *dp_tree_parse(const char *text, QueryEnvironment *env);

/* "schema"."table", and a type's full name. */
extern char *dp_relation_text(Oid relid);
extern char *dp_type_text(Oid type, int32 typmod);
extern Oid	dp_operator_namespace(Oid op);
extern Node *dp_equality(Oid op, Node *left, Node *right, Oid collation);

/* ---- source.c ---- */
extern void dp_plan_prepare(struct PlannedStmt *stmt, QueryEnvironment *env);

/* ---- what a level does ---- */
extern bool dp_tree_has_group(const Query *query);	/* GROUP BY, aggregates or HAVING */
extern bool dp_tree_is_plain(const Query *query);	/* select, join, filter only */
extern List *dp_tree_leaves(const Query *level);	/* range table indexes in FROM */
extern TargetEntry *dp_tree_column(const Query *query, int column);

#endif							/* DP_QUERY_TREE_H */
