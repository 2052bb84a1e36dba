/*-------------------------------------------------------------------------
 *
 * bronze.c
 *	  What is new in a bronze table, read by the ledger.
 *
 * Each ledger row names its transaction, so the batches that the frontier's
 * snapshot does not see are those that are new, whatever committed in
 * whatever order.  Their rows are found by the block range of the leaf and
 * the batch id; where the ledger has no range, or fewer rows are found than
 * it counts (the leaf was rewritten), by the batch id alone.
 *
 * A run takes whole batches, the oldest first, up to a number of rows; the
 * others stay named in the frontier as "pending".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/tupconvert.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pipeline/internal.h"

/* One batch's rows in one leaf. */
typedef struct Batch
{
	int64		id;
	Oid			leaf;			/* InvalidOid: anywhere in the table */
	BlockNumber first;			/* InvalidBlockNumber: anywhere in the leaf */
	BlockNumber last;
	int64		rows;
} Batch;

typedef struct Reader
{
	DpDelta    *delta;
	const DpQueryInput *used;
	AttrNumber	batch_attno;	/* of _batch_id in the bronze table */
	HTAB	   *wanted;			/* batch ids */
} Reader;

/* Rows that one run takes from a bronze table: memory and the length of a transaction. */
#define MAX_ROWS_A_RUN 500000

static Batch *
read_ledger(const DpInput *input, int *nbatches, char **frontier)
{
	Oid			types[3] = {OIDOID, TEXTOID, INT8OID};
	Datum		values[3] = {ObjectIdGetDatum(input->relid), 0, Int64GetDatum(MAX_ROWS_A_RUN)};
	char		nulls[3] = {' ', input->bronze_frontier ? ' ' : 'n', ' '};
	MemoryContext context = CurrentMemoryContext;
	Batch	   *batches;

	if (input->bronze_frontier != NULL)
		values[1] = CStringGetTextDatum(input->bronze_frontier);
	SPI_connect();
	SPI_execute_with_args("SELECT b.batch_id, b.leaf, b.first_block, b.last_block, b.rows"
						  " FROM dataplat_internal.new_batches($1, $2::jsonb, $3) AS b",
						  3, types, values, nulls, true, 0);
	*nbatches = (int) SPI_processed;
	batches = MemoryContextAlloc(context, sizeof(Batch) * Max(*nbatches, 1));
	for (int i = 0; i < *nbatches; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		Datum		first;

		batches[i].id = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
		batches[i].leaf = DatumGetObjectId(SPI_getbinval(row, desc, 2, &isnull));
		if (isnull)
			batches[i].leaf = InvalidOid;
		first = SPI_getbinval(row, desc, 3, &isnull);
		batches[i].first = isnull ? InvalidBlockNumber : (BlockNumber) DatumGetInt64(first);
		batches[i].last = isnull ? InvalidBlockNumber :
			(BlockNumber) DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull));
		batches[i].rows = DatumGetInt64(SPI_getbinval(row, desc, 5, &isnull));
	}
	values[2] = PointerGetDatum(construct_array((Datum *) palloc0(sizeof(Datum) * Max(*nbatches, 1)), 0,
												INT8OID, 8, true, TYPALIGN_DOUBLE));
	if (*nbatches > 0)
	{
		Datum	   *ids = palloc(sizeof(Datum) * *nbatches);

		for (int i = 0; i < *nbatches; i++)
			ids[i] = Int64GetDatum(batches[i].id);
		values[2] = PointerGetDatum(construct_array(ids, *nbatches, INT8OID, 8, true, TYPALIGN_DOUBLE));
	}
	types[2] = INT8ARRAYOID;
	SPI_execute_with_args("SELECT dataplat_internal.next_bronze_frontier($1, $2::jsonb, $3)::text",
						  3, types, values, nulls, true, 0);
	*frontier = MemoryContextStrdup(context, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return batches;
}

/* Columns that nobody uses are left out of the copy. */
static void
put_row(Reader *reader, TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		if (!reader->used->whole_row &&
			!bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, reader->used->columns))
			slot->tts_isnull[i] = true;
	}
	tuplestore_puttupleslot(reader->delta->new_rows, slot);
	reader->delta->nnew++;
}

/* Rows of the wanted batches in a range of blocks; how many there were. */
static int64
scan_leaf(Reader *reader, Relation leaf, BlockNumber first, BlockNumber last)
{
	TupleConversionMap *map = convert_tuples_by_name(RelationGetDescr(leaf), reader->delta->desc);
	TupleTableSlot *slot = table_slot_create(leaf, NULL);
	TupleTableSlot *converted = MakeSingleTupleTableSlot(reader->delta->desc, &TTSOpsVirtual);
	int64		before = reader->delta->nnew;
	ItemPointerData low;
	ItemPointerData high;
	TableScanDesc scan;

	ItemPointerSet(&low, first, 0);
	ItemPointerSet(&high, last, MaxOffsetNumber);
	scan = table_beginscan_tidrange(leaf, GetActiveSnapshot(), &low, &high);
	while (table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot))
	{
		TupleTableSlot *row = slot;
		Datum		id;
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		if (map != NULL)
			row = execute_attr_map_slot(map->attrMap, slot, converted);
		else
		{
			/* put_row changes the slot, and this one belongs to the scan. */
			ExecCopySlot(converted, slot);
			row = converted;
		}
		id = slot_getattr(row, reader->batch_attno, &isnull);
		if (!isnull && hash_search(reader->wanted, &id, HASH_FIND, NULL) != NULL)
			put_row(reader, row);
		ExecClearTuple(converted);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(converted);
	return reader->delta->nnew - before;
}

static void
want_only(Reader *reader, const Batch *batches, int n)
{
	HASHCTL		ctl = {0};

	if (reader->wanted != NULL)
		hash_destroy(reader->wanted);
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(int64);
	ctl.hcxt = CurrentMemoryContext;
	reader->wanted = hash_create("batches", Max(n, 16), &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int i = 0; i < n; i++)
		(void) hash_search(reader->wanted, &batches[i].id, HASH_ENTER, NULL);
}

static void
forget_rows(Reader *reader, int64 keep)
{
	/* Nothing can be taken back from a store: copy what stays. */
	Tuplestorestate *kept = tuplestore_begin_heap(true, false, work_mem);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(reader->delta->desc, &TTSOpsMinimalTuple);

	tuplestore_rescan(reader->delta->new_rows);
	for (int64 i = 0; i < keep && tuplestore_gettupleslot(reader->delta->new_rows, true, false, slot); i++)
		tuplestore_puttupleslot(kept, slot);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(reader->delta->new_rows);
	reader->delta->new_rows = kept;
	reader->delta->nnew = keep;
}

/*
 * Batches of one leaf, ordered by block.  Ranges that touch are scanned
 * together.
 */
static void
read_leaf(Reader *reader, Oid relid, Batch *batches, int n)
{
	Relation	leaf = try_table_open(relid, AccessShareLock);
	int64		before = reader->delta->nnew;
	int64		expected = 0;
	int64		found = 0;
	bool		ranges = true;
	BlockNumber blocks;

	if (leaf == NULL)
		return;					/* retention took it */
	blocks = RelationGetNumberOfBlocks(leaf);
	want_only(reader, batches, n);
	for (int i = 0; i < n; i++)
	{
		expected += batches[i].rows;
		ranges &= batches[i].first != InvalidBlockNumber && batches[i].last < blocks;
	}
	for (int i = 0; ranges && i < n;)
	{
		BlockNumber first = batches[i].first;
		BlockNumber last = batches[i].last;

		for (i++; i < n && batches[i].first <= last + 1; i++)
			last = Max(last, batches[i].last);
		found += scan_leaf(reader, leaf, first, last);
	}
	if ((!ranges || found < expected) && blocks > 0)
	{
		forget_rows(reader, before);
		(void) scan_leaf(reader, leaf, 0, blocks - 1);
	}
	table_close(leaf, NoLock);
}

/* Batches whose leaf is not known: ask the table. */
static void
read_anywhere(Reader *reader, const DpInput *input, const Batch *batches, int n)
{
	Oid			types[1] = {INT8ARRAYOID};
	Datum		values[1];
	Datum	   *ids = palloc(sizeof(Datum) * n);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(reader->delta->desc, &TTSOpsHeapTuple);
	Portal		portal;

	for (int i = 0; i < n; i++)
		ids[i] = Int64GetDatum(batches[i].id);
	values[0] = PointerGetDatum(construct_array(ids, n, INT8OID, 8, true, TYPALIGN_DOUBLE));
	SPI_connect();
	portal = SPI_cursor_open_with_args(NULL, psprintf("SELECT t FROM %s AS t WHERE t._batch_id = ANY ($1)", input->name),
									   1, types, values, NULL, true, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, 1000);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool		isnull;
			HeapTupleHeader header = DatumGetHeapTupleHeader(SPI_getbinval(SPI_tuptable->vals[i],
																		   SPI_tuptable->tupdesc, 1, &isnull));
			HeapTupleData tuple = {0};

			tuple.t_len = HeapTupleHeaderGetDatumLength(header);
			tuple.t_data = header;
			ExecStoreHeapTuple(&tuple, slot, false);
			put_row(reader, slot);
			ExecClearTuple(slot);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	ExecDropSingleTupleTableSlot(slot);
}

static int
compare_batches(const void *a, const void *b)
{
	const Batch *x = a;
	const Batch *y = b;

	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

DpDelta *
dp_bronze_read(const DpInput *input, const DpQueryInput *used, char **frontier)
{
	Relation	relation = table_open(input->relid, AccessShareLock);
	Reader		reader = {0};
	DpDelta    *delta = palloc0(sizeof(DpDelta));
	int			n;
	Batch	   *batches = read_ledger(input, &n, frontier);

	delta->relid = input->relid;
	delta->desc = CreateTupleDescCopyConstr(RelationGetDescr(relation));
	delta->old_rows = tuplestore_begin_heap(true, false, work_mem);
	delta->new_rows = tuplestore_begin_heap(true, false, work_mem);
	reader.delta = delta;
	reader.used = used;
	reader.batch_attno = get_attnum(input->relid, "_batch_id");
	table_close(relation, NoLock);
	if (reader.batch_attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("bronze table %s has no column _batch_id any more", input->name)));

	qsort(batches, n, sizeof(Batch), compare_batches);
	for (int i = 0; i < n;)
	{
		int			start = i;

		while (i < n && batches[i].leaf == batches[start].leaf)
			i++;
		if (OidIsValid(batches[start].leaf))
			read_leaf(&reader, batches[start].leaf, batches + start, i - start);
		else
			read_anywhere(&reader, input, batches + start, i - start);
	}
	return delta;
}

void
dp_bronze_advance(const char *pipeline, const DpInput *input, const char *frontier)
{
	Oid			types[3] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3] = {CStringGetTextDatum(pipeline), CStringGetTextDatum(input->name),
	CStringGetTextDatum(frontier)};

	SPI_connect();
	SPI_execute_with_args("UPDATE dataplat_internal.pipeline_relation AS r SET bronze_frontier = $3::jsonb"
						  " WHERE r.pipeline = $1 AND r.relation = $2", 3, types, values, NULL, false, 0);
	SPI_finish();
}

char *
dp_bronze_frontier_now(const DpInput *input)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(input->relid)};
	MemoryContext context = CurrentMemoryContext;
	char	   *frontier;

	SPI_connect();
	SPI_execute_with_args("SELECT dataplat_internal.next_bronze_frontier($1, NULL, NULL)::text",
						  1, types, values, NULL, true, 0);
	frontier = MemoryContextStrdup(context, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return frontier;
}
