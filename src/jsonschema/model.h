/*-------------------------------------------------------------------------
 *
 * model.h
 *	  A schema as classes, which is what Confluent's rules compare.
 *
 * Their registry loads a schema into objects of classes (string, number,
 * enum, combination, ...) and compares class with class.  A schema with
 * keywords of several classes becomes a combination of them, all of which
 * must hold.  Here a model names a class and the schema whose keywords count.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_MODEL_H
#define DP_JSONSCHEMA_MODEL_H

#include "postgres.h"

#include "jsonschema/program.h"

typedef enum DpJsClass
{
	DP_JS_CLASS_EMPTY,
	DP_JS_CLASS_TRUE,
	DP_JS_CLASS_FALSE,
	DP_JS_CLASS_NULL,
	DP_JS_CLASS_BOOLEAN,
	DP_JS_CLASS_NUMBER,
	DP_JS_CLASS_STRING,
	DP_JS_CLASS_ARRAY,
	DP_JS_CLASS_OBJECT,
	DP_JS_CLASS_ENUM,
	DP_JS_CLASS_CONST,
	DP_JS_CLASS_NOT,
	DP_JS_CLASS_CONDITION,
	DP_JS_CLASS_COMBINED,
	DP_JS_CLASS_REFERENCE		/* only as a part; dp_js_model_part follows it */
} DpJsClass;

typedef enum DpJsCriterion
{
	DP_JS_ALL_OF,
	DP_JS_ANY_OF,
	DP_JS_ONE_OF
} DpJsCriterion;

typedef struct DpJsModel DpJsModel;

struct DpJsModel
{
	DpJsClass	class;
	const DpJsSchema *s;
	bool		whole;			/* stands for all of s: title and default are its own */
	bool		integer;		/* of a number */
	DpJsCriterion criterion;
	uint32		nparts;
	DpJsModel **parts;			/* NULL until they are asked for */
	DpJsSchemas *list;			/* what they are made of, or NULL: parts are there */
	uint64		hash[2];		/* equal texts have equal hashes; 0: not made yet */
	bool		hashed;
};

/* All models of one comparison. */
typedef struct DpJsModels
{
	DpArena		arena;
	DpJsModel **buckets;		/* of whole schemas, by their address */
	uint32		nbuckets;
	uint32		n;
	bool		oom;
} DpJsModels;

/* The model of a schema; of a reference, that of what it refers to.  NULL when memory ran out. */
extern DpJsModel *dp_js_model_of(DpJsModels *models, const DpJsSchema *s);

/* Part i of a combination. */
extern DpJsModel *dp_js_model_part(DpJsModels *models, DpJsModel *combined, uint32 i);

/* Do two models have the same text? */
extern bool dp_js_model_same_text(DpJsModel *a, DpJsModel *b);

extern void dp_js_models_free(DpJsModels *models);

static inline bool
dp_js_model_is_empty(const DpJsModel *model)
{
	return model->class == DP_JS_CLASS_EMPTY || model->class == DP_JS_CLASS_TRUE;
}

#endif							/* DP_JSONSCHEMA_MODEL_H */
