/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  A worker's life: attach to its slot, do the job, say how it ended.
 *
 * What a worker can be told:
 *
 *	 stop    its slot's flag and latch; it leaves at the next batch edge
 *	 SIGTERM the same, and the running statement is cancelled
 *	 SIGINT  the running statement is cancelled; a failure like any other
 *	 wake    its slot's flag and latch; it reads its definition again
 *
 * An error in the job's main ends the process with exit code 0: it is in the
 * log already, and the scheduler does the restart.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/elog.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/ps_status.h"
#include "utils/timestamp.h"

#include "common/compat.h"
#include "launcher/slot.h"

/* A worker that did real work for so long has left its failures behind. */
#define HEALTHY_AFTER_MS	60000
/* One that keeps ending well is not started more often than this. */
#define CLEAN_RESTART_MS	1000

/* The error of a lock_timeout. */
#define LOCK_NOT_AVAILABLE	"55P03"

extern PGDLLEXPORT void dp_worker_main(Datum arg);

static DpSlot *my_slot = NULL;
static DpExit my_exit = DP_EXIT_UNEXPECTED;
static uint32 my_wait_event;
static volatile sig_atomic_t sigterm_received = false;

/* What was reported last, to make a repeated report cheap. */
static DpJobState reported_state;
static char reported_reason[DP_JOB_REASON_LEN];
static char reported_hint[DP_JOB_REASON_LEN];

/* ---- signals and session ---- */

/* Leave soon: cancel what runs, and make every wait end. */
static void
handle_sigterm(SIGNAL_ARGS)
{
	int			save_errno = errno;

	sigterm_received = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
	errno = save_errno;
}

void
dp_worker_signals(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, handle_sigterm);
	BackgroundWorkerUnblockSignals();
}

/* Settings that ALTER ROLE or ALTER DATABASE must not decide for a worker. */
static void
override_setting(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

static void
apply_lock_timeout(void)
{
	char		value[16];

	snprintf(value, sizeof(value), "%d", dp_worker_lock_timeout);
	override_setting("lock_timeout", value);
}

void
dp_worker_session(const char *application_name)
{
	override_setting("search_path", "");
	override_setting("statement_timeout", "0");
	override_setting("idle_in_transaction_session_timeout", "0");
	override_setting("default_transaction_isolation", "read committed");
	override_setting("default_transaction_read_only", "off");
	override_setting("session_replication_role", "origin");
	apply_lock_timeout();
	SetConfigOption("application_name", application_name, PGC_USERSET, PGC_S_SESSION);
}

bool
dp_worker_asked_to_stop(void)
{
	return sigterm_received;
}

/* Apply a changed configuration file. */
void
dp_worker_reload(void)
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	apply_lock_timeout();
}

/* ---- attach and detach ---- */

/* Put down how it ended and when to try again. */
static void
record_end(DpSlot *slot)
{
	TimestampTz now = GetCurrentTimestamp();

	switch (my_exit)
	{
		case DP_EXIT_FAILED:
			slot->failed = true;
			break;
		case DP_EXIT_CLEAN:
			slot->next_retry_at =
				TimestampTzPlusMilliseconds(slot->proc.started_at, CLEAN_RESTART_MS);
			break;
		case DP_EXIT_UNEXPECTED:
			strlcpy(slot->last_sqlstate, "57P01", sizeof(slot->last_sqlstate));
			strlcpy(slot->last_error, "worker ended unexpectedly", DP_JOB_ERROR_LEN);
			slot->last_error_at = now;
			/* FALLTHROUGH */
		case DP_EXIT_ERROR:
			slot->failures++;
			slot->next_retry_at = dp_backoff(slot->failures, now);
			if (slot->state == DP_STATE_STARTING || slot->state == DP_STATE_RUNNING ||
				slot->state == DP_STATE_CATCHING_UP || slot->state == DP_STATE_IDLE ||
				slot->state == DP_STATE_RETRYING || slot->state == DP_STATE_BLOCKED_LOCK)
				dp_slot_set_state(slot,
								  strcmp(slot->last_sqlstate, LOCK_NOT_AVAILABLE) == 0 ?
								  DP_STATE_BLOCKED_LOCK : DP_STATE_RETRYING,
								  slot->last_error, NULL);
			break;
	}
}

/*
 * Runs after the transaction is gone and its locks are released: who waits
 * for the slot may go on at once.
 */
static void
worker_detach(int code, Datum arg)
{
	DpSlot	   *slot = my_slot;

	my_slot = NULL;
	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	record_end(slot);
	slot->proc.phase = DP_PHASE_NONE;
	slot->proc.pid = 0;
	slot->proc.latch = NULL;
	LWLockRelease(dp_slot_lock);
}

/* False when this process is not meant any more. */
static bool
worker_attach(const DpStartArgs *args, DpJob *job)
{
	DpSlot	   *slot = &dp_launcher_shmem->slots[args->index];
	bool		meant;

	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	meant = slot->in_use && slot->dboid == args->dboid &&
		slot->proc.phase == DP_PHASE_LAUNCHED &&
		slot->proc.generation == args->generation;
	if (meant && (slot->proc.stop ||
				  dp_held(slot->dboid, slot->job.kind, slot->job.object_id)))
	{
		slot->proc.phase = DP_PHASE_NONE;
		meant = false;
	}
	if (meant)
	{
		slot->proc.phase = DP_PHASE_ATTACHED;
		slot->proc.pid = MyProcPid;
		slot->proc.latch = MyLatch;
		slot->proc.started_at = GetCurrentTimestamp();
		slot->next_retry_at = 0;
		reported_state = slot->state;
		strlcpy(reported_reason, slot->reason, DP_JOB_REASON_LEN);
		strlcpy(reported_hint, slot->hint, DP_JOB_REASON_LEN);
		*job = slot->job;
		my_slot = slot;
	}
	LWLockRelease(dp_slot_lock);

	if (meant)
		before_shmem_exit(worker_detach, 0);
	return meant;
}

/* ---- the process ---- */

/*
 * An error came out of the job.  Being cancelled because we were asked to
 * leave is none.
 */
static void
note_error(void)
{
	ErrorData  *edata;
	char	   *sqlstate;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(TopMemoryContext);
	edata = CopyErrorData();
	if (dp_job_stop_requested() && edata->sqlerrcode == ERRCODE_QUERY_CANCELED)
		my_exit = DP_EXIT_CLEAN;
	else
	{
		EmitErrorReport();
		sqlstate = unpack_sql_state(edata->sqlerrcode);
		dp_job_report_error(sqlstate, edata->message);
		my_exit = DP_EXIT_ERROR;
	}
	FlushErrorState();
	RESUME_INTERRUPTS();
}

void
dp_worker_main(Datum arg)
{
	DpStartArgs args;
	DpJob		job;
	const DpJobKind *kind;
	char		appname[NAMEDATALEN];

	memcpy(&args, MyBgworkerEntry->bgw_extra, sizeof(args));
	if (!worker_attach(&args, &job))
		proc_exit(0);
	dp_worker_signals();
	my_wait_event = dp_wait_event_new("DataplatWorkerMain");

	BackgroundWorkerInitializeConnectionByOid(args.dboid, InvalidOid, 0);
	snprintf(appname, sizeof(appname), "dataplat:%s", job.object);
	dp_worker_session(appname);
	set_ps_display(job.object);

	kind = dp_job_kind_find(job.kind);
	if (kind == NULL)
		elog(ERROR, "job kind \"%s\" is not registered", job.kind);

	PG_TRY();
	{
		kind->main(&job);
		my_exit = DP_EXIT_CLEAN;
	}
	PG_CATCH();
	{
		note_error();
	}
	PG_END_TRY();
	proc_exit(0);
}

/* ---- what the job calls ---- */

static bool
same_text(const char *a, const char *b)
{
	return strncmp(a ? a : "", b, DP_JOB_REASON_LEN - 1) == 0;
}

void
dp_job_report(DpJobState state, const char *reason, const char *hint)
{
	char		activity[DP_JOB_REASON_LEN + 32];

	if (my_slot == NULL)
		return;
	if (state == reported_state && same_text(reason, reported_reason) &&
		same_text(hint, reported_hint))
		return;

	reported_state = state;
	strlcpy(reported_reason, reason ? reason : "", DP_JOB_REASON_LEN);
	strlcpy(reported_hint, hint ? hint : "", DP_JOB_REASON_LEN);
	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	dp_slot_set_state(my_slot, state, reason, hint);
	LWLockRelease(dp_slot_lock);

	snprintf(activity, sizeof(activity), "%s%s%s", dp_state_name(state),
			 reported_reason[0] ? ": " : "", reported_reason);
	pgstat_report_activity(state == DP_STATE_IDLE ? STATE_IDLE : STATE_RUNNING, activity);
}

void
dp_job_report_error(const char *sqlstate, const char *message)
{
	if (my_slot == NULL)
		return;
	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	strlcpy(my_slot->last_sqlstate, sqlstate ? sqlstate : "", sizeof(my_slot->last_sqlstate));
	strlcpy(my_slot->last_error, message ? message : "", DP_JOB_ERROR_LEN);
	my_slot->last_error_at = GetCurrentTimestamp();
	LWLockRelease(dp_slot_lock);
}

bool
dp_job_stop_requested(void)
{
	return sigterm_received || (my_slot != NULL && my_slot->proc.stop);
}

bool
dp_job_config_changed(void)
{
	bool		changed = false;

	if (ConfigReloadPending)
	{
		dp_worker_reload();
		changed = true;
	}
	if (my_slot != NULL && my_slot->proc.wake)
	{
		LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
		my_slot->proc.wake = false;
		LWLockRelease(dp_slot_lock);
		changed = true;
	}
	return changed;
}

void
dp_job_healthy(void)
{
	/* Only a worker changes its own failures while it is attached. */
	if (my_slot == NULL || my_slot->failures == 0 ||
		!TimestampDifferenceExceeds(my_slot->proc.started_at, GetCurrentTimestamp(),
									HEALTHY_AFTER_MS))
		return;
	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	my_slot->failures = 0;
	LWLockRelease(dp_slot_lock);
}

void
dp_job_fail(const char *reason, const char *hint)
{
	Assert(my_slot != NULL);
	ereport(LOG,
			(errmsg("dataplat %s job for \"%s\" failed and stays down: %s",
					my_slot->job.kind, my_slot->job.object, reason),
			 hint ? errhint("%s", hint) : 0));
	dp_job_report(DP_STATE_FAILED, reason, hint);
	my_exit = DP_EXIT_FAILED;
	proc_exit(0);
}

bool
dp_job_wait(long timeout_ms)
{
	int			events;

	Assert(!IsTransactionState());
	if (dp_job_stop_requested())
		return true;
	events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					   timeout_ms, my_wait_event);
	ResetLatch(MyLatch);

	/* The caller sees the request by itself; do not throw it at him. */
	if (!dp_job_stop_requested())
		CHECK_FOR_INTERRUPTS();
	return (events & WL_LATCH_SET) != 0;
}
