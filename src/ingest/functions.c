/*-------------------------------------------------------------------------
 *
 * functions.c
 *	  Ingest from a session: positions, one batch by hand, replay.
 *
 * These run the worker's own code in the caller's transaction.  They check
 * the caller's rights on the source first and then work as the extension does
 * (the tables of dataplat_internal are nobody's); rows are still written with
 * the rights of the source's owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"
#include "utils/varlena.h"

#include "catalog/catalog.h"
#include "common/attempt.h"
#include "common/role.h"
#include "ingest/ingest.h"
#include "ingest/schemas.h"
#include "ingest/session.h"
#include "ingest/store.h"

/* How long a broker may take to answer, milliseconds. */
#define DP_ANSWER_TIMEOUT_MS 5000

PG_FUNCTION_INFO_V1(dp_resolve_positions);
PG_FUNCTION_INFO_V1(dp_topic_watermarks);
PG_FUNCTION_INFO_V1(dp_source_write_path);
PG_FUNCTION_INFO_V1(dp_ingest_once);
PG_FUNCTION_INFO_V1(dp_ingest_range);

/* Ask a server about topics, for the functions that only look. */
DpTopicInfo *
dp_find_topics(DpKafkaClient *client, const char *server, const char *pattern, int *n)
{
	int			err;
	DpTopicInfo *topics = dp_kafka_topics(client, pattern, DP_ANSWER_TIMEOUT_MS, NULL, n, &err);

	if (err != 0)
		dp_kafka_throw(client, server, err);
	for (int t = 0; t < *n; t++)
		if (topics[t].error != 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("topic \"%s\" cannot be read", topics[t].name),
					 errdetail("%s", dp_kafka_error_text(topics[t].error)),
					 errhint("The topic does not exist, or the role has no right to describe it.")));
	return topics;
}

static DpKafkaClient *
ask_client(const char *server, Name role, const char *isolation)
{
	const char *overrides[] = {"isolation.level", isolation, NULL};

	return dp_kafka_client_create(DP_KAFKA_CONSUMER,
								  dp_kafka_settings_load(server, get_role_oid(NameStr(*role), false)),
								  overrides);
}

/* (server, topic, position, role) -> setof (topic, partition, message_offset) */
PGDLLEXPORT Datum
dp_resolve_positions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *server = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *topic = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *position = text_to_cstring(PG_GETARG_TEXT_PP(2));
	DpKafkaClient *client;
	DpTopicInfo *topics;
	DpTopicPartition *found;
	int			ntopics,
				n;

	InitMaterializedSRF(fcinfo, 0);
	client = ask_client(server, PG_GETARG_NAME(3), "read_committed");
	topics = dp_find_topics(client, server, topic, &ntopics);
	found = dp_resolve_position(client, topics, ntopics, position, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {0};

		values[0] = CStringGetTextDatum(found[i].topic);
		values[1] = Int32GetDatum(found[i].partition);
		values[2] = Int64GetDatum(found[i].offset);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* (server, topic, role) -> setof (topic, partition, low, high, stable) */
PGDLLEXPORT Datum
dp_topic_watermarks(PG_FUNCTION_ARGS)
{
	static const char *const levels[2] = {"read_uncommitted", "read_committed"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *server = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *pattern = text_to_cstring(PG_GETARG_TEXT_PP(1));
	DpTopicPartition *ends[3] = {NULL};
	DpTopicInfo *topics = NULL;
	int			ntopics = 0;
	int			n = 0;

	InitMaterializedSRF(fcinfo, 0);

	/* the library asks with the isolation level that the client was made with */
	for (int level = 0; level < 2; level++)
	{
		DpKafkaClient *client = ask_client(server, PG_GETARG_NAME(2), levels[level]);

		if (topics == NULL)
			topics = dp_find_topics(client, server, pattern, &ntopics);
		if (level == 0)
			ends[2] = dp_resolve_position(client, topics, ntopics, "earliest", NULL, &n);
		ends[level] = dp_resolve_position(client, topics, ntopics, "latest", NULL, &n);
	}
	for (int i = 0; i < n; i++)
	{
		Datum		values[5];
		bool		nulls[5] = {0};

		values[0] = CStringGetTextDatum(ends[0][i].topic);
		values[1] = Int32GetDatum(ends[0][i].partition);
		values[2] = Int64GetDatum(ends[2][i].offset);
		values[3] = Int64GetDatum(ends[0][i].offset);
		values[4] = Int64GetDatum(ends[1][i].offset);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* How a source is written to; NULL when it cannot be. */
typedef struct WritePath
{
	const char *source;
	const char *name;
} WritePath;

static void
find_write_path(void *arg)
{
	WritePath  *path = arg;
	DpSource   *s = dp_source_load_definition(path->source);
	Oid			owner;
	Oid			relid;

	if (s == NULL)
		return;
	owner = get_role_oid(s->owner_name, true);
	relid = RangeVarGetRelid(makeRangeVarFromNameList(
		textToQualifiedNameList(cstring_to_text(s->target_name))), NoLock, true);
	/* who looks at the state of a locked target must not wait for the lock */
	if (OidIsValid(owner) && OidIsValid(relid) && ConditionalLockRelationOid(relid, AccessShareLock))
		path->name = dp_write_path_name(dp_target_open(s->target_name, owner, true)->path);
}

/* (source) -> 'multi_insert' | 'executor' | 'sql'; one that is in trouble must not hide the others' state */
PGDLLEXPORT Datum
dp_source_write_path(PG_FUNCTION_ARGS)
{
	WritePath	path = {.source = text_to_cstring(PG_GETARG_TEXT_PP(0))};
	ErrorData  *error = dp_attempt(find_write_path, &path);

	if (error != NULL && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	if (error != NULL || path.name == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(path.name));
}

void
dp_enter_source(const char *name, Oid *save_userid, int *save_context)
{
	DpSource   *s;
	Oid			role = GetUserId();
	Oid			owner,
				operators;

	GetUserIdAndSecContext(save_userid, save_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   *save_context | SECURITY_LOCAL_USERID_CHANGE);
	s = dp_source_load_definition(name);
	if (s == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("source \"%s\" does not exist", name),
				 errhint("See dataplat.source for the declared sources.")));
	owner = get_role_oid(s->owner_name, true);
	operators = get_role_oid("dataplat_operator", true);
	if (!superuser_arg(role) &&
		!(OidIsValid(owner) && has_privs_of_role(role, owner)) &&
		!(OidIsValid(operators) && has_privs_of_role(role, operators)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of source \"%s\"", name)));
}

void
dp_leave_source(Oid save_userid, int save_context)
{
	SetUserIdAndSecContext(save_userid, save_context);
}

/* Wait for messages, at most until the deadline; false when it passed. */
bool
dp_wait_for_messages(DpConsumer *consumer, TimestampTz deadline)
{
	long		left = (long) ((deadline - GetCurrentTimestamp()) / 1000);

	if (left <= 0)
		return false;
	(void) WaitLatchOrSocket(MyLatch,
							 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 dp_consumer_fd(consumer), Min(left, 100), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	dp_kafka_client_serve(dp_consumer_client(consumer));
	return true;
}

static void
store_here(DpSource *source, DpBatch *batch, int64 epoch, const char *kind,
		   const int *generations)
{
	DpStore		store = {0};

	if (!batch->dirty)
		return;
	for (int i = 0; i < batch->nparts; i++)
		(void) dp_batch_newest(batch, i, &batch->anchors[i]);
	store.source = source;
	store.batch = batch;
	store.owner_epoch = epoch;
	store.kind = kind;
	store.generations = generations;
	store.bisect = true;
	switch (dp_store_in_transaction(&store))
	{
		case DP_STORE_DONE:
			break;
		case DP_STORE_FENCED:
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("the offsets of source \"%s\" were moved by somebody else", source->name),
					 errhint("Pause the source before ingesting by hand.")));
			break;
		case DP_STORE_RULES_FAILED:
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("messages for %s break rules that stop the batch", store.rules_failed.dataset),
					 errdetail("%s", store.message),
					 errhint("Mend the messages where they come from and seek past them, or let the rules drop or quarantine rows.")));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("table \"%s\" has no partition for the present", source->target_name),
					 errhint("Create one, or call dataplat_internal.ensure_partitions().")));
	}
	dp_batch_reset(batch, store.next_batch_id);
}

/* A partition of a replay. */
typedef struct Replay
{
	int64		from;
	int64		to;				/* exclusive */
	int64		rows;			/* that the replay makes more, for the account */
	int64		dead;
	int64		quarantined;
	char	   *removed;		/* multirange of offsets whose rows were removed; NULL none */
	StringInfoData lacking;		/* ranges of offsets that have no message, with commas between */
} Replay;

/* Is it a replay, remember that there is nothing to read in [from, to). */
static void
note_lacking(Replay *replay, int tp, int64 from, int64 to)
{
	if (replay && to > from)
		appendStringInfo(&replay[tp].lacking, "%s[" INT64_FORMAT "," INT64_FORMAT ")",
						 replay[tp].lacking.len > 0 ? "," : "", from, to);
}

/* This partition is read up to "offset". */
static void
note_end(DpBatch *batch, Replay *replay, int tp, int64 offset)
{
	note_lacking(replay, tp, batch->parts[tp].next, offset);
	dp_batch_note_eof(batch, tp, offset);
}

/* Move polled messages that pass into the batch; returns how many are at their end. */
static int
absorb(DpIngest *in, int n, Replay *replay, bool *done)
{
	DpBatch    *batch = in->batch;
	int			first = batch->nrecords;
	int			finished = 0;
	bool		broken = false;

	for (int i = first; i < first + n; i++)
	{
		DpRecord	r = batch->records[i];
		bool		keep = r.kind == DP_RECORD_MESSAGE && !done[r.tp] &&
			r.offset >= batch->parts[r.tp].next;

		if (r.kind == DP_RECORD_EOF && !done[r.tp] && !broken)
		{
			note_end(batch, replay, r.tp, replay ? Min(r.offset, replay[r.tp].to) : r.offset);
			done[r.tp] = true;
			finished++;
		}
		else if (r.kind == DP_RECORD_ERROR)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_ERROR),
					 errmsg("could not read from Kafka: %s", dp_kafka_error_text(r.error))));
		if (keep && replay && r.offset >= replay[r.tp].to && !broken)
		{
			note_end(batch, replay, r.tp, replay[r.tp].to);
			done[r.tp] = true;
			finished++;
			keep = false;
		}
		if (keep && in->parts[r.tp].verify && dp_ingest_check_anchor(in, &r))
			keep = false;
		if (!keep)
		{
			dp_consumer_release(&r, 1);
			continue;
		}
		if (!broken)
			note_lacking(replay, r.tp, batch->parts[r.tp].next, r.offset);
		batch->records[batch->nrecords] = r;
		if (broken || !dp_batch_add(batch, batch->nrecords))
		{
			/* a new schema changed the definition: read again from here */
			dp_consumer_release(&r, 1);
			broken = true;
		}
		else
			batch->nrecords++;
	}
	return finished;
}

/* Has a new schema changed the source?  Throws when it says that a person must look. */
static bool
definition_changed(const DpIngest *in)
{
	const DpSchemas *schemas = dp_decoder_schemas(in->batch->decoder);

	if (schemas && schemas->stop)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s", schemas->stop_reason),
				 errhint("alter_source(..., schema_evolution => ...) says what a new schema may do.")));
	if (schemas && schemas->locked)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("the target of source \"%s\" is locked, and a new schema wants to change it",
						in->source->name)));
	return schemas && schemas->reload;
}

/*
 * Read until all partitions are done or max messages were taken, or a new
 * schema changed the definition.  Returns the number of messages.
 */
static int64
read_until(DpIngest *in, Replay *replay, int64 max, const char *kind)
{
	bool	   *done = palloc0(sizeof(bool) * Max(in->nparts, 1));
	int		   *generations = palloc(sizeof(int) * Max(in->nparts, 1));
	int			open = in->nparts - in->nstopped;
	int64		total = 0;
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), DP_READ_TIMEOUT_MS);

	for (int i = 0; i < in->nparts; i++)
	{
		generations[i] = in->parts[i].generation;
		if (replay && !in->parts[i].stopped && in->batch->parts[i].next >= replay[i].to)
		{
			done[i] = true;
			open--;
		}
	}
	while (open > 0 && total < max)
	{
		int64		want = Min(max - total, in->batch->max_records - in->batch->nrecords);
		int			before = in->batch->nrecords;
		int			n = dp_consumer_poll(in->consumer, in->batch->records + before, (int) want);

		if (n == 0)
		{
			if (!dp_wait_for_messages(in->consumer, deadline))
				ereport(ERROR,
						(errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
						 errmsg("the broker sent nothing for %d seconds", DP_READ_TIMEOUT_MS / 1000)));
			continue;
		}
		deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), DP_READ_TIMEOUT_MS);
		open -= absorb(in, n, replay, done);
		total += in->batch->nrecords - before;
		dp_progress_update(total);
		if (definition_changed(in))
			break;
		if (dp_batch_is_full(in->batch))
			store_here(in->source, in->batch, in->owner_epoch, kind, generations);
	}
	store_here(in->source, in->batch, in->owner_epoch, kind, generations);
	return total;
}

static void
refuse_running(const DpSource *s)
{
	if (!s->paused)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("source \"%s\" is being read by its workers", s->name),
				 errhint("pause_source() first.")));
}

/* (source, max_rows) -> messages taken; NULL max_rows: all that are there */
PGDLLEXPORT Datum
dp_ingest_once(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int64		max = PG_ARGISNULL(1) ? PG_INT64_MAX : PG_GETARG_INT32(1);
	Oid			save_userid;
	int			save_context;
	int64		n = 0;
	bool		again = true;

	dp_enter_source(name, &save_userid, &save_context);
	while (again)
	{
		DpIngest   *in = dp_ingest_open(name, 0, 1, NULL);

		refuse_running(in->source);
		n += read_until(in, NULL, max - n, "live");
		dp_drift_store(dp_decoder_schemas(in->batch->decoder));
		again = definition_changed(in);
		dp_ingest_close(in);
	}
	dp_leave_source(save_userid, save_context);
	PG_RETURN_INT64(n);
}

static int64
run_count(const char *sql, int nargs, Oid *types, Datum *values)
{
	int			rc;
	int64		n;

	SPI_connect();
	rc = SPI_execute_with_args(sql, nargs, types, values, NULL, false, 0);
	if (rc < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(rc));
	n = (int64) SPI_processed;
	SPI_finish();
	return n;
}

static int64
query_int8(const char *sql, int col, int nargs, Oid *types, Datum *values)
{
	bool		isnull;
	int64		result;

	SPI_connect();
	if (SPI_execute_with_args(sql, nargs, types, values, NULL, false, 1) < 0 || SPI_processed != 1)
		elog(ERROR, "could not run \"%s\"", sql);
	result = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, col, &isnull));
	SPI_finish();
	return result;
}

/* Arguments of the statements about a partition that is replayed. */
typedef struct RangeArguments
{
	Oid			types[10];
	Datum		values[10];
} RangeArguments;

enum
{
	ARG_SOURCE, ARG_TOPIC, ARG_PARTITION, ARG_FROM, ARG_TO, ARG_SINCE, ARG_START, ARG_LACKING, ARG_TABLE, ARG_FIRST, ARG_COUNT
};

static int64
count_range(const char *sql, RangeArguments *a)
{
	return query_int8(sql, 1, ARG_COUNT, a->types, a->values);
}

/*
 * What is needed to say which rows and letters are of these messages.  A topic
 * that was made again, or a source before this one, has left others with the
 * same offsets; "start" is the first batch of the present generation.
 */
static void
range_arguments(DpSource *s, const char *table, const DpTopicPartition *tp, const Replay *replay, RangeArguments *a)
{
	static const Oid types[ARG_COUNT] = {TEXTOID, TEXTOID, INT4OID, INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID, INT8OID};

	memcpy(a->types, types, sizeof(types));
	memset(a->values, 0, sizeof(a->values));
	a->values[ARG_SOURCE] = CStringGetTextDatum(s->name);
	a->values[ARG_TOPIC] = CStringGetTextDatum(tp->topic);
	a->values[ARG_PARTITION] = Int32GetDatum(tp->partition);
	a->values[ARG_FROM] = Int64GetDatum(replay->from);
	a->values[ARG_TO] = Int64GetDatum(replay->to);
	a->values[ARG_LACKING] = CStringGetTextDatum("{}");
	a->values[ARG_TABLE] = CStringGetTextDatum(table);
	a->values[ARG_SINCE] = TimestampTzGetDatum(
		count_range("SELECT dataplat_internal.topic_since($1, $2, $3)", a));
	a->values[ARG_START] = Int64GetDatum(
		count_range("SELECT COALESCE(pg_catalog.min(b.batch_id), 0)::bigint FROM dataplat.batch AS b"
					" JOIN dataplat_internal.source_offset AS o USING (source, topic, partition, generation)"
					" WHERE b.source = $1 AND b.topic = $2 AND b.partition = $3 AND b.kind = 'live' AND b.committed_at >= $6", a));
}

/* Remove the rows of [from, to); the result is the multirange of their offsets, NULL when there were none. */
static char *
remove_rows(DpSource *s, const char *table, RangeArguments *a, int64 *present)
{
	StringInfoData sql;
	DpRoleScope scope;
	MemoryContext context = CurrentMemoryContext;
	char	   *removed;
	bool		isnull;

	initStringInfo(&sql);
	appendStringInfo(&sql, "WITH gone AS (DELETE FROM %s AS t WHERE t._partition = $3 AND t._offset >= $4 AND t._offset < $5"
					 " AND %s AND %s RETURNING t._offset::bigint AS o, %s AS batch_id),"
					 " run AS (SELECT pg_catalog.int8range(pg_catalog.min(n.o), pg_catalog.max(n.o), '[]') AS r FROM ("
					 "SELECT d.o, d.o - pg_catalog.row_number() OVER (ORDER BY d.o) AS nth FROM (SELECT DISTINCT g.o FROM gone AS g) AS d) AS n GROUP BY n.nth)"
					 " SELECT (SELECT pg_catalog.count(*) FROM gone AS g WHERE g.batch_id >= $7), (SELECT pg_catalog.range_agg(run.r)::text FROM run)",
					 table,
					 s->target->attno[DP_FIELD_TOPIC] > 0 ? "t._topic = $2" : "$2 IS NOT NULL",
					 s->target->attno[DP_FIELD_INGESTED_AT] > 0 ? "t._ingested_at >= $6" : "$6 IS NOT NULL",
					 s->target->attno[DP_FIELD_BATCH_ID] > 0 ? "t._batch_id" : "$7");
	dp_role_enter(s->owner, NULL, &scope);
	SPI_connect();
	if (SPI_execute_with_args(sql.data, ARG_COUNT, a->types, a->values, NULL, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not run \"%s\"", sql.data);
	*present = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	removed = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	if (removed)
		removed = MemoryContextStrdup(context, removed);
	SPI_finish();
	dp_role_leave(&scope);
	return removed;
}

/*
 * Take out the rows that earlier readings of [from, to) left.  Counts what was
 * there of the present generation: only that stands in the partition's account.
 */
static void
clear_range(DpSource *s, const char *table, const DpTopicPartition *tp, Replay *replay)
{
	RangeArguments a;
	int64		present;

	range_arguments(s, table, tp, replay, &a);
	replay->removed = remove_rows(s, table, &a, &present);
	replay->rows = -present;
	replay->dead = -count_range("SELECT pg_catalog.count(*) FROM dataplat.dead_letter AS d WHERE d.source = $1 AND d.topic = $2"
								" AND d.partition = $3 AND d.message_offset >= $4 AND d.message_offset < $5"
								" AND d.state = 'open' AND d.batch_id >= $7", &a);

	/* A requeued one was counted among the rows. */
	replay->quarantined = -count_range("WITH old AS (SELECT q.quarantine_id, q.batch_id, q.state FROM dataplat.quarantine AS q"
									   " WHERE q.dataset = $9 AND q.object_kind = 'source' AND q.object = $1 AND q.topic = $2 AND q.partition = $3"
									   " AND q.message_offset >= $4 AND q.message_offset < $5 AND q.state <> 'superseded' FOR UPDATE),"
									   " past AS (UPDATE dataplat.quarantine AS q SET state = 'superseded', changed_at = pg_catalog.now(), changed_by = NULL"
									   " FROM old AS o WHERE q.quarantine_id = o.quarantine_id)"
									   " SELECT count(*) FILTER (WHERE o.batch_id >= $7 AND o.state <> 'requeued') FROM old AS o", &a);
}

/* Rows were removed whose messages cannot be had again: all of it is undone. */
static void
refuse_to_lose(const DpTopicPartition *tp, const Replay *replay)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];
	int64		lost;

	if (replay->removed == NULL || replay->lacking.len == 0)
		return;
	values[0] = CStringGetTextDatum(replay->removed);
	values[1] = CStringGetTextDatum(psprintf("{%s}", replay->lacking.data));
	lost = query_int8("SELECT COALESCE(pg_catalog.sum(pg_catalog.upper(r) - pg_catalog.lower(r)), 0)::bigint"
					  " FROM pg_catalog.unnest($1::int8multirange * $2::int8multirange) AS r", 1, 2, types, values);
	if (lost > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot replay topic \"%s\" partition %d because it no longer has " INT64_FORMAT " of the messages",
						tp->topic, tp->partition, lost),
				 errdetail("Their rows are in the table and would be lost; the topic is compacted or was cut."),
				 errhint("Delete these rows first if they shall go, or read again with seek_source(), which leaves rows where they are.")));
}

/*
 * Bring letters and counters in line with what was read again, in batches from
 * "first" on.  Letters of messages that the topic no longer has stay.
 */
static void
settle_range(DpSource *s, const char *table, const DpTopicPartition *tp, Replay *replay, int64 first)
{
	RangeArguments a;
	Oid			types[7] = {TEXTOID, TEXTOID, INT4OID, INT8OID, INT8OID, INT8OID, INT8OID};
	Datum		values[7];

	range_arguments(s, table, tp, replay, &a);
	a.values[ARG_FIRST] = Int64GetDatum(first);
	a.values[ARG_LACKING] = CStringGetTextDatum(psprintf("{%s}", replay->lacking.data));
	refuse_to_lose(tp, replay);
	(void) count_range("WITH gone AS (DELETE FROM dataplat.dead_letter AS d WHERE d.source = $1 AND d.topic = $2 AND d.partition = $3"
					   " AND d.message_offset >= $4 AND d.message_offset < $5 AND d.state = 'open' AND d.created_at >= $6"
					   " AND COALESCE(d.batch_id, 0) < $10 AND NOT d.message_offset OPERATOR(pg_catalog.<@) $8::int8multirange RETURNING 1)"
					   " SELECT pg_catalog.count(*) FROM gone", &a);
#define REPLAYED "SELECT COALESCE(pg_catalog.sum(b.%s), 0)::bigint FROM dataplat.batch AS b" \
	" WHERE b.source = $1 AND b.topic = $2 AND b.partition = $3 AND b.kind = 'replay'" \
	" AND b.xid = pg_catalog.pg_current_xact_id() AND b.batch_id >= $10"
	replay->rows += count_range(psprintf(REPLAYED, "rows"), &a);
	replay->dead += count_range(psprintf(REPLAYED, "dead_letters"), &a);
	replay->quarantined += count_range(psprintf(REPLAYED, "quarantined"), &a);
#undef REPLAYED
	values[0] = CStringGetTextDatum(s->name);
	values[1] = CStringGetTextDatum(tp->topic);
	values[2] = Int32GetDatum(tp->partition);
	values[3] = Int64GetDatum(replay->rows);
	values[4] = Int64GetDatum(replay->dead);
	values[5] = Int64GetDatum(replay->quarantined);
	values[6] = Int64GetDatum(replay->from);
	/* rows that somebody deleted come back: they are in the account as rows already */
	run_count("UPDATE dataplat_internal.source_offset AS o SET rows = o.rows + $4 - greatest($4 + $5 + $6 - o.filtered, 0), dead_letters = o.dead_letters + $5,"
			  " quarantined = o.quarantined + $6, filtered = greatest(o.filtered - $4 - $5 - $6, 0)"
			  " WHERE o.source = $1 AND o.topic = $2 AND o.partition = $3 AND o.first_offset <= $7 AND ($4 <> 0 OR $5 <> 0 OR $6 <> 0)",
			  7, types, values);
}

/*
 * (source, ranges) -> messages read.  ranges: [{"topic", "partition", "from",
 * "to"}], to exclusive.  Rows and open dead letters of the range are replaced
 * by what the present definition makes of the messages.  No range lies on both
 * sides of the first offset of its generation: the account is of what follows.
 */
PGDLLEXPORT Datum
dp_ingest_range(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum		ranges = PG_GETARG_DATUM(1);
	Oid			save_userid;
	int			save_context;
	DpIngest	in = {0};
	DpTopicPartition *tps;
	Replay	   *replay;
	int64		total;
	int64		first;
	uint64		offsets = 0;
	const char *table;
	Oid			type = JSONBOID;

	dp_enter_source(name, &save_userid, &save_context);
	in.source = dp_source_load(name);
	in.source->schema_mode = DP_SCHEMAS_LOOK;
	in.context = CurrentMemoryContext;
	SPI_connect();
	SPI_execute_with_args("SELECT r ->> 'topic', (r ->> 'partition')::int, (r ->> 'from')::bigint, (r ->> 'to')::bigint"
						  " FROM pg_catalog.jsonb_array_elements($1) AS r"
						  " WHERE (r ->> 'from')::bigint < (r ->> 'to')::bigint"
						  " ORDER BY 1, 2", 1, &type, &ranges, NULL, true, 0);
	in.nparts = (int) SPI_processed;
	in.parts = MemoryContextAllocZero(in.context, sizeof(DpPartition) * Max(in.nparts, 1));
	tps = MemoryContextAllocZero(in.context, sizeof(DpTopicPartition) * Max(in.nparts, 1));
	replay = MemoryContextAllocZero(in.context, sizeof(Replay) * Max(in.nparts, 1));
	for (int i = 0; i < in.nparts; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		in.parts[i].topic = MemoryContextStrdup(in.context, SPI_getvalue(row, desc, 1));
		in.parts[i].partition = DatumGetInt32(SPI_getbinval(row, desc, 2, &isnull));
		in.parts[i].next_offset = DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull));
		in.parts[i].generation = 1;
		in.parts[i].anchor.offset = -1;
		replay[i].from = in.parts[i].next_offset;
		replay[i].to = DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull));
		tps[i].topic = in.parts[i].topic;
		tps[i].partition = in.parts[i].partition;
		tps[i].offset = in.parts[i].next_offset;
	}
	SPI_finish();
	if (in.nparts == 0)
	{
		dp_leave_source(save_userid, save_context);
		PG_RETURN_INT64(0);
	}
	table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(in.source->target->relid)),
									   get_rel_name(in.source->target->relid));
	for (int i = 0; i < in.nparts; i++)
	{
		initStringInfo(&replay[i].lacking);
		offsets += replay[i].to - replay[i].from;
		clear_range(in.source, table, &tps[i], &replay[i]);
	}

	in.consumer = dp_consumer_create(in.source->settings, "dataplat-replay", DP_SESSION_FETCH_MEMORY);
	in.batch = dp_batch_create(in.source, in.nparts);
	dp_decoder_set_topics(in.batch->decoder, tps, in.nparts);
	for (int i = 0; i < in.nparts; i++)
		in.batch->parts[i].next = tps[i].offset;
	first = query_int8("SELECT pg_catalog.nextval('dataplat_internal.batch_id_seq'::pg_catalog.regclass)", 1, 0, NULL, NULL);
	dp_batch_reset(in.batch, first);
	dp_consumer_assign(in.consumer, tps, in.nparts);
	dp_progress_start("replay", name, offsets);
	total = read_until(&in, replay, PG_INT64_MAX, "replay");
	dp_progress_end();
	for (int i = 0; i < in.nparts; i++)
		settle_range(in.source, table, &tps[i], &replay[i], first);
	dp_batch_free(in.batch);
	dp_consumer_destroy(in.consumer);
	dp_leave_source(save_userid, save_context);
	PG_RETURN_INT64(total);
}
