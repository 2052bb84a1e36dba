/*-------------------------------------------------------------------------
 *
 * changelog_int.h
 *	  What the files of this room know of each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_CHANGELOG_INT_H
#define DP_CHANGELOG_INT_H

#include "access/attnum.h"
#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"
#include "utils/reltrigger.h"
#include "utils/snapshot.h"

#include "changelog/changelog.h"

/* Writers fill one segment while the other one waits to be emptied. */
#define DP_LOG_SEGMENTS 2

/* The first columns of a segment; those of the table follow, named a<attnum>. */
#define DP_LOG_XID 1			/* bigint: top transaction that wrote the row */
#define DP_LOG_SEQ 2			/* bigint: counts up within the transaction */
#define DP_LOG_SIGN 3			/* smallint: -1 old image, 1 new image */
#define DP_LOG_FIRST_COLUMN 4

/* ---- frontier.c ---- */

/* What a reader has seen. */
typedef struct DpFrontier
{
	uint64		xmin;
	uint64		xmax;
	int			nxip;
	uint64	   *xip;			/* sorted */
	uint64		own_xid;		/* 0: none */
	int64		own_seq;
} DpFrontier;

extern DpFrontier *dp_frontier_of_snapshot(Snapshot snapshot);
extern DpFrontier *dp_frontier_parse(const char *snapshot, const char *xid, const char *seq);
extern char *dp_frontier_json(const DpFrontier *frontier);
extern char *dp_frontier_snapshot_text(const DpFrontier *frontier);
extern bool dp_frontier_sees(const DpFrontier *frontier, uint64 xid, int64 seq);
extern bool dp_frontier_covers(const DpFrontier *frontier, const DpFrontier *older);

/* ---- log.c ---- */

/* A table's log, as a session remembers it. */
typedef struct DpLog
{
	int32		log_id;			/* hash key */
	Oid			segment;		/* where writers write now; InvalidOid: look again */
} DpLog;

extern Oid	dp_log_function(const char *name);
extern Oid	dp_log_relation(const char *name);
extern Oid	dp_log_owner(void);
extern Trigger *dp_log_trigger(Relation rel);
extern int32 dp_log_trigger_log(const Trigger *trigger);
extern Oid	dp_log_trigger_root(const Trigger *trigger);
extern Oid	dp_log_segment_oid(int32 log_id, int segment);
extern bool dp_log_lock_segments(int32 log_id);
extern Relation dp_log_open_segment(int32 log_id);
extern List *dp_log_watched_tables(void);
extern AttrNumber dp_log_column_attnum(const char *name);

/* ---- trigger.c ---- */
extern void dp_log_add_triggers(Oid relid, int32 log_id, Oid root);
extern void dp_log_drop_triggers(Oid relid);
extern bool dp_log_dropping_triggers(void);

/* ---- rotate.c ---- */
extern void dp_log_rotate_init(void);

/* ---- ddl.c ---- */
extern void dp_log_ddl_init(void);

/* ---- merge.c ---- */
extern void dp_log_merge_init(void);
extern bool dp_log_merge_unattended(void);

/* ---- stopped.c ---- */
extern void dp_log_stopped_init(void);

/* ---- carrier.c ---- */

/* How values of a type stand in the log: as such, or as bytes. */
typedef enum DpCarrier
{
	DP_CARRY_AS_IS,				/* the same, or a built-in type of the same layout */
	DP_CARRY_AS_BYTES			/* fixed length, by reference: wrapped in a bytea */
} DpCarrier;

extern Oid	dp_carrier_type(Oid type, DpCarrier *how);
extern Datum dp_carry_in(Datum value, DpCarrier how, int16 typlen);
extern Datum dp_carry_out(Datum value, DpCarrier how);

/* ---- write.c ---- */
extern DpLogSink *dp_log_sink_open(Relation rel, const Trigger *trigger);
extern int64 dp_log_next_seq(void);
extern void dp_log_write_reset(int32 log_id, const char *reason);

/* ---- listen.c ---- */
extern void dp_log_note_change(Oid relid);
extern void dp_log_listen_init(void);
extern void dp_log_tell_all(void);
extern uint64 dp_log_change_count(Oid relid);
extern bool dp_log_changed_here(Oid relid);
extern int64 dp_log_last_seq(void);

/* ---- reader.c ---- */

/* A reader of a table, as its row says under the active snapshot. */
typedef struct DpReader
{
	int32		log_id;
	char	   *relation;		/* key of its row */
	const char *name;
	Bitmapset  *columns;		/* attribute numbers; NULL: all */
	DpFrontier *frontier;		/* NULL: nothing was read yet */
	const char *obstacle;		/* why the table is not captured now, or NULL */
	const char *reset;			/* why the log does not tell what changed, or NULL */
} DpReader;

extern DpReader *dp_reader_load(Relation rel, const char *name);
extern void dp_log_as_owner(Oid *save_userid, int *save_sec_context);

/* ---- scan.c ---- */

/* A scan over the rows of a segment that a frontier has not seen. */
typedef struct DpLogScan
{
	const DpFrontier *frontier;
	Snapshot	snapshot;		/* NULL: the active one */
	bool		keep_lock;		/* of the segment, until the transaction ends */
	Relation	segment;
	struct BufferAccessStrategyData *strategy;
	TupleTableSlot *slot;		/* the row */
	uint64		xid;			/* its first columns */
	int64		seq;
	int			sign;
	List	   *ranges;			/* of blocks still to be read: first, count, ...; NIL at the beginning: all */
	bool		note_hits;		/* in CurrentMemoryContext */
	List	   *hits;			/* of blocks that had rows to return */
	int			buffer;			/* page that is being read, pinned; 0: none */
	OffsetNumber offsets[MaxHeapTuplesPerPage];	/* of its rows to return */
	int			noffsets;
	int			at;
	uint64		last_xid;		/* rows of a transaction stand together */
	bool		last_seen;		/* the frontier sees all of it */
} DpLogScan;

extern bool dp_log_scan_begin(DpLogScan *scan, int32 log_id, int segment);
extern bool dp_log_scan_next(DpLogScan *scan);
extern int64 dp_log_scan_count(DpLogScan *scan, bool *gone);
extern void dp_log_scan_end(DpLogScan *scan);

/* ---- net.c ---- */
typedef struct DpNet DpNet;

extern DpNet *dp_net_begin(DpDelta *delta, int64 expected_rows);
extern void dp_net_add(DpNet *net, Datum *values, bool *nulls, int sign);
extern bool dp_net_is_empty(const DpNet *net);
extern void dp_net_finish(DpNet *net);

#endif							/* DP_CHANGELOG_INT_H */
