/*-------------------------------------------------------------------------
 *
 * ledger.h
 *	  How long the ledger of batches is kept.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_LEDGER_H
#define DP_INGEST_LEDGER_H

/* For _PG_init, after the launcher's. */
extern void dp_ledger_init(void);

#endif							/* DP_INGEST_LEDGER_H */
