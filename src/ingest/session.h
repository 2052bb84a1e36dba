/*-------------------------------------------------------------------------
 *
 * session.h
 *	  Working on a source from a user's session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_SESSION_H
#define DP_INGEST_SESSION_H

/*
 * May the caller run the source?  Its owner, a superuser, or an operator;
 * anyone else gets 42501, an unknown source 42704.  Leaves the session working
 * as the bootstrap superuser until dp_leave_source() with the saved values;
 * an error undoes it too.
 */
extern void dp_enter_source(const char *name, Oid *save_userid, int *save_context);
extern void dp_leave_source(Oid save_userid, int save_context);

#endif							/* DP_INGEST_SESSION_H */
