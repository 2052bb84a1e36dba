/*-------------------------------------------------------------------------
 *
 * write_rows.c
 *	  dataplat_internal.write_rows(): the writer for SQL.
 *
 * The rows of a query go to a table with the rights of whoever calls: what a
 * rebuild of a part, and the tests of the writer, need.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "pipeline/apply.h"
#include "pipeline/writer.h"

extern PGDLLEXPORT Datum dp_write_rows(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_apply_rows(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_write_rows);
PG_FUNCTION_INFO_V1(dp_apply_rows);

/* Rows fetched from the query at a time. */
#define FETCH_ROWS 1000

typedef void (*WriteFunction) (DpWriter *writer, TupleTableSlot *row);

/* All rows of a query, so that it is over before the first row is written. */
static Tuplestorestate *
collect_rows(const char *query, TupleDesc *desc)
{
	MemoryContext context = CurrentMemoryContext;
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	Portal		portal;

	SPI_connect();
	portal = SPI_cursor_open_with_args(NULL, query, 0, NULL, NULL, NULL, false, 0);
	if (portal->tupDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the statement returns no rows to write")));
	MemoryContextSwitchTo(context);
	*desc = CreateTupleDescCopy(portal->tupDesc);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
			tuplestore_puttuple(rows, SPI_tuptable->vals[i]);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	return rows;
}

static int
find_keys(ArrayType *names, TupleDesc desc, AttrNumber **keys)
{
	Datum	   *elems;
	int			n;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elems, NULL, &n);
	*keys = palloc(sizeof(AttrNumber) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		char	   *name = TextDatumGetCString(elems[i]);
		int			at = SPI_fnumber(desc, name);

		if (at <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the result has no column \"%s\"", name)));
		(*keys)[i] = at;
	}
	return n;
}

static WriteFunction
find_write(const char *mode)
{
	if (strcmp(mode, "put") == 0)
		return dp_writer_put;
	if (strcmp(mode, "remove") == 0)
		return dp_writer_remove;
	if (strcmp(mode, "append") == 0)
		return dp_writer_append;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown way to write rows: \"%s\"", mode),
			 errhint("Use put, remove or append.")));
}

/* write_rows(target regclass, query text, keys text[], mode text) -> counts */
Datum
dp_write_rows(PG_FUNCTION_ARGS)
{
	Oid			target = PG_GETARG_OID(0);
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	WriteFunction write = find_write(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	DpWriteCounts counts = {0};
	TupleDesc	desc;
	TupleDesc	result;
	Tuplestorestate *rows = collect_rows(query, &desc);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	AttrNumber *keys;
	int			nkeys = find_keys(PG_GETARG_ARRAYTYPE_P(2), desc, &keys);
	DpWriter   *writer = dp_writer_open(target, desc, nkeys, keys);
	Datum		values[5];
	bool		nulls[5] = {false};
	const char *reason = dp_writer_sql_reason(writer);

	values[4] = (Datum) 0;
	nulls[4] = reason == NULL;
	if (reason)
		values[4] = CStringGetTextDatum(reason);
	while (tuplestore_gettupleslot(rows, true, false, slot))
		write(writer, slot);
	dp_writer_close(writer, &counts);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rows);

	if (get_call_result_type(fcinfo, NULL, &result) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(counts.inserted);
	values[1] = Int64GetDatum(counts.updated);
	values[2] = Int64GetDatum(counts.deleted);
	values[3] = Int64GetDatum(counts.unchanged);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(result), values, nulls)));
}

static List *
name_list(FunctionCallInfo fcinfo, int arg)
{
	List	   *names = NIL;
	Datum	   *elems;
	int			n;

	if (PG_ARGISNULL(arg))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false, TYPALIGN_INT,
					  &elems, NULL, &n);
	for (int i = 0; i < n; i++)
		names = lappend(names, TextDatumGetCString(elems[i]));
	return names;
}

static char *
optional_text(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/* The rows of a query with their numbers, as events. */
static Tuplestorestate *
number_rows(const char *query, TupleDesc *desc, int64 *n)
{
	TupleDesc	plain;
	Tuplestorestate *from = collect_rows(query, &plain);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(plain, &TTSOpsMinimalTuple);
	TupleTableSlot *numbered;

	*desc = CreateTemplateTupleDesc(plain->natts + 1);
	for (int i = 1; i <= plain->natts; i++)
		TupleDescCopyEntry(*desc, i, plain, i);
	TupleDescInitEntry(*desc, plain->natts + 1, "ordinal", INT8OID, -1, 0);
	numbered = MakeSingleTupleTableSlot(*desc, &TTSOpsVirtual);
	*n = 0;
	while (tuplestore_gettupleslot(from, true, false, slot))
	{
		slot_getallattrs(slot);
		ExecClearTuple(numbered);
		memcpy(numbered->tts_values, slot->tts_values, sizeof(Datum) * plain->natts);
		memcpy(numbered->tts_isnull, slot->tts_isnull, sizeof(bool) * plain->natts);
		numbered->tts_values[plain->natts] = Int64GetDatum(++*n);
		numbered->tts_isnull[plain->natts] = false;
		ExecStoreVirtualTuple(numbered);
		tuplestore_puttupleslot(rows, numbered);
	}
	ExecDropSingleTupleTableSlot(numbered);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(from);
	return rows;
}

/*
 * apply_rows(mode text, pipeline_id int, target regclass, query text, keys text[],
 *            sequence_by text, delete_when text, track_history_on text[], afresh boolean)
 */
Datum
dp_apply_rows(PG_FUNCTION_ARGS)
{
	char	   *mode = optional_text(fcinfo, 0);
	DpPipeline	pipeline = {
		.name = "apply_rows",
		.id = PG_GETARG_INT32(1),
		.owner = GetUserId(),
		.target = PG_GETARG_OID(2),
		.keys = name_list(fcinfo, 4),
		.sequence_by = optional_text(fcinfo, 5),
		.delete_when = optional_text(fcinfo, 6),
		.track_history_on = name_list(fcinfo, 7)
	};
	DpWriteCounts counts = {0};
	TupleDesc	desc,
				result;
	int64		nrows;
	Tuplestorestate *rows = number_rows(optional_text(fcinfo, 3), &desc, &nrows);
	Datum		values[5];
	bool		nulls[5] = {false};

	if (strcmp(mode, "upsert") == 0)
		dp_apply_upsert(&pipeline, desc, rows, PG_GETARG_BOOL(8), &counts);
	else if (strcmp(mode, "scd2") == 0)
		dp_apply_scd2(&pipeline, desc, rows, nrows, PG_GETARG_BOOL(8), &counts);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown rule to apply events: \"%s\"", mode),
				 errhint("Use upsert or scd2.")));
	tuplestore_end(rows);
	if (get_call_result_type(fcinfo, NULL, &result) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(counts.inserted);
	values[1] = Int64GetDatum(counts.updated);
	values[2] = Int64GetDatum(counts.deleted);
	values[3] = Int64GetDatum(counts.unchanged);
	values[4] = Int64GetDatum(counts.late);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(result), values, nulls)));
}
