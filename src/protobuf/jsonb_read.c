/*-------------------------------------------------------------------------
 *
 * jsonb_read.c
 *	  The bytes of a jsonb, without the server.
 *
 * The server's own iterator allocates and throws, which what can be fuzzed
 * alone must not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/jsonb_read.h"

/* As in the server's numeric.c. */
#define DEC_DIGITS 4
#define NUMERIC_SHORT 0x8000
#define NUMERIC_SIGN_MASK 0xC000
#define NUMERIC_NEG 0x4000
#define NUMERIC_SHORT_NEG 0x2000
#define NUMERIC_SHORT_DSCALE_MASK 0x1F80
#define NUMERIC_SHORT_DSCALE_SHIFT 7
#define NUMERIC_SHORT_WEIGHT_SIGN 0x0040
#define NUMERIC_SHORT_WEIGHT_MASK 0x003F
#define NUMERIC_DSCALE_MASK 0x3FFF

static DpPbJson
container_at(const char *p)
{
	DpPbJson	json = {DP_PB_JSON_ARRAY, p};
	uint32		header;

	memcpy(&header, p, sizeof(header));
	json.n = header & JB_CMASK;
	if (header & JB_FOBJECT)
		json.type = DP_PB_JSON_OBJECT;
	return json;
}

DpPbJson
dp_pb_json_root(const char *jsonb)
{
	const char *p = VARDATA(jsonb);
	DpPbJson	json = container_at(p);
	uint32		header;
	DpPbJsonWalk walk;

	memcpy(&header, p, sizeof(header));
	if (!(header & JB_FSCALAR))
		return json;
	walk = dp_pb_json_walk(&json);
	return dp_pb_json_next(&walk);
}

DpPbJsonWalk
dp_pb_json_walk(const DpPbJson *container)
{
	DpPbJsonWalk walk = {(const JEntry *) (container->ptr + sizeof(uint32))};
	uint32		n = container->type == DP_PB_JSON_OBJECT ? 2 * container->n : container->n;

	walk.data = container->ptr + sizeof(uint32) + n * sizeof(JEntry);
	return walk;
}

DpPbJsonWalk
dp_pb_json_values(const DpPbJson *object)
{
	DpPbJsonWalk walk = dp_pb_json_walk(object);

	walk.i = object->n;
	for (uint32 i = walk.i; i > 0; i--)
	{
		walk.offset += JBE_OFFLENFLD(walk.entries[i - 1]);
		if (JBE_HAS_OFF(walk.entries[i - 1]))
			break;
	}
	return walk;
}

DpPbJson
dp_pb_json_next(DpPbJsonWalk *walk)
{
	JEntry		entry = walk->entries[walk->i++];
	const char *p = walk->data + walk->offset;
	uint32		end = JBE_HAS_OFF(entry) ? JBE_OFFLENFLD(entry) :
		walk->offset + JBE_OFFLENFLD(entry);
	DpPbJson	json = {DP_PB_JSON_NULL, p, end - walk->offset};

	walk->offset = end;
	if (JBE_ISSTRING(entry))
		json.type = DP_PB_JSON_STRING;
	else if (JBE_ISNUMERIC(entry))
	{
		json.type = DP_PB_JSON_NUMBER;
		json.ptr = (const char *) INTALIGN((uintptr_t) p);
	}
	else if (JBE_ISBOOL_TRUE(entry))
		json.type = DP_PB_JSON_TRUE;
	else if (JBE_ISBOOL_FALSE(entry))
		json.type = DP_PB_JSON_FALSE;
	else if (JBE_ISCONTAINER(entry))
		return container_at((const char *) INTALIGN((uintptr_t) p));
	return json;
}

/* One group of four digits. */
static void
put_group(char *to, int group)
{
	for (int i = DEC_DIGITS - 1; i >= 0; i--)
	{
		to[i] = '0' + group % 10;
		group /= 10;
	}
}

bool
dp_pb_json_number(const DpPbJson *number, DpBuf *text)
{
	const uint16 *words = (const uint16 *) (number->ptr + VARHDRSZ);
	int			nwords = (VARSIZE(number->ptr) - VARHDRSZ) / sizeof(uint16);
	uint16		header = words[0];
	bool		is_short = (header & NUMERIC_SIGN_MASK) == NUMERIC_SHORT;
	int			skip = is_short ? 1 : 2;
	int			dscale = is_short ?
		(header & NUMERIC_SHORT_DSCALE_MASK) >> NUMERIC_SHORT_DSCALE_SHIFT :
		header & NUMERIC_DSCALE_MASK;
	int			weight = is_short ? (header & NUMERIC_SHORT_WEIGHT_MASK) |
		(header & NUMERIC_SHORT_WEIGHT_SIGN ? ~NUMERIC_SHORT_WEIGHT_MASK : 0) :
		(int16) words[1];
	bool		negative = is_short ? (header & NUMERIC_SHORT_NEG) != 0 :
		(header & NUMERIC_SIGN_MASK) == NUMERIC_NEG;
	int			groups = nwords - skip;
	char		digits[DEC_DIGITS];
	bool		started = false;

	dp_buf_reset(text);
	if (negative)
		dp_buf_append(text, "-", 1);
	for (int i = 0; i <= weight; i++)
	{
		int			from = 0;

		put_group(digits, i < groups ? words[skip + i] : 0);
		while (!started && from < DEC_DIGITS - 1 && digits[from] == '0')
			from++;
		started = true;
		dp_buf_append(text, digits + from, DEC_DIGITS - from);
	}
	if (weight < 0)
		dp_buf_append(text, "0", 1);
	if (dscale > 0)
		dp_buf_append(text, ".", 1);

	/* Groups between the point and the first digits count from below zero. */
	for (int i = weight + 1; dscale > 0; i++, dscale -= DEC_DIGITS)
	{
		put_group(digits, i >= 0 && i < groups ? words[skip + i] : 0);
		dp_buf_append(text, digits, Min(dscale, DEC_DIGITS));
	}
	dp_buf_append(text, "", 1);
	return !text->oom;
}
