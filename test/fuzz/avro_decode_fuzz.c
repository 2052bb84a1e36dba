/*-------------------------------------------------------------------------
 *
 * avro_decode_fuzz.c
 *	  Any bytes as a message of any schema.
 *
 * The input is the writer's schema, a zero byte, the reader's schema (nothing:
 * the same), a zero byte, the message.  What decodes must be a sound jsonb,
 * and where writer and reader are the same the jsonb must encode, to bytes
 * that decode to it again.  A column gets the same value by the short way for
 * its type as by the long one, which a second column of its field asks for.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "catalog/pg_type_d.h"

#include "avro/avro.h"

static const DpColumnSpec specs[] = {
	{"a", -1, INT4OID, -1, false},
	{"a", -1, TEXTOID, -1, false},
	{"b", -1, TEXTOID, -1, false},
	{"c", -1, INT8OID, -1, false},
	{"d", -1, NUMERICOID, -1, false},
	{"e", -1, TIMESTAMPTZOID, -1, false},
	{"f", -1, FLOAT8OID, -1, false},
	{"g", -1, BYTEAOID, -1, false},
	{"h", -1, JSONBOID, -1, false},
	{"i", -1, JSONOID, -1, false},
	{"j", -1, UUIDOID, -1, false},
	{"k", -1, BOOLOID, -1, false},
	{"l", -1, INTERVALOID, -1, false},
	{"m", -1, DATEOID, -1, false},
	{"n", -1, INT2OID, -1, false},
	{"o", -1, FLOAT4OID, -1, false},
	{"p", -1, TIMEOID, -1, false},
	{"q", -1, TEXTOID, -1, false},
	{"h.a", -1, TEXTOID, -1, false, true},
	{"r.a", -1, TEXTOID, -1, false, true},
	{"r.b", -1, INT8OID, -1, false, true},
	{"r.r.a", -1, NUMERICOID, -1, false, true},
	{"r.r.h", -1, JSONBOID, -1, false, true},
};

/* Each once more. */
static DpColumnSpec twins[2 * lengthof(specs)];

static volatile unsigned sink;

static void
touch_value(Oid type, const DpColumnValue *value)
{
	const char *p = DatumGetPointer(value->value);
	size_t		len = 0;

	if (value->isnull)
		return;
	if (value->deferred)
	{
		FUZZ_REQUIRE(strlen(value->text) == value->textlen);
		return;
	}
	if (type == TEXTOID || type == NUMERICOID || type == BYTEAOID || type == JSONBOID || type == JSONOID)
		len = VARSIZE_ANY(p);
	if (type == UUIDOID || type == INTERVALOID)
		len = 16;
	for (size_t i = 0; i < len; i++)
		sink += p[i];
	if (type == JSONBOID)
		fuzz_check_jsonb(p, VARSIZE(p));
}

/* Bytes of a value, in *raw when it is none that points. */
static const char *
value_bytes(Oid type, const DpColumnValue *value, Datum *raw, size_t *len)
{
	const char *p = DatumGetPointer(value->value);

	*raw = value->value;
	*len = sizeof(*raw);
	switch (type)
	{
		case TEXTOID:
		case NUMERICOID:
		case BYTEAOID:
		case JSONBOID:
		case JSONOID:
			*len = VARSIZE_ANY_EXHDR(p);
			return VARDATA_ANY(p);
		case UUIDOID:
		case INTERVALOID:
			*len = 16;
			return p;
		default:
			return (const char *) raw;
	}
}

static void
compare_values(Oid type, const DpColumnValue *value, const DpColumnValue *twin)
{
	Datum		raw[2];
	size_t		len[2];
	const char *bytes[2];

	FUZZ_REQUIRE(value->isnull == twin->isnull);
	if (value->isnull || value->deferred || twin->deferred)
		return;
	bytes[0] = value_bytes(type, value, &raw[0], &len[0]);
	bytes[1] = value_bytes(type, twin, &raw[1], &len[1]);
	if (type == FLOAT8OID)		/* a float's text may be nearer to another double */
	{
		float8		a = DatumGetFloat8(raw[0]);
		float8		b = DatumGetFloat8(raw[1]);

		FUZZ_REQUIRE((float4) a == (float4) b || (a != a && b != b));
		return;
	}
	FUZZ_REQUIRE(len[0] == len[1] && memcmp(bytes[0], bytes[1], len[0]) == 0);
}

/* Read again by the long way.  It may refuse what has no spelling, as years after 9999. */
static void
check_twins(const DpSchema *writer, const DpSchema *other, const char *src, size_t len,
			const DpColumnValue *values)
{
	DpReaderOptions options = {.reader = other,.columns = twins,.ncolumns = lengthof(twins),.rescue = true};
	DpColumnValue others[lengthof(twins) + 1];
	DpError		err;
	DpMessageReader *reader;

	for (int i = 0; i < lengthof(twins); i++)
		twins[i] = specs[i % lengthof(specs)];
	reader = dp_avro_kind.reader(writer, &options, &err);
	FUZZ_REQUIRE(reader != NULL);
	if (reader->to_columns(reader, src, len, others, &err))
	{
		bool		deferred = false;	/* it may be refused yet */

		for (int i = 0; i < lengthof(specs); i++)
		{
			deferred |= others[i].deferred;
			if (values != NULL)
				compare_values(specs[i].type, &values[i], &others[i]);
		}
		FUZZ_REQUIRE(values != NULL || deferred);
	}
	reader->free(reader);
}

static void
check_columns(const DpSchema *writer, const DpSchema *other, const char *src, size_t len)
{
	DpReaderOptions options = {.reader = other,.columns = specs,.ncolumns = lengthof(specs),.rescue = true};
	DpColumnValue values[lengthof(specs) + 1];
	DpError		err;
	DpMessageReader *reader = dp_avro_kind.reader(writer, &options, &err);
	bool		good;

	if (reader == NULL)
		return;
	good = reader->to_columns(reader, src, len, values, &err);
	check_twins(writer, other, src, len, good ? values : NULL);
	if (good)
	{
		for (int i = 0; i < lengthof(specs); i++)
			touch_value(specs[i].type, &values[i]);
		touch_value(JSONBOID, &values[lengthof(specs)]);
	}
	reader->free(reader);
}

/* Encode what was decoded, and decode it again. */
static void
check_encode(const DpSchema *schema, DpMessageReader *reader, const char *jsonb, size_t len)
{
	char	   *copy = fuzz_copy((const uint8_t *) jsonb, len);
	DpBuf		out = {0};
	DpError		err;
	size_t		again_len;
	const char *again;

	if (dp_avro_kind.encode(schema, NULL, copy, &out, &err))
	{
		again = reader->to_jsonb(reader, out.data ? out.data : "", out.len, &again_len, &err);
		FUZZ_REQUIRE(again != NULL);
		FUZZ_REQUIRE(again_len == len && memcmp(again, copy, len) == 0);
	}
	else
		FUZZ_REQUIRE(strcmp(err.sqlstate, "54000") == 0 || strcmp(err.sqlstate, "22003") == 0);
	dp_buf_free(&out);
	free(copy);
}

static DpSchema *
parse(const uint8_t *data, size_t size)
{
	char	   *text = fuzz_copy(data, size);
	DpError		err;
	DpSchema   *schema = dp_avro_kind.parse(text, size, NULL, 0, &err);

	free(text);
	return schema;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	const uint8_t *first = memchr(data, 0, size);
	const uint8_t *second = first ? memchr(first + 1, 0, end - first - 1) : NULL;
	DpSchema   *writer;
	DpSchema   *other = NULL;
	DpReaderOptions options = {0};
	DpMessageReader *reader;
	DpError		err;
	char	   *src;
	size_t		len;
	size_t		outlen;
	const char *jsonb;

	if (second == NULL || (writer = parse(data, first - data)) == NULL)
		return 0;
	if (second > first + 1)
		options.reader = other = parse(first + 1, second - first - 1);
	len = end - second - 1;
	src = fuzz_copy(second + 1, len);
	reader = dp_avro_kind.reader(writer, &options, &err);
	if (reader != NULL)
	{
		jsonb = reader->to_jsonb(reader, src, len, &outlen, &err);
		if (jsonb != NULL)
		{
			fuzz_check_jsonb(jsonb, outlen);
			if (other == NULL)
				check_encode(writer, reader, jsonb, outlen);
		}
		reader->free(reader);
	}
	check_columns(writer, other, src, len);
	free(src);
	dp_avro_kind.free(writer);
	dp_avro_kind.free(other);
	return 0;
}
