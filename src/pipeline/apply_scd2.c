/*-------------------------------------------------------------------------
 *
 * apply_scd2.c
 *	  All versions of a key, each with the range in which it was valid.
 *
 * What a version looks like can depend on events that the target does not
 * show: deletes, events that changed nothing that is tracked, columns that
 * were overwritten.  So all events are kept, one for each key and sequence
 * (the later one when two have the same), in a table of the rule's own; the
 * versions of a key are a fold over its events in order, and the target is
 * brought to what the fold says.  History then is a function of the set of
 * events, and the order of arrival cannot matter.
 *
 * Only the end of a history is folded: from the last version that begins
 * before the oldest new event of the key.  Nothing before it can change,
 * because a version's begin depends only on events up to it.
 *
 * The target is written in the order delete, update, insert, so that an
 * exclusion constraint over the ranges holds after each row: updates keep
 * the begin of a range, and what is in the way of a range that grows is a
 * version that is gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/rangetypes.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "common/compat.h"
#include "pipeline/apply_int.h"

#define EVENT "event"
#define VALID_COLUMN "valid"
#define CURRENT_COLUMN "is_current"

/* Columns of ours beside the user's: names that no user has. */
#define DELETED_COLUMN "dataplat deleted"
#define KEEP_COLUMN "dataplat keep"
#define FROM_COLUMN "dataplat from"

#define TOUCHED_NAME "dataplat_touched"
#define EVENTS_NAME "dataplat_events"
#define VERSIONS_NAME "dataplat_versions"

#define FETCH_ROWS 1000

typedef struct History
{
	DpEvents   *events;
	bool		afresh;
	Relation	target;
	const char *target_name;	/* quoted */
	int			nkeys;

	/* The table of events: keys, sequence, the rest, deleted, keep. */
	Oid			event_table;
	TupleDesc	event_desc;
	AttrNumber	sequence;		/* right after the keys */
	AttrNumber	deleted;
	AttrNumber	keep;
	DpKey	   *event_key;		/* the keys alone */
	bool	   *tracked;		/* by column of event_desc */

	/* Which keys have new events, and from where to fold. */
	TupleDesc	touched_desc;	/* keys, from */
	Tuplestorestate *touched;
	int64		ntouched;

	/* What the fold says: columns of event_desc before "deleted", then valid, is_current, from. */
	TupleDesc	version_desc;
	Tuplestorestate *versions;
	int64		nversions;
	TypeCacheEntry *range;
	TupleTableSlot *version;

	/* the fold */
	TupleTableSlot *open;		/* the version that is being made; empty: none */
	TupleTableSlot *next;
	Datum		begin;
} History;

static History *history_open(DpEvents *events, bool afresh);
static void store_events(History *history, DpWriteCounts *counts);
static void find_touched(History *history, Tuplestorestate *rows, TupleDesc desc, int64 n,
						 DpWriteCounts *counts);
static void fold_touched(History *history);
static void write_target(History *history, DpWriteCounts *counts);

void
dp_apply_scd2(DpPipeline *pipeline, TupleDesc desc, Tuplestorestate *rows,
			  int64 nrows, bool afresh, DpWriteCounts *counts)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dataplat scd2",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	History    *history = history_open(dp_events_open(pipeline, desc, rows, nrows), afresh);

	store_events(history, counts);
	fold_touched(history);
	write_target(history, counts);
	tuplestore_end(history->touched);
	tuplestore_end(history->versions);
	table_close(history->target, NoLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ---------------------------------------------------------------- row types */

static void
check_columns(History *history)
{
	TupleDesc	desc = RelationGetDescr(history->target);
	DpEvents   *events = history->events;
	AttrNumber	valid = SPI_fnumber(desc, VALID_COLUMN);
	AttrNumber	current = SPI_fnumber(desc, CURRENT_COLUMN);
	Oid			type;

	if (events->nsequence != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("mode scd2 needs one column as sequence_by"),
				 errhint("Name a column that says when an event happened.")));
	type = TupleDescAttr(events->desc, events->sequence[0] - 1)->atttypid;
	if (valid > 0)
		history->range = lookup_type_cache(TupleDescAttr(desc, valid - 1)->atttypid,
										   TYPECACHE_RANGE_INFO);
	if (valid <= 0 || history->range->rngelemtype == NULL ||
		history->range->rngelemtype->type_id != type ||
		current <= 0 || TupleDescAttr(desc, current - 1)->atttypid != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("table \"%s\" cannot hold history", RelationGetRelationName(history->target)),
				 errdetail("It needs a column \"%s\" that is a range of %s and a boolean column \"%s\".",
						   VALID_COLUMN, format_type_be(type), CURRENT_COLUMN)));
	dp_events_same_types(events, desc, events->nkeys, events->keys);
	dp_events_same_types(events, desc, events->nsequence, events->sequence);
}

static bool
is_listed(TupleDesc desc, int n, const AttrNumber *attnos, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, attnos[i] - 1)->attname), name) == 0)
			return true;
	return false;
}

static bool
is_tracked(DpEvents *events, const char *name)
{
	ListCell   *lc;

	foreach(lc, events->pipeline->track_history_on)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

/* Does the table of events keep this column, besides keys and sequence? */
static bool
is_kept(History *history, Form_pg_attribute att)
{
	DpEvents   *events = history->events;
	char	   *name = NameStr(att->attname);

	if (att->attisdropped || is_listed(events->desc, events->nkeys, events->keys, name) ||
		is_listed(events->desc, 1, events->sequence, name))
		return false;
	if (SPI_fnumber(RelationGetDescr(history->target), name) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the result does not fit table \"%s\"",
						RelationGetRelationName(history->target)),
				 errdetail("The table has no column \"%s\".", name)));
	return true;
}

/* Keys, sequence, the other columns that the target has of the events. */
static void
describe_events(History *history)
{
	DpEvents   *events = history->events;
	TupleDesc	target = RelationGetDescr(history->target);
	TupleDesc	stored = dp_events_stored(events, target);
	AttrNumber *keys = dp_events_translate(stored, target, events->nkeys, events->keys);
	AttrNumber *sequence = dp_events_translate(stored, target, 1, events->sequence);
	int			total = events->nkeys + 3;
	int			n = 0;
	TupleDesc	desc;

	for (int i = 0; i < stored->natts; i++)
		total += is_kept(history, TupleDescAttr(stored, i)) ? 1 : 0;
	desc = CreateTemplateTupleDesc(total);
	for (int i = 0; i < events->nkeys; i++)
		TupleDescCopyEntry(desc, ++n, target, keys[i]);
	TupleDescCopyEntry(desc, ++n, target, sequence[0]);
	history->nkeys = events->nkeys;
	history->sequence = n;
	history->tracked = palloc0(sizeof(bool) * (total + 1));
	for (int i = 0; i < stored->natts; i++)
	{
		char	   *name = NameStr(TupleDescAttr(stored, i)->attname);

		if (!is_kept(history, TupleDescAttr(stored, i)))
			continue;
		TupleDescCopyEntry(desc, ++n, target, dp_events_column(target, name));
		history->tracked[n] = events->pipeline->track_history_on == NIL || is_tracked(events, name);
	}
	history->deleted = ++n;
	TupleDescInitEntry(desc, n, DELETED_COLUMN, BOOLOID, -1, 0);
	history->keep = ++n;
	TupleDescInitEntry(desc, n, KEEP_COLUMN, TEXTARRAYOID, -1, 0);
	history->event_desc = desc;
}

static History *
history_open(DpEvents *events, bool afresh)
{
	History    *history = palloc0(sizeof(History));
	AttrNumber *keys = palloc(sizeof(AttrNumber) * events->nkeys);
	int			ncolumns;

	history->events = events;
	history->afresh = afresh;
	history->target = table_open(events->pipeline->target, RowExclusiveLock);
	history->target_name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(history->target)),
													  RelationGetRelationName(history->target));
	check_columns(history);
	describe_events(history);
	for (int i = 0; i < events->nkeys; i++)
		keys[i] = i + 1;
	history->event_key = dp_key_make(history->event_desc, events->nkeys, keys);
	history->event_table = dp_side_table_open(EVENT, events->pipeline->id, events->pipeline->owner,
											  history->event_desc, events->nkeys + 1, afresh);

	history->touched_desc = CreateTemplateTupleDesc(history->nkeys + 1);
	for (int i = 1; i <= history->nkeys; i++)
		TupleDescCopyEntry(history->touched_desc, i, history->event_desc, i);
	TupleDescCopyEntry(history->touched_desc, history->nkeys + 1, history->event_desc, history->sequence);
	namestrcpy(&TupleDescAttr(history->touched_desc, history->nkeys)->attname, FROM_COLUMN);

	ncolumns = history->deleted - 1;
	history->version_desc = CreateTemplateTupleDesc(ncolumns + 3);
	for (int i = 1; i <= ncolumns; i++)
		TupleDescCopyEntry(history->version_desc, i, history->event_desc, i);
	TupleDescInitEntry(history->version_desc, ncolumns + 1, VALID_COLUMN, history->range->type_id, -1, 0);
	TupleDescInitEntry(history->version_desc, ncolumns + 2, CURRENT_COLUMN, BOOLOID, -1, 0);
	TupleDescCopyEntry(history->version_desc, ncolumns + 3, history->event_desc, history->sequence);
	namestrcpy(&TupleDescAttr(history->version_desc, ncolumns + 2)->attname, FROM_COLUMN);

	history->touched = tuplestore_begin_heap(false, false, work_mem);
	history->versions = tuplestore_begin_heap(false, false, work_mem);
	history->version = MakeSingleTupleTableSlot(history->version_desc, &TTSOpsVirtual);
	return history;
}

/* ---------------------------------------------------------- keeping events */

/* The columns of an event as they are kept; the ordinal at the end. */
static TupleDesc
describe_kept(History *history, AttrNumber **from)
{
	DpEvents   *events = history->events;
	int			n = history->keep;
	TupleDesc	kept = CreateTemplateTupleDesc(n + 1);

	*from = palloc0(sizeof(AttrNumber) * (n + 1));
	for (int i = 1; i < history->deleted; i++)
	{
		(*from)[i] = dp_events_column(events->desc,
									  NameStr(TupleDescAttr(history->event_desc, i - 1)->attname));
		TupleDescCopyEntry(kept, i, events->desc, (*from)[i]);
	}
	TupleDescInitEntry(kept, history->deleted, DELETED_COLUMN, BOOLOID, -1, 0);
	TupleDescInitEntry(kept, history->keep, KEEP_COLUMN, TEXTARRAYOID, -1, 0);
	TupleDescInitEntry(kept, n + 1, "ordinal", INT8OID, -1, 0);
	return kept;
}

/* An event without a key or a place in history cannot be kept. */
static void
check_place(History *history, TupleTableSlot *row)
{
	for (int i = 1; i <= history->sequence; i++)
		if (row->tts_isnull[i - 1])
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("an event for history table \"%s\" has no \"%s\"",
							RelationGetRelationName(history->target),
							NameStr(TupleDescAttr(history->event_desc, i - 1)->attname)),
					 errdetail("Keys and sequence_by must not be NULL in mode scd2."),
					 errhint("Leave such rows out with WHERE, or give the column a value with coalesce().")));
}

/*
 * Put the new events into the table of events: for a key and a sequence the
 * one that came last.  Fills "touched".
 */
static void
store_events(History *history, DpWriteCounts *counts)
{
	DpEvents   *events = history->events;
	DpPipeline	upsert = *events->pipeline;
	DpWriteCounts ignored = {0};
	AttrNumber *from;
	TupleDesc	desc = describe_kept(history, &from);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	TupleTableSlot *event = MakeSingleTupleTableSlot(events->desc, &TTSOpsMinimalTuple);
	TupleTableSlot *kept = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	bool		isnull;

	tuplestore_rescan(events->rows);
	while (tuplestore_gettupleslot(events->rows, true, false, event))
	{
		CHECK_FOR_INTERRUPTS();
		ExecClearTuple(kept);
		for (int i = 1; i < history->deleted; i++)
			kept->tts_values[i - 1] = slot_getattr(event, from[i], &kept->tts_isnull[i - 1]);
		check_place(history, kept);
		kept->tts_values[history->deleted - 1] =
			BoolGetDatum(events->deletes && dp_condition_holds(events->deletes, event));
		kept->tts_isnull[history->deleted - 1] = false;
		kept->tts_isnull[history->keep - 1] = true;
		if (events->keep != 0)
			kept->tts_values[history->keep - 1] = slot_getattr(event, events->keep,
															   &kept->tts_isnull[history->keep - 1]);
		kept->tts_values[desc->natts - 1] = slot_getattr(event, events->ordinal, &isnull);
		kept->tts_isnull[desc->natts - 1] = false;
		ExecStoreVirtualTuple(kept);
		tuplestore_puttupleslot(rows, kept);
	}
	ExecDropSingleTupleTableSlot(event);
	ExecDropSingleTupleTableSlot(kept);

	find_touched(history, rows, desc, events->nrows, counts);
	upsert.target = history->event_table;
	upsert.keys = NIL;
	for (int i = 0; i < history->sequence; i++)
		upsert.keys = lappend(upsert.keys, NameStr(TupleDescAttr(desc, i)->attname));
	upsert.sequence_by = NULL;
	upsert.delete_when = NULL;
	upsert.rules = NULL;
	dp_apply_upsert(&upsert, desc, rows, history->afresh, &ignored);
	tuplestore_end(rows);
}

static void
name_store(const char *name, TupleDesc desc, Tuplestorestate *rows, int64 n)
{
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	int			rc;

	enr->md.name = pstrdup(name);
	enr->md.tupdesc = desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = n;
	enr->reldata = rows;
	if ((rc = SPI_register_relation(enr)) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not name rows: %s", SPI_result_code_string(rc));
}

static const char *
column(History *history, AttrNumber attno)
{
	return quote_identifier(NameStr(TupleDescAttr(history->event_desc, attno - 1)->attname));
}

/* "a.k = b.k AND ..." over the keys. */
static char *
same_key(History *history, const char *a, const char *b)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < history->nkeys; i++)
		appendStringInfo(&sql, "%s%s.%s %s %s.%s", i == 0 ? "" : " AND ", a, column(history, i + 1),
						 dp_key_operator(history->event_key, i), b, column(history, i + 1));
	return sql.data;
}

/*
 * The keys of the new events, each with the begin of the last version before
 * the oldest of them: from there on history is folded again.  Columns that an
 * event does not carry (_keep) come from before, so then all of it is.
 */
static void
find_touched(History *history, Tuplestorestate *rows, TupleDesc desc, int64 n,
			 DpWriteCounts *counts)
{
	StringInfoData keys,
				sql;
	const char *sequence = column(history, history->sequence);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(history->touched_desc, &TTSOpsVirtual);
	Portal		portal;
	bool		isnull;

	initStringInfo(&keys);
	for (int i = 1; i <= history->nkeys; i++)
		appendStringInfo(&keys, "%s%s", i == 1 ? "" : ", ", column(history, i));
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT d.*, (SELECT pg_catalog.max(pg_catalog.lower(t." VALID_COLUMN ")) FROM %s AS t"
					 " WHERE %s AND pg_catalog.lower(t." VALID_COLUMN ") OPERATOR(pg_catalog.<) d.oldest) AS \"" FROM_COLUMN "\""
					 " FROM (SELECT %s, pg_catalog.min(%s) AS oldest FROM " EVENTS_NAME " GROUP BY %s) AS d",
					 history->target_name, same_key(history, "t", "d"), keys.data, sequence, keys.data);

	SPI_connect();
	name_store(EVENTS_NAME, desc, rows, n);
	portal = SPI_cursor_open_with_args(NULL, sql.data, 0, NULL, NULL, NULL, false, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			ExecClearTuple(slot);
			for (int k = 1; k <= history->nkeys + 1; k++)
				slot->tts_values[k - 1] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
														k <= history->nkeys ? k : k + 1,
														&slot->tts_isnull[k - 1]);
			if (history->events->keep != 0 || history->afresh)
				slot->tts_isnull[history->nkeys] = true;
			ExecStoreVirtualTuple(slot);
			tuplestore_puttupleslot(history->touched, slot);
			history->ntouched++;
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	ExecDropSingleTupleTableSlot(slot);

	resetStringInfo(&sql);
	appendStringInfo(&sql, "SELECT pg_catalog.count(*) FROM " EVENTS_NAME " AS d WHERE d.%s OPERATOR(pg_catalog.<)"
					 " (SELECT pg_catalog.max(pg_catalog.lower(t." VALID_COLUMN ")) FROM %s AS t WHERE %s)",
					 sequence, history->target_name, same_key(history, "t", "d"));
	if (!history->afresh)
	{
		if (SPI_execute(sql.data, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
			elog(ERROR, "could not count late events");
		counts->late += DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_finish();
}

/* ----------------------------------------------------------------- folding */

/* The open version ends at "end", or lasts. */
static void
close_version(History *history, Datum end, bool lasts)
{
	TupleTableSlot *version = history->version;
	RangeBound	lower = {.val = history->begin, .inclusive = true, .lower = true};
	RangeBound	upper = {.val = end, .infinite = lasts};
	int			n = history->deleted - 1;

	if (TTS_EMPTY(history->open))
		return;
	ExecClearTuple(version);
	memcpy(version->tts_values, history->open->tts_values, sizeof(Datum) * n);
	memcpy(version->tts_isnull, history->open->tts_isnull, sizeof(bool) * n);
	memset(version->tts_isnull + n, false, sizeof(bool) * 3);
	version->tts_values[n] = RangeTypePGetDatum(dp_make_range(history->range, &lower, &upper, false));
	version->tts_values[n + 1] = BoolGetDatum(lasts);
	version->tts_values[n + 2] = history->begin;
	ExecStoreVirtualTuple(version);
	tuplestore_puttupleslot(history->versions, version);
	history->nversions++;
	ExecClearTuple(history->open);
}

/* What the event does not carry it has from the version before it. */
static void
inherit(History *history, TupleTableSlot *next)
{
	Datum	   *names;
	bool	   *nulls;
	int			n;

	if (next->tts_isnull[history->keep - 1] || TTS_EMPTY(history->open))
		return;
	deconstruct_array(DatumGetArrayTypeP(next->tts_values[history->keep - 1]),
					  TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name = nulls[i] ? "" : TextDatumGetCString(names[i]);

		for (int a = history->sequence + 1; a < history->deleted; a++)
			if (strcmp(NameStr(TupleDescAttr(history->event_desc, a - 1)->attname), name) == 0)
			{
				next->tts_values[a - 1] = history->open->tts_values[a - 1];
				next->tts_isnull[a - 1] = history->open->tts_isnull[a - 1];
			}
	}
}

/* Does the event change anything that is tracked? */
static bool
begins_version(History *history, TupleTableSlot *next)
{
	TupleTableSlot *open = history->open;

	if (TTS_EMPTY(open))
		return true;
	for (int a = 1; a < history->deleted; a++)
	{
		Form_pg_attribute att = TupleDescAttr(history->event_desc, a - 1);

		if (!history->tracked[a])
			continue;
		if (open->tts_isnull[a - 1] != next->tts_isnull[a - 1] ||
			(!open->tts_isnull[a - 1] &&
			 !datum_image_eq(open->tts_values[a - 1], next->tts_values[a - 1],
							 att->attbyval, att->attlen)))
			return true;
	}
	return false;
}

static void
fold_event(History *history, TupleTableSlot *event)
{
	TupleTableSlot *next = history->next;
	Form_pg_attribute sequence = TupleDescAttr(history->event_desc, history->sequence - 1);

	slot_getallattrs(event);
	ExecClearTuple(next);
	memcpy(next->tts_values, event->tts_values, sizeof(Datum) * history->keep);
	memcpy(next->tts_isnull, event->tts_isnull, sizeof(bool) * history->keep);
	if (DatumGetBool(next->tts_values[history->deleted - 1]))
	{
		close_version(history, next->tts_values[history->sequence - 1], false);
		return;
	}
	inherit(history, next);
	ExecStoreVirtualTuple(next);
	ExecMaterializeSlot(next);
	if (begins_version(history, next))
	{
		Datum		begin = next->tts_values[history->sequence - 1];

		close_version(history, begin, false);
		history->begin = datumCopy(begin, sequence->attbyval, sequence->attlen);
	}
	history->next = history->open;
	history->open = next;
}

/*
 * Fold the events of each touched key.  They are read by the unique index of
 * their table (keys, then sequence), so they come in order.
 */
static void
fold_touched(History *history)
{
	int			nkeys = history->nkeys;
	Relation	rel = table_open(history->event_table, AccessShareLock);
	AttrNumber *attnos = palloc(sizeof(AttrNumber) * history->sequence);
	Relation	index;
	IndexScanDesc scan;
	Snapshot	snapshot;
	ScanKeyData keys[INDEX_MAX_KEYS];
	TupleTableSlot *touched = MakeSingleTupleTableSlot(history->touched_desc, &TTSOpsMinimalTuple);
	TupleTableSlot *event = table_slot_create(rel, NULL);
	MemoryContext key_context = AllocSetContextCreate(CurrentMemoryContext, "dataplat scd2 key",
													  ALLOCSET_DEFAULT_SIZES);

	for (int i = 0; i < history->sequence; i++)
		attnos[i] = i + 1;
	index = dp_side_table_index(rel, dp_key_make(history->event_desc, history->sequence, attnos));
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	snapshot = RegisterSnapshot(GetActiveSnapshot());
	PopActiveSnapshot();
	history->open = MakeSingleTupleTableSlot(history->event_desc, &TTSOpsVirtual);
	history->next = MakeSingleTupleTableSlot(history->event_desc, &TTSOpsVirtual);

	while (tuplestore_gettupleslot(history->touched, true, false, touched))
	{
		MemoryContext old = MemoryContextSwitchTo(key_context);
		int			n;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(touched);
		n = touched->tts_isnull[nkeys] ? nkeys : nkeys + 1;
		for (int i = 0; i < n; i++)
		{
			StrategyNumber strategy = i < nkeys ? BTEqualStrategyNumber : BTGreaterEqualStrategyNumber;
			Oid			operator = get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
													   index->rd_opcintype[i], strategy);

			ScanKeyEntryInitialize(&keys[i], 0, i + 1, strategy, InvalidOid,
								   index->rd_indcollation[i], get_opcode(operator),
								   touched->tts_values[i]);
		}
		scan = dp_index_beginscan(rel, index, snapshot, n);
		index_rescan(scan, keys, n, NULL, 0);
		while (index_getnext_slot(scan, ForwardScanDirection, event))
			fold_event(history, event);
		index_endscan(scan);
		close_version(history, (Datum) 0, true);
		MemoryContextSwitchTo(old);
		MemoryContextReset(key_context);
	}
	MemoryContextDelete(key_context);
	ExecDropSingleTupleTableSlot(history->open);
	ExecDropSingleTupleTableSlot(history->next);
	ExecDropSingleTupleTableSlot(touched);
	ExecDropSingleTupleTableSlot(event);
	UnregisterSnapshot(snapshot);
	index_close(index, NoLock);
	table_close(rel, NoLock);
}

/* ----------------------------------------------------------------- writing */

static int64
run_statement(History *history, const char *sql, int expected)
{
	int			rc;
	int64		n;

	SPI_connect();
	name_store(TOUCHED_NAME, history->touched_desc, history->touched, history->ntouched);
	name_store(VERSIONS_NAME, history->version_desc, history->versions, history->nversions);
	rc = SPI_execute(sql, false, 0);
	if (rc != expected)
		elog(ERROR, "could not write to table \"%s\": %s",
			 RelationGetRelationName(history->target), SPI_result_code_string(rc));
	n = SPI_processed;
	SPI_finish();
	return n;
}

/* The columns of a version, each after a prefix. */
static char *
version_columns(History *history, const char *prefix)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < history->version_desc->natts - 1; i++)
		appendStringInfo(&sql, "%s%s%s", i == 0 ? "" : ", ", prefix,
						 quote_identifier(NameStr(TupleDescAttr(history->version_desc, i)->attname)));
	return sql.data;
}

static void
write_target(History *history, DpWriteCounts *counts)
{
	char	   *begin = "pg_catalog.lower(t." VALID_COLUMN ")";
	char	   *same = psprintf("%s AND %s OPERATOR(pg_catalog.=) n.\"" FROM_COLUMN "\"",
								same_key(history, "n", "t"), begin);
	int64		before;

	if (history->afresh)
		counts->deleted +=
			run_statement(history,
						  psprintf("DELETE FROM %s AS t WHERE NOT EXISTS (SELECT FROM " VERSIONS_NAME " AS n WHERE %s)",
								   history->target_name, same),
						  SPI_OK_DELETE);
	else
		counts->deleted +=
			run_statement(history,
						  psprintf("DELETE FROM %s AS t USING " TOUCHED_NAME " AS d WHERE %s"
								   " AND (d.\"" FROM_COLUMN "\" IS NULL OR %s OPERATOR(pg_catalog.>=) d.\"" FROM_COLUMN "\")"
								   " AND NOT EXISTS (SELECT FROM " VERSIONS_NAME " AS n WHERE %s)",
								   history->target_name, same_key(history, "t", "d"), begin, same),
						  SPI_OK_DELETE);
	before = counts->updated + counts->inserted;
	counts->updated +=
		run_statement(history,
					  psprintf("UPDATE %s AS t SET (%s) = ROW(%s) FROM " VERSIONS_NAME " AS n WHERE %s"
							   " AND ROW(%s)::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW(%s)::pg_catalog.record",
							   history->target_name, version_columns(history, ""),
							   version_columns(history, "n."), same,
							   version_columns(history, "t."), version_columns(history, "n.")),
					  SPI_OK_UPDATE);
	counts->inserted +=
		run_statement(history,
					  psprintf("INSERT INTO %s (%s) SELECT %s FROM " VERSIONS_NAME " AS n"
							   " WHERE NOT EXISTS (SELECT FROM %s AS t WHERE %s)",
							   history->target_name, version_columns(history, ""),
							   version_columns(history, "n."), history->target_name, same),
					  SPI_OK_INSERT);
	counts->unchanged += history->nversions - (counts->updated + counts->inserted - before);
}
