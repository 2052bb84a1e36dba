/*-------------------------------------------------------------------------
 *
 * hostguard.c
 *	  May this server open a connection to that address?
 *
 * The rules, in the order in which they are asked:
 *
 *	1. a network of denied_networks is always refused;
 *	2. an exact name, address or network in allowed_hosts is always allowed,
 *	   also where the next rule would refuse;
 *	3. loopback, link-local, unspecified, multicast and broadcast addresses
 *	   are refused, loopback not when the guard was made to allow it;
 *	4. when allowed_hosts is empty or has '*', the rest is allowed; else only
 *	   what matches one of its patterns, such as '*.example.com'.
 *
 * So a pattern never opens the machine itself or a cloud's metadata address,
 * which any owner of a DNS zone could point a name at.
 *
 * Free of server headers on purpose: other threads run this code.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/hostguard.h"

/* No host name of DNS is longer; a longer entry is a mistake. */
#define MAX_NAME 255

/* Addresses that allowed names led to; a cluster has fewer brokers than that. */
#define MAX_LEARNED 256

typedef struct Network
{
	unsigned char bytes[16];	/* IPv4 as ::ffff:a.b.c.d */
	int			bits;
} Network;

typedef struct HostList
{
	Network    *networks;
	int			n_networks;
	char	  **names;			/* lower case */
	int			n_names;
	char	  **suffixes;		/* ".example.com" of "*.example.com" */
	int			n_suffixes;
	bool		any;			/* '*' was there, or nothing at all */
} HostList;

struct DpHostGuard
{
	HostList	allowed;
	HostList	denied;
	bool		allow_loopback;
	pthread_mutex_t lock;		/* guards all below */
	unsigned char learned[MAX_LEARNED][16];
	int			n_learned;		/* grows past MAX_LEARNED: the oldest go */
	bool		refused;
	char		reason[DP_HOSTGUARD_REASON];
};

/* The addresses that no connection needs by accident. */
static const struct
{
	const char *network;
	const char *what;
	bool		loopback;
}			builtin_denied[] = {
	{"127.0.0.0/8", "a loopback address", true},
	{"::1/128", "a loopback address", true},
	{"0.0.0.0/8", "an unspecified address", false},
	{"::/128", "an unspecified address", false},
	{"169.254.0.0/16", "a link-local address", false},
	{"fe80::/10", "a link-local address", false},
	{"224.0.0.0/4", "a multicast address", false},
	{"ff00::/8", "a multicast address", false},
	{"255.255.255.255/32", "the broadcast address", false},
};

static void
map_ipv4(unsigned char out[16], const void *ipv4)
{
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, ipv4, 4);
}

/*
 * Read "address" or "address/bits" of either family.  Returns false when the
 * text is not an address at all; sets *bad when it is one with wrong bits.
 */
static bool
network_parse(const char *text, Network *net, bool *bad)
{
	char		copy[MAX_NAME + 1];
	char	   *slash;
	struct in_addr v4;
	int			max_bits;

	*bad = false;
	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';

	if (inet_pton(AF_INET, copy, &v4) == 1)
	{
		map_ipv4(net->bytes, &v4);
		max_bits = 32;
	}
	else if (inet_pton(AF_INET6, copy, net->bytes) == 1)
		max_bits = 128;
	else
	{
		*bad = slash != NULL;
		return false;
	}

	net->bits = max_bits;
	if (slash)
	{
		char	   *end;
		long		bits = strtol(slash, &end, 10);

		if (!isdigit((unsigned char) *slash) || *end || bits > max_bits)
		{
			*bad = true;
			return false;
		}
		net->bits = (int) bits;
	}
	net->bits += 128 - max_bits;
	return true;
}

static bool
network_contains(const Network *net, const unsigned char addr[16])
{
	int			whole = net->bits / 8;
	int			rest = net->bits % 8;

	if (memcmp(net->bytes, addr, whole) != 0)
		return false;
	return rest == 0 ||
		((net->bytes[whole] ^ addr[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

static bool
list_contains(const HostList *list, const unsigned char addr[16])
{
	int			i;

	for (i = 0; i < list->n_networks; i++)
		if (network_contains(&list->networks[i], addr))
			return true;
	return false;
}

static bool
push_network(HostList *list, const Network *net)
{
	Network    *grown = realloc(list->networks,
								(list->n_networks + 1) * sizeof(Network));

	if (!grown)
		return false;
	list->networks = grown;
	grown[list->n_networks++] = *net;
	return true;
}

static bool
push_text(char ***texts, int *n, const char *text)
{
	char	  **grown = realloc(*texts, (*n + 1) * sizeof(char *));
	char	   *p;

	if (!grown)
		return false;
	*texts = grown;
	if ((grown[*n] = strdup(text)) == NULL)
		return false;
	for (p = grown[(*n)++]; *p; p++)
		*p = tolower((unsigned char) *p);
	return true;
}

static bool
is_name(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
						"0123456789._-") == strlen(s);
}

/* Take one entry of a list; false with "err" filled when it makes no sense. */
static bool
list_add(HostList *list, const char *entry, bool networks_only, DpError *err)
{
	Network		net;
	bool		bad;
	bool		ok;

	if (network_parse(entry, &net, &bad))
		ok = push_network(list, &net);
	else if (bad)
		return dp_error_set(err, "22023", DP_NO_POSITION,
							"\"%s\" is not a network", entry);
	else if (networks_only)
		return dp_error_set(err, "22023", DP_NO_POSITION,
							"\"%s\" is not an address or a network", entry);
	else if (strcmp(entry, "*") == 0)
		ok = list->any = true;
	else if (entry[0] == '*' && entry[1] == '.' && is_name(entry + 2))
		ok = push_text(&list->suffixes, &list->n_suffixes, entry + 1);
	else if (is_name(entry))
	{
		ok = push_text(&list->names, &list->n_names, entry);
		/* "localhost" says what it means, also where only an address is known */
		if (ok && strcasecmp(entry, "localhost") == 0)
			ok = list_add(list, "127.0.0.0/8", true, err) &&
				list_add(list, "::1", true, err);
	}
	else
		return dp_error_set(err, "22023", DP_NO_POSITION,
							"\"%s\" is not a host name, an address, a network or a pattern like \"*.example.com\"",
							entry);

	if (!ok)
		return dp_error_set(err, "53200", DP_NO_POSITION, "out of memory");
	return true;
}

/* Read a list separated by commas; an empty one allows any. */
static bool
list_parse(HostList *list, const char *text, bool networks_only, DpError *err)
{
	const char *p = text ? text : "";
	bool		empty = true;

	while (*p)
	{
		char		entry[MAX_NAME + 1];
		size_t		len;

		p += strspn(p, ", \t\r\n");
		len = strcspn(p, ", \t\r\n");
		if (len == 0)
			break;
		if (len > MAX_NAME)
			return dp_error_set(err, "22023", DP_NO_POSITION,
								"an entry is longer than %d bytes", MAX_NAME);
		memcpy(entry, p, len);
		entry[len] = '\0';
		if (!list_add(list, entry, networks_only, err))
			return false;
		empty = false;
		p += len;
	}
	if (empty)
		list->any = true;
	return true;
}

static void
list_free(HostList *list)
{
	int			i;

	for (i = 0; i < list->n_names; i++)
		free(list->names[i]);
	for (i = 0; i < list->n_suffixes; i++)
		free(list->suffixes[i]);
	free(list->names);
	free(list->suffixes);
	free(list->networks);
}

DpHostGuard *
dp_hostguard_create(const char *allowed_hosts, const char *denied_networks,
					bool allow_loopback, DpError *err)
{
	DpHostGuard *g = calloc(1, sizeof(DpHostGuard));

	if (!g)
	{
		dp_error_set(err, "53200", DP_NO_POSITION, "out of memory");
		return NULL;
	}
	g->allow_loopback = allow_loopback;
	pthread_mutex_init(&g->lock, NULL);
	if (!list_parse(&g->allowed, allowed_hosts, false, err) ||
		!list_parse(&g->denied, denied_networks, true, err))
	{
		dp_hostguard_destroy(g);
		return NULL;
	}
	return g;
}

void
dp_hostguard_destroy(DpHostGuard *g)
{
	if (!g)
		return;
	list_free(&g->allowed);
	list_free(&g->denied);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static bool
name_is_listed(const HostList *list, const char *hostname)
{
	int			i;

	for (i = 0; hostname && i < list->n_names; i++)
		if (strcasecmp(list->names[i], hostname) == 0)
			return true;
	return false;
}

static bool
name_matches_pattern(const HostList *list, const char *hostname)
{
	int			i;
	size_t		len = hostname ? strlen(hostname) : 0;

	for (i = 0; i < list->n_suffixes; i++)
	{
		size_t		suffix = strlen(list->suffixes[i]);

		if (len > suffix &&
			strcasecmp(hostname + len - suffix, list->suffixes[i]) == 0)
			return true;
	}
	return false;
}

/* What the built-in rules have against the address, or NULL. */
static const char *
builtin_objection(const unsigned char addr[16], bool allow_loopback)
{
	size_t		i;

	for (i = 0; i < sizeof(builtin_denied) / sizeof(builtin_denied[0]); i++)
	{
		Network		net;
		bool		bad;

		if (builtin_denied[i].loopback && allow_loopback)
			continue;
		if (network_parse(builtin_denied[i].network, &net, &bad) &&
			network_contains(&net, addr))
			return builtin_denied[i].what;
	}
	return NULL;
}

/*
 * Bring an address to 16 bytes.  An IPv6 address that only carries an IPv4
 * one (compatible form, NAT64) is judged as the IPv4 address it leads to.
 */
static bool
address_bytes(const struct sockaddr *addr, socklen_t len, unsigned char out[16])
{
	static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const unsigned char zero[12] = {0};

	if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in))
	{
		map_ipv4(out, &((const struct sockaddr_in *) addr)->sin_addr);
		return true;
	}
	if (addr->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6))
	{
		unsigned char v4[4];

		memcpy(out, &((const struct sockaddr_in6 *) addr)->sin6_addr, 16);
		memcpy(v4, out + 12, 4);
		if (memcmp(out, nat64, 12) == 0 ||
			(memcmp(out, zero, 12) == 0 && (v4[0] | v4[1] | v4[2])))
			map_ipv4(out, v4);
		return true;
	}
	return false;
}

/* Must hold the lock. */
static bool
is_learned(const DpHostGuard *g, const unsigned char addr[16])
{
	int			i;

	for (i = 0; i < g->n_learned && i < MAX_LEARNED; i++)
		if (memcmp(g->learned[i], addr, 16) == 0)
			return true;
	return false;
}

static const char *
objection(const DpHostGuard *g, const char *hostname,
		  const unsigned char bytes[16])
{
	const char *what;

	if (list_contains(&g->denied, bytes))
		return "in a network of dataplat.denied_networks";
	if (name_is_listed(&g->allowed, hostname) || list_contains(&g->allowed, bytes))
		return NULL;
	what = builtin_objection(bytes, g->allow_loopback);
	if (what)
		return what;
	/* a loopback address that got here was allowed by name of the connection */
	if (g->allow_loopback && builtin_objection(bytes, false))
		return NULL;
	if (g->allowed.any || name_matches_pattern(&g->allowed, hostname))
		return NULL;
	return "not in dataplat.allowed_hosts";
}

bool
dp_hostguard_allows(DpHostGuard *g, const char *hostname,
					const struct sockaddr *addr, socklen_t len)
{
	unsigned char bytes[16];
	const char *what = "not an internet address";
	char		numeric[80];		/* an IPv6 address with its interface */

	if (address_bytes(addr, len, bytes))
	{
		what = objection(g, hostname, bytes);
		if (what && !hostname && !list_contains(&g->denied, bytes))
		{
			pthread_mutex_lock(&g->lock);
			if (is_learned(g, bytes))
				what = NULL;
			pthread_mutex_unlock(&g->lock);
		}
	}
	if (!what)
		return true;

	if (getnameinfo(addr, len, numeric, sizeof(numeric), NULL, 0,
					NI_NUMERICHOST) != 0)
		strcpy(numeric, "?");
	pthread_mutex_lock(&g->lock);
	g->refused = true;
	if (hostname && strcmp(hostname, numeric) != 0)
		snprintf(g->reason, sizeof(g->reason),
				 "connection to host \"%.*s\" (%s) is not allowed: the address is %s",
				 MAX_NAME, hostname, numeric, what);
	else
		snprintf(g->reason, sizeof(g->reason),
				 "connection to %s is not allowed: the address is %s",
				 numeric, what);
	pthread_mutex_unlock(&g->lock);
	return false;
}

void
dp_hostguard_learn(DpHostGuard *g, const char *hostname,
				   const struct sockaddr *addr, socklen_t len)
{
	unsigned char bytes[16];

	if (!hostname || !address_bytes(addr, len, bytes) ||
		objection(g, hostname, bytes) != NULL)
		return;
	pthread_mutex_lock(&g->lock);
	if (!is_learned(g, bytes))
		memcpy(g->learned[g->n_learned++ % MAX_LEARNED], bytes, 16);
	pthread_mutex_unlock(&g->lock);
}

bool
dp_hostguard_take_refusal(DpHostGuard *g, char reason[DP_HOSTGUARD_REASON])
{
	bool		refused;

	pthread_mutex_lock(&g->lock);
	refused = g->refused;
	if (refused)
		memcpy(reason, g->reason, DP_HOSTGUARD_REASON);
	g->refused = false;
	pthread_mutex_unlock(&g->lock);
	return refused;
}

bool
dp_hostguard_is_loopback_name(const char *hostname)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (strcasecmp(hostname, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, hostname, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, hostname, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
