/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The HTTP worker: job kind "web".
 *
 * One process for each database that has an address in dataplat.web_listen.
 * It answers one request at a time, each in a transaction of its own, and
 * waits outside of transactions on one set of its latch and all sockets.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "common/compat.h"
#include "launcher/launcher.h"
#include "web/auth.h"
#include "web/connection.h"
#include "web/events_in.h"
#include "web/health.h"
#include "web/lineage.h"
#include "web/listen.h"
#include "web/registry.h"
#include "web/server.h"
#include "web/settings.h"
#include "web/web.h"

/* When not all addresses could be opened, try again after this. */
#define RETRY_MS 5000
/* Answers that are on their way when we have to leave get so long. */
#define LEAVE_MS 2000

typedef struct Loop
{
	MemoryContext context;		/* of one configuration */
	char		database[NAMEDATALEN];
	bool		configured;
	bool		complete;		/* all addresses are open */
	TimestampTz configured_at;
} Loop;

static const char *
anonymous_problem(void)
{
	MemoryContext context = CurrentMemoryContext;
	const char *problem;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	problem = dp_auth_anonymous_problem();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return problem;
}

/* Open what the settings say, and report it. */
static void
configure(Loop *loop)
{
	const char *problem;
	const char *open;

	MemoryContextReset(loop->context);
	MemoryContextSwitchTo(loop->context);
	problem = dp_server_configure(dp_listen_of(dp_web_listen, loop->database, dp_web_database));
	loop->complete = problem == NULL;
	if (problem == NULL)
		problem = anonymous_problem();
	open = dp_server_addresses();
	if (problem != NULL)
	{
		dp_job_report_error("08006", problem);
		dp_job_report(DP_STATE_RETRYING, problem,
					  open[0] ? psprintf("It still listens at %s.", open) : "It listens nowhere.");
	}
	else
		dp_job_report(DP_STATE_RUNNING, psprintf("listens at %s", open), NULL);
	loop->configured = true;
	loop->configured_at = GetCurrentTimestamp();
}

static void
log_addresses(void)
{
	static char logged[DP_JOB_REASON_LEN];
	const char *open = dp_server_addresses();

	if (strncmp(logged, open, sizeof(logged) - 1) == 0)
		return;
	strlcpy(logged, open, sizeof(logged));
	ereport(LOG, (errmsg("dataplat answers HTTP at %s", open[0] ? open : "no address")));
}

static bool
configuration_due(const Loop *loop)
{
	return !loop->configured ||
		(!loop->complete && TimestampDifferenceExceeds(loop->configured_at, GetCurrentTimestamp(), RETRY_MS));
}

/* The soonest of what the library, the deadlines and we ask for. */
static long
how_long(const Loop *loop, long deadline)
{
	long		timeout = dp_server_timeout();

	if (timeout < 0 || (deadline >= 0 && deadline < timeout))
		timeout = deadline;
	if (!loop->complete && (timeout < 0 || timeout > RETRY_MS))
		timeout = RETRY_MS;
	return timeout;
}

/* Let answers go out that are under way; nobody else is waited for. */
static void
leave(uint32 wait_event)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LEAVE_MS);

	dp_server_quiesce();
	dp_connections_shut(false);
	while (dp_connections_count() > 0 && GetCurrentTimestamp() < end)
	{
		dp_server_run();
		dp_connections_shut(false);
		if (dp_connections_count() > 0)
			(void) dp_server_wait(dp_server_timeout() == 0 ? 0 : 50, wait_event);
	}
	dp_server_stop();
}

static void
web_worker_main(const DpJob *job)
{
	Loop		loop = {0};
	uint32		wait_event = dp_wait_event_new("DataplatWebMain");

	loop.context = AllocSetContextCreate(TopMemoryContext, "dataplat web configuration",
										 ALLOCSET_DEFAULT_SIZES);
	strlcpy(loop.database, job->object, sizeof(loop.database));
	while (!dp_job_stop_requested())
	{
		long		deadline;

		if (dp_job_config_changed() || configuration_due(&loop))
		{
			configure(&loop);
			log_addresses();
		}
		deadline = dp_connections_expire();
		dp_server_run();
		if (dp_server_wait(how_long(&loop, deadline), wait_event) && !dp_job_stop_requested())
			CHECK_FOR_INTERRUPTS();
		dp_job_healthy();
	}
	leave(wait_event);
}

/* In the scheduler: one worker, when an address belongs to this database. */
static List *
wanted_web_jobs(void)
{
	const char *database = get_database_name(MyDatabaseId);
	DpJob	   *job;

	if (database == NULL || dp_listen_of(dp_web_listen, database, dp_web_database) == NIL)
		return NIL;
	job = palloc0(sizeof(DpJob));
	strlcpy(job->kind, "web", sizeof(job->kind));
	strlcpy(job->object, database, sizeof(job->object));
	job->object_id = 1;
	job->workers = 1;
	job->owner = BOOTSTRAP_SUPERUSERID;
	return list_make1(job);
}

static const DpJobKind web_kind = {
	.name = "web",
	.bgw_type = "dataplat web worker",
	.wanted = wanted_web_jobs,
	.main = web_worker_main,
	.runs_when_fenced = false
};

void
dp_web_init(void)
{
	dp_web_settings_init();
	dp_web_health_init();
	dp_web_registry_init();
	dp_web_lineage_init();
	dp_web_events_in_init();
	dp_job_kind_register(&web_kind);
}
