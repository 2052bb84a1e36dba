/*-------------------------------------------------------------------------
 *
 * test_http.h
 *	  dataplat.test_connection for servers that are spoken to by HTTP.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_TEST_HTTP_H
#define DP_KAFKA_TEST_HTTP_H

#include "postgres.h"

#include "nodes/execnodes.h"

#include "common/http.h"
#include "kafka/settings.h"
#include "kafka/test_connection.h"

typedef struct DpHttpTest
{
	ReturnSetInfo *rsinfo;
	DpKafkaSettings *settings;
	DpHttp	   *http;
	uint32		wait_event;
	const char *what;			/* who should listen, "schema registry" */
	const char *short_name;		/* "registry" */
	const char *url;
	const char *login;			/* in words; of dp_http_test_options */
} DpHttpTest;

/* One step of it: step, ok, and a format with its arguments. */
#define dp_http_test_report(test, ...) dp_test_report((test)->rsinfo, (test)->settings, __VA_ARGS__)

extern void dp_http_test_options(DpHttpTest *test, bool clear);
extern DpHttpRequest *dp_http_test_ask(DpHttpTest *test, const char *path, const char *const *headers, int *ms);
extern bool dp_http_test_login(DpHttpTest *test, const DpHttpRequest *r, const char *forbidden);

/* The test of dataplat_http's servers. */
extern void dp_test_http(const char *server, ReturnSetInfo *rsinfo);

#endif							/* DP_KAFKA_TEST_HTTP_H */
