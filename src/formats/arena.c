/*-------------------------------------------------------------------------
 *
 * arena.c
 *	  Memory for the by-reference values of one message.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/values.h"

void *
dp_arena_alloc(DpArena *arena, size_t size)
{
	DpArenaBlock *block = arena->blocks;
	void	   *result;

	size = MAXALIGN(size);
	if (block == NULL || block->size - block->used < size)
	{
		size_t		blocksize = Max(size, DP_ARENA_BLOCK);

		block = malloc(offsetof(DpArenaBlock, data) + blocksize);
		if (block == NULL)
			return NULL;
		block->next = arena->blocks;
		block->used = 0;
		block->size = blocksize;
		arena->blocks = block;
	}
	result = block->data + block->used;
	block->used += size;
	return result;
}

/* Keep one block, and that only if it is of the usual size. */
void
dp_arena_reset(DpArena *arena)
{
	while (arena->blocks && (arena->blocks->next || arena->blocks->size > DP_ARENA_BLOCK))
	{
		DpArenaBlock *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
	if (arena->blocks)
		arena->blocks->used = 0;
}

void
dp_arena_free(DpArena *arena)
{
	while (arena->blocks)
	{
		DpArenaBlock *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}
