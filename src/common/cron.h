/*-------------------------------------------------------------------------
 *
 * cron.h
 *	  Five-field cron lines.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_CRON_H
#define DP_COMMON_CRON_H

#include "pgtime.h"
#include "utils/timestamp.h"

/* Sets of allowed values, one bit each. */
typedef struct DpCron
{
	uint64		minutes;		/* 0 to 59 */
	uint64		hours;			/* 0 to 23 */
	uint64		days;			/* 1 to 31 */
	uint64		months;			/* 1 to 12 */
	uint64		weekdays;		/* 0 (Sunday) to 6 */
	bool		any_day;		/* the field was * */
	bool		any_weekday;
	bool		any_hour;		/* the hour began with *: runs by the clock of the world, not of the wall */
} DpCron;

/*
 * Read "minute hour day month weekday", with names, ranges, steps and lists,
 * or @hourly and its like.  False with a reason (palloc'd) when it is none.
 */
extern bool dp_cron_parse(const char *line, DpCron *cron, char **why);

/* The first time after "after" that fits; DT_NOEND when there is none. */
extern TimestampTz dp_cron_next(const DpCron *cron, TimestampTz after, pg_tz *zone);

#endif							/* DP_COMMON_CRON_H */
