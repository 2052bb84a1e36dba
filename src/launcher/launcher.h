/*-------------------------------------------------------------------------
 *
 * launcher.h
 *	  Who runs what, and when: the interface that other rooms use.
 *
 * A room that has background work registers a job kind.  The scheduler of
 * each database asks the kind which jobs should be running now, and starts
 * and stops workers until that is so.  A job's state lives in shared memory
 * and outlasts its worker.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_LAUNCHER_H
#define DP_LAUNCHER_H

#include "common/compat.h"
#include "nodes/pg_list.h"

#define DP_JOB_KIND_LEN		32
#define DP_JOB_REASON_LEN	256
#define DP_JOB_ERROR_LEN	512

/* One worker's share of one object: source 7, worker 0 of 2. */
typedef struct DpJob
{
	char		kind[DP_JOB_KIND_LEN];
	int32		object_id;
	char		object[NAMEDATALEN];	/* for display only */
	int			worker_no;
	int			workers;
	Oid			owner;			/* whom the work is for; the worker itself
								 * connects as the bootstrap superuser */
} DpJob;

typedef struct DpJobKind
{
	const char *name;
	const char *bgw_type;		/* backend_type in pg_stat_activity */

	/*
	 * In the scheduler, inside a transaction, as superuser: the palloc'd
	 * DpJobs that should be running now.  Leave out what is paused.
	 */
	List	   *(*wanted) (void);

	/*
	 * In the worker: connected, search_path empty, no transaction open.
	 * Returning is a clean end; the job starts again while it is wanted. An
	 * error is a failure, recorded and retried with backoff.
	 */
	void		(*main) (const DpJob *job);

	/* Also run in a database that is a copy and was not adopted? */
	bool		runs_when_fenced;
} DpJobKind;

/* The words of dataplat_internal.job_state().state, in this order. */
typedef enum DpJobState
{
	DP_STATE_STARTING,
	DP_STATE_RUNNING,
	DP_STATE_CATCHING_UP,
	DP_STATE_IDLE,
	DP_STATE_RETRYING,
	DP_STATE_PAUSED,
	DP_STATE_BLOCKED_LOCK,
	DP_STATE_WAITING_SLOT,
	DP_STATE_WAITING_LSO,
	DP_STATE_SUSPECT,
	DP_STATE_DATA_LOSS,
	DP_STATE_FENCED,
	DP_STATE_FAILED
} DpJobState;

/* GUC: how long a worker waits for a lock before it says blocked_lock. */
extern int	dp_worker_lock_timeout;

/* ---- for _PG_init ---- */
extern void dp_launcher_init(void);

/* "kind" must stay valid for the life of the process. */
extern void dp_job_kind_register(const DpJobKind *kind);

/*
 * A chore of the maintenance worker: every interval_s seconds, in a
 * transaction of its own; an error is reported and disturbs no other chore.
 */
extern void dp_maintenance_register(const char *name, int interval_s,
									void (*run) (void));

/* ---- inside a worker ---- */

/* Publish the state; reason and hint may be NULL.  Cheap when unchanged. */
extern void dp_job_report(DpJobState state, const char *reason, const char *hint);
extern void dp_job_report_error(const char *sqlstate, const char *message);

/* Asked to leave?  Look at each batch edge and in each wait. */
extern bool dp_job_stop_requested(void);

/* True once after each wake of this job or SIGHUP (which it also applies). */
extern bool dp_job_config_changed(void);

/* After real progress: 60 seconds of health forgive earlier failures. */
extern void dp_job_healthy(void);

/* Leave for good, state failed, until someone wakes the job.  No return. */
pg_noreturn extern void dp_job_fail(const char *reason, const char *hint);

/*
 * Wait on the worker's latch, for a wake, a stop request or the timeout.
 * Outside transactions only.  True when the latch was set.
 */
extern bool dp_job_wait(long timeout_ms);

/* ---- in any session; these act when the transaction commits ---- */

/* Start or re-read: clears failed and backoff, tells a running worker. */
extern void dp_job_wake(const char *kind, int32 object_id);

/* Ask the workers to leave; they start again while they are wanted. */
extern void dp_job_stop(const char *kind, int32 object_id);

/* Let this database's scheduler look at what is wanted now. */
extern void dp_scheduler_wake(void);

/* ---- in any session; these act at once ---- */

/* True when no worker of the job runs any more (kind NULL: no worker). */
extern bool dp_jobs_wait_stopped(const char *kind, int32 object_id, int timeout_ms);

/*
 * Stop the job's workers now and keep them from starting until this
 * transaction ends, either way.  False when they were not gone in time;
 * the hold stays.
 */
extern bool dp_jobs_hold(const char *kind, int32 object_id, int timeout_ms);

/* An error with the shared_preload_libraries line, when workers cannot run. */
extern void dp_require_preload(void);

#endif							/* DP_LAUNCHER_H */
