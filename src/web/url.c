/*-------------------------------------------------------------------------
 *
 * url.c
 *	  Paths, queries and media types as they stand in a request.
 *
 * A path is cut at its slashes before it is decoded: the subject "a/b" comes
 * as a%2Fb and is one part.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdlib.h>

#include "mb/pg_wchar.h"

#include "web/url.h"
#include "web/web.h"

static int
hex_value(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *
dp_url_decode(const char *text, size_t len, bool plus)
{
	char	   *out = palloc(len + 1);
	size_t		n = 0;

	for (size_t i = 0; i < len; i++)
	{
		char		c = text[i];

		if (c == '%')
		{
			int			high = i + 2 < len ? hex_value(text[i + 1]) : -1;
			int			low = high >= 0 ? hex_value(text[i + 2]) : -1;

			if (low < 0)
				return NULL;
			c = (char) (high * 16 + low);
			i += 2;
		}
		else if (c == '+' && plus)
			c = ' ';
		if (c == '\0')
			return NULL;
		out[n++] = c;
	}
	out[n] = '\0';
	return pg_verify_mbstr(PG_UTF8, out, (int) n, true) ? out : NULL;
}

bool
dp_url_path(const char *path, List **parts)
{
	*parts = NIL;
	if (*path == '/')
		path++;
	for (;;)
	{
		size_t		len = strcspn(path, "/");
		char	   *part = dp_url_decode(path, len, false);

		if (part == NULL)
			return false;
		*parts = lappend(*parts, part);
		if (path[len] == '\0')
			return true;
		path += len + 1;
	}
}

bool
dp_url_query(const char *query, List **pairs)
{
	*pairs = NIL;
	while (query != NULL && *query)
	{
		size_t		len = strcspn(query, "&");
		size_t		name = 0;
		DpWebPair  *pair = palloc(sizeof(DpWebPair));

		while (name < len && query[name] != '=')
			name++;
		pair->name = dp_url_decode(query, name, true);
		pair->value = name < len ? dp_url_decode(query + name + 1, len - name - 1, true) : "";
		if (pair->name == NULL || pair->value == NULL)
			return false;
		if (len > 0)
			*pairs = lappend(*pairs, pair);
		query += len + (query[len] == '&');
	}
	return true;
}

/* ---- media types ---- */

/* Cut "a/b; q=0.5" out of a list; false at its end. */
static bool
next_range(const char **list, const char **type, size_t *len, double *q)
{
	const char *p = *list;
	const char *end;

	while (*p == ' ' || *p == '\t' || *p == ',')
		p++;
	if (*p == '\0')
		return false;
	end = p + strcspn(p, ",");
	*type = p;
	*len = strcspn(p, ",; \t");
	*q = 1.0;
	for (p += *len; p < end;)
	{
		p += strspn(p, "; \t");
		if (p < end && (*p == 'q' || *p == 'Q') && p[1] == '=')
			*q = strtod(p + 2, NULL);
		p += strcspn(p, ",;");
	}
	*list = end;
	return true;
}

/* 3: the very type, 2: its group, 1: anything, 0: not meant */
static int
match_range(const char *range, size_t len, const char *type)
{
	const char *slash = strchr(type, '/');

	if (len == 3 && strncmp(range, "*/*", 3) == 0)
		return 1;
	if (len == strlen(type) && pg_strncasecmp(range, type, len) == 0)
		return 3;
	if (len == (size_t) (slash - type) + 2 && range[len - 1] == '*' &&
		pg_strncasecmp(range, type, len - 1) == 0)
		return 2;
	return 0;
}

const char *
dp_media_choose(const char *accept, const char *const *produces)
{
	const char *best = NULL;
	double		best_q = 0;

	if (accept == NULL || accept[strspn(accept, " \t,")] == '\0')
		return produces[0];
	for (int i = 0; produces[i] != NULL; i++)
	{
		const char *list = accept;
		const char *range;
		size_t		len;
		double		q;
		double		own_q = 0;
		int			closest = 0;

		while (next_range(&list, &range, &len, &q))
		{
			int			match = match_range(range, len, produces[i]);

			if (match > closest)
			{
				closest = match;
				own_q = q;
			}
		}
		if (own_q > best_q)
		{
			best = produces[i];
			best_q = own_q;
		}
	}
	return best;
}

bool
dp_media_listed(const char *content_type, const char *const *types)
{
	size_t		len = strcspn(content_type, "; \t");

	for (int i = 0; types[i] != NULL; i++)
	{
		if (len == strlen(types[i]) && pg_strncasecmp(content_type, types[i], len) == 0)
			return true;
	}
	return false;
}
