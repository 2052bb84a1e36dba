/*-------------------------------------------------------------------------
 *
 * sketch.c
 *	  Small summaries of many values that can be merged.
 *
 * PostgreSQL's own lib/hyperloglog.h takes 32-bit hashes and cannot merge,
 * so there is one here.  Its estimate is the one of Ertl, which is good from no
 * value to 2^60 of them without tables of corrections.
 *
 * The quantiles come from a merging t-digest: centroids are small at both
 * ends and larger in the middle.  Values are buffered, then sorted into the
 * centroids.  Merging two digests gives another one with the same bound, but not
 * to the last bit the one that all values together would have given.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "port/pg_bitutils.h"

#include "quality/sketch.h"

/* ---- how many different ones ---- */

void
dp_hll_add(DpHll *hll, uint64 hash)
{
	uint32		place = (uint32) (hash >> (64 - DP_HLL_BITS));
	uint64		rest = hash << DP_HLL_BITS;
	uint8		rank = rest == 0 ? 64 - DP_HLL_BITS + 1 : 64 - pg_leftmost_one_pos64(rest);

	if (rank > hll->registers[place])
		hll->registers[place] = rank;
}

void
dp_hll_merge(DpHll *into, const DpHll *other)
{
	for (int i = 0; i < DP_HLL_REGISTERS; i++)
		into->registers[i] = Max(into->registers[i], other->registers[i]);
}

static double
ertl_sigma(double x)
{
	double		y = 1;
	double		z = x;
	double		before;

	if (x == 1)
		return INFINITY;
	do
	{
		before = z;
		x *= x;
		z += x * y;
		y += y;
	} while (z != before);
	return z;
}

static double
ertl_tau(double x)
{
	double		y = 1;
	double		z = 1 - x;
	double		before;

	if (x == 0 || x == 1)
		return 0;
	do
	{
		before = z;
		x = sqrt(x);
		y *= 0.5;
		z -= (1 - x) * (1 - x) * y;
	} while (z != before);
	return z / 3;
}

double
dp_hll_estimate(const DpHll *hll)
{
	const int	top = 64 - DP_HLL_BITS;
	const double m = DP_HLL_REGISTERS;
	int			counts[64 - DP_HLL_BITS + 2] = {0};
	double		z;

	for (int i = 0; i < DP_HLL_REGISTERS; i++)
		counts[hll->registers[i]]++;
	if (counts[0] == DP_HLL_REGISTERS)
		return 0;
	z = m * ertl_tau(1 - counts[top + 1] / m);
	for (int k = top; k >= 1; k--)
		z = 0.5 * (z + counts[k]);
	z += m * ertl_sigma(counts[0] / m);
	return m * m / (2 * M_LN2 * z);
}

/* Few registers in use are sent one by one. */
void
dp_hll_send(StringInfo buf, const DpHll *hll)
{
	int			used = 0;

	for (int i = 0; i < DP_HLL_REGISTERS; i++)
		used += hll->registers[i] != 0;
	if (used * 3 >= DP_HLL_REGISTERS)
	{
		pq_sendint16(buf, PG_UINT16_MAX);
		pq_sendbytes(buf, (const char *) hll->registers, DP_HLL_REGISTERS);
		return;
	}
	pq_sendint16(buf, (uint16) used);
	for (int i = 0; i < DP_HLL_REGISTERS; i++)
	{
		if (hll->registers[i] == 0)
			continue;
		pq_sendint16(buf, (uint16) i);
		pq_sendbyte(buf, hll->registers[i]);
	}
}

static void
check_register(uint8 value)
{
	if (value > 64 - DP_HLL_BITS + 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid column state"), errdetail("A register is too large.")));
}

void
dp_hll_recv(StringInfo buf, DpHll *hll)
{
	unsigned int used = pq_getmsgint(buf, 2);

	if (used == PG_UINT16_MAX)
	{
		pq_copymsgbytes(buf, (char *) hll->registers, DP_HLL_REGISTERS);
		for (int i = 0; i < DP_HLL_REGISTERS; i++)
			check_register(hll->registers[i]);
		return;
	}
	memset(hll->registers, 0, DP_HLL_REGISTERS);
	for (unsigned int i = 0; i < used; i++)
	{
		unsigned int place = pq_getmsgint(buf, 2) % DP_HLL_REGISTERS;

		hll->registers[place] = (uint8) pq_getmsgbyte(buf);
		check_register(hll->registers[place]);
	}
}

/* ---- how they are spread ---- */

static int
compare_centroids(const void *a, const void *b)
{
	double		x = ((const DpCentroid *) a)->mean;
	double		y = ((const DpCentroid *) b)->mean;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* The quantile up to which one centroid may reach that begins at q. */
static double
reach(double q)
{
	double		k = DP_DIGEST_COMPRESSION / (2 * M_PI) * asin(2 * q - 1) + 1;

	if (k >= DP_DIGEST_COMPRESSION / 4.0)
		return 1;
	return (sin(k * 2 * M_PI / DP_DIGEST_COMPRESSION) + 1) / 2;
}

/* Put n sorted centroids in the place of the digest's own. */
static void
pack(DpDigest *digest, const DpCentroid *sorted, int n, double weight)
{
	DpCentroid *last = digest->centroids;
	double		before = 0;
	double		limit = weight * reach(0);

	*last = sorted[0];
	for (int i = 1; i < n; i++)
	{
		bool		full = last - digest->centroids == DP_DIGEST_CENTROIDS - 1;

		if (before + last->weight + sorted[i].weight <= limit || full)
		{
			last->weight += sorted[i].weight;
			last->mean += (sorted[i].mean - last->mean) * (sorted[i].weight / last->weight);
			continue;
		}
		before += last->weight;
		limit = weight * reach(before / weight);
		*++last = sorted[i];
	}
	digest->ncentroids = last - digest->centroids + 1;
	digest->weight = weight;
}

static void
add_centroids(DpDigest *digest, const DpCentroid *more, int n, double weight)
{
	DpCentroid *all = palloc(sizeof(DpCentroid) * (digest->ncentroids + n));
	int			i = 0;
	int			j = 0;
	int			at = 0;

	while (i < digest->ncentroids || j < n)
	{
		if (j == n || (i < digest->ncentroids && digest->centroids[i].mean <= more[j].mean))
			all[at++] = digest->centroids[i++];
		else
			all[at++] = more[j++];
	}
	pack(digest, all, at, digest->weight + weight);
	pfree(all);
}

static void
flush_buffer(DpDigest *digest)
{
	DpCentroid	sorted[DP_DIGEST_BUFFER];
	int			n = digest->nbuffered;

	if (n == 0)
		return;
	for (int i = 0; i < n; i++)
	{
		sorted[i].mean = digest->buffer[i];
		sorted[i].weight = 1;
	}
	qsort(sorted, n, sizeof(DpCentroid), compare_centroids);
	digest->nbuffered = 0;
	add_centroids(digest, sorted, n, n);
}

void
dp_digest_add(DpDigest *digest, double value)
{
	if (digest->weight == 0 && digest->nbuffered == 0)
		digest->min = digest->max = value;
	else
	{
		digest->min = Min(digest->min, value);
		digest->max = Max(digest->max, value);
	}
	digest->buffer[digest->nbuffered++] = value;
	if (digest->nbuffered == DP_DIGEST_BUFFER)
		flush_buffer(digest);
}

void
dp_digest_merge(DpDigest *into, DpDigest *other)
{
	flush_buffer(into);
	flush_buffer(other);
	if (other->ncentroids == 0)
		return;
	if (into->ncentroids == 0)
	{
		*into = *other;
		return;
	}
	into->min = Min(into->min, other->min);
	into->max = Max(into->max, other->max);
	add_centroids(into, other->centroids, other->ncentroids, other->weight);
}

/*
 * Between the middles of neighbouring centroids the values are taken to be
 * spread evenly; a centroid of one value is that value.
 */
double
dp_digest_quantile(DpDigest *digest, double q)
{
	double		want;
	double		before = 0;

	flush_buffer(digest);
	if (digest->ncentroids == 0)
		return NAN;
	want = q * digest->weight;
	if (want <= 0.5)
		return digest->min;
	if (want >= digest->weight - 0.5)
		return digest->max;
	for (int i = 0; i < digest->ncentroids; i++)
	{
		const DpCentroid *c = &digest->centroids[i];
		double		middle = before + c->weight / 2;
		const DpCentroid *next = i + 1 < digest->ncentroids ? c + 1 : NULL;
		double		next_middle = next ? before + c->weight + next->weight / 2 : digest->weight;

		if (i == 0 && want < middle)
			return digest->min + (c->mean - digest->min) * (want / middle);
		if (want < next_middle)
		{
			double		to = next ? next->mean : digest->max;

			if (c->weight == 1 && want < before + 1)
				return c->mean;
			return c->mean + (to - c->mean) * ((want - middle) / (next_middle - middle));
		}
		before += c->weight;
	}
	return digest->max;
}

double
dp_digest_rank(DpDigest *digest, double value)
{
	double		before = 0;
	double		last_mean = 0;
	double		last_middle = 0;

	flush_buffer(digest);
	if (digest->ncentroids == 0)
		return NAN;
	if (value < digest->min)
		return 0;
	if (value >= digest->max)
		return 1;
	last_mean = digest->min;
	for (int i = 0; i < digest->ncentroids; i++)
	{
		const DpCentroid *c = &digest->centroids[i];
		double		middle = before + c->weight / 2;

		if (value < c->mean)
			return (last_middle + (c->mean > last_mean ?
								   (middle - last_middle) * (value - last_mean) / (c->mean - last_mean) : 0)) / digest->weight;
		last_mean = c->mean;
		last_middle = middle;
		before += c->weight;
	}
	if (digest->max > last_mean)
		return (last_middle + (digest->weight - last_middle) * (value - last_mean) / (digest->max - last_mean)) / digest->weight;
	return 1;
}

void
dp_digest_send(StringInfo buf, DpDigest *digest)
{
	flush_buffer(digest);
	pq_sendint16(buf, (uint16) digest->ncentroids);
	pq_sendfloat8(buf, digest->min);
	pq_sendfloat8(buf, digest->max);
	for (int i = 0; i < digest->ncentroids; i++)
	{
		pq_sendfloat8(buf, digest->centroids[i].mean);
		pq_sendfloat8(buf, digest->centroids[i].weight);
	}
}

void
dp_digest_recv(StringInfo buf, DpDigest *digest)
{
	digest->ncentroids = pq_getmsgint(buf, 2);
	if (digest->ncentroids > DP_DIGEST_CENTROIDS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid column state"), errdetail("It has too many centroids.")));
	digest->nbuffered = 0;
	digest->weight = 0;
	digest->min = pq_getmsgfloat8(buf);
	digest->max = pq_getmsgfloat8(buf);
	for (int i = 0; i < digest->ncentroids; i++)
	{
		digest->centroids[i].mean = pq_getmsgfloat8(buf);
		digest->centroids[i].weight = pq_getmsgfloat8(buf);
		digest->weight += digest->centroids[i].weight;
	}
}
