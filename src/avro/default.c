/*-------------------------------------------------------------------------
 *
 * default.c
 *	  Defaults of fields: are they values of the type, and which bytes?
 *
 * A default becomes the bytes that a writer would have written, so that
 * everything which reads messages reads defaults, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <errno.h>
#include <math.h>

#include "avro/model.h"
#include "formats/nodes.h"

#define DEFAULT_MAX_BYTES (1024 * 1024) /* defaults inside defaults can double and double */

static bool
integer_of(const DpAvroTree *value, int64 min, int64 max, int64 *out)
{
	char	   *end;
	long long	v;

	if (value->kind != DP_TREE_NUMBER)
		return false;
	errno = 0;
	v = strtoll(value->text, &end, 10);
	if (*end != '\0' || errno != 0 || v < min || v > max)
		return false;
	*out = v;
	return true;
}

/* One character of UTF-8 that stands for a byte; -1 for another. */
static int
byte_of(const char **p)
{
	const unsigned char *s = (const unsigned char *) *p;

	if (s[0] < 0x80)
	{
		*p += 1;
		return s[0];
	}
	/* The tree has C0 80 for zero. */
	if (s[0] == 0xC0 || s[0] == 0xC2 || s[0] == 0xC3)
	{
		*p += 2;
		return (s[0] & 0x03) << 6 | (s[1] & 0x3F);
	}
	return -1;
}

/* How many bytes a string of code points 0 to 255 stands for, or -1. */
static int64
count_bytes(const DpAvroTree *value)
{
	const char *p = value->text;
	int64		n = 0;

	while (p < value->text + value->len)
	{
		if (byte_of(&p) < 0)
			return -1;
		n++;
	}
	return n;
}

static int
symbol_of(const DpAvroType *type, const DpAvroTree *value)
{
	for (int i = 0; value->kind == DP_TREE_STRING && i < type->nsymbols; i++)
	{
		if (strcmp(type->symbols[i], value->text) == 0)
			return i;
	}
	return -1;
}

static bool
record_fits(const DpAvroType *type, const DpAvroTree *value)
{
	for (int i = 0; i < type->nfields; i++)
	{
		const DpAvroTree *member = dp_avro_tree_get(value, type->fields[i].name);

		if (member == NULL ? type->fields[i].fallback == NULL :
			!dp_avro_default_fits(type->fields[i].type, member))
			return false;
	}
	return true;
}

int
dp_avro_default_branch(const DpAvroType *type, const DpAvroTree *value)
{
	for (int i = 0; i < type->nbranches; i++)
	{
		if (dp_avro_default_fits(type->branches[i], value))
			return i;
	}
	return -1;
}

/* Recursion is bounded by the depth of the default. */
bool
dp_avro_default_fits(const DpAvroType *type, const DpAvroTree *value)
{
	int64		n;

	switch (type->tag)
	{
		case DP_AVRO_NULL:
			return value->kind == DP_TREE_NULL;
		case DP_AVRO_BOOLEAN:
			return value->kind == DP_TREE_TRUE || value->kind == DP_TREE_FALSE;
		case DP_AVRO_INT:
			return integer_of(value, PG_INT32_MIN, PG_INT32_MAX, &n);
		case DP_AVRO_LONG:
			return integer_of(value, PG_INT64_MIN, PG_INT64_MAX, &n);
		case DP_AVRO_FLOAT:
		case DP_AVRO_DOUBLE:
			return value->kind == DP_TREE_NUMBER;
		case DP_AVRO_STRING:
			return value->kind == DP_TREE_STRING;
		case DP_AVRO_BYTES:
			return value->kind == DP_TREE_STRING && count_bytes(value) >= 0;
		case DP_AVRO_FIXED:
			return value->kind == DP_TREE_STRING && count_bytes(value) == type->size;
		case DP_AVRO_ENUM:
			return symbol_of(type, value) >= 0;
		case DP_AVRO_RECORD:
			return value->kind == DP_TREE_OBJECT && record_fits(type, value);
		case DP_AVRO_ARRAY:
		case DP_AVRO_MAP:
			if (value->kind != (type->tag == DP_AVRO_ARRAY ? DP_TREE_ARRAY : DP_TREE_OBJECT))
				return false;
			for (uint32 i = 0; i < value->len; i++)
			{
				if (!dp_avro_default_fits(type->items, &value->items[i]))
					return false;
			}
			return true;
		case DP_AVRO_UNION:
			return dp_avro_default_branch(type, value) >= 0;
	}
	return false;
}

static bool
put_bytes(const DpAvroTree *value, DpBuf *out)
{
	const char *p = value->text;

	while (p < value->text + value->len)
	{
		char		byte = byte_of(&p);

		dp_buf_append(out, &byte, 1);
	}
	return true;
}

static void
put_float(const DpAvroType *type, const DpAvroTree *value, DpBuf *out)
{
	if (type->tag == DP_AVRO_FLOAT)
	{
		float		f = strtof(value->text, NULL);

		dp_buf_append(out, &f, sizeof(f));
	}
	else
	{
		double		d = strtod(value->text, NULL);

		dp_buf_append(out, &d, sizeof(d));
	}
}

static bool put_default(const DpAvroType *type, const DpAvroTree *value, size_t limit, int depth,
						DpBuf *out, DpError *err);

static bool
put_record(const DpAvroType *type, const DpAvroTree *value, size_t limit, int depth, DpBuf *out,
		   DpError *err)
{
	for (int i = 0; i < type->nfields; i++)
	{
		const DpAvroTree *member = dp_avro_tree_get(value, type->fields[i].name);

		if (member == NULL)
			member = type->fields[i].fallback;
		if (!put_default(type->fields[i].type, member, limit, depth + 1, out, err))
			return false;
	}
	return true;
}

static bool
put_items(const DpAvroType *type, const DpAvroTree *value, size_t limit, int depth, DpBuf *out,
		  DpError *err)
{
	if (value->len > 0)
		dp_avro_put_long(out, value->len);
	for (uint32 i = 0; i < value->len; i++)
	{
		if (type->tag == DP_AVRO_MAP)
		{
			dp_avro_put_long(out, strlen(value->keys[i]));
			dp_avro_put(out, value->keys[i]);
		}
		if (!put_default(type->items, &value->items[i], limit, depth + 1, out, err))
			return false;
	}
	dp_avro_put_long(out, 0);
	return true;
}

/* Of a value that fits. */
static bool
put_default(const DpAvroType *type, const DpAvroTree *value, size_t limit, int depth, DpBuf *out,
			DpError *err)
{
	int64		n = 0;
	char		byte;

	if (depth > DP_SCHEMA_MAX_DEPTH || out->len > limit)
		return dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"defaults inside defaults pass the limit of %d levels or %d bytes",
							DP_SCHEMA_MAX_DEPTH, DEFAULT_MAX_BYTES);
	switch (type->tag)
	{
		case DP_AVRO_NULL:
			break;
		case DP_AVRO_BOOLEAN:
			byte = value->kind == DP_TREE_TRUE;
			dp_buf_append(out, &byte, 1);
			break;
		case DP_AVRO_INT:
		case DP_AVRO_LONG:
			integer_of(value, PG_INT64_MIN, PG_INT64_MAX, &n);
			dp_avro_put_long(out, n);
			break;
		case DP_AVRO_FLOAT:
		case DP_AVRO_DOUBLE:
			put_float(type, value, out);
			break;
		case DP_AVRO_BYTES:
			dp_avro_put_long(out, count_bytes(value));
			put_bytes(value, out);
			break;
		case DP_AVRO_STRING:
			dp_avro_put_long(out, value->len);
			dp_buf_append(out, value->text, value->len);
			break;
		case DP_AVRO_FIXED:
			put_bytes(value, out);
			break;
		case DP_AVRO_ENUM:
			dp_avro_put_long(out, symbol_of(type, value));
			break;
		case DP_AVRO_RECORD:
			return put_record(type, value, limit, depth, out, err);
		case DP_AVRO_ARRAY:
		case DP_AVRO_MAP:
			return put_items(type, value, limit, depth, out, err);
		case DP_AVRO_UNION:
			n = dp_avro_default_branch(type, value);
			dp_avro_put_long(out, n);
			return put_default(type->branches[n], value, limit, depth + 1, out, err);
	}
	return true;
}

bool
dp_avro_encode_default(const DpAvroType *type, const DpAvroTree *value, DpBuf *out, DpError *err)
{
	if (!dp_avro_default_fits(type, value))
		return dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
							"default is not a value of its type");
	if (!put_default(type, value, out->len + DEFAULT_MAX_BYTES, 0, out, err))
		return false;
	return !out->oom || dp_out_of_memory(err);
}
