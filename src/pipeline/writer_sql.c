/*-------------------------------------------------------------------------
 *
 * writer_sql.c
 *	  Write rows of a target by statements: partitions, triggers, generated
 *	  columns, foreign tables, tables without a fitting unique index.
 *
 * The rows are kept until the writer is closed, already cast to the target's
 * types, and then joined with the target as named tuple stores: a DELETE, an
 * UPDATE of what differs and an INSERT of what is not there.
 *
 * No index serves IS NOT DISTINCT FROM, so rows are kept apart by which of
 * their key columns are NULL: for each such group the join is made of plain
 * equality and IS NULL.  Most targets have one group.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "pipeline/writer_int.h"

#define ROWS_NAME "dataplat_rows"
#define TAG_NAME "dataplat tag"

/* Rows fetched at a time when the old rows are asked. */
#define FETCH_ROWS 1000

typedef struct RowStore
{
	Tuplestorestate *rows;		/* NULL until the first row */
	int64		n;
} RowStore;

/* Rows whose key is NULL in the same columns. */
typedef struct RowGroup
{
	Bitmapset  *nulls;			/* of the key's columns, from 0 */
	RowStore	puts;
	RowStore	removes;
	RowStore	kept;			/* keys that were put and stay as they are */
} RowGroup;

struct DpSqlWriter
{
	const char *table;			/* quoted */
	const char *columns;		/* supplied ones, quoted, with commas */
	TupleDesc	desc;			/* the supplied columns and the tag */
	AttrNumber *attnos;			/* of the supplied columns, in the target */
	int			ncolumns;
	TupleTableSlot *row;
	List	   *groups;			/* RowGroup * */
	RowStore	appends;
};

static void store_row(DpWriter *writer, RowStore *store, TupleTableSlot *row, int64 tag);
static RowGroup *find_group(DpWriter *writer, TupleTableSlot *row);
static void ask_old_rows(DpWriter *writer, RowGroup *group);
static void check_unique(DpWriter *writer, RowGroup *group);
static void write_group(DpWriter *writer, RowGroup *group);
static void remove_rest(DpWriter *writer);
static int64 run_statement(DpWriter *writer, RowStore *store, const char *sql, int expected);

void
dp_sql_writer_open(DpWriter *writer)
{
	DpSqlWriter *sql = palloc0(sizeof(DpSqlWriter));
	TupleDesc	desc = RelationGetDescr(writer->rel);
	StringInfoData columns;

	writer->sql = sql;
	sql->table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(writer->rel)),
											RelationGetRelationName(writer->rel));
	sql->attnos = palloc(sizeof(AttrNumber) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
		if (writer->columns[i].from != 0)
			sql->attnos[sql->ncolumns++] = i + 1;

	initStringInfo(&columns);
	sql->desc = CreateTemplateTupleDesc(sql->ncolumns + 1);
	for (int i = 0; i < sql->ncolumns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, sql->attnos[i] - 1);

		TupleDescInitEntry(sql->desc, i + 1, NameStr(att->attname),
						   att->atttypid, att->atttypmod, 0);
		TupleDescInitEntryCollation(sql->desc, i + 1, att->attcollation);
		appendStringInfo(&columns, "%s%s", i == 0 ? "" : ", ",
						 quote_identifier(NameStr(att->attname)));
	}
	TupleDescInitEntry(sql->desc, sql->ncolumns + 1, TAG_NAME, INT8OID, -1, 0);
	sql->columns = columns.data;
	sql->row = MakeSingleTupleTableSlot(sql->desc, &TTSOpsVirtual);
}

void
dp_sql_writer_write(DpWriter *writer, DpWriteKind kind, int64 tag)
{
	RowGroup   *group;

	if (kind == DP_WRITE_APPEND)
	{
		store_row(writer, &writer->sql->appends, writer->incoming, 0);
		return;
	}
	group = find_group(writer, writer->incoming);
	store_row(writer, kind == DP_WRITE_PUT ? &group->puts : &group->removes,
			  writer->incoming, tag);
}

void
dp_sql_writer_close(DpWriter *writer)
{
	DpSqlWriter *sql = writer->sql;
	ListCell   *lc;

	/* deletes first: a row may move from one key to another */
	foreach(lc, sql->groups)
	{
		RowGroup   *group = lfirst(lc);

		check_unique(writer, group);
		if (writer->decide && group->puts.rows)
			ask_old_rows(writer, group);
	}
	if (writer->remove_rest)
		remove_rest(writer);
	foreach(lc, sql->groups)
		write_group(writer, lfirst(lc));
	if (sql->appends.rows)
		writer->counts.inserted +=
			run_statement(writer, &sql->appends,
						  psprintf("INSERT INTO %s (%s) SELECT %s FROM " ROWS_NAME,
								   sql->table, sql->columns, sql->columns),
						  SPI_OK_INSERT);
	ExecDropSingleTupleTableSlot(sql->row);
}

/* "row" has the target's columns. */
static void
store_row(DpWriter *writer, RowStore *store, TupleTableSlot *row, int64 tag)
{
	DpSqlWriter *sql = writer->sql;

	if (store->rows == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->context);

		store->rows = tuplestore_begin_heap(false, false, work_mem);
		MemoryContextSwitchTo(old);
	}
	ExecClearTuple(sql->row);
	for (int i = 0; i < sql->ncolumns; i++)
	{
		sql->row->tts_values[i] = row->tts_values[sql->attnos[i] - 1];
		sql->row->tts_isnull[i] = row->tts_isnull[sql->attnos[i] - 1];
	}
	sql->row->tts_values[sql->ncolumns] = Int64GetDatum(tag);
	sql->row->tts_isnull[sql->ncolumns] = false;
	ExecStoreVirtualTuple(sql->row);
	tuplestore_puttupleslot(store->rows, sql->row);
	store->n++;
}

static RowGroup *
find_group(DpWriter *writer, TupleTableSlot *row)
{
	Bitmapset  *nulls = NULL;
	RowGroup   *group;
	ListCell   *lc;
	MemoryContext old;

	for (int i = 0; i < writer->key->ncolumns; i++)
		if (row->tts_isnull[writer->key->columns[i].attno - 1])
			nulls = bms_add_member(nulls, i);
	foreach(lc, writer->sql->groups)
	{
		group = lfirst(lc);
		if (bms_equal(group->nulls, nulls))
			return group;
	}
	old = MemoryContextSwitchTo(writer->context);
	group = palloc0(sizeof(RowGroup));
	group->nulls = bms_copy(nulls);
	writer->sql->groups = lappend(writer->sql->groups, group);
	MemoryContextSwitchTo(old);
	return group;
}

static const char *
column_name(DpWriter *writer, AttrNumber attno)
{
	return quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(writer->rel), attno - 1)->attname));
}

/* t and r have the same key, for the rows of a group. */
static char *
same_key(DpWriter *writer, RowGroup *group)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < writer->key->ncolumns; i++)
	{
		const char *name = column_name(writer, writer->key->columns[i].attno);

		appendStringInfo(&sql, "%st.%s ", i == 0 ? "" : " AND ", name);
		if (bms_is_member(i, group->nulls))
			appendStringInfoString(&sql, "IS NULL");
		else
			appendStringInfo(&sql, "%s r.%s", dp_key_operator(writer->key, i), name);
	}
	return sql.data;
}

/* The supplied columns, each after a prefix. */
static char *
prefixed_columns(DpWriter *writer, const char *prefix)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < writer->sql->ncolumns; i++)
		appendStringInfo(&sql, "%s%s%s", i == 0 ? "" : ", ", prefix,
						 column_name(writer, writer->sql->attnos[i]));
	return sql.data;
}

static void
name_store(DpWriter *writer, RowStore *store, const char *name)
{
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	int			rc;

	enr->md.name = pstrdup(name);
	enr->md.tupdesc = writer->sql->desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = store->n;
	enr->reldata = store->rows;
	if ((rc = SPI_register_relation(enr)) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not name rows: %s", SPI_result_code_string(rc));
}

/* Run a statement over a store; returns the number of rows it changed. */
static int64
run_statement(DpWriter *writer, RowStore *store, const char *sql, int expected)
{
	int			rc;
	int64		n;

	SPI_connect();
	name_store(writer, store, ROWS_NAME);
	rc = SPI_execute(sql, false, 0);
	if (rc != expected)
		elog(ERROR, "could not write to table \"%s\": %s",
			 RelationGetRelationName(writer->rel), SPI_result_code_string(rc));
	n = SPI_processed;
	SPI_finish();
	return n;
}

/* Error when two rows to put have one key. */
static void
check_unique(DpWriter *writer, RowGroup *group)
{
	StringInfoData keys;
	StringInfoData sql;

	if (group->puts.n < 2)
		return;
	initStringInfo(&keys);
	for (int i = 0; i < writer->key->ncolumns; i++)
		appendStringInfo(&keys, "%s%s", i == 0 ? "" : ", ",
						 column_name(writer, writer->key->columns[i].attno));
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT %s FROM " ROWS_NAME
					 " GROUP BY %s HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 LIMIT 1",
					 keys.data, keys.data);
	SPI_connect();
	name_store(writer, &group->puts, ROWS_NAME);
	if (SPI_execute(sql.data, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for repeated keys");
	if (SPI_processed > 0)
	{
		TupleTableSlot *row = writer->incoming;

		ExecClearTuple(row);
		for (int i = 0; i < writer->key->ncolumns; i++)
		{
			int			at = writer->key->columns[i].attno - 1;

			row->tts_values[at] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
												i + 1, &row->tts_isnull[at]);
		}
		ExecStoreVirtualTuple(row);
		dp_writer_error_twice(writer, row);
	}
	SPI_finish();
}

/* The supplied columns of a fetched row, into a row of the target. */
static void
fill_slot(TupleTableSlot *slot, HeapTuple tuple, TupleDesc desc, int first,
		  const AttrNumber *attnos, int n)
{
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int i = 0; i < n; i++)
		slot->tts_values[attnos[i] - 1] = heap_getattr(tuple, first + i, desc,
													   &slot->tts_isnull[attnos[i] - 1]);
	ExecStoreVirtualTuple(slot);
}

static void
judge_row(DpWriter *writer, RowGroup *group, HeapTuple tuple, TupleDesc desc,
		  TupleTableSlot *old_row)
{
	DpSqlWriter *sql = writer->sql;
	TupleTableSlot *row = writer->incoming;
	bool		isnull;
	int64		tag = DatumGetInt64(heap_getattr(tuple, sql->ncolumns + 1, desc, &isnull));
	bool		exists = DatumGetBool(heap_getattr(tuple, sql->ncolumns + 2, desc, &isnull));

	fill_slot(row, tuple, desc, 1, sql->attnos, sql->ncolumns);
	fill_slot(old_row, tuple, desc, sql->ncolumns + 3, sql->attnos, sql->ncolumns);
	switch (writer->decide(writer->decide_arg, exists ? old_row : NULL, row, tag))
	{
		case DP_VERDICT_PUT:
			store_row(writer, &group->puts, row, 0);
			break;
		case DP_VERDICT_REMOVE:
			store_row(writer, &group->removes, row, 0);
			break;
		case DP_VERDICT_KEEP:
			if (exists)
				store_row(writer, &group->kept, row, 0);
			writer->counts.unchanged++;
			break;
	}
}

/*
 * Show each row to put, and the row that is there, to the decider.  The
 * group's stores are what it decided.
 */
static void
ask_old_rows(DpWriter *writer, RowGroup *group)
{
	RowStore	all = group->puts;
	TupleTableSlot *old_row = MakeSingleTupleTableSlot(RelationGetDescr(writer->rel),
													   &TTSOpsVirtual);
	char	   *text = psprintf("SELECT %s, r.\"" TAG_NAME "\", t.tableoid IS NOT NULL, %s FROM "
								ROWS_NAME " AS r LEFT JOIN %s AS t ON %s",
								prefixed_columns(writer, "r."), prefixed_columns(writer, "t."),
								writer->sql->table, same_key(writer, group));
	Portal		portal;

	memset(&group->puts, 0, sizeof(RowStore));
	SPI_connect();
	name_store(writer, &all, ROWS_NAME);
	portal = SPI_cursor_open_with_args(NULL, text, 0, NULL, NULL, NULL, false, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		CHECK_FOR_INTERRUPTS();
		for (uint64 i = 0; i < SPI_processed; i++)
			judge_row(writer, group, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, old_row);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	ExecDropSingleTupleTableSlot(old_row);
	tuplestore_end(all.rows);
}

/* Delete what has the key of no row that was put. */
static void
remove_rest(DpWriter *writer)
{
	StringInfoData sql;
	ListCell   *lc;
	int			nstores = 0;

	initStringInfo(&sql);
	appendStringInfo(&sql, "DELETE FROM %s AS t WHERE true", writer->sql->table);
	SPI_connect();
	foreach(lc, writer->sql->groups)
	{
		RowGroup   *group = lfirst(lc);
		RowStore   *stores[] = {&group->puts, &group->kept};

		for (int i = 0; i < lengthof(stores); i++)
			if (stores[i]->rows)
			{
				char	   *name = psprintf(ROWS_NAME "_%d", ++nstores);

				name_store(writer, stores[i], name);
				appendStringInfo(&sql, " AND NOT EXISTS (SELECT FROM %s AS r WHERE %s)",
								 name, same_key(writer, group));
			}
	}
	if (SPI_execute(sql.data, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not delete from table \"%s\"", RelationGetRelationName(writer->rel));
	writer->counts.deleted += SPI_processed;
	SPI_finish();
}

static void
write_group(DpWriter *writer, RowGroup *group)
{
	DpSqlWriter *sql = writer->sql;
	DpWriteCounts *counts = &writer->counts;
	char	   *match = same_key(writer, group);
	int64		n;

	if (group->removes.rows)
	{
		n = run_statement(writer, &group->removes,
						  psprintf("DELETE FROM %s AS t USING " ROWS_NAME " AS r WHERE %s",
								   sql->table, match),
						  SPI_OK_DELETE);
		counts->deleted += n;
		counts->unchanged += Max(group->removes.n - n, 0);
	}
	if (group->puts.rows)
	{
		/* record images: types without equality, and 1.0 that becomes 1.00 */
		n = run_statement(writer, &group->puts,
						  psprintf("UPDATE %s AS t SET (%s) = ROW(%s) FROM " ROWS_NAME " AS r WHERE %s"
								   " AND ROW(%s)::pg_catalog.record OPERATOR(pg_catalog.*<>)"
								   " ROW(%s)::pg_catalog.record",
								   sql->table, sql->columns, prefixed_columns(writer, "r."), match,
								   prefixed_columns(writer, "t."), prefixed_columns(writer, "r.")),
						  SPI_OK_UPDATE);
		counts->updated += n;
		counts->unchanged += Max(group->puts.n - n, 0);
		n = run_statement(writer, &group->puts,
						  psprintf("INSERT INTO %s (%s) SELECT %s FROM " ROWS_NAME " AS r"
								   " WHERE NOT EXISTS (SELECT FROM %s AS t WHERE %s)",
								   sql->table, sql->columns, prefixed_columns(writer, "r."),
								   sql->table, match),
						  SPI_OK_INSERT);
		counts->inserted += n;
		counts->unchanged = Max(counts->unchanged - n, 0);
	}
}
