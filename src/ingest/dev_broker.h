/*-------------------------------------------------------------------------
 *
 * dev_broker.h
 *	  The embedded broker: a worker that hosts librdkafka's mock cluster.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_DEV_BROKER_H
#define DP_INGEST_DEV_BROKER_H

/* Reserve its shared memory; only while the library is being preloaded. */
extern void dp_dev_broker_init(void);

#endif							/* DP_INGEST_DEV_BROKER_H */
