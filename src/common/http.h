/*-------------------------------------------------------------------------
 *
 * http.h
 *	  Requests to HTTP servers, without waiting.
 *
 * A DpHttp is a small client: its settings, its open connections, its
 * requests under way.  Nothing here blocks: start a request, then call
 * dp_http_work() whenever the socket of the client is readable or the time of
 * dp_http_wait_ms() is over, until the request is no longer DP_HTTP_RUNNING.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_HTTP_H
#define DP_COMMON_HTTP_H

#include "postgres.h"

#define DP_HTTP_ERROR_LEN 512

typedef struct DpHttp DpHttp;

/* Zeroes and NULLs are fine everywhere; all of it is copied. */
typedef struct DpHttpSettings
{
	int			connect_timeout_ms; /* 3000 */
	int			timeout_ms;		/* of a whole request; 10000 */
	size_t		max_body;		/* of an answer; 4 MB */
	const char *ca_pem;			/* certificates to trust, as text */
	const char *ca_file;		/* ... or in a file; else the system's */
	bool		no_verify;		/* accept any certificate */
	const char *username;		/* basic auth, with "password" */
	const char *password;
	const char *bearer_token;
	bool		allow_loopback; /* for the connect guard */
} DpHttpSettings;

typedef enum DpHttpOutcome
{
	DP_HTTP_RUNNING,
	DP_HTTP_ANSWERED,			/* status and body are there, whatever the status */
	DP_HTTP_NO_HOST,			/* the name has no address */
	DP_HTTP_NO_CONNECTION,
	DP_HTTP_FORBIDDEN,			/* by our own connect guard */
	DP_HTTP_NO_TLS,				/* certificates, or the port speaks no TLS */
	DP_HTTP_TIMEOUT,
	DP_HTTP_TOO_LARGE,
	DP_HTTP_BROKEN				/* anything else: no HTTP, connection lost */
} DpHttpOutcome;

typedef struct DpHttpRequest
{
	DpHttpOutcome outcome;
	int			status;			/* 200, 404, ... */
	const char *body;			/* NUL-terminated, of "len" bytes */
	size_t		len;
	const char *content_type;	/* may be NULL */
	int			retry_after_s;	/* what the server asked for, 0 when nothing */
	char		error[DP_HTTP_ERROR_LEN];	/* a reason; no secret, no body */
} DpHttpRequest;

/* Lives in "context", and ends with it; connections are closed then. */
extern DpHttp *dp_http_create(const DpHttpSettings *settings, MemoryContext context);
extern void dp_http_destroy(DpHttp *http);

/*
 * Start a request.  "headers": "Name: value" strings, ended by NULL, or NULL.
 * No body: NULL.  The request belongs to the client until it is released.
 */
extern DpHttpRequest *dp_http_start(DpHttp *http, const char *method, const char *url,
									const char *const *headers,
									const char *body, size_t len);
extern void dp_http_release(DpHttpRequest *request);

/* Do what can be done now.  True when a request has ended since the last call. */
extern bool dp_http_work(DpHttp *http);

/* Readable when there is work; how long to wait for it at most, -1: for ever. */
extern pgsocket dp_http_socket(DpHttp *http);
extern long dp_http_wait_ms(DpHttp *http);

/* Wait until "request" has ended, serving interrupts. */
extern void dp_http_wait(DpHttp *http, const DpHttpRequest *request, uint32 wait_event);

/* The part percent-encoded as one segment of a path, palloc'd. */
extern char *dp_http_encode(const char *part);

#endif							/* DP_COMMON_HTTP_H */
