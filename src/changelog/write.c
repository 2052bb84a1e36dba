/*-------------------------------------------------------------------------
 *
 * write.c
 *	  Write images of a table's rows to its log.
 *
 * This slows down every writer of a watched table, so it stays below the
 * executor: the needed columns are formed into tuples of the segment and
 * handed to table_multi_insert in chunks.  No right on the log is needed.
 *
 * A log holds whole values: what stands in the table's TOAST may be gone
 * when the log is read.  An update that changes none of the recorded columns
 * leaves nothing: readers deal in multisets of images, so it does not even
 * matter whether the two images that are compared are of one row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/hio.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "common/compat.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "changelog/changelog_int.h"

/* Rows handed to the heap at once, and bytes after which fewer will do. */
#define CHUNK_ROWS 1000
#define CHUNK_BYTES (256 * 1024)

/* More rows than this are worth a pinned page between chunks. */
#define BULK_ROWS CHUNK_ROWS

typedef struct Column
{
	int			from;			/* index in the row of the table; -1: gone */
	int			to;				/* index in the row of the segment */
	DpCarrier	how;
	int16		typlen;
	bool		typbyval;
	ExprState  *computed;		/* the value, when the row does not hold it; or NULL */
} Column;

struct DpLogSink
{
	MemoryContext context;
	MemoryContext chunk;		/* tuples that are not in the heap yet */
	int32		log_id;
	Oid			root;			/* the watched table */
	Relation	segment;
	Relation	brin;			/* its index on xid, or NULL */
	struct IndexInfo *brin_info;
	BlockNumber summarized;		/* last block that the index was told of */
	int			ncolumns;
	Column	   *columns;
	ExprContext *econtext;		/* of those that are computed; NULL: none is */
	int64		xid;
	Datum	   *values;			/* of the segment's row */
	bool	   *nulls;
	TupleTableSlot **slots;
	int			nallocated;
	int			nslots;
	Size		bytes;
	BulkInsertState bistate;
};

/* A generated column that is not stored is no part of the rows that come. */
static ExprState *
compute(DpLogSink *sink, Relation rel, AttrNumber attnum)
{
	if (!dp_is_virtual(RelationGetDescr(rel), attnum))
		return NULL;
	if (sink->econtext == NULL)
		sink->econtext = CreateStandaloneExprContext();
	return ExecInitExpr(expression_planner((Expr *) dp_virtual_expr(rel, attnum)), NULL);
}

/*
 * Match the segment's columns with those of rel, which is the watched table
 * or a partition of it: by number there, by name here.
 */
static const char *
map_columns(DpLogSink *sink, Relation rel)
{
	TupleDesc	to = RelationGetDescr(sink->segment);
	TupleDesc	from = RelationGetDescr(rel);
	bool		is_root = RelationGetRelid(rel) == sink->root;
	const char *misfit = NULL;

	sink->columns = palloc(sizeof(Column) * to->natts);
	for (int i = DP_LOG_FIRST_COLUMN - 1; i < to->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(to, i);
		Column	   *column = &sink->columns[sink->ncolumns];
		AttrNumber	attnum;
		Form_pg_attribute source;

		if (att->attisdropped)
			continue;
		attnum = dp_log_column_attnum(NameStr(att->attname));
		if (!is_root)
		{
			char	   *name = get_attname(sink->root, attnum, true);

			attnum = name ? get_attnum(RelationGetRelid(rel), name) : InvalidAttrNumber;
		}
		if (attnum <= 0 || attnum > from->natts || TupleDescAttr(from, attnum - 1)->attisdropped)
			continue;			/* dropped: NULL from now on */
		source = TupleDescAttr(from, attnum - 1);
		if (dp_carrier_type(source->atttypid, &column->how) != att->atttypid)
		{
			misfit = pstrdup(NameStr(source->attname));
			continue;
		}
		column->from = attnum - 1;
		column->to = i;
		column->typlen = source->attlen;
		column->typbyval = source->attbyval;
		column->computed = compute(sink, rel, attnum);
		sink->ncolumns++;
	}
	return misfit;
}

/* The summary of xids, which lets readers skip what they have seen. */
static void
open_brin(DpLogSink *sink)
{
	List	   *indexes = RelationGetIndexList(sink->segment);

	if (indexes == NIL)
		return;
	sink->brin = index_open(linitial_oid(indexes), RowExclusiveLock);
	sink->brin_info = BuildIndexInfo(sink->brin);
	sink->summarized = InvalidBlockNumber;
	list_free(indexes);
}

/*
 * Open the log of a table that has our trigger.  NULL when the log is not
 * there: readers then see that it is lost, and compute afresh.
 */
DpLogSink *
dp_log_sink_open(Relation rel, const Trigger *trigger)
{
	int32		log_id = dp_log_trigger_log(trigger);
	Oid			root = dp_log_trigger_root(trigger);
	Relation	segment = dp_log_open_segment(log_id);
	MemoryContext context,
				old;
	DpLogSink  *sink;
	const char *misfit;

	if (segment == NULL)
		return NULL;
	context = AllocSetContextCreate(CurrentMemoryContext, "dataplat change log",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	sink = palloc0(sizeof(DpLogSink));
	sink->context = context;
	sink->chunk = AllocSetContextCreate(context, "dataplat change log chunk",
										ALLOCSET_DEFAULT_SIZES);
	sink->log_id = log_id;
	sink->root = root;
	sink->segment = segment;
	sink->xid = (int64) U64FromFullTransactionId(GetTopFullTransactionId());
	sink->values = palloc0(sizeof(Datum) * RelationGetDescr(segment)->natts);
	sink->nulls = palloc(RelationGetDescr(segment)->natts);
	memset(sink->nulls, true, RelationGetDescr(segment)->natts);
	sink->slots = palloc(sizeof(TupleTableSlot *) * CHUNK_ROWS);
	misfit = map_columns(sink, rel);
	open_brin(sink);
	MemoryContextSwitchTo(old);

	dp_log_note_change(root);
	if (misfit)
		dp_log_write_reset(log_id, psprintf("column \"%s\" has another type now", misfit));
	return sink;
}

DpLogSink *
dp_changelog_open(Relation relation)
{
	Trigger    *trigger = dp_log_trigger(relation);

	return trigger ? dp_log_sink_open(relation, trigger) : NULL;
}

static void
flush(DpLogSink *sink)
{
	MemoryContext old;

	if (sink->nslots == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	old = MemoryContextSwitchTo(sink->chunk);
	if (sink->bistate == NULL && sink->nslots == CHUNK_ROWS)
	{
		MemoryContext chunk = MemoryContextSwitchTo(sink->context);

		/* no ring of buffers: a reader will want these pages next */
		sink->bistate = GetBulkInsertState();
		FreeAccessStrategy(sink->bistate->strategy);
		sink->bistate->strategy = NULL;
		MemoryContextSwitchTo(chunk);
	}
	table_multi_insert(sink->segment, sink->slots, sink->nslots,
					   GetCurrentCommandId(true), 0, sink->bistate);

	/* one entry a block will do: they all have the same xid */
	for (int i = 0; i < sink->nslots && sink->brin; i++)
	{
		ItemPointer tid = &sink->slots[i]->tts_tid;
		Datum		xid = Int64GetDatum(sink->xid);
		bool		isnull = false;

		if (ItemPointerGetBlockNumber(tid) == sink->summarized)
			continue;
		sink->summarized = ItemPointerGetBlockNumber(tid);
		index_insert(sink->brin, &xid, &isnull, tid, sink->segment,
					 UNIQUE_CHECK_NO, false, sink->brin_info);
	}
	for (int i = 0; i < sink->nslots; i++)
		ExecClearTuple(sink->slots[i]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(sink->chunk);
	sink->nslots = 0;
	sink->bytes = 0;
}

/* Of one row, in CurrentMemoryContext when it is computed. */
static Datum
value_of(DpLogSink *sink, Column *column, TupleTableSlot *row, bool *isnull)
{
	if (column->computed)
	{
		sink->econtext->ecxt_scantuple = row;
		return ExecEvalExpr(column->computed, sink->econtext, isnull);
	}
	*isnull = row->tts_isnull[column->from];
	return row->tts_values[column->from];
}

/* Add one image; the row's values need not outlive the call. */
static void
write_image(DpLogSink *sink, TupleTableSlot *row, int sign)
{
	MemoryContext old = MemoryContextSwitchTo(sink->chunk);
	HeapTuple	tuple;

	if (sink->nslots == sink->nallocated)
	{
		MemoryContextSwitchTo(sink->context);
		sink->slots[sink->nallocated++] =
			MakeSingleTupleTableSlot(RelationGetDescr(sink->segment), &TTSOpsHeapTuple);
		MemoryContextSwitchTo(sink->chunk);
	}
	sink->values[DP_LOG_XID - 1] = Int64GetDatum(sink->xid);
	sink->values[DP_LOG_SEQ - 1] = Int64GetDatum(dp_log_next_seq());
	sink->values[DP_LOG_SIGN - 1] = Int16GetDatum(sign);
	memset(sink->nulls, false, DP_LOG_FIRST_COLUMN - 1);
	for (int i = 0; i < sink->ncolumns; i++)
	{
		Column	   *c = &sink->columns[i];
		Datum		value = value_of(sink, c, row, &sink->nulls[c->to]);

		if (sink->nulls[c->to])
			continue;
		if (c->typlen == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(value)))
			value = PointerGetDatum(detoast_external_attr((struct varlena *) DatumGetPointer(value)));
		sink->values[c->to] = dp_carry_in(value, c->how, c->typlen);
	}
	tuple = heap_form_tuple(RelationGetDescr(sink->segment), sink->values, sink->nulls);
	ExecStoreHeapTuple(tuple, sink->slots[sink->nslots++], false);
	sink->bytes += tuple->t_len;
	MemoryContextSwitchTo(old);
	if (sink->nslots == CHUNK_ROWS || sink->bytes >= CHUNK_BYTES)
		flush(sink);
}

/* Do the recorded columns differ in any byte? */
static bool
differs(DpLogSink *sink, TupleTableSlot *a, TupleTableSlot *b)
{
	for (int i = 0; i < sink->ncolumns; i++)
	{
		Column	   *c = &sink->columns[i];
		bool		a_null,
					b_null;
		Datum		a_value = value_of(sink, c, a, &a_null);
		Datum		b_value = value_of(sink, c, b, &b_null);

		if (a_null != b_null)
			return true;
		if (!a_null && !datum_image_eq(a_value, b_value, c->typbyval, c->typlen))
			return true;
	}
	return false;
}

void
dp_changelog_put(DpLogSink *sink, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	if (sink == NULL)
		return;
	if (old_row)
		slot_getallattrs(old_row);
	if (new_row)
		slot_getallattrs(new_row);
	if (old_row && new_row)
	{
		MemoryContext caller = MemoryContextSwitchTo(sink->chunk);
		bool		same = !differs(sink, old_row, new_row);

		MemoryContextSwitchTo(caller);
		if (same)
			return;
	}
	if (old_row)
		write_image(sink, old_row, -1);
	if (new_row)
		write_image(sink, new_row, 1);
}

void
dp_changelog_close(DpLogSink *sink)
{
	if (sink == NULL)
		return;
	flush(sink);
	for (int i = 0; i < sink->nallocated; i++)
		ExecDropSingleTupleTableSlot(sink->slots[i]);
	if (sink->bistate)
		FreeBulkInsertState(sink->bistate);
	if (sink->brin)
	{
		dp_index_insert_end(sink->brin, sink->brin_info);
		index_close(sink->brin, NoLock);
	}
	table_close(sink->segment, NoLock);
	if (sink->econtext)
		FreeExprContext(sink->econtext, true);
	MemoryContextDelete(sink->context);
}
