/*-------------------------------------------------------------------------
 *
 * jsonb_read.c
 *	  The bytes of a jsonb, without the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/jsonb.h"

#include "formats/jsonb_read.h"
#include "formats/shapes.h"

/* As in the server's numeric.c. */
#define DEC_DIGITS 4
#define NUMERIC_SHORT 0x8000
#define NUMERIC_SIGN_MASK 0xC000
#define NUMERIC_NEG 0x4000
#define NUMERIC_SHORT_NEG 0x2000
#define NUMERIC_SHORT_DSCALE_MASK 0x1F80
#define NUMERIC_SHORT_DSCALE_SHIFT 7
#define NUMERIC_SHORT_WEIGHT_SIGN 0x0040
#define NUMERIC_SHORT_WEIGHT_MASK 0x003F
#define NUMERIC_DSCALE_MASK 0x3FFF

static DpJsonbItem
container_at(const char *p)
{
	uint32		header;
	DpJsonbItem item;

	memcpy(&header, p, sizeof(header));
	item.kind = (header & JB_FOBJECT) ? DP_JSONB_OBJECT : DP_JSONB_ARRAY;
	item.len = header & JB_CMASK;
	item.ptr = p;
	return item;
}

static inline JEntry
entry_at(const char *container, uint32 i)
{
	JEntry		entry;

	memcpy(&entry, container + sizeof(uint32) + i * sizeof(JEntry), sizeof(entry));
	return entry;
}

/* Child i of a container with n entries. */
static DpJsonbItem
child(const char *container, uint32 n, uint32 i)
{
	const char *data = container + sizeof(uint32) + (size_t) n * sizeof(JEntry);
	JEntry		entry = entry_at(container, i);
	uint32		offset = 0;
	DpJsonbItem item = {DP_JSONB_NULL, 0, NULL};

	/* every 32nd entry knows where it ends */
	for (uint32 k = i; k > 0; k--)
	{
		JEntry		before = entry_at(container, k - 1);

		offset += JBE_OFFLENFLD(before);
		if (JBE_HAS_OFF(before))
			break;
	}
	item.ptr = data + offset;
	switch (entry & JENTRY_TYPEMASK)
	{
		case JENTRY_ISSTRING:
			item.kind = DP_JSONB_STRING;
			item.len = JBE_OFFLENFLD(entry) - (JBE_HAS_OFF(entry) ? offset : 0);
			break;
		case JENTRY_ISNUMERIC:
			item.kind = DP_JSONB_NUMBER;
			item.ptr = (const char *) INTALIGN((uintptr_t) item.ptr);
			break;
		case JENTRY_ISBOOL_FALSE:
			item.kind = DP_JSONB_FALSE;
			break;
		case JENTRY_ISBOOL_TRUE:
			item.kind = DP_JSONB_TRUE;
			break;
		case JENTRY_ISCONTAINER:
			return container_at((const char *) INTALIGN((uintptr_t) item.ptr));
		default:
			break;
	}
	return item;
}

DpJsonbItem
dp_jsonb_root(const char *jsonb)
{
	const char *p = VARDATA(jsonb);
	uint32		header;

	memcpy(&header, p, sizeof(header));
	return (header & JB_FSCALAR) ? child(p, 1, 0) : container_at(p);
}

DpJsonbItem
dp_jsonb_element(const DpJsonbItem *array, uint32 i)
{
	return child(array->ptr, array->len, i);
}

DpJsonbItem
dp_jsonb_key(const DpJsonbItem *object, uint32 i)
{
	return child(object->ptr, 2 * object->len, i);
}

DpJsonbItem
dp_jsonb_value(const DpJsonbItem *object, uint32 i)
{
	return child(object->ptr, 2 * object->len, object->len + i);
}

bool
dp_jsonb_find(const DpJsonbItem *object, const char *key, uint32 keylen, DpJsonbItem *out)
{
	uint32		low = 0;
	uint32		high = object->len;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		DpJsonbItem k = dp_jsonb_key(object, middle);
		int			cmp = dp_key_compare(k.ptr, k.len, key, keylen);

		if (cmp == 0)
		{
			*out = dp_jsonb_value(object, middle);
			return true;
		}
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* One of numeric's digits, which are four of ours. */
static void
put_group(char *to, int group)
{
	for (int i = DEC_DIGITS - 1; i >= 0; i--)
	{
		to[i] = '0' + group % 10;
		group /= 10;
	}
}

bool
dp_jsonb_number_text(const DpJsonbItem *number, DpBuf *text)
{
	const uint16 *words = (const uint16 *) (number->ptr + VARHDRSZ);
	uint16		header = words[0];
	bool		is_short = (header & NUMERIC_SIGN_MASK) == NUMERIC_SHORT;
	int			groups = (VARSIZE(number->ptr) - VARHDRSZ) / sizeof(uint16) - (is_short ? 1 : 2);
	int			dscale = is_short ? (header & NUMERIC_SHORT_DSCALE_MASK) >> NUMERIC_SHORT_DSCALE_SHIFT :
		header & NUMERIC_DSCALE_MASK;
	int			weight = is_short ? (header & NUMERIC_SHORT_WEIGHT_MASK) |
		(header & NUMERIC_SHORT_WEIGHT_SIGN ? ~NUMERIC_SHORT_WEIGHT_MASK : 0) : (int16) words[1];
	bool		negative = is_short ? (header & NUMERIC_SHORT_NEG) != 0 :
		(header & NUMERIC_SIGN_MASK) == NUMERIC_NEG;
	int			whole = Max(weight, 0) + 1; /* groups in front of the point */
	int			all = whole + (dscale + DEC_DIGITS - 1) / DEC_DIGITS;
	char	   *p;
	char	   *start;

	dp_buf_reset(text);
	if (!dp_buf_reserve(text, (size_t) all * DEC_DIGITS + 3))
		return false;
	words += is_short ? 1 : 2;
	start = p = text->data;
	if (negative)
		*p++ = '-';
	for (int i = 0; i < all; i++)
	{
		int			at = weight - whole + 1 + i;	/* group of this place */

		if (i == whole)
			*p++ = '.';
		put_group(p, at >= 0 && at < groups ? words[at] : 0);
		/* no zeros in front, but one before the point */
		if (i == 0)
		{
			int			zeros = 0;

			while (zeros < DEC_DIGITS - 1 && p[zeros] == '0')
				zeros++;
			memmove(p, p + zeros, DEC_DIGITS - zeros);
			p -= zeros;
		}
		p += DEC_DIGITS;
	}
	p -= (all - whole) * DEC_DIGITS - dscale;
	*p = '\0';
	text->len = p - start;
	return true;
}
