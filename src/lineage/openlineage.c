/*-------------------------------------------------------------------------
 *
 * openlineage.c
 *	  What this server is called in OpenLineage events.
 *
 * Datasets of PostgreSQL have the namespace postgres://host:port.  It must be
 * the same in each event, whoever connects how, so it is a setting, or comes
 * from the addresses that the server listens on; never from a client.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "fmgr.h"
#include "postmaster/postmaster.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "lineage/openlineage.h"

#define HOST_LEN 256

extern PGDLLEXPORT Datum dp_lineage_namespace(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(dp_lineage_namespace);

static char *namespace_setting;
static int	interval_setting;

/* A URI: scheme://authority, no login in it, no blanks. */
static bool
check_namespace(char **newval, void **extra, GucSource source)
{
	const char *value = *newval;
	const char *p;

	if (*value == '\0')
		return true;
	p = strstr(value, "://");
	if (p == NULL || p == value || p[3] == '\0' ||
		strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != (size_t) (p - value))
	{
		GUC_check_errdetail("It must have the form scheme://host:port.");
		return false;
	}
	for (; *value; value++)
	{
		if (*value == '@' || (unsigned char) *value <= ' ' || (unsigned char) *value >= 127)
		{
			GUC_check_errdetail("It must not contain a login, blanks or letters outside ASCII.");
			return false;
		}
	}
	return true;
}

void
dp_openlineage_init(void)
{
	DefineCustomStringVariable("dataplat.lineage_namespace",
							   "Namespace of this server's datasets and jobs in OpenLineage events, scheme://host:port.",
							   "Empty: postgres:// with the first of listen_addresses and the port.",
							   &namespace_setting, "", PGC_SUSET, 0, check_namespace, NULL, NULL);
	DefineCustomIntVariable("dataplat.lineage_interval",
							"Time between OpenLineage events of a source that is being read.",
							"Each tells what was stored since the one before; windows without batches have none.",
							&interval_setting, 60, 1, 86400,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	dp_lineage_delivery_init();
}

/* The first address that is one; a wildcard or none is the host's own name. */
static void
listen_host(char *host)
{
	const char *first = ListenAddresses ? ListenAddresses : "";
	size_t		len;

	first += strspn(first, " \t,\"");
	len = strcspn(first, " \t,\"");
	if (len > 0 && len < HOST_LEN - 2)
	{
		bool		v6 = memchr(first, ':', len) != NULL;

		snprintf(host, HOST_LEN, v6 ? "[%.*s]" : "%.*s", (int) len, first);
	}
	if (len == 0 || len >= HOST_LEN - 2 || strcmp(host, "*") == 0 ||
		strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0)
	{
		if (gethostname(host, HOST_LEN) != 0)
			strlcpy(host, "localhost", HOST_LEN);
		host[HOST_LEN - 1] = '\0';
	}
}

/* lineage_namespace(configured boolean) returns text; false: what it is without the setting */
Datum
dp_lineage_namespace(PG_FUNCTION_ARGS)
{
	char		host[HOST_LEN];

	if (PG_GETARG_BOOL(0) && *namespace_setting)
		PG_RETURN_TEXT_P(cstring_to_text(namespace_setting));
	listen_host(host);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("postgres://%s:%d", host, PostPortNumber)));
}
