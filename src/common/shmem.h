/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  Pieces of shared memory, one for each room that needs one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_SHMEM_H
#define DP_COMMON_SHMEM_H

#include "storage/lwlock.h"

typedef struct DpShmem
{
	const char *name;			/* also the name of the lock's tranche */
	Size		(*size) (void); /* asked when the server starts */
	void		(*init) (void *area);	/* fill a zeroed area */
	void	  **area;			/* where to put the address; stays NULL when
								 * the library was not preloaded */
	LWLock	  **lock;			/* likewise; NULL when no lock is needed */
} DpShmem;

/* From a room's init in _PG_init; "shmem" must stay valid. */
extern void dp_shmem_register(const DpShmem *shmem);

#endif							/* DP_COMMON_SHMEM_H */
