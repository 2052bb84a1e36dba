/*-------------------------------------------------------------------------
 *
 * container.c
 *	  Avro's object container files.
 *
 * A header names the schema and the codec; blocks follow, each with the number
 * of its values and its size, and a marker behind it that must be the header's.
 * A block is decompressed as a whole, so its size is limited.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <zlib.h>

#include "avro/container.h"
#include "avro/program.h"
#include "avro/wire.h"

#define MAGIC "Obj\x01"
#define MAGIC_BYTES 4
#define BLOCK_MAX_BYTES (256 * 1024 * 1024) /* decompressed */
#define FREE_VALUES (1024 * 1024)	/* that a block may have for nothing, as nulls */
#define INFLATE_STEP (64 * 1024)
#define INTERRUPT_STEPS 64		/* of them */

static bool
bad_file(const DpAvroFile *file, const char *why, DpError *err)
{
	return dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, file->at - file->src, "invalid Avro file: %s", why);
}

static bool
get_long(DpAvroFile *file, int64 *v, DpError *err)
{
	char		padded[DP_AVRO_PADDED];
	size_t		n = file->end - file->at;
	const char *start = n < DP_AVRO_MIN_BYTES ? dp_avro_pad(padded, file->at, n) : file->at;
	const char *p = dp_avro_get_long(start, start + n, v);

	if (p == NULL)
		return bad_file(file, "an integer is cut off or longer than 64 bits", err);
	file->at += p - start;
	return true;
}

/* Bytes with their length. */
static bool
get_bytes(DpAvroFile *file, const char **s, int64 *len, DpError *err)
{
	if (!get_long(file, len, err))
		return false;
	if (*len < 0 || *len > file->end - file->at)
		return bad_file(file, "a length is negative or more than what is left", err);
	*s = file->at;
	file->at += *len;
	return true;
}

static bool
is_text(const char *s, int64 len, const char *text)
{
	return len == strlen(text) && memcmp(s, text, len) == 0;
}

static bool
use_codec(DpAvroFile *file, const char *s, int64 len, DpError *err)
{
	if (is_text(s, len, "null"))
		return true;
	file->deflate = is_text(s, len, "deflate");
	return file->deflate ||
		dp_error_set(err, "0A000", DP_NO_POSITION,
					 "codec of the Avro file is neither null nor deflate, which are those that can be read");
}

/* One entry of the header's map. */
static bool
get_entry(DpAvroFile *file, DpError *err)
{
	const char *key;
	const char *value;
	int64		keylen;
	int64		len;

	if (!get_bytes(file, &key, &keylen, err) || !get_bytes(file, &value, &len, err))
		return false;
	if (is_text(key, keylen, "avro.codec"))
		return use_codec(file, value, len, err);
	if (!is_text(key, keylen, "avro.schema") || file->schema != NULL)
		return true;
	file->schema = dp_avro_kind.parse(value, len, NULL, 0, err);
	return file->schema != NULL;
}

static bool
get_header(DpAvroFile *file, DpError *err)
{
	int64		n;

	for (;;)
	{
		if (!get_long(file, &n, err))
			return false;
		if (n == 0)
			return true;
		if (n < 0)
		{
			int64		size;

			if (n == PG_INT64_MIN || !get_long(file, &size, err))
				return bad_file(file, "a number of entries is out of range", err);
			n = -n;
		}
		while (n-- > 0)
		{
			if (!get_entry(file, err))
				return false;
		}
	}
}

bool
dp_avro_file_open(DpAvroFile *file, const char *src, size_t len, DpError *err)
{
	memset(file, 0, sizeof(*file));
	file->src = file->at = src;
	file->end = src + len;
	err->detail[0] = '\0';
	if (len < MAGIC_BYTES || memcmp(src, MAGIC, MAGIC_BYTES) != 0)
		return bad_file(file, "it does not begin with Obj and 1", err);
	file->at += MAGIC_BYTES;
	if (!get_header(file, err))
		return false;
	if (file->schema == NULL)
		return bad_file(file, "its header has no schema", err);
	if (file->end - file->at < DP_AVRO_SYNC_BYTES)
		return bad_file(file, "it ends inside its header", err);
	memcpy(file->sync, file->at, DP_AVRO_SYNC_BYTES);
	file->at += DP_AVRO_SYNC_BYTES;
	file->reader = dp_avro_kind.reader(file->schema, NULL, err);
	return file->reader != NULL;
}

void
dp_avro_file_close(DpAvroFile *file)
{
	if (file->reader != NULL)
		file->reader->free(file->reader);
	dp_avro_kind.free(file->schema);
	dp_buf_free(&file->block);
}

static bool
inflate_all(DpAvroFile *file, z_stream *z, DpError *err)
{
	int			result = Z_OK;

	for (int steps = 0; result != Z_STREAM_END; steps++)
	{
		if (steps % INTERRUPT_STEPS == 0 && dp_schema_interrupted != NULL && dp_schema_interrupted())
			return dp_error_set(err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
		if (file->block.len > BLOCK_MAX_BYTES)
			return dp_error_set(err, DP_SQLSTATE_LIMIT, file->at - file->src,
								"block of the Avro file is larger than the limit of %d bytes", BLOCK_MAX_BYTES);
		if (!dp_buf_reserve(&file->block, INFLATE_STEP))
			return dp_out_of_memory(err);
		z->next_out = (Bytef *) file->block.data + file->block.len;
		z->avail_out = INFLATE_STEP;
		result = inflate(z, Z_NO_FLUSH);
		file->block.len += INFLATE_STEP - z->avail_out;
		if (result != Z_OK && result != Z_STREAM_END)
			return bad_file(file, "a block cannot be decompressed", err);
	}
	return true;
}

static bool
load_block(DpAvroFile *file, const char *s, int64 len, DpError *err)
{
	static const char padding[DP_AVRO_MIN_BYTES];

	dp_buf_reset(&file->block);
	dp_buf_append(&file->block, padding, sizeof(padding));
	if (file->deflate)
	{
		z_stream	z = {.next_in = (Bytef *) s,.avail_in = len};
		bool		good;

		if (len > PG_UINT32_MAX || inflateInit2(&z, -MAX_WBITS) != Z_OK)
			return dp_out_of_memory(err);
		good = inflate_all(file, &z, err);
		inflateEnd(&z);
		if (!good)
			return false;
	}
	else
		dp_buf_append(&file->block, s, len);
	if (file->block.oom)
		return dp_out_of_memory(err);
	file->used = sizeof(padding);
	return true;
}

/* False at the end, too. */
static bool
next_block(DpAvroFile *file, DpError *err)
{
	const char *start = file->at;
	const char *s;
	int64		len;

	err->sqlstate[0] = '\0';
	if (file->at == file->end)
		return false;
	if (!get_long(file, &file->left, err) || !get_bytes(file, &s, &len, err))
		return false;
	if (file->left < 0)
		return bad_file(file, "a number of values is negative", err);
	if (file->end - file->at < DP_AVRO_SYNC_BYTES || memcmp(file->at, file->sync, DP_AVRO_SYNC_BYTES) != 0)
		return bad_file(file, "the marker behind a block is not that of the header", err);
	if (!load_block(file, s, len, err))
	{
		file->at = start;		/* to try again when it was an interrupt */
		return false;
	}
	if (file->left > FREE_VALUES + (int64) file->block.len)
		return bad_file(file, "a block has more values than bytes", err);
	file->at += DP_AVRO_SYNC_BYTES;
	return true;
}

const char *
dp_avro_file_next(DpAvroFile *file, size_t *outlen, DpError *err)
{
	DpAvroReader *r = (DpAvroReader *) file->reader;

	while (file->left == 0)
	{
		if (file->used < file->block.len)
		{
			bad_file(file, "a block has more bytes than its values", err);
			return NULL;
		}
		if (!next_block(file, err))
		{
			file->left = 0;
			return NULL;
		}
	}
	dp_avro_begin(r, file->block.data + file->used, file->block.len - file->used);
	if (!dp_avro_run(r, 0, err))
	{
		/* where in the file only an uncompressed block could tell */
		err->position = DP_NO_POSITION;
		return NULL;
	}
	file->used += r->at - r->start;
	file->left--;
	/* What the result can be is bounded by what was read. */
	r->d->text.len = r->at - r->start;
	return dp_jsonb_write(r->d, &r->d->stack.items[0], outlen, err);
}
