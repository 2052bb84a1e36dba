/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  The rows of a segment that a frontier has not seen.
 *
 * A row that is new to a frontier has an xid at or past the frontier's xmin.
 * The BRIN index tells which ranges of blocks may have one, so a log that is
 * long because somebody else lags costs the others little.  In the blocks that
 * are read a row is judged by its first columns, where it stands in the page:
 * one that was seen costs next to nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "changelog/changelog_int.h"

/* A segment of fewer blocks is read without asking the index. */
#define INDEX_FROM_BLOCKS 64

static void
add_block(BlockNumber block, void *arg)
{
	List	  **ranges = arg;
	ListCell   *count = *ranges != NIL ? list_tail(*ranges) : NULL;

	if (count && (BlockNumber) lfirst_int(count) + (BlockNumber) lfirst_int(list_nth_cell(*ranges, list_length(*ranges) - 2)) == block)
		lfirst_int(count)++;
	else
		*ranges = lappend_int(lappend_int(*ranges, (int) block), 1);
}

/* Ranges of blocks that may have rows past the frontier. */
static List *
blocks_to_read(Relation segment, const DpFrontier *frontier)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(segment);
	List	   *indexes = nblocks >= INDEX_FROM_BLOCKS ? RelationGetIndexList(segment) : NIL;
	List	   *ranges = NIL;
	ScanKeyData key;
	Relation	index;

	if (nblocks == 0)
		return NIL;
	if (indexes == NIL)
		return list_make2_int(0, (int) nblocks);
	index = index_open(linitial_oid(indexes), AccessShareLock);
	/* BRIN looks for its operator by the type of the value */
	ScanKeyEntryInitialize(&key, 0, 1, BTGreaterEqualStrategyNumber, INT8OID,
						   InvalidOid, F_INT8GE, Int64GetDatum((int64) frontier->xmin));
	dp_index_blocks(index, GetActiveSnapshot(), &key, 1, add_block, &ranges);
	index_close(index, AccessShareLock);
	return ranges;
}

/*
 * Begin with scan->frontier set, under the active snapshot.  False when there
 * is no such segment.
 */
bool
dp_log_scan_begin(DpLogScan *scan, int32 log_id, int segment)
{
	Oid			relid = dp_log_segment_oid(log_id, segment);

	if (!OidIsValid(relid))
		return false;
	scan->segment = table_open(relid, AccessShareLock);
	scan->slot = table_slot_create(scan->segment, NULL);
	if (scan->ranges == NIL)
		scan->ranges = blocks_to_read(scan->segment, scan->frontier);
	scan->buffer = InvalidBuffer;
	if (RelationGetNumberOfBlocks(scan->segment) > NBuffers / 4)
		scan->strategy = GetAccessStrategy(BAS_BULKREAD);
	if (scan->snapshot == NULL)
		scan->snapshot = GetActiveSnapshot();
	PredicateLockRelation(scan->segment, scan->snapshot);
	return true;
}

/* The next block to read; InvalidBlockNumber when there is none. */
static BlockNumber
next_block(DpLogScan *scan)
{
	BlockNumber block;

	if (scan->ranges == NIL)
		return InvalidBlockNumber;
	block = (BlockNumber) linitial_int(scan->ranges);
	linitial_int(scan->ranges)++;
	if (--lsecond_int(scan->ranges) == 0)
		scan->ranges = list_delete_first_n(scan->ranges, 2);
	return block;
}

/* Has the reader seen this row, if it is there at all? */
static bool
is_seen(DpLogScan *scan, const int64 *values)
{
	uint64		xid = (uint64) values[DP_LOG_XID - 1];

	if (xid != scan->last_xid)
	{
		scan->last_xid = xid;
		scan->last_seen = dp_frontier_sees(scan->frontier, xid, PG_INT64_MAX);
	}
	return scan->last_seen ||
		(xid == scan->frontier->own_xid && values[DP_LOG_SEQ - 1] <= scan->frontier->own_seq);
}

/* The first columns stand at the beginning of a row, for they are of fixed length and never NULL. */
static const int64 *
first_values(HeapTupleHeader header)
{
	return (const int64 *) ((char *) header + header->t_hoff);
}

/*
 * Pin the next page and note its rows that the snapshot sees and the reader
 * has not seen.  Whether it has is asked first, because that is cheaper.
 */
static bool
read_page(DpLogScan *scan)
{
	BlockNumber block = next_block(scan);
	Snapshot	snapshot = scan->snapshot;
	Page		page;
	OffsetNumber last;

	if (block == InvalidBlockNumber)
		return false;
	CHECK_FOR_INTERRUPTS();
	scan->buffer = ReadBufferExtended(scan->segment, MAIN_FORKNUM, block, RBM_NORMAL, scan->strategy);
	scan->noffsets = scan->at = 0;
	LockBuffer(scan->buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(scan->buffer);
	last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++)
	{
		ItemId		item = PageGetItemId(page, offset);
		HeapTupleData tuple;
		bool		visible;

		if (!ItemIdIsNormal(item))
			continue;
		tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
		if (is_seen(scan, first_values(tuple.t_data)))
			continue;
		tuple.t_len = ItemIdGetLength(item);
		tuple.t_tableOid = RelationGetRelid(scan->segment);
		ItemPointerSet(&tuple.t_self, block, offset);
		visible = HeapTupleSatisfiesVisibility(&tuple, snapshot, scan->buffer);
		HeapCheckForSerializableConflictOut(visible, scan->segment, &tuple, scan->buffer, snapshot);
		if (visible)
			scan->offsets[scan->noffsets++] = offset;
	}
	LockBuffer(scan->buffer, BUFFER_LOCK_UNLOCK);
	if (scan->note_hits && scan->noffsets > 0)
		add_block(block, &scan->hits);
	return true;
}

/* The next row, in scan->slot. */
bool
dp_log_scan_next(DpLogScan *scan)
{
	HeapTupleData *tuple = &((BufferHeapTupleTableSlot *) scan->slot)->base.tupdata;
	Page		page;
	ItemId		item;
	const int64 *values;

	while (!BufferIsValid(scan->buffer) || scan->at == scan->noffsets)
	{
		ExecClearTuple(scan->slot);
		if (BufferIsValid(scan->buffer))
			ReleaseBuffer(scan->buffer);
		scan->buffer = InvalidBuffer;
		if (!read_page(scan))
			return false;
	}
	page = BufferGetPage(scan->buffer);
	item = PageGetItemId(page, scan->offsets[scan->at]);
	tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
	tuple->t_len = ItemIdGetLength(item);
	tuple->t_tableOid = RelationGetRelid(scan->segment);
	ItemPointerSet(&tuple->t_self, BufferGetBlockNumber(scan->buffer), scan->offsets[scan->at++]);
	values = first_values(tuple->t_data);
	scan->xid = (uint64) values[DP_LOG_XID - 1];
	scan->seq = values[DP_LOG_SEQ - 1];
	scan->sign = *(const int16 *) (values + DP_LOG_SIGN - 1);
	ExecStoreBufferHeapTuple(tuple, scan->slot, scan->buffer);
	return true;
}

/* So many rows are left to read; *gone: there are old images among them, and counting has stopped. */
int64
dp_log_scan_count(DpLogScan *scan, bool *gone)
{
	int64		n = 0;

	while (!*gone && read_page(scan))
	{
		Page		page = BufferGetPage(scan->buffer);

		for (int i = 0; i < scan->noffsets && !*gone; i++)
		{
			ItemId		item = PageGetItemId(page, scan->offsets[i]);

			*gone = *(const int16 *) (first_values((HeapTupleHeader) PageGetItem(page, item)) + DP_LOG_SIGN - 1) < 0;
		}
		n += scan->noffsets;
		ReleaseBuffer(scan->buffer);
		scan->buffer = InvalidBuffer;
	}
	return n;
}

void
dp_log_scan_end(DpLogScan *scan)
{
	ExecDropSingleTupleTableSlot(scan->slot);
	if (BufferIsValid(scan->buffer))
		ReleaseBuffer(scan->buffer);
	if (scan->strategy)
		FreeAccessStrategy(scan->strategy);
	table_close(scan->segment, scan->keep_lock ? NoLock : AccessShareLock);
}
