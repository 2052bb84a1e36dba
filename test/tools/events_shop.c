/*-------------------------------------------------------------------------
 *
 * events_shop.c
 *	  A small shop: customers come, click, order, pay, and some go.
 *
 * The story is consistent, so that pipelines have something to get right: the
 * amount of an order is the sum of its items, versions of an order count
 * upwards, the stock after an inventory event is the one before plus delta.
 * A late order event is held back until others, maybe of the same order, have
 * overtaken it; a late click comes from a phone that was offline, and tells
 * of a time long past.  Duplicates repeat a message byte for byte, with the
 * same event-id.
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <sys/time.h>
#include <time.h>

#include "events.h"

#define MAX_OPEN_ORDERS 4000
#define MAX_ITEMS 5
#define MAX_VALUE 1024
#define MAX_KEY 32
#define MAX_HELD 64
#define HELD_FOR 2000			/* messages that may overtake a late one */

/* Shares of what happens, of 1000 */
#define CLICKS_OF_1000 620
#define NEW_ORDERS_OF_1000 90
#define ORDER_STEPS_OF_1000 200
#define CUSTOMER_CHANGES_OF_1000 50

#define LATE_OF_1000 20
#define DUPLICATES_OF_1000 10
#define DELETED_OF_1000 40		/* of customer changes */

/* Simulated time begins here, unless the shop is live. */
#define SIMULATED_START INT64_C(1767225600000)	/* 2026-01-01 */

static const char *const topic_names[SHOP_TOPICS] = {"customers", "orders", "order_items", "inventory", "clicks"};
static const char *const kind_names[SHOP_KINDS] = {"new", "updates", "late", "duplicates", "malformed", "tombstones"};

typedef struct Customer
{
	bool		known;
	int			points;
	int			city;
	int			version;
} Customer;

typedef struct Product
{
	int			cents;
	int			stock;
} Product;

typedef struct Order
{
	int64_t		number;
	int			customer;
	int			status;
	int			items;
	int64_t		cents;
	int64_t		created;
	int			version;
} Order;

typedef struct Message
{
	char		key[MAX_KEY];
	char		value[MAX_VALUE];
	size_t		len;
	bool		tombstone;
	char		event_id[40];
	char		traceparent[64];
	int64_t		timestamp;
} Message;

typedef struct Shop
{
	DpEventsConfig *config;
	rd_kafka_t *rk;
	DpRandom	random;
	DpZipf		customer_zipf,
				product_zipf;
	Customer   *customers;
	Product    *products;
	Order		open[MAX_OPEN_ORDERS];
	int			n_open;
	int64_t		next_order;
	int64_t		next_session;
	bool		live;
	int64_t		clock;			/* simulated, ms */
	char		topic[SHOP_TOPICS][256];
	struct
	{
		Message		message;
		DpShopTopic topic;
		int64_t		until;		/* messages sent */
	}			held[MAX_HELD];
	int			n_held;
	uint64_t	trace[2];		/* of what happens now: one trace, several messages */
	int64_t		sent;
	int64_t		counts[SHOP_TOPICS][SHOP_KINDS];
	int64_t		bytes[SHOP_TOPICS];
	int64_t		delivered[SHOP_TOPICS];
	int64_t		failed;
} Shop;

enum
{
	CREATED, PAID, SHIPPED, DELIVERED, CANCELLED
};
static const char *const statuses[] = {"created", "paid", "shipped", "delivered", "cancelled"};
static const char *const cities[] = {"Berlin", "Gent", "Porto", "Kraków", "Lyon", "Malmö", "Napoli", "Utrecht"};
static const char *const countries[] = {"DE", "BE", "PT", "PL", "FR", "SE", "IT", "NL"};
static const char *const currencies[] = {"EUR", "EUR", "EUR", "PLN", "EUR", "SEK", "EUR", "EUR"};
static const char *const first_names[] = {"Ada", "Linus", "Grace", "Edsger", "Barbara", "Alan", "Radia", "Ken"};
static const char *const last_names[] = {"Meyer", "Janssens", "Silva", "Nowak", "Moreau", "Ek", "Russo", "de Vries"};
static const char *const segments[] = {"new", "regular", "loyal", "vip"};
static const char *const pages[] = {"/", "/search", "/product", "/product", "/product", "/cart", "/checkout", "/help"};
static const char *const actions[] = {"view", "view", "view", "view", "add_to_cart", "search", "scroll", "checkout"};
static const char *const agents[] = {"mobile-app/4.2", "Firefox/128", "Chrome/126", "Safari/17"};

static int64_t
shop_time(Shop *s)
{
	struct timeval tv;

	if (!s->live)
		return s->clock;
	gettimeofday(&tv, NULL);
	return tv.tv_sec * INT64_C(1000) + tv.tv_usec / 1000;
}

static const char *
iso_time(int64_t ms, char buf[32])
{
	time_t		t = ms / 1000;
	struct tm	tm;
	size_t		n;

	gmtime_r(&t, &tm);
	n = strftime(buf, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, 32 - n, ".%03dZ", (int) (ms % 1000));
	return buf;
}

static bool
chance(Shop *s, int of_1000)
{
	return dp_random_below(&s->random, 1000) < of_1000;
}


/* ---- sending ---- */

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	Shop	   *s = opaque;

	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		s->delivered[(intptr_t) m->_private]++;
	else if (s->failed++ == 0)
		dp_warn("could not deliver: %s", rd_kafka_err2str(m->err));
}

static void
send_message(Shop *s, DpShopTopic topic, const Message *m, DpShopKind kind)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
	rd_kafka_resp_err_t err;

	rd_kafka_header_add(headers, "event-id", -1, m->event_id, -1);
	rd_kafka_header_add(headers, "traceparent", -1, m->traceparent, -1);
	while ((err = rd_kafka_producev(s->rk, RD_KAFKA_V_TOPIC(s->topic[topic]),
									RD_KAFKA_V_KEY(m->key, strlen(m->key)),
									RD_KAFKA_V_VALUE(m->tombstone ? NULL : (void *) m->value, m->len),
									RD_KAFKA_V_TIMESTAMP(m->timestamp),
									RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
									RD_KAFKA_V_HEADERS(headers),
									RD_KAFKA_V_OPAQUE((void *) (intptr_t) topic),
									RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL && !dp_stop)
		rd_kafka_poll(s->rk, 10);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		rd_kafka_headers_destroy(headers);
		if (s->failed++ == 0)
			dp_warn("could not produce to topic \"%s\": %s", s->topic[topic], rd_kafka_err2str(err));
	}
	s->sent++;
	s->counts[topic][kind]++;
	s->bytes[topic] += m->len;
}

/* Make the JSON unreadable, in one of the ways that happen. */
static void
spoil(Shop *s, Message *m)
{
	switch (dp_random_below(&s->random, 4))
	{
		case 0:
			m->len = m->len * 2 / 3;	/* cut off */
			break;
		case 1:
			m->value[m->len - 1] = ',';	/* a brace is missing */
			break;
		case 2:
			m->value[m->len / 2] = (char) 0xff; /* not UTF-8 */
			break;
		default:
			m->len = snprintf(m->value, MAX_VALUE, "<html><body>502 Bad Gateway</body></html>");
	}
}

/* Send what has been held back long enough, or all of it. */
static void
release_held(Shop *s, bool all)
{
	int			n = 0;

	while (n < s->n_held)
	{
		if (!all && s->held[n].until > s->sent)
		{
			n++;
			continue;
		}
		send_message(s, s->held[n].topic, &s->held[n].message, KIND_LATE);
		s->held[n] = s->held[--s->n_held];
	}
}

/*
 * Send one event; a NULL format is a tombstone.  Whether it is spoiled, sent
 * twice or (an update of an order) held back is decided here.
 */
static void emit(Shop *s, DpShopTopic topic, DpShopKind kind, int64_t at, const char *key, const char *format,...)
__attribute__((format(printf, 6, 7)));

static void
emit(Shop *s, DpShopTopic topic, DpShopKind kind, int64_t at, const char *key, const char *format,...)
{
	Message		message;
	Message    *m = &message;
	uint64_t	id[2] = {dp_random_next(&s->random), dp_random_next(&s->random)};
	va_list		ap;

	snprintf(m->key, sizeof(m->key), "%s", key);
	m->tombstone = format == NULL;
	m->len = 0;
	if (format != NULL)
	{
		va_start(ap, format);
		m->len = vsnprintf(m->value, MAX_VALUE, format, ap);
		va_end(ap);
		if (m->len >= MAX_VALUE)
			dp_die("event for topic \"%s\" is too long", s->topic[topic]);
	}
	/* in simulated time the broker's clock rules: it may drop what is old */
	m->timestamp = s->live ? at : 0;
	snprintf(m->event_id, sizeof(m->event_id), "%08x-%04x-4%03x-8%03x-%012" PRIx64,
			 (unsigned) (id[0] >> 32), (unsigned) (id[0] >> 16) & 0xffff, (unsigned) id[0] & 0xfff,
			 (unsigned) (id[1] >> 52), id[1] & UINT64_C(0xffffffffffff));
	snprintf(m->traceparent, sizeof(m->traceparent), "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-01",
			 s->trace[0], s->trace[1], id[1] | 1);
	if (!m->tombstone && dp_random_unit(&s->random) < s->config->malformed)
	{
		spoil(s, m);
		kind = KIND_MALFORMED;
	}
	if (topic == SHOP_ORDERS && kind == KIND_UPDATE && s->n_held < MAX_HELD && chance(s, LATE_OF_1000))
	{
		s->held[s->n_held].message = message;
		s->held[s->n_held].topic = topic;
		s->held[s->n_held].until = s->sent + 1 + dp_random_below(&s->random, HELD_FOR);
		s->n_held++;
		return;
	}
	send_message(s, topic, m, kind);
	if (kind != KIND_MALFORMED && chance(s, DUPLICATES_OF_1000))
		send_message(s, topic, m, KIND_DUPLICATE);
}


/* ---- what happens in the shop ---- */

static void
customer_event(Shop *s, int n, DpShopKind kind)
{
	Customer   *c = &s->customers[n];
	char		key[MAX_KEY],
				at[32];
	int			city = (n + c->city) % lengthof(cities);

	c->known = true;
	c->version++;
	snprintf(key, sizeof(key), "C-%06d", n);
	emit(s, SHOP_CUSTOMERS, kind, shop_time(s), key,
		 "{\"customer_id\":\"%s\",\"name\":\"%s %s\",\"email\":\"c%d@example.org\",\"city\":\"%s\",\"country\":\"%s\","
		 "\"segment\":\"%s\",\"loyalty_points\":%d,\"version\":%d,\"updated_at\":\"%s\"}",
		 key, first_names[n % 8], last_names[n / 8 % 8], n, cities[city], countries[city],
		 segments[c->points > 900 ? 3 : c->points > 300 ? 2 : c->points > 0], c->points, c->version,
		 iso_time(shop_time(s), at));
}

/* A customer who buys has told who he is before. */
static int
some_customer(Shop *s)
{
	int			n = dp_zipf_draw(&s->customer_zipf, &s->random);

	if (!s->customers[n].known)
		customer_event(s, n, KIND_NEW);
	return n;
}

static void
change_customer(Shop *s)
{
	int			n = some_customer(s);
	char		key[MAX_KEY];

	if (chance(s, DELETED_OF_1000))
	{
		snprintf(key, sizeof(key), "C-%06d", n);
		emit(s, SHOP_CUSTOMERS, KIND_TOMBSTONE, shop_time(s), key, NULL);
		s->customers[n].known = false;
		s->customers[n].points = 0;
		return;
	}
	if (chance(s, 300))
		s->customers[n].city++;
	else
		s->customers[n].points += dp_random_below(&s->random, 100);
	customer_event(s, n, KIND_UPDATE);
}

static void
stock_event(Shop *s, int product, int delta, const char *reason, DpShopKind kind)
{
	char		key[MAX_KEY],
				at[32];

	s->products[product].stock += delta;
	snprintf(key, sizeof(key), "P-%05d", product);
	emit(s, SHOP_INVENTORY, kind, shop_time(s), key,
		 "{\"product_id\":\"%s\",\"warehouse\":\"W%d\",\"delta\":%d,\"reason\":\"%s\",\"stock\":%d,\"at\":\"%s\"}",
		 key, product % 3 + 1, delta, reason, s->products[product].stock, iso_time(shop_time(s), at));
}

static void
order_event(Shop *s, Order *o, DpShopKind kind)
{
	char		key[MAX_KEY],
				created[32],
				updated[32];
	int64_t		at = shop_time(s);

	o->version++;
	snprintf(key, sizeof(key), "O-%09" PRId64, o->number);
	emit(s, SHOP_ORDERS, kind, at, key,
		 "{\"order_id\":\"%s\",\"customer_id\":\"C-%06d\",\"status\":\"%s\",\"amount\":%" PRId64 ".%02d,\"currency\":\"%s\","
		 "\"items\":%d,\"version\":%d,\"created_at\":\"%s\",\"updated_at\":\"%s\"}",
		 key, o->customer, statuses[o->status], o->cents / 100, (int) (o->cents % 100), currencies[o->customer % 8],
		 o->items, o->version, iso_time(o->created, created), iso_time(at, updated));
}

static void
new_order(Shop *s)
{
	Order		o = {.number = s->next_order++,.customer = some_customer(s),.created = shop_time(s)};
	int			product[MAX_ITEMS],
				quantity[MAX_ITEMS];
	char		key[MAX_KEY];
	int			i;

	o.items = 1 + dp_random_below(&s->random, MAX_ITEMS);
	for (i = 0; i < o.items; i++)
	{
		product[i] = dp_zipf_draw(&s->product_zipf, &s->random);
		quantity[i] = 1 + dp_random_below(&s->random, 3);
		o.cents += (int64_t) quantity[i] * s->products[product[i]].cents;
	}
	order_event(s, &o, KIND_NEW);
	snprintf(key, sizeof(key), "O-%09" PRId64, o.number);
	for (i = 0; i < o.items; i++)
	{
		int			cents = s->products[product[i]].cents;

		emit(s, SHOP_ORDER_ITEMS, KIND_NEW, shop_time(s), key,
			 "{\"order_id\":\"%s\",\"line\":%d,\"product_id\":\"P-%05d\",\"quantity\":%d,\"unit_price\":%d.%02d}",
			 key, i + 1, product[i], quantity[i], cents / 100, cents % 100);
		stock_event(s, product[i], -quantity[i], "sale", KIND_UPDATE);
	}
	if (s->n_open < MAX_OPEN_ORDERS)
		s->open[s->n_open++] = o;
}

/* One open order makes one step: created, paid, shipped, delivered. */
static void
order_step(Shop *s)
{
	int			n;
	Order	   *o;

	if (s->n_open == 0)
	{
		new_order(s);
		return;
	}
	n = dp_random_below(&s->random, s->n_open);
	o = &s->open[n];
	if (o->status <= PAID && chance(s, o->status == CREATED ? 80 : 30))
		o->status = CANCELLED;
	else
		o->status++;
	order_event(s, o, KIND_UPDATE);
	if (o->status == DELIVERED)
		s->customers[o->customer].points += o->cents / 1000;
	if (o->status >= DELIVERED)
		*o = s->open[--s->n_open];
}

static void
restock(Shop *s)
{
	int			p = dp_zipf_draw(&s->product_zipf, &s->random);

	stock_event(s, p, 20 + dp_random_below(&s->random, 200), "delivery", KIND_UPDATE);
}

static void
click(Shop *s)
{
	int64_t		session = s->next_session - dp_random_below(&s->random, 50);
	int			what = dp_random_below(&s->random, 8);
	bool		late = chance(s, LATE_OF_1000);
	int64_t		at = shop_time(s) - (late ? 1000 * (30 + dp_random_below(&s->random, 3600)) : 0);
	char		key[MAX_KEY],
				customer[MAX_KEY] = "null",
				time_text[32];

	if (chance(s, 200))
		s->next_session++;
	if (session < 0)
		session = 0;
	if (session % 3 != 0)
		snprintf(customer, sizeof(customer), "\"C-%06d\"", (int) (session * 7919 % s->config->customers));
	snprintf(key, sizeof(key), "S-%010" PRId64, session);
	emit(s, SHOP_CLICKS, late ? KIND_LATE : KIND_NEW, at, key,
		 "{\"session_id\":\"%s\",\"customer_id\":%s,\"page\":\"%s\",\"action\":\"%s\",\"product_id\":\"P-%05d\","
		 "\"agent\":\"%s\",\"duration_ms\":%d,\"at\":\"%s\"}",
		 key, customer, pages[what], actions[what], dp_zipf_draw(&s->product_zipf, &s->random),
		 agents[session % 4], (int) dp_random_below(&s->random, 60000), iso_time(at, time_text));
}

static void
something_happens(Shop *s)
{
	int			what = dp_random_below(&s->random, 1000);

	s->clock += 1 + dp_random_below(&s->random, 40);
	s->trace[0] = dp_random_next(&s->random);
	s->trace[1] = dp_random_next(&s->random) | 1;
	if ((what -= CLICKS_OF_1000) < 0)
		click(s);
	else if ((what -= NEW_ORDERS_OF_1000) < 0)
		new_order(s);
	else if ((what -= ORDER_STEPS_OF_1000) < 0)
		order_step(s);
	else if ((what -= CUSTOMER_CHANGES_OF_1000) < 0)
		change_customer(s);
	else
		restock(s);
}


/* ---- the run ---- */

static void
open_shop(Shop *s, DpEventsConfig *config)
{
	DpPairs		defaults = {0};
	int			i;

	s->config = config;
	s->live = config->count == 0 || config->rate > 0;
	if (config->count == 0 && config->rate == 0)
		config->rate = 200;
	s->clock = SIMULATED_START;
	s->next_order = 1;
	dp_random_seed(&s->random, config->seed, 0);
	dp_zipf_init(&s->customer_zipf, config->customers, 0.9);
	dp_zipf_init(&s->product_zipf, config->products, 1.1);
	s->customers = dp_alloc(sizeof(Customer) * config->customers);
	s->products = dp_alloc(sizeof(Product) * config->products);

	dp_pairs_add(&defaults, "enable.idempotence=true");
	dp_pairs_add(&defaults, s->live ? "linger.ms=5" : "linger.ms=50");
	dp_pairs_add(&defaults, "queue.buffering.max.messages=500000");
	/* keys go where other clients would put them */
	dp_pairs_add(&defaults, "partitioner=murmur2_random");
	s->rk = dp_client(RD_KAFKA_PRODUCER, config->bootstrap, &defaults, &config->options, s, on_delivery);
	for (i = 0; i < SHOP_TOPICS; i++)
	{
		snprintf(s->topic[i], sizeof(s->topic[i]), "%s%s", config->prefix, topic_names[i]);
		dp_events_topic(s->rk, s->topic[i], config->partitions);
	}
	for (i = 0; i < config->products; i++)
	{
		s->products[i].cents = 199 + dp_random_below(&s->random, 20000);
		stock_event(s, i, 50 + dp_random_below(&s->random, 500), "opening", KIND_NEW);
	}
}

static void
print_summary(const Shop *s, double seconds)
{
	int64_t		total = 0;
	int			t,
				k;

	printf("%-12s %9s %9s", "topic", "messages", "bytes");
	for (k = 0; k < SHOP_KINDS; k++)
		printf(" %10s", kind_names[k]);
	putchar('\n');
	for (t = 0; t < SHOP_TOPICS; t++)
	{
		printf("%-12s %9" PRId64 " %9" PRId64, s->topic[t], s->delivered[t], s->bytes[t]);
		for (k = 0; k < SHOP_KINDS; k++)
			printf(" %10" PRId64, s->counts[t][k]);
		putchar('\n');
		total += s->delivered[t];
	}
	printf("%" PRId64 " messages in %.1f s, %.0f a second; %" PRId64 " not delivered\n",
		   total, seconds, total / seconds, s->failed);
}

int
dp_events_shop(DpEventsConfig *config)
{
	Shop	   *s = dp_alloc(sizeof(Shop));
	double		start = dp_now();
	double		live_since;
	int64_t		before;

	open_shop(s, config);
	live_since = dp_now();
	before = s->sent;
	while (!dp_stop && (config->count == 0 || s->sent < config->count) &&
		   (config->seconds == 0 || dp_now() - live_since < config->seconds))
	{
		something_happens(s);
		release_held(s, false);
		rd_kafka_poll(s->rk, 0);
		while (config->rate > 0 && !dp_stop &&
			   (s->sent - before) / config->rate > dp_now() - live_since)
			rd_kafka_poll(s->rk, 5);
	}
	release_held(s, true);
	/* a broker that is away now gets the time it needs, up to the message timeout */
	while (rd_kafka_flush(s->rk, 1000) != RD_KAFKA_RESP_ERR_NO_ERROR && dp_stop < 2)
	{
		if (dp_stop)
			dp_stop = 2;
	}
	if (!config->quiet)
		print_summary(s, dp_now() - start);
	rd_kafka_destroy(s->rk);
	return s->failed > 0 ? DP_EXIT_FAILED : 0;
}
