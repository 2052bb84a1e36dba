/*-------------------------------------------------------------------------
 *
 * test_connection.c
 *	  dataplat.test_connection: where a connection fails, and what to do.
 *
 * Kafka clients report most mistakes as "disconnected".  This walks the way
 * of a connection step by step, each by itself as far as that is possible:
 * names and sockets with our own plain C, the rest by asking librdkafka for
 * metadata and reading the errors and log lines that come meanwhile.  The
 * steps that lie behind a failure are not shown.
 *
 * Which Kafka it is, no client API tells; but librdkafka logs the versions
 * of each request that the broker offers, and these differ by release.  They
 * are exchanged before the login, so they help to explain a failed one.
 *
 * Nothing blocks the backend: what must block runs as a task (client.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "kafka/client_int.h"
#include "kafka/errors.h"
#include "kafka/options.h"
#include "kafka/test_connection.h"
#include "kafka/test_http.h"
#include "kafka/version.h"

/* All of it must be over by then, milliseconds. */
#define TEST_MS 10000
/* One attempt to open a socket, milliseconds. */
#define CONNECT_MS 2000
/* Hosts of bootstrap.servers, and advertised brokers, that are tried. */
#define HOSTS_MAX 16
/* Request kinds that Kafka has, with room to grow. */
#define API_KEYS_MAX 128
#define API_FETCH 1

#define DEFAULT_PORT "9092"
#define REASON_LEN 256
/* Wrappers that are not Kafka's. */
#define OTHERS_MAX 4

/* One address to try; filled by a task, so plain C only. */
typedef struct Host
{
	char		name[NI_MAXHOST];
	char		port[NI_MAXSERV];
	bool		resolved;
	bool		connected;
	bool		refused;		/* by our own guard, which keeps the reason */
	int			ms;				/* time to connect */
	char		reason[REASON_LEN];
} Host;

typedef struct HostsTask
{
	DpHostGuard *guard;			/* of the client, which outlives the task */
	int			n;
	Host		hosts[HOSTS_MAX];
} HostsTask;

typedef struct MetadataTask
{
	int			timeout_ms;
	rd_kafka_resp_err_t code;
	const struct rd_kafka_metadata *metadata;
	int32_t		controller;
	char	   *cluster_id;		/* librdkafka's malloc */
} MetadataTask;

typedef struct Test
{
	FunctionCallInfo fcinfo;
	DpKafkaSettings *settings;
	DpKafkaClient *client;
	const char *protocol;
	const char *mechanism;
	TimestampTz deadline;
	bool		tls;
	bool		sasl;
	int			api_min[API_KEYS_MAX];
	int			api_max[API_KEYS_MAX];	/* -1: not offered, or not known */
} Test;

/* The test under way, for the callback that takes no argument. */
static Test *current = NULL;

static struct
{
	const char *wrapper;
	DpConnectionTest test;
}			others[OTHERS_MAX];
static int	n_others = 0;

extern PGDLLEXPORT Datum dp_test_connection(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_test_connection);

/* One step of the test under way. */
#define report(test, ...) \
	dp_test_report((ReturnSetInfo *) (test)->fcinfo->resultinfo, (test)->settings, __VA_ARGS__)

void
dp_test_report(ReturnSetInfo *rsinfo, const DpKafkaSettings *settings,
			   const char *step, bool ok, const char *fmt,...)
{
	StringInfoData detail;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	initStringInfo(&detail);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&detail, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&detail, needed);
	}
	values[0] = CStringGetTextDatum(step);
	values[1] = BoolGetDatum(ok);
	values[2] = CStringGetTextDatum(dp_kafka_redact(settings, detail.data));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static int
milliseconds_left(const Test *test)
{
	long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
													   test->deadline);

	return (int) Max(left, 0);
}

static bool
time_is_over(void)
{
	return milliseconds_left(current) == 0;
}

static bool
no_point_in_waiting(void)
{
	dp_kafka_client_serve(current->client);
	return time_is_over() || dp_kafka_client_is_hopeless(current->client);
}

/* Sees each event of the client; "  ApiKey Fetch (1) Versions 0..13". */
static void
read_api_versions(void *arg, rd_kafka_event_t *event)
{
	Test	   *test = arg;
	const char *facility;
	const char *line;
	const char *at;
	int			level;
	int			key;
	int			min;
	int			max;

	if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_LOG ||
		rd_kafka_event_log(event, &facility, &line, &level) != 0)
		return;
	at = strstr(line, "ApiKey ");
	if (at == NULL || (at = strchr(at, '(')) == NULL)
		return;
	if (sscanf(at, "(%d) Versions %d..%d", &key, &min, &max) == 3 &&
		key >= 0 && key < API_KEYS_MAX)
	{
		test->api_min[key] = min;
		test->api_max[key] = max;
	}
}

/* ---------------------------------------------------------------------
 * Names and sockets: on a thread, plain C only
 * ---------------------------------------------------------------------
 */

/* Open and close a connection to one address. */
static bool
try_address(HostsTask *task, Host *host, const struct addrinfo *address)
{
	struct timespec before;
	struct timespec after;
	struct pollfd pfd;
	int			error = 0;
	socklen_t	errlen = sizeof(error);

	if (!dp_hostguard_allows(task->guard, host->name, address->ai_addr,
							 address->ai_addrlen))
	{
		host->refused = true;
		return false;
	}
	pfd.fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	pfd.events = POLLOUT;
	if (pfd.fd < 0)
	{
		snprintf(host->reason, REASON_LEN, "no socket could be made (error %d)", errno);
		return false;
	}
	clock_gettime(CLOCK_MONOTONIC, &before);
	if (connect(pfd.fd, address->ai_addr, address->ai_addrlen) != 0)
	{
		if (errno != EINPROGRESS)
			error = errno;
		else if (poll(&pfd, 1, CONNECT_MS) == 0)
			error = ETIMEDOUT;
		else if (getsockopt(pfd.fd, SOL_SOCKET, SO_ERROR, &error, &errlen) != 0)
			error = errno;
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	close(pfd.fd);
	host->ms = (int) ((after.tv_sec - before.tv_sec) * 1000 +
					  (after.tv_nsec - before.tv_nsec) / 1000000);
	if (error == ECONNREFUSED)
		snprintf(host->reason, REASON_LEN, "nothing listens there (connection refused)");
	else if (error == ETIMEDOUT)
		snprintf(host->reason, REASON_LEN, "no answer; a firewall may drop the packets");
	else if (error == EHOSTUNREACH || error == ENETUNREACH)
		snprintf(host->reason, REASON_LEN, "there is no route to this address");
	else if (error != 0)
		snprintf(host->reason, REASON_LEN, "connecting failed (error %d)", error);
	return error == 0;
}

static void
try_hosts(void *rk, void *arg)
{
	HostsTask  *task = arg;

	for (int i = 0; i < task->n; i++)
	{
		Host	   *host = &task->hosts[i];
		struct addrinfo hints;
		struct addrinfo *list = NULL;
		int			code;

		memset(&hints, 0, sizeof(hints));
		hints.ai_socktype = SOCK_STREAM;
		code = getaddrinfo(host->name, host->port, &hints, &list);
		if (code != 0)
		{
			snprintf(host->reason, REASON_LEN, "%s", gai_strerror(code));
			continue;
		}
		host->resolved = true;
		for (struct addrinfo *a = list; a && !host->connected; a = a->ai_next)
			host->connected = try_address(task, host, a);
		freeaddrinfo(list);
	}
}

/* ---------------------------------------------------------------------
 * The steps
 * ---------------------------------------------------------------------
 */

/* "[protocol://]host[:port]", where host may be [an IPv6 address]. */
static void
parse_host(const char *item, Host *host)
{
	const char *scheme = strstr(item, "://");
	const char *begin = scheme ? scheme + 3 : item;
	const char *end;
	const char *colon;

	if (*begin == '[' && (end = strchr(begin, ']')) != NULL)
	{
		begin++;
		colon = end[1] == ':' ? end + 1 : NULL;
	}
	else
	{
		colon = strrchr(begin, ':');
		end = colon ? colon : begin + strlen(begin);
	}
	strlcpy(host->name, begin, Min(sizeof(host->name), end - begin + 1));
	strlcpy(host->port, colon ? colon + 1 : DEFAULT_PORT, sizeof(host->port));
}

static HostsTask *
new_hosts_task(Test *test)
{
	HostsTask  *task = calloc(1, sizeof(HostsTask));

	if (task == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	task->guard = test->client->guard;
	return task;
}

/* One line about each host; returns how many answered. */
static int
describe_hosts(Test *test, HostsTask *task, StringInfo text)
{
	int			answered = 0;

	for (int i = 0; i < task->n; i++)
	{
		Host	   *host = &task->hosts[i];
		char		refusal[DP_HOSTGUARD_REASON];

		appendStringInfo(text, "%s%s:%s ", i > 0 ? "; " : "", host->name,
						 host->port);
		if (host->connected)
		{
			appendStringInfo(text, "answers in %d ms", host->ms);
			answered++;
		}
		else if (host->refused &&
				 dp_hostguard_take_refusal(task->guard, refusal))
			appendStringInfo(text, "is not allowed: %s", refusal);
		else if (host->refused)
			appendStringInfoString(text, "is not allowed");
		else
			appendStringInfo(text, "fails: %s", host->reason);
	}
	return answered;
}

static bool
any_refused(const HostsTask *task)
{
	for (int i = 0; i < task->n; i++)
		if (task->hosts[i].refused)
			return true;
	return false;
}

/* Resolve and connect to what bootstrap.servers names. */
static bool
test_bootstrap(Test *test)
{
	HostsTask  *task = new_hosts_task(test);
	char	   *list = pstrdup(dp_kafka_settings_get(test->settings,
													 "bootstrap.servers"));
	char	   *save = NULL;
	StringInfoData text;
	int			resolved = 0;
	int			answered;

	for (char *item = strtok_r(list, ", ", &save);
		 item && task->n < HOSTS_MAX;
		 item = strtok_r(NULL, ", ", &save))
		parse_host(item, &task->hosts[task->n++]);

	if (!dp_kafka_client_run(test->client, try_hosts, task, free, time_is_over))
	{
		report(test, "resolve", false,
			   "The names in bootstrap.servers could not be looked up and reached within %d seconds. Check the DNS of the database server and the firewalls.",
			   TEST_MS / 1000);
		return false;
	}

	initStringInfo(&text);
	for (int i = 0; i < task->n; i++)
	{
		if (task->hosts[i].resolved)
			resolved++;
		else
			appendStringInfo(&text, "%s%s: %s", text.len > 0 ? "; " : "",
							 task->hosts[i].name, task->hosts[i].reason);
	}
	if (resolved == 0)
		report(test, "resolve", false,
			   "%s. Check the names in bootstrap.servers and the DNS of the database server.",
			   text.data);
	else
		report(test, "resolve", true, "%d of %d names%s%s", resolved, task->n,
			   text.len > 0 ? "; " : "", text.data);

	resetStringInfo(&text);
	answered = describe_hosts(test, task, &text);
	if (resolved > 0)
		report(test, "connect", answered > 0, "%s%s%s", text.data,
			   answered > 0 ? "" : ". ",
			   answered > 0 ? "" : any_refused(task) ? DP_HOSTGUARD_HINT :
			   "Check that the broker runs, the port, and the firewalls.");
	free(task);
	return answered > 0;
}

/* Which Kafka speaks these versions of Fetch; NULL when not known. */
static const char *
guess_release(const Test *test)
{
	int			min = test->api_min[API_FETCH];
	int			max = test->api_max[API_FETCH];

	if (max < 0)
		return NULL;
	if (min >= 4)
		return "Kafka 4 or newer";
	if (max >= 17)
		return "Kafka 3.9";
	if (max >= 16)
		return "Kafka 3.7 or 3.8";
	if (max >= 15)
		return "Kafka 3.5 or 3.6";
	if (max >= 13)
		return "Kafka 3.1 to 3.4";
	if (max >= 12)
		return "Kafka 2.7 to 3.0";
	if (max >= 11)
		return "Kafka 2.3 to 2.6";
	return "Kafka before 2.3";
}

static bool
is_kafka_4(const Test *test)
{
	return test->api_min[API_FETCH] >= 4;
}

static bool
uses_broken_scram(const Test *test)
{
	return test->sasl && pg_strncasecmp(test->mechanism, "SCRAM", 5) == 0 &&
		dp_kafka_scram_is_broken();
}

/* No metadata came: say at which step it failed, and why. */
static void
report_failure(Test *test, int code)
{
	const char *text;
	const DpKafkaErrorInfo *info = dp_kafka_client_explain(test->client, code,
														   &text);
	const char *step = "metadata";
	bool		login = info->code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
		info->code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;

	if (info->sqlerrcode == ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION)
		step = login ? "authenticate" : "tls";
	else if (info->code == RD_KAFKA_RESP_ERR__SSL)
		step = "tls";
	else if (info->class == DP_KAFKA_ERROR_SETUP)
		step = test->tls ? "tls" : "protocol";

	if (login && test->tls)
		report(test, "tls", true, "The certificates are accepted.");
	if (login && uses_broken_scram(test))
		report(test, step, false, "%s%s The library here is librdkafka %s.%s%s",
			   is_kafka_4(test) ? "This broker is Kafka 4 or newer. " : "",
			   DP_KAFKA_SCRAM_NOTE, dp_kafka_version_string(),
			   is_kafka_4(test) ? "" : " If it is an older Kafka: ",
			   is_kafka_4(test) ? "" : info->hint);
	else
		report(test, step, false, "%s%s%s%s%s", info->reason,
			   info->hint ? " " : "", info->hint ? info->hint : "",
			   text ? " librdkafka says: " : "", text ? text : "");
}

static void
ask_metadata(void *rk, void *arg)
{
	MetadataTask *task = arg;

	task->code = rd_kafka_metadata(rk, 1, NULL, &task->metadata,
								   task->timeout_ms);
	if (task->code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	task->controller = rd_kafka_controllerid(rk, 0);
	task->cluster_id = rd_kafka_clusterid(rk, 0);
}

static void
free_metadata_task(void *arg)
{
	MetadataTask *task = arg;

	if (task->metadata)
		rd_kafka_metadata_destroy(task->metadata);
	if (task->cluster_id)
		rd_kafka_mem_free(NULL, task->cluster_id);
	free(task);
}

/* Can we reach the brokers under the names that they give for themselves? */
static void
test_advertised(Test *test, const struct rd_kafka_metadata *metadata)
{
	HostsTask  *task = new_hosts_task(test);
	StringInfoData text;
	int			answered;
	bool		refused;

	task->n = Min(metadata->broker_cnt, HOSTS_MAX);
	for (int i = 0; i < task->n; i++)
	{
		strlcpy(task->hosts[i].name, metadata->brokers[i].host,
				sizeof(task->hosts[i].name));
		snprintf(task->hosts[i].port, sizeof(task->hosts[i].port), "%d",
				 metadata->brokers[i].port);
	}
	if (!dp_kafka_client_run(test->client, try_hosts, task, free, time_is_over))
	{
		report(test, "brokers", false,
			   "The brokers did not answer in time at the addresses that they advertise. Check advertised.listeners of the brokers, DNS and firewalls.");
		return;
	}
	initStringInfo(&text);
	answered = describe_hosts(test, task, &text);
	refused = any_refused(task);
	report(test, "brokers", answered == task->n, "%s%s%s", text.data,
		   answered == task->n ? "" : ". ",
		   answered == task->n ? "" : refused ? DP_HOSTGUARD_HINT :
		   "These are the addresses that the brokers advertise: check advertised.listeners of the brokers, DNS and firewalls.");
	free(task);
}

static void
report_topics(Test *test, const struct rd_kafka_metadata *metadata)
{
	int			visible = 0;
	int			denied = 0;

	for (int i = 0; i < metadata->topic_cnt; i++)
	{
		if (strncmp(metadata->topics[i].topic, "__", 2) == 0)
			continue;
		if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
			denied++;
		else
			visible++;
	}
	if (visible > 0)
		report(test, "topics", true, "%d topics can be seen%s", visible,
			   denied > 0 ? psprintf(", %d more may not be read", denied) : "");
	else
		report(test, "topics", true,
			   "No topic can be seen: there are none, or the Kafka user has no rights on any. Kafka does not tell which.");
}

/* Everything that the metadata proves. */
static void
report_metadata(Test *test, MetadataTask *task)
{
	const struct rd_kafka_metadata *metadata = task->metadata;
	const char *release = guess_release(test);

	if (test->tls)
		report(test, "tls", true, "The certificates are accepted.");
	if (test->sasl)
	{
		const char *user = dp_kafka_settings_get(test->settings,
												 "sasl.username");

		report(test, "authenticate", true, "%s%s%s%s%s", test->mechanism,
			   user ? " as " : "", user ? user : "",
			   uses_broken_scram(test) ? ". Beware: " : "",
			   uses_broken_scram(test) ? DP_KAFKA_SCRAM_NOTE : "");
	}
	report(test, "metadata", true, "%d brokers, controller %d, cluster %s",
		   metadata->broker_cnt, task->controller,
		   task->cluster_id ? task->cluster_id : "without an id");
	report(test, "version", true, "%s, by the requests that it offers; librdkafka %s",
		   release ? release : "an unknown Kafka", dp_kafka_version_string());
	test_advertised(test, metadata);
	report_topics(test, metadata);
}

static void
test_metadata(Test *test)
{
	MetadataTask *task = calloc(1, sizeof(MetadataTask));
	int			code;

	if (task == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	task->timeout_ms = milliseconds_left(test);
	dp_kafka_client_clear_error(test->client);
	if (!dp_kafka_client_run(test->client, ask_metadata, task,
							 free_metadata_task, no_point_in_waiting))
	{
		report_failure(test, RD_KAFKA_RESP_ERR__TIMED_OUT);
		return;
	}
	dp_kafka_client_serve(test->client);
	code = task->code;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		report_metadata(test, task);
	else
		report_failure(test, code);
	free_metadata_task(task);
}

/* ---------------------------------------------------------------------
 * The function
 * ---------------------------------------------------------------------
 */

static void
report_options(Test *test)
{
	const char *user = dp_kafka_settings_get(test->settings, "sasl.username");

	report(test, "options", true, "%s%s%s%s%s to %s", test->protocol,
		   test->sasl ? " " : "", test->sasl ? test->mechanism : "",
		   test->sasl && user ? " as " : "", test->sasl && user ? user : "",
		   dp_kafka_settings_get(test->settings, "bootstrap.servers"));
}

static void
read_settings(Test *test)
{
	const char *mechanism;

	test->protocol = dp_kafka_settings_get(test->settings, "security.protocol");
	if (test->protocol == NULL)
		test->protocol = "plaintext";
	mechanism = dp_kafka_settings_get(test->settings, "sasl.mechanism");
	if (mechanism == NULL)
		mechanism = dp_kafka_settings_get(test->settings, "sasl.mechanisms");
	test->mechanism = mechanism ? mechanism : "GSSAPI";
	test->tls = pg_strcasecmp(test->protocol, "ssl") == 0 ||
		pg_strcasecmp(test->protocol, "sasl_ssl") == 0;
	test->sasl = pg_strncasecmp(test->protocol, "sasl", 4) == 0;
	for (int i = 0; i < API_KEYS_MAX; i++)
		test->api_min[i] = test->api_max[i] = -1;
}

void
dp_test_connection_register(const char *wrapper, DpConnectionTest test)
{
	Assert(n_others < OTHERS_MAX);
	others[n_others].wrapper = wrapper;
	others[n_others++].test = test;
}

/* The test that a server of another wrapper has; NULL: it is Kafka's, or nobody's. */
static DpConnectionTest
find_other(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, true);
	const char *wrapper = server ? GetForeignDataWrapper(server->fdwid)->fdwname : "";

	for (int i = 0; i < n_others; i++)
		if (strcmp(others[i].wrapper, wrapper) == 0)
			return others[i].test;
	return strcmp(wrapper, DP_WRAPPER_HTTP) == 0 ? dp_test_http : NULL;
}

/* test_connection(server) returns setof (step, ok, detail) */
Datum
dp_test_connection(PG_FUNCTION_ARGS)
{
	static const char *const overrides[] = {
		"debug", "feature",		/* logs the versions of requests */
		"socket.timeout.ms", "8000",
		"reconnect.backoff.max.ms", "1000",
		NULL
	};
	DpConnectionTest other = find_other(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Test		test;
	MemoryContext context;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	if (other)
	{
		other(text_to_cstring(PG_GETARG_TEXT_PP(0)), (ReturnSetInfo *) fcinfo->resultinfo);
		return (Datum) 0;
	}
	memset(&test, 0, sizeof(test));
	test.fcinfo = fcinfo;
	test.settings = dp_kafka_settings_load(text_to_cstring(PG_GETARG_TEXT_PP(0)),
										   GetUserId());
	test.deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), TEST_MS);
	read_settings(&test);

	context = AllocSetContextCreate(CurrentMemoryContext,
									"dataplat test connection",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	test.client = dp_kafka_client_create(DP_KAFKA_PRODUCER, test.settings,
										 overrides);
	MemoryContextSwitchTo(old);
	test.client->on_event = read_api_versions;
	test.client->on_event_arg = &test;
	current = &test;

	report_options(&test);
	if (test_bootstrap(&test))
		test_metadata(&test);
	dp_kafka_client_destroy(test.client);
	return (Datum) 0;
}
