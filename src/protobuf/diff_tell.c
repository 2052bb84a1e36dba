/*-------------------------------------------------------------------------
 *
 * diff_tell.c
 *	  The kinds of differences, how they are told, and how both sides match.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdio.h>

#include "protobuf/diff.h"

/* The C library's: the server's has a quadratic worst case. */
#undef qsort
#undef snprintf

typedef struct Kind
{
	const char *type;
	bool		compatible;
	const char *format;			/* of the sentence; the path is its argument */
} Kind;

static const Kind kinds[] = {
	[DP_PB_PACKAGE_CHANGED] = {"PACKAGE_CHANGED", false,
	"The package at path '%s' is not the one of the other schema"},
	[DP_PB_MESSAGE_ADDED] = {"MESSAGE_ADDED", true,
	"The message at path '%s' is new"},
	[DP_PB_MESSAGE_REMOVED] = {"MESSAGE_REMOVED", false,
	"The message at path '%s' is missing in the new schema"},
	[DP_PB_MESSAGE_MOVED] = {"MESSAGE_MOVED", true,
	"The message at path '%s' stands at another place"},
	[DP_PB_ENUM_ADDED] = {"ENUM_ADDED", true,
	"The enum at path '%s' is new"},
	[DP_PB_ENUM_REMOVED] = {"ENUM_REMOVED", true,
	"The enum at path '%s' is missing in the new schema"},
	[DP_PB_ENUM_CONST_ADDED] = {"ENUM_CONST_ADDED", true,
	"The enum value at path '%s' is new"},
	[DP_PB_ENUM_CONST_CHANGED] = {"ENUM_CONST_CHANGED", true,
	"The enum value at path '%s' has another name"},
	[DP_PB_ENUM_CONST_REMOVED] = {"ENUM_CONST_REMOVED", true,
	"The enum value at path '%s' is missing in the new schema"},
	[DP_PB_FIELD_ADDED] = {"FIELD_ADDED", true,
	"The field at path '%s' is new"},
	[DP_PB_FIELD_REMOVED] = {"FIELD_REMOVED", true,
	"The field at path '%s' is missing in the new schema"},
	[DP_PB_FIELD_NAME_CHANGED] = {"FIELD_NAME_CHANGED", true,
	"The field at path '%s' has another name"},
	[DP_PB_FIELD_KIND_CHANGED] = {"FIELD_KIND_CHANGED", false,
	"The field at path '%s' changed between scalar, message and map"},
	[DP_PB_FIELD_SCALAR_KIND_CHANGED] = {"FIELD_SCALAR_KIND_CHANGED", false,
	"The scalar field at path '%s' has a type that is encoded in another way"},
	[DP_PB_FIELD_NAMED_TYPE_CHANGED] = {"FIELD_NAMED_TYPE_CHANGED", false,
	"The field at path '%s' has another message as its type, or one that changed incompatibly"},
	[DP_PB_FIELD_NUMERIC_LABEL_CHANGED] = {"FIELD_NUMERIC_LABEL_CHANGED", false,
	"The numeric field at path '%s' has another label"},
	[DP_PB_FIELD_STRING_OR_BYTES_LABEL_CHANGED] = {"FIELD_STRING_OR_BYTES_LABEL_CHANGED", true,
	"The string or bytes field at path '%s' has another label"},
	[DP_PB_REQUIRED_FIELD_ADDED] = {"REQUIRED_FIELD_ADDED", false,
	"The required field at path '%s' is new"},
	[DP_PB_REQUIRED_FIELD_REMOVED] = {"REQUIRED_FIELD_REMOVED", false,
	"The required field at path '%s' is missing in the new schema"},
	[DP_PB_ONEOF_ADDED] = {"ONEOF_ADDED", true,
	"The oneof at path '%s' is new"},
	[DP_PB_ONEOF_REMOVED] = {"ONEOF_REMOVED", true,
	"The oneof at path '%s' is missing in the new schema"},
	[DP_PB_ONEOF_FIELD_ADDED] = {"ONEOF_FIELD_ADDED", true,
	"The field of a oneof at path '%s' is new"},
	[DP_PB_ONEOF_FIELD_REMOVED] = {"ONEOF_FIELD_REMOVED", false,
	"The field of a oneof at path '%s' is missing in the new schema"},
	[DP_PB_ONEOF_FIELD_MOVED_TO_TOP_LEVEL] = {"ONEOF_FIELD_MOVED_TO_TOP_LEVEL", true,
	"The field at path '%s' left its oneof"},
	[DP_PB_MULTIPLE_FIELDS_MOVED_TO_ONEOF] = {"MULTIPLE_FIELDS_MOVED_TO_ONEOF", false,
	"Several fields moved into the oneof at path '%s'"},
	[DP_PB_FIELD_MOVED_TO_EXISTING_ONEOF] = {"FIELD_MOVED_TO_EXISTING_ONEOF", false,
	"A field moved into the oneof at path '%s', which has others already"},
};

void
dp_pb_diff_fail(DpPbDiffer *d)
{
	d->failed = d->stopped = true;
}

bool
dp_pb_diff_busy(DpPbDiffer *d)
{
	if (!d->stopped && dp_pb_interrupted(d->err))
		dp_pb_diff_fail(d);
	return !d->stopped;
}

/* Go down by one word; returns what dp_pb_leave() needs. */
size_t
dp_pb_enter(DpPbDiffer *d, const char *word)
{
	size_t		before = d->path.len;

	dp_buf_append(&d->path, "/", 1);
	dp_buf_append(&d->path, word, strlen(word));
	return before;
}

size_t
dp_pb_enter_number(DpPbDiffer *d, int64 number)
{
	char		text[32];

	snprintf(text, sizeof(text), "%lld", (long long) number);
	return dp_pb_enter(d, text);
}

void
dp_pb_leave(DpPbDiffer *d, size_t before)
{
	d->path.len = before;
}

void
dp_pb_tell(DpPbDiffer *d, DpPbDifferenceId id)
{
	DpDifference difference = {kinds[id].type, NULL, NULL, kinds[id].compatible};
	DpBuf		path = {0};
	size_t		room;

	if (d->stopped)
		return;
	dp_buf_append(&path, "#", 1);
	if (d->path.len == 0)
		dp_buf_append(&path, "/", 1);
	dp_buf_append(&path, d->path.data, d->path.len);
	dp_buf_append(&path, "", 1);
	room = strlen(kinds[id].format) + path.len;
	dp_buf_reset(&d->message);
	if (path.oom || d->path.oom || !dp_buf_reserve(&d->message, room))
	{
		dp_pb_no_memory(d->err);
		dp_pb_diff_fail(d);
	}
	else
	{
		snprintf(d->message.data, room, kinds[id].format, path.data);
		difference.path = path.data;
		difference.message = d->message.data;
		d->nincompatible += !kinds[id].compatible;
		if (!d->sink(d->arg, &difference))
			d->stopped = true;
	}
	dp_buf_free(&path);
}

void
dp_pb_tell_at(DpPbDiffer *d, const char *word, DpPbDifferenceId id)
{
	size_t		before = dp_pb_enter(d, word);

	dp_pb_tell(d, id);
	dp_pb_leave(d, before);
}

/* ---------------------------------------------------------------- matching */

void
dp_pb_add_entry(DpPbDiffer *d, DpPbEntries *entries, const char *name, int64 number, uint32 place,
		  const void *thing)
{
	if (entries->len == entries->cap)
	{
		uint32		cap = entries->cap ? entries->cap * 2 : 16;
		DpPbEntry	   *grown = realloc(entries->items, cap * sizeof(DpPbEntry));

		if (grown == NULL)
		{
			dp_pb_no_memory(d->err);
			dp_pb_diff_fail(d);
			return;
		}
		entries->items = grown;
		entries->cap = cap;
	}
	entries->items[entries->len++] = (DpPbEntry) {name, number, place, thing};
}

static int
compare_entries(const DpPbEntry *a, const DpPbEntry *b)
{
	if (a->name != NULL)
		return strcmp(a->name, b->name);
	return a->number == b->number ? 0 : a->number < b->number ? -1 : 1;
}

static int
compare_with_place(const void *a, const void *b)
{
	int			cmp = compare_entries(a, b);

	if (cmp != 0)
		return cmp;
	return ((const DpPbEntry *) a)->place < ((const DpPbEntry *) b)->place ? -1 : 1;
}

/* In order, and of equal ones only the last. */
void
dp_pb_settle(DpPbEntries *entries)
{
	uint32		n = 0;

	if (entries->len < 2)
		return;
	qsort(entries->items, entries->len, sizeof(DpPbEntry), compare_with_place);
	for (uint32 i = 0; i < entries->len; i++)
	{
		if (i + 1 < entries->len &&
			compare_entries(&entries->items[i], &entries->items[i + 1]) == 0)
			continue;
		entries->items[n++] = entries->items[i];
	}
	entries->len = n;
}

/* The next thing that either side has; NULL on the side that has it not. */
bool
dp_pb_next_match(const DpPbEntries *old, const DpPbEntries *new, uint32 *i, uint32 *k,
		   const DpPbEntry **o, const DpPbEntry **n)
{
	int			cmp;

	if (*i >= old->len && *k >= new->len)
		return false;
	if (*i >= old->len)
		cmp = 1;
	else if (*k >= new->len)
		cmp = -1;
	else
		cmp = compare_entries(&old->items[*i], &new->items[*k]);
	*o = cmp <= 0 ? &old->items[(*i)++] : NULL;
	*n = cmp >= 0 ? &new->items[(*k)++] : NULL;
	return true;
}

const DpPbEntry *
dp_pb_find_number(const DpPbEntries *entries, int64 number)
{
	uint32		low = 0;
	uint32		high = entries->len;

	while (low < high)
	{
		uint32		mid = (low + high) / 2;

		if (entries->items[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < entries->len && entries->items[low].number == number ?
		&entries->items[low] : NULL;
}
