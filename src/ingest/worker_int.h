/*-------------------------------------------------------------------------
 *
 * worker_int.h
 *	  What the files of the worker's loop share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_WORKER_INT_H
#define DP_INGEST_WORKER_INT_H

#include "ingest/budget.h"
#include "ingest/ingest.h"
#include "launcher/launcher.h"

typedef struct DpLoop
{
	const DpJob *job;
	DpIngest   *in;
	TimestampTz last_message;
	TimestampTz last_report;
	TimestampTz last_verify;
	TimestampTz last_beacon;
	TimestampTz trouble_since;	/* client error seen, not yet cured */
	double		mean_bytes;		/* of lately polled messages */
	double		tokens;			/* of the rate limit */
	TimestampTz tokens_at;
	DpBudget	budget;
	TimestampTz tend_at;		/* when to ask again for schemas */
	bool		answer_comes;	/* a registry's answer is on its way */
	bool		hold_more;		/* messages that waited did not fit into the batch */
	const char *schema_problem; /* why the registry does not answer */
	uint64		settings_seen;	/* dp_kafka_settings_changes() when the source was opened */
	int64		suspect_left;	/* messages to take one by one after a crash */
	bool		reopen;
	bool		leave;
} DpLoop;

/* worker_store.c: commit the batch, however long the server needs. */
extern void dp_worker_store(DpLoop *loop);

#endif							/* DP_INGEST_WORKER_INT_H */
