/*-------------------------------------------------------------------------
 *
 * maintenance.h
 *	  The chores that keep bronze tables in shape.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_STORAGE_MAINTENANCE_H
#define DP_STORAGE_MAINTENANCE_H

/* For _PG_init, after the launcher's. */
extern void dp_storage_maintenance_init(void);

#endif							/* DP_STORAGE_MAINTENANCE_H */
