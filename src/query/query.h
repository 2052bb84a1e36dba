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
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "tcop/dest.h"
#include "utils/queryenvironment.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"

/* A relation that a query reads, and what of it. */
typedef struct DpQueryInput
{
	Oid			relid;
	char		relkind;
	bool		only;			/* FROM ONLY somewhere */
	bool		sampled;		/* TABLESAMPLE somewhere */
	bool		system_columns; /* ctid, xmin and their like are used */
	bool		whole_row;
	Bitmapset  *columns;		/* attno - FirstLowInvalidHeapAttributeNumber */
} DpQueryInput;

typedef struct DpQuery
{
	const char *text;
	Query	   *tree;			/* rewritten; views and CTEs are subqueries */
	TupleDesc	desc;			/* of the result */
	List	   *inputs;			/* DpQueryInput, a relation once */
	List	   *functions;		/* Oids of functions called, each once */
	bool		time_dependent; /* CURRENT_DATE and its like */
	bool		row_security;	/* policies apply to the current user */
} DpQuery;

/*
 * Parse and analyse one SELECT in the current search_path.  Errors: those of
 * the parser; 42601 not one SELECT; 0A000 writes, locks rows (FOR UPDATE).
 */
extern DpQuery *dp_query_analyze(const char *text);

/* A collation's full name, as FORMAT_TYPE_FORCE_QUALIFY gives a type's. */
extern char *dp_collation_text(Oid collation);

/* The statement alone: without a semicolon and what follows it. */
extern char *dp_statement_text(const char *text);

/*
 * An error context callback for a text that is parsed and analysed: positions
 * of errors are positions in it, not in the statement that called us.
 */
extern void dp_say_where(void *text);

/* What the query reads of a relation; NULL: nothing. */
extern const DpQueryInput *dp_query_input(const DpQuery *query, Oid relid);

/* A column by which rows of a relation are found for rows of another. */
typedef struct DpQueryJoin
{
	Oid			relid;
	AttrNumber	attno;
	Oid			other;
} DpQueryJoin;

/* Columns that are compared with those of other relations, each once. */
extern List *dp_query_joins(const DpQuery *query);

/* Errors 0A000: an expression of "text" that calls volatile functions, or depends on the time. */
extern void dp_expr_check_steady(Node *expr, const char *text, const char *what);

/* The name of a volatile function in it, palloc'd; NULL when there is none. */
extern char *dp_query_volatile_function(const DpQuery *query);

/*
 * Run a tree under the active snapshot and send its rows to "dest".  The
 * tree is scribbled upon.  Returns the number of rows.
 */
extern uint64 dp_query_run(Query *tree, const char *text, QueryEnvironment *env,
						   DestReceiver *dest);

/*
 * While "plans" is not NULL each query that runs is explained into it, with
 * what it really did; analyze false: planned only, and nothing runs.  Returns
 * what was set before; put that back, also after an error.
 */
typedef struct DpPlans
{
	StringInfo	text;
	bool		analyze;
	const char *title;			/* of the queries to come */
	int			nth;			/* of those with this title; 0: none yet */
} DpPlans;

extern DpPlans *dp_query_explain(DpPlans *plans);
extern void dp_query_title(const char *title);

/* The same from text, which may name relations of env. */
extern uint64 dp_query_run_text(const char *text, QueryEnvironment *env,
								DestReceiver *dest);

/* Give a tuplestore a name in env; rows: the planner's estimate. */
extern void dp_query_name_rows(QueryEnvironment *env, const char *name,
							   TupleDesc desc, Tuplestorestate *rows, double nrows);

/*
 * Rows that are read where they stand, as often as somebody asks.  "begin"
 * makes a cursor in CurrentMemoryContext; "next" fills a row's values, which
 * hold until the next call, in CurrentMemoryContext or where they stand, and
 * says whether there was one; "end" gives the cursor back.
 */
typedef struct DpRowSource DpRowSource;

struct DpRowSource
{
	void	   *(*begin) (const DpRowSource *source);
	bool		(*next) (void *cursor, Datum *values, bool *nulls);
	void		(*end) (void *cursor);
};

/* Give a source of changed rows of a relation a name in env, which is returned. */
extern char *dp_query_name_source(QueryEnvironment *env, Oid relid, TupleDesc desc,
								  const DpRowSource *source, double nrows);

/* All its rows go to a tuplestore. */
extern void dp_source_store(const DpRowSource *source, TupleDesc desc, Tuplestorestate *store);

/*
 * Rows under a name that queries over env can use; columns are c1, c2, ...
 * Fill with dp_rows_receiver (and count in n), then dp_rows_name.
 */
typedef struct DpRows
{
	QueryEnvironment *env;
	char	   *name;
	TupleDesc	desc;
	Tuplestorestate *store;
	DestReceiver *to;			/* where they go instead of the store; NULL: nowhere else */
	int64		n;
} DpRows;

extern DpRows *dp_rows_new(QueryEnvironment *env, TupleDesc like);
extern DpRows *dp_rows_like(QueryEnvironment *env, TupleDesc desc);	/* keeps the columns' names */
extern DestReceiver *dp_rows_receiver(DpRows *rows);
extern void dp_rows_name(DpRows *rows);
extern void dp_rows_free(DpRows *rows);

/*
 * Columns of the result (int from 0) that tell its rows apart; none when it
 * has one row.  False: the query does not say.
 */
extern bool dp_query_keys(const DpQuery *query, List **columns);

/*
 * A column of a relation that stands in the query's own FROM, as an
 * expression over that FROM; NULL when the relation does not stand there.
 * The column counts as used from then on.
 */
extern Node *dp_query_from_column(DpQuery *query, Oid relid, AttrNumber attno);

/* Is it select, join and filter only? */
extern bool dp_query_is_plain(const DpQuery *query);

/* Is it one aggregated row, whatever is in the inputs? */
extern bool dp_query_is_one_row(const DpQuery *query);

/* ---- what changed in the result when inputs changed ---- */

typedef struct DpDerive DpDerive;

extern DpDerive *dp_derive_new(const DpQuery *query, QueryEnvironment *env);

/*
 * An input changed: net old and new images, in the relation's own row type.
 * identity: attnos (int) of a unique key without NULLs whose columns the
 * images have; NIL when there is none.  New images come from new_source where
 * there is one.  Takes nothing over; stores and source must live as long as env.
 */
extern void dp_derive_change(DpDerive *derive, Oid relid, TupleDesc desc,
							 Tuplestorestate *old_rows, int64 nold,
							 Tuplestorestate *new_rows, const DpRowSource *new_source, int64 nnew,
							 List *identity);

/*
 * The distinct keys (columns of the result, int from 0) of rows that may have
 * changed.  NULL: any row may have; dp_derive_unknown says why.
 */
extern DpRows *dp_derive_touched(DpDerive *derive, List *columns);
extern const char *dp_derive_unknown(const DpDerive *derive);

/* No old image was told of. */
extern bool dp_derive_only_new(const DpDerive *derive);

/*
 * Are the rows with touched keys just those of the query over the new images,
 * and the keys of those that were there those of the query over the old ones?
 * So it is when one relation changed that select, join and filter take row by
 * row, and its primary key is among these columns, which are the keys.
 */
extern bool dp_derive_is_linear(DpDerive *derive, List *columns);
extern uint64 dp_derive_linear_new(DpDerive *derive, DestReceiver *dest);
extern DpRows *dp_derive_linear_old_keys(DpDerive *derive, List *columns);

/* The query's rows with these keys, as they are now.  Returns how many. */
extern uint64 dp_derive_restricted(DpDerive *derive, List *columns, DpRows *keys,
								   DestReceiver *dest);

/*
 * The query's rows with from < column <= to, values as text; NULL: no bound,
 * and without an upper bound but with a lower one NULLs belong to it.
 */
extern uint64 dp_derive_range(DpDerive *derive, int column, const char *from, const char *to,
							  DestReceiver *dest);

/* The same for so many made-up keys, for its plan. */
extern void dp_derive_sample(DpDerive *derive, List *columns, int nkeys, DestReceiver *dest);

/*
 * Append-only inputs: the query over their new rows.  "extra" expressions
 * over the FROM of the query follow the columns.  Returns the number of rows,
 * -1 when the query is not a plain select-join-filter.
 */
extern int64 dp_derive_new_rows(DpDerive *derive, List *extra, DpRows *into);

/* All rows of a plain query, "extra" expressions after its columns. */
extern int64 dp_derive_all_rows(DpDerive *derive, List *extra, DpRows *into);

/* ---- where a row comes from ---- */

/* A row of a base relation, as jsonb. */
typedef void (*DpTraceRow) (void *arg, Oid relid, Datum row);

/*
 * Call "found" for the rows of the inputs that the result's rows with these
 * keys (named) are made of, max_rows of each input at most.
 */
extern void dp_derive_trace(DpDerive *derive, List *columns, DpRows *keys, int max_rows,
							DpTraceRow found, void *arg);

/* ---- aggregates that are kept by adding and taking away ---- */

typedef enum DpPartKind
{
	DP_PART_SUM,				/* adds and takes away; NULL is nothing */
	DP_PART_MIN,				/* the smaller one stays */
	DP_PART_MAX
} DpPartKind;

typedef struct DpAdditive
{
	Query	   *tree;			/* the groups, then the parts; the first part is count(*) */
	TupleDesc	desc;			/* of its rows */
	int			ngroups;
	List	   *columns;		/* the groups' places (int from 0) in the result */
	bool		one_row;		/* no GROUP BY: the group is the number 0 */
	bool		has_extremes;	/* some part is MIN or MAX */
	List	   *parts;			/* Aggref */
	List	   *kinds;			/* DpPartKind */
	List	   *scales;			/* int: digits after the point beyond which those of the part show in the result; -1: never */
	List	   *finals;			/* the result over the columns of such a row */
	Node	   *having;
} DpAdditive;

/* NULL when the query, with these columns as keys, is not of that kind. */
extern DpAdditive *dp_query_additive(const DpQuery *query, List *columns);

/*
 * What the changes add to the parts, by group, with a last column that says
 * whether rows left the group.  NULL when that cannot be told (more than one
 * input changed, or one on the nullable side of an outer join).
 */
extern DpRows *dp_additive_delta(DpDerive *derive, const DpAdditive *additive);

/* The parts computed afresh, of some groups or (NULL) all. */
extern DpRows *dp_additive_parts(DpDerive *derive, const DpAdditive *additive, DpRows *groups);

/* Result rows from rows of parts (named). */
extern DpRows *dp_additive_final(DpDerive *derive, const DpAdditive *additive, const DpRows *states);

/* Why the rule of touched keys would always answer "any", in words; NULL: it does not. */
extern const char *dp_query_obstacle(const DpQuery *query);

#endif							/* DP_QUERY_H */
