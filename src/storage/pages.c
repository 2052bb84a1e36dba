/*-------------------------------------------------------------------------
 *
 * pages.c
 *	  Append whole heap pages of new rows.
 *
 * table_multi_insert finds a page, fills it, logs the tuples, and extends the
 * relation by one zeroed and written page at a time; on PostgreSQL 15 the
 * extension is most of its cost.  A large batch fills pages anyway, so here
 * up to 32 pages are added at once: one extension, one WAL record of page
 * images (as index builds do it, XLOG_FPI), no search for free space.
 *
 * Why it is safe:
 *	 - The new buffers are locked before the file grows, under the extension
 *	   lock.  Whoever sees the new size and reads one of these blocks waits for
 *	   our lock; nobody else can have put a row there.
 *	 - Only the last new block is written when the file grows; the blocks
 *	   before it are a hole that reads as zeroes, which is what a new page is.
 *	   A crash before the WAL record leaves empty pages that vacuum finds.
 *	 - The record holds complete pages, so redo needs nothing that came before.
 *	 - Page images say nothing to logical decoding, so a server with
 *	   wal_level = logical does not come here; nor do rows that need TOAST,
 *	   relations with indexes, and relations that skip WAL.
 *
 * What it costs: a full disk shows when a checkpoint writes the pages, not
 * when they are added.  dataplat.min_free_disk stops fetching before that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/hio.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/pg_control.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "storage/smgr.h"
#include "utils/rel.h"

#include "storage/target_int.h"

/* Pages in one WAL record: the number of blocks a record can name. */
#define DP_PAGES_AT_ONCE XLR_MAX_BLOCK_ID

/* Fewer full pages than this are left to table_multi_insert. */
#define DP_PAGES_MIN 8

/* What Linux maps around a page that is read: see map_neighbours(). */
#define DP_MAP_WINDOW (64 * 1024)

/* What a row takes on a page, its line pointer included. */
#define ROW_SPACE(tuple) (MAXALIGN((tuple)->t_len) + sizeof(ItemIdData))

bool
dp_pages_allowed(Relation leaf)
{
	return RelationNeedsWAL(leaf) && !XLogLogicalInfoActive() &&
		!leaf->rd_rel->relhasindex &&
		leaf->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT;
}

/* Rows that fit a page as they are go first, both kinds in order; returns how many. */
static int
sort_out_large_rows(HeapTuple *rows, int nrows)
{
	HeapTuple  *large = palloc_extended(sizeof(HeapTuple) * nrows, MCXT_ALLOC_HUGE);
	int			small = 0;

	for (int i = 0; i < nrows; i++)
	{
		if (rows[i]->t_len <= TOAST_TUPLE_THRESHOLD && !HeapTupleHasExternal(rows[i]))
			rows[small++] = rows[i];
		else
			large[i - small] = rows[i];
	}
	memcpy(&rows[small], large, sizeof(HeapTuple) * (nrows - small));
	pfree(large);
	return small;
}

/* What the rows of one call have in common. */
typedef struct Stamp
{
	TransactionId xid;
	CommandId	cid;
	Oid			relid;
	Size		keep_free;		/* on each page, by the fillfactor */
} Stamp;

/* The header of a new tuple, as heap_insert makes it. */
static inline void
stamp_tuple(HeapTupleHeader td, const Stamp *stamp)
{
	td->t_infomask &= ~HEAP_XACT_MASK;
	td->t_infomask2 &= ~HEAP2_XACT_MASK;
	td->t_infomask |= HEAP_XMAX_INVALID;
	HeapTupleHeaderSetXmin(td, stamp->xid);
	HeapTupleHeaderSetCmin(td, stamp->cid);
	HeapTupleHeaderSetXmax(td, 0);
}

/*
 * Let the kernel map the buffers around this one before we write to them.
 *
 * The first write of a process to each page of shared memory is a page fault,
 * and a worker that fills new pages goes through all of the buffers.  A read
 * maps a whole window at once, if the memory has been in use before, and the
 * buffers that come next are usually the neighbours.
 */
static void
map_neighbours(Buffer buffer)
{
	static uintptr_t last_window = 0;
	const char *end = BufferBlocks + (Size) NBuffers * BLCKSZ;
	uintptr_t	window = (uintptr_t) BufferGetBlock(buffer) & ~(uintptr_t) (DP_MAP_WINDOW - 1);

	if (window == last_window)
		return;
	last_window = window;
	for (int i = 0; i < 2; i++, window += DP_MAP_WINDOW)
		if (window >= (uintptr_t) BufferBlocks && window < (uintptr_t) end)
			(void) *(const volatile char *) window;
}

/* Lock n new blocks, then make the file that long.  Returns the first block. */
static BlockNumber
add_blocks(Relation leaf, Buffer *buffers, int n)
{
	PGAlignedBlock zero;
	BlockNumber first;

	memset(zero.data, 0, BLCKSZ);
	LockRelationForExtension(leaf, ExclusiveLock);
	first = RelationGetNumberOfBlocks(leaf);
	for (int i = 0; i < n; i++)
	{
		buffers[i] = ReadBufferExtended(leaf, MAIN_FORKNUM, first + i, RBM_ZERO_AND_LOCK, NULL);
		map_neighbours(buffers[i]);
	}
	smgrextend(RelationGetSmgr(leaf), MAIN_FORKNUM, first + n - 1, zero.data, false);
	UnlockRelationForExtension(leaf, ExclusiveLock);
	return first;
}

/*
 * Put rows on a locked new page until it is full, as heap_insert would; returns
 * how many went there.  What PageAddItem finds out for each row is known of a
 * page that was empty.
 */
static int
fill_page(Page page, BlockNumber block, HeapTuple *rows, int nrows, const Stamp *stamp)
{
	PageHeader	header = (PageHeader) page;
	Size		lower,
				upper;
	int			n;

	PageInit(page, BLCKSZ, 0);
	lower = header->pd_lower;
	upper = header->pd_upper;
	for (n = 0; n < Min(nrows, MaxHeapTuplesPerPage); n++)
	{
		Size		len = rows[n]->t_len;
		HeapTupleHeader td;

		/* the first one goes in whatever the fillfactor: there is no emptier page */
		if (upper - lower < ROW_SPACE(rows[n]) + (n > 0 ? stamp->keep_free : 0))
			break;
		upper -= MAXALIGN(len);
		ItemIdSetNormal((ItemId) (page + lower), upper, len);
		lower += sizeof(ItemIdData);
		td = (HeapTupleHeader) (page + upper);
		memcpy(td, rows[n]->t_data, len);
		stamp_tuple(td, stamp);
		ItemPointerSet(&td->t_ctid, block, n + 1);
		rows[n]->t_self = td->t_ctid;
		rows[n]->t_tableOid = stamp->relid;
	}
	header->pd_lower = lower;
	header->pd_upper = upper;
	return n;
}

static void
log_pages(Buffer *buffers, int n)
{
	XLogRecPtr	lsn;

	START_CRIT_SECTION();
	XLogBeginInsert();
	for (int i = 0; i < n; i++)
	{
		MarkBufferDirty(buffers[i]);
		XLogRegisterBuffer((uint8) i, buffers[i], REGBUF_FORCE_IMAGE | REGBUF_STANDARD);
	}
	lsn = XLogInsert(RM_XLOG_ID, XLOG_FPI);
	for (int i = 0; i < n; i++)
		PageSetLSN(BufferGetPage(buffers[i]), lsn);
	END_CRIT_SECTION();
	for (int i = 0; i < n; i++)
		UnlockReleaseBuffer(buffers[i]);
}

int
dp_pages_append(Relation leaf, HeapTuple *rows, int nrows, DpWriteResult *result)
{
	Stamp		stamp;
	Size		page_space;
	Size		left = 0;
	int			small;
	int			done = 0;

	stamp.keep_free = RelationGetTargetPageFreeSpace(leaf, HEAP_DEFAULT_FILLFACTOR);
	page_space = BLCKSZ - SizeOfPageHeaderData - stamp.keep_free;
	small = sort_out_large_rows(rows, nrows);
	for (int i = 0; i < small; i++)
		left += ROW_SPACE(rows[i]);
	if (left / page_space < DP_PAGES_MIN)
		return 0;

	stamp.xid = GetCurrentTransactionId();
	stamp.cid = GetCurrentCommandId(true);
	stamp.relid = RelationGetRelid(leaf);
	CheckForSerializableConflictIn(leaf, NULL, InvalidBlockNumber);
	XLogEnsureRecordSpace(DP_PAGES_AT_ONCE, 0);
	while (left / page_space >= DP_PAGES_MIN)
	{
		Buffer		buffers[DP_PAGES_AT_ONCE];
		int			n = Min(left / page_space, DP_PAGES_AT_ONCE);
		BlockNumber first = add_blocks(leaf, buffers, n);

		for (int i = 0; i < n; i++)
		{
			int			put = fill_page(BufferGetPage(buffers[i]), first + i,
										rows + done, small - done, &stamp);

			for (int r = 0; r < put; r++)
				left -= ROW_SPACE(rows[done + r]);
			done += put;
		}
		log_pages(buffers, n);
		if (result->first_block == InvalidBlockNumber || first < result->first_block)
			result->first_block = first;
		if (result->last_block == InvalidBlockNumber || first + n - 1 > result->last_block)
			result->last_block = first + n - 1;
		CHECK_FOR_INTERRUPTS();
	}
	pgstat_count_heap_insert(leaf, done);
	return done;
}
