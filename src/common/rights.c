/*-------------------------------------------------------------------------
 *
 * rights.c
 *	  Step from a user to the extension's owner and back, knowing who asked.
 *
 * The functions that users call change tables that users may not write.  A
 * SECURITY DEFINER function would do, but inside one nobody can tell who
 * called it: session_user and the role setting name the outermost user, not
 * the caller, and a superuser who runs somebody's function must not lend him
 * his name.  So a command passes through here: dataplat.command() notes the
 * user that called it, becomes the owner of the extension, and hands over to
 * dataplat_internal.command_<verb>(caller, arguments), which checks what the
 * caller may do.  Calling dataplat.command() directly gains nothing.
 *
 * The way back is dataplat_internal.execute_as(): a statement that touches
 * users' tables runs with the rights of their owner only, as a security
 * restricted operation, as REINDEX and REFRESH do it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "common/role.h"
#include "common/statement.h"

extern PGDLLEXPORT Datum dp_command(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_execute_as(PG_FUNCTION_ARGS);

/* With its prefix a verb is still a name. */
#define MAX_VERB_LEN (NAMEDATALEN - 16)

PG_FUNCTION_INFO_V1(dp_command);
PG_FUNCTION_INFO_V1(dp_execute_as);

static Oid	function_owner(Oid function);
static void check_verb(const char *verb, Oid namespace, Oid caller);

/*
 * dataplat.command(verb text, arguments jsonb) returns jsonb
 *
 * Runs dataplat_internal.command_<verb>(caller, arguments) as the owner of
 * the extension.  An error restores the user with its (sub)transaction.
 */
Datum
dp_command(PG_FUNCTION_ARGS)
{
	char	   *verb = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			caller;
	int			security;
	Oid			types[2] = {NAMEOID, JSONBOID};
	Datum		values[2];
	char		nulls[2] = {' ', ' '};
	char	   *statement;
	Datum		result = (Datum) 0;
	bool		isnull = true;

	GetUserIdAndSecContext(&caller, &security);
	check_verb(verb, get_func_namespace(fcinfo->flinfo->fn_oid), caller);

	values[0] = DirectFunctionCall1(namein,
									CStringGetDatum(GetUserNameFromId(caller, false)));
	values[1] = PG_GETARG_DATUM(1);
	statement = psprintf("SELECT dataplat_internal.%s($1, $2)",
						 quote_identifier(psprintf("command_%s", verb)));

	SetUserIdAndSecContext(function_owner(fcinfo->flinfo->fn_oid),
						   security | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
	if (dp_statement_execute(statement, 2, types, values, nulls, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "command \"%s\" did not return a row", verb);
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		result = SPI_datumTransfer(result, false, -1);
	SPI_finish();
	SetUserIdAndSecContext(caller, security);

	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

/*
 * dataplat_internal.execute_as(role name, statement text) returns bigint
 *
 * Runs one statement with the rights of a role and returns the number of rows
 * it touched.  Settings that it changes are put back.
 */
Datum
dp_execute_as(PG_FUNCTION_ARGS)
{
	Oid			role = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			caller = GetUserId();
	DpRoleScope scope;
	int64		touched;

	if (!superuser_arg(caller) && !has_privs_of_role(caller, role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be a member of role \"%s\"",
						GetUserNameFromId(role, false))));

	dp_role_enter(role, NULL, &scope);
	SPI_connect();
	if (SPI_execute(statement, false, 0) < 0)
		elog(ERROR, "could not run a statement as role \"%s\"",
			 GetUserNameFromId(role, false));
	touched = (int64) SPI_processed;
	SPI_finish();
	dp_role_leave(&scope);

	PG_RETURN_INT64(touched);
}

/* The owner of a function of ours is the owner of the extension. */
static Oid
function_owner(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * A command is open to those who may execute the public function of its
 * name: calling dataplat.command() directly is no way around a REVOKE.
 */
static void
check_verb(const char *verb, Oid namespace, Oid caller)
{
	CatCList   *list;
	bool		found = false;
	bool		allowed = false;

	if (verb[0] == '\0' || strlen(verb) > MAX_VERB_LEN ||
		verb[strspn(verb, "abcdefghijklmnopqrstuvwxyz_")] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a command", verb)));

	list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(verb));
	for (int i = 0; i < list->n_members && !allowed; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		if (proc->pronamespace != namespace)
			continue;
		found = true;
		allowed = DatumGetBool(DirectFunctionCall3(has_function_privilege_id_id,
												   ObjectIdGetDatum(caller),
												   ObjectIdGetDatum(proc->oid),
												   CStringGetTextDatum("EXECUTE")));
	}
	ReleaseSysCacheList(list);

	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a command", verb)));
	if (!allowed)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, verb);
}
