/*-------------------------------------------------------------------------
 *
 * scalar.h
 *	  Values of Avro's scalar types as nodes.
 *
 * Each function fills one node; text goes to the arena, and room for it in the
 * result is added to d->number_bytes.  False when memory ran out or a limit
 * is passed, with *err.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_SCALAR_H
#define DP_AVRO_SCALAR_H

#include "postgres.h"

#include "avro/program.h"

/* From the Unix epoch to PostgreSQL's. */
#define DP_EPOCH_DAYS 10957
#define DP_EPOCH_MICROS (INT64CONST(86400000000) * DP_EPOCH_DAYS)
#define DP_MICROS_PER_DAY INT64CONST(86400000000)

static inline void
dp_avro_node_integer(DpNode *node, int64 v)
{
	node->kind = DP_NODE_SMALL;
	node->negative = v < 0;
	node->scale = 0;
	node->u.mantissa = v < 0 ? 0 - (uint64) v : (uint64) v;
}

/* A number as float8out spells it, unless it is plainly a short one. */
extern bool dp_avro_node_double_slow(DpAvroReader *r, DpNode *node, double v, DpError *err);
extern bool dp_avro_node_float(DpAvroReader *r, DpNode *node, float v, DpError *err);

/*
 * A decimal of at most 15 digits that gives this double is the shortest one,
 * as no other of 15 digits does.
 */
static inline bool
dp_avro_node_double(DpAvroReader *r, DpNode *node, double v, DpError *err)
{
	double		scaled = v * 100;

	if (likely(scaled < 1e15 && scaled > -1e15))
	{
		int64		m = (int64) (scaled + (v < 0 ? -0.5 : 0.5));

		if ((double) m / 100 == v)
		{
			int			scale = 2;

			if (m % 10 == 0)
			{
				m /= 10;
				scale = m % 10 == 0 ? 0 : 1;
				m /= scale == 0 ? 10 : 1;
			}
			dp_avro_node_integer(node, m);
			node->scale = scale;
			return true;
		}
	}
	return dp_avro_node_double_slow(r, node, v, err);
}

extern bool dp_avro_node_form(DpAvroReader *r, DpNode *node, DpAvroLogical form, int64 v,
							  DpError *err);
extern bool dp_avro_node_bytes(DpAvroReader *r, DpNode *node, DpAvroLogical form, int scale,
							   const char *s, size_t len, DpError *err);

/* Sixteen bytes as the text of a uuid: 36 characters. */
extern void dp_avro_uuid_text(const char *s, char *out);

/* Go to the last eight bytes of a number as long as those before them only repeat its sign. */
static inline void
dp_avro_trim_number(const char **s, size_t *len)
{
	while (*len > sizeof(int64) && (*s)[0] == ((signed char) (*s)[1] < 0 ? (char) 0xFF : 0))
	{
		++*s;
		--*len;
	}
}

/*
 * A two's complement number, highest byte first, when its value has at most
 * 18 digits.
 */
static inline bool
dp_avro_small_decimal(const char *s, size_t len, int64 *out)
{
	uint64		v = len > 0 && (s[0] & 0x80) ? ~UINT64CONST(0) : 0;

	if (len > sizeof(v))
		return false;
	for (size_t i = 0; i < len; i++)
		v = v << 8 | (unsigned char) s[i];
	*out = (int64) v;
	return *out < INT64CONST(1000000000000000000) && *out > -INT64CONST(1000000000000000000);
}

/* In PostgreSQL's units; false when no value of its type can hold it. */
extern bool dp_avro_micros(DpAvroLogical form, int64 v, int64 *out);

/* The text of a node that is no container, in the arena with a byte of headroom. */
extern char *dp_avro_node_text(DpAvroReader *r, const DpNode *node, size_t *len, DpError *err);

#endif							/* DP_AVRO_SCALAR_H */
