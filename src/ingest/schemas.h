/*-------------------------------------------------------------------------
 *
 * schemas.h
 *	  The registered schemas that a source's messages are written with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_SCHEMAS_H
#define DP_INGEST_SCHEMAS_H

#include "utils/timestamp.h"

#include "ingest/source.h"
#include "registry/registry.h"

/* Null counts are kept for so many fields of a schema. */
#define DP_DRIFT_MAX_FIELDS 256

/* What became of a new schema of the writers; see evolve.c. */
typedef enum DpSchemaVerdict
{
	DP_MET_NEW,					/* nobody has looked at it yet */
	DP_MET_READ,
	DP_MET_RELOAD,				/* the definition was changed for it: load it again */
	DP_MET_LATER,				/* the target is locked: ask again */
	DP_MET_STOP					/* a person must look: the reason is in source_failure */
} DpSchemaVerdict;

/* How the messages of one side that were written with one schema are read. */
typedef struct DpPlan
{
	DpSide		side;
	DpSchemaKey key;
	const char *subject;		/* of messages without framing; else NULL */
	int			nindexes;
	int			indexes[DP_MAX_MESSAGE_INDEXES];
	const DpRegisteredSchema *schema;
	DpSchemaVerdict	verdict;
	DpMessageReader *reader;	/* to columns; of a document, to jsonb; NULL and error: it cannot be read */
	DpMessageReader *document;	/* to jsonb, beside columns: readers reuse their memory */
	DpError		error;

	/* since the last report to the drift view; see drift.c */
	int			nfields;
	char	  **fields;
	int		   *columns;		/* for each field, its column in the source, -1 none */
	int64		rows;
	int64		rescued;
	int64		sampled;
	int64	   *nulls;
} DpPlan;

typedef struct DpSchemas
{
	MemoryContext context;
	DpSource   *source;
	DpSchemaSource *registry;
	int			nplans;
	int			maxplans;
	DpPlan	  **plans;
	DpPlan	   *last[2];		/* by side */
	bool		asked;			/* there are new questions for the registry */
	bool		waiting;		/* ... and for an answer to them */
	bool		unmet;			/* there is a plan with DP_MET_NEW */
	bool		reload;			/* a schema changed the definition */
	bool		stop;
	const char *stop_reason;
	bool		locked;			/* the target was locked when a schema wanted to change it */
	const char *waits_for;		/* what the last message that had to wait waits for */
	TimestampTz reported_at;	/* drift */
} DpSchemas;

/* How soon to look again for a schema that is not there, milliseconds. */
#define DP_SCHEMA_RETRY_MS 1000

extern int	dp_schema_wait;		/* GUC: seconds for a schema that the registry does not know */

/* NULL when neither side of the messages has schemas. */
extern DpSchemas *dp_schemas_open(DpSource *source);

typedef enum DpFound
{
	DP_FOUND_PLAN,
	DP_FOUND_NOTHING,			/* JSON that names no schema: plain JSON */
	DP_FOUND_WAIT,				/* dp_schemas_tend(), then try the same message again */
	DP_FOUND_UNKNOWN,			/* the registry does not know the schema, and time is up */
	DP_FOUND_ERROR
} DpFound;

/*
 * Which plan reads these bytes, and where the body is.  In a worker it never
 * waits; in a session it asks the registry in the caller's transaction and may
 * throw when that does not answer.
 */
extern DpFound dp_schemas_find(DpSchemas *schemas, DpSide side, const char *bytes, size_t len,
							   const char *header, size_t headerlen,
							   DpWireMessage *wire, DpPlan **plan, DpError *err);

/* Do this side's messages have schemas? */
extern bool dp_schemas_reads(const DpSchemas *schemas, DpSide side);

/*
 * Answer what is open: ask the registry, meet new schemas.  In a worker,
 * outside of transactions.  Returns true when messages that waited may be
 * tried again; *wait_ms, when to come back; *problem, why the registry does
 * not answer, or NULL.
 */
extern bool dp_schemas_tend(DpSchemas *schemas, long *wait_ms, const char **problem);

/* Readers serve interrupts themselves by giving up; this calls again. */
extern const char *dp_plan_to_jsonb(const DpPlan *plan, const char *body, size_t len, DpError *err);
extern bool dp_plan_to_columns(const DpPlan *plan, const char *body, size_t len,
							   DpColumnValue *values, DpError *err);

/* The message header that holds the schema's GUID. */
extern const char *dp_schema_header_name(DpSide side);

/*-------------------------------------------------------------------------
 * evolve.c
 *-------------------------------------------------------------------------
 */

/*
 * Tell the catalog about a schema that messages begin to use, and apply the
 * source's policy to what is new in it.  Inside a transaction, as superuser.
 */
extern DpSchemaVerdict dp_schema_meet(DpSchemas *schemas, const DpPlan *plan);

/*
 * The fields that messages of a schema have, as a jsonb array; (Datum) 0 and
 * *err.  With "levels" there may be very many: of those that no table has room
 * for one is told.
 */
extern Datum dp_schema_fields(const DpSchemaKind *kind, const DpSchema *schema,
							  const DpMessagePath *path, int levels, DpError *err);

/* Which message of a Protobuf schema, as the catalog writes it: "0.2", or "". */
extern const char *dp_plan_message(const DpPlan *plan);

/*-------------------------------------------------------------------------
 * drift.c
 *-------------------------------------------------------------------------
 */
extern void dp_drift_prepare(DpSchemas *schemas, DpPlan *plan);
extern void dp_drift_count_columns(DpPlan *plan, const DpColumnValue *values, bool rescued);
extern void dp_drift_count_document(DpPlan *plan, const char *jsonb);

/* Add the counts to the catalog, in the caller's transaction, and forget them. */
extern void dp_drift_store(DpSchemas *schemas);

/* The same about once a second, or at once, in a transaction of its own. */
extern void dp_drift_report(DpSchemas *schemas, bool now);

#endif							/* DP_INGEST_SCHEMAS_H */
