/*
 * attempt.h: work that may fail, in a subtransaction.
 */
#ifndef DP_COMMON_ATTEMPT_H
#define DP_COMMON_ATTEMPT_H

/*
 * Do work(arg).  Returns NULL when it came to its end and stands; else the
 * error, in the caller's memory context, and nothing of the work is left but
 * what it wrote into plain memory.  What errors to pass on (ReThrowError), as a
 * cancellation, is the caller's to say.
 *
 * The work runs in the caller's memory context.  Memory context, resource owner,
 * user, settings and XactReadOnly are afterwards as before.
 */
extern ErrorData *dp_attempt(void (*work) (void *arg), void *arg);

/* The same, and nothing is left of it in the database when it succeeds, either. */
extern ErrorData *dp_attempt_undone(void (*work) (void *arg), void *arg);

#endif
