/*-------------------------------------------------------------------------
 *
 * numeric.c
 *	  A numeric as text, without the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/numeric.h"

static inline void
put_group(char *to, int group)
{
	for (int i = DP_DEC_DIGITS - 1; i >= 0; i--)
	{
		to[i] = '0' + group % 10;
		group /= 10;
	}
}

bool
dp_numeric_text(const char *numeric, DpBuf *text)
{
	DpNumeric	n = dp_numeric_read(numeric);
	int			whole = Max(n.weight, 0) + 1;	/* groups in front of the point */
	int			all = whole + (n.dscale + DP_DEC_DIGITS - 1) / DP_DEC_DIGITS;
	char	   *p;

	/* A sign, a point and a NUL besides. */
	if (!dp_buf_reserve(text, (size_t) all * DP_DEC_DIGITS + 3))
		return false;
	p = text->data + text->len;
	if (n.negative)
		*p++ = '-';
	for (int i = 0; i < all; i++)
	{
		int			at = n.weight - whole + 1 + i;	/* group of this place */

		if (i == whole)
			*p++ = '.';
		put_group(p, at >= 0 && at < n.ngroups ? n.groups[at] : 0);
		/* no zeros in front, but one before the point */
		if (i == 0)
		{
			int			zeros = 0;

			while (zeros < DP_DEC_DIGITS - 1 && p[zeros] == '0')
				zeros++;
			memmove(p, p + zeros, DP_DEC_DIGITS - zeros);
			p -= zeros;
		}
		p += DP_DEC_DIGITS;
	}
	p -= (all - whole) * DP_DEC_DIGITS - n.dscale;
	*p = '\0';
	text->len = p - text->data;
	return true;
}
