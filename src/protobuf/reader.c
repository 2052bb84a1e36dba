/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  Messages of one type to jsonb: made once, used for many.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/reader.h"

#define KEEP_SLOTS 65536		/* of scratch memory from one message to the next */

static void
free_reader(DpMessageReader *self)
{
	DpPbReader *r = (DpPbReader *) self;

	if (r == NULL)
		return;
	for (int i = 0; i < r->ncolumns; i++)
		free(r->columns[i].column.label);
	free(r->columns);
	for (uint32 i = 0; i < r->nscopes; i++)
	{
		free(r->scopes[i].has_column);
		free(r->scopes[i].path);
	}
	free(r->scopes);
	free(r->unknowns);
	free(r->slots);
	free(r->elements);
	free(r->groups);
	dp_arena_free(&r->arena);
	dp_json_decoder_destroy(r->d);
	dp_pb_program_free(r->program);
	free(r);
}

bool
dp_pb_load(DpPbReader *r, const char *src, size_t len, DpError *err)
{
	DpBuf	   *text = &r->d->text;

	r->err = err;
	r->nslots = r->nelements = r->nvalues = r->nunknowns = 0;
	r->next_check = DP_PB_CHECK_EVERY;
	r->depth = 0;
	r->spell_at = r->spell_end = NULL;
	dp_arena_reset(&r->arena);
	dp_nodes_begin(r->d);
	if (r->elements_cap > KEEP_SLOTS)
	{
		free(r->elements);
		r->elements = NULL;
		r->elements_cap = 0;
	}
	if (len > r->d->limits.max_bytes)
		return dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"message is longer than the limit of %zu bytes",
							r->d->limits.max_bytes);
	if (!dp_buf_reserve(text, len + DP_TEXT_PADDING))
		return dp_pb_no_memory(err);
	if (len > 0)
		memcpy(text->data, src, len);
	memset(text->data + len, 0, DP_TEXT_PADDING);
	text->len = len;
	return true;
}

static const char *
to_jsonb(DpMessageReader *self, const char *src, size_t len, size_t *outlen, DpError *err)
{
	DpPbReader *r = (DpPbReader *) self;

	if (!dp_pb_load(r, src, len, err) ||
		!dp_pb_push_span(r, &r->program->messages[0], r->d->text.data, len))
		return NULL;
	return dp_jsonb_write(r->d, &r->d->stack.items[r->d->stack.len - 1], outlen, err);
}

static bool
set_up(DpPbReader *r, const DpPbSchema *schema, const DpReaderOptions *options)
{
	const DpPbMessage *root = dp_pb_message_at(schema, &options->path, r->err);

	if (root == NULL)
		return false;
	r->program = dp_pb_compile(schema, root, r->err);
	if (r->program == NULL)
		return false;
	r->d = dp_json_decoder_create(&options->limits);
	if (r->d == NULL)
		return dp_pb_no_memory(r->err);

	/* A message makes at most two levels of JSON: an array and an object in it. */
	r->max_depth = Min(r->d->limits.max_depth, DP_JSON_MAX_DEPTH_CEILING / 2);
	r->groups = malloc((r->max_depth + 1) * sizeof(int32));
	if (r->groups == NULL)
		return dp_pb_no_memory(r->err);
	return options->ncolumns == 0 || dp_pb_bind_columns(r, options);
}

DpMessageReader *
dp_pb_reader(const DpSchema *writer, const DpReaderOptions *options, DpError *err)
{
	static const DpReaderOptions none;
	DpPbReader *r = calloc(1, sizeof(*r));

	if (r == NULL)
	{
		dp_pb_no_memory(err);
		return NULL;
	}
	r->base.to_jsonb = to_jsonb;
	r->base.to_columns = dp_pb_to_columns;
	r->base.free = free_reader;
	r->err = err;
	if (set_up(r, (const DpPbSchema *) writer, options != NULL ? options : &none))
		return &r->base;
	free_reader(&r->base);
	return NULL;
}
