/*-------------------------------------------------------------------------
 *
 * lex.h
 *	  The words of a .proto file.
 *
 * A dotted name is one word, so no keyword can be taken for the start of one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_LEX_H
#define DP_PROTOBUF_LEX_H

#include "protobuf/model.h"

typedef enum DpPbTokenKind
{
	DP_PB_END,
	DP_PB_WORD,					/* a name, with its dots */
	DP_PB_NUMBER,				/* without a sign */
	DP_PB_STRING_TOKEN,			/* in quotes, as spelled */
	DP_PB_SIGN					/* any other character */
} DpPbTokenKind;

typedef struct DpPbLexer
{
	DpPbSchema *schema;
	const char *file;			/* for messages; NULL for the schema itself */
	const char *text;
	const char *end;
	const char *at;				/* behind the token */
	const char *line_start;
	uint32		line;
	DpPbTokenKind kind;			/* of the token we are at */
	const char *token;
	uint32		len;
	DpPbPlace	place;
	int			depth;
	DpError    *err;
} DpPbLexer;

/* Go to the next token; false and *err on a character that no token begins with. */
extern bool dp_pb_next(DpPbLexer *lex);

/* "line 3, column 5: <what>" as the error; always false. */
extern bool dp_pb_fail(DpPbLexer *lex, const DpPbPlace *place, const char *fmt,...)
			pg_attribute_printf(3, 4);
extern bool dp_pb_fail_at(const char *file, const DpPbPlace *place, DpError *err,
						  const char *fmt,...) pg_attribute_printf(4, 5);

static inline bool
dp_pb_at_sign(const DpPbLexer *lex, char c)
{
	return lex->kind == DP_PB_SIGN && *lex->token == c;
}

static inline bool
dp_pb_at_word(const DpPbLexer *lex, const char *word)
{
	return lex->kind == DP_PB_WORD && lex->len == strlen(word) &&
		memcmp(lex->token, word, lex->len) == 0;
}

/* One sign, or an error. */
extern bool dp_pb_expect(DpPbLexer *lex, char c);

/* A word of any kind, copied; "what" is for the error.  NULL on error. */
extern const char *dp_pb_take_word(DpPbLexer *lex, const char *what);

/* The same without dots. */
extern const char *dp_pb_take_name(DpPbLexer *lex, const char *what);

/* One string, or several side by side, without their escapes. */
extern bool dp_pb_take_string(DpPbLexer *lex, const char **text, uint32 *len);

/* A text with escapes as the bytes it means. */
extern bool dp_pb_unescape(DpPbSchema *schema, const char *text, size_t len, const char **result,
						   uint32 *result_len, DpError *err);

/* An integer, with sign when "negative" allows it. */
extern bool dp_pb_take_integer(DpPbLexer *lex, const char *what, bool negative, int64 max, int64 *value);

/* Lists are made by putting new things in front; this sets them right. */
extern void *dp_pb_reversed(void *list);

#endif							/* DP_PROTOBUF_LEX_H */
