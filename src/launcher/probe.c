/*-------------------------------------------------------------------------
 *
 * probe.c
 *	  A job kind for tests, which does what a table tells it to.
 *
 * Only in a build with -DDATAPLAT_INJECTION.  The table is public.probe_job
 * (id int, name text, behaviour text); behaviours are below.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef DATAPLAT_INJECTION

#include <signal.h>

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "launcher/slot.h"

static List *
probe_wanted(void)
{
	List	   *jobs = NIL;
	MemoryContext caller = CurrentMemoryContext;

	SPI_connect();
	SPI_execute("SELECT 1 FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass('public.probe_job')",
				true, 0);
	if (SPI_processed == 1)
	{
		SPI_execute("SELECT id, name FROM public.probe_job ORDER BY id", true, 0);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			HeapTuple	tuple = SPI_tuptable->vals[i];
			MemoryContext old = MemoryContextSwitchTo(caller);
			DpJob	   *job = palloc0(sizeof(DpJob));

			job->object_id = pg_strtoint32(SPI_getvalue(tuple, SPI_tuptable->tupdesc, 1));
			strlcpy(job->object, SPI_getvalue(tuple, SPI_tuptable->tupdesc, 2),
					sizeof(job->object));
			job->workers = 1;
			job->owner = BOOTSTRAP_SUPERUSERID;
			jobs = lappend(jobs, job);
			MemoryContextSwitchTo(old);
		}
	}
	SPI_finish();
	return jobs;
}

/* Read what to do now. */
static void
read_behaviour(int32 id, char *behaviour, Size size)
{
	char	   *query = psprintf("SELECT behaviour FROM public.probe_job WHERE id = %d", id);

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	SPI_execute(query, true, 0);
	strlcpy(behaviour, SPI_processed == 1 ?
			SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : "return",
			size);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

static void
probe_main(const DpJob *job)
{
	char		behaviour[64];

	while (!dp_job_stop_requested())
	{
		read_behaviour(job->object_id, behaviour, sizeof(behaviour));
		if (strcmp(behaviour, "return") == 0)
			return;
		else if (strcmp(behaviour, "error") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DISK_FULL),
					 errmsg("probe \"%s\" was told to fail", job->object)));
		else if (strcmp(behaviour, "fail") == 0)
			dp_job_fail("probe was told to give up", "Tell it something else.");
		else if (strcmp(behaviour, "segv") == 0)
			raise(SIGSEGV);
		else if (strcmp(behaviour, "busy") == 0)
		{
			/* A batch that holds locks and looks at nothing for long. */
			StartTransactionCommand();
			PushActiveSnapshot(GetTransactionSnapshot());
			dp_job_report(DP_STATE_RUNNING, "busy", NULL);
			SPI_connect();
			SPI_execute("SELECT pg_catalog.pg_sleep(600) FROM public.probe_job", false, 0);
			SPI_finish();
			PopActiveSnapshot();
			CommitTransactionCommand();
		}
		dp_job_report(DP_STATE_IDLE, NULL, NULL);
		dp_job_healthy();
		dp_job_wait(60000);
		(void) dp_job_config_changed();
	}
}

static const DpJobKind probe_kind = {
	.name = "probe",
	.bgw_type = "dataplat probe worker",
	.wanted = probe_wanted,
	.main = probe_main,
};

void
dp_probe_init(void)
{
	dp_job_kind_register(&probe_kind);
}

#endif							/* DATAPLAT_INJECTION */
