/*-------------------------------------------------------------------------
 *
 * columns.h
 *	  A message to the values of typed columns, without a jsonb in between.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_COLUMNS_H
#define DP_FORMATS_COLUMNS_H

#include "postgres.h"

#include "common/error.h"
#include "formats/csv.h"
#include "formats/json.h"

typedef struct DpColumnSpec
{
	const char *field;			/* JSON member name or CSV header name; NULL = by position */
	int			csv_index;		/* place in a record or root array, from 0; -1 = none */
	Oid			type;
	int32		typmod;
	bool		not_null;
	bool		is_path;		/* "field" is a path (path.h), into objects inside objects */
} DpColumnSpec;

typedef struct DpColumnValue
{
	Datum		value;			/* by reference: valid until the next call */
	bool		isnull;
	bool		deferred;		/* run the type's input function on text */
	const char *text;			/* NUL-terminated, valid until the next call */
	size_t		textlen;
} DpColumnValue;

typedef struct DpColumnProgram DpColumnProgram;

/* Copies the specs.  NULL when memory ran out. */
extern DpColumnProgram *dp_columns_compile(const DpColumnSpec *specs, int n,
										   const DpJsonLimits *limits);
extern void dp_columns_free(DpColumnProgram *p);

/*
 * Fill one value per spec.  Of duplicate members the last wins; a member or
 * field that is missing is NULL; members without a column are checked for
 * grammar and skipped.
 */
extern bool dp_json_to_columns(DpColumnProgram *p, const char *src, size_t len,
							   DpColumnValue *out, DpError *err);
extern bool dp_csv_to_columns(DpColumnProgram *p, const char *src, size_t len,
							  const DpCsvStyle *style, DpColumnValue *out, DpError *err);

#endif							/* DP_FORMATS_COLUMNS_H */
