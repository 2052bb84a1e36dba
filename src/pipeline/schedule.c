/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  When a pipeline is due.
 *
 * A schedule is a word (on_data, manual, target_lag), an interval or a cron
 * line.  Cron lines go by the wall clock of dataplat.timezone; intervals by
 * real time, from the start of one run to the start of the next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"

#include "pipeline/schedule.h"

/* Nothing runs by the clock more often than this. */
#define DP_SHORTEST_INTERVAL_US (100 * INT64CONST(1000))

static char *zone_name = NULL;

PG_FUNCTION_INFO_V1(dp_next_cron_time);
PG_FUNCTION_INFO_V1(dp_check_schedule);
extern PGDLLEXPORT Datum dp_next_cron_time(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_check_schedule(PG_FUNCTION_ARGS);

static bool
check_zone(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || pg_tzset(*newval) != NULL)
		return true;
	GUC_check_errdetail("There is no time zone \"%s\".", *newval);
	return false;
}

void
dp_schedule_init(void)
{
	DefineCustomStringVariable("dataplat.timezone",
							   "Time zone of the cron lines of pipelines.",
							   "Empty: that of the server (timezone).",
							   &zone_name, "", PGC_SIGHUP, 0, check_zone, NULL, NULL);
}

static pg_tz *
cron_zone(void)
{
	pg_tz	   *zone = zone_name && zone_name[0] ? pg_tzset(zone_name) : NULL;

	return zone ? zone : session_timezone;
}

int64
dp_interval_us(const Interval *interval)
{
	return interval->time + (interval->day + (int64) interval->month * DAYS_PER_MONTH) * USECS_PER_DAY;
}

/* As interval_in does, but false instead of an error. */
bool
dp_interval_read(const char *text, Interval *interval)
{
	char		work[MAXDATELEN];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	int			nf;
	int			dtype;
	struct pg_itm_in itm = {0};
	char		copy[MAXDATELEN];

	if (ParseDateTime(text, work, sizeof(work), field, ftype, MAXDATEFIELDS, &nf) != 0)
		return false;
	if (DecodeInterval(field, ftype, nf, INTERVAL_FULL_RANGE, &dtype, &itm) != 0)
	{
		strlcpy(copy, text, sizeof(copy));
		memset(&itm, 0, sizeof(itm));
		if (DecodeISO8601Interval(copy, &dtype, &itm) != 0)
			return false;
	}
	return dtype == DTK_DELTA && itmin2interval(&itm, interval) == 0;
}

/* Does it try to be a cron line? */
static bool
looks_like_cron(const char *text)
{
	return *text == '@' || strchr(text, '*') != NULL;
}

static void
bad_schedule(const char *text, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot read schedule \"%s\"", text),
			 detail ? errdetail("%s", detail) : 0,
			 errhint("Use on_data, manual, target_lag, an interval such as '5 minutes', or a cron line such as '0 3 * * *' or '@hourly'.")));
}

void
dp_schedule_parse(const char *text, const Interval *target_lag, DpSchedule *schedule)
{
	char	   *why = NULL;
	bool		on_data = strcmp(text, "on_data") == 0;

	memset(schedule, 0, sizeof(*schedule));
	if (strcmp(text, "manual") == 0)
		schedule->kind = DP_MANUAL;
	else if (target_lag != NULL && (on_data || strcmp(text, "target_lag") == 0))
	{
		schedule->kind = DP_TARGET_LAG;
		schedule->interval = *target_lag;
	}
	else if (on_data)
		schedule->kind = DP_ON_DATA;
	else if (strcmp(text, "target_lag") == 0)
		bad_schedule(text, "A schedule by target_lag needs the argument target_lag.");
	else if (dp_cron_parse(text, &schedule->cron, &why))
	{
		schedule->kind = DP_CRON;
		if (dp_schedule_next(schedule, GetCurrentTimestamp()) == DT_NOEND)
			bad_schedule(text, "There is no such day.");
	}
	else if (!looks_like_cron(text) && dp_interval_read(text, &schedule->interval))
	{
		schedule->kind = DP_EVERY;
		if (dp_interval_us(&schedule->interval) < DP_SHORTEST_INTERVAL_US)
			bad_schedule(text, "The shortest interval is 100 ms.");
	}
	else
		bad_schedule(text, looks_like_cron(text) ? why : NULL);
}

TimestampTz
dp_schedule_next(const DpSchedule *schedule, TimestampTz after)
{
	if (schedule->kind == DP_CRON)
		return dp_cron_next(&schedule->cron, after, cron_zone());
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(after),
												   IntervalPGetDatum(&schedule->interval)));
}

/* next_cron_time(line text, after timestamptz): in dataplat.timezone. */
Datum
dp_next_cron_time(PG_FUNCTION_ARGS)
{
	char	   *line = text_to_cstring(PG_GETARG_TEXT_PP(0));
	DpCron		cron;
	char	   *why = NULL;
	TimestampTz next;

	if (!dp_cron_parse(line, &cron, &why))
		bad_schedule(line, why);
	next = dp_cron_next(&cron, PG_GETARG_TIMESTAMPTZ(1), cron_zone());
	if (next == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(next);
}

/* check_schedule(schedule text, target_lag interval): an error unless it is one. */
Datum
dp_check_schedule(PG_FUNCTION_ARGS)
{
	DpSchedule	schedule;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	dp_schedule_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)),
					  PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1), &schedule);
	PG_RETURN_VOID();
}
