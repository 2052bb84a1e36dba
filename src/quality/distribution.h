/*-------------------------------------------------------------------------
 *
 * distribution.h
 *	  Distribution functions, and how likely a test statistic is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUALITY_DISTRIBUTION_H
#define DP_QUALITY_DISTRIBUTION_H

extern double dp_chi_square_p(double statistic, double degrees);
extern double dp_kolmogorov_p(double distance, double n);

#endif							/* DP_QUALITY_DISTRIBUTION_H */
