/*-------------------------------------------------------------------------
 *
 * repair.c
 *	  Quarantined rows that a person repaired.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"

#include "pipeline/internal.h"
#include "pipeline/rules.h"

/* "a" int, "b" text: the columns of a row. */
static char *
definitions(TupleDesc desc)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		appendStringInfo(&text, "%s%s %s", i > 0 ? ", " : "", quote_identifier(NameStr(att->attname)),
						 format_type_extended(att->atttypid, att->atttypmod,
											  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
	}
	return text.data;
}

static bool
names(Datum repaired, const char *column)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(&DatumGetJsonbP(repaired)->root, column, strlen(column), &value) != NULL;
}

void
dp_repaired_row(TupleDesc desc, TupleTableSlot *row, const char *repaired, TupleTableSlot *slot)
{
	Oid			type = JSONBOID;
	Datum		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(repaired));
	MemoryContext context = CurrentMemoryContext;

	ExecClearTuple(slot);
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT * FROM pg_catalog.jsonb_to_record($1) AS r (%s)", definitions(desc)),
							  1, &type, &value, NULL, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read a repaired row");
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		MemoryContext old;

		if (names(value, NameStr(att->attname)))
			slot->tts_values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &slot->tts_isnull[i]);
		else if (row != NULL)
			slot->tts_values[i] = slot_getattr(row, i + 1, &slot->tts_isnull[i]);
		else
			slot->tts_isnull[i] = true;
		old = MemoryContextSwitchTo(context);
		if (!slot->tts_isnull[i])
			slot->tts_values[i] = datumCopy(slot->tts_values[i], att->attbyval, att->attlen);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	ExecStoreVirtualTuple(slot);
}
