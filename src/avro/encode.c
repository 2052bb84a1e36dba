/*-------------------------------------------------------------------------
 *
 * encode.c
 *	  A jsonb to the bytes of an Avro message.
 *
 * What the decoder makes of a message comes back as it was.  In a union the
 * branch is found by the kind of JSON value, or named where that is not
 * enough; what fits none of these is tried with each branch in turn, which a
 * limit of steps keeps from taking for ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "avro/encode.h"
#include "avro/program.h"

/* The C library's: this file must link without the server. */
#undef snprintf

#define INTERRUPT_STEPS 65536

static bool put_value(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item);

static bool
step(DpAvroEncoder *e)
{
	if (++e->steps > DP_MESSAGE_MAX_ITEMS)
		return dp_error_set(e->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"value takes more than %d steps to encode", DP_MESSAGE_MAX_ITEMS);
	if (e->steps % INTERRUPT_STEPS != 0 || dp_schema_interrupted == NULL || !dp_schema_interrupted())
		return true;
	return dp_error_set(e->err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
}

static bool
put_integer(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	int64		v;

	if (type->logical != DP_LOGICAL_NONE)
		return dp_avro_put_form(e, type, item);
	if (!dp_avro_item_integer(e, item, &v))
		return dp_avro_not_a(e, "an integer of 64 bits");
	if (type->tag == DP_AVRO_INT && v != (int32) v)
		return dp_avro_not_a(e, "an integer of 32 bits");
	dp_avro_put_long(e->out, v);
	return true;
}

static bool
item_is(const DpJsonbItem *item, const char *text)
{
	return item->kind == DP_JSONB_STRING && item->len == strlen(text) &&
		memcmp(item->ptr, text, item->len) == 0;
}

/* What JSON has no number for is a string, as the decoder writes it. */
static bool
get_double(DpAvroEncoder *e, const DpJsonbItem *item, double *out)
{
	if (item_is(item, "NaN"))
		*out = NAN;
	else if (item_is(item, "Infinity"))
		*out = INFINITY;
	else if (item_is(item, "-Infinity"))
		*out = -INFINITY;
	else if (item->kind != DP_JSONB_NUMBER || !dp_jsonb_number_text(item, &e->text))
		return false;
	else
	{
		*out = strtod(e->text.data, NULL);
		return !isinf(*out);
	}
	return true;
}

static bool
put_float(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	double		d;
	float		f;

	if (!get_double(e, item, &d))
		return dp_avro_not_a(e, "a number that the type can hold");
	if (type->tag == DP_AVRO_DOUBLE)
	{
		dp_buf_append(e->out, &d, sizeof(d));
		return true;
	}
	/* from the text: rounding twice could differ */
	f = item->kind == DP_JSONB_NUMBER ? strtof(e->text.data, NULL) : (float) d;
	if (isinf(f) && item->kind == DP_JSONB_NUMBER)
		return dp_avro_not_a(e, "a number that the type can hold");
	dp_buf_append(e->out, &f, sizeof(f));
	return true;
}

static bool
put_bytes(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	switch (type->logical)
	{
		case DP_LOGICAL_DECIMAL:
			return dp_avro_put_decimal(e, type, item);
		case DP_LOGICAL_UUID:
			return dp_avro_put_uuid(e, item);
		case DP_LOGICAL_DURATION:
			return dp_avro_put_duration(e, item);
		default:
			return dp_avro_put_base64(e, type, item);
	}
}

static bool
put_enum(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	for (int i = 0; i < type->nsymbols; i++)
	{
		if (!step(e))
			return false;
		if (item_is(item, type->symbols[i]))
		{
			dp_avro_put_long(e->out, i);
			return true;
		}
	}
	return dp_error_set(e->err, "22P02", DP_NO_POSITION, "value is no symbol of enum \"%.80s\"",
						type->name.full);
}

/* Say which field it was, the innermost one. */
static bool
in_field(DpAvroEncoder *e, const DpAvroType *type, const DpAvroField *field)
{
	if (e->err->detail[0] == '\0')
		snprintf(e->err->detail, sizeof(e->err->detail), "In field \"%.80s\" of record \"%.80s\".",
				 field->name, type->name.full);
	return false;
}

static bool
put_record(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	uint32		found = 0;

	if (item->kind != DP_JSONB_OBJECT)
		return dp_avro_not_a(e, "an object");
	for (int i = 0; i < type->nfields; i++)
	{
		const DpAvroField *field = &type->fields[i];
		DpJsonbItem member;
		bool		good;

		if (dp_jsonb_find(item, field->name, strlen(field->name), &member))
		{
			found++;
			good = put_value(e, field->type, &member);
		}
		else if (field->fallback != NULL)
			good = step(e) && dp_avro_encode_default(field->type, field->fallback, e->out, e->err);
		else
			return dp_error_set(e->err, "22P02", DP_NO_POSITION,
								"value lacks field \"%.60s\" of record \"%.60s\", which has no default",
								field->name, type->name.full);
		if (!good)
			return in_field(e, type, field);
	}
	if (found < item->len)
		return dp_error_set(e->err, "22P02", DP_NO_POSITION,
							"value has members that record \"%.80s\" does not have", type->name.full);
	return true;
}

static bool
put_items(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	bool		map = type->tag == DP_AVRO_MAP;

	if (item->kind != (map ? DP_JSONB_OBJECT : DP_JSONB_ARRAY))
		return dp_avro_not_a(e, map ? "an object" : "an array");
	if (item->len > 0)
		dp_avro_put_long(e->out, item->len);
	for (uint32 i = 0; i < item->len; i++)
	{
		DpJsonbItem child = map ? dp_jsonb_value(item, i) : dp_jsonb_element(item, i);

		if (map)
		{
			DpJsonbItem key = dp_jsonb_key(item, i);

			dp_avro_put_long(e->out, key.len);
			dp_buf_append(e->out, key.ptr, key.len);
		}
		if (!put_value(e, type->items, &child))
			return false;
	}
	dp_avro_put_long(e->out, 0);
	return true;
}

/* ----------------------------------------------------------------- unions */

static bool
put_branch(DpAvroEncoder *e, const DpAvroType *type, int branch, const DpJsonbItem *item)
{
	dp_avro_put_long(e->out, branch);
	return put_value(e, type->branches[branch], item);
}

/* Is it {"name of a branch": value}? */
static int
named_branch(const DpAvroType *type, const DpJsonbItem *item, bool wrapped_only)
{
	DpJsonbItem key;

	if (item->kind != DP_JSONB_OBJECT || item->len != 1)
		return -1;
	key = dp_jsonb_key(item, 0);
	for (int i = 0; i < type->nbranches; i++)
	{
		const char *name = dp_avro_branch_name(type->branches[i]);

		if (key.len == strlen(name) && memcmp(key.ptr, name, key.len) == 0 &&
			(!wrapped_only || dp_avro_branch_is_wrapped(type, i)))
			return i;
	}
	return -1;
}

/* Could the decoder have made this kind of JSON from a value of the branch? */
static bool
is_likely(const DpAvroType *type, int branch, const DpJsonbItem *item)
{
	static const DpAvroJsonClass classes[] = {
		DP_CLASS_NULL, DP_CLASS_BOOLEAN, DP_CLASS_BOOLEAN, DP_CLASS_NUMBER, DP_CLASS_STRING,
		DP_CLASS_ARRAY, DP_CLASS_OBJECT
	};

	return dp_avro_json_class(type->branches[branch]) == classes[item->kind] &&
		!dp_avro_branch_is_wrapped(type, branch);
}

/* Real trouble, which no other branch can mend. */
static bool
is_final(const DpError *err)
{
	return strcmp(err->sqlstate, DP_SQLSTATE_LIMIT) == 0 || strcmp(err->sqlstate, "53200") == 0 ||
		strcmp(err->sqlstate, DP_SQLSTATE_INTERRUPTED) == 0;
}

/* Null or one type. */
static bool
is_optional(const DpAvroType *type)
{
	return type->nbranches == 1 ||
		(type->nbranches == 2 && (type->branches[0]->tag == DP_AVRO_NULL ||
								  type->branches[1]->tag == DP_AVRO_NULL));
}

static bool
put_union(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	size_t		start = e->out->len;
	int			named = named_branch(type, item, true);
	DpJsonbItem inner;

	for (int likely_ones = 1; named < 0 && likely_ones >= 0; likely_ones--)
	{
		for (int i = 0; i < type->nbranches; i++)
		{
			if (is_likely(type, i, item) != (bool) likely_ones)
				continue;
			if (put_branch(e, type, i, item))
				return true;
			if (is_final(e->err))
				return false;
			e->out->len = start;
			/* It was meant: its message tells more than ours could. */
			if (likely_ones && is_optional(type))
				return false;
			e->err->detail[0] = '\0';
		}
	}
	if (named < 0)
		named = named_branch(type, item, false);
	if (named < 0)
		return dp_avro_not_a(e, "of any branch of the union");
	inner = dp_jsonb_value(item, 0);
	return put_branch(e, type, named, &inner);
}

static bool
put_plain(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	char		byte;

	switch (type->tag)
	{
		case DP_AVRO_NULL:
			return item->kind == DP_JSONB_NULL || dp_avro_not_a(e, "null");
		case DP_AVRO_BOOLEAN:
			if (item->kind != DP_JSONB_TRUE && item->kind != DP_JSONB_FALSE)
				return dp_avro_not_a(e, "a boolean");
			byte = item->kind == DP_JSONB_TRUE;
			dp_buf_append(e->out, &byte, 1);
			return true;
		case DP_AVRO_INT:
		case DP_AVRO_LONG:
			return put_integer(e, type, item);
		case DP_AVRO_FLOAT:
		case DP_AVRO_DOUBLE:
			return put_float(e, type, item);
		case DP_AVRO_STRING:
			if (item->kind != DP_JSONB_STRING)
				return dp_avro_not_a(e, "a string");
			dp_avro_put_long(e->out, item->len);
			dp_buf_append(e->out, item->ptr, item->len);
			return true;
		case DP_AVRO_BYTES:
		case DP_AVRO_FIXED:
			return put_bytes(e, type, item);
		case DP_AVRO_ENUM:
			return put_enum(e, type, item);
		case DP_AVRO_RECORD:
			return put_record(e, type, item);
		case DP_AVRO_ARRAY:
		case DP_AVRO_MAP:
			return put_items(e, type, item);
		case DP_AVRO_UNION:
			return put_union(e, type, item);
	}
	return false;
}

static bool
put_value(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item)
{
	bool		good;

	if (!step(e))
		return false;
	if (e->depth >= DP_MESSAGE_MAX_DEPTH)
		return dp_error_set(e->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"value is nested deeper than the limit of %d levels", DP_MESSAGE_MAX_DEPTH);
	e->depth++;
	good = put_plain(e, type, item);
	e->depth--;
	return good;
}

bool
dp_avro_encode(const DpSchema *schema, const DpMessagePath *path, const char *jsonb, DpBuf *out,
			   DpError *err)
{
	DpAvroEncoder e = {.out = out,.err = err};
	DpJsonbItem root = dp_jsonb_root(jsonb);
	bool		good;

	err->detail[0] = '\0';
	good = put_value(&e, dp_avro_schema(schema)->root, &root);
	if (good && out->oom)
		good = dp_out_of_memory(err);
	dp_buf_free(&e.text);
	return good;
}
