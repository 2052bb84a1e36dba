/*-------------------------------------------------------------------------
 *
 * regex_sql.c
 *	  The server's regular expressions for patterns of schemas.
 *
 * The engine has no catastrophic patterns except those with back references,
 * and those it can be interrupted in: on PostgreSQL 15 by a result, later by
 * an error that is thrown from inside.  Since PostgreSQL 16 a compiled
 * expression lives in a memory context, so each gets its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "regex/regex.h"
#include "utils/memutils.h"

#include "common/compat.h"
#include "formats/schema.h"
#include "jsonschema/jsonschema.h"
#include "jsonschema/pattern.h"

typedef struct ServerRegex
{
	MemoryContext context;
	regex_t		re;
} ServerRegex;

static void
free_regex(void *regex)
{
	ServerRegex *r = regex;

	pg_regfree(&r->re);
	MemoryContextDelete(r->context);
}

static bool
failed(int code, const regex_t *re, const char *pattern, DpError *err)
{
	char		reason[100];

	if (code == REG_CANCEL)
		return dp_error_set(err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
	pg_regerror(code, re, reason, sizeof(reason));
	return dp_error_set(err, code == REG_ESPACE || code == REG_ETOOBIG ?
						DP_SQLSTATE_LIMIT : DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
						"invalid regular expression \"%.60s\": %.60s", pattern, reason);
}

static void *
compile_regex(const char *pattern, size_t len, DpError *err)
{
	MemoryContext context;
	MemoryContext old;
	DpBuf		text = {0};
	ServerRegex *r;
	pg_wchar   *wide;
	size_t		n;
	bool		unicode;
	int			code;

	if (!dp_js_pattern_translate(pattern, len, &text, &unicode, err))
	{
		dp_buf_free(&text);
		return NULL;
	}
	context = AllocSetContextCreate(TopMemoryContext, "dataplat schema pattern",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	r = palloc0(sizeof(ServerRegex));
	r->context = context;
	wide = palloc((text.len + 1) * sizeof(pg_wchar));
	n = pg_mb2wchar_with_len(text.data, wide, text.len);
	dp_buf_free(&text);
	code = pg_regcomp(&r->re, wide, n, REG_ADVANCED | REG_NOSUB,
					  unicode ? DEFAULT_COLLATION_OID : C_COLLATION_OID);
	MemoryContextSwitchTo(old);
	if (code == REG_OKAY)
	{
		pfree(wide);
		return r;
	}
	failed(code, &r->re, pattern, err);
	MemoryContextDelete(context);
	return NULL;
}

/* As characters; the server's conversion ends at a zero byte, ours goes on. */
static size_t
widen(const char *s, size_t len, pg_wchar *out)
{
	const char *end = s + len;
	size_t		n = 0;

	for (;;)
	{
		const char *zero = memchr(s, '\0', end - s);

		n += pg_mb2wchar_with_len(s, out + n, (zero ? zero : end) - s);
		if (zero == NULL)
			return n;
		out[n++] = 0;
		s = zero + 1;
	}
}

static int
match_regex(void *regex, const char *s, size_t len, DpError *err)
{
	ServerRegex *r = regex;
	pg_wchar   *wide = palloc((len + 1) * sizeof(pg_wchar));
	size_t		n = widen(s, len, wide);
	int			code = pg_regexec(&r->re, wide, n, 0, NULL, 0, NULL, 0);

	pfree(wide);
	if (code == REG_OKAY || code == REG_NOMATCH)
		return code == REG_OKAY;
	failed(code, &r->re, "", err);
	return -1;
}

static const DpJsRegexEngine engine = {compile_regex, match_regex, free_regex};

void
dp_jsonschema_init(void)
{
	dp_jsonschema_regex = &engine;
}
