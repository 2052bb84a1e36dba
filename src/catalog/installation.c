/*-------------------------------------------------------------------------
 *
 * installation.c
 *	  Is this the database that dataplat was set up in, or a copy of it?
 *
 * A copy carries the original's offsets and would read the same messages as
 * the original, so nothing runs in it before someone has said what it is
 * meant to be.  The table names the server and database of its making: a
 * template copy has another database oid, a restored dump too, and
 * pg_upgrade makes a new system identifier.  A copy of the whole data
 * directory looks the same from inside; that one is told apart through
 * Kafka, by the room that talks to it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "catalog/catalog.h"
#include "catalog/catalog_int.h"
#include "common/extension.h"

PG_FUNCTION_INFO_V1(dp_sql_installation_is_ours);
PG_FUNCTION_INFO_V1(dp_sql_fence_changed);

extern PGDLLEXPORT Datum dp_sql_installation_is_ours(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_sql_fence_changed(PG_FUNCTION_ARGS);

bool
dp_installation_is_ours(void)
{
	Oid			argtypes[2] = {INT8OID, OIDOID};
	Datum		args[2];
	bool		isnull;
	bool		ours;

	if (dp_extension_version() == NULL)
		return false;

	args[0] = Int64GetDatum((int64) GetSystemIdentifier());
	args[1] = ObjectIdGetDatum(MyDatabaseId);
	SPI_connect();
	if (SPI_execute_with_args("SELECT pg_catalog.bool_and(i.system_identifier OPERATOR(pg_catalog.=) $1"
							  " AND i.db_oid OPERATOR(pg_catalog.=) $2)"
							  " FROM dataplat_internal.installation AS i",
							  2, argtypes, args, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the installation");
	ours = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();

	/* No row at all: someone emptied the table.  Better ask. */
	return ours && !isnull;
}

char *
dp_installation_uuid(void)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *uuid = NULL;

	SPI_connect();
	if (SPI_execute("SELECT i.install_uuid FROM dataplat_internal.installation AS i"
					" ORDER BY i.created_at, i.install_uuid LIMIT 1",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the installation");
	if (SPI_processed == 1)
		uuid = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0],
														SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return uuid;
}

static bool
is_fenced(void)
{
	return !dp_installation_is_ours();
}

void
dp_catalog_init(void)
{
	dp_fence_register(is_fenced);
	dp_progress_init();
}

Datum
dp_sql_installation_is_ours(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dp_installation_is_ours());
}

Datum
dp_sql_fence_changed(PG_FUNCTION_ARGS)
{
	dp_fence_changed();
	PG_RETURN_VOID();
}
