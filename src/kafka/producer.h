/*-------------------------------------------------------------------------
 *
 * producer.h
 *	  Send messages to Kafka and wait for the acknowledgements.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_PRODUCER_FILE_H
#define DP_KAFKA_PRODUCER_FILE_H

#include "kafka/settings.h"

/* The broker or the partitioner chooses. */
#define DP_ANY_PARTITION (-1)

typedef struct DpProduceHeader
{
	const char *name;
	const char *value;			/* NULL is not the same as empty */
	size_t		size;
} DpProduceHeader;

typedef struct DpProduceRecord
{
	const char *key;			/* NULL: none */
	size_t		keylen;
	const char *value;			/* NULL: a tombstone */
	size_t		len;
	int			partition;		/* or DP_ANY_PARTITION */
	const DpProduceHeader *headers;
	int			nheaders;
} DpProduceRecord;

typedef struct DpProduceResult
{
	int			error;			/* librdkafka's code, 0 when stored */
	int			partition;
	int64		offset;
} DpProduceResult;

/*
 * Send "n" records to the topic and wait, interruptibly, until each is
 * acknowledged or refused; results has one entry a record.  The producer is
 * kept for the next call of this backend with the same settings.
 *
 * Raises an error when no broker can be reached or the time is over; then
 * nobody knows which of the records are stored.  Not transactional: what is
 * sent stays sent when the transaction rolls back.
 */
extern void dp_producer_send(const DpKafkaSettings *settings, const char *topic,
							 const DpProduceRecord *records, int n,
							 DpProduceResult *results, int timeout_ms);

#endif							/* DP_KAFKA_PRODUCER_FILE_H */
