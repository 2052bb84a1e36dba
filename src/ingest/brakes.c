/*-------------------------------------------------------------------------
 *
 * brakes.c
 *	  Reasons to stop fetching for a while.
 *
 * A brake holds back the worker between batches; messages stay in Kafka,
 * which is what Kafka is for.  Three brakes live here: a disk that is nearly
 * full, a standby that is behind, and readers of the bronze table that are
 * behind, of which the storage room hears.  Other rooms register theirs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/statvfs.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "ingest/brakes.h"
#include "ingest/ingest.h"
#include "storage/arrival.h"

/* A brake's answer is believed for this long, milliseconds. */
#define DP_BRAKE_INTERVAL_MS 1000

/* Other rooms that may hold back fetching. */
#define DP_MAX_BRAKES 8

static int	min_free_disk = 1024 * 1024;	/* kB */
static int	max_replica_lag = 0;	/* kB */

static DpBrake brakes[DP_MAX_BRAKES];
static int	nbrakes;

void
dp_ingest_register_brake(DpBrake brake)
{
	if (nbrakes == DP_MAX_BRAKES)
		elog(ERROR, "too many brakes");
	brakes[nbrakes++] = brake;
}

static const char *
disk_brake(const DpSource *source)
{
	static char reason[128];
	struct statvfs fs;
	uint64		free_kb;

	if (min_free_disk == 0 || statvfs(DataDir, &fs) != 0)
		return NULL;
	free_kb = (uint64) fs.f_bavail * fs.f_frsize / 1024;
	if (free_kb >= (uint64) min_free_disk)
		return NULL;
	snprintf(reason, sizeof(reason), "the data directory's disk has " UINT64_FORMAT " MB left, dataplat.min_free_disk is %d MB",
			 free_kb / 1024, min_free_disk / 1024);
	return reason;
}

/* How far the slowest streaming standby is behind, in bytes of WAL. */
static const char *
replica_brake(const DpSource *source)
{
	static char reason[128];
	XLogRecPtr	now;
	uint64		lag = 0;

	if (max_replica_lag == 0 || max_wal_senders == 0)
		return NULL;
	now = GetFlushRecPtr(NULL);
	for (int i = 0; i < max_wal_senders; i++)
	{
		WalSnd	   *w = &WalSndCtl->walsnds[i];
		XLogRecPtr	applied;

		SpinLockAcquire(&w->mutex);
		applied = w->pid != 0 && w->state == WALSNDSTATE_STREAMING ? w->apply : InvalidXLogRecPtr;
		SpinLockRelease(&w->mutex);
		if (!XLogRecPtrIsInvalid(applied) && now > applied)
			lag = Max(lag, now - applied);
	}
	if (lag / 1024 <= (uint64) max_replica_lag)
		return NULL;
	snprintf(reason, sizeof(reason), "a standby is " UINT64_FORMAT " MB behind, dataplat.max_replica_lag is %d MB",
			 lag / 1024 / 1024, max_replica_lag / 1024);
	return reason;
}

static const char *
reader_brake(const DpSource *source)
{
	return source->target ? dp_readers_behind(source->target->relid) : NULL;
}

const char *
dp_ingest_brake_reason(const DpSource *source)
{
	static TimestampTz asked = 0;
	static const char *answer = NULL;
	TimestampTz now = GetCurrentTimestamp();

	if (asked != 0 && !TimestampDifferenceExceeds(asked, now, DP_BRAKE_INTERVAL_MS))
		return answer;
	asked = now;
	answer = NULL;
	for (int i = 0; i < nbrakes && answer == NULL; i++)
		answer = brakes[i] (source);
	return answer;
}

void
dp_brakes_init(void)
{
	DefineCustomIntVariable("dataplat.min_free_disk",
							"Fetching pauses while the data directory's disk has less room than this.",
							"0 turns the brake off.",
							&min_free_disk, 1024 * 1024, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.max_replica_lag",
							"Fetching pauses while a streaming standby is further behind than this.",
							"Measured in WAL that it has not applied; 0 turns the brake off.",
							&max_replica_lag, 0, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	dp_ingest_register_brake(disk_brake);
	dp_ingest_register_brake(replica_brake);
	dp_ingest_register_brake(reader_brake);
}
