/*-------------------------------------------------------------------------
 *
 * protobuf_decode_fuzz.c
 *	  Any bytes as messages of a schema that has one of everything.
 *
 * The first byte says which message.  What becomes a jsonb must be a sound
 * one, and what is encoded from it must decode to the same again.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "catalog/pg_type_d.h"

#include "protobuf/protobuf.h"

#define MESSAGES 3
#define MAX_COLUMNS 14

static const char schema_text[] =
"syntax = \"proto2\";\n"
"import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/duration.proto\";\n"
"import \"google/protobuf/struct.proto\"; import \"google/protobuf/any.proto\";\n"
"import \"google/protobuf/wrappers.proto\"; import \"google/protobuf/field_mask.proto\";\n"
"import \"confluent/type/decimal.proto\"; import \"google/type/date.proto\";\n"
"message A { optional int32 a=1; optional int64 b=2; optional uint64 c=3; optional sint32 d=4;\n"
"  optional sint64 e=5; optional fixed32 f=6; optional fixed64 g=7; optional float h=8;\n"
"  optional double i=9; optional bool j=10; optional string k=11; optional bytes l=12;\n"
"  optional A m=13; repeated A n=14; repeated int32 o=15; repeated double p=16 [packed=true];\n"
"  map<string, A> q=17; map<int32, E> r=18; optional group G = 19 { optional A x=1; }\n"
"  oneof s { string t=20; A u=21; } optional E v=22; repeated E w=23 [packed=true];\n"
"  extensions 100 to 200; enum E { Z=0; ONE=1; } }\n"
"message W { optional google.protobuf.Timestamp a=1; optional google.protobuf.Duration b=2;\n"
"  optional google.protobuf.Struct c=3; optional google.protobuf.Value d=4;\n"
"  optional google.protobuf.Any e=5; optional google.protobuf.Int64Value f=6;\n"
"  optional google.protobuf.FieldMask g=7; optional confluent.type.Decimal h=8;\n"
"  optional google.type.Date i=9; repeated W j=10; optional google.protobuf.StringValue k=11; }\n"
"message R { required string a=1; required R2 b=2; message R2 { required int32 c=1; } }\n"
"extend A { optional A ext=100; }\n";

static const DpColumnSpec specs[MESSAGES][MAX_COLUMNS] = {
	{{"a", -1, INT4OID, -1}, {"c", -1, NUMERICOID, -1}, {"k", -1, TEXTOID, -1},
	{"l", -1, BYTEAOID, -1}, {"q", -1, JSONBOID, -1}, {"h", -1, FLOAT4OID, -1},
	{"v", -1, TEXTOID, -1}, {"n", -1, JSONOID, -1}, {"i", -1, NUMERICOID, -1},
	{"m.k", -1, TEXTOID, -1, false, true}, {"m.m.l", -1, BYTEAOID, -1, false, true}, {"u.k", -1, TEXTOID, -1, false, true},
	{"u", -1, JSONBOID, -1}, {"g.x.a", -1, INT4OID, -1, false, true}},
	{{"a", -1, TIMESTAMPTZOID, -1}, {"b", -1, INTERVALOID, -1}, {"h", -1, NUMERICOID, -1},
	{"i", -1, DATEOID, -1}, {"f", -1, INT8OID, -1}, {"g", -1, TEXTOID, -1},
	{"d", -1, JSONBOID, -1}, {"c", -1, TEXTOID, -1}, {"k", -1, VARCHAROID, 8}},
	{{"a", -1, TEXTOID, -1}, {"b.c", -1, INT4OID, -1, false, true}},
};
static const int nspecs[MESSAGES] = {14, 9, 2};

static bool
keep(void *arg, const DpDifference *difference)
{
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static DpSchema *schema;
	static DpMessageReader *readers[MESSAGES];
	static DpMessageReader *columns[MESSAGES];
	DpColumnValue values[lengthof(specs[0]) + 1];
	DpMessageReader *reader;
	DpError		err;
	int			which;
	char	   *src;
	size_t		len;
	const char *jsonb;

	if (size == 0)
		return 0;
	if (schema == NULL)
	{
		schema = dp_protobuf_kind.parse(schema_text, strlen(schema_text), NULL, 0, &err);
		FUZZ_REQUIRE(schema != NULL);
		FUZZ_REQUIRE(dp_protobuf_kind.diff(schema, schema, false, keep, NULL, &err));
		for (int i = 0; i < MESSAGES; i++)
		{
			DpReaderOptions options = {.path = {&i, 1}};

			readers[i] = dp_protobuf_kind.reader(schema, &options, &err);
			options.columns = specs[i];
			options.ncolumns = nspecs[i];
			options.rescue = true;
			columns[i] = dp_protobuf_kind.reader(schema, &options, &err);
			FUZZ_REQUIRE(readers[i] != NULL && columns[i] != NULL);
		}
	}
	which = data[0] % MESSAGES;
	src = fuzz_copy(data + 1, size - 1);
	columns[which]->to_columns(columns[which], src, size - 1, values, &err);
	reader = readers[which];
	jsonb = reader->to_jsonb(reader, src, size - 1, &len, &err);
	if (jsonb != NULL)
	{
		DpMessagePath path = {&which, 1};
		DpBuf		first = {0};
		DpBuf		again = {0};

		fuzz_check_jsonb(jsonb, len);

		/* An unknown Any of a known name may not come back; all else does. */
		if (dp_protobuf_kind.encode(schema, &path, jsonb, &first, &err))
		{
			char	   *copy = malloc(len);
			size_t		len2;

			memcpy(copy, jsonb, len);
			jsonb = reader->to_jsonb(reader, first.data ? first.data : "", first.len, &len2, &err);
			FUZZ_REQUIRE(jsonb != NULL);
			FUZZ_REQUIRE(dp_protobuf_kind.encode(schema, &path, jsonb, &again, &err));
			FUZZ_REQUIRE(first.len == again.len &&
						 (first.len == 0 || memcmp(first.data, again.data, first.len) == 0));
			free(copy);
		}
		dp_buf_free(&first);
		dp_buf_free(&again);
	}
	free(src);
	return 0;
}
