/*-------------------------------------------------------------------------
 *
 * avro_sql.c
 *	  Avro for SQL: canonical form, fingerprints, decode, encode, files.
 *
 * A call site keeps the schemas of its last call parsed and its program
 * compiled; texts are compared, so a query over many rows pays once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "avro/avro.h"
#include "avro/container.h"
#include "formats/sql.h"

PG_FUNCTION_INFO_V1(dp_avro_canonical_sql);
PG_FUNCTION_INFO_V1(dp_avro_fingerprint_sql);
PG_FUNCTION_INFO_V1(dp_avro_decode_sql);
PG_FUNCTION_INFO_V1(dp_avro_encode_sql);
PG_FUNCTION_INFO_V1(dp_avro_decode_file_sql);

extern PGDLLEXPORT Datum dp_avro_canonical_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_avro_fingerprint_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_avro_decode_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_avro_encode_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_avro_decode_file_sql(PG_FUNCTION_ARGS);

/* Single-object encoding: two bytes of magic, then the writer's fingerprint. */
#define SINGLE_OBJECT_MAGIC "\xC3\x01"
#define SINGLE_OBJECT_BYTES 10

/* What a call site keeps. */
typedef struct CallState
{
	MemoryContext context;		/* of the texts */
	text	   *writer_text;
	text	   *reader_text;	/* NULL: none */
	DpSchema   *writer;
	DpSchema   *target;			/* to read as */
	DpMessageReader *reader;
	uint64		fingerprint;
	DpBuf		out;
} CallState;

static void
forget(CallState *state)
{
	if (state->reader != NULL)
		state->reader->free(state->reader);
	dp_avro_kind.free(state->writer);
	dp_avro_kind.free(state->target);
	if (state->writer_text != NULL)
		pfree(state->writer_text);
	if (state->reader_text != NULL)
		pfree(state->reader_text);
	state->reader = NULL;
	state->writer = NULL;
	state->target = NULL;
	state->writer_text = NULL;
	state->reader_text = NULL;
}

static void
destroy_state(void *arg)
{
	CallState  *state = arg;

	if (state->reader != NULL)
		state->reader->free(state->reader);
	dp_avro_kind.free(state->writer);
	dp_avro_kind.free(state->target);
	dp_buf_free(&state->out);
}

static CallState *
call_state(FunctionCallInfo fcinfo)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;

	if (flinfo->fn_extra == NULL)
	{
		MemoryContextCallback *callback = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(*callback));
		CallState  *state = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(CallState));

		state->context = flinfo->fn_mcxt;
		callback->func = destroy_state;
		callback->arg = state;
		MemoryContextRegisterResetCallback(flinfo->fn_mcxt, callback);
		flinfo->fn_extra = state;
	}
	return flinfo->fn_extra;
}

/* Raise an error, or serve the interrupt and return to try again. */
static void
raise_or_retry(const DpError *err)
{
	CHECK_FOR_INTERRUPTS();
	if (strcmp(err->sqlstate, DP_SQLSTATE_INTERRUPTED) == 0)
		return;
	if (err->detail[0] == '\0' || err->position != DP_NO_POSITION)
		dp_sql_raise(err);
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(err->sqlstate[0], err->sqlstate[1], err->sqlstate[2],
								   err->sqlstate[3], err->sqlstate[4])),
			 errmsg("%s", err->message),
			 errdetail("%s", err->detail)));
}

static DpSchema *
parse(const text *source)
{
	for (;;)
	{
		DpError		err;
		DpSchema   *schema = dp_avro_kind.parse(VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source),
												NULL, 0, &err);

		if (schema != NULL)
			return schema;
		CHECK_FOR_INTERRUPTS();
		if (strcmp(err.sqlstate, DP_SQLSTATE_INVALID_SCHEMA) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid Avro schema: %s", err.message),
					 err.detail[0] != '\0' ? errdetail("%s", err.detail) :
					 err.position != DP_NO_POSITION ? errdetail("At byte %zu.", err.position) : 0));
		raise_or_retry(&err);
	}
}

static bool
same_text(const text *a, const text *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static text *
keep_text(MemoryContext context, const text *source)
{
	size_t		len = VARSIZE_ANY_EXHDR(source);
	text	   *copy = MemoryContextAlloc(context, VARHDRSZ + len);

	SET_VARSIZE(copy, VARHDRSZ + len);
	memcpy(VARDATA(copy), VARDATA_ANY(source), len);
	return copy;
}

/* Have state->writer be this schema, and nothing else. */
static void
use_writer(CallState *state, const text *writer)
{
	if (state->writer != NULL && same_text(state->writer_text, writer))
		return;
	forget(state);
	state->writer = parse(writer);
	state->writer_text = keep_text(state->context, writer);
}

/* Have state->reader read the writer's messages as the reader wants them. */
static void
use_reader(CallState *state, const text *writer, const text *reader)
{
	DpReaderOptions options = {0};

	if (state->reader != NULL && same_text(state->writer_text, writer) &&
		same_text(state->reader_text, reader))
		return;
	forget(state);
	use_writer(state, writer);
	if (reader != NULL)
		options.reader = state->target = parse(reader);
	while (state->reader == NULL)
	{
		DpError		err;

		err.detail[0] = '\0';
		if (dp_avro_fingerprint_number(state->writer, &state->fingerprint, &err))
			state->reader = dp_avro_kind.reader(state->writer, &options, &err);
		if (state->reader == NULL)
			raise_or_retry(&err);
	}
	if (reader != NULL)
		state->reader_text = keep_text(state->context, reader);
}

Datum
dp_avro_canonical_sql(PG_FUNCTION_ARGS)
{
	CallState  *state = call_state(fcinfo);
	DpError		err;

	use_writer(state, PG_GETARG_TEXT_PP(0));
	dp_buf_reset(&state->out);
	if (!dp_avro_canonical(state->writer, &state->out, &err))
		dp_sql_raise(&err);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(state->out.data, state->out.len));
}

/* The names of the specification, and short ones. */
static DpAvroFingerprint
algorithm_named(const char *name)
{
	static const struct
	{
		const char *name;
		DpAvroFingerprint algorithm;
	}			known[] = {
		{"crc64", DP_AVRO_CRC64}, {"crc-64-avro", DP_AVRO_CRC64}, {"rabin", DP_AVRO_CRC64},
		{"md5", DP_AVRO_MD5}, {"sha256", DP_AVRO_SHA256}, {"sha-256", DP_AVRO_SHA256}
	};

	for (int i = 0; i < lengthof(known); i++)
	{
		if (pg_strcasecmp(name, known[i].name) == 0)
			return known[i].algorithm;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("fingerprint algorithm \"%s\" is not known", name),
			 errhint("Use crc64, md5 or sha256.")));
}

Datum
dp_avro_fingerprint_sql(PG_FUNCTION_ARGS)
{
	CallState  *state = call_state(fcinfo);
	DpAvroFingerprint algorithm = algorithm_named(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	unsigned char bytes[DP_AVRO_FINGERPRINT_MAX];
	bytea	   *result;
	DpError		err;
	int			n;

	use_writer(state, PG_GETARG_TEXT_PP(0));
	n = dp_avro_fingerprint(state->writer, algorithm, bytes, &err);
	if (n == 0)
		dp_sql_raise(&err);
	result = palloc(VARHDRSZ + n);
	SET_VARSIZE(result, VARHDRSZ + n);
	memcpy(VARDATA(result), bytes, n);
	PG_RETURN_BYTEA_P(result);
}

/* Take off the head of single-object encoding, if it is the writer's. */
static void
strip_single_object(const CallState *state, const char **body, size_t *len)
{
	uint64		fingerprint = 0;

	if (*len < SINGLE_OBJECT_BYTES || memcmp(*body, SINGLE_OBJECT_MAGIC, 2) != 0)
		return;
	for (int i = 0; i < 8; i++)
		fingerprint |= (uint64) (unsigned char) (*body)[2 + i] << 8 * i;
	if (fingerprint != state->fingerprint)
		return;
	*body += SINGLE_OBJECT_BYTES;
	*len -= SINGLE_OBJECT_BYTES;
}

Datum
dp_avro_decode_sql(PG_FUNCTION_ARGS)
{
	CallState  *state = call_state(fcinfo);
	bytea	   *message;
	const char *body;
	size_t		len;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	message = PG_GETARG_BYTEA_PP(0);
	body = VARDATA_ANY(message);
	len = VARSIZE_ANY_EXHDR(message);
	use_reader(state, PG_GETARG_TEXT_PP(1), PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2));
	strip_single_object(state, &body, &len);
	for (;;)
	{
		DpError		err;
		size_t		outlen;
		const char *jsonb = state->reader->to_jsonb(state->reader, body, len, &outlen, &err);

		if (jsonb != NULL)
			return dp_sql_copy(jsonb, outlen, &err);
		raise_or_retry(&err);
	}
}

Datum
dp_avro_encode_sql(PG_FUNCTION_ARGS)
{
	CallState  *state = call_state(fcinfo);
	Jsonb	   *value = PG_GETARG_JSONB_P(0);
	bytea	   *result;

	use_writer(state, PG_GETARG_TEXT_PP(1));
	for (;;)
	{
		DpError		err;

		dp_buf_reset(&state->out);
		if (dp_avro_kind.encode(state->writer, NULL, (const char *) value, &state->out, &err))
			break;
		raise_or_retry(&err);
	}
	result = palloc(VARHDRSZ + state->out.len);
	SET_VARSIZE(result, VARHDRSZ + state->out.len);
	if (state->out.len > 0)
		memcpy(VARDATA(result), state->out.data, state->out.len);
	PG_RETURN_BYTEA_P(result);
}

static void
close_file(void *arg)
{
	dp_avro_file_close(arg);
}

Datum
dp_avro_decode_file_sql(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *source = PG_GETARG_BYTEA_PP(0);
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "dataplat avro file",
											   ALLOCSET_DEFAULT_SIZES);
	DpAvroFile *file = MemoryContextAllocZero(work, sizeof(DpAvroFile));
	MemoryContextCallback *callback = MemoryContextAllocZero(work, sizeof(*callback));
	DpError		err;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	callback->func = close_file;
	callback->arg = file;
	MemoryContextRegisterResetCallback(work, callback);
	while (!dp_avro_file_open(file, VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source), &err))
	{
		dp_avro_file_close(file);
		memset(file, 0, sizeof(*file));
		raise_or_retry(&err);
	}
	for (;;)
	{
		size_t		len;
		const char *jsonb = dp_avro_file_next(file, &len, &err);
		Datum		value = PointerGetDatum(jsonb);
		bool		isnull = false;

		CHECK_FOR_INTERRUPTS();
		if (jsonb != NULL)
			tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
		else if (err.sqlstate[0] == '\0')
			break;
		else
			raise_or_retry(&err);
	}
	MemoryContextDelete(work);
	return (Datum) 0;
}
