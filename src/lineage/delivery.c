/*-------------------------------------------------------------------------
 *
 * delivery.c
 *	  Sends OpenLineage events to their endpoints: job kind "lineage".
 *
 * Each turn fills the outbox from the history of runs, takes what is due for
 * each endpoint, sends it, and notes what became of it.  No transaction is
 * open while a server is waited for; a crash between an answer and its note
 * means that an event is sent twice, which its runId, type and time tell.
 *
 * An endpoint that does not answer is left alone for a while that doubles; the
 * others do not wait for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "common/compat.h"
#include "common/http.h"
#include "common/statement.h"
#include "kafka/options.h"
#include "kafka/settings.h"
#include "launcher/launcher.h"
#include "lineage/openlineage.h"

/* How often the history of runs is looked at. */
#define LOOK_EVERY_MS 2000
/* Events sent to an endpoint before the next has its turn. */
#define BATCH_EVENTS 64
/* Events made in one transaction. */
#define FILL_EVENTS 200
/* An answer is read this far; its text goes into last_error. */
#define ANSWER_BYTES (64 * 1024)
#define ANSWER_SHOWN 200
#define CLEAN_EVERY_S 600
#define WAIT_MS 1000

#define DEFAULT_PATH "/api/v1/lineage"

typedef struct Event
{
	int64		id;
	char	   *body;
	int			status;			/* of the answer; 0: none */
	int			retry_after_s;
	char	   *problem;
	bool		tried;
} Event;

typedef struct Endpoint
{
	char	   *server;
	char	   *owner;
	DpKafkaSettings *settings;	/* NULL: could not be had, see problem */
	char	   *problem;
	char	   *url;
	int			nevents;
	Event	   *events;
} Endpoint;

/* ---- transactions ---- */

static void
begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
}

static void
commit(MemoryContext context)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	pgstat_report_stat(false);
}

/* Put new events into the outbox; false when there may be more. */
static bool
fill_outbox(MemoryContext context)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(FILL_EVENTS)};
	bool		isnull;
	int			n;

	begin();
	if (dp_statement_execute("SELECT dataplat_internal.fill_lineage_outbox($1)", 1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not fill the outbox of lineage");
	n = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	commit(context);
	return n < FILL_EVENTS;
}

/* Endpoints that may be talked to now, in "context". */
static List *
load_endpoints(MemoryContext context)
{
	List	   *endpoints = NIL;

	begin();
	dp_statement_execute("SELECT e.server, e.owner::pg_catalog.text FROM dataplat.lineage_endpoint AS e"
						 " WHERE e.enabled AND (e.retry_at IS NULL OR e.retry_at <= pg_catalog.clock_timestamp())"
						 " ORDER BY e.server", 0, NULL, NULL, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		Endpoint   *endpoint = palloc0(sizeof(Endpoint));

		endpoint->server = pstrdup(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
		endpoint->owner = pstrdup(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2));
		endpoints = lappend(endpoints, endpoint);
		MemoryContextSwitchTo(old);
	}
	commit(context);
	return endpoints;
}

/* The events that are due, and where they go; needs SPI. */
static void
load_events(Endpoint *endpoint, MemoryContext context)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(endpoint->server), Int32GetDatum(BATCH_EVENTS)};
	MemoryContext old;

	dp_statement_execute("SELECT event_id, event FROM dataplat_internal.due_lineage_events($1, $2)",
						 2, types, values, NULL, true, 0);
	old = MemoryContextSwitchTo(context);
	endpoint->nevents = (int) SPI_processed;
	endpoint->events = palloc0(sizeof(Event) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		endpoint->events[i].id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		endpoint->events[i].body = pstrdup(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2));
	}
	MemoryContextSwitchTo(old);
}

/* http://host:5000 means http://host:5000/api/v1/lineage. */
static char *
event_url(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;

	if (path && path[1] != '\0')
		return pstrdup(url);
	return psprintf("%.*s" DEFAULT_PATH, (int) (path ? path - url : strlen(url)), url);
}

/*
 * Events and settings in "context".  What is wrong with the declaration is the
 * endpoint's problem, not an error of the worker.
 */
static void
load_endpoint(Endpoint *endpoint, MemoryContext context)
{
	begin();
	load_events(endpoint, context);
	if (endpoint->nevents == 0)
	{
		commit(context);
		return;
	}
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		endpoint->settings = dp_http_settings_load(endpoint->server, DP_WRAPPER_HTTP,
												   get_role_oid(endpoint->owner, false));
		endpoint->url = event_url(dp_kafka_settings_get(endpoint->settings, "url"));
		commit(context);
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		if (dp_job_stop_requested())
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(context);
		endpoint->settings = NULL;
		endpoint->problem = edata->message;
	}
	PG_END_TRY();
}

/* ---- sending ---- */

static uint32
wait_event(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = dp_wait_event_new("DataplatLineage");
	return event;
}

/* False when the worker was asked to leave before there was an answer. */
static bool
wait_for_answer(DpHttp *http, const DpHttpRequest *request)
{
	for (;;)
	{
		long		wait_ms;

		CHECK_FOR_INTERRUPTS();
		dp_http_work(http);
		if (request->outcome != DP_HTTP_RUNNING)
			return true;
		if (dp_job_stop_requested())
			return false;
		wait_ms = dp_http_wait_ms(http);
		(void) WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
								 dp_http_socket(http),
								 wait_ms < 0 ? WAIT_MS : Min(wait_ms, WAIT_MS), wait_event());
		ResetLatch(MyLatch);
	}
}

/* A line of what the server said, where it is text; secrets cut out. */
static char *
describe_answer(const Endpoint *endpoint, const DpHttpRequest *request)
{
	StringInfoData text;

	if (request->outcome != DP_HTTP_ANSWERED)
		return dp_kafka_redact(endpoint->settings, request->error);
	initStringInfo(&text);
	appendStringInfo(&text, "status %d", request->status);
	if (request->len > 0)
		appendStringInfoString(&text, ": ");
	for (size_t i = 0; i < Min(request->len, ANSWER_SHOWN); i++)
	{
		unsigned char c = (unsigned char) request->body[i];

		appendStringInfoChar(&text, c < ' ' || c >= 127 ? ' ' : (char) c);
	}
	return dp_kafka_redact(endpoint->settings, text.data);
}

/* Send one event; false: no more of them now. */
static bool
send_event(const Endpoint *endpoint, Event *event, DpHttp *http)
{
	static const char *const headers[] = {"Content-Type: application/json", "Accept: application/json", NULL};
	DpHttpRequest *request = dp_http_start(http, "POST", endpoint->url, headers, event->body, strlen(event->body));

	if (!wait_for_answer(http, request))
	{
		dp_http_release(request);
		return false;
	}
	event->tried = true;
	event->status = request->outcome == DP_HTTP_ANSWERED ? request->status : 0;
	event->retry_after_s = request->retry_after_s;
	if (event->status < 200 || event->status > 299)
		event->problem = describe_answer(endpoint, request);
	dp_http_release(request);
	/* refused for good: the next may be welcome */
	return event->status >= 200 && event->status < 500 && event->status / 100 != 3 &&
		event->status != 408 && event->status != 429;
}

/* What became of the events that were sent; true when some need not be sent again. */
static bool
note_attempts(const Endpoint *endpoint, MemoryContext context)
{
	Oid			types[5] = {TEXTOID, INT8OID, INT4OID, TEXTOID, INT4OID};
	bool		progress = false;

	begin();
	for (int i = 0; i < endpoint->nevents; i++)
	{
		const Event *event = &endpoint->events[i];
		const char *problem = event->problem ? event->problem : endpoint->problem;
		Datum		values[5];
		char		nulls[5] = {' ', ' ', ' ', ' ', ' '};

		/* the first stands for all where the endpoint cannot be used */
		if (!event->tried && (endpoint->settings || i > 0))
			break;
		values[0] = CStringGetTextDatum(endpoint->server);
		values[1] = Int64GetDatum(event->id);
		values[2] = Int32GetDatum(event->status);
		values[3] = problem ? CStringGetTextDatum(problem) : (Datum) 0;
		nulls[3] = problem ? ' ' : 'n';
		values[4] = Int32GetDatum(event->retry_after_s);
		dp_statement_execute("SELECT dataplat_internal.note_lineage_attempt($1, $2, $3, $4, $5)", 5, types, values, nulls, false, 1);
		progress |= event->status >= 200 && event->status < 300;
	}
	commit(context);
	return progress;
}

/* True when something was delivered, so that more may be due. */
static bool
serve_endpoint(Endpoint *endpoint, MemoryContext context)
{
	load_endpoint(endpoint, context);
	if (endpoint->nevents == 0)
		return false;
	if (endpoint->settings)
	{
		DpHttp	   *http = dp_http_open(endpoint->settings, ANSWER_BYTES, context);

		for (int i = 0; i < endpoint->nevents; i++)
		{
			if (!send_event(endpoint, &endpoint->events[i], http))
				break;
		}
		dp_http_destroy(http);
	}
	return note_attempts(endpoint, context);
}

static void
delivery_main(const DpJob *job)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "dataplat lineage delivery", ALLOCSET_DEFAULT_SIZES);

	while (!dp_job_stop_requested())
	{
		bool		again;
		ListCell   *lc;

		MemoryContextReset(context);
		MemoryContextSwitchTo(context);
		again = !fill_outbox(context);
		foreach(lc, load_endpoints(context))
		{
			if (dp_job_stop_requested())
				return;
			again |= serve_endpoint(lfirst(lc), context);
		}
		dp_job_report(again ? DP_STATE_RUNNING : DP_STATE_IDLE, NULL, NULL);
		dp_job_healthy();
		if (!again)
			(void) dp_job_wait(LOOK_EVERY_MS);
		(void) dp_job_config_changed();
	}
}

static List *
wanted_delivery_jobs(void)
{
	bool		any;
	DpJob	   *job;

	SPI_connect();
	SPI_execute("SELECT 1 FROM dataplat.lineage_endpoint AS e WHERE e.enabled", true, 1);
	any = SPI_processed > 0;
	SPI_finish();
	if (!any)
		return NIL;
	job = palloc0(sizeof(DpJob));
	strlcpy(job->kind, "lineage", sizeof(job->kind));
	strlcpy(job->object, "delivery", sizeof(job->object));
	job->object_id = 1;
	job->workers = 1;
	job->owner = BOOTSTRAP_SUPERUSERID;
	return list_make1(job);
}

static void
clean_outbox(void)
{
	SPI_connect();
	SPI_execute("SELECT dataplat_internal.clean_lineage_outbox()", false, 0);
	SPI_finish();
}

static const DpJobKind lineage_kind = {
	.name = "lineage",
	.bgw_type = "dataplat lineage worker",
	.wanted = wanted_delivery_jobs,
	.main = delivery_main,
	.runs_when_fenced = false
};

void
dp_lineage_delivery_init(void)
{
	dp_job_kind_register(&lineage_kind);
	dp_maintenance_register("lineage outbox", CLEAN_EVERY_S, clean_outbox);
}
