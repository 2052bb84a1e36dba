/*-------------------------------------------------------------------------
 *
 * readers.c
 *	  The readers of messages that were made lately.
 *
 * Making a reader compiles the schema, which costs as much as thousands of
 * messages; a topic has a handful of schemas at a time.  The cache is small,
 * so it is searched from front to back; the one used longest ago is replaced.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "registry/source_int.h"

typedef struct Slot
{
	const DpSchema *writer;
	DpReaderOptions options;	/* with copies of path and columns */
	DpMessageReader *reader;
	uint64		used;
} Slot;

struct DpReaderCache
{
	MemoryContext context;
	Slot		slots[DP_SCHEMA_READERS];
	int			n;
	uint64		clock;
};

DpReaderCache *
dp_reader_cache_create(MemoryContext context)
{
	DpReaderCache *cache = MemoryContextAllocZero(context, sizeof(DpReaderCache));

	cache->context = context;
	return cache;
}

static void
empty(Slot *slot)
{
	if (slot->reader)
		slot->reader->free(slot->reader);
	slot->reader = NULL;
	if (slot->options.path.indexes)
		pfree(unconstify(int *, slot->options.path.indexes));
	if (slot->options.columns)
	{
		for (int i = 0; i < slot->options.ncolumns; i++)
			if (slot->options.columns[i].field)
				pfree(unconstify(char *, slot->options.columns[i].field));
		pfree(unconstify(DpColumnSpec *, slot->options.columns));
	}
	memset(&slot->options, 0, sizeof(slot->options));
}

/* The readers are malloc'd: whoever ends the context must call this first. */
void
dp_reader_cache_free(DpReaderCache *cache)
{
	for (int i = 0; i < cache->n; i++)
	{
		Slot	   *slot = &cache->slots[i];

		if (slot->reader)
			slot->reader->free(slot->reader);
		slot->reader = NULL;
	}
	cache->n = 0;
}

static bool
same_columns(const DpReaderOptions *a, const DpReaderOptions *b)
{
	if (a->ncolumns != b->ncolumns)
		return false;
	for (int i = 0; i < a->ncolumns; i++)
	{
		const DpColumnSpec *x = &a->columns[i];
		const DpColumnSpec *y = &b->columns[i];

		if (x->type != y->type || x->typmod != y->typmod || x->not_null != y->not_null ||
			x->csv_index != y->csv_index || x->is_path != y->is_path || (x->field == NULL) != (y->field == NULL) ||
			(x->field && strcmp(x->field, y->field) != 0))
			return false;
	}
	return true;
}

static bool
same_options(const DpReaderOptions *a, const DpReaderOptions *b)
{
	return a->reader == b->reader && a->rescue == b->rescue &&
		a->path.n == b->path.n &&
		(a->path.n == 0 ||
		 memcmp(a->path.indexes, b->path.indexes, sizeof(int) * a->path.n) == 0) &&
		a->limits.max_depth == b->limits.max_depth &&
		a->limits.max_exponent == b->limits.max_exponent &&
		a->limits.max_digits == b->limits.max_digits &&
		a->limits.max_bytes == b->limits.max_bytes &&
		same_columns(a, b);
}

static void
copy_options(DpReaderCache *cache, DpReaderOptions *to, const DpReaderOptions *from)
{
	MemoryContext old = MemoryContextSwitchTo(cache->context);

	*to = *from;
	to->path.indexes = NULL;
	to->columns = NULL;
	if (from->path.n > 0)
	{
		int		   *indexes = palloc(sizeof(int) * from->path.n);

		memcpy(indexes, from->path.indexes, sizeof(int) * from->path.n);
		to->path.indexes = indexes;
	}
	if (from->ncolumns > 0)
	{
		DpColumnSpec *columns = palloc(sizeof(DpColumnSpec) * from->ncolumns);

		memcpy(columns, from->columns, sizeof(DpColumnSpec) * from->ncolumns);
		for (int i = 0; i < from->ncolumns; i++)
			if (columns[i].field)
				columns[i].field = pstrdup(columns[i].field);
		to->columns = columns;
	}
	MemoryContextSwitchTo(old);
}

static Slot *
free_slot(DpReaderCache *cache)
{
	Slot	   *oldest = &cache->slots[0];

	if (cache->n < DP_SCHEMA_READERS)
		return &cache->slots[cache->n++];
	for (int i = 1; i < cache->n; i++)
		if (cache->slots[i].used < oldest->used)
			oldest = &cache->slots[i];
	empty(oldest);
	return oldest;
}

DpMessageReader *
dp_schema_source_reader(DpSchemaSource *source, const DpRegisteredSchema *schema,
						const DpReaderOptions *options, DpError *err)
{
	DpReaderCache *cache = source->readers;
	DpReaderOptions copy;
	DpMessageReader *reader;
	Slot	   *slot;

	for (int i = 0; i < cache->n; i++)
	{
		slot = &cache->slots[i];
		if (slot->writer == schema->schema && slot->reader && same_options(&slot->options, options))
		{
			slot->used = ++cache->clock;
			return slot->reader;
		}
	}

	/* Before the reader is there, which an error would leak. */
	copy_options(cache, &copy, options);
	reader = schema->kind->reader(schema->schema, options, err);
	slot = free_slot(cache);
	slot->writer = schema->schema;
	slot->options = copy;
	slot->reader = reader;
	slot->used = reader ? ++cache->clock : 0;
	return reader;
}
