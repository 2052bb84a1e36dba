/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  One process for the server: a scheduler in each database that needs it.
 *
 * The launcher is connected to no database, so it keeps nobody from dropping
 * or copying one.  It cannot see from outside whether a database has the
 * extension: it starts a scheduler there, which leaves at once when it does
 * not, and remembers that until CREATE EXTENSION pokes it at commit.
 *
 * It starts when the server is out of recovery, so nothing runs on a
 * standby and everything runs after a promotion.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/procsignal.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "common/compat.h"
#include "launcher/slot.h"

/* Look at pg_database this often even when nothing calls. */
#define LOOK_EVERY_MS	10000
/* Look again this soon while someone has been asked to leave. */
#define LINGER_MS	1000
/* The postmaster starts the launcher again after this many seconds. */
#define LAUNCHER_RESTART_S	5
/* Schedulers that may be on their way at a time, in a server with many databases. */
#define MAX_LAUNCHING	4

bool		dp_enabled = true;
char	   *dp_databases = NULL;
int			dp_max_workers = 16;
int			dp_restart_backoff_min = 5000;
int			dp_restart_backoff_max = 300000;
int			dp_worker_lock_timeout = 5000;

extern PGDLLEXPORT void dp_launcher_main(Datum arg);

static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	List	   *names;
	bool		ok = SplitIdentifierString(copy, ',', &names);

	if (!ok)
		GUC_check_errdetail("Give \"*\" or a list of database names separated by commas.");
	list_free(names);
	pfree(copy);
	return ok;
}

static void
define_settings(void)
{
	DefineCustomStringVariable("dataplat.databases",
							   "Databases in which dataplat may run workers.",
							   "\"*\", or names separated by commas. Only databases that have the extension get workers.",
							   &dp_databases, "*", PGC_SIGHUP, 0,
							   check_databases, NULL, NULL);
	DefineCustomBoolVariable("dataplat.enabled",
							 "Run the background workers of dataplat.", NULL,
							 &dp_enabled, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.lock_timeout",
							"How long a worker waits for a lock before it gives up its transaction and reports blocked_lock.",
							NULL, &dp_worker_lock_timeout, 5000, 10, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);

	/* Sizes shared memory; too late for that when loaded by a session. */
	DefineCustomIntVariable("dataplat.max_workers",
							"Workers of dataplat that may run at a time in the whole server, without the schedulers.",
							NULL, &dp_max_workers, 16, 1, 8192,
							process_shared_preload_libraries_in_progress ?
							PGC_POSTMASTER : PGC_SIGHUP,
							0, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.restart_backoff_max",
							"Longest wait before a failed worker starts again.",
							NULL, &dp_restart_backoff_max, 300000, 100, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.restart_backoff_min",
							"Wait before a worker starts again after its second failure in a row; doubles from there.",
							NULL, &dp_restart_backoff_min, 5000, 100, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

void
dp_launcher_init(void)
{
	BackgroundWorker worker = {0};

	define_settings();
	dp_request_init();
	dp_maintenance_init();
#ifdef DATAPLAT_INJECTION
	dp_probe_init();
#endif
	if (!process_shared_preload_libraries_in_progress)
		return;

	dp_slot_init();
	dp_utility_init();

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = LAUNCHER_RESTART_S;
	strlcpy(worker.bgw_library_name, "dataplat", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "dp_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "dataplat launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "dataplat launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* ---- which databases ---- */

/* Is the name in dataplat.databases? */
static bool
database_listed(const char *name)
{
	char	   *copy = pstrdup(dp_databases);
	List	   *names;
	ListCell   *lc;

	if (!SplitIdentifierString(copy, ',', &names))
		return false;
	foreach(lc, names)
	{
		const char *listed = lfirst(lc);

		if (strcmp(listed, "*") == 0 || strcmp(listed, name) == 0)
			return true;
	}
	return false;
}

/*
 * The databases that may have a scheduler, in the current context.
 * Templates and databases without connections are left alone.
 */
static List *
list_databases(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *result = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	if (!dp_enabled)
		return NIL;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database db = (Form_pg_database) GETSTRUCT(tuple);

		if (db->datallowconn && !db->datistemplate &&
			database_listed(NameStr(db->datname)))
		{
			/* The list must outlast the transaction. */
			MemoryContext old = MemoryContextSwitchTo(caller);

			result = lappend_oid(result, db->oid);
			MemoryContextSwitchTo(old);
		}
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return result;
}

/* ---- starting and stopping schedulers ---- */

static bool
start_scheduler(int index, Oid dboid, uint32 generation)
{
	BackgroundWorker worker = {0};
	DpStartArgs args = {.dboid = dboid, .index = index, .generation = generation};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "dataplat", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "dp_scheduler_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "dataplat scheduler %u", dboid);
	strlcpy(worker.bgw_type, "dataplat scheduler", BGW_MAXLEN);
	memcpy(worker.bgw_extra, &args, sizeof(args));
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

/*
 * Under the lock: ask schedulers and workers to leave that have no business
 * any more.  True when one of them is still there.
 */
static bool
stop_unlisted(List *listed)
{
	bool		lingering = false;

	for (int i = 0; i < DP_MAX_DATABASES; i++)
	{
		DpDatabase *db = &dp_launcher_shmem->databases[i];

		if (db->dboid == InvalidOid ||
			(!db->absent && list_member_oid(listed, db->dboid)))
			continue;
		dp_slot_forget_database(db->dboid);
		dp_process_insist_stop(&db->proc);
		if (db->proc.phase != DP_PHASE_NONE || dp_slot_any_running(db->dboid))
			lingering = true;
		else if (!list_member_oid(listed, db->dboid))
			db->dboid = InvalidOid;
	}
	return lingering;
}

/*
 * Start what should run.  Returns how long the launcher may sleep, in
 * milliseconds.
 */
static long
start_listed(List *listed)
{
	long		sleep_ms = LOOK_EVERY_MS;
	int			launching = 0;
	ListCell   *lc;

	foreach(lc, listed)
	{
		TimestampTz now = GetCurrentTimestamp();
		DpDatabase *db;
		bool		start = false;
		int			index = 0;
		uint32		generation = 0;

		LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
		db = dp_database_make(lfirst_oid(lc));
		if (db != NULL)
		{
			if (dp_process_is_lost(&db->proc, now))
				db->proc.phase = DP_PHASE_NONE;
			if (db->proc.phase == DP_PHASE_LAUNCHED)
				launching++;
			if (db->proc.phase == DP_PHASE_NONE && !db->absent &&
				!dp_held(db->dboid, NULL, 0))
			{
				if (launching >= MAX_LAUNCHING)
					sleep_ms = Min(sleep_ms, 200);
				else if (db->next_start_at > now)
					sleep_ms = Min(sleep_ms, 1 + TimestampDifferenceMilliseconds(now, db->next_start_at));
				else
				{
					dp_process_launched(&db->proc);
					index = db - dp_launcher_shmem->databases;
					generation = db->proc.generation;
					start = true;
					launching++;
				}
			}
		}
		LWLockRelease(dp_slot_lock);

		if (start && !start_scheduler(index, lfirst_oid(lc), generation))
		{
			LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
			db = &dp_launcher_shmem->databases[index];
			db->proc.phase = DP_PHASE_NONE;
			db->state = DP_STATE_WAITING_SLOT;
			strlcpy(db->reason, "no background worker slot is free", DP_JOB_REASON_LEN);
			strlcpy(db->hint, "Increase max_worker_processes.", DP_JOB_REASON_LEN);
			db->next_start_at = TimestampTzPlusMilliseconds(now, dp_restart_backoff_min);
			LWLockRelease(dp_slot_lock);
			sleep_ms = Min(sleep_ms, dp_restart_backoff_min);
			if (dp_slot_warning_due())
				ereport(WARNING,
						(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						 errmsg("dataplat has to wait: no background worker slot is free"),
						 errhint("Increase max_worker_processes (now %d).", max_worker_processes)));
		}
	}
	return Max(sleep_ms, 1);
}

/* ---- the process ---- */

static void
launcher_detach(int code, Datum arg)
{
	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	if (dp_launcher_shmem->launcher_pid == MyProcPid)
	{
		dp_launcher_shmem->launcher_pid = 0;
		dp_launcher_shmem->launcher_latch = NULL;
	}
	LWLockRelease(dp_slot_lock);
}

static void
launcher_attach(void)
{
	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	dp_launcher_shmem->launcher_pid = MyProcPid;
	dp_launcher_shmem->launcher_latch = MyLatch;
	LWLockRelease(dp_slot_lock);
	before_shmem_exit(launcher_detach, 0);
}

void
dp_launcher_main(Datum arg)
{
	uint32		wait_event;
	MemoryContext loop_context;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	/* pg_upgrade copies catalogs below us: stay out of its way. */
	if (IsBinaryUpgrade)
		proc_exit(0);

	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	launcher_attach();
	wait_event = dp_wait_event_new("DataplatLauncher");
	loop_context = AllocSetContextCreate(TopMemoryContext, "dataplat launcher loop",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(loop_context);
	pgstat_report_appname("dataplat launcher");

	while (!ShutdownRequestPending)
	{
		List	   *listed = list_databases();
		bool		lingering;
		long		sleep_ms;

		LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
		lingering = stop_unlisted(listed);
		LWLockRelease(dp_slot_lock);
		sleep_ms = start_listed(listed);
		if (lingering)
			sleep_ms = Min(sleep_ms, LINGER_MS);
		MemoryContextReset(loop_context);

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 sleep_ms, wait_event);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}

	/* Not 0: the postmaster would never start us again. */
	proc_exit(1);
}
