/*-------------------------------------------------------------------------
 *
 * version.c
 *	  dataplat.version(): what runs here, and whether it fits together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "catalog/catalog.h"
#include "common/extension.h"
#include "kafka/version.h"

/* More than there are libraries to report. */
#define MAX_PARTS 8

typedef struct Part
{
	const char *part;
	const char *(*version) (const char **note);
} Part;

static Part parts[MAX_PARTS];
static int	nparts = 0;

PG_FUNCTION_INFO_V1(dp_version);
extern PGDLLEXPORT Datum dp_version(PG_FUNCTION_ARGS);

void
dp_version_register(const char *part, const char *(*version) (const char **note))
{
	if (nparts == MAX_PARTS)
		elog(ERROR, "too many version parts");
	parts[nparts].part = part;
	parts[nparts++].version = version;
}

static void
put_row(ReturnSetInfo *rsinfo, const char *part, const char *version, const char *note)
{
	Datum		values[3];
	bool		nulls[3] = {false, version == NULL, note == NULL};

	values[0] = CStringGetTextDatum(part);
	values[1] = version ? CStringGetTextDatum(version) : (Datum) 0;
	values[2] = note ? CStringGetTextDatum(note) : (Datum) 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
dp_version(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *extension = dp_extension_version();
	bool		skewed = extension != NULL && strcmp(extension, DATAPLAT_VERSION) != 0;

	InitMaterializedSRF(fcinfo, 0);
	put_row(rsinfo, "extension", extension,
			skewed ? "differs from the library: run ALTER EXTENSION dataplat UPDATE, or restart the server when the library is the older one" : NULL);
	put_row(rsinfo, "library", DATAPLAT_VERSION, NULL);
	put_row(rsinfo, "librdkafka", dp_kafka_version_string(), dp_kafka_version_note());
	put_row(rsinfo, "postgresql", GetConfigOption("server_version", false, false), NULL);
	for (int i = 0; i < nparts; i++)
	{
		const char *note = NULL;
		const char *version = parts[i].version(&note);

		put_row(rsinfo, parts[i].part, version, note);
	}
	return (Datum) 0;
}
