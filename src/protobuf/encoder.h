/*-------------------------------------------------------------------------
 *
 * encoder.h
 *	  What the files that write messages share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_ENCODER_H
#define DP_PROTOBUF_ENCODER_H

#include "formats/jsonb_read.h"
#include "protobuf/program.h"

typedef struct DpPbEncoder
{
	DpPbProgram *program;
	DpBuf	   *out;
	DpBuf		number;			/* a number as text */
	DpJsonbItem *members;		/* values by field, of all messages that are open */
	uint32		nmembers;
	uint32		members_cap;
	int			depth;
	uint32		nvalues;
	DpError    *err;
} DpPbEncoder;

/* "field "x": <what>" as the error. */
extern bool dp_pb_encode_fail(DpPbEncoder *e, const DpPbCode *code, const char *what);

/* The fields of a message, without a length before them. */
extern bool dp_pb_encode_message(DpPbEncoder *e, const DpPbCodeMessage *m, const DpJsonbItem *json,
								 const DpPbCode *at);

/* Members of an object that are not called "skip" to fields. */
extern bool dp_pb_encode_members(DpPbEncoder *e, const DpPbCodeMessage *m, const DpJsonbItem *json,
								 const char *skip, const DpPbCode *at);

/* The value of a message that ProtoJSON spells in a way of its own. */
extern bool dp_pb_encode_special(DpPbEncoder *e, const DpPbCodeMessage *m, const DpJsonbItem *json,
								 const DpPbCode *at);

/* One field with its value; nothing for the zero of a field without presence. */
extern bool dp_pb_encode_field(DpPbEncoder *e, const DpPbCode *code, const DpJsonbItem *json);

/* A message or a string of bytes is written first and its length put before it. */
extern size_t dp_pb_open(DpPbEncoder *e, int32 number);
extern bool dp_pb_close(DpPbEncoder *e, size_t start);

extern bool dp_pb_encode_deeper(DpPbEncoder *e);

#endif							/* DP_PROTOBUF_ENCODER_H */
