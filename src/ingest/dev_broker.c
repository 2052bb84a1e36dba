/*-------------------------------------------------------------------------
 *
 * dev_broker.c
 *	  The embedded broker: a worker that hosts librdkafka's mock cluster.
 *
 * A demo, a tutorial and most tests need a Kafka, and must not need a JVM.
 * The cluster has threads, so it cannot live in the session that asks for it
 * (which may end, or fork nothing but still be cancelled): it lives in a
 * dynamic background worker of its own, one for the whole server, and all
 * databases share it.  Messages are in that worker's memory only; stopping
 * the broker or the server loses them.
 *
 * Sessions and the worker talk through one struct in shared memory: a state,
 * and a mailbox of one command.  The worker answers every command it takes
 * and nobody else does, so a session that goes away while waiting leaves
 * nothing to clean up.
 *
 * States: DOWN -> STARTING -> UP -> DOWN.  The session moves DOWN to
 * STARTING, the worker makes the other moves; a STARTING whose worker never
 * came is taken back by whoever waits for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "common/shmem.h"
#include "ingest/dev_broker.h"
#include "kafka/mock_cluster.h"

/* Kafka's own limit on topic names. */
#define TOPIC_NAME_MAX 249
/* Each partition of the mock costs a few hundred bytes; this is plenty. */
#define PARTITIONS_MAX 1000
/* Each broker is a port and a loopback address in the bootstrap list. */
#define BROKERS_MAX 9
/* How long a session waits for the worker to do what it was told. */
#define WAIT_MS 10000
/* Answers kept for sessions that have not yet looked. */
#define ANSWERS 16

typedef enum DevBrokerState
{
	DEV_BROKER_DOWN,
	DEV_BROKER_STARTING,
	DEV_BROKER_UP
} DevBrokerState;

typedef enum DevBrokerAction
{
	ACTION_TOPIC,
	ACTION_TOPIC_ERROR,
	ACTION_LEADER,
	ACTION_DOWN,
	ACTION_UP,
	ACTION_RTT,
	ACTION_REQUEST_ERROR
} DevBrokerAction;

static const char *const action_names[] = {
	[ACTION_TOPIC] = "topic",
	[ACTION_TOPIC_ERROR] = "topic_error",
	[ACTION_LEADER] = "leader",
	[ACTION_DOWN] = "down",
	[ACTION_UP] = "up",
	[ACTION_RTT] = "rtt",
	[ACTION_REQUEST_ERROR] = "request_error",
};

typedef struct DevBrokerCommand
{
	DevBrokerAction action;
	int			broker;
	int			partition;
	int			amount;			/* partitions, milliseconds, or an error code */
	char		topic[TOPIC_NAME_MAX + 1];
} DevBrokerCommand;

/* Guarded by shared_lock, but for the variable. */
typedef struct DevBrokerShared
{
	ConditionVariable changed;	/* state or mailbox changed */
	DevBrokerState state;
	uint32		generation;		/* of the last worker asked for */
	int			brokers;
	pid_t		pid;			/* of the worker while UP, else 0 */
	Latch	   *latch;			/* of the worker while UP */
	TimestampTz started_at;
	char		bootstrap[BROKERS_MAX * 32];
	char		failure[256];	/* why the last start failed, or empty */
	uint64		asked;			/* commands put into the mailbox so far */
	uint64		answered;		/* commands done so far: asked or asked - 1 */
	DevBrokerCommand command;
	struct
	{
		uint64		ticket;
		int			code;
	}			answers[ANSWERS];
} DevBrokerShared;

static DevBrokerShared *shared = NULL;	/* NULL when not preloaded */
static LWLock *shared_lock = NULL;
static DpMockCluster *cluster = NULL;	/* in the worker only */

extern PGDLLEXPORT void dp_dev_broker_main(Datum arg);
extern PGDLLEXPORT Datum dp_start_dev_broker(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_stop_dev_broker(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_dev_broker_control(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_dev_broker_status(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_start_dev_broker);
PG_FUNCTION_INFO_V1(dp_stop_dev_broker);
PG_FUNCTION_INFO_V1(dp_dev_broker_control);
PG_FUNCTION_INFO_V1(dp_dev_broker_status);

/* ---------------------------------------------------------------------
 * Shared memory
 * ---------------------------------------------------------------------
 */

static Size
dev_broker_shmem_size(void)
{
	return sizeof(DevBrokerShared);
}

static void
dev_broker_shmem_init(void *area)
{
	ConditionVariableInit(&((DevBrokerShared *) area)->changed);
}

void
dp_dev_broker_init(void)
{
	static const DpShmem shmem = {
		.name = "dataplat_dev_broker",
		.size = dev_broker_shmem_size,
		.init = dev_broker_shmem_init,
		.area = (void **) &shared,
		.lock = &shared_lock
	};

	dp_shmem_register(&shmem);
}

static void
require_shared(void)
{
	if (shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("dataplat is not preloaded"),
				 errhint("Add dataplat to shared_preload_libraries and restart the server.")));
}

/* ---------------------------------------------------------------------
 * The worker
 * ---------------------------------------------------------------------
 */

/* The worker is going: nobody may signal its pid or latch after this. */
static void
dev_broker_exit(int code, Datum arg)
{
	LWLockAcquire(shared_lock, LW_EXCLUSIVE);
	if (shared->generation == DatumGetUInt32(arg))
	{
		shared->state = DEV_BROKER_DOWN;
		shared->pid = 0;
		shared->latch = NULL;
		shared->bootstrap[0] = '\0';
	}
	LWLockRelease(shared_lock);
	ConditionVariableBroadcast(&shared->changed);

	/* Its thread looks up once a second: nobody need wait for that. */
	dp_mock_cluster_destroy(cluster);
	cluster = NULL;
}

static int
dev_broker_execute(const DevBrokerCommand *command)
{
	switch (command->action)
	{
		case ACTION_TOPIC:
			return dp_mock_topic_create(cluster, command->topic,
										command->amount);
		case ACTION_TOPIC_ERROR:
			return dp_mock_topic_set_error(cluster, command->topic,
										   command->amount);
		case ACTION_LEADER:
			return dp_mock_partition_set_leader(cluster, command->topic,
												command->partition,
												command->broker);
		case ACTION_DOWN:
			return dp_mock_broker_set_down(cluster, command->broker);
		case ACTION_UP:
			return dp_mock_broker_set_up(cluster, command->broker);
		case ACTION_RTT:
			return dp_mock_broker_set_rtt(cluster, command->broker,
										  command->amount);
		case ACTION_REQUEST_ERROR:
			return dp_mock_push_request_error(cluster,
											  (int16) command->partition,
											  command->amount);
	}
	return 0;
}

/* Do the command in the mailbox, if there is one. */
static void
dev_broker_answer(void)
{
	DevBrokerCommand command;
	uint64		ticket;
	int			code;

	LWLockAcquire(shared_lock, LW_SHARED);
	ticket = shared->asked;
	if (ticket == shared->answered)
	{
		LWLockRelease(shared_lock);
		return;
	}
	command = shared->command;
	LWLockRelease(shared_lock);

	code = dev_broker_execute(&command);

	LWLockAcquire(shared_lock, LW_EXCLUSIVE);
	shared->answers[ticket % ANSWERS].ticket = ticket;
	shared->answers[ticket % ANSWERS].code = code;
	shared->answered = ticket;
	LWLockRelease(shared_lock);
	ConditionVariableBroadcast(&shared->changed);
}

/* Take office, unless the session that asked gave up meanwhile. */
static bool
dev_broker_take_office(uint32 generation)
{
	int			brokers = 0;
	char		failure[sizeof(shared->failure)] = "";

	LWLockAcquire(shared_lock, LW_SHARED);
	if (shared->generation == generation &&
		shared->state == DEV_BROKER_STARTING)
		brokers = shared->brokers;
	LWLockRelease(shared_lock);
	if (brokers == 0)
		return false;

	before_shmem_exit(dev_broker_exit, UInt32GetDatum(generation));
	cluster = dp_mock_cluster_create(brokers, failure, sizeof(failure));

	LWLockAcquire(shared_lock, LW_EXCLUSIVE);
	strlcpy(shared->failure, failure, sizeof(shared->failure));
	if (cluster && shared->generation == generation)
	{
		shared->state = DEV_BROKER_UP;
		shared->pid = MyProcPid;
		shared->latch = MyLatch;
		shared->started_at = GetCurrentTimestamp();
		shared->answered = shared->asked;
		strlcpy(shared->bootstrap, dp_mock_cluster_bootstrap(cluster),
				sizeof(shared->bootstrap));
	}
	LWLockRelease(shared_lock);
	ConditionVariableBroadcast(&shared->changed);

	if (cluster == NULL)
		ereport(LOG,
				(errmsg("could not start the embedded broker: %s", failure)));
	return cluster != NULL;
}

void
dp_dev_broker_main(Datum arg)
{
	uint32		generation = DatumGetUInt32(arg);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	/* No database: it only has to be seen in pg_stat_activity. */
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);

	if (!dev_broker_take_office(generation))
		proc_exit(0);
	ereport(LOG,
			(errmsg("embedded broker listens at %s",
					dp_mock_cluster_bootstrap(cluster))));

	while (!ShutdownRequestPending)
	{
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
			ConfigReloadPending = false;
		dev_broker_answer();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	proc_exit(0);
}

/* ---------------------------------------------------------------------
 * The sessions
 * ---------------------------------------------------------------------
 */

/*
 * Sleep until "shared" changes; false when the deadline has passed.
 * The caller must end with ConditionVariableCancelSleep().
 */
static bool
wait_for_change(TimestampTz deadline)
{
	long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
													   deadline);

	CHECK_FOR_INTERRUPTS();
	if (left <= 0)
		return false;
	(void) ConditionVariableTimedSleep(&shared->changed, Min(left, 1000),
									   PG_WAIT_EXTENSION);
	return true;
}

static void
launch_worker(uint32 generation)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = UInt32GetDatum(generation);
	strlcpy(worker.bgw_library_name, "dataplat", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "dp_dev_broker_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "dataplat dev broker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "dataplat dev broker", BGW_MAXLEN);

	if (!RegisterDynamicBackgroundWorker(&worker, NULL))
	{
		LWLockAcquire(shared_lock, LW_EXCLUSIVE);
		if (shared->generation == generation)
			shared->state = DEV_BROKER_DOWN;
		LWLockRelease(shared_lock);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the embedded broker"),
				 errdetail("No background worker slot is free."),
				 errhint("Raise max_worker_processes.")));
	}
}

/*
 * Have a broker running, starting it when there is none.  Returns its
 * bootstrap list, palloc'd.
 */
static char *
ensure_running(int brokers)
{
	TimestampTz deadline;
	uint32		generation = 0; /* of the worker that we asked for */
	char	   *bootstrap = NULL;
	char	   *failure = NULL;

	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), WAIT_MS);
	ConditionVariablePrepareToSleep(&shared->changed);
	while (bootstrap == NULL && failure == NULL)
	{
		bool		launch = false;

		LWLockAcquire(shared_lock, LW_EXCLUSIVE);
		if (shared->state == DEV_BROKER_UP)
			bootstrap = pstrdup(shared->bootstrap);
		else if (shared->state == DEV_BROKER_DOWN && generation != 0)
			failure = pstrdup(shared->failure[0] ? shared->failure :
							  "its worker ended at once; see the server log");
		else if (shared->state == DEV_BROKER_DOWN)
		{
			shared->state = DEV_BROKER_STARTING;
			shared->brokers = brokers;
			shared->failure[0] = '\0';
			generation = ++shared->generation;
			launch = true;
		}
		LWLockRelease(shared_lock);

		if (launch)
			launch_worker(generation);
		else if (bootstrap == NULL && failure == NULL &&
				 !wait_for_change(deadline))
		{
			/* The worker that should come does not: make way for another. */
			LWLockAcquire(shared_lock, LW_EXCLUSIVE);
			if (shared->state == DEV_BROKER_STARTING)
			{
				shared->state = DEV_BROKER_DOWN;
				shared->generation++;
			}
			LWLockRelease(shared_lock);
			failure = "its worker did not answer in time";
		}
	}
	ConditionVariableCancelSleep();

	if (failure)
		ereport(ERROR,
				(errcode(ERRCODE_CANNOT_CONNECT_NOW),
				 errmsg("could not start the embedded broker: %s", failure)));
	return bootstrap;
}

/* Have the worker do the command; returns a librdkafka error code. */
static int
send_command(const DevBrokerCommand *command)
{
	TimestampTz deadline;
	uint64		ticket = 0;
	int			code = 0;
	bool		done = false;
	bool		up = true;
	bool		late = false;

	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), WAIT_MS);
	ConditionVariablePrepareToSleep(&shared->changed);
	while (!done && up && !late)
	{
		LWLockAcquire(shared_lock, LW_EXCLUSIVE);
		if (shared->state != DEV_BROKER_UP)
			up = false;
		else if (ticket == 0 && shared->asked == shared->answered)
		{
			shared->command = *command;
			ticket = ++shared->asked;
			SetLatch(shared->latch);
		}
		else if (ticket != 0 && shared->answered >= ticket)
		{
			if (shared->answers[ticket % ANSWERS].ticket == ticket)
				code = shared->answers[ticket % ANSWERS].code;
			done = true;
		}
		LWLockRelease(shared_lock);
		if (!done && up)
			late = !wait_for_change(deadline);
	}
	ConditionVariableCancelSleep();

	if (!up)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the embedded broker does not run"),
				 errhint("Start it with dataplat.start_dev_broker().")));
	if (late)
		ereport(ERROR,
				(errcode(ERRCODE_CANNOT_CONNECT_NOW),
				 errmsg("the embedded broker did not answer in time")));
	return code;
}

static void
check_topic_name(const char *name)
{
	size_t		len = strlen(name);

	if (len == 0 || len > TOPIC_NAME_MAX ||
		strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid topic name \"%s\"", name),
				 errdetail("A topic name has 1 to %d of the characters a-z, A-Z, 0-9, dot, underscore and hyphen.",
						   TOPIC_NAME_MAX)));
}

/*
 * The topics of {"name": partitions, ...} as commands.  All of it is checked
 * before the first is sent.
 */
static List *
parse_topics(Jsonb *topics)
{
	List	   *commands = NIL;
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;
	DevBrokerCommand *command = NULL;

	if (!JB_ROOT_IS_OBJECT(topics))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topics must be a JSON object of topic names and partition counts"),
				 errhint("For example: '{\"orders\": 4}'.")));

	it = JsonbIteratorInit(&topics->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			char	   *name = pnstrdup(value.val.string.val,
										value.val.string.len);

			check_topic_name(name);
			command = palloc0(sizeof(DevBrokerCommand));
			command->action = ACTION_TOPIC;
			strlcpy(command->topic, name, sizeof(command->topic));
		}
		else if (token == WJB_VALUE)
		{
			int			partitions = 0;

			if (value.type == jbvNumeric)
			{
				bool		is_int;

				is_int = DatumGetBool(DirectFunctionCall2(numeric_eq,
														  NumericGetDatum(value.val.numeric),
														  DirectFunctionCall2(numeric_trunc,
																			  NumericGetDatum(value.val.numeric),
																			  Int32GetDatum(0))));
				if (is_int)
					partitions = DatumGetInt32(DirectFunctionCall1(numeric_int4,
																   NumericGetDatum(value.val.numeric)));
			}
			if (partitions < 1 || partitions > PARTITIONS_MAX)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("invalid partition count for topic \"%s\"",
								command->topic),
						 errdetail("It must be a whole number from 1 to %d.",
								   PARTITIONS_MAX)));
			command->amount = partitions;
			commands = lappend(commands, command);
		}
	}
	return commands;
}

/* start_dev_broker(topics jsonb, brokers int) returns text */
Datum
dp_start_dev_broker(PG_FUNCTION_ARGS)
{
	int			brokers = PG_GETARG_INT32(1);
	List	   *commands;
	ListCell   *lc;
	char	   *bootstrap;

	require_shared();
	if (brokers < 1 || brokers > BROKERS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("brokers must be from 1 to %d", BROKERS_MAX)));
	commands = parse_topics(PG_GETARG_JSONB_P(0));

	bootstrap = ensure_running(brokers);
	foreach(lc, commands)
	{
		DevBrokerCommand *command = lfirst(lc);
		int			code = send_command(command);

		if (code != 0)
			ereport(ERROR,
					(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
					 errmsg("could not create topic \"%s\" in the embedded broker",
							command->topic),
					 errdetail("librdkafka reports error %d.", code)));
	}
	PG_RETURN_TEXT_P(cstring_to_text(bootstrap));
}

/* stop_dev_broker() returns boolean: was there one to stop? */
Datum
dp_stop_dev_broker(PG_FUNCTION_ARGS)
{
	TimestampTz deadline;
	uint32		generation = 0;
	bool		gone = false;
	bool		late = false;

	require_shared();
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), WAIT_MS);
	ConditionVariablePrepareToSleep(&shared->changed);
	while (!gone && !late)
	{
		LWLockAcquire(shared_lock, LW_EXCLUSIVE);
		if (shared->state == DEV_BROKER_DOWN ||
			(generation != 0 && shared->generation != generation))
			gone = true;
		else if (shared->state == DEV_BROKER_UP && generation == 0)
		{
			generation = shared->generation;
			(void) kill(shared->pid, SIGTERM);
		}
		LWLockRelease(shared_lock);
		if (!gone)
			late = !wait_for_change(deadline);
	}
	ConditionVariableCancelSleep();

	if (late)
		ereport(ERROR,
				(errcode(ERRCODE_CANNOT_CONNECT_NOW),
				 errmsg("the embedded broker did not stop in time")));
	PG_RETURN_BOOL(generation != 0);
}

/*
 * dev_broker_control(action text, broker int, topic text, partition int,
 * amount int): what a test does to a cluster.
 */
Datum
dp_dev_broker_control(PG_FUNCTION_ARGS)
{
	char	   *action;
	DevBrokerCommand command;
	int			code;
	int			i;

	require_shared();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3) ||
		PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("only the topic may be null")));
	action = text_to_cstring(PG_GETARG_TEXT_PP(0));
	memset(&command, 0, sizeof(command));
	for (i = 0; i < lengthof(action_names); i++)
		if (strcmp(action, action_names[i]) == 0)
			break;
	if (i == lengthof(action_names))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown action \"%s\"", action),
				 errhint("Actions are topic, topic_error, leader, down, up, rtt and request_error.")));
	command.action = (DevBrokerAction) i;
	command.broker = PG_GETARG_INT32(1);
	if (!PG_ARGISNULL(2))
	{
		char	   *topic = text_to_cstring(PG_GETARG_TEXT_PP(2));

		check_topic_name(topic);
		strlcpy(command.topic, topic, sizeof(command.topic));
	}
	else if (command.action <= ACTION_LEADER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("action \"%s\" needs a topic", action)));
	command.partition = PG_GETARG_INT32(3);
	command.amount = PG_GETARG_INT32(4);

	code = send_command(&command);
	if (code != 0)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("the embedded broker refused action \"%s\"", action),
				 errdetail("librdkafka reports error %d.", code)));
	PG_RETURN_VOID();
}

/* dev_broker_status() returns (pid, bootstrap, started_at); NULLs when down */
Datum
dp_dev_broker_status(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	Datum		values[3];
	bool		nulls[3] = {true, true, true};

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	memset(values, 0, sizeof(values));
	if (shared)
	{
		char		bootstrap[sizeof(shared->bootstrap)];

		LWLockAcquire(shared_lock, LW_SHARED);
		if (shared->state == DEV_BROKER_UP)
		{
			values[0] = Int32GetDatum((int32) shared->pid);
			strlcpy(bootstrap, shared->bootstrap, sizeof(bootstrap));
			values[2] = TimestampTzGetDatum(shared->started_at);
			memset(nulls, false, sizeof(nulls));
		}
		LWLockRelease(shared_lock);
		if (!nulls[1])
			values[1] = CStringGetTextDatum(bootstrap);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  values, nulls)));
}
