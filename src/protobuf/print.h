/*-------------------------------------------------------------------------
 *
 * print.h
 *	  What the files that print a schema share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_PRINT_H
#define DP_PROTOBUF_PRINT_H

#include "protobuf/model.h"

typedef struct DpPbPrinter
{
	const DpPbSchema *schema;
	DpBuf	   *out;
	bool		normalize;
	int			indent;
	bool		plain;			/* without extensions and the options that they make */
} DpPbPrinter;

/* Something to be put in order, with its place in the text. */
typedef struct DpPbItem
{
	const void *thing;
	const char *name;
	int64		first;
	int64		second;
	uint32		place;
} DpPbItem;

typedef struct DpPbItems
{
	DpPbItem   *items;
	uint32		len;
	uint32		cap;
	bool		oom;
} DpPbItems;

/* "name", then "first", then "second" order the items; NULL names do not count. */
extern void dp_pb_add_item(DpPbItems *items, const void *thing, const char *name, int64 first,
						   int64 second);
extern void dp_pb_sort_items(DpPbPrinter *p, DpPbItems *items);

extern void dp_pb_put(DpPbPrinter *p, const char *text);
extern void dp_pb_put_number(DpPbPrinter *p, int64 number);
extern void dp_pb_put_indent(DpPbPrinter *p);
extern void dp_pb_put_string(DpPbPrinter *p, const char *text, size_t len);

/*
 * A group of statements inside braces: begins by ending the line of the brace,
 * or by an empty line behind the group before.
 */
extern void dp_pb_begin_section(DpPbPrinter *p);
extern void dp_pb_end_section(DpPbPrinter *p);

/* The closing brace, on the line of the opening one when nothing is inside. */
extern void dp_pb_put_close(DpPbPrinter *p, const char *close);

/* Is there an option to print? */
extern bool dp_pb_has_options(const DpPbPrinter *p, const DpPbOption *options);
extern void dp_pb_collect_options(DpPbPrinter *p, const DpPbOption *options, DpPbItems *items);

/* "option a = b;", each on a line. */
extern void dp_pb_print_option_statements(DpPbPrinter *p, const DpPbOption *options);

/* " [a = b]", on one line when there is only one; frees the items. */
extern void dp_pb_print_option_list(DpPbPrinter *p, DpPbItems *items);

#endif							/* DP_PROTOBUF_PRINT_H */
