/*-------------------------------------------------------------------------
 *
 * encode_special.c
 *	  Well-known messages from the ways that ProtoJSON spells them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/numbers.h"
#include "protobuf/encoder.h"

#define MIN_SECONDS INT64CONST(-62135596800)	/* 0001-01-01 */
#define MAX_SECONDS INT64CONST(253402300799)	/* 9999-12-31 */
#define MAX_DURATION INT64CONST(315576000000)	/* 10000 years */
#define DAY_SECONDS 86400

static void
put_int(DpPbEncoder *e, int32 number, int64 value)
{
	if (value == 0)
		return;
	dp_pb_put_tag(e->out, number, DP_PB_WIRE_VARINT);
	dp_pb_put_varint(e->out, (uint64) value);
}

/* Exactly n digits at *pp; -1 when they are not there. */
static int
take_digits(const char **pp, const char *end, int n)
{
	int			value = 0;

	for (int i = 0; i < n; i++)
	{
		if (*pp >= end || !dp_is_digit(**pp))
			return -1;
		value = value * 10 + (*(*pp)++ - '0');
	}
	return value;
}

static bool
take_char(const char **pp, const char *end, char c)
{
	if (*pp >= end || **pp != c)
		return false;
	(*pp)++;
	return true;
}

/* ".5" to nanoseconds, if there is one; false when it has no or too many digits. */
static bool
take_fraction(const char **pp, const char *end, int32 *nanos)
{
	int32		unit = 100000000;
	const char *start;

	*nanos = 0;
	if (!take_char(pp, end, '.'))
		return true;
	start = *pp;
	for (; *pp < end && dp_is_digit(**pp); (*pp)++, unit /= 10)
	{
		if (unit == 0)
			return false;
		*nanos += (**pp - '0') * unit;
	}
	return *pp > start;
}

/* Days from 0001-01-01, or -1 when there is no such day. */
static int64
days_of(int year, int month, int day)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64		y = year - 1;
	int64		days;

	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > lengths[month - 1] + (month == 2 && leap))
		return -1;
	days = y * 365 + y / 4 - y / 100 + y / 400;
	for (int m = 1; m < month; m++)
		days += lengths[m - 1] + (m == 2 && leap);
	return days + day - 1;
}

/* "Z" or "+01:30", in seconds. */
static bool
take_zone(const char **pp, const char *end, int64 *offset)
{
	bool		minus;
	int			hours;
	int			minutes;

	*offset = 0;
	if (take_char(pp, end, 'Z'))
		return true;
	minus = take_char(pp, end, '-');
	if (!minus && !take_char(pp, end, '+'))
		return false;
	hours = take_digits(pp, end, 2);
	if (hours < 0 || hours > 23 || !take_char(pp, end, ':'))
		return false;
	minutes = take_digits(pp, end, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	*offset = (hours * 60 + minutes) * (minus ? -60 : 60);
	return true;
}

static bool
parse_timestamp(const char *p, const char *end, int64 *seconds, int32 *nanos)
{
	int			part[6];
	static const char behind[] = "--T::";
	int64		days;
	int64		offset;

	for (int i = 0; i < 6; i++)
	{
		part[i] = take_digits(&p, end, i == 0 ? 4 : 2);
		if (part[i] < 0 || (i < 5 && !take_char(&p, end, behind[i])))
			return false;
	}
	days = days_of(part[0], part[1], part[2]);
	if (days < 0 || part[3] > 23 || part[4] > 59 || part[5] > 59 ||
		!take_fraction(&p, end, nanos) || !take_zone(&p, end, &offset) || p != end)
		return false;
	*seconds = MIN_SECONDS + days * DAY_SECONDS + part[3] * 3600 + part[4] * 60 + part[5] - offset;
	return *seconds >= MIN_SECONDS && *seconds <= MAX_SECONDS;
}

static bool
parse_duration(const char *p, const char *end, int64 *seconds, int32 *nanos)
{
	bool		minus = take_char(&p, end, '-');
	const char *start = p;

	*seconds = 0;
	for (; p < end && dp_is_digit(*p); p++)
	{
		*seconds = *seconds * 10 + (*p - '0');
		if (*seconds > MAX_DURATION)
			return false;
	}
	if (p == start || !take_fraction(&p, end, nanos) || !take_char(&p, end, 's') || p != end)
		return false;
	if (minus)
	{
		*seconds = -*seconds;
		*nanos = -*nanos;
	}
	return true;
}

static bool
encode_time(DpPbEncoder *e, const DpJsonbItem *json, const DpPbCode *at, bool duration)
{
	int64		seconds;
	int32		nanos;

	if (json->kind != DP_JSONB_STRING ||
		!(duration ? parse_duration : parse_timestamp) (json->ptr, json->ptr + json->len,
														&seconds, &nanos))
		return dp_pb_encode_fail(e, at, duration ? "is no duration" : "is no timestamp");
	put_int(e, 1, seconds);
	put_int(e, 2, nanos);
	return true;
}

/* A google.protobuf.Value by the kind of the JSON. */
static bool
encode_json(DpPbEncoder *e, const DpPbCodeMessage *m, const DpJsonbItem *json)
{
	static const int field_of[] = {
		[DP_JSONB_NULL] = 0,[DP_JSONB_NUMBER] = 1,[DP_JSONB_STRING] = 2,
		[DP_JSONB_FALSE] = 3,[DP_JSONB_TRUE] = 3,[DP_JSONB_OBJECT] = 4,
		[DP_JSONB_ARRAY] = 5
	};

	return dp_pb_encode_field(e, &m->codes[field_of[json->kind]], json);
}

/* "a.bC,d" to the paths that were declared: each capital was an underscore. */
static bool
encode_field_mask(DpPbEncoder *e, const DpJsonbItem *json, const DpPbCode *at)
{
	const char *p = json->ptr;
	const char *end = p + json->len;

	if (json->kind != DP_JSONB_STRING)
		return dp_pb_encode_fail(e, at, "is no field mask");
	if (p == end)
		return true;
	for (;;)
	{
		size_t		start = dp_pb_open(e, 1);

		for (; p < end && *p != ','; p++)
		{
			bool		up = *p >= 'A' && *p <= 'Z';
			char		c = up ? *p + ('a' - 'A') : *p;

			if (*p == '_')
				return dp_pb_encode_fail(e, at, "is no field mask");
			if (up)
				dp_buf_append(e->out, "_", 1);
			dp_buf_append(e->out, &c, 1);
		}
		if (!dp_pb_close(e, start))
			return false;
		if (p == end)
			return true;
		p++;
	}
}

/* What an Any holds: by its type, or as bytes when that is not known. */
static bool
encode_any_content(DpPbEncoder *e, const DpPbCodeMessage *m, const DpPbCodeMessage *inner,
				   const DpJsonbItem *json, const DpPbCode *at)
{
	DpJsonbItem value = {DP_JSONB_NULL};
	bool		has_value = dp_jsonb_find(json, "value", strlen("value"), &value);
	bool		special = inner != NULL && inner->well_known != DP_PB_ORDINARY &&
		inner->well_known < DP_PB_DECIMAL;
	size_t		start;

	if (inner == NULL)
		return !has_value || dp_pb_encode_field(e, &m->codes[1], &value);
	if (special && !has_value)
		return dp_pb_encode_fail(e, at, "has no member \"value\"");
	start = dp_pb_open(e, 2);
	if (!(special ? dp_pb_encode_special(e, inner, &value, at) :
		  dp_pb_encode_members(e, inner, json, "@type", at)))
		return false;
	return dp_pb_close(e, start);
}

static bool
encode_any(DpPbEncoder *e, const DpPbCodeMessage *m, const DpJsonbItem *json, const DpPbCode *at)
{
	DpJsonbItem url;
	const char *name;
	const DpPbCodeMessage *inner;
	bool		good;

	if (json->kind != DP_JSONB_OBJECT)
		return dp_pb_encode_fail(e, at, "is no object");
	if (json->len == 0)
		return true;
	if (!dp_jsonb_find(json, "@type", strlen("@type"), &url) || url.kind != DP_JSONB_STRING)
		return dp_pb_encode_fail(e, at, "has no member \"@type\"");
	name = url.ptr + url.len;
	while (name > url.ptr && name[-1] != '/')
		name--;
	if (name == url.ptr)
		return dp_pb_encode_fail(e, at, "has a type without a slash");
	inner = dp_pb_code_message(e->program, name, url.ptr + url.len - name);
	dp_pb_put_bytes(e->out, 1, url.ptr, url.len);
	if (!dp_pb_encode_deeper(e))
		return false;
	good = encode_any_content(e, m, inner, json, at);
	e->depth--;
	return good;
}

bool
dp_pb_encode_special(DpPbEncoder *e, const DpPbCodeMessage *m, const DpJsonbItem *json,
					 const DpPbCode *at)
{
	switch (m->well_known)
	{
		case DP_PB_TIMESTAMP:
			return encode_time(e, json, at, false);
		case DP_PB_DURATION:
			return encode_time(e, json, at, true);
		case DP_PB_STRUCT:
			if (json->kind != DP_JSONB_OBJECT)
				return dp_pb_encode_fail(e, at, "is no object");
			return dp_pb_encode_field(e, &m->codes[0], json);
		case DP_PB_LIST_VALUE:
			if (json->kind != DP_JSONB_ARRAY)
				return dp_pb_encode_fail(e, at, "is no array");
			return dp_pb_encode_field(e, &m->codes[0], json);
		case DP_PB_VALUE:
			return encode_json(e, m, json);
		case DP_PB_WRAPPER:
			return dp_pb_encode_field(e, &m->codes[0], json);
		case DP_PB_ANY:
			return encode_any(e, m, json, at);
		default:
			return encode_field_mask(e, json, at);
	}
}
