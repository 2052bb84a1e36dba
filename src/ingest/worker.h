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

#endif							/* DP_INGEST_WORKER_H */
