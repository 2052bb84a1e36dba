/*-------------------------------------------------------------------------
 *
 * decimal.h
 *	  From a spelled number to the bytes of a PostgreSQL numeric.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_DECIMAL_H
#define DP_FORMATS_DECIMAL_H

#include "postgres.h"

/* Numbers of at most this many digits take the short way. */
#define DP_DECIMAL_SMALL_DIGITS 18

/* Room for the short way: varlena header, numeric header, six digits. */
#define DP_DECIMAL_SMALL_BYTES 20

/* A number as spelled: [-]digits[.digits][e exponent], already checked. */
typedef struct DpDecimal
{
	const char *whole;			/* digits before the point, may be none */
	int			nwhole;
	const char *fraction;		/* digits after it, may be none */
	int			nfraction;
	int			exponent;
	bool		negative;
} DpDecimal;

/* Can the value and its scale be held by a numeric? */
extern bool dp_decimal_fits(const DpDecimal *dec);

/* Upper bound of what dp_decimal_pack writes. */
extern size_t dp_decimal_bound(const DpDecimal *dec);

/* Write a whole numeric varlena at "out" (4-aligned); returns its size. */
extern size_t dp_decimal_pack(const DpDecimal *dec, char *out);

/*
 * The same for a value of up to 18 digits: mantissa / 10^scale.  With more
 * than 16 digits the scale must be a multiple of four.
 */
extern size_t dp_decimal_pack_small(uint64 mantissa, int scale, bool negative,
									char *out);

/*
 * Round to numeric(precision, scale).  "digits" is room for nwhole +
 * nfraction + 2 characters that must live as long as *dec; false when the
 * value does not fit the precision. 
 */
extern bool dp_decimal_round(DpDecimal *dec, int precision, int scale,
							 char *digits);

/* Like dp_decimal_pack, with the display scale given. */
extern size_t dp_decimal_pack_scaled(const DpDecimal *dec, int dscale, char *out);

/* The display scale that the spelling implies. */
extern int	dp_decimal_scale(const DpDecimal *dec);

#endif							/* DP_FORMATS_DECIMAL_H */
