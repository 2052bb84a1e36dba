/*-------------------------------------------------------------------------
 *
 * refresh.c
 *	  Look at every relation again from time to time.
 *
 * An event trigger keeps the catalog up to date; this finds what it could not
 * see (databases that were there before the extension, restored dumps, a
 * disabled trigger) and counts uses.  The maintenance worker belongs to a
 * room of this floor, so a room above registers this as its chore.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"

#include "catalog/catalog.h"

void
dp_catalog_refresh(void)
{
	SPI_connect();
	if (SPI_execute("SELECT dataplat_internal.tend_catalog()", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not refresh the catalog");
	SPI_finish();
}
