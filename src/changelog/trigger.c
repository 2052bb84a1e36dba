/*-------------------------------------------------------------------------
 *
 * trigger.c
 *	  The triggers on watched tables: what they do, and putting them there.
 *
 * Statement triggers with transition tables see every way in which SQL
 * writes a table: COPY, MERGE, ON CONFLICT, writable CTEs, cascades.  They
 * are internal triggers, so that pg_dump does not carry them to a place where
 * there is no log, and ALTER TABLE ... DISABLE TRIGGER USER leaves them alone;
 * and they fire always, whatever session_replication_role says.
 *
 * Only the triggers of the table that a statement names fire.  So a
 * partition has them too: a row is captured once, by the table that the
 * statement was sent to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tupconvert.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "replication/logicalworker.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "changelog/changelog_int.h"

extern PGDLLEXPORT Datum dp_log_changes(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_log_applied_row(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_log_truncate(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_add_log_triggers(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_drop_log_triggers(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_log_changes);
PG_FUNCTION_INFO_V1(dp_log_applied_row);
PG_FUNCTION_INFO_V1(dp_log_truncate);
PG_FUNCTION_INFO_V1(dp_add_log_triggers);
PG_FUNCTION_INFO_V1(dp_drop_log_triggers);

static bool dropping;

static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !dp_changelog_is_ours(data->tg_trigger))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called by a trigger of a watched table")));
	return data;
}

static TupleTableSlot *
next_row(Tuplestorestate *rows, TupleTableSlot *slot)
{
	if (rows && tuplestore_gettupleslot(rows, true, false, slot))
		return slot;
	return NULL;
}

/*
 * AFTER INSERT, UPDATE or DELETE, for each statement.  Old and new rows of an
 * update come in the same order.
 */
Datum
dp_log_changes(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo);
	Tuplestorestate *old_rows = data->tg_oldtable;
	Tuplestorestate *new_rows = data->tg_newtable;
	TupleTableSlot *old_slot,
			   *new_slot;
	DpLogSink  *sink;

	/* there each row has told already, see below */
	if (IsLogicalWorker())
		return PointerGetDatum(NULL);
	if (dp_log_merge_unattended() && TRIGGER_FIRED_BY_UPDATE(data->tg_event) &&
		data->tg_relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		dp_log_write_reset(dp_log_trigger_log(data->tg_trigger),
						   "a session wrote it that had not loaded dataplat before");
		dp_log_note_change(dp_log_trigger_root(data->tg_trigger));
	}
	if ((old_rows == NULL || tuplestore_tuple_count(old_rows) == 0) &&
		(new_rows == NULL || tuplestore_tuple_count(new_rows) == 0))
		return PointerGetDatum(NULL);
	sink = dp_log_sink_open(data->tg_relation, data->tg_trigger);
	if (sink == NULL)
		return PointerGetDatum(NULL);

	old_slot = MakeSingleTupleTableSlot(RelationGetDescr(data->tg_relation), &TTSOpsMinimalTuple);
	new_slot = MakeSingleTupleTableSlot(RelationGetDescr(data->tg_relation), &TTSOpsMinimalTuple);
	for (;;)
	{
		TupleTableSlot *old_row = next_row(old_rows, old_slot);
		TupleTableSlot *new_row = next_row(new_rows, new_slot);

		if (old_row == NULL && new_row == NULL)
			break;
		dp_changelog_put(sink, old_row, new_row);
	}
	ExecDropSingleTupleTableSlot(old_slot);
	ExecDropSingleTupleTableSlot(new_slot);
	dp_changelog_close(sink);
	return PointerGetDatum(NULL);
}

/*
 * AFTER each row, ENABLE REPLICA.  Workers of logical replication apply rows
 * below the executor and fire no statement triggers.  Before a row, there is
 * nothing to do but to be there: see has_another_layout().
 */
Datum
dp_log_applied_row(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo);
	TriggerEvent event = data->tg_event;
	DpLogSink  *sink;

	if (TRIGGER_FIRED_BEFORE(event))
		return PointerGetDatum(data->tg_trigtuple);
	if (!IsLogicalWorker())
		return PointerGetDatum(NULL);
	sink = dp_log_sink_open(data->tg_relation, data->tg_trigger);
	if (TRIGGER_FIRED_BY_UPDATE(event))
		dp_changelog_put(sink, data->tg_trigslot, data->tg_newslot);
	else if (TRIGGER_FIRED_BY_INSERT(event))
		dp_changelog_put(sink, NULL, data->tg_trigslot);
	else
		dp_changelog_put(sink, data->tg_trigslot, NULL);
	dp_changelog_close(sink);
	return PointerGetDatum(NULL);
}

/* AFTER TRUNCATE: what was there cannot be told row by row. */
Datum
dp_log_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo);
	const char *name = RelationGetRelationName(data->tg_relation);

	dp_log_write_reset(dp_log_trigger_log(data->tg_trigger),
					   RelationGetRelid(data->tg_relation) == dp_log_trigger_root(data->tg_trigger)
					   ? "the table was truncated"
					   : psprintf("partition \"%s\" was truncated", name));
	dp_log_note_change(dp_log_trigger_root(data->tg_trigger));
	return PointerGetDatum(NULL);
}

/* ---- putting them there ---- */

static const struct
{
	const char *name;
	int16		events;
	bool		row;			/* for each row, in tables that have storage */
	bool		old_rows;
	bool		new_rows;
	bool		before;			/* only in partitions of another layout */
	const char *function;
}			kinds[] =
{
	{"dataplat_log_insert", TRIGGER_TYPE_INSERT, false, false, true, false, "log_changes"},
	{"dataplat_log_update", TRIGGER_TYPE_UPDATE, false, true, true, false, "log_changes"},
	{"dataplat_log_delete", TRIGGER_TYPE_DELETE, false, true, false, false, "log_changes"},
	{"dataplat_log_truncate", TRIGGER_TYPE_TRUNCATE, false, false, false, false, "log_truncate"},
	{"dataplat_log_applied", TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE, true, false, false, false, "log_applied_row"},
	{"dataplat_log_layout", TRIGGER_TYPE_INSERT, true, false, false, true, "log_applied_row"},
};

static List *
transition(List *list, const char *name, bool is_new)
{
	TriggerTransition *t = makeNode(TriggerTransition);

	t->name = pstrdup(name);
	t->isNew = is_new;
	t->isTable = true;
	return lappend(list, t);
}

/*
 * Do the columns stand otherwise than in a table that this is a partition of?
 *
 * Of a row that is inserted there through that table, transition tables get
 * the form that it had before the partition made its generated columns; a
 * trigger before the row is the server's reason to take the partition's.
 */
static bool
has_another_layout(Oid relid, Oid root)
{
	Relation	rel = table_open(relid, NoLock);
	bool		another = false;

	while (relid != root && !another)
	{
		Relation	parent;
		TupleConversionMap *map;

		relid = get_partition_parent(relid, true);
		parent = table_open(relid, AccessShareLock);
		map = convert_tuples_by_name(RelationGetDescr(parent), RelationGetDescr(rel));
		another = map != NULL;
		if (map)
			free_conversion_map(map);
		table_close(parent, NoLock);
	}
	table_close(rel, NoLock);
	return another;
}

/* Put the triggers on one relation, the watched table or a partition. */
void
dp_log_add_triggers(Oid relid, int32 log_id, Oid root)
{
	ObjectAddress extension;
	Oid			save_userid;
	int			save_sec_context;

	/* whoever makes a partition may not even look at the functions */
	dp_log_as_owner(&save_userid, &save_sec_context);
	ObjectAddressSet(extension, ExtensionRelationId, get_extension_oid("dataplat", false));
	for (int i = 0; i < lengthof(kinds); i++)
	{
		CreateTrigStmt *stmt = makeNode(CreateTrigStmt);
		Oid			function = dp_log_function(kinds[i].function);
		ObjectAddress trigger;

		if (kinds[i].row && get_rel_relkind(relid) != RELKIND_RELATION)
			continue;
		if (kinds[i].before && !has_another_layout(relid, root))
			continue;
		stmt->trigname = pstrdup(kinds[i].name);
		stmt->funcname = list_make2(makeString("dataplat_internal"),
									makeString(pstrdup(kinds[i].function)));
		stmt->args = list_make2(makeString(psprintf("%d", log_id)),
								makeString(psprintf("%u", root)));
		stmt->row = kinds[i].row;
		stmt->timing = kinds[i].before ? TRIGGER_TYPE_BEFORE : TRIGGER_TYPE_AFTER;
		stmt->events = kinds[i].events;
		if (kinds[i].old_rows)
			stmt->transitionRels = transition(stmt->transitionRels, "dataplat_old", false);
		if (kinds[i].new_rows)
			stmt->transitionRels = transition(stmt->transitionRels, "dataplat_new", true);
		trigger = CreateTriggerFiringOn(stmt, NULL, relid, InvalidOid, InvalidOid,
										InvalidOid, function, InvalidOid, NULL,
										true, false,
										kinds[i].row ? TRIGGER_FIRES_ON_REPLICA : TRIGGER_FIRES_ALWAYS);

		/* DROP EXTENSION takes them along without CASCADE */
		recordDependencyOn(&trigger, &extension, DEPENDENCY_AUTO_EXTENSION);
	}
	CommandCounterIncrement();
	SetUserIdAndSecContext(save_userid, save_sec_context);
}

/* Our triggers of one relation, by oid. */
static List *
triggers_of(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	List	   *oids = NIL;

	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *t = &rel->trigdesc->triggers[i];

		if (dp_changelog_is_ours(t))
			oids = lappend_oid(oids, t->tgoid);
	}
	table_close(rel, NoLock);
	return oids;
}

/* Take them off one relation; nobody is told. */
void
dp_log_drop_triggers(Oid relid)
{
	ListCell   *lc;

	dropping = true;
	PG_TRY();
	{
		foreach(lc, triggers_of(relid))
		{
			ObjectAddress trigger;

			ObjectAddressSet(trigger, TriggerRelationId, lfirst_oid(lc));
			performDeletion(&trigger, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
		}
	}
	PG_FINALLY();
	{
		dropping = false;
	}
	PG_END_TRY();
}

/* Are they being taken off by ourselves? */
bool
dp_log_dropping_triggers(void)
{
	return dropping;
}

/*
 * dataplat_internal.add_log_triggers(relation regclass, log_id int)
 *
 * Waits for the table's writers: what they write is not captured, and is
 * visible to whoever comes after us.
 */
Datum
dp_add_log_triggers(PG_FUNCTION_ARGS)
{
	Oid			root = PG_GETARG_OID(0);
	int32		log_id = PG_GETARG_INT32(1);
	ListCell   *lc;

	foreach(lc, find_all_inheritors(root, ShareRowExclusiveLock, NULL))
	{
		dp_log_drop_triggers(lfirst_oid(lc));
		dp_log_add_triggers(lfirst_oid(lc), log_id, root);
	}
	PG_RETURN_VOID();
}

/* dataplat_internal.drop_log_triggers(relation regclass) */
Datum
dp_drop_log_triggers(PG_FUNCTION_ARGS)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(PG_GETARG_OID(0), ShareRowExclusiveLock, NULL))
		dp_log_drop_triggers(lfirst_oid(lc));
	PG_RETURN_VOID();
}

/* ---- for SQL ---- */

extern PGDLLEXPORT Datum dp_log_of_table(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_lock_tree(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_log_column_type(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_log_of_table);
PG_FUNCTION_INFO_V1(dp_lock_tree);
PG_FUNCTION_INFO_V1(dp_log_column_type);

/* dataplat_internal.log_of_table(relation regclass) returns int */
Datum
dp_log_of_table(PG_FUNCTION_ARGS)
{
	Relation	rel = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
	Trigger    *trigger = rel ? dp_log_trigger(rel) : NULL;
	int32		log_id = trigger ? dp_log_trigger_log(trigger) : 0;

	if (rel)
		relation_close(rel, AccessShareLock);
	if (log_id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(log_id);
}

/* dataplat_internal.lock_tree(relation regclass) returns void */
Datum
dp_lock_tree(PG_FUNCTION_ARGS)
{
	LockRelationOid(PG_GETARG_OID(0), ShareRowExclusiveLock);
	list_free(find_all_inheritors(PG_GETARG_OID(0), ShareRowExclusiveLock, NULL));
	PG_RETURN_VOID();
}

/* dataplat_internal.log_column_type(type oid) returns regtype */
Datum
dp_log_column_type(PG_FUNCTION_ARGS)
{
	DpCarrier	how;

	PG_RETURN_OID(dp_carrier_type(PG_GETARG_OID(0), &how));
}
