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
#include "common/hashfn.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "launcher/launcher.h"
#include "lineage/observe_int.h"

/* Edges into temporary tables that a session remembers. */
#define MAX_SESSION_EDGES 10000

#define SECONDS_BETWEEN_TRIMS 600
#define STATEMENTS_A_TURN 100000

static int	observed_retention = 90 * 24 * 60;

static MemoryContext session_context = NULL;
static List *session_edges = NIL;	/* DpObservedEdge into temporary tables */

/* ---- edges, each once ---- */

/* What makes an edge another one than the next; all of it is hashed. */
typedef struct EdgeKey
{
	Oid			target;
	int32		output;
	Oid			source;
	int32		attno;
	int32		kind;
	int32		masking;
	uint32		name;			/* of sources without an oid */
} EdgeKey;

/* The edges that lead into a table. */
typedef struct Into
{
	Oid			target;
	List	   *edges;			/* DpObservedEdge */
} Into;

static HTAB *
make_table(const char *name, Size keysize, Size entrysize)
{
	HASHCTL		ctl = {.keysize = keysize, .entrysize = entrysize, .hcxt = CurrentMemoryContext};

	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static bool
is_first(HTAB *seen, DpObservedEdge *edge)
{
	EdgeKey		key;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.target = edge->target;
	key.output = edge->output;
	key.source = edge->source;
	key.attno = edge->attno;
	key.kind = edge->kind;
	key.masking = edge->masking;
	if (!OidIsValid(edge->source) && edge->source_name)
		key.name = string_hash(edge->source_name, strlen(edge->source_name) + 1);
	(void) hash_search(seen, &key, HASH_ENTER, &found);
	return !found;
}

static HTAB *
edges_by_target(List *edges)
{
	HTAB	   *by_target = make_table("dataplat edges by target", sizeof(Oid), sizeof(Into));
	HTAB	   *seen = make_table("dataplat known edges", sizeof(EdgeKey), sizeof(EdgeKey));
	ListCell   *lc;

	foreach(lc, edges)
	{
		DpObservedEdge *edge = lfirst(lc);
		Into	   *into;
		bool		found;

		if (!OidIsValid(edge->target) || !is_first(seen, edge))
			continue;
		into = hash_search(by_target, &edge->target, HASH_ENTER, &found);
		into->edges = lappend(found ? into->edges : NIL, edge);
	}
	hash_destroy(seen);
	return by_target;
}

/* ---- tables that nobody sees afterwards ---- */

static bool
is_unseen(Oid relid)
{
	return OidIsValid(relid) && (get_rel_name(relid) == NULL || isAnyTempNamespace(get_rel_namespace(relid)));
}

/* What stands for "edge", given an edge into its source; NULL: that one is about other columns. */
static DpObservedEdge *
step_back(DpObservedEdge *edge, DpObservedEdge *inner)
{
	DpObservedEdge *next;

	if (inner->output != 0 && inner->output != edge->attno)
		return NULL;
	next = palloc(sizeof(DpObservedEdge));
	*next = *edge;
	if (inner->output == 0)
	{
		next->output = 0;
		next->output_name = NULL;
		next->kind = inner->kind;
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
	return next;
}

/*
 * Put what stands for an edge into the result: itself, or what its unseen
 * source was made of.  No place is gone through twice in the same way, so
 * tables that are updated from themselves, again and again, cost no more.
 */
static void
through_unseen(DpObservedEdge *edge, HTAB *by_target, List **result)
{
	HTAB	   *seen;
	List	   *waiting;
	ListCell   *lc;

	if (!is_unseen(edge->source))
	{
		*result = lappend(*result, edge);
		return;
	}
	seen = make_table("dataplat unseen edges", sizeof(EdgeKey), sizeof(EdgeKey));
	waiting = list_make1(edge);
	while (waiting != NIL)
	{
		DpObservedEdge *at = llast(waiting);
		Into	   *into = hash_search(by_target, &at->source, HASH_FIND, NULL);

		CHECK_FOR_INTERRUPTS();
		waiting = list_delete_last(waiting);
		foreach(lc, into ? into->edges : NIL)
		{
			DpObservedEdge *next = step_back(at, lfirst(lc));

			if (next == NULL || !is_first(seen, next))
				continue;
			if (is_unseen(next->source))
				waiting = lappend(waiting, next);
			else
				*result = lappend(*result, next);
		}
	}
	hash_destroy(seen);
}

static DpObservedEdge *
copy_edge(DpObservedEdge *edge)
{
	DpObservedEdge *copy = palloc(sizeof(DpObservedEdge));

	*copy = *edge;
	copy->target_name = edge->target_name ? pstrdup(edge->target_name) : NULL;
	copy->output_name = edge->output_name ? pstrdup(edge->output_name) : NULL;
	copy->source_name = edge->source_name ? pstrdup(edge->source_name) : NULL;
	copy->source_column = edge->source_column ? pstrdup(edge->source_column) : NULL;
	return copy;
}

/* What later transactions of the session may ask for; tables that are gone are forgotten. */
static void
remember_session(List *known)
{
	HTAB	   *seen = make_table("dataplat known edges", sizeof(EdgeKey), sizeof(EdgeKey));
	MemoryContext next = AllocSetContextCreate(TopMemoryContext, "dataplat edges into temporary tables", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(next);
	List	   *kept = NIL;
	ListCell   *lc;

	foreach(lc, known)
	{
		DpObservedEdge *edge = lfirst(lc);

		if (list_length(kept) < MAX_SESSION_EDGES && OidIsValid(edge->target) && get_rel_name(edge->target) != NULL &&
			is_unseen(edge->target) && is_first(seen, edge))
			kept = lappend(kept, copy_edge(edge));
	}
	MemoryContextSwitchTo(old);
	hash_destroy(seen);
	if (session_context)
		MemoryContextDelete(session_context);
	session_edges = kept;
	session_context = next;
	if (kept == NIL)
	{
		MemoryContextDelete(next);
		session_context = NULL;
	}
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
	char	   *now = OidIsValid(relid) ? dp_lineage_node_of(relid) : NULL;

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
put_note(StringInfo json, DpObserved *note, HTAB *by_target)
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
			through_unseen(edge, by_target, &edges);
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

/* What is to be written, and the edges that it may be seen through. */
typedef struct Writing
{
	List	   *notes;
	List	   *known;
} Writing;

static void
write_notes(void *arg)
{
	Writing    *job = arg;
	HTAB	   *by_target = edges_by_target(job->known);
	StringInfoData json;
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	Oid			userid;
	int			sec_context;
	ListCell   *lc;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach(lc, job->notes)
		put_note(&json, lfirst(lc), by_target);
	appendStringInfoChar(&json, ']');
	values[0] = CStringGetTextDatum(json.data);

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
	Writing		job = {notes, NIL};
	ListCell   *lc;
	Oid			userid;
	int			sec_context;
	bool		written;

	foreach(lc, notes)
		job.known = list_concat(job.known, ((DpObserved *) lfirst(lc))->edges);
	/* The newest first: they are kept when there are too many for a session. */
	job.known = list_concat(job.known, session_edges);
	GetUserIdAndSecContext(&userid, &sec_context);
	written = dp_observed_guarded(write_notes, &job, true);
	SetUserIdAndSecContext(userid, sec_context);
	remember_session(job.known);
	return written;
}

/* ---- forgetting ---- */

static void
trim_observed(void)
{
	Oid			schema = get_namespace_oid("dataplat", true);

	/* a database that still has a version without observed statements */
	if (!OidIsValid(schema) || !OidIsValid(get_relname_relid("observed_statement", schema)))
		return;
	SPI_connect();
	if (SPI_execute(psprintf("SELECT dataplat_internal.trim_observed(pg_catalog.make_interval(mins => %d), %d)",
							 observed_retention, STATEMENTS_A_TURN), false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not forget observed statements");
	SPI_finish();
}

void
dp_observed_record_init(void)
{
	DefineCustomIntVariable("dataplat.observed_retention",
							"How long observed statements are kept.",
							"The lineage that they showed stays.",
							&observed_retention, 90 * 24 * 60, 60, INT_MAX / 60,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	dp_maintenance_register("observed statements", SECONDS_BETWEEN_TRIMS, trim_observed);
}
