/*-------------------------------------------------------------------------
 *
 * question.c
 *	  Ask users' tables something with the rights of a role; an error is an
 *	  answer, too.
 *
 * Expectations hold SQL that users wrote.  It runs as the owner of the
 * expectation, in a security restricted operation, read only, for a limited
 * time, and in a subtransaction: what goes wrong with one expectation must not
 * spoil the others, nor the run that they are judged in.
 *
 * The statement sees the caller's snapshot.  So a STABLE function that asks
 * several questions gets answers about the same rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "common/inject.h"
#include "common/role.h"
#include "quality/quality.h"

extern PGDLLEXPORT Datum dp_ask_as(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_ask_as);

/* Enough for a dozen aggregates at once, and no harm to a small server. */
#define DEFAULT_WORK_MEM_KB (128 * 1024)
#define MIN_WORK_MEM_KB 64
/* Long for a question over a large table, short for one that never ends. */
#define DEFAULT_TIMEOUT_MS (10 * 60 * 1000)

static int	quality_timeout;
int			dp_quality_work_mem;
static TimeoutId timeout_id = MAX_TIMEOUTS;
static volatile sig_atomic_t timed_out = false;

static void set_up(void);
static Datum ask(const char *statement, bool *isnull, MemoryContext caller);
static Datum error_as_jsonb(ErrorData *error);
static void set_timer(void);
static void stop_timer(void);
static void timer_handler(void);

void
dp_quality_init(void)
{
	DefineCustomIntVariable("dataplat.quality_timeout",
							"Longest time that one statement of a validation may take.",
							"0 means no limit. An expectation that takes longer has outcome ERROR.",
							&quality_timeout, DEFAULT_TIMEOUT_MS, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.quality_work_mem",
							"Memory for each sort or hash of a validation, where it is more than work_mem.",
							NULL,
							&dp_quality_work_mem, DEFAULT_WORK_MEM_KB, MIN_WORK_MEM_KB, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	dp_quality_schedule_init();
	dp_quality_score_init();
}

/*
 * dataplat_internal.ask_as(role name, search_path text, statement text,
 *							OUT answer jsonb, OUT error jsonb)
 *
 * The first column of the first row, a jsonb, or what went wrong.
 */
Datum
dp_ask_as(PG_FUNCTION_ARGS)
{
	Oid			role = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	char	   *search_path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(2));
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	TupleDesc	desc;
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};
	Oid			caller = GetUserId();
	DpRoleScope scope;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!superuser_arg(caller) && !has_privs_of_role(caller, role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be a member of role \"%s\"",
						GetUserNameFromId(role, false))));

	timed_out = false;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		dp_role_enter(role, search_path, &scope);
		set_up();
		set_timer();
		values[0] = ask(statement, &nulls[0], context);
		stop_timer();
		dp_role_leave(&scope);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		stop_timer();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		/* somebody else wants the whole to end */
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && !timed_out)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		nulls[0] = true;
		values[1] = error_as_jsonb(error);
		nulls[1] = false;
	}
	PG_END_TRY();

	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

static void
set_up(void)
{
	/* Not by its setting, which functions cannot set from 16 on; the subtransaction's end puts it back. */
	XactReadOnly = true;
	if (dp_quality_work_mem > work_mem)
		dp_role_set("work_mem", psprintf("%d", dp_quality_work_mem));
}

/* No row limit: the executor uses parallel workers only without one. */
static Datum
ask(const char *statement, bool *isnull, MemoryContext caller)
{
	Datum		answer = (Datum) 0;

	SPI_connect();
	if (SPI_execute(statement, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "a question of an expectation is no SELECT");
	*isnull = true;
	if (SPI_processed > 0)
		answer = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
	if (!*isnull)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);

		if (SPI_gettypeid(SPI_tuptable->tupdesc, 1) != JSONBOID)
			elog(ERROR, "a question of an expectation does not return jsonb");
		answer = PointerGetDatum(PG_DETOAST_DATUM_COPY(answer));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	DP_INJECT("q4");
	return answer;
}

static void
set_timer(void)
{
	if (timeout_id == MAX_TIMEOUTS)
		timeout_id = RegisterTimeout(USER_TIMEOUT, timer_handler);
	if (quality_timeout > 0)
		enable_timeout_after(timeout_id, quality_timeout);
}

/* A timer that went off when the answer was there already cancels nothing. */
static void
stop_timer(void)
{
	if (timeout_id != MAX_TIMEOUTS)
		disable_timeout(timeout_id, false);
	if (timed_out)
		QueryCancelPending = false;
}

/* Runs in a signal handler. */
static void
timer_handler(void)
{
	timed_out = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* As Great Expectations tells of exceptions, and the SQLSTATE. */
static Datum
error_as_jsonb(ErrorData *error)
{
	StringInfoData text;
	StringInfoData trace;

	if (timed_out)
	{
		error->message = psprintf("took longer than dataplat.quality_timeout (%d ms)", quality_timeout);
		error->detail = NULL;
		error->hint = NULL;
	}
	initStringInfo(&trace);
	if (error->detail)
		appendStringInfo(&trace, "DETAIL: %s\n", error->detail);
	if (error->hint)
		appendStringInfo(&trace, "HINT: %s\n", error->hint);
	if (error->context)
		appendStringInfo(&trace, "CONTEXT: %s\n", error->context);
	initStringInfo(&text);
	appendStringInfo(&text, "{\"raised_exception\": true, \"sqlstate\": \"%s\", \"exception_message\": ",
					 unpack_sql_state(error->sqlerrcode));
	escape_json(&text, error->message ? error->message : "");
	appendStringInfoString(&text, ", \"exception_traceback\": ");
	escape_json(&text, trace.data);
	appendStringInfoChar(&text, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}
