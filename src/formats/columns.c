/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  A message to the values of typed columns, without a jsonb in between.
 *
 * The keys of a message are followed in the tree of shapes, which remembers
 * for each place in a sequence of keys what column it belongs to: while
 * messages look alike, finding the column of a member is one comparison.
 *
 * A column whose field is a path lies in a scope: an object inside of the
 * message's own, scope 0.  Behind the columns stands an entry for each scope,
 * found as a column of that member is; it reads the object's members.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "formats/columns.h"
#include "formats/csv.h"
#include "formats/csv_record.h"
#include "formats/nodes.h"
#include "formats/path.h"
#include "formats/scan.h"
#include "formats/usual.h"
#include "formats/values.h"

/* The C library's: this file must link without the server. */
#undef snprintf

#define NO_COLUMN (-1)
#define NOT_LOOKED_UP (-2)
#define FIRST_BUCKETS 16		/* of the table of fields; a power of two */

struct DpColumnProgram
{
	DpJsonDecoder *d;
	DpArena		arena;
	DpColumn   *columns;		/* and behind them the scopes, from 1 */
	int			ncolumns;
	int			nscopes;		/* besides 0 */
	int			nentries;		/* that there is room for */
	int		   *scope_of;		/* each column or scope: what it lies in */
	uint32	   *scope_shape;	/* where keys of each scope begin in the tree; 0: not known */
	uint64	   *scope_seen;		/* number of the message that has had it */
	uint64		message;
	bool		any_not_null;
	DpColumnValue *nulls;		/* what all columns are before a message */
	int		   *by_field;		/* hash of field names, open addressing */
	uint32		nbuckets;
	int		   *by_index;		/* first column of each position */
	int			nindexes;
	uint32		shapes_len;		/* of column_of that are filled in */
	int			column_of[DP_SHAPE_MAX_NODES];
};

static uint32
hash_field(int scope, const char *s, uint32 len)
{
	uint32		h = 2166136261u ^ (uint32) scope * 40503u;

	for (uint32 i = 0; i < len; i++)
		h = (h ^ (unsigned char) s[i]) * 16777619u;
	return h ^ (h >> 15);
}

/* The bucket where a field is, or where it would go. */
static int *
field_bucket(const DpColumnProgram *p, int scope, const char *field, uint32 len)
{
	uint32		b = hash_field(scope, field, len) & (p->nbuckets - 1);

	while (p->by_field[b] != NO_COLUMN)
	{
		const DpColumn *col = &p->columns[p->by_field[b]];

		if (p->scope_of[p->by_field[b]] == scope && col->fieldlen == len && memcmp(col->label, field, len) == 0)
			break;
		b = (b + 1) & (p->nbuckets - 1);
	}
	return &p->by_field[b];
}

static DpUsual
usual_spelling(Oid type, int32 typmod)
{
	switch (type)
	{
		case TEXTOID:
			return DP_USUAL_TEXT;
		case VARCHAROID:
			return typmod < (int32) VARHDRSZ ? DP_USUAL_TEXT : DP_USUAL_NONE;
		case INT4OID:
			return DP_USUAL_INT4;
		case INT8OID:
			return DP_USUAL_INT8;
		case NUMERICOID:
			return typmod < (int32) VARHDRSZ ? DP_USUAL_NUMERIC : DP_USUAL_NONE;
		case FLOAT8OID:
			return DP_USUAL_FLOAT8;
		case BOOLOID:
			return DP_USUAL_BOOL;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return DP_USUAL_TIMESTAMP;
		default:
			return DP_USUAL_NONE;
	}
}

/* The scope of a member of another, made when it is new; -1: no memory. */
static int
find_scope(DpColumnProgram *p, int parent, const char *name)
{
	DpColumn   *entry;
	int			i = p->ncolumns;

	for (; i < p->ncolumns + p->nscopes; i++)
	{
		if (p->scope_of[i] == parent && strcmp(p->columns[i].label, name) == 0)
			return i - p->ncolumns + 1;
	}
	entry = &p->columns[i];
	entry->label = strdup(name);
	if (entry->label == NULL)
		return -1;
	entry->fieldlen = strlen(name);
	entry->has_field = true;
	entry->csv_index = -1;
	entry->usual = DP_USUAL_NONE;
	entry->next_same = NO_COLUMN;
	entry->next_index = NO_COLUMN;
	p->scope_of[i] = parent;
	return ++p->nscopes;
}

/* Put a column where its path says. */
static bool
compile_path(DpColumnProgram *p, int i)
{
	DpColumn   *col = &p->columns[i];
	char	   *path = col->label;
	char	   *name = dp_path_next(&path);
	int			levels = 0;

	while (path != NULL && levels++ < DP_PATH_MAX_LEVELS)
	{
		p->scope_of[i] = find_scope(p, p->scope_of[i], name);
		if (p->scope_of[i] < 0)
			return false;
		name = dp_path_next(&path);
	}
	col->has_field = path == NULL;	/* what lies too deep is never found */
	memmove(col->label, name, strlen(name) + 1);
	col->fieldlen = strlen(col->label);
	return true;
}

static bool
compile_column(DpColumnProgram *p, int i, const DpColumnSpec *spec)
{
	DpColumn   *col = &p->columns[i];
	char		place[32];
	uint32		shown;

	snprintf(place, sizeof(place), "column %d", spec->csv_index + 1);
	col->has_field = spec->field != NULL;
	col->label = strdup(spec->field ? spec->field : place);
	if (col->label == NULL)
		return false;
	col->fieldlen = strlen(col->label);
	shown = Min(col->fieldlen, DP_LABEL_SHOWN);
	while (shown > 0 && shown < col->fieldlen && (col->label[shown] & 0xC0) == 0x80)
		shown--;				/* never half a character */
	memcpy(col->shown, col->label, shown);
	col->csv_index = spec->csv_index < DP_CSV_MAX_FIELDS ? spec->csv_index : -1;
	col->type = spec->type;
	col->typmod = spec->typmod;
	col->usual = usual_spelling(spec->type, spec->typmod);
	col->not_null = spec->not_null;
	p->any_not_null |= spec->not_null;
	col->next_same = NO_COLUMN;
	col->next_index = NO_COLUMN;
	p->nindexes = Max(p->nindexes, col->csv_index + 1);
	return !spec->is_path || spec->field == NULL || compile_path(p, i);
}

/* Hang column i into both directories, in front of its namesakes. */
static void
register_column(DpColumnProgram *p, int i)
{
	DpColumn   *col = &p->columns[i];

	if (col->has_field)
	{
		int		   *bucket = field_bucket(p, p->scope_of[i], col->label, col->fieldlen);

		col->next_same = *bucket;
		*bucket = i;
	}
	if (col->csv_index >= 0)
	{
		col->next_index = p->by_index[col->csv_index];
		p->by_index[col->csv_index] = i;
	}
}

/* Columns, and as many scopes as their paths can have. */
static int
count_entries(const DpColumnSpec *specs, int n)
{
	int			entries = n;

	for (int i = 0; i < n; i++)
	{
		int			levels = 0;

		for (const char *c = specs[i].is_path ? specs[i].field : NULL; c != NULL && *c != '\0'; c++)
			levels += *c == '.';
		entries += Min(levels, DP_PATH_MAX_LEVELS);
	}
	return Max(entries, 1);
}

DpColumnProgram *
dp_columns_compile(const DpColumnSpec *specs, int n, const DpJsonLimits *limits)
{
	DpColumnProgram *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->d = dp_json_decoder_create(limits);
	p->ncolumns = n;
	p->nentries = count_entries(specs, n);
	p->columns = calloc(p->nentries, sizeof(DpColumn));
	p->scope_of = calloc(p->nentries, sizeof(int));
	p->scope_shape = calloc(p->nentries + 1, sizeof(uint32));
	p->scope_seen = calloc(p->nentries + 1, sizeof(uint64));
	p->nulls = calloc(Max(n, 1), sizeof(DpColumnValue));
	if (p->d == NULL || p->columns == NULL || p->scope_of == NULL || p->scope_shape == NULL ||
		p->scope_seen == NULL || p->nulls == NULL)
		goto fail;
	for (int i = 0; i < n; i++)
		p->nulls[i].isnull = true;
	for (int i = 0; i < n; i++)
	{
		if (!compile_column(p, i, &specs[i]))
			goto fail;
	}
	p->nbuckets = FIRST_BUCKETS;
	while (p->nbuckets < 2 * (uint32) p->nentries)
		p->nbuckets *= 2;
	p->by_field = malloc(p->nbuckets * sizeof(int));
	p->by_index = malloc(Max(p->nindexes, 1) * sizeof(int));
	if (p->by_field == NULL || p->by_index == NULL)
		goto fail;
	for (uint32 b = 0; b < p->nbuckets; b++)
		p->by_field[b] = NO_COLUMN;
	for (int k = 0; k < p->nindexes; k++)
		p->by_index[k] = NO_COLUMN;
	/* A scope comes behind its columns: their copies are made before its text changes. */
	for (int i = n + p->nscopes - 1; i >= 0; i--)
		register_column(p, i);
	return p;

fail:
	dp_columns_free(p);
	return NULL;
}

void
dp_columns_free(DpColumnProgram *p)
{
	if (p == NULL)
		return;
	for (int i = 0; p->columns != NULL && i < p->nentries; i++)
		free(p->columns[i].label);
	free(p->columns);
	free(p->scope_of);
	free(p->scope_shape);
	free(p->scope_seen);
	free(p->nulls);
	free(p->by_field);
	free(p->by_index);
	dp_arena_free(&p->arena);
	dp_json_decoder_destroy(p->d);
	free(p);
}

/* The first column of a member, by the place of its key or by its name. */
static inline int
column_of_key(DpColumnProgram *p, int scope, uint32 shape, const char *key, uint32 keylen)
{
	/* The tree was emptied or has grown. */
	if (unlikely(p->shapes_len > p->d->shapes.len))
	{
		p->shapes_len = 0;
		memset(p->scope_shape, 0, (p->nscopes + 1) * sizeof(uint32));
	}
	while (p->shapes_len < p->d->shapes.len)
		p->column_of[p->shapes_len++] = NOT_LOOKED_UP;
	if (shape == DP_SHAPE_NONE)
		return *field_bucket(p, scope, key, keylen);
	if (unlikely(p->column_of[shape] == NOT_LOOKED_UP))
		p->column_of[shape] = *field_bucket(p, scope, key, keylen);
	return p->column_of[shape];
}

/*
 * The value of a member that several columns want: all but the last work on
 * copies, because reading a string changes the text.
 */
static bool
fill_from_copy(DpColumnProgram *p, const DpColumn *col, const char *start,
			   const char *end, DpColumnValue *out, DpError *err)
{
	size_t		len = end - start;
	char	   *copy = dp_arena_alloc(&p->arena, len + DP_TEXT_PADDING);
	DpValueContext ctx = {p->d, &p->arena, copy};

	if (copy == NULL)
		return dp_out_of_memory(err);
	memcpy(copy, start, len);
	memset(copy + len, 0, DP_TEXT_PADDING);
	if (dp_value_from_json(&ctx, col, &copy, out, err))
		return true;
	err->position = start - p->d->text.data;
	return false;
}

static char *read_scope(DpColumnProgram *p, int scope, char *at, DpColumnValue *out, DpError *err);

/* Read the value at p into all columns of the chain that starts at "first". */
static char *
fill_columns(DpColumnProgram *p, int first, bool by_index, char *at,
			 DpColumnValue *out, DpError *err)
{
	DpJsonDecoder *d = p->d;
	DpValueContext ctx = {d, &p->arena, d->text.data};
	char	   *end = NULL;

	at = dp_scan_blanks(at);
	if (first == NO_COLUMN)
		return dp_json_skip_value(d, at, d->text.data, err);
	for (;;)
	{
		const DpColumn *col = &p->columns[first];
		int			next = by_index ? col->next_index : col->next_same;

		if (unlikely(first >= p->ncolumns))
			return read_scope(p, first - p->ncolumns + 1, at, out, err);
		if (next == NO_COLUMN)
			return dp_value_from_json(&ctx, col, &at, &out[first], err) ? at : NULL;
		if (end == NULL)
			end = dp_json_skip_value(d, at, d->text.data, err);
		if (end == NULL || !fill_from_copy(p, col, at, end, &out[first], err))
			return NULL;
		first = next;
	}
}

/* Any member; its key's text begins at "key".  Returns its end, or NULL. */
static char *
read_member(DpColumnProgram *p, int scope, uint32 *shape, char *key, DpColumnValue *out,
			DpError *err)
{
	DpJsonDecoder *d = p->d;
	uint32		keylen;
	int			col;
	char	   *at = dp_json_parse_key(d, shape, key, &keylen, err);

	if (at == NULL)
		return NULL;
	col = column_of_key(p, scope, *shape, key, keylen);
	at = dp_scan_blanks(at);
	if (*at != ':')
	{
		dp_json_expected(at, d->text.data, "a colon is", err);
		return NULL;
	}
	return fill_columns(p, col, false, at + 1, out, err);
}

/*
 * The member whose key's text begins at "at", if it is the one that stood
 * here last time and its value is spelled as usual: no more than a few
 * comparisons.  Returns its end, or NULL with nothing changed.
 */
static inline char *
read_usual_member(DpColumnProgram *p, uint32 *shape, char *at, DpColumnValue *out)
{
	DpValueContext ctx = {p->d, &p->arena, p->d->text.data};
	uint32		next = dp_shapes_predicted(&p->d->shapes, *shape, at);
	const DpColumn *col;
	int			i;

	if (next == DP_SHAPE_NONE || next >= p->shapes_len)
		return NULL;
	i = p->column_of[next];
	at += p->d->shapes.items[next].keylen + 1;
	if (i < 0 || *at != ':')
		return NULL;
	col = &p->columns[i];
	if (col->next_same != NO_COLUMN)
		return NULL;
	at = dp_value_usual(&ctx, col, dp_scan_blanks(at + 1), &out[i]);
	if (at != NULL)
		*shape = next;
	return at;
}

/* Members of an object; at is behind its brace, shape where its keys begin.  Returns its end. */
static char *
read_object(DpColumnProgram *p, int scope, uint32 shape, char *at, DpColumnValue *out, DpError *err)
{
	DpJsonDecoder *d = p->d;

	at = dp_scan_blanks(at);
	if (*at == '}')
		return at + 1;
	for (;;)
	{
		char	   *usual;

		if (*at != '"')
		{
			dp_json_expected(at, d->text.data, "a quoted key is", err);
			return NULL;
		}
		usual = read_usual_member(p, &shape, at + 1, out);
		at = usual != NULL ? usual : read_member(p, scope, &shape, at + 1, out, err);
		if (at == NULL)
			return NULL;
		at = dp_scan_blanks(at);
		if (*at == '}')
			return at + 1;
		if (*at != ',')
		{
			dp_json_expected(at, d->text.data, "a comma or a closing brace is", err);
			return NULL;
		}
		at = dp_scan_blanks(at + 1);
	}
}

/* The place in the tree of a scope's first keys: behind a key that no text can hold. */
static uint32
shape_of_scope(DpColumnProgram *p, int scope)
{
	char		key[1 + sizeof(scope)];

	if (p->scope_shape[scope] == DP_SHAPE_NONE)
	{
		key[0] = '\xFF';
		memcpy(key + 1, &scope, sizeof(scope));
		p->scope_shape[scope] = dp_shapes_step(&p->d->shapes, DP_SHAPE_ROOT, key, sizeof(key));
	}
	return p->scope_shape[scope];
}

/* Forget what a scope had: of duplicate members the last one counts. */
static void
clear_scope(DpColumnProgram *p, int scope, DpColumnValue *out)
{
	for (int i = 0; i < p->ncolumns; i++)
	{
		int			s = p->scope_of[i];

		while (s > 0 && s != scope)
			s = p->scope_of[p->ncolumns + s - 1];
		if (s == scope)
			out[i] = p->nulls[i];
	}
}

/* An object whose members have columns.  What is none has none of them. */
static char *
read_scope(DpColumnProgram *p, int scope, char *at, DpColumnValue *out, DpError *err)
{
	DpJsonDecoder *d = p->d;

	if (unlikely(p->scope_seen[scope] == p->message))
		clear_scope(p, scope, out);
	p->scope_seen[scope] = p->message;
	if (*at != '{' || d->base_depth >= d->limits.max_depth)
		return dp_json_skip_value(d, at, d->text.data, err);
	d->base_depth++;
	at = read_object(p, scope, shape_of_scope(p, scope), at + 1, out, err);
	d->base_depth--;
	return at;
}

/* Elements of the root array. */
static char *
read_array(DpColumnProgram *p, char *at, DpColumnValue *out, DpError *err)
{
	DpJsonDecoder *d = p->d;

	at = dp_scan_blanks(at);
	if (*at == ']')
		return at + 1;
	for (int i = 0;; i++)
	{
		at = fill_columns(p, i < p->nindexes ? p->by_index[i] : NO_COLUMN, true,
						  at, out, err);
		if (at == NULL)
			return NULL;
		at = dp_scan_blanks(at);
		if (*at == ']')
			return at + 1;
		if (*at != ',')
		{
			dp_json_expected(at, d->text.data, "a comma or a closing bracket is", err);
			return NULL;
		}
		at++;
	}
}

static void
begin_values(DpColumnProgram *p, DpColumnValue *out)
{
	p->message++;
	p->d->base_depth = 1;
	dp_arena_reset(&p->arena);
	memcpy(out, p->nulls, sizeof(DpColumnValue) * p->ncolumns);
}

static bool
check_not_null(const DpColumnProgram *p, const DpColumnValue *out, DpError *err)
{
	for (int i = 0; p->any_not_null && i < p->ncolumns; i++)
	{
		if (unlikely(out[i].isnull && p->columns[i].not_null))
			return dp_error_set(err, "23502", DP_NO_POSITION,
								"field \"%s\" is null or missing, which its column forbids",
								p->columns[i].shown);
	}
	return true;
}

bool
dp_json_to_columns(DpColumnProgram *p, const char *src, size_t len,
				   DpColumnValue *out, DpError *err)
{
	DpJsonDecoder *d = p->d;
	char	   *at;

	begin_values(p, out);
	if (!dp_nodes_load(d, src, len, err))
		return false;
	at = dp_scan_blanks(d->text.data);
	if (*at == '{')
		at = read_object(p, 0, DP_SHAPE_ROOT, at + 1, out, err);
	else if (*at == '[')
		at = read_array(p, at + 1, out, err);
	else
	{
		at = dp_json_skip_value(d, at, d->text.data, err);
		if (at != NULL)
			return dp_error_set(err, "22P02", 0, "message is not a JSON object");
	}
	if (at == NULL)
		return false;
	at = dp_scan_blanks(at);
	if (at != d->text.data + len)
		return dp_error_set(err, "22P02", at - d->text.data,
							"invalid JSON: something follows the value");
	return check_not_null(p, out, err);
}

/* The field just read, into all columns of its position. */
static bool
fill_from_field(DpColumnProgram *p, const DpCsvRecord *rec, int col,
				DpColumnValue *out, DpError *err)
{
	DpValueContext ctx = {p->d, &p->arena, p->d->text.data};

	for (; col != NO_COLUMN; col = p->columns[col].next_index)
	{
		/* Before a bare field stands the end of the one before it. */
		bool		headroom = rec->quoted;
		char	   *text = rec->text;

		if (p->columns[col].next_index != NO_COLUMN)
		{
			text = dp_arena_alloc(&p->arena, rec->len + DP_TEXT_PADDING);
			if (text == NULL)
				return dp_out_of_memory(err);
			memcpy(text, rec->text, rec->len);
			memset(text + rec->len, 0, DP_TEXT_PADDING);
			headroom = false;
		}
		if (!dp_value_from_text(&ctx, &p->columns[col], text, rec->len, headroom,
								&out[col], err))
		{
			err->position = rec->text - p->d->text.data;
			return false;
		}
	}
	return true;
}

bool
dp_csv_to_columns(DpColumnProgram *p, const char *src, size_t len, const DpCsvStyle *style,
				  DpColumnValue *out, DpError *err)
{
	DpJsonDecoder *d = p->d;
	DpCsvRecord rec;

	begin_values(p, out);
	if (!dp_nodes_load(d, src, len, err) ||
		!dp_csv_begin(&rec, d->text.data, len, style, err))
		return false;
	while (!rec.done)
	{
		int			i = rec.nfields;

		if (!dp_csv_next(&rec, err))
			return false;
		if (i < p->nindexes && !rec.isnull &&
			!fill_from_field(p, &rec, p->by_index[i], out, err))
			return false;
	}
	if (rec.nfields < p->nindexes)
		return dp_error_set(err, "22P04", DP_NO_POSITION,
							"CSV record has %d fields where %d are expected",
							rec.nfields, p->nindexes);
	return check_not_null(p, out, err);
}
