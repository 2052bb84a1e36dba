/*-------------------------------------------------------------------------
 *
 * print.c
 *	  An Avro schema as text: as registries print it, normalized, canonical.
 *
 * Three texts, by what they keep.  The registry's text is what Avro's Java
 * library prints, so that member order and {"type": "int"} make no difference
 * but docs do.  The normal form also sorts what has no order of its own and
 * writes full names.  The canonical form keeps only what readers need.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "avro/model.h"
#include "formats/nodes.h"

/* The C library's: this file must link without the server. */
#undef snprintf
#undef qsort

#define MAX_DEPTH 2000			/* types inside each other, with those of references */

typedef enum Form
{
	FORM_PRINTED,
	FORM_NORMAL,
	FORM_CANONICAL
} Form;

typedef struct Printer
{
	Form		form;
	DpBuf	   *out;
	bool	   *known;			/* by type id: written, or defined elsewhere */
	const char *space;			/* the namespace around */
	int			depth;
	bool		too_deep;
} Printer;

static bool put_type(Printer *w, const DpAvroType *type);

static inline void
put_text(Printer *w, const char *s)
{
	dp_avro_put_string(w->out, s, strlen(s));
}

static void
put_member(Printer *w, const char *key, const char *value)
{
	dp_avro_put(w->out, ",\"");
	dp_avro_put(w->out, key);
	dp_avro_put(w->out, "\":");
	put_text(w, value);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int
compare_props(const void *a, const void *b)
{
	return strcmp(((const DpAvroProp *) a)->key, ((const DpAvroProp *) b)->key);
}

static bool
put_props(Printer *w, const DpAvroProps *props)
{
	DpAvroProp *items;
	bool		good = true;

	if (w->form == FORM_CANONICAL || props->n == 0)
		return true;
	items = malloc(props->n * sizeof(DpAvroProp));
	if (items == NULL)
		return false;
	memcpy(items, props->items, props->n * sizeof(DpAvroProp));
	if (w->form == FORM_NORMAL)
		qsort(items, props->n, sizeof(DpAvroProp), compare_props);
	for (int i = 0; good && i < props->n; i++)
	{
		dp_avro_put(w->out, ",");
		put_text(w, items[i].key);
		dp_avro_put(w->out, ":");
		good = dp_avro_tree_print(items[i].value, w->form == FORM_NORMAL, w->out);
	}
	free(items);
	return good;
}

static bool
put_aliases(Printer *w, const char **aliases, int n)
{
	const char **sorted;

	if (w->form == FORM_CANONICAL || n == 0)
		return true;
	sorted = malloc(n * sizeof(char *));
	if (sorted == NULL)
		return false;
	memcpy(sorted, aliases, n * sizeof(char *));
	if (w->form == FORM_NORMAL)
		qsort(sorted, n, sizeof(char *), compare_texts);
	dp_avro_put(w->out, ",\"aliases\":[");
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			dp_avro_put(w->out, ",");
		put_text(w, sorted[i]);
	}
	dp_avro_put(w->out, "]");
	free(sorted);
	return true;
}

static bool
put_type_aliases(Printer *w, const DpAvroType *type)
{
	const char **aliases = malloc(Max(type->naliases, 1) * sizeof(char *));
	bool		good;

	if (aliases == NULL)
		return false;
	for (int i = 0; i < type->naliases; i++)
	{
		const DpAvroName *alias = &type->aliases[i];

		/* A name without dots would be taken to be in the namespace of the type. */
		if (strcmp(alias->space, type->name.space) == 0)
			aliases[i] = w->form == FORM_PRINTED ? alias->simple : alias->full;
		else
			aliases[i] = alias->absolute;
	}
	good = put_aliases(w, aliases, type->naliases);
	free(aliases);
	return good;
}

/* A name in the namespace around needs no dots, unless it could be taken for a primitive type. */
static bool
is_short(const Printer *w, const DpAvroName *name)
{
	if (w->form != FORM_PRINTED || strcmp(name->space, w->space) != 0)
		return false;
	for (int tag = 0; tag <= DP_AVRO_STRING; tag++)
	{
		if (strcmp(name->simple, dp_avro_tag_name(tag)) == 0)
			return false;
	}
	return true;
}

static bool
put_field(Printer *w, const DpAvroField *field)
{
	dp_avro_put(w->out, "{\"name\":");
	put_text(w, field->name);
	dp_avro_put(w->out, ",\"type\":");
	if (!put_type(w, field->type))
		return false;
	if (w->form != FORM_CANONICAL)
	{
		if (field->doc != NULL)
			put_member(w, "doc", field->doc);
		if (field->fallback != NULL)
		{
			dp_avro_put(w->out, ",\"default\":");
			if (!dp_avro_tree_print(field->fallback, w->form == FORM_NORMAL, w->out))
				return false;
		}
		if (field->order != NULL)
			put_member(w, "order", field->order);
		if (!put_aliases(w, field->aliases, field->naliases) || !put_props(w, &field->props))
			return false;
	}
	dp_avro_put(w->out, "}");
	return true;
}

static bool
put_fields(Printer *w, const DpAvroType *type)
{
	dp_avro_put(w->out, ",\"fields\":[");
	for (int i = 0; i < type->nfields; i++)
	{
		if (i > 0)
			dp_avro_put(w->out, ",");
		if (!put_field(w, &type->fields[i]))
			return false;
	}
	dp_avro_put(w->out, "]");
	return true;
}

static void
put_symbols(Printer *w, const DpAvroType *type)
{
	dp_avro_put(w->out, ",\"symbols\":[");
	for (int i = 0; i < type->nsymbols; i++)
	{
		if (i > 0)
			dp_avro_put(w->out, ",");
		put_text(w, type->symbols[i]);
	}
	dp_avro_put(w->out, "]");
	if (w->form != FORM_CANONICAL && type->symbol_default >= 0)
		put_member(w, "default", type->symbols[type->symbol_default]);
}

/* "type" and "name" come in the order of the form. */
static void
put_heading(Printer *w, const DpAvroType *type)
{
	const char *tag = type->is_error && w->form == FORM_PRINTED ? "error" : dp_avro_tag_name(type->tag);

	if (w->form != FORM_PRINTED)
	{
		dp_avro_put(w->out, "{\"name\":");
		put_text(w, type->name.full);
		put_member(w, "type", tag);
		/* or it would be read as one of the namespace around */
		if (w->form == FORM_NORMAL && type->name.space[0] == '\0' && w->space[0] != '\0')
			put_member(w, "namespace", "");
		return;
	}
	dp_avro_put(w->out, "{\"type\":");
	put_text(w, tag);
	put_member(w, "name", type->name.simple);
	if (strcmp(type->name.space, w->space) != 0)
		put_member(w, "namespace", type->name.space);
}

static bool
put_named(Printer *w, const DpAvroType *type)
{
	const char *around = w->space;
	char		size[16];

	if (w->known[type->id])
	{
		put_text(w, is_short(w, &type->name) ? type->name.simple : type->name.full);
		return true;
	}
	w->known[type->id] = true;
	put_heading(w, type);
	w->space = type->name.space;
	if (w->form != FORM_CANONICAL && type->doc != NULL)
		put_member(w, "doc", type->doc);
	if (type->tag == DP_AVRO_RECORD && !put_fields(w, type))
		return false;
	if (type->tag == DP_AVRO_ENUM)
		put_symbols(w, type);
	if (type->tag == DP_AVRO_FIXED)
	{
		snprintf(size, sizeof(size), "%u", type->size);
		dp_avro_put(w->out, ",\"size\":");
		dp_avro_put(w->out, size);
	}
	if (!put_props(w, &type->props) || !put_type_aliases(w, type))
		return false;
	dp_avro_put(w->out, "}");
	w->space = around;
	return true;
}

static bool
put_other(Printer *w, const DpAvroType *type)
{
	const char *tag = dp_avro_tag_name(type->tag);

	if (type->items == NULL && (w->form == FORM_CANONICAL || type->props.n == 0))
	{
		put_text(w, tag);
		return true;
	}
	dp_avro_put(w->out, "{\"type\":");
	put_text(w, tag);
	if (type->items != NULL)
	{
		dp_avro_put(w->out, type->tag == DP_AVRO_ARRAY ? ",\"items\":" : ",\"values\":");
		if (!put_type(w, type->items))
			return false;
	}
	if (!put_props(w, &type->props))
		return false;
	dp_avro_put(w->out, "}");
	return true;
}

static bool
put_union(Printer *w, const DpAvroType *type)
{
	dp_avro_put(w->out, "[");
	for (int i = 0; i < type->nbranches; i++)
	{
		if (i > 0)
			dp_avro_put(w->out, ",");
		if (!put_type(w, type->branches[i]))
			return false;
	}
	dp_avro_put(w->out, "]");
	return true;
}

static bool
put_type(Printer *w, const DpAvroType *type)
{
	bool		good;

	if (w->depth >= MAX_DEPTH)
	{
		w->too_deep = true;
		return false;
	}
	w->depth++;
	if (dp_avro_is_named(type))
		good = put_named(w, type);
	else if (type->tag == DP_AVRO_UNION)
		good = put_union(w, type);
	else
		good = put_other(w, type);
	w->depth--;
	return good;
}

/* "whole": what other texts define is written out where it is first named. */
static bool
print(const DpSchema *schema, Form form, bool whole, DpBuf *out, DpError *err)
{
	const DpAvroSchema *s = dp_avro_schema(schema);
	Printer		w = {form, out, calloc(s->ntypes, sizeof(bool)), ""};
	bool		good;

	if (w.known == NULL)
		return dp_out_of_memory(err);
	for (int i = 0; i < s->ntypes; i++)
		w.known[i] = s->types[i]->referenced && !whole;
	good = put_type(&w, s->root);
	free(w.known);
	if (w.too_deep)
		return dp_error_set(err, DP_SQLSTATE_LIMIT, DP_NO_POSITION,
							"schema with all it refers to is nested deeper than the limit of %d levels",
							MAX_DEPTH);
	return (good && !out->oom) || dp_out_of_memory(err);
}

bool
dp_avro_print(const DpSchema *schema, bool normalize, DpBuf *out, DpError *err)
{
	return print(schema, normalize ? FORM_NORMAL : FORM_PRINTED, false, out, err);
}

bool
dp_avro_canonical(const DpSchema *schema, DpBuf *out, DpError *err)
{
	return print(schema, FORM_CANONICAL, true, out, err);
}

bool
dp_avro_resolved(const DpSchema *schema, DpBuf *out, DpError *err)
{
	return print(schema, FORM_PRINTED, true, out, err);
}
