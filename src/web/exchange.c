/*-------------------------------------------------------------------------
 *
 * exchange.c
 *	  One request and its answer, between the HTTP library and the routes.
 *
 * What can be refused is refused when the headers are there, before the body
 * is kept: path, method, who it is, media types, length.  The library cannot
 * answer in the middle of a body, so the rest of a refused one is read and
 * thrown away, unless the client waits for leave to send it (Expect:
 * 100-continue) or the body is absurd.
 *
 * The library's stack must not be jumped over: every callback catches what is
 * thrown.
 *
 * States: headers -> (body)* -> answered; refused: the answer is fixed, the
 * body is dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdlib.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "launcher/launcher.h"
#include "web/auth.h"
#include "web/connection.h"
#include "web/exchange.h"
#include "web/registry.h"
#include "web/route.h"
#include "web/run.h"
#include "web/settings.h"
#include "web/url.h"
#include "web/web.h"

/* Bodies in memory at a time, over all connections. */
#define BODIES_MAX ((size_t) 256 * 1024 * 1024)
/* A refused body is read to its end up to this many times the limit. */
#define DROP_FACTOR 8

typedef struct DpExchange
{
	struct MHD_Connection *mhd;
	DpConnection *connection;
	char	   *uri;			/* malloc */
	MemoryContext context;		/* of everything below; NULL before the headers */
	const DpWebRoute *route;
	DpWebRequest request;
	DpWebResponse response;
	bool		refused;		/* the response is fixed */
	bool		answered;
	size_t		reserved;		/* of BODIES_MAX */
	size_t		dropped;
	StringInfoData body;
} DpExchange;

const char *const dp_web_json_types[] = {"application/json", NULL};

static size_t bodies = 0;

/* ---- what handlers call ---- */

const char *
dp_web_query(const DpWebRequest *request, const char *name)
{
	ListCell   *lc;

	foreach(lc, request->query)
	{
		const DpWebPair *pair = lfirst(lc);

		if (strcmp(pair->name, name) == 0)
			return pair->value;
	}
	return NULL;
}

bool
dp_web_query_flag(const DpWebRequest *request, const char *name)
{
	const char *value = dp_web_query(request, name);

	return value != NULL && (*value == '\0' || pg_strcasecmp(value, "true") == 0);
}

const char *
dp_web_header(const DpWebRequest *request, const char *name)
{
	DpExchange *x = request->transport;

	return MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, name);
}

void
dp_web_add_header(DpWebResponse *response, const char *name, const char *value)
{
	DpWebPair  *pair = palloc(sizeof(DpWebPair));

	pair->name = name;
	pair->value = value;
	response->headers = lappend(response->headers, pair);
}

void
dp_web_error(DpWebResponse *response, int status, int error_code, const char *message)
{
	response->status = status;
	resetStringInfo(&response->body);
	appendStringInfo(&response->body, "{\"error_code\":%d,\"message\":", error_code);
	escape_json(&response->body, message);
	appendStringInfoChar(&response->body, '}');
}

/* ---- headers ---- */

static void
refuse(DpExchange *x, int status, int error_code, const char *message)
{
	dp_web_error(&x->response, status, error_code, message);
	x->refused = true;
}

/* Path and query; false when they cannot be read. */
static bool
parse_uri(DpExchange *x, List **parts)
{
	char	   *query = strchr(x->uri, '?');
	char	   *path = x->uri;

	if (query != NULL)
		*query++ = '\0';
	/* a proxy may write the whole address */
	if (pg_strncasecmp(path, "http://", 7) == 0 || pg_strncasecmp(path, "https://", 8) == 0)
	{
		path = strchr(strchr(path, ':') + 3, '/');
		if (path == NULL)
			path = pstrdup("/");
	}
	x->request.path = path;
	return dp_url_path(path, parts) && dp_url_query(query, &x->request.query);
}

static void
find_route(DpExchange *x, const char *method)
{
	List	   *parts;
	const char *allowed;
	bool		options = strcmp(method, "OPTIONS") == 0;

	x->request.method = pstrdup(strcmp(method, "HEAD") == 0 ? "GET" : method);
	if (!parse_uri(x, &parts))
	{
		x->request.path = "";
		refuse(x, 400, 400, "HTTP 400 Bad Request");
		return;
	}
	dp_web_rewrite(&parts, &x->request.query);
	x->route = dp_route_find(x->request.method, parts, x->request.params,
							 &x->request.nparams, &allowed);
	if (x->route != NULL)
		return;
	if (allowed == NULL)
		refuse(x, 404, 404, "HTTP 404 Not Found");
	else
	{
		dp_web_add_header(&x->response, "Allow", allowed);
		if (options)
		{
			x->response.status = 200;
			x->refused = true;
		}
		else
			refuse(x, 405, 405, "HTTP 405 Method Not Allowed");
	}
}

/* A wish that cannot be met is no reason to answer in a type that was not wished. */
static void
negotiate(DpExchange *x)
{
	const char *accept = dp_web_header(&x->request, "Accept");
	const char *type = dp_web_header(&x->request, "Content-Type");
	const DpWebRoute *route = x->route;

	if (route->produces != NULL)
	{
		const char *chosen = dp_media_choose(accept, route->produces);

		x->response.content_type = chosen ? chosen : route->produces[0];
		if (chosen == NULL)
			refuse(x, 406, 406, "HTTP 406 Not Acceptable");
	}
	if (route->consumes != NULL && type != NULL && strcmp(route->method, "GET") != 0 &&
		strcmp(route->method, "DELETE") != 0 && !dp_media_listed(type, route->consumes))
		refuse(x, 415, 415, "HTTP 415 Unsupported Media Type");
}

static void
authenticate(DpExchange *x)
{
	DpAuthAnswer answer;
	const char *who = dp_web_header(&x->request, "Authorization");

	if (x->route->flags & DP_WEB_OPEN)
		return;
	if (!dp_auth_check(who, (struct sockaddr *) &x->connection->addr, &answer, &x->response))
	{
		x->refused = true;
		return;
	}
	x->request.role = answer.role;
	x->request.role_name = answer.role_name;
}

static size_t
body_limit(void)
{
	return (size_t) dp_web_max_body * 1024;
}

/* Room for a body that has told its length. */
static void
reserve_body(DpExchange *x)
{
	const char *length = dp_web_header(&x->request, "Content-Length");
	size_t		n = length ? strtoul(length, NULL, 10) : 0;

	if (n > body_limit())
		refuse(x, 413, 413, "HTTP 413 Request Entity Too Large");
	else if (dp_job_stop_requested())
		refuse(x, 503, 503, "HTTP 503 Service Unavailable");
}

static enum MHD_Result
count_length(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	if (pg_strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0)
		++*(int *) cls;
	return MHD_YES;
}

/*
 * A body whose length is told twice may be cut differently by a proxy before
 * us, and the rest of it be taken for a request of somebody else.
 */
static void
check_length(DpExchange *x)
{
	int			lengths = 0;

	MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, count_length, &lengths);
	if (lengths <= 1 && (lengths == 0 || dp_web_header(&x->request, "Transfer-Encoding") == NULL))
		return;
	dp_web_add_header(&x->response, "Connection", "close");
	refuse(x, 400, 400, "HTTP 400 Bad Request");
}

/*
 * A page of another site that a browser shows must not use what the browser's
 * machine may reach.  Other clients send no Origin.
 */
static void
check_origin(DpExchange *x)
{
	const char *origin = dp_web_header(&x->request, "Origin");
	const char *host = dp_web_header(&x->request, "Host");
	const char *name = origin ? strstr(origin, "://") : NULL;

	if (origin != NULL && (name == NULL || host == NULL || pg_strcasecmp(name + 3, host) != 0))
		refuse(x, 403, 403, "HTTP 403 Forbidden");
}

static void
take_headers(DpExchange *x, const char *method)
{
	x->response.status = 200;
	x->response.content_type = "application/json";
	initStringInfo(&x->response.body);
	x->request.transport = x;

	check_length(x);
	if (!x->refused)
		check_origin(x);
	if (!x->refused)
		find_route(x, method);
	if (!x->refused)
		negotiate(x);
	if (!x->refused)
		authenticate(x);
	if (!x->refused)
		reserve_body(x);
}

/* ---- body ---- */

static void
take_body(DpExchange *x, const char *data, size_t size)
{
	if (!x->refused && x->reserved + size > body_limit())
		refuse(x, 413, 413, "HTTP 413 Request Entity Too Large");
	if (!x->refused && bodies + size > BODIES_MAX)
		refuse(x, 503, 503, "HTTP 503 Service Unavailable");
	if (x->refused)
	{
		x->dropped += size;
		return;
	}
	if (x->reserved == 0)
		initStringInfo(&x->body);
	bodies += size;
	x->reserved += size;
	appendBinaryStringInfo(&x->body, data, (int) size);
	x->request.body = x->body.data;
	x->request.len = x->body.len;
}

/* ---- answer ---- */

static enum MHD_Result
send_answer(DpExchange *x)
{
	DpWebResponse *r = &x->response;
	struct MHD_Response *response;
	enum MHD_Result result;
	ListCell   *lc;

	response = MHD_create_response_from_buffer(r->body.len, r->body.data, MHD_RESPMEM_MUST_COPY);
	if (response == NULL)
		return MHD_NO;
	if (r->body.len > 0)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	foreach(lc, r->headers)
	{
		const DpWebPair *pair = lfirst(lc);

		MHD_add_response_header(response, pair->name, pair->value);
	}
	if (dp_job_stop_requested())
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	x->answered = true;
	dp_connection_enter(x->connection, DP_CONNECTION_SENDING);
	result = MHD_queue_response(x->mhd, r->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
answer(DpExchange *x)
{
	if (!x->refused)
	{
		char		activity[256];

		snprintf(activity, sizeof(activity), "%s %s", x->request.method, x->request.path);
		pgstat_report_activity(STATE_RUNNING, activity);
		dp_run_request(x->route, &x->request, &x->response);
		pgstat_report_activity(STATE_IDLE, NULL);
	}
	return send_answer(x);
}

/* ---- callbacks ---- */

void *
dp_exchange_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	DpExchange *x = calloc(1, sizeof(DpExchange));
	const union MHD_ConnectionInfo *info =
	MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	if (x == NULL)
		return NULL;
	x->mhd = mhd;
	x->uri = strdup(uri);
	x->connection = info ? info->socket_context : NULL;
	dp_connection_enter(x->connection, DP_CONNECTION_RECEIVING);
	return x;
}

/* The client sends its body only when it is told to. */
static bool
waits_for_leave(const DpExchange *x)
{
	const char *expect = MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT);

	return expect != NULL && pg_strcasecmp(expect, "100-continue") == 0;
}

static enum MHD_Result
step(DpExchange *x, const char *method, const char *data, size_t *size)
{
	if (x->context == NULL)
	{
		x->context = AllocSetContextCreate(TopMemoryContext, "dataplat web request",
										   ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(x->context);
		take_headers(x, method);
		return x->refused && waits_for_leave(x) ? send_answer(x) : MHD_YES;
	}
	MemoryContextSwitchTo(x->context);
	if (*size > 0)
	{
		take_body(x, data, *size);
		*size = 0;
		return x->dropped > body_limit() * DROP_FACTOR ? MHD_NO : MHD_YES;
	}
	return x->answered ? MHD_YES : answer(x);
}

enum MHD_Result
dp_exchange_step(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
				 const char *version, const char *data, size_t *size, void **exchange)
{
	DpExchange *x = *exchange;
	MemoryContext old = CurrentMemoryContext;
	volatile enum MHD_Result result = MHD_NO;

	if (x == NULL || x->uri == NULL || x->connection == NULL)
		return MHD_NO;
	PG_TRY();
	{
		result = step(x, method, data, size);
	}
	PG_CATCH();
	{
		/* Out of memory, most likely: hang up. */
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(old);
		EmitErrorReport();
		FlushErrorState();
		RESUME_INTERRUPTS();
		result = MHD_NO;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return result;
}

void
dp_exchange_end(void *cls, struct MHD_Connection *mhd, void **exchange,
				enum MHD_RequestTerminationCode why)
{
	DpExchange *x = *exchange;

	if (x == NULL)
		return;
	*exchange = NULL;
	dp_connection_enter(x->connection, DP_CONNECTION_IDLE);
	bodies -= x->reserved;
	if (x->context != NULL)
		MemoryContextDelete(x->context);
	free(x->uri);
	free(x);
}
