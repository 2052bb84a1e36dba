/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  Which tables have changed since a pipeline last looked, and who is to
 *	  be woken for it.
 *
 * A commit that changed a table must tell a sleeping worker within
 * microseconds, and must cost next to nothing when nobody cares.  So each
 * table has a counter, found by hashing (database, table) into a fixed array;
 * two tables that share one cause a look for nothing now and then.  A worker
 * that goes to sleep arms the counters of the tables that it waits for; the
 * first commit that finds a counter armed disarms it and sets one latch.
 *
 *	 commit:  visible -> counter + 1 -> armed? disarm, wake one idle worker
 *	 worker:  idle -> arm -> sum the counters again -> sleep
 *
 * Each side writes before it reads, with full barriers between, so one of
 * them sees the other.
 *
 * The sum of a pipeline's counters at its last run is kept here, too, so that
 * the workers of a pool do not run things twice.  Nothing here need survive:
 * after a restart nothing is known, and everything is looked at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"

#include "changelog/changelog.h"
#include "common/shmem.h"
#include "pipeline/wake.h"
#include "storage/arrival.h"

/* Counters of tables; a power of two. */
#define DP_WAKE_BUCKETS 4096
/* Pipelines of the whole server that the pool can share notes about. */
#define DP_WAKE_PIPELINES 4096
/* Pipeline workers of the whole server. */
#define DP_WAKE_WORKERS 256
/* Tables that one commit of our own may have changed and be told apart. */
#define DP_WAKE_OWN 512

typedef struct Counter
{
	pg_atomic_uint64 changes;
	pg_atomic_uint64 rows;		/* that came to a bronze table */
	pg_atomic_uint32 armed;
} Counter;

typedef struct Entry
{
	Oid			dboid;			/* InvalidOid: free */
	int32		id;
	bool		known;
	uint64		seen;			/* sum at the last run */
	pid_t		claimed_by;		/* of a component that bears this id */
	TimestampTz not_before;
	/* what it has read of bronze tables */
	char		name[NAMEDATALEN];
	bool		holds;
	TimestampTz read_at;		/* 0: not told yet */
	int			nbronze;
	Oid			bronze[DP_WAKE_BRONZE];
	uint64		rows[DP_WAKE_BRONZE];
} Entry;

typedef struct Worker
{
	pid_t		pid;			/* 0: free */
	Oid			dboid;
	Latch	   *latch;			/* in PGPROC, so it never goes away */
	pg_atomic_uint32 idle;		/* the database whose changes wake it, or 0 */
} Worker;

typedef struct Shared
{
	Counter		counters[DP_WAKE_BUCKETS];
	int			nworkers;		/* entries that were ever used */
	Worker		workers[DP_WAKE_WORKERS];
	int			nentries;
	Entry		entries[DP_WAKE_PIPELINES];
} Shared;

static Shared *shared;
static LWLock *lock;			/* workers' pids, entries */

static Worker *mine = NULL;

/* Buckets that this process changed itself, see dp_wake_count_own. */
static bool counting = false;
static int	nown;
static uint32 own[DP_WAKE_OWN];

static Size
wake_size(void)
{
	return sizeof(Shared);
}

static void
wake_shmem_init(void *area)
{
	Shared	   *s = area;

	for (int i = 0; i < DP_WAKE_BUCKETS; i++)
	{
		pg_atomic_init_u64(&s->counters[i].changes, 0);
		pg_atomic_init_u64(&s->counters[i].rows, 0);
		pg_atomic_init_u32(&s->counters[i].armed, 0);
	}
	for (int i = 0; i < DP_WAKE_WORKERS; i++)
		pg_atomic_init_u32(&s->workers[i].idle, 0);
}

static const DpShmem wake_shmem = {
	.name = "dataplat_wake",
	.size = wake_size,
	.init = wake_shmem_init,
	.area = (void **) &shared,
	.lock = &lock,
};

/* ---- changes of tables ---- */

static uint32
bucket_of(Oid dboid, Oid relid)
{
	return hash_combine(murmurhash32(dboid), murmurhash32(relid)) % DP_WAKE_BUCKETS;
}

/* Set the latch of one idle worker of the database, but not our own. */
static void
wake_one(Oid dboid)
{
	int			n = shared->nworkers;

	for (int i = 0; i < n; i++)
	{
		Worker	   *worker = &shared->workers[i];
		uint32		expected = dboid;

		if (worker != mine &&
			pg_atomic_compare_exchange_u32(&worker->idle, &expected, 0))
		{
			SetLatch(worker->latch);
			return;
		}
	}
}

/* After a commit, in the process that committed. */
static void
table_changed(Oid dboid, Oid relid)
{
	uint32		bucket = bucket_of(dboid, relid);
	Counter    *counter;

	if (shared == NULL)
		return;
	counter = &shared->counters[bucket];
	pg_atomic_fetch_add_u64(&counter->changes, 1);
	if (counting && nown < DP_WAKE_OWN)
		own[nown++] = bucket;
	if (pg_atomic_read_u32(&counter->armed) != 0 &&
		pg_atomic_exchange_u32(&counter->armed, 0) != 0)
		wake_one(dboid);
}

static void
rows_arrived(Oid dboid, Oid target, int64 rows)
{
	if (shared == NULL)
		return;
	pg_atomic_fetch_add_u64(&shared->counters[bucket_of(dboid, target)].rows, rows);
	table_changed(dboid, target);
}

uint64
dp_wake_sum(const Oid *relids, int n)
{
	uint64		sum = 0;

	for (int i = 0; i < n; i++)
		sum += pg_atomic_read_u64(&shared->counters[bucket_of(MyDatabaseId, relids[i])].changes);
	pg_memory_barrier();
	return sum;
}

void
dp_wake_arm(const Oid *relids, int n)
{
	for (int i = 0; i < n; i++)
	{
		Counter    *counter = &shared->counters[bucket_of(MyDatabaseId, relids[i])];

		if (pg_atomic_read_u32(&counter->armed) == 0)
			pg_atomic_write_u32(&counter->armed, 1);
	}
	pg_memory_barrier();
}

void
dp_wake_count_own(bool on)
{
	counting = on;
	if (on)
		nown = 0;
}

uint64
dp_wake_own(const Oid *relids, int n)
{
	uint64		sum = 0;

	for (int i = 0; i < n; i++)
	{
		uint32		bucket = bucket_of(MyDatabaseId, relids[i]);

		for (int j = 0; j < nown; j++)
		{
			if (own[j] == bucket)
				sum++;
		}
	}
	return sum;
}

/* ---- entries ---- */

/* Under the lock: is the entry (still) that of the pipeline? */
static Entry *
entry_of(int entry, int32 pipeline_id)
{
	Entry	   *e;

	if (entry < 0)
		return NULL;
	e = &shared->entries[entry];
	return e->dboid == MyDatabaseId && e->id == pipeline_id ? e : NULL;
}

int
dp_wake_entry(int32 pipeline_id)
{
	int			unused = -1;
	int			found = -1;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->nentries && found < 0; i++)
	{
		Entry	   *e = &shared->entries[i];

		if (e->dboid == MyDatabaseId && e->id == pipeline_id)
			found = i;
		else if (e->dboid == InvalidOid && unused < 0)
			unused = i;
	}
	if (found < 0)
	{
		if (unused < 0 && shared->nentries < DP_WAKE_PIPELINES)
			unused = shared->nentries++;
		if (unused >= 0)
		{
			Entry	   *e = &shared->entries[unused];

			memset(e, 0, sizeof(*e));
			e->dboid = MyDatabaseId;
			e->id = pipeline_id;
			found = unused;
		}
	}
	LWLockRelease(lock);
	return found;
}

void
dp_wake_keep(const int32 *ids, int n)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->nentries; i++)
	{
		Entry	   *e = &shared->entries[i];
		bool		wanted = e->dboid != MyDatabaseId || e->claimed_by != 0;

		for (int j = 0; j < n && !wanted; j++)
			wanted = ids[j] == e->id;
		if (!wanted)
			e->dboid = InvalidOid;
	}
	LWLockRelease(lock);
}

bool
dp_wake_seen(int entry, int32 pipeline_id, uint64 *sum)
{
	Entry	   *e;
	bool		known;

	LWLockAcquire(lock, LW_SHARED);
	e = entry_of(entry, pipeline_id);
	known = e != NULL && e->known;
	if (known)
		*sum = e->seen;
	LWLockRelease(lock);
	return known;
}

void
dp_wake_set_seen(int entry, int32 pipeline_id, bool known, uint64 sum)
{
	Entry	   *e;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	e = entry_of(entry, pipeline_id);
	if (e != NULL)
	{
		e->known = known;
		e->seen = sum;
	}
	LWLockRelease(lock);
}

/* ---- readers of bronze ---- */

uint64
dp_wake_rows(Oid relid)
{
	return pg_atomic_read_u64(&shared->counters[bucket_of(MyDatabaseId, relid)].rows);
}

bool
dp_wake_is_reader(int entry, int32 pipeline_id)
{
	Entry	   *e;
	bool		told;

	LWLockAcquire(lock, LW_SHARED);
	e = entry_of(entry, pipeline_id);
	told = e != NULL && e->read_at != 0;
	LWLockRelease(lock);
	return told;
}

void
dp_wake_set_reader(int entry, int32 pipeline_id, const char *name, bool holds,
				   int n, const Oid *relids, const uint64 *rows)
{
	Entry	   *e;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	e = entry_of(entry, pipeline_id);
	if (e != NULL)
	{
		strlcpy(e->name, name, NAMEDATALEN);
		e->holds = holds;
		e->read_at = GetCurrentTimestamp();
		e->nbronze = n;
		memcpy(e->bronze, relids, sizeof(Oid) * n);
		memcpy(e->rows, rows, sizeof(uint64) * n);
	}
	LWLockRelease(lock);
}

uint64
dp_wake_behind(Oid relid, char name[NAMEDATALEN], TimestampTz *since)
{
	uint64		worst = 0;
	uint64		rows;

	if (shared == NULL)
		return 0;
	rows = dp_wake_rows(relid);
	LWLockAcquire(lock, LW_SHARED);
	for (int i = 0; i < shared->nentries; i++)
	{
		Entry	   *e = &shared->entries[i];

		if (e->dboid != MyDatabaseId || !e->holds)
			continue;
		for (int b = 0; b < e->nbronze; b++)
		{
			if (e->bronze[b] != relid || rows - e->rows[b] <= worst)
				continue;
			worst = rows - e->rows[b];
			strlcpy(name, e->name, NAMEDATALEN);
			*since = e->read_at;
		}
	}
	LWLockRelease(lock);
	return worst;
}

/* ---- components ---- */

bool
dp_wake_claim(int entry, int32 pipeline_id)
{
	Entry	   *e;
	bool		mine_now = true;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	e = entry_of(entry, pipeline_id);
	if (e != NULL)
	{
		mine_now = e->claimed_by == 0 || e->claimed_by == MyProcPid;
		if (mine_now)
			e->claimed_by = MyProcPid;
	}
	LWLockRelease(lock);
	return mine_now;
}

void
dp_wake_release(int entry, int32 pipeline_id, TimestampTz not_before)
{
	Entry	   *e;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	e = entry_of(entry, pipeline_id);
	if (e != NULL && e->claimed_by == MyProcPid)
	{
		e->claimed_by = 0;
		e->not_before = not_before;
	}
	LWLockRelease(lock);
}

bool
dp_wake_is_claimed(int entry, int32 pipeline_id, TimestampTz *not_before)
{
	Entry	   *e;
	bool		claimed;

	LWLockAcquire(lock, LW_SHARED);
	e = entry_of(entry, pipeline_id);
	claimed = e != NULL && e->claimed_by != 0 && e->claimed_by != MyProcPid;
	*not_before = e != NULL ? e->not_before : 0;
	LWLockRelease(lock);
	return claimed;
}

/* ---- workers ---- */

/* What was ours is anybody's; somebody else may have to go on with it. */
static void
detach(int code, Datum arg)
{
	Worker	   *worker = mine;
	bool		others = false;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->nentries; i++)
	{
		if (shared->entries[i].claimed_by == MyProcPid)
			shared->entries[i].claimed_by = 0;
	}
	pg_atomic_write_u32(&worker->idle, 0);
	worker->pid = 0;
	for (int i = 0; i < shared->nworkers; i++)
		others |= shared->workers[i].pid != 0 && shared->workers[i].dboid == MyDatabaseId;
	LWLockRelease(lock);
	mine = NULL;
	if (others)
		wake_one(MyDatabaseId);
}

void
dp_wake_attach(void)
{
	if (mine != NULL)
		return;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < DP_WAKE_WORKERS && mine == NULL; i++)
	{
		if (shared->workers[i].pid == 0)
		{
			mine = &shared->workers[i];
			mine->pid = MyProcPid;
			mine->dboid = MyDatabaseId;
			mine->latch = MyLatch;
			shared->nworkers = Max(shared->nworkers, i + 1);
		}
	}
	LWLockRelease(lock);
	if (mine == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many pipeline workers"),
				 errhint("Reduce dataplat.pipeline_workers.")));
	before_shmem_exit(detach, 0);
}

void
dp_wake_set_idle(bool idle)
{
	pg_atomic_write_u32(&mine->idle, idle ? MyDatabaseId : 0);
	pg_memory_barrier();
}

void
dp_wake_another(void)
{
	wake_one(MyDatabaseId);
}

void
dp_wake_init(void)
{
	dp_shmem_register(&wake_shmem);
	dp_changelog_listen(table_changed);
	dp_arrival_listen(rows_arrived);
}
