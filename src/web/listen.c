/*-------------------------------------------------------------------------
 *
 * listen.c
 *	  Addresses to listen at, from dataplat.web_listen to sockets.
 *
 * Hosts are addresses, "localhost" (both loopbacks) or "*" (all interfaces).
 * Other names are refused: looking one up would let the worker wait for a
 * name server, and the answer could open a port that nobody meant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "web/listen.h"

/* Connections that the kernel keeps while the worker runs a statement. */
#define BACKLOG 512

/* host:port/database, taken apart. */
typedef struct Entry
{
	char	   *host;
	int			port;
	char	   *database;		/* NULL: the default one */
} Entry;

static char *
trim(char *s)
{
	char	   *end;

	while (*s && isspace((unsigned char) *s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char) end[-1]))
		*--end = '\0';
	return s;
}

/* Both families of a name, or the one of an address; false when it is neither. */
static bool
parse_host(const char *host, struct in_addr *v4, bool *has4, struct in6_addr *v6, bool *has6)
{
	*has4 = *has6 = false;
	if (strcmp(host, "*") == 0)
	{
		v4->s_addr = htonl(INADDR_ANY);
		*v6 = in6addr_any;
		*has4 = *has6 = true;
	}
	else if (pg_strcasecmp(host, "localhost") == 0)
	{
		v4->s_addr = htonl(INADDR_LOOPBACK);
		*v6 = in6addr_loopback;
		*has4 = *has6 = true;
	}
	else if (inet_pton(AF_INET, host, v4) == 1)
		*has4 = true;
	else if (inet_pton(AF_INET6, host, v6) == 1)
		*has6 = true;
	return *has4 || *has6;
}

/* NULL, or what is wrong with the entry, which is written over. */
static const char *
parse_entry(char *text, Entry *out)
{
	char	   *slash = strchr(text, '/');
	char	   *colon;
	char	   *end;
	long		port;
	struct in_addr v4;
	struct in6_addr v6;
	bool		has4;
	bool		has6;
	const char *whole = pstrdup(text);

	out->database = NULL;
	if (slash != NULL)
	{
		*slash = '\0';
		out->database = trim(slash + 1);
		if (out->database[0] == '\0')
			return psprintf("\"%s\" names no database after the slash.", whole);
	}
	colon = strrchr(text, ':');
	if (colon == NULL)
		return psprintf("\"%s\" has no port.", whole);
	*colon = '\0';
	errno = 0;
	port = strtol(colon + 1, &end, 10);
	if (end == colon + 1 || *trim(end) != '\0' || errno != 0 || port < 1 || port > 65535)
		return psprintf("\"%s\" has no port between 1 and 65535.", whole);
	out->port = (int) port;
	out->host = trim(text);
	if (out->host[0] == '[' && out->host[strlen(out->host) - 1] == ']')
	{
		out->host[strlen(out->host) - 1] = '\0';
		out->host++;
	}
	if (!parse_host(out->host, &v4, &has4, &v6, &has6))
		return psprintf("\"%s\" is no address, nor localhost, nor *.", out->host);
	return NULL;
}

/* The entries of a setting; NULL and *problem when one cannot be read. */
static List *
parse_setting(const char *setting, const char **problem)
{
	char	   *copy = pstrdup(setting ? setting : "");
	char	   *next = copy;
	char	   *part;
	List	   *entries = NIL;

	*problem = NULL;
	if (*trim(copy) == '\0')
		return NIL;
	while ((part = strsep(&next, ",")) != NULL)
	{
		Entry	   *entry = palloc0(sizeof(Entry));

		*problem = parse_entry(trim(part), entry);
		if (*problem != NULL)
			return NIL;
		entries = lappend(entries, entry);
	}
	return entries;
}

const char *
dp_listen_problem(const char *setting)
{
	const char *problem;

	(void) parse_setting(setting, &problem);
	return problem;
}

static DpListen *
make_listen(const void *addr, int family, const Entry *entry, bool optional)
{
	DpListen   *listen = palloc0(sizeof(DpListen));
	char		host[INET6_ADDRSTRLEN];

	if (family == AF_INET)
	{
		struct sockaddr_in *sin = (struct sockaddr_in *) &listen->addr;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(entry->port);
		memcpy(&sin->sin_addr, addr, sizeof(sin->sin_addr));
		listen->len = sizeof(*sin);
	}
	else
	{
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *) &listen->addr;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(entry->port);
		memcpy(&sin6->sin6_addr, addr, sizeof(sin6->sin6_addr));
		listen->len = sizeof(*sin6);
	}
	inet_ntop(family, addr, host, sizeof(host));
	snprintf(listen->name, sizeof(listen->name), family == AF_INET ? "%s:%d" : "[%s]:%d",
			 host, entry->port);
	listen->loopback = dp_sockaddr_is_loopback((struct sockaddr *) &listen->addr);
	listen->optional = optional;
	return listen;
}

List *
dp_listen_of(const char *setting, const char *database, const char *default_database)
{
	const char *problem;
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, parse_setting(setting, &problem))
	{
		const Entry *entry = lfirst(lc);
		struct in_addr v4;
		struct in6_addr v6;
		bool		has4;
		bool		has6;

		if (strcmp(entry->database ? entry->database : default_database, database) != 0)
			continue;
		(void) parse_host(entry->host, &v4, &has4, &v6, &has6);
		if (has4)
			result = lappend(result, make_listen(&v4, AF_INET, entry, false));
		/* a host without IPv6 still has its other address */
		if (has6)
			result = lappend(result, make_listen(&v6, AF_INET6, entry, has4));
	}
	return result;
}

List *
dp_listen_databases(const char *setting, const char *default_database)
{
	const char *problem;
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, parse_setting(setting, &problem))
	{
		const Entry *entry = lfirst(lc);
		const char *name = entry->database ? entry->database : default_database;
		ListCell   *known;
		bool		found = false;

		foreach(known, result)
			found |= strcmp(lfirst(known), name) == 0;
		if (!found)
			result = lappend(result, pstrdup(name));
	}
	return result;
}

int
dp_listen_open(const DpListen *listen_at)
{
	int			on = 1;
	int			saved;
	int			fd = socket(listen_at->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	/* without it a restart would wait for the old connections to be forgotten */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		(listen_at->addr.ss_family != AF_INET6 ||
		 setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
		bind(fd, (const struct sockaddr *) &listen_at->addr, listen_at->len) == 0 &&
		listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

bool
dp_sockaddr_is_loopback(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *) addr)->sin_addr.s_addr) >> 24) == 127;
	if (addr->sa_family == AF_INET6)
	{
		const struct in6_addr *v6 = &((const struct sockaddr_in6 *) addr)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(v6))
			return v6->s6_addr[12] == 127;
		return IN6_IS_ADDR_LOOPBACK(v6);
	}
	return false;
}
