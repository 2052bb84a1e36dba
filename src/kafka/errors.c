/*-------------------------------------------------------------------------
 *
 * errors.c
 *	  What an error code of librdkafka means for the person who reads it.
 *
 * librdkafka's own texts name the symptom.  Here each code gets the cause in
 * plain words, what to do, an SQLSTATE, and a class: whoever waits, pauses
 * or makes a dead letter decides by the class.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "kafka/client_int.h"
#include "kafka/errors.h"

#define SERVER DP_KAFKA_ERROR_SERVER
#define SETUP DP_KAFKA_ERROR_SETUP
#define DATA DP_KAFKA_ERROR_DATA
#define POSITION DP_KAFKA_ERROR_POSITION

static const DpKafkaErrorInfo infos[] = {
	{RD_KAFKA_RESP_ERR_NO_ERROR, "NO_ERROR", ERRCODE_SUCCESSFUL_COMPLETION, SERVER,
	"All is well.", NULL},

	/* Connections */
	{RD_KAFKA_RESP_ERR__TRANSPORT, "_TRANSPORT", ERRCODE_CONNECTION_FAILURE, SERVER,
		"The connection to the broker failed or was closed.",
	"Check that the broker runs and that bootstrap.servers, security.protocol and its port belong together."},
	{RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "_ALL_BROKERS_DOWN", ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, SERVER,
		"No broker could be reached.",
	"Check that the brokers run, and run dataplat.test_connection() for this server."},
	{RD_KAFKA_RESP_ERR__RESOLVE, "_RESOLVE", ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, SERVER,
		"The host name of a broker could not be resolved.",
	"Check the names in bootstrap.servers, and that the database server can resolve the names that the brokers advertise."},
	{RD_KAFKA_RESP_ERR__TIMED_OUT, "_TIMED_OUT", ERRCODE_CONNECTION_FAILURE, SERVER,
		"The broker did not answer in time.",
	"Check that the broker is not overloaded and that no firewall drops its packets."},
	{RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, "_TIMED_OUT_QUEUE", ERRCODE_CONNECTION_FAILURE, SERVER,
	"The request waited too long for a connection to the broker.", NULL},
	{RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, "_MSG_TIMED_OUT", ERRCODE_CONNECTION_FAILURE, SERVER,
		"The message was not acknowledged in time.",
	"Check that the partition has a leader and that its replicas are in sync."},
	{RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, "REQUEST_TIMED_OUT", ERRCODE_CONNECTION_FAILURE, SERVER,
	"The broker gave up on the request.", "Check that the replicas of the partition are in sync."},
	{RD_KAFKA_RESP_ERR__SSL, "_SSL", ERRCODE_SQLSERVER_REJECTED_ESTABLISHMENT_OF_SQLCONNECTION, SETUP,
		"The TLS handshake failed.",
	"Check ssl.ca.pem or ssl.ca.location, that the broker's certificate names the host in bootstrap.servers, and the client certificate when the broker asks for one."},
	{RD_KAFKA_RESP_ERR__AUTHENTICATION, "_AUTHENTICATION", ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, SETUP,
		"The broker refused the user name, the password or the mechanism.",
	"Check sasl.mechanism of the server and sasl.username and sasl.password (or password_ref) of the user mapping."},
	{RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, "SASL_AUTHENTICATION_FAILED", ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, SETUP,
		"The broker refused the user name or the password.",
	"Check sasl.username and sasl.password (or password_ref) of the user mapping."},
	{RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, "UNSUPPORTED_SASL_MECHANISM", ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, SETUP,
	"The broker does not offer this sasl.mechanism.", "Ask which mechanisms the listener has enabled, and set sasl.mechanism of the server."},
	{RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, "ILLEGAL_SASL_STATE", ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, SETUP,
	"The broker did not expect authentication on this port.", "Set security.protocol to what the listener of this port expects."},
	{RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, "_UNSUPPORTED_FEATURE", ERRCODE_FEATURE_NOT_SUPPORTED, SETUP,
	"The broker is too old for this request.", NULL},
	{RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, "UNSUPPORTED_VERSION", ERRCODE_FEATURE_NOT_SUPPORTED, SETUP,
	"Broker and librdkafka have no version of this request in common.", "Use a newer librdkafka."},

	/* Rights */
	{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "TOPIC_AUTHORIZATION_FAILED", ERRCODE_INSUFFICIENT_PRIVILEGE, SETUP,
		"The Kafka user has no rights on the topic, or the topic does not exist: Kafka does not tell which.",
	"Ask the Kafka administrator for READ (and WRITE to produce) on the topic, and check its name."},
	{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, "GROUP_AUTHORIZATION_FAILED", ERRCODE_INSUFFICIENT_PRIVILEGE, SETUP,
		"The Kafka user has no rights on the consumer group.",
	"Ask the Kafka administrator for READ on the group; only lag tools outside of dataplat need it."},
	{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "CLUSTER_AUTHORIZATION_FAILED", ERRCODE_INSUFFICIENT_PRIVILEGE, SETUP,
	"The Kafka user has no rights on the cluster.", "On Kafka before 2.8, producing needs IDEMPOTENT_WRITE on the cluster."},
	{RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", ERRCODE_INSUFFICIENT_PRIVILEGE, SETUP,
	"The Kafka user has no rights on the transactional id.", NULL},

	/* Topics and partitions */
	{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "UNKNOWN_TOPIC_OR_PART", ERRCODE_UNDEFINED_OBJECT, SETUP,
		"The topic or partition does not exist, or the Kafka user may not see it: Kafka does not tell which.",
	"Check the name of the topic; create it, or ask for the right to DESCRIBE it."},
	{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "_UNKNOWN_TOPIC", ERRCODE_UNDEFINED_OBJECT, SETUP,
		"The topic does not exist, or the Kafka user may not see it: Kafka does not tell which.",
	"Check the name of the topic; create it, or ask for the right to DESCRIBE it."},
	{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, "_UNKNOWN_PARTITION", ERRCODE_UNDEFINED_OBJECT, SETUP,
		"The topic has no such partition.",
	"Partitions are numbered from 0; leave the partition out to have one chosen."},
	{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, "TOPIC_EXCEPTION", ERRCODE_INVALID_PARAMETER_VALUE, SETUP,
	"The name of the topic is not valid.", "A topic name has 1 to 249 of the characters a-z, A-Z, 0-9, dot, underscore and hyphen."},
	{RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, "LEADER_NOT_AVAILABLE", ERRCODE_CONNECTION_FAILURE, SERVER,
	"The partition has no leader at the moment.", NULL},
	{RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, "NOT_LEADER_FOR_PARTITION", ERRCODE_CONNECTION_FAILURE, SERVER,
	"The partition has just moved to another broker.", NULL},
	{RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, "REPLICA_NOT_AVAILABLE", ERRCODE_CONNECTION_FAILURE, SERVER,
	"A replica of the partition is not available.", NULL},
	{RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, "NOT_ENOUGH_REPLICAS", ERRCODE_CONNECTION_FAILURE, SERVER,
	"Too few replicas are in sync to accept the message.", "Check the brokers that hold the topic, and its min.insync.replicas."},
	{RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", ERRCODE_CONNECTION_FAILURE, SERVER,
	"Too few replicas stored the message.", "Check the brokers that hold the topic, and its min.insync.replicas."},
	{RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, "KAFKA_STORAGE_ERROR", ERRCODE_CONNECTION_FAILURE, SERVER,
	"The broker has trouble with its disk.", NULL},
	{RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, "COORDINATOR_LOAD_IN_PROGRESS", ERRCODE_CONNECTION_FAILURE, SERVER,
	"The broker is still loading the group.", NULL},
	{RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, "COORDINATOR_NOT_AVAILABLE", ERRCODE_CONNECTION_FAILURE, SERVER,
	"No broker coordinates the group at the moment.", NULL},
	{RD_KAFKA_RESP_ERR_NOT_COORDINATOR, "NOT_COORDINATOR", ERRCODE_CONNECTION_FAILURE, SERVER,
	"Another broker coordinates the group now.", NULL},
	{RD_KAFKA_RESP_ERR__WAIT_COORD, "_WAIT_COORD", ERRCODE_CONNECTION_FAILURE, SERVER,
	"No broker coordinates the group yet.", NULL},
	{RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "POLICY_VIOLATION", ERRCODE_INSUFFICIENT_PRIVILEGE, SETUP,
	"A policy of the Kafka cluster forbids this.", NULL},

	/* Positions */
	{RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE", ERRCODE_DATA_EXCEPTION, POSITION,
		"The offset is outside of what the partition holds.",
	"Messages were removed by retention, or the topic was truncated or made anew."},
	{RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, "_AUTO_OFFSET_RESET", ERRCODE_DATA_EXCEPTION, POSITION,
		"The offset is outside of what the partition holds.",
	"Messages were removed by retention, or the topic was truncated or made anew."},
	{RD_KAFKA_RESP_ERR__NO_OFFSET, "_NO_OFFSET", ERRCODE_DATA_EXCEPTION, POSITION,
	"No offset is known.", NULL},

	/* Messages */
	{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "MSG_SIZE_TOO_LARGE", ERRCODE_PROGRAM_LIMIT_EXCEEDED, DATA,
	"The message is larger than the broker or the topic accepts.", "Raise max.message.bytes of the topic, or send smaller messages."},
	{RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, "RECORD_LIST_TOO_LARGE", ERRCODE_PROGRAM_LIMIT_EXCEEDED, DATA,
	"The batch of messages is larger than the broker accepts.", NULL},
	{RD_KAFKA_RESP_ERR_INVALID_MSG, "INVALID_MSG", ERRCODE_DATA_CORRUPTED, DATA,
	"The message arrived with a wrong checksum.", NULL},
	{RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, "INVALID_MSG_SIZE", ERRCODE_DATA_CORRUPTED, DATA,
	"The message has an impossible size.", NULL},
	{RD_KAFKA_RESP_ERR_INVALID_RECORD, "INVALID_RECORD", ERRCODE_DATA_EXCEPTION, DATA,
	"The broker refuses the message for this topic.", "A compacted topic accepts only messages that have a key."},
	{RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, "INVALID_TIMESTAMP", ERRCODE_DATA_EXCEPTION, DATA,
	"The timestamp of the message is too far from the broker's clock.", "Compare the clocks of the two machines."},
	{RD_KAFKA_RESP_ERR__BAD_MSG, "_BAD_MSG", ERRCODE_DATA_CORRUPTED, DATA,
	"What the broker sent could not be read.", NULL},
	{RD_KAFKA_RESP_ERR__BAD_COMPRESSION, "_BAD_COMPRESSION", ERRCODE_DATA_CORRUPTED, DATA,
	"A compressed batch could not be unpacked.", NULL},
	{RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, "UNSUPPORTED_COMPRESSION_TYPE", ERRCODE_FEATURE_NOT_SUPPORTED, SETUP,
	"The broker does not know this compression.", NULL},

	/* Producers */
	{RD_KAFKA_RESP_ERR__QUEUE_FULL, "_QUEUE_FULL", ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, SERVER,
	"Too many messages wait for the broker.", NULL},
	{RD_KAFKA_RESP_ERR__PURGE_QUEUE, "_PURGE_QUEUE", ERRCODE_QUERY_CANCELED, SERVER,
	"The message was taken back before it was sent.", NULL},
	{RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, "_PURGE_INFLIGHT", ERRCODE_QUERY_CANCELED, SERVER,
	"The message was given up while it was under way.", NULL},
	{RD_KAFKA_RESP_ERR__FATAL, "_FATAL", ERRCODE_FDW_ERROR, SERVER,
	"The Kafka client cannot go on and must be made anew.", NULL},
	{RD_KAFKA_RESP_ERR__FENCED, "_FENCED", ERRCODE_OBJECT_IN_USE, SETUP,
	"Another producer with the same transactional id has taken over.", NULL},
	{RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "OUT_OF_ORDER_SEQUENCE_NUMBER", ERRCODE_CONNECTION_FAILURE, SERVER,
	"The broker lost track of the producer.", NULL},
	{RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, "UNKNOWN_PRODUCER_ID", ERRCODE_CONNECTION_FAILURE, SERVER,
	"The broker has forgotten the producer.", NULL},
	{RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, "THROTTLING_QUOTA_EXCEEDED", ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, SERVER,
	"A quota of the Kafka cluster is used up.", NULL},

	/* The client itself */
	{RD_KAFKA_RESP_ERR__INVALID_ARG, "_INVALID_ARG", ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE, SETUP,
	"librdkafka does not accept an option.", NULL},
	{RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, "_CRIT_SYS_RESOURCE", ERRCODE_INSUFFICIENT_RESOURCES, SERVER,
	"The operating system refused a resource, such as a thread or a file descriptor.", "Check the limits of the database server's user."},
	{RD_KAFKA_RESP_ERR__DESTROY, "_DESTROY", ERRCODE_QUERY_CANCELED, SERVER,
	"The Kafka client is closing.", NULL},
};

/* Mistakes that hide behind a code and show in the text. */
static const struct
{
	const char *needle;			/* part of librdkafka's text */
	DpKafkaErrorInfo info;
}			by_text[] = {
	{"broker might require SASL", {RD_KAFKA_RESP_ERR__TRANSPORT, "_TRANSPORT", ERRCODE_CONNECTION_FAILURE, SETUP,
			"The broker closed the connection at once: this port probably expects authentication or TLS.",
	"Set security.protocol to what the listener of this port expects (SASL_PLAINTEXT, SASL_SSL or SSL)."}},
	{"connecting to a SSL listener", {RD_KAFKA_RESP_ERR__TRANSPORT, "_TRANSPORT", ERRCODE_CONNECTION_FAILURE, SETUP,
			"The broker closed the connection at once: this port probably expects TLS.",
	"Set security.protocol to SSL or SASL_SSL."}},
	{"Request not valid in current SASL state", {RD_KAFKA_RESP_ERR__AUTHENTICATION, "_AUTHENTICATION", ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, SETUP,
			"The broker does not expect authentication on this port.",
	"Set security.protocol to what the listener of this port expects (PLAINTEXT or SSL)."}},
	{"alert bad certificate", {RD_KAFKA_RESP_ERR__TRANSPORT, "_TRANSPORT", ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, SETUP,
			"The broker wants a client certificate, and none or a wrong one was shown.",
	"Set ssl.certificate.pem and ssl.key.pem in the user mapping."}},
	{"certificate required", {RD_KAFKA_RESP_ERR__TRANSPORT, "_TRANSPORT", ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, SETUP,
			"The broker wants a client certificate, and none was shown.",
	"Set ssl.certificate.pem and ssl.key.pem in the user mapping."}},
	{"certificate unknown", {RD_KAFKA_RESP_ERR__TRANSPORT, "_TRANSPORT", ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, SETUP,
			"The broker does not trust the client certificate.",
	"Use a certificate that is signed by an authority the broker trusts."}},
	{"unknown ca", {RD_KAFKA_RESP_ERR__TRANSPORT, "_TRANSPORT", ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, SETUP,
			"The broker does not trust the authority that signed the client certificate.",
	"Use a certificate that is signed by an authority the broker trusts."}},
	{"certificate verify failed", {RD_KAFKA_RESP_ERR__SSL, "_SSL", ERRCODE_SQLSERVER_REJECTED_ESTABLISHMENT_OF_SQLCONNECTION, SETUP,
			"The broker's certificate is not signed by a trusted authority, has expired, or names another host.",
	"Set ssl.ca.pem to the certificate of the authority that signed it, and use a host name that it contains."}},
	{"Connection refused", {RD_KAFKA_RESP_ERR__TRANSPORT, "_TRANSPORT", ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, SERVER,
			"Nothing listens at the address of the broker.",
	"Check that the broker runs, and the port in bootstrap.servers."}},
};

const DpKafkaErrorInfo *
dp_kafka_error_info(int code)
{
	static DpKafkaErrorInfo other;

	for (int i = 0; i < lengthof(infos); i++)
		if (infos[i].code == code)
			return &infos[i];
	other.code = code;
	other.name = rd_kafka_err2name((rd_kafka_resp_err_t) code);
	other.sqlerrcode = ERRCODE_FDW_ERROR;
	other.class = DP_KAFKA_ERROR_SERVER;
	other.reason = rd_kafka_err2str((rd_kafka_resp_err_t) code);
	other.hint = NULL;
	return &other;
}

const DpKafkaErrorInfo *
dp_kafka_error_info_for(int code, const char *text)
{
	for (int i = 0; text && i < lengthof(by_text); i++)
		if (strstr(text, by_text[i].needle))
			return &by_text[i].info;
	return dp_kafka_error_info(code);
}

const DpKafkaErrorInfo *
dp_kafka_client_explain(DpKafkaClient *client, int code, const char **text)
{
	static DpKafkaErrorInfo refusal;
	int			client_code = 0;

	*text = dp_kafka_client_error(client, &client_code);
	if (client->refused)
	{
		refusal.code = client_code;
		refusal.name = "_TRANSPORT";
		refusal.sqlerrcode = ERRCODE_INSUFFICIENT_PRIVILEGE;
		refusal.class = DP_KAFKA_ERROR_SETUP;
		refusal.reason = client->error;
		refusal.hint = DP_HOSTGUARD_HINT;
		*text = NULL;
		return &refusal;
	}
	if (*text)
		return dp_kafka_error_info_for(client_code, *text);
	return dp_kafka_error_info(code);
}
