/*-------------------------------------------------------------------------
 *
 * diff.h
 *	  What the files that compare schemas share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_DIFF_H
#define DP_PROTOBUF_DIFF_H

#include "protobuf/model.h"

typedef enum DpPbDifferenceId
{
	DP_PB_PACKAGE_CHANGED,
	DP_PB_MESSAGE_ADDED,
	DP_PB_MESSAGE_REMOVED,
	DP_PB_MESSAGE_MOVED,
	DP_PB_ENUM_ADDED,
	DP_PB_ENUM_REMOVED,
	DP_PB_ENUM_CONST_ADDED,
	DP_PB_ENUM_CONST_CHANGED,
	DP_PB_ENUM_CONST_REMOVED,
	DP_PB_FIELD_ADDED,
	DP_PB_FIELD_REMOVED,
	DP_PB_FIELD_NAME_CHANGED,
	DP_PB_FIELD_KIND_CHANGED,
	DP_PB_FIELD_SCALAR_KIND_CHANGED,
	DP_PB_FIELD_NAMED_TYPE_CHANGED,
	DP_PB_FIELD_NUMERIC_LABEL_CHANGED,
	DP_PB_FIELD_STRING_OR_BYTES_LABEL_CHANGED,
	DP_PB_REQUIRED_FIELD_ADDED,
	DP_PB_REQUIRED_FIELD_REMOVED,
	DP_PB_ONEOF_ADDED,
	DP_PB_ONEOF_REMOVED,
	DP_PB_ONEOF_FIELD_ADDED,
	DP_PB_ONEOF_FIELD_REMOVED,
	DP_PB_ONEOF_FIELD_MOVED_TO_TOP_LEVEL,
	DP_PB_MULTIPLE_FIELDS_MOVED_TO_ONEOF,
	DP_PB_FIELD_MOVED_TO_EXISTING_ONEOF
} DpPbDifferenceId;

/* Two messages of other files that were compared, or are being so. */
typedef struct DpPbPair
{
	const DpPbMessage *old;
	const DpPbMessage *new;
	bool		incompatible;
} DpPbPair;

typedef struct DpPbDiffer
{
	const DpPbSchema *old;
	const DpPbSchema *new;
	DpDifferenceSink sink;
	void	   *arg;
	DpBuf		path;			/* "/A/2" */
	DpBuf		message;
	uint32		nincompatible;
	bool		stopped;		/* the sink has enough, or *err is set */
	bool		failed;
	DpPbPair	   *pairs;			/* open addressing */
	uint32		npairs;
	uint32		nbuckets;
	int			depth;
	DpError    *err;
} DpPbDiffer;

/* Things of one side by what makes them the same as those of the other. */
typedef struct DpPbEntry
{
	const char *name;			/* or */
	int64		number;
	uint32		place;
	const void *thing;
} DpPbEntry;

typedef struct DpPbEntries
{
	DpPbEntry	   *items;
	uint32		len;
	uint32		cap;
} DpPbEntries;

extern void dp_pb_diff_fail(DpPbDiffer *d);

/* May the work go on? */
extern bool dp_pb_diff_busy(DpPbDiffer *d);

/* Go down by one word of the path; returns what dp_pb_leave needs. */
extern size_t dp_pb_enter(DpPbDiffer *d, const char *word);
extern size_t dp_pb_enter_number(DpPbDiffer *d, int64 number);
extern void dp_pb_leave(DpPbDiffer *d, size_t before);

/* A difference, here or one word further down. */
extern void dp_pb_tell(DpPbDiffer *d, DpPbDifferenceId id);
extern void dp_pb_tell_at(DpPbDiffer *d, const char *word, DpPbDifferenceId id);

/* Put things together, in order, of equal ones only the last... */
extern void dp_pb_add_entry(DpPbDiffer *d, DpPbEntries *entries, const char *name, int64 number,
							uint32 place, const void *thing);
extern void dp_pb_settle(DpPbEntries *entries);

/* ... and go through both sides: NULL on the side that has it not. */
extern bool dp_pb_next_match(const DpPbEntries *old, const DpPbEntries *new, uint32 *i, uint32 *k,
							 const DpPbEntry **o, const DpPbEntry **n);
extern const DpPbEntry *dp_pb_find_number(const DpPbEntries *entries, int64 number);

#endif							/* DP_PROTOBUF_DIFF_H */
