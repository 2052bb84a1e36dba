/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The one place that looks at PG_VERSION_NUM.
 *
 * Each difference between the supported servers (15 to 18) is a function
 * with the newest shape, and one line on what changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_COMPAT_H
#define DP_COMMON_COMPAT_H

#include "access/genam.h"
#include "access/nbtree.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "executor/executor.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_proc.h"
#include "optimizer/optimizer.h"
#include "storage/latch.h"
#include "parser/parse_relation.h"
#include "miscadmin.h"
#include "nodes/tidbitmap.h"
#include "utils/acl.h"
#include "utils/rangetypes.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#include "rewrite/rewriteHandler.h"
#endif

/* 18 turned pg_attribute_noreturn() behind into pg_noreturn before. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* 16 lets regular expressions serve interrupts themselves; until then they end with this. */
#if PG_VERSION_NUM >= 160000
#define REG_CANCEL (-1)
#endif

/* 17 turned the variable IsBackgroundWorker into a question. */
#if PG_VERSION_NUM < 170000
#define AmBackgroundWorkerProcess() IsBackgroundWorker
#endif

/* 16 replaced one check per object class by object_ownercheck(). */
static inline bool
dp_object_ownercheck(Oid classid, Oid objectid, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(classid, objectid, roleid);
#else
	if (classid == DatabaseRelationId)
		return pg_database_ownercheck(objectid, roleid);
	if (classid == RelationRelationId)
		return pg_class_ownercheck(objectid, roleid);
	Assert(classid == ExtensionRelationId);
	return pg_extension_ownercheck(objectid, roleid);
#endif
}

/* 16 replaced one check per object class by object_aclcheck(). */
static inline AclResult
dp_object_aclcheck(Oid classid, Oid objectid, Oid roleid, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(classid, objectid, roleid, mode);
#else
	if (classid == DatabaseRelationId)
		return pg_database_aclcheck(objectid, roleid, mode);
	if (classid == ProcedureRelationId)
		return pg_proc_aclcheck(objectid, roleid, mode);
	Assert(classid == ForeignServerRelationId);
	return pg_foreign_server_aclcheck(objectid, roleid, mode);
#endif
}

/* 17 lets extensions name their wait events. */
static inline uint32
dp_wait_event_new(const char *name)
{
#if PG_VERSION_NUM >= 170000
	return WaitEventExtensionNew(name);
#else
	return PG_WAIT_EXTENSION;
#endif
}

/* 17 ties it to a resource owner; NULL: it lives until it is freed. */
static inline WaitEventSet *
dp_create_wait_event_set(int nevents)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, nevents);
#else
	return CreateWaitEventSet(TopMemoryContext, nevents);
#endif
}

/* 16 added onlySummarizing. */
static inline void
dp_exec_insert_index_tuples(ResultRelInfo *rri, TupleTableSlot *slot, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	List	   *recheck = ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL, false);
#else
	List	   *recheck = ExecInsertIndexTuples(rri, slot, estate, false, false, NULL, NIL);
#endif
	list_free(recheck);
}

/* 16 added the context that takes soft errors. */
static inline RangeType *
dp_make_range(TypeCacheEntry *type, RangeBound *lower, RangeBound *upper, bool empty)
{
#if PG_VERSION_NUM >= 160000
	return make_range(type, lower, upper, empty, NULL);
#else
	return make_range(type, lower, upper, empty);
#endif
}

/* 16 tells which indexes an update needs, where it was yes or no. */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes DpUpdateIndexes;
#else
typedef bool DpUpdateIndexes;
#endif

/* After table_tuple_update() that filled "which"; 16 added onlySummarizing. */
static inline void
dp_exec_update_index_tuples(ResultRelInfo *rri, TupleTableSlot *slot, EState *estate,
							DpUpdateIndexes which)
{
	List	   *recheck;

	if (!which)
		return;
#if PG_VERSION_NUM >= 160000
	recheck = ExecInsertIndexTuples(rri, slot, estate, true, false, NULL, NIL,
									which == TU_Summarizing);
#else
	recheck = ExecInsertIndexTuples(rri, slot, estate, true, false, NULL, NIL);
#endif
	list_free(recheck);
}

/* 18 counts searches for EXPLAIN. */
static inline IndexScanDesc
dp_index_beginscan(Relation heap, Relation index, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(heap, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(heap, index, snapshot, nkeys, 0);
#endif
}

/* After the last index_insert(); from 17 on what an index kept for the next one must be given back. */
static inline void
dp_index_insert_end(Relation index, struct IndexInfo *info)
{
#if PG_VERSION_NUM >= 170000
	index_insert_cleanup(index, info);
#endif
}

/* 16 asks for the table; 17 needs no snapshot, which was for old_snapshot_threshold. */
static inline BTStack
dp_bt_search(Relation index, Relation heap, BTScanInsert key, Buffer *leaf)
{
#if PG_VERSION_NUM >= 170000
	return _bt_search(index, heap, key, leaf, BT_READ);
#elif PG_VERSION_NUM >= 160000
	return _bt_search(index, heap, key, leaf, BT_READ, NULL);
#else
	return _bt_search(index, key, leaf, BT_READ, NULL);
#endif
}

/* 16 gave it a planner's root, which may be NULL. */
static inline Node *
dp_flatten_join_alias_vars(Query *query, Node *node)
{
#if PG_VERSION_NUM >= 160000
	return flatten_join_alias_vars(NULL, query, node);
#else
	return flatten_join_alias_vars(query, node);
#endif
}

/* 18 keeps grouping expressions in a range table entry of their own. */
static inline void
dp_flatten_group_exprs(Query *query)
{
#if PG_VERSION_NUM >= 180000
	if (query->hasGroupRTE)
	{
		query->targetList = (List *) flatten_group_exprs(NULL, query, (Node *) query->targetList);
		query->havingQual = flatten_group_exprs(NULL, query, query->havingQual);
	}
#endif
}

/* 18 lets room be left before the tuple. */
static inline MinimalTuple
dp_form_minimal_tuple(TupleDesc desc, Datum *values, bool *nulls)
{
#if PG_VERSION_NUM >= 180000
	return heap_form_minimal_tuple(desc, values, nulls, 0);
#else
	return heap_form_minimal_tuple(desc, values, nulls);
#endif
}

/* 18 dropped execute_once. */
static inline void
dp_executor_run(QueryDesc *desc, ScanDirection direction, uint64 count)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(desc, direction, count);
#else
	ExecutorRun(desc, direction, count, true);
#endif
}

/* 16 moved the rights that a relation's entry asks for to a list of their own. */
static inline Oid
dp_rte_get_user(Query *query, RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 160000
	return rte->perminfoindex == 0 ? InvalidOid : getRTEPermissionInfo(query->rteperminfos, rte)->checkAsUser;
#else
	return rte->checkAsUser;
#endif
}

static inline void
dp_rte_set_user(Query *query, RangeTblEntry *rte, Oid user)
{
#if PG_VERSION_NUM >= 160000
	if (rte->perminfoindex != 0)
		getRTEPermissionInfo(query->rteperminfos, rte)->checkAsUser = user;
#else
	rte->checkAsUser = user;
#endif
}

/* One more column of the relation will be read. */
static inline void
dp_rte_select_column(Query *query, RangeTblEntry *rte, AttrNumber attno)
{
	int			member = attno - FirstLowInvalidHeapAttributeNumber;

#if PG_VERSION_NUM >= 160000
	RTEPermissionInfo *info = getRTEPermissionInfo(query->rteperminfos, rte);

	info->selectedCols = bms_add_member(info->selectedCols, member);
#else
	rte->selectedCols = bms_add_member(rte->selectedCols, member);
#endif
}

/* Let entry "index" of a query be what "rte" is in another, rights included. */
static inline void
dp_rte_replace(Query *query, int index, Query *from, RangeTblEntry *rte)
{
	RangeTblEntry *copy = copyObject(rte);

#if PG_VERSION_NUM >= 160000
	RangeTblEntry *old = list_nth_node(RangeTblEntry, query->rtable, index - 1);

	copy->perminfoindex = old->perminfoindex;
	if (old->perminfoindex != 0)
		lfirst(list_nth_cell(query->rteperminfos, old->perminfoindex - 1)) =
			copyObject(getRTEPermissionInfo(from->rteperminfos, rte));
#endif
	lfirst(list_nth_cell(query->rtable, index - 1)) = copy;
}

/* An entry that is no relation any more asks for no rights. */
static inline void
dp_rte_forget_relation(RangeTblEntry *rte)
{
	rte->relid = InvalidOid;
	rte->relkind = 0;
	rte->rellockmode = 0;
	rte->tablesample = NULL;
	rte->inh = false;
#if PG_VERSION_NUM >= 160000
	rte->perminfoindex = 0;
#else
	rte->requiredPerms = 0;
	rte->checkAsUser = InvalidOid;
	rte->selectedCols = NULL;
	rte->extraUpdatedCols = NULL;
#endif
}

/* What a hook in ExecutorRun is called with; 18 dropped execute_once. */
#if PG_VERSION_NUM >= 180000
#define DP_EXECUTOR_RUN_PARAMS QueryDesc *desc, ScanDirection direction, uint64 count
#define DP_EXECUTOR_RUN_ARGS desc, direction, count
#else
#define DP_EXECUTOR_RUN_PARAMS QueryDesc *desc, ScanDirection direction, uint64 count, bool once
#define DP_EXECUTOR_RUN_ARGS desc, direction, count, once
#endif

/* 18 keeps grouping expressions in an entry of their own; NULL: it is not such an entry. */
static inline Node *
dp_rte_group_expr(RangeTblEntry *rte, AttrNumber attno)
{
#if PG_VERSION_NUM >= 180000
	if (rte->rtekind == RTE_GROUP && attno > 0 && attno <= list_length(rte->groupexprs))
		return list_nth(rte->groupexprs, attno - 1);
#endif
	return NULL;
}

/* 17 took the condition of a MERGE out of its join tree. */
static inline Node *
dp_merge_condition(Query *query)
{
#if PG_VERSION_NUM >= 170000
	return query->mergeJoinCondition;
#else
	return NULL;
#endif
}

/* An error unless what one level of a query asks for is granted; 16 moved that to a list of its own. */
static inline void
dp_check_rights(Query *query)
{
#if PG_VERSION_NUM >= 160000
	(void) ExecCheckPermissions(query->rtable, query->rteperminfos, true);
#else
	(void) ExecCheckRTPerms(query->rtable, true);
#endif
}

/* 16 notes in a Var which outer joins may make it NULL. */
static inline void
dp_var_drop_nulling(Var *var, int rtindex)
{
#if PG_VERSION_NUM >= 160000
	var->varnullingrels = bms_del_member(bms_copy(var->varnullingrels), rtindex);
#endif
}

static inline void
dp_var_add_nulling(Var *var, int rtindex)
{
#if PG_VERSION_NUM >= 160000
	var->varnullingrels = bms_add_member(bms_copy(var->varnullingrels), rtindex);
#endif
}

/* 17 lets the expression of a generated column be changed. */
static inline bool
dp_alters_expression(const AlterTableCmd *cmd)
{
#if PG_VERSION_NUM >= 170000
	return cmd->subtype == AT_SetExpression;
#else
	return false;
#endif
}

/* 18 has generated columns that are not stored: rows of the table hold NULL there. */
static inline bool
dp_is_virtual(TupleDesc desc, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	return TupleDescAttr(desc, attnum - 1)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	return false;
#endif
}

/* What makes the value of such a column. */
static inline Node *
dp_virtual_expr(Relation rel, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	return build_generation_expression(rel, attnum);
#else
	return NULL;
#endif
}

/* 18 counts index scans for EXPLAIN, and iterates a bitmap into a result of the caller's. */
static inline void
dp_index_blocks(Relation index, Snapshot snapshot, ScanKey key, int nkeys,
				void (*block) (BlockNumber blkno, void *arg), void *arg)
{
	TIDBitmap  *bitmap = tbm_create((Size) work_mem * 1024, NULL);
#if PG_VERSION_NUM >= 180000
	IndexScanDesc scan = index_beginscan_bitmap(index, snapshot, NULL, nkeys);
	TBMPrivateIterator *iterator;
	TBMIterateResult result;
#else
	IndexScanDesc scan = index_beginscan_bitmap(index, snapshot, nkeys);
	TBMIterator *iterator;
	TBMIterateResult *result;
#endif

	index_rescan(scan, key, nkeys, NULL, 0);
	(void) index_getbitmap(scan, bitmap);
	index_endscan(scan);
#if PG_VERSION_NUM >= 180000
	iterator = tbm_begin_private_iterate(bitmap);
	while (tbm_private_iterate(iterator, &result))
		block(result.blockno, arg);
	tbm_end_private_iterate(iterator);
#else
	iterator = tbm_begin_iterate(bitmap);
	while ((result = tbm_iterate(iterator)) != NULL)
		block(result->blockno, arg);
	tbm_end_iterate(iterator);
#endif
	tbm_free(bitmap);
}

#endif							/* DP_COMMON_COMPAT_H */
