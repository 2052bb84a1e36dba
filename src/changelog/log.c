/*-------------------------------------------------------------------------
 *
 * log.c
 *	  Find the log of a table, and the segment that is written now.
 *
 * A table is tied to its log by our triggers on it: they carry the number of
 * the log and the oid of the watched table (of which this one may be a
 * partition).  Names only matter after a restore, where no trigger is left.
 *
 * Which segment is current is remembered in the session.  Whoever makes the
 * other one current sends an invalidation for the old one; a writer looks
 * again after it has locked its segment, so that a segment which is not
 * current and which nobody holds a lock on gets no more rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "executor/tuptable.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "changelog/changelog_int.h"

/* Columns of dataplat_internal.change_log_segment that are read here. */
#define SEGMENT_LOG_ID 1
#define SEGMENT_CURRENT 2
#define SEGMENT_RELID 3

static HTAB *logs;
static uint64 invalidations;

/* A relation of our private schema; InvalidOid when there is none. */
Oid
dp_log_relation(const char *name)
{
	Oid			schema = get_namespace_oid("dataplat_internal", true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

/* A function of our private schema without arguments, a trigger function. */
Oid
dp_log_function(const char *name)
{
	List	   *qualified = list_make2(makeString("dataplat_internal"), makeString(pstrdup(name)));

	return LookupFuncName(qualified, 0, NULL, true);
}

/* The role that private tables belong to: the owner of the extension. */
Oid
dp_log_owner(void)
{
	Oid			relid = dp_log_relation("change_log");
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"dataplat_internal.change_log\" does not exist")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

bool
dp_changelog_is_ours(const Trigger *trigger)
{
	return trigger->tgisinternal && trigger->tgnargs == 2 &&
		strncmp(trigger->tgname, "dataplat_log_", 13) == 0;
}

/* One of our triggers on a table, or NULL. */
Trigger *
dp_log_trigger(Relation rel)
{
	TriggerDesc *triggers = rel->trigdesc;

	if (triggers == NULL)
		return NULL;
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		Trigger    *t = &triggers->triggers[i];

		if (dp_changelog_is_ours(t))
			return t;
	}
	return NULL;
}

int32
dp_log_trigger_log(const Trigger *trigger)
{
	return (int32) strtol(trigger->tgargs[0], NULL, 10);
}

Oid
dp_log_trigger_root(const Trigger *trigger)
{
	return (Oid) strtoul(trigger->tgargs[1], NULL, 10);
}

Oid
dp_log_segment_oid(int32 log_id, int segment)
{
	char		name[NAMEDATALEN];

	snprintf(name, sizeof(name), "change_log_%d_%d", log_id, segment);
	return dp_log_relation(name);
}

/*
 * Keep a log as it is until the transaction ends: no segment is emptied.
 * False when it is not there.
 */
bool
dp_log_lock_segments(int32 log_id)
{
	for (int i = 0; i < DP_LOG_SEGMENTS; i++)
	{
		Oid			relid = dp_log_segment_oid(log_id, i);

		while (OidIsValid(relid))
		{
			Oid			again;

			LockRelationOid(relid, AccessShareLock);
			again = dp_log_segment_oid(log_id, i);
			if (again == relid)
				break;
			UnlockRelationOid(relid, AccessShareLock);
			relid = again;
		}
		if (!OidIsValid(relid))
			return false;
	}
	return true;
}

/* "a12" is attribute 12 of the table; 0 when the column is one of ours. */
AttrNumber
dp_log_column_attnum(const char *name)
{
	return name[0] == 'a' ? (AttrNumber) atoi(name + 1) : InvalidAttrNumber;
}

/* ---- which segment is current ---- */

static void
forget_segment(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	DpLog	   *log;

	invalidations++;
	hash_seq_init(&scan, logs);
	while ((log = hash_seq_search(&scan)) != NULL)
		if (relid == InvalidOid || log->segment == relid)
			log->segment = InvalidOid;
}

static DpLog *
find_log(int32 log_id)
{
	bool		found;
	DpLog	   *log;

	if (logs == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(int32), .entrysize = sizeof(DpLog), .hcxt = TopMemoryContext};

		logs = hash_create("dataplat change logs", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		CacheRegisterRelcacheCallback(forget_segment, (Datum) 0);
	}
	log = hash_search(logs, &log_id, HASH_ENTER, &found);
	if (!found)
		log->segment = InvalidOid;
	return log;
}

/* The rows of change_log_segment as they are now, whatever this transaction's snapshot is. */
static void
for_each_log(void (*look) (TupleTableSlot *slot, void *arg), void *arg)
{
	Oid			relid = dp_log_relation("change_log_segment");
	Relation	rel;
	Snapshot	snapshot;
	TableScanDesc scan;
	TupleTableSlot *slot;

	if (!OidIsValid(relid))
		return;
	rel = table_open(relid, AccessShareLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan = table_beginscan(rel, snapshot, 0, NULL);
	slot = table_slot_create(rel, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		look(slot, arg);
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
}

typedef struct SegmentQuestion
{
	int32		log_id;
	int			segment;
} SegmentQuestion;

static void
note_segment(TupleTableSlot *slot, void *arg)
{
	SegmentQuestion *question = arg;
	bool		isnull;

	if (DatumGetInt32(slot_getattr(slot, SEGMENT_LOG_ID, &isnull)) == question->log_id)
		question->segment = DatumGetInt32(slot_getattr(slot, SEGMENT_CURRENT, &isnull));
}

static Oid
look_up_segment(int32 log_id)
{
	SegmentQuestion question = {log_id, -1};

	for_each_log(note_segment, &question);
	return question.segment < 0 ? InvalidOid : dp_log_segment_oid(log_id, question.segment);
}

static void
note_relid(TupleTableSlot *slot, void *arg)
{
	bool		isnull;

	*(List **) arg = lappend_oid(*(List **) arg, DatumGetObjectId(slot_getattr(slot, SEGMENT_RELID, &isnull)));
}

/* Oids of all tables that have a log. */
List *
dp_log_watched_tables(void)
{
	List	   *relids = NIL;

	for_each_log(note_relid, &relids);
	return relids;
}

/*
 * Open the segment that is to be written now, locked to the end of the
 * transaction.  NULL when the log is gone: then readers are told so, and
 * nothing needs to be written.
 */
Relation
dp_log_open_segment(int32 log_id)
{
	for (;;)
	{
		DpLog	   *log = find_log(log_id);
		Oid			segment = log->segment;

		if (!OidIsValid(segment))
		{
			uint64		before = invalidations;

			segment = look_up_segment(log_id);
			if (invalidations != before)
				continue;		/* perhaps of what was just read */
			if (!OidIsValid(segment))
				return NULL;
			log->segment = segment;
		}
		LockRelationOid(segment, RowExclusiveLock);
		if (find_log(log_id)->segment == segment)
			return table_open(segment, NoLock);
		/* somebody made the other one current, or dropped the log */
		UnlockRelationOid(segment, RowExclusiveLock);
	}
}
