/*-------------------------------------------------------------------------
 *
 * buf.h
 *	  A growable byte buffer that knows nothing of the server.
 *
 * The decoders write into it, both inside a backend and in the stand-alone
 * fuzz programs, so it uses malloc and never throws: a failed growth sets
 * "oom" and later appends do nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_BUF_H
#define DP_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct DpBuf
{
	char	   *data;
	size_t		len;			/* bytes in use */
	size_t		cap;			/* bytes allocated */
	bool		oom;			/* an allocation failed: contents are void */
} DpBuf;

/* Make room for "more" bytes past len; false when memory ran out. */
static inline bool
dp_buf_reserve(DpBuf *buf, size_t more)
{
	size_t		cap;
	char	   *data;

	if (buf->len + more <= buf->cap)
		return true;
	cap = buf->cap ? buf->cap : 1024;
	while (cap < buf->len + more)
		cap *= 2;
	data = realloc(buf->data, cap);
	if (data == NULL)
	{
		buf->oom = true;
		return false;
	}
	buf->data = data;
	buf->cap = cap;
	return true;
}

static inline void
dp_buf_append(DpBuf *buf, const void *src, size_t n)
{
	if (dp_buf_reserve(buf, n) && n > 0)
	{
		memcpy(buf->data + buf->len, src, n);
		buf->len += n;
	}
}

/* Forget the contents, keep the memory. */
static inline void
dp_buf_reset(DpBuf *buf)
{
	buf->len = 0;
	buf->oom = false;
}

static inline void
dp_buf_free(DpBuf *buf)
{
	free(buf->data);
	memset(buf, 0, sizeof(*buf));
}

#endif							/* DP_COMMON_BUF_H */
