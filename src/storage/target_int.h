/*-------------------------------------------------------------------------
 *
 * target_int.h
 *	  What the files about a target share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_STORAGE_TARGET_INT_H
#define DP_STORAGE_TARGET_INT_H

#include "common/compat.h"
#include "storage/target.h"
#include "utils/rel.h"

/* Rows in one call of table_multi_insert, as COPY has it. */
#define DP_INSERT_CHUNK 1000

/* Has the table been altered since the target was opened?  Then this throws.  Needs a lock on it. */
extern void dp_target_recheck(DpTarget *target, Relation rel);

/* Why this leaf cannot be written directly, or NULL. */
extern const char *dp_leaf_obstacle(Relation leaf);

/*
 * pages.c: append rows as whole pages.  Returns how many went there; the rows
 * are reordered so that these come first.  The rest, at the end of the array,
 * is for table_multi_insert.
 */
extern bool dp_pages_allowed(Relation leaf);
extern int	dp_pages_append(Relation leaf, HeapTuple *rows, int nrows,
							DpWriteResult *result);

#endif							/* DP_STORAGE_TARGET_INT_H */
