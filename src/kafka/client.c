/*-------------------------------------------------------------------------
 *
 * client.c
 *	  A librdkafka client that is safe to hold inside a backend.
 *
 * Three dangers shape this file.  Threads of the library must never run code
 * of the server, so errors and log lines come through the main queue and the
 * only callback is the connect guard, which is plain C.  A client must not
 * outlive the memory context that its owner works in, so its destruction is a
 * reset callback of that context.  And some calls of the library block
 * without a look at our latch, so they run on a thread of their own while the
 * backend waits where it can be interrupted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "kafka/client_int.h"
#include "kafka/version.h"

/* How often a waiter looks around although nothing woke it, milliseconds. */
#define DP_TASK_WAIT_MS 100

/* How long destruction waits for a call that is under way, milliseconds. */
#define DP_TASK_JOIN_MS 400

/* How long destruction itself may take before the handle is left, seconds. */
#define DP_DESTROY_WAIT_S 1

/*
 * How late the timers of a consumer's threads may be, nanoseconds.  librdkafka
 * before 2.1 rounds the time to its next timer down to milliseconds, and its
 * main thread spins for the rest of the last one, every second; a thread that
 * the kernel wakes a little late finds the timer due.  Messages are not
 * waited for by timers.
 */
#define DP_TIMER_SLACK_NS (20 * 1000 * 1000UL)

typedef struct DpKafkaTask
{
	pthread_mutex_t lock;
	rd_kafka_t *rk;
	DpKafkaTaskFn fn;
	void	   *arg;
	void		(*free_arg) (void *);
	int			fd;
	bool		done;
	bool		abandoned;
} DpKafkaTask;

static void client_reset_callback(void *arg);
static void reap_busy_clients(void);

/* The host in a broker's id: [protocol://]host:port[/node]. */
static void
host_of_broker_id(const char *id, char *host, size_t size)
{
	const char *from = id ? strstr(id, "://") : NULL;
	const char *end;
	size_t		len;

	host[0] = '\0';
	if (id == NULL)
		return;
	from = from ? from + 3 : id;
	end = from + strcspn(from, "/");
	while (end > from && *end != ':')
		end--;
	if (end == from)
		return;
	if (*from == '[' && end[-1] == ']')
	{
		from++;
		end--;
	}
	len = end - from;
	if (len < size)
	{
		memcpy(host, from, len);
		host[len] = '\0';
	}
}

/*
 * Open a connection if the guard allows the address.  Runs on a thread of the
 * library: plain C only.  Mirrors what the library does without a callback.
 */
static int
guarded_connect(int sockfd, const struct sockaddr *addr, int addrlen,
				const char *id, void *opaque)
{
	DpKafkaClient *client = opaque;
	char		host[256];

	host_of_broker_id(id, host, sizeof(host));
	if (!dp_hostguard_allows(client->guard, host[0] ? host : NULL, addr, (socklen_t) addrlen))
		return EACCES;
	if (connect(sockfd, addr, (socklen_t) addrlen) == -1 && errno != EINPROGRESS)
		return errno;
	return 0;
}

/*
 * Resolve a name as the library would, and tell the guard what it led to: a
 * broker that is known by its role only connects without a name.  Called
 * without a name and hints it frees an answer.
 */
static int
guarded_resolve(const char *node, const char *service,
				const struct addrinfo *hints, struct addrinfo **res, void *opaque)
{
	DpKafkaClient *client = opaque;
	struct addrinfo *address;
	int			code;

	if (node == NULL && hints == NULL)
	{
		freeaddrinfo(*res);
		return 0;
	}
	code = getaddrinfo(node, service, hints, res);
	if (code == 0)
		for (address = *res; address != NULL; address = address->ai_next)
			dp_hostguard_learn(client->guard, node, address->ai_addr, address->ai_addrlen);
	return code;
}

static void
set_option(rd_kafka_conf_t *conf, const char *name, const char *value,
		   bool secret)
{
	char		errstr[256];
	rd_kafka_conf_res_t res;
	bool		optional = (name[0] == '?');

	if (optional)
		name++;
	res = rd_kafka_conf_set(conf, name, value, errstr, sizeof(errstr));
	if (res == RD_KAFKA_CONF_OK || (optional && res == RD_KAFKA_CONF_UNKNOWN))
		return;
	rd_kafka_conf_destroy(conf);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("librdkafka does not accept the option \"%s\"", name),
			 secret ? 0 : errdetail("%s", errstr)));
}

/* The client redacts with it for as long as its context lives. */
static DpKafkaSettings *
copy_settings(const DpKafkaSettings *from)
{
	DpKafkaSettings *to = palloc(sizeof(DpKafkaSettings));

	*to = *from;
	to->server = pstrdup(from->server);
	to->items = palloc(sizeof(DpKafkaSetting) * Max(from->n, 1));
	for (int i = 0; i < from->n; i++)
	{
		to->items[i] = from->items[i];
		to->items[i].name = pstrdup(from->items[i].name);
		to->items[i].value = pstrdup(from->items[i].value);
	}
	return to;
}

/* Handles of this process whose threads may be running. */
static int	handles = 0;

static void
leave_at_once(int status, void *arg)
{
	_exit(status);
}

/*
 * A process that ends by an error or by FATAL may not have reset the contexts
 * that its clients live in.  Beside their threads no handler of a library may
 * run: OpenSSL's takes away what a handshake stands on, and the signal that
 * follows would restart the whole server.  OpenSSL may have been initialized
 * by a thread, so what must run before its handler is registered as late as
 * this, after which all of the server's own have run.
 */
static void
exit_beside_threads(int code, Datum arg)
{
	if (handles > 0)
		(void) on_exit(leave_at_once, NULL);
}

#ifdef DATAPLAT_INJECTION
/* Stands for any library's handler. */
static void
tell_threads(int status, void *arg)
{
	if (handles > 0)
		write_stderr("exit handlers run beside threads of %d Kafka clients\n", handles);
}
#endif

static void
watch_exit(void)
{
	static bool registered = false;

	if (registered)
		return;
	on_proc_exit(exit_beside_threads, (Datum) 0);
#ifdef DATAPLAT_INJECTION
	(void) on_exit(tell_threads, NULL);
#endif
	registered = true;
}

DpKafkaClient *
dp_kafka_client_create(DpKafkaClientKind kind, const DpKafkaSettings *settings,
					   const char *const *overrides)
{
	DpKafkaClient *client;
	MemoryContextCallback *callback;
	rd_kafka_conf_t *conf;
	char		errstr[DP_KAFKA_ERROR_LEN];
	int			slack;
	sigset_t	all,
				old;

	dp_kafka_version_check();
	watch_exit();
	reap_busy_clients();
	client = calloc(1, sizeof(DpKafkaClient));
	if (client == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	client->pid = getpid();
	client->context = CurrentMemoryContext;
	client->task_fd = -1;
	client->settings = copy_settings(settings);
	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = client_reset_callback;
	callback->arg = client;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);

	client->guard = dp_hostguard_from_settings(settings->allow_loopback);
	client->task_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	conf = rd_kafka_conf_new();
	for (int i = 0; i < settings->n; i++)
		set_option(conf, settings->items[i].name, settings->items[i].value,
				   settings->items[i].secret);
	set_option(conf, "log.queue", "true", false);
	set_option(conf, "?sasl.kerberos.kinit.cmd", "/bin/true", false);
	for (int i = 0; overrides && overrides[i]; i += 2)
		set_option(conf, overrides[i], overrides[i + 1], false);
	rd_kafka_conf_set_opaque(conf, client);
	rd_kafka_conf_set_connect_cb(conf, guarded_connect);
	rd_kafka_conf_set_resolve_cb(conf, guarded_resolve);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG |
							 RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_OFFSET_COMMIT);

	/* The library blocks signals itself; this is the second lock on the door. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	slack = prctl(PR_GET_TIMERSLACK);
	if (kind == DP_KAFKA_CONSUMER)
		(void) prctl(PR_SET_TIMERSLACK, DP_TIMER_SLACK_NS);	/* new threads inherit it */
	client->rk = rd_kafka_new(kind == DP_KAFKA_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER,
							  conf, errstr, sizeof(errstr));
	if (slack > 0)
		(void) prctl(PR_SET_TIMERSLACK, (unsigned long) slack);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (client->rk == NULL)
	{
		rd_kafka_conf_destroy(conf);
		ereport(ERROR,
				(errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
				 errmsg("could not create a Kafka client for server \"%s\"", settings->server),
				 errdetail("%s", dp_kafka_redact(settings, errstr))));
	}
	handles++;
	rd_kafka_set_log_queue(client->rk, NULL);
	client->main_queue = rd_kafka_queue_get_main(client->rk);
	return client;
}

static bool
task_is_done(DpKafkaTask *task)
{
	bool		done;

	pthread_mutex_lock(&task->lock);
	done = task->done;
	pthread_mutex_unlock(&task->lock);
	return done;
}

/* Join a call that is under way, for a short while.  True when it is over. */
static bool
settle_task(DpKafkaClient *client)
{
	DpKafkaTask *task = client->task;

	if (task == NULL)
		return true;
	for (int waited = 0; waited < DP_TASK_JOIN_MS; waited += 5)
	{
		if (task_is_done(task))
		{
			if (task->arg && task->free_arg)
				task->free_arg(task->arg);
			pthread_mutex_destroy(&task->lock);
			free(task);
			client->task = NULL;
			return true;
		}
		pg_usleep(5000);
	}
	return false;
}

/* Body of the thread that destroys: plain C only. */
static void *
destroy_main(void *rk)
{
	rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return NULL;
}

/* Clients of this process that did not end; see dp_kafka_clients_left(). */
static int	clients_left = 0;

/* Those of them that only wait for their task. */
static DpKafkaClient *busy_clients = NULL;

/*
 * Destroy the handle on a thread and wait a while.  librdkafka 2.0 can wait
 * for ever in there, for a broker thread that still counts a partition of a
 * deleted topic; then the handle is left to the end of the process.
 */
static void
destroy_handle(rd_kafka_t *rk)
{
	pthread_t	thread;
	sigset_t	all,
				old;
	struct timespec until;
	int			rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, destroy_main, rk);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
	{
		clients_left++;
		return;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DP_DESTROY_WAIT_S;
	if (pthread_timedjoin_np(thread, NULL, &until) != 0)
	{
		pthread_detach(thread);
		clients_left++;
	}
	else
		handles--;
}

int
dp_kafka_clients_left(void)
{
	return clients_left;
}

/* Destroy without saying good-bye to the group: we never joined one. */
static void
destroy_client(DpKafkaClient *client)
{
	int			before = clients_left;

	if (client->main_queue)
		rd_kafka_queue_destroy(client->main_queue);
	if (client->rk)
	{
		if (rd_kafka_type(client->rk) == RD_KAFKA_PRODUCER)
			rd_kafka_purge(client->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		destroy_handle(client->rk);
	}
	if (client->task_fd >= 0)
		close(client->task_fd);
	/* a left handle may still ask the guard: what it points to stays */
	if (clients_left == before)
	{
		if (client->guard)
			dp_hostguard_destroy(client->guard);
		free(client);
	}
}

/*
 * When a blocking call is still under way, the client is left until a later
 * one is made or the process ends: destroying it below the call would be
 * worse.
 */
static void
client_reset_callback(void *arg)
{
	DpKafkaClient *client = arg;

	if (client->pid != getpid())
		return;
	if (settle_task(client))
		destroy_client(client);
	else
	{
		clients_left++;
		client->next_busy = busy_clients;
		busy_clients = client;
	}
}

/* Destroy the clients that were left with a call whose end has come. */
static void
reap_busy_clients(void)
{
	DpKafkaClient **link = &busy_clients;

	while (*link != NULL)
	{
		DpKafkaClient *client = *link;

		if (!task_is_done(client->task))
		{
			link = &client->next_busy;
			continue;
		}
		*link = client->next_busy;
		clients_left--;
		(void) settle_task(client);
		destroy_client(client);
	}
}

/*
 * Destroy now instead of with the context.  The reset callback cannot be
 * unregistered, so the client must be the only thing in a context of its own;
 * callers delete that context.
 */
void
dp_kafka_client_destroy(DpKafkaClient *client)
{
	MemoryContextDelete(client->context);
}

static void
remember_error(DpKafkaClient *client, int code, const char *text)
{
	char	   *clean = dp_kafka_redact(client->settings, text ? text : "");

	/* "all brokers down" follows the error that says why: keep that one */
	if (client->error[0] != '\0' &&
		(client->refused || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN))
		return;
	client->error_code = code;
	strlcpy(client->error, clean, sizeof(client->error));
	pfree(clean);
}

/* What our own guard refused says more than the library's "transport failure". */
static void
note_refusal(DpKafkaClient *client)
{
	char		reason[DP_HOSTGUARD_REASON];

	if (dp_hostguard_take_refusal(client->guard, reason))
	{
		client->error_code = RD_KAFKA_RESP_ERR__TRANSPORT;
		client->refused = true;
		client->hopeless = true;
		strlcpy(client->error, reason, sizeof(client->error));
	}
}

static void
note_hopeless(DpKafkaClient *client, rd_kafka_event_t *event)
{
	switch (rd_kafka_event_error(event))
	{
		case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		case RD_KAFKA_RESP_ERR__SSL:
			client->hopeless = true;
			break;
		default:
			if (rd_kafka_event_error_is_fatal(event))
				client->hopeless = true;
			break;
	}
}

void
dp_kafka_client_serve(DpKafkaClient *client)
{
	rd_kafka_event_t *event;

	while ((event = rd_kafka_queue_poll(client->main_queue, 0)) != NULL)
	{
		if (client->on_event)
			client->on_event(client->on_event_arg, event);
		switch (rd_kafka_event_type(event))
		{
			case RD_KAFKA_EVENT_ERROR:
				note_hopeless(client, event);
				remember_error(client, rd_kafka_event_error(event),
							   rd_kafka_event_error_string(event));
				break;
			case RD_KAFKA_EVENT_LOG:
				{
					const char *fac,
							   *str;
					int			level;

					if (rd_kafka_event_log(event, &fac, &str, &level) == 0)
					{
						char	   *clean = dp_kafka_redact(client->settings, str);

						elog(DEBUG1, "librdkafka: %s: %s", fac, clean);
						pfree(clean);
					}
					break;
				}
			default:
				break;
		}
		rd_kafka_event_destroy(event);
	}
	note_refusal(client);
}

const char *
dp_kafka_client_error(DpKafkaClient *client, int *code)
{
	if (client->error[0] == '\0')
		return NULL;
	if (code)
		*code = client->error_code;
	return client->error;
}

bool
dp_kafka_client_is_hopeless(DpKafkaClient *client)
{
	return client->hopeless;
}

void
dp_kafka_client_clear_error(DpKafkaClient *client)
{
	client->error[0] = '\0';
	client->error_code = 0;
	client->refused = false;
	client->hopeless = false;
}

bool
dp_kafka_client_was_refused(DpKafkaClient *client)
{
	return client->refused;
}

/* Body of the thread: plain C only. */
static void *
task_main(void *arg)
{
	DpKafkaTask *task = arg;
	uint64_t	one = 1;
	ssize_t		rc;

	task->fn(task->rk, task->arg);
	pthread_mutex_lock(&task->lock);
	task->done = true;
	rc = write(task->fd, &one, sizeof(one));
	pthread_mutex_unlock(&task->lock);
	(void) rc;
	return NULL;
}

bool
dp_kafka_client_run(DpKafkaClient *client, DpKafkaTaskFn fn, void *arg,
					void (*free_arg) (void *), bool (*stop_requested) (void))
{
	DpKafkaTask *task;
	pthread_t	thread;
	pthread_attr_t attr;
	sigset_t	all,
				old;
	uint64_t	count;
	int			rc;
	bool		done = false;

	if (!settle_task(client))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("an earlier request to Kafka is still under way")));
	task = calloc(1, sizeof(DpKafkaTask));
	if (task == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	pthread_mutex_init(&task->lock, NULL);
	task->rk = client->rk;
	task->fn = fn;
	task->arg = arg;
	task->free_arg = free_arg;
	task->fd = client->task_fd;
	while (read(client->task_fd, &count, sizeof(count)) > 0)
		;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, &attr, task_main, task);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (rc != 0)
	{
		free(task);
		if (free_arg)
			free_arg(arg);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a thread: %s", strerror(rc))));
	}
	client->task = task;

	/* If an interrupt throws here, the client still knows its task. */
	while (!done)
	{
		CHECK_FOR_INTERRUPTS();
		if (stop_requested && stop_requested())
			return false;
		(void) WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
								 client->task_fd, DP_TASK_WAIT_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		done = task_is_done(task);
	}
	pthread_mutex_destroy(&task->lock);
	free(task);
	client->task = NULL;
	return true;
}

const char *
dp_kafka_error_text(int code)
{
	return rd_kafka_err2str(code);
}
