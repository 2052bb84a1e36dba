/*-------------------------------------------------------------------------
 *
 * text.h
 *	  Is this run of bytes text that PostgreSQL would store?
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_TEXT_H
#define DP_FORMATS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True when "len" bytes are UTF-8 exactly as the server accepts it, without a
 * NUL byte.  Otherwise *badpos (if given) is where the first bad character
 * starts.
 */
extern bool dp_utf8_verify(const char *s, size_t len, size_t *badpos);

/* Length in characters of verified UTF-8. */
extern size_t dp_utf8_length(const char *s, size_t len);

/* Bytes that the first "nchars" characters of verified UTF-8 take. */
extern size_t dp_utf8_prefix(const char *s, size_t len, size_t nchars);

#endif							/* DP_FORMATS_TEXT_H */
