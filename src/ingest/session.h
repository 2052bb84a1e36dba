/*-------------------------------------------------------------------------
 *
 * session.h
 *	  Working on a source from a user's session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_SESSION_H
#define DP_INGEST_SESSION_H

#include "kafka/consumer.h"
#include "utils/timestamp.h"

/* A session that waits for messages gives up after this, milliseconds. */
#define DP_READ_TIMEOUT_MS 10000

#define DP_SESSION_FETCH_MEMORY (64 * 1024 * 1024)

/*
 * May the caller run the source?  Its owner, a superuser, or an operator;
 * anyone else gets 42501, an unknown source 42704.  Leaves the session working
 * as the bootstrap superuser until dp_leave_source() with the saved values;
 * an error undoes it too.
 */
extern void dp_enter_source(const char *name, Oid *save_userid, int *save_context);
extern void dp_leave_source(Oid save_userid, int save_context);

/* The topics that a pattern names; throws when one cannot be read. */
extern DpTopicInfo *dp_find_topics(DpKafkaClient *client, const char *server,
								   const char *pattern, int *n);

/* Wait for messages, at most until the deadline; false when it passed. */
extern bool dp_wait_for_messages(DpConsumer *consumer, TimestampTz deadline);

#endif							/* DP_INGEST_SESSION_H */
