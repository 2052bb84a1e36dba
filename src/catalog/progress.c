/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  dataplat.progress: how far long work has come.
 *
 * A process writes only its own entry.  The lock guards taking and giving
 * back an entry and its texts; "done" is atomic, so that an update in a hot
 * loop costs one store.  Without preload there is no shared memory and all
 * of this does nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "catalog/catalog.h"
#include "catalog/catalog_int.h"
#include "common/shmem.h"

/* Long work that can be shown at a time in the whole server. */
#define MAX_ENTRIES 128

typedef struct Entry
{
	pid_t		pid;			/* 0: free */
	Oid			dboid;
	char		what[NAMEDATALEN];
	char		object[NAMEDATALEN];
	uint64		total;			/* 0: unknown */
	TimestampTz started_at;
	pg_atomic_uint64 done;
} Entry;

static Entry *entries;
static LWLock *entries_lock;
static Entry *mine = NULL;

PG_FUNCTION_INFO_V1(dp_progress_state);
extern PGDLLEXPORT Datum dp_progress_state(PG_FUNCTION_ARGS);

static Size
entries_size(void)
{
	return sizeof(Entry) * MAX_ENTRIES;
}

static void
entries_init(void *area)
{
	for (int i = 0; i < MAX_ENTRIES; i++)
		pg_atomic_init_u64(&((Entry *) area)[i].done, 0);
}

static const DpShmem progress_shmem = {
	.name = "dataplat_progress",
	.size = entries_size,
	.init = entries_init,
	.area = (void **) &entries,
	.lock = &entries_lock,
};

/* A rolled back piece of work is over, whoever forgot to say so. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		dp_progress_end();
}

static void
at_session_end(int code, Datum arg)
{
	dp_progress_end();
}

void
dp_progress_init(void)
{
	dp_shmem_register(&progress_shmem);
	RegisterXactCallback(at_transaction_end, NULL);
}

void
dp_progress_start(const char *what, const char *object, uint64 total)
{
	static bool exit_hook = false;

	if (entries == NULL)
		return;
	if (!exit_hook)
	{
		before_shmem_exit(at_session_end, 0);
		exit_hook = true;
	}
	dp_progress_end();

	LWLockAcquire(entries_lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_ENTRIES && mine == NULL; i++)
	{
		if (entries[i].pid == 0)
			mine = &entries[i];
	}
	if (mine != NULL)
	{
		mine->pid = MyProcPid;
		mine->dboid = MyDatabaseId;
		strlcpy(mine->what, what, sizeof(mine->what));
		strlcpy(mine->object, object ? object : "", sizeof(mine->object));
		mine->total = total;
		mine->started_at = GetCurrentTimestamp();
		pg_atomic_write_u64(&mine->done, 0);
	}
	LWLockRelease(entries_lock);
}

void
dp_progress_update(uint64 done)
{
	if (mine != NULL)
		pg_atomic_write_u64(&mine->done, done);
}

void
dp_progress_end(void)
{
	if (mine == NULL)
		return;
	LWLockAcquire(entries_lock, LW_EXCLUSIVE);
	mine->pid = 0;
	LWLockRelease(entries_lock);
	mine = NULL;
}

Datum
dp_progress_state(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Entry	   *copy;

	InitMaterializedSRF(fcinfo, 0);
	if (entries == NULL)
		return (Datum) 0;

	copy = palloc(entries_size());
	LWLockAcquire(entries_lock, LW_SHARED);
	memcpy(copy, entries, entries_size());
	LWLockRelease(entries_lock);

	for (int i = 0; i < MAX_ENTRIES; i++)
	{
		Entry	   *entry = &copy[i];
		Datum		values[6];
		bool		nulls[6] = {false};

		if (entry->pid == 0 || entry->dboid != MyDatabaseId)
			continue;
		values[0] = CStringGetTextDatum(entry->what);
		values[1] = CStringGetTextDatum(entry->object);
		nulls[1] = entry->object[0] == '\0';
		values[2] = Int32GetDatum((int32) entry->pid);
		values[3] = Int64GetDatum((int64) pg_atomic_read_u64(&entry->done));
		values[4] = Int64GetDatum((int64) entry->total);
		nulls[4] = entry->total == 0;
		values[5] = TimestampTzGetDatum(entry->started_at);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

#ifdef DATAPLAT_INJECTION
PG_FUNCTION_INFO_V1(dp_probe_progress);
extern PGDLLEXPORT Datum dp_probe_progress(PG_FUNCTION_ARGS);

/* For tests: show work of this session, (done, total). */
Datum
dp_probe_progress(PG_FUNCTION_ARGS)
{
	dp_progress_start("probe", "some \"object\"", (uint64) PG_GETARG_INT64(1));
	dp_progress_update((uint64) PG_GETARG_INT64(0));
	PG_RETURN_VOID();
}
#endif
