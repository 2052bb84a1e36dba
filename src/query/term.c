/*-------------------------------------------------------------------------
 *
 * term.c
 *	  One summand of a level's images.
 *
 * For an inner join the images are delta(A) x ever(B) and ever(A) x delta(B),
 * and so on for more sides: a row that changed has at least one changed leaf.
 *
 * In an outer join the old and the new row may differ in whether the nullable
 * side was there at all.  So wherever the nullable side has changes, a term
 * yields each row twice: joined, and with that side NULL.  The flag that says
 * which is a column of a two-row relation joined in (a pad); above the join a
 * column of the nullable side reads CASE WHEN pad THEN NULL ELSE column END.
 * Where the changed leaf itself is on the nullable side the join becomes an
 * inner one, because only preserved rows that match it are concerned.
 *
 * Subqueries in expressions that changed are left out of the filter (a row
 * may qualify now and not then); a term of their own finds the rows that
 * match what changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "query/derive.h"

typedef struct Pad
{
	Relids		rels;			/* range table indexes that it makes NULL */
	Var		   *flag;
} Pad;

typedef struct Term
{
	DpDerive   *derive;
	Query	   *query;
	int			leaf;
	List	   *changed;		/* range table indexes */
	List	   *pads;
} Term;

typedef struct PadContext
{
	Term	   *term;
	Relids		skip;			/* pads over these do not concern us */
	int			levels;
} PadContext;


typedef struct SublinkContext
{
	DpDerive   *derive;
	List	   *found;
} SublinkContext;

static Node *shape_join(Term *term, Node *node, Relids used, Relids *rels, bool *has_leaf);
static Node *pad_mutator(Node *node, PadContext *context);

/* ---- what changed in a level ---- */

static void
collect_leaves(Node *node, List **leaves)
{
	ListCell   *lc;

	if (node == NULL)
		return;
	if (IsA(node, RangeTblRef))
		*leaves = lappend_int(*leaves, ((RangeTblRef *) node)->rtindex);
	else if (IsA(node, FromExpr))
	{
		foreach(lc, ((FromExpr *) node)->fromlist)
			collect_leaves(lfirst(lc), leaves);
	}
	else
	{
		collect_leaves(((JoinExpr *) node)->larg, leaves);
		collect_leaves(((JoinExpr *) node)->rarg, leaves);
	}
}

/* Range table indexes of all leaves of FROM. */
List *
dp_tree_leaves(const Query *level)
{
	List	   *leaves = NIL;

	if (level->jointree != NULL)
		collect_leaves((Node *) level->jointree, &leaves);
	return leaves;
}

/* Does a subquery look at what stands outside of it, however far? */
static bool
outside_walker(Node *node, int *levels)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return (int) ((Var *) node)->varlevelsup > *levels;
	if (IsA(node, Aggref) && (int) ((Aggref *) node)->agglevelsup > *levels)
		return true;
	if (IsA(node, Query))
	{
		bool		found;

		(*levels)++;
		found = query_tree_walker((Query *) node, outside_walker, levels, 0);
		(*levels)--;
		return found;
	}
	return expression_tree_walker(node, outside_walker, levels);
}

static bool
looks_outside(Query *subquery)
{
	int			levels = -1;

	return outside_walker((Node *) subquery, &levels);
}

/* Range table indexes of the leaves of FROM that have changes. */
List *
dp_changed_leaves(DpDerive *derive, const Query *level)
{
	List	   *leaves = dp_tree_leaves(level);
	List	   *changed = NIL;
	ListCell   *lc;

	foreach(lc, leaves)
	{
		RangeTblEntry *rte = rt_fetch(lfirst_int(lc), level->rtable);

		if (rte->rtekind == RTE_RELATION && dp_find_change(derive, rte->relid) != NULL)
			changed = lappend_int(changed, lfirst_int(lc));
		else if (rte->rtekind == RTE_SUBQUERY && dp_tree_changed(derive, (Node *) rte->subquery))
		{
			DpRows	   *images;

			if (looks_outside(rte->subquery))
			{
				derive->unknown = contain_vars_of_level((Node *) rte->subquery, 1) ? "a LATERAL subquery changed" :
					"a subquery in FROM that looks at other rows changed";
				return NIL;
			}
			images = dp_images(derive, rte->subquery);
			if (images == NULL)
				return NIL;
			if (images->n > 0)
				changed = lappend_int(changed, lfirst_int(lc));
		}
		else if (rte->rtekind != RTE_RELATION && rte->rtekind != RTE_SUBQUERY &&
				 (dp_tree_changed(derive, (Node *) rte->functions) ||
				  dp_tree_changed(derive, (Node *) rte->tablefunc) ||
				  dp_tree_changed(derive, (Node *) rte->values_lists)))
		{
			derive->unknown = "a subquery in an argument of a function in FROM changed";
			return NIL;
		}
	}
	return changed;
}

static bool
sublink_walker(Node *node, SublinkContext *context)
{
	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, SubLink) && dp_tree_changed(context->derive, ((SubLink *) node)->subselect))
		context->found = lappend(context->found, node);
	return expression_tree_walker(node, sublink_walker, context);
}

/* The subqueries in expressions of this level (SubLink) that changed. */
List *
dp_changed_sublinks(DpDerive *derive, const Query *level)
{
	SublinkContext context = {derive, NIL};

	(void) sublink_walker((Node *) level->targetList, &context);
	(void) sublink_walker((Node *) level->jointree, &context);
	(void) sublink_walker(level->havingQual, &context);
	return context.found;
}

/* ---- the filter without subqueries that changed ---- */

static Node *
keep_steady(DpDerive *derive, Node *quals)
{
	List	   *kept = NIL;
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) quals))
	{
		Node	   *qual = lfirst(lc);
		SublinkContext context = {derive, NIL};

		if (is_andclause(qual))
			qual = keep_steady(derive, qual);
		else
		{
			(void) sublink_walker(qual, &context);
			if (context.found != NIL)
				continue;
		}
		if (qual != NULL)
			kept = lappend(kept, qual);
	}
	return kept == NIL ? NULL : (Node *) make_ands_explicit(kept);
}

static bool
has_changed_sublink(DpDerive *derive, Node *quals)
{
	SublinkContext context = {derive, NIL};

	(void) sublink_walker(quals, &context);
	return context.found != NIL;
}

/* ---- outer joins ---- */

static Node *
apply_pads(Term *term, Node *node, Relids skip)
{
	PadContext	context = {term, skip, 0};

	return term->pads == NIL ? node : pad_mutator(node, &context);
}

static Node *
pad_mutator(Node *node, PadContext *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		Node	   *result = (Node *) copyObject(var);
		ListCell   *lc;

		if ((int) var->varlevelsup != context->levels)
			return result;
		foreach(lc, context->term->pads)
		{
			Pad		   *pad = lfirst(lc);
			CaseExpr   *choice;
			CaseWhen   *when;
			Var		   *flag;

			if (!bms_is_member(var->varno, pad->rels) ||
				(context->skip != NULL && bms_is_subset(context->skip, pad->rels)))
				continue;
			flag = copyObject(pad->flag);
			flag->varlevelsup = context->levels;
			when = makeNode(CaseWhen);
			when->expr = (Expr *) flag;
			when->result = (Expr *) makeNullConst(var->vartype, var->vartypmod, var->varcollid);
			when->location = -1;
			choice = makeNode(CaseExpr);
			choice->casetype = var->vartype;
			choice->casecollid = var->varcollid;
			choice->args = list_make1(when);
			choice->defresult = (Expr *) result;
			choice->location = -1;
			result = (Node *) choice;
		}
		return result;
	}
	if (IsA(node, Query))
	{
		Node	   *result;

		context->levels++;
		result = (Node *) query_tree_mutator((Query *) node, pad_mutator, context, 0);
		context->levels--;
		return result;
	}
	return expression_tree_mutator(node, pad_mutator, context);
}

/* Join the two-row relation to "join"; from here up it may make "rels" NULL. */
static Node *
add_pad(Term *term, Node *join, Relids rels)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	JoinExpr   *result = makeNode(JoinExpr);
	RangeTblRef *ref = makeNode(RangeTblRef);
	Pad		   *pad = palloc0(sizeof(Pad));

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = dp_tree_parse("SELECT v.p FROM (VALUES (false), (true)) AS v (p)", NULL);
	rte->eref = makeAlias("pad", list_make1(makeString(pstrdup("p"))));
	rte->inFromCl = true;
	term->query->rtable = lappend(term->query->rtable, rte);
	ref->rtindex = list_length(term->query->rtable);

	result->jointype = JOIN_INNER;
	result->larg = join;
	result->rarg = (Node *) ref;

	pad->rels = bms_copy(rels);
	pad->flag = makeVar(ref->rtindex, 1, BOOLOID, -1, InvalidOid, 0);
	term->pads = lappend(term->pads, pad);
	return (Node *) result;
}

/* The join may make NULL what was padded below it on its nullable side. */
static void
note_nulling(Term *term, Relids nullable, int rtindex)
{
	ListCell   *lc;

	foreach(lc, term->pads)
	{
		Pad		   *pad = lfirst(lc);

		if (bms_is_subset(pad->rels, nullable))
			dp_var_add_nulling(pad->flag, rtindex);
	}
}

typedef struct NullingContext
{
	Relids		rels;
	int			rtindex;
	int			levels;
} NullingContext;

static bool
drop_nulling_walker(Node *node, NullingContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if ((int) var->varlevelsup == context->levels && bms_is_member(var->varno, context->rels))
			dp_var_drop_nulling(var, context->rtindex);
		return false;
	}
	if (IsA(node, Query))
	{
		bool		result;

		context->levels++;
		result = query_tree_walker((Query *) node, drop_nulling_walker, context, 0);
		context->levels--;
		return result;
	}
	return expression_tree_walker(node, drop_nulling_walker, context);
}

/* "join" does not make "rels" NULL any more. */
static void
retype_join(Term *term, JoinExpr *join, JoinType type, Relids rels)
{
	NullingContext context = {rels, join->rtindex, -1};

	join->jointype = type;
	if (join->rtindex == 0)
		return;
	rt_fetch(join->rtindex, term->query->rtable)->jointype = type;
	(void) drop_nulling_walker((Node *) term->query, &context);
}

static bool
side_changed(const Term *term, Relids rels)
{
	ListCell   *lc;

	foreach(lc, term->changed)
	{
		if (bms_is_member(lfirst_int(lc), rels))
			return true;
	}
	return false;
}

/* Shape an outer join whose sides are done; see the top of the file. */
static Node *
shape_outer(Term *term, JoinExpr *join, Relids used, Relids left, bool leaf_left,
			Relids right, bool leaf_right)
{
	bool		left_nullable = join->jointype == JOIN_RIGHT || join->jointype == JOIN_FULL;
	bool		right_nullable = join->jointype == JOIN_LEFT || join->jointype == JOIN_FULL;
	bool		full = join->jointype == JOIN_FULL;
	bool		changed = side_changed(term, left) || side_changed(term, right);
	bool		pad_left = left_nullable && (full ? changed : side_changed(term, left)) && bms_overlap(left, used);
	bool		pad_right = right_nullable && (full ? changed : side_changed(term, right)) && bms_overlap(right, used);
	Node	   *result = (Node *) join;

	if (full && leaf_left)
		retype_join(term, join, JOIN_LEFT, left);
	else if (full && leaf_right)
		retype_join(term, join, JOIN_RIGHT, right);
	else if (!full && ((left_nullable && leaf_left) || (right_nullable && leaf_right)))
		retype_join(term, join, JOIN_INNER, bms_union(left, right));
	if (join->jointype == JOIN_LEFT || join->jointype == JOIN_FULL)
		note_nulling(term, right, join->rtindex);
	if (join->jointype == JOIN_RIGHT || join->jointype == JOIN_FULL)
		note_nulling(term, left, join->rtindex);
	if (pad_left)
		result = add_pad(term, result, left);
	if (pad_right)
		result = add_pad(term, result, right);
	return result;
}

/*
 * Shape the join below "node", from the leaves up.  "used" are the entries
 * that expressions above refer to.  Returns the node that takes its place.
 */
static Node *
shape_join(Term *term, Node *node, Relids used, Relids *rels, bool *has_leaf)
{
	JoinExpr   *join;
	Relids		below;
	Relids		left = NULL;
	Relids		right = NULL;
	bool		leaf_left = false;
	bool		leaf_right = false;

	if (IsA(node, RangeTblRef))
	{
		*rels = bms_make_singleton(((RangeTblRef *) node)->rtindex);
		*has_leaf = ((RangeTblRef *) node)->rtindex == term->leaf;
		return node;
	}
	if (IsA(node, FromExpr))
	{
		FromExpr   *from = (FromExpr *) node;
		ListCell   *lc;

		used = bms_union(used, pull_varnos(NULL, from->quals));
		foreach(lc, from->fromlist)
		{
			Relids		some = NULL;
			bool		leaf = false;

			lfirst(lc) = shape_join(term, lfirst(lc), used, &some, &leaf);
			*rels = bms_union(*rels, some);
			*has_leaf |= leaf;
		}
		from->quals = apply_pads(term, from->quals, NULL);
		return node;
	}

	join = castNode(JoinExpr, node);
	below = bms_union(used, pull_varnos(NULL, join->quals));
	join->larg = shape_join(term, join->larg, below, &left, &leaf_left);
	join->rarg = shape_join(term, join->rarg, below, &right, &leaf_right);
	join->quals = apply_pads(term, join->quals, NULL);
	*rels = bms_union(left, right);
	*has_leaf = leaf_left || leaf_right;
	if (join->jointype == JOIN_INNER)
	{
		join->quals = keep_steady(term->derive, join->quals);
		return node;
	}
	if (has_changed_sublink(term->derive, join->quals))
		term->derive->unknown = "a subquery in the ON of an outer join changed";
	return shape_outer(term, join, used, left, leaf_left, right, leaf_right);
}

/* Functions and subqueries in FROM that look at their neighbours see the pads, too. */
static void
pad_laterals(Term *term)
{
	int			rtindex = 0;
	ListCell   *lc;

	foreach(lc, term->query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		Relids		self = bms_make_singleton(++rtindex);
		PadContext	context = {term, self, 0};

		if (!rte->lateral)
			continue;
		if (rte->rtekind == RTE_FUNCTION)
			rte->functions = (List *) pad_mutator((Node *) rte->functions, &context);
		else if (rte->rtekind == RTE_TABLEFUNC)
			rte->tablefunc = (TableFunc *) pad_mutator((Node *) rte->tablefunc, &context);
		else if (rte->rtekind == RTE_VALUES)
			rte->values_lists = (List *) pad_mutator((Node *) rte->values_lists, &context);
		else if (rte->rtekind == RTE_SUBQUERY)
			rte->subquery = (Query *) pad_mutator((Node *) rte->subquery, &context);
	}
}

static Relids
lateral_used(const Query *query)
{
	Relids		used = NULL;
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (!rte->lateral)
			continue;
		used = bms_union(used, pull_varnos(NULL, (Node *) rte->functions));
		used = bms_union(used, pull_varnos(NULL, (Node *) rte->tablefunc));
		used = bms_union(used, pull_varnos(NULL, (Node *) rte->values_lists));
		if (rte->rtekind == RTE_SUBQUERY)
			used = bms_union(used, pull_varnos_of_level(NULL, (Node *) rte->subquery, 1));
	}
	return used;
}

/* ---- the whole term ---- */

/* Leave only FROM, WHERE and the wanted columns. */
static Query *
strip_level(const Query *level, Node *condition, List *exprs)
{
	Query	   *query = copyObject(unconstify(Query *, level));
	ListCell   *lc;
	List	   *targets = NIL;

	foreach(lc, exprs)
	{
		int			resno = list_length(targets) + 1;

		targets = lappend(targets, makeTargetEntry(copyObject(lfirst(lc)), resno,
												   psprintf("c%d", resno), false));
	}
	query->targetList = targets;
	query->groupClause = NIL;
	query->groupingSets = NIL;
	query->groupDistinct = false;
	query->havingQual = NULL;
	query->windowClause = NIL;
	query->distinctClause = NIL;
	query->hasDistinctOn = false;
	query->sortClause = NIL;
	query->limitCount = NULL;
	query->limitOffset = NULL;
	query->hasAggs = false;
	query->hasWindowFuncs = false;
	query->hasTargetSRFs = expression_returns_set((Node *) targets);
	if (condition != NULL)
		query->jointree->quals = make_and_qual(query->jointree->quals, copyObject(condition));
	return query;
}

Query *
dp_term(DpDerive *derive, const Query *level, int leaf, Node *condition, List *exprs)
{
	Term		term = {derive, NULL, leaf, NIL, NIL};
	Query	   *bare = copyObject(unconstify(Query *, level));
	Relids		rels = NULL;
	bool		has_leaf = false;
	ListCell   *lc;

	term.changed = dp_changed_leaves(derive, level);
	bare->jointree->quals = keep_steady(derive, bare->jointree->quals);
	term.query = strip_level(bare, condition, exprs);
	foreach(lc, term.changed)
	{
		int			rtindex = lfirst_int(lc);
		RangeTblEntry *rte = rt_fetch(rtindex, term.query->rtable);

		if (rte->rtekind == RTE_RELATION)
			(void) dp_substitute(derive, term.query, rte, rtindex == leaf ? DP_FORM_DELTA : DP_FORM_EVER);
		else
			dp_substitute_rows(derive, rte, dp_images(derive, rt_fetch(rtindex, level->rtable)->subquery),
							   rtindex != leaf);
	}
	term.query->jointree = (FromExpr *)
		shape_join(&term, (Node *) term.query->jointree,
				   bms_union(pull_varnos(NULL, (Node *) term.query->targetList), lateral_used(term.query)),
				   &rels, &has_leaf);
	term.query->targetList = (List *) apply_pads(&term, (Node *) term.query->targetList, NULL);
	if (term.pads != NIL)
		pad_laterals(&term);
	term.query->hasSubLinks = checkExprHasSubLink((Node *) term.query);
	return term.query;
}
