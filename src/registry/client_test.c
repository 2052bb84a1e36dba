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

#include "miscadmin.h"

#include "kafka/options.h"
#include "kafka/test_connection.h"
#include "kafka/test_http.h"
#include "registry/client.h"

/* Elements of a JSON array, or -1 when the body is none. */
static int
array_length_of(const DpHttpRequest *r)
{
	Jsonb	   *answer = dp_registry_parse_answer(r->body, r->len);

	return answer && JB_ROOT_IS_ARRAY(answer) ? (int) JB_ROOT_COUNT(answer) : -1;
}

static void
test_url(DpHttpTest *test)
{
	static const char *const headers[] = {"Accept: application/vnd.schemaregistry.v1+json, application/json", NULL};
	int			ms;
	int			n;
	DpHttpRequest *r = dp_http_test_ask(test, "/subjects", headers, &ms);

	if (!r)
		return;
	n = array_length_of(r);
	if (!dp_http_test_login(test, r, "The registry knows the user, who may not list subjects."))
		 /* told */ ;
	else if (r->status >= 300 && r->status < 400)
		dp_http_test_report(test, "registry", false, "The server redirects (status %d), which is not followed: give the URL it redirects to.", r->status);
	else if (r->status != 200 || n < 0)
		dp_http_test_report(test, "registry", false, "GET %s/subjects answers with status %d%s. Is the path in url right? Apicurio's is /apis/ccompat/v7.",
							test->url, r->status, r->status == 200 ? " and something else than a list" : "");
	else
	{
		dp_http_test_report(test, "authenticate", true, "%s", test->login);
		dp_http_test_report(test, "registry", true, "%d subjects can be seen", n);
	}
	dp_http_release(r);
}

static void
test_registry(const char *server, ReturnSetInfo *rsinfo)
{
	DpRegistryClient *client = dp_registry_client_open(server, GetUserId(), CurrentMemoryContext);
	DpHttpTest	test = {
		.rsinfo = rsinfo, .settings = client->settings, .http = client->http,
		.wait_event = dp_registry_wait_event(), .what = "schema registry", .short_name = "registry"
	};
	bool		clear = false;

	for (int i = 0; i < client->nurls; i++)
		clear |= pg_strncasecmp(client->urls[i], "https:", 6) != 0;
	dp_http_test_options(&test, clear);
	for (int i = 0; i < client->nurls; i++)
	{
		CHECK_FOR_INTERRUPTS();
		test.url = client->urls[i];
		test_url(&test);
	}
	dp_registry_client_close(client);
}

void
dp_registry_init(void)
{
	dp_test_connection_register(DP_WRAPPER_REGISTRY, test_registry);
}
