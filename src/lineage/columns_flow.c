/*-------------------------------------------------------------------------
 *
 * columns_flow.c
 *	  Sets of sources, and how a step over a step is called.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "lineage/columns_int.h"

#define IS_DIRECT(kind) ((kind) <= DP_LINEAGE_AGGREGATION)

const char *
dp_lineage_type(DpLineageKind kind)
{
	return IS_DIRECT(kind) ? "DIRECT" : "INDIRECT";
}

const char *
dp_lineage_subtype(DpLineageKind kind)
{
	switch (kind)
	{
		case DP_LINEAGE_IDENTITY:
			return "IDENTITY";
		case DP_LINEAGE_TRANSFORMATION:
			return "TRANSFORMATION";
		case DP_LINEAGE_AGGREGATION:
			return "AGGREGATION";
		case DP_LINEAGE_JOIN:
			return "JOIN";
		case DP_LINEAGE_GROUP_BY:
			return "GROUP_BY";
		case DP_LINEAGE_FILTER:
			return "FILTER";
		case DP_LINEAGE_SORT:
			return "SORT";
		case DP_LINEAGE_WINDOW:
			return "WINDOW";
		case DP_LINEAGE_CONDITIONAL:
			return "CONDITIONAL";
	}
	return "TRANSFORMATION";	/* not reached */
}

/* The outer INDIRECT wins, then the inner one; of two DIRECT ones the strongest. */
DpLineageKind
dp_lineage_merge(DpLineageKind outer, DpLineageKind inner)
{
	if (!IS_DIRECT(outer))
		return outer;
	if (!IS_DIRECT(inner))
		return inner;
	return Max(outer, inner);
}

char *
dp_lineage_relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);
	Oid			schema = get_rel_namespace(relid);

	if (name == NULL)
		return NULL;
	return quote_qualified_identifier(isTempNamespace(schema) ? "pg_temp" : get_namespace_name(schema), name);
}

/* A partition is a part of the table that people know. */
char *
dp_lineage_node_of(Oid relid)
{
	if (get_rel_relispartition(relid))
	{
		List	   *ancestors = get_partition_ancestors(relid);

		if (ancestors != NIL)
			relid = llast_oid(ancestors);
	}
	return dp_lineage_relation_name(relid);
}

AttrNumber
dp_lineage_width(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	AttrNumber	natts = HeapTupleIsValid(tuple) ? ((Form_pg_class) GETSTRUCT(tuple))->relnatts : 0;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return natts;
}

char *
dp_lineage_column_name(Oid relid, AttrNumber attno)
{
	HeapTuple	tuple = SearchSysCacheAttNum(relid, attno);
	char	   *name = NULL;

	if (HeapTupleIsValid(tuple))
	{
		name = pstrdup(NameStr(((Form_pg_attribute) GETSTRUCT(tuple))->attname));
		ReleaseSysCache(tuple);
	}
	return name;
}

void
dp_flow_add(List **into, Oid relid, AttrNumber attno, const char *other, DpLineageKind kind, bool masking)
{
	DpFlow	   *flow;
	ListCell   *lc;

	foreach(lc, *into)
	{
		flow = lfirst(lc);
		if (flow->relid == relid && flow->attno == attno && flow->kind == kind &&
			(flow->other == other || (flow->other && other && strcmp(flow->other, other) == 0)))
		{
			/* What is seen on one way is seen. */
			flow->masking = flow->masking && masking;
			return;
		}
	}
	flow = palloc(sizeof(DpFlow));
	flow->relid = relid;
	flow->attno = attno;
	flow->other = other;
	flow->kind = kind;
	flow->masking = masking;
	*into = lappend(*into, flow);
}

void
dp_flow_add_all(List **into, List *flows, DpLineageKind step, bool masking)
{
	ListCell   *lc;

	if (*into == flows)
		return;
	foreach(lc, flows)
	{
		DpFlow	   *flow = lfirst(lc);

		dp_flow_add(into, flow->relid, flow->attno, flow->other, dp_lineage_merge(step, flow->kind),
					masking || flow->masking);
	}
}
