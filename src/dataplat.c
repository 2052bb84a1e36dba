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

#include "common/hostguard.h"
#include "ingest/dev_broker.h"
#include "kafka/options.h"
#include "launcher/launcher.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	dp_hostguard_init();
	dp_options_init();
	dp_launcher_init();
	dp_dev_broker_init();

	MarkGUCPrefixReserved("dataplat");
}
