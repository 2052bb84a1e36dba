/*-------------------------------------------------------------------------
 *
 * time_int.h
 *	  What the files about event time share.
 *
 * Words.  A row is late when its event time is before the watermark, as it
 * stood when the run began, less grace.  A window is open until the watermark
 * reaches its end plus grace.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_TIME_INT_H
#define DP_PIPELINE_TIME_INT_H

#include "pipeline/time.h"
#include "pipeline/window.h"

/* What event_time, grace and emit say. */
typedef struct DpTimeSettings
{
	char	   *column;
	char	   *expression;
	char	   *relation;
	char	   *window_end;
	bool		keeps_late;		/* late rows are left out: side_table or count */
	bool		side_table;
	bool		closes;			/* emit => close */
	int64		grace;			/* microseconds, as all of these */
	int64		max_future;
} DpTimeSettings;

/* Event times of one partition in this run. */
typedef struct DpPartitionTimes
{
	char	   *name;
	TimestampTz latest;			/* DT_NOBEGIN: none that counts */
	int64		future;
	int64		late;
} DpPartitionTimes;

/* Where the rows of an input have their event time. */
typedef struct DpEventInput
{
	Oid			relid;
	char	   *relation;
	Node	   *time;			/* expression over the relation, as range table entry 1 */
	AttrNumber	topic;			/* of bronze; 0: not there */
	AttrNumber	partition;
	AttrNumber	offset;
	List	   *partitions;		/* DpPartitionTimes */
} DpEventInput;

/* How the end of a row's window is told from one of its columns. */
typedef enum DpEndKind
{
	DP_END_NONE,
	DP_END_VALUE,				/* it is the end */
	DP_END_RANGE,				/* a range with that end */
	DP_END_TUMBLE,				/* the start of a tumbling window */
	DP_END_HOP					/* the start of a hopping window */
} DpEndKind;

typedef struct DpWindowEnd
{
	DpEndKind	kind;
	int			column;			/* of the result, from 1 */
	int			key;			/* among the keys, from 1; 0: it is none of them */
	DpWindowRule rule;			/* DP_END_TUMBLE; of DP_END_HOP the size */
} DpWindowEnd;

struct DpTime
{
	const DpPipeline *pipeline;
	DpTimeSettings settings;
	List	   *inputs;			/* DpEventInput */
	DpWindowEnd end;
	TimestampTz began;			/* watermark when the run began; DT_NOBEGIN: none yet */
	TimestampTz watermark;		/* now */
	TimestampTz clock;
	List	   *late_rows;		/* not stored yet */
	bool		has_late_rows;	/* noted in earlier runs or this one */
	bool		has_closing;
	TupleDesc	held_desc;		/* key columns and the time at which the window closes */
	Tuplestorestate *held;
	int		   *key_columns;	/* of the result, from 1 */
	MemoryContext context;
};

/* ---- event_time.c ---- */

/* Errors: 42703 no such column, 42804 not a timestamptz, 22023 a setting that does not fit. */
extern List *dp_event_inputs(const DpQuery *query, const DpTimeSettings *settings,
							 const List *keys, const List *lookups);
extern void dp_event_time_is_captured(const DpQuery *query, const DpEventInput *input);
extern void dp_window_end(const DpQuery *query, const DpTimeSettings *settings,
						  const List *keys, DpWindowEnd *end);

/* DT_NOBEGIN: no window, or a NULL. */
extern TimestampTz dp_window_end_of(const DpWindowEnd *end, Datum value, bool isnull);

/* ---- watermark.c ---- */
extern DpEventInput *dp_event_input(const DpTime *time, Oid relid);

/* Saturates at the ends of time. */
extern TimestampTz dp_time_after(TimestampTz at, int64 usecs);

/* ---- late.c ---- */
extern void dp_late_note(DpTime *time, const DpEventInput *input, TupleTableSlot *row, TimestampTz at);
extern void dp_late_store(DpTime *time);

#endif							/* DP_PIPELINE_TIME_INT_H */
