/*-------------------------------------------------------------------------
 *
 * inject.h
 *	  Named points where a test can make a worker die, fail or wait.
 *
 * Compiled only under DATAPLAT_INJECTION; a release build has nothing of it.
 * A point is armed from SQL (dp_inject_set) for all processes, a number of
 * times.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_INJECT_H
#define DP_COMMON_INJECT_H

#ifdef DATAPLAT_INJECTION
extern void dp_inject(const char *point);
extern void dp_inject_init(void);

/* Die of these bytes, whenever they are met: a fault that data brings along. */
extern void dp_inject_poison(const void *data, size_t len);

#define DP_INJECT(point) dp_inject(point)
#define DP_INJECT_POISON(data, len) dp_inject_poison(data, len)
#else
#define DP_INJECT(point) ((void) 0)
#define DP_INJECT_POISON(data, len) ((void) 0)
#endif

#endif							/* DP_COMMON_INJECT_H */
