/*-------------------------------------------------------------------------
 *
 * plain_regex.c
 *	  The regular expressions that rules mostly have.
 *
 * A pattern becomes a list of places, each with the characters that it takes and
 * whether it may be left out or taken again.  Matching keeps the set of how many
 * places may have been passed, as bits (an NFA without branches), so it takes
 * time in the length of the text, whatever the pattern.
 *
 * All characters of a pattern are ASCII, and in no encoding of a server is a
 * byte of another character in ASCII, so bytes are compared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "common/compat.h"
#include "quality/plain_regex.h"

#define MAX_PLACES 63
#define MAX_REPEATS 30

typedef struct Program
{
	bool		from_start;
	bool		to_end;
	int			n;
	uint64		takes[128];		/* by character: the places that take it */
	uint64		optional;		/* places that may be left out */
	uint64		again;			/* places that may be taken once more */
} Program;

extern PGDLLEXPORT Datum dp_plain_match(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_plain_match);

/* ---- reading a pattern ---- */

static bool
is_plain(char c)
{
	return c >= ' ' && c < 127 && strchr("\\^$.[]|()*+?{}", c) == NULL;
}

/* The character at *p, after a backslash or not; false when it means something else. */
static bool
read_character(const char **p, bool in_set, char *c)
{
	if (**p == '\\')
	{
		(*p)++;
		if (**p <= ' ' || **p >= 127 || isalnum((unsigned char) **p))
			return false;
	}
	else if (in_set ? **p < ' ' || **p >= 127 || strchr("[]^-\\", **p) != NULL : !is_plain(**p))
		return false;
	*c = *(*p)++;
	return true;
}

/* "[" has been read. */
static bool
read_set(const char **p, bool *set)
{
	bool		any = false;

	while (**p != ']')
	{
		char		from;
		char		to;

		/* at either end it is itself */
		if (**p == '-' && (!any || (*p)[1] == ']'))
		{
			set[(unsigned char) *(*p)++] = any = true;
			continue;
		}
		if (!read_character(p, true, &from))
			return false;
		to = from;
		if (**p == '-' && (*p)[1] != ']')
		{
			(*p)++;
			if (!read_character(p, true, &to) || to < from)
				return false;
		}
		for (int c = from; c <= to; c++)
			set[c] = true;
		any = true;
	}
	(*p)++;
	return any;
}

static bool
read_number(const char **p, int *n)
{
	if (!isdigit((unsigned char) **p))
		return false;
	for (*n = 0; isdigit((unsigned char) **p); (*p)++)
	{
		*n = *n * 10 + (**p - '0');
		if (*n > MAX_REPEATS)
			return false;
	}
	return true;
}

/* How often: at least *min, at most *max, -1 for no end. */
static bool
read_repeats(const char **p, int *min, int *max)
{
	char		c = **p;

	*min = *max = 1;
	if (c == '+' || c == '*' || c == '?')
	{
		*min = c == '+';
		*max = c == '?' ? 1 : -1;
		(*p)++;
	}
	else if (c == '{')
	{
		(*p)++;
		if (!read_number(p, min))
			return false;
		*max = *min;
		if (**p == ',')
		{
			(*p)++;
			*max = -1;
			if (**p != '}' && !read_number(p, max))
				return false;
		}
		if (**p != '}' || (*max >= 0 && *max < *min))
			return false;
		(*p)++;
	}
	else
		return true;
	return strchr("+*?{", **p) == NULL || **p == '\0';
}

static bool
add_places(Program *program, const bool *set, int min, int max)
{
	int			n = max > 0 ? max : max == 0 ? 0 : Max(min, 1);

	if (program->n + n > MAX_PLACES)
		return false;
	for (int i = 0; i < n; i++)
	{
		uint64		bit = UINT64CONST(1) << program->n++;

		for (int c = 0; c < 128; c++)
			if (set[c])
				program->takes[c] |= bit;
		if (i >= min)
			program->optional |= bit;
		if (max < 0 && i == n - 1)
			program->again |= bit;
	}
	return true;
}

/* False when it is not plain. */
static bool
read_pattern(const char *p, Program *program)
{
	memset(program, 0, sizeof(*program));
	if (*p == '^')
	{
		program->from_start = true;
		p++;
	}
	while (*p != '\0' && !(*p == '$' && p[1] == '\0'))
	{
		bool		set[128] = {false};
		char		c;
		int			min;
		int			max;

		if (*p == '[')
		{
			p++;
			if (!read_set(&p, set))
				return false;
		}
		else if (read_character(&p, false, &c))
			set[(unsigned char) c] = true;
		else
			return false;
		if (!read_repeats(&p, &min, &max) || !add_places(program, set, min, max))
			return false;
	}
	program->to_end = *p == '$';
	return true;
}

/* ---- matching ---- */

/* States are how many places were passed; those after optional places are passed with them. */
static inline uint64
with_optional(const Program *program, uint64 states)
{
	uint64		more;

	while ((more = (states & program->optional) << 1 & ~states) != 0)
		states |= more;
	return states;
}

static bool
matches(const Program *program, const unsigned char *s, int len)
{
	uint64		end = UINT64CONST(1) << program->n;
	uint64		start = with_optional(program, 1);
	uint64		states = start;

	if (!program->to_end && (states & end))
		return true;
	for (int i = 0; i < len; i++)
	{
		uint64		taken = s[i] < 128 ? program->takes[s[i]] : 0;

		/* place p leads from state p to p + 1, and from p + 1 to itself when it may be taken again */
		states = (states & taken) << 1 | (states & (taken & program->again) << 1);
		states = with_optional(program, states);
		if (!program->from_start)
			states |= start;
		if (!program->to_end && (states & end))
			return true;
		if (states == 0)
			return false;
	}
	return (states & end) != 0;
}

/* dataplat_internal.plain_match(value text, pattern text) returns boolean: value ~ pattern, for plain patterns only */
Datum
dp_plain_match(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	Program    *program = fcinfo->flinfo->fn_extra;

	if (program == NULL || !get_fn_expr_arg_stable(fcinfo->flinfo, 1))
	{
		char	   *pattern = text_to_cstring(PG_GETARG_TEXT_PP(1));

		if (program == NULL)
			fcinfo->flinfo->fn_extra = program = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(Program));
		if (!read_pattern(pattern, program))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_REGULAR_EXPRESSION),
					 errmsg("\"%s\" is no plain pattern", pattern)));
	}
	PG_RETURN_BOOL(matches(program, (const unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)));
}

/* ---- in expressions ---- */

static Node *
replace(Node *node, void *function)
{
	OpExpr	   *op = (OpExpr *) node;

	if (node == NULL)
		return NULL;
	if (IsA(node, OpExpr) && (op->opfuncid == F_TEXTREGEXEQ || op->opfuncid == F_TEXTREGEXNE) && IsA(lsecond(op->args), Const) &&
		OidIsValid(op->inputcollid) && get_collation_isdeterministic(op->inputcollid))
	{
		Const	   *pattern = lsecond(op->args);
		Program		program;

		if (!pattern->constisnull && read_pattern(TextDatumGetCString(pattern->constvalue), &program))
		{
			Node	   *value = replace(linitial(op->args), function);
			Expr	   *call = (Expr *) makeFuncExpr(*(Oid *) function, BOOLOID, list_make2(value, pattern), InvalidOid, InvalidOid,
													 COERCE_EXPLICIT_CALL);

			return (Node *) (op->opfuncid == F_TEXTREGEXEQ ? call : makeBoolExpr(NOT_EXPR, list_make1(call), -1));
		}
	}
	return expression_tree_mutator(node, replace, function);
}

Expr *
dp_plain_regex(Expr *expr)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Oid			schema = get_namespace_oid("dataplat_internal", true);
	/* not by its name as SQL would: the owner of a rule has no rights on the schema, and needs none */
	Oid			function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("plain_match"),
										   PointerGetDatum(buildoidvector(types, 2)), ObjectIdGetDatum(schema));

	return OidIsValid(function) ? (Expr *) replace((Node *) expr, &function) : expr;
}
