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

/* One edge.  Relations by oid; functions and named tuplestores have only a name. */
typedef struct DpLineageSource
{
	int			output;			/* resno of the output column; 0: the whole output */
	const char *output_name;
	Oid			relid;			/* InvalidOid: see other */
	AttrNumber	attno;			/* 0: no column of it (count(*)) */
	const char *other;			/* function, foreign or transient relation, by name */
	DpLineageKind kind;
	bool		masking;		/* hash functions, count: the value cannot be seen */
} DpLineageSource;

/* What a statement writes. */
typedef struct DpLineage
{
	Oid			target;			/* InvalidOid: a SELECT, or a table that is only being made */
	const char *target_name;	/* of the latter, schema-qualified */
	List	   *sources;		/* DpLineageSource, each once */
} DpLineage;

/*
 * Of an analysed and rewritten tree; utility statements that hold a query
 * (CREATE TABLE AS, CREATE and REFRESH MATERIALIZED VIEW, DECLARE CURSOR, EXPLAIN, COPY)
 * are opened.  NULL: the statement reads and writes nothing.
 */
extern DpLineage *dp_lineage_of(Query *tree);

extern const char *dp_lineage_type(DpLineageKind kind); /* "DIRECT" or "INDIRECT" */
extern const char *dp_lineage_subtype(DpLineageKind kind);

#endif							/* DP_LINEAGE_COLUMNS_H */
