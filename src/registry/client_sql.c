/*-------------------------------------------------------------------------
 *
 * client_sql.c
 *	  Reading registries from SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "registry/client.h"
#include "registry/source_int.h"

/* A schema and its references, each within the server's timeout_ms. */
#define MAX_REFRESH_MS (5 * 60 * 1000)

extern PGDLLEXPORT Datum dp_fetch_schema(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_registry_request(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_refresh_cached_schema(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_fetch_schema);
PG_FUNCTION_INFO_V1(dp_registry_request);
PG_FUNCTION_INFO_V1(dp_refresh_cached_schema);

static const char *const answer_names[] = {
	[DP_SCHEMA_FOUND] = "found",
	[DP_SCHEMA_ASKED] = "asked",
	[DP_SCHEMA_UNKNOWN] = "unknown",
	[DP_SCHEMA_UNUSABLE] = "unusable"
};

/* fetch_schema(registry, by_id, by_guid, by_subject, timeout_ms) */
Datum
dp_fetch_schema(PG_FUNCTION_ARGS)
{
	char	   *registry = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			timeout_ms = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4);
	DpSchemaSource *source = dp_schema_source_open(registry, GetUserId(), CurrentMemoryContext);
	const DpRegisteredSchema *schema = NULL;
	DpSchemaAnswer answer;
	const DpError *error;
	const pg_uuid_t no_guid = {{0}};
	Datum		values[6];
	bool		nulls[6] = {false, true, true, true, true, true};
	TupleDesc	desc;
	Datum		result;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!PG_ARGISNULL(3))
	{
		schema = dp_schema_source_latest(source, text_to_cstring(PG_GETARG_TEXT_PP(3)), timeout_ms);
		answer = schema ? DP_SCHEMA_FOUND : DP_SCHEMA_UNKNOWN;
	}
	else
	{
		DpSchemaKey key = {0};

		key.framing = PG_ARGISNULL(1) ? DP_FRAMING_HEADER : DP_FRAMING_PREFIX;
		if (!PG_ARGISNULL(1))
			key.id = PG_GETARG_INT32(1);
		else if (!PG_ARGISNULL(2))
			key.guid = *PG_GETARG_UUID_P(2);
		answer = dp_schema_source_fetch(source, &key, timeout_ms, &schema);
	}

	values[0] = CStringGetTextDatum(answer_names[answer]);
	if (schema)
	{
		values[1] = Int32GetDatum(schema->id);
		values[2] = UUIDPGetDatum(&schema->guid);
		values[3] = CStringGetTextDatum(schema->kind->name);
		values[4] = CStringGetTextDatum(schema->text);
		nulls[1] = schema->id == 0;
		nulls[2] = memcmp(&schema->guid, &no_guid, sizeof(no_guid)) == 0;
		nulls[3] = nulls[4] = false;
	}
	error = dp_schema_source_error(source);
	if ((answer == DP_SCHEMA_UNUSABLE || answer == DP_SCHEMA_ASKED) && error)
	{
		values[5] = CStringGetTextDatum(psprintf("%s%s%s", error->message,
												 error->detail[0] ? ": " : "", error->detail));
		nulls[5] = false;
	}
	result = HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
	dp_schema_source_close(source);
	PG_RETURN_DATUM(result);
}

/* ---------------------------------------------------------------- requests by name */

/*
 * The client of this transaction: a mirror makes thousands of requests, which
 * should not open a connection each.
 */
static DpRegistryClient *current = NULL;
static MemoryContextCallback current_callback;

static void
forget_current(void *arg)
{
	current = NULL;
}

static DpRegistryClient *
client_for(const char *server, Oid role)
{
	if (current && current->role == role && strcmp(current->server, server) == 0)
		return current;
	if (!current)
	{
		current_callback.func = forget_current;
		current_callback.arg = NULL;
		MemoryContextRegisterResetCallback(TopTransactionContext, &current_callback);
	}
	current = dp_registry_client_open(server, role, TopTransactionContext);
	return current;
}

static void
fail(const DpRegistryClient *client)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("registry \"%s\" does not answer", client->server),
			 errdetail("%s.", client->problem),
			 errhint("SELECT * FROM dataplat.test_connection('%s'); shows what is wrong.", client->server)));
}

/*
 * registry_request(role, server, method, path, body) returns (status, error_code, answer)
 *
 * An error when the registry does not answer; what it refuses is an answer.
 */
Datum
dp_registry_request(PG_FUNCTION_ARGS)
{
	Oid			role = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	char	   *body = PG_ARGISNULL(4) ? NULL : JsonbToCString(NULL, &PG_GETARG_JSONB_P(4)->root, 0);
	DpRegistryClient *client = client_for(text_to_cstring(PG_GETARG_TEXT_PP(1)), role);
	DpRegistryCall call;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	dp_registry_call_start(&call, client, text_to_cstring(PG_GETARG_TEXT_PP(2)),
						   text_to_cstring(PG_GETARG_TEXT_PP(3)), body);
	if (dp_registry_call_wait(&call) == DP_CALL_FAILED)
		fail(client);
	values[0] = Int32GetDatum(call.status);
	values[1] = Int32GetDatum(call.error_code);
	values[2] = JsonbPGetDatum(call.answer);
	nulls[1] = call.error_code == 0;
	nulls[2] = call.answer == NULL;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* What a key of the cache table stands for; false for one that has no address. */
static bool
parse_key(const char *text, DpSchemaKey *key, const char **subject)
{
	memset(key, 0, sizeof(*key));
	*subject = NULL;
	if (strncmp(text, "subject ", 8) == 0)
		*subject = text + 8;
	else if (strspn(text, "0123456789") == strlen(text))
	{
		key->framing = DP_FRAMING_PREFIX;
		key->id = pg_strtoint32(text);
	}
	else if (strlen(text) == 36)
	{
		key->framing = DP_FRAMING_HEADER;
		key->guid = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(text)));
	}
	else
		return false;
	return true;
}

/*
 * refresh_cached_schema(role, server, key, accept) returns text
 *
 * Ask the registry again for a row of schema_cache: same, changed, accepted,
 * gone or failed.
 */
Datum
dp_refresh_cached_schema(PG_FUNCTION_ARGS)
{
	Oid			role = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	char	   *server = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	bool		accept = PG_GETARG_BOOL(3);
	DpRegistryClient *client = client_for(server, role);
	DpSchemaKey key;
	const char *subject;
	DpFetch    *fetch;
	DpFetchState state;
	const char *result = "gone";

	if (!parse_key(name, &key, &subject))
		PG_RETURN_NULL();
	fetch = dp_fetch_start(client, &key, subject, CurrentMemoryContext);
	state = dp_fetch_wait(fetch, MAX_REFRESH_MS);
	if (state == DP_FETCH_RUNNING)
		dp_registry_client_failed(client, "a schema with its references took too long");
	if (state == DP_FETCH_FAILED || state == DP_FETCH_RUNNING)
		fail(client);
	else if (state == DP_FETCH_BAD)
		result = "failed";
	else if (state == DP_FETCH_FOUND)
	{
		DpSchemaText found = *dp_fetch_result(fetch);
		DpSchemaText ours;
		bool		changed;
		DpCacheVerdict verdict;

		dp_fetch_complete(&key, &found);
		verdict = dp_cache_store(server, name, &found, subject != NULL);
		result = verdict == DP_CACHE_CHANGED ? "changed" : "same";
		if (verdict == DP_CACHE_CHANGED &&
			(accept || (dp_cache_load(server, name, &ours, &changed) &&
						dp_schema_texts_mean_the_same(&ours, &found))))
		{
			(void) dp_cache_store(server, name, &found, true);
			result = accept ? "accepted" : "same";
		}
	}
	dp_fetch_end(fetch);
	PG_RETURN_TEXT_P(cstring_to_text(result));
}
