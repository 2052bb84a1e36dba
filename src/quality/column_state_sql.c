/*-------------------------------------------------------------------------
 *
 * column_state_sql.c
 *	  The aggregate column_state(anyelement), which runs in parallel, and
 *	  what is done with states from SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "common/compat.h"
#include "quality/column_state.h"

/* Two hashes that PostgreSQL makes of a value are of 64 bits. */
#define HASH_SEED UINT64CONST(0x9e3779b97f4a7c15)

/* A text longer than this is no number. */
#define MAX_NUMBER_LEN 40

/* How values of a type are looked at. */
typedef struct ColumnType
{
	Oid			type;			/* base type of a domain */
	DpLooks		looks;
	FmgrInfo	hash;			/* fn_oid InvalidOid: of the text */
	FmgrInfo	output;
	Oid			collation;
	MemoryContext scratch;		/* texts, reset at each value */
} ColumnType;

extern PGDLLEXPORT Datum dp_column_state_add(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_column_state_combine(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_column_state_serialize(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_column_state_deserialize(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_column_state_final(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_column_state_add_state(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_column_state_values(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_column_state_rank(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_column_state_quantile(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_column_state_add);
PG_FUNCTION_INFO_V1(dp_column_state_combine);
PG_FUNCTION_INFO_V1(dp_column_state_serialize);
PG_FUNCTION_INFO_V1(dp_column_state_deserialize);
PG_FUNCTION_INFO_V1(dp_column_state_final);
PG_FUNCTION_INFO_V1(dp_column_state_add_state);
PG_FUNCTION_INFO_V1(dp_column_state_values);
PG_FUNCTION_INFO_V1(dp_column_state_rank);
PG_FUNCTION_INFO_V1(dp_column_state_quantile);

/* ---- the type ---- */

static DpLooks
looks_of_type(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return DP_LOOKS_INTEGRAL;
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			return DP_LOOKS_FRACTIONAL;
		case BOOLOID:
			return DP_LOOKS_BOOLEAN;
		default:
			return DP_LOOKS_STRING;
	}
}

static ColumnType *
column_type(FunctionCallInfo fcinfo)
{
	ColumnType *type = fcinfo->flinfo->fn_extra;
	TypeCacheEntry *entry;
	Oid			output;
	bool		varlena;

	if (type != NULL)
		return type;
	type = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ColumnType));
	type->type = getBaseType(get_fn_expr_argtype(fcinfo->flinfo, 1));
	type->looks = looks_of_type(type->type);
	type->collation = PG_GET_COLLATION();
	entry = lookup_type_cache(type->type, TYPECACHE_HASH_EXTENDED_PROC);
	if (OidIsValid(entry->hash_extended_proc))
		fmgr_info_cxt(entry->hash_extended_proc, &type->hash, fcinfo->flinfo->fn_mcxt);
	getTypeOutputInfo(type->type, &output, &varlena);
	fmgr_info_cxt(output, &type->output, fcinfo->flinfo->fn_mcxt);
	type->scratch = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "dataplat value", ALLOCSET_SMALL_SIZES);
	fcinfo->flinfo->fn_extra = type;
	return type;
}

/* ---- texts ---- */

/* What a text looks like, and its number, as Deequ tells them. */
static DpLooks
looks_of_text(const char *s, int len, double *number)
{
	char		copy[MAX_NUMBER_LEN + 1];
	int			i = 0;
	int			digits = 0;
	bool		point = false;

	if ((len == 4 && memcmp(s, "true", 4) == 0) || (len == 5 && memcmp(s, "false", 5) == 0))
		return DP_LOOKS_BOOLEAN;
	if (len == 0 || len > MAX_NUMBER_LEN)
		return DP_LOOKS_STRING;
	if (s[0] == '-' || s[0] == '+')
		i++;
	for (; i < len; i++)
	{
		if (s[i] >= '0' && s[i] <= '9')
			digits++;
		else if (s[i] == '.' && !point)
			point = true;
		else
			return DP_LOOKS_STRING;
	}
	if (digits == 0)
		return DP_LOOKS_STRING;
	memcpy(copy, s, len);
	copy[len] = '\0';
	*number = strtod(copy, NULL);
	return point ? DP_LOOKS_FRACTIONAL : DP_LOOKS_INTEGRAL;
}

static void
add_length(DpColumnState *state, int64 length)
{
	state->min_length = state->lengths == 0 ? length : Min(state->min_length, length);
	state->max_length = state->lengths == 0 ? length : Max(state->max_length, length);
	state->lengths++;
	state->sum_length += length;
}

static void
add_text(DpColumnState *state, const ColumnType *type, Datum value)
{
	text	   *packed = DatumGetTextPP(value);
	const char *s = VARDATA_ANY(packed);
	int			len = VARSIZE_ANY_EXHDR(packed);
	double		number = 0;
	uint64		hash;
	DpLooks		looks;

	if (type->type == BPCHAROID)
		len = bpchartruelen((char *) s, len);
	looks = looks_of_text(s, len, &number);
	state->looks[looks]++;
	if (looks == DP_LOOKS_INTEGRAL || looks == DP_LOOKS_FRACTIONAL)
		dp_column_state_number(state, number);
	add_length(state, pg_mbstrlen_with_len(s, len));
	hash = hash_bytes_extended((const unsigned char *) s, len, HASH_SEED);
	dp_hll_add(&state->hll, hash);
	dp_column_state_frequency(state, hash, s, len, 1);
}

/* ---- numbers and all else ---- */

/* Its number, when the type is one that counts or tells time. */
static bool
number_of(const ColumnType *type, Datum value, double *number)
{
	switch (type->type)
	{
		case INT2OID:
			*number = DatumGetInt16(value);
			return true;
		case INT4OID:
			*number = DatumGetInt32(value);
			return true;
		case INT8OID:
			*number = (double) DatumGetInt64(value);
			return true;
		case FLOAT4OID:
			*number = DatumGetFloat4(value);
			return true;
		case FLOAT8OID:
			*number = DatumGetFloat8(value);
			return true;
		case NUMERICOID:
			*number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
			return true;
		case DATEOID:
			*number = DATE_NOT_FINITE(DatumGetDateADT(value)) ? INFINITY :
				((double) DatumGetDateADT(value) + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)) * SECS_PER_DAY;
			return true;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			*number = TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)) ? INFINITY :
				DatumGetTimestamp(value) / (double) USECS_PER_SEC + (double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
			return true;
		default:
			return false;
	}
}

static uint64
mixed(uint64 x)
{
	x += HASH_SEED;
	x = (x ^ (x >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* Values that are equal have the same. */
static uint64
hash_of(const ColumnType *type, Datum value)
{
	char	   *text;

	switch (type->type)
	{
		case BOOLOID:
			return mixed(DatumGetBool(value));
		case INT2OID:
			return mixed((uint64) (int64) DatumGetInt16(value));
		case INT4OID:
		case DATEOID:
			return mixed((uint64) (int64) DatumGetInt32(value));
		case INT8OID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return mixed((uint64) DatumGetInt64(value));
		default:
			break;
	}
	if (OidIsValid(type->hash.fn_oid))
		return DatumGetUInt64(FunctionCall2Coll(unconstify(FmgrInfo *, &type->hash),
												OidIsValid(type->collation) ? type->collation : get_typcollation(type->type),
												value, UInt64GetDatum(HASH_SEED)));
	text = OutputFunctionCall(unconstify(FmgrInfo *, &type->output), value);
	return hash_bytes_extended((const unsigned char *) text, strlen(text), HASH_SEED);
}

static void
add_other(DpColumnState *state, const ColumnType *type, Datum value)
{
	uint64		hash = hash_of(type, value);
	double		number;

	state->looks[type->looks]++;
	if (number_of(type, value, &number))
		dp_column_state_number(state, number);
	dp_hll_add(&state->hll, hash);
	if (state->frequencies != NULL)
	{
		DpFrequency *known = hash_search(state->frequencies, &hash, HASH_FIND, NULL);

		if (known != NULL)
			known->count++;
		else
		{
			char	   *text = OutputFunctionCall(unconstify(FmgrInfo *, &type->output), value);

			dp_column_state_frequency(state, hash, text, strlen(text), 1);
		}
	}
}

/* column_state_add(internal, anyelement) returns internal */
Datum
dp_column_state_add(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext;
	MemoryContext old;
	ColumnType *type;
	DpColumnState *state;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "column_state_add called outside an aggregate");
	type = column_type(fcinfo);
	state = PG_ARGISNULL(0) ? dp_column_state_new(aggcontext) : (DpColumnState *) PG_GETARG_POINTER(0);
	state->rows++;
	if (PG_ARGISNULL(1))
	{
		state->looks[DP_LOOKS_UNKNOWN]++;
		PG_RETURN_POINTER(state);
	}
	old = MemoryContextSwitchTo(type->scratch);
	if (type->type == TEXTOID || type->type == VARCHAROID || type->type == BPCHAROID)
		add_text(state, type, PG_GETARG_DATUM(1));
	else
		add_other(state, type, PG_GETARG_DATUM(1));
	MemoryContextSwitchTo(old);
	MemoryContextReset(type->scratch);
	PG_RETURN_POINTER(state);
}

/* ---- parts of an aggregate, and kept states ---- */

Datum
dp_column_state_combine(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext;
	DpColumnState *state;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "column_state_combine called outside an aggregate");
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_POINTER(PG_GETARG_POINTER(0));
	}
	state = PG_ARGISNULL(0) ? dp_column_state_new(aggcontext) : (DpColumnState *) PG_GETARG_POINTER(0);
	dp_column_state_merge(state, (DpColumnState *) PG_GETARG_POINTER(1));
	PG_RETURN_POINTER(state);
}

static Datum
state_bytes(DpColumnState *state)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	dp_column_state_send(&buf, state);
	return PointerGetDatum(pq_endtypsend(&buf));
}

static DpColumnState *
state_of_bytes(Datum bytes, MemoryContext context)
{
	bytea	   *packed = DatumGetByteaPP(bytes);
	StringInfoData buf;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
	return dp_column_state_recv(&buf, context);
}

Datum
dp_column_state_serialize(PG_FUNCTION_ARGS)
{
	return state_bytes((DpColumnState *) PG_GETARG_POINTER(0));
}

Datum
dp_column_state_deserialize(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(state_of_bytes(PG_GETARG_DATUM(0), CurrentMemoryContext));
}

/* NULL when there was no row. */
Datum
dp_column_state_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	return state_bytes((DpColumnState *) PG_GETARG_POINTER(0));
}

/* The transition of merge_column_states(bytea). */
Datum
dp_column_state_add_state(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext;
	DpColumnState *state;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "column_state_add_state called outside an aggregate");
	state = PG_ARGISNULL(0) ? dp_column_state_new(aggcontext) : (DpColumnState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
		dp_column_state_merge(state, state_of_bytes(PG_GETARG_DATUM(1), CurrentMemoryContext));
	PG_RETURN_POINTER(state);
}

Datum
dp_column_state_values(PG_FUNCTION_ARGS)
{
	DpColumnState *state = state_of_bytes(PG_GETARG_DATUM(0), CurrentMemoryContext);

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(dp_column_state_json(state)));
}

/* Share of the numbers that are not greater than a value; NULL without numbers. */
Datum
dp_column_state_rank(PG_FUNCTION_ARGS)
{
	DpColumnState *state = state_of_bytes(PG_GETARG_DATUM(0), CurrentMemoryContext);
	double		rank = dp_digest_rank(&state->digest, PG_GETARG_FLOAT8(1));

	if (isnan(rank))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(rank);
}

Datum
dp_column_state_quantile(PG_FUNCTION_ARGS)
{
	DpColumnState *state = state_of_bytes(PG_GETARG_DATUM(0), CurrentMemoryContext);
	double		q = PG_GETARG_FLOAT8(1);
	double		value;

	if (!(q >= 0 && q <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("quantile must be between 0 and 1")));
	value = dp_digest_quantile(&state->digest, q);
	if (isnan(value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}
