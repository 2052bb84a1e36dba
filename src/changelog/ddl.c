/*-------------------------------------------------------------------------
 *
 * ddl.c
 *	  Statements that change a watched table without changing rows.
 *
 * A partition that is made or attached gets our triggers, one that is
 * detached loses them, before the statement ends; a log gets the new type of
 * a column; renamed tables and columns keep their readers.  What changes the
 * contents of a table behind the triggers' back leaves a reset.
 *
 * A partition that is dropped, in whatever way, is noticed by the loss of its
 * triggers: deep inside of the deletion nothing can be written, so it is
 * noted and written when the statement is done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "common/compat.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/bufmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "changelog/changelog_int.h"

/* A reset to be written when the statement is done. */
typedef struct Note
{
	int32		log_id;
	Oid			root;
	char	   *reason;
} Note;

static List *notes;				/* in TopTransactionContext */
static ProcessUtility_hook_type prev_process_utility;
static object_access_hook_type prev_object_access;

/* ---- small questions ---- */

/* The log that a relation writes, and the table that it is the log of; 0: none. */
static int32
log_of(Oid relid, Oid *root)
{
	Relation	rel = OidIsValid(relid) ? try_relation_open(relid, AccessShareLock) : NULL;
	Trigger    *trigger;
	int32		log_id = 0;

	if (rel == NULL)
		return 0;
	trigger = dp_log_trigger(rel);
	if (trigger)
	{
		log_id = dp_log_trigger_log(trigger);
		*root = dp_log_trigger_root(trigger);
	}
	relation_close(rel, NoLock);
	return log_id;
}

/* May the relation, or a partition of it, hold rows? */
static bool
has_pages(Oid relid)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Relation	rel = relation_open(lfirst_oid(lc), NoLock);
		bool		pages = !RELKIND_HAS_STORAGE(rel->rd_rel->relkind)
			? rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE
			: RelationGetNumberOfBlocks(rel) > 0;

		relation_close(rel, NoLock);
		if (pages)
			return true;
	}
	return false;
}

static Oid
find_relation(const RangeVar *name)
{
	return name ? RangeVarGetRelid(name, NoLock, true) : InvalidOid;
}

static void
note_reset(int32 log_id, Oid root, const char *reason)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Note	   *note = palloc(sizeof(Note));

	note->log_id = log_id;
	note->root = root;
	note->reason = pstrdup(reason);
	notes = lappend(notes, note);
	MemoryContextSwitchTo(old);
}

/* Write what was noted, unless the log is gone too (DROP EXTENSION). */
static void
write_notes(void)
{
	while (notes != NIL)
	{
		Note	   *note = linitial(notes);

		notes = list_delete_first(notes);
		if (!OidIsValid(dp_log_relation("change_log")) ||
			!OidIsValid(dp_log_relation("change_log_reset")) ||
			!OidIsValid(dp_log_segment_oid(note->log_id, 0)))
			continue;
		dp_log_write_reset(note->log_id, note->reason);
		dp_log_note_change(note->root);
	}
}

/* Call a function of ours, of a table and a text, as the extension's owner. */
static void
call(const char *function, Oid relid, const char *argument)
{
	Oid			types[2] = {OIDOID, TEXTOID};
	Datum		values[2];
	Oid			save_userid;
	int			save_sec_context;

	values[0] = ObjectIdGetDatum(relid);
	values[1] = CStringGetTextDatum(argument);
	dp_log_as_owner(&save_userid, &save_sec_context);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT dataplat_internal.%s($1, $2)", function),
							  2, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not call %s", function);
	SPI_finish();
	SetUserIdAndSecContext(save_userid, save_sec_context);
}

/* ---- partitions come and go ---- */

/* A table that has a log of its own has, or had, its rows in another table, or other rows in it. */
static void
family_changed(Oid relid, const char *reason)
{
	Oid			root;
	int32		log_id = log_of(relid, &root);

	if (log_id != 0 && relid == root)
		note_reset(log_id, root, reason);
}

/* A relation is a partition of a watched table now. */
static void
partition_came(Oid parent, Oid partition, bool may_have_rows)
{
	Oid			root;
	int32		log_id = log_of(parent, &root);
	ListCell   *lc;

	if (log_id == 0 || !OidIsValid(partition) || !get_rel_relispartition(partition))
		return;
	foreach(lc, find_all_inheritors(partition, ShareRowExclusiveLock, NULL))
	{
		Oid			relid = lfirst_oid(lc);

		dp_log_drop_triggers(relid);
		if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
			call("check_log", root, "");
		else
			dp_log_add_triggers(relid, log_id, root);
	}
	if (may_have_rows && has_pages(partition))
		note_reset(log_id, root, psprintf("partition \"%s\" was attached", get_rel_name(partition)));
	call("check_log", root, "");
}

static void
partition_left(Oid parent, Oid partition)
{
	Oid			root,
				other;
	int32		log_id = log_of(parent, &root);
	ListCell   *lc;

	if (log_id == 0 || !OidIsValid(partition) || get_rel_relispartition(partition))
		return;
	if (has_pages(partition))
		note_reset(log_id, root, psprintf("partition \"%s\" was detached", get_rel_name(partition)));
	foreach(lc, find_all_inheritors(partition, ShareRowExclusiveLock, NULL))
		if (log_of(lfirst_oid(lc), &other) == log_id)
			dp_log_drop_triggers(lfirst_oid(lc));
	call("check_log", root, "");
}

/*
 * DETACH CONCURRENTLY commits in the middle: what it commits first hides the
 * partition's rows, so the reset must be part of that.
 */
static void
before_alter(AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		Oid			root;
		int32		log_id;

		if (cmd->subtype != AT_DetachPartition || !((PartitionCmd *) cmd->def)->concurrent)
			continue;
		log_id = log_of(find_relation(stmt->relation), &root);
		if (log_id != 0)
			note_reset(log_id, root, psprintf("partition \"%s\" was detached",
											  ((PartitionCmd *) cmd->def)->name->relname));
	}
	write_notes();
}

/* ---- columns ---- */

static void
column_added(int32 log_id, Oid root, const char *name)
{
	Relation	rel = table_open(root, NoLock);
	AttrNumber	attnum = get_attnum(root, name);
	bool		filled = attnum > 0 && TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atthasdef;

	table_close(rel, NoLock);
	call("log_column_added", root, filled ? name : "");
	call("log_rows_changed", root, psprintf("column \"%s\" was added", name));
}

static void
after_alter(AlterTableStmt *stmt)
{
	Oid			relid = find_relation(stmt->relation);
	Oid			root = InvalidOid;
	int32		log_id = log_of(relid, &root);
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_DetachPartition || cmd->subtype == AT_DetachPartitionFinalize)
			family_changed(find_relation(((PartitionCmd *) cmd->def)->name),
						   "it was a partition of another table for a while");
		else if (cmd->subtype == AT_AddInherit || cmd->subtype == AT_DropInherit)
			family_changed(find_relation((RangeVar *) cmd->def), "other tables inherit from it or did so");
	}
	if (log_id == 0)
		return;
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		switch (cmd->subtype)
		{
			case AT_AttachPartition:
				partition_came(relid, find_relation(((PartitionCmd *) cmd->def)->name), true);
				break;
			case AT_DetachPartition:
			case AT_DetachPartitionFinalize:
				partition_left(relid, find_relation(((PartitionCmd *) cmd->def)->name));
				break;
			case AT_AddColumn:
				if (relid == root)
					column_added(log_id, root, ((ColumnDef *) cmd->def)->colname);
				break;
			case AT_DropColumn:
				if (relid == root)
					call("log_rows_changed", root, psprintf("column \"%s\" was dropped", cmd->name));
				break;
			case AT_AlterColumnType:
				if (relid == root)
					call("log_column_retyped", root, cmd->name);
				break;
			case AT_EnableTrig:
			case AT_EnableAlwaysTrig:
			case AT_EnableReplicaTrig:
			case AT_EnableTrigAll:
			case AT_EnableTrigUser:
			case AT_DisableTrig:
			case AT_DisableTrigAll:
			case AT_DisableTrigUser:
			case AT_SetLogged:
			case AT_SetUnLogged:
				call("check_log", root, "");
				break;
			default:
				if (dp_alters_expression(cmd) && relid == root)
					call("log_column_retyped", root, cmd->name);
				break;
		}
	}
}

static void
after_rename(RenameStmt *stmt)
{
	if (stmt->renameType == OBJECT_COLUMN && stmt->relationType == OBJECT_TABLE)
	{
		Oid			root;
		Oid			relid = find_relation(stmt->relation);

		StringInfoData names;

		if (log_of(relid, &root) == 0 || relid != root)
			return;
		initStringInfo(&names);
		appendStringInfoString(&names, "{\"old\": ");
		escape_json(&names, stmt->subname);
		appendStringInfoString(&names, ", \"new\": ");
		escape_json(&names, stmt->newname);
		appendStringInfoChar(&names, '}');
		call("log_column_renamed", root, names.data);
		call("log_rows_changed", root, psprintf("column \"%s\" was renamed", stmt->subname));
	}
	else if (stmt->renameType == OBJECT_TABLE || stmt->renameType == OBJECT_SCHEMA)
		call("refresh_log_names", InvalidOid, "");
}

static void
after_create(CreateStmt *stmt)
{
	ListCell   *lc;

	if (stmt->partbound != NULL && list_length(stmt->inhRelations) == 1)
		partition_came(find_relation(linitial(stmt->inhRelations)),
					   find_relation(stmt->relation), false);
	else
		foreach(lc, stmt->inhRelations)
			family_changed(find_relation(lfirst(lc)), "other tables inherit from it or did so");
}

static void
after(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			after_create((CreateStmt *) stmt);
			break;
		case T_CreateForeignTableStmt:
			after_create(&((CreateForeignTableStmt *) stmt)->base);
			break;
		case T_AlterTableStmt:
			if (((AlterTableStmt *) stmt)->objtype == OBJECT_TABLE)
				after_alter((AlterTableStmt *) stmt);
			break;
		case T_RenameStmt:
			after_rename((RenameStmt *) stmt);
			break;
		case T_DropStmt:
			/* a foreign partition has no triggers that would be missed */
			if (((DropStmt *) stmt)->removeType == OBJECT_FOREIGN_TABLE)
				call("check_broken_logs", InvalidOid, "");
			break;
		case T_AlterObjectSchemaStmt:
			if (((AlterObjectSchemaStmt *) stmt)->objectType == OBJECT_TABLE)
				call("refresh_log_names", InvalidOid, "");
			break;
		default:
			break;
	}
}

/* ---- the hooks ---- */

static bool
is_commit_prepared(Node *stmt)
{
	return IsA(stmt, TransactionStmt) &&
		((TransactionStmt *) stmt)->kind == TRANS_STMT_COMMIT_PREPARED;
}

/* Statements that after() has something to say about. */
static bool
concerns_us(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
		case T_AlterTableStmt:
		case T_DropStmt:
		case T_RenameStmt:
		case T_AlterObjectSchemaStmt:
			return !creating_extension && OidIsValid(dp_log_relation("change_log_alive"));
		default:
			return false;
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	Node	   *stmt = pstmt->utilityStmt;
	bool		concerned = concerns_us(stmt);

	if (concerned && IsA(stmt, AlterTableStmt))
		before_alter((AlterTableStmt *) stmt);
	if (prev_process_utility)
		prev_process_utility(pstmt, query, read_only_tree, context, params, env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, env, dest, qc);
	if (concerned)
	{
		CommandCounterIncrement();
		after(stmt);
	}
	if (notes != NIL && IsTransactionState())
		write_notes();
	if (is_commit_prepared(stmt))
		dp_log_tell_all();
}

/* Which of our triggers is this?  Its relation and arguments are in the tuple. */
static void
trigger_dropped(Oid trigger_oid)
{
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			relid = InvalidOid;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger_oid));
	scan = systable_beginscan(pg_trigger, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		if (form->tgisinternal && strncmp(NameStr(form->tgname), "dataplat_log_insert", 19) == 0)
			relid = form->tgrelid;
	}
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
	if (OidIsValid(relid))
	{
		Oid			root;
		int32		log_id = log_of(relid, &root);

		if (log_id != 0 && relid != root && has_pages(relid))
			note_reset(log_id, root, psprintf("partition \"%s\" was dropped", get_rel_name(relid)));
	}
}

static void
object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (prev_object_access)
		prev_object_access(access, class_id, object_id, sub_id, arg);
	if (access == OAT_DROP && class_id == TriggerRelationId && !dp_log_dropping_triggers())
		trigger_dropped(object_id);
}

static void
transaction_ends(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (notes != NIL)
			{
				PushActiveSnapshot(GetTransactionSnapshot());
				write_notes();
				PopActiveSnapshot();
			}
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
			notes = NIL;
			break;
		default:
			break;
	}
}

void
dp_log_ddl_init(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	prev_object_access = object_access_hook;
	object_access_hook = object_access;
	RegisterXactCallback(transaction_ends, NULL);
}
