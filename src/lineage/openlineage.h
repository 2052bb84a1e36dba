/*-------------------------------------------------------------------------
 *
 * openlineage.h
 *	  Events for other lineage servers: what the platform is called there, and
 *	  the worker that delivers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_OPENLINEAGE_H
#define DP_OPENLINEAGE_H

extern void dp_openlineage_init(void);
extern void dp_lineage_delivery_init(void);

#endif							/* DP_OPENLINEAGE_H */
