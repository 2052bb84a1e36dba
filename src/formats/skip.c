/*-------------------------------------------------------------------------
 *
 * skip.c
 *	  Check a JSON value without taking it.
 *
 * What no column asks for must still be JSON, or a message could be accepted
 * that a jsonb source refuses.  The same words and limits apply; nothing is
 * kept, and the text stays as it was sent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "formats/scan.h"

#define BAD_JSON "22P02"

bool
dp_json_expected(const char *p, const char *base, const char *what, DpError *err)
{
	return dp_error_set(err, BAD_JSON, p - base, "invalid JSON: %s %s expected",
						*p == '\0' ? "the text ends where" :
						"found something else where", what);
}

/* Anything but a container. */
static char *
skip_scalar(DpJsonDecoder *d, char *p, const char *base, DpError *err)
{
	DpScannedNumber number;
	bool		escaped;
	int			n;

	if (*p == '"')
		return dp_scan_string_check(p + 1, base, &escaped, err);
	if (*p == '-' || dp_is_digit(*p))
		return dp_scan_number(p, base, &d->limits, &number, err);
	n = dp_scan_literal(p);
	if (n > 0)
		return p + n;
	dp_json_expected(p, base, "a value is", err);
	return NULL;
}

/* A key and its colon. */
static char *
skip_key(char *p, const char *base, DpError *err)
{
	bool		escaped;

	if (*p != '"')
	{
		dp_json_expected(p, base, "a quoted key is", err);
		return NULL;
	}
	p = dp_scan_string_check(p + 1, base, &escaped, err);
	if (p == NULL)
		return NULL;
	p = dp_scan_blanks(p);
	if (*p != ':')
	{
		dp_json_expected(p, base, "a colon is", err);
		return NULL;
	}
	return p + 1;
}

char *
dp_json_skip_value(DpJsonDecoder *d, char *p, const char *base, DpError *err)
{
	int			depth = 0;

	for (;;)
	{
		bool		closed = false;

		p = dp_scan_blanks(p);
		if (*p == '{' || *p == '[')
		{
			bool		is_object = *p == '{';

			if (d->base_depth + depth >= d->limits.max_depth)
			{
				dp_error_set(err, "54001", p - base,
							 "JSON is nested deeper than the limit of %d levels",
							 d->limits.max_depth);
				return NULL;
			}
			d->frames[depth++].is_object = is_object;
			p = dp_scan_blanks(p + 1);
			closed = *p == (is_object ? '}' : ']');
			if (!closed)
			{
				if (is_object && (p = skip_key(p, base, err)) == NULL)
					return NULL;
				continue;
			}
		}
		else if ((p = skip_scalar(d, p, base, err)) == NULL)
			return NULL;

		/* Behind a value: close what ends here, then go on to the next. */
		for (;;)
		{
			bool		is_object;

			if (closed)
			{
				p++;
				depth--;
			}
			if (depth == 0)
				return p;
			is_object = d->frames[depth - 1].is_object;
			p = dp_scan_blanks(p);
			closed = *p == (is_object ? '}' : ']');
			if (closed)
				continue;
			if (*p != ',')
			{
				dp_json_expected(p, base, is_object ? "a comma or a closing brace is" :
								 "a comma or a closing bracket is", err);
				return NULL;
			}
			p++;
			if (is_object && (p = skip_key(dp_scan_blanks(p), base, err)) == NULL)
				return NULL;
			break;
		}
	}
}
