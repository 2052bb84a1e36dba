/*-------------------------------------------------------------------------
 *
 * tool.h
 *	  What the Kafka test tools share: errors, options, seeds, text, hashes.
 *
 * The tools stand alone (no PostgreSQL), so that a test can use them before
 * there is a server and against a server that is down.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_TOOL_H
#define DP_TOOL_H

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* exit codes, the same in all tools */
#define DP_EXIT_FAILED		1	/* the broker or the file said no */
#define DP_EXIT_USAGE		2	/* wrong arguments */
#define DP_EXIT_UNKNOWN		3	/* cannot tell what the broker has stored */

#define DP_MAX_PAIRS		64	/* -X, -c and --header, each */

#define lengthof(a) (sizeof(a) / sizeof((a)[0]))

/* key=value pairs as they came on the command line */
typedef struct DpPairs
{
	int			n;
	char	   *key[DP_MAX_PAIRS];
	char	   *value[DP_MAX_PAIRS];
} DpPairs;

extern const char *dp_progname;

extern void dp_die(const char *fmt,...) __attribute__((format(printf, 1, 2), noreturn));
extern void dp_die_usage(const char *fmt,...) __attribute__((format(printf, 1, 2), noreturn));
extern void dp_warn(const char *fmt,...) __attribute__((format(printf, 1, 2)));

extern void *dp_alloc(size_t size);
extern char *dp_strdup(const char *s);
extern int64_t dp_int_arg(const char *what, const char *s, int64_t min, int64_t max);
extern double dp_ratio_arg(const char *what, const char *s, double min, double max);
extern void dp_pairs_add(DpPairs *pairs, const char *arg);

extern double dp_now(void);
extern void dp_sleep_ms(int ms);
extern void dp_catch_signals(void);
extern volatile int dp_stop;

/* Kafka handles */
extern const char *dp_bootstrap(const char *arg);
extern rd_kafka_t *dp_client(rd_kafka_type_t type, const char *bootstrap,
							 const DpPairs *defaults, const DpPairs *options,
							 void *opaque,
							 void (*dr_cb) (rd_kafka_t *, const rd_kafka_message_t *, void *));
extern int	dp_partition_count(rd_kafka_t *rk, const char *topic, int timeout_ms);
extern rd_kafka_resp_err_t dp_watermarks(rd_kafka_t *rk, const char *topic, int partition,
										 int64_t *low, int64_t *high, int timeout_ms);
extern bool dp_create_topic(rd_kafka_t *rk, const char *topic, int partitions,
							int replicas, const DpPairs *config,
							char *err, size_t errsize);

/* a seeded generator: splitmix64, the same numbers on every machine */
typedef struct DpRandom
{
	uint64_t	state;
} DpRandom;

extern void dp_random_seed(DpRandom *r, uint64_t seed, uint64_t stream);
extern uint64_t dp_random_next(DpRandom *r);
extern int64_t dp_random_below(DpRandom *r, int64_t n);
extern double dp_random_unit(DpRandom *r);

/* skewed choice of 0 .. n-1: 0 is the most frequent */
typedef struct DpZipf
{
	int			n;
	double	   *cumulative;
} DpZipf;

extern void dp_zipf_init(DpZipf *z, int n, double exponent);
extern int	dp_zipf_draw(const DpZipf *z, DpRandom *r);

extern void dp_sha256_hex(const void *data, size_t len, char out[65]);
extern uint64_t dp_fnv64(uint64_t h, const void *data, size_t len);
#define DP_FNV64_START UINT64_C(0xcbf29ce484222325)

#endif							/* DP_TOOL_H */
