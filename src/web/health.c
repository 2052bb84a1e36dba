/*-------------------------------------------------------------------------
 *
 * health.c
 *	  /healthz and /readyz, for load balancers and orchestrators.
 *
 * /healthz: this process answers.  /readyz: it can also begin a transaction
 * and write.  Neither asks who it is, and neither tells anything else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"

#include "common/extension.h"
#include "web/health.h"
#include "web/run.h"
#include "web/web.h"

static void
healthz(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	appendStringInfoString(&response->body, "{\"status\":\"ok\"}");
}

static void
look_at_extension(void *arg)
{
	*(bool *) arg = dp_extension_version() != NULL && !dp_is_fenced();
}

static void
readyz(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	bool		ready = false;

	if (!RecoveryInProgress() && dp_run_inside(look_at_extension, &ready, response) && ready)
		appendStringInfoString(&response->body, "{\"status\":\"ok\"}");
	else
		dp_web_error(response, 503, 503, "not ready");
}

static const DpWebRoute routes[] = {
	{.method = "GET", .pattern = "/healthz", .handler = healthz, .flags = DP_WEB_OPEN, .produces = dp_web_json_types},
	{.method = "GET", .pattern = "/readyz", .handler = readyz, .flags = DP_WEB_OPEN, .produces = dp_web_json_types}
};

void
dp_web_health_init(void)
{
	for (int i = 0; i < lengthof(routes); i++)
		dp_web_route(&routes[i]);
}
