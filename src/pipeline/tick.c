/*-------------------------------------------------------------------------
 *
 * tick.c
 *	  One turn of one component: what is due in it, in one transaction.
 *
 *	 begin, REPEATABLE READ -> take the pipelines (no waiting) -> snapshot ->
 *	 read again what the tables say of them -> each pipeline in its
 *	 subtransaction, parents first -> states -> commit -> failures, in a
 *	 transaction of their own
 *
 * A pipeline runs when it is due itself or when a parent has just written
 * something.  Below one that failed, or that somebody else has, everything
 * waits: it would mix new rows of one input with old ones of another.
 *
 * The locks come before the snapshot: whoever held one before us has
 * committed, so the frontiers that we see are the last ones.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "catalog/catalog.h"
#include "common/inject.h"
#include "launcher/launcher.h"
#include "pipeline/readers.h"
#include "pipeline/tick_int.h"

/* A pipeline that somebody else has is tried again after this, milliseconds. */
#define DP_BUSY_RETRY_MS 100

/*
 * After a turn that took t, the next one waits about 2 t, so that a stream
 * of tiny commits is taken in small batches and not one by one; but no less
 * and no more than this, milliseconds, because somebody waits for the rows.
 */
#define DP_PAUSE_MIN_MS 10
#define DP_PAUSE_MAX_MS 40

/* The share of a new duration in the mean. */
#define DP_MEAN_WEIGHT 0.3

#define REFRESH_QUERY \
	"SELECT u.nth::int, coalesce(s.filled AND s.rebuild_reason IS NULL AND NOT EXISTS (SELECT FROM dataplat_internal.pipeline_rebuild AS b WHERE b.pipeline = p.name), false), coalesce(s.consecutive_failures, 0), s.next_run_at," \
	" coalesce(s.state = 'running', false)" \
	" FROM ROWS FROM (pg_catalog.unnest($1)) WITH ORDINALITY AS u(name, nth)" \
	" JOIN dataplat.pipeline AS p ON p.name = u.name AND NOT p.paused" \
	" LEFT JOIN dataplat_internal.pipeline_state AS s ON s.pipeline = p.name"

#define SUCCESS_QUERY \
	"INSERT INTO dataplat_internal.pipeline_state AS s (pipeline, state, next_run_at, last_run_id, last_success_at)" \
	" VALUES ($1, 'running', $2, $3, pg_catalog.clock_timestamp())" \
	" ON CONFLICT (pipeline) DO UPDATE SET state = 'running', reason = NULL, hint = NULL," \
	" since = CASE WHEN s.state = 'running' THEN s.since ELSE EXCLUDED.last_success_at END," \
	" consecutive_failures = 0, circuit = 'closed', next_run_at = EXCLUDED.next_run_at," \
	" last_run_id = coalesce(EXCLUDED.last_run_id, s.last_run_id), last_success_at = EXCLUDED.last_success_at"

#define HALF_OPEN_QUERY \
	"UPDATE dataplat_internal.pipeline_state SET circuit = 'half_open' WHERE pipeline = ANY ($1) AND circuit = 'open'"

int			dp_pipeline_timeout = 0;

/* ---- before the runs ---- */

static Datum
name_array(DpTurn *turn, bool (*wanted) (const DpPart *part))
{
	Datum	   *names = palloc(sizeof(Datum) * turn->nparts);
	int			n = 0;

	for (int i = 0; i < turn->nparts; i++)
	{
		if (wanted(&turn->parts[i]))
			names[n++] = CStringGetTextDatum(turn->parts[i].node->name);
	}
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static bool
is_candidate(const DpPart *part)
{
	return part->candidate;
}

static bool
is_trial(const DpPart *part)
{
	return part->due && part->node->circuit_open;
}

/* Show that an open circuit is being tried; rare, so in a transaction of its own. */
static void
show_trials(DpTurn *turn)
{
	Oid			type = TEXTARRAYOID;
	Datum		value;
	bool		any = false;

	for (int i = 0; i < turn->nparts; i++)
		any |= is_trial(&turn->parts[i]);
	if (!any)
		return;
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	value = name_array(turn, is_trial);
	SPI_execute_with_args(HALF_OPEN_QUERY, 1, &type, &value, NULL, false, 0);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(turn->context);
}

static void
take_pipelines(DpTurn *turn)
{
	for (int i = 0; i < turn->nparts; i++)
	{
		DpPart	   *part = &turn->parts[i];

		if (part->candidate)
			part->busy = !dp_pipeline_lock(part->node->id, false);
	}
}

static SPIPlanPtr
keep_plan(SPIPlanPtr *plan, const char *sql, int nargs, Oid *types)
{
	if (*plan == NULL)
	{
		SPIPlanPtr	p = SPI_prepare(sql, nargs, types);

		if (p == NULL || SPI_keepplan(p) != 0)
			elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
		*plan = p;
	}
	return *plan;
}

/*
 * The graph may be old: another worker has run it, a user has paused or
 * dropped a pipeline.  What the snapshot shows counts.
 */
static void
refresh(DpTurn *turn)
{
	static SPIPlanPtr plan = NULL;
	Oid			type = TEXTARRAYOID;
	Datum		value = name_array(turn, is_candidate);
	TimestampTz now = GetCurrentTimestamp();
	int			at = 0;

	for (int i = 0; i < turn->nparts; i++)
		turn->parts[i].gone = turn->parts[i].candidate;
	SPI_connect();
	if (SPI_execute_plan(keep_plan(&plan, REFRESH_QUERY, 1, &type), &value, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the states of pipelines");
	for (int i = 0; i < turn->nparts; i++)
	{
		DpPart	   *part = &turn->parts[i];

		if (!part->candidate)
			continue;
		at++;
		for (uint64 row = 0; row < SPI_processed; row++)
		{
			HeapTuple	tuple = SPI_tuptable->vals[row];
			TupleDesc	desc = SPI_tuptable->tupdesc;
			bool		isnull;
			Datum		next;

			if (DatumGetInt32(SPI_getbinval(tuple, desc, 1, &isnull)) != at)
				continue;
			part->gone = false;
			part->node->filled = DatumGetBool(SPI_getbinval(tuple, desc, 2, &isnull));
			part->node->failures = DatumGetInt32(SPI_getbinval(tuple, desc, 3, &isnull));
			next = SPI_getbinval(tuple, desc, 4, &isnull);
			if (!isnull)
				part->node->next_run_at = DatumGetTimestampTz(next);
			part->node->running = DatumGetBool(SPI_getbinval(tuple, desc, 5, &isnull));
			if (part->due)
				part->due = dp_node_due(part->node, now, false) <= now;
			break;
		}
		turn->changed |= part->gone;
		part->due &= !part->gone;
	}
	dp_spread_dues(turn->parts, turn->nparts);
	SPI_finish();
}

/* A constraint that is checked at the commit would fail all for the fault of one. */
static void
check_constraints_at_once(void)
{
	ConstraintsSetStmt *stmt = makeNode(ConstraintsSetStmt);

	stmt->constraints = NIL;
	stmt->deferred = false;
	AfterTriggerSetState(stmt);
}

/* ---- the runs ---- */

static void
run_context(void *arg)
{
	const DpPart *part = arg;

	if (part->run.run_id != 0)
		errcontext("pipeline \"%s\", run " INT64_FORMAT, part->node->name, part->run.run_id);
	else
		errcontext("pipeline \"%s\"", part->node->name);
}

static void
run_pipeline(DpPart *part)
{
	ErrorContextCallback callback;

	callback.callback = run_context;
	callback.arg = part;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	if (dp_pipeline_timeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, dp_pipeline_timeout);
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	DP_INJECT("p1");
	dp_pipeline_run(dp_pipeline_load(part->node->name), DP_RUN_LIVE, &part->run);
	DP_INJECT("p2");
	PopActiveSnapshot();
	if (dp_pipeline_timeout > 0)
		disable_timeout(STATEMENT_TIMEOUT, false);
	error_context_stack = callback.previous;
}

static void
run_part(DpTurn *turn, DpPart *part)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext scratch = AllocSetContextCreate(turn->context, "dataplat pipeline run",
												  ALLOCSET_DEFAULT_SIZES);
	char		activity[NAMEDATALEN + 32];

	part->started_at = GetCurrentTimestamp();
	snprintf(activity, sizeof(activity), "run of pipeline %s", part->node->name);
	pgstat_report_activity(STATE_RUNNING, activity);
	dp_progress_start("run", part->node->name, 0);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(scratch);
	PG_TRY();
	{
		run_pipeline(part);
		ReleaseCurrentSubTransaction();
		part->fate = part->run.nothing_new ? DP_FATE_NOTHING_NEW : DP_FATE_DONE;
	}
	PG_CATCH();
	{
		if (dp_pipeline_timeout > 0)
			disable_timeout(STATEMENT_TIMEOUT, false);
		if (dp_job_stop_requested())
			PG_RE_THROW();
		MemoryContextSwitchTo(turn->context);
		part->error = CopyErrorData();
		if (part->run.reason)
			part->run.reason = pstrdup(part->run.reason);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		part->fate = DP_FATE_FAILED;
	}
	PG_END_TRY();
	dp_progress_end();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(turn->context);
	MemoryContextDelete(scratch);
	if (part->fate != DP_FATE_FAILED)
	{
		double		ms = TimestampDifferenceMilliseconds(part->started_at, GetCurrentTimestamp());

		part->node->mean_ms += (ms - part->node->mean_ms) * DP_MEAN_WEIGHT;
	}
}

/* What its parents have come to in this turn: below trouble everything waits. */
static DpFate
parents_fate(DpTurn *turn, const DpNode *node)
{
	DpFate		worst = DP_FATE_NOTHING_NEW;

	for (int i = 0; i < turn->nparts; i++)
	{
		const DpPart *part = &turn->parts[i];

		if (!bms_is_member(part->number, node->parents))
			continue;
		if (part->fate == DP_FATE_FAILED || part->fate == DP_FATE_WAITS)
			return DP_FATE_WAITS;
		if (part->fate == DP_FATE_DONE)
			worst = DP_FATE_DONE;
	}
	return worst;
}

static void
run_parts(DpTurn *turn)
{
	for (int i = 0; i < turn->nparts; i++)
	{
		DpPart	   *part = &turn->parts[i];
		DpFate		above = parents_fate(turn, part->node);

		if (dp_holds_back(part->node, GetCurrentTimestamp()) || part->busy || above == DP_FATE_WAITS)
			part->fate = DP_FATE_WAITS;
		else if (!part->candidate || part->gone)
			part->fate = DP_FATE_REST;
		else if (part->due || above == DP_FATE_DONE)
			run_part(turn, part);
		else
			part->fate = DP_FATE_REST;

		/* half of a component is not to be seen: leave without any of it */
		if (dp_job_stop_requested())
			ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("stopping between two runs of pipelines")));
	}
}

/* ---- after the runs ---- */

static void
store_success(DpTurn *turn, DpPart *part)
{
	static SPIPlanPtr plan = NULL;
	static Oid	types[3] = {TEXTOID, TIMESTAMPTZOID, INT8OID};
	DpNode	   *node = part->node;
	Datum		values[3];
	char		nulls[4] = "   ";
	bool		clock = dp_runs_by_clock(node);

	/* the run itself has stored that it was; most change nothing else */
	if (!clock && node->failures == 0 && (node->running || part->fate == DP_FATE_NOTHING_NEW))
		return;
	values[0] = CStringGetTextDatum(node->name);
	part->next_run_at = clock ? dp_next_time(turn) : 0;
	values[1] = TimestampTzGetDatum(part->next_run_at);
	nulls[1] = clock ? ' ' : 'n';
	values[2] = Int64GetDatum(part->run.run_id);
	nulls[2] = part->run.run_id != 0 ? ' ' : 'n';
	if (SPI_execute_plan(keep_plan(&plan, SUCCESS_QUERY, 3, types), values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not store the state of a pipeline");
	if (node->failures > 0 || !node->filled)
	{
		turn->changed = true;
		dp_job_wake("pipeline", 0);
	}
}

static void
store_successes(DpTurn *turn)
{
	SPI_connect();
	for (int i = 0; i < turn->nparts; i++)
	{
		DpPart	   *part = &turn->parts[i];

		if (part->fate == DP_FATE_DONE || part->fate == DP_FATE_NOTHING_NEW)
			store_success(turn, part);
	}
	SPI_finish();
}

/* It is committed: what we know of the pipelines follows. */
static void
note_successes(DpTurn *turn)
{
	for (int i = 0; i < turn->nparts; i++)
	{
		DpPart	   *part = &turn->parts[i];
		DpNode	   *node = part->node;

		if (part->fate == DP_FATE_FAILED)
			dp_readers_let_go(node);
		if (part->busy)
			node->busy_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), DP_BUSY_RETRY_MS);
		if (part->fate != DP_FATE_DONE && part->fate != DP_FATE_NOTHING_NEW)
			continue;
		dp_wake_set_seen(node->entry, node->id, !part->run.more,
						 part->sum + dp_wake_own(node->inputs, node->ninputs));
		dp_readers_note(node, part->rows);
		node->filled = !part->run.chunks_left;
		node->busy_until = part->run.not_before;
		node->failures = 0;
		node->circuit_open = false;
		node->dirty_since = 0;
		node->closes_at = part->run.closes_at;
		if (dp_runs_by_clock(node))
			node->next_run_at = part->next_run_at;
	}
}

static void
record_failures(DpTurn *turn)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	for (int i = 0; i < turn->nparts; i++)
	{
		DpPart	   *part = &turn->parts[i];
		DpFailedRun failed = {0};

		if (part->fate != DP_FATE_FAILED)
			continue;
		failed.pipeline = part->node->name;
		failed.retry = &part->node->retry;
		failed.failures = part->node->failures;
		failed.run = part->run;
		failed.started_at = part->started_at;
		failed.error = part->error;
		dp_care_record(&failed);
		part->node->next_run_at = failed.next_run_at;
		part->node->failures++;
		turn->changed = true;
	}
	dp_job_wake("pipeline", 0);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(turn->context);
}

/* Before the snapshot, so that it sees all of this at least. */
static void
sample_inputs(DpTurn *turn)
{
	for (int i = 0; i < turn->nparts; i++)
	{
		DpPart	   *part = &turn->parts[i];

		for (int b = 0; b < part->node->nbronze; b++)
			part->rows[b] = dp_wake_rows(part->node->bronze[b]);
		part->sum = dp_wake_sum(part->node->inputs, part->node->ninputs);
	}
}

static void
do_transaction(DpTurn *turn)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	XactIsoLevel = XACT_REPEATABLE_READ;
	MemoryContextSwitchTo(turn->context);
	take_pipelines(turn);
	sample_inputs(turn);
	PushActiveSnapshot(GetTransactionSnapshot());
	refresh(turn);
	check_constraints_at_once();
	run_parts(turn);
	CommandCounterIncrement();
	store_successes(turn);
	PopActiveSnapshot();
	DP_INJECT("p3");
	dp_wake_count_own(true);
	CommitTransactionCommand();
	dp_wake_count_own(false);
	DP_INJECT("p4");
	MemoryContextSwitchTo(turn->context);
}

/*
 * The transaction as a whole failed, for a reason that is no single
 * pipeline's: none of it happened, and each that took part waits.
 */
static void
blame_all(DpTurn *turn, ErrorData *error)
{
	bool		any = false;

	for (int i = 0; i < turn->nparts; i++)
	{
		DpPart	   *part = &turn->parts[i];

		if (part->fate == DP_FATE_DONE || part->fate == DP_FATE_NOTHING_NEW)
		{
			part->fate = DP_FATE_FAILED;
			part->error = error;
			any = true;
		}
	}
	for (int i = 0; i < turn->nparts && !any; i++)
	{
		DpPart	   *part = &turn->parts[i];

		if (part->due && !part->busy && part->fate != DP_FATE_FAILED)
		{
			part->fate = DP_FATE_FAILED;
			part->error = error;
			part->started_at = GetCurrentTimestamp();
			any = true;
		}
	}
}

static bool
any_failed(const DpTurn *turn)
{
	for (int i = 0; i < turn->nparts; i++)
	{
		if (turn->parts[i].fate == DP_FATE_FAILED)
			return true;
	}
	return false;
}

static void
run_turn(DpTurn *turn)
{
	show_trials(turn);
	PG_TRY();
	{
		do_transaction(turn);
		note_successes(turn);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		dp_wake_count_own(false);
		if (dp_job_stop_requested())
			PG_RE_THROW();
		MemoryContextSwitchTo(turn->context);
		error = CopyErrorData();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(turn->context);
		blame_all(turn, error);
	}
	PG_END_TRY();
	if (any_failed(turn))
		record_failures(turn);
}

TimestampTz
dp_tick_run(DpGraph *graph, const DpComponent *c, bool *changed)
{
	MemoryContext caller = CurrentMemoryContext;
	TimestampTz started = GetCurrentTimestamp();
	TimestampTz now;
	DpTurn		turn = {0};
	long		ms;

	turn.context = AllocSetContextCreate(caller, "dataplat pipeline turn", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(turn.context);
	turn.graph = graph;
	turn.started_at = started;
	turn.nparts = c->nnodes;
	turn.parts = palloc0(sizeof(DpPart) * c->nnodes);
	for (int i = 0; i < c->nnodes; i++)
	{
		turn.parts[i].number = c->nodes[i];
		turn.parts[i].node = &graph->nodes[c->nodes[i]];
	}
	if (dp_survey(graph, c, turn.parts, started, false) <= started)
		run_turn(&turn);
	*changed |= turn.changed;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(turn.context);

	now = GetCurrentTimestamp();
	ms = TimestampDifferenceMilliseconds(started, now);
	return TimestampTzPlusMilliseconds(now, Min(Max(2 * ms, DP_PAUSE_MIN_MS), DP_PAUSE_MAX_MS));
}
