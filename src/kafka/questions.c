/*-------------------------------------------------------------------------
 *
 * questions.c
 *	  Ask a broker for topics, offsets and what a group has committed.
 *
 * librdkafka answers these with calls that block, so each runs as a task on a
 * thread of its own (client.c).  What the thread touches is malloc'd.
 *
 * Offsets by position use the ListOffsets request for all partitions at once:
 * librdkafka passes the timestamps -1 and -2, which Kafka defines as latest
 * and earliest, through unchanged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "regex/regex.h"
#include "utils/builtins.h"

#include "kafka/client_int.h"
#include "kafka/consumer.h"

#define SEPARATORS ", "			/* of names of topics */

PG_FUNCTION_INFO_V1(dp_means_topic);

extern PGDLLEXPORT Datum dp_means_topic(PG_FUNCTION_ARGS);

typedef struct MetadataQuestion
{
	int			timeout_ms;
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t err;
} MetadataQuestion;

static void
ask_metadata(void *rk, void *arg)
{
	MetadataQuestion *q = arg;

	q->err = rd_kafka_metadata(rk, 1, NULL, &q->metadata, q->timeout_ms);
}

static void
free_metadata_question(void *arg)
{
	MetadataQuestion *q = arg;

	if (q->metadata)
		rd_kafka_metadata_destroy(q->metadata);
	free(q);
}

static void
add_topic(DpTopicInfo **topics, int *n, int *cap, const char *name,
		  int partitions, int error)
{
	if (*n == *cap)
	{
		*cap = *cap ? *cap * 2 : 8;
		*topics = *topics ? repalloc(*topics, sizeof(DpTopicInfo) * *cap)
			: palloc(sizeof(DpTopicInfo) * *cap);
	}
	(*topics)[*n].name = pstrdup(name);
	(*topics)[*n].partitions = partitions;
	(*topics)[*n].error = error;
	(*n)++;
}

/* What stands between the slashes, of whole names unless it has an anchor itself; NULL: names. */
static text *
regex_of(const char *pattern)
{
	size_t		len = strlen(pattern);
	char	   *body;
	bool		anchored;

	if (len <= 2 || pattern[0] != '/' || pattern[len - 1] != '/')
		return NULL;
	body = pnstrdup(pattern + 1, len - 2);
	anchored = body[0] == '^' || body[len - 3] == '$';
	return cstring_to_text(anchored ? body : psprintf("^(?:%s)$", body));
}

static bool
matches(const char *topic, text *regex)
{
	if (strncmp(topic, "__", 2) == 0)
		return false;			/* internal topics are never meant */
	return DatumGetBool(DirectFunctionCall2Coll(textregexeq, DEFAULT_COLLATION_OID,
												CStringGetTextDatum(topic), PointerGetDatum(regex)));
}

static void
match_topics(const struct rd_kafka_metadata *md, text *regex, DpTopicInfo **topics, int *n, int *cap)
{
	for (int i = 0; i < md->topic_cnt; i++)
	{
		const struct rd_kafka_metadata_topic *t = &md->topics[i];

		if (t->err == RD_KAFKA_RESP_ERR_NO_ERROR && matches(t->topic, regex))
			add_topic(topics, n, cap, t->topic, t->partition_cnt, 0);
	}
}

/* Each name of a comma-separated list, found or not. */
static void
name_topics(const struct rd_kafka_metadata *md, const char *pattern,
			DpTopicInfo **topics, int *n, int *cap)
{
	char	   *list = pstrdup(pattern);
	char	   *save = NULL;

	for (char *name = strtok_r(list, SEPARATORS, &save); name; name = strtok_r(NULL, SEPARATORS, &save))
	{
		const struct rd_kafka_metadata_topic *found = NULL;

		for (int i = 0; i < md->topic_cnt && found == NULL; i++)
			if (strcmp(md->topics[i].topic, name) == 0)
				found = &md->topics[i];
		if (found == NULL)
			add_topic(topics, n, cap, name, 0, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
		else if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR)
			add_topic(topics, n, cap, name, 0, found->err);
		else
			add_topic(topics, n, cap, name, found->partition_cnt, 0);
	}
}

Datum
dp_means_topic(PG_FUNCTION_ARGS)
{
	char	   *pattern = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *topic = text_to_cstring(PG_GETARG_TEXT_PP(1));
	text	   *regex = regex_of(pattern);
	char	   *save = NULL;

	if (regex != NULL)
		PG_RETURN_BOOL(matches(topic, regex));
	for (char *name = strtok_r(pattern, SEPARATORS, &save); name; name = strtok_r(NULL, SEPARATORS, &save))
	{
		if (strcmp(name, topic) == 0)
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

DpTopicInfo *
dp_kafka_topics(DpKafkaClient *client, const char *pattern, int timeout_ms,
				bool (*stop) (void), int *n, int *error)
{
	MetadataQuestion *q = calloc(1, sizeof(MetadataQuestion));
	DpTopicInfo *topics = NULL;
	text	   *regex;
	int			cap = 0;

	*n = 0;
	*error = 0;
	if (q == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	q->timeout_ms = timeout_ms;
	if (!dp_kafka_client_run(client, ask_metadata, q, free_metadata_question, stop))
	{
		*error = RD_KAFKA_RESP_ERR__DESTROY;
		return NULL;
	}
	if (q->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		*error = q->err;
	else if ((regex = regex_of(pattern)) != NULL)
		match_topics(q->metadata, regex, &topics, n, &cap);
	else
		name_topics(q->metadata, pattern, &topics, n, &cap);
	free_metadata_question(q);
	return topics;
}

typedef struct OffsetQuestion
{
	int			timeout_ms;
	bool		committed;		/* ask the group instead of the log */
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t err;
} OffsetQuestion;

static void
ask_offsets(void *rk, void *arg)
{
	OffsetQuestion *q = arg;

	q->err = q->committed ? rd_kafka_committed(rk, q->list, q->timeout_ms)
		: rd_kafka_offsets_for_times(rk, q->list, q->timeout_ms);
}

static void
free_offset_question(void *arg)
{
	OffsetQuestion *q = arg;

	if (q->list)
		rd_kafka_topic_partition_list_destroy(q->list);
	free(q);
}

static int
run_offset_question(DpKafkaClient *client, DpTopicPartition *partitions, int n,
					bool committed, int timeout_ms, bool (*stop) (void))
{
	OffsetQuestion *q;
	int			err;

	if (n == 0)
		return 0;
	q = calloc(1, sizeof(OffsetQuestion));
	if (q == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	q->timeout_ms = timeout_ms;
	q->committed = committed;
	q->list = rd_kafka_topic_partition_list_new(n);
	for (int i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(q->list, partitions[i].topic,
										  partitions[i].partition)->offset = partitions[i].offset;
	if (!dp_kafka_client_run(client, ask_offsets, q, free_offset_question, stop))
		return RD_KAFKA_RESP_ERR__DESTROY;
	err = q->err;
	for (int i = 0; err == 0 && i < n; i++)
	{
		rd_kafka_topic_partition_t *p;

		p = rd_kafka_topic_partition_list_find(q->list, partitions[i].topic,
											   partitions[i].partition);
		partitions[i].error = p->err;
		partitions[i].offset = p->offset;
		partitions[i].metadata = p->metadata_size > 0 ? pnstrdup(p->metadata, p->metadata_size) : NULL;
	}
	free_offset_question(q);
	return err;
}

int
dp_kafka_list_offsets(DpKafkaClient *client, DpTopicPartition *partitions,
					  int n, int timeout_ms, bool (*stop) (void))
{
	return run_offset_question(client, partitions, n, false, timeout_ms, stop);
}

int
dp_kafka_committed(DpKafkaClient *client, DpTopicPartition *partitions,
				   int n, int timeout_ms, bool (*stop) (void))
{
	return run_offset_question(client, partitions, n, true, timeout_ms, stop);
}
