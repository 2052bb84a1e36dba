/*-------------------------------------------------------------------------
 *
 * catalog_int.h
 *	  Private to the catalog room.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_CATALOG_INT_H
#define DP_CATALOG_INT_H

extern void dp_progress_init(void);

#endif							/* DP_CATALOG_INT_H */
