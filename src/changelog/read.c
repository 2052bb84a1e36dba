/*-------------------------------------------------------------------------
 *
 * read.c
 *	  What a reader has not seen of a table, and moving its frontier.
 *
 * All segments are scanned under the active snapshot; which of them writers
 * fill does not matter.  The table is locked first, then its log, as writers
 * and ALTER TABLE do it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "changelog/changelog_int.h"
#include "common/statement.h"
#include "query/query.h"

extern PGDLLEXPORT Datum dp_advance_reader(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_changes_pending(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_present_frontier(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_advance_reader);
PG_FUNCTION_INFO_V1(dp_changes_pending);
PG_FUNCTION_INFO_V1(dp_present_frontier);

/* Rows of a segment a block, to size bitmaps by. */
#define EXPECTED_ROWS_PER_BLOCK 80

/* Readers of which a session remembers that they are up to date. */
#define CLEAN_READERS 256

typedef struct ColumnMap
{
	int			from;			/* index in the segment's row */
	int			to;				/* index in the table's row */
	DpCarrier	how;
	int16		typlen;
} ColumnMap;

/* ---- is there anything ---- */

/* Readers that had seen everything when the table's counter stood at "count". */
static struct
{
	uint64		key;			/* of log, reader and frontier */
	uint64		count;
}			clean[CLEAN_READERS];

static uint64
reader_key(const DpReader *reader)
{
	char	   *text = psprintf("%d %s %s", reader->log_id, dp_frontier_json(reader->frontier), reader->name);

	return hash_bytes_extended((unsigned char *) text, strlen(text), 0);
}

/* Was nothing past the frontier when somebody looked, and has nothing changed since? */
static bool
is_known_clean(Oid relid, const DpReader *reader)
{
	uint64		count = dp_log_changed_here(relid) ? 0 : dp_log_change_count(relid);
	uint64		key = reader_key(reader);

	return count != 0 && clean[key % CLEAN_READERS].key == key && clean[key % CLEAN_READERS].count == count;
}

/*
 * Looks as of now, not as of the active snapshot: a commit that the snapshot
 * does not see must not be taken for one that was looked at.
 */
static bool
is_pending(Oid relid, const DpReader *reader)
{
	uint64		count = dp_log_changed_here(relid) ? 0 : dp_log_change_count(relid);
	uint64		key = reader_key(reader);
	bool		pending = false;

	PushActiveSnapshot(GetLatestSnapshot());
	for (int i = 0; i < DP_LOG_SEGMENTS && !pending; i++)
	{
		DpLogScan	scan = {.frontier = reader->frontier};

		if (!dp_log_scan_begin(&scan, reader->log_id, i))
			continue;
		pending = dp_log_scan_next(&scan);
		dp_log_scan_end(&scan);
	}
	PopActiveSnapshot();
	if (!pending && count != 0)
	{
		clean[key % CLEAN_READERS].key = key;
		clean[key % CLEAN_READERS].count = count;
	}
	return pending;
}

bool
dp_changelog_pending(Oid relid, const char *name)
{
	Relation	rel = table_open(relid, AccessShareLock);
	DpReader   *reader;
	bool		pending;

	PushActiveSnapshot(GetLatestSnapshot());
	reader = dp_reader_load(rel, name);
	PopActiveSnapshot();
	pending = reader->reset != NULL || (!is_known_clean(relid, reader) && is_pending(relid, reader));
	table_close(rel, NoLock);
	return pending;
}

/* ---- reading ---- */

static ColumnMap *
map_columns(TupleDesc from, TupleDesc to, Bitmapset *wanted, int *n)
{
	ColumnMap  *map = palloc(sizeof(ColumnMap) * from->natts);

	*n = 0;
	for (int i = DP_LOG_FIRST_COLUMN - 1; i < from->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(from, i);
		AttrNumber	attnum;
		ColumnMap  *m = &map[*n];

		if (att->attisdropped)
			continue;
		attnum = dp_log_column_attnum(NameStr(att->attname));
		if (attnum <= 0 || attnum > to->natts || TupleDescAttr(to, attnum - 1)->attisdropped ||
			(wanted && !bms_is_member(attnum, wanted)) ||
			dp_carrier_type(TupleDescAttr(to, attnum - 1)->atttypid, &m->how) != att->atttypid)
			continue;
		m->from = i;
		m->to = attnum - 1;
		m->typlen = att->attlen;
		(*n)++;
	}
	return map;
}

/* The row that the scan stands at, as one of the table; columns that are not mapped stay as they are. */
static void
fill_row(DpLogScan *scan, const ColumnMap *map, int nmap, Datum *values, bool *nulls)
{
	slot_getallattrs(scan->slot);
	for (int i = 0; i < nmap; i++)
	{
		Datum		value = scan->slot->tts_values[map[i].from];

		nulls[map[i].to] = scan->slot->tts_isnull[map[i].from];
		if (nulls[map[i].to])
			continue;
		if (map[i].typlen == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(value)))
			value = PointerGetDatum(detoast_external_attr((struct varlena *) DatumGetPointer(value)));
		values[map[i].to] = dp_carry_out(value, map[i].how);
	}
}

static void
read_segment(DpLogScan *scan, DpNet *net, DpDelta *delta, Bitmapset *wanted)
{
	int			nmap;
	ColumnMap  *map = map_columns(RelationGetDescr(scan->segment), delta->desc, wanted, &nmap);
	Datum	   *values = palloc0(sizeof(Datum) * delta->desc->natts);
	bool	   *nulls = palloc(delta->desc->natts);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "dataplat log row",
											  ALLOCSET_DEFAULT_SIZES);

	memset(nulls, true, delta->desc->natts);
	while (dp_log_scan_next(scan))
	{
		MemoryContext old = MemoryContextSwitchTo(row);

		fill_row(scan, map, nmap, values, nulls);
		dp_net_add(net, values, nulls, scan->sign);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	MemoryContextDelete(row);
}

/* ---- new rows where they stand ---- */

typedef struct LogSource
{
	DpRowSource pub;
	const DpReader *reader;
	TupleDesc	desc;
	Snapshot	snapshot;
	List	   *ranges[DP_LOG_SEGMENTS];	/* of blocks that have them */
} LogSource;

typedef struct LogCursor
{
	const LogSource *source;
	MemoryContext context;
	int			segment;		/* that comes next */
	bool		open;
	DpLogScan	scan;
	ColumnMap  *map;
	int			nmap;
} LogCursor;

static void *
begin_log(const DpRowSource *source)
{
	LogCursor  *cursor = palloc0(sizeof(LogCursor));

	cursor->source = (const LogSource *) source;
	cursor->context = CurrentMemoryContext;
	return cursor;
}

/* Go on with the next segment; false when there is none. */
static bool
open_segment(LogCursor *cursor)
{
	const LogSource *source = cursor->source;
	MemoryContext old = MemoryContextSwitchTo(cursor->context);

	while (!cursor->open && cursor->segment < DP_LOG_SEGMENTS)
	{
		List	   *ranges = source->ranges[cursor->segment];

		if (ranges == NIL)
		{
			cursor->segment++;
			continue;
		}
		memset(&cursor->scan, 0, sizeof(DpLogScan));
		cursor->scan.ranges = list_copy(ranges);
		cursor->scan.frontier = source->reader->frontier;
		cursor->scan.snapshot = source->snapshot;
		cursor->scan.keep_lock = true;
		cursor->open = dp_log_scan_begin(&cursor->scan, source->reader->log_id, cursor->segment++);
	}
	if (cursor->open)
		cursor->map = map_columns(RelationGetDescr(cursor->scan.segment), source->desc,
								  source->reader->columns, &cursor->nmap);
	MemoryContextSwitchTo(old);
	return cursor->open;
}

static bool
next_in_log(void *arg, Datum *values, bool *nulls)
{
	LogCursor  *cursor = arg;

	while (cursor->open || open_segment(cursor))
	{
		if (dp_log_scan_next(&cursor->scan))
		{
			memset(nulls, true, cursor->source->desc->natts);
			fill_row(&cursor->scan, cursor->map, cursor->nmap, values, nulls);
			return true;
		}
		dp_log_scan_end(&cursor->scan);
		cursor->open = false;
	}
	return false;
}

static void
end_log(void *arg)
{
	LogCursor  *cursor = arg;

	if (cursor->open)
		dp_log_scan_end(&cursor->scan);
	pfree(cursor);
}

/* Leave the new rows in the log if no old ones are there.  Nobody empties a segment that we have not read. */
static bool
leave_in_log(DpDelta *delta, const DpReader *reader)
{
	LogSource  *source = palloc0(sizeof(LogSource));
	int64		n = 0;
	bool		gone = false;

	for (int i = 0; i < DP_LOG_SEGMENTS && !gone; i++)
	{
		DpLogScan	scan = {.frontier = reader->frontier, .keep_lock = true, .note_hits = true};

		if (!dp_log_scan_begin(&scan, reader->log_id, i))
			continue;
		n += dp_log_scan_count(&scan, &gone);
		source->ranges[i] = scan.hits;
		dp_log_scan_end(&scan);
	}
	if (gone || n == 0)
		return false;
	source->pub.begin = begin_log;
	source->pub.next = next_in_log;
	source->pub.end = end_log;
	source->reader = reader;
	source->desc = delta->desc;
	source->snapshot = delta->snapshot = dp_own_snapshot();
	delta->source = &source->pub;
	delta->nnew = n;
	return true;
}

/* Pages of a log, all of them. */
static BlockNumber
log_blocks(int32 log_id)
{
	BlockNumber blocks = 0;

	for (int i = 0; i < DP_LOG_SEGMENTS; i++)
	{
		Oid			relid = dp_log_segment_oid(log_id, i);
		Relation	segment = OidIsValid(relid) ? table_open(relid, AccessShareLock) : NULL;

		if (segment)
		{
			blocks += RelationGetNumberOfBlocks(segment);
			table_close(segment, AccessShareLock);
		}
	}
	return blocks;
}

/* The active snapshot as it is now, whatever becomes of it. */
Snapshot
dp_own_snapshot(void)
{
	Snapshot	snapshot;

	PushCopiedSnapshot(GetActiveSnapshot());
	snapshot = RegisterSnapshot(GetActiveSnapshot());
	PopActiveSnapshot();
	return snapshot;
}

DpDelta *
dp_changelog_read(Oid relid, const char *name, bool where_they_stand)
{
	Relation	rel = table_open(relid, AccessShareLock);
	DpReader   *reader = dp_reader_load(rel, name);
	DpDelta    *delta = palloc0(sizeof(DpDelta));
	DpNet	   *net;

	delta->relid = relid;
	delta->desc = CreateTupleDescCopy(RelationGetDescr(rel));
	table_close(rel, NoLock);
	delta->reset = reader->reset;
	delta->quiet = reader->reset == NULL && is_known_clean(relid, reader);
	if (where_they_stand && delta->reset == NULL && !delta->quiet && leave_in_log(delta, reader))
		return delta;
	net = dp_net_begin(delta, delta->quiet || reader->reset ? 0 : (int64) log_blocks(reader->log_id) * EXPECTED_ROWS_PER_BLOCK);
	for (int i = 0; i < DP_LOG_SEGMENTS && !reader->reset && !delta->quiet; i++)
	{
		DpLogScan	scan = {.frontier = reader->frontier};

		if (!dp_log_scan_begin(&scan, reader->log_id, i))
			continue;
		read_segment(&scan, net, delta, reader->columns);
		dp_log_scan_end(&scan);
	}
	if (delta->reset == NULL && dp_net_is_empty(net))
	{
		/* So that the next one need not look. */
		(void) (delta->quiet || is_pending(relid, reader));
		delta->quiet = true;
	}
	dp_net_finish(net);
	return delta;
}

void
dp_changelog_free(DpDelta *delta)
{
	if (delta->old_rows)
		tuplestore_end(delta->old_rows);
	if (delta->new_rows)
		tuplestore_end(delta->new_rows);
	if (delta->source && delta->forget)
		delta->forget(unconstify(struct DpRowSource *, delta->source));
	if (delta->snapshot)
		UnregisterSnapshot(delta->snapshot);
	FreeTupleDesc(delta->desc);
	pfree(delta);
}

/* ---- moving the frontier ---- */

/*
 * The highest number of this transaction's rows in the log that the active
 * snapshot sees; those of the running command are yet to come.
 */
static int64
own_seq(int32 log_id, uint64 xid)
{
	DpFrontier	nothing = {.xmin = xid, .xmax = xid};
	int64		seq = 0;

	for (int i = 0; i < DP_LOG_SEGMENTS; i++)
	{
		DpLogScan	scan = {.frontier = &nothing};

		if (!dp_log_scan_begin(&scan, log_id, i))
			continue;
		while (dp_log_scan_next(&scan))
			if (scan.xid == xid)
				seq = Max(seq, scan.seq);
		dp_log_scan_end(&scan);
	}
	return seq;
}

/* Store a frontier, or NULL and the reason for it. */
static void
store_frontier(const DpReader *reader, const char *json, const char *reason)
{
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};

	values[0] = CStringGetTextDatum(reader->relation);
	values[1] = CStringGetTextDatum(reader->name);
	values[2] = json ? CStringGetTextDatum(json) : (Datum) 0;
	nulls[2] = json ? ' ' : 'n';
	values[3] = reason ? CStringGetTextDatum(reason) : (Datum) 0;
	nulls[3] = reason ? ' ' : 'n';
	if (dp_statement_execute("UPDATE dataplat_internal.change_log_reader AS r"
							  " SET frontier = $3::pg_catalog.jsonb, reset_reason = $4"
							  " WHERE r.relation OPERATOR(pg_catalog.=) $1 AND r.reader OPERATOR(pg_catalog.=) $2",
							  4, types, values, nulls, false, 0) != SPI_OK_UPDATE ||
		SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("reader \"%s\" does not watch table %s any more", reader->name, reader->relation)));
}

/*
 * Does the log, as of now, hold all that the frontier does not see?  It stays
 * so until we commit: whoever empties a segment or makes the log anew waits
 * for our locks on it.
 */
static bool
log_holds_rest(const DpReader *reader, const DpFrontier *frontier)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	bool		holds;

	if (!dp_log_lock_segments(reader->log_id))
		return false;
	values[0] = CStringGetTextDatum(reader->relation);
	PushActiveSnapshot(GetLatestSnapshot());
	if (dp_statement_execute("SELECT l.valid_from, s.kept_from FROM dataplat_internal.change_log AS l"
							  " JOIN dataplat_internal.change_log_segment AS s ON s.log_id OPERATOR(pg_catalog.=) l.log_id"
							  " WHERE l.relation OPERATOR(pg_catalog.=) $1",
							  1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read dataplat_internal.change_log");
	PopActiveSnapshot();
	holds = SPI_processed == 1;
	for (int i = 1; i <= 2 && holds; i++)
	{
		char	   *snapshot = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i);

		/* nothing was emptied yet: that holds; no beginning: the log is lost */
		holds = snapshot ? dp_frontier_covers(frontier, dp_frontier_parse(snapshot, NULL, NULL)) : i == 2;
		/* a reader that goes on was asked before anything was emptied, after our snapshot or before */
		if (i == 2 && !holds && reader->frontier != NULL)
			holds = dp_frontier_covers(frontier, reader->frontier);
	}
	return holds;
}

void
dp_changelog_advance(Oid relid, const char *name)
{
	Relation	rel = table_open(relid, AccessShareLock);
	DpReader   *reader = dp_reader_load(rel, name);
	DpFrontier *frontier = dp_frontier_of_snapshot(GetActiveSnapshot());
	uint64		xid = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
	Oid			save_userid;
	int			save_sec_context;

	if (xid != 0 && dp_log_changed_here(relid))
	{
		frontier->own_xid = xid;
		frontier->own_seq = own_seq(reader->log_id, xid);
	}
	dp_log_as_owner(&save_userid, &save_sec_context);
	SPI_connect();
	/* what happens while an obstacle is there is not told after it has gone */
	if (reader->obstacle)
		store_frontier(reader, NULL, reader->obstacle);
	else if (log_holds_rest(reader, frontier))
		store_frontier(reader, dp_frontier_json(frontier), NULL);
	else
		store_frontier(reader, NULL, "its log is younger than what was read last");
	SPI_finish();
	SetUserIdAndSecContext(save_userid, save_sec_context);
	table_close(rel, NoLock);
}

/* ---- for SQL ---- */

/* dataplat_internal.advance_reader(relation regclass, reader text) returns void */
Datum
dp_advance_reader(PG_FUNCTION_ARGS)
{
	dp_changelog_advance(PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/* dataplat_internal.changes_pending(relation regclass, reader text) returns boolean */
Datum
dp_changes_pending(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dp_changelog_pending(PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1))));
}

/*
 * dataplat_internal.present_frontier(log_id int) returns text
 *
 * What can be seen at this moment, whatever this transaction's snapshot is.
 * What this transaction wrote already counts as seen.
 */
Datum
dp_present_frontier(PG_FUNCTION_ARGS)
{
	DpFrontier *frontier;
	int64		seq = dp_log_last_seq();

	/* from here on nothing goes that this frontier does not see */
	(void) dp_log_lock_segments(PG_GETARG_INT32(0));
	frontier = dp_frontier_of_snapshot(GetLatestSnapshot());

	if (seq > 0)
	{
		frontier->own_xid = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
		frontier->own_seq = seq;
	}
	PG_RETURN_TEXT_P(cstring_to_text(dp_frontier_json(frontier)));
}
