/*-------------------------------------------------------------------------
 *
 * reader.h
 *	  What the files that read messages share.
 *
 * A message is read in two steps.  First its fields are put into slots as raw
 * values, the last one of a field winning, pieces of a message and elements of
 * a repeated field in a chain; nothing inside a field is looked at.  Then each
 * slot becomes what it stands for, which for a message means to do the same
 * again.  So what is overwritten costs nothing, and messages that come in
 * pieces are merged by reading the pieces into the same slots.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_READER_H
#define DP_PROTOBUF_READER_H

#include "formats/nodes.h"
#include "formats/values.h"
#include "protobuf/program.h"

#define DP_PB_BAD DP_SQLSTATE_BAD_MESSAGE
#define DP_PB_NOT_PACKED PG_UINT32_MAX	/* len of a number that stands alone */
#define DP_PB_CHECK_EVERY 65536	/* values between two looks for interrupts */
#define DP_PB_SPELLED 48		/* bytes that any number, time or duration takes */

/* A number by its 64 bits, or bytes inside the text. */
typedef struct DpPbRaw
{
	union
	{
		uint64		bits;
		const char *ptr;
	}			u;
	uint32		len;
} DpPbRaw;

typedef struct DpPbSlot
{
	DpPbRaw		value;			/* of a field that has one */
	uint32		count;			/* 0: was not sent */
	uint32		head;			/* chain of elements or pieces */
	uint32		tail;
} DpPbSlot;

typedef struct DpPbElement
{
	DpPbRaw		value;
	uint32		next;			/* DP_PB_NONE at the end */
} DpPbElement;

/* A field that the schema does not know, of a message whose fields have columns. */
typedef struct DpPbUnknown
{
	int32		number;
	uint8		wire;
	uint32		scope;
	DpPbRaw		value;
} DpPbUnknown;

/* A message whose fields have columns: the one that is read, or one inside of it. */
typedef struct DpPbScope
{
	const DpPbCodeMessage *m;
	uint32		parent;			/* the one around it, which comes before it */
	uint32		slot;			/* its field there */
	bool		whole;			/* it, or one around it, has a column as a whole as well */
	bool	   *has_column;		/* by field; a message with columns in it counts */
	char	   *path;			/* JSON names of the way, each with a dot behind it */
	uint32		pathlen;
	uint32		base;			/* its slots; DP_PB_NONE: was not sent */
} DpPbScope;

typedef struct DpPbColumn
{
	DpColumn	column;
	const DpPbCode *code;		/* NULL: the message has no such field */
	uint32		scope;
	uint32		slot;
} DpPbColumn;

typedef struct DpPbReader
{
	DpMessageReader base;
	DpPbProgram *program;
	DpJsonDecoder *d;
	DpArena		arena;			/* spelled numbers, values of columns */
	char	   *spell_at;		/* room in it */
	char	   *spell_end;
	DpPbSlot   *slots;
	uint32		nslots;
	uint32		slots_cap;
	DpPbElement *elements;
	uint32		nelements;
	uint32		elements_cap;
	int32	   *groups;			/* numbers of unknown groups that are open */
	int			max_depth;
	int			depth;			/* of the message being read */
	uint32		nvalues;		/* against DP_MESSAGE_MAX_ITEMS */
	uint32		next_check;
	uint64		nunknown;		/* fields that were skipped, since creation */
	DpPbColumn *columns;
	int			ncolumns;
	bool		rescue;
	DpPbScope  *scopes;			/* the first is the message itself */
	uint32		nscopes;
	DpPbUnknown *unknowns;		/* kept for the rescue */
	uint32		nunknowns;
	uint32		unknowns_cap;
	bool		keep_unknown;
	DpError    *err;
} DpPbReader;

/* Slots of a message on top of the others; the first is *base.  False: no memory. */
extern bool dp_pb_slots(DpPbReader *r, const DpPbCodeMessage *m, uint32 *base);

/* Put the fields of one piece of a message into its slots. */
extern bool dp_pb_read_fields(DpPbReader *r, const DpPbCodeMessage *m, uint32 base,
							  const char *p, const char *end);

/* The number at p by its bits; NULL and the error when it is cut. */
extern const char *dp_pb_read_number(DpPbReader *r, const DpPbCode *code, const char *p,
									 const char *end, uint64 *bits);

/* The message in the chain of pieces as one node on top of the stack. */
extern bool dp_pb_push_message(DpPbReader *r, uint32 message, uint32 piece);

/* One that is in one piece. */
extern bool dp_pb_push_span(DpPbReader *r, const DpPbCodeMessage *m, const char *p, size_t len);

/* What the slots hold, as one node: an object or what its own spelling is. */
extern bool dp_pb_push_slots(DpPbReader *r, const DpPbCodeMessage *m, uint32 base);

/* A message with a spelling of its own. */
extern bool dp_pb_push_special(DpPbReader *r, const DpPbCodeMessage *m, uint32 base);

/* Keys and values of all that was sent; the object is open. */
extern bool dp_pb_push_members(DpPbReader *r, const DpPbCodeMessage *m, uint32 base,
							   uint32 *shape);

/* The value of a slot: an array, an object or a single value. */
extern bool dp_pb_push_slot(DpPbReader *r, const DpPbCode *code, const DpPbSlot *slot);

extern bool dp_pb_push_scalar(DpPbReader *r, const DpPbCode *code, const DpPbRaw *value);
extern bool dp_pb_push_key(DpPbReader *r, const char *key, uint32 len, uint32 *shape);
extern bool dp_pb_push_string(DpPbReader *r, const char *text, size_t len);

/* "len" bytes that live as long as the message; NULL: no memory. */
extern char *dp_pb_spell(DpPbReader *r, size_t len);

/* Decimal digits of a number, at "to"; returns the end. */
extern char *dp_pb_put_integer(char *to, int64 value);
extern char *dp_pb_put_unsigned(char *to, uint64 value);

/* "2026-01-31T12:00:00.5Z" and "-1.5s"; 0 when out of ProtoJSON's range. */
extern bool dp_pb_is_timestamp(int64 seconds, int32 nanos);
extern int	dp_pb_spell_timestamp(char *to, int64 seconds, int32 nanos);
extern int	dp_pb_spell_duration(char *to, int64 seconds, int32 nanos);

/* Base64 into room for 4 * ((len + 2) / 3) bytes; returns how many. */
extern size_t dp_pb_put_base64(char *to, const char *bytes, size_t len);

/* unscaled / 10^scale in decimal; NULL and the error set. */
extern char *dp_pb_spell_decimal(DpPbReader *r, const DpPbRaw *unscaled, int32 scale,
								 size_t *len);

extern bool dp_pb_verify_text(DpPbReader *r, const char *name, uint32 namelen,
							  const char *text, size_t len);

/* The value of a column from its text. */
extern bool dp_pb_from_text(DpPbReader *r, const DpPbColumn *c, const char *text, size_t len,
							DpColumnValue *out);

/* The node on the stack as JSON text in a column. */
extern bool dp_pb_put_json_text(DpPbReader *r, const DpPbColumn *c, DpColumnValue *out);

extern bool dp_pb_to_columns(DpMessageReader *self, const char *src, size_t len,
							 DpColumnValue *values, DpError *err);
extern bool dp_pb_bind_columns(DpPbReader *r, const DpReaderOptions *options);

/* Copy a message to padded memory and begin with it. */
extern bool dp_pb_load(DpPbReader *r, const char *src, size_t len, DpError *err);

extern bool dp_pb_count_values(DpPbReader *r, uint32 n);

/* Where in the message p is, for errors. */
static inline size_t
dp_pb_position(const DpPbReader *r, const char *p)
{
	return p - r->d->text.data;
}

static inline DpNode *
dp_pb_node(DpPbReader *r)
{
	DpNode	   *node = dp_nodes_push(&r->d->stack);

	if (unlikely(node == NULL))
		dp_pb_no_memory(r->err);
	return node;
}

/* Count a value: false when there are too many, or on an interrupt. */
static inline bool
dp_pb_count(DpPbReader *r)
{
	if (likely(++r->nvalues < r->next_check))
		return true;
	return dp_pb_count_values(r, 0);
}

#endif							/* DP_PROTOBUF_READER_H */
