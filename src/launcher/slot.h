/*-------------------------------------------------------------------------
 *
 * slot.h
 *	  Shared memory of the launcher room: databases, jobs and holds.
 *
 * Private to the room.  One LWLock (dp_slot_lock) guards everything here.
 * Exceptions, safe to read without it: the stop and wake flags, by the
 * process that they are meant for; they are single bytes, set by others and
 * followed by a SetLatch.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_SLOT_H
#define DP_SLOT_H

#include "datatype/timestamp.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

#include "launcher/launcher.h"

/* Databases that the launcher can know at a time. */
#define DP_MAX_DATABASES	1024
/* Sessions that can keep workers away at a time. */
#define DP_MAX_HOLDS		64
/* Job entries beyond the running ones, so that a state outlasts its worker. */
#define DP_SPARE_SLOTS		256

/* A process that the postmaster starts for us. */
typedef enum DpPhase
{
	DP_PHASE_NONE,				/* no process */
	DP_PHASE_LAUNCHED,			/* registered with the postmaster */
	DP_PHASE_ATTACHED			/* running; pid and latch are valid */
} DpPhase;

typedef struct DpProcess
{
	DpPhase		phase;
	uint32		generation;		/* bumped at each launch: a process that
								 * starts late finds that it is not meant */
	TimestampTz launched_at;
	TimestampTz started_at;
	pid_t		pid;
	Latch	   *latch;
	bool		stop;			/* please leave */
	TimestampTz stop_asked_at;
	bool		wake;			/* please look again */
} DpProcess;

typedef struct DpDatabase
{
	Oid			dboid;			/* InvalidOid: entry is free */
	bool		absent;			/* a scheduler found no extension */
	DpProcess	proc;
	int			failures;
	TimestampTz next_start_at;
	DpJobState	state;
	char		reason[DP_JOB_REASON_LEN];
	char		hint[DP_JOB_REASON_LEN];
	TimestampTz since;
} DpDatabase;

typedef struct DpSlot
{
	bool		in_use;
	Oid			dboid;
	DpJob		job;
	bool		wanted;			/* on the scheduler's last list */
	bool		failed;			/* ended by dp_job_fail: wait for a wake */
	DpProcess	proc;
	/* what job_state() shows */
	DpJobState	state;
	char		reason[DP_JOB_REASON_LEN];
	char		hint[DP_JOB_REASON_LEN];
	TimestampTz since;
	char		last_sqlstate[6];
	char		last_error[DP_JOB_ERROR_LEN];
	TimestampTz last_error_at;
	TimestampTz next_retry_at;	/* 0: at once */
	int			failures;		/* in a row, drives the backoff */
	int			restarts;
} DpSlot;

typedef struct DpHold
{
	pid_t		pid;			/* 0: entry is free */
	Oid			dboid;
	char		kind[DP_JOB_KIND_LEN];	/* empty: the whole database */
	int32		object_id;
} DpHold;

typedef struct DpLauncherShmem
{
	Latch	   *launcher_latch;
	pid_t		launcher_pid;
	TimestampTz last_slot_warning;
	DpDatabase	databases[DP_MAX_DATABASES];
	DpHold		holds[DP_MAX_HOLDS];
	int			nslots;
	DpSlot		slots[FLEXIBLE_ARRAY_MEMBER];
} DpLauncherShmem;

/* What a new process is told, in bgw_extra. */
typedef struct DpStartArgs
{
	Oid			dboid;
	int			index;			/* into databases or slots */
	uint32		generation;
} DpStartArgs;

typedef enum DpExit
{
	DP_EXIT_UNEXPECTED,			/* FATAL, or anything not foreseen */
	DP_EXIT_CLEAN,
	DP_EXIT_ERROR,				/* recorded by report_error */
	DP_EXIT_FAILED				/* do not start again */
} DpExit;

extern DpLauncherShmem *dp_launcher_shmem;
extern LWLock *dp_slot_lock;

/* GUCs */
extern bool dp_enabled;
extern char *dp_databases;
extern int	dp_max_workers;
extern int	dp_restart_backoff_min;
extern int	dp_restart_backoff_max;

/* slot.c: all but the first three need dp_slot_lock, exclusive unless told */
extern void dp_slot_init(void);
extern const char *dp_state_name(DpJobState state);
extern bool dp_slot_warning_due(void);
extern DpDatabase *dp_database_find(Oid dboid);
extern DpDatabase *dp_database_make(Oid dboid);
extern DpSlot *dp_slot_find(Oid dboid, const char *kind, int32 object_id, int worker_no);
extern DpSlot *dp_slot_make(Oid dboid, const DpJob *job);
extern void dp_slot_set_state(DpSlot *slot, DpJobState state, const char *reason, const char *hint);
extern void dp_slot_forget_database(Oid dboid);
extern int	dp_slot_running(void);
extern bool dp_slot_any_running(Oid dboid);
extern bool dp_slot_matches(const DpSlot *slot, Oid dboid, const char *kind, int32 object_id);
extern void dp_process_launched(DpProcess *proc);
extern void dp_process_ask_stop(DpProcess *proc);
extern void dp_process_insist_stop(DpProcess *proc);
extern void dp_process_ask_look(DpProcess *proc);
extern bool dp_process_is_lost(const DpProcess *proc, TimestampTz now);
extern TimestampTz dp_backoff(int failures, TimestampTz now);
extern bool dp_held(Oid dboid, const char *kind, int32 object_id);

/* worker.c */
extern void dp_worker_signals(void);
extern void dp_worker_session(const char *application_name);
extern bool dp_worker_asked_to_stop(void);
extern void dp_worker_reload(void);

/* kind.c */
extern List *dp_job_kinds(void);
extern const DpJobKind *dp_job_kind_find(const char *name);

/* request.c */
extern void dp_request_init(void);
extern bool dp_hold_database(Oid dboid, int timeout_ms);
extern void dp_launcher_wake(void);

/* utility.c */
extern void dp_utility_init(void);

/* maintenance.c */
extern void dp_maintenance_init(void);

/* probe.c */
extern void dp_probe_init(void);

#endif							/* DP_SLOT_H */
