/*-------------------------------------------------------------------------
 *
 * consumer.c
 *	  Read assigned partitions from explicit offsets.
 *
 * How fetch_memory is divided.  All partitions feed one queue.  librdkafka
 * holds about 300 bytes beside each message, so with F bytes to spend we let
 * the queue hold 0.8 F of payload and F / 256 messages: for 200-byte messages
 * that was measured at 2 F of resident memory, for large ones it stays near
 * F.  A response that is under way comes on top, so fetch.max.bytes is an
 * eighth of F.
 *
 * The queue must hold more than a second of peak flow: librdkafka before 2.2
 * looks at a partition again only once a second after its queue was full.
 *
 * Messages are taken with rd_kafka_consume_batch_queue, which costs half of
 * what single polls cost.  Known faults of it in some releases concern the
 * positions that the library keeps; we never read those.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "utils/memutils.h"

#include "kafka/client_int.h"
#include "kafka/consumer.h"

#define DP_QUEUE_BYTES_SHARE 0.8
#define DP_BYTES_PER_QUEUED_MESSAGE 256
#define DP_FETCH_RESPONSE_SHARE 8
#define DP_MAX_POLL 1000
#define DP_COMMIT_METADATA_LEN 256

/* Malloc settings that were measured to spare page faults; process-wide. */
#define DP_MMAP_THRESHOLD (64 * 1024 * 1024)
#define DP_TRIM_THRESHOLD (1024 * 1024 * 1024)

typedef struct AssignedTopic
{
	char	   *name;
	rd_kafka_topic_t *rkt;
	int			npartitions;	/* highest assigned partition + 1 */
	int		   *tp;				/* partition -> index into the assignment, or -1 */
} AssignedTopic;

struct DpConsumer
{
	MemoryContext context;
	MemoryContext assignment_context;
	DpKafkaClient *client;
	rd_kafka_queue_t *queue;
	int			pipe[2];		/* the library writes, our wait reads */
	int			ntopics;
	AssignedTopic *topics;
	AssignedTopic *last;		/* topic of the last message */
	int			nassigned;
	DpTopicPartition *assigned;
	rd_kafka_message_t *messages[DP_MAX_POLL];
};

static void
consumer_reset_callback(void *arg)
{
	DpConsumer *consumer = arg;

	if (consumer->queue)
	{
		rd_kafka_queue_io_event_enable(consumer->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(consumer->queue);
	}
	if (consumer->pipe[0] >= 0)
	{
		close(consumer->pipe[0]);
		close(consumer->pipe[1]);
	}
}

/*
 * Topic handles belong to the assignment's context, which goes before the
 * consumer's.  librdkafka would wait for ever for a handle that is left.
 */
static void
assignment_reset_callback(void *arg)
{
	DpConsumer *consumer = arg;

	for (int i = 0; i < consumer->ntopics; i++)
		if (consumer->topics[i].rkt)
			rd_kafka_topic_destroy(consumer->topics[i].rkt);
	consumer->ntopics = 0;
	consumer->last = NULL;
}

DpConsumer *
dp_consumer_create(const DpKafkaSettings *settings, const char *group_id,
				   int64 fetch_memory)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dataplat consumer",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MemoryContextCallback *callback;
	DpConsumer *consumer = palloc0(sizeof(DpConsumer));
	char		max_kbytes[32],
				min_messages[32],
				response_bytes[32];
	int64		response = Min(fetch_memory / DP_FETCH_RESPONSE_SHARE, 50 * 1024 * 1024);
	const char *overrides[] = {
		"group.id", group_id,
		"enable.auto.commit", "false",
		"enable.auto.offset.store", "false",
		"auto.offset.reset", "error",
		"enable.partition.eof", "true",
		"check.crcs", "true",
		"allow.auto.create.topics", "false",
		"queued.max.messages.kbytes", max_kbytes,
		"queued.min.messages", min_messages,
		"fetch.max.bytes", response_bytes,
		"fetch.message.max.bytes", "1048576",
		"topic.metadata.refresh.interval.ms", "30000",
		"socket.keepalive.enable", "true",
		"reconnect.backoff.max.ms", "2000",
		"?fetch.queue.backoff.ms", "5",
		NULL
	};

	mallopt(M_MMAP_THRESHOLD, DP_MMAP_THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, DP_TRIM_THRESHOLD);

	snprintf(max_kbytes, sizeof(max_kbytes), INT64_FORMAT,
			 Max(1, (int64) (fetch_memory * DP_QUEUE_BYTES_SHARE / 1024)));
	snprintf(min_messages, sizeof(min_messages), INT64_FORMAT,
			 Min(Max(1, fetch_memory / DP_BYTES_PER_QUEUED_MESSAGE), 10000000));
	snprintf(response_bytes, sizeof(response_bytes), INT64_FORMAT,
			 Max(response, 1024 * 1024));

	consumer->context = context;
	consumer->pipe[0] = consumer->pipe[1] = -1;

	/* callbacks run newest first: the queue goes before the client */
	consumer->client = dp_kafka_client_create(DP_KAFKA_CONSUMER, settings, overrides);
	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = consumer_reset_callback;
	callback->arg = consumer;
	MemoryContextRegisterResetCallback(context, callback);

	consumer->queue = rd_kafka_queue_get_consumer(consumer->client->rk);
	if (pipe2(consumer->pipe, O_NONBLOCK | O_CLOEXEC) != 0)
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not create a pipe: %m")));
	rd_kafka_queue_io_event_enable(consumer->queue, consumer->pipe[1], "1", 1);
	MemoryContextSwitchTo(old);
	return consumer;
}

void
dp_consumer_destroy(DpConsumer *consumer)
{
	MemoryContextDelete(consumer->context);
}

DpKafkaClient *
dp_consumer_client(DpConsumer *consumer)
{
	return consumer->client;
}

int
dp_consumer_fd(DpConsumer *consumer)
{
	return consumer->pipe[0];
}

/* Remember which index a topic partition has, for the records to come. */
static void
index_assignment(DpConsumer *consumer, const DpTopicPartition *partitions, int n)
{
	for (int i = 0; i < n; i++)
	{
		AssignedTopic *topic = NULL;

		for (int t = 0; t < consumer->ntopics && topic == NULL; t++)
			if (strcmp(consumer->topics[t].name, partitions[i].topic) == 0)
				topic = &consumer->topics[t];
		if (topic == NULL)
		{
			topic = &consumer->topics[consumer->ntopics];
			memset(topic, 0, sizeof(*topic));
			topic->name = pstrdup(partitions[i].topic);
			topic->rkt = rd_kafka_topic_new(consumer->client->rk, topic->name, NULL);
			if (topic->rkt == NULL)
				ereport(ERROR,
						(errcode(ERRCODE_FDW_ERROR),
						 errmsg("could not open Kafka topic \"%s\": %s", topic->name,
								rd_kafka_err2str(rd_kafka_last_error()))));
			consumer->ntopics++;
		}
		if (partitions[i].partition >= topic->npartitions)
		{
			int			want = partitions[i].partition + 1;
			int		   *tp = palloc(sizeof(int) * want);

			for (int p = 0; p < want; p++)
				tp[p] = p < topic->npartitions ? topic->tp[p] : -1;
			topic->tp = tp;
			topic->npartitions = want;
		}
		topic->tp[partitions[i].partition] = i;
	}
}

void
dp_consumer_assign(DpConsumer *consumer, const DpTopicPartition *partitions, int n)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t err;
	MemoryContextCallback *callback;
	MemoryContext old;

	if (consumer->assignment_context)
		MemoryContextDelete(consumer->assignment_context);
	consumer->assignment_context = AllocSetContextCreate(consumer->context,
														 "dataplat assignment",
														 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(consumer->assignment_context);
	consumer->topics = palloc0(sizeof(AssignedTopic) * Max(n, 1));
	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = assignment_reset_callback;
	callback->arg = consumer;
	MemoryContextRegisterResetCallback(consumer->assignment_context, callback);
	index_assignment(consumer, partitions, n);
	consumer->nassigned = n;
	consumer->assigned = palloc(sizeof(DpTopicPartition) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		consumer->assigned[i] = partitions[i];
		consumer->assigned[i].topic = pstrdup(partitions[i].topic);
	}
	MemoryContextSwitchTo(old);

	/* An empty assignment first: what was fetched for the old one is dropped. */
	rd_kafka_assign(consumer->client->rk, NULL);
	list = rd_kafka_topic_partition_list_new(Max(n, 1));
	for (int i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, partitions[i].topic,
										  partitions[i].partition)->offset = partitions[i].offset;
	err = rd_kafka_assign(consumer->client->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("could not assign Kafka partitions: %s", rd_kafka_err2str(err))));
}

void
dp_consumer_pause(DpConsumer *consumer, int tp, bool pause)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, consumer->assigned[tp].topic,
									  consumer->assigned[tp].partition);
	if (pause)
		(void) rd_kafka_pause_partitions(consumer->client->rk, list);
	else
		(void) rd_kafka_resume_partitions(consumer->client->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
}

/* Index of a message's partition in the assignment, or -1. */
static int
find_tp(DpConsumer *consumer, rd_kafka_topic_t *rkt, int32_t partition)
{
	AssignedTopic *topic = consumer->last;

	if (topic == NULL || topic->rkt != rkt)
	{
		const char *name = rkt ? rd_kafka_topic_name(rkt) : "";

		topic = NULL;
		for (int t = 0; t < consumer->ntopics && topic == NULL; t++)
			if (consumer->topics[t].rkt == rkt || strcmp(consumer->topics[t].name, name) == 0)
				topic = &consumer->topics[t];
		if (topic == NULL)
			return -1;
		if (topic->rkt == rkt)
			consumer->last = topic;
	}
	if (partition < 0 || partition >= topic->npartitions)
		return -1;
	return topic->tp[partition];
}

int
dp_consumer_poll(DpConsumer *consumer, DpRecord *records, int max)
{
	ssize_t		n;
	int			out = 0;
	char		drain[64];

	/* The io event is edge-triggered: empty the pipe before the queue. */
	while (read(consumer->pipe[0], drain, sizeof(drain)) > 0)
		;
	n = rd_kafka_consume_batch_queue(consumer->queue, 0, consumer->messages,
									 Min(max, DP_MAX_POLL));
	for (ssize_t i = 0; i < n; i++)
	{
		rd_kafka_message_t *m = consumer->messages[i];
		DpRecord   *r = &records[out];

		r->tp = find_tp(consumer, m->rkt, m->partition);
		r->handle = m;
		r->offset = m->offset;
		r->error = 0;
		if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			r->kind = DP_RECORD_MESSAGE;
			r->timestamp = rd_kafka_message_timestamp(m, NULL);
			r->key = m->key;
			r->keylen = m->key ? m->key_len : 0;
			r->value = m->payload;
			r->len = m->payload ? m->len : 0;
		}
		else
		{
			r->kind = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ? DP_RECORD_EOF : DP_RECORD_ERROR;
			r->error = m->err;
			r->key = NULL;
			r->value = NULL;
			r->keylen = r->len = 0;
		}

		/* an event without a partition is an error of the whole client */
		if (r->tp < 0 && r->kind != DP_RECORD_ERROR)
		{
			rd_kafka_message_destroy(m);
			continue;
		}
		out++;
	}
	return out;
}

void
dp_consumer_release(DpRecord *records, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (records[i].handle)
			rd_kafka_message_destroy(records[i].handle);
		records[i].handle = NULL;
	}
}

/*
 * Is it sure that a message has no headers?
 *
 * The library finds out by allocating and taking down a buffer, which costs as
 * much as all else that is done for a small message.  A value points into the
 * response as it was received: in Kafka's record format 2 its length stands
 * right before it, as a variable-length number, and the number of headers right
 * behind it.  The older formats have four plain bytes there, which never read
 * as the same number.  So when the length is there the byte behind the value is,
 * too, and a zero says that there are none.
 */
static inline bool
has_no_headers(const DpRecord *record)
{
	const unsigned char *value = (const unsigned char *) record->value;
	uint64		rest = (uint64) record->len << 1;	/* zigzag of a positive number */
	unsigned char length[10];
	int			n = 0;

	if (value == NULL || record->len == 0)
		return false;
	for (; rest >= 0x80; rest >>= 7)
		length[n++] = (rest & 0x7F) | 0x80;
	length[n++] = rest;
	for (int i = 0; i < n; i++)
		if (value[i - n] != length[i])
			return false;
	return value[record->len] == 0;
}

int
dp_record_headers(const DpRecord *record, DpRecordHeader *headers, int max)
{
	rd_kafka_headers_t *hdrs;
	size_t		n = 0;

	if (record->handle == NULL || has_no_headers(record) ||
		rd_kafka_message_headers(record->handle, &hdrs) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	for (;; n++)
	{
		const char *name;
		const void *value;
		size_t		size;

		if (rd_kafka_header_get_all(hdrs, n, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		if (n < (size_t) max)
		{
			headers[n].name = name;
			headers[n].value = value;
			headers[n].size = size;
		}
	}
	return (int) n;
}

void
dp_consumer_report(DpConsumer *consumer, const DpTopicPartition *partitions,
				   int n, const char *metadata)
{
	rd_kafka_topic_partition_list_t *list;

	if (n == 0)
		return;
	list = rd_kafka_topic_partition_list_new(n);
	for (int i = 0; i < n; i++)
	{
		rd_kafka_topic_partition_t *p;

		p = rd_kafka_topic_partition_list_add(list, partitions[i].topic, partitions[i].partition);
		p->offset = partitions[i].offset;
		if (metadata)
		{
			p->metadata = strdup(metadata);
			p->metadata_size = strlen(metadata);
		}
	}
	/* asynchronous; an error is of no consequence to the data */
	(void) rd_kafka_commit(consumer->client->rk, list, 1);
	rd_kafka_topic_partition_list_destroy(list);
}

void
dp_consumer_watermarks(DpConsumer *consumer, int tp, int64 *low, int64 *high)
{
	int64_t		lo = DP_OFFSET_NONE,
				hi = DP_OFFSET_NONE;

	if (rd_kafka_get_watermark_offsets(consumer->client->rk, consumer->assigned[tp].topic,
									   consumer->assigned[tp].partition,
									   &lo, &hi) != RD_KAFKA_RESP_ERR_NO_ERROR)
		lo = hi = DP_OFFSET_NONE;
	*low = lo;
	*high = hi;
}
