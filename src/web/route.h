/*-------------------------------------------------------------------------
 *
 * route.h
 *	  Which handler answers which path.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_ROUTE_H
#define DP_WEB_ROUTE_H

#include "web/web.h"

/*
 * The route for a method and a path (its parts); fills in the parameters.
 * NULL when there is none: then *allowed lists the methods that the path has
 * ("GET, HEAD"), or is NULL when there is no such path.
 */
extern const DpWebRoute *dp_route_find(const char *method, List *parts,
									   const char **params, int *nparams,
									   const char **allowed);

#endif							/* DP_WEB_ROUTE_H */
