/*-------------------------------------------------------------------------
 *
 * model.h
 *	  An Avro schema, parsed.
 *
 * Types form a graph: a named type that is mentioned again is the same
 * struct, so recursion is a cycle.  All of it lives in the schema's arena and
 * does not change.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_MODEL_H
#define DP_AVRO_MODEL_H

#include "postgres.h"

#include "avro/avro.h"
#include "avro/tree.h"

typedef enum DpAvroTag
{
	DP_AVRO_NULL,
	DP_AVRO_BOOLEAN,
	DP_AVRO_INT,
	DP_AVRO_LONG,
	DP_AVRO_FLOAT,
	DP_AVRO_DOUBLE,
	DP_AVRO_BYTES,
	DP_AVRO_STRING,
	DP_AVRO_FIXED,				/* from here on: not primitive */
	DP_AVRO_ENUM,
	DP_AVRO_RECORD,
	DP_AVRO_ARRAY,
	DP_AVRO_MAP,
	DP_AVRO_UNION
} DpAvroTag;

typedef enum DpAvroLogical
{
	DP_LOGICAL_NONE,
	DP_LOGICAL_DECIMAL,
	DP_LOGICAL_UUID,
	DP_LOGICAL_DATE,
	DP_LOGICAL_TIME_MILLIS,
	DP_LOGICAL_TIME_MICROS,
	DP_LOGICAL_TIMESTAMP_MILLIS,
	DP_LOGICAL_TIMESTAMP_MICROS,
	DP_LOGICAL_TIMESTAMP_NANOS,
	DP_LOGICAL_LOCAL_MILLIS,
	DP_LOGICAL_LOCAL_MICROS,
	DP_LOGICAL_LOCAL_NANOS,
	DP_LOGICAL_DURATION
} DpAvroLogical;

#define DP_AVRO_UUID_BYTES 16
#define DP_AVRO_DURATION_BYTES 12

typedef struct DpAvroType DpAvroType;

/* A fully qualified name, with its parts. */
typedef struct DpAvroName
{
	const char *full;
	const char *absolute;		/* the same, with a dot before it when there is no namespace */
	const char *simple;			/* inside full */
	const char *space;			/* "" when there is none */
} DpAvroName;

/* An attribute that Avro has no meaning for, or logicalType and its own. */
typedef struct DpAvroProp
{
	const char *key;
	const DpAvroTree *value;
} DpAvroProp;

typedef struct DpAvroProps
{
	DpAvroProp *items;
	int			n;
} DpAvroProps;

typedef struct DpAvroField
{
	const char *name;
	const DpAvroType *type;
	const char *doc;
	const char *order;			/* as spelled; NULL: ascending */
	const DpAvroTree *fallback; /* the default, or NULL */
	const char **aliases;
	int			naliases;
	DpAvroProps props;
} DpAvroField;

struct DpAvroType
{
	DpAvroTag	tag;
	DpAvroLogical logical;
	int			precision;		/* of a decimal */
	int			scale;
	int			id;				/* number in the schema, from 0 */
	bool		is_error;		/* a record that was called "error" */
	bool		referenced;		/* defined in another schema's text */
	DpAvroName	name;			/* record, enum, fixed */
	DpAvroName *aliases;
	int			naliases;
	const char *doc;
	DpAvroField *fields;		/* record */
	int			nfields;
	const char **symbols;		/* enum */
	int			nsymbols;
	int			symbol_default; /* -1: none */
	const DpAvroType **branches;	/* union */
	int			nbranches;
	const DpAvroType *items;	/* array; values of a map */
	uint32		size;			/* fixed */
	DpAvroProps props;
};

typedef struct DpAvroSchema
{
	DpSchema	base;
	DpArena		arena;
	const DpAvroType *root;
	const DpAvroType **types;	/* by id */
	int			ntypes;
	int			maxtypes;
} DpAvroSchema;

static inline const DpAvroSchema *
dp_avro_schema(const DpSchema *schema)
{
	return (const DpAvroSchema *) schema;
}

/* "record", "long", ... */
extern const char *dp_avro_tag_name(DpAvroTag tag);

static inline bool
dp_avro_is_named(const DpAvroType *type)
{
	return type->tag == DP_AVRO_FIXED || type->tag == DP_AVRO_ENUM || type->tag == DP_AVRO_RECORD;
}

/* What a branch of a union is called: its full name, or its type's. */
static inline const char *
dp_avro_branch_name(const DpAvroType *type)
{
	return dp_avro_is_named(type) ? type->name.full : dp_avro_tag_name(type->tag);
}

/*
 * The binary form of a default, appended.  A union takes the first branch that
 * the default is a value of.  False and *err (without memory: 53200) when it
 * is no value of the type.
 */
extern bool dp_avro_encode_default(const DpAvroType *type, const DpAvroTree *value, DpBuf *out,
								   DpError *err);

/* Is it a value of the type?  Fields of a record that it leaves out need defaults. */
extern bool dp_avro_default_fits(const DpAvroType *type, const DpAvroTree *value);

/* Which branch of a union a default belongs to, or -1. */
extern int	dp_avro_default_branch(const DpAvroType *type, const DpAvroTree *value);

/* May a reader of this type take values of that one, both primitive and different? */
extern bool dp_avro_is_promoted(DpAvroTag reader, DpAvroTag writer);

/* Unqualified names are equal, or an alias of the reader's is the writer's full name. */
extern bool dp_avro_names_match(const DpAvroType *reader, const DpAvroType *writer);

/* The writer's field that fills a reader's field, or NULL. */
extern const DpAvroField *dp_avro_writer_field(const DpAvroType *writer, const DpAvroField *field);

extern DpSchema *dp_avro_parse(const char *text, size_t len, const DpSchemaRef *refs, int nrefs,
							   DpError *err);
extern void dp_avro_free(DpSchema *schema);
extern bool dp_avro_print(const DpSchema *schema, bool normalize, DpBuf *out, DpError *err);
extern bool dp_avro_diff(const DpSchema *old, const DpSchema *new, bool lenient,
						 DpDifferenceSink sink, void *arg, DpError *err);
extern bool dp_avro_fields(const DpSchema *schema, const DpMessagePath *path, int levels,
						   DpSchemaFieldSink sink, void *arg, DpError *err);
extern DpMessageReader *dp_avro_reader(const DpSchema *writer, const DpReaderOptions *options,
									   DpError *err);
extern bool dp_avro_encode(const DpSchema *schema, const DpMessagePath *path, const char *jsonb,
						   DpBuf *out, DpError *err);

/* The bytes of integers as Avro writes them. */
static inline void
dp_avro_put_long(DpBuf *out, int64 value)
{
	uint64		n = ((uint64) value << 1) ^ (uint64) (value >> 63);
	unsigned char bytes[10];
	int			len = 0;

	while (n >= 0x80)
	{
		bytes[len++] = (n & 0x7F) | 0x80;
		n >>= 7;
	}
	bytes[len++] = n;
	dp_buf_append(out, bytes, len);
}

#endif							/* DP_AVRO_MODEL_H */
