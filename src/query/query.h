/*-------------------------------------------------------------------------
 *
 * query.h
 *	  A user's SELECT as a tree that can be asked, changed and run.
 *
 * The text is parsed, analysed and rewritten (views become subqueries, plain
 * CTEs too) with the rights of the current user.  From the tree come the
 * inputs, the volatility, the keys; and, for the rule of touched keys, the
 * derived queries: the same tree over the changed rows of an input, over the
 * rows as they were, or for certain keys only.
 *
 * Nothing here knows of pipelines or of logs: changed rows come as
 * tuplestores, named in a QueryEnvironment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUERY_H
#define DP_QUERY_H

#include "executor/tuptable.h"
#include "nodes/parsenodes.h"
#include "tcop/dest.h"
#include "utils/queryenvironment.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"

typedef struct DpQuery
{
	const char *text;
	Query	   *tree;			/* rewritten; views and CTEs are subqueries */
	TupleDesc	desc;			/* of the result */
	List	   *inputs;			/* Oids of the relations read, each once */
	List	   *functions;		/* Oids of functions called, each once */
} DpQuery;

/*
 * Parse and analyse one SELECT in the current search_path.  Errors: those of
 * the parser; 42601 not one SELECT; 0A000 writes, locks rows (FOR UPDATE).
 */
extern DpQuery *dp_query_analyze(const char *text);

/* The name of a volatile function in it, palloc'd; NULL when there is none. */
extern char *dp_query_volatile_function(const DpQuery *query);

/*
 * Run a tree under the active snapshot and send its rows to "dest".  The
 * tree is scribbled upon.  Returns the number of rows.
 */
extern uint64 dp_query_run(Query *tree, const char *text, QueryEnvironment *env,
						   DestReceiver *dest);

/* The same from text, which may name relations of env. */
extern uint64 dp_query_run_text(const char *text, QueryEnvironment *env,
								DestReceiver *dest);

/* Give a tuplestore a name in env; rows: the planner's estimate. */
extern void dp_query_name_rows(QueryEnvironment *env, const char *name,
							   TupleDesc desc, Tuplestorestate *rows, double nrows);

#endif							/* DP_QUERY_H */
