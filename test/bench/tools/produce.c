/*-------------------------------------------------------------------------
 *
 * produce.c
 *	  Fill a topic for the bench.
 *
 * Messages go out in full batches of 1000, one partition after the other, as
 * a busy producer would make them.  With -s a message is padded (and made
 * incompressible), for the runs about memory.  The topic is made when the broker
 * can do that; the mock broker makes its topics by itself.
 *
 *	  produce -b BROKERS -t TOPIC -n MESSAGES -p PARTITIONS [-c CODEC] [-s BYTES]
 *			  [-e json|avro|protobuf -i SCHEMA_ID]
 *
 *-------------------------------------------------------------------------
 */
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include "message_binary.h"

#define BATCH_MESSAGES 1000

static long failed;

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void) rk;
	(void) opaque;
	if (m->err)
		failed++;
}

static int
write_message(char *buf, const char *encoding, long i, int schema_id)
{
	if (strcmp(encoding, "avro") == 0)
		return message_write_avro(buf, i, schema_id);
	if (strcmp(encoding, "protobuf") == 0)
		return message_write_protobuf(buf, i, schema_id);
	return message_write(buf, i);
}

/* Failure is not one: the topic may exist, or the broker may be the mock. */
static void
create_topic(rd_kafka_t *rk, const char *topic, int partitions)
{
	char		err[256];
	rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(topic, partitions, 1,
												   err, sizeof(err));
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	rd_kafka_event_t *ev;

	rd_kafka_NewTopic_set_config(t, "max.message.bytes", "20000000");
	rd_kafka_CreateTopics(rk, &t, 1, NULL, q);
	ev = rd_kafka_queue_poll(q, 10000);
	if (ev)
		rd_kafka_event_destroy(ev);
	rd_kafka_NewTopic_destroy(t);
	rd_kafka_queue_destroy(q);
}

/* A topic takes a moment until every partition has a leader. */
static void
wait_for_topic(rd_kafka_t *rk, const char *topic, int partitions)
{
	rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
	int64_t		limit = now_us() + INT64_C(30000000);
	int			led = 0;

	while (led < partitions)
	{
		const rd_kafka_metadata_t *md = NULL;

		if (now_us() > limit)
			die(topic, "not all partitions have a leader after 30 seconds");
		led = 0;
		if (rd_kafka_metadata(rk, 0, t, &md, 5000))
			continue;
		for (int i = 0; md->topic_cnt == 1 && i < md->topics[0].partition_cnt; i++)
			led += md->topics[0].partitions[i].leader >= 0 && !md->topics[0].partitions[i].err;
		rd_kafka_metadata_destroy(md);
		if (led < partitions)
			usleep(20000);
	}
	rd_kafka_topic_destroy(t);
}

int
main(int argc, char **argv)
{
	const char *brokers = NULL,
			   *topic = NULL,
			   *codec = "lz4",
			   *encoding = "json";
	long		n = 0,
				size = 0;
	int			partitions = 8,
				schema_id = 0,
				opt;
	char		err[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	char	   *value;
	long		bytes = 0;
	int64_t		start;

	while ((opt = getopt(argc, argv, "b:t:n:p:c:s:e:i:")) != -1)
	{
		switch (opt)
		{
			case 'b': brokers = optarg; break;
			case 't': topic = optarg; break;
			case 'n': n = atol(optarg); break;
			case 'p': partitions = atoi(optarg); break;
			case 'c': codec = optarg; break;
			case 's': size = atol(optarg); break;
			case 'e': encoding = optarg; break;
			case 'i': schema_id = atoi(optarg); break;
			default: return 2;
		}
	}
	if (brokers == NULL || topic == NULL)
		die("produce", "-b and -t are needed");

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
	rd_kafka_conf_set(conf, "compression.codec", codec, NULL, 0);
	rd_kafka_conf_set(conf, "batch.num.messages", "1000", NULL, 0);
	rd_kafka_conf_set(conf, "linger.ms", "100", NULL, 0);
	rd_kafka_conf_set(conf, "message.max.bytes", "20000000", NULL, 0);
	rd_kafka_conf_set(conf, "queue.buffering.max.messages", "200000", NULL, 0);
	rd_kafka_conf_set(conf, "queue.buffering.max.kbytes", "262144", NULL, 0);
	rd_kafka_conf_set(conf, "enable.idempotence", "true", NULL, 0);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof(err));
	if (rk == NULL)
		die("produce", err);
	create_topic(rk, topic, partitions);
	wait_for_topic(rk, topic, partitions);

	value = malloc(MESSAGE_MAX + size);
	start = now_us();
	for (long i = 0; i < n; i++)
	{
		int			len = write_message(value, encoding, i, schema_id);
		char		key[32];
		int			key_len = snprintf(key, sizeof(key), "k%ld", i % 1000000);
		rd_kafka_resp_err_t e;

		if (size > 0)
		{
			for (long at = 0; at + 8 <= size; at += 8)
			{
				uint64_t	r = message_random(i * 31 + at);

				memcpy(value + at, &r, 8);
			}
			len = size;
		}
		while ((e = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
									  RD_KAFKA_V_PARTITION((int) (i / (size > 0 ? 1 : BATCH_MESSAGES) % partitions)),
									  RD_KAFKA_V_KEY(key, key_len),
									  RD_KAFKA_V_VALUE(value, len),
									  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
									  RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(rk, 20);
		if (e)
			die("produce", rd_kafka_err2str(e));
		bytes += len;
		if (i % BATCH_MESSAGES == 0)
			rd_kafka_poll(rk, 0);
	}
	while (rd_kafka_flush(rk, 10000) == RD_KAFKA_RESP_ERR__TIMED_OUT)
		;
	if (failed > 0)
		die("produce", "some messages were not delivered");
	printf("{\"messages\": %ld, \"bytes\": %ld, \"seconds\": %.3f}\n",
		   n, bytes, (now_us() - start) / 1e6);
	rd_kafka_destroy(rk);
	return 0;
}
