/*-------------------------------------------------------------------------
 *
 * analyze.c
 *	  What a pipeline's query reads and returns, and how it can be kept up
 *	  to date.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pipeline/internal.h"

PG_FUNCTION_INFO_V1(dp_analyze_pipeline);

extern PGDLLEXPORT Datum dp_analyze_pipeline(PG_FUNCTION_ARGS);

/* What the caller wants, and what was found. */
typedef struct Analysis
{
	DpPipeline	pipeline;		/* owner and settings only */
	List	   *keys;			/* char * */
	char	   *mode;			/* NULL: infer */
	char	   *sequence_by;
	List	   *lookups;		/* char *, as written */
	DpQuery    *query;
	List	   *roles;			/* DpInputRole, beside query->inputs */
	const char *reason;
} Analysis;

static void check_query(const Analysis *a);
static void find_roles(Analysis *a);
static void infer_keys(Analysis *a);
static void infer_mode(Analysis *a);
static void check_key_types(const Analysis *a);
static char *result_json(const Analysis *a);

static char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/*
 * analyze_pipeline(owner, search_path, query, keys, mode, sequence_by,
 * delete_when, lookups) returns jsonb
 */
Datum
dp_analyze_pipeline(PG_FUNCTION_ARGS)
{
	Analysis	a = {0};
	DpRoleScope scope;
	char	   *text = text_argument(fcinfo, 2);

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("owner, search_path and query must not be NULL")));
	a.pipeline.owner = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	a.pipeline.search_path = text_argument(fcinfo, 1);
	a.keys = dp_text_list(PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3), PG_ARGISNULL(3));
	a.mode = text_argument(fcinfo, 4);
	a.sequence_by = text_argument(fcinfo, 5);
	a.lookups = dp_text_list(PG_ARGISNULL(7) ? (Datum) 0 : PG_GETARG_DATUM(7), PG_ARGISNULL(7));

	dp_enter_owner(&a.pipeline, &scope);
	a.query = dp_query_analyze(text);
	check_query(&a);
	find_roles(&a);
	infer_keys(&a);
	infer_mode(&a);
	check_key_types(&a);
	dp_role_leave(&scope);

	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(result_json(&a))));
}

/* What no mode can bear, and rights that a run would miss. */
static void
check_query(const Analysis *a)
{
	TupleDesc	desc = a->query->desc;
	ListCell   *lc;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (get_typtype(attr->atttypid) == TYPTYPE_PSEUDO)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("column \"%s\" of the result has pseudo-type %s",
							NameStr(attr->attname), format_type_be(attr->atttypid)),
					 errhint("Cast it to a type that a table can hold.")));
	}
	dp_check_row_security(&a->pipeline, a->query);
	foreach(lc, a->query->inputs)
	{
		DpQueryInput *input = lfirst(lc);
		AclResult	result = pg_class_aclcheck(input->relid, a->pipeline.owner, ACL_SELECT);

		for (int attno = FirstLowInvalidHeapAttributeNumber + 1; attno < 0; attno++)
		{
			if (attno != TableOidAttributeNumber &&
				bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, input->columns))
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("a pipeline cannot use system column \"%s\" of table \"%s\"",
								NameStr(SystemAttributeDefinition(attno)->attname), get_rel_name(input->relid)),
						 errdetail("It changes while the rows do not."),
						 errhint("Use a key of the table.")));
		}

		/* Through a view its owner's rights count, which the run will check. */
		if (result != ACLCHECK_OK && input->relkind == RELKIND_SEQUENCE)
			aclcheck_error(result, OBJECT_SEQUENCE, get_rel_name(input->relid));
	}
}

bool
dp_is_bronze(Oid relid)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(relid)};
	DpRoleScope scope;
	bool		found;

	if (get_attnum(relid, "_batch_id") == InvalidAttrNumber)
		return false;
	dp_platform_enter(&scope);
	SPI_connect();
	SPI_execute_with_args("SELECT 1 FROM dataplat.source AS s WHERE pg_catalog.to_regclass(s.target) = $1",
						  1, types, values, NULL, false, 1);
	found = SPI_processed > 0;
	SPI_finish();
	dp_role_leave(&scope);
	return found;
}

static void
find_roles(Analysis *a)
{
	List	   *lookups = NIL;
	ListCell   *lc;

	foreach(lc, a->lookups)
	{
		Oid			relid = dp_relation_by_name(lfirst(lc));

		if (OidIsValid(relid))
			lookups = lappend_oid(lookups, relid);
	}
	foreach(lc, a->query->inputs)
	{
		Oid			relid = ((DpQueryInput *) lfirst(lc))->relid;

		a->roles = lappend_int(a->roles, list_member_oid(lookups, relid) ? DP_INPUT_LOOKUP :
							   dp_is_bronze(relid) ? DP_INPUT_BRONZE : DP_INPUT_TABLE);
	}
}

static void
infer_keys(Analysis *a)
{
	List	   *columns;
	ListCell   *lc;

	if (a->keys != NIL || !dp_query_keys(a->query, &columns))
		return;
	foreach(lc, columns)
		a->keys = lappend(a->keys, NameStr(TupleDescAttr(a->query->desc, lfirst_int(lc))->attname));
}

/* Only bronze (and lookups) is read: rows never change nor go. */
static bool
is_append_only(const Analysis *a)
{
	ListCell   *lc;
	int			bronze = 0;

	foreach(lc, a->roles)
	{
		if (lfirst_int(lc) == DP_INPUT_TABLE)
			return false;
		bronze += lfirst_int(lc) == DP_INPUT_BRONZE;
	}
	return bronze == 1;
}

/* An input whose changes nobody can tell; NULL: there is none. */
static const char *
dark_input(const Analysis *a)
{
	ListCell   *lc;
	ListCell   *role;

	forboth(lc, a->query->inputs, role, a->roles)
	{
		DpQueryInput *input = lfirst(lc);

		if (lfirst_int(role) == DP_INPUT_LOOKUP)
			continue;
		if (input->relkind == RELKIND_FOREIGN_TABLE)
			return psprintf("changes of the foreign table %s cannot be captured", get_rel_name(input->relid));
		if (input->relkind == RELKIND_MATVIEW)
			return psprintf("changes of the materialized view %s cannot be captured", get_rel_name(input->relid));
	}
	return NULL;
}

/* Will runs add and take away, as far as the query tells? */
static bool
is_additive(const Analysis *a)
{
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, a->keys)
	{
		int			column = SPI_fnumber(a->query->desc, lfirst(lc));

		if (column <= 0)
			return false;		/* the caller lists these */
		columns = lappend_int(columns, column - 1);
	}
	return dp_query_additive(a->query, columns) != NULL;
}

static void
infer_mode(Analysis *a)
{
	const char *obstacle = dark_input(a);
	bool		one_row = dp_query_is_one_row(a->query);
	List	   *unused;

	if (obstacle == NULL)
		obstacle = dp_query_obstacle(a->query);
	if (a->mode != NULL)
	{
		if (strcmp(a->mode, "append") == 0 && (!is_append_only(a) || !dp_query_is_plain(a->query)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("mode append does not fit the query"),
					 errdetail("It needs one bronze table, and a query that selects, joins lookups and filters only."),
					 errhint("Leave mode out, and name the columns that tell the rows apart with keys.")));
		if (strcmp(a->mode, "scd2") == 0 && !dp_query_is_plain(a->query))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("mode scd2 does not fit the query"),
					 errdetail("Each row of an input must become an event by itself; the query groups, removes duplicates or limits."),
					 errhint("Compute that in a pipeline of its own and let this one read its target.")));
		if (strcmp(a->mode, "aggregate") == 0 && obstacle != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the query cannot be computed for some keys only"),
					 errdetail("%c%s.", pg_toupper((unsigned char) obstacle[0]), obstacle + 1),
					 errhint("Use mode => 'full', or leave mode out.")));
		if (strcmp(a->mode, "aggregate") != 0)
		{
			a->reason = "asked for";
			return;
		}
	}
	else if (a->sequence_by != NULL && a->keys != NIL)
	{
		a->mode = "upsert";
		a->reason = "sequence_by says which row of a key is the newest";
		return;
	}
	else if (is_append_only(a) && dp_query_is_plain(a->query) && a->keys == NIL)
	{
		a->mode = "append";
		a->reason = "one bronze table is selected from, joined to lookups at most, and filtered";
		return;
	}
	else if (obstacle != NULL)
	{
		a->mode = "full";
		a->reason = obstacle;
		return;
	}
	if (a->keys == NIL && !one_row)
	{
		(void) unused;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the query does not say what tells the rows of its result apart"),
				 errdetail("There is no GROUP BY or DISTINCT, and not all primary keys of its tables are among its columns."),
				 errhint("Name the columns: keys => '{...}', or ask for mode => 'full'.")));
	}
	a->mode = "aggregate";
	a->reason = is_additive(a) ? "what a change adds to its groups or takes from them is told exactly by the changed rows" : one_row ? "one row, computed again when what it is made of changes" :
		"the keys that a change touches are computed again";
}

static void
check_key_types(const Analysis *a)
{
	ListCell   *lc;

	foreach(lc, a->keys)
	{
		int			column = SPI_fnumber(a->query->desc, lfirst(lc));
		TypeCacheEntry *type;

		if (column <= 0)
			continue;			/* the caller lists these */
		type = lookup_type_cache(TupleDescAttr(a->query->desc, column - 1)->atttypid,
								 TYPECACHE_EQ_OPR | TYPECACHE_BTREE_OPFAMILY);
		if (!OidIsValid(type->eq_opr) || !OidIsValid(type->btree_opf))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("key \"%s\" has type %s, which cannot be compared",
							(char *) lfirst(lc), format_type_be(type->type_id)),
					 errhint("Cast it to a type with an order, such as text or jsonb.")));
	}
}

/* ---- the answer ---- */

static void
json_strings(StringInfo out, const char *name, List *strings)
{
	const char *comma = "";
	ListCell   *lc;

	appendStringInfo(out, ", \"%s\": [", name);
	foreach(lc, strings)
	{
		appendStringInfoString(out, comma);
		escape_json(out, lfirst(lc));
		comma = ", ";
	}
	appendStringInfoChar(out, ']');
}

static void
json_string(StringInfo out, const char *name, const char *value)
{
	appendStringInfo(out, ", \"%s\": ", name);
	if (value == NULL)
		appendStringInfoString(out, "null");
	else
		escape_json(out, value);
}

static void
json_columns(StringInfo out, TupleDesc desc)
{
	appendStringInfoString(out, "{\"columns\": [");
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		appendStringInfo(out, "%s{\"name\": ", i > 0 ? ", " : "");
		escape_json(out, NameStr(attr->attname));
		json_string(out, "type", format_type_extended(attr->atttypid, attr->atttypmod,
													  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		json_string(out, "collation", OidIsValid(attr->attcollation) &&
					attr->attcollation != DEFAULT_COLLATION_OID ?
					dp_collation_text(attr->attcollation) : NULL);
		appendStringInfoChar(out, '}');
	}
	appendStringInfoChar(out, ']');
}

/* Columns that the log must have: those used, and those that tell rows apart. */
static List *
input_columns(const DpQueryInput *input)
{
	Relation	relation = table_open(input->relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(relation);
	Bitmapset  *key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	List	   *names = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		int			member = attr->attnum - FirstLowInvalidHeapAttributeNumber;

		if (!attr->attisdropped &&
			(input->system_columns || bms_is_member(member, input->columns) || bms_is_member(member, key)))
			names = lappend(names, pstrdup(NameStr(attr->attname)));
	}
	table_close(relation, NoLock);
	return names;
}

static char *
relation_text(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

static void
json_joins(StringInfo out, const DpQuery *query)
{
	const char *comma = "";
	ListCell   *lc;

	appendStringInfoString(out, ", \"joins\": [");
	foreach(lc, dp_query_joins(query))
	{
		DpQueryJoin *join = lfirst(lc);

		appendStringInfo(out, "%s{\"relation\": ", comma);
		escape_json(out, relation_text(join->relid));
		json_string(out, "column", get_attname(join->relid, join->attno, false));
		json_string(out, "other", relation_text(join->other));
		appendStringInfoChar(out, '}');
		comma = ", ";
	}
	appendStringInfoChar(out, ']');
}

/*
 * What the user should know.  A stable function in SQL or a procedural
 * language may read tables of its own.
 */
static List *
notes(const Analysis *a)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, a->query->functions)
	{
		Oid			function = lfirst_oid(lc);
		HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
		Form_pg_proc form;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for function %u", function);
		form = (Form_pg_proc) GETSTRUCT(tuple);
		if (form->provolatile == PROVOLATILE_STABLE && form->prolang != INTERNALlanguageId && form->prolang != ClanguageId &&
			form->pronamespace != PG_CATALOG_NAMESPACE)
			result = lappend(result, psprintf("what the stable function %s reads is not an input, and its changes are not seen",
											  format_procedure(function)));
		ReleaseSysCache(tuple);
	}
	return result;
}

static char *
result_json(const Analysis *a)
{
	static const char *const roles[] = {"bronze", "table", "lookup"};
	StringInfoData out;
	const char *comma = "";
	ListCell   *lc;
	ListCell   *role;

	initStringInfo(&out);
	json_columns(&out, a->query->desc);
	json_strings(&out, "keys", a->keys);
	json_strings(&out, "notes", notes(a));
	json_string(&out, "mode", a->mode);
	json_string(&out, "mode_reason", a->reason);
	json_string(&out, "volatile", dp_query_volatile_function(a->query));
	appendStringInfo(&out, ", \"time_dependent\": %s, \"inputs\": [", a->query->time_dependent ? "true" : "false");
	forboth(lc, a->query->inputs, role, a->roles)
	{
		DpQueryInput *input = lfirst(lc);

		appendStringInfo(&out, "%s{\"relation\": ", comma);
		escape_json(&out, relation_text(input->relid));
		json_string(&out, "role", roles[lfirst_int(role)]);
		if (input->whole_row)	/* all columns, also those to come */
			appendStringInfoString(&out, ", \"whole_row\": true");
		else
			json_strings(&out, "columns", input_columns(input));
		appendStringInfoChar(&out, '}');
		comma = ", ";
	}
	appendStringInfoChar(&out, ']');
	json_joins(&out, a->query);
	appendStringInfoChar(&out, '}');
	return out.data;
}
