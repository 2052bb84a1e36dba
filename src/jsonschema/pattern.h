/*-------------------------------------------------------------------------
 *
 * pattern.h
 *	  Regular expressions of ECMA-262 in the server's language.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_PATTERN_H
#define DP_JSONSCHEMA_PATTERN_H

#include "postgres.h"

#include "common/buf.h"
#include "common/error.h"

/*
 * The pattern as an advanced regular expression of PostgreSQL that matches
 * the same strings, appended.  *unicode: it asks for classes that depend on a
 * collation.  False and *err when it is none of ECMA-262's, or asks for what
 * the server does not have.
 */
extern bool dp_js_pattern_translate(const char *pattern, size_t len, DpBuf *out, bool *unicode,
									DpError *err);

#endif							/* DP_JSONSCHEMA_PATTERN_H */
