/*-------------------------------------------------------------------------
 *
 * schemas.c
 *	  The registered schemas that a source's messages are written with.
 *
 * A message names its schema by its framing, or the source names a subject
 * for all messages that have none.  For each schema that is met there is one
 * plan: a reader compiled for the target's columns, made once.
 *
 * A worker decodes between polls, where it may neither run SQL nor wait for
 * the network.  So a message whose schema is not in memory is put aside
 * (hold.c), and dp_schemas_tend() asks between two polls; the other partitions
 * go on.  A session has a transaction of its own and asks at once.
 *
 * When the registry says that there is no such schema, the message waits for
 * dataplat.schema_wait and then goes to the dead letters; when the registry
 * says nothing, it waits as long as that lasts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "ingest/schemas.h"

/* What a session waits for the registry, milliseconds. */
#define DP_SESSION_SCHEMA_TIMEOUT_MS 5000

/* A worker asks for the latest version of a subject in a transaction: not for long. */
#define DP_SUBJECT_TIMEOUT_MS 2000

/* Schemas that were missing and since when; it outlives a new start of the loop. */
#define DP_MAX_MISSING 64

typedef struct Missing
{
	DpSchemaKey key;
	TimestampTz since;
	TimestampTz seen;
} Missing;

static Missing missing[DP_MAX_MISSING];
static int	nmissing;

int			dp_schema_wait = 60;	/* seconds */

static bool
same_key(const DpSchemaKey *a, const DpSchemaKey *b)
{
	if (a->framing != b->framing)
		return false;
	switch (a->framing)
	{
		case DP_FRAMING_PREFIX:
			return a->id == b->id;
		case DP_FRAMING_HEADER:
			return memcmp(&a->guid, &b->guid, sizeof(pg_uuid_t)) == 0;
		case DP_FRAMING_SINGLE_OBJECT:
			return a->fingerprint == b->fingerprint;
		case DP_FRAMING_NONE:
			return true;
	}
	return false;
}

const char *
dp_schema_header_name(DpSide side)
{
	return side == DP_SIDE_KEY ? "__key_schema_id" : "__value_schema_id";
}

bool
dp_schemas_reads(const DpSchemas *schemas, DpSide side)
{
	return schemas != NULL && schemas->source->sides[side].registered;
}

static void
free_schemas(void *arg)
{
	DpSchemas  *s = arg;

	for (int i = 0; i < s->nplans; i++)
	{
		DpPlan	   *plan = s->plans[i];

		if (plan->document && plan->document != plan->reader)
			plan->document->free(plan->document);
		if (plan->reader)
			plan->reader->free(plan->reader);
	}
	/* the registry's context is a child of ours */
}

/* A transaction for what needs one, unless the caller has one. */
static bool
begin_if_none(void)
{
	if (IsTransactionState())
		return false;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	return true;
}

static void
end_transaction(MemoryContext context)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

DpSchemas *
dp_schemas_open(DpSource *source)
{
	MemoryContext context;
	MemoryContext old;
	DpSchemas  *s;
	MemoryContextCallback *callback;
	bool		ours;

	if (!source->sides[DP_SIDE_VALUE].registered && !source->sides[DP_SIDE_KEY].registered)
		return NULL;
	context = AllocSetContextCreate(CurrentMemoryContext, "dataplat schemas",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	s = palloc0(sizeof(DpSchemas));
	s->context = context;
	s->source = source;
	s->maxplans = 16;
	s->plans = palloc(sizeof(DpPlan *) * s->maxplans);
	ours = begin_if_none();
	s->registry = dp_schema_source_open(source->registry, source->owner, context);
	if (ours)
		end_transaction(context);
	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = free_schemas;
	callback->arg = s;
	MemoryContextRegisterResetCallback(context, callback);
	MemoryContextSwitchTo(old);
	return s;
}

/*-------------------------------------------------------------------------
 * Plans
 *-------------------------------------------------------------------------
 */
static bool
plan_is_for(const DpPlan *plan, DpSide side, const DpSchemaKey *key, const char *subject,
			const DpWireMessage *wire)
{
	return plan->side == side && same_key(&plan->key, key) &&
		plan->nindexes == wire->nindexes &&
		memcmp(plan->indexes, wire->indexes, sizeof(int) * wire->nindexes) == 0 &&
		(subject == NULL || (plan->subject != NULL && strcmp(plan->subject, subject) == 0));
}

static DpPlan *
find_plan(DpSchemas *s, DpSide side, const DpSchemaKey *key, const char *subject,
		  const DpWireMessage *wire)
{
	DpPlan	   *last = s->last[side];

	if (last && plan_is_for(last, side, key, subject, wire))
		return last;
	for (int i = 0; i < s->nplans; i++)
		if (plan_is_for(s->plans[i], side, key, subject, wire))
			return s->last[side] = s->plans[i];
	return NULL;
}

/* The readers, compiled for the target's columns when the layout has any. */
static void
make_readers(DpSchemas *s, DpPlan *plan)
{
	DpSource   *source = s->source;
	const DpRegisteredSchema *schema = plan->schema;
	bool		typed = plan->side == DP_SIDE_VALUE && source->typed;
	DpReaderOptions options = {0};

	options.path.indexes = plan->indexes;
	options.path.n = plan->nindexes;
	options.limits.max_depth = dp_max_json_depth;
	options.limits.max_exponent = dp_max_json_exponent;
	plan->document = schema->kind->reader(schema->schema, &options, &plan->error);
	plan->reader = plan->document;
	if (plan->document == NULL || !typed)
		return;
	options.columns = source->columns;
	options.ncolumns = source->ncolumns;
	options.rescue = source->target->attno[DP_FIELD_RESCUED] > 0;
	plan->reader = schema->kind->reader(schema->schema, &options, &plan->error);
}

/* Is the schema of the language that the side's format says? */
static bool
check_language(DpSchemas *s, DpPlan *plan)
{
	static const DpSchemaType types[] = {
		[DP_FORMAT_JSON] = DP_SCHEMA_JSON,
		[DP_FORMAT_AVRO] = DP_SCHEMA_AVRO,
		[DP_FORMAT_PROTOBUF] = DP_SCHEMA_PROTOBUF
	};
	DpFormat	format = plan->side == DP_SIDE_KEY ? s->source->key_format : s->source->format;

	if (plan->schema->kind->type == types[format])
		return true;
	dp_error_set(&plan->error, DP_SQLSTATE_BAD_MESSAGE, DP_NO_POSITION,
				 "schema %d is of type %s", plan->schema->id, plan->schema->kind->name);
	return false;
}

static DpPlan *
make_plan(DpSchemas *s, DpSide side, const DpSchemaKey *key, const char *subject,
		  const DpWireMessage *wire, const DpRegisteredSchema *schema)
{
	MemoryContext old = MemoryContextSwitchTo(s->context);
	DpPlan	   *plan = palloc0(sizeof(DpPlan));

	plan->side = side;
	plan->key = *key;
	plan->subject = subject ? pstrdup(subject) : NULL;
	plan->nindexes = wire->nindexes;
	memcpy(plan->indexes, wire->indexes, sizeof(int) * wire->nindexes);
	plan->schema = schema;
	if (check_language(s, plan))
		make_readers(s, plan);
	if (plan->reader)
		dp_drift_prepare(s, plan);
	/* what cannot be read changes nothing */
	plan->verdict = plan->reader && s->source->schema_mode != DP_SCHEMAS_LOOK
		? DP_MET_NEW : DP_MET_READ;
	s->unmet |= plan->verdict == DP_MET_NEW;
	if (s->nplans == s->maxplans)
	{
		s->maxplans *= 2;
		s->plans = repalloc(s->plans, sizeof(DpPlan *) * s->maxplans);
	}
	s->plans[s->nplans++] = plan;
	MemoryContextSwitchTo(old);
	return plan;
}

/*-------------------------------------------------------------------------
 * What is not there
 *-------------------------------------------------------------------------
 */
static const char *
describe_key(DpSchemas *s, const DpSchemaKey *key, const char *subject)
{
	static char text[128];

	switch (key->framing)
	{
		case DP_FRAMING_PREFIX:
			snprintf(text, sizeof(text), "schema %d", key->id);
			break;
		case DP_FRAMING_HEADER:
			{
				const unsigned char *b = key->guid.data;

				snprintf(text, sizeof(text),
						 "schema %02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
						 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
						 b[11], b[12], b[13], b[14], b[15]);
				break;
			}
		case DP_FRAMING_SINGLE_OBJECT:
			snprintf(text, sizeof(text), "a schema with fingerprint %016llx",
					 (unsigned long long) key->fingerprint);
			break;
		case DP_FRAMING_NONE:
			snprintf(text, sizeof(text), "subject \"%s\"", subject);
			break;
	}
	return text;
}

/* How long it has been missing is past the limit. */
static bool
waited_enough(const DpSchemaKey *key)
{
	TimestampTz now = GetCurrentTimestamp();
	int			at = -1;

	for (int i = 0; i < nmissing && at < 0; i++)
		if (same_key(&missing[i].key, key))
			at = i;
	if (at < 0)
	{
		at = nmissing < DP_MAX_MISSING ? nmissing++ : 0;
		/* the one that nobody asked for longest */
		for (int i = 0; nmissing == DP_MAX_MISSING && i < nmissing; i++)
			if (missing[i].seen < missing[at].seen)
				at = i;
		missing[at].key = *key;
		missing[at].since = now;
	}
	missing[at].seen = now;
	return TimestampDifferenceExceeds(missing[at].since, now, dp_schema_wait * 1000);
}

static DpFound
not_known(DpSchemas *s, const DpSchemaKey *key, const char *subject, DpError *err)
{
	if (s->source->schema_mode == DP_SCHEMAS_WORKER && !waited_enough(key))
	{
		s->asked = true;
		s->waits_for = describe_key(s, key, subject);
		return DP_FOUND_WAIT;
	}
	dp_error_set(err, "42704", DP_NO_POSITION, "%s is not in the registry", describe_key(s, key, subject));
	snprintf(err->detail, sizeof(err->detail), "UNKNOWN_SCHEMA_ID: register the schema, then retry_dead_letters().");
	return DP_FOUND_UNKNOWN;
}

static DpSchemaAnswer
ask_registry(DpSchemas *s, const DpSchemaKey *key, const char *subject,
			 const DpRegisteredSchema **schema)
{
	if (key->framing == DP_FRAMING_NONE)
	{
		/* a question that only a transaction can answer; dp_schemas_tend() made the plan */
		if (s->source->schema_mode == DP_SCHEMAS_WORKER)
			return DP_SCHEMA_ASKED;
		*schema = dp_schema_source_latest(s->registry, subject, DP_SESSION_SCHEMA_TIMEOUT_MS);
		return *schema ? DP_SCHEMA_FOUND : DP_SCHEMA_UNKNOWN;
	}
	if (s->source->schema_mode == DP_SCHEMAS_WORKER)
		return dp_schema_source_get(s->registry, key, schema);
	return dp_schema_source_fetch(s->registry, key, DP_SESSION_SCHEMA_TIMEOUT_MS, schema);
}

/* A schema without a plan; *plan when it is there now. */
static DpFound
look_for(DpSchemas *s, DpSide side, const DpSchemaKey *key, const char *subject,
		 const DpWireMessage *wire, DpPlan **plan, DpError *err)
{
	const DpRegisteredSchema *schema = NULL;

	switch (ask_registry(s, key, subject, &schema))
	{
		case DP_SCHEMA_FOUND:
			*plan = make_plan(s, side, key, subject, wire, schema);
			return DP_FOUND_PLAN;
		case DP_SCHEMA_UNKNOWN:
			return not_known(s, key, subject, err);
		case DP_SCHEMA_UNUSABLE:
			*err = *dp_schema_source_error(s->registry);
			return DP_FOUND_ERROR;
		case DP_SCHEMA_ASKED:
			break;
	}
	if (s->source->schema_mode != DP_SCHEMAS_WORKER)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the schema registry did not answer in %d seconds",
						DP_SESSION_SCHEMA_TIMEOUT_MS / 1000),
				 errdetail("The messages need %s.", describe_key(s, key, subject))));
	s->asked = true;
	s->waits_for = describe_key(s, key, subject);
	return DP_FOUND_WAIT;
}

DpFound
dp_schemas_find(DpSchemas *s, DpSide side, const char *bytes, size_t len,
				const char *header, size_t headerlen, DpWireMessage *wire, DpPlan **found, DpError *err)
{
	const DpSourceSide *have = &s->source->sides[side];
	DpFormat	format = side == DP_SIDE_KEY ? s->source->key_format : s->source->format;
	const char *subject = NULL;
	DpSchemaKey key;
	DpPlan	   *plan;
	DpFound		rc;

	if (have->unframed)
	{
		memset(wire, 0, offsetof(DpWireMessage, indexes));
		wire->body = bytes;
		wire->len = len;
	}
	else if (!dp_wire_parse(bytes, len, header, headerlen, format == DP_FORMAT_PROTOBUF, wire, err))
		return DP_FOUND_ERROR;
	if (wire->framing == DP_FRAMING_NONE)
	{
		subject = have->subject;
		if (subject == NULL && format == DP_FORMAT_JSON)
			return DP_FOUND_NOTHING;
		if (subject == NULL)
		{
			dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, 0, "the %s names no schema",
						 side == DP_SIDE_KEY ? "key" : "message");
			snprintf(err->detail, sizeof(err->detail),
					 "It begins with none of the framings of a schema registry; with %s_subject it is read without.",
					 side == DP_SIDE_KEY ? "key" : "value");
			return DP_FOUND_ERROR;
		}
		wire->nindexes = have->nindexes;
		memcpy(wire->indexes, have->indexes, sizeof(int) * have->nindexes);
	}
	key.framing = wire->framing;
	key.id = wire->schema_id;
	key.guid = wire->guid;
	key.fingerprint = wire->fingerprint;
	plan = find_plan(s, side, &key, subject, wire);
	if (plan == NULL && (rc = look_for(s, side, &key, subject, wire, &plan, err)) != DP_FOUND_PLAN)
		return rc;
	if (plan->verdict == DP_MET_NEW && s->source->schema_mode == DP_SCHEMAS_SESSION)
		plan->verdict = dp_schema_meet(s, plan);
	if (plan->verdict != DP_MET_READ)
	{
		s->waits_for = describe_key(s, &key, subject);
		return DP_FOUND_WAIT;
	}
	*found = plan;
	if (plan->reader)
		return DP_FOUND_PLAN;
	*err = plan->error;
	return DP_FOUND_ERROR;
}

/*-------------------------------------------------------------------------
 * Between two polls
 *-------------------------------------------------------------------------
 */

/* The plan for messages without framing, while there is none. */
static bool
find_subject(DpSchemas *s, DpSide side)
{
	const DpSourceSide *have = &s->source->sides[side];
	const DpRegisteredSchema *schema;
	DpSchemaKey key = {.framing = DP_FRAMING_NONE};
	DpWireMessage wire = {.nindexes = have->nindexes};
	MemoryContext context = CurrentMemoryContext;

	if (!have->registered || have->subject == NULL)
		return false;
	memcpy(wire.indexes, have->indexes, sizeof(int) * have->nindexes);
	if (find_plan(s, side, &key, have->subject, &wire))
		return false;
	(void) begin_if_none();
	schema = dp_schema_source_latest(s->registry, have->subject, DP_SUBJECT_TIMEOUT_MS);
	end_transaction(context);
	if (schema == NULL)
		return false;
	(void) make_plan(s, side, &key, have->subject, &wire, schema);
	return true;
}

static void
meet_new_schemas(DpSchemas *s)
{
	MemoryContext context = CurrentMemoryContext;
	bool		left = false;

	for (int i = 0; i < s->nplans && !s->reload && !s->stop; i++)
	{
		DpPlan	   *plan = s->plans[i];

		if (plan->verdict != DP_MET_NEW && plan->verdict != DP_MET_LATER)
			continue;
		(void) begin_if_none();
		plan->verdict = dp_schema_meet(s, plan);
		end_transaction(context);
		left |= plan->verdict == DP_MET_LATER;
	}
	s->unmet = left;
}

bool
dp_schemas_tend(DpSchemas *s, long *wait_ms, const char **problem)
{
	bool		retry = false;
	long		ms = DP_SCHEMA_RETRY_MS;

	*problem = NULL;
	*wait_ms = DP_SCHEMA_RETRY_MS;
	if (s->asked)
	{
		s->asked = false;
		s->waiting = true;
		retry |= find_subject(s, DP_SIDE_VALUE);
		retry |= find_subject(s, DP_SIDE_KEY);
	}
	/* an answer may take more than one call */
	if (dp_schema_source_work(s->registry, &ms, problem))
	{
		retry |= s->waiting;
		s->waiting = false;
	}
	if (ms >= 0)
		*wait_ms = Min(*wait_ms, Max(ms, 1));
	/* a plan was made of what is not to be used any more */
	if (dp_schema_source_revoked(s->registry))
		s->reload = true;
	/* what was found gets its plan when the message is tried; then it is met */
	if (s->unmet)
	{
		meet_new_schemas(s);
		retry |= !s->unmet;
	}
	return retry;
}

/*-------------------------------------------------------------------------
 * Reading
 *-------------------------------------------------------------------------
 */
static bool
was_interrupted(const DpError *err)
{
	if (strcmp(err->sqlstate, DP_SQLSTATE_INTERRUPTED) != 0)
		return false;
	CHECK_FOR_INTERRUPTS();
	return true;
}

const char *
dp_plan_to_jsonb(const DpPlan *plan, const char *body, size_t len, DpError *err)
{
	const char *jb;
	size_t		outlen;

	do
	{
		err->sqlstate[0] = '\0';
		jb = plan->document->to_jsonb(plan->document, body, len, &outlen, err);
	} while (jb == NULL && was_interrupted(err));
	return jb;
}

bool
dp_plan_to_columns(const DpPlan *plan, const char *body, size_t len,
				   DpColumnValue *values, DpError *err)
{
	bool		ok;

	do
	{
		err->sqlstate[0] = '\0';
		ok = plan->reader->to_columns(plan->reader, body, len, values, err);
	} while (!ok && was_interrupted(err));
	return ok;
}
