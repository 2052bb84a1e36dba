/*-------------------------------------------------------------------------
 *
 * version.c
 *	  Which librdkafka runs here, and what is known to be wrong with it.
 *
 * We compile against the API of 2.0.2 and run with whatever library the
 * system has, so what matters is the version at run time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <librdkafka/rdkafka.h>

#include "fmgr.h"
#include "utils/builtins.h"

#include "kafka/version.h"

/* 0xMMmmrrpp; pp = 0xff is a final release. */
#define OLDEST_VERSION 0x020002ff
#define SCRAM_FIXED_VERSION 0x020601ff
#define FETCH_STALL_FIXED_VERSION 0x020200ff

extern PGDLLEXPORT Datum dp_scram_note(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_scram_note);

const char *
dp_kafka_version_string(void)
{
	return rd_kafka_version_str();
}

void
dp_kafka_version_check(void)
{
	if (rd_kafka_version() < OLDEST_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("librdkafka %s is too old", rd_kafka_version_str()),
				 errdetail("dataplat needs librdkafka 2.0.2 or newer."),
				 errhint("Install a newer librdkafka1 and restart the server.")));
}

bool
dp_kafka_scram_is_broken(void)
{
	return rd_kafka_version() < SCRAM_FIXED_VERSION;
}

const char *
dp_kafka_version_note(void)
{
	if (rd_kafka_version() < FETCH_STALL_FIXED_VERSION)
		return DP_KAFKA_SCRAM_NOTE
			" Before 2.2, a partition whose queue was full is fetched again only a second later.";
	if (dp_kafka_scram_is_broken())
		return DP_KAFKA_SCRAM_NOTE;
	return NULL;
}

/* scram_note() returns text: the sentence about SCRAM when it applies, or NULL */
Datum
dp_scram_note(PG_FUNCTION_ARGS)
{
	if (!dp_kafka_scram_is_broken())
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(DP_KAFKA_SCRAM_NOTE));
}
