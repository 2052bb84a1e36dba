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

/*
 * What a room does here for the session has lineage of its own: from here to
 * dp_observe_resume(), or to the end of the (sub)transaction by an error,
 * nothing is observed.
 */
extern int	dp_observe_pause(void);
extern void dp_observe_resume(int nestlevel);

#endif							/* DP_LINEAGE_OBSERVE_H */
