/*-------------------------------------------------------------------------
 *
 * slot.c
 *	  Shared memory of the launcher room: databases, jobs and holds.
 *
 * A slot is kept for each (database, kind, object, worker number), also
 * while no worker runs, so that the state, its reason and the next retry can
 * be read at any time.  A crash of any backend empties all of this; the
 * launcher then builds it again from the catalogs.
 *
 * A process entry goes NONE -> LAUNCHED -> ATTACHED -> NONE.  Each launch
 * has a new generation number; a process that attaches with an old one
 * leaves without touching anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "common/shmem.h"
#include "launcher/slot.h"

/* A process that has not attached by now never will. */
#define LAUNCH_TIMEOUT_MS	60000
/* A process that was asked to stop and has not by then gets SIGTERM. */
#define STOP_GRACE_MS		5000
/* The first failure is often a blip: try again soon. */
#define FIRST_RETRY_MS		1000
/* The log says at most this often that there is no room for a worker. */
#define SLOT_WARNING_EVERY_MS	300000

DpLauncherShmem *dp_launcher_shmem;
LWLock	   *dp_slot_lock;

static int
slot_count(void)
{
	return dp_max_workers + DP_SPARE_SLOTS;
}

static Size
shmem_size(void)
{
	return offsetof(DpLauncherShmem, slots) + sizeof(DpSlot) * slot_count();
}

static void
shmem_init(void *area)
{
	((DpLauncherShmem *) area)->nslots = slot_count();
}

static const DpShmem slot_shmem = {
	.name = "dataplat_launcher",
	.size = shmem_size,
	.init = shmem_init,
	.area = (void **) &dp_launcher_shmem,
	.lock = &dp_slot_lock,
};

void
dp_slot_init(void)
{
	dp_shmem_register(&slot_shmem);
}

const char *
dp_state_name(DpJobState state)
{
	static const char *const names[] = {
		"starting", "running", "catching_up", "idle", "retrying", "paused",
		"blocked_lock", "waiting_slot", "waiting_lso", "suspect", "data_loss",
		"fenced", "failed"
	};

	return names[state];
}

/* May the log say now that no worker slot is free?  Takes the lock. */
bool
dp_slot_warning_due(void)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		due;

	LWLockAcquire(dp_slot_lock, LW_EXCLUSIVE);
	due = dp_launcher_shmem->last_slot_warning == 0 ||
		TimestampDifferenceExceeds(dp_launcher_shmem->last_slot_warning, now,
								   SLOT_WARNING_EVERY_MS);
	if (due)
		dp_launcher_shmem->last_slot_warning = now;
	LWLockRelease(dp_slot_lock);
	return due;
}

/* ---- databases ---- */

DpDatabase *
dp_database_find(Oid dboid)
{
	for (int i = 0; i < DP_MAX_DATABASES; i++)
	{
		if (dp_launcher_shmem->databases[i].dboid == dboid)
			return &dp_launcher_shmem->databases[i];
	}
	return NULL;
}

/* Find or add; NULL when there are too many databases. */
DpDatabase *
dp_database_make(Oid dboid)
{
	DpDatabase *db = dp_database_find(dboid);
	uint32		generation;

	if (db != NULL)
		return db;
	db = dp_database_find(InvalidOid);
	if (db == NULL)
		return NULL;

	/* A process of the entry's last owner must still find itself outdated. */
	generation = db->proc.generation;
	memset(db, 0, sizeof(DpDatabase));
	db->dboid = dboid;
	db->proc.generation = generation;
	db->state = DP_STATE_STARTING;
	db->since = GetCurrentTimestamp();
	return db;
}

/* ---- jobs ---- */

DpSlot *
dp_slot_find(Oid dboid, const char *kind, int32 object_id, int worker_no)
{
	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		DpSlot	   *slot = &dp_launcher_shmem->slots[i];

		if (slot->in_use && slot->dboid == dboid &&
			slot->job.object_id == object_id &&
			slot->job.worker_no == worker_no &&
			strcmp(slot->job.kind, kind) == 0)
			return slot;
	}
	return NULL;
}

/* A free entry, or the one that has been unwanted for the longest time. */
static DpSlot *
slot_choose(void)
{
	DpSlot	   *oldest = NULL;

	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		DpSlot	   *slot = &dp_launcher_shmem->slots[i];

		if (!slot->in_use)
			return slot;
		if (!slot->wanted && slot->proc.phase == DP_PHASE_NONE &&
			(oldest == NULL || slot->since < oldest->since))
			oldest = slot;
	}
	return oldest;
}

/* Find or add, and bring the job's description up to date; NULL when full. */
DpSlot *
dp_slot_make(Oid dboid, const DpJob *job)
{
	DpSlot	   *slot = dp_slot_find(dboid, job->kind, job->object_id, job->worker_no);

	if (slot == NULL)
	{
		uint32		generation;

		slot = slot_choose();
		if (slot == NULL)
			return NULL;
		generation = slot->proc.generation;
		memset(slot, 0, sizeof(DpSlot));
		slot->in_use = true;
		slot->dboid = dboid;
		slot->proc.generation = generation;
		slot->state = DP_STATE_STARTING;
		slot->since = GetCurrentTimestamp();
	}
	slot->job = *job;
	return slot;
}

void
dp_slot_set_state(DpSlot *slot, DpJobState state, const char *reason,
				  const char *hint)
{
	if (slot->state != state)
		slot->since = GetCurrentTimestamp();
	slot->state = state;
	strlcpy(slot->reason, reason ? reason : "", sizeof(slot->reason));
	strlcpy(slot->hint, hint ? hint : "", sizeof(slot->hint));
}

/* Forget what has no process; the rest is asked to leave. */
void
dp_slot_forget_database(Oid dboid)
{
	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		DpSlot	   *slot = &dp_launcher_shmem->slots[i];

		if (!slot->in_use || slot->dboid != dboid)
			continue;
		slot->wanted = false;
		if (slot->proc.phase == DP_PHASE_NONE ||
			dp_process_is_lost(&slot->proc, GetCurrentTimestamp()))
		{
			slot->proc.phase = DP_PHASE_NONE;
			slot->in_use = false;
		}
		else
			dp_process_insist_stop(&slot->proc);
	}
}

/* Workers that run or are about to, in all databases. */
int
dp_slot_running(void)
{
	int			n = 0;

	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		if (dp_launcher_shmem->slots[i].in_use &&
			dp_launcher_shmem->slots[i].proc.phase != DP_PHASE_NONE)
			n++;
	}
	return n;
}

bool
dp_slot_any_running(Oid dboid)
{
	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		const DpSlot *slot = &dp_launcher_shmem->slots[i];

		if (slot->in_use && slot->dboid == dboid &&
			slot->proc.phase != DP_PHASE_NONE)
			return true;
	}
	return false;
}

/* kind NULL: every job of the database. */
bool
dp_slot_matches(const DpSlot *slot, Oid dboid, const char *kind, int32 object_id)
{
	return slot->in_use && slot->dboid == dboid &&
		(kind == NULL ||
		 (slot->job.object_id == object_id && strcmp(slot->job.kind, kind) == 0));
}

/* ---- processes ---- */

/* Start a new generation. */
void
dp_process_launched(DpProcess *proc)
{
	proc->phase = DP_PHASE_LAUNCHED;
	proc->generation++;
	proc->launched_at = GetCurrentTimestamp();
	proc->pid = 0;
	proc->latch = NULL;
	proc->stop = false;
	proc->wake = false;
}

/* One that has not attached yet finds the flag when it does. */
void
dp_process_ask_stop(DpProcess *proc)
{
	if (proc->phase == DP_PHASE_NONE)
		return;
	if (!proc->stop)
		proc->stop_asked_at = GetCurrentTimestamp();
	proc->stop = true;
	if (proc->latch)
		SetLatch(proc->latch);
}

/*
 * Ask, and when called again after a while, cancel what it does: a long
 * statement does not look at the flag.
 */
void
dp_process_insist_stop(DpProcess *proc)
{
	if (proc->phase == DP_PHASE_ATTACHED && proc->stop &&
		TimestampDifferenceExceeds(proc->stop_asked_at, GetCurrentTimestamp(),
								   STOP_GRACE_MS))
		kill(proc->pid, SIGTERM);
	dp_process_ask_stop(proc);
}

void
dp_process_ask_look(DpProcess *proc)
{
	proc->wake = true;
	if (proc->latch)
		SetLatch(proc->latch);
}

/* Registered, but the postmaster could not start it. */
bool
dp_process_is_lost(const DpProcess *proc, TimestampTz now)
{
	return proc->phase == DP_PHASE_LAUNCHED &&
		TimestampDifferenceExceeds(proc->launched_at, now, LAUNCH_TIMEOUT_MS);
}

/* When to try again after so many failures in a row. */
TimestampTz
dp_backoff(int failures, TimestampTz now)
{
	double		delay = FIRST_RETRY_MS;

	if (failures > 1)
	{
		delay = dp_restart_backoff_min;
		for (int i = 2; i < failures && delay < dp_restart_backoff_max; i++)
			delay *= 2;
		delay = Min(delay, dp_restart_backoff_max);
	}
	/* Workers that failed together should not come back together. */
	delay *= 0.75 + 0.5 * pg_prng_double(&pg_global_prng_state);
	return TimestampTzPlusMilliseconds(now, (int64) delay);
}

/* ---- holds ---- */

/* kind NULL asks for the database alone. */
bool
dp_held(Oid dboid, const char *kind, int32 object_id)
{
	for (int i = 0; i < DP_MAX_HOLDS; i++)
	{
		const DpHold *hold = &dp_launcher_shmem->holds[i];

		if (hold->pid == 0 || hold->dboid != dboid)
			continue;
		if (hold->kind[0] == '\0')
			return true;
		if (kind != NULL && hold->object_id == object_id &&
			strcmp(hold->kind, kind) == 0)
			return true;
	}
	return false;
}
