/*-------------------------------------------------------------------------
 *
 * writer_int.h
 *	  What the files of the writer know of each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PIPELINE_WRITER_INT_H
#define DP_PIPELINE_WRITER_INT_H

#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "common/compat.h"
#include "pipeline/key.h"
#include "pipeline/writer.h"

typedef struct DpHeapWriter DpHeapWriter;
typedef struct DpSqlWriter DpSqlWriter;

/* Where the value of a target column comes from. */
typedef struct DpWriterColumn
{
	AttrNumber	from;			/* column of the row; 0: the row has none */
	ExprState  *cast;			/* assignment cast, when one is needed */
	ExprState  *initial;		/* default for new rows; NULL: none */
} DpWriterColumn;

struct DpWriter
{
	MemoryContext context;
	Relation	rel;
	EState	   *estate;			/* casts, defaults, checks, index expressions */
	const char *sql_reason;		/* why it goes through SQL; NULL: below the executor */
	DpKey	   *key;			/* in the target's columns; NULL: append only */
	DpWriterColumn *columns;	/* one for each column of the target */
	DpWriterDecide decide;
	void	   *decide_arg;
	TupleTableSlot *incoming;	/* the row in the target's columns */
	DpWriteCounts counts;
	bool		remove_rest;	/* by SQL, when it is closed */
	DpHeapWriter *heap;
	DpSqlWriter *sql;
};

/* What a row shall do. */
typedef enum DpWriteKind
{
	DP_WRITE_PUT,
	DP_WRITE_REMOVE,
	DP_WRITE_APPEND
} DpWriteKind;

/* ---- writer_leaf.c ---- */
typedef struct DpLeaf DpLeaf;

/* Rows of one key that are told; of a unique key there is rarely more than one. */
#define DP_LEAF_TIDS 8

extern DpLeaf *dp_leaf_open(Relation heap, Relation index);
extern int	dp_leaf_find(DpLeaf *leaf, const ScanKeyData *scankeys, ItemPointerData *tids);
extern void dp_leaf_close(DpLeaf *leaf);

/* writer_heap.c */
extern Oid	dp_heap_writer_index(Relation rel, DpKey *key);
extern void dp_heap_writer_open(DpWriter *writer, Oid index);
extern void dp_heap_writer_write(DpWriter *writer, DpWriteKind kind, int64 tag);
extern void dp_heap_writer_remove_rest(DpWriter *writer);
extern void dp_heap_writer_close(DpWriter *writer);

/* writer_sql.c */
extern void dp_sql_writer_open(DpWriter *writer);
extern void dp_sql_writer_write(DpWriter *writer, DpWriteKind kind, int64 tag);
extern void dp_sql_writer_close(DpWriter *writer);

/* writer.c */
pg_noreturn extern void dp_writer_error_twice(DpWriter *writer, TupleTableSlot *row);
pg_noreturn extern void dp_writer_error_concurrent(DpWriter *writer);

#endif							/* DP_PIPELINE_WRITER_INT_H */
