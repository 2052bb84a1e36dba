/*-------------------------------------------------------------------------
 *
 * diff.c
 *	  What changed between two schemas, in the words of Confluent's registry.
 *
 * Fields are the same when their numbers are, messages and enums when their
 * names are.  A type of another file is followed where a field names it, and
 * compared once however many fields do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/diff.h"

#define MAX_DEPTH 500			/* types inside types that are followed */

static void compare_types(DpPbDiffer *d, const DpPbMessage *old, const DpPbMessage *new,
						  const DpPbEnum *old_enums, const DpPbEnum *new_enums);

/* ------------------------------------------------------------------ fields */

typedef enum ScalarGroup
{
	GENERAL_NUMBER,
	SIGNED_NUMBER,
	STRING_OR_BYTES,
	FIXED32,
	FIXED64,
	FLOAT,
	DOUBLE,
	NO_SCALAR
} ScalarGroup;

static ScalarGroup
scalar_group(int type)
{
	switch ((DpPbType) type)
	{
		case DP_PB_INT32:
		case DP_PB_INT64:
		case DP_PB_UINT32:
		case DP_PB_UINT64:
		case DP_PB_BOOL:
		case DP_PB_ENUM:
			return GENERAL_NUMBER;
		case DP_PB_SINT32:
		case DP_PB_SINT64:
			return SIGNED_NUMBER;
		case DP_PB_STRING:
		case DP_PB_BYTES:
			return STRING_OR_BYTES;
		case DP_PB_FIXED32:
		case DP_PB_SFIXED32:
			return FIXED32;
		case DP_PB_FIXED64:
		case DP_PB_SFIXED64:
			return FIXED64;
		case DP_PB_FLOAT:
			return FLOAT;
		case DP_PB_DOUBLE:
			return DOUBLE;
		case DP_PB_NAMED:
		case DP_PB_GROUP:
		case DP_PB_MESSAGE:
			break;
	}
	return NO_SCALAR;
}

static const char *
local_name(const DpPbMessage *message)
{
	size_t		n = message->file->package ? strlen(message->file->package) : 0;

	return n > 0 ? message->full_name + n + 1 : message->full_name;
}

static DpPbPair *
pair_bucket(DpPbPair *pairs, uint32 nbuckets, const DpPbMessage *old, const DpPbMessage *new)
{
	uint32		i = ((uintptr_t) old / 8 * 31 + (uintptr_t) new / 8) & (nbuckets - 1);

	while (pairs[i].old != NULL && (pairs[i].old != old || pairs[i].new != new))
		i = (i + 1) & (nbuckets - 1);
	return &pairs[i];
}

/* The pair, new ones with *known unset; NULL when memory ran out. */
static DpPbPair *
remember(DpPbDiffer *d, const DpPbMessage *old, const DpPbMessage *new, bool *known)
{
	DpPbPair	   *pair;

	if (d->npairs * 2 >= d->nbuckets)
	{
		uint32		nbuckets = d->nbuckets ? d->nbuckets * 2 : 64;
		DpPbPair	   *bigger = calloc(nbuckets, sizeof(DpPbPair));

		if (bigger == NULL)
		{
			dp_pb_no_memory(d->err);
			dp_pb_diff_fail(d);
			return NULL;
		}
		for (uint32 i = 0; i < d->nbuckets; i++)
		{
			if (d->pairs[i].old != NULL)
				*pair_bucket(bigger, nbuckets, d->pairs[i].old, d->pairs[i].new) = d->pairs[i];
		}
		free(d->pairs);
		d->pairs = bigger;
		d->nbuckets = nbuckets;
	}
	pair = pair_bucket(d->pairs, d->nbuckets, old, new);
	*known = pair->old != NULL;
	if (!*known)
	{
		pair->old = old;
		pair->new = new;
		d->npairs++;
	}
	return pair;
}

static void compare_messages(DpPbDiffer *d, const DpPbMessage *old, const DpPbMessage *new);

/*
 * Compare messages of which at least one is from another file, at a path of
 * their own; true when they are compatible.
 */
static bool
compare_foreign(DpPbDiffer *d, const DpPbMessage *old, const DpPbMessage *new)
{
	bool		known;
	DpPbPair	   *pair = remember(d, old, new, &known);
	uint32		before = d->nincompatible;
	DpBuf		outer = d->path;
	bool		good;
	char	   *word;

	if (pair == NULL || known)
		return pair == NULL || !pair->incompatible;
	if (++d->depth > MAX_DEPTH)
	{
		dp_error_set(d->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
					 "types refer to each other over more than %d levels", MAX_DEPTH);
		dp_pb_diff_fail(d);
		return true;
	}
	memset(&d->path, 0, sizeof(d->path));
	dp_buf_append(&d->path, "/", 1);
	dp_buf_append(&d->path, local_name(old), strlen(local_name(old)));
	word = d->path.data;
	for (size_t i = 0; word != NULL && i < d->path.len; i++)
	{
		if (word[i] == '.')
			word[i] = '/';
	}
	compare_messages(d, old, new);
	dp_buf_free(&d->path);
	d->path = outer;
	d->depth--;
	good = d->nincompatible == before;
	if (!good)
		remember(d, old, new, &known)->incompatible = true;
	return good;
}

static void
compare_field_messages(DpPbDiffer *d, const DpPbMessage *old, const DpPbMessage *new)
{
	if (strcmp(local_name(old), local_name(new)) != 0)
	{
		dp_pb_tell(d, DP_PB_FIELD_NAMED_TYPE_CHANGED);
		return;
	}
	if (old->file == d->old->root && new->file == d->new->root)
		return;					/* compared where they are declared */
	if (!compare_foreign(d, old, new))
		dp_pb_tell(d, DP_PB_FIELD_NAMED_TYPE_CHANGED);
}

/* A value of a field or of a map; labels 0 when they do not count. */
static void
compare_values(DpPbDiffer *d, int old_type, const DpPbMessage *old_message, int old_label,
			   int new_type, const DpPbMessage *new_message, int new_label)
{
	ScalarGroup old_group = scalar_group(old_type);
	ScalarGroup new_group = scalar_group(new_type);

	if ((old_group == NO_SCALAR) != (new_group == NO_SCALAR) ||
		(old_type == DP_PB_GROUP) != (new_type == DP_PB_GROUP))
		dp_pb_tell(d, DP_PB_FIELD_KIND_CHANGED);
	else if (old_group == NO_SCALAR)
		compare_field_messages(d, old_message, new_message);
	else if (old_group != new_group)
		dp_pb_tell(d, DP_PB_FIELD_SCALAR_KIND_CHANGED);
	else if (old_label != DP_PB_NO_LABEL && new_label != DP_PB_NO_LABEL &&
			 old_label != new_label)
		dp_pb_tell(d, old_group == STRING_OR_BYTES ? DP_PB_FIELD_STRING_OR_BYTES_LABEL_CHANGED :
			 DP_PB_FIELD_NUMERIC_LABEL_CHANGED);
}

static void
compare_fields(DpPbDiffer *d, const DpPbField *old, const DpPbField *new)
{
	if (strcmp(old->name, new->name) != 0)
		dp_pb_tell(d, DP_PB_FIELD_NAME_CHANGED);
	if (old->is_map != new->is_map)
		dp_pb_tell(d, DP_PB_FIELD_KIND_CHANGED);
	else if (old->is_map)
	{
		compare_values(d, old->key_type, NULL, 0, new->key_type, NULL, 0);
		compare_values(d, old->type, old->message, 0, new->type, new->message, 0);
	}
	else
		compare_values(d, old->type, old->message, old->label,
					   new->type, new->message, new->label);
}

/* ---------------------------------------------------------------- messages */

/* Fields by number; those of oneofs win over others of the same number. */
static void
collect_fields(DpPbDiffer *d, const DpPbMessage *message, DpPbEntries *entries)
{
	uint32		place = 0;

	for (const DpPbField *f = message->fields; f != NULL; f = f->next, place++)
		dp_pb_add_entry(d, entries, NULL, f->number,
				  f->oneof != NULL ? place + DP_PB_MAX_ELEMENTS : place, f);
	dp_pb_settle(entries);
}

static void
collect_oneofs(DpPbDiffer *d, const DpPbMessage *message, DpPbEntries *entries)
{
	for (const DpPbOneof *o = message->oneofs; o != NULL; o = o->next)
		dp_pb_add_entry(d, entries, o->name, 0, o->index, o);
	dp_pb_settle(entries);
}

/*
 * What was told apart before and excludes each other now, in one oneof of the
 * new schema.  Of fields with the same number only the one that wins counts,
 * as it does in the old schema.
 */
static void
check_exclusive(DpPbDiffer *d, const DpPbOneof *oneof, const DpPbField *fields,
				const DpPbEntries *old, const DpPbEntries *new)
{
	const DpPbOneof *origin = NULL;
	int			groups = 0;
	int			moved = 0;

	for (const DpPbField *f = fields; f != NULL; f = f->next)
	{
		const DpPbEntry *now;
		const DpPbEntry *before;
		const DpPbField *was;

		if (f->oneof != oneof)
			continue;
		now = dp_pb_find_number(new, f->number);
		if (now == NULL || now->thing != f)
			continue;
		before = dp_pb_find_number(old, f->number);
		if (before == NULL)
			continue;
		was = before->thing;
		if (was->oneof == NULL)
		{
			moved++;
			groups++;
		}
		else if (was->oneof != origin)
		{
			groups += origin == NULL || strcmp(origin->name, was->oneof->name) != 0;
			origin = was->oneof;
		}
	}
	if (groups > 1)
		dp_pb_tell_at(d, oneof->name, moved > 1 ? DP_PB_MULTIPLE_FIELDS_MOVED_TO_ONEOF :
				DP_PB_FIELD_MOVED_TO_EXISTING_ONEOF);
}

/* Did nothing of a oneof of the old schema stay, not even its name? */
static bool
is_gone(const DpPbOneof *oneof, const DpPbMessage *old, const DpPbMessage *new,
		const DpPbEntries *new_fields)
{
	for (const DpPbOneof *o = new->oneofs; o != NULL; o = o->next)
	{
		if (strcmp(o->name, oneof->name) == 0)
			return false;
	}
	for (const DpPbField *f = old->fields; f != NULL; f = f->next)
	{
		if (f->oneof == oneof && dp_pb_find_number(new_fields, f->number) != NULL)
			return false;
	}
	return true;
}

static void
compare_one_field(DpPbDiffer *d, const DpPbMessage *old, const DpPbMessage *new,
				  const DpPbField *was, const DpPbField *is, const DpPbEntries *new_fields)
{
	const DpPbOneof *oneof = is != NULL ? is->oneof : was->oneof;
	size_t		before;

	if (is == NULL && oneof != NULL && is_gone(oneof, old, new, new_fields))
		return;
	before = d->path.len;
	if (oneof != NULL)
		dp_pb_enter(d, oneof->name);
	dp_pb_enter_number(d, is != NULL ? is->number : was->number);
	if (is == NULL)
		dp_pb_tell(d, oneof != NULL ? DP_PB_ONEOF_FIELD_REMOVED :
			 was->label == DP_PB_REQUIRED ? DP_PB_REQUIRED_FIELD_REMOVED : DP_PB_FIELD_REMOVED);
	else if (was == NULL)
		dp_pb_tell(d, oneof != NULL ? DP_PB_ONEOF_FIELD_ADDED :
			 is->label == DP_PB_REQUIRED ? DP_PB_REQUIRED_FIELD_ADDED : DP_PB_FIELD_ADDED);
	else
	{
		if (was->oneof != NULL && is->oneof == NULL)
			dp_pb_tell(d, DP_PB_ONEOF_FIELD_MOVED_TO_TOP_LEVEL);
		compare_fields(d, was, is);
	}
	dp_pb_leave(d, before);
}

static void
compare_message_fields(DpPbDiffer *d, const DpPbMessage *old, const DpPbMessage *new)
{
	DpPbEntries		old_fields = {0};
	DpPbEntries		new_fields = {0};
	DpPbEntries		old_oneofs = {0};
	DpPbEntries		new_oneofs = {0};
	const DpPbEntry *o;
	const DpPbEntry *n;
	uint32		i = 0;
	uint32		k = 0;

	collect_fields(d, old, &old_fields);
	collect_fields(d, new, &new_fields);
	collect_oneofs(d, old, &old_oneofs);
	collect_oneofs(d, new, &new_oneofs);
	for (const DpPbOneof *oneof = new->oneofs; oneof != NULL && dp_pb_diff_busy(d); oneof = oneof->next)
		check_exclusive(d, oneof, new->fields, &old_fields, &new_fields);
	while (dp_pb_diff_busy(d) && dp_pb_next_match(&old_oneofs, &new_oneofs, &i, &k, &o, &n))
	{
		if (n == NULL)
			dp_pb_tell_at(d, o->name, DP_PB_ONEOF_REMOVED);
		else if (o == NULL)
			dp_pb_tell_at(d, n->name, DP_PB_ONEOF_ADDED);
	}
	i = k = 0;
	while (dp_pb_diff_busy(d) && dp_pb_next_match(&old_fields, &new_fields, &i, &k, &o, &n))
		compare_one_field(d, old, new, o != NULL ? o->thing : NULL,
						  n != NULL ? n->thing : NULL, &new_fields);
	free(old_fields.items);
	free(new_fields.items);
	free(old_oneofs.items);
	free(new_oneofs.items);
}

static void
compare_messages(DpPbDiffer *d, const DpPbMessage *old, const DpPbMessage *new)
{
	compare_message_fields(d, old, new);
	if (dp_pb_diff_busy(d))
		compare_types(d, old->messages, new->messages, old->enums, new->enums);
}

static void
compare_enums(DpPbDiffer *d, const DpPbEnum *old, const DpPbEnum *new)
{
	DpPbEntries		old_values = {0};
	DpPbEntries		new_values = {0};
	const DpPbEntry *o;
	const DpPbEntry *n;
	uint32		i = 0;
	uint32		k = 0;

	for (const DpPbEnumValue *v = old->values; v != NULL; v = v->next)
		dp_pb_add_entry(d, &old_values, NULL, v->number, old_values.len, v);
	for (const DpPbEnumValue *v = new->values; v != NULL; v = v->next)
		dp_pb_add_entry(d, &new_values, NULL, v->number, new_values.len, v);
	dp_pb_settle(&old_values);
	dp_pb_settle(&new_values);
	while (dp_pb_diff_busy(d) && dp_pb_next_match(&old_values, &new_values, &i, &k, &o, &n))
	{
		size_t		before = dp_pb_enter_number(d, o != NULL ? o->number : n->number);

		if (n == NULL)
			dp_pb_tell(d, DP_PB_ENUM_CONST_REMOVED);
		else if (o == NULL)
			dp_pb_tell(d, DP_PB_ENUM_CONST_ADDED);
		else if (strcmp(((const DpPbEnumValue *) o->thing)->name,
						((const DpPbEnumValue *) n->thing)->name) != 0)
			dp_pb_tell(d, DP_PB_ENUM_CONST_CHANGED);
		dp_pb_leave(d, before);
	}
	free(old_values.items);
	free(new_values.items);
}

static void
collect_messages(DpPbDiffer *d, const DpPbMessage *list, DpPbEntries *entries)
{
	uint32		place = 0;

	for (; list != NULL; list = list->next)
	{
		dp_pb_add_entry(d, entries, list->name, 0, place, list);
		place += !list->is_group;
	}
	dp_pb_settle(entries);
}

static void
compare_one_message(DpPbDiffer *d, const DpPbEntry *o, const DpPbEntry *n)
{
	const DpPbMessage *old = o != NULL ? o->thing : NULL;
	const DpPbMessage *new = n != NULL ? n->thing : NULL;
	const DpPbMessage *either = old != NULL ? old : new;
	size_t		before = dp_pb_enter(d, either->name);

	if (old != NULL && new != NULL)
	{
		compare_messages(d, old, new);
		if (o->place != n->place && !old->is_group)
			dp_pb_tell(d, DP_PB_MESSAGE_MOVED);
	}
	else if (!either->is_map_entry && !either->is_group)
		dp_pb_tell(d, new == NULL ? DP_PB_MESSAGE_REMOVED : DP_PB_MESSAGE_ADDED);
	dp_pb_leave(d, before);
}

/* Messages and enums of two files or messages. */
static void
compare_types(DpPbDiffer *d, const DpPbMessage *old, const DpPbMessage *new,
			  const DpPbEnum *old_enums, const DpPbEnum *new_enums)
{
	DpPbEntries		olds = {0};
	DpPbEntries		news = {0};
	const DpPbEntry *o;
	const DpPbEntry *n;
	uint32		i = 0;
	uint32		k = 0;

	collect_messages(d, old, &olds);
	collect_messages(d, new, &news);
	while (dp_pb_diff_busy(d) && dp_pb_next_match(&olds, &news, &i, &k, &o, &n))
		compare_one_message(d, o, n);

	olds.len = news.len = i = k = 0;
	for (; old_enums != NULL; old_enums = old_enums->next)
		dp_pb_add_entry(d, &olds, old_enums->name, 0, olds.len, old_enums);
	for (; new_enums != NULL; new_enums = new_enums->next)
		dp_pb_add_entry(d, &news, new_enums->name, 0, news.len, new_enums);
	dp_pb_settle(&olds);
	dp_pb_settle(&news);
	while (dp_pb_diff_busy(d) && dp_pb_next_match(&olds, &news, &i, &k, &o, &n))
	{
		size_t		before = dp_pb_enter(d, o != NULL ? o->name : n->name);

		if (n == NULL)
			dp_pb_tell(d, DP_PB_ENUM_REMOVED);
		else if (o == NULL)
			dp_pb_tell(d, DP_PB_ENUM_ADDED);
		else
			compare_enums(d, o->thing, n->thing);
		dp_pb_leave(d, before);
	}
	free(olds.items);
	free(news.items);
}

bool
dp_pb_diff(const DpSchema *old, const DpSchema *new, bool lenient, DpDifferenceSink sink,
		   void *arg, DpError *err)
{
	DpPbDiffer		d = {(const DpPbSchema *) old, (const DpPbSchema *) new, sink, arg};
	const char *old_package = d.old->root->package;
	const char *new_package = d.new->root->package;

	d.err = err;
	if (strcmp(old_package ? old_package : "", new_package ? new_package : "") != 0)
		dp_pb_tell(&d, DP_PB_PACKAGE_CHANGED);
	if (dp_pb_diff_busy(&d))
		compare_types(&d, d.old->root->messages, d.new->root->messages,
					  d.old->root->enums, d.new->root->enums);
	free(d.pairs);
	dp_buf_free(&d.path);
	dp_buf_free(&d.message);
	return !d.failed;
}
