/*-------------------------------------------------------------------------
 *
 * observe_record.c
 *	  Write what was observed, under the names of the end of the transaction.
 *
 * Between what a run reads and what it leaves stand tables that nobody sees
 * afterwards: temporary ones, and those that are dropped again.  An edge from
 * such a table is replaced by the edges that led into it, which the same
 * transaction noted, or, for temporary tables, the same session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "lineage/observe_int.h"

/* Unseen tables that feed unseen tables are followed so far. */
#define MAX_UNSEEN 8
/* Edges into temporary tables that a session remembers. */
#define MAX_SESSION_EDGES 10000

static MemoryContext session_context = NULL;
static List *session_edges = NIL;	/* DpObservedEdge into temporary tables */

/* ---- tables that nobody sees afterwards ---- */

static bool
is_unseen(Oid relid)
{
	return OidIsValid(relid) && (get_rel_name(relid) == NULL || isAnyTempNamespace(get_rel_namespace(relid)));
}

static void through_unseen(DpObservedEdge *edge, List *known, int depth, List **result);

/* What stands for "edge", whose source is unseen, given an edge into that source. */
static void
replace_by(DpObservedEdge *edge, DpObservedEdge *inner, List *known, int depth, List **result)
{
	DpObservedEdge *next;

	if (inner->target != edge->source || inner == edge)
		return;
	if (inner->output != 0 && inner->output != edge->attno)
		return;
	next = palloc(sizeof(DpObservedEdge));
	*next = *edge;
	if (inner->output == 0)
	{
		next->output = 0;
		next->output_name = NULL;
		next->kind = dp_lineage_merge(inner->kind, inner->kind);
		next->masking = inner->masking;
	}
	else
	{
		next->kind = dp_lineage_merge(edge->kind, inner->kind);
		next->masking = edge->masking || inner->masking;
	}
	next->source = inner->source;
	next->attno = inner->attno;
	next->source_name = inner->source_name;
	next->source_column = inner->source_column;
	through_unseen(next, known, depth + 1, result);
}

static void
through_unseen(DpObservedEdge *edge, List *known, int depth, List **result)
{
	ListCell   *lc;

	if (!is_unseen(edge->source))
	{
		*result = lappend(*result, edge);
		return;
	}
	if (depth >= MAX_UNSEEN)
		return;
	foreach(lc, known)
		replace_by(edge, lfirst(lc), known, depth, result);
	foreach(lc, session_edges)
		replace_by(edge, lfirst(lc), known, depth, result);
}

/* What later transactions of the session may ask for; tables that are gone are forgotten. */
static void
remember_session(List *known)
{
	MemoryContext old;
	MemoryContext before = session_context;
	List	   *kept = list_concat_copy(session_edges, known);
	ListCell   *lc;

	session_context = NULL;
	session_edges = NIL;
	foreach(lc, kept)
	{
		DpObservedEdge *edge = lfirst(lc);
		DpObservedEdge *copy;

		if (!OidIsValid(edge->target) || get_rel_name(edge->target) == NULL || !is_unseen(edge->target) ||
			list_length(session_edges) >= MAX_SESSION_EDGES)
			continue;
		if (session_context == NULL)
			session_context = AllocSetContextCreate(TopMemoryContext, "dataplat edges into temporary tables",
													ALLOCSET_SMALL_SIZES);
		old = MemoryContextSwitchTo(session_context);
		copy = palloc(sizeof(DpObservedEdge));
		*copy = *edge;
		copy->target_name = edge->target_name ? pstrdup(edge->target_name) : NULL;
		copy->output_name = edge->output_name ? pstrdup(edge->output_name) : NULL;
		copy->source_name = edge->source_name ? pstrdup(edge->source_name) : NULL;
		copy->source_column = edge->source_column ? pstrdup(edge->source_column) : NULL;
		session_edges = lappend(session_edges, copy);
		MemoryContextSwitchTo(old);
	}
	if (before)
		MemoryContextDelete(before);
}

/* ---- as JSON, for the function that writes ---- */

static void
put_field(StringInfo json, const char *name, const char *value)
{
	if (json->data[json->len - 1] != '{')
		appendStringInfoChar(json, ',');
	escape_json(json, name);
	appendStringInfoChar(json, ':');
	if (value)
		escape_json(json, value);
	else
		appendStringInfoString(json, "null");
}

static const char *
relation_now(Oid relid, const char *then)
{
	char	   *now = OidIsValid(relid) ? dp_lineage_relation_name(relid) : NULL;

	return now ? now : then;
}

static const char *
column_now(Oid relid, AttrNumber attno, const char *then)
{
	char	   *now = OidIsValid(relid) && attno != 0 ? dp_lineage_column_name(relid, attno) : NULL;

	return now ? now : then;
}

static void
put_edge(StringInfo json, DpObservedEdge *edge)
{
	if (json->data[json->len - 1] != '[')
		appendStringInfoChar(json, ',');
	appendStringInfoChar(json, '{');
	put_field(json, "output_node", relation_now(edge->target, edge->target_name));
	put_field(json, "output_column", edge->output == 0 ? NULL : column_now(edge->target, edge->output, edge->output_name));
	put_field(json, "input_node", relation_now(edge->source, edge->source_name));
	put_field(json, "input_column", column_now(edge->source, edge->attno, edge->source_column));
	put_field(json, "type", dp_lineage_type(edge->kind));
	put_field(json, "subtype", dp_lineage_subtype(edge->kind));
	put_field(json, "masking", edge->masking ? "true" : "false");
	appendStringInfoChar(json, '}');
}

static const char *
state_name(DpObservedState state)
{
	switch (state)
	{
		case DP_OBSERVED_FAILED:
			return "FAIL";
		case DP_OBSERVED_ROLLED_BACK:
			return "ABORT";
		default:
			return "COMPLETE";
	}
}

static void
put_note(StringInfo json, DpObserved *note, List *known)
{
	List	   *edges = NIL;
	ListCell   *lc;

	if (json->data[json->len - 1] != '[')
		appendStringInfoChar(json, ',');
	appendStringInfoChar(json, '{');
	put_field(json, "run_id", note->run_id);
	put_field(json, "job", note->job);
	put_field(json, "command", note->command);
	put_field(json, "target", relation_now(note->target, note->target_name));
	put_field(json, "statement", note->text);
	put_field(json, "state", state_name(note->state));
	put_field(json, "sqlstate", note->sqlstate ? unpack_sql_state(note->sqlstate) : NULL);
	put_field(json, "calls", psprintf(INT64_FORMAT, note->calls));
	put_field(json, "rows", psprintf(INT64_FORMAT, note->rows));
	put_field(json, "ms", psprintf("%.3f", note->ms));
	put_field(json, "username", GetUserNameFromId(GetSessionUserId(), true));
	put_field(json, "application", application_name);
	put_field(json, "at", timestamptz_to_str(note->at));
	foreach(lc, note->edges)
	{
		DpObservedEdge *edge = lfirst(lc);

		if (!is_unseen(edge->target))
			through_unseen(edge, known, 0, &edges);
	}
	appendStringInfoString(json, ",\"edges\":[");
	foreach(lc, edges)
		put_edge(json, lfirst(lc));
	appendStringInfoString(json, "]}");
}

/* ---- writing ---- */

static Oid
extension_owner(void)
{
	HeapTuple	tuple;
	Oid			owner = BOOTSTRAP_SUPERUSERID;
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;

	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("dataplat"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return owner;
}

static void
write_json(void *arg)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum((const char *) arg)};
	Oid			userid;
	int			sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(extension_owner(), sec_context | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
	if (SPI_execute_with_args("SELECT dataplat_internal.record_observed($1::pg_catalog.jsonb)", 1, types, values,
							  NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not record observed statements");
	SPI_finish();
	SetUserIdAndSecContext(userid, sec_context);
}

bool
dp_observed_write(List *notes)
{
	StringInfoData json;
	List	   *known = NIL;
	ListCell   *lc;
	Oid			userid;
	int			sec_context;
	bool		written;

	foreach(lc, notes)
		known = list_concat(known, ((DpObserved *) lfirst(lc))->edges);
	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach(lc, notes)
		put_note(&json, lfirst(lc), known);
	appendStringInfoChar(&json, ']');
	GetUserIdAndSecContext(&userid, &sec_context);
	written = dp_observed_guarded(write_json, json.data, true);
	SetUserIdAndSecContext(userid, sec_context);
	remember_session(known);
	return written;
}
