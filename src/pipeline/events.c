/*-------------------------------------------------------------------------
 *
 * events.c
 *	  Events as they come, and the tables that remember some of them.
 *
 * A rule that must be right whatever the order of arrival has to remember
 * what its target no longer shows: the upsert, what was deleted and when; the
 * history, every event.  That is kept in a table in our private schema that
 * belongs to the owner of the pipeline, because comparing its rows runs the
 * code of the owner's types.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "common/compat.h"
#include "pipeline/apply_int.h"
#include "pipeline/writer_int.h"

AttrNumber
dp_events_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i + 1;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the result has no column \"%s\"", name)));
}

AttrNumber *
dp_events_translate(TupleDesc from, TupleDesc to, int n, const AttrNumber *attnos)
{
	AttrNumber *result = palloc(sizeof(AttrNumber) * Max(n, 1));

	for (int i = 0; i < n; i++)
		result[i] = dp_events_column(to, NameStr(TupleDescAttr(from, attnos[i] - 1)->attname));
	return result;
}

/* One type is compared in one way, in the batch and in the target. */
void
dp_events_same_types(DpEvents *events, TupleDesc target, int n, const AttrNumber *attnos)
{
	AttrNumber *there = dp_events_translate(events->desc, target, n, attnos);

	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute from = TupleDescAttr(events->desc, attnos[i] - 1);
		Form_pg_attribute to = TupleDescAttr(target, there[i] - 1);

		if (from->atttypid != to->atttypid)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" is %s in the result and %s in the target",
							NameStr(from->attname), format_type_be(from->atttypid),
							format_type_be(to->atttypid)),
					 errdetail("Events are put in order by it."),
					 errhint("Cast the column in the query.")));
	}
}

/* Columns of a comma-separated list. */
static int
read_sequence(const char *text, TupleDesc desc, AttrNumber **attnos)
{
	List	   *names;
	ListCell   *lc;
	int			n = 0;

	*attnos = NULL;
	if (text == NULL)
		return 0;
	if (!SplitIdentifierString(pstrdup(text), ',', &names) || names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid sequence_by \"%s\"", text),
				 errhint("Name a column of the result, or several separated by commas.")));
	*attnos = palloc(sizeof(AttrNumber) * list_length(names));
	foreach(lc, names)
		(*attnos)[n++] = dp_events_column(desc, lfirst(lc));
	return n;
}

static AttrNumber
optional_column(TupleDesc desc, const char *name, Oid type)
{
	for (int i = 0; i < desc->natts - 1; i++)
		if (TupleDescAttr(desc, i)->atttypid == type &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i + 1;
	return InvalidAttrNumber;
}

DpEvents *
dp_events_open(DpPipeline *pipeline, TupleDesc desc, Tuplestorestate *rows, int64 nrows)
{
	DpEvents   *events = palloc0(sizeof(DpEvents));
	ListCell   *lc;

	events->pipeline = pipeline;
	events->desc = desc;
	events->rows = rows;
	events->nrows = nrows;
	events->ordinal = desc->natts;
	Assert(TupleDescAttr(desc, desc->natts - 1)->atttypid == INT8OID);
	events->unstored = bms_make_singleton(events->ordinal);

	if (pipeline->keys == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("pipeline \"%s\" has no keys", pipeline->name)));
	events->keys = palloc(sizeof(AttrNumber) * list_length(pipeline->keys));
	foreach(lc, pipeline->keys)
		events->keys[events->nkeys++] = dp_events_column(desc, lfirst(lc));
	events->nsequence = read_sequence(pipeline->sequence_by, desc, &events->sequence);
	events->keep = optional_column(desc, DP_KEEP_COLUMN, TEXTARRAYOID);
	if (pipeline->delete_when)
		events->deletes = dp_condition_make("delete_when", pipeline->delete_when, desc);
	else if (optional_column(desc, DP_DELETE_COLUMN, BOOLOID) != 0)
		events->deletes = dp_condition_make("delete_when", DP_DELETE_COLUMN, desc);
	if (events->deletes)
		events->unstored = bms_add_members(events->unstored, events->deletes->columns);
	if (events->keep != 0)
		events->unstored = bms_add_member(events->unstored, events->keep);
	return events;
}

/*
 * A column that only says whether to delete, or what to keep, need not be in
 * the target; the ordinal never is.
 */
TupleDesc
dp_events_stored(DpEvents *events, TupleDesc target)
{
	TupleDesc	stored = CreateTupleDescCopy(events->desc);

	for (int i = 0; i < stored->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(stored, i);
		bool		has = false;

		if (!bms_is_member(att->attnum, events->unstored))
			continue;
		for (int t = 0; t < target->natts && !has && att->attnum != events->ordinal; t++)
			has = !TupleDescAttr(target, t)->attisdropped &&
				strcmp(NameStr(TupleDescAttr(target, t)->attname), NameStr(att->attname)) == 0;
		if (!has)
			att->attisdropped = true;
	}
	return stored;
}

/* ------------------------------------------------------------- side tables */

static char *
side_table_name(const char *kind, int32 pipeline_id)
{
	return psprintf("%s_%d", kind, pipeline_id);
}

Oid
dp_side_table_find(const char *kind, int32 pipeline_id)
{
	return get_relname_relid(side_table_name(kind, pipeline_id),
							 get_namespace_oid("dataplat_internal", false));
}

static Oid
extension_owner(void)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID,
										ObjectIdGetDatum(get_namespace_oid("dataplat_internal", false)));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "the extension has no private schema");
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
run_ddl(const char *sql)
{
	int			rc = SPI_execute(sql, false, 0);

	if (rc != SPI_OK_UTILITY)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(rc));
}

static void
append_columns(StringInfo sql, TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		appendStringInfo(sql, "%s%s %s", i == 0 ? "" : ", ",
						 quote_identifier(NameStr(att->attname)),
						 format_type_extended(att->atttypid, att->atttypmod,
											  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		if (OidIsValid(att->attcollation) && att->attcollation != get_typcollation(att->atttypid))
			appendStringInfo(sql, " COLLATE %s", dp_collation_text(att->attcollation));
	}
}

/*
 * Only the extension's owner may put tables into its schema.  The index is
 * made when the table is the pipeline owner's, with his rights.
 */
static void
make_side_table(const char *kind, int32 pipeline_id, Oid owner, TupleDesc desc, int nunique)
{
	char	   *name = quote_qualified_identifier("dataplat_internal",
												  side_table_name(kind, pipeline_id));
	StringInfoData table,
				index;
	Oid			save_userid;
	int			save_sec_context;
	int			nestlevel;

	initStringInfo(&table);
	appendStringInfo(&table, "CREATE TABLE %s (", name);
	append_columns(&table, desc);
	appendStringInfoString(&table, ") WITH (fillfactor = 80)");
	initStringInfo(&index);
	appendStringInfo(&index, "CREATE UNIQUE INDEX ON %s (", name);
	for (int i = 0; i < nunique; i++)
		appendStringInfo(&index, "%s%s", i == 0 ? "" : ", ",
						 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
	appendStringInfoString(&index, ") NULLS NOT DISTINCT");

	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	SetUserIdAndSecContext(extension_owner(), save_sec_context | SECURITY_RESTRICTED_OPERATION);
	nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (OidIsValid(dp_side_table_find(kind, pipeline_id)))
		run_ddl(psprintf("DROP TABLE %s", name));
	run_ddl(table.data);
	run_ddl(psprintf("ALTER TABLE %s OWNER TO %s", name,
					 quote_identifier(GetUserNameFromId(owner, false))));
	run_ddl(index.data);
	SPI_finish();
	AtEOXact_GUC(false, nestlevel);
	SetUserIdAndSecContext(save_userid, save_sec_context);
	CommandCounterIncrement();
}

static bool
has_columns(Oid table, TupleDesc desc)
{
	Relation	rel = table_open(table, AccessShareLock);
	TupleDesc	have = RelationGetDescr(rel);
	bool		same = have->natts == desc->natts;

	for (int i = 0; i < have->natts && same; i++)
	{
		Form_pg_attribute a = TupleDescAttr(have, i);
		Form_pg_attribute b = TupleDescAttr(desc, i);

		same = a->atttypid == b->atttypid && a->atttypmod == b->atttypmod &&
			a->attcollation == b->attcollation &&
			strcmp(NameStr(a->attname), NameStr(b->attname)) == 0;
	}
	table_close(rel, AccessShareLock);
	return same;
}

Oid
dp_side_table_open(const char *kind, int32 pipeline_id, Oid owner, TupleDesc desc,
				   int nunique, bool afresh)
{
	Oid			table = dp_side_table_find(kind, pipeline_id);

	if (OidIsValid(table) && has_columns(table, desc))
		return table;
	if (OidIsValid(table) && !afresh)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" does not fit the pipeline any more",
						side_table_name(kind, pipeline_id)),
				 errdetail("Columns of the target have changed since it was filled."),
				 errhint("Call dataplat.reset_pipeline(), and the next run computes everything.")));
	make_side_table(kind, pipeline_id, owner, desc, nunique);
	return dp_side_table_find(kind, pipeline_id);
}

Relation
dp_side_table_index(Relation table, DpKey *key)
{
	Oid			index = dp_heap_writer_index(table, key);

	if (!OidIsValid(index))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has lost its index", RelationGetRelationName(table)),
				 errhint("Call dataplat.reset_pipeline(), and the next run computes everything.")));
	return index_open(index, AccessShareLock);
}

void
dp_apply_forget(int32 pipeline_id)
{
	static const char *const kinds[] = {"tombstone", "event", "state"};

	SPI_connect();
	for (int i = 0; i < lengthof(kinds); i++)
		if (OidIsValid(dp_side_table_find(kinds[i], pipeline_id)))
			run_ddl(psprintf("DROP TABLE dataplat_internal.%s",
							 quote_identifier(side_table_name(kinds[i], pipeline_id))));
	SPI_finish();
}
