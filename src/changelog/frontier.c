/*-------------------------------------------------------------------------
 *
 * frontier.c
 *	  How far a reader has seen: a snapshot, and its own transaction.
 *
 * A position in a sequence would miss what a lower number commits later.  A
 * snapshot does not: what is visible now and was not visible then is new,
 * in whatever order transactions end, prepared ones too.
 *
 * Transactions are known by their full (64-bit) top id, so a frontier means
 * the same after any number of wraparounds.  The reader's own transaction is
 * always among the running ones; how much of it was seen is told by own_seq.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "lib/stringinfo.h"
#include "utils/snapmgr.h"

#include "changelog/changelog_int.h"

static uint64
full_xid(TransactionId xid, FullTransactionId next)
{
	uint64		epoch = EpochFromFullTransactionId(next);

	if (!TransactionIdIsNormal(xid))
		return xid;
	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return (epoch << 32) | xid;
}

static int
compare_xids(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

/* The frontier of somebody who sees what the snapshot sees, but nothing of the current transaction. */
DpFrontier *
dp_frontier_of_snapshot(Snapshot snapshot)
{
	DpFrontier *f = palloc0(sizeof(DpFrontier));
	FullTransactionId next = ReadNextFullTransactionId();
	FullTransactionId own = GetTopFullTransactionIdIfAny();
	uint64		own_xid = U64FromFullTransactionId(own);

	f->xmin = full_xid(snapshot->xmin, next);
	f->xmax = full_xid(snapshot->xmax, next);
	f->xip = palloc(sizeof(uint64) * (snapshot->xcnt + 1));
	for (int i = 0; i < snapshot->xcnt; i++)
		f->xip[f->nxip++] = full_xid(snapshot->xip[i], next);

	/* a snapshot leaves out the transaction that took it */
	if (FullTransactionIdIsValid(own) && own_xid < f->xmax)
	{
		f->xip[f->nxip++] = own_xid;
		f->xmin = Min(f->xmin, own_xid);
	}
	qsort(f->xip, f->nxip, sizeof(uint64), compare_xids);
	return f;
}

/* Read what dp_frontier_json wrote; xid and seq may be NULL. */
DpFrontier *
dp_frontier_parse(const char *snapshot, const char *xid, const char *seq)
{
	DpFrontier *f = palloc0(sizeof(DpFrontier));
	char	   *at;

	f->xmin = strtou64(snapshot, &at, 10);
	if (*at == ':')
		f->xmax = strtou64(at + 1, &at, 10);
	f->xip = palloc(sizeof(uint64) * (strlen(snapshot) / 2 + 1));
	while ((*at == ':' || *at == ',') && at[1] != '\0')
		f->xip[f->nxip++] = strtou64(at + 1, &at, 10);
	if (f->xmin == 0 || f->xmax < f->xmin)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid frontier \"%s\"", snapshot)));
	if (xid != NULL && seq != NULL)
	{
		f->own_xid = strtou64(xid, NULL, 10);
		f->own_seq = strtoi64(seq, NULL, 10);
	}
	return f;
}

/* In the form of pg_snapshot. */
char *
dp_frontier_snapshot_text(const DpFrontier *f)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, UINT64_FORMAT ":" UINT64_FORMAT ":", f->xmin, f->xmax);
	for (int i = 0; i < f->nxip; i++)
		appendStringInfo(&buf, "%s" UINT64_FORMAT, i > 0 ? "," : "", f->xip[i]);
	return buf.data;
}

char *
dp_frontier_json(const DpFrontier *f)
{
	char	   *snapshot = dp_frontier_snapshot_text(f);

	if (f->own_xid == 0)
		return psprintf("{\"snapshot\": \"%s\"}", snapshot);
	return psprintf("{\"snapshot\": \"%s\", \"xid\": \"" UINT64_FORMAT "\", \"seq\": " INT64_FORMAT "}",
					snapshot, f->own_xid, f->own_seq);
}

static bool
snapshot_sees(const DpFrontier *f, uint64 xid)
{
	if (xid < f->xmin)
		return true;
	if (xid >= f->xmax)
		return false;
	return bsearch(&xid, f->xip, f->nxip, sizeof(uint64), compare_xids) == NULL;
}

/* Was a row of the log, visible now, visible then? */
bool
dp_frontier_sees(const DpFrontier *f, uint64 xid, int64 seq)
{
	return snapshot_sees(f, xid) || (xid == f->own_xid && seq <= f->own_seq);
}

/* Does f see every transaction that "older" sees? */
bool
dp_frontier_covers(const DpFrontier *f, const DpFrontier *older)
{
	for (int i = 0; i < f->nxip; i++)
		if (snapshot_sees(older, f->xip[i]))
			return false;

	/* between the two ends, older must not see a thing */
	if (f->xmax < older->xmax)
	{
		uint64		unseen = 0;

		for (int i = 0; i < older->nxip; i++)
			unseen += older->xip[i] >= f->xmax;
		return unseen == older->xmax - f->xmax;
	}
	return true;
}
