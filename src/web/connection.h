/*-------------------------------------------------------------------------
 *
 * connection.h
 *	  Who is connected, and how long each of them may still take.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_CONNECTION_H
#define DP_WEB_CONNECTION_H

#include <sys/socket.h>

#include "datatype/timestamp.h"
#include "lib/ilist.h"

typedef enum DpConnectionPhase
{
	DP_CONNECTION_NEW,			/* no request line yet, TLS included */
	DP_CONNECTION_IDLE,			/* between requests */
	DP_CONNECTION_RECEIVING,	/* headers and body come in */
	DP_CONNECTION_SENDING		/* the answer goes out */
} DpConnectionPhase;

typedef struct DpConnection
{
	dlist_node	node;
	int			fd;
	struct sockaddr_storage addr;
	DpConnectionPhase phase;
	TimestampTz deadline;
	bool		shut;			/* was too late; its end is on the way */
} DpConnection;

/* May one more client come from there?  Throws nothing. */
extern bool dp_connection_may_enter(const struct sockaddr *addr, socklen_t len);

/* NULL when memory is out.  Throws nothing, as all of these. */
extern DpConnection *dp_connection_add(int fd, const struct sockaddr *addr);
extern void dp_connection_remove(DpConnection *connection);
extern void dp_connection_enter(DpConnection *connection, DpConnectionPhase phase);

/* Hang up on who is too late.  How long until the next will be, in ms; -1: nobody. */
extern long dp_connections_expire(void);

/* Hang up on all, or on those that have no answer under way. */
extern void dp_connections_shut(bool all);
extern int	dp_connections_count(void);

#endif							/* DP_WEB_CONNECTION_H */
