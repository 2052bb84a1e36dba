/*-------------------------------------------------------------------------
 *
 * program.h
 *	  A schema compiled: every place that is a schema, with its references bound.
 *
 * A document is walked along the keywords of its draft; each schema in it
 * becomes a DpJsSchema, and each one with an identifier of its own begins a
 * resource, which is what URIs name.  Then references are bound.  They may
 * lead to the documents that came along and to the metaschemas that are built
 * in; nothing is ever fetched.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_PROGRAM_H
#define DP_JSONSCHEMA_PROGRAM_H

#include "postgres.h"

#include "formats/schema.h"
#include "jsonschema/instance.h"
#include "jsonschema/jsonschema.h"
#include "jsonschema/value.h"

typedef struct DpJsSchema DpJsSchema;
typedef struct DpJsProgram DpJsProgram;
typedef struct DpJsResource DpJsResource;
typedef struct DpJsAnchor DpJsAnchor;
typedef struct DpJsRegex DpJsRegex;

/* Bits of "type". */
#define DP_JS_TYPE_NULL 0x01
#define DP_JS_TYPE_BOOLEAN 0x02
#define DP_JS_TYPE_INTEGER 0x04
#define DP_JS_TYPE_NUMBER 0x08
#define DP_JS_TYPE_STRING 0x10
#define DP_JS_TYPE_ARRAY 0x20
#define DP_JS_TYPE_OBJECT 0x40

#define DP_JS_NO_LIMIT PG_UINT32_MAX

#define DP_JS_MAX_PATTERNS 2000 /* in one program: 40 MB of them */
#define DP_JS_MAX_SCHEMAS 100000	/* in one program: 50 MB of them */

struct DpJsAnchor
{
	const char *name;
	bool		dynamic;
	DpJsSchema *schema;
	DpJsAnchor *next;
};

struct DpJsResource
{
	const char *uri;			/* absolute or as registered, without fragment; "" for none */
	DpJsValue  *root;
	DpJsSchema *schema;			/* of the root */
	DpJsDraft	draft;
	bool		recursive;		/* $recursiveAnchor */
	bool		no_validation;	/* its metaschema leaves the validation keywords out */
	bool		format_counts;	/* its metaschema says so */
	DpJsAnchor *anchors;
	DpJsResource *alias;		/* the resource that this is another name of */
	DpJsResource *next;
};

struct DpJsRegex
{
	const char *pattern;
	size_t		len;
	void	   *compiled;		/* by dp_jsonschema_regex; NULL until it is needed */
	DpJsRegex  *next;
};

typedef struct DpJsSchemas
{
	uint32		n;
	DpJsSchema **items;
} DpJsSchemas;

/* A property, or what depends on one. */
typedef struct DpJsProperty
{
	const char *key;
	uint32		len;
	DpJsSchema *schema;
	uint32		nneeds;			/* dependentRequired */
	const DpJsValue *needs;
} DpJsProperty;

typedef struct DpJsPattern
{
	DpJsRegex  *regex;
	DpJsSchema *schema;
} DpJsPattern;

/* The keywords of one schema.  What is absent is NULL, zero or DP_JS_NO_LIMIT. */
struct DpJsSchema
{
	DpJsValue  *source;
	DpJsResource *resource;
	bool		never;			/* the schema false */

	/* References. */
	const char *ref;			/* as spelled */
	DpJsSchema *target;
	const char *dynamic_ref;
	DpJsSchema *dynamic_target;
	const char *dynamic_name;	/* of the anchor to look for, or NULL: like $ref */
	bool		recursive_ref;
	bool		ref_only;		/* drafts up to 7: the rest does not count */

	/* Any type. */
	uint16		types;
	uint32		nenum;
	DpJsonbItem *enumeration;
	DpJsonbItem *constant;
	DpJsSchemas all_of;
	DpJsSchemas any_of;
	DpJsSchemas one_of;
	DpJsSchema *negated;
	DpJsSchema *condition;
	DpJsSchema *consequence;
	DpJsSchema *alternative;
	const char *format;

	/* Numbers. */
	DpJsonbItem *minimum;
	DpJsonbItem *maximum;
	DpJsonbItem *exclusive_minimum;
	DpJsonbItem *exclusive_maximum;
	DpJsonbItem *multiple_of;

	/* Strings. */
	uint32		min_length;
	uint32		max_length;
	DpJsRegex  *pattern;

	/* Arrays. */
	DpJsSchemas prefix;
	DpJsSchema *items;			/* after the prefix */
	DpJsSchema *contains;
	uint32		min_contains;
	uint32		max_contains;
	uint32		min_items;
	uint32		max_items;
	bool		unique_items;
	DpJsSchema *unevaluated_items;

	/* Objects. */
	uint32		nproperties;
	DpJsProperty *properties;	/* in jsonb's order of keys */
	uint32		npatterns;
	DpJsPattern *patterns;
	DpJsSchema *additional;
	DpJsSchema *property_names;
	uint32		nrequired;
	const DpJsValue *required;
	uint32		ndependents;
	DpJsProperty *dependents;
	uint32		min_properties;
	uint32		max_properties;
	DpJsSchema *unevaluated_properties;

	DpJsSchema *next_unbound;
};

/* A document that came along and that nothing has asked for yet. */
typedef struct DpJsPending
{
	const char *uri;
	const char *text;
	size_t		len;
	bool		taken;
} DpJsPending;

struct DpJsProgram
{
	DpSchema	base;
	int			users;			/* the schema itself and the readers made of it */
	DpArena		arena;
	DpJsDraft	draft;			/* of documents that do not say */
	DpJsValue  *document;
	DpJsSchema *root;
	DpJsResource *resources;
	DpJsResource **resources_end;
	uint32		nschemas;
	DpJsRegex  *regexes;
	DpJsSchema *unbound;		/* schemas whose references wait */
	DpJsPending *pending;		/* only while it is built */
	int			npending;
	bool		unevaluated;	/* some schema asks for what others looked at */
	bool		bare;			/* part of a metaschema: not checked itself */
};

/* ------------------------------------------------------------- building */

/* State of a build; errors end up in err. */
typedef struct DpJsBuild
{
	DpJsProgram *program;
	DpError    *err;
	DpJsonDecoder *d;			/* for values that become instances */
	int			depth;
} DpJsBuild;

/*
 * Compile the value as a schema of this resource, and what is inside it.
 * NULL and the build's error.
 */
extern DpJsSchema *dp_js_compile(DpJsBuild *build, DpJsValue *value, DpJsResource *resource);

/* A document as a resource, with all in it.  "uri" is what it is known by. */
extern DpJsResource *dp_js_add_document(DpJsBuild *build, DpJsValue *root, const char *uri);

extern bool dp_js_bind(DpJsBuild *build);

/* The text as a tree, checked by the metaschema of its draft. */
extern DpJsValue *dp_js_read_document(DpJsBuild *build, const char *text, size_t len,
									  DpJsDraft otherwise);

/* The resource of a URI, which is read if it waits; NULL with or without the build's error. */
extern DpJsResource *dp_js_find_or_load(DpJsBuild *build, const char *uri, size_t len);

extern DpJsResource *dp_js_find_resource(const DpJsProgram *program, const char *uri, size_t len);

/* The draft that a document asks for, or "otherwise". */
extern DpJsDraft dp_js_draft_of(const DpJsValue *document, DpJsDraft otherwise);

/* Does its own "required" name this property? */
extern bool dp_js_requires(const DpJsSchema *s, const char *key, size_t len);

/* Keyword of the identifier in a draft. */
#define DP_JS_ID(draft) ((draft) == DP_JS_DRAFT4 ? "id" : "$id")

/* A regular expression of the program; NULL and the build's error. */
extern DpJsRegex *dp_js_regex(DpJsBuild *build, const char *pattern, size_t len);

/* 1 or 0, or -1 and *err. */
extern int	dp_js_regex_match(DpJsRegex *regex, const char *s, size_t len, DpError *err);

/* ------------------------------------------------------------------ URIs */

/* RFC 3986: "ref" seen from "base", in the arena; NULL when memory ran out. */
extern char *dp_js_uri_resolve(DpArena *arena, const char *base, const char *ref);

/* ----------------------------------------------------------- metaschemas */

/* The text that is built in for a URI, or NULL. */
extern const char *dp_js_metaschema(const char *uri, size_t len);
extern const char *dp_js_metaschema_uri(DpJsDraft draft);

#endif							/* DP_JSONSCHEMA_PROGRAM_H */
