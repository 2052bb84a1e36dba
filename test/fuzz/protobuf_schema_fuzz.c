/*-------------------------------------------------------------------------
 *
 * protobuf_schema_fuzz.c
 *	  Any text as a .proto file; behind a zero byte, any bytes as a descriptor.
 *
 * What is accepted must print to something that is accepted and prints the
 * same, differ from itself in nothing, and survive as a descriptor.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "protobuf/model.h"
#include "protobuf/protobuf.h"

static bool
no_difference(void *arg, const DpDifference *difference)
{
	FUZZ_REQUIRE(!"a schema differs from itself");
	return false;
}

static bool
any_difference(void *arg, const DpDifference *difference)
{
	FUZZ_REQUIRE(difference->type != NULL && strlen(difference->path) > 0 &&
				 strlen(difference->message) > 0);
	return true;
}

static bool
any_field(void *arg, const DpSchemaField *field)
{
	FUZZ_REQUIRE(strlen(field->name) > 0 && strlen(field->pg_type) > 0);
	return true;
}

static int	nfields;

/* Of records inside each other there may be very many. */
static bool
few_fields(void *arg, const DpSchemaField *field)
{
	return any_field(arg, field) && ++nfields < 2000;
}

static void
check_printed(const DpSchema *schema, bool normalize, bool set)
{
	DpBuf		once = {0};
	DpBuf		twice = {0};
	DpSchema   *again;
	DpError		err;

	FUZZ_REQUIRE(dp_protobuf_kind.print(schema, normalize, &once, &err));
	again = dp_protobuf_kind.parse(once.data ? once.data : "", once.len, NULL, 0, &err);

	/* Printing leaves out the imports that came along in a set. */
	FUZZ_REQUIRE(again != NULL || err.sqlstate[0] == '5' || set);
	if (again != NULL)
	{
		FUZZ_REQUIRE(dp_protobuf_kind.print(again, normalize, &twice, &err));
		FUZZ_REQUIRE(once.len == twice.len &&
					 (once.len == 0 || memcmp(once.data, twice.data, once.len) == 0));
	}
	dp_protobuf_kind.free(again);
	dp_buf_free(&once);
	dp_buf_free(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static DpSchema *before;
	DpSchema   *schema;
	DpBuf		text = {0};
	DpBuf		serialized = {0};
	DpError		err;
	char	   *src = fuzz_copy(data, size);

	if (size > 0 && data[0] == 0)
		dp_pb_base64_encode(src + 1, size - 1, &text);
	else
		dp_buf_append(&text, src, size);
	schema = dp_protobuf_kind.parse(text.data ? text.data : "", text.len, NULL, 0, &err);
	if (schema != NULL)
	{
		DpReaderOptions none = {0};
		DpMessageReader *reader;

		check_printed(schema, false, src[0] == 0);
		check_printed(schema, true, src[0] == 0);
		FUZZ_REQUIRE(dp_protobuf_kind.diff(schema, schema, false, no_difference, NULL, &err));
		if (before != NULL)
			FUZZ_REQUIRE(dp_protobuf_kind.diff(before, schema, false, any_difference, NULL, &err));
		dp_protobuf_kind.fields(schema, NULL, 0, any_field, NULL, &err);
		nfields = 0;
		dp_protobuf_kind.fields(schema, NULL, 32, few_fields, NULL, &err);
		dp_protobuf_kind.full_name(schema, NULL);
		FUZZ_REQUIRE(dp_protobuf_serialized(schema, &serialized, &err));
		reader = dp_protobuf_kind.reader(schema, &none, &err);
		if (reader != NULL)
		{
			size_t		len;

			reader->to_jsonb(reader, src, size, &len, &err);
			reader->free(reader);
		}
		dp_protobuf_kind.free(before);
		before = schema;
	}
	dp_buf_free(&text);
	dp_buf_free(&serialized);
	free(src);
	return 0;
}
