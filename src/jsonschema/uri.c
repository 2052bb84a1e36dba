/*-------------------------------------------------------------------------
 *
 * uri.c
 *	  A reference seen from a base (RFC 3986, section 5).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "jsonschema/program.h"

/* The parts of a URI; what is absent has NULL. */
typedef struct Uri
{
	const char *scheme;
	size_t		schemelen;
	const char *authority;		/* with its two slashes */
	size_t		authoritylen;
	const char *path;
	size_t		pathlen;
	const char *rest;			/* query and fragment */
	size_t		restlen;
} Uri;

static bool
is_scheme_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '+' || c == '-' || c == '.';
}

static void
split(const char *s, Uri *uri)
{
	const char *p = s;

	memset(uri, 0, sizeof(*uri));
	while (is_scheme_char(*p))
		p++;
	if (*p == ':' && p > s && !(*s >= '0' && *s <= '9'))
	{
		uri->scheme = s;
		uri->schemelen = p - s;
		s = p + 1;
	}
	if (s[0] == '/' && s[1] == '/')
	{
		uri->authority = s;
		uri->authoritylen = 2 + strcspn(s + 2, "/?#");
		s += uri->authoritylen;
	}
	uri->path = s;
	uri->pathlen = strcspn(s, "?#");
	uri->rest = s + uri->pathlen;
	uri->restlen = strlen(uri->rest);
}

/* Remove "." and ".." segments in place; returns the new length. */
static size_t
remove_dots(char *path, size_t len)
{
	size_t		out = 0;
	size_t		in = 0;

	while (in < len)
	{
		size_t		end = in + (path[in] == '/' ? 1 : 0);
		const char *segment;
		size_t		seglen;

		while (end < len && path[end] != '/')
			end++;
		segment = path + in + (path[in] == '/' ? 1 : 0);
		seglen = path + end - segment;
		if ((seglen == 1 && segment[0] == '.') ||
			(seglen == 2 && segment[0] == '.' && segment[1] == '.'))
		{
			if (seglen == 2)
			{
				while (out > 0 && path[out - 1] != '/')
					out--;
				if (out > 0)
					out--;
			}
			if (end == len)		/* a directory stays one */
				path[out++] = '/';
		}
		else
		{
			memmove(path + out, path + in, end - in);
			out += end - in;
		}
		in = end;
	}
	return out;
}

char *
dp_js_uri_resolve(DpArena *arena, const char *base, const char *ref)
{
	Uri			b;
	Uri			r;
	char	   *out;
	char	   *p;
	char	   *path;
	size_t		dir;

	split(base, &b);
	split(ref, &r);
	out = dp_arena_alloc(arena, strlen(base) + strlen(ref) + 3);
	if (out == NULL)
		return NULL;
	p = out;
#define PUT(s, n) do { memcpy(p, s, n); p += n; } while (0)
	if (r.scheme != NULL)
	{
		strcpy(out, ref);
		return out;
	}
	if (b.scheme != NULL)
	{
		PUT(b.scheme, b.schemelen);
		*p++ = ':';
	}
	if (r.authority != NULL)
		PUT(r.authority, r.authoritylen);
	else if (b.authority != NULL)
		PUT(b.authority, b.authoritylen);
	path = p;
	if (r.authority != NULL || (r.pathlen > 0 && r.path[0] == '/'))
		PUT(r.path, r.pathlen);
	else if (r.pathlen == 0)
	{
		PUT(b.path, b.pathlen);
		if (r.rest[0] != '?' && b.rest[0] == '?')
		{
			size_t		query = strcspn(b.rest, "#");

			PUT(b.rest, query);
		}
		PUT(r.rest, r.restlen);
		*p = '\0';
		return out;
	}
	else
	{
		for (dir = b.pathlen; dir > 0 && b.path[dir - 1] != '/'; dir--)
			;
		if (dir == 0 && b.authority != NULL)
			*p++ = '/';
		PUT(b.path, dir);
		PUT(r.path, r.pathlen);
	}
	if (path < p && *path == '/')
		p = path + remove_dots(path, p - path);
	PUT(r.rest, r.restlen);
	*p = '\0';
	return out;
#undef PUT
}
