/*-------------------------------------------------------------------------
 *
 * csv.h
 *	  One CSV record to a jsonb of strings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_CSV_H
#define DP_FORMATS_CSV_H

#include "postgres.h"

#include "common/error.h"
#include "formats/json.h"

#define DP_CSV_MAX_FIELDS 10000 /* of one record */

/* How records are written. */
typedef struct DpCsvStyle
{
	char		delimiter;
	char		quote;			/* 0: fields are never quoted */
	const char *null_text;		/* null when not quoted, as an empty field is; NULL: only that */
} DpCsvStyle;

#define DP_CSV_PLAIN ((DpCsvStyle) {',', '"', NULL})

/*
 * RFC 4180: one record a message, with or without its line end.  With names
 * the result is an object and the record must have exactly that many fields;
 * without, an array.  An empty field is null unless it was quoted.
 */
extern const char *dp_csv_to_jsonb(DpJsonDecoder *d, const char *src, size_t len,
								   const DpCsvStyle *style, const char *const *names,
								   int nnames, size_t *outlen, DpError *err);

#endif							/* DP_FORMATS_CSV_H */
