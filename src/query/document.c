/*-------------------------------------------------------------------------
 *
 * document.c
 *	  JSON documents that were taken from their compressed form.
 *
 * A document that stands in its row as it is is used there.  A large one is
 * compressed, or lies in a TOAST table, and each expression over it would
 * take it from there again; so the last one is kept.  Whether it is the one that is
 * asked for is told by all the bytes that the row has of it, never by where
 * they are: they are the compressed document itself, or the number of a TOAST value,
 * which is not given to another one while somebody can see the first.  It could
 * be when nobody can, so a query does not trust what was kept before it began.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "utils/memutils.h"

#include "common/compat.h"
#include "query/field.h"

typedef struct Document
{
	MemoryContext context;		/* NULL: there is none */
	MemoryContextCallback forget;
	Size		size;			/* bytes of it in the row; 0: nothing is kept */
	Size		room;
	char	   *bytes;
	struct varlena *jsonb;
} Document;

static Document documents[DP_DOCUMENTS];

static void
forget_document(void *arg)
{
	memset(arg, 0, sizeof(Document));
}

void
dp_document_begin(void)
{
	for (int i = 0; i < DP_DOCUMENTS; i++)
		documents[i].size = 0;
}

/* Keep a document instead of the one before. */
static void
keep(Document *document, struct varlena *value, Size size, MemoryContext life)
{
	MemoryContext old;

	if (document->context == NULL)
	{
		document->context = AllocSetContextCreate(life, "dataplat document", ALLOCSET_DEFAULT_SIZES);
		document->forget.func = forget_document;
		document->forget.arg = document;
		MemoryContextRegisterResetCallback(document->context, &document->forget);
	}
	old = MemoryContextSwitchTo(document->context);
	document->size = 0;
	if (document->jsonb != NULL)
		pfree(document->jsonb);
	document->jsonb = NULL;
	if (document->room < size)
	{
		if (document->bytes != NULL)
			pfree(document->bytes);
		document->bytes = NULL;
		document->room = 0;
		document->bytes = palloc(size);
		document->room = size;
	}
	document->jsonb = detoast_attr(value);
	memcpy(document->bytes, value, size);
	document->size = size;
	MemoryContextSwitchTo(old);
}

JsonbContainer *
dp_document_open(Datum jsonb, int number, MemoryContext life)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(jsonb);
	Document   *document = &documents[number];
	Size		size;

	if (!VARATT_IS_EXTENDED(value))
		return &((Jsonb *) value)->root;
	/* memory of somebody's, which may change in place */
	if (VARATT_IS_EXTERNAL(value) && !VARATT_IS_EXTERNAL_ONDISK(value))
		return &((Jsonb *) detoast_attr(value))->root;
	size = VARSIZE_ANY(value);
	if (document->size != size || memcmp(document->bytes, value, size) != 0)
		keep(document, value, size, life);
	return &((Jsonb *) document->jsonb)->root;
}
