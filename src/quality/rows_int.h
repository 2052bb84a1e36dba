/*-------------------------------------------------------------------------
 *
 * rows_int.h
 *	  What the files of the row rules know of each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUALITY_ROWS_INT_H
#define DP_QUALITY_ROWS_INT_H

#include "nodes/execnodes.h"
#include "utils/elog.h"

#include "quality/rows.h"

/* What a rule says of a row about which it cannot tell, because of NULL. */
typedef enum DpNullHandling
{
	DP_NULL_SKIP,
	DP_NULL_PASS,
	DP_NULL_FAIL
} DpNullHandling;

/* Values that are listed of the rows that break a rule, as Great Expectations does. */
#define DP_LISTED_VALUES 20

/* A rule as the session remembers it: conditions over the columns of the table. */
typedef struct DpRowRule
{
	int64		id;
	char	   *name;
	char	   *owner_name;
	DpRowVerdict verdict;
	bool		fails;			/* action fail */
	DpNullHandling nulls;
	char	   *problem;		/* why it cannot be evaluated; NULL: it can */
	char	   *filter;			/* as text; NULL: none */
	char	   *ignored;
	char	   *expected;
	char	   *element;
	bool		by_query;		/* it asks other tables: text only */
	Expr	   *filter_expr;	/* NULL: none */
	Expr	   *ignored_expr;
	Expr	   *expected_expr;
	Expr	   *element_expr;	/* jsonb */
} DpRowRule;

typedef struct DpRuleCounts
{
	int64		elements;		/* rows that the filter lets through */
	int64		missing;
	int64		unexpected;
	int64		errors;
	int			nlisted;
} DpRuleCounts;

/* A rule in one run. */
typedef struct DpOpenRule
{
	DpRowRule  *rule;			/* a copy */
	int			place;			/* in the set, from 0 */
	ExprState  *filter;
	ExprState  *ignored;
	ExprState  *expected;
	ExprState  *element;
	char	   *query;			/* by_query: ordinal, filter, ignored, expected, element */
	DpRuleCounts counts;
	Datum		listed[DP_LISTED_VALUES];
	char	   *error;			/* the first one */
} DpOpenRule;

/* Rules of one owner. */
typedef struct DpRuleGroup
{
	Oid			owner;
	ExprState  *quals;			/* true: the row breaks none of "together" and is missing in none */
	List	   *together;		/* DpOpenRule */
	List	   *apart;			/* those that are evaluated one by one */
	List	   *asked;			/* those that are queries */
} DpRuleGroup;

struct DpRowRules
{
	MemoryContext context;
	MemoryContext chunk;		/* reset with each call of judge */
	Oid			dataset;
	char	   *dataset_name;
	char	   *search_path;	/* of conditions */
	TupleDesc	desc;			/* of the rows */
	int			n;
	DpOpenRule *rules;
	List	   *groups;
	ExprContext *econtext;
	TupleTableSlot *minimal;
	TupleTableSlot *heap;
	ExprState  *contents;
	ExprState  *key;			/* NULL: no keys */
	int64		rows;
	int64		quarantined;
};

/* ---- rows_load.c ---- */

/* DpRowRule of a table, as of now; they live until the next call. */
extern List *dp_row_rules_load(Oid dataset);

/* Analyse expressions over the columns of "desc"; as whoever is the user.  Query * */
extern Query *dp_row_rules_analyze(const char *list, TupleDesc desc);

/* Do it in a subtransaction; returns the message of an error, else NULL.  Cancellations pass. */
extern char *dp_row_attempt(void (*work) (void *arg), void *arg);

/* Where names in rules over a table are looked up; palloc'd. */
extern char *dp_row_search_path(Oid dataset);

/* ---- rows_judge.c ---- */
extern void dp_row_rules_note_error(DpOpenRule *rule, const char *message);

#endif							/* DP_QUALITY_ROWS_INT_H */
