/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  Schemas by id, for those who read messages.
 *
 * The registry's SQL (subjects, versions, levels) is in registry*.sql; this is
 * what the floors above use from C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_REGISTRY_H
#define DP_REGISTRY_H

#include "postgres.h"

#include "formats/schema.h"
#include "utils/uuid.h"

/* NULL when there is none of this name (AVRO, JSON, PROTOBUF; any case). */
extern const DpSchemaKind *dp_schema_kind(const char *name);
extern const DpSchemaKind *dp_schema_kind_of(DpSchemaType type);

/* ---------------------------------------------------------------- framing */

typedef enum DpFraming
{
	DP_FRAMING_NONE,			/* no schema is named: the body is the whole value */
	DP_FRAMING_PREFIX,			/* 0, id, body */
	DP_FRAMING_HEADER,			/* 1, GUID in a header; the body is the whole value */
	DP_FRAMING_SINGLE_OBJECT	/* C3 01, CRC-64-AVRO, body (Avro) */
} DpFraming;

#define DP_MAX_MESSAGE_INDEXES 32

typedef struct DpWireMessage
{
	DpFraming	framing;
	int32		schema_id;		/* prefix form */
	pg_uuid_t	guid;			/* header form */
	uint64		fingerprint;	/* single object */
	const char *body;
	size_t		len;
	int			nindexes;		/* Protobuf, when asked for */
	int			indexes[DP_MAX_MESSAGE_INDEXES];
} DpWireMessage;

/*
 * Take the framing off.  "header" is the value of __value_schema_id (or
 * __key_schema_id), NULL when the message has none.  "protobuf": message indexes
 * follow.  False and *err when the framing is broken.
 */
extern bool dp_wire_parse(const char *value, size_t len, const char *header, size_t headerlen,
						  bool protobuf, DpWireMessage *out, DpError *err);

/* ------------------------------------------------- where schemas come from */

/* A schema and the closure of what it names, parsed.  Lives as long as its source. */
typedef struct DpRegisteredSchema
{
	int32		id;
	pg_uuid_t	guid;
	const DpSchemaKind *kind;
	DpSchema   *schema;
	const char *text;
} DpRegisteredSchema;

/* What a message names its schema by. */
typedef struct DpSchemaKey
{
	DpFraming	framing;		/* which of the three counts */
	int32		id;
	pg_uuid_t	guid;
	uint64		fingerprint;
} DpSchemaKey;

typedef enum DpSchemaAnswer
{
	DP_SCHEMA_FOUND,
	DP_SCHEMA_ASKED,			/* not in memory: call dp_schema_source_work, try again */
	DP_SCHEMA_UNKNOWN,			/* the registry said that there is none; asked again after a while */
	DP_SCHEMA_UNUSABLE			/* registered, but not readable by us: see dp_schema_source_error */
} DpSchemaAnswer;

typedef struct DpSchemaSource DpSchemaSource;

/*
 * NULL: the registry of this database.  Else the name of a server of
 * dataplat_registry, used with the rights and the user mapping of "role".
 * Needs a transaction.  Lives in "context", and ends with it.
 */
extern DpSchemaSource *dp_schema_source_open(const char *registry, Oid role, MemoryContext context);
extern void dp_schema_source_close(DpSchemaSource *source);

/*
 * From memory only: no SQL, no network, so it may be called between messages.
 * What is not there is put on a list of questions.
 */
extern DpSchemaAnswer dp_schema_source_get(DpSchemaSource *source, const DpSchemaKey *key,
										   const DpRegisteredSchema **out);

/*
 * Answer the questions that are open: first from the tables, then from the
 * network.  Outside of any transaction of the caller's; begins and commits its
 * own.  Does not wait: returns false while answers are still to come, with
 * *wait_ms how long to wait at most before calling again (the socket may be
 * ready earlier: dp_schema_source_socket).  Why the registry does not answer
 * is in *problem (NULL: nothing is wrong), in the source's memory.
 *
 * To be called now and then also when nothing was asked, at no cost: an
 * external registry is looked after, whether it is back, and still the same.
 */
extern bool dp_schema_source_work(DpSchemaSource *source, long *wait_ms, const char **problem);

/*
 * Has a schema that was found turned out to be another one now?  Then forget
 * what was made of it and open a new source.  True once.
 */
extern bool dp_schema_source_revoked(DpSchemaSource *source);

/* Readable when dp_schema_source_work has something to do; or PGINVALID_SOCKET. */
extern pgsocket dp_schema_source_socket(DpSchemaSource *source);

/*
 * Why the last answer was DP_SCHEMA_UNUSABLE, or why dp_schema_source_fetch
 * found none; may be NULL.
 */
extern const DpError *dp_schema_source_error(DpSchemaSource *source);

/* The same, inside the caller's transaction and waiting at most timeout_ms (SQL functions). */
extern DpSchemaAnswer dp_schema_source_fetch(DpSchemaSource *source, const DpSchemaKey *key,
											 int timeout_ms, const DpRegisteredSchema **out);

/* The newest version of a subject, by the same route; NULL when there is none. */
extern const DpRegisteredSchema *dp_schema_source_latest(DpSchemaSource *source, const char *subject,
														 int timeout_ms);

extern void dp_registry_init(void);

#endif							/* DP_REGISTRY_H */
