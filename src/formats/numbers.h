/*-------------------------------------------------------------------------
 *
 * numbers.h
 *	  Text to integers, floats, booleans and uuids, as the server reads them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_NUMBERS_H
#define DP_FORMATS_NUMBERS_H

#include "postgres.h"

#include "formats/scan.h"

#define DP_UUID_BYTES 16

typedef enum DpNumberVerdict
{
	DP_NUMBER_GOOD,
	DP_NUMBER_BAD,				/* no server version takes this */
	DP_NUMBER_RANGE,			/* beyond 64 bits */
	DP_NUMBER_UNKNOWN			/* some server version may take this */
} DpNumberVerdict;

extern DpNumberVerdict dp_integer_parse(const char *s, size_t len,
										uint64 *magnitude, bool *negative);

/* False when there is no such boolean. */
extern bool dp_bool_parse(const char *s, size_t len, bool *value);

/* The usual spelling with four hyphens; false for any other. */
extern bool dp_uuid_parse(const char *s, size_t len, unsigned char *uuid);

/*
 * A plain number that ends where its spelling ends; "small" is what the
 * scanner made of it, or NULL.  False when out of range.
 */
extern bool dp_float8_parse(const char *s, const DpScannedNumber *small, double *value);
extern bool dp_float4_parse(const char *s, const DpScannedNumber *small, float *value);

extern int	dp_typmod_precision(int32 typmod);
extern int	dp_typmod_scale(int32 typmod);

/*
 * Bring a small number to the scale of numeric(p, s).  False when that is not
 * plainly possible, right or wrong.
 */
extern bool dp_numeric_apply_small(DpScannedNumber *number, int32 typmod);

#endif							/* DP_FORMATS_NUMBERS_H */
