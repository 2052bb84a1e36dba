/*-------------------------------------------------------------------------
 *
 * run.c
 *	  A request's transaction, and what becomes of its errors.
 *
 * One request is one transaction, run as the role that asks.  The worker is a
 * superuser, so the role is put on as for a function of that role: it cannot
 * be taken off with SET ROLE, and as a security-restricted operation, so that
 * nothing can be left behind (a deferred trigger, a temporary table, a cursor)
 * that would run with the worker's rights.  Settings that change go back.
 *
 * Errors travel as SQLSTATE and DETAIL "error_code=40401": the first three
 * digits are the HTTP status.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdarg.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "launcher/launcher.h"
#include "web/run.h"
#include "web/settings.h"

/* A request that lost against another one is run again so often. */
#define ATTEMPTS 5

/* Confluent's codes for what has no code of its own. */
#define CODE_FORBIDDEN 40301
#define CODE_STORE 50001
#define CODE_TIMEOUT 50002

/* ---- the transaction ---- */

static void
begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	enable_timeout_after(STATEMENT_TIMEOUT, dp_web_statement_timeout);
}

static void
disarm(void)
{
	disable_timeout(STATEMENT_TIMEOUT, false);
	/* it may have struck after the last statement; a request to leave has its own flag */
	QueryCancelPending = false;
}

static void
commit(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
	disarm();
	pgstat_report_stat(false);
}

/* In a PG_CATCH: the error, in "context"; nothing of the transaction is left. */
static ErrorData *
roll_back(MemoryContext context)
{
	ErrorData  *edata;

	HOLD_INTERRUPTS();
	disarm();
	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(context);
	RESUME_INTERRUPTS();
	pgstat_report_stat(false);
	return edata;
}

static void
call_handler(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response,
			 MemoryContext context)
{
	Oid			worker;
	int			security;
	int			nestlevel;

	begin();
	MemoryContextSwitchTo(context);
	GetUserIdAndSecContext(&worker, &security);
	nestlevel = NewGUCNestLevel();
	if ((route->flags & DP_WEB_AS_WORKER) == 0)
		SetUserIdAndSecContext(request->role,
							   SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	route->handler(route, request, response);
	AtEOXact_GUC(false, nestlevel);
	/* what is deferred to the commit runs as the role, too */
	commit();
	SetUserIdAndSecContext(worker, security);
	MemoryContextSwitchTo(context);
}

/* ---- errors ---- */

/* The number in DETAIL "error_code=40401"; 0 when there is none. */
static int
code_of(const ErrorData *edata)
{
	const char *at = edata->detail ? strstr(edata->detail, "error_code=") : NULL;
	long		code = at ? strtol(at + strlen("error_code="), NULL, 10) : 0;

	return code >= 400 && code < 60000 ? (int) code : 0;
}

/* What follows the code in DETAIL belongs to the message: clients show nothing else. */
static const char *
message_of(const ErrorData *edata)
{
	const char *rest = code_of(edata) != 0 ? strchr(edata->detail, '\n') : NULL;

	return rest == NULL ? edata->message : psprintf("%s, details: %s", edata->message, rest + 1);
}

static bool
lost_a_race(const ErrorData *edata)
{
	return edata->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

static void
answer_error(const ErrorData *edata, DpWebResponse *response)
{
	int			code = code_of(edata);
	int			status = code >= 10000 ? code / 100 : code;

	if (code == 0 && edata->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
	{
		code = CODE_FORBIDDEN;
		status = 403;
	}
	else if (code == 0 && (edata->sqlerrcode == ERRCODE_QUERY_CANCELED ||
						   edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE))
	{
		code = CODE_TIMEOUT;
		status = dp_job_stop_requested() ? 503 : 500;
	}
	else if (code == 0)
	{
		code = CODE_STORE;
		status = 500;
	}
	status = status < 100 ? status * 100 : status > 599 ? status / 10 : status;
	if (status >= 500 && !dp_job_stop_requested())
		ereport(LOG,
				(errmsg("HTTP request failed: %s", edata->message),
				 edata->detail ? errdetail_internal("%s", edata->detail) : 0,
				 edata->context ? errcontext("%s", edata->context) : 0));
	dp_web_error(response, status, code, message_of(edata));
}

void
dp_web_raise(int error_code, const char *fmt,...)
{
	StringInfoData message;

	initStringInfo(&message);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&message, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message.data),
			 errdetail("error_code=%d", error_code)));
}

/* ---- what the worker calls ---- */

void
dp_run_request(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int attempt = 0;
	volatile bool again = true;

	while (again)
	{
		again = false;
		PG_TRY();
		{
			if (route->flags & DP_WEB_OPEN)
				route->handler(route, request, response);
			else
				call_handler(route, request, response, context);
		}
		PG_CATCH();
		{
			ErrorData  *edata = roll_back(context);

			resetStringInfo(&response->body);
			response->headers = NIL;
			again = lost_a_race(edata) && ++attempt < ATTEMPTS && !dp_job_stop_requested();
			if (!again)
				answer_error(edata, response);
		}
		PG_END_TRY();
	}
}

bool
dp_run_inside(void (*work) (void *arg), void *arg, DpWebResponse *response)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		begin();
		MemoryContextSwitchTo(context);
		work(arg);
		commit();
		MemoryContextSwitchTo(context);
		done = true;
	}
	PG_CATCH();
	{
		answer_error(roll_back(context), response);
	}
	PG_END_TRY();
	return done;
}
