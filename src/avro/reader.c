/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  Readers of messages: a program, and the memory it works in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/compile.h"
#include "avro/wire.h"

static void
destroy(DpAvroReader *r)
{
	if (r == NULL)
		return;
	for (int i = 0; i < r->ncolumns; i++)
		free(r->columns[i].label);
	free(r->columns);
	free(r->nulls);
	free(r->column_code);
	free(r->roots);
	free(r->code);
	free(r->records);
	free(r->frames);
	dp_arena_free(&r->arena);
	dp_arena_free(&r->values);
	dp_buf_free(&r->cells);
	dp_json_decoder_destroy(r->d);
	free(r);
}

static void
free_reader(DpMessageReader *self)
{
	destroy((DpAvroReader *) self);
}

static const char *
to_jsonb(DpMessageReader *self, const char *src, size_t len, size_t *outlen, DpError *err)
{
	DpAvroReader *r = (DpAvroReader *) self;
	char		padded[DP_AVRO_PADDED];

	if (len > r->d->limits.max_bytes)
	{
		dp_avro_too_long(r, err);
		return NULL;
	}
	if (len < DP_AVRO_MIN_BYTES)
		src = dp_avro_pad(padded, src, len);
	dp_avro_begin(r, src, len);
	if (!dp_avro_run(r, 0, err) || !dp_avro_finish(r, err))
		return NULL;
	return dp_jsonb_write(r->d, &r->d->stack.items[0], outlen, err);
}

/* Of a reader that was not asked for columns. */
static bool
no_columns(DpMessageReader *self, const char *src, size_t len, DpColumnValue *values, DpError *err)
{
	return dp_error_set(err, "0A000", DP_NO_POSITION, "reader was made without columns");
}

static bool
fill(DpAvroReader *r, const DpAvroSchema *writer, const DpAvroSchema *reader,
	 const DpReaderOptions *options, DpError *err)
{
	r->d = dp_json_decoder_create(&options->limits);
	if (r->d == NULL)
		return dp_out_of_memory(err);
	r->frames = malloc((r->d->limits.max_depth + 2) * sizeof(DpAvroFrame));
	if (r->frames == NULL)
		return dp_out_of_memory(err);
	if (!dp_avro_compile(r, writer, reader, err))
		return false;
	if (options->ncolumns == 0 && !options->rescue)
		return true;
	r->base.to_columns = dp_avro_to_columns;
	r->rescue = options->rescue;
	return dp_avro_add_columns(r, options->columns, options->ncolumns, err) &&
		dp_avro_compile_columns(r, writer, reader, err);
}

DpMessageReader *
dp_avro_reader(const DpSchema *writer, const DpReaderOptions *options, DpError *err)
{
	static const DpReaderOptions none;
	DpAvroReader *r = calloc(1, sizeof(*r));
	const DpSchema *reader;

	if (r == NULL)
	{
		dp_out_of_memory(err);
		return NULL;
	}
	if (options == NULL)
		options = &none;
	reader = options->reader ? options->reader : writer;
	r->base.to_jsonb = to_jsonb;
	r->base.to_columns = no_columns;
	r->base.free = free_reader;
	if (fill(r, dp_avro_schema(writer), dp_avro_schema(reader), options, err))
		return &r->base;
	destroy(r);
	return NULL;
}
