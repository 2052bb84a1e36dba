/*-------------------------------------------------------------------------
 *
 * partition_stats.h
 *	  What workers saw last of the partitions that they read.
 *
 * Plain figures in shared memory: written without a transaction, read by
 * views, gone at a restart.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_TELEMETRY_PARTITION_STATS_H
#define DP_TELEMETRY_PARTITION_STATS_H

#include "utils/timestamp.h"

/* Partitions that can be watched at a time in a server. */
#define DP_STATS_PARTITIONS 4096
#define DP_STATS_TOPIC_LEN 250
#define DP_STATS_UNKNOWN (-1)

/* Workers write every few seconds; an entry that is older than this may go, milliseconds. */
#define DP_STATS_STALE_MS (10 * 60 * 1000)

typedef struct DpPartitionStats
{
	Oid			dboid;			/* InvalidOid: the entry is free */
	int32		source_id;
	int32		partition;
	int64		low;			/* log start offset */
	int64		high;			/* high watermark */
	int64		stable;			/* last stable offset */
	bool		at_end;			/* read up to the end when last seen */
	int64		duplicate_keys; /* in JSON documents, since the entry was made */
	TimestampTz seen_at;
	char		topic[DP_STATS_TOPIC_LEN];
} DpPartitionStats;

extern void dp_partition_stats_init(void);

/*
 * Find or make an entry; -1 when shared memory is full or absent.  When it is
 * full the entry that was not written to for the longest goes, if that is long
 * ago: its database or source is gone, or stands still.
 */
extern int	dp_partition_stats_claim(Oid dboid, int32 source_id,
									 const char *topic, int32 partition);

/* Values of DP_STATS_UNKNOWN leave what is there. */
extern void dp_partition_stats_set(int entry, int64 low, int64 high,
								   int64 stable, bool at_end);

/* So many more keys stood twice in an object. */
extern void dp_partition_stats_add_duplicates(int entry, int64 n);

/* Forget all entries of a source (or of a database, source_id 0). */
extern void dp_partition_stats_drop(Oid dboid, int32 source_id);

/* Copy entry number "entry"; false when it is free or past the end. */
extern bool dp_partition_stats_get(int entry, DpPartitionStats *out);

#endif							/* DP_TELEMETRY_PARTITION_STATS_H */
