/*-------------------------------------------------------------------------
 *
 * jsonschema.h
 *	  JSON Schema: what other rooms use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_H
#define DP_JSONSCHEMA_H

#include "postgres.h"

#include "formats/schema.h"

extern const DpSchemaKind dp_jsonschema_kind;

typedef enum DpJsDraft
{
	DP_JS_DRAFT4,
	DP_JS_DRAFT6,
	DP_JS_DRAFT7,
	DP_JS_DRAFT2019,
	DP_JS_DRAFT2020
} DpJsDraft;

/* What a schema without $schema is, as in Confluent's registry. */
#define DP_JS_DEFAULT_DRAFT DP_JS_DRAFT7

/* A value that breaks the schema. */
typedef struct DpJsViolation
{
	const char *path;			/* JSON pointer into the value; "" is the whole */
	const char *keyword;
	const char *message;		/* a phrase that shows nothing of the value */
} DpJsViolation;

/* False stops the walk. */
typedef bool (*DpJsViolationSink) (void *arg, const DpJsViolation *violation);

/*
 * Tell every way in which a jsonb (a whole varlena, four byte header) breaks
 * the schema.  With "formats" the keyword "format" counts.  False only on *err
 * (limits, memory, interrupted).
 */
extern bool dp_jsonschema_validate(const DpSchema *schema, const char *jsonb, bool formats,
								   DpJsViolationSink sink, void *arg, DpError *err);

/* Regular expressions are the server's; alone (fuzzing) there may be others. */
typedef struct DpJsRegexEngine
{
	/* Of a pattern in ECMA-262's language; NULL and *err. */
	void	   *(*compile) (const char *pattern, size_t len, DpError *err);
	/* Is there a match anywhere?  1 or 0, or -1 and *err. */
	int			(*match) (void *regex, const char *s, size_t len, DpError *err);
	void		(*free) (void *regex);
} DpJsRegexEngine;

/* NULL: patterns match everything. */
extern const DpJsRegexEngine *dp_jsonschema_regex;

/* From _PG_init. */
extern void dp_jsonschema_init(void);

#endif							/* DP_JSONSCHEMA_H */
