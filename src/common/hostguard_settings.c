/*-------------------------------------------------------------------------
 *
 * hostguard_settings.c
 *	  The administrator's side of the connect guard.
 *
 * Both lists are read when a connection is set up; a changed list counts from
 * the next reconnect of the worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <netinet/in.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inet.h"

#include "common/hostguard.h"

static char *allowed_hosts = NULL;
static char *denied_networks = NULL;

PGDLLEXPORT PG_FUNCTION_INFO_V1(dp_host_refusal);

static bool
check_list(const char *allowed, const char *denied)
{
	DpError		err;
	DpHostGuard *g = dp_hostguard_create(allowed, denied, false, &err);

	if (g)
	{
		dp_hostguard_destroy(g);
		return true;
	}
	GUC_check_errdetail("%s.", err.message);
	return false;
}

static bool
check_allowed_hosts(char **newval, void **extra, GucSource source)
{
	return check_list(*newval, NULL);
}

static bool
check_denied_networks(char **newval, void **extra, GucSource source)
{
	return check_list(NULL, *newval);
}

void
dp_hostguard_init(void)
{
	DefineCustomStringVariable("dataplat.allowed_hosts",
							   "Hosts that connections may lead to.",
							   "A list of host names, addresses, networks and patterns like *.example.com. "
							   "Empty or * allows all but loopback, link-local, unspecified and multicast addresses; "
							   "a name, address or network in the list allows these too.",
							   &allowed_hosts, "",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   check_allowed_hosts, NULL, NULL);
	DefineCustomStringVariable("dataplat.denied_networks",
							   "Networks that connections never lead to.",
							   "A list of addresses and networks. It is stronger than dataplat.allowed_hosts.",
							   &denied_networks, "",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   check_denied_networks, NULL, NULL);
}

static DpHostGuard *
make_guard(const char *allowed, const char *denied, bool allow_loopback)
{
	DpError		err;
	DpHostGuard *g = dp_hostguard_create(allowed, denied, allow_loopback, &err);

	if (!g)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE(err.sqlstate[0], err.sqlstate[1],
									   err.sqlstate[2], err.sqlstate[3],
									   err.sqlstate[4])),
				 errmsg("%s", err.message)));
	return g;
}

DpHostGuard *
dp_hostguard_from_settings(bool allow_loopback)
{
	return make_guard(allowed_hosts, denied_networks, allow_loopback);
}

/*
 * SQL: why the guard refuses a connection, or NULL when it allows it.  A list
 * given as NULL is taken from the settings.
 */
Datum
dp_host_refusal(PG_FUNCTION_ARGS)
{
	char	   *host = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	inet	   *address = PG_ARGISNULL(1) ? NULL : PG_GETARG_INET_PP(1);
	bool		loopback = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	char	   *allowed = PG_ARGISNULL(3) ? allowed_hosts : text_to_cstring(PG_GETARG_TEXT_PP(3));
	char	   *denied = PG_ARGISNULL(4) ? denied_networks : text_to_cstring(PG_GETARG_TEXT_PP(4));
	char		reason[DP_HOSTGUARD_REASON];
	DpHostGuard *g;
	bool		ok;

	if (!address)
		PG_RETURN_NULL();
	g = make_guard(allowed, denied, loopback);
	if (ip_family(address) == PGSQL_AF_INET)
	{
		struct sockaddr_in sin = {.sin_family = AF_INET};

		memcpy(&sin.sin_addr, ip_addr(address), 4);
		ok = dp_hostguard_allows(g, host, (struct sockaddr *) &sin, sizeof(sin));
	}
	else
	{
		struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};

		memcpy(&sin6.sin6_addr, ip_addr(address), 16);
		ok = dp_hostguard_allows(g, host, (struct sockaddr *) &sin6, sizeof(sin6));
	}
	if (!ok)
		dp_hostguard_take_refusal(g, reason);
	dp_hostguard_destroy(g);
	if (ok)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(reason));
}
