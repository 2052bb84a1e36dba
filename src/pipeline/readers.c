/*-------------------------------------------------------------------------
 *
 * readers.c
 *	  Pipelines as readers of bronze tables: who is behind, and who waits
 *	  for whom.
 *
 * Fetching waits for pipelines that run as data comes and are too far
 * behind: Kafka keeps messages better than we do.  How far is counted in
 * shared memory, rows that came less rows that were read, so that an ingest
 * worker can ask without a query.  A pipeline that fails, is paused or runs
 * by the clock holds back nothing: waiting would not help it.
 *
 * Retention waits for all pipelines, also for those that are paused: a chore
 * writes down what each of them still needs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "changelog/changelog.h"
#include "launcher/launcher.h"
#include "pipeline/readers.h"
#include "pipeline/wake.h"
#include "storage/arrival.h"

/* How often retention hears what pipelines need, seconds; it counts in days. */
#define DP_READERS_INTERVAL_S 600

#define LOOK_QUERY \
	"SELECT r.pipeline, pg_catalog.to_regclass(r.relation)::pg_catalog.oid, r.role," \
	" CASE r.role WHEN 'bronze' THEN (SELECT b.pending FROM dataplat_internal.bronze_pending(r.relation, r.bronze_frontier) AS b) END" \
	" FROM dataplat_internal.pipeline_relation AS r" \
	" WHERE r.role IN ('bronze', 'table') AND pg_catalog.to_regclass(r.relation) IS NOT NULL"

static int	max_lag_rows = 50 * 1000 * 1000;
static int	max_lag = 24 * 60 * 60; /* seconds */

/* ---- the look ---- */

static DpNode *
find_node(DpGraph *graph, const char *name)
{
	for (int i = 0; i < graph->nnodes; i++)
	{
		if (strcmp(graph->nodes[i].name, name) == 0)
			return &graph->nodes[i];
	}
	return NULL;
}

static bool
holds(const DpNode *node)
{
	return node->failures == 0 && node->filled &&
		(node->schedule.kind == DP_ON_DATA || node->schedule.kind == DP_TARGET_LAG);
}

/* Is there something that nobody has told of?  Then the next turn sees it. */
static void
look_at_input(DpNode *node, Oid relid, bool bronze, int64 pending)
{
	uint64		seen;

	if (!node->filled || node->failures > 0 ||
		!dp_wake_seen(node->entry, node->id, &seen) ||
		dp_wake_sum(node->inputs, node->ninputs) != seen)
		return;					/* it is looked at in any case */
	if (bronze ? pending > 0 : dp_changelog_pending(relid, node->name))
		dp_wake_set_seen(node->entry, node->id, false, 0);
}

void
dp_readers_look(DpGraph *graph)
{
	uint64	  (*rows)[DP_WAKE_BRONZE] = palloc0(sizeof(*rows) * Max(graph->nnodes, 1));
	bool	   *behind = palloc0(sizeof(bool) * Max(graph->nnodes, 1));

	for (int i = 0; i < graph->nnodes; i++)
	{
		for (int b = 0; b < graph->nodes[i].nbronze; b++)
			rows[i][b] = dp_wake_rows(graph->nodes[i].bronze[b]);
	}
	SPI_connect();
	if (SPI_execute(LOOK_QUERY, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look at the inputs of pipelines");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		DpNode	   *node = find_node(graph, SPI_getvalue(row, desc, 1));
		bool		isnull;
		Oid			relid = DatumGetObjectId(SPI_getbinval(row, desc, 2, &isnull));
		bool		bronze = strcmp(SPI_getvalue(row, desc, 3), "bronze") == 0;
		int64		pending = DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull));

		if (node == NULL)
			continue;
		pending = isnull ? 0 : pending;
		look_at_input(node, relid, bronze, pending);
		behind[node - graph->nodes] |= pending > 0;
		for (int b = 0; b < node->nbronze; b++)
		{
			if (node->bronze[b] == relid)
				rows[node - graph->nodes][b] -= pending;
		}
	}
	SPI_finish();
	for (int i = 0; i < graph->nnodes; i++)
	{
		DpNode	   *node = &graph->nodes[i];

		/* one that has read all has done so now, not at its last run */
		if (node->nbronze > 0 &&
			(!behind[i] || !dp_wake_is_reader(node->entry, node->id)))
			dp_wake_set_reader(node->entry, node->id, node->name, holds(node),
							   node->nbronze, node->bronze, rows[i]);
	}
	pfree(rows);
	pfree(behind);
}

void
dp_readers_note(const DpNode *node, const uint64 *rows)
{
	if (node->nbronze > 0)
		dp_wake_set_reader(node->entry, node->id, node->name,
						   node->schedule.kind == DP_ON_DATA || node->schedule.kind == DP_TARGET_LAG,
						   node->nbronze, node->bronze, rows);
}

void
dp_readers_let_go(const DpNode *node)
{
	if (node->nbronze > 0)
		dp_wake_set_reader(node->entry, node->id, node->name, false, 0, NULL, NULL);
}

/* ---- fetching waits ---- */

static const char *
readers_behind(Oid target)
{
	static char reason[DP_JOB_REASON_LEN];
	char		name[NAMEDATALEN];
	TimestampTz since = 0;
	uint64		behind = dp_wake_behind(target, name, &since);
	int64		seconds;

	if (behind == 0)
		return NULL;
	if (max_lag_rows > 0 && behind > (uint64) max_lag_rows)
	{
		snprintf(reason, sizeof(reason), "pipeline \"%s\" is " UINT64_FORMAT " rows behind, dataplat.pipeline_max_lag_rows is %d",
				 name, behind, max_lag_rows);
		return reason;
	}
	seconds = (GetCurrentTimestamp() - since) / USECS_PER_SEC;
	if (max_lag > 0 && seconds > max_lag)
	{
		snprintf(reason, sizeof(reason), "pipeline \"%s\" has read nothing for " INT64_FORMAT " s, dataplat.pipeline_max_lag is %d s",
				 name, seconds, max_lag);
		return reason;
	}
	return NULL;
}

/* ---- retention waits ---- */

static void
note_readers(void)
{
	SPI_connect();
	if (SPI_execute("SELECT dataplat_internal.note_bronze_readers()", false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not note what pipelines still need");
	SPI_finish();
}

void
dp_readers_init(void)
{
	DefineCustomIntVariable("dataplat.pipeline_max_lag_rows",
							"Fetching of a source pauses while a pipeline that reads its table as data comes is more rows behind than this.",
							"0 turns the brake off.",
							&max_lag_rows, 50 * 1000 * 1000, 0, INT_MAX,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.pipeline_max_lag",
							"Fetching of a source pauses while such a pipeline has something to read and has read nothing for so long.",
							"0 turns the brake off.",
							&max_lag, 24 * 60 * 60, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	dp_readers_behind_register(readers_behind);
	dp_maintenance_register("bronze_readers", DP_READERS_INTERVAL_S, note_readers);
}
