/*-------------------------------------------------------------------------
 *
 * target.c
 *	  A bronze table as a place to write batches to: how it may be written.
 *
 * The fast path puts tuples straight into the heap, so it must leave nothing
 * out that an INSERT would do.  This file decides, by what the table is,
 * whether there is anything to leave out: triggers, rules, defaults, checks,
 * generated columns, row security, foreign and distributed tables.  In doubt
 * the executor writes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "partitioning/partdesc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "storage/target.h"
#include "storage/target_int.h"

const char *const dp_field_names[DP_FIELD_COUNT] = {
	"_topic", "_partition", "_offset", "_timestamp", "_key", "_headers",
	"_schema_id", "_batch_id", "_ingested_at", "value", "_raw", "_raw_key",
	"_tombstone", "_rescued"
};

const char *
dp_write_path_name(DpWritePath path)
{
	switch (path)
	{
		case DP_PATH_MULTI_INSERT:
			return "multi_insert";
		case DP_PATH_EXECUTOR:
			return "executor";
		case DP_PATH_SQL:
			return "sql";
	}
	return "unknown";
}

/*
 * Is the table spread over other servers by an extension whose planner hooks
 * a direct write would go around?  Citus and TimescaleDB keep lists.
 */
static bool
is_distributed(Oid relid)
{
	static const char *const lists[] = {
		"SELECT 1 FROM pg_catalog.pg_dist_partition WHERE logicalrelid = $1",
		"SELECT 1 FROM _timescaledb_catalog.hypertable AS h, pg_catalog.pg_class AS c, pg_catalog.pg_namespace AS n "
		"WHERE c.oid = $1 AND n.oid = c.relnamespace AND h.schema_name = n.nspname AND h.table_name = c.relname"
	};
	static const char *const needs[] = {
		"pg_catalog.pg_dist_partition", "_timescaledb_catalog.hypertable"
	};
	bool		found = false;

	for (int i = 0; i < lengthof(lists) && !found; i++)
	{
		Oid			argtype = OIDOID;
		Datum		arg = ObjectIdGetDatum(relid);
		List	   *names = textToQualifiedNameList(cstring_to_text(needs[i]));

		if (!OidIsValid(RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, true)))
			continue;
		SPI_connect();
		SPI_execute_with_args(lists[i], 1, &argtype, &arg, NULL, true, 1);
		found = SPI_processed > 0;
		SPI_finish();
	}
	return found;
}

/* Find our columns by name and type; an absent one stays 0. */
static void
map_fields(DpTarget *target, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		for (int f = 0; f < DP_FIELD_COUNT; f++)
			if (strcmp(NameStr(att->attname), dp_field_names[f]) == 0)
				target->attno[f] = att->attnum;
	}
}

/* A default has nothing to do in a column that every row fills. */
static bool
is_never_null(const DpTarget *target, int attno)
{
	static const DpField always[] = {
		DP_FIELD_TOPIC, DP_FIELD_PARTITION, DP_FIELD_OFFSET, DP_FIELD_BATCH_ID,
		DP_FIELD_INGESTED_AT, DP_FIELD_TOMBSTONE
	};

	for (int i = 0; i < lengthof(always); i++)
		if (target->attno[always[i]] == attno)
			return true;
	return false;
}

/* Columns that a plain heap insert would leave wrong; NULL when there is none. */
static const char *
column_obstacle(DpTarget *target, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		if (att->attgenerated)
			return "it has generated columns";
		if (att->attidentity)
			return "it has identity columns";
		if (att->atthasdef && !is_never_null(target, att->attnum))
			return "it has columns with defaults";
		if (get_typtype(att->atttypid) == TYPTYPE_DOMAIN)
			return "it has columns of domain types";
	}
	return NULL;
}

/* What stands against writing to the heap directly; NULL when nothing does. */
static const char *
heap_obstacle(Relation rel)
{
	if (rel->trigdesc &&
		(rel->trigdesc->trig_insert_before_row || rel->trigdesc->trig_insert_after_row ||
		 rel->trigdesc->trig_insert_instead_row || rel->trigdesc->trig_insert_before_statement ||
		 rel->trigdesc->trig_insert_after_statement || rel->trigdesc->trig_insert_new_table))
		return "it has triggers";
	if (rel->rd_rules)
		return "it has rules";
	if (rel->rd_att->constr && rel->rd_att->constr->num_check > 0)
		return "it has check constraints";
	return NULL;
}

const char *
dp_leaf_obstacle(Relation leaf)
{
	if (leaf->rd_rel->relkind != RELKIND_RELATION)
		return "its partitions are not plain tables";
	if (leaf->rd_tableam != GetHeapamTableAmRoutine())
		return "its access method is not heap";
	return heap_obstacle(leaf);
}

/* One level, range, by _ingested_at alone, timestamptz. */
static bool
is_partitioned_by_ingest_time(DpTarget *target, Relation rel)
{
	PartitionKey key = RelationGetPartitionKey(rel);

	return key->strategy == PARTITION_STRATEGY_RANGE && key->partnatts == 1 &&
		key->partattrs[0] != 0 &&
		key->partattrs[0] == target->attno[DP_FIELD_INGESTED_AT] &&
		key->parttypid[0] == TIMESTAMPTZOID;
}

static void
choose_path(DpTarget *target, Relation rel, bool allow_nonatomic)
{
	char		relkind = rel->rd_rel->relkind;
	const char *why;

	target->path = DP_PATH_EXECUTOR;
	if (relkind == RELKIND_FOREIGN_TABLE)
	{
		if (!allow_nonatomic)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot ingest exactly once into foreign table \"%s\"", target->name),
					 errdetail("The remote server commits by itself, so rows and offsets could part."),
					 errhint("Ingest into a local table, or accept repeated rows with options => '{\"allow_nonatomic\": true}'.")));
		target->path = DP_PATH_SQL;
		target->path_reason = "it is a foreign table";
		return;
	}
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", target->name),
				 errhint("Bronze rows can go to a table, a partitioned table or a foreign table.")));
	if (check_enable_rls(target->relid, target->owner, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("role \"%s\" cannot ingest into table \"%s\" with row-level security enabled",
						GetUserNameFromId(target->owner, false), target->name),
				 errhint("Let a role that bypasses row security, or the table's owner without FORCE, own the source.")));
	if (is_distributed(target->relid))
	{
		target->path = DP_PATH_SQL;
		target->path_reason = "it is a distributed table";
		return;
	}
	if ((why = heap_obstacle(rel)) != NULL ||
		(why = column_obstacle(target, rel)) != NULL)
		target->path_reason = why;
	else if (relkind == RELKIND_PARTITIONED_TABLE)
	{
		if (is_partitioned_by_ingest_time(target, rel))
		{
			target->partitioned = true;
			target->path = DP_PATH_MULTI_INSERT;
		}
		else
			target->path_reason = "it is not partitioned by range of _ingested_at";
	}
	else if ((why = dp_leaf_obstacle(rel)) != NULL)
		target->path_reason = why;
	else
		target->path = DP_PATH_MULTI_INSERT;
}

/* Tables whose changes count, the latest ones opened; a session has few. */
#define DP_WATCHED 16

static Oid	watched[DP_WATCHED];
static int	nwatched = 0;
static uint64 changes = 0;

static void
count_change(Datum arg, Oid relid)
{
	for (int i = 0; i < Min(nwatched, DP_WATCHED); i++)
		if (relid == InvalidOid || watched[i] == relid)
		{
			changes++;
			return;
		}
}

/* Hear of changes of this table from now on. */
static void
watch(Oid relid)
{
	if (nwatched == 0)
		CacheRegisterRelcacheCallback(count_change, (Datum) 0);
	for (int i = 0; i < Min(nwatched, DP_WATCHED); i++)
		if (watched[i] == relid)
			return;
	watched[nwatched++ % DP_WATCHED] = relid;
}

/* Would rows be formed for the one as for the other? */
static bool
same_columns(TupleDesc a, TupleDesc b)
{
	if (a->natts != b->natts)
		return false;
	for (int i = 0; i < a->natts; i++)
	{
		Form_pg_attribute x = TupleDescAttr(a, i);
		Form_pg_attribute y = TupleDescAttr(b, i);

		if (x->attisdropped != y->attisdropped || x->atttypid != y->atttypid ||
			x->atttypmod != y->atttypmod || x->attnotnull != y->attnotnull ||
			x->atthasdef != y->atthasdef || x->attidentity != y->attidentity ||
			x->attgenerated != y->attgenerated || x->attalign != y->attalign ||
			strcmp(NameStr(x->attname), NameStr(y->attname)) != 0)
			return false;
	}
	return true;
}

static void
check_right(const DpTarget *target)
{
	AclResult	acl = pg_class_aclcheck(target->relid, target->owner, ACL_INSERT);

	if (acl != ACLCHECK_OK)
		aclcheck_error(acl, OBJECT_TABLE, target->name);
}

void
dp_target_recheck(DpTarget *target, Relation rel)
{
	DpTarget	now = *target;
	uint64		seen = changes;

	if (target->looked_at == seen)
		return;
	now.partitioned = false;
	check_right(target);
	choose_path(&now, rel, target->allow_nonatomic);
	if (now.path != target->path || now.partitioned != target->partitioned ||
		!same_columns(RelationGetDescr(rel), target->desc))
		ereport(ERROR,
				(errcode(DP_ERRCODE_TARGET_CHANGED),
				 errmsg("table \"%s\" was altered meanwhile", target->name),
				 errhint("Try again.")));
	target->looked_at = seen;
}

DpTarget *
dp_target_open(const char *name, Oid owner, bool allow_nonatomic)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dataplat target",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DpTarget   *target = palloc0(sizeof(DpTarget));
	RangeVar   *rv = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name)));
	Relation	rel;

	target->context = context;
	target->name = pstrdup(name);
	target->owner = owner;
	rel = table_openrv(rv, AccessShareLock);
	target->relid = RelationGetRelid(rel);
	target->allow_nonatomic = allow_nonatomic;
	watch(target->relid);
	target->looked_at = changes;
	check_right(target);
	map_fields(target, rel);
	choose_path(target, rel, allow_nonatomic);
	target->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	table_close(rel, AccessShareLock);

	target->nslots = DP_INSERT_CHUNK;
	target->slots = palloc(sizeof(TupleTableSlot *) * target->nslots);
	for (int i = 0; i < target->nslots; i++)
		target->slots[i] = MakeSingleTupleTableSlot(target->desc, &TTSOpsHeapTuple);
	MemoryContextSwitchTo(old);
	return target;
}

void
dp_target_free(DpTarget *target)
{
	for (int i = 0; i < target->nslots; i++)
		ExecClearTuple(target->slots[i]);
	MemoryContextDelete(target->context);
}
