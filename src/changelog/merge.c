/*-------------------------------------------------------------------------
 *
 * merge.c
 *	  MERGE into a partitioned table: have our triggers told what it did.
 *
 * Our triggers read transition tables, and for MERGE into a partitioned table
 * the servers (15 to 18) fill them wrongly in two ways.
 *
 * An INSERT leaves behind where its row stands in the form of the whole table
 * (tcs_original_insert_tuple), and the UPDATEs that follow hand over that row
 * as their own new one.  What they wrote is then in no transition table, so
 * it cannot be told from there; instead the place is forgotten each time that
 * MERGE asks for the next row of its source.  Of one row of the source an
 * INSERT is the last thing that is done.
 *
 * An UPDATE that moves a row to another partition is noted as a DELETE and an
 * INSERT, and triggers of those fire only when the statement has such actions.
 * So ours are queued when it has not.  They are queued before anything is
 * done, because to queue the triggers of one event twice cancels the earlier
 * ones: when another part of the statement does have that event, then it is
 * ours that are cancelled and queued again, not those of users.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "changelog/changelog_int.h"

/* A running MERGE; lives as long as its executor. */
typedef struct Guard
{
	struct Guard *next;
	PlanState  *source;			/* gives the rows that are merged */
	ExecProcNodeMtd next_row;	/* how it does that */
	TransitionCaptureState *capture;
	MemoryContextCallback gone;
} Guard;

static Guard *guards;
static ExecutorStart_hook_type prev_start;
static TimestampTz loaded_in;	/* start of the transaction that loaded us; 0: none did */

static void
forget_guard(void *arg)
{
	for (Guard **at = &guards; *at; at = &(*at)->next)
	{
		if (*at == arg)
		{
			*at = (*at)->next;
			return;
		}
	}
}

static TupleTableSlot *
next_source_row(PlanState *source)
{
	Guard	   *guard = guards;

	while (guard && guard->source != source)
		guard = guard->next;
	if (guard == NULL)
		elog(ERROR, "MERGE is not known");
	guard->capture->tcs_original_insert_tuple = NULL;
	return guard->next_row(source);
}

static void
guard_source(ModifyTableState *merge)
{
	MemoryContext context = merge->ps.state->es_query_cxt;
	Guard	   *guard = MemoryContextAllocZero(context, sizeof(Guard));

	guard->source = outerPlanState(merge);
	guard->next_row = guard->source->ExecProcNodeReal;
	guard->capture = merge->mt_transition_capture;
	guard->gone.func = forget_guard;
	guard->gone.arg = guard;
	MemoryContextRegisterResetCallback(context, &guard->gone);
	guard->next = guards;
	guards = guard;
	ExecSetExecProcNode(guard->source, next_source_row);
}

/* Queue our own trigger of an event that the statement does not name. */
static void
queue_ours(ModifyTableState *merge, int16 event)
{
	ResultRelInfo target = *merge->rootResultRelInfo;
	TriggerDesc *all = target.ri_TrigDesc;
	TriggerDesc ours = {0};

	for (int i = 0; i < all->numtriggers; i++)
	{
		Trigger    *trigger = &all->triggers[i];

		if (dp_changelog_is_ours(trigger) &&
			TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_STATEMENT, TRIGGER_TYPE_AFTER, event))
			ours.triggers = trigger;
	}
	if (ours.triggers == NULL)
		return;
	ours.numtriggers = 1;
	target.ri_TrigDesc = &ours;
	if (event == TRIGGER_TYPE_DELETE)
	{
		ours.trig_delete_after_statement = true;
		ExecASDeleteTriggers(merge->ps.state, &target, merge->mt_transition_capture);
	}
	else
	{
		ours.trig_insert_after_statement = true;
		ExecASInsertTriggers(merge->ps.state, &target, merge->mt_transition_capture);
	}
}

/* Only what may update needs it: nothing else goes wrong. */
static void
attend(ModifyTableState *merge)
{
	Relation	target = merge->rootResultRelInfo->ri_RelationDesc;

	if (merge->operation != CMD_MERGE ||
		(merge->mt_merge_subcommands & MERGE_UPDATE) == 0 ||
		target->rd_rel->relkind != RELKIND_PARTITIONED_TABLE ||
		merge->mt_transition_capture == NULL ||
		dp_log_trigger(target) == NULL)
		return;
	if ((merge->mt_merge_subcommands & MERGE_INSERT) != 0)
		guard_source(merge);
	else
		queue_ours(merge, TRIGGER_TYPE_INSERT);
	if ((merge->mt_merge_subcommands & MERGE_DELETE) == 0)
		queue_ours(merge, TRIGGER_TYPE_DELETE);
}

static void
executor_start(QueryDesc *desc, int eflags)
{
	ListCell   *lc;

	if (prev_start)
		prev_start(desc, eflags);
	else
		standard_ExecutorStart(desc, eflags);

	if (desc->operation == CMD_MERGE && IsA(desc->planstate, ModifyTableState))
		attend((ModifyTableState *) desc->planstate);
	foreach(lc, desc->estate->es_auxmodifytables)
	{
		if (lfirst(lc) != desc->planstate)
			attend(lfirst_node(ModifyTableState, lc));
	}
}

/*
 * Did a statement of this transaction perhaps start before we could attend to
 * it?  Never so when the library is preloaded.
 */
bool
dp_log_merge_unattended(void)
{
	return loaded_in != 0 && loaded_in == GetCurrentTransactionStartTimestamp();
}

void
dp_log_merge_init(void)
{
	if (IsTransactionState())
		loaded_in = GetCurrentTransactionStartTimestamp();
	prev_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
}
