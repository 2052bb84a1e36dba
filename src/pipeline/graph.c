/*-------------------------------------------------------------------------
 *
 * graph.c
 *	  The pipelines that workers look after, and what must run together.
 *
 * Two pipelines are connected when one reads the other's target, when both
 * read one table whose changes trigger them, or when one depends on the
 * other by its definition; and when they are due at the same times.  What is
 * connected is a component: it runs in one transaction, in an order in which
 * each comes after what it reads, so that every snapshot of a reader shows
 * the targets of one component as of one moment.
 *
 * Pipelines with different schedules are in different components: each reads
 * what the others have committed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pipeline/graph.h"

#define NODES_QUERY \
	"SELECT p.pipeline_id, p.name, p.schedule, p.target_lag, pg_catalog.to_regclass(p.target)::pg_catalog.oid, p.retry," \
	" coalesce(s.filled AND s.rebuild_reason IS NULL AND b.pipeline IS NULL, false), coalesce(s.consecutive_failures, 0), s.next_run_at, p.depends_on," \
	" coalesce(s.circuit <> 'closed', false)," \
	" CASE p.emit WHEN 'close' THEN dataplat_internal.next_window_close(p.name) END" \
	" FROM dataplat.pipeline AS p LEFT JOIN dataplat_internal.pipeline_state AS s ON s.pipeline = p.name" \
	" LEFT JOIN dataplat_internal.pipeline_rebuild AS b ON b.pipeline = p.name" \
	" WHERE NOT p.paused AND p.mode <> 'view' AND (p.schedule <> 'manual' OR b.pipeline IS NOT NULL) ORDER BY p.pipeline_id"

#define INPUTS_QUERY \
	"SELECT r.pipeline, pg_catalog.to_regclass(r.relation)::pg_catalog.oid, r.role" \
	" FROM dataplat_internal.pipeline_relation AS r WHERE pg_catalog.to_regclass(r.relation) IS NOT NULL"

/* One line of INPUTS_QUERY. */
typedef struct Input
{
	int			node;
	Oid			relid;
	bool		lookup;
	bool		bronze;
} Input;

typedef struct Builder
{
	DpGraph    *graph;
	int			ninputs;
	Input	   *inputs;
	List	  **depends;		/* of each node: names */
} Builder;

static Datum
column(int row, int col, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, isnull);
}

static char *
text_column(int row, int col)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col);
}

static void
read_schedule(DpNode *node, const Interval *lag)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		dp_schedule_parse(node->schedule_text, lag, &node->schedule);
	}
	PG_CATCH();
	{
		/* parsing a text leaves nothing behind but the error */
		ErrorData  *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		node->schedule.kind = DP_MANUAL;
		node->schedule_error = edata->message;
	}
	PG_END_TRY();
}

static List *
read_names(Datum array)
{
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	List	   *names = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			names = lappend(names, TextDatumGetCString(elems[i]));
	}
	return names;
}

static void
read_nodes(Builder *b)
{
	DpGraph    *graph = b->graph;
	MemoryContext spi;

	if (SPI_execute(NODES_QUERY, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the pipelines");
	spi = MemoryContextSwitchTo(graph->context);
	graph->nnodes = (int) SPI_processed;
	graph->nodes = palloc0(sizeof(DpNode) * Max(graph->nnodes, 1));
	b->depends = palloc0(sizeof(List *) * Max(graph->nnodes, 1));
	for (int i = 0; i < graph->nnodes; i++)
	{
		DpNode	   *node = &graph->nodes[i];
		bool		isnull;
		Datum		d;

		node->id = DatumGetInt32(column(i, 1, &isnull));
		node->name = text_column(i, 2);
		node->schedule_text = text_column(i, 3);
		d = column(i, 4, &isnull);
		read_schedule(node, isnull ? NULL : DatumGetIntervalP(d));
		d = column(i, 5, &isnull);
		node->target = isnull ? InvalidOid : DatumGetObjectId(d);
		d = column(i, 6, &isnull);
		dp_retry_read(isnull ? NULL : DatumGetJsonbP(d), &node->retry);
		node->filled = DatumGetBool(column(i, 7, &isnull));
		node->failures = DatumGetInt32(column(i, 8, &isnull));
		d = column(i, 9, &isnull);
		node->next_run_at = isnull ? 0 : DatumGetTimestampTz(d);
		if (node->next_run_at == 0 && node->schedule.kind == DP_CRON)
			node->next_run_at = dp_schedule_next(&node->schedule, GetCurrentTimestamp());
		b->depends[i] = read_names(column(i, 10, &isnull));
		node->circuit_open = DatumGetBool(column(i, 11, &isnull));
		d = column(i, 12, &isnull);
		node->closes_at = isnull ? 0 : DatumGetTimestampTz(d);
		node->component = i;
	}
	MemoryContextSwitchTo(spi);
}

static int
find_node(DpGraph *graph, const char *name)
{
	for (int i = 0; i < graph->nnodes; i++)
	{
		if (strcmp(graph->nodes[i].name, name) == 0)
			return i;
	}
	return -1;
}

static void
read_inputs(Builder *b)
{
	DpGraph    *graph = b->graph;
	MemoryContext spi;

	if (SPI_execute(INPUTS_QUERY, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the inputs of the pipelines");
	spi = MemoryContextSwitchTo(graph->context);
	b->inputs = palloc(sizeof(Input) * Max(SPI_processed, 1));
	for (int i = 0; i < (int) SPI_processed; i++)
	{
		bool		isnull;
		Input	   *input = &b->inputs[b->ninputs];
		char	   *role = text_column(i, 3);

		input->node = find_node(graph, text_column(i, 1));
		if (input->node < 0)
			continue;
		input->relid = DatumGetObjectId(column(i, 2, &isnull));
		input->lookup = strcmp(role, "lookup") == 0;
		input->bronze = strcmp(role, "bronze") == 0;
		if (!input->lookup)
			graph->nodes[input->node].ninputs++;
		b->ninputs++;
	}
	for (int i = 0; i < graph->nnodes; i++)
	{
		graph->nodes[i].inputs = palloc(sizeof(Oid) * Max(graph->nodes[i].ninputs, 1));
		graph->nodes[i].ninputs = 0;
	}
	for (int i = 0; i < b->ninputs; i++)
	{
		DpNode	   *node = &graph->nodes[b->inputs[i].node];

		if (!b->inputs[i].lookup)
			node->inputs[node->ninputs++] = b->inputs[i].relid;
		if (b->inputs[i].bronze && node->nbronze < DP_WAKE_BRONZE)
			node->bronze[node->nbronze++] = b->inputs[i].relid;
	}
	MemoryContextSwitchTo(spi);
}

/* ---- components ---- */

/* The first node of the component, while they are being joined. */
static int
root(DpGraph *graph, int node)
{
	while (graph->nodes[node].component != node)
		node = graph->nodes[node].component;
	return node;
}

/* Only what is due at the same times can run together. */
static void
join(DpGraph *graph, int a, int b)
{
	const DpNode *x = &graph->nodes[a];
	const DpNode *y = &graph->nodes[b];

	if (x->schedule.kind != y->schedule.kind)
		return;
	if ((x->schedule.kind == DP_EVERY || x->schedule.kind == DP_CRON) &&
		strcmp(x->schedule_text, y->schedule_text) != 0)
		return;
	a = root(graph, a);
	b = root(graph, b);
	graph->nodes[Max(a, b)].component = Min(a, b);
}

static void
add_parent(DpGraph *graph, int child, int parent, bool connect)
{
	if (child == parent)
		return;
	graph->nodes[child].parents = bms_add_member(graph->nodes[child].parents, parent);
	if (connect)
		join(graph, child, parent);
}

static void
connect_nodes(Builder *b)
{
	DpGraph    *graph = b->graph;

	for (int i = 0; i < b->ninputs; i++)
	{
		const Input *input = &b->inputs[i];

		for (int n = 0; n < graph->nnodes; n++)
		{
			if (graph->nodes[n].target == input->relid)
				add_parent(graph, input->node, n, !input->lookup);
		}
		for (int j = i + 1; j < b->ninputs && !input->lookup; j++)
		{
			if (b->inputs[j].relid == input->relid && !b->inputs[j].lookup)
				join(graph, input->node, b->inputs[j].node);
		}
	}
	for (int i = 0; i < graph->nnodes; i++)
	{
		ListCell   *lc;

		foreach(lc, b->depends[i])
		{
			int			parent = find_node(graph, lfirst(lc));

			if (parent >= 0)
				add_parent(graph, i, parent, true);
		}
	}
}

/*
 * Put the nodes of a component in order: each after its parents.  Cycles are
 * refused when a pipeline is made; should there be one all the same, it is
 * cut at the smallest id.
 */
static void
order_component(DpGraph *graph, DpComponent *c)
{
	Bitmapset  *left = NULL;
	int			n = 0;

	for (int i = 0; i < c->nnodes; i++)
		left = bms_add_member(left, c->nodes[i]);
	while (n < c->nnodes)
	{
		int			pick = -1;
		int			node = -1;

		while ((node = bms_next_member(left, node)) >= 0 && pick < 0)
		{
			if (!bms_overlap(graph->nodes[node].parents, left))
				pick = node;
		}
		if (pick < 0)
			pick = bms_next_member(left, -1);
		c->nodes[n++] = pick;
		left = bms_del_member(left, pick);
	}
}

static void
make_components(DpGraph *graph)
{
	int		   *number = palloc(sizeof(int) * Max(graph->nnodes, 1));

	graph->components = palloc0(sizeof(DpComponent) * Max(graph->nnodes, 1));
	for (int i = 0; i < graph->nnodes; i++)
	{
		int			r = root(graph, i);
		DpComponent *c;

		if (r == i)
			number[i] = graph->ncomponents++;
		c = &graph->components[number[r]];
		if (c->nodes == NULL)
		{
			/* nodes come by ascending id */
			c->key = graph->nodes[i].id;
			c->nodes = palloc(sizeof(int) * graph->nnodes);
		}
		c->nodes[c->nnodes++] = i;
	}
	for (int i = 0; i < graph->nnodes; i++)
		number[i] = number[root(graph, i)];
	for (int i = 0; i < graph->nnodes; i++)
		graph->nodes[i].component = number[i];
	for (int i = 0; i < graph->ncomponents; i++)
		order_component(graph, &graph->components[i]);
}

static void
attach_entries(DpGraph *graph)
{
	int32	   *ids = palloc(sizeof(int32) * Max(graph->nnodes, 1));

	for (int i = 0; i < graph->nnodes; i++)
		ids[i] = graph->nodes[i].id;
	dp_wake_keep(ids, graph->nnodes);
	for (int i = 0; i < graph->nnodes; i++)
		graph->nodes[i].entry = dp_wake_entry(graph->nodes[i].id);
	for (int i = 0; i < graph->ncomponents; i++)
	{
		/* the key is the first node's id, and its entry stands for all */
		for (int n = 0; n < graph->components[i].nnodes; n++)
		{
			DpNode	   *node = &graph->nodes[graph->components[i].nodes[n]];

			if (node->id == graph->components[i].key)
				graph->components[i].entry = node->entry;
		}
	}
	pfree(ids);
}

DpGraph *
dp_graph_load(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dataplat pipeline graph",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	Builder		b = {0};

	b.graph = MemoryContextAllocZero(context, sizeof(DpGraph));
	b.graph->context = context;
	SPI_connect();
	read_nodes(&b);
	read_inputs(&b);
	SPI_finish();
	old = MemoryContextSwitchTo(context);
	connect_nodes(&b);
	make_components(b.graph);
	attach_entries(b.graph);
	MemoryContextSwitchTo(old);
	return b.graph;
}

void
dp_graph_free(DpGraph *graph)
{
	if (graph)
		MemoryContextDelete(graph->context);
}
