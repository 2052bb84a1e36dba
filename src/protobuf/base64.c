/*-------------------------------------------------------------------------
 *
 * base64.c
 *	  Base64, in which descriptors travel and ProtoJSON spells bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/model.h"
#include "protobuf/reader.h"

/* Both alphabets: -1 is none of their characters. */
static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

bool
dp_pb_base64_decode(const char *text, size_t len, DpBuf *bytes)
{
	uint32		group = 0;
	int			nbits = 0;

	while (len > 0 && (text[len - 1] == '=' || text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	for (size_t i = 0; i < len; i++)
	{
		int			value = value_of(text[i]);
		char		byte;

		if (text[i] == '\n' || text[i] == '\r')
			continue;
		if (value < 0)
			return false;
		group = group << 6 | value;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			byte = (char) (group >> nbits);
			dp_buf_append(bytes, &byte, 1);
		}
	}

	/* Left over bits belong to no byte, and six of them to no group. */
	return !bytes->oom && nbits < 6;
}

void
dp_pb_base64_encode(const char *bytes, size_t len, DpBuf *out)
{
	size_t		room = (len + 2) / 3 * 4;

	if (room > 0 && dp_buf_reserve(out, room))
		out->len += dp_pb_put_base64(out->data + out->len, bytes, len);
}
