/*-------------------------------------------------------------------------
 *
 * latency.c
 *	  How long it takes from produce until another session sees the row.
 *
 * One thread produces at a steady rate and notes when each message was handed
 * to the producer.  The main thread is a reader like any other: it asks the
 * table again and again for the rows at its end and notes when it first
 * sees each (partition, offset).  So the result is real visibility, after the
 * commit, and includes the time of the reader's own query.  The first third of
 * the run is warm-up and is left out.  Rows that land in blocks far behind the
 * newest one escape the reader; a last look at the whole table counts them
 * as unseen, and as missed if they are not there at all.  "ack" is how long the broker took to
 * confirm, which no consumer can make shorter.
 *
 *	  latency -b BROKERS -t TOPIC -r RATE -n MESSAGES -p PARTITIONS -d CONNINFO -T TABLE
 *
 * The table must be append-only, with columns _partition and _offset.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <endian.h>
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <unistd.h>

#include "message.h"

#define LINGER_MS "5"
#define MAX_LEAVES 32
/* Blocks behind the newest one that are read again: a writer may fill them. */
#define REREAD_BLOCKS 16
/* How long to wait for rows after the last message was produced. */
#define PATIENCE_US (10 * INT64_C(1000000))

typedef struct Sent
{
	int64_t		sent;
	int64_t		acked;
	int32_t		partition;
	int64_t		offset;
} Sent;

static const char *brokers,
		   *topic,
		   *table;
static long total;
static int	rate = 1000,
			partitions = 8;
static Sent *messages;
static int64_t *seen;			/* [partition * total + offset] */
static volatile long delivered,
			failed;
static volatile int64_t produced_at;

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	Sent	   *s = m->_private;

	(void) rk;
	(void) opaque;
	if (m->err)
	{
		failed++;
		return;
	}
	s->acked = now_us();
	s->partition = m->partition;
	s->offset = m->offset;
	delivered++;
}

static void *
produce(void *arg)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char		err[256],
				value[MESSAGE_MAX];
	rd_kafka_t *rk;
	int64_t		start;

	(void) arg;
	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
	rd_kafka_conf_set(conf, "linger.ms", LINGER_MS, NULL, 0);
	rd_kafka_conf_set(conf, "compression.codec", "lz4", NULL, 0);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof(err));
	if (rk == NULL)
		die("latency", err);
	start = now_us();
	for (long i = 0; i < total; i++)
	{
		int64_t		due = start + i * INT64_C(1000000) / rate;
		int			len = message_write(value, i);

		while (now_us() < due)
		{
			rd_kafka_poll(rk, 0);
			usleep(500);
		}
		messages[i].sent = now_us();
		if (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
							  RD_KAFKA_V_PARTITION((int) (i % partitions)),
							  RD_KAFKA_V_VALUE(value, len),
							  RD_KAFKA_V_OPAQUE(&messages[i]),
							  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
							  RD_KAFKA_V_END))
			die("latency", "could not produce");
		if (i % 64 == 0)
			rd_kafka_poll(rk, 0);
	}
	rd_kafka_flush(rk, 20000);
	produced_at = now_us();
	rd_kafka_destroy(rk);
	return NULL;
}

static PGresult *
query(PGconn *conn, PGresult *res)
{
	if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
		die("latency", PQerrorMessage(conn));
	return res;
}

/* Read the end of one leaf; returns the number of rows not seen before. */
static long
look(PGconn *conn, int leaf, long *block)
{
	char		name[16],
				tid[32];
	const char *param[1] = {tid};
	long		fresh = 0,
				newest = *block;
	int64_t		t;
	PGresult   *res;

	sprintf(name, "leaf%d", leaf);
	sprintf(tid, "(%ld,0)", *block > REREAD_BLOCKS ? *block - REREAD_BLOCKS : 0);
	res = query(conn, PQexecPrepared(conn, name, 1, param, NULL, NULL, 1));
	t = now_us();
	for (int i = 0; i < PQntuples(res); i++)
	{
		uint32_t	p,
					b;
		uint64_t	o;

		memcpy(&p, PQgetvalue(res, i, 0), 4);
		memcpy(&o, PQgetvalue(res, i, 1), 8);
		memcpy(&b, PQgetvalue(res, i, 2), 4);
		p = ntohl(p);
		o = be64toh(o);
		b = ntohl(b);
		if (b > newest)
			newest = b;
		if (p < (uint32_t) partitions && o < (uint64_t) total && seen[p * total + o] == 0)
		{
			seen[p * total + o] = t;
			fresh++;
		}
	}
	*block = newest;
	PQclear(res);
	return fresh;
}

/* The rows that the reader did not notice, marked as there: 1 is no time. */
static void
look_everywhere(PGconn *conn)
{
	char		sql[256];
	PGresult   *res;

	snprintf(sql, sizeof(sql), "SELECT _partition, _offset FROM %s", table);
	res = query(conn, PQexec(conn, sql));
	for (int i = 0; i < PQntuples(res); i++)
	{
		long		p = atol(PQgetvalue(res, i, 0)),
					o = atol(PQgetvalue(res, i, 1));

		if (p < partitions && o < total && seen[p * total + o] == 0)
			seen[p * total + o] = 1;
	}
	PQclear(res);
}

static int
by_value(const void *a, const void *b)
{
	int64_t		x = *(const int64_t *) a,
				y = *(const int64_t *) b;

	return x < y ? -1 : x > y;
}

static void
report(long rows)
{
	int64_t    *us = malloc(sizeof(int64_t) * (total + 1));
	int64_t    *ack = malloc(sizeof(int64_t) * (total + 1));
	long		n = 0,
				acks = 0,
				unseen = 0,
				missed = 0;

	for (long i = total / 3; i < total; i++)
	{
		int64_t		t = seen[messages[i].partition * total + messages[i].offset];

		ack[acks++] = messages[i].acked - messages[i].sent;
		if (t == 0)
			missed++;
		else if (t == 1)
			unseen++;
		else
			us[n++] = t - messages[i].sent;
	}
	qsort(us, n, sizeof(int64_t), by_value);
	us[n] = 0;
	qsort(ack, acks, sizeof(int64_t), by_value);
	printf("{\"rate\": %d, \"rows\": %ld, \"missed\": %ld, \"unseen\": %ld, \"p50_ms\": %.2f, \"p90_ms\": %.2f, "
		   "\"p99_ms\": %.2f, \"p999_ms\": %.2f, \"max_ms\": %.2f, "
		   "\"ack_p50_ms\": %.2f, \"ack_p99_ms\": %.2f}\n",
		   rate, rows, missed, unseen, us[n / 2] / 1e3, us[n * 9 / 10] / 1e3, us[n * 99 / 100] / 1e3,
		   us[n * 999 / 1000] / 1e3, us[n > 0 ? n - 1 : 0] / 1e3,
		   ack[acks / 2] / 1e3, ack[acks * 99 / 100] / 1e3);
}

int
main(int argc, char **argv)
{
	const char *conninfo = "";
	int			opt,
				leaves;
	long		block[MAX_LEAVES] = {0},
				rows = 0;
	PGconn	   *conn;
	PGresult   *res;
	pthread_t	producer;
	char		sql[1024];

	while ((opt = getopt(argc, argv, "b:t:r:n:p:d:T:")) != -1)
	{
		switch (opt)
		{
			case 'b': brokers = optarg; break;
			case 't': topic = optarg; break;
			case 'r': rate = atoi(optarg); break;
			case 'n': total = atol(optarg); break;
			case 'p': partitions = atoi(optarg); break;
			case 'd': conninfo = optarg; break;
			case 'T': table = optarg; break;
			default: return 2;
		}
	}
	if (brokers == NULL || topic == NULL || table == NULL || total <= 0)
		die("latency", "-b, -t, -n and -T are needed");
	messages = calloc(total, sizeof(Sent));
	seen = calloc((size_t) partitions * total, sizeof(int64_t));

	conn = PQconnectdb(conninfo);
	if (PQstatus(conn) != CONNECTION_OK)
		die("latency", PQerrorMessage(conn));
	PQclear(query(conn, PQexec(conn, "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")));
	snprintf(sql, sizeof(sql), "SELECT relid::regclass::text FROM pg_partition_tree('%s') WHERE isleaf "
			 "UNION SELECT '%s'::regclass::text WHERE NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = '%s'::regclass)",
			 table, table, table);
	res = query(conn, PQexec(conn, sql));
	leaves = PQntuples(res);
	if (leaves > MAX_LEAVES)
		die(table, "too many partitions");
	for (int i = 0; i < leaves; i++)
	{
		char		name[16];

		sprintf(name, "leaf%d", i);
		snprintf(sql, sizeof(sql), "SELECT _partition, _offset, ((ctid::text::point)[0])::int4 FROM %s WHERE ctid >= $1::tid",
				 PQgetvalue(res, i, 0));
		PQclear(query(conn, PQprepare(conn, name, sql, 0, NULL)));
	}
	PQclear(res);

	pthread_create(&producer, NULL, produce, NULL);
	while (rows < total)
	{
		long		fresh = 0;

		for (int i = 0; i < leaves; i++)
			fresh += look(conn, i, &block[i]);
		rows += fresh;
		if (produced_at != 0 && now_us() - produced_at > PATIENCE_US)
			break;
		usleep(500);
	}
	pthread_join(producer, NULL);
	if (rows < total)
		look_everywhere(conn);
	if (failed > 0)
		die("latency", "some messages were not delivered");
	report(rows);
	return 0;
}
