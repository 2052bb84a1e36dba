/*-------------------------------------------------------------------------
 *
 * term.c
 *	  Which aggregates stand in an expression, and can their results be kept
 *	  and added to?
 *
 * A term is an expression over aggregates, as plans of expectations have
 * them: "count(*) FILTER (WHERE a > b)", "sum(x) / nullif(count(*), 0)".  It is taken
 * apart by the server's own scanner.  What is not surely kept right is left
 * alone, with the reason: it is then measured over the whole table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "common/keywords.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "parser/scanner.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/syscache.h"

extern PGDLLEXPORT Datum dp_split_term(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_split_term);

/* Keywords get numbers of ours, from here; those of the grammar differ between versions. */
#define FIRST_KEYWORD 1258

/* The grammar's first token, in every version. */
#define TOKEN_IDENT 258

typedef struct Token
{
	const char *word;			/* of identifiers and keywords, else NULL */
	bool		keyword;
	int			code;
	int			from;
	int			to;
} Token;

typedef struct Term
{
	const char *text;
	Token	   *tokens;
	int			n;
	char	   *reason;			/* why it cannot be kept */
	StringInfoData parts;		/* JSON */
} Term;

static const char *const kept[] = {
	"count", "sum", "avg", "min", "max", "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop",
	"bool_and", "bool_or", "every", "column_state"
};

/* Of those that are kept, the one that is ours. */
#define OUR_AGGREGATE "column_state"
#define OUR_SCHEMA "dataplat"

/* STABLE, but what they give depends on settings only. */
static const char *const steady[] = {
	"to_char", "to_date", "to_timestamp", "to_number", "date_trunc", "date_part", "extract", "timezone", "format", "concat", "concat_ws",
	"to_json", "to_jsonb", "jsonb_build_object", "jsonb_build_array", "date", "timestamp", "timestamptz", "text", "to_tsvector", "quote_literal"
};

static const char *const timely[] = {
	"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_user", "session_user", "user",
	"current_role", "current_catalog", "current_schema"
};

static bool
is_among(const char *word, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static void
scan(Term *term)
{
	core_yy_extra_type extra;
	core_yyscan_t scanner;
	uint16	   *codes = palloc(sizeof(uint16) * ScanKeywords.num_keywords);
	int			size = 64;
	int			length = strlen(term->text);

	/* The scanner gives back what is in this array; 16 bits are enough for any version's keywords. */
	for (int i = 0; i < ScanKeywords.num_keywords; i++)
		codes[i] = (uint16) (FIRST_KEYWORD + i);
	scanner = scanner_init(term->text, &extra, &ScanKeywords, codes);
	term->tokens = palloc(sizeof(Token) * size);
	for (;;)
	{
		core_YYSTYPE value;
		YYLTYPE		place = 0;
		int			code = core_yylex(&value, &place, scanner);
		Token	   *token;

		if (term->n > 0)
			term->tokens[term->n - 1].to = code == 0 ? length : place;
		if (code == 0)
			break;
		if (term->n == size)
			term->tokens = repalloc(term->tokens, sizeof(Token) * (size *= 2));
		token = &term->tokens[term->n++];
		token->code = code;
		token->from = place;
		token->keyword = code >= FIRST_KEYWORD;
		token->word = token->keyword ? value.keyword : code == TOKEN_IDENT ? value.str : NULL;
	}
	scanner_finish(scanner);
}

static bool
is_char(const Term *term, int i, char c)
{
	return i >= 0 && i < term->n && term->tokens[i].code == (unsigned char) c;
}

static bool
is_keyword(const Term *term, int i, const char *word)
{
	return i >= 0 && i < term->n && term->tokens[i].keyword && strcmp(term->tokens[i].word, word) == 0;
}

static bool
is_word(const Term *term, int i, const char *word)
{
	return i >= 0 && term->tokens[i].word != NULL && strcmp(term->tokens[i].word, word) == 0;
}

/* The place of the parenthesis that closes the one at "open"; n when none does. */
static int
closing(const Term *term, int open)
{
	int			depth = 0;

	for (int i = open; i < term->n; i++)
	{
		if (is_char(term, i, '('))
			depth++;
		else if (is_char(term, i, ')') && --depth == 0)
			return i;
	}
	return term->n;
}

/* How many arguments a call has whose parenthesis is at "open". */
static int
count_arguments(const Term *term, int open)
{
	int			close = closing(term, open);
	int			depth = 0;
	int			n = 1;

	if (close == open + 1)
		return 0;
	for (int i = open; i < close; i++)
	{
		depth += (is_char(term, i, '(') || is_char(term, i, '[')) - (is_char(term, i, ')') || is_char(term, i, ']'));
		n += depth == 1 && is_char(term, i, ',');
	}
	return n;
}

/* What functions of that name there are that take so many arguments. */
static void
look_up(const char *name, int nargs, bool *aggregate, bool *mutable)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		if (proc->prokind == PROKIND_AGGREGATE)
			*aggregate = true;
		else if (nargs < proc->pronargs - proc->pronargdefaults || (nargs > proc->pronargs && !OidIsValid(proc->provariadic)))
			continue;
		else if (proc->provolatile == PROVOLATILE_VOLATILE)
			*mutable = true;
		else if (proc->provolatile == PROVOLATILE_STABLE &&
				 (proc->pronamespace != PG_CATALOG_NAMESPACE || !is_among(name, steady, lengthof(steady))))
			*mutable = true;
	}
	ReleaseSysCacheList(list);
}

/* Where a token ends, without the space behind it. */
static int
end_of(const Term *term, int i)
{
	int			to = term->tokens[i].to;

	while (to > term->tokens[i].from && isspace((unsigned char) term->text[to - 1]))
		to--;
	return to;
}

static char *
between(const Term *term, int first, int last)
{
	return pnstrdup(term->text + term->tokens[first].from, end_of(term, last) - term->tokens[first].from);
}

/* The aggregate at "at", with its arguments from "open"; returns its last token. */
static int
take_part(Term *term, int at, int first, int open)
{
	const char *name = term->tokens[at].word;
	int			close = closing(term, open);
	int			last = close;
	int			depth = 0;
	bool		distinct = is_keyword(term, open + 1, "distinct");
	int			argument = distinct || is_keyword(term, open + 1, "all") ? open + 2 : open + 1;
	char	   *filter = NULL;

	if (close == term->n)
	{
		term->reason = pstrdup("its parentheses do not match");
		return close;
	}
	for (int i = open; i < close; i++)
	{
		depth += is_char(term, i, '(') - is_char(term, i, ')');
		if (depth == 1 && (is_char(term, i, ',') || is_keyword(term, i, "order")))
			term->reason = psprintf("%s() with more than a value cannot be kept", name);
	}
	if (is_keyword(term, close + 1, "within") || is_keyword(term, close + 1, "over"))
		term->reason = psprintf("%s() %s cannot be kept", name, term->tokens[close + 1].word);
	if (is_keyword(term, close + 1, "filter") && is_char(term, close + 2, '('))
	{
		last = closing(term, close + 2);
		if (last == term->n || last < close + 5)
			term->reason = pstrdup("its parentheses do not match");
		else
			filter = between(term, close + 4, last - 1);
	}
	if (!is_among(name, kept, lengthof(kept)))
		term->reason = psprintf("aggregate %s() cannot be kept", name);
	else if (distinct && strcmp(name, "count") != 0 && strcmp(name, "min") != 0 && strcmp(name, "max") != 0)
		term->reason = psprintf("%s(DISTINCT) cannot be kept", name);
	if (term->reason != NULL || argument >= close)
		return last;
	appendStringInfo(&term->parts, "%s{\"from\": %d, \"to\": %d, \"name\": \"%s\", \"distinct\": %s, \"argument\": ",
					 term->parts.len > 0 ? ", " : "", pg_mbstrlen_with_len(term->text, term->tokens[first].from),
					 pg_mbstrlen_with_len(term->text, end_of(term, last)), name,
					 distinct && strcmp(name, "count") == 0 ? "true" : "false");
	escape_json(&term->parts, between(term, argument, close - 1));
	if (filter != NULL)
	{
		appendStringInfoString(&term->parts, ", \"filter\": ");
		escape_json(&term->parts, filter);
	}
	appendStringInfoChar(&term->parts, '}');
	return last;
}

static void
look_through(Term *term)
{
	int			inside = -1;	/* last token of the aggregate that we are in */

	for (int i = 0; i < term->n && term->reason == NULL; i++)
	{
		const Token *token = &term->tokens[i];
		bool		aggregate = false;
		bool		mutable = false;
		bool		foreign;

		if (token->word == NULL)
			continue;
		if (token->keyword && strcmp(token->word, "select") == 0)
			term->reason = pstrdup("it has a subquery");
		if (token->keyword && is_among(token->word, timely, lengthof(timely)))
			term->reason = psprintf("%s changes while the table does not", token->word);
		if (!is_char(term, i + 1, '(') || term->reason != NULL)
			continue;
		foreign = is_char(term, i - 1, '.') &&
			!is_word(term, i - 2, strcmp(token->word, OUR_AGGREGATE) == 0 ? OUR_SCHEMA : "pg_catalog");
		look_up(token->word, count_arguments(term, i + 1), &aggregate, &mutable);
		if (strcmp(token->word, "age") == 0)
			mutable = true;
		if (mutable)
			term->reason = psprintf("what %s() gives may change while the table does not", token->word);
		else if (aggregate && foreign)
			term->reason = psprintf("aggregate %s() cannot be kept", token->word);
		else if (aggregate && i > inside)
			inside = take_part(term, i, is_char(term, i - 1, '.') ? i - 2 : i, i + 1);
	}
}

/*
 * split_term(term text) returns jsonb
 *
 * {"parts": [{"from", "to" (in characters), "name", "distinct", "argument", "filter"}], "reason": null or why not}
 */
Datum
dp_split_term(PG_FUNCTION_ARGS)
{
	Term		term = {.text = text_to_cstring(PG_GETARG_TEXT_PP(0))};
	StringInfoData json;

	initStringInfo(&term.parts);
	scan(&term);
	look_through(&term);
	initStringInfo(&json);
	appendStringInfo(&json, "{\"parts\": [%s], \"reason\": ", term.parts.data);
	if (term.reason != NULL)
		escape_json(&json, term.reason);
	else
		appendStringInfoString(&json, "null");
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}
