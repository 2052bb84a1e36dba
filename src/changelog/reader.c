/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  A reader's row: what it needs of a table, and how far it has seen.
 *
 * The row is read under the active snapshot, so that the frontier and the log
 * are of one moment.  A log can be trusted only while our triggers are on the
 * table and for a frontier that sees all that was written before they were.
 * In any other case the reader is told to compute afresh, and why.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "changelog/changelog_int.h"
#include "common/statement.h"

#define READER_ROWS \
	" FROM dataplat_internal.change_log AS l" \
	" JOIN dataplat_internal.change_log_reader AS r ON r.relation OPERATOR(pg_catalog.=) l.relation" \
	" LEFT JOIN dataplat_internal.change_log_segment AS s ON s.log_id OPERATOR(pg_catalog.=) l.log_id" \
	" LEFT JOIN dataplat_internal.change_log_alive AS a ON a.log_id OPERATOR(pg_catalog.=) l.log_id" \
	" WHERE r.reader OPERATOR(pg_catalog.=) $3" \
	" AND (l.log_id OPERATOR(pg_catalog.=) $1 OR $1 OPERATOR(pg_catalog.=) 0 AND l.relation OPERATOR(pg_catalog.=) $2)"

#define READER_VERSION \
	" pg_catalog.concat_ws(' ', l.log_id, l.valid_from, r.frontier, r.columns)"

static const char *const reader_query =
	"SELECT l.log_id, l.relation, r.columns, r.frontier OPERATOR(pg_catalog.->>) 'snapshot',"
	" r.frontier OPERATOR(pg_catalog.->>) 'xid', r.frontier OPERATOR(pg_catalog.->>) 'seq',"
	" r.reset_reason, l.valid_from, l.broken, s.unlogged AND a.log_id IS NULL,"
	READER_VERSION READER_ROWS;

static const char *const reader_version_query =
	"SELECT" READER_VERSION ", r.xmin" READER_ROWS;

/* Private tables are read and written as the extension's owner. */
void
dp_log_as_owner(Oid *save_userid, int *save_sec_context)
{
	GetUserIdAndSecContext(save_userid, save_sec_context);
	SetUserIdAndSecContext(dp_log_owner(), *save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
}

static char *
value_of(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

/* Why this table cannot be captured as it stands now, or NULL. */
static const char *
obstacle(Relation rel, const Trigger *trigger)
{
	TriggerDesc *triggers = rel->trigdesc;

	if (rel->rd_rel->relispartition)
		return "it is a partition of another table now";
	if (trigger == NULL)
		return "its changes are not captured any more";
	if (rel->rd_rel->relkind == RELKIND_RELATION && rel->rd_rel->relhassubclass &&
		find_inheritance_children(RelationGetRelid(rel), NoLock) != NIL)
		return "other tables inherit from it now";
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		Trigger    *t = &triggers->triggers[i];

		if (dp_changelog_is_ours(t) && t->tgenabled == TRIGGER_DISABLED)
			return "the triggers that capture its changes are disabled";
	}
	return NULL;
}

/* Column names to numbers; *gone is set to one that the table does not have. */
static Bitmapset *
columns_of(Relation rel, Datum names, char **gone)
{
	ArrayType  *array = DatumGetArrayTypeP(names);
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	Bitmapset  *columns = NULL;

	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		AttrNumber	attnum = get_attnum(RelationGetRelid(rel), NameStr(*DatumGetName(elements[i])));

		if (attnum <= 0)
			*gone = pstrdup(NameStr(*DatumGetName(elements[i])));
		else
			columns = bms_add_member(columns, attnum);
	}
	/* a reader of no column still counts rows */
	return columns ? columns : bms_make_singleton(0);
}

/* The reason of a reset that the frontier does not see, or NULL. */
static char *
unseen_reset(const DpReader *reader)
{
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(reader->log_id)};
	char	   *reason = NULL;

	if (dp_statement_execute("SELECT r.xid, r.seq, r.reason FROM dataplat_internal.change_log_reset AS r"
							  " WHERE r.log_id OPERATOR(pg_catalog.=) $1",
							  1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read dataplat_internal.change_log_reset");
	for (uint64 i = 0; i < SPI_processed && reason == NULL; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		bool		isnull;
		int64		xid = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull));
		int64		seq = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &isnull));

		if (!dp_frontier_sees(reader->frontier, (uint64) xid, seq))
			reason = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 3);
	}
	return reason;
}

/*
 * The row that the active snapshot sees must be the newest one.  If another
 * run moved the frontier since, or the log was made anew, this snapshot must
 * not read on: it would see the same changes a second time.
 */
static void
check_newest(Oid *types, Datum *values, const char *seen)
{
	char	   *newest = NULL;

	PushActiveSnapshot(GetLatestSnapshot());
	if (dp_statement_execute(reader_version_query, 3, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read dataplat_internal.change_log_reader");
	if (SPI_processed == 1)
	{
		bool		isnull;
		TransactionId xmin = DatumGetTransactionId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));

		/* what this transaction did later is its own affair */
		newest = TransactionIdIsCurrentTransactionId(xmin) ? pstrdup(seen) : value_of(1);
	}
	PopActiveSnapshot();
	if (newest == NULL || strcmp(newest, seen) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not read changes because another transaction has read them since"),
				 errhint("Repeat the transaction.")));
}

/* Fill a reader from its row; SPI is connected.  False when there is none. */
static bool
load(DpReader *reader, Relation rel, Trigger *trigger, MemoryContext context)
{
	Oid			types[3] = {INT4OID, TEXTOID, TEXTOID};
	Datum		values[3];
	MemoryContext old;
	char	   *snapshot,
			   *valid_from,
			   *emptied,
			   *version,
			   *gone = NULL;
	Datum		columns;
	bool		isnull;

	values[0] = Int32GetDatum(trigger ? dp_log_trigger_log(trigger) : 0);
	values[1] = CStringGetTextDatum(quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
															   RelationGetRelationName(rel)));
	values[2] = CStringGetTextDatum(reader->name);
	if (dp_statement_execute(reader_query, 3, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read dataplat_internal.change_log_reader");
	if (SPI_processed == 0)
		return false;

	old = MemoryContextSwitchTo(context);
	reader->log_id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	reader->relation = pstrdup(value_of(2));
	columns = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull);
	if (!isnull)
		reader->columns = columns_of(rel, columns, &gone);
	snapshot = value_of(4);
	valid_from = value_of(8);
	if (snapshot)
		reader->frontier = dp_frontier_parse(snapshot, value_of(5), value_of(6));

	reader->obstacle = obstacle(rel, trigger);
	emptied = value_of(10);
	if (reader->obstacle == NULL && value_of(9))
		reader->obstacle = pstrdup(value_of(9));
	if (reader->obstacle == NULL && emptied && emptied[0] == 't')
		reader->obstacle = "it is unlogged, and a crash has emptied it";
	reader->reset = reader->obstacle;
	if (reader->reset == NULL &&
		(!OidIsValid(dp_log_segment_oid(reader->log_id, 0)) || valid_from == NULL))
		reader->reset = "its log is lost";
	if (reader->reset == NULL && reader->frontier == NULL)
		reader->reset = value_of(7) ? pstrdup(value_of(7)) : "nothing was read yet";
	if (reader->reset == NULL && gone)
		reader->reset = psprintf("column \"%s\" does not exist any more", gone);
	version = value_of(11);
	MemoryContextSwitchTo(old);
	check_newest(types, values, version);
	if (reader->reset == NULL)
	{
		char	   *reason = unseen_reset(reader);

		if (reason)
			reader->reset = MemoryContextStrdup(context, reason);
		else if (!dp_frontier_covers(reader->frontier, dp_frontier_parse(valid_from, NULL, NULL)))
			reader->reset = "its log is younger than what was read last";
	}
	return true;
}

/* The row of a reader; an error when there is none. */
DpReader *
dp_reader_load(Relation rel, const char *name)
{
	DpReader   *reader = palloc0(sizeof(DpReader));
	MemoryContext context = CurrentMemoryContext;
	Trigger    *trigger = dp_log_trigger(rel);
	Oid			save_userid;
	int			save_sec_context;
	bool		found;

	if (trigger && dp_log_trigger_root(trigger) != RelationGetRelid(rel))
		trigger = NULL;			/* of the table that it is a partition of */
	if (trigger)
	{
		trigger = memcpy(palloc(sizeof(Trigger)), trigger, sizeof(Trigger));
		trigger->tgargs = memcpy(palloc(sizeof(char *) * 2), trigger->tgargs, sizeof(char *) * 2);
		for (int i = 0; i < 2; i++)
			trigger->tgargs[i] = pstrdup(trigger->tgargs[i]);
	}
	reader->name = pstrdup(name);
	dp_log_as_owner(&save_userid, &save_sec_context);
	SPI_connect();
	found = load(reader, rel, trigger, context);
	SPI_finish();
	SetUserIdAndSecContext(save_userid, save_sec_context);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("reader \"%s\" does not watch table \"%s\"", name, RelationGetRelationName(rel)),
				 errhint("Watch the table first.")));
	return reader;
}
