/*-------------------------------------------------------------------------
 *
 * columns_sql.c
 *	  Typed columns as SQL functions, for tests and for looking at a payload.
 *
 * Deferred values run through the input functions here as they do in the
 * worker, and everything comes back as text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "formats/columns.h"
#include "formats/csv.h"
#include "formats/sql.h"

PG_FUNCTION_INFO_V1(dp_decode_columns);
PG_FUNCTION_INFO_V1(dp_csv_to_jsonb_sql);
PG_FUNCTION_INFO_V1(dp_bench_columns);
PG_FUNCTION_INFO_V1(dp_full_type_name);

extern PGDLLEXPORT Datum dp_decode_columns(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_csv_to_jsonb_sql(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_bench_columns(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_full_type_name(PG_FUNCTION_ARGS);

static void
destroy_program(void *arg)
{
	dp_columns_free(arg);
}

/* The usual style but for the character that separates fields. */
static DpCsvStyle
style_arg(const text *arg)
{
	DpCsvStyle	style = DP_CSV_PLAIN;

	if (VARSIZE_ANY_EXHDR(arg) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("CSV delimiter must be one plain character")));
	style.delimiter = *VARDATA_ANY(arg);
	return style;
}

/* The texts of an array; nulls only where they are allowed. */
static char **
text_array(ArrayType *array, bool nulls_allowed, int *n)
{
	Datum	   *items;
	bool	   *nulls;
	char	  **result;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, n);
	result = palloc0(Max(*n, 1) * sizeof(char *));
	for (int i = 0; i < *n; i++)
	{
		if (!nulls[i])
			result[i] = TextDatumGetCString(items[i]);
		else if (!nulls_allowed)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("names cannot be null")));
	}
	return result;
}

/* Arguments: payload bytea, delimiter text, names text[] or null. */
Datum
dp_csv_to_jsonb_sql(PG_FUNCTION_ARGS)
{
	bytea	   *src;
	DpCsvStyle	style;
	char	  **names = NULL;
	int			nnames = 0;
	DpJsonDecoder *d = dp_sql_decoder(fcinfo);
	DpError		err;
	size_t		len;
	const char *jsonb;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	src = PG_GETARG_BYTEA_PP(0);
	style = style_arg(PG_GETARG_TEXT_PP(1));
	if (!PG_ARGISNULL(2))
		names = text_array(PG_GETARG_ARRAYTYPE_P(2), false, &nnames);
	jsonb = dp_csv_to_jsonb(d, VARDATA_ANY(src), VARSIZE_ANY_EXHDR(src), &style,
							(const char *const *) names, nnames, &len, &err);
	return dp_sql_copy(jsonb, len, &err);
}

/*
 * Specs from field names (null = by position), type names and not-null flags;
 * column i stands at position i of a record.
 */
static DpColumnSpec *
make_specs(ArrayType *fields, ArrayType *types, ArrayType *flags, int *n)
{
	char	  **field_names;
	char	  **type_names;
	Datum	   *not_null;
	bool	   *nulls;
	int			ntypes;
	int			nflags;
	DpColumnSpec *specs;

	field_names = text_array(fields, true, n);
	type_names = text_array(types, false, &ntypes);
	deconstruct_array(flags, BOOLOID, 1, true, TYPALIGN_CHAR, &not_null, &nulls, &nflags);
	if (ntypes != *n || nflags != *n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("columns need as many types and flags as fields")));
	specs = palloc0(Max(*n, 1) * sizeof(DpColumnSpec));
	for (int i = 0; i < *n; i++)
	{
		specs[i].field = field_names[i];
		specs[i].csv_index = i;
		
		/* 0 is "not missing_ok" up to 15 and "no error context" after. */
		parseTypeString(type_names[i], &specs[i].type, &specs[i].typmod, 0);
		specs[i].not_null = !nulls[i] && DatumGetBool(not_null[i]);
	}
	return specs;
}

static DpColumnProgram *
compile(const DpColumnSpec *specs, int n)
{
	MemoryContextCallback *callback = palloc0(sizeof(*callback));
	DpColumnProgram *program = dp_columns_compile(specs, n, NULL);

	if (program == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	callback->func = destroy_program;
	callback->arg = program;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return program;
}

/* A decoded value as text, marked when it was left to the input function. */
static Datum
value_as_text(const DpColumnSpec *spec, const DpColumnValue *value)
{
	Datum		datum = value->value;
	Oid			function;
	Oid			ioparam;
	bool		isvarlena;

	if (value->deferred)
	{
		getTypeInputInfo(spec->type, &function, &ioparam);
		datum = OidInputFunctionCall(function, unconstify(char *, value->text),
									 ioparam, spec->typmod);
	}
	getTypeOutputInfo(spec->type, &function, &isvarlena);
	return CStringGetTextDatum(psprintf("%s%s", value->deferred ? "~" : "",
										OidOutputFunctionCall(function, datum)));
}

/*
 * Arguments: payload bytea, delimiter text (null = JSON), fields text[],
 * types text[], not_null boolean[].  Returns the values as text[].
 */
Datum
dp_decode_columns(PG_FUNCTION_ARGS)
{
	bytea	   *src;
	int			n;
	DpColumnSpec *specs;
	DpColumnProgram *program;
	DpColumnValue *values;
	Datum	   *texts;
	bool	   *nulls;
	DpError		err;
	bool		good;
	int			lower = 1;

	for (int i = 0; i < PG_NARGS(); i++)
	{
		if (i != 1 && PG_ARGISNULL(i))
			PG_RETURN_NULL();
	}
	src = PG_GETARG_BYTEA_PP(0);
	specs = make_specs(PG_GETARG_ARRAYTYPE_P(2), PG_GETARG_ARRAYTYPE_P(3),
					   PG_GETARG_ARRAYTYPE_P(4), &n);
	program = compile(specs, n);
	values = palloc0(Max(n, 1) * sizeof(DpColumnValue));
	if (PG_ARGISNULL(1))
		good = dp_json_to_columns(program, VARDATA_ANY(src), VARSIZE_ANY_EXHDR(src),
								  values, &err);
	else
	{
		DpCsvStyle	style = style_arg(PG_GETARG_TEXT_PP(1));

		good = dp_csv_to_columns(program, VARDATA_ANY(src), VARSIZE_ANY_EXHDR(src),
								 &style, values, &err);
	}
	if (!good)
		dp_sql_raise(&err);

	texts = palloc0(Max(n, 1) * sizeof(Datum));
	nulls = palloc0(Max(n, 1) * sizeof(bool));
	for (int i = 0; i < n; i++)
	{
		nulls[i] = values[i].isnull;
		if (!nulls[i])
			texts[i] = value_as_text(&specs[i], &values[i]);
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(texts, nulls, 1, &n, &lower, TEXTOID,
											 -1, false, TYPALIGN_INT));
}

/* Nanoseconds to take one JSON payload apart. */
Datum
dp_bench_columns(PG_FUNCTION_ARGS)
{
	bytea	   *src = PG_GETARG_BYTEA_PP(0);
	int			loops = PG_GETARG_INT32(4);
	int			n;
	DpColumnSpec *specs = make_specs(PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2),
									 PG_GETARG_ARRAYTYPE_P(3), &n);
	DpColumnProgram *program = compile(specs, n);
	DpColumnValue *values = palloc0(Max(n, 1) * sizeof(DpColumnValue));
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	for (int i = 0; i < loops; i++)
	{
		DpError		err;

		CHECK_FOR_INTERRUPTS();
		if (!dp_json_to_columns(program, VARDATA_ANY(src), VARSIZE_ANY_EXHDR(src),
								values, &err))
			dp_sql_raise(&err);
	}
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	PG_RETURN_FLOAT8(INSTR_TIME_GET_DOUBLE(end) * 1e9 / Max(loops, 1));
}

/* A type as somebody wrote it, as the server writes it: varchar(9) is character varying(9). */
Datum
dp_full_type_name(PG_FUNCTION_ARGS)
{
	Oid			type;
	int32		typmod;

	/* 0 is "not missing_ok" up to 15 and "no error context" after. */
	parseTypeString(text_to_cstring(PG_GETARG_TEXT_PP(0)), &type, &typmod, 0);
	PG_RETURN_TEXT_P(cstring_to_text(format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN)));
}
