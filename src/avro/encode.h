/*-------------------------------------------------------------------------
 *
 * encode.h
 *	  What the parts of the encoder share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_ENCODE_H
#define DP_AVRO_ENCODE_H

#include "postgres.h"

#include "avro/model.h"
#include "formats/jsonb_read.h"

typedef struct DpAvroEncoder
{
	DpBuf	   *out;
	DpBuf		text;			/* of a number */
	int			depth;
	int64		steps;
	DpError    *err;
} DpAvroEncoder;

/* Numbers and strings for types that have a spelling of their own. */
extern bool dp_avro_put_form(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item);
extern bool dp_avro_put_decimal(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item);
extern bool dp_avro_put_base64(DpAvroEncoder *e, const DpAvroType *type, const DpJsonbItem *item);
extern bool dp_avro_put_uuid(DpAvroEncoder *e, const DpJsonbItem *item);
extern bool dp_avro_put_duration(DpAvroEncoder *e, const DpJsonbItem *item);

/* An integral number of 64 bits. */
extern bool dp_avro_item_integer(DpAvroEncoder *e, const DpJsonbItem *item, int64 *out);

/* "value is not ..." */
extern bool dp_avro_not_a(DpAvroEncoder *e, const char *what);

#endif							/* DP_AVRO_ENCODE_H */
