/*-------------------------------------------------------------------------
 *
 * pipeline.h
 *	  A SELECT that is kept up to date in a table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_H
#define DP_PIPELINE_H

#include "nodes/pg_list.h"
#include "query/query.h"
#include "utils/timestamp.h"

typedef enum DpMode
{
	DP_MODE_APPEND,
	DP_MODE_UPSERT,
	DP_MODE_SCD2,
	DP_MODE_AGGREGATE,			/* touched keys, and additive where it is exact */
	DP_MODE_FULL,
	DP_MODE_VIEW
} DpMode;

typedef enum DpInputRole
{
	DP_INPUT_BRONZE,			/* append-only, known by the ledger */
	DP_INPUT_TABLE,				/* known by its change log */
	DP_INPUT_LOOKUP				/* its changes do not matter */
} DpInputRole;

typedef struct DpInput
{
	char	   *name;
	Oid			relid;
	DpInputRole role;
	char	   *bronze_frontier;	/* jsonb as text */
} DpInput;

/* The row of dataplat.pipeline, with what was read off its query. */
typedef struct DpPipeline
{
	char	   *name;
	int32		id;
	Oid			owner;
	Oid			target;			/* InvalidOid: it is gone */
	char	   *target_name;
	char	   *search_path;	/* in which the query is read */
	char	   *time_zone;		/* the same */
	DpMode		mode;
	List	   *keys;			/* char *, columns of the result */
	char	   *sequence_by;	/* column of the result; NULL: none */
	char	   *delete_when;	/* condition over columns of the result */
	List	   *track_history_on;	/* char * */
	List	   *inputs;			/* DpInput */
	bool		filled;			/* the target holds a result already */
	char	   *rebuild_reason;	/* not NULL: all must be computed afresh */
	bool		rebuilding;		/* there is a row in pipeline_rebuild */
	struct DpRules *rules;		/* row rules of the target, in a run that goes by them; NULL: none */
	bool		undone;			/* its run will be rolled back: fuses do not matter */
	DpQuery    *query;
	DpAdditive *additive;		/* mode aggregate, by adding and taking away; or NULL */
	List	   *key_columns;	/* int from 0: the keys' places in the result */
} DpPipeline;

typedef enum DpRunKind
{
	DP_RUN_LIVE,				/* the delta since the last run */
	DP_RUN_FULL,				/* everything, compared with the target */
	DP_RUN_BACKFILL,			/* the delta and a chunk of a range */
	DP_RUN_REBUILD				/* the delta and a chunk of everything */
} DpRunKind;

typedef struct DpRun
{
	int64		run_id;
	DpRunKind	kind;
	const char *reason;			/* why full, when a delta was expected */
	int64		rows_in;
	int64		rows_inserted;
	int64		rows_updated;
	int64		rows_deleted;
	int64		rows_late;
	int64		rows_quarantined;
	double		plan_ms;
	double		exec_ms;
	bool		nothing_new;	/* no delta, nothing stored */
	bool		moved;			/* no net delta, but something was written */
	TimestampTz closes_at;		/* when a window closes although no row comes; 0: none does */
	bool		more;			/* some batches of bronze are left for the next run */
	bool		chunks_left;	/* of a rebuild or a backfill */
	TimestampTz not_before;		/* of the next chunk; 0: now */
} DpRun;

/* In CurrentMemoryContext; needs a transaction and a snapshot.  42704 when there is none. */
extern DpPipeline *dp_pipeline_load(const char *name);

/* The same, once nobody else has it, and it is ours until the transaction ends. */
extern DpPipeline *dp_pipeline_take(const char *name);

/*
 * One run in the current transaction, under one snapshot: take the deltas,
 * apply them with the owner's rights, move the frontiers, store the run
 * record.  The caller holds the pipeline (dp_pipeline_lock) and commits.
 * Errors leave the (sub)transaction to the caller.
 */
extern void dp_pipeline_run(DpPipeline *pipeline, DpRunKind kind, DpRun *run);

/*
 * Take the pipeline for this transaction: one run at a time.  False when
 * somebody else has it and wait is false.
 */
extern bool dp_pipeline_lock(int32 id, bool wait);

#endif							/* DP_PIPELINE_H */
