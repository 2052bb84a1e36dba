/*-------------------------------------------------------------------------
 *
 * lookup.c
 *	  Schemas from tables.
 *
 * SQL functions know the tables; each answers with one row: id, guid, type,
 * text, and names and texts of the closure of references, in two arrays.
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

/* A copy in "context" of a text column, NULL when it is null. */
static char *
text_column(HeapTuple row, TupleDesc desc, int column, MemoryContext context)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);
	MemoryContext old;
	char	   *copy;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(context);
	copy = TextDatumGetCString(value);
	MemoryContextSwitchTo(old);
	return copy;
}

static int
text_array_column(HeapTuple row, TupleDesc desc, int column, char ***items)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	*items = NULL;
	if (isnull)
		return 0;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	*items = palloc0(sizeof(char *) * (n + 1));
	for (int i = 0; i < n; i++)
		(*items)[i] = nulls[i] ? "" : TextDatumGetCString(elements[i]);
	return n;
}

/* Copy the row to the caller's memory, which is not SPI's. */
static void
read_row(HeapTuple row, TupleDesc desc, MemoryContext context, DpSchemaText *out)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		isnull;
	Datum		value;
	char	  **names;
	char	  **texts;
	int			n;

	memset(out, 0, sizeof(*out));
	value = SPI_getbinval(row, desc, 1, &isnull);
	out->id = isnull ? 0 : DatumGetInt32(value);
	value = SPI_getbinval(row, desc, 2, &isnull);
	out->has_guid = !isnull;
	if (!isnull)
		out->guid = *DatumGetUUIDP(value);
	out->type = text_column(row, desc, 3, context);
	out->text = text_column(row, desc, 4, context);
	n = text_array_column(row, desc, 5, &names);
	if (text_array_column(row, desc, 6, &texts) != n)
		elog(ERROR, "names and texts of references do not match");
	out->nrefs = n;
	out->refs = palloc0(sizeof(DpSchemaRef) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		out->refs[i].name = names[i];
		out->refs[i].text = texts[i];
		out->refs[i].len = strlen(texts[i]);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Run a query for a row of that shape.  "flag", when asked for, is a seventh
 * column.  False when there is no row.  Runs with the current user's rights.
 */
bool
dp_schema_text_query(const char *statement, int nargs, Oid *types, Datum *values,
					 const char *nulls, DpSchemaText *out, bool *flag)
{
	MemoryContext context = CurrentMemoryContext;
	bool		found;

	SPI_connect();
	if (SPI_execute_with_args(statement, nargs, types, values, nulls, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look up a schema");
	found = SPI_processed == 1;
	if (found)
	{
		read_row(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, context, out);
		if (flag)
		{
			bool		isnull;
			Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 7, &isnull);

			*flag = !isnull && DatumGetBool(value);
		}
	}
	SPI_finish();
	return found;
}

bool
dp_registry_lookup(const DpSchemaKey *key, DpSchemaText *out)
{
	Oid			types[3] = {INT4OID, UUIDOID, INT8OID};
	Datum		values[3];
	char		nulls[4] = "nnn";

	values[0] = Int32GetDatum(key->id);
	values[1] = UUIDPGetDatum(&key->guid);
	values[2] = Int64GetDatum((int64) key->fingerprint);
	if (key->framing == DP_FRAMING_PREFIX)
		nulls[0] = ' ';
	else if (key->framing == DP_FRAMING_HEADER)
		nulls[1] = ' ';
	else if (key->framing == DP_FRAMING_SINGLE_OBJECT)
		nulls[2] = ' ';
	else
		return false;
	return dp_schema_text_query("SELECT s.schema_id, s.guid, s.schema_type, s.schema, s.ref_names, s.ref_texts"
			   " FROM dataplat_internal.own_schema($1, $2, $3) AS s",
			   3, types, values, nulls, out, NULL);
}

bool
dp_registry_lookup_latest(const char *subject, DpSchemaText *out)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];

	values[0] = CStringGetTextDatum(subject);
	return dp_schema_text_query("SELECT s.schema_id, s.guid, s.schema_type, s.schema, s.ref_names, s.ref_texts"
			   " FROM dataplat_internal.own_schema_latest($1) AS s",
			   1, types, values, " ", out, NULL);
}
