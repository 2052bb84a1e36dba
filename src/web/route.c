/*-------------------------------------------------------------------------
 *
 * route.c
 *	  Which handler answers which path.
 *
 * A fixed part of a pattern beats a parameter, so that /schemas/types is not
 * an id: routes are compared by their first part that differs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "web/route.h"

typedef struct Route
{
	const DpWebRoute *route;
	List	   *parts;			/* of the pattern; {…} as "{" */
} Route;

static List *routes = NIL;

void
dp_web_route(const DpWebRoute *route)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	Route	   *r = palloc0(sizeof(Route));
	const char *p = route->pattern + 1;
	int			nparams = 0;

	Assert(route->pattern[0] == '/');
	r->route = route;
	while (*p)
	{
		size_t		len = strcspn(p, "/");

		if (*p == '{')
			nparams++;
		r->parts = lappend(r->parts, *p == '{' ? pstrdup("{") : pnstrdup(p, len));
		p += len + (p[len] == '/');
	}
	Assert(nparams <= DP_WEB_MAX_PARAMS);
	routes = lappend(routes, r);
	MemoryContextSwitchTo(old);
}

/* False when the path does not fit. */
static bool
fits(const Route *r, List *parts)
{
	if (list_length(r->parts) != list_length(parts))
		return false;
	for (int i = 0; i < list_length(parts); i++)
	{
		const char *want = list_nth(r->parts, i);
		const char *have = list_nth(parts, i);

		if (*want == '{' ? *have == '\0' : strcmp(want, have) != 0)
			return false;
	}
	return true;
}

/* Is the path meant by "a" rather than by "b"?  Both fit. */
static bool
closer(const Route *a, const Route *b)
{
	for (int i = 0; i < list_length(a->parts); i++)
	{
		bool		free_a = *(const char *) list_nth(a->parts, i) == '{';
		bool		free_b = *(const char *) list_nth(b->parts, i) == '{';

		if (free_a != free_b)
			return free_b;
	}
	return false;
}

static bool
same_pattern(const Route *a, const Route *b)
{
	return !closer(a, b) && !closer(b, a);
}

/* "GET, HEAD, POST, OPTIONS" of the routes with the pattern of "like". */
static const char *
methods_of(const Route *like, List *parts)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, routes)
	{
		const Route *r = lfirst(lc);

		if (fits(r, parts) && same_pattern(r, like))
			appendStringInfo(&text, "%s%s, ", r->route->method,
							 strcmp(r->route->method, "GET") == 0 ? ", HEAD" : "");
	}
	appendStringInfoString(&text, "OPTIONS");
	return text.data;
}

const DpWebRoute *
dp_route_find(const char *method, List *parts, const char **params, int *nparams,
			  const char **allowed)
{
	const Route *best = NULL;
	const Route *found = NULL;
	ListCell   *lc;

	*allowed = NULL;
	*nparams = 0;
	/* /subjects/ is /subjects */
	if (parts != NIL && *(const char *) llast(parts) == '\0')
		parts = list_truncate(list_copy(parts), list_length(parts) - 1);
	foreach(lc, routes)
	{
		const Route *r = lfirst(lc);

		if (fits(r, parts) && (best == NULL || closer(r, best)))
			best = r;
	}
	if (best == NULL)
		return NULL;
	foreach(lc, routes)
	{
		const Route *r = lfirst(lc);

		if (strcmp(r->route->method, method) == 0 && fits(r, parts) && same_pattern(r, best))
			found = r;
	}
	if (found == NULL)
	{
		*allowed = methods_of(best, parts);
		return NULL;
	}
	for (int i = 0; i < list_length(parts); i++)
	{
		if (*(const char *) list_nth(found->parts, i) == '{')
			params[(*nparams)++] = list_nth(parts, i);
	}
	return found->route;
}
