/*-------------------------------------------------------------------------
 *
 * token.c
 *	  Bearer tokens, looked up by their hash.
 *
 * A token is 244 random bits, so one round of SHA-256 is enough, and finding
 * the hash in an index tells nobody anything about it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "web/auth.h"

#define MAX_TOKEN 256

char *
dp_token_role(const char *token)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext context = CurrentMemoryContext;
	size_t		len = strlen(token);
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	char	   *role = NULL;

	while (len > 0 && isspace((unsigned char) token[len - 1]))
		len--;
	if (len == 0 || len > MAX_TOKEN)
		return NULL;
	values[0] = PointerGetDatum(cstring_to_text_with_len(token, (int) len));
	SPI_connect();
	if (plan == NULL)
	{
		plan = SPI_prepare("SELECT t.role FROM dataplat_internal.web_token AS t"
						   " WHERE t.token_hash = pg_catalog.sha256(pg_catalog.convert_to($1, 'UTF8'))"
						   " AND (t.expires_at IS NULL OR t.expires_at > pg_catalog.now())", 1, types);
		SPI_keepplan(plan);
	}
	if (SPI_execute_plan(plan, values, NULL, true, 1) == SPI_OK_SELECT && SPI_processed == 1)
	{
		char	   *found = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		role = MemoryContextStrdup(context, found);
	}
	SPI_finish();
	return role;
}
