/*-------------------------------------------------------------------------
 *
 * oracle_resolve.c
 *	  Ask the broker which messages it has, when an answer was lost.
 *
 * Called after a new producer with the same transactional id has been
 * initialised: the coordinator has then finished or aborted whatever its
 * predecessor had begun, so a read_committed reader sees the final outcome.
 *
 *-------------------------------------------------------------------------
 */
#include "oracle.h"

#define RESOLVE_TIMEOUT 300.0	/* seconds without any answer before giving up */

/* Every message of a run says who it is in a header, readable or not. */
static bool
identify(const DpOracleConfig *config, const rd_kafka_message_t *m, DpOracleMessage *id)
{
	rd_kafka_headers_t *headers;
	const void *value;
	size_t		size;
	size_t		run_len = strlen(config->run);
	char		text[256];
	long long	i;

	if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
		rd_kafka_header_get_last(headers, ORACLE_HEADER, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR ||
		size >= sizeof(text))
		return false;
	memcpy(text, value, size);
	text[size] = '\0';
	if (strncmp(text, config->run, run_len) != 0 ||
		sscanf(text + run_len, ":%d:%lld", &id->p, &i) != 2)
		return false;
	id->i = i;
	return id->p == m->partition;
}

/*
 * Mark the messages (sorted by p and i) that can be read from the given offset of each
 * partition on, and return how many.  -1: no certain answer to be had.
 */
int
dp_oracle_read_back(const DpOracleConfig *config, DpOracleMessage *messages, int n, const int64_t *from)
{
	DpPairs		defaults = {0};
	rd_kafka_t *rk;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(config->partitions);
	bool	   *ended = dp_alloc(sizeof(bool) * config->partitions);
	double		heard = dp_now();
	int			left;
	int			found = 0;
	int			m;

	dp_pairs_add(&defaults, "group.id=dp_oracle");
	dp_pairs_add(&defaults, "enable.auto.commit=false");
	dp_pairs_add(&defaults, "enable.partition.eof=true");
	dp_pairs_add(&defaults, "auto.offset.reset=error");
	dp_pairs_add(&defaults, "isolation.level=read_committed");
	rk = dp_client(RD_KAFKA_CONSUMER, config->bootstrap, &defaults, &config->options, NULL, NULL);
	rd_kafka_poll_set_consumer(rk);
	for (m = 0; m < n; m++)
	{
		messages[m].seen = false;
		if (m == 0 || messages[m].p != messages[m - 1].p)
			rd_kafka_topic_partition_list_add(list, config->topic, messages[m].p)->offset = from[messages[m].p];
	}
	rd_kafka_assign(rk, list);
	left = list->cnt;
	while (left > 0 && dp_now() - heard < RESOLVE_TIMEOUT)
	{
		rd_kafka_message_t *rkm = rd_kafka_consumer_poll(rk, 500);
		DpOracleMessage id,
				   *mine;

		if (rkm == NULL)
			continue;
		heard = dp_now();
		if (rkm->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		{
			left -= !ended[rkm->partition];
			ended[rkm->partition] = true;
		}
		else if (rkm->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
		{
			dp_warn("cannot read back: %s", rd_kafka_message_errstr(rkm));
			rd_kafka_message_destroy(rkm);
			break;
		}
		else if (rkm->err == RD_KAFKA_RESP_ERR_NO_ERROR && identify(config, rkm, &id) &&
				 (mine = bsearch(&id, messages, n, sizeof(*messages), dp_oracle_compare)) != NULL && !mine->seen)
		{
			mine->seen = true;
			found++;
		}
		rd_kafka_message_destroy(rkm);
	}
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	free(ended);
	return left == 0 ? found : -1;
}
