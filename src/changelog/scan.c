/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  The rows of a segment that a frontier has not seen.
 *
 * A row that is new to a frontier has an xid at or past the frontier's xmin.
 * The BRIN index tells which ranges of blocks may have one, so a log that is
 * long because somebody else lags costs the others little.
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

/* Go on with the next range; false when there is none. */
static bool
next_range(DpLogScan *scan)
{
	BlockNumber first,
				count;

	if (scan->ranges == NIL)
		return false;
	first = (BlockNumber) linitial_int(scan->ranges);
	count = (BlockNumber) lsecond_int(scan->ranges);
	scan->ranges = list_delete_first_n(scan->ranges, 2);
	table_rescan(scan->scan, NULL);
	heap_setscanlimits(scan->scan, first, count);
	return true;
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
	scan->ranges = blocks_to_read(scan->segment, scan->frontier);
	scan->scan = table_beginscan_strat(scan->segment, GetActiveSnapshot(), 0, NULL, true, false);
	heap_setscanlimits(scan->scan, 0, 0);	/* the first range comes with the first row */
	return true;
}

/* The next row, in scan->slot. */
bool
dp_log_scan_next(DpLogScan *scan)
{
	for (;;)
	{
		uint64		xid;
		int64		seq;

		if (!table_scan_getnextslot(scan->scan, ForwardScanDirection, scan->slot))
		{
			if (!next_range(scan))
				return false;
			continue;
		}
		CHECK_FOR_INTERRUPTS();
		slot_getsomeattrs(scan->slot, DP_LOG_SIGN);
		xid = (uint64) DatumGetInt64(scan->slot->tts_values[DP_LOG_XID - 1]);
		seq = DatumGetInt64(scan->slot->tts_values[DP_LOG_SEQ - 1]);
		if (xid != scan->last_xid)
		{
			scan->last_xid = xid;
			scan->last_seen = dp_frontier_sees(scan->frontier, xid, PG_INT64_MAX);
		}
		if (!scan->last_seen &&
			!(xid == scan->frontier->own_xid && seq <= scan->frontier->own_seq))
			return true;
	}
}

void
dp_log_scan_end(DpLogScan *scan)
{
	table_endscan(scan->scan);
	ExecDropSingleTupleTableSlot(scan->slot);
	table_close(scan->segment, AccessShareLock);
}
