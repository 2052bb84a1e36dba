/*-------------------------------------------------------------------------
 *
 * hold.h
 *	  Messages that wait for their schema.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_HOLD_H
#define DP_INGEST_HOLD_H

#include "ingest/batch.h"
#include "kafka/consumer.h"

typedef struct DpHold DpHold;

/* For so many partitions; goes with CurrentMemoryContext. */
extern DpHold *dp_hold_create(DpConsumer *consumer, int nparts, int64 max_bytes);

/* Give the records back, before their consumer goes. */
extern void dp_hold_release(DpHold *hold);

/* Do messages of this partition wait?  Then what comes after them waits, too. */
extern bool dp_hold_has(const DpHold *hold, int tp);
extern bool dp_hold_is_empty(const DpHold *hold);

/* Take over a record (a message or an end of partition) behind those that wait. */
extern void dp_hold_add(DpHold *hold, const DpRecord *record);

/* Try again, in order; true when the batch had no room for all that may go. */
extern bool dp_hold_retry(DpHold *hold, DpBatch *batch);

/* The first partition that waits, for a report; -1 none. */
extern int	dp_hold_first(const DpHold *hold);

#endif							/* DP_INGEST_HOLD_H */
