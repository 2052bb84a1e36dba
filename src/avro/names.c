/*-------------------------------------------------------------------------
 *
 * names.c
 *	  Names of types, and a table to find things by name.
 *
 * A name is checked as the specification says.  Of a namespace we only ask
 * that its parts are not empty: Avro's own implementations take any, and
 * topics full of data exist whose namespace has a hyphen.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/names.h"
#include "formats/nodes.h"

#define FIRST_SLOTS 16			/* a power of two */
#define NAME_MAX_BYTES 4096		/* of a full name */

static uint32
slot_of(const DpAvroTable *table, const char *key)
{
	uint32		h = 2166136261u;

	for (const char *p = key; *p; p++)
		h = (h ^ (unsigned char) *p) * 16777619u;
	h = (h ^ (h >> 15)) & (table->nslots - 1);
	while (table->slots[h].key != NULL && strcmp(table->slots[h].key, key) != 0)
		h = (h + 1) & (table->nslots - 1);
	return h;
}

const void *
dp_avro_table_get(const DpAvroTable *table, const char *key)
{
	return table->nslots == 0 ? NULL : table->slots[slot_of(table, key)].value;
}

static bool
grow(DpAvroTable *table)
{
	DpAvroTable bigger = {NULL, table->nslots ? 2 * table->nslots : FIRST_SLOTS, table->used};

	bigger.slots = calloc(bigger.nslots, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return false;
	for (uint32 i = 0; i < table->nslots; i++)
	{
		if (table->slots[i].key != NULL)
			bigger.slots[slot_of(&bigger, table->slots[i].key)] = table->slots[i];
	}
	free(table->slots);
	*table = bigger;
	return true;
}

bool
dp_avro_table_put(DpAvroTable *table, const char *key, const void *value)
{
	uint32		i;

	if (2 * (table->used + 1) > table->nslots && !grow(table))
		return false;
	i = slot_of(table, key);
	table->used += table->slots[i].key == NULL;
	table->slots[i].key = key;
	table->slots[i].value = value;
	return true;
}

void
dp_avro_table_free(DpAvroTable *table)
{
	free(table->slots);
	memset(table, 0, sizeof(*table));
}

static inline bool
is_letter(char c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

bool
dp_avro_is_name(const char *s)
{
	if (!is_letter(*s))
		return false;
	for (s++; *s; s++)
	{
		if (!is_letter(*s) && !(*s >= '0' && *s <= '9'))
			return false;
	}
	return true;
}

bool
dp_avro_make_name(DpArena *arena, const char *name, const char *space, DpAvroName *out,
				  DpError *err)
{
	const char *dot = strrchr(name, '.');
	size_t		spacelen = dot ? dot - name : strlen(space);
	const char *simple = dot ? dot + 1 : name;
	size_t		simplelen = strlen(simple);
	char	   *full;
	char	   *copy;

	if (!dp_avro_is_name(simple))
		return dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
							"\"%.60s\" is not a legal Avro name", simple);
	if (spacelen + simplelen > NAME_MAX_BYTES)
		return dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"Avro name is longer than %d bytes", NAME_MAX_BYTES);
	if (dot)
		space = name;
	for (size_t i = 0; i < spacelen; i++)
	{
		if (space[i] == '.' && (i == 0 || space[i - 1] == '.' || i + 1 == spacelen))
			return dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
								"\"%.60s\" is not a legal Avro namespace", space);
	}
	full = dp_arena_alloc(arena, spacelen + simplelen + 3);
	copy = dp_arena_alloc(arena, spacelen + 1);
	if (full == NULL || copy == NULL)
		return dp_out_of_memory(err);
	memcpy(copy, space, spacelen);
	copy[spacelen] = '\0';
	*full++ = '.';
	out->absolute = spacelen > 0 ? full : full - 1;
	memcpy(full, space, spacelen);
	if (spacelen > 0)
		full[spacelen++] = '.';
	memcpy(full + spacelen, simple, simplelen + 1);
	out->full = full;
	out->simple = full + spacelen;
	out->space = copy;
	return true;
}
