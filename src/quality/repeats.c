/*-------------------------------------------------------------------------
 *
 * repeats.c
 *	  Could any value be there twice?
 *
 * Grouping ten million values to find that none repeats is the dearest thing
 * that common expectations ask.  This aggregate keeps only a 64 bit hash of
 * each value and looks for equal hashes at the end: where there are none, no
 * value repeats, for certain.  Where there are some the caller groups.
 * Collecting is an append, so it costs little, and parallel workers hand their
 * hashes over as they are.
 *
 * Past dataplat.quality_work_mem it gives up: the answer is NULL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "common/compat.h"
#include "quality/quality.h"

#define FIRST_ROOM 1024
/* Values in a bucket on average: its table stays in the processor's cache. */
#define BUCKET_BITS_BELOW 10

typedef struct Hashes
{
	uint64		count;
	uint64		room;
	bool		too_many;
	uint64	   *hash;
} Hashes;

extern PGDLLEXPORT Datum dp_may_repeat_add(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_may_repeat_combine(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_may_repeat_write(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_may_repeat_read(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_may_repeat_tell(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_may_repeat_add);
PG_FUNCTION_INFO_V1(dp_may_repeat_combine);
PG_FUNCTION_INFO_V1(dp_may_repeat_write);
PG_FUNCTION_INFO_V1(dp_may_repeat_read);
PG_FUNCTION_INFO_V1(dp_may_repeat_tell);

/* What there is room for, when as much again is needed to tell in the end. */
static uint64
most_hashes(void)
{
	return (uint64) dp_quality_work_mem * 1024 / sizeof(uint64);
}

static Hashes *
new_hashes(MemoryContext context)
{
	Hashes	   *h = MemoryContextAllocZero(context, sizeof(Hashes));

	h->room = FIRST_ROOM;
	h->hash = MemoryContextAlloc(context, h->room * sizeof(uint64));
	return h;
}

/* False when there would be too many; then all are forgotten. */
static bool
make_room(Hashes *h, uint64 more)
{
	if (h->too_many)
		return false;
	if (h->count + more > most_hashes())
	{
		h->too_many = true;
		h->count = 0;
		pfree(h->hash);
		h->hash = NULL;
		return false;
	}
	if (h->count + more > h->room)
	{
		while (h->room < h->count + more)
			h->room *= 2;
		h->hash = repalloc_huge(h->hash, h->room * sizeof(uint64));
	}
	return true;
}

/* The hash of one value, by its type's own idea of equality. */
static uint64
hash_of(FunctionCallInfo fcinfo, int arg, TypeCacheEntry **types)
{
	LOCAL_FCINFO(call, 2);

	if (types[arg] == NULL)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, arg);

		types[arg] = lookup_type_cache(type, TYPECACHE_HASH_EXTENDED_PROC_FINFO);
		if (!OidIsValid(types[arg]->hash_extended_proc_finfo.fn_oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("could not identify an extended hash function for type %s",
							format_type_be(type))));
	}
	InitFunctionCallInfoData(*call, &types[arg]->hash_extended_proc_finfo, 2, PG_GET_COLLATION(), NULL, NULL);
	call->args[0].value = PG_GETARG_DATUM(arg);
	call->args[0].isnull = false;
	call->args[1].value = Int64GetDatum(0);
	call->args[1].isnull = false;
	return DatumGetUInt64(FunctionCallInvoke(call));
}

/* Rows where one of the values is NULL are like no other. */
Datum
dp_may_repeat_add(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Hashes	   *h;
	uint64		hash = 0;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, FUNC_MAX_ARGS * sizeof(TypeCacheEntry *));
	h = PG_ARGISNULL(0) ? new_hashes(context) : (Hashes *) PG_GETARG_POINTER(0);
	if (h->too_many)
		PG_RETURN_POINTER(h);
	for (int i = 1; i < PG_NARGS(); i++)
	{
		uint64		one;

		if (PG_ARGISNULL(i))
			PG_RETURN_POINTER(h);
		one = hash_of(fcinfo, i, fcinfo->flinfo->fn_extra);
		hash = i == 1 ? one : hash_combine64(hash, one);
	}
	if (make_room(h, 1))
		h->hash[h->count++] = hash;
	PG_RETURN_POINTER(h);
}

Datum
dp_may_repeat_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Hashes	   *a;
	Hashes	   *b;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_POINTER(PG_GETARG_POINTER(0));
	}
	a = PG_ARGISNULL(0) ? new_hashes(context) : (Hashes *) PG_GETARG_POINTER(0);
	b = (Hashes *) PG_GETARG_POINTER(1);
	if (b->too_many)
		(void) make_room(a, most_hashes() + 1);
	else if (make_room(a, b->count))
	{
		memcpy(a->hash + a->count, b->hash, b->count * sizeof(uint64));
		a->count += b->count;
	}
	PG_RETURN_POINTER(a);
}

Datum
dp_may_repeat_write(PG_FUNCTION_ARGS)
{
	Hashes	   *h = (Hashes *) PG_GETARG_POINTER(0);
	Size		size = VARHDRSZ + 1 + (h->too_many ? 0 : h->count * sizeof(uint64));
	bytea	   *out;

	/* More than one value can carry: told apart from none. */
	if (size > MaxAllocSize)
	{
		h->too_many = true;
		size = VARHDRSZ + 1;
	}
	out = palloc(size);
	SET_VARSIZE(out, size);
	*VARDATA(out) = h->too_many;
	if (!h->too_many)
		memcpy(VARDATA(out) + 1, h->hash, h->count * sizeof(uint64));
	PG_RETURN_BYTEA_P(out);
}

Datum
dp_may_repeat_read(PG_FUNCTION_ARGS)
{
	bytea	   *in = PG_GETARG_BYTEA_PP(0);
	Size		size = VARSIZE_ANY_EXHDR(in) - 1;
	Hashes	   *h = palloc0(sizeof(Hashes));

	h->too_many = *VARDATA_ANY(in) != 0;
	h->count = h->room = size / sizeof(uint64);
	if (!h->too_many)
	{
		h->hash = palloc_extended(Max(size, sizeof(uint64)), MCXT_ALLOC_HUGE);
		memcpy(h->hash, VARDATA_ANY(in) + 1, size);
	}
	PG_RETURN_POINTER(h);
}

/* Is a hash twice in a bucket?  slots has room for twice as many. */
static bool
bucket_repeats(const uint64 *hash, uint64 count, uint64 *slots)
{
	uint64		mask;
	bool		zero = false;

	if (count < 2)
		return false;
	mask = pg_nextpower2_64(count * 2) - 1;
	memset(slots, 0, (mask + 1) * sizeof(uint64));
	for (uint64 i = 0; i < count; i++)
	{
		uint64		at = hash[i] & mask;

		if (hash[i] == 0)
		{
			if (zero)
				return true;
			zero = true;
			continue;
		}
		while (slots[at] != 0)
		{
			if (slots[at] == hash[i])
				return true;
			at = (at + 1) & mask;
		}
		slots[at] = hash[i];
	}
	return false;
}

/* Spread the hashes over buckets by their upper bits, and look into each. */
Datum
dp_may_repeat_tell(PG_FUNCTION_ARGS)
{
	Hashes	   *h;
	int			bits;
	uint64	   *starts;
	uint64	   *spread;
	uint64	   *slots;
	uint64		largest = 0;
	bool		repeats = false;

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	h = (Hashes *) PG_GETARG_POINTER(0);
	if (h->too_many)
		PG_RETURN_NULL();
	if (h->count < 2)
		PG_RETURN_BOOL(false);
	bits = Max(pg_leftmost_one_pos64(h->count) - BUCKET_BITS_BELOW, 1);
	starts = palloc0_array(uint64, ((Size) 1 << bits) + 1);
	spread = palloc_extended(h->count * sizeof(uint64), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < h->count; i++)
		starts[(h->hash[i] >> (64 - bits)) + 1]++;
	for (uint64 i = 1; i <= ((uint64) 1 << bits); i++)
	{
		largest = Max(largest, starts[i]);
		starts[i] += starts[i - 1];
	}
	for (uint64 i = 0; i < h->count; i++)
		spread[starts[h->hash[i] >> (64 - bits)]++] = h->hash[i];
	CHECK_FOR_INTERRUPTS();
	/* Each start has moved to its end, which is where the next one began. */
	slots = palloc_extended(pg_nextpower2_64(largest * 2) * sizeof(uint64), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < ((uint64) 1 << bits) && !repeats; i++)
	{
		uint64		from = i == 0 ? 0 : starts[i - 1];

		repeats = bucket_repeats(spread + from, starts[i] - from, slots);
	}
	pfree(slots);
	pfree(spread);
	pfree(starts);
	PG_RETURN_BOOL(repeats);
}
