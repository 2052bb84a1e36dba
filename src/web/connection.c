/*-------------------------------------------------------------------------
 *
 * connection.c
 *	  Who is connected, and how long each of them may still take.
 *
 * The library's timeout counts from the last byte, so a client that sends one
 * byte at a time can hold a connection for ever.  Ours are deadlines: for the
 * request line, for the rest of the request, and for taking the answer.  Who
 * is late gets the socket shut; the library sees that as the client's end.
 *
 * Called from the library's callbacks, so nothing here may throw: malloc.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "utils/timestamp.h"

#include "web/connection.h"
#include "web/settings.h"

static dlist_head connections = DLIST_STATIC_INIT(connections);
static int	nconnections = 0;

static bool
same_host(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *) a)->sin_addr.s_addr ==
			((const struct sockaddr_in *) b)->sin_addr.s_addr;
	if (a->sa_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *) a)->sin6_addr,
					  &((const struct sockaddr_in6 *) b)->sin6_addr,
					  sizeof(struct in6_addr)) == 0;
	return true;
}

bool
dp_connection_may_enter(const struct sockaddr *addr, socklen_t len)
{
	int			neighbours = 0;
	dlist_iter	iter;

	if (nconnections >= dp_web_max_connections)
		return false;
	dlist_foreach(iter, &connections)
	{
		DpConnection *c = dlist_container(DpConnection, node, iter.cur);

		if (same_host((const struct sockaddr *) &c->addr, addr))
			neighbours++;
	}
	return neighbours < dp_web_max_connections_per_host;
}

DpConnection *
dp_connection_add(int fd, const struct sockaddr *addr)
{
	DpConnection *c = calloc(1, sizeof(DpConnection));

	if (c == NULL)
		return NULL;
	c->fd = fd;
	if (addr != NULL && addr->sa_family == AF_INET)
		memcpy(&c->addr, addr, sizeof(struct sockaddr_in));
	else if (addr != NULL && addr->sa_family == AF_INET6)
		memcpy(&c->addr, addr, sizeof(struct sockaddr_in6));
	dlist_push_tail(&connections, &c->node);
	nconnections++;
	dp_connection_enter(c, DP_CONNECTION_NEW);
	return c;
}

void
dp_connection_remove(DpConnection *c)
{
	if (c == NULL)
		return;
	dlist_delete(&c->node);
	nconnections--;
	free(c);
}

void
dp_connection_enter(DpConnection *c, DpConnectionPhase phase)
{
	if (c == NULL || c->shut)
		return;
	c->phase = phase;
	c->deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
											  phase == DP_CONNECTION_IDLE ?
											  dp_web_idle_timeout : dp_web_request_timeout);
}

static void
shut(DpConnection *c)
{
	c->shut = true;
	c->deadline = DT_NOEND;
	(void) shutdown(c->fd, SHUT_RDWR);
}

long
dp_connections_expire(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = DT_NOEND;
	dlist_iter	iter;

	dlist_foreach(iter, &connections)
	{
		DpConnection *c = dlist_container(DpConnection, node, iter.cur);

		if (c->deadline <= now)
			shut(c);
		next = Min(next, c->deadline);
	}
	return next == DT_NOEND ? -1 : 1 + TimestampDifferenceMilliseconds(now, next);
}

void
dp_connections_shut(bool all)
{
	dlist_iter	iter;

	dlist_foreach(iter, &connections)
	{
		DpConnection *c = dlist_container(DpConnection, node, iter.cur);

		if (!c->shut && (all || c->phase != DP_CONNECTION_SENDING))
			shut(c);
	}
}

int
dp_connections_count(void)
{
	return nconnections;
}
