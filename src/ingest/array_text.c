/*-------------------------------------------------------------------------
 *
 * array_text.c
 *	  The text of a JSON array as the text of one of PostgreSQL's.
 *
 * A column of an array type gets its value from the type's input function, as
 * all columns do whose types the fast path does not know; that function reads
 * {1,2} and not [1, 2].  Whatever the elements are is left to their own type:
 * here is only what stands around them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/array.h"

#include "formats/nodes.h"
#include "formats/scan.h"
#include "ingest/array_text.h"

/* A quoted element: nothing in it means anything to the array. */
static void
put_quoted(StringInfo out, const char *s, size_t len)
{
	appendStringInfoCharMacro(out, '"');
	for (size_t i = 0; i < len; i++)
	{
		if (s[i] == '"' || s[i] == '\\')
			appendStringInfoCharMacro(out, '\\');
		appendStringInfoCharMacro(out, s[i]);
	}
	appendStringInfoCharMacro(out, '"');
}

/* The end of the value at p, or NULL; what it holds is not looked at. */
static char *
end_of_value(char *p)
{
	int			depth = 0;
	bool		escaped;
	DpError		err;

	do
	{
		if (*p == '"')
		{
			p = dp_scan_string_check(p + 1, p, &escaped, &err);
			if (p == NULL)
				return NULL;
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		else if (*p == '\0')
			return NULL;
		else if (depth == 0)
			return p + strcspn(p, ",]} \t\r\n");
		p++;
	} while (depth > 0);
	return depth == 0 ? p : NULL;
}

/* Elements that are themselves JSON keep their text; others lose their quotes. */
static char *
put_element(StringInfo out, char *p, bool of_json)
{
	char	   *end;
	size_t		len;
	DpError		err;

	if (*p == '"' && !of_json)
	{
		end = dp_scan_string(p + 1, p, false, &len, &err);
		if (end != NULL)
			put_quoted(out, p + 1, len);
		return end;
	}
	end = end_of_value(p);
	if (end == NULL || end == p)
		return NULL;
	if (end - p == 4 && memcmp(p, "null", 4) == 0)
		appendStringInfoString(out, "NULL");
	else if (strchr("\"{[-0123456789tf", *p) == NULL)
		return NULL;
	else
		put_quoted(out, p, end - p);
	return end;
}

/* The array at p; returns its end, or NULL when it is none. */
static char *
put_array(StringInfo out, char *p, bool of_json, int depth)
{
	if (depth > MAXDIM)
		return NULL;
	appendStringInfoCharMacro(out, '{');
	p = dp_scan_blanks(p + 1);
	while (*p != ']')
	{
		if (*p == '[' && !of_json)
			p = put_array(out, p, of_json, depth + 1);
		else
			p = put_element(out, p, of_json);
		if (p == NULL)
			return NULL;
		p = dp_scan_blanks(p);
		if (*p == ',')
		{
			appendStringInfoCharMacro(out, ',');
			p = dp_scan_blanks(p + 1);
			if (*p == ']')
				return NULL;
		}
		else if (*p != ']')
			return NULL;
	}
	appendStringInfoCharMacro(out, '}');
	return p + 1;
}

char *
dp_array_from_json(const char *text, bool of_json)
{
	StringInfoData out;
	size_t		len = strlen(text);
	char	   *copy = palloc_extended(len + DP_TEXT_PADDING, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	char	   *p = dp_scan_blanks(memcpy(copy, text, len));

	if (*p != '[')
		return NULL;
	initStringInfo(&out);
	p = put_array(&out, p, of_json, 1);
	if (p == NULL || *dp_scan_blanks(p) != '\0')
		return NULL;
	return out.data;
}
