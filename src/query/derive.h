/*-------------------------------------------------------------------------
 *
 * derive.h
 *	  What the files that derive queries share.
 *
 * Words.  A level is one SELECT.  Its images are old and new versions of
 * those of its rows that may have changed: a superset is harmless, a missing
 * one is not.  The "ever" form of a relation is its present rows and the old
 * images; the "past" form its rows as they were.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUERY_DERIVE_H
#define DP_QUERY_DERIVE_H

#include "query/tree.h"

/* A base relation that changed. */
typedef struct DpChange
{
	Oid			relid;
	TupleDesc	desc;
	char	   *new_name;		/* of the rows in the environment */
	char	   *old_name;
	int64		nnew;
	int64		nold;
	List	   *identity;		/* attnos of a unique key without NULLs; NIL: none */
} DpChange;

struct DpDerive
{
	const DpQuery *query;
	QueryEnvironment *env;
	List	   *changes;		/* DpChange */
	List	   *images;			/* Images: of subqueries, computed once */
	const char *unknown;		/* why no key can be told from another; NULL: they can */
};

typedef enum DpForm
{
	DP_FORM_NEW,				/* new images only */
	DP_FORM_OLD,				/* old images only */
	DP_FORM_DELTA,
	DP_FORM_EVER,
	DP_FORM_PAST
} DpForm;

/* ---- forms.c ---- */
extern const DpChange *dp_find_change(const DpDerive *derive, Oid relid);
extern bool dp_tree_changed(const DpDerive *derive, Node *node);

/* Let an entry of "query" that names a changed relation stand for another form of it. */
extern bool dp_substitute(DpDerive *derive, Query *query, RangeTblEntry *rte, DpForm form);
extern void dp_substitute_rows(DpDerive *derive, RangeTblEntry *rte, const DpRows *rows, bool and_present);

/* A copy of the tree over the rows as they were; NULL when that cannot be told. */
extern Query *dp_past_tree(DpDerive *derive, const Query *tree);

/* ---- term.c ---- */

/*
 * The select-join-filter part of a level with one changed leaf of its FROM in
 * delta form (0: none), the other changed ones in ever form, and "condition"
 * (NULL: none) added to WHERE.  Its columns are "exprs".
 */
extern Query *dp_term(DpDerive *derive, const Query *level, int leaf, Node *condition, List *exprs);
extern List *dp_changed_leaves(DpDerive *derive, const Query *level);
extern List *dp_changed_sublinks(DpDerive *derive, const Query *level);

/* ---- derive.c ---- */

/* Images of a subquery; NULL: they cannot be told (derive->unknown says why). */
extern DpRows *dp_images(DpDerive *derive, Query *query);

/* ---- linear.c ---- */

/* The one leaf that changed, when select, join and filter take each of its rows by itself; else 0. */
extern int	dp_linear_leaf(DpDerive *derive, const Query *tree);

/* ---- restrict.c ---- */

/*
 * Only the rows of "query" whose columns are among "keys" (which name NULLs
 * as well).  Sends them to dest.
 */
extern uint64 dp_run_restricted(DpDerive *derive, const Query *query, List *exprs,
								List *columns, DpRows *keys, DestReceiver *dest);


/*
 * "exprs" over the FROM of the level, for the rows for which "key_exprs" are
 * among the keys; places: their columns (from 0) in the keys.
 */
extern int64 dp_run_for_keys(DpDerive *derive, const Query *level, List *exprs, List *key_exprs,
							 List *places, DpRows *keys, DestReceiver *dest);
extern void dp_plan_restricted(DpDerive *derive, const Query *query, List *columns,
							   DpRows *keys, DestReceiver *dest);

#endif							/* DP_QUERY_DERIVE_H */
