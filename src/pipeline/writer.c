/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  Bring rows to a target table: insert, update what differs, delete.
 *
 * This file looks at the target, chooses the way and turns the rows to come
 * into rows of the target, casting as INSERT does.  writer_heap.c writes
 * below the executor; it leaves out what an INSERT would do for triggers,
 * rules, generated columns or partitions, so a target that has any of them
 * is written by writer_sql.c.  In doubt SQL writes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "changelog/changelog.h"
#include "pipeline/writer_int.h"

static Relation open_target(Oid target, bool keyed);
static void check_rights(Relation rel, bool keyed);
static void map_columns(DpWriter *writer, TupleDesc row);
static DpKey *map_key(DpWriter *writer, TupleDesc row, int nkeys, const AttrNumber *keys);
static const char *heap_obstacle(Relation rel);
static void project(DpWriter *writer, TupleTableSlot *row);
static void write_row(DpWriter *writer, DpWriteKind kind, TupleTableSlot *row, int64 tag);

DpWriter *
dp_writer_open(Oid target, TupleDesc row, int nkeys, const AttrNumber *keys)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dataplat writer",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DpWriter   *writer = palloc0(sizeof(DpWriter));
	Oid			index = InvalidOid;

	writer->context = context;
	writer->rel = open_target(target, nkeys > 0);
	writer->estate = CreateExecutorState();
	map_columns(writer, row);
	if (nkeys > 0)
		writer->key = map_key(writer, row, nkeys, keys);
	writer->incoming = MakeSingleTupleTableSlot(RelationGetDescr(writer->rel), &TTSOpsVirtual);

	if (writer->sql_reason == NULL)
		writer->sql_reason = heap_obstacle(writer->rel);
	if (writer->sql_reason == NULL && writer->key)
	{
		index = dp_heap_writer_index(writer->rel, writer->key);
		if (!OidIsValid(index))
			writer->sql_reason = "it has no unique index on the keys";
	}
	if (writer->sql_reason)
		dp_sql_writer_open(writer);
	else
		dp_heap_writer_open(writer, index);
	MemoryContextSwitchTo(old);
	return writer;
}

void
dp_writer_decide_by(DpWriter *writer, DpWriterDecide decide, void *arg)
{
	writer->decide = decide;
	writer->decide_arg = arg;
}

void
dp_writer_put(DpWriter *writer, TupleTableSlot *row)
{
	write_row(writer, DP_WRITE_PUT, row, 0);
}

void
dp_writer_offer(DpWriter *writer, TupleTableSlot *row, int64 tag)
{
	write_row(writer, DP_WRITE_PUT, row, tag);
}

void
dp_writer_remove(DpWriter *writer, TupleTableSlot *row)
{
	write_row(writer, DP_WRITE_REMOVE, row, 0);
}

void
dp_writer_append(DpWriter *writer, TupleTableSlot *row)
{
	write_row(writer, DP_WRITE_APPEND, row, 0);
}

void
dp_writer_remove_rest(DpWriter *writer)
{
	Assert(writer->key != NULL);
	if (writer->sql)
		writer->remove_rest = true;
	else
		dp_heap_writer_remove_rest(writer);
}

const char *
dp_writer_sql_reason(DpWriter *writer)
{
	return writer->sql_reason;
}

void
dp_writer_close(DpWriter *writer, DpWriteCounts *counts)
{
	MemoryContext old = MemoryContextSwitchTo(writer->context);

	if (writer->sql)
		dp_sql_writer_close(writer);
	else
		dp_heap_writer_close(writer);
	if (counts)
	{
		counts->inserted += writer->counts.inserted;
		counts->updated += writer->counts.updated;
		counts->deleted += writer->counts.deleted;
		counts->unchanged += writer->counts.unchanged;
	}
	ExecDropSingleTupleTableSlot(writer->incoming);
	FreeExecutorState(writer->estate);
	table_close(writer->rel, NoLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(writer->context);
	CommandCounterIncrement();
}

/* Whatever is left in the per-tuple context from the row before is let go. */
static void
write_row(DpWriter *writer, DpWriteKind kind, TupleTableSlot *row, int64 tag)
{
	MemoryContext old;

	if (writer->key == NULL && kind != DP_WRITE_APPEND)
		elog(ERROR, "a writer without keys can only append");
	ResetPerTupleExprContext(writer->estate);
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));
	project(writer, row);
	if (writer->sql)
		dp_sql_writer_write(writer, kind, tag);
	else
		dp_heap_writer_write(writer, kind, tag);
	MemoryContextSwitchTo(old);
}

/* The row as one of the target; columns that it does not supply are NULL. */
static void
project(DpWriter *writer, TupleTableSlot *row)
{
	TupleTableSlot *incoming = writer->incoming;
	ExprContext *econtext = GetPerTupleExprContext(writer->estate);
	int			natts = incoming->tts_tupleDescriptor->natts;

	ExecClearTuple(incoming);
	slot_getallattrs(row);
	econtext->ecxt_scantuple = row;
	for (int i = 0; i < natts; i++)
	{
		DpWriterColumn *column = &writer->columns[i];

		if (column->from == 0)
		{
			incoming->tts_values[i] = (Datum) 0;
			incoming->tts_isnull[i] = true;
		}
		else if (column->cast)
			incoming->tts_values[i] = ExecEvalExpr(column->cast, econtext,
												   &incoming->tts_isnull[i]);
		else
		{
			incoming->tts_values[i] = row->tts_values[column->from - 1];
			incoming->tts_isnull[i] = row->tts_isnull[column->from - 1];
		}
	}
	ExecStoreVirtualTuple(incoming);
}

void
dp_writer_error_twice(DpWriter *writer, TupleTableSlot *row)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("the result for table \"%s\" has more than one row for a key",
					RelationGetRelationName(writer->rel)),
			 errdetail("Key %s comes twice.", dp_key_describe(writer->key, row)),
			 errhint("Choose keys that tell the rows of the query apart, or aggregate by them.")));
}

void
dp_writer_error_concurrent(DpWriter *writer)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access to table \"%s\"", RelationGetRelationName(writer->rel)),
			 errdetail("Somebody else changed a row of the target while the run was going on."),
			 errhint("The run can be repeated.")));
}

static Relation
open_target(Oid target, bool keyed)
{
	Relation	rel = try_table_open(target, RowExclusiveLock);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the target table does not exist any more"),
				 errhint("Drop the pipeline, or make it again.")));
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is not a table", RelationGetRelationName(rel)),
					 errhint("The target of a pipeline can be a table, a partitioned table or a foreign table.")));
	}
	PreventCommandIfReadOnly("write to a target table");
	check_rights(rel, keyed);
	return rel;
}

static void
check_rights(Relation rel, bool keyed)
{
	AclMode		need = keyed ? ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE : ACL_INSERT;
	Oid			relid = RelationGetRelid(rel);
	const char *name = RelationGetRelationName(rel);

	if (pg_class_aclmask(relid, GetUserId(), need, ACLMASK_ALL) != need)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(rel->rd_rel->relkind), name);
	if (RelationGetNamespace(rel) == PG_CATALOG_NAMESPACE)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("\"%s\" is a system table", name)));
	if (check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("role \"%s\" cannot keep table \"%s\" with row-level security enabled",
						GetUserNameFromId(GetUserId(), false), name),
				 errdetail("The policies would hide rows from the pipeline, and the target would be wrong."),
				 errhint("Let a role that bypasses row security, or the table's owner without FORCE, own the pipeline.")));
}

/* One line for each column that does not fit. */
static void note_misfit(StringInfo misfits, const char *fmt,...) pg_attribute_printf(2, 3);

static void
note_misfit(StringInfo misfits, const char *fmt,...)
{
	va_list		args;
	int			needed;

	if (misfits->len > 0)
		appendStringInfoChar(misfits, '\n');
	for (;;)
	{
		va_start(args, fmt);
		needed = appendStringInfoVA(misfits, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(misfits, needed);
	}
}

static AttrNumber
find_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i + 1;
	return InvalidAttrNumber;
}

/* How the value of a row's column becomes one of the target's, or a misfit. */
static void
map_column(DpWriter *writer, Form_pg_attribute from, Form_pg_attribute to, StringInfo misfits)
{
	DpWriterColumn *column = &writer->columns[to->attnum - 1];
	Node	   *var = (Node *) makeVar(1, from->attnum, from->atttypid, from->atttypmod,
									   from->attcollation, 0);
	Node	   *cast = coerce_to_target_type(NULL, var, from->atttypid, to->atttypid,
											 to->atttypmod, COERCION_ASSIGNMENT,
											 COERCE_IMPLICIT_CAST, -1);

	column->from = from->attnum;
	if (cast == NULL)
		note_misfit(misfits, "Column \"%s\" is %s in the result and %s in the table.",
					NameStr(to->attname),
					format_type_with_typemod(from->atttypid, from->atttypmod),
					format_type_with_typemod(to->atttypid, to->atttypmod));
	else if (!IsA(cast, Var))
		column->cast = ExecInitExpr(expression_planner((Expr *) cast), NULL);
}

static void
map_columns(DpWriter *writer, TupleDesc row)
{
	TupleDesc	desc = RelationGetDescr(writer->rel);
	StringInfoData unknown,
				misfits;

	writer->columns = palloc0(sizeof(DpWriterColumn) * desc->natts);
	initStringInfo(&unknown);
	initStringInfo(&misfits);
	for (int i = 0; i < row->natts; i++)
	{
		Form_pg_attribute from = TupleDescAttr(row, i);
		AttrNumber	attno;

		if (from->attisdropped)
			continue;
		attno = find_column(desc, NameStr(from->attname));
		if (attno == InvalidAttrNumber)
			note_misfit(&unknown, "The table has no column \"%s\".", NameStr(from->attname));
		else if (writer->columns[attno - 1].from != 0)
			note_misfit(&misfits, "Column \"%s\" is in the result twice.", NameStr(from->attname));
		else
			map_column(writer, from, TupleDescAttr(desc, attno - 1), &misfits);
	}
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute to = TupleDescAttr(desc, i);
		Node	   *initial;

		if (to->attisdropped || writer->columns[i].from != 0 || to->attgenerated)
			continue;
		initial = build_column_default(writer->rel, i + 1);
		if (initial)
			writer->columns[i].initial = ExecInitExpr(expression_planner((Expr *) initial), NULL);
		else if (get_typtype(to->atttypid) == TYPTYPE_DOMAIN)
			writer->sql_reason = "it has columns of domain types that the result does not fill";
	}
	if (unknown.len == 0 && misfits.len == 0)
		return;
	if (unknown.len > 0 && misfits.len > 0)
		appendStringInfoChar(&unknown, '\n');
	ereport(ERROR,
			(errcode(misfits.len > 0 ? ERRCODE_DATATYPE_MISMATCH : ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the result does not fit table \"%s\"", RelationGetRelationName(writer->rel)),
			 errdetail("%s%s", unknown.data, misfits.data),
			 errhint("Alter the table, or name and cast the columns in the query.")));
}

static DpKey *
map_key(DpWriter *writer, TupleDesc row, int nkeys, const AttrNumber *keys)
{
	TupleDesc	desc = RelationGetDescr(writer->rel);
	AttrNumber *attnos = palloc(sizeof(AttrNumber) * nkeys);

	for (int i = 0; i < nkeys; i++)
	{
		Assert(keys[i] > 0 && keys[i] <= row->natts);
		attnos[i] = find_column(desc, NameStr(TupleDescAttr(row, keys[i] - 1)->attname));
		Assert(attnos[i] != InvalidAttrNumber);
	}
	return dp_key_make(desc, nkeys, attnos);
}

/* What stands against writing to the heap directly; NULL when nothing does. */
static const char *
heap_obstacle(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	switch (rel->rd_rel->relkind)
	{
		case RELKIND_PARTITIONED_TABLE:
			return "it is partitioned";
		case RELKIND_FOREIGN_TABLE:
			return "it is a foreign table";
	}
	if (rel->rd_rel->relispartition)
		return "it is a partition";
	if (rel->rd_rel->relhassubclass)
		return "other tables inherit from it";
	if (rel->rd_tableam != GetHeapamTableAmRoutine())
		return "its access method is not heap";
	if (rel->rd_rules)
		return "it has rules";
	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
		if (!dp_changelog_is_ours(&rel->trigdesc->triggers[i]))
			return "it has triggers or foreign keys";
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		if (TupleDescAttr(desc, i)->attgenerated)
			return "it has generated columns";
		if (TupleDescAttr(desc, i)->attidentity)
			return "it has identity columns";
	}
	return NULL;
}
