/*-------------------------------------------------------------------------
 *
 * key.h
 *	  Some columns of a row as a thing to compare rows by.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_KEY_H
#define DP_PIPELINE_KEY_H

#include "access/attnum.h"
#include "executor/tuptable.h"
#include "fmgr.h"

typedef struct DpKeyColumn
{
	AttrNumber	attno;
	Oid			collation;
	Oid			opfamily;		/* of the type's default B-tree class */
	Oid			opcintype;
	Oid			eq_operator;
	FmgrInfo	eq;
	FmgrInfo	cmp;
	FmgrInfo	hash;			/* fn_oid InvalidOid: the type cannot be hashed */
} DpKeyColumn;

typedef struct DpKey
{
	int			ncolumns;
	DpKeyColumn columns[FLEXIBLE_ARRAY_MEMBER];
} DpKey;

/*
 * Columns of "desc" as a key, in CurrentMemoryContext.  Error 42883 when a
 * type has no order.
 */
extern DpKey *dp_key_make(TupleDesc desc, int n, const AttrNumber *attnos);

/* Two rows with an equal key have the same hash; NULLs are equal to NULLs. */
extern uint32 dp_key_hash(DpKey *key, TupleTableSlot *slot);
extern bool dp_key_equal(DpKey *key, TupleTableSlot *a, TupleTableSlot *b);

/* Column by column; NULL is lower than anything. */
extern int	dp_key_compare(DpKey *key, TupleTableSlot *a, TupleTableSlot *b);

/* "(a, b)=(1, x)", for messages; palloc'd. */
extern char *dp_key_describe(DpKey *key, TupleTableSlot *slot);

/* How SQL writes the equality of a column, whatever the search_path; palloc'd. */
extern char *dp_key_operator(DpKey *key, int column);

#endif							/* DP_PIPELINE_KEY_H */
