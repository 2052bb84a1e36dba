/*-------------------------------------------------------------------------
 *
 * extension.c
 *	  Is the extension here, in which version, and is this a copy?
 *
 * The library is loaded once for the whole server while each database has
 * the SQL objects of its own version, so the two can differ after an
 * upgrade of the package.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "common/extension.h"

static bool (*fence_question) (void);
static void (*fence_listener) (void);

char *
dp_extension_version(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("dataplat"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		datum = heap_getattr(tuple, Anum_pg_extension_extversion,
										 RelationGetDescr(rel), &isnull);

		version = isnull ? pstrdup("") : TextDatumGetCString(datum);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return version;
}

void
dp_fence_register(bool (*is_fenced) (void))
{
	fence_question = is_fenced;
}

void
dp_fence_listen(void (*changed) (void))
{
	fence_listener = changed;
}

bool
dp_is_fenced(void)
{
	return fence_question != NULL && fence_question();
}

void
dp_fence_changed(void)
{
	if (fence_listener != NULL)
		fence_listener();
}
