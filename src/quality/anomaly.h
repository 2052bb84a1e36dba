/*-------------------------------------------------------------------------
 *
 * anomaly.h
 *	  What the strategies that find anomalies share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUALITY_ANOMALY_H
#define DP_QUALITY_ANOMALY_H

#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/jsonb.h"

#define DP_ANOMALY_MAX_PARAMS 8

typedef struct DpSeries
{
	const char *strategy;
	double	   *values;			/* without the missing ones */
	int		   *numbers;		/* their numbers in the series as given */
	int			n;
	int			from;			/* points to be looked at: indexes of values */
	int			to;
	ReturnSetInfo *rsinfo;
} DpSeries;

typedef struct DpAnomalyParams DpAnomalyParams;

typedef struct DpAnomalyStrategy
{
	const char *name;
	const char *shown;
	void		(*detect) (DpSeries *s, const DpAnomalyParams *p);
	const char *params[DP_ANOMALY_MAX_PARAMS];
} DpAnomalyStrategy;

/* MaxRateIncrease, maxRateIncreaseStrategy and max-rate-increase are max_rate_increase. */
extern char *dp_anomaly_plain_name(const char *name);

/* Errors: 22023 for a name that the strategy does not have, with those it has. */
extern DpAnomalyParams *dp_anomaly_params(Jsonb *params, const DpAnomalyStrategy *strategy);
extern bool dp_anomaly_given(const DpAnomalyParams *p, const char *name);
extern bool dp_anomaly_is_null(const DpAnomalyParams *p, const char *name); /* given as null */
extern double dp_anomaly_number(const DpAnomalyParams *p, const char *name, double otherwise);
extern int	dp_anomaly_integer(const DpAnomalyParams *p, const char *name, int otherwise);
extern bool dp_anomaly_boolean(const DpAnomalyParams *p, const char *name, bool otherwise);
extern const char *dp_anomaly_text(const DpAnomalyParams *p, const char *name, const char *otherwise);

extern void dp_anomaly_found(DpSeries *s, int point, double lower, double upper, const char *detail);
extern void dp_anomaly_need_finite(const DpSeries *s);
extern void dp_anomaly_refuse(const char *message, const char *hint);	/* does not return */

extern void dp_strategy_holt_winters(DpSeries *s, const DpAnomalyParams *p);

#endif							/* DP_QUALITY_ANOMALY_H */
