/*-------------------------------------------------------------------------
 *
 * suspect.c
 *	  What to do about the message that an earlier worker died on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "ingest/breadcrumb.h"
#include "ingest/worker.h"

/* Crashes in the same place that make a message poison. */
#define DP_POISON_CRASHES 2

/* After a crash on one message this many are taken one by one. */
#define DP_SUSPECTS_AFTER_ONE 1000

/*
 * Count what the earlier incarnation died on.  A message that ended its
 * worker twice while it was decoded is poison.  When storing did it, the
 * messages are taken one by one, so that the next crash names one.
 */
int64
dp_read_breadcrumb(const DpJob *job)
{
	DpCrumb		crumb;
	Oid			types[5] = {TEXTOID, TEXTOID, INT4OID, INT8OID, TEXTOID};
	Datum		values[5];
	const char *source = job->object;
	int64		suspects = 0;
	bool		found = dp_breadcrumb_open(MyDatabaseId, job->object_id,
										   job->worker_no, &crumb);

	values[0] = CStringGetTextDatum(source);
	if (found)
	{
		const char *stage = crumb.stage == DP_CRUMB_DECODE ? "decode" :
			crumb.count == 1 ? "insert" : "insert_batch";

		values[1] = CStringGetTextDatum(crumb.topic);
		values[2] = Int32GetDatum(crumb.partition);
		values[3] = Int64GetDatum(crumb.offset);
		values[4] = CStringGetTextDatum(stage);
		dp_run_update("INSERT INTO dataplat_internal.crash_suspect AS c (source, topic, partition, message_offset, stage)"
				   " SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT 1 FROM dataplat.source AS s WHERE s.name = $1)"
				   " ON CONFLICT (source, topic, partition, message_offset, stage) DO UPDATE"
				   " SET crashes = c.crashes + 1, last_at = pg_catalog.now()", 5, types, values);
		ereport(LOG,
				(errmsg("source \"%s\": an earlier worker ended while it was busy with topic \"%s\" partition %d offset " INT64_FORMAT " (%s)",
						source, crumb.topic, crumb.partition, crumb.offset, stage)));
	}
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	values[1] = Int32GetDatum(DP_POISON_CRASHES);
	types[1] = INT4OID;
	SPI_execute_with_args("SELECT c.topic, c.partition, c.message_offset, c.stage FROM dataplat_internal.crash_suspect AS c"
						  " WHERE c.source = $1 AND c.crashes >= $2", 2, types, values, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		char	   *stage = SPI_getvalue(row, desc, 4);

		if (strcmp(stage, "insert_batch") == 0)
		{
			/* only the batch that did it last time is taken apart */
			if (found && crumb.stage == DP_CRUMB_INSERT && crumb.count > 1)
				suspects = crumb.count;
			continue;
		}
		dp_breadcrumb_add_poison(SPI_getvalue(row, desc, 1),
								 DatumGetInt32(SPI_getbinval(row, desc, 2, &isnull)),
								 DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull)));
	}
	/* a single message that killed us while it was stored may do so again */
	if (found && crumb.stage == DP_CRUMB_INSERT && crumb.count == 1)
		suspects = Max(suspects, DP_SUSPECTS_AFTER_ONE);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return suspects;
}
