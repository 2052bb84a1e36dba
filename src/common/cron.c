/*-------------------------------------------------------------------------
 *
 * cron.c
 *	  Five-field cron lines.
 *
 * The next time is found by walking forward in real time and looking at the
 * wall clock: what does not fit is skipped by months, days and hours, so the
 * walk is short.  A month or a year that never has such a day ends it.
 *
 * When clocks change, a line with a star for the hour follows real time: it
 * runs in both of two equal hours.  One that names hours runs once: in the
 * first of two equal hours, and when its time is left out by the clock, as
 * soon as the gap is over.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/builtins.h"
#include "utils/datetime.h"

#include "common/cron.h"

/* A 29 February that falls on no leap year's gap comes at least this often. */
#define DP_CRON_YEARS 9

typedef struct Field
{
	const char *name;
	int			low;
	int			high;
	const char *const *words;	/* of low and on */
	int			nwords;
} Field;

static const char *const month_words[] = {
	"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"
};
static const char *const weekday_words[] = {
	"sun", "mon", "tue", "wed", "thu", "fri", "sat"
};

static const Field fields[5] = {
	{"minute", 0, 59, NULL, 0},
	{"hour", 0, 23, NULL, 0},
	{"day of the month", 1, 31, NULL, 0},
	{"month", 1, 12, month_words, lengthof(month_words)},
	{"day of the week", 0, 7, weekday_words, lengthof(weekday_words)},
};

static const struct
{
	const char *name;
	const char *line;
}			nicknames[] =
{
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
	{"@monthly", "0 0 1 * *"},
	{"@weekly", "0 0 * * 0"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@hourly", "0 * * * *"},
};

/* ---- reading ---- */

/* A number or a word of the field; -1 when it is neither. */
static int
read_value(const Field *field, const char **at)
{
	const char *s = *at;

	if (isdigit((unsigned char) *s))
	{
		int			value = 0;

		while (isdigit((unsigned char) *s) && value < 1000)
			value = value * 10 + (*s++ - '0');
		*at = s;
		return value;
	}
	for (int i = 0; i < field->nwords; i++)
	{
		if (pg_strncasecmp(s, field->words[i], 3) == 0 && !isalpha((unsigned char) s[3]))
		{
			*at = s + 3;
			return field->low + i;
		}
	}
	return -1;
}

/* "*", "a", "a-b", each with "/step". */
static bool
read_range(const Field *field, const char **at, uint64 *set)
{
	int			from = field->low;
	int			to = field->high;
	int			step = 1;
	bool		open = true;

	if (**at == '*')
		(*at)++;
	else
	{
		from = read_value(field, at);
		if (from < 0)
			return false;
		open = false;
		to = from;
		if (**at == '-')
		{
			(*at)++;
			to = read_value(field, at);
			open = true;
		}
	}
	if (**at == '/')
	{
		const Field number = {field->name, 1, field->high, NULL, 0};

		(*at)++;
		step = read_value(&number, at);
		if (!open)
			to = field->high;
	}
	if (from < field->low || to > field->high || from > to || step < 1)
		return false;
	for (int i = from; i <= to; i += step)
		*set |= UINT64CONST(1) << i;
	return true;
}

static bool
read_field(const Field *field, const char **at, uint64 *set)
{
	*set = 0;
	for (;;)
	{
		if (!read_range(field, at, set))
			return false;
		if (**at != ',')
			break;
		(*at)++;
	}
	return **at == '\0' || isspace((unsigned char) **at);
}

static const char *
skip_space(const char *s)
{
	while (isspace((unsigned char) *s))
		s++;
	return s;
}

bool
dp_cron_parse(const char *line, DpCron *cron, char **why)
{
	uint64		sets[5];
	bool		star[5];
	const char *at = skip_space(line);

	memset(cron, 0, sizeof(*cron));
	if (*at == '@')
	{
		size_t		len = strcspn(at, " \t\n");

		for (int i = 0; i < lengthof(nicknames); i++)
		{
			if (strlen(nicknames[i].name) == len && *skip_space(at + len) == '\0' &&
				pg_strncasecmp(at, nicknames[i].name, len) == 0)
				return dp_cron_parse(nicknames[i].line, cron, why);
		}
		*why = psprintf("\"%s\" is none of @yearly, @monthly, @weekly, @daily, @hourly.", at);
		return false;
	}
	for (int i = 0; i < 5; i++)
	{
		at = skip_space(at);
		star[i] = *at == '*';
		if (*at == '\0')
		{
			*why = psprintf("The line has %d of the five fields minute, hour, day of the month, month, day of the week.", i);
			return false;
		}
		if (!read_field(&fields[i], &at, &sets[i]))
		{
			*why = psprintf("The field %s takes numbers from %d to %d%s, *, ranges a-b, steps /n and lists.",
							fields[i].name, fields[i].low, fields[i].high,
							fields[i].nwords > 0 ? ", names of three letters" : "");
			return false;
		}
	}
	if (*skip_space(at) != '\0')
	{
		*why = pstrdup("The line has more than five fields.");
		return false;
	}
	cron->minutes = sets[0];
	cron->hours = sets[1];
	cron->days = sets[2];
	cron->months = sets[3];
	cron->weekdays = sets[4];
	if (cron->weekdays & (UINT64CONST(1) << 7))
		cron->weekdays |= 1;
	cron->any_hour = star[1];
	cron->any_day = star[2];
	cron->any_weekday = star[4];
	return true;
}

/* ---- the next time ---- */

static bool
has(uint64 set, int value)
{
	return (set & (UINT64CONST(1) << value)) != 0;
}

/* The classic rule: when both days are given, either will do. */
static bool
day_fits(const DpCron *cron, const struct pg_tm *tm)
{
	bool		day = has(cron->days, tm->tm_mday);
	bool		weekday = has(cron->weekdays,
							  j2day(date2j(tm->tm_year, tm->tm_mon, tm->tm_mday)));

	if (cron->any_day || cron->any_weekday)
		return day && weekday;
	return day || weekday;
}

static int
wall_clock(TimestampTz t, pg_tz *zone, struct pg_tm *tm)
{
	fsec_t		fsec;
	const char *abbreviation;
	int			offset = 0;

	if (timestamp2tm(t, &offset, tm, &fsec, &abbreviation, zone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return -offset;
}

/* Midnight of a day of the wall calendar, or the first moment after it. */
static TimestampTz
midnight(int year, int month, int day, pg_tz *zone)
{
	struct pg_tm tm = {0};
	int			offset;
	int			julian = date2j(year, month, day);
	Timestamp	t = (Timestamp) (julian - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;

	j2date(julian, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	tm.tm_isdst = -1;
	offset = DetermineTimeZoneOffset(&tm, zone);
	return t + (TimestampTz) offset * USECS_PER_SEC;
}

/* Does a minute from "from" to before "to" of one day fit, in minutes of the day? */
static bool
fits_between(const DpCron *cron, int from, int to)
{
	for (int m = Max(from, 0); m < to; m++)
	{
		if (has(cron->hours, m / 60) && has(cron->minutes, m % 60))
			return true;
	}
	return false;
}

/*
 * The hour of t is right or not; a line that names hours also looks at what
 * the clock has just left out, and not twice at what it repeats.
 */
static bool
time_fits(const DpCron *cron, TimestampTz t, const struct pg_tm *tm, int offset, pg_tz *zone)
{
	struct pg_tm before;
	int			now = tm->tm_hour * 60 + tm->tm_min;
	int			jump;

	if (!cron->any_hour)
	{
		jump = (offset - wall_clock(t - USECS_PER_MINUTE, zone, &before)) / SECS_PER_MINUTE;
		if (jump > 0 && fits_between(cron, now - jump, now))
			return true;
		jump = (wall_clock(t - USECS_PER_HOUR, zone, &before) - offset) / SECS_PER_MINUTE;
		if (jump > 0 && jump <= MINS_PER_HOUR && before.tm_hour * 60 + before.tm_min + 60 - jump == now)
			return false;
	}
	return has(cron->hours, tm->tm_hour) && has(cron->minutes, tm->tm_min);
}

TimestampTz
dp_cron_next(const DpCron *cron, TimestampTz after, pg_tz *zone)
{
	struct pg_tm tm;
	TimestampTz t = after - after % USECS_PER_MINUTE + (after >= 0 || after % USECS_PER_MINUTE == 0 ? USECS_PER_MINUTE : 0);
	int			last_year;

	(void) wall_clock(t, zone, &tm);
	/* zones of long ago had seconds in their offsets */
	t -= (TimestampTz) tm.tm_sec * USECS_PER_SEC;
	if (t <= after)
		t += USECS_PER_MINUTE;
	last_year = tm.tm_year + DP_CRON_YEARS;
	for (;;)
	{
		TimestampTz next;
		int			offset = wall_clock(t, zone, &tm);

		if (tm.tm_year > last_year)
			return DT_NOEND;
		if (!has(cron->months, tm.tm_mon))
			next = midnight(tm.tm_year + tm.tm_mon / 12, tm.tm_mon % 12 + 1, 1, zone);
		else if (!day_fits(cron, &tm))
			next = midnight(tm.tm_year, tm.tm_mon, tm.tm_mday + 1, zone);
		else if (time_fits(cron, t, &tm, offset, zone))
			return t;
		else if (!has(cron->hours, tm.tm_hour))
			next = t + (60 - tm.tm_min) * USECS_PER_MINUTE;
		else
			next = t + USECS_PER_MINUTE;
		t = Max(next, t + USECS_PER_MINUTE);
	}
}
