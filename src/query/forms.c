/*-------------------------------------------------------------------------
 *
 * forms.c
 *	  A relation, its changed rows, its rows ever, its rows as they were.
 *
 * A form is a subquery with the relation's own columns in their own places,
 * so that the rest of the tree need not know.  Columns that the query does
 * not use are NULL in it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/sysattr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/derive.h"

typedef struct PastContext
{
	DpDerive   *derive;
	bool		failed;
} PastContext;

static bool changed_walker(Node *node, const DpDerive *derive);
static bool past_walker(Node *node, PastContext *context);

const DpChange *
dp_find_change(const DpDerive *derive, Oid relid)
{
	ListCell   *lc;

	foreach(lc, derive->changes)
	{
		DpChange   *change = lfirst(lc);

		if (change->relid == relid)
			return change;
	}
	return NULL;
}

bool
dp_tree_changed(const DpDerive *derive, Node *node)
{
	return changed_walker(node, derive);
}

static bool
changed_walker(Node *node, const DpDerive *derive)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		return rte->rtekind == RTE_RELATION && dp_find_change(derive, rte->relid) != NULL;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, changed_walker, (void *) derive, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, changed_walker, (void *) derive);
}

static bool
is_used(const DpDerive *derive, const DpChange *change, AttrNumber attno)
{
	const DpQueryInput *input = dp_query_input(derive->query, change->relid);

	return input->whole_row ||
		bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, input->columns);
}

/* "a", NULL::text AS "b", ...: all columns in their places, or only those used. */
static char *
column_list(const DpDerive *derive, const DpChange *change, bool used_only)
{
	StringInfoData text;
	const char *comma = "";

	initStringInfo(&text);
	for (int i = 0; i < change->desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(change->desc, i);
		bool		used = !attr->attisdropped && is_used(derive, change, attr->attnum);

		if (used_only && !used)
			continue;
		appendStringInfoString(&text, comma);
		if (attr->attisdropped)
			appendStringInfoString(&text, "NULL::pg_catalog.int4");
		else if (used)
			appendStringInfoString(&text, quote_identifier(NameStr(attr->attname)));
		else
			appendStringInfo(&text, "NULL::%s AS %s", dp_type_text(attr->atttypid, attr->atttypmod),
							 quote_identifier(NameStr(attr->attname)));
		comma = ", ";
	}
	return text.data;
}

static char *
equality(const DpChange *change, AttrNumber attno)
{
	Form_pg_attribute attr = TupleDescAttr(change->desc, attno - 1);
	Oid			op = lookup_type_cache(attr->atttypid, TYPECACHE_EQ_OPR)->eq_opr;
	const char *name = quote_identifier(NameStr(attr->attname));

	if (!OidIsValid(op))
		return NULL;
	return psprintf("n.%s OPERATOR(%s.%s) t.%s", name,
					quote_identifier(get_namespace_name(dp_operator_namespace(op))),
					get_opname(op), name);
}

/* Can rows be compared by the columns that are used? */
static bool
used_columns_compare(const DpDerive *derive, const DpChange *change)
{
	for (int i = 0; i < change->desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(change->desc, i);
		TypeCacheEntry *type;

		if (attr->attisdropped || !is_used(derive, change, attr->attnum))
			continue;
		type = lookup_type_cache(attr->atttypid, TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR);
		if (!OidIsValid(type->eq_opr) || !OidIsValid(type->lt_opr))
			return false;
	}
	return true;
}

/*
 * Values of some types are equal and look different (1.0 and 1.00): these
 * columns are compared as text, too.
 */
static char *
look_list(const DpDerive *derive, const DpChange *change)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < change->desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(change->desc, i);
		TypeCacheEntry *type;
		Oid			look;

		if (attr->attisdropped || !is_used(derive, change, attr->attnum))
			continue;
		type = lookup_type_cache(attr->atttypid, TYPECACHE_BTREE_OPFAMILY);
		look = get_opfamily_proc(type->btree_opf, type->btree_opintype, type->btree_opintype, BTEQUALIMAGE_PROC);
		if (!OidIsValid(look) ||
			!DatumGetBool(OidFunctionCall1Coll(look, attr->attcollation, ObjectIdGetDatum(type->btree_opintype))))
			appendStringInfo(&text, ", %s::pg_catalog.text AS \"dataplat look %d\"", quote_identifier(NameStr(attr->attname)), i);
	}
	return text.data;
}

/*
 * The present rows that were there in the past: all but the new images.
 * With a key those are told by the key; without one, as multisets.
 */
static char *
survivors(const DpDerive *derive, const DpChange *change, const char *source)
{
	StringInfoData text;
	const char *and = "";
	ListCell   *lc;
	char	   *used;
	char	   *looks;

	initStringInfo(&text);
	if (change->nnew == 0)
		return psprintf("SELECT %s FROM %s", column_list(derive, change, false), source);
	if (change->identity != NIL)
	{
		appendStringInfo(&text, "SELECT %s FROM %s AS t WHERE NOT EXISTS (SELECT FROM %s AS n WHERE ",
						 column_list(derive, change, false), source, change->new_name);
		foreach(lc, change->identity)
		{
			char	   *same = equality(change, lfirst_int(lc));

			if (same == NULL)
				return NULL;
			appendStringInfo(&text, "%s%s", and, same);
			and = " AND ";
		}
		appendStringInfoChar(&text, ')');
		return text.data;
	}
	if (!used_columns_compare(derive, change))
		return NULL;
	used = column_list(derive, change, true);
	looks = look_list(derive, change);
	appendStringInfo(&text, "SELECT %s FROM (SELECT %s%s FROM %s EXCEPT ALL SELECT %s%s FROM %s) AS t",
					 column_list(derive, change, false), used, looks, source, used, looks, change->new_name);
	return text.data;
}

static char *
form_text(const DpDerive *derive, const DpChange *change, DpForm form, const char *source)
{
	char	   *columns = column_list(derive, change, false);
	char	   *base = NULL;

	if (form == DP_FORM_NEW || form == DP_FORM_OLD)
		return psprintf("SELECT %s FROM %s", columns, form == DP_FORM_NEW ? change->new_name : change->old_name);
	if (form == DP_FORM_DELTA)
	{
		if (change->nnew > 0 || change->nold == 0)
			base = psprintf("SELECT %s FROM %s", columns, change->new_name);
	}
	else if (form == DP_FORM_EVER)
		base = psprintf("SELECT %s FROM %s", columns, source);
	else
	{
		base = survivors(derive, change, source);
		if (base == NULL)
			return NULL;
	}
	if (change->nold == 0)
		return base;
	return psprintf("%s%sSELECT %s FROM %s", base ? base : "", base ? " UNION ALL " : "",
					columns, change->old_name);
}

/* The relation in the new subquery is read with the rights that the old entry had. */
static bool
keep_user_walker(Node *node, Oid *user)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_RELATION)
				dp_rte_set_user(query, rte, *user);
		}
		return query_tree_walker(query, keep_user_walker, user, 0);
	}
	return expression_tree_walker(node, keep_user_walker, user);
}

static void
become_subquery(RangeTblEntry *rte, Query *subquery)
{
	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = subquery;
	rte->security_barrier = false;
	dp_rte_forget_relation(rte);
}

bool
dp_substitute(DpDerive *derive, Query *query, RangeTblEntry *rte, DpForm form)
{
	const DpChange *change = dp_find_change(derive, rte->relid);
	Oid			user = dp_rte_get_user(query, rte);
	char	   *source = psprintf("%s%s", rte->inh ? "" : "ONLY ", dp_relation_text(rte->relid));
	char	   *text;
	Query	   *subquery;

	if (form == DP_FORM_EVER && change->nold == 0)
		return true;
	text = form_text(derive, change, form, source);
	if (text == NULL)
		return false;
	subquery = dp_tree_parse(text, derive->env);
	if (OidIsValid(user))
		(void) keep_user_walker((Node *) subquery, &user);
	become_subquery(rte, subquery);
	return true;
}

/* The same for a subquery whose images are known. */
void
dp_substitute_rows(DpDerive *derive, RangeTblEntry *rte, const DpRows *rows, bool and_present)
{
	Query	   *query;

	if (!and_present)
	{
		rte->subquery = dp_tree_parse(psprintf("SELECT * FROM %s", rows->name), derive->env);
		return;
	}
	query = dp_tree_parse(psprintf("SELECT * FROM %s UNION ALL SELECT * FROM %s", rows->name, rows->name),
						  derive->env);
	linitial_node(RangeTblEntry, query->rtable)->subquery = rte->subquery;
	rte->subquery = query;
}

Query *
dp_past_tree(DpDerive *derive, const Query *tree)
{
	Query	   *copy = copyObject(unconstify(Query *, tree));
	PastContext context = {derive, false};

	(void) past_walker((Node *) copy, &context);
	return context.failed ? NULL : copy;
}

static bool
past_walker(Node *node, PastContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		/* The inner levels first: what is put in here is not looked at again. */
		if (query_tree_walker(query, past_walker, context, 0))
			return true;
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_RELATION &&
				dp_find_change(context->derive, rte->relid) != NULL &&
				!dp_substitute(context->derive, query, rte, DP_FORM_PAST))
			{
				context->failed = true;
				return true;
			}
		}
		return false;
	}
	return expression_tree_walker(node, past_walker, context);
}
