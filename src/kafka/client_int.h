/*-------------------------------------------------------------------------
 *
 * client_int.h
 *	  What the files of the kafka room share about a client.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_CLIENT_INT_H
#define DP_KAFKA_CLIENT_INT_H

#include <librdkafka/rdkafka.h>

#include "common/hostguard.h"
#include "kafka/client.h"

#define DP_KAFKA_ERROR_LEN 512

struct DpKafkaClient
{
	rd_kafka_t *rk;
	rd_kafka_queue_t *main_queue;	/* errors, log lines, delivery reports */
	DpHostGuard *guard;
	DpKafkaSettings *settings;	/* for redaction */
	MemoryContext context;
	pid_t		pid;			/* a client must not cross a fork */
	int			error_code;
	bool		refused;		/* the error is our own guard's */
	char		error[DP_KAFKA_ERROR_LEN];
	bool		hopeless;		/* see dp_kafka_client_is_hopeless */
	/* if set, sees each event of the main queue before it is served */
	void		(*on_event) (void *arg, rd_kafka_event_t *event);
	void	   *on_event_arg;
	int			task_fd;		/* eventfd that wakes the waiter of a task */
	struct DpKafkaTask *task;	/* running or abandoned */
	struct DpKafkaClient *next_busy;	/* in the list of those left with a task */
};

#endif							/* DP_KAFKA_CLIENT_INT_H */
