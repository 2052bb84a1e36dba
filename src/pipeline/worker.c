/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The workers that run pipelines: job kind "pipeline".
 *
 * A pool of workers in each database that has a pipeline to run.  Each of
 * them takes the component that is due, runs it, and sleeps when there is
 * none; a commit that changes an input wakes one of them (wake.c).  Nothing
 * that matters is in memory: a worker that dies leaves its component to the
 * next one that looks, and a transaction that never was.
 *
 * States: starting -> running <-> idle; retrying and failed are states of
 * pipelines, in dataplat_internal.pipeline_state, and not of workers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "launcher/launcher.h"
#include "pipeline/graph.h"
#include "pipeline/internal.h"
#include "pipeline/pipeline.h"
#include "pipeline/readers.h"
#include "pipeline/rebuild.h"
#include "pipeline/tick.h"
#include "pipeline/worker.h"

/*
 * This often the definitions are read again and the inputs are looked at
 * even when nobody calls: a change that no latch told of (a prepared
 * transaction, a trigger that was switched off) waits no longer.
 */
#define DP_LOOK_INTERVAL_MS 60000

static int	pipeline_workers = 2;

typedef struct Loop
{
	MemoryContext context;
	DpGraph    *graph;
	bool		stale;			/* the tables say something else */
	TimestampTz looked_at;
	int			last;			/* component that ran last: the others come first */
} Loop;

/* What is being measured and waited for outlives a new reading. */
static void
keep_memories(const DpGraph *old, DpGraph *graph)
{
	for (int i = 0; old != NULL && i < graph->nnodes; i++)
	{
		DpNode	   *node = &graph->nodes[i];

		for (int j = 0; j < old->nnodes; j++)
		{
			if (old->nodes[j].id != node->id)
				continue;
			node->mean_ms = old->nodes[j].mean_ms;
			node->dirty_since = old->nodes[j].dirty_since;
			node->busy_until = old->nodes[j].busy_until;
		}
	}
}

static bool
look_due(const Loop *loop)
{
	return loop->looked_at == 0 ||
		TimestampDifferenceExceeds(loop->looked_at, GetCurrentTimestamp(), DP_LOOK_INTERVAL_MS);
}

static void
load_graph(Loop *loop)
{
	DpGraph    *old = loop->graph;
	bool		look = look_due(loop);

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContextSwitchTo(loop->context);
	loop->graph = dp_graph_load();
	if (look)
		dp_readers_look(loop->graph);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(loop->context);
	keep_memories(old, loop->graph);
	dp_graph_free(old);
	loop->stale = false;
	if (look)
		loop->looked_at = GetCurrentTimestamp();
}

/* Not by the clock, which the other workers know, too. */
static bool
comes_by_data(const DpGraph *graph, const DpComponent *c)
{
	DpScheduleKind kind = graph->nodes[c->nodes[0]].schedule.kind;

	return kind == DP_ON_DATA || kind == DP_TARGET_LAG;
}

/*
 * The component to run now, the one after the last first; NULL when none is
 * due.  *next: when one will be; *more: is there another one that is, or will
 * be while this one runs?
 */
static DpComponent *
pick_component(Loop *loop, bool arm, TimestampTz *next, bool *more)
{
	DpGraph    *graph = loop->graph;
	DpComponent *pick = NULL;
	TimestampTz now = GetCurrentTimestamp();

	*next = DT_NOEND;
	*more = false;
	for (int i = 0; i < graph->ncomponents; i++)
	{
		int			at = (loop->last + 1 + i) % graph->ncomponents;
		DpComponent *c = &graph->components[at];
		TimestampTz due = dp_tick_due(graph, c, now, arm);

		if (due <= now && pick == NULL)
		{
			pick = c;
			loop->last = at;
		}
		else if (due != DT_NOEND && (due <= now || comes_by_data(graph, c)))
			*more = true;
		*next = Min(*next, due);
	}
	return pick;
}

static void
run_component(Loop *loop, DpComponent *c, bool more)
{
	TimestampTz not_before;
	bool		changed = false;
	int32		key = c->key;
	int			entry = c->entry;

	if (!dp_wake_claim(entry, key))
		return;
	if (more)
		dp_wake_another();
	dp_job_report(DP_STATE_RUNNING, NULL, NULL);
	not_before = dp_tick_run(loop->graph, c, &changed);
	dp_wake_release(entry, key, not_before);
	loop->stale |= changed;
	pgstat_report_stat(false);
	dp_job_healthy();
}

/* Sleep until something is due, a change wakes us, or somebody calls. */
static void
rest(Loop *loop)
{
	TimestampTz next;
	TimestampTz now;
	bool		more;

	/* from here on a change wakes us; one that came before is found below */
	dp_wake_set_idle(true);
	if (pick_component(loop, true, &next, &more) == NULL)
	{
		now = GetCurrentTimestamp();
		next = Min(next, TimestampTzPlusMilliseconds(loop->looked_at, DP_LOOK_INTERVAL_MS + 1));
		dp_job_report(DP_STATE_IDLE, NULL, NULL);
		dp_job_wait(next <= now ? 1 : Max(1, TimestampDifferenceMilliseconds(now, next)));
	}
	dp_wake_set_idle(false);
}

static void
pipeline_worker_main(const DpJob *job)
{
	Loop		loop = {0};

	loop.context = AllocSetContextCreate(TopMemoryContext, "dataplat pipeline worker",
										 ALLOCSET_DEFAULT_SIZES);
	loop.last = job->worker_no;
	MemoryContextSwitchTo(loop.context);
	dp_wake_attach();
	while (!dp_job_stop_requested())
	{
		DpComponent *c;
		TimestampTz next;
		bool		more;

		if (dp_job_config_changed() || loop.stale || look_due(&loop))
			load_graph(&loop);
		c = pick_component(&loop, false, &next, &more);
		if (c != NULL)
			run_component(&loop, c, more);
		else
			rest(&loop);
	}
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextDelete(loop.context);
}

/* In the scheduler: a pool, as soon as one pipeline is to run by itself. */
static List *
wanted_pipeline_jobs(void)
{
	List	   *jobs = NIL;
	MemoryContext context = CurrentMemoryContext;
	bool		any;

	SPI_connect();
	SPI_execute("SELECT FROM dataplat.pipeline AS p"
				" WHERE NOT p.paused AND p.schedule <> 'manual' AND p.mode <> 'view' LIMIT 1", true, 1);
	any = SPI_processed > 0;
	SPI_finish();
	MemoryContextSwitchTo(context);
	for (int w = 0; any && w < pipeline_workers; w++)
	{
		DpJob	   *job = palloc0(sizeof(DpJob));

		strlcpy(job->kind, "pipeline", sizeof(job->kind));
		strlcpy(job->object, "pipelines", sizeof(job->object));
		job->worker_no = w;
		job->workers = pipeline_workers;
		job->owner = BOOTSTRAP_SUPERUSERID;
		jobs = lappend(jobs, job);
	}
	return jobs;
}

static const DpJobKind pipeline_kind = {
	.name = "pipeline",
	.bgw_type = "dataplat pipeline worker",
	.wanted = wanted_pipeline_jobs,
	.main = pipeline_worker_main,
	.runs_when_fenced = false
};

void
dp_pipeline_worker_init(void)
{
	DefineCustomIntVariable("dataplat.pipeline_workers",
							"Workers that run pipelines, in each database that has some.",
							"What is connected by its inputs runs in one worker; more workers help when there is much that is not.",
							&pipeline_workers, 2, 1, 64,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.pipeline_timeout",
							"A run of a pipeline that takes longer is cancelled and tried again later.",
							"0 lets it take as long as it needs.",
							&dp_pipeline_timeout, 0, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	dp_schedule_init();
	dp_wake_init();
	dp_pipeline_consume_init();
	dp_quality_delta_init();
	dp_rebuild_init();
	dp_readers_init();
	dp_job_kind_register(&pipeline_kind);
}
