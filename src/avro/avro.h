/*-------------------------------------------------------------------------
 *
 * avro.h
 *	  What other rooms use of Avro.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_H
#define DP_AVRO_H

#include "formats/schema.h"

extern const DpSchemaKind dp_avro_kind;

typedef enum DpAvroFingerprint
{
	DP_AVRO_CRC64,				/* 8 bytes, as single-object encoding has them: lowest first */
	DP_AVRO_MD5,				/* 16 bytes */
	DP_AVRO_SHA256				/* 32 bytes */
} DpAvroFingerprint;

#define DP_AVRO_FINGERPRINT_MAX 32

/* Parsing Canonical Form, appended. */
extern bool dp_avro_canonical(const DpSchema *schema, DpBuf *out, DpError *err);

/*
 * As registries print it, with all that it refers to written out, so that it
 * needs no references: what "format=resolved" means to Confluent's clients.
 * Appended.
 */
extern bool dp_avro_resolved(const DpSchema *schema, DpBuf *out, DpError *err);

/* Of the canonical form; returns how many bytes "out" got, or 0 and *err. */
extern int	dp_avro_fingerprint(const DpSchema *schema, DpAvroFingerprint algorithm,
								unsigned char *out, DpError *err);

/* The number in single-object encoding (DpWireMessage.fingerprint). */
extern bool dp_avro_fingerprint_number(const DpSchema *schema, uint64 *out, DpError *err);

#endif							/* DP_AVRO_H */
