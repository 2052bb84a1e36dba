/*-------------------------------------------------------------------------
 *
 * datetime.c
 *	  ISO 8601 dates and timestamps.
 *
 * Only spellings that mean the same under every DateStyle and TimeZone are
 * known here; anything else, valid or not, is left to the input functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "datatype/timestamp.h"

#include "formats/values.h"

#define DATE_CHARS 10			/* YYYY-MM-DD */
#define TIME_CHARS 8			/* HH:MM:SS */
#define MAX_FRACTION 6			/* digits of a microsecond */
#define MAX_ZONE_HOUR 15		/* as the server allows */

static const int64 fraction_unit[MAX_FRACTION + 1] =
{1000000, 100000, 10000, 1000, 100, 10, 1};

/* Two digits, or -1. */
static inline int
two(const char *s)
{
	unsigned	a = s[0] - '0';
	unsigned	b = s[1] - '0';

	return a < 10 && b < 10 ? (int) (a * 10 + b) : -1;
}

/* Days since 2000-01-01 of a Gregorian date; years count from March. */
static int32
days_of(int year, int month, int day)
{
	int			y = year - (month <= 2);
	int			century = y / 100;
	int			m = month + (month > 2 ? -3 : 9);
	int			in_year = (153 * m + 2) / 5 + day - 1;

	/* 730425 days lie between 0000-03-01 and 2000-01-01. */
	return 365 * y + y / 4 - century + century / 4 + in_year - 730425;
}

bool
dp_parse_date(const char *s, size_t len, int32 *days)
{
	static const char month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int			high;
	int			low;
	int			year;
	int			month;
	int			day;
	bool		leap;

	if (len != DATE_CHARS || s[4] != '-' || s[7] != '-')
		return false;
	high = two(s);
	low = two(s + 2);
	month = two(s + 5);
	day = two(s + 8);
	if (high < 0 || low < 0 || month < 1 || month > 12 || day < 1)
		return false;
	year = high * 100 + low;
	if (year < 1)
		return false;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (day > month_days[month - 1] + (leap && month == 2))
		return false;
	*days = days_of(year, month, day);
	return true;
}

/* Z, +HH, +HHMM or +HH:MM to the end of the text, in seconds east. */
static bool
parse_zone(const char *s, size_t len, int *seconds)
{
	int			hour;
	int			minute = 0;

	if (len == 1 && s[0] == 'Z')
	{
		*seconds = 0;
		return true;
	}
	if (len < 3 || (s[0] != '+' && s[0] != '-'))
		return false;
	hour = two(s + 1);
	if (len == 5)
		minute = two(s + 3);
	else if (len == 6 && s[3] == ':')
		minute = two(s + 4);
	else if (len != 3)
		return false;
	if (hour < 0 || hour > MAX_ZONE_HOUR || minute < 0 || minute > 59)
		return false;
	*seconds = (hour * 60 + minute) * 60;
	if (s[0] == '-')
		*seconds = -*seconds;
	return true;
}

bool
dp_parse_timestamp(const char *s, size_t len, int32 typmod, bool with_zone,
				   int64 *micros)
{
	const char *end = s + len;
	int32		days;
	int			hour;
	int			minute;
	int			second;
	int64		fraction = 0;
	int			zone = 0;

	if (len < DATE_CHARS + 1 + TIME_CHARS || !dp_parse_date(s, DATE_CHARS, &days))
		return false;
	s += DATE_CHARS;
	if ((*s != 'T' && *s != ' ') || s[3] != ':' || s[6] != ':')
		return false;
	hour = two(s + 1);
	minute = two(s + 4);
	second = two(s + 7);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return false;
	s += 1 + TIME_CHARS;
	if (s < end && *s == '.')
	{
		int			n = 0;

		for (s++; s < end && *s >= '0' && *s <= '9' && n <= MAX_FRACTION; s++, n++)
			fraction = fraction * 10 + (*s - '0');
		/* What must be rounded is not for us. */
		if (n == 0 || n > MAX_FRACTION || (typmod >= 0 && n > typmod))
			return false;
		fraction *= fraction_unit[n];
	}
	if (s < end ? !parse_zone(s, end - s, &zone) : with_zone)
		return false;

	/* A timestamp without time zone ignores the zone, as the server does. */
	*micros = days * USECS_PER_DAY +
		((hour * 60 + minute) * 60 + second - (with_zone ? zone : 0)) * USECS_PER_SEC +
		fraction;
	return true;
}
