/*-------------------------------------------------------------------------
 *
 * compare.h
 *	  The state of one comparison of two schemas, shared by the files that do it.
 *
 * The same walk serves two ends.  While it judges, it only remembers for each
 * pair of models whether they differ and whether they are incompatible; while
 * it tells, it hands out the differences.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_COMPARE_H
#define DP_JSONSCHEMA_COMPARE_H

#include "postgres.h"

#include "jsonschema/difference.h"
#include "jsonschema/model.h"

#define DP_JS_COMPARE_MAX_DEPTH 2000	/* models inside each other: a megabyte of stack */
#define DP_JS_COMPARE_MAX_STEPS (20 * 1000 * 1000)	/* pairs looked at, all rounds together */
#define DP_JS_COMPARE_MAX_PAIRS (1000 * 1000)
#define DP_JS_COMPARE_MAX_TOLD 1000 /* differences before the same pair is not told again */

/* What is known of a pair. */
#define DP_JS_PAIR_DIFFERS 0x01
#define DP_JS_PAIR_INCOMPATIBLE 0x02
#define DP_JS_PAIR_OPEN 0x04	/* being looked at, further up */
#define DP_JS_PAIR_TOLD 0x08

typedef struct DpJsPair
{
	const DpJsModel *old;
	const DpJsModel *new;
	uint32		round;			/* when it was looked at last */
	uint8		bits;
} DpJsPair;

typedef struct DpJsCompare
{
	DpDifferenceSink sink;
	void	   *arg;
	DpError    *err;
	bool		lenient;
	DpJsModels	models;
	DpJsPair   *pairs;			/* hash table, open addressing */
	uint32		npairs;
	uint32		nbuckets;
	uint32		round;
	bool		changed;		/* some pair got worse in this round */
	bool		telling;
	bool		failed;			/* *err is set */
	bool		stopped;		/* the sink has had enough */
	uint8		bits;			/* of the pair that is being judged */
	int			depth;
	uint32		steps;
	uint32		asked;			/* the last time about interrupts */
	uint32		told;
	DpBuf		path;
} DpJsCompare;

/* Compare and take the differences over; either may be NULL. */
extern void dp_js_compare(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new);
extern void dp_js_compare_models(DpJsCompare *c, DpJsModel *old, DpJsModel *new);

/* Only the verdict: the bits of the pair. */
extern uint8 dp_js_compare_judge(DpJsCompare *c, DpJsModel *old, DpJsModel *new);

/* A difference here, or one step further down. */
extern void dp_js_compare_add(DpJsCompare *c, DpJsDifference type);
extern void dp_js_compare_add_at(DpJsCompare *c, const char *step, DpJsDifference type);

/* Go down; returns what to set path.len to afterwards. */
extern size_t dp_js_compare_down(DpJsCompare *c, const char *step);

extern bool dp_js_compare_oom(DpJsCompare *c);

/* Count work done; false when the walk is to end. */
extern bool dp_js_compare_may_go_on(DpJsCompare *c, uint32 steps);

extern void dp_js_compare_objects(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new);
extern void dp_js_compare_arrays(DpJsCompare *c, const DpJsSchema *old, const DpJsSchema *new);
/* "added" is the first of ADDED, REMOVED, EXTENDED, NARROWED. */
extern void dp_js_compare_unevaluated(DpJsCompare *c, const char *keyword, const DpJsSchema *old,
									  const DpJsSchema *new, DpJsDifference added);
extern void dp_js_compare_combined(DpJsCompare *c, DpJsModel *old, DpJsModel *new);

/* Counts of two schemas; "added" is the first of ADDED, REMOVED, INCREASED, DECREASED. */
extern void dp_js_compare_count(DpJsCompare *c, const char *keyword, uint32 old, uint32 new,
								uint32 absent, DpJsDifference added);

#endif							/* DP_JSONSCHEMA_COMPARE_H */
