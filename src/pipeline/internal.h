/*-------------------------------------------------------------------------
 *
 * internal.h
 *	  What the files of the pipeline room share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_INTERNAL_H
#define DP_PIPELINE_INTERNAL_H

#include "changelog/changelog.h"
#include "common/role.h"
#include "pipeline/pipeline.h"

/* ---- load.c ---- */
extern void dp_enter_owner(const DpPipeline *pipeline, DpRoleScope *scope);
extern List *dp_text_list(Datum array, bool isnull);
extern List *dp_text_items(const char *text);
extern Oid	dp_relation_by_name(const char *name);

/* ---- run.c ---- */
extern char *dp_pipeline_reader(const DpPipeline *pipeline);

/* ---- verify.c ---- */
extern void dp_compare_target(DpPipeline *pipeline, int64 *counts);
extern void dp_compare_events(DpPipeline *pipeline, int64 *counts);

/* ---- analyze.c ---- */

/* Does a source fill it? */
extern bool dp_is_bronze(Oid relid);

/* Error 0A000 where policies would hide rows from the owner. */
extern void dp_check_row_security(const DpPipeline *pipeline, const DpQuery *query);

/* ---- consume.c ---- */
extern void dp_pipeline_consume_init(void);

/* ---- quality_delta.c ---- */
extern void dp_quality_delta_init(void);

/* ---- bronze.c ---- */

/*
 * New rows of a bronze table, by the ledger, under the active snapshot;
 * "columns" as in DpQueryInput.  *frontier is what to store with
 * dp_bronze_advance when the rows are dealt with.  "where they stand": as in
 * dp_changelog_read; the number of new rows is then what the ledger says.
 */
extern DpDelta *dp_bronze_read(const DpInput *input, const DpQueryInput *used, bool where_they_stand, char **frontier);
extern void dp_bronze_advance(const char *pipeline, const DpInput *input, const char *frontier);

/* Everything visible now counts as seen; text of the frontier. */
extern char *dp_bronze_frontier_now(const DpInput *input);

#endif							/* DP_PIPELINE_INTERNAL_H */
