/*-------------------------------------------------------------------------
 *
 * holt_winters.c
 *	  Forecasts from level, trend and season, and what departs from them.
 *
 * Additive exponential smoothing as Deequ has it: the first cycle gives level
 * and season, the second one the trend; the points before the search interval
 * are the training, whose squared one-step errors the smoothing parameters
 * minimize; a point of the interval is an anomaly when it departs from its
 * forecast by more than 1.96 standard deviations of the absolute errors.
 *
 * The parameters are found with the simplex method of Nelder and Mead from
 * several starts, kept in [0, 1]: three numbers and a function without a
 * gradient need no more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "quality/anomaly.h"

#define PARAMETERS 3			/* alpha, beta, gamma */
#define MAX_STEPS 400
#define TOLERANCE 1e-10

/* Two full cycles, and a bound for memory. */
#define MAX_PERIOD 100000

typedef struct Model
{
	const double *values;		/* the training */
	int			n;
	int			period;
	bool		fixed[PARAMETERS];
	double		given[PARAMETERS];
	double	   *season;			/* room for n + period */
	double	   *errors;			/* of each point of the training */
	double		level;			/* after the training */
	double		trend;
} Model;

/* Smooth the training; returns the sum of squared errors. */
static double
smooth(Model *m, const double *parameters)
{
	double		alpha = parameters[0];
	double		beta = parameters[1];
	double		gamma = parameters[2];
	double		first = 0;
	double		second = 0;
	double		sum = 0;

	for (int i = 0; i < m->period; i++)
	{
		first += m->values[i];
		second += m->values[m->period + i];
	}
	m->level = first / m->period;
	m->trend = (second - first) / ((double) m->period * m->period);
	for (int i = 0; i < m->period; i++)
		m->season[i] = m->values[i] - m->level;
	for (int i = 0; i < m->n; i++)
	{
		double		value = m->values[i];
		double		level = m->level;
		double		trend = m->trend;

		m->errors[i] = value - (level + trend + m->season[i]);
		sum += m->errors[i] * m->errors[i];
		m->level = alpha * (value - m->season[i]) + (1 - alpha) * (level + trend);
		m->trend = beta * (m->level - level) + (1 - beta) * trend;
		m->season[i + m->period] = gamma * (value - level - trend) + (1 - gamma) * m->season[i];
	}
	return sum;
}

/* In bounds, and what is given stays as it is. */
static double
try_parameters(Model *m, double *parameters)
{
	double		sum;

	for (int k = 0; k < PARAMETERS; k++)
		parameters[k] = m->fixed[k] ? m->given[k] : Min(Max(parameters[k], 0), 1);
	sum = smooth(m, parameters);
	return isfinite(sum) ? sum : INFINITY;
}

typedef struct Corner
{
	double		at[PARAMETERS];
	double		sum;
} Corner;

static void
sort_corners(Corner *corners)
{
	for (int i = 1; i <= PARAMETERS; i++)
	{
		Corner		c = corners[i];
		int			k = i;

		for (; k > 0 && corners[k - 1].sum > c.sum; k--)
			corners[k] = corners[k - 1];
		corners[k] = c;
	}
}

/* A point on the line from the worst corner through the middle of the others. */
static Corner
on_line(Model *m, const Corner *corners, double how_far)
{
	Corner		c;

	for (int k = 0; k < PARAMETERS; k++)
	{
		double		middle = 0;

		for (int i = 0; i < PARAMETERS; i++)
			middle += corners[i].at[k] / PARAMETERS;
		c.at[k] = middle + how_far * (middle - corners[PARAMETERS].at[k]);
	}
	c.sum = try_parameters(m, c.at);
	return c;
}

static void
shrink(Model *m, Corner *corners)
{
	for (int i = 1; i <= PARAMETERS; i++)
	{
		for (int k = 0; k < PARAMETERS; k++)
			corners[i].at[k] = (corners[0].at[k] + corners[i].at[k]) / 2;
		corners[i].sum = try_parameters(m, corners[i].at);
	}
}

static bool
is_small(const Corner *corners)
{
	double		width = 0;

	for (int k = 0; k < PARAMETERS; k++)
		width = Max(width, fabs(corners[PARAMETERS].at[k] - corners[0].at[k]));
	return width < 1e-7 || corners[PARAMETERS].sum - corners[0].sum <= TOLERANCE * fabs(corners[0].sum);
}

static Corner
descend(Model *m, const double *start)
{
	Corner		corners[PARAMETERS + 1];

	for (int i = 0; i <= PARAMETERS; i++)
	{
		memcpy(corners[i].at, start, sizeof(corners[i].at));
		if (i > 0)
			corners[i].at[i - 1] += start[i - 1] < 0.5 ? 0.2 : -0.2;
		corners[i].sum = try_parameters(m, corners[i].at);
	}
	sort_corners(corners);
	for (int step = 0; step < MAX_STEPS && !is_small(corners); step++)
	{
		Corner		reflected;
		Corner		other;

		CHECK_FOR_INTERRUPTS();
		reflected = on_line(m, corners, 1);
		if (reflected.sum < corners[0].sum)
		{
			other = on_line(m, corners, 2);
			corners[PARAMETERS] = other.sum < reflected.sum ? other : reflected;
		}
		else if (reflected.sum < corners[PARAMETERS - 1].sum)
			corners[PARAMETERS] = reflected;
		else
		{
			other = on_line(m, corners, reflected.sum < corners[PARAMETERS].sum ? 0.5 : -0.5);
			if (other.sum < Min(reflected.sum, corners[PARAMETERS].sum))
				corners[PARAMETERS] = other;
			else
				shrink(m, corners);
		}
		sort_corners(corners);
	}
	return corners[0];
}

static Corner
fit(Model *m)
{
	/* Deequ's start, and others for what has several valleys */
	static const double starts[][PARAMETERS] = {{0.3, 0.1, 0.1}, {0.7, 0.1, 0.1}, {0.1, 0.05, 0.6}, {0.8, 0.6, 0.5},
	{0.02, 0.02, 0.02}, {0.05, 0.9, 0.1}, {0.5, 0.5, 0.95}};
	Corner		best = {.sum = INFINITY};

	for (int i = 0; i < lengthof(starts); i++)
	{
		Corner		found = descend(m, starts[i]);

		/* from where it stopped, once more: a simplex can collapse early */
		found = descend(m, found.at);
		if (i == 0 || found.sum < best.sum)
			best = found;
	}
	return best;
}

/* The sample's deviation of the absolute errors. */
static double
deviation_of_errors(const Model *m)
{
	double		mean = 0;
	double		squares = 0;

	for (int i = 0; i < m->n; i++)
	{
		double		value = fabs(m->errors[i]);
		double		delta = value - mean;

		mean += delta / (i + 1);
		squares += delta * (value - mean);
	}
	return m->n > 1 ? sqrt(squares / (m->n - 1)) : 0;
}

static void
read_parameters(Model *m, const DpAnomalyParams *p)
{
	static const char *const names[PARAMETERS] = {"alpha", "beta", "gamma"};

	for (int k = 0; k < PARAMETERS; k++)
	{
		m->fixed[k] = dp_anomaly_given(p, names[k]);
		m->given[k] = dp_anomaly_number(p, names[k], 0);
		if (!(m->given[k] >= 0 && m->given[k] <= 1))
			dp_anomaly_refuse("alpha, beta and gamma must be between 0 and 1", NULL);
	}
}

void
dp_strategy_holt_winters(DpSeries *s, const DpAnomalyParams *p)
{
	Model		m = {0};
	Corner		best;
	double		factor = dp_anomaly_number(p, "deviation_factor", 1.96);
	double		margin;

	m.period = dp_anomaly_integer(p, "periodicity", 7);
	if (m.period < 2 || m.period > MAX_PERIOD)
		dp_anomaly_refuse("periodicity must be between 2 and 100000",
						  "It is the number of points of a cycle: 24 for hours of a day, 7 for days of a week, 12 for months of a year.");
	if (!(factor >= 0))
		dp_anomaly_refuse("deviation_factor must not be negative", NULL);
	if (s->n == 0)
		dp_anomaly_refuse("series is empty", NULL);
	if (s->from < 2 * m.period)
		dp_anomaly_refuse("at least two full cycles are needed before the search interval",
						  "Give search_from: the points before it are the training.");
	dp_anomaly_need_finite(s);
	read_parameters(&m, p);
	if (s->from >= s->to)
		return;
	m.values = s->values;
	m.n = s->from;
	m.season = palloc(sizeof(double) * (m.n + m.period));
	m.errors = palloc(sizeof(double) * m.n);
	best = fit(&m);
	(void) smooth(&m, best.at);
	margin = factor * deviation_of_errors(&m);
	for (int i = s->from; i < s->to; i++)
	{
		int			ahead = i - s->from;
		double		forecast = m.level + (ahead + 1) * m.trend + m.season[m.n + ahead % m.period];

		if (fabs(s->values[i] - forecast) > margin)
			dp_anomaly_found(s, i, forecast - margin, forecast + margin,
							 psprintf("[%s]: forecasted %.17g for observed value %.17g, with alpha %.6g, beta %.6g, gamma %.6g",
									  s->strategy, forecast, s->values[i], best.at[0], best.at[1], best.at[2]));
	}
}
