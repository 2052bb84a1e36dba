/*-------------------------------------------------------------------------
 *
 * evolve.c
 *	  Tell the catalog about a schema that messages begin to use.
 *
 * What a new schema means for the target, and whether the target is changed
 * for it, is decided in SQL (ingest_evolve.sql), in one transaction that ends
 * before the first message of the schema is stored.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "ingest/schemas.h"

/* The parse state keeps pointers, and a field lives for one call only. */
static void
push_string(JsonbParseState **state, const char *name, const char *string)
{
	JsonbValue	key = {.type = jbvString};
	JsonbValue	value = {.type = string ? jbvString : jbvNull};

	key.val.string.val = (char *) name;
	key.val.string.len = strlen(name);
	(void) pushJsonbValue(state, WJB_KEY, &key);
	if (string)
	{
		value.val.string.val = pstrdup(string);
		value.val.string.len = strlen(string);
	}
	(void) pushJsonbValue(state, WJB_VALUE, &value);
}

static void
push_bool(JsonbParseState **state, const char *name, bool boolean)
{
	JsonbValue	key = {.type = jbvString};
	JsonbValue	value = {.type = jbvBool};

	key.val.string.val = (char *) name;
	key.val.string.len = strlen(name);
	(void) pushJsonbValue(state, WJB_KEY, &key);
	value.val.boolean = boolean;
	(void) pushJsonbValue(state, WJB_VALUE, &value);
}

typedef struct FieldArray
{
	JsonbParseState *state;
	int			n;
	int			max;			/* 0: any number */
} FieldArray;

static bool
push_field(void *arg, const DpSchemaField *field)
{
	FieldArray *array = arg;
	JsonbParseState **state = &array->state;

	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_string(state, "name", field->name);
	if (field->is_path)
		push_bool(state, "path", true);
	push_string(state, "type", field->pg_type);
	push_bool(state, "nullable", field->nullable);
	push_bool(state, "has_default", field->has_default);
	push_string(state, "doc", field->doc);
	(void) pushJsonbValue(state, WJB_END_OBJECT, NULL);
	return ++array->n != array->max;
}

Datum
dp_schema_fields(const DpSchemaKind *kind, const DpSchema *schema, const DpMessagePath *path,
				 int levels, DpError *err)
{
	FieldArray	array = {.max = levels > 0 ? MaxHeapAttributeNumber + 1 : 0};

	(void) pushJsonbValue(&array.state, WJB_BEGIN_ARRAY, NULL);
	if (!kind->fields(schema, path, levels, push_field, &array, err))
		return (Datum) 0;
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&array.state, WJB_END_ARRAY, NULL)));
}

const char *
dp_plan_message(const DpPlan *plan)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < plan->nindexes; i++)
		appendStringInfo(&text, "%s%d", i ? "." : "", plan->indexes[i]);
	return text.data;
}

/* "read", "reload", "later", or "stop: why" */
static DpSchemaVerdict
obey(DpSchemas *s, const char *word)
{
	s->locked = strcmp(word, "later") == 0;
	if (s->locked)
		return DP_MET_LATER;
	if (strcmp(word, "reload") == 0)
	{
		s->reload = true;
		return DP_MET_RELOAD;
	}
	if (strncmp(word, "stop: ", 6) == 0)
	{
		s->stop = true;
		s->stop_reason = MemoryContextStrdup(s->context, word + 6);
		return DP_MET_STOP;
	}
	return DP_MET_READ;
}

DpSchemaVerdict
dp_schema_meet(DpSchemas *s, const DpPlan *plan)
{
	Oid			types[9] = {TEXTOID, TEXTOID, INT4OID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TIMESTAMPTZOID};
	Datum		values[9];
	char		nulls[10] = "         ";
	DpMessagePath path = {plan->indexes, plan->nindexes};
	const DpSchemaKind *kind = plan->schema->kind;
	const char *full_name = kind->full_name(plan->schema->schema, &path);
	DpError		error;
	DpSchemaVerdict verdict;

	values[0] = CStringGetTextDatum(s->source->name);
	values[1] = CStringGetTextDatum(plan->side == DP_SIDE_KEY ? "key" : "value");
	values[2] = Int32GetDatum(plan->schema->id);
	values[3] = UUIDPGetDatum(&plan->schema->guid);
	values[4] = CStringGetTextDatum(kind->name);
	values[5] = CStringGetTextDatum(full_name ? full_name : "");
	nulls[5] = full_name ? ' ' : 'n';
	values[6] = CStringGetTextDatum(dp_plan_message(plan));
	values[7] = dp_schema_fields(kind, plan->schema->schema, &path,
								 plan->side == DP_SIDE_VALUE ? s->source->nested_levels : 0, &error);
	nulls[7] = values[7] == (Datum) 0 ? 'n' : ' ';
	values[8] = TimestampTzGetDatum(s->source->altered_at);
	SPI_connect();
	if (SPI_execute_with_args("SELECT dataplat_internal.meet_schema($1, $2, $3, $4, $5, $6, $7, $8, $9)",
							  9, types, values, nulls, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not look at a new schema");
	verdict = obey(s, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return verdict;
}
