/*-------------------------------------------------------------------------
 *
 * events_in.h
 *	  The route for OpenLineage events of other systems.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_EVENTS_IN_H
#define DP_WEB_EVENTS_IN_H

extern void dp_web_events_in_init(void);

#endif							/* DP_WEB_EVENTS_IN_H */
