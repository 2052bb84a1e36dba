/*-------------------------------------------------------------------------
 *
 * attempts.c
 *	  Failed logins, counted for each address.
 *
 * Guessing is slowed down, and the milliseconds that a SCRAM check costs are
 * not for everybody to spend.  An IPv6 client has a whole /64 to come from, so
 * that is what counts as one address.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <netinet/in.h>

#include "utils/timestamp.h"

#include "web/auth.h"
#include "web/settings.h"

#define WINDOW_S 60
/* Addresses that are remembered; one more forgets the one with the oldest window. */
#define ADDRESSES 512
#define HOST_LEN 9

typedef struct Attempts
{
	uint8		host[HOST_LEN];	/* family, then address or network */
	int			failures;		/* 0: free */
	TimestampTz since;
} Attempts;

static Attempts table[ADDRESSES];

static void
host_of(const struct sockaddr *addr, uint8 *host)
{
	memset(host, 0, HOST_LEN);
	host[0] = (uint8) addr->sa_family;
	if (addr->sa_family == AF_INET)
		memcpy(host + 1, &((const struct sockaddr_in *) addr)->sin_addr, 4);
	else if (addr->sa_family == AF_INET6)
		memcpy(host + 1, &((const struct sockaddr_in6 *) addr)->sin6_addr, 8);
}

/* The entry of a host; NULL when it has none, or its window is over. */
static Attempts *
find(const uint8 *host, TimestampTz now)
{
	for (int i = 0; i < ADDRESSES; i++)
	{
		if (table[i].failures > 0 && memcmp(table[i].host, host, HOST_LEN) == 0 &&
			!TimestampDifferenceExceeds(table[i].since, now, WINDOW_S * 1000))
			return &table[i];
	}
	return NULL;
}

int
dp_attempts_wait(const struct sockaddr *addr)
{
	TimestampTz now = GetCurrentTimestamp();
	uint8		host[HOST_LEN];
	Attempts   *a;

	host_of(addr, host);
	a = find(host, now);
	if (a == NULL || a->failures < dp_web_max_login_failures)
		return 0;
	return 1 + (int) ((a->since + WINDOW_S * USECS_PER_SEC - now) / USECS_PER_SEC);
}

void
dp_attempts_failed(const struct sockaddr *addr)
{
	TimestampTz now = GetCurrentTimestamp();
	uint8		host[HOST_LEN];
	Attempts   *a;

	host_of(addr, host);
	a = find(host, now);
	if (a == NULL)
	{
		a = &table[0];
		for (int i = 0; i < ADDRESSES; i++)
		{
			/* one whose window is over is older than any other */
			if (table[i].failures == 0 || table[i].since < a->since)
				a = &table[i];
			if (table[i].failures == 0)
				break;
		}
		memcpy(a->host, host, HOST_LEN);
		a->failures = 0;
		a->since = now;
	}
	a->failures++;
}
