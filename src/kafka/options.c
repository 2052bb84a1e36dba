/*-------------------------------------------------------------------------
 *
 * options.c
 *	  Check the options of a declared connection.
 *
 * The validators only compare text with our own tables.  They must not ask
 * librdkafka: rd_kafka_conf_set("plugin.library.paths", ...) loads code while
 * it "validates", and options are written by ordinary users.
 *
 * PostgreSQL hands a validator all options of the object as they would stand
 * after the command, and runs it as the current user.  So an owner who is not
 * a superuser cannot change a server on which a superuser set an option of a
 * higher class, for example to send a file's contents to another broker; he
 * can only drop that option first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "kafka/options.h"
#include "kafka/secrets.h"

/* Nothing that belongs in an option is longer; a PEM chain may be. */
#define MAX_TEXT 4096
#define MAX_PEM 65536
#define MAX_PORT 65535

static char *allowed_token_urls = NULL;

PGDLLEXPORT PG_FUNCTION_INFO_V1(dp_kafka_fdw_validator);
PGDLLEXPORT PG_FUNCTION_INFO_V1(dp_registry_fdw_validator);
PGDLLEXPORT PG_FUNCTION_INFO_V1(dp_http_fdw_validator);
PGDLLEXPORT PG_FUNCTION_INFO_V1(dp_connection_option_class);

void
dp_options_init(void)
{
	DefineCustomStringVariable("dataplat.allowed_token_urls",
							   "OAuth token endpoints that a Kafka connection may name.",
							   "A list of URLs that must match to the letter. Empty allows none.",
							   &allowed_token_urls, "",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   NULL, NULL, NULL);
	dp_secrets_init();
}

const DpOption *
dp_options_of(const char *wrapper)
{
	if (strcmp(wrapper, DP_WRAPPER_KAFKA) == 0)
		return dp_kafka_options;
	if (strcmp(wrapper, DP_WRAPPER_REGISTRY) == 0)
		return dp_registry_options;
	if (strcmp(wrapper, DP_WRAPPER_HTTP) == 0)
		return dp_http_options;
	return NULL;
}

const DpOption *
dp_option_find(const DpOption *table, const char *name)
{
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

/* Is "word" one of the words in " one two "? */
static bool
has_word(const char *words, const char *word)
{
	char	   *padded = psprintf(" %s ", word);
	bool		found = strchr(word, ' ') == NULL && strstr(words, padded) != NULL;

	pfree(padded);
	return found;
}

DpOptionClass
dp_option_class(const DpOption *option, const char *value)
{
	if (!option->guarded || !has_word(option->guarded, value))
		return option->class;
	/* Kerberos tickets and keytabs are files of the server. */
	if (strcmp(value, "GSSAPI") == 0)
		return DP_OPTION_FILE;
	return option->guard;
}

bool
dp_token_url_allowed(const char *url)
{
	char	   *copy = pstrdup(allowed_token_urls ? allowed_token_urls : "");
	char	   *save = NULL;
	char	   *item;

	for (item = strtok_r(copy, ", \t\n", &save); item;
		 item = strtok_r(NULL, ", \t\n", &save))
		if (strcmp(item, url) == 0)
			return true;
	return false;
}

/* May the current user write an option of this class? */
static bool
may_write(DpOptionClass class)
{
	switch (class)
	{
		case DP_OPTION_FREE:
			return true;
		case DP_OPTION_FILE:
			return superuser() ||
				has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES);
		case DP_OPTION_SUPERUSER:
			return superuser();
		default:
			return false;
	}
}

/* The options that the current user may write at this place, for a hint. */
static char *
allowed_names(const DpOption *table, int place)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (; table->name; table++)
		if ((table->places & place) && may_write(table->class))
			appendStringInfo(&buf, "%s%s", buf.len ? ", " : "", table->name);
	return buf.data;
}

/*
 * Refuse an option by its name.  Statements of user mappings carry secrets,
 * so none of these errors lets its statement into the log.
 */
static void
refuse_name(const DpOption *table, const DpOption *option, const char *name,
			int place)
{
	if (place && option && option->places)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errhidestmt(true),
				 place == DP_AT_SERVER
				 ? errmsg("option \"%s\" cannot be set on a server", name)
				 : errmsg("option \"%s\" cannot be set on a user mapping", name),
				 place == DP_AT_SERVER
				 ? errdetail("Options of a server can be read by everyone.")
				 : errdetail("It describes the server, not the user."),
				 place == DP_AT_SERVER
				 ? errhint("Use CREATE USER MAPPING FOR ... SERVER ... OPTIONS (\"%s\" '...').", name)
				 : errhint("Use ALTER SERVER ... OPTIONS (ADD \"%s\" '...').", name)));

	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errhidestmt(true),
			 !option
			 ? errmsg("invalid option \"%s\"", name)
			 : option->class == DP_OPTION_OWNED
			 ? errmsg("option \"%s\" is set by dataplat", name)
			 : errmsg("option \"%s\" is not allowed", name),
			 option && option->note ? errdetail("%s", option->note) : 0,
			 place
			 ? errhint("Valid options here are: %s.", allowed_names(table, place))
			 : errhint("The foreign-data wrapper itself has no options.")));
}

/* One host of a list: name, address or [address], perhaps with a port. */
static bool
host_is_valid(char *host)
{
	char	   *port;
	char	   *end;
	const char *chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (host[0] == '[')
	{
		char	   *close = strchr(host, ']');

		if (!close || (close[1] && close[1] != ':'))
			return false;
		*close = '\0';
		chars = "0123456789abcdefABCDEF:.";
		host++;
		port = close[1] ? close + 2 : NULL;
	}
	else
	{
		port = strchr(host, ':');
		if (port)
			*port++ = '\0';
	}
	if (!*host || strspn(host, chars) != strlen(host))
		return false;
	if (port)
	{
		long		number = strtol(port, &end, 10);

		if (!isdigit((unsigned char) *port) || *end ||
			number < 1 || number > MAX_PORT)
			return false;
	}
	return true;
}

static bool
hosts_are_valid(const char *value)
{
	char	   *copy = pstrdup(value);
	char	   *host = copy;

	for (;;)
	{
		char	   *comma = strchr(host, ',');

		if (comma)
			*comma = '\0';
		if (!host_is_valid(host))
			return false;
		if (!comma)
			return true;
		host = comma + 1;
	}
}

/* http or https, a host, no user name: "http://u:p@host" would hide a secret. */
static bool
url_is_valid(const char *value)
{
	const char *rest;
	char	   *host;

	if (pg_strncasecmp(value, "http://", 7) == 0)
		rest = value + 7;
	else if (pg_strncasecmp(value, "https://", 8) == 0)
		rest = value + 8;
	else
		return false;
	host = pnstrdup(rest, strcspn(rest, "/?#"));
	return host_is_valid(host) && strspn(rest, "\\ \"<>") == 0;
}

static bool
urls_are_valid(const char *value)
{
	char	   *url = pstrdup(value);

	for (;;)
	{
		char	   *comma = strchr(url, ',');

		if (comma)
			*comma = '\0';
		if (!url_is_valid(url))
			return false;
		if (!comma)
			return true;
		url = comma + 1;
	}
}

/* A secret, or what may be one that was put in the wrong place. */
static bool
hide_value(const DpOption *option, const char *value)
{
	return option->secret || option->type == DP_TYPE_PEM || strchr(value, '@');
}

static void
refuse_value(const DpOption *option, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errhidestmt(true),
			 hide_value(option, value)
			 ? errmsg("invalid value for option \"%s\"", option->name)
			 : errmsg("invalid value for option \"%s\": \"%s\"", option->name,
					  pnstrdup(value, pg_mbcliplen(value, strlen(value), 100))),
			 errhint("%s", hint)));
}

static bool
int_is_valid(const DpOption *option, const char *value)
{
	char	   *end;
	long		number;

	errno = 0;
	number = strtol(value, &end, 10);
	return isdigit((unsigned char) *value) && !*end && errno == 0 &&
		number >= option->min && number <= option->max;
}

/* Refuse a value that does not have the option's type. */
static void
check_value(const DpOption *option, const char *value)
{
	const char *p;
	size_t		max_len = option->type == DP_TYPE_PEM ? MAX_PEM : MAX_TEXT;

	if (!*value)
		refuse_value(option, value, "The value is empty; use DROP to remove the option.");
	if (strlen(value) > max_len)
		refuse_value(option, value, psprintf("A value has at most %zu bytes.", max_len));
	for (p = value; *p; p++)
		if (iscntrl((unsigned char) *p) &&
			!(option->type == DP_TYPE_PEM && strchr("\r\n\t", *p)))
			refuse_value(option, value, "The value has a control character.");

	switch (option->type)
	{
		case DP_TYPE_TEXT:
			break;
		case DP_TYPE_PEM:
			if (strstr(value, "-----BEGIN ") == NULL)
				refuse_value(option, value, "Give the text of the PEM file, from -----BEGIN to END-----, not its name.");
			if (!option->secret && strstr(value, "PRIVATE KEY-----"))
				refuse_value(option, value, "This is a private key; give the certificate.");
			break;
		case DP_TYPE_BOOL:
			if (!has_word(" true false ", value))
				refuse_value(option, value, "Valid values are: true, false.");
			break;
		case DP_TYPE_INT:
			if (!int_is_valid(option, value))
				refuse_value(option, value, psprintf("Valid values are the integers from %ld to %ld.",
													 option->min, option->max));
			break;
		case DP_TYPE_ENUM:
			if (!has_word(option->values, value))
				refuse_value(option, value, psprintf("Valid values are:%s.",
													 pnstrdup(option->values, strlen(option->values) - 1)));
			break;
		case DP_TYPE_HOSTS:
			if (!hosts_are_valid(value))
				refuse_value(option, value, "Give host:port, several separated by commas without blanks, for example 'kafka1:9092,kafka2:9092'.");
			break;
		case DP_TYPE_URL:
			if (!url_is_valid(value))
				refuse_value(option, value, "Give a URL like 'http://host:8081' or 'https://host/path', without a user name.");
			break;
		case DP_TYPE_URLS:
			if (!urls_are_valid(value))
				refuse_value(option, value, "Give a URL like 'http://host:8081' or 'https://host/path', without a user name; several separated by commas without blanks.");
			break;
		case DP_TYPE_TOKEN_URL:
			if (!dp_token_url_allowed(value))
				refuse_value(option, value, "A superuser must list this URL in dataplat.allowed_token_urls first.");
			break;
		case DP_TYPE_SECRET_REF:
			if (!dp_secret_ref_is_valid(value))
				refuse_value(option, value, "Give 'file:NAME' or 'env:NAME'; a name has letters, digits, \"_\" and \"-\" only.");
			break;
	}
}

static void
check_right(const DpOption *option, const char *value)
{
	DpOptionClass class = dp_option_class(option, value);

	if (may_write(class))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errhidestmt(true),
			 class == option->class
			 ? errmsg("permission denied to set option \"%s\"", option->name)
			 : errmsg("permission denied to set option \"%s\" to \"%s\"", option->name, value),
			 class == DP_OPTION_FILE
			 ? errdetail("It reaches files or the identity of the database server: only superusers and members of pg_read_server_files may write it, or change an object that has it.")
			 : errdetail("Only superusers may write it, or change an object that has it.")));
}

static const char *
value_of(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return NULL;
}

/* Refuse a server that lacks the one option it is about. */
static void
require(List *options, const char *name, const char *example)
{
	if (value_of(options, name))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
			 errmsg("option \"%s\" is required", name),
			 errhint("Add OPTIONS (%s '%s').", quote_identifier(name), example)));
}

/* What single options cannot tell: SASL needs both halves. */
static void
check_sasl(List *options)
{
	const char *protocol = value_of(options, "security.protocol");
	const char *mechanism = value_of(options, "sasl.mechanism");
	bool		sasl = protocol && pg_strncasecmp(protocol, "sasl_", 5) == 0;

	if (sasl && !mechanism)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"sasl.mechanism\" is required when \"security.protocol\" is \"%s\"", protocol),
				 errhint("Use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, as the brokers are set up.")));
	if (mechanism && !sasl)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("option \"sasl.mechanism\" has no effect without SASL"),
				 errhint("Add \"security.protocol\" 'sasl_ssl' or 'sasl_plaintext'.")));
}

static void
check_kafka_server(List *options)
{
	const char *backoff = value_of(options, "reconnect.backoff.ms");
	const char *backoff_max = value_of(options, "reconnect.backoff.max.ms");

	require(options, "bootstrap.servers", "host:9092");
	check_sasl(options);
	if (backoff && backoff_max && atol(backoff) > atol(backoff_max))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("option \"reconnect.backoff.ms\" must not be greater than \"reconnect.backoff.max.ms\"")));
}

static void
check_one_password(List *options, const char *password)
{
	if (value_of(options, password) && value_of(options, "password_ref"))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errhidestmt(true),
				 errmsg("options \"%s\" and \"password_ref\" exclude each other", password),
				 errhint("Use password_ref to keep the password outside the database.")));
}

static void
validate(const char *wrapper, Datum array, Oid catalog)
{
	const DpOption *table = dp_options_of(wrapper);
	List	   *options = untransformRelOptions(array);
	bool		kafka = table == dp_kafka_options;
	int			place = 0;
	ListCell   *lc;

	if (catalog == ForeignServerRelationId)
		place = DP_AT_SERVER;
	else if (catalog == UserMappingRelationId)
		place = DP_AT_MAPPING;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const DpOption *option = dp_option_find(table, def->defname);
		char	   *value = defGetString(def);

		if (!option || !(option->places & place))
			refuse_name(table, option, def->defname, place);
		check_right(option, value);
		check_value(option, value);
	}

	if (place == DP_AT_SERVER && kafka)
		check_kafka_server(options);
	else if (place == DP_AT_SERVER)
		require(options, "url", "http://host:8081");
	else if (place == DP_AT_MAPPING)
		check_one_password(options, kafka ? "sasl.password" : "password");
}

Datum
dp_kafka_fdw_validator(PG_FUNCTION_ARGS)
{
	validate(DP_WRAPPER_KAFKA, PG_GETARG_DATUM(0), PG_GETARG_OID(1));
	PG_RETURN_VOID();
}

Datum
dp_registry_fdw_validator(PG_FUNCTION_ARGS)
{
	validate(DP_WRAPPER_REGISTRY, PG_GETARG_DATUM(0), PG_GETARG_OID(1));
	PG_RETURN_VOID();
}

Datum
dp_http_fdw_validator(PG_FUNCTION_ARGS)
{
	validate(DP_WRAPPER_HTTP, PG_GETARG_DATUM(0), PG_GETARG_OID(1));
	PG_RETURN_VOID();
}

/* SQL: the table of a wrapper, for the tests and for those who ask. */
Datum
dp_connection_option_class(PG_FUNCTION_ARGS)
{
	static const char *const class_names[] = {"free", "file", "superuser", "owned", "never"};
	char	   *wrapper = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const DpOption *option = dp_options_of(wrapper);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (!option)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("wrapper \"%s\" has no connection options", wrapper),
				 errhint("The wrappers are: %s, %s, %s.", DP_WRAPPER_KAFKA,
						 DP_WRAPPER_REGISTRY, DP_WRAPPER_HTTP)));

	InitMaterializedSRF(fcinfo, 0);
	for (; option->name; option++)
	{
		Datum		values[6];
		bool		nulls[6] = {0};
		const char *place = option->places == DP_AT_SERVER ? "server"
			: option->places == DP_AT_MAPPING ? "user mapping"
			: option->places ? "both" : NULL;

		values[0] = CStringGetTextDatum(option->name);
		values[1] = CStringGetTextDatum(class_names[option->class]);
		if (place)
			values[2] = CStringGetTextDatum(place);
		nulls[2] = place == NULL;
		values[3] = BoolGetDatum(option->secret);
		if (option->guarded)
			values[4] = CStringGetTextDatum(pnstrdup(option->guarded + 1, strlen(option->guarded) - 2));
		nulls[4] = option->guarded == NULL;
		if (option->note)
			values[5] = CStringGetTextDatum(option->note);
		nulls[5] = option->note == NULL;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
