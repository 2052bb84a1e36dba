/*-------------------------------------------------------------------------
 *
 * lineage.h
 *	  The routes of lineage.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_LINEAGE_H
#define DP_WEB_LINEAGE_H

extern void dp_web_lineage_init(void);

#endif							/* DP_WEB_LINEAGE_H */
