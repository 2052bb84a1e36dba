/*-------------------------------------------------------------------------
 *
 * request.c
 *	  What a session asks of the launcher: wake, stop, hold, wait.
 *
 * Wakes and stops belong to the transaction that asks: they take effect at
 * commit, when the workers can see what was changed, and are forgotten with
 * a rollback, also with that of a subtransaction.
 *
 * A hold is the opposite: it stops workers at once and keeps them away until
 * the transaction ends, whichever way, for statements that cannot run beside
 * them (DROP EXTENSION, CREATE DATABASE ... TEMPLATE).  It is given back at
 * the end of the transaction, or of the session at the latest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "common/compat.h"
#include "common/extension.h"
#include "launcher/slot.h"

/* While waiting for workers, look this often (they cannot set our latch). */
#define WAIT_STEP_MS	10
/* A worker that has not left by then has its statement cancelled. */
#define TERM_AFTER_MS	1500

typedef enum RequestKind
{
	REQUEST_WAKE,
	REQUEST_STOP,
	REQUEST_SCHEDULER,			/* this database's scheduler looks again */
	REQUEST_LAUNCHER			/* the launcher looks again */
} RequestKind;

typedef struct Request
{
	RequestKind what;
	int			nest_level;		/* of the subtransaction that asks */
	char		kind[DP_JOB_KIND_LEN];
	int32		object_id;
} Request;

/* In TopTransactionContext; NIL between transactions. */
static List *requests = NIL;
/* Does this session have holds? */
static bool holding = false;

static bool
workers_possible(void)
{
	return dp_launcher_shmem != NULL;
}

void
dp_require_preload(void)
{
	if (workers_possible())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("dataplat is not preloaded, so it cannot run workers"),
			 errhint("Set shared_preload_libraries = 'dataplat' in postgresql.conf (append it to what is there) and restart the server.")));
}

/* ---- at commit ---- */

static void
add_request(RequestKind what, const char *kind, int32 object_id)
{
	MemoryContext old;
	Request    *request;
	ListCell   *lc;

	if (!workers_possible())
		return;
	foreach(lc, requests)
	{
		request = lfirst(lc);
		if (request->what == what && request->object_id == object_id &&
			request->nest_level <= GetCurrentTransactionNestLevel() &&
			strcmp(request->kind, kind) == 0)
			return;
	}

	old = MemoryContextSwitchTo(TopTransactionContext);
	request = palloc0(sizeof(Request));
	request->what = what;
	request->nest_level = GetCurrentTransactionNestLevel();
	strlcpy(request->kind, kind, sizeof(request->kind));
	request->object_id = object_id;
	requests = lappend(requests, request);
	MemoryContextSwitchTo(old);
}

void
dp_job_wake(const char *kind, int32 object_id)
{
	add_request(REQUEST_WAKE, kind, object_id);
}

void
dp_job_stop(const char *kind, int32 object_id)
{
	add_request(REQUEST_STOP, kind, object_id);
}

void
dp_scheduler_wake(void)
{
	add_request(REQUEST_SCHEDULER, "", 0);
}

/* Under the lock. */
static void
wake_scheduler_now(Oid dboid)
{
	DpDatabase *db = dp_database_find(dboid);

	if (db != NULL)
	{
		db->absent = false;
		db->next_start_at = 0;
		dp_process_ask_look(&db->proc);
	}
	if (dp_launcher_shmem->launcher_latch)
		SetLatch(dp_launcher_shmem->launcher_latch);
}

/* Under the lock. */
static void
carry_out(const Request *request)
{
	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		DpSlot	   *slot = &dp_launcher_shmem->slots[i];

		if (request->what > REQUEST_STOP ||
			!dp_slot_matches(slot, MyDatabaseId, request->kind, request->object_id))
			continue;
		if (request->what == REQUEST_STOP)
			dp_process_ask_stop(&slot->proc);
		else
		{
			slot->failed = false;
			slot->failures = 0;
			slot->next_retry_at = 0;
			dp_process_ask_look(&slot->proc);
		}
	}
	if (request->what != REQUEST_LAUNCHER)
		wake_scheduler_now(MyDatabaseId);
	else if (dp_launcher_shmem->launcher_latch)
		SetLatch(dp_launcher_shmem->launcher_latch);
}

static void
release_holds(void)
{
	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < DP_MAX_HOLDS; i++)
	{
		DpHold	   *hold = &dp_launcher_shmem->holds[i];

		if (hold->pid != MyProcPid)
			continue;
		hold->pid = 0;
		wake_scheduler_now(hold->dboid);
	}
	holding = false;
	LWLockRelease(dp_slot_lock);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	ListCell   *lc;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;

	/* At PREPARE too: a look too early does no harm. */
	if (requests != NIL && event != XACT_EVENT_ABORT)
	{
		LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
		foreach(lc, requests)
			carry_out(lfirst(lc));
		LWLockRelease(dp_slot_lock);
	}
	requests = NIL;
	if (holding)
		release_holds();
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine,
					  SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	ListCell   *lc;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	foreach(lc, requests)
	{
		Request    *request = lfirst(lc);

		if (request->nest_level < level)
			continue;
		if (event == SUBXACT_EVENT_ABORT_SUB)
			requests = foreach_delete_current(requests, lc);
		else
			request->nest_level = level - 1;
	}
}

static void
at_session_end(int code, Datum arg)
{
	if (holding)
		release_holds();
}

void
dp_request_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	dp_fence_listen(dp_scheduler_wake);
}

/* ---- at once ---- */

/* Under the lock: one that is here goes on the list, and gets SIGTERM if told. */
static void
note_process(const DpProcess *proc, List **pids, bool term)
{
	/* One that is only launched will find the stop flag or the hold. */
	if (proc->phase != DP_PHASE_ATTACHED)
		return;
	*pids = list_append_unique_int(*pids, (int) proc->pid);
	if (term)
		kill(proc->pid, SIGTERM);
}

/*
 * Are all processes gone that match?  kind NULL: all of the database, its
 * scheduler included when "whole".  With "term", those that are left get
 * SIGTERM.  "pids" gathers those that were seen: a process gives its slot
 * back a little before it has left the database.
 */
static bool
all_gone(Oid dboid, const char *kind, int32 object_id, bool whole, bool term,
		 List **pids)
{
	DpDatabase *db;
	ListCell   *lc;

	LWLockAcquire(dp_slot_lock, LW_SHARED);
	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		DpSlot	   *slot = &dp_launcher_shmem->slots[i];

		if (dp_slot_matches(slot, dboid, kind, object_id))
			note_process(&slot->proc, pids, term);
	}
	db = whole ? dp_database_find(dboid) : NULL;
	if (db != NULL)
		note_process(&db->proc, pids, term);
	LWLockRelease(dp_slot_lock);

	foreach(lc, *pids)
	{
		if (BackendPidGetProc(lfirst_int(lc)) != NULL)
			return false;
	}
	return true;
}

static bool
wait_gone(Oid dboid, const char *kind, int32 object_id, bool whole,
		  bool insist, int timeout_ms, List *pids)
{
	TimestampTz start = GetCurrentTimestamp();
	bool		termed = false;

	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		bool		term = insist && !termed &&
			TimestampDifferenceExceeds(start, now, TERM_AFTER_MS);

		if (all_gone(dboid, kind, object_id, whole, term, &pids))
			return true;
		termed |= term;
		if (TimestampDifferenceExceeds(start, now, timeout_ms))
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 WAIT_STEP_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

bool
dp_jobs_wait_stopped(const char *kind, int32 object_id, int timeout_ms)
{
	return !workers_possible() ||
		wait_gone(MyDatabaseId, kind, object_id, false, false, timeout_ms, NIL);
}

/* Take a hold and ask everyone it concerns to leave. */
static void
take_hold(Oid dboid, const char *kind, int32 object_id)
{
	static bool exit_hook = false;
	DpHold	   *hold = NULL;

	if (!exit_hook)
	{
		before_shmem_exit(at_session_end, 0);
		exit_hook = true;
	}

	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < DP_MAX_HOLDS && hold == NULL; i++)
	{
		if (dp_launcher_shmem->holds[i].pid == 0)
			hold = &dp_launcher_shmem->holds[i];
	}
	if (hold == NULL)
	{
		LWLockRelease(dp_slot_lock);
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many sessions keep dataplat workers away at the same time")));
	}
	hold->pid = MyProcPid;
	hold->dboid = dboid;
	strlcpy(hold->kind, kind ? kind : "", sizeof(hold->kind));
	hold->object_id = object_id;
	holding = true;

	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		DpSlot	   *slot = &dp_launcher_shmem->slots[i];

		if (dp_slot_matches(slot, dboid, kind, object_id))
			dp_process_ask_stop(&slot->proc);
	}
	if (kind == NULL)
	{
		DpDatabase *db = dp_database_find(dboid);

		if (db != NULL)
			dp_process_ask_stop(&db->proc);
	}
	LWLockRelease(dp_slot_lock);
}

bool
dp_jobs_hold(const char *kind, int32 object_id, int timeout_ms)
{
	List	   *pids = NIL;

	if (!workers_possible())
		return true;
	(void) all_gone(MyDatabaseId, kind, object_id, false, false, &pids);
	take_hold(MyDatabaseId, kind, object_id);
	return wait_gone(MyDatabaseId, kind, object_id, false, true, timeout_ms, pids);
}

/* The same for all workers and the scheduler of any database. */
bool
dp_hold_database(Oid dboid, int timeout_ms)
{
	List	   *pids = NIL;

	/* Who is here now, before they are told. */
	(void) all_gone(dboid, NULL, 0, true, false, &pids);
	take_hold(dboid, NULL, 0);
	return wait_gone(dboid, NULL, 0, true, true, timeout_ms, pids);
}

/* Let the launcher look at pg_database once this transaction is committed. */
void
dp_launcher_wake(void)
{
	add_request(REQUEST_LAUNCHER, "", 0);
}

/* ---- from SQL ---- */

PG_FUNCTION_INFO_V1(dp_wake_job);
PG_FUNCTION_INFO_V1(dp_stop_jobs);
PG_FUNCTION_INFO_V1(dp_wake_scheduler);
PG_FUNCTION_INFO_V1(dp_wait_job_stopped);
PG_FUNCTION_INFO_V1(dp_hold_jobs);
PG_FUNCTION_INFO_V1(dp_require_workers);
PG_FUNCTION_INFO_V1(dp_is_preloaded);

extern PGDLLEXPORT Datum dp_wake_job(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_stop_jobs(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_wake_scheduler(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_wait_job_stopped(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_hold_jobs(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_require_workers(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_is_preloaded(PG_FUNCTION_ARGS);

Datum
dp_wake_job(PG_FUNCTION_ARGS)
{
	dp_job_wake(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1));
	PG_RETURN_VOID();
}

Datum
dp_stop_jobs(PG_FUNCTION_ARGS)
{
	dp_job_stop(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1));
	PG_RETURN_VOID();
}

Datum
dp_wake_scheduler(PG_FUNCTION_ARGS)
{
	dp_scheduler_wake();
	PG_RETURN_VOID();
}

Datum
dp_wait_job_stopped(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dp_jobs_wait_stopped(text_to_cstring(PG_GETARG_TEXT_PP(0)),
										PG_GETARG_INT32(1), PG_GETARG_INT32(2)));
}

Datum
dp_hold_jobs(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dp_jobs_hold(text_to_cstring(PG_GETARG_TEXT_PP(0)),
								PG_GETARG_INT32(1), PG_GETARG_INT32(2)));
}

Datum
dp_require_workers(PG_FUNCTION_ARGS)
{
	dp_require_preload();
	PG_RETURN_VOID();
}

Datum
dp_is_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(workers_possible());
}
