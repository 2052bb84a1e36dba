/*-------------------------------------------------------------------------
 *
 * apply_int.h
 *	  What the rules that apply events have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_APPLY_INT_H
#define DP_PIPELINE_APPLY_INT_H

#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

#include "pipeline/apply.h"
#include "pipeline/key.h"

/* A condition over the columns of a row. */
typedef struct DpCondition
{
	ExprState  *expr;
	ExprContext *econtext;
	Bitmapset  *columns;		/* that it reads */
} DpCondition;

/*
 * Read a condition in the current search_path.  Errors: those of the parser;
 * 0A000 subqueries, aggregates.
 */
extern DpCondition *dp_condition_make(const char *what, const char *text, TupleDesc desc);
extern bool dp_condition_holds(DpCondition *condition, TupleTableSlot *row);

/* Events as they come, and what the pipeline says of their columns. */
typedef struct DpEvents
{
	DpPipeline *pipeline;
	TupleDesc	desc;			/* result columns, then the ordinal */
	Tuplestorestate *rows;
	int64		nrows;
	AttrNumber	ordinal;
	AttrNumber	keep;			/* 0: the result has no such column */
	int			nkeys;
	AttrNumber *keys;
	int			nsequence;
	AttrNumber *sequence;
	DpCondition *deletes;		/* NULL: none */
	Bitmapset  *unstored;		/* columns that the target need not have */
} DpEvents;

extern DpEvents *dp_events_open(DpPipeline *pipeline, TupleDesc desc, Tuplestorestate *rows,
								int64 nrows);

/* The columns of "target" that the events carry, as a row; others are dropped in it. */
extern TupleDesc dp_events_stored(DpEvents *events, TupleDesc target);

/* Column of a row by name, or error 42703. */
extern AttrNumber dp_events_column(TupleDesc desc, const char *name);

/*
 * Table beside the target that belongs to the pipeline's owner:
 * dataplat_internal.<kind>_<pipeline_id>, InvalidOid when there is none.
 */
extern Oid	dp_side_table_find(const char *kind, int32 pipeline_id);

/*
 * The same, made when it is missing, with the columns of "desc" and a unique
 * index on the first "nunique".  One with other columns is made again when
 * it is to be filled afresh anyway, else error 55000.
 */
extern Oid	dp_side_table_open(const char *kind, int32 pipeline_id, Oid owner,
							   TupleDesc desc, int nunique, bool afresh);

/* Its unique index over the columns of the key; opened. */
extern Relation dp_side_table_index(Relation table, DpKey *key);

/* Error 42804 unless these columns have one type in both. */
extern void dp_events_same_types(DpEvents *events, TupleDesc target, int n,
								 const AttrNumber *attnos);

/* The same columns of another row type, by their names; palloc'd. */
extern AttrNumber *dp_events_translate(TupleDesc from, TupleDesc to, int n,
									   const AttrNumber *attnos);

#endif							/* DP_PIPELINE_APPLY_INT_H */
