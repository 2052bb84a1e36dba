/*-------------------------------------------------------------------------
 *
 * beacon.c
 *	  Find a second server that reads with our identity.
 *
 * A copy of the database on the same server is recognised by its identity
 * row.  A server that was restored from a backup beside the original, or an
 * old primary that comes back after a failover, is not: everything in it is
 * the same.  But both report to the same group, so each process writes a mark
 * of its own beside its offsets and reads what stands there before it writes
 * again.  Somebody else's mark after our own means that both are alive.  The
 * one that began later gives way: the newcomer is the copy, or the primary
 * that is not primary any more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "ingest/ingest.h"

/* 0 until the process has a mark. */
static uint64 mark;
static TimestampTz began;

const char *
dp_beacon_text(const char *install_uuid)
{
	static char text[200];

	if (mark == 0)
	{
		if (!pg_strong_random(&mark, sizeof(mark)) || mark == 0)
			mark = (uint64) MyProcPid << 32 | (uint32) GetCurrentTimestamp();
		began = GetCurrentTimestamp();
	}
	snprintf(text, sizeof(text), "{\"install\":\"%s\",\"mark\":\"%016llx\",\"began\":%lld,\"system\":\"%llu\"}",
			 install_uuid, (unsigned long long) mark, (long long) began,
			 (unsigned long long) GetSystemIdentifier());
	return text;
}

bool
dp_beacon_is_older_stranger(const char *metadata, const char *install_uuid)
{
	unsigned long long their_mark;
	long long	their_began;
	const char *at;

	if (metadata == NULL || mark == 0 || strstr(metadata, install_uuid) == NULL)
		return false;
	at = strstr(metadata, "\"mark\":\"");
	if (at == NULL ||
		sscanf(at, "\"mark\":\"%llx\",\"began\":%lld", &their_mark, &their_began) != 2)
		return false;
	return their_mark != mark && their_began < began;
}
