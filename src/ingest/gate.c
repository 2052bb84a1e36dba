/*-------------------------------------------------------------------------
 *
 * gate.c
 *	  Row rules of a bronze table, looked at before a batch is written.
 *
 * The rows of a batch pass here as formed tuples, on their way to whatever
 * write path the target has.  What the rules refuse is taken out: dropped, or
 * put into the quarantine with its place in the topic, in the transaction of
 * the batch.  Whether rules with action fail stop the batch is asked when all
 * rows have been judged: it depends on how many there are.
 *
 * A message without value deletes its key; it is no row that could be good or
 * bad, and passes.
 *
 * Rules are evaluated with the rights of their owners (quality does that), and
 * what a row holds is made jsonb with those of the source's owner: casts and
 * output functions may be a user's code.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "common/role.h"
#include "ingest/gate.h"
#include "quality/rows.h"

struct DpGate
{
	DpSource   *source;
	DpBatch    *batch;
	DpRowRules *rules;
	TupleTableSlot *slot;
	TimestampTz started_at;
	char	   *verdicts;		/* DpRowVerdict, by row of the batch */
	int			stops;			/* the first row that breaks a rule with action fail; -1: none */
};

/*
 * The columns that the source writes.  The others are to rules what the table
 * makes of them: defaults and generated columns; so here they are none.
 */
static TupleDesc
written_columns(const DpSource *source)
{
	const DpTarget *target = source->target;
	TupleDesc	desc = CreateTupleDescCopy(target->desc);

	for (int i = 0; i < desc->natts; i++)
	{
		bool		written = false;

		for (int f = 0; f < DP_FIELD_COUNT && !written; f++)
			written = target->attno[f] == i + 1;
		for (int c = 0; c < source->ncolumns && !written; c++)
			written = source->column_attno[c] == i + 1;
		if (!written)
			TupleDescAttr(desc, i)->attisdropped = true;
	}
	return desc;
}

DpGate *
dp_gate_open(DpSource *source, DpBatch *batch)
{
	Relation	relation = try_table_open(source->target->relid, RowExclusiveLock);
	DpGate	   *gate;
	DpRoleScope scope;

	/* A target that is gone is the writer's affair. */
	if (relation == NULL)
		return NULL;
	table_close(relation, NoLock);
	if (!dp_row_rules_any(source->target->relid))
		return NULL;
	gate = palloc0(sizeof(DpGate));
	gate->source = source;
	gate->batch = batch;
	gate->started_at = GetCurrentTimestamp();
	gate->stops = -1;
	gate->verdicts = palloc0(batch ? Max(batch->nrows, 1) : 1);
	gate->slot = MakeSingleTupleTableSlot(source->target->desc, &TTSOpsHeapTuple);
	dp_role_enter(source->owner, NULL, &scope);
	gate->rules = dp_row_rules_open(source->target->relid, written_columns(source), 0, NULL);
	dp_role_leave(&scope);
	return gate->rules == NULL ? NULL : gate;
}

static const DpRecord *
record_of(const DpGate *gate, int row)
{
	return &gate->batch->records[gate->batch->rows[row].record];
}

static void
put_aside(DpGate *gate, int row, HeapTuple tuple, const DpRowBreach *breach)
{
	const DpRecord *record = record_of(gate, row);
	const DpTopicPartition *tp = dp_decoder_partition(gate->batch->decoder, record->tp);
	DpRowOrigin origin = {.object_kind = "source", .object = gate->source->name,
		.batch_id = gate->batch->batch_id, .topic = tp->topic, .partition = tp->partition,
		.offset = record->offset};

	ExecStoreHeapTuple(tuple, gate->slot, false);
	(void) dp_row_rules_put_aside(gate->rules, gate->slot, breach, &origin);
	ExecClearTuple(gate->slot);
}

/* At most DP_ROWS_AT_A_TIME of them. */
static void
judge(DpGate *gate, int first, HeapTuple *tuples, int n)
{
	HeapTuple	judged[DP_ROWS_AT_A_TIME];
	int			rows[DP_ROWS_AT_A_TIME];
	int			njudged = 0;
	List	   *breaches;
	ListCell   *lc;

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < n; i++)
	{
		gate->verdicts[first + i] = DP_ROW_KEEP;
		if (record_of(gate, first + i)->value == NULL)
			continue;
		judged[njudged] = tuples[i];
		rows[njudged++] = first + i;
	}
	if (njudged == 0)
		return;
	breaches = dp_row_rules_judge_heap(gate->rules, njudged, judged);
	foreach(lc, breaches)
	{
		const DpRowBreach *breach = lfirst(lc);
		int			row = rows[breach->row];

		if (breach->fails > 0 && (gate->stops < 0 || row < gate->stops))
			gate->stops = row;
		gate->verdicts[row] = (char) breach->verdict;
		if (breach->verdict == DP_ROW_QUARANTINE)
			put_aside(gate, row, judged[breach->row], breach);
	}
}

int
dp_gate_pass(DpGate *gate, int first, HeapTuple *tuples, int n)
{
	int			passed = 0;
	DpRoleScope scope;

	dp_role_enter(gate->source->owner, NULL, &scope);
	for (int done = 0; done < n; done += DP_ROWS_AT_A_TIME)
		judge(gate, first + done, tuples + done, Min(n - done, DP_ROWS_AT_A_TIME));
	dp_role_leave(&scope);
	for (int i = 0; i < n; i++)
		if (gate->verdicts[first + i] == DP_ROW_KEEP)
			tuples[passed++] = tuples[i];
	return passed;
}

void *
dp_gate_mark(DpGate *gate)
{
	return dp_row_rules_mark(gate->rules);
}

void
dp_gate_back(DpGate *gate, void *mark, int lo, int hi)
{
	dp_row_rules_reset(gate->rules, mark);
	memset(gate->verdicts + lo, DP_ROW_KEEP, hi - lo);
	if (gate->stops >= lo && gate->stops < hi)
		gate->stops = -1;
}

char *
dp_gate_failure(DpGate *gate, DpGateFailure *failure)
{
	char	   *words = dp_row_rules_failure(gate->rules);

	if (words == NULL)
		return NULL;
	if (gate->stops >= 0)
	{
		const DpRecord *record = record_of(gate, gate->stops);
		const DpTopicPartition *tp = dp_decoder_partition(gate->batch->decoder, record->tp);

		words = psprintf("%s The first one is at topic \"%s\" partition %d offset " INT64_FORMAT ".",
						 words, tp->topic, tp->partition, record->offset);
	}
	failure->dataset = pstrdup(dp_row_rules_dataset(gate->rules));
	failure->results = dp_row_rules_results(gate->rules);
	failure->started_at = gate->started_at;
	return words;
}

void
dp_gate_account(const DpGate *gate, DpBatchPart *parts)
{
	for (int i = 0; i < gate->batch->nrows; i++)
	{
		DpBatchPart *part = &parts[record_of(gate, i)->tp];

		if (gate->verdicts[i] == DP_ROW_KEEP)
			continue;
		part->rows--;
		if (gate->verdicts[i] == DP_ROW_QUARANTINE)
			part->quarantined++;
		else
			part->filtered++;
	}
}

void
dp_gate_store(DpGate *gate)
{
	DpRowOrigin origin = {.object_kind = "source", .object = gate->source->name,
		.batch_id = gate->batch->batch_id};

	dp_row_rules_store(gate->rules, "ingest", &origin, gate->started_at);
}

Datum
dp_gate_refusal(DpGate *gate, HeapTuple tuple)
{
	List	   *breaches;
	const DpRowBreach *breach;
	DpRoleScope scope;

	dp_role_enter(gate->source->owner, NULL, &scope);
	breaches = dp_row_rules_judge_heap(gate->rules, 1, &tuple);
	dp_role_leave(&scope);
	breach = breaches == NIL ? NULL : linitial(breaches);
	if (breach == NULL || (breach->verdict == DP_ROW_KEEP && breach->fails == 0))
		return (Datum) 0;
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(breach->reasons));
}

char *
dp_gate_results(DpGate *gate)
{
	return dp_row_rules_results(gate->rules);
}

void
dp_gate_close(DpGate *gate)
{
	if (gate == NULL)
		return;
	dp_row_rules_close(gate->rules);
	ExecDropSingleTupleTableSlot(gate->slot);
	pfree(gate->verdicts);
	pfree(gate);
}
