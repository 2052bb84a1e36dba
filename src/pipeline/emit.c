/*-------------------------------------------------------------------------
 *
 * emit.c
 *	  emit => close: hold rows back until their window is over.
 *
 * A row may be in the target when the watermark has reached the end of its
 * window plus grace.  Until then its key waits in a table, as JSON; when the
 * time has come the key joins the touched keys of the next run, which
 * computes the row as if something in it had just changed.  Where the end can
 * be told from the key alone the rows of open windows are not computed at
 * all; else (sessions: each event moves the end) they are, and dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "pipeline/internal.h"
#include "pipeline/time_int.h"
#include "query/tree.h"

/* Beside the key columns; a blank keeps it apart from people's names. */
#define CLOSES_AT "dataplat closes at"

static bool emits(DpTime *time, TupleTableSlot *row);
static TimestampTz closes_at(const DpTime *time, Datum value, bool isnull);
static void hold(DpTime *time, TupleDesc desc, const int *columns, TupleTableSlot *row, TimestampTz closes);
static void make_held(DpTime *time, TupleDesc desc, const int *columns);
static void enter_keys(DpRoleScope *scope);
static void name_rows(const char *name, TupleDesc desc, Tuplestorestate *rows);
static void take_closing(DpTime *time, TupleDesc desc, Tuplestorestate *out);

DpRows *
dp_time_settle_keys(DpTime *time, DpRows *keys)
{
	DpRows	   *settled;
	TupleDesc	named;
	TupleTableSlot *key;
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(time->pipeline->name)};
	DpRoleScope scope;
	ListCell   *lc;

	if (!time->settings.closes)
		return keys;
	settled = dp_rows_new(keys->env, keys->desc);
	named = CreateTupleDescCopy(keys->desc);
	foreach(lc, time->pipeline->keys)
		namestrcpy(&TupleDescAttr(named, foreach_current_index(lc))->attname, lfirst(lc));

	key = MakeSingleTupleTableSlot(keys->desc, &TTSOpsMinimalTuple);
	tuplestore_rescan(keys->store);
	while (tuplestore_gettupleslot(keys->store, true, false, key))
	{
		TimestampTz closes = DT_NOBEGIN;

		CHECK_FOR_INTERRUPTS();
		if (time->end.key > 0)
		{
			bool		isnull;
			Datum		value = slot_getattr(key, time->end.key, &isnull);

			closes = closes_at(time, value, isnull);
		}
		if (closes > time->watermark)
			hold(time, named, NULL, key, closes);
		else
			tuplestore_puttupleslot(settled->store, key);
	}
	ExecDropSingleTupleTableSlot(key);

	/* What goes on now waits no longer, unless the result holds it back again. */
	enter_keys(&scope);
	SPI_connect();
	name_rows("dataplat_keys", named, settled->store);
	SPI_execute_with_args("DELETE FROM dataplat_internal.pipeline_open_window AS o USING dataplat_keys AS k"
						  " WHERE o.pipeline = $1 AND o.key = pg_catalog.to_jsonb(k)",
						  1, types, values, NULL, false, 0);
	take_closing(time, named, settled->store);
	SPI_finish();
	dp_role_leave(&scope);

	settled->n = tuplestore_tuple_count(settled->store);
	dp_rows_name(settled);
	dp_rows_free(keys);
	return settled;
}

void
dp_time_filter_rows(DpTime *time, DpRows *rows)
{
	TupleTableSlot *row;
	Tuplestorestate *kept;
	MemoryContext old;

	if (!time->settings.closes)
		return;
	old = MemoryContextSwitchTo(time->context);
	kept = tuplestore_begin_heap(true, false, work_mem);
	MemoryContextSwitchTo(old);
	row = MakeSingleTupleTableSlot(rows->desc, &TTSOpsMinimalTuple);
	tuplestore_rescan(rows->store);
	while (tuplestore_gettupleslot(rows->store, true, false, row))
	{
		CHECK_FOR_INTERRUPTS();
		if (emits(time, row))
			tuplestore_puttupleslot(kept, row);
	}
	ExecDropSingleTupleTableSlot(row);
	tuplestore_end(rows->store);
	rows->store = kept;
	rows->n = tuplestore_tuple_count(kept);
}

/* May the row be in the target by now?  If not, its key is noted. */
static bool
emits(DpTime *time, TupleTableSlot *row)
{
	bool		isnull;
	Datum		value;
	TimestampTz closes;

	value = slot_getattr(row, time->end.column, &isnull);
	closes = closes_at(time, value, isnull);
	if (closes <= time->watermark)
		return true;
	if (time->key_columns == NULL)
	{
		ListCell   *lc;

		time->key_columns = MemoryContextAlloc(time->context, sizeof(int) * list_length(time->pipeline->keys));
		foreach(lc, time->pipeline->key_columns)
			time->key_columns[foreach_current_index(lc)] = lfirst_int(lc) + 1;
	}
	hold(time, time->pipeline->query->desc, time->key_columns, row, closes);
	return false;
}

void
dp_time_finish(DpTime *time, bool everything)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(time->pipeline->name)};
	DpRoleScope scope;

	if (!time->settings.closes || (time->held == NULL && !everything))
		return;
	enter_keys(&scope);
	SPI_connect();
	if (everything)
		SPI_execute_with_args("DELETE FROM dataplat_internal.pipeline_open_window AS o WHERE o.pipeline = $1",
							  1, types, values, NULL, false, 0);
	if (time->held != NULL)
	{
		name_rows("dataplat_held", time->held_desc, time->held);
		SPI_execute_with_args("INSERT INTO dataplat_internal.pipeline_open_window AS o (pipeline, key, closes_at)"
							  " SELECT $1, pg_catalog.to_jsonb(h) - '" CLOSES_AT "', pg_catalog.max(h.\"" CLOSES_AT "\")"
							  " FROM dataplat_held AS h GROUP BY 2"
							  " ON CONFLICT ON CONSTRAINT pipeline_open_window_pkey DO UPDATE SET closes_at = excluded.closes_at"
							  " WHERE o.closes_at IS DISTINCT FROM excluded.closes_at",
							  1, types, values, NULL, false, 0);
	}
	SPI_finish();
	dp_role_leave(&scope);
	if (time->held != NULL)
		tuplestore_clear(time->held);
}

TimestampTz
dp_time_next_close(const DpTime *time)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(time->pipeline->name)};
	DpRoleScope scope;
	Datum		at;
	bool		isnull;

	if (!time->settings.closes)
		return 0;
	dp_platform_enter(&scope);
	SPI_connect();
	SPI_execute_with_args("SELECT dataplat_internal.next_window_close($1)", 1, types, values, NULL, false, 1);
	at = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_finish();
	dp_role_leave(&scope);
	return isnull ? 0 : DatumGetTimestampTz(at);
}

/* End of the window plus grace; DT_NOBEGIN: the row is in no window. */
static TimestampTz
closes_at(const DpTime *time, Datum value, bool isnull)
{
	return dp_time_after(dp_window_end_of(&time->end, value, isnull), time->settings.grace);
}

/* "columns": where the row has the keys; NULL: it is made of them. */
static void
hold(DpTime *time, TupleDesc desc, const int *columns, TupleTableSlot *row, TimestampTz closes)
{
	int			nkeys = list_length(time->pipeline->keys);
	Datum	   *values = palloc(sizeof(Datum) * (nkeys + 1));
	bool	   *nulls = palloc(sizeof(bool) * (nkeys + 1));

	if (time->held == NULL)
		make_held(time, desc, columns);
	for (int i = 0; i < nkeys; i++)
		values[i] = slot_getattr(row, columns ? columns[i] : i + 1, &nulls[i]);
	values[nkeys] = TimestampTzGetDatum(closes);
	nulls[nkeys] = false;
	tuplestore_putvalues(time->held, time->held_desc, values, nulls);
	pfree(values);
	pfree(nulls);
}

static void
make_held(DpTime *time, TupleDesc desc, const int *columns)
{
	MemoryContext old = MemoryContextSwitchTo(time->context);
	int			nkeys = list_length(time->pipeline->keys);

	time->held_desc = CreateTemplateTupleDesc(nkeys + 1);
	for (int i = 0; i < nkeys; i++)
	{
		TupleDescCopyEntry(time->held_desc, i + 1, desc, columns ? columns[i] : i + 1);
		namestrcpy(&TupleDescAttr(time->held_desc, i)->attname, list_nth(time->pipeline->keys, i));
	}
	TupleDescInitEntry(time->held_desc, nkeys + 1, CLOSES_AT, TIMESTAMPTZOID, -1, 0);
	time->held = tuplestore_begin_heap(true, false, work_mem);
	MemoryContextSwitchTo(old);
}

/* Our rights, and settings in which a key always has the same text. */
static void
enter_keys(DpRoleScope *scope)
{
	static const char *const settings[][2] = {
		{"TimeZone", "UTC"}, {"IntervalStyle", "postgres"}, {"extra_float_digits", "1"}, {"bytea_output", "hex"}
	};

	dp_platform_enter(scope);
	for (int i = 0; i < (int) lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

/* Statements of this SPI connection can read the rows. */
static void
name_rows(const char *name, TupleDesc desc, Tuplestorestate *rows)
{
	EphemeralNamedRelation relation = palloc0(sizeof(EphemeralNamedRelationData));

	relation->md.name = pstrdup(name);
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = tuplestore_tuple_count(rows);
	relation->reldata = rows;
	if (SPI_register_relation(relation) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not name rows \"%s\"", name);
}

/* Keys whose windows are over leave the table for "out". */
static void
take_closing(DpTime *time, TupleDesc desc, Tuplestorestate *out)
{
	Oid			types[2] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[2] = {CStringGetTextDatum(time->pipeline->name), TimestampTzGetDatum(time->watermark)};
	StringInfoData text;
	SPIExecuteOptions options = {0};
	ParamListInfo params;

	if (!time->has_closing)
		return;
	initStringInfo(&text);
	appendStringInfoString(&text, "WITH closing AS (DELETE FROM dataplat_internal.pipeline_open_window AS o"
						   " WHERE o.pipeline = $1 AND o.closes_at <= $2 RETURNING o.key)"
						   " SELECT k.* FROM closing AS c, pg_catalog.jsonb_to_record(c.key) AS k (");
	for (int i = 0; i < desc->natts; i++)
		appendStringInfo(&text, "%s%s %s", i == 0 ? "" : ", ", quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)),
						 dp_type_text(TupleDescAttr(desc, i)->atttypid, -1));
	appendStringInfoChar(&text, ')');

	params = makeParamList(2);
	for (int i = 0; i < 2; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = types[i];
	}
	options.params = params;
	options.dest = CreateTuplestoreDestReceiver();
	SetTuplestoreDestReceiverParams(options.dest, out, CurrentMemoryContext, false, NULL, NULL);
	if (SPI_execute_extended(text.data, &options) < 0)
		elog(ERROR, "could not read the windows that close");
	time->has_closing = false;
}
