/*-------------------------------------------------------------------------
 *
 * auth.c
 *	  Who asks: roles with their passwords, tokens, or the anonymous role.
 *
 * There are no users of our own: a request acts as a database role, so what it
 * may do is a matter of GRANT.  A role needs LOGIN for its password to count,
 * and CONNECT on the database in any case.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_authid.h"
#include "common/base64.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/syscache.h"

#include "common/compat.h"
#include "web/auth.h"
#include "web/run.h"
#include "web/settings.h"

/* A password longer than this is not looked at: checking one costs time. */
#define MAX_CREDENTIALS 2048

typedef enum Verdict
{
	VERDICT_OK,
	VERDICT_NOBODY,				/* no credentials, and no anonymous role */
	VERDICT_WRONG,
	VERDICT_WAIT,				/* too many failures */
	VERDICT_FORBIDDEN			/* may not connect to this database */
} Verdict;

typedef struct Check
{
	const char *authorization;
	const struct sockaddr *addr;
	DpAuthAnswer *answer;
	int			wait;
	Verdict		verdict;
} Check;

/* ---- the setting ---- */

/* Is the method in the list? */
static bool
listed(const char *setting, const char *method)
{
	const char *p = setting ? setting : "";

	for (;;)
	{
		size_t		len;

		p += strspn(p, ", \t");
		if (*p == '\0')
			return false;
		len = strcspn(p, ", \t");
		if (len == strlen(method) && pg_strncasecmp(p, method, len) == 0)
			return true;
		p += len;
	}
}

const char *
dp_auth_methods_problem(const char *setting)
{
	static const char *const methods[] = {"basic", "token", "none"};
	const char *p = setting;
	int			n = 0;

	for (;;)
	{
		size_t		len;
		bool		known = false;

		p += strspn(p, ", \t");
		if (*p == '\0')
			break;
		len = strcspn(p, ", \t");
		for (int i = 0; i < lengthof(methods); i++)
			known |= len == strlen(methods[i]) && pg_strncasecmp(p, methods[i], len) == 0;
		if (!known)
			return psprintf("\"%s\" is no way to log in.", pnstrdup(p, len));
		n++;
		p += len;
	}
	if (n > 1 && listed(setting, "none"))
		return "none goes with no other.";
	return n == 0 ? "The list is empty." : NULL;
}

/* ---- roles ---- */

static bool
role_can_login(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		can = false;

	if (HeapTupleIsValid(tuple))
	{
		can = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
		ReleaseSysCache(tuple);
	}
	return can;
}

static void
become(Check *check, Oid role, const char *name)
{
	if (dp_object_aclcheck(DatabaseRelationId, MyDatabaseId, role, ACL_CONNECT) != ACLCHECK_OK)
	{
		check->verdict = VERDICT_FORBIDDEN;
		return;
	}
	check->answer->role = role;
	check->answer->role_name = pstrdup(name);
	check->verdict = VERDICT_OK;
}

static void
check_anonymous(Check *check)
{
	Oid			role;

	check->verdict = VERDICT_NOBODY;
	if (dp_web_anonymous_role[0] == '\0')
		return;
	role = get_role_oid(dp_web_anonymous_role, true);
	if (OidIsValid(role) && !superuser_arg(role))
		become(check, role, dp_web_anonymous_role);
}

const char *
dp_auth_anonymous_problem(void)
{
	Oid			role;

	if (dp_web_anonymous_role[0] == '\0')
		return NULL;
	role = get_role_oid(dp_web_anonymous_role, true);
	if (!OidIsValid(role))
		return psprintf("role \"%s\" of dataplat.web_anonymous_role does not exist", dp_web_anonymous_role);
	if (superuser_arg(role))
		return psprintf("role \"%s\" of dataplat.web_anonymous_role is a superuser", dp_web_anonymous_role);
	return NULL;
}

/* "user:password" out of base64; false when it is none. */
static bool
parse_basic(const char *text, char **user, char **password)
{
	int			len = (int) strlen(text);
	char	   *plain;
	char	   *colon;
	int			n;

	while (len > 0 && isspace((unsigned char) text[len - 1]))
		len--;
	if (len > MAX_CREDENTIALS)
		return false;
	plain = palloc(pg_b64_dec_len(len) + 1);
	n = pg_b64_decode(text, len, (void *) plain, pg_b64_dec_len(len));
	if (n < 0 || memchr(plain, '\0', n) != NULL || !pg_verify_mbstr(PG_UTF8, plain, n, true))
		return false;
	plain[n] = '\0';
	colon = strchr(plain, ':');
	if (colon == NULL)
		return false;
	*colon = '\0';
	*user = plain;
	*password = colon + 1;
	return **user != '\0' && strlen(*user) < NAMEDATALEN;
}

/*
 * What is known already costs nothing and is not held up by others' failures
 * behind the same address.
 */
static void
check_basic(Check *check, const char *text)
{
	char	   *user = NULL;
	char	   *password = NULL;
	bool		parsed = parse_basic(text, &user, &password);
	bool		right = parsed && dp_password_known(user, password);
	Oid			role;

	check->verdict = VERDICT_WRONG;
	if (!right)
	{
		check->wait = dp_attempts_wait(check->addr);
		if (check->wait > 0)
		{
			check->verdict = VERDICT_WAIT;
			return;
		}
		right = parsed && dp_password_verify(user, password);
	}
	role = right ? get_role_oid(user, true) : InvalidOid;
	if (OidIsValid(role) && role_can_login(role))
		become(check, role, user);
	else
		dp_attempts_failed(check->addr);
}

static void
check_token(Check *check, const char *text)
{
	char	   *name = dp_token_role(text);
	Oid			role = name ? get_role_oid(name, true) : InvalidOid;

	check->verdict = VERDICT_WRONG;
	if (OidIsValid(role))
	{
		become(check, role, name);
		return;
	}
	check->wait = dp_attempts_wait(check->addr);
	if (check->wait > 0)
		check->verdict = VERDICT_WAIT;
	else
		dp_attempts_failed(check->addr);
}

static void
check_inside(void *arg)
{
	Check	   *check = arg;
	const char *text = check->authorization;

	if (text != NULL && pg_strncasecmp(text, "basic ", 6) == 0 && listed(dp_web_auth, "basic"))
		check_basic(check, text + 6 + strspn(text + 6, " "));
	else if (text != NULL && pg_strncasecmp(text, "bearer ", 7) == 0 && listed(dp_web_auth, "token"))
		check_token(check, text + 7 + strspn(text + 7, " "));
	else if (text != NULL && !listed(dp_web_auth, "none"))
		check->verdict = VERDICT_WRONG;
	else
		check_anonymous(check);
}

/* ---- the answer ---- */

static void
ask_for_credentials(DpWebResponse *response)
{
	if (listed(dp_web_auth, "basic"))
		dp_web_add_header(response, "WWW-Authenticate", "Basic realm=\"dataplat\", charset=\"UTF-8\"");
	if (listed(dp_web_auth, "token"))
		dp_web_add_header(response, "WWW-Authenticate", "Bearer realm=\"dataplat\"");
	dp_web_error(response, 401, 401, "HTTP 401 Unauthorized");
}

bool
dp_auth_check(const char *authorization, const struct sockaddr *addr,
			  DpAuthAnswer *answer, DpWebResponse *response)
{
	Check		check = {
		.authorization = authorization,
		.addr = addr,
		.answer = answer
	};

	if (!dp_run_inside(check_inside, &check, response))
		return false;
	switch (check.verdict)
	{
		case VERDICT_OK:
			return true;
		case VERDICT_NOBODY:
		case VERDICT_WRONG:
			ask_for_credentials(response);
			break;
		case VERDICT_WAIT:
			dp_web_add_header(response, "Retry-After", psprintf("%d", check.wait));
			dp_web_error(response, 429, 429, "too many failed logins from this address");
			break;
		case VERDICT_FORBIDDEN:
			dp_web_error(response, 403, 40301, "the role may not connect to this database");
			break;
	}
	return false;
}
