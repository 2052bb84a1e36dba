/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  The ingest worker's entry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_WORKER_H
#define DP_INGEST_WORKER_H

#include "launcher/launcher.h"

extern void dp_ingest_worker_main(const DpJob *job);

/* Run one statement in a transaction of its own; lets the scheduler look after. */
extern void dp_run_update(const char *sql, int nargs, Oid *types, Datum *values);

/*
 * Open the breadcrumb file, count what the earlier incarnation died on, and
 * mark what is poison.  A message that ended its worker twice while it was
 * decoded is poison.  When storing did it, the messages are taken one by one,
 * so that the next crash names one: returns for how many messages.
 */
extern int64 dp_read_breadcrumb(const DpJob *job);

#endif							/* DP_INGEST_WORKER_H */
