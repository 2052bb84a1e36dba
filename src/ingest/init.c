/*-------------------------------------------------------------------------
 *
 * init.c
 *	  What the ingest room brings to the server: settings and its job kind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "catalog/catalog.h"
#include "ingest/brakes.h"
#include "ingest/ingest.h"
#include "ingest/schemas.h"
#include "ingest/worker.h"
#include "launcher/launcher.h"

int			dp_fetch_memory = 256 * 1024;
int			dp_batch_max_rows = 50000;
int			dp_batch_max_bytes = 16 * 1024;
int			dp_max_message_bytes = 16 * 1024;
int			dp_max_json_depth = 512;
int			dp_max_json_exponent = 1000;
double		dp_max_error_ratio = 0.9;
int			dp_metadata_interval = 30;

/* In the scheduler: n workers for each source that is not held back. */
static List *
wanted_ingest_jobs(void)
{
	List	   *jobs = NIL;
	MemoryContext context = CurrentMemoryContext;

	SPI_connect();
	SPI_execute("SELECT s.source_id, s.name, s.workers, s.owner::pg_catalog.text"
				" FROM dataplat.source AS s WHERE NOT s.paused AND NOT EXISTS"
				" (SELECT 1 FROM dataplat_internal.source_failure AS f WHERE f.source = s.name"
				" AND (f.install_uuid IS NULL OR f.install_uuid IN"
				" (SELECT i.install_uuid::pg_catalog.text FROM dataplat_internal.installation AS i)))"
				" ORDER BY s.source_id", true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		int			workers = DatumGetInt32(SPI_getbinval(row, desc, 3, &isnull));

		for (int w = 0; w < workers; w++)
		{
			MemoryContext old = MemoryContextSwitchTo(context);
			DpJob	   *job = palloc0(sizeof(DpJob));

			strlcpy(job->kind, "ingest", sizeof(job->kind));
			job->object_id = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
			strlcpy(job->object, SPI_getvalue(row, desc, 2), sizeof(job->object));
			job->worker_no = w;
			job->workers = workers;
			job->owner = get_role_oid(SPI_getvalue(row, desc, 4), true);
			jobs = lappend(jobs, job);
			MemoryContextSwitchTo(old);
		}
	}
	SPI_finish();
	return jobs;
}

static const DpJobKind ingest_kind = {
	.name = "ingest",
	.bgw_type = "dataplat ingest worker",
	.wanted = wanted_ingest_jobs,
	.main = dp_ingest_worker_main,
	.runs_when_fenced = false
};

void
dp_ingest_init(void)
{
	DefineCustomIntVariable("dataplat.fetch_memory",
							"Memory for messages that are fetched and not yet stored, for each ingest worker.",
							"Small messages cost the library twice their size; see docs/operations.md.",
							&dp_fetch_memory, 256 * 1024, 16 * 1024, 64 * 1024 * 1024,
							PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.batch_max_rows",
							"Most messages of one ingest transaction.", NULL,
							&dp_batch_max_rows, 50000, 1, 1000000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.batch_max_bytes",
							"Most payload of one ingest transaction.", NULL,
							&dp_batch_max_bytes, 16 * 1024, 1, 1024 * 1024,
							PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.max_message_bytes",
							"Larger messages go to the dead letters with their first 64 kB.", NULL,
							&dp_max_message_bytes, 16 * 1024, 1, 512 * 1024,
							PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.max_json_depth",
							"Deeper nested JSON goes to the dead letters.", NULL,
							&dp_max_json_depth, 512, 1, 4096,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.max_json_exponent",
							"JSON numbers with a larger exponent go to the dead letters.", NULL,
							&dp_max_json_exponent, 1000, 1, 100000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("dataplat.max_error_ratio",
							 "Share of failed messages that pauses a source without a limit of its own.",
							 "Looks at the last 1,000 to 10,000 messages; 1 never pauses.",
							 &dp_max_error_ratio, 0.9, 0.0, 1.0,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.metadata_interval",
							"How often topics and offsets are compared with the broker.", NULL,
							&dp_metadata_interval, 30, 1, 3600,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.schema_wait",
							"How long messages wait for a schema that the registry does not know.",
							"Then they go to the dead letters. While the registry does not answer they wait without limit.",
							&dp_schema_wait, 60, 0, 24 * 3600,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	dp_brakes_init();
	dp_job_kind_register(&ingest_kind);
	dp_maintenance_register("catalog", DP_CATALOG_REFRESH_S, dp_catalog_refresh);
}
