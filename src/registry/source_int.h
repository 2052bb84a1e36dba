/*-------------------------------------------------------------------------
 *
 * source_int.h
 *	  What the parts of a schema source share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_REGISTRY_SOURCE_INT_H
#define DP_REGISTRY_SOURCE_INT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "utils/hsearch.h"

#include "registry/registry.h"

/* A schema as a table or a registry tells it, before it is parsed. */
typedef struct DpSchemaText
{
	int32		id;				/* 0: not told */
	bool		has_guid;
	pg_uuid_t	guid;
	const char *type;
	const char *text;
	DpSchemaRef *refs;			/* the closure, each before those that name it */
	int			nrefs;
} DpSchemaText;

typedef enum DpKnownState
{
	DP_KNOWN_ASKED,
	DP_KNOWN_FOUND,
	DP_KNOWN_UNKNOWN,
	DP_KNOWN_UNUSABLE
} DpKnownState;

/* What a source knows about one key. */
typedef struct DpKnown
{
	DpSchemaKey key;			/* zeroes where it does not count */
	DpKnownState state;
	const DpRegisteredSchema *schema;	/* FOUND */
	DpError    *error;			/* UNUSABLE */
	int			times_unknown;
	TimestampTz ask_at;			/* UNKNOWN: not again before */
	bool		open;			/* on the list of questions */
	dlist_node	node;
} DpKnown;

typedef struct DpReaderCache DpReaderCache;

struct DpSchemaSource
{
	MemoryContext context;
	MemoryContextCallback callback;
	char	   *registry;		/* NULL: our own */
	Oid			role;
	HTAB	   *known;			/* of DpKnown, by DpSchemaKey */
	DpKnown    *last;			/* most messages have the schema of the one before */
	dlist_head	questions;		/* of DpKnown */
	int			nunknown;
	slist_head	schemas;		/* all that are parsed */
	const DpError *error;		/* of the last UNUSABLE answer */
	DpReaderCache *readers;
};

/* readers.c */
extern DpReaderCache *dp_reader_cache_create(MemoryContext context);
extern void dp_reader_cache_free(DpReaderCache *cache);

/* lookup.c: one question to the tables of this database's own registry. */
extern bool dp_registry_lookup(const DpSchemaKey *key, DpSchemaText *out);
extern bool dp_registry_lookup_latest(const char *subject, DpSchemaText *out);

#endif							/* DP_REGISTRY_SOURCE_INT_H */
