/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  Statements that are planned once a session.
 *
 * Workers run the same few statements over our own tables for each batch and
 * each run; to parse and plan them costs several times what they do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "nodes/parsenodes.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "common/statement.h"

typedef struct Statement
{
	uint64		key;
	char	   *sql;
	SPIPlanPtr	plan;			/* NULL: not prepared yet */
} Statement;

static HTAB *statements = NULL;

static Statement *
find_statement(const char *sql)
{
	uint64		key = hash_bytes_extended((const unsigned char *) sql, strlen(sql), 0);
	Statement  *statement;
	bool		found;

	if (statements == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(uint64), .entrysize = sizeof(Statement)};

		statements = hash_create("dataplat statements", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	statement = hash_search(statements, &key, HASH_ENTER, &found);
	if (!found)
	{
		statement->plan = NULL;
		statement->sql = NULL;
	}
	if (statement->sql == NULL)
		statement->sql = MemoryContextStrdup(TopMemoryContext, sql);
	/* Two texts with one hash: the other one is not kept. */
	return strcmp(statement->sql, sql) == 0 ? statement : NULL;
}

int
dp_statement_execute(const char *sql, int nargs, Oid *types, Datum *values,
					 const char *nulls, bool read_only, long count)
{
	Statement  *statement = find_statement(sql);

	if (statement == NULL)
		return SPI_execute_with_args(sql, nargs, types, values, nulls, read_only, count);
	if (statement->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare_cursor(sql, nargs, types, CURSOR_OPT_GENERIC_PLAN);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
		statement->plan = plan;
	}
	return SPI_execute_plan(statement->plan, values, nulls, read_only, count);
}
