/*-------------------------------------------------------------------------
 *
 * test_connection.h
 *	  What dataplat.test_connection does for servers of other wrappers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_TEST_CONNECTION_H
#define DP_KAFKA_TEST_CONNECTION_H

#include "postgres.h"

#include "nodes/execnodes.h"

#include "kafka/settings.h"

/* Puts rows of (step, ok, detail) into the materialized result. */
typedef void (*DpConnectionTest) (const char *server, ReturnSetInfo *rsinfo);

/* Add such a row; secrets of the settings are cut out whatever the text is made of. */
extern void dp_test_report(ReturnSetInfo *rsinfo, const DpKafkaSettings *settings,
						   const char *step, bool ok, const char *fmt,...) pg_attribute_printf(5, 6);

/* At load time; the room that speaks the protocol of a wrapper registers itself. */
extern void dp_test_connection_register(const char *wrapper, DpConnectionTest test);

#endif							/* DP_KAFKA_TEST_CONNECTION_H */
