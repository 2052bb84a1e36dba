/*-------------------------------------------------------------------------
 *
 * writer_leaf.c
 *	  Look for a key in the leaf of a B-tree where the last one was found.
 *
 * Rows come in the order of their keys where that is cheap to do, so the next
 * key often stands in the same leaf, and the way down from the root can be
 * saved.  The leaf stays pinned, not locked.  It may be split meanwhile: then
 * its high key is lower, and what is beyond it is looked for from the root; it
 * may be deleted: then it says so, and it is not used again before our
 * snapshot is gone.  Whatever is not plain (the first key of the leaf or its high
 * key, many equal entries, entries of dead rows, which an index scan marks) is
 * left to an index scan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/relscan.h"
#include "access/xact.h"
#include "storage/bufmgr.h"

#include "pipeline/writer_int.h"

struct DpLeaf
{
	Relation	index;
	Buffer		buffer;			/* pinned; InvalidBuffer: none yet */
	BTScanInsert key;
};

DpLeaf *
dp_leaf_open(Relation index)
{
	DpLeaf	   *leaf;

	/* An index scan locks what it reads against what others may insert. */
	if (IsolationIsSerializable())
		return NULL;
	leaf = palloc0(sizeof(DpLeaf));
	leaf->index = index;
	leaf->buffer = InvalidBuffer;
	/* Without a tuple it compares nothing yet. */
	leaf->key = _bt_mkscankey(index, NULL);
	leaf->key->keysz = IndexRelationGetNumberOfKeyAttributes(index);
	return leaf;
}

void
dp_leaf_close(DpLeaf *leaf)
{
	if (leaf && BufferIsValid(leaf->buffer))
		ReleaseBuffer(leaf->buffer);
}

/* The scan has found a row: its leaf is the one to look in next. */
void
dp_leaf_note(DpLeaf *leaf, IndexScanDesc scan)
{
	BTScanOpaque so = (BTScanOpaque) scan->opaque;

	if (leaf && BTScanPosIsValid(so->currPos))
		leaf->buffer = ReleaseAndReadBuffer(leaf->buffer, leaf->index, so->currPos.currPage);
}

/* The first entry that is not less than the key. */
static OffsetNumber
search_page(DpLeaf *leaf, Page page, OffsetNumber low, OffsetNumber high)
{
	while (low < high)
	{
		OffsetNumber mid = low + (high - low) / 2;

		if (_bt_compare(leaf->index, leaf->key, page, mid) > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Rows that the entry points to, behind the n that are there; -1: too many. */
static int
add_tids(IndexTuple entry, ItemPointerData *tids, int n)
{
	if (!BTreeTupleIsPosting(entry))
	{
		if (n == DP_LEAF_TIDS)
			return -1;
		tids[n++] = entry->t_tid;
		return n;
	}
	for (int i = 0; i < BTreeTupleGetNPosting(entry); i++)
	{
		if (n == DP_LEAF_TIDS)
			return -1;
		tids[n++] = *BTreeTupleGetPostingN(entry, i);
	}
	return n;
}

static int
find_in_page(DpLeaf *leaf, Page page, ItemPointerData *tids)
{
	BTPageOpaque opaque = BTPageGetOpaque(page);
	OffsetNumber first = P_FIRSTDATAKEY(opaque);
	OffsetNumber last = PageGetMaxOffsetNumber(page);
	int			n = 0;

	if (!P_ISLEAF(opaque) || P_IGNORE(opaque) || last < first ||
		_bt_compare(leaf->index, leaf->key, page, first) <= 0 ||
		(!P_RIGHTMOST(opaque) && _bt_compare(leaf->index, leaf->key, page, P_HIKEY) >= 0))
		return -1;
	for (OffsetNumber at = search_page(leaf, page, first + 1, last + 1); at <= last && n >= 0; at++)
	{
		ItemId		item = PageGetItemId(page, at);

		if (_bt_compare(leaf->index, leaf->key, page, at) != 0)
			break;
		if (!ItemIdIsDead(item))
			n = add_tids((IndexTuple) PageGetItem(page, item), tids, n);
	}
	return n;
}

/*
 * TIDs of the rows with this key (scan keys in the order of the index's
 * columns); -1: not to be told from the leaf.
 */
int
dp_leaf_find(DpLeaf *leaf, const ScanKeyData *scankeys, ItemPointerData *tids)
{
	int			n;

	if (leaf == NULL || !BufferIsValid(leaf->buffer))
		return -1;
	for (int i = 0; i < leaf->key->keysz; i++)
	{
		ScanKey		key = &leaf->key->scankeys[i];

		key->sk_argument = scankeys[i].sk_argument;
		if (scankeys[i].sk_flags & SK_ISNULL)
			key->sk_flags |= SK_ISNULL;
		else
			key->sk_flags &= ~SK_ISNULL;
	}
	LockBuffer(leaf->buffer, BUFFER_LOCK_SHARE);
	n = find_in_page(leaf, BufferGetPage(leaf->buffer), tids);
	LockBuffer(leaf->buffer, BUFFER_LOCK_UNLOCK);
	return n;
}
