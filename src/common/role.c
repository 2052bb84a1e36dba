/*-------------------------------------------------------------------------
 *
 * role.c
 *	  Doing something with the rights of a role.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "common/role.h"

static void
enter(Oid role, int flags, const char *search_path, DpRoleScope *scope)
{
	GetUserIdAndSecContext(&scope->user, &scope->security);
	scope->nestlevel = NewGUCNestLevel();
	SetUserIdAndSecContext(role, scope->security | flags);
	if (search_path != NULL)
		dp_role_set("search_path", search_path);
}

void
dp_role_enter(Oid role, const char *search_path, DpRoleScope *scope)
{
	enter(role, SECURITY_RESTRICTED_OPERATION, search_path, scope);
}

void
dp_platform_enter(DpRoleScope *scope)
{
	enter(BOOTSTRAP_SUPERUSERID, SECURITY_LOCAL_USERID_CHANGE, "pg_catalog, pg_temp", scope);
}

void
dp_role_leave(const DpRoleScope *scope)
{
	AtEOXact_GUC(false, scope->nestlevel);
	SetUserIdAndSecContext(scope->user, scope->security);
}

void
dp_role_set(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}
