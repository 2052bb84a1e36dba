/*-------------------------------------------------------------------------
 *
 * consumer.h
 *	  Read assigned partitions from explicit offsets.
 *
 * There is no consumer group: the caller says which partitions to read and
 * from where, and remembers offsets itself.  Nothing here waits, except the
 * functions that say so.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_CONSUMER_H
#define DP_KAFKA_CONSUMER_H

#include "kafka/client.h"

/* Logical offsets, as Kafka's ListOffsets has them. */
#define DP_OFFSET_BEGINNING (-2)
#define DP_OFFSET_END (-1)
#define DP_OFFSET_NONE (-1001)	/* no offset is known */

typedef struct DpTopicPartition
{
	const char *topic;
	int			partition;
	int64		offset;
	int			error;			/* librdkafka's code, 0 = none */
	char	   *metadata;		/* out of dp_kafka_committed: what was reported with the offset, or NULL */
} DpTopicPartition;

typedef enum DpRecordKind
{
	DP_RECORD_MESSAGE,
	DP_RECORD_EOF,				/* offset = where the next message will be */
	DP_RECORD_ERROR				/* error is set; the partition may be dead */
} DpRecordKind;

/* A message or an event.  Pointers live until dp_consumer_release(). */
typedef struct DpRecord
{
	DpRecordKind kind;
	int			tp;				/* index into the assignment */
	int			error;
	int64		offset;
	int64		timestamp;		/* milliseconds since 1970, -1 when absent */
	const char *key;			/* NULL is not the same as empty */
	size_t		keylen;
	const char *value;			/* NULL: a tombstone */
	size_t		len;
	void	   *handle;
} DpRecord;

typedef struct DpRecordHeader
{
	const char *name;
	const char *value;			/* NULL is not the same as empty */
	size_t		size;
} DpRecordHeader;

typedef struct DpConsumer DpConsumer;

/*
 * Make a consumer in CurrentMemoryContext.  fetch_memory bounds what it may
 * hold, in bytes (consumer.c says how it is divided).
 */
extern DpConsumer *dp_consumer_create(const DpKafkaSettings *settings,
									  const char *group_id, int64 fetch_memory);
extern void dp_consumer_destroy(DpConsumer *consumer);
extern DpKafkaClient *dp_consumer_client(DpConsumer *consumer);

/* Read these partitions from these offsets and nothing else. */
extern void dp_consumer_assign(DpConsumer *consumer,
							   const DpTopicPartition *partitions, int n);

/* Take up to "max" records that are there.  Never waits. */
extern int	dp_consumer_poll(DpConsumer *consumer, DpRecord *records, int max);
extern void dp_consumer_release(DpRecord *records, int n);

/* Fill at most "max" headers; returns how many the message has. */
extern int	dp_record_headers(const DpRecord *record, DpRecordHeader *headers, int max);

/*
 * Stop fetching a partition of the assignment for a while, or go on after the
 * last record that was polled.  Records that are here already still come.
 */
extern void dp_consumer_pause(DpConsumer *consumer, int tp, bool pause);

/* Readable when records arrived after a poll that found none. */
extern int	dp_consumer_fd(DpConsumer *consumer);

/* Tell the group how far we are, for lag tools only.  Does not wait. */
extern void dp_consumer_report(DpConsumer *consumer,
							   const DpTopicPartition *partitions, int n,
							   const char *metadata);

/* High watermark and log start as the last fetch response had them, or DP_OFFSET_NONE. */
extern void dp_consumer_watermarks(DpConsumer *consumer, int tp,
								   int64 *low, int64 *high);

/*-------------------------------------------------------------------------
 * Questions to the broker.  These wait, interruptibly, up to timeout_ms.
 *-------------------------------------------------------------------------
 */

typedef struct DpTopicInfo
{
	char	   *name;
	int			partitions;
	int			error;			/* 0, or why the topic cannot be read */
} DpTopicInfo;

/*
 * Topics that "pattern" names: one name, several separated by commas, or
 * /regular expression/.  A named topic that does not exist is listed with its
 * error.  Returns a palloc'd array; *error is set when no broker answered.
 */
extern DpTopicInfo *dp_kafka_topics(DpKafkaClient *client, const char *pattern,
									int timeout_ms, bool (*stop) (void),
									int *n, int *error);

/*
 * Replace each offset by what it stands for: DP_OFFSET_BEGINNING or _END by
 * the offset there, a timestamp in milliseconds by the first offset that is
 * not older, or the end.  A failed partition has its error set.  Returns 0 or
 * the error of the whole request.
 */
extern int	dp_kafka_list_offsets(DpKafkaClient *client, DpTopicPartition *partitions,
								  int n, int timeout_ms, bool (*stop) (void));

/* Replace each offset by the one last reported to the group, or DP_OFFSET_NONE; metadata is palloc'd. */
extern int	dp_kafka_committed(DpKafkaClient *client, DpTopicPartition *partitions,
							   int n, int timeout_ms, bool (*stop) (void));

#endif							/* DP_KAFKA_CONSUMER_H */
