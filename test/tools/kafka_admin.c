/*-------------------------------------------------------------------------
 *
 * kafka_admin.c
 *	  Commands of dp_kafka about topics and offsets.
 *
 *-------------------------------------------------------------------------
 */
#include "kafka_cmd.h"

static rd_kafka_t *
admin_client(DpCommandLine *cl)
{
	return dp_client(RD_KAFKA_PRODUCER, cl->bootstrap, NULL, &cl->client, NULL, NULL);
}

static int
timeout_ms(const DpCommandLine *cl)
{
	return (int) (cl->timeout * 1000);
}

static rd_kafka_AdminOptions_t *
admin_options(rd_kafka_t *rk, DpCommandLine *cl, rd_kafka_admin_op_t op)
{
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, op);

	rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms(cl), NULL, 0);
	if (op != RD_KAFKA_ADMIN_OP_ALTERCONFIGS)
		rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms(cl), NULL, 0);
	return options;
}

/* The answer to an admin request; a failure of the request itself ends here. */
static rd_kafka_event_t *
admin_answer(DpCommandLine *cl, rd_kafka_queue_t *queue)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms(cl) + 1000);

	if (event == NULL)
		dp_die("no answer from the broker within %g s", cl->timeout);
	if (rd_kafka_event_error(event))
		dp_die("%s", rd_kafka_event_error_string(event));
	return event;
}

static void
check_topic_results(const rd_kafka_topic_result_t **results, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		rd_kafka_resp_err_t err = rd_kafka_topic_result_error(results[i]);
		const char *why = rd_kafka_topic_result_error_string(results[i]);

		if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
			dp_die("topic \"%s\": %s", rd_kafka_topic_result_name(results[i]),
				   why != NULL ? why : rd_kafka_err2str(err));
	}
}

/* Wait until the metadata shows so many partitions (0: no topic). */
static void
wait_partitions(rd_kafka_t *rk, DpCommandLine *cl, const char *topic, int partitions)
{
	double		end = dp_now() + cl->timeout;
	int			n = -1;

	do
	{
		n = dp_partition_count(rk, topic, 1000);
		if (partitions > 0 ? n >= partitions : n == 0)
			return;
		dp_sleep_ms(50);
	} while (dp_now() < end && !dp_stop);
	if (n < 0)
		dp_die("no broker answered within %g s", cl->timeout);
	dp_die("topic \"%s\" has %d partitions after %g s", topic, n, cl->timeout);
}

int
dp_cmd_topic_create(DpCommandLine *cl)
{
	rd_kafka_t *rk = admin_client(cl);
	char		err[512];

	if (!dp_create_topic(rk, cl->arg[0], dp_int_arg("number of partitions", cl->arg[1], 1, 100000),
						 cl->replicas, &cl->config, err, sizeof(err)))
		dp_die("could not create topic \"%s\": %s", cl->arg[0], err);
	rd_kafka_destroy(rk);
	return 0;
}

int
dp_cmd_topic_delete(DpCommandLine *cl)
{
	rd_kafka_t *rk = admin_client(cl);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(cl->arg[0]);
	rd_kafka_AdminOptions_t *options = admin_options(rk, cl, RD_KAFKA_ADMIN_OP_DELETETOPICS);
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *event;
	size_t		n;

	rd_kafka_DeleteTopics(rk, &topic, 1, options, queue);
	event = admin_answer(cl, queue);
	results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
	check_topic_results(results, n);
	rd_kafka_event_destroy(event);
	wait_partitions(rk, cl, cl->arg[0], 0);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_DeleteTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	return 0;
}

int
dp_cmd_topic_add_partitions(DpCommandLine *cl)
{
	int			total = dp_int_arg("number of partitions", cl->arg[1], 1, 100000);
	rd_kafka_t *rk = admin_client(cl);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	char		err[512];
	rd_kafka_NewPartitions_t *new = rd_kafka_NewPartitions_new(cl->arg[0], total, err, sizeof(err));
	rd_kafka_AdminOptions_t *options = admin_options(rk, cl, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *event;
	size_t		n;

	if (new == NULL)
		dp_die("%s", err);
	rd_kafka_CreatePartitions(rk, &new, 1, options, queue);
	event = admin_answer(cl, queue);
	results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &n);
	check_topic_results(results, n);
	rd_kafka_event_destroy(event);
	wait_partitions(rk, cl, cl->arg[0], total);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewPartitions_destroy(new);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	return 0;
}

/* AlterConfigs is all this library has: settings not named return to default. */
int
dp_cmd_topic_config(DpCommandLine *cl)
{
	rd_kafka_t *rk = admin_client(cl);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, cl->arg[0]);
	rd_kafka_AdminOptions_t *options = admin_options(rk, cl, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
	const rd_kafka_ConfigResource_t **results;
	rd_kafka_event_t *event;
	size_t		n,
				i;

	for (i = 0; i < cl->config.n; i++)
		rd_kafka_ConfigResource_set_config(resource, cl->config.key[i], cl->config.value[i]);
	rd_kafka_AlterConfigs(rk, &resource, 1, options, queue);
	event = admin_answer(cl, queue);
	results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &n);
	for (i = 0; i < n; i++)
	{
		if (rd_kafka_ConfigResource_error(results[i]) != RD_KAFKA_RESP_ERR_NO_ERROR)
			dp_die("topic \"%s\": %s", cl->arg[0], rd_kafka_ConfigResource_error_string(results[i]));
	}
	rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	return 0;
}

int
dp_cmd_delete_records(DpCommandLine *cl)
{
	rd_kafka_t *rk = admin_client(cl);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_AdminOptions_t *options = admin_options(rk, cl, RD_KAFKA_ADMIN_OP_DELETERECORDS);
	const rd_kafka_topic_partition_list_t *offsets;
	rd_kafka_DeleteRecords_t *request;
	rd_kafka_event_t *event;
	int			i;

	rd_kafka_topic_partition_list_add(list, cl->arg[0], dp_int_arg("partition", cl->arg[1], 0, INT32_MAX))
		->offset = strcmp(cl->arg[2], "end") == 0 ? RD_KAFKA_OFFSET_END :
		dp_int_arg("offset", cl->arg[2], 0, INT64_MAX);
	request = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(rk, &request, 1, options, queue);
	event = admin_answer(cl, queue);
	offsets = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
	for (i = 0; i < offsets->cnt; i++)
	{
		if (offsets->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
			dp_die("partition %" PRId32 " of topic \"%s\": %s", offsets->elems[i].partition,
				   offsets->elems[i].topic, rd_kafka_err2str(offsets->elems[i].err));
		printf("%" PRId32 " %" PRId64 "\n", offsets->elems[i].partition, offsets->elems[i].offset);
	}
	rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	return 0;
}

static void
print_topic(const struct rd_kafka_metadata_topic *topic)
{
	int			p,
				i;

	if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		printf("topic %s error %s\n", topic->topic, rd_kafka_err2name(topic->err));
	for (p = 0; p < topic->partition_cnt; p++)
	{
		const struct rd_kafka_metadata_partition *part = &topic->partitions[p];

		printf("partition %s %" PRId32 " leader %" PRId32 " replicas ", topic->topic, part->id, part->leader);
		for (i = 0; i < part->replica_cnt; i++)
			printf("%s%" PRId32, i ? "," : "", part->replicas[i]);
		printf(" isr ");
		for (i = 0; i < part->isr_cnt; i++)
			printf("%s%" PRId32, i ? "," : "", part->isrs[i]);
		printf(" %s\n", part->err ? rd_kafka_err2name(part->err) : "ok");
	}
}

int
dp_cmd_metadata(DpCommandLine *cl)
{
	rd_kafka_t *rk = admin_client(cl);
	rd_kafka_topic_t *rkt = cl->nargs > 0 ? rd_kafka_topic_new(rk, cl->arg[0], NULL) : NULL;
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;
	bool		missing = false;
	int			i;

	err = rd_kafka_metadata(rk, rkt == NULL, rkt, &md, timeout_ms(cl));
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		dp_die("could not get metadata: %s", rd_kafka_err2str(err));
	for (i = 0; i < md->broker_cnt; i++)
		printf("broker %" PRId32 " %s:%d\n", md->brokers[i].id, md->brokers[i].host, md->brokers[i].port);
	for (i = 0; i < md->topic_cnt; i++)
	{
		print_topic(&md->topics[i]);
		if (md->topics[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
			missing = true;
	}
	rd_kafka_metadata_destroy(md);
	if (rkt != NULL)
		rd_kafka_topic_destroy(rkt);
	rd_kafka_destroy(rk);
	return missing ? DP_EXIT_FAILED : 0;
}

int
dp_cmd_wait_topic(DpCommandLine *cl)
{
	int			partitions = cl->nargs > 1 ? dp_int_arg("number of partitions", cl->arg[1], 1, 100000) : 1;
	rd_kafka_t *rk = admin_client(cl);

	wait_partitions(rk, cl, cl->arg[0], cl->gone ? 0 : partitions);
	rd_kafka_destroy(rk);
	return 0;
}

static int
need_partitions(rd_kafka_t *rk, DpCommandLine *cl, const char *topic)
{
	int			n = dp_partition_count(rk, topic, timeout_ms(cl));

	if (n < 0)
		dp_die("no broker answered within %g s", cl->timeout);
	if (n == 0)
		dp_die("topic \"%s\" does not exist", topic);
	return n;
}

/* The end is the last stable offset, or the high watermark with --uncommitted. */
int
dp_cmd_offsets(DpCommandLine *cl)
{
	DpPairs		defaults = {0};
	rd_kafka_t *rk;
	int			n,
				p;

	dp_pairs_add(&defaults, cl->uncommitted ? "isolation.level=read_uncommitted" : "isolation.level=read_committed");
	dp_pairs_add(&defaults, "group.id=dp_kafka");
	rk = dp_client(RD_KAFKA_CONSUMER, cl->bootstrap, &defaults, &cl->client, NULL, NULL);
	n = need_partitions(rk, cl, cl->arg[0]);
	for (p = 0; p < n; p++)
	{
		int64_t		low,
					high;
		rd_kafka_resp_err_t err = dp_watermarks(rk, cl->arg[0], p, &low, &high, timeout_ms(cl));

		if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
			dp_die("partition %d of topic \"%s\": %s", p, cl->arg[0], rd_kafka_err2str(err));
		printf("%d %" PRId64 " %" PRId64 "\n", p, low, high);
	}
	rd_kafka_destroy(rk);
	return 0;
}

static rd_kafka_t *
group_client(DpCommandLine *cl, const char *group)
{
	DpPairs		defaults = {0};

	defaults.key[0] = "group.id";
	defaults.value[0] = (char *) group;
	defaults.n = 1;
	dp_pairs_add(&defaults, "enable.auto.commit=false");
	return dp_client(RD_KAFKA_CONSUMER, cl->bootstrap, &defaults, &cl->client, NULL, NULL);
}

int
dp_cmd_group_commit(DpCommandLine *cl)
{
	rd_kafka_t *rk = group_client(cl, cl->arg[0]);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t err;

	rd_kafka_topic_partition_list_add(list, cl->arg[1], dp_int_arg("partition", cl->arg[2], 0, INT32_MAX))
		->offset = dp_int_arg("offset", cl->arg[3], 0, INT64_MAX);
	err = rd_kafka_commit(rk, list, 0);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		err = list->elems[0].err;
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		dp_die("could not commit: %s", rd_kafka_err2str(err));
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(rk);
	return 0;
}

int
dp_cmd_group_offsets(DpCommandLine *cl)
{
	rd_kafka_t *rk = group_client(cl, cl->arg[0]);
	int			n = need_partitions(rk, cl, cl->arg[1]);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
	rd_kafka_resp_err_t err;
	int			p;

	for (p = 0; p < n; p++)
		rd_kafka_topic_partition_list_add(list, cl->arg[1], p);
	err = rd_kafka_committed(rk, list, timeout_ms(cl));
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		dp_die("could not read the offsets of group \"%s\": %s", cl->arg[0], rd_kafka_err2str(err));
	for (p = 0; p < n; p++)
		printf("%" PRId32 " %" PRId64 "\n", list->elems[p].partition, list->elems[p].offset);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(rk);
	return 0;
}
