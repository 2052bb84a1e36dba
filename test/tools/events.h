/*-------------------------------------------------------------------------
 *
 * events.h
 *	  The shop whose events the demo shows, and bulk messages for benchmarks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_EVENTS_H
#define DP_EVENTS_H

#include "tool.h"

typedef enum DpShopTopic
{
	SHOP_CUSTOMERS,
	SHOP_ORDERS,
	SHOP_ORDER_ITEMS,
	SHOP_INVENTORY,
	SHOP_CLICKS,
	SHOP_TOPICS
} DpShopTopic;

/* why a message was sent, for the summary */
typedef enum DpShopKind
{
	KIND_NEW,
	KIND_UPDATE,
	KIND_LATE,
	KIND_DUPLICATE,
	KIND_MALFORMED,
	KIND_TOMBSTONE,
	SHOP_KINDS
} DpShopKind;

typedef struct DpEventsConfig
{
	const char *bootstrap;
	DpPairs		options;		/* -X */
	int64_t		seed;
	int64_t		count;			/* 0: no limit */
	double		rate;			/* messages a second; 0: as fast as possible */
	double		seconds;		/* 0: no limit */
	const char *prefix;			/* of topic names */
	int			partitions;		/* of topics to be made; 0: 4 */
	double		malformed;		/* share of messages */
	int			customers;
	int			products;
	bool		quiet;
	/* bulk */
	const char *shape;
	const char *topic;
	int			batch;			/* messages of a batch */
} DpEventsConfig;

extern int	dp_events_shop(DpEventsConfig *config);
extern int	dp_events_bulk(DpEventsConfig *config);

/* dp_events.c */
extern int	dp_events_topic(rd_kafka_t *rk, const char *topic, int partitions);

#endif							/* DP_EVENTS_H */
