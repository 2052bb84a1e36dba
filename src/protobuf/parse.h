/*-------------------------------------------------------------------------
 *
 * parse.h
 *	  What the files of the .proto parser share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_PARSE_H
#define DP_PROTOBUF_PARSE_H

#include "protobuf/lex.h"

#define DP_PB_PUSH(list, item) ((item)->next = (list), (list) = (item))

/* One level deeper in the text, or an error. */
extern bool dp_pb_deeper(DpPbLexer *lex);

/* "option name = value;" behind the word "option". */
extern bool dp_pb_parse_option(DpPbLexer *lex, DpPbOption **list);

/* "[a = 1, b = 2]" if there is one; the list is in order. */
extern bool dp_pb_parse_options(DpPbLexer *lex, DpPbOption **list);

/* Behind the words "service" and "enum". */
extern DpPbService *dp_pb_parse_service(DpPbLexer *lex);
extern DpPbEnum *dp_pb_parse_enum(DpPbLexer *lex, DpPbFile *file);

/* Behind "reserved" and "extensions". */
extern DpPbRanges *dp_pb_parse_ranges(DpPbLexer *lex, bool names, int64 min, int64 max);

#endif							/* DP_PROTOBUF_PARSE_H */
