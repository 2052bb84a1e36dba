/*-------------------------------------------------------------------------
 *
 * late.c
 *	  Rows that came too late for a pipeline that does not merge them.
 *
 * Such a row is left out for good, or the result would depend on what else
 * makes a run look at its window again.  So its place in Kafka is noted, and
 * wherever the query reads the bronze table it reads the rows that are not
 * noted: live runs, full ones and verify_pipeline all compute the same.  That
 * is why only bronze can have late rows kept out: its rows have a name that
 * never changes, and are never updated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pipeline/internal.h"
#include "pipeline/time_int.h"
#include "query/tree.h"

#define LATE_SUFFIX "_late"

/* A late row, until it is stored. */
typedef struct LateRow
{
	const DpEventInput *input;
	Datum		topic;
	int32		partition;
	int64		offset;
	TimestampTz at;
	text	   *contents;		/* as JSON, for the side table; NULL: only counted */
} LateRow;

static void store_ids(DpTime *time);
static void store_contents(DpTime *time);
static bool leave_out(Node *node, DpTime *time);
static Query *without_late_rows(DpTime *time, const DpEventInput *input, Query *from, RangeTblEntry *rte);
static Node *find_sublink(Node *node);
static char *late_table(Oid target);

/* Runs with the rights of the pipeline's owner; the row is not needed after. */
void
dp_late_note(DpTime *time, const DpEventInput *input, TupleTableSlot *row, TimestampTz at)
{
	MemoryContext old = MemoryContextSwitchTo(time->context);
	LateRow    *late = palloc0(sizeof(LateRow));
	bool		isnull;

	late->input = input;
	late->at = at;
	late->partition = DatumGetInt32(slot_getattr(row, input->partition, &isnull));
	late->offset = DatumGetInt64(slot_getattr(row, input->offset, &isnull));
	late->topic = input->topic == 0 ? CStringGetTextDatum("") :
		PointerGetDatum(PG_DETOAST_DATUM_COPY(slot_getattr(row, input->topic, &isnull)));
	if (time->settings.side_table)
		late->contents = DatumGetTextPP(DirectFunctionCall1(row_to_json, ExecFetchSlotHeapTupleDatum(row)));
	time->late_rows = lappend(time->late_rows, late);
	MemoryContextSwitchTo(old);
}

void
dp_late_store(DpTime *time)
{
	DpRoleScope scope;

	if (time->late_rows == NIL)
		return;
	dp_platform_enter(&scope);
	store_ids(time);
	dp_role_leave(&scope);
	if (time->settings.side_table)
	{
		dp_enter_owner(time->pipeline, &scope);
		store_contents(time);
		dp_role_leave(&scope);
	}
	time->late_rows = NIL;
	time->has_late_rows = true;
}

static void
store_ids(DpTime *time)
{
	Oid			types[5] = {TEXTOID, TEXTOID, TEXTOID, INT4OID, INT8OID};
	Datum		values[5] = {CStringGetTextDatum(time->pipeline->name)};
	SPIPlanPtr	plan;
	ListCell   *lc;

	SPI_connect();
	plan = SPI_prepare("INSERT INTO dataplat_internal.pipeline_late_row (pipeline, relation, topic, partition, message_offset)"
					   " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING", 5, types);
	foreach(lc, time->late_rows)
	{
		const LateRow *late = lfirst(lc);

		values[1] = CStringGetTextDatum(late->input->relation);
		values[2] = late->topic;
		values[3] = Int32GetDatum(late->partition);
		values[4] = Int64GetDatum(late->offset);
		SPI_execute_plan(plan, values, NULL, false, 0);
	}
	SPI_finish();
}

/* Beside the target, in a table that the owner of the pipeline owns. */
static void
store_contents(DpTime *time)
{
	Oid			types[4] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};
	char	   *table;
	Oid			relid;
	SPIPlanPtr	plan;
	ListCell   *lc;

	SPI_connect();
	table = late_table(time->pipeline->target);
	relid = dp_relation_by_name(table);
	if (OidIsValid(relid) && !dp_object_ownercheck(RelationRelationId, relid, time->pipeline->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" does not own table %s", GetUserNameFromId(time->pipeline->owner, false), table),
				 errdetail("Late rows of pipeline \"%s\" are kept there.", time->pipeline->name)));
	if (!OidIsValid(relid))
		SPI_execute(psprintf("CREATE TABLE %s (relation pg_catalog.text NOT NULL, contents pg_catalog.jsonb NOT NULL,"
							 " event_time pg_catalog.timestamptz, watermark pg_catalog.timestamptz,"
							 " noted_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now())", table), false, 0);
	plan = SPI_prepare(psprintf("INSERT INTO %s (relation, contents, event_time, watermark) VALUES ($1, $2::pg_catalog.jsonb, $3, $4)", table),
					   4, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare to store late rows");
	foreach(lc, time->late_rows)
	{
		const LateRow *late = lfirst(lc);

		values[0] = CStringGetTextDatum(late->input->relation);
		values[1] = PointerGetDatum(late->contents);
		values[2] = TimestampTzGetDatum(late->at);
		values[3] = TimestampTzGetDatum(time->began);
		SPI_execute_plan(plan, values, nulls, false, 0);
	}
	SPI_finish();
}

/* schema.target_late, cut where the name would be too long. */
static char *
late_table(Oid target)
{
	char	   *name = get_rel_name(target);
	int			len = pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1 - (int) strlen(LATE_SUFFIX));

	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(target)),
									  psprintf("%.*s%s", len, name, LATE_SUFFIX));
}

DpQuery *
dp_time_query(DpTime *time, DpQuery *query)
{
	DpQuery    *copy;

	if (!time->has_late_rows)
		return query;
	copy = palloc(sizeof(DpQuery));
	*copy = *query;
	copy->tree = copyObject(query->tree);
	(void) leave_out((Node *) copy->tree, time);
	return copy;
}

/*
 * Each entry that names an input with late rows becomes a subquery of the
 * same columns without them.
 */
static bool
leave_out(Node *node, DpTime *time)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		/* The inner levels first: what is put in here is not looked at again. */
		if (query_tree_walker(query, leave_out, time, 0))
			return true;
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
			DpEventInput *input = rte->rtekind == RTE_RELATION ? dp_event_input(time, rte->relid) : NULL;

			if (input == NULL)
				continue;
			rte->subquery = without_late_rows(time, input, query, rte);
			rte->rtekind = RTE_SUBQUERY;
			rte->security_barrier = false;
			rte->securityQuals = NIL;
			dp_rte_forget_relation(rte);
		}
		return false;
	}
	return expression_tree_walker(node, leave_out, time);
}

static Query *
without_late_rows(DpTime *time, const DpEventInput *input, Query *from, RangeTblEntry *rte)
{
	StringInfoData text;
	Relation	rel = RelationIdGetRelation(input->relid);
	TupleDesc	desc = RelationGetDescr(rel);
	DpRoleScope scope;
	Query	   *subquery;
	Query	   *noted;

	initStringInfo(&text);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		appendStringInfo(&text, "%s%s", i == 0 ? "SELECT " : ", ",
						 attr->attisdropped ? "NULL::pg_catalog.int4" : quote_qualified_identifier("t", NameStr(attr->attname)));
	}
	RelationClose(rel);
	appendStringInfo(&text, " FROM %s AS t WHERE NOT EXISTS (SELECT FROM dataplat_internal.pipeline_late_row AS l"
					 " WHERE l.pipeline = %s AND l.relation = %s AND l.topic = %s AND l.partition = t._partition AND l.message_offset = t._offset)",
					 input->relation, quote_literal_cstr(time->pipeline->name), quote_literal_cstr(input->relation),
					 input->topic == 0 ? "''" : "t._topic");

	/* Our table is read with our rights; the bronze table as the user's entry says. */
	dp_platform_enter(&scope);
	subquery = dp_tree_parse(text.data, NULL);
	dp_role_leave(&scope);
	noted = castNode(Query, find_sublink((Node *) subquery->jointree->quals));
	dp_rte_set_user(noted, linitial_node(RangeTblEntry, noted->rtable), BOOTSTRAP_SUPERUSERID);
	dp_rte_replace(subquery, 1, from, rte);
	return subquery;
}

/* Of NOT EXISTS (...). */
static Node *
find_sublink(Node *node)
{
	BoolExpr   *negation = castNode(BoolExpr, IsA(node, List) ? linitial((List *) node) : node);

	return castNode(SubLink, linitial(negation->args))->subselect;
}
