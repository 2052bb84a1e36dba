/*-------------------------------------------------------------------------
 *
 * columns_sql.c
 *	  dataplat.column_lineage() and its relatives.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "common/role.h"
#include "lineage/columns.h"

#define COLUMNS 9

PG_FUNCTION_INFO_V1(dp_column_lineage);
PG_FUNCTION_INFO_V1(dp_statement_lineage);

extern PGDLLEXPORT Datum dp_column_lineage(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_statement_lineage(PG_FUNCTION_ARGS);

static void
put_text(Datum *values, bool *nulls, int i, const char *text)
{
	nulls[i] = text == NULL;
	values[i] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
put_sources(ReturnSetInfo *rsinfo, int statement, DpLineage *lineage)
{
	const char *target = OidIsValid(lineage->target) ? dp_lineage_relation_name(lineage->target) : lineage->target_name;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	ListCell   *lc;

	foreach(lc, lineage->sources)
	{
		DpLineageSource *source = lfirst(lc);

		put_text(values, nulls, 0, source->output_name);
		put_text(values, nulls, 1, OidIsValid(source->relid) ? dp_lineage_relation_name(source->relid) : source->other);
		put_text(values, nulls, 2, OidIsValid(source->relid) && source->attno != 0 ?
				 dp_lineage_column_name(source->relid, source->attno) : NULL);
		put_text(values, nulls, 3, dp_lineage_type(source->kind));
		put_text(values, nulls, 4, dp_lineage_subtype(source->kind));
		nulls[5] = source->output == 0;
		values[5] = Int32GetDatum(source->output);
		put_text(values, nulls, 6, target);
		values[7] = BoolGetDatum(source->masking);
		values[8] = Int32GetDatum(statement);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	foreach(lc, lineage->more)
		put_sources(rsinfo, statement, lfirst(lc));
}

/* Places in errors are places in that text, not in the statement that called us. */
static void
point_into_text(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}

static void
return_lineage(FunctionCallInfo fcinfo, char *text, bool through_views, bool check_rights)
{
	ErrorContextCallback callback = {error_context_stack, point_into_text, text};
	List	   *statements;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	error_context_stack = &callback;
	statements = dp_lineage_of_text(text, !through_views, check_rights);
	error_context_stack = callback.previous;
	foreach(lc, statements)
	{
		if (lfirst(lc))
			put_sources((ReturnSetInfo *) fcinfo->resultinfo, foreach_current_index(lc) + 1, lfirst(lc));
	}
}

Datum
dp_column_lineage(PG_FUNCTION_ARGS)
{
	return_lineage(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_BOOL(1), true);
	return (Datum) 0;
}

Datum
dp_statement_lineage(PG_FUNCTION_ARGS)
{
	int			nest = NewGUCNestLevel();

	dp_role_set("search_path", text_to_cstring(PG_GETARG_TEXT_PP(1)));
	return_lineage(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_BOOL(2), false);
	AtEOXact_GUC(true, nest);
	return (Datum) 0;
}
