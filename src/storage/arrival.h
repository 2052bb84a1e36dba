/*-------------------------------------------------------------------------
 *
 * arrival.h
 *	  Rows have come to a bronze table; its readers are too far behind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_STORAGE_ARRIVAL_H
#define DP_STORAGE_ARRIVAL_H

/*
 * Called after the commit of a transaction that stored rows, in the process
 * that committed.  Must not fail, and may only touch shared memory.
 */
typedef void (*DpArrived) (Oid dboid, Oid target, int64 rows);

/* From a room's init. */
extern void dp_arrival_listen(DpArrived arrived);

/* This transaction has stored rows in a bronze table. */
extern void dp_arrival_note(Oid target, int64 rows);

/*
 * Why no more rows should come to a table of this database for a while, in
 * words; NULL when they may.  Asked about once a second, outside of
 * transactions: only shared memory.
 */
typedef const char *(*DpReadersBehind) (Oid target);
extern void dp_readers_behind_register(DpReadersBehind behind);
extern const char *dp_readers_behind(Oid target);

#endif							/* DP_STORAGE_ARRIVAL_H */
