/*-------------------------------------------------------------------------
 *
 * window.h
 *	  Windows of time: where the one that holds an instant starts and ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_WINDOW_H
#define DP_PIPELINE_WINDOW_H

#include "datatype/timestamp.h"
#include "pgtime.h"

/*
 * Window k starts at start(k) and ends where k + 1 starts.  One of months,
 * days and usecs is set.  Fixed windows all last as long and are found by a
 * division; the others follow the calendar of a time zone.
 */
typedef struct DpWindowRule
{
	int32		months;
	int32		days;
	int64		usecs;
	pg_tz	   *zone;
	bool		fixed;
	int64		step;			/* fixed: the length */
	TimestampTz origin;			/* fixed: start of window 0 */
	Timestamp	wall_origin;	/* else: wall clock at the start of window 0 */
} DpWindowRule;

/*
 * Errors 22023: a size that is not positive or mixes units, an unknown zone.
 * "origin" NULL: Monday 2000-01-03, or the first of January for months.
 */
extern void dp_window_rule_init(DpWindowRule *rule, const Interval *size,
								const TimestampTz *origin, const char *zone);

/* Number of the window that holds a finite instant; where a window starts.  Error 22008 out of range. */
extern int64 dp_window_number(const DpWindowRule *rule, TimestampTz instant);
extern TimestampTz dp_window_start(const DpWindowRule *rule, int64 number);

/* One size later than the start of a window, by the rule's own units. */
extern TimestampTz dp_window_add(const DpWindowRule *rule, TimestampTz start);

#endif							/* DP_PIPELINE_WINDOW_H */
