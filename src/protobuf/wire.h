/*-------------------------------------------------------------------------
 *
 * wire.h
 *	  The wire format: varints and tags.
 *
 * Readers work on padded text: ten bytes behind any position may be read, so
 * only the end of what was read is compared with the end of the message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_WIRE_H
#define DP_PROTOBUF_WIRE_H

#include "postgres.h"

#include "common/buf.h"
#include "common/varint.h"

#define DP_PB_MAX_VARINT DP_VARINT_BYTES

typedef enum DpPbWire
{
	DP_PB_WIRE_VARINT = 0,
	DP_PB_WIRE_64 = 1,
	DP_PB_WIRE_BYTES = 2,
	DP_PB_WIRE_START = 3,
	DP_PB_WIRE_END = 4,
	DP_PB_WIRE_32 = 5
} DpPbWire;

/* One of nine or ten bytes, or none; NULL when it has more than ten. */
extern const char *dp_pb_long_varint(const char *p, uint64 *value);

/* The varint at p; NULL when it has more than ten bytes. */
static inline const char *
dp_pb_varint(const char *p, uint64 *value)
{
	uint64		v = (unsigned char) p[0];
	uint64		stops;

	if (likely(v < 0x80))
	{
		*value = v;
		return p + 1;
	}
	v = dp_varint_load(p);
	stops = dp_varint_stops(v);
	if ((stops & 0x8000) != 0)
	{
		*value = (v & 0x7F) | (v >> 1 & 0x3F80);
		return p + 2;
	}
	if (unlikely(stops == 0))
	{
		p = dp_pb_long_varint(p, &v);
		*value = v;
		return p;
	}
	*value = dp_varint_value(v, stops);
	return p + dp_varint_size(stops);
}

/* The same inside [p, end). */
static inline const char *
dp_pb_varint_in(const char *p, const char *end, uint64 *value)
{
	p = dp_pb_varint(p, value);
	return p != NULL && p <= end ? p : NULL;
}

static inline uint32
dp_pb_fixed32(const char *p)
{
	const unsigned char *u = (const unsigned char *) p;

	return (uint32) u[0] | (uint32) u[1] << 8 | (uint32) u[2] << 16 | (uint32) u[3] << 24;
}

static inline uint64
dp_pb_fixed64(const char *p)
{
	return dp_pb_fixed32(p) | (uint64) dp_pb_fixed32(p + 4) << 32;
}

static inline int64
dp_pb_unzigzag(uint64 v)
{
	return (int64) (v >> 1) ^ -(int64) (v & 1);
}

static inline uint64
dp_pb_zigzag(int64 v)
{
	return ((uint64) v << 1) ^ (uint64) (v >> 63);
}

static inline void
dp_pb_put_varint(DpBuf *out, uint64 v)
{
	char		bytes[DP_PB_MAX_VARINT];
	int			n = 0;

	while (v >= 0x80)
	{
		bytes[n++] = (char) (v | 0x80);
		v >>= 7;
	}
	bytes[n++] = (char) v;
	dp_buf_append(out, bytes, n);
}

static inline void
dp_pb_put_tag(DpBuf *out, int32 number, DpPbWire wire)
{
	dp_pb_put_varint(out, (uint64) number << 3 | wire);
}

static inline void
dp_pb_put_fixed(DpBuf *out, uint64 v, int n)
{
	char		bytes[8];

	for (int i = 0; i < n; i++)
		bytes[i] = (char) (v >> (8 * i));
	dp_buf_append(out, bytes, n);
}

static inline void
dp_pb_put_bytes(DpBuf *out, int32 number, const char *data, size_t len)
{
	dp_pb_put_tag(out, number, DP_PB_WIRE_BYTES);
	dp_pb_put_varint(out, len);
	dp_buf_append(out, data, len);
}

#endif							/* DP_PROTOBUF_WIRE_H */
