/*-------------------------------------------------------------------------
 *
 * avro_bench.c
 *	  Our Avro decoder beside libavro-c, on records of several kinds.
 *
 * CPU time, the ways in turn; of each way the fastest of several rounds, as
 * what comes between makes it only slower, and of their ratios the median.
 * Needs no server:
 *
 *	test/bench/tools/avro_bench.sh [ROUNDS [KIND]]
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type_d.h"

#include "avro/avro.h"

#undef printf
#undef fprintf
#undef snprintf
#undef qsort

#include <avro.h>

#define MAX_ROUNDS 101
#define DECODED 20000			/* messages of a way in a round */
#define MAX_MESSAGES 64
#define MAX_MESSAGE 4096		/* bytes */
#define MAX_COLUMNS 64

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define LOGICAL(type, rest) "{\"type\":\"" type "\",\"logicalType\":" rest "}"
#define MAYBE(type) "[\"null\"," type "]"
#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"

typedef struct Kind
{
	const char *name;
	int			nmessages;		/* different ones, in turn */
	const char *schema;
} Kind;

static const Kind kinds[] = {
	{"ten fields, always the same record", 1,
		RECORD(FIELD("order_id", "\"long\"") "," FIELD("customer", "\"string\"") ","
			   FIELD("status", "{\"type\":\"enum\",\"name\":\"Status\",\"symbols\":[\"NEW\",\"PAID\",\"SENT\"]}") ","
			   FIELD("amount", "\"double\"") "," FIELD("quantity", "\"int\"") "," FIELD("paid", "\"boolean\"") ","
			   FIELD("note", MAYBE("\"string\"")) "," FIELD("created", "\"long\"") ","
			   FIELD("region", "\"string\"") "," FIELD("weight", "\"float\""))},
	{"ten fields", MAX_MESSAGES,
		RECORD(FIELD("order_id", "\"long\"") "," FIELD("customer", "\"string\"") ","
			   FIELD("status", "{\"type\":\"enum\",\"name\":\"Status\",\"symbols\":[\"NEW\",\"PAID\",\"SENT\"]}") ","
			   FIELD("amount", "\"double\"") "," FIELD("quantity", "\"int\"") "," FIELD("paid", "\"boolean\"") ","
			   FIELD("note", MAYBE("\"string\"")) "," FIELD("created", "\"long\"") ","
			   FIELD("region", "\"string\"") "," FIELD("weight", "\"float\""))},
	{"eight strings", MAX_MESSAGES,
		RECORD(FIELD("a", "\"string\"") "," FIELD("b", "\"string\"") "," FIELD("c", "\"string\"") ","
			   FIELD("d", "\"string\"") "," FIELD("e", "\"string\"") "," FIELD("f", "\"string\"") ","
			   FIELD("g", "\"string\"") "," FIELD("h", "\"string\""))},
	{"twelve that may be null", MAX_MESSAGES,
		RECORD(FIELD("a", MAYBE("\"long\"")) "," FIELD("b", MAYBE("\"string\"")) "," FIELD("c", MAYBE("\"double\"")) ","
			   FIELD("d", MAYBE("\"long\"")) "," FIELD("e", MAYBE("\"string\"")) "," FIELD("f", MAYBE("\"boolean\"")) ","
			   FIELD("g", MAYBE("\"int\"")) "," FIELD("h", MAYBE("\"string\"")) "," FIELD("i", MAYBE("\"float\"")) ","
			   FIELD("j", MAYBE("\"int\"")) "," FIELD("k", MAYBE("\"string\"")) "," FIELD("l", MAYBE("\"long\"")))},
	{"twenty numbers", MAX_MESSAGES,
		RECORD(FIELD("a", "\"long\"") "," FIELD("b", "\"int\"") "," FIELD("c", "\"double\"") "," FIELD("d", "\"float\"") ","
			   FIELD("e", "\"long\"") "," FIELD("f", "\"int\"") "," FIELD("g", "\"double\"") "," FIELD("h", "\"float\"") ","
			   FIELD("i", "\"long\"") "," FIELD("j", "\"int\"") "," FIELD("k", "\"double\"") "," FIELD("l", "\"float\"") ","
			   FIELD("m", "\"long\"") "," FIELD("n", "\"int\"") "," FIELD("o", "\"double\"") "," FIELD("p", "\"float\"") ","
			   FIELD("q", "\"long\"") "," FIELD("r", "\"int\"") "," FIELD("s", "\"double\"") "," FIELD("t", "\"boolean\""))},
	{"logical types", MAX_MESSAGES,
		RECORD(FIELD("a", LOGICAL("long", "\"timestamp-millis\"")) "," FIELD("b", LOGICAL("long", "\"timestamp-micros\"")) ","
			   FIELD("c", LOGICAL("int", "\"date\"")) "," FIELD("d", LOGICAL("int", "\"time-millis\"")) ","
			   FIELD("e", LOGICAL("bytes", "\"decimal\",\"precision\":18,\"scale\":2")) ","
			   FIELD("f", MAYBE(LOGICAL("bytes", "\"decimal\",\"precision\":15,\"scale\":4"))) ","
			   FIELD("g", MAYBE(LOGICAL("long", "\"timestamp-millis\""))) "," FIELD("h", "\"long\""))},
	{"an array, a map and a record", MAX_MESSAGES,
		RECORD(FIELD("id", "\"long\"") "," FIELD("name", "\"string\"") ","
			   FIELD("lines", "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Line\",\"fields\":["
					 FIELD("sku", "\"string\"") "," FIELD("n", "\"int\"") "," FIELD("price", "\"double\"") "]}}") ","
			   FIELD("tags", "{\"type\":\"map\",\"values\":\"string\"}") ","
			   FIELD("address", "{\"type\":\"record\",\"name\":\"Address\",\"fields\":["
					 FIELD("street", "\"string\"") "," FIELD("city", "\"string\"") "," FIELD("zip", MAYBE("\"string\"")) "]}"))},
};

static const struct
{
	const char *name;
	Oid			type;
}			types[] = {
	{"bigint", INT8OID}, {"integer", INT4OID}, {"real", FLOAT4OID}, {"double precision", FLOAT8OID},
	{"boolean", BOOLOID}, {"text", TEXTOID}, {"bytea", BYTEAOID}, {"jsonb", JSONBOID}, {"date", DATEOID},
	{"time without time zone", TIMEOID}, {"timestamp with time zone", TIMESTAMPTZOID}
};

static DpColumnSpec specs[MAX_COLUMNS];
static int	nspecs;
static char messages[MAX_MESSAGES][MAX_MESSAGE];
static size_t lens[MAX_MESSAGES];
static char *exact[MAX_MESSAGES];	/* with nothing behind it */
static DpMessageReader *reader;
static avro_value_t value;
static avro_reader_t memory;
static volatile int64_t sink;
static uint64 random_state = 1;

/* ------------------------------------------------------------------ values */

static uint32
random_below(uint32 n)
{
	random_state = random_state * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	return (uint32) ((random_state >> 33) % n);
}

static void
random_text(char *out, int max)
{
	int			len = random_below(max) + 1;

	for (int i = 0; i < len; i++)
		out[i] = 'a' + random_below(26);
	out[len] = '\0';
}

static void
fill(avro_value_t *v)
{
	char		text[64];
	size_t		n;
	avro_value_t child;

	switch (avro_value_get_type(v))
	{
		case AVRO_BOOLEAN:
			avro_value_set_boolean(v, random_below(2));
			break;
		case AVRO_INT32:
			avro_value_set_int(v, random_below(random_below(2) ? 100 : 20000));
			break;
		case AVRO_INT64:
			avro_value_set_long(v, random_below(2) ? (int64_t) random_below(1000000) :
								INT64_C(1700000000123) + random_below(1000000000));
			break;
		case AVRO_FLOAT:
			avro_value_set_float(v, random_below(10000) / 4.0f);
			break;
		case AVRO_DOUBLE:
			avro_value_set_double(v, random_below(1000000) / 100.0);
			break;
		case AVRO_STRING:
			random_text(text, 32);
			avro_value_set_string(v, text);
			break;
		case AVRO_BYTES:
			random_text(text, 5);
			avro_value_set_bytes(v, text, strlen(text));
			break;
		case AVRO_ENUM:
			avro_value_set_enum(v, random_below(avro_schema_enum_number_of_symbols(avro_value_get_schema(v))));
			break;
		case AVRO_ARRAY:
			for (int i = random_below(5); i > 0; i--)
			{
				avro_value_append(v, &child, NULL);
				fill(&child);
			}
			break;
		case AVRO_MAP:
			for (int i = random_below(5); i > 0; i--)
			{
				random_text(text, 8);
				avro_value_add(v, text, &child, NULL, NULL);
				fill(&child);
			}
			break;
		case AVRO_UNION:
			avro_value_set_branch(v, random_below(5) > 0, &child);
			fill(&child);
			break;
		case AVRO_RECORD:
			avro_value_get_size(v, &n);
			for (size_t i = 0; i < n; i++)
			{
				avro_value_get_by_index(v, i, &child, NULL);
				fill(&child);
			}
			break;
		case AVRO_NULL:
			avro_value_set_null(v);
			break;
		default:
			abort();
	}
}

/* The one record that figures were always given of. */
static void
fill_first(avro_value_t *v)
{
	avro_value_t field;
	avro_value_t branch;

	avro_value_get_by_index(v, 0, &field, NULL);
	avro_value_set_long(&field, 123456789);
	avro_value_get_by_index(v, 1, &field, NULL);
	avro_value_set_string(&field, "customer-0012345");
	avro_value_get_by_index(v, 2, &field, NULL);
	avro_value_set_enum(&field, 1);
	avro_value_get_by_index(v, 3, &field, NULL);
	avro_value_set_double(&field, 1234.56);
	avro_value_get_by_index(v, 4, &field, NULL);
	avro_value_set_int(&field, 42);
	avro_value_get_by_index(v, 5, &field, NULL);
	avro_value_set_boolean(&field, 1);
	avro_value_get_by_index(v, 6, &field, NULL);
	avro_value_set_branch(&field, 1, &branch);
	avro_value_set_string(&branch, "leave it at the neighbour's");
	avro_value_get_by_index(v, 7, &field, NULL);
	avro_value_set_long(&field, INT64_C(1700000000123));
	avro_value_get_by_index(v, 8, &field, NULL);
	avro_value_set_string(&field, "eu-west");
	avro_value_get_by_index(v, 9, &field, NULL);
	avro_value_set_float(&field, 2.5f);
}

/* -------------------------------------------------------------------- ways */

static void
ours_columns(int i)
{
	DpColumnValue values[MAX_COLUMNS];
	DpError		err;

	if (!reader->to_columns(reader, exact[i], lens[i], values, &err))
		abort();
	sink += values[0].value;
}

static void
ours_jsonb(int i)
{
	DpError		err;
	size_t		len;

	if (reader->to_jsonb(reader, exact[i], lens[i], &len, &err) == NULL)
		abort();
	sink += len;
}

static void
libavro_read(int i)
{
	avro_reader_memory_set_source(memory, exact[i], lens[i]);
	if (avro_value_read(memory, &value))
		abort();
}

/* Look at every value. */
static void
walk(avro_value_t *v)
{
	avro_value_t child;
	const char *s;
	const void *bytes;
	size_t		len;
	int64_t		l;
	int			n;
	double		d;
	float		f;

	switch (avro_value_get_type(v))
	{
		case AVRO_INT64:
			avro_value_get_long(v, &l);
			sink += l;
			break;
		case AVRO_STRING:
			avro_value_get_string(v, &s, &len);
			sink += len;
			break;
		case AVRO_BYTES:
			avro_value_get_bytes(v, &bytes, &len);
			sink += len;
			break;
		case AVRO_ENUM:
			avro_value_get_enum(v, &n);
			sink += n;
			break;
		case AVRO_DOUBLE:
			avro_value_get_double(v, &d);
			sink += d;
			break;
		case AVRO_FLOAT:
			avro_value_get_float(v, &f);
			sink += f;
			break;
		case AVRO_INT32:
			avro_value_get_int(v, &n);
			sink += n;
			break;
		case AVRO_BOOLEAN:
			avro_value_get_boolean(v, &n);
			sink += n;
			break;
		case AVRO_UNION:
			avro_value_get_current_branch(v, &child);
			walk(&child);
			break;
		case AVRO_RECORD:
		case AVRO_ARRAY:
		case AVRO_MAP:
			avro_value_get_size(v, &len);
			for (size_t i = 0; i < len; i++)
			{
				avro_value_get_by_index(v, i, &child, NULL);
				walk(&child);
			}
			break;
		default:
			break;
	}
}

static void
libavro_walk(int i)
{
	libavro_read(i);
	walk(&value);
}

/* What jsonb_in would have to parse then. */
static void
libavro_json(int i)
{
	char	   *json;

	libavro_read(i);
	if (avro_value_to_json(&value, 1, &json))
		abort();
	sink += strlen(json);
	free(json);
}

static const struct
{
	const char *name;
	void		(*run) (int i);
}			ways[] = {
	{"ours to columns", ours_columns}, {"ours to jsonb", ours_jsonb}, {"libavro read", libavro_read},
	{"libavro read and walk", libavro_walk}, {"libavro to JSON text", libavro_json}
};

/* ------------------------------------------------------------------- rounds */

static bool
add_column(void *arg, const DpSchemaField *field)
{
	DpColumnSpec spec = {strdup(field->name), -1, NUMERICOID, -1, false};

	for (int i = 0; i < lengthof(types); i++)
	{
		if (strcmp(types[i].name, field->pg_type) == 0)
			spec.type = types[i].type;
	}
	specs[nspecs++] = spec;
	return true;
}

static void
prepare(const Kind *kind)
{
	DpReaderOptions options = {.columns = specs};
	DpMessagePath path = {NULL, 0};
	DpError		err;
	DpSchema   *schema = dp_avro_kind.parse(kind->schema, strlen(kind->schema), NULL, 0, &err);
	avro_schema_t other;

	nspecs = 0;
	if (schema == NULL || avro_schema_from_json_length(kind->schema, strlen(kind->schema), &other) ||
		!dp_avro_kind.fields(schema, &path, add_column, NULL, &err))
		abort();
	options.ncolumns = nspecs;
	reader = dp_avro_kind.reader(schema, &options, &err);
	if (reader == NULL)
		abort();
	avro_generic_value_new(avro_generic_class_from_schema(other), &value);
	for (int i = 0; i < kind->nmessages; i++)
	{
		avro_writer_t writer = avro_writer_memory(messages[i], MAX_MESSAGE);

		avro_value_reset(&value);
		if (kind->nmessages == 1)
			fill_first(&value);
		else
			fill(&value);
		if (avro_value_write(writer, &value))
			abort();
		lens[i] = avro_writer_tell(writer);
		exact[i] = malloc(lens[i]);
		memcpy(exact[i], messages[i], lens[i]);
		avro_writer_free(writer);
	}
	memory = avro_reader_memory(exact[0], lens[0]);
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

static double
ratio(double times[lengthof(ways)][MAX_ROUNDS], int a, int b, int rounds)
{
	double		ratios[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++)
		ratios[i] = times[a][i] / times[b][i];
	qsort(ratios, rounds, sizeof(double), compare);
	return ratios[rounds / 2];
}

static void
measure(const Kind *kind, int rounds)
{
	double		times[lengthof(ways)][MAX_ROUNDS];
	double		best[lengthof(ways)];
	size_t		bytes = 0;

	for (int i = 0; i < kind->nmessages; i++)
		bytes += lens[i];
	for (int round = 0; round < rounds; round++)
	{
		for (int i = 0; i < lengthof(ways); i++)
		{
			double		start = cpu_seconds();
			double		spent;

			for (int n = 0; n < DECODED; n++)
				ways[i].run(n % kind->nmessages);
			spent = (cpu_seconds() - start) / DECODED * 1e9;
			times[i][round] = spent;
			best[i] = round == 0 ? spent : Min(best[i], spent);
		}
	}
	printf("%s: %zu bytes, ns of CPU each, the best of %d rounds\n", kind->name,
		   bytes / kind->nmessages, rounds);
	for (int i = 0; i < lengthof(ways); i++)
		printf("  %-24s %8.1f\n", ways[i].name, best[i]);
	printf("  to columns %.1f x as fast as read and walk, %.1f x read; to jsonb %.1f x JSON text\n",
		   ratio(times, 3, 0, rounds), ratio(times, 2, 0, rounds), ratio(times, 4, 1, rounds));
}

int
main(int argc, char **argv)
{
	int			rounds = argc > 1 ? atoi(argv[1]) : 15;

	rounds = Min(Max(rounds, 1), MAX_ROUNDS);
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (argc > 2 && strcmp(argv[2], kinds[i].name) != 0)
			continue;
		prepare(&kinds[i]);
		measure(&kinds[i], rounds);
	}
	return 0;
}
