/*-------------------------------------------------------------------------
 *
 * field.c
 *	  Fields of JSON documents are read without a detour by text.
 *
 * Silver is mostly (value ->> 'id')::bigint and its like.  PostgreSQL makes a
 * text of the member, a C string of the text and a number of the string, and takes
 * the document from its compressed form for each column anew.  Once the plan
 * is made, such an expression becomes one call of json_field(), which knows
 * the type that is wanted (field_read.c) and remembers the document
 * (document.c).  It is evaluated where and when the expression would have
 * been, so what is not reached under CASE, AND or COALESCE cannot fail.
 *
 * The plan and not the tree is changed, so that the planner still meets the
 * operators that it knows, and the indexes over them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "common/compat.h"
#include "query/field.h"

/* Deeper ones are left to PostgreSQL. */
#define MAX_STEPS 16

/* doc -> 'a' -> 0 ->> 'b', or doc #>> '{a,b}' */
typedef struct FieldPath
{
	Expr	   *document;
	bool		as_text;
	int			nsteps;
	Datum		steps[MAX_STEPS];	/* text */
	char		kinds[MAX_STEPS + 1];
} FieldPath;

typedef struct FieldContext
{
	Oid			function;
	List	  **documents;		/* expressions that were met, in the order of their numbers */
} FieldContext;

Oid
dp_field_function(void)
{
	Oid			types[4] = {JSONBOID, TEXTARRAYOID, TEXTOID, INT4OID};
	Oid			schema = get_namespace_oid("dataplat_internal", true);
	/* not by its name as SQL would: who owns a pipeline need not have rights on the schema */
	Oid			function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("json_field"),
										   PointerGetDatum(buildoidvector(types, 4)), ObjectIdGetDatum(schema));

	if (!OidIsValid(function) ||
		dp_object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE) != ACLCHECK_OK)
		return InvalidOid;
	return function;
}

static bool
add_step(FieldPath *path, char kind, Datum step)
{
	if (path->nsteps == MAX_STEPS)
		return false;
	path->kinds[path->nsteps] = kind;
	path->steps[path->nsteps++] = step;
	path->kinds[path->nsteps] = '\0';
	return true;
}

/* All steps of a #> */
static bool
add_path(FieldPath *path, ArrayType *array)
{
	Datum	   *steps;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &steps, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i] || !add_step(path, DP_STEP_PATH, steps[i]))
			return false;
	}
	return n > 0;
}

static Oid
called_function(Node *node, List **args)
{
	if (IsA(node, OpExpr))
	{
		*args = ((OpExpr *) node)->args;
		return ((OpExpr *) node)->opfuncid;
	}
	if (IsA(node, FuncExpr))
	{
		*args = ((FuncExpr *) node)->args;
		return ((FuncExpr *) node)->funcid;
	}
	return InvalidOid;
}

/* Does the node read a field whose place does not change from row to row? */
static bool
read_path(Node *node, FieldPath *path)
{
	List	   *args = NIL;
	Oid			function = called_function(node, &args);
	Const	   *step;

	switch (function)
	{
		case F_JSONB_OBJECT_FIELD:
		case F_JSONB_OBJECT_FIELD_TEXT:
		case F_JSONB_ARRAY_ELEMENT:
		case F_JSONB_ARRAY_ELEMENT_TEXT:
		case F_JSONB_EXTRACT_PATH:
		case F_JSONB_EXTRACT_PATH_TEXT:
			break;
		default:
			return false;
	}
	step = lsecond(args);
	if (!IsA(step, Const) || step->constisnull)
		return false;
	if (!read_path(linitial(args), path))
	{
		path->nsteps = 0;
		path->document = linitial(args);
	}
	path->as_text = function == F_JSONB_OBJECT_FIELD_TEXT || function == F_JSONB_ARRAY_ELEMENT_TEXT ||
		function == F_JSONB_EXTRACT_PATH_TEXT;
	switch (function)
	{
		case F_JSONB_OBJECT_FIELD:
		case F_JSONB_OBJECT_FIELD_TEXT:
			return add_step(path, DP_STEP_KEY, step->constvalue);
		case F_JSONB_ARRAY_ELEMENT:
		case F_JSONB_ARRAY_ELEMENT_TEXT:
			return add_step(path, DP_STEP_ELEMENT,
							CStringGetTextDatum(psprintf("%d", DatumGetInt32(step->constvalue))));
		default:
			return add_path(path, DatumGetArrayTypeP(step->constvalue));
	}
}

/* Documents have numbers, so that those of a join do not push each other out. */
static int
number_of(Expr *document, FieldContext *context)
{
	int			number = 0;
	ListCell   *lc;

	foreach(lc, *context->documents)
	{
		if (equal(lfirst(lc), document))
			return number % DP_DOCUMENTS;
		number++;
	}
	*context->documents = lappend(*context->documents, document);
	return number % DP_DOCUMENTS;
}

static Node *fields_mutator(Node *node, FieldContext *context);

static Node *
make_field(const FieldPath *path, Oid type, Oid collation, FieldContext *context)
{
	ArrayType  *steps = construct_array((Datum *) path->steps, path->nsteps, TEXTOID, -1, false, TYPALIGN_INT);
	int			number = number_of(path->document, context);
	char	   *kinds = psprintf("%s%s", path->kinds, path->as_text ? "" : DP_STEPS_JSONB);
	Expr	   *document = (Expr *) fields_mutator((Node *) path->document, context);
	FuncExpr   *field;

	field = makeFuncExpr(context->function, type,
						 list_make4(document,
									makeConst(TEXTARRAYOID, -1, InvalidOid, -1, PointerGetDatum(steps), false, false),
									makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum(kinds), false, false),
									makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(number), false, true)),
						 collation, InvalidOid, COERCE_EXPLICIT_CALL);
	return (Node *) field;
}

/* Input functions that are not strict have something to say about NULL. */
static bool
has_strict_input(Oid type)
{
	Oid			function;
	Oid			param;

	getTypeInputInfo(type, &function, &param);
	return func_strict(function);
}

static Node *
fields_mutator(Node *node, FieldContext *context)
{
	FieldPath	path;

	if (node == NULL)
		return NULL;
	if (IsA(node, CoerceViaIO))
	{
		CoerceViaIO *cast = (CoerceViaIO *) node;

		if (read_path((Node *) cast->arg, &path) && path.as_text && has_strict_input(cast->resulttype))
			return make_field(&path, cast->resulttype, cast->resultcollid, context);
	}
	else if (read_path(node, &path))
		return make_field(&path, exprType(node), exprCollation(node), context);
	return expression_tree_mutator(node, fields_mutator, context);
}

void
dp_plan_read_fields(Plan *plan, Oid function, List **documents)
{
	FieldContext context = {function, documents};

	plan->targetlist = (List *) fields_mutator((Node *) plan->targetlist, &context);
	plan->qual = (List *) fields_mutator((Node *) plan->qual, &context);
}
