/*-------------------------------------------------------------------------
 *
 * encode_scalar.c
 *	  JSON's spellings of Avro's scalars, back to bytes.
 *
 * What the decoder writes is read here, and a little more: zones other than
 * UTC, hours and years in a duration.  Nothing is rounded: what a type cannot
 * hold is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <errno.h>

#include "avro/encode.h"
#include "avro/scalar.h"
#include "formats/nodes.h"
#include "formats/numbers.h"

#define DATE_CHARS 10
#define NANOS_PER_SECOND INT64CONST(1000000000)
#define SECONDS_PER_DAY 86400

bool
dp_avro_not_a(DpAvroEncoder *e, const char *what)
{
	return dp_error_set(e->err, "22P02", DP_NO_POSITION, "value is not %s", what);
}

bool
dp_avro_item_integer(DpAvroEncoder *e, const DpJsonbItem *item, int64 *out)
{
	char	   *end;

	if (item->kind != DP_JSONB_NUMBER)
		return false;
	if (!dp_jsonb_number_text(item, &e->text))
		return dp_out_of_memory(e->err);
	errno = 0;
	*out = strtoll(e->text.data, &end, 10);
	if (*end == '.')
		end += 1 + strspn(end + 1, "0");
	return *end == '\0' && errno == 0;
}

/* ---------------------------------------------------------- days and times */

/* A number of up to "max" digits at *p; false when there is none. */
static bool
get_digits(const char **p, const char *end, int min, int max, int64 *out)
{
	const char *start = *p;

	*out = 0;
	while (*p < end && *p - start < max && **p >= '0' && **p <= '9')
		*out = *out * 10 + (*(*p)++ - '0');
	return *p - start >= min;
}

/* HH:MM:SS with decimals, in nanoseconds. */
static bool
get_time(const char **p, const char *end, int64 *nanos)
{
	int64		hour;
	int64		minute;
	int64		second;
	int64		fraction = 0;

	if (!get_digits(p, end, 2, 2, &hour) || *p >= end || *(*p)++ != ':' ||
		!get_digits(p, end, 2, 2, &minute) || *p >= end || *(*p)++ != ':' ||
		!get_digits(p, end, 2, 2, &second) || hour > 23 || minute > 59 || second > 59)
		return false;
	if (*p < end && **p == '.')
	{
		const char *start = ++*p;

		if (!get_digits(p, end, 1, 9, &fraction))
			return false;
		for (int n = *p - start; n < 9; n++)
			fraction *= 10;
	}
	*nanos = ((hour * 60 + minute) * 60 + second) * NANOS_PER_SECOND + fraction;
	return true;
}

/* Z, +HH, +HH:MM or +HHMM to the end; nothing is UTC. */
static bool
get_zone(const char *p, const char *end, int64 *seconds)
{
	int64		hour;
	int64		minute = 0;
	bool		west;

	*seconds = 0;
	if (p == end || (end - p == 1 && *p == 'Z'))
		return true;
	west = *p == '-';
	if ((*p != '+' && *p != '-') || (p++, !get_digits(&p, end, 2, 2, &hour)))
		return false;
	if (p < end && *p == ':')
		p++;
	if (p < end && !get_digits(&p, end, 2, 2, &minute))
		return false;
	*seconds = (hour * 60 + minute) * 60 * (west ? -1 : 1);
	return p == end && hour <= 15 && minute <= 59;
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
			return NANOS_PER_SECOND;
		default:
			return 1000000;
	}
}

/* Days, or seconds times the unit. */
static bool
spelled_form(DpAvroLogical form, const char *p, const char *end, int64 *out)
{
	int64		unit = unit_of(form);
	int64		nanos;
	int64		zone = 0;
	int32		days = 0;

	if (form != DP_LOGICAL_TIME_MILLIS && form != DP_LOGICAL_TIME_MICROS)
	{
		if (end - p < DATE_CHARS || !dp_parse_date(p, DATE_CHARS, &days))
			return false;
		p += DATE_CHARS;
		*out = days + DP_EPOCH_DAYS;
		if (form == DP_LOGICAL_DATE)
			return p == end;
		if (p >= end || (*p != 'T' && *p != ' '))
			return false;
		p++;
	}
	if (!get_time(&p, end, &nanos) || nanos % (NANOS_PER_SECOND / unit) != 0)
		return false;
	nanos /= NANOS_PER_SECOND / unit;
	if (form == DP_LOGICAL_TIME_MILLIS || form == DP_LOGICAL_TIME_MICROS)
	{
		*out = nanos;
		return p == end;
	}
	if (form >= DP_LOGICAL_LOCAL_MILLIS ? p != end : !get_zone(p, end, &zone))
		return false;
	/* nanoseconds of 64 bits end in 2262 */
	return !__builtin_mul_overflow(*out * SECONDS_PER_DAY - zone, unit, out) &&
		!__builtin_add_overflow(*out, nanos, out);
}

bool
dp_avro_put_form(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	int64		v;

	if (item->kind == DP_JSONB_STRING ? !spelled_form(type->logical, item->ptr, item->ptr + item->len, &v) :
		!dp_avro_item_integer(e, item, &v))
		return dp_avro_not_a(e, type->logical == DP_LOGICAL_DATE ? "a date" :
							 type->logical <= DP_LOGICAL_TIME_MICROS ? "a time that the type can hold" :
							 "a timestamp that the type can hold");
	if (type->tag == DP_AVRO_INT && v != (int32) v)
		return dp_avro_not_a(e, "in the range of int");
	dp_avro_put_long(e->out, v);
	return true;
}

/* ------------------------------------------------------------------ bytes */

/* The bytes of a value whose type says how many there are, or not. */
static bool
put_bytes(DpAvroEncoder *e, const DpAvroType *type, const char *s, size_t len)
{
	if (type->tag == DP_AVRO_FIXED && len != type->size)
		return dp_error_set(e->err, "22P02", DP_NO_POSITION,
							"value has %zu bytes where the fixed type has %u", len, type->size);
	if (type->tag == DP_AVRO_BYTES)
		dp_avro_put_long(e->out, len);
	dp_buf_append(e->out, s, len);
	return true;
}

static inline int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
dp_avro_put_base64(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	uint32		len = item->len;
	uint32		bits = 0;
	int			nbits = 0;

	if (item->kind != DP_JSONB_STRING || len % 4 != 0)
		return dp_avro_not_a(e, "bytes in base64");
	while (len > 0 && item->len - len < 2 && item->ptr[len - 1] == '=')
		len--;
	dp_buf_reset(&e->text);
	for (uint32 i = 0; i < len; i++)
	{
		int			digit = base64_digit(item->ptr[i]);
		char		byte;

		if (digit < 0)
			return dp_avro_not_a(e, "bytes in base64");
		bits = bits << 6 | digit;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			byte = bits >> nbits;
			dp_buf_append(&e->text, &byte, 1);
		}
	}
	if (e->text.oom)
		return dp_out_of_memory(e->err);
	return put_bytes(e, type, e->text.data ? e->text.data : "", e->text.len);
}

bool
dp_avro_put_uuid(DpAvroEncoder *e, const DpJsonbItem *item)
{
	unsigned char uuid[DP_UUID_BYTES];

	if (item->kind != DP_JSONB_STRING || !dp_uuid_parse(item->ptr, item->len, uuid))
		return dp_avro_not_a(e, "a uuid");
	dp_buf_append(e->out, uuid, sizeof(uuid));
	return true;
}

/* One part of a duration, as "12M"; its letter is returned, or 0. */
static char
get_part(const char **p, const char *end, int64 *value, int64 *millis)
{
	const char *start;

	*millis = 0;
	if (!get_digits(p, end, 1, 10, value))
		return 0;
	if (*p < end && **p == '.')
	{
		start = ++*p;
		if (!get_digits(p, end, 1, 3, millis))
			return 0;
		for (int n = *p - start; n < 3; n++)
			*millis *= 10;
	}
	return *p < end ? *(*p)++ : 0;
}

static bool
spelled_duration(const char *p, const char *end, int64 *months, int64 *days, int64 *millis)
{
	bool		in_time = false;

	*months = *days = *millis = 0;
	if (p >= end || *p++ != 'P')
		return false;
	while (p < end)
	{
		int64		value;
		int64		fraction;
		char		letter;

		if (*p == 'T' && !in_time)
		{
			in_time = true;
			p++;
			continue;
		}
		letter = get_part(&p, end, &value, &fraction);
		if (letter == 0 || (fraction != 0 && letter != 'S'))
			return false;
		if (!in_time && (letter == 'Y' || letter == 'M'))
			*months += value * (letter == 'Y' ? 12 : 1);
		else if (!in_time && (letter == 'W' || letter == 'D'))
			*days += value * (letter == 'W' ? 7 : 1);
		else if (in_time && (letter == 'H' || letter == 'M' || letter == 'S'))
			*millis += value * (letter == 'H' ? 3600000 : letter == 'M' ? 60000 : 1000) + fraction;
		else
			return false;
	}
	return *months <= PG_UINT32_MAX && *days <= PG_UINT32_MAX && *millis <= PG_UINT32_MAX;
}

bool
dp_avro_put_duration(DpAvroEncoder *e, const DpJsonbItem *item)
{
	int64		parts[3];
	char		bytes[DP_AVRO_DURATION_BYTES];

	if (item->kind != DP_JSONB_STRING ||
		!spelled_duration(item->ptr, item->ptr + item->len, &parts[0], &parts[1], &parts[2]))
		return dp_avro_not_a(e, "a duration as ISO 8601 spells it (P1M2DT3.004S)");
	for (int i = 0; i < DP_AVRO_DURATION_BYTES; i++)
		bytes[i] = (uint64) parts[i / 4] >> 8 * (i % 4);
	dp_buf_append(e->out, bytes, sizeof(bytes));
	return true;
}

/* --------------------------------------------------------------- decimals */

/*
 * Digits of the value times 10^scale, at *digits; false when it has more
 * decimals.  Changes the text.
 */
static bool
scale_digits(DpAvroEncoder *e, int scale, char **digits, int *n)
{
	char	   *s = e->text.data + (e->text.data[0] == '-');
	char	   *end = e->text.data + e->text.len;
	char	   *point = memchr(s, '.', end - s);
	int			decimals = 0;

	if (point != NULL)
	{
		while (end[-1] == '0')
			end--;
		decimals = end - point - 1;
		memmove(point, point + 1, decimals);
		end--;
	}
	if (decimals > scale)
		return false;
	while (s < end && *s == '0')
		s++;
	*digits = s;
	*n = end - s;
	if (*n == 0)
		return true;
	/* zeros for the missing decimals, over what is no more needed or behind it */
	e->text.len = end - e->text.data;
	if (!dp_buf_reserve(&e->text, scale - decimals + 1))
		return false;
	*digits = e->text.data + e->text.len - *n;
	memset(e->text.data + e->text.len, '0', scale - decimals);
	*n += scale - decimals;
	return true;
}

/* The number as bytes of two's complement, highest first; returns how many of "room" were left. */
static size_t
to_bytes(const char *digits, int n, bool negative, unsigned char *bytes, size_t room)
{
	size_t		used = 1;
	size_t		at;

	memset(bytes, 0, room);
	for (int i = 0; i < n; i++)
	{
		uint32		carry = digits[i] - '0';

		for (size_t k = 0; k < used || carry != 0; k++)
		{
			carry += bytes[room - 1 - k] * 10;
			bytes[room - 1 - k] = carry;
			carry >>= 8;
			used = Max(used, k + 1);
		}
	}
	at = room - used;
	if (negative)
	{
		uint32		carry = 1;

		for (size_t k = 0; k < room; k++)
		{
			carry += (unsigned char) ~bytes[room - 1 - k];
			bytes[room - 1 - k] = carry;
			carry >>= 8;
		}
	}
	/* one byte for the sign, when the first bit does not tell it */
	if (((bytes[at] & 0x80) != 0) != negative)
		at--;
	return at;
}

bool
dp_avro_put_decimal(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	unsigned char *bytes;
	char	   *digits;
	bool		negative;
	size_t		room;
	size_t		at;
	int			n;
	bool		good;

	if (item->kind != DP_JSONB_NUMBER)
		return dp_avro_not_a(e, "a number");
	if (!dp_jsonb_number_text(item, &e->text))
		return dp_out_of_memory(e->err);
	negative = e->text.data[0] == '-';
	if (!scale_digits(e, type->scale, &digits, &n) || n > type->precision || n > DP_JSON_MAX_DIGITS)
		return dp_error_set(e->err, "22003", DP_NO_POSITION, "value does not fit decimal(%d,%d)",
							type->precision, type->scale);
	room = Max((size_t) n / 2 + 3, type->tag == DP_AVRO_FIXED ? type->size + 1 : 0);
	bytes = malloc(room);
	if (bytes == NULL)
		return dp_out_of_memory(e->err);
	at = to_bytes(digits, n, negative && n > 0, bytes, room);
	if (type->tag == DP_AVRO_FIXED && room - at <= type->size)
		at = room - type->size;
	good = put_bytes(e, type, (char *) bytes + at, room - at);
	free(bytes);
	return good;
}
