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

	/* of external registries only */
	bool		looked;			/* the cache table was asked since it is open */
	bool		fetching;
	bool		cached;			/* the table has it */
	TimestampTz patience;		/* when to believe the table without asking the registry */
	bool		changed;		/* the registry has something else for it now */
	TimestampTz check_at;
} DpKnown;

/* Requests to a registry at the same time. */
#define DP_MAX_FETCHES 4

typedef struct DpInFlight
{
	DpKnown    *known;			/* NULL: free */
	struct DpFetch *fetch;
} DpInFlight;

struct DpSchemaSource
{
	MemoryContext context;
	MemoryContextCallback callback;
	char	   *registry;		/* NULL: our own */
	Oid			role;
	HTAB	   *known;			/* of DpKnown, by DpSchemaKey */
	DpKnown    *last;			/* most messages have the schema of the one before */
	dlist_head	questions;		/* of DpKnown */
	slist_head	schemas;		/* all that are parsed */
	const DpError *error;		/* of the last UNUSABLE answer */
	int			nquestions;
	bool		revoked;		/* something found is not to be used any more */

	/* of an external registry only (external.c) */
	struct DpRegistryClient *client;
	DpInFlight	flights[DP_MAX_FETCHES];
	bool		check_all;		/* the registry is back: see whether it is the same */
	TimestampTz next_check;
	int			noted;			/* the state in the table: -1 not known, 0 down, 1 up */
	char		noted_problem[256];
	char		problem[1024];
};

/* source.c: what the answers to questions do. */
extern void dp_source_unknown(DpSchemaSource *source, DpKnown *known, int again_ms);
extern void dp_source_unusable(DpSchemaSource *source, DpKnown *known, const DpError *error);
extern void dp_source_found(DpSchemaSource *source, DpKnown *known, const DpSchemaText *text);
extern void dp_source_reopen(DpSchemaSource *source, DpKnown *known);
extern const DpRegisteredSchema *dp_source_keep(DpSchemaSource *source, const DpSchemaText *text, DpError *err);
extern bool dp_schema_texts_mean_the_same(const DpSchemaText *a, const DpSchemaText *b);

/* external.c */
extern void dp_external_open(DpSchemaSource *source);
extern bool dp_external_work(DpSchemaSource *source, long *wait_ms, const char **problem);
extern void dp_external_fetch(DpSchemaSource *source, DpKnown *known, int timeout_ms);
extern const DpRegisteredSchema *dp_external_latest(DpSchemaSource *source, const char *subject, int timeout_ms);

/* cache.c: the tables about external registries; in a transaction. */
typedef enum DpCacheVerdict
{
	DP_CACHE_NEW,
	DP_CACHE_SAME,
	DP_CACHE_CHANGED			/* the table has another schema for this key, and keeps it */
} DpCacheVerdict;

extern char *dp_cache_key(const DpSchemaKey *key, const char *subject);
extern bool dp_cache_load(const char *server, const char *key, DpSchemaText *out, bool *changed);
extern DpCacheVerdict dp_cache_store(const char *server, const char *key, const DpSchemaText *text, bool replace);
extern void dp_cache_missing(const char *server, const char *key);
extern void dp_cache_state(const char *server, bool reachable, const char *error);

/* lookup.c: one question to the tables of this database's own registry. */
extern bool dp_registry_lookup(const DpSchemaKey *key, DpSchemaText *out);
extern bool dp_registry_lookup_latest(const char *subject, DpSchemaText *out);
extern bool dp_schema_text_query(const char *statement, int nargs, Oid *types, Datum *values,
								 const char *nulls, DpSchemaText *out, bool *flag);

#endif							/* DP_REGISTRY_SOURCE_INT_H */
