/*-------------------------------------------------------------------------
 *
 * client.c
 *	  One request to an external schema registry, at one URL after the other.
 *
 * A registry has one or more URLs.  A request goes to the one that answered
 * last; when that fails, to the next, until all have been tried.  Then the
 * registry counts as not reachable, and is left alone for a while that grows
 * with each failure and is never quite the same, so that a hundred workers do
 * not come back at the same moment.
 *
 * An answer counts only when it looks like a registry's: a proxy's error page
 * with status 404 does not mean that there is no such schema.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "common/compat.h"
#include "formats/json.h"
#include "kafka/options.h"
#include "registry/client.h"

/* First and longest pause after a failure, milliseconds. */
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 30000
/* Depth of an answer: a schema is one string in it. */
#define ANSWER_DEPTH 64

/* A number of milliseconds up to a third more or less. */
static int
with_jitter(int ms)
{
	return (int) (ms * (2.0 / 3 + pg_prng_double(&pg_global_prng_state) * 2.0 / 3));
}

/* Split "url, url" and take the slashes off their ends. */
static void
set_urls(DpRegistryClient *client, const char *list)
{
	char	   *copy = pstrdup(list);
	char	   *save = NULL;

	client->urls = palloc(sizeof(char *) * (strlen(list) / 2 + 1));
	for (char *url = strtok_r(copy, ", ", &save); url; url = strtok_r(NULL, ", ", &save))
	{
		size_t		len = strlen(url);

		while (len > 0 && url[len - 1] == '/')
			url[--len] = '\0';
		client->urls[client->nurls++] = url;
	}
}

DpRegistryClient *
dp_registry_client_open(const char *server, Oid role, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "dataplat registry client",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DpRegistryClient *client = palloc0(sizeof(DpRegistryClient));

	client->context = context;
	client->server = pstrdup(server);
	client->role = role;
	client->settings = dp_http_settings_load(server, DP_WRAPPER_REGISTRY, role);
	set_urls(client, dp_kafka_settings_get(client->settings, "url"));
	/* A schema and the JSON around it, in which each character may take six. */
	client->http = dp_http_open(client->settings, 2 * DP_SCHEMA_MAX_BYTES, context);
	MemoryContextSwitchTo(old);
	return client;
}

void
dp_registry_client_close(DpRegistryClient *client)
{
	if (client)
		MemoryContextDelete(client->context);
}

/* ---------------------------------------------------------------- answers */

/* The answer as a jsonb in the current memory context; NULL when it is none. */
Jsonb *
dp_registry_parse_answer(const char *body, size_t len)
{
	DpJsonLimits limits = {.max_depth = ANSWER_DEPTH};
	DpJsonDecoder *decoder = dp_json_decoder_create(&limits);
	Jsonb	   *copy = NULL;
	const char *bytes;
	size_t		size;
	DpError		err;

	if (!decoder)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	bytes = dp_json_to_jsonb(decoder, body, len, &size, &err);
	if (bytes)
	{
		copy = palloc_extended(size, MCXT_ALLOC_NO_OOM);
		if (copy)
			memcpy(copy, bytes, size);
	}
	dp_json_decoder_destroy(decoder);
	return copy;
}

static JsonbValue *
member(Jsonb *answer, const char *name, JsonbValue *value)
{
	if (!answer || !JB_ROOT_IS_OBJECT(answer))
		return NULL;
	return getKeyJsonValueFromContainer(&answer->root, name, strlen(name), value);
}

char *
dp_registry_text_of(Jsonb *answer, const char *name)
{
	JsonbValue	value;

	if (!member(answer, name, &value) || value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

int
dp_registry_int_of(Jsonb *answer, const char *name)
{
	JsonbValue	value;
	bool		error = false;
	int32		number;

	if (!member(answer, name, &value) || value.type != jbvNumeric)
		return -1;
	number = numeric_int4_opt_error(value.val.numeric, &error);
	return error || number < 0 ? -1 : number;
}

/* ---------------------------------------------------------------- calls */

static void
note_problem(DpRegistryClient *client, const char *what)
{
	char	   *safe = dp_kafka_redact(client->settings, what);

	strlcpy(client->problem, safe, sizeof(client->problem));
	pfree(safe);
}

/* All URLs have failed: leave the registry alone for a while. */
static void
note_outage(DpRegistryClient *client, int at_least_s)
{
	int			ms = BACKOFF_MS << Min(client->failures, 6);

	/* Several calls may find out at the same time. */
	if (client->failures > 0 && client->retry_at > GetCurrentTimestamp())
		return;
	client->failures++;
	ms = with_jitter(Min(ms, BACKOFF_MAX_MS));
	client->retry_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												   Max(ms, at_least_s * 1000));
}

void
dp_registry_client_failed(DpRegistryClient *client, const char *what)
{
	note_problem(client, psprintf("%s: %s", client->urls[client->url], what));
	client->url = (client->url + 1) % client->nurls;
	note_outage(client, 0);
}

static void
start_try(DpRegistryCall *call)
{
	static const char *const headers[] = {
		"Accept: application/vnd.schemaregistry.v1+json, application/json",
		"Content-Type: application/vnd.schemaregistry.v1+json",
		NULL
	};
	DpRegistryClient *client = call->client;
	char	   *url = psprintf("%s%s", client->urls[client->url], call->path);

	call->request = dp_http_start(client->http, call->method, url, headers,
								  call->body, call->body ? strlen(call->body) : 0);
	pfree(url);
}

/* "path" is copied into the current memory context, which the call needs till its end. */
void
dp_registry_call_start(DpRegistryCall *call, DpRegistryClient *client,
					   const char *method, const char *path, const char *body)
{
	memset(call, 0, sizeof(*call));
	call->client = client;
	call->method = pstrdup(method);
	call->path = pstrdup(path);
	call->body = body ? pstrdup(body) : NULL;
	start_try(call);
}

/* What is wrong with the answer, palloc'd; NULL: it is a registry's. */
static char *
objection(DpRegistryCall *call)
{
	DpHttpRequest *r = call->request;

	if (r->outcome != DP_HTTP_ANSWERED)
		return pstrdup(r->error);
	call->answer = dp_registry_parse_answer(r->body, r->len);
	call->status = r->status;
	call->error_code = Max(0, dp_registry_int_of(call->answer, "error_code"));
	if (r->status >= 200 && r->status < 300)
		return call->answer ? NULL : psprintf("status %d with a body that is not JSON", r->status);
	if (r->status == 401)
		return pstrdup("the login is refused (status 401)");
	if (r->status == 403)
		return pstrdup("access is refused (status 403)");
	if (r->status >= 300 && r->status < 400)
		return psprintf("a redirect (status %d), which is not followed", r->status);
	if (r->status == 429 || r->status >= 500)
		return psprintf("status %d", r->status);
	/* 404 is also what a wrong path gets; a registry gives a code of its own */
	if (call->error_code >= 40400 || call->error_code == 409)
		return NULL;
	return psprintf("status %d without a registry's error code", r->status);
}

/*
 * See how the call is doing; after dp_http_work.  The answer is allocated in
 * the current memory context.
 */
DpCallState
dp_registry_call_step(DpRegistryCall *call)
{
	DpRegistryClient *client = call->client;
	char	   *problem;
	int			retry_after;

	if (call->request->outcome == DP_HTTP_RUNNING)
		return DP_CALL_RUNNING;
	problem = objection(call);
	retry_after = call->request->retry_after_s;
	dp_http_release(call->request);
	call->request = NULL;
	if (!problem)
	{
		client->failures = 0;
		client->problem[0] = '\0';
		return DP_CALL_ANSWERED;
	}

	note_problem(client, psprintf("%s: %s", client->urls[client->url], problem));
	pfree(problem);
	client->url = (client->url + 1) % client->nurls;
	if (++call->tries < client->nurls)
	{
		start_try(call);
		return DP_CALL_RUNNING;
	}
	note_outage(client, retry_after);
	return DP_CALL_FAILED;
}

DpCallState
dp_registry_call_wait(DpRegistryCall *call)
{
	DpCallState state;

	do
	{
		dp_http_wait(call->client->http, call->request, dp_registry_wait_event());
		state = dp_registry_call_step(call);
	} while (state == DP_CALL_RUNNING);
	return state;
}

uint32
dp_registry_wait_event(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = dp_wait_event_new("DataplatRegistry");
	return event;
}

void
dp_registry_call_end(DpRegistryCall *call)
{
	if (call->request)
		dp_http_release(call->request);
	call->request = NULL;
}
