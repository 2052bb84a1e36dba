/*-------------------------------------------------------------------------
 *
 * compile.h
 *	  What the makers of programs share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_COMPILE_H
#define DP_AVRO_COMPILE_H

#include "postgres.h"

#include "avro/names.h"
#include "avro/program.h"

/* Code that lies apart and is still to be written. */
typedef enum DpAvroPendingKind
{
	DP_PENDING_ELEMENT,			/* patch: its array or map */
	DP_PENDING_BRANCH,			/* patch: its union; number: the branch */
	DP_PENDING_RECORD,			/* patch: the record */
	DP_PENDING_DEFAULT			/* patch: the instruction */
} DpAvroPendingKind;

typedef struct DpAvroPending
{
	DpAvroPendingKind kind;
	const DpAvroType *writer;
	const DpAvroType *reader;	/* NULL: skip */
	uint32		patch;
	int			number;
	bool		certain;		/* every message comes here: what fails here fails at once */
} DpAvroPending;

typedef struct DpAvroPairSlot
{
	const DpAvroType *writer;
	const DpAvroType *reader;
	uint32		record;
} DpAvroPairSlot;

typedef struct DpAvroCompiler
{
	DpAvroReader *r;
	DpAvroPending *pending;
	uint32		npending;		/* in all; done ones stay */
	uint32		maxpending;
	uint32		ndone;
	DpAvroPairSlot *slots;		/* of records, open addressing */
	uint32		nslots;
	uint32		nused;
	size_t		constant_bytes;
	uint32		work;
	DpBuf		path;			/* of the reader's field whose columns are made */
	int			level;			/* records around it */
	int			whole;			/* of these, such that have a column as a whole, so nothing is lost */
	DpError    *err;
} DpAvroCompiler;

/* Code for one value.  "reader" NULL: skip it. */
extern bool dp_avro_emit_value(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader,
							   const DpNode *key, bool certain);

/* Code for a field's default. */
extern bool dp_avro_emit_default(DpAvroCompiler *c, const DpAvroField *field, const DpNode *key);

/* The instruction, or NULL and *err.  Valid until the next one. */
extern DpAvroIns *dp_avro_emit(DpAvroCompiler *c, DpAvroOp op);

/* Write all code that is pending. */
extern bool dp_avro_emit_pending(DpAvroCompiler *c);
extern void dp_avro_compiler_free(DpAvroCompiler *c);

/*
 * For each field of a writer's record the reader's field that it fills, or -1;
 * malloc'ed.  NULL and *err.
 */
extern int *dp_avro_match_fields(const DpAvroType *writer, const DpAvroType *reader, DpError *err);

/* Memory of the program, padded so that the jsonb writer can read vectors. */
extern void *dp_avro_take(DpAvroCompiler *c, size_t size);
extern bool dp_avro_string_node(DpAvroCompiler *c, const char *s, DpNode *node);

#endif							/* DP_AVRO_COMPILE_H */
