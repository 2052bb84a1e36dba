/*-------------------------------------------------------------------------
 *
 * observe.h
 *	  Lineage of statements that users run, if they are tagged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_LINEAGE_OBSERVE_H
#define DP_LINEAGE_OBSERVE_H

extern void dp_observe_init(void);

#endif							/* DP_LINEAGE_OBSERVE_H */
