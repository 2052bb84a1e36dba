/*-------------------------------------------------------------------------
 *
 * graph.c
 *	  Keep the graph of lineage fresh when nobody asks.
 *
 * Questions read lineage afresh by themselves when something has changed;
 * the chore is for the history of edges and for dataplat.health.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "executor/spi.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "launcher/launcher.h"
#include "lineage/graph.h"

#define SECONDS_BETWEEN_LOOKS 60

/* Not everything is noticed when it changes: new topics that match an expression, databases of older versions. */
#define SECONDS_BETWEEN_FULL_LOOKS 3600

typedef enum DdlCheck
{
	DDL_CHECK_OFF,
	DDL_CHECK_WARN,
	DDL_CHECK_REFUSE
} DdlCheck;

static const struct config_enum_entry ddl_checks[] = {
	{"off", DDL_CHECK_OFF, false},
	{"warn", DDL_CHECK_WARN, false},
	{"refuse", DDL_CHECK_REFUSE, false},
	{NULL, 0, false}
};

static int	ddl_check = DDL_CHECK_WARN;	/* lineage_ddl.sql reads the setting */

static void
refresh_lineage(void)
{
	static TimestampTz read_at = 0;
	TimestampTz now = GetCurrentTimestamp();
	const char *question = "SELECT dataplat_internal.freshen_lineage()";
	Oid			schema = get_namespace_oid("dataplat_internal", true);

	/* a database that still has a version without lineage */
	if (!OidIsValid(schema) || !OidIsValid(get_relname_relid("lineage_stale", schema)))
		return;
	SPI_connect();
	if (TimestampDifferenceExceeds(read_at, now, SECONDS_BETWEEN_FULL_LOOKS * 1000))
	{
		if (read_at != 0 &&
			SPI_execute("SELECT dataplat_internal.mark_lineage_stale('an hour has passed')", false, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not mark lineage as stale");
		read_at = now;
	}
	if (SPI_execute(question, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not refresh lineage");
	SPI_finish();
}

void
dp_lineage_graph_init(void)
{
	DefineCustomEnumVariable("dataplat.lineage_ddl_check",
							 "What happens to DDL that would break a pipeline.",
							 "off, warn or refuse; looked at after ALTER, RENAME and DROP of relations and functions.",
							 &ddl_check, DDL_CHECK_WARN, ddl_checks,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	dp_maintenance_register("lineage", SECONDS_BETWEEN_LOOKS, refresh_lineage);
}
