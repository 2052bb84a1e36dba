/*-------------------------------------------------------------------------
 *
 * avro_oracle.c
 *	  Random Avro schemas and values, written and read by libavro-c.
 *
 *		avro_oracle SEED COUNT
 *
 * Each line is a schema, a tab, a message in hexadecimal, a tab, and what
 * libavro-c reads from it as JSON: bytes and fixed in hexadecimal, a union's
 * value as [branch, value], floating point numbers with all their digits.
 * The same seed gives the same lines.
 *
 *-------------------------------------------------------------------------
 */
#include <avro.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 65536			/* of a schema */
#define MESSAGE_MAX (1 << 20)
#define DEPTH_MAX 4				/* of a schema */
#define VALUE_DEPTH 6			/* recursive records stop here */

static uint64_t state;
static char text[TEXT_MAX];
static size_t textlen;
static int names;

/* xorshift64*: small, and the same everywhere */
static uint64_t
next_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(2685821657736338717);
}

static int
choose(int n)
{
	return (int) ((next_random() >> 33) % (uint64_t) n);
}

static void
check(int failure)
{
	if (failure)
	{
		fprintf(stderr, "avro_oracle: %s\n", avro_strerror());
		exit(1);
	}
}

static void put(const char *fmt,...) __attribute__((format(printf, 1, 2)));

static void
put(const char *fmt,...)
{
	va_list		ap;

	va_start(ap, fmt);
	textlen += vsnprintf(text + textlen, sizeof(text) - textlen, fmt, ap);
	va_end(ap);
	if (textlen >= sizeof(text))
	{
		fprintf(stderr, "avro_oracle: a schema is too long\n");
		exit(1);
	}
}

/* ---------------------------------------------------------------- schemas */

static void put_schema(int depth, bool in_union);

static void
put_record(int depth)
{
	int			self = ++names;
	int			n = choose(6);

	put("{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[", self);
	for (int i = 0; i < n; i++)
	{
		put("%s{\"name\":\"f%d\",\"type\":", i ? "," : "", i);
		put_schema(depth - 1, false);
		put("}");
	}
	if (choose(4) == 0)
		put("%s{\"name\":\"next\",\"type\":[\"null\",\"R%d\"]}", n ? "," : "", self);
	put("]}");
}

/* Branches of different kinds, so that none is there twice. */
static void
put_union(int depth)
{
	static const char *const scalars[] = {"\"boolean\"", "\"int\"", "\"long\"", "\"double\"", "\"bytes\"", "\"string\""};
	bool		any = choose(3) > 0;

	put("[");
	if (any)
		put("\"null\"");
	for (int i = 0; i < 6; i++)
	{
		if (choose(4) == 0)
		{
			put("%s%s", any ? "," : "", scalars[i]);
			any = true;
		}
	}
	if (!any || choose(3) == 0)
	{
		put("%s", any ? "," : "");
		put_record(depth - 1);
	}
	put("]");
}

static void
put_schema(int depth, bool in_union)
{
	static const char *const scalars[] = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"};
	int			pick = depth <= 0 ? choose(8) : choose(16);
	int			n;

	if (pick < 8)
		put("\"%s\"", scalars[pick]);
	else if (pick == 8)
	{
		n = choose(5) + 1;
		put("{\"type\":\"enum\",\"name\":\"E%d\",\"symbols\":[", ++names);
		for (int i = 0; i < n; i++)
			put("%s\"S%d\"", i ? "," : "", i);
		put("]}");
	}
	else if (pick == 9)
	{
		n = choose(20) + 1;
		put("{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":%d}", ++names, n);
	}
	else if (pick < 12)
	{
		put(pick == 10 ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":");
		put_schema(depth - 1, false);
		put("}");
	}
	else if (pick == 12 && !in_union)
		put_union(depth);
	else
		put_record(depth);
}

/* ----------------------------------------------------------------- values */

static int64_t
random_integer(int bits)
{
	int64_t		v = (int64_t) next_random();

	return v >> (64 - 1 - choose(bits));
}

static double
random_double(void)
{
	switch (choose(3))
	{
		case 0:
			return (double) (choose(2001) - 1000);
		case 1:
			return (choose(2000001) - 1000000) / 1000.0;
		default:
			return ldexp((double) (int64_t) next_random(), choose(200) - 150);
	}
}

static size_t
random_text(char *s)
{
	static const char *const pieces[] = {"a", "B", "7", " ", "\"", "\\", "\n", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9D\x84\x9E"};
	size_t		len = 0;
	int			n = choose(4) == 0 ? choose(60) : choose(8);

	s[0] = '\0';
	for (int i = 0; i < n; i++)
	{
		const char *piece = pieces[choose(10)];

		strcpy(s + len, piece);
		len += strlen(piece);
	}
	return len;
}

/* libavro-c cannot hold arrays of what takes no memory, as nulls. */
static bool
takes_nothing(avro_schema_t schema)
{
	if (is_avro_null(schema))
		return true;
	if (!is_avro_record(schema))
		return false;
	for (size_t i = 0; i < avro_schema_record_size(schema); i++)
	{
		if (!takes_nothing(avro_schema_record_field_get_by_index(schema, (int) i)))
			return false;
	}
	return true;
}

static void
fill(avro_value_t *value, int depth)
{
	char		bytes[512];
	size_t		len;
	size_t		n;
	avro_value_t child;
	avro_schema_t schema;

	switch (avro_value_get_type(value))
	{
		case AVRO_NULL:
			check(avro_value_set_null(value));
			break;
		case AVRO_BOOLEAN:
			check(avro_value_set_boolean(value, choose(2)));
			break;
		case AVRO_INT32:
			check(avro_value_set_int(value, (int32_t) random_integer(31)));
			break;
		case AVRO_INT64:
			check(avro_value_set_long(value, random_integer(63)));
			break;
		case AVRO_FLOAT:
			check(avro_value_set_float(value, (float) random_double()));
			break;
		case AVRO_DOUBLE:
			check(avro_value_set_double(value, random_double()));
			break;
		case AVRO_BYTES:
			len = (size_t) choose(100);
			for (size_t i = 0; i < len; i++)
				bytes[i] = (char) choose(256);
			check(avro_value_set_bytes(value, bytes, len));
			break;
		case AVRO_STRING:
			len = random_text(bytes);
			check(avro_value_set_string_len(value, bytes, len + 1));
			break;
		case AVRO_FIXED:
			len = (size_t) avro_schema_fixed_size(avro_value_get_schema(value));
			for (size_t i = 0; i < len; i++)
				bytes[i] = (char) choose(256);
			check(avro_value_set_fixed(value, bytes, len));
			break;
		case AVRO_ENUM:
			n = (size_t) avro_schema_enum_number_of_symbols(avro_value_get_schema(value));
			check(avro_value_set_enum(value, choose((int) n)));
			break;
		case AVRO_ARRAY:
			n = (size_t) choose(4);
			if (depth > VALUE_DEPTH || takes_nothing(avro_schema_array_items(avro_value_get_schema(value))))
				n = 0;
			for (size_t i = 0; i < n; i++)
			{
				check(avro_value_append(value, &child, NULL));
				fill(&child, depth + 1);
			}
			break;
		case AVRO_MAP:
			n = depth > VALUE_DEPTH ? 0 : (size_t) choose(4);
			for (size_t i = 0; i < n; i++)
			{
				random_text(bytes);
				check(avro_value_add(value, bytes, &child, NULL, NULL));
				fill(&child, depth + 1);
			}
			break;
		case AVRO_UNION:
			schema = avro_value_get_schema(value);
			n = avro_schema_union_size(schema);
			check(avro_value_set_branch(value, depth > VALUE_DEPTH ? 0 : choose((int) n), &child));
			fill(&child, depth + 1);
			break;
		case AVRO_RECORD:
			check(avro_value_get_size(value, &n));
			for (size_t i = 0; i < n; i++)
			{
				check(avro_value_get_by_index(value, i, &child, NULL));
				fill(&child, depth + 1);
			}
			break;
		default:
			abort();
	}
}

/* ------------------------------------------------------------------ lines */

static void
print_hex(const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", ((const unsigned char *) data)[i]);
}

static void
print_string(const char *s, size_t len)
{
	putchar('"');
	for (size_t i = 0; i < len; i++)
	{
		if (s[i] == '"' || s[i] == '\\')
			printf("\\%c", s[i]);
		else if ((unsigned char) s[i] < ' ')
			printf("\\u%04x", s[i]);
		else
			putchar(s[i]);
	}
	putchar('"');
}

static void
print_value(avro_value_t *value)
{
	const void *data;
	const char *s;
	size_t		len;
	avro_value_t child;
	int			i32;
	int64_t		i64;
	float		f;
	double		d;

	switch (avro_value_get_type(value))
	{
		case AVRO_NULL:
			printf("null");
			break;
		case AVRO_BOOLEAN:
			check(avro_value_get_boolean(value, &i32));
			printf(i32 ? "true" : "false");
			break;
		case AVRO_INT32:
			check(avro_value_get_int(value, &i32));
			printf("%d", i32);
			break;
		case AVRO_INT64:
			check(avro_value_get_long(value, &i64));
			printf("%" PRId64, i64);
			break;
		case AVRO_FLOAT:
			check(avro_value_get_float(value, &f));
			printf("%.9g", f);
			break;
		case AVRO_DOUBLE:
			check(avro_value_get_double(value, &d));
			printf("%.17g", d);
			break;
		case AVRO_BYTES:
		case AVRO_FIXED:
			check(avro_value_get_type(value) == AVRO_BYTES ? avro_value_get_bytes(value, &data, &len) :
				  avro_value_get_fixed(value, &data, &len));
			putchar('"');
			print_hex(data, len);
			putchar('"');
			break;
		case AVRO_STRING:
			check(avro_value_get_string(value, &s, &len));
			print_string(s, len - 1);
			break;
		case AVRO_ENUM:
			check(avro_value_get_enum(value, &i32));
			s = avro_schema_enum_get(avro_value_get_schema(value), i32);
			print_string(s, strlen(s));
			break;
		case AVRO_UNION:
			check(avro_value_get_discriminant(value, &i32));
			check(avro_value_get_current_branch(value, &child));
			printf("[%d,", i32);
			print_value(&child);
			putchar(']');
			break;
		case AVRO_ARRAY:
		case AVRO_MAP:
		case AVRO_RECORD:
			{
				bool		array = avro_value_get_type(value) == AVRO_ARRAY;

				check(avro_value_get_size(value, &len));
				putchar(array ? '[' : '{');
				for (size_t i = 0; i < len; i++)
				{
					check(avro_value_get_by_index(value, i, &child, &s));
					if (i > 0)
						putchar(',');
					if (!array)
					{
						print_string(s, strlen(s));
						putchar(':');
					}
					print_value(&child);
				}
				putchar(array ? ']' : '}');
				break;
			}
		default:
			abort();
	}
}

static void
one(char *buffer)
{
	avro_schema_t schema;
	avro_value_iface_t *iface;
	avro_value_t value;
	avro_value_t back;
	avro_writer_t writer = avro_writer_memory(buffer, MESSAGE_MAX);
	avro_reader_t reader;
	int64_t		len;

	textlen = 0;
	names = 0;
	if (choose(4) == 0)
		put_schema(DEPTH_MAX, false);
	else
		put_record(DEPTH_MAX);
	check(avro_schema_from_json_length(text, textlen, &schema));
	iface = avro_generic_class_from_schema(schema);
	check(avro_generic_value_new(iface, &value));
	check(avro_generic_value_new(iface, &back));
	fill(&value, 0);
	check(avro_value_write(writer, &value));
	len = avro_writer_tell(writer);
	reader = avro_reader_memory(buffer, len);
	check(avro_value_read(reader, &back));
	printf("%s\t", text);
	print_hex(buffer, (size_t) len);
	putchar('\t');
	print_value(&back);
	putchar('\n');
	avro_value_decref(&value);
	avro_value_decref(&back);
	avro_value_iface_decref(iface);
	avro_schema_decref(schema);
	avro_writer_free(writer);
	avro_reader_free(reader);
}

int
main(int argc, char **argv)
{
	char	   *buffer = malloc(MESSAGE_MAX);
	long		count;

	if (argc != 3 || buffer == NULL)
	{
		fprintf(stderr, "usage: avro_oracle SEED COUNT\n");
		return 2;
	}
	state = strtoull(argv[1], NULL, 10) * UINT64_C(0x9E3779B97F4A7C15) + 1;
	count = atol(argv[2]);
	for (long i = 0; i < count; i++)
		one(buffer);
	free(buffer);
	return 0;
}
