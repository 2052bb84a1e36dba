/*-------------------------------------------------------------------------
 *
 * quality_delta.c
 *	  What changed in a table since its rules were last judged: bronze tables
 *	  by the ledger, others by their change logs.
 *
 * A rule judges what is in the table.  A pipeline does not mind when retention
 * drops a leaf of a bronze table; a rule does, and rows that somebody changed
 * by hand are in no batch.  So the frontier of a bronze table also names its
 * leaves, their files and how many rows were ever deleted or updated in each;
 * when one of these is not as it was, all is measured again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pipeline/internal.h"
#include "quality/delta.h"

/* Above this a whole table is not read slower than its batches. */
#define MAX_NEW_ROWS 2000000

static char *
name_of(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

static DpInput
input_of(Oid relid, char *frontier)
{
	DpInput		input = {0};

	input.relid = relid;
	input.name = name_of(relid);
	input.role = DP_INPUT_BRONZE;
	input.bronze_frontier = frontier;
	return input;
}

static char *
answer_of(const char *sql, int nargs, Oid *types, Datum *values)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *answer = NULL;

	SPI_connect();
	if (SPI_execute_with_args(sql, nargs, types, values, NULL, true, 1) < 0)
		elog(ERROR, "could not run: %s", sql);
	if (SPI_processed == 1)
		answer = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (answer != NULL)
		answer = MemoryContextStrdup(context, answer);
	SPI_finish();
	return answer;
}

/* ---- bronze ---- */

static char *
bronze_seen(Oid relid, const char *reader)
{
	Oid			types[2] = {OIDOID, TEXTOID};
	Datum		values[2] = {ObjectIdGetDatum(relid), 0};
	DpInput		input = input_of(relid, NULL);

	values[1] = CStringGetTextDatum(dp_bronze_frontier_now(&input));
	return answer_of("SELECT dataplat_internal.bronze_rule_frontier($1, $2::jsonb)::text", 2, types, values);
}

static DpTableDelta *
reset_of(const char *reason)
{
	DpTableDelta *delta = palloc0(sizeof(DpTableDelta));

	delta->reset = reason;
	return delta;
}

/* The whole of "from" goes to the end of "into". */
static void
append_rows(Tuplestorestate *into, TupleDesc desc, Tuplestorestate *from)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	tuplestore_rescan(from);
	while (tuplestore_gettupleslot(from, true, false, slot))
		tuplestore_puttupleslot(into, slot);
	ExecDropSingleTupleTableSlot(slot);
}

static DpTableDelta *
bronze_read(Oid relid, const char *reader, const char *frontier)
{
	Oid			types[2] = {OIDOID, TEXTOID};
	Datum		values[2] = {ObjectIdGetDatum(relid), CStringGetTextDatum(frontier)};
	DpQueryInput whole = {.relid = relid, .whole_row = true};
	DpTableDelta *delta;
	char	   *reason = answer_of("SELECT dataplat_internal.bronze_rule_obstacle($1, $2::jsonb)", 2, types, values);
	char	   *at;

	if (reason != NULL)
		return reset_of(reason);
	at = answer_of("SELECT ($2::jsonb -> 'ledger')::text", 2, types, values);
	delta = palloc0(sizeof(DpTableDelta));
	for (;;)
	{
		DpInput		input = input_of(relid, at);
		DpDelta    *part = dp_bronze_read(&input, &whole, false, &at);
		bool		more = part->nnew > 0 && strstr(at, "\"pending\": []") == NULL;

		if (delta->new_rows == NULL)
		{
			delta->desc = CreateTupleDescCopy(part->desc);
			delta->new_rows = tuplestore_begin_heap(true, false, work_mem);
		}
		append_rows(delta->new_rows, part->desc, part->new_rows);
		delta->nnew += part->nnew;
		dp_changelog_free(part);
		if (!more)
			return delta;
		if (delta->nnew > MAX_NEW_ROWS)
		{
			tuplestore_end(delta->new_rows);
			return reset_of(psprintf("more than %d rows are new", MAX_NEW_ROWS));
		}
	}
}

static void
bronze_watch(Oid relid, const char *reader, Oid owner)
{
}

static void
bronze_forget(const char *relation, const char *reader)
{
}

static const DpDeltaReader bronze_reader = {
	.kind = "bronze",
	.takes = dp_is_bronze,
	.watch = bronze_watch,
	.read = bronze_read,
	.seen = bronze_seen,
	.forget = bronze_forget,
};

/* ---- tables with a change log ---- */

static bool
log_takes(Oid relid)
{
	return true;
}

static void
log_watch(Oid relid, const char *reader, Oid owner)
{
	Oid			types[3] = {OIDOID, TEXTOID, NAMEOID};
	Datum		values[3] = {ObjectIdGetDatum(relid), CStringGetTextDatum(reader), 0};

	values[2] = DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(owner, false)));
	SPI_connect();
	if (SPI_execute_with_args("SELECT dataplat_internal.watch_table($1, $2, NULL, $3)", 3, types, values, NULL, false, 1) < 0)
		elog(ERROR, "could not watch table %s", name_of(relid));
	SPI_finish();
}

static DpTableDelta *
log_read(Oid relid, const char *reader, const char *frontier)
{
	DpDelta    *log;
	DpTableDelta *delta;

	if (strcmp(frontier, psprintf("%u", relid)) != 0)
		return reset_of("it is another table than before");
	log = dp_changelog_read(relid, reader, false);
	if (log->reset != NULL)
		return reset_of(log->reset);
	delta = palloc0(sizeof(DpTableDelta));
	delta->desc = log->desc;
	delta->new_rows = log->new_rows;
	delta->old_rows = log->old_rows;
	delta->nnew = log->nnew;
	delta->nold = log->nold;
	return delta;
}

/* The log knows how far the reader has come; the frontier says of which table. */
static char *
log_seen(Oid relid, const char *reader)
{
	dp_changelog_advance(relid, reader);
	return psprintf("%u", relid);
}

static void
log_forget(const char *relation, const char *reader)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2] = {CStringGetTextDatum(relation), CStringGetTextDatum(reader)};

	SPI_connect();
	if (SPI_execute_with_args("SELECT dataplat_internal.unwatch_table($1, $2)", 2, types, values, NULL, false, 1) < 0)
		elog(ERROR, "could not forget reader \"%s\"", reader);
	SPI_finish();
}

static const DpDeltaReader log_reader = {
	.kind = "changelog",
	.takes = log_takes,
	.watch = log_watch,
	.read = log_read,
	.seen = log_seen,
	.forget = log_forget,
};

void
dp_quality_delta_init(void)
{
	dp_delta_register(&bronze_reader);
	dp_delta_register(&log_reader);
}
