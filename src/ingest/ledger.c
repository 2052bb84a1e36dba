/*-------------------------------------------------------------------------
 *
 * ledger.c
 *	  Forget old batches, a few at a time.
 *
 * The ledger grows by a row for each batch and partition.  What the counters
 * of the partitions say does not depend on it, so old rows can go once no
 * reader finds its rows by them any more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/guc.h"

#include "ingest/ledger.h"
#include "launcher/launcher.h"

#define SECONDS_BETWEEN_TRIMS 60

static int	ledger_retention = 30 * 24 * 60;

static void trim_ledger(void);

void
dp_ledger_init(void)
{
	DefineCustomIntVariable("dataplat.ledger_retention",
							"How long the rows of dataplat.batch are kept.",
							"A row that a reader of the bronze table still needs stays longer.",
							&ledger_retention, 30 * 24 * 60, 60, INT_MAX / 60,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	dp_maintenance_register("ledger", SECONDS_BETWEEN_TRIMS, trim_ledger);
}

static void
trim_ledger(void)
{
	SPI_connect();
	if (SPI_execute("SELECT dataplat_internal.trim_ledger()", false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not trim the ledger");
	SPI_finish();
}
