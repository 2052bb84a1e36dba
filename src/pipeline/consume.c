/*-------------------------------------------------------------------------
 *
 * consume.c
 *	  Bronze tables for dataplat.consume(): new rows by the ledger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pipeline/internal.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static DpInput
input_of(Oid relid, char *frontier)
{
	DpInput		input = {0};

	input.relid = relid;
	input.name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
											get_rel_name(relid));
	input.role = DP_INPUT_BRONZE;
	input.bronze_frontier = frontier;
	return input;
}

static DpDelta *
read_bronze(Oid relid, char **frontier, bool *more)
{
	DpInput		input = input_of(relid, *frontier);
	DpQueryInput whole = {.relid = relid, .whole_row = true};
	DpDelta    *delta = dp_bronze_read(&input, &whole, false, frontier);

	*more = delta->nnew > 0 && strstr(*frontier, "\"pending\": []") == NULL;
	return delta;
}

static char *
present_of_bronze(Oid relid)
{
	DpInput		input = input_of(relid, NULL);

	return dp_bronze_frontier_now(&input);
}

static const DpArrivals bronze_arrivals = {dp_is_bronze, read_bronze, present_of_bronze};

void
dp_pipeline_consume_init(void)
{
	dp_consume_register(&bronze_arrivals);
}
