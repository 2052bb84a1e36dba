/*-------------------------------------------------------------------------
 *
 * carrier.c
 *	  Values of users' types in tables of ours.
 *
 * A log must not depend on a type that a user wants to alter or drop, nor
 * be in the way when a domain gets a new constraint.  So only the types that
 * initdb makes stand in a log as they are; any other is carried by a
 * built-in type of the same layout: varlena by bytea, enums by oid, and so
 * on.  The log needs nothing of a type but its bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "common/compat.h"
#include "fmgr.h"
#include "utils/lsyscache.h"

#include "changelog/changelog_int.h"

/* The type of the log's column, and how values get into it. */
Oid
dp_carrier_type(Oid type, DpCarrier *how)
{
	Oid			base = getBaseType(type);
	int16		typlen;
	bool		typbyval;

	*how = DP_CARRY_AS_IS;
	if (base < FirstGenbkiObjectId)
		return base;
	get_typlenbyval(base, &typlen, &typbyval);
	if (typlen == -1)
		return BYTEAOID;
	if (!typbyval)
	{
		*how = DP_CARRY_AS_BYTES;
		return BYTEAOID;
	}
	switch (typlen)
	{
		case 1:
			return CHAROID;
		case 2:
			return INT2OID;
		case 4:
			return OIDOID;
		default:
			return INT8OID;
	}
}

Datum
dp_carry_in(Datum value, DpCarrier how, int16 typlen)
{
	bytea	   *wrapped;
	Size		len;

	if (how == DP_CARRY_AS_IS)
		return value;
	len = typlen == -2 ? strlen(DatumGetCString(value)) + 1 : typlen;
	wrapped = palloc(VARHDRSZ + len);
	SET_VARSIZE(wrapped, VARHDRSZ + len);
	memcpy(VARDATA(wrapped), DatumGetPointer(value), len);
	return PointerGetDatum(wrapped);
}

Datum
dp_carry_out(Datum value, DpCarrier how)
{
	if (how == DP_CARRY_AS_IS)
		return value;
	/* a copy, so that it is aligned as any type may want */
	return PointerGetDatum(VARDATA(PG_DETOAST_DATUM_COPY(value)));
}
