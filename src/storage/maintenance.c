/*-------------------------------------------------------------------------
 *
 * maintenance.c
 *	  Make, index and drop the partitions of bronze tables in time.
 *
 * Each turn takes care of one table, so that a transaction never holds the
 * locks of two.  Partitions are made days ahead; even with hundreds of tables
 * each has its turn long before it needs one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "launcher/launcher.h"
#include "storage/maintenance.h"

#define SECONDS_BETWEEN_TABLES 5

/* Two names in quotes, every character a doubled quote. */
#define QUALIFIED_NAME_LEN (2 * (2 * NAMEDATALEN + 2))

static int	partitions_ahead = 3;

static void maintain_next_table(void);
static char *table_after(const char *target);

void
dp_storage_maintenance_init(void)
{
	DefineCustomIntVariable("dataplat.partitions_ahead",
							"Days for which bronze partitions are made ahead.",
							"A server that is down for longer than this makes today's partition before it ingests again.",
							&partitions_ahead, 3, 1, 366,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	dp_maintenance_register("bronze tables", SECONDS_BETWEEN_TABLES, maintain_next_table);
}

/*
 * Give the next table in the order of names its turn; one that has more
 * expired partitions keeps the turn.
 */
static void
maintain_next_table(void)
{
	static char last[QUALIFIED_NAME_LEN] = "";
	char		before[QUALIFIED_NAME_LEN];
	char	   *target;
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	bool		isnull;
	bool		again;

	SPI_connect();
	target = table_after(last);
	if (target == NULL && last[0] != '\0')
		target = table_after("");
	if (target == NULL)
	{
		last[0] = '\0';
		SPI_finish();
		return;
	}
	/* one that fails gives its turn to the next */
	strlcpy(before, last, sizeof(before));
	strlcpy(last, target, sizeof(last));

	values[0] = CStringGetTextDatum(target);
	if (SPI_execute_with_args("SELECT dataplat_internal.maintain_bronze_table($1)",
							  1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not maintain bronze table \"%s\"", target);
	again = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	if (again && !isnull)
		strlcpy(last, before, sizeof(last));
	SPI_finish();
}

/* The name of the table that follows, or NULL; needs SPI. */
static char *
table_after(const char *target)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(target)};

	if (SPI_execute_with_args("SELECT b.target FROM dataplat_internal.bronze_table AS b"
							  " WHERE b.target COLLATE \"C\" > $1 ORDER BY b.target COLLATE \"C\" LIMIT 1",
							  1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read dataplat_internal.bronze_table");
	if (SPI_processed == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}
