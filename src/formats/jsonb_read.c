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
#include "formats/numeric.h"
#include "formats/shapes.h"

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

bool
dp_jsonb_number_text(const DpJsonbItem *number, DpBuf *text)
{
	dp_buf_reset(text);
	return dp_numeric_text(number->ptr, text);
}
