/*-------------------------------------------------------------------------
 *
 * consume.c
 *	  Deltas for users' own statements: each row exactly once, in the
 *	  caller's transaction.
 *
 * The consumer's row is locked first, and only then is the snapshot taken: a
 * second session waits, and then sees what the first one left.  The frontier
 * moves in the caller's transaction, so a rollback gives the rows back.
 *
 * Rows are turned into JSON with the caller's rights: a cast to JSON is
 * somebody's code.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "changelog/changelog_int.h"
#include "query/query.h"

extern PGDLLEXPORT Datum dp_consume(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_read_changes(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_consume);
PG_FUNCTION_INFO_V1(dp_read_changes);

/* What the consumer's row says, once it is locked. */
typedef struct Consumer
{
	const char *name;
	char	   *reader;
	bool		is_new;
	const char *lost;			/* why it has to begin afresh, or NULL */
	char	   *arrivals;		/* frontier of a table that has no log */
} Consumer;

static const DpArrivals *arrivals;

void
dp_consume_register(const DpArrivals *registered)
{
	arrivals = registered;
}

/* ---- rows ---- */

static void
put(ReturnSetInfo *rsinfo, Datum change, Datum row)
{
	Datum		values[2] = {change, row};
	bool		nulls[2] = {false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
put_rows(ReturnSetInfo *rsinfo, TupleDesc desc, Tuplestorestate *rows, Datum change)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "dataplat row",
											  ALLOCSET_DEFAULT_SIZES);

	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(row);
		Datum		json = DirectFunctionCall1(row_to_json, ExecFetchSlotHeapTupleDatum(slot));

		CHECK_FOR_INTERRUPTS();
		put(rsinfo, change,
			DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(json))));
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	MemoryContextDelete(row);
	ExecDropSingleTupleTableSlot(slot);
}

static Datum
json_of_reason(const char *key, const char *reason)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"%s\": ", key);
	escape_json(&json, reason);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* Everything that the caller sees in the table, under the active snapshot. */
static void
put_table(ReturnSetInfo *rsinfo, Relation rel)
{
	DestReceiver *dest = CreateTuplestoreDestReceiver();

	SetTuplestoreDestReceiverParams(dest, rsinfo->setResult,
									rsinfo->econtext->ecxt_per_query_memory, false, NULL, NULL);
	(void) dp_query_run_text(psprintf("SELECT 'insert'::pg_catalog.text, pg_catalog.to_jsonb(t.*) FROM %s AS t",
									  quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
																 RelationGetRelationName(rel))),
							 NULL, dest);
	dest->rDestroy(dest);
}

/* ---- the consumer ---- */

/* May the caller see all that a delta would tell him? */
static void
check_rights(Relation rel)
{
	AclResult	result = pg_class_aclcheck(RelationGetRelid(rel), GetUserId(), ACL_SELECT);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_TABLE, RelationGetRelationName(rel));
	if (check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot consume table \"%s\" because its row security applies to role \"%s\"",
						RelationGetRelationName(rel), GetUserNameFromId(GetUserId(), false)),
				 errdetail("Changes are captured without regard to policies.")));
}

/* Lock the consumer's row, which is made if need be; who may is decided there. */
static void
open_consumer(Consumer *consumer, Oid relid, bool has_log)
{
	Oid			types[4] = {TEXTOID, OIDOID, NAMEOID, BOOLOID};
	Datum		values[4];
	MemoryContext context = CurrentMemoryContext;
	Oid			save_userid;
	int			save_sec_context;
	bool		isnull;
	char	   *value;

	values[0] = CStringGetTextDatum(consumer->name);
	values[1] = ObjectIdGetDatum(relid);
	values[2] = DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(GetUserId(), false)));
	values[3] = BoolGetDatum(has_log);
	dp_log_as_owner(&save_userid, &save_sec_context);
	SPI_connect();
	if (SPI_execute_with_args("SELECT * FROM dataplat_internal.open_consumer($1, $2, $3, $4)",
							  4, types, values, NULL, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not open consumer \"%s\"", consumer->name);
	consumer->is_new = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	consumer->lost = value ? MemoryContextStrdup(context, value) : NULL;
	value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);
	consumer->arrivals = value ? MemoryContextStrdup(context, value) : NULL;
	SPI_finish();
	SetUserIdAndSecContext(save_userid, save_sec_context);
}

static void
close_consumer(const Consumer *consumer, Oid relid)
{
	Oid			types[3] = {TEXTOID, OIDOID, TEXTOID};
	Datum		values[3];
	char		nulls[3] = {' ', ' ', consumer->arrivals ? ' ' : 'n'};
	Oid			save_userid;
	int			save_sec_context;

	values[0] = CStringGetTextDatum(consumer->name);
	values[1] = ObjectIdGetDatum(relid);
	values[2] = consumer->arrivals ? CStringGetTextDatum(consumer->arrivals) : (Datum) 0;
	dp_log_as_owner(&save_userid, &save_sec_context);
	SPI_connect();
	if (SPI_execute_with_args("SELECT dataplat_internal.close_consumer($1, $2, $3)",
							  3, types, values, nulls, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not close consumer \"%s\"", consumer->name);
	SPI_finish();
	SetUserIdAndSecContext(save_userid, save_sec_context);
}

/* ---- what it gets ---- */

static void
consume_log(ReturnSetInfo *rsinfo, const Consumer *consumer, Relation rel, bool from_start)
{
	Oid			relid = RelationGetRelid(rel);
	DpDelta    *delta = NULL;
	const char *reset = consumer->lost;

	if (!consumer->is_new && reset == NULL)
	{
		delta = dp_changelog_read(relid, consumer->reader, false);
		reset = delta->reset;
	}
	if (reset)
		put(rsinfo, CStringGetTextDatum("reset"), json_of_reason("reason", reset));
	if (reset || (consumer->is_new && from_start))
		put_table(rsinfo, rel);
	else if (delta)
	{
		put_rows(rsinfo, delta->desc, delta->old_rows, CStringGetTextDatum("delete"));
		put_rows(rsinfo, delta->desc, delta->new_rows, CStringGetTextDatum("insert"));
	}
	if (delta)
		dp_changelog_free(delta);
	dp_changelog_advance(relid, consumer->reader);
}

static void
consume_arrivals(ReturnSetInfo *rsinfo, Consumer *consumer, Relation rel, bool from_start)
{
	Oid			relid = RelationGetRelid(rel);
	bool		more = true;
	Oid			save_userid;
	int			save_sec_context;

	if (consumer->is_new)
	{
		if (from_start)
			put_table(rsinfo, rel);
		dp_log_as_owner(&save_userid, &save_sec_context);
		consumer->arrivals = arrivals->present(relid);
		SetUserIdAndSecContext(save_userid, save_sec_context);
		return;
	}
	while (more)
	{
		DpDelta    *delta;

		dp_log_as_owner(&save_userid, &save_sec_context);
		delta = arrivals->read(relid, &consumer->arrivals, &more);
		SetUserIdAndSecContext(save_userid, save_sec_context);
		put_rows(rsinfo, delta->desc, delta->new_rows, CStringGetTextDatum("insert"));
		dp_changelog_free(delta);
	}
}

/*
 * dataplat.consume(consumer text, relation regclass, from_start boolean)
 * returns setof (change text, row jsonb)
 */
Datum
dp_consume(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Consumer	consumer = {0};
	bool		from_start;
	Relation	rel;
	bool		has_log;

	for (int i = 0; i < 3; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("consumer, relation and from_start must not be NULL")));
	InitMaterializedSRF(fcinfo, 0);
	consumer.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	consumer.reader = psprintf("consumer %s", consumer.name);
	from_start = PG_GETARG_BOOL(2);

	rel = table_open(PG_GETARG_OID(1), AccessShareLock);
	check_rights(rel);
	has_log = arrivals == NULL || !arrivals->takes(RelationGetRelid(rel));
	open_consumer(&consumer, RelationGetRelid(rel), has_log);

	PushActiveSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : GetLatestSnapshot());
	if (has_log)
		consume_log(rsinfo, &consumer, rel, from_start);
	else
		consume_arrivals(rsinfo, &consumer, rel, from_start);
	close_consumer(&consumer, RelationGetRelid(rel));
	PopActiveSnapshot();
	table_close(rel, NoLock);
	return (Datum) 0;
}

/* dataplat_internal.read_changes(relation regclass, reader text) returns setof (sign int, row jsonb) */
Datum
dp_read_changes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	DpDelta    *delta = dp_changelog_read(PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1)), false);

	InitMaterializedSRF(fcinfo, 0);
	if (delta->reset)
		put(rsinfo, Int32GetDatum(0), json_of_reason("reset", delta->reset));
	put_rows(rsinfo, delta->desc, delta->old_rows, Int32GetDatum(-1));
	put_rows(rsinfo, delta->desc, delta->new_rows, Int32GetDatum(1));
	dp_changelog_free(delta);
	return (Datum) 0;
}
