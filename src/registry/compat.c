/*-------------------------------------------------------------------------
 *
 * compat.c
 *	  What changed between two schemas.
 *
 * The languages tell the differences; which versions are compared, and which
 * way, is decided in registry_compat.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "registry/parsed.h"
#include "registry/registry.h"

/* Nobody reads more; a hostile pair of schemas could have one for each pair of fields. */
#define MAX_DIFFERENCES 10000

PG_FUNCTION_INFO_V1(dp_registry_compare_schemas);

extern PGDLLEXPORT Datum dp_registry_compare_schemas(PG_FUNCTION_ARGS);

typedef struct DifferenceRows
{
	ReturnSetInfo *rsinfo;
	int			n;
} DifferenceRows;

static bool
put_difference(void *arg, const DpDifference *difference)
{
	DifferenceRows *rows = arg;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	values[0] = CStringGetTextDatum(difference->type);
	nulls[1] = difference->path == NULL;
	if (!nulls[1])
		values[1] = CStringGetTextDatum(difference->path);
	nulls[2] = difference->message == NULL;
	if (!nulls[2])
		values[2] = CStringGetTextDatum(difference->message);
	values[3] = BoolGetDatum(difference->compatible);
	tuplestore_putvalues(rows->rsinfo->setResult, rows->rsinfo->setDesc, values, nulls);
	return ++rows->n < MAX_DIFFERENCES;
}

/*
 * compare_schemas(schema_type text, old text, old_names text[], old_texts text[],
 *				   new text, new_names text[], new_texts text[], lenient boolean)
 */
Datum
dp_registry_compare_schemas(PG_FUNCTION_ARGS)
{
	const DpSchemaKind *kind = dp_parsed_kind(PG_GETARG_TEXT_PP(0));
	DpSchema   *old = dp_parsed_schema(kind, PG_GETARG_TEXT_PP(1), PG_GETARG_DATUM(2),
									   PG_GETARG_DATUM(3));
	DpSchema   *new = dp_parsed_schema(kind, PG_GETARG_TEXT_PP(4), PG_GETARG_DATUM(5),
									   PG_GETARG_DATUM(6));
	DifferenceRows rows = {(ReturnSetInfo *) fcinfo->resultinfo, 0};
	DpError		err;

	InitMaterializedSRF(fcinfo, 0);
	for (;;)
	{
		memset(&err, 0, sizeof(err));
		tuplestore_clear(rows.rsinfo->setResult);
		rows.n = 0;
		if (kind->diff(old, new, PG_GETARG_BOOL(7), put_difference, &rows, &err))
			break;
		dp_parsed_again(&err);
	}
	return (Datum) 0;
}
