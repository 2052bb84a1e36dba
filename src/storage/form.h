/*-------------------------------------------------------------------------
 *
 * form.h
 *	  Values to a heap tuple, with what is known of the table worked out once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_STORAGE_FORM_H
#define DP_STORAGE_FORM_H

#include "access/htup.h"
#include "access/tupdesc.h"

/* A value that is a varlena Datum, not bytes without a header. */
#define DP_NOT_RAW (-1)

/* One column of a row.  "raw" bytes become a text or bytea. */
typedef struct DpCell
{
	Datum		value;
	int64		raw;			/* length of the bytes that value points to, or DP_NOT_RAW */
	bool		isnull;
} DpCell;

typedef struct DpFormer DpFormer;

/* In CurrentMemoryContext; the descriptor must live as long. */
extern DpFormer *dp_former_create(TupleDesc desc);

/*
 * Room that a tuple of these cells needs at most, or 0 when there is a value
 * in it that must be flattened first.
 */
extern Size dp_former_bound(const DpFormer *former, const DpCell *cells);

/* Form it in MAXALIGNed room of that size; tuple->t_len is what was used. */
extern void dp_former_fill(const DpFormer *former, const DpCell *cells,
						   void *room, HeapTuple tuple);

#endif							/* DP_STORAGE_FORM_H */
