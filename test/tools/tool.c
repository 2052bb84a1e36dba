/*-------------------------------------------------------------------------
 *
 * tool.c
 *	  What the Kafka test tools share: errors, options, seeds, text, hashes.
 *
 * SHA-256 is here, rather than from a crypto library, so that the tools need
 * nothing beyond what the extension itself is built with.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

const char *dp_progname = "tool";
volatile int dp_stop = 0;

static void
complain(const char *fmt, va_list ap)
{
	fprintf(stderr, "%s: ", dp_progname);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void
dp_die(const char *fmt,...)
{
	va_list		ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	fflush(stdout);
	_exit(DP_EXIT_FAILED);
}

void
dp_die_usage(const char *fmt,...)
{
	va_list		ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try \"%s --help\".\n", dp_progname);
	_exit(DP_EXIT_USAGE);
}

void
dp_warn(const char *fmt,...)
{
	va_list		ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
}

void *
dp_alloc(size_t size)
{
	void	   *p = calloc(1, size > 0 ? size : 1);

	if (p == NULL)
		dp_die("out of memory");
	return p;
}

char *
dp_strdup(const char *s)
{
	char	   *copy = dp_alloc(strlen(s) + 1);

	strcpy(copy, s);
	return copy;
}

int64_t
dp_int_arg(const char *what, const char *s, int64_t min, int64_t max)
{
	char	   *end;
	long long	v;

	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || v < min || v > max)
		dp_die_usage("invalid %s \"%s\": need a whole number from %" PRId64 " to %" PRId64,
					 what, s, min, max);
	return v;
}

double
dp_ratio_arg(const char *what, const char *s, double min, double max)
{
	char	   *end;
	double		v;

	errno = 0;
	v = strtod(s, &end);
	if (errno != 0 || end == s || *end != '\0' || !(v >= min && v <= max))
		dp_die_usage("invalid %s \"%s\": need a number from %g to %g", what, s, min, max);
	return v;
}

/* Add one "key=value"; a value may hold further equal signs. */
void
dp_pairs_add(DpPairs *pairs, const char *arg)
{
	const char *eq = strchr(arg, '=');
	char	   *key;

	if (eq == NULL || eq == arg)
		dp_die_usage("invalid pair \"%s\": need key=value", arg);
	if (pairs->n == DP_MAX_PAIRS)
		dp_die_usage("too many key=value pairs: at most %d", DP_MAX_PAIRS);
	key = dp_strdup(arg);
	key[eq - arg] = '\0';
	pairs->key[pairs->n] = key;
	pairs->value[pairs->n] = dp_strdup(eq + 1);
	pairs->n++;
}

double
dp_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void
dp_sleep_ms(int ms)
{
	struct timespec ts = {ms / 1000, (ms % 1000) * 1000000L};

	nanosleep(&ts, NULL);
}

static void
on_signal(int signo)
{
	dp_stop = 1;
}

/* SIGTERM and SIGINT end the work in good order: see dp_stop. */
void
dp_catch_signals(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}


/* ---- Kafka handles ---- */

const char *
dp_bootstrap(const char *arg)
{
	if (arg == NULL)
		arg = getenv("DATAPLAT_KAFKA");
	if (arg == NULL || *arg == '\0')
		dp_die_usage("no broker given: use -b host:port or set DATAPLAT_KAFKA");
	return arg;
}

/*
 * Errors that the caller will see as a result are kept off the terminal;
 * what librdkafka only tells its log is shown with DP_TOOL_LOG=1.
 */
static void
quiet_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	if (getenv("DP_TOOL_LOG") != NULL)
		dp_warn("%s: %s", rd_kafka_err2name(err), reason);
}

static void
set_pairs(rd_kafka_conf_t *conf, const DpPairs *pairs)
{
	char		err[512];
	int			i;

	for (i = 0; pairs != NULL && i < pairs->n; i++)
	{
		if (rd_kafka_conf_set(conf, pairs->key[i], pairs->value[i], err,
							  sizeof(err)) != RD_KAFKA_CONF_OK)
			dp_die_usage("cannot set Kafka option \"%s\": %s", pairs->key[i], err);
	}
}

/*
 * Make a client: the tool's defaults first, then what the user gave with -X.
 */
rd_kafka_t *
dp_client(rd_kafka_type_t type, const char *bootstrap,
		  const DpPairs *defaults, const DpPairs *options, void *opaque,
		  void (*dr_cb) (rd_kafka_t *, const rd_kafka_message_t *, void *))
{
	static const char *const always[][2] = {
		{"socket.keepalive.enable", "true"},
		{"reconnect.backoff.ms", "50"},
		{"reconnect.backoff.max.ms", "500"},
		{"log.connection.close", "false"},
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	char		err[512];
	int			i;

	for (i = 0; i < lengthof(always); i++)
		rd_kafka_conf_set(conf, always[i][0], always[i][1], err, sizeof(err));
	if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, err, sizeof(err)) != RD_KAFKA_CONF_OK)
		dp_die_usage("invalid broker \"%s\": %s", bootstrap, err);
	set_pairs(conf, defaults);
	set_pairs(conf, options);
	if (getenv("DP_TOOL_LOG") == NULL)
		rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_conf_set_error_cb(conf, quiet_error);
	rd_kafka_conf_set_opaque(conf, opaque);
	if (dr_cb != NULL)
		rd_kafka_conf_set_dr_msg_cb(conf, dr_cb);
	rk = rd_kafka_new(type, conf, err, sizeof(err));
	if (rk == NULL)
		dp_die("could not make a Kafka client: %s", err);
	return rk;
}

/*
 * Number of partitions of a topic: 0 when there is no such topic, -1 when no
 * broker answered in time.
 */
int
dp_partition_count(rd_kafka_t *rk, const char *topic, int timeout_ms)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
	int			n = 0;

	if (rd_kafka_metadata(rk, 0, rkt, &md, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
		n = -1;
	else
	{
		if (md->topic_cnt == 1 && md->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
			n = md->topics[0].partition_cnt;
		rd_kafka_metadata_destroy(md);
	}
	rd_kafka_topic_destroy(rkt);
	return n;
}

/* One of the ends of a partition; asked as offsets_for_times, which keeps its timeout. */
static rd_kafka_resp_err_t
list_offset(rd_kafka_t *rk, const char *topic, int partition, int64_t which,
			int64_t *offset, int timeout_ms)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t err;

	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = which;
	err = rd_kafka_offsets_for_times(rk, list, timeout_ms);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		err = list->elems[0].err;
	*offset = list->elems[0].offset;
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR && *offset < 0)
		err = RD_KAFKA_RESP_ERR__NO_OFFSET;
	rd_kafka_topic_partition_list_destroy(list);
	return err;
}

/*
 * First and end offset of a partition.  A broker that has just started, or
 * just made the topic, may not know yet that it leads it: ask again.
 *
 * rd_kafka_query_watermark_offsets would wait for ever for a broker that is
 * down (librdkafka 2.0.2).
 */
rd_kafka_resp_err_t
dp_watermarks(rd_kafka_t *rk, const char *topic, int partition,
			  int64_t *low, int64_t *high, int timeout_ms)
{
	double		end = dp_now() + timeout_ms / 1000.0;
	rd_kafka_resp_err_t err;

	for (;;)
	{
		err = list_offset(rk, topic, partition, RD_KAFKA_OFFSET_BEGINNING, low, timeout_ms);
		if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
			err = list_offset(rk, topic, partition, RD_KAFKA_OFFSET_END, high, timeout_ms);
		if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
			dp_now() > end)
			return err;
		dp_sleep_ms(50);
	}
}

/*
 * Create a topic and wait until the broker tells of it.  False, with the
 * reason in err, when that could not be done; an existing topic is an error.
 */
bool
dp_create_topic(rd_kafka_t *rk, const char *topic, int partitions, int replicas,
				const DpPairs *config, char *err, size_t errsize)
{
	rd_kafka_NewTopic_t *new;
	rd_kafka_AdminOptions_t *options;
	rd_kafka_queue_t *queue;
	rd_kafka_event_t *event;
	const rd_kafka_topic_result_t **results;
	size_t		n = 0;
	bool		ok = false;
	int			i;

	err[0] = '\0';
	new = rd_kafka_NewTopic_new(topic, partitions, replicas, err, errsize);
	if (new == NULL)
		return false;
	for (i = 0; config != NULL && i < config->n; i++)
		rd_kafka_NewTopic_set_config(new, config->key[i], config->value[i]);
	options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_AdminOptions_set_request_timeout(options, 30000, NULL, 0);
	rd_kafka_AdminOptions_set_operation_timeout(options, 20000, NULL, 0);
	queue = rd_kafka_queue_new(rk);
	rd_kafka_CreateTopics(rk, &new, 1, options, queue);
	event = rd_kafka_queue_poll(queue, 40000);
	if (event == NULL)
		snprintf(err, errsize, "no answer from the broker");
	else if (rd_kafka_event_error(event))
		snprintf(err, errsize, "%s", rd_kafka_event_error_string(event));
	else
	{
		results = rd_kafka_CreateTopics_result_topics(
													  rd_kafka_event_CreateTopics_result(event), &n);
		if (n != 1)
			snprintf(err, errsize, "the broker answered for %zu topics", n);
		else if (rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
			snprintf(err, errsize, "%s", rd_kafka_topic_result_error_string(results[0]) != NULL ?
					 rd_kafka_topic_result_error_string(results[0]) :
					 rd_kafka_err2str(rd_kafka_topic_result_error(results[0])));
		else
			ok = true;
	}
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy(new);

	for (i = 0; ok && i < 200; i++)
	{
		if (dp_partition_count(rk, topic, 5000) == partitions)
			return true;
		dp_sleep_ms(50);
	}
	if (ok)
		snprintf(err, errsize, "created, but not in the metadata after 10 s");
	return false;
}


/* ---- seeded numbers ---- */

uint64_t
dp_random_next(DpRandom *r)
{
	uint64_t	z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* One seed gives many independent streams. */
void
dp_random_seed(DpRandom *r, uint64_t seed, uint64_t stream)
{
	r->state = seed;
	r->state = dp_random_next(r) ^ (stream * UINT64_C(0xd6e8feb86659fd93));
	(void) dp_random_next(r);
}

int64_t
dp_random_below(DpRandom *r, int64_t n)
{
	return (int64_t) (dp_random_next(r) % (uint64_t) n);
}

double
dp_random_unit(DpRandom *r)
{
	return (dp_random_next(r) >> 11) * (1.0 / 9007199254740992.0);
}

void
dp_zipf_init(DpZipf *z, int n, double exponent)
{
	double		sum = 0;
	int			i;

	z->n = n;
	z->cumulative = dp_alloc(sizeof(double) * n);
	for (i = 0; i < n; i++)
		z->cumulative[i] = (sum += 1.0 / pow(i + 1, exponent));
	for (i = 0; i < n; i++)
		z->cumulative[i] /= sum;
}

int
dp_zipf_draw(const DpZipf *z, DpRandom *r)
{
	double		u = dp_random_unit(r);
	int			low = 0,
				high = z->n - 1;

	while (low < high)
	{
		int			mid = (low + high) / 2;

		if (z->cumulative[mid] < u)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}


/* ---- hashes ---- */

uint64_t
dp_fnv64(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len-- > 0)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

static const uint32_t sha_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

#define ROR(x, n) (((x) >> (n)) | ((x) << (32 - (n))))

static void
sha256_block(uint32_t state[8], const unsigned char *block)
{
	uint32_t	w[64],
				s[8];
	int			i;

	for (i = 0; i < 16; i++)
		w[i] = (uint32_t) block[4 * i] << 24 | (uint32_t) block[4 * i + 1] << 16 |
			(uint32_t) block[4 * i + 2] << 8 | block[4 * i + 3];
	for (; i < 64; i++)
		w[i] = (ROR(w[i - 2], 17) ^ ROR(w[i - 2], 19) ^ (w[i - 2] >> 10)) + w[i - 7] +
			(ROR(w[i - 15], 7) ^ ROR(w[i - 15], 18) ^ (w[i - 15] >> 3)) + w[i - 16];
	memcpy(s, state, sizeof(s));
	for (i = 0; i < 64; i++)
	{
		uint32_t	t1 = s[7] + (ROR(s[4], 6) ^ ROR(s[4], 11) ^ ROR(s[4], 25)) +
			((s[4] & s[5]) ^ (~s[4] & s[6])) + sha_k[i] + w[i];
		uint32_t	t2 = (ROR(s[0], 2) ^ ROR(s[0], 13) ^ ROR(s[0], 22)) +
			((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof(s[0]));
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		state[i] += s[i];
}

void
dp_sha256_hex(const void *data, size_t len, char out[65])
{
	uint32_t	state[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
	};
	const unsigned char *p = data;
	unsigned char tail[128];
	size_t		rest = len % 64,
				padded = rest < 56 ? 64 : 128;
	size_t		done;
	int			i;

	for (done = 0; done + 64 <= len; done += 64)
		sha256_block(state, p + done);
	memset(tail, 0, sizeof(tail));
	if (rest > 0)
		memcpy(tail, p + done, rest);
	tail[rest] = 0x80;
	for (i = 0; i < 8; i++)
		tail[padded - 1 - i] = (unsigned char) (((uint64_t) len * 8) >> (8 * i));
	for (done = 0; done < padded; done += 64)
		sha256_block(state, tail + done);
	for (i = 0; i < 32; i++)
	{
		static const char hex[] = "0123456789abcdef";
		unsigned char b = state[i / 4] >> (24 - 8 * (i % 4));

		out[2 * i] = hex[b >> 4];
		out[2 * i + 1] = hex[b & 15];
	}
	out[64] = '\0';
}
