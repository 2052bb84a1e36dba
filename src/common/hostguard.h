/*-------------------------------------------------------------------------
 *
 * hostguard.h
 *	  May this server open a connection to that address?
 *
 * A connection is declared by a database user, but it is opened by the
 * database server, which often sits inside a network that the user cannot
 * reach.  The guard is asked about the real socket address at the moment of
 * connect(), so that a bootstrap name, a DNS answer that changes, a broker's
 * advertised listener and an HTTP redirect are all covered by one check.
 *
 * Everything a check needs is copied when the guard is made, and nothing of
 * the server is called: librdkafka and curl ask from threads of their own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_HOSTGUARD_H
#define DP_COMMON_HOSTGUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "common/error.h"

typedef struct DpHostGuard DpHostGuard;

/* Room for the text of a refusal. */
#define DP_HOSTGUARD_REASON 384

/*
 * Make a guard (malloc).  "allowed_hosts" and "denied_networks" are written as
 * in the settings of these names; NULL is the same as empty.  Returns NULL and
 * fills "err" when a list cannot be read or memory is out.
 */
extern DpHostGuard *dp_hostguard_create(const char *allowed_hosts,
										const char *denied_networks,
										bool allow_loopback, DpError *err);
extern void dp_hostguard_destroy(DpHostGuard *g);

/*
 * May we connect to "addr"?  "hostname" is the name that led there, or NULL.
 * A refusal is remembered in the guard.  Any thread may call this.
 */
extern bool dp_hostguard_allows(DpHostGuard *g, const char *hostname,
								const struct sockaddr *addr, socklen_t len);

/*
 * Remember that "hostname" resolved to "addr".  Some of librdkafka's brokers,
 * the group coordinator for one, have no host name when they connect; they may
 * use an address that a name in the lists led to.
 */
extern void dp_hostguard_learn(DpHostGuard *g, const char *hostname,
							   const struct sockaddr *addr, socklen_t len);

/*
 * Copy the reason of the last refusal and forget it.  Returns false when
 * nothing was refused since the last call.
 */
extern bool dp_hostguard_take_refusal(DpHostGuard *g,
									  char reason[DP_HOSTGUARD_REASON]);

/* What to tell the user after a refusal: a sentence for errhint. */
#define DP_HOSTGUARD_HINT \
	"A superuser can allow it with ALTER SYSTEM SET dataplat.allowed_hosts, for example to '*, localhost', and pg_reload_conf()."

/* Is this host name one that means the machine itself: localhost, 127.x, ::1? */
extern bool dp_hostguard_is_loopback_name(const char *hostname);

/* Main thread only: define the settings; make a guard from their values. */
extern void dp_hostguard_init(void);
extern DpHostGuard *dp_hostguard_from_settings(bool allow_loopback);

#endif							/* DP_COMMON_HOSTGUARD_H */
