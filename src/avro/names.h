/*-------------------------------------------------------------------------
 *
 * names.h
 *	  Names of types, and a table to find things by name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_NAMES_H
#define DP_AVRO_NAMES_H

#include "postgres.h"

#include "avro/model.h"

/* Open addressing; keys are not copied.  Zeroes: empty. */
typedef struct DpAvroTable
{
	struct
	{
		const char *key;
		const void *value;
	}		   *slots;
	uint32		nslots;
	uint32		used;
} DpAvroTable;

extern const void *dp_avro_table_get(const DpAvroTable *table, const char *key);

/* False when memory ran out.  A key that is there gets the new value. */
extern bool dp_avro_table_put(DpAvroTable *table, const char *key, const void *value);
extern void dp_avro_table_free(DpAvroTable *table);

/* [A-Za-z_][A-Za-z0-9_]* */
extern bool dp_avro_is_name(const char *s);

/*
 * The full name of "name" in a namespace, which a name with dots overrides.
 * False and *err when it is not legal.
 */
extern bool dp_avro_make_name(DpArena *arena, const char *name, const char *space,
							  DpAvroName *out, DpError *err);

#endif							/* DP_AVRO_NAMES_H */
