/*-------------------------------------------------------------------------
 *
 * breadcrumb.h
 *	  Which message a worker was busy with when it died.
 *
 * A message that crashes its worker restarts every backend of the server, so
 * the third try must not happen.  The worker writes what it is doing into a
 * small file that is mapped into memory: three stores a message, no system
 * call, and the page cache keeps them when the process is killed.  The next
 * incarnation reads the file before it truncates it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_BREADCRUMB_H
#define DP_INGEST_BREADCRUMB_H

typedef enum DpCrumbStage
{
	DP_CRUMB_NONE,
	DP_CRUMB_DECODE,			/* decoding the message at (tp, offset) */
	DP_CRUMB_INSERT				/* storing "count" messages, the first at (tp, offset) */
} DpCrumbStage;

typedef struct DpCrumb
{
	DpCrumbStage stage;
	char		topic[256];
	int			partition;
	int64		offset;
	int64		count;
} DpCrumb;

/*
 * Open the file of this worker.  Fills *last with what an earlier incarnation
 * left; returns false when it left nothing.
 */
extern bool dp_breadcrumb_open(Oid dboid, int object_id, int worker_no, DpCrumb *last);
extern void dp_breadcrumb_close(void);

/* Names of the partitions that (tp) numbers stand for. */
extern void dp_breadcrumb_set_partition(int tp, const char *topic, int partition);

extern void dp_breadcrumb_decoding(int tp, int64 offset);
extern void dp_breadcrumb_inserting(int tp, int64 offset, int64 count);
extern void dp_breadcrumb_clear(void);

/* Messages that must not be decoded again. */
extern void dp_breadcrumb_add_poison(const char *topic, int partition, int64 offset);
extern bool dp_breadcrumb_is_poison(const char *topic, int partition, int64 offset);

#endif							/* DP_INGEST_BREADCRUMB_H */
