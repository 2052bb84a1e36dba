/*-------------------------------------------------------------------------
 *
 * exchange.h
 *	  One request and its answer, between the HTTP library and the routes.
 *
 * Only server.c and exchange.c know the library.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_EXCHANGE_H
#define DP_WEB_EXCHANGE_H

#include <microhttpd.h>

/* The callbacks that a daemon of the library is started with. */
extern void *dp_exchange_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
extern enum MHD_Result dp_exchange_step(void *cls, struct MHD_Connection *mhd, const char *url,
										const char *method, const char *version,
										const char *data, size_t *size, void **exchange);
extern void dp_exchange_end(void *cls, struct MHD_Connection *mhd, void **exchange,
							enum MHD_RequestTerminationCode why);

#endif							/* DP_WEB_EXCHANGE_H */
