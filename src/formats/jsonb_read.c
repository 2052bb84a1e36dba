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

/* Where the children of a container with n entries are. */
static inline const char *
data_of(const char *container, uint32 n)
{
	return container + sizeof(uint32) + (size_t) n * sizeof(JEntry);
}

/* Where child i begins in them: every 32nd entry knows where it ends. */
static uint32
offset_of(const char *container, uint32 i)
{
	uint32		offset = 0;

	for (uint32 k = i; k > 0; k--)
	{
		JEntry		before = entry_at(container, k - 1);

		offset += JBE_OFFLENFLD(before);
		if (JBE_HAS_OFF(before))
			break;
	}
	return offset;
}

/* The child that this entry is of. */
static inline DpJsonbItem
item_at(const char *data, uint32 offset, JEntry entry)
{
	DpJsonbItem item = {DP_JSONB_NULL, 0, data + offset};

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

/* Child i of a container with n entries. */
static DpJsonbItem
child(const char *container, uint32 n, uint32 i)
{
	return item_at(data_of(container, n), offset_of(container, i), entry_at(container, i));
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

DpJsonbWalk
dp_jsonb_walk(const DpJsonbItem *container)
{
	bool		object = container->kind == DP_JSONB_OBJECT;
	DpJsonbWalk walk = {container->ptr, data_of(container->ptr, object ? 2 * container->len : container->len)};

	return walk;
}

DpJsonbWalk
dp_jsonb_walk_values(const DpJsonbItem *object)
{
	DpJsonbWalk walk = dp_jsonb_walk(object);

	walk.i = object->len;
	walk.offset = offset_of(walk.container, walk.i);
	return walk;
}

DpJsonbItem
dp_jsonb_next(DpJsonbWalk *walk)
{
	JEntry		entry = entry_at(walk->container, walk->i++);
	DpJsonbItem item = item_at(walk->data, walk->offset, entry);

	walk->offset = JBE_OFFLENFLD(entry) + (JBE_HAS_OFF(entry) ? 0 : walk->offset);
	return item;
}

/* Which member has this key; -1 when there is none. */
static int64
place_of(const DpJsonbItem *object, const char *key, uint32 keylen)
{
	uint32		low = 0;
	uint32		high = object->len;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		DpJsonbItem k = dp_jsonb_key(object, middle);
		int			cmp = dp_key_compare(k.ptr, k.len, key, keylen);

		if (cmp == 0)
			return middle;
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

bool
dp_jsonb_has(const DpJsonbItem *object, const char *key, uint32 keylen)
{
	return place_of(object, key, keylen) >= 0;
}

bool
dp_jsonb_find(const DpJsonbItem *object, const char *key, uint32 keylen, DpJsonbItem *out)
{
	int64		place = place_of(object, key, keylen);

	if (place >= 0)
		*out = dp_jsonb_value(object, place);
	return place >= 0;
}

bool
dp_jsonb_number_text(const DpJsonbItem *number, DpBuf *text)
{
	dp_buf_reset(text);
	return dp_numeric_text(number->ptr, text);
}
