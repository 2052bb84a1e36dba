/*-------------------------------------------------------------------------
 *
 * writer_heap.c
 *	  Write rows of a plain heap table below the executor.
 *
 * Each row is looked for by its key in the unique index.  What is there and
 * has other bytes is updated (HOT when no index covers what changed); what is
 * not there is kept in a buffer and inserted a thousand at a time.  Against
 * INSERT ... ON CONFLICT this saves the speculative insertion and the
 * executor; it is safe because one run at a time writes a target, and
 * whoever else touches it is met by the unique index or by the tuple's lock.
 *
 * The probes' snapshot is the active one, but it also sees what this writer
 * has written: a row of our own command is a key that came twice.  So is one
 * in the buffer, and one that was found before and left as it was (touched).
 *
 * Two things that an index scan would do are left out.  It prunes each page
 * that has a dead tuple; a run that updates a row here and a row there would
 * prune a page for each of them, so a page is pruned when it gets full.  And a
 * key whose first column is beyond all that the index had when the writer was
 * opened need not be looked for, unless the writer itself wrote it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/hio.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "changelog/changelog.h"
#include "catalog/pg_am.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "common/compat.h"
#include "pipeline/writer_int.h"

/* New rows are written when there are so many, or so many bytes of them. */
#define BUFFER_ROWS 1000
#define BUFFER_BYTES (1024 * 1024)
#define BUFFER_BUCKETS 2048		/* a power of two */

/* Which tuples of a page were found and left alone. */
typedef struct TouchedPage
{
	BlockNumber block;
	char		status;
	uint8		tuples[(MaxHeapTuplesPerPage + 8) / 8];
} TouchedPage;

#define SH_PREFIX touched
#define SH_ELEMENT_TYPE TouchedPage
#define SH_KEY_TYPE BlockNumber
#define SH_KEY block
#define SH_HASH_KEY(tb, key) murmurhash32(key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Hashes of keys that were written without being looked for. */
typedef struct UnseenKey
{
	uint32		hash;
	char		status;
} UnseenKey;

#define SH_PREFIX unseen
#define SH_ELEMENT_TYPE UnseenKey
#define SH_KEY_TYPE uint32
#define SH_KEY hash
#define SH_HASH_KEY(tb, key) (key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* A page is pruned when it has not room for so many more rows like the last. */
#define ROOM_ROWS 4

struct DpHeapWriter
{
	ResultRelInfo *rri;
	DpLogSink  *log;
	Snapshot	snapshot;
	CommandId	cid;
	bool		has_checks;
	bool		replica_checked;

	/* the probe */
	Relation	index;			/* NULL: append only */
	IndexScanDesc scan;
	DpLeaf	   *leaf;			/* NULL: not used */
	int		   *scan_column;	/* of each scan key, its column of the key */
	ScanKeyData scankeys[INDEX_MAX_KEYS];
	Buffer		buffer;			/* pinned: of the last row that was looked at */
	HeapTupleData tuple;
	Size		row_bytes;		/* of the last row that was written */
	TupleTableSlot *found;
	TupleTableSlot *changed;
	touched_hash *touched;

	/* the greatest value of the index's first column */
	bool		ends;			/* it is known */
	bool		empty;			/* and there is none */
	Datum		last;
	unseen_hash *unseen;

	/* new rows */
	BulkInsertState bistate;
	TupleTableSlot *rows[BUFFER_ROWS];
	int			nrows;
	Size		bytes;
	uint32		hashes[BUFFER_ROWS];
	int16		next[BUFFER_ROWS];
	int16		bucket[BUFFER_BUCKETS];
};

static void open_probe(DpWriter *writer, Oid index);
static void find_end(DpWriter *writer);
static bool is_beyond(DpWriter *writer, TupleTableSlot *row);
static bool probe(DpWriter *writer, TupleTableSlot *row);
static bool fetch(DpHeapWriter *heap, Relation rel, ItemPointer tid, bool *all_dead);
static bool is_ours(DpHeapWriter *heap);
static bool was_touched(DpHeapWriter *heap);
static void check_first(DpWriter *writer, TupleTableSlot *row);
static bool in_buffer(DpWriter *writer, TupleTableSlot *row, uint32 hash);
static void insert_row(DpWriter *writer, TupleTableSlot *row, uint32 hash);
static void flush(DpWriter *writer);
static void update_row(DpWriter *writer, TupleTableSlot *row);
static void delete_row(DpWriter *writer);

/*
 * A unique index that a key can be looked up in: exactly the key's columns,
 * by the types' own order.  InvalidOid when there is none.
 */
Oid
dp_heap_writer_index(Relation rel, DpKey *key)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;
	Oid			best = InvalidOid;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;
		int			matched = 0;

		if (form->indisunique && form->indisvalid && form->indimmediate &&
			index->rd_rel->relam == BTREE_AM_OID &&
			RelationGetIndexPredicate(index) == NIL &&
			form->indnkeyatts == key->ncolumns)
			for (int i = 0; i < form->indnkeyatts; i++)
				for (int k = 0; k < key->ncolumns; k++)
					if (form->indkey.values[i] == key->columns[k].attno &&
						index->rd_opfamily[i] == key->columns[k].opfamily &&
						index->rd_opcintype[i] == key->columns[k].opcintype &&
						index->rd_indcollation[i] == key->columns[k].collation)
						matched++;
		if (matched == key->ncolumns && (!OidIsValid(best) || form->indisprimary))
			best = RelationGetRelid(index);
		index_close(index, NoLock);
	}
	list_free(indexes);
	return best;
}

void
dp_heap_writer_open(DpWriter *writer, Oid index)
{
	DpHeapWriter *heap = palloc0(sizeof(DpHeapWriter));
	TupleConstr *constr = RelationGetDescr(writer->rel)->constr;

	writer->heap = heap;
	heap->rri = makeNode(ResultRelInfo);
	InitResultRelInfo(heap->rri, writer->rel, 0, NULL, 0);
	ExecOpenIndices(heap->rri, false);
	heap->has_checks = constr && (constr->has_not_null || constr->num_check > 0);
	heap->cid = GetCurrentCommandId(true);
	heap->log = dp_changelog_open(writer->rel);
	heap->bistate = GetBulkInsertState();
	/* no ring of buffers: who reads this target next wants them there */
	FreeAccessStrategy(heap->bistate->strategy);
	heap->bistate->strategy = NULL;
	memset(heap->bucket, -1, sizeof(heap->bucket));
	if (writer->key)
		open_probe(writer, index);
}

static void
open_probe(DpWriter *writer, Oid index)
{
	DpHeapWriter *heap = writer->heap;
	DpKey	   *key = writer->key;

	/* an own copy, so that it can be told to see our command */
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	heap->snapshot = RegisterSnapshot(GetActiveSnapshot());
	heap->snapshot->curcid = heap->cid + 1;
	PopActiveSnapshot();

	heap->index = index_open(index, RowExclusiveLock);
	heap->scan = dp_index_beginscan(writer->rel, heap->index, heap->snapshot, key->ncolumns);
	heap->leaf = dp_leaf_open(writer->rel, heap->index);
	heap->scan_column = palloc(sizeof(int) * key->ncolumns);
	for (int i = 0; i < key->ncolumns; i++)
	{
		int			k = 0;
		Oid			equal = get_opfamily_member(heap->index->rd_opfamily[i],
												heap->index->rd_opcintype[i],
												heap->index->rd_opcintype[i],
												BTEqualStrategyNumber);

		while (key->columns[k].attno != heap->index->rd_index->indkey.values[i])
			k++;
		heap->scan_column[i] = k;
		ScanKeyEntryInitialize(&heap->scankeys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   heap->index->rd_indcollation[i], get_opcode(equal), (Datum) 0);
	}
	heap->found = table_slot_create(writer->rel, NULL);
	heap->changed = table_slot_create(writer->rel, NULL);
	heap->touched = touched_create(CurrentMemoryContext, 64, NULL);
	heap->unseen = unseen_create(CurrentMemoryContext, 64, NULL);
	find_end(writer);
}

/* Read the last row of the index, where its first column has an end that rows can be beyond. */
static void
find_end(DpWriter *writer)
{
	DpHeapWriter *heap = writer->heap;
	AttrNumber	attno = heap->index->rd_index->indkey.values[0];
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(writer->rel), attno - 1);
	IndexScanDesc scan;
	bool		isnull = true;
	Datum		value;

	if (heap->index->rd_indoption[0] != 0)
		return;					/* DESC or NULLS FIRST */
	scan = dp_index_beginscan(writer->rel, heap->index, heap->snapshot, 0);
	index_rescan(scan, NULL, 0, NULL, 0);
	heap->empty = !index_getnext_slot(scan, BackwardScanDirection, heap->found);
	if (!heap->empty)
	{
		value = slot_getattr(heap->found, attno, &isnull);
		if (!isnull)
			heap->last = datumCopy(value, att->attbyval, att->attlen);
	}
	heap->ends = heap->empty || !isnull;
	ExecClearTuple(heap->found);
	index_endscan(scan);
}

/* Is the key beyond all keys that were there when the writer was opened? */
static bool
is_beyond(DpWriter *writer, TupleTableSlot *row)
{
	DpHeapWriter *heap = writer->heap;
	DpKeyColumn *column = &writer->key->columns[heap->scan_column[0]];

	if (!heap->ends)
		return false;
	if (heap->empty)
		return true;
	return !row->tts_isnull[column->attno - 1] &&
		DatumGetInt32(FunctionCall2Coll(&column->cmp, column->collation,
										row->tts_values[column->attno - 1], heap->last)) > 0;
}

void
dp_heap_writer_write(DpWriter *writer, DpWriteKind kind, int64 tag)
{
	DpHeapWriter *heap = writer->heap;
	TupleTableSlot *row = writer->incoming;
	DpVerdict	verdict = kind == DP_WRITE_REMOVE ? DP_VERDICT_REMOVE : DP_VERDICT_PUT;
	uint32		hash = 0;
	bool		exists = false;

	if (kind == DP_WRITE_APPEND)
	{
		insert_row(writer, row, 0);
		return;
	}
	if (is_beyond(writer, row))
	{
		bool		known;

		hash = dp_key_hash(writer->key, row);
		(void) unseen_insert(heap->unseen, hash, &known);
		exists = known && probe(writer, row);
	}
	else
	{
		exists = probe(writer, row);
		hash = exists ? 0 : dp_key_hash(writer->key, row);
	}
	if (exists)
		check_first(writer, row);
	else if (in_buffer(writer, row, hash))
		dp_writer_error_twice(writer, row);
	if (kind == DP_WRITE_PUT && writer->decide)
		verdict = writer->decide(writer->decide_arg, exists ? heap->found : NULL, row, tag);

	if (verdict == DP_VERDICT_PUT && !exists)
		insert_row(writer, row, hash);
	else if (verdict == DP_VERDICT_PUT)
		update_row(writer, row);
	else if (verdict == DP_VERDICT_REMOVE && exists)
		delete_row(writer);
	else
		writer->counts.unchanged++;
	if (exists)
		ExecClearTuple(heap->found);
}

/* Every row that this run neither found nor wrote. */
void
dp_heap_writer_remove_rest(DpWriter *writer)
{
	DpHeapWriter *heap = writer->heap;
	TableScanDesc scan;

	flush(writer);
	scan = table_beginscan(writer->rel, heap->snapshot, 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, heap->found))
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_ours(heap) && !was_touched(heap))
			delete_row(writer);
	}
	table_endscan(scan);
	ExecClearTuple(heap->found);
}

void
dp_heap_writer_close(DpWriter *writer)
{
	DpHeapWriter *heap = writer->heap;

	flush(writer);
	for (int i = 0; i < BUFFER_ROWS && heap->rows[i]; i++)
		ExecDropSingleTupleTableSlot(heap->rows[i]);
	FreeBulkInsertState(heap->bistate);
	table_finish_bulk_insert(writer->rel, 0);
	if (heap->index)
	{
		if (BufferIsValid(heap->buffer))
			ReleaseBuffer(heap->buffer);
		dp_leaf_close(heap->leaf);
		index_endscan(heap->scan);
		index_close(heap->index, NoLock);
		ExecDropSingleTupleTableSlot(heap->found);
		ExecDropSingleTupleTableSlot(heap->changed);
		UnregisterSnapshot(heap->snapshot);
	}
	ExecCloseIndices(heap->rri);
	dp_changelog_close(heap->log);
}

/* Is there a row with this key?  It is then in "found". */
static bool
probe(DpWriter *writer, TupleTableSlot *row)
{
	DpHeapWriter *heap = writer->heap;
	ItemPointerData tids[DP_LEAF_TIDS];
	MemoryContext old;
	ItemPointer tid;
	bool		all_dead = false;
	bool		found = false;
	int			n;

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < writer->key->ncolumns; i++)
	{
		ScanKey		sk = &heap->scankeys[i];
		AttrNumber	attno = writer->key->columns[heap->scan_column[i]].attno;

		sk->sk_argument = row->tts_values[attno - 1];
		sk->sk_flags = row->tts_isnull[attno - 1] ? SK_ISNULL | SK_SEARCHNULL : 0;
	}
	n = dp_leaf_find(heap->leaf, heap->scankeys, tids);
	for (int i = 0; i < n && !found && !all_dead; i++)
		found = fetch(heap, writer->rel, &tids[i], &all_dead);
	if (n >= 0 && !all_dead)
		return found;

	/* What the scan allocates on its way lives as long as the scan. */
	old = MemoryContextSwitchTo(writer->context);
	index_rescan(heap->scan, heap->scankeys, writer->key->ncolumns, NULL, 0);
	while (!found && (tid = index_getnext_tid(heap->scan, ForwardScanDirection)) != NULL)
	{
		found = fetch(heap, writer->rel, tid, &all_dead);
		if (!found && !heap->scan->xactStartedInRecovery)
			heap->scan->kill_prior_tuple = all_dead;
	}
	MemoryContextSwitchTo(old);
	return found;
}

/* The version at a TID that the snapshot sees, in "found"; what index_fetch_heap does, but for pruning. */
static bool
fetch(DpHeapWriter *heap, Relation rel, ItemPointer tid, bool *all_dead)
{
	BlockNumber block = ItemPointerGetBlockNumber(tid);
	bool		found;

	if (!BufferIsValid(heap->buffer) || BufferGetBlockNumber(heap->buffer) != block)
	{
		heap->buffer = ReleaseAndReadBuffer(heap->buffer, rel, block);
		/* A look without a lock may be wrong, as heap_page_prune_opt's own is. */
		if (PageIsFull(BufferGetPage(heap->buffer)) ||
			PageGetHeapFreeSpace(BufferGetPage(heap->buffer)) < heap->row_bytes * ROOM_ROWS)
			heap_page_prune_opt(rel, heap->buffer);
	}
	heap->tuple.t_self = *tid;
	LockBuffer(heap->buffer, BUFFER_LOCK_SHARE);
	found = heap_hot_search_buffer(&heap->tuple.t_self, rel, heap->buffer, heap->snapshot,
								   &heap->tuple, all_dead, true);
	LockBuffer(heap->buffer, BUFFER_LOCK_UNLOCK);
	if (found)
		ExecStoreBufferHeapTuple(&heap->tuple, heap->found, heap->buffer);
	return found;
}

/* Did this writer write the version that was found? */
static bool
is_ours(DpHeapWriter *heap)
{
	HeapTupleHeader header = ((HeapTupleTableSlot *) heap->found)->tuple->t_data;

	return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header)) &&
		HeapTupleHeaderGetCmin(header) >= heap->cid;
}

static bool
was_touched(DpHeapWriter *heap)
{
	ItemPointer tid = &heap->found->tts_tid;
	OffsetNumber bit = ItemPointerGetOffsetNumber(tid);
	TouchedPage *page = touched_lookup(heap->touched, ItemPointerGetBlockNumber(tid));

	return page != NULL && (page->tuples[bit / 8] & (1 << (bit % 8)));
}

/* Error unless this run meets the row that was found for the first time. */
static void
check_first(DpWriter *writer, TupleTableSlot *row)
{
	DpHeapWriter *heap = writer->heap;
	ItemPointer tid = &heap->found->tts_tid;
	OffsetNumber bit = ItemPointerGetOffsetNumber(tid);
	TouchedPage *page;
	bool		known;

	if (is_ours(heap))
		dp_writer_error_twice(writer, row);
	page = touched_insert(heap->touched, ItemPointerGetBlockNumber(tid), &known);
	if (!known)
		memset(page->tuples, 0, sizeof(page->tuples));
	if (page->tuples[bit / 8] & (1 << (bit % 8)))
		dp_writer_error_twice(writer, row);
	page->tuples[bit / 8] |= 1 << (bit % 8);
}

static bool
in_buffer(DpWriter *writer, TupleTableSlot *row, uint32 hash)
{
	DpHeapWriter *heap = writer->heap;

	for (int i = heap->bucket[hash & (BUFFER_BUCKETS - 1)]; i >= 0; i = heap->next[i])
		if (heap->hashes[i] == hash && dp_key_equal(writer->key, heap->rows[i], row))
			return true;
	return false;
}

/* A new row, with the defaults of the columns that the rows do not have. */
static void
insert_row(DpWriter *writer, TupleTableSlot *row, uint32 hash)
{
	DpHeapWriter *heap = writer->heap;
	TupleDesc	desc = RelationGetDescr(writer->rel);
	int			n = heap->nrows;
	TupleTableSlot *slot;
	bool		shouldfree;
	HeapTuple	tuple;

	if (heap->rows[n] == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->context);

		heap->rows[n] = table_slot_create(writer->rel, NULL);
		MemoryContextSwitchTo(old);
	}
	slot = heap->rows[n];
	ExecClearTuple(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		DpWriterColumn *column = &writer->columns[i];

		slot->tts_values[i] = row->tts_values[i];
		slot->tts_isnull[i] = row->tts_isnull[i];
		if (column->from == 0 && column->initial)
			slot->tts_values[i] = ExecEvalExpr(column->initial,
											   GetPerTupleExprContext(writer->estate),
											   &slot->tts_isnull[i]);
	}
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(writer->rel);
	if (heap->has_checks)
		ExecConstraints(heap->rri, slot, writer->estate);
	ExecMaterializeSlot(slot);
	tuple = ExecFetchSlotHeapTuple(slot, false, &shouldfree);
	heap->bytes += tuple->t_len;
	heap->row_bytes = tuple->t_len;
	if (writer->key)
	{
		int16	   *bucket = &heap->bucket[hash & (BUFFER_BUCKETS - 1)];

		heap->hashes[n] = hash;
		heap->next[n] = *bucket;
		*bucket = n;
	}
	heap->nrows++;
	writer->counts.inserted++;
	if (heap->nrows == BUFFER_ROWS || heap->bytes >= BUFFER_BYTES)
		flush(writer);
}

/*
 * Our probes saw none of these keys, so whoever is in the way committed or
 * is about to commit meanwhile.
 */
static void
insert_into_indexes(DpWriter *writer, TupleTableSlot *slot)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		dp_exec_insert_index_tuples(writer->heap->rri, slot, writer->estate);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (writer->heap->index == NULL || error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION ||
			error->constraint_name == NULL ||
			strcmp(error->constraint_name, RelationGetRelationName(writer->heap->index)) != 0)
			PG_RE_THROW();
		FlushErrorState();
		dp_writer_error_concurrent(writer);
	}
	PG_END_TRY();
}

static void
flush(DpWriter *writer)
{
	DpHeapWriter *heap = writer->heap;

	if (heap->nrows == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	table_multi_insert(writer->rel, heap->rows, heap->nrows, heap->cid, 0, heap->bistate);
	for (int i = 0; i < heap->nrows; i++)
	{
		if (heap->rri->ri_NumIndices > 0)
			insert_into_indexes(writer, heap->rows[i]);
		dp_changelog_put(heap->log, NULL, heap->rows[i]);
		ExecClearTuple(heap->rows[i]);
		ResetPerTupleExprContext(writer->estate);
	}
	memset(heap->bucket, -1, sizeof(heap->bucket));
	heap->nrows = 0;
	heap->bytes = 0;
}

/* A table that is published needs a replica identity before rows of it change. */
static void
check_replica_identity(DpHeapWriter *heap)
{
	if (!heap->replica_checked)
	{
		CheckCmdReplicaIdentity(heap->rri->ri_RelationDesc, CMD_UPDATE);
		CheckCmdReplicaIdentity(heap->rri->ri_RelationDesc, CMD_DELETE);
		heap->replica_checked = true;
	}
}

static void
check_result(DpWriter *writer, TM_Result result, TupleTableSlot *row)
{
	switch (result)
	{
		case TM_Ok:
			return;
		case TM_SelfModified:
			dp_writer_error_twice(writer, row);
		case TM_Updated:
		case TM_Deleted:
			dp_writer_error_concurrent(writer);
		default:
			elog(ERROR, "unexpected result %d of changing a row of table \"%s\"",
				 result, RelationGetRelationName(writer->rel));
	}
}

/* Bring the row that was found to what it shall be, if it is not. */
static void
update_row(DpWriter *writer, TupleTableSlot *row)
{
	DpHeapWriter *heap = writer->heap;
	TupleDesc	desc = RelationGetDescr(writer->rel);
	TupleTableSlot *found = heap->found;
	TupleTableSlot *changed = heap->changed;
	bool		differs = false;
	TM_FailureData failure;
	LockTupleMode lockmode;
	DpUpdateIndexes indexes;

	/* the old row is taken apart only as far as the first difference */
	for (int i = 0; i < desc->natts && !differs; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		isnull;
		Datum		value;

		if (writer->columns[i].from == 0)
			continue;
		value = slot_getattr(found, i + 1, &isnull);
		differs = row->tts_isnull[i] != isnull ||
			(!isnull && !datum_image_eq(row->tts_values[i], value, att->attbyval, att->attlen));
	}
	if (!differs)
	{
		writer->counts.unchanged++;
		return;
	}
	ExecClearTuple(changed);
	memcpy(changed->tts_values, row->tts_values, sizeof(Datum) * desc->natts);
	memcpy(changed->tts_isnull, row->tts_isnull, sizeof(bool) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
		if (writer->columns[i].from == 0)
			changed->tts_values[i] = slot_getattr(found, i + 1, &changed->tts_isnull[i]);
	check_replica_identity(heap);
	ExecStoreVirtualTuple(changed);
	changed->tts_tableOid = RelationGetRelid(writer->rel);
	if (heap->has_checks)
		ExecConstraints(heap->rri, changed, writer->estate);
	check_result(writer,
				 table_tuple_update(writer->rel, &found->tts_tid, changed, heap->cid,
									heap->snapshot, InvalidSnapshot, true,
									&failure, &lockmode, &indexes),
				 row);
	heap->row_bytes = ExecFetchSlotHeapTuple(changed, true, NULL)->t_len;
	if (heap->rri->ri_NumIndices > 0)
		dp_exec_update_index_tuples(heap->rri, changed, writer->estate, indexes);
	dp_changelog_put(heap->log, found, changed);
	writer->counts.updated++;
}

static void
delete_row(DpWriter *writer)
{
	DpHeapWriter *heap = writer->heap;
	TM_FailureData failure;

	check_replica_identity(heap);
	check_result(writer,
				 table_tuple_delete(writer->rel, &heap->found->tts_tid, heap->cid,
									heap->snapshot, InvalidSnapshot, true, &failure, false),
				 writer->incoming);
	dp_changelog_put(heap->log, heap->found, NULL);
	writer->counts.deleted++;
}
