/*-------------------------------------------------------------------------
 *
 * window_sql.c
 *	  tumble() and hop(): windows of time as SQL functions.
 *
 * They run once a row, over all rows of a query, so what the arguments say is
 * kept between calls, and the last window of a calendar, too: rows of one
 * time come together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "common/compat.h"
#include "pipeline/window.h"

/* What a call site asked for last, and where that got it. */
typedef struct WindowCache
{
	bool		set;
	DpWindowRule rule;
	Interval	size;
	bool		has_origin;
	TimestampTz origin;
	char	   *zone;
	int			zone_len;
	TimestampTz start;			/* start = end: no window yet */
	TimestampTz end;
	TypeCacheEntry *range;
} WindowCache;

/* Where the argument list of tumble() and hop() has what. */
typedef enum WindowArg
{
	ARG_TS,
	ARG_SIZE,
	ARG_ORIGIN,
	ARG_ZONE
} WindowArg;

/* State of one hop(): the windows from the first that holds ts. */
typedef struct HopState
{
	DpWindowRule slide;
	DpWindowRule size;
	TimestampTz infinite;		/* not 0: the only answer */
	int64		next;
	int64		last;
	TypeCacheEntry *range;
} HopState;

PG_FUNCTION_INFO_V1(dp_tumble);
PG_FUNCTION_INFO_V1(dp_tumble_end);
PG_FUNCTION_INFO_V1(dp_tumble_range);
PG_FUNCTION_INFO_V1(dp_hop);
PG_FUNCTION_INFO_V1(dp_hop_range);

extern PGDLLEXPORT Datum dp_tumble(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_tumble_end(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_tumble_range(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_hop(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_hop_range(PG_FUNCTION_ARGS);

static WindowCache *find_window(FunctionCallInfo fcinfo);
static bool same_rule(const WindowCache *cache, const Interval *size, bool has_origin,
					  TimestampTz origin, const text *zone);
static Datum next_hop(FunctionCallInfo fcinfo, bool as_range);
static void start_hops(FunctionCallInfo fcinfo, HopState *hops);
static Datum range_of(TypeCacheEntry *type, TimestampTz start, TimestampTz end);

/*
 * tumble(ts, size, origin, time_zone): the start of the window that holds ts.
 *
 * An infinite ts is its own window, as it is for date_trunc().
 */
Datum
dp_tumble(PG_FUNCTION_ARGS)
{
	WindowCache *window = find_window(fcinfo);

	if (window == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(window->start);
}

Datum
dp_tumble_end(PG_FUNCTION_ARGS)
{
	WindowCache *window = find_window(fcinfo);

	if (window == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(window->end);
}

Datum
dp_tumble_range(PG_FUNCTION_ARGS)
{
	WindowCache *window = find_window(fcinfo);

	if (window == NULL)
		PG_RETURN_NULL();
	if (window->range == NULL)
		window->range = lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO);
	PG_RETURN_DATUM(range_of(window->range, window->start, window->end));
}

/* hop(ts, size, slide, origin, time_zone): the starts of all windows that hold ts, oldest first. */
Datum
dp_hop(PG_FUNCTION_ARGS)
{
	return next_hop(fcinfo, false);
}

Datum
dp_hop_range(PG_FUNCTION_ARGS)
{
	return next_hop(fcinfo, true);
}

/* The window of the call's arguments; NULL when one of them that counts is. */
static WindowCache *
find_window(FunctionCallInfo fcinfo)
{
	WindowCache *cache = fcinfo->flinfo->fn_extra;
	bool		has_origin = !PG_ARGISNULL(ARG_ORIGIN);
	TimestampTz origin = has_origin ? PG_GETARG_TIMESTAMPTZ(ARG_ORIGIN) : 0;
	TimestampTz ts;
	const Interval *size;
	text	   *zone;
	int64		number;

	if (PG_ARGISNULL(ARG_TS) || PG_ARGISNULL(ARG_SIZE) || PG_ARGISNULL(ARG_ZONE))
		return NULL;
	ts = PG_GETARG_TIMESTAMPTZ(ARG_TS);
	size = PG_GETARG_INTERVAL_P(ARG_SIZE);
	zone = PG_GETARG_TEXT_PP(ARG_ZONE);

	if (cache == NULL)
		cache = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(WindowCache));
	if (!cache->set || !same_rule(cache, size, has_origin, origin, zone))
	{
		char	   *name = text_to_cstring(zone);

		cache->set = false;
		dp_window_rule_init(&cache->rule, size, has_origin ? &origin : NULL, name);
		if (cache->zone)
			pfree(cache->zone);
		cache->zone = MemoryContextStrdup(fcinfo->flinfo->fn_mcxt, name);
		cache->zone_len = strlen(name);
		cache->size = *size;
		cache->has_origin = has_origin;
		cache->origin = origin;
		cache->start = cache->end = 0;
		cache->set = true;
		pfree(name);
	}

	if (TIMESTAMP_NOT_FINITE(ts))
		cache->start = cache->end = ts;
	else if (ts < cache->start || ts >= cache->end)
	{
		cache->start = cache->end = 0;
		number = dp_window_number(&cache->rule, ts);
		cache->start = dp_window_start(&cache->rule, number);
		cache->end = dp_window_start(&cache->rule, number + 1);
	}
	return cache;
}

static bool
same_rule(const WindowCache *cache, const Interval *size, bool has_origin, TimestampTz origin,
		  const text *zone)
{
	return cache->size.time == size->time &&
		cache->size.day == size->day &&
		cache->size.month == size->month &&
		cache->has_origin == has_origin &&
		cache->origin == origin &&
		cache->zone_len == VARSIZE_ANY_EXHDR(zone) &&
		memcmp(cache->zone, VARDATA_ANY(zone), cache->zone_len) == 0;
}

static Datum
next_hop(FunctionCallInfo fcinfo, bool as_range)
{
	FuncCallContext *call;
	HopState   *hops;
	TimestampTz start;
	TimestampTz end;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->user_fctx = palloc0(sizeof(HopState));
		start_hops(fcinfo, call->user_fctx);
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	hops = call->user_fctx;
	if (hops->next > hops->last)
		SRF_RETURN_DONE(call);

	if (hops->infinite)
	{
		start = end = hops->infinite;
		hops->next++;
	}
	else
	{
		start = dp_window_start(&hops->slide, hops->next++);
		end = dp_window_add(&hops->size, start);
	}
	if (!as_range)
		SRF_RETURN_NEXT(call, TimestampTzGetDatum(start));
	if (hops->range == NULL)
		hops->range = lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO);
	SRF_RETURN_NEXT(call, range_of(hops->range, start, end));
}

/* Walk back from the last slide that starts at or before ts to the first whose window still holds it. */
static void
start_hops(FunctionCallInfo fcinfo, HopState *hops)
{
	enum
	{
		HOP_TS, HOP_SIZE, HOP_SLIDE, HOP_ORIGIN, HOP_ZONE
	};
	bool		has_origin = !PG_ARGISNULL(HOP_ORIGIN);
	TimestampTz origin = has_origin ? PG_GETARG_TIMESTAMPTZ(HOP_ORIGIN) : 0;
	TimestampTz ts;
	char	   *zone;

	if (PG_ARGISNULL(HOP_TS) || PG_ARGISNULL(HOP_SIZE) || PG_ARGISNULL(HOP_SLIDE) || PG_ARGISNULL(HOP_ZONE))
	{
		hops->next = 1;
		return;
	}
	ts = PG_GETARG_TIMESTAMPTZ(HOP_TS);
	zone = text_to_cstring(PG_GETARG_TEXT_PP(HOP_ZONE));
	dp_window_rule_init(&hops->size, PG_GETARG_INTERVAL_P(HOP_SIZE), has_origin ? &origin : NULL, zone);
	dp_window_rule_init(&hops->slide, PG_GETARG_INTERVAL_P(HOP_SLIDE), has_origin ? &origin : NULL, zone);
	if (TIMESTAMP_NOT_FINITE(ts))
	{
		hops->infinite = ts;
		return;
	}

	hops->last = dp_window_number(&hops->slide, ts);
	hops->next = hops->last + 1;
	while (dp_window_add(&hops->size, dp_window_start(&hops->slide, hops->next - 1)) > ts)
	{
		CHECK_FOR_INTERRUPTS();
		hops->next--;
	}
}

/* [start, end); a window that is one infinite instant contains that. */
static Datum
range_of(TypeCacheEntry *type, TimestampTz start, TimestampTz end)
{
	RangeBound	lower = {.val = TimestampTzGetDatum(start), .inclusive = true, .lower = true};
	RangeBound	upper = {.val = TimestampTzGetDatum(end), .inclusive = start == end};

	return RangeTypePGetDatum(dp_make_range(type, &lower, &upper, false));
}
