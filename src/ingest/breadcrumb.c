/*-------------------------------------------------------------------------
 *
 * breadcrumb.c
 *	  Which message a worker was busy with when it died.
 *
 * The file is data_directory/pg_dataplat/DB.OBJECT.WORKER, a page long.  It
 * says nothing that must survive a crash of the machine: a message does not
 * cause one.  A stale file (an old base backup) can at worst count one crash
 * for an offset, and two are needed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "common/file_perm.h"
#include "storage/fd.h"

#include "ingest/breadcrumb.h"

#define CRUMB_DIRECTORY "pg_dataplat"
#define CRUMB_FILE_SIZE 4096
#define CRUMB_MAGIC 0x44704372

/* More poison than this in one worker is not poison but a broken build. */
#define MAX_POISON 64

typedef struct CrumbFile
{
	uint32		magic;
	volatile uint32 stage;
	volatile int32 partition;
	volatile int64 offset;
	volatile int64 count;
	char		topic[256];
} CrumbFile;

typedef struct Poison
{
	char		topic[256];
	int			partition;
	int64		offset;
} Poison;

typedef struct CrumbPartition
{
	char		topic[256];
	int			partition;
} CrumbPartition;

static CrumbFile *crumb;
static CrumbPartition *partitions;
static int	npartitions;
static int	current_tp = -1;
static Poison poison[MAX_POISON];
static int	npoison;

bool
dp_breadcrumb_open(Oid dboid, int object_id, int worker_no, DpCrumb *last)
{
	char		path[MAXPGPATH];
	int			fd;
	bool		found = false;

	if (mkdir(CRUMB_DIRECTORY, pg_dir_create_mode) != 0 && errno != EEXIST)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create directory \"%s\": %m", CRUMB_DIRECTORY)));
	snprintf(path, sizeof(path), "%s/%u.%d.%d", CRUMB_DIRECTORY, dboid, object_id, worker_no);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, pg_file_create_mode);
	if (fd < 0 || ftruncate(fd, CRUMB_FILE_SIZE) != 0)
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path)));
	crumb = mmap(NULL, CRUMB_FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (crumb == MAP_FAILED)
	{
		crumb = NULL;
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not map file \"%s\": %m", path)));
	}
	if (crumb->magic == CRUMB_MAGIC && crumb->stage != DP_CRUMB_NONE)
	{
		found = true;
		last->stage = crumb->stage;
		strlcpy(last->topic, crumb->topic, sizeof(last->topic));
		last->partition = crumb->partition;
		last->offset = crumb->offset;
		last->count = crumb->count;
	}
	memset(crumb, 0, sizeof(CrumbFile));
	crumb->magic = CRUMB_MAGIC;
	current_tp = -1;
	return found;
}

void
dp_breadcrumb_close(void)
{
	if (crumb)
	{
		crumb->stage = DP_CRUMB_NONE;
		munmap(crumb, CRUMB_FILE_SIZE);
		crumb = NULL;
	}
}

void
dp_breadcrumb_set_partition(int tp, const char *topic, int partition)
{
	if (tp >= npartitions)
	{
		partitions = realloc(partitions, sizeof(CrumbPartition) * (tp + 1));
		if (partitions == NULL)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		npartitions = tp + 1;
	}
	strlcpy(partitions[tp].topic, topic, sizeof(partitions[tp].topic));
	partitions[tp].partition = partition;
	current_tp = -1;
}

static inline void
drop_crumb(DpCrumbStage stage, int tp, int64 offset, int64 count)
{
	if (crumb == NULL)
		return;
	if (tp != current_tp && tp < npartitions)
	{
		memcpy(crumb->topic, partitions[tp].topic, sizeof(crumb->topic));
		crumb->partition = partitions[tp].partition;
		current_tp = tp;
	}
	crumb->offset = offset;
	crumb->count = count;
	crumb->stage = stage;
}

void
dp_breadcrumb_decoding(int tp, int64 offset)
{
	drop_crumb(DP_CRUMB_DECODE, tp, offset, 1);
}

void
dp_breadcrumb_inserting(int tp, int64 offset, int64 count)
{
	drop_crumb(DP_CRUMB_INSERT, tp, offset, count);
}

void
dp_breadcrumb_clear(void)
{
	if (crumb)
		crumb->stage = DP_CRUMB_NONE;
}

void
dp_breadcrumb_add_poison(const char *topic, int partition, int64 offset)
{
	if (npoison == MAX_POISON)
		return;
	strlcpy(poison[npoison].topic, topic, sizeof(poison[npoison].topic));
	poison[npoison].partition = partition;
	poison[npoison].offset = offset;
	npoison++;
}

bool
dp_breadcrumb_is_poison(const char *topic, int partition, int64 offset)
{
	for (int i = 0; i < npoison; i++)
		if (poison[i].offset == offset && poison[i].partition == partition &&
			strcmp(poison[i].topic, topic) == 0)
			return true;
	return false;
}
