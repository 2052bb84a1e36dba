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
#define DEFAULT_SEARCH 10
#define DEFAULT_EVENTS 100
/* Making an event costs some milliseconds. */
#define MAX_LIMIT 1000

static int
number_of(const DpWebRequest *request, const char *name, int least, int otherwise)
{
	const char *number = dp_web_query(request, name);
	size_t		digits = number == NULL ? 0 : strspn(number, "0123456789");

	if (number == NULL)
		return otherwise;
	if (digits == 0 || digits > 6 || number[digits] != '\0' || atoi(number) < least)
		dp_web_raise(400, "%s must be a %s number", name, least > 0 ? "positive" : "whole");
	return atoi(number);
}

/* Ask, with four values; true when there was an answer other than NULL. */
static bool
ask(const DpWebRoute *route, Oid *types, Datum *values, const char *nulls, DpWebResponse *response)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *answer;

	SPI_connect();
	if (dp_statement_execute(route->arg, 4, types, values, nulls, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "lineage did not return a row");
	answer = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (answer != NULL)
	{
		MemoryContext spi = MemoryContextSwitchTo(context);

		appendStringInfoString(&response->body, answer);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return answer != NULL;
}

/* route->arg: the statement; it returns text, or NULL when there is no such node. */
static void
answer_lineage(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	const char *node = dp_web_query(request, "nodeId");
	Oid			types[4] = {NAMEOID, TEXTOID, INT4OID, BOOLOID};
	Datum		values[4];

	if (node == NULL || node[0] == '\0')
		dp_web_raise(400, "nodeId is missing");
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(request->role_name));
	values[1] = CStringGetTextDatum(node);
	values[2] = Int32GetDatum(number_of(request, "depth", 1, DEFAULT_DEPTH));
	values[3] = BoolGetDatum(dp_web_query_flag(request, "withDownstream"));
	if (!ask(route, types, values, NULL, response))
		dp_web_raise(404, "node \"%s\" was not found", node);
}

/* The runs that a run hangs on. */
static void
answer_run(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	const char *run = dp_web_query(request, "runId");
	Oid			types[4] = {NAMEOID, TEXTOID, INT4OID, INT4OID};
	Datum		values[4];

	if (run == NULL || run[0] == '\0')
		dp_web_raise(400, "runId is missing");
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(request->role_name));
	values[1] = CStringGetTextDatum(run);
	values[2] = Int32GetDatum(number_of(request, "depth", 0, DEFAULT_DEPTH));
	values[3] = Int32GetDatum(MAX_LIMIT);
	if (!ask(route, types, values, NULL, response))
		dp_web_raise(404, "run \"%s\" was not found", run);
}

/* Lists: of what a word is in the name, or of the newest events. */
static void
answer_list(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response, const char *words, int otherwise)
{
	const char *only = dp_web_query(request, "filter");
	Oid			types[4] = {NAMEOID, TEXTOID, TEXTOID, INT4OID};
	Datum		values[4];
	char		nulls[4] = {' ', ' ', only ? ' ' : 'n', ' '};

	values[0] = DirectFunctionCall1(namein, CStringGetDatum(request->role_name));
	values[1] = CStringGetTextDatum(words);
	values[2] = only ? CStringGetTextDatum(only) : (Datum) 0;
	values[3] = Int32GetDatum(Min(number_of(request, "limit", 1, otherwise), MAX_LIMIT));
	(void) ask(route, types, values, nulls, response);
}

static void
answer_search(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	const char *words = dp_web_query(request, "q");

	if (words == NULL || words[0] == '\0')
		dp_web_raise(400, "q is missing");
	answer_list(route, request, response, words, DEFAULT_SEARCH);
}

static void
answer_events(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	answer_list(route, request, response, "", DEFAULT_EVENTS);
}

static const DpWebRoute routes[] = {
	{.method = "GET", .pattern = "/api/v1/lineage", .handler = answer_lineage, .flags = DP_WEB_AS_WORKER, .produces = dp_web_json_types,
	.arg = "SELECT dataplat_internal.marquez_lineage($1, $2, $3, $4)"},
	{.method = "GET", .pattern = "/api/v1/column-lineage", .handler = answer_lineage, .flags = DP_WEB_AS_WORKER, .produces = dp_web_json_types,
	.arg = "SELECT dataplat_internal.marquez_column_lineage($1, $2, $3, $4)"},
	{.method = "GET", .pattern = "/api/v1/search", .handler = answer_search, .flags = DP_WEB_AS_WORKER, .produces = dp_web_json_types,
	.arg = "SELECT dataplat_internal.marquez_search($1, $2, $3, $4)"},
	{.method = "GET", .pattern = "/api/v1/events/lineage", .handler = answer_events, .flags = DP_WEB_AS_WORKER, .produces = dp_web_json_types,
	.arg = "SELECT dataplat_internal.marquez_events($1, $2, $3, $4)"},
	{.method = "GET", .pattern = "/api/v1/runlineage/upstream", .handler = answer_run, .flags = DP_WEB_AS_WORKER, .produces = dp_web_json_types,
	.arg = "SELECT dataplat_internal.marquez_run_upstream($1, $2, $3, $4)"}
};

void
dp_web_lineage_init(void)
{
	for (int i = 0; i < lengthof(routes); i++)
		dp_web_route(&routes[i]);
}
