/*-------------------------------------------------------------------------
 *
 * web.h
 *	  HTTP in: how a room answers requests.
 *
 * A room registers routes; the web worker finds the route, says who asks,
 * opens a transaction as that role, calls the handler, and sends what the
 * handler wrote.  A handler that raises an error needs to do nothing else: the
 * transaction is rolled back and the error becomes a status and a JSON body.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_H
#define DP_WEB_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

/* Parts of a path that a pattern may name. */
#define DP_WEB_MAX_PARAMS 8

/* Answered without asking who it is, and without a transaction. */
#define DP_WEB_OPEN			0x01
/* The handler runs as the worker, a superuser, and looks at "role" itself. */
#define DP_WEB_AS_WORKER	0x02

/* Everything is valid until the handler returns. */
typedef struct DpWebRequest
{
	const char *method;			/* GET also when the client said HEAD */
	const char *path;			/* as the client wrote it, without the query */
	int			nparams;
	const char *params[DP_WEB_MAX_PARAMS];	/* what stands for {…} in the pattern, decoded */
	List	   *query;			/* of DpWebPair, decoded */
	const char *body;			/* with a NUL behind it; NULL when there is none */
	size_t		len;
	Oid			role;			/* who asks; InvalidOid on an open route */
	const char *role_name;
	void	   *transport;		/* the room's own */
} DpWebRequest;

typedef struct DpWebPair
{
	const char *name;
	const char *value;
} DpWebPair;

typedef struct DpWebResponse
{
	int			status;			/* 200 */
	const char *content_type;	/* what was negotiated */
	StringInfoData body;
	List	   *headers;		/* of DpWebPair: more of them */
} DpWebResponse;

typedef struct DpWebRoute DpWebRoute;
typedef void (*DpWebHandler) (const DpWebRoute *route, DpWebRequest *request,
							  DpWebResponse *response);

/*
 * "pattern" is made of parts: /subjects/{subject}/versions.  "produces" are
 * media types, the preferred one first, NULL at the end; "consumes" those that
 * a body may have.  NULL: any.  A route must stay valid for the life of the
 * process.  A GET route answers HEAD, too; OPTIONS is answered for all.
 */
struct DpWebRoute
{
	const char *method;
	const char *pattern;
	DpWebHandler handler;
	int			flags;
	const char *const *produces;
	const char *const *consumes;
	const void *arg;			/* the handler's own */
};

/* For _PG_init, in any order. */
extern void dp_web_init(void);
extern void dp_web_route(const DpWebRoute *route);

/* A value of the query; NULL when it is not there.  A name alone is "". */
extern const char *dp_web_query(const DpWebRequest *request, const char *name);

/* true, false or not there; "true" and a name alone are true. */
extern bool dp_web_query_flag(const DpWebRequest *request, const char *name);

extern const char *dp_web_header(const DpWebRequest *request, const char *name);
extern void dp_web_add_header(DpWebResponse *response, const char *name, const char *value);

/* {"error_code": …, "message": …} in place of what was written so far. */
extern void dp_web_error(DpWebResponse *response, int status, int error_code,
						 const char *message);

/* Give up: an SQL error that becomes this answer.  No return. */
extern void dp_web_raise(int error_code, const char *fmt,...) pg_attribute_printf(2, 3) __attribute__((noreturn));

extern const char *const dp_web_json_types[];

#endif							/* DP_WEB_H */
