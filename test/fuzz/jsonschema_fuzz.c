/*-------------------------------------------------------------------------
 *
 * jsonschema_fuzz.c
 *	  Any two texts as JSON Schemas, and any third as a message: no crash, no
 *	  read outside the input, and what is printed parses again.
 *
 * An input is up to three texts with a zero byte between them.  Patterns match
 * by a coin that the subject tosses: the server's engine is not here.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "common/buf.h"
#include "jsonschema/hostname.h"
#include "jsonschema/instance.h"
#include "jsonschema/jsonschema.h"
#include "jsonschema/pattern.h"

static void *
compile_pattern(const char *pattern, size_t len, DpError *err)
{
	DpBuf		out = {0};
	bool		unicode;
	bool		good = dp_js_pattern_translate(pattern, len, &out, &unicode, err);

	FUZZ_REQUIRE(!good || out.len > 0);
	dp_buf_free(&out);
	return good ? malloc(1) : NULL;
}

static int
match_pattern(void *regex, const char *s, size_t len, DpError *err)
{
	return len > 0 ? s[0] & 1 : 0;
}

static const DpJsRegexEngine engine = {compile_pattern, match_pattern, free};

static bool
see_violation(void *arg, const DpJsViolation *violation)
{
	FUZZ_REQUIRE(strlen(violation->keyword) > 0 && strlen(violation->message) > 0);
	FUZZ_REQUIRE(violation->path[0] == '\0' || violation->path[0] == '/');
	return ++*(int *) arg < 100;
}

static bool
see_difference(void *arg, const DpDifference *difference)
{
	FUZZ_REQUIRE(strncmp(difference->path, "#/", 2) == 0 && strlen(difference->message) > 0);
	return ++*(int *) arg < 100;
}

static bool
see_field(void *arg, const DpSchemaField *field)
{
	FUZZ_REQUIRE(field->name != NULL && field->pg_type != NULL);
	return true;
}

static int	nfields;

/* Of records inside each other there may be very many. */
static bool
few_fields(void *arg, const DpSchemaField *field)
{
	return see_field(arg, field) && ++nfields < 2000;
}

/* Printed, a schema is the same schema. */
static void
check_print(const DpSchema *schema)
{
	DpBuf		once = {0};
	DpBuf		twice = {0};
	DpError		err;
	DpSchema   *again;

	FUZZ_REQUIRE(dp_jsonschema_kind.print(schema, true, &once, &err));
	again = dp_jsonschema_kind.parse(once.data, once.len, NULL, 0, &err);
	if (again != NULL)			/* duplicate keys may change what is meant */
	{
		FUZZ_REQUIRE(dp_jsonschema_kind.print(again, true, &twice, &err));
		FUZZ_REQUIRE(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
		dp_jsonschema_kind.free(again);
	}
	dp_buf_free(&once);
	dp_buf_free(&twice);
}

/* A limit is reached, or the schema asks the same of the same value without end. */
static bool
may_refuse(const DpError *err)
{
	return err->sqlstate[0] == '5' || strcmp(err->sqlstate, DP_SQLSTATE_INVALID_SCHEMA) == 0;
}

static void
read_message(DpSchema *schema, const char *src, size_t len)
{
	DpColumnSpec columns[3] = {{"a", -1, 25 /* text */, -1, false}, {"b", -1, 1700 /* numeric */, -1, false},
		{"c.a", -1, 25, -1, false, true}};
	DpReaderOptions options = {.columns = columns, .ncolumns = 3, .rescue = true};
	DpColumnValue values[4];
	DpMessageReader *reader;
	DpError		err;
	const char *jsonb;
	size_t		size;
	int			violations = 0;
	DpBuf		out = {0};

	reader = dp_jsonschema_kind.reader(schema, &options, &err);
	FUZZ_REQUIRE(reader != NULL);
	jsonb = reader->to_jsonb(reader, src, len, &size, &err);
	if (jsonb != NULL)
	{
		fuzz_check_jsonb(jsonb, size);
		FUZZ_REQUIRE(dp_jsonschema_validate(schema, jsonb, true, see_violation, &violations, &err) ||
					 may_refuse(&err));
		FUZZ_REQUIRE(dp_jsonschema_kind.encode(schema, NULL, jsonb, &out, &err));
	}
	if (reader->to_columns(reader, src, len, values, &err) && !values[3].isnull)
		fuzz_check_jsonb(DatumGetPointer(values[3].value), VARSIZE(DatumGetPointer(values[3].value)));
	reader->free(reader);
	dp_buf_free(&out);
}

/* As SQL's function takes text: strings may hold zero bytes. */
static void
validate_text(const DpSchema *schema, const char *src, size_t len)
{
	DpJsonLimits limits = {
		.max_depth = DP_JSON_MAX_DEPTH_CEILING,
		.max_exponent = DP_JSON_MAX_EXPONENT_CEILING,
		.max_digits = DP_JSON_MAX_DIGITS_CEILING,
		.zero_bytes = true
	};
	DpJsonDecoder *d = dp_json_decoder_create(&limits);
	int			violations = 0;
	size_t		size;
	DpError		err;
	const char *jsonb = dp_json_to_jsonb(d, src, len, &size, &err);

	if (jsonb != NULL)
	{
		DpJsonbItem root = dp_jsonb_root(jsonb);

		fuzz_check_jsonb(jsonb, size);
		FUZZ_REQUIRE(dp_jsonschema_validate(schema, jsonb, true, see_violation, &violations, &err) ||
					 may_refuse(&err));
		if (root.kind == DP_JSONB_STRING && dp_js_is_hostname(root.ptr, root.len, false))
			FUZZ_REQUIRE(dp_js_is_hostname(root.ptr, root.len, true));
	}
	dp_json_decoder_destroy(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	const uint8_t *cut1 = memchr(data, 0, size);
	const uint8_t *cut2 = cut1 ? memchr(cut1 + 1, 0, end - (cut1 + 1)) : NULL;
	size_t		len1 = cut1 ? cut1 - data : size;
	size_t		len2 = cut1 ? (cut2 ? cut2 : end) - (cut1 + 1) : 0;
	size_t		len3 = cut2 ? end - (cut2 + 1) : 0;
	char	   *text1 = fuzz_copy(data, len1);
	char	   *text2 = fuzz_copy(cut1 ? cut1 + 1 : data, len2);
	char	   *text3 = fuzz_copy(cut2 ? cut2 + 1 : data, len3);
	DpSchemaRef ref = {"other.json", text1, len1};
	DpError		err;
	DpSchema   *old;
	DpSchema   *new;
	int			differences = 0;

	dp_jsonschema_regex = &engine;
	old = dp_jsonschema_kind.parse(text1, len1, NULL, 0, &err);
	new = dp_jsonschema_kind.parse(text2, len2, &ref, 1, &err);
	if (old != NULL)
	{
		check_print(old);
		dp_jsonschema_kind.fields(old, NULL, 0, see_field, NULL, &err);
		nfields = 0;
		dp_jsonschema_kind.fields(old, NULL, 32, few_fields, NULL, &err);
		read_message(old, text3, len3);
		validate_text(old, text3, len3);
	}
	if (old != NULL && new != NULL)
	{
		dp_jsonschema_kind.diff(old, old, false, see_difference, &differences, &err);
		FUZZ_REQUIRE(differences == 0);
		dp_jsonschema_kind.diff(old, new, false, see_difference, &differences, &err);
		dp_jsonschema_kind.diff(new, old, true, see_difference, &differences, &err);
		read_message(new, text3, len3);
		validate_text(new, text3, len3);
	}
	if (old != NULL)
		dp_jsonschema_kind.free(old);
	if (new != NULL)
		dp_jsonschema_kind.free(new);
	free(text1);
	free(text2);
	free(text3);
	return 0;
}
