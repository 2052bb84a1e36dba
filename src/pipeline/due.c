/*-------------------------------------------------------------------------
 *
 * due.c
 *	  When a component has something to do.
 *
 * Only memory is looked at: the counters of the inputs, the sums of the last
 * runs, and the graph's copies of times and failures.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pipeline/tick_int.h"
#include "pipeline/wake.h"

/* A run is taken to last this much longer than the mean. */
#define DP_RUN_MARGIN 2

static bool
is_dirty(DpNode *node)
{
	uint64		seen;

	if (!dp_wake_seen(node->entry, node->id, &seen))
		return true;
	return dp_wake_sum(node->inputs, node->ninputs) != seen;
}

/* Late enough to batch, early enough that the run ends within the lag. */
static TimestampTz
lag_due(DpNode *node, TimestampTz now)
{
	int64		lag_ms = dp_interval_us(&node->schedule.interval) / 1000;
	int64		wait = lag_ms - lag_ms / 10 - (int64) (DP_RUN_MARGIN * node->mean_ms);

	if (node->dirty_since == 0)
		node->dirty_since = now;
	return TimestampTzPlusMilliseconds(node->dirty_since, Max(wait, 0));
}

/* When the node is due by itself, whatever its parents do. */
TimestampTz
dp_node_due(DpNode *node, TimestampTz now, bool arm)
{
	uint64		seen;

	if (node->schedule_error != NULL)
		return DT_NOEND;
	if (node->failures > 0)
		return node->next_run_at;
	if (node->busy_until > now)
		return node->busy_until;
	if (!node->filled)
		return now;
	switch (node->schedule.kind)
	{
		case DP_ON_DATA:
		case DP_TARGET_LAG:
			/* one that is dirty already need not be woken again */
			if (arm && !is_dirty(node))
				dp_wake_arm(node->inputs, node->ninputs);
			if (!is_dirty(node))
				return node->closes_at != 0 ? node->closes_at : DT_NOEND;
			if (node->schedule.kind == DP_ON_DATA ||
				!dp_wake_seen(node->entry, node->id, &seen))
				return now;
			return lag_due(node, now);
		case DP_EVERY:
		case DP_CRON:
			return node->next_run_at;
		case DP_MANUAL:
			break;
	}
	return DT_NOEND;
}

/* Is it in trouble or in other hands, so that what is below it waits? */
bool
dp_holds_back(const DpNode *node, TimestampTz now)
{
	return (node->failures > 0 && node->next_run_at > now) || node->busy_until > now;
}

bool
dp_runs_by_clock(const DpNode *node)
{
	return node->schedule.kind == DP_EVERY || node->schedule.kind == DP_CRON;
}

/*
 * When one part's time has come, the time of all has: their targets are to
 * show the same moment.  A retry or a first filling is nobody else's time.
 */
void
dp_spread_dues(DpPart *parts, int n)
{
	bool		regular = false;

	for (int i = 0; i < n; i++)
		regular |= parts[i].due && parts[i].node->failures == 0 && parts[i].node->filled;
	for (int i = 0; i < n && regular; i++)
	{
		DpPart	   *part = &parts[i];

		if (part->held || part->gone || part->node->failures > 0 || part->due)
			continue;
		part->due = dp_runs_by_clock(part->node) ||
			(part->node->schedule.kind == DP_TARGET_LAG && is_dirty(part->node));
	}
}

/*
 * For each part of the component: is it due, or below one that is, or held
 * back?  Returns when the first one is due.
 */
TimestampTz
dp_survey(DpGraph *graph, const DpComponent *c, DpPart *parts, TimestampTz now, bool arm)
{
	Bitmapset  *held = NULL;
	Bitmapset  *candidates = NULL;
	TimestampTz first = DT_NOEND;

	for (int i = 0; i < c->nnodes; i++)
	{
		DpNode	   *node = &graph->nodes[c->nodes[i]];
		bool		below = bms_overlap(node->parents, held);
		bool		holds = dp_holds_back(node, now);
		TimestampTz due;

		if (below || holds)
			held = bms_add_member(held, c->nodes[i]);
		/* below one that is held back, the parent's time is what counts */
		due = below && !holds ? DT_NOEND : dp_node_due(node, now, arm);
		first = Min(first, due);
		if (parts != NULL)
		{
			parts[i].due = due <= now;
			parts[i].held = below || holds;
		}
	}
	if (parts != NULL)
		dp_spread_dues(parts, c->nnodes);
	for (int i = 0; parts != NULL && i < c->nnodes; i++)
	{
		parts[i].candidate = parts[i].due ||
			(!parts[i].held && bms_overlap(parts[i].node->parents, candidates));
		if (parts[i].candidate)
			candidates = bms_add_member(candidates, c->nodes[i]);
	}
	bms_free(held);
	bms_free(candidates);
	return first;
}

TimestampTz
dp_tick_due(DpGraph *graph, const DpComponent *c, TimestampTz now, bool arm)
{
	TimestampTz due = dp_survey(graph, c, NULL, now, arm);
	TimestampTz not_before;

	/* whoever has it looks again when he is done */
	if (dp_wake_is_claimed(c->entry, c->key, &not_before))
		return DT_NOEND;
	return due == DT_NOEND ? due : Max(due, not_before);
}

/*
 * When a component that runs by the clock runs next: an interval after the
 * time that was due, so that it does not drift; and when that time is still
 * to come (one part was filled or tried again), at that time.
 */
TimestampTz
dp_next_time(const DpTurn *turn)
{
	const DpSchedule *schedule = &turn->parts[0].node->schedule;
	TimestampTz base = DT_NOEND;
	TimestampTz next;

	for (int i = 0; i < turn->nparts; i++)
	{
		const DpNode *node = turn->parts[i].node;

		if (node->failures == 0 && node->next_run_at != 0)
			base = Min(base, node->next_run_at);
	}
	if (schedule->kind == DP_EVERY && base != DT_NOEND)
	{
		next = base > turn->started_at ? base : dp_schedule_next(schedule, base);
		if (next > turn->started_at)
			return next;
	}
	return dp_schedule_next(schedule, turn->started_at);
}
