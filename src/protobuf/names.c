/*-------------------------------------------------------------------------
 *
 * names.c
 *	  Memory and names of a schema.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/nodes.h"
#include "protobuf/model.h"

#define FIRST_BUCKETS 64		/* a power of two */
#define MAX_NAME 512			/* bytes of a full name */

static const char *const type_words[] = {
	NULL, "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool",
	"string", NULL, NULL, "bytes", "uint32", NULL, "sfixed32", "sfixed64", "sint32", "sint64"
};

bool
dp_pb_no_memory(DpError *err)
{
	return dp_out_of_memory(err);
}

bool
dp_pb_interrupted(DpError *err)
{
	if (dp_schema_interrupted == NULL || !dp_schema_interrupted())
		return false;
	dp_error_set(err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
	return true;
}

void *
dp_pb_new(DpPbSchema *schema, size_t size, DpError *err)
{
	void	   *result;

	if (++schema->nelements > DP_PB_MAX_ELEMENTS)
	{
		dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
					 "schema declares more than %d things", DP_PB_MAX_ELEMENTS);
		return NULL;
	}
	result = dp_arena_alloc(&schema->arena, size);
	if (result == NULL)
		dp_pb_no_memory(err);
	else
		memset(result, 0, size);
	return result;
}

char *
dp_pb_copy(DpPbSchema *schema, const char *text, size_t len, DpError *err)
{
	char	   *copy = dp_arena_alloc(&schema->arena, len + 1);

	if (copy == NULL)
	{
		dp_pb_no_memory(err);
		return NULL;
	}
	if (len > 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *
dp_pb_join(DpPbSchema *schema, const char *a, const char *b, DpError *err)
{
	size_t		alen = a != NULL ? strlen(a) : 0;
	size_t		blen = strlen(b);
	char	   *result;

	if (alen + blen > MAX_NAME)
	{
		dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
					 "a full name is longer than %d bytes", MAX_NAME);
		return NULL;
	}
	result = dp_arena_alloc(&schema->arena, alen + blen + 2);
	if (result == NULL)
	{
		dp_pb_no_memory(err);
		return NULL;
	}
	if (alen > 0)
	{
		memcpy(result, a, alen);
		result[alen++] = '.';
	}
	memcpy(result + alen, b, blen + 1);
	return result;
}

char *
dp_pb_json_name(DpPbSchema *schema, const char *name, DpError *err)
{
	char	   *result = dp_pb_copy(schema, name, strlen(name), err);
	char	   *to = result;
	bool		up = false;

	if (result == NULL)
		return NULL;
	for (const char *p = name; *p != '\0'; p++)
	{
		if (*p == '_')
			up = true;
		else
		{
			*to++ = up && *p >= 'a' && *p <= 'z' ? *p - ('a' - 'A') : *p;
			up = false;
		}
	}
	*to = '\0';
	return result;
}

const char *
dp_pb_type_word(int type)
{
	return type_words[type];
}

int
dp_pb_type_of_word(const char *word, size_t len)
{
	for (int i = 0; i < (int) lengthof(type_words); i++)
	{
		if (type_words[i] != NULL && strlen(type_words[i]) == len &&
			memcmp(type_words[i], word, len) == 0)
			return i;
	}
	return DP_PB_NAMED;
}

/* --------------------------------------------------------------- symbols */

static uint32
hash_name(const char *name, size_t len)
{
	uint32		h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char) name[i]) * 16777619u;
	return h ^ (h >> 15);
}

/* The bucket of a name, or the free one where it would go. */
static DpPbSymbol *
bucket_of(const DpPbSchema *schema, const char *name, size_t len, uint32 hash)
{
	uint32		i = hash & (schema->nbuckets - 1);

	for (;; i = (i + 1) & (schema->nbuckets - 1))
	{
		DpPbSymbol *symbol = &schema->symbols[i];

		if (symbol->full_name == NULL ||
			(symbol->hash == hash && strncmp(symbol->full_name, name, len) == 0 &&
			 symbol->full_name[len] == '\0'))
			return symbol;
	}
}

static bool
grow(DpPbSchema *schema)
{
	DpPbSchema	bigger = *schema;

	bigger.nbuckets = schema->nbuckets ? schema->nbuckets * 2 : FIRST_BUCKETS;
	bigger.symbols = calloc(bigger.nbuckets, sizeof(DpPbSymbol));
	if (bigger.symbols == NULL)
		return false;
	for (uint32 i = 0; i < schema->nbuckets; i++)
	{
		const DpPbSymbol *symbol = &schema->symbols[i];

		if (symbol->full_name != NULL)
			*bucket_of(&bigger, symbol->full_name, strlen(symbol->full_name),
					   symbol->hash) = *symbol;
	}
	free(schema->symbols);
	schema->symbols = bigger.symbols;
	schema->nbuckets = bigger.nbuckets;
	return true;
}

const DpPbSymbol *
dp_pb_lookup(const DpPbSchema *schema, const char *full_name, size_t len)
{
	const DpPbSymbol *symbol;

	if (schema->nbuckets == 0)
		return NULL;
	symbol = bucket_of(schema, full_name, len, hash_name(full_name, len));
	return symbol->full_name != NULL ? symbol : NULL;
}

bool
dp_pb_declare(DpPbSchema *schema, const char *full_name, DpPbMessage *message, DpPbEnum *e,
			  bool *known, DpError *err)
{
	size_t		len = strlen(full_name);
	uint32		hash = hash_name(full_name, len);
	DpPbSymbol *symbol;

	if (schema->nsymbols * 2 >= schema->nbuckets && !grow(schema))
		return dp_pb_no_memory(err);
	symbol = bucket_of(schema, full_name, len, hash);
	*known = symbol->full_name != NULL;
	if (*known)
		return true;
	symbol->full_name = full_name;
	symbol->hash = hash;
	symbol->message = message;
	symbol->enumeration = e;
	schema->nsymbols++;
	return true;
}

const DpPbSymbol *
dp_pb_resolve(const DpPbSchema *schema, const char *scope, const char *name)
{
	char		full[2 * MAX_NAME + 2];
	size_t		namelen = strlen(name);
	size_t		scopelen = scope != NULL ? strlen(scope) : 0;

	if (*name == '.')
		return dp_pb_lookup(schema, name + 1, namelen - 1);
	if (namelen > MAX_NAME || scopelen > MAX_NAME)
		return NULL;
	if (scopelen > 0)
		memcpy(full, scope, scopelen);
	while (scopelen > 0)
	{
		const DpPbSymbol *symbol;

		full[scopelen] = '.';
		memcpy(full + scopelen + 1, name, namelen + 1);
		symbol = dp_pb_lookup(schema, full, scopelen + 1 + namelen);
		if (symbol != NULL)
			return symbol;
		while (scopelen > 0 && full[--scopelen] != '.')
			;
	}
	return dp_pb_lookup(schema, name, namelen);
}

const DpPbOption *
dp_pb_option(const DpPbOption *options, const char *name)
{
	for (; options != NULL; options = options->next)
	{
		if (!options->parenthesized && options->rest == NULL && strcmp(options->name, name) == 0)
			return options;
	}
	return NULL;
}

/* The message number "index" of a list; groups are not counted. */
static const DpPbMessage *
nth(const DpPbMessage *list, int index)
{
	for (; list != NULL; list = list->next)
	{
		if (!list->is_group && index-- == 0)
			return list;
	}
	return NULL;
}

const DpPbMessage *
dp_pb_message_at(const DpPbSchema *schema, const DpMessagePath *path, DpError *err)
{
	static const int first[] = {0};
	DpMessagePath none = {first, 1};
	const DpPbMessage *list = schema->root->messages;
	const DpPbMessage *message = NULL;

	if (path == NULL || path->n == 0)
		path = &none;
	for (int i = 0; i < path->n; i++)
	{
		message = path->indexes[i] < 0 ? NULL : nth(list, path->indexes[i]);
		if (message == NULL)
		{
			dp_error_set(err, DP_SQLSTATE_BAD_MESSAGE, DP_NO_POSITION,
						 path == &none ? "schema declares no message" :
						 "schema has no message at the index path of the data");
			return NULL;
		}
		list = message->messages;
	}
	return message;
}
