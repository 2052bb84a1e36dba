/*-------------------------------------------------------------------------
 *
 * producer.c
 *	  Send messages to Kafka and wait for the acknowledgements.
 *
 * A client costs some threads and a few milliseconds to make, so a backend
 * keeps its producers, found again by the name of the server and a hash of
 * its settings, until it exits or needs the room for another.
 *
 * Delivery reports carry a ticket: which call, and which record of it.  A
 * report for an earlier call, left by an error, is thus recognised and
 * ignored.  A call that is left early takes its producer down with it: what
 * it had queued must not be sent minutes after its user was told "failed".
 *
 * A producer that never reached a broker gives up as soon as all brokers are
 * known to be down; one that has worked before waits out the timeout, because
 * a broker that restarts comes back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "kafka/client_int.h"
#include "kafka/errors.h"
#include "kafka/producer.h"

/* Producers a backend keeps; each has threads and sockets. */
#define PRODUCERS_MAX 4

/* How often a waiter looks around although nothing woke it, milliseconds. */
#define WAIT_MS 1000

/* Records handed over between two looks at the delivery reports. */
#define RECORDS_PER_LOOK 500

typedef struct DpProducer
{
	char		server[NAMEDATALEN];
	uint64		settings_hash;
	MemoryContext context;		/* NULL: this place is free */
	DpKafkaClient *client;
	int			fd;				/* readable when reports wait */
	uint64		last_used;
	bool		proven;			/* has had an acknowledgement */

	/* the call under way */
	uint32		call;
	DpProduceResult *results;
	int			nresults;
	int			missing;		/* records handed over and not yet reported */
} DpProducer;

static DpProducer producers[PRODUCERS_MAX];
static uint64 use_counter = 0;
static uint32 call_counter = 0;
static bool exit_registered = false;

/* ---------------------------------------------------------------------
 * The producers of this backend
 * ---------------------------------------------------------------------
 */

static void
forget_producer(DpProducer *producer)
{
	MemoryContext context = producer->context;

	memset(producer, 0, sizeof(DpProducer));
	if (context)
		MemoryContextDelete(context);
}

/* Library threads must be gone before the process runs exit(). */
static void
producers_exit(int code, Datum arg)
{
	for (int i = 0; i < PRODUCERS_MAX; i++)
		forget_producer(&producers[i]);
}

/* Runs before the client is destroyed: nothing may write to a closed fd. */
static void
close_wakeup(void *arg)
{
	DpProducer *producer = arg;

	if (producer->client && producer->client->main_queue)
		rd_kafka_queue_io_event_enable(producer->client->main_queue, -1, NULL, 0);
	close(producer->fd);
}

static uint64
hash_settings(const DpKafkaSettings *settings)
{
	uint64		hash = 0;

	for (int i = 0; i < settings->n; i++)
	{
		const char *name = settings->items[i].name;
		const char *value = settings->items[i].value;

		hash = hash_combine64(hash, hash_bytes_extended((const unsigned char *) name,
														strlen(name), 0));
		hash = hash_combine64(hash, hash_bytes_extended((const unsigned char *) value,
														strlen(value), 1));
	}
	return hash;
}

static void
collect_reports(DpProducer *producer, rd_kafka_event_t *event)
{
	const rd_kafka_message_t *message;

	while ((message = rd_kafka_event_message_next(event)) != NULL)
	{
		uint64		ticket = (uint64) (uintptr_t) message->_private;
		uint32		index = (uint32) ticket;
		DpProduceResult *result;

		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			producer->proven = true;
		if ((uint32) (ticket >> 32) != producer->call ||
			index >= producer->nresults)
			continue;			/* of a call that was left */
		result = &producer->results[index];
		result->error = message->err;
		result->partition = message->partition;
		result->offset = message->offset;
		producer->missing--;
	}
}

/* Sees each event of the client's main queue. */
static void
producer_event(void *arg, rd_kafka_event_t *event)
{
	if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
		collect_reports(arg, event);
}

/*
 * Fill a free place.  Reset callbacks run newest first, so the wake-up is
 * unhooked before the client goes.
 */
static void
make_producer(DpProducer *producer, const DpKafkaSettings *settings,
			  uint64 hash)
{
	static const char *const overrides[] = {
		"partitioner", "murmur2_random",	/* keys land where Java puts them */
		"enable.idempotence", "true",	/* a retry must not store twice */
		"acks", "all",
		"linger.ms", "1",
		"compression.type", "lz4",
		"message.max.bytes", "104857600",	/* the broker decides, not we */
		"queue.buffering.max.kbytes", "131072",
		"?topic.metadata.propagation.max.ms", "5000",
		"socket.keepalive.enable", "true",
		"reconnect.backoff.max.ms", "1000",
		NULL
	};
	static const uint64 one = 1;
	MemoryContext context;
	MemoryContext old;
	MemoryContextCallback *callback;
	DpKafkaClient *client;
	int			fd;

	if (!exit_registered)
	{
		before_shmem_exit(producers_exit, (Datum) 0);
		exit_registered = true;
	}

	/* An error on the way destroys the half-made; success makes it last. */
	context = AllocSetContextCreate(CurrentMemoryContext,
									"dataplat producer", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	client = dp_kafka_client_create(DP_KAFKA_PRODUCER, settings, overrides);
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create an event descriptor: %m")));
	producer->client = client;
	producer->fd = fd;

	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = close_wakeup;
	callback->arg = palloc0(sizeof(DpProducer));
	memcpy(callback->arg, producer, sizeof(DpProducer));
	MemoryContextRegisterResetCallback(context, callback);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, TopMemoryContext);

	producer->context = context;
	producer->settings_hash = hash;
	strlcpy(producer->server, settings->server, sizeof(producer->server));
	producer->client->on_event = producer_event;
	producer->client->on_event_arg = producer;
	rd_kafka_queue_io_event_enable(producer->client->main_queue, producer->fd,
								   &one, sizeof(one));
}

/* Kept out of line: its loop must not meet the caller's setjmp. */
static pg_noinline DpProducer *
find_producer(const DpKafkaSettings *settings)
{
	uint64		hash = hash_settings(settings);
	DpProducer *place = &producers[0];

	for (int i = 0; i < PRODUCERS_MAX; i++)
	{
		DpProducer *producer = &producers[i];

		if (producer->context &&
			strcmp(producer->server, settings->server) == 0)
		{
			if (producer->settings_hash == hash)
				return producer;
			forget_producer(producer);	/* its server was altered */
		}
		if (producer->last_used < place->last_used)
			place = producer;
	}
	forget_producer(place);
	make_producer(place, settings, hash);
	return place;
}

/* ---------------------------------------------------------------------
 * Sending
 * ---------------------------------------------------------------------
 */

/* Give up: no acknowledgement will come, or none in time. */
static void
fail_to_send(DpProducer *producer, const DpKafkaSettings *settings,
			 const char *topic, int timeout_ms)
{
	const DpKafkaErrorInfo *info;
	const char *text;

	info = dp_kafka_client_explain(producer->client,
								   RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, &text);
	if (producer->proven || !dp_kafka_client_is_hopeless(producer->client))
		ereport(ERROR,
				(errcode(info->sqlerrcode),
				 errmsg("could not produce to topic \"%s\" of server \"%s\"",
						topic, settings->server),
				 errdetail("No acknowledgement came within %d ms, so the message may be stored or not. %s",
						   timeout_ms, info->reason),
				 errhint("%s", info->hint ? info->hint :
						 "Run dataplat.test_connection() for this server.")));
	ereport(ERROR,
			(errcode(info->sqlerrcode),
			 errmsg("could not produce to topic \"%s\" of server \"%s\"",
					topic, settings->server),
			 text ? errdetail("%s librdkafka says: %s", info->reason, text) :
			 errdetail("%s", info->reason),
			 info->hint ? errhint("%s", info->hint) : 0));
}

/* Wait for reports, until "until" or until there is no hope. */
static void
wait_for_reports(DpProducer *producer, const DpKafkaSettings *settings,
				 const char *topic, TimestampTz until, int timeout_ms)
{
	uint64		count;
	long		left;

	/* The event is edge-triggered: empty the fd before the queue. */
	while (read(producer->fd, &count, sizeof(count)) > 0)
		;
	dp_kafka_client_serve(producer->client);
	if (producer->missing == 0)
		return;

	CHECK_FOR_INTERRUPTS();
	left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
	if (left <= 0 ||
		(!producer->proven && dp_kafka_client_is_hopeless(producer->client)))
		fail_to_send(producer, settings, topic, timeout_ms);
	(void) WaitLatchOrSocket(MyLatch,
							 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 producer->fd, Min(left, WAIT_MS), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}

static rd_kafka_headers_t *
build_headers(const DpProduceRecord *record)
{
	rd_kafka_headers_t *headers;

	if (record->nheaders == 0)
		return NULL;
	headers = rd_kafka_headers_new(record->nheaders);
	for (int i = 0; i < record->nheaders; i++)
		rd_kafka_header_add(headers, record->headers[i].name, -1,
							record->headers[i].value,
							record->headers[i].size);
	return headers;
}

/*
 * Hand one record to librdkafka, which copies it.  False when its queue is
 * full; any other refusal is the record's result.
 */
static bool
hand_over(DpProducer *producer, rd_kafka_topic_t *rkt,
		  const DpProduceRecord *record, int index)
{
	rd_kafka_headers_t *headers = build_headers(record);
	uint64		ticket = ((uint64) producer->call << 32) | (uint32) index;
	rd_kafka_resp_err_t code;

	code = rd_kafka_producev(producer->client->rk,
							 RD_KAFKA_V_RKT(rkt),
							 RD_KAFKA_V_PARTITION(record->partition),
							 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
							 RD_KAFKA_V_KEY(record->key, record->keylen),
							 RD_KAFKA_V_VALUE((void *) record->value, record->len),
							 RD_KAFKA_V_HEADERS(headers),
							 RD_KAFKA_V_OPAQUE((void *) (uintptr_t) ticket),
							 RD_KAFKA_V_END);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		producer->missing++;
		return true;
	}
	if (headers)
		rd_kafka_headers_destroy(headers);
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return false;
	producer->results[index].error = code;
	return true;
}

static void
send_all(DpProducer *producer, const DpKafkaSettings *settings,
		 const char *topic, rd_kafka_topic_t *rkt,
		 const DpProduceRecord *records, int timeout_ms)
{
	TimestampTz until;
	int			sent = 0;

	until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
	while (sent < producer->nresults)
	{
		if (!hand_over(producer, rkt, &records[sent], sent))
		{
			wait_for_reports(producer, settings, topic, until, timeout_ms);
			continue;
		}
		if (++sent % RECORDS_PER_LOOK == 0)
		{
			CHECK_FOR_INTERRUPTS();
			dp_kafka_client_serve(producer->client);
		}
	}
	while (producer->missing > 0)
		wait_for_reports(producer, settings, topic, until, timeout_ms);
}

void
dp_producer_send(const DpKafkaSettings *settings, const char *topic,
				 const DpProduceRecord *records, int n,
				 DpProduceResult *results, int timeout_ms)
{
	DpProducer *producer = find_producer(settings);
	rd_kafka_topic_t *rkt;

	memset(results, 0, sizeof(DpProduceResult) * n);
	producer->last_used = ++use_counter;
	producer->call = ++call_counter;
	producer->results = results;
	producer->nresults = n;
	producer->missing = 0;
	dp_kafka_client_clear_error(producer->client);

	rkt = rd_kafka_topic_new(producer->client->rk, topic, NULL);
	if (rkt == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid topic name \"%s\"", topic)));

	PG_TRY();
	{
		send_all(producer, settings, topic, rkt, records, timeout_ms);
	}
	PG_CATCH();
	{
		rd_kafka_topic_destroy(rkt);
		forget_producer(producer);
		PG_RE_THROW();
	}
	PG_END_TRY();
	rd_kafka_topic_destroy(rkt);
	producer->results = NULL;
	producer->nresults = 0;
	if (rd_kafka_fatal_error(producer->client->rk, NULL, 0) != 0)
		forget_producer(producer);
}
