/*-------------------------------------------------------------------------
 *
 * kafka_io.c
 *	  Commands of dp_kafka about messages.
 *
 * Every message is acknowledged before the tool returns, so a test may look
 * for it at once.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <unistd.h>

#include "kafka_cmd.h"

typedef struct Produced
{
	int64_t		acked;
	int64_t		failed;
	rd_kafka_resp_err_t error;
} Produced;

static void
delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	Produced   *p = opaque;

	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		p->acked++;
	else
	{
		p->failed++;
		p->error = m->err;
	}
}

/* A NULL value is a tombstone; an empty one is not. */
static void
send_one(rd_kafka_t *rk, DpCommandLine *cl, const char *key, size_t key_len,
		 const char *value, size_t len)
{
	rd_kafka_headers_t *headers = NULL;
	rd_kafka_resp_err_t err;
	int			i;

	if (cl->headers.n > 0)
	{
		headers = rd_kafka_headers_new(cl->headers.n);
		for (i = 0; i < cl->headers.n; i++)
			rd_kafka_header_add(headers, cl->headers.key[i], -1, cl->headers.value[i], -1);
	}
	for (;;)
	{
		err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(cl->arg[0]),
								RD_KAFKA_V_PARTITION(cl->partition < 0 ? RD_KAFKA_PARTITION_UA : cl->partition),
								RD_KAFKA_V_KEY(key, key_len),
								RD_KAFKA_V_VALUE((void *) value, len),
								RD_KAFKA_V_TIMESTAMP(cl->timestamp),
								RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
								RD_KAFKA_V_HEADERS(headers),
								RD_KAFKA_V_END);
		if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			break;
		rd_kafka_poll(rk, 50);
	}
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		dp_die("could not produce to topic \"%s\": %s", cl->arg[0], rd_kafka_err2str(err));
	rd_kafka_poll(rk, 0);
}

static void
send_lines(rd_kafka_t *rk, DpCommandLine *cl, FILE *in)
{
	char	   *line = NULL;
	size_t		size = 0;
	ssize_t		len;

	while ((len = getline(&line, &size, in)) >= 0)
	{
		const char *key = cl->key;
		size_t		key_len = key != NULL ? strlen(key) : 0;
		char	   *value = line;
		char	   *sep;

		if (len > 0 && line[len - 1] == '\n')
			line[--len] = '\0';
		if (cl->key_separator != NULL && (sep = strstr(line, cl->key_separator)) != NULL)
		{
			key = line;
			key_len = sep - line;
			value = sep + strlen(cl->key_separator);
			len -= value - line;
		}
		send_one(rk, cl, key, key_len, value, len);
	}
	free(line);
}

static void
send_file(rd_kafka_t *rk, DpCommandLine *cl, FILE *in)
{
	size_t		size = 65536,
				len = 0,
				n;
	char	   *buf = dp_alloc(size);

	while ((n = fread(buf + len, 1, size - len, in)) > 0)
	{
		len += n;
		if (len == size && (buf = realloc(buf, size *= 2)) == NULL)
			dp_die("out of memory");
	}
	send_one(rk, cl, cl->key, cl->key != NULL ? strlen(cl->key) : 0, buf, len);
	free(buf);
}

static void
check_txn(rd_kafka_error_t *error, const char *what)
{
	if (error != NULL)
		dp_die("could not %s the transaction: %s", what, rd_kafka_error_string(error));
}

static rd_kafka_t *
producer(DpCommandLine *cl, Produced *result)
{
	DpPairs		defaults = {0};
	char		timeout[32];
	rd_kafka_t *rk;

	snprintf(timeout, sizeof(timeout), "message.timeout.ms=%d", (int) (cl->timeout * 1000));
	dp_pairs_add(&defaults, timeout);
	dp_pairs_add(&defaults, "linger.ms=2");
	dp_pairs_add(&defaults, "message.max.bytes=104857600");
	if (cl->transactional_id != NULL)
	{
		snprintf(timeout, sizeof(timeout), "transactional.id=%s", cl->transactional_id);
		dp_pairs_add(&defaults, timeout);
		snprintf(timeout, sizeof(timeout), "transaction.timeout.ms=%d", (int) (cl->timeout * 1000));
		dp_pairs_add(&defaults, timeout);
	}
	rk = dp_client(RD_KAFKA_PRODUCER, cl->bootstrap, &defaults, &cl->client, result, delivered);
	if (cl->transactional_id != NULL)
	{
		check_txn(rd_kafka_init_transactions(rk, cl->timeout * 1000), "prepare");
		check_txn(rd_kafka_begin_transaction(rk), "begin");
	}
	return rk;
}

/* All messages acknowledged (and the transaction ended), or no return. */
static int
finish(rd_kafka_t *rk, DpCommandLine *cl, Produced *result)
{
	rd_kafka_resp_err_t err = rd_kafka_flush(rk, cl->timeout * 1000 + 1000);

	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		dp_die("could not produce to topic \"%s\": %s", cl->arg[0], rd_kafka_err2str(err));
	if (result->failed > 0)
		dp_die("could not produce %" PRId64 " messages to topic \"%s\": %s",
			   result->failed, cl->arg[0], rd_kafka_err2str(result->error));
	printf("%" PRId64 "\n", result->acked);
	if (cl->transactional_id != NULL)
	{
		if (strcmp(cl->outcome, "commit") == 0)
			check_txn(rd_kafka_commit_transaction(rk, cl->timeout * 1000), "commit");
		else if (strcmp(cl->outcome, "abort") == 0)
			check_txn(rd_kafka_abort_transaction(rk, cl->timeout * 1000), "abort");
		else
		{
			/* a clean end would abort it: leave as a crash would */
			fflush(stdout);
			_exit(0);
		}
	}
	rd_kafka_destroy(rk);
	return 0;
}

int
dp_cmd_produce(DpCommandLine *cl)
{
	Produced	result = {0};
	FILE	   *in = stdin;
	rd_kafka_t *rk;

	if (strcmp(cl->outcome, "commit") != 0 && strcmp(cl->outcome, "abort") != 0 && strcmp(cl->outcome, "hang") != 0)
		dp_die_usage("invalid end of transaction \"%s\": need commit, abort or hang", cl->outcome);
	if (cl->file != NULL && strcmp(cl->file, "-") != 0 && (in = fopen(cl->file, "r")) == NULL)
		dp_die("could not open \"%s\": %s", cl->file, strerror(errno));
	rk = producer(cl, &result);
	if (cl->raw)
		send_file(rk, cl, in);
	else
		send_lines(rk, cl, in);
	return finish(rk, cl, &result);
}

int
dp_cmd_tombstone(DpCommandLine *cl)
{
	Produced	result = {0};
	rd_kafka_t *rk = producer(cl, &result);

	send_one(rk, cl, cl->arg[1], strlen(cl->arg[1]), NULL, 0);
	return finish(rk, cl, &result);
}


/* ---- consume ---- */

typedef struct PartitionSum
{
	int64_t		first,
				last,
				end;
	int64_t		messages;
	int64_t		bytes;
	uint64_t	checksum;		/* of keys and values in order */
	bool		done;
} PartitionSum;

static void
print_text(const char *s, size_t len)
{
	size_t		i;

	if (s == NULL)
	{
		fputs("null", stdout);
		return;
	}
	putchar('"');
	for (i = 0; i < len; i++)
	{
		unsigned char c = s[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void
print_message(const rd_kafka_message_t *m)
{
	rd_kafka_headers_t *headers;
	rd_kafka_timestamp_type_t type;
	const char *name;
	const void *value;
	size_t		size,
				i;

	printf("{\"partition\": %" PRId32 ", \"offset\": %" PRId64 ", \"timestamp\": %" PRId64 ", \"key\": ",
		   m->partition, m->offset, rd_kafka_message_timestamp(m, &type));
	print_text(m->key, m->key_len);
	fputs(", \"value\": ", stdout);
	print_text(m->payload, m->len);
	if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		fputs(", \"headers\": [", stdout);
		for (i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		{
			fputs(i > 0 ? ", [" : "[", stdout);
			print_text(name, strlen(name));
			fputs(", ", stdout);
			print_text(value, size);
			putchar(']');
		}
		putchar(']');
	}
	puts("}");
}

static void
count_message(DpCommandLine *cl, PartitionSum *s, const rd_kafka_message_t *m)
{
	if (s->messages++ == 0)
		s->first = m->offset;
	s->last = m->offset;
	s->bytes += m->len;
	s->checksum = dp_fnv64(s->checksum, m->key, m->key_len);
	s->checksum = dp_fnv64(s->checksum, m->payload, m->len);
	if (cl->json)
		print_message(m);
	else if (cl->values)
	{
		fwrite(m->payload, 1, m->len, stdout);
		putchar('\n');
	}
}

static void
read_to_end(rd_kafka_t *rk, DpCommandLine *cl, PartitionSum *sums, int left)
{
	double		quiet_since = dp_now();
	int64_t		total = 0;

	while (left > 0 && !dp_stop && (cl->count < 0 || total < cl->count))
	{
		rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);

		if (m == NULL)
		{
			if (dp_now() - quiet_since > cl->timeout)
				dp_die("nothing came from topic \"%s\" for %g s", cl->arg[0], cl->timeout);
			continue;
		}
		quiet_since = dp_now();
		if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			count_message(cl, &sums[m->partition], m);
			total++;
		}
		else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		{
			sums[m->partition].end = m->offset;
			left -= !sums[m->partition].done;
			sums[m->partition].done = true;
		}
		else
			dp_die("could not consume from topic \"%s\": %s", cl->arg[0], rd_kafka_message_errstr(m));
		rd_kafka_message_destroy(m);
	}
}

int
dp_cmd_consume(DpCommandLine *cl)
{
	DpPairs		defaults = {0};
	rd_kafka_topic_partition_list_t *list;
	PartitionSum *sums;
	rd_kafka_t *rk;
	int			n,
				p;

	dp_pairs_add(&defaults, "group.id=dp_kafka");
	dp_pairs_add(&defaults, "enable.auto.commit=false");
	dp_pairs_add(&defaults, "enable.partition.eof=true");
	dp_pairs_add(&defaults, "auto.offset.reset=error");
	dp_pairs_add(&defaults, "check.crcs=true");
	dp_pairs_add(&defaults, "queued.min.messages=1000000");
	dp_pairs_add(&defaults, cl->uncommitted ? "isolation.level=read_uncommitted" : "isolation.level=read_committed");
	rk = dp_client(RD_KAFKA_CONSUMER, cl->bootstrap, &defaults, &cl->client, NULL, NULL);
	rd_kafka_poll_set_consumer(rk);
	n = dp_partition_count(rk, cl->arg[0], cl->timeout * 1000);
	if (n <= 0 || cl->partition >= n)
		dp_die(n < 0 ? "no broker answered for topic \"%s\"" : n == 0 ? "topic \"%s\" does not exist" :
			   "topic \"%s\" does not have that partition", cl->arg[0]);
	sums = dp_alloc(sizeof(PartitionSum) * n);
	list = rd_kafka_topic_partition_list_new(n);
	for (p = 0; p < n; p++)
	{
		sums[p] = (PartitionSum){.first = -1,.last = -1,.end = -1,.checksum = DP_FNV64_START};
		if (cl->partition < 0 || cl->partition == p)
			rd_kafka_topic_partition_list_add(list, cl->arg[0], p)->offset =
				cl->from >= 0 ? cl->from : RD_KAFKA_OFFSET_BEGINNING;
	}
	rd_kafka_assign(rk, list);
	read_to_end(rk, cl, sums, list->cnt);
	for (p = 0; p < n && !cl->json && !cl->values; p++)
	{
		if (cl->partition < 0 || cl->partition == p)
			printf("%d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %016" PRIx64 "\n", p,
				   sums[p].first, sums[p].last, sums[p].end, sums[p].messages, sums[p].bytes, sums[p].checksum);
	}
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	free(sums);
	return 0;
}
