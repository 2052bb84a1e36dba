/*-------------------------------------------------------------------------
 *
 * dp_kafka.c
 *	  Topics, offsets and raw messages from a shell, for tests.
 *
 *-------------------------------------------------------------------------
 */
#include <getopt.h>

#include "kafka_cmd.h"

static const char usage[] =
"Usage: dp_kafka COMMAND [argument ...] [option ...]\n"
"Topics\n"
"  topic-create NAME PARTITIONS [-r REPLICAS] [-c KEY=VALUE ...]\n"
"  topic-delete NAME\n"
"  topic-add-partitions NAME TOTAL\n"
"  topic-config NAME -c KEY=VALUE ...     replaces all settings of the topic\n"
"  delete-records NAME PARTITION OFFSET|end\n"
"  metadata [NAME]                        brokers; then topic, partition, leader, replicas, isr, error\n"
"  wait-topic NAME [PARTITIONS] [--gone] [-t SECONDS]\n"
"Offsets\n"
"  offsets NAME [--uncommitted]           partition, low, high: one line each\n"
"  group-commit GROUP NAME PARTITION OFFSET\n"
"  group-offsets GROUP NAME               partition, offset (-1001: none)\n"
"Messages\n"
"  produce NAME [-p PARTITION] [-k KEY] [-K SEPARATOR] [-H KEY=VALUE ...] [--timestamp MS]\n"
"          [--lines FILE | --raw FILE]    one message a line, or the whole file; default: lines of stdin\n"
"          [--txn ID [--end commit|abort|hang]]   all in one transaction\n"
"  tombstone NAME KEY [-p PARTITION]\n"
"  consume NAME [-p PARTITION] [-o OFFSET] [-n COUNT] [--uncommitted] [--json | --values]\n"
"          to the end of each partition, then: partition, first, last, end, messages, bytes, checksum\n"
"Options of all\n"
"  -b, --broker HOST:PORT   else $DATAPLAT_KAFKA\n"
"  -X KEY=VALUE             any librdkafka option\n"
"  -t, --timeout SECONDS    30\n"
"Exit: 0 done, 1 the broker refused or did not answer, 2 wrong arguments.\n"
"DP_TOOL_LOG=1 shows what librdkafka logs.\n";

static const struct
{
	const char *name;
	int			min_args,
				max_args;
	int			(*run) (DpCommandLine *cl);
}			commands[] = {
	{"topic-create", 2, 2, dp_cmd_topic_create},
	{"topic-delete", 1, 1, dp_cmd_topic_delete},
	{"topic-add-partitions", 2, 2, dp_cmd_topic_add_partitions},
	{"topic-config", 1, 1, dp_cmd_topic_config},
	{"delete-records", 3, 3, dp_cmd_delete_records},
	{"metadata", 0, 1, dp_cmd_metadata},
	{"wait-topic", 1, 2, dp_cmd_wait_topic},
	{"offsets", 1, 1, dp_cmd_offsets},
	{"group-commit", 4, 4, dp_cmd_group_commit},
	{"group-offsets", 2, 2, dp_cmd_group_offsets},
	{"produce", 1, 1, dp_cmd_produce},
	{"tombstone", 2, 2, dp_cmd_tombstone},
	{"consume", 1, 1, dp_cmd_consume},
};

enum
{
	OPT_LINES = 256, OPT_RAW, OPT_GONE, OPT_JSON, OPT_VALUES, OPT_UNCOMMITTED,
	OPT_TXN, OPT_END, OPT_TIMESTAMP
};

static const struct option long_options[] = {
	{"broker", required_argument, NULL, 'b'},
	{"replicas", required_argument, NULL, 'r'},
	{"partition", required_argument, NULL, 'p'},
	{"key", required_argument, NULL, 'k'},
	{"header", required_argument, NULL, 'H'},
	{"count", required_argument, NULL, 'n'},
	{"offset", required_argument, NULL, 'o'},
	{"timeout", required_argument, NULL, 't'},
	{"lines", required_argument, NULL, OPT_LINES},
	{"raw", required_argument, NULL, OPT_RAW},
	{"gone", no_argument, NULL, OPT_GONE},
	{"json", no_argument, NULL, OPT_JSON},
	{"values", no_argument, NULL, OPT_VALUES},
	{"uncommitted", no_argument, NULL, OPT_UNCOMMITTED},
	{"txn", required_argument, NULL, OPT_TXN},
	{"end", required_argument, NULL, OPT_END},
	{"timestamp", required_argument, NULL, OPT_TIMESTAMP},
	{"help", no_argument, NULL, 'h'},
	{NULL}
};

static void
set_option(DpCommandLine *cl, int c)
{
	switch (c)
	{
		case 'b':
			cl->bootstrap = optarg;
			break;
		case 'X':
			dp_pairs_add(&cl->client, optarg);
			break;
		case 'c':
			dp_pairs_add(&cl->config, optarg);
			break;
		case 'H':
			dp_pairs_add(&cl->headers, optarg);
			break;
		case 'r':
			cl->replicas = dp_int_arg("number of replicas", optarg, -1, 100);
			break;
		case 'p':
			cl->partition = dp_int_arg("partition", optarg, 0, INT32_MAX);
			break;
		case 'k':
			cl->key = optarg;
			break;
		case 'K':
			cl->key_separator = optarg;
			break;
		case 'n':
			cl->count = dp_int_arg("count", optarg, 0, INT64_MAX);
			break;
		case 'o':
			cl->from = dp_int_arg("offset", optarg, 0, INT64_MAX);
			break;
		case 't':
			cl->timeout = dp_ratio_arg("timeout", optarg, 0.1, 3600);
			break;
		case OPT_LINES:
		case OPT_RAW:
			cl->file = optarg;
			cl->raw = (c == OPT_RAW);
			break;
		case OPT_GONE:
			cl->gone = true;
			break;
		case OPT_JSON:
			cl->json = true;
			break;
		case OPT_VALUES:
			cl->values = true;
			break;
		case OPT_UNCOMMITTED:
			cl->uncommitted = true;
			break;
		case OPT_TXN:
			cl->transactional_id = optarg;
			break;
		case OPT_END:
			cl->outcome = optarg;
			break;
		case OPT_TIMESTAMP:
			cl->timestamp = dp_int_arg("timestamp", optarg, 1, INT64_MAX);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			dp_die_usage("unknown option");
	}
}

int
main(int argc, char **argv)
{
	DpCommandLine cl = {
		.replicas = -1,.partition = -1,.from = -1,.count = -1,
		.outcome = "commit",.timeout = 30
	};
	int			c,
				i;

	dp_progname = "dp_kafka";
	dp_catch_signals();
	while ((c = getopt_long(argc, argv, "b:X:c:H:r:p:k:K:n:o:t:h", long_options, NULL)) != -1)
		set_option(&cl, c);
	if (optind == argc)
		dp_die_usage("no command given");
	cl.arg = argv + optind + 1;
	cl.nargs = argc - optind - 1;
	for (i = 0; i < lengthof(commands); i++)
	{
		if (strcmp(argv[optind], commands[i].name) != 0)
			continue;
		if (cl.nargs < commands[i].min_args || cl.nargs > commands[i].max_args)
			dp_die_usage("wrong number of arguments for \"%s\"", commands[i].name);
		cl.bootstrap = dp_bootstrap(cl.bootstrap);
		return commands[i].run(&cl);
	}
	dp_die_usage("unknown command \"%s\"", argv[optind]);
}
