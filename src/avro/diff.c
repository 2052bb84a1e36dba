/*-------------------------------------------------------------------------
 *
 * diff.c
 *	  Can a reader with the new schema read what was written with the old?
 *
 * The rules, the names of differences and their paths are those of Avro's own
 * compatibility check, which Confluent's registry uses.  Like it we begin
 * paths anew inside the branches of unions.
 *
 * Recursive types are compared by a greatest fixpoint: all pairs are readable
 * until shown not to be, and passes over the pairs go on until none changes.
 * One pass is not enough, since a pair may have been judged while another one
 * below it was only assumed to be good.  When the verdicts stand, a last walk
 * tells the differences.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/model.h"
#include "formats/nodes.h"

/* The C library's: this file must link without the server. */
#undef snprintf
#undef vsnprintf
#undef qsort

#define FIRST_SLOTS 64			/* a power of two */
#define MAX_PAIRS (1024 * 1024)
#define MAX_PATH 2048
#define MAX_DEPTH 2000			/* pairs inside each other */
#define MESSAGE_CHARS 512

typedef struct Pair
{
	int			reader;			/* ids plus one; 0: free slot */
	int			writer;
	uint32		pass;			/* the last one that looked at it */
	bool		bad;
	bool		told;
} Pair;

typedef struct Differ
{
	Pair	   *slots;
	uint32		nslots;
	uint32		used;
	uint32		pass;
	bool		changed;
	int			depth;
	uint32		work;
	DpDifferenceSink sink;
	void	   *arg;
	bool		stopped;
	char		path[MAX_PATH];
	bool		failed;
	DpError    *err;
} Differ;

static uint32
slot_of(const Differ *d, int reader, int writer)
{
	uint32		h = (uint32) reader * 2654435761u ^ (uint32) writer * 40503u;

	h = (h ^ (h >> 15)) & (d->nslots - 1);
	while (d->slots[h].reader != 0 &&
		   (d->slots[h].reader != reader || d->slots[h].writer != writer))
		h = (h + 1) & (d->nslots - 1);
	return h;
}

static bool
fail(Differ *d, const char *message)
{
	d->failed = true;
	return dp_error_set(d->err, DP_SQLSTATE_LIMIT, DP_NO_POSITION, "%s", message);
}

static bool
grow(Differ *d)
{
	Differ		bigger = *d;

	bigger.nslots = d->nslots ? 2 * d->nslots : FIRST_SLOTS;
	if (d->used > MAX_PAIRS)
		return fail(d, "schemas have too many pairs of types to compare");
	bigger.slots = calloc(bigger.nslots, sizeof(Pair));
	if (bigger.slots == NULL)
	{
		d->failed = true;
		return dp_out_of_memory(d->err);
	}
	for (uint32 i = 0; i < d->nslots; i++)
	{
		if (d->slots[i].reader != 0)
			bigger.slots[slot_of(&bigger, d->slots[i].reader, d->slots[i].writer)] = d->slots[i];
	}
	free(d->slots);
	d->slots = bigger.slots;
	d->nslots = bigger.nslots;
	return true;
}

/* The slot of a pair, new or not; NULL on failure.  Valid until the next call. */
static Pair *
find_pair(Differ *d, const DpAvroType *reader, const DpAvroType *writer)
{
	Pair	   *pair;

	if (2 * (d->used + 1) > d->nslots && !grow(d))
		return NULL;
	pair = &d->slots[slot_of(d, reader->id + 1, writer->id + 1)];
	if (pair->reader == 0)
	{
		pair->reader = reader->id + 1;
		pair->writer = writer->id + 1;
		d->used++;
	}
	return pair;
}

static bool
go_on(Differ *d)
{
	if (d->failed)
		return false;
	if ((++d->work & 0xFFF) != 0 || dp_schema_interrupted == NULL || !dp_schema_interrupted())
		return true;
	d->failed = true;
	return dp_error_set(d->err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
}

/* ------------------------------------------------------------------ rules */

static bool
has_symbol(const DpAvroType *type, const char *symbol)
{
	for (int i = 0; i < type->nsymbols; i++)
	{
		if (strcmp(type->symbols[i], symbol) == 0)
			return true;
	}
	return false;
}

static bool
symbols_fit(Differ *d, const DpAvroType *reader, const DpAvroType *writer)
{
	if (reader->symbol_default >= 0)
		return true;
	for (int i = 0; i < writer->nsymbols; i++)
	{
		if (!go_on(d) || !has_symbol(reader, writer->symbols[i]))
			return false;
	}
	return true;
}

/* A reader's field that no writer's field fills and that has no default. */
static bool
is_missing(const DpAvroField *field)
{
	/* An enum's own default counts as far as to compare it with the record. */
	return field->fallback == NULL &&
		!(field->type->tag == DP_AVRO_ENUM && field->type->symbol_default >= 0);
}

/* --------------------------------------------------------------- verdicts */

static bool judge(Differ *d, const DpAvroType *reader, const DpAvroType *writer);

static bool
judge_record(Differ *d, const DpAvroType *reader, const DpAvroType *writer)
{
	bool		good = dp_avro_names_match(reader, writer);

	for (int i = 0; i < reader->nfields; i++)
	{
		const DpAvroField *field = &reader->fields[i];
		const DpAvroField *from;

		if (!go_on(d))
			return false;
		from = dp_avro_writer_field(writer, field);
		if (from != NULL)
			good &= judge(d, field->type, from->type);
		else
			good &= field->fallback != NULL;
	}
	return good;
}

static bool
judge_union(Differ *d, const DpAvroType *reader, const DpAvroType *writer)
{
	bool		good = true;

	if (writer->tag == DP_AVRO_UNION)
	{
		for (int i = 0; i < writer->nbranches; i++)
			good &= judge(d, reader, writer->branches[i]);
		return good;
	}
	for (int i = 0; i < reader->nbranches; i++)
	{
		if (judge(d, reader->branches[i], writer))
			return true;
	}
	return false;
}

static bool
judge_pair(Differ *d, const DpAvroType *reader, const DpAvroType *writer)
{
	if (reader->tag == DP_AVRO_UNION || writer->tag == DP_AVRO_UNION)
		return judge_union(d, reader, writer);
	if (reader->tag != writer->tag)
		return dp_avro_is_promoted(reader->tag, writer->tag);
	switch (reader->tag)
	{
		case DP_AVRO_ARRAY:
		case DP_AVRO_MAP:
			return judge(d, reader->items, writer->items);
		case DP_AVRO_FIXED:
			return dp_avro_names_match(reader, writer) && reader->size == writer->size;
		case DP_AVRO_ENUM:
			return dp_avro_names_match(reader, writer) && symbols_fit(d, reader, writer);
		case DP_AVRO_RECORD:
			return judge_record(d, reader, writer);
		default:
			return true;
	}
}

static bool
judge(Differ *d, const DpAvroType *reader, const DpAvroType *writer)
{
	Pair	   *pair;
	bool		good;

	if (!go_on(d))
		return false;
	pair = find_pair(d, reader, writer);
	if (pair == NULL)
		return false;
	if (pair->bad || pair->pass == d->pass)
		return !pair->bad;
	pair->pass = d->pass;
	if (++d->depth > MAX_DEPTH)
		return fail(d, "schemas have types nested too deep to compare");
	good = judge_pair(d, reader, writer);
	d->depth--;
	if (!good && !d->failed)
	{
		find_pair(d, reader, writer)->bad = true;
		d->changed = true;
	}
	return good;
}

/* ------------------------------------------------------------ differences */

static void tell(Differ *d, const DpAvroType *reader, const DpAvroType *writer, size_t at);

/* Append a step to the path, which ended at "at"; returns where it ends now. */
static size_t
step(Differ *d, size_t at, const char *word)
{
	size_t		len = strlen(word);

	if (at + len + 2 > sizeof(d->path))
		return at;				/* cut, but still a path */
	if (at > 1)
		d->path[at++] = '/';
	memcpy(d->path + at, word, len + 1);
	return at + len;
}

static size_t
step_number(Differ *d, size_t at, int number)
{
	char		word[16];

	snprintf(word, sizeof(word), "%d", number);
	return step(d, at, word);
}

static void say(Differ *d, const char *type, size_t at, const char *fmt,...) __attribute__((format(printf, 4, 5)));

static void
say(Differ *d, const char *type, size_t at, const char *fmt,...)
{
	char		message[MESSAGE_CHARS];
	DpDifference difference = {type, d->path, message, false};
	va_list		ap;

	if (d->stopped || d->failed)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	d->path[at] = '\0';
	d->stopped = !d->sink(d->arg, &difference);
}

static void
say_name(Differ *d, const DpAvroType *reader, const DpAvroType *writer, size_t at)
{
	if (!dp_avro_names_match(reader, writer))
		say(d, "NAME_MISMATCH", step(d, at, "name"),
			"the old %s is named \"%.100s\" and the new one \"%.100s\"; an alias would tie them",
			dp_avro_tag_name(reader->tag), writer->name.full, reader->name.full);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void
say_symbols(Differ *d, const DpAvroType *reader, const DpAvroType *writer, size_t at)
{
	const char **missing;
	char		list[MESSAGE_CHARS / 2];
	size_t		len = 0;
	int			n = 0;

	if (symbols_fit(d, reader, writer) || d->failed)
		return;
	missing = malloc(writer->nsymbols * sizeof(char *));
	if (missing == NULL)
	{
		d->failed = true;
		dp_out_of_memory(d->err);
		return;
	}
	for (int i = 0; i < writer->nsymbols && go_on(d); i++)
	{
		if (!has_symbol(reader, writer->symbols[i]))
			missing[n++] = writer->symbols[i];
	}
	qsort(missing, n, sizeof(char *), compare_texts);
	list[0] = '\0';
	for (int i = 0; i < n && len < sizeof(list); i++)
		len += snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "", missing[i]);
	free(missing);
	say(d, "MISSING_ENUM_SYMBOLS", step(d, at, "symbols"),
		"the new enum \"%.80s\" lacks symbols of the old one and has no default: [%s]",
		reader->name.full, list);
}

static void
say_mismatch(Differ *d, const DpAvroType *reader, const DpAvroType *writer, size_t at)
{
	say(d, "TYPE_MISMATCH", at, "the new type \"%s\" cannot read the old type \"%s\"",
		dp_avro_tag_name(reader->tag), dp_avro_tag_name(writer->tag));
}

static void
tell_record(Differ *d, const DpAvroType *reader, const DpAvroType *writer, size_t at)
{
	say_name(d, reader, writer, at);
	at = step(d, at, "fields");
	for (int i = 0; i < reader->nfields && !d->stopped && go_on(d); i++)
	{
		const DpAvroField *field = &reader->fields[i];
		const DpAvroField *from = dp_avro_writer_field(writer, field);
		size_t		here = step_number(d, at, i);

		if (from != NULL)
			tell(d, field->type, from->type, step(d, here, "type"));
		else if (is_missing(field))
			say(d, "READER_FIELD_MISSING_DEFAULT_VALUE", here,
				"field \"%.100s\" is in the new schema only and has no default", field->name);
		else if (field->fallback == NULL)
			say_mismatch(d, field->type, writer, step(d, here, "type"));
		d->path[at] = '\0';
	}
}

static void
tell_union(Differ *d, const DpAvroType *reader, const DpAvroType *writer, size_t at)
{
	if (writer->tag != DP_AVRO_UNION)
	{
		say(d, "MISSING_UNION_BRANCH", at, "the new union has no branch for the old type \"%s\"",
			dp_avro_branch_name(writer));
		return;
	}
	for (int i = 0; i < writer->nbranches && !d->stopped && go_on(d); i++)
	{
		if (judge(d, reader, writer->branches[i]))
			continue;
		if (reader->tag == DP_AVRO_UNION)
			say(d, "MISSING_UNION_BRANCH", step_number(d, at, i),
				"the new union has no branch for the old branch \"%s\"",
				dp_avro_branch_name(writer->branches[i]));
		else
		{
			char		around[MAX_PATH];

			memcpy(around, d->path, sizeof(around));
			tell(d, reader, writer->branches[i], 1);
			memcpy(d->path, around, sizeof(around));
		}
	}
}

/* Say what is wrong with a pair that was judged bad. */
static void
tell(Differ *d, const DpAvroType *reader, const DpAvroType *writer, size_t at)
{
	Pair	   *pair = find_pair(d, reader, writer);

	if (pair == NULL || !pair->bad || pair->told || d->stopped || d->failed)
		return;
	/* Types without a name are told wherever they are. */
	pair->told = reader->tag == DP_AVRO_RECORD && writer->tag == DP_AVRO_RECORD;
	if (reader->tag == DP_AVRO_UNION || writer->tag == DP_AVRO_UNION)
		tell_union(d, reader, writer, at);
	else if (reader->tag != writer->tag)
		say_mismatch(d, reader, writer, at);
	else if (reader->tag == DP_AVRO_ARRAY || reader->tag == DP_AVRO_MAP)
		tell(d, reader->items, writer->items,
			 step(d, at, reader->tag == DP_AVRO_ARRAY ? "items" : "values"));
	else if (reader->tag == DP_AVRO_RECORD)
		tell_record(d, reader, writer, at);
	else
	{
		say_name(d, reader, writer, at);
		d->path[at] = '\0';
		if (reader->tag == DP_AVRO_FIXED && reader->size != writer->size)
			say(d, "FIXED_SIZE_MISMATCH", step(d, at, "size"), "the old size is %u and the new size %u",
				writer->size, reader->size);
		if (reader->tag == DP_AVRO_ENUM)
			say_symbols(d, reader, writer, at);
	}
}

bool
dp_avro_diff(const DpSchema *old, const DpSchema *new, bool lenient, DpDifferenceSink sink,
			 void *arg, DpError *err)
{
	const DpAvroType *reader = dp_avro_schema(new)->root;
	const DpAvroType *writer = dp_avro_schema(old)->root;
	Differ		d = {.sink = sink,.arg = arg,.path = "/",.err = err};
	bool		good;

	do
	{
		d.pass++;
		d.changed = false;
		d.depth = 0;
		good = judge(&d, reader, writer);
	} while (d.changed && !d.failed);
	if (!good && !d.failed)
		tell(&d, reader, writer, 1);
	free(d.slots);
	return !d.failed;
}
