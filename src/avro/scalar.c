/*-------------------------------------------------------------------------
 *
 * scalar.c
 *	  Values of Avro's scalar types as nodes.
 *
 * Days and times are spelled as to_jsonb() spells them, in UTC.  What no
 * four-digit year can hold stays the number that it is, so that nothing is
 * lost and the encoder takes it back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "datatype/timestamp.h"

#include "avro/scalar.h"
#include "formats/numbers.h"

/* The C library's: this file must link without the server. */
#undef snprintf

#define FLOAT_ROOM 32			/* of a spelled double */
#define DATE_ROOM 48			/* of a spelled timestamp */
#define INTERVAL_ROOM 64
#define DAYS_YEAR_1 (-719162)	/* 0001-01-01 */
#define DAYS_YEAR_10000 2932897 /* the day after 9999-12-31 */
#define SMALL_LIMIT INT64CONST(10000000000000000)	/* 16 digits: any scale */
#define VECTOR 16				/* the jsonb writer reads as much of a string */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Room for text that the jsonb writer can read as vectors. */
static char *
take(DpAvroReader *r, size_t len, DpError *err)
{
	char	   *room = dp_arena_alloc(&r->values, Max(len, VECTOR));

	if (room == NULL)
		dp_out_of_memory(err);
	else
		r->d->number_bytes += len;
	return room;
}

static bool
set_text(DpNode *node, DpNodeKind kind, const char *s, size_t len)
{
	node->kind = kind;
	node->len = len;
	node->u.ptr = s;
	return true;
}

static bool
node_constant(DpAvroReader *r, DpNode *node, const char *s)
{
	r->d->number_bytes += strlen(s);
	return set_text(node, DP_NODE_STRING, s, strlen(s));
}

/* What a number of JSON cannot be, as to_jsonb() has it.  Padded for vectors. */
static bool
node_special(DpAvroReader *r, DpNode *node, double v)
{
	static const char nan_text[VECTOR] = "NaN";
	static const char infinity[VECTOR] = "Infinity";
	static const char minus_infinity[VECTOR] = "-Infinity";

	if (isnan(v))
		return node_constant(r, node, nan_text);
	return node_constant(r, node, v > 0 ? infinity : minus_infinity);
}

static bool
node_spelled(DpAvroReader *r, DpNode *node, const char *text, size_t len)
{
	/* dp_scan_decimal stops at the NUL behind it */
	r->d->number_bytes += FLOAT_ROOM;
	return set_text(node, DP_NODE_NUMBER, text, len);
}

bool
dp_avro_node_double_slow(DpAvroReader *r, DpNode *node, double v, DpError *err)
{
	char	   *text;

	if (isnan(v) || isinf(v))
		return node_special(r, node, v);
	text = take(r, FLOAT_ROOM, err);
	return text != NULL && node_spelled(r, node, text, double_to_shortest_decimal_buf(v, text));
}

bool
dp_avro_node_float(DpAvroReader *r, DpNode *node, float v, DpError *err)
{
	double		scaled = (double) v * 100;
	char	   *text;

	if (isnan(v) || isinf(v))
		return node_special(r, node, v);
	if (fabsf(v) < 1e6f && v == (float) (int32) v)
	{
		dp_avro_node_integer(node, (int32) v);
		return true;
	}
	if (scaled < 1e6 && scaled > -1e6)
	{
		int64		m = (int64) (scaled + (v < 0 ? -0.5 : 0.5));

		/* as dp_avro_node_double() does, with the six digits that a float surely has */
		if ((float) ((double) m / 100) == v)
		{
			dp_avro_node_integer(node, m % 10 == 0 ? m / 10 : m);
			node->scale = m % 10 == 0 ? 1 : 2;
			return true;
		}
	}
	text = take(r, FLOAT_ROOM, err);
	return text != NULL && node_spelled(r, node, text, float_to_shortest_decimal_buf(v, text));
}

/* ---------------------------------------------------------- days and times */

static char *
put_digits(char *p, unsigned v, int n)
{
	for (int i = n - 1; i >= 0; i--)
	{
		p[i] = '0' + v % 10;
		v /= 10;
	}
	return p + n;
}

/* Of a day from year 1 to 9999: 400 years are 146097 days, and March begins the year. */
static char *
put_date(char *p, int64 days)
{
	unsigned	z = (unsigned) (days + 719468);
	unsigned	era = z / 146097;
	unsigned	doe = z - era * 146097;
	unsigned	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned	mp = (5 * doy + 2) / 153;
	unsigned	month = mp < 10 ? mp + 3 : mp - 9;

	p = put_digits(p, yoe + era * 400 + (month <= 2), 4);
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	return put_digits(p, doy - (153 * mp + 2) / 5 + 1, 2);
}

/* A time of day, with as many decimals as it needs. */
static char *
put_time(char *p, int64 v, int64 unit)
{
	int64		seconds = v / unit;
	int64		fraction = v % unit;

	p = put_digits(p, seconds / 3600, 2);
	*p++ = ':';
	p = put_digits(p, seconds / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, seconds % 60, 2);
	if (fraction != 0)
	{
		int			n = unit == 1000 ? 3 : unit == 1000000 ? 6 : 9;

		*p++ = '.';
		p = put_digits(p, fraction, n);
		while (p[-1] == '0')
			p--;
	}
	return p;
}

static int64
unit_of(DpAvroLogical form)
{
	switch (form)
	{
		case DP_LOGICAL_TIME_MILLIS:
		case DP_LOGICAL_TIMESTAMP_MILLIS:
		case DP_LOGICAL_LOCAL_MILLIS:
			return 1000;
		case DP_LOGICAL_TIMESTAMP_NANOS:
		case DP_LOGICAL_LOCAL_NANOS:
			return 1000000000;
		default:
			return 1000000;
	}
}

/* NULL: it has no such spelling. */
static char *
put_form(char *p, DpAvroLogical form, int64 v)
{
	int64		unit = unit_of(form);
	int64		day;

	if (form == DP_LOGICAL_DATE)
		return v < DAYS_YEAR_1 || v >= DAYS_YEAR_10000 ? NULL : put_date(p, v);
	if (form == DP_LOGICAL_TIME_MILLIS || form == DP_LOGICAL_TIME_MICROS)
		return v < 0 || v >= unit * 86400 ? NULL : put_time(p, v, unit);
	unit *= 86400;
	day = v / unit - (v % unit < 0);
	if (day < DAYS_YEAR_1 || day >= DAYS_YEAR_10000)
		return NULL;
	p = put_date(p, day);
	*p++ = 'T';
	p = put_time(p, v % unit + (v % unit < 0 ? unit : 0), unit / 86400);
	if (form >= DP_LOGICAL_LOCAL_MILLIS)
		return p;
	memcpy(p, "+00:00", 6);
	return p + 6;
}

bool
dp_avro_node_form(DpAvroReader *r, DpNode *node, DpAvroLogical form, int64 v, DpError *err)
{
	char		text[DATE_ROOM];
	char	   *end = put_form(text, form, v);
	char	   *copy;

	if (end == NULL)
	{
		dp_avro_node_integer(node, v);
		return true;
	}
	copy = take(r, end - text, err);
	if (copy == NULL)
		return false;
	memcpy(copy, text, end - text);
	return set_text(node, DP_NODE_STRING, copy, end - text);
}

bool
dp_avro_micros(DpAvroLogical form, int64 v, int64 *out)
{
	switch (form)
	{
		case DP_LOGICAL_TIME_MILLIS:
			*out = v * 1000;
			return v >= 0 && v <= 86400000;
		case DP_LOGICAL_TIME_MICROS:
			*out = v;
			return v >= 0 && v <= DP_MICROS_PER_DAY;
		case DP_LOGICAL_TIMESTAMP_MILLIS:
		case DP_LOGICAL_LOCAL_MILLIS:
			if (v > PG_INT64_MAX / 1000 || v < PG_INT64_MIN / 1000)
				return false;
			v *= 1000;
			break;
		case DP_LOGICAL_TIMESTAMP_NANOS:
		case DP_LOGICAL_LOCAL_NANOS:
			/* half away from zero, as the server rounds */
			v = v / 1000 + (v % 1000 >= 500) - (v % 1000 <= -500);
			break;
		default:
			break;
	}
	if (v < PG_INT64_MIN + DP_EPOCH_MICROS)
		return false;
	*out = v - DP_EPOCH_MICROS;
	return IS_VALID_TIMESTAMP(*out);
}

/* ------------------------------------------------------------------ bytes */

static bool
node_base64(DpAvroReader *r, DpNode *node, const char *s, size_t len, DpError *err)
{
	const unsigned char *u = (const unsigned char *) s;
	size_t		size = (len + 2) / 3 * 4;
	char	   *text = take(r, size, err);
	char	   *p = text;
	size_t		i;

	if (text == NULL)
		return false;
	for (i = 0; i + 3 <= len; i += 3)
	{
		uint32		v = u[i] << 16 | u[i + 1] << 8 | u[i + 2];

		*p++ = base64[v >> 18];
		*p++ = base64[v >> 12 & 63];
		*p++ = base64[v >> 6 & 63];
		*p++ = base64[v & 63];
	}
	if (i < len)
	{
		uint32		v = u[i] << 16 | (i + 1 < len ? u[i + 1] << 8 : 0);

		*p++ = base64[v >> 18];
		*p++ = base64[v >> 12 & 63];
		*p++ = i + 1 < len ? base64[v >> 6 & 63] : '=';
		*p++ = '=';
	}
	return set_text(node, DP_NODE_STRING, text, size);
}

/* Digits of a number in words of 32 bits, lowest first, which become zero. */
static int
put_words(uint32 *words, int n, char *digits, int room)
{
	int			at = room;

	while (n > 0 && words[n - 1] == 0)
		n--;
	while (n > 0)
	{
		uint64		rest = 0;

		for (int i = n - 1; i >= 0; i--)
		{
			rest = rest << 32 | words[i];
			words[i] = rest / 1000000000;
			rest %= 1000000000;
		}
		for (int i = 0; i < 9; i++)
		{
			digits[--at] = '0' + rest % 10;
			rest /= 10;
		}
		while (n > 0 && words[n - 1] == 0)
			n--;
	}
	while (at < room && digits[at] == '0')
		at++;
	return at;
}

/* Two's complement, highest byte first, as words of its absolute value. */
static void
load_words(const char *s, size_t len, uint32 *words, int n)
{
	bool		negative = (s[0] & 0x80) != 0;
	uint32		carry = negative;

	memset(words, 0, n * sizeof(uint32));
	for (size_t i = 0; i < len; i++)
	{
		unsigned char byte = s[len - 1 - i];

		if (negative)
		{
			carry += (unsigned char) ~byte;
			byte = carry;
			carry >>= 8;
		}
		words[i / 4] |= (uint32) byte << 8 * (i % 4);
	}
}

/* Digits with a point in front of the last "scale" of them. */
static size_t
put_decimal(char *out, bool negative, const char *digits, int n, int scale)
{
	char	   *p = out;

	if (negative)
		*p++ = '-';
	if (n > scale)
	{
		memcpy(p, digits, n - scale);
		p += n - scale;
		digits += n - scale;
		n = scale;
	}
	else
		*p++ = '0';
	if (scale > 0)
	{
		*p++ = '.';
		memset(p, '0', scale - n);
		p += scale - n;
		memcpy(p, digits, n);
		p += n;
	}
	*p = '\0';
	return p - out;
}

/* A decimal of any length, as text. */
static bool
node_long_decimal(DpAvroReader *r, DpNode *node, int scale, const char *s, size_t len, DpError *err)
{
	int			n = (len + 3) / 4;
	int			room = n * 10 + 9;	/* digits come by nine */
	uint32	   *words;
	char	   *digits;
	char	   *text;
	int			at;

	/* 2.41 digits a byte */
	if (len > (size_t) r->d->limits.max_digits * 5 / 12)
		return dp_error_set(err, "22003", DP_NO_POSITION,
							"a decimal has more digits than the limit of %d",
							r->d->limits.max_digits);
	words = malloc(n * sizeof(uint32) + room);
	text = take(r, room + scale + FLOAT_ROOM, err);
	if (words == NULL || text == NULL)
	{
		free(words);
		return dp_out_of_memory(err);
	}
	digits = (char *) (words + n);
	load_words(s, len, words, n);
	at = put_words(words, n, digits, room);
	n = put_decimal(text, (s[0] & 0x80) != 0, digits + at, room - at, scale);
	free(words);
	return set_text(node, DP_NODE_NUMBER, text, n);
}

static bool
node_decimal(DpAvroReader *r, DpNode *node, int scale, const char *s, size_t len, DpError *err)
{
	int64		v;

	dp_avro_trim_number(&s, &len);
	if (dp_avro_small_decimal(s, len, &v) &&
		((v < SMALL_LIMIT && v > -SMALL_LIMIT) || scale % 4 == 0))
	{
		dp_avro_node_integer(node, v);
		node->scale = scale;
		return true;
	}
	return node_long_decimal(r, node, scale, s, len, err);
}

void
dp_avro_uuid_text(const char *s, char *out)
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < DP_AVRO_UUID_BYTES; i++)
	{
		*out++ = hex[(unsigned char) s[i] >> 4];
		*out++ = hex[s[i] & 15];
		if (i == 3 || i == 5 || i == 7 || i == 9)
			*out++ = '-';
	}
}

static inline uint32
low_first(const char *s)
{
	const unsigned char *u = (const unsigned char *) s;

	return u[0] | u[1] << 8 | u[2] << 16 | (uint32) u[3] << 24;
}

/* Months, days and milliseconds, as ISO 8601 spells them. */
static bool
node_duration(DpAvroReader *r, DpNode *node, const char *s, DpError *err)
{
	uint32		millis = low_first(s + 8);
	char	   *text = take(r, INTERVAL_ROOM, err);
	int			n;

	if (text == NULL)
		return false;
	n = snprintf(text, INTERVAL_ROOM, "P%uM%uDT%u", low_first(s), low_first(s + 4), millis / 1000);
	if (millis % 1000 != 0)
	{
		n += snprintf(text + n, INTERVAL_ROOM - n, ".%03u", millis % 1000);
		while (text[n - 1] == '0')
			n--;
	}
	text[n++] = 'S';
	return set_text(node, DP_NODE_STRING, text, n);
}

bool
dp_avro_node_bytes(DpAvroReader *r, DpNode *node, DpAvroLogical form, int scale, const char *s,
				   size_t len, DpError *err)
{
	char	   *text;

	switch (form)
	{
		case DP_LOGICAL_DECIMAL:
			return node_decimal(r, node, scale, s, len, err);
		case DP_LOGICAL_UUID:
			text = take(r, 36, err);
			if (text == NULL)
				return false;
			dp_avro_uuid_text(s, text);
			return set_text(node, DP_NODE_STRING, text, 36);
		case DP_LOGICAL_DURATION:
			return node_duration(r, node, s, err);
		default:
			return node_base64(r, node, s, len, err);
	}
}

/* ------------------------------------------------------------------- text */

char *
dp_avro_node_text(DpAvroReader *r, const DpNode *node, size_t *len, DpError *err)
{
	char		digits[FLOAT_ROOM];
	const char *s = node->u.ptr;
	char	   *copy;

	*len = node->len;
	if (node->kind == DP_NODE_TRUE || node->kind == DP_NODE_FALSE)
	{
		s = node->kind == DP_NODE_TRUE ? "true" : "false";
		*len = strlen(s);
	}
	else if (node->kind == DP_NODE_SMALL)
		*len = FLOAT_ROOM + node->scale;
	copy = dp_arena_alloc(&r->values, *len + 2 + DP_TEXT_PADDING);
	if (copy == NULL)
	{
		dp_out_of_memory(err);
		return NULL;
	}
	if (node->kind == DP_NODE_SMALL)
		*len = put_decimal(copy + 1, node->negative, digits,
						   snprintf(digits, sizeof(digits), "%llu", (unsigned long long) node->u.mantissa),
						   node->scale);
	else
		memcpy(copy + 1, s, *len);
	memset(copy + 1 + *len, 0, 1 + DP_TEXT_PADDING);
	return copy + 1;
}
