/*-------------------------------------------------------------------------
 *
 * dp_mockd.c
 *	  A stand-alone mock Kafka broker: librdkafka's mock cluster in a process.
 *
 * Prints one line with the bootstrap address and then obeys commands on
 * stdin until SIGTERM.  Each command is answered by "ok" or "error ...", so
 * a script can write one, read one, and know that it has happened.
 *
 * What the mock cannot do: it keeps at most 5 MiB (as stored) of a partition,
 * it shows aborted transactions to everybody, and it has no admin requests.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <unistd.h>

#include "tool.h"

#include <librdkafka/rdkafka_mock.h>	/* wants rdkafka.h before it */

#define MAX_WORDS 32
#define MAX_LINE 1024

static const char usage[] =
"Usage: dp_mockd [option] TOPIC[:PARTITIONS] ...\n"
"  -n, --brokers N      brokers in the cluster (1)\n"
"  -p, --partitions N   partitions of a TOPIC given without a number (4)\n"
"  -f, --file FILE      also write the bootstrap address to FILE\n"
"  -h, --help\n"
"Prints \"bootstrap HOST:PORT,...\" and runs until SIGTERM or \"quit\".\n"
"Commands on stdin, each answered by \"ok\" or \"error REASON\":\n"
"  topic NAME PARTITIONS            make a topic\n"
"  down BROKER | up BROKER          stop or start a broker\n"
"  leader TOPIC PARTITION BROKER    move the leader (-1: no leader)\n"
"  rtt BROKER MS                    delay every answer\n"
"  error APIKEY ERR [ERR ...]       next answers carry these codes; APIKEY by number or\n"
"                                   name (Produce Fetch ListOffsets Metadata OffsetCommit\n"
"                                   OffsetFetch FindCoordinator), ERR by number or name\n"
"  clear APIKEY                     forget what \"error\" has queued\n"
"  topic-error TOPIC ERR            metadata error of a topic (0: none)\n"
"  coordinator KIND KEY BROKER      KIND is group or transaction\n"
"  quit\n";

static rd_kafka_mock_cluster_t *cluster;

static const struct
{
	const char *name;
	int			key;
}			api_keys[] = {
	{"Produce", 0}, {"Fetch", 1}, {"ListOffsets", 2}, {"Metadata", 3},
	{"OffsetCommit", 8}, {"OffsetFetch", 9}, {"FindCoordinator", 10},
	{"ApiVersion", 18}, {"InitProducerId", 22}, {"AddPartitionsToTxn", 24}, {"EndTxn", 26},
};

static bool
parse_int(const char *s, long *value)
{
	char	   *end;

	errno = 0;
	*value = strtol(s, &end, 10);
	return errno == 0 && end != s && *end == '\0';
}

static bool
parse_api_key(const char *s, long *key)
{
	int			i;

	for (i = 0; i < lengthof(api_keys); i++)
	{
		if (strcasecmp(s, api_keys[i].name) == 0)
		{
			*key = api_keys[i].key;
			return true;
		}
	}
	return parse_int(s, key) && *key >= 0 && *key < 100;
}

/* An error code by number, or by the name librdkafka gives it. */
static bool
parse_error(const char *s, rd_kafka_resp_err_t *err)
{
	const struct rd_kafka_err_desc *descs;
	size_t		n,
				i;
	long		v;

	if (parse_int(s, &v))
	{
		*err = (rd_kafka_resp_err_t) v;
		return true;
	}
	rd_kafka_get_err_descs(&descs, &n);
	for (i = 0; i < n; i++)
	{
		if (descs[i].name != NULL && strcasecmp(descs[i].name, s) == 0)
		{
			*err = descs[i].code;
			return true;
		}
	}
	return false;
}

static const char *
command_error(char **word, int n)
{
	rd_kafka_resp_err_t errors[MAX_WORDS];
	long		key;
	int			i;

	if (n < 3)
		return "usage: error APIKEY ERR ...";
	if (!parse_api_key(word[1], &key))
		return "unknown request name";
	for (i = 2; i < n; i++)
	{
		if (!parse_error(word[i], &errors[i - 2]))
			return "unknown error name";
	}
	rd_kafka_mock_push_request_errors_array(cluster, (int16_t) key, n - 2, errors);
	return NULL;
}

/* Words 1 .. of a command are all numbers, but for those in the mask. */
static bool
numbers(char **word, int n, int text_mask, long *v)
{
	int			i;

	for (i = 1; i < n; i++)
	{
		if (!(text_mask & (1 << i)) && !parse_int(word[i], &v[i]))
			return false;
	}
	return true;
}

/* Do one command; NULL when done, else why not. */
static const char *
command(char **word, int n)
{
	rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
	long		v[MAX_WORDS];

#define IS(name, words, mask) (strcmp(word[0], name) == 0 && n == (words) && numbers(word, n, mask, v))
	if (strcmp(word[0], "quit") == 0)
		dp_stop = 1;
	else if (strcmp(word[0], "error") == 0)
		return command_error(word, n);
	else if (IS("topic", 3, 2))
		err = rd_kafka_mock_topic_create(cluster, word[1], v[2], 1);
	else if (IS("down", 2, 0))
		err = rd_kafka_mock_broker_set_down(cluster, v[1]);
	else if (IS("up", 2, 0))
		err = rd_kafka_mock_broker_set_up(cluster, v[1]);
	else if (IS("leader", 4, 2))
		err = rd_kafka_mock_partition_set_leader(cluster, word[1], v[2], v[3]);
	else if (IS("rtt", 3, 0))
		err = rd_kafka_mock_broker_set_rtt(cluster, v[1], v[2]);
	else if (IS("coordinator", 4, 2 | 4))
		err = rd_kafka_mock_coordinator_set(cluster, word[1], word[2], v[3]);
	else if (strcmp(word[0], "clear") == 0 && n == 2 && parse_api_key(word[1], &v[1]))
		rd_kafka_mock_clear_request_errors(cluster, v[1]);
	else if (strcmp(word[0], "topic-error") == 0 && n == 3 && parse_error(word[2], &err))
	{
		rd_kafka_mock_topic_set_error(cluster, word[1], err);
		err = RD_KAFKA_RESP_ERR_NO_ERROR;
	}
	else
		return "unknown command or wrong arguments";
#undef IS
	return err == RD_KAFKA_RESP_ERR_NO_ERROR ? NULL : rd_kafka_err2str(err);
}

static void
command_line(char *line)
{
	char	   *word[MAX_WORDS];
	const char *why;
	char	   *save;
	char	   *w;
	int			n = 0;

	for (w = strtok_r(line, " \t\r", &save); w != NULL && n < MAX_WORDS; w = strtok_r(NULL, " \t\r", &save))
		word[n++] = w;
	if (n == 0)
		return;
	why = command(word, n);
	if (why == NULL)
		puts("ok");
	else
		printf("error %s\n", why);
	fflush(stdout);
}

/*
 * Wait for commands.  End of file on stdin is not the end: a broker started
 * in the background has no stdin, and runs until it is told to stop.
 */
static void
serve(void)
{
	char		buf[MAX_LINE];
	size_t		len = 0;
	struct pollfd fd = {.fd = 0,.events = POLLIN};

	while (!dp_stop)
	{
		char	   *newline;
		ssize_t		n;

		if (poll(&fd, 1, 1000) <= 0 || fd.revents == 0)
			continue;
		n = read(0, buf + len, sizeof(buf) - 1 - len);
		if (n <= 0)
		{
			if (n < 0 && errno == EINTR)
				continue;
			fd.fd = -1;
			continue;
		}
		len += n;
		buf[len] = '\0';
		while ((newline = memchr(buf, '\n', len)) != NULL)
		{
			*newline = '\0';
			command_line(buf);
			len -= newline + 1 - buf;
			memmove(buf, newline + 1, len + 1);
		}
		if (len == sizeof(buf) - 1)
		{
			puts("error line too long");
			fflush(stdout);
			len = 0;
		}
	}
}

static void
create_topic(char *arg, int default_partitions)
{
	char	   *colon = strrchr(arg, ':');
	int			partitions = default_partitions;
	rd_kafka_resp_err_t err;

	if (colon != NULL)
	{
		*colon = '\0';
		partitions = dp_int_arg("number of partitions", colon + 1, 1, 1000);
	}
	err = rd_kafka_mock_topic_create(cluster, arg, partitions, 1);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		dp_die("could not create topic \"%s\": %s", arg, rd_kafka_err2str(err));
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"brokers", required_argument, NULL, 'n'},
		{"partitions", required_argument, NULL, 'p'},
		{"file", required_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{NULL}
	};
	rd_kafka_t *rk;
	const char *file = NULL;
	int			brokers = 1;
	int			partitions = 4;
	int			c;

	dp_progname = "dp_mockd";
	while ((c = getopt_long(argc, argv, "n:p:f:h", options, NULL)) != -1)
	{
		switch (c)
		{
			case 'n':
				brokers = dp_int_arg("number of brokers", optarg, 1, 100);
				break;
			case 'p':
				partitions = dp_int_arg("number of partitions", optarg, 1, 1000);
				break;
			case 'f':
				file = optarg;
				break;
			case 'h':
				fputs(usage, stdout);
				return 0;
			default:
				dp_die_usage("unknown option");
		}
	}

	dp_catch_signals();
	/* the address is only there to satisfy the client; nothing connects */
	rk = dp_client(RD_KAFKA_PRODUCER, "127.0.0.1:1", NULL, NULL, NULL, NULL);
	cluster = rd_kafka_mock_cluster_new(rk, brokers);
	if (cluster == NULL)
		dp_die("could not start the mock cluster");
	for (; optind < argc; optind++)
		create_topic(argv[optind], partitions);

	if (file != NULL)
	{
		FILE	   *f = fopen(file, "w");

		if (f == NULL || fprintf(f, "%s\n", rd_kafka_mock_cluster_bootstraps(cluster)) < 0 || fclose(f) != 0)
			dp_die("could not write \"%s\": %s", file, strerror(errno));
	}
	printf("bootstrap %s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	serve();
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
