/*-------------------------------------------------------------------------
 *
 * insert.c
 *	  Put the rows of a batch into a bronze table.
 *
 * The fast path finds the leaf partition of the batch's ingest time once,
 * appends what fills whole pages (pages.c), and gives the rest of the formed
 * tuples to table_multi_insert, a thousand at a time, with a
 * BulkInsertState that keeps the page pinned but uses no ring of buffers: the
 * rows that were just written are what pipelines read next.
 *
 * The executor path hands the same tuples to INSERT ... SELECT as a named
 * tuple store, as PostgreSQL hands transition tables to triggers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/hio.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodes.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/queryenvironment.h"
#include "utils/ruleutils.h"
#include "utils/tuplestore.h"

#include "common/role.h"
#include "storage/arrival.h"
#include "storage/target_int.h"

/*
 * The partition for a time, or InvalidOid.  Needs a lock on the table.
 */
static Oid
find_leaf(Relation parent, TimestampTz when)
{
	PartitionKey key = RelationGetPartitionKey(parent);
	PartitionDesc desc = RelationGetPartitionDesc(parent, true);
	Datum		value = TimestampTzGetDatum(when);
	bool		equal = false;
	int			bound;
	int			part = -1;

	if (desc->nparts == 0)
		return InvalidOid;
	if (desc->boundinfo->ndatums > 0)
	{
		bound = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
											  desc->boundinfo, 1, &value, &equal);
		part = desc->boundinfo->indexes[bound + 1];
	}
	if (part < 0)
		part = desc->boundinfo->default_index;
	return part < 0 ? InvalidOid : desc->oids[part];
}

/* Are rows that were formed for the table right for this partition too? */
static bool
same_shape(TupleDesc a, TupleDesc b)
{
	if (a->natts != b->natts)
		return false;
	for (int i = 0; i < a->natts; i++)
	{
		Form_pg_attribute x = TupleDescAttr(a, i);
		Form_pg_attribute y = TupleDescAttr(b, i);

		if (x->attisdropped != y->attisdropped || x->attlen != y->attlen ||
			x->attalign != y->attalign || x->attbyval != y->attbyval)
			return false;
		if (!x->attisdropped &&
			(x->atttypid != y->atttypid || strcmp(NameStr(x->attname), NameStr(y->attname)) != 0))
			return false;
	}
	return true;
}

static void
note_blocks(DpWriteResult *result, TupleTableSlot **slots, int n)
{
	for (int i = 0; i < n; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&slots[i]->tts_tid);

		if (result->first_block == InvalidBlockNumber || block < result->first_block)
			result->first_block = block;
		if (result->last_block == InvalidBlockNumber || block > result->last_block)
			result->last_block = block;
	}
}

static void
insert_into_heap(DpTarget *target, Relation leaf, HeapTuple *rows, int nrows,
				 DpWriteResult *result)
{
	BulkInsertState bistate = GetBulkInsertState();
	CommandId	cid = GetCurrentCommandId(true);
	MemoryContext chunk_context = AllocSetContextCreate(CurrentMemoryContext,
														"dataplat insert",
														ALLOCSET_DEFAULT_SIZES);
	EState	   *estate = NULL;
	ResultRelInfo *rri = NULL;

	FreeAccessStrategy(bistate->strategy);
	bistate->strategy = NULL;
	if (leaf->rd_rel->relhasindex)
	{
		estate = CreateExecutorState();
		rri = makeNode(ResultRelInfo);
		InitResultRelInfo(rri, leaf, 0, NULL, 0);
		ExecOpenIndices(rri, false);
	}
	for (int done = 0; done < nrows;)
	{
		int			n = Min(nrows - done, DP_INSERT_CHUNK);
		MemoryContext old = MemoryContextSwitchTo(chunk_context);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n; i++)
			ExecStoreHeapTuple(rows[done + i], target->slots[i], false);
		table_multi_insert(leaf, target->slots, n, cid, 0, bistate);
		note_blocks(result, target->slots, n);
		if (rri)
			for (int i = 0; i < n; i++)
			{
				target->slots[i]->tts_tableOid = RelationGetRelid(leaf);
				dp_exec_insert_index_tuples(rri, target->slots[i], estate);
				ResetPerTupleExprContext(estate);
			}
		for (int i = 0; i < n; i++)
			ExecClearTuple(target->slots[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(chunk_context);
		done += n;
	}
	if (rri)
	{
		ExecCloseIndices(rri);
		FreeExecutorState(estate);
	}
	table_finish_bulk_insert(leaf, 0);
	FreeBulkInsertState(bistate);
	MemoryContextDelete(chunk_context);
}

/* schema.table as it stands in a statement */
static const char *
target_sql_name(DpTarget *target)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(target->relid)),
									  get_rel_name(target->relid));
}

/* The default of a column as text, or NULL. */
static char *
default_of(DpTarget *target, Form_pg_attribute att)
{
	TupleConstr *constr = target->desc->constr;

	if (att->attidentity)
		return psprintf("pg_catalog.nextval(pg_catalog.pg_get_serial_sequence(%s, %s))",
						quote_literal_cstr(target_sql_name(target)),
						quote_literal_cstr(NameStr(att->attname)));
	for (int i = 0; constr && i < constr->num_defval; i++)
		if (constr->defval[i].adnum == att->attnum)
			return deparse_expression(stringToNode(constr->defval[i].adbin), NIL, false, false);
	return NULL;
}

/*
 * A column of the statement: what the rows have, and its default in the place
 * of NULL, whatever other rows are in the batch.
 */
static void
add_column(DpTarget *target, int attno, HeapTuple *rows, int nrows,
		   StringInfo columns, StringInfo items)
{
	Form_pg_attribute att = TupleDescAttr(target->desc, attno - 1);
	const char *name = quote_identifier(NameStr(att->attname));
	char	   *otherwise = default_of(target, att);
	int			nulls = 0;

	for (int r = 0; otherwise && r < nrows; r++)
		nulls += heap_attisnull(rows[r], attno, target->desc);
	if (otherwise && nulls == nrows)
		return;					/* the statement leaves it to its default */
	appendStringInfo(columns, "%s%s", columns->len ? ", " : "", name);
	appendStringInfo(items, nulls > 0 ? "%scoalesce(%s, %s)" : "%s%s",
					 items->len ? ", " : "", name, otherwise);
}

/* INSERT INTO target (our columns) SELECT our columns FROM the rows. */
static void
insert_by_executor(DpTarget *target, HeapTuple *rows, int nrows)
{
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);
	StringInfoData columns,
				items,
				sql;
	int			rc;

	initStringInfo(&columns);
	initStringInfo(&items);
	for (int i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		if (!att->attisdropped && !att->attgenerated && att->attidentity != ATTRIBUTE_IDENTITY_ALWAYS)
			add_column(target, i + 1, rows, nrows, &columns, &items);
	}
	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO %s (%s) SELECT %s FROM dataplat_batch_rows",
					 target_sql_name(target), columns.data, items.data);

	for (int i = 0; i < nrows; i++)
		tuplestore_puttuple(store, rows[i]);
	enr->md.name = "dataplat_batch_rows";
	enr->md.reliddesc = target->relid;
	enr->md.tupdesc = NULL;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = nrows;
	enr->reldata = store;

	SPI_connect();
	if ((rc = SPI_register_relation(enr)) != SPI_OK_REL_REGISTER ||
		(rc = SPI_execute(sql.data, false, 0)) != SPI_OK_INSERT)
		elog(ERROR, "could not insert a batch: %s", SPI_result_code_string(rc));
	SPI_finish();
	tuplestore_end(store);
}

static void
name_leaf(DpWriteResult *result, Relation leaf)
{
	if (result->leaf == NULL)
		result->leaf = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(leaf)),
												  RelationGetRelationName(leaf));
}

/*
 * The work runs as the owner, restricted as PostgreSQL's apply workers are:
 * index expressions and triggers are the table owner's code.
 */
bool
dp_target_insert(DpTarget *target, HeapTuple *rows, int nrows,
				 TimestampTz ingested_at, DpWriteResult *result)
{
	Relation	parent,
				leaf;
	DpRoleScope scope;

	if (nrows == 0)
		return true;
	parent = try_table_open(target->relid, RowExclusiveLock);
	if (parent == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" does not exist any more", target->name)));
	dp_target_recheck(target, parent);
	leaf = parent;
	if (target->path == DP_PATH_MULTI_INSERT && target->partitioned)
	{
		Oid			leafid = find_leaf(parent, ingested_at);

		if (!OidIsValid(leafid))
		{
			table_close(parent, NoLock);
			return false;
		}
		leaf = table_open(leafid, RowExclusiveLock);
	}
	dp_role_enter(target->owner, NULL, &scope);

	if (target->path == DP_PATH_MULTI_INSERT &&
		same_shape(RelationGetDescr(leaf), target->desc) &&
		(leaf == parent || dp_leaf_obstacle(leaf) == NULL))
	{
		int			done = 0;

		if (dp_pages_allowed(leaf))
			done = dp_pages_append(leaf, rows, nrows, result);
		if (done < nrows)
			insert_into_heap(target, leaf, rows + done, nrows - done, result);
		name_leaf(result, leaf);
	}
	else
		insert_by_executor(target, rows, nrows);

	dp_role_leave(&scope);
	target->leaf = RelationGetRelid(leaf);
	dp_arrival_note(target->relid, nrows);
	if (leaf != parent)
		table_close(leaf, NoLock);
	table_close(parent, NoLock);
	return true;
}
