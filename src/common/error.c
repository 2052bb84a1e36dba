/*-------------------------------------------------------------------------
 *
 * error.c
 *	  An error as a value, for code that must not throw.
 *
 * Free of server headers on purpose: see error.h.
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"

int
dp_error_set(DpError *err, const char *sqlstate, size_t position,
			 const char *fmt,...)
{
	va_list		ap;

	memcpy(err->sqlstate, sqlstate, 5);
	err->sqlstate[5] = '\0';
	err->position = position;
	err->detail[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return 0;
}
