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

#include "catalog/catalog.h"
#include "changelog/changelog.h"
#include "common/hostguard.h"
#include "common/inject.h"
#include "formats/sql.h"
#include "ingest/dev_broker.h"
#include "ingest/ingest.h"
#include "ingest/ledger.h"
#include "jsonschema/jsonschema.h"
#include "kafka/options.h"
#include "launcher/launcher.h"
#include "lineage/graph.h"
#include "lineage/observe.h"
#include "lineage/openlineage.h"
#include "pipeline/time.h"
#include "pipeline/worker.h"
#include "quality/quality.h"
#include "registry/registry.h"
#include "storage/maintenance.h"
#include "telemetry/partition_stats.h"
#include "web/web.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
#ifdef DATAPLAT_INJECTION
	dp_inject_init();
#endif
	dp_hostguard_init();
	dp_formats_init();
	dp_jsonschema_init();
	dp_partition_stats_init();
	dp_options_init();
	dp_catalog_init();
	dp_launcher_init();
	dp_storage_maintenance_init();
	dp_changelog_init();
	dp_lineage_graph_init();
	dp_registry_init();
	dp_quality_init();
	dp_openlineage_init();
	dp_observe_init();
	dp_ingest_init();
	dp_ledger_init();
	dp_dev_broker_init();
	dp_pipeline_worker_init();
	dp_time_init();
	dp_web_init();

	MarkGUCPrefixReserved("dataplat");
}
