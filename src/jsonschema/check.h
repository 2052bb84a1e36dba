/*-------------------------------------------------------------------------
 *
 * check.h
 *	  The state of one validation, shared by the files that do it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_JSONSCHEMA_CHECK_H
#define DP_JSONSCHEMA_CHECK_H

#include "postgres.h"

#include "jsonschema/program.h"

#define DP_JS_MAX_DEPTH 2000	/* schemas inside each other: a megabyte of stack */
#define DP_JS_MAX_STEPS (16 * 1024 * 1024)	/* schemas asked in one validation */
#define DP_JS_MAX_MESSAGE 256
#define DP_JS_MAX_SHOWN 40		/* characters of a limit that messages show */
#define DP_JS_MAX_SHOWN_STRING 150	/* bytes of a name or a pattern */

/* A schema that is being asked. */
typedef struct DpJsFrame
{
	const struct DpJsFrame *up;
	const DpJsSchema *s;
	const DpJsonbItem *v;
	bool		scoped;			/* it began a new resource */
} DpJsFrame;

/* Which members or elements of one value were looked at: bytes in check->marks. */
typedef struct DpJsMarks
{
	size_t		at;
	uint32		n;
} DpJsMarks;

typedef struct DpJsCheck
{
	DpJsViolationSink sink;
	void	   *arg;
	DpError    *err;
	bool		formats;
	bool		stopped;		/* the sink has had enough */
	int			quiet;			/* inside how many alternatives */
	int			depth;
	uint32		steps;
	uint32		asked;			/* the last time about interrupts */
	DpBuf		path;
	DpBuf		marks;
	DpBuf		shown;
	const DpJsFrame *frame;
	DpJsResource **scope;		/* resources on the way, outermost first */
	uint32		nscope;
} DpJsCheck;

/* All of these answer 1, 0, or -1 and the check's error. */
extern int	dp_js_check(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks);
extern int	dp_js_check_quiet(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks);
extern int	dp_js_check_array(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks);
extern int	dp_js_check_object(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v, DpJsMarks *marks);
extern int	dp_js_check_unevaluated_items(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v,
										  DpJsMarks *marks);
extern int	dp_js_check_unevaluated_properties(DpJsCheck *c, const DpJsSchema *s, const DpJsonbItem *v,
											   DpJsMarks *marks);

/* Count work done; false and the error when it is too much, or interrupted. */
extern bool dp_js_check_go_on(DpJsCheck *c, uint32 steps);

/* Tell of a violation here; returns 0, or -1 when that was the last. */
extern int	dp_js_check_failed(DpJsCheck *c, const char *keyword, const char *fmt,...)
			__attribute__((format(printf, 3, 4)));

/* Go down one step of the path; returns what to set path.len to afterwards. */
extern size_t dp_js_check_down(DpJsCheck *c, const char *key, uint32 len);
extern size_t dp_js_check_down_index(DpJsCheck *c, uint32 i);

/* A number, or the beginning of a string, of the schema as text, valid until the next call. */
extern const char *dp_js_check_show(DpJsCheck *c, const DpJsonbItem *number);
extern const char *dp_js_check_show_string(DpJsCheck *c, const char *s, size_t len);

extern bool dp_js_marks_begin(DpJsCheck *c, const DpJsonbItem *v, DpJsMarks *marks);
extern void dp_js_marks_end(DpJsCheck *c, const DpJsMarks *marks, DpJsMarks *outer, bool keep);

static inline void
dp_js_mark(DpJsCheck *c, const DpJsMarks *marks, uint32 i)
{
	if (marks != NULL)
		c->marks.data[marks->at + i] = 1;
}

static inline bool
dp_js_is_marked(const DpJsCheck *c, const DpJsMarks *marks, uint32 i)
{
	return c->marks.data[marks->at + i] != 0;
}

/* Is the string in a format of this name?  Unknown formats hold always. */
extern bool dp_js_format_holds(const char *format, const char *s, size_t len);

extern bool dp_js_validate(const DpJsSchema *root, const DpJsonbItem *v, bool formats,
						   DpJsViolationSink sink, void *arg, DpError *err);

#endif							/* DP_JSONSCHEMA_CHECK_H */
