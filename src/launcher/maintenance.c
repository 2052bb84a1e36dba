/*-------------------------------------------------------------------------
 *
 * maintenance.c
 *	  The maintenance worker: chores at intervals, one transaction each.
 *
 * A chore that fails is reported and tried again at its next turn; it never
 * keeps the other chores from theirs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "launcher/slot.h"

/* The longest sleep; a newly due chore is never later than this. */
#define LOOK_EVERY_MS	10000

typedef struct Chore
{
	const char *name;
	int			interval_s;
	void		(*run) (void);
	TimestampTz due_at;			/* 0: at once */
	bool		failing;
	char		error[DP_JOB_REASON_LEN];
} Chore;

static List *chores = NIL;

void
dp_maintenance_register(const char *name, int interval_s, void (*run) (void))
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	Chore	   *chore = palloc0(sizeof(Chore));

	chore->name = name;
	chore->interval_s = interval_s;
	chore->run = run;
	chores = lappend(chores, chore);
	MemoryContextSwitchTo(old);
}

/* One chore, in a transaction of its own. */
static void
chore_run(Chore *chore)
{
	MemoryContext caller = CurrentMemoryContext;

	pgstat_report_activity(STATE_RUNNING, chore->name);
	PG_TRY();
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		chore->run();
		PopActiveSnapshot();
		CommitTransactionCommand();
		MemoryContextSwitchTo(caller);
		chore->failing = false;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		if (dp_job_stop_requested())
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		edata = CopyErrorData();
		EmitErrorReport();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(caller);
		dp_job_report_error(unpack_sql_state(edata->sqlerrcode), edata->message);
		snprintf(chore->error, sizeof(chore->error), "chore \"%s\" failed: %s",
				 chore->name, edata->message);
		chore->failing = true;
		FreeErrorData(edata);
	}
	PG_END_TRY();
	chore->due_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
												(int64) chore->interval_s * 1000);
}

/* Say how the chores are doing, the first failing one first. */
static void
report_chores(void)
{
	ListCell   *lc;

	foreach(lc, chores)
	{
		Chore	   *chore = lfirst(lc);

		if (chore->failing)
		{
			dp_job_report(DP_STATE_RETRYING, chore->error,
						  "It is tried again at its next turn; the server log has the full error.");
			return;
		}
	}
	dp_job_report(DP_STATE_IDLE, NULL, NULL);
}

static void
maintenance_main(const DpJob *job)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "dataplat chores",
												  ALLOCSET_DEFAULT_SIZES);

	while (!dp_job_stop_requested())
	{
		long		sleep_ms = LOOK_EVERY_MS;
		ListCell   *lc;

		MemoryContextReset(context);
		MemoryContextSwitchTo(context);
		foreach(lc, chores)
		{
			Chore	   *chore = lfirst(lc);

			if (dp_job_stop_requested())
				return;
			if (chore->due_at <= GetCurrentTimestamp())
				chore_run(chore);
			sleep_ms = Min(sleep_ms, 1 + TimestampDifferenceMilliseconds(GetCurrentTimestamp(), chore->due_at));
		}
		report_chores();
		dp_job_healthy();
		(void) dp_job_wait(sleep_ms);

		/* A wake means: do everything now. */
		if (dp_job_config_changed())
		{
			foreach(lc, chores)
				((Chore *) lfirst(lc))->due_at = 0;
		}
	}
}

static List *
maintenance_wanted(void)
{
	DpJob	   *job;

	if (chores == NIL)
		return NIL;
	job = palloc0(sizeof(DpJob));
	strlcpy(job->object, "maintenance", sizeof(job->object));
	job->workers = 1;
	job->owner = BOOTSTRAP_SUPERUSERID;
	return list_make1(job);
}

static const DpJobKind maintenance_kind = {
	.name = "maintenance",
	.bgw_type = "dataplat maintenance worker",
	.wanted = maintenance_wanted,
	.main = maintenance_main,
};

void
dp_maintenance_init(void)
{
	dp_job_kind_register(&maintenance_kind);
}

/* ---- from SQL ---- */

PG_FUNCTION_INFO_V1(dp_run_chore);
extern PGDLLEXPORT Datum dp_run_chore(PG_FUNCTION_ARGS);

/* Do one chore now, in the caller's transaction. */
Datum
dp_run_chore(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	StringInfoData known;
	ListCell   *lc;

	initStringInfo(&known);
	foreach(lc, chores)
	{
		Chore	   *chore = lfirst(lc);

		if (strcmp(chore->name, name) == 0)
		{
			chore->run();
			PG_RETURN_VOID();
		}
		appendStringInfo(&known, "%s%s", known.len ? ", " : "", chore->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("maintenance chore \"%s\" does not exist", name),
			 errhint("There are: %s.", known.len ? known.data : "none")));
}
