/*-------------------------------------------------------------------------
 *
 * program.h
 *	  What the decoder executes: a writer's and a reader's schema, compiled.
 *
 * A value is one instruction, or two when it may be null.  What repeats
 * (fields of a record, elements of an array, branches of a union) lies apart
 * and is entered through a frame, so nesting costs no C stack.  The program
 * owns all it points to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_PROGRAM_H
#define DP_AVRO_PROGRAM_H

#include "postgres.h"

#include "avro/model.h"
#include "formats/nodes.h"

typedef enum DpAvroOp
{
	/* one value to one node */
	DP_OP_NULL,
	DP_OP_BOOLEAN,
	DP_OP_INT,
	DP_OP_LONG,
	DP_OP_INT_FORM,				/* an integer with a logical type: form */
	DP_OP_LONG_FORM,
	DP_OP_INT_FLOAT,			/* int or long, read as float */
	DP_OP_LONG_DOUBLE,
	DP_OP_FLOAT,
	DP_OP_FLOAT_DOUBLE,
	DP_OP_DOUBLE,
	DP_OP_STRING,				/* or bytes, read as string */
	DP_OP_BYTES,				/* form; or a string, read as bytes */
	DP_OP_FIXED,				/* arg: size; form */
	DP_OP_ENUM,					/* arg: symbols; data: nodes */
	/* into other code */
	DP_OP_OPTIONAL,				/* form: the branch that is null, goes to arg; else the next */
	DP_OP_RECORD,				/* arg: record */
	DP_OP_ARRAY,				/* arg: code of an element */
	DP_OP_MAP,
	DP_OP_UNION,				/* arg: branches; data: where their code is */
	DP_OP_DEFAULT,				/* arg: code; data: DpAvroConstant */
	/* ends of other code */
	DP_OP_END_RECORD,
	DP_OP_NEXT,					/* element */
	DP_OP_WRAP,					/* arg: record with one key, the name of the branch */
	DP_OP_END_WRAP,
	DP_OP_GOTO,					/* arg */
	DP_OP_END_DEFAULT,
	DP_OP_STOP,
	DP_OP_FAIL,					/* data: why writer and reader do not resolve */
	/* fields that the reader does not have */
	DP_OP_SKIP_OPTIONAL,		/* form: the branch that is null, goes to arg; else the next */
	DP_OP_SKIP_BOOLEAN,
	DP_OP_SKIP_INT,
	DP_OP_SKIP_LONG,
	DP_OP_SKIP_BYTES,
	DP_OP_SKIP_FIXED,			/* arg: bytes */
	DP_OP_SKIP_ENUM,			/* arg: symbols */
	DP_OP_SKIP_RECORD,			/* arg: record */
	DP_OP_SKIP_ARRAY,			/* arg: code of an element */
	DP_OP_SKIP_MAP,
	DP_OP_END_SKIP
} DpAvroOp;

typedef struct DpAvroIns
{
	uint8		op;				/* DpAvroOp */
	uint8		form;			/* DpAvroLogical, unless the operation says else */
	uint16		scale;			/* of a decimal */
	uint32		arg;
	const DpNode *key;			/* a field's name, written before its value, or NULL */
	const void *data;
} DpAvroIns;

/* The bytes of a default, padded as a message is. */
typedef struct DpAvroConstant
{
	const char *bytes;
	uint32		len;
} DpAvroConstant;

/* Node kind of a writer's symbol that the reader does not know. */
#define DP_NODE_NO_SYMBOL 255

typedef struct DpAvroRecord
{
	uint32		start;			/* its code */
	uint32		nfields;		/* members of the result */
	uint32		shape;			/* DP_SHAPE_NONE: none, members are sorted each time */
	uint32		keys_bytes;
	const DpNode *keys;			/* in the order in which they are written */
} DpAvroRecord;

/* How a field's bytes become the values of its columns. */
typedef enum DpAvroColumnOp
{
	DP_COLUMN_END,
	/* by the code for nodes */
	DP_COLUMN_NODE,				/* anything to anything */
	DP_COLUMN_SKIP,				/* no column, no rescue */
	DP_COLUMN_RESCUE,			/* a member of the rescue object; arg: bytes of its key */
	DP_COLUMN_PEEK,				/* as NODE, but the bytes are read again: fields of it have columns, too */
	/* null_byte: the branch that is null, as spelled: 0 or 2; the next is for the other */
	DP_COLUMN_OPTIONAL,
	DP_COLUMN_SKIP_OPTIONAL,
	/* a record that may be null; form: the branch that is null, after which arg instructions are left out */
	DP_COLUMN_ENTER,
	/* scalars without a column */
	DP_COLUMN_SKIP_BOOLEAN,
	DP_COLUMN_SKIP_INTEGER,
	DP_COLUMN_SKIP_BYTES,
	DP_COLUMN_SKIP_FIXED,		/* arg: bytes */
	DP_COLUMN_SKIP_ENUM,		/* arg: symbols */
	/* scalars to their only column */
	DP_COLUMN_BOOLEAN,
	DP_COLUMN_INT2,
	DP_COLUMN_INT4,
	DP_COLUMN_INT8,				/* of a long */
	DP_COLUMN_INT_INT8,
	DP_COLUMN_INTEGER_FLOAT8,
	DP_COLUMN_NUMERIC,			/* of an integer */
	DP_COLUMN_DATE,
	DP_COLUMN_TIME,				/* form: unit */
	DP_COLUMN_TIMESTAMP,		/* form: unit; with or without time zone */
	DP_COLUMN_FLOAT4,
	DP_COLUMN_FLOAT_FLOAT8,
	DP_COLUMN_FLOAT8,			/* of a double */
	DP_COLUMN_TEXT,
	DP_COLUMN_TEXT_UUID,
	DP_COLUMN_BYTEA,
	DP_COLUMN_FIXED_BYTEA,
	DP_COLUMN_DECIMAL,
	DP_COLUMN_FIXED_DECIMAL,
	DP_COLUMN_UUID,
	DP_COLUMN_INTERVAL,
	DP_COLUMN_ENUM				/* arg: symbols; data: text datums */
} DpAvroColumnOp;

/* What a value takes in the cells besides the bytes that it has in the message. */
#define DP_COLUMN_ROOM 24

typedef struct DpAvroColumnIns
{
	uint8		op;				/* DpAvroColumnOp */
	uint8		form;
	uint8		null_byte;
	bool		is_int;			/* range of int, not long */
	uint32		place;			/* of the first column among the values, in bytes */
	int32		column;			/* first one; -1: none */
	uint32		arg;			/* size, symbols */
	uint16		scale;
	uint16		precision;		/* of the column; 0: any */
	const void *data;
	uint32		code;			/* of the field as nodes, ends in STOP */
} DpAvroColumnIns;

/* What columns are made of: the code of one branch of the root. */
typedef struct DpAvroColumnCode
{
	const char *failure;		/* no columns can be made of it */
	uint32		start;			/* ends in END */
	bool		simple;			/* each instruction fills one column, each column is filled */
} DpAvroColumnCode;

typedef struct DpAvroFrame
{
	uint32		ret;			/* instruction to go on with */
	uint32		start;			/* code of an element */
	uint32		base;			/* first node of the container */
	uint32		shape;
	uint8		op;				/* what opened it */
	int64		left;			/* elements of the block */
	const char *at;				/* of a default: where the message goes on */
	const char *end;
} DpAvroFrame;

typedef struct DpAvroReader
{
	DpMessageReader base;
	DpJsonDecoder *d;
	DpArena		arena;			/* of the program */
	DpArena		values;			/* of the last message */
	DpAvroIns  *code;
	uint32		ncode;
	uint32		maxcode;
	DpAvroRecord *records;
	uint32		nrecords;
	uint32		maxrecords;
	DpAvroFrame *frames;		/* limits.max_depth + 1 */
	bool		rescue;
	/* to columns */
	DpColumn   *columns;
	int			ncolumns;
	bool		any_not_null;
	DpColumnValue *nulls;
	DpAvroColumnIns *column_code;
	uint32		ncolumn_code;
	uint32		maxcolumn_code;
	DpAvroColumnCode *roots;	/* one, or one for each branch of the writer's union */
	int			nroots;
	bool		root_is_union;
	DpBuf		cells;			/* what values point to, but for those in the arena */
	size_t		cells_room;		/* that they need whatever the message */
	int64		cells_len;		/* of the longest message that they have room for, or -1 */
	/* of the message being read */
	const char *start;
	const char *at;
	const char *end;
	int64		items;			/* values that may still come */
	uint32		tick;			/* since interrupts were asked for */
} DpAvroReader;

/* Fill the code; false and *err. */
extern bool dp_avro_compile(DpAvroReader *r, const DpAvroSchema *writer, const DpAvroSchema *reader,
							DpError *err);
extern bool dp_avro_add_columns(DpAvroReader *r, const DpColumnSpec *specs, int n, DpError *err);
extern bool dp_avro_compile_columns(DpAvroReader *r, const DpAvroSchema *writer,
									const DpAvroSchema *reader, DpError *err);

/* Make r->at the beginning of a message, of which DP_AVRO_MIN_BYTES in front of the end are readable. */
extern void dp_avro_begin(DpAvroReader *r, const char *src, size_t len);

/* A message is longer than it may be. */
extern bool dp_avro_too_long(const DpAvroReader *r, DpError *err);

/* Run the code from "pc" to its STOP; values are pushed on d->stack. */
extern bool dp_avro_run(DpAvroReader *r, uint32 pc, DpError *err);

/* Something is left of the message? */
extern bool dp_avro_finish(const DpAvroReader *r, DpError *err);

extern bool dp_avro_to_columns(DpMessageReader *self, const char *src, size_t len,
							   DpColumnValue *values, DpError *err);

/* The value of a node in the arena.  A null leaves *out as it is. */
extern bool dp_avro_node_to_column(DpAvroReader *r, const DpColumn *col, const DpNode *node,
								   DpColumnValue *out, DpError *err);
extern bool dp_avro_node_to_jsonb(DpAvroReader *r, const DpNode *node, DpColumnValue *out, DpError *err);

/* Does the specification let a reader's type take this writer's?  Looks no deeper than into items. */
extern bool dp_avro_types_match(const DpAvroType *writer, const DpAvroType *reader);

/* The branch of a reader's union for a writer's type, or -1. */
extern int	dp_avro_best_branch(const DpAvroType *writer, const DpAvroType *reader);

/* What a value is in JSON, as far as branches can be told apart by it. */
typedef enum DpAvroJsonClass
{
	DP_CLASS_NULL,
	DP_CLASS_BOOLEAN,
	DP_CLASS_NUMBER,
	DP_CLASS_STRING,
	DP_CLASS_ARRAY,
	DP_CLASS_OBJECT
} DpAvroJsonClass;

extern DpAvroJsonClass dp_avro_json_class(const DpAvroType *type);

/*
 * In a union: must this branch be written as {"name": value}, because its
 * JSON alone does not say which branch it is?
 */
extern bool dp_avro_branch_is_wrapped(const DpAvroType *type, int branch);

/* How an integer with a logical type is to be taken. */
extern DpAvroLogical dp_avro_resolve_form(const DpAvroType *writer, const DpAvroType *reader);

#endif							/* DP_AVRO_PROGRAM_H */
