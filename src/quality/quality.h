/*-------------------------------------------------------------------------
 *
 * quality.h
 *	  What is expected of data, and what came of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUALITY_H
#define DP_QUALITY_H

/* Kilobytes for what a validation sorts, hashes or collects. */
extern int	dp_quality_work_mem;

extern void dp_quality_init(void);
extern void dp_quality_score_init(void);

/* ---- schedule.c ---- */
extern void dp_quality_schedule_init(void);

#endif							/* DP_QUALITY_H */
