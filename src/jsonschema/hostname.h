/*-------------------------------------------------------------------------
 *
 * hostname.h
 *	  Names of hosts, those in all scripts too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_HOSTNAME_H
#define DP_JSONSCHEMA_HOSTNAME_H

#include "postgres.h"

/*
 * Is verified UTF-8 the name of a host?  By RFC 1123; labels that begin with
 * "xn--" must decode to what RFC 5891 to 5893 (IDNA 2008) allow, and with
 * "international" labels may be spelled so.
 */
extern bool dp_js_is_hostname(const char *s, size_t len, bool international);

/* May it stand in a label?  True, too, for those that need a context. */
extern bool dp_js_code_allowed(uint32 code);

/* Of code points that are allowed. */
extern bool dp_js_code_is_mark(uint32 code);
extern bool dp_js_code_is_virama(uint32 code);
extern bool dp_js_code_is_rtl(uint32 code);

/* Does a letter join with the one after it, or (not "next") before it? */
extern bool dp_js_code_joins(uint32 code, bool next);

#endif							/* DP_JSONSCHEMA_HOSTNAME_H */
