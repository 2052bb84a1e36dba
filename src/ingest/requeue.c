/*-------------------------------------------------------------------------
 *
 * requeue.c
 *	  A row of a source that rules put aside goes to its table after all.
 *
 * What it holds was kept as jsonb, with its topic, partition and offset, and
 * may have been repaired since.  It is judged by the rules as every row is,
 * and written by the write path of the table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

#include "common/role.h"
#include "ingest/gate.h"
#include "ingest/session.h"

PG_FUNCTION_INFO_V1(dp_requeue_source_row);

extern PGDLLEXPORT Datum dp_requeue_source_row(PG_FUNCTION_ARGS);

static bool
holds(Datum contents, const char *column)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(&DatumGetJsonbP(contents)->root, column, strlen(column), &value) != NULL;
}

/* "a" int, "b" text: columns of the table that the row holds; the others are NULL. */
static char *
definitions(TupleDesc desc, Datum contents, bool *held)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		held[i] = !att->attisdropped && !att->attgenerated && holds(contents, NameStr(att->attname));
		if (held[i])
			appendStringInfo(&text, "%s%s %s", text.len > 0 ? ", " : "", quote_identifier(NameStr(att->attname)),
							 format_type_extended(att->atttypid, att->atttypmod,
												  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
	}
	return text.data;
}

/* With the owner's rights: input functions may be a user's code. */
static HeapTuple
form_row(const DpSource *s, Datum contents)
{
	TupleDesc	desc = s->target->desc;
	MemoryContext context = CurrentMemoryContext;
	bool	   *held = palloc(desc->natts);
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(desc->natts);
	char	   *columns = definitions(desc, contents, held);
	Oid			type = JSONBOID;
	int			column = 0;
	DpRoleScope scope;
	HeapTuple	tuple;

	dp_role_enter(s->owner, NULL, &scope);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT * FROM pg_catalog.jsonb_to_record($1) AS r (%s)", columns),
							  1, &type, &contents, NULL, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read a quarantined row");
	for (int i = 0; i < desc->natts; i++)
	{
		nulls[i] = true;
		if (held[i])
			values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, ++column, &nulls[i]);
	}
	MemoryContextSwitchTo(context);
	tuple = heap_form_tuple(desc, values, nulls);
	SPI_finish();
	dp_role_leave(&scope);
	return tuple;
}

/*
 * (source, contents, ingested_at) -> (refused text[], results jsonb).  "refused"
 * is NULL when the row is written, and "results" are what came of row rules
 * then; NULL without any.
 */
Datum
dp_requeue_source_row(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	DpWriteResult written = {NULL, InvalidBlockNumber, InvalidBlockNumber};
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};
	TupleDesc	desc;
	DpSource   *s;
	DpGate	   *gate;
	HeapTuple	tuple;
	Oid			save_userid;
	int			save_context;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	dp_enter_source(name, &save_userid, &save_context);
	s = dp_source_load(name);
	tuple = form_row(s, PG_GETARG_DATUM(1));
	gate = dp_gate_open(s, NULL);
	if (gate != NULL)
		values[0] = dp_gate_refusal(gate, tuple);
	nulls[0] = values[0] == (Datum) 0;
	if (nulls[0] && !dp_target_insert(s->target, &tuple, 1, PG_GETARG_TIMESTAMPTZ(2), &written))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no partition for the present", s->target_name),
				 errhint("Create one, or call dataplat_internal.ensure_partitions().")));
	if (nulls[0] && gate != NULL)
	{
		values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(dp_gate_results(gate)));
		nulls[1] = false;
	}
	dp_gate_close(gate);
	dp_source_free(s);
	dp_leave_source(save_userid, save_context);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
