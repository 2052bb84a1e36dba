/*-------------------------------------------------------------------------
 *
 * values.h
 *	  One JSON value or CSV field to one Datum, without throwing.
 *
 * What is decided here agrees with the type's input function; every spelling
 * that is not plainly right or wrong is deferred to that function.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_VALUES_H
#define DP_FORMATS_VALUES_H

#include "postgres.h"

#include "formats/columns.h"
#include "formats/nodes.h"

#define DP_LABEL_SHOWN 60		/* bytes of a field name that messages show */

/* Types of which usual.h knows a spelling. */
typedef enum DpUsual
{
	DP_USUAL_NONE,
	DP_USUAL_TEXT,				/* without a length */
	DP_USUAL_INT4,
	DP_USUAL_INT8,
	DP_USUAL_NUMERIC,			/* without precision and scale */
	DP_USUAL_FLOAT8,
	DP_USUAL_BOOL,
	DP_USUAL_TIMESTAMP			/* with or without time zone */
} DpUsual;

/* A column as compiled. */
typedef struct DpColumn
{
	char	   *label;			/* field name or "column 3" */
	uint32		fieldlen;		/* of label, when it is a JSON member name */
	char		shown[DP_LABEL_SHOWN + 1];	/* label for messages */
	bool		has_field;
	int			csv_index;
	Oid			type;
	int32		typmod;
	DpUsual		usual;
	bool		not_null;
	int			next_same;		/* next column of the same field, or -1 */
	int			next_index;		/* next column of the same position, or -1 */
} DpColumn;

#define DP_ARENA_BLOCK (64 * 1024)	/* kept between messages */

typedef struct DpArenaBlock
{
	struct DpArenaBlock *next;
	size_t		used;
	size_t		size;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} DpArenaBlock;

/* What by-reference values of one message live in. */
typedef struct DpArena
{
	DpArenaBlock *blocks;		/* newest first; the last one stays */
} DpArena;

extern void *dp_arena_alloc(DpArena *arena, size_t size);	/* 8-aligned, or NULL */
extern void dp_arena_reset(DpArena *arena);
extern void dp_arena_free(DpArena *arena);

typedef struct DpValueContext
{
	DpJsonDecoder *d;
	DpArena    *arena;
	const char *base;			/* positions count from here */
} DpValueContext;

/*
 * A value spelled as text, NUL-terminated and writable.  With "headroom" the
 * byte before it may be overwritten, too.
 */
extern bool dp_value_from_text(const DpValueContext *ctx, const DpColumn *col,
							   char *text, size_t len, bool headroom,
							   DpColumnValue *out, DpError *err);

/* The JSON value at *pp, which moves behind it. */
extern bool dp_value_from_json(const DpValueContext *ctx, const DpColumn *col,
							   char **pp, DpColumnValue *out, DpError *err);

/* Day and time parsers: true when the spelling is known to be right. */
extern bool dp_parse_date(const char *s, size_t len, int32 *days);
extern bool dp_parse_timestamp(const char *s, size_t len, int32 typmod,
							   bool with_zone, int64 *micros);

#endif							/* DP_FORMATS_VALUES_H */
