/*-------------------------------------------------------------------------
 *
 * tick.h
 *	  One turn of one component: what is due in it, in one transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_TICK_H
#define DP_PIPELINE_TICK_H

#include "pipeline/graph.h"

/* GUC: milliseconds that a run may take; 0: as long as it needs. */
extern int	dp_pipeline_timeout;

/*
 * When the component has something to do: a time that has come means now,
 * DT_NOEND never by itself.  Looks only at memory.  With "arm", changes that
 * would make it due wake this process.
 */
extern TimestampTz dp_tick_due(DpGraph *graph, const DpComponent *c, TimestampTz now, bool arm);

/*
 * Run what is due.  The caller has claimed the component; no transaction is
 * open.  Failures of pipelines are recorded and do not throw.  Returns when
 * the component may run again; *changed is set when what the tables say of
 * its pipelines is not what the graph says any more.
 */
extern TimestampTz dp_tick_run(DpGraph *graph, const DpComponent *c, bool *changed);

#endif							/* DP_PIPELINE_TICK_H */
