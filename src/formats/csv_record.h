/*-------------------------------------------------------------------------
 *
 * csv_record.h
 *	  The fields of one CSV record, one after the other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_CSV_RECORD_H
#define DP_FORMATS_CSV_RECORD_H

#include "postgres.h"

#include "common/error.h"
#include "formats/csv.h"

/* Walks over padded, verified text and unquotes in place. */
typedef struct DpCsvRecord
{
	char	   *at;
	char	   *base;
	char	   *end;
	DpCsvStyle	style;
	bool		done;			/* no field follows */
	int			nfields;		/* read so far */

	/* The field read last; NUL-terminated. */
	char	   *text;
	size_t		len;
	bool		quoted;
	bool		isnull;
} DpCsvRecord;

/* False when the style cannot be one or the message is empty. */
extern bool dp_csv_begin(DpCsvRecord *rec, char *text, size_t len,
						 const DpCsvStyle *style, DpError *err);

/* Read the next field; must not be called when done. */
extern bool dp_csv_next(DpCsvRecord *rec, DpError *err);

#endif							/* DP_FORMATS_CSV_RECORD_H */
