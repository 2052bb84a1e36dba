/*-------------------------------------------------------------------------
 *
 * observe_lineage.c
 *	  The lineage of observed statements, from their analysis to their start.
 *
 * Between the two may lie seconds and many executions (PREPARE, functions), so
 * it is kept by the text and the statement's place in it, copied, in a table
 * that is forgotten when it is full.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "nodes/parsenodes.h"
#include "rewrite/rewriteHandler.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "common/attempt.h"
#include "lineage/observe_int.h"

/* Lineages of statements that were analysed and may run; then all are forgotten. */
#define MAX_ANALYSED 256

typedef struct Analysed
{
	uint64		key;
	DpLineage  *lineage;
} Analysed;

static MemoryContext analysed_context = NULL;
static HTAB *analysed = NULL;

/* ---- doing what may fail ---- */

bool
dp_observed_guarded(void (*work) (void *), void *arg, bool keep)
{
	ErrorData  *error = keep ? dp_attempt(work, arg) : dp_attempt_undone(work, arg);

	if (error == NULL)
		return true;
	/* Who wants to end the statement, wants that. */
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
		ReThrowError(error);
	ereport(DEBUG1, (errmsg_internal("lineage was not observed: %s", error->message)));
	FreeErrorData(error);
	return false;
}

/* ---- the lineage of what was analysed ---- */

typedef struct AnalyseArg
{
	Query	   *query;
	const char *text;
	DpLineage  *lineage;
} AnalyseArg;

/* Views are nodes of their own; a view that is written to, and rules, are what the rewriter makes of them. */
static void
analyse(void *arg)
{
	AnalyseArg *job = arg;
	ListCell   *lc;

	if (job->query->commandType == CMD_UTILITY)
	{
		job->lineage = dp_lineage_of_statement(job->query, job->text, true);
		return;
	}
	foreach(lc, QueryRewrite(copyObject(job->query)))
	{
		DpLineage  *lineage = dp_lineage_of_statement(lfirst_node(Query, lc), job->text, true);

		if (lineage == NULL)
			continue;
		if (job->lineage == NULL)
			job->lineage = lineage;
		else
			job->lineage->more = lappend(job->lineage->more, lineage);
	}
}

static Analysed *
entry_for(uint64 key)
{
	HASHCTL		ctl = {.keysize = sizeof(uint64), .entrysize = sizeof(Analysed)};
	Analysed   *entry;

	if (analysed && hash_get_num_entries(analysed) >= MAX_ANALYSED)
	{
		MemoryContextDelete(analysed_context);
		analysed = NULL;
	}
	if (analysed == NULL)
	{
		analysed_context = AllocSetContextCreate(TopMemoryContext, "dataplat analysed statements", ALLOCSET_DEFAULT_SIZES);
		ctl.hcxt = analysed_context;
		analysed = hash_create("dataplat analysed statements", MAX_ANALYSED, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(analysed, &key, HASH_ENTER, NULL);
	entry->lineage = NULL;
	return entry;
}

static DpLineage *
copy_lineage(DpLineage *lineage)
{
	DpLineage  *copy = palloc0(sizeof(DpLineage));
	ListCell   *lc;

	copy->target = lineage->target;
	copy->target_name = lineage->target_name ? pstrdup(lineage->target_name) : NULL;
	foreach(lc, lineage->sources)
	{
		DpLineageSource *source = palloc(sizeof(DpLineageSource));

		*source = *(DpLineageSource *) lfirst(lc);
		source->output_name = source->output_name ? pstrdup(source->output_name) : NULL;
		source->other = source->other ? pstrdup(source->other) : NULL;
		copy->sources = lappend(copy->sources, source);
	}
	foreach(lc, lineage->more)
		copy->more = lappend(copy->more, copy_lineage(lfirst(lc)));
	return copy;
}

DpLineage *
dp_observed_analyse(Query *query, const char *text)
{
	AnalyseArg	job = {query, text, NULL};

	return dp_observed_guarded(analyse, &job, false) ? job.lineage : NULL;
}

void
dp_observed_remember(uint64 key, DpLineage *lineage)
{
	Analysed   *entry;
	MemoryContext old;

	if (lineage == NULL)
		return;
	entry = entry_for(key);
	old = MemoryContextSwitchTo(analysed_context);
	entry->lineage = copy_lineage(lineage);
	MemoryContextSwitchTo(old);
}

DpLineage *
dp_observed_recall(uint64 key)
{
	Analysed   *entry = analysed ? hash_search(analysed, &key, HASH_FIND, NULL) : NULL;

	return entry ? entry->lineage : NULL;
}

/* ---- edges ---- */

bool
dp_observed_is_internal(Oid relid)
{
	const char *schema = OidIsValid(relid) ? get_namespace_name(get_rel_namespace(relid)) : NULL;

	return schema != NULL && (strcmp(schema, "dataplat") == 0 || strcmp(schema, "dataplat_internal") == 0 ||
							  strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "information_schema") == 0);
}

static void
add_edges(List **edges, DpLineage *lineage)
{
	ListCell   *lc;

	foreach(lc, lineage->sources)
	{
		DpLineageSource *source = lfirst(lc);
		DpObservedEdge *edge;

		if (!OidIsValid(lineage->target) && lineage->target_name == NULL)
			break;				/* it is shown to somebody, not written */
		if (dp_observed_is_internal(lineage->target) || dp_observed_is_internal(source->relid))
			continue;
		edge = palloc0(sizeof(DpObservedEdge));
		edge->target = lineage->target;
		edge->target_name = OidIsValid(lineage->target) ? dp_lineage_node_of(lineage->target) :
			pstrdup(lineage->target_name);
		edge->output = source->output;
		edge->output_name = source->output_name ? pstrdup(source->output_name) : NULL;
		edge->source = source->relid;
		edge->attno = source->attno;
		edge->source_name = OidIsValid(source->relid) ? dp_lineage_node_of(source->relid) :
			pstrdup(source->other ? source->other : "");
		if (OidIsValid(source->relid) && source->attno != 0)
			edge->source_column = dp_lineage_column_name(source->relid, source->attno);
		edge->kind = source->kind;
		edge->masking = source->masking;
		*edges = lappend(*edges, edge);
	}
	foreach(lc, lineage->more)
		add_edges(edges, lfirst(lc));
}

List *
dp_observed_edges(DpLineage *lineage)
{
	List	   *edges = NIL;

	if (lineage)
		add_edges(&edges, lineage);
	return edges;
}
