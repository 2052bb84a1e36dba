/*-------------------------------------------------------------------------
 *
 * ingest.h
 *	  Kafka to bronze: what the files of a running source share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_INGEST_H
#define DP_INGEST_INGEST_H

#include "common/compat.h"
#include "ingest/batch.h"
#include "ingest/source.h"
#include "kafka/consumer.h"

extern void dp_ingest_init(void);

/*
 * A reason to stop fetching that another room knows: pipelines that lag, a
 * full disk, a standby that is behind.  Returns NULL when there is none; the
 * text is shown as the source's reason.  Called about once a second.
 */
typedef const char *(*DpBrake) (const DpSource *source);
extern void dp_ingest_register_brake(DpBrake brake);
extern const char *dp_ingest_brake_reason(const DpSource *source);

/* One partition that this process reads. */
typedef struct DpPartition
{
	char	   *topic;
	int			partition;
	int64		next_offset;
	int			generation;
	DpAnchor	anchor;			/* known to be of this topic; stored with the offsets */
	DpAnchor	newest;			/* stored, not yet confirmed by the sentinel */
	bool		sentinel;		/* the group has had our offset */
	bool		told;			/* this process has reported to the group */
	bool		gone;			/* and has it no more: the anchor must be found */
	int64		low;			/* -1 unknown */
	int64		stable;			/* read_committed end */
	int64		high;
	bool		at_end;
	bool		verify;			/* the next record must be the anchor */
	bool		stopped;		/* data loss: not read */
	int64		reported;		/* last offset told to the group */
	TimestampTz waiting_since;	/* stable end stands below the high watermark */
	int			stats;			/* entry in shared memory */
} DpPartition;

typedef struct DpIngest
{
	MemoryContext context;		/* life of one assignment */
	DpSource   *source;
	DpConsumer *consumer;
	DpBatch    *batch;
	struct DpHold *hold;		/* messages that wait for their schema; NULL: none ever does */
	int64		owner_epoch;
	int			worker_no;
	int			nparts;
	DpPartition *parts;
	int			nstopped;
	int			ntopics;		/* as the metadata had them */
	DpTopicInfo *topics;
	char		group_id[160];
	char	   *install_uuid;
	bool		foreign;		/* a server with our identity reads the source, too */
} DpIngest;

/*-------------------------------------------------------------------------
 * assign.c
 *-------------------------------------------------------------------------
 */

/*
 * Connect, find this worker's partitions, take them over, check that nothing
 * was lost, and start to fetch.  It is worker_no of so many; 0: as many as the
 * definition says.  Runs transactions of its own.  Returns NULL when a stop
 * was requested or the source is gone; errors are thrown.
 */
extern DpIngest *dp_ingest_open(const char *source, int worker_no, int workers,
								bool (*stop) (void));
extern void dp_ingest_close(DpIngest *in);

/* Does the broker's idea of the topics still match ours?  May wait a little. */
extern bool dp_ingest_verify(DpIngest *in, bool (*stop) (void));

/*
 * Ask whether the group still has our offsets; only then is what was read
 * since known to be of the same topic.  False when a topic was made anew.
 * *answered tells whether the broker gave an answer.
 */
extern bool dp_ingest_confirm(DpIngest *in, bool (*stop) (void), bool *answered);

/* Record a suspected loss and stop the partition.  Opens a transaction. */
extern void dp_ingest_data_loss(DpIngest *in, int part, const char *class,
								int64 from, int64 to, const char *evidence);

/* Compare the first record after a start with the anchor; true = drop the record. */
extern bool dp_ingest_check_anchor(DpIngest *in, const DpRecord *record);

/*
 * Offsets for a position in the words of start_from, for all partitions of
 * the topics.  The array is palloc'd.
 */
extern DpTopicPartition *dp_resolve_position(DpKafkaClient *client, const DpTopicInfo *topics,
											 int ntopics, const char *position,
											 bool (*stop) (void), int *n);

/* What this process reports beside its offsets; see beacon.c. */
extern const char *dp_beacon_text(const char *install_uuid);

/* Is the metadata of another process that began before this one? */
extern bool dp_beacon_is_older_stranger(const char *metadata, const char *install_uuid);

/* Throw for a request that a broker did not answer. */
pg_noreturn extern void dp_kafka_throw(DpKafkaClient *client, const char *server, int error);

#endif							/* DP_INGEST_INGEST_H */
