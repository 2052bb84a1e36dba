/*-------------------------------------------------------------------------
 *
 * graph.h
 *	  The pipelines that workers look after, and what must run together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_GRAPH_H
#define DP_PIPELINE_GRAPH_H

#include "nodes/bitmapset.h"

#include "pipeline/care.h"
#include "pipeline/schedule.h"
#include "pipeline/wake.h"

/* A pipeline, as its worker sees it; what the tables say of its state is a copy. */
typedef struct DpNode
{
	int32		id;
	char	   *name;
	Oid			target;
	DpSchedule	schedule;
	const char *schedule_text;
	char	   *schedule_error; /* not NULL: the schedule cannot be read */
	DpRetry		retry;
	int			ninputs;		/* tables whose changes trigger a run */
	Oid		   *inputs;
	int			nbronze;		/* those of them that are bronze, the first few */
	Oid			bronze[DP_WAKE_BRONZE];
	Bitmapset  *parents;		/* nodes that this one comes after, by number */
	int			component;
	int			entry;			/* in shared memory, see wake.h */

	bool		filled;			/* and needs no rebuild */
	int			failures;		/* in a row */
	bool		running;		/* its state is so already */
	bool		circuit_open;
	TimestampTz next_run_at;	/* 0: none stored */
	TimestampTz busy_until;		/* somebody else had it */
	TimestampTz closes_at;		/* a window closes although no row comes; 0: none does */

	TimestampTz dirty_since;	/* target_lag: since when we know of changes */
	double		mean_ms;		/* of its runs */
} DpNode;

/* What runs in one transaction. */
typedef struct DpComponent
{
	int32		key;			/* the smallest id in it */
	int			entry;			/* of the key */
	int			nnodes;
	int		   *nodes;			/* numbers, in the order of running */
} DpComponent;

typedef struct DpGraph
{
	MemoryContext context;
	int			nnodes;
	DpNode	   *nodes;
	int			ncomponents;
	DpComponent *components;
} DpGraph;

/*
 * Read all pipelines that are to run by themselves.  In a transaction, as
 * superuser.  The graph lives in a child of CurrentMemoryContext.
 */
extern DpGraph *dp_graph_load(void);
extern void dp_graph_free(DpGraph *graph);

#endif							/* DP_PIPELINE_GRAPH_H */
