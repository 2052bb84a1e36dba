/*-------------------------------------------------------------------------
 *
 * sketch.h
 *	  Small summaries of many values that can be merged: how many different
 *	  ones, and how they are spread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUALITY_SKETCH_H
#define DP_QUALITY_SKETCH_H

#include "lib/stringinfo.h"

/* Standard error of an estimate: 1.04 / sqrt(4096), that is 1.6 %. */
#define DP_HLL_BITS			12
#define DP_HLL_REGISTERS	(1 << DP_HLL_BITS)

/* HyperLogLog over 64-bit hashes. */
typedef struct DpHll
{
	uint8		registers[DP_HLL_REGISTERS];
} DpHll;

extern void dp_hll_add(DpHll *hll, uint64 hash);
extern void dp_hll_merge(DpHll *into, const DpHll *other);
extern double dp_hll_estimate(const DpHll *hll);
extern void dp_hll_send(StringInfo buf, const DpHll *hll);
extern void dp_hll_recv(StringInfo buf, DpHll *hll);

/*
 * At most 2 * DP_DIGEST_COMPRESSION centroids are kept; a quantile is off by
 * less than 0.5 % of the ranks in the middle, and by much less at the ends.
 */
#define DP_DIGEST_COMPRESSION	200
#define DP_DIGEST_CENTROIDS		(2 * DP_DIGEST_COMPRESSION)
#define DP_DIGEST_BUFFER		1024

typedef struct DpCentroid
{
	double		mean;
	double		weight;
} DpCentroid;

/* A merging t-digest of finite numbers. */
typedef struct DpDigest
{
	double		min;
	double		max;
	double		weight;			/* of the centroids */
	int			ncentroids;
	int			nbuffered;
	DpCentroid	centroids[DP_DIGEST_CENTROIDS];
	double		buffer[DP_DIGEST_BUFFER];	/* not yet in the centroids */
} DpDigest;

extern void dp_digest_add(DpDigest *digest, double value);
extern void dp_digest_merge(DpDigest *into, DpDigest *other);

/* NaN when it is empty. */
extern double dp_digest_quantile(DpDigest *digest, double q);

/* Share of the values that are not greater; a repeated value counts half where it stands alone. */
extern double dp_digest_rank(DpDigest *digest, double value);
extern void dp_digest_send(StringInfo buf, DpDigest *digest);
extern void dp_digest_recv(StringInfo buf, DpDigest *digest);

#endif							/* DP_QUALITY_SKETCH_H */
