/*-------------------------------------------------------------------------
 *
 * columns.h
 *	  Which columns the columns of a statement come from.
 *
 * The statement is a tree after analysis and rewriting, before the planner,
 * so that subqueries and views still have their shape.  Types and subtypes
 * are those of OpenLineage's column lineage facet 1-2-0.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_LINEAGE_COLUMNS_H
#define DP_LINEAGE_COLUMNS_H

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

typedef enum DpLineageKind
{
	/* DIRECT: the value comes from it */
	DP_LINEAGE_IDENTITY,
	DP_LINEAGE_TRANSFORMATION,
	DP_LINEAGE_AGGREGATION,
	/* INDIRECT: it decides which rows or which value */
	DP_LINEAGE_JOIN,
	DP_LINEAGE_GROUP_BY,
	DP_LINEAGE_FILTER,
	DP_LINEAGE_SORT,
	DP_LINEAGE_WINDOW,
	DP_LINEAGE_CONDITIONAL
} DpLineageKind;

/* One edge.  Relations by oid; functions, files and named tuplestores have only a name. */
typedef struct DpLineageSource
{
	int			output;			/* resno of the output column; 0: the whole output */
	const char *output_name;
	Oid			relid;			/* InvalidOid: see other */
	AttrNumber	attno;			/* 0: no column of it (count(*)); < 0: a system column */
	const char *other;			/* "function:schema.name", "file:path", "program:command", "tuplestore:name" */
	DpLineageKind kind;
	bool		masking;		/* hash functions, count: the value cannot be seen */
} DpLineageSource;

/* What a statement writes. */
typedef struct DpLineage
{
	Oid			target;			/* InvalidOid: a SELECT, or a table that is only being made */
	const char *target_name;	/* of the latter, schema-qualified; or "file:path" */
	List	   *sources;		/* DpLineageSource, each once */
	List	   *more;			/* DpLineage: what else it writes (WITH items, rules) or returns (RETURNING) */
} DpLineage;

/*
 * Of an analysed and rewritten tree; utility statements that hold a query
 * (CREATE TABLE AS, CREATE VIEW, CREATE and REFRESH MATERIALIZED VIEW, DECLARE
 * CURSOR, EXPLAIN, COPY) are opened.  NULL: the statement reads and writes
 * nothing.  Views are gone through down to the tables; of a tree that was not
 * rewritten, too; with stop_at_views they are sources like tables.  "text" is
 * the statement's source (may be NULL).
 */
extern DpLineage *dp_lineage_of_statement(Query *tree, const char *text, bool stop_at_views);

/*
 * Of each statement in a text, with the current user's search_path: a list of
 * DpLineage, NULL members for statements that read and write nothing.  Nothing
 * is run.  With check_rights, an error unless the user might run them.
 */
extern List *dp_lineage_of_text(const char *text, bool stop_at_views, bool check_rights);

extern const char *dp_lineage_type(DpLineageKind kind); /* "DIRECT" or "INDIRECT" */
extern const char *dp_lineage_subtype(DpLineageKind kind);

/* The kind of a step over a step: what its output is to the inner one's input. */
extern DpLineageKind dp_lineage_merge(DpLineageKind outer, DpLineageKind inner);

/* A relation's node: 'schema.table', quoted where it must be; pg_temp for temporary ones. */
extern char *dp_lineage_relation_name(Oid relid);
extern char *dp_lineage_node_of(Oid relid);

/* NULL: there is none, or it was dropped. */
extern char *dp_lineage_column_name(Oid relid, AttrNumber attno);

/* How many columns, dropped ones included. */
extern AttrNumber dp_lineage_width(Oid relid);

#endif							/* DP_LINEAGE_COLUMNS_H */
