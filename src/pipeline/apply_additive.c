/*-------------------------------------------------------------------------
 *
 * apply_additive.c
 *	  Aggregates that are kept by adding what came and taking away what went.
 *
 * The parts of each group (counts, sums, extremes) stand in a table beside
 * the target.  A run aggregates only its delta, adds the result to the parts
 * of the touched groups, and computes their rows of the target from them, so
 * that its cost does not depend on how much history a group has.
 *
 * Where the delta does not tell (several inputs changed, an outer join, rows
 * left a group that has a smallest or largest value) the parts of the touched
 * groups are computed afresh by the general rule.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

#include "pipeline/apply.h"
#include "pipeline/apply_int.h"
#include "pipeline/apply_query.h"
#include "pipeline/internal.h"

#define STATE "state"

typedef struct Merge
{
	const DpAdditive *additive;
	DpRows	   *states;			/* parts of the touched groups as they are now */
	DpRows	   *redo;			/* groups whose parts must be computed afresh */
	TupleTableSlot *redo_slot;
} Merge;

static Oid	state_table(DpApply *apply, bool afresh);
static DpWriter *open_state(DpApply *apply, Oid table);
static DpVerdict merge_row(void *arg, TupleTableSlot *old_row, TupleTableSlot *new_row, int64 tag);
static void store_parts(DpApply *apply, Oid table, DpRows *parts, DpRows *groups);
static void finish(DpApply *apply, DpRows *states, DpRows *groups);

/* "c1, c2": the groups' columns among rows of parts. */
static char *
group_columns(const DpAdditive *additive)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 1; i <= additive->ngroups; i++)
		appendStringInfo(&text, "%sc%d", i > 1 ? ", " : "", i);
	return text.data;
}

/* The same in the order of the result's columns. */
static char *
group_columns_as_keys(const DpPipeline *pipeline)
{
	StringInfoData text;
	const char *comma = "";

	initStringInfo(&text);
	for (int i = 0; i < pipeline->query->desc->natts; i++)
	{
		int			place = 0;
		ListCell   *lc;

		foreach(lc, pipeline->additive->columns)
		{
			place++;
			if (lfirst_int(lc) == i)
			{
				appendStringInfo(&text, "%sc%d", comma, place);
				comma = ", ";
				break;
			}
		}
	}
	return text.data;
}

static Oid
state_table(DpApply *apply, bool afresh)
{
	DpPipeline *pipeline = apply->pipeline;

	if (afresh)
	{
		DpRoleScope scope;

		dp_platform_enter(&scope);
		dp_apply_forget(pipeline->id);
		dp_role_leave(&scope);
		CommandCounterIncrement();
	}
	return dp_side_table_open(STATE, pipeline->id, pipeline->owner, pipeline->additive->desc,
							  pipeline->additive->ngroups, afresh);
}

static DpWriter *
open_state(DpApply *apply, Oid table)
{
	const DpAdditive *additive = apply->pipeline->additive;
	AttrNumber *keys = palloc(sizeof(AttrNumber) * additive->ngroups);

	for (int i = 0; i < additive->ngroups; i++)
		keys[i] = (AttrNumber) (i + 1);
	return dp_writer_open(table, additive->desc, additive->ngroups, keys);
}

static void
close_state(DpWriter *writer)
{
	DpWriteCounts unused = {0};

	dp_writer_close(writer, &unused);
}

/* ---- adding ---- */

static Datum
add(Oid type, Datum a, Datum b)
{
	return type == INT8OID ? DirectFunctionCall2(int8pl, a, b) : DirectFunctionCall2(numeric_add, a, b);
}

static bool
is_smaller(Form_pg_attribute attr, Datum a, Datum b)
{
	TypeCacheEntry *type = lookup_type_cache(attr->atttypid, TYPECACHE_CMP_PROC_FINFO);

	return DatumGetInt32(FunctionCall2Coll(&type->cmp_proc_finfo, attr->attcollation, a, b)) < 0;
}

/* What NaN and infinity were added to cannot be had back by taking them away. */
static bool
has_special(const DpAdditive *additive, TupleTableSlot *row)
{
	for (int i = additive->ngroups; i < additive->desc->natts; i++)
	{
		Numeric		value;

		if (TupleDescAttr(additive->desc, i)->atttypid != NUMERICOID || row->tts_isnull[i])
			continue;
		value = DatumGetNumeric(row->tts_values[i]);
		if (numeric_is_nan(value) || numeric_is_inf(value))
			return true;
	}
	return false;
}

/*
 * Rows may have left the group that gave the sum its digits after the point:
 * how many those of the watched parts have if so, else 0; one a part.
 */
static int *
digits_in_doubt(const DpAdditive *additive, TupleTableSlot *old_row, TupleTableSlot *delta)
{
	int		   *doubt = palloc0(sizeof(int) * list_length(additive->scales));
	int			column = additive->ngroups;
	int			n = 0;
	ListCell   *lc;

	foreach(lc, additive->scales)
	{
		if (lfirst_int(lc) >= 0 && !old_row->tts_isnull[column] && !delta->tts_isnull[column])
		{
			int			digits = DatumGetInt32(DirectFunctionCall1(numeric_scale, old_row->tts_values[column]));

			/* With more of them in the delta a new row has them, with fewer no row that left. */
			if (digits > lfirst_int(lc) &&
				digits == DatumGetInt32(DirectFunctionCall1(numeric_scale, delta->tts_values[column])))
				doubt[n] = digits;
		}
		column++;
		n++;
	}
	return doubt;
}

/* A digit at the end of the sum that is not 0 is in one of its rows, too. */
static bool
has_lost_digits(const DpAdditive *additive, const int *doubt, TupleTableSlot *merged)
{
	for (int n = 0; n < list_length(additive->scales); n++)
	{
		if (doubt[n] > 0 &&
			DatumGetInt32(DirectFunctionCall1(numeric_min_scale, merged->tts_values[additive->ngroups + n])) < doubt[n])
			return true;
	}
	return false;
}

/* One part of the group: what was there and what comes to it. */
static void
merge_part(DpPartKind kind, Form_pg_attribute attr, TupleTableSlot *old_row, TupleTableSlot *new_row, int column)
{
	Datum	   *value = &new_row->tts_values[column];

	if (old_row->tts_isnull[column])
		return;
	if (new_row->tts_isnull[column])
		*value = old_row->tts_values[column];
	else if (kind == DP_PART_SUM)
		*value = add(attr->atttypid, old_row->tts_values[column], *value);
	else if (is_smaller(attr, old_row->tts_values[column], *value) == (kind == DP_PART_MIN))
		*value = old_row->tts_values[column];
	new_row->tts_isnull[column] = false;
}

static void
ask_again(Merge *merge, TupleTableSlot *row)
{
	ExecClearTuple(merge->redo_slot);
	for (int i = 0; i < merge->additive->ngroups; i++)
	{
		merge->redo_slot->tts_values[i] = row->tts_values[i];
		merge->redo_slot->tts_isnull[i] = row->tts_isnull[i];
	}
	ExecStoreVirtualTuple(merge->redo_slot);
	tuplestore_puttupleslot(merge->redo->store, merge->redo_slot);
	merge->redo->n++;
}

/* DpWriterDecide: tag says that rows left the group. */
static DpVerdict
merge_row(void *arg, TupleTableSlot *old_row, TupleTableSlot *new_row, int64 tag)
{
	Merge	   *merge = arg;
	const DpAdditive *additive = merge->additive;
	int			column = additive->ngroups;
	ListCell   *lc;

	slot_getallattrs(new_row);
	if (!TupIsNull(old_row))
		slot_getallattrs(old_row);
	if (tag != 0 && (additive->has_extremes || TupIsNull(old_row) ||
					 has_special(additive, old_row) || has_special(additive, new_row)))
	{
		ask_again(merge, new_row);
		return DP_VERDICT_KEEP;
	}
	if (!TupIsNull(old_row))
	{
		int		   *doubt = tag != 0 ? digits_in_doubt(additive, old_row, new_row) : NULL;

		foreach(lc, additive->kinds)
		{
			merge_part(lfirst_int(lc), TupleDescAttr(additive->desc, column), old_row, new_row, column);
			column++;
		}
		if (doubt != NULL)
		{
			bool		lost = has_lost_digits(additive, doubt, new_row);

			pfree(doubt);
			if (lost)
			{
				ask_again(merge, new_row);
				return DP_VERDICT_KEEP;
			}
		}
	}
	/* The first part is the number of rows. */
	if (DatumGetInt64(new_row->tts_values[additive->ngroups]) == 0 && !additive->one_row)
		return DP_VERDICT_REMOVE;
	tuplestore_putvalues(merge->states->store, additive->desc, new_row->tts_values, new_row->tts_isnull);
	merge->states->n++;
	return DP_VERDICT_PUT;
}

static TupleDesc
groups_desc(const DpAdditive *additive)
{
	TupleDesc	desc = CreateTemplateTupleDesc(additive->ngroups);

	for (int i = 1; i <= additive->ngroups; i++)
		TupleDescCopyEntry(desc, i, additive->desc, i);
	return desc;
}

/* Add the delta to the state; merge->states and merge->redo are filled. */
static void
merge_delta(DpApply *apply, Oid table, DpRows *delta, Merge *merge)
{
	const DpAdditive *additive = apply->pipeline->additive;
	DpWriter   *writer = open_state(apply, table);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(delta->desc, &TTSOpsMinimalTuple);
	TupleTableSlot *row = MakeSingleTupleTableSlot(additive->desc, &TTSOpsVirtual);
	int			natts = additive->desc->natts;

	dp_writer_decide_by(writer, merge_row, merge);
	tuplestore_rescan(delta->store);
	while (tuplestore_gettupleslot(delta->store, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		ExecClearTuple(row);
		memcpy(row->tts_values, slot->tts_values, sizeof(Datum) * natts);
		memcpy(row->tts_isnull, slot->tts_isnull, sizeof(bool) * natts);
		ExecStoreVirtualTuple(row);
		dp_writer_offer(writer, row, DatumGetBool(slot->tts_values[natts]) ? 1 : 0);
	}
	close_state(writer);
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(row);
}

/* ---- computing afresh ---- */

/* The state of these groups is what was computed; those without rows go. */
static void
store_parts(DpApply *apply, Oid table, DpRows *parts, DpRows *groups)
{
	const DpAdditive *additive = apply->pipeline->additive;
	DpWriter   *writer = open_state(apply, table);

	if (groups != NULL)
	{
		char	   *columns = group_columns(additive);
		DpRows	   *gone = dp_rows_new(apply->env, groups_desc(additive));
		DestReceiver *dest = dp_rows_receiver(gone);
		TupleTableSlot *slot = MakeSingleTupleTableSlot(gone->desc, &TTSOpsMinimalTuple);
		TupleTableSlot *row = MakeSingleTupleTableSlot(additive->desc, &TTSOpsVirtual);

		(void) dp_query_run_text(psprintf("SELECT %s FROM %s EXCEPT SELECT %s FROM %s",
										  columns, groups->name, columns, parts->name), apply->env, dest);
		dest->rDestroy(dest);
		while (tuplestore_gettupleslot(gone->store, true, false, slot))
		{
			slot_getallattrs(slot);
			ExecClearTuple(row);
			memset(row->tts_isnull, true, sizeof(bool) * additive->desc->natts);
			memcpy(row->tts_values, slot->tts_values, sizeof(Datum) * additive->ngroups);
			memcpy(row->tts_isnull, slot->tts_isnull, sizeof(bool) * additive->ngroups);
			ExecStoreVirtualTuple(row);
			dp_writer_remove(writer, row);
		}
		ExecDropSingleTupleTableSlot(slot);
		ExecDropSingleTupleTableSlot(row);
		dp_rows_free(gone);
	}
	dp_apply_put(writer, additive->desc, parts);
	close_state(writer);
}

/* Rows of the target for these groups, from their parts. */
static void
finish(DpApply *apply, DpRows *states, DpRows *groups)
{
	DpPipeline *pipeline = apply->pipeline;
	DpRows	   *rows;
	DpWriter   *writer;

	dp_query_title("rows of the target from their parts");
	rows = dp_additive_final(apply->derive, pipeline->additive, states);
	if (pipeline->additive->one_row)
	{
		dp_apply_wanted(apply, rows);
		dp_rows_free(rows);
		return;
	}
	writer = dp_apply_open(apply);
	/* As many rows as groups: none has gone. */
	if (rows->n != groups->n)
		dp_apply_remove(apply, writer, psprintf("SELECT %s FROM %s EXCEPT SELECT %s FROM %s",
												group_columns_as_keys(pipeline), groups->name,
												dp_result_columns(pipeline, true), rows->name));
	dp_apply_put_judged(apply, writer, rows);
	dp_apply_close(apply, writer);
	dp_rows_free(rows);
}

static void
compute_all(DpApply *apply, bool afresh)
{
	Oid			table = state_table(apply, afresh);
	DpRows	   *parts = dp_additive_parts(apply->derive, apply->pipeline->additive, NULL);
	DpRows	   *rows;

	dp_rows_name(parts);
	store_parts(apply, table, parts, NULL);
	rows = dp_additive_final(apply->derive, apply->pipeline->additive, parts);
	dp_apply_wanted(apply, rows);
	dp_rows_free(rows);
	dp_rows_free(parts);
}

/* The general rule, with the parts in the place of the result. */
static void
compute_touched(DpApply *apply)
{
	const DpAdditive *additive = apply->pipeline->additive;
	DpRows	   *groups;
	DpRows	   *parts;

	dp_query_title("which groups are touched");
	groups = dp_derive_touched(apply->derive, additive->columns);
	if (groups == NULL)
	{
		apply->unknown = dp_derive_unknown(apply->derive);
		/* One group's row is written over; many would leave some behind. */
		compute_all(apply, !additive->one_row);
		return;
	}
	if (groups->n == 0)
		return;
	dp_query_title("the parts of the touched groups");
	parts = dp_additive_parts(apply->derive, additive, groups);
	dp_rows_name(parts);
	store_parts(apply, state_table(apply, false), parts, additive->one_row ? NULL : groups);
	finish(apply, parts, groups);
	dp_rows_free(parts);
	dp_rows_free(groups);
}

void
dp_apply_again(DpApply *apply)
{
	compute_touched(apply);
}

void
dp_apply_additive(DpApply *apply, bool afresh)
{
	const DpAdditive *additive = apply->pipeline->additive;
	Merge		merge = {0};
	DpRows	   *delta;
	Oid			table;

	if (afresh || !OidIsValid(dp_side_table_find(STATE, apply->pipeline->id)))
	{
		compute_all(apply, true);
		return;
	}
	dp_query_title("the parts of the delta");
	delta = dp_additive_delta(apply->derive, additive);
	if (delta == NULL)
	{
		compute_touched(apply);
		return;
	}
	dp_rows_name(delta);
	table = state_table(apply, false);
	merge.additive = additive;
	merge.states = dp_rows_new(apply->env, additive->desc);
	merge.redo = dp_rows_new(apply->env, groups_desc(additive));
	merge.redo_slot = MakeSingleTupleTableSlot(merge.redo->desc, &TTSOpsVirtual);
	merge_delta(apply, table, delta, &merge);
	ExecDropSingleTupleTableSlot(merge.redo_slot);
	if (merge.redo->n > 0)
	{
		DpRows	   *parts;
		TupleTableSlot *slot = MakeSingleTupleTableSlot(additive->desc, &TTSOpsMinimalTuple);

		dp_rows_name(merge.redo);
		parts = dp_additive_parts(apply->derive, additive, merge.redo);
		dp_rows_name(parts);
		store_parts(apply, table, parts, merge.redo);
		tuplestore_rescan(parts->store);
		while (tuplestore_gettupleslot(parts->store, true, false, slot))
		{
			tuplestore_puttupleslot(merge.states->store, slot);
			merge.states->n++;
		}
		ExecDropSingleTupleTableSlot(slot);
		dp_rows_free(parts);
	}
	dp_rows_name(merge.states);
	finish(apply, merge.states, delta);
	dp_rows_free(merge.states);
	dp_rows_free(merge.redo);
	dp_rows_free(delta);
}
