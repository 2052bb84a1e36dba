/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The ingest worker: poll, decode, store, again.
 *
 * States: starting -> catching_up <-> running <-> idle, and besides them
 * retrying (broker or server in trouble), paused (a brake), blocked_lock,
 * waiting_lso, suspect (after a crash), data_loss, failed.
 *
 * Example of a busy source:  poll 1000, poll 1000, ... full -> store ->
 * poll ...  Of a quiet one:  wait -> poll 3 -> poll 0 -> store -> wait.
 *
 * Only dp_store_batch and the checks in assign.c touch the database, and only
 * they hold a transaction; the loop waits on the latch and on the consumer's
 * pipe, outside of any.  What survives a crash is what was committed: the
 * next incarnation starts from the offset rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "common/hostguard.h"
#include "common/inject.h"
#include "ingest/breadcrumb.h"
#include "ingest/budget.h"
#include "ingest/hold.h"
#include "ingest/ingest.h"
#include "ingest/schemas.h"
#include "ingest/store.h"
#include "ingest/worker.h"
#include "ingest/worker_int.h"
#include "kafka/errors.h"
#include "launcher/launcher.h"
#include "telemetry/partition_stats.h"

/* How often things are looked at that are not messages, milliseconds. */
#define DP_REPORT_INTERVAL_MS 1000
#define DP_IDLE_REPORT_INTERVAL_MS 5000
#define DP_VERIFY_RETRY_MS 2000

/* An idle source reports this often, so that a second reader is found. */
#define DP_BEACON_INTERVAL_MS 60000

/* How large the first messages are taken to be; later ones as the last were. */
#define DP_FIRST_MEAN_BYTES (1024 * 1024)

/* A source that got nothing for this long is idle, milliseconds. */
#define DP_IDLE_AFTER_MS 10000

/* An end that stands still below the high watermark is worth a word after this, milliseconds. */
#ifdef DATAPLAT_INJECTION
#define DP_LSO_AFTER_MS 3000
#else
#define DP_LSO_AFTER_MS 30000
#endif

/* Further behind than this is catching_up, messages. */
#define DP_CATCHING_UP_LAG 10000

static int64
total_lag(DpIngest *in, int64 *unstable)
{
	int64		lag = 0;

	*unstable = 0;
	for (int i = 0; i < in->nparts; i++)
	{
		DpPartition *p = &in->parts[i];
		int64		next = in->batch->parts[i].next;
		int64		end = Max(p->high, p->stable);

		if (p->stopped || end < 0)
			continue;
		lag += Max(0, end - next);
		if (p->at_end && p->high > next)
			*unstable += p->high - next;
	}
	return lag;
}

static bool
any_waiting_lso(DpIngest *in, TimestampTz now)
{
	for (int i = 0; i < in->nparts; i++)
	{
		DpPartition *p = &in->parts[i];

		if (p->stopped || !p->at_end || p->high <= in->batch->parts[i].next)
			p->waiting_since = 0;
		else if (p->waiting_since == 0)
			p->waiting_since = now;
		else if (TimestampDifferenceExceeds(p->waiting_since, now, DP_LSO_AFTER_MS))
			return true;
	}
	return false;
}

/* Some partitions wait for a schema; the others go on. */
static void
report_hold(DpLoop *loop)
{
	DpIngest   *in = loop->in;
	DpSchemas  *schemas = dp_decoder_schemas(in->batch->decoder);
	DpPartition *p = &in->parts[dp_hold_first(in->hold)];
	char	   *what = psprintf("partition %d of topic \"%s\" waits for %s", p->partition, p->topic,
								schemas->waits_for ? schemas->waits_for : "a schema");

	if (schemas->locked)
		dp_job_report(DP_STATE_BLOCKED_LOCK, "the target is locked by another session, and a new schema wants to change it",
					  "See pg_blocking_pids() of the worker; it is tried again.");
	else if (loop->schema_problem)
		dp_job_report(DP_STATE_RETRYING, psprintf("%s: %s", what, loop->schema_problem),
					  "The registry is asked again; partitions whose schemas are known go on.");
	else
		dp_job_report(DP_STATE_RETRYING, what,
					  "When the registry does not know it within dataplat.schema_wait, the messages go to the dead letters.");
}

/* Say what we are doing.  Called about once a second and when it changes. */
static void
report_state(DpLoop *loop, TimestampTz now)
{
	DpIngest   *in = loop->in;
	int64		unstable;
	int64		lag = total_lag(in, &unstable);
	int			code = 0;
	const char *error = dp_kafka_client_error(dp_consumer_client(in->consumer), &code);
	const char *brake;

	if (error)
	{
		const DpKafkaErrorInfo *info = dp_kafka_error_info_for(code, error);
		const char *hint = dp_kafka_client_was_refused(dp_consumer_client(in->consumer))
			? DP_HOSTGUARD_HINT : info->hint;

		dp_job_report(DP_STATE_RETRYING, error, hint);
	}
	else if (in->nparts > 0 && in->nstopped == in->nparts)
		dp_job_report(DP_STATE_DATA_LOSS, "all partitions of this worker stand still after a suspected loss",
					  "See dataplat.data_loss_event; accept_data_loss() says how to go on.");
	else if ((brake = dp_ingest_brake_reason(in->source)) != NULL)
		dp_job_report(DP_STATE_PAUSED, brake, "Fetching goes on by itself when the reason is gone.");
	else if (in->hold && !dp_hold_is_empty(in->hold))
		report_hold(loop);
	else if (loop->suspect_left > 0)
		dp_job_report(DP_STATE_SUSPECT, "an earlier worker died while it stored messages; they are taken one by one", NULL);
	else if (any_waiting_lso(in, now))
		dp_job_report(DP_STATE_WAITING_LSO, "an open transaction of a producer holds back later messages",
					  "The broker ends it after transaction.timeout.ms; find the producer if it does not.");
	else if (lag - unstable > DP_CATCHING_UP_LAG)
		dp_job_report(DP_STATE_CATCHING_UP, NULL, NULL);
	else if (TimestampDifferenceExceeds(loop->last_message, now, DP_IDLE_AFTER_MS))
		dp_job_report(DP_STATE_IDLE, NULL, NULL);
	else
		dp_job_report(DP_STATE_RUNNING, NULL, NULL);
}

/*-------------------------------------------------------------------------
 * Notes in the catalog
 *-------------------------------------------------------------------------
 */
void
dp_run_update(const char *sql, int nargs, Oid *types, Datum *values)
{
	MemoryContext context = CurrentMemoryContext;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (SPI_execute_with_args(sql, nargs, types, values, NULL, false, 0) < 0)
		elog(ERROR, "could not run \"%s\"", sql);
	SPI_finish();
	dp_scheduler_wake();		/* at the commit: what it wants may have changed */
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

/* Another server with our identity is at work, and it began before us. */
static void
fence(DpLoop *loop)
{
	static const char *const reason = "another server with the same identity reads this source";
	static const char *const hint = "If this one is the copy: dataplat.adopt('fork'). If it is to go on: stop the other, then resume_source().";
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[4];

	values[0] = CStringGetTextDatum(loop->in->source->name);
	values[1] = CStringGetTextDatum(reason);
	values[2] = CStringGetTextDatum(hint);
	values[3] = CStringGetTextDatum(loop->in->install_uuid);
	dp_run_update("INSERT INTO dataplat_internal.source_failure (source, state, sqlstate, reason, hint, install_uuid)"
			   " VALUES ($1, 'fenced', '55000', $2, $3, $4) ON CONFLICT (source) DO NOTHING",
			   4, types, values);
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("source \"%s\" is fenced: %s", loop->in->source->name, reason),
			 errhint("%s", hint)));
	dp_job_report(DP_STATE_FENCED, reason, hint);
	loop->leave = true;
}

/* Publish watermarks and tell the group how far we are. */
static void
report_progress(DpLoop *loop)
{
	DpIngest   *in = loop->in;
	DpTopicPartition *tell = palloc(sizeof(DpTopicPartition) * Max(in->nparts, 1));
	int			n = 0;
	TimestampTz now = GetCurrentTimestamp();
	bool		beacon_due = TimestampDifferenceExceeds(loop->last_beacon, now, DP_BEACON_INTERVAL_MS);

	if (beacon_due)
		loop->last_beacon = now;
	for (int i = 0; i < in->nparts - in->nstopped; i++)
	{
		DpPartition *p = &in->parts[i];
		int64		low,
					high;

		dp_consumer_watermarks(in->consumer, i, &low, &high);
		if (low >= 0)
			p->low = Max(p->low, low);
		if (high >= 0)
			p->high = high;
		if (p->at_end)
			p->stable = in->batch->parts[i].next;
		dp_partition_stats_set(p->stats, p->low, p->high, p->stable, p->at_end);
		if ((p->reported != in->batch->parts[i].from || beacon_due) && !p->verify)
		{
			tell[n].topic = p->topic;
			tell[n].partition = p->partition;
			tell[n++].offset = in->batch->parts[i].from;
		}
	}
	if (n > 0)
	{
		bool		answered;

		/* before the group hears of new offsets: has it lost the old ones? */
		if (!dp_ingest_confirm(in, dp_job_stop_requested, &answered))
			loop->reopen = true;
		else if (answered)
		{
			DP_INJECT("k11");
			dp_consumer_report(in->consumer, tell, n, dp_beacon_text(in->install_uuid));
			for (int i = 0; i < in->nparts; i++)
				for (int t = 0; t < n; t++)
					if (tell[t].partition == in->parts[i].partition &&
						strcmp(tell[t].topic, in->parts[i].topic) == 0)
						in->parts[i].told = true;
			DP_INJECT("k12");
		}
	}
	pfree(tell);
	if (in->foreign)
		fence(loop);
}

/*-------------------------------------------------------------------------
 * Polling
 *-------------------------------------------------------------------------
 */

/* How many messages the rate limit lets through now. */
static int
rate_allowance(DpLoop *loop, int want)
{
	int			limit = loop->in->source->rate_limit;
	TimestampTz now;

	if (limit == 0)
		return want;
	now = GetCurrentTimestamp();
	loop->tokens += (double) (now - loop->tokens_at) / USECS_PER_SEC * limit;
	loop->tokens = Min(loop->tokens, (double) limit);
	loop->tokens_at = now;
	return Min(want, (int) loop->tokens);
}

static void
handle_error(DpLoop *loop, const DpRecord *r)
{
	const DpKafkaErrorInfo *info = dp_kafka_error_info(r->error);

	/* the position is gone, or the rights: look at everything again */
	dp_job_report(DP_STATE_RETRYING, info->reason, info->hint);
	if (info->class == DP_KAFKA_ERROR_POSITION)
		loop->reopen = true;
	else
		loop->trouble_since = GetCurrentTimestamp();
}

/* Into the batch, or behind those that wait for a schema. */
static void
take_message(DpLoop *loop, const DpRecord *r)
{
	DpIngest   *in = loop->in;
	DpBatch    *batch = in->batch;

	in->parts[r->tp].at_end = false;
	if (in->hold && dp_hold_has(in->hold, r->tp))
	{
		if (r->kind == DP_RECORD_MESSAGE)
			in->parts[r->tp].stable = Max(in->parts[r->tp].stable, r->offset + 1);
		dp_hold_add(in->hold, r);
		return;
	}
	batch->records[batch->nrecords] = *r;
	if (dp_batch_add(batch, batch->nrecords))
		batch->nrecords++;
	else
	{
		in->parts[r->tp].stable = Max(in->parts[r->tp].stable, r->offset + 1);
		dp_hold_add(in->hold, r);
		loop->tend_at = 0;
	}
}

/* Take in what was polled; events do not stay in the batch. */
static int
take_records(DpLoop *loop, int n)
{
	DpIngest   *in = loop->in;
	DpBatch    *batch = in->batch;
	int			first = batch->nrecords;

	for (int i = first; i < first + n; i++)
	{
		DpRecord	r = batch->records[i];
		bool		drop = r.kind != DP_RECORD_MESSAGE;

		if (r.kind == DP_RECORD_EOF)
		{
			DpPartition *p = &in->parts[r.tp];
			bool		waits = in->hold && dp_hold_has(in->hold, r.tp);

			/* behind what waits it is no end yet */
			p->at_end = !waits;
			drop = !waits;
			if (p->verify)
			{
				/* nothing stands where the anchor was */
				DpRecord	end = r;

				(void) dp_ingest_check_anchor(in, &end);
			}
			if (!p->stopped && !waits)
				dp_batch_note_eof(batch, r.tp, r.offset);
		}
		else if (r.kind == DP_RECORD_ERROR)
			handle_error(loop, &r);
		else if (in->parts[r.tp].stopped || loop->reopen)
			drop = true;
		else if (in->parts[r.tp].verify)
			drop = dp_ingest_check_anchor(in, &r);
		else
			drop = r.offset < batch->parts[r.tp].next;
		/* a partition that just stopped is assigned no more */
		if (r.tp >= 0 && in->parts[r.tp].stopped)
			loop->reopen = drop = true;
		if (drop)
			dp_consumer_release(&r, 1);
		else
			take_message(loop, &r);
	}
	return batch->nrecords - first;
}

/*
 * How many messages of the size that came lately the batch has room for: a
 * poll must not take a thousand messages of ten megabytes.
 */
static int
room_for(DpLoop *loop)
{
	DpBatch    *batch = loop->in->batch;
	double		left = (double) (loop->in->source->batch_bytes - batch->bytes);

	return (int) Min(Max(left / loop->mean_bytes, 0.0), 1000000.0) + 1;
}

/* Fill the batch with what is there; true when there may be more. */
static bool
poll_batch(DpLoop *loop)
{
	DpIngest   *in = loop->in;
	DpBatch    *batch = in->batch;
	int			max = loop->suspect_left > 0 ? 1 : batch->max_records;

	while (batch->nrecords < max && !dp_batch_is_full(batch))
	{
		int			want = rate_allowance(loop, Min(max - batch->nrecords, room_for(loop)));
		int			n,
					taken;

		if (want <= 0)
			return false;
		CHECK_FOR_INTERRUPTS();
		n = dp_consumer_poll(in->consumer, batch->records + batch->nrecords, want);
		if (n == 0)
			return false;
		DP_INJECT("k1");
		taken = take_records(loop, n);
		DP_INJECT("k2");
		if (taken > 0)
		{
			int64		bytes = 0;

			for (int i = batch->nrecords - taken; i < batch->nrecords; i++)
				bytes += batch->records[i].len + batch->records[i].keylen;
			loop->mean_bytes = Max((loop->mean_bytes + (double) bytes / taken) / 2, 1.0);
			loop->last_message = GetCurrentTimestamp();
		}
		if (in->source->rate_limit > 0)
			loop->tokens -= taken;
		if (loop->reopen)
			return false;
		/* a topic of nothing but rubbish must not fill a whole batch first */
		if (batch->nfailures >= DP_BUDGET_MIN &&
			dp_budget_exceeded(&loop->budget, in->source, batch->nrecords, batch->nfailures) != NULL)
			return true;
		if (in->source->on_error == DP_ON_ERROR_STOP && batch->nfailures > 0)
			return true;
	}
	return true;
}

/* on_error stop: commit what came before the bad message, keep the rest out. */
static void
cut_at_first_failure(DpLoop *loop)
{
	DpBatch    *batch = loop->in->batch;
	int			keep;

	if (loop->in->source->on_error != DP_ON_ERROR_STOP || batch->nfailures == 0)
		return;
	keep = batch->failures[0].record;
	if (keep == 0)
		return;

	/* take the messages before it again, through a smaller batch */
	{
		int			n = batch->nrecords;

		for (int i = 0; i < batch->nparts; i++)
		{
			DpBatchPart *p = &batch->parts[i];
			int64		from = p->from;

			memset(p, 0, sizeof(*p));
			p->from = p->next = from;
			p->min_timestamp = p->max_timestamp = -1;
			p->last = -1;
		}
		batch->nrows = batch->nfailures = 0;
		dp_consumer_release(batch->records + keep, n - keep);
		batch->nrecords = keep;
		for (int i = 0; i < keep; i++)
			(void) dp_batch_add(batch, i);	/* their schemas are known */
	}
	loop->reopen = true;		/* and fetch the bad one again, first this time */
}

static bool
batch_is_due(DpLoop *loop, bool more)
{
	DpBatch    *batch = loop->in->batch;
	int			delay = loop->in->source->batch_delay_ms;

	if (!batch->dirty)
		return false;
	if (more || delay == 0 || dp_batch_is_full(batch) || batch->nfailures >= DP_BUDGET_MIN)
		return true;
	return TimestampDifferenceExceeds(batch->opened_at, GetCurrentTimestamp(), delay);
}

/* Between two looks at things that are not messages: longer when nothing comes. */
static int
report_interval(DpLoop *loop, TimestampTz now)
{
	bool		calm = loop->trouble_since == 0 && !loop->in->foreign &&
		dp_kafka_client_error(dp_consumer_client(loop->in->consumer), NULL) == NULL &&
		dp_metadata_interval * 1000 > DP_IDLE_REPORT_INTERVAL_MS;

	return calm && TimestampDifferenceExceeds(loop->last_message, now, DP_IDLE_AFTER_MS)
		? DP_IDLE_REPORT_INTERVAL_MS : DP_REPORT_INTERVAL_MS;
}

static long
wait_time(DpLoop *loop)
{
	DpSource   *s = loop->in->source;
	long		ms = report_interval(loop, GetCurrentTimestamp());

	if (loop->in->batch->dirty && s->batch_delay_ms > 0)
	{
		long		left = s->batch_delay_ms -
			(long) ((GetCurrentTimestamp() - loop->in->batch->opened_at) / 1000);

		ms = Min(ms, Max(1, left));
	}
	if (s->rate_limit > 0)
		ms = Min(ms, 50);
	if ((loop->in->hold && !dp_hold_is_empty(loop->in->hold)) || loop->answer_comes)
		ms = Min(ms, Max(1, (long) ((loop->tend_at - GetCurrentTimestamp()) / 1000)));
	return ms;
}

static void
wait_for_work(DpLoop *loop)
{
	int			rc;

	rc = WaitLatchOrSocket(MyLatch,
						   WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						   dp_consumer_fd(loop->in->consumer), wait_time(loop),
						   PG_WAIT_EXTENSION);
	if (rc & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* A new schema changed the definition, or a person must decide. */
static void
obey_schemas(DpLoop *loop, DpSchemas *schemas)
{
	if (loop->in->batch->dirty)
	{
		cut_at_first_failure(loop);
		dp_worker_store(loop);
	}
	if (schemas->stop)
		dp_job_fail(schemas->stop_reason, "See dataplat.source_status.");
	loop->reopen = true;
}

/*
 * Ask for the schemas that messages wait for, and let those go that may.  Once
 * a second also when none waits: the registry may have lost its mind.
 */
static void
tend_schemas(DpLoop *loop)
{
	DpIngest   *in = loop->in;
	DpSchemas  *schemas = dp_decoder_schemas(in->batch->decoder);
	TimestampTz now;
	bool		again = loop->hold_more;
	bool		held;
	long		wait_ms;

	if (schemas == NULL)
		return;
	held = !dp_hold_is_empty(in->hold);
	dp_drift_report(schemas, false);
	now = GetCurrentTimestamp();
	if (now >= loop->tend_at)
	{
		const char *problem;

		again |= dp_schemas_tend(schemas, &wait_ms, &problem);
		if ((problem == NULL) != (loop->schema_problem == NULL))
			loop->last_report = 0;
		loop->schema_problem = problem;
		loop->tend_at = TimestampTzPlusMilliseconds(now, wait_ms);
		loop->answer_comes = wait_ms < DP_SCHEMA_RETRY_MS;
	}
	if (schemas->stop || schemas->reload)
		obey_schemas(loop, schemas);
	else if (again && held)
		loop->hold_more = dp_hold_retry(in->hold, in->batch);
	/* a schema that was found is met next */
	if (held && schemas->unmet && !schemas->locked)
		loop->tend_at = 0;
}

/*
 * Has somebody altered the server, the user mapping or the role, or taken a
 * right away?  Then the source is opened anew, which says what is lacking.
 */
static void
check_connection(DpLoop *loop)
{
	const DpSource *s = loop->in->source;
	MemoryContext context = CurrentMemoryContext;

	StartTransactionCommand();	/* hears of changes */
	if (loop->settings_seen != dp_kafka_settings_changes())
	{
		loop->settings_seen = dp_kafka_settings_changes();
		loop->reopen = get_role_oid(s->owner_name, true) != s->owner || s->registry != NULL ||
			!dp_kafka_settings_equal(dp_kafka_settings_load(s->server, s->owner), s->settings);
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

/* What is done about once a second, and the check of the topics less often. */
static void
housekeeping(DpLoop *loop)
{
	DpIngest   *in = loop->in;
	TimestampTz now = GetCurrentTimestamp();
	DpKafkaClient *client = dp_consumer_client(in->consumer);
	int			every;

	if (!TimestampDifferenceExceeds(loop->last_report, now, report_interval(loop, now)))
		return;
	loop->last_report = now;
	check_connection(loop);
	if (loop->reopen)
		return;
	dp_kafka_client_serve(client);
	report_state(loop, now);
	report_progress(loop);
	every = dp_kafka_client_error(client, NULL) || loop->trouble_since
		? DP_VERIFY_RETRY_MS : dp_metadata_interval * 1000;
	if (!TimestampDifferenceExceeds(loop->last_verify, now, every))
		return;
	loop->last_verify = GetCurrentTimestamp();
	loop->trouble_since = 0;
	if (!in->batch->dirty && !dp_ingest_verify(in, dp_job_stop_requested))
		loop->reopen = true;
}

static void
run_loop(DpLoop *loop)
{
	DpIngest   *in = loop->in;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "dataplat ingest loop",
												  ALLOCSET_DEFAULT_SIZES);

	loop->reopen = false;
	loop->tend_at = 0;
	loop->hold_more = false;
	loop->schema_problem = NULL;
	loop->last_report = 0;
	loop->last_verify = GetCurrentTimestamp();
	loop->last_message = GetCurrentTimestamp();
	loop->tokens_at = GetCurrentTimestamp();
	loop->mean_bytes = DP_FIRST_MEAN_BYTES;
	while (!loop->leave && !loop->reopen)
	{
		bool		more = false;

		MemoryContextSwitchTo(scratch);
		MemoryContextReset(scratch);
		if (dp_job_stop_requested())
			loop->leave = true;
		else if (dp_job_config_changed())
			loop->reopen = true;
		if (loop->leave || loop->reopen)
			break;
		housekeeping(loop);
		if (!loop->reopen)
			tend_schemas(loop);
		if (loop->reopen)
			break;
		if (dp_ingest_brake_reason(in->source) == NULL)
			more = poll_batch(loop);
		if (batch_is_due(loop, more))
		{
			cut_at_first_failure(loop);
			dp_worker_store(loop);
		}
		else if (!more && !loop->reopen)
			wait_for_work(loop);
	}
	dp_drift_report(dp_decoder_schemas(in->batch->decoder), true);
}

void
dp_ingest_worker_main(const DpJob *job)
{
	DpLoop		loop = {0};
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "dataplat ingest worker",
												  ALLOCSET_DEFAULT_SIZES);

	MemoryContextSwitchTo(context);
	loop.job = job;
	dp_job_report(DP_STATE_STARTING, NULL, NULL);
	loop.suspect_left = dp_read_breadcrumb(job);
	while (!loop.leave)
	{
		MemoryContextSwitchTo(context);
		loop.settings_seen = dp_kafka_settings_changes();
		/* as many workers as the definition says now, not when this one was started */
		loop.in = dp_ingest_open(job->object, job->worker_no, 0, dp_job_stop_requested);
		if (loop.in == NULL || loop.in->source->paused)
			break;
		run_loop(&loop);
		dp_ingest_close(loop.in);
		loop.in = NULL;
		MemoryContextReset(context);

		/* a fresh process is the only way to be rid of a stuck client */
		if (dp_kafka_clients_left() > 0)
			break;
	}
	if (loop.in)
		dp_ingest_close(loop.in);
	dp_breadcrumb_close();
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextDelete(context);
}
