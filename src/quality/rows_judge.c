/*-------------------------------------------------------------------------
 *
 * rows_judge.c
 *	  Judge rows by the rules of their table.
 *
 * Rules are evaluated with the rights of their owner, in a subtransaction
 * for some hundreds of rows at once.  When an error comes out of it, the same
 * rows are judged again one by one, and where it comes again, rule by rule:
 * an error is an affair of one rule and one row, and good rows never pay for
 * a subtransaction of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "common/attempt.h"
#include "common/role.h"
#include "quality/rows_int.h"

#define PLACE_COLUMN "dataplat place"

/* A rule that a row breaks, or that has failed on it. */
typedef struct Broken
{
	DpOpenRule *rule;
	char	   *error;			/* NULL: it is broken */
} Broken;

/* Rows that are judged, and what is known of each. */
typedef struct Rows
{
	DpRowRules *rules;
	int			n;
	const MinimalTuple *minimal;	/* or */
	const HeapTuple *heap;
	List	  **broken;			/* Broken *, by row */
} Rows;

static TupleTableSlot *
row_slot(Rows *rows, int i)
{
	if (rows->minimal != NULL)
		return ExecStoreMinimalTuple(rows->minimal[i], rows->rules->minimal, false);
	return ExecStoreHeapTuple(rows->heap[i], rows->rules->heap, false);
}

void
dp_row_rules_note_error(DpOpenRule *rule, const char *message)
{
	if (rule->error == NULL)
		rule->error = pstrdup(message);
}

static void
note_broken(Rows *rows, int i, DpOpenRule *rule, char *error)
{
	MemoryContext old = MemoryContextSwitchTo(rows->rules->chunk);
	Broken	   *broken = palloc(sizeof(Broken));

	broken->rule = rule;
	broken->error = error;
	rows->broken[i] = lappend(rows->broken[i], broken);
	MemoryContextSwitchTo(old);
}

static void
list_value(DpRowRules *rules, DpOpenRule *rule, Datum value, bool isnull)
{
	MemoryContext old = MemoryContextSwitchTo(rules->context);

	if (rule->counts.nlisted < DP_LISTED_VALUES)
		rule->listed[rule->counts.nlisted++] = isnull ? (Datum) 0 :
			PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	MemoryContextSwitchTo(old);
}

/* ---- one rule ---- */

/* What a rule says of a row, from its three answers; counts. */
static bool
is_broken(DpOpenRule *rule, bool ignored, bool expected, bool unknown)
{
	rule->counts.elements++;
	if (!ignored && !unknown)
	{
		if (!expected)
			rule->counts.unexpected++;
		return !expected;
	}
	switch (rule->rule->nulls)
	{
		case DP_NULL_SKIP:
			rule->counts.missing += ignored ? 1 : 0;
			return false;
		case DP_NULL_PASS:
			return false;
		case DP_NULL_FAIL:
			rule->counts.unexpected++;
			return true;
	}
	return false;
}

static bool
is_true(ExprState *state, ExprContext *econtext, bool *isnull)
{
	bool		value = DatumGetBool(ExecEvalExprSwitchContext(state, econtext, isnull));

	return value && !*isnull;
}

/* Everything that may end in an error comes before anything is counted. */
static void
evaluate_rule(Rows *rows, int i, DpOpenRule *rule)
{
	ExprContext *econtext = rows->rules->econtext;
	bool		ignored = false;
	bool		expected = false;
	bool		unknown = false;
	bool		isnull = true;
	Datum		value = (Datum) 0;

	if (rule->filter != NULL && !is_true(rule->filter, econtext, &isnull))
		return;
	ignored = is_true(rule->ignored, econtext, &isnull);
	if (!ignored)
		expected = is_true(rule->expected, econtext, &unknown);
	isnull = true;
	if (!expected && rule->counts.nlisted < DP_LISTED_VALUES)
		value = ExecEvalExprSwitchContext(rule->element, econtext, &isnull);
	if (is_broken(rule, ignored, expected, unknown))
	{
		note_broken(rows, i, rule, NULL);
		list_value(rows->rules, rule, value, isnull);
	}
}

/* ---- rules that are queries ---- */

static TupleDesc
placed_desc(TupleDesc desc)
{
	TupleDesc	placed = CreateTemplateTupleDesc(desc->natts + 1);

	for (int i = 1; i <= desc->natts; i++)
		TupleDescCopyEntry(placed, i, desc, i);
	TupleDescInitEntry(placed, desc->natts + 1, PLACE_COLUMN, INT4OID, -1, 0);
	return placed;
}

/* The rows from lo to hi with their places, under a name. */
static Tuplestorestate *
name_rows(Rows *rows, int lo, int hi)
{
	TupleDesc	desc = rows->rules->desc;
	TupleDesc	placed = placed_desc(desc);
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	Datum	   *values = palloc(sizeof(Datum) * placed->natts);
	bool	   *nulls = palloc(sizeof(bool) * placed->natts);

	for (int i = lo; i < hi; i++)
	{
		TupleTableSlot *slot = row_slot(rows, i);

		slot_getallattrs(slot);
		memcpy(values, slot->tts_values, sizeof(Datum) * desc->natts);
		memcpy(nulls, slot->tts_isnull, sizeof(bool) * desc->natts);
		values[desc->natts] = Int32GetDatum(i);
		nulls[desc->natts] = false;
		tuplestore_putvalues(store, placed, values, nulls);
	}
	enr->md.name = "dataplat_judged";
	enr->md.tupdesc = placed;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = hi - lo;
	enr->reldata = store;
	if (SPI_register_relation(enr) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not name the rows to judge");
	return store;
}

static void
ask_query(Rows *rows, int lo, int hi, DpOpenRule *rule)
{
	Tuplestorestate *store;

	SPI_connect();
	store = name_rows(rows, lo, hi);
	if (SPI_execute(rule->query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not ask a row rule");
	for (uint64 r = 0; r < SPI_processed; r++)
	{
		HeapTuple	row = SPI_tuptable->vals[r];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		bool		unknown;
		int			place = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
		bool		expected;

		if (!DatumGetBool(SPI_getbinval(row, desc, 2, &isnull)))
			continue;
		expected = DatumGetBool(SPI_getbinval(row, desc, 4, &unknown)) && !unknown;
		if (is_broken(rule, DatumGetBool(SPI_getbinval(row, desc, 3, &isnull)), expected, unknown))
		{
			Datum		value = SPI_getbinval(row, desc, 5, &isnull);

			note_broken(rows, place, rule, NULL);
			list_value(rows->rules, rule, value, isnull);
		}
	}
	tuplestore_end(store);
	SPI_finish();
}

/* ---- the rules of one owner ---- */

/* Rows from lo to hi by all rules of the group, or by one. */
static void
judge_rows(Rows *rows, DpRuleGroup *group, int lo, int hi, DpOpenRule *one)
{
	DpRowRules *rules = rows->rules;
	ExprContext *econtext = rules->econtext;
	int64		good = 0;
	ListCell   *lc;

	if (one != NULL && one->query != NULL)
	{
		ask_query(rows, lo, hi, one);
		return;
	}
	for (int i = lo; i < hi; i++)
	{
		ResetExprContext(econtext);
		econtext->ecxt_scantuple = row_slot(rows, i);
		if (one != NULL)
		{
			evaluate_rule(rows, i, one);
			continue;
		}
		if (ExecQual(group->quals, econtext))
			good++;
		else
			foreach(lc, group->together)
				evaluate_rule(rows, i, lfirst(lc));
		foreach(lc, group->apart)
			evaluate_rule(rows, i, lfirst(lc));
	}
	foreach(lc, group->together)
		((DpOpenRule *) lfirst(lc))->counts.elements += good;
	foreach(lc, group->asked)
	{
		if (one == NULL)
			ask_query(rows, lo, hi, lfirst(lc));
	}
}

static bool
is_fatal(int sqlerrcode)
{
	/* A value that would be too large for memory is said so, too. */
	if (sqlerrcode == ERRCODE_INTERNAL_ERROR)
		return false;
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return true;
	}
	return false;
}

typedef struct Trial
{
	Rows	   *rows;
	DpRuleGroup *group;
	int			lo;
	int			hi;
	DpOpenRule *one;
} Trial;

static void
judge_as_owner(void *arg)
{
	Trial	   *trial = arg;
	DpRoleScope scope;

	/* Rules only read, whatever their functions say of themselves; the subtransaction's end puts it back. */
	XactReadOnly = true;
	dp_role_enter(trial->group->owner, trial->rows->rules->search_path, &scope);
	judge_rows(trial->rows, trial->group, trial->lo, trial->hi, trial->one);
	dp_role_leave(&scope);
}

/*
 * The same in a subtransaction.  Returns the message of the error, then
 * nothing is counted; NULL when there was none.
 */
static char *
try_rows(Rows *rows, DpRuleGroup *group, int lo, int hi, DpOpenRule *one)
{
	Trial		trial = {rows, group, lo, hi, one};
	void	   *mark = dp_row_rules_mark(rows->rules);
	int		   *lengths = palloc(sizeof(int) * (hi - lo));
	ErrorData  *error;

	for (int i = lo; i < hi; i++)
		lengths[i - lo] = list_length(rows->broken[i]);
	error = dp_attempt(judge_as_owner, &trial);
	if (error != NULL)
	{
		if (is_fatal(error->sqlerrcode))
			ReThrowError(error);
		dp_row_rules_reset(rows->rules, mark);
		for (int i = lo; i < hi; i++)
			rows->broken[i] = list_truncate(rows->broken[i], lengths[i - lo]);
	}
	pfree(mark);
	pfree(lengths);
	return error == NULL ? NULL : error->message;
}

/* Rule by rule: where it comes from is told, and the other rules are heard. */
static void
judge_row_apart(Rows *rows, DpRuleGroup *group, int i)
{
	List	   *all = list_concat(list_concat(list_copy(group->together), group->apart), group->asked);
	ListCell   *lc;

	foreach(lc, all)
	{
		DpOpenRule *rule = lfirst(lc);
		char	   *message = try_rows(rows, group, i, i + 1, rule);
		MemoryContext old;

		if (message == NULL)
			continue;
		rule->counts.elements++;
		rule->counts.errors++;
		note_broken(rows, i, rule, message);
		old = MemoryContextSwitchTo(rows->rules->context);
		dp_row_rules_note_error(rule, message);
		MemoryContextSwitchTo(old);
	}
}

static void
judge_group(Rows *rows, DpRuleGroup *group)
{
	if (try_rows(rows, group, 0, rows->n, NULL) == NULL)
		return;
	for (int i = 0; i < rows->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (try_rows(rows, group, i, i + 1, NULL) != NULL)
			judge_row_apart(rows, group, i);
	}
}

/* ---- what follows for the row ---- */

static DpRowBreach *
breach_of(List *broken, int row)
{
	DpRowBreach *breach = palloc0(sizeof(DpRowBreach));
	Datum	   *ids = palloc(sizeof(Datum) * list_length(broken));
	Datum	   *reasons = palloc(sizeof(Datum) * list_length(broken));
	ListCell   *lc;

	breach->row = row;
	foreach(lc, broken)
	{
		const Broken *one = lfirst(lc);
		const DpRowRule *rule = one->rule->rule;

		/* About a row on which a rule cannot be evaluated nobody knows that it may be dropped. */
		breach->verdict = Max(breach->verdict, one->error != NULL && rule->verdict == DP_ROW_DROP ?
							  DP_ROW_QUARANTINE : rule->verdict);
		if (rule->fails && breach->fails == 0)
			breach->fails = one->rule->place + 1;
		ids[foreach_current_index(lc)] = Int64GetDatum(rule->id);
		reasons[foreach_current_index(lc)] = CStringGetTextDatum(one->error == NULL ? rule->name :
																 psprintf("%s could not be evaluated: %s", rule->name, one->error));
	}
	breach->expectations = PointerGetDatum(construct_array(ids, list_length(broken), INT8OID, sizeof(int64),
														   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	breach->reasons = PointerGetDatum(construct_array(reasons, list_length(broken), TEXTOID, -1, false, TYPALIGN_INT));
	return breach;
}

static List *
judge(DpRowRules *rules, Rows *rows)
{
	List	   *breaches = NIL;
	MemoryContext old;
	ListCell   *lc;

	MemoryContextReset(rules->chunk);
	old = MemoryContextSwitchTo(rules->chunk);
	rows->rules = rules;
	rows->broken = palloc0(sizeof(List *) * rows->n);
	foreach(lc, rules->groups)
		judge_group(rows, lfirst(lc));
	rules->rows += rows->n;
	for (int i = 0; i < rows->n; i++)
	{
		if (rows->broken[i] != NIL)
			breaches = lappend(breaches, breach_of(rows->broken[i], i));
	}
	ExecClearTuple(rules->minimal);
	ExecClearTuple(rules->heap);
	MemoryContextSwitchTo(old);
	return breaches;
}

List *
dp_row_rules_judge(DpRowRules *rules, int n, const MinimalTuple *tuples)
{
	Rows		rows = {.n = n, .minimal = tuples};

	return judge(rules, &rows);
}

List *
dp_row_rules_judge_heap(DpRowRules *rules, int n, const HeapTuple *tuples)
{
	Rows		rows = {.n = n, .heap = tuples};

	return judge(rules, &rows);
}

/* ---- counts to come back to ---- */

typedef struct Mark
{
	int64		rows;
	int64		quarantined;
	DpRuleCounts counts[FLEXIBLE_ARRAY_MEMBER];
} Mark;

void *
dp_row_rules_mark(DpRowRules *rules)
{
	Mark	   *mark = palloc(offsetof(Mark, counts) + sizeof(DpRuleCounts) * rules->n);

	mark->rows = rules->rows;
	mark->quarantined = rules->quarantined;
	for (int i = 0; i < rules->n; i++)
		mark->counts[i] = rules->rules[i].counts;
	return mark;
}

void
dp_row_rules_reset(DpRowRules *rules, void *to)
{
	const Mark *mark = to;

	rules->rows = mark->rows;
	rules->quarantined = mark->quarantined;
	for (int i = 0; i < rules->n; i++)
		rules->rules[i].counts = mark->counts[i];
}
