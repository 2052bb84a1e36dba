/*-------------------------------------------------------------------------
 *
 * url.h
 *	  Paths, queries and media types as they stand in a request.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_URL_H
#define DP_WEB_URL_H

#include "nodes/pg_list.h"

/*
 * %XX decoded, and + too when "plus".  NULL when that is no UTF-8, has a NUL or
 * a broken escape.
 */
extern char *dp_url_decode(const char *text, size_t len, bool plus);

/* The parts between slashes, decoded; false as above.  The last may be empty. */
extern bool dp_url_path(const char *path, List **parts);

/* a=1&b, as DpWebPairs; false as above. */
extern bool dp_url_query(const char *query, List **pairs);

/*
 * Of the types that can be produced, the one that an Accept header likes best,
 * the earlier when it does not care; NULL when it wants none of them.
 */
extern const char *dp_media_choose(const char *accept, const char *const *produces);

/* Is the type of a Content-Type header, without parameters, in the list? */
extern bool dp_media_listed(const char *content_type, const char *const *types);

#endif							/* DP_WEB_URL_H */
