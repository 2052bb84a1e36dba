/*-------------------------------------------------------------------------
 *
 * peek.c
 *	  dataplat.peek_topic: look at messages without storing anything.
 *
 * Reads by explicit offsets, without a consumer group, and only between the
 * offsets that the log had when it began, so a topic that grows meanwhile
 * cannot keep it busy.  What it shows is what a source would read: messages
 * of committed transactions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "formats/headers.h"
#include "formats/text.h"
#include "kafka/consumer.h"
#include "kafka/errors.h"

/* All of it must be over by then, milliseconds. */
#define PEEK_MS 10000
/* How often to look around although nothing woke us, milliseconds. */
#define WAIT_MS 250
/* Rows that may be asked for. */
#define ROWS_MAX 10000
/* What the consumer may hold, bytes. */
#define FETCH_MEMORY (16 * 1024 * 1024)
/* Records taken at a time. */
#define POLL_MAX 100
/* Kafka itself has no limit; more is not shown. */
#define HEADERS_MAX 1000

#define COLUMNS 6

typedef struct PeekPartition
{
	int			partition;
	int64		start;			/* first offset wanted */
	int64		end;			/* past the last offset wanted */
	int			found;
	bool		done;
} PeekPartition;

typedef struct PeekRow
{
	int64		timestamp;		/* of the message, milliseconds; -1: none */
	int			partition;
	int64		offset;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
} PeekRow;

typedef struct Peek
{
	const char *server;
	const char *topic;
	int			only;			/* a partition, or -1 */
	int64		from_offset;	/* or -1: the newest */
	int			limit;
	DpKafkaSettings *settings;
	DpConsumer *consumer;
	DpKafkaClient *client;
	DpJsonDecoder *decoder;
	TimestampTz deadline;
	int			npartitions;
	PeekPartition *partitions;
	int			nrows;
	int			maxrows;
	PeekRow    *rows;
} Peek;

/* The peek under way, for the callback that takes no argument. */
static Peek *current = NULL;

extern PGDLLEXPORT Datum dp_peek_topic(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_peek_topic);

static int
milliseconds_left(const Peek *peek)
{
	long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
													   peek->deadline);

	return (int) Max(left, 0);
}

/* Is there no point in waiting for the broker's answer? */
static bool
give_up(void)
{
	dp_kafka_client_serve(current->client);
	return milliseconds_left(current) == 0 ||
		dp_kafka_client_is_hopeless(current->client);
}

static void
raise_kafka_error(Peek *peek, int code)
{
	const char *text;
	const DpKafkaErrorInfo *info;

	/* The client's own error says why no answer came. */
	info = dp_kafka_client_explain(peek->client, code, &text);
	ereport(ERROR,
			(errcode(info->sqlerrcode),
			 errmsg("could not read topic \"%s\" of server \"%s\"",
					peek->topic, peek->server),
			 text ? errdetail("%s librdkafka says: %s", info->reason, text) :
			 errdetail("%s", info->reason),
			 info->hint ? errhint("%s", info->hint) : 0));
}

/* ---------------------------------------------------------------------
 * What to read
 * ---------------------------------------------------------------------
 */

static void
list_partitions(Peek *peek)
{
	DpTopicInfo *topics;
	int			n;
	int			code;

	topics = dp_kafka_topics(peek->client, peek->topic, milliseconds_left(peek),
							 give_up, &n, &code);
	if (code != 0)
		raise_kafka_error(peek, code);
	if (n != 1 || topics[0].error != 0)
		raise_kafka_error(peek, n == 1 ? topics[0].error : 0);
	if (peek->only >= topics[0].partitions)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" has no partition %d", peek->topic,
						peek->only),
				 errdetail("It has partitions 0 to %d.",
						   topics[0].partitions - 1)));

	peek->npartitions = peek->only >= 0 ? 1 : topics[0].partitions;
	peek->partitions = palloc0(sizeof(PeekPartition) * peek->npartitions);
	for (int i = 0; i < peek->npartitions; i++)
		peek->partitions[i].partition = peek->only >= 0 ? peek->only : i;
}

static DpTopicPartition *
list_offsets(Peek *peek, int64 which)
{
	DpTopicPartition *offsets;
	int			code;

	offsets = palloc0(sizeof(DpTopicPartition) * peek->npartitions);
	for (int i = 0; i < peek->npartitions; i++)
	{
		offsets[i].topic = peek->topic;
		offsets[i].partition = peek->partitions[i].partition;
		offsets[i].offset = which;
	}
	code = dp_kafka_list_offsets(peek->client, offsets, peek->npartitions,
								 milliseconds_left(peek), give_up);
	for (int i = 0; code == 0 && i < peek->npartitions; i++)
		code = offsets[i].error;
	if (code != 0)
		raise_kafka_error(peek, code);
	return offsets;
}

/* Decide what to read of each partition, and have it read. */
static void
assign_ranges(Peek *peek)
{
	DpTopicPartition *low = list_offsets(peek, DP_OFFSET_BEGINNING);
	DpTopicPartition *high = list_offsets(peek, DP_OFFSET_END);
	DpTopicPartition *assign;

	assign = palloc0(sizeof(DpTopicPartition) * peek->npartitions);
	for (int i = 0; i < peek->npartitions; i++)
	{
		PeekPartition *p = &peek->partitions[i];

		p->end = high[i].offset;
		p->start = peek->from_offset >= 0 ? peek->from_offset :
			p->end - peek->limit;
		p->start = Max(p->start, low[i].offset);
		p->done = p->start >= p->end;
		assign[i].topic = peek->topic;
		assign[i].partition = p->partition;
		/* A partition without rows is still assigned, to keep the indexes. */
		assign[i].offset = p->done ? p->end : p->start;
	}
	dp_consumer_assign(peek->consumer, assign, peek->npartitions);
}

/* ---------------------------------------------------------------------
 * Reading
 * ---------------------------------------------------------------------
 */

/* Bytes as text: as they are when that is possible, else as \x and hex. */
static Datum
show_bytes(const char *bytes, size_t len)
{
	char	   *hex;

	if (len == 0)
		return PointerGetDatum(cstring_to_text(""));
	if (dp_utf8_verify(bytes, len, NULL))
		return PointerGetDatum(cstring_to_text_with_len(bytes, len));
	hex = palloc_extended(len * 2 + 3, MCXT_ALLOC_HUGE);
	hex[0] = '\\';
	hex[1] = 'x';
	hex_encode(bytes, len, hex + 2);
	return PointerGetDatum(cstring_to_text_with_len(hex, len * 2 + 2));
}

static bool
show_headers(Peek *peek, const DpRecord *record, Datum *value)
{
	static DpRecordHeader raw[HEADERS_MAX];
	static DpHeader headers[HEADERS_MAX];
	int			n = Min(dp_record_headers(record, raw, HEADERS_MAX), HEADERS_MAX);
	const char *jsonb;
	char	   *copy;
	size_t		len;
	DpError		err;

	for (int i = 0; i < n; i++)
	{
		headers[i].name = raw[i].name;
		headers[i].value = raw[i].value;
		headers[i].size = raw[i].size;
	}
	jsonb = dp_headers_to_jsonb(peek->decoder, headers, n, &len, &err);
	if (jsonb == NULL)
		return false;
	copy = palloc(len);
	memcpy(copy, jsonb, len);
	*value = PointerGetDatum(copy);
	return true;
}

static void
keep_row(Peek *peek, const DpRecord *record)
{
	PeekPartition *p = &peek->partitions[record->tp];
	PeekRow    *row;

	if (peek->nrows == peek->maxrows)
	{
		peek->maxrows *= 2;
		peek->rows = repalloc_huge(peek->rows, sizeof(PeekRow) * peek->maxrows);
	}
	row = &peek->rows[peek->nrows++];
	memset(row, 0, sizeof(PeekRow));
	row->timestamp = record->timestamp;
	row->partition = p->partition;
	row->offset = record->offset;
	row->values[0] = Int32GetDatum(p->partition);
	row->values[1] = Int64GetDatum(record->offset);
	row->nulls[2] = record->timestamp < 0;
	if (!row->nulls[2])
		row->values[2] = TimestampTzGetDatum(
											 (TimestampTz) record->timestamp * 1000 -
											 (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY);
	row->nulls[3] = record->key == NULL;
	if (record->key)
		row->values[3] = show_bytes(record->key, record->keylen);
	row->nulls[4] = record->value == NULL;
	if (record->value)
		row->values[4] = show_bytes(record->value, record->len);
	row->nulls[5] = !show_headers(peek, record, &row->values[5]);
	p->found++;
}

static void
take_records(Peek *peek, DpRecord *records, int n)
{
	for (int i = 0; i < n; i++)
	{
		DpRecord   *record = &records[i];
		PeekPartition *p;

		if (record->tp < 0)
			continue;			/* an error of the client: it keeps it */
		p = &peek->partitions[record->tp];
		if (p->done)
			continue;
		if (record->kind == DP_RECORD_ERROR)
			raise_kafka_error(peek, record->error);
		if (record->kind == DP_RECORD_MESSAGE && record->offset < p->end)
			keep_row(peek, record);
		if (record->kind == DP_RECORD_EOF || record->offset >= p->end - 1 ||
			(peek->from_offset >= 0 && p->found >= peek->limit))
			p->done = true;
	}
}

static bool
all_done(const Peek *peek)
{
	for (int i = 0; i < peek->npartitions; i++)
		if (!peek->partitions[i].done)
			return false;
	return true;
}

static void
read_messages(Peek *peek)
{
	DpRecord	records[POLL_MAX];
	volatile int n = 0;

	while (!all_done(peek))
	{
		CHECK_FOR_INTERRUPTS();
		n = dp_consumer_poll(peek->consumer, records, POLL_MAX);
		PG_TRY();
		{
			take_records(peek, records, n);
		}
		PG_CATCH();
		{
			dp_consumer_release(records, n);
			PG_RE_THROW();
		}
		PG_END_TRY();
		dp_consumer_release(records, n);
		if (n > 0)
			continue;

		if (give_up())
		{
			if (dp_kafka_client_error(peek->client, NULL))
				raise_kafka_error(peek, 0);
			ereport(WARNING,
					(errcode(ERRCODE_WARNING),
					 errmsg("topic \"%s\" was not read to its end within %d seconds",
							peek->topic, PEEK_MS / 1000)));
			break;
		}
		(void) WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
								 dp_consumer_fd(peek->consumer),
								 Min(milliseconds_left(peek), WAIT_MS),
								 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/* ---------------------------------------------------------------------
 * The function
 * ---------------------------------------------------------------------
 */

/* Oldest first; what has no timestamp by partition and offset. */
static int
compare_rows(const void *a, const void *b)
{
	const PeekRow *x = a;
	const PeekRow *y = b;

	if (x->timestamp != y->timestamp)
		return x->timestamp < y->timestamp ? -1 : 1;
	if (x->partition != y->partition)
		return x->partition < y->partition ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void
return_rows(FunctionCallInfo fcinfo, Peek *peek)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			first = 0;
	int			last = peek->nrows;

	InitMaterializedSRF(fcinfo, 0);
	qsort(peek->rows, peek->nrows, sizeof(PeekRow), compare_rows);
	if (peek->from_offset >= 0)
		last = Min(last, peek->limit);
	else
		first = Max(0, last - peek->limit);
	for (int i = first; i < last; i++)
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc,
							 peek->rows[i].values, peek->rows[i].nulls);
}

static void
free_decoder(void *arg)
{
	dp_json_decoder_destroy(arg);
}

static void
make_decoder(Peek *peek)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	peek->decoder = dp_json_decoder_create(NULL);
	if (peek->decoder == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	callback->func = free_decoder;
	callback->arg = peek->decoder;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
}

static void
check_arguments(FunctionCallInfo fcinfo, Peek *peek)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("server, topic and rows must not be null")));
	peek->server = text_to_cstring(PG_GETARG_TEXT_PP(0));
	peek->topic = text_to_cstring(PG_GETARG_TEXT_PP(1));
	peek->only = PG_ARGISNULL(2) ? -1 : PG_GETARG_INT32(2);
	peek->from_offset = PG_ARGISNULL(3) ? -1 : PG_GETARG_INT64(3);
	peek->limit = PG_GETARG_INT32(4);

	if (peek->topic[0] == '\0' || strpbrk(peek->topic, ",/ ") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid topic name \"%s\"", peek->topic),
				 errhint("Give the name of one topic.")));
	if (!PG_ARGISNULL(2) && peek->only < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid partition %d", peek->only),
				 errhint("Partitions are numbered from 0; NULL reads all of them.")));
	if (!PG_ARGISNULL(3) && peek->from_offset < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("from_offset must not be negative"),
				 errhint("NULL reads the newest messages.")));
	if (peek->limit < 1 || peek->limit > ROWS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows must be from 1 to %d", ROWS_MAX)));
}

/* peek_topic(server, topic, partition, from_offset, rows) */
Datum
dp_peek_topic(PG_FUNCTION_ARGS)
{
	Peek		peek;

	memset(&peek, 0, sizeof(peek));
	check_arguments(fcinfo, &peek);
	peek.maxrows = 64;
	peek.rows = palloc(sizeof(PeekRow) * peek.maxrows);
	peek.deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PEEK_MS);
	peek.settings = dp_kafka_settings_load(peek.server, GetUserId());
	make_decoder(&peek);
	/* The name of a group is asked for, but no group is ever joined. */
	peek.consumer = dp_consumer_create(peek.settings, "dataplat-peek",
									   FETCH_MEMORY);
	peek.client = dp_consumer_client(peek.consumer);
	current = &peek;

	list_partitions(&peek);
	assign_ranges(&peek);
	read_messages(&peek);

	dp_consumer_destroy(peek.consumer);
	return_rows(fcinfo, &peek);
	return (Datum) 0;
}
