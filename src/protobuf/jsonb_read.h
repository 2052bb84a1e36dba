/*-------------------------------------------------------------------------
 *
 * jsonb_read.h
 *	  The bytes of a jsonb, without the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_JSONB_READ_H
#define DP_PROTOBUF_JSONB_READ_H

#include "postgres.h"

#include "common/buf.h"
#include "utils/jsonb.h"

typedef enum DpPbJsonType
{
	DP_PB_JSON_NULL,
	DP_PB_JSON_STRING,
	DP_PB_JSON_NUMBER,
	DP_PB_JSON_FALSE,
	DP_PB_JSON_TRUE,
	DP_PB_JSON_ARRAY,
	DP_PB_JSON_OBJECT
} DpPbJsonType;

typedef struct DpPbJson
{
	DpPbJsonType type;
	const char *ptr;			/* of a string; of a numeric; of a container */
	uint32		len;
	uint32		n;				/* elements, or members, of a container */
} DpPbJson;

/* Where we are among the children of a container. */
typedef struct DpPbJsonWalk
{
	const JEntry *entries;
	const char *data;
	uint32		i;
	uint32		offset;			/* of child i */
} DpPbJsonWalk;

/* The root of a jsonb. */
extern DpPbJson dp_pb_json_root(const char *jsonb);

/* Children of an array; of an object first its n keys, then its n values. */
extern DpPbJsonWalk dp_pb_json_walk(const DpPbJson *container);
extern DpPbJson dp_pb_json_next(DpPbJsonWalk *walk);

/* A walk that begins at the first value of an object. */
extern DpPbJsonWalk dp_pb_json_values(const DpPbJson *object);

/* A number spelled in full, without exponent, with a NUL behind it. */
extern bool dp_pb_json_number(const DpPbJson *number, DpBuf *text);

#endif							/* DP_PROTOBUF_JSONB_READ_H */
