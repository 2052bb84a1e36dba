/*-------------------------------------------------------------------------
 *
 * hostname.c
 *	  Names of hosts, those in all scripts too.
 *
 * A label is ASCII, or its code points (a U-label), or those in Punycode behind
 * "xn--" (an A-label).  Both of the latter are judged as code points; limits of
 * length count what would be sent to a name server.
 *
 * Not asked: whether a label is in normalization form C.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "jsonschema/hostname.h"

#define MAX_HOSTNAME 253
#define MAX_LABEL 63			/* bytes in ASCII, so no more code points */
#define PREFIX_LENGTH 4			/* "xn--" */

/* RFC 3492, section 5. */
#define BASE 36
#define TMIN 1
#define TMAX 26
#define SKEW 38
#define DAMP 700
#define INITIAL_BIAS 72
#define INITIAL_N 0x80
#define MAX_CODE 0x10FFFF

#define NON_JOINER 0x200C
#define JOINER 0x200D

/* A label as code points, and what it takes in ASCII. */
typedef struct Label
{
	uint32		codes[MAX_LABEL];
	int			n;
	int			ascii;
} Label;

/* ------------------------------------------------------------- Punycode */

static uint32
adapt(uint32 delta, uint32 points, bool first)
{
	uint32		k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE)
		delta /= BASE - TMIN;
	return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

static uint32
threshold(uint32 k, uint32 bias)
{
	return k <= bias + TMIN ? TMIN : k >= bias + TMAX ? TMAX : k - bias;
}

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0' + 26;
	c |= 0x20;
	return c >= 'a' && c <= 'z' ? c - 'a' : -1;
}

/* One number of variable length, added to *i; false when there is none. */
static bool
take_delta(const char **p, const char *end, uint32 bias, uint32 *i)
{
	uint64		weight = 1;

	for (uint32 k = BASE;; k += BASE)
	{
		uint32		t = threshold(k, bias);
		int			digit = *p < end ? digit_of(*(*p)++) : -1;
		uint64		sum = *i + digit * weight;

		if (digit < 0 || sum > PG_UINT32_MAX)
			return false;
		*i = sum;
		if (digit < t)
			return true;
		weight *= BASE - t;
		if (weight > PG_UINT32_MAX)
			return false;
	}
}

/* What stands behind "xn--". */
static bool
decode(const char *s, size_t len, Label *label)
{
	const char *end = s + len;
	const char *p = s;
	uint32		n = INITIAL_N;
	uint32		bias = INITIAL_BIAS;
	uint32		i = 0;

	label->n = 0;
	for (const char *dash = end; dash > s; dash--)
	{
		if (dash[-1] != '-')
			continue;
		for (; p < dash - 1; p++)
			label->codes[label->n++] = *p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p;
		p = dash;
		break;
	}
	if (p == end)
		return false;			/* nothing but ASCII */
	while (p < end)
	{
		uint32		before = i;
		uint32		points = label->n + 1;

		if (label->n == MAX_LABEL || !take_delta(&p, end, bias, &i))
			return false;
		bias = adapt(i - before, points, before == 0);
		if (i / points > MAX_CODE - n)
			return false;
		n += i / points;
		i %= points;
		memmove(&label->codes[i + 1], &label->codes[i], (label->n - i) * sizeof(uint32));
		label->codes[i++] = n;
		label->n++;
	}
	return true;
}

static int
delta_length(uint32 delta, uint32 bias)
{
	int			length = 1;

	for (uint32 k = BASE;; k += BASE, length++)
	{
		uint32		t = threshold(k, bias);

		if (delta < t)
			return length;
		delta = (delta - t) / (BASE - t);
	}
}

/* Bytes of a U-label as an A-label; at most 63 code points overflow nothing. */
static int
encoded_length(const Label *label)
{
	uint32		n = INITIAL_N;
	uint32		delta = 0;
	uint32		bias = INITIAL_BIAS;
	int			basic = 0;
	int			done;
	int			length = PREFIX_LENGTH;

	for (int i = 0; i < label->n; i++)
		basic += label->codes[i] < INITIAL_N;
	length += basic + (basic > 0);
	for (done = basic; done < label->n; delta++, n++)
	{
		uint32		next = MAX_CODE;

		for (int i = 0; i < label->n; i++)
		{
			if (label->codes[i] >= n && label->codes[i] < next)
				next = label->codes[i];
		}
		delta += (next - n) * (done + 1);
		n = next;
		for (int i = 0; i < label->n; i++)
		{
			if (label->codes[i] < n)
				delta++;
			if (label->codes[i] != n)
				continue;
			length += delta_length(delta, bias);
			bias = adapt(delta, done + 1, done == basic);
			delta = 0;
			done++;
		}
	}
	return length;
}

/* ---------------------------------------------------------- code points */

static bool
is_greek(uint32 c)
{
	return (c >= 0x370 && c <= 0x3FF && c != 0x37E && c != 0x385 && c != 0x387 && !(c >= 0x3E2 && c <= 0x3EF)) ||
		(c >= 0x1D26 && c <= 0x1D2A) || (c >= 0x1F00 && c <= 0x1FFF) || c == 0xAB65;
}

static bool
is_hebrew(uint32 c)
{
	return (c >= 0x591 && c <= 0x5F4) || (c >= 0xFB1D && c <= 0xFB4F);
}

/* Hiragana, Katakana or Han. */
static bool
is_japanese(uint32 c)
{
	return (c >= 0x3041 && c <= 0x30FF && c != 0x30FB && c != 0x3099 && c != 0x309A && c != 0x30A0 && c != 0x30FC) ||
		(c >= 0x31F0 && c <= 0x31FF) || c == 0x3005 || c == 0x3007 || (c >= 0x3400 && c <= 0x9FFF && !(c >= 0x4DC0 && c <= 0x4DFF)) ||
		(c >= 0xF900 && c <= 0xFAFF) || (c >= 0x1AFF0 && c <= 0x1B167) || (c >= 0x20000 && c <= 0x3FFFF);
}

static bool
is_arabic_digit(uint32 c)
{
	return c >= 0x660 && c <= 0x669;
}

static bool
is_extended_digit(uint32 c)
{
	return c >= 0x6F0 && c <= 0x6F9;
}

static bool
holds_any(const Label *label, bool (*is) (uint32))
{
	for (int i = 0; i < label->n; i++)
	{
		if (is(label->codes[i]))
			return true;
	}
	return false;
}

/* Letters that join, with nothing but marks between them and place i. */
static bool
breaks_a_join(const Label *label, int i)
{
	int			before = i - 1;
	int			after = i + 1;

	while (before >= 0 && dp_js_code_is_mark(label->codes[before]))
		before--;
	while (after < label->n && dp_js_code_is_mark(label->codes[after]))
		after++;
	return before >= 0 && after < label->n && dp_js_code_joins(label->codes[before], true) &&
		dp_js_code_joins(label->codes[after], false);
}

/* RFC 5892, appendix A: code points that are allowed in their context only. */
static bool
context_holds(const Label *label, int i)
{
	uint32		before = i > 0 ? label->codes[i - 1] : 0;
	uint32		after = i + 1 < label->n ? label->codes[i + 1] : 0;
	uint32		code = label->codes[i];

	switch (code)
	{
		case NON_JOINER:
			return dp_js_code_is_virama(before) || breaks_a_join(label, i);
		case JOINER:
			return dp_js_code_is_virama(before);
		case 0xB7:				/* middle dot */
			return before == 'l' && after == 'l';
		case 0x375:				/* Greek keraia */
			return is_greek(after);
		case 0x5F3:				/* Hebrew geresh, gershayim */
		case 0x5F4:
			return is_hebrew(before);
		case 0x30FB:			/* Katakana middle dot */
			return holds_any(label, is_japanese);
		default:
			return !is_arabic_digit(code) || !holds_any(label, is_extended_digit);
	}
}

static bool
is_digit_code(uint32 c)
{
	return (c >= '0' && c <= '9') || is_extended_digit(c);
}

static bool
shows_direction(uint32 c)
{
	return (dp_js_code_is_rtl(c) && !dp_js_code_is_mark(c)) || is_arabic_digit(c);
}

/* RFC 5893: what is written from the right does not mix. */
static bool
direction_holds(const Label *label)
{
	uint32		first = label->codes[0];
	uint32		last = first;
	bool		rtl = shows_direction(first) && !is_arabic_digit(first);

	if (is_digit_code(first) || is_arabic_digit(first) || first == '-')
		return false;
	for (int i = 0; i < label->n; i++)
	{
		uint32		c = label->codes[i];
		bool		neutral = dp_js_code_is_mark(c) || is_digit_code(c) || c == '-' || c == 0xB7 || c == 0x375 ||
			c == 0x30FB || c == NON_JOINER || c == JOINER;

		if (!neutral && shows_direction(c) != rtl)
			return false;
		if (!dp_js_code_is_mark(c))
			last = c;
	}
	return last != '-' && !(rtl && holds_any(label, is_digit_code) && holds_any(label, is_arabic_digit));
}

/* Are these the code points of a U-label? */
static bool
is_u_label(const Label *label)
{
	bool		ascii = true;

	if (label->n == 0 || label->codes[0] == '-' || label->codes[label->n - 1] == '-' ||
		(label->n >= 4 && label->codes[2] == '-' && label->codes[3] == '-') ||
		dp_js_code_is_mark(label->codes[0]))
		return false;
	for (int i = 0; i < label->n; i++)
	{
		ascii &= label->codes[i] < INITIAL_N;
		if (!dp_js_code_allowed(label->codes[i]) || !context_holds(label, i))
			return false;
	}
	return !ascii;
}

/* --------------------------------------------------------------- labels */

static bool
is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* ASCII; with "xn--" it must be the code of something. */
static bool
is_ascii_label(const char *s, size_t len, Label *label)
{
	if (len == 0 || len > MAX_LABEL || s[0] == '-' || s[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (!is_letter_or_digit(s[i]) && s[i] != '-')
			return false;
	}
	label->ascii = len;
	if (len >= PREFIX_LENGTH && s[2] == '-' && s[3] == '-')
		return (s[0] | 0x20) == 'x' && (s[1] | 0x20) == 'n' &&
			decode(s + PREFIX_LENGTH, len - PREFIX_LENGTH, label) && is_u_label(label);
	for (label->n = 0; label->n < len; label->n++)
		label->codes[label->n] = (unsigned char) s[label->n];
	return true;
}

/* The character at *p, which moves on. */
static uint32
next_code(const char **p, const char *end)
{
	unsigned char c = *(*p)++;
	int			more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
	uint32		code = more == 0 ? c : c & (0x3F >> more);

	while (more-- > 0 && *p < end)
		code = code << 6 | (*(*p)++ & 0x3F);
	return code;
}

static bool
is_label(const char *s, size_t len, bool international, Label *label)
{
	const char *end = s + len;
	bool		ascii = true;

	for (size_t i = 0; i < len; i++)
		ascii &= (s[i] & 0x80) == 0;
	if (ascii)
		return is_ascii_label(s, len, label);
	if (!international)
		return false;
	for (label->n = 0; s < end; label->n++)
	{
		if (label->n == MAX_LABEL)
			return false;
		label->codes[label->n] = next_code(&s, end);
	}
	if (!is_u_label(label))
		return false;
	label->ascii = encoded_length(label);
	return label->ascii <= MAX_LABEL;
}

/* Dots of other scripts are dots, too: their bytes, or 0. */
static size_t
dot_at(const char *p, const char *end, bool international)
{
	static const char *const others[] = {"\xE3\x80\x82", "\xEF\xBC\x8E", "\xEF\xBD\xA1"};

	if (*p == '.')
		return 1;
	for (int i = 0; international && end - p >= 3 && i < lengthof(others); i++)
	{
		if (memcmp(p, others[i], 3) == 0)
			return 3;
	}
	return 0;
}

bool
dp_js_is_hostname(const char *s, size_t len, bool international)
{
	const char *end = s + len;
	size_t		total = 0;
	bool		directed = false;	/* some label shows a direction */
	bool		mixed = false;	/* some label could not stand beside one that does */

	for (;;)
	{
		const char *start = s;
		size_t		dot = 0;
		Label		label;

		while (s < end && (dot = dot_at(s, end, international)) == 0)
			s++;
		if (!is_label(start, s - start, international, &label))
			return false;
		directed |= holds_any(&label, shows_direction);
		mixed |= !direction_holds(&label);
		total += label.ascii + (total > 0);
		if (total > MAX_HOSTNAME)
			return false;
		if (s == end)
			return !(directed && mixed);
		s += dot;
	}
}
