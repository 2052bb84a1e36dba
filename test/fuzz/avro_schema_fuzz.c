/*-------------------------------------------------------------------------
 *
 * avro_schema_fuzz.c
 *	  Any text as an Avro schema: what is printed of it is the same schema, and
 *	  a schema has no difference from itself.  A zero byte begins a second one,
 *	  with which the first is compared.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE 1

#include "fuzz.h"

#include "avro/avro.h"

static bool
see_field(void *arg, const DpSchemaField *field)
{
	FUZZ_REQUIRE(strlen(field->name) > 0 && strlen(field->pg_type) > 0);
	return true;
}

static int	nfields;

/* Of records inside each other there may be very many. */
static bool
few_fields(void *arg, const DpSchemaField *field)
{
	return see_field(arg, field) && ++nfields < 2000;
}

static bool
see_difference(void *arg, const DpDifference *difference)
{
	FUZZ_REQUIRE(difference->path[0] == '/' && !difference->compatible);
	++*(int *) arg;
	return true;
}

/*
 * What is printed parses, and prints the same.  Not where a type without a
 * namespace is mentioned inside one: Avro has no way to write that.
 */
static void
check_print(const DpSchema *schema, bool normalize)
{
	DpBuf		once = {0};
	DpBuf		twice = {0};
	DpSchema   *again;
	DpError		err;

	if (dp_avro_kind.print(schema, normalize, &once, &err) &&
		memmem(once.data, once.len, "\"namespace\":\"\"", strlen("\"namespace\":\"\"")) == NULL)
	{
		again = dp_avro_kind.parse(once.data, once.len, NULL, 0, &err);
		FUZZ_REQUIRE(again != NULL);
		FUZZ_REQUIRE(dp_avro_kind.print(again, normalize, &twice, &err));
		FUZZ_REQUIRE(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
		dp_avro_kind.free(again);
	}
	dp_buf_free(&once);
	dp_buf_free(&twice);
}

static void
check_schema(const DpSchema *schema)
{
	unsigned char bytes[DP_AVRO_FINGERPRINT_MAX];
	DpMessageReader *reader;
	DpError		err;
	int			n = 0;

	check_print(schema, false);
	check_print(schema, true);
	dp_avro_fingerprint(schema, DP_AVRO_SHA256, bytes, &err);
	dp_avro_kind.fields(schema, NULL, 0, see_field, NULL, &err);
	nfields = 0;
	dp_avro_kind.fields(schema, NULL, 32, few_fields, NULL, &err);
	if (dp_avro_kind.diff(schema, schema, false, see_difference, &n, &err))
		FUZZ_REQUIRE(n == 0);
	reader = dp_avro_kind.reader(schema, NULL, &err);
	if (reader != NULL)
		reader->free(reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = memchr(data, 0, size);
	size_t		len = zero ? zero - data : size;
	char	   *text = fuzz_copy(data, len);
	DpError		err;
	DpSchema   *schema = dp_avro_kind.parse(text, len, NULL, 0, &err);
	DpSchema   *other;
	int			n = 0;

	free(text);
	if (schema == NULL)
		return 0;
	check_schema(schema);
	if (zero != NULL)
	{
		text = fuzz_copy(zero + 1, size - len - 1);
		other = dp_avro_kind.parse(text, size - len - 1, NULL, 0, &err);
		free(text);
		if (other != NULL)
		{
			dp_avro_kind.diff(schema, other, false, see_difference, &n, &err);
			dp_avro_kind.free(other);
		}
	}
	dp_avro_kind.free(schema);
	return 0;
}
