/*-------------------------------------------------------------------------
 *
 * program.h
 *	  The messages of a schema, compiled for reading and writing.
 *
 * Holds no pointer into the schema.  A map entry is a message of two fields
 * like any other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_PROGRAM_H
#define DP_PROTOBUF_PROGRAM_H

#include "formats/nodes.h"
#include "protobuf/model.h"
#include "protobuf/wire.h"

#define DP_PB_NONE PG_UINT32_MAX
#define DP_PB_DIRECT 64			/* field numbers below are found by a table */
#define DP_PB_MAX_JSON_NAME 512 /* bytes */

typedef struct DpPbCode
{
	int32		number;
	uint8		type;			/* DpPbType; DP_PB_MESSAGE for a map */
	uint8		wire;			/* DpPbWire of one value */
	bool		repeated;		/* and no map */
	bool		is_map;
	bool		presence;
	bool		required;
	bool		packable;
	bool		packed;			/* when written */
	bool		closed;			/* an enum whose unknown numbers are unknown fields */
	int			oneof;			/* from 0, or -1 */
	uint32		message;		/* of a message, group or map (its entry) */
	uint32		enumeration;
	const char *key;			/* JSON name; a quote and padding follow */
	uint32		keylen;
	const char *name;			/* as declared */
	uint32		namelen;
} DpPbCode;

typedef struct DpPbCodeMessage
{
	const char *full_name;
	DpPbCode   *codes;			/* by number */
	uint32		ncodes;
	uint32		noneofs;
	DpPbWellKnown well_known;
	bool		any_required;
	uint32		direct[DP_PB_DIRECT];	/* index + 1, or 0 */
	uint32	   *by_name;		/* hash of JSON and declared names; made for writing */
	uint32		nbuckets;
} DpPbCodeMessage;

typedef struct DpPbCodeValue
{
	int32		number;
	const char *name;			/* padded */
	uint32		len;
} DpPbCodeValue;

typedef struct DpPbCodeEnum
{
	DpPbCodeValue *values;		/* by number, then as declared */
	uint32		nvalues;
	bool		closed;
	bool		is_null;		/* google.protobuf.NullValue */
} DpPbCodeEnum;

typedef struct DpPbProgram
{
	DpArena		arena;
	DpPbCodeMessage *messages;	/* the first is the root */
	uint32		nmessages;
	DpPbCodeEnum *enums;
	uint32		nenums;
} DpPbProgram;

/* NULL and *err. */
extern DpPbProgram *dp_pb_compile(const DpPbSchema *schema, const DpPbMessage *root, DpError *err);
extern void dp_pb_program_free(DpPbProgram *program);

/* The wire type of one value of a type. */
extern DpPbWire dp_pb_wire_of(int type);

static inline const DpPbCode *
dp_pb_code(const DpPbCodeMessage *m, uint64 number)
{
	uint32		low = 0;
	uint32		high = m->ncodes;

	if (likely(number < DP_PB_DIRECT))
	{
		uint32		i = m->direct[number];

		return i > 0 ? &m->codes[i - 1] : NULL;
	}
	while (low < high)
	{
		uint32		mid = (low + high) / 2;

		if (m->codes[mid].number < (int64) number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->ncodes && m->codes[low].number == (int64) number ? &m->codes[low] : NULL;
}

/* The first name of a number, or NULL. */
extern const DpPbCodeValue *dp_pb_code_value(const DpPbCodeEnum *e, int32 number);

/* A message by its full name, or NULL. */
extern const DpPbCodeMessage *dp_pb_code_message(const DpPbProgram *program, const char *name,
												 size_t len);

#endif							/* DP_PROTOBUF_PROGRAM_H */
