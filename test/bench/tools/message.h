/*-------------------------------------------------------------------------
 *
 * message.h
 *	  The message every contestant of the bench reads.
 *
 * A flat JSON order of ten fields, about 200 bytes.  Message i is the same
 * in every run and on every machine, so files made from one topic fit
 * another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGE_MAX 512

/* splitmix64: one good number for each index, whatever was asked before. */
static inline uint64_t
message_random(uint64_t i)
{
	uint64_t	z = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Write message i; returns its length.  The buffer has MESSAGE_MAX bytes. */
static inline int
message_write(char *buf, uint64_t i)
{
	static const char *const status[] =
	{"created", "paid", "packed", "shipped", "delivered", "returned"};
	static const char *const currency[] = {"EUR", "USD", "GBP", "CHF"};
	uint64_t	r = message_random(i);
	unsigned	second = (unsigned) (i / 50 % 86400);

	return snprintf(buf, MESSAGE_MAX,
					"{\"order_id\":%llu,\"customer_id\":%u,\"status\":\"%s\","
					"\"amount\":%u.%02u,\"currency\":\"%s\",\"quantity\":%u,"
					"\"sku\":\"SKU-%06u\",\"email\":\"u%u@example.com\","
					"\"updated_at\":\"2026-01-15T%02u:%02u:%02uZ\",\"paid\":%s}",
					(unsigned long long) (i + 100000),
					(unsigned) (r % 50000), status[(r >> 16) % 6],
					(unsigned) ((r >> 20) % 900 + 10), (unsigned) ((r >> 32) % 100),
					currency[(r >> 40) & 3], (unsigned) ((r >> 42) % 9 + 1),
					(unsigned) ((r >> 46) % 20000), (unsigned) (r % 50000),
					second / 3600, second / 60 % 60, second % 60,
					(r >> 62) & 1 ? "true" : "false");
}

/* Microseconds on the clock of this machine. */
static inline int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline void
die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

#endif
