/*
 * role.h: doing something with the rights of a role.
 */
#ifndef DP_COMMON_ROLE_H
#define DP_COMMON_ROLE_H

typedef struct DpRoleScope
{
	Oid			user;
	int			security;
	int			nestlevel;
} DpRoleScope;

/*
 * Become a role whose code is not ours (security-restricted: it cannot change
 * the session, make temporary objects or become somebody else).  search_path
 * NULL leaves it as it is.  Settings made in the scope end with it.
 *
 * Every scope is left by dp_role_leave(); after an error the end of the
 * (sub)transaction puts all back.
 */
extern void dp_role_enter(Oid role, const char *search_path, DpRoleScope *scope);

/* Become the owner of the platform's tables, with the names of pg_catalog alone. */
extern void dp_platform_enter(DpRoleScope *scope);

extern void dp_role_leave(const DpRoleScope *scope);

/* A setting for the rest of the scope. */
extern void dp_role_set(const char *setting, const char *value);

#endif
