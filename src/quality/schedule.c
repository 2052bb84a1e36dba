/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  Validations that come by themselves: suites with a schedule.
 *
 * One worker a database looks what is due and validates a dataset of a suite
 * at a time, each in a transaction of its own; what is due, and what comes of it,
 * is decided in SQL (quality_schedule.sql).  A crash between two datasets
 * loses nothing: the state of a suite commits together with its results.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "common/attempt.h"
#include "common/cron.h"
#include "launcher/launcher.h"
#include "quality/quality.h"

/* How soon a run or a batch is noticed by suites with the schedule on_data. */
#define LOOK_EVERY_MS 1000

#define SHORTEST_INTERVAL_US USECS_PER_SEC

extern PGDLLEXPORT Datum dp_next_suite_time(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_next_suite_time);

/* ---- when ---- */

static pg_tz *
cron_zone(void)
{
	const char *name = GetConfigOption("dataplat.timezone", true, false);
	pg_tz	   *zone = name != NULL && name[0] != '\0' ? pg_tzset(name) : NULL;

	return zone ? zone : session_timezone;
}

typedef struct Reading
{
	char	   *text;
	Interval	interval;
} Reading;

static void
read_interval(void *arg)
{
	Reading    *reading = arg;

	reading->interval = *DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(reading->text),
															   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static int64
interval_us(const Interval *interval)
{
	return interval->time + (interval->day + (int64) interval->month * DAYS_PER_MONTH) * USECS_PER_DAY;
}

/*
 * next_suite_time(schedule text, after timestamptz) returns timestamptz
 *
 * NULL for on_data; an error when it is no schedule.
 */
Datum
dp_next_suite_time(PG_FUNCTION_ARGS)
{
	char	   *schedule = text_to_cstring(PG_GETARG_TEXT_PP(0));
	TimestampTz after = PG_GETARG_TIMESTAMPTZ(1);
	Reading		reading = {.text = schedule};
	DpCron		cron;
	char	   *why = NULL;
	TimestampTz next;

	if (strcmp(schedule, "on_data") == 0)
		PG_RETURN_NULL();
	if (dp_cron_parse(schedule, &cron, &why))
	{
		next = dp_cron_next(&cron, after, cron_zone());
		if (next == DT_NOEND)
			PG_RETURN_NULL();
		PG_RETURN_TIMESTAMPTZ(next);
	}
	if (dp_attempt(read_interval, &reading) != NULL || interval_us(&reading.interval) < SHORTEST_INTERVAL_US)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid schedule \"%s\"", schedule),
				 errdetail("As a cron line: %s", why),
				 errhint("A schedule is on_data, an interval of a second or more (15 minutes), or a cron line (0 6 * * *).")));
	PG_RETURN_TIMESTAMPTZ(after + interval_us(&reading.interval));
}

/* ---- the worker ---- */

/* Validate what is due next.  Returns whether there was something. */
static bool
validate_next(void)
{
	bool		found;
	bool		isnull;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, "validating what is due");
	SPI_connect();
	if (SPI_execute("SELECT dataplat_internal.validate_next_due()", false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not look what is to be validated");
	found = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) && !isnull;
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	return found;
}

static void
quality_main(const DpJob *job)
{
	while (!dp_job_stop_requested())
	{
		if (validate_next())
		{
			dp_job_healthy();
			continue;
		}
		dp_job_report(DP_STATE_IDLE, NULL, NULL);
		(void) dp_job_wait(LOOK_EVERY_MS);
		(void) dp_job_config_changed();
	}
}

/* In the scheduler: a worker, as soon as a suite has a schedule. */
static List *
wanted_quality_jobs(void)
{
	DpJob	   *job;
	bool		any;
	MemoryContext context = CurrentMemoryContext;

	SPI_connect();
	SPI_execute("SELECT FROM dataplat.expectation_suite AS s WHERE s.schedule IS NOT NULL LIMIT 1", true, 1);
	any = SPI_processed > 0;
	SPI_finish();
	MemoryContextSwitchTo(context);
	if (!any)
		return NIL;
	job = palloc0(sizeof(DpJob));
	strlcpy(job->kind, "quality", sizeof(job->kind));
	strlcpy(job->object, "suites", sizeof(job->object));
	job->workers = 1;
	job->owner = BOOTSTRAP_SUPERUSERID;
	return list_make1(job);
}

static const DpJobKind quality_kind = {
	.name = "quality",
	.bgw_type = "dataplat quality worker",
	.wanted = wanted_quality_jobs,
	.main = quality_main,
	.runs_when_fenced = false
};

void
dp_quality_schedule_init(void)
{
	dp_job_kind_register(&quality_kind);
}
