/*-------------------------------------------------------------------------
 *
 * mock_cluster.h
 *	  librdkafka's mock cluster: a Kafka that lives inside one process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_MOCK_CLUSTER_H
#define DP_KAFKA_MOCK_CLUSTER_H

#include <stddef.h>
#include <stdint.h>

typedef struct DpMockCluster DpMockCluster;

/* Every broker of the cluster, where a broker number is asked for. */
#define DP_MOCK_ALL_BROKERS (-1)

/*
 * Start a cluster of "brokers" brokers on loopback ports that the system
 * picks.  Returns NULL with the reason in "err" when it cannot.  Starts
 * threads, so call it only in a process that will never fork.
 */
extern DpMockCluster *dp_mock_cluster_create(int brokers, char *err, size_t errlen);

/* Close all connections, forget all messages, end the threads.  NULL is fine. */
extern void dp_mock_cluster_destroy(DpMockCluster *cluster);

/* "host:port[,host:port...]"; lives as long as the cluster. */
extern const char *dp_mock_cluster_bootstrap(const DpMockCluster *cluster);

/*
 * The rest changes the cluster and returns a librdkafka error code, 0 for
 * success (see dp_kafka_error_info).
 */

/* Creating a topic that exists is a success and leaves it as it is. */
extern int	dp_mock_topic_create(DpMockCluster *cluster, const char *topic,
								 int partitions);
/* Answer "code" to metadata requests for the topic; 0 ends it. */
extern int	dp_mock_topic_set_error(DpMockCluster *cluster, const char *topic,
									int code);
/* broker -1: no leader. */
extern int	dp_mock_partition_set_leader(DpMockCluster *cluster,
										 const char *topic, int32_t partition,
										 int32_t broker);
extern int	dp_mock_broker_set_down(DpMockCluster *cluster, int32_t broker);
extern int	dp_mock_broker_set_up(DpMockCluster *cluster, int32_t broker);
extern int	dp_mock_broker_set_rtt(DpMockCluster *cluster, int32_t broker,
								   int rtt_ms);
/* The next request of this kind fails with "code" on every broker. */
extern int	dp_mock_push_request_error(DpMockCluster *cluster, int16_t api_key,
									   int code);

#endif							/* DP_KAFKA_MOCK_CLUSTER_H */
