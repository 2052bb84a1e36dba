/*-------------------------------------------------------------------------
 *
 * ddl.c
 *	  What statements of DDL touch, and trying them.
 *
 * preview_change() runs statements in a subtransaction that it gives up.
 * That is no way for those that leave something behind all the same, or that
 * read or write a whole table: they are only looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/role.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(dp_ddl_statements);
PG_FUNCTION_INFO_V1(dp_try_ddl);
PG_FUNCTION_INFO_V1(dp_relation_in_path);

extern PGDLLEXPORT Datum dp_ddl_statements(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_try_ddl(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_relation_in_path(PG_FUNCTION_ARGS);

/* What can be done with a statement. */
typedef enum Treatment
{
	REFUSED,					/* it is no DDL that could break anything */
	TRIED,						/* run, and rolled back */
	TRIED_WHEN_SMALL,			/* the same, unless it would take long */
	LOOKED_AT					/* not run: it might call functions of users */
} Treatment;

/* Columns of the result of ddl_statements(). */
enum
{
	COL_STATEMENT,
	COL_TAG,
	COL_TREATMENT,
	COL_RELATION,
	COL_FIELD,
	COL_CHANGE,
	COLS
};

typedef struct Touched
{
	ReturnSetInfo *rsinfo;
	const char *statement;
	const char *tag;
	Treatment	treatment;
} Touched;

static void
put_row(const Touched *t, const char *relation, const char *field, const char *change)
{
	static const char *const names[] = {"refused", "tried", "tried_when_small", "looked_at"};
	const char *texts[COLS] = {t->statement, t->tag, names[t->treatment], relation, field, change};
	Datum		values[COLS] = {0};
	bool		nulls[COLS];

	for (int i = 0; i < COLS; i++)
	{
		nulls[i] = texts[i] == NULL;
		if (texts[i] != NULL)
			values[i] = CStringGetTextDatum(texts[i]);
	}
	tuplestore_putvalues(t->rsinfo->setResult, t->rsinfo->setDesc, values, nulls);
}

static const char *
written_name(const RangeVar *relation)
{
	return relation->schemaname == NULL ? quote_identifier(relation->relname)
		: quote_qualified_identifier(relation->schemaname, relation->relname);
}

/* One subcommand of ALTER TABLE. */
static Treatment
treatment_of_command(const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_DropColumn:
		case AT_DropConstraint:
		case AT_DropNotNull:
		case AT_ColumnDefault:
		case AT_DropIdentity:
		case AT_DropExpression:
		case AT_SetStorage:
		case AT_SetOptions:
		case AT_ResetOptions:
		case AT_SetStatistics:
		case AT_SetRelOptions:
		case AT_ResetRelOptions:
		case AT_DropInherit:
		case AT_DetachPartition:
		case AT_ChangeOwner:
		case AT_EnableRowSecurity:
		case AT_DisableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_NoForceRowSecurity:
			return TRIED;
		case AT_AddColumn:
			return ((ColumnDef *) cmd->def)->constraints == NIL ? TRIED : LOOKED_AT;
		case AT_AlterColumnType:
			return ((ColumnDef *) cmd->def)->raw_default == NULL ? TRIED_WHEN_SMALL : LOOKED_AT;
		case AT_SetNotNull:
		case AT_SetLogged:
		case AT_SetUnLogged:
		case AT_SetTableSpace:
			return TRIED_WHEN_SMALL;
		default:
			return LOOKED_AT;
	}
}

static void
put_alter_table(Touched *t, const AlterTableStmt *stmt)
{
	ListCell   *lc;
	bool		any = false;

	t->treatment = TRIED;
	foreach(lc, stmt->cmds)
		t->treatment = Max(t->treatment, treatment_of_command(lfirst_node(AlterTableCmd, lc)));
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype != AT_DropColumn && cmd->subtype != AT_AlterColumnType)
			continue;
		put_row(t, written_name(stmt->relation), cmd->name, cmd->subtype == AT_DropColumn ? "drop" : "retype");
		any = true;
	}
	if (!any)
		put_row(t, written_name(stmt->relation), NULL, "alter");
}

static void
put_drop(Touched *t, const DropStmt *stmt)
{
	ListCell   *lc;

	t->treatment = stmt->concurrent ? LOOKED_AT : TRIED;
	foreach(lc, stmt->objects)
	{
		if (stmt->removeType == OBJECT_TABLE || stmt->removeType == OBJECT_VIEW ||
			stmt->removeType == OBJECT_MATVIEW || stmt->removeType == OBJECT_FOREIGN_TABLE)
			put_row(t, written_name(makeRangeVarFromNameList(lfirst_node(List, lc))), NULL, "drop");
		else
			put_row(t, NULL, NULL, "drop");
	}
}

static void
put_rename(Touched *t, const RenameStmt *stmt)
{
	t->treatment = TRIED;
	if (stmt->renameType == OBJECT_COLUMN)
		put_row(t, written_name(stmt->relation), stmt->subname, "rename");
	else if (stmt->relation != NULL && stmt->renameType != OBJECT_TABCONSTRAINT)
		put_row(t, written_name(stmt->relation), NULL, "rename");
	else
		put_row(t, NULL, NULL, "rename");
}

static void
put_statement(Touched *t, Node *stmt)
{
	t->treatment = TRIED;
	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			put_alter_table(t, (AlterTableStmt *) stmt);
			break;
		case T_DropStmt:
			put_drop(t, (DropStmt *) stmt);
			break;
		case T_RenameStmt:
			put_rename(t, (RenameStmt *) stmt);
			break;
		case T_AlterObjectSchemaStmt:
			if (((AlterObjectSchemaStmt *) stmt)->relation != NULL)
				put_row(t, written_name(((AlterObjectSchemaStmt *) stmt)->relation), NULL, "rename");
			else
				put_row(t, NULL, NULL, "rename");
			break;
		case T_ViewStmt:
			put_row(t, written_name(((ViewStmt *) stmt)->view), NULL, "create");
			break;
		case T_CreateStmt:
		case T_CreateSchemaStmt:
		case T_CreateFunctionStmt:
		case T_AlterFunctionStmt:
		case T_AlterOwnerStmt:
		case T_GrantStmt:
		case T_CommentStmt:
		case T_CreatePolicyStmt:
		case T_AlterPolicyStmt:
		case T_AlterTypeStmt:
			put_row(t, NULL, NULL, "other");
			break;
		default:
			t->treatment = REFUSED;
			put_row(t, NULL, NULL, NULL);
			break;
	}
}

/* A position in an error is one in the text that was given. */
static void
tell_position(void *arg)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery((const char *) arg);
}

/*
 * ddl_statements(sql text) returns setof (statement, tag, treatment, relation,
 * field, change): a row for each thing that a statement touches
 */
Datum
dp_ddl_statements(PG_FUNCTION_ARGS)
{
	char	   *sql = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ErrorContextCallback callback = {.previous = error_context_stack,.callback = tell_position,.arg = sql};
	List	   *statements;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	error_context_stack = &callback;
	statements = pg_parse_query(sql);
	error_context_stack = callback.previous;
	foreach(lc, statements)
	{
		RawStmt    *raw = lfirst_node(RawStmt, lc);
		const char *text = sql + raw->stmt_location;
		Touched		t = {(ReturnSetInfo *) fcinfo->resultinfo};

		while (isspace((unsigned char) *text))
			text++;
		t.statement = raw->stmt_len == 0 ? text : pnstrdup(text, sql + raw->stmt_location + raw->stmt_len - text);
		t.tag = CreateCommandName(raw->stmt);
		put_statement(&t, raw->stmt);
	}
	return (Datum) 0;
}

/*
 * try_ddl(role name, path text, statement text)
 *
 * Runs a statement with the rights of a role, in a search_path, without the
 * check of DDL and without notices.
 */
Datum
dp_try_ddl(PG_FUNCTION_ARGS)
{
	Oid			role = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(2));
	DpRoleScope scope;

	dp_role_enter(role, path, &scope);
	dp_role_set("dataplat.lineage_ddl_check", "off");
	dp_role_set("client_min_messages", "warning");
	SPI_connect();
	if (SPI_execute(statement, false, 0) < 0)
		elog(ERROR, "could not try a statement");
	SPI_finish();
	dp_role_leave(&scope);
	PG_RETURN_VOID();
}

/*
 * relation_in_path(written text, path text) returns oid; NULL: there is none
 *
 * Only the look-up has the path: nothing of ours runs in a search_path that a
 * user chose.
 */
Datum
dp_relation_in_path(PG_FUNCTION_ARGS)
{
	List	   *names = textToQualifiedNameList(PG_GETARG_TEXT_PP(0));
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			nestlevel;
	Oid			relid;

	if (list_length(names) > 2)
		PG_RETURN_NULL();
	nestlevel = NewGUCNestLevel();
	dp_role_set("search_path", path);
	relid = RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, true);
	AtEOXact_GUC(false, nestlevel);
	if (!OidIsValid(relid))
		PG_RETURN_NULL();
	PG_RETURN_OID(relid);
}
