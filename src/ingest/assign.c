/*-------------------------------------------------------------------------
 *
 * assign.c
 *	  Which partitions this worker reads, from where, and whether that is safe.
 *
 * Partitions are shared out by number, not by a consumer group: partition p
 * of a topic belongs to worker (hash(topic) + p) mod workers.  Taking over
 * writes a new owner epoch into the offset rows, which fences whoever had
 * them before.
 *
 * Before the first fetch each partition is compared with what the broker has
 * (the classes of data loss, dataplat.data_loss_event).  The hard case is a
 * topic that was deleted and made again and is longer than our offset: no
 * error tells of it.  Two witnesses do.  The anchor: the last stored message
 * is fetched once more and must be the same.  The sentinel: an offset that we
 * committed to the group, which the broker forgets together with the topic;
 * when it is gone and the anchor cannot be read, the topic is not trusted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/catalog.h"
#include "ingest/breadcrumb.h"
#include "ingest/hold.h"
#include "ingest/ingest.h"
#include "kafka/errors.h"
#include "launcher/launcher.h"
#include "telemetry/partition_stats.h"

/* A topic that is missing for this long was deleted, seconds. */
#define DP_MISSING_GRACE_S 30

/* UNKNOWN_TOPIC_OR_PART of the Kafka protocol. */
#define DP_KAFKA_UNKNOWN_TOPIC 3

/* How long a broker may take to answer, milliseconds. */
#define DP_METADATA_TIMEOUT_MS 3000
#define DP_OFFSETS_TIMEOUT_MS 5000

/* Asked about once a second while messages flow, so it must not hold them up long. */
#define DP_CONFIRM_TIMEOUT_MS 1000

static MemoryContext context_before;
static bool in_own_transaction;

/*
 * Open a transaction, unless we are called inside a user's, and SPI.  finish()
 * comes back to the caller's context.
 */
static void
begin(void)
{
	context_before = CurrentMemoryContext;
	in_own_transaction = !IsTransactionState();
	if (in_own_transaction)
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
	}
	SPI_connect();
}

static void
finish(void)
{
	SPI_finish();
	if (in_own_transaction)
	{
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	MemoryContextSwitchTo(context_before);
}

static int
run_sql(const char *sql, int nargs, Oid *types, Datum *values, bool read_only)
{
	int			rc = SPI_execute_with_args(sql, nargs, types, values, NULL, read_only, 0);

	if (rc < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(rc));
	return (int) SPI_processed;
}

static Datum
result_datum(int row, int col, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, isnull);
}

static int64
result_int8(int row, int col, int64 if_null)
{
	bool		isnull;
	Datum		d = result_datum(row, col, &isnull);

	return isnull ? if_null : DatumGetInt64(d);
}

/*
 * Write a row for every partition that has none.  A topic that the source
 * never saw begins at start_from; a partition added to a known topic begins
 * at its first message, because everything in it came after us.  All workers
 * do this for all partitions, so the outcome does not depend on who is first.
 */
static void
insert_new_partitions(DpIngest *in, bool (*stop) (void))
{
	Oid			types[3] = {TEXTOID, TEXTOID, INT4OID};
	Datum		values[3];
	bool		first_time;

	begin();
	values[0] = CStringGetTextDatum(in->source->name);
	run_sql("SELECT 1 FROM dataplat_internal.source_offset AS o WHERE o.source = $1 LIMIT 1",
			1, types, values, true);
	first_time = SPI_processed == 0;
	finish();

	for (int t = 0; t < in->ntopics; t++)
	{
		DpTopicInfo *topic = &in->topics[t];
		int			known;
		int			n;
		DpTopicPartition *from;
		bool		new_topic;
		MemoryContext old = MemoryContextSwitchTo(in->context);

		if (topic->error != 0 || topic->partitions == 0)
		{
			MemoryContextSwitchTo(old);
			continue;
		}
		begin();
		values[0] = CStringGetTextDatum(in->source->name);
		values[1] = CStringGetTextDatum(topic->name);
		values[2] = Int32GetDatum(topic->partitions);
		run_sql("SELECT count(*) FILTER (WHERE o.partition < $3), count(*) FROM dataplat_internal.source_offset AS o"
				" WHERE o.source = $1 AND o.topic = $2", 3, types, values, true);
		known = (int) result_int8(0, 1, 0);
		new_topic = result_int8(0, 2, 0) == 0;
		finish();
		MemoryContextSwitchTo(in->context);
		if (known >= topic->partitions)
		{
			MemoryContextSwitchTo(old);
			continue;
		}
		from = dp_resolve_position(dp_consumer_client(in->consumer), topic, 1,
								   new_topic && first_time ? in->source->start_from : "earliest",
								   stop, &n);
		begin();
		for (int p = 0; p < n; p++)
		{
			Oid			ins_types[4] = {TEXTOID, TEXTOID, INT4OID, INT8OID};
			bool		lost = !new_topic && from[p].offset > 0;
			/* even if 0 is gone already */
			int64		offset = new_topic ? from[p].offset : 0;
			Datum		ins[4] = {CStringGetTextDatum(in->source->name), CStringGetTextDatum(topic->name), Int32GetDatum(p), Int64GetDatum(offset)};

			run_sql("INSERT INTO dataplat_internal.source_offset (source, topic, partition, next_offset, first_offset)"
					" VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING", 4, ins_types, ins, false);
			if (lost && SPI_processed > 0)
				ereport(LOG,
						(errmsg("partition %d of topic \"%s\" was added and does not begin at offset 0",
								p, topic->name)));
		}
		finish();
		MemoryContextSwitchTo(old);
	}
}

static int
worker_of(const char *topic, int partition, int workers)
{
	uint32		h = hash_bytes((const unsigned char *) topic, strlen(topic));

	return (int) ((h + (uint32) partition) % (uint32) workers);
}

/* Become the owner of this worker's rows and read them; a topic that is read no more keeps its place. */
static void
take_over(DpIngest *in, int workers)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];
	int			n;

	begin();
	run_sql("SELECT pg_catalog.nextval('dataplat_internal.owner_epoch_seq'::pg_catalog.regclass)",
			0, NULL, NULL, false);
	in->owner_epoch = result_int8(0, 1, 0);
	values[0] = CStringGetTextDatum(in->source->name);
	values[1] = CStringGetTextDatum(in->install_uuid);
	n = run_sql("SELECT o.topic, o.partition, o.next_offset, o.generation, o.anchor_offset,"
				" o.anchor_timestamp, o.anchor_crc, COALESCE(o.sentinel = $2, false), o.state <> 'ok'"
				" FROM dataplat_internal.source_offset AS o WHERE o.source = $1"
				" AND dataplat_internal.means_topic((SELECT s.topic FROM dataplat.source AS s WHERE s.name = $1), o.topic)"
				" ORDER BY o.topic, o.partition FOR UPDATE", 2, types, values, false);
	in->parts = MemoryContextAllocZero(in->context, sizeof(DpPartition) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		char	   *topic = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		bool		isnull;
		int			partition = DatumGetInt32(result_datum(i, 2, &isnull));
		DpPartition *p;

		if (worker_of(topic, partition, workers) != in->worker_no)
			continue;
		p = &in->parts[in->nparts++];
		p->topic = MemoryContextStrdup(in->context, topic);
		p->partition = partition;
		p->next_offset = result_int8(i, 3, 0);
		p->generation = DatumGetInt32(result_datum(i, 4, &isnull));
		p->anchor.offset = result_int8(i, 5, -1);
		p->anchor.timestamp = result_int8(i, 6, -1);
		p->anchor.crc = (uint32) result_int8(i, 7, 0);
		p->newest = p->anchor;
		p->sentinel = DatumGetBool(result_datum(i, 8, &isnull));
		p->stopped = DatumGetBool(result_datum(i, 9, &isnull));
		p->low = p->stable = p->high = -1;
		p->reported = -1;
		p->stats = dp_partition_stats_claim(MyDatabaseId, in->source->source_id, topic, partition);
	}
	for (int i = 0; i < in->nparts; i++)
	{
		Oid			up_types[4] = {TEXTOID, TEXTOID, INT4OID, INT8OID};
		Datum		up[4] = {values[0], CStringGetTextDatum(in->parts[i].topic), Int32GetDatum(in->parts[i].partition), Int64GetDatum(in->owner_epoch)};

		run_sql("UPDATE dataplat_internal.source_offset AS o SET owner_epoch = $4"
				" WHERE o.source = $1 AND o.topic = $2 AND o.partition = $3", 4, up_types, up, false);
	}
	finish();
}

void
dp_ingest_data_loss(DpIngest *in, int part, const char *class, int64 from,
					int64 to, const char *evidence)
{
	DpPartition *p = &in->parts[part];
	Oid			types[7] = {TEXTOID, TEXTOID, INT4OID, TEXTOID, INT8OID, INT8OID, TEXTOID};
	Datum		values[7];

	if (!p->stopped)
		in->nstopped++;
	p->stopped = true;
	begin();
	values[0] = CStringGetTextDatum(in->source->name);
	values[1] = CStringGetTextDatum(p->topic);
	values[2] = Int32GetDatum(p->partition);
	values[3] = CStringGetTextDatum(class);
	values[4] = Int64GetDatum(from);
	values[5] = Int64GetDatum(to);
	values[6] = CStringGetTextDatum(evidence);
	run_sql("INSERT INTO dataplat.data_loss_event (source, topic, partition, class, from_offset, to_offset, evidence)"
			" SELECT $1, $2, $3, $4, $5, NULLIF($6, -1), $7::pg_catalog.jsonb"
			" WHERE NOT EXISTS (SELECT 1 FROM dataplat.data_loss_event AS e"
			" WHERE e.source = $1 AND e.topic = $2 AND e.partition = $3 AND e.resolved_at IS NULL)",
			7, types, values, false);
	run_sql("UPDATE dataplat_internal.source_offset AS o SET state = 'data_loss'"
			" WHERE o.source = $1 AND o.topic = $2 AND o.partition = $3", 3, types, values, false);
	finish();
	ereport(WARNING,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("source \"%s\" stopped reading topic \"%s\" partition %d: %s",
					in->source->name, p->topic, p->partition, class),
			 errhint("See dataplat.data_loss_event; accept_data_loss() says how to go on.")));
}

/*
 * The first offset and the committed end of each partition, from the broker,
 * in two requests.  Returns 0 or librdkafka's code; partitions with an error
 * of their own keep what they had.
 */
static int
ask_offsets(DpIngest *in, bool (*stop) (void))
{
	DpKafkaClient *client = dp_consumer_client(in->consumer);
	DpTopicPartition *tp = palloc0(sizeof(DpTopicPartition) * Max(in->nparts, 1));
	int			worst = 0;

	for (int what = 0; what < 2 && worst == 0; what++)
	{
		int			n = 0;

		for (int i = 0; i < in->nparts; i++)
		{
			if (in->parts[i].stopped)
				continue;
			tp[n].topic = in->parts[i].topic;
			tp[n].partition = in->parts[i].partition;
			tp[n].error = 0;
			tp[n++].offset = what == 0 ? DP_OFFSET_BEGINNING : DP_OFFSET_END;
		}
		worst = dp_kafka_list_offsets(client, tp, n, DP_OFFSETS_TIMEOUT_MS, stop);
		n = 0;
		for (int i = 0; worst == 0 && i < in->nparts; i++)
		{
			DpPartition *p = &in->parts[i];

			if (p->stopped)
				continue;
			if (tp[n].error != 0)
				worst = tp[n].error;
			else if (what == 0)
				p->low = tp[n].offset;
			else
				p->stable = tp[n].offset;
			n++;
		}
	}
	pfree(tp);
	return worst;
}

/*
 * Has the broker forgotten the offset that we committed to the group?  Sets
 * gone for each partition, and "reported" where the group has an offset.
 * Returns false when there was no answer (or no right to ask).
 */
static bool
ask_sentinels(DpIngest *in, int timeout_ms, bool (*stop) (void))
{
	DpTopicPartition *tp = palloc0(sizeof(DpTopicPartition) * Max(in->nparts, 1));
	int			err;

	for (int i = 0; i < in->nparts; i++)
	{
		tp[i].topic = in->parts[i].topic;
		tp[i].partition = in->parts[i].partition;
		tp[i].offset = DP_OFFSET_NONE;
		tp[i].error = 0;
	}
	err = dp_kafka_committed(dp_consumer_client(in->consumer), tp, in->nparts, timeout_ms, stop);
	for (int i = 0; err == 0 && i < in->nparts; i++)
	{
		if (tp[i].error != 0)
			continue;
		in->parts[i].gone = in->parts[i].sentinel && tp[i].offset == DP_OFFSET_NONE;
		if (tp[i].offset != DP_OFFSET_NONE)
			in->parts[i].reported = tp[i].offset;
		/* our own mark stood there; whoever wrote over it is alive */
		if (in->parts[i].told && dp_beacon_is_older_stranger(tp[i].metadata, in->install_uuid))
			in->foreign = true;
	}
	pfree(tp);
	return err == 0;
}

/* Compare what we have with what the broker has, partition by partition. */
static void
check_positions(DpIngest *in, bool (*stop) (void))
{
	bool		any_sentinel = false;

	for (int i = 0; i < in->nparts; i++)
		any_sentinel |= in->parts[i].sentinel;
	if (any_sentinel)
		(void) ask_sentinels(in, DP_OFFSETS_TIMEOUT_MS, stop);
	for (int i = 0; i < in->nparts; i++)
	{
		DpPartition *p = &in->parts[i];

		if (p->stopped)
			continue;
		dp_partition_stats_set(p->stats, p->low, -1, p->stable, p->next_offset >= p->stable);
		if (p->low > p->next_offset)
			dp_ingest_data_loss(in, i, p->next_offset == 0 && p->anchor.offset < 0
								? "PARTITION_ADDED_NOT_AT_ZERO" : "START_OFFSET_RESET",
								p->next_offset, p->low,
								psprintf("{\"next_offset\": " INT64_FORMAT ", \"log_start_offset\": " INT64_FORMAT
										 ", \"end_offset\": " INT64_FORMAT "}",
										 p->next_offset, p->low, p->stable));
		else if (p->stable < p->next_offset)
			dp_ingest_data_loss(in, i, "OFFSET_BEYOND_END", p->stable, -1,
								psprintf("{\"next_offset\": " INT64_FORMAT ", \"end_offset\": " INT64_FORMAT
										 ", \"log_start_offset\": " INT64_FORMAT "}",
										 p->next_offset, p->stable, p->low));
		else if (p->anchor.offset >= p->low && p->anchor.offset < p->next_offset)
			p->verify = true;
		else if (p->gone && (p->next_offset == 0 || p->anchor.offset < 0))
			p->sentinel = p->gone = false;	/* nothing read, nothing to lose */
		else if (p->gone)
			dp_ingest_data_loss(in, i, "ANCHOR_MISMATCH", p->low, p->next_offset,
								"{\"sentinel\": \"the offset committed to the group is gone\", "
								"\"anchor\": \"no longer in the log\"}");
	}
}

/*
 * The broker does not have the partition's topic.  That may be a broker that
 * is just starting, or a topic that is being made again, so it is a deletion
 * only when it lasts.  Returns true then.
 */
static bool
is_missing_for_good(DpIngest *in, const DpPartition *p)
{
	Oid			types[4] = {TEXTOID, TEXTOID, INT4OID, INT4OID};
	Datum		values[4];
	bool		isnull;
	bool		for_good;

	values[0] = CStringGetTextDatum(in->source->name);
	values[1] = CStringGetTextDatum(p->topic);
	values[2] = Int32GetDatum(p->partition);
	values[3] = Int32GetDatum(DP_MISSING_GRACE_S);
	begin();
	run_sql("UPDATE dataplat_internal.source_offset AS o"
			" SET missing_since = COALESCE(o.missing_since, pg_catalog.clock_timestamp())"
			" WHERE o.source = $1 AND o.topic = $2 AND o.partition = $3"
			" RETURNING pg_catalog.clock_timestamp() - o.missing_since > $4 * interval '1 second'",
			4, types, values, false);
	for_good = SPI_processed > 0 && DatumGetBool(result_datum(0, 1, &isnull));
	finish();
	return for_good;
}

/*
 * A topic that is there again: forget that it was missing.  Written off as
 * deleted, or accepted as such, it is a new topic under the old name.
 */
static void
note_present(DpIngest *in, const DpTopicInfo *topic)
{
	Oid			types[3] = {TEXTOID, TEXTOID, INT4OID};
	Datum		values[3] = {CStringGetTextDatum(in->source->name), CStringGetTextDatum(topic->name), Int32GetDatum(topic->partitions)};

	begin();
	run_sql("UPDATE dataplat_internal.source_offset AS o SET missing_since = NULL"
			" WHERE o.source = $1 AND o.topic = $2 AND o.missing_since IS NOT NULL",
			2, types, values, false);
	run_sql("UPDATE dataplat.data_loss_event AS e SET class = 'ANCHOR_MISMATCH',"
			" evidence = e.evidence || '{\"topic\": \"deleted, and made again under the same name\"}'::pg_catalog.jsonb"
			" WHERE e.source = $1 AND e.topic = $2 AND e.class = 'TOPIC_DELETED' AND e.resolved_at IS NULL",
			2, types, values, false);
	run_sql("WITH back AS (UPDATE dataplat_internal.source_offset AS o SET state = 'data_loss', updated_at = pg_catalog.now()"
			" WHERE o.source = $1 AND o.topic = $2 AND o.partition < $3 AND o.state = 'deleted' RETURNING o.partition, o.next_offset)"
			" INSERT INTO dataplat.data_loss_event (source, topic, partition, class, from_offset, evidence)"
			" SELECT $1, $2, b.partition, 'ANCHOR_MISMATCH', 0, pg_catalog.jsonb_build_object('next_offset', b.next_offset,"
			" 'topic', 'its deletion was accepted, and it is there again') FROM back AS b", 3, types, values, false);
	finish();
}

/* Partitions that we know and the broker does not have any more. */
static void
check_deleted(DpIngest *in)
{
	for (int t = 0; t < in->ntopics; t++)
		if (in->topics[t].error == 0)
			note_present(in, &in->topics[t]);
	for (int i = 0; i < in->nparts; i++)
	{
		DpPartition *p = &in->parts[i];
		const DpTopicInfo *topic = NULL;

		for (int t = 0; t < in->ntopics && topic == NULL; t++)
			if (strcmp(in->topics[t].name, p->topic) == 0)
				topic = &in->topics[t];
		if (p->stopped)
			continue;
		if (topic == NULL || topic->error != 0)
		{
			const DpKafkaErrorInfo *info = dp_kafka_error_info(topic ? topic->error : DP_KAFKA_UNKNOWN_TOPIC);

			if (info->code == DP_KAFKA_UNKNOWN_TOPIC && is_missing_for_good(in, p))
				dp_ingest_data_loss(in, i, "TOPIC_DELETED", p->next_offset, -1,
									psprintf("{\"next_offset\": " INT64_FORMAT "}", p->next_offset));
			else
				dp_kafka_throw(dp_consumer_client(in->consumer), in->source->server, info->code);
		}
		else if (p->partition >= topic->partitions)
			dp_ingest_data_loss(in, i, "PARTITIONS_DELETED", p->next_offset, -1,
								psprintf("{\"next_offset\": " INT64_FORMAT ", \"partitions\": %d}",
										 p->next_offset, topic->partitions));
	}
}

/* Topics that were never read and are not there: wait, and say so. */
static void
require_topics(DpIngest *in)
{
	if (in->nparts > 0)
		return;
	for (int t = 0; t < in->ntopics; t++)
		if (in->topics[t].error != 0)
		{
			const DpKafkaErrorInfo *info = dp_kafka_error_info(in->topics[t].error);

			ereport(ERROR,
					(errcode(info->sqlerrcode),
					 errmsg("topic \"%s\" cannot be read: %s", in->topics[t].name, info->reason),
					 info->hint ? errhint("%s", info->hint) : 0));
		}
	if (in->ntopics == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no topic matches \"%s\"", in->source->topic),
				 errhint("The source starts by itself when such a topic is there.")));
}

static void
start_fetching(DpIngest *in)
{
	DpTopicPartition *all = palloc(sizeof(DpTopicPartition) * Max(in->nparts, 1));
	DpTopicPartition *live = palloc(sizeof(DpTopicPartition) * Max(in->nparts, 1));
	int			n = 0;

	for (int i = 0; i < in->nparts; i++)
	{
		DpPartition *p = &in->parts[i];

		all[i].topic = p->topic;
		all[i].partition = p->partition;
		all[i].error = 0;
		all[i].offset = p->verify ? p->anchor.offset : p->next_offset;
		dp_breadcrumb_set_partition(i, p->topic, p->partition);
		if (p->stopped)
			all[i].offset = DP_OFFSET_NONE;
		else
			n++;
		in->batch->parts[i].next = p->next_offset;
	}
	dp_decoder_set_topics(in->batch->decoder, all, in->nparts);

	/* indexes of the assignment are indexes of our parts: stopped ones go last */
	if (n < in->nparts)
	{
		DpPartition *sorted = MemoryContextAlloc(in->context, sizeof(DpPartition) * in->nparts);
		int			at = 0;

		for (int pass = 0; pass < 2; pass++)
			for (int i = 0; i < in->nparts; i++)
				if (in->parts[i].stopped == (pass == 1))
					sorted[at++] = in->parts[i];
		in->parts = sorted;
		for (int i = 0; i < in->nparts; i++)
		{
			all[i].topic = sorted[i].topic;
			all[i].partition = sorted[i].partition;
			all[i].offset = sorted[i].verify ? sorted[i].anchor.offset : sorted[i].next_offset;
			in->batch->parts[i].next = sorted[i].next_offset;
			dp_breadcrumb_set_partition(i, sorted[i].topic, sorted[i].partition);
		}
		dp_decoder_set_topics(in->batch->decoder, all, in->nparts);
	}
	memcpy(live, all, sizeof(DpTopicPartition) * n);
	dp_consumer_assign(in->consumer, live, n);
	dp_batch_reset(in->batch, in->batch->batch_id);
	pfree(all);
	pfree(live);
}

static void
take_first_batch_id(DpIngest *in)
{
	begin();
	run_sql("SELECT pg_catalog.nextval('dataplat_internal.batch_id_seq'::pg_catalog.regclass)",
			0, NULL, NULL, false);
	in->batch->batch_id = result_int8(0, 1, 0);
	finish();
}

/* A fork got a new identity: what fenced the old one is over. */
static void
forget_fence(const char *install_uuid, const char *source)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];

	values[0] = CStringGetTextDatum(source);
	values[1] = CStringGetTextDatum(install_uuid);
	run_sql("DELETE FROM dataplat_internal.source_failure AS f"
			" WHERE f.source = $1 AND f.install_uuid <> $2", 2, types, values, false);
}

DpIngest *
dp_ingest_open(const char *source, int worker_no, int workers, bool (*stop) (void))
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dataplat ingest", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DpIngest   *in = palloc0(sizeof(DpIngest));
	int			err;
	char	   *uuid;
	bool		ours;

	in->context = context;
	in->worker_no = worker_no;
	begin();
	MemoryContextSwitchTo(context);
	in->source = dp_source_load(source);
	uuid = dp_installation_uuid();
	in->install_uuid = MemoryContextStrdup(context, uuid ? uuid : "");
	ours = dp_installation_is_ours();
	forget_fence(in->install_uuid, source);
	finish();
	MemoryContextSwitchTo(context);
	if (in->source != NULL && !ours)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database is a copy, and its sources are fenced"),
				 errhint("dataplat.adopt('fork') or dataplat.adopt('resume') says how to go on.")));
	if (in->source == NULL)
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		return NULL;
	}

	snprintf(in->group_id, sizeof(in->group_id), "dataplat-%s-%.8s", source, in->install_uuid);
	in->consumer = dp_consumer_create(in->source->settings, in->group_id,
									  (int64) dp_fetch_memory * 1024);
	in->topics = dp_kafka_topics(dp_consumer_client(in->consumer), in->source->topic,
								 DP_METADATA_TIMEOUT_MS, stop, &in->ntopics, &err);
	if (stop && stop())
	{
		dp_ingest_close(in);
		MemoryContextSwitchTo(old);
		return NULL;
	}
	if (err != 0)
		dp_kafka_throw(dp_consumer_client(in->consumer), in->source->server, err);
	insert_new_partitions(in, stop);
	MemoryContextSwitchTo(context);
	take_over(in, workers > 0 ? workers : in->source->workers);
	MemoryContextSwitchTo(context);
	require_topics(in);
	check_deleted(in);
	MemoryContextSwitchTo(context);
	err = ask_offsets(in, stop);
	if (err != 0)
		dp_kafka_throw(dp_consumer_client(in->consumer), in->source->server, err);
	check_positions(in, stop);
	MemoryContextSwitchTo(context);
	in->nstopped = 0;
	for (int i = 0; i < in->nparts; i++)
		in->nstopped += in->parts[i].stopped;
	in->source->schema_mode = stop ? DP_SCHEMAS_WORKER : DP_SCHEMAS_SESSION;
	in->batch = dp_batch_create(in->source, in->nparts);
	if (dp_decoder_schemas(in->batch->decoder))
		in->hold = dp_hold_create(in->consumer, in->nparts, in->source->batch_bytes);
	take_first_batch_id(in);
	MemoryContextSwitchTo(context);
	start_fetching(in);
	dp_kafka_client_clear_error(dp_consumer_client(in->consumer));
	MemoryContextSwitchTo(old);
	return in;
}

void
dp_ingest_close(DpIngest *in)
{
	if (in->hold)
		dp_hold_release(in->hold);
	if (in->batch)
		dp_batch_free(in->batch);
	if (in->consumer)
		dp_consumer_destroy(in->consumer);
	if (in->source)
		dp_source_free(in->source);
	MemoryContextDelete(in->context);
}

bool
dp_ingest_check_anchor(DpIngest *in, const DpRecord *r)
{
	DpPartition *p = &in->parts[r->tp];

	p->verify = false;
	if (r->offset == p->anchor.offset)
	{
		if (r->kind == DP_RECORD_MESSAGE &&
			dp_record_crc(r) == p->anchor.crc && r->timestamp == p->anchor.timestamp)
		{
			/* the group's offset expired; it is told again */
			p->sentinel &= !p->gone;
			p->gone = false;
			return true;
		}
		dp_ingest_data_loss(in, r->tp, "ANCHOR_MISMATCH", p->low, p->next_offset,
							psprintf("{\"anchor_offset\": " INT64_FORMAT ", \"expected\": {\"timestamp\": " INT64_FORMAT
									 ", \"crc32c\": %u}, \"found\": {\"timestamp\": " INT64_FORMAT ", \"crc32c\": %u}}",
									 p->anchor.offset, p->anchor.timestamp, p->anchor.crc,
									 r->timestamp, dp_record_crc(r)));
		return true;
	}
	/* compaction took it, unless the group's offset is gone too */
	if (p->gone)
		dp_ingest_data_loss(in, r->tp, "ANCHOR_MISMATCH", p->low, p->next_offset,
							psprintf("{\"anchor_offset\": " INT64_FORMAT ", \"first_found\": " INT64_FORMAT
									 ", \"sentinel\": \"the offset committed to the group is gone\"}",
									 p->anchor.offset, r->offset));
	return p->stopped || r->offset < p->next_offset;
}

/* Remember that the group has our offset, so that its loss means something. */
static void
store_sentinels(DpIngest *in)
{
	bool		open = false;

	for (int i = 0; i < in->nparts; i++)
	{
		DpPartition *p = &in->parts[i];
		Oid			types[5] = {TEXTOID, TEXTOID, INT4OID, INT8OID, TEXTOID};
		Datum		values[5];

		if (p->sentinel || p->stopped || p->reported < 0)
			continue;
		if (!open)
			begin();
		open = true;
		values[0] = CStringGetTextDatum(in->source->name);
		values[1] = CStringGetTextDatum(p->topic);
		values[2] = Int32GetDatum(p->partition);
		values[3] = Int64GetDatum(in->owner_epoch);
		values[4] = CStringGetTextDatum(in->install_uuid);
		run_sql("UPDATE dataplat_internal.source_offset AS o SET sentinel = $5"
				" WHERE o.source = $1 AND o.topic = $2 AND o.partition = $3 AND o.owner_epoch = $4",
				5, types, values, false);
		p->sentinel = true;
	}
	if (open)
		finish();
}

bool
dp_ingest_confirm(DpIngest *in, bool (*stop) (void), bool *answered)
{
	*answered = ask_sentinels(in, DP_CONFIRM_TIMEOUT_MS, stop);
	for (int i = 0; i < in->nparts; i++)
	{
		DpPartition *p = &in->parts[i];

		if (p->gone && !p->stopped && !p->verify)
			return false;
		if (*answered || !p->sentinel)
			p->anchor = p->newest;
	}
	if (*answered)
		store_sentinels(in);
	return true;
}

bool
dp_ingest_verify(DpIngest *in, bool (*stop) (void))
{
	DpKafkaClient *client = dp_consumer_client(in->consumer);
	bool		same,
				answered;
	int			n,
				err;
	DpTopicInfo *topics = dp_kafka_topics(client, in->source->topic,
										  DP_METADATA_TIMEOUT_MS, stop, &n, &err);

	if (err != 0)
		return true;			/* no answer is no evidence */
	dp_kafka_client_clear_error(client);
	same = n == in->ntopics;
	for (int i = 0; same && i < n; i++)
		same = strcmp(topics[i].name, in->topics[i].name) == 0 &&
			topics[i].partitions == in->topics[i].partitions &&
			topics[i].error == in->topics[i].error;
	if (!same)
		return false;

	if (!dp_ingest_confirm(in, stop, &answered))
		return false;

	/* the log may have become shorter, or its start may have passed us */
	if (ask_offsets(in, stop) != 0)
		return true;
	for (int i = 0; i < in->nparts; i++)
	{
		DpPartition *p = &in->parts[i];

		if (p->stopped)
			continue;
		dp_partition_stats_set(p->stats, p->low, p->high, p->stable, p->at_end);
		if (p->stable < in->batch->parts[i].from || p->low > in->batch->parts[i].next)
			same = false;
	}
	return same;
}
