/*-------------------------------------------------------------------------
 *
 * client_test.c
 *	  dataplat.test_connection for schema registries.
 *
 * Each URL by itself: a failover that hides a dead host is no good test.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "common/hostguard.h"
#include "kafka/options.h"
#include "kafka/test_connection.h"
#include "registry/client.h"

typedef struct Test
{
	ReturnSetInfo *rsinfo;
	DpRegistryClient *client;
	const char *url;
	bool		tls;
	const char *login;			/* in words */
} Test;

static void report(Test *test, const char *step, bool ok, const char *fmt,...) pg_attribute_printf(4, 5);

/* Add a row; secrets are cut out whatever the text is made of. */
static void
report(Test *test, const char *step, bool ok, const char *fmt,...)
{
	StringInfoData detail;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	initStringInfo(&detail);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&detail, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&detail, needed);
	}
	values[0] = CStringGetTextDatum(step);
	values[1] = BoolGetDatum(ok);
	values[2] = CStringGetTextDatum(dp_kafka_redact(test->client->settings, detail.data));
	tuplestore_putvalues(test->rsinfo->setResult, test->rsinfo->setDesc, values, nulls);
}

/* No HTTP answer came: at which step, and what to do. */
static void
report_failure(Test *test, const DpHttpRequest *r)
{
	const char *step = "http";
	const char *advice = "Does a schema registry listen there, and is it http or https?";

	switch (r->outcome)
	{
		case DP_HTTP_NO_HOST:
			step = "resolve";
			advice = "Check the name in url and the DNS of the database server.";
			break;
		case DP_HTTP_NO_CONNECTION:
			step = "connect";
			advice = "Check that the registry runs, the port, and the firewalls.";
			break;
		case DP_HTTP_FORBIDDEN:
			step = "connect";
			advice = DP_HOSTGUARD_HINT;
			break;
		case DP_HTTP_NO_TLS:
			step = "tls";
			advice = "Check ca_pem, the name in url (it must be one of the certificate's), and whether the port speaks TLS.";
			break;
		case DP_HTTP_TIMEOUT:
			advice = "Check the port and the firewalls, or raise timeout_ms.";
			break;
		default:
			break;
	}
	report(test, step, false, "%s: %s. %s", test->url, r->error, advice);
}

/* Ask this URL only, and wait; NULL when there was no HTTP answer. */
static DpHttpRequest *
ask(Test *test, const char *path, int *ms)
{
	static const char *const headers[] = {"Accept: application/vnd.schemaregistry.v1+json, application/json", NULL};
	TimestampTz before = GetCurrentTimestamp();
	DpHttpRequest *request = dp_http_start(test->client->http, "GET",
										   psprintf("%s%s", test->url, path), headers, NULL, 0);

	dp_http_wait(test->client->http, request, dp_registry_wait_event());
	*ms = (int) TimestampDifferenceMilliseconds(before, GetCurrentTimestamp());
	if (request->outcome == DP_HTTP_ANSWERED)
		return request;
	report_failure(test, request);
	dp_http_release(request);
	return NULL;
}

/* Elements of a JSON array, or -1 when the body is none. */
static int
array_length_of(const DpHttpRequest *r)
{
	Jsonb	   *answer = dp_registry_parse_answer(r->body, r->len);

	return answer && JB_ROOT_IS_ARRAY(answer) ? (int) JB_ROOT_COUNT(answer) : -1;
}

static void
test_url(Test *test)
{
	int			ms;
	int			n;
	DpHttpRequest *r = ask(test, "/subjects", &ms);

	if (!r)
		return;
	report(test, "connect", true, "%s answers in %d ms", test->url, ms);
	if (test->tls)
		report(test, "tls", true, "The certificate is accepted.");
	n = array_length_of(r);
	if (r->status == 401 || r->status == 403)
		report(test, "authenticate", false, "%s (status %d). %s", test->login, r->status,
			   r->status == 401 ? "Check username and password, or bearer_token, of the user mapping."
			   : "The registry knows the user, who may not list subjects.");
	else if (r->status >= 300 && r->status < 400)
		report(test, "registry", false, "The server redirects (status %d), which is not followed: give the URL it redirects to.", r->status);
	else if (r->status != 200 || n < 0)
		report(test, "registry", false, "GET %s/subjects answers with status %d%s. Is the path in url right? Apicurio's is /apis/ccompat/v7.",
			   test->url, r->status, r->status == 200 ? " and something else than a list" : "");
	else
	{
		report(test, "authenticate", true, "%s", test->login);
		report(test, "registry", true, "%d subjects can be seen", n);
	}
	dp_http_release(r);
}

static void
test_registry(const char *server, ReturnSetInfo *rsinfo)
{
	Test		test = {.rsinfo = rsinfo};
	DpRegistryClient *client = dp_registry_client_open(server, GetUserId(), CurrentMemoryContext);
	const char *user = dp_kafka_settings_get(client->settings, "username");
	bool		bearer = dp_kafka_settings_get(client->settings, "bearer_token") != NULL;
	bool		clear = false;

	test.client = client;
	test.login = bearer ? "with a bearer token" : user ? psprintf("as %s", user) : "without a login";
	for (int i = 0; i < client->nurls; i++)
		clear |= pg_strncasecmp(client->urls[i], "https:", 6) != 0;
	report(&test, "options", true, "%s, %s%s", dp_kafka_settings_get(client->settings, "url"), test.login,
		   clear && (user || bearer) ? ". Beware: the login goes over the network in clear text; use https" : "");
	for (int i = 0; i < client->nurls; i++)
	{
		CHECK_FOR_INTERRUPTS();
		test.url = client->urls[i];
		test.tls = pg_strncasecmp(test.url, "https:", 6) == 0;
		test_url(&test);
	}
	dp_registry_client_close(client);
}

void
dp_registry_init(void)
{
	dp_test_connection_register(DP_WRAPPER_REGISTRY, test_registry);
}
