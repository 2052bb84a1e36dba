/*-------------------------------------------------------------------------
 *
 * target.h
 *	  A bronze table as a place to write batches to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_STORAGE_TARGET_H
#define DP_STORAGE_TARGET_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "storage/block.h"
#include "utils/timestamp.h"

/* What a bronze row can hold besides the user's own columns. */
typedef enum DpField
{
	DP_FIELD_TOPIC,
	DP_FIELD_PARTITION,
	DP_FIELD_OFFSET,
	DP_FIELD_TIMESTAMP,
	DP_FIELD_KEY,
	DP_FIELD_HEADERS,
	DP_FIELD_SCHEMA_ID,
	DP_FIELD_BATCH_ID,
	DP_FIELD_INGESTED_AT,
	DP_FIELD_VALUE,
	DP_FIELD_RAW,
	DP_FIELD_RAW_KEY,
	DP_FIELD_TOMBSTONE,
	DP_FIELD_RESCUED
} DpField;

#define DP_FIELD_COUNT (DP_FIELD_RESCUED + 1)

extern const char *const dp_field_names[DP_FIELD_COUNT];

typedef enum DpWritePath
{
	DP_PATH_MULTI_INSERT,		/* straight into the heap of the day's partition */
	DP_PATH_EXECUTOR,			/* INSERT ... SELECT: triggers, defaults, checks, routing */
	DP_PATH_SQL					/* the same towards a foreign or distributed table */
} DpWritePath;

typedef struct DpTarget
{
	MemoryContext context;
	char	   *name;			/* as it is written in dataplat.source */
	Oid			relid;
	Oid			owner;			/* role whose rights are used */
	DpWritePath path;
	const char *path_reason;	/* why not multi_insert; NULL when it is */
	bool		partitioned;	/* by range of _ingested_at, one level */
	TupleDesc	desc;			/* what rows are formed by */
	int			attno[DP_FIELD_COUNT];	/* 0 = the table has no such column */
	Oid			leaf;			/* where the last batch went */
	bool		allow_nonatomic;
	uint64		looked_at;		/* number of changes of tables that it was looked at after */
	int			nslots;
	TupleTableSlot **slots;
} DpTarget;

/* Where the rows of a batch went. */
typedef struct DpWriteResult
{
	char	   *leaf;			/* schema-qualified, palloc'd; NULL unless multi_insert */
	BlockNumber first_block;
	BlockNumber last_block;
} DpWriteResult;

/* The table is no longer what the target was opened for: open it again. */
#define DP_ERRCODE_TARGET_CHANGED MAKE_SQLSTATE('5', '5', 'D', 'P', '1')

extern const char *dp_write_path_name(DpWritePath path);

/*
 * Look at a table and decide how to write to it with the rights of "owner".
 * Needs a transaction; allocates in a child of CurrentMemoryContext that
 * dp_target_free deletes.  Errors: 42P01 no such table, 42501 no right,
 * 42809 not a table, 0A000 row security.
 */
extern DpTarget *dp_target_open(const char *name, Oid owner, bool allow_nonatomic);
extern void dp_target_free(DpTarget *target);

/*
 * Insert rows, in a transaction with an active snapshot.  All rows belong to
 * the partition of "ingested_at".  Returns false, with nothing done, when the
 * table has no partition for that time.  DP_ERRCODE_TARGET_CHANGED: rows that
 * were formed before the table was altered must not go into it.  Adds to
 * *result, which the caller zeroes (first_block InvalidBlockNumber) before the first call.
 */
extern bool dp_target_insert(DpTarget *target, HeapTuple *rows, int nrows,
							 TimestampTz ingested_at, DpWriteResult *result);

#endif							/* DP_STORAGE_TARGET_H */
