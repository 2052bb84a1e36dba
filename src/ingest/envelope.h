/*-------------------------------------------------------------------------
 *
 * envelope.h
 *	  Debezium's messages on their way into a bronze table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_ENVELOPE_H
#define DP_INGEST_ENVELOPE_H

#include "common/error.h"
#include "formats/json.h"

typedef struct DpEnvelope DpEnvelope;

/* In CurrentMemoryContext. */
extern DpEnvelope *dp_envelope_create(void);

/*
 * Take {"schema", "payload"} off a jsonb, and see that what is in it is a
 * message of Debezium.  The result is the argument, or lives until the next
 * call; NULL and *err when it is something else.
 */
extern const char *dp_envelope_open(DpEnvelope *envelope, const char *jsonb, DpError *err);

/* The same for a text that is going to be read into columns. */
extern bool dp_envelope_open_text(DpEnvelope *envelope, DpJsonDecoder *decoder,
								  const char **text, size_t *len, DpError *err);

#endif							/* DP_INGEST_ENVELOPE_H */
