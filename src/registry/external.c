/*-------------------------------------------------------------------------
 *
 * external.c
 *	  A schema source that is an external registry.
 *
 * Questions go to the registry, a few at a time, and are answered from the cache
 * table when it takes too long or does not answer.  That the registry does not answer is a state, not an error: it
 * is written to dataplat_internal.registry_state, questions stay open, and
 * what is in memory or in the table goes on being found.
 *
 * Schemas from the table are compared with the registry before they are used,
 * if it is there, again after each outage, and every hour: ids are for ever, so a difference means
 * that the registry was restored or replaced.  From then on the id has no
 * answer, until the registry says the old thing again or a user accepts the
 * new one (dataplat.refresh_registry_cache).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "common/attempt.h"
#include "common/compat.h"
#include "registry/client.h"

/* "There is no such schema" counts for this long; doubles up to the second. */
#define UNKNOWN_MS 2000
#define UNKNOWN_MAX_MS 60000
/* Schemas of the table are compared with the registry as often as that. */
#define CHECK_MS (3600 * 1000)
/* How long a registry may take to contradict the table. */
#define PATIENCE_MS 2000
/* ... and those that differed, because the registry may be mended. */
#define CHANGED_MS 5000
/* How long the longest wait is when there is no reason to wake up. */
#define IDLE_MS 60000L
/* ... and while an answer is on its way. */
#define IN_FLIGHT_MS 10L

typedef struct Landed
{
	DpKnown    *known;
	DpFetch    *fetch;
	DpFetchState state;
} Landed;

void
dp_external_open(DpSchemaSource *source)
{
	source->noted = -1;
	source->client = dp_registry_client_open(source->registry, source->role, source->context);
}

/* ---------------------------------------------------------------- transactions of our own */

typedef struct Own
{
	Oid			userid;
	int			security;
} Own;

static void
begin(Own *own)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	GetUserIdAndSecContext(&own->userid, &own->security);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, own->security | SECURITY_LOCAL_USERID_CHANGE);
}

static void
commit(Own *own)
{
	SetUserIdAndSecContext(own->userid, own->security);
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* ---------------------------------------------------------------- the cache table */

/* Take what the table has, as it is.  True when it has a schema to use. */
static bool
use_cache(DpSchemaSource *source, DpKnown *known)
{
	DpSchemaText text;

	known->cached = dp_cache_load(source->registry, dp_cache_key(&known->key, NULL), &text, &known->changed);
	if (!known->cached || known->changed)
		return false;
	dp_source_found(source, known, &text);
	return true;
}

/*
 * First look for a question.  A registry that is well is given a moment to
 * contradict the table.
 */
static void
look_into_cache(DpSchemaSource *source, DpKnown *known)
{
	DpSchemaText text;
	TimestampTz now = GetCurrentTimestamp();

	known->looked = true;
	known->check_at = now;
	if (source->client->failures > 0 || known->key.framing == DP_FRAMING_SINGLE_OBJECT)
	{
		/* a fingerprint is no address: registries cannot be asked for it */
		if (!use_cache(source, known) && known->key.framing == DP_FRAMING_SINGLE_OBJECT)
			dp_source_unknown(source, known, UNKNOWN_MS);
		source->next_check = now;
		return;
	}
	known->cached = dp_cache_load(source->registry, dp_cache_key(&known->key, NULL), &text, &known->changed);
	known->patience = TimestampTzPlusMilliseconds(now, PATIENCE_MS);
}

/* Is it time to believe the table? */
static bool
is_impatient(const DpSchemaSource *source, const DpKnown *known, TimestampTz now)
{
	return known->looked && known->cached && !known->changed && known->state == DP_KNOWN_ASKED &&
		(source->client->failures > 0 || known->patience <= now);
}

static void
look_for_all(DpSchemaSource *source)
{
	MemoryContext scratch = NULL;
	MemoryContext old = CurrentMemoryContext;
	TimestampTz now = GetCurrentTimestamp();
	dlist_mutable_iter iter;
	Own			own;

	dlist_foreach_modify(iter, &source->questions)
	{
		DpKnown    *known = dlist_container(DpKnown, node, iter.cur);

		if (known->looked && !is_impatient(source, known, now))
			continue;
		if (!scratch)
		{
			begin(&own);
			scratch = AllocSetContextCreate(CurrentMemoryContext, "dataplat schema lookup",
											ALLOCSET_DEFAULT_SIZES);
		}
		MemoryContextSwitchTo(scratch);
		if (known->looked)
			(void) use_cache(source, known);
		else
			look_into_cache(source, known);
		MemoryContextReset(scratch);
	}
	if (scratch)
		commit(&own);
	MemoryContextSwitchTo(old);
}

/* ---------------------------------------------------------------- asking */

typedef struct Renewal
{
	DpSchemaSource *source;
	DpRegistryClient *client;
} Renewal;

static void
open_client(void *arg)
{
	Renewal    *renewal = arg;
	DpSchemaSource *source = renewal->source;

	renewal->client = dp_registry_client_open(source->registry, source->role, source->context);
}

/*
 * The server's options and the user mapping may have been mended meanwhile.
 * When they cannot be read, that is one more reason of the outage.
 */
static void
renew_client(DpSchemaSource *source)
{
	MemoryContext context = CurrentMemoryContext;
	DpRegistryClient *before = source->client;
	DpRegistryClient *fresh;
	Renewal		renewal = {source, NULL};
	ErrorData  *error;
	Own			own;

	begin(&own);
	MemoryContextSwitchTo(context);
	error = dp_attempt(open_client, &renewal);
	if (error != NULL)
	{
		dp_registry_client_failed(before, error->message);
		FreeErrorData(error);
	}
	commit(&own);
	MemoryContextSwitchTo(context);

	fresh = renewal.client;
	if (!fresh)
		return;
	fresh->failures = before->failures;
	fresh->url = before->url % fresh->nurls;
	strlcpy(fresh->problem, before->problem, sizeof(fresh->problem));
	source->client = fresh;
	dp_registry_client_close(before);
}

static int
in_flight(DpSchemaSource *source)
{
	int			n = 0;

	for (int i = 0; i < DP_MAX_FETCHES; i++)
		n += source->flights[i].known != NULL;
	return n;
}

static bool
launch(DpSchemaSource *source, DpKnown *known)
{
	for (int i = 0; i < DP_MAX_FETCHES; i++)
	{
		if (source->flights[i].known)
			continue;
		source->flights[i].fetch = dp_fetch_start(source->client, &known->key, NULL, source->context);
		source->flights[i].known = known;
		known->fetching = true;
		return true;
	}
	return false;
}

/* Found in the table, and not compared for a while. */
static bool
is_due(const DpKnown *known, TimestampTz now)
{
	return known->state == DP_KNOWN_FOUND && known->cached && !known->fetching &&
		known->key.framing != DP_FRAMING_SINGLE_OBJECT && known->check_at <= now;
}

static void
launch_checks(DpSchemaSource *source, TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	DpKnown    *known;
	TimestampTz next = TimestampTzPlusMilliseconds(now, CHECK_MS);

	if (!source->check_all && source->next_check > now)
		return;
	hash_seq_init(&scan, source->known);
	while ((known = hash_seq_search(&scan)) != NULL)
	{
		if (source->check_all)
			known->check_at = Min(known->check_at, now);
		if (is_due(known, now) && !launch(source, known))
			next = now;
		else if (known->state == DP_KNOWN_FOUND && known->check_at > now)
			next = Min(next, known->check_at);
	}
	source->check_all = false;
	source->next_check = next;
}

static void
launch_questions(DpSchemaSource *source, TimestampTz now)
{
	dlist_iter	iter;

	dlist_foreach(iter, &source->questions)
	{
		DpKnown    *known = dlist_container(DpKnown, node, iter.cur);

		if (known->fetching || (known->changed && known->ask_at > now))
			continue;
		if (!launch(source, known))
			return;
	}
}

/* Nobody needs it just now, but somebody may look whether it is back. */
static void
launch_probe(DpSchemaSource *source)
{
	HASH_SEQ_STATUS scan;
	DpKnown    *known;

	hash_seq_init(&scan, source->known);
	while ((known = hash_seq_search(&scan)) != NULL)
		if (known->state == DP_KNOWN_FOUND && known->key.framing != DP_FRAMING_SINGLE_OBJECT)
		{
			launch(source, known);
			hash_seq_term(&scan);
			return;
		}
}

static void
launch_all(DpSchemaSource *source)
{
	TimestampTz now = GetCurrentTimestamp();

	if (source->client->failures > 0)
	{
		if (source->client->retry_at > now)
			return;
		if (in_flight(source) == 0)
		{
			renew_client(source);
			if (source->client->retry_at > now)
				return;
		}
	}
	launch_questions(source, now);
	launch_checks(source, now);
	if (source->client->failures > 0 && in_flight(source) == 0)
		launch_probe(source);
}

/* ---------------------------------------------------------------- answers */

static int
unknown_ms(const DpKnown *known)
{
	return Min(UNKNOWN_MS << Min(known->times_unknown, 6), UNKNOWN_MAX_MS);
}

/* The registry has this schema; is it what we have? */
static void
take_schema(DpSchemaSource *source, DpKnown *known, const DpSchemaText *text)
{
	char	   *key = dp_cache_key(&known->key, NULL);
	DpSchemaText complete = *text;
	DpCacheVerdict verdict;
	DpSchemaText ours;
	bool		changed;

	dp_fetch_complete(&known->key, &complete);
	verdict = dp_cache_store(source->registry, key, &complete, false);
	if (verdict == DP_CACHE_CHANGED &&
		dp_cache_load(source->registry, key, &ours, &changed) &&
		dp_schema_texts_mean_the_same(&ours, &complete))
		verdict = dp_cache_store(source->registry, key, &complete, true);

	known->cached = true;
	known->check_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), CHECK_MS);
	if (verdict == DP_CACHE_CHANGED)
	{
		if (!known->changed)
			ereport(LOG,
					(errmsg("registry \"%s\" has another schema for \"%s\" than before",
							source->registry, key)));
		known->changed = true;
		known->ask_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), CHANGED_MS);
		if (known->state != DP_KNOWN_ASKED)
			dp_source_reopen(source, known);
		known->looked = true;
		return;
	}
	known->changed = false;
	if (known->state != DP_KNOWN_FOUND)
		dp_source_found(source, known, &complete);
}

/* It was there once: what we have stays right. */
static void
keep_cached(DpSchemaSource *source, DpKnown *known)
{
	TimestampTz now = GetCurrentTimestamp();

	if (known->state != DP_KNOWN_FOUND)
		(void) use_cache(source, known);
	known->check_at = TimestampTzPlusMilliseconds(now, CHECK_MS);
	known->ask_at = TimestampTzPlusMilliseconds(now, CHANGED_MS);
}

static void
take_result(DpSchemaSource *source, Landed *result)
{
	DpKnown    *known = result->known;

	switch (result->state)
	{
		case DP_FETCH_FOUND:
			take_schema(source, known, dp_fetch_result(result->fetch));
			break;
		case DP_FETCH_UNKNOWN:
			if (known->cached)
			{
				keep_cached(source, known);
				break;
			}
			dp_source_unknown(source, known, unknown_ms(known));
			dp_cache_missing(source->registry, dp_cache_key(&known->key, NULL));
			break;
		case DP_FETCH_BAD:
			if (known->cached)
				keep_cached(source, known);
			else
				dp_source_unusable(source, known, dp_fetch_error(result->fetch));
			break;
		case DP_FETCH_FAILED:
			/* Next time others come first, should it be this one's fault. */
			if (known->open)
			{
				if (known->state == DP_KNOWN_UNKNOWN)
					known->state = DP_KNOWN_ASKED;
				dlist_delete(&known->node);
				dlist_push_tail(&source->questions, &known->node);
			}
			break;
		case DP_FETCH_RUNNING:
			break;
	}
}

/* Take out of flight what has landed. */
static int
land(DpSchemaSource *source, Landed *results)
{
	int			n = 0;

	for (int i = 0; i < DP_MAX_FETCHES; i++)
	{
		DpInFlight *flight = &source->flights[i];
		DpFetchState state;

		if (!flight->known)
			continue;
		state = dp_fetch_step(flight->fetch);
		if (state == DP_FETCH_RUNNING)
			continue;
		results[n].known = flight->known;
		results[n].fetch = flight->fetch;
		results[n++].state = state;
		flight->known->fetching = false;
		flight->known = NULL;
		flight->fetch = NULL;
	}
	return n;
}

/* 0 down, 1 up, -1 when nothing is known yet. */
static int
state_of(const DpRegistryClient *client, bool answered)
{
	if (client->failures > 0)
		return 0;
	return answered ? 1 : -1;
}

static void
take_results(DpSchemaSource *source)
{
	Landed		results[DP_MAX_FETCHES];
	int			n = land(source, results);
	int			state;
	MemoryContext old = CurrentMemoryContext;
	Own			own;

	if (n == 0)
		return;
	state = state_of(source->client, true);
	begin(&own);
	for (int i = 0; i < n; i++)
		take_result(source, &results[i]);
	if (state != source->noted ||
		(state == 0 && strncmp(source->noted_problem, source->client->problem, sizeof(source->noted_problem) - 1) != 0))
	{
		dp_cache_state(source->registry, state == 1, state == 1 ? NULL : source->client->problem);
		strlcpy(source->noted_problem, source->client->problem, sizeof(source->noted_problem));
		if (state == 1 && source->noted == 0)
			source->check_all = true;
	}
	commit(&own);
	MemoryContextSwitchTo(old);

	if (state != source->noted && (state == 0 || source->noted == 0))
		ereport(LOG,
				(state == 1
				 ? errmsg("registry \"%s\" answers again", source->registry)
				 : errmsg("registry \"%s\" does not answer: %s", source->registry, source->client->problem)));
	source->noted = state;
	for (int i = 0; i < n; i++)
		dp_fetch_end(results[i].fetch);
}

/* ---------------------------------------------------------------- work */

static const DpKnown *
any_changed(DpSchemaSource *source)
{
	dlist_iter	iter;

	dlist_foreach(iter, &source->questions)
	{
		DpKnown    *known = dlist_container(DpKnown, node, iter.cur);

		if (known->changed)
			return known;
	}
	return NULL;
}

static const char *
describe_problem(DpSchemaSource *source)
{
	const DpKnown *changed = any_changed(source);

	if (changed)
		snprintf(source->problem, sizeof(source->problem),
				 "registry \"%s\" has another schema for \"%s\" than before; dataplat.registry_status shows it",
				 source->registry, dp_cache_key(&changed->key, NULL));
	else if (source->client->failures > 0 && !dlist_is_empty(&source->questions))
		snprintf(source->problem, sizeof(source->problem), "registry \"%s\" does not answer: %s",
				 source->registry, source->client->problem);
	else
		return NULL;
	return source->problem;
}

static long
milliseconds_until(TimestampTz when)
{
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), when);
}

/* When there will be something to do that no socket announces. */
static long
next_wait(DpSchemaSource *source)
{
	long		wait_ms = IDLE_MS;
	dlist_iter	iter;

	if (in_flight(source) > 0)
	{
		long		http_ms = dp_http_wait_ms(source->client->http);

		/* the caller may have no place for the socket in its wait */
		wait_ms = IN_FLIGHT_MS;
		if (http_ms >= 0)
			wait_ms = Min(wait_ms, http_ms);
	}
	else if (source->client->failures > 0)
		wait_ms = Min(wait_ms, milliseconds_until(source->client->retry_at));
	else
	{
		dlist_foreach(iter, &source->questions)
		{
			DpKnown    *known = dlist_container(DpKnown, node, iter.cur);

			wait_ms = Min(wait_ms, known->changed ? milliseconds_until(known->ask_at) : 0);
		}
	}
	return wait_ms;
}

bool
dp_external_work(DpSchemaSource *source, long *wait_ms, const char **problem)
{
	look_for_all(source);
	launch_all(source);
	if (in_flight(source) > 0)
	{
		dp_http_work(source->client->http);
		take_results(source);
		launch_all(source);
	}
	*problem = describe_problem(source);
	*wait_ms = next_wait(source);
	return dlist_is_empty(&source->questions);
}

/* ---------------------------------------------------------------- for SQL functions */

static void
note_failure(DpSchemaSource *source, const char *why)
{
	DpError    *error = MemoryContextAllocZero(source->context, sizeof(DpError));

	dp_error_set(error, "08006", DP_NO_POSITION, "registry \"%s\" does not answer", source->registry);
	strlcpy(error->detail, why, sizeof(error->detail));
	source->error = error;
}

/*
 * Ask the registry now, and store nothing: this is in a user's transaction.
 * What happened is in source->error when it is not an answer.
 */
static DpFetchState
ask_now(DpSchemaSource *source, const DpSchemaKey *key, const char *subject, int timeout_ms,
		DpFetch **fetch)
{
	DpRegistryClient *client = source->client;
	DpFetchState state;

	*fetch = NULL;
	if (client->failures > 0 && client->retry_at > GetCurrentTimestamp())
	{
		note_failure(source, client->problem);
		return DP_FETCH_FAILED;
	}
	*fetch = dp_fetch_start(client, key, subject, source->context);
	state = dp_fetch_wait(*fetch, timeout_ms);
	if (state == DP_FETCH_RUNNING)
		note_failure(source, "It did not answer in time.");
	else if (state == DP_FETCH_FAILED)
		note_failure(source, client->problem);
	return state;
}

void
dp_external_fetch(DpSchemaSource *source, DpKnown *known, int timeout_ms)
{
	DpFetch    *fetch;

	if (use_cache(source, known))
		return;
	if (known->key.framing == DP_FRAMING_SINGLE_OBJECT)
	{
		dp_source_unknown(source, known, UNKNOWN_MS);
		return;
	}
	if (known->changed)
	{
		DpError    *error = MemoryContextAllocZero(source->context, sizeof(DpError));

		dp_error_set(error, "55000", DP_NO_POSITION, "registry \"%s\" has another schema for \"%s\" than before",
					 source->registry, dp_cache_key(&known->key, NULL));
		source->error = error;
		return;
	}
	switch (ask_now(source, &known->key, NULL, timeout_ms, &fetch))
	{
		case DP_FETCH_FOUND:
			{
				DpSchemaText text = *dp_fetch_result(fetch);

				dp_fetch_complete(&known->key, &text);
				dp_source_found(source, known, &text);
				break;
			}
		case DP_FETCH_UNKNOWN:
			dp_source_unknown(source, known, unknown_ms(known));
			break;
		case DP_FETCH_BAD:
			dp_source_unusable(source, known, dp_fetch_error(fetch));
			break;
		default:
			break;
	}
	dp_fetch_end(fetch);
}

/*
 * The newest version of a subject: from the registry, and from the table when
 * it does not answer.  NULL when there is none; an error when nobody knows.
 */
const DpRegisteredSchema *
dp_external_latest(DpSchemaSource *source, const char *subject, int timeout_ms)
{
	char	   *key = dp_cache_key(NULL, subject);
	const DpRegisteredSchema *schema = NULL;
	DpError		err = {0};
	DpSchemaText text;
	DpFetch    *fetch;
	bool		changed;

	switch (ask_now(source, NULL, subject, timeout_ms, &fetch))
	{
		case DP_FETCH_FOUND:
			schema = dp_source_keep(source, dp_fetch_result(fetch), &err);
			if (AmBackgroundWorkerProcess() && !XactReadOnly)
				(void) dp_cache_store(source->registry, key, dp_fetch_result(fetch), true);
			break;
		case DP_FETCH_UNKNOWN:
			break;
		case DP_FETCH_BAD:
			err = *dp_fetch_error(fetch);
			break;
		default:
			if (!dp_cache_load(source->registry, key, &text, &changed))
				ereport(ERROR,
						(errcode(ERRCODE_CONNECTION_FAILURE),
						 errmsg("%s", source->error->message),
						 errdetail("%s", source->error->detail)));
			schema = dp_source_keep(source, &text, &err);
	}
	dp_fetch_end(fetch);
	if (!schema && err.message[0])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("could not read the schema of subject \"%s\": %s", subject, err.message),
				 err.detail[0] ? errdetail("%s", err.detail) : 0));
	return schema;
}
