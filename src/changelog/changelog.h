/*-------------------------------------------------------------------------
 *
 * changelog.h
 *	  What changed in a table that is not bronze, since somebody last looked.
 *
 * A reader (a pipeline, a user's consumer) watches a table: statement
 * triggers write old and new images of the columns that some reader needs to
 * the table's log.  A reader's frontier is a snapshot: what is visible now
 * and was not then is its delta, whatever commits in whatever order.
 *
 * The frontier also names how far the reader saw into the transaction that
 * it read in itself, because that transaction is not in its own snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_CHANGELOG_H
#define DP_CHANGELOG_H

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"
#include "utils/reltrigger.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"

/*
 * Net changes of one table between a reader's frontier and the active
 * snapshot.  An image that came and went in between is in neither store; a
 * row that changed is once in each.  Both stores have the table's own row
 * type (same attribute numbers, dropped ones too); columns that no reader
 * needs are NULL.
 */
typedef struct DpDelta
{
	Oid			relid;
	TupleDesc	desc;
	Tuplestorestate *old_rows;	/* were there at the frontier, are gone now */
	Tuplestorestate *new_rows;	/* were not there, are now */
	int64		nold;
	int64		nnew;
	const struct DpRowSource *source;	/* where the new ones are read instead; NULL: new_rows */
	void		(*forget) (void *source);	/* what the source holds; NULL: nothing */
	Snapshot	snapshot;		/* of the source; registered */
	bool		quiet;			/* nothing was written past the frontier */
	const char *reset;			/* not NULL: images do not tell what changed
								 * (TRUNCATE, ATTACH, a lost log), in words;
								 * the reader must compute afresh */
} DpDelta;

extern void dp_changelog_init(void);

/*
 * Read what "reader" has not seen of a watched table, under the active
 * snapshot, as the extension's owner (the caller need not have rights on the
 * log).  Allocated in CurrentMemoryContext; tuplestores spill by work_mem.
 * Error 42704 when the reader does not watch the table.  "where they stand":
 * new rows may be left in the log, as a source, when no row has gone.
 */
extern DpDelta *dp_changelog_read(Oid relid, const char *reader, bool where_they_stand);

/* The active snapshot as it is now, registered. */
extern Snapshot dp_own_snapshot(void);

/* Give back a delta, and the temporary files it may have. */
extern void dp_changelog_free(DpDelta *delta);

/*
 * Move the reader's frontier to the active snapshot, in this transaction.
 * Everything that a dp_changelog_read under the same snapshot (and command)
 * returned counts as seen, rows that this transaction wrote itself too.
 */
extern void dp_changelog_advance(Oid relid, const char *reader);

/*
 * Is there anything at all past the frontier, as of now?  Cheap; may say yes
 * for nothing.
 */
extern bool dp_changelog_pending(Oid relid, const char *reader);

/*
 * For code that writes a table below the executor, where no trigger fires:
 * hand over what it did.  dp_changelog_open returns NULL when nobody watches
 * the table; the other two accept NULL.
 */
typedef struct DpLogSink DpLogSink;

extern DpLogSink *dp_changelog_open(Relation relation);
extern void dp_changelog_put(DpLogSink *sink, TupleTableSlot *old_row,
							 TupleTableSlot *new_row);	/* either may be NULL */
extern void dp_changelog_close(DpLogSink *sink);

/*
 * Is this one of the triggers that do the same for SQL?  Code that looks for
 * triggers which a write below the executor would leave out must not mind it.
 */
extern bool dp_changelog_is_ours(const Trigger *trigger);

/*
 * Called after commit, in the session that committed, once for each watched
 * table that it changed (COMMIT PREPARED: for each watched table).  Must not
 * fail and may only touch shared memory.
 */
extern void dp_changelog_listen(void (*changed) (Oid dboid, Oid relid));

/*
 * Tables whose new rows are known otherwise than by a log.  consume() asks the
 * room that knows them.  Frontiers are JSON that only that room reads.
 */
typedef struct DpArrivals
{
	bool		(*takes) (Oid relid);

	/*
	 * Some of the rows past a frontier, under the active snapshot, as the
	 * extension's owner.  *frontier becomes the next one, *more says whether
	 * something is left to read past it.
	 */
	DpDelta    *(*read) (Oid relid, char **frontier, bool *more);
	char	   *(*present) (Oid relid); /* frontier of one who has seen everything */
} DpArrivals;

extern void dp_consume_register(const DpArrivals *arrivals);

#endif							/* DP_CHANGELOG_H */
