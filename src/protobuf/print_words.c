/*-------------------------------------------------------------------------
 *
 * print_words.c
 *	  Order, words and options of a printed schema.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdio.h>

#include "formats/text.h"
#include "protobuf/print.h"

/* The C library's: the server's has a quadratic worst case. */
#undef qsort
#undef snprintf

static void print_value(DpPbPrinter *p, const DpPbValue *value);

/* ---------------------------------------------------------------- sorting */

void
dp_pb_add_item(DpPbItems *items, const void *thing, const char *name, int64 first, int64 second)
{
	if (items->len == items->cap)
	{
		uint32		cap = items->cap ? items->cap * 2 : 16;
		DpPbItem	   *grown = realloc(items->items, cap * sizeof(DpPbItem));

		if (grown == NULL)
		{
			items->oom = true;
			return;
		}
		items->items = grown;
		items->cap = cap;
	}
	items->items[items->len] = (DpPbItem) {thing, name, first, second, items->len};
	items->len++;
}

static int
compare_items(const void *a, const void *b)
{
	const DpPbItem *ia = a;
	const DpPbItem *ib = b;
	int			cmp;

	if (ia->first != ib->first)
		return ia->first < ib->first ? -1 : 1;
	if (ia->second != ib->second)
		return ia->second < ib->second ? -1 : 1;
	if (ia->name != NULL && ib->name != NULL)
	{
		cmp = strcmp(ia->name, ib->name);
		if (cmp != 0)
			return cmp;
	}
	return ia->place < ib->place ? -1 : 1;
}

/* The items in order; when memory ran out there are none, and p->out knows. */
void
dp_pb_sort_items(DpPbPrinter *p, DpPbItems *items)
{
	if (items->oom)
	{
		p->out->oom = true;
		items->len = 0;
	}
	if (items->len > 1)
		qsort(items->items, items->len, sizeof(DpPbItem), compare_items);
}

/* ------------------------------------------------------------------ words */

void
dp_pb_put(DpPbPrinter *p, const char *text)
{
	dp_buf_append(p->out, text, strlen(text));
}

void
dp_pb_put_number(DpPbPrinter *p, int64 number)
{
	char		text[32];

	snprintf(text, sizeof(text), "%lld", (long long) number);
	dp_pb_put(p, text);
}

void
dp_pb_put_indent(DpPbPrinter *p)
{
	for (int i = 0; i < p->indent; i++)
		dp_pb_put(p, "  ");
}

/*
 * A group of statements inside braces begins: ends the line of the brace, or
 * puts an empty line behind the group before.
 */
void
dp_pb_begin_section(DpPbPrinter *p)
{
	if (p->out->len > 0 && p->out->data[p->out->len - 1] == '\n')
		dp_pb_put_indent(p);
	dp_pb_put(p, "\n");
	p->indent++;
}

void
dp_pb_end_section(DpPbPrinter *p)
{
	p->indent--;
}

/* The closing brace, on the line of the opening one when nothing is inside. */
void
dp_pb_put_close(DpPbPrinter *p, const char *close)
{
	if (p->out->len > 0 && p->out->data[p->out->len - 1] == '\n')
		dp_pb_put_indent(p);
	dp_pb_put(p, close);
}

void
dp_pb_put_string(DpPbPrinter *p, const char *text, size_t len)
{
	static const char from[] = "\a\b\f\n\r\t\v\\'\"";
	static const char into[] = "abfnrtv\\'\"";
	bool		plain = dp_utf8_verify(text, len, NULL);

	dp_pb_put(p, "\"");
	for (size_t i = 0; i < len; i++)
	{
		const char *special = text[i] != '\0' ? strchr(from, text[i]) : NULL;
		char		spelled[8];

		if (special != NULL)
		{
			spelled[0] = '\\';
			spelled[1] = into[special - from];
			dp_buf_append(p->out, spelled, 2);
		}
		else if (text[i] == '\0' || (!plain && (unsigned char) text[i] >= 0x80))
		{
			snprintf(spelled, sizeof(spelled), "\\%03o", (unsigned char) text[i]);
			dp_pb_put(p, spelled);
		}
		else
			dp_buf_append(p->out, text + i, 1);
	}
	dp_pb_put(p, "\"");
}

/* ---------------------------------------------------------------- options */

/* DpPbItems or members, one a line, up to and with the closing sign. */
static void
print_members(DpPbPrinter *p, const DpPbValue *value, const char *close)
{
	DpPbItems		items = {0};
	bool		map = value->kind == DP_PB_VALUE_MAP;

	for (const DpPbMember *m = value->members; m != NULL; m = m->next)
		dp_pb_add_item(&items, m, p->normalize && map ? m->name : NULL, 0, 0);
	dp_pb_sort_items(p, &items);
	p->indent++;
	for (uint32 i = 0; i < items.len; i++)
	{
		const DpPbMember *m = items.items[i].thing;

		dp_pb_put_indent(p);
		if (map)
		{
			dp_pb_put(p, m->name);
			dp_pb_put(p, ": ");
		}
		print_value(p, &m->value);
		dp_pb_put(p, i + 1 < items.len ? ",\n" : "\n");
	}
	free(items.items);
	p->indent--;
	dp_pb_put_indent(p);
	dp_pb_put(p, close);
}

static void
print_value(DpPbPrinter *p, const DpPbValue *value)
{
	switch (value->kind)
	{
		case DP_PB_VALUE_STRING:
			dp_pb_put_string(p, value->text, value->len);
			break;
		case DP_PB_VALUE_NUMBER:
		case DP_PB_VALUE_WORD:
			dp_pb_put(p, value->text);
			break;
		case DP_PB_VALUE_MAP:
			dp_pb_put(p, "{\n");
			print_members(p, value, "}");
			break;
		case DP_PB_VALUE_LIST:
			dp_pb_put(p, "[\n");
			print_members(p, value, "]");
			break;
	}
}

static void
print_option(DpPbPrinter *p, const DpPbOption *option)
{
	if (option->parenthesized)
		dp_pb_put(p, "(");
	dp_pb_put(p, option->name);
	if (option->parenthesized)
		dp_pb_put(p, ")");
	if (option->rest != NULL)
	{
		dp_pb_put(p, ".");
		dp_pb_put(p, option->rest);
	}
	dp_pb_put(p, " = ");
	print_value(p, &option->value);
}

/* An option in parentheses is an extension's. */
static bool
is_printed(const DpPbPrinter *p, const DpPbOption *option)
{
	return !(p->plain && option->parenthesized);
}

bool
dp_pb_has_options(const DpPbPrinter *p, const DpPbOption *options)
{
	while (options != NULL && !is_printed(p, options))
		options = options->next;
	return options != NULL;
}

void
dp_pb_collect_options(DpPbPrinter *p, const DpPbOption *options, DpPbItems *items)
{
	for (; options != NULL; options = options->next)
	{
		if (is_printed(p, options))
			dp_pb_add_item(items, options, p->normalize ? options->name : NULL, 0, 0);
	}
}

/* "option a = b;" a line. */
void
dp_pb_print_option_statements(DpPbPrinter *p, const DpPbOption *options)
{
	DpPbItems		items = {0};

	dp_pb_collect_options(p, options, &items);
	dp_pb_sort_items(p, &items);
	for (uint32 i = 0; i < items.len; i++)
	{
		dp_pb_put_indent(p);
		dp_pb_put(p, "option ");
		print_option(p, items.items[i].thing);
		dp_pb_put(p, ";\n");
	}
	free(items.items);
}

/* " [a = b]", on one line when there is only one. */
void
dp_pb_print_option_list(DpPbPrinter *p, DpPbItems *items)
{
	dp_pb_sort_items(p, items);
	if (items->len == 1)
	{
		dp_pb_put(p, " [");
		print_option(p, items->items[0].thing);
		dp_pb_put(p, "]");
	}
	else if (items->len > 1)
	{
		dp_pb_put(p, " [\n");
		p->indent++;
		for (uint32 i = 0; i < items->len; i++)
		{
			dp_pb_put_indent(p);
			print_option(p, items->items[i].thing);
			dp_pb_put(p, i + 1 < items->len ? ",\n" : "\n");
		}
		p->indent--;
		dp_pb_put_indent(p);
		dp_pb_put(p, "]");
	}
	free(items->items);
}
