/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  What one ingest transaction commits, as it is gathered in memory.
 *
 * A batch keeps three things for each message until it is committed: the
 * library's message (its bytes may be needed for a dead letter), the formed
 * tuple, and the account of its offset.  Tuples lie in an arena of large
 * blocks that is kept from batch to batch, so that a busy worker does not go
 * to malloc for each row.
 *
 * The account of a partition always balances: rows + dead letters + filtered
 * + quarantined + gaps = next - from.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#include "common/inject.h"
#include "ingest/breadcrumb.h"
#include "ingest/batch.h"

#define DP_ARENA_BLOCK (1024 * 1024)

/* Blocks that an idle worker keeps; a burst of large messages is given back. */
#define DP_ARENA_KEEP_BLOCKS 32

#define US_PER_MS INT64CONST(1000)

struct DpArenaBlock
{
	DpArenaBlock *next;
	size_t		size;
	size_t		used;
	char		data[FLEXIBLE_ARRAY_MEMBER];
};

static const char *const stage_names[] = {
	"key", "value", "headers", "insert", "size", "worker_crash", "schema"
};

const char *
dp_stage_name(DpStage stage)
{
	return stage_names[stage];
}

DpBatch *
dp_batch_create(DpSource *source, int nparts)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dataplat batch",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DpBatch    *batch = palloc0(sizeof(DpBatch));

	batch->context = context;
	batch->scratch = AllocSetContextCreate(context, "dataplat batch scratch",
										   ALLOCSET_DEFAULT_SIZES);
	batch->source = source;
	batch->max_records = source->batch_rows;
	batch->records = MemoryContextAllocHuge(context, sizeof(DpRecord) * batch->max_records);
	batch->rows = MemoryContextAllocHuge(context, sizeof(DpRow) * batch->max_records);
	batch->max_failures = 64;
	batch->failures = palloc(sizeof(DpFailure) * batch->max_failures);
	batch->nparts = nparts;
	batch->parts = palloc0(sizeof(DpBatchPart) * Max(nparts, 1));
	batch->anchors = palloc0(sizeof(DpAnchor) * Max(nparts, 1));
	for (int i = 0; i < nparts; i++)
		batch->anchors[i].offset = -1;
	batch->decoder = dp_decoder_create(source);
	MemoryContextSwitchTo(old);
	dp_batch_reset(batch, 0);
	return batch;
}

void
dp_batch_free(DpBatch *batch)
{
	dp_consumer_release(batch->records, batch->nrecords);
	dp_decoder_free(batch->decoder);
	while (batch->arena)
	{
		DpArenaBlock *next = batch->arena->next;

		free(batch->arena);
		batch->arena = next;
	}
	MemoryContextDelete(batch->context);
}

void
dp_batch_reset(DpBatch *batch, int64 batch_id)
{
	int			kept = 0;

	dp_consumer_release(batch->records, batch->nrecords);
	batch->nrecords = batch->nrows = batch->nfailures = 0;
	batch->bytes = 0;
	batch->dirty = false;
	batch->batch_id = batch_id;
	batch->ingested_at = 0;
	for (int i = 0; i < batch->nparts; i++)
	{
		DpBatchPart *part = &batch->parts[i];
		int64		next = part->next;

		memset(part, 0, sizeof(*part));
		part->from = part->next = next;
		part->min_timestamp = part->max_timestamp = -1;
		part->last = -1;
	}
	for (DpArenaBlock **link = &batch->arena; *link;)
	{
		DpArenaBlock *block = *link;

		block->used = 0;
		if (++kept > DP_ARENA_KEEP_BLOCKS || block->size > DP_ARENA_BLOCK)
		{
			*link = block->next;
			free(block);
		}
		else
			link = &block->next;
	}
	MemoryContextReset(batch->scratch);
}

bool
dp_batch_is_full(const DpBatch *batch)
{
	return batch->nrecords >= batch->max_records ||
		batch->bytes >= batch->source->batch_bytes;
}

void *
dp_batch_alloc(DpBatch *batch, size_t size)
{
	DpArenaBlock *block = batch->arena;
	void	   *p;

	size = MAXALIGN(size);
	if (block == NULL || block->size - block->used < size)
	{
		size_t		want = Max(size, DP_ARENA_BLOCK);
		DpArenaBlock **link = &batch->arena;

		/* an empty kept block further down, or a new one */
		while (*link && !((*link)->used == 0 && (*link)->size >= size))
			link = &(*link)->next;
		if (*link)
		{
			block = *link;
			*link = block->next;
		}
		else
		{
			block = malloc(offsetof(DpArenaBlock, data) + MAXALIGN(want) + MAXIMUM_ALIGNOF);
			if (block == NULL)
				ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
			block->size = want;
			block->used = 0;
		}
		block->next = batch->arena;
		batch->arena = block;
	}
	p = (char *) MAXALIGN(block->data) + block->used;
	block->used += size;
	return p;
}

void
dp_batch_give_back(DpBatch *batch, size_t allocated, size_t used)
{
	batch->arena->used -= MAXALIGN(allocated) - MAXALIGN(used);
}

bool
dp_timestamp_from_ms(int64 ms, TimestampTz *result)
{
	const int64 epoch_us = ((int64) POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	int64		us;

	if (ms < 0 || ms > PG_INT64_MAX / US_PER_MS)
		return false;
	us = ms * US_PER_MS - epoch_us;
	if (!IS_VALID_TIMESTAMP(us))
		return false;
	*result = us;
	return true;
}

uint32
dp_record_crc(const DpRecord *record)
{
	pg_crc32c	crc;
	int64		lens[2];

	lens[0] = record->key ? (int64) record->keylen : -1;
	lens[1] = record->value ? (int64) record->len : -1;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, lens, sizeof(lens));
	if (record->key)
		COMP_CRC32C(crc, record->key, record->keylen);
	if (record->value)
		COMP_CRC32C(crc, record->value, record->len);
	FIN_CRC32C(crc);
	return crc;
}

bool
dp_batch_newest(const DpBatch *batch, int part, DpAnchor *anchor)
{
	int			last = batch->parts[part].last;

	if (last < 0)
		return false;
	anchor->offset = batch->records[last].offset;
	anchor->timestamp = batch->records[last].timestamp;
	anchor->crc = dp_record_crc(&batch->records[last]);
	return true;
}

void
dp_batch_add_failure(DpBatch *batch, int record, DpStage stage, int32 schema_id,
					 const DpError *error)
{
	DpFailure  *f;

	if (batch->nfailures == batch->max_failures)
	{
		batch->max_failures *= 2;
		batch->failures = repalloc_huge(batch->failures, sizeof(DpFailure) * batch->max_failures);
	}
	f = &batch->failures[batch->nfailures++];
	f->record = record;
	f->stage = stage;
	f->schema_id = schema_id;
	f->error = *error;
}

/* Account for the offset of a message: what lies between is a gap. */
static DpBatchPart *
account_offset(DpBatch *batch, int index)
{
	const DpRecord *record = &batch->records[index];
	DpBatchPart *part = &batch->parts[record->tp];

	part->last = index;

	if (record->offset > part->next)
		part->gaps += record->offset - part->next;
	part->next = record->offset + 1;
	part->touched = true;
	part->bytes += record->keylen + record->len;
	batch->bytes += record->keylen + record->len;
	batch->dirty = true;
	if (record->timestamp >= 0)
	{
		if (part->min_timestamp < 0 || record->timestamp < part->min_timestamp)
			part->min_timestamp = record->timestamp;
		part->max_timestamp = Max(part->max_timestamp, record->timestamp);
	}
	return part;
}

/* A message that ended its process twice is not looked at again. */
static void
refuse_poison(DpBatch *batch, int record)
{
	DpError		error;

	dp_error_set(&error, "58000", DP_NO_POSITION, "the message ended its worker process twice");
	dp_batch_add_failure(batch, record, DP_STAGE_WORKER_CRASH, 0, &error);
	account_offset(batch, record)->dead_letters++;
}

static void
account_decoded(DpBatch *batch, int record, DpDecodeResult result, DpStage stage,
				const DpError *error)
{
	DpBatchPart *part = account_offset(batch, record);
	int32		schema_id = dp_decoder_schema_id(batch->decoder);

	switch (result)
	{
		case DP_DECODED_DEFERRED:
			batch->rows[batch->nrows].tuple.t_data = NULL;
			/* FALLTHROUGH */
		case DP_DECODED_ROW:
			batch->rows[batch->nrows].record = record;
			batch->rows[batch->nrows++].schema_id = schema_id;
			part->rows++;
			break;
		case DP_DECODED_FAILED:
			if (batch->source->on_error != DP_ON_ERROR_SKIP)
			{
				dp_batch_add_failure(batch, record, stage, schema_id, error);
				part->dead_letters++;
				break;
			}
			/* FALLTHROUGH */
		case DP_DECODED_FILTERED:
			part->filtered++;
			break;
		case DP_DECODED_WAITING:
			break;
	}
}

bool
dp_batch_add(DpBatch *batch, int record)
{
	DpRecord   *r = &batch->records[record];
	const DpTopicPartition *tp = dp_decoder_partition(batch->decoder, r->tp);
	DpDecodeResult result;
	DpStage		stage = DP_STAGE_VALUE;
	DpError		error;
	int64		duplicates = dp_decoder_duplicate_keys(batch->decoder);

	if (batch->ingested_at == 0 || !batch->dirty)
		batch->ingested_at = batch->opened_at = GetCurrentTimestamp();
	if (dp_breadcrumb_is_poison(tp->topic, tp->partition, r->offset))
	{
		refuse_poison(batch, record);
		return true;
	}
	dp_breadcrumb_decoding(r->tp, r->offset);
	DP_INJECT_POISON(r->value, r->len);
	result = dp_decode(batch->decoder, batch, r, tp->topic, false,
					   &batch->rows[batch->nrows].tuple, &stage, &error);
	if (result != DP_DECODED_WAITING)
	{
		account_decoded(batch, record, result, stage, &error);
		batch->parts[r->tp].duplicate_keys += dp_decoder_duplicate_keys(batch->decoder) - duplicates;
	}
	dp_breadcrumb_clear();
	return result != DP_DECODED_WAITING;
}

void
dp_batch_note_eof(DpBatch *batch, int tp, int64 offset)
{
	DpBatchPart *part = &batch->parts[tp];

	if (offset <= part->next)
		return;
	if (batch->ingested_at == 0)
		batch->ingested_at = batch->opened_at = GetCurrentTimestamp();
	part->gaps += offset - part->next;
	part->next = offset;
	part->touched = true;
	batch->dirty = true;
}
