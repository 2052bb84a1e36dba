/*-------------------------------------------------------------------------
 *
 * lineage.c
 *	  Lineage over HTTP, with the paths, parameters and answers of Marquez.
 *
 * The SQL functions run as the worker and ask themselves whether the role may
 * know (src/lineage/lineage_marquez.sql).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "common/statement.h"
#include "web/lineage.h"
#include "web/web.h"

/* Marquez' own. */
#define DEFAULT_DEPTH 20

static int
depth_of(const DpWebRequest *request)
{
	const char *depth = dp_web_query(request, "depth");
	size_t		digits = depth == NULL ? 0 : strspn(depth, "0123456789");

	if (depth == NULL)
		return DEFAULT_DEPTH;
	if (digits == 0 || digits > 6 || depth[digits] != '\0' || atoi(depth) == 0)
		dp_web_raise(400, "depth must be a positive number");
	return atoi(depth);
}

/* route->arg: the statement; it returns text, or NULL when there is no such node. */
static void
answer_lineage(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	const char *node = dp_web_query(request, "nodeId");
	MemoryContext context = CurrentMemoryContext;
	Oid			types[4] = {NAMEOID, TEXTOID, INT4OID, BOOLOID};
	Datum		values[4];
	char	   *answer;

	if (node == NULL || node[0] == '\0')
		dp_web_raise(400, "nodeId is missing");
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(request->role_name));
	values[1] = CStringGetTextDatum(node);
	values[2] = Int32GetDatum(depth_of(request));
	values[3] = BoolGetDatum(dp_web_query_flag(request, "withDownstream"));
	SPI_connect();
	if (dp_statement_execute(route->arg, 4, types, values, NULL, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "lineage did not return a row");
	answer = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (answer != NULL)
	{
		MemoryContext spi = MemoryContextSwitchTo(context);

		appendStringInfoString(&response->body, answer);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	if (answer == NULL)
		dp_web_raise(404, "node \"%s\" was not found", node);
}

static const DpWebRoute routes[] = {
	{.method = "GET", .pattern = "/api/v1/lineage", .handler = answer_lineage, .flags = DP_WEB_AS_WORKER, .produces = dp_web_json_types,
	.arg = "SELECT dataplat_internal.marquez_lineage($1, $2, $3, $4)"},
	{.method = "GET", .pattern = "/api/v1/column-lineage", .handler = answer_lineage, .flags = DP_WEB_AS_WORKER, .produces = dp_web_json_types,
	.arg = "SELECT dataplat_internal.marquez_column_lineage($1, $2, $3, $4)"}
};

void
dp_web_lineage_init(void)
{
	for (int i = 0; i < lengthof(routes); i++)
		dp_web_route(&routes[i]);
}
