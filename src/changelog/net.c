/*-------------------------------------------------------------------------
 *
 * net.c
 *	  Net changes: what came and went in between is not told.
 *
 * Old and new images are a multiset with signs; an image that was added as
 * often as it was taken away disappears.  That does not depend on the order of
 * events, which nobody can tell across transactions anyway.
 *
 * Where rows only come, nothing is on both sides.  Otherwise most images are on
 * one side only.  Two bitmaps of hashes, one a side, tell
 * which might be on both; only those are sorted by their bytes and counted.
 * All of it spills to disk past work_mem.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "changelog/changelog_int.h"

/* Bits for each image that is expected; one of them in 16 is a false alarm at worst. */
#define BITS_PER_ROW 16
#define MIN_BITS (64 * 1024)

/* The sort's columns. */
#define SORT_HASH 1
#define SORT_IMAGE 2
#define SORT_SIGN 3

struct DpNet
{
	DpDelta    *delta;
	MemoryContext context;
	MemoryContext row_context;
	int64		expected_rows;
	uint64		mask;			/* 0: no bits yet, all images are new ones */
	uint8	   *old_bits;
	uint8	   *new_bits;
};

/*
 * Start to fill the two stores of a delta, whose desc is set.  Columns that
 * no reader needs must be added as NULL.
 */
DpNet *
dp_net_begin(DpDelta *delta, int64 expected_rows)
{
	DpNet	   *net = palloc0(sizeof(DpNet));

	net->delta = delta;
	net->context = CurrentMemoryContext;
	net->expected_rows = expected_rows;
	net->row_context = AllocSetContextCreate(CurrentMemoryContext, "dataplat net row",
											 ALLOCSET_DEFAULT_SIZES);
	delta->old_rows = tuplestore_begin_heap(false, false, work_mem);
	delta->new_rows = tuplestore_begin_heap(false, false, work_mem);
	return net;
}

/* The finalizer of splitmix64: every bit of the input moves every bit of the result. */
static uint64
mix(uint64 h)
{
	h = (h ^ (h >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

static uint64
hash_image(TupleDesc desc, Datum *values, bool *nulls)
{
	uint64		hash = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (nulls[i])
			hash = mix(hash + 1);
		else
			hash = mix(hash ^ (UINT64CONST(0x100000000) |
							   datum_image_hash(values[i], att->attbyval, att->attlen)));
	}
	return hash;
}

static void
set_bit(DpNet *net, Datum *values, bool *nulls, int sign)
{
	MemoryContext old = MemoryContextSwitchTo(net->row_context);
	uint64		bit = hash_image(net->delta->desc, values, nulls) & net->mask;

	(sign < 0 ? net->old_bits : net->new_bits)[bit >> 3] |= 1 << (bit & 7);
	MemoryContextSwitchTo(old);
	MemoryContextReset(net->row_context);
}

/* The first old image: from here on bits are needed, also of what came before. */
static void
make_bits(DpNet *net)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(net->delta->desc, &TTSOpsMinimalTuple);
	uint64		bits = MIN_BITS;
	uint64		most = (uint64) work_mem * 1024 * 8 / 4;

	while (bits < net->expected_rows * BITS_PER_ROW && bits * 2 <= most)
		bits *= 2;
	net->mask = bits - 1;
	net->old_bits = MemoryContextAllocExtended(net->context, bits / 8, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	net->new_bits = MemoryContextAllocExtended(net->context, bits / 8, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	tuplestore_rescan(net->delta->new_rows);
	while (tuplestore_gettupleslot(net->delta->new_rows, true, false, slot))
	{
		slot_getallattrs(slot);
		set_bit(net, slot->tts_values, slot->tts_isnull, 1);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Add an image; the values need not outlive the call, and nothing of them may be out of line. */
void
dp_net_add(DpNet *net, Datum *values, bool *nulls, int sign)
{
	DpDelta    *delta = net->delta;

	if (sign < 0 && net->mask == 0)
		make_bits(net);
	if (net->mask != 0)
		set_bit(net, values, nulls, sign);
	tuplestore_putvalues(sign < 0 ? delta->old_rows : delta->new_rows, delta->desc, values, nulls);
}

/* Was no image added? */
bool
dp_net_is_empty(const DpNet *net)
{
	return tuplestore_tuple_count(net->delta->old_rows) == 0 &&
		tuplestore_tuple_count(net->delta->new_rows) == 0;
}

/* Keep the bits that are on both sides, in old_bits.  Are there any? */
static bool
intersect(DpNet *net)
{
	uint64		any = 0;

	for (uint64 i = 0; i <= net->mask / 8; i += sizeof(uint64))
	{
		uint64	   *a = (uint64 *) (net->old_bits + i);

		*a &= *(uint64 *) (net->new_bits + i);
		any |= *a;
	}
	return any != 0;
}

/* The bytes that are compared: a tuple with every value decompressed. */
static Datum
image_of(TupleDesc desc, TupleTableSlot *row, Datum *values)
{
	MinimalTuple tuple;
	bytea	   *image;

	for (int i = 0; i < desc->natts; i++)
	{
		values[i] = row->tts_values[i];
		if (!row->tts_isnull[i] && TupleDescAttr(desc, i)->attlen == -1)
			values[i] = PointerGetDatum(PG_DETOAST_DATUM(values[i]));
	}
	tuple = dp_form_minimal_tuple(desc, values, row->tts_isnull);
	image = palloc(VARHDRSZ + tuple->t_len);
	SET_VARSIZE(image, VARHDRSZ + tuple->t_len);
	memcpy(VARDATA(image), tuple, tuple->t_len);
	return PointerGetDatum(image);
}

static TupleDesc
sort_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(3);

	TupleDescInitEntry(desc, SORT_HASH, "hash", INT8OID, -1, 0);
	TupleDescInitEntry(desc, SORT_IMAGE, "image", BYTEAOID, -1, 0);
	TupleDescInitEntry(desc, SORT_SIGN, "sign", INT2OID, -1, 0);
	return desc;
}

/* Rows that may be on both sides go to the sort, the others to *rest. */
static void
part(DpNet *net, Tuplestorestate *rows, Tuplestorestate *rest, int sign,
	 Tuplesortstate *sort, TupleTableSlot *sort_slot)
{
	TupleDesc	desc = net->delta->desc;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);

	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(net->row_context);
		uint64		hash;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		hash = hash_image(desc, slot->tts_values, slot->tts_isnull);
		if (net->old_bits[(hash & net->mask) >> 3] & (1 << (hash & 7)))
		{
			ExecClearTuple(sort_slot);
			sort_slot->tts_values[SORT_HASH - 1] = Int64GetDatum((int64) hash);
			sort_slot->tts_values[SORT_IMAGE - 1] = image_of(desc, slot, values);
			sort_slot->tts_values[SORT_SIGN - 1] = Int16GetDatum(sign);
			memset(sort_slot->tts_isnull, false, 3);
			ExecStoreVirtualTuple(sort_slot);
			tuplesort_puttupleslot(sort, sort_slot);
			ExecClearTuple(sort_slot);
		}
		else
			tuplestore_puttupleslot(rest, slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(net->row_context);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rows);
}

/* An image that is left over goes to its side, as often as it is left. */
static void
emit(DpNet *net, bytea *image, int64 count, TupleTableSlot *slot)
{
	Size		len = VARSIZE_ANY_EXHDR(image);
	MinimalTuple tuple;

	if (count == 0)
		return;
	tuple = memcpy(palloc(len), VARDATA_ANY(image), len);
	ExecStoreMinimalTuple(tuple, slot, false);
	for (int64 i = count < 0 ? -count : count; i > 0; i--)
		tuplestore_puttupleslot(count < 0 ? net->delta->old_rows : net->delta->new_rows, slot);
	ExecClearTuple(slot);
	pfree(tuple);
}

/* Equal images stand together now. */
static void
count_images(DpNet *net, Tuplesortstate *sort, TupleTableSlot *sort_slot)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(net->delta->desc, &TTSOpsMinimalTuple);
	bytea	   *image = NULL;
	int64		count = 0;

	while (tuplesort_gettupleslot(sort, true, false, sort_slot, NULL))
	{
		bytea	   *next;
		Size		len;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(sort_slot);
		next = (bytea *) DatumGetPointer(sort_slot->tts_values[SORT_IMAGE - 1]);
		len = VARSIZE_ANY_EXHDR(next);
		if (image == NULL || VARSIZE_ANY_EXHDR(image) != len ||
			memcmp(VARDATA_ANY(image), VARDATA_ANY(next), len) != 0)
		{
			if (image)
			{
				emit(net, image, count, slot);
				pfree(image);
			}
			image = memcpy(palloc(VARSIZE_ANY(next)), next, VARSIZE_ANY(next));
			count = 0;
		}
		count += DatumGetInt16(sort_slot->tts_values[SORT_SIGN - 1]);
	}
	if (image)
		emit(net, image, count, slot);
	ExecDropSingleTupleTableSlot(slot);
}

static void
cancel_out(DpNet *net)
{
	DpDelta    *delta = net->delta;
	TupleDesc	desc = sort_desc();
	AttrNumber	keys[2] = {SORT_HASH, SORT_IMAGE};
	Oid			operators[2] = {Int8LessOperator, lookup_type_cache(BYTEAOID, TYPECACHE_LT_OPR)->lt_opr};
	Oid			collations[2] = {InvalidOid, InvalidOid};
	bool		nulls_first[2] = {false, false};
	Tuplesortstate *sort = tuplesort_begin_heap(desc, 2, keys, operators, collations, nulls_first,
												work_mem, NULL, TUPLESORT_NONE);
	TupleTableSlot *put_slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	TupleTableSlot *get_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	Tuplestorestate *old_rows = delta->old_rows;
	Tuplestorestate *new_rows = delta->new_rows;

	delta->old_rows = tuplestore_begin_heap(false, false, work_mem);
	delta->new_rows = tuplestore_begin_heap(false, false, work_mem);
	part(net, old_rows, delta->old_rows, -1, sort, put_slot);
	part(net, new_rows, delta->new_rows, 1, sort, put_slot);
	tuplesort_performsort(sort);
	count_images(net, sort, get_slot);
	ExecDropSingleTupleTableSlot(put_slot);
	ExecDropSingleTupleTableSlot(get_slot);
	tuplesort_end(sort);
}

/* Cancel out, count, and leave the stores at their beginning. */
void
dp_net_finish(DpNet *net)
{
	DpDelta    *delta = net->delta;

	if (tuplestore_tuple_count(delta->old_rows) > 0 &&
		tuplestore_tuple_count(delta->new_rows) > 0 && intersect(net))
		cancel_out(net);
	delta->nold = tuplestore_tuple_count(delta->old_rows);
	delta->nnew = tuplestore_tuple_count(delta->new_rows);
	tuplestore_rescan(delta->old_rows);
	tuplestore_rescan(delta->new_rows);
	MemoryContextDelete(net->row_context);
	if (net->mask != 0)
	{
		pfree(net->old_bits);
		pfree(net->new_bits);
	}
	pfree(net);
}
