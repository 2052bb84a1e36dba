/*-------------------------------------------------------------------------
 *
 * listen.c
 *	  What a transaction did to watched tables, told when it has committed.
 *
 * The number that counts up within a transaction lives here too, because it
 * ends with the transaction.
 *
 * Counters in shared memory, one for a handful of tables, answer "has
 * anything been committed since I last looked" without a look at the log.
 * They move after the commit can be seen, so that who reads the counter first
 * and looks afterwards misses nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "port/atomics.h"
#include "utils/memutils.h"

#include "changelog/changelog_int.h"
#include "common/shmem.h"

#define COUNTERS 1024			/* two tables of one counter only look too often */
#define MAX_LISTENERS 4

typedef struct Counters
{
	pg_atomic_uint64 changes[COUNTERS];
} Counters;

static Counters *counters;
static void (*listeners[MAX_LISTENERS]) (Oid dboid, Oid relid);
static int	nlisteners;

static List *changed;			/* Oids, in TopTransactionContext */
static int64 last_seq;

static Size
counters_size(void)
{
	return sizeof(Counters);
}

static void
counters_init(void *area)
{
	for (int i = 0; i < COUNTERS; i++)
		pg_atomic_init_u64(&((Counters *) area)->changes[i], 1);
}

static const DpShmem counters_shmem = {
	"dataplat_change_counters", counters_size, counters_init, (void **) &counters, NULL
};

static pg_atomic_uint64 *
counter_of(Oid relid)
{
	uint32		hash = hash_combine(murmurhash32(MyDatabaseId), murmurhash32(relid));

	return &counters->changes[hash % COUNTERS];
}

void
dp_changelog_listen(void (*listener) (Oid dboid, Oid relid))
{
	Assert(nlisteners < MAX_LISTENERS);
	listeners[nlisteners++] = listener;
}

/* The next number for a row of a log, in this transaction. */
int64
dp_log_next_seq(void)
{
	return ++last_seq;
}

void
dp_log_note_change(Oid relid)
{
	MemoryContext old;

	if (list_member_oid(changed, relid))
		return;
	old = MemoryContextSwitchTo(TopTransactionContext);
	changed = lappend_oid(changed, relid);
	MemoryContextSwitchTo(old);
}

/* How far that number has come. */
int64
dp_log_last_seq(void)
{
	return last_seq;
}

/* Has this transaction written to the table's log? */
bool
dp_log_changed_here(Oid relid)
{
	return list_member_oid(changed, relid);
}

/* Moves with each commit that changed the table; 0: nobody counts. */
uint64
dp_log_change_count(Oid relid)
{
	return counters ? pg_atomic_read_u64(counter_of(relid)) : 0;
}

static void
tell(Oid relid)
{
	if (counters)
		pg_atomic_fetch_add_u64(counter_of(relid), 1);
	for (int i = 0; i < nlisteners; i++)
		listeners[i] (MyDatabaseId, relid);
}

/*
 * A prepared transaction was committed, perhaps one that wrote to logs; which
 * ones is not known here.
 */
void
dp_log_tell_all(void)
{
	ListCell   *lc;

	foreach(lc, dp_log_watched_tables())
		tell(lfirst_oid(lc));
}

static void
transaction_ends(XactEvent event, void *arg)
{
	ListCell   *lc;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
			foreach(lc, changed)
				tell(lfirst_oid(lc));
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			break;
		default:
			return;
	}
	changed = NIL;
	last_seq = 0;
}

void
dp_log_listen_init(void)
{
	dp_shmem_register(&counters_shmem);
	RegisterXactCallback(transaction_ends, NULL);
}
