/*-------------------------------------------------------------------------
 *
 * columns_int.h
 *	  What the files of the column lineage share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_LINEAGE_COLUMNS_INT_H
#define DP_LINEAGE_COLUMNS_INT_H

#include "lineage/columns.h"

/* One source of a value or of rows. */
typedef struct DpFlow
{
	Oid			relid;
	AttrNumber	attno;
	const char *other;
	DpLineageKind kind;
	bool		masking;
} DpFlow;

/*
 * What is known of one query.  Lists only grow, so that a recursive query can
 * be read again until nothing is added.
 */
typedef struct DpQueryFlow
{
	Query	   *query;
	Oid			view;			/* it is this view's query */
	int			ncolumns;
	List	  **columns;		/* DpFlow, by resno - 1 */
	List	   *rows;			/* what decides about its rows, INDIRECT */
	List	   *reads;			/* attno 0: what its FROM reads, however deep */
	List	   *touches;		/* attno 0: what its sublinks read */
} DpQueryFlow;

typedef struct DpWalk
{
	bool		stop_at_views;
	List	   *known;			/* DpQueryFlow */
	List	   *written;		/* DpLineage of data-modifying queries */
	List	   *writers;		/* their Query */
} DpWalk;

/* A value being followed: how far we are from the output, and where it goes. */
typedef struct DpValue
{
	DpWalk	   *walk;
	List	   *stack;			/* Query: the innermost first */
	DpQueryFlow *flow;			/* of the innermost */
	DpLineageKind kind;
	bool		masking;
	List	  **into;			/* DpFlow */
} DpValue;

/* Sets of flows. */
extern void dp_flow_add(List **into, Oid relid, AttrNumber attno, const char *other,
						DpLineageKind kind, bool masking);
extern void dp_flow_add_all(List **into, List *flows, DpLineageKind step, bool masking);

/* Queries (columns_query.c). */
extern DpQueryFlow *dp_flow_query(DpWalk *walk, Query *query, List *parents);
extern DpQueryFlow *dp_flow_cte(DpWalk *walk, RangeTblEntry *rte, List *stack);
extern DpQueryFlow *dp_flow_view(DpWalk *walk, Oid view);
extern void dp_flow_grow(DpQueryFlow *flow, int ncolumns);
extern List *dp_flow_column(DpQueryFlow *flow, AttrNumber attno);

/* Expressions (columns_value.c). */
extern void dp_flow_value(Node *node, DpValue value);
extern void dp_flow_var(int varno, AttrNumber attno, DpValue value);
extern void dp_flow_function_args(RangeTblFunction *function, DpValue value);

/* What is written (columns_write.c). */
extern void dp_flow_write(DpWalk *walk, DpQueryFlow *flow, List *stack);
extern List *dp_flow_sources(List **outputs, const char **names, int noutputs, DpQueryFlow *flow);

#endif							/* DP_LINEAGE_COLUMNS_INT_H */
