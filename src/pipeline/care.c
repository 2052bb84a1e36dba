/*-------------------------------------------------------------------------
 *
 * care.c
 *	  What is done when a run fails: retry, give up for a while, stop.
 *
 *	 server  (a lock, a conflict, a full disk, a cancelled statement): again
 *			 and again; the wait doubles
 *	 data	 (a value, a constraint, a key that is there twice): a few times,
 *			 then failed
 *	 definition (an input or a right is gone): failed at once
 *
 * After max_attempts failures in a row, or at once in the third case, the
 * circuit is open: one trial after each longest wait, nothing else.  The
 * first run that succeeds closes it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "launcher/launcher.h"
#include "pipeline/care.h"
#include "pipeline/rules.h"
#include "pipeline/schedule.h"

/* Defaults of dataplat.pipeline.retry. */
#define DP_RETRY_ATTEMPTS 5
#define DP_RETRY_INITIAL_MS 1000
#define DP_RETRY_MAX_MS (5 * 60 * 1000)
#define DP_RETRY_BACKOFF 2.0

/* A conflict with another transaction is over sooner than other trouble. */
#define DP_CONFLICT_SPEEDUP 10

/* Waits are spread by this share to both sides. */
#define DP_RETRY_JITTER 0.25

#define RECORD_RUN_QUERY \
	"INSERT INTO dataplat.pipeline_run (pipeline, kind, state, started_at, finished_at, rows_in, error, sqlstate, reason)" \
	" VALUES ($1, $2, 'failed', $3, pg_catalog.clock_timestamp(), $4, $5, $6, $7) RETURNING run_id"

#define RECORD_STATE_QUERY \
	"INSERT INTO dataplat_internal.pipeline_state AS s (pipeline, state, reason, hint, consecutive_failures, circuit, next_run_at," \
	" last_run_id, last_error, last_sqlstate)" \
	" SELECT p.name, $2, $3, $4, $5, $6, $7, $8, $3, $9 FROM dataplat.pipeline AS p WHERE p.name = $1" \
	" ON CONFLICT (pipeline) DO UPDATE SET state = EXCLUDED.state, reason = EXCLUDED.reason, hint = EXCLUDED.hint," \
	" since = CASE WHEN s.state = EXCLUDED.state THEN s.since ELSE pg_catalog.clock_timestamp() END," \
	" consecutive_failures = EXCLUDED.consecutive_failures, circuit = EXCLUDED.circuit, next_run_at = EXCLUDED.next_run_at," \
	" last_run_id = EXCLUDED.last_run_id, last_error = EXCLUDED.last_error, last_sqlstate = EXCLUDED.last_sqlstate"

#define PAUSE_QUERY \
	"UPDATE dataplat.pipeline AS p SET paused = true, pause_reason = $2, paused_by = 'fuse', paused_at = pg_catalog.clock_timestamp()" \
	" WHERE p.name = $1"

/* ---- dataplat.pipeline.retry ---- */

static bool
json_member(const Jsonb *json, const char *key, JsonbValue *value)
{
	return json != NULL && JB_ROOT_IS_OBJECT(json) &&
		getKeyJsonValueFromContainer((JsonbContainer *) &json->root, key, strlen(key), value) != NULL;
}

static bool
json_number(const Jsonb *json, const char *key, double *number)
{
	JsonbValue	v;

	if (!json_member(json, key, &v) || v.type != jbvNumeric)
		return false;
	*number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												 NumericGetDatum(v.val.numeric)));
	return true;
}

static bool
json_interval_ms(const Jsonb *json, const char *key, int64 *ms)
{
	JsonbValue	v;
	Interval	interval;
	char	   *text;

	if (!json_member(json, key, &v) || v.type != jbvString)
		return false;
	text = pnstrdup(v.val.string.val, v.val.string.len);
	if (!dp_interval_read(text, &interval))
		return false;
	*ms = dp_interval_us(&interval) / 1000;
	return true;
}

void
dp_retry_read(const Jsonb *json, DpRetry *retry)
{
	double		number;
	int64		ms;

	retry->max_attempts = DP_RETRY_ATTEMPTS;
	retry->initial_ms = DP_RETRY_INITIAL_MS;
	retry->max_ms = DP_RETRY_MAX_MS;
	retry->backoff = DP_RETRY_BACKOFF;
	if (json_number(json, "max_attempts", &number) && number >= 1 && number <= 1000000)
		retry->max_attempts = (int) number;
	if (json_interval_ms(json, "initial", &ms) && ms >= 1)
		retry->initial_ms = ms;
	if (json_interval_ms(json, "max", &ms) && ms >= 1)
		retry->max_ms = ms;
	if (json_number(json, "backoff", &number) && number >= 1 && number <= 100)
		retry->backoff = number;
	retry->max_ms = Max(retry->max_ms, retry->initial_ms);
}

static TimestampTz
spread(int64 ms)
{
	double		factor = 1 - DP_RETRY_JITTER + 2 * DP_RETRY_JITTER * pg_prng_double(&pg_global_prng_state);

	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64) (ms * factor) + 1);
}

static int64
retry_wait_ms(const DpRetry *retry, int failures, int sqlerrcode)
{
	double		ms = retry->initial_ms;

	if (sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED)
		ms /= DP_CONFLICT_SPEEDUP;
	for (int i = 1; i < failures && ms < retry->max_ms; i++)
		ms *= retry->backoff;
	return (int64) Min(ms, retry->max_ms);
}

/* ---- what kind of trouble ---- */

DpTrouble
dp_trouble_of(int sqlerrcode)
{
	if (sqlerrcode == DP_ERRCODE_FUSE)
		return DP_TROUBLE_FUSE;
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
		case ERRCODE_FEATURE_NOT_SUPPORTED:
		case ERRCODE_INVALID_SCHEMA_NAME:
		case ERRCODE_INVALID_CATALOG_NAME:
		case ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION:
		case ERRCODE_WITH_CHECK_OPTION_VIOLATION:
			return DP_TROUBLE_DEFINITION;
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return DP_TROUBLE_SERVER;
		default:
			return DP_TROUBLE_DATA;
	}
}

static const char *
what_to_do(DpTrouble trouble, int sqlerrcode, bool open)
{
	switch (sqlerrcode)
	{
		case ERRCODE_UNDEFINED_TABLE:
		case ERRCODE_UNDEFINED_COLUMN:
		case ERRCODE_UNDEFINED_FUNCTION:
		case ERRCODE_UNDEFINED_OBJECT:
		case ERRCODE_INVALID_SCHEMA_NAME:
			return "Something that the query reads was dropped or altered: bring it back, or give the pipeline another query with alter_pipeline(); then resume_pipeline().";
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return "Grant the right to the owner of the pipeline, then resume_pipeline().";
		case ERRCODE_LOCK_NOT_AVAILABLE:
			return "See pg_blocking_pids() of the worker; the run is tried again.";
		case ERRCODE_QUERY_CANCELED:
			return "Somebody cancelled the run, or it took longer than dataplat.pipeline_timeout; it is tried again.";
	}
	switch (trouble)
	{
		case DP_TROUBLE_FUSE:
			return "Look at what has changed in the inputs; resume_pipeline() when it is right, after raising the fuse.";
		case DP_TROUBLE_DEFINITION:
			return "Mend what the reason says, then resume_pipeline().";
		case DP_TROUBLE_DATA:
			return open ? "Mend the data or the query, then resume_pipeline(); one trial is made now and then."
				: "It is tried again a few times.";
		default:
			return "It is tried again by itself.";
	}
}

/* ---- recording ---- */

/* The error with its detail, but never whole rows. */
static char *
error_text(const ErrorData *error)
{
	if (error->detail == NULL || strncmp(error->detail, "Failing row contains", 20) == 0)
		return pstrdup(error->message);
	return psprintf("%s: %s", error->message, error->detail);
}

static const char *
kind_name(DpRunKind kind)
{
	switch (kind)
	{
		case DP_RUN_LIVE:
			return "live";
		case DP_RUN_FULL:
			return "full";
		default:
			return "backfill";
		case DP_RUN_REBUILD:
			return "rebuild";
	}
}

static int64
store_run(const DpFailedRun *failed, const char *text, const char *sqlstate)
{
	Oid			types[7] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[7];
	char		nulls[7] = "       ";
	bool		isnull;

	memset(nulls, ' ', sizeof(nulls));
	values[0] = CStringGetTextDatum(failed->pipeline);
	values[1] = CStringGetTextDatum(kind_name(failed->run.kind));
	values[2] = TimestampTzGetDatum(failed->started_at);
	values[3] = Int64GetDatum(failed->run.rows_in);
	values[4] = CStringGetTextDatum(text);
	values[5] = CStringGetTextDatum(sqlstate);
	if (failed->run.reason)
		values[6] = CStringGetTextDatum(failed->run.reason);
	else
	{
		values[6] = (Datum) 0;
		nulls[6] = 'n';
	}
	if (SPI_execute_with_args(RECORD_RUN_QUERY, 7, types, values, nulls, false, 1) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not store a failed run");
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static void
store_state(const DpFailedRun *failed, const char *state, const char *text, const char *hint,
			bool open, int64 run_id, const char *sqlstate)
{
	Oid			types[9] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID};
	Datum		values[9];

	values[0] = CStringGetTextDatum(failed->pipeline);
	values[1] = CStringGetTextDatum(state);
	values[2] = CStringGetTextDatum(text);
	values[3] = CStringGetTextDatum(hint);
	values[4] = Int32GetDatum(failed->failures + 1);
	values[5] = CStringGetTextDatum(open ? "open" : "closed");
	values[6] = TimestampTzGetDatum(failed->next_run_at);
	values[7] = Int64GetDatum(run_id);
	values[8] = CStringGetTextDatum(sqlstate);
	if (SPI_execute_with_args(RECORD_STATE_QUERY, 9, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not store the state of a pipeline");
}

static void
pause_pipeline(const DpFailedRun *failed, const char *text)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];

	values[0] = CStringGetTextDatum(failed->pipeline);
	values[1] = CStringGetTextDatum(text);
	if (SPI_execute_with_args(PAUSE_QUERY, 2, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not pause a pipeline");
}

void
dp_care_record(DpFailedRun *failed)
{
	const ErrorData *error = failed->error;
	DpTrouble	trouble = dp_trouble_of(error->sqlerrcode);
	char	   *sqlstate = pstrdup(unpack_sql_state(error->sqlerrcode));
	char	   *text = error_text(error);
	bool		open = trouble == DP_TROUBLE_DEFINITION || trouble == DP_TROUBLE_FUSE ||
		failed->failures + 1 >= failed->retry->max_attempts;
	const char *hint = what_to_do(trouble, error->sqlerrcode, open);
	const char *state;
	int64		run_id;

	if (trouble == DP_TROUBLE_FUSE)
		state = "paused";
	else if (trouble != DP_TROUBLE_SERVER && open)
		state = "failed";
	else if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		state = "blocked_lock";
	else
		state = "retrying";
	failed->next_run_at = spread(open ? failed->retry->max_ms :
								 retry_wait_ms(failed->retry, failed->failures + 1, error->sqlerrcode));

	/* Who threw it may know better. */
	if (trouble == DP_TROUBLE_DATA && error->hint != NULL)
		hint = psprintf("%s %s", error->hint, hint);
	SPI_connect();
	run_id = store_run(failed, text, sqlstate);
	if (error->sqlerrcode == ERRCODE_CHECK_VIOLATION)
		dp_rules_store_failed(failed->pipeline, run_id, failed->started_at);
	store_state(failed, state, text, hint, open, run_id, sqlstate);
	if (trouble == DP_TROUBLE_FUSE)
		pause_pipeline(failed, text);
	SPI_finish();

	/* once when trouble begins, once when it is given up, not at each trial */
	if (failed->failures == 0 || failed->failures + 1 == failed->retry->max_attempts)
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("pipeline \"%s\" %s: %s", failed->pipeline,
						strcmp(state, "failed") == 0 ? "failed" :
						strcmp(state, "paused") == 0 ? "is paused by its fuse" : "failed and will be tried again",
						error->message),
				 errhint("%s", hint)));
}

/* ---- the fuse ---- */

/*
 * dataplat.pipeline.fuse in the caller's memory; NULL when there is none, or
 * when the target is being filled for the first time: that has no past to
 * compare with.
 */
static Jsonb *
read_fuse(const char *name)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext context = CurrentMemoryContext;
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	Jsonb	   *fuse = NULL;
	bool		isnull;

	SPI_connect();
	if (plan == NULL)
	{
		plan = SPI_prepare("SELECT p.fuse FROM dataplat.pipeline AS p"
						   " JOIN dataplat_internal.pipeline_state AS s ON s.pipeline = p.name AND s.filled"
						   " WHERE p.name = $1 AND p.fuse <> '{}'", 1, &type);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare the reading of a fuse");
	}
	if (SPI_execute_plan(plan, &value, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the fuse of a pipeline");
	if (SPI_processed == 1)
	{
		Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext spi = MemoryContextSwitchTo(context);

		fuse = DatumGetJsonbPCopy(d);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return fuse;
}

static void
blow(const DpPipeline *pipeline, const char *detail)
{
	ereport(ERROR,
			(errcode(DP_ERRCODE_FUSE),
			 errmsg("the fuse of pipeline \"%s\" has blown", pipeline->name),
			 errdetail("%s", detail),
			 errhint("Nothing was changed. Look at what has come into the inputs; alter_pipeline(fuse => ...) allows more.")));
}

/* Were there at least n rows left in the target? */
static bool
has_rows(const DpPipeline *pipeline, int64 n)
{
	bool		enough;

	SPI_connect();
	if (SPI_execute(psprintf("SELECT FROM %s OFFSET " INT64_FORMAT " LIMIT 1", pipeline->target_name, n - 1),
					false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not count the rows of a target");
	enough = SPI_processed > 0;
	SPI_finish();
	return enough;
}

/*
 * The share of deletes is of the rows that were there before; so many of
 * them must be left, and so many are counted.
 */
static void
check_delete_ratio(const DpPipeline *pipeline, const DpRun *run, double ratio)
{
	double		left;

	if (run->rows_deleted == 0 || ratio >= 1)
		return;
	left = ratio <= 0 ? -1 : ceil(run->rows_deleted * (1 - ratio) / ratio);
	/* what was inserted is there now and was not before */
	if (left < 0 || !has_rows(pipeline, (int64) left + run->rows_inserted))
		blow(pipeline, psprintf("The run would delete " INT64_FORMAT " rows, more than the share %g (max_delete_ratio) of the target.",
								run->rows_deleted, ratio));
}

void
dp_pipeline_check_fuse(const DpPipeline *pipeline, const DpRun *run)
{
	Jsonb	   *fuse;
	double		limit;

	fuse = read_fuse(pipeline->name);
	if (fuse == NULL)
		return;
	if (run->kind == DP_RUN_LIVE && json_number(fuse, "max_rows_in", &limit) && run->rows_in > limit)
		blow(pipeline, psprintf("The run looked at " INT64_FORMAT " changed rows, max_rows_in is %.0f.",
								run->rows_in, limit));
	if (json_number(fuse, "max_deletes", &limit) && run->rows_deleted > limit)
		blow(pipeline, psprintf("The run would delete " INT64_FORMAT " rows, max_deletes is %.0f.",
								run->rows_deleted, limit));
	if (json_number(fuse, "max_delete_ratio", &limit))
		check_delete_ratio(pipeline, run, limit);
}
