/*-------------------------------------------------------------------------
 *
 * events_bulk.c
 *	  Many messages of one shape, as fast as the broker takes them.
 *
 * A message is a template with some digits written over, so that making it
 * costs little beside sending it.
 *
 *-------------------------------------------------------------------------
 */
#include "events.h"

#define MAX_MARKS 32
#define MAX_MESSAGE 2048

typedef struct Shape
{
	const char *name;
	size_t		size;			/* padded with "x" at the last "@" to this */
	const char *text;			/* each "#" becomes a digit */
} Shape;

static const Shape shapes[] = {
	{"j200", 197,
		"{\"id\":1#########,\"user\":\"u-######\",\"action\":\"purchase\",\"amount\":1##.##,\"currency\":\"EUR\","
	"\"country\":\"DE\",\"device\":\"mobile\",\"ok\":true,\"ts\":\"2026-01-01T12:3#:4#.###Z\",\"note\":\"@\"}"},
	{"j1k", 976,
		"{\"id\":1#########,\"ts\":\"2026-01-01T12:3#:4#.###Z\",\"customer\":{\"id\":\"C-######\",\"name\":\"Ada Lovelace\","
		"\"email\":\"ada.######@example.org\",\"address\":{\"street\":\"Long Lane 1##\",\"city\":\"Gent\",\"zip\":\"9###\","
		"\"country\":\"BE\",\"geo\":{\"lat\":51.0####,\"lon\":3.7####}}},\"lines\":["
		"{\"sku\":\"P-####\",\"qty\":1,\"price\":1#.##,\"tags\":[\"new\",\"sale\"]},"
		"{\"sku\":\"P-####\",\"qty\":2,\"price\":2#.##,\"tags\":[]},"
		"{\"sku\":\"P-####\",\"qty\":3,\"price\":3#.##,\"tags\":[\"gift\"]},"
		"{\"sku\":\"P-####\",\"qty\":1,\"price\":4#.##,\"tags\":null}],"
		"\"payment\":{\"method\":\"card\",\"captured\":true,\"amount\":1##.##,\"currency\":\"EUR\"},"
		"\"shipping\":{\"carrier\":\"post\",\"eta_days\":3,\"insured\":false},"
	"\"meta\":{\"source\":\"web\",\"version\":3,\"trace\":\"################\"},\"note\":\"@\"}"},
	{"text200", 200,
	"2026-01-01T12:3#:4#.###Z INFO checkout-# request=########## user=u-###### path=/cart/add status=200 ms=## @"},
};

static const Shape *
find_shape(const char *name)
{
	int			i;

	for (i = 0; i < lengthof(shapes); i++)
	{
		if (strcmp(shapes[i].name, name) == 0)
			return &shapes[i];
	}
	dp_die_usage("unknown shape \"%s\": need j200, j1k or text200", name);
}

/* Where the runs of "#" are. */
typedef struct Template
{
	char		text[MAX_MESSAGE];
	size_t		len;
	int			n_marks;
	size_t		start[MAX_MARKS];
	int			digits[MAX_MARKS];
} Template;

static void
template_init(Template *t, const Shape *shape)
{
	const char *at = strrchr(shape->text, '@');	/* e-mail addresses have one, too */
	const char *s;
	size_t		plain = strlen(shape->text) - 1;
	size_t		i;

	memset(t, 0, sizeof(*t));
	for (s = shape->text; *s != '\0'; s++)
	{
		if (s != at)
			t->text[t->len++] = *s;
		else
		{
			for (i = plain; i < shape->size; i++)
				t->text[t->len++] = 'x';
		}
	}
	for (i = 0; i < t->len; i++)
	{
		if (t->text[i] != '#')
			continue;
		if (i == 0 || t->n_marks == 0 || t->start[t->n_marks - 1] + t->digits[t->n_marks - 1] != i)
		{
			if (t->n_marks == MAX_MARKS)
				dp_die("too many numbers in shape \"%s\"", shape->name);
			t->start[t->n_marks++] = i;
		}
		t->digits[t->n_marks - 1]++;
	}
}

/* The first number of a message counts; the others are random. */
static void
template_fill(Template *t, int64_t n, DpRandom *random)
{
	int			m;

	for (m = 0; m < t->n_marks; m++)
	{
		uint64_t	v = m == 0 ? (uint64_t) n : dp_random_next(random);
		char	   *p = t->text + t->start[m] + t->digits[m];
		int			d;

		for (d = 0; d < t->digits[m]; d++)
		{
			*--p = '0' + v % 10;
			v /= 10;
		}
	}
}

static int64_t failed;

static void
not_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && failed++ == 0)
		dp_warn("could not deliver: %s", rd_kafka_err2str(m->err));
}

static rd_kafka_t *
bulk_producer(DpEventsConfig *config)
{
	DpPairs		defaults = {0};
	char		text[64];

	dp_pairs_add(&defaults, "linger.ms=20");
	dp_pairs_add(&defaults, "batch.size=1000000");
	dp_pairs_add(&defaults, "queue.buffering.max.messages=2000000");
	dp_pairs_add(&defaults, "queue.buffering.max.kbytes=262144");
	dp_pairs_add(&defaults, "delivery.report.only.error=true");
	snprintf(text, sizeof(text), "batch.num.messages=%d", config->batch);
	dp_pairs_add(&defaults, text);
	return dp_client(RD_KAFKA_PRODUCER, config->bootstrap, &defaults, &config->options, NULL, not_delivered);
}

int
dp_events_bulk(DpEventsConfig *config)
{
	const Shape *shape = find_shape(config->shape);
	rd_kafka_t *rk = bulk_producer(config);
	rd_kafka_topic_t *topic;
	Template	t;
	DpRandom	random;
	double		start;
	int			partitions;
	int64_t		n;

	partitions = dp_events_topic(rk, config->topic, config->partitions);
	topic = rd_kafka_topic_new(rk, config->topic, NULL);
	template_init(&t, shape);
	dp_random_seed(&random, config->seed, 0);
	start = dp_now();
	for (n = 0; n < config->count && !dp_stop; n++)
	{
		/* stay with a partition for a batch: batches fill sooner */
		int			p = (n / config->batch) % partitions;

		template_fill(&t, n, &random);
		while (rd_kafka_produce(topic, p, RD_KAFKA_MSG_F_COPY, t.text, t.len, NULL, 0, NULL) == -1)
		{
			if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
				dp_die("could not produce to topic \"%s\": %s", config->topic, rd_kafka_err2str(rd_kafka_last_error()));
			rd_kafka_poll(rk, 5);
		}
		if (n % 1024 == 0)
			rd_kafka_poll(rk, 0);
	}
	while (rd_kafka_flush(rk, 1000) != RD_KAFKA_RESP_ERR_NO_ERROR && !dp_stop)
		;
	if (!config->quiet)
		printf("%s %s: %" PRId64 " messages of %zu bytes in %d partitions, %.2f s, %.0f a second\n",
			   config->topic, shape->name, n - failed, t.len, partitions, dp_now() - start, n / (dp_now() - start));
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return failed > 0 ? DP_EXIT_FAILED : 0;
}
