/*-------------------------------------------------------------------------
 *
 * server.h
 *	  The listening side: a daemon of the HTTP library for each address.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_SERVER_H
#define DP_WEB_SERVER_H

#include "nodes/pg_list.h"
#include "storage/latch.h"

/*
 * Listen at exactly these addresses (DpListens), with the settings as they are
 * now.  What is open and unchanged stays open.  NULL, or why not all of it
 * could be done (palloc'd).
 */
extern const char *dp_server_configure(List *addresses);

/* Let the library do what can be done without waiting. */
extern void dp_server_run(void);

/* How long it may be left alone, in ms; -1: until something happens. */
extern long dp_server_timeout(void);

/* Wait for the latch, the sockets or the timeout.  True when the latch was set. */
extern bool dp_server_wait(long timeout_ms, uint32 wait_event);

/* No new connections. */
extern void dp_server_quiesce(void);
extern void dp_server_stop(void);

/* "127.0.0.1:8081, …" */
extern const char *dp_server_addresses(void);

#endif							/* DP_WEB_SERVER_H */
