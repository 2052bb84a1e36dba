/*-------------------------------------------------------------------------
 *
 * session.c
 *	  Sessions: runs of events with no pause longer than a gap between two.
 *
 * Window functions over PARTITION BY key ORDER BY time.  A session ends one
 * gap after its last event, so to know its end is to look ahead; each row is
 * looked at ahead once, whatever the length of a session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "windowapi.h"

#include "common/compat.h"

/* The session of the current row; lives as long as its partition. */
typedef struct Session
{
	bool		open;
	TimestampTz start;
	TimestampTz last;			/* latest event that was looked at */
	TimestampTz end;			/* one gap after that */
	int64		gap;
	int64		seen;			/* rows of the partition looked at */
} Session;

PG_FUNCTION_INFO_V1(dp_session_start);
PG_FUNCTION_INFO_V1(dp_session_end);
PG_FUNCTION_INFO_V1(dp_session_range);

extern PGDLLEXPORT Datum dp_session_start(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_session_end(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_session_range(PG_FUNCTION_ARGS);

static Session *session_of_row(FunctionCallInfo fcinfo, bool to_its_end);
static bool add_event(Session *session, TimestampTz ts);
static void begin_session(Session *session, TimestampTz ts, WindowObject window);
static int64 gap_of_row(WindowObject window);
static TimestampTz after_gap(TimestampTz ts, int64 gap);

Datum
dp_session_start(PG_FUNCTION_ARGS)
{
	Session    *session = session_of_row(fcinfo, false);

	if (session == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(session->start);
}

Datum
dp_session_end(PG_FUNCTION_ARGS)
{
	Session    *session = session_of_row(fcinfo, true);

	if (session == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(session->end);
}

Datum
dp_session_range(PG_FUNCTION_ARGS)
{
	Session    *session = session_of_row(fcinfo, true);
	RangeBound	lower = {.inclusive = true, .lower = true};
	RangeBound	upper = {0};

	if (session == NULL)
		PG_RETURN_NULL();
	lower.val = TimestampTzGetDatum(session->start);
	upper.val = TimestampTzGetDatum(session->end);
	upper.inclusive = session->start == session->end;	/* one infinite instant */
	PG_RETURN_RANGE_P(dp_make_range(lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO),
									&lower, &upper, false));
}

/*
 * The session that the current row belongs to; NULL when the row has no time
 * or no gap.  With to_its_end the rows that follow are read up to the next
 * session.
 */
static Session *
session_of_row(FunctionCallInfo fcinfo, bool to_its_end)
{
	WindowObject window = PG_WINDOW_OBJECT();
	Session    *session = WinGetPartitionLocalMemory(window, sizeof(Session));
	int64		position = WinGetCurrentPosition(window);
	bool		isnull;
	bool		outside;
	TimestampTz ts = DatumGetTimestampTz(WinGetFuncArgCurrent(window, 0, &isnull));

	WinSetMarkPosition(window, position);
	if (isnull)
		return NULL;
	if (position >= session->seen)
	{
		if (!session->open || !add_event(session, ts))
			begin_session(session, ts, window);
		session->seen = position + 1;
	}

	while (to_its_end)
	{
		CHECK_FOR_INTERRUPTS();
		ts = DatumGetTimestampTz(WinGetFuncArgInPartition(window, 0, (int) (session->seen - position),
														  WINDOW_SEEK_CURRENT, false, &isnull, &outside));
		if (outside || isnull || !add_event(session, ts))
			break;
		session->seen++;
	}
	return session->gap < 0 ? NULL : session;
}

/* False: ts is the first of another session. */
static bool
add_event(Session *session, TimestampTz ts)
{
	if (ts < session->last)
		ereport(ERROR,
				(errcode(ERRCODE_WINDOWING_ERROR),
				 errmsg("events of a session must come in the order of their time"),
				 errhint("Write OVER (PARTITION BY ... ORDER BY ...) with the time that the function gets.")));
	if (ts > session->end)
		return false;
	session->last = ts;
	session->end = after_gap(ts, session->gap);
	return true;
}

/* The gap is that of the session's first row. */
static void
begin_session(Session *session, TimestampTz ts, WindowObject window)
{
	session->open = true;
	session->gap = gap_of_row(window);
	session->start = session->last = ts;
	session->end = after_gap(ts, session->gap);
}

/* Microseconds; -1 for NULL. */
static int64
gap_of_row(WindowObject window)
{
	bool		isnull;
	Datum		value = WinGetFuncArgCurrent(window, 1, &isnull);
	const Interval *gap;
	int64		usecs;

	if (isnull)
		return -1;
	gap = DatumGetIntervalP(value);
	if (gap->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("gap of a session must not have months"),
				 errdetail("Months do not all last as long.")));
	if (pg_add_s64_overflow(gap->day * USECS_PER_DAY, gap->time, &usecs) || usecs <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("gap of a session must be positive")));
	return usecs;
}

static TimestampTz
after_gap(TimestampTz ts, int64 gap)
{
	TimestampTz end;

	if (TIMESTAMP_NOT_FINITE(ts) || gap < 0)
		return ts;
	if (pg_add_s64_overflow(ts, gap, &end) || !IS_VALID_TIMESTAMP(end))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return end;
}
