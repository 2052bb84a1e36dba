/*-------------------------------------------------------------------------
 *
 * schema.h
 *	  What a schema can do, whatever its language.
 *
 * Avro, Protobuf and JSON Schema have a room each.  Each fills one
 * DpSchemaKind, so that the registry compares and stores schemas, and ingest
 * reads messages by them, without knowing which language they are in.
 *
 * Nothing here knows the server: malloc, no ereport, all errors are values,
 * so that every function can be fuzzed alone.  A DpSchema does not change once
 * it is parsed; readers may share it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_SCHEMA_H
#define DP_FORMATS_SCHEMA_H

#include "postgres.h"

#include "common/buf.h"
#include "common/error.h"
#include "formats/columns.h"
#include "formats/json.h"

/* Error of a text that is no schema; of bytes that no message of the schema can be. */
#define DP_SQLSTATE_INVALID_SCHEMA "22023"
#define DP_SQLSTATE_BAD_MESSAGE "22P03"
/* A limit (depth, items, bytes) is passed. */
#define DP_SQLSTATE_LIMIT "54000"
/* dp_schema_interrupted() said so: nothing is wrong, serve interrupts and call again. */
#define DP_SQLSTATE_INTERRUPTED "57014"

#define DP_SCHEMA_MAX_BYTES (4 * 1024 * 1024)	/* of a schema's text */
#define DP_SCHEMA_MAX_DEPTH 200 /* of types inside each other in a text */
#define DP_MESSAGE_MAX_DEPTH 512	/* of values inside each other; DpJsonLimits may ask for more */
#define DP_MESSAGE_MAX_ITEMS (16 * 1024 * 1024) /* values in one message, zero-width ones too */

typedef enum DpSchemaType
{
	DP_SCHEMA_AVRO,
	DP_SCHEMA_JSON,
	DP_SCHEMA_PROTOBUF
} DpSchemaType;

/*
 * A schema that another one names.  Given as the closure, each before those
 * that name it.  "name": Avro full name, $ref URI, or import path.
 */
typedef struct DpSchemaRef
{
	const char *name;
	const char *text;
	size_t		len;
} DpSchemaRef;

/* One difference between two schemas, in the words of Confluent's registry. */
typedef struct DpDifference
{
	const char *type;			/* READER_FIELD_MISSING_DEFAULT_VALUE, FIELD_REMOVED, ... */
	const char *path;			/* where, in the form that the type's checker uses */
	const char *message;		/* a sentence for people */
	bool		compatible;		/* under the policy that was asked for */
} DpDifference;

/* False stops the walk. */
typedef bool (*DpDifferenceSink) (void *arg, const DpDifference *difference);

/* A field as a column of a table. */
typedef struct DpSchemaField
{
	const char *name;			/* as in messages, or its path (path.h); valid in the call only */
	bool		is_path;		/* read as a path it is not the same as read as a name */
	const char *pg_type;		/* "bigint", "numeric(10,2)", "jsonb", ... */
	bool		nullable;
	bool		has_default;
	const char *doc;			/* may be NULL */
} DpSchemaField;

typedef bool (*DpSchemaFieldSink) (void *arg, const DpSchemaField *field);

/* Which message of a schema: Protobuf's index path; no indexes means the first message. */
typedef struct DpMessagePath
{
	const int  *indexes;
	int			n;
} DpMessagePath;

typedef struct DpMessageReader DpMessageReader;
typedef struct DpSchema DpSchema;

/* How messages are to be read.  Zeroes: jsonb only, default limits, writer's schema as it is. */
typedef struct DpReaderOptions
{
	const DpSchema *reader;		/* resolve to this schema (Avro); NULL: the writer's own */
	DpMessagePath path;
	const DpColumnSpec *columns;	/* for to_columns; field = a field's name or path */
	int			ncolumns;
	bool		rescue;			/* to_columns fills one value more: fields without a column */
	DpJsonLimits limits;
} DpReaderOptions;

/*
 * Reads messages of one writer schema (without framing).  Made once, used for
 * many messages, by one thread.  Holds no pointer to the schemas it was made of.
 */
struct DpMessageReader
{
	/* A whole jsonb varlena, 8-aligned, valid until the next call; or NULL and *err. */
	const char *(*to_jsonb) (DpMessageReader *self, const char *src, size_t len,
							 size_t *outlen, DpError *err);

	/*
	 * One value per spec, as dp_json_to_columns; with "rescue" values[ncolumns]
	 * is a jsonb object of the other fields, or null when there are none.
	 */
	bool		(*to_columns) (DpMessageReader *self, const char *src, size_t len,
							   DpColumnValue *values, DpError *err);
	void		(*free) (DpMessageReader *self);
};

typedef struct DpSchemaKind
{
	DpSchemaType type;
	const char *name;			/* "AVRO", "JSON", "PROTOBUF" */

	/* NULL and *err when the text is no valid schema. */
	DpSchema   *(*parse) (const char *text, size_t len, const DpSchemaRef *refs, int nrefs,
						  DpError *err);
	void		(*free) (DpSchema *schema);

	/*
	 * The text that says whether two schemas are the same: without "normalize" as
	 * Confluent's registry prints it, with it its normal form.  Appended, no NUL.
	 */
	bool		(*print) (const DpSchema *schema, bool normalize, DpBuf *out, DpError *err);

	/*
	 * Tell what makes data written with "old" unreadable by "new", and what is
	 * harmless as well, in Confluent's words.  False only on *err (limits, memory).
	 * "lenient": Confluent's LENIENT policy.
	 */
	bool		(*diff) (const DpSchema *old, const DpSchema *new, bool lenient,
						 DpDifferenceSink sink, void *arg, DpError *err);

	/*
	 * The columns that messages at "path" make.  "levels": how many records
	 * inside each other are taken apart, each field of them a column named by
	 * its path; 0: none, each is one column, named by its name.  A record that
	 * contains itself, one without fields, and what is in arrays, maps and
	 * unions is one value where it begins.  Such columns may be exponentially
	 * many: it is the sink that has to stop.
	 */
	bool		(*fields) (const DpSchema *schema, const DpMessagePath *path, int levels,
						   DpSchemaFieldSink sink, void *arg, DpError *err);

	/* Full name of the record or message, title of a JSON Schema; NULL when there is none. */
	const char *(*full_name) (const DpSchema *schema, const DpMessagePath *path);

	/* NULL and *err when it cannot be (reader and writer do not resolve, no such message). */
	DpMessageReader *(*reader) (const DpSchema *writer, const DpReaderOptions *options,
								DpError *err);

	/* jsonb to the bytes of a message (no framing), appended.  Path as for reading. */
	bool		(*encode) (const DpSchema *schema, const DpMessagePath *path, const char *jsonb,
						   DpBuf *out, DpError *err);
} DpSchemaKind;

/* What every room's own struct begins with. */
struct DpSchema
{
	const DpSchemaKind *kind;
};

/*
 * Asked about every 65536 values and by every loop that can be long; true
 * means: give up with DP_SQLSTATE_INTERRUPTED.  The server sets it to look at
 * InterruptPending; NULL when nobody can interrupt.
 */
extern bool (*dp_schema_interrupted) (void);

#endif							/* DP_FORMATS_SCHEMA_H */
