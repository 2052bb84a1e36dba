/*-------------------------------------------------------------------------
 *
 * partition_stats.c
 *	  What workers saw last of the partitions that they read.
 *
 * One lock guards the array.  A worker writes each of its partitions about
 * once a second and views read them rarely, so the lock is never hot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "common/shmem.h"
#include "telemetry/partition_stats.h"

#define PARTITION_STATS_COLUMNS 9

static DpPartitionStats *stats;
static LWLock *lock;

static Size
stats_size(void)
{
	return sizeof(DpPartitionStats) * DP_STATS_PARTITIONS;
}

static void
stats_shmem_init(void *area)
{
	memset(area, 0, stats_size());
}

static const DpShmem stats_shmem = {
	"dataplat_partition_stats", stats_size, stats_shmem_init, (void **) &stats, &lock
};

void
dp_partition_stats_init(void)
{
	dp_shmem_register(&stats_shmem);
}

/* An entry that may be given to somebody else, or -1. */
static int
stale_entry(void)
{
	int			oldest = 0;

	for (int i = 1; i < DP_STATS_PARTITIONS; i++)
		if (stats[i].seen_at < stats[oldest].seen_at)
			oldest = i;
	return TimestampDifferenceExceeds(stats[oldest].seen_at, GetCurrentTimestamp(), DP_STATS_STALE_MS)
		? oldest : -1;
}

int
dp_partition_stats_claim(Oid dboid, int32 source_id, const char *topic, int32 partition)
{
	int			free_entry = -1;
	int			found = -1;

	if (stats == NULL)
		return -1;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < DP_STATS_PARTITIONS && found < 0; i++)
	{
		DpPartitionStats *s = &stats[i];

		if (!OidIsValid(s->dboid))
		{
			if (free_entry < 0)
				free_entry = i;
		}
		else if (s->dboid == dboid && s->source_id == source_id &&
				 s->partition == partition && strcmp(s->topic, topic) == 0)
			found = i;
	}
	if (found < 0 && free_entry < 0)
		free_entry = stale_entry();
	if (found < 0 && free_entry >= 0)
	{
		DpPartitionStats *s = &stats[free_entry];

		s->dboid = dboid;
		s->source_id = source_id;
		s->partition = partition;
		strlcpy(s->topic, topic, sizeof(s->topic));
		s->low = s->high = s->stable = DP_STATS_UNKNOWN;
		s->at_end = false;
		s->duplicate_keys = 0;
		s->seen_at = GetCurrentTimestamp();
		found = free_entry;
	}
	LWLockRelease(lock);
	return found;
}

void
dp_partition_stats_set(int entry, int64 low, int64 high, int64 stable, bool at_end)
{
	DpPartitionStats *s;

	if (stats == NULL || entry < 0)
		return;
	s = &stats[entry];
	LWLockAcquire(lock, LW_EXCLUSIVE);
	if (low >= 0)
		s->low = low;
	if (high >= 0)
		s->high = high;
	if (stable >= 0)
		s->stable = stable;
	s->at_end = at_end;
	s->seen_at = GetCurrentTimestamp();
	LWLockRelease(lock);
}

void
dp_partition_stats_add_duplicates(int entry, int64 n)
{
	if (stats == NULL || entry < 0)
		return;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	stats[entry].duplicate_keys += n;
	LWLockRelease(lock);
}

void
dp_partition_stats_drop(Oid dboid, int32 source_id)
{
	if (stats == NULL)
		return;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < DP_STATS_PARTITIONS; i++)
		if (stats[i].dboid == dboid && (source_id == 0 || stats[i].source_id == source_id))
			stats[i].dboid = InvalidOid;
	LWLockRelease(lock);
}

bool
dp_partition_stats_get(int entry, DpPartitionStats *out)
{
	bool		used;

	if (stats == NULL || entry < 0 || entry >= DP_STATS_PARTITIONS)
		return false;
	LWLockAcquire(lock, LW_SHARED);
	*out = stats[entry];
	used = OidIsValid(out->dboid);
	LWLockRelease(lock);
	return used;
}

static void
put_offset(Datum *values, bool *nulls, int col, int64 offset)
{
	values[col] = Int64GetDatum(offset);
	nulls[col] = offset < 0;
}

PG_FUNCTION_INFO_V1(dp_partition_stats);

/* The entries of this database, for the status views. */
PGDLLEXPORT Datum
dp_partition_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < DP_STATS_PARTITIONS; i++)
	{
		DpPartitionStats s;
		Datum		values[PARTITION_STATS_COLUMNS];
		bool		nulls[PARTITION_STATS_COLUMNS] = {0};

		if (!dp_partition_stats_get(i, &s) || s.dboid != MyDatabaseId)
			continue;
		values[0] = Int32GetDatum(s.source_id);
		values[1] = CStringGetTextDatum(s.topic);
		values[2] = Int32GetDatum(s.partition);
		put_offset(values, nulls, 3, s.low);
		put_offset(values, nulls, 4, s.high);
		put_offset(values, nulls, 5, s.stable);
		values[6] = CStringGetTextDatum(s.at_end ? "at_end" : "behind");
		values[7] = TimestampTzGetDatum(s.seen_at);
		values[8] = Int64GetDatum(s.duplicate_keys);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(dp_partition_stats_forget);

/* A source is dropped; its workers have ended. */
PGDLLEXPORT Datum
dp_partition_stats_forget(PG_FUNCTION_ARGS)
{
	dp_partition_stats_drop(MyDatabaseId, PG_GETARG_INT32(0));
	PG_RETURN_VOID();
}
