/*-------------------------------------------------------------------------
 *
 * stopped.c
 *	  Statements that their caller stops before the end.
 *
 * A procedural language can ask for so many rows of what a statement returns
 * (plpy.execute(query, 5)).  Of one with RETURNING that is where the server
 * stops: what was done until then stays, and no statement trigger fires.
 * Nobody can tell what it was, so readers are told to compute afresh.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "replication/logicalworker.h"

#include "changelog/changelog_int.h"

static ExecutorFinish_hook_type prev_finish;

/* Other parts of a statement, in WITH, are always run to their end. */
static void
look_at(ModifyTableState *state)
{
	Trigger    *trigger = dp_log_trigger(state->rootResultRelInfo->ri_RelationDesc);

	if (trigger == NULL || state->fireBSTriggers || state->mt_done || IsLogicalWorker())
		return;
	dp_log_write_reset(dp_log_trigger_log(trigger), "a statement that writes it was stopped before its end");
	dp_log_note_change(dp_log_trigger_root(trigger));
}

static void
executor_finish(QueryDesc *desc)
{
	if (IsA(desc->planstate, ModifyTableState) && castNode(ModifyTableState, desc->planstate)->canSetTag)
		look_at(castNode(ModifyTableState, desc->planstate));
	if (prev_finish)
		prev_finish(desc);
	else
		standard_ExecutorFinish(desc);
}

void
dp_log_stopped_init(void)
{
	prev_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = executor_finish;
}
