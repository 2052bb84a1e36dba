/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  What an administrator decides about the HTTP worker.
 *
 * Everything is read from the configuration files only (SIGHUP): which port
 * is open, who may come and as whom is not for a session to say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"
#include "utils/varlena.h"

#include "web/auth.h"
#include "web/listen.h"
#include "web/settings.h"

char	   *dp_web_listen = NULL;
char	   *dp_web_database = NULL;
char	   *dp_web_auth = NULL;
char	   *dp_web_anonymous_role = NULL;
char	   *dp_web_tls_cert_file = NULL;
char	   *dp_web_tls_key_file = NULL;
bool		dp_web_require_tls = true;
int			dp_web_max_connections = 200;
int			dp_web_max_connections_per_host = 64;
int			dp_web_max_body = 8192;
int			dp_web_max_header = 32;
int			dp_web_request_timeout = 30000;
int			dp_web_idle_timeout = 60000;
int			dp_web_statement_timeout = 30000;
int			dp_web_max_login_failures = 20;

static bool
check_listen(char **newval, void **extra, GucSource source)
{
	const char *problem = dp_listen_problem(*newval);

	if (problem == NULL)
		return true;
	GUC_check_errdetail("%s", problem);
	GUC_check_errhint("Write host:port or host:port/database, several separated by commas; a host is an address, localhost or *.");
	return false;
}

static bool
check_auth(char **newval, void **extra, GucSource source)
{
	const char *problem = dp_auth_methods_problem(*newval);

	if (problem == NULL)
		return true;
	GUC_check_errdetail("%s", problem);
	GUC_check_errhint("Write basic, token, both separated by a comma, or none.");
	return false;
}

static void
define_text(const char *name, const char *what, const char *more, char **value,
			const char *boot, int flags, GucStringCheckHook check)
{
	DefineCustomStringVariable(name, what, more, value, boot, PGC_SIGHUP, flags, check, NULL, NULL);
}

static void
define_int(const char *name, const char *what, int *value, int boot, int min, int max, int flags)
{
	DefineCustomIntVariable(name, what, NULL, value, boot, min, max, PGC_SIGHUP, flags,
							NULL, NULL, NULL);
}

static void
define_access(void)
{
	define_text("dataplat.web_listen",
				"Where the HTTP worker listens; empty: nowhere.",
				"host:port or host:port/database, several separated by commas; a host is an address, localhost or *.",
				&dp_web_listen, "", GUC_LIST_INPUT, check_listen);
	define_text("dataplat.web_database",
				"Database that answers at addresses of dataplat.web_listen that name none.", NULL,
				&dp_web_database, "postgres", 0, NULL);
	define_text("dataplat.web_auth",
				"How HTTP clients may say who they are: basic (role and password), token, or none.", NULL,
				&dp_web_auth, "basic, token", GUC_LIST_INPUT, check_auth);
	define_text("dataplat.web_anonymous_role",
				"Role that HTTP requests without credentials act as; empty: they are refused.",
				"Never a superuser.",
				&dp_web_anonymous_role, "", 0, NULL);
	define_text("dataplat.web_tls_cert_file",
				"Certificate (chain) in PEM of the HTTP worker; with it all its addresses speak TLS.", NULL,
				&dp_web_tls_cert_file, "", GUC_SUPERUSER_ONLY, NULL);
	define_text("dataplat.web_tls_key_file",
				"Private key in PEM that belongs to dataplat.web_tls_cert_file.", NULL,
				&dp_web_tls_key_file, "", GUC_SUPERUSER_ONLY, NULL);
	DefineCustomBoolVariable("dataplat.web_require_tls",
							 "Listen beyond loopback with TLS only.",
							 "Off: passwords and tokens may cross the network in clear, for a proxy on the same trusted network.",
							 &dp_web_require_tls, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
}

void
dp_web_settings_init(void)
{
	define_access();
	define_int("dataplat.web_max_connections", "Most HTTP connections at a time.",
			   &dp_web_max_connections, 200, 1, 10000, 0);
	define_int("dataplat.web_max_connections_per_host", "Most HTTP connections of one client address at a time.",
			   &dp_web_max_connections_per_host, 64, 1, 10000, 0);
	define_int("dataplat.web_max_body", "Largest body of an HTTP request.",
			   &dp_web_max_body, 8192, 1, 256 * 1024, GUC_UNIT_KB);
	define_int("dataplat.web_max_header", "Largest request line and headers of an HTTP request.",
			   &dp_web_max_header, 32, 4, 1024, GUC_UNIT_KB);
	define_int("dataplat.web_request_timeout", "Longest time for an HTTP request to come in, and for its answer to go out.",
			   &dp_web_request_timeout, 30000, 100, 3600000, GUC_UNIT_MS);
	define_int("dataplat.web_idle_timeout", "How long an HTTP connection may stay open between requests.",
			   &dp_web_idle_timeout, 60000, 100, 3600000, GUC_UNIT_MS);
	define_int("dataplat.web_statement_timeout", "Longest time that the database may work on one HTTP request.",
			   &dp_web_statement_timeout, 30000, 10, 3600000, GUC_UNIT_MS);
	define_int("dataplat.web_max_login_failures", "Failed HTTP logins in a minute after which an address has to wait.",
			   &dp_web_max_login_failures, 20, 1, 100000, 0);
}
