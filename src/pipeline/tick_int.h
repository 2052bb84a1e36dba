/*-------------------------------------------------------------------------
 *
 * tick_int.h
 *	  A turn of a component, shared by due.c (when) and tick.c (what).
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_TICK_INT_H
#define DP_PIPELINE_TICK_INT_H

#include "pipeline/tick.h"

/* What becomes of one node in this turn. */
typedef enum DpFate
{
	DP_FATE_REST,					/* nothing to do, or not ours */
	DP_FATE_WAITS,					/* for a parent, or for whoever has it */
	DP_FATE_NOTHING_NEW,
	DP_FATE_DONE,
	DP_FATE_FAILED
} DpFate;

/* By place in the component. */
typedef struct DpPart
{
	DpNode	   *node;
	int			number;			/* in the graph */
	bool		candidate;		/* due, or below one that is */
	bool		due;
	bool		held;			/* in trouble, or below one that is */
	bool		busy;			/* somebody else has it */
	bool		gone;			/* dropped or paused meanwhile */
	DpFate		fate;
	uint64		sum;			/* of its inputs, before the snapshot */
	uint64		rows[DP_WAKE_BRONZE];	/* that had come to its bronze inputs */
	TimestampTz next_run_at;	/* stored with its success */
	DpRun		run;
	TimestampTz started_at;
	ErrorData  *error;
} DpPart;

typedef struct DpTurn
{
	DpGraph    *graph;
	int			nparts;
	DpPart	   *parts;			/* in the order of running */
	TimestampTz started_at;
	MemoryContext context;		/* life of the turn */
	bool		changed;		/* the graph is out of date */
} DpTurn;

/* Is it in trouble or in other hands, so that what is below it waits? */
extern bool dp_holds_back(const DpNode *node, TimestampTz now);

extern bool dp_runs_by_clock(const DpNode *node);

/* When a node is due by itself; "arm": a change wakes this process. */
extern TimestampTz dp_node_due(DpNode *node, TimestampTz now, bool arm);

/* Mark the parts of a component; returns when the first one is due.  parts may be NULL. */
extern TimestampTz dp_survey(DpGraph *graph, const DpComponent *c, DpPart *parts,
							 TimestampTz now, bool arm);

/* When one part's time has come, the time of all has. */
extern void dp_spread_dues(DpPart *parts, int n);

/* When a component that runs by the clock runs next. */
extern TimestampTz dp_next_time(const DpTurn *turn);

#endif							/* DP_PIPELINE_TICK_INT_H */
