/*-------------------------------------------------------------------------
 *
 * dataplat.c
 *	  The front door: each room's init in floor order, and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "ingest/dev_broker.h"
#include "launcher/launcher.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	dp_launcher_init();
	dp_dev_broker_init();

	MarkGUCPrefixReserved("dataplat");
}
