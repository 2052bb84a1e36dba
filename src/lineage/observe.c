/*-------------------------------------------------------------------------
 *
 * observe.c
 *	  See what tagged statements write, and remember it until they commit.
 *
 * A statement is tagged by dataplat.run_id, or by the comment that dbt puts
 * before what it sends.  Its lineage is taken where the tree is whole, after
 * parse analysis; rows and time where it ends; names when its transaction
 * commits, so that a table that was made under another name and renamed is
 * known by its last one.
 *
 * Nobody's statement may suffer: what costs anything is done for tagged
 * statements that write, what can fail is done in subtransactions, and what
 * was rolled back is written by the session's next transaction, or when the
 * session ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "parser/analyze.h"
#include "postmaster/bgworker_internals.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "common/compat.h"
#include "common/md5.h"
#include "common/role.h"
#include "lineage/observe.h"
#include "lineage/observe_int.h"

/* A statement's text is kept up to here, in bytes. */
#define TEXT_LIMIT 8192
/* More notes in one transaction are not taken; of so many that could not be written yet, all are forgotten. */
#define MAX_NOTES 1000
/* Schemas of a search_path that tell statements of one text apart. */
#define MAX_PATH 16
/* A tag stands within the first bytes of a text. */
#define TAG_LIMIT 2048

typedef enum Observe
{
	OBSERVE_OFF,
	OBSERVE_TAGGED,
	OBSERVE_ALL
} Observe;

static const struct config_enum_entry observe_options[] = {
	{"off", OBSERVE_OFF, false},
	{"tagged", OBSERVE_TAGGED, false},
	{"all", OBSERVE_ALL, false},
	{NULL, 0, false}
};

static int	observe_lineage = OBSERVE_TAGGED;
static char *run_id = NULL;

static MemoryContext context = NULL;	/* of notes */
static List *notes = NIL;		/* DpObserved, of this transaction */
static List *late = NIL;		/* of transactions that could not write them */
static bool writing = false;	/* our own statements are nobody's */

static post_parse_analyze_hook_type prev_analyze;
static ExecutorStart_hook_type prev_start;
static ExecutorRun_hook_type prev_run;
static ExecutorFinish_hook_type prev_finish;
static ExecutorEnd_hook_type prev_end;
static ProcessUtility_hook_type prev_utility;

MemoryContext
dp_observed_context(void)
{
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "dataplat observed statements", ALLOCSET_DEFAULT_SIZES);
	return context;
}

/* ---- is this statement observed, and whose is it? ---- */

static bool
is_our_worker(void)
{
	return AmBackgroundWorkerProcess() && MyBgworkerEntry != NULL &&
		strcmp(MyBgworkerEntry->bgw_library_name, "dataplat") == 0;
}

/* The comment that dbt puts first: an object of JSON that names the node. */
static char *
dbt_node(const char *text)
{
	static const char name[] = "\"node_id\": \"";
	const char *end;
	const char *node;
	const char *quote;

	while (text && (*text == ' ' || *text == '\n' || *text == '\t' || *text == '\r'))
		text++;
	if (text == NULL || strncmp(text, "/*", 2) != 0)
		return NULL;
	text = pnstrdup(text, strnlen(text, TAG_LIMIT));
	end = strstr(text, "*/");
	node = strstr(text, name);
	if (end == NULL || node == NULL || node > end || strstr(text, "\"app\": \"dbt\"") == NULL)
		return NULL;
	node += sizeof(name) - 1;
	quote = strchr(node, '"');
	return quote == NULL || quote == node || quote > end ? NULL : pnstrdup(node, quote - node);
}

/* The head of the client's text tags the statements that functions run for it, too. */
static bool
is_observed(const char *text)
{
	if (observe_lineage == OBSERVE_OFF || writing || creating_extension)
		return false;
	if (observe_lineage == OBSERVE_TAGGED && (run_id == NULL || run_id[0] == '\0') &&
		dbt_node(debug_query_string) == NULL && dbt_node(text) == NULL)
		return false;
	/* In parallel mode nothing can be written, nor a subtransaction begun. */
	return !IsInParallelMode() && !InitializingParallelWorker && !is_our_worker() && !RecoveryInProgress() &&
		IsTransactionState() && OidIsValid(get_extension_oid("dataplat", true));
}

static const char *
statement_of(const char *text, int location, int len, int *result_len)
{
	if (text == NULL)
		text = "";
	if (location < 0)
		location = 0;
	text += Min(location, (int) strlen(text));
	*result_len = len > 0 ? Min(len, (int) strlen(text)) : (int) strlen(text);
	while (*result_len > 0 && (*text == ' ' || *text == '\n' || *text == '\t' || *text == '\r' || *text == ';'))
	{
		text++;
		(*result_len)--;
	}
	return text;
}

static char *
job_of(const char *text, const char *statement, int len)
{
	char	   *node = dbt_node(debug_query_string);
	char		hash[33];
	const char *problem = NULL;

	if (node == NULL)
		node = dbt_node(text);
	if (node)
		return psprintf("dbt:%s", node);
	if (!pg_md5_hash(statement, len, hash, &problem))
		return pstrdup("query:");
	return psprintf("query:%s", hash);
}

/* By the text, the place in it, and the schemas in which its names are looked up. */
static uint64
key_of(const char *text, int location)
{
	uint64		key = hash_combine64(hash_bytes_extended((const unsigned char *) text, strlen(text), 0), Max(location, 0));
	Oid			path[MAX_PATH];
	int			schemas = Min(fetch_search_path_array(path, MAX_PATH), MAX_PATH);

	for (int i = 0; i < schemas; i++)
		key = hash_combine64(key, path[i]);
	return key;
}

/* ---- the lineage of what was analysed ---- */

static void
after_analysis(ParseState *pstate, Query *query, JumbleState *jstate)
{
	MemoryContext scratch;
	MemoryContext old;

	if (prev_analyze)
		prev_analyze(pstate, query, jstate);
	if (query->commandType == CMD_UTILITY || query->commandType == CMD_NOTHING || pstate->p_sourcetext == NULL ||
		(query->commandType == CMD_SELECT && !query->hasModifyingCTE) || !is_observed(pstate->p_sourcetext))
		return;
	scratch = AllocSetContextCreate(CurrentMemoryContext, "dataplat lineage", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	dp_observed_remember(key_of(pstate->p_sourcetext, query->stmt_location),
						 dp_observed_analyse(query, pstate->p_sourcetext));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* ---- notes ---- */

static void
forget_all(void)
{
	notes = late = NIL;
	if (context)
		MemoryContextReset(context);
}

/* The note of a statement that begins; the one before, if it is the same once more. */
static DpObserved *
take_note(const char *command, const char *text, int location, int len, DpLineage *lineage, Oid target)
{
	DpObserved *note = notes == NIL ? NULL : llast(notes);
	uint64		key = key_of(text ? text : "", location);
	MemoryContext old;
	const char *statement;
	int			statement_len;

	if (dp_observed_is_internal(target))
		return NULL;
	if (note && note->key == key && note->state == DP_OBSERVED_DONE && note->subid == GetCurrentSubTransactionId() &&
		note->target == target && target != InvalidOid)
	{
		note->state = DP_OBSERVED_RUNNING;
		INSTR_TIME_SET_CURRENT(note->start);
		return note;
	}
	if (list_length(notes) >= MAX_NOTES)
		return NULL;
	if (notes == NIL && list_length(late) >= MAX_NOTES)
		forget_all();
	old = MemoryContextSwitchTo(dp_observed_context());
	statement = statement_of(text, location, len, &statement_len);
	note = palloc0(sizeof(DpObserved));
	note->key = key;
	note->subid = GetCurrentSubTransactionId();
	note->run_id = run_id && run_id[0] ? pstrdup(run_id) : NULL;
	note->job = job_of(text, statement, statement_len);
	note->command = command;
	note->text = pnstrdup(statement, pg_mbcliplen(statement, statement_len, TEXT_LIMIT));
	note->target = target;
	note->target_name = OidIsValid(target) ? dp_lineage_relation_name(target) : NULL;
	note->edges = dp_observed_edges(lineage);
	note->at = GetCurrentTimestamp();
	INSTR_TIME_SET_CURRENT(note->start);
	notes = lappend(notes, note);
	MemoryContextSwitchTo(old);
	return note;
}

static void
end_note(DpObserved *note, DpObservedState state, uint64 rows)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, note->start);
	note->ms += INSTR_TIME_GET_MILLISEC(now);
	note->rows += rows;
	note->calls++;
	note->state = state;
	note->desc = NULL;
}

/* In a PG_CATCH: the error that is on its way. */
static void
fail_note(DpObserved *note)
{
	if (note->state != DP_OBSERVED_RUNNING)
		return;
	note->sqlstate = geterrcode();
	end_note(note, DP_OBSERVED_FAILED, 0);
}

static pg_noinline DpObserved *
note_of(QueryDesc *desc)
{
	ListCell   *lc;

	foreach(lc, notes)
	{
		DpObserved *note = lfirst(lc);

		if (note->desc == desc)
			return note;
	}
	return NULL;
}

/* ---- the executor ---- */

static const char *
command_name(QueryDesc *desc)
{
	switch (desc->operation)
	{
		case CMD_INSERT:
			return "INSERT";
		case CMD_UPDATE:
			return "UPDATE";
		case CMD_DELETE:
			return "DELETE";
		case CMD_MERGE:
			return "MERGE";
		default:
			return "WITH";
	}
}

/* The table that the statement itself writes, as it stands in its text if that is a partitioned one. */
static Oid
target_of(PlannedStmt *plan)
{
	return plan->resultRelations == NIL ? InvalidOid :
		list_nth_node(RangeTblEntry, plan->rtable, linitial_int(plan->resultRelations) - 1)->relid;
}

static void
executor_start(QueryDesc *desc, int eflags)
{
	if (prev_start)
		prev_start(desc, eflags);
	else
		standard_ExecutorStart(desc, eflags);
	if (((desc->operation != CMD_SELECT || desc->plannedstmt->hasModifyingCTE) && desc->plannedstmt->canSetTag) &&
		(eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 && is_observed(desc->sourceText))
	{
		uint64		key = key_of(desc->sourceText ? desc->sourceText : "", desc->plannedstmt->stmt_location);
		DpLineage  *lineage = dp_observed_recall(key);
		Oid			target = lineage && OidIsValid(lineage->target) ? lineage->target : target_of(desc->plannedstmt);
		DpObserved *note = take_note(command_name(desc), desc->sourceText, desc->plannedstmt->stmt_location,
									 desc->plannedstmt->stmt_len, lineage, target);

		if (note)
			note->desc = desc;
	}
}

static void
run_next(DP_EXECUTOR_RUN_PARAMS)
{
	if (prev_run)
		prev_run(DP_EXECUTOR_RUN_ARGS);
	else
		standard_ExecutorRun(DP_EXECUTOR_RUN_ARGS);
}

static void
executor_run(DP_EXECUTOR_RUN_PARAMS)
{
	DpObserved *volatile note = notes == NIL ? NULL : note_of(desc);

	if (note == NULL)
	{
		run_next(DP_EXECUTOR_RUN_ARGS);
		return;
	}
	PG_TRY();
	{
		run_next(DP_EXECUTOR_RUN_ARGS);
	}
	PG_CATCH();
	{
		fail_note(note);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static void
executor_finish(QueryDesc *desc)
{
	ExecutorFinish_hook_type next = prev_finish ? prev_finish : standard_ExecutorFinish;
	DpObserved *volatile note = notes == NIL ? NULL : note_of(desc);

	if (note == NULL)
	{
		next(desc);
		return;
	}
	PG_TRY();
	{
		next(desc);
	}
	PG_CATCH();
	{
		fail_note(note);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static void
executor_end(QueryDesc *desc)
{
	DpObserved *note = notes == NIL ? NULL : note_of(desc);

	if (note && note->state == DP_OBSERVED_RUNNING)
		end_note(note, DP_OBSERVED_DONE, desc->estate ? desc->estate->es_processed : 0);
	if (prev_end)
		prev_end(desc);
	else
		standard_ExecutorEnd(desc);
}

/* ---- utility statements ---- */

/* The name of what the statement makes or fills; NULL: it is none that writes. */
static RangeVar *
utility_target(Node *stmt, const char **command)
{
	switch (nodeTag(stmt))
	{
		case T_CreateTableAsStmt:
			*command = ((CreateTableAsStmt *) stmt)->objtype == OBJECT_MATVIEW ? "CREATE MATERIALIZED VIEW" : "CREATE TABLE AS";
			return ((CreateTableAsStmt *) stmt)->into->rel;
		case T_RefreshMatViewStmt:
			*command = "REFRESH MATERIALIZED VIEW";
			return ((RefreshMatViewStmt *) stmt)->relation;
		case T_CopyStmt:
			*command = ((CopyStmt *) stmt)->is_from ? "COPY FROM" : "COPY TO";
			return ((CopyStmt *) stmt)->relation;
		default:
			return NULL;
	}
}

static bool
writes(Node *stmt)
{
	if (IsA(stmt, CopyStmt))
		return ((CopyStmt *) stmt)->is_from || ((CopyStmt *) stmt)->filename != NULL;
	if (IsA(stmt, CreateTableAsStmt))	/* IF NOT EXISTS, and there it is */
		return !((CreateTableAsStmt *) stmt)->if_not_exists ||
			!OidIsValid(RangeVarGetRelid(((CreateTableAsStmt *) stmt)->into->rel, NoLock, true));
	return IsA(stmt, RefreshMatViewStmt);
}

/* A table that was just made has its oid now. */
static void
resolve_target(DpObserved *note, RangeVar *name)
{
	Oid			relid = RangeVarGetRelid(name, NoLock, true);
	ListCell   *lc;

	if (!OidIsValid(relid))
		return;
	note->target = relid;
	foreach(lc, note->edges)
	{
		DpObservedEdge *edge = lfirst(lc);

		if (!OidIsValid(edge->target) && edge->target_name && strncmp(edge->target_name, "file:", 5) != 0 &&
			strncmp(edge->target_name, "program:", 8) != 0)
			edge->target = relid;
	}
}

static DpObserved *
note_utility(PlannedStmt *pstmt, const char *text)
{
	const char *command = NULL;
	RangeVar   *name = utility_target(pstmt->utilityStmt, &command);
	Query		query = {.type = T_Query, .commandType = CMD_UTILITY, .utilityStmt = copyObject(pstmt->utilityStmt)};
	DpLineage  *lineage = dp_observed_analyse(&query, text);
	Oid			target = InvalidOid;
	DpObserved *note;

	if (lineage && OidIsValid(lineage->target))
		target = lineage->target;
	else if (name != NULL && !IsA(pstmt->utilityStmt, CreateTableAsStmt))
		target = RangeVarGetRelid(name, NoLock, true);
	note = take_note(command, text, pstmt->stmt_location, pstmt->stmt_len, lineage, target);
	if (note && !OidIsValid(target) && lineage && lineage->target_name)
		note->target_name = MemoryContextStrdup(dp_observed_context(), lineage->target_name);
	return note;
}

static void
process_utility(PlannedStmt *pstmt, const char *text, bool read_only_tree, ProcessUtilityContext where,
				ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = prev_utility ? prev_utility : standard_ProcessUtility;
	DpObserved *volatile note = NULL;
	QueryCompletion own = {0};
	QueryCompletion *volatile done = qc ? qc : &own;
	RangeVar   *volatile name;
	const char *command;

	if ((IsA(pstmt->utilityStmt, CreateTableAsStmt) || IsA(pstmt->utilityStmt, RefreshMatViewStmt) ||
		 IsA(pstmt->utilityStmt, CopyStmt)) && is_observed(text) && writes(pstmt->utilityStmt))
		note = note_utility(pstmt, text);
	if (note == NULL)
	{
		next(pstmt, text, read_only_tree, where, params, env, dest, qc);
		return;
	}
	/* The statement may change its tree. */
	name = copyObject(utility_target(pstmt->utilityStmt, &command));
	PG_TRY();
	{
		next(pstmt, text, read_only_tree, where, params, env, dest, done);
	}
	PG_CATCH();
	{
		fail_note(note);
		PG_RE_THROW();
	}
	PG_END_TRY();
	end_note(note, DP_OBSERVED_DONE, done->nprocessed);
	if (strncmp(note->command, "CREATE", 6) == 0)
		resolve_target(note, name);
}

/* ---- the end of transactions ---- */

/*
 * A transaction with one snapshot does not see what others told of the same
 * job since, and must not fail for our rows; a read-only one cannot write them.
 */
static bool
may_write(void)
{
	return !XactReadOnly && !IsolationUsesXactSnapshot() && !IsInParallelMode() && !RecoveryInProgress();
}

static void
write_all(void)
{
	List	   *all = list_concat_copy(late, notes);

	writing = true;
	(void) dp_observed_write(all);
	writing = false;
	forget_all();
}

/* What was undone is told by whoever commits next. */
static void
keep_for_later(DpObservedState done_is)
{
	MemoryContext old = MemoryContextSwitchTo(dp_observed_context());
	ListCell   *lc;

	foreach(lc, notes)
	{
		DpObserved *note = lfirst(lc);

		note->desc = NULL;
		if (note->state == DP_OBSERVED_RUNNING)
			note->state = DP_OBSERVED_ROLLED_BACK;
		else if (note->state == DP_OBSERVED_DONE)
			note->state = done_is;
		if (note->state != DP_OBSERVED_DONE)
			note->edges = NIL;
		if (list_length(late) < MAX_NOTES)
			late = lappend(late, note);
	}
	notes = NIL;
	MemoryContextSwitchTo(old);
}

/* The session ends, and nobody has told it. */
static void
session_ends(int code, Datum arg)
{
	if (code != 0 || (late == NIL && notes == NIL) || !OidIsValid(MyDatabaseId))
		return;
	AbortOutOfAnyTransaction();
	if (late == NIL)
		return;
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (may_write() && OidIsValid(get_extension_oid("dataplat", true)))
		write_all();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

static void
transaction_ends(XactEvent event, void *arg)
{
	static bool exit_hook = false;

	if (event == XACT_EVENT_ABORT)
		writing = false;
	if ((notes == NIL && late == NIL) || writing)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (may_write() && OidIsValid(get_extension_oid("dataplat", true)))
			{
				PushActiveSnapshot(GetTransactionSnapshot());
				write_all();
				PopActiveSnapshot();
			}
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			keep_for_later(DP_OBSERVED_DONE);
			break;
		case XACT_EVENT_ABORT:
			keep_for_later(DP_OBSERVED_ROLLED_BACK);
			break;
		default:
			break;
	}
	if (late != NIL && !exit_hook)
	{
		before_shmem_exit(session_ends, (Datum) 0);
		exit_hook = true;
	}
}

static void
subtransaction_ends(SubXactEvent event, SubTransactionId my, SubTransactionId parent, void *arg)
{
	ListCell   *lc;

	if (writing)
		return;
	foreach(lc, notes)
	{
		DpObserved *note = lfirst(lc);

		if (note->subid != my)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			note->subid = parent;
		else if (event == SUBXACT_EVENT_ABORT_SUB)
		{
			if (note->state != DP_OBSERVED_FAILED)
				note->state = DP_OBSERVED_ROLLED_BACK;
			note->desc = NULL;
			note->edges = NIL;
		}
	}
}

/* ---- what the platform does by itself ---- */

int
dp_observe_pause(void)
{
	int			nestlevel;

	if (observe_lineage == OBSERVE_OFF || is_our_worker())
		return 0;
	nestlevel = NewGUCNestLevel();
	dp_role_set("dataplat.observe_lineage", "off");
	return nestlevel;
}

void
dp_observe_resume(int nestlevel)
{
	if (nestlevel != 0)
		AtEOXact_GUC(false, nestlevel);
}

/* ---- settings ---- */

static bool
check_run_id(char **value, void **extra, GucSource source)
{
	int			digits = 0;

	if (*value == NULL || **value == '\0')
		return true;
	for (const char *c = *value; *c; c++)
	{
		int			place = c - *value;

		if (place == 8 || place == 13 || place == 18 || place == 23)
		{
			if (*c != '-')
				return false;
		}
		else if (isxdigit((unsigned char) *c))
			digits++;
		else
			return false;
	}
	return digits == 32;
}

void
dp_observe_init(void)
{
	DefineCustomEnumVariable("dataplat.observe_lineage",
							 "Which statements that write are recorded with their lineage.",
							 "tagged: those of sessions with dataplat.run_id, and those that dbt sends.",
							 &observe_lineage, OBSERVE_TAGGED, observe_options, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("dataplat.run_id",
							   "The run, a UUID, that this session's statements belong to.",
							   "Statements that write are recorded in dataplat.observed_statement under it.",
							   &run_id, "", PGC_USERSET, 0, check_run_id, NULL, NULL);
	dp_observed_record_init();
	prev_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = after_analysis;
	prev_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = executor_run;
	prev_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = executor_finish;
	prev_end = ExecutorEnd_hook;
	ExecutorEnd_hook = executor_end;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(subtransaction_ends, NULL);
}
