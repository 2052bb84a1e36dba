/*-------------------------------------------------------------------------
 *
 * options.h
 *	  Which options a connection may have, who may write them, and where.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_OPTIONS_H
#define DP_KAFKA_OPTIONS_H

/* Names of the three foreign-data wrappers. */
#define DP_WRAPPER_KAFKA "dataplat_kafka"
#define DP_WRAPPER_REGISTRY "dataplat_registry"
#define DP_WRAPPER_HTTP "dataplat_http"

typedef enum DpOptionClass
{
	DP_OPTION_FREE,				/* anyone who may write the object */
	DP_OPTION_FILE,				/* reaches files or the server's identity:
								 * superuser or pg_read_server_files */
	DP_OPTION_SUPERUSER,		/* weakens a protection */
	DP_OPTION_OWNED,			/* dataplat sets it itself */
	DP_OPTION_NEVER				/* nobody: runs code, or breaks a promise */
} DpOptionClass;

/* Where an option may stand, as bits. */
#define DP_AT_SERVER	1
#define DP_AT_MAPPING	2

typedef enum DpOptionType
{
	DP_TYPE_TEXT,				/* one line */
	DP_TYPE_PEM,				/* may have line ends */
	DP_TYPE_BOOL,
	DP_TYPE_INT,				/* min .. max */
	DP_TYPE_ENUM,				/* one of "values" */
	DP_TYPE_HOSTS,				/* host[:port], ... */
	DP_TYPE_URL,				/* http(s)://host... */
	DP_TYPE_URLS,				/* several, separated by commas */
	DP_TYPE_TOKEN_URL,			/* one of dataplat.allowed_token_urls */
	DP_TYPE_SECRET_REF			/* file:NAME or env:NAME */
} DpOptionType;

typedef struct DpOption
{
	const char *name;
	DpOptionClass class;
	int			places;
	DpOptionType type;
	long		min;
	long		max;
	const char *values;			/* " one two " of an enum */
	const char *guarded;		/* a free option's values that need "guard" */
	DpOptionClass guard;
	bool		secret;
	bool		not_library;	/* ours; never given to librdkafka */
	const char *note;			/* a sentence for the one who is refused */
} DpOption;

/* The table of a wrapper, ended by a NULL name; NULL for another's wrapper. */
extern const DpOption *dp_options_of(const char *wrapper);
extern const DpOption *dp_option_find(const DpOption *table, const char *name);

/* The class that this value has: a free option may have guarded values. */
extern DpOptionClass dp_option_class(const DpOption *option, const char *value);

/* The tables themselves (option_tables.c). */
extern const DpOption dp_kafka_options[];
extern const DpOption dp_registry_options[];
extern const DpOption dp_http_options[];

/* Is this URL in dataplat.allowed_token_urls? */
extern bool dp_token_url_allowed(const char *url);

/* Define the settings of connections and start hiding secrets in the log. */
extern void dp_options_init(void);

#endif							/* DP_KAFKA_OPTIONS_H */
