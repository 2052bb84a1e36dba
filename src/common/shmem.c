/*-------------------------------------------------------------------------
 *
 * shmem.c
 *	  Pieces of shared memory, one for each room that needs one.
 *
 * The server has one pair of hooks for this; the rooms share them here, so
 * that no room has to chain them by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "common/shmem.h"

/* More than the house has rooms. */
#define MAX_PIECES 16

static const DpShmem *pieces[MAX_PIECES];
static int	npieces;
static shmem_request_hook_type prev_request_hook;
static shmem_startup_hook_type prev_startup_hook;

static void
request_pieces(void)
{
	if (prev_request_hook)
		prev_request_hook();
	for (int i = 0; i < npieces; i++)
	{
		RequestAddinShmemSpace(MAXALIGN(pieces[i]->size()));
		if (pieces[i]->lock)
			RequestNamedLWLockTranche(pieces[i]->name, 1);
	}
}

static void
attach_pieces(void)
{
	if (prev_startup_hook)
		prev_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (int i = 0; i < npieces; i++)
	{
		const DpShmem *piece = pieces[i];
		Size		size = piece->size();
		bool		found;
		void	   *area = ShmemInitStruct(piece->name, size, &found);

		if (!found)
		{
			memset(area, 0, size);
			if (piece->init)
				piece->init(area);
		}
		*piece->area = area;
		if (piece->lock)
			*piece->lock = &GetNamedLWLockTranche(piece->name)->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
dp_shmem_register(const DpShmem *shmem)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	if (npieces == MAX_PIECES)
		elog(FATAL, "too many pieces of shared memory");
	if (npieces == 0)
	{
		prev_request_hook = shmem_request_hook;
		shmem_request_hook = request_pieces;
		prev_startup_hook = shmem_startup_hook;
		shmem_startup_hook = attach_pieces;
	}
	pieces[npieces++] = shmem;
}
