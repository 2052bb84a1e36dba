/*-------------------------------------------------------------------------
 *
 * store.h
 *	  The ingest transaction: rows, dead letters, offsets and ledger at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_STORE_H
#define DP_INGEST_STORE_H

#include "ingest/batch.h"
#include "ingest/gate.h"

typedef enum DpStoreResult
{
	DP_STORE_DONE,
	DP_STORE_FENCED,			/* the offsets are not ours any more: load them again */
	DP_STORE_NO_PARTITION,		/* make a partition for ingested_at, then try again */
	DP_STORE_RULES_FAILED,		/* a rule of the target says that the batch must not be stored */
	DP_STORE_SERVER_ERROR,		/* wait, then try again with the same batch */
	DP_STORE_TARGET_ERROR		/* the target does not fit any more: a person must look */
} DpStoreResult;

typedef struct DpStore
{
	DpSource   *source;
	DpBatch    *batch;
	int64		owner_epoch;
	const char *kind;			/* dataplat.batch.kind: live or replay */
	const int  *generations;	/* for each part */
	bool		bisect;			/* find the rows that the server refuses */

	/* out */
	int64		next_batch_id;	/* already taken for the batch to come */
	int64		refused;		/* rows that became dead letters at insert */
	char		sqlstate[6];
	char	   *message;		/* of the error, in the batch's scratch */
	char	   *detail;
	DpGateFailure rules_failed;	/* DP_STORE_RULES_FAILED */
} DpStore;

/*
 * Commit the batch in a transaction of its own.  Never throws for an error of
 * data or server: the result says what to do.  The batch is left as it is
 * unless the result is DP_STORE_DONE, and then the caller resets it.
 */
extern DpStoreResult dp_store_batch(DpStore *store);

/*
 * The same inside the caller's transaction: throws.  Returns DP_STORE_DONE,
 * _FENCED, _NO_PARTITION or _RULES_FAILED.
 */
extern DpStoreResult dp_store_in_transaction(DpStore *store);

/* Is the error about the row, so that leaving the row out mends it? */
extern bool dp_is_data_error(int sqlerrcode);

/* Same for errors of the same kind, whatever numbers are in the message. */
extern char *dp_failure_fingerprint(const char *stage, const char *sqlstate,
									const char *message);

#endif							/* DP_INGEST_STORE_H */
