/*-------------------------------------------------------------------------
 *
 * position.c
 *	  From the words of start_from and seek_source to offsets.
 *
 * A position is earliest, latest, a timestamp, an interval ago with a leading
 * minus, or a JSON object partition -> offset (or topic -> such an object).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "common/hostguard.h"
#include "ingest/ingest.h"
#include "kafka/errors.h"

/* How long a broker may take to answer, milliseconds. */
#define DP_OFFSETS_TIMEOUT_MS 5000

void
dp_kafka_throw(DpKafkaClient *client, const char *server, int error)
{
	const char *text;
	int			code = 0;
	const DpKafkaErrorInfo *info;

	/* the client's own error tells more than "timed out" */
	dp_kafka_client_serve(client);
	text = dp_kafka_client_error(client, &code);
	if (text == NULL)
	{
		code = error;
		text = dp_kafka_error_text(error);
	}
	if (dp_kafka_client_was_refused(client))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("could not connect to Kafka server \"%s\": %s", server, text),
				 errhint("%s", DP_HOSTGUARD_HINT)));
	info = dp_kafka_error_info_for(code, text);
	ereport(ERROR,
			(errcode(info->sqlerrcode),
			 errmsg("could not ask Kafka server \"%s\": %s", server, info->reason),
			 errdetail("%s", text),
			 info->hint ? errhint("%s", info->hint) : 0));
}

/* Milliseconds since 1970 of a timestamp or of an interval ago. */
static int64
parse_time(const char *position)
{
	const int64 epoch_us = ((int64) POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	TimestampTz at;

	if (position[0] == '-')
	{
		Datum		ago = DirectFunctionCall3(interval_in, CStringGetDatum(position + 1),
											  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));

		at = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
													 TimestampTzGetDatum(GetCurrentTimestamp()), ago));
	}
	else
		at = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(position),
													 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a position must be a finite time")));
	return (at + epoch_us) / 1000;
}

static int64
jsonb_offset(JsonbValue *v, const char *position)
{
	if (v->type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("offsets in position \"%s\" must be numbers", position)));
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v->val.numeric)));
}

/* The offset that a map names for a partition, or DP_OFFSET_BEGINNING. */
static int64
map_offset(Jsonb *map, const char *topic, int partition, const char *position)
{
	JsonbContainer *c = &map->root;
	JsonbValue	key,
			   *v;
	char		number[16];

	key.type = jbvString;
	key.val.string.val = (char *) topic;
	key.val.string.len = strlen(topic);
	v = findJsonbValueFromContainer(c, JB_FOBJECT, &key);
	if (v && v->type == jbvBinary)
		c = v->val.binary.data;
	snprintf(number, sizeof(number), "%d", partition);
	key.val.string.val = number;
	key.val.string.len = strlen(number);
	v = findJsonbValueFromContainer(c, JB_FOBJECT, &key);
	return v ? jsonb_offset(v, position) : DP_OFFSET_BEGINNING;
}

DpTopicPartition *
dp_resolve_position(DpKafkaClient *client, const DpTopicInfo *topics, int ntopics,
					const char *position, bool (*stop) (void), int *n)
{
	DpTopicPartition *out;
	int			total = 0;
	int			err;
	Jsonb	   *map = NULL;
	int64		ask = 0;

	for (int t = 0; t < ntopics; t++)
		total += topics[t].partitions;
	out = palloc0(sizeof(DpTopicPartition) * Max(total, 1));
	if (strcmp(position, "earliest") == 0)
		ask = DP_OFFSET_BEGINNING;
	else if (strcmp(position, "latest") == 0)
		ask = DP_OFFSET_END;
	else if (position[0] == '{')
		map = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(position)));
	else
		ask = parse_time(position);

	*n = 0;
	for (int t = 0; t < ntopics; t++)
		for (int p = 0; p < topics[t].partitions; p++)
		{
			out[*n].topic = topics[t].name;
			out[*n].partition = p;
			out[*n].offset = map ? map_offset(map, topics[t].name, p, position) : ask;
			(*n)++;
		}

	/* offsets that the map names are taken as they are */
	if (map)
	{
		DpTopicPartition *open = palloc(sizeof(DpTopicPartition) * Max(*n, 1));
		int			nopen = 0;

		for (int i = 0; i < *n; i++)
			if (out[i].offset < 0)
				open[nopen++] = out[i];
		err = dp_kafka_list_offsets(client, open, nopen, DP_OFFSETS_TIMEOUT_MS, stop);
		if (err == 0)
			for (int i = 0, o = 0; i < *n; i++)
				if (out[i].offset < 0)
					out[i] = open[o++];
	}
	else
		err = dp_kafka_list_offsets(client, out, *n, DP_OFFSETS_TIMEOUT_MS, stop);
	for (int i = 0; err == 0 && i < *n; i++)
		err = out[i].error;
	if (err != 0)
		dp_kafka_throw(client, "", err);

	/* a time past the last message: the end of the log then */
	for (int i = 0; i < *n; i++)
		if (out[i].offset == DP_OFFSET_END)
		{
			err = dp_kafka_list_offsets(client, &out[i], 1, DP_OFFSETS_TIMEOUT_MS, stop);
			if (err != 0 || out[i].error != 0)
				dp_kafka_throw(client, "", err ? err : out[i].error);
		}
	return out;
}
