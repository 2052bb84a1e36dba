/*-------------------------------------------------------------------------
 *
 * events_in.c
 *	  POST /api/v1/lineage: OpenLineage events of other systems.
 *
 * The path is the one that OpenLineage's clients use by themselves.  What an
 * event means is the lineage room's; the role that asks needs EXECUTE on
 * dataplat.ingest_openlineage().  201, as backends answer it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "web/events_in.h"
#include "web/web.h"

static const char *const consumes[] = {"application/json", NULL};

/* What is wrong with the event is the client's to know. */
static void
raise_to_client(MemoryContext context)
{
	ErrorData  *edata;
	int			category;

	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);
	if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
		PG_RE_THROW();
	FlushErrorState();
	dp_web_raise(400, "%s%s%s", edata->message, edata->detail ? ": " : "", edata->detail ? edata->detail : "");
}

static void
post_lineage(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	MemoryContext context = CurrentMemoryContext;
	char	   *answer;

	if (request->body == NULL || request->len == 0)
		dp_web_raise(400, "the request has no body");
	if (strlen(request->body) != request->len ||
		!pg_verify_mbstr(PG_UTF8, request->body, (int) request->len, true))
		dp_web_raise(400, "the body is not text in UTF-8");
	values[0] = CStringGetTextDatum(request->body);
	SPI_connect();
	PG_TRY();
	{
		if (SPI_execute_with_args("SELECT dataplat.ingest_openlineage($1::pg_catalog.jsonb)",
								  1, types, values, NULL, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
			elog(ERROR, "could not take in an event");
	}
	PG_CATCH();
	{
		raise_to_client(context);
	}
	PG_END_TRY();
	answer = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	/* StringInfo grows in the context that it was made in */
	appendStringInfoString(&response->body, answer ? answer : "{}");
	SPI_finish();
	response->status = 201;
}

static const DpWebRoute routes[] = {
	{.method = "POST", .pattern = "/api/v1/lineage", .handler = post_lineage, .produces = dp_web_json_types, .consumes = consumes}
};

void
dp_web_events_in_init(void)
{
	for (int i = 0; i < lengthof(routes); i++)
		dp_web_route(&routes[i]);
}
