/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *	  One process for each database: the workers that run are those wanted.
 *
 * Each turn asks every job kind what should run, in a transaction of its
 * own, and compares that with the slots.  Nothing is remembered from turn to
 * turn outside the slots, so a scheduler that dies leaves its workers at
 * work, and the next one takes over where it was.
 *
 * A job, seen from here:
 *
 *	 wanted, no process, not failed, retry time come -> launch
 *	 wanted, no room for a worker                     -> waiting_slot
 *	 not wanted, process                              -> ask to stop
 *	 not wanted, no process                           -> keep its last state
 *	 database is a copy                               -> ask to stop, fenced
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "common/compat.h"
#include "common/extension.h"
#include "launcher/slot.h"

/* Look this often even when nothing calls. */
#define LOOK_EVERY_MS		10000
/* When there was no room for a worker, try again after this. */
#define NO_ROOM_RETRY_MS	2000

#define FENCED_REASON	"this database is a copy of the one that dataplat was set up in"
#define FENCED_HINT		"Run SELECT dataplat.adopt('resume') when the original is gone, or dataplat.adopt('fork') to go on beside it."

extern PGDLLEXPORT void dp_scheduler_main(Datum arg);

static DpDatabase *my_database = NULL;
static bool found_absent = false;
static bool end_is_clean = false;

/* What one turn found out, in the turn's context. */
typedef struct DpTurn
{
	MemoryContext context;
	bool		absent;			/* no extension */
	bool		skewed;			/* extension and library differ */
	bool		fenced;
	List	   *wanted;			/* of DpJob */
	List	   *unknown;		/* of DpJobKind: could not tell */
	char		trouble[DP_JOB_REASON_LEN]; /* why one of them could not */
} DpTurn;

/* ---- attach and detach ---- */

static void
scheduler_detach(int code, Datum arg)
{
	DpDatabase *db = my_database;
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	db->proc.phase = DP_PHASE_NONE;
	db->proc.pid = 0;
	db->proc.latch = NULL;
	if (end_is_clean)
	{
		db->failures = 0;
		db->next_start_at = 0;

		/* Someone may have created the extension since we looked. */
		db->absent = found_absent && !db->proc.wake;
		if (db->absent)
			dp_slot_forget_database(db->dboid);
	}
	else
	{
		db->failures++;
		db->next_start_at = dp_backoff(db->failures, now);
	}
	if (dp_launcher_shmem->launcher_latch)
		SetLatch(dp_launcher_shmem->launcher_latch);
	LWLockRelease(dp_slot_lock);
}

static bool
scheduler_attach(const DpStartArgs *args)
{
	DpDatabase *db = &dp_launcher_shmem->databases[args->index];
	bool		meant;

	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	meant = db->dboid == args->dboid && db->proc.phase == DP_PHASE_LAUNCHED &&
		db->proc.generation == args->generation;
	if (meant && (db->proc.stop || dp_held(db->dboid, NULL, 0)))
	{
		db->proc.phase = DP_PHASE_NONE;
		meant = false;
	}
	if (meant)
	{
		db->proc.phase = DP_PHASE_ATTACHED;
		db->proc.pid = MyProcPid;
		db->proc.latch = MyLatch;
		db->proc.started_at = GetCurrentTimestamp();
		my_database = db;
	}
	LWLockRelease(dp_slot_lock);

	if (meant)
		before_shmem_exit(scheduler_detach, 0);
	return meant;
}

static void
report_self(DpJobState state, const char *reason, const char *hint)
{
	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	if (my_database->state != state)
		my_database->since = GetCurrentTimestamp();
	my_database->state = state;
	strlcpy(my_database->reason, reason ? reason : "", DP_JOB_REASON_LEN);
	strlcpy(my_database->hint, hint ? hint : "", DP_JOB_REASON_LEN);
	LWLockRelease(dp_slot_lock);
}

/* ---- asking what should run ---- */

/* Is there anything to schedule in this database? */
static void
look_at_extension(DpTurn *turn)
{
	char	   *version;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	version = dp_extension_version();
	turn->absent = version == NULL;
	turn->skewed = version != NULL && strcmp(version, DATAPLAT_VERSION) != 0;
	if (!turn->absent && !turn->skewed)
		turn->fenced = dp_is_fenced();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(turn->context);
}

/*
 * In a PG_CATCH: keep the error for the state; the log has it only once, not
 * at each turn.
 */
static void
note_trouble(DpTurn *turn, const DpJobKind *kind)
{
	static char logged[DP_JOB_REASON_LEN];
	ErrorData  *edata = CopyErrorData();

	snprintf(turn->trouble, sizeof(turn->trouble), "could not tell which %s jobs to run: %s",
			 kind->name, edata->message);
	if (strcmp(turn->trouble, logged) != 0)
	{
		EmitErrorReport();
		strlcpy(logged, turn->trouble, sizeof(logged));
	}
	FlushErrorState();
}

/*
 * A kind that cannot answer (its table is locked, say) keeps the workers
 * that it has, and disturbs no other kind.
 */
static void
ask_kind(DpTurn *turn, const DpJobKind *kind)
{
	PG_TRY();
	{
		List	   *jobs;
		ListCell   *lc;

		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		jobs = kind->wanted();
		MemoryContextSwitchTo(turn->context);
		foreach(lc, jobs)
		{
			DpJob	   *copy = palloc(sizeof(DpJob));

			*copy = *(DpJob *) lfirst(lc);
			strlcpy(copy->kind, kind->name, DP_JOB_KIND_LEN);
			turn->wanted = lappend(turn->wanted, copy);
		}
		PopActiveSnapshot();
		CommitTransactionCommand();
		MemoryContextSwitchTo(turn->context);
	}
	PG_CATCH();
	{
		/* Being told to leave is for the caller. */
		if (dp_worker_asked_to_stop())
			PG_RE_THROW();
		MemoryContextSwitchTo(turn->context);
		note_trouble(turn, kind);
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(turn->context);
		turn->unknown = lappend(turn->unknown, unconstify(DpJobKind *, kind));
	}
	PG_END_TRY();
}

/* ---- starting and stopping workers ---- */

static bool
kind_is_unknown(const DpTurn *turn, const char *name)
{
	ListCell   *lc;

	foreach(lc, turn->unknown)
	{
		if (strcmp(((const DpJobKind *) lfirst(lc))->name, name) == 0)
			return true;
	}
	return false;
}

/* Under the lock: mark what is wanted, stop what is not. */
static void
stop_unwanted(const DpTurn *turn)
{
	TimestampTz now = GetCurrentTimestamp();

	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		DpSlot	   *slot = &dp_launcher_shmem->slots[i];

		if (slot->in_use && slot->dboid == MyDatabaseId &&
			!kind_is_unknown(turn, slot->job.kind))
			slot->wanted = false;
	}
	for (int i = 0; i < list_length(turn->wanted); i++)
	{
		DpSlot	   *slot = dp_slot_make(MyDatabaseId, list_nth(turn->wanted, i));

		if (slot != NULL)
			slot->wanted = true;
	}
	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		DpSlot	   *slot = &dp_launcher_shmem->slots[i];

		if (!slot->in_use || slot->dboid != MyDatabaseId)
			continue;
		if (dp_process_is_lost(&slot->proc, now))
			slot->proc.phase = DP_PHASE_NONE;
		if (slot->wanted)
			continue;
		if (slot->proc.phase != DP_PHASE_NONE)
			dp_process_insist_stop(&slot->proc);
		else if (slot->state < DP_STATE_RETRYING)
			dp_slot_set_state(slot, DP_STATE_PAUSED, slot->reason, slot->hint);
	}
}

static bool
register_worker(const DpSlot *slot, const DpJobKind *kind)
{
	BackgroundWorker worker = {0};
	DpStartArgs args = {
		.dboid = MyDatabaseId,
		.index = slot - dp_launcher_shmem->slots,
		.generation = slot->proc.generation,
	};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "dataplat", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "dp_worker_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "%s %.48s", kind->bgw_type, slot->job.object);
	strlcpy(worker.bgw_type, kind->bgw_type, BGW_MAXLEN);
	memcpy(worker.bgw_extra, &args, sizeof(args));
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

static void
no_room(DpSlot *slot, const char *setting, int value)
{
	char		hint[DP_JOB_REASON_LEN];

	snprintf(hint, sizeof(hint), "Increase %s (now %d).", setting, value);
	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	slot->proc.phase = DP_PHASE_NONE;
	dp_slot_set_state(slot, DP_STATE_WAITING_SLOT, "no background worker slot is free", hint);
	LWLockRelease(dp_slot_lock);
	if (dp_slot_warning_due())
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("dataplat has to wait: no background worker slot is free"),
				 errhint("%s", hint)));
}

/*
 * Start the worker if its time has come.  Returns how long the scheduler
 * may sleep because of this job, in milliseconds.
 */
static long
start_worker(const DpTurn *turn, const DpJob *job)
{
	const DpJobKind *kind = dp_job_kind_find(job->kind);
	TimestampTz now = GetCurrentTimestamp();
	DpSlot	   *slot;
	bool		start = false;
	bool		full = false;
	long		sleep_ms = LOOK_EVERY_MS;

	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	slot = dp_slot_find(MyDatabaseId, job->kind, job->object_id, job->worker_no);
	if (slot == NULL)
		full = true;
	else if (turn->fenced && !kind->runs_when_fenced)
	{
		if (slot->proc.phase != DP_PHASE_NONE)
			dp_process_insist_stop(&slot->proc);
		else
			dp_slot_set_state(slot, DP_STATE_FENCED, FENCED_REASON, FENCED_HINT);
	}
	else if (slot->proc.phase != DP_PHASE_NONE || slot->failed ||
			 dp_held(MyDatabaseId, job->kind, job->object_id))
		 /* nothing to do now */ ;
	else if (slot->next_retry_at > now)
		sleep_ms = 1 + TimestampDifferenceMilliseconds(now, slot->next_retry_at);
	else if (dp_slot_running() >= dp_max_workers)
		full = true;
	else
	{
		if (slot->proc.started_at != 0)
			slot->restarts++;
		if (slot->failures == 0)
			dp_slot_set_state(slot, DP_STATE_STARTING, NULL, NULL);
		dp_process_launched(&slot->proc);
		start = true;
	}
	LWLockRelease(dp_slot_lock);

	if (full)
	{
		if (slot != NULL)
			no_room(slot, "dataplat.max_workers", dp_max_workers);
		return NO_ROOM_RETRY_MS;
	}
	if (start && !register_worker(slot, kind))
	{
		no_room(slot, "max_worker_processes", max_worker_processes);
		return NO_ROOM_RETRY_MS;
	}
	return sleep_ms;
}

/* ---- the process ---- */

/* Leave a database that has no extension: nobody may work here any more. */
static void
leave_absent(void)
{
	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	dp_slot_forget_database(MyDatabaseId);
	LWLockRelease(dp_slot_lock);
	found_absent = true;
}

/* One look.  Returns how long to sleep; 0 when the scheduler should leave. */
static long
take_turn(DpTurn *turn)
{
	long		sleep_ms = LOOK_EVERY_MS;
	ListCell   *lc;

	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	my_database->proc.wake = false;
	LWLockRelease(dp_slot_lock);

	look_at_extension(turn);
	if (turn->absent)
	{
		leave_absent();
		return 0;
	}
	if (turn->skewed)
	{
		report_self(DP_STATE_FAILED, "extension and library have different versions",
					"Run ALTER EXTENSION dataplat UPDATE, or restart the server when the library is the older one.");
		LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
		dp_slot_forget_database(MyDatabaseId);
		LWLockRelease(dp_slot_lock);
		return LOOK_EVERY_MS;
	}

	foreach(lc, dp_job_kinds())
		ask_kind(turn, lfirst(lc));

	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	stop_unwanted(turn);
	LWLockRelease(dp_slot_lock);
	foreach(lc, turn->wanted)
		sleep_ms = Min(sleep_ms, start_worker(turn, lfirst(lc)));

	if (turn->fenced)
		report_self(DP_STATE_FENCED, FENCED_REASON, FENCED_HINT);
	else if (turn->unknown != NIL)
		report_self(DP_STATE_RETRYING, turn->trouble, "It is asked again every few seconds; its workers go on as they are.");
	else
		report_self(DP_STATE_RUNNING, NULL, NULL);
	return Max(sleep_ms, 1);
}

static void
scheduler_loop(void)
{
	uint32		wait_event = dp_wait_event_new("DataplatScheduler");
	DpTurn		turn;
	MemoryContext context = AllocSetContextCreate(TopMemoryContext,
												  "dataplat scheduler turn",
												  ALLOCSET_DEFAULT_SIZES);

	while (!dp_worker_asked_to_stop() && !my_database->proc.stop)
	{
		long		sleep_ms;

		MemoryContextReset(context);
		MemoryContextSwitchTo(context);
		memset(&turn, 0, sizeof(turn));
		turn.context = context;
		sleep_ms = take_turn(&turn);
		if (sleep_ms == 0)
			return;

		pgstat_report_activity(STATE_IDLE, NULL);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 sleep_ms, wait_event);
		ResetLatch(MyLatch);
		if (!dp_worker_asked_to_stop())
			CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
			dp_worker_reload();
	}
}

void
dp_scheduler_main(Datum arg)
{
	DpStartArgs args;

	memcpy(&args, MyBgworkerEntry->bgw_extra, sizeof(args));
	if (!scheduler_attach(&args))
		proc_exit(0);
	dp_worker_signals();
	BackgroundWorkerInitializeConnectionByOid(args.dboid, InvalidOid, 0);
	dp_worker_session("dataplat scheduler");

	PG_TRY();
	{
		scheduler_loop();
		end_is_clean = true;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		if (dp_worker_asked_to_stop())
			end_is_clean = true;
		else
			EmitErrorReport();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	proc_exit(0);
}
