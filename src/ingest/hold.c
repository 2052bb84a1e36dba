/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  Messages that wait for their schema.
 *
 * A message whose schema is not in memory is put aside, and after it all that
 * come from its partition: their order is kept, their offsets are not
 * accounted for, and a crash reads them again.  The other partitions go on.
 * When a partition has put much aside, the library is told to fetch no more of
 * it; resumed, it goes on behind the last record that we took.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "ingest/hold.h"

typedef struct HeldPart
{
	int			records;		/* how many wait */
	int64		bytes;
	bool		paused;
} HeldPart;

struct DpHold
{
	DpConsumer *consumer;
	int64		max_bytes;		/* of one partition */
	int			nparts;
	HeldPart   *parts;
	int			n;
	int			max;
	DpRecord   *records;
};

static void
release_all(void *arg)
{
	DpHold	   *hold = arg;

	dp_consumer_release(hold->records, hold->n);
	hold->n = 0;
}

DpHold *
dp_hold_create(DpConsumer *consumer, int nparts, int64 max_bytes)
{
	DpHold	   *hold = palloc0(sizeof(DpHold));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	hold->consumer = consumer;
	hold->max_bytes = max_bytes;
	hold->nparts = nparts;
	hold->parts = palloc0(sizeof(HeldPart) * Max(nparts, 1));
	hold->max = 64;
	hold->records = palloc(sizeof(DpRecord) * hold->max);
	callback->func = release_all;
	callback->arg = hold;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return hold;
}

void
dp_hold_release(DpHold *hold)
{
	release_all(hold);
}

bool
dp_hold_has(const DpHold *hold, int tp)
{
	return hold->n > 0 && hold->parts[tp].records > 0;
}

bool
dp_hold_is_empty(const DpHold *hold)
{
	return hold->n == 0;
}

int
dp_hold_first(const DpHold *hold)
{
	return hold->n > 0 ? hold->records[0].tp : -1;
}

void
dp_hold_add(DpHold *hold, const DpRecord *r)
{
	HeldPart   *part = &hold->parts[r->tp];

	if (hold->n == hold->max)
	{
		hold->max *= 2;
		hold->records = repalloc_huge(hold->records, sizeof(DpRecord) * hold->max);
	}
	hold->records[hold->n++] = *r;
	part->records++;
	part->bytes += r->keylen + r->len;
	if (part->bytes > hold->max_bytes && !part->paused)
	{
		dp_consumer_pause(hold->consumer, r->tp, true);
		part->paused = true;
	}
}

/* Into the batch; false when it must go on waiting. */
static bool
let_go(DpBatch *batch, DpRecord *r)
{
	if (r->kind == DP_RECORD_EOF || r->offset < batch->parts[r->tp].next)
	{
		if (r->kind == DP_RECORD_EOF)
			dp_batch_note_eof(batch, r->tp, r->offset);
		dp_consumer_release(r, 1);
		return true;
	}
	batch->records[batch->nrecords] = *r;
	if (!dp_batch_add(batch, batch->nrecords))
		return false;
	batch->nrecords++;
	return true;
}

bool
dp_hold_retry(DpHold *hold, DpBatch *batch)
{
	bool		full = false;
	bool	   *still = palloc0(sizeof(bool) * Max(hold->nparts, 1));
	int			kept = 0;

	for (int i = 0; i < hold->n; i++)
	{
		DpRecord	r = hold->records[i];
		HeldPart   *part = &hold->parts[r.tp];
		size_t		size = r.keylen + r.len;

		full = dp_batch_is_full(batch);
		if (still[r.tp] || full || !let_go(batch, &r))
		{
			still[r.tp] = true;
			hold->records[kept++] = r;
			continue;
		}
		part->records--;
		part->bytes -= size;
	}
	hold->n = kept;
	for (int i = 0; i < hold->nparts; i++)
		if (hold->parts[i].paused && hold->parts[i].records == 0)
		{
			dp_consumer_pause(hold->consumer, i, false);
			hold->parts[i].paused = false;
			hold->parts[i].bytes = 0;
		}
	pfree(still);
	return full;
}
