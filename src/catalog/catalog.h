/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  Which installation this is, and the registries of what it knows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_CATALOG_H
#define DP_CATALOG_H

extern void dp_catalog_init(void);

/*
 * False when this database is a copy (template, restore, pg_upgrade) that
 * nobody has adopted.  Needs a transaction.  A database without the
 * extension is not ours either.
 */
extern bool dp_installation_is_ours(void);

/* The installation's uuid as text, palloc'd; NULL when there is no row. */
extern char *dp_installation_uuid(void);

/*
 * One row of dataplat.version() from another room; version() is called when
 * a user asks, in a transaction, and *note may be set to a palloc'd text.
 */
extern void dp_version_register(const char *part,
								const char *(*version) (const char **note));

/*
 * Show long work of this session in dataplat.progress.  One at a time: a
 * second start replaces the first.  Ends by itself with a rollback or the
 * session, not with a commit.  total 0: unknown.
 */
extern void dp_progress_start(const char *what, const char *object, uint64 total);
extern void dp_progress_update(uint64 done);
extern void dp_progress_end(void);

/* A chore for the maintenance worker: look at every relation again. */
#define DP_CATALOG_REFRESH_S 300
extern void dp_catalog_refresh(void);

#endif							/* DP_CATALOG_H */
