/*-------------------------------------------------------------------------
 *
 * secrets.h
 *	  Secrets kept outside the database, and kept out of the log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_SECRETS_H
#define DP_KAFKA_SECRETS_H

/* Is this a well-formed 'file:NAME' or 'env:NAME'? */
extern bool dp_secret_ref_is_valid(const char *ref);

/* The secret that a reference names, palloc'd; an error never shows its path. */
extern char *dp_secret_resolve(const char *ref);

/* Define dataplat.secrets_directory and start hiding secrets in the log. */
extern void dp_secrets_init(void);

#endif							/* DP_KAFKA_SECRETS_H */
