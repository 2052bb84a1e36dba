/*-------------------------------------------------------------------------
 *
 * run.h
 *	  A request's transaction, and what becomes of its errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_RUN_H
#define DP_WEB_RUN_H

#include "web/web.h"

/* Call the handler; an error is an answer.  Throws nothing but FATAL. */
extern void dp_run_request(const DpWebRoute *route, DpWebRequest *request,
						   DpWebResponse *response);

/* In a transaction of its own and as the worker.  False and an answer after an error. */
extern bool dp_run_inside(void (*work) (void *arg), void *arg, DpWebResponse *response);

#endif							/* DP_WEB_RUN_H */
