/*-------------------------------------------------------------------------
 *
 * extension.h
 *	  Is the extension here, in which version, and is this a copy?
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_EXTENSION_H
#define DP_COMMON_EXTENSION_H

/*
 * Version that the database has, palloc'd; NULL without the extension.
 * Needs a transaction.
 */
extern char *dp_extension_version(void);

/*
 * The fence: a database that is a copy must not go on with the original's
 * work.  The room that knows the identity answers the question; a room that
 * starts work asks it, and listens for a change.
 */
extern void dp_fence_register(bool (*is_fenced) (void));
extern void dp_fence_listen(void (*changed) (void));
extern bool dp_is_fenced(void);
extern void dp_fence_changed(void);

#endif							/* DP_COMMON_EXTENSION_H */
