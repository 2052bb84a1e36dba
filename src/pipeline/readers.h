/*-------------------------------------------------------------------------
 *
 * readers.h
 *	  Pipelines as readers of bronze tables: who is behind, and who waits
 *	  for whom.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_READERS_H
#define DP_PIPELINE_READERS_H

#include "pipeline/graph.h"

/* From the room's init: settings, the brake of ingest, the chore for retention. */
extern void dp_readers_init(void);

/*
 * Ask the ledger and the change logs whether a pipeline that seems to be up
 * to date is not, and mark it; and how far readers of bronze are behind that
 * nobody has measured yet.  In a transaction with a snapshot.
 */
extern void dp_readers_look(DpGraph *graph);

/* A run has read its bronze inputs up to here (by dp_wake_rows). */
extern void dp_readers_note(const DpNode *node, const uint64 *rows);

/* A run failed: waiting for it would help nobody. */
extern void dp_readers_let_go(const DpNode *node);

#endif							/* DP_PIPELINE_READERS_H */
