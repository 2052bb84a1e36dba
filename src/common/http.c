/*-------------------------------------------------------------------------
 *
 * http.c
 *	  Requests to HTTP servers, without waiting.
 *
 * curl's multi interface tells which sockets and which time it waits for.  The
 * sockets are kept in an epoll set, whose own descriptor is readable when one
 * of them is ready: so that a worker waits for its latch, Kafka and all of
 * curl's connections with one WaitLatchOrSocket.
 *
 * Where curl looks up names in threads, they must not take the server's
 * signals: all signals are blocked while curl runs.  A lookup that hangs is
 * left behind when its request is given up (QUICK_EXIT), not waited for.
 *
 * What a database user can make the server do by declaring a URL is kept
 * small: only http and https, no redirects, no proxy or netrc from the
 * environment, each address is shown to the connect guard before it is
 * connected to, answers are limited in time and size.
 *
 * Everything that curl's callbacks touch is malloc'd; they call nothing of
 * the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "common/buf.h"
#include "common/hostguard.h"
#include "common/http.h"

#define CONNECT_TIMEOUT_MS 3000
#define TIMEOUT_MS 10000
#define MAX_BODY (4 * 1024 * 1024)
#define MAX_HEADERS (64 * 1024)
#define MAX_EVENTS 16
/* Connections that are kept open; there are rarely more servers than that. */
#define MAX_IDLE 4
/* Interrupts without a latch (none are known) are seen after this time. */
#define MAX_WAIT_MS 10000L

struct DpHttp
{
	MemoryContext context;
	MemoryContextCallback callback;
	DpHttpSettings settings;
	DpHostGuard *guard;
	CURLM	   *multi;
	int			epoll;
	bool		counted;		/* the descriptor is known to fd.c */
	TimestampTz wake_at;		/* curl's timer; 0: none */
	dlist_head	requests;
	bool		ended;			/* a request ended since the last dp_http_work */
};

typedef struct Request
{
	DpHttpRequest public;		/* first */
	dlist_node	node;
	DpHttp	   *http;
	CURL	   *easy;
	struct curl_slist *headers;
	char	   *host;			/* of the URL, for the guard */
	DpBuf		body;
	size_t		header_bytes;
	bool		too_large;
	bool		forbidden;
	char		curl_error[CURL_ERROR_SIZE];
} Request;

static void block_signals(sigset_t *old);
static void restore_signals(const sigset_t *old);
static void cleanup(void *arg);

/* ---------------------------------------------------------------- callbacks of curl */

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	DpHttp	   *http = arg;
	struct epoll_event event = {0};

	event.data.fd = fd;
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (what == CURL_POLL_REMOVE)
		(void) epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(http->epoll, EPOLL_CTL_MOD, fd, &event) != 0)
		(void) epoll_ctl(http->epoll, EPOLL_CTL_ADD, fd, &event);
	return 0;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	DpHttp	   *http = arg;

	http->wake_at = timeout_ms < 0 ? 0 :
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
	return 0;
}

/* curl is about to connect: the one place where the real address is known. */
static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	Request    *request = arg;

	if (!dp_hostguard_allows(request->http->guard, request->host,
							 &address->addr, address->addrlen))
	{
		request->forbidden = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	Request    *request = arg;
	size_t		bytes = size * n;

	if (bytes > request->http->settings.max_body - request->body.len)
	{
		request->too_large = true;
		return 0;
	}
	dp_buf_append(&request->body, data, bytes);
	return request->body.oom ? 0 : bytes;
}

static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	Request    *request = arg;

	request->header_bytes += size * n;
	if (request->header_bytes > MAX_HEADERS)
	{
		request->too_large = true;
		return 0;
	}
	return size * n;
}

/* ---------------------------------------------------------------- the client */

static char *
copy_or_null(const char *text)
{
	return text && *text ? pstrdup(text) : NULL;
}

static void
copy_settings(DpHttpSettings *to, const DpHttpSettings *from)
{
	*to = *from;
	if (to->connect_timeout_ms <= 0)
		to->connect_timeout_ms = CONNECT_TIMEOUT_MS;
	if (to->timeout_ms <= 0)
		to->timeout_ms = TIMEOUT_MS;
	if (to->max_body == 0)
		to->max_body = MAX_BODY;
	to->ca_pem = copy_or_null(from->ca_pem);
	to->ca_file = copy_or_null(from->ca_file);
	to->username = copy_or_null(from->username);
	to->password = copy_or_null(from->password);
	to->bearer_token = copy_or_null(from->bearer_token);
}

/* Once a process; curl counts nothing here. */
static void
init_curl(void)
{
	static bool done = false;
	sigset_t	old;
	CURLcode	code;

	if (done)
		return;
	block_signals(&old);
	code = curl_global_init(CURL_GLOBAL_DEFAULT);
	restore_signals(&old);
	if (code != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION),
				 errmsg("could not initialize the HTTP library: %s", curl_easy_strerror(code))));
	done = true;
}

static void
out_of_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

DpHttp *
dp_http_create(const DpHttpSettings *settings, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "dataplat http",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DpHttp	   *http = palloc0(sizeof(DpHttp));

	http->context = context;
	http->epoll = -1;
	dlist_init(&http->requests);
	http->callback.func = cleanup;
	http->callback.arg = http;
	MemoryContextRegisterResetCallback(context, &http->callback);

	copy_settings(&http->settings, settings);
	http->guard = dp_hostguard_from_settings(settings->allow_loopback);
	init_curl();
	http->counted = AcquireExternalFD();
	if (!http->counted ||
		(http->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not make a set of sockets: %m")));
	http->multi = curl_multi_init();
	if (http->multi == NULL)
		out_of_memory();
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long) MAX_IDLE);
	MemoryContextSwitchTo(old);
	return http;
}

static void
release(Request *request)
{
	sigset_t	old;

	block_signals(&old);
	if (request->easy)
	{
		curl_multi_remove_handle(request->http->multi, request->easy);
		curl_easy_cleanup(request->easy);
	}
	curl_slist_free_all(request->headers);
	restore_signals(&old);
	dlist_delete(&request->node);
	dp_buf_free(&request->body);
	free(request->host);
	free(request);
}

static void
cleanup(void *arg)
{
	DpHttp	   *http = arg;
	sigset_t	old;

	while (!dlist_is_empty(&http->requests))
		release(dlist_container(Request, node, dlist_head_node(&http->requests)));
	block_signals(&old);
	if (http->multi)
		curl_multi_cleanup(http->multi);
	restore_signals(&old);
	http->multi = NULL;
	if (http->epoll >= 0)
		close(http->epoll);
	http->epoll = -1;
	if (http->counted)
		ReleaseExternalFD();
	http->counted = false;
	dp_hostguard_destroy(http->guard);
	http->guard = NULL;
}

void
dp_http_destroy(DpHttp *http)
{
	if (http)
		MemoryContextDelete(http->context);
}

/* ---------------------------------------------------------------- a request */

/* The host of a URL, malloc'd, without the brackets of an IPv6 address. */
static char *
host_of(const char *url)
{
	const char *at = strstr(url, "://");
	size_t		len;

	at = at ? at + 3 : url;
	if (*at == '[')
	{
		at++;
		len = strcspn(at, "]");
	}
	else
		len = strcspn(at, ":/?#");
	return strndup(at, len);
}

static void
set_tls(CURL *easy, const DpHttpSettings *s)
{
	if (s->no_verify)
	{
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (s->ca_pem)
	{
		struct curl_blob blob;

		blob.data = unconstify(char *, s->ca_pem);
		blob.len = strlen(s->ca_pem);
		blob.flags = CURL_BLOB_COPY;
		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	}
	else if (s->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, s->ca_file);
}

static void
set_login(CURL *easy, const DpHttpSettings *s)
{
	if (s->bearer_token)
	{
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BEARER);
		curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, s->bearer_token);
	}
	else if (s->username)
	{
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, s->username);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, s->password ? s->password : "");
	}
}

static void
set_limits(CURL *easy, const DpHttpSettings *s)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) s->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) s->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "dataplat/" DATAPLAT_VERSION);
}

static bool
set_headers(Request *request, const char *const *headers)
{
	/* An empty Expect saves the round trip before a body. */
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	while (list && headers && *headers)
	{
		request->headers = list;
		list = curl_slist_append(list, *headers++);
	}
	if (list == NULL)
		return false;
	request->headers = list;
	curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, list);
	return true;
}

DpHttpRequest *
dp_http_start(DpHttp *http, const char *method, const char *url,
			  const char *const *headers, const char *body, size_t len)
{
	Request    *request = calloc(1, sizeof(Request));
	CURL	   *easy;
	CURLMcode	code;
	sigset_t	old;

	if (request == NULL)
		out_of_memory();
	request->http = http;
	dlist_push_tail(&http->requests, &request->node);
	request->host = host_of(url);
	request->easy = easy = curl_easy_init();
	if (request->host == NULL || easy == NULL || !set_headers(request, headers))
		out_of_memory();

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->curl_error);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
	set_limits(easy, &http->settings);
	set_tls(easy, &http->settings);
	set_login(easy, &http->settings);
	if (body)
	{
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) len);
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
	}
	if (body || strcmp(method, "GET") != 0)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);

	block_signals(&old);
	code = curl_multi_add_handle(http->multi, easy);
	restore_signals(&old);
	if (code != CURLM_OK)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION),
				 errmsg("could not start an HTTP request: %s", curl_multi_strerror(code))));
	return &request->public;
}

void
dp_http_release(DpHttpRequest *request)
{
	if (request)
		release((Request *) request);
}

static DpHttpOutcome
outcome_of(const Request *request, CURLcode code)
{
	if (request->too_large)
		return DP_HTTP_TOO_LARGE;
	switch (code)
	{
		case CURLE_OK:
			return DP_HTTP_ANSWERED;
		case CURLE_COULDNT_RESOLVE_HOST:
			return DP_HTTP_NO_HOST;
		case CURLE_COULDNT_CONNECT:
			return request->forbidden ? DP_HTTP_FORBIDDEN : DP_HTTP_NO_CONNECTION;
		case CURLE_OPERATION_TIMEDOUT:
			return DP_HTTP_TIMEOUT;
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CERTPROBLEM:
		case CURLE_SSL_CIPHER:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_CRL_BADFILE:
			return DP_HTTP_NO_TLS;
		default:
			return DP_HTTP_BROKEN;
	}
}

/* What went wrong, in words.  curl's own may name the host, never a login. */
static void
describe(Request *request, CURLcode code)
{
	DpHttpRequest *r = &request->public;
	const DpHttpSettings *s = &request->http->settings;
	char		refusal[DP_HOSTGUARD_REASON];

	switch (r->outcome)
	{
		case DP_HTTP_ANSWERED:
			break;
		case DP_HTTP_FORBIDDEN:
			if (dp_hostguard_take_refusal(request->http->guard, refusal))
				strlcpy(r->error, refusal, sizeof(r->error));
			break;
		case DP_HTTP_TOO_LARGE:
			snprintf(r->error, sizeof(r->error), "the answer is larger than %zu bytes",
					 request->header_bytes > MAX_HEADERS ? (size_t) MAX_HEADERS : s->max_body);
			break;
		case DP_HTTP_TIMEOUT:
			snprintf(r->error, sizeof(r->error), "no complete answer from host \"%s\" within the time limit (%d ms to connect, %d ms in all)",
					 request->host, s->connect_timeout_ms, s->timeout_ms);
			break;
		case DP_HTTP_NO_HOST:
			snprintf(r->error, sizeof(r->error), "host \"%s\" has no address", request->host);
			break;
		default:
			snprintf(r->error, sizeof(r->error), "%s",
					 request->curl_error[0] ? request->curl_error : curl_easy_strerror(code));
	}
	if (r->outcome != DP_HTTP_ANSWERED && r->error[0] == '\0')
		strlcpy(r->error, curl_easy_strerror(code), sizeof(r->error));
}

static void
finish(Request *request, CURLcode code)
{
	DpHttpRequest *r = &request->public;
	long		status = 0;
	curl_off_t	retry_after = 0;
	char	   *content_type = NULL;

	dp_buf_append(&request->body, "", 1);
	if (request->body.oom)
		code = CURLE_OUT_OF_MEMORY;
	r->outcome = outcome_of(request, code);
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(request->easy, CURLINFO_CONTENT_TYPE, &content_type);
	curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &retry_after);
	r->status = (int) status;
	r->content_type = content_type;
	r->retry_after_s = (int) Min(retry_after, 3600);
	r->body = request->body.oom ? "" : request->body.data;
	r->len = request->body.oom ? 0 : request->body.len - 1;
	describe(request, code);
}

bool
dp_http_work(DpHttp *http)
{
	struct epoll_event events[MAX_EVENTS];
	CURLMsg    *message;
	sigset_t	old;
	int			running;
	int			n;
	bool		ended;

	block_signals(&old);
	n = epoll_wait(http->epoll, events, MAX_EVENTS, 0);
	for (int i = 0; i < n; i++)
	{
		int			what = 0;

		if (events[i].events & EPOLLIN)
			what |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			what |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			what |= CURL_CSELECT_ERR;
		curl_multi_socket_action(http->multi, events[i].data.fd, what, &running);
	}
	if (http->wake_at != 0 && http->wake_at <= GetCurrentTimestamp())
	{
		http->wake_at = 0;
		curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	while ((message = curl_multi_info_read(http->multi, &running)) != NULL)
	{
		void	   *request = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &request);
		finish(request, message->data.result);
		http->ended = true;
	}
	restore_signals(&old);
	ended = http->ended;
	http->ended = false;
	return ended;
}

pgsocket
dp_http_socket(DpHttp *http)
{
	return http->epoll;
}

long
dp_http_wait_ms(DpHttp *http)
{
	if (http->wake_at == 0)
		return -1;
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), http->wake_at);
}

void
dp_http_wait(DpHttp *http, const DpHttpRequest *request, uint32 wait_event)
{
	for (;;)
	{
		long		wait_ms;

		CHECK_FOR_INTERRUPTS();
		dp_http_work(http);
		if (request->outcome != DP_HTTP_RUNNING)
			return;
		wait_ms = dp_http_wait_ms(http);
		(void) WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
								 dp_http_socket(http),
								 wait_ms < 0 ? MAX_WAIT_MS : Min(wait_ms, MAX_WAIT_MS), wait_event);
		ResetLatch(MyLatch);
	}
}

char *
dp_http_encode(const char *part)
{
	static const char hex[] = "0123456789ABCDEF";
	StringInfoData out;

	initStringInfo(&out);
	for (; *part; part++)
	{
		unsigned char c = (unsigned char) *part;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr("-._~", c))
			appendStringInfoChar(&out, c);
		else
			appendStringInfo(&out, "%%%c%c", hex[c >> 4], hex[c & 15]);
	}
	return out.data;
}

static void
block_signals(sigset_t *old)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old);
}

static void
restore_signals(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}
