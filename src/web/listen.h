/*-------------------------------------------------------------------------
 *
 * listen.h
 *	  Addresses to listen at, from dataplat.web_listen to sockets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_LISTEN_H
#define DP_WEB_LISTEN_H

#include <sys/socket.h>

#include "nodes/pg_list.h"

/* One socket to be; "name" is host:port as the state shows it. */
typedef struct DpListen
{
	char		name[80];
	struct sockaddr_storage addr;
	socklen_t	len;
	bool		loopback;
	bool		optional;		/* one of several that a name stands for */
} DpListen;

/* NULL when the setting can be read, else a sentence (palloc'd). */
extern const char *dp_listen_problem(const char *setting);

/* Of the setting, what belongs to the database: palloc'd DpListens. */
extern List *dp_listen_of(const char *setting, const char *database,
						  const char *default_database);

/* Databases that the setting names, once each. */
extern List *dp_listen_databases(const char *setting, const char *default_database);

/* A listening socket, not blocking; -1 with errno. */
extern int	dp_listen_open(const DpListen *listen);

extern bool dp_sockaddr_is_loopback(const struct sockaddr *addr);

#endif							/* DP_WEB_LISTEN_H */
