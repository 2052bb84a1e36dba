/*-------------------------------------------------------------------------
 *
 * writer_leaf.c
 *	  Look for a key in the leaf of a B-tree where the last one was found.
 *
 * Rows come in the order of their keys where that is cheap to do, so the next
 * key often stands in the same leaf or the next one, and the way down from the
 * root can be saved.  The leaf stays pinned, not locked.  It may be split meanwhile:
 * then its high key is lower, and what is beyond it is looked for to the right; it
 * may be deleted: then it says so, and it is not used again before our
 * snapshot is gone.  Whatever is not plain (the high key of a leaf, many equal
 * entries, entries of dead rows, which an index scan marks) is left to an index
 * scan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/xact.h"
#include "storage/bufmgr.h"

#include "common/compat.h"
#include "pipeline/writer_int.h"

/* After so many looks to the right in vain the keys are known to lie far apart. */
#define MAX_IN_VAIN 8

struct DpLeaf
{
	Relation	heap;
	Relation	index;
	Buffer		buffer;			/* pinned; InvalidBuffer: none yet */
	BTScanInsert key;
	int			ninvain;
};

DpLeaf *
dp_leaf_open(Relation heap, Relation index)
{
	DpLeaf	   *leaf;

	/* An index scan locks what it reads against what others may insert. */
	if (IsolationIsSerializable())
		return NULL;
	leaf = palloc0(sizeof(DpLeaf));
	leaf->heap = heap;
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

/*
 * Look in a page.  "at_start": the key, if it is anywhere, begins in this page.
 * "beyond" says that it can only stand further to the right.
 */
static int
find_in_page(DpLeaf *leaf, Page page, bool at_start, ItemPointerData *tids, bool *beyond)
{
	BTPageOpaque opaque = BTPageGetOpaque(page);
	OffsetNumber first = P_FIRSTDATAKEY(opaque);
	OffsetNumber last = PageGetMaxOffsetNumber(page);
	int			n = 0;

	*beyond = false;
	if (!P_ISLEAF(opaque) || P_IGNORE(opaque) || last < first)
		return -1;
	if (!P_RIGHTMOST(opaque))
	{
		int32		order = _bt_compare(leaf->index, leaf->key, page, P_HIKEY);

		*beyond = order > 0;
		if (order >= 0)
			return -1;
	}
	if (!at_start && _bt_compare(leaf->index, leaf->key, page, first) <= 0)
		return -1;
	for (OffsetNumber at = search_page(leaf, page, at_start ? first : first + 1, last + 1); at <= last && n >= 0; at++)
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
 * Look in the leaf that is kept and, where the keys lie close together, in the
 * one to the right of it, which is then kept.
 */
static int
find_near(DpLeaf *leaf, ItemPointerData *tids)
{
	bool		beyond;
	BlockNumber next;
	int			n;

	LockBuffer(leaf->buffer, BUFFER_LOCK_SHARE);
	n = find_in_page(leaf, BufferGetPage(leaf->buffer), false, tids, &beyond);
	next = BTPageGetOpaque(BufferGetPage(leaf->buffer))->btpo_next;
	LockBuffer(leaf->buffer, BUFFER_LOCK_UNLOCK);
	if (!beyond || leaf->ninvain >= MAX_IN_VAIN)
		return n;
	leaf->buffer = ReleaseAndReadBuffer(leaf->buffer, leaf->index, next);
	LockBuffer(leaf->buffer, BUFFER_LOCK_SHARE);
	n = find_in_page(leaf, BufferGetPage(leaf->buffer), true, tids, &beyond);
	LockBuffer(leaf->buffer, BUFFER_LOCK_UNLOCK);
	leaf->ninvain = n < 0 ? leaf->ninvain + 1 : 0;
	return n;
}

/* Go down from the root; the leaf at the end is kept. */
static int
find_from_root(DpLeaf *leaf, ItemPointerData *tids)
{
	Buffer		buffer = InvalidBuffer;
	BTStack		stack;
	bool		beyond;
	int			n;

	if (BufferIsValid(leaf->buffer))
		ReleaseBuffer(leaf->buffer);
	leaf->buffer = InvalidBuffer;
	stack = dp_bt_search(leaf->index, leaf->heap, leaf->key, &buffer);
	_bt_freestack(stack);
	if (!BufferIsValid(buffer))
		return 0;				/* an empty index */
	n = find_in_page(leaf, BufferGetPage(buffer), true, tids, &beyond);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	leaf->buffer = buffer;
	return n;
}

/*
 * TIDs of the rows with this key (scan keys in the order of the index's
 * columns); -1: not to be told from a leaf.
 */
int
dp_leaf_find(DpLeaf *leaf, const ScanKeyData *scankeys, ItemPointerData *tids)
{
	int			n = -1;

	if (leaf == NULL)
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
	if (BufferIsValid(leaf->buffer))
		n = find_near(leaf, tids);
	return n < 0 ? find_from_root(leaf, tids) : n;
}
