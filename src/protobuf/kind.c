/*-------------------------------------------------------------------------
 *
 * kind.c
 *	  Protobuf as a schema language: what the registry and ingest call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "formats/text.h"
#include "protobuf/program.h"
#include "protobuf/protobuf.h"

static void
free_schema(DpSchema *base)
{
	DpPbSchema *schema = (DpPbSchema *) base;

	if (schema == NULL)
		return;
	dp_pb_program_free(schema->encoder);
	dp_arena_free(&schema->arena);
	free(schema->symbols);
	free(schema);
}

/*
 * Text or base64 of a descriptor.  What can be neither is reported as text.
 */
static DpPbFile *
read_file(DpPbSchema *schema, const char *path, const char *text, size_t len, DpError *err)
{
	DpPbFile   *file;
	DpBuf		bytes = {0};
	DpError		ignored;
	char	   *copy;
	size_t		bad;

	if (len > DP_SCHEMA_MAX_BYTES)
	{
		dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
					 "schema is longer than the limit of %d bytes", DP_SCHEMA_MAX_BYTES);
		return NULL;
	}
	if (!dp_utf8_verify(text, len, &bad))
	{
		dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, bad, "schema is not valid UTF-8");
		return NULL;
	}

	/* A NUL behind it ends every loop of the lexer. */
	copy = dp_pb_copy(schema, text, len, err);
	if (copy == NULL)
		return NULL;
	if (len >= 3 && memcmp(copy, "\xEF\xBB\xBF", 3) == 0)
	{
		copy += 3;
		len -= 3;
	}
	file = dp_pb_parse_file(schema, path, copy, len, err);
	if (file != NULL || strcmp(err->sqlstate, DP_SQLSTATE_INVALID_SCHEMA) != 0)
		return file;
	if (dp_pb_base64_decode(copy, len, &bytes))
		file = dp_pb_read_descriptor(schema, path, bytes.data, bytes.len, &ignored);
	dp_buf_free(&bytes);
	return file;
}

static bool
is_loaded(const DpPbSchema *schema, const char *path)
{
	for (const DpPbFile *file = schema->files; file != NULL; file = file->next)
	{
		if (file->path != NULL && strcmp(file->path, path) == 0)
			return true;
	}
	return false;
}

/*
 * Load what "file" imports behind "last"; files loaded so are looked at by the
 * caller in turn.  An import that is not given is no error: perhaps nothing of
 * it is used.
 */
static bool
load_imports(DpPbSchema *schema, const DpPbFile *file, DpPbFile **last,
			 const DpSchemaRef *refs, int nrefs, DpError *err)
{
	for (const DpPbImport *import = file->imports; import != NULL; import = import->next)
	{
		const char *text = NULL;
		size_t		len = 0;
		DpPbFile   *loaded;

		if (is_loaded(schema, import->path))
			continue;
		for (int i = 0; i < nrefs; i++)
		{
			if (strcmp(refs[i].name, import->path) == 0)
			{
				text = refs[i].text;
				len = refs[i].len;
			}
		}
		if (text == NULL)
		{
			text = dp_pb_builtin(import->path);
			len = text != NULL ? strlen(text) : 0;
		}
		if (text == NULL)
			continue;
		loaded = read_file(schema, import->path, text, len, err);
		if (loaded == NULL)
			return false;
		(*last)->next = loaded;
		while ((*last)->next != NULL)
			*last = (*last)->next;
	}
	return true;
}

static DpSchema *
parse(const char *text, size_t len, const DpSchemaRef *refs, int nrefs, DpError *err)
{
	DpPbSchema *schema = calloc(1, sizeof(*schema));
	DpPbFile   *last;
	bool		good;

	if (schema == NULL)
	{
		dp_pb_no_memory(err);
		return NULL;
	}
	schema->base.kind = &dp_protobuf_kind;
	schema->root = schema->files = last = read_file(schema, NULL, text, len, err);
	good = last != NULL;
	while (good && last->next != NULL)
		last = last->next;		/* a set brought its imports along */
	for (DpPbFile *file = schema->root; good && file != NULL; file = file->next)
		good = load_imports(schema, file, &last, refs, nrefs, err);
	if (good && dp_pb_link(schema, err))
		return &schema->base;
	free_schema(&schema->base);
	return NULL;
}

static bool
print(const DpSchema *schema, bool normalize, DpBuf *out, DpError *err)
{
	return dp_pb_print((const DpPbSchema *) schema, normalize, out, err);
}

static const char *
full_name(const DpSchema *schema, const DpMessagePath *path)
{
	DpError		ignored;
	const DpPbMessage *message =
		dp_pb_message_at((const DpPbSchema *) schema, path, &ignored);

	return message != NULL ? message->full_name : NULL;
}

bool
dp_protobuf_serialized(const DpSchema *schema, DpBuf *out, DpError *err)
{
	DpBuf		bytes = {0};
	bool		good = dp_pb_write_descriptor((const DpPbSchema *) schema, &bytes, err);

	if (good)
		dp_pb_base64_encode(bytes.data, bytes.len, out);
	dp_buf_free(&bytes);
	if (good && out->oom)
		return dp_pb_no_memory(err);
	return good;
}

bool
dp_protobuf_without_extensions(const DpSchema *schema, DpBuf *out, DpError *err)
{
	return dp_pb_print_plain((const DpPbSchema *) schema, out, err);
}

int
dp_protobuf_find_message(const DpSchema *base, const char *name, int *indexes, int max)
{
	const DpPbSchema *schema = (const DpPbSchema *) base;
	const DpPbSymbol *symbol = dp_pb_resolve(schema, schema->root->package, name);
	const DpPbMessage *chain[DP_PB_MAX_PATH];
	int			n = 0;

	if (symbol == NULL || symbol->message == NULL || symbol->message->file != schema->root)
		return 0;
	for (const DpPbMessage *m = symbol->message; m != NULL; m = m->parent)
	{
		if (n == max || n == DP_PB_MAX_PATH || m->is_group)
			return 0;
		chain[n++] = m;
	}
	for (int i = 0; i < n; i++)
	{
		const DpPbMessage *m = chain[n - 1 - i];
		const DpPbMessage *sibling = m->parent != NULL ? m->parent->messages :
			schema->root->messages;

		indexes[i] = 0;
		for (; sibling != m; sibling = sibling->next)
			indexes[i] += !sibling->is_group;
	}
	return n;
}

const DpSchemaKind dp_protobuf_kind = {
	DP_SCHEMA_PROTOBUF,
	"PROTOBUF",
	parse,
	free_schema,
	print,
	dp_pb_diff,
	dp_pb_fields,
	full_name,
	dp_pb_reader,
	dp_pb_encode
};
