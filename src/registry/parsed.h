/*-------------------------------------------------------------------------
 *
 * parsed.h
 *	  Schemas that SQL functions of the registry have parsed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_REGISTRY_PARSED_H
#define DP_REGISTRY_PARSED_H

#include "postgres.h"

#include "formats/schema.h"

/* By name; an error with Confluent's code when there is none. */
extern const DpSchemaKind *dp_parsed_kind(text *name);

/*
 * Parse a text with the closure of its references, given as arrays of names
 * and texts.  Freed with the current memory context.  An error (42201) when
 * it is no schema.
 */
extern DpSchema *dp_parsed_schema(const DpSchemaKind *kind, text *schema, Datum names, Datum texts);

/* A buffer that is freed with the current memory context. */
extern DpBuf *dp_parsed_buffer(void);

/*
 * After a function of a kind gave up: true when it was only interrupted (the
 * interrupts have been served: call it again), an error otherwise.
 */
extern bool dp_parsed_again(const DpError *err);

#endif							/* DP_REGISTRY_PARSED_H */
