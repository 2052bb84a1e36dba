/*-------------------------------------------------------------------------
 *
 * model.h
 *	  A .proto file as a tree, and the names of all files it imports.
 *
 * Everything lies in the arena of its schema.  Lists keep the order of the
 * text, because the printed text is what tells whether two schemas are equal.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_MODEL_H
#define DP_PROTOBUF_MODEL_H

#include "postgres.h"

#include "formats/schema.h"
#include "formats/values.h"

#define DP_PB_MAX_NUMBER 536870911	/* of a field */
#define DP_PB_MAX_ELEMENTS 100000	/* fields, options, values... of all files: bounds memory */
#define DP_PB_MAX_PATH 32		/* messages inside each other that an index path may name */

/* As FieldDescriptorProto.Type numbers them. */
typedef enum DpPbType
{
	DP_PB_NAMED = 0,			/* a message or an enum that is not linked yet */
	DP_PB_DOUBLE = 1,
	DP_PB_FLOAT,
	DP_PB_INT64,
	DP_PB_UINT64,
	DP_PB_INT32,
	DP_PB_FIXED64,
	DP_PB_FIXED32,
	DP_PB_BOOL,
	DP_PB_STRING,
	DP_PB_GROUP,
	DP_PB_MESSAGE,
	DP_PB_BYTES,
	DP_PB_UINT32,
	DP_PB_ENUM,
	DP_PB_SFIXED32,
	DP_PB_SFIXED64,
	DP_PB_SINT32,
	DP_PB_SINT64
} DpPbType;

typedef enum DpPbLabel
{
	DP_PB_NO_LABEL,
	DP_PB_OPTIONAL,
	DP_PB_REQUIRED,
	DP_PB_REPEATED
} DpPbLabel;

typedef enum DpPbSyntax
{
	DP_PB_NO_SYNTAX,			/* none is named: proto2 */
	DP_PB_PROTO2,
	DP_PB_PROTO3
} DpPbSyntax;

typedef struct DpPbPlace
{
	uint32		line;			/* from 1; 0 when there is no text */
	uint32		column;
	uint32		offset;
} DpPbPlace;

typedef struct DpPbMessage DpPbMessage;
typedef struct DpPbEnum DpPbEnum;
typedef struct DpPbFile DpPbFile;

typedef enum DpPbValueKind
{
	DP_PB_VALUE_STRING,			/* text, len: unescaped */
	DP_PB_VALUE_NUMBER,			/* text as spelled */
	DP_PB_VALUE_WORD,			/* true, false, an enum value, inf, nan */
	DP_PB_VALUE_MAP,			/* members */
	DP_PB_VALUE_LIST			/* items */
} DpPbValueKind;

typedef struct DpPbMember DpPbMember;

typedef struct DpPbValue
{
	DpPbValueKind kind;
	const char *text;
	uint32		len;
	DpPbMember *members;		/* of a map; of a list without names */
} DpPbValue;

struct DpPbMember
{
	DpPbMember *next;
	const char *name;
	DpPbValue	value;
};

typedef struct DpPbOption
{
	struct DpPbOption *next;
	const char *name;			/* first part, without parentheses */
	bool		parenthesized;
	const char *rest;			/* what follows it, without the dot; NULL for nothing */
	DpPbValue	value;
} DpPbOption;

typedef struct DpPbOneof
{
	struct DpPbOneof *next;
	const char *name;
	int			index;			/* in its message */
	DpPbOption *options;
} DpPbOneof;

typedef struct DpPbField
{
	struct DpPbField *next;		/* in declaration order */
	const char *name;
	const char *type_name;		/* as spelled, when named; of a map's value */
	const char *json_name;		/* the one in force */
	int32		number;
	uint8		type;			/* DpPbType; a map has its value's */
	uint8		key_type;		/* of a map */
	uint8		label;			/* DpPbLabel */
	bool		is_map;			/* map<k, v>, or repeated of a map entry */
	bool		map_syntax;		/* spelled map<k, v> */
	bool		packed;			/* how it is written */
	bool		presence;		/* a value that was not sent is told from zero */
	DpPbMessage *message;		/* linked type; of a map's value */
	DpPbEnum   *enumeration;
	DpPbMessage *entry;			/* the entry message of a map, when it is declared */
	DpPbOneof  *oneof;
	DpPbOption *options;		/* without the two below */
	const DpPbOption *default_value;
	const DpPbOption *json_option;
	DpPbPlace	place;
	const char *full_name;		/* of an extension */
} DpPbField;

typedef struct DpPbRange
{
	struct DpPbRange *next;
	const char *name;			/* reserved name, or NULL */
	int32		first;
	int32		last;			/* inclusive */
} DpPbRange;

/* One statement "reserved" or "extensions". */
typedef struct DpPbRanges
{
	struct DpPbRanges *next;
	DpPbRange  *ranges;
	DpPbOption *options;
} DpPbRanges;

typedef struct DpPbExtend
{
	struct DpPbExtend *next;
	const char *extendee;
	DpPbField  *fields;
	DpPbPlace	place;
} DpPbExtend;

typedef struct DpPbEnumValue
{
	struct DpPbEnumValue *next;
	const char *name;
	int32		number;
	DpPbOption *options;
} DpPbEnumValue;

struct DpPbEnum
{
	DpPbEnum   *next;
	const char *name;
	const char *full_name;
	DpPbFile   *file;
	DpPbEnumValue *values;
	DpPbRanges *reserved;
	DpPbOption *options;
	bool		closed;			/* unknown numbers are no values of it */
	uint32		id;				/* from 0, in the order of linking */
};

/* Messages that ProtoJSON spells in a way of their own. */
typedef enum DpPbWellKnown
{
	DP_PB_ORDINARY,
	DP_PB_TIMESTAMP,
	DP_PB_DURATION,
	DP_PB_STRUCT,
	DP_PB_VALUE,
	DP_PB_LIST_VALUE,
	DP_PB_WRAPPER,
	DP_PB_ANY,
	DP_PB_FIELD_MASK,
	DP_PB_DECIMAL,				/* confluent.type.Decimal: ordinary in JSON, numeric in a column */
	DP_PB_GOOGLE_DECIMAL,
	DP_PB_DATE,
	DP_PB_TIME_OF_DAY
} DpPbWellKnown;

struct DpPbMessage
{
	DpPbMessage *next;
	const char *name;
	const char *full_name;		/* without a leading dot */
	DpPbFile   *file;
	DpPbMessage *parent;
	DpPbField  *fields;			/* those of oneofs and groups, too */
	DpPbOneof  *oneofs;
	DpPbMessage *messages;		/* groups, too */
	DpPbEnum   *enums;
	DpPbRanges *reserved;
	DpPbRanges *extensions;
	DpPbExtend *extends;
	DpPbOption *options;
	bool		is_group;
	bool		is_map_entry;
	DpPbWellKnown well_known;
	uint32		id;				/* from 0, in the order of linking */
	struct DpPbExtensionField *known_extensions;
};

/* An extension that some file declares for a message. */
typedef struct DpPbExtensionField
{
	struct DpPbExtensionField *next;
	DpPbField  *field;
} DpPbExtensionField;

typedef struct DpPbRpc
{
	struct DpPbRpc *next;
	const char *name;
	const char *input;
	const char *output;
	bool		input_stream;
	bool		output_stream;
	DpPbOption *options;
} DpPbRpc;

typedef struct DpPbService
{
	struct DpPbService *next;
	const char *name;
	DpPbRpc    *rpcs;
	DpPbOption *options;
} DpPbService;

typedef struct DpPbImport
{
	struct DpPbImport *next;
	const char *path;
	bool		is_public;
	bool		is_weak;
} DpPbImport;

struct DpPbFile
{
	DpPbFile   *next;
	const char *path;			/* as imported; NULL for the schema itself */
	DpPbSyntax	syntax;
	const char *package;		/* NULL when there is none */
	DpPbImport *imports;
	DpPbOption *options;
	DpPbMessage *messages;
	DpPbEnum   *enums;
	DpPbExtend *extends;
	DpPbService *services;
};

typedef struct DpPbSymbol
{
	const char *full_name;
	uint32		hash;
	DpPbMessage *message;		/* one of the two */
	DpPbEnum   *enumeration;
} DpPbSymbol;

typedef struct DpPbSchema
{
	DpSchema	base;
	DpArena		arena;
	uint32		nelements;		/* against DP_PB_MAX_ELEMENTS */
	DpPbFile   *root;
	DpPbFile   *files;			/* the root and all that it imports */
	DpPbSymbol *symbols;		/* open addressing */
	uint32		nbuckets;
	uint32		nsymbols;
	uint32		nmessages;
	uint32		nenums;
	struct DpPbProgram *encoder;	/* of the message that was encoded last */
	const DpPbMessage *encoder_root;
} DpPbSchema;

/* ---------------------------------------------------------------- memory */

/* Zeroed memory of a declared thing, or NULL and *err: out of memory or too many. */
extern void *dp_pb_new(DpPbSchema *schema, size_t size, DpError *err);
extern char *dp_pb_copy(DpPbSchema *schema, const char *text, size_t len, DpError *err);

/* "a" and "b" with a dot in between; only "b" when "a" is empty or NULL. */
extern char *dp_pb_join(DpPbSchema *schema, const char *a, const char *b, DpError *err);

/* lowerCamelCase, as protoc makes it. */
extern char *dp_pb_json_name(DpPbSchema *schema, const char *name, DpError *err);

/* --------------------------------------------------------- text to model */

/* Parse one file; its names are not linked yet. */
extern DpPbFile *dp_pb_parse_file(DpPbSchema *schema, const char *path, const char *text,
								  size_t len, DpError *err);

/*
 * The same from the bytes of a FileDescriptorProto, or of a FileDescriptorSet:
 * then what the last file imports is behind it on the list.
 */
extern DpPbFile *dp_pb_read_descriptor(DpPbSchema *schema, const char *path, const char *bytes,
									   size_t len, DpError *err);

/*
 * Base64 text of a FileDescriptorProto or a FileDescriptorSet (whose last file
 * is the schema): decoded into *bytes.  False when it is no base64.
 */
extern bool dp_pb_base64_decode(const char *text, size_t len, DpBuf *bytes);
extern void dp_pb_base64_encode(const char *bytes, size_t len, DpBuf *out);

/* The text of a file that needs no reference, or NULL. */
extern const char *dp_pb_builtin(const char *path);

/* Give every name its type; all files are on the list. */
extern bool dp_pb_link(DpPbSchema *schema, DpError *err);

/* ----------------------------------------------------------------- names */

/* Make a full name known, unless it is: then *known is set. */
extern bool dp_pb_declare(DpPbSchema *schema, const char *full_name, DpPbMessage *message,
						  DpPbEnum *e, bool *known, DpError *err);

extern const DpPbSymbol *dp_pb_lookup(const DpPbSchema *schema, const char *full_name, size_t len);

/* A name as spelled inside "scope" (a full name, may be empty); NULL when unknown. */
extern const DpPbSymbol *dp_pb_resolve(const DpPbSchema *schema, const char *scope,
									   const char *name);

extern const char *dp_pb_type_word(int type);	/* "int32"; NULL for a named type */
extern int	dp_pb_type_of_word(const char *word, size_t len);	/* DP_PB_NAMED when none */

/* The message at an index path; NULL and *err when there is none. */
extern const DpPbMessage *dp_pb_message_at(const DpPbSchema *schema, const DpMessagePath *path,
										   DpError *err);

/* Does "file" (its syntax) leave out what is zero? */
static inline bool
dp_pb_is_proto3(const DpPbFile *file)
{
	return file->syntax == DP_PB_PROTO3;
}

/* The value of a plain option, or NULL. */
extern const DpPbOption *dp_pb_option(const DpPbOption *options, const char *name);

/* A signed number as spelled in a .proto; false when it is none or too large. */
extern bool dp_pb_number(const char *text, size_t len, int64 *value);

/* ------------------------------------------------------------- printing */

extern bool dp_pb_print(const DpPbSchema *schema, bool normalize, DpBuf *out, DpError *err);
extern bool dp_pb_print_plain(const DpPbSchema *schema, DpBuf *out, DpError *err);
extern bool dp_pb_write_descriptor(const DpPbSchema *schema, DpBuf *out, DpError *err);

/* ------------------------------------------------------------- comparing */

extern bool dp_pb_diff(const DpSchema *old, const DpSchema *new, bool lenient,
					   DpDifferenceSink sink, void *arg, DpError *err);

/* --------------------------------------------------------------- columns */

extern bool dp_pb_fields(const DpSchema *schema, const DpMessagePath *path, int levels,
						 DpSchemaFieldSink sink, void *arg, DpError *err);

/* Is a scalar without presence, so that its column holds zero when it is not sent? */
extern const char *dp_pb_column_type(const DpPbField *field);

/* --------------------------------------------------------------- messages */

extern DpMessageReader *dp_pb_reader(const DpSchema *writer, const DpReaderOptions *options,
									 DpError *err);
extern bool dp_pb_encode(const DpSchema *schema, const DpMessagePath *path, const char *jsonb,
						 DpBuf *out, DpError *err);

/* Shorthand for the error that has no other name (as dp_out_of_memory). */
extern bool dp_pb_no_memory(DpError *err);
extern bool dp_pb_interrupted(DpError *err);

static inline bool
dp_pb_is_message(int type)
{
	return type == DP_PB_MESSAGE || type == DP_PB_GROUP;
}

#endif							/* DP_PROTOBUF_MODEL_H */
