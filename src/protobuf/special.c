/*-------------------------------------------------------------------------
 *
 * special.c
 *	  Well-known messages, which ProtoJSON spells in ways of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "protobuf/reader.h"

#define MIN_SECONDS INT64CONST(-62135596800)	/* 0001-01-01 */
#define MAX_SECONDS INT64CONST(253402300799)	/* 9999-12-31 */
#define MAX_DURATION INT64CONST(315576000000)	/* 10000 years */
#define NANOS 1000000000
#define SECONDS_PER_DAY_ 86400
#define MANY_MESSAGES 256

/* The value of the slot of field "i", or zero. */
static inline uint64
bits_at(const DpPbReader *r, uint32 base, int i)
{
	return r->slots[base + i].count > 0 ? r->slots[base + i].value.u.bits : 0;
}

static bool
out_of_range(DpPbReader *r, const char *what)
{
	return dp_error_set(r->err, DP_PB_BAD, DP_NO_POSITION, "%s is out of range", what);
}

static char *
put_digits(char *to, int value, int n)
{
	for (int i = n - 1; i >= 0; i--)
	{
		to[i] = '0' + value % 10;
		value /= 10;
	}
	return to + n;
}

/* ".5", with three, six or nine digits; nothing when there are no nanoseconds. */
static char *
put_fraction(char *to, int32 nanos)
{
	if (nanos == 0)
		return to;
	*to++ = '.';
	if (nanos % 1000000 == 0)
		return put_digits(to, nanos / 1000000, 3);
	if (nanos % 1000 == 0)
		return put_digits(to, nanos / 1000, 6);
	return put_digits(to, nanos, 9);
}

bool
dp_pb_is_timestamp(int64 seconds, int32 nanos)
{
	return seconds >= MIN_SECONDS && seconds <= MAX_SECONDS && nanos >= 0 && nanos < NANOS;
}

int
dp_pb_spell_timestamp(char *to, int64 seconds, int32 nanos)
{
	char	   *start = to;
	int64		days;
	int			rest;
	int			era_day;
	int			year;
	int			day;
	int			month;

	if (!dp_pb_is_timestamp(seconds, nanos))
		return 0;
	days = (seconds - MIN_SECONDS) / SECONDS_PER_DAY_;
	rest = (seconds - MIN_SECONDS) % SECONDS_PER_DAY_;

	/* Count from March of the year 0, so that leap days end a year. */
	days += 306;
	year = days / 146097 * 400;
	era_day = days % 146097;
	day = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
	year += day;
	era_day -= 365 * day + day / 4 - day / 100;
	month = (5 * era_day + 2) / 153;
	day = era_day - (153 * month + 2) / 5 + 1;
	month = month < 10 ? month + 3 : month - 9;
	year += month <= 2;
	to = put_digits(to, year, 4);
	*to++ = '-';
	to = put_digits(to, month, 2);
	*to++ = '-';
	to = put_digits(to, day, 2);
	*to++ = 'T';
	to = put_digits(to, rest / 3600, 2);
	*to++ = ':';
	to = put_digits(to, rest / 60 % 60, 2);
	*to++ = ':';
	to = put_digits(to, rest % 60, 2);
	to = put_fraction(to, nanos);
	*to++ = 'Z';
	return to - start;
}

int
dp_pb_spell_duration(char *to, int64 seconds, int32 nanos)
{
	char	   *start = to;

	if (seconds < -MAX_DURATION || seconds > MAX_DURATION || nanos <= -NANOS || nanos >= NANOS ||
		(seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0))
		return 0;
	if (seconds < 0 || nanos < 0)
		*to++ = '-';
	to = dp_pb_put_unsigned(to, seconds < 0 ? -seconds : seconds);
	to = put_fraction(to, nanos < 0 ? -nanos : nanos);
	*to++ = 's';
	return to - start;
}

static bool
push_time(DpPbReader *r, uint32 base, bool duration)
{
	char	   *text = dp_pb_spell(r, DP_PB_SPELLED);
	int64		seconds = (int64) bits_at(r, base, 0);
	int32		nanos = (int32) bits_at(r, base, 1);
	int			len;

	if (text == NULL)
		return false;
	len = duration ? dp_pb_spell_duration(text, seconds, nanos) :
		dp_pb_spell_timestamp(text, seconds, nanos);
	if (len == 0)
		return out_of_range(r, duration ? "a duration" : "a timestamp");
	return dp_pb_push_string(r, text, len);
}

/* google.protobuf.Value: what is set of its oneof; nothing is null. */
static bool
push_value(DpPbReader *r, const DpPbCodeMessage *m, uint32 base)
{
	for (uint32 i = 1; i < m->ncodes; i++)
	{
		DpPbSlot	slot = r->slots[base + i];
		double		number;

		if (slot.count == 0)
			continue;
		memcpy(&number, &slot.value.u.bits, sizeof(number));
		if (m->codes[i].type == DP_PB_DOUBLE && !isfinite(number))
			return dp_error_set(r->err, DP_PB_BAD, DP_NO_POSITION,
								"a google.protobuf.Value cannot be NaN or infinite");
		return dp_pb_push_slot(r, &m->codes[i], &slot);
	}
	{
		DpNode	   *node = dp_pb_node(r);

		if (node != NULL)
			node->kind = DP_NODE_NULL;
		return node != NULL;
	}
}

static bool
push_wrapper(DpPbReader *r, const DpPbCodeMessage *m, uint32 base)
{
	DpPbSlot	slot = r->slots[base];

	if (slot.count == 0)
	{
		slot.value.len = 0;
		slot.value.u.bits = 0;
		if (m->codes[0].wire == DP_PB_WIRE_BYTES)
			slot.value.u.ptr = r->d->text.data;
	}
	return dp_pb_push_scalar(r, &m->codes[0], &slot.value);
}

/* "a.bC,d": the paths in camel case; each must survive the way back. */
static bool
push_field_mask(DpPbReader *r, const DpPbCodeMessage *m, uint32 base)
{
	DpPbSlot	slot = r->slots[base];
	uint32		next = slot.count > 0 ? slot.head : DP_PB_NONE;
	size_t		room = 1;
	char	   *text;
	char	   *to;

	for (uint32 i = next; i != DP_PB_NONE; i = r->elements[i].next)
		room += r->elements[i].value.len + 1;
	text = to = dp_pb_spell(r, room);
	if (text == NULL)
		return false;
	for (uint32 i = next; i != DP_PB_NONE; i = r->elements[i].next)
	{
		DpPbRaw		path = r->elements[i].value;

		if (!dp_pb_verify_text(r, "paths", 5, path.u.ptr, path.len))
			return false;
		if (i != next)
			*to++ = ',';
		for (uint32 k = 0; k < path.len; k++)
		{
			char		c = path.u.ptr[k];
			bool		up = c == '_';

			if (up && ++k < path.len)
				c = path.u.ptr[k];
			if ((up && (k >= path.len || c < 'a' || c > 'z')) || (!up && c >= 'A' && c <= 'Z'))
				return dp_error_set(r->err, DP_PB_BAD, DP_NO_POSITION,
									"a path of a google.protobuf.FieldMask has no form in JSON");
			*to++ = up ? c - ('a' - 'A') : c;
		}
	}
	return dp_pb_push_string(r, text, to - text);
}

/* What is inside an Any, when its type is known; else its bytes. */
static bool
push_any_content(DpPbReader *r, const char *url, size_t len, const DpPbRaw *value, uint32 *shape)
{
	const DpPbCodeMessage *m;
	const char *name = url + len;
	uint32		elements = r->nelements;
	uint32		base;
	static const DpPbCode bytes = {.type = DP_PB_BYTES, .message = DP_PB_NONE};

	while (name > url && name[-1] != '/')
		name--;

	/* Looking among many messages again and again takes time. */
	if (r->program->nmessages >= MANY_MESSAGES &&
		!dp_pb_count_values(r, r->program->nmessages / 64))
		return false;
	m = dp_pb_code_message(r->program, name, url + len - name);
	if (m == NULL)
		return dp_pb_push_key(r, "value           ", 5, shape) &&
			dp_pb_push_scalar(r, &bytes, value);
	if (!dp_pb_slots(r, m, &base) ||
		!dp_pb_read_fields(r, m, base, value->u.ptr, value->u.ptr + value->len))
		return false;
	if (m->well_known != DP_PB_ORDINARY && m->well_known < DP_PB_DECIMAL)
	{
		if (!dp_pb_push_key(r, "value           ", 5, shape) ||
			!dp_pb_push_special(r, m, base))
			return false;
	}
	else if (!dp_pb_push_members(r, m, base, shape))
		return false;
	r->nslots = base;
	r->nelements = elements;
	return true;
}

static bool
push_any(DpPbReader *r, const DpPbCodeMessage *m, uint32 base)
{
	DpPbSlot	url = r->slots[base];
	DpPbSlot	value = r->slots[base + 1];
	uint32		stack = r->d->stack.len;
	uint32		shape = DP_SHAPE_ROOT;

	if (value.count == 0)
	{
		value.value.u.ptr = r->d->text.data;
		value.value.len = 0;
	}
	if (url.count > 0 && url.value.len > 0)
	{
		if (r->depth >= r->max_depth)
			return dp_error_set(r->err, "54001", DP_NO_POSITION,
								"message is nested deeper than the limit of %d levels",
								r->max_depth);
		r->depth++;
		if (!dp_pb_push_key(r, "@type           ", 5, &shape) ||
			!dp_pb_push_scalar(r, &m->codes[0], &url.value) ||
			!push_any_content(r, url.value.u.ptr, url.value.len, &value.value, &shape))
			return false;
		r->depth--;
	}
	if (!dp_nodes_close(r->d, stack, DP_NODE_OBJECT, shape))
		return dp_pb_no_memory(r->err);
	return true;
}

bool
dp_pb_push_special(DpPbReader *r, const DpPbCodeMessage *m, uint32 base)
{
	DpPbSlot	slot;

	switch (m->well_known)
	{
		case DP_PB_TIMESTAMP:
			return push_time(r, base, false);
		case DP_PB_DURATION:
			return push_time(r, base, true);
		case DP_PB_STRUCT:
		case DP_PB_LIST_VALUE:
			slot = r->slots[base];
			return dp_pb_push_slot(r, &m->codes[0], &slot);
		case DP_PB_VALUE:
			return push_value(r, m, base);
		case DP_PB_WRAPPER:
			return push_wrapper(r, m, base);
		case DP_PB_ANY:
			return push_any(r, m, base);
		default:
			return push_field_mask(r, m, base);
	}
}
