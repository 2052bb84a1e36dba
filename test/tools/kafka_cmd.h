/*-------------------------------------------------------------------------
 *
 * kafka_cmd.h
 *	  The commands of dp_kafka and the options they share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_KAFKA_CMD_H
#define DP_KAFKA_CMD_H

#include "tool.h"

typedef struct DpCommandLine
{
	const char *bootstrap;
	DpPairs		client;			/* -X */
	DpPairs		config;			/* -c */
	DpPairs		headers;		/* -H */
	int			replicas;		/* -r */
	int			partition;		/* -p; -1: any, all */
	int64_t		from;			/* -o; start of consume */
	int64_t		count;			/* -n; -1: no limit */
	int64_t		timestamp;		/* --timestamp, ms; 0: now */
	const char *key;			/* -k */
	const char *key_separator;	/* -K */
	const char *file;			/* --lines, --raw */
	bool		raw;
	bool		gone;
	bool		json;			/* consume: print messages */
	bool		values;			/* consume: print values only */
	bool		uncommitted;
	const char *transactional_id;
	const char *outcome;		/* --end */
	double		timeout;		/* -t, seconds */
	char	  **arg;			/* what is left */
	int			nargs;
} DpCommandLine;

/* topics and offsets, in kafka_admin.c */
extern int	dp_cmd_topic_create(DpCommandLine *cl);
extern int	dp_cmd_topic_delete(DpCommandLine *cl);
extern int	dp_cmd_topic_add_partitions(DpCommandLine *cl);
extern int	dp_cmd_topic_config(DpCommandLine *cl);
extern int	dp_cmd_delete_records(DpCommandLine *cl);
extern int	dp_cmd_metadata(DpCommandLine *cl);
extern int	dp_cmd_wait_topic(DpCommandLine *cl);
extern int	dp_cmd_offsets(DpCommandLine *cl);
extern int	dp_cmd_group_commit(DpCommandLine *cl);
extern int	dp_cmd_group_offsets(DpCommandLine *cl);

/* messages, in kafka_io.c */
extern int	dp_cmd_produce(DpCommandLine *cl);
extern int	dp_cmd_tombstone(DpCommandLine *cl);
extern int	dp_cmd_consume(DpCommandLine *cl);

#endif							/* DP_KAFKA_CMD_H */
