/*-------------------------------------------------------------------------
 *
 * client.h
 *	  Asking an external schema registry, without waiting.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_REGISTRY_CLIENT_H
#define DP_REGISTRY_CLIENT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#include "common/http.h"
#include "kafka/settings.h"
#include "registry/source_int.h"

/* A registry: its URLs, of which one is in use, and how it has been doing. */
typedef struct DpRegistryClient
{
	MemoryContext context;
	char	   *server;
	Oid			role;
	DpKafkaSettings *settings;
	DpHttp	   *http;
	char	  **urls;			/* without a slash at the end */
	int			nurls;
	int			url;			/* the one that answered last */
	int			failures;		/* in a row, each of all URLs */
	TimestampTz retry_at;		/* not before, while it fails */
	char		problem[DP_HTTP_ERROR_LEN + 200];	/* empty: none */
} DpRegistryClient;

/* Needs a transaction; an error when the role may not use the server. */
extern DpRegistryClient *dp_registry_client_open(const char *server, Oid role, MemoryContext context);
extern void dp_registry_client_close(DpRegistryClient *client);

/* It answered, but nothing that is of use: as bad as no answer. */
extern void dp_registry_client_failed(DpRegistryClient *client, const char *what);

extern uint32 dp_registry_wait_event(void);

/* What became of a request to one URL after the other. */
typedef enum DpCallState
{
	DP_CALL_RUNNING,
	DP_CALL_ANSWERED,			/* by something that knows what a registry is */
	DP_CALL_FAILED				/* no URL gave a usable answer: client->problem */
} DpCallState;

typedef struct DpRegistryCall
{
	DpRegistryClient *client;
	char	   *method;
	char	   *path;
	char	   *body;
	DpHttpRequest *request;
	int			tries;
	int			status;
	int			error_code;		/* of the registry, 0 when status is 200 */
	Jsonb *answer;		/* palloc'd where dp_registry_call_step was called; may be NULL */
} DpRegistryCall;

extern void dp_registry_call_start(DpRegistryCall *call, DpRegistryClient *client,
								   const char *method, const char *path, const char *body);
extern DpCallState dp_registry_call_step(DpRegistryCall *call);
extern void dp_registry_call_end(DpRegistryCall *call);

/* Wait until it is over, serving interrupts; for SQL functions. */
extern DpCallState dp_registry_call_wait(DpRegistryCall *call);

/* A body as jsonb, palloc'd; NULL when it is no JSON. */
extern Jsonb *dp_registry_parse_answer(const char *body, size_t len);

/* Member of an answer; NULL or -1 when it is not there or something else. */
extern char *dp_registry_text_of(Jsonb *answer, const char *name);
extern int	dp_registry_int_of(Jsonb *answer, const char *name);

/* A schema and the closure of its references, one call after the other. */
typedef struct DpFetch DpFetch;

typedef enum DpFetchState
{
	DP_FETCH_RUNNING,
	DP_FETCH_FOUND,
	DP_FETCH_UNKNOWN,
	DP_FETCH_BAD,				/* registered, but of no use: dp_fetch_error */
	DP_FETCH_FAILED				/* the registry does not answer: client->problem */
} DpFetchState;

/* By "key", or the newest version of "subject".  Lives in "context". */
extern DpFetch *dp_fetch_start(DpRegistryClient *client, const DpSchemaKey *key,
							   const char *subject, MemoryContext context);
extern DpFetchState dp_fetch_step(DpFetch *fetch);
extern const DpSchemaText *dp_fetch_result(DpFetch *fetch);
extern const DpError *dp_fetch_error(DpFetch *fetch);
extern void dp_fetch_end(DpFetch *fetch);

/* Wait until it is over, serving interrupts; RUNNING when time is over. */
extern DpFetchState dp_fetch_wait(DpFetch *fetch, int timeout_ms);

/* What the question said, where the answer does not repeat it. */
extern void dp_fetch_complete(const DpSchemaKey *key, DpSchemaText *text);

#endif							/* DP_REGISTRY_CLIENT_H */
