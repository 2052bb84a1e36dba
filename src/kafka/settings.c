/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  What a declared connection comes to, for one role.
 *
 * Merges the options of the server with those of the role's user mapping (or
 * PUBLIC's).  The result is the only thing that is ever handed to librdkafka,
 * so each option is looked up in the allow-list once more: a catalog row may
 * have been written while an older version of the extension judged it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "common/compat.h"
#include "common/hostguard.h"
#include "kafka/options.h"
#include "kafka/secrets.h"
#include "kafka/settings.h"

#define REDACTED "***"

PGDLLEXPORT PG_FUNCTION_INFO_V1(dp_connection_settings);

/*
 * The server by name, if it is of the wrapper and the role may use it.
 */
static ForeignServer *
find_server(const char *name, const char *wrapper, Oid roleid)
{
	ForeignServer *server = GetForeignServerByName(name, true);
	ForeignDataWrapper *fdw;

	if (!server)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("server \"%s\" does not exist", name),
				 errhint("CREATE SERVER %s FOREIGN DATA WRAPPER %s OPTIONS (%s);",
						 quote_identifier(name), wrapper,
						 strcmp(wrapper, DP_WRAPPER_KAFKA) == 0
						 ? "\"bootstrap.servers\" 'host:9092'" : "url 'http://host:8081'")));

	fdw = GetForeignDataWrapper(server->fdwid);
	if (strcmp(fdw->fdwname, wrapper) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is of foreign-data wrapper \"%s\", not \"%s\"",
						name, fdw->fdwname, wrapper),
				 errhint("Name a server that was made with FOREIGN DATA WRAPPER %s; \\des lists them.", wrapper)));

	if (dp_object_aclcheck(ForeignServerRelationId, server->serverid, roleid,
						   ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for server \"%s\"", name),
				 errdetail("Role \"%s\" may not use it.", GetUserNameFromId(roleid, false)),
				 errhint("GRANT USAGE ON FOREIGN SERVER %s TO %s;", quote_identifier(name),
						 quote_identifier(GetUserNameFromId(roleid, false)))));
	return server;
}

/* Options of the role's user mapping, else of PUBLIC's, else none. */
static List *
mapping_options(Oid roleid, Oid serverid, bool *found)
{
	HeapTuple	tuple;
	Datum		datum;
	bool		isnull;
	List	   *options = NIL;

	tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(roleid),
							ObjectIdGetDatum(serverid));
	if (!HeapTupleIsValid(tuple))
		tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
								ObjectIdGetDatum(serverid));
	*found = HeapTupleIsValid(tuple);
	if (!*found)
		return NIL;
	datum = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple,
							Anum_pg_user_mapping_umoptions, &isnull);
	if (!isnull)
		options = untransformRelOptions(datum);
	ReleaseSysCache(tuple);
	return options;
}

/* Add a setting, or give a new value to the one that is there. */
static void
add_setting(DpKafkaSettings *s, const char *name, const char *value, bool secret)
{
	int			i = 0;

	while (i < s->n && strcmp(s->items[i].name, name) != 0)
		i++;
	if (i == s->n)
		s->n++;
	s->items[i].name = pstrdup(name);
	s->items[i].value = pstrdup(value);
	s->items[i].secret = secret;
}

static void
add_options(DpKafkaSettings *s, const DpOption *table, List *options,
			const char *password)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const DpOption *option = dp_option_find(table, def->defname);
		char	   *value = defGetString(def);

		if (!option || !option->places)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("option \"%s\" of server \"%s\" is not allowed", def->defname, s->server),
					 errhint("Remove it with ALTER SERVER or ALTER USER MAPPING ... OPTIONS (DROP ...).")));
		if (option->type == DP_TYPE_TOKEN_URL && !dp_token_url_allowed(value))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("token endpoint of server \"%s\" is not allowed", s->server),
					 errhint("A superuser must list its URL in dataplat.allowed_token_urls.")));
		if (option->type == DP_TYPE_SECRET_REF)
			add_setting(s, password, dp_secret_resolve(value), true);
		else
			add_setting(s, def->defname, value, option->secret);
	}
}

const char *
dp_kafka_settings_get(const DpKafkaSettings *s, const char *name)
{
	int			i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->items[i].name, name) == 0)
			return s->items[i].value;
	return NULL;
}

/* Do all hosts of "host:port,[host]:port,..." mean this machine? */
static bool
all_loopback(const char *hosts)
{
	char	   *host = pstrdup(hosts);
	char	   *next;

	for (; host; host = next)
	{
		size_t		len;

		next = strchr(host, ',');
		if (next)
			*next++ = '\0';
		if (*host == '[')
		{
			host++;
			len = strcspn(host, "]");
		}
		else
			len = strcspn(host, ":/?#");
		if (!dp_hostguard_is_loopback_name(pnstrdup(host, len)))
			return false;
	}
	return true;
}

/* SASL with a password needs someone's name: say so before a broker does. */
static void
check_credentials(const DpKafkaSettings *s, Oid roleid, bool mapped)
{
	const char *mechanism = dp_kafka_settings_get(s, "sasl.mechanism");
	const char *lacking = NULL;

	if (!mechanism || strcmp(mechanism, "GSSAPI") == 0 ||
		strcmp(mechanism, "OAUTHBEARER") == 0)
		return;
	if (!dp_kafka_settings_get(s, "sasl.username"))
		lacking = "sasl.username";
	else if (!dp_kafka_settings_get(s, "sasl.password"))
		lacking = "sasl.password";
	if (!lacking)
		return;
	ereport(ERROR,
			(errcode(mapped ? ERRCODE_FDW_OPTION_NAME_NOT_FOUND : ERRCODE_UNDEFINED_OBJECT),
			 mapped
			 ? errmsg("user mapping of role \"%s\" for server \"%s\" has no option \"%s\"",
					  GetUserNameFromId(roleid, false), s->server, lacking)
			 : errmsg("role \"%s\" has no user mapping for server \"%s\"",
					  GetUserNameFromId(roleid, false), s->server),
			 errhint("%s USER MAPPING FOR %s SERVER %s OPTIONS (%s\"sasl.username\" '...', \"sasl.password\" '...');",
					 mapped ? "ALTER" : "CREATE",
					 quote_identifier(GetUserNameFromId(roleid, false)),
					 quote_identifier(s->server), mapped ? "ADD ... " : "")));
}

static DpKafkaSettings *
load(const char *name, const char *wrapper, Oid roleid, const char *password,
	 bool *mapped, ForeignServer **server)
{
	/* Kerberos adds two of ours. */
	const int	extra = 2;
	DpKafkaSettings *s = palloc0(sizeof(DpKafkaSettings));
	List	   *of_user;

	*server = find_server(name, wrapper, roleid);
	of_user = mapping_options(roleid, (*server)->serverid, mapped);
	s->server = pstrdup(name);
	s->items = palloc0(sizeof(DpKafkaSetting) *
					   (list_length((*server)->options) + list_length(of_user) + extra));
	/* The user's come later, so that they win where both may say it. */
	add_options(s, dp_options_of(wrapper), (*server)->options, password);
	add_options(s, dp_options_of(wrapper), of_user, password);
	return s;
}

static void
require_setting(const DpKafkaSettings *s, const char *name, const char *example)
{
	if (!dp_kafka_settings_get(s, name))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("server \"%s\" has no option \"%s\"", s->server, name),
				 errhint("ALTER SERVER %s OPTIONS (ADD %s '%s');",
						 quote_identifier(s->server), quote_identifier(name), example)));
}

DpKafkaSettings *
dp_kafka_settings_load(const char *name, Oid roleid)
{
	ForeignServer *server;
	DpKafkaSettings *s;
	const char *mechanism;
	bool		mapped;

	s = load(name, DP_WRAPPER_KAFKA, roleid, "sasl.password", &mapped, &server);
	require_setting(s, "bootstrap.servers", "host:9092");
	check_credentials(s, roleid, mapped);

	mechanism = dp_kafka_settings_get(s, "sasl.mechanism");
	if (mechanism && strcmp(mechanism, "GSSAPI") == 0)
	{
		/* librdkafka would run this text with system() */
		add_setting(s, "sasl.kerberos.kinit.cmd", "/bin/true", false);
		add_setting(s, "sasl.kerberos.min.time.before.relogin", "0", false);
	}

	/*
	 * Only who declares a broker on this machine means this machine: a remote
	 * broker could otherwise advertise 127.0.0.1:5432 as its own address.
	 */
	s->allow_loopback = superuser_arg(server->owner) &&
		all_loopback(dp_kafka_settings_get(s, "bootstrap.servers"));
	return s;
}

static uint64 changes = 1;

static void
count_change(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
}

uint64
dp_kafka_settings_changes(void)
{
	static bool listening = false;

	if (!listening)
	{
		CacheRegisterSyscacheCallback(FOREIGNSERVEROID, count_change, (Datum) 0);
		CacheRegisterSyscacheCallback(USERMAPPINGOID, count_change, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHOID, count_change, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMMEMROLE, count_change, (Datum) 0);
		listening = true;
	}
	return changes;
}

bool
dp_kafka_settings_equal(const DpKafkaSettings *a, const DpKafkaSettings *b)
{
	if (a->n != b->n || a->allow_loopback != b->allow_loopback)
		return false;
	for (int i = 0; i < a->n; i++)
	{
		const char *other = dp_kafka_settings_get(b, a->items[i].name);

		if (other == NULL || strcmp(other, a->items[i].value) != 0)
			return false;
	}
	return true;
}

/* The same for "http://host:port/path,https://...". */
static bool
all_urls_loopback(const char *urls)
{
	char	   *url = pstrdup(urls);
	char	   *next;

	for (; url; url = next)
	{
		char	   *host;

		next = strchr(url, ',');
		if (next)
			*next++ = '\0';
		host = strstr(url, "://");
		if (!host || !all_loopback(pnstrdup(host + 3, strcspn(host + 3, "/?#"))))
			return false;
	}
	return true;
}

DpKafkaSettings *
dp_http_settings_load(const char *name, const char *wrapper, Oid roleid)
{
	ForeignServer *server;
	DpKafkaSettings *s;
	bool		mapped;

	s = load(name, wrapper, roleid, "password", &mapped, &server);
	require_setting(s, "url", "http://host:8081");
	s->allow_loopback = superuser_arg(server->owner) &&
		all_urls_loopback(dp_kafka_settings_get(s, "url"));
	return s;
}

static int
int_setting(const DpKafkaSettings *s, const char *name)
{
	const char *value = dp_kafka_settings_get(s, name);

	return value ? atoi(value) : 0;
}

DpHttp *
dp_http_open(const DpKafkaSettings *s, size_t max_body, MemoryContext context)
{
	DpHttpSettings http = {.max_body = max_body,.allow_loopback = s->allow_loopback};
	const char *verify = dp_kafka_settings_get(s, "verify_tls");

	http.connect_timeout_ms = int_setting(s, "connect_timeout_ms");
	http.timeout_ms = int_setting(s, "timeout_ms");
	http.ca_pem = dp_kafka_settings_get(s, "ca_pem");
	http.ca_file = dp_kafka_settings_get(s, "ca_file");
	http.no_verify = verify && strcmp(verify, "false") == 0;
	http.username = dp_kafka_settings_get(s, "username");
	http.password = dp_kafka_settings_get(s, "password");
	http.bearer_token = dp_kafka_settings_get(s, "bearer_token");
	return dp_http_create(&http, context);
}

char *
dp_kafka_redact(const DpKafkaSettings *s, const char *text)
{
	StringInfoData buf;

	initStringInfo(&buf);
	while (*text)
	{
		size_t		hit = 0;
		int			i;

		for (i = 0; i < s->n; i++)
		{
			size_t		len = strlen(s->items[i].value);

			/* the longest, should one secret begin another */
			if (s->items[i].secret && len > hit &&
				strncmp(text, s->items[i].value, len) == 0)
				hit = len;
		}
		if (hit)
			appendStringInfoString(&buf, REDACTED);
		else
			appendStringInfoChar(&buf, *text);
		text += hit ? hit : 1;
	}
	return buf.data;
}

/*
 * SQL: what a role's connection through a server comes to.  Secrets are named,
 * never shown.
 */
Datum
dp_connection_settings(PG_FUNCTION_ARGS)
{
	char	   *name = NameStr(*PG_GETARG_NAME(0));
	Oid			roleid = get_role_oid(NameStr(*PG_GETARG_NAME(1)), false);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ForeignServer *server = GetForeignServerByName(name, true);
	const char *wrapper = DP_WRAPPER_KAFKA;
	DpKafkaSettings *s;
	int			i;

	if (server)
		wrapper = GetForeignDataWrapper(server->fdwid)->fdwname;
	if (strcmp(wrapper, DP_WRAPPER_REGISTRY) == 0 || strcmp(wrapper, DP_WRAPPER_HTTP) == 0)
		s = dp_http_settings_load(name, wrapper, roleid);
	else
		s = dp_kafka_settings_load(name, roleid);

	InitMaterializedSRF(fcinfo, 0);
	for (i = 0; i < s->n; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {0};

		values[0] = CStringGetTextDatum(s->items[i].name);
		values[1] = CStringGetTextDatum(dp_kafka_redact(s, s->items[i].value));
		values[2] = BoolGetDatum(s->items[i].secret);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
