/*-------------------------------------------------------------------------
 *
 * path.h
 *	  Where a field lies inside records: the names on the way, with dots.
 *
 * A dot or a backslash of a name itself has a backslash before it, so that
 * every path is spelled in one way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_FORMATS_PATH_H
#define DP_FORMATS_PATH_H

#include "postgres.h"

#include "common/buf.h"

/* Records inside each other that may be taken apart; what lies deeper is one value. */
#define DP_PATH_MAX_LEVELS 32

/*
 * Go one name deeper.  The path is NUL-terminated; setting its len back goes
 * up again (and dp_path_end() ends it there).  False when memory ran out.
 */
static inline bool
dp_path_add(DpBuf *path, const char *name, size_t len)
{
	if (!dp_buf_reserve(path, 2 * len + 2))
		return false;
	if (path->len > 0)
		path->data[path->len++] = '.';
	for (size_t i = 0; i < len; i++)
	{
		if (name[i] == '.' || name[i] == '\\')
			path->data[path->len++] = '\\';
		path->data[path->len++] = name[i];
	}
	path->data[path->len] = '\0';
	return true;
}

static inline void
dp_path_end(DpBuf *path, size_t len)
{
	path->len = len;
	if (path->data != NULL)
		path->data[len] = '\0';
}

/*
 * Take the first name off a path that may be written to; *path becomes what is
 * behind it, NULL at the end.
 */
static inline char *
dp_path_next(char **path)
{
	char	   *name = *path;
	char	   *from = name;
	char	   *to = name;

	for (; *from != '\0' && *from != '.'; from++)
	{
		if (*from == '\\' && from[1] != '\0')
			from++;
		*to++ = *from;
	}
	*path = *from == '.' ? from + 1 : NULL;
	*to = '\0';
	return name;
}

/* Does "label" lie inside of what is at "path"? */
static inline bool
dp_path_is_inside(const char *label, size_t labellen, const char *path, size_t pathlen)
{
	return labellen > pathlen && label[pathlen] == '.' && memcmp(label, path, pathlen) == 0;
}

#endif							/* DP_FORMATS_PATH_H */
