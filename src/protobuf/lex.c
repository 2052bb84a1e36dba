/*-------------------------------------------------------------------------
 *
 * lex.c
 *	  The words of a .proto file.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "formats/nodes.h"
#include "protobuf/lex.h"

/* The C library's: this file must link without the server. */
#undef snprintf
#undef vsnprintf

typedef struct Link
{
	struct Link *next;
} Link;

void *
dp_pb_reversed(void *list)
{
	Link	   *link = list;
	Link	   *result = NULL;

	while (link != NULL)
	{
		Link	   *next = link->next;

		link->next = result;
		result = link;
		link = next;
	}
	return result;
}

static bool fail(const char *file, const DpPbPlace *place, DpError *err, const char *fmt,
				 va_list ap) pg_attribute_printf(4, 0);

static bool
fail(const char *file, const DpPbPlace *place, DpError *err, const char *fmt, va_list ap)
{
	char		what[120];

	vsnprintf(what, sizeof(what), fmt, ap);
	if (place == NULL || place->line == 0)
		dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION, "%s", what);
	else if (file != NULL)
		dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, place->offset, "%.40s:%u:%u: %s",
					 file, place->line, place->column, what);
	else
		dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, place->offset, "line %u, column %u: %s",
					 place->line, place->column, what);
	return false;
}

bool
dp_pb_fail_at(const char *file, const DpPbPlace *place, DpError *err, const char *fmt,...)
{
	va_list		ap;

	va_start(ap, fmt);
	fail(file, place, err, fmt, ap);
	va_end(ap);
	return false;
}

bool
dp_pb_fail(DpPbLexer *lex, const DpPbPlace *place, const char *fmt,...)
{
	va_list		ap;

	va_start(ap, fmt);
	fail(lex->file, place != NULL ? place : &lex->place, lex->err, fmt, ap);
	va_end(ap);
	return false;
}

static inline bool
is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* At the text's end there is a NUL, so one character may be looked at always. */
static void
new_line(DpPbLexer *lex, const char *newline)
{
	lex->line++;
	lex->line_start = newline + 1;
}

static void
set_place(DpPbLexer *lex, const char *p)
{
	lex->place.line = lex->line;
	lex->place.column = p - lex->line_start + 1;
	lex->place.offset = p - lex->text;
}

/* Skip blanks and comments; false on a comment that does not end. */
static bool
skip_blanks(DpPbLexer *lex)
{
	const char *p = lex->at;

	for (;;)
	{
		if (*p == '\n')
			new_line(lex, p++);
		else if (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\f' || *p == '\v')
			p++;
		else if (p[0] == '/' && p[1] == '/')
		{
			while (p < lex->end && *p != '\n')
				p++;
		}
		else if (p[0] == '/' && p[1] == '*')
		{
			set_place(lex, p);
			p += 2;
			while (p < lex->end && !(p[0] == '*' && p[1] == '/'))
			{
				if (*p == '\n')
					new_line(lex, p);
				p++;
			}
			if (p >= lex->end)
				return dp_pb_fail(lex, NULL, "comment does not end");
			p += 2;
		}
		else
			break;
	}
	lex->at = p;
	return true;
}

static const char *
number_end(const char *p)
{
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
	{
		p += 2;
		while (isxdigit((unsigned char) *p))
			p++;
		return p;
	}
	while (is_digit(*p) || *p == '.' ||
		   ((*p == '+' || *p == '-') && (p[-1] == 'e' || p[-1] == 'E')) ||
		   *p == 'e' || *p == 'E' || *p == 'f' || *p == 'F')
		p++;
	return p;
}

bool
dp_pb_next(DpPbLexer *lex)
{
	const char *p;

	if (!skip_blanks(lex))
		return false;
	p = lex->at;
	lex->token = p;
	set_place(lex, p);
	if (p >= lex->end)
		lex->kind = DP_PB_END;
	else if (is_word_start(*p) || (*p == '.' && is_word_start(p[1])))
	{
		lex->kind = DP_PB_WORD;
		p++;
		while (is_word_start(*p) || is_digit(*p) || (*p == '.' && is_word_start(p[1])))
			p++;
	}
	else if (is_digit(*p) || (*p == '.' && is_digit(p[1])))
	{
		lex->kind = DP_PB_NUMBER;
		p = number_end(p);
		if (is_word_start(*p))
			return dp_pb_fail(lex, NULL, "invalid number");
	}
	else if (*p == '"' || *p == '\'')
	{
		char		quote = *p++;

		lex->kind = DP_PB_STRING_TOKEN;
		while (*p != quote)
		{
			if (p >= lex->end || *p == '\n')
				return dp_pb_fail(lex, NULL, "string does not end");
			p += *p == '\\' && p + 1 < lex->end && p[1] != '\n' ? 2 : 1;
		}
		p++;
	}
	else if ((unsigned char) *p > ' ' && (unsigned char) *p < 0x7F)
	{
		lex->kind = DP_PB_SIGN;
		p++;
	}
	else
		return dp_pb_fail(lex, NULL, "unexpected character");
	lex->len = p - lex->token;
	lex->at = p;
	return true;
}

bool
dp_pb_expect(DpPbLexer *lex, char c)
{
	if (!dp_pb_at_sign(lex, c))
		return dp_pb_fail(lex, NULL, "\"%c\" expected", c);
	return dp_pb_next(lex);
}

const char *
dp_pb_take_word(DpPbLexer *lex, const char *what)
{
	const char *word;

	if (lex->kind != DP_PB_WORD)
	{
		dp_pb_fail(lex, NULL, "%s expected", what);
		return NULL;
	}
	word = dp_pb_copy(lex->schema, lex->token, lex->len, lex->err);
	return word != NULL && dp_pb_next(lex) ? word : NULL;
}

const char *
dp_pb_take_name(DpPbLexer *lex, const char *what)
{
	if (lex->kind == DP_PB_WORD && memchr(lex->token, '.', lex->len) != NULL)
	{
		dp_pb_fail(lex, NULL, "%s expected, without dots", what);
		return NULL;
	}
	return dp_pb_take_word(lex, what);
}

/* Append one code point as UTF-8. */
static char *
put_utf8(char *to, uint32 c)
{
	if (c < 0x80)
		*to++ = c;
	else if (c < 0x800)
	{
		*to++ = 0xC0 | (c >> 6);
		*to++ = 0x80 | (c & 0x3F);
	}
	else if (c < 0x10000)
	{
		*to++ = 0xE0 | (c >> 12);
		*to++ = 0x80 | ((c >> 6) & 0x3F);
		*to++ = 0x80 | (c & 0x3F);
	}
	else
	{
		*to++ = 0xF0 | (c >> 18);
		*to++ = 0x80 | ((c >> 12) & 0x3F);
		*to++ = 0x80 | ((c >> 6) & 0x3F);
		*to++ = 0x80 | (c & 0x3F);
	}
	return to;
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to "max" digits of a base; returns how many there were. */
static int
take_digits(const char *p, const char *end, int base, int max, uint32 *value)
{
	int			n = 0;

	*value = 0;
	while (n < max && p + n < end && hex_value(p[n]) >= 0 && hex_value(p[n]) < base)
		*value = *value * base + hex_value(p[n++]);
	return n;
}

/* The escape behind the backslash at *pp; false when there is no such. */
static bool
unescape(const char **pp, const char *end, char **to)
{
	static const char from[] = "abfnrtv\\'\"?";
	static const char into[] = "\a\b\f\n\r\t\v\\'\"?";
	const char *p = *pp;
	const char *simple;
	uint32		value;
	int			n;

	if (p >= end)
		return false;
	simple = strchr(from, *p);
	if (simple != NULL && *p != '\0')
	{
		*(*to)++ = into[simple - from];
		*pp = p + 1;
		return true;
	}
	if (*p == 'x' || *p == 'X')
	{
		n = take_digits(++p, end, 16, 2, &value);
		*(*to)++ = value;
	}
	else if (*p == 'u' || *p == 'U')
	{
		int			want = *p == 'u' ? 4 : 8;

		n = take_digits(++p, end, 16, want, &value);
		if (n != want || value > 0x10FFFF)
			return false;
		*to = put_utf8(*to, value);
	}
	else
	{
		n = take_digits(p, end, 8, 3, &value);
		*(*to)++ = value;
	}
	*pp = p + n;
	return n > 0;
}

bool
dp_pb_unescape(DpPbSchema *schema, const char *text, size_t len, const char **result,
			   uint32 *result_len, DpError *err)
{
	const char *end = text + len;
	char	   *copy = dp_arena_alloc(&schema->arena, len + 1);
	char	   *to = copy;

	if (copy == NULL)
		return dp_pb_no_memory(err);
	while (text < end)
	{
		if (*text != '\\')
			*to++ = *text++;
		else
		{
			text++;
			if (!unescape(&text, end, &to))
				return dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
									"invalid escape in a string");
		}
	}
	*to = '\0';
	*result = copy;
	*result_len = to - copy;
	return true;
}

bool
dp_pb_take_string(DpPbLexer *lex, const char **text, uint32 *len)
{
	char	   *all = NULL;
	size_t		used = 0;

	if (lex->kind != DP_PB_STRING_TOKEN)
		return dp_pb_fail(lex, NULL, "string expected");
	while (lex->kind == DP_PB_STRING_TOKEN)
	{
		const char *p = lex->token + 1;
		const char *end = lex->token + lex->len - 1;
		char	   *grown = dp_arena_alloc(&lex->schema->arena, used + lex->len);
		char	   *to;

		if (++lex->schema->nelements > DP_PB_MAX_ELEMENTS)
			return dp_error_set(lex->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
								"schema declares more than %d things", DP_PB_MAX_ELEMENTS);
		if (grown == NULL)
			return dp_pb_no_memory(lex->err);
		if (used > 0)
			memcpy(grown, all, used);
		all = grown;
		to = all + used;
		while (p < end)
		{
			if (*p != '\\')
				*to++ = *p++;
			else
			{
				p++;
				if (!unescape(&p, end, &to))
					return dp_pb_fail(lex, NULL, "invalid escape in a string");
			}
		}
		used = to - all;
		if (used > DP_SCHEMA_MAX_BYTES / 16)
			return dp_pb_fail(lex, NULL, "string is too long");
		*to = '\0';
		if (!dp_pb_next(lex))
			return false;
	}
	*text = all;
	*len = used;
	return true;
}

bool
dp_pb_number(const char *text, size_t len, int64 *value)
{
	bool		negative = len > 0 && *text == '-';
	uint64		sum = 0;
	int			base = 10;
	uint64		limit = negative ? (uint64) 1 << 63 : PG_INT64_MAX;

	if (negative || (len > 0 && *text == '+'))
	{
		text++;
		len--;
	}
	if (len > 1 && *text == '0')
	{
		base = (text[1] | 0x20) == 'x' ? 16 : 8;
		text += base == 16 ? 2 : 1;
		len -= base == 16 ? 2 : 1;
	}
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		int			digit = hex_value(text[i]);

		if (digit < 0 || digit >= base || sum > (limit - digit) / base)
			return false;
		sum = sum * base + digit;
	}
	*value = negative ? (int64) (0 - sum) : (int64) sum;
	return true;
}

bool
dp_pb_take_integer(DpPbLexer *lex, const char *what, bool negative, int64 max, int64 *value)
{
	DpPbPlace	place = lex->place;
	bool		minus = negative && dp_pb_at_sign(lex, '-');

	if (minus && !dp_pb_next(lex))
		return false;
	if (lex->kind != DP_PB_NUMBER)
		return dp_pb_fail(lex, &place, "%s expected", what);
	if (!dp_pb_number(lex->token, lex->len, value) || *value > max + minus)
		return dp_pb_fail(lex, &place, "%s is no integer or too large", what);
	if (minus)
		*value = -*value;
	return dp_pb_next(lex);
}
