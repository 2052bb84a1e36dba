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

/* Why this leaf cannot be written directly, or NULL. */
extern const char *dp_leaf_obstacle(Relation leaf);

#endif							/* DP_STORAGE_TARGET_INT_H */
