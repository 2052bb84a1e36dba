/*-------------------------------------------------------------------------
 *
 * sql.h
 *	  What the SQL functions of this room share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_SQL_H
#define DP_FORMATS_SQL_H

#include "postgres.h"

#include "fmgr.h"

#include "common/compat.h"
#include "common/error.h"
#include "formats/json.h"

/* From _PG_init: long work on schemas and messages can be interrupted. */
extern void dp_formats_init(void);

/* The decoder of a call site, kept between the rows of a query. */
extern DpJsonDecoder *dp_sql_decoder(FunctionCallInfo fcinfo);

/* Raise what a decoder returned. */
pg_noreturn extern void dp_sql_raise(const DpError *err);

/* A palloc'ed copy of a decoder's jsonb as a Datum, or its error raised. */
extern Datum dp_sql_copy(const char *jsonb, size_t len, const DpError *err);

#endif							/* DP_FORMATS_SQL_H */
