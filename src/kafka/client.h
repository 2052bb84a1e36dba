/*-------------------------------------------------------------------------
 *
 * client.h
 *	  A librdkafka client that is safe to hold inside a backend.
 *
 * A client belongs to a memory context: when the context goes, the client is
 * destroyed with it.  Library threads run only our connect guard, which is
 * plain C; errors and log lines come through a queue that the backend's main
 * thread serves.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_CLIENT_H
#define DP_KAFKA_CLIENT_H

#include "kafka/settings.h"

typedef enum DpKafkaClientKind
{
	DP_KAFKA_CONSUMER,
	DP_KAFKA_PRODUCER
} DpKafkaClientKind;

typedef struct DpKafkaClient DpKafkaClient;

/*
 * Make a client in CurrentMemoryContext.  "overrides" is a NULL-terminated
 * list name, value, name, value ... that is set after the settings; a name
 * that starts with '?' is skipped when this librdkafka does not know it.
 * Raises an error when librdkafka refuses a value.
 */
extern DpKafkaClient *dp_kafka_client_create(DpKafkaClientKind kind,
											 const DpKafkaSettings *settings,
											 const char *const *overrides);
extern void dp_kafka_client_destroy(DpKafkaClient *client);

/* Take errors and log lines off the queue; never waits. */
extern void dp_kafka_client_serve(DpKafkaClient *client);

/*
 * The newest error since the last dp_kafka_client_clear_error, secrets
 * removed, or NULL.  "code" gets librdkafka's number.
 */
extern const char *dp_kafka_client_error(DpKafkaClient *client, int *code);
extern void dp_kafka_client_clear_error(DpKafkaClient *client);

/*
 * True when, since the last dp_kafka_client_clear_error, an error came that a
 * client which has never worked need not wait out: all brokers are down, a
 * login or handshake failed, or our own guard refused the address.
 */
extern bool dp_kafka_client_is_hopeless(DpKafkaClient *client);

/* Is that error a refusal of our own connect guard (hint DP_HOSTGUARD_HINT)? */
extern bool dp_kafka_client_was_refused(DpKafkaClient *client);

/*
 * Run fn(rk, arg) on a thread of its own and wait for it on the latch, so
 * that a blocking librdkafka call can be interrupted.  fn must not touch the
 * server: no palloc, no ereport.  "arg" must be malloc'd; free_arg frees it
 * (with all it holds) if the wait is left early by an error.  Returns false
 * when stop_requested (may be NULL) said to give up.
 */
typedef void (*DpKafkaTaskFn) (void *rk, void *arg);
extern bool dp_kafka_client_run(DpKafkaClient *client, DpKafkaTaskFn fn,
								void *arg, void (*free_arg) (void *),
								bool (*stop_requested) (void));

/*
 * How many clients of this process could not be destroyed.  A worker that
 * has one should end: memory and threads of it stay until then.
 */
extern int	dp_kafka_clients_left(void);

extern const char *dp_kafka_error_text(int code);

#endif							/* DP_KAFKA_CLIENT_H */
