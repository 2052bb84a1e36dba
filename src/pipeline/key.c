/*-------------------------------------------------------------------------
 *
 * key.c
 *	  Some columns of a row as a thing to compare rows by.
 *
 * Equality is IS NOT DISTINCT FROM by the default B-tree class of the type,
 * because that is what the unique index of a target enforces (NULLS NOT
 * DISTINCT) and what GROUP BY means.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pipeline/key.h"

static void
init_column(DpKeyColumn *column, Form_pg_attribute att)
{
	TypeCacheEntry *type = lookup_type_cache(att->atttypid,
											 TYPECACHE_EQ_OPR | TYPECACHE_BTREE_OPFAMILY |
											 TYPECACHE_CMP_PROC | TYPECACHE_HASH_PROC);

	if (!OidIsValid(type->btree_opf) || !OidIsValid(type->eq_opr) || !OidIsValid(type->cmp_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("column \"%s\" of type %s cannot tell rows apart",
						NameStr(att->attname), format_type_be(att->atttypid)),
				 errdetail("The type has no default B-tree operator class."),
				 errhint("Cast the column in the query to a type that has an order, such as text.")));
	column->attno = att->attnum;
	column->collation = att->attcollation;
	column->opfamily = type->btree_opf;
	column->opcintype = type->btree_opintype;
	column->eq_operator = type->eq_opr;
	fmgr_info(get_opcode(type->eq_opr), &column->eq);
	fmgr_info(type->cmp_proc, &column->cmp);
	column->hash.fn_oid = InvalidOid;
	if (OidIsValid(type->hash_proc))
		fmgr_info(type->hash_proc, &column->hash);
}

DpKey *
dp_key_make(TupleDesc desc, int n, const AttrNumber *attnos)
{
	DpKey	   *key = palloc0(offsetof(DpKey, columns) + sizeof(DpKeyColumn) * n);

	key->ncolumns = n;
	for (int i = 0; i < n; i++)
		init_column(&key->columns[i], TupleDescAttr(desc, attnos[i] - 1));
	return key;
}

/* Columns that cannot be hashed count for nothing: equal keys still meet. */
uint32
dp_key_hash(DpKey *key, TupleTableSlot *slot)
{
	uint32		hash = 0;

	for (int i = 0; i < key->ncolumns; i++)
	{
		DpKeyColumn *column = &key->columns[i];
		bool		isnull;
		Datum		value = slot_getattr(slot, column->attno, &isnull);

		if (!isnull && OidIsValid(column->hash.fn_oid))
			hash = hash_combine(hash, DatumGetUInt32(FunctionCall1Coll(&column->hash,
																	   column->collation, value)));
		else
			hash = hash_combine(hash, 0);
	}
	return murmurhash32(hash);
}

bool
dp_key_equal(DpKey *key, TupleTableSlot *a, TupleTableSlot *b)
{
	for (int i = 0; i < key->ncolumns; i++)
	{
		DpKeyColumn *column = &key->columns[i];
		bool		anull,
					bnull;
		Datum		x = slot_getattr(a, column->attno, &anull);
		Datum		y = slot_getattr(b, column->attno, &bnull);

		if (anull != bnull)
			return false;
		if (!anull && !DatumGetBool(FunctionCall2Coll(&column->eq, column->collation, x, y)))
			return false;
	}
	return true;
}

int
dp_key_compare(DpKey *key, TupleTableSlot *a, TupleTableSlot *b)
{
	for (int i = 0; i < key->ncolumns; i++)
	{
		DpKeyColumn *column = &key->columns[i];
		bool		anull,
					bnull;
		Datum		x = slot_getattr(a, column->attno, &anull);
		Datum		y = slot_getattr(b, column->attno, &bnull);
		int			order;

		if (anull || bnull)
			order = (int) bnull - (int) anull;
		else
			order = DatumGetInt32(FunctionCall2Coll(&column->cmp, column->collation, x, y));
		if (order != 0)
			return order;
	}
	return 0;
}

char *
dp_key_describe(DpKey *key, TupleTableSlot *slot)
{
	StringInfoData names,
				values;

	initStringInfo(&names);
	initStringInfo(&values);
	for (int i = 0; i < key->ncolumns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(slot->tts_tupleDescriptor, key->columns[i].attno - 1);
		bool		isnull;
		Datum		value = slot_getattr(slot, att->attnum, &isnull);
		const char *comma = i == 0 ? "" : ", ";

		appendStringInfo(&names, "%s%s", comma, NameStr(att->attname));
		if (isnull)
			appendStringInfo(&values, "%snull", comma);
		else
		{
			Oid			output;
			bool		varlena;

			getTypeOutputInfo(att->atttypid, &output, &varlena);
			appendStringInfo(&values, "%s%s", comma, OidOutputFunctionCall(output, value));
		}
	}
	return psprintf("(%s)=(%s)", names.data, values.data);
}

char *
dp_key_operator(DpKey *key, int column)
{
	Oid			oid = key->columns[column].eq_operator;
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(oid));
	Form_pg_operator op;
	char	   *text;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", oid);
	op = (Form_pg_operator) GETSTRUCT(tuple);
	text = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(op->oprnamespace)),
					NameStr(op->oprname));
	ReleaseSysCache(tuple);
	return text;
}
