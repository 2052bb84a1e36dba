/*-------------------------------------------------------------------------
 *
 * fetch.c
 *	  Get a schema and all that it refers to from an external registry.
 *
 * A registry gives references as subject and version; each is one more
 * request, and may have references itself.  They are asked for one after the
 * other; what comes out is the closure in the order in which it can be parsed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "registry/client.h"

/* A closure is not larger; more is an attack or a mistake. */
#define MAX_NODES 1000
#define MAX_TEXT (4 * DP_SCHEMA_MAX_BYTES)
#define MAX_DEPTH 100

typedef struct Part
{
	const char *name;			/* as the one that refers to it says */
	const char *subject;
	int			version;
	char	   *text;
	List	   *children;		/* indexes of nodes */
	bool		entered;
	bool		placed;
} Part;

struct DpFetch
{
	MemoryContext context;
	DpRegistryCall call;
	Part	   *nodes;			/* the schema itself is the first */
	int			nnodes;
	int			current;		/* being fetched */
	size_t		bytes;
	DpSchemaText result;
	DpError		error;
};

static char *
path_of(const DpSchemaKey *key, const char *subject)
{
	if (subject)
		return psprintf("/subjects/%s/versions/latest", dp_http_encode(subject));
	if (key->framing == DP_FRAMING_HEADER)
		return psprintf("/schemas/guids/%s",
						DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&key->guid))));
	return psprintf("/schemas/ids/%d", key->id);
}

DpFetch *
dp_fetch_start(DpRegistryClient *client, const DpSchemaKey *key,
			   const char *subject, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "dataplat schema fetch",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DpFetch    *fetch = palloc0(sizeof(DpFetch));

	fetch->context = context;
	fetch->nodes = palloc0(sizeof(Part) * MAX_NODES);
	fetch->nnodes = 1;
	dp_registry_call_start(&fetch->call, client, "GET", path_of(key, subject), NULL);
	MemoryContextSwitchTo(old);
	return fetch;
}

void
dp_fetch_end(DpFetch *fetch)
{
	if (!fetch)
		return;
	dp_registry_call_end(&fetch->call);
	MemoryContextDelete(fetch->context);
}

const DpSchemaText *
dp_fetch_result(DpFetch *fetch)
{
	return &fetch->result;
}

const DpError *
dp_fetch_error(DpFetch *fetch)
{
	return &fetch->error;
}

/* Note that the current node needs another one. */
static bool
add_reference(DpFetch *fetch, const char *name, const char *subject, int version)
{
	Part	   *from = &fetch->nodes[fetch->current];
	Part	   *node;
	int			i;

	for (i = 1; i < fetch->nnodes; i++)
		if (strcmp(fetch->nodes[i].name, name) == 0 && fetch->nodes[i].version == version &&
			strcmp(fetch->nodes[i].subject, subject) == 0)
			break;
	if (i == MAX_NODES)
		return false;
	if (i == fetch->nnodes)
	{
		node = &fetch->nodes[fetch->nnodes++];
		node->name = name;
		node->subject = subject;
		node->version = version;
	}
	from->children = lappend_int(from->children, i);
	return true;
}

/* Read the member "references" of the answer; false when it makes no sense. */
static bool
read_references(DpFetch *fetch, Jsonb *answer)
{
	JsonbValue	list;
	JsonbValue	item;
	JsonbIterator *it;
	JsonbIteratorToken token;

	if (!getKeyJsonValueFromContainer(&answer->root, "references", strlen("references"), &list) ||
		list.type == jbvNull)
		return true;
	if (list.type != jbvBinary || !JsonContainerIsArray(list.val.binary.data))
		return false;
	it = JsonbIteratorInit(list.val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		Jsonb	   *reference;
		char	   *name;
		char	   *subject;
		int			version;

		if (token != WJB_ELEM)
			continue;
		if (item.type != jbvBinary)
			return false;
		reference = JsonbValueToJsonb(&item);
		name = dp_registry_text_of(reference, "name");
		subject = dp_registry_text_of(reference, "subject");
		version = dp_registry_int_of(reference, "version");
		if (!name || !subject || version < 1 ||
			!add_reference(fetch, name, subject, version))
			return false;
	}
	return true;
}

/* What only the schema itself has, and not its references. */
static void
read_root(DpFetch *fetch, Jsonb *answer)
{
	DpSchemaText *result = &fetch->result;
	char	   *guid = dp_registry_text_of(answer, "guid");

	result->type = dp_registry_text_of(answer, "schemaType");
	if (!result->type)
		result->type = "AVRO";
	result->id = Max(0, dp_registry_int_of(answer, "id"));
	/* 36 characters of which uuid_in cannot complain */
	if (guid && strlen(guid) == 36 && strspn(guid, "0123456789abcdefABCDEF-") == 36 &&
		guid[8] == '-' && guid[13] == '-' && guid[18] == '-' && guid[23] == '-')
	{
		char	   *p = guid;
		int			dashes = 0;

		for (; *p; p++)
			dashes += *p == '-';
		if (dashes == 4)
		{
			result->guid = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(guid)));
			result->has_guid = true;
		}
	}
}

/* Put the node behind all that it needs.  False: it needs itself. */
static bool
place(DpFetch *fetch, int index, int depth)
{
	Part	   *node = &fetch->nodes[index];
	ListCell   *lc;

	if (node->placed)
		return true;
	if (node->entered || depth > MAX_DEPTH)
		return false;
	node->entered = true;
	foreach(lc, node->children)
		if (!place(fetch, lfirst_int(lc), depth + 1))
			return false;
	node->placed = true;
	if (index > 0)
	{
		DpSchemaRef *ref = &fetch->result.refs[fetch->result.nrefs++];

		ref->name = node->name;
		ref->text = node->text;
		ref->len = strlen(node->text);
	}
	return true;
}

static DpFetchState
bad(DpFetch *fetch, const char *message)
{
	dp_error_set(&fetch->error, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION, "%s", message);
	return DP_FETCH_BAD;
}

static DpFetchState
take_answer(DpFetch *fetch)
{
	Jsonb	   *answer = fetch->call.answer;
	Part	   *node = &fetch->nodes[fetch->current];

	if (fetch->call.status == 404)
	{
		if (fetch->current == 0)
			return DP_FETCH_UNKNOWN;
		return bad(fetch, "the registry lacks a schema that this one refers to");
	}
	if (fetch->call.status != 200)
		return bad(fetch, "the registry does not give out this schema");
	node->text = dp_registry_text_of(answer, "schema");
	if (!node->text)
	{
		dp_registry_client_failed(fetch->call.client, "an answer without a schema in it");
		return DP_FETCH_FAILED;
	}
	if (!read_references(fetch, answer))
		return bad(fetch, "the references of the schema make no sense, or are too many");
	fetch->bytes += strlen(node->text);
	if (fetch->bytes > MAX_TEXT)
		return bad(fetch, "the schema and its references are too large together");
	if (fetch->current == 0)
		read_root(fetch, answer);

	if (++fetch->current < fetch->nnodes)
	{
		Part	   *next = &fetch->nodes[fetch->current];

		dp_registry_call_start(&fetch->call, fetch->call.client, "GET",
							   psprintf("/subjects/%s/versions/%d?deleted=true",
										dp_http_encode(next->subject), next->version),
							   NULL);
		return DP_FETCH_RUNNING;
	}
	fetch->result.text = fetch->nodes[0].text;
	fetch->result.refs = palloc0(sizeof(DpSchemaRef) * fetch->nnodes);
	if (!place(fetch, 0, 0))
		return bad(fetch, "the schema refers to itself");
	return DP_FETCH_FOUND;
}

/* See how the fetch is doing; after dp_http_work. */
DpFetchState
dp_fetch_step(DpFetch *fetch)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	DpFetchState state = DP_FETCH_RUNNING;

	switch (dp_registry_call_step(&fetch->call))
	{
		case DP_CALL_RUNNING:
			break;
		case DP_CALL_FAILED:
			state = DP_FETCH_FAILED;
			break;
		case DP_CALL_ANSWERED:
			state = take_answer(fetch);
			break;
	}
	MemoryContextSwitchTo(old);
	return state;
}

DpFetchState
dp_fetch_wait(DpFetch *fetch, int timeout_ms)
{
	DpHttp	   *http = fetch->call.client->http;
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);

	for (;;)
	{
		long		left;
		long		http_ms;
		DpFetchState state;

		CHECK_FOR_INTERRUPTS();
		dp_http_work(http);
		state = dp_fetch_step(fetch);
		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
		if (state != DP_FETCH_RUNNING || left <= 0)
			return state;
		http_ms = dp_http_wait_ms(http);
		if (http_ms >= 0)
			left = Min(left, http_ms);
		(void) WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
								 dp_http_socket(http), left, dp_registry_wait_event());
		ResetLatch(MyLatch);
	}
}

void
dp_fetch_complete(const DpSchemaKey *key, DpSchemaText *text)
{
	if (text->id == 0 && key->framing == DP_FRAMING_PREFIX)
		text->id = key->id;
	if (key->framing == DP_FRAMING_HEADER)
	{
		text->guid = key->guid;
		text->has_guid = true;
	}
}
