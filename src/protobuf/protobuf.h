/*-------------------------------------------------------------------------
 *
 * protobuf.h
 *	  Protobuf as a schema language (formats/schema.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_H
#define DP_PROTOBUF_H

#include "postgres.h"

#include "formats/schema.h"

extern const DpSchemaKind dp_protobuf_kind;

/*
 * The schema's file as a FileDescriptorProto in base64, which is what
 * "format=serialized" means to Confluent's clients.  Appended, no NUL.
 */
extern bool dp_protobuf_serialized(const DpSchema *schema, DpBuf *out, DpError *err);

/*
 * The schema's text without extensions and custom options, which is what
 * "format=ignore_extensions" means to them.
 */
extern bool dp_protobuf_without_extensions(const DpSchema *schema, DpBuf *out, DpError *err);

/*
 * The index path of a message by its name, full or without the package.
 * Returns how many of "indexes" were filled, or 0 when there is none.
 */
extern int	dp_protobuf_find_message(const DpSchema *schema, const char *name,
									 int *indexes, int max);

#endif							/* DP_PROTOBUF_H */
