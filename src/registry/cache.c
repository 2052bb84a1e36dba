/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  What was read of external registries, in tables.
 *
 * A schema that was seen once is in dataplat_internal.schema_cache for good:
 * an outage of the registry, a restart of this server or a restore of a dump
 * takes nothing away that messages need.  A row is never replaced by another
 * schema without being told to: an id whose content changes means that the
 * registry is not the one it was (restored, or another one behind the same
 * name), and reading on would turn messages into wrong values.
 *
 * Only workers write here, in transactions of their own: a user's long
 * transaction that held a new row would stop them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "registry/source_int.h"

/* What a row is found by, palloc'd. */
char *
dp_cache_key(const DpSchemaKey *key, const char *subject)
{
	if (subject)
		return psprintf("subject %s", subject);
	if (key->framing == DP_FRAMING_HEADER)
		return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&key->guid)));
	if (key->framing == DP_FRAMING_SINGLE_OBJECT)
		return psprintf("fingerprint %016llx", (unsigned long long) key->fingerprint);
	return psprintf("%d", key->id);
}

bool
dp_cache_load(const char *server, const char *key, DpSchemaText *out, bool *changed)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];

	values[0] = CStringGetTextDatum(server);
	values[1] = CStringGetTextDatum(key);
	return dp_schema_text_query("SELECT c.schema_id, c.guid, c.schema_type, c.schema, c.ref_names, c.ref_texts, c.changed"
								" FROM dataplat_internal.cached_schema($1, $2) AS c",
								2, types, values, "  ", out, changed);
}

static Datum
text_array(const DpSchemaText *text, bool names)
{
	Datum	   *items = palloc(sizeof(Datum) * (text->nrefs + 1));

	for (int i = 0; i < text->nrefs; i++)
		items[i] = CStringGetTextDatum(names ? text->refs[i].name : text->refs[i].text);
	return PointerGetDatum(construct_array(items, text->nrefs, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Run a statement of one row and one text column; NULL when there is none. */
static char *
run(const char *statement, int nargs, Oid *types, Datum *values, const char *nulls)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *result = NULL;

	SPI_connect();
	if (SPI_execute_with_args(statement, nargs, types, values, nulls, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not write what is known of a registry");
	if (SPI_processed == 1)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		if (value)
			result = MemoryContextStrdup(context, value);
	}
	SPI_finish();
	return result;
}

/*
 * Store what the registry said.  "replace": also where the table has another
 * text, because both are known to mean the same, or the user says so.
 */
DpCacheVerdict
dp_cache_store(const char *server, const char *key, const DpSchemaText *text, bool replace)
{
	Oid			types[9] = {TEXTOID, TEXTOID, INT4OID, UUIDOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, BOOLOID};
	Datum		values[9];
	char		nulls[10] = "         ";
	char	   *verdict;

	values[0] = CStringGetTextDatum(server);
	values[1] = CStringGetTextDatum(key);
	values[2] = Int32GetDatum(text->id);
	values[3] = UUIDPGetDatum(&text->guid);
	values[4] = CStringGetTextDatum(text->type);
	values[5] = CStringGetTextDatum(text->text);
	values[6] = text_array(text, true);
	values[7] = text_array(text, false);
	values[8] = BoolGetDatum(replace);
	if (text->id == 0)
		nulls[2] = 'n';
	if (!text->has_guid)
		nulls[3] = 'n';
	verdict = run("SELECT dataplat_internal.cache_schema($1, $2, $3, $4, $5, $6, $7, $8, $9)",
				  9, types, values, nulls);
	if (verdict && strcmp(verdict, "changed") == 0)
		return DP_CACHE_CHANGED;
	return verdict && strcmp(verdict, "new") == 0 ? DP_CACHE_NEW : DP_CACHE_SAME;
}

void
dp_cache_missing(const char *server, const char *key)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];

	values[0] = CStringGetTextDatum(server);
	values[1] = CStringGetTextDatum(key);
	run("SELECT dataplat_internal.note_missing_schema($1, $2)", 2, types, values, "  ");
}

void
dp_cache_state(const char *server, bool reachable, const char *error)
{
	Oid			types[3] = {TEXTOID, BOOLOID, TEXTOID};
	Datum		values[3];

	values[0] = CStringGetTextDatum(server);
	values[1] = BoolGetDatum(reachable);
	values[2] = CStringGetTextDatum(error ? error : "");
	run("SELECT dataplat_internal.note_registry_state($1, $2, $3)", 3, types, values, error ? "   " : "  n");
}
