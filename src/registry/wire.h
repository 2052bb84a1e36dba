/*-------------------------------------------------------------------------
 *
 * wire.h
 *	  Writing what wire.c reads: the framing around a message's body.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_REGISTRY_WIRE_H
#define DP_REGISTRY_WIRE_H

#include "postgres.h"

#include "common/buf.h"
#include "utils/jsonb.h"

extern void dp_wire_put_prefix(DpBuf *out, int32 id);
extern void dp_wire_put_single_object(DpBuf *out, uint64 fingerprint);

/* No indexes mean the first message; none may be negative. */
extern void dp_wire_put_indexes(DpBuf *out, const int *indexes, int n);

/*
 * The last header of a name as bytes, out of headers as a bronze table has
 * them ([{"key", "value" | "base64"}]); NULL when there is none.
 */
extern bytea *dp_wire_header(Jsonb *headers, const char *name);

#endif							/* DP_REGISTRY_WIRE_H */
