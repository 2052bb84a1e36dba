/*-------------------------------------------------------------------------
 *
 * wake.h
 *	  Which tables have changed since a pipeline last looked, and who is to
 *	  be woken for it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_WAKE_H
#define DP_PIPELINE_WAKE_H

#include "utils/timestamp.h"

/* From the room's init: shared memory and the two listeners. */
extern void dp_wake_init(void);

/* ---- changes of tables ---- */

/*
 * A number that grows with each commit that changed one of these tables of
 * this database.  Sum before you take a snapshot: what the sum counts, the
 * snapshot sees.
 */
extern uint64 dp_wake_sum(const Oid *relids, int n);

/* Let the next change of these tables wake an idle worker. */
extern void dp_wake_arm(const Oid *relids, int n);

/* Between these two calls this process counts the changes that it commits itself. */
extern void dp_wake_count_own(bool on);
extern uint64 dp_wake_own(const Oid *relids, int n);

/* ---- what is known of each pipeline, in shared memory ---- */

/* Find or make the entry; -1 when there is no room. */
extern int	dp_wake_entry(int32 pipeline_id);

/* Give back the entries of this database's pipelines that are not in the list. */
extern void dp_wake_keep(const int32 *ids, int n);

/* The sum of the last run; false when nothing is known. */
extern bool dp_wake_seen(int entry, int32 pipeline_id, uint64 *sum);
extern void dp_wake_set_seen(int entry, int32 pipeline_id, bool known, uint64 sum);

/* ---- how far readers of bronze tables are behind ---- */

/* Bronze inputs of a pipeline that are watched for this; more are not. */
#define DP_WAKE_BRONZE 4

/* Rows that have come to a bronze table, modulo 2^64, from some beginning. */
extern uint64 dp_wake_rows(Oid relid);

/* Has the entry been told what the pipeline has read? */
extern bool dp_wake_is_reader(int entry, int32 pipeline_id);

/*
 * The pipeline had read so many rows (by dp_wake_rows) of these tables when
 * it looked last; "holds": fetching stops when it is too far behind.
 */
extern void dp_wake_set_reader(int entry, int32 pipeline_id, const char *name, bool holds,
							   int n, const Oid *relids, const uint64 *rows);

/* The reader of a table that is furthest behind, and since when; 0 rows: none is. */
extern uint64 dp_wake_behind(Oid relid, char name[NAMEDATALEN], TimestampTz *since);

/* ---- components: one worker at a time ---- */

/* Take a component, named by one of its pipelines; false when another process has it. */
extern bool dp_wake_claim(int entry, int32 pipeline_id);
extern void dp_wake_release(int entry, int32 pipeline_id, TimestampTz not_before);

/* Taken by somebody else?  *not_before: when it may run again. */
extern bool dp_wake_is_claimed(int entry, int32 pipeline_id, TimestampTz *not_before);

/* ---- workers ---- */

/* This process is a worker of this database, until it ends. */
extern void dp_wake_attach(void);

/* May be woken by a change.  Say it before the last look at the sums. */
extern void dp_wake_set_idle(bool idle);

/* Let one idle worker of this database look, if there is one. */
extern void dp_wake_another(void);

#endif							/* DP_PIPELINE_WAKE_H */
