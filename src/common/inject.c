/*-------------------------------------------------------------------------
 *
 * inject.c
 *	  Named points where a test can make a worker die, fail or wait.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef DATAPLAT_INJECTION

#include <signal.h>
#include <unistd.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/wait_event.h"

#include "common/inject.h"
#include "common/shmem.h"

#define MAX_POINTS 32
#define POINT_LEN 64

typedef struct InjectPoint
{
	char		name[POINT_LEN];
	char		action[16];
	int			skip;			/* passes before the action starts */
	int			count;			/* times the action is still to happen */
	uint64		passed;
} InjectPoint;

typedef struct InjectShared
{
	int			npoints;
	InjectPoint points[MAX_POINTS];
} InjectShared;

static InjectShared *shared;
static LWLock *lock;

static Size
inject_size(void)
{
	return sizeof(InjectShared);
}

static void
inject_shmem_init(void *area)
{
	memset(area, 0, sizeof(InjectShared));
}

static const DpShmem inject_shmem = {
	"dataplat_inject", inject_size, inject_shmem_init, (void **) &shared, &lock
};

void
dp_inject_init(void)
{
	dp_shmem_register(&inject_shmem);
}

static void
act(const char *point, const char *action)
{
	if (strcmp(action, "kill9") == 0)
		kill(getpid(), SIGKILL);
	else if (strcmp(action, "segv") == 0)
		kill(getpid(), SIGSEGV);
	else if (strcmp(action, "exit") == 0)
		_exit(1);
	else if (strcmp(action, "fatal") == 0)
		ereport(FATAL, (errcode(ERRCODE_ADMIN_SHUTDOWN), errmsg("injected at \"%s\"", point)));
	else if (strcmp(action, "error") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("injected at \"%s\"", point)));
	else if (strcmp(action, "data") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION), errmsg("injected at \"%s\"", point)));
	else if (strcmp(action, "enospc") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DISK_FULL), errmsg("injected at \"%s\"", point)));
	pg_usleep(1000);
}

void
dp_inject(const char *point)
{
	char		action[16] = "";

	if (shared == NULL || shared->npoints == 0)
		return;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->npoints; i++)
	{
		InjectPoint *p = &shared->points[i];

		if (strcmp(p->name, point) != 0)
			continue;
		p->passed++;
		if (p->skip > 0)
			p->skip--;
		else if (p->count > 0)
		{
			p->count--;
			strlcpy(action, p->action, sizeof(action));
		}
	}
	LWLockRelease(lock);
	if (action[0])
		act(point, action);
}

void
dp_inject_poison(const void *data, size_t len)
{
	static const char poison[] = "dataplat-injected-segv";

	if (data && memmem(data, len, poison, sizeof(poison) - 1))
		kill(getpid(), SIGSEGV);
}

PG_FUNCTION_INFO_V1(dp_inject_set);
PG_FUNCTION_INFO_V1(dp_inject_passed);

/* dp_inject_set(point text, action text, count int, skip int): arm a point. */
PGDLLEXPORT Datum
dp_inject_set(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *action = text_to_cstring(PG_GETARG_TEXT_PP(1));
	InjectPoint *p = NULL;

	if (shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("injection needs shared_preload_libraries")));
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->npoints && p == NULL; i++)
		if (strcmp(shared->points[i].name, name) == 0)
			p = &shared->points[i];
	if (p == NULL && shared->npoints < MAX_POINTS)
		p = &shared->points[shared->npoints++];
	if (p)
	{
		strlcpy(p->name, name, POINT_LEN);
		strlcpy(p->action, action, sizeof(p->action));
		p->count = PG_GETARG_INT32(2);
		p->skip = PG_GETARG_INT32(3);
		p->passed = 0;
	}
	LWLockRelease(lock);
	PG_RETURN_BOOL(p != NULL);
}

/* dp_inject_passed(point text): how often it was passed since it was set. */
PGDLLEXPORT Datum
dp_inject_passed(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	uint64		passed = 0;

	LWLockAcquire(lock, LW_SHARED);
	for (int i = 0; i < shared->npoints; i++)
		if (strcmp(shared->points[i].name, name) == 0)
			passed = shared->points[i].passed;
	LWLockRelease(lock);
	PG_RETURN_INT64(passed);
}

#endif							/* DATAPLAT_INJECTION */
