/*-------------------------------------------------------------------------
 *
 * apply_upsert.c
 *	  For each key the event with the greatest sequence, whatever the order
 *	  of arrival.
 *
 * First the events of the batch are reduced to one a key, then each of these
 * is compared with the row that is there.  Among equal sequences the event
 * that came later wins, so a row that is there loses to an equal one.
 *
 * Events are reduced as they come, by a hash table, while the newest ones fit
 * into memory.  Batches that are larger, or whose events carry only a part of
 * their columns (_keep), are sorted by key and sequence and folded.
 *
 * A deleted key leaves a tombstone, its key and sequence, in a table of its
 * own: an older event that comes late must not bring the row back.  A newer
 * one takes the tombstone away.  A key has a row or a tombstone, never both.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/sortsupport.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "common/compat.h"
#include "pipeline/apply_int.h"

#define TOMBSTONE "tombstone"

/* The newest event of a key so far. */
typedef struct Newest
{
	uint32		hash;
	bool		isnull;
	Datum		first;			/* of its key; by reference: only while they are sorted, points into the tuple */
	MinimalTuple tuple;
} Newest;

/* An open hash table of positions in the array of newest events. */
typedef struct KeyTable
{
	Newest	   *newest;
	uint32		n;
	uint32		size;			/* of the array */
	uint32	   *slots;			/* position plus one; 0: free */
	uint32		mask;
	Size		bytes;			/* of the tuples */
} KeyTable;

struct DpUpsert
{
	MemoryContext context;
	DpWriteCounts *counts;
	KeyTable   *table;			/* NULL: the events are sorted at the end */
	DpEvents   *events;
	bool		afresh;
	int64		late;

	/* in the columns of the events */
	DpKey	   *key;
	bool		first_by_value; /* its first column */
	DpKey	   *sequence;		/* NULL: the order of arrival decides */
	TupleTableSlot *row;
	TupleTableSlot *best;

	/* in the columns of the target */
	DpWriter   *writer;
	TupleDesc	target;
	DpKey	   *target_sequence;
	List	   *keeps;			/* Bitmapset *: columns whose old value stays */

	/* tombstones: their columns are the keys, then the sequence */
	DpWriter   *tombs;
	TupleDesc	tomb_desc;
	int			ntomb_keys;
	AttrNumber *tomb_from;		/* columns of the target */
	TupleTableSlot *tomb_row;
	DpKey	   *tomb_sequence;
	bool		tomb_wins;		/* what the last look at the tombstones said */
};

typedef struct DpUpsert Upsert;

static Upsert *upsert_open(DpEvents *events, bool afresh);
static void open_tombstones(Upsert *upsert);
static KeyTable *make_table(void);
static void add_newest(Upsert *upsert, TupleTableSlot *row);
static void give_up_table(Upsert *upsert);
static void offer_newest(Upsert *upsert);
static void reduce_by_sort(Upsert *upsert);
static void offer(Upsert *upsert, TupleTableSlot *row, bool deleted, Bitmapset *keep);
static DpVerdict judge(void *arg, TupleTableSlot *old_row, TupleTableSlot *new_row, int64 tag);
static DpVerdict judge_tombstone(void *arg, TupleTableSlot *old_row, TupleTableSlot *new_row, int64 tag);

DpUpsert *
dp_upsert_begin(DpPipeline *pipeline, TupleDesc desc, bool afresh, DpWriteCounts *counts)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dataplat upsert",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Upsert	   *upsert = upsert_open(dp_events_open(pipeline, desc, tuplestore_begin_heap(true, false, work_mem), 0), afresh);

	upsert->context = context;
	upsert->counts = counts;
	if (upsert->events->keep == 0)
		upsert->table = make_table();
	MemoryContextSwitchTo(old);
	return upsert;
}

void
dp_apply_upsert(DpPipeline *pipeline, TupleDesc desc, Tuplestorestate *rows, bool afresh, DpWriteCounts *counts)
{
	DpUpsert   *upsert = dp_upsert_begin(pipeline, desc, afresh, counts);
	TupleTableSlot *row = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, row))
	{
		CHECK_FOR_INTERRUPTS();
		dp_upsert_add(upsert, row);
	}
	ExecDropSingleTupleTableSlot(row);
	dp_upsert_end(upsert);
}

void
dp_upsert_add(DpUpsert *upsert, TupleTableSlot *row)
{
	MemoryContext old = MemoryContextSwitchTo(upsert->context);

	if (upsert->table == NULL)
		tuplestore_puttupleslot(upsert->events->rows, row);
	else
	{
		add_newest(upsert, row);
		if (upsert->table->bytes > (Size) maintenance_work_mem * 1024)
			give_up_table(upsert);
	}
	MemoryContextSwitchTo(old);
}

void
dp_upsert_end(DpUpsert *upsert)
{
	MemoryContext old = MemoryContextSwitchTo(upsert->context);

	if (upsert->table != NULL)
		offer_newest(upsert);
	else
		reduce_by_sort(upsert);
	if (upsert->afresh)
		dp_writer_remove_rest(upsert->writer);
	dp_writer_close(upsert->writer, upsert->counts);
	if (upsert->tombs)
	{
		if (upsert->afresh)
			dp_writer_remove_rest(upsert->tombs);
		dp_writer_close(upsert->tombs, NULL);
		ExecDropSingleTupleTableSlot(upsert->tomb_row);
	}
	ExecDropSingleTupleTableSlot(upsert->row);
	ExecDropSingleTupleTableSlot(upsert->best);
	tuplestore_end(upsert->events->rows);
	upsert->counts->late += upsert->late;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(upsert->context);
}

static Upsert *
upsert_open(DpEvents *events, bool afresh)
{
	Upsert	   *upsert = palloc0(sizeof(Upsert));
	Relation	rel = table_open(events->pipeline->target, RowExclusiveLock);

	upsert->events = events;
	upsert->afresh = afresh;
	upsert->key = dp_key_make(events->desc, events->nkeys, events->keys);
	upsert->first_by_value = TupleDescAttr(events->desc, events->keys[0] - 1)->attbyval;
	upsert->row = MakeSingleTupleTableSlot(events->desc, &TTSOpsMinimalTuple);
	upsert->best = MakeSingleTupleTableSlot(events->desc, &TTSOpsMinimalTuple);
	upsert->target = CreateTupleDescCopy(RelationGetDescr(rel));
	table_close(rel, NoLock);

	upsert->writer = dp_writer_open(events->pipeline->target,
									dp_events_stored(events, upsert->target),
									events->nkeys, events->keys);
	dp_writer_decide_by(upsert->writer, judge, upsert);
	dp_events_same_types(events, upsert->target, events->nsequence, events->sequence);
	if (events->nsequence > 0)
	{
		upsert->sequence = dp_key_make(events->desc, events->nsequence, events->sequence);
		upsert->target_sequence = dp_key_make(upsert->target, events->nsequence,
											  dp_events_translate(events->desc, upsert->target,
														events->nsequence, events->sequence));
	}
	/* without a sequence nothing comes late */
	if (events->deletes && events->nsequence > 0)
		open_tombstones(upsert);
	return upsert;
}

/* Columns of the target: the keys, and those of the sequence that are no keys. */
static void
open_tombstones(Upsert *upsert)
{
	DpEvents   *events = upsert->events;
	AttrNumber *keys = dp_events_translate(events->desc, upsert->target, events->nkeys, events->keys);
	AttrNumber *sequence = dp_events_translate(events->desc, upsert->target,
									 events->nsequence, events->sequence);
	AttrNumber *places = palloc(sizeof(AttrNumber) * (events->nkeys + events->nsequence));
	int			n = events->nkeys;
	Oid			table;

	upsert->tomb_from = palloc(sizeof(AttrNumber) * (events->nkeys + events->nsequence));
	memcpy(upsert->tomb_from, keys, sizeof(AttrNumber) * n);
	upsert->ntomb_keys = n;
	for (int i = 0; i < events->nsequence; i++)
	{
		int			at = 0;

		while (at < n && upsert->tomb_from[at] != sequence[i])
			at++;
		if (at == n)
			upsert->tomb_from[n++] = sequence[i];
		sequence[i] = at + 1;
	}
	upsert->tomb_desc = CreateTemplateTupleDesc(n);
	for (int i = 0; i < n; i++)
		TupleDescCopyEntry(upsert->tomb_desc, i + 1, upsert->target, upsert->tomb_from[i]);

	table = dp_side_table_open(TOMBSTONE, events->pipeline->id, events->pipeline->owner,
							   upsert->tomb_desc, events->nkeys, upsert->afresh);
	for (int i = 0; i < events->nkeys; i++)
		places[i] = i + 1;
	upsert->tombs = dp_writer_open(table, upsert->tomb_desc, events->nkeys, places);
	dp_writer_decide_by(upsert->tombs, judge_tombstone, upsert);
	upsert->tomb_row = MakeSingleTupleTableSlot(upsert->tomb_desc, &TTSOpsVirtual);
	if (events->nsequence > 0)
		upsert->tomb_sequence = dp_key_make(upsert->tomb_desc, events->nsequence, sequence);
}

/* ---------------------------------------------------------------- reducing */

static int64
arrival(Upsert *upsert, TupleTableSlot *row)
{
	bool		isnull;

	return DatumGetInt64(slot_getattr(row, upsert->events->ordinal, &isnull));
}

/*
 * Does "row" come after "other", which was read before it, in the history of
 * their key?
 */
static bool
is_newer(Upsert *upsert, TupleTableSlot *row, TupleTableSlot *other)
{
	int			order = upsert->sequence ? dp_key_compare(upsert->sequence, row, other) : 0;
	bool		came_later = arrival(upsert, row) >= arrival(upsert, other);

	if (order != 0 && (order > 0) != came_later)
		upsert->late++;
	return order != 0 ? order > 0 : came_later;
}

static KeyTable *
make_table(void)
{
	const uint32 initial = 1024;
	KeyTable   *table = palloc0(sizeof(KeyTable));

	table->newest = palloc(sizeof(Newest) * initial);
	table->size = initial;
	table->slots = palloc0(sizeof(uint32) * initial * 2);
	table->mask = initial * 2 - 1;
	return table;
}

static void
grow(KeyTable *table)
{
	uint32		nslots = (table->mask + 1) * 2;

	table->size *= 2;
	table->newest = repalloc_huge(table->newest, sizeof(Newest) * table->size);
	table->slots = repalloc_huge(table->slots, sizeof(uint32) * nslots);
	memset(table->slots, 0, sizeof(uint32) * nslots);
	table->mask = nslots - 1;
	for (uint32 i = 0; i < table->n; i++)
	{
		uint32		at = table->newest[i].hash & table->mask;

		while (table->slots[at] != 0)
			at = (at + 1) & table->mask;
		table->slots[at] = i + 1;
	}
}

/* The entry of the row's key: its newest event is then in upsert->best; or a new one. */
static Newest *
find_newest(Upsert *upsert, KeyTable *table, TupleTableSlot *row, bool *found)
{
	uint32		hash = dp_key_hash(upsert->key, row);
	uint32		at;

	for (at = hash & table->mask; table->slots[at] != 0; at = (at + 1) & table->mask)
	{
		Newest	   *newest = &table->newest[table->slots[at] - 1];

		if (newest->hash != hash)
			continue;
		ExecStoreMinimalTuple(newest->tuple, upsert->best, false);
		if (dp_key_equal(upsert->key, upsert->best, row))
		{
			*found = true;
			return newest;
		}
	}
	*found = false;
	if (table->n == table->size)
	{
		grow(table);
		for (at = hash & table->mask; table->slots[at] != 0; at = (at + 1) & table->mask)
			;
	}
	table->slots[at] = ++table->n;
	table->newest[table->n - 1].hash = hash;
	return &table->newest[table->n - 1];
}

static int
compare_first(const void *a, const void *b, void *arg)
{
	const Newest *x = a;
	const Newest *y = b;

	return ApplySortComparator(x->first, x->isnull, y->first, y->isnull, arg);
}

/*
 * In the order of the first key column, neighbours in the index and often in
 * the heap are met one after the other, which halves the cost of a probe.
 * Not worth it where a comparison asks the locale.
 */
static void
sort_newest(Upsert *upsert, KeyTable *table)
{
	DpKeyColumn *column = &upsert->key->columns[0];
	SortSupportData sort = {
		.ssup_cxt = CurrentMemoryContext,
		.ssup_collation = column->collation,
		.ssup_nulls_first = true,
		.ssup_attno = column->attno
	};
	Oid			type = TupleDescAttr(upsert->events->desc, column->attno - 1)->atttypid;

	if (OidIsValid(column->collation) && column->collation != C_COLLATION_OID)
		return;
	PrepareSortSupportFromOrderingOp(lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr, &sort);
	for (uint32 i = 0; !upsert->first_by_value && i < table->n; i++)
	{
		Newest	   *newest = &table->newest[i];

		ExecStoreMinimalTuple(newest->tuple, upsert->best, false);
		newest->first = slot_getattr(upsert->best, column->attno, &newest->isnull);
	}
	qsort_arg(table->newest, table->n, sizeof(Newest), compare_first, &sort);
}

static void
add_newest(Upsert *upsert, TupleTableSlot *row)
{
	bool		found;
	Newest	   *newest = find_newest(upsert, upsert->table, row, &found);

	if (found && !is_newer(upsert, row, upsert->best))
		return;
	if (found)
	{
		ExecClearTuple(upsert->best);
		upsert->table->bytes -= newest->tuple->t_len;
		pfree(newest->tuple);
	}
	if (upsert->first_by_value)
		newest->first = slot_getattr(row, upsert->key->columns[0].attno, &newest->isnull);
	newest->tuple = ExecCopySlotMinimalTuple(row);
	upsert->table->bytes += newest->tuple->t_len;
}

/* Too many keys: what is known of them goes where the other events will go, to be sorted. */
static void
give_up_table(Upsert *upsert)
{
	KeyTable   *table = upsert->table;

	for (uint32 i = 0; i < table->n; i++)
	{
		ExecStoreMinimalTuple(table->newest[i].tuple, upsert->best, false);
		tuplestore_puttupleslot(upsert->events->rows, upsert->best);
		ExecClearTuple(upsert->best);
		pfree(table->newest[i].tuple);
	}
	pfree(table->newest);
	pfree(table->slots);
	pfree(table);
	upsert->table = NULL;
}

static void
offer_newest(Upsert *upsert)
{
	KeyTable   *table = upsert->table;

	sort_newest(upsert, table);
	for (uint32 i = 0; i < table->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		ExecStoreMinimalTuple(table->newest[i].tuple, upsert->best, false);
		offer(upsert, upsert->best,
			  upsert->events->deletes && dp_condition_holds(upsert->events->deletes, upsert->best),
			  NULL);
	}
	ExecClearTuple(upsert->best);
}

/* By key, then oldest first; NULL is the lowest sequence. */
static Tuplesortstate *
sort_events(Upsert *upsert)
{
	DpEvents   *events = upsert->events;
	int			n = events->nkeys + events->nsequence + 1;
	AttrNumber *attnos = palloc(sizeof(AttrNumber) * n);
	Oid		   *operators = palloc(sizeof(Oid) * n);
	Oid		   *collations = palloc(sizeof(Oid) * n);
	bool	   *nulls_first = palloc(sizeof(bool) * n);
	Tuplesortstate *sort;

	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute att;

		if (i < events->nkeys)
			attnos[i] = events->keys[i];
		else if (i < n - 1)
			attnos[i] = events->sequence[i - events->nkeys];
		else
			attnos[i] = events->ordinal;
		att = TupleDescAttr(events->desc, attnos[i] - 1);
		operators[i] = lookup_type_cache(att->atttypid, TYPECACHE_LT_OPR)->lt_opr;
		collations[i] = att->attcollation;
		nulls_first[i] = true;
	}
	sort = tuplesort_begin_heap(events->desc, n, attnos, operators, collations, nulls_first,
								maintenance_work_mem, NULL, TUPLESORT_NONE);
	tuplestore_rescan(events->rows);
	while (tuplestore_gettupleslot(events->rows, true, false, upsert->row))
		tuplesort_puttupleslot(sort, upsert->row);
	tuplesort_performsort(sort);
	return sort;
}

/*
 * Columns that the event does not carry, by their numbers in the events.
 * The caller frees it.
 */
static Bitmapset *
kept_columns(Upsert *upsert, TupleTableSlot *row)
{
	Bitmapset  *keep = NULL;
	ArrayType  *array;
	Datum	   *names;
	bool	   *nulls;
	int			n;
	bool		isnull;
	Datum		value;

	if (upsert->events->keep == 0)
		return NULL;
	value = slot_getattr(row, upsert->events->keep, &isnull);
	if (isnull)
		return NULL;
	array = DatumGetArrayTypePCopy(value);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name;

		if (nulls[i])
			continue;
		name = TextDatumGetCString(names[i]);
		/* an event may speak of columns that the query does not select */
		for (int a = 0; a < upsert->events->desc->natts; a++)
			if (strcmp(NameStr(TupleDescAttr(upsert->events->desc, a)->attname), name) == 0)
				keep = bms_add_member(keep, a + 1);
		pfree(name);
	}
	pfree(names);
	pfree(nulls);
	pfree(array);
	for (int i = 0; i < upsert->events->nkeys; i++)
		keep = bms_del_member(keep, upsert->events->keys[i]);
	for (int i = 0; i < upsert->events->nsequence; i++)
		keep = bms_del_member(keep, upsert->events->sequence[i]);
	return keep;
}

/* What a row does not carry it takes from the event before it. */
static void
inherit(TupleTableSlot *row, TupleTableSlot *before, Bitmapset *keep)
{
	int			at = -1;

	slot_getallattrs(before);
	while ((at = bms_next_member(keep, at)) >= 0)
	{
		row->tts_values[at - 1] = before->tts_values[at - 1];
		row->tts_isnull[at - 1] = before->tts_isnull[at - 1];
	}
}

static void
copy_virtual(TupleTableSlot *to, TupleTableSlot *from)
{
	slot_getallattrs(from);
	ExecClearTuple(to);
	for (int i = 0; i < to->tts_tupleDescriptor->natts; i++)
	{
		to->tts_values[i] = from->tts_values[i];
		to->tts_isnull[i] = from->tts_isnull[i];
	}
	ExecStoreVirtualTuple(to);
}

/*
 * Events of a key come together, oldest first; the last is what the key is.
 * Memory: one row, and what of it was inherited.
 */
static void
reduce_by_sort(Upsert *upsert)
{
	Tuplesortstate *sort = sort_events(upsert);
	TupleTableSlot *last = MakeSingleTupleTableSlot(upsert->events->desc, &TTSOpsVirtual);
	TupleTableSlot *next = MakeSingleTupleTableSlot(upsert->events->desc, &TTSOpsVirtual);
	Bitmapset  *keep = NULL;
	bool		deleted = false;
	int64		newest_arrival = 0;

	while (tuplesort_gettupleslot(sort, true, false, upsert->row, NULL))
	{
		Bitmapset  *missing = kept_columns(upsert, upsert->row);
		bool		same;
		bool		deletes = upsert->events->deletes &&
			dp_condition_holds(upsert->events->deletes, upsert->row);

		CHECK_FOR_INTERRUPTS();
		copy_virtual(next, upsert->row);
		same = !TTS_EMPTY(last) && dp_key_equal(upsert->key, last, next);
		if (!TTS_EMPTY(last) && !same)
			offer(upsert, last, deleted, keep);
		if (same)
		{
			if (newest_arrival > arrival(upsert, next))
				upsert->late++;
			if (!deleted)
				inherit(next, last, missing);
			missing = bms_int_members(missing, deleted ? NULL : keep);
		}
		newest_arrival = same ? Max(newest_arrival, arrival(upsert, next)) : arrival(upsert, next);
		bms_free(keep);
		keep = missing;
		deleted = deletes;
		ExecMaterializeSlot(next);
		{
			TupleTableSlot *swap = last;

			last = next;
			next = swap;
		}
		ExecClearTuple(next);
	}
	if (!TTS_EMPTY(last))
		offer(upsert, last, deleted, keep);
	ExecDropSingleTupleTableSlot(last);
	ExecDropSingleTupleTableSlot(next);
	tuplesort_end(sort);
}

/* ---------------------------------------------------------------- deciding */

/*
 * What the decision needs goes with the row as a number: is it a delete, and
 * which of the few sets of kept columns.
 */
static void
offer(Upsert *upsert, TupleTableSlot *row, bool deleted, Bitmapset *keep)
{
	int64		set = 0;
	ListCell   *lc;

	if (!bms_is_empty(keep))
	{
		Bitmapset  *columns = NULL;
		int			at = -1;

		while ((at = bms_next_member(keep, at)) >= 0)
		{
			const char *name = NameStr(TupleDescAttr(upsert->events->desc, at - 1)->attname);

			for (int t = 0; t < upsert->target->natts; t++)
				if (!TupleDescAttr(upsert->target, t)->attisdropped &&
					strcmp(NameStr(TupleDescAttr(upsert->target, t)->attname), name) == 0)
					columns = bms_add_member(columns, t + 1);
		}
		foreach(lc, upsert->keeps)
		{
			set++;
			if (bms_equal(lfirst(lc), columns))
				break;
		}
		if (lc == NULL)
		{
			upsert->keeps = lappend(upsert->keeps, columns);
			set = list_length(upsert->keeps);
		}
	}
	dp_writer_offer(upsert->writer, row, set * 2 + (deleted ? 1 : 0));
}

/* Look at the tombstones: may an event of this key and sequence count? */
static bool
ask_tombstones(Upsert *upsert, TupleTableSlot *row, bool deleted)
{
	TupleTableSlot *tomb = upsert->tomb_row;

	if (upsert->tombs == NULL)
		return true;
	ExecClearTuple(tomb);
	for (int i = 0; i < upsert->tomb_desc->natts; i++)
		tomb->tts_values[i] = slot_getattr(row, upsert->tomb_from[i], &tomb->tts_isnull[i]);
	ExecStoreVirtualTuple(tomb);
	dp_writer_offer(upsert->tombs, tomb, deleted ? 1 : 0);
	return upsert->tomb_wins;
}

/* Both rows in the columns of the tombstones. */
static DpVerdict
judge_tombstone(void *arg, TupleTableSlot *old_row, TupleTableSlot *new_row, int64 tag)
{
	Upsert	   *upsert = arg;

	upsert->tomb_wins = old_row == NULL || upsert->afresh || upsert->tomb_sequence == NULL ||
		dp_key_compare(upsert->tomb_sequence, new_row, old_row) >= 0;
	if (!upsert->tomb_wins)
		return DP_VERDICT_KEEP;
	return tag ? DP_VERDICT_PUT : DP_VERDICT_REMOVE;
}

/* Both rows in the columns of the target. */
static DpVerdict
judge(void *arg, TupleTableSlot *old_row, TupleTableSlot *new_row, int64 tag)
{
	Upsert	   *upsert = arg;
	bool		deleted = tag & 1;

	if (old_row && !upsert->afresh && upsert->target_sequence &&
		dp_key_compare(upsert->target_sequence, new_row, old_row) < 0)
	{
		upsert->late++;
		return DP_VERDICT_KEEP;
	}
	/* a key with a row has no tombstone that could be in the way */
	if ((deleted || old_row == NULL) && !ask_tombstones(upsert, new_row, deleted))
	{
		upsert->late++;
		return DP_VERDICT_KEEP;
	}
	if (deleted)
		return DP_VERDICT_REMOVE;
	if (tag > 1 && old_row && !upsert->afresh)
		inherit(new_row, old_row, list_nth(upsert->keeps, tag / 2 - 1));
	return DP_VERDICT_PUT;
}
