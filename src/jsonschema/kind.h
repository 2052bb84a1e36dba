/*-------------------------------------------------------------------------
 *
 * kind.h
 *	  What the files behind dp_jsonschema_kind share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_KIND_H
#define DP_JSONSCHEMA_KIND_H

#include "postgres.h"

#include "jsonschema/program.h"

/* "bare": not checked by its metaschema.  NULL and *err. */
extern DpJsProgram *dp_js_program_build(const char *text, size_t len, const DpSchemaRef *refs,
										int nrefs, DpJsDraft draft, bool bare, DpError *err);

/* One user less; the last one ends it. */
extern void dp_js_program_release(DpJsProgram *program);

extern bool dp_js_diff(const DpSchema *old, const DpSchema *new, bool lenient,
					   DpDifferenceSink sink, void *arg, DpError *err);
extern bool dp_js_fields(const DpSchema *schema, const DpMessagePath *path, int levels,
						 DpSchemaFieldSink sink, void *arg, DpError *err);
extern DpMessageReader *dp_js_reader(const DpSchema *writer, const DpReaderOptions *options,
									 DpError *err);
extern bool dp_js_encode(const DpSchema *schema, const DpMessagePath *path, const char *jsonb,
						 DpBuf *out, DpError *err);

#endif							/* DP_JSONSCHEMA_KIND_H */
