/*-------------------------------------------------------------------------
 *
 * rotate.c
 *	  Empty the segments of logs that everybody has read; tend the logs.
 *
 * A log has two segments.  When the one that is written has grown and the
 * other one is empty, they change roles.  From then on writers leave the old
 * one alone (log.c says how they find out), and when each reader's frontier
 * sees every row in it, it is truncated.
 *
 * Both steps are small transactions; dying in either changes nothing.  No
 * step waits for anybody: what is locked is tried again at the next turn.
 * That a segment has no more writers is not concluded from what was read
 * once: SHARE is taken on it, which each of its writers would be in the way
 * of until the end of his transaction, prepared ones too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "changelog/changelog_int.h"
#include "common/inject.h"
#include "launcher/launcher.h"

#define SECONDS_BETWEEN_TURNS 5

/* A lock that is not free in this time is tried again at the next turn. */
#define LOCK_TIMEOUT "500ms"

/* A summary of less is not worth asking for. */
#define SUMMARIZE_FROM_BLOCKS 64

static int	segment_size = 16 * 1024 * 1024 / BLCKSZ;

typedef struct LogRow
{
	int32		log_id;
	int			current;
	BlockNumber blocks[DP_LOG_SEGMENTS];
} LogRow;

static BlockNumber
blocks_of(Oid segment)
{
	Relation	rel = try_table_open(segment, AccessShareLock);
	BlockNumber blocks;

	if (rel == NULL)
		return 0;
	blocks = RelationGetNumberOfBlocks(rel);
	table_close(rel, AccessShareLock);
	return blocks;
}

static int
by_idle_size(const ListCell *a, const ListCell *b)
{
	const LogRow *x = lfirst(a);
	const LogRow *y = lfirst(b);
	BlockNumber i = x->blocks[1 - x->current];
	BlockNumber j = y->blocks[1 - y->current];

	return i > j ? -1 : i < j;
}

/* All logs, those that have most to empty first. */
static List *
logs_by_size(MemoryContext context)
{
	List	   *logs = NIL;

	if (SPI_execute("SELECT s.log_id, s.current FROM dataplat_internal.change_log_segment AS s", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read dataplat_internal.change_log_segment");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		LogRow	   *log = palloc0(sizeof(LogRow));
		bool		isnull;

		log->log_id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		log->current = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
		for (int s = 0; s < DP_LOG_SEGMENTS; s++)
			log->blocks[s] = blocks_of(dp_log_segment_oid(log->log_id, s));
		logs = lappend(logs, log);
		MemoryContextSwitchTo(old);
	}
	list_sort(logs, by_idle_size);
	return logs;
}

static void
execute(const char *statement)
{
	if (SPI_execute(statement, false, 0) < 0)
		elog(ERROR, "could not execute \"%s\"", statement);
}

/* ---- changing roles ---- */

/* Let writers use the other segment; those who remember this one are told at commit. */
static void
change_roles(LogRow *log)
{
	Oid			segment = dp_log_segment_oid(log->log_id, log->current);

	DP_INJECT("changelog_before_switch");
	execute(psprintf("UPDATE dataplat_internal.change_log_segment AS s SET current = %d WHERE s.log_id = %d",
					 1 - log->current, log->log_id));
	CacheInvalidateRelcacheByRelid(segment);
	DP_INJECT("changelog_after_switch");
}

/* ---- emptying ---- */

/* The frontiers of a log's readers as they are now; those that have none need no row. */
static List *
frontiers_of(int32 log_id, char **signature)
{
	List	   *frontiers = NIL;
	StringInfoData all;

	initStringInfo(&all);
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute(psprintf("SELECT r.frontier ->> 'snapshot', r.frontier ->> 'xid', r.frontier ->> 'seq', r.reader"
							 " FROM dataplat_internal.change_log AS l"
							 " JOIN dataplat_internal.change_log_reader AS r ON r.relation = l.relation"
							 " WHERE l.log_id = %d AND r.frontier IS NOT NULL"
							 " ORDER BY pg_catalog.pg_snapshot_xmax((r.frontier ->> 'snapshot')::pg_snapshot)::text::bigint, r.reader",
							 log_id), true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read dataplat_internal.change_log_reader");
	PopActiveSnapshot();
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *value[4];

		for (int c = 0; c < 4; c++)
		{
			value[c] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, c + 1);
			appendStringInfo(&all, "%s\n", value[c] ? value[c] : "");
		}
		frontiers = lappend(frontiers, dp_frontier_parse(value[0], value[1], value[2]));
	}
	*signature = all.data;
	return frontiers;
}

/* Has the frontier seen every row of a segment?  New rows are at the end, mostly. */
static bool
has_seen_all(int32 log_id, int segment, const DpFrontier *frontier, BlockNumber blocks)
{
	DpLogScan	scan = {.frontier = frontier};
	bool		unseen;

	if (!dp_log_scan_begin(&scan, log_id, segment))
		return true;
	scan.ranges = lcons_int((int) blocks - 1, lcons_int(1, scan.ranges));
	unseen = dp_log_scan_next(&scan);
	dp_log_scan_end(&scan);
	return !unseen;
}

static bool
everybody_has_seen(LogRow *log, int segment, char **signature)
{
	ListCell   *lc;
	bool		seen = true;

	PushActiveSnapshot(GetLatestSnapshot());
	foreach(lc, frontiers_of(log->log_id, signature))
	{
		seen = has_seen_all(log->log_id, segment, lfirst(lc), log->blocks[segment]);
		if (!seen)
			break;
	}
	PopActiveSnapshot();
	return seen;
}

static void
truncate_segment(LogRow *log, int segment)
{
	char	   *now = dp_frontier_snapshot_text(dp_frontier_of_snapshot(GetLatestSnapshot()));

	DP_INJECT("changelog_before_truncate");
	execute(psprintf("TRUNCATE dataplat_internal.change_log_%d_%d", log->log_id, segment));
	execute(psprintf("UPDATE dataplat_internal.change_log_segment AS s SET kept_from = '%s' WHERE s.log_id = %d",
					 now, log->log_id));
	DP_INJECT("changelog_after_truncate");
}

/*
 * Truncate the segment that is not written, when that can be done.  With
 * ACCESS EXCLUSIVE on it nobody is in the middle of reading or of moving a
 * frontier; the frontiers must still be those that were looked at.
 */
static bool
empty_idle_segment(LogRow *log)
{
	int			segment = 1 - log->current;
	Oid			relid = dp_log_segment_oid(log->log_id, segment);
	char	   *signature,
			   *now;
	bool		emptied = false;

	if (!ConditionalLockRelationOid(relid, ShareLock))
		return false;
	log->blocks[segment] = blocks_of(relid);
	if (log->blocks[segment] > 0 && everybody_has_seen(log, segment, &signature) &&
		ConditionalLockRelationOid(relid, AccessExclusiveLock))
	{
		frontiers_of(log->log_id, &now);
		if (strcmp(now, signature) == 0)
		{
			truncate_segment(log, segment);
			emptied = true;
		}
		else
			UnlockRelationOid(relid, AccessExclusiveLock);
	}
	if (!emptied)
		UnlockRelationOid(relid, ShareLock);
	return emptied;
}

/* ---- the chore ---- */

static void
summarize(LogRow *log)
{
	for (int i = 0; i < DP_LOG_SEGMENTS; i++)
	{
		if (log->blocks[i] < SUMMARIZE_FROM_BLOCKS)
			continue;
		execute(psprintf("SELECT pg_catalog.brin_summarize_new_values(i.indexrelid) FROM pg_catalog.pg_index AS i"
						 " WHERE i.indrelid = %u", dp_log_segment_oid(log->log_id, i)));
	}
}

/* At most one segment a turn is emptied: its locks last until the turn ends. */
static void
rotate_logs(void)
{
	bool		emptied = false;
	ListCell   *lc;

	foreach(lc, logs_by_size(CurrentMemoryContext))
	{
		LogRow	   *log = lfirst(lc);
		int			idle = 1 - log->current;

		CHECK_FOR_INTERRUPTS();
		summarize(log);
		if (log->blocks[idle] > 0 && !emptied)
			emptied = empty_idle_segment(log);
		else if (log->blocks[idle] == 0 && log->blocks[log->current] >= segment_size)
			change_roles(log);
	}
}

/* Mend what restores, drops and old servers left; one table a turn is looked at closely. */
static void
tend_logs(void)
{
	static int32 last = 0;
	bool		isnull;

	if (SPI_execute(psprintf("SELECT dataplat_internal.tend_change_logs(%d)", last), false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not tend change logs");
	last = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static void
run_chore(void)
{
	(void) set_config_option("lock_timeout", LOCK_TIMEOUT, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	SPI_connect();
	rotate_logs();
	tend_logs();
	SPI_finish();
}

void
dp_log_rotate_init(void)
{
	DefineCustomIntVariable("dataplat.change_log_segment_size",
							"Size at which a segment of a change log is left for the other one.",
							"Segments that all readers have read are emptied; a larger size means less work and more disk.",
							&segment_size, 16 * 1024 * 1024 / BLCKSZ, 1, INT_MAX / 2,
							PGC_SUSET, GUC_UNIT_BLOCKS, NULL, NULL, NULL);
	dp_maintenance_register("change logs", SECONDS_BETWEEN_TURNS, run_chore);
}
