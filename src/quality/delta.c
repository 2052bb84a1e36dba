/*-------------------------------------------------------------------------
 *
 * delta.c
 *	  Measure what changed in a table, with the rights of the owner of its
 *	  rules.
 *
 * The expressions are somebody's: they run as that role, read-only, as a
 * security restricted operation.  The changed rows are given to them under
 * the names of tuplestores, so the role needs no rights on logs and ledgers,
 * but it must be allowed to read all of the table.
 *
 * The delta is read under the snapshot that the frontier is moved to: the
 * caller's.  So no row is missed, and none is counted twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "common/compat.h"
#include "common/role.h"
#include "quality/delta.h"

extern PGDLLEXPORT Datum dp_delta_kind(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_delta_watch(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_delta_forget(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_delta_seen(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_read_delta(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_delta_kind);
PG_FUNCTION_INFO_V1(dp_delta_watch);
PG_FUNCTION_INFO_V1(dp_delta_forget);
PG_FUNCTION_INFO_V1(dp_delta_seen);
PG_FUNCTION_INFO_V1(dp_read_delta);

static List *readers = NIL;

void
dp_delta_register(const DpDeltaReader *reader)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	readers = lappend(readers, unconstify(DpDeltaReader *, reader));
	MemoryContextSwitchTo(old);
}

static const DpDeltaReader *
reader_of(Oid relid)
{
	ListCell   *lc;
	char		relkind = get_rel_relkind(relid);

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		return NULL;
	foreach(lc, readers)
	{
		const DpDeltaReader *reader = lfirst(lc);

		if (reader->takes(relid))
			return reader;
	}
	return NULL;
}

static const DpDeltaReader *
reader_named(const char *kind)
{
	ListCell   *lc;

	foreach(lc, readers)
	{
		if (strcmp(((const DpDeltaReader *) lfirst(lc))->kind, kind) == 0)
			return lfirst(lc);
	}
	return NULL;
}

/* delta_kind(relation regclass) returns text: who can tell its changes, or NULL */
Datum
dp_delta_kind(PG_FUNCTION_ARGS)
{
	const DpDeltaReader *reader = reader_of(PG_GETARG_OID(0));

	if (reader == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(reader->kind));
}

/* delta_watch(relation regclass, reader text, owner name) */
Datum
dp_delta_watch(PG_FUNCTION_ARGS)
{
	const DpDeltaReader *reader = reader_of(PG_GETARG_OID(0));

	if (reader != NULL)
		reader->watch(PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1)),
					  get_role_oid(NameStr(*PG_GETARG_NAME(2)), false));
	PG_RETURN_VOID();
}

/* delta_forget(relation text, kind text, reader text) */
Datum
dp_delta_forget(PG_FUNCTION_ARGS)
{
	const DpDeltaReader *reader = reader_named(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	if (reader != NULL)
		reader->forget(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(2)));
	PG_RETURN_VOID();
}

/* ---- measuring ---- */

static void
name_rows(const char *name, TupleDesc desc, Tuplestorestate *rows, int64 n)
{
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));

	enr->md.name = pstrdup(name);
	enr->md.reliddesc = InvalidOid;
	enr->md.tupdesc = desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = n;
	enr->reldata = rows;
	if (SPI_register_relation(enr) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not name the changed rows");
}

/*
 * Run a query of one row and one jsonb column as a role, read-only, under the
 * active snapshot; NULL when it is NULL.  The result lives in the caller's
 * context.
 */
static Datum
query_as(Oid role, const char *search_path, const char *query,
		 const DpTableDelta *delta, Tuplestorestate *rows, int64 n, bool *isnull)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	DpRoleScope scope;
	Datum		result = (Datum) 0;

	/* The subtransaction puts XactReadOnly and the user back, whatever happens. */
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	XactReadOnly = true;
	dp_role_enter(role, search_path, &scope);

	SPI_connect();
	name_rows("dataplat_delta", delta->desc, rows, n);
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT || SPI_processed != 1 ||
		SPI_gettypeid(SPI_tuptable->tupdesc, 1) != JSONBOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a measurement must be one row of one jsonb")));
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
	if (!*isnull)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);

		result = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	dp_role_leave(&scope);
	ReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return result;
}

/* Why a role may not be shown the changed rows; NULL: it may. */
static const char *
obstacle(Oid relid, Oid role)
{
	if (pg_class_aclcheck(relid, role, ACL_SELECT) != ACLCHECK_OK)
		return psprintf("role \"%s\" may not read the whole table", GetUserNameFromId(role, false));
	if (check_enable_rls(relid, role, true) == RLS_ENABLED)
		return psprintf("row security applies to role \"%s\"", GetUserNameFromId(role, false));
	return NULL;
}

/*
 * read_delta(relation regclass, owner name, reader text, frontier text, search_path text, list text,
 *			  OUT reset text, OUT added jsonb, OUT removed jsonb, OUT rows_added bigint, OUT rows_removed bigint)
 *
 * "list" is a select list of one jsonb, measured over what came and what went
 * since the frontier, under the caller's snapshot; or reset says why that cannot be
 * told.  The caller moves the frontier by delta_seen() under the same snapshot.
 */
Datum
dp_read_delta(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Oid			role = get_role_oid(NameStr(*PG_GETARG_NAME(1)), false);
	char	   *frontier = text_to_cstring(PG_GETARG_TEXT_PP(3));
	char	   *search_path = text_to_cstring(PG_GETARG_TEXT_PP(4));
	char	   *query = psprintf("SELECT %s FROM dataplat_delta AS dataplat_rows", text_to_cstring(PG_GETARG_TEXT_PP(5)));
	const DpDeltaReader *reader = reader_of(relid);
	DpTableDelta *delta = NULL;
	const char *reset = reader == NULL ? "changes of it cannot be told" : obstacle(relid, role);
	TupleDesc	desc;
	Datum		values[5] = {0};
	bool		nulls[5] = {true, true, true, true, true};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (reset == NULL)
	{
		delta = reader->read(relid, text_to_cstring(PG_GETARG_TEXT_PP(2)), frontier);
		reset = delta->reset;
	}
	if (reset != NULL)
	{
		values[0] = CStringGetTextDatum(reset);
		nulls[0] = false;
	}
	else
	{
		if (delta->nnew > 0)
			values[1] = query_as(role, search_path, query, delta, delta->new_rows, delta->nnew, &nulls[1]);
		if (delta->nold > 0)
			values[2] = query_as(role, search_path, query, delta, delta->old_rows, delta->nold, &nulls[2]);
		values[3] = Int64GetDatum(delta->nnew);
		values[4] = Int64GetDatum(delta->nold);
		nulls[3] = nulls[4] = false;
	}
	if (delta != NULL && delta->new_rows != NULL)
		tuplestore_end(delta->new_rows);
	if (delta != NULL && delta->old_rows != NULL)
		tuplestore_end(delta->old_rows);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* delta_seen(relation regclass, reader text) returns text: all that the caller's snapshot sees is seen */
Datum
dp_delta_seen(PG_FUNCTION_ARGS)
{
	const DpDeltaReader *reader = reader_of(PG_GETARG_OID(0));

	if (reader == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(reader->seen(PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1)))));
}
