/*-------------------------------------------------------------------------
 *
 * brakes.h
 *	  Reasons to stop fetching for a while: the brakes of the server itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_BRAKES_H
#define DP_INGEST_BRAKES_H

extern void dp_brakes_init(void);

#endif							/* DP_INGEST_BRAKES_H */
