/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  Messages that are JSON and must keep to a schema.
 *
 * A message becomes jsonb first, because that is what schemas look at; typed
 * columns then come from its text by the program for JSON.  A schema that
 * allows everything costs nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "formats/path.h"
#include "jsonschema/check.h"
#include "jsonschema/kind.h"

/* The C library's: this file must link without the server. */
#undef snprintf

typedef struct Reader
{
	DpMessageReader base;
	DpJsProgram *program;
	DpJsonDecoder *d;
	DpColumnProgram *columns;
	int			ncolumns;
	char	  **paths;			/* of members that have a column, with "rescue" */
	bool		nested;			/* some lie inside of others */
	DpBuf		path;			/* of the member that is looked at */
	bool		rescue;
	DpJsonDecoder *rest;		/* of what has none */
	DpBuf		text;
} Reader;

static bool
blame_message(void *arg, const DpJsViolation *violation)
{
	DpError    *err = arg;
	int			n;

	dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, DP_NO_POSITION,
				 "message does not match its JSON Schema");
	n = snprintf(err->detail, sizeof(err->detail), "\"%.120s\", keyword \"%s\": %.80s",
				 violation->path, violation->keyword, violation->message);

	/* What was cut may have been cut inside a character. */
	n = Min(n, (int) sizeof(err->detail) - 2);
	for (int i = 0; i < n; i++)
	{
		unsigned char c = err->detail[i];
		int			more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;

		for (int k = 1; k <= more; k++)
		{
			if (i + k >= n || (err->detail[i + k] & 0xC0) != 0x80)
			{
				memset(err->detail + i, '?', k);
				more = k - 1;
			}
		}
		i += more;
	}
	err->detail[n] = '.';
	err->detail[n + 1] = '\0';
	return false;
}

static bool
keeps_to_schema(const DpJsProgram *program, const char *jsonb, DpError *err)
{
	DpError		violation = {0};
	DpJsonbItem v = dp_jsonb_root(jsonb);

	if (!dp_js_validate(program->root, &v, false, blame_message, &violation, err))
		return false;
	if (violation.sqlstate[0] == '\0')
		return true;
	*err = violation;
	return false;
}

static const char *
to_jsonb(DpMessageReader *self, const char *src, size_t len, size_t *outlen, DpError *err)
{
	Reader	   *reader = (Reader *) self;
	const char *jsonb;

	err->detail[0] = '\0';
	jsonb = dp_json_to_jsonb(reader->d, src, len, outlen, err);
	if (jsonb == NULL || !keeps_to_schema(reader->program, jsonb, err))
		return NULL;
	return jsonb;
}

/* The member at the path has a column; *inside: members of it have. */
static bool
has_column(const Reader *reader, bool *inside)
{
	bool		found = false;

	*inside = false;
	for (int i = 0; i < reader->ncolumns; i++)
	{
		if (reader->paths[i] == NULL)
			continue;
		found |= strcmp(reader->paths[i], reader->path.data) == 0;
		*inside |= reader->nested &&
			dp_path_is_inside(reader->paths[i], strlen(reader->paths[i]), reader->path.data, reader->path.len);
	}
	return found;
}

/* Members of an object that have no column, each with its path.  False: no memory. */
static bool
print_rest(Reader *reader, const DpJsonbItem *object, int level, bool *any)
{
	size_t		above = reader->path.len;

	for (uint32 i = 0; object->kind == DP_JSONB_OBJECT && i < object->len; i++)
	{
		DpJsonbItem key = dp_jsonb_key(object, i);
		DpJsonbItem value = dp_jsonb_value(object, i);
		bool		inside;

		if (!dp_path_add(&reader->path, key.ptr, key.len))
			return false;
		if (has_column(reader, &inside))
			;
		else if (inside && value.kind == DP_JSONB_OBJECT && level < DP_PATH_MAX_LEVELS)
		{
			if (!print_rest(reader, &value, level + 1, any))
				return false;
		}
		else if (!inside || value.kind != DP_JSONB_NULL)
		{
			dp_buf_append(&reader->text, *any ? "," : "{", 1);
			if (reader->nested)
				dp_js_print_string(reader->path.data, reader->path.len, &reader->text);
			else
				dp_js_print_string(key.ptr, key.len, &reader->text);
			dp_buf_append(&reader->text, ":", 1);
			dp_js_inst_print(&value, &reader->text);
			*any = true;
		}
		dp_path_end(&reader->path, above);
	}
	return true;
}

/* The members without a column as one more value. */
static bool
fill_rest(Reader *reader, const char *jsonb, DpColumnValue *out, DpError *err)
{
	DpJsonbItem root = dp_jsonb_root(jsonb);
	bool		any = false;
	const char *rest;
	size_t		len;

	memset(out, 0, sizeof(*out));
	dp_buf_reset(&reader->text);
	dp_buf_reset(&reader->path);
	if (!print_rest(reader, &root, 0, &any))
		return dp_out_of_memory(err);
	out->isnull = !any;
	if (out->isnull)
		return true;
	dp_buf_append(&reader->text, "}", 1);
	if (reader->text.oom)
		return dp_out_of_memory(err);
	rest = dp_json_to_jsonb(reader->rest, reader->text.data, reader->text.len, &len, err);
	out->value = PointerGetDatum(rest);
	return rest != NULL;
}

static bool
to_columns(DpMessageReader *self, const char *src, size_t len, DpColumnValue *values, DpError *err)
{
	Reader	   *reader = (Reader *) self;
	bool		free_form = reader->program->document->kind == DP_JSONB_TRUE ||
		(reader->program->document->kind == DP_JSONB_OBJECT && reader->program->document->len == 0);
	const char *jsonb;
	size_t		size;

	err->detail[0] = '\0';
	if (!free_form || reader->rescue)
	{
		jsonb = to_jsonb(self, src, len, &size, err);
		if (jsonb == NULL)
			return false;
		if (reader->rescue && !fill_rest(reader, jsonb, &values[reader->ncolumns], err))
			return false;
	}
	return dp_json_to_columns(reader->columns, src, len, values, err);
}

static void
free_reader(DpMessageReader *self)
{
	Reader	   *reader = (Reader *) self;

	if (reader == NULL)
		return;
	dp_json_decoder_destroy(reader->d);
	dp_json_decoder_destroy(reader->rest);
	dp_columns_free(reader->columns);
	for (int i = 0; reader->paths != NULL && i < reader->ncolumns; i++)
		free(reader->paths[i]);
	free(reader->paths);
	dp_buf_free(&reader->text);
	dp_buf_free(&reader->path);
	dp_js_program_release(reader->program);
	free(reader);
}

static bool
prepare_columns(Reader *reader, const DpReaderOptions *options)
{
	reader->columns = dp_columns_compile(options->columns, options->ncolumns, &options->limits);
	reader->rest = dp_json_decoder_create(&options->limits);
	reader->paths = calloc(Max(options->ncolumns, 1), sizeof(char *));
	reader->ncolumns = options->ncolumns;
	reader->rescue = options->rescue;
	if (reader->columns == NULL || reader->rest == NULL || reader->paths == NULL)
		return false;
	for (int i = 0; i < options->ncolumns; i++)
	{
		const DpColumnSpec *spec = &options->columns[i];

		if (spec->field == NULL)
			continue;
		dp_buf_reset(&reader->path);
		if (!spec->is_path && !dp_path_add(&reader->path, spec->field, strlen(spec->field)))
			return false;
		reader->paths[i] = strdup(spec->is_path ? spec->field : reader->path.data);
		if (reader->paths[i] == NULL)
			return false;
		reader->nested |= spec->is_path;
	}
	return true;
}

/* A reader's own schema means nothing here: JSON is read as it was written. */
DpMessageReader *
dp_js_reader(const DpSchema *writer, const DpReaderOptions *options, DpError *err)
{
	static const DpReaderOptions none;
	Reader	   *reader = calloc(1, sizeof(Reader));

	if (options == NULL)
		options = &none;
	if (reader != NULL)
	{
		reader->base.to_jsonb = to_jsonb;
		reader->base.to_columns = to_columns;
		reader->base.free = free_reader;
		reader->program = unconstify(DpJsProgram *, (const DpJsProgram *) writer);
		reader->program->users++;
		reader->d = dp_json_decoder_create(&options->limits);
		if (reader->d != NULL &&
			((options->ncolumns == 0 && !options->rescue) || prepare_columns(reader, options)))
			return &reader->base;
	}
	free_reader(&reader->base);
	dp_out_of_memory(err);
	return NULL;
}

bool
dp_js_encode(const DpSchema *schema, const DpMessagePath *path, const char *jsonb, DpBuf *out,
			 DpError *err)
{
	DpJsonbItem v = dp_jsonb_root(jsonb);

	err->detail[0] = '\0';
	if (!keeps_to_schema((const DpJsProgram *) schema, jsonb, err))
		return false;
	dp_js_inst_print(&v, out);
	return out->oom ? dp_out_of_memory(err) : true;
}
