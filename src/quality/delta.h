/*-------------------------------------------------------------------------
 *
 * delta.h
 *	  What changed in a table since it was last judged.
 *
 * This room knows neither ledgers nor change logs.  Rooms that can tell what
 * changed in a table register here how they do it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_QUALITY_DELTA_H
#define DP_QUALITY_DELTA_H

#include "access/tupdesc.h"
#include "utils/tuplestore.h"

typedef struct DpTableDelta
{
	TupleDesc	desc;			/* the table's own row type */
	Tuplestorestate *old_rows;	/* NULL: none have gone */
	Tuplestorestate *new_rows;
	int64		nold;
	int64		nnew;
	const char *reset;			/* not NULL: why it cannot be told what changed */
} DpTableDelta;

typedef struct DpDeltaReader
{
	const char *kind;
	bool		(*takes) (Oid relid);

	/* Begin to follow the table; an error says why that cannot be. */
	void		(*watch) (Oid relid, const char *reader, Oid owner);

	/*
	 * What the reader has not seen, under the active snapshot.  "frontier" is
	 * what "seen" returned last time.  In CurrentMemoryContext.
	 */
	DpTableDelta *(*read) (Oid relid, const char *reader, const char *frontier);

	/* All that is visible now is seen; the new frontier, palloc'd. */
	char	   *(*seen) (Oid relid, const char *reader);
	void		(*forget) (const char *relation, const char *reader);
} DpDeltaReader;

/* In the order of preference. */
extern void dp_delta_register(const DpDeltaReader *reader);

#endif							/* DP_QUALITY_DELTA_H */
