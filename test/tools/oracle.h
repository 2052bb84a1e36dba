/*-------------------------------------------------------------------------
 *
 * oracle.h
 *	  The chaos generator: what a message is, and what became of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_ORACLE_H
#define DP_ORACLE_H

#include "tool.h"

#define ORACLE_HEADER "dp-oracle"	/* carries run:p:i */
#define ORACLE_MAX_VALUE 512

typedef struct DpOracleMessage
{
	int			p;
	int64_t		i;				/* number in its partition, never used twice */
	bool		malformed;
	bool		seen;			/* found by reading back */
	char		sha[65];		/* see oracle_message.c */
} DpOracleMessage;

typedef struct DpOracleConfig
{
	const char *bootstrap;
	const char *topic;
	const char *run;
	int64_t		seed;
	int			partitions;
	int64_t		records;
	int			tx_size;
	double		abort_ratio;
	double		malformed_ratio;
	double		rate;			/* records a second; 0: no limit */
	int64_t		keys;			/* distinct keys; 0: no key */
	bool		headers;
	bool		transactions;
	int			producers;
	bool		verbose;
	DpPairs		options;		/* -X */
} DpOracleConfig;

/* oracle_message.c */
extern size_t dp_oracle_value(const DpOracleConfig *config, DpOracleMessage *m,
							  bool aborted, char *buf);
extern size_t dp_oracle_key(const DpOracleConfig *config, const DpOracleMessage *m, char *buf, size_t size);
extern int	dp_oracle_compare(const void *a, const void *b);

/* oracle_resolve.c */
extern int	dp_oracle_read_back(const DpOracleConfig *config, DpOracleMessage *messages, int n,
								const int64_t *from);

#endif							/* DP_ORACLE_H */
