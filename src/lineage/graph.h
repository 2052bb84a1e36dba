/*-------------------------------------------------------------------------
 *
 * graph.h
 *	  The graph that is made of all lineage, kept fresh.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_LINEAGE_GRAPH_H
#define DP_LINEAGE_GRAPH_H

/* For _PG_init, after the launcher's. */
extern void dp_lineage_graph_init(void);

#endif							/* DP_LINEAGE_GRAPH_H */
