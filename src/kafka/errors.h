/*-------------------------------------------------------------------------
 *
 * errors.h
 *	  What an error code of librdkafka means for the person who reads it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_ERRORS_H
#define DP_KAFKA_ERRORS_H

typedef enum DpKafkaErrorClass
{
	DP_KAFKA_ERROR_SERVER,		/* passes by itself: wait and try again */
	DP_KAFKA_ERROR_SETUP,		/* somebody must change rights or options */
	DP_KAFKA_ERROR_DATA,		/* this message can never go through */
	DP_KAFKA_ERROR_POSITION		/* the offset asked for is not there */
} DpKafkaErrorClass;

typedef struct DpKafkaErrorInfo
{
	int			code;
	const char *name;			/* librdkafka's symbol, without its prefix */
	int			sqlerrcode;		/* an ERRCODE_ value */
	DpKafkaErrorClass class;
	const char *reason;			/* a sentence: what is wrong */
	const char *hint;			/* a sentence: what to do; NULL when unknown */
} DpKafkaErrorInfo;

/* Never NULL; for a code that is not in the table, until the next call. */
extern const DpKafkaErrorInfo *dp_kafka_error_info(int code);

/*
 * The same, looking also at librdkafka's text: one code, "transport failure",
 * stands for several mistakes that only the text tells apart.
 */
extern const DpKafkaErrorInfo *dp_kafka_error_info_for(int code, const char *text);

struct DpKafkaClient;

/*
 * What the client's newest error means, or "code" when it has none; valid
 * until the next call.  A refusal by our own guard is explained as such.
 * *text gets librdkafka's words, secrets removed, or NULL.
 */
extern const DpKafkaErrorInfo *dp_kafka_client_explain(struct DpKafkaClient *client,
													   int code,
													   const char **text);

#endif							/* DP_KAFKA_ERRORS_H */
