/*-------------------------------------------------------------------------
 *
 * recognise.c
 *	  Tell by its text what a value is.
 *
 * Expectations run these over all rows, in parallel workers too, so they look
 * at the bytes and never throw: an exception block in SQL would need a
 * subtransaction for each row, which parallel workers cannot have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "common/compat.h"
#include "formats/sql.h"
#include "quality/quality.h"

extern PGDLLEXPORT Datum dp_is_json(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum dp_is_credit_card(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(dp_is_json);
PG_FUNCTION_INFO_V1(dp_is_credit_card);

/* ISO/IEC 7812: the shortest and longest number in use. */
#define CARD_MIN_DIGITS 12
#define CARD_MAX_DIGITS 19

/* dataplat.is_json(text) */
Datum
dp_is_json(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	size_t		length;
	DpError		err;

	PG_RETURN_BOOL(dp_json_to_jsonb(dp_sql_decoder(fcinfo), VARDATA_ANY(value),
									VARSIZE_ANY_EXHDR(value), &length, &err) != NULL);
}

/*
 * dataplat.is_credit_card(text): digits, with spaces or hyphens between them,
 * of a right number and with a right check digit (Luhn).
 */
Datum
dp_is_credit_card(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const char *start = VARDATA_ANY(value);
	int			digits = 0;
	int			sum = 0;

	for (int i = VARSIZE_ANY_EXHDR(value) - 1; i >= 0; i--)
	{
		int			digit = start[i] - '0';

		if (digits > 0 && i > 0 && (start[i] == ' ' || start[i] == '-') &&
			start[i - 1] >= '0' && start[i - 1] <= '9')
			continue;
		if (digit < 0 || digit > 9)
			PG_RETURN_BOOL(false);
		if (digits++ % 2 == 1)
			digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
		sum += digit;
	}
	PG_RETURN_BOOL(digits >= CARD_MIN_DIGITS && digits <= CARD_MAX_DIGITS && sum % 10 == 0);
}
