/*-------------------------------------------------------------------------
 *
 * field_walk.h
 *	  The way of a schema kind's "fields" through records inside records.
 *
 * A kind goes through the fields of a record in its own way.  What is the same
 * for all is here: which records are open, how the path is spelled, and when
 * to stop.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_FIELD_WALK_H
#define DP_FORMATS_FIELD_WALK_H

#include "postgres.h"

#include "formats/path.h"
#include "formats/schema.h"

typedef struct DpFieldWalk
{
	DpSchemaFieldSink sink;
	void	   *arg;
	int			levels;
	DpBuf		path;			/* to the field that we are at; empty without levels */
	const void *open[DP_PATH_MAX_LEVELS + 1];	/* records that we are in */
	int			nopen;
	bool		stopped;		/* by the sink, or for want of memory */
} DpFieldWalk;

extern void dp_field_walk_begin(DpFieldWalk *w, int levels, DpSchemaFieldSink sink, void *arg);

/* False and *err when memory ran out. */
extern bool dp_field_walk_end(DpFieldWalk *w, DpError *err);

/* May its fields be columns: is it not too deep, and not inside of itself? */
extern bool dp_field_walk_may_open(const DpFieldWalk *w, const void *record);

extern void dp_field_walk_open(DpFieldWalk *w, const void *record);
extern void dp_field_walk_close(DpFieldWalk *w);

/* Go to a field of the open record; dp_field_walk_up() with what is returned goes back. */
extern size_t dp_field_walk_down(DpFieldWalk *w, const char *name, size_t len);
extern void dp_field_walk_up(DpFieldWalk *w, size_t above);

/*
 * Tell the field that we are at, unless the walk is stopped.  With levels its
 * path takes the place of its name; is_path is filled in here.
 */
extern void dp_field_walk_tell(DpFieldWalk *w, DpSchemaField *field);

#endif							/* DP_FORMATS_FIELD_WALK_H */
