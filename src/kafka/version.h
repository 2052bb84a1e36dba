/*-------------------------------------------------------------------------
 *
 * version.h
 *	  Which librdkafka runs here, and what is known to be wrong with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_VERSION_H
#define DP_KAFKA_VERSION_H

#include <stdbool.h>

/* The library that is loaded, for example "2.0.2". */
extern const char *dp_kafka_version_string(void);

/* Raise an error when the library is older than dataplat was built for. */
extern void dp_kafka_version_check(void);

/*
 * Known faults of this version that users may meet, as sentences; NULL when
 * none is known.  Lives for ever.
 */
extern const char *dp_kafka_version_note(void);

/* True when Kafka 4 refuses SCRAM logins of this version. */
extern bool dp_kafka_scram_is_broken(void);

/* The sentence about it, for test_connection and health. */
#define DP_KAFKA_SCRAM_NOTE \
	"Kafka 4 refuses SCRAM of librdkafka before 2.6.1: use sasl.mechanism PLAIN over TLS, or a newer librdkafka."

#endif							/* DP_KAFKA_VERSION_H */
