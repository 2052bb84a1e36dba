/*-------------------------------------------------------------------------
 *
 * avro_bench.c
 *	  Our Avro decoder beside libavro-c, on one record of ten fields.
 *
 * CPU time, the ways in turn, the median of several rounds.  Needs no server:
 *
 *	test/bench/tools/avro_bench.sh
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type_d.h"

#include "avro/avro.h"

#undef printf
#undef fprintf
#undef qsort

#include <avro.h>

#define ROUNDS 9
#define LOOPS 50000

static const char *const schema_text =
"{\"type\":\"record\",\"name\":\"Order\",\"fields\":["
"{\"name\":\"order_id\",\"type\":\"long\"},{\"name\":\"customer\",\"type\":\"string\"},"
"{\"name\":\"status\",\"type\":{\"type\":\"enum\",\"name\":\"Status\",\"symbols\":[\"NEW\",\"PAID\",\"SENT\"]}},"
"{\"name\":\"amount\",\"type\":\"double\"},{\"name\":\"quantity\",\"type\":\"int\"},"
"{\"name\":\"paid\",\"type\":\"boolean\"},{\"name\":\"note\",\"type\":[\"null\",\"string\"]},"
"{\"name\":\"created\",\"type\":\"long\"},{\"name\":\"region\",\"type\":\"string\"},"
"{\"name\":\"weight\",\"type\":\"float\"}]}";

static const DpColumnSpec specs[] = {
	{"order_id", -1, INT8OID, -1, false}, {"customer", -1, TEXTOID, -1, false},
	{"status", -1, TEXTOID, -1, false}, {"amount", -1, FLOAT8OID, -1, false},
	{"quantity", -1, INT4OID, -1, false}, {"paid", -1, BOOLOID, -1, false},
	{"note", -1, TEXTOID, -1, false}, {"created", -1, INT8OID, -1, false},
	{"region", -1, TEXTOID, -1, false}, {"weight", -1, FLOAT4OID, -1, false},
};

static char message[256];
static size_t message_len;
static DpMessageReader *reader;
static avro_value_t value;
static avro_reader_t memory;
static volatile int64_t sink;

static void
ours_columns(void)
{
	DpColumnValue values[lengthof(specs)];
	DpError		err;

	if (!reader->to_columns(reader, message, message_len, values, &err))
		abort();
	sink += values[0].value;
}

static void
ours_jsonb(void)
{
	DpError		err;
	size_t		len;

	if (reader->to_jsonb(reader, message, message_len, &len, &err) == NULL)
		abort();
	sink += len;
}

static void
libavro_read(void)
{
	avro_reader_memory_set_source(memory, message, message_len);
	if (avro_value_read(memory, &value))
		abort();
}

/* Read, and look at every field. */
static void
libavro_walk(void)
{
	libavro_read();
	for (int i = 0; i < 10; i++)
	{
		avro_value_t field;
		avro_value_t branch;
		const char *s;
		size_t		len;
		int64_t		l;
		int			n;
		double		d;
		float		f;

		avro_value_get_by_index(&value, i, &field, NULL);
		if (avro_value_get_type(&field) == AVRO_UNION)
		{
			avro_value_get_current_branch(&field, &branch);
			field = branch;
		}
		switch (avro_value_get_type(&field))
		{
			case AVRO_INT64:
				avro_value_get_long(&field, &l);
				sink += l;
				break;
			case AVRO_STRING:
				avro_value_get_string(&field, &s, &len);
				sink += len;
				break;
			case AVRO_ENUM:
				avro_value_get_enum(&field, &n);
				sink += n;
				break;
			case AVRO_DOUBLE:
				avro_value_get_double(&field, &d);
				sink += d;
				break;
			case AVRO_FLOAT:
				avro_value_get_float(&field, &f);
				sink += f;
				break;
			case AVRO_INT32:
				avro_value_get_int(&field, &n);
				sink += n;
				break;
			case AVRO_BOOLEAN:
				avro_value_get_boolean(&field, &n);
				sink += n;
				break;
			default:
				break;
		}
	}
}

/* What jsonb_in would have to parse then. */
static void
libavro_json(void)
{
	char	   *json;

	libavro_read();
	if (avro_value_to_json(&value, 1, &json))
		abort();
	sink += strlen(json);
	free(json);
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static int
compare(const void *a, const void *b)
{
	double		d = *(const double *) a - *(const double *) b;

	return d < 0 ? -1 : d > 0;
}

static void
prepare(void)
{
	DpReaderOptions options = {.columns = specs,.ncolumns = lengthof(specs)};
	DpError		err;
	DpSchema   *schema = dp_avro_kind.parse(schema_text, strlen(schema_text), NULL, 0, &err);
	avro_schema_t other;
	avro_writer_t writer = avro_writer_memory(message, sizeof(message));
	avro_value_t field;
	avro_value_t branch;

	if (schema == NULL || avro_schema_from_json_length(schema_text, strlen(schema_text), &other))
		abort();
	reader = dp_avro_kind.reader(schema, &options, &err);
	avro_generic_value_new(avro_generic_class_from_schema(other), &value);
	avro_value_get_by_index(&value, 0, &field, NULL);
	avro_value_set_long(&field, 123456789);
	avro_value_get_by_index(&value, 1, &field, NULL);
	avro_value_set_string(&field, "customer-0012345");
	avro_value_get_by_index(&value, 2, &field, NULL);
	avro_value_set_enum(&field, 1);
	avro_value_get_by_index(&value, 3, &field, NULL);
	avro_value_set_double(&field, 1234.56);
	avro_value_get_by_index(&value, 4, &field, NULL);
	avro_value_set_int(&field, 42);
	avro_value_get_by_index(&value, 5, &field, NULL);
	avro_value_set_boolean(&field, 1);
	avro_value_get_by_index(&value, 6, &field, NULL);
	avro_value_set_branch(&field, 1, &branch);
	avro_value_set_string(&branch, "leave it at the neighbour's");
	avro_value_get_by_index(&value, 7, &field, NULL);
	avro_value_set_long(&field, INT64_C(1700000000123));
	avro_value_get_by_index(&value, 8, &field, NULL);
	avro_value_set_string(&field, "eu-west");
	avro_value_get_by_index(&value, 9, &field, NULL);
	avro_value_set_float(&field, 2.5f);
	if (reader == NULL || avro_value_write(writer, &value))
		abort();
	message_len = avro_writer_tell(writer);
	memory = avro_reader_memory(message, message_len);
}

int
main(void)
{
	static const struct
	{
		const char *name;
		void		(*run) (void);
	}			ways[] = {
		{"ours to columns", ours_columns}, {"ours to jsonb", ours_jsonb}, {"libavro read", libavro_read},
		{"libavro read and walk", libavro_walk}, {"libavro to JSON text", libavro_json}
	};
	double		times[lengthof(ways)][ROUNDS];

	prepare();
	for (int round = 0; round < ROUNDS; round++)
	{
		for (int i = 0; i < lengthof(ways); i++)
		{
			double		start = cpu_seconds();

			for (int n = 0; n < LOOPS; n++)
				ways[i].run();
			times[i][round] = (cpu_seconds() - start) / LOOPS * 1e9;
		}
	}
	printf("%zu bytes, ns of CPU each, median of %d rounds\n", message_len, ROUNDS);
	for (int i = 0; i < lengthof(ways); i++)
	{
		qsort(times[i], ROUNDS, sizeof(double), compare);
		printf("%-24s %8.1f\n", ways[i].name, times[i][ROUNDS / 2]);
	}
	return 0;
}
