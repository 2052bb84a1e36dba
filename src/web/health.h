/*-------------------------------------------------------------------------
 *
 * health.h
 *	  /healthz and /readyz.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_HEALTH_H
#define DP_WEB_HEALTH_H

extern void dp_web_health_init(void);

#endif							/* DP_WEB_HEALTH_H */
