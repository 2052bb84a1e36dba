/*-------------------------------------------------------------------------
 *
 * bronze.c
 *	  What is new in a bronze table, read by the ledger.
 *
 * Each ledger row names its transaction, so the batches that the frontier's
 * snapshot does not see are those that are new, whatever committed in
 * whatever order.  Their rows are found by the block range of the leaf and
 * the batch id; where the ledger has no range, or fewer rows are found than
 * it counts (the leaf was rewritten), by the batch id alone.  A query reads them
 * where they stand.
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
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "common/compat.h"
#include "common/statement.h"
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

/* Blocks of a leaf in which rows of some batches stand. */
typedef struct Range
{
	int			leaf;			/* index in the leaves */
	BlockNumber first;
	BlockNumber last;
} Range;

/* Batches of one leaf. */
typedef struct Leaf
{
	Relation	rel;
	HTAB	   *wanted;			/* batch ids; NULL: only this one */
	int64		only;
	int64		expected;		/* rows, says the ledger */
	BlockNumber blocks;			/* of it, when it was looked at */
	AttrNumber	batch_attno;
	AttrNumber *from;			/* for each column of the table its own; 0: nobody uses it */
	int			natts;			/* so many columns of a row need be taken apart */
	int			first_range;	/* its ranges, in order of blocks */
	int			nranges;
} Leaf;

/* Rows of batches, where they stand. */
typedef struct BronzeSource
{
	DpRowSource pub;
	TupleDesc	desc;
	Snapshot	snapshot;
	Leaf	   *leaves;
	int			nleaves;
	Range	   *ranges;
} BronzeSource;

typedef struct BronzeCursor
{
	const BronzeSource *source;
	MemoryContext context;
	int			leaf;
	int			range;			/* of the leaf; past its ranges: what lies between them */
	int64		found;			/* rows of the leaf */
	TableScanDesc scan;			/* NULL: the next range */
	TupleTableSlot *slot;
} BronzeCursor;

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
	dp_statement_execute("SELECT b.batch_id, b.leaf, b.first_block, b.last_block, b.rows"
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
	dp_statement_execute("SELECT dataplat_internal.next_bronze_frontier($1, $2::jsonb, $3)::text",
						  3, types, values, nulls, true, 0);
	*frontier = MemoryContextStrdup(context, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return batches;
}

/* ---- a scan of the leaves ---- */

static void *
begin_bronze(const DpRowSource *source)
{
	BronzeCursor *cursor = palloc0(sizeof(BronzeCursor));

	cursor->source = (const BronzeSource *) source;
	cursor->context = CurrentMemoryContext;
	return cursor;
}

/*
 * The next range of blocks to read of a leaf.  Behind its ranges come those
 * between them, if fewer rows were found than the ledger counts: then the leaf was
 * rewritten, and its rows may stand anywhere.
 */
static bool
next_range(BronzeCursor *cursor, BlockNumber *first, BlockNumber *last)
{
	const Leaf *leaf = &cursor->source->leaves[cursor->leaf];
	const Range *ranges = cursor->source->ranges + leaf->first_range;
	int			gap;

	if (cursor->range < leaf->nranges)
	{
		*first = ranges[cursor->range].first;
		*last = ranges[cursor->range].last;
		cursor->range++;
		return true;
	}
	for (gap = cursor->range - leaf->nranges; gap <= leaf->nranges; gap++)
	{
		if (cursor->found >= leaf->expected)
			return false;
		cursor->range = leaf->nranges + gap + 1;
		*first = gap == 0 ? 0 : ranges[gap - 1].last + 1;
		*last = gap == leaf->nranges ? leaf->blocks : ranges[gap].first;
		if (*first < *last)
		{
			(*last)--;
			return true;
		}
	}
	return false;
}

static bool
open_range(BronzeCursor *cursor)
{
	const BronzeSource *source = cursor->source;
	MemoryContext old = MemoryContextSwitchTo(cursor->context);
	ItemPointerData low;
	ItemPointerData high;
	BlockNumber first = 0;
	BlockNumber last = 0;

	while (cursor->leaf < source->nleaves && !next_range(cursor, &first, &last))
	{
		cursor->leaf++;
		cursor->range = 0;
		cursor->found = 0;
	}
	if (cursor->leaf < source->nleaves)
	{
		Relation	rel = source->leaves[cursor->leaf].rel;

		ItemPointerSet(&low, first, 0);
		ItemPointerSet(&high, last, MaxOffsetNumber);
		cursor->slot = table_slot_create(rel, NULL);
		cursor->scan = table_beginscan_tidrange(rel, source->snapshot, &low, &high);
	}
	MemoryContextSwitchTo(old);
	return cursor->leaf < source->nleaves;
}

static void
end_range(BronzeCursor *cursor)
{
	table_endscan(cursor->scan);
	ExecDropSingleTupleTableSlot(cursor->slot);
	cursor->scan = NULL;
}

static bool
is_wanted(const Leaf *leaf, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		id = slot_getattr(slot, leaf->batch_attno, &isnull);

	if (isnull)
		return false;
	return leaf->wanted ? hash_search(leaf->wanted, &id, HASH_FIND, NULL) != NULL : DatumGetInt64(id) == leaf->only;
}

static bool
next_in_bronze(void *arg, Datum *values, bool *nulls)
{
	BronzeCursor *cursor = arg;

	while (cursor->scan != NULL || open_range(cursor))
	{
		const Leaf *leaf = &cursor->source->leaves[cursor->leaf];

		while (table_scan_getnextslot_tidrange(cursor->scan, ForwardScanDirection, cursor->slot))
		{
			CHECK_FOR_INTERRUPTS();
			if (!is_wanted(leaf, cursor->slot))
				continue;
			slot_getsomeattrs(cursor->slot, leaf->natts);
			for (int i = 0; i < cursor->source->desc->natts; i++)
			{
				AttrNumber	from = leaf->from[i];

				nulls[i] = from == 0 || cursor->slot->tts_isnull[from - 1];
				values[i] = nulls[i] ? (Datum) 0 : cursor->slot->tts_values[from - 1];
			}
			cursor->found++;
			return true;
		}
		end_range(cursor);
	}
	return false;
}

static void
end_bronze(void *arg)
{
	BronzeCursor *cursor = arg;

	if (cursor->scan != NULL)
		end_range(cursor);
	pfree(cursor);
}

/* ---- which leaves, and what of them ---- */

static void
want_batches(Leaf *leaf, const Batch *batches, int n)
{
	HASHCTL		ctl = {0};

	leaf->only = batches[0].id;
	for (int i = 0; i < n; i++)
		leaf->expected += batches[i].rows;
	if (n == 1)
		return;
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(int64);
	ctl.hcxt = CurrentMemoryContext;
	leaf->wanted = hash_create("batches", n, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int i = 0; i < n; i++)
		(void) hash_search(leaf->wanted, &batches[i].id, HASH_ENTER, NULL);
}

/* Columns of the leaf for those of the table; partitions may have them in other places. */
static void
map_leaf(Leaf *leaf, TupleDesc desc, const DpQueryInput *used, AttrNumber batch_attno)
{
	TupleConversionMap *map = convert_tuples_by_name(RelationGetDescr(leaf->rel), desc);

	leaf->from = palloc0(sizeof(AttrNumber) * desc->natts);
	leaf->batch_attno = map ? map->attrMap->attnums[batch_attno - 1] : batch_attno;
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped ||
			(!used->whole_row && !bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, used->columns)))
			continue;
		leaf->from[i] = map ? map->attrMap->attnums[i] : i + 1;
		leaf->natts = Max(leaf->natts, leaf->from[i]);
	}
}

/*
 * Batches of one leaf, ordered by block.  Ranges that touch are scanned
 * together.
 */
static void
add_leaf(BronzeSource *source, const DpQueryInput *used, AttrNumber batch_attno, Oid relid,
		 const Batch *batches, int n)
{
	Relation	rel = try_table_open(relid, AccessShareLock);
	Leaf	   *leaf = &source->leaves[source->nleaves];
	bool		ranges = true;

	if (rel == NULL)
		return;					/* retention took it */
	memset(leaf, 0, sizeof(Leaf));
	leaf->rel = rel;
	leaf->blocks = RelationGetNumberOfBlocks(rel);
	leaf->first_range = source->nleaves == 0 ? 0 :
		source->leaves[source->nleaves - 1].first_range + source->leaves[source->nleaves - 1].nranges;
	want_batches(leaf, batches, n);
	map_leaf(leaf, source->desc, used, batch_attno);
	for (int i = 0; i < n; i++)
		ranges &= batches[i].first != InvalidBlockNumber && batches[i].last < leaf->blocks;
	for (int i = 0; ranges && i < n;)
	{
		Range	   *range = &source->ranges[leaf->first_range + leaf->nranges++];

		range->first = batches[i].first;
		range->last = batches[i].last;
		for (i++; i < n && batches[i].first <= range->last + 1; i++)
			range->last = Max(range->last, batches[i].last);
	}
	source->nleaves++;
}

static void
forget_bronze(void *arg)
{
	BronzeSource *source = arg;

	for (int i = 0; i < source->nleaves; i++)
		table_close(source->leaves[i].rel, NoLock);
	source->nleaves = 0;
}

/* Columns that nobody uses are left out of the copy. */
static void
put_row(DpDelta *delta, const DpQueryInput *used, TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		if (!used->whole_row && !bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, used->columns))
			slot->tts_isnull[i] = true;
	}
	tuplestore_puttupleslot(delta->new_rows, slot);
}

/* Batches whose leaf is not known: ask the table. */
static void
read_anywhere(DpDelta *delta, const DpQueryInput *used, const DpInput *input, const Batch *batches, int n)
{
	Oid			types[1] = {INT8ARRAYOID};
	Datum		values[1];
	Datum	   *ids = palloc(sizeof(Datum) * n);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(delta->desc, &TTSOpsHeapTuple);
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
			put_row(delta, used, slot);
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

/* A generated column that is not stored is only to be had by asking the table. */
static bool
uses_virtual(TupleDesc desc, const DpQueryInput *used)
{
	for (int i = 1; i <= desc->natts; i++)
	{
		if (dp_is_virtual(desc, i) &&
			(used->whole_row || bms_is_member(i - FirstLowInvalidHeapAttributeNumber, used->columns)))
			return true;
	}
	return false;
}

DpDelta *
dp_bronze_read(const DpInput *input, const DpQueryInput *used, bool where_they_stand, char **frontier)
{
	Relation	relation = table_open(input->relid, AccessShareLock);
	DpDelta    *delta = palloc0(sizeof(DpDelta));
	BronzeSource *source = palloc0(sizeof(BronzeSource));
	AttrNumber	batch_attno = get_attnum(input->relid, "_batch_id");
	bool		anywhere = false;
	int			n;
	Batch	   *batches = read_ledger(input, &n, frontier);

	delta->relid = input->relid;
	delta->desc = CreateTupleDescCopyConstr(RelationGetDescr(relation));
	table_close(relation, NoLock);
	if (batch_attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("bronze table %s has no column _batch_id any more", input->name)));

	source->pub.begin = begin_bronze;
	source->pub.next = next_in_bronze;
	source->pub.end = end_bronze;
	source->desc = delta->desc;
	source->snapshot = delta->snapshot = dp_own_snapshot();
	source->leaves = palloc(sizeof(Leaf) * Max(n, 1));
	source->ranges = palloc(sizeof(Range) * Max(n, 1));
	delta->source = &source->pub;
	delta->forget = forget_bronze;
	if (uses_virtual(delta->desc, used))
	{
		for (int i = 0; i < n; i++)
			batches[i].leaf = InvalidOid;
	}
	qsort(batches, n, sizeof(Batch), compare_batches);
	for (int i = 0; i < n;)
	{
		int			start = i;

		while (i < n && batches[i].leaf == batches[start].leaf)
			i++;
		if (OidIsValid(batches[start].leaf))
			add_leaf(source, used, batch_attno, batches[start].leaf, batches + start, i - start);
		else
			anywhere = true;
	}
	for (int i = 0; i < source->nleaves; i++)
		delta->nnew += source->leaves[i].expected;
	if (where_they_stand && !anywhere)
		return delta;

	delta->new_rows = tuplestore_begin_heap(true, false, work_mem);
	dp_source_store(delta->source, delta->desc, delta->new_rows);
	forget_bronze(source);
	UnregisterSnapshot(delta->snapshot);
	delta->source = NULL;
	delta->snapshot = NULL;
	for (int i = 0; i < n;)
	{
		int			start = i;

		while (i < n && batches[i].leaf == batches[start].leaf)
			i++;
		if (!OidIsValid(batches[start].leaf))
			read_anywhere(delta, used, input, batches + start, i - start);
	}
	delta->nnew = tuplestore_tuple_count(delta->new_rows);
	return delta;
}

void
dp_bronze_advance(const char *pipeline, const DpInput *input, const char *frontier)
{
	Oid			types[3] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3] = {CStringGetTextDatum(pipeline), CStringGetTextDatum(input->name),
	CStringGetTextDatum(frontier)};

	SPI_connect();
	dp_statement_execute("UPDATE dataplat_internal.pipeline_relation AS r SET bronze_frontier = $3::jsonb"
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
