/*-------------------------------------------------------------------------
 *
 * server.c
 *	  The listening side: a daemon of the HTTP library for each address.
 *
 * The library runs in our process and on our time: it keeps its sockets in an
 * epoll set, whose descriptor we put into a WaitEventSet beside the latch, and
 * it works only when we call it.  It starts no thread.
 *
 * A daemon cannot change its limits or its certificate.  When these change it
 * is quiesced: it gives its listening socket back, a new daemon takes that
 * over, and the old one lives until its last connection has ended.  So a new
 * certificate never refuses a client.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <microhttpd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "common/compat.h"
#include "web/connection.h"
#include "web/exchange.h"
#include "web/listen.h"
#include "web/server.h"
#include "web/settings.h"

/* Certificates and keys are small. */
#define MAX_PEM (256 * 1024)

/* TLS 1.2 and 1.3 only. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

typedef struct Daemon
{
	char		name[sizeof(((DpListen *) 0)->name)];
	struct MHD_Daemon *mhd;
	int			fd;				/* listening socket; -1 when quiesced */
	char	   *fingerprint;	/* of what it was started with */
} Daemon;

/* What daemons are started with, read from files and settings. */
typedef struct Profile
{
	char	   *cert;			/* NULL: no TLS */
	char	   *key;
	char	   *fingerprint;
} Profile;

static List *daemons = NIL;
static WaitEventSet *wait_set = NULL;

/* ---- certificates ---- */

/* The file's text; NULL and *problem. */
static char *
read_pem(const char *path, bool secret, const char **problem)
{
	struct stat st;
	char	   *text;
	int			fd;
	ssize_t		n;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
	{
		*problem = psprintf("could not read file \"%s\": %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_PEM)
		*problem = psprintf("file \"%s\" is no certificate or key", path);
	/* as the server judges ssl_key_file */
	else if (secret && ((st.st_uid == geteuid() && (st.st_mode & (S_IRWXG | S_IRWXO))) ||
						(st.st_uid != geteuid() && (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO))))))
		*problem = psprintf("private key file \"%s\" can be read by others: chmod 0600", path);
	if (*problem != NULL)
	{
		close(fd);
		return NULL;
	}
	text = palloc(MAX_PEM + 1);
	n = read(fd, text, MAX_PEM);
	if (n < 0)
		*problem = psprintf("could not read file \"%s\": %s", path, strerror(errno));
	close(fd);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	return text;
}

/* False and *problem when the certificate cannot be had. */
static bool
make_profile(Profile *profile, const char **problem)
{
	memset(profile, 0, sizeof(*profile));
	if (dp_web_tls_cert_file[0] != '\0')
	{
		if (dp_web_tls_key_file[0] == '\0')
		{
			*problem = "dataplat.web_tls_cert_file needs dataplat.web_tls_key_file";
			return false;
		}
		profile->cert = read_pem(dp_web_tls_cert_file, false, problem);
		if (profile->cert == NULL)
			return false;
		profile->key = read_pem(dp_web_tls_key_file, true, problem);
		if (profile->key == NULL)
			return false;
	}
	profile->fingerprint = psprintf("%d|%s|%s", dp_web_max_header,
									profile->cert ? profile->cert : "",
									profile->key ? profile->key : "");
	return true;
}

/* ---- callbacks of the library; nothing here throws ---- */

static enum MHD_Result
may_enter(void *cls, const struct sockaddr *addr, socklen_t len)
{
	return dp_connection_may_enter(addr, len) ? MHD_YES : MHD_NO;
}

static void
on_connection(void *cls, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
	{
		const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
		const union MHD_ConnectionInfo *addr =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

		*context = dp_connection_add(fd->connect_fd, addr ? addr->client_addr : NULL);
		if (*context == NULL)
			(void) shutdown(fd->connect_fd, SHUT_RDWR);
	}
	else
	{
		dp_connection_remove(*context);
		*context = NULL;
	}
}

static void
on_log(void *cls, const char *fmt, va_list args) pg_attribute_printf(2, 0);

static void
on_log(void *cls, const char *fmt, va_list args)
{
	char		text[512];
	size_t		len;

	(void) vsnprintf(text, sizeof(text), fmt, args);
	len = strlen(text);
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	ereport(DEBUG1, (errmsg_internal("HTTP library: %s", text)));
}

/* Paths are decoded by us, part by part. */
static size_t
leave_escaped(void *cls, struct MHD_Connection *mhd, char *text)
{
	return strlen(text);
}

/* ---- daemons ---- */

static struct MHD_Daemon *
start_library(int fd, const Profile *profile)
{
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, profile->cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, profile->key},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_PRIORITIES},
		{MHD_OPTION_END, 0, NULL}
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (profile->cert ? MHD_USE_TLS : 0),
							0, may_enter, NULL, dp_exchange_step, NULL,
							MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
							MHD_OPTION_LISTEN_SOCKET, fd,
							MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) dp_web_max_header * 1024,
							MHD_OPTION_CONNECTION_LIMIT, (unsigned int) 100000,
							MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,
							MHD_OPTION_NOTIFY_COMPLETED, dp_exchange_end, NULL,
							MHD_OPTION_URI_LOG_CALLBACK, dp_exchange_uri, NULL,
							MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
							MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
							MHD_OPTION_ARRAY, profile->cert ? tls : none,
							MHD_OPTION_END);
}

/* Takes the socket over; false and *problem, and the socket is still the caller's. */
static bool
start_daemon(const char *name, int fd, const Profile *profile, const char **problem)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	Daemon	   *d = palloc0(sizeof(Daemon));

	strlcpy(d->name, name, sizeof(d->name));
	d->fd = fd;
	d->fingerprint = pstrdup(profile->fingerprint);
	d->mhd = start_library(fd, profile);
	if (d->mhd != NULL)
		daemons = lappend(daemons, d);
	else
	{
		*problem = profile->cert ?
			"could not start TLS: the certificate and the key do not fit together, or are not PEM" :
			"could not start the HTTP library";
		pfree(d->fingerprint);
		pfree(d);
	}
	MemoryContextSwitchTo(old);
	return *problem == NULL;
}

/* Stop taking connections; returns the listening socket. */
static int
quiesce(Daemon *d)
{
	int			fd = d->fd;

	if (fd >= 0)
	{
		(void) MHD_quiesce_daemon(d->mhd);
		d->fd = -1;
	}
	return fd;
}

static bool
has_connections(const Daemon *d)
{
	const union MHD_DaemonInfo *info =
	MHD_get_daemon_info(d->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info != NULL && info->num_connections > 0;
}

/* The quiesced ones whose last client has gone. */
static void
bury_daemons(void)
{
	ListCell   *lc;

	foreach(lc, daemons)
	{
		Daemon	   *d = lfirst(lc);

		if (d->fd >= 0 || has_connections(d))
			continue;
		MHD_stop_daemon(d->mhd);
		pfree(d->fingerprint);
		pfree(d);
		daemons = foreach_delete_current(daemons, lc);
		if (wait_set != NULL)
			FreeWaitEventSet(wait_set);
		wait_set = NULL;
	}
}

static Daemon *
open_daemon(const char *name)
{
	ListCell   *lc;

	foreach(lc, daemons)
	{
		Daemon	   *d = lfirst(lc);

		if (d->fd >= 0 && strcmp(d->name, name) == 0)
			return d;
	}
	return NULL;
}

static void
close_unlisted(List *addresses)
{
	ListCell   *lc;

	foreach(lc, daemons)
	{
		Daemon	   *d = lfirst(lc);
		bool		listed = false;
		ListCell   *la;

		foreach(la, addresses)
			listed |= strcmp(((DpListen *) lfirst(la))->name, d->name) == 0;
		if (!listed && d->fd >= 0)
			close(quiesce(d));
	}
}

/* One address: leave it, start it, or hand its socket to a new daemon. */
static const char *
configure_address(const DpListen *at, const Profile *profile)
{
	Daemon	   *d = open_daemon(at->name);
	const char *problem = NULL;
	int			fd;

	if (!at->loopback && dp_web_require_tls && profile->cert == NULL)
	{
		if (d != NULL)
			close(quiesce(d));
		return psprintf("%s is not loopback and needs TLS: set dataplat.web_tls_cert_file, or turn dataplat.web_require_tls off",
						at->name);
	}
	if (d != NULL && strcmp(d->fingerprint, profile->fingerprint) == 0)
		return NULL;
	fd = d != NULL ? dup(d->fd) : dp_listen_open(at);
	if (fd < 0)
	{
		if (at->optional && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
			return NULL;
		return psprintf("could not listen at %s: %s", at->name, strerror(errno));
	}
	if (!start_daemon(at->name, fd, profile, &problem))
		close(fd);
	else if (d != NULL)
		close(quiesce(d));
	return problem;
}

const char *
dp_server_configure(List *addresses)
{
	Profile		profile;
	const char *problem = NULL;
	ListCell   *lc;

	close_unlisted(addresses);
	if (make_profile(&profile, &problem))
	{
		foreach(lc, addresses)
		{
			const char *p = configure_address(lfirst(lc), &profile);

			problem = problem ? problem : p;
		}
	}
	if (wait_set != NULL)
		FreeWaitEventSet(wait_set);
	wait_set = NULL;
	return problem;
}

/* ---- the loop ---- */

void
dp_server_run(void)
{
	ListCell   *lc;

	foreach(lc, daemons)
		(void) MHD_run(((Daemon *) lfirst(lc))->mhd);
	bury_daemons();
}

long
dp_server_timeout(void)
{
	long		timeout = -1;
	ListCell   *lc;

	foreach(lc, daemons)
	{
		MHD_UNSIGNED_LONG_LONG ms;

		if (MHD_get_timeout(((Daemon *) lfirst(lc))->mhd, &ms) == MHD_YES &&
			(timeout < 0 || (long) ms < timeout))
			timeout = (long) ms;
	}
	return timeout;
}

static void
make_wait_set(void)
{
	ListCell   *lc;

	wait_set = dp_create_wait_event_set(2 + list_length(daemons));
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	foreach(lc, daemons)
	{
		const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(((Daemon *) lfirst(lc))->mhd, MHD_DAEMON_INFO_EPOLL_FD);

		AddWaitEventToSet(wait_set, WL_SOCKET_READABLE, info->epoll_fd, NULL, NULL);
	}
}

bool
dp_server_wait(long timeout_ms, uint32 wait_event)
{
	WaitEvent	events[4];
	int			n;
	bool		latch = false;

	if (wait_set == NULL)
		make_wait_set();
	n = WaitEventSetWait(wait_set, timeout_ms, events, lengthof(events), wait_event);
	for (int i = 0; i < n; i++)
		latch |= (events[i].events & WL_LATCH_SET) != 0;
	if (latch)
		ResetLatch(MyLatch);
	return latch;
}

void
dp_server_quiesce(void)
{
	ListCell   *lc;

	foreach(lc, daemons)
	{
		int			fd = quiesce(lfirst(lc));

		if (fd >= 0)
			close(fd);
	}
}

void
dp_server_stop(void)
{
	dp_server_quiesce();
	dp_connections_shut(true);
	while (daemons != NIL)
	{
		Daemon	   *d = linitial(daemons);

		MHD_stop_daemon(d->mhd);
		daemons = list_delete_first(daemons);
	}
}

const char *
dp_server_addresses(void)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, daemons)
	{
		const Daemon *d = lfirst(lc);

		if (d->fd >= 0)
			appendStringInfo(&text, "%s%s", text.len ? ", " : "", d->name);
	}
	return text.data;
}
