/*-------------------------------------------------------------------------
 *
 * pattern.c
 *	  Regular expressions of ECMA-262 in the server's language.
 *
 * Only whether a string matches is asked, never where: so groups need no
 * numbers unless the pattern refers back to them, and greed does not matter.
 * Classes become sets of code points and are written out as such, which spares
 * us both languages' rules of quoting.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "formats/schema.h"
#include "jsonschema/pattern.h"

/* The C library's: this file must link without the server. */
#undef snprintf
#undef qsort

#define MAX_CODE 0x10FFFF
#define MAX_GROUPS 99
#define MAX_DEPTH 100			/* of groups inside each other */
#define MAX_RANGES 2000			/* of one class */
#define MAX_REPEAT 10000
#define MAX_OUTPUT (256 * 1024)
#define SERVER_REPEAT 255		/* the highest count that the server takes */

typedef struct Range
{
	uint32		from;
	uint32		to;
} Range;

/* A set of code points, and classes that only the server knows. */
typedef struct Set
{
	Range	   *ranges;
	int			n;
	const char *classes[8];
	int			nclasses;
} Set;

typedef struct Pattern
{
	const unsigned char *p;
	const unsigned char *end;
	const char *start;
	DpBuf	   *out;
	DpError    *err;
	bool		unicode;
	bool		captures;		/* some group is referred to */
	int			groups;
	int			depth;
	char		names[MAX_GROUPS + 1][32];
} Pattern;

static bool
bad(Pattern *t, const char *what)
{
	return dp_error_set(t->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
						"invalid regular expression \"%.60s\": %s", t->start, what);
}

static void
put(Pattern *t, const char *s)
{
	dp_buf_append(t->out, s, strlen(s));
}

static void
put_code(Pattern *t, uint32 code)
{
	char		text[16];

	snprintf(text, sizeof(text), code > 0xFFFF ? "\\U%08x" : "\\u%04x", code);
	put(t, text);
}

/* The character at p; the text is verified UTF-8. */
static uint32
next_code(Pattern *t)
{
	unsigned char c = *t->p++;
	int			more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
	uint32		code = more == 0 ? c : c & (0x3F >> more);

	while (more-- > 0 && t->p < t->end)
		code = code << 6 | (*t->p++ & 0x3F);
	return code;
}

/* ------------------------------------------------------------------ sets */

static bool
add_range(Pattern *t, Set *set, uint32 from, uint32 to)
{
	if (set->n == MAX_RANGES)
		return bad(t, "a class has too many members");
	set->ranges[set->n].from = from;
	set->ranges[set->n].to = to;
	set->n++;
	return true;
}

static int
compare_ranges(const void *a, const void *b)
{
	const Range *x = a;
	const Range *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static void
merge_ranges(Set *set)
{
	int			kept = 0;

	qsort(set->ranges, set->n, sizeof(Range), compare_ranges);
	for (int i = 0; i < set->n; i++)
	{
		if (kept > 0 && set->ranges[i].from <= set->ranges[kept - 1].to + 1)
			set->ranges[kept - 1].to = Max(set->ranges[kept - 1].to, set->ranges[i].to);
		else
			set->ranges[kept++] = set->ranges[i];
	}
	set->n = kept;
}

static const Range digits[] = {{'0', '9'}};
static const Range word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const Range blanks[] = {
	{0x09, 0x0D}, {0x20, 0x20}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200A},
	{0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}
};
static const Range line_ends[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

/* Where the ten digits of other scripts begin, as of Unicode 14: no collation is asked. */
static const uint32 other_digits[] = {
	0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6,
	0xE50, 0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
	0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
	0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650,
	0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50,
	0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0
};

/* These ranges, or all that is between them. */
static bool
add_ranges(Pattern *t, Set *set, const Range *ranges, int n, bool negated)
{
	uint32		next = 0;

	for (int i = 0; i < n; i++)
	{
		if (negated ? ranges[i].from > next && !add_range(t, set, next, ranges[i].from - 1) :
			!add_range(t, set, ranges[i].from, ranges[i].to))
			return false;
		next = ranges[i].to + 1;
	}
	return !negated || add_range(t, set, next, MAX_CODE);
}

static bool
add_all_digits(Pattern *t, Set *set)
{
	for (int i = 0; i < lengthof(other_digits); i++)
	{
		if (!add_range(t, set, other_digits[i], other_digits[i] + 9))
			return false;
	}
	return add_range(t, set, '0', '9');
}

static void
put_set(Pattern *t, Set *set, bool negated)
{
	merge_ranges(set);
	if (set->n == 0 && set->nclasses == 0)
	{
		put(t, negated ? "." : "(?!(?:))");
		return;
	}
	put(t, negated ? "[^" : "[");
	for (int i = 0; i < set->n; i++)
	{
		put_code(t, set->ranges[i].from);
		if (set->ranges[i].to > set->ranges[i].from)
		{
			put(t, "-");
			put_code(t, set->ranges[i].to);
		}
	}
	for (int i = 0; i < set->nclasses; i++)
		put(t, set->classes[i]);
	put(t, "]");
}

/* ------------------------------------------------------------- escapes */

static int
hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "n" hexadecimal digits; false when they are not there. */
static bool
take_hex(Pattern *t, int n, uint32 *code)
{
	*code = 0;
	if (t->end - t->p < n)
		return false;
	for (int i = 0; i < n; i++)
	{
		if (hex_digit(t->p[i]) < 0)
			return false;
		*code = *code * 16 + hex_digit(t->p[i]);
	}
	t->p += n;
	return true;
}

/* After \u: four digits, two halves of a pair, or braces. */
static bool
take_unicode(Pattern *t, uint32 *code)
{
	uint32		low;
	const unsigned char *before;

	if (t->p < t->end && *t->p == '{')
	{
		*code = 0;
		for (t->p++; t->p < t->end && *t->p != '}'; t->p++)
		{
			if (hex_digit(*t->p) < 0 || *code > MAX_CODE)
				return bad(t, "\\u{...} is not a code point");
			*code = *code * 16 + hex_digit(*t->p);
		}
		if (t->p++ >= t->end || *code > MAX_CODE)
			return bad(t, "\\u{...} is not a code point");
		return true;
	}
	if (!take_hex(t, 4, code))
		return bad(t, "\\u needs four hexadecimal digits");
	before = t->p;
	if (*code >= 0xD800 && *code < 0xDC00 && t->end - t->p >= 6 && t->p[0] == '\\' && t->p[1] == 'u')
	{
		t->p += 2;
		if (take_hex(t, 4, &low) && low >= 0xDC00 && low < 0xE000)
			*code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
		else
			t->p = before;
	}
	return true;
}

typedef struct Property
{
	const char *name;
	const char *server;			/* NULL: digits, which we know ourselves */
} Property;

static const Property properties[] = {
	{"L", "[:alpha:]"}, {"Letter", "[:alpha:]"}, {"Alphabetic", "[:alpha:]"}, {"Alpha", "[:alpha:]"},
	{"Lu", "[:upper:]"}, {"Uppercase_Letter", "[:upper:]"}, {"Uppercase", "[:upper:]"},
	{"Ll", "[:lower:]"}, {"Lowercase_Letter", "[:lower:]"}, {"Lowercase", "[:lower:]"},
	{"N", NULL}, {"Nd", NULL}, {"Number", NULL}, {"Decimal_Number", NULL}, {"digit", NULL}, {"Digit", NULL},
	{"P", "[:punct:]"}, {"Punctuation", "[:punct:]"}, {"punct", "[:punct:]"},
	{"Z", "[:space:]"}, {"Zs", "[:space:]"}, {"Separator", "[:space:]"},
	{"White_Space", "[:space:]"}, {"space", "[:space:]"},
	{"Cc", "[:cntrl:]"}, {"Control", "[:cntrl:]"},
	{"Alnum", "[:alnum:]"}, {"alnum", "[:alnum:]"},
};

/* After \p or \P: a class of the server's. */
static bool
take_property(Pattern *t, const char **class)
{
	const unsigned char *name = t->p + 1;
	const unsigned char *close;
	const unsigned char *equals;

	if (t->p >= t->end || *t->p != '{' || (close = memchr(name, '}', t->end - name)) == NULL)
		return bad(t, "\\p needs a name in braces");
	t->p = close + 1;
	equals = memchr(name, '=', close - name);
	if (equals != NULL)
		name = equals + 1;
	for (int i = 0; i < lengthof(properties); i++)
	{
		if (strlen(properties[i].name) == close - name &&
			memcmp(properties[i].name, name, close - name) == 0)
		{
			*class = properties[i].server;
			t->unicode |= *class != NULL;
			return true;
		}
	}
	return bad(t, "this Unicode property is not known");
}

/*
 * After a backslash, in or outside of a class: one character in *code, or
 * members added to *set (then *is_set).
 */
static bool
take_escape(Pattern *t, Set *set, bool *is_set, bool *negated_class, uint32 *code)
{
	static const char letters[] = "tnvfr";
	unsigned char c;
	const char *class = NULL;

	*is_set = false;
	*negated_class = false;
	if (t->p >= t->end)
		return bad(t, "it ends in a backslash");
	c = *t->p++;
	switch (c)
	{
		case 'd':
		case 'D':
			*is_set = true;
			return add_ranges(t, set, digits, lengthof(digits), c == 'D');
		case 'w':
		case 'W':
			*is_set = true;
			return add_ranges(t, set, word, lengthof(word), c == 'W');
		case 's':
		case 'S':
			*is_set = true;
			return add_ranges(t, set, blanks, lengthof(blanks), c == 'S');
		case 'p':
		case 'P':
			if (!take_property(t, &class))
				return false;
			*is_set = true;
			*negated_class = c == 'P';
			if (class == NULL)
				return add_all_digits(t, set);
			if (set->nclasses == lengthof(set->classes))
				return bad(t, "a class has too many members");
			set->classes[set->nclasses++] = class;
			return true;
		case 'x':
			return take_hex(t, 2, code) || bad(t, "\\x needs two hexadecimal digits");
		case 'u':
			return take_unicode(t, code);
		case 'c':
			if (t->p >= t->end || !((*t->p | 0x20) >= 'a' && (*t->p | 0x20) <= 'z'))
				return bad(t, "\\c needs a letter");
			*code = *t->p++ & 0x1F;
			return true;
		case '0':
			*code = 0;
			return true;
		default:
			break;
	}
	if (strchr(letters, c) != NULL && c != '\0')
		*code = "\t\n\v\f\r"[strchr(letters, c) - letters];
	else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '1' && c <= '9'))
		return bad(t, "ECMA-262 has no such escape");
	else
	{
		t->p--;
		*code = next_code(t);
	}
	return true;
}

/* One member of a class: a character, or a set (then *is_set). */
static bool
take_member(Pattern *t, Set *set, bool *is_set, uint32 *code)
{
	bool		negated;

	*is_set = false;
	if (*t->p != '\\')
	{
		*code = next_code(t);
		return true;
	}
	t->p++;
	if (t->p < t->end && (*t->p == 'b' || *t->p == '-'))
	{
		*code = *t->p++ == 'b' ? '\b' : '-';
		return true;
	}
	if (!take_escape(t, set, is_set, &negated, code))
		return false;
	return !negated || bad(t, "\\P is not supported inside a class");
}

/* After an opening bracket. */
static bool
take_class(Pattern *t, Set *set)
{
	bool		negated = t->p < t->end && *t->p == '^';

	t->p += negated;
	for (;;)
	{
		uint32		from;
		uint32		to;
		bool		is_set;

		if (t->p >= t->end)
			return bad(t, "a bracket is not closed");
		if (*t->p == ']')
			break;
		if (!take_member(t, set, &is_set, &from))
			return false;
		if (is_set)
			continue;
		to = from;
		if (t->end - t->p >= 2 && t->p[0] == '-' && t->p[1] != ']')
		{
			t->p++;
			if (!take_member(t, set, &is_set, &to))
				return false;
			if (is_set)
			{
				to = from;
				if (!add_range(t, set, '-', '-'))
					return false;
			}
			if (to < from)
				return bad(t, "a range ends before it begins");
		}
		if (!add_range(t, set, from, to))
			return false;
	}
	t->p++;
	put_set(t, set, negated);
	return true;
}

/* --------------------------------------------------------------- atoms */

static bool take_alternatives(Pattern *t);

/* After "(": what kind of group it is, then its inside. */
static bool
take_group(Pattern *t)
{
	const char *kind = NULL;
	size_t		left = t->end - t->p;

	if (++t->depth > MAX_DEPTH)
		return bad(t, "too many groups inside each other");
	if (left >= 2 && t->p[0] == '?')
	{
		if (t->p[1] == ':' || t->p[1] == '=' || t->p[1] == '!')
		{
			kind = t->p[1] == ':' ? "(?:" : t->p[1] == '=' ? "(?=" : "(?!";
			t->p += 2;
		}
		else if (t->p[1] == '<' && left >= 3 && (t->p[2] == '=' || t->p[2] == '!'))
		{
			kind = t->p[2] == '=' ? "(?<=" : "(?<!";
			t->p += 3;
		}
		else if (t->p[1] != '<')
			return bad(t, "ECMA-262 has no such group");
	}
	if (kind == NULL)
	{
		const unsigned char *close = NULL;

		if (++t->groups > MAX_GROUPS)
			return bad(t, "too many groups");
		t->names[t->groups][0] = '\0';
		if (left > 0 && t->p[0] == '?')
		{
			close = memchr(t->p, '>', left);
			if (close == NULL || close - (t->p + 2) >= sizeof(t->names[0]) || close == t->p + 2)
				return bad(t, "a group's name is not closed");
			memcpy(t->names[t->groups], t->p + 2, close - (t->p + 2));
			t->names[t->groups][close - (t->p + 2)] = '\0';
			t->p = close + 1;
		}
		kind = t->captures ? "(" : "(?:";
	}
	put(t, kind);
	if (!take_alternatives(t))
		return false;
	if (t->p >= t->end || *t->p != ')')
		return bad(t, "a parenthesis is not closed");
	t->p++;
	t->depth--;
	put(t, ")");
	return true;
}

/* After "\k" or "\1": the number of the group, or 0. */
static int
take_backreference(Pattern *t)
{
	int			number = 0;

	if (*t->p == 'k')
	{
		const unsigned char *close = memchr(t->p, '>', t->end - t->p);

		if (close == NULL || t->p[1] != '<')
			return 0;
		for (int i = 1; i <= t->groups; i++)
		{
			if (strlen(t->names[i]) == close - (t->p + 2) &&
				memcmp(t->names[i], t->p + 2, close - (t->p + 2)) == 0)
				number = i;
		}
		t->p = close + 1;
		return number;
	}
	while (t->p < t->end && *t->p >= '0' && *t->p <= '9' && number <= MAX_GROUPS)
		number = number * 10 + (*t->p++ - '0');
	return number <= t->groups ? number : 0;
}

/* One atom; *repeatable tells whether a count may follow. */
static bool
take_atom(Pattern *t, bool *repeatable)
{
	Range		ranges[MAX_RANGES];
	Set			set = {ranges};
	unsigned char c = *t->p;
	bool		is_set;
	bool		negated;
	uint32		code;
	char		text[16];

	*repeatable = true;
	switch (c)
	{
		case '^':
		case '$':
			*repeatable = false;
			t->p++;
			put(t, c == '^' ? "^" : "$");
			return true;
		case '.':
			t->p++;
			if (!add_ranges(t, &set, line_ends, lengthof(line_ends), false))
				return false;
			put_set(t, &set, true);
			return true;
		case '[':
			t->p++;
			return take_class(t, &set);
		case '*':
		case '+':
		case '?':
			return bad(t, "a quantifier has nothing to repeat");
		case '\\':
			break;
		default:
			put_code(t, next_code(t));
			return true;
	}
	t->p++;
	if (t->p < t->end && (*t->p == 'b' || *t->p == 'B'))
	{
		*repeatable = false;
		put(t, *t->p++ == 'b' ? "\\y" : "\\Y");
		return true;
	}
	if (t->p < t->end && (*t->p == 'k' || (*t->p >= '1' && *t->p <= '9')))
	{
		int			number = take_backreference(t);

		if (number == 0)
			return bad(t, "there is no such group before this place");
		snprintf(text, sizeof(text), "(?:\\%d)", number);
		put(t, text);
		return true;
	}
	if (!take_escape(t, &set, &is_set, &negated, &code))
		return false;
	if (is_set)
		put_set(t, &set, negated);
	else
		put_code(t, code);
	return true;
}

/* "{n}", "{n,}" or "{n,m}" at p: moves behind it; false when it is none. */
static bool
take_counts(Pattern *t, int *min, int *max)
{
	const unsigned char *p = t->p + 1;
	int			numbers[2] = {-1, -1};
	int			which = 0;

	for (;; p++)
	{
		if (p >= t->end)
			return false;
		if (*p >= '0' && *p <= '9')
			numbers[which] = Min(Max(numbers[which], 0) * 10 + (*p - '0'), MAX_REPEAT + 1);
		else if (*p == ',' && which == 0)
			which = 1;
		else if (*p == '}')
			break;
		else
			return false;
	}
	if (numbers[0] < 0)
		return false;
	*min = numbers[0];
	*max = which == 0 ? numbers[0] : numbers[1];
	t->p = p + 1;
	return true;
}

/*
 * Write "atom" with at most "count" repetitions, which may be optional, in
 * portions that the server takes.
 */
static void
put_repeated(Pattern *t, const char *atom, size_t len, int count, bool optional)
{
	char		text[32];
	int			portions = count / SERVER_REPEAT;
	int			rest = count % SERVER_REPEAT;

	if (portions > 0)
	{
		put(t, "(?:");
		dp_buf_append(t->out, atom, len);
		snprintf(text, sizeof(text), optional ? "{0,%d}){%d}" : "{%d}){%d}", SERVER_REPEAT, portions);
		put(t, text);
	}
	if (rest > 0)
	{
		dp_buf_append(t->out, atom, len);
		snprintf(text, sizeof(text), optional ? "{0,%d}" : "{%d}", rest);
		put(t, text);
	}
}

/* The atom from "at" on, between min and max (-1: any number) times. */
static bool
repeat(Pattern *t, size_t at, int min, int max)
{
	size_t		len = t->out->len - at;
	char		text[32];
	char	   *atom;

	if (min > MAX_REPEAT || max > MAX_REPEAT)
		return bad(t, "a count is too high");
	if (max >= 0 && max < min)
		return bad(t, "the counts are in the wrong order");
	if (Max(min, max) <= SERVER_REPEAT)
	{
		if (max < 0)
			snprintf(text, sizeof(text), "{%d,}", min);
		else
			snprintf(text, sizeof(text), "{%d,%d}", min, max);
		put(t, text);
		return true;
	}
	atom = malloc(len);
	if (atom == NULL || t->out->oom)
	{
		free(atom);
		return dp_out_of_memory(t->err);
	}
	memcpy(atom, t->out->data + at, len);
	t->out->len = at;
	put(t, "(?:");
	put_repeated(t, atom, len, min, false);
	if (max < 0)
	{
		dp_buf_append(t->out, atom, len);
		put(t, "*");
	}
	else
		put_repeated(t, atom, len, max - min, true);
	put(t, ")");
	free(atom);
	return true;
}

static bool
take_quantifier(Pattern *t, size_t at, bool repeatable)
{
	int			min = 0;
	int			max = -1;

	if (t->p >= t->end)
		return true;
	if (*t->p == '*' || *t->p == '+' || *t->p == '?')
	{
		min = *t->p == '+';
		max = *t->p == '?' ? 1 : -1;
		t->p++;
	}
	else if (*t->p != '{' || !take_counts(t, &min, &max))
		return true;
	if (!repeatable)
		return bad(t, "a quantifier has nothing to repeat");
	if (t->p < t->end && *t->p == '?')
		t->p++;					/* greed decides where, not whether */
	return repeat(t, at, min, max);
}

static bool
take_alternatives(Pattern *t)
{
	bool		empty = true;

	while (t->p < t->end && *t->p != ')')
	{
		size_t		at = t->out->len;
		bool		repeatable = true;

		if (t->out->len > MAX_OUTPUT)
			return bad(t, "it is too long");
		if (*t->p == '|')
		{
			t->p++;
			if (empty)
				put(t, "(?:)");
			put(t, "|");
			empty = true;
			continue;
		}
		empty = false;
		if (*t->p == '(')
		{
			repeatable = !(t->end - t->p >= 3 && t->p[1] == '?' && t->p[2] != ':' &&
						   (t->p[2] != '<' || (t->end - t->p >= 4 && (t->p[3] == '=' || t->p[3] == '!'))));
			t->p++;
			if (!take_group(t))
				return false;
		}
		else if (!take_atom(t, &repeatable))
			return false;
		if (!take_quantifier(t, at, repeatable))
			return false;
	}
	if (empty)
		put(t, "(?:)");
	return true;
}

bool
dp_js_pattern_translate(const char *pattern, size_t len, DpBuf *out, bool *unicode, DpError *err)
{
	Pattern		t = {(const unsigned char *) pattern};

	t.end = t.p + len;
	t.start = pattern;
	t.out = out;
	t.err = err;
	for (size_t i = 0; i + 1 < len; i++)
	{
		if (pattern[i] != '\\')
			continue;
		i++;
		t.captures |= pattern[i] == 'k' || (pattern[i] >= '1' && pattern[i] <= '9');
	}
	put(&t, "***:");
	if (!take_alternatives(&t))
		return false;
	if (t.p < t.end)
		return bad(&t, "a parenthesis is not open");
	if (out->len > MAX_OUTPUT)
		return bad(&t, "it is too long");
	*unicode = t.unicode;
	return out->oom ? dp_out_of_memory(err) : true;
}
