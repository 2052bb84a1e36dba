/*-------------------------------------------------------------------------
 *
 * distribution.c
 *	  Distribution functions, and how likely a test statistic is.
 *
 * The incomplete gamma and beta functions are summed as series where these
 * converge fast and as continued fractions elsewhere.  The distribution of
 * Kolmogorov's statistic is exact for small samples (the matrix of Marsaglia,
 * Tsang and Wang), and the expansion of Pelz and Good for larger ones; far out,
 * where one minus that would only be rounding, the one-sided distribution
 * counts twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "quality/distribution.h"

extern PGDLLEXPORT Datum dp_distribution_cdf(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_quality_chi_square_p(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_quality_kolmogorov_p(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_distribution_cdf);
PG_FUNCTION_INFO_V1(dp_quality_chi_square_p);
PG_FUNCTION_INFO_V1(dp_quality_kolmogorov_p);

#define PRECISION 1e-16
#define MAX_TERMS 100000
/* Just above zero, where a continued fraction would divide by it. */
#define TINY 1e-300
/* n d^2 from which both tails are twice one tail, to ten digits and more. */
#define TAIL_FROM 4.0
/* The matrix of a larger sample takes too long, and the expansion is good. */
#define MATRIX_SAMPLES 2000
/* Terms of the exact tail; of larger samples its limit is as good. */
#define TAIL_SAMPLES 100000
/* Powers of ten taken out of the matrix so that it neither over- nor underflows. */
#define MATRIX_BIG 1e140

typedef struct Family
{
	const char *name;
	int			shapes;			/* parameters before location and scale */
} Family;

static const Family families[] = {
	{"norm", 0}, {"uniform", 0}, {"expon", 0}, {"lognorm", 1}, {"gamma", 1}, {"chi2", 1}, {"beta", 2},
};

/* The upper incomplete gamma function divided by the whole. */
static double
gamma_upper(double a, double x)
{
	double		front;
	double		sum;
	double		term;
	double		b;
	double		c;
	double		d;
	int			i;

	if (x <= 0)
		return 1;
	if (isinf(x))
		return 0;
	front = exp(a * log(x) - x - lgamma(a));
	if (x < a + 1)
	{
		sum = term = 1 / a;
		for (i = 1; i < MAX_TERMS && fabs(term) > fabs(sum) * PRECISION; i++)
		{
			term *= x / (a + i);
			sum += term;
		}
		return Max(1 - sum * front, 0);
	}
	b = x + 1 - a;
	c = 1 / TINY;
	d = 1 / b;
	sum = d;
	for (i = 1; i < MAX_TERMS; i++)
	{
		double		an = -i * (i - a);

		b += 2;
		d = an * d + b;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = b + an / c;
		c = fabs(c) < TINY ? TINY : c;
		sum *= d * c;
		if (fabs(d * c - 1) < PRECISION * 10)
			break;
	}
	return front * sum;
}

/* The continued fraction of the incomplete beta function. */
static double
beta_fraction(double a, double b, double x)
{
	double		c = 1;
	double		d = 1 - (a + b) * x / (a + 1);
	double		sum;
	int			i;

	d = 1 / (fabs(d) < TINY ? TINY : d);
	sum = d;
	for (i = 1; i < MAX_TERMS; i++)
	{
		double		even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i));
		double		odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1));

		d = 1 + even * d;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = 1 + even / c;
		c = fabs(c) < TINY ? TINY : c;
		sum *= d * c;
		d = 1 + odd * d;
		d = 1 / (fabs(d) < TINY ? TINY : d);
		c = 1 + odd / c;
		c = fabs(c) < TINY ? TINY : c;
		sum *= d * c;
		if (fabs(d * c - 1) < PRECISION * 10)
			break;
	}
	return sum;
}

static double
beta_lower(double a, double b, double x)
{
	double		front;

	if (x <= 0 || x >= 1)
		return x <= 0 ? 0 : 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/*
 * How likely is a chi-square statistic at least this large?
 */
double
dp_chi_square_p(double statistic, double degrees)
{
	return gamma_upper(degrees / 2, statistic / 2);
}

/* c = a b, all of size m; the power of MATRIX_BIG that c was divided by. */
static int
multiply(const double *a, const double *b, double *c, int m)
{
	int			i;
	int			j;
	int			k;

	for (i = 0; i < m; i++)
		for (j = 0; j < m; j++)
		{
			double		sum = 0;

			for (k = 0; k < m; k++)
				sum += a[i * m + k] * b[k * m + j];
			c[i * m + j] = sum;
		}
	CHECK_FOR_INTERRUPTS();
	if (c[(m / 2) * m + m / 2] < MATRIX_BIG)
		return 0;
	for (i = 0; i < m * m; i++)
		c[i] /= MATRIX_BIG;
	return 1;
}

/* P(D < d) of n values, exactly. */
static double
kolmogorov_matrix(double d, int n)
{
	int			k = (int) (n * d) + 1;
	int			m = 2 * k - 1;
	double		h = k - n * d;
	double	   *step = palloc0(sizeof(double) * m * m);
	double	   *power = palloc0(sizeof(double) * m * m);
	double	   *work = palloc0(sizeof(double) * m * m);
	double	   *swap;
	int			exponent = 0;
	int			step_exponent = 0;
	int			left = n;
	double		p;
	int			i;
	int			j;

	for (i = 0; i < m; i++)
		for (j = 0; j < m; j++)
			step[i * m + j] = (i - j + 1 < 0) ? 0 : 1;
	for (i = 0; i < m; i++)
	{
		step[i * m] -= pow(h, i + 1);
		step[(m - 1) * m + i] -= pow(h, m - i);
	}
	step[(m - 1) * m] += 2 * h - 1 > 0 ? pow(2 * h - 1, m) : 0;
	for (i = 0; i < m; i++)
		for (j = 0; j < m; j++)
			if (i - j + 1 > 0)
				step[i * m + j] /= tgamma(i - j + 2);
	for (i = 0; i < m; i++)
		power[i * m + i] = 1;
	while (left > 0)
	{
		if (left & 1)
		{
			exponent += step_exponent + multiply(power, step, work, m);
			swap = power;
			power = work;
			work = swap;
		}
		left >>= 1;
		if (left > 0)
		{
			step_exponent = 2 * step_exponent + multiply(step, step, work, m);
			swap = step;
			step = work;
			work = swap;
		}
	}
	p = power[(k - 1) * m + k - 1];
	/* times n! / n^n, in logarithms: each may be out of range by itself */
	p = p <= 0 ? 0 : exp(log(p) + exponent * log(MATRIX_BIG) + lgamma(n + 1.0) - n * log((double) n));
	pfree(step);
	pfree(power);
	pfree(work);
	return p;
}

/* P(D < d) of many values. */
static double
kolmogorov_expansion(double d, double n)
{
	double		z = d * sqrt(n);
	double		z2 = z * z;
	double		z4 = z2 * z2;
	double		z6 = z4 * z2;
	double		pi2 = M_PI * M_PI;
	double		k0 = 0;
	double		k1 = 0;
	double		k2 = 0;
	double		k3 = 0;
	double		whole2 = 0;
	double		whole3 = 0;
	double		root = sqrt(M_PI / 2);
	int			k;

	for (k = 0; k < 100; k++)
	{
		double		u = pi2 * (k + 0.5) * (k + 0.5);
		double		e = 2 * exp(-u / (2 * z2));
		double		v = pi2 * k * k;
		double		f = 2 * exp(-v / (2 * z2));

		k0 += e / 2;
		k1 += (u - z2) * e;
		k2 += (6 * z6 + 2 * z4 + u * (2 * z4 - 5 * z2) + u * u * (1 - 2 * z2)) * e;
		k3 += (u * u * u * (5 - 30 * z2) + u * u * (-60 * z2 + 212 * z4) + u * (135 * z4 - 96 * z6) - (30 * z6 + 90 * z4 * z4)) * e;
		whole2 += v * f;
		whole3 += (-v * v + 3 * v * z2) * f;
		if (e < PRECISION && f < PRECISION)
			break;
	}
	k0 *= sqrt(2 * M_PI) / z;
	k1 *= root / (6 * z4);
	k2 = k2 * root / (72 * z6 * z) - whole2 * root / (36 * z2 * z);
	k3 = k3 * root / (6480 * z6 * z4) + whole3 * root / (216 * z6);
	return k0 + k1 / sqrt(n) + k2 / n + k3 / (n * sqrt(n));
}

/* P(D+ >= d), the distance on one side only. */
static double
one_sided(double d, double n)
{
	double		sum = 0;
	double		last = floor(n * (1 - d));
	double		j;

	if (n > TAIL_SAMPLES)
		return exp(-(6 * n * d + 1) * (6 * n * d + 1) / (18 * n));
	for (j = 0; j <= last; j++)
	{
		double		rest = 1 - d - j / n;

		if (rest <= 0)
			break;
		sum += exp(lgamma(n + 1) - lgamma(j + 1) - lgamma(n - j + 1) + (j - 1) * log(d + j / n) + (n - j) * log(rest));
	}
	return d * sum;
}

/*
 * How likely is it that n values are this far or farther from their
 * distribution, by Kolmogorov's two-sided statistic?
 */
double
dp_kolmogorov_p(double distance, double n)
{
	double		p;

	if (n < 1 || distance <= 0.5 / n)
		return 1;
	if (distance >= 1)
		return 0;
	if (n * distance * distance >= TAIL_FROM)
		p = 2 * one_sided(distance, n);
	else if (n <= MATRIX_SAMPLES)
		p = 1 - kolmogorov_matrix(distance, (int) n);
	else
		p = 1 - kolmogorov_expansion(distance, n);
	return Min(Max(p, 0), 1);
}

/* Between 0 and 1: how much of the distribution is below x. */
static double
cdf(const Family *family, const double *shape, double x)
{
	if (strcmp(family->name, "norm") == 0)
		return erfc(-x / M_SQRT2) / 2;
	if (strcmp(family->name, "uniform") == 0)
		return Min(Max(x, 0), 1);
	if (strcmp(family->name, "expon") == 0)
		return x <= 0 ? 0 : -expm1(-x);
	if (strcmp(family->name, "lognorm") == 0)
		return x <= 0 ? 0 : erfc(-log(x) / shape[0] / M_SQRT2) / 2;
	if (strcmp(family->name, "gamma") == 0)
		return 1 - gamma_upper(shape[0], x);
	if (strcmp(family->name, "chi2") == 0)
		return 1 - gamma_upper(shape[0] / 2, x / 2);
	return beta_lower(shape[0], shape[1], x);
}

/*
 * dataplat.distribution_cdf(distribution text, x float8, params float8[])
 *
 * The parameters are scipy's: shapes, then location and scale, which may be
 * left out.
 */
Datum
dp_distribution_cdf(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	double		x = PG_GETARG_FLOAT8(1);
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(2);
	double	   *params = (double *) ARR_DATA_PTR(array);
	int			nparams = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const Family *family = NULL;
	double		location;
	double		scale;
	int			i;

	for (i = 0; i < (int) lengthof(families); i++)
		if (strcmp(families[i].name, name) == 0)
			family = &families[i];
	if (family == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown distribution \"%s\"", name),
				 errhint("Known are norm, uniform, expon, lognorm, gamma, chi2 and beta.")));
	if (ARR_HASNULL(array) || nparams < family->shapes || nparams > family->shapes + 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("distribution \"%s\" takes %d to %d parameters", name, family->shapes, family->shapes + 2)));
	location = nparams > family->shapes ? params[family->shapes] : 0;
	scale = nparams > family->shapes + 1 ? params[family->shapes + 1] : 1;
	for (i = 0; i < family->shapes; i++)
		if (!(params[i] > 0))
			scale = 0;
	if (!(scale > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("shapes and scale of distribution \"%s\" must be positive", name)));
	if (isnan(x))
		PG_RETURN_FLOAT8(x);
	PG_RETURN_FLOAT8(cdf(family, params, (x - location) / scale));
}

Datum
dp_quality_chi_square_p(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(dp_chi_square_p(PG_GETARG_FLOAT8(0), PG_GETARG_FLOAT8(1)));
}

Datum
dp_quality_kolmogorov_p(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(dp_kolmogorov_p(PG_GETARG_FLOAT8(0), PG_GETARG_FLOAT8(1)));
}
