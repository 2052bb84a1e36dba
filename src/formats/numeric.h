/*-------------------------------------------------------------------------
 *
 * numeric.h
 *	  The bytes of a numeric.
 *
 * The layout is private to the server's numeric.c
 * (src/backend/utils/adt/numeric.c) but frozen by pg_upgrade.  This is the
 * only place that writes it out; what is built by it is compared with
 * numeric_in by the tests on every server version.
 *
 * Behind the varlena header is a header of two bytes when the scale and the
 * weight are small, of four bytes else, and then the groups: digits in base
 * 10000, the highest first, without zeros on either side.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_NUMERIC_H
#define DP_FORMATS_NUMERIC_H

#include "postgres.h"

#include "common/buf.h"
#include "common/compat.h"

#define DP_NBASE 10000
#define DP_DEC_DIGITS 4			/* of ours in a group */

/* The first word; what is neither short nor special has its weight in a second one. */
#define DP_NUMERIC_FORM_MASK 0xC000
#define DP_NUMERIC_NEG 0x4000
#define DP_NUMERIC_SHORT 0x8000
#define DP_NUMERIC_SPECIAL 0xC000	/* NaN, infinity */
#define DP_NUMERIC_DSCALE_MASK 0x3FFF

#define DP_NUMERIC_SHORT_NEG 0x2000
#define DP_NUMERIC_SHORT_DSCALE_MASK 0x1F80
#define DP_NUMERIC_SHORT_DSCALE_SHIFT 7
#define DP_NUMERIC_SHORT_DSCALE_MAX 63
#define DP_NUMERIC_SHORT_WEIGHT_SIGN 0x0040
#define DP_NUMERIC_SHORT_WEIGHT_MASK 0x003F
#define DP_NUMERIC_SHORT_WEIGHT_MAX 63
#define DP_NUMERIC_SHORT_WEIGHT_MIN (-64)

/* groups[0] * 10000^weight + groups[1] * 10000^(weight - 1) + ... */
typedef struct DpNumeric
{
	bool		special;		/* no number: all else is zero */
	bool		negative;
	int			weight;
	int			dscale;			/* digits that are shown behind the point */
	int			ngroups;		/* 0 is zero */
	const int16 *groups;
} DpNumeric;

/* Read a whole varlena with a header of four bytes. */
static inline DpNumeric
dp_numeric_read(const char *numeric)
{
	const uint16 *words = (const uint16 *) (numeric + VARHDRSZ);
	int			nwords = (VARSIZE(numeric) - VARHDRSZ) / sizeof(uint16);
	uint16		header = words[0];
	DpNumeric	n = {0};

	switch (header & DP_NUMERIC_FORM_MASK)
	{
		case DP_NUMERIC_SHORT:
			n.negative = (header & DP_NUMERIC_SHORT_NEG) != 0;
			n.weight = header & DP_NUMERIC_SHORT_WEIGHT_MASK;
			if (header & DP_NUMERIC_SHORT_WEIGHT_SIGN)
				n.weight |= ~DP_NUMERIC_SHORT_WEIGHT_MASK;
			n.dscale = (header & DP_NUMERIC_SHORT_DSCALE_MASK) >> DP_NUMERIC_SHORT_DSCALE_SHIFT;
			n.ngroups = nwords - 1;
			n.groups = (const int16 *) (words + 1);
			break;
		case DP_NUMERIC_SPECIAL:
			n.special = true;
			break;
		default:
			n.negative = (header & DP_NUMERIC_NEG) != 0;
			n.weight = (int16) words[1];
			n.dscale = header & DP_NUMERIC_DSCALE_MASK;
			n.ngroups = nwords - 2;
			n.groups = (const int16 *) (words + 2);
			break;
	}
	return n;
}

/*
 * Append a number, spelled in full, without exponent; a NUL behind it is not
 * counted.  What is special is spelled as zero.  False: no memory.
 */
extern bool dp_numeric_text(const char *numeric, DpBuf *text);

#endif							/* DP_FORMATS_NUMERIC_H */
