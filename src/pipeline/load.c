/*-------------------------------------------------------------------------
 *
 * load.c
 *	  A pipeline as its row says it, read with its owner's eyes.
 *
 * The query means what it meant to the session that wrote it: it is read and
 * run in the search_path and the time zone of then, whoever runs it now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/varlena.h"
#include "utils/xml.h"

#include "common/statement.h"
#include "pipeline/internal.h"

/* Advisory locks of users have 1 or 2 in this place. */
#define LOCK_SPACE 3
#define LOCK_CLASS 0x64706c6e

static DpMode parse_mode(const char *mode);

bool
dp_pipeline_lock(int32 id, bool wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, LOCK_CLASS, (uint32) id, LOCK_SPACE);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

static DpMode
parse_mode(const char *mode)
{
	static const char *const names[] = {"append", "upsert", "scd2", "aggregate", "full", "view"};

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (strcmp(mode, names[i]) == 0)
			return (DpMode) i;
	}
	elog(ERROR, "unknown mode \"%s\"", mode);
}

/* A text[] as a List of char *; NULL is the empty list. */
List *
dp_text_list(Datum array, bool isnull)
{
	Datum	   *items;
	bool	   *nulls;
	int			n;
	List	   *result = NIL;

	if (isnull)
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			result = lappend(result, TextDatumGetCString(items[i]));
	}
	return result;
}

/* "a, b" as a List of char *; NULL is the empty list. */
List *
dp_text_items(const char *text)
{
	List	   *items = NIL;

	if (text != NULL && !SplitIdentifierString(pstrdup(text), ',', &items))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid list of columns \"%s\"", text)));
	return items;
}

Oid
dp_relation_by_name(const char *name)
{
	return RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name))),
							NoLock, true);
}

/*
 * Texts that a query makes of values must be the same whoever runs it: those
 * of the server's defaults.  How it reads dates that may be taken in two ways
 * (the second part of DateStyle) stays.
 */
static void
write_texts_alike(void)
{
	if (DateStyle != USE_ISO_DATES)
		dp_role_set("DateStyle", "ISO");
	if (IntervalStyle != INTSTYLE_POSTGRES)
		dp_role_set("IntervalStyle", "postgres");
	if (extra_float_digits <= 0)	/* all above write the shortest exact text */
		dp_role_set("extra_float_digits", "1");
	if (bytea_output != BYTEA_OUTPUT_HEX)
		dp_role_set("bytea_output", "hex");
	if (xmlbinary != XMLBINARY_BASE64)
		dp_role_set("xmlbinary", "base64");
}

/*
 * Become the owner, in the settings in which the query was written.  Any
 * error restores all with the (sub)transaction.
 */
void
dp_enter_owner(const DpPipeline *pipeline, DpRoleScope *scope)
{
	dp_role_enter(pipeline->owner, pipeline->search_path, scope);
	write_texts_alike();
	if (pipeline->time_zone != NULL)
		dp_role_set("TimeZone", pipeline->time_zone);
}

void
dp_check_row_security(const DpPipeline *pipeline, const DpQuery *query)
{
	if (query->row_security)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a pipeline cannot read a table through row security"),
				 errdetail("Policies decide what role \"%s\" sees, and changes of policies are not captured.",
						   GetUserNameFromId(pipeline->owner, false)),
				 errhint("Let a role own the pipeline that owns the table or has BYPASSRLS.")));
}

static char *
column_text(HeapTuple row, TupleDesc desc, int column, MemoryContext context)
{
	char	   *value = SPI_getvalue(row, desc, column);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

static List *
column_list(HeapTuple row, TupleDesc desc, int column, MemoryContext context)
{
	bool		isnull;
	Datum		array = SPI_getbinval(row, desc, column, &isnull);
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *result = dp_text_list(array, isnull);

	MemoryContextSwitchTo(old);
	return result;
}

static void
load_inputs(DpPipeline *pipeline, MemoryContext context)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(pipeline->name)};

	dp_statement_execute("SELECT r.relation, r.role, r.bronze_frontier::text, pg_catalog.to_regclass(r.relation)::oid"
						  " FROM dataplat_internal.pipeline_relation AS r WHERE r.pipeline = $1 ORDER BY r.relation",
						  1, types, values, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		DpInput    *input = MemoryContextAllocZero(context, sizeof(DpInput));
		char	   *role = SPI_getvalue(row, desc, 2);
		bool		isnull;
		MemoryContext old;

		input->name = column_text(row, desc, 1, context);
		input->role = strcmp(role, "bronze") == 0 ? DP_INPUT_BRONZE :
			strcmp(role, "lookup") == 0 ? DP_INPUT_LOOKUP : DP_INPUT_TABLE;
		input->bronze_frontier = column_text(row, desc, 3, context);
		input->relid = DatumGetObjectId(SPI_getbinval(row, desc, 4, &isnull));
		if (isnull)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("table %s, which pipeline \"%s\" reads, does not exist", input->name, pipeline->name),
					 errhint("Make it again, or change the query with dataplat.alter_pipeline().")));
		old = MemoryContextSwitchTo(context);
		pipeline->inputs = lappend(pipeline->inputs, input);
		MemoryContextSwitchTo(old);
	}
}

/* Column numbers (from 0) of the keys in the result. */
static void
find_keys(DpPipeline *pipeline)
{
	TupleDesc	desc = pipeline->query->desc;
	ListCell   *lc;

	foreach(lc, pipeline->keys)
	{
		int			column = SPI_fnumber(desc, lfirst(lc));

		if (column <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("key \"%s\" is not a column of the result of pipeline \"%s\"",
							(char *) lfirst(lc), pipeline->name)));
		pipeline->key_columns = lappend_int(pipeline->key_columns, column - 1);
	}
}

/* Does the query turn rows that never change into rows, one by one? */
static bool
reads_events(const DpPipeline *pipeline)
{
	bool		bronze = false;
	ListCell   *lc;

	foreach(lc, pipeline->inputs)
	{
		DpInput    *input = lfirst(lc);

		if (input->role == DP_INPUT_TABLE)
			return false;
		bronze |= input->role == DP_INPUT_BRONZE;
	}
	return bronze && dp_query_is_plain(pipeline->query);
}

/*
 * Over tables that change, "the greatest sequence of a key wins" is a query
 * by itself, which the general rule keeps up to date.
 */
static char *
newest_text(const DpPipeline *pipeline, const char *text)
{
	StringInfoData out;
	const char *comma = "";
	ListCell   *lc;
	char	   *keys;

	initStringInfo(&out);
	foreach(lc, pipeline->keys)
	{
		appendStringInfo(&out, "%s%s", comma, quote_identifier(lfirst(lc)));
		comma = ", ";
	}
	keys = pstrdup(out.data);
	resetStringInfo(&out);
	if (pipeline->delete_when != NULL)
		appendStringInfoString(&out, "SELECT * FROM (");
	appendStringInfo(&out, "SELECT DISTINCT ON (%s) * FROM (\n%s\n) AS q ORDER BY %s",
					 keys, dp_statement_text(text), keys);
	foreach(lc, dp_text_items(pipeline->sequence_by))
		appendStringInfo(&out, ", %s DESC NULLS LAST", quote_identifier(lfirst(lc)));
	if (pipeline->delete_when != NULL)
		appendStringInfo(&out, ") AS newest WHERE (%s\n) IS NOT TRUE", pipeline->delete_when);
	return out.data;
}

static void
error_unknown(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("pipeline \"%s\" does not exist", name),
			 errhint("See dataplat.pipeline for the declared pipelines.")));
}

DpPipeline *
dp_pipeline_take(const char *name)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};
	DpRoleScope scope;
	bool		isnull;
	int32		id;

	dp_platform_enter(&scope);
	SPI_connect();
	dp_statement_execute("SELECT p.pipeline_id FROM dataplat.pipeline AS p WHERE p.name = $1",
						 1, types, values, NULL, false, 0);
	if (SPI_processed != 1)
		error_unknown(name);
	id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	dp_role_leave(&scope);
	(void) dp_pipeline_lock(id, true);
	/* Only now: somebody may have run or altered it while we waited. */
	return dp_pipeline_load(name);
}

DpPipeline *
dp_pipeline_load(const char *name)
{
	MemoryContext context = CurrentMemoryContext;
	DpPipeline *pipeline = palloc0(sizeof(DpPipeline));
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};
	DpRoleScope scope;
	HeapTuple	row;
	TupleDesc	desc;
	bool		isnull;
	char	   *text;

	dp_platform_enter(&scope);
	SPI_connect();
	dp_statement_execute("SELECT p.name, p.pipeline_id, p.owner::text, p.target, p.query, p.search_path, p.mode,"
						  " p.keys, p.sequence_by, p.delete_when, p.track_history_on, p.time_zone, s.filled,"
						  " s.rebuild_reason, EXISTS (SELECT 1 FROM dataplat_internal.pipeline_rebuild AS b WHERE b.pipeline = p.name)"
						  " FROM dataplat.pipeline AS p"
						  " LEFT JOIN dataplat_internal.pipeline_state AS s ON s.pipeline = p.name"
						  " WHERE p.name = $1", 1, types, values, NULL, false, 0);
	if (SPI_processed != 1)
		error_unknown(name);
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	pipeline->name = column_text(row, desc, 1, context);
	pipeline->id = DatumGetInt32(SPI_getbinval(row, desc, 2, &isnull));
	pipeline->owner = get_role_oid(SPI_getvalue(row, desc, 3), false);
	pipeline->target_name = column_text(row, desc, 4, context);
	text = column_text(row, desc, 5, context);
	pipeline->search_path = column_text(row, desc, 6, context);
	pipeline->mode = parse_mode(SPI_getvalue(row, desc, 7));
	pipeline->keys = column_list(row, desc, 8, context);
	pipeline->sequence_by = column_text(row, desc, 9, context);
	pipeline->delete_when = column_text(row, desc, 10, context);
	pipeline->track_history_on = column_list(row, desc, 11, context);
	pipeline->time_zone = column_text(row, desc, 12, context);
	pipeline->filled = DatumGetBool(SPI_getbinval(row, desc, 13, &isnull)) && !isnull;
	pipeline->rebuild_reason = column_text(row, desc, 14, context);
	pipeline->rebuilding = DatumGetBool(SPI_getbinval(row, desc, 15, &isnull));
	load_inputs(pipeline, context);
	SPI_finish();
	dp_role_leave(&scope);

	pipeline->target = dp_relation_by_name(pipeline->target_name);
	dp_enter_owner(pipeline, &scope);
	pipeline->query = dp_query_analyze(text);
	if (pipeline->mode == DP_MODE_UPSERT && !reads_events(pipeline))
	{
		pipeline->query = dp_query_analyze(newest_text(pipeline, text));
		pipeline->mode = DP_MODE_AGGREGATE;
	}
	if (pipeline->mode != DP_MODE_VIEW)
		dp_check_row_security(pipeline, pipeline->query);
	dp_role_leave(&scope);
	find_keys(pipeline);
	if (pipeline->mode == DP_MODE_AGGREGATE)
		pipeline->additive = dp_query_additive(pipeline->query, pipeline->key_columns);
	return pipeline;
}
