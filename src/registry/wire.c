/*-------------------------------------------------------------------------
 *
 * wire.c
 *	  How a message names its schema: the framing around the body.
 *
 * Prefix form:    00, id (4 bytes, big endian), body
 * Header form:    a header holds 01 and a GUID of 16 bytes; the value is the
 *                 body (00 and an id are taken from a header, too)
 * Single object:  C3 01, CRC-64-AVRO (8 bytes, little endian), body
 *
 * Before a Protobuf body stand message indexes: how many, then each, as
 * zig-zag varints.  A count of 0 means the first message; Apicurio writes it
 * out as a count of one and the index 0 (02 00).  Very old clients wrote plain
 * varints instead of zig-zag ones: 01 00 and the like.  An odd count is
 * negative in zig-zag and cannot be meant, so it tells them apart; an even
 * one is read as zig-zag.
 *
 * Nothing here knows the server: no palloc, no ereport.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "registry/registry.h"
#include "registry/wire.h"

#define PREFIX_BYTE 0x00
#define HEADER_BYTE 0x01
#define SINGLE_OBJECT_1 0xC3
#define SINGLE_OBJECT_2 0x01

#define ID_BYTES 4
#define FINGERPRINT_BYTES 8

/* A varint of 64 bits has no more bytes than this. */
#define VARPG_INT32_MAX_BYTES 10

static int32
get_int32(const unsigned char *p)
{
	return (int32) ((uint32) p[0] << 24 | (uint32) p[1] << 16 | (uint32) p[2] << 8 | p[3]);
}

/* Reads a varint and moves on; false when it is cut off or too long. */
static bool
get_varint(const unsigned char **p, const unsigned char *end, uint64 *value)
{
	*value = 0;
	for (int i = 0; i < VARPG_INT32_MAX_BYTES && *p < end; i++)
	{
		unsigned char c = *(*p)++;

		*value |= (uint64) (c & 0x7f) << (7 * i);
		if ((c & 0x80) == 0)
			return true;
	}
	return false;
}

/* An index or a count; false when it is none that can be meant. */
static bool
get_number(const unsigned char **p, const unsigned char *end, bool zigzag, int max, int *number)
{
	uint64		raw;

	if (!get_varint(p, end, &raw) || (zigzag && (raw & 1)))
		return false;
	if (zigzag)
		raw >>= 1;
	if (raw > (uint64) max)
		return false;
	*number = (int) raw;
	return true;
}

static bool
parse_indexes(DpWireMessage *out, size_t position, DpError *err)
{
	const unsigned char *start = (const unsigned char *) out->body;
	const unsigned char *p = start;
	const unsigned char *end = start + out->len;
	bool		zigzag = p < end && (*p & 1) == 0;
	int			n;

	out->nindexes = 0;
	if (p == end)
		return dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, position, "the message ends before its message indexes");
	if (!get_number(&p, end, zigzag, DP_MAX_MESSAGE_INDEXES, &n))
		return dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, position, "the number of message indexes is not valid");
	for (int i = 0; i < n; i++)
		if (!get_number(&p, end, zigzag, PG_INT32_MAX, &out->indexes[i]))
			return dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, position + (p - start),
								"a message index is not valid");
	if (n == 0)
	{
		out->indexes[0] = 0;
		n = 1;
	}
	out->nindexes = n;
	out->body = (const char *) p;
	out->len = end - p;
	return true;
}

static bool
parse_header(const unsigned char *header, size_t len, DpWireMessage *out, DpError *err)
{
	if (len == 1 + UUID_LEN && header[0] == HEADER_BYTE)
	{
		out->framing = DP_FRAMING_HEADER;
		memcpy(out->guid.data, header + 1, UUID_LEN);
		return true;
	}
	if (len == 1 + ID_BYTES && header[0] == PREFIX_BYTE)
	{
		out->framing = DP_FRAMING_PREFIX;
		out->schema_id = get_int32(header + 1);
		return true;
	}
	return dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, DP_NO_POSITION,
						"the header that names the schema is not valid");
}

bool
dp_wire_parse(const char *value, size_t len, const char *header, size_t headerlen,
			  bool protobuf, DpWireMessage *out, DpError *err)
{
	const unsigned char *p = (const unsigned char *) value;

	memset(out, 0, offsetof(DpWireMessage, indexes));
	out->body = value;
	out->len = len;
	if (header)
	{
		if (!parse_header((const unsigned char *) header, headerlen, out, err))
			return false;
	}
	else if (len > 0 && p[0] == PREFIX_BYTE)
	{
		if (len < 1 + ID_BYTES)
			return dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, len, "the message ends within its schema id");
		out->framing = DP_FRAMING_PREFIX;
		out->schema_id = get_int32(p + 1);
		out->body += 1 + ID_BYTES;
		out->len -= 1 + ID_BYTES;
	}
	else if (len > 1 && p[0] == SINGLE_OBJECT_1 && p[1] == SINGLE_OBJECT_2 && !protobuf)
	{
		if (len < 2 + FINGERPRINT_BYTES)
			return dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, len, "the message ends within the fingerprint of its schema");
		out->framing = DP_FRAMING_SINGLE_OBJECT;
		for (int i = FINGERPRINT_BYTES - 1; i >= 0; i--)
			out->fingerprint = out->fingerprint << 8 | p[2 + i];
		out->body += 2 + FINGERPRINT_BYTES;
		out->len -= 2 + FINGERPRINT_BYTES;
	}
	if (protobuf && out->framing != DP_FRAMING_NONE)
		return parse_indexes(out, out->body - value, err);
	return true;
}

static void
put_varint(DpBuf *out, uint64 value)
{
	while (value > 0x7f)
	{
		char		c = (char) (value | 0x80);

		dp_buf_append(out, &c, 1);
		value >>= 7;
	}
	dp_buf_append(out, &(char) {(char) value}, 1);
}

void
dp_wire_put_prefix(DpBuf *out, int32 id)
{
	unsigned char bytes[1 + ID_BYTES] = {PREFIX_BYTE, (uint32) id >> 24, (uint32) id >> 16, (uint32) id >> 8, (uint32) id};

	dp_buf_append(out, bytes, sizeof(bytes));
}

void
dp_wire_put_single_object(DpBuf *out, uint64 fingerprint)
{
	unsigned char bytes[2 + FINGERPRINT_BYTES] = {SINGLE_OBJECT_1, SINGLE_OBJECT_2};

	for (int i = 0; i < FINGERPRINT_BYTES; i++)
		bytes[2 + i] = (unsigned char) (fingerprint >> (8 * i));
	dp_buf_append(out, bytes, sizeof(bytes));
}

void
dp_wire_put_indexes(DpBuf *out, const int *indexes, int n)
{
	if (n == 0 || (n == 1 && indexes[0] == 0))
	{
		put_varint(out, 0);
		return;
	}
	put_varint(out, (uint64) n << 1);
	for (int i = 0; i < n; i++)
		put_varint(out, (uint64) indexes[i] << 1);
}
