/*-------------------------------------------------------------------------
 *
 * validate.c
 *	  A jsonb against a compiled schema.
 *
 * The walk recurses over schemas; how deep and how many steps in all is
 * limited, because references and alternatives can make both explode however
 * small the value is.  Where a schema asks what its neighbours have looked at
 * (unevaluatedProperties, unevaluatedItems), each of them keeps a mark for
 * every member or element; otherwise nothing is kept.
 *
 * Inside alternatives (anyOf, not, if, contains) nothing is told: there a
 * failure is an answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "formats/text.h"
#include "jsonschema/check.h"

/* The C library's: this file must link without the server. */
#undef snprintf
#undef vsnprintf

#define INTERRUPT_EVERY 4096	/* steps */
#define ZERO_BYTE_SHOWN "\\u0000"	/* in paths and messages: no text of SQL holds it */
#define VALUES_A_STEP 16		/* small values compared in the time of a step */

int
dp_js_check_failed(DpJsCheck *c, const char *keyword, const char *fmt,...)
{
	char		message[DP_JS_MAX_MESSAGE];
	DpJsViolation violation = {c->path.data, keyword, message};
	va_list		args;

	if (c->quiet > 0)
		return 0;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	dp_buf_append(&c->path, "", 1);
	c->path.len--;
	if (c->path.oom)
	{
		dp_out_of_memory(c->err);
		return -1;
	}
	violation.path = c->path.data;
	if (!c->sink(c->arg, &violation))
	{
		c->stopped = true;
		return -1;
	}
	return 0;
}

size_t
dp_js_check_down(DpJsCheck *c, const char *key, uint32 len)
{
	size_t		before = c->path.len;

	if (c->quiet > 0)
		return before;
	dp_buf_append(&c->path, "/", 1);
	for (uint32 i = 0; i < len; i++)
	{
		if (key[i] == '~')
			dp_buf_append(&c->path, "~0", 2);
		else if (key[i] == '/')
			dp_buf_append(&c->path, "~1", 2);
		else if (key[i] == '\0')
			dp_buf_append(&c->path, ZERO_BYTE_SHOWN, strlen(ZERO_BYTE_SHOWN));
		else
			dp_buf_append(&c->path, key + i, 1);
	}
	return before;
}

size_t
dp_js_check_down_index(DpJsCheck *c, uint32 i)
{
	char		digits[16];

	return dp_js_check_down(c, digits, snprintf(digits, sizeof(digits), "%u", i));
}

int
dp_js_check_quiet(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks)
{
	int			result;

	c->quiet++;
	result = dp_js_check(c, s, v, marks);
	c->quiet--;
	return result;
}

/* ---------------------------------------------------------------- marks */

bool
dp_js_marks_begin(DpJsCheck *c, const DpJsonbItem *v, DpJsMarks *marks)
{
	marks->n = v->kind == DP_JSONB_OBJECT || v->kind == DP_JSONB_ARRAY ? v->len : 0;
	marks->at = c->marks.len;
	if (!dp_buf_reserve(&c->marks, Max(marks->n, 1)))
		return dp_out_of_memory(c->err);
	if (marks->n > 0)
		memset(c->marks.data + marks->at, 0, marks->n);
	c->marks.len += marks->n;
	return true;
}

/* Give the marks back; with "keep" they count for the outer schema. */
void
dp_js_marks_end(DpJsCheck *c, const DpJsMarks *marks, DpJsMarks *outer, bool keep)
{
	for (uint32 i = 0; keep && outer != NULL && i < marks->n; i++)
		c->marks.data[outer->at + i] |= c->marks.data[marks->at + i];
	c->marks.len = marks->at;
}

/* Check in place by a schema whose marks count only if it holds. */
static int
check_apart(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *outer, bool quiet)
{
	DpJsMarks	own;
	int			result;

	if (outer == NULL)
		return quiet ? dp_js_check_quiet(c, s, v, NULL) : dp_js_check(c, s, v, NULL);
	if (!dp_js_marks_begin(c, v, &own))
		return -1;
	result = quiet ? dp_js_check_quiet(c, s, v, &own) : dp_js_check(c, s, v, &own);
	dp_js_marks_end(c, &own, outer, result == 1);
	return result;
}

/* ------------------------------------------------------------- keywords */

static const char *
type_list(uint16 types, char *out, size_t size)
{
	static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
	size_t		n = 0;

	out[0] = '\0';
	for (int i = 0; i < lengthof(names); i++)
	{
		if (types & (1 << i))
			n += snprintf(out + n, size - n, "%s%s", n > 0 ? " or " : "", names[i]);
	}
	return out;
}

static bool
type_matches(const DpJsSchema *s, const DpJsonbItem *v)
{
	uint16		types = s->types;
	DpJsNumber	number;

	switch (v->kind)
	{
		case DP_JSONB_NULL:
			return types & DP_JS_TYPE_NULL;
		case DP_JSONB_FALSE:
		case DP_JSONB_TRUE:
			return types & DP_JS_TYPE_BOOLEAN;
		case DP_JSONB_NUMBER:
			if (types & DP_JS_TYPE_NUMBER)
				return true;
			if ((types & DP_JS_TYPE_INTEGER) == 0)
				return false;

			/* In draft 4 the spelling decides: an integer has no fraction part. */
			if (s->resource->draft == DP_JS_DRAFT4 && dp_js_number_scale(v) > 0)
				return false;
			number = dp_js_number(v);
			return dp_js_number_is_integer(&number);
		case DP_JSONB_STRING:
			return types & DP_JS_TYPE_STRING;
		case DP_JSONB_ARRAY:
			return types & DP_JS_TYPE_ARRAY;
		case DP_JSONB_OBJECT:
			return types & DP_JS_TYPE_OBJECT;
	}
	return false;
}

/* Add up verdicts: -1 wins, then 0.  In alternatives one failure is enough. */
#define ALSO(call) \
	do { \
		int			verdict_ = (call); \
		if (verdict_ < 0) \
			return -1; \
		if (verdict_ == 0) \
		{ \
			if (c->quiet > 0) \
				return 0; \
			result = 0; \
		} \
	} while (0)

static int
check_any(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v)
{
	char		list[100];
	int			result = 1;
	bool		found = s->enumeration == NULL;

	if (s->types != 0 && !type_matches(s, v))
		ALSO(dp_js_check_failed(c, "type", "must be %s", type_list(s->types, list, sizeof(list))));
	if (!dp_js_check_go_on(c, s->nenum / VALUES_A_STEP))
		return -1;
	for (uint32 i = 0; i < s->nenum && !found; i++)
		found = dp_js_inst_equal(&s->enumeration[i], v);
	if (!found)
		ALSO(dp_js_check_failed(c, "enum", "must be one of the values listed"));
	if (s->constant != NULL && !dp_js_inst_equal(s->constant, v))
		ALSO(dp_js_check_failed(c, "const", "must be the value given"));
	return result;
}

static int
check_number(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v)
{
	DpJsNumber	a = dp_js_number(v);
	DpJsNumber	limit;
	int			result = 1;
	int			divisible;

	if (s->minimum && (limit = dp_js_number(s->minimum), dp_js_number_compare(&a, &limit) < 0))
		ALSO(dp_js_check_failed(c, "minimum", "must not be less than %s", dp_js_check_show(c, s->minimum)));
	if (s->maximum && (limit = dp_js_number(s->maximum), dp_js_number_compare(&a, &limit) > 0))
		ALSO(dp_js_check_failed(c, "maximum", "must not be greater than %s", dp_js_check_show(c, s->maximum)));
	if (s->exclusive_minimum &&
		(limit = dp_js_number(s->exclusive_minimum), dp_js_number_compare(&a, &limit) <= 0))
		ALSO(dp_js_check_failed(c, "exclusiveMinimum", "must be greater than %s",
								dp_js_check_show(c, s->exclusive_minimum)));
	if (s->exclusive_maximum &&
		(limit = dp_js_number(s->exclusive_maximum), dp_js_number_compare(&a, &limit) >= 0))
		ALSO(dp_js_check_failed(c, "exclusiveMaximum", "must be less than %s",
								dp_js_check_show(c, s->exclusive_maximum)));
	if (s->multiple_of != NULL)
	{
		limit = dp_js_number(s->multiple_of);
		divisible = dp_js_number_divisible(&a, &limit, c->err);
		if (divisible < 0)
			return -1;
		if (divisible == 0)
			ALSO(dp_js_check_failed(c, "multipleOf", "must be a multiple of %s",
									dp_js_check_show(c, s->multiple_of)));
	}
	return result;
}

static int
check_string(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v)
{
	int			result = 1;
	int			matches;

	if (s->min_length > 0 || s->max_length != DP_JS_NO_LIMIT)
	{
		size_t		length = dp_utf8_length(v->ptr, v->len);

		if (length < s->min_length)
			ALSO(dp_js_check_failed(c, "minLength", "must have at least %u characters", s->min_length));
		if (length > s->max_length)
			ALSO(dp_js_check_failed(c, "maxLength", "must have at most %u characters", s->max_length));
	}
	if (s->pattern != NULL)
	{
		matches = dp_js_regex_match(s->pattern, v->ptr, v->len, c->err);
		if (matches < 0)
			return -1;
		if (matches == 0)
			ALSO(dp_js_check_failed(c, "pattern", "must match the pattern %s",
									dp_js_check_show_string(c, s->pattern->pattern, s->pattern->len)));
	}
	if (s->format != NULL && (c->formats || s->resource->format_counts) &&
		!dp_js_format_holds(s->format, v->ptr, v->len))
		ALSO(dp_js_check_failed(c, "format", "must be in the format %.60s", s->format));
	return result;
}

static int
check_one_of(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks)
{
	uint32		holds = 0;

	for (uint32 i = 0; i < s->one_of.n && holds < 2; i++)
	{
		int			verdict = check_apart(c, s->one_of.items[i], v, marks, true);

		if (verdict < 0)
			return -1;
		holds += verdict;
	}
	if (holds == 1 || s->one_of.items == NULL)
		return 1;
	return dp_js_check_failed(c, "oneOf", holds == 0 ?
							  "must match one of %u schemas, but matches none" :
							  "must match exactly one of %u schemas, but matches more", s->one_of.n);
}

static int
check_any_of(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks)
{
	bool		holds = s->any_of.items == NULL;

	for (uint32 i = 0; i < s->any_of.n; i++)
	{
		int			verdict = check_apart(c, s->any_of.items[i], v, marks, true);

		if (verdict < 0)
			return -1;
		holds |= verdict;
		if (holds && marks == NULL)
			break;
	}
	return holds ? 1 : dp_js_check_failed(c, "anyOf", "must match at least one of %u schemas",
										  s->any_of.n);
}

static int
check_condition(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks)
{
	int			verdict;
	const DpJsSchema *then;

	if (s->condition == NULL ||
		(s->consequence == NULL && s->alternative == NULL && marks == NULL))
		return 1;
	verdict = check_apart(c, s->condition, v, marks, true);
	if (verdict < 0)
		return -1;
	then = verdict ? s->consequence : s->alternative;
	return then == NULL ? 1 : check_apart(c, then, v, marks, false);
}

static int
check_combinations(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks)
{
	int			result = 1;

	for (uint32 i = 0; i < s->all_of.n; i++)
		ALSO(check_apart(c, s->all_of.items[i], v, marks, false));
	ALSO(check_any_of(c, s, v, marks));
	ALSO(check_one_of(c, s, v, marks));
	ALSO(check_condition(c, s, v, marks));
	if (s->negated != NULL)
	{
		/* What holds only inside "not" does not count as looked at. */
		DpJsMarks	own;
		int			verdict;

		if (marks != NULL && !dp_js_marks_begin(c, v, &own))
			return -1;
		verdict = dp_js_check_quiet(c, s->negated, v, marks ? &own : NULL);
		if (marks != NULL)
			dp_js_marks_end(c, &own, NULL, false);
		if (verdict < 0)
			return -1;
		if (verdict == 1)
			ALSO(dp_js_check_failed(c, "not", "must not match the schema given"));
	}
	return result;
}

/* Of $dynamicRef and $recursiveRef: the outermost resource on the way decides. */
static const DpJsSchema *
dynamic_target(const DpJsCheck *c, const DpJsSchema *s)
{
	const DpJsSchema *target = s->dynamic_target;

	if (s->recursive_ref)
	{
		if (!target->resource->recursive || target->resource->root != target->source)
			return target;
		for (uint32 i = 0; i < c->nscope; i++)
		{
			if (c->scope[i]->recursive)
				return c->scope[i]->schema;
		}
		return target;
	}
	for (uint32 i = 0; s->dynamic_name != NULL && i < c->nscope; i++)
	{
		for (DpJsAnchor *a = c->scope[i]->anchors; a != NULL; a = a->next)
		{
			if (a->dynamic && strcmp(a->name, s->dynamic_name) == 0)
				return a->schema;
		}
	}
	return target;
}

static int
check_references(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks)
{
	int			result = 1;

	if (s->target != NULL)
		ALSO(check_apart(c, s->target, v, marks, false));
	if (s->dynamic_target != NULL)
		ALSO(check_apart(c, dynamic_target(c, s), v, marks, false));
	return result;
}

/* ------------------------------------------------------------- the walk */

/* Has this schema been asked about this very value on the way here? */
static bool
goes_in_circles(const DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v)
{
	for (const DpJsFrame *f = c->frame; f != NULL && f->v == v; f = f->up)
	{
		if (f->s == s)
			return true;
	}
	return false;
}

bool
dp_js_check_go_on(DpJsCheck *c, uint32 steps)
{
	c->steps += Min(steps, DP_JS_MAX_STEPS);
	if (c->steps / INTERRUPT_EVERY != c->asked)
	{
		c->asked = c->steps / INTERRUPT_EVERY;
		if (dp_schema_interrupted && dp_schema_interrupted())
			return dp_error_set(c->err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
	}
	if (c->steps > DP_JS_MAX_STEPS)
		return dp_error_set(c->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"validation against a JSON Schema takes more than %d steps",
							DP_JS_MAX_STEPS);
	return true;
}

static bool
enter(DpJsCheck *c, DpJsFrame *frame)
{
	if (!dp_js_check_go_on(c, 1))
		return false;
	if (++c->depth > DP_JS_MAX_DEPTH)
		return dp_error_set(c->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"validation against a JSON Schema goes deeper than %d schemas",
							DP_JS_MAX_DEPTH);
	if ((frame->s->target != NULL || frame->s->dynamic_target != NULL) &&
		goes_in_circles(c, frame->s, frame->v))
		return dp_error_set(c->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
							"JSON Schema refers to itself without end");
	if (c->nscope == 0 || c->scope[c->nscope - 1] != frame->s->resource)
	{
		frame->scoped = true;
		c->scope[c->nscope++] = frame->s->resource;
	}
	return true;
}

static void
leave(DpJsCheck *c, const DpJsFrame *frame)
{
	c->depth--;
	if (frame->scoped)
		c->nscope--;
}

static int
check_keywords(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks)
{
	int			result = 1;

	ALSO(check_references(c, s, v, marks));
	if (s->ref_only)
		return result;
	ALSO(check_any(c, s, v));
	switch (v->kind)
	{
		case DP_JSONB_NUMBER:
			ALSO(check_number(c, s, v));
			break;
		case DP_JSONB_STRING:
			ALSO(check_string(c, s, v));
			break;
		case DP_JSONB_ARRAY:
			ALSO(dp_js_check_array(c, s, v, marks));
			break;
		case DP_JSONB_OBJECT:
			ALSO(dp_js_check_object(c, s, v, marks));
			break;
		default:
			break;
	}
	ALSO(check_combinations(c, s, v, marks));
	if (v->kind == DP_JSONB_OBJECT && s->unevaluated_properties != NULL)
		ALSO(dp_js_check_unevaluated_properties(c, s, v, marks));
	if (v->kind == DP_JSONB_ARRAY && s->unevaluated_items != NULL)
		ALSO(dp_js_check_unevaluated_items(c, s, v, marks));
	return result;
}

int
dp_js_check(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks)
{
	DpJsFrame	frame = {NULL, s, v, false};
	DpJsMarks	own;
	bool		asks = s->unevaluated_items != NULL || s->unevaluated_properties != NULL;
	int			result;

	if (s->never)
		return dp_js_check_failed(c, "false", "is not allowed");
	if (s->source->kind == DP_JSONB_TRUE)
		return 1;
	/* It may ask only about what is inside itself, not about its neighbours. */
	if (asks && !dp_js_marks_begin(c, v, &own))
		return -1;
	if (!enter(c, &frame))
		return -1;
	frame.up = c->frame;
	c->frame = &frame;
	result = check_keywords(c, s, v, asks ? &own : marks);
	c->frame = frame.up;
	leave(c, &frame);
	if (asks)
		dp_js_marks_end(c, &own, marks, result == 1);
	return result;
}

const char *
dp_js_check_show(DpJsCheck *c, const DpJsonbItem *number)
{
	dp_buf_reset(&c->shown);
	dp_js_inst_print(number, &c->shown);
	dp_buf_append(&c->shown, "", 1);
	if (c->shown.oom)
		return "the limit";
	if (c->shown.len > DP_JS_MAX_SHOWN)
		c->shown.data[DP_JS_MAX_SHOWN] = '\0';
	return c->shown.data;
}

const char *
dp_js_check_show_string(DpJsCheck *c, const char *s, size_t len)
{
	dp_buf_reset(&c->shown);
	for (size_t i = 0; i < len;)
	{
		size_t		n = dp_utf8_prefix(s + i, len - i, 1);

		if (s[i] == '\0')
			dp_buf_append(&c->shown, ZERO_BYTE_SHOWN, strlen(ZERO_BYTE_SHOWN));
		else
			dp_buf_append(&c->shown, s + i, n);
		i += n;
		if (c->shown.len >= DP_JS_MAX_SHOWN_STRING)
			break;
	}
	dp_buf_append(&c->shown, "", 1);
	return c->shown.oom ? "given" : c->shown.data;
}

bool
dp_js_validate(const DpJsSchema *root, const DpJsonbItem *v, bool formats,
			   DpJsViolationSink sink, void *arg, DpError *err)
{
	DpJsCheck	c = {sink, arg, err};
	int			result;

	c.formats = formats;
	c.scope = malloc((DP_JS_MAX_DEPTH + 1) * sizeof(*c.scope));
	if (c.scope == NULL)
		return dp_out_of_memory(err);
	result = dp_js_check(&c, root, v, NULL);
	free(c.scope);
	dp_buf_free(&c.path);
	dp_buf_free(&c.marks);
	dp_buf_free(&c.shown);
	return result >= 0 || c.stopped;
}
