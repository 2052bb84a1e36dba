/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  The routes of the schema registry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_REGISTRY_H
#define DP_WEB_REGISTRY_H

#include "nodes/pg_list.h"

extern void dp_web_registry_init(void);

/*
 * /contexts/:.ctx:/subjects/s is /subjects/:.ctx:s, as clients write it whose
 * base address has a context.
 */
extern void dp_web_rewrite(List **parts, List **query);

#endif							/* DP_WEB_REGISTRY_H */
