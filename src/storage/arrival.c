/*-------------------------------------------------------------------------
 *
 * arrival.c
 *	  Tell other rooms that rows have come to a bronze table, and let them
 *	  say that no more should come for a while.
 *
 * dp_target_insert notes what it stores; the listeners hear of it after the
 * commit, when the rows can be seen, and not at all after a rollback.  One
 * transaction fills one table, or a few.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "storage/arrival.h"

#define MAX_LISTENERS 4

/* Tables that one transaction may fill and be told apart. */
#define MAX_NOTES 8

typedef struct Note
{
	Oid			target;
	int64		rows;
} Note;

static DpArrived listeners[MAX_LISTENERS];
static int	nlisteners;
static DpReadersBehind readers_behind;
static Note notes[MAX_NOTES];
static int	nnotes;

static void
tell(const Note *note)
{
	for (int i = 0; i < nlisteners; i++)
		listeners[i] (MyDatabaseId, note->target, note->rows);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (nnotes == 0)
		return;
	if (event == XACT_EVENT_COMMIT)
	{
		for (int i = 0; i < nnotes; i++)
			tell(&notes[i]);
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		nnotes = 0;
}

void
dp_arrival_listen(DpArrived arrived)
{
	if (nlisteners == MAX_LISTENERS)
		elog(ERROR, "too many listeners");
	if (nlisteners == 0)
		RegisterXactCallback(at_transaction_end, NULL);
	listeners[nlisteners++] = arrived;
}

void
dp_arrival_note(Oid target, int64 rows)
{
	if (nlisteners == 0)
		return;
	for (int i = 0; i < nnotes; i++)
	{
		if (notes[i].target == target)
		{
			notes[i].rows += rows;
			return;
		}
	}
	/* no room: heard of before the commit is better than not at all */
	if (nnotes == MAX_NOTES)
	{
		tell(&notes[0]);
		notes[0] = notes[--nnotes];
	}
	notes[nnotes].target = target;
	notes[nnotes++].rows = rows;
}

void
dp_readers_behind_register(DpReadersBehind behind)
{
	readers_behind = behind;
}

const char *
dp_readers_behind(Oid target)
{
	return readers_behind ? readers_behind(target) : NULL;
}
