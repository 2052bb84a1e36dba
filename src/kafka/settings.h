/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  What a declared connection comes to, for one role.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_SETTINGS_H
#define DP_KAFKA_SETTINGS_H

#include "common/http.h"

typedef struct DpKafkaSetting
{
	char	   *name;
	char	   *value;
	bool		secret;
} DpKafkaSetting;

typedef struct DpKafkaSettings
{
	char	   *server;
	int			n;
	DpKafkaSetting *items;
	bool		allow_loopback; /* for dp_hostguard_from_settings */
} DpKafkaSettings;

/*
 * The librdkafka settings of a server for a role, palloc'd in the current
 * memory context.  Needs a transaction; raises an error with a hint when the
 * role may not use the server or the declaration is not complete.
 */
extern DpKafkaSettings *dp_kafka_settings_load(const char *server, Oid roleid);

/*
 * A number that is another one once a server, a user mapping, a role or a
 * right on one of them may have changed.  As new as the transaction.
 */
extern uint64 dp_kafka_settings_changes(void);

extern bool dp_kafka_settings_equal(const DpKafkaSettings *a, const DpKafkaSettings *b);

/* Value of a setting, or NULL. */
extern const char *dp_kafka_settings_get(const DpKafkaSettings *s, const char *name);

/* The text with every occurrence of a secret value replaced by "***". */
extern char *dp_kafka_redact(const DpKafkaSettings *s, const char *text);

/*
 * The same for the wrappers that speak HTTP.  "items" holds url, timeouts,
 * user and secrets under the names of their options; a password_ref has
 * become "password".
 */
extern DpKafkaSettings *dp_http_settings_load(const char *server,
											  const char *wrapper, Oid roleid);

/* A client for such a server, which takes answers of up to max_body bytes. */
extern DpHttp *dp_http_open(const DpKafkaSettings *settings, size_t max_body, MemoryContext context);

#endif							/* DP_KAFKA_SETTINGS_H */
