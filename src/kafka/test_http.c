/*-------------------------------------------------------------------------
 *
 * test_http.c
 *	  dataplat.test_connection for servers that are spoken to by HTTP.
 *
 * The steps of a connection are the same whoever listens: a name with an
 * address, a port, a certificate, a login.  What the answer to a request means
 * is for the room that speaks the protocol; of dataplat_http's endpoints any
 * answer is one, because what they take is sent by POST.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "common/compat.h"
#include "common/hostguard.h"
#include "kafka/options.h"
#include "kafka/test_http.h"

/* What an endpoint may say to a GET before nobody reads on. */
#define BODY_MAX (1024 * 1024)

/* No HTTP answer came: at which step, and what to do. */
static void
report_failure(DpHttpTest *test, const DpHttpRequest *r)
{
	const char *step = "http";
	const char *advice = psprintf("Does a %s listen there, and is it http or https?", test->what);

	switch (r->outcome)
	{
		case DP_HTTP_NO_HOST:
			step = "resolve";
			advice = "Check the name in url and the DNS of the database server.";
			break;
		case DP_HTTP_NO_CONNECTION:
			step = "connect";
			advice = psprintf("Check that the %s runs, the port, and the firewalls.", test->short_name);
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
	dp_http_test_report(test, step, false, "%s: %s. %s", test->url, r->error, advice);
}

/* Ask this URL only, and wait; NULL when there was no HTTP answer. */
DpHttpRequest *
dp_http_test_ask(DpHttpTest *test, const char *path, const char *const *headers, int *ms)
{
	TimestampTz before = GetCurrentTimestamp();
	DpHttpRequest *request = dp_http_start(test->http, "GET", psprintf("%s%s", test->url, path),
										   headers, NULL, 0);

	dp_http_wait(test->http, request, test->wait_event);
	*ms = (int) TimestampDifferenceMilliseconds(before, GetCurrentTimestamp());
	if (request->outcome == DP_HTTP_ANSWERED)
	{
		dp_http_test_report(test, "connect", true, "%s answers in %d ms", test->url, *ms);
		if (pg_strncasecmp(test->url, "https:", 6) == 0)
			dp_http_test_report(test, "tls", true, "The certificate is accepted.");
		return request;
	}
	report_failure(test, request);
	dp_http_release(request);
	return NULL;
}

/* Step "options", for all URLs. */
void
dp_http_test_options(DpHttpTest *test, bool clear)
{
	const char *user = dp_kafka_settings_get(test->settings, "username");
	bool		bearer = dp_kafka_settings_get(test->settings, "bearer_token") != NULL;

	test->login = bearer ? "with a bearer token" : user ? psprintf("as %s", user) : "without a login";
	dp_http_test_report(test, "options", true, "%s, %s%s", dp_kafka_settings_get(test->settings, "url"), test->login,
						clear && (user || bearer) ? ". Beware: the login goes over the network in clear text; use https" : "");
}

/* Is the login taken?  Reports that it is not. */
bool
dp_http_test_login(DpHttpTest *test, const DpHttpRequest *r, const char *forbidden)
{
	if (r->status != 401 && r->status != 403)
		return true;
	dp_http_test_report(test, "authenticate", false, "%s (status %d). %s", test->login, r->status,
						r->status == 401 ? "Check username and password, or bearer_token, of the user mapping." : forbidden);
	return false;
}

/* Servers of dataplat_http. */
void
dp_test_http(const char *server, ReturnSetInfo *rsinfo)
{
	DpHttpTest	test = {.rsinfo = rsinfo, .what = "server for HTTP", .short_name = "server"};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "dataplat test connection",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DpHttpRequest *r;
	int			ms;

	test.settings = dp_http_settings_load(server, DP_WRAPPER_HTTP, GetUserId());
	test.http = dp_http_open(test.settings, BODY_MAX, context);
	test.url = dp_kafka_settings_get(test.settings, "url");
	test.wait_event = dp_wait_event_new("DataplatTestConnection");
	dp_http_test_options(&test, pg_strncasecmp(test.url, "https:", 6) != 0);
	r = dp_http_test_ask(&test, "", NULL, &ms);
	if (r && dp_http_test_login(&test, r, "The server knows the user, who may not come here."))
		dp_http_test_report(&test, "http", r->status < 500 && r->status / 100 != 3,
							"GET answers with status %d%s", r->status,
							r->status >= 500 ? ". The server has trouble of its own." :
							r->status >= 300 && r->status < 400 ? ". Redirections are not followed: give the URL it redirects to." :
							r->status >= 400 ? ", as an endpoint that only takes POST may do" : "");
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
