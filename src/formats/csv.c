/*-------------------------------------------------------------------------
 *
 * csv.c
 *	  One CSV record to a jsonb of strings.
 *
 * Strict RFC 4180, with the characters of one's choice: a quote may only open
 * a field, be doubled inside one, or close it.  Guessing what a stray quote
 * meant would shift columns silently; such a message is a dead letter instead.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/csv.h"
#include "formats/csv_record.h"
#include "formats/nodes.h"

#define BAD_CSV "22P04"

bool
dp_csv_begin(DpCsvRecord *rec, char *text, size_t len, const DpCsvStyle *style, DpError *err)
{
	if (style->delimiter <= 0 || style->delimiter == style->quote ||
		style->delimiter == '\n' || style->delimiter == '\r')
		return dp_error_set(err, "22023", DP_NO_POSITION,
							"CSV delimiter must be one plain character");
	if (len == 0)
		return dp_error_set(err, BAD_CSV, 0, "CSV record is empty");
	memset(rec, 0, sizeof(*rec));
	rec->at = rec->base = text;
	rec->end = text + len;
	rec->style = *style;
	return true;
}

static bool
csv_error(const DpCsvRecord *rec, const char *p, const char *what, DpError *err)
{
	return dp_error_set(err, BAD_CSV, p - rec->base, "invalid CSV: %s", what);
}

/* A field that starts with a quote; p is behind it.  Returns its end or NULL. */
static char *
unquote(DpCsvRecord *rec, char *p, DpError *err)
{
	char	   *out = p;

	rec->text = p;
	rec->quoted = true;
	for (;;)
	{
		char	   *quote = memchr(p, rec->style.quote, rec->end - p);

		if (quote == NULL)
		{
			csv_error(rec, rec->end, "a quoted field does not end", err);
			return NULL;
		}
		if (out != p)
			memmove(out, p, quote - p);
		out += quote - p;
		p = quote + 1;
		if (*p != rec->style.quote)
			break;
		*out++ = rec->style.quote;
		p++;
	}
	rec->len = out - rec->text;
	return p;
}

/* Is p at the end of the record?  Then nothing but one line end may follow. */
static bool
at_record_end(DpCsvRecord *rec, char *p, bool *ends, DpError *err)
{
	char	   *rest = p;

	*ends = p == rec->end;
	if (*ends || (*p != '\n' && *p != '\r'))
		return true;
	if (*rest == '\r')
		rest++;
	if (*rest == '\n')
		rest++;
	if (rest != rec->end)
		return csv_error(rec, rest, "the message holds more than one record", err);
	*ends = true;
	return true;
}

bool
dp_csv_next(DpCsvRecord *rec, DpError *err)
{
	char	   *p = rec->at;

	if (rec->nfields >= DP_CSV_MAX_FIELDS)
		return dp_error_set(err, "54000", p - rec->base,
							"CSV record has more than %d fields", DP_CSV_MAX_FIELDS);
	rec->nfields++;
	if (*p == rec->style.quote && rec->style.quote != '\0')
	{
		p = unquote(rec, p + 1, err);
		if (p == NULL)
			return false;
	}
	else
	{
		rec->text = p;
		rec->quoted = false;
		while (*p != rec->style.delimiter && *p != '\n' && *p != '\r' && *p != '\0')
		{
			if (*p == rec->style.quote)
				return csv_error(rec, p, "a quote inside a field that is not quoted", err);
			p++;
		}
		rec->len = p - rec->text;
	}
	if (!at_record_end(rec, p, &rec->done, err))
		return false;
	if (!rec->done && *p != rec->style.delimiter)
		return csv_error(rec, p, "something follows the closing quote of a field", err);
	rec->text[rec->len] = '\0';
	rec->isnull = !rec->quoted &&
		(rec->len == 0 || (rec->style.null_text && strcmp(rec->text, rec->style.null_text) == 0));
	rec->at = p + 1;
	return true;
}

static bool
push_field(DpJsonDecoder *d, const DpCsvRecord *rec, DpError *err)
{
	DpNode	   *node = dp_nodes_push(&d->stack);

	if (node == NULL)
		return dp_out_of_memory(err);
	node->kind = rec->isnull ? DP_NODE_NULL : DP_NODE_STRING;
	node->len = rec->len;
	node->u.ptr = rec->text;
	return true;
}

/*
 * Names live outside the padded text, so the writer may only get them from a
 * shape or after they are copied behind the message.
 */
static bool
load(DpJsonDecoder *d, const char *src, size_t len, const char *const *names,
	 int nnames, char **name_at, DpError *err)
{
	size_t		bytes = 0;

	if (!dp_nodes_load(d, src, len, err))
		return false;
	for (int i = 0; i < nnames; i++)
		bytes += strlen(names[i]);
	if (!dp_buf_reserve(&d->text, DP_TEXT_PADDING + bytes + DP_TEXT_PADDING))
		return dp_out_of_memory(err);
	*name_at = d->text.data + len + DP_TEXT_PADDING;

	/* The writer sizes its buffer by the text. */
	d->text.len = len + DP_TEXT_PADDING + bytes;
	return true;
}

static bool
push_name(DpJsonDecoder *d, const char *name, char **name_at, uint32 *shape,
		  DpError *err)
{
	DpNode	   *node = dp_nodes_push(&d->stack);
	size_t		len = strlen(name);

	if (node == NULL)
		return dp_out_of_memory(err);
	memcpy(*name_at, name, len);
	node->kind = DP_NODE_STRING;
	node->len = len;
	node->u.ptr = *name_at;
	*name_at += len;
	if (*shape != DP_SHAPE_NONE)
		*shape = dp_shapes_step(&d->shapes, *shape, node->u.ptr, len);
	return true;
}

const char *
dp_csv_to_jsonb(DpJsonDecoder *d, const char *src, size_t len, const DpCsvStyle *style,
				const char *const *names, int nnames, size_t *outlen, DpError *err)
{
	DpCsvRecord rec;
	char	   *name_at = NULL;
	uint32		shape = DP_SHAPE_ROOT;

	if (names == NULL)
		nnames = 0;
	if (!load(d, src, len, names, nnames, &name_at, err) ||
		!dp_csv_begin(&rec, d->text.data, len, style, err))
		return NULL;
	while (!rec.done)
	{
		if (names && rec.nfields < nnames &&
			!push_name(d, names[rec.nfields], &name_at, &shape, err))
			return NULL;
		if (!dp_csv_next(&rec, err) || !push_field(d, &rec, err))
			return NULL;
	}
	if (names && rec.nfields != nnames)
	{
		dp_error_set(err, BAD_CSV, DP_NO_POSITION,
					 "CSV record has %d fields where %d are expected",
					 rec.nfields, nnames);
		return NULL;
	}
	if (!dp_nodes_close(d, 0, names ? DP_NODE_OBJECT : DP_NODE_ARRAY,
						names ? shape : DP_SHAPE_NONE))
	{
		dp_out_of_memory(err);
		return NULL;
	}
	return dp_jsonb_write(d, &d->stack.items[0], outlen, err);
}
