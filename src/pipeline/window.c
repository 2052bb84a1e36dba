/*-------------------------------------------------------------------------
 *
 * window.c
 *	  Windows of time: where the one that holds an instant starts and ends.
 *
 * A size in hours or less is elapsed time: every window lasts as long as the
 * next, whatever the clocks on the wall do.  A size in days or months is
 * calendar time: a window starts at the first instant at which the wall clock
 * of its zone reaches the boundary.  So windows never overlap and leave no
 * gap: where the clocks jump over midnight the day starts at the jump, and
 * where they show midnight twice it starts at the first.  PostgreSQL draws
 * the same line between '24 hours' and '1 day'.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "common/compat.h"
#include "pipeline/window.h"

/* Wall clock 2000-01-03 00:00, a Monday; timestamps count from 2000-01-01. */
#define MONDAY_ORIGIN (INT64CONST(2) * USECS_PER_DAY)

/* No zone is farther from UTC than this, with room for the date line moving. */
#define FARTHEST_ZONE (INT64CONST(48) * USECS_PER_HOUR)

pg_noreturn static void out_of_range(void);
static int64 floor_div(int64 a, int64 b);
static Timestamp wall_clock(TimestampTz instant, pg_tz *zone);
static TimestampTz first_instant(Timestamp wall, pg_tz *zone);
static Timestamp wall_boundary(const DpWindowRule *rule, int64 number);
static Timestamp add_months(Timestamp wall, int64 months);
static int64 months_between(Timestamp from, Timestamp to);
static pg_tz *zone_named(const char *name);

void
dp_window_rule_init(DpWindowRule *rule, const Interval *size, const TimestampTz *origin,
					const char *zone)
{
	long int	offset;
	bool		zone_is_fixed;

	if ((size->month != 0) + (size->day != 0) + (size->time != 0) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("size of a window mixes months, days and time"),
				 errhint("A month or a day does not always last as long; write 36 hours instead of 1 day 12 hours.")));
	if (size->month <= 0 && size->day <= 0 && size->time <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("size of a window must be positive")));
	if (origin && TIMESTAMP_NOT_FINITE(*origin))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("origin of windows must be finite")));

	rule->months = size->month;
	rule->days = size->day;
	rule->usecs = size->time;
	rule->zone = zone_named(zone);
	zone_is_fixed = pg_get_timezone_offset(rule->zone, &offset);
	rule->fixed = rule->usecs > 0 || (rule->days > 0 && zone_is_fixed);
	rule->step = rule->usecs > 0 ? rule->usecs : rule->days * USECS_PER_DAY;
	rule->wall_origin = origin ? wall_clock(*origin, rule->zone) :
		rule->months > 0 ? 0 : MONDAY_ORIGIN;
	rule->origin = origin ? *origin : first_instant(rule->wall_origin, rule->zone);
}

int64
dp_window_number(const DpWindowRule *rule, TimestampTz instant)
{
	int64		since;
	int64		number;

	if (rule->fixed)
	{
		if (pg_sub_s64_overflow(instant, rule->origin, &since))
			out_of_range();
		return floor_div(since, rule->step);
	}

	/* Right but for the hours around a boundary at which the clocks change. */
	if (rule->months > 0)
		number = floor_div(months_between(rule->wall_origin, wall_clock(instant, rule->zone)),
						   rule->months);
	else
	{
		if (pg_sub_s64_overflow(wall_clock(instant, rule->zone), rule->wall_origin, &since))
			out_of_range();
		number = floor_div(since, rule->step);
	}
	while (dp_window_start(rule, number) > instant)
		number--;
	while (dp_window_start(rule, number + 1) <= instant)
		number++;
	return number;
}

TimestampTz
dp_window_start(const DpWindowRule *rule, int64 number)
{
	TimestampTz start;

	if (!rule->fixed)
		return first_instant(wall_boundary(rule, number), rule->zone);
	if (pg_mul_s64_overflow(number, rule->step, &start) ||
		pg_add_s64_overflow(start, rule->origin, &start) ||
		!IS_VALID_TIMESTAMP(start))
		out_of_range();
	return start;
}

TimestampTz
dp_window_add(const DpWindowRule *rule, TimestampTz start)
{
	Timestamp	end;

	if (rule->fixed)
	{
		if (pg_add_s64_overflow(start, rule->step, &end) || !IS_VALID_TIMESTAMP(end))
			out_of_range();
		return end;
	}
	end = wall_clock(start, rule->zone);
	if (rule->months > 0)
		end = add_months(end, rule->months);
	else if (pg_add_s64_overflow(end, rule->step, &end))
		out_of_range();
	return first_instant(end, rule->zone);
}

static void
out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("timestamp out of range")));
}

static int64
floor_div(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}

static Timestamp
wall_clock(TimestampTz instant, pg_tz *zone)
{
	struct pg_tm tm;
	int			tz;
	fsec_t		fsec;
	Timestamp	wall;

	if (timestamp2tm(instant, &tz, &tm, &fsec, NULL, zone) != 0 ||
		tm2timestamp(&tm, fsec, NULL, &wall) != 0)
		out_of_range();
	return wall;
}

/*
 * The first instant at which the wall clock shows this or later.
 *
 * Walks from one change of the clocks to the next, beginning so early that
 * the wall clock cannot have come there yet.
 */
static TimestampTz
first_instant(Timestamp wall, pg_tz *zone)
{
	TimestampTz from;
	TimestampTz instant;

	if (pg_sub_s64_overflow(wall, FARTHEST_ZONE, &from))
		out_of_range();
	for (;;)
	{
		pg_time_t	seconds = timestamptz_to_time_t(from);
		pg_time_t	boundary;
		long int	before;
		long int	after;
		int			before_isdst;
		int			after_isdst;
		TimestampTz change;
		int			found;

		found = pg_next_dst_boundary(&seconds, &before, &before_isdst,
									 &boundary, &after, &after_isdst, zone);
		if (found < 0)
			out_of_range();
		instant = wall - before * USECS_PER_SEC;
		if (found == 0)
			break;
		change = time_t_to_timestamptz(boundary);
		if (instant < change)
			break;
		/* The clocks jump over it, or show it for the first time just now. */
		if (wall - after * USECS_PER_SEC <= change)
		{
			instant = change;
			break;
		}
		from = change;
	}
	if (!IS_VALID_TIMESTAMP(instant))
		out_of_range();
	return instant;
}

static Timestamp
wall_boundary(const DpWindowRule *rule, int64 number)
{
	int64		by;
	Timestamp	wall;

	if (pg_mul_s64_overflow(number, rule->months > 0 ? rule->months : rule->step, &by))
		out_of_range();
	if (rule->months > 0)
		return add_months(rule->wall_origin, by);
	if (pg_add_s64_overflow(rule->wall_origin, by, &wall))
		out_of_range();
	return wall;
}

/* The 31st becomes the last day of a shorter month. */
static Timestamp
add_months(Timestamp wall, int64 months)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int64		month;
	int64		year;
	Timestamp	result;

	if (timestamp2tm(wall, NULL, &tm, &fsec, NULL, NULL) != 0)
		out_of_range();
	if (pg_add_s64_overflow(tm.tm_year * (int64) MONTHS_PER_YEAR + tm.tm_mon - 1, months, &month))
		out_of_range();
	year = floor_div(month, MONTHS_PER_YEAR);
	if (year < PG_INT32_MIN || year > PG_INT32_MAX)
		out_of_range();
	tm.tm_year = (int) year;
	tm.tm_mon = (int) (month - year * MONTHS_PER_YEAR) + 1;
	tm.tm_mday = Min(tm.tm_mday, day_tab[isleap(tm.tm_year)][tm.tm_mon - 1]);
	if (tm2timestamp(&tm, fsec, NULL, &result) != 0)
		out_of_range();
	return result;
}

/* By the numbers of their months; days are not looked at. */
static int64
months_between(Timestamp from, Timestamp to)
{
	struct pg_tm a;
	struct pg_tm b;
	fsec_t		fsec;

	if (timestamp2tm(from, NULL, &a, &fsec, NULL, NULL) != 0 ||
		timestamp2tm(to, NULL, &b, &fsec, NULL, NULL) != 0)
		out_of_range();
	return (b.tm_year - a.tm_year) * (int64) MONTHS_PER_YEAR + b.tm_mon - a.tm_mon;
}

static pg_tz *
zone_named(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", name),
				 errhint("See pg_timezone_names; abbreviations with summer time are not zones.")));
	return zone;
}
