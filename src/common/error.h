/*-------------------------------------------------------------------------
 *
 * error.h
 *	  An error as a value, for code that must not throw.
 *
 * Decoders meet hostile bytes in the middle of a batch; they fill a DpError
 * and return false, and the caller makes a dead letter of it.  The struct
 * knows nothing of the server, so that decoders can be fuzzed alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_ERROR_H
#define DP_COMMON_ERROR_H

#include <stddef.h>

/* Position unknown or not applicable. */
#define DP_NO_POSITION ((size_t) -1)

typedef struct DpError
{
	char		sqlstate[6];	/* five characters and a NUL */
	size_t		position;		/* byte offset into the input, or DP_NO_POSITION */
	char		message[160];	/* primary message: lower case, no full stop, no input bytes */
	char		detail[256];	/* a sentence, or empty */
} DpError;

/* Fill "err"; always returns 0 so that callers can "return dp_error_set(...)". */
extern int	dp_error_set(DpError *err, const char *sqlstate, size_t position,
						 const char *fmt,...) __attribute__((format(printf, 4, 5)));

#endif							/* DP_COMMON_ERROR_H */
