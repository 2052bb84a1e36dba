/*-------------------------------------------------------------------------
 *
 * values.c
 *	  One JSON value or CSV field to one Datum, without throwing.
 *
 * A short string becomes a short varlena where it stands, its header taking
 * the place of the opening quote: no copy.  Numbers are converted from what
 * the scanner read, and only if that is exact.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/memutils.h"

#include "common/compat.h"
#include "formats/numbers.h"
#include "formats/scan.h"
#include "formats/text.h"
#include "formats/values.h"

static const char *
type_name(Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return "boolean";
		case INT2OID:
			return "smallint";
		case INT4OID:
			return "integer";
		case INT8OID:
			return "bigint";
		case FLOAT4OID:
			return "real";
		case FLOAT8OID:
			return "double precision";
		case NUMERICOID:
			return "numeric";
		case DATEOID:
			return "date";
		case TIMESTAMPOID:
			return "timestamp";
		case TIMESTAMPTZOID:
			return "timestamp with time zone";
		case TIMEOID:
			return "time";
		case TIMETZOID:
			return "time with time zone";
		case UUIDOID:
			return "uuid";
		case JSONOID:
			return "json";
		case JSONBOID:
			return "jsonb";
		default:
			return "the column";
	}
}

static bool
is_number_type(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID ||
		type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

/* Types whose input functions can never take a JSON container or boolean. */
static bool
is_scalar_type(Oid type)
{
	return is_number_type(type) || type == DATEOID || type == TIMESTAMPOID ||
		type == TIMESTAMPTZOID || type == UUIDOID;
}

static bool
wrong_type(const DpValueContext *ctx, const DpColumn *col, const char *p, DpError *err)
{
	return dp_error_set(err, "22P02", p - ctx->base,
						"value of field \"%s\" is not valid for type %s",
						col->shown, type_name(col->type));
}

static bool
out_of_range(const DpValueContext *ctx, const DpColumn *col, const char *p, DpError *err)
{
	return dp_error_set(err, "22003", p - ctx->base,
						"value of field \"%s\" is out of range for type %s",
						col->shown, type_name(col->type));
}

static bool
defer(char *text, size_t len, DpColumnValue *out)
{
	out->deferred = true;
	out->text = text;
	out->textlen = len;
	return true;
}

/* A NUL-terminated copy with one byte of headroom. */
static char *
copy_text(const DpValueContext *ctx, const char *s, size_t len, DpError *err)
{
	char	   *copy = dp_arena_alloc(ctx->arena, len + 2);

	if (copy == NULL)
	{
		dp_out_of_memory(err);
		return NULL;
	}
	memcpy(copy + 1, s, len);
	copy[len + 1] = '\0';
	return copy + 1;
}

/* A varlena of len bytes followed by "pad" blanks. */
static bool
make_varlena(const DpValueContext *ctx, const char *s, size_t len, size_t pad,
			 DpColumnValue *out, DpError *err)
{
	char	   *copy;

	if (len + pad > MaxAllocSize - VARHDRSZ)
		return dp_error_set(err, "54000", DP_NO_POSITION, "text is too long");
	copy = dp_arena_alloc(ctx->arena, VARHDRSZ + len + pad);
	if (copy == NULL)
		return dp_out_of_memory(err);
	SET_VARSIZE(copy, VARHDRSZ + len + pad);
	memcpy(VARDATA(copy), s, len);
	memset(VARDATA(copy) + len, ' ', pad);
	out->value = PointerGetDatum(copy);
	return true;
}

/* text, varchar(n) and character(n). */
static bool
put_text(const DpValueContext *ctx, const DpColumn *col, char *text, size_t len,
		 bool headroom, DpColumnValue *out, DpError *err)
{
	size_t		pad = 0;

	if (col->type != TEXTOID && col->typmod >= (int32) VARHDRSZ)
	{
		size_t		max = col->typmod - VARHDRSZ;
		size_t		keep = len;

		if (len > max)
		{
			keep = dp_utf8_prefix(text, len, max);
			for (size_t i = keep; i < len; i++)
			{
				if (text[i] != ' ')
					return dp_error_set(err, "22001", text - ctx->base,
										"value of field \"%s\" is too long for type %s(%zu)",
										col->shown,
										col->type == VARCHAROID ? "character varying" : "character",
										max);
			}
		}
		len = keep;
		if (col->type == BPCHAROID)
			pad = max - dp_utf8_length(text, len);
	}
	if (headroom && pad == 0 && len + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		SET_VARSIZE_SHORT(text - 1, len + VARHDRSZ_SHORT);
		out->value = PointerGetDatum(text - 1);
		return true;
	}
	return make_varlena(ctx, text, len, pad, out, err);
}

/* An integer that is already known, into a column of any integer type. */
static bool
put_integer(const DpValueContext *ctx, const DpColumn *col, uint64 magnitude,
			bool negative, const char *p, DpColumnValue *out, DpError *err)
{
	uint64		max = col->type == INT2OID ? PG_INT16_MAX :
		col->type == INT4OID ? PG_INT32_MAX : PG_INT64_MAX;
	int64		value;

	if (magnitude > max + negative)
		return out_of_range(ctx, col, p, err);
	value = negative ? (int64) (0 - magnitude) : (int64) magnitude;
	if (col->type == INT2OID)
		out->value = Int16GetDatum((int16) value);
	else if (col->type == INT4OID)
		out->value = Int32GetDatum((int32) value);
	else
		out->value = Int64GetDatum(value);
	return true;
}

static bool
integer_from_text(const DpValueContext *ctx, const DpColumn *col, char *text,
				  size_t len, DpColumnValue *out, DpError *err)
{
	uint64		magnitude;
	bool		negative;

	switch (dp_integer_parse(text, len, &magnitude, &negative))
	{
		case DP_NUMBER_GOOD:
			return put_integer(ctx, col, magnitude, negative, text, out, err);
		case DP_NUMBER_RANGE:
			return out_of_range(ctx, col, text, err);
		case DP_NUMBER_BAD:
			return wrong_type(ctx, col, text, err);
		case DP_NUMBER_UNKNOWN:
			break;
	}
	return defer(text, len, out);
}

/* A floating point number spelled by text that ends behind it. */
static bool
put_float(const DpValueContext *ctx, const DpColumn *col, const char *text,
		  const DpScannedNumber *small, DpColumnValue *out, DpError *err)
{
	bool		good;

	if (col->type == FLOAT8OID)
	{
		double		v;

		good = dp_float8_parse(text, small, &v);
		out->value = Float8GetDatum(v);
	}
	else
	{
		float		v;

		good = dp_float4_parse(text, small, &v);
		out->value = Float4GetDatum(v);
	}
	return good || out_of_range(ctx, col, text, err);
}

static bool
put_numeric(const DpValueContext *ctx, const DpColumn *col, const char *text,
			const DpScannedNumber *small, DpColumnValue *out, DpError *err)
{
	char	   *room;
	DpDecimal	dec;
	int			dscale;

	if (small != NULL)
	{
		DpScannedNumber n = *small;

		if (dp_numeric_apply_small(&n, col->typmod))
		{
			room = dp_arena_alloc(ctx->arena, DP_DECIMAL_SMALL_BYTES);
			if (room == NULL)
				return dp_out_of_memory(err);
			dp_decimal_pack_small(n.mantissa, n.scale, n.negative, room);
			out->value = PointerGetDatum(room);
			return true;
		}
	}
	dp_scan_decimal(text, &dec);
	dscale = dp_decimal_scale(&dec);
	if (col->typmod >= (int32) VARHDRSZ)
	{
		int			precision = dp_typmod_precision(col->typmod);
		int			scale = dp_typmod_scale(col->typmod);

		room = dp_arena_alloc(ctx->arena, dec.nwhole + dec.nfraction + 2);
		if (room == NULL)
			return dp_out_of_memory(err);
		if (!dp_decimal_round(&dec, precision, scale, room))
			return out_of_range(ctx, col, text, err);
		dscale = Max(scale, 0);
	}
	room = dp_arena_alloc(ctx->arena, dp_decimal_bound(&dec));
	if (room == NULL)
		return dp_out_of_memory(err);
	dp_decimal_pack_scaled(&dec, dscale, room);
	out->value = PointerGetDatum(room);
	return true;
}

/* float and numeric: a plain number, or left to the input function. */
static bool
number_from_text(const DpValueContext *ctx, const DpColumn *col, char *text,
				 size_t len, DpColumnValue *out, DpError *err)
{
	char	   *number = text + (*text == '+');
	DpDecimal	dec;

	if (*text == '+' && text[1] == '-')
		return defer(text, len, out);
	if (dp_scan_decimal(number, &dec) != text + len ||
		dec.nwhole + dec.nfraction == 0 || !dp_is_digit(text[len - 1]) ||
		dec.nwhole + dec.nfraction > ctx->d->limits.max_digits ||
		abs(dec.exponent) > ctx->d->limits.max_exponent)
		return defer(text, len, out);
	if (col->type != NUMERICOID)
		return put_float(ctx, col, number, NULL, out, err);
	if (!dp_decimal_fits(&dec))
		return out_of_range(ctx, col, text, err);
	return put_numeric(ctx, col, number, NULL, out, err);
}

/* jsonb or json from the JSON text at *pp. */
static bool
put_json(const DpValueContext *ctx, const DpColumn *col, char **pp,
		 DpColumnValue *out, DpError *err)
{
	DpJsonDecoder *d = ctx->d;
	char	   *start = *pp;
	char	   *copy;
	const char *jsonb;
	size_t		len;

	if (col->type == JSONOID)
	{
		*pp = dp_json_skip_value(d, *pp, ctx->base, err);
		return *pp != NULL && make_varlena(ctx, start, *pp - start, 0, out, err);
	}
	d->stack.len = 0;
	d->tape.len = 0;
	d->number_bytes = 0;
	if (!dp_json_parse_value(d, pp, err))
		return false;
	jsonb = dp_jsonb_write(d, &d->stack.items[0], &len, err);
	if (jsonb == NULL)
		return false;
	copy = dp_arena_alloc(ctx->arena, len);
	if (copy == NULL)
		return dp_out_of_memory(err);
	memcpy(copy, jsonb, len);
	out->value = PointerGetDatum(copy);
	return true;
}

/* json and jsonb spelled in a field of something else. */
static bool
json_from_text(const DpValueContext *ctx, const DpColumn *col, char *text,
			   size_t len, DpColumnValue *out, DpError *err)
{
	char	   *p = text;

	if (!put_json(ctx, col, &p, out, err))
		return false;
	p = dp_scan_blanks(p);
	if (p != text + len)
		return wrong_type(ctx, col, p, err);
	if (col->type == JSONBOID)
		return true;
	return make_varlena(ctx, text, len, 0, out, err);
}

static bool
uuid_from_text(const DpValueContext *ctx, char *text, size_t len,
			   DpColumnValue *out, DpError *err)
{
	unsigned char *uuid;

	uuid = dp_arena_alloc(ctx->arena, DP_UUID_BYTES);
	if (uuid == NULL)
		return dp_out_of_memory(err);
	if (!dp_uuid_parse(text, len, uuid))
		return defer(text, len, out);
	out->value = PointerGetDatum(uuid);
	return true;
}

/*
 * The input functions take "now" and "yesterday", which mean another time
 * whenever the message is read.
 */
static bool
is_relative_time(const char *text, size_t len)
{
	static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};
	const char *end = text + len;

	while (text < end)
	{
		const char *word = text;

		while (text < end && ((*text | 0x20) >= 'a' && (*text | 0x20) <= 'z'))
			text++;
		for (int i = 0; i < lengthof(words); i++)
		{
			if ((size_t) (text - word) == strlen(words[i]) &&
				pg_strncasecmp(word, words[i], text - word) == 0)
				return true;
		}
		if (text == word)
			text++;
	}
	return false;
}

static bool
defer_datetime(const DpValueContext *ctx, const DpColumn *col, char *text, size_t len,
			   DpColumnValue *out, DpError *err)
{
	return is_relative_time(text, len) ? wrong_type(ctx, col, text, err) : defer(text, len, out);
}

static bool
datetime_from_text(const DpValueContext *ctx, const DpColumn *col, char *text, size_t len,
				   DpColumnValue *out, DpError *err)
{
	int32		days;
	int64		micros;

	if (col->type == DATEOID)
	{
		if (!dp_parse_date(text, len, &days))
			return defer_datetime(ctx, col, text, len, out, err);
		out->value = Int32GetDatum(days);
		return true;
	}
	if (!dp_parse_timestamp(text, len, col->typmod, col->type == TIMESTAMPTZOID,
							&micros))
		return defer_datetime(ctx, col, text, len, out, err);
	out->value = Int64GetDatum(micros);
	return true;
}

bool
dp_value_from_text(const DpValueContext *ctx, const DpColumn *col, char *text,
				   size_t len, bool headroom, DpColumnValue *out, DpError *err)
{
	bool		value;

	out->isnull = false;
	out->deferred = false;
	switch (col->type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return put_text(ctx, col, text, len, headroom, out, err);
		case BOOLOID:
			if (!dp_bool_parse(text, len, &value))
				return wrong_type(ctx, col, text, err);
			out->value = BoolGetDatum(value);
			return true;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return integer_from_text(ctx, col, text, len, out, err);
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			return number_from_text(ctx, col, text, len, out, err);
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return datetime_from_text(ctx, col, text, len, out, err);
		case TIMEOID:
		case TIMETZOID:
			return defer_datetime(ctx, col, text, len, out, err);
		case UUIDOID:
			return uuid_from_text(ctx, text, len, out, err);
		case JSONOID:
		case JSONBOID:
			return json_from_text(ctx, col, text, len, out, err);
		default:
			return defer(text, len, out);
	}
}

/* A value whose text must stay as it is in the message; errors are where it stands there. */
static bool
value_from_copy(const DpValueContext *ctx, const DpColumn *col, const char *start,
				size_t len, DpColumnValue *out, DpError *err)
{
	char	   *text = copy_text(ctx, start, len, err);

	if (text == NULL)
		return false;
	if (dp_value_from_text(ctx, col, text, len, true, out, err))
		return true;
	if (err->position != DP_NO_POSITION)
		err->position = start - ctx->base;
	return false;
}

/* Languages with one kind of number spell 2 as 2.0: is it whole? */
static bool
drop_zeroes(DpScannedNumber *number)
{
	while (number->scale > 0 && number->mantissa % 10 == 0)
	{
		number->mantissa /= 10;
		number->scale--;
	}
	return number->scale == 0;
}

/* A JSON number; other types get its text. */
static bool
value_from_number(const DpValueContext *ctx, const DpColumn *col, char **pp,
				  DpColumnValue *out, DpError *err)
{
	DpScannedNumber number;
	char	   *start = *pp;

	*pp = dp_scan_number(start, ctx->base, &ctx->d->limits, &number, err);
	if (*pp == NULL)
		return false;
	switch (col->type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			if (number.small && drop_zeroes(&number))
				return put_integer(ctx, col, number.mantissa, number.negative,
								   start, out, err);
			if (!number.integral)
				return wrong_type(ctx, col, start, err);
			break;
		case FLOAT4OID:
		case FLOAT8OID:
			return put_float(ctx, col, start, number.small ? &number : NULL, out, err);
		case NUMERICOID:
			return put_numeric(ctx, col, start, number.small ? &number : NULL, out, err);
		default:
			break;
	}
	return value_from_copy(ctx, col, start, *pp - start, out, err);
}

/* An object, an array, true or false. */
static bool
value_from_other(const DpValueContext *ctx, const DpColumn *col, char **pp,
				 DpColumnValue *out, DpError *err)
{
	char	   *start = *pp;

	*pp = dp_json_skip_value(ctx->d, start, ctx->base, err);
	if (*pp == NULL)
		return false;
	if (is_scalar_type(col->type) || (col->type == BOOLOID && (*start == '{' || *start == '[')))
		return wrong_type(ctx, col, start, err);
	return value_from_copy(ctx, col, start, *pp - start, out, err);
}

bool
dp_value_from_json(const DpValueContext *ctx, const DpColumn *col, char **pp,
				   DpColumnValue *out, DpError *err)
{
	char	   *p = *pp;

	out->isnull = false;
	out->deferred = false;
	if (*p == 'n' && dp_scan_literal(p) > 0)
	{
		out->isnull = true;
		*pp = p + strlen("null");
		return true;
	}
	if (col->type == JSONOID || col->type == JSONBOID)
		return put_json(ctx, col, pp, out, err);
	if (*p == '"')
	{
		size_t		len;

		*pp = dp_scan_string(p + 1, ctx->base, false, &len, err);
		if (*pp == NULL)
			return false;
		p[1 + len] = '\0';
		return dp_value_from_text(ctx, col, p + 1, len, true, out, err);
	}
	if (*p == '-' || dp_is_digit(*p))
		return value_from_number(ctx, col, pp, out, err);
	return value_from_other(ctx, col, pp, out, err);
}
