/*-------------------------------------------------------------------------
 *
 * column_state.c
 *	  All that a profile says of a column, in a form that can be merged:
 *	  metric(all) = metric(merge(state(old), state(new))).
 *
 * One pass fills it.  What is counted is exact, sums and moments are those
 * of doubles, the number of different values and the percentiles are
 * estimates (sketch.h) except while there are few different values.
 *
 * States are sent in network byte order with a version in front: they are
 * kept in tables, and outlive servers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "quality/column_state.h"

#define STATE_VERSION 1

static const char *const looks_words[DP_LOOKS_COUNT] = {"Unknown", "Fractional", "Integral", "Boolean", "String"};

static HTAB *
new_frequencies(MemoryContext context)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(uint64);
	ctl.entrysize = sizeof(DpFrequency);
	ctl.hcxt = context;
	return hash_create("dataplat frequencies", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

DpColumnState *
dp_column_state_new(MemoryContext context)
{
	DpColumnState *state = MemoryContextAllocZero(context, sizeof(DpColumnState));

	state->context = context;
	state->frequencies = new_frequencies(context);
	return state;
}

/* ---- moments ---- */

void
dp_moments_add(DpMoments *m, double value)
{
	double		before = m->n;
	double		delta;
	double		part;
	double		part2;
	double		term;
	double		sum;

	if (before == 0)
		m->min = m->max = value;
	else
	{
		m->min = Min(m->min, value);
		m->max = Max(m->max, value);
	}
	m->n = before + 1;
	delta = value - m->mean;
	part = delta / m->n;
	part2 = part * part;
	term = delta * part * before;
	m->mean += part;
	m->m4 += term * part2 * (m->n * m->n - 3 * m->n + 3) + 6 * part2 * m->m2 - 4 * part * m->m3;
	m->m3 += term * part * (m->n - 2) - 3 * part * m->m2;
	m->m2 += term;

	/* Neumaier's sum */
	sum = m->sum + value;
	m->lost += fabs(m->sum) >= fabs(value) ? (m->sum - sum) + value : (value - sum) + m->sum;
	m->sum = sum;
}

void
dp_moments_merge(DpMoments *a, const DpMoments *b)
{
	double		n = a->n + b->n;
	double		delta = b->mean - a->mean;
	double		d2 = delta * delta;
	double		sum;

	if (b->n == 0)
		return;
	if (a->n == 0)
	{
		*a = *b;
		return;
	}
	a->m4 = a->m4 + b->m4 + d2 * d2 * a->n * b->n * (a->n * a->n - a->n * b->n + b->n * b->n) / (n * n * n) +
		6 * d2 * (a->n * a->n * b->m2 + b->n * b->n * a->m2) / (n * n) + 4 * delta * (a->n * b->m3 - b->n * a->m3) / n;
	a->m3 = a->m3 + b->m3 + d2 * delta * a->n * b->n * (a->n - b->n) / (n * n) + 3 * delta * (a->n * b->m2 - b->n * a->m2) / n;
	a->m2 = a->m2 + b->m2 + d2 * a->n * b->n / n;
	a->mean += delta * b->n / n;
	a->n = n;
	sum = a->sum + b->sum;
	a->lost += b->lost + (fabs(a->sum) >= fabs(b->sum) ? (a->sum - sum) + b->sum : (b->sum - sum) + a->sum);
	a->sum = sum;
	a->min = Min(a->min, b->min);
	a->max = Max(a->max, b->max);
}

/* ---- filling ---- */

void
dp_column_state_number(DpColumnState *state, double value)
{
	if (!isfinite(value))
	{
		state->not_finite++;
		return;
	}
	state->zeros += value == 0;
	state->negatives += value < 0;
	dp_moments_add(&state->moments, value);
	dp_digest_add(&state->digest, value);
}

static void
drop_frequencies(DpColumnState *state)
{
	HASH_SEQ_STATUS seq;
	DpFrequency *f;

	if (state->frequencies == NULL)
		return;
	hash_seq_init(&seq, state->frequencies);
	while ((f = hash_seq_search(&seq)) != NULL)
		pfree(f->value);
	hash_destroy(state->frequencies);
	state->frequencies = NULL;
}

/*
 * Count a value "count" times.  Where making the text costs more than the
 * rest, the caller looks for the hash first.
 */
void
dp_column_state_frequency(DpColumnState *state, uint64 hash, const char *value, int len, int64 count)
{
	bool		found;
	DpFrequency *f;

	if (state->frequencies == NULL)
		return;
	if (len > DP_STATE_VALUE_LEN)
	{
		drop_frequencies(state);
		return;
	}
	f = hash_search(state->frequencies, &hash, HASH_ENTER, &found);
	if (found)
	{
		f->count += count;
		return;
	}
	f->count = count;
	f->len = len;
	f->value = MemoryContextAlloc(state->context, len + 1);
	memcpy(f->value, value, len);
	f->value[len] = '\0';
	if (hash_get_num_entries(state->frequencies) > DP_STATE_FREQUENCIES)
		drop_frequencies(state);
}

void
dp_column_state_merge(DpColumnState *into, DpColumnState *other)
{
	into->rows += other->rows;
	for (int i = 0; i < DP_LOOKS_COUNT; i++)
		into->looks[i] += other->looks[i];
	into->not_finite += other->not_finite;
	into->zeros += other->zeros;
	into->negatives += other->negatives;
	dp_moments_merge(&into->moments, &other->moments);
	if (other->lengths > 0)
	{
		into->min_length = into->lengths == 0 ? other->min_length : Min(into->min_length, other->min_length);
		into->max_length = into->lengths == 0 ? other->max_length : Max(into->max_length, other->max_length);
		into->lengths += other->lengths;
		into->sum_length += other->sum_length;
	}
	dp_hll_merge(&into->hll, &other->hll);
	dp_digest_merge(&into->digest, &other->digest);
	if (other->frequencies == NULL)
		drop_frequencies(into);
	else if (into->frequencies != NULL)
	{
		HASH_SEQ_STATUS seq;
		DpFrequency *f;

		hash_seq_init(&seq, other->frequencies);
		while ((f = hash_seq_search(&seq)) != NULL)
		{
			dp_column_state_frequency(into, f->hash, f->value, f->len, f->count);
			if (into->frequencies == NULL)
			{
				hash_seq_term(&seq);
				break;
			}
		}
	}
}

/* ---- as bytes ---- */

void
dp_column_state_send(StringInfo buf, DpColumnState *state)
{
	const DpMoments *m = &state->moments;
	const double numbers[] = {m->n, m->mean, m->m2, m->m3, m->m4, m->sum, m->lost, m->min, m->max, state->sum_length};

	pq_sendbyte(buf, STATE_VERSION);
	pq_sendint64(buf, state->rows);
	for (int i = 0; i < DP_LOOKS_COUNT; i++)
		pq_sendint64(buf, state->looks[i]);
	pq_sendint64(buf, state->not_finite);
	pq_sendint64(buf, state->zeros);
	pq_sendint64(buf, state->negatives);
	pq_sendint64(buf, state->lengths);
	pq_sendint64(buf, state->min_length);
	pq_sendint64(buf, state->max_length);
	for (int i = 0; i < lengthof(numbers); i++)
		pq_sendfloat8(buf, numbers[i]);
	dp_hll_send(buf, &state->hll);
	dp_digest_send(buf, &state->digest);
	if (state->frequencies == NULL)
		pq_sendint32(buf, PG_UINT32_MAX);
	else
	{
		HASH_SEQ_STATUS seq;
		DpFrequency *f;

		pq_sendint32(buf, hash_get_num_entries(state->frequencies));
		hash_seq_init(&seq, state->frequencies);
		while ((f = hash_seq_search(&seq)) != NULL)
		{
			pq_sendint64(buf, f->hash);
			pq_sendint64(buf, f->count);
			pq_sendint32(buf, f->len);
			pq_sendbytes(buf, f->value, f->len);
		}
	}
}

static void
recv_frequencies(StringInfo buf, DpColumnState *state)
{
	uint32		n = pq_getmsgint(buf, 4);

	if (n == PG_UINT32_MAX)
	{
		drop_frequencies(state);
		return;
	}
	for (uint32 i = 0; i < n; i++)
	{
		uint64		hash = pq_getmsgint64(buf);
		int64		count = pq_getmsgint64(buf);
		int			len = pq_getmsgint(buf, 4);
		const char *value;

		if (len < 0 || len > DP_STATE_VALUE_LEN)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("invalid column state"), errdetail("A value is too long.")));
		value = pq_getmsgbytes(buf, len);
		(void) pg_verifymbstr(value, len, false);
		dp_column_state_frequency(state, hash, value, len, count);
	}
}

DpColumnState *
dp_column_state_recv(StringInfo buf, MemoryContext context)
{
	DpColumnState *state = dp_column_state_new(context);
	DpMoments  *m = &state->moments;
	double	   *numbers[] = {&m->n, &m->mean, &m->m2, &m->m3, &m->m4, &m->sum, &m->lost, &m->min, &m->max, &state->sum_length};
	int			version = pq_getmsgbyte(buf);

	if (version != STATE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column state has version %d, expected %d", version, STATE_VERSION)));
	state->rows = pq_getmsgint64(buf);
	for (int i = 0; i < DP_LOOKS_COUNT; i++)
		state->looks[i] = pq_getmsgint64(buf);
	state->not_finite = pq_getmsgint64(buf);
	state->zeros = pq_getmsgint64(buf);
	state->negatives = pq_getmsgint64(buf);
	state->lengths = pq_getmsgint64(buf);
	state->min_length = pq_getmsgint64(buf);
	state->max_length = pq_getmsgint64(buf);
	for (int i = 0; i < lengthof(numbers); i++)
		*numbers[i] = pq_getmsgfloat8(buf);
	dp_hll_recv(buf, &state->hll);
	dp_digest_recv(buf, &state->digest);
	recv_frequencies(buf, state);
	pq_getmsgend(buf);
	return state;
}

/* ---- as JSON ---- */

static void
put_number(StringInfo json, const char *key, double value)
{
	appendStringInfo(json, ", \"%s\": ", key);
	if (isfinite(value))
		appendStringInfoString(json, float8out_internal(value));
	else
		appendStringInfoString(json, "null");
}

static int
compare_frequencies(const void *a, const void *b)
{
	const DpFrequency *x = *(const DpFrequency *const *) a;
	const DpFrequency *y = *(const DpFrequency *const *) b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->value, y->value);
}

static void
put_frequencies(StringInfo json, HTAB *frequencies)
{
	int			n = hash_get_num_entries(frequencies);
	DpFrequency **all = palloc(sizeof(DpFrequency *) * Max(n, 1));
	HASH_SEQ_STATUS seq;
	DpFrequency *f;
	int			at = 0;

	hash_seq_init(&seq, frequencies);
	while ((f = hash_seq_search(&seq)) != NULL)
		all[at++] = f;
	qsort(all, n, sizeof(DpFrequency *), compare_frequencies);
	appendStringInfoString(json, ", \"frequencies\": [");
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(json, i > 0 ? ", [" : "[");
		escape_json(json, all[i]->value);
		appendStringInfo(json, ", " INT64_FORMAT "]", all[i]->count);
	}
	appendStringInfoChar(json, ']');
}

static void
put_moments(StringInfo json, DpColumnState *state)
{
	const DpMoments *m = &state->moments;
	double		variance = Max(m->m2, 0) / m->n;

	put_number(json, "minimum", m->min);
	put_number(json, "maximum", m->max);
	put_number(json, "mean", m->mean);
	put_number(json, "sum", m->sum + m->lost);
	put_number(json, "variance", variance);
	put_number(json, "stddev", sqrt(variance));
	put_number(json, "skewness", m->m2 > 0 ? sqrt(m->n) * m->m3 / pow(m->m2, 1.5) : NAN);
	put_number(json, "kurtosis", m->m2 > 0 ? m->n * m->m4 / (m->m2 * m->m2) - 3 : NAN);
	appendStringInfoString(json, ", \"percentiles\": [");
	for (int i = 1; i <= 100; i++)
		appendStringInfo(json, i > 1 ? ", %s" : "%s", float8out_internal(dp_digest_quantile(&state->digest, i / 100.0)));
	appendStringInfoChar(json, ']');
}

char *
dp_column_state_json(DpColumnState *state)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"rows\": " INT64_FORMAT ", \"nulls\": " INT64_FORMAT ", \"types\": {",
					 state->rows, state->looks[DP_LOOKS_UNKNOWN]);
	for (int i = 0; i < DP_LOOKS_COUNT; i++)
		appendStringInfo(&json, "%s\"%s\": " INT64_FORMAT, i > 0 ? ", " : "", looks_words[i], state->looks[i]);
	appendStringInfo(&json, "}, \"distinct\": %.0f, \"distinct_exact\": %s, \"numbers\": %.0f, \"not_finite\": " INT64_FORMAT
					 ", \"zeros\": " INT64_FORMAT ", \"negatives\": " INT64_FORMAT,
					 state->frequencies ? (double) hash_get_num_entries(state->frequencies) : dp_hll_estimate(&state->hll),
					 state->frequencies ? "true" : "false", state->moments.n, state->not_finite, state->zeros, state->negatives);
	if (state->lengths > 0)
	{
		appendStringInfo(&json, ", \"min_length\": " INT64_FORMAT ", \"max_length\": " INT64_FORMAT,
						 state->min_length, state->max_length);
		put_number(&json, "mean_length", state->sum_length / state->lengths);
	}
	if (state->moments.n > 0)
		put_moments(&json, state);
	if (state->frequencies)
		put_frequencies(&json, state->frequencies);
	appendStringInfoChar(&json, '}');
	return json.data;
}
