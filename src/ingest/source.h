/*-------------------------------------------------------------------------
 *
 * source.h
 *	  The definition of a source, as a worker needs it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_SOURCE_H
#define DP_INGEST_SOURCE_H

#include "formats/columns.h"
#include "kafka/settings.h"
#include "registry/registry.h"
#include "storage/target.h"

typedef enum DpFormat
{
	DP_FORMAT_JSON,
	DP_FORMAT_TEXT,
	DP_FORMAT_BYTES,
	DP_FORMAT_CSV,
	DP_FORMAT_AVRO,
	DP_FORMAT_PROTOBUF
} DpFormat;

typedef enum DpOnError
{
	DP_ON_ERROR_DEAD_LETTER,
	DP_ON_ERROR_STOP,
	DP_ON_ERROR_SKIP
} DpOnError;

typedef enum DpSide
{
	DP_SIDE_VALUE,
	DP_SIDE_KEY
} DpSide;

/* Where the schemas of values, or of keys, come from. */
typedef struct DpSourceSide
{
	bool		registered;		/* messages are read by registered schemas */
	bool		unframed;		/* none names its schema, whatever it begins with */
	char	   *subject;		/* for messages that name none; may be NULL */
	int			version;		/* of the subject; 0 = the latest */
	int			nindexes;		/* Protobuf: which message of the schema they are */
	int			indexes[DP_MAX_MESSAGE_INDEXES];
} DpSourceSide;

/* How a process may look for schemas. */
typedef enum DpSchemaMode
{
	DP_SCHEMAS_WORKER,			/* never waits; messages are put aside */
	DP_SCHEMAS_SESSION,			/* in the caller's transaction, changing the target as told */
	DP_SCHEMAS_LOOK				/* the same, changing nothing */
} DpSchemaMode;

/* GUCs of the room */
extern int	dp_fetch_memory;	/* kB, for each worker */
extern int	dp_batch_max_rows;
extern int	dp_batch_max_bytes; /* kB */
extern int	dp_max_message_bytes;	/* kB */
extern int	dp_max_json_depth;
extern int	dp_max_json_exponent;
extern double dp_max_error_ratio;
extern int	dp_metadata_interval;	/* seconds */

typedef struct DpSource
{
	MemoryContext context;
	int32		source_id;
	char	   *name;
	char	   *owner_name;
	Oid			owner;
	char	   *server;
	char	   *topic;
	char	   *target_name;
	DpFormat	format;
	DpFormat	key_format;
	bool		document;		/* there is a value column */
	bool		typed;			/* there are typed columns */
	bool		upsert;			/* envelope upsert: tombstones are rows */
	bool		debezium;		/* envelope debezium: values are unwrapped and checked */
	DpSourceSide sides[2];		/* by DpSide */
	DpSchemaMode schema_mode;
	int			nested_levels;	/* records inside each other whose fields are columns; 0: they are jsonb */
	TimestampTz altered_at;		/* of the definition that was loaded */
	char	   *registry;		/* NULL: that of this database */
	DpOnError	on_error;
	char	   *start_from;
	int			workers;
	int			batch_rows;
	int64		batch_bytes;
	int			batch_delay_ms; /* 0: commit when the queue is empty */
	int			rate_limit;		/* messages a second for this worker; 0 = none */
	int64		max_errors;		/* -1 = none */
	double		max_error_ratio;
	bool		paused;
	bool		several_topics;
	bool		allow_nonatomic;
	bool		drop_tombstones;
	DpCsvStyle	csv;
	char	  **csv_header;		/* NULL: records become arrays */
	int			ncsv_header;
	int			ncolumns;
	char	  **column_names;
	DpColumnSpec *columns;
	DpKafkaSettings *settings;
	DpTarget   *target;
	bool	   *column_judges_null;	/* a domain, which may refuse NULL */
	int		   *column_attno;	/* in the target, for each column */
} DpSource;

/*
 * Read the definition and look at target and server.  In a transaction, as
 * superuser; allocates in a child of CurrentMemoryContext.  Returns NULL when
 * there is no such source.
 */
extern DpSource *dp_source_load(const char *name);

/* The same without target and server: for what only decodes. */
extern DpSource *dp_source_load_definition(const char *name);
extern void dp_source_free(DpSource *source);

#endif							/* DP_INGEST_SOURCE_H */
