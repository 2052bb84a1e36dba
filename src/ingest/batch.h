/*-------------------------------------------------------------------------
 *
 * batch.h
 *	  What one ingest transaction commits, as it is gathered in memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_BATCH_H
#define DP_INGEST_BATCH_H

#include "access/htup.h"
#include "utils/timestamp.h"

#include "common/error.h"
#include "ingest/source.h"
#include "kafka/consumer.h"

/* Where a message failed: the words of dead_letter.stage. */
typedef enum DpStage
{
	DP_STAGE_KEY,
	DP_STAGE_VALUE,
	DP_STAGE_HEADERS,
	DP_STAGE_INSERT,
	DP_STAGE_SIZE,
	DP_STAGE_WORKER_CRASH,
	DP_STAGE_SCHEMA
} DpStage;

typedef struct DpRow
{
	HeapTupleData tuple;		/* t_data NULL: form it inside the transaction */
	int			record;			/* index into the batch's records */
	int32		schema_id;		/* 0 none */
} DpRow;

typedef struct DpFailure
{
	int			record;
	DpStage		stage;
	int32		schema_id;		/* 0 none */
	DpError		error;
} DpFailure;

/* One partition's share of a batch. */
typedef struct DpBatchPart
{
	bool		touched;
	int64		from;			/* stored next_offset, base of the compare-and-swap */
	int64		next;			/* where the batch leaves it */
	int64		rows;
	int64		dead_letters;
	int64		filtered;
	int64		quarantined;	/* by rules of the target, within the transaction */
	int64		gaps;
	int64		bytes;
	int64		duplicate_keys;	/* in documents; told after the commit */
	int64		min_timestamp;	/* milliseconds, -1 none */
	int64		max_timestamp;
	int			last;			/* index of the newest record, -1 none */
} DpBatchPart;

/* A message by which a topic is known again. */
typedef struct DpAnchor
{
	int64		offset;			/* -1 none */
	int64		timestamp;
	uint32		crc;
} DpAnchor;

typedef struct DpArenaBlock DpArenaBlock;

typedef struct DpBatch
{
	MemoryContext context;		/* life of the batch object */
	MemoryContext scratch;		/* reset with each batch */
	DpSource   *source;
	int64		batch_id;		/* taken ahead of the transaction */
	TimestampTz ingested_at;
	TimestampTz opened_at;
	int			max_records;
	int			nrecords;
	DpRecord   *records;
	int			nrows;
	DpRow	   *rows;
	int			nfailures;
	int			max_failures;
	DpFailure  *failures;
	int			nparts;
	DpBatchPart *parts;			/* by index into the assignment */
	DpAnchor   *anchors;		/* to store with the offsets, by the same index */
	bool		dirty;			/* something to commit, if only an offset */
	int64		bytes;
	DpArenaBlock *arena;		/* tuples; see batch.c */
	struct DpDecoder *decoder;
} DpBatch;

extern DpBatch *dp_batch_create(DpSource *source, int nparts);
extern void dp_batch_free(DpBatch *batch);

/* Empty it and open the next one; releases the messages. */
extern void dp_batch_reset(DpBatch *batch, int64 batch_id);

extern bool dp_batch_is_full(const DpBatch *batch);

/* Memory for a tuple that lives until the next reset. */
extern void *dp_batch_alloc(DpBatch *batch, size_t size);

/* Of the newest allocation only so much was used. */
extern void dp_batch_give_back(DpBatch *batch, size_t allocated, size_t used);

/*
 * Take in a message that was just polled into records[record].  Decodes it
 * to a row, a failure or nothing, and accounts for its offset.  Does not
 * touch the database and does not throw for anything in the message.  Returns
 * false, with nothing done, when its schema is not in memory yet.
 */
extern bool dp_batch_add(DpBatch *batch, int record);

/* The partition has been read up to "offset", whether or not messages were there. */
extern void dp_batch_note_eof(DpBatch *batch, int tp, int64 offset);

extern void dp_batch_add_failure(DpBatch *batch, int record, DpStage stage, int32 schema_id,
								 const DpError *error);
extern const char *dp_stage_name(DpStage stage);

/* The newest message of a part as an anchor; false when it has none. */
extern bool dp_batch_newest(const DpBatch *batch, int part, DpAnchor *anchor);

/* CRC-32C of key and value, lengths and NULLs included. */
extern uint32 dp_record_crc(const DpRecord *record);

/* Milliseconds since 1970 to a timestamptz; false when out of range or absent. */
extern bool dp_timestamp_from_ms(int64 ms, TimestampTz *result);

/*-------------------------------------------------------------------------
 * decode.c
 *-------------------------------------------------------------------------
 */
typedef struct DpDecoder DpDecoder;

typedef enum DpDecodeResult
{
	DP_DECODED_ROW,
	DP_DECODED_DEFERRED,		/* needs input functions: form it in the transaction */
	DP_DECODED_FILTERED,
	DP_DECODED_FAILED,
	DP_DECODED_WAITING			/* for its schema: see schemas.h */
} DpDecodeResult;

extern DpDecoder *dp_decoder_create(DpSource *source);
extern void dp_decoder_free(DpDecoder *decoder);

/*
 * Decode one message into values by the target's columns.  With
 * in_transaction, deferred columns are converted by their input functions,
 * which may throw.
 */
extern DpDecodeResult dp_decode(DpDecoder *decoder, DpBatch *batch,
								const DpRecord *record, const char *topic,
								bool in_transaction, HeapTuple tuple,
								DpStage *stage, DpError *error);

/* The schema of the message that was decoded last; 0 none. */
extern int32 dp_decoder_schema_id(const DpDecoder *decoder);

/* NULL when the source's messages have no registered schemas. */
extern struct DpSchemas *dp_decoder_schemas(const DpDecoder *decoder);

/* Keys that stood twice in an object of a document, since the decoder was made. */
extern int64 dp_decoder_duplicate_keys(DpDecoder *decoder);

/* Headers alone, for dead letters: a jsonb datum or 0. */
extern Datum dp_decode_headers(DpDecoder *decoder, const DpRecord *record);

/* For a message that is not in librdkafka's hands any more: its headers, or 0. */
extern void dp_decoder_set_headers(DpDecoder *decoder, Datum headers);

/* The topic names of the assignment, for _topic and for dead letters. */
extern void dp_decoder_set_topics(DpDecoder *decoder, const DpTopicPartition *partitions, int n);
extern const DpTopicPartition *dp_decoder_partition(DpDecoder *decoder, int tp);

#endif							/* DP_INGEST_BATCH_H */
