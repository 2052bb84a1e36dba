/*-------------------------------------------------------------------------
 *
 * rows_store.c
 *	  What came of row rules: quarantined rows, and a result for each rule.
 *
 * All of it is written in the transaction of the rows that were judged, with
 * the extension's rights.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "common/role.h"
#include "common/statement.h"
#include "quality/rows_int.h"

/*
 * A row of a source that is read again stands in the quarantine already.  What
 * became of it is left to who decided, unless it is another message: an offset
 * comes again when a topic is made anew.  What a replay let pass and finds bad
 * still is there again, repaired if it was.
 */
#define SAME_MESSAGE \
	"(q.original - '{_batch_id,_ingested_at}'::pg_catalog.text[] = excluded.original - '{_batch_id,_ingested_at}'::pg_catalog.text[])"
#define PUT_ASIDE_QUERY \
	"INSERT INTO dataplat.quarantine AS q (dataset, object_kind, object, run_id, batch_id, row_key, topic, partition," \
	" message_offset, original, expectations, reasons)" \
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)" \
	" ON CONFLICT (dataset, object, topic, partition, message_offset) WHERE topic IS NOT NULL AND object_kind = 'source' DO UPDATE" \
	" SET batch_id = excluded.batch_id, original = excluded.original, expectations = excluded.expectations, reasons = excluded.reasons," \
	" state = CASE WHEN q.repaired IS NULL OR NOT " SAME_MESSAGE " THEN 'quarantined' ELSE 'repaired' END," \
	" repaired = CASE WHEN " SAME_MESSAGE " THEN q.repaired END," \
	" quarantined_at = excluded.quarantined_at, changed_at = NULL, changed_by = NULL" \
	" WHERE q.state IN ('quarantined', 'superseded') OR NOT " SAME_MESSAGE \
	" RETURNING q.quarantine_id"
#define PUT_ASIDE_NARGS 12

#define STORE_QUERY \
	"SELECT dataplat_internal.store_row_results($1, $2, $3, $4, $5, $6, $7::pg_catalog.jsonb)"
#define STORE_NARGS 7

static Datum
evaluate(DpRowRules *rules, ExprState *state, TupleTableSlot *row, bool *isnull)
{
	rules->econtext->ecxt_scantuple = row;
	return ExecEvalExprSwitchContext(state, rules->econtext, isnull);
}

Datum
dp_row_rules_contents(DpRowRules *rules, TupleTableSlot *row)
{
	bool		isnull;

	return evaluate(rules, rules->contents, row, &isnull);
}

Datum
dp_row_rules_key(DpRowRules *rules, TupleTableSlot *row, bool *isnull)
{
	*isnull = true;
	ResetExprContext(rules->econtext);
	return rules->key == NULL ? (Datum) 0 : evaluate(rules, rules->key, row, isnull);
}

int64
dp_row_rules_put_aside(DpRowRules *rules, TupleTableSlot *row, const DpRowBreach *breach, const DpRowOrigin *origin)
{
	Oid			types[PUT_ASIDE_NARGS] = {TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, JSONBOID, TEXTOID, INT4OID, INT8OID,
	JSONBOID, INT8ARRAYOID, TEXTARRAYOID};
	Datum		values[PUT_ASIDE_NARGS];
	char		nulls[PUT_ASIDE_NARGS + 1];
	bool		isnull;
	int64		id = 0;
	DpRoleScope scope;

	memset(nulls, ' ', sizeof(nulls));
	values[0] = CStringGetTextDatum(rules->dataset_name);
	values[1] = CStringGetTextDatum(origin->object_kind);
	values[2] = CStringGetTextDatum(origin->object);
	values[3] = Int64GetDatum(origin->run_id);
	nulls[3] = origin->run_id == 0 ? 'n' : ' ';
	values[4] = Int64GetDatum(origin->batch_id);
	nulls[4] = origin->batch_id == 0 ? 'n' : ' ';
	values[5] = dp_row_rules_key(rules, row, &isnull);
	nulls[5] = isnull ? 'n' : ' ';
	values[6] = origin->topic ? CStringGetTextDatum(origin->topic) : (Datum) 0;
	values[7] = Int32GetDatum(origin->partition);
	values[8] = Int64GetDatum(origin->offset);
	if (origin->topic == NULL)
		nulls[6] = nulls[7] = nulls[8] = 'n';
	values[9] = dp_row_rules_contents(rules, row);
	values[10] = breach->expectations;
	values[11] = breach->reasons;
	dp_platform_enter(&scope);
	SPI_connect();
	if (dp_statement_execute(PUT_ASIDE_QUERY, PUT_ASIDE_NARGS, types, values, nulls, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not put a row into quarantine");
	if (SPI_processed > 0)
		id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	dp_role_leave(&scope);
	rules->quarantined++;
	return id;
}

/* ---- results ---- */

static void
append_listed(StringInfo text, const DpOpenRule *rule)
{
	appendStringInfoString(text, ", \"listed\": [");
	for (int i = 0; i < rule->counts.nlisted; i++)
	{
		if (i > 0)
			appendStringInfoString(text, ", ");
		if (rule->listed[i] == (Datum) 0)
			appendStringInfoString(text, "null");
		else
		{
			Jsonb	   *value = DatumGetJsonbP(rule->listed[i]);

			JsonbToCString(text, &value->root, VARSIZE(value));
		}
	}
	appendStringInfoChar(text, ']');
}

char *
dp_row_rules_results(DpRowRules *rules)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '[');
	for (int i = 0; i < rules->n; i++)
	{
		const DpOpenRule *rule = &rules->rules[i];

		appendStringInfo(&text, "%s{\"id\": " INT64_FORMAT ", \"elements\": " INT64_FORMAT ", \"unexpected\": " INT64_FORMAT ", \"errors\": " INT64_FORMAT,
						 i > 0 ? ", " : "", rule->rule->id, rule->counts.elements, rule->counts.unexpected, rule->counts.errors);
		if (rule->rule->ignored != NULL)
			appendStringInfo(&text, ", \"missing\": " INT64_FORMAT, rule->counts.missing);
		if (rule->rule->problem != NULL || rule->counts.errors > 0)
		{
			appendStringInfoString(&text, ", \"error\": ");
			escape_json(&text, rule->error);
		}
		if (rule->counts.nlisted > 0)
			append_listed(&text, rule);
		appendStringInfoChar(&text, '}');
	}
	appendStringInfoChar(&text, ']');
	return text.data;
}

void
dp_row_results_store(const char *dataset, const char *results, const char *trigger, const DpRowOrigin *origin,
					 TimestampTz started_at)
{
	Oid			types[STORE_NARGS] = {TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID};
	Datum		values[STORE_NARGS];
	char		nulls[STORE_NARGS + 1];
	DpRoleScope scope;

	memset(nulls, ' ', sizeof(nulls));
	values[0] = CStringGetTextDatum(dataset);
	values[1] = CStringGetTextDatum(trigger);
	values[2] = CStringGetTextDatum(origin->object);
	values[3] = Int64GetDatum(origin->run_id);
	nulls[3] = origin->run_id == 0 ? 'n' : ' ';
	values[4] = Int64GetDatum(origin->batch_id);
	nulls[4] = origin->batch_id == 0 ? 'n' : ' ';
	values[5] = TimestampTzGetDatum(started_at);
	values[6] = CStringGetTextDatum(results);
	dp_platform_enter(&scope);
	SPI_connect();
	if (dp_statement_execute(STORE_QUERY, STORE_NARGS, types, values, nulls, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not store the results of row rules");
	SPI_finish();
	dp_role_leave(&scope);
}

void
dp_row_rules_store(DpRowRules *rules, const char *trigger, const DpRowOrigin *origin, TimestampTz started_at)
{
	char	   *results = dp_row_rules_results(rules);

	dp_row_results_store(rules->dataset_name, results, trigger, origin, started_at);
	pfree(results);
}

/* ---- rules that end the run ---- */

char *
dp_row_rules_failure(DpRowRules *rules)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	MemoryContext context = CurrentMemoryContext;
	bool		any = false;
	char	   *failure;
	DpRoleScope scope;

	for (int i = 0; i < rules->n && !any; i++)
	{
		const DpOpenRule *rule = &rules->rules[i];

		any = rule->rule->fails && (rule->rule->problem != NULL || rule->counts.unexpected > 0 || rule->counts.errors > 0);
	}
	if (!any)
		return NULL;
	values[0] = CStringGetTextDatum(dp_row_rules_results(rules));
	dp_platform_enter(&scope);
	SPI_connect();
	if (dp_statement_execute("SELECT dataplat_internal.row_failure($1::pg_catalog.jsonb)", 1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not judge row rules");
	failure = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (failure != NULL)
		failure = MemoryContextStrdup(context, failure);
	SPI_finish();
	dp_role_leave(&scope);
	return failure;
}

void
dp_row_rules_check(DpRowRules *rules)
{
	char	   *failure = dp_row_rules_failure(rules);

	if (failure != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("rows for %s break rules that end the run", rules->dataset_name),
				 errdetail("%s", failure),
				 errhint("Mend the rows where they come from, or let the rules drop or quarantine them.")));
}
