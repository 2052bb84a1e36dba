/*-------------------------------------------------------------------------
 *
 * consumer.h
 *	  A tuned librdkafka consumer of all partitions of a topic, for the tools.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BENCH_CONSUMER_H
#define BENCH_CONSUMER_H

#include <librdkafka/rdkafka.h>

#include "message.h"

/*
 * Open a consumer that reads every partition from its start.
 *
 * The queue limits are those that the bench gives kcat as well: with
 * librdkafka's defaults a fast reader waits a second at a time.
 */
static inline rd_kafka_t *
consumer_open(const char *brokers, const char *topic)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char		err[256];
	rd_kafka_t *rk;
	rd_kafka_topic_t *t;
	const rd_kafka_metadata_t *md = NULL;
	rd_kafka_topic_partition_list_t *list;

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
	rd_kafka_conf_set(conf, "group.id", "bench", NULL, 0);
	rd_kafka_conf_set(conf, "enable.auto.commit", "false", NULL, 0);
	rd_kafka_conf_set(conf, "enable.auto.offset.store", "false", NULL, 0);
	rd_kafka_conf_set(conf, "auto.offset.reset", "error", NULL, 0);
	rd_kafka_conf_set(conf, "queued.min.messages", "1000000", NULL, 0);
	rd_kafka_conf_set(conf, "queued.max.messages.kbytes", "262144", NULL, 0);
	rd_kafka_conf_set(conf, "fetch.message.max.bytes", "4194304", NULL, 0);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, err, sizeof(err));
	if (rk == NULL)
		die("consumer", err);
	rd_kafka_poll_set_consumer(rk);
	t = rd_kafka_topic_new(rk, topic, NULL);
	if (rd_kafka_metadata(rk, 0, t, &md, 10000) || md->topic_cnt != 1 ||
		md->topics[0].partition_cnt == 0)
		die(topic, "no such topic");
	list = rd_kafka_topic_partition_list_new(md->topics[0].partition_cnt);
	for (int i = 0; i < md->topics[0].partition_cnt; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = 0;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_metadata_destroy(md);
	rd_kafka_topic_destroy(t);
	return rk;
}

#endif
