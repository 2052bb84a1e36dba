/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Schemas by id, for those who read messages.
 *
 * A reader of messages asks between messages, where neither SQL nor the
 * network may be used; so asking is done in two steps.  dp_schema_source_get
 * looks into memory and notes a question when nothing is there; at a place
 * where waiting is fine dp_schema_source_work answers all questions.
 *
 * A registered schema never changes, so what was found stays in memory,
 * parsed, as long as the source.  That there is none is remembered for a
 * while only: the producer may register it a moment later.
 *
 * The tables are read with the rights of the extension's owner: whoever may
 * read a topic may read the schemas that its messages name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "registry/client.h"
#include "registry/source_int.h"

/* A schema that is not there is asked for again after this time, milliseconds. */
#define UNKNOWN_MS 1000
/* ... and one that we cannot use, should it have been mended. */
#define UNUSABLE_MS 60000
/* Answers "there is none" that are remembered: a flood of made-up ids must not fill the memory. */
#define MAX_UNKNOWN 10000
/* Questions at a time, for the same reason. */
#define MAX_QUESTIONS 1000

typedef struct Parsed
{
	slist_node	node;
	DpRegisteredSchema public;
} Parsed;

/* Fetches and the client have contexts below ours, which are gone by now. */
static void
cleanup(void *arg)
{
	DpSchemaSource *source = arg;

	while (!slist_is_empty(&source->schemas))
	{
		Parsed	   *parsed = slist_container(Parsed, node, slist_pop_head_node(&source->schemas));

		parsed->public.kind->free(parsed->public.schema);
	}
}

DpSchemaSource *
dp_schema_source_open(const char *registry, Oid role, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "dataplat schema source",
												  ALLOCSET_DEFAULT_SIZES);
	DpSchemaSource *source = MemoryContextAllocZero(context, sizeof(DpSchemaSource));
	HASHCTL		ctl = {0};

	source->context = context;
	source->role = role;
	source->registry = registry ? MemoryContextStrdup(context, registry) : NULL;
	dlist_init(&source->questions);
	slist_init(&source->schemas);
	source->callback.func = cleanup;
	source->callback.arg = source;
	MemoryContextRegisterResetCallback(context, &source->callback);

	ctl.keysize = sizeof(DpSchemaKey);
	ctl.entrysize = sizeof(DpKnown);
	ctl.hcxt = context;
	source->known = hash_create("dataplat schemas", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	if (registry)
		dp_external_open(source);
	return source;
}

void
dp_schema_source_close(DpSchemaSource *source)
{
	if (source)
		MemoryContextDelete(source->context);
}

/* ---------------------------------------------------------------- what is known */

/* The key without what does not count, so that keys can be compared as bytes. */
static void
normalize_key(const DpSchemaKey *key, DpSchemaKey *out)
{
	memset(out, 0, sizeof(*out));
	out->framing = key->framing;
	if (key->framing == DP_FRAMING_PREFIX)
		out->id = key->id;
	else if (key->framing == DP_FRAMING_HEADER)
		out->guid = key->guid;
	else if (key->framing == DP_FRAMING_SINGLE_OBJECT)
		out->fingerprint = key->fingerprint;
}

static void
close_question(DpSchemaSource *source, DpKnown *known)
{
	if (!known->open)
		return;
	dlist_delete(&known->node);
	known->open = false;
	source->nquestions--;
}

static void
open_question(DpSchemaSource *source, DpKnown *known)
{
	if (known->open || source->nquestions >= MAX_QUESTIONS)
		return;
	dlist_push_tail(&source->questions, &known->node);
	known->open = true;
	known->looked = false;
	source->nquestions++;
}

/* Make room: forget what is not there. */
static void
forget_unknown(DpSchemaSource *source)
{
	HASH_SEQ_STATUS scan;
	DpKnown    *known;

	hash_seq_init(&scan, source->known);
	while ((known = hash_seq_search(&scan)) != NULL)
		if (known->state == DP_KNOWN_UNKNOWN && !known->open && !known->fetching)
			hash_search(source->known, &known->key, HASH_REMOVE, NULL);
	source->last = NULL;
}

static DpKnown *
find_or_add(DpSchemaSource *source, const DpSchemaKey *key)
{
	DpSchemaKey normal;
	DpKnown    *known;
	bool		found;

	normalize_key(key, &normal);
	if (source->last && memcmp(&source->last->key, &normal, sizeof(normal)) == 0)
		return source->last;
	known = hash_search(source->known, &normal, HASH_FIND, NULL);
	if (!known)
	{
		if (hash_get_num_entries(source->known) > MAX_UNKNOWN)
			forget_unknown(source);
		known = hash_search(source->known, &normal, HASH_ENTER, &found);
		memset((char *) known + sizeof(normal), 0, sizeof(*known) - sizeof(normal));
		known->state = DP_KNOWN_ASKED;
		open_question(source, known);
	}
	source->last = known;
	return known;
}

static DpSchemaAnswer
answer_of(DpSchemaSource *source, DpKnown *known, const DpRegisteredSchema **out)
{
	switch (known->state)
	{
		case DP_KNOWN_FOUND:
			*out = known->schema;
			return DP_SCHEMA_FOUND;
		case DP_KNOWN_UNUSABLE:
			source->error = known->error;
			if (!known->open && GetCurrentTimestamp() >= known->ask_at)
				open_question(source, known);
			return DP_SCHEMA_UNUSABLE;
		case DP_KNOWN_UNKNOWN:
			if (!known->open && GetCurrentTimestamp() >= known->ask_at)
				open_question(source, known);
			return DP_SCHEMA_UNKNOWN;
		case DP_KNOWN_ASKED:
			if (!known->open)
				open_question(source, known);
			break;
	}
	return DP_SCHEMA_ASKED;
}

DpSchemaAnswer
dp_schema_source_get(DpSchemaSource *source, const DpSchemaKey *key,
					 const DpRegisteredSchema **out)
{
	*out = NULL;
	return answer_of(source, find_or_add(source, key), out);
}

const DpError *
dp_schema_source_error(DpSchemaSource *source)
{
	return source->error;
}

/* ---------------------------------------------------------------- answers */

void
dp_source_unknown(DpSchemaSource *source, DpKnown *known, int again_ms)
{
	close_question(source, known);
	known->state = DP_KNOWN_UNKNOWN;
	known->times_unknown++;
	known->ask_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), again_ms);
}

void
dp_source_unusable(DpSchemaSource *source, DpKnown *known, const DpError *error)
{
	close_question(source, known);
	known->state = DP_KNOWN_UNUSABLE;
	if (!known->error)
		known->error = MemoryContextAlloc(source->context, sizeof(DpError));
	*known->error = *error;
	known->ask_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), UNUSABLE_MS);
}

/* What was found is not to be used any more. */
void
dp_source_reopen(DpSchemaSource *source, DpKnown *known)
{
	known->state = DP_KNOWN_ASKED;
	known->schema = NULL;
	source->revoked = true;
	open_question(source, known);
}

/* Parse, as often as an interrupt that turns out to be harmless comes between. */
static DpSchema *
parse(const DpSchemaKind *kind, const DpSchemaText *text, DpError *err)
{
	for (;;)
	{
		DpSchema   *schema = kind->parse(text->text, strlen(text->text), text->refs, text->nrefs, err);

		if (schema || strcmp(err->sqlstate, DP_SQLSTATE_INTERRUPTED) != 0)
			return schema;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Parse a schema and keep it; NULL and *err. */
const DpRegisteredSchema *
dp_source_keep(DpSchemaSource *source, const DpSchemaText *text, DpError *err)
{
	const DpSchemaKind *kind = dp_schema_kind(text->type);
	Parsed	   *parsed;
	char	   *copy;
	slist_iter	iter;

	if (!kind)
	{
		dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
					 "schema %d is of a type that is not known", text->id);
		return NULL;
	}

	/* The same one may have been asked for by another key. */
	slist_foreach(iter, &source->schemas)
	{
		parsed = slist_container(Parsed, node, iter.cur);
		if (text->id != 0 && parsed->public.id == text->id &&
			parsed->public.kind == kind && strcmp(parsed->public.text, text->text) == 0)
			return &parsed->public;
	}

	parsed = MemoryContextAllocZero(source->context, sizeof(Parsed));
	copy = MemoryContextStrdup(source->context, text->text);
	parsed->public.schema = parse(kind, text, err);
	if (!parsed->public.schema)
	{
		pfree(parsed);
		pfree(copy);
		return NULL;
	}
	parsed->public.kind = kind;
	parsed->public.id = text->id;
	parsed->public.guid = text->guid;
	parsed->public.text = copy;
	slist_push_head(&source->schemas, &parsed->node);
	return &parsed->public;
}

/* Registries print the same schema in more than one way. */
bool
dp_schema_texts_mean_the_same(const DpSchemaText *a, const DpSchemaText *b)
{
	const DpSchemaKind *kind = dp_schema_kind(a->type);
	const DpSchemaText *both[2] = {a, b};
	DpBuf		printed[2] = {{0}};
	DpError		err;
	bool		same = kind && dp_schema_kind(b->type) == kind && a->nrefs == b->nrefs;

	for (int i = 0; same && i < a->nrefs; i++)
		same = strcmp(a->refs[i].name, b->refs[i].name) == 0 &&
			strcmp(a->refs[i].text, b->refs[i].text) == 0;

	for (int i = 0; same && i < 2; i++)
	{
		DpSchema   *schema = parse(kind, both[i], &err);

		same = schema && kind->print(schema, true, &printed[i], &err) && !printed[i].oom;
		if (schema)
			kind->free(schema);
	}
	same = same && printed[0].len == printed[1].len &&
		memcmp(printed[0].data, printed[1].data, printed[0].len) == 0;
	dp_buf_free(&printed[0]);
	dp_buf_free(&printed[1]);
	return same;
}

void
dp_source_found(DpSchemaSource *source, DpKnown *known, const DpSchemaText *text)
{
	DpError		err;
	const DpRegisteredSchema *schema = dp_source_keep(source, text, &err);

	if (!schema)
	{
		dp_source_unusable(source, known, &err);
		return;
	}
	close_question(source, known);
	known->state = DP_KNOWN_FOUND;
	known->schema = schema;
}

/* Ask the tables; in a transaction. */
static void
ask_tables(DpSchemaSource *source)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "dataplat schema lookup",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	dlist_mutable_iter iter;
	Oid			userid;
	int			security;

	GetUserIdAndSecContext(&userid, &security);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, security | SECURITY_LOCAL_USERID_CHANGE);
	dlist_foreach_modify(iter, &source->questions)
	{
		DpKnown    *known = dlist_container(DpKnown, node, iter.cur);
		DpSchemaText text;

		CHECK_FOR_INTERRUPTS();
		if (dp_registry_lookup(&known->key, &text))
			dp_source_found(source, known, &text);
		else
			dp_source_unknown(source, known, UNKNOWN_MS);
		MemoryContextReset(scratch);
	}
	SetUserIdAndSecContext(userid, security);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

bool
dp_schema_source_work(DpSchemaSource *source, long *wait_ms, const char **problem)
{
	if (source->client)
		return dp_external_work(source, wait_ms, problem);
	*wait_ms = -1;
	*problem = NULL;
	if (dlist_is_empty(&source->questions))
		return true;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	ask_tables(source);
	PopActiveSnapshot();
	CommitTransactionCommand();
	return true;
}

bool
dp_schema_source_revoked(DpSchemaSource *source)
{
	bool		revoked = source->revoked;

	source->revoked = false;
	return revoked;
}

pgsocket
dp_schema_source_socket(DpSchemaSource *source)
{
	return source->client ? dp_http_socket(source->client->http) : PGINVALID_SOCKET;
}

DpSchemaAnswer
dp_schema_source_fetch(DpSchemaSource *source, const DpSchemaKey *key,
					   int timeout_ms, const DpRegisteredSchema **out)
{
	DpKnown    *known = find_or_add(source, key);
	MemoryContext scratch;
	MemoryContext old;
	Oid			userid;
	int			security;

	*out = NULL;
	if (known->state == DP_KNOWN_UNKNOWN)
		open_question(source, known);
	if (!known->open)
		return answer_of(source, known, out);
	if (!source->client)
	{
		ask_tables(source);
		return answer_of(source, known, out);
	}

	scratch = AllocSetContextCreate(CurrentMemoryContext, "dataplat schema lookup",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	GetUserIdAndSecContext(&userid, &security);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, security | SECURITY_LOCAL_USERID_CHANGE);
	dp_external_fetch(source, known, timeout_ms);
	SetUserIdAndSecContext(userid, security);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return answer_of(source, known, out);
}

static const DpRegisteredSchema *
own_latest(DpSchemaSource *source, const char *subject)
{
	const DpRegisteredSchema *schema;
	DpSchemaText text;
	DpError		err;

	if (!dp_registry_lookup_latest(subject, &text))
		return NULL;
	schema = dp_source_keep(source, &text, &err);
	if (!schema)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE(err.sqlstate[0], err.sqlstate[1], err.sqlstate[2],
									   err.sqlstate[3], err.sqlstate[4])),
				 errmsg("could not read the schema of subject \"%s\": %s", subject, err.message),
				 err.detail[0] ? errdetail("%s", err.detail) : 0));
	return schema;
}

const DpRegisteredSchema *
dp_schema_source_latest(DpSchemaSource *source, const char *subject, int timeout_ms)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "dataplat schema lookup",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	const DpRegisteredSchema *schema;
	Oid			userid;
	int			security;

	GetUserIdAndSecContext(&userid, &security);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, security | SECURITY_LOCAL_USERID_CHANGE);
	schema = source->client ? dp_external_latest(source, subject, timeout_ms) : own_latest(source, subject);
	SetUserIdAndSecContext(userid, security);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return schema;
}
