/*-------------------------------------------------------------------------
 *
 * formats_sql.c
 *	  The decoders as SQL functions, for tests and for looking at a payload.
 *
 * A decoder owns malloc'ed memory, so each call hangs its destroy on the
 * memory context of the call and frees it whatever happens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "formats/csv.h"
#include "formats/headers.h"
#include "formats/json.h"
#include "formats/schema.h"
#include "formats/sql.h"

PG_FUNCTION_INFO_V1(dp_json_to_jsonb_sql);
PG_FUNCTION_INFO_V1(dp_headers_to_jsonb_sql);
PG_FUNCTION_INFO_V1(dp_bench_json);

extern PGDLLEXPORT Datum dp_json_to_jsonb_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_headers_to_jsonb_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_bench_json(PG_FUNCTION_ARGS);

static void
destroy_decoder(void *arg)
{
	dp_json_decoder_destroy(arg);
}

/* A decoder that lives as long as the current memory context. */
static DpJsonDecoder *
decoder_for_call(void)
{
	MemoryContextCallback *callback = palloc0(sizeof(*callback));
	DpJsonDecoder *d = dp_json_decoder_create(NULL);

	if (d == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	callback->func = destroy_decoder;
	callback->arg = d;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return d;
}

DpJsonDecoder *
dp_sql_decoder(FunctionCallInfo fcinfo)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;

	if (flinfo->fn_extra == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(flinfo->fn_mcxt);

		flinfo->fn_extra = decoder_for_call();
		MemoryContextSwitchTo(old);
	}
	return flinfo->fn_extra;
}

void
dp_sql_raise(const DpError *err)
{
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(err->sqlstate[0], err->sqlstate[1],
								   err->sqlstate[2], err->sqlstate[3],
								   err->sqlstate[4])),
			 errmsg("%s", err->message),
			 err->position == DP_NO_POSITION ? 0 :
			 errdetail("At byte %zu.", err->position)));
}

Datum
dp_sql_copy(const char *jsonb, size_t len, const DpError *err)
{
	char	   *copy;

	if (jsonb == NULL)
		dp_sql_raise(err);
	copy = palloc(len);
	memcpy(copy, jsonb, len);
	PG_RETURN_POINTER(copy);
}

Datum
dp_json_to_jsonb_sql(PG_FUNCTION_ARGS)
{
	bytea	   *src = PG_GETARG_BYTEA_PP(0);
	DpJsonDecoder *d = dp_sql_decoder(fcinfo);
	DpError		err;
	size_t		len;
	const char *jsonb = dp_json_to_jsonb(d, VARDATA_ANY(src),
										 VARSIZE_ANY_EXHDR(src), &len, &err);

	return dp_sql_copy(jsonb, len, &err);
}

/* Arguments: names text[], values bytea[]. */
Datum
dp_headers_to_jsonb_sql(PG_FUNCTION_ARGS)
{
	DpJsonDecoder *d = dp_sql_decoder(fcinfo);
	Datum	   *names;
	Datum	   *values;
	bool	   *nulls;
	int			nnames;
	int			nvalues;
	DpHeader   *headers;
	DpError		err;
	size_t		len;
	const char *jsonb;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT,
					  &names, &nulls, &nnames);
	for (int i = 0; i < nnames; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("name of a header cannot be null")));
	}
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), BYTEAOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &nvalues);
	if (nnames != nvalues)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("headers need as many values as names")));

	headers = palloc0(Max(nnames, 1) * sizeof(DpHeader));
	for (int i = 0; i < nnames; i++)
	{
		headers[i].name = TextDatumGetCString(names[i]);
		if (!nulls[i])
		{
			bytea	   *value = DatumGetByteaPP(values[i]);

			headers[i].value = VARDATA_ANY(value);
			headers[i].size = VARSIZE_ANY_EXHDR(value);
		}
	}
	jsonb = dp_headers_to_jsonb(d, headers, nnames, &len, &err);
	if (jsonb == NULL && err.sqlstate[0] == '\0')
		PG_RETURN_NULL();
	return dp_sql_copy(jsonb, len, &err);
}

/* Nanoseconds one conversion of a document takes, ours or the server's. */
Datum
dp_bench_json(PG_FUNCTION_ARGS)
{
	char	   *src = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			loops = PG_GETARG_INT32(1);
	bool		server = PG_GETARG_BOOL(2);
	size_t		srclen = strlen(src);
	DpJsonDecoder *d = decoder_for_call();
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext,
											   "dataplat json bench",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	for (int i = 0; i < loops; i++)
	{
		DpError		err;
		size_t		len;

		CHECK_FOR_INTERRUPTS();
		if (server)
		{
			DirectFunctionCall1(jsonb_in, CStringGetDatum(src));
			MemoryContextReset(work);
		}
		else if (dp_json_to_jsonb(d, src, srclen, &len, &err) == NULL)
			dp_sql_raise(&err);
	}
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	MemoryContextSwitchTo(old);
	PG_RETURN_FLOAT8(INSTR_TIME_GET_DOUBLE(end) * 1e9 / Max(loops, 1));
}

static bool
interrupt_is_pending(void)
{
	return InterruptPending;
}

void
dp_formats_init(void)
{
	dp_schema_interrupted = interrupt_is_pending;
}
