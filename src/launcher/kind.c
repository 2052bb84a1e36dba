/*-------------------------------------------------------------------------
 *
 * kind.c
 *	  The kinds of job that the rooms above have registered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "launcher/slot.h"

static List *kinds = NIL;

void
dp_job_kind_register(const DpJobKind *kind)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	Assert(dp_job_kind_find(kind->name) == NULL);
	Assert(strlen(kind->name) < DP_JOB_KIND_LEN);
	kinds = lappend(kinds, unconstify(DpJobKind *, kind));
	MemoryContextSwitchTo(old);
}

List *
dp_job_kinds(void)
{
	return kinds;
}

const DpJobKind *
dp_job_kind_find(const char *name)
{
	ListCell   *lc;

	foreach(lc, kinds)
	{
		const DpJobKind *kind = lfirst(lc);

		if (strcmp(kind->name, name) == 0)
			return kind;
	}
	return NULL;
}
