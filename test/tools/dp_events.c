/*-------------------------------------------------------------------------
 *
 * dp_events.c
 *	  Events of a small shop, live or in bulk, for the demo and the benchmarks.
 *
 *-------------------------------------------------------------------------
 */
#include <getopt.h>

#include "events.h"

static const char usage[] =
"Usage: dp_events [-b HOST:PORT] [option ...]\n"
"The shop: topics customers, orders, order_items, inventory and clicks\n"
"  --rate N            messages a second (200; with --count: as fast as possible)\n"
"  --seconds S         stop after so long\n"
"  --count N           stop after so many messages\n"
"  --prefix TEXT       before the names of the topics\n"
"  --partitions N      of topics that are made (4)\n"
"  --customers N       (2000)      --products N   (300)\n"
"  --malformed R       share of messages that are not JSON (0.002)\n"
"Bulk, one shape, for benchmarks\n"
"  --shape NAME        j200 (flat, 197 bytes), j1k (nested, 976 bytes), text200\n"
"  --topic T --count N --partitions N\n"
"  --batch N           messages of a batch (10000)\n"
"Both\n"
"  --seed N            same seed, same messages (1); the live shop's clock is the real one\n"
"  --compression CODEC none gzip snappy lz4 zstd (none)\n"
"  -X KEY=VALUE        any librdkafka option    -q: no summary\n"
"SIGTERM ends it in good order.  Exit: 0 done, 1 not everything was delivered, 2 wrong arguments.\n";

/* The topic's partitions; made first where the broker allows. */
int
dp_events_topic(rd_kafka_t *rk, const char *topic, int partitions)
{
	char		err[512];
	int			n = dp_partition_count(rk, topic, 30000);

	if (n < 0)
		dp_die("no broker answered");
	if (n > 0)
		return n;
	if (partitions == 0)
		partitions = 4;
	if (dp_create_topic(rk, topic, partitions, -1, NULL, err, sizeof(err)))
		return partitions;
	/* another one may have made it meanwhile, or the broker on demand */
	n = dp_partition_count(rk, topic, 30000);
	if (n <= 0)
		dp_die("could not create topic \"%s\": %s", topic, err);
	return n;
}

enum
{
	OPT_RATE = 256, OPT_SECONDS, OPT_COUNT, OPT_PREFIX, OPT_PARTITIONS, OPT_CUSTOMERS,
	OPT_PRODUCTS, OPT_MALFORMED, OPT_SHAPE, OPT_TOPIC, OPT_BATCH, OPT_SEED, OPT_COMPRESSION
};

static const struct option long_options[] = {
	{"broker", required_argument, NULL, 'b'},
	{"rate", required_argument, NULL, OPT_RATE},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"count", required_argument, NULL, OPT_COUNT},
	{"prefix", required_argument, NULL, OPT_PREFIX},
	{"partitions", required_argument, NULL, OPT_PARTITIONS},
	{"customers", required_argument, NULL, OPT_CUSTOMERS},
	{"products", required_argument, NULL, OPT_PRODUCTS},
	{"malformed", required_argument, NULL, OPT_MALFORMED},
	{"shape", required_argument, NULL, OPT_SHAPE},
	{"topic", required_argument, NULL, OPT_TOPIC},
	{"batch", required_argument, NULL, OPT_BATCH},
	{"seed", required_argument, NULL, OPT_SEED},
	{"compression", required_argument, NULL, OPT_COMPRESSION},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL}
};

static void
set_option(DpEventsConfig *config, int c)
{
	char		pair[64];

	switch (c)
	{
		case 'b':
			config->bootstrap = optarg;
			break;
		case 'X':
			dp_pairs_add(&config->options, optarg);
			break;
		case 'q':
			config->quiet = true;
			break;
		case OPT_RATE:
			config->rate = dp_ratio_arg("rate", optarg, 0.01, 1e7);
			break;
		case OPT_SECONDS:
			config->seconds = dp_ratio_arg("number of seconds", optarg, 0.01, 1e9);
			break;
		case OPT_COUNT:
			config->count = dp_int_arg("count", optarg, 1, INT64_MAX);
			break;
		case OPT_PREFIX:
			config->prefix = optarg;
			break;
		case OPT_PARTITIONS:
			config->partitions = dp_int_arg("number of partitions", optarg, 1, 10000);
			break;
		case OPT_CUSTOMERS:
			config->customers = dp_int_arg("number of customers", optarg, 1, 1000000);
			break;
		case OPT_PRODUCTS:
			config->products = dp_int_arg("number of products", optarg, 1, 100000);
			break;
		case OPT_MALFORMED:
			config->malformed = dp_ratio_arg("share of malformed messages", optarg, 0, 1);
			break;
		case OPT_SHAPE:
			config->shape = optarg;
			break;
		case OPT_TOPIC:
			config->topic = optarg;
			break;
		case OPT_BATCH:
			config->batch = dp_int_arg("size of a batch", optarg, 1, 1000000);
			break;
		case OPT_SEED:
			config->seed = dp_int_arg("seed", optarg, 0, INT64_MAX);
			break;
		case OPT_COMPRESSION:
			snprintf(pair, sizeof(pair), "compression.codec=%s", optarg);
			dp_pairs_add(&config->options, pair);
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
	DpEventsConfig config = {
		.seed = 1,.prefix = "",.malformed = 0.002,.customers = 2000,.products = 300,.batch = 10000
	};
	int			c;

	dp_progname = "dp_events";
	dp_catch_signals();
	while ((c = getopt_long(argc, argv, "b:X:qh", long_options, NULL)) != -1)
		set_option(&config, c);
	if (optind != argc)
		dp_die_usage("unexpected argument \"%s\"", argv[optind]);
	if ((config.shape != NULL) != (config.topic != NULL) || (config.shape != NULL && config.count == 0))
		dp_die_usage("bulk needs --shape, --topic and --count");
	config.bootstrap = dp_bootstrap(config.bootstrap);
	return config.shape != NULL ? dp_events_bulk(&config) : dp_events_shop(&config);
}
