/*-------------------------------------------------------------------------
 *
 * reset.c
 *	  Marks in a log: from here on, images alone do not tell what changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "changelog/changelog_int.h"

/* A row like any other: it is seen when its transaction is. */
void
dp_log_write_reset(int32 log_id, const char *reason)
{
	Oid			types[4] = {INT4OID, INT8OID, INT8OID, TEXTOID};
	Datum		values[4];
	Oid			save_userid;
	int			save_sec_context;

	values[0] = Int32GetDatum(log_id);
	values[1] = Int64GetDatum((int64) U64FromFullTransactionId(GetTopFullTransactionId()));
	values[2] = Int64GetDatum(dp_log_next_seq());
	values[3] = CStringGetTextDatum(reason);
	dp_log_as_owner(&save_userid, &save_sec_context);
	SPI_connect();
	if (SPI_execute_with_args("INSERT INTO dataplat_internal.change_log_reset (log_id, xid, seq, reason)"
							  " VALUES ($1, $2, $3, $4)",
							  4, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write to dataplat_internal.change_log_reset");
	SPI_finish();
	SetUserIdAndSecContext(save_userid, save_sec_context);
}

void
dp_changelog_init(void)
{
	dp_log_listen_init();
	dp_log_ddl_init();
	dp_log_merge_init();
	dp_log_stopped_init();
	dp_log_rotate_init();
}

extern PGDLLEXPORT Datum dp_write_reset(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_write_reset);

/* dataplat_internal.write_reset(log_id int, reason text) returns void */
Datum
dp_write_reset(PG_FUNCTION_ARGS)
{
	dp_log_write_reset(PG_GETARG_INT32(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}
