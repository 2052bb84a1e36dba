/*-------------------------------------------------------------------------
 *
 * budget.h
 *	  The error budget: how many of the last messages failed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_BUDGET_H
#define DP_INGEST_BUDGET_H

#include "ingest/source.h"

/* It looks at this many messages at least before a share means something. */
#define DP_BUDGET_MIN 1000

/* And at about this many at most, in buckets of a tenth. */
#define DP_BUDGET_WINDOW 10000
#define DP_BUDGET_BUCKETS 10

typedef struct DpBudget
{
	struct
	{
		int64		messages;
		int64		errors;
	}			buckets[DP_BUDGET_BUCKETS];
	int			current;
} DpBudget;

extern void dp_budget_add(DpBudget *budget, int64 messages, int64 errors);

/*
 * Why the source's budget is used up, palloc'd, or NULL.  "more" is what was
 * decoded and is not in the window yet.
 */
extern char *dp_budget_exceeded(const DpBudget *budget, const DpSource *source,
								int64 more_messages, int64 more_errors);

#endif							/* DP_INGEST_BUDGET_H */
