/*-------------------------------------------------------------------------
 *
 * schedule.h
 *	  When a pipeline is due.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_SCHEDULE_H
#define DP_PIPELINE_SCHEDULE_H

#include "common/cron.h"
#include "utils/timestamp.h"

typedef enum DpScheduleKind
{
	DP_ON_DATA,					/* as soon as an input has changed */
	DP_TARGET_LAG,				/* late enough to batch, early enough for the lag */
	DP_EVERY,					/* an interval */
	DP_CRON,
	DP_MANUAL
} DpScheduleKind;

typedef struct DpSchedule
{
	DpScheduleKind kind;
	Interval	interval;		/* of DP_EVERY and DP_TARGET_LAG */
	DpCron		cron;
} DpSchedule;

/* Throws 22023, with what a schedule may be, when the text is none. */
extern void dp_schedule_parse(const char *text, const Interval *target_lag, DpSchedule *schedule);

/* When a pipeline that runs by the clock runs after "after". */
extern TimestampTz dp_schedule_next(const DpSchedule *schedule, TimestampTz after);

/* As interval_in, but false for what is none. */
extern bool dp_interval_read(const char *text, Interval *interval);

/* Microseconds of an interval; a month counts as 30 days. */
extern int64 dp_interval_us(const Interval *interval);

/* GUC dataplat.timezone */
extern void dp_schedule_init(void);

#endif							/* DP_PIPELINE_SCHEDULE_H */
