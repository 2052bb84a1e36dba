/*-------------------------------------------------------------------------
 *
 * mock_cluster.c
 *	  librdkafka's mock cluster: a Kafka that lives inside one process.
 *
 * The mock cluster needs a client handle for its book keeping; this one has
 * no brokers and is used for nothing else.  Nothing here calls the server or
 * throws, because the cluster's owner destroys it while it is exiting.
 *
 * What the mock cannot do is in README.md: transactions, compaction,
 * deletes, and more than 5 MiB a partition (the oldest batches go).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <signal.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "kafka/mock_cluster.h"

struct DpMockCluster
{
	rd_kafka_t *handle;
	rd_kafka_mock_cluster_t *mock;
};

DpMockCluster *
dp_mock_cluster_create(int brokers, char *err, size_t errlen)
{
	DpMockCluster *cluster = calloc(1, sizeof(DpMockCluster));
	rd_kafka_conf_t *conf;
	sigset_t	all;
	sigset_t	old;

	if (cluster == NULL)
	{
		snprintf(err, errlen, "out of memory");
		return NULL;
	}

	conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, NULL);

	/* The new threads inherit this mask: signals stay with the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	cluster->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, errlen);
	if (cluster->handle == NULL)
		rd_kafka_conf_destroy(conf);
	else
	{
		cluster->mock = rd_kafka_mock_cluster_new(cluster->handle, brokers);
		if (cluster->mock == NULL)
			snprintf(err, errlen, "could not open a loopback port for each broker");
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);

	if (cluster->mock == NULL)
	{
		dp_mock_cluster_destroy(cluster);
		return NULL;
	}
	return cluster;
}

void
dp_mock_cluster_destroy(DpMockCluster *cluster)
{
	if (cluster == NULL)
		return;
	if (cluster->mock)
		rd_kafka_mock_cluster_destroy(cluster->mock);
	if (cluster->handle)
		rd_kafka_destroy_flags(cluster->handle,
							   RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free(cluster);
}

const char *
dp_mock_cluster_bootstrap(const DpMockCluster *cluster)
{
	return rd_kafka_mock_cluster_bootstraps(cluster->mock);
}

int
dp_mock_topic_create(DpMockCluster *cluster, const char *topic, int partitions)
{
	rd_kafka_resp_err_t code;

	code = rd_kafka_mock_topic_create(cluster->mock, topic, partitions, 1);
	return code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? 0 : (int) code;
}

int
dp_mock_topic_set_error(DpMockCluster *cluster, const char *topic, int code)
{
	rd_kafka_mock_topic_set_error(cluster->mock, topic,
								  (rd_kafka_resp_err_t) code);
	return 0;
}

int
dp_mock_partition_set_leader(DpMockCluster *cluster, const char *topic,
							 int32_t partition, int32_t broker)
{
	return (int) rd_kafka_mock_partition_set_leader(cluster->mock, topic,
													partition, broker);
}

int
dp_mock_broker_set_down(DpMockCluster *cluster, int32_t broker)
{
	return (int) rd_kafka_mock_broker_set_down(cluster->mock, broker);
}

int
dp_mock_broker_set_up(DpMockCluster *cluster, int32_t broker)
{
	return (int) rd_kafka_mock_broker_set_up(cluster->mock, broker);
}

int
dp_mock_broker_set_rtt(DpMockCluster *cluster, int32_t broker, int rtt_ms)
{
	return (int) rd_kafka_mock_broker_set_rtt(cluster->mock, broker, rtt_ms);
}

int
dp_mock_push_request_error(DpMockCluster *cluster, int16_t api_key, int code)
{
	rd_kafka_resp_err_t err = (rd_kafka_resp_err_t) code;

	rd_kafka_mock_push_request_errors_array(cluster->mock, api_key, 1, &err);
	return 0;
}
