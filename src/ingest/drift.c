/*-------------------------------------------------------------------------
 *
 * drift.c
 *	  What the messages of each schema look like: rows and NULLs by field.
 *
 * Counted while rows are decoded, added up in memory, and written about once
 * a second.  These are figures for people: messages that are read again after
 * a fault are counted again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "ingest/schemas.h"

/* Documents are looked into: each of the first, then one of many. */
#define DP_DRIFT_ALL 500
#define DP_DRIFT_ONE_OF 32

#define DP_DRIFT_REPORT_MS 1000

typedef struct FieldList
{
	DpSchemas  *schemas;
	DpPlan	   *plan;
} FieldList;

/* The name of a member in a document: Protobuf's JSON has order_id as orderId. */
static char *
member_name(const DpPlan *plan, const char *name)
{
	char	   *result = pstrdup(name);
	char	   *to = result;
	bool		up = false;

	if (plan->schema->kind->type != DP_SCHEMA_PROTOBUF)
		return result;
	for (; *name; name++)
	{
		if (*name != '_')
			*to++ = up ? pg_ascii_toupper((unsigned char) *name) : *name;
		up = *name == '_';
	}
	*to = '\0';
	return result;
}

static bool
note_field(void *arg, const DpSchemaField *field)
{
	FieldList  *list = arg;
	DpPlan	   *plan = list->plan;
	DpSource   *source = list->schemas->source;
	int			f = plan->nfields;

	if (f == DP_DRIFT_MAX_FIELDS)
		return false;
	plan->fields[f] = member_name(plan, field->name);
	plan->columns[f] = -1;
	for (int c = 0; c < source->ncolumns; c++)
		if (source->columns[c].field && strcmp(source->columns[c].field, field->name) == 0)
			plan->columns[f] = c;
	plan->nfields++;
	return true;
}

/* In the schemas' context. */
void
dp_drift_prepare(DpSchemas *s, DpPlan *plan)
{
	FieldList	list = {s, plan};
	DpMessagePath path = {plan->indexes, plan->nindexes};
	DpError		error;

	plan->fields = palloc(sizeof(char *) * DP_DRIFT_MAX_FIELDS);
	plan->columns = palloc(sizeof(int) * DP_DRIFT_MAX_FIELDS);
	plan->nulls = palloc0(sizeof(int64) * DP_DRIFT_MAX_FIELDS);
	if (!plan->schema->kind->fields(plan->schema->schema, &path,
									plan->side == DP_SIDE_VALUE ? s->source->nested_levels : 0,
									note_field, &list, &error))
		plan->nfields = 0;
}

void
dp_drift_count_columns(DpPlan *plan, const DpColumnValue *values, bool rescued)
{
	plan->rows++;
	plan->sampled++;
	plan->rescued += rescued;
	for (int f = 0; f < plan->nfields; f++)
		if (plan->columns[f] >= 0)
			plan->nulls[f] += values[plan->columns[f]].isnull;
}

void
dp_drift_count_document(DpPlan *plan, const char *jsonb)
{
	Jsonb	   *doc = (Jsonb *) jsonb;

	if (plan->rows++ >= DP_DRIFT_ALL && plan->rows % DP_DRIFT_ONE_OF != 0)
		return;
	if (!JB_ROOT_IS_OBJECT(doc))
		return;
	plan->sampled++;
	for (int f = 0; f < plan->nfields; f++)
	{
		JsonbValue	room;
		JsonbValue *value = getKeyJsonValueFromContainer(&doc->root, plan->fields[f],
														 strlen(plan->fields[f]), &room);

		plan->nulls[f] += value == NULL || value->type == jbvNull;
	}
}

/* Fields that are not looked at have no figure. */
static Datum
null_counts(const DpSchemas *s, const DpPlan *plan)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(plan->nfields, 1));
	bool	   *isnull = palloc(sizeof(bool) * Max(plan->nfields, 1));
	int			dims[1] = {plan->nfields};
	int			lbs[1] = {1};
	bool		columns = plan->side == DP_SIDE_VALUE && s->source->typed;

	for (int f = 0; f < plan->nfields; f++)
	{
		elems[f] = Int64GetDatum(plan->nulls[f]);
		isnull[f] = columns && plan->columns[f] < 0;
	}
	return PointerGetDatum(construct_md_array(elems, isnull, 1, dims, lbs, INT8OID, 8, true, TYPALIGN_DOUBLE));
}

static void
store_plan(const DpSchemas *s, DpPlan *plan)
{
	Oid			types[8] = {TEXTOID, TEXTOID, INT4OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8ARRAYOID};
	Datum		values[8];

	values[0] = CStringGetTextDatum(s->source->name);
	values[1] = CStringGetTextDatum(plan->side == DP_SIDE_KEY ? "key" : "value");
	values[2] = Int32GetDatum(plan->schema->id);
	values[3] = CStringGetTextDatum(dp_plan_message(plan));
	values[4] = Int64GetDatum(plan->rows);
	values[5] = Int64GetDatum(plan->rescued);
	values[6] = Int64GetDatum(plan->sampled);
	values[7] = null_counts(s, plan);
	if (SPI_execute_with_args("UPDATE dataplat_internal.source_schema AS m"
							  " SET rows = m.rows + $5, rescued = m.rescued + $6, sampled = m.sampled + $7,"
							  " nulls = ARRAY(SELECT COALESCE(u.a, 0) + u.b FROM unnest(m.nulls, $8) WITH ORDINALITY AS u(a, b, i) ORDER BY u.i),"
							  " last_seen_at = pg_catalog.clock_timestamp()"
							  " WHERE m.source = $1 AND m.side = $2 AND m.schema_id = $3 AND m.message = $4",
							  8, types, values, NULL, false, 0) < 0)
		elog(ERROR, "could not store the figures of a schema");
	plan->rows = plan->rescued = plan->sampled = 0;
	memset(plan->nulls, 0, sizeof(int64) * plan->nfields);
}

static bool
has_counts(const DpSchemas *s)
{
	for (int i = 0; i < s->nplans; i++)
		if (s->plans[i]->rows > 0)
			return true;
	return false;
}

void
dp_drift_store(DpSchemas *s)
{
	if (s == NULL || !has_counts(s))
		return;
	SPI_connect();
	for (int i = 0; i < s->nplans; i++)
		if (s->plans[i]->rows > 0)
			store_plan(s, s->plans[i]);
	SPI_finish();
}

void
dp_drift_report(DpSchemas *s, bool now)
{
	MemoryContext context = CurrentMemoryContext;

	if (s == NULL || !has_counts(s) ||
		(!now && !TimestampDifferenceExceeds(s->reported_at, GetCurrentTimestamp(), DP_DRIFT_REPORT_MS)))
		return;
	s->reported_at = GetCurrentTimestamp();
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	dp_drift_store(s);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}
