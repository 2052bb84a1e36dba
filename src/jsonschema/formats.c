/*-------------------------------------------------------------------------
 *
 * formats.c
 *	  The keyword "format", where it is asked to count.
 *
 * Each format is a small grammar, read from left to right with a cursor.
 * Formats that nobody knows hold always, as the drafts want it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "jsonschema/check.h"
#include "jsonschema/hostname.h"
#include "jsonschema/pattern.h"

#define IPV6_GROUPS 8

typedef struct Cursor
{
	const char *p;
	const char *end;
} Cursor;

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
take(Cursor *c, char wanted)
{
	if (c->p >= c->end || *c->p != wanted)
		return false;
	c->p++;
	return true;
}

static bool
take_either(Cursor *c, char a, char b)
{
	return take(c, a) || take(c, b);
}

/* Exactly "n" digits, as a number; -1 when they are not there. */
static int
take_number(Cursor *c, int n)
{
	int			value = 0;

	if (c->end - c->p < n)
		return -1;
	for (int i = 0; i < n; i++)
	{
		if (!is_digit(c->p[i]))
			return -1;
		value = value * 10 + (c->p[i] - '0');
	}
	c->p += n;
	return value;
}

static size_t
take_digits(Cursor *c)
{
	const char *start = c->p;

	while (c->p < c->end && is_digit(*c->p))
		c->p++;
	return c->p - start;
}

/* ------------------------------------------------------ dates and times */

static bool
take_date(Cursor *c)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int			year = take_number(c, 4);
	int			month = year >= 0 && take(c, '-') ? take_number(c, 2) : -1;
	int			day = month >= 1 && month <= 12 && take(c, '-') ? take_number(c, 2) : -1;
	bool		leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

static bool
take_time(Cursor *c)
{
	int			hour = take_number(c, 2);
	int			minute = hour >= 0 && hour < 24 && take(c, ':') ? take_number(c, 2) : -1;
	int			second = minute >= 0 && minute < 60 && take(c, ':') ? take_number(c, 2) : -1;
	int			offset = 0;

	if (second < 0 || second > 60 || (take(c, '.') && take_digits(c) == 0))
		return false;
	if (!take_either(c, 'Z', 'z'))
	{
		int			sign = take(c, '+') ? 1 : take(c, '-') ? -1 : 0;
		int			zone_hour = sign != 0 ? take_number(c, 2) : -1;
		int			zone_minute = zone_hour >= 0 && zone_hour < 24 && take(c, ':') ? take_number(c, 2) : -1;

		if (zone_minute < 0 || zone_minute > 59)
			return false;
		offset = sign * (zone_hour * 60 + zone_minute);
	}

	/* A leap second ends a day of UTC. */
	return second < 60 || ((hour * 60 + minute - offset) % 1440 + 1440) % 1440 == 1439;
}

static bool
is_date_time(Cursor *c)
{
	return take_date(c) && take_either(c, 'T', 't') && take_time(c);
}

/* A run of "1X2Y" parts in the order of "letters"; returns how many. */
static int
take_parts(Cursor *c, const char *letters)
{
	int			n = 0;
	const char *next = letters;

	while (c->p < c->end && is_digit(*c->p))
	{
		const char *at;

		take_digits(c);
		at = c->p < c->end ? strchr(next, *c->p) : NULL;

		/* No unit may be left out between two others. */
		if (at == NULL || *c->p == '\0' || (n > 0 && at != next))
			return -1;
		c->p++;
		next = at + 1;
		n++;
	}
	return n;
}

static bool
is_duration(Cursor *c)
{
	int			date;
	int			time = 0;
	bool		has_time;
	Cursor		weeks;

	if (!take(c, 'P'))
		return false;
	weeks = *c;
	if (take_digits(&weeks) > 0 && take(&weeks, 'W'))
	{
		*c = weeks;
		return true;
	}
	date = take_parts(c, "YMD");
	has_time = take(c, 'T');
	if (has_time)
		time = take_parts(c, "HMS");
	return date >= 0 && time >= 0 && (has_time ? time > 0 : date > 0);
}

/* ------------------------------------------------------------- networks */

static bool
is_ipv4(Cursor *c)
{
	for (int i = 0; i < 4; i++)
	{
		const char *start = c->p;
		size_t		n;
		int			value = 0;

		if (i > 0 && !take(c, '.'))
			return false;
		start = c->p;
		n = take_digits(c);
		if (n == 0 || n > 3 || (n > 1 && *start == '0'))
			return false;
		for (size_t k = 0; k < n; k++)
			value = value * 10 + (start[k] - '0');
		if (value > 255)
			return false;
	}
	return true;
}

static bool
is_ipv6(Cursor *c)
{
	int			groups = 0;
	bool		gap = false;

	while (c->p < c->end)
	{
		const char *start = c->p;
		Cursor		v4 = *c;
		size_t		n = 0;

		if (c->end - c->p >= 2 && c->p[0] == ':' && c->p[1] == ':')
		{
			if (gap)
				return false;
			gap = true;
			c->p += 2;
			continue;
		}
		if (groups > 0 && start[-1] != ':' && !take(c, ':'))
			return false;
		v4 = *c;
		if (groups <= IPV6_GROUPS - 2 && is_ipv4(&v4) && v4.p == v4.end)
		{
			groups += 2;
			c->p = v4.p;
			break;
		}
		for (; c->p < c->end && is_hex(*c->p); n++)
			c->p++;
		if (n == 0 || n > 4)
			return false;
		groups++;
	}
	return gap ? groups < IPV6_GROUPS : groups == IPV6_GROUPS;
}

static bool
is_hostname(Cursor *c, bool international)
{
	bool		good = dp_js_is_hostname(c->p, c->end - c->p, international);

	c->p = c->end;
	return good;
}

static bool
is_email(Cursor *c, bool international)
{
	static const char marks[] = "!#$%&'*+-/=?^_`{|}~";
	const char *at = c->end;
	Cursor		host;

	while (at > c->p && at[-1] != '@')
		at--;
	if (at == c->p)
		return false;
	host.p = at;
	host.end = c->end;
	at--;
	if (at == c->p)
		return false;
	if (*c->p == '"')
	{
		if (at - c->p < 2 || at[-1] != '"')
			return false;
	}
	else
	{
		for (const char *p = c->p; p < at; p++)
		{
			if (*p == '.' ? p == c->p || p + 1 == at || p[-1] == '.' :
				!is_alpha(*p) && !is_digit(*p) && (*p == '\0' || strchr(marks, *p) == NULL) &&
				!(international && (*p & 0x80)))
				return false;
		}
	}
	if (host.p < host.end && *host.p == '[' && host.end[-1] == ']')
	{
		host.p++;
		host.end--;
		if (host.end - host.p > 5 && strncmp(host.p, "IPv6:", 5) == 0)
		{
			host.p += 5;
			if (!is_ipv6(&host))
				return false;
		}
		else if (!is_ipv4(&host))
			return false;
		if (host.p != host.end)
			return false;
	}
	else if (!is_hostname(&host, international))
		return false;
	c->p = c->end;
	return true;
}

/* ----------------------------------------------------------------- URIs */

/* Characters of these parts: unreserved, sub-delims, percent escapes and "more". */
static bool
take_uri_part(Cursor *c, const char *more, bool international)
{
	static const char plain[] = "-._~!$&'()*+,;=";

	while (c->p < c->end)
	{
		if (*c->p == '%')
		{
			if (c->end - c->p < 3 || !is_hex(c->p[1]) || !is_hex(c->p[2]))
				return false;
			c->p += 3;
			continue;
		}
		if (!is_alpha(*c->p) && !is_digit(*c->p) && *c->p != '\0' &&
			strchr(plain, *c->p) == NULL && strchr(more, *c->p) == NULL &&
			!(international && (*c->p & 0x80)))
			break;
		if (*c->p == '\0')
			return false;
		c->p++;
	}
	return true;
}

static bool
take_authority(Cursor *c, bool international)
{
	Cursor		user = *c;

	if (take_uri_part(&user, ":", international) && take(&user, '@'))
		*c = user;
	if (take(c, '['))
	{
		Cursor		ip = {c->p, c->p};

		while (ip.end < c->end && *ip.end != ']')
			ip.end++;
		if (ip.end == c->end)
			return false;
		c->p = ip.end + 1;
		if (ip.p < ip.end && (*ip.p | 0x20) == 'v')
			ip.p = ip.end;
		else if (!is_ipv6(&ip) || ip.p != ip.end)
			return false;
	}
	else if (!take_uri_part(c, "", international))
		return false;
	if (take(c, ':'))
		take_digits(c);
	return c->p == c->end || *c->p == '/' || *c->p == '?' || *c->p == '#';
}

static bool
is_uri(Cursor *c, bool reference, bool international)
{
	Cursor		scheme = *c;
	bool		absolute = false;

	if (scheme.p < scheme.end && is_alpha(*scheme.p))
	{
		while (scheme.p < scheme.end && (is_alpha(*scheme.p) || is_digit(*scheme.p) ||
										 *scheme.p == '+' || *scheme.p == '-' || *scheme.p == '.'))
			scheme.p++;
		absolute = take(&scheme, ':');
	}
	if (absolute)
		*c = scheme;
	else if (!reference)
		return false;
	if (c->end - c->p >= 2 && c->p[0] == '/' && c->p[1] == '/')
	{
		c->p += 2;
		if (!take_authority(c, international))
			return false;
	}
	else if (!absolute && c->p < c->end && *c->p == ':')
		return false;
	return take_uri_part(c, ":@/", international) &&
		(!take(c, '?') || take_uri_part(c, ":@/?", international)) &&
		(!take(c, '#') || take_uri_part(c, ":@/?", international));
}

/* RFC 6570: braces are closed and hold names. */
static bool
is_uri_template(Cursor *c)
{
	for (; c->p < c->end; c->p++)
	{
		size_t		names = 0;

		if (*c->p == '}' || *c->p == ' ' || *c->p == '"' || *c->p == '<' || *c->p == '>' ||
			*c->p == '\\' || *c->p == '^' || *c->p == '`' || *c->p == '|')
			return false;
		if (*c->p != '{')
			continue;
		for (c->p++; c->p < c->end && *c->p != '}'; c->p++)
		{
			if (*c->p == '{' || *c->p == ' ')
				return false;
			names++;
		}
		if (c->p == c->end || names == 0)
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------- other */

static bool
is_uuid(Cursor *c)
{
	static const int groups[] = {8, 4, 4, 4, 12};

	for (int i = 0; i < lengthof(groups); i++)
	{
		if (i > 0 && !take(c, '-'))
			return false;
		for (int k = 0; k < groups[i]; k++, c->p++)
		{
			if (c->p >= c->end || !is_hex(*c->p))
				return false;
		}
	}
	return true;
}

static bool
is_json_pointer(Cursor *c)
{
	if (c->p < c->end && *c->p != '/')
		return false;
	for (; c->p < c->end; c->p++)
	{
		if (*c->p == '~' && (c->p + 1 == c->end || (c->p[1] != '0' && c->p[1] != '1')))
			return false;
	}
	return true;
}

static bool
is_relative_json_pointer(Cursor *c)
{
	const char *start = c->p;
	size_t		n = take_digits(c);

	if (n == 0 || (n > 1 && *start == '0'))
		return false;
	return (take(c, '#') && c->p == c->end) || is_json_pointer(c);
}

static bool
is_regex(Cursor *c)
{
	DpBuf		out = {0};
	DpError		err;
	bool		unicode;
	bool		good = dp_js_pattern_translate(c->p, c->end - c->p, &out, &unicode, &err);

	dp_buf_free(&out);
	c->p = c->end;
	return good;
}

bool
dp_js_format_holds(const char *format, const char *s, size_t len)
{
	Cursor		c = {s, s + len};
	bool		good;

#define IS(name) (strcmp(format, name) == 0)
	if (IS("date-time"))
		good = is_date_time(&c);
	else if (IS("date"))
		good = take_date(&c);
	else if (IS("time"))
		good = take_time(&c);
	else if (IS("duration"))
		good = is_duration(&c);
	else if (IS("email") || IS("idn-email"))
		good = is_email(&c, format[0] == 'i');
	else if (IS("hostname") || IS("idn-hostname"))
		good = is_hostname(&c, format[0] == 'i');
	else if (IS("ipv4"))
		good = is_ipv4(&c);
	else if (IS("ipv6"))
		good = is_ipv6(&c);
	else if (IS("uri") || IS("iri"))
		good = is_uri(&c, false, format[0] == 'i');
	else if (IS("uri-reference") || IS("iri-reference"))
		good = is_uri(&c, true, format[0] == 'i');
	else if (IS("uri-template"))
		good = is_uri_template(&c);
	else if (IS("uuid"))
		good = is_uuid(&c);
	else if (IS("json-pointer"))
		good = is_json_pointer(&c);
	else if (IS("relative-json-pointer"))
		good = is_relative_json_pointer(&c);
	else if (IS("regex"))
		good = is_regex(&c);
	else
		return true;
#undef IS
	return good && c.p == c.end;
}
