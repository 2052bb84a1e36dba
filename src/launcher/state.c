/*-------------------------------------------------------------------------
 *
 * state.c
 *	  Show the slots: dataplat_internal.job_state() and scheduler_state().
 *
 * Rows are copied under the lock and formed after it, so that a reader never
 * keeps a worker from reporting.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "launcher/slot.h"

PG_FUNCTION_INFO_V1(dp_job_state);
PG_FUNCTION_INFO_V1(dp_scheduler_state);
PG_FUNCTION_INFO_V1(dp_job_kind_list);

extern PGDLLEXPORT Datum dp_job_state(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_scheduler_state(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_job_kind_list(PG_FUNCTION_ARGS);

/* One row being filled from left to right. */
#define MAX_COLUMNS 16

typedef struct Row
{
	int			n;
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];
} Row;

static void
row_add(Row *row, Datum value, bool isnull)
{
	Assert(row->n < MAX_COLUMNS);
	row->values[row->n] = value;
	row->nulls[row->n++] = isnull;
}

static void
row_add_text(Row *row, const char *value)
{
	if (value[0] == '\0')
		row_add(row, (Datum) 0, true);
	else
		row_add(row, CStringGetTextDatum(value), false);
}

static void
row_add_time(Row *row, TimestampTz value)
{
	row_add(row, TimestampTzGetDatum(value), value == 0);
}

static void
row_put(Row *row, ReturnSetInfo *rsinfo)
{
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row->values, row->nulls);
}

/* This database's slots, copied. */
static DpSlot *
copy_slots(int *n)
{
	DpSlot	   *copy = palloc(sizeof(DpSlot) * dp_launcher_shmem->nslots);

	*n = 0;
	LWLockAcquire(dp_slot_lock, LW_SHARED);
	for (int i = 0; i < dp_launcher_shmem->nslots; i++)
	{
		if (dp_slot_matches(&dp_launcher_shmem->slots[i], MyDatabaseId, NULL, 0))
			copy[(*n)++] = dp_launcher_shmem->slots[i];
	}
	LWLockRelease(dp_slot_lock);
	return copy;
}

Datum
dp_job_state(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	DpSlot	   *slots;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	if (dp_launcher_shmem == NULL)
		return (Datum) 0;
	slots = copy_slots(&n);
	for (int i = 0; i < n; i++)
	{
		const DpSlot *slot = &slots[i];
		Row			row = {0};

		row_add_text(&row, slot->job.kind);
		row_add(&row, Int32GetDatum(slot->job.object_id), false);
		row_add_text(&row, slot->job.object);
		row_add(&row, Int32GetDatum(slot->job.worker_no), false);
		row_add(&row, Int32GetDatum((int32) slot->proc.pid), slot->proc.pid == 0);
		row_add_text(&row, dp_state_name(slot->state));
		row_add_text(&row, slot->reason);
		row_add_text(&row, slot->hint);
		row_add_time(&row, slot->since);
		row_add_text(&row, slot->last_error);
		row_add_text(&row, slot->last_sqlstate);
		row_add_time(&row, slot->last_error_at);
		row_add_time(&row, slot->next_retry_at);
		row_add(&row, Int32GetDatum(slot->restarts), false);
		row_add_time(&row, slot->proc.started_at);
		row_add(&row, BoolGetDatum(slot->wanted), false);
		row_put(&row, rsinfo);
	}
	return (Datum) 0;
}

Datum
dp_scheduler_state(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	DpDatabase	copy;
	DpDatabase *db;
	pid_t		launcher_pid;
	Row			row = {0};

	InitMaterializedSRF(fcinfo, 0);
	if (dp_launcher_shmem == NULL)
		return (Datum) 0;

	memset(&copy, 0, sizeof(copy));
	LWLockAcquire(dp_slot_lock, LW_SHARED);
	launcher_pid = dp_launcher_shmem->launcher_pid;
	db = dp_database_find(MyDatabaseId);
	if (db != NULL)
		copy = *db;
	LWLockRelease(dp_slot_lock);

	row_add(&row, Int32GetDatum((int32) launcher_pid), launcher_pid == 0);
	row_add(&row, Int32GetDatum((int32) copy.proc.pid), copy.proc.pid == 0);
	row_add_text(&row, db ? dp_state_name(copy.state) : "");
	row_add_text(&row, copy.reason);
	row_add_text(&row, copy.hint);
	row_add_time(&row, copy.since);
	row_put(&row, rsinfo);
	return (Datum) 0;
}

Datum
dp_job_kind_list(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, dp_job_kinds())
	{
		const DpJobKind *kind = lfirst(lc);
		Row			row = {0};

		row_add_text(&row, kind->name);
		row_add_text(&row, kind->bgw_type);
		row_put(&row, rsinfo);
	}
	return (Datum) 0;
}
