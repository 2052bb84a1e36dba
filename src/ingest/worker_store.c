/*-------------------------------------------------------------------------
 *
 * worker_store.c
 *	  The worker's loop stores a batch: what to do with each outcome.
 *
 * store.c says how a try ended; here it is tried again, the source is paused
 * or stopped, or the loop is told to begin anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "common/inject.h"
#include "ingest/store.h"
#include "ingest/worker.h"
#include "ingest/worker_int.h"
#include "telemetry/partition_stats.h"

/* Waits between tries to store a batch that the server refused, milliseconds. */
#define DP_STORE_RETRY_MIN_MS 200
#define DP_STORE_RETRY_MAX_MS 10000

/* Pause the source itself: this worker and its siblings leave. */
static void
pause_for_budget(DpLoop *loop, const char *reason)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];

	values[0] = CStringGetTextDatum(loop->in->source->name);
	values[1] = CStringGetTextDatum(reason);
	dp_run_update("WITH paused AS (UPDATE dataplat.source AS s SET paused = true, pause_reason = $2,"
			   " paused_by = 'error budget', paused_at = pg_catalog.now() WHERE s.name = $1 AND NOT s.paused"
			   " RETURNING s.name)"
			   " INSERT INTO dataplat.source_event (source, kind, detail)"
			   " SELECT p.name, 'pause', pg_catalog.jsonb_build_object('reason', $2, 'by', 'error budget')"
			   " FROM paused AS p", 2, types, values);
	ereport(WARNING,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("source \"%s\" is paused: %s", loop->in->source->name, reason),
			 errhint("Look at dataplat.dead_letter_summary, mend the cause, then resume_source().")));
	dp_job_report(DP_STATE_PAUSED, reason, "Look at dataplat.dead_letter_summary, mend the cause, then resume_source().");
	loop->leave = true;
}

/*
 * Rules with action fail have stopped the batch.  It would fail again, so the
 * source is paused until somebody has decided; the results are kept.
 */
static void
pause_for_rules(DpLoop *loop, const DpStore *store)
{
	static const char *const hint = "Mend the messages where they come from and seek past them, or let the rules drop or quarantine rows with alter_expectation(); then resume_source().";
	const char *name = loop->in->source->name;
	Oid			types[5] = {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID};
	Datum		values[5];

	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(store->message);
	values[2] = CStringGetTextDatum(store->rules_failed.dataset);
	values[3] = TimestampTzGetDatum(store->rules_failed.started_at);
	values[4] = CStringGetTextDatum(store->rules_failed.results);
	dp_run_update("SELECT dataplat_internal.pause_for_rules($1, $2, $3, $4, $5::pg_catalog.jsonb)", 5, types, values);
	ereport(WARNING,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("source \"%s\" is paused: rows break rules of its table", name),
			 errdetail("%s", store->message),
			 errhint("%s", hint)));
	dp_job_report_error(store->sqlstate, store->message);
	dp_job_report(DP_STATE_PAUSED, store->message, hint);
	loop->leave = true;
}

static void
record_failure(DpIngest *in, const char *sqlstate, const char *reason, const char *hint)
{
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[4];

	values[0] = CStringGetTextDatum(in->source->name);
	values[1] = CStringGetTextDatum(sqlstate);
	values[2] = CStringGetTextDatum(reason);
	values[3] = CStringGetTextDatum(hint);
	dp_run_update("INSERT INTO dataplat_internal.source_failure (source, sqlstate, reason, hint)"
			   " VALUES ($1, $2, $3, $4) ON CONFLICT (source) DO UPDATE"
			   " SET sqlstate = EXCLUDED.sqlstate, reason = EXCLUDED.reason, hint = EXCLUDED.hint,"
			   " since = pg_catalog.now()", 4, types, values);
}

/*-------------------------------------------------------------------------
 * Storing
 *-------------------------------------------------------------------------
 */
static void
make_partition(DpIngest *in)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];

	values[0] = CStringGetTextDatum(in->source->target_name);
	dp_run_update("SELECT dataplat_internal.ensure_partitions($1)", 1, types, values);
}

/* Wait between two tries; false when we should leave or start over. */
static bool
wait_before_retry(DpLoop *loop, int *wait_ms)
{
	dp_job_wait(*wait_ms);
	*wait_ms = Min(*wait_ms * 2, DP_STORE_RETRY_MAX_MS);
	if (dp_job_stop_requested())
		loop->leave = true;
	else if (dp_job_config_changed())
		loop->reopen = true;
	return !loop->leave && !loop->reopen;
}

static void
note_stored(DpLoop *loop, DpStore *store)
{
	DpIngest   *in = loop->in;
	DpBatch    *batch = in->batch;
	int64		errors = batch->nfailures;
	char	   *why;

	if (loop->suspect_left > 0)
		loop->suspect_left -= batch->nrecords;
	for (int i = 0; i < in->nparts; i++)
	{
		DpPartition *p = &in->parts[i];

		p->next_offset = batch->parts[i].next;
		if (batch->parts[i].duplicate_keys > 0)
			dp_partition_stats_add_duplicates(p->stats, batch->parts[i].duplicate_keys);
		if (dp_batch_newest(batch, i, &p->newest) && !p->sentinel)
			p->anchor = p->newest;
	}
	dp_budget_add(&loop->budget, batch->nrecords, errors);
	pgstat_report_stat(false);
	dp_job_healthy();
	why = errors > 0 ? dp_budget_exceeded(&loop->budget, in->source, 0, 0) : NULL;
	dp_batch_reset(batch, store->next_batch_id);
	if (why)
		pause_for_budget(loop, why);
}

/* on_error stop: the first bad message ends the batch before it. */
static bool
stop_at_failure(DpLoop *loop)
{
	DpIngest   *in = loop->in;
	DpBatch    *batch = in->batch;
	DpFailure  *f = &batch->failures[0];
	DpRecord   *r = &batch->records[f->record];
	const DpTopicPartition *tp = dp_decoder_partition(batch->decoder, r->tp);
	char	   *reason = psprintf("topic \"%s\" partition %d offset " INT64_FORMAT ": %s",
								  tp->topic, tp->partition, r->offset, f->error.message);

	record_failure(in, f->error.sqlstate, reason,
				   "Mend the message's cause or set on_error to dead_letter, then resume_source().");
	dp_job_fail(reason, "Mend the message's cause or set on_error to dead_letter, then resume_source().");
	return false;
}

/* Commit the batch, however long the server needs. */
void
dp_worker_store(DpLoop *loop)
{
	DpIngest   *in = loop->in;
	DpStore		store = {0};
	int		   *generations = palloc(sizeof(int) * Max(in->nparts, 1));
	int			wait_ms = DP_STORE_RETRY_MIN_MS;

	if (in->source->on_error == DP_ON_ERROR_STOP && in->batch->nfailures > 0 &&
		in->batch->failures[0].record == 0)
		stop_at_failure(loop);
	for (int i = 0; i < in->nparts; i++)
	{
		generations[i] = in->parts[i].generation;
		if (in->parts[i].sentinel)
			in->batch->anchors[i] = in->parts[i].anchor;
		else
			(void) dp_batch_newest(in->batch, i, &in->batch->anchors[i]);
	}
	store.source = in->source;
	store.batch = in->batch;
	store.owner_epoch = in->owner_epoch;
	store.kind = "live";
	store.generations = generations;
	DP_INJECT("k3");
	for (;;)
	{
		switch (dp_store_batch(&store))
		{
			case DP_STORE_DONE:
				note_stored(loop, &store);
				pfree(generations);
				return;
			case DP_STORE_FENCED:
				loop->reopen = true;
				return;
			case DP_STORE_NO_PARTITION:
				make_partition(in);
				/* a table of another kind waits for somebody to make it */
				if (wait_ms > DP_STORE_RETRY_MIN_MS)
					dp_job_report(DP_STATE_RETRYING, psprintf("table \"%s\" has no partition for these rows", in->source->target_name),
								  "Make one, or a default partition; the batch is kept and tried again.");
				if (!wait_before_retry(loop, &wait_ms))
					return;
				break;
			case DP_STORE_RULES_FAILED:
				pause_for_rules(loop, &store);
				return;
			case DP_STORE_TARGET_ERROR:
				dp_job_report_error(store.sqlstate, store.message);
				record_failure(in, store.sqlstate, store.message,
							   "Bring the target back into shape, then resume_source(); no message is lost meanwhile.");
				dp_job_fail(store.message, "Bring the target back into shape, then resume_source(); no message is lost meanwhile.");
				return;
			case DP_STORE_SERVER_ERROR:
				dp_job_report_error(store.sqlstate, store.message);
				if (strcmp(store.sqlstate, "55P03") == 0)
					dp_job_report(DP_STATE_BLOCKED_LOCK, "the target is locked by another session",
								  "See pg_blocking_pids() of the worker; the batch is kept and tried again.");
				else
					dp_job_report(DP_STATE_RETRYING, store.message, "The batch is kept and tried again.");
				if (wait_ms == DP_STORE_RETRY_MIN_MS)
					ereport(LOG,
							(errmsg("source \"%s\" could not store a batch and will try again: %s",
									in->source->name, store.message)));
				if (!wait_before_retry(loop, &wait_ms))
					return;
				break;
		}
	}
}
