/*-------------------------------------------------------------------------
 *
 * dp_oracle.c
 *	  The chaos generator: fills a topic and knows exactly what is in it.
 *
 * Messages go out in transactions, some of which are aborted on purpose.  The
 * manifest tells of every message whether it is committed (good), malformed
 * (committed, but not JSON) or aborted; oracle.sql compares that with what
 * has become of the topic in PostgreSQL.
 *
 * A transaction whose outcome is in doubt (the broker died while it
 * committed) is settled before the next one begins: a new producer of the
 * same transactional id makes the coordinator finish or abort it, and then
 * the messages are looked for with a read_committed consumer.  Numbers of messages
 * that were lost this way are not used again; others are sent in their place.
 *
 * Each producer thread has its own partitions, so that the order of numbers
 * is the order of offsets.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <unistd.h>

#include "oracle.h"

#define MAX_PRODUCERS 16
#define GIVE_UP 300.0			/* seconds without a usable broker */
#define ABORT_BLOCK 30			/* transactions among which the abort ratio holds */
#define CALL_TIMEOUT_MS 30000	/* one call of the transaction API */

static const char usage[] =
"Usage: dp_oracle [-b HOST:PORT] --topic T --manifest FILE [option ...]\n"
"  --run NAME             name of the run, in every message (r1)\n"
"  --seed N               same seed, same messages (1)\n"
"  --partitions N         of the topic, which is made when missing (8)\n"
"  --records N            messages in all, good, malformed and aborted (10000)\n"
"  --tx-size N            messages of a transaction, on average (1000)\n"
"  --abort-ratio R        transactions aborted on purpose (0.3333)\n"
"  --malformed-ratio R    messages that are not JSON (0.001)\n"
"  --keys N               distinct keys; 0: no keys (1000)\n"
"  --headers              some more headers, also repeated and binary ones\n"
"  --compression CODEC    none gzip snappy lz4 zstd (none)\n"
"  --rate N               messages a second; 0: as fast as possible (0)\n"
"  --producers N          threads, each with its own partitions (2)\n"
"  --no-transactions      idempotent only, nothing aborted (for dp_mockd)\n"
"  --ends FILE            write \"partition,end offset\" of each partition\n"
"  -X KEY=VALUE           any librdkafka option    -v: tell of trouble\n"
"SIGTERM ends it after the transaction in hand, with a complete manifest.\n"
"Manifest: CSV with a header, p,i,kind,sha; kind is committed, malformed or aborted.\n"
"Exit: 0 done, 1 broker unusable for 300 s, 2 wrong arguments, 3 an outcome could not be settled.\n";

typedef struct DpProducer
{
	const DpOracleConfig *config;
	int			number;
	rd_kafka_t *rk;
	DpRandom	random;
	int		   *own;			/* partitions */
	int			n_own;
	int			block_left;		/* transactions left in this block ... */
	int			aborts_left;	/* ... and how many of them to abort */
	int64_t		quota;			/* messages to make */
	int64_t		made;
	int64_t    *next_i;			/* by partition */
	int64_t    *acked;			/* highest acknowledged offset, by partition */
	DpOracleMessage *tx;
	int			n_tx;
	int64_t		n_failed;		/* delivery reports that say no */
	/* totals */
	int64_t		committed,
				malformed,
				aborted;
	int64_t		tx_committed,
				tx_aborted,
				tx_lost,
				tx_settled,
				restarts;
} DpProducer;

typedef enum
{
	TX_COMMITTED,
	TX_ABORTED,
	TX_IN_DOUBT
} DpTxOutcome;

static pthread_mutex_t manifest_lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *manifest;

static void
delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	DpProducer *w = opaque;

	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		w->n_failed++;
	else if (m->offset > w->acked[m->partition])
		w->acked[m->partition] = m->offset;
}


/* ---- the producer and its restarts ---- */

static void
drop_producer(DpProducer *w)
{
	if (w->rk == NULL)
		return;
	rd_kafka_purge(w->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_destroy(w->rk);
	w->rk = NULL;
}

static rd_kafka_t *
new_producer(DpProducer *w)
{
	DpPairs		defaults = {0};
	char		text[256];

	dp_pairs_add(&defaults, "enable.idempotence=true");
	dp_pairs_add(&defaults, "linger.ms=5");
	dp_pairs_add(&defaults, "batch.num.messages=5000");
	dp_pairs_add(&defaults, "queue.buffering.max.messages=500000");
	if (w->config->transactions)
	{
		snprintf(text, sizeof(text), "transactional.id=dp_oracle-%s-%d", w->config->run, w->number);
		dp_pairs_add(&defaults, text);
		dp_pairs_add(&defaults, "transaction.timeout.ms=60000");
	}
	else
		dp_pairs_add(&defaults, "message.timeout.ms=300000");
	return dp_client(RD_KAFKA_PRODUCER, w->config->bootstrap, &defaults, &w->config->options, w, delivered);
}

/*
 * Have a producer that can begin a transaction.  When this returns, every
 * transaction of its predecessor is committed or aborted for good.
 */
static void
need_producer(DpProducer *w)
{
	double		start = dp_now();

	while (w->rk == NULL)
	{
		rd_kafka_error_t *error;

		w->rk = new_producer(w);
		if (!w->config->transactions)
			return;
		while ((error = rd_kafka_init_transactions(w->rk, CALL_TIMEOUT_MS)) != NULL)
		{
			bool		again = rd_kafka_error_is_retriable(error);

			if (w->config->verbose)
				dp_warn("producer %d: cannot start: %s", w->number, rd_kafka_error_string(error));
			if (dp_now() - start > GIVE_UP)
				dp_die("could not start a producer within %g s: %s", GIVE_UP, rd_kafka_error_string(error));
			rd_kafka_error_destroy(error);
			dp_sleep_ms(200);
			if (!again)
			{
				drop_producer(w);
				break;
			}
		}
	}
}


/* ---- one transaction ---- */

/* Choose what the next transaction holds. */
static void
plan_tx(DpProducer *w)
{
	const DpOracleConfig *config = w->config;
	int64_t		size = 1 + config->tx_size / 2 + dp_random_below(&w->random, config->tx_size);
	int			n;

	if (size > w->quota - w->made)
		size = w->quota - w->made;
	for (n = 0; n < size; n++)
	{
		DpOracleMessage *m = &w->tx[n];

		m->p = w->own[dp_random_below(&w->random, w->n_own)];
		m->i = w->next_i[m->p]++;
		m->malformed = dp_random_unit(&w->random) < config->malformed_ratio;
	}
	w->n_tx = size;
}

/*
 * Whether to commit the next transaction.  Which ones are aborted is random,
 * how many of each ABORT_BLOCK is not, so that short runs have their share too.
 */
static bool
plan_commit(DpProducer *w)
{
	bool		abort;

	if (w->block_left == 0)
	{
		w->block_left = ABORT_BLOCK;
		w->aborts_left = w->config->abort_ratio * ABORT_BLOCK + dp_random_unit(&w->random);
	}
	abort = dp_random_below(&w->random, w->block_left) < w->aborts_left;
	w->block_left--;
	w->aborts_left -= abort;
	return !abort;
}

static rd_kafka_headers_t *
message_headers(const DpOracleConfig *config, const DpOracleMessage *m)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
	char		text[256];
	int			n = snprintf(text, sizeof(text), "%s:%d:%" PRId64, config->run, m->p, m->i);

	rd_kafka_header_add(headers, ORACLE_HEADER, -1, text, n);
	if (config->headers)
	{
		rd_kafka_header_add(headers, "twice", -1, "a", 1);
		rd_kafka_header_add(headers, "twice", -1, "b", 1);
		rd_kafka_header_add(headers, "null", -1, NULL, 0);
		rd_kafka_header_add(headers, "binary", -1, "\0\xff\x80", 3);
	}
	return headers;
}

static rd_kafka_resp_err_t
send_message(DpProducer *w, DpOracleMessage *m, bool aborted)
{
	char		value[ORACLE_MAX_VALUE * 2];
	char		key[256];
	size_t		len = dp_oracle_value(w->config, m, aborted, value);
	size_t		key_len = dp_oracle_key(w->config, m, key, sizeof(key));
	const char *key_or_null = key_len > 0 ? key : NULL;
	rd_kafka_headers_t *headers = message_headers(w->config, m);
	rd_kafka_resp_err_t err;
	double		start = dp_now();

	while ((err = rd_kafka_producev(w->rk, RD_KAFKA_V_TOPIC(w->config->topic),
									RD_KAFKA_V_PARTITION(m->p),
									RD_KAFKA_V_KEY(key_or_null, key_len),
									RD_KAFKA_V_VALUE(value, len),
									RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
									RD_KAFKA_V_HEADERS(headers),
									RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
		   dp_now() - start < GIVE_UP)
		rd_kafka_poll(w->rk, 20);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_headers_destroy(headers);
	return err;
}

/* True when done; else the reason has been told and the producer is of no more use. */
static bool
call_ok(DpProducer *w, const char *what, rd_kafka_error_t *error)
{
	if (error == NULL)
		return true;
	if (w->config->verbose)
		dp_warn("producer %d: %s: %s", w->number, what, rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
	return false;
}

static bool
end_tx(DpProducer *w, bool commit)
{
	double		start = dp_now();
	rd_kafka_error_t *error;

	/* an abort with batches in flight can end in a fatal error */
	if (!commit)
		rd_kafka_flush(w->rk, CALL_TIMEOUT_MS);
	for (;;)
	{
		error = commit ? rd_kafka_commit_transaction(w->rk, CALL_TIMEOUT_MS) :
			rd_kafka_abort_transaction(w->rk, CALL_TIMEOUT_MS);
		if (error == NULL || !rd_kafka_error_is_retriable(error) || dp_now() - start > GIVE_UP)
			return call_ok(w, commit ? "commit" : "abort", error);
		rd_kafka_error_destroy(error);
	}
}

/* Send what was planned and end it as planned. */
static DpTxOutcome
run_tx(DpProducer *w, bool commit)
{
	int			n;

	w->n_failed = 0;
	if (w->config->transactions && !call_ok(w, "begin", rd_kafka_begin_transaction(w->rk)))
	{
		/* nothing was sent, but the hashes for the manifest are needed */
		char		value[ORACLE_MAX_VALUE * 2];

		for (n = 0; n < w->n_tx; n++)
			dp_oracle_value(w->config, &w->tx[n], !commit, value);
		return TX_IN_DOUBT;
	}
	for (n = 0; n < w->n_tx; n++)
	{
		rd_kafka_resp_err_t err = send_message(w, &w->tx[n], !commit);

		if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			if (w->config->verbose)
				dp_warn("producer %d: produce: %s", w->number, rd_kafka_err2str(err));
			for (; n < w->n_tx; n++)
			{
				char		value[ORACLE_MAX_VALUE * 2];

				dp_oracle_value(w->config, &w->tx[n], !commit, value);
			}
			return TX_IN_DOUBT;
		}
		if (n % 256 == 0)
			rd_kafka_poll(w->rk, 0);
	}
	if (!w->config->transactions)
	{
		if (rd_kafka_flush(w->rk, GIVE_UP * 1000) == RD_KAFKA_RESP_ERR_NO_ERROR && w->n_failed == 0)
			return TX_COMMITTED;
		return TX_IN_DOUBT;
	}
	if (!end_tx(w, commit))
		return TX_IN_DOUBT;
	return commit ? TX_COMMITTED : TX_ABORTED;
}

/*
 * Find out how a transaction in doubt has ended, with a new producer.  Leaves
 * the mark "seen" on the messages that are in the topic.
 */
static DpTxOutcome
settle_tx(DpProducer *w, const int64_t *from)
{
	int			found;
	int			again;

	drop_producer(w);
	w->restarts++;
	w->tx_settled++;
	need_producer(w);
	qsort(w->tx, w->n_tx, sizeof(DpOracleMessage), dp_oracle_compare);
	found = dp_oracle_read_back(w->config, w->tx, w->n_tx, from);
	if (!w->config->transactions)
	{
		/* without fencing, a request may still be under way: look twice */
		do
		{
			again = found;
			dp_sleep_ms(1000);
			found = dp_oracle_read_back(w->config, w->tx, w->n_tx, from);
		} while (found != again);
	}
	if (w->config->verbose)
		dp_warn("producer %d: transaction in doubt: %d of %d messages are there", w->number, found, w->n_tx);
	if (found == w->n_tx)
		return TX_COMMITTED;
	if (found == 0)
		return TX_ABORTED;
	if (found > 0 && !w->config->transactions)
		return TX_IN_DOUBT;
	fflush(manifest);
	dp_warn("cannot settle a transaction: %d of %d messages are there", found, w->n_tx);
	_exit(DP_EXIT_UNKNOWN);
}

/* Write down a transaction that is settled. */
static void
record_tx(DpProducer *w, DpTxOutcome outcome)
{
	int			n;

	pthread_mutex_lock(&manifest_lock);
	for (n = 0; n < w->n_tx; n++)
	{
		DpOracleMessage *m = &w->tx[n];
		bool		there = outcome == TX_COMMITTED || (outcome == TX_IN_DOUBT && m->seen);

		fprintf(manifest, "%d,%" PRId64 ",%s,%s\n", m->p, m->i,
				!there ? "aborted" : m->malformed ? "malformed" : "committed", m->sha);
		if (!there)
			w->aborted++;
		else if (m->malformed)
			w->malformed++;
		else
			w->committed++;
	}
	if (fflush(manifest) != 0)
		dp_die("could not write the manifest: %s", strerror(errno));
	pthread_mutex_unlock(&manifest_lock);
}

static void *
produce_all(void *arg)
{
	DpProducer *w = arg;
	const DpOracleConfig *config = w->config;
	int64_t    *from = dp_alloc(sizeof(int64_t) * config->partitions);
	double		start = dp_now();
	int64_t		sent = 0;

	while (w->made < w->quota && !dp_stop)
	{
		bool		commit = plan_commit(w);
		DpTxOutcome outcome;
		int			p;

		need_producer(w);
		plan_tx(w);
		for (p = 0; p < config->partitions; p++)
			from[p] = w->acked[p] + 1;
		outcome = run_tx(w, commit);
		if (outcome == TX_IN_DOUBT)
			outcome = settle_tx(w, from);
		record_tx(w, outcome);
		sent += w->n_tx;
		if (outcome == TX_COMMITTED)
			w->tx_committed++;
		else if (!commit)
			w->tx_aborted++;
		else
			w->tx_lost++;
		/* a transaction that failed is made up for, so that totals come out */
		if (outcome == TX_COMMITTED || !commit)
			w->made += w->n_tx;
		if (config->rate > 0)
		{
			double		ahead = sent / (config->rate / config->producers) - (dp_now() - start);

			while (ahead > 0 && !dp_stop)
			{
				dp_sleep_ms(ahead > 0.1 ? 100 : (int) (ahead * 1000) + 1);
				rd_kafka_poll(w->rk, 0);
				ahead = sent / (config->rate / config->producers) - (dp_now() - start);
			}
		}
	}
	if (w->rk != NULL)
		rd_kafka_destroy(w->rk);
	free(from);
	return NULL;
}


/* ---- the run ---- */

/* The topic exists and has the right number of partitions. */
static void
need_topic(DpOracleConfig *config, int64_t *ends)
{
	rd_kafka_t *rk = dp_client(RD_KAFKA_PRODUCER, config->bootstrap, NULL, &config->options, NULL, NULL);
	int			n = dp_partition_count(rk, config->topic, CALL_TIMEOUT_MS);
	char		err[512];
	int			p;

	if (n < 0)
		dp_die("no broker answered at %s", config->bootstrap);
	if (n == 0 && !dp_create_topic(rk, config->topic, config->partitions, -1, NULL, err, sizeof(err)))
		dp_die("could not create topic \"%s\": %s", config->topic, err);
	if (n > 0 && n != config->partitions)
		dp_die("topic \"%s\" has %d partitions, not %d", config->topic, n, config->partitions);
	for (p = 0; p < config->partitions; p++)
	{
		int64_t		low;
		rd_kafka_resp_err_t res = dp_watermarks(rk, config->topic, p, &low, &ends[p], CALL_TIMEOUT_MS);

		if (res != RD_KAFKA_RESP_ERR_NO_ERROR)
			dp_die("partition %d of topic \"%s\": %s", p, config->topic, rd_kafka_err2str(res));
	}
	rd_kafka_destroy(rk);
}

static void
init_producer(DpProducer *w, const DpOracleConfig *config, int number, const int64_t *ends)
{
	int			p;

	memset(w, 0, sizeof(*w));
	w->config = config;
	w->number = number;
	dp_random_seed(&w->random, config->seed, number);
	w->quota = config->records / config->producers + (number < config->records % config->producers);
	w->own = dp_alloc(sizeof(int) * config->partitions);
	w->next_i = dp_alloc(sizeof(int64_t) * config->partitions);
	w->acked = dp_alloc(sizeof(int64_t) * config->partitions);
	w->tx = dp_alloc(sizeof(DpOracleMessage) * (config->tx_size * 3 / 2 + 2));
	for (p = 0; p < config->partitions; p++)
	{
		w->acked[p] = ends[p] - 1;
		if (p % config->producers == number)
			w->own[w->n_own++] = p;
	}
}

static void
write_ends(const char *file, const int64_t *ends, int n)
{
	FILE	   *f = fopen(file, "w");
	int			p;

	if (f == NULL)
		dp_die("could not open \"%s\": %s", file, strerror(errno));
	for (p = 0; p < n; p++)
		fprintf(f, "%d,%" PRId64 "\n", p, ends[p]);
	if (fclose(f) != 0)
		dp_die("could not write \"%s\": %s", file, strerror(errno));
}

static void
print_totals(const DpProducer *w, int n, double seconds)
{
	DpProducer	t = {0};
	int			k;

	for (k = 0; k < n; k++)
	{
		t.committed += w[k].committed;
		t.malformed += w[k].malformed;
		t.aborted += w[k].aborted;
		t.tx_committed += w[k].tx_committed;
		t.tx_aborted += w[k].tx_aborted;
		t.tx_lost += w[k].tx_lost;
		t.tx_settled += w[k].tx_settled;
		t.restarts += w[k].restarts;
	}
	printf("committed %" PRId64 "\nmalformed %" PRId64 "\naborted %" PRId64 "\n", t.committed, t.malformed, t.aborted);
	printf("transactions_committed %" PRId64 "\ntransactions_aborted %" PRId64 "\n", t.tx_committed, t.tx_aborted);
	printf("transactions_failed %" PRId64 "\ntransactions_settled %" PRId64 "\nproducer_restarts %" PRId64 "\n",
		   t.tx_lost, t.tx_settled, t.restarts);
	printf("seconds %.1f\n", seconds);
}

enum
{
	OPT_TOPIC = 256, OPT_MANIFEST, OPT_RUN, OPT_SEED, OPT_PARTITIONS, OPT_RECORDS,
	OPT_TX_SIZE, OPT_ABORT_RATIO, OPT_MALFORMED_RATIO, OPT_KEYS, OPT_HEADERS,
	OPT_COMPRESSION, OPT_RATE, OPT_PRODUCERS, OPT_NO_TRANSACTIONS, OPT_ENDS
};

static const struct option long_options[] = {
	{"broker", required_argument, NULL, 'b'},
	{"topic", required_argument, NULL, OPT_TOPIC},
	{"manifest", required_argument, NULL, OPT_MANIFEST},
	{"run", required_argument, NULL, OPT_RUN},
	{"seed", required_argument, NULL, OPT_SEED},
	{"partitions", required_argument, NULL, OPT_PARTITIONS},
	{"records", required_argument, NULL, OPT_RECORDS},
	{"tx-size", required_argument, NULL, OPT_TX_SIZE},
	{"abort-ratio", required_argument, NULL, OPT_ABORT_RATIO},
	{"malformed-ratio", required_argument, NULL, OPT_MALFORMED_RATIO},
	{"keys", required_argument, NULL, OPT_KEYS},
	{"headers", no_argument, NULL, OPT_HEADERS},
	{"compression", required_argument, NULL, OPT_COMPRESSION},
	{"rate", required_argument, NULL, OPT_RATE},
	{"producers", required_argument, NULL, OPT_PRODUCERS},
	{"no-transactions", no_argument, NULL, OPT_NO_TRANSACTIONS},
	{"ends", required_argument, NULL, OPT_ENDS},
	{"help", no_argument, NULL, 'h'},
	{NULL}
};

static void
set_option(DpOracleConfig *config, int c, const char **manifest_file, const char **ends_file)
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
		case 'v':
			config->verbose = true;
			break;
		case OPT_TOPIC:
			config->topic = optarg;
			break;
		case OPT_MANIFEST:
			*manifest_file = optarg;
			break;
		case OPT_ENDS:
			*ends_file = optarg;
			break;
		case OPT_RUN:
			if (strlen(optarg) > 32 || strpbrk(optarg, "\":\\") != NULL)
				dp_die_usage("invalid run \"%s\": at most 32 characters, no quote, colon or backslash", optarg);
			config->run = optarg;
			break;
		case OPT_SEED:
			config->seed = dp_int_arg("seed", optarg, 0, INT64_MAX);
			break;
		case OPT_PARTITIONS:
			config->partitions = dp_int_arg("number of partitions", optarg, 1, 10000);
			break;
		case OPT_RECORDS:
			config->records = dp_int_arg("number of records", optarg, 1, INT64_MAX);
			break;
		case OPT_TX_SIZE:
			config->tx_size = dp_int_arg("size of a transaction", optarg, 1, 200000);
			break;
		case OPT_ABORT_RATIO:
			config->abort_ratio = dp_ratio_arg("abort ratio", optarg, 0, 0.99);
			break;
		case OPT_MALFORMED_RATIO:
			config->malformed_ratio = dp_ratio_arg("malformed ratio", optarg, 0, 1);
			break;
		case OPT_KEYS:
			config->keys = dp_int_arg("number of keys", optarg, 0, INT64_MAX);
			break;
		case OPT_HEADERS:
			config->headers = true;
			break;
		case OPT_COMPRESSION:
			snprintf(pair, sizeof(pair), "compression.codec=%s", optarg);
			dp_pairs_add(&config->options, pair);
			break;
		case OPT_RATE:
			config->rate = dp_ratio_arg("rate", optarg, 0, 1e9);
			break;
		case OPT_PRODUCERS:
			config->producers = dp_int_arg("number of producers", optarg, 1, MAX_PRODUCERS);
			break;
		case OPT_NO_TRANSACTIONS:
			config->transactions = false;
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
	DpOracleConfig config = {
		.run = "r1",.seed = 1,.partitions = 8,.records = 10000,.tx_size = 1000,
		.abort_ratio = 1.0 / 3,.malformed_ratio = 0.001,.keys = 1000,
		.transactions = true,.producers = 2
	};
	const char *manifest_file = NULL,
			   *ends_file = NULL;
	DpProducer	producers[MAX_PRODUCERS];
	pthread_t	threads[MAX_PRODUCERS];
	int64_t    *ends;
	double		start;
	int			c,
				k;

	dp_progname = "dp_oracle";
	while ((c = getopt_long(argc, argv, "b:X:vh", long_options, NULL)) != -1)
		set_option(&config, c, &manifest_file, &ends_file);
	if (optind != argc || config.topic == NULL || manifest_file == NULL)
		dp_die_usage("need --topic and --manifest, and nothing but options");
	config.bootstrap = dp_bootstrap(config.bootstrap);
	if (!config.transactions)
		config.abort_ratio = 0;
	if (config.producers > config.partitions)
		config.producers = config.partitions;
	if ((manifest = fopen(manifest_file, "w")) == NULL)
		dp_die("could not open \"%s\": %s", manifest_file, strerror(errno));
	fputs("p,i,kind,sha\n", manifest);

	dp_catch_signals();
	start = dp_now();
	ends = dp_alloc(sizeof(int64_t) * config.partitions);
	need_topic(&config, ends);
	for (k = 0; k < config.producers; k++)
	{
		init_producer(&producers[k], &config, k, ends);
		if (pthread_create(&threads[k], NULL, produce_all, &producers[k]) != 0)
			dp_die("could not start a thread");
	}
	for (k = 0; k < config.producers; k++)
		pthread_join(threads[k], NULL);
	if (fclose(manifest) != 0)
		dp_die("could not write \"%s\": %s", manifest_file, strerror(errno));
	print_totals(producers, config.producers, dp_now() - start);
	need_topic(&config, ends);
	if (ends_file != NULL)
		write_ends(ends_file, ends, config.partitions);
	return 0;
}
