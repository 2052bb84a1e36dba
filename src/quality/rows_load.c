/*-------------------------------------------------------------------------
 *
 * rows_load.c
 *	  The row rules of a table, read once a session.
 *
 * A rule is remembered as the trees of its conditions over the columns of its
 * table.  They are forgotten when dataplat.expectation changes (a trigger
 * there sends the same message as a changed table, with the commit), when the
 * table does, and when functions or roles do.  So a run in a table without rules costs
 * the look into a hash table.
 *
 * Each rule is analysed by itself: one that does not fit the table any more
 * says so in its results and stops no other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "common/attempt.h"
#include "common/compat.h"
#include "common/role.h"
#include "common/statement.h"
#include "quality/rows_int.h"

#define ROWS_NAME "dataplat_rows"

PG_FUNCTION_INFO_V1(dp_expectations_changed);

extern PGDLLEXPORT Datum dp_expectations_changed(PG_FUNCTION_ARGS);

typedef struct Remembered
{
	Oid			dataset;		/* the key */
	uint64		seen;			/* "changes" when it was read; 0: it was not */
	MemoryContext context;
	List	   *rules;
} Remembered;

static HTAB *memory = NULL;
static uint64 changes = 1;
static Oid	expectation_table = InvalidOid;

/* As in validate(): beside the table, then public. */
char *
dp_row_search_path(Oid dataset)
{
	return psprintf("pg_catalog, %s, public, pg_temp", quote_identifier(get_namespace_name(get_rel_namespace(dataset))));
}

/* Statement trigger on dataplat.expectation: every session reads the rules again. */
Datum
dp_expectations_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("expectations_changed() can only be called as a trigger")));
	CacheInvalidateRelcache(trigger->tg_relation);
	PG_RETURN_POINTER(NULL);
}

/* ---- what is remembered ---- */

static void
forget_relation(Datum arg, Oid relid)
{
	Remembered *one;

	if (!OidIsValid(relid) || relid == expectation_table)
	{
		changes++;
		return;
	}
	one = hash_search(memory, &relid, HASH_FIND, NULL);
	if (one != NULL)
		one->seen = 0;
}

static void
forget_all(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
}

static void
begin_memory(void)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Remembered)};

	memory = hash_create("dataplat row rules", 64, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, forget_all, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, forget_all, (Datum) 0);
}

/* ---- analysis ---- */

Query *
dp_row_rules_analyze(const char *list, TupleDesc desc)
{
	char	   *select = psprintf("SELECT %s\n FROM " ROWS_NAME, list);
	List	   *parsed = raw_parser(select, RAW_PARSE_DEFAULT);
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	QueryEnvironment *env = create_queryEnv();
	Query	   *query;

	if (list_length(parsed) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a rule is one condition")));
	enr->md.name = ROWS_NAME;
	enr->md.tupdesc = desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	register_ENR(env, enr);
	query = parse_analyze_fixedparams(linitial(parsed), select, NULL, 0, env);
	if (query->commandType != CMD_SELECT || list_length(query->rtable) != 1 || query->setOperations ||
		query->jointree->quals || query->sortClause || query->limitCount || query->limitOffset ||
		query->distinctClause || query->groupClause || query->cteList)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a rule is one condition over the columns of its table")));
	if (query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a rule over single rows has no place for aggregates, window functions and functions that return sets")));
	return query;
}

static Expr *
boolean_of(const char *what, Query *query, int place)
{
	Expr	   *expr = ((TargetEntry *) list_nth(query->targetList, place))->expr;

	if (exprType((Node *) expr) != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s is of type %s, not boolean", what, format_type_be(exprType((Node *) expr)))));
	return expr;
}

/* A row as a whole has no columns by name in the rows that come. */
static bool
has_whole_row(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varlevelsup == 0 && ((Var *) node)->varattno <= 0;
	return expression_tree_walker(node, has_whole_row, unused);
}

static void
analyze_rule(DpRowRule *rule, TupleDesc desc)
{
	Query	   *query = dp_row_rules_analyze(psprintf("(%s\n), (%s\n), (%s\n), pg_catalog.to_jsonb((%s\n))",
													  rule->filter ? rule->filter : "true",
													  rule->ignored ? rule->ignored : "false",
													  rule->expected,
													  rule->element ? rule->element : "NULL::pg_catalog.text"), desc);

	if (list_length(query->targetList) != 4)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a rule is one condition over the columns of its table")));
	rule->filter_expr = boolean_of("the filter", query, 0);
	rule->ignored_expr = boolean_of("what is missing", query, 1);
	rule->expected_expr = boolean_of("the rule", query, 2);
	rule->element_expr = ((TargetEntry *) lfourth(query->targetList))->expr;
	rule->by_query = query->hasSubLinks || has_whole_row((Node *) query->targetList, NULL);
	if (rule->filter == NULL)
		rule->filter_expr = NULL;
}

char *
dp_row_attempt(void (*work) (void *), void *arg)
{
	ErrorData  *error = dp_attempt(work, arg);

	if (error == NULL)
		return NULL;
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	return error->message;
}

typedef struct Trial
{
	DpRowRule  *rule;
	Oid			role;
	TupleDesc	desc;
	const char *search_path;
} Trial;

static void
analyze_as_owner(void *arg)
{
	Trial	   *trial = arg;
	DpRoleScope scope;

	dp_role_enter(trial->role, trial->search_path, &scope);
	analyze_rule(trial->rule, trial->desc);
	dp_role_leave(&scope);
}

/* What is wrong with one rule is its own affair. */
static void
try_rule(DpRowRule *rule, TupleDesc desc, const char *search_path)
{
	Trial		trial = {rule, get_role_oid(rule->owner_name, true), desc, search_path};
	char	   *problem;

	if (!OidIsValid(trial.role))
		problem = psprintf("its owner \"%s\" does not exist", rule->owner_name);
	else
		problem = dp_row_attempt(analyze_as_owner, &trial);
	if (problem != NULL)
		rule->problem = problem;
}

/* ---- reading ---- */

static char *
text_of(HeapTuple row, TupleDesc desc, int column, MemoryContext context)
{
	char	   *value = SPI_getvalue(row, desc, column);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

static DpRowRule *
read_rule(HeapTuple row, TupleDesc desc, MemoryContext context)
{
	DpRowRule  *rule = MemoryContextAllocZero(context, sizeof(DpRowRule));
	char	   *action = SPI_getvalue(row, desc, 4);
	char	   *nulls = SPI_getvalue(row, desc, 5);
	bool		isnull;

	rule->id = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
	rule->name = text_of(row, desc, 2, context);
	rule->owner_name = text_of(row, desc, 3, context);
	rule->verdict = strcmp(action, "drop") == 0 ? DP_ROW_DROP :
		strcmp(action, "quarantine") == 0 ? DP_ROW_QUARANTINE : DP_ROW_KEEP;
	rule->fails = strcmp(action, "fail") == 0;
	rule->nulls = strcmp(nulls, "pass") == 0 ? DP_NULL_PASS :
		strcmp(nulls, "fail") == 0 ? DP_NULL_FAIL : DP_NULL_SKIP;
	rule->filter = text_of(row, desc, 6, context);
	rule->element = text_of(row, desc, 7, context);
	rule->ignored = text_of(row, desc, 8, context);
	rule->expected = text_of(row, desc, 9, context);
	rule->problem = text_of(row, desc, 10, context);
	if (rule->problem == NULL && rule->expected == NULL)
		rule->problem = "its kind says nothing about single rows";
	return rule;
}

/* Whatever this transaction's snapshot is, the rules are those that are committed. */
static List *
read_rules(const char *dataset, MemoryContext context)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(dataset)};
	List	   *rules = NIL;
	DpRoleScope scope;

	dp_platform_enter(&scope);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	if (dp_statement_execute("SELECT r.expectation_id, r.name, r.owner, r.action, r.null_handling, r.row_filter, r.element, r.ignored,"
							 " r.expected, r.problem FROM dataplat_internal.row_rules($1) AS r ORDER BY r.expectation_id",
							 1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read row rules");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		DpRowRule  *rule = read_rule(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, context);
		MemoryContext old = MemoryContextSwitchTo(context);

		rules = lappend(rules, rule);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	PopActiveSnapshot();
	dp_role_leave(&scope);
	return rules;
}

static char *
dataset_name(Oid dataset)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(dataset)), get_rel_name(dataset));
}

static void
remember(Remembered *one, Oid dataset)
{
	MemoryContext old;
	List	   *rules;
	ListCell   *lc;

	if (one->context == NULL)
		one->context = AllocSetContextCreate(CacheMemoryContext, "dataplat row rules", ALLOCSET_SMALL_SIZES);
	one->rules = NIL;
	MemoryContextReset(one->context);
	if (get_rel_name(dataset) == NULL)
		return;
	rules = read_rules(dataset_name(dataset), one->context);
	if (rules != NIL)
	{
		Relation	relation = table_open(dataset, AccessShareLock);
		TupleDesc	desc = RelationGetDescr(relation);

		old = MemoryContextSwitchTo(one->context);
		foreach(lc, rules)
		{
			DpRowRule  *rule = lfirst(lc);

			if (rule->problem == NULL)
				try_rule(rule, desc, dp_row_search_path(dataset));
		}
		MemoryContextSwitchTo(old);
		table_close(relation, NoLock);
	}
	one->rules = rules;
}

List *
dp_row_rules_load(Oid dataset)
{
	Remembered *one;
	bool		found;

	if (memory == NULL)
		begin_memory();
	one = hash_search(memory, &dataset, HASH_ENTER, &found);
	if (!found)
	{
		one->seen = 0;
		one->context = NULL;
	}
	while (one->seen != changes)
	{
		/* What changes while it is read is read again. */
		expectation_table = get_relname_relid("expectation", get_namespace_oid("dataplat", false));
		one->seen = changes;
		PG_TRY();
		{
			remember(one, dataset);
		}
		PG_CATCH();
		{
			one->seen = 0;
			PG_RE_THROW();
		}
		PG_END_TRY();
	}
	return one->rules;
}
