/*-------------------------------------------------------------------------
 *
 * utility.c
 *	  Statements that cannot run beside our workers: make way for them.
 *
 * DROP DATABASE, a template's CREATE DATABASE and some forms of ALTER
 * DATABASE want nobody else in that database; DROP EXTENSION and ALTER
 * EXTENSION UPDATE want the locks that workers take.  The workers leave
 * first and come back when the transaction ends; after a commit they may
 * find nothing left to do.
 *
 * Only a user who may run the statement at all makes workers leave.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "tcop/utility.h"
#include "utils/syscache.h"

#include "common/compat.h"
#include "launcher/slot.h"

/* The statement goes ahead after this, whoever is left. */
#define LEAVE_TIMEOUT_MS	10000

static ProcessUtility_hook_type prev_process_utility;

static void
hold_own_extension(void)
{
	Oid			extension = get_extension_oid("dataplat", true);

	if (OidIsValid(extension) &&
		dp_object_ownercheck(ExtensionRelationId, extension, GetUserId()))
		(void) dp_hold_database(MyDatabaseId, LEAVE_TIMEOUT_MS);
}

static bool
may_create_database(void)
{
	HeapTuple	tuple;
	bool		may;

	if (superuser())
		return true;
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	may = HeapTupleIsValid(tuple) &&
		((Form_pg_authid) GETSTRUCT(tuple))->rolcreatedb;
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return may;
}

static void
hold_owned_database(const char *name)
{
	Oid			dboid = get_database_oid(name, true);

	if (OidIsValid(dboid) &&
		dp_object_ownercheck(DatabaseRelationId, dboid, GetUserId()))
		(void) dp_hold_database(dboid, LEAVE_TIMEOUT_MS);
}

/* The database to be copied.  Without TEMPLATE that is template1. */
static void
hold_template(CreatedbStmt *stmt)
{
	ListCell   *lc;

	if (!may_create_database())
		return;
	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, "template") == 0 && option->arg != NULL)
			hold_owned_database(defGetString(option));
	}
}

static bool
names_dataplat(List *objects)
{
	ListCell   *lc;

	foreach(lc, objects)
	{
		if (strcmp(strVal(lfirst(lc)), "dataplat") == 0)
			return true;
	}
	return false;
}

static bool
has_tablespace(List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		if (strcmp(((DefElem *) lfirst(lc))->defname, "tablespace") == 0)
			return true;
	}
	return false;
}

/* Make way, and tell the launcher when the databases change. */
static void
prepare_for(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DropStmt:
			if (castNode(DropStmt, stmt)->removeType == OBJECT_EXTENSION &&
				names_dataplat(castNode(DropStmt, stmt)->objects))
				hold_own_extension();
			break;
		case T_AlterExtensionStmt:
			if (strcmp(castNode(AlterExtensionStmt, stmt)->extname, "dataplat") == 0)
				hold_own_extension();
			break;
		case T_DropdbStmt:
			hold_owned_database(castNode(DropdbStmt, stmt)->dbname);
			dp_launcher_wake();
			break;
		case T_CreatedbStmt:
			hold_template(castNode(CreatedbStmt, stmt));
			dp_launcher_wake();
			break;
		case T_RenameStmt:
			if (castNode(RenameStmt, stmt)->renameType == OBJECT_DATABASE)
			{
				hold_owned_database(castNode(RenameStmt, stmt)->subname);
				dp_launcher_wake();
			}
			break;
		case T_AlterDatabaseStmt:
			if (has_tablespace(castNode(AlterDatabaseStmt, stmt)->options))
				hold_owned_database(castNode(AlterDatabaseStmt, stmt)->dbname);
			dp_launcher_wake();
			break;
		default:
			break;
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	prepare_for(pstmt->utilityStmt);
	if (prev_process_utility)
		prev_process_utility(pstmt, query, read_only_tree, context, params, env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, env, dest, qc);
}

void
dp_utility_init(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
