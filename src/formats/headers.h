/*-------------------------------------------------------------------------
 *
 * headers.h
 *	  The headers of a message as a jsonb array.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_HEADERS_H
#define DP_FORMATS_HEADERS_H

#include "postgres.h"

#include "common/error.h"
#include "formats/json.h"

typedef struct DpHeader
{
	const char *name;			/* NUL-terminated */
	const char *value;			/* may be NULL, which is not the same as empty */
	size_t		size;
} DpHeader;

/*
 * An array of {"key","value"} in the order of the message, duplicates kept.
 * A value that is not text stands under "base64".  No headers: returns NULL
 * with *outlen 0 and an empty err->sqlstate.
 */
extern const char *dp_headers_to_jsonb(DpJsonDecoder *d, const DpHeader *headers,
									   int n, size_t *outlen, DpError *err);

#endif							/* DP_FORMATS_HEADERS_H */
