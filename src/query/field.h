/*-------------------------------------------------------------------------
 *
 * field.h
 *	  Fields of JSON documents, as the queries of pipelines read them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUERY_FIELD_H
#define DP_QUERY_FIELD_H

#include "fmgr.h"
#include "nodes/plannodes.h"
#include "utils/jsonb.h"

/* How a step goes down into a document. */
#define DP_STEP_KEY 'k'			/* -> text: a member of an object */
#define DP_STEP_ELEMENT 'e'		/* -> int: an element of an array */
#define DP_STEP_PATH 'p'		/* of #>: what its container makes of it */

/* Behind the kinds of the steps: -> or #>, so that the field stays a jsonb. */
#define DP_STEPS_JSONB "j"

/* Documents that are remembered at a time, each for one expression of a plan. */
#define DP_DOCUMENTS 8

/* ---- field.c ---- */

/* The function that reads fields; InvalidOid: there is none that the current user may call. */
extern Oid	dp_field_function(void);

/* Let the targets and the filter of one plan node read fields by that function. */
extern void dp_plan_read_fields(Plan *plan, Oid function, List **documents);

/* ---- document.c ---- */

/*
 * The document of a jsonb as it stands in a row, not compressed.  It lives at
 * least until the next call with the same number.  "life" is the context of
 * the query that asks.
 */
extern JsonbContainer *dp_document_open(Datum jsonb, int number, MemoryContext life);

/* A query begins that will ask. */
extern void dp_document_begin(void);

#endif							/* DP_QUERY_FIELD_H */
