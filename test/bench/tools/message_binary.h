/*-------------------------------------------------------------------------
 *
 * message_binary.h
 *	  The bench's message in Avro and Protobuf, framed with a schema id.
 *
 * The same order i as message.h writes in JSON.  The schemas are in
 * ../lib/schemas.py; the fields are in their order here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BENCH_MESSAGE_BINARY_H
#define BENCH_MESSAGE_BINARY_H

#include "message.h"

/* Midnight of 2026-01-15 in UTC, milliseconds. */
#define MESSAGE_DAY_MS INT64_C(1768435200000)

typedef struct Order
{
	int64_t		order_id;
	int64_t		customer_id;
	const char *status;
	int64_t		cents;
	const char *currency;
	int			quantity;
	char		sku[16];
	char		email[40];
	int64_t		updated_at;
	int			paid;
} Order;

static inline void
order_fill(Order *o, uint64_t i)
{
	static const char *const status[] =
	{"created", "paid", "packed", "shipped", "delivered", "returned"};
	static const char *const currency[] = {"EUR", "USD", "GBP", "CHF"};
	uint64_t	r = message_random(i);

	o->order_id = (int64_t) (i + 100000);
	o->customer_id = (unsigned) (r % 50000);
	o->status = status[(r >> 16) % 6];
	o->cents = (int64_t) ((r >> 20) % 900 + 10) * 100 + (int64_t) ((r >> 32) % 100);
	o->currency = currency[(r >> 40) & 3];
	o->quantity = (int) ((r >> 42) % 9 + 1);
	snprintf(o->sku, sizeof(o->sku), "SKU-%06u", (unsigned) ((r >> 46) % 20000));
	snprintf(o->email, sizeof(o->email), "u%u@example.com", (unsigned) (r % 50000));
	o->updated_at = MESSAGE_DAY_MS + (int64_t) (i / 50 % 86400) * 1000;
	o->paid = (r >> 62) & 1;
}

static inline char *
put_plain(char *p, uint64_t v)
{
	while (v > 0x7f)
	{
		*p++ = (char) (v | 0x80);
		v >>= 7;
	}
	*p++ = (char) v;
	return p;
}

static inline char *
put_zigzag(char *p, int64_t v)
{
	return put_plain(p, (uint64_t) v << 1 ^ (uint64_t) (v >> 63));
}

static inline char *
put_prefix(char *p, int id)
{
	*p++ = 0;
	for (int shift = 24; shift >= 0; shift -= 8)
		*p++ = (char) (id >> shift);
	return p;
}

static inline char *
avro_string(char *p, const char *s)
{
	size_t		n = strlen(s);

	p = put_zigzag(p, (int64_t) n);
	memcpy(p, s, n);
	return p + n;
}

static inline int
message_write_avro(char *buf, uint64_t i, int id)
{
	Order		o;
	char	   *p = put_prefix(buf, id);

	order_fill(&o, i);
	p = put_zigzag(p, o.order_id);
	p = put_zigzag(p, o.customer_id);
	p = avro_string(p, o.status);
	/* a decimal: four bytes, most significant first */
	p = put_zigzag(p, 4);
	for (int shift = 24; shift >= 0; shift -= 8)
		*p++ = (char) (o.cents >> shift);
	p = avro_string(p, o.currency);
	p = put_zigzag(p, o.quantity);
	p = avro_string(p, o.sku);
	p = avro_string(p, o.email);
	p = put_zigzag(p, o.updated_at);
	*p++ = (char) o.paid;
	return (int) (p - buf);
}

static inline char *
protobuf_string(char *p, int field, const char *s)
{
	size_t		n = strlen(s);

	p = put_plain(p, (uint64_t) field << 3 | 2);
	p = put_plain(p, n);
	memcpy(p, s, n);
	return p + n;
}

static inline char *
protobuf_number(char *p, int field, uint64_t v)
{
	if (v == 0)
		return p;
	return put_plain(put_plain(p, (uint64_t) field << 3), v);
}

static inline int
message_write_protobuf(char *buf, uint64_t i, int id)
{
	Order		o;
	char		amount[24];
	char		at[40];
	unsigned	second = (unsigned) (i / 50 % 86400);
	char	   *p = put_prefix(buf, id);

	order_fill(&o, i);
	snprintf(amount, sizeof(amount), "%lld.%02d", (long long) (o.cents / 100), (int) (o.cents % 100));
	snprintf(at, sizeof(at), "2026-01-15T%02u:%02u:%02uZ", second / 3600, second / 60 % 60, second % 60);
	*p++ = 0;					/* the first message of the schema */
	p = protobuf_number(p, 1, (uint64_t) o.order_id);
	p = protobuf_number(p, 2, (uint64_t) o.customer_id);
	p = protobuf_string(p, 3, o.status);
	p = protobuf_string(p, 4, amount);
	p = protobuf_string(p, 5, o.currency);
	p = protobuf_number(p, 6, (uint64_t) o.quantity);
	p = protobuf_string(p, 7, o.sku);
	p = protobuf_string(p, 8, o.email);
	p = protobuf_string(p, 9, at);
	p = protobuf_number(p, 10, (uint64_t) o.paid);
	return (int) (p - buf);
}

#endif							/* BENCH_MESSAGE_BINARY_H */
