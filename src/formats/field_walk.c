/*-------------------------------------------------------------------------
 *
 * field_walk.c
 *	  The way of a schema kind's "fields" through records inside records.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/field_walk.h"
#include "formats/nodes.h"

void
dp_field_walk_begin(DpFieldWalk *w, int levels, DpSchemaFieldSink sink, void *arg)
{
	memset(w, 0, sizeof(*w));
	w->sink = sink;
	w->arg = arg;
	w->levels = Min(levels, DP_PATH_MAX_LEVELS);
}

bool
dp_field_walk_end(DpFieldWalk *w, DpError *err)
{
	bool		oom = w->path.oom;

	dp_buf_free(&w->path);
	return !oom || dp_out_of_memory(err);
}

bool
dp_field_walk_may_open(const DpFieldWalk *w, const void *record)
{
	if (w->nopen > w->levels)
		return false;
	for (int i = 0; i < w->nopen; i++)
	{
		if (w->open[i] == record)
			return false;
	}
	return true;
}

void
dp_field_walk_open(DpFieldWalk *w, const void *record)
{
	w->open[w->nopen++] = record;
}

void
dp_field_walk_close(DpFieldWalk *w)
{
	w->nopen--;
}

size_t
dp_field_walk_down(DpFieldWalk *w, const char *name, size_t len)
{
	size_t		above = w->path.len;

	if (w->levels > 0 && !dp_path_add(&w->path, name, len))
		w->stopped = true;
	return above;
}

void
dp_field_walk_up(DpFieldWalk *w, size_t above)
{
	dp_path_end(&w->path, above);
}

void
dp_field_walk_tell(DpFieldWalk *w, DpSchemaField *field)
{
	if (w->stopped)
		return;
	field->is_path = w->levels > 0 && strcmp(w->path.data, field->name) != 0;
	if (w->levels > 0)
		field->name = w->path.data;
	w->stopped = !w->sink(w->arg, field);
}
