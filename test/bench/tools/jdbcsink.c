/*-------------------------------------------------------------------------
 *
 * jdbcsink.c
 *	  A sink that writes the way a tuned JDBC sink of Kafka Connect does.
 *
 * One prepared INSERT ... VALUES of many rows ON CONFLICT DO UPDATE by
 * (partition, offset), values as text parameters, commit for each statement.
 * It stores no offsets and converts nothing, so it is an upper bound for the
 * real thing.
 *
 *	  jdbcsink -b BROKERS -t TOPIC -n MESSAGES -d CONNINFO -T TABLE
 *
 *-------------------------------------------------------------------------
 */
#include <libpq-fe.h>
#include <sys/resource.h>
#include <unistd.h>

#include "consumer.h"

#define BATCH_ROWS 3000
#define COLUMNS 5

static PGconn *conn;

static void
must(PGresult *res, ExecStatusType want)
{
	if (PQresultStatus(res) != want)
		die("jdbcsink", PQerrorMessage(conn));
	PQclear(res);
}

static void
prepare(const char *name, const char *table, int rows)
{
	char	   *sql = malloc(256 + (size_t) rows * 64);
	int			at = sprintf(sql, "INSERT INTO %s (_partition, _offset, _timestamp, _key, value) VALUES ", table);

	for (int r = 0; r < rows; r++)
	{
		int			p = r * COLUMNS;

		at += sprintf(sql + at, "%s($%d,$%d,to_timestamp($%d::float8/1000),$%d,$%d)", r ? "," : "",
					  p + 1, p + 2, p + 3, p + 4, p + 5);
	}
	strcpy(sql + at, " ON CONFLICT (_partition, _offset) DO UPDATE SET _timestamp = EXCLUDED._timestamp,"
		   " _key = EXCLUDED._key, value = EXCLUDED.value");
	must(PQprepare(conn, name, sql, 0, NULL), PGRES_COMMAND_OK);
	free(sql);
}

/* Text parameters need their closing zero; librdkafka gives none. */
static char *
text_copy(const void *p, size_t len)
{
	char	   *s = malloc(len + 1);

	memcpy(s, p, len);
	s[len] = 0;
	return s;
}

static void
flush(rd_kafka_message_t **rows, int count, const char *table)
{
	static char *param[BATCH_ROWS * COLUMNS];
	const char *name = "full";

	if (count < BATCH_ROWS)
	{
		must(PQexec(conn, "DEALLOCATE ALL"), PGRES_COMMAND_OK);
		name = "rest";
		prepare(name, table, count);
	}
	for (int r = 0; r < count; r++)
	{
		char	  **p = param + r * COLUMNS;
		char		number[32];

		p[0] = text_copy(number, sprintf(number, "%d", rows[r]->partition));
		p[1] = text_copy(number, sprintf(number, "%lld", (long long) rows[r]->offset));
		p[2] = text_copy(number, sprintf(number, "%lld", (long long) rd_kafka_message_timestamp(rows[r], NULL)));
		p[3] = text_copy(rows[r]->key, rows[r]->key_len);
		p[4] = text_copy(rows[r]->payload, rows[r]->len);
		rd_kafka_message_destroy(rows[r]);
	}
	must(PQexecPrepared(conn, name, count * COLUMNS, (const char *const *) param, NULL, NULL, 0),
		 PGRES_COMMAND_OK);
	for (int i = 0; i < count * COLUMNS; i++)
		free(param[i]);
}

int
main(int argc, char **argv)
{
	const char *brokers = NULL,
			   *topic = NULL,
			   *conninfo = "",
			   *table = NULL;
	long		n = 0,
				got = 0;
	int			opt,
				held = 0;
	int64_t		start = now_us();
	rd_kafka_t *rk;
	rd_kafka_queue_t *q;
	rd_kafka_message_t *rows[BATCH_ROWS];
	struct rusage u;

	while ((opt = getopt(argc, argv, "b:t:n:d:T:")) != -1)
	{
		switch (opt)
		{
			case 'b': brokers = optarg; break;
			case 't': topic = optarg; break;
			case 'n': n = atol(optarg); break;
			case 'd': conninfo = optarg; break;
			case 'T': table = optarg; break;
			default: return 2;
		}
	}
	if (brokers == NULL || topic == NULL || table == NULL)
		die("jdbcsink", "-b, -t and -T are needed");
	conn = PQconnectdb(conninfo);
	if (PQstatus(conn) != CONNECTION_OK)
		die("jdbcsink", PQerrorMessage(conn));
	prepare("full", table, BATCH_ROWS);
	rk = consumer_open(brokers, topic);
	q = rd_kafka_queue_get_consumer(rk);
	while (got < n)
	{
		ssize_t		k = rd_kafka_consume_batch_queue(q, 100, rows + held, BATCH_ROWS - held);

		for (ssize_t i = 0; i < k; i++)
		{
			if (rows[held]->err)
				die("jdbcsink", rd_kafka_message_errstr(rows[held]));
			held++;
			got++;
		}
		if (held == BATCH_ROWS || (got >= n && held > 0))
		{
			flush(rows, held, table);
			held = 0;
		}
	}
	getrusage(RUSAGE_SELF, &u);
	printf("{\"rows\": %ld, \"seconds\": %.4f, \"cpu\": %.3f}\n", got, (now_us() - start) / 1e6,
		   u.ru_utime.tv_sec + u.ru_stime.tv_sec +
		   (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	fflush(stdout);
	_exit(0);
}
