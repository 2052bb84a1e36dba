/*-------------------------------------------------------------------------
 *
 * rawconsume.c
 *	  How fast librdkafka alone can hand over a topic: the ceiling.
 *
 *	  rawconsume -b BROKERS -t TOPIC -n MESSAGES
 *
 *-------------------------------------------------------------------------
 */
#include <sys/resource.h>
#include <unistd.h>

#include "consumer.h"

#define BATCH_MESSAGES 1000

int
main(int argc, char **argv)
{
	const char *brokers = NULL,
			   *topic = NULL;
	long		n = 0,
				got = 0,
				bytes = 0;
	int			opt;
	int64_t		start = now_us(),
				first = 0,
				last;
	rd_kafka_t *rk;
	rd_kafka_queue_t *q;
	rd_kafka_message_t *batch[BATCH_MESSAGES];
	struct rusage u;

	while ((opt = getopt(argc, argv, "b:t:n:")) != -1)
	{
		switch (opt)
		{
			case 'b': brokers = optarg; break;
			case 't': topic = optarg; break;
			case 'n': n = atol(optarg); break;
			default: return 2;
		}
	}
	if (brokers == NULL || topic == NULL)
		die("rawconsume", "-b and -t are needed");
	rk = consumer_open(brokers, topic);
	q = rd_kafka_queue_get_consumer(rk);
	while (got < n)
	{
		ssize_t		k = rd_kafka_consume_batch_queue(q, 100, batch, BATCH_MESSAGES);

		if (k < 0)
			die("rawconsume", rd_kafka_err2str(rd_kafka_last_error()));
		if (first == 0 && k > 0)
			first = now_us();
		for (ssize_t i = 0; i < k; i++)
		{
			if (batch[i]->err && batch[i]->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
				die("rawconsume", rd_kafka_message_errstr(batch[i]));
			if (!batch[i]->err)
			{
				got++;
				bytes += batch[i]->len;
			}
			rd_kafka_message_destroy(batch[i]);
		}
	}
	last = now_us();
	getrusage(RUSAGE_SELF, &u);
	printf("{\"rows\": %ld, \"bytes\": %ld, \"seconds\": %.4f, \"warm_seconds\": %.4f, \"cpu\": %.3f}\n",
		   got, bytes, (last - start) / 1e6, (last - first) / 1e6,
		   u.ru_utime.tv_sec + u.ru_stime.tv_sec +
		   (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	fflush(stdout);
	_exit(0);
}
