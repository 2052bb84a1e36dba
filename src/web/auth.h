/*-------------------------------------------------------------------------
 *
 * auth.h
 *	  Who asks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_AUTH_H
#define DP_WEB_AUTH_H

#include <sys/socket.h>

#include "web/web.h"

typedef struct DpAuthAnswer
{
	Oid			role;
	const char *role_name;
} DpAuthAnswer;

/* NULL when the setting can be read, else a sentence. */
extern const char *dp_auth_methods_problem(const char *setting);

/*
 * The role that a request acts as, by its Authorization header (or NULL) and
 * the client's address.  False: the response says why not.  Begins and ends a
 * transaction.
 */
extern bool dp_auth_check(const char *authorization, const struct sockaddr *addr,
						  DpAuthAnswer *answer, DpWebResponse *response);

/* Why the anonymous role cannot be used; NULL when it can, or there is none. */
extern const char *dp_auth_anonymous_problem(void);

/* ---- password.c: inside a transaction ---- */

/* Does the password belong to the role?  Remembered, so that the second time is cheap. */
extern bool dp_password_known(const char *role, const char *password);
extern bool dp_password_verify(const char *role, const char *password);

/* ---- token.c: inside a transaction ---- */

/* The role of a token, palloc'd; NULL when it is unknown, expired or revoked. */
extern char *dp_token_role(const char *token);

/* ---- attempts.c ---- */

/* Seconds that this address has to wait before it may try again; 0: none. */
extern int	dp_attempts_wait(const struct sockaddr *addr);
extern void dp_attempts_failed(const struct sockaddr *addr);

#endif							/* DP_WEB_AUTH_H */
