/*-------------------------------------------------------------------------
 *
 * envelope.c
 *	  Debezium's messages on their way into a bronze table.
 *
 * Bronze keeps a message as it was sent: op, before, after, source and the
 * times, the placeholder of values that were not logged, the messages of
 * transaction and schema-change topics.  Only what a converter wrapped around
 * it, {"schema", "payload"}, is taken off, so that rows look the same whichever
 * converter wrote them.  What a message means for a row is for pipelines
 * (pipeline/envelope.c).  What is no message of Debezium at all is refused here
 * and becomes a dead letter: a pipeline would stop at it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "ingest/envelope.h"

/* Keep no more than this from message to message. */
#define KEEP_BYTES (1024 * 1024)

struct DpEnvelope
{
	MemoryContext context;
	char	   *room;
	size_t		size;
	StringInfoData text;
};

DpEnvelope *
dp_envelope_create(void)
{
	DpEnvelope *e = palloc0(sizeof(DpEnvelope));

	e->context = CurrentMemoryContext;
	initStringInfo(&e->text);
	return e;
}

static JsonbValue *
member(JsonbContainer *object, const char *name, JsonbValue *room)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, name, strlen(name), room);

	return value && value->type != jbvNull ? value : NULL;
}

static bool
is_object(const JsonbValue *value)
{
	return value && value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

/*
 * The object in {"schema", "payload"}; NULL when the message is no such thing.
 * The schema of a converter that was given none is null.
 */
static JsonbContainer *
payload_of(JsonbContainer *root)
{
	JsonbValue	room;
	JsonbValue *value;

	if (member(root, "op", &room) ||
		!getKeyJsonValueFromContainer(root, "schema", strlen("schema"), &room))
		return NULL;
	value = member(root, "payload", &room);
	return is_object(value) ? value->val.binary.data : NULL;
}

/*
 * Is it one of the messages that Debezium sends: a change (op), a snapshot's
 * row (op r), a transaction's begin or end (status, id), a schema change (ddl,
 * tableChanges), a heartbeat (ts_ms alone), a tombstone with a schema?
 */
static bool
is_debezium(JsonbContainer *object)
{
	JsonbValue	room;
	JsonbValue *op = member(object, "op", &room);

	if (op)
		return op->type == jbvString && op->val.string.len == 1 &&
			memchr("crudtm", op->val.string.val[0], 6) != NULL;
	if (member(object, "status", &room) && member(object, "id", &room))
		return true;
	if (member(object, "ddl", &room) || member(object, "tableChanges", &room))
		return true;
	if (member(object, "ts_ms", &room) && JsonContainerSize(object) <= 2)
		return true;
	return getKeyJsonValueFromContainer(object, "payload", strlen("payload"), &room) &&
		room.type == jbvNull && JsonContainerSize(object) <= 2;
}

static char *
make_room(DpEnvelope *e, size_t size)
{
	if (e->size < size || e->size > Max(size, KEEP_BYTES))
	{
		if (e->room)
			pfree(e->room);
		e->room = MemoryContextAllocHuge(e->context, size);
		e->size = size;
	}
	return e->room;
}

static bool
refuse(DpError *err, const char *why)
{
	dp_error_set(err, "22023", DP_NO_POSITION, "the message is not one of Debezium");
	snprintf(err->detail, sizeof(err->detail), "%s", why);
	return false;
}

const char *
dp_envelope_open(DpEnvelope *e, const char *jsonb, DpError *err)
{
	Jsonb	   *doc = (Jsonb *) jsonb;
	JsonbContainer *payload;
	JsonbValue	room;
	JsonbValue *value;

	if (!JB_ROOT_IS_OBJECT(doc))
	{
		refuse(err, "It is no JSON object.");
		return NULL;
	}
	payload = payload_of(&doc->root);
	if (!is_debezium(payload ? payload : &doc->root))
	{
		refuse(err, "It has no \"op\", and is no message about a transaction, a schema or a heartbeat. Rows that a transformation has flattened are read with envelope upsert.");
		return NULL;
	}
	if (payload == NULL)
		return jsonb;
	value = getKeyJsonValueFromContainer(&doc->root, "payload", strlen("payload"), &room);
	doc = (Jsonb *) make_room(e, VARHDRSZ + value->val.binary.len);
	memcpy(&doc->root, value->val.binary.data, value->val.binary.len);
	SET_VARSIZE(doc, VARHDRSZ + value->val.binary.len);
	return (const char *) doc;
}

/*
 * May a text be {"schema", "payload"}?  Converters write nothing else, so the
 * first name tells; few messages that are none have to be read twice.
 */
static bool
may_be_wrapped(const char *text, size_t len)
{
	static const char *const names[] = {"\"schema\"", "\"payload\""};
	const char *end = text + len;
	const char *p = text;

	for (int brace = 0; brace < 2; brace++)
	{
		while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
			p++;
		if (brace == 0 && (p >= end || *p++ != '{'))
			return false;
	}
	for (int i = 0; i < lengthof(names); i++)
	{
		size_t		n = strlen(names[i]);

		if ((size_t) (end - p) >= n && memcmp(p, names[i], n) == 0)
			return true;
	}
	return false;
}

bool
dp_envelope_open_text(DpEnvelope *e, DpJsonDecoder *decoder,
					  const char **text, size_t *len, DpError *err)
{
	const char *jsonb;
	const char *opened;
	size_t		outlen;

	if (!may_be_wrapped(*text, *len))
		return true;
	jsonb = dp_json_to_jsonb(decoder, *text, *len, &outlen, err);
	if (jsonb == NULL)
		return false;
	opened = dp_envelope_open(e, jsonb, err);
	if (opened == NULL)
		return false;
	if (opened == jsonb)
		return true;
	resetStringInfo(&e->text);
	(void) JsonbToCString(&e->text, &((Jsonb *) opened)->root, VARSIZE(opened));
	*text = e->text.data;
	*len = e->text.len;
	return true;
}
