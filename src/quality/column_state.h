/*-------------------------------------------------------------------------
 *
 * column_state.h
 *	  All that a profile says of a column, in a form that can be merged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUALITY_COLUMN_STATE_H
#define DP_QUALITY_COLUMN_STATE_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "quality/sketch.h"

/* Values whose numbers are kept one by one; with more different ones, none is. */
#define DP_STATE_FREQUENCIES	1000

/* A longer value ends the frequencies. */
#define DP_STATE_VALUE_LEN		256

/* Deequ's words for what values look like. */
typedef enum DpLooks
{
	DP_LOOKS_UNKNOWN,
	DP_LOOKS_FRACTIONAL,
	DP_LOOKS_INTEGRAL,
	DP_LOOKS_BOOLEAN,
	DP_LOOKS_STRING,
	DP_LOOKS_COUNT
} DpLooks;

/* Moments about the mean, as Welford, Chan and Pébay keep them. */
typedef struct DpMoments
{
	double		n;
	double		mean;
	double		m2;
	double		m3;
	double		m4;
	double		sum;
	double		lost;			/* what the sum lost by rounding */
	double		min;
	double		max;
} DpMoments;

typedef struct DpFrequency
{
	uint64		hash;
	int64		count;
	int			len;
	char	   *value;			/* as text */
} DpFrequency;

typedef struct DpColumnState
{
	int64		rows;
	int64		looks[DP_LOOKS_COUNT];	/* unknown: NULL */
	int64		not_finite;		/* NaN, Infinity and what no double can hold */
	int64		zeros;
	int64		negatives;
	DpMoments	moments;		/* of the finite numbers */
	int64		lengths;		/* values that have a length */
	int64		min_length;		/* in characters */
	int64		max_length;
	double		sum_length;
	DpHll		hll;
	DpDigest	digest;			/* of the finite numbers */
	HTAB	   *frequencies;	/* NULL: there were too many */
	MemoryContext context;		/* all of this */
} DpColumnState;

extern DpColumnState *dp_column_state_new(MemoryContext context);
extern void dp_column_state_merge(DpColumnState *into, DpColumnState *other);
extern void dp_column_state_send(StringInfo buf, DpColumnState *state);
extern DpColumnState *dp_column_state_recv(StringInfo buf, MemoryContext context);
extern void dp_column_state_number(DpColumnState *state, double value);
extern void dp_column_state_frequency(DpColumnState *state, uint64 hash, const char *value, int len, int64 count);

/* As JSON text, see dataplat_internal.column_state_values(). */
extern char *dp_column_state_json(DpColumnState *state);

extern void dp_moments_add(DpMoments *moments, double value);
extern void dp_moments_merge(DpMoments *into, const DpMoments *other);

#endif							/* DP_QUALITY_COLUMN_STATE_H */
