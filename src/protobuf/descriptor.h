/*-------------------------------------------------------------------------
 *
 * descriptor.h
 *	  What the files that read descriptors share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_DESCRIPTOR_H
#define DP_PROTOBUF_DESCRIPTOR_H

#include "protobuf/known_options.h"
#include "protobuf/wire.h"

typedef struct DpPbSource
{
	DpPbSchema *schema;
	DpPbFile   *file;
	int			depth;
	DpError    *err;
} DpPbSource;

/* A part of the bytes, and the field of it that we are at. */
typedef struct DpPbPart
{
	const char *p;
	const char *end;
	uint64		number;
	DpPbWire	wire;
	uint64		bits;			/* of a varint */
	const char *data;			/* of a field with a length */
	size_t		len;
} DpPbPart;

/* "no valid FileDescriptorProto" as the error; always false. */
extern bool dp_pb_broken(DpPbSource *s);

extern DpPbPart dp_pb_part_of(const char *data, size_t len);

/* Go to the next field; false at the end, and on broken bytes with the end not reached. */
extern bool dp_pb_next_field(DpPbPart *part);
extern bool dp_pb_at_end(const DpPbPart *part);

/* Text or name of the field; NULL and the error when it is none. */
extern const char *dp_pb_part_text(DpPbSource *s, const DpPbPart *part);
extern const char *dp_pb_part_name(DpPbSource *s, const DpPbPart *part, bool dotted);

extern void dp_pb_set_word(DpPbValue *value, DpPbValueKind kind, const char *text);

extern bool dp_pb_read_options(DpPbSource *s, const DpPbPart *in, DpPbOptionsOf of,
							   DpPbOption **list);
extern bool dp_pb_read_range(DpPbSource *s, const DpPbPart *in, bool exclusive, DpPbRanges **list);
extern bool dp_pb_read_reserved_name(DpPbSource *s, const DpPbPart *in, DpPbRanges **list);

#endif							/* DP_PROTOBUF_DESCRIPTOR_H */
