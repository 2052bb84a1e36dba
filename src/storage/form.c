/*-------------------------------------------------------------------------
 *
 * form.c
 *	  Values to a heap tuple, with what is known of the table worked out once.
 *
 * The result is byte for byte what heap_form_tuple makes.  It is faster
 * because the columns' lengths and alignments are looked up when the table is
 * opened, the size is only bounded and not computed, and bytes that lie in a
 * message go to their place without a varlena in between.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"

#include "storage/form.h"

typedef enum ColumnKind
{
	COLUMN_8,					/* by value, of so many bytes */
	COLUMN_4,
	COLUMN_2,
	COLUMN_1,
	COLUMN_FIXED,				/* by reference, of one length */
	COLUMN_VARLENA
} ColumnKind;

typedef struct Column
{
	ColumnKind	kind;
	int			len;			/* of a value with one length */
	uintptr_t	align;			/* alignment - 1 */
	bool		may_be_short;
} Column;

/* Aligning writes zeroes past the end of a value. */
#define PAD_BYTES sizeof(uint64)

struct DpFormer
{
	int			natts;
	Size		header;			/* with a null bitmap */
	Size		fixed;			/* bound of header and columns of one length */
	Column		columns[FLEXIBLE_ARRAY_MEMBER];
};

DpFormer *
dp_former_create(TupleDesc desc)
{
	DpFormer   *former = palloc0(offsetof(DpFormer, columns) + sizeof(Column) * desc->natts);

	former->natts = desc->natts;
	former->fixed = former->header = MAXALIGN(offsetof(HeapTupleHeaderData, t_bits) + BITMAPLEN(desc->natts));
	former->fixed += PAD_BYTES;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Column	   *c = &former->columns[i];

		c->len = att->attlen;
		c->align = att_align_nominal(1, att->attalign) - 1;
		c->may_be_short = att->attstorage != TYPSTORAGE_PLAIN;
		if (att->attlen > 0)
		{
			c->kind = !att->attbyval ? COLUMN_FIXED : att->attlen == 8 ? COLUMN_8 :
				att->attlen == 4 ? COLUMN_4 : att->attlen == 2 ? COLUMN_2 : COLUMN_1;
			former->fixed += att->attlen + MAXIMUM_ALIGNOF;
		}
		else
			c->kind = COLUMN_VARLENA;	/* no table has a cstring */
	}
	return former;
}

Size
dp_former_bound(const DpFormer *former, const DpCell *cells)
{
	Size		bound = former->fixed;

	for (int i = 0; i < former->natts; i++)
	{
		if (cells[i].isnull || former->columns[i].kind != COLUMN_VARLENA)
			continue;
		bound += VARHDRSZ + MAXIMUM_ALIGNOF;
		if (cells[i].raw != DP_NOT_RAW)
			bound += cells[i].raw;
		else if (VARATT_IS_EXTERNAL(DatumGetPointer(cells[i].value)))
			return 0;
		else
			bound += VARSIZE_ANY(DatumGetPointer(cells[i].value));
	}
	return bound;
}

/* Alignment before a varlena must be zeroes: readers look at it. */
static inline char *
pad_to(char *p, uintptr_t align)
{
	const uint64 zero = 0;

	memcpy(p, &zero, PAD_BYTES);
	return (char *) (((uintptr_t) p + align) & ~align);
}

#define COPY_ENDS(type) \
	do { \
		type head, tail; \
		memcpy(&head, from, sizeof(type)); \
		memcpy(&tail, from + len - sizeof(type), sizeof(type)); \
		memcpy(to, &head, sizeof(type)); \
		memcpy(to + len - sizeof(type), &tail, sizeof(type)); \
	} while (0)

/* memcpy for what is mostly a few bytes long: two moves that may overlap. */
static inline char *
put_bytes(char *to, const char *from, Size len)
{
	if (len > 16)
		memcpy(to, from, len);
	else if (len >= sizeof(uint64))
		COPY_ENDS(uint64);
	else if (len >= sizeof(uint32))
		COPY_ENDS(uint32);
	else
		for (Size i = 0; i < len; i++)
			to[i] = from[i];
	return to + len;
}

/* A varlena of these bytes, short if it may be. */
static inline char *
put_varlena(char *to, const Column *c, const char *data, Size len)
{
	if (c->may_be_short && len + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		SET_VARSIZE_SHORT(to, len + VARHDRSZ_SHORT);
		return put_bytes(to + VARHDRSZ_SHORT, data, len);
	}
	to = pad_to(to, c->align);
	SET_VARSIZE(to, len + VARHDRSZ);
	return put_bytes(to + VARHDRSZ, data, len);
}

static inline char *
put_datum_varlena(char *to, const Column *c, const char *datum)
{
	if (VARATT_IS_SHORT(datum))
		return put_bytes(to, datum, VARSIZE_SHORT(datum));
	if (VARATT_IS_COMPRESSED(datum))
	{
		to = pad_to(to, c->align);
		return put_bytes(to, datum, VARSIZE(datum));
	}
	return put_varlena(to, c, VARDATA(datum), VARSIZE(datum) - VARHDRSZ);
}

void
dp_former_fill(const DpFormer *former, const DpCell *cells, void *room, HeapTuple tuple)
{
	HeapTupleHeader td = room;
	int			natts = former->natts;
	bool		hasnull = false;
	uint16		infomask = 0;
	char	   *p;

	for (int i = 0; i < natts; i++)
		hasnull |= cells[i].isnull;
	memset(td, 0, former->header);
	td->t_hoff = MAXALIGN(offsetof(HeapTupleHeaderData, t_bits) + (hasnull ? BITMAPLEN(natts) : 0));
	p = (char *) td + td->t_hoff;
	for (int i = 0; i < natts; i++)
	{
		const DpCell *cell = &cells[i];
		const Column *c = &former->columns[i];

		if (cell->isnull)
			continue;
		if (hasnull)
			td->t_bits[i >> 3] |= 1 << (i & 7);
		switch (c->kind)
		{
			case COLUMN_8:
				p = pad_to(p, c->align);
				*(int64 *) p = DatumGetInt64(cell->value);
				p += sizeof(int64);
				break;
			case COLUMN_4:
				p = pad_to(p, c->align);
				*(int32 *) p = DatumGetInt32(cell->value);
				p += sizeof(int32);
				break;
			case COLUMN_2:
				p = pad_to(p, c->align);
				*(int16 *) p = DatumGetInt16(cell->value);
				p += sizeof(int16);
				break;
			case COLUMN_1:
				*p++ = DatumGetChar(cell->value);
				break;
			case COLUMN_VARLENA:
				infomask |= HEAP_HASVARWIDTH;
				p = cell->raw != DP_NOT_RAW
					? put_varlena(p, c, DatumGetPointer(cell->value), cell->raw)
					: put_datum_varlena(p, c, DatumGetPointer(cell->value));
				break;
			case COLUMN_FIXED:
				p = put_bytes(pad_to(p, c->align), DatumGetPointer(cell->value), c->len);
				break;
		}
	}
	td->t_infomask = infomask | (hasnull ? HEAP_HASNULL : 0);
	HeapTupleHeaderSetNatts(td, natts);
	tuple->t_len = p - (char *) td;
	tuple->t_data = td;
	tuple->t_tableOid = InvalidOid;
	ItemPointerSetInvalid(&tuple->t_self);
}
