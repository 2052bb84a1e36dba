/*-------------------------------------------------------------------------
 *
 * anomaly.c
 *	  Which points of a series are out of the ordinary.
 *
 * The strategies, their parameters and what they refuse are those of Deequ
 * (com.amazon.deequ.anomalydetection); zscore is what Elementary does, over
 * all points or over those of the same season, and robust_zscore and iqr are
 * textbook.  Each is a function over plain numbers.
 *
 * Points are numbered from 0, and a search looks at [search_from, search_to).
 * Missing points (NULL, NaN) are taken out first; what is found keeps its
 * number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "common/compat.h"
#include "quality/anomaly.h"

extern PGDLLEXPORT Datum dp_detect_anomalies(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_detect_anomalies);

static void strategy_simple_threshold(DpSeries *s, const DpAnomalyParams *p);
static void strategy_absolute_change(DpSeries *s, const DpAnomalyParams *p);
static void strategy_relative_rate_of_change(DpSeries *s, const DpAnomalyParams *p);
static void strategy_batch_normal(DpSeries *s, const DpAnomalyParams *p);
static void strategy_online_normal(DpSeries *s, const DpAnomalyParams *p);
static void strategy_zscore(DpSeries *s, const DpAnomalyParams *p);
static void strategy_robust_zscore(DpSeries *s, const DpAnomalyParams *p);
static void strategy_iqr(DpSeries *s, const DpAnomalyParams *p);

static const DpAnomalyStrategy strategies[] = {
	{"simple_threshold", "SimpleThreshold", strategy_simple_threshold,
	{"lower_bound", "upper_bound"}},
	{"absolute_change", "AbsoluteChange", strategy_absolute_change,
	{"max_rate_decrease", "max_rate_increase", "order"}},
	{"relative_rate_of_change", "RelativeRateOfChange", strategy_relative_rate_of_change,
	{"max_rate_decrease", "max_rate_increase", "order"}},
	{"batch_normal", "BatchNormal", strategy_batch_normal,
	{"lower_deviation_factor", "upper_deviation_factor", "include_interval"}},
	{"online_normal", "OnlineNormal", strategy_online_normal,
	{"lower_deviation_factor", "upper_deviation_factor", "ignore_start_percentage", "ignore_anomalies"}},
	{"holt_winters", "HoltWinters", dp_strategy_holt_winters,
	{"periodicity", "alpha", "beta", "gamma", "deviation_factor"}},
	{"zscore", "ZScore", strategy_zscore,
		{"sensitivity", "direction", "seasonality", "min_training_set_size", "days_back", "exclude_detection_period",
	"ignore_small_changes", "non_negative"}},
	{"robust_zscore", "RobustZScore", strategy_robust_zscore,
	{"sensitivity", "direction", "seasonality", "min_training_set_size"}},
	{"iqr", "IQR", strategy_iqr,
	{"factor", "direction", "seasonality", "min_training_set_size"}},
};

/* ---- what strategies use ---- */

pg_noreturn static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message),
			 hint ? errhint("%s", hint) : 0));
}

void
dp_anomaly_refuse(const char *message, const char *hint)
{
	refuse(message, hint);
}

/* "point" is an index of s->values. */
void
dp_anomaly_found(DpSeries *s, int point, double lower, double upper, const char *detail)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = Int32GetDatum(s->numbers[point]);
	values[1] = Float8GetDatum(s->values[point]);
	values[2] = Float8GetDatum(lower);
	values[3] = Float8GetDatum(upper);
	values[4] = CStringGetTextDatum(detail);
	tuplestore_putvalues(s->rsinfo->setResult, s->rsinfo->setDesc, values, nulls);
}

static void
check_bounds(DpSeries *s, int point, double lower, double upper)
{
	double		value = s->values[point];

	if (value < lower || value > upper)
		dp_anomaly_found(s, point, lower, upper,
						 psprintf("[%s]: value %.17g is not in bounds [%.17g, %.17g]", s->strategy, value, lower, upper));
}

/* Statistics of infinite numbers mean nothing. */
void
dp_anomaly_need_finite(const DpSeries *s)
{
	for (int i = 0; i < s->n; i++)
	{
		if (isinf(s->values[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("series has an infinite value at index %d", s->numbers[i]),
					 errhint("Use NULL for points that could not be measured, or the strategy simple_threshold.")));
	}
}

/* ---- bounds and changes ---- */

static void
strategy_simple_threshold(DpSeries *s, const DpAnomalyParams *p)
{
	double		lower = dp_anomaly_number(p, "lower_bound", -INFINITY);
	double		upper = dp_anomaly_number(p, "upper_bound", INFINITY);

	if (!dp_anomaly_given(p, "lower_bound") && !dp_anomaly_given(p, "upper_bound"))
		refuse("a threshold needs lower_bound or upper_bound", NULL);
	if (lower > upper)
		refuse("lower_bound must not be larger than upper_bound", NULL);
	for (int i = s->from; i < s->to; i++)
		check_bounds(s, i, lower, upper);
}

static void
change_bounds(const DpAnomalyParams *p, double *lower, double *upper)
{
	if (!dp_anomaly_given(p, "max_rate_decrease") && !dp_anomaly_given(p, "max_rate_increase"))
		refuse("at least one of max_rate_decrease and max_rate_increase must be given", NULL);
	*lower = dp_anomaly_number(p, "max_rate_decrease", -INFINITY);
	*upper = dp_anomaly_number(p, "max_rate_increase", INFINITY);
	if (*lower > *upper)
		refuse("max_rate_decrease must not be larger than max_rate_increase",
			   "A decrease of at most 10 is -10 with absolute_change, and 0.9 with relative_rate_of_change.");
}

/* A change is looked at where it ends; "change" has s->n numbers, those from "first" on mean something. */
static void
check_changes(DpSeries *s, const double *change, int first, int order, double lower, double upper)
{
	for (int i = Max(first, s->from); i < s->to; i++)
	{
		if (change[i] < lower || change[i] > upper)
			dp_anomaly_found(s, i, lower, upper,
							 psprintf("[%s]: change of %.17g is not in bounds [%.17g, %.17g], order %d",
									  s->strategy, change[i], lower, upper, order));
	}
}

/* Differences of differences, order times. */
static void
strategy_absolute_change(DpSeries *s, const DpAnomalyParams *p)
{
	int			order = dp_anomaly_integer(p, "order", 1);
	double		lower;
	double		upper;
	double	   *change = palloc(sizeof(double) * Max(s->n, 1));

	change_bounds(p, &lower, &upper);
	if (order < 0)
		refuse("order must not be negative", NULL);
	memcpy(change, s->values, sizeof(double) * s->n);
	for (int k = 0; k < Min(order, s->n); k++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int i = s->n - 1; i > k; i--)
			change[i] -= change[i - 1];
	}
	check_changes(s, change, order, order, lower, upper);
}

/* new / old, with "order" points between them. */
static void
strategy_relative_rate_of_change(DpSeries *s, const DpAnomalyParams *p)
{
	int			order = dp_anomaly_integer(p, "order", 1);
	double		lower;
	double		upper;
	double	   *change = palloc(sizeof(double) * Max(s->n, 1));

	change_bounds(p, &lower, &upper);
	if (order < 1)
		refuse("order must be at least 1", NULL);
	for (int i = order; i < s->n; i++)
		change[i] = s->values[i] / s->values[i - order];
	check_changes(s, change, order, order, lower, upper);
}

/* ---- the normal distribution ---- */

static void
deviation_factors(const DpAnomalyParams *p, double *lower, double *upper)
{
	bool		has_lower = dp_anomaly_given(p, "lower_deviation_factor");
	bool		has_upper = dp_anomaly_given(p, "upper_deviation_factor");
	bool		no_lower = dp_anomaly_is_null(p, "lower_deviation_factor");
	bool		no_upper = dp_anomaly_is_null(p, "upper_deviation_factor");

	if (no_lower && no_upper)
		refuse("at least one of lower_deviation_factor and upper_deviation_factor must be given", NULL);
	*lower = no_lower ? INFINITY : has_lower ? dp_anomaly_number(p, "lower_deviation_factor", 3) : 3;
	*upper = no_upper ? INFINITY : has_upper ? dp_anomaly_number(p, "upper_deviation_factor", 3) : 3;
	if (*lower < 0 || *upper < 0)
		refuse("deviation factors must not be negative", NULL);
}

static double
bound(double mean, double factor, double deviation)
{
	return isinf(factor) ? factor : mean + factor * deviation;
}

/* Bounds from the points outside the search interval, with the sample's deviation. */
static void
strategy_batch_normal(DpSeries *s, const DpAnomalyParams *p)
{
	bool		include = dp_anomaly_boolean(p, "include_interval", false);
	double		lower_factor;
	double		upper_factor;
	double		mean = 0;
	double		squares = 0;
	int			n = 0;
	double		deviation;

	deviation_factors(p, &lower_factor, &upper_factor);
	if (s->n == 0)
		refuse("series is empty, so that it has no mean and no standard deviation", NULL);
	if (!include && s->to - s->from >= s->n)
		refuse("without the search interval no points are left to compute mean and standard deviation from",
			   "Give search_from and search_to, or {\"include_interval\": true}.");
	dp_anomaly_need_finite(s);
	for (int i = 0; i < s->n; i++)
	{
		double		delta;

		if (!include && i >= s->from && i < s->to)
			continue;
		n++;
		delta = s->values[i] - mean;
		mean += delta / n;
		squares += delta * (s->values[i] - mean);
	}
	deviation = n > 1 ? sqrt(squares / (n - 1)) : 0;
	for (int i = s->from; i < s->to; i++)
		check_bounds(s, i, bound(mean, -lower_factor, deviation), bound(mean, upper_factor, deviation));
}

/* Mean and population variance up to each point, itself included; an anomaly is taken out again. */
static void
strategy_online_normal(DpSeries *s, const DpAnomalyParams *p)
{
	double		skip = dp_anomaly_number(p, "ignore_start_percentage", 0.1);
	bool		ignore = dp_anomaly_boolean(p, "ignore_anomalies", true);
	double		lower_factor;
	double		upper_factor;
	double		mean = 0;
	double		sum = 0;

	deviation_factors(p, &lower_factor, &upper_factor);
	if (!(skip >= 0 && skip <= 1))
		refuse("ignore_start_percentage must be between 0 and 1", NULL);
	dp_anomaly_need_finite(s);
	for (int i = 0; i < s->n; i++)
	{
		double		value = s->values[i];
		double		last_mean = mean;
		double		last_sum = sum;
		double		deviation;
		double		lower;
		double		upper;

		mean = i == 0 ? value : last_mean + (1.0 / (i + 1)) * (value - last_mean);
		sum += (value - last_mean) * (value - mean);
		deviation = sqrt(sum / (i + 1));
		lower = bound(mean, -lower_factor, deviation);
		upper = bound(mean, upper_factor, deviation);
		if (i < s->n * skip || i < s->from || i >= s->to || (value <= upper && value >= lower))
			continue;
		check_bounds(s, i, lower, upper);
		if (ignore)
		{
			mean = last_mean;
			sum = last_sum;
		}
	}
}

/* ---- as Elementary does it, and more robust ---- */

typedef struct Training
{
	double	   *values;			/* what a point is compared with */
	int			n;
	bool		spikes;
	bool		drops;
	int			season;
	int			least;
} Training;

static Training
training_new(const DpSeries *s, const DpAnomalyParams *p)
{
	Training	t;
	const char *direction = dp_anomaly_text(p, "direction", "both");

	t.values = palloc(sizeof(double) * Max(s->n, 1));
	t.n = 0;
	t.spikes = strcmp(direction, "drop") != 0;
	t.drops = strcmp(direction, "spike") != 0;
	if (strcmp(direction, "both") != 0 && (t.spikes && t.drops))
		refuse(psprintf("unknown direction \"%s\"", direction), "Use both, spike or drop.");
	t.season = dp_anomaly_integer(p, "seasonality", 1);
	if (t.season < 1)
		refuse("seasonality must be at least 1", "It is the number of points after which the series repeats: 7 for days of the week.");
	t.least = dp_anomaly_integer(p, "min_training_set_size", 7);
	if (t.least < 1)
		refuse("min_training_set_size must be at least 1", NULL);
	dp_anomaly_need_finite(s);
	return t;
}

/* The points of the same season up to "point", back to number "oldest"; those of the search interval only when asked for. */
static void
training_fill(Training *t, const DpSeries *s, int point, int64 oldest, bool with_interval, bool with_point)
{
	t->n = 0;
	for (int i = 0; i <= point; i++)
	{
		if (s->numbers[i] < oldest || (s->numbers[point] - s->numbers[i]) % t->season != 0)
			continue;
		if (i == point ? !with_point : (!with_interval && i >= s->from))
			continue;
		t->values[t->n++] = s->values[i];
	}
}

static void
check_direction(DpSeries *s, const Training *t, int point, double lower, double upper)
{
	double		value = s->values[point];

	if ((t->drops && value < lower) || (t->spikes && value > upper))
		check_bounds(s, point, lower, upper);
}

static void
strategy_zscore(DpSeries *s, const DpAnomalyParams *p)
{
	Training	t = training_new(s, p);
	double		sensitivity = dp_anomaly_number(p, "sensitivity", 3);
	double		small = dp_anomaly_number(p, "ignore_small_changes", 0);
	int			back = dp_anomaly_integer(p, "days_back", 0);
	bool		exclude = dp_anomaly_boolean(p, "exclude_detection_period", false);
	bool		clamp = dp_anomaly_boolean(p, "non_negative", false);

	if (!(sensitivity > 0))
		refuse("sensitivity must be positive", NULL);
	if (small < 0 || back < 0)
		refuse("ignore_small_changes and days_back must not be negative", NULL);
	for (int i = s->from; i < s->to; i++)
	{
		double		mean = 0;
		double		squares = 0;
		double		deviation;
		double		lower;

		CHECK_FOR_INTERRUPTS();
		training_fill(&t, s, i, back == 0 ? PG_INT32_MIN : (int64) s->numbers[i] - back, !exclude, !exclude);
		for (int k = 0; k < t.n; k++)
		{
			double		delta = t.values[k] - mean;

			mean += delta / (k + 1);
			squares += delta * (t.values[k] - mean);
		}
		/* one point has no deviation, and where nothing ever changed the score is 0 */
		if (t.n < Max(t.least, 2) || squares == 0 || fabs(s->values[i] - mean) < fabs(mean) * small / 100)
			continue;
		deviation = sqrt(squares / (t.n - 1));
		lower = mean - sensitivity * deviation;
		check_direction(s, &t, i, clamp ? Max(lower, 0) : lower, mean + sensitivity * deviation);
	}
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* As percentile_cont does it; values are in order. */
static double
quantile(const double *values, int n, double q)
{
	double		place = q * (n - 1);
	int			low = (int) floor(place);
	int			high = (int) ceil(place);

	return values[low] + (values[high] - values[low]) * (place - low);
}

/* 0.6745 (x - median) / MAD; where MAD is 0, (x - median) / (1.2533 mean absolute deviation) (Iglewicz and Hoaglin). */
static void
strategy_robust_zscore(DpSeries *s, const DpAnomalyParams *p)
{
	Training	t = training_new(s, p);
	double		sensitivity = dp_anomaly_number(p, "sensitivity", 3.5);

	if (!(sensitivity > 0))
		refuse("sensitivity must be positive", NULL);
	for (int i = s->from; i < s->to; i++)
	{
		double		median;
		double		sum = 0;
		double		scale;

		CHECK_FOR_INTERRUPTS();
		training_fill(&t, s, i, PG_INT32_MIN, true, true);
		if (t.n < t.least)
			continue;
		qsort(t.values, t.n, sizeof(double), compare);
		median = quantile(t.values, t.n, 0.5);
		for (int k = 0; k < t.n; k++)
		{
			t.values[k] = fabs(t.values[k] - median);
			sum += t.values[k];
		}
		qsort(t.values, t.n, sizeof(double), compare);
		scale = quantile(t.values, t.n, 0.5) / 0.6745;
		if (scale == 0)
			scale = 1.2533 * sum / t.n;
		if (scale > 0)
			check_direction(s, &t, i, median - sensitivity * scale, median + sensitivity * scale);
	}
}

/* Tukey's fences. */
static void
strategy_iqr(DpSeries *s, const DpAnomalyParams *p)
{
	Training	t = training_new(s, p);
	double		factor = dp_anomaly_number(p, "factor", 1.5);

	if (!(factor >= 0))
		refuse("factor must not be negative", NULL);
	for (int i = s->from; i < s->to; i++)
	{
		double		low;
		double		high;

		CHECK_FOR_INTERRUPTS();
		training_fill(&t, s, i, PG_INT32_MIN, true, true);
		if (t.n < t.least)
			continue;
		qsort(t.values, t.n, sizeof(double), compare);
		low = quantile(t.values, t.n, 0.25);
		high = quantile(t.values, t.n, 0.75);
		check_direction(s, &t, i, low - factor * (high - low), high + factor * (high - low));
	}
}

/* ---- SQL ---- */

static const DpAnomalyStrategy *
find_strategy(const char *name)
{
	char	   *plain = dp_anomaly_plain_name(name);
	StringInfoData known;

	for (int i = 0; i < lengthof(strategies); i++)
	{
		if (strcmp(plain, strategies[i].name) == 0)
			return &strategies[i];
	}
	initStringInfo(&known);
	for (int i = 0; i < lengthof(strategies); i++)
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", strategies[i].name);
	refuse(psprintf("unknown strategy \"%s\"", name), psprintf("Known strategies: %s.", known.data));
}

/* Points that are there, and which of them are to be looked at. */
static void
fill_series(DpSeries *s, ArrayType *array, int from, int to)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	if (ARR_NDIM(array) > 1)
		refuse("series must be a one-dimensional array", NULL);
	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, &nulls, &n);
	s->values = palloc(sizeof(double) * Max(n, 1));
	s->numbers = palloc(sizeof(int) * Max(n, 1));
	s->from = s->to = 0;
	for (int i = 0; i < n; i++)
	{
		if (nulls[i] || isnan(DatumGetFloat8(values[i])))
			continue;
		s->values[s->n] = DatumGetFloat8(values[i]);
		s->numbers[s->n] = i;
		s->n++;
		if (i < from)
			s->from = s->n;
		if (i < to)
			s->to = s->n;
	}
	s->to = Max(s->to, s->from);
}

/* dataplat.detect_anomalies(series float8[], strategy text, params jsonb, search_from int, search_to int) */
Datum
dp_detect_anomalies(PG_FUNCTION_ARGS)
{
	DpSeries	s = {0};
	const DpAnomalyStrategy *strategy;
	DpAnomalyParams *params;
	int			from = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT32(3);
	int			to = PG_ARGISNULL(4) ? PG_INT32_MAX : PG_GETARG_INT32(4);

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		refuse("series and strategy must not be NULL", NULL);
	if (from < 0)
		refuse("search_from must not be negative", "Points are numbered from 0.");
	if (from > to)
		refuse("search_from must not be larger than search_to", "Points from search_from up to but not including search_to are looked at.");
	strategy = find_strategy(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	params = dp_anomaly_params(PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2), strategy);
	InitMaterializedSRF(fcinfo, 0);
	s.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	s.strategy = strategy->shown;
	fill_series(&s, PG_GETARG_ARRAYTYPE_P(0), from, to);
	strategy->detect(&s, params);
	return (Datum) 0;
}
