/*-------------------------------------------------------------------------
 *
 * columns_write.c
 *	  Where the columns that a statement writes come from.
 *
 * In INSERT and UPDATE, and in each action of a MERGE, the number of an entry
 * of the target list is that of the column that it is written to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "lineage/columns_int.h"

static void
add_sources(List **sources, int output, const char *name, List *flows)
{
	ListCell   *lc;

	foreach(lc, flows)
	{
		DpFlow	   *flow = lfirst(lc);
		DpLineageSource *source = palloc0(sizeof(DpLineageSource));

		source->output = output;
		source->output_name = name;
		source->relid = flow->relid;
		source->attno = flow->attno;
		source->other = flow->other;
		source->kind = flow->kind;
		source->masking = flow->masking;
		*sources = lappend(*sources, source);
	}
}

static bool
is_mentioned(List *sources, DpFlow *read)
{
	ListCell   *lc;

	foreach(lc, sources)
	{
		DpLineageSource *source = lfirst(lc);

		if (source->relid == read->relid &&
			(OidIsValid(read->relid) || (source->other && read->other && strcmp(source->other, read->other) == 0)))
			return true;
	}
	return false;
}

/*
 * The edges of an output: of its columns (named; the others have no place in
 * it), of the whole, and of relations that are read without any of their columns.
 */
List *
dp_flow_sources(List **outputs, const char **names, int noutputs, DpQueryFlow *flow)
{
	List	   *sources = NIL;
	List	   *reads;
	ListCell   *lc;

	for (int i = 0; i < noutputs; i++)
	{
		if (names[i] != NULL)
			add_sources(&sources, i + 1, names[i], outputs[i]);
	}
	add_sources(&sources, 0, NULL, flow->rows);
	reads = list_concat_copy(flow->reads, flow->touches);
	foreach(lc, reads)
	{
		if (!is_mentioned(sources, lfirst(lc)))
			add_sources(&sources, 0, NULL, list_make1(lfirst(lc)));
	}
	return sources;
}

static void
columns_written(List *targets, List **outputs, int natts, DpValue value)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk || tle->resno < 1 || tle->resno > natts)
			continue;
		value.into = &outputs[tle->resno - 1];
		dp_flow_value((Node *) tle->expr, value);
	}
}

/* A generated column comes from what the columns it is made of come from. */
static void
columns_generated(Relation rel, List **outputs, bool inserts)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Bitmapset  *columns = NULL;
		int			member = -1;

		if (TupleDescAttr(desc, i)->attisdropped || TupleDescAttr(desc, i)->attgenerated == '\0')
			continue;
		pull_varattnos(build_column_default(rel, i + 1), 1, &columns);
		while ((member = bms_next_member(columns, member)) >= 0)
		{
			AttrNumber	attno = member + FirstLowInvalidHeapAttributeNumber;

			if (attno > 0 && (inserts || outputs[attno - 1] != NIL))
				dp_flow_add_all(&outputs[i], outputs[attno - 1], DP_LINEAGE_TRANSFORMATION, false);
		}
	}
}

static void
actions_written(Query *query, List **outputs, int natts, DpValue value, DpValue rows)
{
	ListCell   *lc;

	foreach(lc, query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		dp_flow_value(action->qual, rows);
		columns_written(action->targetList, outputs, natts, value);
	}
}

void
dp_flow_write(DpWalk *walk, DpQueryFlow *flow, List *stack)
{
	Query	   *query = linitial_node(Query, stack);
	RangeTblEntry *target = rt_fetch(query->resultRelation, query->rtable);
	DpLineage  *lineage;
	DpValue		value = {walk, stack, flow, DP_LINEAGE_IDENTITY, false, NULL};
	DpValue		rows = {walk, stack, flow, DP_LINEAGE_FILTER, false, &flow->rows};
	Relation	rel;
	List	  **outputs;
	const char **names;
	int			natts;

	if (!OidIsValid(target->relid) || list_member_ptr(walk->writers, query))
		return;
	walk->writers = lappend(walk->writers, query);
	rel = table_open(target->relid, AccessShareLock);
	natts = RelationGetNumberOfAttributes(rel);
	outputs = palloc0(natts * sizeof(List *));
	names = palloc0(natts * sizeof(char *));
	for (int i = 0; i < natts; i++)
	{
		if (!TupleDescAttr(RelationGetDescr(rel), i)->attisdropped)
			names[i] = pstrdup(NameStr(TupleDescAttr(RelationGetDescr(rel), i)->attname));
	}
	if (query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE)
		columns_written(query->targetList, outputs, natts, value);
	if (query->onConflict)
	{
		columns_written(query->onConflict->onConflictSet, outputs, natts, value);
		dp_flow_value(query->onConflict->onConflictWhere, rows);
	}
	actions_written(query, outputs, natts, value, rows);
	columns_generated(rel, outputs, query->commandType == CMD_INSERT);
	table_close(rel, NoLock);

	lineage = palloc0(sizeof(DpLineage));
	lineage->target = target->relid;
	lineage->sources = dp_flow_sources(outputs, names, natts, flow);
	walk->written = lappend(walk->written, lineage);
}
