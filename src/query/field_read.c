/*-------------------------------------------------------------------------
 *
 * field_read.c
 *	  One field of a document as a value of the type that is wanted.
 *
 * The result is always that of the type's input function on what ->> returns.
 * Where this is known beforehand (a whole number for bigint, a number for
 * numeric, an ISO timestamp) it is made at once; all else, right or wrong, goes
 * by text and the input function, with its errors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/string.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "common/compat.h"
#include "formats/numbers.h"
#include "formats/numeric.h"
#include "formats/values.h"
#include "query/field.h"

/* Numbers of so many groups fit into an int64, and into a double when below 2^53. */
#define SMALL_GROUPS 5
#define SMALL_FIRST 922			/* of the first of five, at most */
#define SMALL_CHARS 24			/* for its text */
#define EXACT_DOUBLE (UINT64CONST(1) << 53)

#define STEP_KINDS "kep"

typedef struct Step
{
	char		kind;
	char	   *key;
	int			keylen;
	bool		is_index;		/* an integer is written there */
	int			index;
	uint32		hint;			/* where the key was in the last object */
} Step;

typedef struct Field
{
	Oid			type;
	bool		as_jsonb;		/* -> and #>, not ->> */
	FmgrInfo	input;
	Oid			input_param;
	MemoryContext life;
	int			number;
	int			nsteps;
	Step		steps[FLEXIBLE_ARRAY_MEMBER];
} Field;

/* A numeric of few digits: mantissa / 10^scale. */
typedef struct Small
{
	uint64		mantissa;
	int			scale;
	bool		negative;
} Small;

PG_FUNCTION_INFO_V1(dp_json_field);

PGDLLEXPORT Datum dp_json_field(PG_FUNCTION_ARGS);

/* ---- what the call site says ---- */

/* As get_jsonb_path_all() reads an index. */
static void
init_step(Step *step, char kind, Datum key)
{
	char	   *end;

	step->kind = kind;
	step->key = TextDatumGetCString(key);
	step->keylen = strlen(step->key);
	errno = 0;
	step->index = strtoint(step->key, &end, 10);
	step->is_index = end != step->key && *end == '\0' && errno == 0;
	step->hint = 0;
}

static Field *
init_field(FunctionCallInfo fcinfo)
{
	MemoryContext life = fcinfo->flinfo->fn_mcxt;
	MemoryContext old = MemoryContextSwitchTo(life);
	char	   *kinds = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Datum	   *keys;
	bool	   *nulls;
	int			n;
	Field	   *field;
	Oid			input;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &keys, &nulls, &n);
	if (n == 0 || n != (int) strspn(kinds, STEP_KINDS) || (kinds[n] != '\0' && strcmp(kinds + n, DP_STEPS_JSONB) != 0))
		elog(ERROR, "a field has %d steps, and their kinds are \"%s\"", n, kinds);
	field = palloc0(offsetof(Field, steps) + sizeof(Step) * n);
	field->nsteps = n;
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			elog(ERROR, "a step of a field is null");
		init_step(&field->steps[i], kinds[i], keys[i]);
	}
	field->type = get_fn_expr_rettype(fcinfo->flinfo);
	if (!OidIsValid(field->type))
		field->type = TEXTOID;
	field->as_jsonb = kinds[n] != '\0';
	if (field->as_jsonb && field->type != JSONBOID)
		elog(ERROR, "a field as it stands in a document is a jsonb");
	getTypeInputInfo(field->type, &input, &field->input_param);
	fmgr_info_cxt(input, &field->input, life);
	field->number = (uint32) PG_GETARG_INT32(3) % DP_DOCUMENTS;
	field->life = life;
	dp_document_begin();
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = field;
	return field;
}

/* ---- the way down ---- */

/* Child i of a container that has so many in all; its keys count, too. */
static void
child(const JsonbContainer *container, int n, int i, JsonbValue *v)
{
	JEntry		entry = container->children[i];
	char	   *data = (char *) &container->children[n];
	uint32		offset = getJsonbOffset(container, i);

	switch (entry & JENTRY_TYPEMASK)
	{
		case JENTRY_ISSTRING:
			v->type = jbvString;
			v->val.string.val = data + offset;
			v->val.string.len = getJsonbLength(container, i);
			break;
		case JENTRY_ISNUMERIC:
			v->type = jbvNumeric;
			v->val.numeric = (Numeric) (data + INTALIGN(offset));
			break;
		case JENTRY_ISBOOL_TRUE:
		case JENTRY_ISBOOL_FALSE:
			v->type = jbvBool;
			v->val.boolean = JBE_ISBOOL_TRUE(entry);
			break;
		case JENTRY_ISCONTAINER:
			v->type = jbvBinary;
			v->val.binary.data = (JsonbContainer *) (data + INTALIGN(offset));
			v->val.binary.len = getJsonbLength(container, i) - (INTALIGN(offset) - offset);
			break;
		default:
			v->type = jbvNull;
			break;
	}
}

/* Keys are ordered by length, then by bytes. */
static int
compare_key(const JsonbContainer *object, int i, const Step *step)
{
	int			n = JsonContainerSize(object);
	int			length = (int) getJsonbLength(object, i);

	if (length != step->keylen)
		return length > step->keylen ? 1 : -1;
	return memcmp((char *) &object->children[n * 2] + getJsonbOffset(object, i), step->key, length);
}

/* Documents of a topic are much alike: the key is looked for where it was last. */
static bool
find_member(const JsonbContainer *object, Step *step, JsonbValue *v)
{
	uint32		n = JsonContainerSize(object);
	uint32		low = 0;
	uint32		high = n;

	if (step->hint < n && compare_key(object, step->hint, step) == 0)
	{
		child(object, n * 2, n + step->hint, v);
		return true;
	}
	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		int			order = compare_key(object, middle, step);

		if (order == 0)
		{
			step->hint = middle;
			child(object, n * 2, n + middle, v);
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool
find_element(const JsonbContainer *array, int index, JsonbValue *v)
{
	int64		n = JsonContainerSize(array);
	int64		i = index < 0 ? n + index : index;

	if (i < 0 || i >= n)
		return false;
	child(array, n, i, v);
	return true;
}

/*
 * One step down from v.  A scalar that -> returned is a document of its own,
 * and -> 0 takes it for an array of one.
 */
static bool
take_step(Step *step, JsonbValue *v)
{
	JsonbContainer *container = v->val.binary.data;

	if (v->type != jbvBinary)
		return step->kind == DP_STEP_ELEMENT && (step->index == 0 || step->index == -1);
	if (JsonContainerIsObject(container))
		return step->kind != DP_STEP_ELEMENT && find_member(container, step, v);
	return step->kind != DP_STEP_KEY && step->is_index && find_element(container, step->index, v);
}

static bool
find_field(Field *field, JsonbContainer *root, JsonbValue *v)
{
	if (JsonContainerIsScalar(root))
		child(root, 1, 0, v);
	else
	{
		v->type = jbvBinary;
		v->val.binary.data = root;
	}
	for (int i = 0; i < field->nsteps; i++)
	{
		if (!take_step(&field->steps[i], v))
			return false;
	}
	return true;
}

/* ---- the value ---- */

static bool
read_small(Numeric number, Small *small)
{
	DpNumeric	n = dp_numeric_read((const char *) number);
	int			fraction = (n.dscale + DP_DEC_DIGITS - 1) / DP_DEC_DIGITS;
	int			all = n.weight + 1 + fraction;	/* groups that are shown */
	uint64		mantissa = 0;

	if (n.special || all > SMALL_GROUPS ||
		(all == SMALL_GROUPS && n.ngroups > 0 && n.groups[0] >= SMALL_FIRST))
		return false;
	for (int i = 0; i < all; i++)
		mantissa = mantissa * DP_NBASE + (i < n.ngroups ? n.groups[i] : 0);
	for (int i = n.dscale; i < fraction * DP_DEC_DIGITS; i++)
		mantissa /= 10;
	small->mantissa = mantissa;
	small->scale = n.dscale;
	small->negative = n.negative;
	return true;
}

static int64
small_value(const Small *small)
{
	return small->negative ? -(int64) small->mantissa : (int64) small->mantissa;
}

/* A number as another type; false: by its text. */
static bool
from_number(Oid type, Numeric number, Datum *value)
{
	static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
	Small		small;
	int64		whole;

	if (type == NUMERICOID)
	{
		Size		size = VARSIZE(number);

		*value = PointerGetDatum(memcpy(palloc(size), number, size));
		return true;
	}
	if (!read_small(number, &small))
		return false;
	if (type == FLOAT8OID)
	{
		double		v;

		if (small.mantissa >= EXACT_DOUBLE || small.scale >= (int) lengthof(powers))
			return false;
		v = (double) small.mantissa / powers[small.scale];
		*value = Float8GetDatum(small.negative ? -v : v);
		return true;
	}
	if (small.scale != 0)
		return false;
	whole = small_value(&small);
	switch (type)
	{
		case INT8OID:
			*value = Int64GetDatum(whole);
			return true;
		case INT4OID:
			*value = Int32GetDatum((int32) whole);
			return whole == (int32) whole;
		case INT2OID:
			*value = Int16GetDatum((int16) whole);
			return whole == (int16) whole;
		case TEXTOID:
			{
				char		digits[SMALL_CHARS];
				int			len = pg_lltoa(whole, digits);

				*value = PointerGetDatum(cstring_to_text_with_len(digits, len));
				return true;
			}
		default:
			return false;
	}
}

/* A string as another type; false: by its input function. */
static bool
from_string(Oid type, const char *s, int len, Datum *value)
{
	int64		micros;
	int32		days;

	switch (type)
	{
		case TEXTOID:
			*value = PointerGetDatum(cstring_to_text_with_len(s, len));
			return true;
		case TIMESTAMPTZOID:
		case TIMESTAMPOID:
			if (!dp_parse_timestamp(s, len, -1, type == TIMESTAMPTZOID, &micros))
				return false;
			*value = Int64GetDatum(micros);
			return true;
		case DATEOID:
			if (!dp_parse_date(s, len, &days))
				return false;
			*value = Int32GetDatum(days);
			return true;
		case UUIDOID:
			{
				pg_uuid_t	uuid;

				if (!dp_uuid_parse(s, len, uuid.data))
					return false;
				*value = PointerGetDatum(memcpy(palloc(sizeof(uuid)), &uuid, sizeof(uuid)));
				return true;
			}
		default:
			return false;
	}
}

/* What ->> returns, for an input function. */
static char *
value_text(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
		case jbvBool:
			return pstrdup(v->val.boolean ? "true" : "false");
		default:
			return JsonbToCString(NULL, v->val.binary.data, v->val.binary.len);
	}
}

/* Not called for null, which ->> makes NULL. */
static Datum
field_value(Field *field, const JsonbValue *v)
{
	Datum		value;
	char	   *text;

	if (v->type == jbvNumeric && from_number(field->type, v->val.numeric, &value))
		return value;
	if (v->type == jbvString && from_string(field->type, v->val.string.val, v->val.string.len, &value))
		return value;
	if (v->type == jbvBool && field->type == BOOLOID)
		return BoolGetDatum(v->val.boolean);
	text = value_text(v);
	if (field->type == TEXTOID)
		return CStringGetTextDatum(text);
	return InputFunctionCall(&field->input, text, field->input_param, -1);
}

/*
 * dataplat_internal.json_field(document jsonb, path text[], steps text, number int)
 */
Datum
dp_json_field(PG_FUNCTION_ARGS)
{
	Field	   *field = fcinfo->flinfo->fn_extra;
	JsonbContainer *root;
	JsonbValue	v;

	if (field == NULL)
		field = init_field(fcinfo);
	root = dp_document_open(PG_GETARG_DATUM(0), field->number, field->life);
	if (!find_field(field, root, &v))
		PG_RETURN_NULL();
	if (field->as_jsonb)
		PG_RETURN_JSONB_P(JsonbValueToJsonb(&v));
	if (v.type == jbvNull)
		PG_RETURN_NULL();
	return field_value(field, &v);
}
