/*-------------------------------------------------------------------------
 *
 * columns_fuzz.c
 *	  Any bytes to typed columns, as JSON or (by the first byte) as CSV.
 *
 * A message that the jsonb decoder refuses must not become a row, and what
 * the columns hold must lie in readable memory.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "catalog/pg_type_d.h"

#include "formats/columns.h"

#define NUMERIC_TYPMOD(p, s) (((p) << 16 | ((s) & 0x7ff)) + VARHDRSZ)

static const DpColumnSpec specs[] = {
	{"b", 0, BOOLOID, -1, false},
	{"s", 1, INT2OID, -1, false},
	{"i", 2, INT4OID, -1, false},
	{"l", 3, INT8OID, -1, false},
	{"f", 4, FLOAT4OID, -1, false},
	{"d", 5, FLOAT8OID, -1, false},
	{"n", 6, NUMERICOID, -1, false},
	{"m", 7, NUMERICOID, NUMERIC_TYPMOD(6, 2), false},
	{"o", 8, NUMERICOID, NUMERIC_TYPMOD(3, -2), false},
	{"t", 9, TEXTOID, -1, false},
	{"v", 10, VARCHAROID, VARHDRSZ + 3, false},
	{"c", 11, BPCHAROID, VARHDRSZ + 5, false},
	{"day", 12, DATEOID, -1, false},
	{"ts", 13, TIMESTAMPOID, -1, false},
	{"tz", 14, TIMESTAMPTZOID, 3, false},
	{"u", 15, UUIDOID, -1, false},
	{"j", 16, JSONOID, -1, false},
	{"jb", 17, JSONBOID, -1, false},
	{"x", 18, BYTEAOID, -1, false},
	{"t", 2, JSONBOID, -1, false},
	{NULL, 0, TEXTOID, -1, false},
	{"r.t", -1, TEXTOID, -1, false, true},
	{"r.t", -1, NUMERICOID, -1, false, true},
	{"r.r.i", -1, INT4OID, -1, false, true},
	{"r.r", -1, JSONBOID, -1, false, true},
	{"jb.jb.t", -1, TEXTOID, -1, false, true},
};

static volatile unsigned sink;

static void
touch(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sink += ((const unsigned char *) p)[i];
}

/* Read all that a value points to. */
static void
touch_value(const DpColumnSpec *spec, const DpColumnValue *value)
{
	const char *p = DatumGetPointer(value->value);

	if (value->isnull)
		return;
	if (value->deferred)
	{
		touch(value->text, value->textlen + 1);
		FUZZ_REQUIRE(strlen(value->text) == value->textlen);
	}
	else if (spec->type == UUIDOID)
		touch(p, 16);
	else if (spec->type == NUMERICOID || spec->type == JSONOID ||
			 spec->type == JSONBOID || spec->type == TEXTOID ||
			 spec->type == VARCHAROID || spec->type == BPCHAROID)
		touch(p, VARSIZE_ANY(p));
	if (!value->deferred && spec->type == JSONBOID)
		fuzz_check_jsonb(p, VARSIZE(p));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const DpCsvStyle style = {',', '"', "NULL"};
	static DpColumnProgram *program;
	static DpJsonDecoder *d;
	DpColumnValue values[lengthof(specs)];
	DpError		err;
	DpError		json_err;
	size_t		len;
	char	   *src;
	bool		good;

	if (size == 0)
		return 0;
	if (program == NULL)
	{
		program = dp_columns_compile(specs, lengthof(specs), NULL);
		d = dp_json_decoder_create(NULL);
	}
	src = fuzz_copy(data + 1, size - 1);
	if (data[0] == ',')
		good = dp_csv_to_columns(program, src, size - 1, &style, values, &err);
	else
	{
		good = dp_json_to_columns(program, src, size - 1, values, &err);
		if (dp_json_to_jsonb(d, src, size - 1, &len, &json_err) == NULL)
			FUZZ_REQUIRE(!good);
	}
	for (int i = 0; good && i < lengthof(specs); i++)
		touch_value(&specs[i], &values[i]);
	free(src);
	return 0;
}
