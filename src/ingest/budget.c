/*-------------------------------------------------------------------------
 *
 * budget.c
 *	  The error budget: how many of the last messages failed.
 *
 * A sliding window in ten buckets; the oldest is forgotten as a new one is
 * begun.  The window is a worker's own and starts empty with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "ingest/budget.h"

void
dp_budget_add(DpBudget *budget, int64 messages, int64 errors)
{
	budget->buckets[budget->current].messages += messages;
	budget->buckets[budget->current].errors += errors;
	if (budget->buckets[budget->current].messages >= DP_BUDGET_WINDOW / DP_BUDGET_BUCKETS)
	{
		budget->current = (budget->current + 1) % DP_BUDGET_BUCKETS;
		memset(&budget->buckets[budget->current], 0, sizeof(budget->buckets[0]));
	}
}

char *
dp_budget_exceeded(const DpBudget *budget, const DpSource *source,
				   int64 more_messages, int64 more_errors)
{
	int64		messages = more_messages;
	int64		errors = more_errors;

	for (int i = 0; i < DP_BUDGET_BUCKETS; i++)
	{
		messages += budget->buckets[i].messages;
		errors += budget->buckets[i].errors;
	}
	if (source->max_errors >= 0 && errors > source->max_errors)
		return psprintf(INT64_FORMAT " of the last " INT64_FORMAT " messages failed; max_errors is " INT64_FORMAT,
						errors, messages, source->max_errors);
	if (messages >= DP_BUDGET_MIN && source->max_error_ratio < 1.0 &&
		(double) errors / (double) messages > source->max_error_ratio)
		return psprintf(INT64_FORMAT " of the last " INT64_FORMAT " messages failed, more than the share of %g",
						errors, messages, source->max_error_ratio);
	return NULL;
}
